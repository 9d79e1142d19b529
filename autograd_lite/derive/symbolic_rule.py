"""The rule of a row for one argument, as a formula in symbols.

The rule is run once, on Tensors that stand for ``g``, ``y`` and the arguments, and the small graph that this records is
read as a formula. Where that would be too long to read, or where the rule branches on its numbers, the formula is one
call of the rule itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from ..base.escape import plain
from ..engine.context import changed
from ..engine.node import Node
from ..engine.operands import raw
from ..engine.value import wrap
from ..program import Equation, Var
from ..program.graph import leaf
from ..table import Primitive
from ..tensor import Tensor
from .factors import Combine, Edge
from .formula import Expr, Function, Shape, constant, name, named, number, unsimplified, walk
from .formula_ops import conjugated, of_graph, unguarded
from .simplify import adds_in_front, make, product, transposed
from .textbook_parser import Written
from .writing import operator_name, subscript

LONG = 24  # operations; a longer formula is given as a call of the rule
G, Y, X = "·g", "·y", "·x"  # symbols that no variable can be called


class CallResult:
    """One result `n` of one equation: ``g``, ``y`` and the arguments in symbols, with their values.

    `values` are those of the program; ``constant(k)`` is the formula for operand `k`, which is a constant.
    """

    def __init__(self, eq: Equation, n: Var, values: Mapping[Var, Any], constant: Callable[[int], Expr]) -> None:
        self.equation, self.row, self.n = eq, eq.row, n
        self.is_turned = eq.row.holomorphic and n.dtype.kind == "c"  # a rule has the conjugate of g, and gives another
        self.xs = tuple(
            Written(name(f"{X}{k}", x.shape), values[x]) if isinstance(x, Var) else Written(constant(k), x)
            for k, x in enumerate(eq.operands)
        )
        #: The results and their cotangents: where there are several, as tuples.
        self.y: Any = Written(name(Y, n.shape), values[n])
        self.g: Any = cotangent_of(n)
        if eq.row.outputs:
            self.y = tuple(Written(name(f"{Y}{k}", v.shape), values[v]) for k, v in enumerate(eq.outputs))
            self.g = tuple(self.g if v is n else None for v in eq.outputs)

    @property
    def values(self) -> dict[str, Any]:
        """The values of all symbols but ``g``."""
        results = self.y if self.row.outputs else (self.y,)
        return {w.formula.value: w.value for w in (*self.xs, *results) if w.formula.role == "name"}

    @cached_property
    def stated(self) -> set[str]:
        """The keys of what stands in the formulas of the arguments."""
        return {part.key for x in self.xs for part in walk(x.formula)}

    @cached_property
    def tensors(self) -> tuple[Any, Any, Any, dict[Node, Expr]]:
        """``g``, ``y`` and the arguments as Tensors, and what these stand for; a number is one."""
        meanings: dict[Node, Expr] = {}

        def tensor(symbol: Any) -> Any:
            if isinstance(symbol, tuple):
                return tuple(map(tensor, symbol))
            if symbol is None or symbol.formula.is_number:
                is_zero = symbol is not None and type(symbol.value) is float and not symbol.value
                return np.float64(0) if is_zero else symbol and symbol.value  # of x / 0.0 the rule is 1 / 0
            array = np.asarray(symbol.value)
            node = leaf(array, requires_grad=False)
            turned = self.is_turned and is_g(symbol.formula)
            meanings[node] = conjugated(symbol.formula) if turned else symbol.formula
            return wrap(array, node)

        return tensor(self.g), tensor(self.y), tensor(self.xs), meanings


def cotangent_of(n: Var) -> Written:
    """``g`` for a value; an example is all ones."""
    return Written(name(G, n.shape), np.ones(n.shape, n.dtype))


def edge(result: CallResult, i: int) -> Edge:
    """The rule for argument `i`, as a formula in the symbols above."""
    n, x = result.n, np.asarray(result.xs[i].value)
    formula, kind = _traced(result, i)
    if formula is None:
        formula, kind = _called(result, i)
        if result.is_turned:
            formula = conjugated(named(formula, {G: conjugated(name(G, n.shape))}))
    if x.dtype.kind != "c" and "c" in (n.dtype.kind, kind):
        formula = unsimplified("real", (formula,), formula.shape)
    return parted(formula, n.shape, x.shape)


def parted(formula: Expr, n_shape: Shape, p_shape: Shape) -> Edge:
    """The edge of a cotangent in terms of ``g``, from a result to an argument of these shapes."""
    combine, formula, shape = _split(formula, n_shape)
    if formula.is_number and not formula.value and n_shape != p_shape:  # whatever the shapes are
        return Edge(Combine.MAP, formula, ())
    extra = max(len(shape) - len(p_shape), 0)
    axes = tuple(range(extra)) + tuple(
        k + extra for k, s in enumerate(p_shape) if s == 1 and shape[k + extra :][:1] not in ((), (1,))
    )
    return Edge(combine, formula, axes if math.prod(shape) != math.prod(p_shape) else ())


def _traced(result: CallResult, i: int) -> tuple[Expr | None, str]:
    """The formula from running the rule (None where it is not one that a person would read), and its dtype's kind."""
    g, y, xs, meanings = result.tensors
    try:
        with changed(recording=False, group=None, watcher=None), np.errstate(all="ignore"):
            d = result.row.symbolic_pull(i)(g, y, xs, result.equation)
        if not isinstance(d, Tensor) or d._node is None:
            value = np.asarray(raw(d))
            return constant(value) if value.size == 1 or not value.any() else None, value.dtype.kind
        formula = unguarded(of_graph(d._node, meanings))
    except (TypeError, ValueError, RuntimeError, AttributeError, NotImplementedError):
        return None, ""  # it branches on its numbers: `if x > 0`
    inside = walk(formula)
    if sum(bool(part.args) for part in inside) > LONG:
        return None, ""
    arrays = (p.value for p in inside if p.role == "array" and p.value.size and p.key not in result.stated)
    if any((value != value.flat[0]).any() for value in arrays):
        return None, ""  # numbers of this example, which other inputs would not have
    return conjugated(formula) if result.is_turned else formula, d.dtype.kind


