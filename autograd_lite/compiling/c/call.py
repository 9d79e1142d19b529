"""Functions of C as functions of Python, which read the arrays that they are called with themselves.

A call through ctypes would take several times as long as the arithmetic of a small net. So each is a builtin function,
made by ``PyCFunction_NewEx`` for the calling convention METH_FASTCALL. The file declares what it needs of Python's and
NumPy's objects by hand, since these layouts are part of their binary interfaces; so no headers are needed. A call
checks the type, shape and dtype of every array, whether it is contiguous and aligned, and does nothing unless all are.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ...program import Var

if TYPE_CHECKING:
    from pathlib import Path

LONG = 100_000  # operations of a call during which other threads of Python may run

HEAD = object.__basicsize__  # bytes: the count of references, and at the end the type
HEADER = f"""
// arrays of NumPy and numbers of Python, as far as they are read
struct array {{
    char head[{HEAD}], *data;
    int ndim;
    long *shape, *strides;
    void *base;
    struct {{ char head[{HEAD}]; void *type; char kind, letter, order, unused; int number; }} *dtype;
    int flags;
}};
#define TYPE(x) (*(void **)((char *)(x) + {HEAD - 8}))
static void *python[6];  // None, False, ndarray, float64, functions that release and take the lock
static void (*add_reference)(void *);

void start(void *const *objects)
{{
    for (int k = 0; k < 6; k++)
        python[k] = objects[k];
    add_reference = (void (*)(void *))objects[6];
}}

// what a value is: its dtype, whether it is written, its axes
struct kind {{ int dtype, written, ndim; long shape[8]; }};

// the memory of a value, or NULL if it is not an array of its kind, contiguous and aligned
static void *memory_of(void *x, const struct kind *kind)
{{
    if (TYPE(x) == python[3] && !kind->ndim && kind->dtype == {np.dtype(float).num} && !kind->written)
        return (char *)x + {HEAD};
    const struct array *a = x;
    const int flags = kind->written ? 0x501 : 0x101;
    if (TYPE(x) != python[2] || a->ndim != kind->ndim || (a->flags & flags) != flags)
        return NULL;
    if (a->dtype->number != kind->dtype || a->dtype->order != '=' && a->dtype->order != '|')
        return NULL;
    for (int k = 0; k < kind->ndim; k++)
        if (a->shape[k] != kind->shape[k])
            return NULL;
    return a->data;
}}
"""
_CALL = """
void *call_{name}(void *self, void *const *args, long count)
{{
    static const struct kind kinds[] = {{{kinds}}};
    void *at[{size} + 1];
    at[0] = ((const struct array *)args[0])->data;
    for (int k = 0; k < {size}; k++)
        if (!(at[k + 1] = memory_of(args[k + 1], &kinds[k]))) {{
            add_reference(python[1]);
            return python[1];
        }}
    {body}
    add_reference(python[0]);
    return python[0];
}}
"""
_LONG = """void *thread = ((void *(*)(void))python[4])();
    {name}(at);
    ((void (*)(void *))python[5])(thread);"""


def wrapper(name: str, arguments: Sequence[Var], written: Sequence[bool], work: int) -> str:
    """The C function that Python calls: with the memory of the block, and the arrays."""
    kinds = []
    for v, changed in zip(arguments, written, strict=True):
        shape = ", ".join(map(str, v.shape)) or "0"
        kinds.append(f"{{{v.dtype.num}, {int(changed)}, {v.ndim}, {{{shape}}}}}")
    body = _LONG.format(name=name) if work > LONG else f"{name}(at);"
    return _CALL.format(name=name, kinds=", ".join(kinds) or "{0}", size=len(arguments), body=body)


class _Method(ctypes.Structure):
    """``PyMethodDef``."""

    _fields_ = (
        ("name", ctypes.c_char_p), ("function", ctypes.c_void_p), ("flags", ctypes.c_int), ("doc", ctypes.c_char_p)
    )  # fmt: skip


_KEPT: list[Any] = []  # methods and libraries, which functions refer to as long as the process runs
_FASTCALL = 0x0080


def loaded(path: Path, names: Sequence[str]) -> list[Callable[..., Any]]:
    """The functions ``call_name`` of a shared object, for the `names`."""
    library = ctypes.CDLL(str(path))
    _KEPT.append(library)
    api: Any = ctypes.pythonapi
    addresses = [ctypes.cast(f, ctypes.c_void_p).value for f in (
        api.PyEval_SaveThread, api.PyEval_RestoreThread, api.Py_IncRef
    )]  # fmt: skip
    objects = (ctypes.c_void_p * 7)(id(None), id(False), id(np.ndarray), id(np.float64), *addresses)
    library.start(objects)
    new = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.POINTER(_Method), ctypes.c_void_p, ctypes.c_void_p)(
        ("PyCFunction_NewEx", api)
    )
    functions = []
    for name in names:
        address = ctypes.cast(library[f"call_{name}"], ctypes.c_void_p)
        method = _Method(name.encode(), address, _FASTCALL, None)
        _KEPT.append(method)
        functions.append(new(ctypes.byref(method), None, None))
    return functions


def checked(fast: Callable[..., Any], arguments: Sequence[Var], written: Sequence[bool]) -> Callable[..., None]:
    """A function that calls `fast` with arrays of any strides, alignment and dtype, by way of copies.

    Raises
    ------
    ValueError
        If an array has another shape.
    """

    def run(memory: np.ndarray, *arrays: Any) -> None:
        ready: list[Any] = []
        for v, x, changed in zip(arguments, arrays, written, strict=True):
            if np.shape(x) != v.shape:
                raise ValueError(f"expected {v.name} of shape {v.shape}, got {np.shape(x)}")
            ready.append(x if changed else np.array(x, v.dtype, order="C"))
        if fast(memory, *ready) is False:
            raise ValueError("the arrays that are written are not those of this program")

    return run
