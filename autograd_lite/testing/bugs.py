"""`find_gradient_bug`: which operation of a recorded graph has the wrong derivative?

A wrong gradient of a loss does not show where it went wrong. But each edge of the graph is one small derivative, of one
result with respect to one argument, at known values. So each is compared with differences on its own, in the order of
the program, and the first wrong one is the bug. If every edge is right and the whole is not, something acts between
them: a hook.
"""

from __future__ import annotations

import linecache
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..base.tree import tree_map
from ..engine.backward import pull_back
from ..engine.node import ANY, Node, ancestors
from ..engine.record import record
from ..program.equation import Equation, Var, computed, looked_up, recorded as record_equation
from ..program.program import Program, program_of
from ..tensor import Tensor, tensor
from ..transforms.grad import vjp
from .case import check_pull, cotangent_like, prepare
from .evaluated import gradient_at, near_point
from .leaves import Function, as_array, is_differentiable
from .numeric import CannotCheck
from .report import Finding, name_of, named_like, names_of


@dataclass
class GradientBug:
    """One wrong edge of a graph.

    Attributes
    ----------
    op : str
        The name of the operation.
    argument : str
        Which of its arguments: the variable's name, or the parameter's.
    result : str
        The name of the result, or "".
    where, line : str
        ``file:number`` of the user's code, and its text.
    finding : Finding
        The entries, given and measured, and the likely cause.
    node : Node
        The node of the result; `parent` is that of the argument (None for a whole graph).
    loss : Tensor
        The result in whose graph it was found: `autograd_lite.testing.pictures.draw_bug` draws it.
    """

    op: str
    argument: str
    result: str
    where: str
    line: str
    finding: Finding
    node: Node
    parent: Node | None = None
    loss: Tensor | None = None

    def __str__(self) -> str:
        name = f" (named {self.result!r})" if self.result else ""
        lines = [f"the derivative of {self.op}{name} with respect to {self.argument} is wrong"]
        if self.where:
            lines.append(f"  {self.where}: {self.line}")
        return "\n".join([*lines, *("  " + line for line in str(self.finding).splitlines())])


def find_gradient_bug(loss: Any, *inputs: Any, seed: int = 0) -> GradientBug | None:
    """The first operation of a graph whose derivative is wrong, or None.

    Parameters
    ----------
    loss : Tensor or callable
        A recorded result, before its parameters are updated; or a function, recorded here at `inputs`.
    *inputs
        The arguments of a function: arrays, numbers, trees of them.
    seed : int
        For the random cotangents.

    Returns
    -------
    GradientBug or None
        Printing it shows the operation, the line that called it, the wrong entries and the likely cause.

    Examples
    --------
    >>> import numpy as np
    >>> print(find_gradient_bug(lambda x: np.sum(np.tanh(x) ** 2), np.ones(3)))
    None
    """
    return next(gradient_bugs(loss, *inputs, seed=seed), None)


def gradient_bugs(loss: Any, *inputs: Any, seed: int = 0) -> Iterator[GradientBug]:
    """All wrong edges of a graph, in the order of the program; see :func:`find_gradient_bug`."""
    if not isinstance(loss, Tensor):
        if not callable(loss):
            raise TypeError(f"find_gradient_bug: expected a Tensor or a function, got {type(loss).__name__}")
        loss = recorded(loss, inputs)
    elif inputs:
        raise TypeError("find_gradient_bug: a recorded loss takes no inputs; they are in its graph already")
    root = loss._node
    if root is None or not root.requires_grad:
        raise CannotCheck("the result has no graph: nothing it was computed from requires a gradient")
    program, variables = program_of(loss)
    nodes = {v: node for node, v in variables.items()}
    try:
        values = program.values
    except RuntimeError as error:
        raise CannotCheck(str(error)) from None
    rng = np.random.default_rng(seed)
    right = True
    for equation in program.equations:
        for bug in _wrong_edges(program, equation, values, nodes, rng):
            right = False
            yield replace(bug, loss=loss)
    if right:
        yield from _wrong_whole(loss, program, rng)


