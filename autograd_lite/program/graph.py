"""From recorded graphs to equations, and back."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import repeat
from typing import Any

import numpy as np

from ..engine.context import changed
from ..engine.node import ANY, NEEDS, TRACED, Node, ancestors
from ..engine.operands import raw
from ..engine.replay import value_of
from ..engine.value import Value, wrap
from .equation import Equation, Operand, Origin, Var, recorded


def moved(group: Any, argument: Callable[[Any], Any], calls: dict[Any, Any]) -> Any:
    """A composite call or module as it is in another program or graph; `calls` has those that were moved before.

    ``argument(x)`` stands there for its argument `x`: a variable for a node, or a node for a variable.
    """
    if group is None:
        return None
    if group not in calls:
        calls[group] = group.moved(moved(group.outer, argument, calls), argument)
    return calls[group]


def equations_of(
    nodes: Iterable[Node], variables: dict[Node, Var], names: Mapping[Node, str], fresh: Iterator[str],
    origin: Callable[[Node], Origin] | None = None,
) -> list[Equation]:
    """The equations of nodes, given oldest first; `variables` has the inputs, and gets the results.

    `origin` says where an equation comes from; by default that is where its node was recorded.
    """
    nodes = list(nodes)
    results = _results(nodes)
    calls: dict[Any, Any] = {}
    equations = []
    outputs: tuple[Var, ...]

    def variable(x: Any) -> Any:  # an argument that is not in the program is an array
        return variables.get(x, x.y) if isinstance(x, Node) else x

    for n in nodes:
        if n.row is None or n in variables:
            continue
        if n.row.transparent and n.parents[0] in variables:  # an input of a transform inside: the value itself
            variables[n] = variables[n.parents[0]]
            continue
        if n.parts is None:
            outputs = (Var(names.get(n) or next(fresh), n.shape, n.dtype),)
            variables[n] = outputs[0]
        else:
            places = [results.get((n, k), []) for k in range(len(n.parts))]
            words = (next((names[p] for p in place if p in names), None) or next(fresh) for place in places)
            outputs = tuple(Var(word, *part) for word, part in zip(words, n.parts, strict=True))
            variables.update((p, v) for place, v in zip(places, outputs, strict=True) for p in place)
        operands = [
            x if p is None else variables[p] if p in variables else value_of(p)
            for p, x in zip(n.parents, n.xs or (None,) * len(n.parents), strict=True)
        ]
        group = n.group and moved(n.group, variable, calls)
        place = Origin(n.code, n.at, group, n.requires_grad) if origin is None else origin(n)
        equations.append(Equation(outputs, n.row, tuple(operands), n.params, place))
    return equations


def _results(nodes: Iterable[Node]) -> dict[tuple[Node, int], list[Node]]:
    """Of rows with several results, the nodes of each."""
    results: dict[tuple[Node, int], list[Node]] = {}
    for n in nodes:
        if (part := part_of(n)) is not None:
            results.setdefault(part, []).append(n)
    return results


def part_of(n: Node) -> tuple[Node, int] | None:
    """The call that a node is one of several results of, and which."""
    call = n.parents[0] if n.parents else None
    return None if call is None or call.parts is None else (call, n.params["index"])


def variable_or_value(variables: Mapping[Node, Var], x: Any) -> Any:
    """The variable of a Tensor, or its value if it has none; any other value itself."""
    n = x._node if isinstance(x, Value) else None
    return raw(x) if n is None or n not in variables else variables[n]


def graph_of(program: Any, near: Mapping[Var, Any] | None = None) -> dict[Var, Any]:
    """The program recorded as a graph, with the values that it was traced with: a Tensor for each variable.

    `near` gives other values for inputs and captured values; what depends on them is computed again.
    """
    given = {**program.examples, **(near or {})}
    inputs = {v: wrap(given[v], leaf(given[v])) for v in program.inputs}
    for v, t in program.captured.items():
        x = t._data if near is None or v not in near else near[v]
        inputs[v] = wrap(x, leaf(x, t.requires_grad))
        inputs[v]._node.name = t.name
    for eq in program.equations:
        if eq.is_random:  # as drawn
            drawn = {v: program.examples[v] for v in eq.outputs if v in program.examples}
            inputs |= {v: wrap(x, leaf(x, requires_grad=False)) for v, x in drawn.items()}

    def again(eq: Equation, xs: Sequence[Any]) -> Any:
        y = recorded(eq, xs)
        for v, t in zip(eq.outputs, y if eq.row.outputs else (y,), strict=True):
            if near is None and isinstance(t, Value) and v in program.examples:
                # as it was: a constant may have been written to since
                t._data = program.examples[v]
        return y

    with changed(recording=True, group=None):
        values = program.run(inputs, again)
    calls: dict[Any, Any] = {}

    def node(x: Operand) -> Any:
        if not isinstance(x, Var):
            return x
        return values[x]._node if x in values else program.examples.get(x)  # an argument that nothing uses any more

    for eq in program.equations:
        result = node(eq.y)
        if result is None or result.row is None:  # a constant, or drawn
            continue
        for n in (result, *result.parents) if result.row.transparent else (result,):
            n.code, n.at, n.group = eq.code, eq.origin.at, moved(eq.origin.group, node, calls)
    return values


def leaf(data: np.ndarray[Any, Any], requires_grad: bool = True) -> Node:
    """The node of an input of a program."""
    live = TRACED | (NEEDS if requires_grad and data.dtype.kind in "fc" else 0)
    return Node(None, (), (), data, data.shape, data.dtype, live)


def recorded_equations(
    run: Callable[[dict[Var, Any]], Any], inputs: Mapping[Var, Any], graded: Container[Var] = (),
    names: Callable[[], Mapping[Node, str]] = dict, origin: Origin | None = None,
) -> tuple[list[Equation], Any]:
    """The equations that ``run(tensors)`` records on a Tensor for each of `inputs`, and its result: a Var or constant.

    Parameters
    ----------
    run : callable
        It gets the Tensors by variable.
    inputs : mapping of Var to array
        The values to run it with.
    graded : container of Var
        Those that require a gradient.
    names : callable, optional
        Returns names for some of the nodes, after the run.
    origin : Origin, optional
        Of the equations; by default where they were recorded. Whether one was recorded for derivatives is kept.
    """
    tensors = {v: wrap(x, leaf(np.asarray(x), v in graded)) for v, x in inputs.items()}
    with changed(recording=True, group=None, watcher=None), np.errstate(all="ignore"):
        y = run(dict(tensors))
    if not isinstance(y, Value) or y._node is None or not y._node.live:
        return [], raw(y)
    variables = {t._node: v for v, t in tensors.items()}
    nodes = ancestors([y._node], ANY)[::-1]
    place = None if origin is None else lambda n: origin._replace(requires_grad=n.requires_grad)
    equations = equations_of(nodes, variables, names(), repeat(""), place)
    return equations, variables[y._node]


def ending(equations: list[Equation], result: Any, end: Var) -> Any:
    """What replaces an equation that computes `end`: `equations` whose result is called so, or a `result` alone."""
    if not any(v is result for eq in equations for v in eq.outputs):
        return result
    return [replace(eq, outputs=tuple(end if v is result else v for v in eq.outputs)) for eq in equations]
