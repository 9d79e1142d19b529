r"""Other spellings of what is read on a board: LaTeX, Python's modules, signs of a keyboard.

The page has these tables from here: patterns have ``\w`` in classes only, and what JavaScript knows, too.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Container, Iterator, Sequence

from ..base import regex

#: Signs that stand for one of Python's.
SIGNS = dict(sign.split("⟶") for sign in """
ᵀ⟶.T |·⟶*++|×⟶*+++|⊙⟶*|−⟶-|^⟶**|≥⟶>=|≤⟶<=|≠⟶!=|⁻¹⟶.I |⁻ᵀ⟶.I.T |∘⟶*|∑⟶Σ|∗⟶*|⋅⟶*++|•⟶*++|⊘⟶/
¬⟶ not |∧⟶ and |∨⟶ or |𝟙⟶1|𝟏⟶1
""".replace("\n", "|").strip("|").split("|"))
FRACTIONS = "½⅓⅔¼¾⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞"
SIGNS |= {c: f" {unicodedata.numeric(c)} " for c in FRACTIONS}
_SIGN = re.compile("|".join(map(re.escape, sorted(SIGNS, key=len, reverse=True))))
_UP = "⁰¹²³⁴-⁹⁺⁻⁽⁾ᵃᵇᶜᵈᵉᶠᵍʰⁱʲᵏˡᵐⁿᵒᵖʳˢᵗᵘᵛʷˣʸᶻ"
POWERS = rf"⁻¹(?![{_UP}])|⁻ᵀ|[{_UP}]+"  # zᵏ⁻¹, but not an inverse

_TABLE = r"""
# Parts of patterns: a sign of a condition, a word, its index, what stands in braces, what has its brackets in pairs,
# a part of a list, an index, a group, what stands before an if, a name, and a condition
«IS» ⟶ (?:[<>≤≥≠∈]|[!=]=?) ⟶
«W» ⟶ [A-Za-z\u0370-\u03ff]+ ⟶
«Y» ⟶ (?:_[ti-n]|_\{[ti-n]\}|[ᵢⱼₖₗₘₙₜ]|\[[^\]{}]*\]) ⟶
«B» ⟶ ((?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*) ⟶
«P» ⟶ ([^()]*(?:\([^()]*\)[^()]*)*) ⟶
«C» ⟶ ([^()]*(?:\([^()]*\)[^()]*)*«IS»[^()]*(?:\([^()]*\)[^()]*)*) ⟶
«E» ⟶ (?:[^\][,]|\[[^\][]*\])* ⟶
«D» ⟶ (?:[^{},]|\{[^{}]*\})+ ⟶
«G» ⟶ \([^()]*\)|\[[^\][]*\]|\{[^{}]*\} ⟶
«Q» ⟶ ((?:(?! if )[^()]|\([^()]*\))*) ⟶
«N» ⟶ (?:not )?[^\W\d][\w\u0300-\u036f]*(?:\[[^\][]*\]|_\{[^{}]*\})? ⟶
«K» ⟶ ((?=(?:[^,]|«G»)*?«IS»)(?:(?! if | else | otherwise)[^(),\[{]|«G»)+|«N») ⟶
«V» ⟶ ([d∂][\w]+/[d∂][\w\u0300-\u036f]+|[^\W\d][\w\u0300-\u036f]*|\(«P»\)) ⟶
«AT» ⟶ (?<=[\w)])(?<!Σ)(?<!prod)(?<!delta)(?<!δ)(?<!(?<![\w])e) ⟶
«FONT» ⟶ \\(?:operatorname|mathrm|mathbf|mathbb|mathsf|text|boldsymbol|bm)\*? ⟶
«DX» ⟶ \{\s*[d∂] ?\\?([\w\u0300-\u036f]+(?:_\{[^{}]*\})?)\s*\} ⟶
«IF» ⟶  if «K»(?:,? (?:else|otherwise),? |, (?:else |otherwise )?) ⟶
\\_ ⟶ _ ⟶
\\text\{(, 0 elsewhere)\} ⟶ \1 ⟶
\\left\.\\frac\{\\partial ?«B»\}\{\\partial ?«B»\}\\right\|_\{\\text\{direct\}\} ⟶  ∂\1/∂\2 ⟶
(?<![\w])atan2(?![\w]) ⟶ arctan2 ⟶
\\begin\{cases\}(.+?)&(?: *\\text\{[^{}]*\})?(.+?)\\\\(.+?)&.*?\\end\{cases\} ⟶ where(\2, \1, \3) ⟶
(\\begin\{[bp]?matrix\}(?:(?!\\end)[^&])*)& ⟶ \1, ⟶
(\\begin\{[bp]?matrix\}(?:(?!\\end|\\\\).)*)\\\\ ⟶ \1], [ ⟶
\\begin\{[bp]?matrix\}((?:(?!\\\\|\\end)[^&])*)\\end\{[bp]?matrix\} ⟶ [[\1]] ⟶
\\(?:left|right|[bB]igg?[lr]?|limits|displaystyle)(?![a-z]) ⟶  ⟶
[\u00a0\u2000-\u200b\u202f$]|[\s.;,]+$ ⟶   ⟶
[𝟙𝟏] ⟶ 1 ⟶
[–—−] ⟶ - ⟶
÷ ⟶ / ⟶
（ ⟶ ( ⟶
） ⟶ ) ⟶
∑|\\sum(?![a-z])|(?<![\w.])sum(?=_(?:\{|[tsi-n]+(?![\w]))|[ᵢⱼₖₗₘₙₜ]) ⟶ Σ ⟶
(?<![\w.])(?:the )?sum over (?:all )?([a-z])(?![\w])(?: of(?![\w]))? ⟶ Σ_\1  ⟶
(?:[Π∏]|\\prod(?![a-z])) ?(?=_|[ᵢⱼₖₗₘₙ]) ⟶ prod ⟶ Π
(1\[[^\][]*?) in  ⟶ \1 ∈  ⟶
# Sums: Σ_{t=1}^T, Σ_{t,i}, Σ_{k=i}^n, Σ_{k=1}^{i-1}
Σ_\{ ?([i-n]) ?= ?([i-lt]) ?\}\^(?:[\w]|\{[^{}]*\}) ⟶ Σ_{\1≥\2}  ⟶
Σ_\{ ?([i-n]) ?= ?([i-lt]) ?\+ ?1 ?\}\^(?:[\w]|\{[^{}]*\}) ⟶ Σ_{\1 > \2}  ⟶
Σ_\{ ?([i-n]) ?= ?[01] ?\}\^(?:([i-lt])(?![\w])|\{ ?([i-lt]) ?\}) ⟶ Σ_{\1≤\2\3}  ⟶
Σ_\{ ?([i-n]) ?= ?[01] ?\}\^\{ ?([i-lt]) ?- ?1 ?\} ⟶ Σ_{\1<\2}  ⟶
Σ_\{?t ?= ?[01]\}?\^(?:[A-Za-z](?![\w])|\{ ?[A-Za-z][\w]* ?\}) ⟶ Σ_t  ⟶
Σ_?\{? ?([a-su-z]) ?[=₌] ?[01₀₁] ?\}?(?: ?\^(?:[{(] ?[\w]+(?: ?- ?1)? ?[})]|[0-9]+|[\w])|[ⁿᵐᵏᵀ⁰¹²³⁴-⁹]+)? ⟶ Σ_\1  ⟶
Σ([ᵢⱼₖₗₘₙ]) ?[=₌] ?[01₀₁](?: ?\^(?:[{(] ?[\w]+(?: ?- ?1)? ?[})]|[0-9]+|[\w])|[ⁿᵐᵏᵀ⁰¹²³⁴-⁹]+)? ⟶ Σ\1  ⟶
Σ_\{?t ?= ?[01]\}?\^\{ ?[A-Za-z][\w]* ?- ?1 ?\}(?=.*(?:ₜ₊|_[({]?t ?\+|\[t ?\+)) ⟶ Σ_t  ⟶
Σ_\{ ?t ?,? ?([i-n]) ?\} ⟶ Σ_t Σ_\1 ⟶
Σₜ,?([ᵢⱼₖₗₘₙ]) ⟶ Σₜ Σ\1 ⟶
Σ(?=[A-Za-z\u03b1-\u03c9]) ⟶ Σ  ⟶ Sigma
\\var(?=[a-z]) ⟶ \\ ⟶
# Places below the line: B_{:, 0}, P_{i, y_i}, P_{i_t j_t}, x_{-1}
(«AT» ?_\{«W»«Y») ?(?=«W»«Y»\}) ⟶ \1,  ⟶
«AT» ?_\{(-[0-9]+|[^{}]*:(?:[^{}]|\{[^{}]*\})*|(?:«D»,)? ?«W»«Y»(?:, ?[i-n])?)\} ⟶ [\1] ⟶
\\(?:wide)?hat(?:\{ ?\\([a-z]+) ?\}| ?\\([a-z]+)) ⟶ \1\2_hat ⟶
\\(?:wide)?hat(?:\{ ?([^{}]) ?\}| ([^\W\d]))|(?<![\w])([A-Za-z])_hat(?![\w]) ⟶ \1\2\3̂ ⟶
\\bar(?:\{ ?\\([a-z]+) ?\}| ?\\([a-z]+)) ⟶ \1\2_bar ⟶
\\bar(?:\{ ?([^{}]) ?\}| ([^\W\d]))|(?<![\w])([A-Za-z])_bar(?![\w]) ⟶ \1\2\3̄ ⟶
\\(?:wide)?tilde(?:\{ ?\\([a-z]+) ?\}| ?\\([a-z]+)) ⟶ \1\2_tilde ⟶
\\(?:wide)?tilde(?:\{ ?([^{}]) ?\}| ([^\W\d]))|(?<![\w])([A-Za-z])_tilde(?![\w]) ⟶ \1\2\3̃ ⟶
(?<!\\)\\[,;:! ]|\\q?quad ⟶   ⟶
\\([{}]) ⟶ \1 ⟶
\\partial\s*|∂\s+ ⟶ ∂ ⟶
\\c?dot(?![a-z]) ⟶ · ⟶
\\times ⟶ × ⟶
\\star ⟶ ⋆ ⟶
\\(?:odot|circ|ast) ⟶ ⊙ ⟶
\\oslash ⟶ ⊘ ⟶
\\in(?![a-z]) ⟶ ∈ ⟶
\\otimes ⟶ ⊗ ⟶
\\leq?(?![a-z]) ⟶ ≤ ⟶
\\geq?(?![a-z]) ⟶ ≥ ⟶
\\neq?(?![a-z]) ⟶ ≠ ⟶
\\infty ⟶ ∞ ⟶
\\pi(?![a-z]) ⟶ π ⟶
\\sigma *(?=['′’ʹ]?\() ⟶ σ ⟶
(?<![\w^_}])\{«B»\}(?=_[{i-n]) ⟶ (\1) ⟶
\\\||\\[lr]?Vert ⟶ ‖ ⟶
‖(?:₂|_2|_\{2\}) ⟶ ‖ ⟶
_\{«FONT»\{([\w]+)\}\} ⟶ _\1 ⟶
«FONT»(?:\{\\?([^{}]*)\}(?=[A-Za-z0-9\\])|\s*\\?([A-Za-z]+)) ⟶  \1\2  ⟶
«FONT»\{\\?([^{}]*)\} ⟶  \1 ⟶
\\lvert\s*|\s*\\rvert|\\vert ⟶ | ⟶
# ∇_W L, ∇W
\\nabla\s* ⟶ ∇ ⟶
∇_\{? ?\\?([\w]+) ?\}? ([A-Za-z][\w]*) ⟶ d\2/d\1 ⟶
∇_?\{?\\?([\w]+)\}? ⟶ d\1 ⟶
(?<![^\s(*/+-])<(?=\S)([^<>,=]+),([^<>,=]+)(?<=\S)>(?![^\s)*/+-]) ⟶ ⟨\1,\2⟩ ⟶
(?:⟨|\\langle)([^⟨⟩,]+),([^⟨⟩,]+?)(?:⟩|\\rangle) ⟶ sum((\1)*(\2)) ⟶
(?:\^|\*\*)?(?:⊤|\\top|\\T)(?![\w])|(?:\^|\*\*)(?:T(?![\w])|\{ ?(?:⊤|T|\\top|\\T) ?\}) ⟶ ᵀ ⟶
(?:\^|\*\*)[{(]?-(?:ᵀ|T(?![\w]))[)}]? ⟶ ⁻ᵀ ⟶
\.(?:t|transpose)\(\) ⟶ ᵀ ⟶
\\[dt]?frac\s*\{\s*[d∂] ?\\?([\w]+)(?:_\{([0-9]+)\})?\s*\}\s*«DX» ⟶  (d\1\2/d\3) ⟶
\\[dt]?frac\s*\{«B»\}\s*\{«B»\} ⟶  ((\1)/(\2))  ⟶
\\[dt]?frac\s*([\w])\s*([\w]) ⟶  (\1/\2)  ⟶
\\sqrt\s*(?:\{«B»\}|([\w])) ⟶ √(\1\2) ⟶
(?<=\^)\{«B»\} ⟶ (\1) ⟶
(?<=/[d∂])\\([A-Za-z]+) ⟶ \1 ⟶
\\(?![dt]?frac|sqrt|begin|end)([A-Za-z]+|[0-9]+)(?![A-Za-z])\s*(?=[A-Za-z0-9\\]) ⟶  \1  ⟶
\\(?![dt]?frac|sqrt|begin|end)([A-Za-z]+|[0-9]+) ⟶  \1 ⟶
(?<=[\w)\] ])\.([*/^]) ⟶ \1 ⟶
(?<![\w])\(([d∂][\w]+/[d∂][\w\u0300-\u036f]+)\)(?=[ᵢⱼₖₗₘₙₜ₀-₉_[]) ⟶ \1 ⟶
(\[(?:[^\][]|\[[^\][]*\])*); ⟶ \1, ⟶
^\{ ?(.*?) ?\}$ ⟶ \1 ⟶
(^|[^<>=!]=) *\(([^(),]*(?:\([^(),]*\)[^(),]*)*)\) *$ ⟶ \1 \2 ⟶
(?<![\w/])([d∂][^\W\d][\w\u0300-\u036f]*) ?/ ?([d∂])(?=[^\W\d]) ⟶ \1/\2 ⟶
(?<![0-9.])(?:\^|\*\*) ?(?:-1(?![\w.])|\(-1\)|\{-1\}) ⟶ ⁻¹ ⟶
\|\|([^|]+)\|\| ⟶ ‖\1‖ ⟶
# Vectors of ones: 1ᵀ A, v 1ᵀ
\(1ᵀ ?@? ?«V»\)ᵀ ⟶ sum(\1, axis=0) ⟶
(?<![\w.])1ᵀ ?@? ?((?:[a-z]{2,}\(«P»\)|«V»)(?:⁻¹|⁻ᵀ|ᵀ)*) ⟶ sum(\1, axis=0) ⟶
@ ?1(?![\w.[(]| ?/) ⟶  1 ⟶
«V» ?@? ?(?<![\w.])1ᵀ(?= *(?:[-+)]|$)) ⟶ (\1)[:, None] ⟶
# Conditions: I(z > 0), 1{z > 0}, δ_{ij}, a if c else b
(?<![\w.])(?:1_?\{([^{}]*«IS»[^{}]*)\}|1 ?\(«C»\)) ⟶ 1[\1\2] ⟶
(?<![\w.])I(?:\(«C»\)|\[([^\][]*(?:\[[^\][]*\])?[^\][]*«IS»[^\][]*)\]|_?\{([^{}]*«IS»[^{}]*)\}) ⟶ 1[\1\2\3] ⟶ I
(?<![\w.])1\[(«E»«IS»«E»), ?(«E»«IS»«E»)\] ⟶ 1[\1] 1[\2] ⟶
 (?:for|when)(?= [^,]*«IS») ⟶  if ⟶
( if [^,;]*);  ⟶ \1,  ⟶
(?<![\w.])1 +\[ ⟶ 1[ ⟶
((?<![\w.])1\[[A-Za-z]+_[A-Za-z]{2,}),([i-n]) ?(?=«IS») ⟶ \1_\2  ⟶
(?<![\w.])(?:float|int)(\([^()]*«IS»[^()]*\)) ⟶ \1 ⟶
(?<![\w])delta ?(?=[ᵢⱼₖₗₘₙ]{2}) ⟶ δ ⟶ delta
^ *\(([d∂][\w]+/[d∂][^()]+)\)(?= *=(?!=)) ⟶ \1 ⟶
(?<![\w])(?:δ|delta)_(?:\{([^{},]+?) ?,? ?([i-n0-9])\}|([i-n])([i-n0-9])(?![\w])) ⟶ 1[\1\3 = \2\4] ⟶ δ
(?<![\w])(?:δ|delta)(?:_\{(«D»), ?(«D»)\}|\(([^(),]+), ?([^(),]+)\)) ⟶ 1[\1\3 = \2\4] ⟶ δ
,? (?:else|otherwise) *(?=\)|$) ⟶  ⟶
\(«Q»«IF»«P»\)|^([^=<>!(\[]*=(?!=) *)?«Q»«IF»«P»$ ⟶ \4where(\2\6, \1\5, (\3\7)) ⟶
\(«Q» if «K»\) ⟶ where(\2, \1, nan) ⟶
((?:^|[-+*/(⊙·@]|Σ_?[ti-nᵢⱼₖₗₘₙₜ]*) ?)\[([^\][,]*«IS»[^\][,]*)\] ⟶ \g<1>1[\2] ⟶
(?<=[\w)\]])(?<!Σ)(?<!(?<![\w])1) +\[([^\][,]*«IS»[^\][,]*)\] ⟶  1[\1] ⟶
((?:^|[^1]) ?)\[([^\][,<>=!]+=[^\][,<>=]+)\] ⟶ \g<1>1[\2] ⟶
(\([^()]*«IS»[^()]*\))\.astype\([\w.]+\) ⟶ (1*\1) ⟶
# The positive part
\(«P»\)(?:_\+|_\{ ?\+ ?\}|₊|(?:\^|\*\*)(?:\+|\{ ?\+ ?\})|⁺)(?![\w₀-₉⁰-⁹]) ⟶ max(0, \1) ⟶
\[([^\][]*)\](?:_\+|_\{ ?\+ ?\}|₊|(?:\^|\*\*)(?:\+|\{ ?\+ ?\})|⁺)(?![\w₀-₉⁰-⁹]) ⟶ max(0, \1) ⟶
# Functions
(?<![\w.])(?:np\.)?float64\(«P»\) ⟶ (\1) ⟶
(?<![\w.])sigma *(?=['′’ʹ]?\() ⟶ σ ⟶ sigma
(?<![\w.])([0-9.]+)(?=[d∂][\w]+/[d∂]|δ) ⟶ \1  ⟶
(?<![\w.])(?:math|torch|jnp|scipy\.special|special)\.(?=[a-z]) ⟶ np. ⟶
(?<![\w])(?:log|ln) ?(?:Γ|Gamma)(?=\() ⟶ gammaln ⟶ Γ
(?<![\w])Gamma(?=\() ⟶ Γ ⟶ Gamma
(?<![\w])pow\( ⟶ power( ⟶ pow
(?<![\w])average\( ⟶ mean( ⟶ average
(?<![\w.])np\.r_\[([^\][]*(?:\[[^\][]*\][^\][]*)*)\] ⟶ np.hstack([\1]) ⟶
(?<![\w.])np\.c_\[([^\][]*(?:\[[^\][]*\][^\][]*)*)\] ⟶ np.column_stack([\1]) ⟶
(?<![\w.])np\.append\(«P»\) ⟶ np.hstack([\1]) ⟶
(?<=[\w)\]])(?<! at)(?<!Σ)(?<!Σ[ᵢⱼₖₗₘₙₜ])(?<!Σ_[ti-n]) +(?=\[(?:\[|[d∂][\w]+/|[\w]+\[)) ⟶  *+  ⟶
(?:(?<=ᵀ)|(?<=\.T)) +(?=\[) ⟶  *+  ⟶
Σ_\{ ?([ti-n](?: ?,? ?[i-n])?) ?[:|] ?([^{}|]+(?:\{[^{}]*\}[^{}|]*)*)\} ?-(?= ?[\w(∂]) ⟶ Σ_{\1} -1[\2]  ⟶
Σ_\{ ?([ti-n](?: ?,? ?[i-n])?) ?[:|] ?([^{}|]+(?:\{[^{}]*\}[^{}|]*)*)\} ⟶ Σ_{\1} 1[\2]  ⟶
(?<![\w.])(?:np\.)?transpose\(([^(),]*(?:\([^()]*\)[^(),]*)*)\) ⟶ (\1)ᵀ ⟶
(?<![\w.])sgn(?=\() ⟶ sign ⟶ sgn
(?<![\w.])Tr(?![\w]) ⟶ trace ⟶ Tr
(?<![\w.])sqrt(?=[0-9]) ⟶ √ ⟶
(?<![\w.])H\(«P»\) ⟶ 1[(\1) > 0] ⟶ H
(?<![\w.])θ\(«P»\) ⟶ 1[(\1) > 0] ⟶ theta
(?<![\w.])Θ\(«P»\) ⟶ 1[(\1) > 0] ⟶ Theta
Σ_\{ ?(?:[i-n] ?, ?)?(«W»)(_[i-n]|[ᵢⱼₖₗₘₙ]) ?(«IS») ?([^{}]+)\} ?-(?= ?[\w(∂]) ⟶ Σ\2 -1[\1\2 \3 \4]  ⟶
Σ_\{ ?(?:[i-n] ?, ?)?(«W»)(_[i-n]|[ᵢⱼₖₗₘₙ]) ?(«IS») ?([^{}]+)\} ⟶ Σ\2 1[\1\2 \3 \4]  ⟶
(?<![\w.])one_hot\( ⟶ onehot( ⟶ one_hot
(?<![\w.])(?:[\w.]*\.)?(?:norm|normal)[._]pdf(?=\() ⟶ φ ⟶
(?<![\w.])(?:[\w.]*\.)?(?:norm|normal)[._]cdf(?=\() ⟶ Φ ⟶
(?<![\w.])phi(?=\() ⟶ φ ⟶ phi
(?<![\w.])Phi(?=\() ⟶ Φ ⟶ Phi
(?<![\w.])Exp(?=\() ⟶ exp ⟶ Exp
(?<![\w.])ar?(sinh?|cosh?|tan[h2]?) ?(?=\() ⟶ arc\1 ⟶
(?<![\w.])([\w\u0300-\u036f]+)\.grad(?![\w]) ⟶ grad_\1 ⟶
"""


def _rows() -> Iterator[tuple[str, str, str]]:
    """The rows of the table, with the parts of patterns that it names filled in."""
    parts: dict[str, str] = {}
    for row in (row for row in _TABLE.splitlines() if row and row[0] != "#"):
        pattern, by, name = regex.split(" ⟶ ?", regex.sub("«\\w+»", lambda m: parts.get(m[0], m[0]), row))
        if pattern[0] == "«":
            parts[pattern] = by
        else:
            yield pattern, by, name


#: A pattern and what it is replaced with, in this order, and a name that the sheet must not have.
SPELLINGS = tuple(_rows())


def with_own(own: Sequence[tuple[str, str, str]]) -> tuple[tuple[str, str, str], ...]:
    """The spellings with those of a program, of which those that are named ( stand first."""
    return (*(row for row in own if row[2] == "("), *SPELLINGS, *(row for row in own if row[2] != "("))


def signs_replaced(text: str) -> str:
    """The signs that stand for one of Python's, replaced."""
    text = regex.sub(r"(?<=\w)['′’](?=\()", "ʹ", regex.sub(r"\^T\b", "ᵀ", text))  # σ'(z)
    return _SIGN.sub(lambda m: SIGNS[m[0]], regex.sub(POWERS, power, text))


def power(m: re.Match[str]) -> str:
    """What is raised, as a power; an inverse is left as it is."""
    number = unicodedata.normalize("NFKC", m[0])
    return m[0] if m[0] in ("⁻¹", "⁻ᵀ") else f"**{number} " if number.isdigit() else f"**({number})"


def spelled(text: str, words: Container[str] = (), rows: Sequence[tuple[str, str, str]] = SPELLINGS) -> str:
    r"""A formula as on a board.

    >>> spelled(r"\frac{\partial L}{\partial z_{ij}} \odot \sqrt{\frac{1}{n}}^\top")
    ' (dL/dz_{ij}) ⊙ √( ((1)/(n)) )ᵀ'
    >>> spelled("(1/n if z > 0 else 0) + I(z > 0)")
    'where(z > 0, 1/n, (0)) + 1[z > 0]'
    """
    before = ""
    while text != before and len(text) < 10_000:
        before = text
        for pattern, by, name in rows:
            if not name or name not in words:
                text = regex.sub(pattern, by, text)
    return text
