"""Names can contain anything. They are escaped here, so that no output language takes one for a command.

There is one function for each language; everything that prints, draws or emits source uses these.
"""

from __future__ import annotations

import builtins
import html
import json
import keyword
import re
from typing import Any
from unicodedata import normalize

#: Names that a variable in emitted source must not have.
RESERVED = {"np", "scipy", *keyword.kwlist, *(w for w in dir(builtins) if w.islower())}


def plain(text: str) -> str:
    r"""One line of printable characters; everything else becomes a space, lone surrogates included.

    >>> plain("a\nb\ud800")
    'a b '
    """
    return text if text.isprintable() else "".join(c if c.isprintable() else " " for c in text)


def xml(text: str) -> str:
    """For HTML, SVG and MathML, in text and in attributes."""
    return html.escape(plain(text), quote=True)


def dot(text: str) -> str:
    r"""For an HTML-like label, in which Graphviz still takes ``\N`` for the key of the node."""
    return xml(text).replace("\\", "\\\\")


def tex(text: str) -> str:
    r"""Words in LaTeX, outside of formulas.

    >>> tex(r"\input{x}")
    '\\textbackslash{}input\\{x\\}'
    """
    return "".join(_TEX.get(c) or (f"\\{c}" if c in "#$%&_{}" else c) for c in plain(text))


_TEX = {
    "\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "×": r"$\times$",
    "…": r"\ldots{}", "½": r"$\tfrac{1}{2}$", "∞": r"$\infty$", "Φ": r"$\Phi$", "ᵢ": "$_i$", "ⱼ": "$_j$",
    "Γ": r"$\Gamma$", "ψ": r"$\psi$", "′": "$'$",
    "−": "--", "<": r"\textless{}", ">": r"\textgreater{}", "$": r"\textdollar{}",
}
#: The characters that the commands stand for, for readers of LaTeX.
TEX_CHARACTERS = {command.removesuffix("{}"): c for c, command in _TEX.items() if command.endswith("{}")}


def markdown(text: str) -> str:
    r"""For Markdown, which also contains HTML and formulas.

    >>> markdown("<b>*x*</b> $y$")
    '\\<b\\>\\*x\\*\\</b\\> \\$y\\$'
    """
    return re.sub(r"([\\`*_<>\[\]|#$~&!])", r"\\\1", plain(text))


def identifier(text: str) -> str:
    """A valid Python name that resembles `text`; it may still be one of `RESERVED`.

    >>> identifier("fc1.weight"), identifier("2 x"), identifier("β"), identifier("²")
    ('fc1_weight', 'x', 'β', 'x')
    """
    letters = "".join(c if f"x{c}".isidentifier() else " " for c in normalize("NFKC", text))
    word = re.sub(" +", "_", letters).lstrip("0123456789_")
    return word if word.isidentifier() else "x"


def _plain(x: Any) -> Any:
    """What JSON lacks: an array as lists, a part of an index as Python writes it."""
    return x.tolist() if hasattr(x, "tolist") else repr(x)


def script(data: Any) -> str:
    r"""Data as JSON for a script element, arrays as lists: nothing in it can end the element.

    >>> script({"name": "</script>"})
    '{"name":"\\u003c/script\\u003e"}'
    """
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), default=_plain)
    return re.sub("[<>&\u2028\u2029]", lambda m: f"\\u{ord(m[0]):04x}", text)
