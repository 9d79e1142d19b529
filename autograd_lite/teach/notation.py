"""Formulas as they are typed or copied from a board, as Python text: ``½ Σ (P - y)²``, ``dL/dS``, ``2 P (1 - P)``.

The text is only rewritten here; :mod:`~autograd_lite.teach.answers` interprets it. Text without these symbols is
unchanged, and what cannot be read is left for the parser to reject.
"""

from __future__ import annotations

import re
from collections.abc import Container, Mapping

INDICES = "ᵢⱼₖₗₘₙ"
LETTERS = "ijklmn"  # the indices of axes, as derivations are printed
_SUBSCRIPTS = str.maketrans(INDICES, LETTERS)
_MARKS = "\u0300-\u036f"  # a hat or a bar on the letter before
_SIGNS = {
    "²": "**2 ", "³": "**3 ", "ᵀ": ".T ", "·": "*", "×": "*", "⊙": "*", "−": "-", "½": " 0.5 ", "¼": " 0.25 ",
    "^": "**", "≥": ">=", "≤": "<=", "≠": "!=", "⁻¹": ".I", "⁻ᵀ": ".I.T",
}  # fmt: skip
_SIGN = re.compile("|".join(map(re.escape, sorted(_SIGNS, key=len, reverse=True))))
_TOKEN = re.compile(
    rf"(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?j?(?!\w)|\d+|[^\W\d][\w{_MARKS}]*|\.[A-Za-z]\w*|'[^']*'|\"[^\"]*\"|"
    r"\*\*|//|<<|>>|[<>=!:]=|\s+|."
)
PLACES = r"at \["  # so begins what stands behind a term: ``dL/dP at [seen], 0 elsewhere``
_PREFIX = ("ln", "log", "exp", "sqrt", "sin", "cos", "tan", "tanh")  # functions that need no brackets: ln P
_WORDS = ("and", "or", "not", "if", "else", "in", "is", "lambda", "for", "yield", "await")


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
    ndims : mapping of str to int, optional
        The number of axes of each value. One that has an index for each of them stands in these axes: ``bᵢ`` is a
        column in a formula with j. The axes without an index come last: ``dL/duᵢ`` where ``dL/du`` is a matrix.

    Examples
    --------
    >>> Board({"P": "P", "dL/dP": "dLdP"}).python("P ⊙ (dL/dP − Σⱼ dL/dPⱼ Pⱼ)")
    'P*(dLdP-sum(dLdP*P,axis=(1,),keepdims=True))'
    >>> Board({"P": "P", "n": "n"}).python("2P(1 - P)/√n")
    '2*P*(1-P)/sqrt(n)'
    >>> Board({"A": "A", "dL/dZ": "dLdZ", "⋆": "correlate"}).python("A ⋆ dL/dZ > 0")
    'correlate(A,dLdZ)>0'
    >>> Board({"a": "a", "b": "b"}, ndims={"a": 2, "b": 1}).python("aᵢⱼ / bᵢ")
    'a/b[:,None]'
    >>> Board({"w": "w", "u": "u"}, ndims={"w": 1, "u": 2}).python("Σᵢ 1[wᵢ = j] uᵢ", (6, 3))
    'sum((1*(w[:,None,None]==arange(6)[None,:,None]))*u[:,None,:],axis=(0,),keepdims=True)'
    """

    def __init__(
        self, words: Mapping[str, str], functions: Container[str] = (), ndims: Mapping[str, int] | None = None
    ) -> None:
        self.ndims, self._letters = ndims or {}, ""  # the indices of a formula are these
        self._sizes: dict[str, int] = {}  # of those that stand by themselves, as in 1[wᵢ = k]
        self._rest = 0  # the axes that have no index
        self._behind = [w for shown, w in words.items() if re.match(PLACES, shown)]  # functions of the term before
        values = {w: w for shown, w in words.items() if w.isidentifier() and (len(shown) > 1 or shown.isalnum())}
        values = {w: word for w, word in values.items() if w not in self._behind}
        self.words, self.functions = {"π": "pi", "∞": "inf", **words, **values}, functions
        #: What is replaced as a whole, the longest first.
        self.copied = [w for w in sorted(words, key=len, reverse=True) if not re.fullmatch(rf"[\w{_MARKS}]+|.", w)]
        self._copied = "|".join(map(re.escape, self.copied)) or "(?!)"

    def python(self, text: str, shape: tuple[int, ...] = ()) -> str:
        """A formula for a value of a shape as a Python expression."""
        text = re.sub(rf"^\s*(?:{self._copied})[{INDICES}]*\s*=(?!=)", "", signs_replaced(text))
        text = re.sub(rf"(?<!\w)({self._copied})(?=[{INDICES}]*(?!\w))", lambda m: self.words[m[1]], text)
        for word in self._behind:
            while m := re.search(rf"(?<!\w){word}(?!\w|\s*\()", text):
                k = _start_of_term(text, m.start())
                text = f"{text[:k]} {word}({text[k : m.start()]}){text[m.end() :]}"
        if "at" not in self.words and re.search(rf"(?<!\w){PLACES}", text):
            raise ValueError("the places of entries can be read only as this sheet prints them: at […], 0 elsewhere")
        if shape and re.search(f"[{INDICES}][₊₋]", text):  # uᵢ₊₁, and uᵢ beside it
            word = rf"(\w+?)([{INDICES}])(?:([₊₋])([₀-₉]))?(?!\w)"
            text = re.sub(word, lambda m: self._moved(m, shape[0]), text)
        bare = {c for c in re.findall(r"(?<!\w)[i-n](?!\w)", text) if c not in self.words}
        used = bare.union(c.translate(_SUBSCRIPTS) for c in text if c in INDICES)
        free = sorted(used.difference(*(m.translate(_SUBSCRIPTS) for m in re.findall(f"Σ([{INDICES}]+)", text))))
        bare = bare if shape else set()
        self._sizes = {**dict.fromkeys(bare, shape[0]), **dict(zip(free, shape, strict=False))} if bare else {}
        self._rest = max(len(shape) - len(free), 0) if bare else 0
        self._letters = INDICES[: max([0 if bare else len(shape), *(LETTERS.index(c) + 1 for c in used)])]
        python = self.rewritten([m[0] for m in _TOKEN.finditer(text.replace("∂", "d")) if not m[0].isspace()])
        if re.search("[₊₋]", python) and (m := re.search(r"\w*[₊₋]\w*", text)):
            raise ValueError(f"{m[0]} cannot be read: an index is moved only in a vector, as in uᵢ₊₁")
        return python

    def _moved(self, match: re.Match[str], size: int) -> str:
        """A vector whose entries are moved, with 0 beyond the ends."""
        word, letter, sign, k = match.groups("")
        if self.ndims.get(self.words.get(word, word)) != 1:
            return word + letter
        return f"shifted({word},{'-' if sign == '₋' else ''}{'₀₁₂₃₄₅₆₇₈₉'.find(k) if k else 0},{size})"

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
            elif out and not t.strip(INDICES):  # softmaxⱼ(S)ᵢⱼ
                continue
            elif t.startswith("Σ"):
                return "".join(out) + self._sum(t[1:], tokens, bool(out and _is_operand(out[-1])))
            elif (t == "√" or t in _PREFIX and tokens[:1] != ["("]) and tokens:
                _add(out, f"{_CALLED.get(t, t)}({self._operand(tokens)})")
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

    def _bars(self, bar: str, tokens: list[str], out: list[str]) -> None:
        """Add what stands in bars: ``|x|``, ``‖x‖``, ``‖Z‖ⱼ``."""
        inside, index = self.rewritten(_group(tokens, bar)), ""
        if tokens and not tokens[0].strip(INDICES):
            index = f",{_along(tokens.pop(0))}"
        _add(out, f"{_BARS[bar]}({inside}{index})")

    def _brackets(self, opening: str, tokens: list[str], out: list[str], calls: bool) -> None:
        """Add what stands in brackets: arguments of a call, an index, or a factor."""
        inside = opening + self.rewritten(_group(tokens)) + _CLOSING[opening]
        if opening == "(" and tokens and not tokens[0].strip(INDICES):
            tokens.pop(0)  # the index of a sum, behind what is summed
        if opening == "[" and out[-1:] == ["1"]:  # 1[z > 0]
            out[-1] = f"(1*({re.sub('(?<![<>=!])=(?!=)', '==', inside[1:-1])}))"
        elif out and (calls or opening == "[") and _is_operand(out[-1]):
            out[-1] += inside
        else:
            _add(out, inside)

    def _name(self, word: str, tokens: list[str], out: list[str]) -> bool:
        """Add a value, or the name of a function, for which it returns true."""
        base = word.rstrip(INDICES)
        if base != word and tokens[:1] == ["("] and base not in self.words:  # meanᵢ(…)
            tokens.pop(0)
            _add(out, f"{base}({self.rewritten(_group(tokens))},{_along(word[len(base) :])})")
            return False
        if word in self._sizes:
            axes = [":" if c == word else "None" for c in self._letters.translate(_SUBSCRIPTS)] + ["None"] * self._rest
            _add(out, f"arange({self._sizes[word]})[{','.join(axes)}]")
            return False
        is_function = base not in self.words or tokens[:1] == ["("] and word in self.functions
        _add(out, word if is_function else self._placed(self.words[base], word[len(base) :]))
        return is_function

    def _placed(self, word: str, letters: str) -> str:
        """A value in the axes of its indices."""
        first = 0 if self._sizes else self._letters.find(letters[:1])
        axes = [":" if c in letters else "None" for c in self._letters[first:]]
        more = self.ndims.get(word, 0) - len(letters)
        axes += [":" if more else "None"] * self._rest
        is_placed = letters and more in (0, self._rest) and [*letters] == sorted(letters, key=INDICES.find)
        return f"{word}[{','.join(axes)}]" if is_placed and "None" in axes else word

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
        term, rest = self.rewritten(tokens[:end]), self.rewritten(tokens[end:])
        over = f",{_along(letters)}" if letters else ""
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
        out.append("*")
    out.append(word)


def _along(letters: str) -> str:
    axes = ",".join(str(LETTERS.index(c)) for c in letters.translate(_SUBSCRIPTS))
    return f"axis=({axes},),keepdims=True"
