"""Formulas as they are typed or copied from a board, as Python text: ``½ Σ (P - y)²``, ``dL/dS``, ``2 P (1 - P)``.

The text is only rewritten here; :mod:`~autograd_lite.teach.answers` interprets it. Text without these symbols is
unchanged, and what cannot be read is left for the parser to reject.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager, suppress
from itertools import accumulate, combinations, islice, pairwise, permutations, product
from types import MappingProxyType
from typing import TypeAlias

from ..base import regex
from .spellings import FRACTIONS, POWERS, SIGNS, power, signs_replaced, spelled, with_own

INDICES = "ᵢⱼₖₗₘₙ"
MANY = 64  # entries of a list that is made as in Python
LETTERS = "ijklmn"  # the indices of axes, as derivations are printed
FURTHER = dict(zip("prs", "ₚᵣₛ", strict=True))  # those of a program that has values with these names
_SUBSCRIPTS, _UNDER = str.maketrans(INDICES, LETTERS), str.maketrans(LETTERS, INDICES)
_SMALL, _DIGITS = str.maketrans(_NUMBER := "0123456789+-", _BELOW := "₀₁₂₃₄₅₆₇₈₉₊₋"), str.maketrans(_BELOW, _NUMBER)
_PLAIN = {**_SUBSCRIPTS, **_DIGITS}
_MARKS = "\u0300-\u036f"  # a hat or a bar on the letter before
_TOKEN = (
    rf"(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?j?(?!\w)|\d+|[^\W\d](?:[\w{_MARKS}]|[₊₋](?=[₀-₉]))*|\.[A-Za-z]\w*|"
    r"""'[^']*'|"[^"]*"|\*\*|//|<<|>>|[<>=!:]=|\s+|."""
)
_AT = rf"(?:[{INDICES}](?:[₊₋][₀-₉]+)?)+"  # the indices of an operand, which may be moved: uᵢ₊₁ⱼ
_PLACE = rf"[{INDICES}](?:[₊₋](?:[{INDICES}]|[₀-₉]+))*"  # also by another one
_MOVED = rf"([{INDICES}])(?:([₊₋])([₀-₉]+))?"
_STEP = r"ₜ(?:([₊₋])([₀-₉]+))?"  # the step of a value in a loop, which may be moved: hₜ₋₁
_OF_STEP = r"_t|[\[_]?\(?[tₜ] ?(?:([-+₊₋]) ?([\d₀-₉]+))?[\])]?"  # of a left side: [t-1]
_AT_STEP = rf"([^\W\d](?:[\w{_MARKS}]|/(?=d))*?){_STEP}"
_TYPED_STEP = rf"(?<=[\w{_MARKS})])_(?:t(?![^\W{INDICES}])|\(t\s*(?:([+-])\s*(\d+))?\))"  # h_t, h_(t-1)
_BARE = r"(?<![^\W\d])(?<!\.)t(?!\w)"  # the number of a step
_BARE_INDEX = "_[i-n]"  # that is called as a value
_LIMITS = r"\s*=\s*(\d+)\s*(?:…|\.\.+|to)\s*(\d+)\s*$"
_RANGE = rf"[;,]?\s*(?<!\w)_?t{_LIMITS}"  # t = 1 … 3
_PLACES = r"(?<!\w)at +(\[(?:[^\][]|\[[^\][]*\])*\]), 0 elsewhere"  # behind a term
_BRACES = rf"(?<=[\w{_MARKS})\]|‖])_\{{([^{{}}]*)\}}"  # x_{i-1}, Σ_{ij}, p_{t-1,i}
_INDEX = rf"([\w{_MARKS}]*[\w{_MARKS})\]]|[)‖|])_(t?[i-n]+\d?|\d[i-n])(?![^\WᵀΣ]|[{_MARKS}])"  # x_i, x_i0
_IN_BRACKETS = r"(\w+)\[([^\[\]]*)\]"
_PART = r"Σ_\{ ?([i-n]) ?([<>≤≥≠]=?|!=) ?([i-nt]) ?\}"  # Σ_{i ≥ k}
_ENTRY = r"(?<=[\w)\]])\[((?:[i-n](?: ?[-+] ?\d+)?(?:, ?(?=[i-n]))?)+)\]"
_PLACED = (  # behind a value: an entry of that at a step, A_{t+1,0,1}
    rf"(?:_\{{([ti-n](?:[+-]\d+)?)((?:,\d+)+)\}}|([{INDICES}ₜ](?:[₊₋][₀-₉]+)?)((?:,[₀-₉]+)+)(?![₀-₉{INDICES}ₜ₊₋]))"
)
_SELECTION = r"([^\W\d][\w/∂]*)\[\s*([\w]+)\s*(==?|!=)\s*([i-n])\s*\]"
_SELECTED = (  # sum(x[w == k])
    rf"(?<!\w)(?:np\.)?sum\(\s*{_SELECTION}\s*\)|Σ\s*{_SELECTION}|\(?{_SELECTION}\)?\.sum\(\)"
)
_CHI2 = r"(?:\\?chi|χ)(?:²|₂|_2(?![\w])|_\{2\}|\^2|\^\{2\})"
OTHERS = dict(zip("ₐₑₕₒₚᵣₛᵤᵥₓ", "aehoprsuvx", strict=True))  # letters that are no names of indices
_SMALLS = {c: small for small, c in OTHERS.items()}
_LISTED = r" for ([^\W\d]\w*) in range\((?:(\d+), ?)?(?:(\w+)|len\((\w+)\))\) ?[\])]"  # [f(k) for k in range(2)]
_QUOTED = r"""((?<!\w)['"][a-zA-Z,.> -]*['"])"""  # of an einsum
_STEPS = r"Σ_?\{?[tₜ]\s*[=₌]\s*([\d₀-₉]+)\}?(?:\^|\*\*)?[{(]?([\d⁰¹²³⁴-⁹]+)[})]?"  # Σ_{t=1}^3
_RAISED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789")
_SUBSCRIPT = "₀-₉ₐₑₒₓₕᵢⱼₖₗₘₙₚᵣₛₜᵤᵥ₊₋"
DECIMAL = r"\d\.\d"
WITH_INDICES = rf"[Σ∑‖{{\\{INDICES}ₜ]|_[ti-n](?!\w)|\[[^\]]*(?<!\w)[ti-n](?!\w)"
_LITERAL = rf"(?<![\w.₀-₉])(?:\d+\.?\d*|\.\d+)(?!(?![⁰¹²³⁴-⁹])[\w]|\.)|[{FRACTIONS}]"
#: Words that the page has from here: functions that need no brackets, ln P; others with an index, minₖ dᵢₖ; …
TABLES = {word: words for word, *words in map(str.split, """
    PREFIX ln log exp sqrt sin cos tan sec csc cot sinh cosh tanh sech coth det tr trace diag sign
    OF_OPERAND min max argmin argmax prod
    WORDS and or not if else in is lambda for yield await
    TURNED .T .mT .I
    OPERATORS + - * / ** @ % // ( ,
""".strip().splitlines())}  # fmt: skip
_PREFIX, _OF_OPERAND, _WORDS, _TURNED, _OPERATORS = TABLES.values()
_NORMS = r"‖ [^‖]+ ‖(?: \*\* \S+)?(?: ‖ [^‖]+ ‖(?: \*\* \d+)?)+(?= |$)"
_PRIMED = r"""(\w+)['′’](?!\w*['"])"""
_OF_PARTIAL = rf"(?<![\w/])([d∂]\w*?)(_[i-n](?!\w)|[{INDICES}]+)/([d∂]\w+?)\2(?!\w)"  # dpᵢ/dzᵢ
_PRINTED = r"\s*(?:[^\W\d][\w/∂ᵀ]*\s*=\s*)?\[[\s\[\]\d.e+-]*\]\s*"  # an array as NumPy prints it
_REDUCTION = rf"(?<![\w.])(?:sum|mean|prod|max|min)(?=[{INDICES}]+\()"  # before its index: meanᵢ(rᵢ Xᵢⱼ)
_ENTRY_OF = rf"(?<=[\w{_MARKS}])((?:{_AT[:-1]}*)[{INDICES}])([₀-₉])(?![{_SUBSCRIPT}])"  # xᵢ₀
_BY_ANOTHER = rf"[{INDICES}](?:[₊₋][₀-₉]+)*[₊₋][{INDICES}](?:[₊₋][₀-₉]+)*"  # xᵢ₊ⱼ
#: The patterns that the page has from here: without what JavaScript does not know.
PATTERNS = """
    _TOKEN _AT _PLACE _MOVED _STEP _OF_STEP _AT_STEP _TYPED_STEP _BARE _LIMITS _RANGE _PLACES _BRACES _INDEX _PART
    _ENTRY _STEPS _OF_PARTIAL _IN_BRACKETS _SUBSCRIPT _NORMS WITH_INDICES _LITERAL _SELECTED _CHI2 _PLACED _PRIMED
    _ENTRY_OF _BY_ANOTHER _QUOTED _LISTED _REDUCTION _PRINTED
"""


Uses: TypeAlias = "Sequence[tuple[Sequence[int], str]]"  # shapes of values, each with its indices


class Misfit(ValueError):
    """Shapes, or steps, do not fit: a mistake, not something that cannot be read."""


class Unread(ValueError):
    """An answer cannot be read, or not be computed as it is written, which does not mean that it is wrong."""


def decomposed(text: str) -> str:
    """Letters with a hat, a tilde or a bar as letter and mark, as names are printed: ŷ."""
    parts = [(c, unicodedata.normalize("NFD", c)) for c in text]
    return "".join(two if two[1:] in ("\u0302", "\u0303", "\u0304") else c for c, two in parts)