# --------------------------------------------------------------------------------------- a call of the rule itself


class RuleCall(Function):
    """Stands in a formula in the place of a row: the rule of `row` for argument `i`, called."""

    def __init__(self, row: Primitive, i: int, rule: Any, layout: Mapping[str, Any]) -> None:
        suffix = f"_{i + 1}" if len(row.rules) > 1 else ""
        super().__init__(f"{row.name.replace('.', '_')}_pull{suffix}", self._call)
        self.rule = rule
        self.layout = layout  # parameter to the place of its array, or places, or None for one in params

    def _call(self, *args: Any, **params: Any) -> Any:
        def value(place: Any) -> Any:
            if isinstance(place, tuple):
                return tuple(map(value, place))
            x = None if place is None else args[place]
            return np.asarray(x) if isinstance(x, int | float) else x  # a label is a 0-d array

        places = self.layout.items()
        return self.rule(**{word: params[word] if place is None else value(place) for word, place in places})


def _called(result: CallResult, i: int) -> tuple[Expr, str]:
    """A call of the rule, and the kind of its dtype."""
    eq, row, rule = result.equation, result.row, result.row.rule(i)
    operands: list[Written] = []
    params: dict[str, Any] = {}
    layout: dict[str, Any] = {}
    facts = {"i": i, "params": eq.params, "y_shape": eq.shape, "xs_shape": eq.shapes}
    facts["x_dtype"] = np.asarray(result.xs[0].value).dtype

    def place(symbol: Any) -> Any:
        if isinstance(symbol, tuple):
            return tuple(map(place, symbol))
        if symbol is None:
            return None
        operands.append(symbol)
        return len(operands) - 1

    for slot in row.slots(i, rule):
        layout[slot.name] = None
        match slot.kind:
            case "g" | "y" | "xs":
                layout[slot.name] = place(getattr(result, slot.kind))
            case "x":
                layout[slot.name] = place(result.xs[slot.k])
            case "x_shape":
                params[slot.name] = eq.shape_of(slot.k)
            case "param":
                params[slot.name] = eq.params[slot.name]
            case _:
                params[slot.name] = facts[slot.kind]
    args = [w.formula for w in operands]
    call = RuleCall(row, i, rule, layout)
    call.text, call.tex = _primed(row, i, args)
    with np.errstate(all="ignore"):
        value = np.asarray(call.fn(*(w.value for w in operands), **params))
    e = unsimplified(call, args, value.shape, **params)
    g = name(G, result.n.shape)
    return product((g, e), g.shape) if row.kind == "elementwise" else e, value.dtype.kind


