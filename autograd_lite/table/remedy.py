"""What to write where a gradient is infinite, nan or zero: an option of the row at which that begins."""

from __future__ import annotations

from typing import NamedTuple


class Remedy(NamedTuple):
    """Code to write in the place of a call, or of an expression around it.

    It is proposed only if it repairs the gradient at the values at hand: :mod:`autograd_lite.testing.remedies` runs it.

    Attributes
    ----------
    code : str
        With what is replaced in braces: ``"np.sqrt({x} + eps)"``. A keyword of the replaced call is written where it is
        not the default: ``"np.linalg.norm({x}{axis})"``. ``eps`` stands for a small number, ``y`` for a label.
    of : str
        What is replaced, in Python: ``"np.sqrt(np.sum(x ** 2, axis))"``. Names stand for any operand, or for the
        keyword of that name. By default the call of the row, with its operands called x, or x1 and x2.
    before, after : str
        Words around the code.
    """

    code: str
    of: str = ""
    before: str = "write "
    after: str = ""
