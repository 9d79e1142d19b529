"""One factor of a chain of derivatives: a formula, its value, and how it combines with the cotangent."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import reduce
from operator import matmul, mul
from typing import Any, TypeAlias, TypeVar

import numpy as np

from ..program import Var
from ..table import Primitive
from .formula import Expr, Function, Shape, factors_of, index_parts, is_cut, name, number, terms_of, unsimplified
from .formula_ops import evaluate
from .simplify import fitted, full, is_negative, is_zero, make, matrix_times, one_entry, product, simplified, times
from .writing import entries_of, root_of

T = TypeVar("T")
WRITTEN_OUT, FEW = 6, 4  # entries of a vector that is written out, and of one with a single entry that is not 0
Pull: TypeAlias = Callable[[Any], Any]  # from the cotangent of a result to that of an argument, in numbers


class Combine(StrEnum):
    """The way in which a factor meets the gradient above it."""

    ELEMENTWISE = "elementwise"
    LEFT = "left"  # a matrix, which stands left of the gradient
    RIGHT = "right"
    MAP = "map"  # the formula is the gradient below, in terms of the one above

    __repr__ = str.__repr__

    def apply(
        self, above: T, partial: T, times: Callable[[T, T], T] = mul, matrix_times: Callable[[T, T], T] = matmul
    ) -> T:
        """The gradient below, from the one above and a partial; the partial of a map is that gradient itself.

        `times` and `matrix_times` multiply: arrays, unless others are given.
        """
        match self:
            case Combine.ELEMENTWISE:
                return times(above, partial)
            case Combine.LEFT:
                return matrix_times(partial, above)
            case Combine.RIGHT:
                return matrix_times(above, partial)
        return partial


@dataclass(frozen=True, eq=False)
class Edge:
    """The rule by which the cotangent of a result becomes that of one of its arguments.

    Attributes
    ----------
    combine : Combine
    formula : Expr
        The partial; of a map the new cotangent in terms of the old one.
    axes : tuple of int
        To sum over afterwards, because the argument was repeated along them.
    """

    combine: Combine
    formula: Expr
    axes: Shape

    @property
    def is_map(self) -> bool:
        return self.combine is Combine.MAP

    @property
    def is_elementwise(self) -> bool:
        return self.combine is Combine.ELEMENTWISE

    @property
    def is_simple(self) -> bool:
        """Whether it may be multiplied with other partials, entry by entry."""
        return self.is_elementwise and not self.axes

    def joined(self, above: Expr, partial: Expr | None = None) -> Expr:
        """The gradient below before it is summed, as a formula; `partial` stands for the formula."""
        return self.combine.apply(above, self.formula if partial is None else partial, times, matrix_times)

    def below(self, above: Expr, partial: Expr, of: Shape, wrt: Shape) -> Expr:
        """The gradient with respect to an argument, as a formula, from that of a result of shape `of`."""
        down = self.joined(above, partial)
        if self.axes and self.is_elementwise:
            in_front, body = scalars_apart(down)
            return in_front(summed(fitted(body, np.broadcast_shapes(body.shape, of)), self.axes, wrt))
        return summed(down, self.axes, wrt) if self.axes else down

    def pulled(self, g: Any, partial: Any, of: Shape, wrt: Shape) -> Any:
        """The same in numbers."""
        d = self.combine.apply(g, partial)
        if self.axes and self.is_elementwise:
            d = np.broadcast_to(d, np.broadcast_shapes(np.shape(d), of))
        return laid_out(np.sum(d, axis=self.axes) if self.axes else d, wrt)


@dataclass(frozen=True, eq=False)
class Factor(Edge):
    """One factor of a chain: the partial derivative of one landmark with respect to another.

    Attributes
    ----------
    of, wrt : Var
    symbol : str
        ``dP/dC``.
    formula : Expr
        The partial itself; for a map the cotangent below in terms of the one above, written `cotangent`.
    combine : Combine
        A string: ``"elementwise"``, ``"left"`` (the partial stands left of the cotangent), ``"right"``, or ``"map"``.
    axes : tuple of int
        To sum over afterwards, because the argument was broadcast along them.
    value : ndarray or None
        The partial in numbers; None for a map.
    rules : tuple of Primitive
        The rows whose rules it is made of.
    cotangent : str
        What the cotangent is called in the formula of a map.
    pull : callable or None
        From the old cotangent to the new one in numbers, where the formula only says what a textbook says.
    remarks : tuple of str
        What textbooks say beside it, such as what holds at a tie.
    conventions : tuple of str
        What they say beside it whatever the numbers are.
    symmetric : tuple of str
        The matrices whose transposes are not written.

    Examples
    --------
    >>> import autograd_lite as ag
    >>> x = ag.tensor(2.0, requires_grad=True, name="x")
    >>> y = ag.sin(x)
    >>> factor = ag.partials(y, x, names={"y": y}).paths[0][0]
    >>> factor.symbol, factor.combine, round(float(factor.value), 4)
    ('dy/dx', 'elementwise', -0.4161)
    """

    of: Var
    wrt: Var
    symbol: str
    value: Any
    rules: tuple[Primitive, ...]
    cotangent: str
    _env: Mapping[str, Any]
    pull: Pull | None = None
    remarks: tuple[str, ...] = ()
    conventions: tuple[str, ...] = ()
    symmetric: tuple[str, ...] = ()

    @property
    def shapes(self) -> tuple[Shape, Shape]:
        return self.of.shape, self.wrt.shape

    @property
    def stated(self) -> Expr:
        """The formula as it is written: that of a vector with respect to one that is added to it is ``I``, not 1, but
        with respect to a number 1.
        """
        is_one = self.is_elementwise and self.formula.is_number and self.formula.value in (1, -1)
        is_one = is_one and math.prod(self.of.shape) > 1 and self.wrt.ndim > 0
        return product((self.formula, name("I")), ()) if is_one else self.formula

    def apply(self, g: Any) -> Any:
        """The cotangent of `wrt`, from the cotangent `g` of `of`."""
        if self.pull is not None:
            return self.pull(g)
        partial = evaluate(self.formula, {**self._env, self.cotangent: g}) if self.is_map else self.value
        return self.pulled(g, partial, *self.shapes)

    def jacobian(self) -> Any:
        """The derivative of every entry with respect to every entry, of shape ``of.shape + wrt.shape``."""
        of_shape, wrt_shape = self.shapes
        size = math.prod(of_shape)
        rows = [self.apply(e) for e in np.eye(size).reshape(size, *of_shape)]
        return np.reshape(rows, of_shape + wrt_shape)

    def __repr__(self) -> str:
        from_above = "" if self.is_elementwise else f", {self.combine}"
        of_shape, wrt_shape = self.shapes
        return f"<Factor {self.symbol} {of_shape} by {wrt_shape}{from_above}>"


def carried(g: Any, path: Iterable[Factor]) -> Any:
    """The cotangent at the end of a path of factors, from that at its start."""
    for factor in path:
        g = factor.apply(g)
    return g


def laid_out(d: Any, shape: Shape) -> Any:
    """`d` at full shape; it may be smaller where all entries are the same."""
    if np.size(d) == math.prod(shape):
        return np.reshape(d, shape)
    return np.broadcast_to(np.reshape(d, ()) if np.size(d) == 1 else d, shape)


class FoldedCall(Function):
    """Takes the place of a row in a formula: a module or composite call, as one step."""


def summed(e: Expr, axes: Shape, shape: Shape) -> Expr:
    """The sum of a formula over `axes`, in the given shape."""
    inner = e.of if e.role == "broadcast" else e
    if e.role == "negation" or is_negative(inner):
        positive = e.of if e.role == "negation" else full(number(-inner.value), e.shape)
        return product((number(-1), summed(positive, axes, shape)), shape)
    if e.role == "product" and not shape and len(axes) == len(e.shape) and (entry := one_entry(e)) is not None:
        return entry
    kept = len(e.shape) == len(shape)
    after = tuple(1 if k in axes else s for k, s in enumerate(e.shape) if kept or k not in axes)
    total = unsimplified("sum", (e,), after, axis=axes, keepdims=kept)
    return simplified("reshape", (total,), shape, shape=shape, order="C")


def total(terms: Sequence[Expr]) -> Expr:
    """The sum of several formulas; of single entries of a vector it is the vector."""
    terms = _entries(terms)
    return reduce(lambda a, b: simplified("add", (a, b), np.broadcast_shapes(a.shape, b.shape)), terms)


def _entries(terms: Sequence[Expr]) -> Sequence[Expr]:
    """Terms with the array ``[a, b, c]`` for those that are its entries, 0 elsewhere, if there are several."""
    places, rest, at = dict[tuple[int, ...], Expr](), list[Expr](), 0
    shape = next((e.shape for e in terms if e.shape), ())
    for sign, e in (part for term in terms for part in terms_of(term)):
        entries = positions(e) if e.shape == shape and len(shape) < 3 else {}
        for k, x in entries.items():
            several = [product((number(sign * s), part), ()) for s, part in terms_of(x)]  # -a - b, not -(a + b)
            term = reduce(lambda a, b: simplified("add", (a, b), ()), several)
            places[k] = simplified("add", (places[k], term), ()) if k in places else term
        rest += [] if entries else [product((number(sign), e), e.shape)]
        at = len(rest) if entries else at
    is_small = math.prod(shape) <= ((0, WRITTEN_OUT, 9)[len(shape)] if len(places) > 1 else FEW)
    if not places or not is_small or len(shape) > 1 and rest:  # a matrix has a row beside dL/da
        return terms

    def stacked(*k: int) -> Expr:
        parts = [stacked(*k, i) for i in range(shape[len(k)])] if len(k) < len(shape) else []
        return unsimplified("stack", parts, shape[len(k) :], axis=0) if parts else places.get(k, number(0))

    rest.insert(at, stacked())
    return rest


def positions(e: Expr) -> dict[tuple[int, ...], Expr]:
    """The entries of an array by their positions, if it is one entry and 0 elsewhere, or has them one by one."""
    if e.role == "stack" and not e.params["axis"]:
        rows = [{(): a} if not a.shape else positions(a) for a in e.args]
        return {(k, *at): x for k, row in enumerate(rows) for at, x in row.items()} if all(rows) else {}
    several = [k for k, a in enumerate(e.args) if a.shape] if e.role in ("product", "quotient") else []
    if len(several) == 1 and several != [1] * (e.role == "quotient"):  # b at [0], 0 elsewhere, divided by a number
        [k] = several
        inside = positions(e.args[k])
        return {at: make(e.row, (*e.args[:k], x, *e.args[k + 1 :]), e.params, ()) for at, x in inside.items()}
    index = index_parts(e.params.get("index")) if e.role == "placement" and not e.of.shape else ()
    if not index or len(index) != len(e.shape) or not all(isinstance(k, int | np.integer) for k in index):
        return {}
    return {tuple(int(k) % size for k, size in zip(index, e.shape, strict=True)): e.of}


def beside(e: Expr, columns: bool) -> Expr | None:
    """The sum of gradients of slices and entries of an array as ``[dL/di, dL/df]``, if they are all of it, once; also
    of the `columns` of a matrix, and beside gradients of the whole.
    """
    every = [part for term in terms_of(e) for part in _pieces(*term)]
    every = [_with_axis(*part) for part in every] if columns else every
    terms = [(sign, part) for sign, part in every if part.role == "placement" and is_cut(part)]
    others = [(sign, part) for sign, part in every if part.role != "placement" and part.shape == e.shape]
    if len(terms) < 2 or len(terms) + len(others) < len(every):
        return None
    parts = dict[tuple[Any, ...], list[tuple[int, Expr]]]()
    for sign, part in terms:
        cuts = [(k, *p.indices(e.shape[k])[:2]) for k, p in enumerate(index_parts(part.params["index"]))]
        where = tuple(x for cut in cuts if cut[1:] != (0, e.shape[cut[0]]) for x in cut)
        parts.setdefault(where, []).append((sign, part.of))
    places = sorted(parts)
    axes, starts, stops = zip(*places, strict=True) if all(len(p) == 3 for p in places) else ((), (), ())
    if len({*axes}) != 1 or (*starts, e.shape[axes[0]]) != (0, *stops):
        return None
    args = []
    for where in places:
        here, shape = parts[where], parts[where][0][1].shape
        if all(x.role == "reshape" for _, x in here):  # the sum of two columns as one column
            here = [(sign, x.of) for sign, x in here]
        args.append(fitted(total([times(number(sign), x) for sign, x in here]), shape))
    joined = unsimplified("concatenate", args, e.shape, axis=axes[0], starts=(0, *stops))
    return reduce(lambda a, b: unsimplified("add" if b[0] > 0 else "subtract", (a, b[1]), e.shape), others, joined)


def _with_axis(sign: int, e: Expr) -> tuple[int, Expr]:
    """A column in a matrix of zeros, ``X[:, 1]``, as the slice ``X[:, 1:2]``."""
    index = index_parts(e.params["index"]) if e.role == "placement" and len(e.shape) == 2 else ()
    if [type(p) for p in index] != [slice, int]:
        return sign, e
    k = index[1] % e.shape[1]
    at = index[0], slice(k, k + 1)
    return sign, unsimplified(e.row, (fitted(e.of, (*e.of.shape, 1)),), e.shape, **{**e.params, "index": at})


def _pieces(sign: int, e: Expr) -> list[tuple[int, Expr]]:
    """The entries of a vector with zeros, ``[a, 0, 0]``, and what is joined, each in its place."""
    if e.role == "concatenation":
        starts, axis, out = e.params["starts"], e.params["axis"], list[tuple[int, Expr]]()
        for k, end, x in zip(starts, starts[1:], e.args, strict=False):
            column = entries_of(x) if axis == 1 else x
            at = (*[slice(None)] * axis, k if column is not x else slice(k, end))
            out.append((sign, unsimplified("into_zeros", (column,), e.shape, index=at, shape=e.shape)))
        return out
    if e.role != "stack" or len(e.shape) > 1 or not any(map(is_zero, e.args)):
        around, core = scalars_apart(e)
        is_placed = core.role == "placement" and core is not e
        return [(sign, unsimplified(core.row, (around(core.of),), e.shape, **core.params) if is_placed else e)]
    places = [(slice(k, k + 1), fitted(x, (1,))) for k, x in enumerate(e.args) if not is_zero(x)]
    return [(sign, unsimplified("into_zeros", (x,), e.shape, index=at, shape=e.shape)) for at, x in places]


def mirrored(terms: Sequence[Expr]) -> Sequence[Expr]:
    """Two terms ``g @ X`` and ``gᵀ @ X``, or X in front, as ``(g + gᵀ) @ X``: those of ``X @ Xᵀ``."""
    if len(terms) != 2 or any(scalars_apart(e)[1].role != "matrix product" for e in terms):
        return terms
    (beside, a), (around, b) = map(_numbers_apart, terms)
    for k, (g, h) in enumerate(zip(a.args, b.args, strict=True)):
        x, y = a.args[1 - k], b.args[1 - k]
        is_turned = simplified("transpose", (g,), g.shape[::-1], axes=None).key == h.key
        if is_turned and (x.key, beside(x).key) == (y.key, around(x).key):
            plain = [g, h] if h.role == "transpose" else [h, g]
            both = simplified("add", plain, g.shape)
            return [beside(simplified("matmul", (x, both) if k else (both, x), terms[0].shape))]
    return terms


def _numbers_apart(e: Expr) -> tuple[Callable[[Expr], Expr], Expr]:
    """A product of matrices without the numbers in it and in its factors, and what puts these beside it."""
    beside, core = scalars_apart(e)
    (first, a), (last, b) = map(scalars_apart, core.args)
    return (lambda term: beside(first(last(term)))), simplified("matmul", (a, b), core.shape)


def scalars_apart(e: Expr) -> tuple[Callable[[Expr], Expr], Expr]:
    """A matrix without its sign and the numbers that it is multiplied with, and what puts these beside a product."""
    if e.role == "negation":
        positive, matrix = scalars_apart(e.of)
        return (lambda term: product((number(-1), positive(term)), term.shape)), matrix
    is_quotient = e.role == "quotient" and not e.args[1].shape
    matrix, below = e.args if is_quotient else (e, number(1))
    scalars = [f for f in factors_of(matrix) if not f.shape]
    for k, f in enumerate(scalars):
        root, is_inverse = root_of(f.value) if f.is_number else (0, False)
        if is_inverse:  # x / √2, not 1/√2 x
            scalars[k], below = number(1), product((below, number(math.sqrt(root))), ())

    def beside(term: Expr) -> Expr:
        return simplified("divide", (product((*scalars, term), term.shape), below), term.shape)

    return beside, product((f for f in factors_of(matrix) if f.shape), matrix.shape) if scalars else matrix
