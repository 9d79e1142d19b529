"""np.pad in every mode that has a derivative."""

import numpy as np
import pytest
from agreement import agrees
from numpy.lib import NumpyVersion
from thorough import mostly_thorough

import autograd_lite as ag
from autograd_lite.rules import padding

rng = np.random.default_rng(2)
X, M = rng.normal(size=4), rng.normal(size=(3, 4))
MODES = [mode for mode in padding.MODES if mode != "empty"]  # "empty" leaves the padding undefined


@pytest.mark.parametrize("mode", mostly_thorough(MODES, 3))
@pytest.mark.parametrize("width", [2, (0, 3), ((1, 0), (2, 1)), {1: (1, 2)}], ids=str)
def test_modes(mode, width):
    if isinstance(width, dict) and NumpyVersion(np.__version__) < "2.4.0":
        pytest.skip("a dict of widths is new in NumPy 2.4")
    agrees(lambda x: np.pad(x, width, mode=mode), M)


@pytest.mark.parametrize("mode", ["reflect", "symmetric"])
@pytest.mark.parametrize("width", [(1, 2), (3, 3), (9, 10)], ids=str)
@pytest.mark.parametrize("reflect_type", ["even", "odd"])
@pytest.mark.parametrize("n", [1, 2, 4])
def test_reflections_go_on_and_on(mode, width, reflect_type, n):
    agrees(lambda x: np.pad(x, width, mode, reflect_type=reflect_type), X[:n])


KEYED = {
    "constant": {"constant_values": 3.0},
    "a constant for each side": {"constant_values": ((1, 2), (3, 4))},
    "ramp": {"mode": "linear_ramp", "end_values": (1.0, -2.0)},
    "mean of some": {"mode": "mean", "stat_length": 2},
    "median of some": {"mode": "median", "stat_length": ((2, 3), (1, 9))},
    "maximum of some": {"mode": "maximum", "stat_length": (2, 3)},
}


@pytest.mark.parametrize("name", KEYED)
def test_keywords(name):
    agrees(lambda x: np.pad(x, ((2, 1), (1, 3)), **KEYED[name]), M)


def test_empty_has_the_array_in_the_middle():
    x = ag.tensor(X, requires_grad=True)
    y = np.pad(x, 1, "empty")
    assert np.array_equal(y.numpy()[1:-1], X)
    (y[1:-1] * X).sum().backward()
    assert np.array_equal(x.grad.numpy(), X)


def test_complex_and_float32():
    agrees(lambda x: np.pad(x, 2, "reflect", reflect_type="odd"), X + 1j * X[::-1])
    x = ag.tensor(M, dtype="float32", requires_grad=True)
    for mode in MODES:
        assert np.pad(x, 1, mode=mode).dtype == np.float32


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: np.pad(x, 1, mode="mirror"), "none of constant"),
        (lambda x: np.pad(x, 1, mode="edge", constant_values=2), "has no keyword constant_values"),
        (lambda x: np.pad(x, 1.5), "integral"),
        (lambda x: np.pad(x, -1), "negative"),
        (lambda x: np.pad(x, 1, mode="mean", stat_length=0), "stat_length"),
        (lambda x: np.pad(x, 1, mode=lambda *args: None), "function as mode"),
        (lambda x: np.pad(x[:0], 1, mode="edge"), "empty axis"),
    ],
)
def test_errors(call, message):
    with pytest.raises((ValueError, TypeError), match=message):
        call(ag.tensor(M, requires_grad=True))
