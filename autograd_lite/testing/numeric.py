"""Derivatives from finite differences.

A difference quotient has two errors: curvature for long steps, rounding for short ones. So no single step is trusted.
The function is sampled at four falling steps, a ladder, and the differences are extrapolated to step zero
(Richardson's table). Twice the difference of the last two results is the estimate of the error. The first ladder starts
at a step that suits arguments near one; if it is not accurate, shorter ones are tried, and ladders scaled to the
argument.

The same samples show whether the slopes of the two sides approach each other. Where they do not, there may be a kink or
a jump, and the error is infinite.

This is fast, and enough to confirm a derivative that agrees. It is not enough to contradict one: the error estimate
does not include rounding inside the function. That of :mod:`autograd_lite.testing.careful_slopes` does.

All computation is real: a complex number is two real ones, and the inner product is Re(conj(a) b). A gradient is
therefore dL/dRe + i dL/dIm, as in PyTorch.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from ..base.tree import leaves, matched, paths, rebuild
from .leaves import Array, Function, Shape, Tree, as_array, is_differentiable

RATIO = 4.0  # of two successive steps
STEPS = 4  # of a ladder that confirms a derivative
ACCURATE = 1e-6  # the relative error of a slope that is not measured at shorter steps
CLEAR = 32.0  # a difference between the two sides counts from here, in standard deviations of the noise
DOUBLE = float(np.finfo(np.float64).eps)


class CannotCheck(ValueError):
    """The derivative cannot be checked at this point or for this function, so there is no verdict.

    >>> import numpy as np
    >>> from autograd_lite.testing import CannotCheck, check_gradients
    >>> try:
    ...     check_gradients(np.sqrt, np.array([-1.0]))
    ... except CannotCheck as error:
    ...     print(error)
    np.sqrt is nan at this point, so no derivative can be measured: choose another point
    """

    def __init__(self, message: str, everywhere: bool = False) -> None:
        super().__init__(message)
        self.everywhere = everywhere  # no other point would help


@dataclass
class Leaf:
    """One differentiable array among the arguments, and its place in the flat vector."""

    path: str
    argument: int
    shape: Shape
    dtype: np.dtype[Any]
    part: slice
    python: bool = False  # given, and passed on, as a Python number

    @property
    def size(self) -> int:
        return int(self.part.stop - self.part.start)

    def index(self, position: int) -> tuple[Shape, str]:
        """The index of a flat position, and which part of a complex number it is."""
        part = ""
        if self.dtype.kind == "c":
            position, odd = divmod(position, 2)
            part = ".imag" if odd else ".real"
        return tuple(int(i) for i in np.unravel_index(position, self.shape)), part

    def entry(self, position: int) -> str:
        """A flat position as one would type it: ``x[2, 0].imag``."""
        index, part = self.index(position)
        return f"{self.path}{show(index)}{part}"

    def array(self, vector: Array, dtype: np.dtype[Any] | None = None) -> Array:
        """This leaf's array from the flat vector."""
        piece = vector[self.part]
        if self.dtype.kind == "c":
            piece = np.ascontiguousarray(piece).view(np.complex128)
        return piece.reshape(self.shape).astype(dtype or self.dtype, copy=False)

    def vector(self, array: Any) -> Array:
        """The reals of one array of this leaf's shape."""
        return _as_reals(as_array(array), self.dtype.kind)


def _as_reals(array: Array, kind: str) -> Array:
    wide = np.complex128 if kind == "c" else np.float64
    if array.dtype != wide:
        with np.errstate(all="ignore"):
            array = array.astype(wide)
    return array.flatten().view(np.float64)  # a copy


def reals(tree: Tree) -> Array:
    """All numbers of a tree as one real vector, with zeros for whole numbers.

    The inner product of two trees is that of their vectors.
    """
    arrays = [as_array(leaf) for leaf in leaves(tree)]
    vectors = [_as_reals(a, a.dtype.kind) if a.dtype.kind in "fc" else np.zeros(a.size) for a in arrays]
    return vectors[0] if len(vectors) == 1 else np.concatenate([np.zeros(0), *vectors])


