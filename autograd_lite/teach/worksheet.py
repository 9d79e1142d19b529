"""Worksheets: a derivation, or the source of a backward pass, with blanks; an answer key; and a checker that shows
which answer is wrong, how, and by what factor.

An answer is an array, or a formula, which is interpreted and never executed (see :mod:`~autograd_lite.teach.answers`).
A formula is evaluated with the *right* values of everything else, so that each mistake is marked once. An array that is
wrong only because an earlier answer was is reported as such.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import reduce
from operator import attrgetter
from typing import Any

import numpy as np

from ..base.tree import leaves
from ..derive.derivation_lines import Total
from ..derive.explain import Derivation, explain
from ..derive.factors import Factor, laid_out
from ..derive.formula import Expr, number, replaced, walk
from ..derive.formula_ops import evaluate
from ..derive.layout import Definition, markdown_of, tex_rows, text_of
from ..derive.mathml import html_of
from ..derive.source import Source
from ..derive.writing import LATEX, TEXT, TIMES, Ascii, Printer, shape_text, shown_params, text, text_name, write
from ..engine.operands import raw
from ..program.capture import run
from ..table.textbook import NOTATIONS
from ..tensor import Tensor
from .answers import LONG as FORMULA
from .answers import assignments, clipped, worked_out, written
from .grading import CARRIED, Mark, Marks, Question, fitted, verdict
from .notation import signs_replaced

BLANK = "_" * 14
SMALL = 256  # entries of the largest array of which a Jacobian is computed
LONG = 20_000  # characters of a text with all answers; more if the answer key is long


class Worksheet:
    """The result of :func:`worksheet`: print it for students; ``.key()`` has the answers, ``.check()`` marks.

    >>> import autograd_lite as ag
    >>> x = ag.tensor(2.0, requires_grad=True, name="x")
    >>> sheet = worksheet(x**2, wrt=[x])
    >>> print(sheet)
    Given  x (1)
    <BLANKLINE>
    The steps
    <BLANKLINE>
      L = x²                            1        4.
    <BLANKLINE>
    Fill in
    <BLANKLINE>
      dLdx = ______________  1       since L = x²
    """

    def __init__(
        self, head: str, questions: Sequence[Question], body: str, key: str, env: Mapping[str, Any], markdown: str
    ) -> None:
        self.head = head
        self.questions = tuple(questions)
        self._body, self._key, self._env, self._markdown = body, key, dict(env), markdown
        self._space = {**env, **{q.word: q.value for q in questions}}  # what an answer may use
        symbols = {w: q.word for q in questions for w in (q.symbol, text_name(q.symbol)) if w}
        round_d = {re.sub(r"^d|(?<=/)d", "∂", w): word for w, word in symbols.items()}
        values = written(w for w, x in self._space.items() if not callable(x))
        self._words = {**values, **round_d, **symbols}  # the values by how they may be written
        self._blanks = {**symbols, **{w: q.word for q in questions for w in (q.word.replace("_", ""), q.word)}}

    def __str__(self) -> str:
        return self._body

    __repr__ = __str__

    def markdown(self) -> str:
        """The sheet with mathematics, for a notebook or a page."""
        return self._markdown

    _repr_markdown_ = markdown

    def _repr_html_(self) -> str:
        return html_of(self._markdown)

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
            interpreted, never executed; a function is called. A formula may be Python or what the board has:
            ``P(1 - P)``, ``Xᵀ @ dL/dS``, ``½ Σ (P - y)²``.

        Returns
        -------
        Marks
            One for each blank, including empty ones.

        Raises
        ------
        ValueError
            If a text of assignments cannot be parsed, or a function has an argument that is not given.
        """
        answered = self._answers(answers)
        typed = {self._blanks[w]: x for w, x in answered.items() if w in self._blanks}
        marks = Marks()
        if isinstance(answers, Mapping):
            marks.unknown = tuple(str(w) for w in answers if w not in self._blanks)
        values: dict[str, Any] = {}
        for q in self.questions:
            answer = typed.get(q.word)
            if answer is None or isinstance(answer, str) and not answer.strip():
                marks.append(Mark(q.word, False, "not answered"))
                continue
            try:
                value = fitted(self._worked_out(q, answer), np.shape(q.value))
            except Exception as error:  # any error in an answer is the message of its mark
                shown = q.word if isinstance(answer, Exception) else clipped(answer)
                marks.append(Mark(q.word, False, f"{shown} does not work: {error}"))
                continue
            values[q.word] = value
            others = {w: x for w, x in self._space.items() if w != q.word}
            says = verdict(q, value, others, {} if isinstance(answer, str) else values)
            marks.append(Mark(q.word, says in ("", CARRIED), says))
        return marks

    def _answers(self, answers: Any) -> Mapping[str, Any]:
        if isinstance(answers, Mapping):
            return answers
        if isinstance(answers, str):
            if (formulas := self._lines(answers)) is not None:
                return formulas
            blanks = {w: self._space[word] for w, word in self._blanks.items()}
            functions = {w: fn for q in self.questions for w, fn in q.functions.items()}
            try:
                return assignments(answers, {**self._env, **functions}, blanks, max(LONG, 4 * len(self._key)))
            except ValueError as error:
                raise ValueError(f"worksheet: the answers cannot be read: {error}") from None
        code = answers.__code__
        arguments = code.co_varnames[: code.co_argcount]
        missing = [w for w in arguments if w not in self._space]
        if missing:
            raise ValueError(
                f"worksheet: expected a function of {', '.join(self._env)}, got arguments {', '.join(missing)}"
            )
        result, variables = run(answers, [self._space[w] for w in arguments], {})
        return {**dict(variables), **(result if isinstance(result, Mapping) else {})}

    def _worked_out(self, q: Question, answer: Any) -> Any:
        if isinstance(answer, Exception):  # of a line in a text
            raise answer
        if isinstance(answer, str):
            answer = worked_out(answer, {**self._space, **q.functions}, {**self._words, **q.words})
        return np.asarray(raw(answer), float)

    def _lines(self, text: str) -> dict[str, str] | None:
        """A text with one formula for each of some blanks, perhaps as on the board; None for any other text."""
        lines = [line.partition("=") for line in text.splitlines() if line.strip()] if len(text) < LONG else []
        answers = {word.strip(): formula.strip() for word, _, formula in lines}
        formulas = all(0 < len(formula) <= FORMULA and formula[0] != "=" for formula in answers.values())
        return answers if answers and formulas and answers.keys() <= self._blanks.keys() else None


