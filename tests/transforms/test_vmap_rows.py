"""Every row of the table on a batch: the values and two derivatives are those of the examples one by one.

At each example of a row, each array alone is mapped, and then all of them, also by one vmap inside another.
"""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from thorough import some

import autograd_lite as ag
from autograd_lite.base.tree import leaves, rebuild
from autograd_lite.engine.engine_rows import PROJECTION, STOP_GRADIENT
from autograd_lite.table import TABLE
from autograd_lite.testing.rows import all_rows, points
from autograd_lite.transforms import batch as batch_module

SIZE = 3
BUILTIN = [row for row in TABLE.values() if row.builtin]  # before the examples in docstrings define rows

#: Rows whose result has a shape or a dtype that depends on values: a batch has no single answer, and the message says
#: why.
LOOKS_AT_VALUES = {
    "trim_zeros", "setdiff1d", "emath.sqrt", "emath.log", "emath.log2", "emath.log10", "emath.arcsin", "emath.arccos",
    "emath.arctanh", "emath.logn", "emath.power",
}
#: Rows that are looped over: the number or the order of their results depends on values, or SciPy takes one system.
LOOPED = {
    "nonzero", "argwhere", "flatnonzero", "unique_positions", "common_positions", "roots", "ufunc_method",
    "linalg.solve_banded",
}  # fmt: skip
RANDOM = {"dropout_mask", "rand_like", "randn_like"}


def close(got, want):
    return all(
        np.shape(a) == np.shape(b) and np.allclose(a, b, rtol=1e-8, atol=1e-9, equal_nan=True)
        for a, b in zip(got, want, strict=True)
    )


def arrays_of(row):
    """For each example of a row: the other arguments, which of its leaves are arrays, and a batch of each of those."""
    drawn = [list(points(row, np.random.default_rng(seed))) for seed in range(SIZE)]
    for examples in zip(*drawn, strict=True):
        each = [leaves(args) for args, _ in examples]
        places = [
            k for k, x in enumerate(each[0])
            if isinstance(x, np.ndarray) and all(np.shape(e[k]) == x.shape for e in each)
        ]  # fmt: skip
        yield examples[0], places, {k: np.stack([e[k] for e in each]) for k in places}


def called(row, example, places):
    """The row as a function of the arrays at some places, with a list of arrays as the result."""
    (args, keywords), given = example, leaves(example[0])

    def f(*xs):
        full = list(given)
        for k, x in zip(places, xs, strict=True):
            full[k] = x
        y = row(*rebuild(args, full), **keywords)
        return [y if hasattr(y, "dtype") else np.asarray(y) for y in (y if isinstance(y, (tuple, list)) else [y])]

    return f


def with_derivatives(f, order, kinds):
    """The values, the gradient of a weighted sum of them, and the gradient of a weighted sum of that."""
    smooth = tuple(k for k, kind in enumerate(kinds) if kind in "fc")

    def weighted(ys, rate):
        total = 0.0
        for y in ys:
            if y.dtype.kind in "fc":
                y = np.real(y) + np.imag(y) if y.dtype.kind == "c" else y
                total = total + np.sum(y * np.cos(rate * np.arange(y.size)).reshape(y.shape))
        return total

    def all_of(*xs):
        found = f(*xs)
        if order < 1 or not smooth or not any(y.dtype.kind in "fc" for y in found):
            return found
        slope = ag.grad(lambda *xs: weighted(f(*xs), 1.0), smooth)
        found = [*found, *slope(*xs)]
        if order > 1:
            found += ag.grad(lambda *xs: weighted(slope(*xs), 0.7), smooth)(*xs)
        return found

    return all_of


def one_by_one(f, batches):
    with np.errstate(all="ignore"):
        try:
            each = [f(*xs) for xs in zip(*batches, strict=True)]
        except IndexError:  # NumPy 2.4 has no nanquantile with such weights
            each = [[y.data for y in f(*map(ag.tensor, xs))] for xs in zip(*batches, strict=True)]
    return [np.stack(ys) for ys in zip(*each, strict=True)]


def mapped(f, batches, **how):
    with np.errstate(all="ignore"):
        return ag.vmap(f, **how)(*batches)


@pytest.fixture
def looped():
    """The rows that the test has looped over."""
    batch_module._LOOPED.clear()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "vmap: .* has no rule")
        yield batch_module._LOOPED
    batch_module._LOOPED.clear()


@pytest.mark.parametrize("row", [r for r in all_rows() if r.name not in RANDOM], ids=lambda row: row.name)
def test_a_batch_is_its_examples_one_by_one(row, looped):
    refused = []
    for example, places, batch in some(arrays_of(row)):
        chosen = [[k] for k in places] + ([places] if len(places) > 1 else [])
        for mapped_at in chosen:
            f, batches = called(row, example, mapped_at), [batch[k] for k in mapped_at]
            try:
                want = one_by_one(f, batches)
                assert close(mapped(f, batches), want), (example, mapped_at)
                if mapped_at is chosen[-1]:
                    check_derivatives(row, f, batches)
            except (RuntimeError, ValueError, TypeError) as error:
                if row.name not in LOOKS_AT_VALUES:
                    raise
                refused.append(str(error))
    assert bool(refused) == (row.name in LOOKS_AT_VALUES), "take it off the list"
    assert all("depends on" in why for why in refused), refused
    assert {r.name for r in looped} <= LOOPED


