"""The C backend: its numbers are NumPy's, and it falls back to NumPy where there is no compiler."""

from __future__ import annotations

import math
import os
import platform
import re
import subprocess
import sys
import threading
import types
import warnings
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from thorough import some

import autograd_lite as ag
import autograd_lite.optim as optim
from autograd_lite import nn
from autograd_lite.base.tree import leaves
from autograd_lite.compiling import clear_cache, compile, compiled, stepping
from autograd_lite.compiling.c import compiler as c, kernel
from autograd_lite.compiling.c.steps import kind_of
from autograd_lite.nn import functional as F
from autograd_lite.table import TABLE

pytestmark = pytest.mark.filterwarnings("error:jit. backend")
RNG = np.random.default_rng(5)


@pytest.fixture(autouse=True)
def needs_a_compiler(request):
    if "without" not in request.node.name:
        try:
            c.compiler()
        except c.NoCompiler as error:
            pytest.skip(f"no C compiler: {error}")


def in_c(f, *args, **options):
    """The function under jit, after a call with these arguments that must have run as C."""
    run = ag.jit(f, backend="c", **options)
    run(*args)
    assert run.backend == "c", run.source
    return run


def agree(got, want, rtol=1e-12):
    for a, b in zip(leaves(got), leaves(want), strict=True):
        a, b = (np.asarray(x.data if isinstance(x, ag.Tensor) else x) for x in (a, b))
        assert (a.shape, a.dtype) == (b.shape, b.dtype)
        scale = float(np.max(np.abs(b), initial=0.0, where=np.isfinite(b))) if b.dtype.kind == "f" else 0
        np.testing.assert_allclose(a, b, rtol=0 if b.dtype.kind == "b" else rtol, atol=rtol * scale)


# ------------------------------------------------------------------------------------------------------------ the rows

ROWS = [row for row in TABLE.values() if row.entrywise and (row.scalar or row.formula({}))]
ARGUMENTS = {
    "clip": lambda a, b, c: (a, -1.5, 2.0), "hardtanh": lambda a, b, c: (a, -1.0, 1.0),
    "where": lambda a, b, c: (a > 0, b, c), "bitwise_and": lambda a, b, c: (a > 0, b > 0),
    "bitwise_or": lambda a, b, c: (a > 0, b > 0), "invert": lambda a, b, c: (a > 0,),
}  # fmt: skip


def special(dtype):
    t = np.finfo(dtype)
    numbers = [0, 1, 0.5, 2, 2.5, 3, 7.5, t.tiny / 8, t.tiny, t.max, t.max / 1e3, 80, 88.9, 100, 700, 709.9, 745.2, 800]
    numbers += [np.inf, np.pi, 1e-8, 1e10, 1e16, 0.9999999, 1.0000001]
    return np.array([*numbers, np.nan, *(-x for x in numbers)], dtype)


def every_row(a, b, c):
    values = {}
    for row in ROWS:
        count = len(row.rules) or getattr(row.fn, "nin", 1)
        values[row.name] = row(*ARGUMENTS.get(row.name, lambda *xs, n=count: xs[:n])(a, b, c))
    return values


@pytest.mark.parametrize("dtype", ["d", pytest.param("f", marks=pytest.mark.thorough)])
@pytest.mark.parametrize("vectors", [True, pytest.param(False, marks=pytest.mark.thorough)])
def test_every_elementwise_row_at_special_values(dtype, vectors):
    v = special(dtype)
    a, b = (x.ravel() for x in np.meshgrid(v, v, indexing="ij")) if vectors else (v[:7], v[-7:])
    arrays = a, b, b[::-1].copy()
    with np.errstate(all="ignore"):
        program = ag.trace(every_row)(*arrays)
        assert not [eq.row.name for eq in program.equations if not kind_of(eq)]
        run, want = compiled(program, backend="c"), every_row(*arrays)
        assert run.backend == "c"
        for (name, y), got in zip(want.items(), run(*arrays), strict=True):
            assert got.dtype == y.dtype, name
            if y.dtype == bool:
                np.testing.assert_array_equal(got, y, name)
            else:
                cancels = name in ("logaddexp", "logaddexp2")  # a number and a logarithm, which may cancel
                least = 2 * np.finfo(dtype).eps if cancels else np.finfo(dtype).smallest_subnormal * 4
                np.testing.assert_allclose(got, y, 8 * np.finfo(dtype).eps, least, err_msg=name)


def test_the_slope_of_a_sum_of_functions():
    def f(x):
        return np.sum(np.sin(x) * np.cos(x) + np.exp(np.tanh(x)) / (1 + x * x) - ag.sigmoid(x) * np.log(np.abs(x) + 1))

    x = RNG.normal(size=100_003)
    run = in_c(ag.value_and_grad(f), x)
    agree(run(x), ag.value_and_grad(f)(x))


# ----------------------------------------------------------------------------------------------- sums and products


@pytest.mark.parametrize("dtype", ["d", pytest.param("f", marks=pytest.mark.thorough)])
def test_reductions_along_all_axes(dtype):
    def f(x):
        axes = [None, 0, 1, 2, (0, 1), (0, 2), (1, 2)]
        sums = [np.sum(np.tanh(x), axis=axis) for axis in axes] + [np.sum(x * 2, axis=1, keepdims=True)]
        return sums, [np.max(x, axis) for axis in axes], [np.min(x.T, axis) for axis in axes], np.prod(x[:2], (0, 2))

    for shape in (3, 4, 5), (2, 1, 700), (40, 3, 2):
        x = RNG.normal(size=shape).astype(dtype)
        agree(in_c(f, x)(x), f(x), 1e-12 if dtype == "d" else 1e-5)


def test_a_sum_is_at_least_as_accurate_as_numpys():
    x = RNG.normal(size=300_000) * 10.0 ** RNG.integers(-8, 8, size=300_000)
    run = in_c(lambda x: (np.sum(x + 0.0), np.sum(np.negative(x).reshape(300, 1000), 1)), x)
    exact = math.fsum(x)
    total, rows = run(x)
    assert abs(total - exact) <= abs(np.sum(x) - exact) + 1e-17 * np.sum(np.abs(x))
    for row, got in zip(x.reshape(300, 1000), rows, strict=True):
        assert abs(got + math.fsum(row)) <= 4e-16 * np.sum(np.abs(row))
    for value in np.inf, -np.inf, np.nan:
        x[1000] = value
        np.testing.assert_equal(run(x)[0], np.sum(x))


