"""numpy.emath: functions with complex results where the real function has no value.

This depends on the values: a single entry outside the real domain makes the whole result complex.
"""

import numpy as np

from ..table import composite
from ._arrays import operand

__all__ = ["arccos", "arcsin", "arctanh", "log", "log2", "log10", "logn", "power", "sqrt"]


def _below_0(x):
    return x < 0


def _beyond_1(x):
    return np.abs(x) > 1


def _widened(x, outside):
    x = operand(x)
    if x.dtype.kind == "c" or not np.any(outside(x)):
        return x
    return x.astype(np.complex64 if x.dtype.char in "fbhBH" else complex)


def _row(name, outside):
    f = getattr(np, name)

    @composite(getattr(np.emath, name), examples="-2..2:[4]")
    def row(x):
        return f(_widened(x, outside))

    return row


sqrt, log, log2, log10 = (_row(name, _below_0) for name in ("sqrt", "log", "log2", "log10"))
arcsin, arccos, arctanh = (_row(name, _beyond_1) for name in ("arcsin", "arccos", "arctanh"))


@composite(np.emath.logn, examples="3.0 -2..2:[4]")
def logn(n, x):
    return np.log(_widened(x, _below_0)) / np.log(_widened(n, _below_0))


@composite(np.emath.power, examples="-2..2:[4] 1.5")
def power(x, p):
    p = operand(p)
    return np.power(_widened(x, _below_0), p.astype(float) if p.dtype.kind in "iu" and np.any(p < 0) else p)
