"""What to write where a gradient is infinite, nan or zero: an option of the row at which that begins."""

from __future__ import annotations


class Remedy:
    """Code to write in the place of a step, or of a longer expression around it.

    It is a candidate, which :mod:`autograd_lite.testing.remedies` runs: it is proposed only if it computes what the
    program computes from these operands, and if its gradient is right at the values at hand.

    Parameters
    ----------
    *codes : str
        Alternatives, with operands in braces: ``"np.sqrt({x} + eps)"``, ``"ag.xlogy({x1}, {x2})"``. ``{axis}`` stands
        for the keywords ``axis=`` and ``keepdims=``, ``eps`` for a small number.
    after : str
        Words behind the code.
    before : str
        Words in front of code that computes something else: ``"for a cross-entropy write "``.

    Examples
    --------
    >>> import autograd_lite as ag
    >>> [remedy.codes for remedy in ag.sqrt.remedies][-1]
    ('np.where({x} > 0, np.sqrt({x}), 0)', 'np.sqrt({x} + eps)')
    """

    def __init__(self, *codes: str, after: str = "", before: str = "") -> None:
        self.codes, self.after, self.before = codes, after, before