@dataclass
class Flat:
    """A function of trees as a function from one real vector to one real vector.

    Parameters
    ----------
    f : callable
        Takes ``*args``, returns a tree of arrays.
    args : sequence
        The point. Leaves that hold no floating numbers are constants.
    domain : optional
        Where `f` may be evaluated: an open interval ``(low, high)`` or a :class:`~autograd_lite.table.Domain` for every
        argument, a sequence with one of these (or None) per argument, or an object with ``contains(*args)`` for a
        domain of all arguments together. Steps stay strictly inside.
    names : optional
        The names of the arguments in messages.
    """

    f: Function
    args: Sequence[Any]
    domain: Any = None
    names: Sequence[str] = ()
    leaves: list[Leaf] = field(default_factory=list)  # the differentiable ones
    slots: list[Any] = field(default_factory=list)  # these, and the constants, in order

    def __post_init__(self) -> None:
        self.names = self.names or [f"argument {k}" for k in range(len(self.args))]
        vectors, start = [np.zeros(0)], 0
        for argument, tree in enumerate(self.args):
            for path, value in zip(paths(tree, self.names[argument]), leaves(tree), strict=True):
                if not is_differentiable(value):
                    self.slots.append(value)
                    continue
                array = as_array(value)
                vectors.append(_as_reals(array, array.dtype.kind))
                part = slice(start, start + vectors[-1].size)
                start = part.stop
                python = isinstance(value, float | complex) and not isinstance(value, np.generic)
                self.leaves.append(Leaf(path, argument, array.shape, array.dtype, part, python))
                self.slots.append(self.leaves[-1])
        self.x: Array = np.concatenate(vectors)
        self.nested = any(tree is None or isinstance(tree, dict | list | tuple) for tree in self.args)
        joint = hasattr(self.domain, "contains") and not hasattr(self.domain, "low")
        self.contains = self.domain.contains if joint else None
        self.low, self.high = (None, None) if joint else _bounds(self.domain, self)
        coarsest = float(max((np.finfo(leaf.dtype).eps for leaf in self.leaves), default=DOUBLE))
        self.wide = coarsest > DOUBLE and self._keeps_double()
        self.eps = DOUBLE if self.wide else max(coarsest, DOUBLE)

    @cached_property
    def base(self) -> Array:
        """The value at the point."""
        return self(self.x.copy())

    def entry(self, position: int) -> str:
        """A position in the flat vector as one would type it."""
        leaf = next(leaf for leaf in self.leaves if position < leaf.part.stop)
        return leaf.entry(position - leaf.part.start)

    def filled(self, values: Iterable[Any]) -> list[Any]:
        """The arguments with these values for the differentiable arrays."""
        it = iter(values)
        filled = [next(it) if isinstance(v, Leaf) else v for v in self.slots]
        return list(rebuild(tuple(self.args), filled)) if self.nested else filled

    def trees(self, vector: Array) -> tuple[Tree, ...]:
        """A flat vector, such as a gradient, as trees like the arguments, with None for constants."""
        arrays = [v.array(vector) if isinstance(v, Leaf) else None for v in self.slots]
        trees: tuple[Tree, ...] = rebuild(tuple(self.args), arrays)
        return trees

    def arrays(self, vector: Array, wide: bool = False) -> list[Any]:
        """The differentiable arrays, or Python numbers, that a flat vector stands for; `wide` ones as doubles."""
        arrays = [
            leaf.array(vector, np.result_type(leaf.dtype, np.float64) if wide else leaf.dtype) for leaf in self.leaves
        ]
        return [a.item() if leaf.python else a for a, leaf in zip(arrays, self.leaves, strict=True)]

    def arguments(self, vector: Array, wide: bool = False) -> list[Any]:
        """The arguments of a flat vector."""
        return self.filled(self.arrays(vector, wide))

    def __call__(self, vector: Array) -> Array:
        return reals(self.f(*self.arguments(vector, self.wide)))

    def near(self, vector: Array) -> Array:
        """The values at a neighbouring point: nan outside the domain, or where the function raises."""
        values = np.zeros(0)
        if self.low is None or ((vector > self.low) & (vector < self.high)).all():
            arguments = self.arguments(vector, self.wide)
            if self.contains is None or np.all(self.contains(*arguments)):
                try:
                    values = reals(self.f(*arguments))
                except (ArithmeticError, ValueError, np.linalg.LinAlgError):
                    values = np.zeros(0)
        return values if values.size == self.base.size else np.full(self.base.size, np.nan)

    def _keeps_double(self) -> bool:
        """True if f computes in double precision when given doubles: then its differences are measured there."""
        try:
            with np.errstate(all="ignore"):
                y = self.f(*self.arguments(self.x.copy(), wide=True))
        except Exception:  # it does not take doubles: measure in its own precision
            return False
        kinds = [as_array(v).dtype for v in leaves(y)]
        return all(np.finfo(k).eps <= DOUBLE for k in kinds if k.kind in "fc")


