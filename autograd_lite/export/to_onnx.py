"""A traced program in the ONNX format, for runtimes other than Python.

How a row is written in ONNX is its option ``onnx=``: the name of an operator with the same operands, or a function
``(b, *operands, **params)`` that adds operators to the graph through `Builder` and returns the name of the result;
True stands for the option ``definition=``.

The batch size stays open. The function is traced at three sizes; a whole number that differs between the programs must
be a linear function of the size, an `Open`, and is computed in the graph from the shape of the first input.

The operators of ONNX do not convert their operands. `Builder.add` casts those that NumPy would convert, so a form can
rely on one dtype of all operands that have a derivative.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from ..base.tree import leaves, tree_map
from ..engine.node import Function, Values
from ..engine.operands import raw
from ..program import Equation, Program, Var, trace
from ..program.inner import Body
from ..program.naming import Names, groups, label
from ..table import Primitive
from . import onnx_loops  # noqa: F401 - it gives the rows of loops their ONNX forms
from .saving import PathLike

OPSET = 20  # of the operators, from January 2024
_IR = 9  # the version of the format that belongs to it
#: Operators that rows become and that ONNX Runtime has in single precision only.
IN_SINGLE = frozenset({
    "Acos", "Acosh", "Asin", "Asinh", "Atan", "Atanh", "Conv", "ConvTranspose", "Cosh", "Gelu", "Sinh", "Tan",
})  # fmt: skip


@dataclass(frozen=True)
class Open:
    """``scale * n + offset``, where n is the batch size."""

    scale: int
    offset: int

    def __str__(self) -> str:
        words = f"{self.scale} * batch" if self.scale != 1 else "batch"
        return words if not self.offset else f"{words} + {self.offset}"


@dataclass(frozen=True)
class Known:
    """An operand: its name in the graph, its shape (with an `Open` in it, perhaps) and its dtype."""

    name: str
    shape: Values
    dtype: np.dtype[Any]

    def __str__(self) -> str:
        return self.name

    @property
    def ndim(self) -> int:
        return len(self.shape)


def onnx(
    f: Function, *examples: Any, path: PathLike | None = None,
    batch_axis: int | Sequence[int | None] | None = 0,
) -> Any:
    """Write a module or a function as an ONNX model (opset 20).

    Parameters
    ----------
    f : Module or callable
        A function of arrays; a module is exported in evaluation mode. Its parameters keep their names.
    *examples : arrays
        Arguments to trace it with; the model has their shapes and dtypes, except for the batch size.
    path : path, optional
        The file to write, ``net.onnx``.
    batch_axis : int, None, or a sequence with one of them for each array
        The axis of the examples whose size stays open; None fixes it.

    Returns
    -------
    onnx.ModelProto
        Checked by ``onnx.checker``.

    Warns
    -----
    UserWarning
        If ONNX Runtime lacks an operator of the model in double precision.

    Raises
    ------
    NotImplementedError
        If a row of the program has no form in ONNX; the message lists all such rows. Or if a form does not fit the
        operands.
    ValueError
        If the program depends on the batch size other than through shapes and linear functions of it.
    ImportError
        If the package onnx is not installed (the extra ``onnx``).

    Examples
    --------
    >>> import numpy as np, autograd_lite as ag
    >>> net = ag.nn.Sequential(ag.nn.Linear(3, 4), ag.nn.Tanh())
    >>> model = ag.export.onnx(net, np.zeros((1, 3)))
    >>> [node.op_type for node in model.graph.node]
    ['Gemm', 'Tanh']
    """
    try:
        from onnx import checker, helper, save_model
    except ImportError:
        raise ImportError("export.onnx needs the package onnx; run pip install 'autograd_lite[onnx]'") from None

    paths = [x for x in examples if isinstance(x, (str, os.PathLike))]
    if paths:
        raise TypeError(f"export.onnx: expected arrays as examples, got {paths[0]!r}; write path={paths[0]!r}")
    axes = _axes(examples, batch_axis)
    programs = [_traced(f, of_size) for of_size in (examples, _larger(examples, axes, 1), _larger(examples, axes, 2))]
    first = programs[0]
    batch = ((v.name, axis, v.shape[axis]) for v, axis in zip(first.inputs, axes, strict=True) if axis is not None)
    b = Builder(helper, next(batch, ("", 0, 0)), _parameter_names(f))
    b.add(programs)
    graph = helper.make_graph(b.nodes, first.name, b.inputs, b.outputs, b.initializers)
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=_IR, producer_name="autograd_lite"
    )
    try:
        checker.check_model(model, full_check=True)
    except Exception as error:
        raise NotImplementedError(
            f"export.onnx: {first.name}: an operator of ONNX does not take these operands; convert them, for instance "
            f"with .astype(np.float32). {error}"
        ) from None
    if b.in_double:
        warnings.warn(
            f"export.onnx: ONNX Runtime has no {', '.join(sorted(b.in_double))} in double precision; for it, export in "
            "single precision: net.float(), and an example with .astype(np.float32)", stacklevel=2
        )
    if path is not None:
        save_model(model, os.fspath(path))
    return model


def _axes(examples: Sequence[Any], batch_axis: Any) -> list[int | None]:
    """The axis of the batch for each array among the arguments."""
    shapes = [np.shape(raw(x)) for x in leaves(list(examples))]
    axes = list(batch_axis) if isinstance(batch_axis, Sequence) else [batch_axis] * len(shapes)
    if len(axes) != len(shapes):
        raise ValueError(f"export.onnx: batch_axis has {len(axes)} entries for {len(shapes)} arrays")
    for shape, axis in zip(shapes, axes, strict=True):
        if axis is not None and not -len(shape) <= axis < len(shape):
            raise ValueError(f"export.onnx: batch_axis={axis}: an example has the shape {shape}; None fixes its shape")
    return [None if axis is None else axis % len(shape) for shape, axis in zip(shapes, axes, strict=True)]


def _larger(examples: Sequence[Any], axes: Sequence[int | None], more: int = 1) -> list[Any]:
    """The examples with a batch that is larger by so many rows."""
    given = iter(axes)

    def one_more(x: Any) -> Any:
        x, axis = np.asarray(raw(x)), next(given)
        return x if axis is None else np.concatenate([x, np.take(x, [0] * more, axis)], axis)

    return list(tree_map(one_more, list(examples)))


def _traced(f: Any, examples: Sequence[Any]) -> Program:
    modes = {part: part.training for part in f.modules()} if hasattr(f, "modules") else {}
    try:
        if modes:
            f.eval()
        return _outside(lambda: trace(f.forward if modes else f)(*examples)).mapped(_definition)
    finally:
        for part, mode in modes.items():
            part.training = mode


def _definition(eq: Equation, _: Any) -> list[Equation] | None:
    """The equations that define a row with ``onnx=True``."""
    row = eq.row
    if row.onnx is not True:
        return None
    zeros = [np.zeros(x.shape, x.dtype) if isinstance(x, Var) else x for x in eq.operands]
    body = row.definition if callable(row.definition) else row.fn
    with np.errstate(all="ignore"):
        program = trace(partial(body, **eq.params))(*zeros)
    values = dict(zip((*program.inputs, *program.outputs), (*eq.operands, *eq.outputs), strict=True))

    def own(xs: Sequence[Any]) -> Values:
        return tuple(values.get(x, x) if isinstance(x, Var) else x for x in xs)

    return [Equation(own(e.outputs), e.row, own(e.operands), e.params, eq.origin) for e in program.equations]


#: Calls its argument from a frame outside the library, so that no result is named after a variable of the caller.
_outside = eval(compile("lambda call: call()", "<export.onnx>", "eval"))


def _parameter_names(f: Any) -> dict[int, str]:
    """The name of each parameter and buffer of a module, by the identity of its array."""
    if not hasattr(f, "named_parameters"):
        return {}
    return {id(raw(t)): name for name, t in [*f.named_parameters(), *f.named_buffers()] if t is not None}


class Builder:
    """The graph while it is built.

    Attributes
    ----------
    nodes, inputs, outputs, initializers : lists of ONNX's messages
    batch : tuple of str, int and int
        An input, its axis of the batch, and the size of that.
    parameters : dict
        Names by the identity of arrays.
    in_double : set of str
        The operators in double precision that ONNX Runtime lacks.
    """

    def __init__(self, helper: Any, batch: tuple[str, int, int], parameters: dict[int, str]) -> None:
        self.helper, self.batch, self.parameters = helper, batch, parameters
        self.nodes: list[Any] = []
        self.inputs: list[Any] = []
        self.outputs: list[Any] = []
        self.initializers: list[Any] = []
        self.in_double: set[str] = set()
        self._name = Names(between="_").take
        self._constants: dict[Any, str] = {}
        self._size: str | None = None

    # ----------------------------------------------------------------------------------------- what rows call

    def __call__(self, operator: str, *operands: Any, count: int = 1, **attributes: Any) -> Any:
        """Add an operator; returns the name of its result, or of each of `count` results."""
        names = [self._name(operator.lower()) for _ in range(count)]
        self.nodes.append(self.helper.make_node(operator, [str(x) for x in operands], names, **attributes))
        return names[0] if count == 1 else names

    def constant(self, value: Any, dtype: Any = None) -> str:
        """An array that does not depend on the inputs."""
        array = np.asarray(value, dtype)
        key = array.shape, array.dtype.str, array.tobytes()
        if key not in self._constants:
            self._constants[key] = self._initializer(array, "constant")
        return self._constants[key]

    def ints(self, values: Any) -> str:
        """Integers as an operand: axes, positions, a shape. One that is `Open` is computed from the batch size."""
        values = values if isinstance(values, (tuple, list)) else (values,)
        if not any(isinstance(v, Open) for v in values):
            return self.constant(values, np.int64)
        return str(self("Concat", *(self._number(v) for v in values), axis=0))

    def shape(self, values: Sequence[Any]) -> str:
        """A shape for Reshape; if one size is open, it follows from the others."""
        places = [k for k, v in enumerate(values) if isinstance(v, Open)]
        if len(places) == 1 and 0 not in values and -1 not in values:
            values = [-1 if k in places else v for k, v in enumerate(values)]
        return self.ints(list(values))

    def cast(self, x: Any, dtype: Any) -> Any:
        """An operand in this dtype."""
        return x if x.dtype == dtype else Known(self("Cast", x, to=self.type_of(dtype)), x.shape, np.dtype(dtype))

    def type_of(self, dtype: Any) -> int:
        """ONNX's number for a dtype."""
        try:
            if np.dtype(dtype).kind in "biuf":
                return int(self.helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))
        except (KeyError, ValueError):  # np.longdouble
            pass
        raise NotImplementedError(f"export.onnx: the operators of ONNX do not take the dtype {np.dtype(dtype)}")

    def _number(self, v: Any) -> str:
        if not isinstance(v, Open):
            return self.constant([v], np.int64)
        if self._size is None:
            name, axis, _ = self.batch
            self._size = self("Shape", name, start=axis, end=axis + 1)
        size = self._size if v.scale == 1 else self("Mul", self._size, self.constant([v.scale], np.int64))
        return str(size if not v.offset else self("Add", size, self.constant([v.offset], np.int64)))

    def _initializer(self, array: Any, wish: str) -> str:
        word = self._name(wish)
        array = np.ascontiguousarray(array).reshape(array.shape)
        kind = self.type_of(array.dtype)
        self.initializers.append(self.helper.make_tensor(word, kind, array.shape, array.tobytes(), raw=True))
        return word

    # ------------------------------------------------------------------------------------------- the program

    def add(self, programs: Sequence[Program]) -> None:
        """Add a program, given together with the same program for batches that are larger by one and by two."""
        self._check(programs)
        program = programs[0]
        one = partial(_as_one, self.batch[2])
        values: dict[Var, Known] = {}
        for v, *others in zip(*(p.inputs for p in programs), strict=True):
            shape = one(v.name, v.shape, *(u.shape for u in others))
            values[v] = Known(self._name(v.name), shape, np.dtype(v.dtype))
            self.inputs.append(self._info(values[v]))
        for v, *ts in zip(program.captured, *(p.captured.values() for p in programs), strict=True):
            values[v] = self._known(one(v.name, *map(raw, ts)), name=v.name)
        computed = self._equations(programs, values)
        for vs in zip(*(p.outputs for p in programs), strict=True):
            self._return(self._value(values, *vs), computed)
        self._name_nodes()

    def _value(self, values: Mapping[Var, Known], *xs: Any) -> Known:
        """A result, in the programs for three sizes."""
        return values[xs[0]] if isinstance(xs[0], Var) else self._known(_as_one(self.batch[2], "the result", *xs))

    def _equations(self, programs: Sequence[Program], values: dict[Var, Known]) -> set[str]:
        """Add the equations of a program; `values` gets their results. Those that have the names of their variables."""
        computed: set[str] = set()
        one = partial(_as_one, self.batch[2])
        for eqs in zip(*(p.equations for p in programs), strict=True):
            eq, start = eqs[0], len(self.nodes)
            what = eq.row.name
            has_body = any(isinstance(x, Body) for x in leaves(list(eq.params.values())))
            dtype = None if has_body else _dtype(eq)  # there each operand keeps its own
            operands = [
                values[xs[0]] if isinstance(xs[0], Var) else self._known(one(what, *xs), dtype)
                for xs in zip(*(e.operands for e in eqs), strict=True)
            ]
            params = {k: _bodies(*(e.params[k] for e in eqs)) for k in eq.params} if has_body else (
                one(what, *(e.params for e in eqs))
            )
            results = self._form(eq.row, dtype, operands, params)
            nodes = self.nodes[start:]
            new = {name for node in nodes for name in node.output}
            self.in_double.update({node.op_type for node in nodes} & (IN_SINGLE if dtype == np.float64 else set()))
            final: dict[str, str] = {}
            for v, *others, name in zip(*(e.outputs for e in eqs), map(str, results), strict=True):
                if name in new and name not in final:
                    final[name] = self._name(v.name)
                shape = one(what, v.shape, *(u.shape for u in others))
                values[v] = Known(final.get(name, name), shape, np.dtype(v.dtype))
            computed.update(final.values())
            for node in nodes:
                node.name = label(groups(eq))
                _rename(node, final)
        return computed

    def results(self, bodies: Sequence[Body], operands: Sequence[Known]) -> list[Known]:
        """Add the equations of an inner program, given for the three sizes; returns its results."""
        programs = [body.program for body in bodies]
        self._check(programs)
        values = dict(zip(programs[0].inputs, operands, strict=True))
        self._equations(programs, values)
        return [self._value(values, *xs) for xs in zip(*(p.outputs for p in programs), strict=True)]

    def graph(self, name: str, inputs: Sequence[Known], make: Callable[[Builder], Sequence[Known]]) -> Any:
        """A graph inside an operator: ``make(b)`` adds to it and returns its results. It may use values from around it,
        and has the same constants.
        """
        b = copy(self)
        b.nodes, b.inputs, b.outputs = [], [], []
        for known in make(b):
            b._return(known, set())
        b._name_nodes()
        return self.helper.make_graph(b.nodes, name, [self._info(x) for x in inputs], b.outputs)

    def new(self, like: Known) -> Known:
        """A value of the same shape and dtype, that is an input of a graph inside an operator."""
        return Known(self._name(like.name), like.shape, like.dtype)

    def _name_nodes(self) -> None:
        """Add the name of its first result to that of each node."""
        for node in self.nodes:
            node.name = " ".join(filter(None, (node.name, node.output[0])))

    def _return(self, known: Known, computed: set[str]) -> None:
        """Add an output: one of the results that are `computed`, and no output yet, or a copy."""
        if known.name not in computed:
            known = Known(self("Identity", known), known.shape, known.dtype)
        computed.discard(known.name)
        self.outputs.append(self._info(known))

    def _form(self, row: Primitive, dtype: np.dtype[Any] | None, operands: Sequence[Known], params: Any) -> Any:
        """Add the operators of a row; returns the names of its results."""
        form = row.onnx
        casts = (dtype is not None and _converted(row, k) for k in range(len(operands)))
        xs = [self.cast(x, dtype) if cast else x for x, cast in zip(operands, casts, strict=True)]
        try:
            names = form(self, *xs, **params) if callable(form) else self(str(form), *xs)
        except NotImplementedError:
            raise
        except Exception as error:
            shapes = ", ".join(f"({', '.join(map(str, x.shape))})" for x in xs)
            raise NotImplementedError(
                f"export.onnx: {row.name} has no form in ONNX for operands of shape {shapes} ({error}); write it with "
                "other rows, or fix the batch size with batch_axis=None"
            ) from error
        return names if row.outputs else [names]

    def _check(self, programs: Sequence[Program]) -> None:
        program = programs[0]
        missing = sorted({eq.row.name for eq in program.equations if eq.row.onnx is None})
        if missing:
            raise NotImplementedError(
                f"export.onnx: {program.name} has rows without a form in ONNX: {', '.join(missing)}. Attach one with "
                "row.attach(onnx=...), or write the function with other rows"
            )
        kinds = [([eq.row for eq in p.equations], len(p.captured), len(p.outputs)) for p in programs]
        if any(kind != kinds[0] for kind in kinds):
            raise ValueError(
                f"export.onnx: {program.name} computes something different for another batch size; fix the size with "
                "batch_axis=None"
            )

    def _known(self, value: Any, dtype: Any = None, name: str = "") -> Known:
        """A constant operand; a Python number has the dtype of the operands beside it."""
        if isinstance(value, Open):
            number = Known(self("Squeeze", self.ints(value)), (), np.dtype(np.int64))
            return number if dtype is None else self.cast(number, dtype)
        if isinstance(value, Repeated):
            expanded = self("Expand", self.constant(value.part), self.ints(list(value.shape)))
            return Known(expanded, value.shape, value.part.dtype)
        name = self.parameters.pop(id(value), name)
        if name:
            return Known(self._initializer(value, name), value.shape, value.dtype)
        array = np.asarray(value, dtype if type(value) in (int, float, bool) else None)
        return Known(self.constant(array), array.shape, array.dtype)

    def _info(self, x: Known) -> Any:
        shape = [n if isinstance(n, int) else str(n) for n in x.shape]
        return self.helper.make_tensor_value_info(x.name, self.type_of(x.dtype), shape)


