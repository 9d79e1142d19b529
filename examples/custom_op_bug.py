"""A custom operation with a mistake that ordinary tests miss, and the ten lines that find it.

    python examples/custom_op_bug.py

`softmin` works along an axis. Its author tried it on vectors and matrices, where everything came out right;
but the rule counts a negative axis from the end of a matrix, whatever the number of axes. On a stack of
matrices ``axis=-1`` then sums along the wrong one: no error, only a wrong gradient.

Ten lines let Hypothesis choose shapes, axes and numbers. They find the mistake, shrink it to the smallest
arrays that show it, and name the argument, the shape, the entry, both numbers, and the axis.
"""

import time

import numpy as np
from hypothesis import strategies as st

from autograd_lite.primitive import define
from autograd_lite.testing import GradientError, assert_gradients
from autograd_lite.testing.strategies import arrays, shapes

# ------------------------------------------------------------------------------------------------------ the
# operation


def softmin_pull(g, y, axis):
    k = axis if axis >= 0 else 2 + axis  # the mistake: 2 is the number of axes only for matrices
    return y * (np.sum(g * y, axis=k, keepdims=True) - g)


@define(softmin_pull, bind=lambda x, axis=-1: ((x,), {"axis": axis}))
def softmin(x, axis=-1):
    e = np.exp(np.min(x, axis=axis, keepdims=True) - x)
    return e / np.sum(e, axis=axis, keepdims=True)


# ------------------------------------------------------------------------------------------------------- its
# ten lines


@st.composite
def arrays_and_axes(draw):
    x = draw(arrays(shapes(min_dims=1, min_side=2)))
    return x, draw(st.integers(-x.ndim, x.ndim - 1))


def test_softmin():
    assert_gradients(lambda x, axis: softmin(x, axis=axis), args=arrays_and_axes(), order=1)


def main():
    for x in (np.array([0.5, 1.0]), np.array([[0.5, 1.0, -1.0], [0.0, 2.0, 1.0]])):
        print(f"by hand, shape {x.shape}: {assert_gradients(softmin, x)}\n")
    start = time.perf_counter()
    try:
        test_softmin()
    except GradientError as error:
        print(f"found in {time.perf_counter() - start:.1f} s:\n\n{error}")
    else:
        raise SystemExit("the mistake was not found")


if __name__ == "__main__":
    main()
