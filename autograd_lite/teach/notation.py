"""Formulas as they are typed or copied from a board, as Python text: ``½ Σ (P - y)²``, ``dL/dS``, ``2 P (1 - P)``.

The text is only rewritten here; :mod:`~autograd_lite.teach.answers` interprets it. Text without these symbols is
unchanged, and what cannot be read is left for the parser to reject.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Container, Iterable, Mapping, Sequence
from itertools import accumulate

INDICES = "ᵢⱼₖₗₘₙ"
LETTERS = "ijklmn"  # the indices of axes, as derivations are printed
_SUBSCRIPTS = str.maketrans(INDICES, LETTERS)
_SMALL, _DIGITS = str.maketrans(_NUMBER := "0123456789+-", _BELOW := "₀₁₂₃₄₅₆₇₈₉₊₋"), str.maketrans(_BELOW, _NUMBER)
_MARKS = "\u0300-\u036f"  # a hat or a bar on the letter before
_SIGNS = {
    "²": "**2 ", "³": "**3 ", "ᵀ": ".T ", "·": "*+", "×": "*", "⊙": "*", "−": "-", "½": " 0.5 ", "¼": " 0.25 ",
    "^": "**", "≥": ">=", "≤": "<=", "≠": "!=", "⁻¹": ".I", "⁻ᵀ": ".I.T",
}  # fmt: skip
_SIGN = re.compile("|".join(map(re.escape, sorted(_SIGNS, key=len, reverse=True))))
_TOKEN = re.compile(
    rf"(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?j?(?!\w)|\d+|[^\W\d](?:[\w{_MARKS}]|[₊₋](?=[₀-₉]))*|\.[A-Za-z]\w*|"
    r"'[^']*'|\"[^\"]*\"|"
    r"\*\*|//|<<|>>|[<>=!:]=|\s+|."
)
_AT = rf"(?:[{INDICES}](?:[₊₋][₀-₉]+)?)+"  # the indices of an operand, which may be moved: uᵢ₊₁ⱼ
_STEP = r"ₜ(?:([₊₋])([₀-₉]+))?"  # the step of a value in a loop, which may be moved: hₜ₋₁
_TYPED_STEP = r"(?<=\w)_(?:t(?!\w)|[({]t\s*(?:([+-])\s*(\d+))?[)}])"  # h_t, h_{t-1}
_RANGE = r"[;,]?\s*\bt\s*=\s*(\d+)\s*(?:…|\.\.+|to)\s*(\d+)\s*$"  # t = 1 … 3
_PLACES = r"(?<!\w)at (\[(?:[^][]|\[[^][]*\])*\]), 0 elsewhere"  # behind a term
_PREFIX = ("ln", "log", "exp", "sqrt", "sin", "cos", "tan", "tanh")  # functions that need no brackets: ln P
_WORDS = ("and", "or", "not", "if", "else", "in", "is", "lambda", "for", "yield", "await")


def decomposed(text: str) -> str:
    """Letters with a hat, a tilde or a bar as letter and mark, as names are printed: ŷ."""
    parts = [(c, unicodedata.normalize("NFD", c)) for c in text]
    return "".join(two if two[1:] in ("\u0302", "\u0303", "\u0304") else c for c, two in parts)


def signs_replaced(text: str) -> str:
    """The signs that stand for one of Python's, replaced."""
    text = re.sub(r"\^T\b", "ᵀ", text)
    return _SIGN.sub(lambda m: _SIGNS[m[0]], text)


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
        The shape of each value. One that has an index for each of them stands in these axes: ``bᵢ`` is a
        column in a formula with j. The axes without an index come last: ``dL/duᵢ`` where ``dL/du`` is a matrix.
    whole : mapping of str to str, optional
        Texts that are read as another one if they are all that was written.

    Examples
    --------
    >>> Board({"P": "P", "dL/dP": "dLdP"}).python("P ⊙ (dL/dP − Σⱼ dL/dPⱼ Pⱼ)")
    'P*(dLdP-sum(dLdP*+P,axis=(1,),keepdims=1))'
    >>> Board({"P": "P", "n": "n"}).python("2P(1 - P)/√n")
    '2*+P*+(1-P)/sqrt(n)'
    >>> Board({"A": "A", "dL/dZ": "dLdZ", "⋆": "correlate"}).python("A ⋆ dL/dZ > 0")
    'correlate(A,dLdZ)>0'
    >>> Board({"a": "a", "b": "b"}, shapes={"a": (3, 2), "b": (3,)}).python("aᵢⱼ / bᵢ")
    'a/indexed(b,(0,),2,0)'
    >>> Board({"w": "w", "u": "u"}, shapes={"w": (4,), "u": (4, 3)}).python("Σᵢ 1[wᵢ = j] uᵢ", (6, 3))
    'sum((1*(indexed(w,(0,),2,1)==indexed(arange(6),(1,),2,1)))*+indexed(u,(0,),2,1),axis=(0,),keepdims=1)'
    >>> Board({"B": "B", "dL/dB": "dLdB"}, shapes={"B": (3, 3)}).python("dL/dBⱼᵢ = Bᵢⱼ", (3, 3))
    'indexed(B,(1,0),2,0)'
    >>> Board({"u": "u"}, shapes={"u": (4,)}).python("uᵢ₋₁", (4,))
    'shifted(u,(-1,),(4,))'
    >>> Board({"u": "u"}).python("2 u at [1:3], 0 elsewhere", (4,))
    'placed(2*+u,np.s_[1:3])'
    >>> Board({"h0": "h0", "h1": "h1", "dL/dz1": "dLdz1", "dL/dz2": "dLdz2"}).python("2 Σₜ dL/dzₜ hₜ₋₁ᵀ")
    '2*+((dLdz1*+h0.T)+(dLdz2*+h1.T))'
    """

    def __init__(
        self, words: Mapping[str, str], functions: Container[str] = (),
        shapes: Mapping[str, Sequence[int]] | None = None, whole: Mapping[str, str] | None = None,
    ) -> None:  # fmt: skip
        self.whole, self.shapes, self._frame = whole or {}, shapes or {}, ""  # the axes of a formula have these indices
        self._extents: dict[str, int] = {}  # of the indices of the result
        self._is_moved = False  # whether an index is, so that all have zeros beyond their ends
        self._bare: set[str] = set()  # the indices that stand by themselves, as in 1[wᵢ = k]
        self._rest = 0  # the axes that have no index
        self._steps: dict[str, set[int]] = {}  # of the values in a loop
        for m in (re.fullmatch(r"(.*[^\W\d])(\d+)", shown, re.DOTALL) for shown in words):
            if m:
                self._steps.setdefault(m[1], set()).add(int(m[2]))
        words = {**words, **{f"{w}0": words[w] for w, steps in self._steps.items() if w in words and 0 not in steps}}
        for w in words.keys() & self._steps:  # without a number it is that of the start
            self._steps[w].add(0)
        values = {w: w for shown, w in words.items() if w.isidentifier() and (len(shown) > 1 or shown.isalnum())}
        self.words, self.functions = {"π": "pi", "∞": "inf", **words, **values}, functions
        #: What is replaced as a whole, the longest first.
        self.copied = [w for w in sorted(words, key=len, reverse=True) if not re.fullmatch(rf"[\w{_MARKS}]+|.", w)]
        self._copied = "|".join(map(re.escape, self.copied)) or "(?!)"

    def python(self, text: str, shape: tuple[int, ...] = (), letters: str = "", steps: Sequence[int] = ()) -> str:
        """A formula for a value of a shape, which may be written with these indices, as a Python expression.

        With one number in `steps`, ``hₜ`` and ``hₜ₋₁`` are the values of that step and of the one before; with several,
        sums over steps are over these, if the values are there.
        """
        text = signs_replaced(decomposed(text))
        if start := re.match(rf"\s*(?:{self._copied}|d\w+?(?:/d\w+?)?)([{INDICES}₍₎]*)\s*=(?!=)", text):
            text, letters = text[start.end() :], start[1] or letters
        text = self._unrolled(self.whole.get(text.strip(), text), steps)
        text = re.sub(r"(?<=\d)\s?π", " np.pi ", text)  # also where a value has that name
        text = re.sub(rf"δ([{INDICES}])([{INDICES}])", lambda m: f"1[{m[1]} = {m[2]}]".translate(_SUBSCRIPTS), text)
        text = re.sub(rf"(?<!\w)({self._copied})(?=(?:{_AT})?(?!\w))", lambda m: self.words[m[1]], text)
        while m := re.search(_PLACES, text):
            k = _start_of_term(text, m.start())
            text = f"{text[:k]} placed({text[k : m.start()]}, np.s_{m[1]}){text[m.end() :]}"
        bounds = rf"Σ([{INDICES}])\s*([<>]=?)\s*([{INDICES}])"  # Σₖ≥ᵢ
        text = re.sub(bounds, lambda m: f"Σ{m[1]} 1[{(m[1] + m[2] + m[3]).translate(_SUBSCRIPTS)}] ", text)
        self._laid_out(text, shape, letters.translate(_SUBSCRIPTS))
        python = self.rewritten([m[0] for m in _TOKEN.finditer(text.replace("∂", "d")) if not m[0].isspace()])
        if m := re.search(r"\w*[₊₋]\w*", python):
            raise ValueError(f"{m[0]} cannot be read: only an index can be moved, as in uᵢ₊₁")
        return python

    def _unrolled(self, text: str, steps: Sequence[int]) -> str:
        """A formula with the values of each step, where it has those of step t, and sums over the steps."""
        text = re.sub(r"(?<=\d)ₜ", "_ₜ", text)  # k1_2 is the second value of k1
        text = re.sub(_TYPED_STEP, lambda m: "ₜ" + (f"{m[1]}{m[2]}".translate(_SMALL) if m[1] else ""), text)
        text = re.sub(rf"(?<!\w)(\d+)(?=[^\W\d][\w{_MARKS}]*ₜ)", r"\1 ", text)  # 2eₜ is no 2e6
        if over := re.search(_RANGE, text):
            text = text[: over.start()]
        while m := re.search("Σₜ", text):
            end = _end_of_term(text, m.end())
            term = text[m.end() : end]
            common = {*range(int(over[1]), int(over[2]) + 1)} if over else self._steps_of(term)
            if len(steps) > 1 and not over and common >= {*steps}:
                common = {*steps}
            terms = "+".join(f"({_at_step(term, t)})" for t in sorted(common))
            text = f"{text[: m.start()]}({terms}){text[end:]}"
        if "ₜ" in text and len(steps) != 1:
            raise ValueError("ₜ cannot be read here: this is the gradient of no step; write Σₜ, or numbers")
        return _at_step(text, steps[0]) if len(steps) == 1 else text

    def _steps_of(self, term: str) -> set[int]:
        """The steps t for which there is each value in a term."""
        steps: list[set[int]] = []
        for m in re.finditer(rf"([^\W\d](?:\w|/(?=d))*?){_STEP}", term):
            word = m[1] if m[1] in self._steps else m[1].rpartition("/")[2]
            steps.append({k - _moved(m[2], m[3]) for k in self._steps.get(word, ())})
        if not (common := set.intersection(*steps) if steps else None):
            shown = term.strip().replace("*+", "·")
            raise ValueError(f"Σₜ cannot be read: there is no step t with each value in {shown}")
        return common

    def _laid_out(self, text: str, shape: tuple[int, ...], order: str) -> None:
        """Choose the axes of a formula: those of the result in their order, then those of its sums."""
        no_parameters = re.sub(r"[,(]\s*\w+\s*=(?!=)", "", text)
        bare = {c for c in re.findall(r"(?<!\w)[i-n](?!\w)", no_parameters) if c not in self.words}
        used = bare.union(c.translate(_SUBSCRIPTS) for c in text if c in INDICES)
        free = sorted(used.difference(*(m.translate(_SUBSCRIPTS) for m in re.findall(f"Σ([{INDICES}]+)", text))))
        self._bare, self._is_moved = bare if shape else set(), re.search(f"[{INDICES}][₊₋]", text) is not None
        if sorted(order) == free and order != "".join(free):
            free = [*order]
            self._frame = order + "".join(sorted(used.difference(order)))
        else:
            length = max([0 if self._bare else len(shape), *(LETTERS.index(c) + 1 for c in used)])
            self._frame = LETTERS[:length]
        self._rest = max(len(shape) - len(free), 0) if self._bare else 0
        several = [n for n in shape if n != 1]
        sizes = zip(free, several if len(several) == len(free) else shape, strict=False)
        self._extents = {**dict.fromkeys(self._bare, shape[0] if shape else 1), **dict(sizes)}

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
            elif out and re.fullmatch(_AT, t):  # (K @ v)ᵢ
                out[-1] = self._placed(out[-1], t, None)
            elif t.startswith("Σ"):
                return "".join(out) + self._sum(t[1:], tokens, bool(out and _is_operand(out[-1])))
            elif (t == "√" or t in _PREFIX and tokens[:1] != ["("]) and tokens:
                _add(out, self._called(_CALLED.get(t, t), tokens))
            elif len(t) == 1 and not t.isalnum() and t in self.words and out and tokens:
                out[-1] = f"{self.words[t]}({out[-1]},{self._operand(tokens)})"
            elif re.fullmatch(r"\.[^\d].*", t) and out:
                out[-1] += t
                calls = t not in (".T", ".mT", ".I")
            elif t[0].isalpha() or t[0] == "_":
                calls = self._name(t, tokens, out)
            else:
                _add(out, t)
        return "".join(out)

    def _called(self, word: str, tokens: list[str]) -> str:
        """A function without brackets, perhaps with a power: ``√n``, ``tanh² x``."""
        power = "".join(tokens[:2]) if tokens[:2] == ["**", "2"] else ""
        del tokens[: 2 * bool(power)]
        return f"{word}({self._operand(tokens)}){power}"

    def _bars(self, bar: str, tokens: list[str], out: list[str]) -> None:
        """Add what stands in bars: ``|x|``, ``‖x‖``, ``‖Z‖ⱼ``."""
        inner = _group(tokens, bar)
        name, at = _split(inner[0]) if len(inner) == 1 else ("", "")
        word, index = self.words.get(name, ""), ""
        axes = range(len(at), len(self.shapes.get(word, ())))
        if bar == "‖" and at and axes:  # of a row, ‖xᵢ‖
            _add(out, self._placed(f"norm({word},axis={_tuple(axes)})", at, None))
            return
        inside = self.rewritten([*inner])
        if tokens and re.fullmatch(_AT, tokens[0]):
            index = f",{self._along(tokens.pop(0), inner)}"
        elif bar == "‖" and any(_split(t)[1] for t in inner):
            raise ValueError(f"‖…‖ of entries cannot be read: write norm({inside}, axis=…)")
        _add(out, f"{_BARS[bar]}({inside}{index})")

    def _brackets(self, opening: str, tokens: list[str], out: list[str], calls: bool) -> None:
        """Add what stands in brackets: arguments of a call, an index, or a factor."""
        inner = _group(tokens)
        if opening == "[" and out[-1:] == ["1"]:  # 1[z > 0], 1[not seen]
            is_not = inner[:1] == ["not"]
            condition = self.rewritten(_compared(inner[is_not:]))
            out[-1] = f"(1-({condition}))" if is_not else f"(1*({condition}))"
            return
        inside = opening + self.rewritten(inner) + _CLOSING[opening]
        if out and (calls or opening == "[" and not re.fullmatch("[0-9.]+", out[-1])) and _is_operand(out[-1]):
            out[-1] += inside
        else:
            _add(out, inside)

    def _name(self, word: str, tokens: list[str], out: list[str]) -> bool:
        """Add a value, or the name of a function, for which it returns true."""
        base, at = _split(word)
        if at and tokens[:1] == ["("] and base not in self.words:  # meanᵢ(…), softmaxⱼ(S)ᵢⱼ
            tokens.pop(0)
            inside = _group(tokens)
            behind = tokens.pop(0) if tokens and re.fullmatch(_AT, tokens[0]) else ""
            axis = self._along(at, inside, behind)
            call = f"{base}({self.rewritten(inside)},{axis})"
            _add(out, self._placed(call, behind, None) if behind else call)
            return False
        if word in self._bare:
            _add(out, self._placed(f"arange({self._extents[word]})", INDICES[LETTERS.index(word)], (1,)))
            return False
        is_function = base not in self.words or tokens[:1] == ["("] and word in self.functions
        value = self.words.get(base, "")
        _add(out, word if is_function else self._placed(value, at, self.shapes.get(value, ())) if at else value)
        return is_function

    def _placed(self, value: str, at: str, shape: Sequence[int] | None) -> str:
        """A value in the axes of its indices; `shape` is None for an expression."""
        ndim = None if shape is None else len(shape)
        indices = re.findall(rf"([{INDICES}])(?:([₊₋])([₀-₉]+))?", at)
        letters = "".join(c for c, _, _ in indices).translate(_SUBSCRIPTS)
        if len(letters) == 2 == ndim and letters[0] == letters[1]:  # of the diagonal
            value, letters, ndim, indices = f"diag({value})", letters[0], 1, indices[:1]
        more = None if ndim is None else ndim - len(letters)
        is_wide = ndim is not None and len(self._frame) > ndim and more not in (0, self._rest)
        if is_wide and len(letters) == sum(n != 1 for n in shape or ()):
            value, more = f"squeeze({value})", 0  # a column or a row with one index
        if more not in (None, 0, self._rest) or len({*letters}) < len(letters):
            return value
        if self._is_moved:
            if not self._extents.keys() >= {c for c, (_, sign, _) in zip(letters, indices, strict=True) if sign}:
                raise ValueError(f"{value}{at} cannot be read: an index of a sum cannot be moved")
            by = [_moved(sign, k) for _, sign, k in indices]
            value = f"shifted({value},{_tuple(by)},{_tuple(self._extents.get(c, -1) for c in letters)})"
        places = [self._frame.index(c) for c in letters]
        is_last = places == [*range(len(self._frame) - len(places), len(self._frame))]
        if is_last and more in (None, self._rest):
            return value
        return f"indexed({value},{_tuple(places)},{len(self._frame)},{self._rest})"

    def _along(self, letters: str, tokens: Sequence[str], behind: str = "") -> str:
        """The axes of a function of `tokens`, which may have indices, or one array with those `behind` it."""
        frame = behind.translate(_SUBSCRIPTS) or (self._frame if any(_split(t)[1] for t in tokens) else LETTERS)
        places = [(frame if c in frame else LETTERS).index(c) for c in letters.translate(_SUBSCRIPTS)]
        return f"axis={_tuple(places)},keepdims=1"  # not True, which was typed

    def _sum(self, letters: str, tokens: list[str], times: bool) -> str:
        """A sum over the term that follows, and what stands behind that."""
        depth, end = 0, len(tokens)
        for k, t in enumerate(tokens):
            depth += (t in "([{") - (t in ")]}")
            if k and depth == 0 and t in ("+", "-", ",", "<", ">") and tokens[k - 1] not in _OPERATORS:
                end = k
                break
        if set(letters.translate(_SUBSCRIPTS)) - {*LETTERS}:
            raise ValueError(f"Σ{letters} cannot be read: sums are over {' '.join(INDICES)}; write its terms")
        over = f",{self._along(letters, tokens[:end])}" if letters else ""
        term, rest = self.rewritten(tokens[:end]), self.rewritten(tokens[end:])
        return f"{'*' if times else ''}sum({term}{over}){rest}"

    def _operand(self, tokens: list[str]) -> str:
        """The next operand: a name or number, or a group, with what is attached to it."""
        taken = [tokens.pop(0)]
        if taken == ["("]:
            taken += [*_group(tokens), ")"]
        while tokens and (tokens[0] in ("(", "[") and taken[-1] != ")" or tokens[0].startswith(".")):
            t = tokens.pop(0)
            taken += [t, *_group(tokens), _CLOSING[t]] if t in _CLOSING else [t]
        return self.rewritten(taken)


def _moved(sign: str | None, k: str | None) -> int:
    """How far an index is moved: -1 for ``ᵢ₋₁``."""
    return int(f"{sign}{k}".translate(_DIGITS)) if sign else 0


def _at_step(text: str, t: int) -> str:
    """A formula at one step: ``h2`` for ``hₜ₋₁`` at the third, ``x[2]`` for ``x[t-1]``."""
    text = re.sub(_STEP, lambda m: str(t + _moved(m[1], m[2])), text)
    return re.sub(r"(?<=\[)[^][]*(?=\])", lambda m: re.sub(r"\bt\b", str(t), m[0]), text)


_CALLED = {"√": "sqrt", "ln": "log"}
_CLOSING = {"(": ")", "[": "]", "{": "}"}
_BARS = {"|": "abs", "‖": "norm"}
_OPERATORS = ("+", "-", "*", "/", "**", "@", "%", "//", "(", ",")


def _group(tokens: list[str], bar: str = "") -> list[str]:
    """Remove the tokens up to the bracket or the bar that closes, and return those before it."""
    depth = 0 if bar else 1
    for k, t in enumerate(tokens):
        depth += (t in "([{") - (t in ")]}")
        if depth == 0 and t == bar or depth == 0 and not bar:
            inside = tokens[:k]
            del tokens[: k + 1]
            return inside
    raise ValueError(f"'{bar or '('}' was never closed")


def _compared(tokens: Sequence[str]) -> list[str]:
    """The tokens of a condition, in which one may write = for ==."""
    depths = accumulate((t in "([{") - (t in ")]}") for t in tokens)
    return ["==" if t == "=" and depth == 0 else t for t, depth in zip(tokens, depths, strict=True)]


def _end_of_term(text: str, start: int) -> int:
    """Where the term ends that begins there."""
    depth = 0
    for k in range(start, len(text)):
        depth += (text[k] in "([{") - (text[k] in ")]}")
        is_sign = text[k] in "+-" and not re.search(r"(^|[*/@%])\s*$|\d[eE]$", text[start:k])
        is_end = is_sign or text[k] in ",;<>" and not text.startswith(", 0 elsewhere", k)
        if depth < 0 or depth == 0 and is_end:
            return k
    return len(text)


def _start_of_term(text: str, end: int) -> int:
    """Where the term begins that ends there: behind a bracket that is open, or behind a sign between two terms."""
    depth = 0
    for k in range(end - 1, -1, -1):
        depth += (text[k] in ")]}") - (text[k] in "([{")
        is_sign = text[k] in "+-" and not re.search(r"[*/@%]\s*$|\d[eE]$", text[:k])
        if depth < 0 or depth == 0 and (is_sign or text[k] in ",<>="):
            return k + 1
    return 0


def _is_operand(word: str) -> bool:
    return bool(re.match(r"[\w.(\[{'\"]", word)) and word not in _WORDS and word != "."


def _add(out: list[str], word: str) -> None:
    """Add a token; between two operands there is a product."""
    if word in _WORDS:
        word = f" {word} "
    elif out and _is_operand(out[-1]) and _is_operand(word):
        out.append("*+")  # in the place of a sign: it may be a product of matrices
    out.append(word)


def _tuple(numbers: Iterable[int]) -> str:
    return repr(tuple(numbers)).replace(" ", "")


def _split(word: str) -> tuple[str, str]:
    """A word and the indices behind it."""
    m = re.fullmatch(rf"(.+?)((?:{_AT})?)", word, re.DOTALL)
    return (m[1], m[2]) if m else (word, "")
