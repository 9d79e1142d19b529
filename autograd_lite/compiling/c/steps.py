"""Equations in C: steps that go over the entries of arrays, or other views of an array in memory.

There are three kinds of steps. An *entry* is a formula for each entry, stored in its place; a *fold* combines such
values along axes; a *product* is one of matrices. A row is read by its options alone: ``scalar=``, ``fold=``, ``view=``
and ``algebra=``. A row that moves entries is run on an array that stands for its operand, and the strides of the result
say where they are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from math import prod
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.array_utils import normalize_axis_index
from numpy.lib.stride_tricks import as_strided

from ...base.memory import address
from ...base.tree import leaves
from ...engine.node import Shape
from ...program import Equation, Operand, Var
from ...rules._arrays import reduced
from ...table.scalar import FUNCTIONS, Scalar, number, parse, variable
from ..passes.scalars import formula
from ..passes.strips import added

#: The types of C, by the letters of the dtypes of arrays.
TYPES = {
    "d": "double", "f": "float", "?": "unsigned char", "b": "signed char", "B": "unsigned char", "h": "short",
    "H": "unsigned short", "i": "int", "I": "unsigned int", "q": "long long",
    "l": "long long" if np.dtype("l").itemsize == 8 else "int",
}  # fmt: skip
RESULTS = "df?lq"
TILED = 2**11, 2**24  # multiplications of a product in large tiles; beyond that, BLAS is faster
SMALL = 2**15  # multiplications of a product in small tiles; of a stack, 64 times as many
FEW = 64  # entries for which a function without a version on vectors may be called one by one
CHEAP = {"abs", "sqrt", "max", "min", "copysign", "floor", "ceil", "trunc", "rint"}  # instructions, not calls


class Place(NamedTuple):
    """The place of the entries of a value: in the memory of `root`, at these strides, counted in entries."""

    root: Var
    strides: Shape
    offset: int = 0

    def over(self, shape: Sequence[int], space: Sequence[int]) -> Place:
        """The same for a value of this shape that is broadcast to `space`."""
        strides = tuple(0 if n == 1 else s for n, s in zip(shape, self.strides, strict=True))
        return self._replace(strides=(0,) * (len(space) - len(shape)) + strides)

    def reshaped(self, shape: Sequence[int], space: Sequence[int]) -> Place:
        """The same entries for another shape; a ValueError if that takes a copy."""
        strides = stand_in(self, shape).reshape(space, copy=False).strides
        return self._replace(strides=tuple(0 if n == 1 else s for n, s in zip(space, strides, strict=True)))

    def reach(self, shape: Sequence[int]) -> tuple[int, int]:
        """The first and the last entry of an array of this shape."""
        ends = [(n - 1) * s for n, s in zip(shape, self.strides, strict=True)]
        return self.offset + sum(min(end, 0) for end in ends), self.offset + sum(max(end, 0) for end in ends)


@dataclass(eq=False)
class Step:
    """``target = e(*xs)`` for each place in `space`, or ``target = fold(target, e(*xs))``.

    Attributes
    ----------
    var : Var
        The value that it computes, or a part of it.
    space : tuple of int
    e : Scalar
        A formula in x1, x2, ...
    xs : list of Place or number
    kind : str
        The letter of the dtype in which it computes.
    target : Place
        The strides are 0 along axes that are folded.
    fold : (Scalar, float) or None
        The formula that combines two entries, and where it starts.
    product : tuple of int or None
        Rows, columns and inner size of a product of matrices; `space` has the axes of the stack.
    eq : Equation
    """

    var: Var
    space: Shape
    e: Scalar
    xs: list[Any]
    kind: str
    target: Place
    eq: Equation
    fold: tuple[Scalar, float] | None = None
    product: tuple[int, int, int] | None = None

    @property
    def places(self) -> list[Place]:
        return [x for x in self.xs if isinstance(x, Place)]

    @property
    def reaches(self) -> list[tuple[int, int]]:
        """The first and the last entry of the target, and of each of the places."""
        if self.product is None:
            return [place.reach(self.space) for place in (self.target, *self.places)]
        (m, n, k), stack = self.product, self.space
        shapes = (*stack, m, n), (*stack, m, k), (*stack, k, n)
        return [p.reach(shape) for p, shape in zip((self.target, *self.places), shapes, strict=True)]

    @property
    def is_entry(self) -> bool:
        return self.fold is None and self.product is None

    @property
    def suffix(self) -> str:
        """The letter that C appends to the name of a function of this dtype."""
        return "f" if self.kind == "f" else ""


X1, X2 = variable("x1"), variable("x2")
TIMES = Scalar("*", (X1, X2))
PLUS = Scalar("+", (X1, X2))


def strides_of(shape: Sequence[int], order: Sequence[int] | None = None) -> Shape:
    """The strides of an array whose axes are in this order in memory, by default C's."""
    strides, size = [0] * len(shape), 1
    for k in reversed(range(len(shape)) if order is None else order):
        strides[k], size = size, size * shape[k]
    return tuple(strides)