def _bounds(domain: Any, flat: Flat) -> tuple[Array | None, Array | None]:
    """The domain as two vectors beside the point, or None where there is none."""
    if domain is None:
        return None, None
    low, high = np.full(flat.x.size, -np.inf), np.full(flat.x.size, np.inf)
    for leaf in flat.leaves:
        one, part = domain, leaf.part
        if not is_one_domain(domain):
            if leaf.argument >= len(domain):
                raise ValueError(f"domain: expected one entry per argument, got {len(domain)}: none for {leaf.path}")
            one = domain[leaf.argument]
        if one is None:
            continue
        low[part], high[part] = (one.low, one.high) if hasattr(one, "low") else one
        for hole in getattr(one, "holes", ()):  # a hole bounds the steps from the side on which the point lies
            x = flat.x[part]
            low[part] = np.where(x >= hole, np.maximum(low[part], hole), low[part])
            high[part] = np.where(x <= hole, np.minimum(high[part], hole), high[part])
    outside = ~((flat.x > low) & (flat.x < high)) & ~np.isnan(flat.x)
    if outside.any():
        k = int(np.argmax(outside))
        raise CannotCheck(
            f"{flat.entry(k)} = {flat.x[k]!s} lies outside the open domain "
            f"({low[k]!s}, {high[k]!s}): choose a point inside it, or widen domain="
        )
    return low, high


def is_one_domain(domain: Any) -> bool:
    """True if this is one domain for every argument, not a sequence with one per argument."""
    return hasattr(domain, "low") or (len(domain) == 2 and all(isinstance(end, int | float) for end in domain))


def show(index: Shape) -> str:
    """An index as one would type it: ``[2, 0]``, and nothing for a scalar."""
    return f"[{', '.join(map(str, index))}]" if index else ""


@dataclass
class Slopes:
    """Derivatives of every output along some directions, one row per direction.

    Attributes
    ----------
    value, error : arrays (directions, outputs)
        The derivative, and an estimate of its absolute error (inf where nothing converged).
    gap : array (directions, outputs)
        Slope from the right less slope from the left, where that is a kink; zero elsewhere.
    grain : array (directions, outputs)
        The rounding of the values, divided by the distance over which they are expected to change: any formula for the
        derivative has about as much rounding. Zero if it was not measured.
    """

    value: Array
    error: Array
    gap: Any = 0.0
    grain: Any = 0.0

    def __post_init__(self) -> None:
        self.gap, self.grain = (np.zeros_like(self.value) + numbers for numbers in (self.gap, self.grain))


def slopes(flat: Flat, directions: Array) -> Slopes:
    """The derivative of every output of `flat` along each row of `directions`; at a kink its error is infinite."""
    shape = len(directions), flat.base.size
    result = Slopes(np.full(shape, np.nan), np.full(shape, np.inf))
    tried = (scale / RATIO ** (k * (STEPS - 1)) for scale in scales(flat) for k in range(5))
    longest = np.full(len(directions), np.inf)
    with np.errstate(all="ignore"):
        for scale in tried:
            size = np.abs(result.value)
            settled = (result.error <= ACCURATE * size) | ((size == 0) & np.isfinite(result.error))
            if settled.all():
                break
            start = first_steps(flat, directions, scale)
            poor = np.flatnonzero(~np.all(settled, axis=1) & (start < longest / 2))
            if poor.size:
                longest[poor] = start[poor]
                value, error = _extrapolated(Ladder.of(flat, directions[poor], start[poor], STEPS))
                better = error < result.error[poor]
                result.value[poor] = np.where(better, value, result.value[poor])
                result.error[poor] = np.where(better, error, result.error[poor])
    return result


def _extrapolated(ladder: Ladder) -> tuple[Array, Array]:
    """The slope at the last step, and its error from that at the step before; inf at a kink or a jump."""
    value = ladder.slope[-1]
    error = 2 * np.abs(value - ladder.slope[-2]) + ladder.rounding[-1]
    # At a smooth point the slopes of the two sides approach each other; one extrapolation removes the curvature.
    before, last = np.abs(RATIO * ladder.bend[-2:] - ladder.bend[-3:-1])
    apart = (last > 0.75 * before) & (last > CLEAR * ladder.rounding[-1] + ACCURATE * np.abs(value))
    return value, np.where(apart, np.inf, error)


def scales(flat: Flat) -> tuple[Array, Array]:
    """The distances over which the function is expected to change: of the order of one, and the size of each entry."""
    size = np.abs(flat.x)
    near_one = np.where(size > 0, np.maximum(np.clip(size, 1e-2, 1e2), 1e-6 * size), 1.0)
    return near_one, np.where(size > 0, size, 1.0)


def first_steps(flat: Flat, directions: Array, scale: Array) -> Array:
    """The first step along each direction: a quarter of the smallest scale of an entry, inside the domain."""
    longest = scale / 4
    if flat.low is not None and flat.high is not None:
        longest = np.minimum(longest, np.minimum(flat.x - flat.low, flat.high - flat.x) * 0.9)
    reach = np.where(directions != 0, longest / np.abs(directions), np.inf)
    start: Array = reach.min(axis=1)
    return np.where(np.isfinite(start), start, 1.0)


