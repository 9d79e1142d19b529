"""For tests of Tensors: dtypes, parameters, and equality with an array."""

import numpy as np

import autograd_lite as ag

FLOATS = [np.float16, np.float32, np.float64, np.longdouble]
COMPLEX = [np.complex64, np.complex128, np.clongdouble]


def parameter(shape=(3,), name="W", dtype=float, first=1):
    """A leaf of this shape that counts from `first`."""
    return leaf(np.arange(first, first + int(np.prod(shape))).reshape(shape), name, dtype)


def leaf(values, name="W", dtype=float):
    """A leaf with these values."""
    return ag.tensor(values, dtype, requires_grad=True, name=name)


def same(tensor, array):
    """Whether a Tensor has exactly this array's value, shape and dtype; an error that shows both if not."""
    assert type(tensor) is ag.Tensor
    expected = np.asarray(array)
    assert tensor.dtype == expected.dtype
    assert tensor.shape == expected.shape
    np.testing.assert_array_equal(tensor.data, expected)
    return True