def _rename(node: Any, final: Mapping[str, str]) -> None:
    for names in (node.input, node.output):
        names[:] = [final.get(name, name) for name in names]


@dataclass(frozen=True)
class Repeated:
    """A constant array that is the same for each example: `part`, with a 1 in place of the batch size."""

    part: Any
    shape: Values


def _converted(row: Primitive, k: int) -> bool:
    """Whether operand `k` is a number like the result; otherwise it is a condition or a position."""
    return row.kind == "constant" or row.keeps[k] is not None


def _dtype(eq: Equation) -> np.dtype[Any]:
    """The dtype in which NumPy computes: the operands' common one, or that of the result where integers become
    floating-point numbers, or longer ones.
    """
    numbers = [x for k, x in enumerate(eq.operands) if _converted(eq.row, k)]
    common = np.result_type(*(x.dtype if isinstance(x, Var) else x for x in numbers))
    result = np.dtype(eq.y.dtype)
    return common if common.kind in "fc" or result.kind == "b" else result


def _bodies(*values: Any) -> Any:
    """A parameter of a loop: inner programs for the three sizes, or what does not depend on the size."""
    if isinstance(values[0], tuple):
        return tuple(map(_bodies, *values))
    return values if isinstance(values[0], Body) else values[0]


def _as_one(n: int, what: str, *values: Any) -> Any:
    """A value in the programs for batches of `n`, ``n + 1`` and ``n + 2`` as one; what differs is `Open`."""
    a, b, c = values
    if isinstance(a, dict):
        return {k: _as_one(n, what, *(v[k] for v in values)) for k in a}
    if isinstance(a, (tuple, list)) and len(a) == len(b) == len(c):
        return type(a)(_as_one(n, what, *vs) for vs in zip(*values, strict=True))
    if isinstance(a, slice):
        return slice(*(_as_one(n, what, *(getattr(v, k) for v in values)) for k in ("start", "stop", "step")))
    if isinstance(a, np.ndarray):
        if all(a.shape == v.shape and np.array_equal(a, v, equal_nan=a.dtype.kind in "fc") for v in (b, c)):
            return a
        part = a[tuple(slice(None) if k == m else slice(1) for k, m in zip(a.shape, b.shape, strict=False))]
        if a.ndim == b.ndim == c.ndim and all(np.array_equal(v, np.broadcast_to(part, v.shape)) for v in values):
            return Repeated(part, _as_one(n, what, *(v.shape for v in values)))
    elif type(a) is type(b) is type(c) is int and b - a == c - b != 0:
        return Open(b - a, a - (b - a) * n)
    elif all(v is a or v == a for v in (b, c)):
        return a
    raise ValueError(
        f"export.onnx: {what} uses {a!r}, which is {b!r} and {c!r} for a batch that is larger by one and by two: only "
        "shapes, and whole numbers that grow evenly, may depend on the batch size; fix it with batch_axis=None"
    )
