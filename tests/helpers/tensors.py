"""What the tests of the Tensor share: its dtypes, an input to differentiate by, and being just an array's value."""

import numpy as np

import autograd_lite as ag

FLOATS = [np.float16, np.float32, np.float64, np.longdouble]
COMPLEX = [np.complex64, np.complex128, np.clongdouble]


def parameter(shape=(3,), dtype=float, name="W"):
    return ag.tensor(
        np.arange(1, 1 + int(np.prod(shape))).reshape(shape), dtype, requires_grad=True, name=name
    )


def same(tensor, array):
    """A Tensor with just this array's value, shape and dtype."""
    assert type(tensor) is ag.Tensor
    expected = np.asarray(array)
    assert tensor.dtype == expected.dtype
    assert tensor.shape == expected.shape
    np.testing.assert_array_equal(tensor.data, expected)
    return True
