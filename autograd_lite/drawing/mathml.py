"""Formulas of the page: LaTeX as MathML, which browsers show without a script.

It reads the LaTeX that derivations and the rows' `tex` produce. An unknown command appears as its name, so nothing gets
lost, and any input gives well-formed MathML.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from ..base.escape import TEX_CHARACTERS, xml

_TOKEN = re.compile(r"\\[A-Za-z]+|\\.|[{}^_&]|[0-9]+(?:\.[0-9]+)?|[^\S\u00a0]+|.", re.S)
_IDENTIFIERS = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ε", "zeta": "ζ", "eta": "η", "theta": "θ",
    "kappa": "κ", "lambda": "λ", "mu": "μ", "nu": "ν", "xi": "ξ", "pi": "π", "rho": "ρ", "sigma": "σ", "tau": "τ",
    "phi": "φ", "chi": "χ", "psi": "ψ", "omega": "ω", "Gamma": "Γ", "Phi": "Φ", "partial": "∂", "infty": "∞",
}  # fmt: skip
_OPERATORS = {
    "odot": "⊙", "times": "×", "cdot": "·", "top": "⊤", "lvert": "|", "rvert": "|", "lVert": "‖", "rVert": "‖",
    "geq": "≥", "leq": "≤", "neq": "≠", "sum": "∑", "prod": "∏", "to": "→", "mapsto": "↦", "ldots": "…", "dots": "…",
    "in": "∈", "wedge": "∧", "vee": "∨", "star": "⋆", "ast": "∗", "lfloor": "⌊", "rfloor": "⌋", "cdots": "⋯",
    **{c: c for c in "{}%#$&_"},
}  # fmt: skip
_SPACES = {",": "0.17em", ";": "0.28em", ":": "0.22em", "quad": "1em", "qquad": "2em", " ": "0.25em", "!": "0"}
_IGNORED = {"textstyle", "displaystyle", "big", "bigl", "bigr", "limits", "\\"}
_FENCES = {"pmatrix": ("(", ")"), "cases": (r"\{", "")}
_NUMBERS = {"C": "ℂ", "N": "ℕ", "Q": "ℚ", "R": "ℝ", "Z": "ℤ"}
_EMPTY = "<mrow></mrow>"


def mathml(tex: str, block: bool = True) -> str:
    """LaTeX as a ``<math>`` element.

    Examples
    --------
    >>> mathml("P^2", block=False)
    '<math><msup><mi>P</mi><mn>2</mn></msup></math>'
    """
    display = ' display="block"' if block else ""
    return f"<math{display}>{_Reader(tex).all()}</math>"


class _Reader:
    def __init__(self, tex: str) -> None:
        tex = re.sub(r"\\text\{[^{}]*\}", lambda m: m[0].replace(" ", "\u00a0"), tex)  # where spaces count
        self.tokens = [t for t in _TOKEN.findall(tex) if t == "\u00a0" or not t.isspace()]
        self.at = 0

    def peek(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def take(self) -> str:
        token = self.peek()
        self.at += 1
        return token

    def all(self) -> str:
        found = ""
        while self.peek():
            found += self.until("}", "&")
            self.take()  # an unmatched bracket is dropped
        return found

    def until(self, *stops: str) -> str:
        """Everything up to one of `stops`, with subscripts and superscripts."""
        found = ""
        while self.peek() and self.peek() not in stops:
            is_function = self._is_function(self.peek())
            found += self.scripted()
            if is_function and re.match(r"\w|\\(?!left|right)[a-z]", self.peek()):  # sin x, but sin(x)
                found += f'<mspace width="{_SPACES[","]}"/>'
        return found

    def _is_function(self, token: str) -> bool:
        r"""Whether a command is a function's name, such as ``\sin``."""
        word = token.removeprefix("\\")
        known = word in _IDENTIFIERS or word in _OPERATORS or word in _SPACES or word in _IGNORED
        return token[:1] == "\\" and word.isalpha() and not known and not hasattr(self, f"_{word}")

    def scripted(self) -> str:
        base = self.one()
        sub = sup = ""
        while self.peek() in ("^", "_"):
            if self.take() == "^":
                sup = self.argument()
            else:
                sub = self.argument()
        if not sub and not sup:
            return base
        tag = "msubsup" if sub and sup else "msub" if sub else "msup"
        return f"<{tag}>{base or _EMPTY}{sub}{sup}</{tag}>"

    def argument(self) -> str:
        """The next token, or the whole of a group, as one element."""
        if self.peek() != "{":
            return self.one() or _EMPTY
        self.take()
        inside = self.until("}")
        self.take()
        is_single = re.fullmatch(r"<(mi|mn|mo)[^>]*>[^<]*</\1>", inside)
        return inside if is_single else f"<mrow>{inside}</mrow>"

    def raw(self) -> str:
        """A group as text."""
        if self.peek() != "{":
            return self.take()
        self.take()
        depth, found = 1, ""
        while self.peek():
            token = self.take()
            depth += (token == "{") - (token == "}")
            if not depth:
                break
            if token in TEX_CHARACTERS:
                token = TEX_CHARACTERS[token]
                self.at += 2 * (self.peek() == "{")
            found += token[1:] if token[0] == "\\" and len(token) > 1 else token
        return found

    def one(self) -> str:
        token = self.take()
        if token == "{":
            self.at -= 1
            return self.argument()
        if token.startswith("\\"):
            return self.command(token[1:])
        if token[:1].isdigit():
            return f"<mn>{token}</mn>"
        if token.isalpha():
            return f"<mi>{xml(token)}</mi>"
        if token in ("(", ")", "[", "]"):
            return f'<mo stretchy="false">{token}</mo>'
        return f"<mo>{xml(token.replace('-', '−'))}</mo>" if token else ""

    def command(self, word: str) -> str:
        if word in _IDENTIFIERS:
            return f"<mi>{_IDENTIFIERS[word]}</mi>"
        if word in _OPERATORS:
            return f'<mo stretchy="false">{xml(_OPERATORS[word])}</mo>'
        if word in _SPACES:
            return f'<mspace width="{_SPACES[word]}"/>'
        if word in _IGNORED:
            return ""
        special: Callable[[], str] | None = getattr(self, f"_{word}", None)
        return special() if special is not None else f"<mi>{xml(word)}</mi>"

    def _frac(self) -> str:
        return f"<mfrac>{self.argument()}{self.argument()}</mfrac>"

    _dfrac = _frac

    def _tfrac(self) -> str:
        return f'<mstyle displaystyle="false">{self._frac()}</mstyle>'

    def _sqrt(self) -> str:
        if self.peek() != "[":
            return f"<msqrt>{self.argument()}</msqrt>"
        self.take()
        root = self.until("]")
        self.take()
        return f"<mroot>{self.argument()}<mrow>{root}</mrow></mroot>"

    def _overline(self) -> str:
        return f'<mover>{self.argument()}<mo stretchy="true">‾</mo></mover>'

    def _hat(self) -> str:
        return f'<mover accent="true">{self.argument()}<mo stretchy="false">^</mo></mover>'

    def _bar(self) -> str:
        return f'<mover accent="true">{self.argument()}<mo stretchy="false">¯</mo></mover>'

    def _tilde(self) -> str:
        return f'<mover accent="true">{self.argument()}<mo stretchy="false">~</mo></mover>'

    def _mathrm(self) -> str:
        return f'<mi mathvariant="normal">{xml(self.raw())}</mi>'

    _operatorname = _mathcal = _mathrm

    def _mathbb(self) -> str:
        letter = self.raw()
        return f"<mi>{_NUMBERS.get(letter, xml(letter))}</mi>"

    def _text(self) -> str:
        return f"<mtext>{xml(self.raw())}</mtext>".replace(" ", "\u00a0")

    def _left(self) -> str:
        opening = self.take()
        inside = self.until(r"\right")
        self.take()
        return f"<mrow>{_fence(opening)}{inside}{_fence(self.take())}</mrow>"

    def _begin(self) -> str:
        kind = self.raw()
        lines, cells = "", ""
        while self.peek():
            cells += f"<mtd>{self.until('&', chr(92) * 2, chr(92) + 'end')}</mtd>"
            token = self.take()
            if token != "&":
                lines, cells = f"{lines}<mtr>{cells}</mtr>", ""
            if token == r"\end":
                self.raw()
                break
        if kind == "bmatrix":  # a border, since few machines have a font whose brackets grow
            return f'<mtable class="bracketed" columnalign="right">{lines}</mtable>'
        opening, closing = _FENCES.get(kind, ("", ""))
        looks = ' displaystyle="true"' if kind == "aligned" else ""
        return f'<mrow>{_fence(opening)}<mtable class="{xml(kind)}"{looks}>{lines}</mtable>{_fence(closing)}</mrow>'


def _fence(token: str) -> str:
    word = token.removeprefix("\\")
    shown = "" if word == "." else _OPERATORS.get(word, word)
    return f'<mo fence="true" stretchy="true">{xml(shown)}</mo>' if shown else ""
