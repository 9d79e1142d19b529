"""Formulas for the page: the LaTeX of a derivation as MathML, which browsers show by themselves.

Only the LaTeX that derivations and the table's rows write is understood; a command that is not known is
shown by its name, so nothing is ever lost.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from ..base.escape import TEX_CHARACTERS, xml

_TOKEN = re.compile(r"\\[A-Za-z]+|\\.|[{}^_&]|[0-9]+(?:\.[0-9]+)?|\s+|.", re.S)
_IDENTIFIERS = {
    "partial": "∂",
    "sigma": "σ",
    "alpha": "α",
    "beta": "β",
    "gamma": "γ",
    "delta": "δ",
    "epsilon": "ε",
    "zeta": "ζ",
    "eta": "η",
    "theta": "θ",
    "kappa": "κ",
    "lambda": "λ",
    "mu": "μ",
    "nu": "ν",
    "xi": "ξ",
    "pi": "π",
    "rho": "ρ",
    "tau": "τ",
    "phi": "φ",
    "chi": "χ",
    "psi": "ψ",
    "omega": "ω",
    "Gamma": "Γ",
    "Phi": "Φ",
    "infty": "∞",
}
_OPERATORS = {
    "odot": "⊙",
    "times": "×",
    "cdot": "·",
    "top": "⊤",
    "lvert": "|",
    "rvert": "|",
    "lVert": "‖",
    "rVert": "‖",
    "geq": "≥",
    "leq": "≤",
    "neq": "≠",
    "sum": "∑",
    "prod": "∏",
    "to": "→",
    "ldots": "…",
    "dots": "…",
    "mapsto": "↦",
    "{": "{",
    "}": "}",
    "%": "%",
    "#": "#",
    "$": "$",
    "&": "&",
    "_": "_",
}
_SPACES = {
    ",": "0.17em",
    ";": "0.28em",
    ":": "0.22em",
    "quad": "1em",
    "qquad": "2em",
    " ": "0.25em",
    "!": "0",
}
_IGNORED = {"textstyle", "displaystyle", "big", "bigl", "bigr", "limits", "\\"}
_FENCED = {"pmatrix": ("(", ")"), "matrix": ("", ""), "cases": ("{", ""), "aligned": ("", "")}


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
        self.tokens = [t for t in _TOKEN.findall(tex) if not t.isspace()]
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
            found += self.until(("}", "&")) or ""
            if self.peek():
                self.take()  # a bracket too many is dropped
        return found

    def until(self, stops: tuple[str, ...]) -> str:
        """Everything up to one of `stops`, with its indices and powers."""
        found: list[str] = []
        while self.peek() and self.peek() not in stops:
            found.append(self.scripted())
        return "".join(found)

    def scripted(self) -> str:
        base = self.one()
        sub = sup = ""
        while self.peek() in ("^", "_"):
            if self.take() == "^":
                sup = self.argument()
            else:
                sub = self.argument()
        if sub and sup:
            return f"<msubsup>{base or _EMPTY}{sub}{sup}</msubsup>"
        return (
            f"<msub>{base or _EMPTY}{sub}</msub>"
            if sub
            else f"<msup>{base or _EMPTY}{sup}</msup>"
            if sup
            else base
        )

    def argument(self) -> str:
        """The next thing, or the whole of a group, as one element."""
        if self.peek() != "{":
            return self.one() or _EMPTY
        self.take()
        inside = self.until(("}",))
        self.take()
        return f"<mrow>{inside}</mrow>" if not _is_single(inside) else inside

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
        if not token:
            return ""
        if token == "{":
            self.at -= 1
            return self.argument()
        if token.startswith("\\"):
            return self.command(token[1:])
        if token[0].isdigit():
            return f"<mn>{token}</mn>"
        if token.isalpha():
            return f"<mi>{xml(token)}</mi>"
        if token == "-":
            return "<mo>−</mo>"
        if token in "()[]":
            return f'<mo stretchy="false">{token}</mo>'
        return f"<mo>{xml(token)}</mo>" if token else ""

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

    _tfrac = _dfrac = _frac

    def _sqrt(self) -> str:
        if self.peek() != "[":
            return f"<msqrt>{self.argument()}</msqrt>"
        self.take()
        root = self.until(("]",))
        self.take()
        return f"<mroot>{self.argument()}<mrow>{root}</mrow></mroot>"

    def _overline(self) -> str:
        return f'<mover>{self.argument()}<mo stretchy="true">‾</mo></mover>'

    def _mathrm(self) -> str:
        return f'<mi mathvariant="normal">{xml(self.raw())}</mi>'

    _operatorname = _mathcal = _mathbb = _mathrm

    def _text(self) -> str:
        return f"<mtext>{xml(self.raw())}\u00a0</mtext>"

    def _left(self) -> str:
        opening = self.take()
        inside = self.until(("\\right",))
        self.take()
        closing = self.take()
        return f"<mrow>{_fence(opening)}{inside}{_fence(closing)}</mrow>"

    def _begin(self) -> str:
        kind = self.raw()
        lines, cells = [], []
        while self.peek():
            cells.append(f"<mtd>{self.until(('&', chr(92) * 2, chr(92) + 'end'))}</mtd>")
            token = self.take()
            if token != "&":
                lines.append(f"<mtr>{''.join(cells)}</mtr>")
                cells = []
            if token == "\\end":
                self.raw()
                break
        if kind == "bmatrix":  # a border, since not every machine has a font whose brackets grow
            return f'<mtable class="bracketed">{"".join(lines)}</mtable>'
        opening, closing = _FENCED.get(kind, ("", ""))
        return f"<mrow>{_fence(opening)}<mtable>{''.join(lines)}</mtable>{_fence(closing)}</mrow>"


_EMPTY = "<mrow></mrow>"


def _fence(token: str) -> str:
    token = {".": "", "\\{": "{", "\\}": "}"}.get(token, token)
    return f'<mo fence="true" stretchy="true">{xml(token)}</mo>' if token else ""


def _is_single(inside: str) -> bool:
    return bool(re.fullmatch(r"<(mi|mn|mo)[^>]*>[^<]*</\1>", inside))
