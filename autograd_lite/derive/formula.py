"""A formula as a tree: names, numbers, arrays, and rows applied to formulas."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, reduce
from hashlib import blake2b
from operator import mul
from typing import Any, TypeAlias, TypeVar

import numpy as np

from ..table import TABLE, Primitive

T = TypeVar("T")
Shape: TypeAlias = tuple[int, ...]
Array: TypeAlias = np.ndarray[Any, Any]

KEPT = 100  # parts of a formula of which the list is kept


@dataclass(frozen=True, eq=False)
class Expr:
    """A formula: a name, a number, an array constant, or a row applied to formulas.

    Parts may be shared, so a formula that looks long may be small; a traversal visits each part once.
    """

    head: str  # "name", "number", "array", or the name of a row
    args: tuple[Expr, ...] = ()
    value: Any = None  # the name, the number, the array
    params: Mapping[str, Any] = field(default_factory=dict)
    shape: Shape = ()
    row: Any = None  # a Primitive or a Function, if it is applied to formulas
    #: What it is in algebra: ``"name"``, ``"number"``, ``"array"``, or the `algebra` of its row.
    role: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "role", self.head if self.row is None else self.row.algebra or "")

    @property
    def of(self) -> Expr:
        """The first of the formulas that it is applied to."""
        return self.args[0]

    @property
    def is_number(self) -> bool:
        return self.role == "number"

    @property
    def is_turned(self) -> bool:
        """The transpose of a matrix."""
        return self.role in ("transpose", "matrix transpose")

    @property
    def is_atom(self) -> bool:
        """A name, a number, or a transpose of one: nothing is gained by calling it something."""
        e = self
        while e.is_turned or e.role == "negation":
            e = e.of
        return e.role in ("name", "number")

    def _find_below(self, attribute: str) -> None:
        """Compute a cached attribute of all parts, the innermost first: a sum of 500 terms is 500 sums deep."""
        if all(attribute in vars(a) for a in self.args):
            return
        below, stack = list[Expr](), [self]
        while stack:
            new = [a for a in stack.pop().args if attribute not in vars(a)]
            below += new
            stack += new
        for part in reversed(below):
            getattr(part, attribute)

    @cached_property
    def key(self) -> str:
        """Equal for formulas that are the same."""
        self._find_below("key")
        params = sorted((k, _key(v)) for k, v in self.params.items()) if self.params else []
        words = [p.word for p in index_parts(self.params.get("index")) if isinstance(p, Labels)] if params else []
        args = self.shape if self.head == "identity" else [a.key for a in self.args]  # of any matrix of its size
        content = repr((self.head, _key(self.value), params, words, args))
        return blake2b(content.encode(), digest_size=16).hexdigest()

    @cached_property
    def names(self) -> frozenset[str]:
        """The names in it."""
        if self.role == "name":
            return frozenset((self.value,))
        self._find_below("names")
        places = index_parts(self.params.get("index"))
        positions = (part.word for part in places if isinstance(part, Labels) and part.word)
        return frozenset(positions).union(*(a.names for a in self.args))


class Function:
    """What stands in a formula in the place of a row: a function that is called, and nothing else is known of it."""

    kind = "general"
    np_name = infix = call = source = js = bind = None
    algebra: str | None = None
    variadic = outputs = view = builtin = definition = entrywise = False
    defaults: Mapping[str, Any] = {}

    def __init__(self, name: str, fn: Any = None, *, text: str | None = None, tex: str | None = None) -> None:
        self.name, self.fn, self.text, self.tex = name, fn, text, tex


class _Product(Function):
    """The row of the elementwise product of any number of factors."""

    kind, algebra = "elementwise", "product"
    variadic = builtin = entrywise = True


PRODUCT = _Product("multiply", lambda *factors: reduce(mul, factors))


class Labels(Array):
    """Positions in an index, with their name in the user's line; "" for ``np.arange(n)``."""

    word = ""

    @property
    def indicator(self) -> tuple[str, tuple[int, int]]:
        """The name of a mask, and the numbers where it holds and elsewhere: (0, 1) for ``~mask``."""
        return (self.word[1:], (0, 1)) if self.word[:1] == "~" else (self.word, (1, 0))


class Place(int):
    """An end of a slice with its name in the user's line, ``i2`` of ``eta[i:]``."""

    word = ""

    def called(self, word: str) -> Place:
        """The same number with another name."""
        new = Place(self)
        new.word = word
        return new

    def __repr__(self) -> str:
        return self.word

    __str__ = __repr__


def index_parts(index: Any) -> tuple[Any, ...]:
    """The parts of an index, between its commas."""
    return index if isinstance(index, tuple) else (index,)


def is_masked(index: Any) -> bool:
    """Whether an index has a mask, which may choose all entries at some numbers."""
    return any(isinstance(part, np.ndarray) and part.dtype == bool for part in index_parts(index))


def differ_in_ones(a: Shape, b: Shape) -> bool:
    """True for shapes that are equal but for axes of length 1."""
    return [n for n in a if n != 1] == [n for n in b if n != 1]