def recorded(f: Function, inputs: Iterable[Any]) -> Tensor:
    """The result of `f` at these inputs, with its graph."""
    args = tree_map(lambda v: tensor(v, requires_grad=True) if is_differentiable(v) else v, list(inputs))
    y = f(*args)
    if not isinstance(y, Tensor):
        raise CannotCheck(f"{name_of(f)} returns {type(y).__name__}, not a Tensor: it has no graph")
    return y


# -------------------------------------------------------------------------------------------------- edge by edge


def _wrong_edges(
    program: Program, equation: Equation, values: dict[Var, Any], nodes: dict[Var, Node], rng: np.random.Generator
) -> Iterator[GradientBug]:
    row, graded = equation.row, program.graded
    places = [i for i, x in enumerate(equation.operands) if isinstance(x, Var) and x in graded]
    if row.kind == "constant" or not places:
        return
    args = looked_up(values, equation.operands)
    names = _argument_names(program, equation, places)
    fn = row.surrogate or row.fn

    def filled(xs: Iterable[Any]) -> list[Any]:
        full = list(args)
        for i, x in zip(places, xs, strict=True):
            full[i] = x
        return full

    def f(*xs: Any) -> Any:
        return fn(*filled(xs), **equation.params)

    try:
        case = prepare(named_like(f, fn, names), [args[i] for i in places])
    except CannotCheck:
        return  # nan or an infinite value here, or integers: no derivative to judge
    case.rng = rng
    g = cotangent_like(case.y, rng)

    def recorded_row(*xs: Any) -> Any:
        return record(row, filled(xs), equation.params)

    pull = vjp(recorded_row, *case.flat.arrays(case.flat.x))[1]
    with suppress(ValueError):  # no derivative for this cotangent: that of complex eigenvectors depends on their phase
        check_pull(case, pull, g, "the derivative", gradient_at(case, recorded_row, g))
    output, where = equation.y, equation.origin.line
    file, _, line = where.rpartition(":")
    text = linecache.getline(file, int(line)).strip() if line.isdigit() else ""
    result = output.name if output in program.named else ""
    for finding in case.report.findings:
        operand = equation.operands[places[names.index(finding.argument) if finding.argument else 0]]
        argument = finding.argument or "its arguments"
        yield GradientBug(row.name, argument, result, where, text, finding, nodes[output], nodes[operand])


def _argument_names(program: Program, equation: Equation, places: list[int]) -> list[str]:
    count = len(equation.operands)
    defaults = [f"argument {i}" for i in range(count)] if equation.row.variadic else names_of(equation.row.fn, count)
    names: list[str] = []
    for i in places:
        operand = equation.operands[i]
        name = operand.name if operand in program.named else defaults[i]
        names.append(name if name not in names else f"{name} (argument {i})")
    return names


def _wrong_whole(loss: Tensor, program: Program, rng: np.random.Generator) -> Iterator[GradientBug]:
    """The graph as one function of its inputs. An error here but on no edge lies between operations, e.g. in a hook."""
    [result] = program.outputs
    inputs = {v: t._node for v, t in program.captured.items() if t._node is not None and t.requires_grad}
    names = [n.name or f"input {k}" for k, n in enumerate(inputs.values())]

    def result_at(xs: Any, call: Any) -> Any:
        values = {v: t._data for v, t in program.captured.items()} | dict(zip(inputs, xs, strict=True))
        return program.run(values, call)[result]

    f = near_point(lambda *xs: result_at(xs, computed))
    try:
        case = prepare(named_like(f, f, names), [n.y for n in inputs.values()])
    except CannotCheck:
        return
    root: Any = loss._node
    case.report.function = root.row.name if root.row else "the loss"
    g = cotangent_like(case.y, rng)

    def pull(g: Any) -> list[Any]:
        gradients = pull_back({root: as_array(g)}, inputs.values())
        return [gradients.get(n) for n in inputs.values()]

    check_pull(case, pull, g, "the gradient", gradient_at(case, lambda *xs: result_at(xs, record_equation), g))
    hooks = [n.label for n in ancestors([root], ANY)[::-1] if n.hooks is not None]
    for finding in case.report.findings:
        finding.cause = f"a hook: {', '.join(hooks)}" if hooks else "every edge is right: the backward pass is wrong"
        yield GradientBug("the whole graph", finding.argument, root.name or "", "", "", finding, root, loss=loss)