@pytest.mark.parametrize("notation", [
    "ij,jk->ki", "bij,nj->bni", "bn,bni->ni", "ni,bn->bni", "bijk,ik->bj", "ij,kl->jk", "ij,ij->", ",j->j",
    "abij,bjk->kiba",
])  # fmt: skip
def test_a_sum_of_products_of_two_arrays_is_a_product_of_matrices(notation):
    sizes = {"a": 3, "b": 4, "i": 2, "j": 5, "k": 3, "l": 2, "n": 6}
    terms = notation.partition("->")[0].split(",")
    xs = [RNG.normal(size=[sizes[c] for c in term]) for term in terms]

    def f(x, y):
        return np.einsum(notation, x, y + 0)

    gradients = ag.grad(lambda x, y: np.sum(f(x, y) ** 3), (0, 1))
    for options in {}, {"backend": "c"}:
        run = ag.jit(lambda x, y: (f(x, y), gradients(x, y)), **options)
        agree(run(*xs), (np.einsum(notation, *xs), gradients(*xs)))
        assert "einsum(" not in run.source.replace("# return np.einsum(", "")


def test_small_products_in_any_order_in_memory():
    def f(x, W):
        q, k, v = np.moveaxis((x @ W).reshape(2, 5, 3, 4, 2), (2, 3), (0, 2))  # of 2 x 4 matrices, 5 x 2
        heads = np.exp(q @ k.mT) @ v
        turned = np.exp(k.mT @ q).mT.reshape(2, -1)
        rows = np.moveaxis(heads, 1, 2).reshape(10, 8) @ W[:8, :8]
        return np.moveaxis(heads, 1, -1).reshape(2, -1) * 2, rows, turned * 3

    args = RNG.normal(size=(2, 5, 8)), RNG.normal(size=(8, 24))
    agree(in_c(f, *args)(*args), f(*args))
    gradient = ag.grad(lambda *args: sum(np.sum(y * y) for y in f(*args)), (0, 1))
    agree(in_c(gradient, *args)(*args), gradient(*args))


def test_whole_powers_are_products():
    x = np.array([1.5, -1.25, 0.0, -0.0, np.inf, -np.inf, np.nan, 1e200, -1e-200, 1e-107, 5e-324, 1 + 1e-15])
    exponents = *range(10), 31, 64, 65, -2, 0.5
    with np.errstate(all="ignore"):
        run = in_c(lambda x: [x**k for k in exponents], x)
        for k, got, want in zip(exponents, run(x), (x**k for k in exponents), strict=True):
            np.testing.assert_allclose(got, want, rtol=k * 1e-15 if k > 2 else 1e-15, atol=5e-324, err_msg=str(k))
            np.testing.assert_array_equal(np.signbit(got), np.signbit(want))
    assert run.c_source.count("= pow(") == 2
    y = np.linspace(-1, 1, 9).astype("f")
    agree(in_c(lambda y: y**5 + y**1, y)(y), y**5 + y**1, 1e-6)
    x = np.linspace(-1, 1, 200)
    same = ag.jit(lambda x: x**3)
    np.testing.assert_array_equal(same(x), x**3)  # NumPy's powers stay
    assert "np.power" in same.source
    fast = ag.jit(lambda x: x**3, fast=True)
    np.testing.assert_allclose(fast(x), x**3, rtol=1e-15)
    assert "np.power" not in fast.source


@pytest.mark.parametrize("dtype", ["d", pytest.param("f", marks=pytest.mark.thorough)])
def test_products(dtype):
    shapes = [
        ((3, 4), (4, 5)), ((1, 4), (4, 5)), ((3, 4), (4, 1)), ((3, 1), (1, 5)), ((4,), (4,)), ((3, 4), (4,)),
        ((4,), (4, 5)), ((13, 17), (17, 19)), ((20, 6), (6, 35)), ((2, 3, 4), (2, 4, 5)), ((2, 3, 4), (4, 5)),
        ((3, 4), (2, 4, 5)), ((2, 1, 3, 4), (3, 4, 5)), ((50, 30), (30, 20)),
    ]  # fmt: skip
    arrays = [(RNG.normal(size=a).astype(dtype), RNG.normal(size=b).astype(dtype)) for a, b in shapes]

    def f(pairs):
        plain = [np.matmul(a, b) + 1 for a, b in pairs]
        return plain, [np.matmul(b.mT, a.mT) * 2 for a, b in pairs if a.ndim > 1 and b.ndim > 1]

    agree(in_c(f, arrays)(arrays), f(arrays), 1e-12 if dtype == "d" else 1e-5)


@pytest.mark.parametrize("dtype", ["d", pytest.param("f", marks=pytest.mark.thorough)])
def test_large_products_of_all_orders(dtype):
    """Of sizes that are no multiples of a tile, with factors and results that are transposed, broadcast or parts."""
    shapes = [
        ((17, 65), (65, 33)), ((8, 600), (600, 7)), ((2, 1, 16, 24), (3, 24, 16)), ((100, 257), (257, 17)),
        ((23, 600), (600, 40)), ((9, 16), (16, 130)), ((50, 90), (90, 50)), ((3, 20, 30), (3, 30, 20)),
        ((20, 30), (4, 30, 20)),
    ]  # fmt: skip
    arrays = [(RNG.normal(size=a).astype(dtype), RNG.normal(size=b).astype(dtype)) for a, b in some(shapes, 4)]

    def f(pairs):
        plain = [np.matmul(a, b) + 1 for a, b in pairs]
        turned = [np.matmul(b.mT, a.mT) * 2 for a, b in pairs]
        again = [np.tanh(y) @ b.mT + y * 2 @ b.mT for y, (a, b) in zip(plain, pairs, strict=True)]
        parts = [y[..., ::2, :8] @ b.mT[..., :8, ::2] for y, (_, b) in zip(plain, pairs, strict=True)]
        return plain, turned, again, parts, [np.concatenate([x, x[:, :1] * 2], -1) + 1 for x in parts if x.ndim == 2]

    run = in_c(f, arrays)
    agree(run(arrays), f(arrays), 1e-12 if dtype == "d" else 1e-5)
    assert run.c_source.count("matmul(" if dtype == "d" else "matmulf(") > 12
    assert run.source.count("_in_c(") == 1
    a, b = np.full((16, 20), np.inf), np.full((20, 24), 2.0)
    a[3, 4], a[5, 6], b[2, 5] = np.nan, -np.inf, 0.0
    special = in_c(lambda a, b: a @ b + 1, a, b)
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(special(a, b), a @ b + 1)


@pytest.mark.skipif(platform.machine() != "x86_64", reason="for processors of this family")
@pytest.mark.parametrize("processor", ["haswell", pytest.param("x86-64", marks=pytest.mark.thorough)])
def test_products_on_another_processor(processor, monkeypatch):
    """With vectors of another length."""
    flags = tuple(flag.replace("native", processor) for flag in c.FLAGS if "vector-width" not in flag)
    monkeypatch.setattr(c, "FLAGS", flags)
    if processor == "haswell" and "fma" not in Path("/proc/cpuinfo").read_text(encoding="utf-8"):
        pytest.skip("this processor has no such instructions")

    def f(a, b, c, d):
        return a @ b + 1, np.tanh(b.T @ a.T), a.T @ a * 2, (a[:5] @ b) * 3, np.sum(a * a, 1), c @ d.mT, np.exp(c)

    for dtype in "df":
        shapes = (45, 300), (300, 37), (3, 18, 40), (3, 21, 40)
        args = [RNG.normal(size=shape).astype(dtype) for shape in shapes]
        agree(in_c(f, *args)(*args), f(*args), 1e-12 if dtype == "d" else 1e-5)


