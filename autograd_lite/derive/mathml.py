"""Formulas as MathML, which browsers show without a script.

The printer differs from that of LaTeX in letters, words and brackets. A template, which rows have in LaTeX, is read by
:class:`Reader`: an operand in it is MathML already, so nothing that a user has named is ever read as LaTeX.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import partial
from itertools import groupby

from ..base.escape import TEX_CHARACTERS, xml
from .binding import read
from .writing import GREEK, Latex

_PLACE = 0xE000  # the operands in a template, as one character each
_TOKEN = re.compile(r"\\[A-Za-z]+|\\.|[{}^_&]|[0-9]+(?:\.[0-9]+)?|[^\S\u00a0]+|.", re.S)
_OPERATORS = {
    "odot": "⊙", "times": "×", "cdot": "·", "top": "⊤", "lvert": "|", "rvert": "|", "lVert": "‖", "rVert": "‖",
    "geq": "≥", "leq": "≤", "neq": "≠", "sum": "∑", "prod": "∏", "to": "→", "mapsto": "↦", "ldots": "…", "dots": "…",
    "in": "∈", "wedge": "∧", "vee": "∨", "star": "⋆", "ast": "∗", "lfloor": "⌊", "rfloor": "⌋", "cdots": "⋯",
    "neg": "¬", "bmod": "mod", **{c: c for c in "{}%#$&_"},
}  # fmt: skip
_LETTERS = {"Sigma": "Σ", "varphi": "φ", "partial": "∂", "infty": "∞"}
_SPACES = {",": "0.17em", ";": "0.28em", ":": "0.22em", "quad": "1em", "qquad": "2em", " ": "0.25em", "!": "0"}
_ACCENTS = {"overline": "‾", "hat": "^", "bar": "¯", "tilde": "~"}
#: The commands without arguments.
_COMMANDS = {
    **{word: f"<mi>{c}</mi>" for word, c in {**GREEK, **_LETTERS}.items()},
    **{word: f'<mo stretchy="false">{xml(c)}</mo>' for word, c in _OPERATORS.items()},
    **{word: f'<mspace width="{width}"/>' for word, width in _SPACES.items()},
    **dict.fromkeys(("textstyle", "displaystyle", "big", "bigl", "bigr", "limits", "\\"), ""),
}


def fence(token: str) -> str:
    """A bracket as high as what is in it."""
    word = token.removeprefix("\\")
    shown = "" if word == "." else _OPERATORS.get(word, word)
    return f'<mo fence="true" stretchy="true">{xml(shown)}</mo>' if shown else ""


def _token(token: str) -> str:
    """A number, letter or sign."""
    if token[:1].isdigit():
        return f"<mn>{token}</mn>"
    if token.isalpha():
        return f"<mi>{xml(token)}</mi>"
    look = ' stretchy="false"' if token in tuple("()[]") else ""
    return f"<mo{look}>{xml(token.replace('-', '−'))}</mo>" if token else ""


class MathML(Latex):
    """Mathematics as the content of a ``<math>`` element.

    >>> MATHML.name("W1")
    '<msub><mi>W</mi><mn>1</mn></msub>'
    """

    separator = _COMMANDS[","]
    opening = (_token("("), f"<mrow>{fence('(')}")

    def fill(self, template: str, *operands: str) -> str:
        pieces, rest = read(template).pieces, read(template).rest
        line = "".join(f"{before}{chr(_PLACE + k)}" for k, (before, _) in enumerate(pieces)) + rest
        return Reader(line, operands).all()

    def prose(self, text: str) -> str:
        return f"<mtext>{xml(text)}</mtext>".replace(" ", "\u00a0")

    def upright(self, word: str) -> str:
        return f'<mi mathvariant="normal">{xml(word)}</mi>'

    function = upright

    def plain(self, text: str) -> str:
        return "".join(_token(t) for t in _TOKEN.findall(text) if not t.isspace())

    unequal = "≠"

    def is_tall(self, word: str) -> bool:
        return "<mfrac>" in word or "<mtable" in word

    def arguments(self, arguments: Sequence[str]) -> str:
        return f"<mrow>{fence('(')}{_token(',').join(arguments)}{fence(')')}</mrow>"

    def rows(self, entries: Sequence[Sequence[str]]) -> str:
        return table([[f"<mtd>{x}</mtd>" for x in row] for row in entries], "bracketed")


MATHML = MathML()


def table(rows: Sequence[Sequence[str]], kind: str) -> str:
    """A table of cells. That of a matrix gets a border, since few machines have a font whose brackets grow."""
    lines = "".join(f"<mtr>{''.join(row)}</mtr>" for row in rows)
    looks = {"bracketed": ' columnalign="right"', "aligned": ' displaystyle="true"'}.get(kind, "")
    return f'<mtable class="{xml(kind)}"{looks}>{lines}</mtable>'


class Reader:
    """Reads the LaTeX of a template.

    An unknown command appears as its name, so nothing is lost, and any input gives well-formed MathML.
    """

    def __init__(self, tex: str, operands: Sequence[str] = ()) -> None:
        # where spaces count
        tex = re.sub(r"\\text\{(?:[^{}]|\{[^{}]*\})*\}", lambda m: m[0].replace(" ", "\u00a0"), tex)
        self.tokens = [t for t in _TOKEN.findall(tex) if t == "\u00a0" or not t.isspace()]
        self.operands = operands
        self.at = 0

    def peek(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def take(self) -> str:
        token = self.peek()
        self.at += 1
        return token

    def all(self) -> str:
        out = ""
        while self.peek():
            out += self.until("}", "&")
            self.take()  # an unmatched bracket is dropped
        return out

    def until(self, *stops: str) -> str:
        """Everything up to one of `stops`, with subscripts and superscripts."""
        out = ""
        while self.peek() and self.peek() not in stops:
            is_function = self._is_function(self.peek())
            out += self.scripted()
            if is_function and self._needs_space(self.peek()):  # sin x, but sin(x)
                out += MathML.separator
        return out

    def _is_function(self, token: str) -> bool:
        r"""True for a function's name, such as ``\sin``."""
        word = token[1:]
        is_known = word in _COMMANDS or word != "operatorname" and self._special(word) is not None
        return token[:1] == "\\" and word.isalpha() and not is_known

    def _needs_space(self, token: str) -> bool:
        if (operand := self._operand(token)) is not None:
            return not operand.startswith(("<mo", "<mrow><mo"))
        return bool(re.match(r"\w|\\(?!left|right)[a-z]", token))

    def _operand(self, token: str) -> str | None:
        k = ord(token) - _PLACE if len(token) == 1 else -1
        return self.operands[k] if 0 <= k < len(self.operands) else None

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
        base = _single(base)
        if sup and not sub and base.startswith("<msub>"):
            return f"<msubsup>{base[6:-7]}{sup}</msubsup>"
        tag = "msubsup" if sub and sup else "msub" if sub else "msup"
        return f"<{tag}>{base}{sub}{sup}</{tag}>"

    def argument(self) -> str:
        """The next token, or the whole of a group, as one element."""
        if self.peek() != "{":
            return _single(self.one())
        self.take()
        inside = self.until("}")
        self.take()
        return _single(inside)

    def raw(self) -> str:
        """A group as text."""
        if self.peek() != "{":
            return self.take()
        self.take()
        depth, out = 1, ""
        while self.peek():
            token = self.take()
            depth += (token == "{") - (token == "}")
            if not depth:
                break
            if token in TEX_CHARACTERS:
                token = TEX_CHARACTERS[token]
                self.at += 2 * (self.peek() == "{")
            out += token[1:] if token[0] == "\\" and len(token) > 1 else token
        return out

    def one(self) -> str:
        token = self.take()
        if (operand := self._operand(token)) is not None:
            return operand
        if token == "{":
            self.at -= 1
            return self.argument()
        return self.command(token[1:]) if token.startswith("\\") else _token(token)

    def command(self, word: str) -> str:
        special = self._special(word)
        return special() if special is not None else _COMMANDS.get(word, f"<mi>{xml(word)}</mi>")

    def _special(self, word: str) -> Callable[[], str] | None:
        """What reads a command with arguments."""
        return partial(self._accent, word) if word in _ACCENTS else getattr(self, f"_tex_{word}", None)

    def _accent(self, word: str) -> str:
        is_line = word == "overline"
        over, mark = ("<mover>", "true") if is_line else ('<mover accent="true">', "false")
        return f'{over}{self.argument()}<mo stretchy="{mark}">{_ACCENTS[word]}</mo></mover>'

    def _tex_frac(self) -> str:
        return f"<mfrac>{self.argument()}{self.argument()}</mfrac>"

    def _tex_tfrac(self) -> str:
        return f'<mstyle displaystyle="false">{self._tex_frac()}</mstyle>'

    def _tex_sqrt(self) -> str:
        if self.peek() != "[":
            return f"<msqrt>{self.argument()}</msqrt>"
        self.take()
        root = self.until("]")
        self.take()
        return f"<mroot>{self.argument()}<mrow>{root}</mrow></mroot>"

    def _tex_mathrm(self) -> str:
        return MATHML.upright(self.raw())

    _tex_operatorname = _tex_mathcal = _tex_mathrm

    def _tex_text(self) -> str:
        start = self.at + 1
        text = self.raw()
        inside = self.tokens[start : self.at - 1]
        if "$" not in inside:
            return MATHML.prose(text)
        groups = [[*group] for is_end, group in groupby(inside, lambda t: t == "$") if not is_end]
        first = int(inside[0] == "$")  # whether a formula comes first
        return "".join(
            Reader("".join(group)).all() if (k + first) % 2 else MATHML.prose(Reader(f"{{{''.join(group)}}}").raw())
            for k, group in enumerate(groups)
        )

    def _tex_left(self) -> str:
        opening = self.take()
        inside = self.until(r"\right")
        self.take()
        return f"<mrow>{fence(opening)}{inside}{fence(self.take())}</mrow>"

    def _tex_begin(self) -> str:
        kind = self.raw()
        rows: list[list[str]] = [[]]
        while self.peek():
            rows[-1].append(f"<mtd>{self.until('&', chr(92) * 2, chr(92) + 'end')}</mtd>")
            token = self.take()
            if token == r"\end":
                self.raw()
                break
            if token != "&":
                rows.append([])
        return self.environment(kind, rows)

    def _tex_hspace(self) -> str:
        return f'<mspace width="{xml(self.raw())}"/>'

    def _tex_underline(self) -> str:
        return f'<mrow style="border-bottom: 1px solid">{self.argument()}</mrow>'

    def environment(self, kind: str, rows: Sequence[Sequence[str]]) -> str:
        """A table of cells between the brackets of its kind."""
        if kind == "bmatrix":
            return table(rows, "bracketed")
        brace = f'<mrow class="brace">{fence(chr(92) + "{")}</mrow>' if kind == "cases" else ""
        return f"<mrow>{brace}{table(rows, kind)}</mrow>"