class Board:
    """Reads formulas as they are written on a board.

    Parameters
    ----------
    words : mapping of str to str
        The values that formulas may use, as they may be written, and their names: ``{"dL/dS": "dLdS", "γ": "gamma"}``.
        A sign between two operands stands for a function: ``{"⋆": "correlate"}``.
    functions : container of str
        What is a function even if a value has the same name.
    shapes : mapping of str to tuple of int, optional
        The shape of each value, by which the lengths of indices are known.
    whole : mapping of str to str, optional
        Texts that are read as another one if they are all that was written.
    full : mapping of str to tuple of int, optional
        The shape of each derivative that is one number for all of its entries.
    constants : sequence of tuple of float and str
        The given numbers, each with its name.
    own : sequence of tuple of str
        Spellings of this program, as in :data:`~autograd_lite.teach.spellings.SPELLINGS`.

    Examples
    --------
    >>> Board({"P": "P", "dL/dP": "dLdP"}).python("P ⊙ (dL/dP − Σⱼ dL/dPⱼ Pⱼ)")
    'P*(dLdP-sum(indexed(dLdP,_j)*+indexed(P,_j),over=_j))'
    >>> Board({"w": "w", "u": "u"}, shapes={"w": (4,), "u": (4, 3)}).python("Σ_i 1[w_i = j] u_i", (6, 3))
    'sum((1*(indexed(w,_i)==indexed(_j)))*+indexed(u,_i),over=_i)'
    >>> Board({"u": "u"}).python("2 u at [1:3], 0 elsewhere", (4,))
    'placed(2*+u,np.s_[1:3])'
    >>> Board({"h0": "h0", "h1": "h1", "dL/dz1": "dLdz1", "dL/dz2": "dLdz2"}).python("2 Σₜ dL/dzₜ hₜ₋₁ᵀ")
    '2*+((dLdz1*+h0.T)+(dLdz2*+h1.T))'
    """

    def __init__(
        self, words: Mapping[str, str], functions: Container[str] = (),
        shapes: Mapping[str, Sequence[int]] | None = None, whole: Mapping[str, str] | None = None, letter: str = "t",
        own: Sequence[tuple[str, str, str]] = (), full: Mapping[str, Sequence[int]] = MappingProxyType({}),
        constants: Sequence[tuple[float, str]] = (),
    ) -> None:  # fmt: skip
        self.constants = constants
        self.spellings, self._own = with_own(own), own
        #: Whether a formula is for each step of a loop, and not for one alone.
        self.is_of_line = False
        words = {regex.sub(r"(?<![a-ce-z])pi$", "π", w): x for w, x in words.items()} | {**words}
        self.whole, self.shapes, self.letter, self.full = whole or {}, shapes or {}, letter, dict(full)
        #: Of the last formula the indices of the result, and how far each index goes; those of the result alone.
        self.order, self.extents, self.ends = "", dict[str, int](), dict[str, int]()
        self.rows: Iterable[str] = ""
        self.ragged: Set[str] = frozenset()
        self._renamed: Mapping[str, str] = {}  # other letters of indices
        self.free = ""
        #: How what can be read in two ways is read, and what could: see :class:`~autograd_lite.teach.answers.Reader`.
        self.reading: Set[str] = frozenset()
        self.choices: set[str] = set()
        self._steps: dict[str, set[int]] = {}  # of the values in a loop
        for stem, number in regex.findall(rf"(?m)^(.*(?:[^\W\d]|[{_MARKS}]))(\d+)$", "\n".join(words)):
            self._steps.setdefault(stem, set()).add(int(number))
        self._has_steps = regex.search("(?m)ₜ$", "\n".join(words)) is not None
        words = {**words, **{f"{w}0": words[w] for w, steps in self._steps.items() if w in words and 0 not in steps}}
        self._computed = {w.rpartition("/d")[2] for w in self._steps if "/d" in w}  # of which there is a gradient
        #: Of these what cannot be an entry of an array.
        self._stems = {w for w in self._steps if w not in words or not len(self.shapes.get(words[w], ()))}
        for w in words.keys() & self._steps:  # without a number it is that of the start
            self._steps[w].add(0)
        values = {w: w for shown, w in words.items() if w.isidentifier() and (len(shown) > 1 or shown.isalnum())}
        values |= {decomposed(w): w for w in values}
        self.words, self.functions = {"π": "pi", "∞": "inf", **words, **values}, functions
        if letter != "t" and "t" in self.words:
            self.words["_t"] = self.words["t"]
        signs = {w: word for w, word in words.items() if len(w) == 1 and not w.isalnum()}
        self._infix = {"∈": "isin", "⊗": "outer", **signs}
        #: What is replaced as a whole, the longest first.
        self.copied = [w for w in sorted(words, key=len, reverse=True) if not regex.fullmatch(rf"[\w{_MARKS}]+|.", w)]
        self.gradients = {words[w] for w in self.copied if "/" in w}
        self._copied = _any(self.copied)
        self._lengths = _any(w for w in words if w.startswith("len("))
        of_t = _called_t(words, self.shapes)
        self._of_t = _any(of_t)
        #: What is no value of a loop, so that ``xₜ`` is the name x_t.
        self._before_t = _any(w[:-2] for w in of_t if not self._steps.get(w[:-2], {0}) - {0})
        arrays = [w for w, word in self.words.items() if len(self.shapes.get(word, ()))]
        self.indices = [c for c in LETTERS if c in (*arrays, *self._stems)]  # that are the user's own
        self._arrays = _any(arrays)

    def python(self, text: str, shape: tuple[int, ...] = (), letters: str = "", steps: Sequence[int] = ()) -> str:
        """A formula for a value of a shape, which may be written with these indices, as a Python expression.

        With one number in `steps`, ``hₜ`` and ``hₜ₋₁`` are the values of that step and of the one before; with several,
        sums over steps are over these, if the values are there.
        """
        text = regex.sub(rf"(?<![\w.])(?:{self._lengths})", lambda m: self.words[m[0]], text)
        others = [c for c in letters if c in FURTHER] + self._of_values(text)
        for c in others + self._of_rows(text, len(shape), steps):
            text, letters = self._in_known_letters(text, letters, c)
        if regex.fullmatch(_PRINTED, text):
            text = regex.sub(r"(?<=[\d.\]])\s+(?=[-+]?[\d.]|\[)", ", ", text)
        text = self._listed(text)
        at_entry = rf"(?<!\w)({self._arrays})([{INDICES}]+),([^\W\d]\w*\[[^][]*\])"  # Bⱼ,obs[t]
        text = regex.sub(at_entry, lambda m: f"{m[1]}_{{{','.join(_letters(m[2]))},{m[3]}}}", text)
        quoted = regex.findall(_QUOTED, text)  # the letters of an einsum are none of these
        text = regex.sub(_QUOTED, lambda m: f"'⟦{quoted.index(m[1])}⟧'", text)
        step = rf"_([ti-n{self.letter}])([+-]\d+|(?:,[ti-n{self.letter}])+)(?![\w.])"
        text = regex.sub(rf"(?<!\w)([d∂]\w+){step}(?=/[d∂])", r"\1_{\2\3}", text)  # dx_t+1/dx_t
        if regex.search(step, text) and self._is_read_as("moved"):  # x_t+1, x_t,i
            text = regex.sub(step, r"_{\1\2}", text)
        matrix = rf"(?<![\wd∂/])[Σ∑](?![{INDICES}ₜ_₍\d])"
        text = regex.sub(r"(?<=/[d∂])Σ", "Sigma", text) if "Sigma" in self.words else text
        if "Sigma" in self.words and regex.search(matrix, text) and self._is_read_as("Sigma"):
            text = regex.sub(matrix, " Sigma ", text)  # wᵀ Σ w, as it is in LaTeX
        text = regex.sub(rf"(?<![\w.])(\d+)(?=(?:{self._arrays})(?:_|[₀-₉]))", r"\1 ", text)  # 2m_0
        text = regex.sub(r"(?<=[\w])(?=Σ|∑|\\sum)", " ", text)  # mΣᵢ
        text = regex.sub(_PRIMED, self._primed, decomposed(self._spelled(text, len(steps) == 1)))
        text = regex.sub(r"([^\W\d]\d+)_\{ ?t ?, ?(\d+) ?\}", r"\1ₜ[\2]", text)  # dL/dk2_{t,0}
        text = regex.sub(_OF_PARTIAL, self._of_partial, text)
        text = regex.sub(_SELECTED, lambda m: self._selected(m, text), text)
        text = regex.sub(rf"(?<![\w/])({self._before_t})(?:ₜ|_\{{t\}})", r"\1_t", text)
        is_plain = self._is_plain(text)
        text = text if is_plain else self.with_t(text, len(steps) == 1)
        array = rf"(?<!\w)({_any(self._steps.keys() - self._stems)})\[(t ?(?:[-+] ?\d+)?)(?:\]|, ?)"
        if regex.search(array, text) and self._is_read_as("stepped"):  # v[t], where v is an array too
            text = regex.sub(array, lambda m: f"{m[1]}_{{{m[2]}}}{'[' * (m[0][-1] != ']')}", text)
        tight = rf"/ ?(\d+)((?!e\d)[^\W\d][\w{_MARKS}]*(?:(?:\^|\*\*)\d+)?)(?![\w.(\[{{/^*])"  # 1/2n
        if regex.search(tight, text) and self._is_read_as("under"):
            text = regex.sub(tight, r"/(\1 \2)", text)
        if "e" not in self.words:  # e_y, a unit vector
            text = regex.sub(r"(?<!\w)e_(?:\{(\w+(?:\[[^][]*\])?)\}|(\w+))", self._unit, text)
        text = regex.sub(rf"(?<!\w)({_any(self._stems)})\[(t[^],]*), ?", r"\1[\2][", text)  # p[t, i]
        text = regex.sub(POWERS, power, text)
        text = regex.sub(rf"(?<!\w)({_any(self._stems)}){_PLACED}", self._entry_of_step, text)
        for c in self.indices if self.indices and self._is_read_as("own") else ():
            at = f"[{c}ₜ]" if c in self._stems else f"[{c}]"
            text = regex.sub(rf"(?<=[\w)\]])(?:_{c}(?!\w)|{_below(c)}|\[{c}\])", at, text)
        text = signs_replaced(self.with_subscripts(text, is_plain))
        text = regex.sub(rf"(?<!\w)({_any(self._stems)})\[(\d+),", r"\1\2[", text)  # state_{2,0}
        text = regex.sub(rf"(?<![\w/.])([d∂]\w+/[d∂])?([a-z])(?=[{INDICES}ₜ])", self._row, text)
        exponent = r"(?<![\w.])(\d+)(e\d+)(?!\w)"
        text = regex.sub(exponent, lambda m: f"{m[1]} {m[2]}" if m[2] in self.words else m[0], text)
        text = regex.sub(rf"(?<![\w/])(?:{self._of_t})(?!\w)", lambda m: self.words[m[0]], text)  # x_t for xt
        text, letters, by, is_typed = self._left_side(text, letters)
        self._is_from_0 = False
        steps = [steps[0] - (by or 0)] if len(steps) == 1 else steps
        text = self._with_typed_steps(text)
        text, letters = self._of_loop(text, letters, len(shape), is_typed) if len(steps) == 1 else (text, letters)
        text, letters = _of_row(text, letters, len(steps) == 1)
        text = self._unrolled(self.whole.get(text.strip(), text), steps, letters, shape, by)
        letters = letters.replace("ₜ", "")
        entry = rf"((?<!\w)(?:{self._arrays})|\))_?(\d+|[₀-₉]+(?:,[₀-₉]+)*)(?![\w])"  # observed_2
        text = regex.sub(entry, self._entry, text)
        text = regex.sub(rf"(?<!\w)({self._arrays})_([^\W\d]\w*)", self._place, text)
        pi = "π" if self.words["π"] in self.shapes else "(np.pi)"  # 2π, also where the number is meant
        text = regex.sub(rf"(?<![\w.])(\d+\.?\d*)\s?π(?!{_behind('π', self.words)})", rf"\1 {pi} ", text)
        delta = rf"δ\[?([{LETTERS}{INDICES}]),?([{INDICES}]|\d\])" if "δ" not in self.words else "(?!)"
        text = regex.sub(delta, lambda m: f"1[{m[1]} = {m[2].strip(']')}]".translate(_SUBSCRIPTS), text)
        text = regex.sub(rf"(?<![\w.])({self._copied})(?=(?:{_AT})?(?!\w))", lambda m: self.words[m[1]], text)
        self._check_gradients(text)
        while m := regex.search(_PLACES, text):
            k = _start_of_term(text, m.start())
            text = f"{text[:k]} placed({text[k : m.start()]}, np.s_{m[1]}){text[m.end() :]}"
        text, letters = self._of_each_row(text, letters, shape)
        text = self._bound(text)
        bounds = rf"Σ([{INDICES}])\s*([<>]=?|!=)\s*([{INDICES}])(\s*-)?"  # Σₖ≥ᵢ, Σⱼ≠ᵢ -2 xⱼ
        is_pair = not shape and text.count("Σ") == 1  # Σᵢ<ⱼ is over both
        text = regex.sub(bounds, lambda m: f"Σ{m[1]}{m[3] * is_pair} 1[{_condition(m)}] {'*-' if m[4] else ''}", text)
        text = regex.sub(r"\|(?!\s)([^|<>=]*[^|<>=\s])\|", r" bars(\1)", text)  # λ |a|; an or has blanks, or conditions
        self._measured(text, shape, letters.translate(_SUBSCRIPTS), is_typed)
        python = self.rewritten([m[0] for m in regex.finditer(_TOKEN, text.replace("∂", "d")) if not m[0].isspace()])
        if m := regex.search(r"\w*[₊₋]\w*", python):
            raise Unread(f"{m[0]} cannot be read: only an index can be moved, as in uᵢ₊₁")
        return regex.sub(r"'⟦(\d+)⟧'", lambda m: quoted[int(m[1])], python)

    def _in_known_letters(self, text: str, letters: str, c: str) -> tuple[str, str]:
        """A formula with the index p of a sheet that has values i, j, k and m, or with t, as one of these."""
        taken = letters + "".join(regex.findall(r"(?:(?<!\w)sum|[Σ∑])_\{?([a-z, ]+)", text))
        taken += "".join(regex.findall(rf"_\{{?(?:[a-z] ?, ?)*([{LETTERS}])(?!\w)", text))
        by = next(x for x in LETTERS[::-1] if x not in taken and _below(x) not in text)
        text = regex.sub(r"(?<=_\{)[^{}]*(?=\})", lambda m: m[0].replace(c, by), text)
        text = text.replace(_SMALLS.get(c, "ₜ"), _below(by))
        text = regex.sub(rf"(?<=[\w)\]])(?:_{c}(?!\w)|\[{c}\])", f"_{by}", text)
        return regex.sub(rf"(?<![\w.]){c}(?![\w(])", f"_{by}", text), letters.replace(c, by)

    def _of_values(self, text: str) -> list[str]:
        """The letter on the left side of an answer that otherwise only values in a loop have: ``dL/dbᵤ`` beside u1, u2.
        """
        left = rf"\s*[d∂]\w+?/[d∂]\w+?(?:_\{{?([a-z])\}}?|\[([a-z])\]|([{''.join(OTHERS)}]))\s*=(?!=)"
        m = regex.match(left, text)
        c = m and (m[1] or m[2] or OTHERS[m[3]])
        return [c] if c in self._stems - self.words.keys() - {*LETTERS} else []

    def _of_rows(self, text: str, ndim: int, steps: Sequence[int]) -> list[str]:
        """The letters on the left side of an answer that are no indices of sheets, t and a of ``dL/dlogp_{t,a}``, where
        a value has a row for each step; also t of an answer without a left side.
        """
        if len(steps) == 1 or not ndim or "t" in self.words:
            return []
        m = regex.match(r"\s*[d∂]\w+?/[d∂]\w+?(?:_\{([a-z, ]+)\}|\[([a-z, ]+)\]|_?([tₜ]))\s*=(?!=)", text)
        typed = regex.findall("[a-z]", next(filter(None, m.groups())).replace("ₜ", "t")) if m else []
        if not m and "=" not in text and not regex.search("Σ|∑|sum", text) and regex.search(r"ₜ|_t\b|_\{t", text):
            typed = ["t"]
        is_it = "t" in typed and len({*typed}) == len(typed) <= ndim
        return [c for c in typed if c not in LETTERS] if is_it and self._is_read_as("row of t") else []

    def _listed(self, text: str) -> str:
        """A formula with the entries of each list that Python would make: ``[f(k) for k in range(2)]``."""
        while m := regex.search(_LISTED, text):
            start = _opening(text, m.start())
            is_sum = text[start] == "(" and regex.search(r"(?:np\.)?sum$", text[:start])
            sizes = self.shapes.get(self.words.get(m[4] or "", ""), ())
            known = int(m[3]) if (m[3] or "").isdecimal() else [*sizes, 0][0]
            n = next((x for x, w in self.constants if w == m[3]), known)
            first = int(m[2] or 0)
            is_bracket = text[start] == "[" if m[0][-1] == "]" else is_sum
            if start < 0 or n not in range(first + 1, MANY + 1) or n * len(text) > 50_000 or not is_bracket:
                return text
            term = text[start + 1 : m.start()]
            terms = [_in_round(term, m[1], k) for k in range(first, int(n))]
            made = f"({'+'.join(f'({t})' for t in terms)})" if is_sum else f"[{','.join(terms)}]"
            text = f"{text[: is_sum.start() if is_sum else start]}{made}{text[m.end() :]}"
        return text

    def _of_partial(self, m: re.Match[str]) -> str:
        """An entry of the partial of one array with respect to another, entry by entry, as one of that: dp/dzᵢ."""
        return f"{m[1]}/{m[3]}{m[2]}" if f"{m[1]}/{m[3]}".replace("∂", "d") in self.words else m[0]

    def _selected(self, m: re.Match[str], text: str) -> str:
        """``Σᵢ 1[wᵢ = k] xᵢ`` for ``sum(x[w == k])``, where w is an array and k an index."""
        x, w, sign, c = next(m.groups()[n : n + 4] for n in (0, 4, 8) if m[n + 1])
        free = next((i for i in INDICES[::-1] if i not in text and i.translate(_SUBSCRIPTS) != c), "")
        is_index = c not in self.words and regex.fullmatch(self._arrays, w) and free
        return f"(Σ{free} 1[{w}{free} {sign[:1]}= {c}] {x}{free})" if is_index else m[0]

    def _entry_of_step(self, m: re.Match[str]) -> str:
        """``A_{t+1}[0,1]`` for ``A_{t+1,0,1}``, and for it in Unicode."""
        return f"{m[1]}_{{{m[2]}}}[{m[3][1:]}]" if m[2] else f"{m[1]}{m[4]}[{m[5][1:].translate(_DIGITS)}]"

    def is_indexed(self, text: str) -> bool:
        """Return whether every array in a formula has indices, so that shapes that do not fit are a mistake."""
        return not regex.search(rf"(?<![\w/.])(?:{self._arrays})(?![\w/\[{INDICES}])", text)

    def _is_plain(self, text: str) -> bool:
        """Whether t is an index, and no number of a step."""
        is_free = self.letter != "t" or not self._has_steps
        return bool(is_free and regex.search("ₜ|[_{[]t", text)) and self._is_read_as("t")

    def _check_gradients(self, text: str) -> None:
        """Raise an error if a formula has a gradient that is none of the sheet."""
        for of in regex.finditer(rf"(?<![\w/])(d[^\W\d]\w*)/(d[^\W\d][\w{_MARKS}]*)", text.replace("∂", "d")):
            first, last = (self.words.get(_split(w)[0], "") for w in of.groups())
            if not first or {first, last} <= self.gradients:  # dK/dell, where dK is short for dL/dK
                raise Unread(f"{_split(of[0])[0]} is no gradient on this sheet")

    def _spelled(self, text: str, is_of_step: bool) -> str:
        """A formula as on a board; one that was copied in LaTeX as its code."""
        side = next((side for side in (text, text.partition("=")[2]) if side.strip() in self.whole), "")
        text = f"{text.removesuffix(side)}{self.whole[side.strip()]}" if side else text
        is_of_all = regex.search("Σ|sum", text) and not regex.search(r"\[-?\d*:-?\d*\]", text)  # not sum(e * y[:-1])
        other = {"Σ"} if is_of_step or is_of_all else {"ₜ"}  # of all steps, or of one
        is_of_one = is_of_step and not self.is_of_line
        other |= {"ₜ"} if is_of_one else set()
        text = regex.sub(_CHI2, "chi2", text) if "chi2" in self.words and not self._has_whole(text) else text
        text = text if self._has_whole(text) else spelled(text, {*self.words, *other}, self.spellings)
        for pattern, by, kind in self._own if is_of_one else ():
            if (steps := self._steps.get(by[:-1])) and kind == "ₜ" and (m := regex.search(pattern, text)):
                raise Unread(f"{m[0]} has a value at each step: write {by[:-1]}{min(steps)} … {by[:-1]}{max(steps)}")
        return text

    def _of_loop(self, text: str, letters: str, ndim: int, is_typed: bool) -> tuple[str, str]:
        """A formula at one step in which an index is perhaps that of the user's loop, ``N[m]`` or ``dL/dbₖ aₖ``, and
        the indices of its left side: the index of values in a loop, or where there are more than axes the last one.
        """
        known = "" if is_typed and len(letters) == 1 else _below(letters)
        free = {*regex.sub(rf"[^{INDICES}]", "", text)} - {*known, *"".join(regex.findall(f"Σ([{INDICES}]+)", text))}
        found = {*regex.findall(rf"(?<!\w)(?:{_any(self._stems)})([{INDICES}])", text)} & free if ndim else set[str]()
        found = found or ({max(free, key=INDICES.index)} if len(free) > ndim else found)
        if len(found) != 1 or not self._is_read_as("step"):
            return text, letters
        (c,) = found
        return regex.sub(rf"(?<![^\W\d]){_letters(c)}(?!\w)", "t", text.replace(c, "ₜ")), letters.replace(c, "ₜ")

    def _left_side(self, text: str, letters: str) -> tuple[str, str, int | None, bool]:
        """A formula without its left side, the indices of that, how far the step is moved of which it is, and whether
        it was typed.
        """
        if self._renamed:  # the letters of the sheet are those of the formula, or none
            is_sheet = {*letters} - {*LETTERS, "ₜ"} and {*letters} <= {*LETTERS, *self._renamed}
            letters = "".join(self._renamed.get(c, c) for c in letters if is_sheet or c == "ₜ")
        start = regex.match(rf"\s*(?:{self._copied}|d\w+?(?:/d\w+?)?)([{INDICES}₍₎ₜ]*|{_OF_STEP})\s*=(?!=)", text)
        text, letters = (text[start.end() :], start[1].replace("_t", "ₜ") or letters) if start else (text, letters)
        if start and (m := regex.fullmatch(_OF_STEP, letters)) and letters != "ₜ":
            return text, "ₜ", _moved(*(part and part.translate(_SMALL) for part in m.groups())), True
        return text, letters, None, bool(start)

    def _in_letters(self, text: str, is_plain: bool) -> str:
        """A formula in which all indices are letters of `INDICES`: ``Σₙ xₙ`` for ``Σ_b x_b``, or as in an einsum,
        ``Σ_d h_bd W_cd``: those of a sum, and of a value that has as many axes.
        """
        text = regex.sub(r"(?<![\w.])sum(_[a-z]+)(?!\w)", lambda m: m[0] if m[0] in self.words else f"Σ{m[1]}", text)
        several = "[a-z](?:,? ?[a-z])*"
        found = self._typed_letters(text, several) if not self._has_whole(text) else set()
        found |= {*"t"} if is_plain else set()
        below = {OTHERS[c]: c for c in {*text} & {*OTHERS} - {*"".join(self.words)}} | ({"t": "ₜ"} if is_plain else {})
        used = {c.translate(_SUBSCRIPTS) for c in text if c in INDICES}
        used |= {*"".join(regex.findall(r"(?<![^\W_])[i-n]+(?!\w)|(?<=_)[a-z]+(?![^\Wᵀ])", text))}
        others = sorted(found.union(below) - {*LETTERS, *("t" if self._steps and not is_plain else "")})
        free = [c for c in LETTERS if c not in used]
        is_first = others == ["t"] and free[:1] < sorted(used)[:1]  # pₜⱼ has a row for each t
        to = dict(zip(others, free if is_first else free[-len(others) :], strict=False))
        self._renamed = to
        known, every = {*to, *LETTERS, *"t, "}, _any(to)
        for c in below.keys() & to.keys():
            text = text.replace(below[c], to[c].translate(_UNDER))

        def renamed(m: re.Match[str]) -> str:
            inside, word = m[1] or m[2] or "", regex.findall(r"[\w/]*$", m.string[: m.start()])[0]
            if word + m[0] in self.words or m[2] and (not {*inside} <= known or self._is_several(inside)):
                return m[0]
            of = every if {*inside} <= known else rf"(?<![^\W_])(?:{every})(?!\w)"
            return regex.sub(of, lambda c: to[c[0]], m[0])

        entry = rf"(?<![\w/])({self._arrays})\[({several})\]"


        def in_braces(m: re.Match[str]) -> str:
            is_of_letters = {*m[2]} & {*to} and {*m[2]} <= known and not self._is_several(m[2])
            return f"{m[1]}_{{{m[2]}}}" if is_of_letters else m[0]

        text = regex.sub(entry, in_braces, text)
        text = regex.sub(r"_(?:\{([^{}]*)\}|([a-z]+)(?![^\Wᵀ]))", renamed, text) if to else text
        alone = rf"(?<![^\W\d])(?:{_any(to.keys() - self.words.keys() - {'e'})})(?![\w(])"  # 1[wᵢ = u] beside ᵤ
        return regex.sub(alone, lambda c: f" _{to[c[0]]}" if to[c[0]] in self.words else to[c[0]], text)

    def _typed_letters(self, text: str, several: str) -> set[str]:
        """The letters of sums, and of values with as many as they have axes, if these are no positions: ``P[i, y]``."""
        found = set[str]()
        group = rf"(Σ|(?<![\w/])(?:{self._arrays}))(?:_([a-z]+)(?![^\Wᵀ])|_\{{ ?({several})(?!\w)|\[({several})\])"
        for m in regex.finditer(group, text):
            at = regex.findall("[a-z]", m[2] or m[3] or m[4])
            is_whole = m[0] not in self.words and len(at) == len(self.shapes.get(self.words.get(m[1], ""), ()))
            named = {c for c in {*at} & self.words.keys() - {*LETTERS} if not self._is_matrix(c)}
            if self._is_several(m[2] or m[3] or m[4]) and m[1] != "Σ":  # dL/dC[ys]
                continue
            is_of_axes = is_whole and at != ["t"] and (not named or self._is_read_as("letters"))
            found |= {*at} - {"t"} if m[1] == "Σ" else {*at} if is_of_axes else set()
        return found

    def _is_several(self, letters: str) -> bool:
        """Whether letters are the name of a value, which below the line are no indices."""
        return len(letters) > 1 and self.words.get(letters) in self.shapes

    def _is_matrix(self, word: str) -> bool:
        """Whether a value cannot be a position."""
        return len(self.shapes.get(self.words.get(word, ""), ())) > 1

    def _entry(self, m: re.Match[str]) -> str:
        """An entry with its number below the line, or its row and column: ``M[1,0]`` for ``M₁₀``."""
        number, shape = m[2].translate(_DIGITS), self.shapes.get(self.words.get(m[1], ""), ())
        if m[0] in self.words:
            return m[0]
        if number.isdigit() and len(shape) and self._is_counted(m[1]):
            return f"{m[1]}[{int(number) - 1}]"
        return f"{m[1]}[{','.join(number) if len(shape) == len(number) else number}]"

    def _braces(self, m: re.Match[str]) -> str:
        """What stands in braces below the line, if it does not belong to a name: ``U_{n}``, ``U_{n,j}``."""
        word = regex.findall(r"[\w/]*$", m.string[: m.start()])[0]
        start, _, at = m[1].strip().partition(",")
        return f"_{start}{_below(at)}" if self.words.get(f"{word}_{start}") in self.shapes else _braced(m)

    def _place(self, m: re.Match[str]) -> str:
        """``C[context]`` for ``C_context``."""
        is_place = m[0] not in self.words and self.words.get(m[2]) in self.shapes
        return f"{m[1]}[{m[2]}]" if is_place else m[0]

    def _row(self, m: re.Match[str]) -> str:
        """``Xᵢ`` for ``xᵢ``, where there is no x."""
        row = f"{m[1] or ''}{m[2].upper()}"
        is_row = m[0] not in self.words and m[0] not in self._steps and regex.fullmatch(self._arrays, row)
        is_another = regex.search(rf"(?<!\w){row}(?![A-Za-z])", m.string)  # d - D
        return row if is_row and not is_another else m[0]

    def _unit(self, m: re.Match[str]) -> str:
        word = m[1] or m[2]
        base = regex.sub(rf"(?:_[ti-n]|[{INDICES}ₜ]|\[.*)$", "", word)
        is_unit = self.words.get(base) in self.shapes or base in self._steps
        return f"onehot({word})" if is_unit and m[0] not in self.words else m[0]

    def _primed(self, m: re.Match[str]) -> str:
        """A matrix that is transposed: ``X'``."""
        return f"{m[1]}ᵀ " if len(self.shapes.get(self.words.get(m[1], ""), ())) == 2 else m[0]

    def _index(self, m: re.Match[str]) -> str:
        """An index below the line, if it does not belong to a name: ``dL/dW_i``."""
        before = regex.findall(r"(?:[d∂]\w*/)?$", m.string[: m.start()])[0]
        is_name = any(self.words.get(w) in self.shapes for w in (m[0], before + m[0]))
        return m[0] if is_name else m[1] + _below(m[2])

    def _is_read_as(self, choice: str) -> bool:
        self.choices.add(choice)
        return choice in self.reading

    def _of_numbered_row(self, m: re.Match[str]) -> str:
        """``A[0,k]`` for ``A₀ₖ``, where A₀ is no name."""
        at = f"[{m[2]},{','.join(m[3])}]".translate(_PLAIN)
        return m[0] if m[1] + m[2] in self.words else m[1] + at

    def _has_whole(self, text: str) -> bool:
        text = signs_replaced(text)
        return not self.whole.keys().isdisjoint((text.strip(), text.partition("=")[2].strip()))

    def with_t(self, text: str, is_of_step: bool = True) -> str:
        """A formula in which the number of a step is t, where the sheet has another letter: because t is a name, or as
        in the program. Where that may be an index, k, it is the number of a step only in a formula of one step.
        """
        if self.letter == "t":
            return text
        text = regex.sub(rf"(?<!\w){self.letter}(?={_LIMITS})", "t", text)
        is_number = is_of_step or self.letter not in LETTERS
        c, small = (self.letter, below_t(self.letter)) if is_number else ("(?!)", "ₜ")
        below = rf"(?<![\w/])((?:[d∂]\w+/)?\w+_){c}([i-n]+)(?!\w)"  # b_si
        text = regex.sub(below, lambda m: m[0] if m[0] in self.words else f"{m[1]}t{m[2]}", text)
        text = regex.sub(rf"(?<=_\{{){c}(?=[i-n]+\}})", "t", text)
        text = regex.sub(r"(?<![\w.])t(?![^\Wᵀ])", "_t", text.replace(small, "ₜ"))
        word = rf"(\w*?)(?<![^\W_]){c}(?![^\Wᵀ])"
        return regex.sub(word, lambda m: m[0] if self.words.get(m[0]) in self.shapes else f"{m[1]}t", text)

    def at_step_t(self, says: str, t: int) -> str:
        """A message on one step in terms of t: ``hₜ₋₁`` for ``h2`` at the third."""
        def name(m: re.Match[str]) -> str:
            by = int(m[2]) - t
            is_of_step = {m[1], m[1].removeprefix("d")} & self._steps.keys()  # dh3/da3
            return f"{m[1]}ₜ{f'{by:+d}'.translate(_SMALL) if by else ''}" if is_of_step else m[0]

        return regex.sub(rf"(?<!\d)([^\W\d][\w{_MARKS}/]*?)(\d+)(?![^\W²³])", name, says)  # 4x1 is a shape

    def name_in(self, text: str, t: int) -> str:
        """The name that is all of a text, which may be that of a value at step t; nothing if it is none."""
        text = self.with_t(decomposed(text).strip())
        m = regex.fullmatch(r"(.+?)_?(?:ₜ|(?<=_)t)([₊₋]₁)?", text)
        at = f"{m[1]}{t + {None: 0, '₊₁': 1, '₋₁': -1}[m[2]]}" if m else text
        return self.words.get(at, "")

    def of_letter(self, says: str, typed: str = "") -> str:
        """A message with the letter of the sheet, but for what was `typed`."""
        parts = says.split(typed) if typed else [says]
        own = (part.replace("ₜ", below_t(self.letter)) for part in parts)
        return typed.join(regex.sub(r"step t(?!\w)", f"step {self.letter}", part) for part in own)

    def with_subscripts(self, text: str, is_plain: bool = False) -> str:
        """A formula in which indices are written below the line: ``xᵢ`` for ``x_i``, ``Σᵢⱼ`` for ``Σ_{ij}``; t is one
        of these if it `is_plain`.
        """
        text = self._in_letters(text, is_plain)
        text = regex.sub(_STEPS, lambda m: f"Σₜ⟦{m[1]},{m[2]}⟧ ".translate(_DIGITS).translate(_RAISED), text)
        text = regex.sub(_PART, lambda m: f"Σ{_below(m[1])}{m[2]}{_below(m[3])} ", text)
        text = regex.sub(_BRACES, self._braces, text)
        by_others = rf"(?:{_PLACE},?)*{_BY_ANOTHER}(?:,?{_PLACE})*"  # xᵢ₊ⱼ, xᵢ₊ₖ,ⱼ₊ₗ
        text = regex.sub(by_others, lambda m: f"[{','.join(regex.findall(_PLACE, m[0]))}]".translate(_PLAIN), text)
        bound = "".join(regex.findall(f"Σ_?([i-n{INDICES}]+)", text)).translate(_SUBSCRIPTS)
        for c in bound:  # time[s-1] everywhere is counted from 1
            places = regex.findall(rf"(?<![^\W_]){c}(?!\w)(?:(?<=\[.) ?- ?1(?=[],]))?|(?<!Σ){_below(c)}", text)
            if places and all(place[1:] for place in places):
                text = regex.sub(rf"\[{c} ?- ?1(?=[],])", f"[{c}", text)
        kept = self.words.keys() - {*bound}
        kept |= {*"+-"} if "Σ" in text else set()  # in a sum, x[i+1] may go further than an index
        text = regex.sub(_ENTRY, lambda m: m[0] if {*m[1]} & kept else _below(m[1]), text)  # x[i, j-1]
        text = regex.sub(rf"(?<=[{INDICES}ₜ₀-₉]),(?=[{INDICES}])", "", text)  # uᵢ₊₁,ⱼ
        text = regex.sub(_INDEX, self._index, text)
        text = regex.sub(_ENTRY_OF, lambda m: f"[{m[1]},{m[2]}]".translate(_SUBSCRIPTS).translate(_DIGITS), text)
        row = rf"(?<!\w)({self._arrays})([₀-₉])([{INDICES}]+)(?![{_SUBSCRIPT}])"  # A₀ₖ
        text = regex.sub(row, self._of_numbered_row, text)
        column = rf"(?<!\w)({self._arrays})\[:, ?({_any({*LETTERS} - self.words.keys())})\]"  # M[:, j]
        used = {*text, *(_below(c) for _, c in regex.findall(column, text))}
        free = next((c for c in INDICES if c not in used), "")
        text = regex.sub(column, lambda m: f"{m[1]}{free}{_below(m[2])}", text)
        return regex.sub(rf"(?<=[{_SUBSCRIPT}])(?=[^\W{_SUBSCRIPT}{_MARKS}])", " ", text)  # aᵢbⱼ

    def _unrolled(
        self, text: str, steps: Sequence[int], letters: str, shape: tuple[int, ...], by: int | None = None
    ) -> str:  # fmt: skip
        """A formula with the values of each step, where it has those of step t, and sums over the steps.

        A value of a `shape` may have a row for each step: ``dL/dBₜ = dL/daₜ``, or ``dL/dB[t-1] = dL/daₜ``, where
        `by` is -1.
        """
        text = self._with_step_t(text, steps, letters, shape)
        values = {m[1] for m in regex.finditer(_AT_STEP, text)} - {"Σ"}
        is_row = "Σₜ" in text and values and not regex.search("ₜ[₊₋]", text)
        if is_row and values <= self.words.keys() - self._steps.keys():  # t is an index of arrays
            text = text.replace("ₜ", next((c for c in INDICES[::-1] if c not in text + letters), "ₜ"))
        text = self._summed(text, steps)
        if rows := self._in_rows(text, letters, shape, by) if "ₜ" in text and len(steps) != 1 else "":
            return rows
        if "ₜ" in text and len(steps) > 1:
            in_words = regex.search(r"(?<!\w)(?:over|of|for)(?!\w)", text)
            raise (Unread if in_words else Misfit)("the sum over the steps is missing: write Σₜ")
        if "ₜ" in text and len(steps) != 1:
            raise Unread("ₜ cannot be read here: this is the gradient of no step; write Σₜ, or numbers")
        t = _BARE if self._has_steps and "t" not in self.words else rf"\[[^]]*{_BARE}"  # else it is no name
        is_of_step = len(steps) == 1 and regex.search(rf"ₜ|{t}", text)
        return self._at_step(text, steps[0]) if is_of_step else text

    def _in_rows(self, text: str, letters: str, shape: tuple[int, ...], by: int | None) -> str:
        """A formula at each step as the rows of a value; nothing if that has another number of rows."""
        index, common = _below(letters.replace("ₜ", "")) or "(?!)", set[int]()
        if shape and not regex.search(rf"(?<!\w){_letters(index) or index}(?!\w)|{index}", text):
            with suppress(Unread):
                common = {t for t in self._steps_of(text) if t >= 0}
            common = {*range(-by, shape[0] - by)} if common and by is not None else common
        self._is_from_0 = 0 in common  # then xₜ is x[t]
        is_fitting = common and len(common) == shape[0]
        return f"stack([{','.join(self._at_step(text, t) for t in sorted(common))}])" if is_fitting else ""

    def _with_step_t(self, text: str, steps: Sequence[int], letters: str, shape: tuple[int, ...]) -> str:
        """A formula in which the values and the sums of steps are written as on a board: ``hₜ₋₁`` for ``h[t-1]``."""
        stems, every = _any(self._stems), _any(self._steps)
        number = r"(t ?(?:[+-] ?\d+)?|\d+)"
        text = regex.sub(rf"(?<!\w)({every})_(?:T(?!\w)|ᵀ)", lambda m: f"{m[1]}{max(self._steps[m[1]])}", text)  # h_T
        called = rf"(?:\*\*)?(?:\({number}\)|\(\({number}\)\))"
        raised = rf"(?<!\w)(?:({stems})\*\*{number}(?!\w)|({every}){called})"  # h^t, h(t), h^(t-1)
        text = regex.sub(raised, lambda m: (m[1] or m[3]) + _numbered(m[2] or m[4] or m[5]), text)
        text = regex.sub(rf"(?<!\w)({self._arrays})(?:\*\*)?\((t ?(?:[+-] ?\d+)?)\)", r"\1[\2]", text)  # x(t)
        numbered = _any(w[:-1] for w in self._stems if regex.search(r"\d_$", w))
        text = self._over_steps(regex.sub(rf"(?<![\w/])({numbered})(?=[{INDICES}])", r"\1_", text))  # f2ₖ
        entries = rf"(?<!\w)({self._arrays})([{INDICES}]*){_STEP}((?:,?[{INDICES}₀-₉])*)(?!\w)"  # emitₜⱼ, respᵢₜ, xₜ₀
        text = regex.sub(entries, self._entry_at_step, text)
        rows = rf"(?<!\w)({every})([{INDICES}])(?:([₊₋])([₀-₉]+))?"
        of_start = {m[2] for m in regex.finditer(rows, text) if self._has_start(m[1])}  # indices of values with a start
        counted = set[str]()
        before = rf"Σ([{INDICES}])\s*([<>]=?|!=)\s*ₜ"  # Σⱼ<ₜ
        text = regex.sub(before, lambda m: f"Σ{m[1]} 1[{_letters(m[1])} {m[2]} t] ", text)
        text = regex.sub(rows, lambda m: self._stacked(m, letters, shape, counted, m[2] in of_start), text)
        for bare in counted:
            text = regex.sub(rf"(?<![^\W\d]){bare}(?!\w)", f"({bare}+1)", text)
        row = rf"((?<!\w)(?:{self._arrays})|(?<=\d))ₜ"  # X1ₜ is a row of X1, but k1_2 the second value of k1
        text = regex.sub(row, lambda m: m[0] if m[1] and f"{m[1]}_" not in self._steps else f"{m[1] or ''}_ₜ", text)
        text = regex.sub(rf"(?<!\w)(\d+)(?=[^\W\d][\w{_MARKS}]*ₜ)", r"\1 ", text)  # 2eₜ is no 2e6
        summed = rf"(?<![\w.])(?:np\.)?sum(?=\()|Σ(?![{INDICES}])"
        is_of_all = len(steps) != 1 and "ₜ" in text and "Σₜ" not in text and regex.search(summed, text)
        if is_of_all and not (shape and self._is_read_as("in each step")):
            text = regex.sub(summed, "Σₜ", text)
        return text

    def _with_typed_steps(self, text: str) -> str:
        """A formula with the values of step t as on a board: ``hₜ₋₁`` for ``h[t-1]`` and ``h_{t-1}``."""
        entry = rf"(?<!\w)({_any(self._stems)})\[(?:t\s*(?:([+-])\s*(\d+))?|(\d+))\]"
        text = regex.sub(entry, lambda m: m[1] + (m[4] or f"ₜ{m[2] or ''}{m[3] or ''}".translate(_SMALL)), text)
        return regex.sub(_TYPED_STEP, self._typed_step, text)

    def _typed_step(self, m: re.Match[str]) -> str:
        """``ₜ₋₁`` for ``_(t-1)``, if it does not belong to a name: ``w_t``."""
        word = regex.findall(r"[\w/]*$", m.string[: m.end()])[0]
        step = f"{m[1]}{m[2]}".translate(_SMALL) if m[1] else ""
        return m[0] if self.words.get(word) in self.shapes else f"ₜ{step}"

    def _entry_at_step(self, m: re.Match[str]) -> str:
        """An entry of an array with a row or a column for each step: ``emit[t-1,j]`` for ``emitₜ₋₁ⱼ``."""
        before, after = _letters(m[2]), m[5].replace(",", "").translate(_PLAIN)
        if m[1] in self._steps or not before + after:
            return m[0]
        by = _moved(m[3], m[4]) - self._is_counted(m[1], len(before))
        step = f"t{by:+d}" if by else "t"
        if before and not after:
            return f"({m[1]}[{':,' * len(before)}{step}]){m[2]}"
        return f"{m[1]}[{','.join([*before, step, *after])}]"

    def _over_steps(self, text: str) -> str:
        """A formula in which sums over steps are over t: ``Σₜ t dL/dyₜ`` for ``Σₖ k dL/dyₖ``."""
        for m in [*regex.finditer(f"Σ([{INDICES}])(?![{INDICES}])", text)][::-1]:
            end, c = _end_of_sum(text, m.end(), m[1]), m[1]
            term = text[m.end() : end]
            values = {*regex.findall(rf"([^\W\d][\w{_MARKS}/]*?){c}", term)}
            is_of_steps = values & self._stems and c not in text[end:] and not regex.search(rf"ₜ|{_BARE}", term)
            others = {w for w in values - self._stems if w not in self.words} if is_of_steps else values
            if is_of_steps and not others and (values <= self._stems or self._is_read_as("rows of steps")):
                term = regex.sub(rf"(?<![^\W\d]){_letters(c)}(?!\w)", "t", term.replace(c, "ₜ"))
                text = f"{text[: m.start()]}Σₜ{term}{text[end:]}"
        return text

    def _summed(self, text: str, steps: Sequence[int]) -> str:
        """A formula with the terms of its sums over steps, which ``t = 1 … 3`` may stand behind."""
        if over := regex.search(_RANGE, text):
            text = regex.sub("Σₜ(?!⟦)", "Σₜ⟦{},{}⟧".format(*over.groups()), text[: over.start()])
        while m := regex.search(r"Σₜ(?:⟦(\d+),(\d+)⟧)?", text):
            end = _end_of_sum(text, m.end(), "ₜ" if len(steps) != 1 else "(?!)")
            term = text[m.end() : end]
            common = {*range(int(m[1]), int(m[2]) + 1)} if m[1] else self._steps_of(term, steps)
            terms = "+".join(f"({self._at_step(term, t)})" for t in sorted(common))
            text = f"{text[: m.start()]}({terms}){text[end:]}"
        return text

    def _at_step(self, text: str, t: int) -> str:
        """A formula at one step: ``h2`` for ``hₜ₋₁`` at the third, ``x[2]`` for ``x[t-1]``."""
        for m in [*regex.finditer(_AT_STEP, text)]:
            at, steps = t + _moved(m[2], m[3]), self._steps.get(m[1], ())
            if "/" in m[1] and steps and at == max(steps) + 1:  # beyond the end a gradient is 0
                text = text.replace(m[0], f"(0*{m[1]}{max(steps)})")
            elif m[1] in self._computed and at == min(steps) - 1:  # a start that has no name is 0
                text = text.replace(m[0], f"(0*{m[1]}{min(steps)})")
            elif steps and at not in steps:
                raise Misfit(f"there is no {m[1]}{at}")
        text = regex.sub(rf"(?<!\w)({self._arrays}){_STEP}", lambda m: self._counted(m, t), text)
        text = regex.sub(_STEP, lambda m: str(t + _moved(m[1], m[2])), text)
        before = rf"(?<!\w)({self._arrays})\[t ?- ?(\d+)((?:,[^][]*)?)\]"  # x[t-3] at the second step
        text = regex.sub(before, lambda m: self._first(m, t), text)
        return regex.sub(_BARE, f"({t})", text)

    def _counted(self, m: re.Match[str], t: int) -> str:
        """``xₜ`` as ``x[t-1]``, the entry for the first step with the number 1, where there are as many as steps."""
        return f"{m[1]}[{t + _moved(m[2], m[3]) - 1}]" if self._is_counted(m[1]) else m[0]

    def _is_counted(self, word: str, axis: int = 0) -> bool:
        """Whether the entries of an array are counted from 1, as they may be where there are as many as steps."""
        n = (*self.shapes[self.words[word]], 0)[axis]
        last = max((k for steps in self._steps.values() for k in steps), default=0)
        is_same = word not in self._steps and n == last > 1 and not self._is_from_0
        return is_same and self._is_read_as("counted")

    def _first(self, m: re.Match[str], t: int) -> str:
        """An entry that may be before the first one, where it is 0, if it is not read as in Python."""
        return m[0] if t >= int(m[2]) or self._is_read_as("ring") else f"(0*{m[1]}[0{m[3]}])"

    def _has_start(self, word: str) -> bool:
        """Return whether the steps of a value, or of that of a gradient, begin with 0."""
        return 0 in self._steps[word] | self._steps.get(word.rpartition("/d")[2], set())

    def _stacked(
        self, m: re.Match[str], letters: str, shape: tuple[int, ...], counted: set[str], has_start: bool
    ) -> str:
        """The values of the steps as rows, 0 where there is none: ``aₖ₊₁`` for an index k; perhaps of an array.

        Where they begin with the number 1, so may the index, which is then added to `counted`; but not ``dL/daₖ``
        where there is a0, nor what stands beside it, unless k is a number in the formula: ``ρᵏ⁻¹``.
        """
        word, index, by = m[1], m[2], _moved(m[3], m[4])
        is_call = word in self.functions and m.string[m.end() :].startswith("(")  # meanⱼ(x) beside mean1 and mean2
        if is_call or word not in self._stems and not self._is_read_as("steps"):
            return m[0]
        steps = self._steps[word]
        n = shape[0] if shape and index == (_below(letters[:1]) or index) else max(steps) + 1
        c = _letters(index)
        is_number = c not in self.words and regex.search(rf"(?<![^\W\d]){c}(?!\w)", m.string)
        if {*range(1, n + 1)} == steps - {0} and (is_number or not has_start) and self._is_read_as("counted"):
            by += 1
            counted |= {*c} - self.words.keys()
        if not {*range(by, n + by)} & steps:
            raise Misfit(f"there is no {word}{by}")
        if 0 in steps and f"Σ{index}" in m.string and self._is_read_as("from 1"):  # Σₛ≤ₜ of what each round computes
            steps = steps - {0}
        values = (f"{word}{k}" if k in steps else f"0*{word}{max(steps)}" for k in range(by, n + by))
        return f"(stack([{','.join(values)}])){index}"

    def _steps_of(self, term: str, over: Sequence[int] = ()) -> set[int]:
        """The steps t for which there is each value in a term: those of the line, unless it counts otherwise."""
        values = [m for m in regex.finditer(_AT_STEP, term) if m[1] in self._steps]
        by = {_moved(m[2], m[3]) for m in values}
        is_alone = all("/" in m[1] for m in values) and not regex.search(r"\[t", term)
        if len(over) > 1 and len(by) == 1 and by != {0} and is_alone:
            return {*over}  # Σₜ dL/dhₜ₊₁ is not Σₜ dL/dhₜ
        common, reached = self._there(term, over)
        if common < {*over} and {*over} - reached:  # Yₜ, of which the first is not there
            common = set()
        is_moved = not regex.search("ₜ(?![₊₋])", term)
        is_of_line = len(over) > 1 and {*over} <= reached and ({*over} <= common or common <= {*over} or is_moved)
        is_earlier = common - {*over} and max(common) <= max(over, default=0)  # hₜ from t = 0, not hₜ₋₁ to T + 1
        if is_of_line and not (is_earlier and self._is_read_as("all")):
            return {*over}
        if not over and set() < common < reached and self._is_read_as("all"):
            return reached
        fewer = common & {*over} if len(over) > 1 else common - {0}
        if fewer and fewer != common and self._is_read_as("line"):
            return fewer
        if not common:
            shown = term.strip().replace("*+", "·")
            raise Unread(f"Σₜ cannot be read: there is no step t with each value in {shown}")
        return common

    def _there(self, term: str, over: Sequence[int]) -> tuple[set[int], set[int]]:
        """The steps t for which there is each value in a term, and those where one may be a start, or a gradient
        behind the last step, which is 0.
        """
        steps, ends = list[set[int]](), list[set[int]]()
        for m in regex.finditer(_AT_STEP, term):
            word = m[1] if m[1] in self._steps else m[1].rpartition("/")[2]
            if word not in self._steps and m[1] in self.words:  # an array with a row for each step
                continue
            there, by = self._steps.get(word, set()), _moved(m[2], m[3])
            end = max(there, default=0) + 1 if "/" in m[1] else min(there, default=0) - (word in self._computed)
            steps.append({k - by for k in there})
            ends.append(steps[-1] | {end - by})
        rows = steps or [self._rows_of(term) or {*over}]
        return set.intersection(*rows), set.intersection(*(ends or rows))

    def _rows_of(self, term: str) -> set[int]:
        """The steps t for which the arrays in a term have entries, ``xₜ₋₁ xₜ``, or slices, ``x[t:t+3]``."""
        read = [*regex.finditer(_AT_STEP, term), *regex.finditer(rf"({self._arrays})\[t ?(?:([-+]) ?(\d+))?[],]", term)]
        at = [(self.shapes.get(self.words.get(m[1], ""), ()), _moved(m[2], m[3])) for m in read]
        rows = [{*range(-by, shape[0] - by)} for shape, by in at if len(shape)]
        end = r"(?:(t) ?(?:([-+]) ?(\d+))?)?"
        slices = [m for m in regex.finditer(rf"({self._arrays})\[{end} ?: ?{end}[],]", term) if m[2] or m[5]]
        for m in slices:
            n, start, stop = self.shapes[self.words[m[1]]][0], _moved(m[3], m[4]), _moved(m[6], m[7])
            rows.append({*range(-start if m[2] else 1 - stop, (n + 1 - stop) if m[5] else n - start)})
        return set.intersection(*rows) if rows[1:] or rows and (self._stems or slices) else set()

    def _of_each_row(self, text: str, letters: str, shape: Sequence[int]) -> tuple[str, str]:
        """A formula for one row of matrices, and the indices of its left side, with an index for the row:
        ``Pᵢₖ (δₖₗ - Pᵢₗ)`` for ``Pᵢ (δᵢⱼ - Pⱼ)``, as a Jacobian along an axis is printed.
        """
        if len(shape) != 2 or not regex.search(f"[{INDICES}]", text):
            return text, letters
        sizes = ((w, self.shapes.get(x, ())) for w, x in self.words.items())
        matrices = _any(w for w, n in sizes if len(n) == 2 and n[0] == shape[0])
        one, two = (rf"(?<!\w)({matrices})([{INDICES}])(?{is_it}[{INDICES}₊₋])" for is_it in "!=")
        others = rf"{two}|(?<!\w)(?:{matrices})(?!\w)"  # beside E without an index Eᵢ is no entry of a row
        is_of_rows = len(_below(letters)) < 2 and regex.search(one, text) and not regex.search(others, text)
        if not is_of_rows or not self._is_read_as("class"):
            return text, letters
        to = dict(zip(LETTERS, f"{LETTERS[2:]}ij", strict=True))
        text = regex.sub(f"[{INDICES}]", lambda m: _below(to[_letters(m[0])]), text)
        bare = rf"(?<![\w.])([{LETTERS}])(?![\w.(])"
        text = regex.sub(bare, lambda m: m[0] if m[0] in self.words else to[m[0]], text)
        text = regex.sub(one, rf"\1{INDICES[0]}\2", text)
        return text, letters and f"i{to[_letters(_below(letters))]}"

    def _bound(self, text: str) -> str:
        """A formula in which sums without an index are over those of their factors, if it is read so: ``Σ aᵢ Xᵢ``."""
        for m in [*regex.finditer(rf"Σ(?![{INDICES}])", text)][::-1]:
            term = text[m.end() : _end_of_term(text, m.end())]
            bound = "".join(regex.findall(f"Σ([{INDICES}]+)", term))
            at = "".join(sorted({*regex.findall(f"[{INDICES}]", term)} - {*bound}))
            if at and self._is_read_as("bound"):
                at = "".join(c for c in at if term.count(c) > 1) or at
                text = f"{text[: m.end()]}{at} {text[m.end() :]}"
        return text

    def _measured(self, text: str, shape: tuple[int, ...], order: str, is_typed: bool) -> None:
        """Find how far each index goes: by the result, or else by the values that have it. An order that is not typed
        is that of the sheet, which counts only if the lengths fit.
        """
        used = {c.translate(_SUBSCRIPTS) for c in text if c in INDICES}
        sums = "".join(regex.findall(rf"(?:Σ|{_REDUCTION})([{INDICES}]+)", text)).translate(_SUBSCRIPTS)
        alone = {*LETTERS} & {*regex.findall(_TOKEN, text)}
        bare = {c for c in alone if c not in self.words or c in sums or c in order and self._is_matrix(c)}
        bare -= {*"mn"} - used - {*order}  # a number of entries that has another name
        bare |= {t[1] for t in regex.findall(_TOKEN, text) if regex.fullmatch(_BARE_INDEX, t)}
        free = "".join(sorted((used | bare) - {*sums}))
        several = [n for n in shape if n != 1]
        words = [_split(w) for w in regex.findall(_TOKEN, text)]
        shapes = {**self.shapes, **self.full}
        uses = [(shapes[self.words[w]], at) for w, at in words if self.words.get(w) in self.shapes]
        self._of_result, self.free = order + free, free
        if is_typed and {*order} - {*free} and (more := sorted({*free} - {*order})):  # dL/dwᵢ = λ wⱼ
            raise Unread(f"the index {more[0]} does not stand on the left side")
        is_said = any([*sizes] == several and _letters(at) == free for sizes, at in uses)  # by gapᵢⱼ
        self.order = self._ordered(text, order, free, shape, self._fitting(free, several, uses), is_typed, is_said)
        self._extend(uses, shape, several, sums)
        lists = regex.findall(rf"stack\(\[([^][]*)\]\)\)([{INDICES}]+)", text)
        stacks = [(regex.findall(r"[^\W\d]\w*", of), _letters(at)) for of, at in lists]  # aᵢⱼ of a1, a2, …
        self.extents = {**{at[0]: len(of) for of, at in stacks if at[0] in sums}, **self.extents}
        #: The indices that go as far as the shortest of some values.
        self.ragged = (self._ragged(words) | self._in_stacks(stacks)) & {*sums} - {*self.order, *free}
        self.ends = {c: n for c, n in self.ends.items() if c not in self.ragged}
        order = self.order or free
        pins = [at for sizes, at in uses if len(_letters(at)) in (len(sizes), 2)]
        products = regex.search(r"\.T|@|\*\+\+|outer|‖", text)
        #: The indices that may be those of rows, where derivations have them on another axis.
        single = regex.findall(rf"(?<!\w)({self._arrays})([{INDICES}])(?![{INDICES}₊₋])", text)
        beside = [c for w, c in single if any(v == w and d != c for v, d in single)]  # qᵢ - qⱼ
        listed = "".join(at for _, at in stacks if at[1:])
        of_rows = {*LETTERS[:1], *order, *bare, *listed, *_letters("".join([*pins, *beside]))}
        self.rows = LETTERS if products else of_rows
        rest = _letters(regex.sub(f"Σ[{INDICES}]+", "", text))
        within = ((self.shapes.get(self.words.get(w, ""), ()), at) for w, at in regex.findall(_IN_BRACKETS, text))
        pairs = (pair for sizes, at in within for pair in zip(at.replace(" ", "").split(","), sizes, strict=False))
        self.extents = {**{c: n for c, n in pairs if len(c) == 1}, **self.extents}  # of j in g[k-j,j]
        if endless := sorted({*sums} & bare - self.extents.keys() - {*rest}):
            raise Unread(f"it cannot be read how far {endless[0]} goes: write x_{endless[0]} for the entries of x")
        self.extents = {**dict.fromkeys(bare, shape[0] if shape else 1), **self.extents}
        self._bare, self._scope, self._sums = bare if shape or used else set[str](), "", sums

    def _ragged(self, words: Iterable[tuple[str, str]]) -> set[str]:
        """The indices of values in a loop that have different numbers of entries."""
        sizes: dict[str, set[tuple[int, ...]]] = {}
        known = ((self.words[w], at) for w, at in words if self.words.get(w) in self.shapes)
        read = [(regex.sub(r"\d+$", "", w), (*self.shapes[w],), at) for w, at in known]
        for stem, shape, _ in read:
            sizes.setdefault(stem, set()).add(shape)
        return {c for stem, _, at in read if len(sizes[stem]) > 1 for c in _letters(at)}

    def _in_stacks(self, stacks: Sequence[tuple[Sequence[str], str]]) -> set[str]:
        """The indices of :meth:`_ragged` where the values of a loop stand in a list."""
        sizes = (({(*self.shapes.get(w, ()),) for w in of}, at) for of, at in stacks)
        return {c for shapes, at in sizes if len(shapes) > 1 for c in at[1:]}

    def _ordered(
        self, text: str, order: str, free: str, shape: Sequence[int], fits: Sequence[str], is_typed: bool, is_said: bool
    ) -> str:  # fmt: skip
        """The order of the indices of a result; nothing if it is that of the letters, as one of its arrays has them."""
        if not is_typed and {*order} == {*free} and order not in fits and free in fits:
            return ""  # dL/dkeysᵢₖⱼ, where i, j and k are those of its axes
        if order and {*order} <= {*free} or {*free} <= {*order}:
            return order
        written, axes = _in_order(text, free), LETTERS[: len(shape)]
        if len(written) == len(free) > 1 and written != free and not is_said and self._is_read_as("written"):
            return written
        if len(fits) == 1 and fits[0] != free:
            return fits[0]
        return axes if {*free} < {*axes} and self._is_read_as("axes") else ""

    def _extend(self, uses: Uses, shape: Sequence[int], several: Sequence[int], sums: str) -> None:
        """Find how far indices go, and those of sums that are moved, or of vectors of two lengths: as far as each value
        with them.
        """
        order = self.order or self.free
        lengths = zip(order, several if len(several) == len(order) else shape, strict=False)
        self.ends = {c: n for c, n in lengths if c not in sums}
        used = [(c, n) for sizes, at in uses for c, n in zip(_letters(at), sizes, strict=False)]
        self.extents = {**dict(used[::-1]), **self.ends}
        inside = [(c.translate(_SUBSCRIPTS), n - max(_moved(sign, k), 0), sign,
                   n if len(sizes) == 1 < n or is_row else 0)
                  for sizes, at in uses for is_row in [_is_row(_letters(at), len(sizes))]
                  if len(_letters(at)) == len(sizes) or is_row
                  for (c, sign, k), n in zip(regex.findall(_MOVED, at), sizes, strict=False)]  # fmt: skip
        for c in {*sums} - {*order}:
            of = [rest for d, *rest in inside if d == c]
            if any(sign for _, sign, _ in of) or len({size for *_, size in of} - {0}) > 1:
                self.ends[c] = min(n for n, *_ in of)

    @staticmethod
    def _fitting(free: str, sizes: Sequence[int], uses: Uses) -> list[str]:
        """The orders of the indices of a result in which each is as long as in the values."""
        ends = {(c, n) for lengths, at in uses if len(_letters(at)) == len(lengths) and not regex.search("[₊₋]", at)
                for c, n in zip(_letters(at), lengths, strict=True)}  # fmt: skip
        orders = permutations(free) if len(free) == len(sizes) < 4 else ()
        used = {at for at in ends if at[0] in free}
        return ["".join(order) for order in orders if used == {*zip(order, sizes, strict=True)}]

    def rewritten(self, tokens: list[str]) -> str:
        out: list[str] = []  # operands and operators
        calls = False  # whether brackets behind the last operand are those of a call
        while tokens:
            t = tokens.pop(0)
            if t in _CLOSING:
                self._brackets(t, tokens, out, calls)
                calls = False
            elif t == "‖" or t == "|" and not (out and _is_operand(out[-1]) and not out[-1].isdigit()):
                self._bars(t, tokens, out)
            elif out and regex.fullmatch(_AT, t):  # (K @ v)ᵢ
                out[-1] = self._placed(out[-1], t)
            elif n := self._under(t, tokens):
                out += ["/", f"({self.rewritten(tokens[:n])})"]
                del tokens[:n]
            elif of := self._reduction(t, tokens):
                return "".join(out) + self._sum(of, t.removeprefix("Σ"), tokens, "".join(out[-1:]))
            elif tokens and (t == "√" or t in _PREFIX and tokens[0][0] not in "(." and t not in self.words):
                _add(out, self._called(_CALLED.get(t, t), tokens))
            elif (word := self._infix.get(t)) and out and tokens:
                out[-1] = f"{word}({out[-1]},{self._operand(tokens)})"
            elif regex.fullmatch(r"\.[^\d].*", t) and out:
                out[-1] += t
                calls = t not in _TURNED
            elif t[0].isalpha() or t[0] == "_":
                calls = self._name(t, tokens, out)
            else:
                _add(out, t)
        return "".join(out)

    def _called(self, word: str, tokens: list[str]) -> str:
        """A function without brackets, perhaps with a power: ``√n``, ``tanh² x``."""
        power = regex.match(r"\*\*(?:2|\(2\))", "".join(tokens[:4]))
        del tokens[: len(regex.findall(_TOKEN, power[0])) if power else 0]
        is_number = len(tokens) > 1 and word != "sqrt" and regex.fullmatch(r"\d+\.?\d*", tokens[0]) is not None
        if is_number and tokens[1][0].isalpha() and self._is_read_as("argument"):  # sin 2γ
            factor = tokens.pop(0)
            return f"{word}({factor}*{self._operand(tokens)}){power[0] if power else ''}"
        return f"{word}({self._operand(tokens)}){power[0] if power else ''}"

    def _bars(self, bar: str, tokens: list[str], out: list[str]) -> None:
        """Add what stands in bars: ``|x|``, ``‖x‖``, ``‖Z‖ⱼ``."""
        inner = _group(tokens, bar)
        over = f",over=_{_letters(tokens.pop(0))}" if tokens and regex.fullmatch(_AT, tokens[0]) else ""
        _add(out, f"{_BARS[bar]}({self.rewritten(inner)}{over})")

    def _brackets(self, opening: str, tokens: list[str], out: list[str], calls: bool) -> None:
        """Add what stands in brackets: arguments of a call, an index, or a factor."""
        inner = _group(tokens)
        if opening == "[" and out[-1:] == ["1"]:  # 1[z > 0], 1[not seen]
            is_not = inner[:1] == ["not"]
            with self._within(opening):
                condition = self.rewritten(_compared(inner[is_not:]))
            out[-1] = f"(1-({condition}))" if is_not else f"(1*({condition}))"
            return
        is_vector = tokens[:1] == [".T"] and "," in inner and ":" not in inner and inner[0] != "["  # g [x, h]ᵀ
        before = "".join(out[-1:])
        is_one = self.shapes.get(before) == () and before not in self.full
        is_number = regex.fullmatch("[0-9.]+", before) or is_one  # 2/n [a, b]
        is_index = opening == "[" and not is_vector and not is_number
        inner = _compared(inner) if calls and out[-1] == "where" else inner
        with self._within(opening):
            inside = opening + self.rewritten(inner) + _CLOSING[opening]
        if out and (calls or is_index) and _is_operand(out[-1]):
            out[-1] += inside
        else:
            _add(out, inside)

    def _name(self, word: str, tokens: list[str], out: list[str]) -> bool:
        """Add a value, or the name of a function, for which it returns true."""
        if regex.fullmatch(_BARE_INDEX, word):
            _add(out, f"indexed({word})")
            return False
        base, at = _split(word)
        if at and tokens and self._is_along(base, tokens[0] == "("):
            is_call = tokens[0] == "(" and tokens.pop(0)
            inside = self.rewritten(_group(tokens)) if is_call else self._operand(tokens)
            behind = f",at=_{_letters(tokens.pop(0))}" if tokens and regex.fullmatch(_AT, tokens[0]) else ""
            _add(out, f"{base}({inside},over=_{_letters(at)}{behind})")
            return False
        is_array = word in self.words and tokens[:1] == ["["]
        if word in self._bare and not is_array and self._is_index(word):  # the k of Σₖ, and no array k
            _add(out, f"indexed(_{word})")
            return False
        is_function = base not in self.words or word in self.functions and tokens[:1] == ["("] and self._is_call()
        is_dotted = tokens and tokens[0][0] == "." and tokens[0] not in _TURNED
        if is_function and not is_dotted and (factors := self._factors(base)):  # βμᵢ
            tokens[:0] = [*factors[:-1], factors[-1] + at]
            return self._name(tokens.pop(0), tokens, out)
        prefix = next((w for w in _PREFIX if base.startswith(w) and base[len(w) :] in self.words), "")
        if is_function and not is_dotted and prefix and base not in self.functions:  # sinγ
            tokens[:0] = [base[len(prefix) :] + at]
            _add(out, self._called(prefix, tokens))
            return False
        value = self.words.get(base, "")
        _add(out, word if is_function else self._placed(value, at) if at else value)
        return is_function

    def _is_index(self, word: str) -> bool:
        """Whether a letter alone is an index: outside of its sum n is a number, inside perhaps: ``1/n Σₙ xₙ / n``."""
        _, of_sum, behind = self._scope.rpartition(word)
        if word in self.words and not (self._is_matrix(word) and word in self._of_result):
            return bool(of_sum) and ("[" in behind or self._is_read_as("index"))
        if not of_sum and word in self._sums and word not in self._of_result:
            raise Unread("an index of a sum stands outside of it, where it is no name on this sheet")
        return True

    @contextmanager
    def _within(self, scope: str) -> Iterator[None]:
        """Inside of a sum over some letters, or of brackets."""
        before, self._scope = self._scope, self._scope + scope
        yield
        self._scope = before

    def _is_along(self, base: str, is_call: bool) -> bool:
        """Whether it is a function along axes: ``softmaxⱼ(S)ᵢⱼ``, ``minₖ dᵢₖ``; perhaps ``meanᵢ(x)`` beside a value."""
        if base in self.words:
            return is_call and base in self.functions and self._is_call()
        return is_call or base in _OF_OPERAND

    def _is_call(self) -> bool:
        """Whether a function is meant, and not the value of that name: ``σ(z)`` where σ is a number."""
        return self._is_read_as("call")

    def _factors(self, word: str) -> list[str]:
        """The values of which a word that is no name is the product: β and μ of ``βμ``; nothing if it is none."""
        if word in self.functions or word in _PREFIX or word.startswith("d") or word in self.words:
            return []
        for k in range(len(word) - 1, 0, -1):
            rest = [word[k:]] if word[k:] in self.words else self._factors(word[k:])
            if word[:k] in self.words and rest:
                return [word[:k], *rest]
        return []

    def _placed(self, value: str, at: str) -> str:
        """A value with its indices, which may be moved."""
        by = [_moved(sign, k) for _, sign, k in regex.findall(_MOVED, at)]
        behind = f",({','.join(map(str, by))},)" if any(by) else ""
        return f"indexed({value},_{_letters(at)}{behind})"

    def _reduction(self, t: str, tokens: Sequence[str]) -> str:
        """The function of a sum, or of a mean that is written as a sum is: ``meanᵢ xᵢ``."""
        is_mean = _split(t)[0] == "mean" and "mean" not in self.words and tokens[:1] not in ([], ["("])
        return "sum" if t[0] == "Σ" else "mean" if is_mean else ""

    def _sum(self, word: str, letters: str, tokens: list[str], before: str) -> str:
        """A sum or a mean over the term that follows, and what stands behind that."""
        letters = letters.removeprefix(word)
        depth, end = 0, len(tokens)
        for k, t in enumerate(tokens):
            depth += (t in "([{") - (t in ")]}")
            is_end = depth == 0 and tokens[:k].count("‖") % 2 == 0 and t in ("+", "-", ",", "<", ">")
            if k and is_end and tokens[k - 1] not in _OPERATORS:
                if t in ("+", "-") and self._is_in_sum(letters, tokens[k + 1 :]):
                    continue
                end = k
                break
        if {*letters} - {*INDICES}:
            raise Unread(f"Σ{letters} cannot be read: sums are over {' '.join(INDICES)}; write its terms")
        over = f",over=_{_letters(letters)}" if letters else ""
        with self._within(_letters(letters)):
            near, between = self._near(letters, tokens[:end]), ""
            if near < end and self._is_read_as("next below" if before == "/" else "next"):
                end, between = near, "" if tokens[near] in _OPERATORS[:-2] else "*+"
            term = self.rewritten(tokens[:end])
        rest = self.rewritten(tokens[end:])
        return f"{'*+' if _is_operand(before) else ''}{word}({term}{over}){between}{rest}"

    def _near(self, letters: str, tokens: Sequence[str]) -> int:
        """Where the first factor of a sum ends, if the index is not in what follows: ``2 / Σᵢ mᵢ x``."""
        rest = [*tokens]
        _ = rest and self._operand(rest)
        while rest and (rest[0] == "**" or regex.fullmatch(_AT, rest[0])):
            if rest.pop(0) == "**":
                self._operand(rest)
        own = next((k for k, t in enumerate(rest) if t.startswith("Σ")), None)
        is_in_rest = {*"".join(_split(t)[1] for t in rest[:own])} & {*letters}
        is_whole = is_in_rest or rest[:1] == ["/"] or "".join(tokens)[:1].isdigit()
        return len(tokens) - (0 if is_whole else len(rest))

    def _is_in_sum(self, letters: str, tokens: Sequence[str]) -> bool:
        """Whether the next term has an index of the sum before it, which the result has not: ``Σᵢ aᵢ - bᵢ``."""
        term = "".join(tokens)
        tokens = tokens[: len(regex.findall(_TOKEN, term[: _end_of_term(term, 0)]))]
        own = next((k for k, t in enumerate(tokens) if t.startswith("Σ") and {*t} & {*letters}), None)
        words = (_split(t) for t in tokens[:own])  # softmaxⱼ has none
        at = _letters("".join(at for w, at in words if w in self.words or w not in self.functions))
        return bool({*at} & {*_letters(letters)} - {*self._of_result}) and not regex.match("Σ", term)

    def _under(self, line: str, tokens: Sequence[str]) -> int:
        """How many tokens an inner product below a line has, if it is read so: ``a / wᵀ w``."""
        rest, depth = [*tokens], 0
        if line == "/" and (norms := regex.match(_NORMS, " ".join(tokens))):  # a / ‖u‖³‖v‖
            return norms[0].count(" ") + 1 if self._is_read_as("under") else 0
        first = [rest.pop(0), *_group(rest), ")"] if tokens[:1] == ["("] else tokens[:1]
        start = len(first) + 1
        if line != "/" or tokens[start - 1 : start] != [".T"]:
            return 0
        for end, t in enumerate([*tokens[start:], ","], start):
            depth += (t in "([{") - (t in ")]}")
            if depth == 0 and (t in _OPERATORS[:-2] or t in ",<>"):
                return end if end > start and self._is_read_as("under") else 0
        return 0

    def _operand(self, tokens: list[str]) -> str:
        """The next operand: a name or number, or a group, with what is attached to it."""
        taken = [tokens.pop(0)]
        if taken[0] in _CLOSING:
            taken += [*_group(tokens), _CLOSING[taken[0]]]
        opening = "[" if _split(taken[0])[0] in self.words or taken[0][0].isdigit() else "(["  # √3 (a + b)
        while tokens and (tokens[0] in opening and taken[-1] != ")" or tokens[0].startswith(".")):
            t = tokens.pop(0)
            taken += [t, *_group(tokens), _CLOSING[t]] if t in _CLOSING else [t]
        return self.rewritten(taken)


