"""Run a function once on examples, and keep every operation that depends on an input.

The recording is the ordinary graph, and also has operations that need no gradient (a comparison, an index), and the
steps of a backward pass or a transform inside the function.
"""

from __future__ import annotations

import inspect
import sys
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Any

import numpy as np

from ..base.escape import plain
from ..base.interrupts import at_exit
from ..base.snapshots import untouched
from ..base.tree import leaves, rebuild, tree_map
from ..engine.context import CONTEXT, ORDINARY, changed
from ..engine.node import ANY, NEEDS, TRACED, Node, ancestors
from ..engine.operands import raw
from ..engine.replay import value_of
from ..engine.value import wrap
from ..engine.versions import next_order
from ..tensor import Tensor
from .naming import Names, argument_names, assigned, captured, named_nodes, qualified, short_names
from .program import Equation, Program, Var


def trace(f: Callable[..., Any], names: Mapping[str, Any] | None = None) -> Callable[..., Program]:
    """A function that runs `f` on example arguments and returns its :class:`Program`.

    Parameters
    ----------
    f : callable
        Of arrays or nested dicts, lists and tuples of them. A branch that depends on their values raises; one that
        depends on shapes or on anything else is decided once. Numbers drawn from a NumPy generator inside `f` become
        constants, because a trace cannot see them.
    names : mapping of str to Tensor, optional
        Names for values. Others are named after arguments and local variables, and the rest a, b, c, …

    Examples
    --------
    >>> import numpy as np, autograd_lite as ag
    >>> def loss(w, x):
    ...     e = np.exp(x * w)
    ...     return np.sum(e)
    >>> print(ag.trace(loss)(np.ones(3), np.ones(3)))
    loss(w: float64[3], x: float64[3]):
        a : float64[3] = multiply(x, w)
        e : float64[3] = exp(a)
        b : float64[] = sum(e, axis=None, keepdims=False)
        return b
    """

    @wraps(f)
    def traced(*args: Any, **params: Any) -> Program:
        made = capture(f, args, params, names)
        return _program(made, args)

    return traced


@dataclass(frozen=True, eq=False)
class Capture:
    """A function run once on examples: its inputs, its result, and the names of its values."""

    name: str
    inputs: tuple[Node, ...]  # in the order of the arguments' leaves
    result: Any
    names: Mapping[Node, str]  # no name occurs twice
    arrays: Mapping[str, Any]  # arrays among the variables: constants of the program


def capture(
    f: Callable[..., Any], args: Sequence[Any], params: Mapping[str, Any] | None = None,
    names: Mapping[str, Any] | None = None,
) -> Capture:
    """Run `f`, and record everything that depends on `args`.

    Names come from the arguments, then the local variables of `f`, then ``Tensor.name``, then `names`.
    """
    given = leaves(args)
    nodes = [_input(x) for x in given]
    tensors = [wrap(n.y, n) for n in nodes]
    for n, t in zip(nodes, tensors, strict=True):
        n.keeper = weakref.ref(t)  # so that backward() inside `f` adds to its .grad
    wrapped = rebuild(args, tensors)
    # one level deeper, so that a compiled function inside is recorded too
    level = (CONTEXT.get() or ORDINARY).level + 1
    with untouched(f, args), changed(recording=True, group=None, level=level):
        result, variables = run(f, wrapped, params or {})
    outside = [*variables, *captured(f), *(names or {}).items()]
    found = names_of(f, wrapped, nodes, ancestors(_nodes_of(result), ANY)[::-1], variables, outside)
    arrays: dict[str, Any] = {}
    for word, value in outside:
        if isinstance(value, np.ndarray) and word not in found.values():
            arrays.setdefault(word, value)
    return Capture(plain(getattr(f, "__name__", "f")), tuple(nodes), result, found, arrays)


def names_of(
    f: Callable[..., Any], args: Sequence[Any], inputs: Sequence[Node], nodes: Sequence[Node],
    variables: Sequence[tuple[str, Any]], outside: Sequence[tuple[str, Any]],
) -> dict[Node, str]:
    """Names for the nodes that a function has made, each once; `args` are its arguments, `inputs` their nodes."""
    by_module = qualified(nodes)
    own = [(by_module.get(n, n.name), n) for n in nodes if n.name]
    own += [(word, n) for n, word in assigned(nodes)]
    wish: dict[Node, str] = {}
    for word, value in [*argument_names(f, args), *variables, *own, *outside]:
        for node, full in [(value, word)] if isinstance(value, Node) else named_nodes(word, value):
            if node is not None:
                wish.setdefault(node, full)
    first = set(inputs)
    found: dict[Node, str] = {}
    words = Names()
    for node in sorted(wish, key=lambda n: (n not in first, -n.order)):  # the oldest value of a variable first
        found[node] = words.take(plain(wish[node]) or "x")
    return found


