"""For tests: a function has the same result on Tensors as NumPy's on arrays, and the right derivatives."""

from typing import Any

import numpy as np

import autograd_lite as ag
from autograd_lite.testing import assert_gradients


def agrees(f, *arrays: Any, order: int = 2, like=None, **options: Any) -> None:
    """Compare `f` on Tensors with `f` (or `like`) on arrays (value, dtype, structure), and check its derivatives."""
    expected = (like or f)(*(np.array(a) for a in arrays))
    same(f(*(_input(a) for a in arrays)), expected)
    if any(np.asarray(a).dtype.kind in "fc" and np.size(a) for a in arrays):
        assert_gradients(f, *arrays, order=order, **options)


def _input(a: Any) -> ag.Tensor:
    return ag.tensor(a, requires_grad=np.asarray(a).dtype.kind in "fc")


def same(got: Any, expected: Any) -> None:
    if isinstance(expected, (list, tuple)):
        assert isinstance(got, (list, tuple))
        assert len(got) == len(expected)
        for a, b in zip(got, expected, strict=True):
            same(a, b)
        return
    expected = np.asarray(expected)
    assert isinstance(got, ag.Tensor), type(got)
    assert got.shape == expected.shape
    assert got.dtype == expected.dtype
    rounding = 1e-14 * np.abs(expected).max(initial=0.0, where=np.isfinite(expected))  # of sums and of LAPACK
    np.testing.assert_allclose(got.detach().numpy(), expected, rtol=1e-13, atol=max(rounding, 1e-15))
