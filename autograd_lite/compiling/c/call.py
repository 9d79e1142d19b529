"""Functions of C as functions of Python, which read the arrays that they are called with themselves.

A call through ctypes would take several times as long as the arithmetic of a small net. So each is a builtin function,
made by ``PyCFunction_NewEx`` for the calling convention METH_FASTCALL, of one of those in ``runtime.c``. A call checks
the type, shape and dtype of every array, whether it is contiguous and aligned, and does nothing unless all are.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy._core import _multiarray_umath  # type: ignore[attr-defined]  # not in its stubs

from ...engine.node import Function
from ...program import Var
from .compiler import Compiler, NoCompiler, built

LONG = 100_000  # operations of a call during which other threads of Python may run
HEAD = object.__basicsize__  # bytes: the count of references, and at the end the type

#: The codes of the operations of a `call`.
CODES = (
    "IS", "IS_NOT", "TYPE", "SLOT", "ATTRIBUTE", "KEY", "OF_TUPLE", "OF_LIST", "ABSENT", "LENGTH", "EACH", "SHAPE",
    "APART", "EQUAL", "CONTEXT", "RUN", "START", "NEXT", "SET", "EARLIEST", "RESULT", "TENSOR", "TUPLE", "LIST", "DICT",
    "RETURN", "VIEW", "CALL", "READ", "UPDATE",
)  # fmt: skip


class Kernel(NamedTuple):
    """A function of C: its address, its arrays after the memory, which of them it writes, and how much it computes."""

    address: int
    arguments: Sequence[Var]
    written: Sequence[bool]
    work: int


class Direct(NamedTuple):
    """A program that is one region.

    Attributes
    ----------
    kernel : Kernel
    arguments : list of (str, int or array)
        For each of its arguments: ("input", position), ("output", position among `results`), or ("constant", array).
    results : list of Var
        The arrays that it makes.
    outputs : list
        For each output of the program: a constant array, or the position among `results`, with None or a view of it: a
        pair of stand-ins, of the view and the array.
    size : int
        Bytes of memory.
    """

    kernel: Kernel
    arguments: Sequence[tuple[str, Any]]
    results: Sequence[Var]
    outputs: Sequence[Any]
    size: int
    using: Compiler


class Table(np.ndarray):
    """The 64-bit numbers that tell a function of C what it does, and the objects whose addresses are among these."""

    keeps: Any


def table(numbers: Sequence[int], keeps: Any) -> Table:
    """A new table."""
    new = np.array(numbers, np.int64).view(Table)
    new.keeps = keeps
    return new


def kind_of(v: Any, written: bool) -> list[int]:
    """The dtype and shape of a value, and whether it is written, as the struct ``kind``."""
    return [v.dtype.num, int(written), v.ndim, *v.shape, *[0] * (8 - v.ndim)]


class _Method(ctypes.Structure):
    """``PyMethodDef``."""

    _fields_ = (
        ("name", ctypes.c_char_p), ("function", ctypes.c_void_p), ("flags", ctypes.c_int), ("doc", ctypes.c_char_p)
    )  # fmt: skip


_FASTCALL = 0x0080
_NUMPYS = 93, 60, 282  # PyArray_New, PyArray_Scalar and PyArray_SetBaseObject in NumPy's table of functions


def addresses(path: Any, names: Sequence[str]) -> list[int]:
    """The addresses of functions of a shared object, which stays loaded.

    Raises
    ------
    NoCompiler
        If it cannot be loaded.
    """
    try:
        library = ctypes.CDLL(str(path))
    except OSError as error:
        raise NoCompiler(f"what was compiled cannot be loaded ({error})") from None
    return [address_of(library[name]) for name in names]


def address_of(function: Any) -> int:
    """The address of a function of ctypes."""
    return ctypes.cast(function, ctypes.c_void_p).value or 0


@cache
def methods(using: Compiler) -> dict[str, _Method]:
    """The functions of ``runtime.c``."""
    from pathlib import Path

    constants = {"HEAD": HEAD, "FLOAT64": np.dtype(np.float64).num, "INT64": np.dtype(np.int64).num}
    head = "".join(f"#define {name} {value}\n" for name, value in constants.items())
    text = Path(__file__).with_name("runtime.c").read_text(encoding="utf-8")
    undefined = ("-Wl,-undefined,dynamic_lookup",) if sys.platform == "darwin" else ()  # as in any extension
    path = built(f"{head}enum {{ {', '.join(CODES)} }};\n{text}", using, undefined)
    names = ("region", "loop", "call")
    start, *functions = addresses(path, ("start", *names))
    api = ctypes.pythonapi
    api.PyCapsule_GetPointer.restype = ctypes.c_void_p
    numpys = ctypes.cast(
        api.PyCapsule_GetPointer(ctypes.py_object(_multiarray_umath._ARRAY_API), None), ctypes.POINTER(ctypes.c_void_p)
    )
    objects = [id(x) for x in (None, False, np.ndarray, np.float64, np.int64, float, int)]
    ctypes.CFUNCTYPE(None, ctypes.c_void_p)(start)(
        (ctypes.c_void_p * 10)(*objects, *(numpys[k] for k in _NUMPYS))
    )
    return {name: _Method(name.encode(), f, _FASTCALL, None) for name, f in zip(names, functions, strict=True)}


def function(name: str, numbers: Table, using: Compiler) -> Function:
    """A function of ``runtime.c`` with a table."""
    new = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.POINTER(_Method), ctypes.py_object, ctypes.c_void_p)(
        ("PyCFunction_NewEx", ctypes.pythonapi)
    )
    result: Function = new(ctypes.byref(methods(using)[name]), numbers, None)
    return result


def region(kernel: Kernel, using: Compiler) -> Function:
    """The function that Python calls: with the memory of the block, and the arrays; False if one does not fit."""
    numbers = [kernel.address, int(kernel.work > LONG), len(kernel.arguments)]
    for v, changed in zip(kernel.arguments, kernel.written, strict=True):
        numbers += kind_of(v, changed)
    return function("region", table(numbers, None), using)


def checked(fast: Function, arguments: Sequence[Var], written: Sequence[bool]) -> Callable[..., None]:
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
