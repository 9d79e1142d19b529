"""Fourier transforms and convolutions: as NumPy's, with derivatives."""

import numpy as np
import pytest
from agreement import agrees
from thorough import mostly_thorough

import autograd_lite as ag

rng = np.random.default_rng(0)


def N(*shape):
    return rng.normal(size=shape)


def C(*shape):
    return N(*shape) + 1j * N(*shape)


ONE_AXIS = [
    {},
    {"n": 3},
    {"n": 8},
    {"n": 7, "norm": "ortho"},
    {"axis": 0},
    {"n": 2, "axis": -2, "norm": "forward"},
    {"norm": "backward"},
]
SEVERAL = [
    {},
    {"s": (3, 5)},
    {"s": (2, -1), "axes": (0, 1)},
    {"axes": (1, 0), "norm": "ortho"},
    {"s": (3, 4), "norm": "forward"},
]


@pytest.mark.parametrize("options", ONE_AXIS, ids=str)
@pytest.mark.parametrize("name", ["fft", "ifft", "hfft", "irfft"])
def test_of_complex_numbers(name, options):
    f = getattr(np.fft, name)
    agrees(lambda x: f(x, **options), C(3, 5))


@pytest.mark.parametrize("options", ONE_AXIS, ids=str)
@pytest.mark.parametrize("name", ["fft", "ifft", "rfft", "ihfft", "irfft"])
def test_of_real_numbers(name, options):
    f = getattr(np.fft, name)
    agrees(lambda x: f(x, **options), N(3, 5))


@pytest.mark.filterwarnings("ignore:`axes` should not be `None`:DeprecationWarning")
@pytest.mark.parametrize("options", SEVERAL, ids=str)
@pytest.mark.parametrize("name", ["fft2", "ifft2", "fftn", "ifftn", "irfft2", "irfftn"])
def test_of_complex_grids(name, options):
    f = getattr(np.fft, name)
    agrees(lambda x: f(x, **options), C(2, 4), order=1)


@pytest.mark.filterwarnings("ignore:`axes` should not be `None`:DeprecationWarning")
@pytest.mark.parametrize("options", SEVERAL, ids=str)
@pytest.mark.parametrize("name", ["rfft2", "rfftn", "fft2"])
def test_of_real_grids(name, options):
    f = getattr(np.fft, name)
    agrees(lambda x: f(x, **options), N(2, 4), order=1)


def test_an_axis_may_be_named_twice():
    agrees(lambda x: np.fft.fftn(x, axes=(0, 0)), C(3, 2))


@pytest.mark.parametrize("length", [4, 5])
@pytest.mark.parametrize("axes", [None, 0, (0, 1)], ids=str)
def test_shifts(axes, length):
    agrees(lambda x: np.fft.fftshift(x, axes), N(length, 3))
    agrees(lambda x: np.fft.ifftshift(x, axes), C(length, 3))


@pytest.mark.parametrize("n", [1, 2, 3])
def test_the_shortest_transforms(n):
    agrees(np.fft.rfft, N(n))
    agrees(lambda x: np.fft.irfft(x, n), C(n))


def test_there_and_back_is_the_identity_also_for_gradients():
    x, g = N(7), N(7)
    y, pull = ag.vjp(lambda x: np.fft.irfft(np.fft.rfft(x), 7), x)
    np.testing.assert_allclose(y, x, atol=1e-14)
    np.testing.assert_allclose(pull(g)[0], g, atol=1e-14)


def test_parseval():
    """The gradient of the energy in the spectrum is twice the signal."""
    x = N(6)
    np.testing.assert_allclose(
        ag.grad(lambda x: (np.abs(np.fft.fft(x, norm="ortho")) ** 2).sum())(x), 2 * x, rtol=1e-12
    )


def test_what_irfft_ignores_gets_no_gradient():
    """The imaginary parts of the first and, for an even length, the last frequency."""
    t = ag.tensor(C(4), requires_grad=True)
    np.fft.irfft(t).dot(N(6)).backward()
    assert t.grad.data[0].imag == 0
    assert t.grad.data[-1].imag == 0
    assert t.grad.data[1].imag != 0


def test_single_precision_stays():
    t = ag.tensor(N(5).astype("f4"), requires_grad=True)
    y = np.fft.rfft(t)
    assert y.dtype == np.complex64
    abs(y).sum().backward()
    assert t.grad.dtype == np.float32


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: np.fft.fft(x, 0), r"fft.fft\(.*n must be positive"),
        (lambda x: np.fft.fft(x, norm="x"), "expected norm 'backward', 'ortho' or 'forward', got 'x'"),
        (lambda x: np.fft.fft(x, axis=3), "axis 3 is out of bounds"),
        (lambda x: np.fft.fftn(x, s=(2,), axes=(0, 0)), "must have the same length"),
        (lambda x: np.fft.irfft(x[:1]), "n must be positive"),
    ],
)
def test_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call(ag.tensor(np.ones(3), requires_grad=True))


@pytest.mark.parametrize("f", [np.fft.fft, np.fft.rfftn])
def test_out_is_refused(f):
    with pytest.raises(TypeError, match="out= writes into an array"):
        f(ag.tensor(np.ones(3), requires_grad=True), out=np.ones(3, complex))


# ----------------------------------------------------------------------------------------------- convolutions

LENGTHS = [(5, 3), (2, 5), (1, 1), (3, 5), (4, 4), (6, 3), (3, 6), (6, 2), (1, 3), (3, 1)]


@pytest.mark.parametrize("make", mostly_thorough([N, C]))
@pytest.mark.parametrize("mode", ["full", "same", "valid"])
@pytest.mark.parametrize("lengths", LENGTHS, ids=str)
def test_convolutions(lengths, mode, make):
    a, v = (make(n) for n in lengths)
    agrees(lambda a, v: np.convolve(a, v, mode), a, v)
    agrees(lambda a, v: np.correlate(a, v, mode), a, v)


def test_defaults():
    agrees(np.convolve, N(4), N(2))
    agrees(np.correlate, N(4), N(2))


def test_a_number_is_a_vector_of_one():
    agrees(np.convolve, N(), N(3))


def test_a_power_of_a_polynomial():
    """(1 + x)**3 by convolution; its second derivative with respect to the middle coefficient is that of c**3."""
    cube = lambda c: np.convolve(np.convolve(c, c), c)  # noqa: E731
    np.testing.assert_array_equal(cube(np.array([1.0, 1.0])), [1, 3, 3, 1])
    h = ag.hessian(lambda c: cube(c)[1])(np.array([1.0, 1.0]))  # 3 c0**2 c1
    np.testing.assert_allclose(h, [[6, 6], [6, 0]])


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ((np.ones(0), np.ones(2)), "empty"),
        ((np.ones((2, 2)), np.ones(2)), "two vectors, got shapes"),
        ((np.ones(2), np.ones(2), "x"), "expected mode 'full', 'same' or 'valid', got 'x'"),
    ],
)
@pytest.mark.parametrize("f", [np.convolve, np.correlate])
def test_convolution_errors(f, args, message):
    first, *rest = args
    with pytest.raises(ValueError, match=message):
        f(ag.tensor(first, requires_grad=True), *rest)