def is_diagonal(e: Expr) -> bool:
    """Whether a matrix has a vector on its diagonal, and zeros elsewhere."""
    index = e.params["index"] if e.role == "placement" and e.shape == e.of.shape * 2 else ()
    is_it = len(e.shape) == 2 and isinstance(index, tuple) and bool(index) and index[0] is Ellipsis
    return is_it and all(np.array_equal(p, np.arange(e.shape[0])) for p in index[1:])


def _key(value: Any) -> str:
    return f"{value.shape}{value.dtype}{value.tobytes()!r}" if isinstance(value, np.ndarray) else repr(value)


def name(word: str, shape: Shape = ()) -> Expr:
    return Expr("name", value=word, shape=shape)


def number(value: Any) -> Expr:
    return Expr("number", value=value)


def constant(value: Any) -> Expr:
    """The formula for an operand that is not a Tensor: a number or an array."""
    array = np.asarray(value)
    if array.ndim == 0 and array.dtype.kind in "biufc":
        return number(array.item())
    return Expr("array", value=array, shape=array.shape)


def unsimplified(row: str | Primitive | Function, args: Iterable[Expr], shape: Shape, /, **params: Any) -> Expr:
    """A row (or its name) applied to formulas; nothing is simplified."""
    row = TABLE[row] if isinstance(row, str) else row
    return Expr(row.name, tuple(args), None, params, shape, row)


def is_cut(e: Expr) -> bool:
    """Whether an index has slices only, with numbers as their ends, not of a step, and cuts something off."""
    index = index_parts(e.params["index"])
    slices = [p for p in index if isinstance(p, slice) and p.step in (None, 1)]
    kinds = (int, np.integer, type(None))
    slices = [p for p in slices if all(isinstance(k, kinds) and not isinstance(k, Place) for k in (p.start, p.stop))]
    return len(slices) == len(index) and any(p != slice(None) for p in slices)


def multiplied(factors: Iterable[Expr], shape: Shape) -> Expr:
    """The elementwise product of factors as it is stated, not simplified; one factor is the product itself."""
    factors = tuple(factors)
    return factors[0] if len(factors) == 1 else unsimplified(PRODUCT, factors, shape)


def factors_of(e: Expr) -> tuple[Expr, ...]:
    """The factors of a product; anything else is a product of itself alone."""
    return e.args if e.role == "product" else (e,)


def terms_of(e: Expr, sign: int = 1) -> list[tuple[int, Expr]]:
    """The terms of a sum, each with its sign."""
    if e.role not in ("sum", "difference"):
        return [(-sign, e.of)] if e.role == "negation" else [(sign, e)]
    return [*terms_of(e.of, sign), *terms_of(e.args[1], sign if e.role == "sum" else -sign)]


def walk(e: Expr) -> list[Expr]:
    """Every part of `e` once, arguments first; the list is kept, and is not to be changed."""
    if (parts := vars(e).get("_parts")) is not None:
        return parts  # of the same formula before
    done: dict[str, Expr] = {}
    stack = [e]
    while stack:  # a formula may be deep: no recursion
        at = stack[-1]
        waiting = [a for a in at.args if a.key not in done] if at.key not in done else []
        if waiting:
            stack += waiting[::-1]
            continue
        done.setdefault(at.key, at)
        stack.pop()
    parts = [*done.values()]
    if len(parts) <= KEPT:
        vars(e)["_parts"] = parts
    return parts


def fold(e: Expr, step: Callable[[Expr, tuple[T, ...]], T], done: dict[str, T] | None = None) -> T:
    """``step(part, results of its arguments)`` for every part of `e` once, arguments first; the result of the last.

    `done` has the results of parts by their keys; those in it are not computed again.
    """
    done = {} if done is None else done
    for part in walk(e) if e.key not in done else ():
        if part.key not in done:
            done[part.key] = step(part, tuple(done[a.key] for a in part.args))
    return done[e.key]


def replaced(e: Expr, new: Callable[[Expr], Expr | None], done: dict[str, Expr] | None = None) -> Expr:
    """`e` with ``new(part)`` in the place of each part for which that is not None; nothing is simplified.

    `done` is that of :func:`fold`.
    """
    def step(part: Expr, args: tuple[Expr, ...]) -> Expr:
        is_same = all(a is b for a, b in zip(args, part.args, strict=True))
        return new(part) or (part if is_same else applied_to(part, args))

    return fold(e, step, done)


def applied_to(e: Expr, args: tuple[Expr, ...]) -> Expr:
    """The row of `e` applied to other formulas."""
    return Expr(e.head, args, e.value, e.params, e.shape, e.row)


def named(e: Expr, meanings: Mapping[str, Expr]) -> Expr:
    """`e` with formulas for names; nothing is simplified."""
    return replaced(e, lambda part: meanings.get(part.value) if part.role == "name" else None)


def parts_of(e: Expr) -> Iterator[tuple[Expr, int]]:
    """Every part with the number of its uses."""
    inside = walk(e)
    uses = Counter([e.key, *(a.key for part in inside for a in part.args)])
    return ((part, uses[part.key]) for part in inside)
