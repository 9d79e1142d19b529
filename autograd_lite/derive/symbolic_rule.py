"""The rule of a row for one argument, as a formula in symbols.

The rule is run once, on Tensors that stand for ``g``, ``y`` and the arguments, and the small graph that this records is
read as a formula. Where that would be too long to read, or where the rule branches on its numbers, the formula is one
call of the rule itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..base.escape import plain
from ..engine.context import changed
from ..engine.value import wrap
from ..program import Equation, Var
from ..program.graph import leaf
from ..table import Primitive
from ..tensor import Tensor
from .factors import Combine, Edge
from .formula import Expr, Function, constant, name, number, replaced, unsimplified, walk
from .formula_ops import conjugated, of_graph, unguarded
from .simplify import make, product, simplified
from .writing import operator_name, subscript

LONG = 24  # operations; a longer formula is given as a call of the rule
G, Y, X = "·g", "·y", "·x"  # symbols that no variable can be called


@dataclass(frozen=True)
class CallResult:
    """One result of one equation, with the values of everything."""

    equation: Equation
    index: int | None  # which result, where there are several
    xs: tuple[Any, ...]  # the values of the arguments
    y: Any  # the value, or the tuple of values
    _symbols: list[Any] = field(default_factory=list, repr=False, compare=False)  # made once for all arguments

    @classmethod
    def of(cls, eq: Equation, index: int | None, values: Mapping[Var, Any]) -> CallResult:
        """A result of an equation, from the values of the program."""
        xs = tuple(values[x] if isinstance(x, Var) else x for x in eq.operands)
        y = values[eq.outputs[0]] if index is None else tuple(values[v] for v in eq.outputs)
        return cls(eq, index, xs, y)

    @property
    def _output(self) -> Var:
        return self.equation.outputs[self.index or 0]

    @property
    def dtype(self) -> Any:
        return self._output.dtype

    @property
    def shape(self) -> tuple[int, ...]:
        return self._output.shape

    def is_recorded(self, k: int) -> bool:
        """Whether argument `k` is a value of the program, and no constant."""
        return isinstance(self.equation.operands[k], Var)


def edge(result: CallResult, i: int, constants: Callable[[int, Any], Expr]) -> Edge:
    """The rule for argument `i`, as a formula in the symbols above."""
    row = result.equation.row
    p_shape, p_dtype = np.shape(result.xs[i]), np.asarray(result.xs[i]).dtype
    turned = row.holomorphic and result.dtype.kind == "c"
    formula, kind = _traced(result, i, constants, turned)
    if formula is None:
        formula, kind = _called(result, i, constants)
        if turned:
            g = conjugated(name(G, result.shape))
            formula = conjugated(replaced(formula, lambda part: g if is_g(part) else None))
    if p_dtype.kind != "c" and "c" in (result.dtype.kind, kind):
        formula = unsimplified("real", (formula,), formula.shape)
    return parted(formula, result.shape, p_shape)


def parted(formula: Expr, n_shape: tuple[int, ...], p_shape: tuple[int, ...]) -> Edge:
    """The edge of a cotangent in terms of ``g``, from a result to an argument of these shapes."""
    combine, formula, shape = _split(formula, n_shape)
    if formula.is_number and not formula.value and n_shape != p_shape:  # whatever the shapes are
        return Edge(Combine.MAP, formula, ())
    extra = max(len(shape) - len(p_shape), 0)
    axes = tuple(range(extra)) + tuple(
        k + extra for k, s in enumerate(p_shape) if s == 1 and shape[k + extra :][:1] not in ((), (1,))
    )
    return Edge(combine, formula, axes if int(np.prod(shape)) != int(np.prod(p_shape)) else ())


def _traced(result: CallResult, i: int, constants: Callable[[int, Any], Expr], turned: bool) -> Any:
    """The formula from running the rule (None where it is not one that a person would read), and its dtype's kind."""
    eq, row = result.equation, result.equation.row
    g_symbol, y, xs, symbols, constant_keys = _symbols(result, constants, turned)
    try:
        with changed(recording=False, group=None, watcher=None), np.errstate(all="ignore"):
            d = row.symbolic_pull(i)(g_symbol, y, xs, eq)
        if not isinstance(d, Tensor):
            return constant(d) if np.size(d) == 1 or not np.any(d) else None, np.asarray(d).dtype.kind
        if d._node is None:
            return constant(d._data) if d._data.size == 1 or not d._data.any() else None, d.dtype.kind
        formula = unguarded(of_graph(d._node, symbols))
    except (TypeError, ValueError, RuntimeError, AttributeError, NotImplementedError):
        return None, ""  # it branches on its numbers: `if x > 0`
    inside = walk(formula)
    if sum(bool(part.args) for part in inside) > LONG:
        return None, ""
    arrays = (part for part in inside if part.role == "array" and part.value.size > 1 and part.key not in constant_keys)
    if not all(_uniform(part.value) for part in arrays):
        return None, ""  # numbers of this example, which other inputs would not have
    return conjugated(formula) if turned else formula, d.dtype.kind


