"""For tests of derivatives: a function with its derivatives, and what several files need of others."""

from typing import Any

import numpy as np
import pytest

import autograd_lite as ag


def f(x: Any) -> Any:
    return np.sum(np.sin(x) * x**2)


def df(x: Any) -> Any:
    return np.cos(x) * x**2 + 2 * x * np.sin(x)


def ddf(x: Any) -> Any:
    return -np.sin(x) * x**2 + 4 * x * np.cos(x) + 2 * np.sin(x)


def gradient(f: Any, x: Any) -> Any:
    """The gradient of the sum of ``f(x)``."""
    return ag.grad(lambda x: f(x).sum())(np.asarray(x))


def close(a: Any, b: Any) -> bool:
    """Whether two arrays are equal to rounding; an error that shows both if not."""
    np.testing.assert_allclose(np.asarray(a), b, rtol=1e-13, atol=1e-14)
    return True


def by_name(functions: Any) -> Any:
    """Parametrize a test with functions, as its argument `f`."""
    return pytest.mark.parametrize("f", functions, ids=lambda f: f.__name__)