def variants(text: str, words: Mapping[str, str], shapes: Mapping[str, Sequence[int]]) -> Iterator[tuple[str, str]]:
    """A formula with one change that undoes a likely mistake, each with the name of the mistake: another sign, another
    step, another transpose, or a factor of a term.
    """
    text = regex.sub(r"_\{t ?([-+]) ?1\}", lambda m: f"ₜ{'₋₊'[m[1] == '+']}₁", decomposed(text))
    text = regex.sub(r"(?<=\w)_t(?!\w)", "ₜ", text)
    for m in regex.finditer(r"[-+−]", text):
        if not regex.search(r"([*/@%^=]|\d[eE]|₍)\s*$", text[: m.start()]):
            term = text[m.end() : _end_of_term(text, m.end())].strip()
            yield f"the sign before {_short(term)} is wrong", f"{text[: m.start()]}{'-+'[m[0] != '+']}{text[m.end() :]}"
    at_step = rf"([^\W\d][\w{_MARKS}/]*?)ₜ([₊₋]₁)?"
    at_steps = [*regex.finditer(at_step, text)]
    values = [*dict.fromkeys(m[0] for m in at_steps if not regex.search("[/Σ]", m[1]))]
    for step in ("₋₁", "₊₁") if len(values) > 1 and all(w[-1] == "ₜ" for w in values) else ():
        moved = regex.sub(rf"(?<![\w/])(?:{_any(values)})", rf"\g<0>{step}", text)
        yield f"{' and '.join(values)} are of another step than they should be", moved
    for m in sorted(at_steps, key=lambda m: "/" in m[1]):  # dL/dhₜ hₜ: more likely it is hₜ₋₁
        for step in (k for k in ("", "₋₁", "₊₁") if k != (m[2] or "")):
            yield f"{m[0]} is of another step than it should be", f"{text[: m.start()]}{m[1]}ₜ{step}{text[m.end() :]}"
    of_gradients = rf"((?:^|(?<!\w))[d∂]\w+/[\w{_MARKS}]+?ₜ)(?![₊₋])"
    for step in ("₊₁", "₋₁") if len(regex.findall(of_gradients, text)) > 1 else ():
        yield "the gradients are of another step than they should be", regex.sub(of_gradients, rf"\1{step}", text)
    for m in regex.finditer(r"\[t([-+]1)?(?=[\],])", text):
        word = regex.findall(r"[\w/]*$", text[: m.start()])[0]
        for step in (k for k in ("", "-1", "+1") if k != (m[1] or "")):
            yield f"{word}{m[0]}] is of another step than it should be", f"{text[: m.start()]}[t{step}{text[m.end() :]}"
    for m in regex.finditer("ᵀ|\\.T\\b", text):
        operand = regex.search(r"(\([^()]*\)|[\w/]*)$", text[: m.start()])
        yield f"{operand[0] if operand else ''}ᵀ is transposed, and should not be", text[: m.start()] + text[m.end() :]
    for m in regex.finditer(rf"(?:(?<=/)d|(?<!\w))[^\W\d][\w{_MARKS}]*(?:/d[\w{_MARKS}]+)?", text):
        if len(shapes.get(words.get(m[0], ""), ())) == 2 and text[m.end() : m.end() + 1] not in ("ᵀ", "⁻", "."):
            yield f"{m[0]} has to be transposed", f"{text[: m.start()]}({m[0]})ᵀ{text[m.end() :]}"
    yield from _variants_of_terms(text, words)


