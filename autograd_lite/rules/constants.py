"""Functions whose derivative is zero wherever it exists.

Their results are constant Tensors. All of them are listed here. Their rows are declared here too, or beside similar
ones: `floor` in :mod:`.elementwise`, `argmax` in :mod:`.reductions`, `isin` in :mod:`.sorting`.
"""

import numpy as np

from ..table import ROWS, TABLE, Remedy, composite, constant
from ..table.batching import ALIGNED, of_shape
from . import (
    elementwise as elementwise,  # these declare some of the rows below
    linalg as linalg,
    reductions as reductions,
)
from ._arrays import operand
from .sorting import by_signature

__all__ = [
    "all", "any", "argmax", "argmin", "argwhere", "bitwise_and", "bitwise_count", "bitwise_or", "bitwise_xor",
    "ceil", "count_nonzero", "digitize", "empty_like", "equal", "flatnonzero", "floor", "floor_divide",
    "full_like", "gcd", "greater", "greater_equal", "invert", "isclose", "iscomplex", "isfinite", "isin", "isinf",
    "isnan", "isneginf", "isposinf", "isreal", "lcm", "left_shift", "less", "less_equal", "logical_and",
    "logical_not", "logical_or", "logical_xor", "nanargmax", "nanargmin", "not_equal", "ones_like", "packbits",
    "ravel_multi_index", "right_shift", "rint", "round", "searchsorted", "sign", "signbit", "spacing", "trunc",
    "unpackbits", "unravel_index", "zeros_like",
]

for _fn, *_arrays in (
    (np.round, "a"), (np.isclose, "a", "b"), (np.iscomplex, "x"), (np.isreal, "x"), (np.isneginf, "x"),
    (np.isposinf, "x"),
):
    constant(_fn, bind=by_signature(_fn, *_arrays), batch=ALIGNED)
TABLE["round"].attach(js=lambda a, decimals=0: np.rint(a * 10.0**decimals) / 10.0**decimals)
TABLE["isclose"].attach(examples="[2] [2]")
for _like, _filled, _digit in ((np.ones_like, np.ones, "1"), (np.zeros_like, np.zeros, "0")):
    constant(_like, bind=by_signature(_like, "a"), batch=of_shape, text=_digit, tex=_digit)
    TABLE[_like.__name__].attach(
        js=lambda a, shape=None, filled=_filled: filled(a.shape if shape is None else shape)
    )
constant(np.empty_like, bind=by_signature(np.zeros_like, "a"), batch=of_shape)  # before NumPy 2.4 it had no signature
TABLE["empty_like"].__doc__ = """An array of the shape and dtype of `a`, with whatever is in its memory.

>>> import numpy as np, autograd_lite as ag
>>> ag.empty_like(np.ones((2, 3))).shape
(2, 3)
"""
ROWS[np.around] = TABLE["round"]
ROWS[np.fix] = TABLE["trunc"]  # deprecated in NumPy 2.5


@composite(np.full_like, examples="2x3 []; 2x3 [3] shape=4,3")
def _full_like(a, fill_value, dtype=None, order="K", subok=True, shape=None, *, device=None):
    """`fill_value`, with its derivative, in the shape of `a`."""
    zeros = np.zeros_like(a, dtype, shape=shape)
    return np.where(True, operand(fill_value).astype(zeros.dtype), zeros)


(
    all, any, argmax, argmin, argwhere, bitwise_and, bitwise_count, bitwise_or, bitwise_xor, ceil, count_nonzero,
    digitize, empty_like, equal, flatnonzero, floor, floor_divide, full_like, gcd, greater, greater_equal, invert,
    isclose, iscomplex, isfinite, isin, isinf, isnan, isneginf, isposinf, isreal, lcm, left_shift, less, less_equal,
    logical_and, logical_not, logical_or, logical_xor, nanargmax, nanargmin, not_equal, ones_like, packbits,
    ravel_multi_index, right_shift, rint, round, searchsorted, sign, signbit, spacing, trunc, unpackbits, unravel_index,
    zeros_like,
) = (TABLE[name] for name in __all__)  # in its order
matrix_rank = TABLE["linalg.matrix_rank"]

for _word in ("floor", "ceil", "rint", "trunc", "round"):
    TABLE[_word].attach(remedies=(
        Remedy(f"{{x}} + ag.stop_gradient(np.{_word}({{x}}) - {{x}})", after=", whose slope is 1"),
    ))
for _word, _sign in (("argmax", ""), ("argmin", "-")):
    TABLE[_word].attach(remedies=(
        Remedy(f"ag.softmax({_sign}{{x}}{{axis}})", before="for weights in the place of a position write "),
    ))
TABLE["sign"].attach(remedies=(Remedy("np.tanh({x})", before="for a smooth step write "),))
