"""Worksheets: a derivation, or the source of a backward pass, with blanks; an answer key; and a checker that shows
which answer is wrong, how, and by what factor.

An answer is an array, or a formula, which is interpreted and never executed (see :mod:`~autograd_lite.derive.answer`).
A formula is evaluated with the *right* values of everything else, so that each mistake is marked once. An array that is
wrong only because an earlier answer was is reported as such.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from operator import attrgetter
from typing import Any

import numpy as np

from ..base.tree import leaves
from ..engine.operands import raw
from ..tensor import Tensor
from ..tracing.capture import run
from .answer import assignments, clipped, worked_out
from .explain import Derivation, Total, aligned, explain
from .expression import Expr, evaluate, name, replaced, substitute
from .factors import Factor, laid_out
from .source import Source
from .writing import ASCII, TIMES, partial_tex, shape_text, tex, tex_name, text, write

BLANK = "_" * 14
CLOSE = 1e-6
LONG = 20_000  # characters of a text with all answers; more if the answer key is long


@dataclass(frozen=True)
class Question:
    """One blank: its symbol as code (``dPdC``), a hint, and the right answer as code and as a value.

    Attributes
    ----------
    slips : mapping of str to array
        The results of likely mistakes, each by its message.
    recompute : callable, optional
        The value that follows from the student's earlier answers.
    """

    word: str
    since: str
    answer: str
    value: Any
    slips: Mapping[str, Any] = field(default_factory=dict, repr=False)
    recompute: Callable[[Mapping[str, Any]], Any] | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Mark:
    """The mark of one answer, with a message."""

    word: str
    right: bool
    says: str

    def __str__(self) -> str:
        return f"{self.word:<10} {'right' if self.right else 'wrong'}{': ' if self.says else ''}{self.says}"


class Marks(list[Mark]):
    """The marks of a sheet; true if all answers are right.

    Attributes
    ----------
    unknown : tuple of str
        Names of answers that are not blanks of the sheet.
    """

    unknown: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return all(mark.right for mark in self)

    @property
    def wrong(self) -> list[Mark]:
        return [mark for mark in self if not mark.right]

    def __str__(self) -> str:
        blanks = ", ".join(mark.word for mark in self)
        unknown = [f"{clipped(w)} is not a blank of this sheet; its blanks are {blanks}" for w in self.unknown]
        return "\n".join([*map(str, self), *unknown, f"{len(self) - len(self.wrong)} of {len(self)} right"])

    __repr__ = __str__


class Worksheet:
    """The result of :func:`worksheet`: print it for students; ``.key()`` has the answers, ``.check()`` marks."""

    def __init__(
        self, head: str, questions: Sequence[Question], body: str, key: str, env: Mapping[str, Any], markdown: str
    ) -> None:
        self.head = head
        self.questions = tuple(questions)
        self._body, self._key, self._env, self._markdown = body, key, dict(env), markdown

    def __str__(self) -> str:
        return self._body

    __repr__ = __str__

    def markdown(self) -> str:
        """The sheet with mathematics, for a notebook or a page."""
        return self._markdown

    _repr_markdown_ = markdown

    def key(self) -> str:
        """The answers."""
        return self._key

    def check(self, answers: Mapping[str, Any] | Callable[..., Any] | str) -> Marks:
        """Mark answers.

        Parameters
        ----------
        answers : mapping, str or callable
            ``{"dPdC": "P * (1 - P)", "dLdW": array}``; or the text of assignments or of a whole function; or a function
            of the given values, by their names, whose local variables (or returned dict) are the answers. Text is
            interpreted, never executed; a function is called.

        Returns
        -------
        Marks
            One for each blank, including empty ones.

        Raises
        ------
        ValueError
            If a text of assignments cannot be parsed, or a function has an argument that is not given.
        """
        given = self._answers(answers)
        marks = Marks()
        if isinstance(answers, Mapping):
            known = {w for q in self.questions for w in _keys(q)}
            marks.unknown = tuple(str(w) for w in answers if w not in known)
        values: dict[str, Any] = {}
        for q in self.questions:
            answer = next((given[w] for w in _keys(q) if w in given), None)
            if answer is None or isinstance(answer, str) and not answer.strip():
                marks.append(Mark(q.word, False, "not answered"))
                continue
            try:
                value = self._worked_out(answer)
            except Exception as error:  # any error in an answer is the message of its mark
                shown = q.word if isinstance(answer, Exception) else clipped(answer)
                marks.append(Mark(q.word, False, f"{shown} does not work: {error}"))
                continue
            values[q.word] = value
            says = self._says(q, value, values)
            marks.append(Mark(q.word, says in ("", _CARRIED), says))
        return marks

    def _answers(self, answers: Any) -> Mapping[str, Any]:
        if isinstance(answers, Mapping):
            return answers
        if isinstance(answers, str):
            blanks = {w: q.value for q in self.questions for w in (q.word, q.word.replace("_", ""))}
            try:
                return assignments(answers, self._env, blanks, max(LONG, 4 * len(self._key)))
            except ValueError as error:
                raise ValueError(f"worksheet: the answers cannot be read: {error}") from None
        space = self._space()
        code = answers.__code__
        words = code.co_varnames[: code.co_argcount]
        missing = [w for w in words if w not in space]
        if missing:
            raise ValueError(
                f"worksheet: expected a function of {', '.join(self._env)}, got arguments {', '.join(missing)}"
            )
        result, variables = run(answers, [space[w] for w in words], {})
        return {**dict(variables), **(result if isinstance(result, Mapping) else {})}

    def _space(self) -> dict[str, Any]:
        return {**self._env, **{q.word: q.value for q in self.questions}}

    def _worked_out(self, answer: Any) -> Any:
        if isinstance(answer, Exception):  # of a line in a text
            raise answer
        return np.asarray(worked_out(answer, self._space()) if isinstance(answer, str) else raw(answer), float)

    def _says(self, q: Question, value: Any, values: Mapping[str, Any]) -> str:
        """What is wrong with an answer; empty if it is right."""
        right = np.asarray(q.value, float)
        if _same(value, right):
            return ""
        if q.recompute is not None and _same(value, q.recompute(values)):
            return _CARRIED
        known = {**self._env, **{k.word: k.value for k in self.questions if k is not q}}
        for says in _causes(q, value, right, known):
            return says
        if value.shape != right.shape:
            return f"expected shape {shape_text(right.shape)}, got {shape_text(value.shape)}"
        off = np.abs(value - right) > CLOSE * np.abs(right).max(initial=0.0)
        return f"{int(off.sum())} of {off.size} entries are off, by up to {np.abs(value - right).max():.4g}"


_CARRIED = "from your earlier answers"


def _keys(q: Question) -> tuple[str, ...]:
    """The names that an answer to a question may have."""
    return q.word, q.word.replace("_", ""), _slashed(q.word)


def _causes(q: Question, value: Any, right: Any, known: Mapping[str, Any]) -> Iterator[str]:
    """The likely mistakes that explain an answer, the likeliest first."""
    if not np.all(np.isfinite(value)):
        yield "it contains inf or nan"
    if value.ndim == 2 and value.shape != right.shape and _same(value.T, right):
        yield "it is transposed"
    ratio = _ratio(value, right)
    if ratio == -1:
        yield "the sign is wrong"
    simple = ratio is not None and Fraction(ratio).limit_denominator(12)
    if ratio and simple and abs(simple) <= 12 and abs(float(simple) - ratio) < 1e-6 * abs(ratio):
        yield f"it is {simple} times the right one{_count(simple, value)}"
    if value.ndim == 2 and value.shape == right.shape[::-1] and _same(value.T, right):
        yield "it is transposed"
    for says, slip in q.slips.items():
        for sign, more in ((1, ""), (-1, ", and the sign is wrong")):
            if _same(value, sign * np.asarray(slip)):
                yield says + more
    for axis in range(value.ndim):
        for kept in (False, True):
            if _same(value.sum(axis=axis, keepdims=kept), right):
                yield f"the sum over axis {axis} is missing, along which the argument was broadcast"
    for word, other in known.items():
        if np.ndim(other) == value.ndim and np.array_equal(value, other):
            yield f"that is {word}"
    yield from _by_another(value, right, known)
    if ratio:
        yield f"it is {ratio:.6g} times the right one"
    reordered = value.shape == right.shape and _same(np.sort(value, axis=None), np.sort(right, axis=None))
    if reordered and value.size > 1:
        yield "the right numbers in the wrong places"


def _count(simple: Fraction, value: Any) -> str:
    """Whether a wrong factor is a number of entries, as when a sum and a mean are confused."""
    sizes = {n: f"its length along axis {k}" for k, n in enumerate(value.shape)}
    sizes[value.size] = "its number of entries"
    for n, words in sizes.items():
        if n > 2 and abs(simple) in (n, Fraction(1, n)):
            return f", and {n} is {words}: {'a sum for a mean' if abs(simple) == n else 'a mean for a sum'}"
    return ""


def _by_another(value: Any, right: Any, known: Mapping[str, Any]) -> Iterator[str]:
    """Whether a known factor is missing, or occurs once too often."""
    derivatives = [w for w in known if re.match(r"d[A-Za-z]", w)]
    for word in [*derivatives, *(w for w in known if w not in derivatives)]:
        other = np.asarray(known[word])
        if other.dtype.kind not in "fiu" or other.size == 0 or not np.all(other) or other.ndim > value.ndim:
            continue
        if other.size > 1 and np.ptp(other) == 0:
            continue
        try:
            product, without = value * other, right * other
        except ValueError:
            continue
        if other.size == 1 and float(other.reshape(())) in (1.0, -1.0):
            continue
        for sign, more in ((1, ""), (-1, ", and the sign is wrong")):
            if _same(sign * product, right):
                yield f"the factor {word} is missing{more}"
            if _same(value, sign * without):
                yield f"the factor {word} occurs once too often{more}"


def _same(a: Any, b: Any) -> bool:
    a, b = np.asarray(a), np.asarray(b)
    if a.shape != b.shape:
        return False
    return bool(np.abs(a - b).max(initial=0.0) <= CLOSE * max(np.abs(b).max(initial=0.0), 1e-300))


def _ratio(value: Any, right: Any) -> float | None:
    """The number `r` with ``value == r * right``, or None."""
    if value.shape != right.shape or not np.any(right):
        return None
    r = float(np.vdot(right, value) / np.vdot(right, right))
    return round(r, 9) if _same(value, r * right) else None


def _slashed(word: str) -> str:
    """``dP/dC`` for ``dPdC``."""
    m = re.fullmatch(r"d(\w+?)_?d(\w+)", word)
    return f"d{m[1]}/d{m[2]}" if m else word


# ---------------------------------------------------------------------------------------------------------- the sheets


def worksheet(
    what: Tensor | Source,
    *args: Any,
    wrt: Tensor | Sequence[Tensor] | None = None,
    names: Mapping[str, Any] | None = None,
) -> Worksheet:
    """A derivation with blanks, or the source of a backward pass with blanks.

    Parameters
    ----------
    what : Tensor or Source
        A loss to derive, or the result of :func:`~autograd_lite.derive.source`.
    *args
        For a source: values of its arguments, on which answers are checked.
    wrt, names
        For a loss: as for :func:`~autograd_lite.derive.explain`.

    Examples
    --------
    >>> import numpy as np, autograd_lite as ag
    >>> w = ag.tensor([[0.5], [-1.0]], requires_grad=True, name="w")
    >>> x, y = np.array([[1.0, 2.0]]), np.array([[1.0]])
    >>> p = ag.sigmoid(x @ w)
    >>> L = 0.5 * (y - p) ** 2
    >>> sheet = worksheet(L, wrt=w, names={"x": x, "y": y, "p": p})
    >>> print(sheet.check({"dLdp": "y - p", "dpda": "p * (1 - p)", "dadw": "x", "dLdw": "x.T @ dLdp"}))
    dLdp       wrong: the sign is wrong
    dpda       right
    dadw       wrong: it is transposed
    dLdw       wrong: the factor dpda is missing
    1 of 4 right
    """
    if isinstance(what, Source):
        return _of_source(what, leaves(args))
    return _of_derivation(explain(what, wrt, names))


def _of_derivation(d: Derivation) -> Worksheet:
    c = d.chain
    questions, rows, mathematics = [], [], []
    for line in d.lines:
        if line.value is None or isinstance(line, Factor) and line.formula.is_number:
            continue
        word = as_variable(line.symbol)
        shape = shape_text(np.shape(line.value))
        if isinstance(line, Factor):
            of, wrt, definition = c.names[line.of], c.names[line.wrt], c.definition(line.of)
            since, rest = f"since {of} = {text(definition)}", rf"\text{{since }} {tex_name(of)} = {tex(definition)}"
            questions.append(Question(word, since, _code(line.formula), line.value, _slips(d, line)))
        else:
            of, wrt, since, rest = c.names[c.root], c.names[line.node], "from the factors above", ""
            if d.found.by_gradients:
                steps = {path[-1].of: c.definition(path[-1].of) for path in line.paths}
                since = "since " + ", ".join(f"{c.names[n]} = {text(e)}" for n, e in steps.items())
                rest = r"\text{since } " + ", ".join(f"{tex_name(c.names[n])} = {tex(e)}" for n, e in steps.items())
            recompute = _from_factors(d, line)
            answer = _code(d.composition(line))
            questions.append(Question(word, since, answer, line.value, _total_slips(line), recompute))
        rows.append(f"  {word:<8} = {BLANK}  {shape:<6} {since}")
        symbol = partial_tex(tex_name(of), tex_name(wrt))
        mathematics.append(rf"{symbol} &= \underline{{\hspace{{8em}}}} && {shape.replace('x', TIMES)} && {rest}")
    head = "\n".join([*d.text_given(), "", *d.text_steps()])
    body = f"{head}\n\nFill in\n\n" + "\n".join(rows) + "\n"
    sections = aligned([*d.sections_before(), ("Fill in", mathematics)])
    return Worksheet(head, questions, body, str(d), c.environment(), sections)


def _code(e: Expr) -> str:
    """A formula as a student may type it: ``B.T @ dLdC``."""
    return write(replaced(e, lambda part: _as_name(part) if part.role == "name" else None), ASCII)


def _as_name(e: Expr) -> Expr:
    return name(as_variable(e.value), e.shape) if "/" in e.value else e


def as_variable(symbol: str) -> str:
    """A symbol as a variable: ``dPdC``; a direct partial is ``dLdx_direct``."""
    return symbol.replace("/", "").replace("∂", "d") + ("_direct" if "∂" in symbol else "")


def _slips(d: Derivation, f: Factor) -> dict[str, Any]:
    """The results of likely mistakes in a partial."""
    c = d.chain
    definition = c.definition(f.of)
    slips: dict[str, Any] = {}
    of = c.names[f.of]
    is_function = len(definition.args) == 1 and definition.args[0].role == "name"  # of one landmark
    if is_function and f.combine == "elementwise" and f.shapes[0] == f.shapes[1]:
        x = definition.args[0].value
        shifted = substitute(substitute(f.formula, {of: definition}), {x: name(of, f.shapes[0])})
        env = c.environment()
        with np.errstate(all="ignore"):
            slips[f"the derivative is taken at {of}, not at {x}"] = evaluate(shifted, env)
        slips[f"that is {of} itself, not its derivative"] = env[of]
        slips[f"that is only 1 - {of}"] = 1 - env[of]
    return slips


def _total_slips(t: Total) -> dict[str, Any]:
    """The results of likely mistakes in a gradient: a missing factor or path."""
    slips: dict[str, Any] = {}
    if len(t.paths) > 1:
        for path, part in zip(t.paths, t.parts, strict=True):
            slips[f"the term {' * '.join(f.symbol for f in path)} is missing from the sum"] = t.value - part
        return slips
    for path, start in zip(t.paths, t.starts, strict=True):
        for f in path:
            if f.combine == "elementwise" and not f.axes and f.shapes[0] == f.shapes[1]:
                g = start
                for k in path:
                    g = g if k is f else k.apply(g)
                slips[f"the factor {as_variable(f.symbol)} is missing"] = laid_out(g, t.value.shape)
    return slips


def _from_factors(d: Derivation, t: Total) -> Callable[[Mapping[str, Any]], Any]:
    """A gradient as a function of the student's own partials."""
    c = d.chain

    def recompute(values: Mapping[str, Any]) -> Any:
        total: Any = 0
        for path, start in zip(t.paths, t.starts, strict=True):
            of = path[0].of
            g = start if of is c.root else values.get(f"d{c.names[c.root]}d{c.names[of]}", start)
            for f in path:
                own = values.get(as_variable(f.symbol))
                try:
                    g = (f if own is None or f.value is None else replace(f, value=own)).apply(g)
                except ValueError:  # its shape does not fit
                    return np.nan
            total = total + g
        return total

    return recompute