def _variants_of_terms(text: str, words: Container[str]) -> Iterator[tuple[str, str]]:
    """Those in which one term has a sum or a factor more."""
    start = len(regex.findall(r"^(?:[^=<>!\[(]*=(?!=)|)", text)[0])  # behind a left side
    while start < len(text):
        sign = regex.findall(r"^\s*[-+−]?", text[start:])[0]
        end = _end_of_term(text, start + len(sign))
        term = text[start + len(sign) : end]
        for c in INDICES:
            if regex.search(f"{c}|_{_letters(c)}(?!\\w)", term) and not regex.search(f"Σ[{INDICES}]*{c}|Σ_", term):
                changed = f"{text[:start]}{sign or '+'} Σ{c} ({term}) {text[end:]}"
                yield f"the sum over {_letters(c)} is missing in {_short(term)}", changed
        for factor, says in (("2", "2"), ("½", "1/2"), ("n", "n"), ("1/n", "1/n")):
            if end - start < len(text) and (factor[-1] != "n" or "n" in words):
                changed = f"{text[:start]}{sign or '+'} ({factor}) ({term}) {text[end:]}"
                yield f"the term {_short(term)} has to be multiplied by {says}", changed
        start = max(end, start + 1)


def with_names(text: str, constants: Sequence[tuple[float, str]]) -> Iterator[str]:
    """A formula with names in the place of numbers that are those of given values, or twice or half of them, what is
    left of 1, or a product of two: first in the place of all of these.
    """
    several: list[list[str]] = []
    for k, part in enumerate(regex.split(f"({_LITERAL})", text)):
        size = float(SIGNS.get(part, part)) if k % 2 else math.nan
        options = [f"({w})" if x > 0 else f"(-{w})" for x, w in constants if abs(x) == size]
        for c, form in ((2, "(2*{})"), (0.5, "({}/2)")):
            named = ((x, w) for x, w in constants if abs(x) not in (0, 1) and c * abs(x) == size)
            options += [form.format(w if x > 0 else f"-{w}") for x, w in named]
        options += _computed(size, constants) if size % 1 else ()
        several.append([part, *sorted(options, key=lambda word: "[" in word)][:5])
    if any(options[1:] for options in several):
        yield "".join(options[:2][-1] for options in several)
    yield from map("".join, islice(product(*several), 1, 64))