def _symbols(result: CallResult, constants: Callable[[int, Any], Expr], turned: bool) -> Any:
    """``g``, ``y`` and the arguments as Tensors, what they stand for, and the keys of the constants among them."""
    if result._symbols:
        return result._symbols
    symbols: dict[Any, Expr] = {}  # by node
    constant_keys: set[str] = set()

    def symbol(value: Any, e: Expr) -> Any:
        array = np.asarray(value)
        node = leaf(array, requires_grad=False)
        symbols[node] = e
        return wrap(array, node)

    def argument(k: int, x: Any) -> Any:
        if result.is_recorded(k):
            return symbol(x, name(f"{X}{k}", np.shape(x)))
        e = constants(k, x)
        if e.is_number:
            return x
        constant_keys.update(part.key for part in walk(e))
        return symbol(x, e)

    g = name(G, result.shape)
    g_symbol: Any = symbol(np.ones(result.shape, result.dtype), conjugated(g) if turned else g)
    if result.index is None:
        y = symbol(result.y, name(Y, result.shape))
    else:
        y = tuple(symbol(v, name(f"{Y}{k}", np.shape(v))) for k, v in enumerate(result.y))
        g_symbol = tuple(g_symbol if k == result.index else None for k in range(len(result.y)))
    xs = tuple(argument(k, x) for k, x in enumerate(result.xs))
    result._symbols[:] = g_symbol, y, xs, symbols, constant_keys
    return result._symbols


def _uniform(value: Any) -> bool:
    return bool((value == value.flat[0]).all())


# --------------------------------------------------------------------------------------- a call of the rule itself


class RuleCall(Function):
    """Stands in a formula in the place of a row: the rule of `row` for argument `i`, called."""

    def __init__(self, row: Primitive, i: int, rule: Any, layout: Mapping[str, Any]) -> None:
        suffix = f"_{i + 1}" if len(row.rules) > 1 else ""
        super().__init__(f"{row.name.replace('.', '_')}_pull{suffix}", self._call)
        self.rule = rule
        self.layout = layout  # parameter to the place of its array, or places, or None for one in params

    def _call(self, *args: Any, **params: Any) -> Any:
        return self.rule(**{word: params[word] if at is None else _laid(at, args) for word, at in self.layout.items()})


def _laid(at: Any, args: Sequence[Any]) -> Any:
    return tuple(None if k is None else args[k] for k in at) if isinstance(at, tuple) else args[at]


def _called(result: CallResult, i: int, constants: Callable[[int, Any], Expr]) -> tuple[Expr, str]:
    """A call of the rule, and the kind of its dtype."""
    eq, row = result.equation, result.equation.row
    rule = row.rule(i)
    args: list[Expr] = []
    values: list[Any] = []
    params: dict[str, Any] = {}
    layout: dict[str, Any] = {}
    facts = {"i": i, "y_shape": eq.shape, "x_dtype": np.asarray(result.xs[0]).dtype, "xs_shape": eq.shapes}

    def add(value: Any, e: Expr) -> int:
        args.append(e)
        values.append(value)
        return len(args) - 1

    def x(k: int) -> int:
        value = result.xs[k]
        return add(value, name(f"{X}{k}", np.shape(value)) if result.is_recorded(k) else constants(k, value))

    def y() -> Any:
        if result.index is None:
            return add(result.y, name(Y, result.shape))
        return tuple(add(v, name(f"{Y}{k}", np.shape(v))) for k, v in enumerate(result.y))

    def g() -> Any:
        ones, symbol = np.ones(result.shape, result.dtype), name(G, result.shape)
        if result.index is None:
            return add(ones, symbol)
        return tuple(add(ones, symbol) if k == result.index else None for k in range(len(result.y)))

    for slot in row.slots(i, rule):
        layout[slot.name] = None
        match slot.kind:
            case "g":
                layout[slot.name] = g()
            case "y":
                layout[slot.name] = y()
            case "x":
                layout[slot.name] = x(slot.k)
            case "xs":
                layout[slot.name] = tuple(map(x, range(len(result.xs))))
            case "x_shape":
                params[slot.name] = np.shape(result.xs[slot.k])
            case "param":
                params[slot.name] = eq.params[slot.name]
            case _:
                params[slot.name] = facts[slot.kind]
    call: Any = RuleCall(row, i, rule, layout)
    call.text, call.tex = _primed(row, i, args)
    with np.errstate(all="ignore"):
        value = np.asarray(call.fn(*values, **params))
    e = Expr(call.name, tuple(args), None, params, value.shape, call)
    return product((name(G, result.shape), e), result.shape) if row.kind == "elementwise" else e, value.dtype.kind