@pytest.mark.parametrize("dtype", ["d", pytest.param("f", marks=pytest.mark.thorough)])
def test_loops_over_the_same_rows_share_blocks(dtype):
    def normalised(x, s):
        z = x - np.mean(x, -1, keepdims=True)
        y = z / np.sqrt(np.mean(z * z, -1, keepdims=True) + 0.1) * s
        e = np.exp(y - np.max(y, -1, keepdims=True))
        weights = e / np.sum(e, -1, keepdims=True)
        return weights, np.sum(weights * z, 0), np.sum(y * y, (0, -1)), z[::-1] - weights, np.sum(np.tanh(z))

    def loss(x, s):
        return sum(np.sum(np.sin(y)) for y in normalised(x, s))

    tolerance = 1e-12 if dtype == "d" else 2e-5
    for shape in some([(211, 44), (128, 96), (40, 6, 50), (700, 17)]):
        x, s = RNG.normal(size=shape).astype(dtype), RNG.normal(size=shape[-1]).astype(dtype)
        run = in_c(normalised, x, s)
        agree(run(x, s), normalised(x, s), tolerance)
        assert "blocks of rows" in run.c_source
        x[3, ..., 5], x[9, ..., 0] = np.nan, np.inf
        with np.errstate(all="ignore"):
            agree(run(x, s), normalised(x, s), tolerance)
    x = RNG.normal(size=shape).astype(dtype)
    agree(in_c(ag.grad(loss, (0, 1)), x, s)(x, s), ag.grad(loss, (0, 1))(x, s), 100 * tolerance)


def test_a_product_with_a_hessian_reads_the_data_once():
    def loss(w, X, y):
        return np.sum(np.logaddexp(0, -y * (X @ w)))

    for shape in some([(300, 60), (61, 300)]):
        X, y = RNG.normal(size=shape), np.sign(RNG.normal(size=shape[0]))
        w, v = RNG.normal(size=(2, shape[1]))
        run = in_c(ag.hvp(loss), w, v, X, y)
        agree(run(w, v, X, y), ag.hvp(loss)(w, v, X, y), 1e-11)
        assert len(re.findall(r"blocks of rows", run.c_source)) == 1
        assert run.source.count("_in_c(") == 1


def test_new_values_in_blocks():
    W, m = ag.tensor(RNG.normal(size=(300, 40)), requires_grad=True), ag.tensor(np.zeros((300, 40)))

    def step(x):
        z = np.tanh(W * x) - np.mean(W, 1, keepdims=True)
        norm = np.sqrt(np.sum(z * z, 1, keepdims=True))
        with ag.no_grad():
            m[...] = m * 0.9 + z / norm
            W[...] = W - 0.1 * m * norm
        return np.sum(norm), np.sum(z, 0)

    start, x = W.data.copy(), RNG.normal(size=40)
    want = [*step(x), *step(x), W.data.copy(), m.data.copy()]
    W.data[...], m.data[...] = start, 0.0
    run = ag.jit(step, backend="c")
    agree([*run(x), *run(x), W.data, m.data], want)
    assert run.backend == "c"


POOLS = [
    ((6, 2, 8, 12), (2, 2), {}), ((5, 3, 9, 9), (3, 3), {}), ((8, 1, 7, 9), (2, 3), {"stride": (2, 1)}),
    ((6, 2, 8, 8), (2, 2), {"padding": 1}), ((4, 2, 12), (3,), {}), ((5, 1, 4, 6, 4), (2, 3, 2), {}),
]  # fmt: skip


def pooled(x, window, **options):
    return {1: F.max_pool1d, 2: F.max_pool2d, 3: F.max_pool3d}[len(window)](x, window, **options)


