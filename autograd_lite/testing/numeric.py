"""Accurate derivatives from finite differences.

A difference quotient has two errors: curvature for long steps, rounding for short ones. So no single step is trusted.
The function is sampled at a falling sequence of steps, a ladder, which is extrapolated to step zero (Richardson's
table, as Ridders used it). Each number of the result takes the entry of the table that differs least from its
neighbours. That difference, plus the rounding of the values, is the error estimate of the result. The first ladder
starts at a step that suits arguments near one; if it does not converge, ladders scaled to the argument are tried.

The same samples show, at no cost, whether the two sides agree. If the slopes from the right and from the left differ by
an amount that does not shrink with the step, the point may be a kink; if the difference of the values does not shrink,
a jump. Both are reported, not averaged away.

This is fast, and enough to confirm a derivative that agrees. It is not enough to contradict one: the error estimate
does not include rounding inside the function. That of :mod:`autograd_lite.testing.careful_slopes` does.

All computation is real: a complex number is two real ones, and the inner product is Re(conj(a) b). A gradient is
therefore dL/dRe + i dL/dIm, as in PyTorch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from autograd_lite.base.tree import leaves, matched, paths, rebuild
from autograd_lite.testing.leaves import Array, Tree, as_array, is_differentiable

LEVELS = 9  # steps in a ladder
RATIO = 4.0  # each step is this much shorter than the one before: 0.25, 0.06, ... 4e-6
ENOUGH = 1e-10  # a relative error at which a ladder may stop early
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
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    start: int
    stop: int
    python: bool = False  # given, and passed on, as a Python number

    @property
    def size(self) -> int:
        return self.stop - self.start

    def index(self, position: int) -> tuple[tuple[int, ...], str]:
        """The index of a flat position, and which part of a complex number it is."""
        part = ""
        if self.dtype.kind == "c":
            position, odd = divmod(position, 2)
            part = ".imag" if odd else ".real"
        return tuple(int(i) for i in np.unravel_index(position, self.shape)), part

    def array(self, vector: Array, dtype: np.dtype[Any] | None = None) -> Array:
        """This leaf's array from the flat vector."""
        piece = vector[self.start : self.stop]
        if self.dtype.kind == "c":
            piece = np.ascontiguousarray(piece).view(np.complex128)
        return piece.reshape(self.shape).astype(dtype or self.dtype, copy=False)

    def vector(self, array: Any) -> Array:
        """The reals of one array of this leaf's shape."""
        wide = np.complex128 if self.dtype.kind == "c" else np.float64
        with np.errstate(all="ignore"):
            return np.ascontiguousarray(as_array(array).astype(wide)).reshape(-1).view(np.float64)