def _computed(size: float, constants: Sequence[tuple[float, str]]) -> Iterator[str]:
    """What a number may have been computed as from those with a name: 1 - α, or α T."""
    several = [(x, w) for x, w in constants if x not in (0, 1) and "[" not in w]
    yield from (f"(1-{w})" for x, w in several if math.isclose(1 - x, size))
    yield from (f"({w}*{v})" for (x, w), (y, v) in combinations(several, 2) if math.isclose(x * y, size))


def _in_round(term: str, word: str, k: int) -> str:
    """A term with the number of a round in the place of its variable: ``h[0]`` for ``h[t-1]``, h_1 for h_t."""

    def moved(m: re.Match[str]) -> str:
        n = k + int((m[1] or m[2] or "0").replace(" ", ""))
        return f"[{n}]" if m[0][0] == "[" else f"_{n}"

    at = rf"{word} ?([-+] ?\d+)?"
    term = regex.sub(rf"\[{at}\]|_\{{{at}\}}|_{word}(?!\w)", moved, term)
    return regex.sub(rf"(?<![\w.]){word}(?!\w)", str(k), term)


def _is_row(letters: str, ndim: int) -> bool:
    """Return True for the index of a row, ``dL/dxᵢ`` of a matrix: the first letter, or one that is of no axis."""
    return ndim > 1 and len(letters) == 1 and letters not in LETTERS[1:ndim]


