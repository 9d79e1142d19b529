r"""Other spellings of what is read on a board: LaTeX, Python's modules, signs of a keyboard.

The page has these tables from here: patterns have ``\w`` in classes only, and what JavaScript knows, too.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Container

#: Signs that stand for one of Python's.
SIGNS = {
    "ᵀ": ".T ", "·": "*++", "×": "*", "⊙": "*", "−": "-", "½": " 0.5 ", "¼": " 0.25 ", "^": "**", "≥": ">=",
    "≤": "<=", "≠": "!=", "⁻¹": ".I ", "⁻ᵀ": ".I.T ", "∘": "*", "∑": "Σ", "∗": "*", "⋅": "*++", "•": "*++",
    "𝟙": "1", "𝟏": "1",
}  # fmt: skip
_SIGN = re.compile("|".join(map(re.escape, sorted(SIGNS, key=len, reverse=True))))
_UP = "⁰¹²³⁴-⁹⁺⁻⁽⁾ᵃᵇᶜᵈᵉᶠᵍʰⁱʲᵏˡᵐⁿᵒᵖʳˢᵗᵘᵛʷˣʸᶻ"
POWERS = rf"⁻¹(?![{_UP}])|⁻ᵀ|[{_UP}]+"  # zᵏ⁻¹, but not an inverse

_B = r"((?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*)"  # what stands in braces
_P = r"([^()]*(?:\([^()]*\)[^()]*)*)"  # what has its brackets in pairs
_IS = r"(?:[<>≤≥≠∈]|[!=]=?)"
_C = f"{_P[:-1]}{_IS}{_P[1:]}"
_IF = rf" if {_C}(?:,| else| otherwise)+ "
#: A pattern and what it is replaced with, in this order, and a name that the sheet must not have.
SPELLINGS = (
    (r"\\(?:left|right|[bB]igg?[lr]?|limits|displaystyle)(?![a-z])", "", ""),
    (r"[\u00a0\u2000-\u200b\u202f$]|[\s.;,]+$", " ", ""),
    (r"[𝟙𝟏]", "1", ""), (r"[–—−]", "-", ""), (r"÷", "/", ""), (r"（", "(", ""), (r"）", ")", ""),
    (r"∑|\\sum(?![a-z])", "Σ", ""),
    # Sums: Σ_{t=1}^T, Σ_{t,i}, Σ_{k=i}^n, Σ_{k=1}^{i-1}
    (r"Σ_\{ ?([i-n]) ?= ?([i-l]) ?\}\^(?:[\w]|\{[^{}]*\})", r"Σ_{\1≥\2} ", ""),
    (r"Σ_\{ ?([i-n]) ?= ?([i-l]) ?\+ ?1 ?\}\^(?:[\w]|\{[^{}]*\})", r"Σ_{\1 > \2} ", ""),
    (r"Σ_\{ ?([i-n]) ?= ?[01] ?\}\^(?:([i-l])(?![\w])|\{ ?([i-l]) ?\})", r"Σ_{\1≤\2\3} ", ""),
    (r"Σ_\{ ?([i-n]) ?= ?[01] ?\}\^\{ ?([i-l]) ?- ?1 ?\}", r"Σ_{\1<\2} ", ""),
    (r"(?:Σ|(?<![\w])sum)_\{?([ti-n]) ?= ?[01]\}?\^(?:[A-Za-z](?![\w])|\{ ?[A-Za-z][\w]* ?\})", r"Σ_\1 ", ""),
    (r"Σ_\{?t ?= ?[01]\}?\^\{ ?[A-Za-z][\w]* ?- ?1 ?\}(?=.*(?:ₜ₊|_[({]?t ?\+|\[t ?\+))", "Σ_t ", ""),  # of xₜ₊₁
    (r"(?:Σ|(?<![\w])sum)_\{ ?t ?,? ?([i-n]) ?\}", r"Σ_t Σ_\1", ""), (r"Σₜ,?([ᵢⱼₖₗₘₙ])", r"Σₜ Σ\1", ""),
    (r"\\var(?=[a-z])", r"\\", ""),
    (r"\\(?:wide)?hat(?:\{ ?([^{}]) ?\}| ([^\W\d]))|(?<![\w])([A-Za-z])_hat(?![\w])", "\\1\\2\\3\u0302", ""),
    (r"\\[,;:! ]|\\q?quad", " ", ""), (r"\\([{}])", r"\1", ""), (r"\\partial\s*|∂\s+", "∂", ""),
    (r"\\c?dot(?![a-z])", "·", ""), (r"\\times", "×", ""), (r"\\(?:odot|circ|ast)", "⊙", ""),
    (r"\\in(?![a-z])", "∈", ""),
    (r"\\leq?(?![a-z])", "≤", ""), (r"\\geq?(?![a-z])", "≥", ""), (r"\\neq?(?![a-z])", "≠", ""),
    (r"\\infty", "∞", ""),
    (r"\\\||\\[lr]?Vert", "‖", ""), (r"\\[lr]?vert", "|", ""), (r"‖(?:₂|_2|_\{2\})", "‖", ""),
    (r"\\(?:operatorname|mathrm|mathbf|mathbb|mathsf|text|boldsymbol|bm)\*?(?:\{([^{}]*)\}|\s*\\?([A-Za-z]+))",
     r"\\\1\2", ""),
    (r"\\nabla\s*", "∇", ""),  # ∇_W L, ∇W
    (r"∇_\{? ?\\?([\w]+) ?\}? ([A-Za-z][\w]*)", r"d\2/d\1", ""), (r"∇_?\{?\\?([\w]+)\}?", r"d\1", ""),
    (r"(?:⟨|\\langle)([^⟨⟩,]+),([^⟨⟩,]+?)(?:⟩|\\rangle)", r"sum((\1)*(\2))", ""),
    (r"(?:\^|\*\*)?(?:⊤|\{ ?(?:⊤|T|\\top|\\T) ?\}|\\top|\\T)|(?:\^|\*\*)T(?![\w])", "ᵀ", ""),
    (r"(?:\^|\*\*)[{(]?-(?:ᵀ|T(?![\w]))[)}]?", "⁻ᵀ", ""), (r"\.(?:t|transpose)\(\)", "ᵀ", ""),
    (r"\\[dt]?frac\s*\{\s*[d∂] ?\\?([\w]+)\s*\}\s*\{\s*[d∂] ?\\?([\w\u0300-\u036f]+(?:_\{[^{}]*\})?)\s*\}",
     r" (d\1/d\2)", ""),
    (rf"\\[dt]?frac\s*\{{{_B}\}}\s*\{{{_B}\}}", r" ((\1)/(\2)) ", ""),
    (r"\\[dt]?frac\s*([\w])\s*([\w])", r" (\1/\2) ", ""),
    (rf"\\sqrt\s*\{{{_B}\}}", r"√(\1)", ""), (rf"(?<=\^)\{{{_B}\}}", r"(\1)", ""),
    (r"(?<=/[d∂])\\([A-Za-z]+)", r"\1", ""),
    (r"\\(?![dt]?frac|sqrt)([A-Za-z]+|[0-9]+)(?![A-Za-z])\s*(?=[A-Za-z0-9\\])", r" \1 ", ""),
    (r"\\(?![dt]?frac|sqrt)([A-Za-z]+|[0-9]+)", r" \1", ""),
    (r"(?<=[\w)\] ])\.([*/^])", r"\1", ""),
    (r"\(([d∂][\w]+/[d∂][\w\u0300-\u036f]+)\)(?=[ᵢⱼₖₗₘₙₜ₀-₉_[])", r"\1", ""),  # (dL/dx)_i
    # Conditions: I(z > 0), 1{z > 0}, δ_{ij}, a if c else b
    (rf"(?<![\w.])(?:1_?\{{([^{{}}]*{_IS}[^{{}}]*)\}}|1 ?\({_C}\))", r"1[\1\2]", ""),
    (rf"(?<![\w.])I(?:\({_C}\)|\[([^\][]*(?:\[[^\][]*\])?[^\][]*{_IS}[^\][]*)\]|_?\{{([^{{}}]*{_IS}[^{{}}]*)\}})",
     r"1[\1\2\3]", "I"),
    (r"(?<![\w.])1 +\[", "1[", ""), (rf"(?<![\w.])(?:float|int)(\([^()]*{_IS}[^()]*\))", r"\1", ""),
    (r"(?<![\w])(?:δ|delta)_(?:\{([^{},]+?) ?,? ?([i-n])\}|([i-n])([i-n])(?![\w]))", r"1[\1\3 = \2\4]", "δ"),
    (r"(?<![\w])(?:δ|delta)(?:_\{([^{},]+), ?([^{},]+)\}|\(([^(),]+), ?([^(),]+)\))", r"1[\1\3 = \2\4]", "δ"),
    (rf"( if {_C}), ?([^,]+?),? (?:otherwise|else) *(\)?)$", r"\1 else \3\4", ""),
    (rf"\({_P}{_IF}{_P}\)|^{_P}{_IF}{_P}$", r"where(\2\5, \1\4, \3\6)", ""),
    (rf"((?:^|[-+*/(⊙·@]|Σ_?[ti-nᵢⱼₖₗₘₙₜ]*) ?)\[([^\][,]*{_IS}[^\][,]*)\]", r"\g<1>1[\2]", ""),
    (r"((?:^|[^1]) ?)\[([^\][,<>=!]+=[^\][,<>=]+)\]", r"\g<1>1[\2]", ""),
    (rf"(\([^()]*{_IS}[^()]*\))\.astype\([\w.]+\)", r"(1*\1)", ""),
    # Functions
    (r"(?<![\w.])sigma *(?=['′’ʹ]?\()", "σ", "sigma"), (r"(?<![\w.])([0-9.]+)(?=[d∂][\w]+/[d∂])", r"\1 ", ""),
    (r"(?<![\w.])(?:math|torch|jnp|scipy\.special|special)\.(?=[a-z])", "np.", ""),
    (r"(?<![\w])pow\(", "power(", "pow"), (r"(?<![\w])average\(", "mean(", "average"),
    (r"(?<![\w.])np\.r_\[([^\][]*(?:\[[^\][]*\][^\][]*)*)\]", r"np.hstack([\1])", ""),
    (rf"(?<![\w.])np\.append\({_P}\)", r"np.hstack([\1])", ""),
    (r"(?<=[\w)\]])(?<!Σ)(?<!Σ[ᵢⱼₖₗₘₙₜ])(?<!Σ_[ti-n]) +(?=\[(?:\[|[d∂][\w]+/|[\w]+\[))", " *+ ", ""),  # A [[a], [b]]
    (r"(?:Σ|(?<![\w])sum)_\{ ?([ti-n]) ?[:|] ?([^{}|]+(?:\{[^{}]*\}[^{}|]*)*)\}", r"Σ_\1 1[\2] ", ""),  # Σ_{i: y_i = 1}
    (r"(?<![\w.])(?:np\.)?transpose\(([^(),]*(?:\([^()]*\)[^(),]*)*)\)", r"(\1)ᵀ", ""),
    (r"(?<![\w.])sgn(?=\()", "sign", "sgn"), (r"(?<![\w.])one_hot\(", "onehot(", "one_hot"),
    (r"(?<![\w.])(?:[\w.]*\.)?(?:norm|normal)[._]pdf(?=\()", "φ", ""),
    (r"(?<![\w.])(?:[\w.]*\.)?(?:norm|normal)[._]cdf(?=\()", "Φ", ""),
    (r"(?<![\w.])phi(?=\()", "φ", "phi"), (r"(?<![\w.])Phi(?=\()", "Φ", "Phi"),
    (r"(?<![\w.])Exp(?=\()", "exp", "Exp"),
    (r"(?<![\w.])([\w\u0300-\u036f]+)\.grad(?![\w])", r"grad_\1", ""),
)  # fmt: skip


def signs_replaced(text: str) -> str:
    """The signs that stand for one of Python's, replaced."""
    text = re.sub(r"(?<=\w)['′’](?=\()", "ʹ", re.sub(r"\^T\b", "ᵀ", text))  # σ'(z)
    return _SIGN.sub(lambda m: SIGNS[m[0]], re.sub(POWERS, power, text))


def power(m: re.Match[str]) -> str:
    """What is raised, as a power; an inverse is left as it is."""
    number = unicodedata.normalize("NFKC", m[0])
    return m[0] if m[0] in ("⁻¹", "⁻ᵀ") else f"**{number} " if number.isdigit() else f"**({number})"


def spelled(text: str, words: Container[str] = ()) -> str:
    r"""A formula as on a board.

    >>> spelled(r"\frac{\partial L}{\partial z_{ij}} \odot \sqrt{\frac{1}{n}}^\top")
    ' (dL/dz_{ij}) ⊙ √( ((1)/(n)) )ᵀ'
    >>> spelled("(1/n if z > 0 else 0) + I(z > 0)")
    'where(z > 0, 1/n, 0) + 1[z > 0]'
    """
    before = ""
    while text != before and len(text) < 10_000:
        before = text
        for pattern, by, name in SPELLINGS:
            if not name or name not in words:
                text = re.sub(pattern, by, text)
    return text