@dataclass
class Ladder:
    """Central differences at falling steps, twice extrapolated. Axes: steps, directions, outputs."""

    steps: Array
    slope: Array
    bend: Array  # slope from the right less slope from the left
    rounding: Array  # standard deviation of a slope
    still: Array  # whether the value did not change by a bit

    @classmethod
    def of(cls, flat: Flat, directions: Array, start: Array, levels: int, noise: Any = 0.0) -> Ladder:
        """The steps down from `start`; `noise` is that of the values, beside their last bit."""
        base, steps = flat.base, start / RATIO ** np.arange(levels)[:, None]
        h = steps[:, :, None]
        up, down = (
            np.array([[flat.near(flat.x + move) for move in moves] for moves in sign * h * directions])
            for sign in (1, -1)
        )
        table = (up - down) / (2 * h)
        for power in (2, 4):
            finer = table[1:] + (table[1:] - table[:-1]) / (RATIO**power - 1)
            table = np.concatenate([np.full_like(table[:1], np.nan), finer])
        sigma = (noise + flat.eps * np.maximum(np.maximum(np.abs(up), np.abs(down)), np.abs(base))) / h
        return cls(steps, table, (up - 2 * base + down) / h, sigma, (up == base) & (down == base))


def numerical_jvp(f: Function, primals: Sequence[Any], tangents: Sequence[Any], domain: Any = None) -> Tree:
    """The derivative of `f` at `primals` along `tangents`, a tree like f's result.

    >>> float(numerical_jvp(np.sin, (0.0,), (2.0,)))
    2.0
    """
    flat = Flat(f, primals, domain)
    values = matched(list(primals), list(tangents), "the tangents")
    vectors = [v.vector(value) for v, value in zip(flat.slots, values, strict=True) if isinstance(v, Leaf)]
    return _like(f(*primals), slopes(flat, np.concatenate([np.zeros(0), *vectors])[None]).value[0])


def numerical_vjp(
    f: Function, primals: Sequence[Any], cotangent: Tree, domain: Any = None
) -> tuple[Tree, ...]:
    """The gradient of <cotangent, f> at `primals`, entry by entry: one tree per argument.

    It is None for leaves that are not floating arrays.

    >>> numerical_vjp(lambda x: x**2, (np.array([1.0, 3.0]),), np.ones(2))[0].round(9)
    array([2., 6.])
    """
    flat = Flat(f, primals, domain)
    return flat.trees(slopes(flat, np.eye(flat.x.size)).value @ reals(cotangent))


def numerical_gradient(f: Function, *primals: Any, domain: Any = None) -> tuple[Tree, ...]:
    """The gradient of a real scalar function, one tree per argument.

    >>> float(numerical_gradient(lambda x: x**3, 2.0)[0].round(9))
    12.0
    """
    return numerical_vjp(f, primals, np.ones_like(as_array(f(*primals)), dtype=np.float64), domain)


def numerical_jacobian(f: Function, *primals: Any, argnum: int = 0, domain: Any = None) -> Array:
    """All partial derivatives of one real array with respect to another, of shape ``f(x).shape + x.shape``.

    >>> numerical_jacobian(lambda x: x[::-1] * 2, np.array([1.0, 3.0])).round(9)
    array([[0., 2.],
           [2., 0.]])
    """
    y, x = as_array(f(*primals)), as_array(primals[argnum])
    if "c" in (y.dtype.kind, x.dtype.kind):
        raise CannotCheck("a complex function has no single Jacobian: use numerical_jvp or numerical_vjp")

    def of_one(x: Array) -> Any:
        return f(*primals[:argnum], x, *primals[argnum + 1 :])

    one = domain if domain is None or is_one_domain(domain) else [domain[argnum]]
    return slopes(Flat(of_one, (x,), one), np.eye(x.size)).value.T.reshape(y.shape + x.shape)


def numerical_hessian(f: Function, x: Any) -> Array:
    """All second derivatives of a real scalar function of one real array, as differences of its differences.

    >>> numerical_hessian(lambda x: x[0] ** 2 * x[1], np.array([1.0, 3.0])).round(5)
    array([[6., 2.],
           [2., 0.]])
    """
    return numerical_jacobian(lambda x: numerical_gradient(f, x)[0], as_array(x))


def _like(y: Tree, vector: Array) -> Tree:
    """A real vector as a tree with the structure, shapes and kinds of y."""
    arrays = [as_array(leaf) for leaf in leaves(y)]
    pieces = np.split(vector, np.cumsum([reals(array).size for array in arrays])[:-1])
    kinds = [np.complex128 if array.dtype.kind == "c" else np.float64 for array in arrays]
    return rebuild(y, [v.view(k).reshape(a.shape) for v, k, a in zip(pieces, kinds, arrays, strict=True)])