def reals(tree: Tree) -> Array:
    """All numbers of a tree as one real vector; the inner product of two trees is that of their vectors."""
    vectors = []
    for leaf in leaves(tree):
        array = as_array(leaf)
        if array.dtype.kind == "c":
            vectors.append(np.ascontiguousarray(array, dtype=np.complex128).reshape(-1).view(np.float64))
        elif array.dtype.kind == "f":
            vectors.append(array.astype(np.float64).reshape(-1))
        else:
            vectors.append(np.zeros(array.size))
    return vectors[0] if len(vectors) == 1 else np.concatenate(vectors) if vectors else np.zeros(0)


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

    f: Callable[..., Any]
    args: Sequence[Any]
    domain: Any = None
    names: Sequence[str] | None = None
    leaves: list[Leaf] = field(default_factory=list)  # the differentiable ones
    slots: list[tuple[Leaf | None, Any]] = field(default_factory=list)  # all of them, as given

    def __post_init__(self) -> None:
        start = 0
        for argument, tree in enumerate(self.args):
            name = self.names[argument] if self.names else f"argument {argument}"
            for path, value in zip(paths(tree, name), leaves(tree), strict=True):
                if not is_differentiable(value):
                    self.slots.append((None, value))
                    continue
                array = as_array(value)
                stop = start + array.size * (2 if array.dtype.kind == "c" else 1)
                python = isinstance(value, float | complex) and not isinstance(value, np.generic)
                leaf = Leaf(path, argument, array.shape, array.dtype, start, stop, python)
                self.leaves.append(leaf)
                self.slots.append((leaf, value))
                start = stop
        vectors = [leaf.vector(value) for leaf, value in self.slots if leaf is not None]
        self.x: Array = np.concatenate(vectors) if vectors else np.zeros(0)
        joint = hasattr(self.domain, "contains") and not hasattr(self.domain, "low")
        self.contains = self.domain.contains if joint else None
        self.low, self.high = (None, None) if joint else _bounds(self.domain, self)
        self.wide = False
        narrow = [leaf for leaf in self.leaves if np.finfo(leaf.dtype).eps > DOUBLE]
        if narrow:
            self.wide = self._keeps_double()
        self.eps = DOUBLE
        if narrow and not self.wide:
            self.eps = float(max(np.finfo(leaf.dtype).eps for leaf in narrow))

    def arguments(self, vector: Array, wide: bool | None = None) -> list[Any]:
        """The arguments of a flat vector."""
        wide = self.wide if wide is None else wide
        values = []
        for leaf, value in self.slots:
            if leaf is None:
                values.append(value)
                continue
            array = leaf.array(vector, np.result_type(leaf.dtype, np.float64) if wide else None)
            values.append(array.item() if leaf.python else array)
        return list(rebuild(tuple(self.args), values))

    def __call__(self, vector: Array) -> Array:
        return reals(self.f(*self.arguments(vector)))

    def near(self, vector: Array, size: int) -> Array:
        """The values at a neighbouring point: nan outside the domain, or where the function raises."""
        if self.low is not None and not (np.all(vector > self.low) and np.all(vector < self.high)):
            return np.full(size, np.nan)
        arguments = self.arguments(vector)
        if self.contains is not None and not np.all(self.contains(*arguments)):
            return np.full(size, np.nan)
        try:
            values = reals(self.f(*arguments))
        except (ArithmeticError, ValueError, np.linalg.LinAlgError):
            return np.full(size, np.nan)
        return values if values.size == size else np.full(size, np.nan)

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
        one, part = domain, slice(leaf.start, leaf.stop)
        if not _is_one(domain):
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
        leaf, position = locate(flat, int(np.argmax(outside)))
        (index, part_of), k = leaf.index(position), leaf.start + position
        raise CannotCheck(
            f"{leaf.path}{show(index)}{part_of} = {flat.x[k]!s} lies outside the open domain "
            f"({low[k]!s}, {high[k]!s}): choose a point inside it, or widen domain="
        )
    return low, high


def _is_one(domain: Any) -> bool:
    """True if this is one domain for every argument, not a sequence with one per argument."""
    return hasattr(domain, "low") or (len(domain) == 2 and all(isinstance(end, int | float) for end in domain))


def locate(flat: Flat, position: int) -> tuple[Leaf, int]:
    """The leaf of a position of the flat vector, and the position within it."""
    for leaf in flat.leaves:
        if leaf.start <= position < leaf.stop:
            return leaf, position - leaf.start
    raise IndexError(position)