def _any(words: Iterable[str]) -> str:
    """A pattern for any of some words, the longest first."""
    return "|".join(map(re.escape, sorted(words, key=len, reverse=True))) or "(?!)"


def _behind(letter: str, words: Iterable[str]) -> str:
    """What stands behind a letter in names: 3 and _3 of π3 and π_3."""
    return f"(?:{_any(w[1:] for w in words if w[0] == letter and w[1:])})"


def _called_t(words: Mapping[str, str], shapes: Container[str]) -> list[str]:
    """The names ``x_t`` of values."""
    return [w for w, word in words.items() if w.endswith("_t") and word in shapes]


def _short(term: str) -> str:
    term = term.strip()
    return term if len(term) <= 30 else f"{term[:28]}…"


def _moved(sign: str | None, k: str | None) -> int:
    """How far an index is moved: -1 for ``ᵢ₋₁``."""
    return int(f"{sign}{k}".translate(_DIGITS)) if sign else 0


_CALLED = {"√": "sqrt", "ln": "log"}
_CLOSING = {"(": ")", "[": "]", "{": "}"}
_BARS = {"|": "bars", "‖": "norm"}


def _condition(m: re.Match[str]) -> str:
    """The condition of a sum: ``k >= i`` below it."""
    return f"{m[1]}{m[2]}{m[3]}".translate(_SUBSCRIPTS)


