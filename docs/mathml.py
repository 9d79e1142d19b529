"""The LaTeX of the pages as MathML: readers need neither a script nor a network."""

from __future__ import annotations

from collections.abc import Sequence

from autograd_lite.base.escape import xml
from autograd_lite.derive.mathml import Reader, fence

NUMBERS = {"C": "ℂ", "N": "ℕ", "Q": "ℚ", "R": "ℝ", "Z": "ℤ"}


def mathml(tex: str, block: bool = True) -> str:
    """LaTeX as a ``<math>`` element.

    >>> mathml("P^2", block=False)
    '<math><msup><mi>P</mi><mn>2</mn></msup></math>'
    """
    display = ' display="block"' if block else ""
    return f"<math{display}>{_Reader(tex).all()}</math>"


class _Reader(Reader):
    """Reads what people write on pages besides the commands of templates."""

    _tex_dfrac = Reader._tex_frac

    def _tex_mathbb(self) -> str:
        letter = self.raw()
        return f"<mi>{NUMBERS.get(letter, xml(letter))}</mi>"

    def environment(self, kind: str, rows: Sequence[Sequence[str]]) -> str:
        inside = super().environment(kind, rows)
        return f"<mrow>{fence('(')}{inside}{fence(')')}</mrow>" if kind == "pmatrix" else inside