def show(index: tuple[int, ...]) -> str:
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
    jump : array (directions, outputs) of bool
        Where the values from the two sides do not converge to each other.
    grain : array (directions, outputs), optional
        The rounding of the values, divided by the distance over which they are expected to change: any formula for the
        derivative has about as much rounding. None if it was not measured.
    """

    value: Array
    error: Array
    gap: Array
    jump: Array
    grain: Array | None = None

    @property
    def right(self) -> Array:
        return self.value + self.gap / 2

    @property
    def left(self) -> Array:
        return self.value - self.gap / 2


def slopes(flat: Flat, directions: Array, base: Array | None = None) -> Slopes:
    """The derivative of every output of `flat` at its point along each row of `directions`."""
    directions = np.atleast_2d(np.asarray(directions, dtype=np.float64))
    with np.errstate(all="ignore"):
        base = flat(flat.x.copy()) if base is None else base
        if not len(directions):
            nothing = np.zeros((0, base.size))
            return Slopes(nothing, nothing, nothing, nothing.astype(bool))
        near_one, own_scale = scales(flat)
        result, still = _ladder(flat, directions, base, first_steps(flat, directions, near_one))
        result.error[still] = 0.0  # the next ladders have only shorter steps
        for scale in (own_scale, own_scale * 1e-4):
            poor = ~np.all((result.error <= 1e-7 * np.abs(result.value)) | still, axis=1)
            first, start = (first_steps(flat, directions[poor], s) for s in (near_one, scale))
            if not poor.any() or np.allclose(start, first, rtol=0.5):
                continue
            again, _ = _ladder(flat, directions[poor], base, start)
            better = again.error < result.error[poor]
            # A long step over a bounded wave finds a small, steady, wrong slope: a shorter step must agree with it.
            disagree = ~(np.abs(again.value - result.value[poor]) <= 4 * result.error[poor])
            better &= ~(disagree & (start > first)[:, None])
            for name in ("value", "error", "gap", "jump"):
                old = getattr(result, name)
                old[poor] = np.where(better, getattr(again, name), old[poor])
    return result


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


def sides(flat: Flat, directions: Array, steps: Array, size: int) -> tuple[Array, Array]:
    """The values one step forward and one step back along each direction."""
    moves = steps[:, None] * directions
    up = np.array([flat.near(flat.x + move, size) for move in moves])
    return up, np.array([flat.near(flat.x - move, size) for move in moves])


def _ladder(flat: Flat, directions: Array, base: Array, start: Array) -> tuple[Slopes, Array]:
    """Richardson's table for central differences; each direction and output takes its own best entry.

    The second result is true for outputs that did not change by a bit at any step. They do not depend on the arguments
    that were moved, and their derivative has no rounding.
    """
    shape = (len(directions), base.size)
    best, error = np.full(shape, np.nan), np.full(shape, np.inf)
    previous: list[Array] = []
    bends: list[Array] = []  # right slope less left slope, level by level
    rises: list[Array] = []  # right value less left value, level by level
    grain = flat.eps * np.array([np.abs(flat.x[d != 0] / d[d != 0]).max(initial=0.0) for d in directions])
    noise, shortest, shortest_error = np.zeros(shape), best, error
    for level in range(LEVELS):
        step = (start / RATIO**level)[:, None]
        up, down = sides(flat, directions, step[:, 0], base.size)
        row = [(up - down) / (2 * step)]
        # two roundings of the value, and that of x, both divided by the step
        noise = (flat.eps * (np.abs(up) + np.abs(down)) + 2 * grain[:, None] * np.abs(row[0])) / step
        factor = 1.0
        for order, older in enumerate(previous):
            factor *= RATIO**2
            row.append(row[-1] + (row[-1] - older) / (factor - 1))
            doubt = np.maximum(np.abs(row[-1] - row[-2]), np.abs(row[-1] - older)) + noise
            better = doubt < error
            best, error = np.where(better, row[-1], best), np.where(better, doubt, error)
            if order == 0:
                shortest, shortest_error = row[-1], doubt
        previous = row
        bends.append((up - 2 * base + down) / step)
        rises.append(up - down)
        if level >= 3:
            size = np.maximum(np.abs(best), np.abs(base))
            if np.all((error <= ENOUGH * size) & (shortest_error <= 1e-2 * size)):
                break
    # Two long steps over a staircase may agree by chance: the shortest steps must not contradict them.
    chance = np.abs(best - shortest) > 8 * (error + shortest_error)
    best, error = np.where(chance, shortest, best), np.where(chance, shortest_error, error)
    gap, jump = _kinks(bends, rises, best, noise)
    still = np.all([rise == 0 for rise in rises], axis=0) & np.isfinite(best)
    error = np.where(jump, np.inf, error)
    return Slopes(best, error, gap, jump), still


def _kinks(bends: list[Array], rises: list[Array], best: Array, noise: Array) -> tuple[Array, Array]:
    """The difference between the two sides that does not shrink with the step.

    For a smooth function the slopes differ by h f'' + O(h^3), which one extrapolation removes; at a kink a constant
    remains. The values differ by 2 h f', which shrinks with h; at a jump a constant remains.
    """
    older, newer = ((RATIO * b - a) / (RATIO - 1) for a, b in zip(bends[-3:-1], bends[-2:], strict=True))
    steady = np.abs(newer - older) <= 0.25 * np.abs(newer)
    kink = steady & (np.abs(newer) > 64 * noise + 1e-7 * np.abs(best))
    jump = np.abs(rises[-1] - rises[-2]) <= 0.05 * np.abs(rises[-1])
    jump &= (np.abs(rises[-2] - rises[-3]) <= 0.05 * np.abs(rises[-2])) & (rises[-1] != 0)
    return np.where(kink & ~jump, newer, 0.0), jump


def complex_step(flat: Flat, directions: Array) -> Slopes:
    """Derivatives as Im f(x + i h v) / h: without a subtraction, so exact to rounding, for analytic f on real arrays.

    It does not detect that a function is not analytic (``abs``, ``conj``, ``max``).
    """
    if any(leaf.dtype.kind == "c" for leaf in flat.leaves):
        raise CannotCheck("complex_step: expected real arguments, got complex ones")
    directions, tiny = np.atleast_2d(directions), 1e-150
    rows = []
    for d in directions:
        values = []
        for leaf, value in flat.slots:
            if leaf is None:
                values.append(value)
                continue
            z = leaf.array(flat.x, np.dtype(np.float64)) + 1j * tiny * leaf.array(d, np.dtype(np.float64))
            values.append(z.item() if leaf.python else z)
        y = flat.f(*rebuild(tuple(flat.args), values))
        outs = [as_array(leaf) for leaf in leaves(y)]
        if any(out.dtype.kind != "c" for out in outs):
            raise CannotCheck("complex_step: expected a function that keeps complex numbers, got a real result")
        rows.append(np.concatenate([out.imag.reshape(-1) / tiny for out in outs]))
    value = np.array(rows)
    error = 16 * DOUBLE * np.abs(value)
    return Slopes(value, error, np.zeros_like(value), np.zeros(value.shape, bool))


def numerical_jvp(f: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any], domain: Any = None) -> Tree:
    """The derivative of `f` at `primals` along `tangents`, a tree like f's result.

    >>> float(numerical_jvp(np.sin, (0.0,), (2.0,)))
    2.0
    """
    flat = Flat(f, primals, domain)
    y = f(*primals)
    return _like(y, slopes(flat, _vector(flat, tangents)).value[0])


def numerical_vjp(
    f: Callable[..., Any], primals: Sequence[Any], cotangent: Tree, domain: Any = None
) -> tuple[Tree, ...]:
    """The gradient of <cotangent, f> at `primals`, entry by entry: one tree per argument.

    It is None for leaves that are not floating arrays.

    >>> numerical_vjp(lambda x: x**2, (np.array([1.0, 3.0]),), np.ones(2))[0].round(9)
    array([2., 6.])
    """
    flat = Flat(f, primals, domain)
    gradient = slopes(flat, np.eye(flat.x.size)).value @ reals(cotangent) if flat.x.size else np.zeros(0)
    vectors: tuple[Tree, ...] = rebuild(tuple(primals), [leaf and leaf.array(gradient) for leaf, _ in flat.slots])
    return vectors


def numerical_gradient(f: Callable[..., Any], *primals: Any, domain: Any = None) -> tuple[Tree, ...]:
    """The gradient of a real scalar function, one tree per argument.

    >>> float(numerical_gradient(lambda x: x**3, 2.0)[0].round(9))
    12.0
    """
    return numerical_vjp(f, primals, np.ones_like(as_array(f(*primals)), dtype=np.float64), domain)


def numerical_jacobian(f: Callable[..., Any], *primals: Any, argnum: int = 0, domain: Any = None) -> Array:
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

    one = domain if domain is None or _is_one(domain) else [domain[argnum]]
    flat = Flat(of_one, (x,), one)
    columns = slopes(flat, np.eye(x.size)).value if x.size else np.zeros((0, y.size))
    return columns.T.reshape(y.shape + x.shape)


def numerical_hessian(f: Callable[..., Any], x: Any) -> Array:
    """All second derivatives of a real scalar function of one real array, as differences of its differences.

    >>> numerical_hessian(lambda x: x[0] ** 2 * x[1], np.array([1.0, 3.0])).round(5)
    array([[6., 2.],
           [2., 0.]])
    """
    return numerical_jacobian(lambda x: numerical_gradient(f, x)[0], as_array(x))


def _vector(flat: Flat, trees: Sequence[Any]) -> Array:
    """Tangents, trees like the arguments, as one vector."""
    values = matched(list(flat.args), list(trees), "the tangents")
    vectors = [leaf.vector(value) for (leaf, _), value in zip(flat.slots, values, strict=True) if leaf is not None]
    return np.concatenate(vectors) if vectors else np.zeros(0)


def _like(y: Tree, vector: Array) -> Tree:
    """A real vector as a tree with the structure, shapes and kinds of y."""
    vectors, start = [], 0
    for leaf in leaves(y):
        array = as_array(leaf)
        stop = start + array.size * (2 if array.dtype.kind == "c" else 1)
        piece = vector[start:stop].view(np.complex128) if array.dtype.kind == "c" else vector[start:stop]
        vectors.append(piece.reshape(array.shape))
        start = stop
    return rebuild(y, vectors)