def _from_code(code: str, space: Mapping[str, Any]) -> Callable[[Mapping[str, Any]], Any]:
    """A line of source as a function of the student's own variables."""
    def recompute(values: Mapping[str, Any]) -> Any:
        try:
            return worked_out(code, {**space, **values})
        except ValueError:
            return np.nan

    return recompute


def _of_source(made: Source, given: Sequence[Any]) -> Worksheet:
    variables = made.variables(*given)
    function = {w: v for w, v in made.space.items() if callable(v) and w != made.name}
    for word in re.findall(r"\b(?:np|scipy)(?:\.[a-z]\w*)+(?=\()", made):  # answers may call them too
        module, _, path = word.partition(".")
        function.setdefault(word, attrgetter(path)(made.space[module]))
    env = {w: x for w, x in variables.items() if w in made.arguments}
    lines, questions = [], []
    behind = False
    for line in made.splitlines():
        behind = behind or line.strip() == "# backward"
        m = re.fullmatch(r"(    )(\w+) = (.*?)(\s*)(#.*)?", line)
        if behind and m and m[2] in variables:
            recompute = _from_code(m[3], {**made.space, **variables})
            questions.append(Question(m[2], m[5] or "", m[3], variables[m[2]], {}, recompute))
            lines.append(f"    {m[2]} = {BLANK}  {m[5] or ''}".rstrip())
        else:
            lines.append(line)
    forward = {w: x for w, x in variables.items() if w not in {q.word for q in questions}}
    body = "\n".join(lines) + "\n"
    return Worksheet("", questions, body, str(made), {**function, **env, **forward}, f"```python\n{body}```")