def _nodes_of(result: Any) -> list[Node]:
    return [t._node for t in leaves(result) if isinstance(t, Tensor) and t._node is not None and t._node.live]


def _input(x: Any) -> Node:
    data = np.asarray(raw(x))
    if data.dtype.kind not in "biufc":
        raise TypeError(
            f"trace: expected arrays and numbers as arguments, got {type(x).__name__}; bind it with functools.partial"
        )
    live = TRACED | (NEEDS if data.dtype.kind in "fc" else 0)
    node = Node(None, (), (), data, data.shape, data.dtype, live)
    if isinstance(x, Tensor):
        node.name = x.name
    return node


def run(f: Callable[..., Any], args: Sequence[Any], params: Any) -> tuple[Any, list[tuple[str, Any]]]:
    """The result of `f`, and its local variables as they were when it returned (without those that begin with _)."""
    code = getattr(inspect.unwrap(f), "__code__", None)
    found: list[tuple[str, Any]] = []
    before = sys.getprofile()

    def watch(frame: Any, event: str, arg: Any) -> None:
        if event == "return" and frame.f_code is code:
            found[:] = frame.f_locals.items()  # of the outermost call, which returns last

    # cProfile can be read but not set
    with at_exit(sys.setprofile, before) if before is None or callable(before) else at_exit(before.enable):
        sys.setprofile(watch)
        result = f(*args, **params)
    return result, [(word, value) for word, value in found if not word.startswith("_")]


def _inside(roots: Iterable[Node], start: int) -> dict[Node, None]:
    """The nodes of a program, oldest first: those that depend on its inputs, or on Tensors from outside that require
    a gradient.
    """
    found: dict[Node, None] = {}
    for n in ancestors([n for n in roots if n.live and n.order <= start], ANY, start)[::-1]:
        above = [p for p in n.parents if p is not None]
        if n.live & TRACED or any(p in found or p.requires_grad and p.order > start for p in above):
            found[n] = None
    return found


def _program(made: Capture, args: Any) -> Program:
    found = [t._node if isinstance(t, Tensor) else None for t in leaves(made.result)]
    start = made.inputs[0].order if made.inputs else next_order()  # older nodes come from outside the function
    nodes = _inside([n for n in found if n is not None], start)
    fresh = short_names(made.names.values())
    variables = {n: Var(made.names.get(n) or next(fresh), n.shape, n.dtype) for n in made.inputs}
    captured = {}
    for p in dict.fromkeys(p for p in (*(p for n in nodes for p in n.parents), *found) if p is not None):
        if p in nodes or p in variables:
            continue
        if p.live and p.order > start or p.row is None and p in made.names:
            variables[p] = Var(made.names.get(p) or next(fresh), p.shape, p.dtype)
            owner = p.keeper() if p.row is None and p.keeper is not None else None
            captured[variables[p]] = wrap(value_of(p), p) if owner is None else owner
    equations = equations_of(nodes, variables, made.names, fresh)
    outputs = tuple(
        variables[n] if n is not None and n in variables else raw(t)
        for n, t in zip(found, leaves(made.result), strict=True)
    )
    inputs = tuple(variables[n] for n in made.inputs)
    return Program(
        made.name, inputs, tuple(equations), outputs, captured, rebuild(args, inputs),
        tree_map(lambda t: 0, made.result),
    )


def equations_of(
    nodes: Iterable[Node], variables: dict[Node, Var], names: Mapping[Node, str], fresh: Iterator[str]
) -> list[Equation]:
    """The equations of nodes, given oldest first; `variables` has the inputs, and gets the results."""
    nodes = list(nodes)
    results: dict[tuple[Node | None, int], list[Node]] = {}  # of rows with several results: the nodes of each
    for n in nodes:
        if n.parents and n.parents[0] is not None and n.parents[0].parts is not None:
            results.setdefault((n.parents[0], n.params["index"]), []).append(n)
    equations = []
    for n in nodes:
        if n.row is None or n in variables:
            continue
        if n.row.transparent and n.parents[0] in variables:  # an input of a transform inside: the value itself
            variables[n] = variables[n.parents[0]]
            continue
        made_here = []
        for k, (shape, dtype) in enumerate(n.parts or ((n.shape, n.dtype),)):
            places = results.get((n, k), []) if n.parts else [n]
            word = next((names[p] for p in places if p in names), None)
            made_here.append(Var(word or next(fresh), shape, dtype))
            variables.update(dict.fromkeys(places, made_here[-1]))
        operands = tuple(
            x if p is None else variables[p] if p in variables else value_of(p)
            for p, x in zip(n.parents, n.xs, strict=True)
        )
        equations.append(Equation(tuple(made_here), n.row, operands, n.params, n))
    return equations