def _group(tokens: list[str], bar: str = "") -> list[str]:
    """Remove the tokens up to the bracket or the bar that closes, and return those before it."""
    depth = 0 if bar else 1
    for k, t in enumerate(tokens):
        depth += (t in "([{") - (t in ")]}")
        if depth == 0 and t == bar or depth == 0 and not bar:
            inside = tokens[:k]
            del tokens[: k + 1]
            return inside
    raise Unread(f"'{bar or '('}' was never closed")


def _compared(tokens: Sequence[str]) -> list[str]:
    """The tokens of a condition, in which one may write = for ==."""
    depths = accumulate((t in "([{") - (t in ")]}") for t in tokens)
    return ["==" if t == "=" and depth == 0 else t for t, depth in zip(tokens, depths, strict=True)]


def _end_of_term(text: str, start: int) -> int:
    """Where the term ends that begins there."""
    depth = 0
    for k in range(start, len(text)):
        depth += (text[k] in "([{") - (text[k] in ")]}")
        is_sign = text[k] in "+-" and not regex.search(r"(^|[*/@%]\+*)\s*$|\d[eE]$", text[start:k])
        is_end = is_sign or text[k] in ",;<>" and not text.startswith(", 0 elsewhere", k)
        if depth < 0 or depth == 0 and is_end and text.count("‖", start, k) % 2 == 0:
            return k
    return len(text)