def _slashed(word: str) -> str:
    """``dP/dC`` for ``dPdC``; nothing for any other variable."""
    m = re.fullmatch(r"d(\w+?)_?d(\w+)", word)
    return f"d{m[1]}/d{m[2]}" if m else ""


# ---------------------------------------------------------------------------------------------------------- the sheets


def worksheet(
    what: Tensor | Source,
    *args: Any,
    wrt: Tensor | Sequence[Tensor] | None = None,
    names: Mapping[str, Any] | None = None,
    depth: int | None = None,
) -> Worksheet:
    """A derivation with blanks, or the source of a backward pass with blanks.

    Parameters
    ----------
    what : Tensor or Source
        A loss to derive, or the result of :func:`~autograd_lite.derive.source`.
    *args
        For a source: values of its arguments, on which answers are checked.
    wrt, names, depth
        For a loss: as for :func:`~autograd_lite.derive.explain`. With a `depth`, known steps are opened, and their
        lines are blanks too.

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
    return _of_derivation(explain(what, wrt, names, depth=depth))


def _of_derivation(d: Derivation) -> Worksheet:
    """A blank for each line of the derivation."""
    questions: dict[str, Question] = {}
    mathematics = []
    for line in d.lines:
        if line.symbol not in questions and not (isinstance(line, Factor) and line.formula.is_number):
            since = d.since(_derived_from(d, line), set())
            questions[line.symbol] = _question(d, line, since)
            reasons = r"\text{since } " + _reasons(since, LATEX, r",\; ") if since else ""
            shape = shape_text(np.shape(line.value), TIMES)
            mathematics.append(rf"{LATEX.name(line.symbol)} &= \underline{{\hspace{{8em}}}} && {shape} && {reasons}")
    wide = max((len(q.word) for q in questions.values()), default=0)
    rows = [f"  {q.word:<{wide}} = {BLANK}  {shape_text(np.shape(q.value)):<7} {q.since}\n" for q in questions.values()]
    head = text_of(d.before, TEXT)
    body = f"{head}\n\nFill in\n\n{''.join(rows)}"
    sections = markdown_of([*map(tex_rows, d.before), ("Fill in", mathematics)])
    return Worksheet(head, list(questions.values()), body, str(d), d.chain.environment(), sections)


def _derived_from(d: Derivation, line: Factor | Total) -> list[Factor]:
    """The factors whose steps a line was derived from, each step once."""
    factors = [line] if isinstance(line, Factor) else [path[-1] for path in line.paths if d.order.by_gradients]
    return list({f.of: f for f in factors}.values())


def _reasons(since: Sequence[Definition], printer: Printer, comma: str) -> str:
    return comma.join(definition.written(printer) for definition in since if not definition.wrt)


def _question(d: Derivation, line: Factor | Total, since: Sequence[Definition]) -> Question:
    """The blank for a line."""
    c = d.chain
    if isinstance(line, Factor):
        e, slips, recompute = line.formula, _slips(d, line), None
    else:
        e, slips, recompute = d.composition(line), _total_slips(d, line), _from_factors(d, line)
    steps = [f.of for f in _derived_from(d, line)]
    defined = [e for n in steps for e in (c.definition(n), *(e for _, e in c.where(n)))]
    notations = _notations([*defined, e], c.environment())
    reasons = f"since {_reasons(since, TEXT, ', ')}" if since else "from the factors above"
    hints = [reasons, *map(_hint, _notations([e], {})["functions"])]
    word = as_variable(line.symbol)
    return Question(word, "; ".join(hints), write(e, _CODE), line.value, line.symbol, slips, recompute, **notations)


def _notations(formulas: Sequence[Expr], env: Mapping[str, Any]) -> dict[str, Any]:
    """The notations in formulas as functions of what is written of their arguments, and how they are written."""
    functions, words = {}, {}
    for part in (part for e in formulas for part in walk(e) if part.head in NOTATIONS):
        sign, options = NOTATIONS[part.head], part.args[_written_arguments(part) :]
        functions[sign.name] = _with_options(sign.fn, options, env)
        infix = re.fullmatch(r"\{x1\} (\S) \{x2\}", sign.text)
        words[infix[1] if infix else signs_replaced(text(part))] = sign.name if infix else write(part, _CODE)
    return {"functions": functions, "words": words}


def _with_options(fn: Any, options: Sequence[Expr], env: Mapping[str, Any]) -> Any:
    return lambda *operands: fn(*operands, *(evaluate(e, env) for e in options))


def _hint(word: str) -> str:
    """Explain a function on the sheet: ``correlate(a, b) is a ⋆ b``."""
    template = NOTATIONS[word].text
    letters = {"x1": "a", "x2": "b", "x3": "c"}
    used = [letter for place, letter in letters.items() if f"{{{place}}}" in template]
    return f"{word}({', '.join(used)}) is {template.format(**letters)}"


def _written_arguments(e: Expr) -> int:
    """How many arguments of a notation are written; the others are its options."""
    return len(set(re.findall(r"\{x(\d)\}", NOTATIONS[e.head].text)))


class _Code(Ascii):
    """Formulas as a student may type them, with the axes of sums: ``B.T @ dLdC``."""

    def name(self, word: str, letters: str = "") -> str:
        return as_variable(word) if "/" in word else super().name(word)

    def call(self, e: Expr) -> str:
        args = e.args[: _written_arguments(e)] if e.head in NOTATIONS else e.args
        arguments = ", ".join(write(a, self) for a in args)
        params = (f"{k}={v!r}" for k, v in shown_params(e).items())
        inside = [f"[{arguments}]" if e.row is not None and e.row.variadic else arguments, *params]
        return f"{e.head}({', '.join(inside)})"


_CODE = _Code()


def as_variable(symbol: str) -> str:
    """A symbol as a variable: ``dPdC``; a direct partial is ``dLdx_direct``."""
    return symbol.replace("/", "").replace("∂", "d") + ("_direct" if "∂" in symbol else "")


def _slips(d: Derivation, f: Factor) -> dict[str, Any]:
    """The results of likely mistakes in a partial."""
    c = d.chain
    definition = c.definition(f.of)
    is_function = len(definition.args) == 1 and definition.args[0].role == "name"  # of one landmark
    if not (is_function and f.is_elementwise) or f.shapes[0] != f.shapes[1]:
        return {}
    of, x, env = c.names[f.of], definition.args[0].value, c.environment()
    with np.errstate(all="ignore"):
        moved = {**env, x: env[of]}
        moved[of] = evaluate(definition, moved)
        return {
            f"the derivative is taken at {of}, not at {x}": evaluate(f.formula, moved),
            f"that is {of} itself, not its derivative": env[of],
            f"that is only 1 - {of}": 1 - env[of],
        }


def _total_slips(d: Derivation, t: Total) -> dict[str, Any]:
    """The results of likely mistakes in a gradient: a missing factor or path, or half a Jacobian."""
    if len(t.paths) != 1:
        terms = (" * ".join(f.symbol for f in path) for path in t.paths)
        return {f"the term {w} is missing from the sum": t.value - x for w, x in zip(terms, t.parts, strict=True)}
    (path,), (start,), size = t.paths, t.starts, t.value.size
    slips: dict[str, Any] = {}
    if len(path) == 1 and not path[0].axes:
        slips |= {f"in {path[0].symbol} {says}": start * slip for says, slip in _slips(d, path[0]).items()}
    for f in path:
        if f.is_elementwise and not f.axes and f.shapes[0] == f.shapes[1]:
            rest = _pulled(start, [k for k in path if k is not f])
            slips[f"the factor {as_variable(f.symbol)} is missing"] = laid_out(rest, t.value.shape)
    last = path[-1]
    if last.is_map and d.chain.jacobian(last.of) is not None and size <= SMALL:
        diagonal = np.diagonal(last.jacobian().reshape(size, size)).reshape(t.value.shape)
        slip = _pulled(start, path[:-1]) * diagonal
        slips["that is only the diagonal of the Jacobian: each entry depends on all of them"] = slip
    if len(path) == 1 and (formula := _without_sums(last)) is not None:
        slip = evaluate(formula, {**d.chain.environment(), last.cotangent: start})
        slips["a term with a sum is missing: each entry depends on all of them"] = slip
    return slips


def _pulled(start: Any, path: Sequence[Factor]) -> Any:
    """A gradient, multiplied by the factors of a path."""
    return reduce(lambda g, f: f.apply(g), path, start)


def _without_sums(f: Factor) -> Expr | None:
    """A gradient without the sums and means in it, if it is more than them: that of a softmax or a norm."""
    inside = walk(f.formula)[:-1] if f.is_map else []
    sums = {part.key for part in inside if part.role in ("total", "reduction") and f.cotangent in part.names}
    return replaced(f.formula, lambda part: number(0) if part.key in sums else None) if sums else None


def _from_factors(d: Derivation, t: Total) -> Callable[[Mapping[str, Any]], Any]:
    """A gradient as a function of the student's own partials."""
    c = d.chain

    def recompute(values: Mapping[str, Any]) -> Any:
        total: Any = 0
        for path, start in zip(t.paths, t.starts, strict=True):
            of = path[0].of
            g = start if of is c.root else values.get(f"d{c.names[c.root]}d{c.names[of]}", start)
            for f in path:
                own = None if d.order.by_gradients else values.get(as_variable(f.symbol))
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


