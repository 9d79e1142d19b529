"""Functions whose derivative is zero wherever there is one: known, not forgotten.

A result is a Tensor off the record. What is a number of no ufunc stands here; the ufuncs (`floor`, `sign`,
comparisons) are in :mod:`.elementwise`, positions (`argsort`, `nonzero`) in :mod:`.sorting`, `argmax` and
`any` in :mod:`.reduction`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..primitive import ROWS, TABLE, composite, constant
from .calculus import array
from .sorting import by_signature

for _fn, *_arrays in (
    (np.round, "a"), (np.fix, "x"), (np.isclose, "a", "b"),
    (np.iscomplex, "x"), (np.isreal, "x"), (np.isneginf, "x"), (np.isposinf, "x"),
    (np.ones_like, "a"), (np.zeros_like, "a"), (np.empty_like, "prototype"),
):  # fmt: skip
    constant(_fn, bind=by_signature(_fn, *_arrays))
ROWS[np.around] = round = TABLE["round"]
fix, isclose = TABLE["fix"], TABLE["isclose"]
iscomplex, isreal, isneginf, isposinf = (
    TABLE[name] for name in ("iscomplex", "isreal", "isneginf", "isposinf")
)
ones_like, zeros_like, empty_like = (TABLE[name] for name in ("ones_like", "zeros_like", "empty_like"))


@composite(np.full_like)
def full_like(
    a: Any, fill_value: Any, dtype: Any = None, order: str = "K", subok: bool = True, shape: Any = None,
    *, device: Any = None,
) -> Any:  # fmt: skip
    """`fill_value`, whose derivative is kept, in the shape of `a`."""
    a = array(a)
    dtype = a.dtype if dtype is None else dtype
    return np.broadcast_to(array(fill_value).astype(dtype), a.shape if shape is None else shape)