def kind_of(eq: Equation, alone: bool = False) -> str:
    """The way to write an equation in C: the name of a method of `Steps`, or '' if there is none.

    If `alone`, products of any size are loops.
    """
    if not _is_writable(eq):
        return ""
    if is_view(eq):
        return "view"
    row, y, (x, *_) = eq.row, eq.y, eq.operands
    alike = all(getattr(x, "dtype", None) == y.dtype for x in eq.operands)
    real = alike and y.dtype.kind == "f"
    if len(eq.outputs) != 1 or row.outputs or y.dtype.char not in RESULTS:
        return ""
    if row.fold is not None and eq.params.keys() == {"axis", "keepdims"}:
        counts = y.dtype.kind == "i" and row.fold[1] == 0 and x.dtype.kind in "bi"  # a sum of integers
        return "fold" if isinstance(x, Var) and (counts or real) else ""
    if row.algebra in ("matrix product", "dot product"):
        return _product_kind(eq, alone) if real else ""
    if row.algebra == "placement":
        at = np.empty(y.shape, y.dtype)
        part = _part(at, eq.params["index"])
        return "placement" if alike and part.shape == np.shape(x) and _shares(part, at) else ""
    if alike and row.algebra in KINDS:
        return KINDS[row.algebra]
    return "entry" if entry_of(eq) is not None else ""


#: Of rows whose arrays have one dtype, by the option ``algebra=``.
KINDS = {
    "concatenation": "join", "stack": "join", "parts": "join", "strips added up": "sums",
    "copy in another order": "moved",
}  # fmt: skip


def _is_writable(eq: Equation) -> bool:
    """True if C has the dtypes of an equation, which has arrays and draws nothing."""
    arrays = [x for x in eq.operands if isinstance(x, Var | np.ndarray | np.generic)]
    return bool(arrays) and not eq.is_random and all(
        x.dtype.char in TYPES and x.dtype.isnative and 0 not in x.shape and x.ndim <= 8 for x in (*eq.outputs, *arrays)
    )  # fmt: skip


def entry_of(eq: Equation) -> tuple[Scalar, str] | None:
    """The formula of an entry, and the letter of the dtype in which it is computed."""
    y, row = eq.y, eq.row
    dtypes = [x.dtype for x in eq.operands if hasattr(x, "dtype")]
    copies = row.algebra in ("cast", "identity") and (y.dtype.kind == "f" or y.dtype == dtypes[0])
    e = X1 if copies else formula(eq) if row.entrywise or row.scalar is not None else None
    if e is None or complex in map(type, eq.operands) or row.outputs or np.broadcast_shapes(*eq.shapes) != y.shape:
        return None
    dtype = y.dtype if y.dtype.kind in "fi" else np.result_type(*(getattr(x, "dtype", x) for x in eq.operands))
    narrower = y.dtype.kind == "f" and any(d.kind == "f" and d.itemsize > dtype.itemsize for d in dtypes)
    if dtype.char in "df?":
        return None if narrower and row.algebra != "cast" else (e, dtype.char)
    whole = np.can_cast(dtype, np.int64) and not any(isinstance(x, float) for x in eq.operands)
    return (e, "q") if whole and all(d.kind in "biu" for d in dtypes) and _OF_INTEGERS.issuperset(_heads(e)) else None


