"""The program behind a function: run it once on examples, and keep every operation that depends on an input.

The recording is the ordinary graph; only more of it is kept: also what needs no gradient (a comparison, an index), and
the steps of a backward pass or a transform inside the function. What comes out is a straight list of equations that can
be printed, run on other inputs of the same shapes, and turned into source or mathematics.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import wraps
from itertools import count
from string import ascii_lowercase
from typing import Any

import numpy as np

from .graph import NEEDS, TRACED, Node, ancestors
from .mode import changed
from .primitive import Primitive
from .tensor import Tensor, _raw, _tensor
from .tree import leaves, rebuild, tree_map

LIMIT = 20_000  # equations; beyond it nobody reads, and printing only seems to hang


@dataclass(frozen=True, eq=False)
class Var:
    """A value in a program: its name, shape and dtype."""

    name: str
    shape: tuple[int, ...]
    dtype: Any

    def __str__(self) -> str:
        return self.name

    @property
    def kind(self) -> str:
        """``float64[3,4]``."""
        return f"{self.dtype}[{','.join(map(str, self.shape))}]"


@dataclass(frozen=True, eq=False)
class Equation:
    """``outputs = row(operands, **params)``; an operand is a :class:`Var` or a constant."""

    outputs: tuple[Var, ...]
    row: Primitive
    operands: tuple[Any, ...]
    params: Mapping[str, Any]
    node: Node = field(repr=False)

    @property
    def group(self) -> Any:
        """The composite call or module that it belongs to, innermost; None at the top."""
        return self.node.group

    def __str__(self) -> str:
        names = ", ".join(v.name for v in self.outputs)
        kinds = ", ".join(v.kind for v in self.outputs)
        arguments = [_written(x) for x in self.operands]
        arguments += [f"{k}={_written(v)}" for k, v in self.params.items()]
        return f"{names} : {kinds} = {self.row.name}({', '.join(arguments)})"


@dataclass(frozen=True, eq=False)
class Program:
    """What a function did, in order. Shapes and Python branches are frozen as they were for the example.

    Call it with other arguments of the same structure and shapes, and it runs again, on arrays.
    """

    name: str
    inputs: tuple[Var, ...]
    equations: tuple[Equation, ...]
    outputs: tuple[Any, ...]  # a Var each, or a constant
    structure: Any = field(repr=False)  # of the arguments
    result: Any = field(repr=False)  # the tree of the outputs

    def __call__(self, *args: Any) -> Any:
        given = leaves(args)
        if len(given) != len(self.inputs):
            raise TypeError(f"{self.name}: traced with {len(self.inputs)} input arrays, called with {len(given)}")
        values: dict[Var, Any] = {}
        for var, x in zip(self.inputs, given, strict=True):
            x = np.asarray(_raw(x))
            if x.shape != var.shape:
                raise ValueError(f"{self.name}: {var.name} was traced with shape {var.shape}, called with {x.shape}: trace it again")
            values[var] = x
        for eq in self.equations:
            y = eq.row.fn(*(values[x] if isinstance(x, Var) else x for x in eq.operands), **eq.params)
            for var, part in zip(eq.outputs, y if eq.row.outputs else (y,), strict=True):
                values[var] = part
        return rebuild(self.result, (values[x] if isinstance(x, Var) else x for x in self.outputs))

    def __len__(self) -> int:
        return len(self.equations)

    def __iter__(self) -> Iterator[Equation]:
        return iter(self.equations)

    def __str__(self) -> str:
        head = f"{self.name}({', '.join(f'{v.name}: {v.kind}' for v in self.inputs)}):"
        shown = self.equations if len(self.equations) <= LIMIT else self.equations[:20]
        body = [f"    {eq}" for eq in shown]
        if len(shown) < len(self.equations):
            body.append(f"    ... and {len(self.equations) - len(shown)} more")
        return "\n".join([head, *body, f"    return {', '.join(_written(x) for x in self.outputs)}"])

    __repr__ = __str__


def trace(f: Callable[..., Any], names: Mapping[str, Any] | None = None) -> Callable[..., Program]:
    """A function that runs `f` on example arguments and returns its :class:`Program`.

    Parameters
    ----------
    f : callable
        Of arrays or nested dicts, lists and tuples of them. A choice that depends on their values is refused; one that
        depends on shapes or on anything else is made once. Numbers drawn from a NumPy generator inside `f` become
        constants: a trace cannot see them.
    names : mapping of str to Tensor, optional
        Names for values; otherwise the arguments' and local variables' own, and short ones for what has none.

    Examples
    --------
    >>> import numpy as np, autograd_lite as ag
    >>> def loss(w, x):
    ...     e = np.exp(x * w)
    ...     return np.sum(e)
    >>> print(trace(loss)(np.ones(3), np.ones(3)))
    loss(w: float64[3], x: float64[3]):
        a : float64[3] = multiply(x, w)
        e : float64[3] = exp(a)
        b : float64[] = sum(e, axis=None, keepdims=False)
        return b
    """

    @wraps(f)
    def traced(*args: Any, **params: Any) -> Program:
        given = leaves(args)
        nodes = [_input(x) for x in given]
        wrapped = rebuild(args, map(_tensor, [n.y for n in nodes], nodes))
        with changed(recording=True):
            result, variables = _run(f, wrapped, params)
        named: dict[Node, str] = {}
        claim = [*_argument_names(f, wrapped), *(names or {}).items(), *variables]
        for name, value in claim:
            for node, full in _named_nodes(name, value):
                if node is not None and node.name is None and node not in named and full not in named.values():
                    named[node] = full
        return _program(getattr(f, "__name__", "f"), nodes, result, args, named)

    return traced


def _input(x: Any) -> Node:
    data = np.asarray(_raw(x))
    live = TRACED | (NEEDS if data.dtype.kind in "fc" else 0)
    node = Node(None, (), (), data, data.shape, data.dtype, live)
    if isinstance(x, Tensor):
        node.name = x.name
    return node


def _run(f: Callable[..., Any], args: Sequence[Any], params: Any) -> tuple[Any, list[tuple[str, Any]]]:
    """The result of `f`, and its local variables as they were when it returned."""
    code = getattr(inspect.unwrap(f), "__code__", None)
    found: list[tuple[str, Any]] = []
    before = sys.getprofile()

    def watch(frame: Any, event: str, arg: Any) -> None:
        if event == "return" and frame.f_code is code:
            found[:] = frame.f_locals.items()  # of the outermost call, which returns last

    sys.setprofile(watch)
    try:
        result = f(*args, **params)
    finally:
        sys.setprofile(before)
    return result, found


def _argument_names(f: Callable[..., Any], args: Sequence[Any]) -> list[tuple[str, Any]]:
    try:
        bound = inspect.signature(f).bind(*args)
    except (TypeError, ValueError):  # a builtin, a ufunc: it has no signature to ask
        return [(f"x{k + 1}" if len(args) > 1 else "x", arg) for k, arg in enumerate(args)]
    named: list[tuple[str, Any]] = []
    for name, value in bound.arguments.items():
        starred = bound.signature.parameters[name].kind is inspect.Parameter.VAR_POSITIONAL
        named += [(f"{name}{k + 1}", part) for k, part in enumerate(value)] if starred else [(name, value)]
    return named


def _named_nodes(name: str, value: Any) -> Iterator[tuple[Node | None, str]]:
    """The nodes in a named value; those inside a tree are called after their place in it."""
    if isinstance(value, Tensor):
        yield value._node, name
    elif isinstance(value, Mapping):
        for key, part in value.items():
            yield from _named_nodes(key if isinstance(key, str) and key.isidentifier() else f"{name}_{key}", part)
    elif isinstance(value, (list, tuple)):
        for k, part in enumerate(value):
            yield from _named_nodes(f"{name}{k + 1}", part)


def short_names(taken: Iterable[str]) -> Iterator[str]:
    """a, b, …, z, a1, b1, … without those already in use."""
    used = set(taken)
    for k in count():
        for letter in ascii_lowercase:
            name = f"{letter}{k or ''}"
            if name not in used:
                yield name


def _program(name: str, inputs: Sequence[Node], result: Any, args: Any, named: Mapping[Node, str]) -> Program:
    found = [t._node if isinstance(t, Tensor) else None for t in leaves(result)]
    nodes = ancestors([n for n in found if n is not None and n.live & TRACED], TRACED)[::-1]
    given = {n: n.name or named[n] for n in [*inputs, *nodes] if n.name or n in named}
    repeated = {x for x in given.values() if list(given.values()).count(x) > 1} if len(given) < LIMIT else set()
    fresh = short_names(given.values())
    variables: dict[Node, Var] = {}

    def unique(own: str | None) -> str:
        if own not in repeated:
            return own or next(fresh)
        taken = {*given.values(), *(v.name for v in variables.values())}
        return next(name for k in count(1) if (name := f"{own}{k}") not in taken)

    for n in inputs:
        variables[n] = Var(unique(given.get(n)), n.shape, n.dtype)
    results: dict[tuple[Node | None, int], list[Node]] = {}  # of rows with several: the nodes that take one out
    for n in nodes:
        if n.parents and n.parents[0] is not None and n.parents[0].parts is not None:
            results.setdefault((n.parents[0], n.params["index"]), []).append(n)
    equations = []
    for n in nodes:
        if n.row is None or n in variables:
            continue
        made = []
        for k, (shape, dtype) in enumerate(n.parts or ((n.shape, n.dtype),)):
            places = results.get((n, k), []) if n.parts else [n]
            made.append(Var(unique(next((given[p] for p in places if p in given), None)), shape, dtype))
            variables.update(dict.fromkeys(places, made[-1]))
        operands = tuple(
            variables[p] if p is not None and p in variables else x if p is None else p.y
            for p, x in zip(n.parents, n.xs, strict=True)
        )
        equations.append(Equation(tuple(made), n.row, operands, n.params, n))
    outputs = tuple(
        variables[n] if n is not None and n in variables else _raw(t) for n, t in zip(found, leaves(result), strict=True)
    )
    return Program(name, tuple(variables[n] for n in inputs), tuple(equations), outputs, tree_map(lambda x: None, args), tree_map(lambda t: 0, result))


def _written(x: Any) -> str:
    if isinstance(x, Var):
        return x.name
    if isinstance(x, np.ndarray):
        return repr(x.item()) if x.ndim == 0 else f"array{list(x.shape)}"
    return repr(x)