@pytest.mark.parametrize("dtype", ["f", pytest.param("d", marks=pytest.mark.thorough)])
def test_pooling(dtype):
    """The gradient goes to the first of equal entries; nan is the largest."""
    for shape, window, options in some(POOLS, 2):
        x = RNG.integers(-3, 3, size=shape).astype(dtype)  # with many equal entries
        scale = RNG.normal(size=pooled(x, window, **options).shape).astype(dtype)

        def loss(x, window=window, options=options, scale=scale):
            return np.sum(np.tanh(pooled(np.maximum(x * 2, -1), window, **options)) * scale)

        run = in_c(ag.value_and_grad(loss), x)
        agree(run(x), ag.value_and_grad(loss)(x), 1e-12 if dtype == "d" else 1e-5)
        x.flat[:: x.size // 9] = np.nan
        x.flat[5 :: x.size // 7] = -np.inf
        with np.errstate(all="ignore"):
            agree(run(x), ag.value_and_grad(loss)(x), 1e-12 if dtype == "d" else 1e-5)


@pytest.mark.parametrize("dtype", ["f", pytest.param("d", marks=pytest.mark.thorough)])
def test_convolutions(dtype):
    cases = [
        ((8, 2, 12, 11), (5, 2, 3, 3), {}, True), ((8, 2, 10, 10), (4, 2, 5, 5), {"padding": 2}, True),
        ((8, 3, 12, 12), (5, 3, 3, 3), {"stride": 2, "padding": 1}, False), ((2, 1, 9, 9), (3, 1, 4, 2), {}, False),
    ]  # fmt: skip
    for shape, weights, options, whole in some(cases):
        x, W = RNG.normal(size=shape).astype(dtype), RNG.normal(size=weights).astype(dtype)

        def loss(x, W, options=options):
            return np.sum(np.tanh(F.conv2d(np.maximum(x * 2, -1), W, **options)))

        run = in_c(ag.grad(loss, (0, 1)), x, W)
        agree(run(x, W), ag.grad(loss, (0, 1))(x, W), 1e-11 if dtype == "d" else 2e-5)
        assert run.source.count("_in_c(") == 1 or not whole, run.source


@pytest.mark.parametrize("dtype", ["f", pytest.param("d", marks=pytest.mark.thorough)])
def test_a_transformer_block(dtype):
    """One region; heads are views, and products write to the places where they are joined."""
    heads, width = 2, 24

    def loss(x, s, W, O, V):
        batch, positions, _ = x.shape
        n = F.layer_norm(x, width, s, s)
        q, k, v = ag.unstack((n @ W.T).reshape(batch, positions, 3, heads, -1).transpose(2, 0, 3, 1, 4))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(0, 2, 1, 3).reshape(x.shape)
        y = x + y @ O + s
        return np.mean((y + F.gelu(y @ V.T, "tanh") @ V) ** 2)

    shapes = (3, 17, width), (width,), (3 * width, width), (width, width), (40, width)
    args = [RNG.normal(size=shape).astype(dtype) for shape in shapes]
    run = in_c(ag.value_and_grad(loss, (0, 1, 2, 3, 4)), *args)
    agree(run(*args), ag.value_and_grad(loss, (0, 1, 2, 3, 4))(*args), 1e-12 if dtype == "d" else 1e-5)
    assert run.source.count("_in_c(") == 1


def test_the_order_of_axes_in_products_joins_and_sums():
    def f(x, W):
        y = x @ W  # (4, 6, 5, 7)
        turned = y.transpose(0, 2, 1, 3).reshape(20, 42) * 2 + np.tanh(y).transpose(3, 2, 1, 0).reshape(35, -1)[:20, :1]
        stacked = np.stack([y * 2, y + 1, np.exp(y)]).transpose(1, 3, 0, 2, 4).reshape(20, -1) + 1
        z = (y.reshape(24, 35) + W.reshape(-1)[:35]).reshape(4, 6, 35)
        return turned, stacked, np.concatenate([y.mT, y.mT * 3], 2) - 1, np.maximum(z, 0), np.sum(z, (0, 2)), y

    x, W = RNG.normal(size=(4, 6, 5, 9)), RNG.normal(size=(9, 7))
    agree(in_c(f, x, W)(x, W), f(x, W))

    def loss(x, W):
        return sum(np.sum(np.sin(y)) for y in f(x, W)[:-1])

    agree(in_c(ag.grad(loss, (0, 1)), x, W)(x, W), ag.grad(loss, (0, 1))(x, W), 1e-11)


def test_values_are_computed_in_their_places_in_a_join():
    def f(x, W):
        states, h = [], x
        for _ in range(6):
            h = np.tanh(h @ W)
            states.append(h)
        whole = np.stack(states)
        twice = np.concatenate([h, h, whole[2] * 2, x], 1)
        nested = np.concatenate([np.stack([np.exp(h), h + 1], 1).reshape(4, -1), twice], 1)
        return whole * whole, twice + 1, nested, np.stack([h * 3, h * 4], -1) + 1, np.sum(whole, (0, 1)) @ W

    args = RNG.normal(size=(4, 3)), RNG.normal(size=(3, 3))
    agree(in_c(f, *args)(*args), f(*args))

    def loss(x, W):
        return sum(np.sum(y * y) for y in f(x, W))

    agree(in_c(ag.grad(loss, (0, 1)), *args)(*args), ag.grad(loss, (0, 1))(*args))


def test_a_region_takes_views_itself():
    def f(x, W):
        y = np.sort(np.exp(x @ W), axis=0)
        return np.tanh(y) @ W.T * 2 + x.T[:3, :3].sum(), y.T[::-1] * 2

    args = RNG.normal(size=(6, 4)), RNG.normal(size=(4, 4))
    run = in_c(f, *args)
    agree(run(*args), f(*args))
    assert re.search(r"_in_c\(memory, W, y, \w, \w\)", run.source)


def test_views_joins_and_zeros_around():
    def f(x, y):
        z = np.concatenate([x.T[::-1] * 2, np.stack([y, y + 1, y[::-1]])], 1)
        parts = np.split(np.exp(z), 2, axis=1)
        wide, padded = np.broadcast_to(y * 3, (2, 4)) - y, np.pad(parts[0], 1) + 1
        return parts[1], padded, wide, z.reshape(-1)[3:9], np.diag(z) * 2

    x, y = RNG.normal(size=(4, 3)), RNG.normal(size=4)
    agree(in_c(f, x, y)(x, y), f(x, y))
    agree(in_c(ag.grad(lambda x: np.sum(f(x, y)[1] ** 2)), x)(x), ag.grad(lambda x: np.sum(f(x, y)[1] ** 2))(x))


# --------------------------------------------------------------------------------------- what it is called with


def test_arrays_of_all_kinds():
    def f(x, n, k):
        return np.tanh(x) * n + k, np.sum(x * k, 0)

    base = RNG.normal(size=(7, 6))
    run = in_c(f, base, 2.0, 3)
    read_only, unaligned = base.copy(), np.frombuffer(b"x" + base.tobytes(), np.uint8)[1:].view(float).reshape(7, 6)
    read_only.flags.writeable = False
    wide = np.zeros((14, 12))
    wide[::2, ::-2] = base
    kinds = [base, base[::-1, ::-1], np.asfortranarray(base), wide[::2, ::-2], read_only, unaligned]
    for x, n in product(kinds, (2.0, np.float64(-0.5))):
        kept = x.copy()
        results = run(x, n, 3)
        agree(results, f(x, n, 3))
        np.testing.assert_array_equal(x, kept)
        assert not any(np.shares_memory(y, x) for y in results)
    swapped = base.astype(base.dtype.newbyteorder())
    agree(run(swapped, 2.0, 3)[1], f(base, 2.0, 3)[1])
    for shape in (), (1,), (0,), (3, 0), (2, 0, 2):
        x = np.ones(shape)
        want = np.tanh(x) * 2 + 1, np.sum(x * x)
        agree(ag.jit(lambda x: (np.tanh(x) * 2 + 1, np.sum(x * x)), backend="c")(x), want)
    run = compiled(ag.trace(lambda x: np.exp(x) + x)(np.ones(3)), backend="c")
    agree(run(np.array([1, 2, 3])), [np.exp([1, 2, 3]) + np.array([1, 2, 3])])
    with pytest.raises(ValueError, match="expected x of shape"):
        run(np.ones(4))


def test_constants_are_exact():
    """Those that single precision has are read as such; others, products and signs of zero are not touched."""

    def f(x):
        ones, again, tenth = np.tri(9), np.tri(9) + 0, np.tri(9) * 0.1
        signs = np.array([0.0, -0.0, np.inf, 1e300, 1, 2, 3, 4, 5])
        return x * ones + tenth * x - again, ones @ x, np.copysign(x, signs), x + signs, x * np.tri(9) * 1e-310

    x = RNG.normal(size=(9, 9))
    run = in_c(f, x)
    assert run.c_source.count("const float *") == 1
    agree(run(x), f(x))


def test_integers_and_truth_values():
    def f(x, labels, flags):
        chosen = np.where(flags, x, -1.0) * (labels == 2) + labels
        equal = (labels[:, None] == np.arange(4)) & (x > 0)[:, None]
        joined = np.concatenate([labels, np.where(flags, labels, 7), np.sum(equal, 0)])
        stacked = np.stack([flags, ~flags]), np.pad(labels, 1) * 2
        return chosen, equal, joined, stacked, x.astype(np.float32) + np.float32(1)

    args = RNG.normal(size=5), np.array([0, 2, 3, 2**53 + 1, -1]), np.array([True, False, True, True, False])
    agree(in_c(f, *args)(*args), f(*args))


def test_errors_are_numpys():
    x = np.arange(100.0)
    run = in_c(lambda x: 1 / (x * 2), x)
    with np.errstate(divide="raise"), pytest.raises(FloatingPointError, match="divide by zero"):
        run(x)
    with np.errstate(all="ignore"):
        agree(run(x), 1 / (x * 2))
    seen = []
    with np.errstate(divide="call", call=lambda *args: seen.append(args)):
        run(x)
    assert seen


@pytest.mark.parametrize("dtype", ["d", pytest.param("f", marks=pytest.mark.thorough)])
def test_threads_change_no_bit(dtype):
    def f(x, W, v):
        h = np.tanh(x @ W)
        p = np.exp(h - np.max(h, 1, keepdims=True))
        p = p / np.sum(p, 1, keepdims=True)
        return p, np.mean(np.exp(v) * v), np.sin(v) + 1, np.sum(p * p), np.sum(np.tanh(p @ p.T[:, :20]), 0)

    shapes = (1003, 131), (131, 301), (300_001,)
    args = [RNG.normal(size=shape).astype(dtype) for shape in shapes]
    one = in_c(f, *args)
    results = leaves(one(*args))
    agree(results, leaves(f(*args)), 1e-12 if dtype == "d" else 1e-5)
    for threads in some((3, 2, 16)):
        run = in_c(f, *args, threads=threads)
        assert run.c_source.count("in_threads(") > 3
        for got, want in zip(leaves(run(*args)), results, strict=True):
            np.testing.assert_array_equal(got, want)


def test_two_threads():
    x = RNG.normal(size=200_000)
    run = in_c(lambda x: np.sum(np.exp(np.sin(x) * 2)) + np.cos(x), x)
    results = {}
    threads = [threading.Thread(target=lambda k=k: results.update({k: run(x + k)})) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for k, y in results.items():
        agree(y, np.sum(np.exp(np.sin(x + k) * 2)) + np.cos(x + k))


# ----------------------------------------------------------------------------------------- the checks of a call in C


def whole(run):
    """Whether all of the last call is C, its checks and results too."""
    return "call: its checks and results are C too" in run.explain_plan()


def small_net():
    W = ag.tensor(RNG.normal(size=(3, 2)), requires_grad=True, name="W")
    settings = {"rate": 0.1, "on": True}

    def step(x, n=1.0):
        loss = np.sum(np.tanh(x @ W) ** 2) * n
        loss.backward()
        with ag.no_grad():
            W[...] = W - settings["rate"] * W.grad
        W.zero_grad()
        return {"loss": loss, "both": (loss * 2, [loss + n])}

    return W, settings, step


def test_the_talks_step_is_one_call():
    V, W = (ag.tensor(RNG.normal(size=size), requires_grad=True) for size in ((3, 4), (4, 1)))
    start = V.data.copy(), W.data.copy()

    def step(x, y):
        P = ag.sigmoid(ag.sigmoid(x @ V) @ W)
        L = 0.5 * (y - P) ** 2
        L.backward()
        with ag.no_grad():
            for p in (V, W):
                p -= p.grad
                p.zero_grad()
        return L

    args = np.array([[0.0, 1.0, 1.0]]), np.array([[1.0]])
    want = *(step(*args) for _ in range(3)), V.data.copy(), W.data.copy()
    V.data[...], W.data[...] = start
    run = ag.jit(step, backend="c")
    agree((*(run(*args) for _ in range(3)), V, W), want)
    assert whole(run)


def test_a_call_sees_every_change():
    """What is compared in C: each change is followed, whether the call stays in C or not."""
    x = RNG.normal(size=(4, 3))
    W, settings, step = small_net()
    start = W.data.copy()
    run = in_c(step, x)
    assert whole(run)
    both: list[dict] = [{}, {}]

    def alike(change, x=x, **params):
        for k, f in enumerate((step, run)):
            W.data, W.grad, settings["rate"] = start.copy(), None, 0.1
            undo = change()
            result = f(x, **params)
            both[k] = {"result": leaves(result), "W": W.data.copy(), "grad": W.grad}
            if callable(undo):
                undo()
        agree(*(side["result"] + [side["W"]] for side in both))
        assert both[0]["grad"] is both[1]["grad"] is None

    base = RNG.normal(size=(8, 6))
    for other in (x, x[::-1].copy(), np.asfortranarray(x), base[::2, ::2], x.astype(np.float32), x[:2].copy()):
        alike(lambda: None, other)
    alike(lambda: None, n=2.0)
    alike(lambda: None, n=np.float64(2.0))
    alike(lambda: None, n=2)
    alike(lambda: settings.update(rate=0.3))
    alike(lambda: settings.update(rate=np.array(0.3)))
    alike(lambda: setattr(W, "data", start[::-1].copy()))
    alike(lambda: W.data.__setitem__(..., 3.0))
    alike(lambda: setattr(W, "grad", ag.tensor(np.ones((3, 2)))) or W.zero_grad())
    for _ in range(3):
        alike(lambda: None)
    assert whole(run)


def test_what_is_compared_in_c():
    class Holder:
        shared = 1.5

        def __init__(self):
            self.value, self.items, self.table = 2.0, [np.ones(3), 2.0], {"a": 1.0}

    holder, cell = Holder(), 3.0

    def scaled(x, more=0.5):
        return np.exp(x * holder.value) * cell + holder.items[0] * holder.items[1] + holder.table["a"] * more

    x, module = np.linspace(0, 1, 3), types.ModuleType("module")
    module.scale = 2.0
    other = ag.jit(lambda x: np.exp(x) * module.scale + Holder.shared, backend="c")
    for module.scale in 2.0, 3.0, 2.0:
        for Holder.shared in 1.5, 2.5:
            agree(other(x), np.exp(x) * module.scale + Holder.shared)
            assert whole(other)
    run = ag.jit(scaled, backend="c")

    def alike():
        for _ in range(2):
            agree(run(x), scaled(x))

    alike()
    assert whole(run)
    holder.value = 3.0
    alike()
    cell = 4.0
    alike()
    holder.items[1] = 7.0
    alike()
    holder.items[0] = np.arange(3.0)
    alike()
    holder.items[0][...] = 5.0
    alike()
    holder.table["a"] = -1.0
    alike()
    scaled.__defaults__ = (9.0,)
    alike()
    assert run.cache_info().misses > 4


@pytest.mark.parametrize("result", [
    lambda y, z: y, lambda y, z: np.sum(y), lambda y, z: (y, np.sum(z)), lambda y, z: [y, {"z": z, 3: None, "k": "a"}],
    lambda y, z: {"y": [(y,), (y, z)]}, lambda y, z: (np.sum(y) > 0, np.argmax(y), y > z), lambda y, z: (y, y, 1.5),
    lambda y, z: (y.T, y[:, None, ::2]), lambda y, z: (np.sum(z), np.sum(y, keepdims=True)[0, 0], z.reshape(6)),
    lambda y, z: (z, z.T, np.float64(2.5), np.sum(np.zeros_like(z))),
])  # fmt: skip
def test_results_of_all_kinds(result):
    def f(x):
        return result(np.exp(x) * 2, np.tanh(x) + 1)

    x = RNG.normal(size=(2, 3))
    run = ag.jit(f, backend="c")

    def single(x):
        return np.array(x, np.float32)

    for kind in (np.array, ag.tensor, single):
        for _ in range(3):
            got, want = run(kind(x)), f(kind(x))
            numbers = [[y for y in leaves(z) if not isinstance(y, str)] for z in (got, want)]
            agree(*numbers, 1e-5 if kind is single else 1e-12)
            assert [type(y) for y in leaves(got)] == [type(y) for y in leaves(want)]
    got = leaves(run(x)), leaves(run(x))
    assert not any(a is b for a in got[0] for b in got[1] if isinstance(a, np.ndarray))


def test_numbers_among_the_arguments():
    def f(x, rate, n):
        return x * rate / n + (n + 1) * 2, x + n - rate

    x = RNG.normal(size=3)
    run = in_c(f, x, 0.5, 2)
    assert whole(run)
    for rate, n in (0.5, 3), (2.0, -7), (1, 2), (0.5, 2.0), (np.float64(0.5), np.int64(4)), (0.5, 2**70), (-0.0, True):
        agree(run(x, rate, n), f(x, rate, n))
    with pytest.raises(ZeroDivisionError):
        in_c(lambda x, n: np.exp(x) * (1 / n), x, 2)(x, 0)
    agree(run(x, 0.5, 2), f(x, 0.5, 2))
    assert whole(run)


@pytest.mark.parametrize("calls", [False, True])
def test_a_call_leaves_no_references(calls):
    """Neither one that is all C, nor one that calls functions of Python first."""
    import gc

    x = RNG.normal(size=(4, 3))
    W, _, step = small_net()
    optimizer = optim.Adam([W], lr=0.01)

    def adam(x, n=1.0):
        optimizer.zero_grad()
        loss = np.sum(np.tanh(x @ W) ** 2) * (n + 1.0)
        loss.backward()
        optimizer.step()
        return loss

    run = in_c(adam if calls else step, x)
    assert whole(run)
    for _ in range(10):
        run(x)
    watched = [x, W, W.data, W._node, None, float, ag.Tensor, run._newest, W._node.storage, run._lock, 1.0, list, dict]
    gc.collect()
    before = [sys.getrefcount(y) for y in watched]
    for _ in range(1000):
        run(x)
        run(x[:, ::-1])  # by Python
    gc.collect()
    after = [sys.getrefcount(y) for y in watched]
    assert all(abs(a - b) < 100 for a, b in zip(after, before, strict=True)), (before, after)


def test_memory_that_an_argument_shares_with_a_parameter():
    _, _, step = small_net()
    run = in_c(step, RNG.normal(size=(4, 3)))
    V = ag.tensor(np.zeros((4, 3)))
    for argument in (V.data, V.data[:], V):
        run(argument)
    square = ag.tensor(RNG.normal(size=(3, 3)))

    def product(x):
        with ag.no_grad():
            square[...] = square @ x * 0.5
        return np.sum(x)

    run = in_c(product, np.ones((3, 3)))
    assert whole(run)
    with pytest.raises(RuntimeError, match="shares memory"):
        run(square.data.T)
    agree(run(np.ones((3, 3))), 9.0)


def test_errors_and_contexts_of_a_call_in_c():
    W, _, step = small_net()
    run = in_c(step, np.ones((4, 3)))
    assert whole(run)
    exp = in_c(lambda x: np.exp(x) * 2, np.ones(100))
    assert whole(exp)
    with np.errstate(over="raise"), pytest.raises(FloatingPointError, match="overflow"):
        exp(np.full(100, 1e3))
    before = W.data.copy()
    with ag.no_grad(), pytest.raises(RuntimeError):
        run(np.ones((4, 3)))
    np.testing.assert_array_equal(W.data, before)
    with pytest.raises(TypeError):
        run(np.ones((4, 3)), 1.0, 2.0)
    W.data.flags.writeable = False
    with pytest.raises(ValueError, match=r"read-only|not those"):
        run(np.ones((4, 3)))
    graph = np.sum(W * W)
    W.data = before.copy()
    run(np.ones((4, 3)))
    with pytest.raises(RuntimeError):
        graph.backward()


def test_a_graph_that_a_call_in_c_makes_stale():
    W, _, step = small_net()
    run = in_c(step, np.ones((4, 3)))
    loss = np.sum(W * W)
    run(np.ones((4, 3)))
    assert whole(run)
    with pytest.raises(RuntimeError, match="W"):
        loss.backward()


def test_threads_that_train_one_parameter():
    W = ag.tensor(np.zeros(3))

    def step(x):
        with ag.no_grad():
            W[...] = W + x
        return np.sum(x * 2)

    run = in_c(step, np.zeros(3))
    assert whole(run)

    def work(k):
        for _ in range(500):
            run(np.ones(3))
            if k == 0:
                run(np.ones(6)[::2])  # by Python
    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    np.testing.assert_array_equal(W.data, np.full(3, 2500.0))


# ---------------------------------------------------------------------------------------------------- training steps


@pytest.mark.parametrize("make", [
    lambda ps: optim.SGD(ps, lr=0.1), lambda ps: optim.SGD(ps, lr=0.1, momentum=0.9, weight_decay=1e-2),
    lambda ps: optim.Adam(ps, lr=0.01), lambda ps: optim.AdamW(ps, lr=0.01), lambda ps: optim.RMSprop(ps, lr=0.01),
])  # fmt: skip
@pytest.mark.parametrize("dtype", [np.float64, pytest.param(np.float32, marks=pytest.mark.thorough)])
def test_a_training_step(make, dtype):
    def trained(jit):
        ag.manual_seed(3)
        net = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 2)).to(dtype)
        optimizer = make(net.parameters())

        def step(x, y):
            optimizer.zero_grad()
            loss = np.mean((net(x) - y) ** 2)
            loss.backward()
            optimizer.step()
            return loss

        run = jit(step)
        losses = [float(run(x, y)) for x, y in data]
        return run, [*losses, *(p.detach().numpy() for p in net.parameters())]

    rng = np.random.default_rng(1)
    data = [(rng.normal(size=(5, 3)).astype(dtype), rng.normal(size=(5, 2)).astype(dtype)) for _ in range(4)]
    run, got = trained(lambda f: ag.jit(f, backend="c"))
    assert run.backend == "c"
    assert run.source.count("_in_c(") == 1  # one call
    assert whole(run)
    agree(got, trained(lambda f: f)[1], 1e-9 if dtype == np.float64 else 1e-4)


def test_a_new_value_that_depends_on_all_of_the_old_one():
    W, v = ag.tensor(RNG.normal(size=(3, 3))), ag.tensor(RNG.normal(size=3))

    def step(x):
        with ag.no_grad():
            new = W.T @ W * 0.1 + x
            W[...] = new * 2
            v.data = v.data * 2 + np.sum(W * 1.5, 0)
        return np.sum(W * x)

    start = W.data.copy(), v.data.copy()
    x = RNG.normal(size=(3, 3))
    want = step(x), W.data.copy(), v.data.copy()
    W.data[...], v.data = start
    run = ag.jit(step, backend="c")
    agree((run(x), W.data, v.data), want)


def test_results_that_need_a_gradient():
    W = ag.tensor(RNG.normal(size=(3, 2)), requires_grad=True)
    x = RNG.normal(size=(4, 3))
    run = in_c(lambda x: np.tanh(x @ W) * 2, x)
    run(x).sum().backward()
    compiled_gradient, W.grad = W.grad, None
    (np.tanh(x @ W) * 2).sum().backward()
    agree(compiled_gradient, W.grad)


def test_many_single_numbers_and_many_loops(monkeypatch):
    monkeypatch.setattr(kernel, "INLINE", 4)

    def chain(x):
        for k in range(600):
            x = x * 1.001 + (0.01 if k % 2 else x * 1e-3)
        return x

    def steps(x, W):
        for _ in range(12):
            x = np.tanh(x @ W) + np.sum(x, 1, keepdims=True) * 0.1
        return np.sum(x * x)

    agree(in_c(ag.value_and_grad(chain), 0.3)(0.2), ag.value_and_grad(chain)(0.2))
    x, W = RNG.normal(size=(4, 3)), RNG.normal(size=(3, 3))
    run = in_c(ag.grad(steps, (0, 1)), x, W)
    agree(run(x, W), ag.grad(steps, (0, 1))(x, W), 1e-10)
    assert run.c_source.count("static __attribute__((noinline))") < 20  # equal loops share a function

    def twice(x, W):
        y = np.sort(np.stack([steps(x * k, W) for k in range(1, 4)]))
        return steps(x * y[0], W) + y[2]

    run = in_c(ag.grad(twice), x, W)
    agree(run(x, W), ag.grad(twice)(x, W), 1e-10)
    assert run.source.count("_in_c(") > 1
    assert run.c_source.count("static __attribute__((noinline))") < 30  # so do those of several regions


def test_small_arrays_whose_entries_move_are_single_numbers():
    def determinant(A):
        if len(A) == 1:
            return A[0, 0]
        return sum((-1) ** j * A[0, j] * determinant(np.delete(A[1:], j, axis=1)) for j in range(len(A)))

    A = RNG.normal(size=(4, 4))
    value, gradient = ag.value_and_grad(determinant)(A)
    np.testing.assert_allclose(gradient, value * np.linalg.inv(A).T, rtol=1e-10)
    for run in in_c(ag.value_and_grad(determinant), A), ag.jit(ag.value_and_grad(determinant)):
        agree(run(A), (value, gradient))
        assert "into_zeros" not in run.source
    assert ag.jit(determinant, backend="c")(A) == determinant(A)


def test_single_entries_are_read_where_they_are():
    def f(x, y):
        return np.stack([x[1, 2], x.T[0, -1], y[2], y[::-1][0]]) * x[0] @ x[1] * x[2, 3], x[1, 1] + 0

    args = RNG.normal(size=(3, 4)), RNG.normal(size=30)
    run = in_c(f, *args)
    agree(run(*args), f(*args))
    assert "(memory, x, y, " in run.source
    agree(in_c(ag.grad(lambda x, y: f(x, y)[0], (0, 1)), *args)(*args), ag.grad(lambda x, y: f(x, y)[0], (0, 1))(*args))


def test_a_loop_in_c(monkeypatch):
    """Forward and backward, on arrays of all kinds; the loop is in Python only where errors are asked for."""

    def f(W, xs, start):
        def step(h, x):
            h = np.tanh(h @ W + x)
            return h, (np.sum(h * (x * x)), h)

        h, (ys, hs) = ag.scan(step, start, xs)
        return np.sum(ys) + np.sum(h) + np.sum(hs[::2])

    W, xs, start = args = RNG.normal(size=(4, 4)), RNG.normal(size=(9, 2, 4)), RNG.normal(size=(2, 4))
    run = in_c(ag.value_and_grad(f, (0, 1, 2)), *args)
    assert "tanh(" in run.c_source
    steps = []
    by_steps = stepping.Loop._by_steps
    monkeypatch.setattr(stepping.Loop, "_by_steps", lambda self, *xs: steps.append(1) or by_steps(self, *xs))
    wide = np.zeros((18, 2, 8))
    wide[::2, :, ::2] = xs
    read_only, unaligned = xs.copy(), np.frombuffer(b"x" + xs.tobytes(), np.uint8)[1:].view(float).reshape(9, 2, 4)
    read_only.flags.writeable = False
    for other in (xs, wide[::2, :, ::2], np.asfortranarray(xs), xs[::-1, ::-1], read_only):
        agree(run(W, other, start), ag.value_and_grad(f, (0, 1, 2))(W, other, start))
    assert not steps
    agree(run(W, unaligned, start), run(W, xs, start))
    xs[3] = 1e200
    with np.errstate(over="raise"), pytest.raises(FloatingPointError):
        run(W, xs, start)
    assert steps
    with np.errstate(all="ignore"):
        assert len(run(W, xs, start)) == 2


def test_threads_run_a_long_loop():
    def f(x):
        return ag.fori_loop(0, 20_000, lambda i, x: x + 1e-3 * np.sin(x) + 1e-9 * i, x)

    x = RNG.normal(size=5)
    run = in_c(f, x)
    agree(run(x), f(x), 1e-9)
    results = {}
    threads = [threading.Thread(target=lambda k=k: results.update({k: run(x + k)})) for k in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for k, y in results.items():
        np.testing.assert_array_equal(y, run(x + k))


def test_a_while_loop_in_c(monkeypatch):
    steps = []
    by_steps = stepping.Repetition._by_steps
    monkeypatch.setattr(stepping.Repetition, "_by_steps", lambda self, *xs: steps.append(1) or by_steps(self, *xs))

    def root(a, x, most=50):
        def improve(state):
            x, _, n = state
            return (x + a / x) / 2, x, n + 1

        def goes_on(state):
            x, last, n = state
            return (np.max(np.abs(x - last)) > 1e-12 * np.max(a)) & (n < most)

        return ag.while_loop(goes_on, improve, (x, x + 1, 0))

    a = np.array([2.0, 3.0, 10.0])
    run = in_c(root, a, a)
    for most in 50, 0, 1, 2:
        agree(run(a, a, most), root(a, a, most))
    agree(run(a, a)[0], np.sqrt(a))
    forward = in_c(lambda a, t: ag.jvp(lambda a: root(a, a)[0], (a,), (t,)), a, np.ones(3))
    agree(forward(a, np.ones(3))[1], 0.5 / np.sqrt(a), 1e-9)
    assert not steps
    both = in_c(ag.vmap(lambda a: root(a, a)[0]), np.array([a, a + 1, a * 100]))
    agree(both(np.array([a, a + 1, a * 100])), np.sqrt([a, a + 1, a * 100]))
    with np.errstate(divide="raise"):
        run(a, a)
    assert steps


INTERRUPTED = """
import signal, threading, time
import numpy as np, autograd_lite as ag

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell that runs the tests in the background ignores it
f = ag.jit(lambda x: ag.scan(lambda x, _: (x + 1e-3 * np.sin(x), None), x, length=10**11)[0], backend="c")
threading.Timer(3, signal.raise_signal, (signal.SIGINT,)).start()
try:
    f(np.ones(5))
except KeyboardInterrupt:
    print("interrupted")
"""


@pytest.mark.thorough
def test_an_interrupt_ends_a_loop():
    done = subprocess.run([sys.executable, "-c", INTERRUPTED], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == "interrupted\n", done.stderr


def test_numpy_between_two_regions():
    def f(x):
        y = np.sort(np.exp(x) * 2)
        return np.cumsum(y) / np.sum(y), y - 1

    x = RNG.normal(size=9)
    run = in_c(f, x)
    agree(run(x), f(x))
    assert run.source.count("_in_c(") == 2


# ----------------------------------------------------------------------------------------------------------- the text


def test_names_are_escaped():
    def f(double, NAN, exp, i, x__FILE__, linux):
        τ = np.exp(double) + NAN * exp - i  # */ \
        main = x__FILE__ * τ + linux  # ??/
        return main * main, np.sum(main)

    args = [RNG.normal(size=3) for _ in range(6)]
    agree(in_c(f, *args)(*args), f(*args))
    evil = ag.tensor(np.ones(3), name='*/ system("true"); /*\n#error\\')
    run = in_c(lambda x: np.exp(x * evil) + 1, np.ones(3))
    agree(run(np.ones(3)), np.exp(np.ones(3)) + 1)
    assert "#error" not in run.c_source


def test_the_text_is_the_same_each_time_and_has_the_users_names():
    def loss(weights, inputs):
        hidden = np.tanh(inputs @ weights)
        return np.sum(hidden * hidden)

    args = RNG.normal(size=(3, 4)), RNG.normal(size=(5, 3))
    texts = {in_c(ag.grad(loss), *args).c_source for _ in range(2)}
    assert len(texts) == 1
    (text,) = texts
    assert re.search(r"const double \*weights = at\[\d\];  // 3x4", text)
    assert "// hidden = np.tanh(inputs @ weights)" in text


# --------------------------------------------------------------------------------------------- without a compiler


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """A cache folder of its own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(c, "folder", lambda: tmp_path / "autograd_lite")
    c._find.cache_clear()
    compile._warn.cache_clear()
    yield tmp_path / "autograd_lite"
    c._find.cache_clear()
    compile._warn.cache_clear()


@pytest.mark.parametrize(("command", "missing"), [
    ("no-such-compiler", "no-such-compiler is not on the path"), ("false", "false does not work")
])  # fmt: skip
def test_without_a_compiler_numpy_runs(command, missing, elsewhere, monkeypatch):
    monkeypatch.setenv("CC", command)
    x = np.linspace(0, 1, 5)
    run = ag.jit(lambda x: np.exp(x) * 2 + x, backend="c")
    with pytest.warns(RuntimeWarning, match=missing) as warned:
        agree(run(x), np.exp(x) * 2 + x)
    assert len(warned) == 1
    assert (run.backend, run.c_source) == ("numpy", None)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ag.jit(lambda x: np.exp(x) * 3 + x, backend="c")(x)  # only once


def test_an_unknown_backend_without_a_call():
    with pytest.raises(ValueError, match="backend='numpy' or 'c'"):
        ag.jit(np.sin, backend="cuda")


def test_large_arrays_are_left_to_numpy_if_no_function_has_vectors(monkeypatch):
    real = c.compiler()
    monkeypatch.setattr(compile, "compiler", lambda: real._replace(vectors=frozenset()))

    def f(x):
        return np.exp(x) * np.tanh(x) + x * 3 - 1

    for size, calls in (1000, True), (50, False):
        x = RNG.normal(size=size)
        run = ag.jit(f, backend="c")
        agree(run(x), f(x))
        assert ("np.exp(x, out" in run.source) is calls


# ------------------------------------------------------------------------------------------------------------ the cache


def objects(folder):
    return sorted(folder.glob("*.so"))


def test_objects_are_kept_and_cleared(elsewhere):
    x = np.ones(3)
    in_c(lambda x: np.exp(x) * 5 + x, x)
    paths = objects(elsewhere)
    assert paths
    assert not [path for path in elsewhere.iterdir() if path.suffix != ".so"]
    assert not elsewhere.stat().st_mode & 0o077
    times = [path.stat().st_mtime_ns for path in paths]
    in_c(lambda x: np.exp(x) * 5 + x, x)
    assert [path.stat().st_mtime_ns for path in objects(elsewhere)] == times
    clear_cache()
    assert not objects(elsewhere)


def test_a_file_of_others_is_not_loaded(elsewhere, tmp_path):
    using = c.compiler()
    path = c.built("int seven(void) { return 7; }\n", using, ())
    assert path.parent == elsewhere
    path.write_bytes(b"not an object")
    path.chmod(0o777)  # anyone can write to it
    assert c.built("int seven(void) { return 7; }\n", using, ()) == path
    assert path.read_bytes()[:4] == b"\x7fELF" or path.stat().st_size > 100
    path.unlink()
    outside = tmp_path / "other.so"
    outside.write_bytes(b"not an object")
    path.symlink_to(outside)
    c.built("int seven(void) { return 7; }\n", using, ())
    assert not path.is_symlink()
    assert outside.read_bytes() == b"not an object"


def test_a_folder_that_others_can_write_to_is_not_used(elsewhere):
    elsewhere.mkdir()
    elsewhere.chmod(0o777)
    path = c.built("int eight(void) { return 8; }\n", c.compiler(), ())
    assert path.parent != elsewhere
    assert not objects(elsewhere)
    assert not path.parent.stat().st_mode & 0o077


def test_an_error_of_the_compiler_leaves_nothing(elsewhere):
    with pytest.raises(c.NoCompiler, match="failed"):
        c.built("no C\n", c.compiler(), ())
    assert not any(path.suffix != ".so" for path in elsewhere.iterdir())
    assert os.access(elsewhere, os.W_OK)
