"""Hypothesis strategies for the arguments of numerical functions.

Shapes, dtypes, broadcasting and indices are those of :mod:`hypothesis.extra.numpy`. This module adds arrays on a domain
and with distinct or well-separated entries, special matrices (well-conditioned, symmetric positive definite,
orthogonal), probability vectors, einsum specifications, cotangents, and small random networks.

Numbers are drawn on a coarse grid inside the domain and then converted to floats. So a shrunk example reads
``[0.5, 1.0]``, and by default no two different entries are too close for a difference quotient.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ..base.listing import public_names as _public_names
from ..table import REAL, Domain
from .leaves import Array, Function, Params, Shape, Values, as_array
from .numeric import is_one_domain

FLOATS = (np.float64, np.float32)
STEP = 1 / 64  # the grid of drawn numbers
REACH = 4.0  # the default distance of numbers from the domain's only end, or from zero
SPECIAL = (0.0, -0.0, 1e-310, -1e-310, 1e-300, 1e-8, 1e8, -1e8)

Strategy = st.SearchStrategy[Any]


def shapes(min_dims: int = 0, max_dims: int = 3, min_side: int = 1, max_side: int = 4) -> Strategy:
    """Shapes small enough for every entry to be compared."""
    return hnp.array_shapes(min_dims=min_dims, max_dims=max_dims, min_side=min_side, max_side=max_side)


def numbers(domain: Any = REAL, edge: bool = False, reach: float = REACH) -> Strategy:
    """Real numbers inside a domain.

    Parameters
    ----------
    domain : Domain or (low, high)
        An open interval, without some points.
    edge : bool
        Whether to draw also numbers next to the domain's ends and holes, signed zeros, subnormal and large numbers.
    reach : float
        The largest distance from zero, or from the domain's only end.
    """
    d = REAL if domain is None else domain if isinstance(domain, Domain) else Domain(*domain)
    low, high = d.span(reach)
    steps = max(int((high - low) / STEP), 8)
    middle = min(max(int((1.0 - low) / (high - low) * steps), 1), steps - 1)  # shrink towards one
    grid = st.one_of(st.integers(middle, steps - 1), st.integers(1, steps - 1))
    inner = grid.map(lambda k: float(low + (high - low) * k / steps))
    near = _near_edges(d) if edge else []
    drawn = st.one_of(inner, st.sampled_from(near)) if near else inner
    return drawn.filter(lambda x: bool(d.contains(np.float64(x))))


def _near_edges(d: Domain) -> list[float]:
    near = [end + step for end in (d.low, d.high, *d.holes) for step in (-1e-8, -1e-3, 1e-8, 1e-3)]
    return [x for x in (*near, *SPECIAL) if np.isfinite(x) and d.contains(np.float64(x))]


def arrays(
    shape: Any = None,
    domain: Any = REAL,
    *,
    dtype: Any = np.float64,
    unique: bool = False,
    edge: bool = False,
    reach: float = REACH,
) -> Strategy:
    """Arrays with entries inside a domain.

    Parameters
    ----------
    shape : tuple, int or strategy, optional
        Up to three axes of up to four entries by default.
    domain : Domain or (low, high)
        Where the entries lie: ``POSITIVE``, ``NONZERO``, ``interval(-1, 1)`` of
        :mod:`autograd_lite.table`, or a pair of numbers.
    dtype : dtype or strategy
        Real or complex. A complex number has both parts in the domain.
    unique : bool
        Whether all entries differ by at least a grid step, for ``max``, ``sort``, ``median``, where ties are kinks.
    edge, reach
        See :func:`numbers`.

    Examples
    --------
    >>> from hypothesis import find
    >>> find(arrays((2,), (0, 3)), lambda x: x[0] > x[1]).shape
    (2,)
    """
    if isinstance(dtype, st.SearchStrategy):
        return dtype.flatmap(lambda kind: arrays(shape, domain, dtype=kind, unique=unique, edge=edge, reach=reach))
    entries = numbers(domain, edge, reach)
    wide: Any = np.float64
    if np.dtype(dtype).kind == "c":
        wide, entries = np.complex128, st.builds(complex, entries, entries)
    drawn = hnp.arrays(wide, shapes() if shape is None else shape, elements=entries, unique=unique)
    return drawn.map(lambda x: x.astype(dtype))


def ties(shape: Any = None, values: Sequence[float] = (-1.0, 0.0, 2.0)) -> Strategy:
    """Arrays with many equal entries, for the gradients chosen at ties."""
    return hnp.arrays(np.float64, shapes() if shape is None else shape, elements=st.sampled_from(list(values)))


def unique_along(axis: int, shape: Any = None, domain: Any = REAL) -> Strategy:
    """Arrays whose entries differ along one axis, so that ``max`` and ``sort`` have a derivative."""

    def distinct(x: Array) -> bool:
        return -x.ndim <= axis < x.ndim and bool(np.all(np.diff(np.sort(x, axis=axis), axis=axis) > STEP / 2))

    return arrays(shapes(min_dims=1) if shape is None else shape, domain).filter(distinct)


# ---------------------------------------------------------------------------------------------------- several arguments


@st.composite
def _cut_from_one(draw: Any, count: int, max_dims: int, max_side: int) -> tuple[Shape, ...]:
    """Shapes that broadcast to that of one of them. Otherwise most axes would have length one."""
    full = draw(hnp.array_shapes(min_dims=min(1, max_dims), max_dims=max_dims, min_side=2, max_side=max_side))
    whole = draw(st.integers(0, count - 1))
    cut = hnp.broadcastable_shapes(full, max_dims=len(full), max_side=max_side)
    return tuple(full if k == whole else draw(cut) for k in range(count))


@st.composite
def broadcastable(
    draw: Any,
    count: int = 2,
    domains: Any = None,
    *,
    dtype: Any = np.float64,
    max_dims: int = 3,
    max_side: int = 3,
    edge: bool = False,
) -> tuple[Array, ...]:
    """A tuple of `count` arrays whose shapes broadcast together.

    `domains` is one domain for all of them, or a sequence with one for each.
    """
    shapes = draw(st.one_of(
        _cut_from_one(count, max_dims, max_side),
        hnp.mutually_broadcastable_shapes(num_shapes=count, max_dims=max_dims, max_side=max_side)
        .map(lambda drawn: drawn.input_shapes),
    ))  # fmt: skip
    each = [domains] * count if domains is None or is_one_domain(domains) else domains
    return tuple(
        draw(arrays(shape, domain, dtype=dtype, edge=edge)) for shape, domain in zip(shapes, each, strict=True)
    )


@st.composite
def axes(draw: Any, ndim: int, *, several: bool = True) -> Any:
    """An ``axis=`` for an array of `ndim` axes: None, one (negative too), or a tuple of them."""
    choices: list[Strategy] = [st.none()]
    if ndim:
        choices.append(st.integers(-ndim, ndim - 1))
        if several:
            choices.append(hnp.valid_tuple_axes(ndim, min_size=1))
    return draw(st.one_of(*choices))


@st.composite
def reductions(
    draw: Any, domain: Any = REAL, *, several: bool = True, unique: bool = False
) -> tuple[Array, Params]:
    """An array and ``{"axis": …, "keepdims": …}`` to reduce it with."""
    x = draw(arrays(shapes(), domain, unique=unique))
    return x, {"axis": draw(axes(x.ndim, several=several)), "keepdims": draw(st.booleans())}


def indices(shape: Shape) -> Strategy:
    """Indices: basic, advanced with repeats, boolean."""
    basic = hnp.basic_indices(shape, allow_newaxis=True, allow_ellipsis=True)
    if not shape or 0 in shape:
        return basic
    advanced = hnp.integer_array_indices(shape, result_shape=hnp.array_shapes(max_dims=2, max_side=4))
    return st.one_of(basic, advanced, hnp.arrays(np.bool_, shape))


@st.composite
def einsums(draw: Any) -> Values:
    """A specification and operands, ``("ij,jk->ik", a, b)``; some repeat indices or have an ellipsis."""
    letters = "abcde"
    sizes = {letter: draw(st.integers(1, 3)) for letter in letters}
    batch = draw(st.sampled_from([(), (), (2,), (1, 3)]))
    terms, operands = [], []
    for _ in range(draw(st.integers(1, 3))):
        term = "".join(draw(st.lists(st.sampled_from(letters), max_size=3)))
        dots = bool(batch) and draw(st.booleans())
        operands.append(draw(arrays((*(batch if dots else ()), *(sizes[c] for c in term)))))
        terms.append(("..." if dots else "") + term)
    used = sorted(set("".join(terms)) - {"."})
    out = draw(st.lists(st.sampled_from(used), unique=True)) if used else []
    dots = "..." if any("..." in term for term in terms) else ""
    return (f"{','.join(terms)}->{dots}{''.join(out)}", *operands)


def cotangents(y: Any) -> Strategy:
    """Cotangents for a result: of its shape and dtype, with no entry near zero."""
    array = as_array(y)
    numbers = arrays(array.shape, Domain(-2.0, 2.0, holes=(0.0,)), dtype=array.dtype)
    return numbers.map(lambda g: np.where(np.abs(g) < 0.25, np.asarray(1, g.dtype), g))


# --------------------------------------------------------------------------------------------------- arrays of one kind


def _size(n: Any, most: int = 4) -> Strategy:
    return st.integers(1, most) if n is None else st.just(n)


def _spread(low: float, high: float, count: int) -> Strategy:
    """Numbers in increasing order, all apart from each other."""
    return arrays((count,), (0.0, 0.3)).map(lambda x: np.linspace(low, high, count) + x)


@st.composite
def _with_eigenvalues(draw: Any, low: float, high: float, n: Any, batch: Shape) -> Array:
    size = draw(_size(n))
    q = draw(orthogonal(size, batch=batch))
    a = (q * draw(_spread(low, high, size))) @ q.mT
    return np.asarray((a + a.mT) / 2)


@st.composite
def orthogonal(draw: Any, n: Any = None, *, batch: Shape = ()) -> Array:
    """Orthogonal matrices, of shape ``batch + (n, n)``."""
    size = draw(_size(n))
    x = draw(arrays((*batch, size, size), (-2.0, 2.0)))
    q, r = np.linalg.qr(x + 3.0 * np.eye(size))
    return np.asarray(q * np.where(np.diagonal(r, axis1=-2, axis2=-1) < 0, -1.0, 1.0)[..., None, :])


@st.composite
def well_conditioned(draw: Any, n: Any = None, m: Any = None, *, batch: Shape = ()) -> Array:
    """Matrices of full rank with singular values between 0.5 and 3, all apart from each other."""
    rows = draw(_size(n))
    columns = rows if m is None else m
    k = min(rows, columns)
    u, v = draw(orthogonal(rows, batch=batch)), draw(orthogonal(columns, batch=batch))
    return np.asarray((u[..., :, :k] * draw(_spread(0.5, 3.0, k))) @ v[..., :k, :])


def positive_definite(n: Any = None, *, batch: Shape = ()) -> Strategy:
    """Symmetric positive definite matrices, with eigenvalues between 0.5 and 3, all apart from each other."""
    return _with_eigenvalues(0.5, 3.0, n, batch)


def symmetric(n: Any = None, *, batch: Shape = ()) -> Strategy:
    """Symmetric matrices with eigenvalues of both signs, all apart from each other."""
    return _with_eigenvalues(-2.0, 2.0, n, batch)


@st.composite
def simplex(draw: Any, n: Any = None, *, batch: Shape = ()) -> Array:
    """Probability vectors along the last axis: positive, with sum one."""
    x = draw(arrays((*batch, draw(_size(n, 5))), (0.25, 4.0)))
    return np.asarray(x / x.sum(axis=-1, keepdims=True))


@st.composite
def one_hot(draw: Any, n: Any = None, *, batch: Shape = ()) -> Array:
    """Zeros with a single one along the last axis."""
    size = draw(_size(n, 5))
    return np.asarray(np.eye(size)[draw(hnp.arrays(np.int64, batch, elements=st.integers(0, size - 1)))])


# -------------------------------------------------------------------------------------------- small graphs and networks


ACTIVATIONS: dict[str, Callable[[Any], Any]] = {
    "tanh": np.tanh,
    "softplus": lambda x: np.log(1 + np.exp(-np.abs(x))) + np.maximum(x, 0),
    "sin": np.sin,
    "softsign": lambda x: x / (1 + x * x),
    "exp(-x²)": lambda x: np.exp(-x * x),
}


@st.composite
def networks(draw: Any) -> tuple[Function, Params, Array]:
    """A small random network: ``(loss, params, x)``, where ``loss(params, x)`` is one number.

    Written with NumPy's own functions; layers are smooth, some have a skip connection, some share their weights.

    >>> from hypothesis import given, settings
    >>> from autograd_lite.testing import assert_gradients
    >>> @settings(max_examples=2, deadline=None)
    ... @given(networks())
    ... def test(drawn):
    ...     loss, params, x = drawn
    ...     assert_gradients(loss, params, x, order=1)
    >>> test()
    """
    batch, width = draw(st.integers(1, 3)), draw(st.integers(1, 4))
    x = draw(arrays((batch, width), (-2.0, 2.0)))
    params: Params = {}
    layers: list[tuple[int, str, bool]] = []  # whose weights, and what follows them
    for k in range(draw(st.integers(1, 3))):
        i = k
        if layers and params[f"W{layers[-1][0]}"].shape[0] == width and draw(st.booleans()):
            i = layers[-1][0]
        else:
            into = draw(st.integers(1, 4))
            params[f"W{k}"] = draw(arrays((width, into), (-1.0, 1.0)))
            params[f"b{k}"] = draw(arrays((into,), (-1.0, 1.0)))
        layers.append((i, draw(st.sampled_from(sorted(ACTIVATIONS))), draw(st.booleans())))
        width = params[f"W{i}"].shape[1]

    def loss(params: Params, x: Any) -> Any:
        for i, activation, skip in layers:
            y = ACTIVATIONS[activation](x @ params[f"W{i}"] + params[f"b{i}"])
            x = x + y if skip and np.shape(x) == np.shape(y) else y
        return np.sum(x * x) / 2

    return loss, params, x


@st.composite
def graphs(draw: Any) -> Values:
    """A random expression of smooth functions with shared sub-expressions: ``(f, *arrays)``.

    >>> from hypothesis import given, settings
    >>> from autograd_lite.testing import assert_gradients
    >>> @settings(max_examples=2, deadline=None)
    ... @given(graphs())
    ... def test(drawn):
    ...     f, *arrays = drawn
    ...     assert_gradients(f, *arrays, order=1)
    >>> test()
    """
    points = [draw(arrays((3,), (-2.0, 2.0))) for _ in range(2)]
    steps = []
    for k in range(draw(st.integers(1, 8))):
        name = draw(st.sampled_from(["add", "multiply", "subtract", *sorted(ACTIVATIONS)]))
        steps.append((name, draw(st.integers(0, k + 1)), draw(st.integers(0, k + 1))))

    def f(*xs: Any) -> Any:
        values = list(xs)
        for name, i, j in steps:
            one = ACTIVATIONS.get(name)
            values.append(one(values[i]) if one else getattr(np, name)(values[i], values[j]))
        return values[-1]

    return (f, *points)

__dir__ = _public_names(__name__, "Strategy")