def _single(inside: str) -> str:
    """Some elements as one."""
    depth = 0
    for m in re.finditer(r"<(/?)[^>]*?(/?)>", inside):
        depth += 0 if m[2] else -1 if m[1] else 1
        if depth == 0:
            return inside if m.end() == len(inside) else f"<mrow>{inside}</mrow>"
    return f"<mrow>{inside}</mrow>"


#: The looks of tables: brackets are two lines, and four short ones at their ends; a brace is two lines and four arcs.
STYLE = """.bracketed {
  --hook: linear-gradient(currentcolor, currentcolor) no-repeat;
  border: solid currentcolor; border-width: 0 1.5px; margin: 0 .2em; print-color-adjust: exact;
  background: var(--hook) 0 0 / .22em 1.5px, var(--hook) 100% 0 / .22em 1.5px,
    var(--hook) 0 100% / .22em 1.5px, var(--hook) 100% 100% / .22em 1.5px;
}
.brace { display: none; }
mtable.cases {
  --arc: transparent .18em, currentcolor .19em .24em, transparent .25em;
  --stem: linear-gradient(currentcolor, currentcolor) no-repeat;
  padding-left: .6em; print-color-adjust: exact;
  background: var(--stem) .2em .25em / .06em calc(50% - .5em),
    var(--stem) .2em calc(100% - .25em) / .06em calc(50% - .5em),
    radial-gradient(circle at 100% 100%, var(--arc)) .2em 0 / .25em .25em no-repeat,
    radial-gradient(circle at 0 0, var(--arc)) 0 calc(50% - .125em) / .25em .25em no-repeat,
    radial-gradient(circle at 0 100%, var(--arc)) 0 calc(50% + .125em) / .25em .25em no-repeat,
    radial-gradient(circle at 100% 0, var(--arc)) .2em 100% / .25em .25em no-repeat;
}
mtable.bracketed mtd { padding: .22em .45em; text-align: right; text-align: -webkit-right; }
mtable.aligned > mtr > mtd { padding: .25em 0; }
mtable.aligned > mtr > mtd:nth-child(odd) { text-align: right; text-align: -webkit-right; }
mtable.aligned > mtr > mtd:nth-child(even), mtable.cases mtd { text-align: left; text-align: -webkit-left; }
mtable.aligned > mtr > mtd:nth-child(odd):not(:first-child) { padding-left: 1em; }
"""


def html_of(markdown: str) -> str:
    """Titles, lines of text and displayed LaTeX as HTML with MathML: a notebook needs neither a script nor a network.

    >>> print(html_of("**Given**\\n\\n$$x^2$$").partition("</style>")[2])
    <h4>Given</h4><div style="overflow-x: auto" tabindex="0"><math display="block"><msup><mi>x</mi><mn>2</mn></msup></math></div>
    """  # noqa: E501
    out = f"<style>{STYLE}</style>"
    for k, part in enumerate(markdown.split("$$")):
        if k % 2:
            formula = f'<math display="block">{Reader(part).all()}</math>'
            out += f'<div style="overflow-x: auto" tabindex="0">{formula}</div>'
            continue
        for line in filter(None, part.splitlines()):
            words, tag = re.sub(r"\\(.)", r"\1", line), "h4" if line.startswith("**") else "p"
            out += f"<{tag}>{xml(words.strip('*'))}</{tag}>"
    return out