def _end_of_sum(text: str, start: int, c: str) -> int:
    """Where a sum over an index ends that begins there, of terms that all have it: ``Σₜ aₜ + bₜ``."""
    end = _end_of_term(text, start)
    while regex.match(rf"[-+][^Σ]*?{c}", text[end : (following := _end_of_term(text, end + 1))]):
        end = following
    return end


def _opening(text: str, end: int) -> int:
    """Where the bracket stands that is open at a place; -1 if none is."""
    depths = accumulate((c in ")]}") - (c in "([{") for c in text[end - 1 :: -1])
    return next((end - 1 - k for k, depth in enumerate(depths) if depth < 0), -1)


def _start_of_term(text: str, end: int) -> int:
    """Where the term begins that ends there: behind a bracket that is open, or behind a sign between two terms."""
    depth = 0
    for k in range(end - 1, -1, -1):
        depth += (text[k] in ")]}") - (text[k] in "([{")
        is_sign = text[k] in "+-" and not regex.search(r"[*/@%]\+*\s*$|\d[eE]$", text[:k])
        if depth < 0 or depth == 0 and (is_sign or text[k] in ",<>="):
            return k + 1
    return 0


def _is_operand(word: str) -> bool:
    return bool(regex.match(r"[\w.(\[{'\"]", word)) and word not in _WORDS and word != "."


def _add(out: list[str], word: str) -> None:
    """Add a token; between two operands there is a product."""
    if word in _WORDS:
        word = f" {word} "
    elif out and _is_operand(out[-1]) and _is_operand(word):
        out.append("*+")  # in the place of a sign: it may be a product of matrices
    out.append(word)


def _letters(at: str) -> str:
    """The letters of indices, which may be moved: ``ij`` of ``ᵢ₊₁ⱼ``."""
    return "".join(c for c in at if c in INDICES).translate(_SUBSCRIPTS)


def _below(letters: str) -> str:
    """Indices below the line, which may be moved, and the number of a step."""
    letters = letters.translate(_SMALL).translate(str.maketrans(f"{LETTERS}t", f"{INDICES}ₜ"))
    return regex.sub(f"[^{INDICES}ₜ{_BELOW}]", "", letters)


def _in_order(text: str, letters: str) -> str:
    """Letters in the order in which a formula has them as indices, or alone."""
    places = regex.findall(rf"[{INDICES}]|(?<!\w)[i-n](?!\w)", text)
    return "".join(dict.fromkeys(c for c in (place.translate(_SUBSCRIPTS) for place in places) if c in letters))


def _of_row(text: str, letters: str, is_of_step: bool) -> tuple[str, str]:
    """A formula for a row at each step with an index for t, and the indices: ``dL/dEₜⱼ = dL/daₜⱼ``."""
    at = _below(letters)
    is_row = "Σₜ" not in text and not is_of_step and at[1:] and at[0] not in text and {*at[1:]} <= {*text}
    if "ₜ" not in text or not (at[:1] == "ₜ" and at[1:] or is_row):
        return text, letters
    c = next(x for x in INDICES[::-1] if x not in text + at)
    text = regex.sub(_BARE, c.translate(_SUBSCRIPTS), text.replace("ₜ", c))
    return regex.sub(_ENTRY, lambda m: _below(m[1]), text), c + at[1:]


def _numbered(number: str) -> str:
    return _below(number) if "t" in number else number


def _braced(m: re.Match[str]) -> str:
    """What stands in braces below the line: ``ᵢⱼ₋₁`` for ``_{i,j-1}``, ``[t-1,0]`` for ``_{t-1,0}``."""
    parts = regex.findall(r"[ti-n](?: ?[-+] ?\d+)?|\d+", m[1])
    if regex.fullmatch(r"[i-n]\W*\([i-n, ]+\)|\([i-n, ]+\)\W*[i-n]", m[1]):  # dL/dJ_{j(ik)}
        return "".join({"(": "₍", ")": "₎"}.get(c, _below(c)) for c in m[1])
    if regex.search("[i-n][^,]*[-+] ?[i-n]", m[1]):  # x_{i+j}, x_{i+2-k}
        return f"[{m[1]}]"
    if regex.sub("[ ,]", "", m[1]) != "".join(parts).replace(" ", "") or not parts:
        word, _, at = m[1].partition(",")  # acc_{new,t}
        return f"_{word.strip()}{_below(at)}" if regex.fullmatch(r"\s*[A-Za-z]\w*\s*", word) else m[0]
    if any(a[0] in LETTERS and b.isdigit() for a, b in pairwise(parts)):
        return f"[{','.join(parts)}]"
    if all(part[0] not in LETTERS for part in parts):
        return f"[{','.join(parts)}]" if parts[1:] else f"_{parts[0]}" if parts[0].isdigit() else _below(parts[0])
    return _below("".join(parts))


def below_t(letter: str) -> str:
    return f"ₜₛ{INDICES}"[f"ts{LETTERS}".index(letter)]


def _split(word: str) -> tuple[str, str]:
    """A word and the indices behind it."""
    m = regex.fullmatch(rf"(.+?)((?:{_AT})?)", word, re.DOTALL)
    return (m[1], m[2]) if m else (word, "")