#: What is the same for integers.
_OF_INTEGERS = {*"+-*<>", "<=", ">=", "==", "!=", "and", "or", "not", "if", "max", "min", "name", "number"}


def _heads(e: Scalar) -> list[str]:
    return [e.head, *(h for a in e.args for h in _heads(a))]


def functions_of(e: Scalar) -> set[str]:
    """The functions in a formula that are calls in C."""
    return {h for h in _heads(e) if h in FUNCTIONS and h not in CHEAP}


def _product_kind(eq: Equation, alone: bool) -> str:
    if not all(isinstance(x, Var) or np.size(x) > 1 for x in eq.operands):
        return ""
    (m, n, k), stack, _, _ = product_of(eq)
    if alone or k == 1 or 1 in (m, n) and prod(stack) * m * n * k <= TILED[1]:
        return "loops"
    small = m * n * k <= SMALL and prod(stack) * m * n * k <= 64 * SMALL
    return "product" if small or is_tiled(m, n, k) else ""


def is_tiled(m: int, n: int, k: int) -> bool:
    """True if a product of these sizes is a call of ``matmul``."""
    return max(m, n) >= 8 and min(m, n) >= 4 and TILED[0] <= m * n * k <= TILED[1]


def product_of(eq: Equation) -> tuple[tuple[int, int, int], Shape, Shape, Shape]:
    """Rows, columns and inner size; the shape of the stack; the shapes of both factors with all axes."""
    a, b = (np.shape(x) for x in eq.operands)
    a = (1, *a) if len(a) == 1 else a
    b = (*b, 1) if len(b) == 1 else b
    return (a[-2], b[-1], a[-1]), np.broadcast_shapes(a[:-2], b[:-2]), a, b


def _shares(view: Any, of: np.ndarray) -> bool:
    return isinstance(view, np.ndarray) and view.dtype == of.dtype and bool(np.may_share_memory(view, of))


def _part(at: np.ndarray, index: Any) -> np.ndarray:
    """A part of an array; of one entry too it is an array."""
    part = at[index]
    return part if isinstance(part, np.ndarray) else at[(*(index if type(index) is tuple else (index,)), ...)]


def is_view(eq: Equation) -> bool:
    """True if the results are views of the first operand, if that is in C's order."""
    if not eq.row.view or not eq.row.builtin or any(isinstance(x, Var) for x in eq.operands[1:]):
        return False
    if eq.row.kind == "elementwise" and eq.algebra != "real part":  # a view for some numbers only
        return False
    x = eq.x
    return isinstance(x, Var) and viewed(eq, x.shape, strides_of(x.shape)) is not None


def _memory(shape: Sequence[int], strides: Sequence[int]) -> tuple[int, int]:
    """The start of an array in the least memory that holds it, and the size of that."""
    ends = [(n - 1) * stride for n, stride in zip(shape, strides, strict=True)]
    return sum(-end for end in ends if end < 0), 1 + sum(map(abs, ends))


def stand_in(place: Place, shape: Sequence[int]) -> np.ndarray:
    """An array of bytes with these strides."""
    start, size = _memory(shape, place.strides)
    return as_strided(np.empty(size, np.int8)[start:], shape, place.strides)


