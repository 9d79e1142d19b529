"""Arrays of any kind give the same derivatives: other layouts in memory, read-only, empty, 0-d, narrow and complex.

Each in reverse and in forward mode. What the numbers themselves bring about is in `test_corners.py`.
"""

import math

import numpy as np
import pytest

import autograd_lite as ag

ANY = {
    "tanh": np.tanh,
    "x * x + x": lambda x: x * x + x,
    "sum": np.sum,
    "mean of squares": lambda x: np.mean(np.square(x)),
    "softmax": ag.softmax,
    "cumsum": lambda x: np.cumsum(x),
    "transpose": lambda x: x.T * 2,
    "sort": lambda x: np.sort(x, axis=None),
    "x @ x.T": lambda x: x @ x.T,
    "max": np.max,
    "[::-1]": lambda x: x[::-1],
}
PLAIN = np.random.default_rng(0).normal(size=(3, 4))
LAYOUTS = {
    "Fortran order": np.asfortranarray(PLAIN),
    "negative strides": np.flip(np.flip(PLAIN).copy()),
    "every other entry": np.repeat(PLAIN, 2, axis=1)[:, ::2],
    "read-only": PLAIN.copy(),
    "transposed": np.ascontiguousarray(PLAIN.T).T,
    "broadcast": np.broadcast_to(PLAIN[:1], (3, 4)),
}
LAYOUTS["read-only"].flags.writeable = False


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", ANY)
def test_layouts_in_memory(name, layout):
    f, x = ANY[name], LAYOUTS[layout]
    plain, before = np.array(x, order="C"), x.copy()
    y, pull = ag.vjp(f, ag.from_numpy(x))  # a Tensor, since an array is copied
    z, pull_plain = ag.vjp(f, plain)
    np.testing.assert_allclose(y.numpy(), z, rtol=1e-14)
    g = np.array(np.cos(np.arange(np.size(y), dtype=float)).reshape(np.shape(y)), order="F")
    g.flags.writeable = False
    d, d_plain = pull(g)[0].numpy(), pull_plain(g)[0]  # an entry in which large terms cancel has their rounding
    np.testing.assert_allclose(d, d_plain, rtol=1e-13, atol=4 * np.finfo(float).eps * np.abs(d_plain).max(initial=0.0))
    v = np.flip(np.sin(plain))
    np.testing.assert_allclose(ag.jvp(f, (x,), (v,))[1], ag.jvp(f, (plain,), (v.copy(),))[1], rtol=1e-12, atol=1e-14)
    assert np.array_equal(x, before)
    leaf = ag.tensor(x, requires_grad=True)
    f(leaf).sum().backward()
    assert leaf.grad.shape == x.shape
    assert leaf.grad.data.flags.writeable


@pytest.mark.parametrize("shape", [(0,), (0, 3), (3, 0), ()])
@pytest.mark.parametrize("name", ["tanh", "x * x + x", "sum", "cumsum", "transpose", "sort"])
def test_empty_and_0d_arrays(name, shape):
    f, x = ANY[name], np.full(shape, 0.5)
    expected = f(x)
    y, pull = ag.vjp(f, x)
    assert y.shape == np.shape(expected)
    np.testing.assert_array_equal(y, expected)
    (d,) = pull(np.ones(y.shape))
    assert d.shape == shape
    assert np.isfinite(d).all()
    assert ag.jvp(f, (x,), (np.ones(shape),))[1].shape == y.shape


def test_reductions_of_nothing():
    nothing = np.zeros((0, 3))
    for f, value in ((np.sum, 0), (np.prod, 1)):
        y, d = ag.value_and_grad(f)(nothing)
        assert (y, d.shape) == (value, (0, 3))
        assert ag.jvp(f, (nothing,), (nothing,))[1] == 0
    with pytest.raises(ValueError, match="zero-size"):
        ag.grad(np.max)(nothing)
    y, pull = ag.vjp(lambda x: np.sum(x, axis=0), nothing)
    assert y.tolist() == [0, 0, 0]
    assert pull(np.ones(3))[0].shape == (0, 3)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.complex64, np.complex128])
@pytest.mark.parametrize("name", ["tanh", "x * x + x", "sum", "mean of squares", "cumsum", "transpose", "[::-1]"])
def test_precision_is_kept(name, dtype):
    f, x = ANY[name], PLAIN.astype(dtype)
    leaf = ag.tensor(x, requires_grad=True)
    y = f(leaf) * 2 + 1.5  # Python numbers are weak
    assert y.dtype == dtype
    y.backward(np.ones(y.shape, dtype))
    assert leaf.grad.dtype == dtype
    value, tangent = ag.jvp(f, (x,), (x,))
    assert value.dtype == tangent.dtype == dtype
    if np.dtype(dtype).kind == "f":
        assert ag.hvp(lambda x: np.sum(f(x)))(x, x).dtype == dtype


def test_half_precision_overflows_no_earlier_than_it_must():
    x = np.array([30000.0, -30000.0], np.float16)
    assert ag.grad(lambda x: np.mean(x))(x).tolist() == [0.5, 0.5]
    assert ag.sigmoid(x).tolist() == [1, 0]
    assert ag.grad(lambda x: ag.sigmoid(x).sum())(x).tolist() == [0, 0]
    assert np.isfinite(ag.grad(lambda x: ag.special.logsumexp(x))(x)).all()


def test_complex_numbers_at_zero():
    z = np.array([0j, 3 - 4j])
    for f, value, slope in (
        (np.abs, [0, 5], [0, 0.6 - 0.8j]),
        (np.angle, [0, math.atan2(-4, 3)], [0, (4 + 3j) / 25]),
        (lambda z: np.real(z * np.conj(z)), [0, 25], [0, 6 - 8j]),
        (lambda z: np.real(z**0), [1, 1], [0, 0]),
    ):
        y, pull = ag.vjp(f, z)
        np.testing.assert_allclose(y, value, atol=1e-15)
        np.testing.assert_allclose(pull(np.ones(2))[0], slope, atol=1e-15)
        v = np.array([0.0, 1 + 2j])
        np.testing.assert_allclose(ag.jvp(f, (z,), (v,))[1], np.real(np.conj(slope) * v), atol=1e-15)
