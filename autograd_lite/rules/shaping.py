"""Rearranging entries: the shape changes, the numbers do not."""

from __future__ import annotations

import numpy as np

from ..primitive import linear

transpose = linear(
    lambda x, axes: np.transpose(x, axes),
    lambda g, axes: np.transpose(g, None if axes is None else np.argsort(axes)),
    of=np.transpose,
    name="transpose",
    np_name="np.transpose",
    bind=lambda x, axes=None: ((x,), {"axes": axes}),
    tex=r"{x}^\top",
)