def _primed(row: Primitive, i: int, args: Sequence[Expr]) -> tuple[str, str]:
    """A rule on a board, as text and LaTeX: ``gelu′(x)``, or ``dL/dy · svd′(x)`` for what is not a factor."""
    places = [(f"{{x{k + 1}}}", is_g(e) or e.role == "conjugate") for k, e in enumerate(args)]
    inside = ", ".join(place for place, from_above in places if not from_above)
    above = ", ".join(place for place, from_above in places if from_above)
    which = str(i + 1) if len(row.rules) > 1 and not row.variadic else ""
    word = plain(row.name).replace("{", "{{").replace("}", "}}")
    text = f"{word}′{subscript(which)}" + (f"({inside})" if inside else "")
    named = operator_name(row.name).replace("{", "{{").replace("}", "}}")
    tex = f"{named}'{f'_{{{{{which}}}}}' if which else ''}" + (rf"\left({inside}\right)" if inside else "")
    return (f"{above} · {text}", rf"{above} \, {tex}") if above else (text, tex)


# ------------------------------------------------------------------------------------------------ reading a formula


def _split(formula: Expr, n_shape: tuple[int, ...]) -> tuple[Combine, Expr, tuple[int, ...]]:
    """A cotangent in terms of ``g``: how its partial meets ``g``, the partial, and the shape of the result."""
    shape = formula.shape if formula.role != "name" else n_shape
    while formula.role == "broadcast" or _is_leading(formula):  # NumPy does it anyway
        formula = formula.args[0]
    partial = _entrywise(formula, n_shape)
    if partial is not None:
        return Combine.ELEMENTWISE, partial, shape
    return *(_matrix(formula) or (Combine.MAP, formula)), shape


#: The arguments in which a role is linear, entry by entry.
_LINEAR_IN = {"negation": {0}, "quotient": {0}, "selection": {1, 2}}


def _entrywise(e: Expr, n_shape: tuple[int, ...]) -> Expr | None:
    """The partial of a formula that is ``g`` times something, entry by entry."""
    inner = e
    while int(np.prod(n_shape)) == 1 and inner.role in ("reshape", "broadcast", "index") and inner.args[0].names == {G}:
        inner = inner.args[0]
    if is_g(inner):
        return number(1)
    if G not in e.names:
        return e if e.is_number else None
    if e.role == "outer product" and G not in e.args[0].names and is_g(e.args[1]):
        (n,) = e.args[0].shape
        return simplified("reshape", (e.args[0],), (n, 1), shape=(n, 1), order="C")
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
    if is_g(b) and G not in a.names:
        return Combine.LEFT, a
    if is_g(a) and G not in b.names:
        if len(a.shape) == 1 and len(b.shape) == 2:  # of a vector, as textbooks have it
            return Combine.LEFT, simplified("transpose", (b,), b.shape[::-1], axes=None)
        return Combine.RIGHT, b
    return None


def _is_leading(e: Expr) -> bool:
    """Whether a reshape only adds axes of length one in front."""
    return e.role == "reshape" and e.shape == (1,) * (len(e.shape) - len(e.args[0].shape)) + e.args[0].shape


def is_g(e: Expr) -> bool:
    return e.role == "name" and e.value == G