def _of_source(emitted: Source, args: Sequence[Any]) -> Worksheet:
    variables = emitted.variables(*args)
    function = {w: v for w, v in emitted.space.items() if callable(v) and w != emitted.name}
    for word in re.findall(r"\b(?:np|scipy)(?:\.[a-z]\w*)+(?=\()", emitted):  # answers may call them too
        module, _, path = word.partition(".")
        function.setdefault(word, attrgetter(path)(emitted.space[module]))
    env = {w: x for w, x in variables.items() if w in emitted.arguments}
    lines, questions = [], []
    behind = False
    for line in emitted.splitlines():
        behind = behind or line.strip() == "# backward"
        m = re.fullmatch(r"(    )(\w+) = (.*?)(\s*)(#.*)?", line)
        if behind and m and m[2] in variables:
            recompute = _from_code(m[3], {**emitted.space, **variables})
            reason = m[5] or ""
            questions.append(Question(m[2], reason, m[3], variables[m[2]], _slashed(m[2]), recompute=recompute))
            line = f"    {m[2]} = {BLANK}  {reason}".rstrip()
        lines.append(line)
    forward = {w: x for w, x in variables.items() if w not in {q.word for q in questions}}
    body = "\n".join(lines) + "\n"
    return Worksheet("", questions, body, str(emitted), {**function, **env, **forward}, f"```python\n{body}```")
