"""What a row's rule says about one argument, as a formula in symbols.

The rule is run once, on Tensors that stand for ``g``, ``y`` and the arguments, and the little graph that this leaves is
read as a formula. Where that would be too long to read, or where the rule looks at its numbers on the way, the formula
is one call of the rule itself.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..engine.context import changed
from ..engine.node import TRACED, Node
from ..engine.value import wrap
from ..table import TABLE, Primitive
from ..tensor import Tensor
from .expression import Expr, conjugated, constant, make, name, number, of_graph, product, unguarded, walk

LONG = 24  # operations; a longer formula is given as a call of the rule
G, Y, X = "·g", "·y", "·x"  # symbols that no variable can be called


@dataclass(frozen=True)
class Edge:
    """How the cotangent of a step becomes that of one of its arguments.

    Attributes
    ----------
    combine : str
        ``"elementwise"``, ``"left"``, ``"right"`` (a product of matrices, the partial on that side), or ``"map"``.
    formula : Expr
        The partial; of a map the new cotangent in terms of the old one.
    axes : tuple of int
        To sum over afterwards, because the argument was repeated along them.
    """

    combine: str
    formula: Expr
    axes: tuple[int, ...]

    @property
    def is_simple(self) -> bool:
        """Whether it may be multiplied with other partials, entry by entry."""
        return self.combine == "elementwise" and not self.axes


@dataclass(frozen=True)
class Step:
    """One result of one recorded call, with the values of everything."""

    node: Node  # of the call
    index: int | None  # which result, where there are several
    xs: tuple[Any, ...]  # the values of the arguments
    recorded: tuple[bool, ...]  # whether each is a recorded value (or a constant)
    y: Any  # the value, or the tuple of values
    _symbols: list[Any] = field(default_factory=list, repr=False, compare=False)  # made once for all arguments

    @property
    def dtype(self) -> Any:
        return self.node.dtype if self.index is None else self.node.parts[self.index][1]

    @property
    def shape(self) -> tuple[int, ...]:
        return self.node.shape if self.index is None else self.node.parts[self.index][0]


def edge(step: Step, i: int, constants: Callable[[Any], Expr]) -> Edge:
    """The rule for argument `i`, as a formula in the symbols above."""
    row = step.node.row
    assert row is not None
    p_shape, p_dtype = np.shape(step.xs[i]), np.asarray(step.xs[i]).dtype
    turned = row.holomorphic and step.dtype.kind == "c"
    formula = _traced(step, i, constants, turned)
    if formula is None:
        formula = _called(step, i, constants)
        if turned:
            formula = conjugated(_put(formula, G, conjugated(name(G, step.shape))))
    if p_dtype.kind != "c" and step.dtype.kind == "c":
        formula = Expr("real", (formula,), None, {}, formula.shape, TABLE["real"])
    combine, formula, shape = _split(formula, step.shape)
    extra = max(len(shape) - len(p_shape), 0)
    axes = tuple(range(extra)) + tuple(
        k + extra for k, s in enumerate(p_shape) if s == 1 and shape[k + extra :][:1] not in ((), (1,))
    )
    return Edge(combine, formula, axes if int(np.prod(shape)) != int(np.prod(p_shape)) else ())


def _put(e: Expr, word: str, by: Expr) -> Expr:
    from_words = {word: by}
    done: dict[str, Expr] = {}
    for part in walk(e):
        if part.head == "name":
            done[part.key] = from_words.get(part.value, part)
        elif part.args:
            done[part.key] = Expr(
                part.head,
                tuple(done[a.key] for a in part.args),
                part.value,
                part.params,
                part.shape,
                part.row,
            )
        else:
            done[part.key] = part
    return done[e.key]


def _traced(step: Step, i: int, constants: Callable[[Any], Expr], turned: bool) -> Expr | None:
    """The formula by running the rule; None where that gives none that a person would read."""
    n, row = step.node, step.node.row
    assert row is not None
    g_symbol, y, xs, symbols, own = _symbols(step, constants, turned)
    try:
        with changed(recording=False, group=None, watcher=None), np.errstate(all="ignore"):
            d = row.symbolic_pull(i)(g_symbol, y, xs, n)
        if not isinstance(d, Tensor):
            return constant(d) if np.size(d) == 1 or not np.any(d) else None
        if d._node is None:
            return constant(d._data) if d._data.size == 1 or not d._data.any() else None
        formula = unguarded(of_graph(d._node, symbols))
    except (TypeError, ValueError, RuntimeError, AttributeError, NotImplementedError):
        return None  # it looks at its numbers: `if x > 0`
    parts = walk(formula)
    if sum(bool(part.args) for part in parts) > LONG:
        return None
    if any(
        part.head == "array" and part.value.size > 1 and part.key not in own and not _uniform(part.value)
        for part in parts
    ):
        return None  # numbers of this example, which other inputs would not have
    return conjugated(formula) if turned else formula


def _symbols(step: Step, constants: Callable[[Any], Expr], turned: bool) -> Any:
    """``g``, ``y`` and the arguments as Tensors, what they stand for, and the keys of the constants among them."""
    if step._symbols:
        return step._symbols
    symbols: dict[Node, Expr] = {}
    own: set[str] = set()

    def symbol(value: Any, e: Expr) -> Any:
        array = np.asarray(value)
        leaf = Node(None, (), (), array, array.shape, array.dtype, TRACED)
        symbols[leaf] = e
        return wrap(array, leaf)

    def argument(k: int, x: Any) -> Any:
        if step.recorded[k]:
            return symbol(x, name(f"{X}{k}", np.shape(x)))
        if np.ndim(x) == 0:
            return x
        own.add((e := constants(x)).key)
        return symbol(x, e)

    g_symbol: Any = symbol(
        np.ones(step.shape, step.dtype), conjugated(name(G, step.shape)) if turned else name(G, step.shape)
    )
    if step.index is None:
        y = symbol(step.y, name(Y, step.shape))
    else:
        y = tuple(symbol(v, name(f"{Y}{k}", np.shape(v))) for k, v in enumerate(step.y))
        g_symbol = tuple(g_symbol if k == step.index else None for k in range(len(step.y)))
    xs = tuple(argument(k, x) for k, x in enumerate(step.xs))
    step._symbols[:] = g_symbol, y, xs, symbols, own
    return step._symbols


def _uniform(value: Any) -> bool:
    return bool((value == value.flat[0]).all())


# --------------------------------------------------------------------------------------- a call of the rule itself


class RuleCall:
    """Stands where a row would in a formula: the rule of `row` for argument `i`, called."""

    kind = "general"
    np_name = tex = source = None
    variadic = outputs = False

    def __init__(self, row: Primitive, i: int, rule: Any, layout: Mapping[str, Any]) -> None:
        count = len(row.rules)
        self.name = f"{row.name.replace('.', '_')}_pull" + (f"_{i + 1}" if count > 1 else "")
        self.rule = rule
        self.layout = layout  # parameter to the place of its array, or places, or None for one in params

    def fn(self, *args: Any, **params: Any) -> Any:
        return self.rule(
            **{word: params[word] if at is None else _laid(at, args) for word, at in self.layout.items()}
        )


def _laid(at: Any, args: Sequence[Any]) -> Any:
    return tuple(None if k is None else args[k] for k in at) if isinstance(at, tuple) else args[at]


def _called(step: Step, i: int, constants: Callable[[Any], Expr]) -> Expr:
    n, row = step.node, step.node.row
    assert row is not None
    rule = row.rule(i)
    args: list[Expr] = []
    values: list[Any] = []
    params: dict[str, Any] = {}
    layout: dict[str, Any] = {}

    def add(e: Expr, value: Any) -> int:
        args.append(e)
        values.append(value)
        return len(args) - 1

    def x(k: int) -> int:
        value = step.xs[k]
        return add(name(f"{X}{k}", np.shape(value)) if step.recorded[k] else constants(value), value)

    for p in inspect.signature(rule).parameters.values():
        word, match = p.name, re.match(r"x(\d*)(_shape)?$", p.name)
        several = step.index is not None
        if word == "g" and several:
            ones = np.ones(step.shape, step.dtype)
            layout[word] = tuple(
                add(name(G, step.shape), ones) if k == step.index else None for k in range(len(step.y))
            )
        elif word == "y" and several:
            layout[word] = tuple(add(name(f"{Y}{k}", np.shape(v)), v) for k, v in enumerate(step.y))
        elif word in ("g", "y"):
            value = np.ones(step.shape, step.dtype) if word == "g" else step.y
            layout[word] = add(name(G if word == "g" else Y, step.shape), value)
        elif word == "xs" and row.variadic:
            layout[word] = tuple(x(k) for k in range(len(step.xs)))
        elif match and not match[2] and word not in n.params:
            layout[word] = x(int(match[1] or 1) - 1)
        else:
            known = {
                "i": i,
                "y_shape": n.shape,
                "x_dtype": np.asarray(step.xs[0]).dtype,
                "xs_shape": n.shapes,
            }
            layout[word] = None
            params[word] = (
                n.params[word]
                if word in n.params
                else known[word]
                if word in known
                else np.shape(step.xs[int(match[1] or 1) - 1])
                if match
                else p.default
            )
    call: Any = RuleCall(row, i, rule, layout)
    with np.errstate(all="ignore"):
        shape = np.shape(call.fn(*values, **params))
    e = Expr(call.name, tuple(args), None, params, shape, call)
    return product((name(G, step.shape), e), step.shape) if row.kind == "elementwise" else e


# ------------------------------------------------------------------------------------------------ reading a formula


def _split(formula: Expr, n_shape: tuple[int, ...]) -> tuple[str, Expr, tuple[int, ...]]:
    """A cotangent in terms of ``g`` as the partial, how it combines with ``g``, and the shape of the result."""
    shape = formula.shape if formula.head != "name" else n_shape
    while formula.head == "broadcast_to":  # happens by itself
        formula = formula.args[0]
    combine, partial = _parted(formula, n_shape)
    return combine, partial, shape


def _parted(formula: Expr, n_shape: tuple[int, ...]) -> tuple[str, Expr]:
    single = int(np.prod(n_shape)) == 1
    inner = formula
    while single and inner.head in ("reshape", "broadcast_to", "getitem") and inner.args[0].names == {G}:
        inner = inner.args[0]
    if inner.head == "name" and inner.value == G:
        return "elementwise", number(1)
    if G not in formula.names:
        return ("elementwise", formula) if formula.is_number else ("map", formula)
    if formula.head == "negative":
        combine, inner = _parted(formula.args[0], n_shape)
        if combine == "elementwise":
            return combine, product((number(-1), inner), inner.shape)
    if formula.head == "product":
        with_g = [f for f in formula.args if G in f.names]
        rest = [f for f in formula.args if f is not with_g[0]]
        if len(with_g) == 1:
            combine, inner = _parted(with_g[0], n_shape)
            if combine == "elementwise":
                return combine, product(
                    [inner, *rest], np.broadcast_shapes(inner.shape, *(f.shape for f in rest))
                )
    if formula.head == "divide" and G not in formula.args[1].names:
        combine, inner = _parted(formula.args[0], n_shape)
        if combine == "elementwise":
            shape = np.broadcast_shapes(inner.shape, formula.args[1].shape)
            return combine, make(TABLE["divide"], (inner, formula.args[1]), {}, shape)
    if formula.head == "where" and G not in formula.args[0].names:
        mask, a, b = formula.args
        sides = [
            _parted(s, n_shape)
            if G in s.names
            else ("elementwise", number(0))
            if s.is_number and not s.value
            else ("map", s)
            for s in (a, b)
        ]
        if sides[0][0] == sides[1][0] == "elementwise":
            return "elementwise", make(TABLE["where"], (mask, sides[0][1], sides[1][1]), {}, formula.shape)
    if formula.head == "outer" and G not in formula.args[0].names and _is_g(formula.args[1]):
        (n,) = formula.args[0].shape
        return "elementwise", make(
            TABLE["reshape"], (formula.args[0],), {"shape": (n, 1), "order": "C"}, (n, 1)
        )
    if formula.head == "matmul":
        a, b = formula.args
        if _is_g(b) and G not in a.names:
            return "left", a
        if _is_g(a) and G not in b.names:
            return "right", b
    return "map", formula


def _is_g(e: Expr) -> bool:
    return e.head == "name" and e.value == G


def joined(combine: str, formula: Expr, above: Expr, shape: tuple[int, ...]) -> Expr:
    """What comes from above, carried past a partial, as a formula."""
    if combine == "elementwise":
        full = np.broadcast_shapes(above.shape, formula.shape)
        return product((above, formula), full)
    if combine == "left":
        return make(TABLE["matmul"], (formula, above), {}, shape)
    return make(TABLE["matmul"], (above, formula), {}, shape)