def _primed(row: Primitive, i: int, args: Sequence[Expr]) -> tuple[str, str]:
    """A rule on a board, as text and LaTeX: ``gelu′(x)``, or ``dL/dy · svd′(x)`` for what is not a factor."""
    above = ", ".join(f"{{x{k + 1}}}" for k, e in enumerate(args) if is_g(e))
    inside = ", ".join(f"{{x{k + 1}}}" for k, e in enumerate(args) if not is_g(e))
    which = str(i + 1) if len(row.rules) > 1 and not row.variadic else ""
    text, tex = (word.replace("{", "{{").replace("}", "}}") for word in (plain(row.name), operator_name(row.name)))
    text, tex = f"{text}′{subscript(which)}", f"{tex}'" + (f"_{{{{{which}}}}}" if which else "")
    if inside:
        text, tex = f"{text}({inside})", rf"{tex}\left({inside}\right)"
    return (f"{above} · {text}", rf"{above} \, {tex}") if above else (text, tex)


# ------------------------------------------------------------------------------------------------ reading a formula


def _split(formula: Expr, n_shape: Shape) -> tuple[Combine, Expr, Shape]:
    """A cotangent in terms of ``g``: how its partial meets ``g``, the partial, and the shape of the result."""
    shape = formula.shape if formula.role != "name" else n_shape
    while formula.role == "broadcast" or adds_in_front(formula):  # NumPy does it anyway
        formula = formula.of
    partial = _entrywise(formula, n_shape)
    if partial is not None:
        return Combine.ELEMENTWISE, partial, shape
    return *(_matrix(formula) or (Combine.MAP, formula)), shape


#: The arguments in which a role is linear, entry by entry.
_LINEAR_IN = {"negation": {0}, "quotient": {0}, "selection": {1, 2}}


def _entrywise(e: Expr, n_shape: Shape) -> Expr | None:
    """The partial of a formula that is ``g`` times something, entry by entry."""
    inner = e
    while math.prod(n_shape) == 1 and inner.role in ("reshape", "broadcast", "index") and inner.of.names == {G}:
        inner = inner.of
    if is_g(inner):
        return number(1)
    if G not in e.names:
        return e if e.is_number else None
    with_g = {k for k, a in enumerate(e.args) if G in a.names}
    places = with_g if e.role == "product" and len(with_g) == 1 else _LINEAR_IN.get(e.role, set())
    if not with_g <= places or any(e.args[k].is_number and e.args[k].value for k in places - with_g):
        return None
    args = [_entrywise(a, n_shape) if k in places else a for k, a in enumerate(e.args)]
    partials = [a for a in args if a is not None]
    if e.row is None or len(partials) < len(args):
        return None
    return make(e.row, partials, e.params, np.broadcast_shapes(*(a.shape for a in partials)))


def _matrix(e: Expr) -> tuple[Combine, Expr] | None:
    """The matrix that a formula multiplies ``g`` with, and from which side."""
    if e.role != "matrix product":
        return None
    a, b = e.args
    if len(a.shape) != len(b.shape) and 2 in (len(x.shape) for x in (a, b) if is_g(x)):  # g @ v of an outer product
        return None
    if is_g(b) and G not in a.names:
        return Combine.LEFT, a
    if is_g(a) and G not in b.names:
        if len(a.shape) == 1 and len(b.shape) == 2:  # of a vector, as textbooks have it
            return Combine.LEFT, transposed(b)
        return Combine.RIGHT, b
    return None


def is_g(e: Expr) -> bool:
    return e.role == "name" and e.value == G