def viewed(eq: Equation, shape: Sequence[int], strides: Sequence[int]) -> list[tuple[Shape, int]] | None:
    """The strides and the offset of each result of a view of an array, in entries; None if it is a copy."""
    dtype = eq.x.dtype
    start, size = _memory(shape, strides)

    def run(memory: np.ndarray) -> Any:
        x = as_strided(memory[start:], shape, [s * memory.itemsize for s in strides])
        return x, leaves(eq.row.fn(x, *eq.operands[1:], **eq.params))

    try:
        x, results = run(np.empty(size, dtype))
        if isinstance(results[0], np.generic):  # one entry, which is no array: which one
            return [((), int(run(np.arange(size))[1][0]) - start)] if eq.algebra == "index" else None
    except (TypeError, ValueError, IndexError):
        return None
    views = []
    for y, v in zip(results, eq.outputs, strict=True):
        if not _shares(y, x) or y.shape != v.shape:
            return None
        offset = address(y) - address(x)
        views.append((tuple(s // dtype.itemsize for s in y.strides), offset // dtype.itemsize))
    return views


def _inside(place: Place, at: np.ndarray, part: np.ndarray) -> Place:
    """The place of a part of an array, by what stands for both."""
    return Place(place.root, part.strides, place.offset + address(part) - address(at))


@cache
def fold_of(text: str, start: float) -> tuple[Scalar, float]:
    return parse(text), float(start)


class Steps:
    """The steps of consecutive equations.

    Attributes
    ----------
    steps : list of Step
    places : dict of Var to Place
        Where each value is, or a view of it.
    layouts : dict of Var to tuple of int
        The strides of the arrays that hold values.
    """

    def __init__(
        self, equations: Sequence[Equation], arrays: Mapping[int, Var], layouts: Mapping[Var, Shape],
        kinds: Sequence[str], outputs: Sequence[Var] = (),
    ) -> None:
        self.steps: list[Step] = []
        self.arrays = arrays  # for constants, by their identity
        self.layouts = dict(layouts)
        self.places = {v: Place(v, strides) for v, strides in layouts.items()}
        self.outputs = outputs
        self.part: dict[Var, Equation] = {}  # the join in whose array a value is computed
        self.factors = Counter[Any]()  # how many products have a right factor
        self.copies: dict[tuple[Place, Shape], Place] = {}
        apart = "view", "placement", *KINDS.values()
        inside = {
            v for eq, kind in zip(equations, kinds, strict=True) if kind not in apart
            for v in eq.outputs if v not in outputs and v not in layouts
        }  # fmt: skip
        for eq, kind in zip(equations, kinds, strict=True):
            for x in eq.operands if kind == "join" else ():
                if isinstance(x, Var) and x in inside and x.dtype == eq.y.dtype:
                    self.part.setdefault(x, eq)
            if kind == "product":
                self.factors.update([id(eq.operands[1])])
        for eq, kind in zip(equations, kinds, strict=True):
            getattr(self, f"_{kind}")(eq)

    def _at(self, x: Operand) -> Any:
        """The place of an operand, or the number that it is."""
        if not isinstance(x, Var) and np.size(x) == 1:
            return x.item() if isinstance(x, np.ndarray | np.generic) else x
        return self.places[x if isinstance(x, Var) else self.arrays[id(x)]]

    def _over(self, x: Operand, shape: Sequence[int], space: Sequence[int]) -> Any:
        place = self._at(x)
        return place.over(shape, space) if isinstance(place, Place) else place

    def _new(self, y: Var, like: Sequence[Any] = (), innermost: bool = False) -> Place:
        """Memory for a value: its part of an array that it is joined to, or in the order of an operand of its shape."""
        if y in self.part:
            eq = self.part[y]
            self.places[y] = self._part(eq, next(k for k, x in enumerate(eq.operands) if x is y), y.ndim)
            return self.places[y]
        if y not in self.layouts and innermost:
            self.layouts[y] = strides_of(y.shape, [*range(1, y.ndim), 0])
        if y not in self.layouts:
            orders = [p.strides for p in like if isinstance(p, Place) and len(p.strides) == y.ndim and all(p.strides)]
            order = sorted(range(y.ndim), key=lambda k: -abs(orders[0][k])) if orders else None
            self.layouts[y] = strides_of(y.shape, order)
        self.places[y] = Place(y, self.layouts[y])
        return self.places[y]

    def _add(self, y: Var, space: Shape, e: Scalar, xs: list[Any], target: Place, eq: Equation) -> Step:
        xs = [x.over(space, space) if isinstance(x, Place) else x for x in xs]
        self.steps.append(Step(y, space, e, xs, y.dtype.char, target.over(space, space), eq))
        return self.steps[-1]

    def _entry(self, eq: Equation) -> None:
        (y,), form = eq.outputs, entry_of(eq)
        assert form is not None
        xs = [self._over(x, np.shape(x), y.shape) for x in eq.operands]
        self._add(y, y.shape, form[0], xs, self._new(y, xs), eq).kind = form[1]

    def _fold(self, eq: Equation) -> None:
        (y,), (x,) = eq.outputs, eq.operands
        axes, shape = reduced(eq.params["axis"], x.ndim), x.shape
        whole = self._new(y)
        place = iter(whole.strides)
        if eq.params["keepdims"]:
            strides = tuple(0 if k in axes else s for k, s in enumerate(place))
        else:
            strides = tuple(0 if k in axes else next(place) for k in range(len(shape)))
        step = self._add(y, shape, X1, [self._at(x)], whole._replace(strides=strides), eq)
        assert eq.row.fold is not None
        step.fold = fold_of(*eq.row.fold)
        step.kind = "q" if y.dtype.kind == "i" else y.dtype.char

    def _factors(self, eq: Equation) -> Any:
        """Sizes, the stack, and the places of both factors and of the result, with all axes."""
        (m, n, k), stack, a, b = product_of(eq)
        (x1, x2), (y,) = eq.operands, eq.outputs
        first, second = self._at(x1), self._at(x2)
        assert isinstance(first, Place)
        assert isinstance(second, Place)
        if np.ndim(x1) == 1:
            first = first._replace(strides=(0, *first.strides))
        if np.ndim(x2) == 1:
            second = second._replace(strides=(*second.strides, 0))
        target = self._new(y)
        full = (*stack, *([m] if np.ndim(x1) > 1 else []), *([n] if np.ndim(x2) > 1 else []))
        strides = list(target.strides[: len(stack)])
        rest = iter(target.strides[len(stack) :])
        strides += [next(rest) if np.ndim(x1) > 1 else 0, next(rest) if np.ndim(x2) > 1 else 0]
        assert full == y.shape
        first = first._replace(strides=first.over(a, (*stack, m, k)).strides)
        second = second._replace(strides=second.over(b, (*stack, k, n)).strides)
        return (m, n, k), stack, first, second, target._replace(strides=tuple(strides))

    def _product(self, eq: Equation) -> None:
        sizes, stack, a, b, y = self._factors(eq)
        if self.factors[id(eq.operands[1])] > 1 and b.strides[-1] != 1 and not any(b.strides[:-2]):
            b = self._copy(b, (1,) * len(stack) + (sizes[2], sizes[1]), eq)  # once, not for each product
        self.steps.append(Step(eq.y, stack, TIMES, [a, b], eq.y.dtype.char, y, eq, product=sizes))

    def _copy(self, place: Place, shape: Shape, eq: Equation) -> Place:
        """A copy of an array in C's order."""
        if (place, shape) not in self.copies:
            copy = Var(place.root.name, shape, place.root.dtype)
            self._add(copy, shape, X1, [place], self._new(copy), eq)
            self.copies[place, shape] = self.places[copy]
        return self.copies[place, shape]

    def _loops(self, eq: Equation) -> None:
        """A product as a formula for each row and column, or as a sum over the inner axis too."""
        (m, n, k), stack, a, b, y = self._factors(eq)
        (ai, aj), (bi, bj), (yi, yj) = (p.strides[-2:] for p in (a, b, y))
        axes = [(m, ai, 0, yi), (n, 0, bj, yj), (k, aj, bi, 0)]  # sizes and strides of rows, columns, inner
        if k == 1 or n == 1:
            del axes[2 if k == 1 else 1]
        elif m == 1:
            axes = [axes[2], axes[1]]
        sizes, *strides = zip(*axes, strict=True)
        places = [p._replace(strides=(*p.strides[:-2], *s)) for p, s in zip((a, b, y), strides, strict=True)]
        step = self._add(eq.y, (*stack, *sizes), TIMES, places[:2], places[2], eq)
        step.fold = (PLUS, 0.0) if k > 1 else None

    def _view(self, eq: Equation) -> None:
        x = eq.x
        place = self.places[x]
        views = viewed(eq, x.shape, place.strides)
        if views is None:  # of what is no view of its own: of a copy in C's order
            place = self._copy(place, x.shape, eq)
            views = viewed(eq, x.shape, place.strides)
        assert views is not None
        for v, (strides, offset) in zip(eq.outputs, views, strict=True):
            self.places[v] = Place(place.root, strides, place.offset + offset)

    def _part(self, eq: Equation, k: int, ndim: int) -> Place:
        """The place of an operand of a join in its array."""
        y = eq.y
        whole = self.places.get(y) or self._new(y, innermost="indices" in eq.params)
        if "indices" in eq.params:
            return _inside(whole, at := stand_in(whole, y.shape), at[eq.params["indices"][k]])
        axis = normalize_axis_index(eq.params["axis"], y.ndim)
        start = sum(1 if np.ndim(x) < y.ndim else np.shape(x)[axis] for x in eq.operands[:k])
        strides = whole.strides if ndim == y.ndim else (*whole.strides[:axis], *whole.strides[axis + 1 :])
        return Place(whole.root, strides, whole.offset + start * whole.strides[axis])

    def _join(self, eq: Equation) -> None:
        """Copies of those parts that are not computed in their places."""
        for k, x in enumerate(eq.operands):
            again = any(x is other for other in eq.operands[:k])
            if again or not isinstance(x, Var) or self.part.get(x) is not eq:
                self._add(eq.y, np.shape(x), X1, [self._at(x)], self._part(eq, k, np.ndim(x)), eq)

    def _moved(self, eq: Equation) -> None:
        """A copy with the first axis innermost, if it isn't."""
        (x,), (y,) = eq.operands, eq.outputs
        place = self._at(x)
        if y not in self.outputs and place.strides == strides_of(y.shape, [*range(1, y.ndim), 0]):
            self.places[y] = place
        else:
            self._add(y, y.shape, X1, [place], self._new(y, innermost=True), eq)

    def _sums(self, eq: Equation) -> None:
        """Parts of an array that are added up."""
        (x,), (y,) = eq.operands, eq.outputs
        whole, place = self._new(y, innermost=True), self._at(x)
        self._add(y, y.shape, number(0.0), [], whole, eq)
        source, images = stand_in(place, x.shape), stand_in(whole, y.shape)
        for k, (new, part) in enumerate(added(source, images, **eq.params)):
            target = _inside(whole, images, part)
            xs = [_inside(place, source, new), target][: 1 + bool(k)]
            self._add(y, part.shape, PLUS if k else X1, xs, target, eq)

    def _placement(self, eq: Equation) -> None:
        (y,), (x,) = eq.outputs, eq.operands
        whole = self._new(y)
        self._add(y, y.shape, number(0.0), [], whole, eq)
        at = stand_in(whole, y.shape)
        part = _part(at, eq.params["index"])
        self._add(y, part.shape, X1, [self._at(x)], _inside(whole, at, part), eq)