def check_derivatives(row, f, batches):
    order = min(2, 2 if row.order is None else row.order - 1)
    g = with_derivatives(f, order, [x.dtype.kind for x in batches])
    want = one_by_one(g, batches)
    assert close(mapped(g, batches), want), "its derivatives"
    twice = [np.stack([x, x[::-1]], 1) for x in batches]  # the examples are along axis 0, and in turn along axis 1
    nested = mapped(ag.vmap(g, in_axes=0), twice, in_axes=1, out_axes=1)
    assert close(nested, [np.stack([y, y[::-1]], 1) for y in want]), "one vmap inside another"
    smooth = [k for k, x in enumerate(batches) if x.dtype.kind in "fc"]
    if smooth:
        check_jacobians(f, [x[0] for x in batches])
    if order < 1 or not smooth or len(want) == len(mapped(f, batches)):
        return

    def total(*xs):
        ys = [y for y in ag.vmap(f)(*xs) if y.dtype.kind in "fc"]
        ys = [np.real(y) + np.imag(y) if y.dtype.kind == "c" else y for y in ys]
        return sum(np.sum(y * np.cos(1.0 * np.arange(y[0].size)).reshape(y.shape[1:])) for y in ys)

    with np.errstate(all="ignore"):
        outside = ag.grad(total, tuple(smooth))(*batches)
    count = len(mapped(f, batches))
    assert close(outside, want[count : count + len(smooth)]), "the gradient of the batch"


def check_jacobians(f, example):
    """Both modes walk once with a batch, the one over cotangents and the other over tangents."""
    smooth = tuple(k for k, x in enumerate(example) if x.dtype.kind in "fc")

    def first(*xs):
        return next((y for y in f(*xs) if y.dtype.kind in "fc"), 0.0)

    with np.errstate(all="ignore"):
        try:
            backwards = ag.jacobian(first, smooth, "reverse")(*example)
        except np.linalg.LinAlgError as error:  # a basis that may be rotated
            if "depends on" in str(error) or "not determined" in str(error):
                return
            raise
        forwards = ag.jacobian(first, smooth, "forward")(*example)
        three = ag.jacobian(first, smooth, "reverse", chunk_size=3)(*example)
    assert close(forwards, backwards), "forward mode"
    assert close(three, backwards), "in chunks"


def test_the_rows_of_the_engine_have_rules():
    assert PROJECTION.batch is not None
    assert STOP_GRADIENT.batch is not None


def test_only_the_listed_rows_are_looped_over():
    assert {row.name for row in BUILTIN if row.batch is None and row.kind != "composite"} <= LOOPED


#: The most used functions of each file of rules: ten, or as many as it has for users.
MOST_USED = {
    "constants": "sign floor greater equal logical_and argmax all any round isfinite zeros_like",
    "cumulative": "cumsum cumprod maximum_accumulate nancumsum nancumprod cumulative_sum cumulative_prod",
    "differences": "diff trapezoid gradient interp linspace ediff1d unwrap logspace geomspace apply_along_axis",
    "einsum": "einsum",
    "elementwise": "add subtract multiply divide power sqrt exp log sin maximum absolute",
    "indexing": "getitem set_at add_at subtract_at multiply_at divide_at power_at maximum_at minimum_at",
    "joining": "concatenate stack vstack hstack split array_split repeat tile meshgrid append",
    "layers": "linear standardize one_hot softmax_cross_entropy binary_cross_entropy_with_logits",
    "linalg": "linalg.inv linalg.solve linalg.pinv linalg.lstsq linalg.det linalg.slogdet linalg.matrix_power "
    "linalg.outer linalg.cross linalg.tensorsolve",
    "norms": "linalg.norm linalg.vector_norm linalg.matrix_norm linalg.cond",
    "padding": "pad",
    "polynomials": "polyval polyfit polyder polyint polyadd polysub polymul polydiv poly vander",
    "products": "matmul dot vdot inner outer tensordot kron cross trace linalg.multi_dot",
    "quantiles": "median quantile percentile nanmedian nanquantile nanpercentile",
    "reductions": "sum prod max min mean var std average logsumexp nansum ptp",
    "selection": "where clip select piecewise take take_along_axis choose compress extract",
    "shaping": "reshape ravel squeeze expand_dims transpose swapaxes moveaxis broadcast_to flip roll diagonal",
    "signal": "fft.fft fft.ifft fft.rfft fft.irfft fft.fft2 fft.ifft2 fft.fftn fft.fftshift convolve correlate",
    "sorting": "sort argsort partition lexsort bincount searchsorted digitize sort_complex",
    "special": "softmax log_softmax relu gelu silu softplus sinc nan_to_num xlogy leaky_relu sigmoid",
    "spectral": "linalg.eigh linalg.eigvalsh linalg.eig linalg.eigvals linalg.svd linalg.svdvals",
    "statistics": "cov corrcoef histogram histogram_bin_edges",
    "torch_aliases": "cat clamp unsqueeze permute masked_fill topk index_select gather scatter chunk",
    "triangular": "linalg.cholesky linalg.qr",
}


@pytest.mark.parametrize("names", MOST_USED.values(), ids=MOST_USED.keys())
def test_the_most_used_functions_are_not_looped_over(names, looped):
    """A mask as an index is ``np.nonzero`` of it, and so an exception."""
    for name in names.split():
        assert name not in LOOKS_AT_VALUES | LOOPED
        for example, places, batch in arrays_of(TABLE[name]):
            if places:
                mapped(called(TABLE[name], example, places), batch.values())
                masks = any(x.dtype == bool for x in batch.values())
                assert {row.name for row in looped} <= ({"nonzero"} if masks else set())
                looped.clear()
