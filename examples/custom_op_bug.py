"""A custom operation with a mistake that ordinary tests miss, and ten lines that find it.

    python examples/custom_op_bug.py

`softmin` works along an axis of a matrix or of a stack of matrices. Its author tested it on matrices, along both axes,
counted from either end, and every result was right. But the rule counts a negative axis from the end of a matrix,
however many axes there are. On a stack, ``axis=-1`` then sums along the wrong axis: no error, only a wrong gradient.

Ten lines let Hypothesis choose shapes, axes and numbers. They find the mistake, shrink it to the smallest arrays that
show it, and name the argument, its shape, the entries and the size of the error.
"""

import time

import numpy as np
from hypothesis import strategies as st

from autograd_lite.table import define
from autograd_lite.testing import GradientError, assert_gradients
from autograd_lite.testing.strategies import arrays, shapes

# ------------------------------------------------------------------------------------------------ the operation


def softmin_pull(g, y, axis):
    k = axis if axis >= 0 else axis + 2  # the mistake: only a matrix has two axes
    return y * (np.sum(g * y, axis=k, keepdims=True) - g)


@define(softmin_pull, bind=lambda x, axis=-1: ((x,), {"axis": axis}))
def softmin(x, axis=-1):
    e = np.exp(np.min(x, axis=axis, keepdims=True) - x)
    return e / np.sum(e, axis=axis, keepdims=True)


# ------------------------------------------------------------------------------------------------ the ten lines


@st.composite
def arrays_and_axes(draw):
    x = draw(arrays(shapes(min_dims=2, min_side=2, max_side=3)))
    return x, draw(st.integers(-x.ndim, x.ndim - 1))


def test_softmin():
    assert_gradients(lambda x, axis: softmin(x, axis=axis), args=arrays_and_axes(), order=1, examples=200)


def main():
    x = np.array([[0.5, 1.0, -1.0], [0.0, 2.0, 1.0]])
    for axis in (0, 1, -1, -2):
        assert_gradients(lambda x, axis: softmin(x, axis=axis), x, axis)
        print(f"by hand, shape {x.shape}, axis {axis}: every derivative agrees")
    start = time.perf_counter()
    try:
        test_softmin()
    except GradientError as error:
        print(f"\nfound in {time.perf_counter() - start:.1f} s:\n\n{error}")
    else:
        raise SystemExit("the mistake was not found")


if __name__ == "__main__":
    main()
