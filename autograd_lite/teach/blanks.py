"""The lines of a derivation as questions: the answer, what it may use, and the results of likely mistakes.

Each line can be evaluated for other numbers than those of the derivation, so that a formula is judged as a formula.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from itertools import starmap
from string import ascii_letters
from types import EllipsisType
from typing import Any, TypeAlias

import numpy as np

from ..derive.derivation_lines import Total
from ..derive.explain import Derivation
from ..derive.factors import Factor, carried, laid_out
from ..derive.formula import Expr, Labels, index_parts, number, replaced, walk
from ..derive.formula_ops import computed, evaluate
from ..derive.layout import Line as Shown
from ..derive.simplify import times
from ..derive.writing import TEXT, Ascii, plain_number, shown_params, text, write
from ..program import Var
from ..table import TABLE
from ..table.textbook import NOTATIONS, Notation
from .answers import FUNCTIONS
from .grading import Question
from .spellings import signs_replaced

TIE = "½ each at a tie"
SMALL = 256  # entries of the largest array of which a Jacobian is computed
Line: TypeAlias = "Factor | Total"


def lines_at(d: Derivation, env: Mapping[str, Any]) -> Iterator[Line]:
    """The lines of a derivation, also those that it omits, for other numbers: those of its names in `env`."""
    c = d.chain
    arrived = {c.root: np.ones(c.root.shape)}

    def at(f: Factor) -> Factor:
        value = None if f.is_map else np.asarray(evaluate(f.formula, env))
        return replace(f, value=value, _env=env, pull=None)

    for line in d.order.all():
        if isinstance(line, Factor):
            yield at(line)
            continue
        paths = tuple(tuple(map(at, path)) for path in line.paths)
        starts = tuple(arrived[path[0].of] for path in paths)
        parts = tuple(starmap(carried, zip(starts, paths, strict=True)))
        arrived[line.node] = value = sum(parts, np.zeros(line.node.shape))
        yield replace(line, paths=paths, starts=starts, parts=parts, value=value)


def between(d: Derivation, lines: Iterable[Line]) -> Iterator[tuple[str, Any]]:
    """The gradients that have no line in a derivation by partials: dL/dH beside dL/dZ and dZ/dH."""
    names = d.chain.names
    for line in (line for line in lines if isinstance(line, Total) and len(line.paths) == 1):
        for k, f in enumerate(line.paths[0][1:], 1):
            value = laid_out(carried(line.starts[0], line.paths[0][:k]), f.of.shape)
            yield f"d{names[d.chain.root]}/d{names[f.of]}", value


def first_by_symbol(lines: Iterable[Line]) -> dict[str, Line]:
    """The lines by their symbols, in order; of several the first."""
    table: dict[str, Line] = {}
    for line in lines:
        table.setdefault(line.symbol, line)
    return table


def questions(
    d: Derivation, places: Sequence[Line], shown: Shown, code: Code, choices: Sequence[Mapping[str, Any]]
) -> list[Question]:
    """The question that a line with a formula answers, as it is for each of the `choices` of the numbers.

    With the answer as code, and as it is printed, which is first if the code calls what has no name in NumPy.
    """
    c, line = d.chain, places[0]
    factors = [line] if isinstance(line, Factor) else [path[-1] for path in line.paths if d.order.by_gradients]
    steps = [e for n in dict.fromkeys(f.of for f in factors) for e in (c.definition(n), *(e for _, e in c.where(n)))]
    for e in steps:
        write(e, code)  # what is named there may be used
    answer, printed = write(shown.formulas[0], code), shown.written(TEXT)[1]
    is_ours = any(f"{word}(" in answer for word in code.functions if word not in NOTATIONS)
    hints = (f"; {_hint(word, code.env)}" for word in code.functions if _needs_hint(word) and f"{word}(" in answer)
    slips = [_slips(d, at) if isinstance(at, Factor) else _total_slips(d, at) for at in places]
    recompute = None if isinstance(line, Factor) else _from_factors(d, line)
    shape = shape_of_all(line)
    of = line.of.shape if isinstance(line, Factor) and _is_factor(line) else ()
    said, letters = "".join(hints), "" if "(" in shown.indexed[0] else shown.indexed[0]  # not of two axes in one
    typed = Question(
        as_variable(line.symbol), said, answer, line.value, line.symbol, slips, recompute, shape, letters,
        (x := _computed_value(d, line)) is not None and all(_is_symmetric(at[x]) for at in choices), printed=printed,
        is_of_columns=_is_of_columns(shown.formulas, steps),
        diagonal=of[0] if len(of) == 1 < sum(of) <= SMALL else 0,
    )  # fmt: skip
    return [replace(typed, since="", answer=printed), typed][:: 1 if is_ours else -1]


def _is_of_columns(formulas: Iterable[Expr], steps: Iterable[Expr]) -> bool:
    """True if a gradient is an outer product ``a bᵀ`` with a value b, and in its step no row stands before a matrix."""
    last = [part.args[1] for e in formulas for part in walk(e) if part.role == "outer product"]
    products = (part for e in steps if e.shape for part in walk(e) if part.role == "matrix product")
    has_rows = any([len(a.shape) for a in part.args] == [1, 2] for part in products)
    return not has_rows and any(b.role == "name" and "/" not in b.value for b in last)


def _computed_value(d: Derivation, line: Line) -> str | None:
    """The name of the value, if it is computed, of which a line is the gradient."""
    return d.chain.names[line.node] if isinstance(line, Total) and not d.chain.is_input(line.node) else None


def _is_symmetric(x: Any) -> bool:
    """Whether an array is a symmetric matrix, but for rounding."""
    is_square = np.ndim(x) == 2 and np.shape(x)[0] == np.shape(x)[1] > 1
    return is_square and bool(np.any(x)) and np.allclose(x, np.transpose(x), rtol=1e-9, atol=0)


def shape_of_all(f: Line) -> tuple[int, ...] | None:
    """The shape of a partial of a number, or of what is multiplied entry by entry, where one number stands for all of
    its entries.
    """
    if not isinstance(f, Factor):
        return None
    of, wrt = f.shapes
    return wrt if np.ndim(f.value) == 0 and wrt and of in ((), wrt) else None


def _needs_hint(word: str) -> bool:
    """True for a function on the sheet that is explained: no sum, quotient or condition, which one can write, and no
    sign.
    """
    n = NOTATIONS.get(word)
    return n is not None and not n.entrywise and not re.match(r"Σ|1\[|\w\(\{x1\}\)$", n.text)


def _hint(word: str, taken: Container[str]) -> str:
    """Explain a function on the sheet, with letters that are not `taken`: ``correlate(a, b) is a ⋆ b``."""
    template = NOTATIONS[word].text
    free = (c for c in ascii_letters if c not in taken and c not in "ijkn")
    letters = dict(zip(("x1", "x2", "x3"), free, strict=False))
    used = [letter for place, letter in letters.items() if f"{{{place}}}" in template]
    return f"{word}({', '.join(used)}) is {template.format(**letters)}"


class Code(Ascii):
    """Formulas as a student may type them, with the axes of sums: ``B.T @ dLdC``.

    Attributes
    ----------
    functions : dict
        What was written that is no function of NumPy: a notation, or a row with options that cannot be typed.
    words : dict of str to str
        How those are written on a board: ``{"⋆": "correlate"}``.
    """

    def __init__(self, env: Mapping[str, Any]) -> None:
        self.env = env
        self.functions: dict[str, Callable[..., Any]] = {}
        self.words: dict[str, str] = {}
        self._numbers: dict[str, list[str]] = {}

    def name(self, word: str, letters: str = "") -> str:
        return as_variable(word) if "/" in word else super().name(word)

    def number(self, value: complex) -> str:
        return plain_number(value)

    def template(self, e: Expr) -> str | None:
        return None if e.role == "index" and not _is_typed({"index": e.params["index"]}) else super().template(e)

    def call(self, e: Expr) -> str:
        noted = NOTATIONS.get(e.head) if TABLE.get(e.head, 0) is not e.row else None  # convolve is one of nn, and a row
        count = len(set(re.findall(r"\{x(\d)\}", noted.text))) if noted else len(e.args)
        if text(e) == "I":
            return "I"
        arguments = [write(a, self) for a in e.args[:count]]
        if noted and "mode=" in noted.text:  # of np.convolve, code as it is printed
            return noted.text.format(x1=arguments[0], x2=arguments[1])
        if e.role == "concatenation":
            arguments = list(map(_as_part, e.args, arguments))
        if e.role == "norm" and e.params.get("p", 2) == 2:
            return f"norm({', '.join([*arguments, *(f'{k}={v!r}' for k, v in shown_params(e).items() if k != 'p')])})"
        if not noted and e.head in FUNCTIONS and _is_typed(e.params):
            params = [f"{k}={v!r}" for k, v in shown_params(e).items()]
            inside = ", ".join(arguments)
            return f"{e.head}({', '.join([f'[{inside}]' if e.row.variadic else inside, *params])})"
        return self._named(e, noted, arguments)

    def _named(self, e: Expr, noted: Notation | None, arguments: Sequence[str]) -> str:
        """A call of a function of the sheet."""
        count = len(arguments)
        options = repr((sorted(e.params.items()), [a.key for a in e.args[count:]], [a.shape for a in e.args[:count]]))
        several = self._numbers.setdefault(e.head, [])
        if options not in several:
            several.append(options)
        k = several.index(options) + (not noted and e.head in FUNCTIONS)
        word = e.head.replace(".", "_") + (f"_{k + 1}" if k else "")
        word += "_" * (word in self.env)  # logdet = np.linalg.slogdet(M)[1]
        self.functions[word] = partial(_applied, e, [evaluate(a, self.env) for a in e.args[count:]])
        written = f"{word}({', '.join(arguments)})"
        if noted and re.fullmatch(r"\w\(\{x1\}\)", noted.text):  # Φ
            self.functions[noted.text[0]] = self.functions[word]
        infix = re.fullmatch(r"\{x1\} (\S) \{x2\}", noted.text if noted else "")
        at_labels = any(isinstance(p, Labels) for p in index_parts(e.params.get("index")))  # of which the order changes
        self.words |= {infix[1]: word} if infix else {} if at_labels else {signs_replaced(text(e)): written}
        return written


def _as_part(e: Expr, written: str) -> str:
    """A part of what is joined: a number is an array of one, ``[dL/da, 1]``."""
    inner = e.args[0] if e.role in ("reshape", "broadcast") else e
    return written if inner.shape else f"[{written}]"


def _is_typed(params: Mapping[str, Any]) -> bool:
    """True if all parameters of a call can be typed: numbers, and tuples of them; a mode."""
    of_index = (slice, EllipsisType) if "index" in params else ()
    plain = (int, float, type(None), tuple, *of_index, *([str] if "mode" in params else []))
    return all(isinstance(part, plain) for v in params.values() for part in (v if isinstance(v, tuple) else (v,)))


def _applied(e: Expr, options: Sequence[Any], *operands: Any) -> Any:
    return computed(e, [*operands, *options])


def as_variable(symbol: str) -> str:
    """A symbol as a variable: ``dPdC``; a direct partial is ``dLdx_direct``."""
    return symbol.replace("/", "").replace("∂", "d") + ("_direct" if "∂" in symbol else "")


# ------------------------------------------------------------------------------------------------- likely mistakes


def _slips(d: Derivation, f: Factor) -> dict[str, Any]:
    """The results of likely mistakes in a partial."""
    c, env = d.chain, f._env
    definition = c.definition(f.of)
    is_function = len(definition.args) == 1 and definition.args[0].role == "name"  # of one landmark
    if not (is_function and f.is_elementwise) or f.shapes[0] != f.shapes[1]:
        return {}
    of, x = c.names[f.of], definition.args[0].value
    with np.errstate(all="ignore"):
        moved = {**env, x: env[of]}
        moved[of] = evaluate(definition, moved)
        return {
            f"the derivative is taken at {of}, not at {x}": evaluate(f.formula, moved),
            f"that is {of} itself, not its derivative": env[of],
            f"that is only 1 - {of}": 1 - env[of],
        }


def _total_slips(d: Derivation, t: Total) -> dict[str, Any]:
    """The results of likely mistakes in a gradient: a missing factor, or half a Jacobian."""
    slips = _without_ties(t)
    if len(t.paths) != 1:
        return slips | _slips_of_terms(d, t)
    (path,), (start,), size = t.paths, t.starts, t.value.size
    slips |= _without_conditions(path[-1], start) if len(path) == 1 else {}
    if t.node in d.order.direct:
        return slips
    if len(path) == 1 and not path[0].axes:
        slips |= {f"in {path[0].symbol} {says}": start * slip for says, slip in _slips(d, path[0]).items()}
    for f in filter(_is_factor, path):
        rest = laid_out(carried(start, [k for k in path if k is not f]), t.value.shape)
        slips |= _without_factor(f, rest, d.order.by_gradients)
    last = path[-1]
    if last.is_map and d.chain.jacobian(last.of) is not None and size <= SMALL:
        diagonal = np.diagonal(last.jacobian().reshape(size, size)).reshape(t.value.shape)
        slip = carried(start, path[:-1]) * diagonal
        slips["that is only the diagonal of the Jacobian: each entry depends on all of them"] = slip
    if len(path) == 1 and last.is_map:
        others = {
            "a term with a sum is missing: each entry depends on all of them": _without_sums(last),
            "a matrix in it has to be transposed": _without_transposes(last),
        }
        for says, wrong in others.items():
            with suppress(ValueError):  # without the sum a shape may not fit
                slip = None if wrong is None else evaluate(wrong, {**last._env, last.cotangent: start})
                slips |= {says: slip} if slip is not None and np.any(slip) else {}  # else nothing is left
    return slips


@np.errstate(all="ignore")
def _without_ties(t: Total) -> dict[str, Any]:
    """A gradient with another share than ½ at a tie: 0 where one writes <, 1 where one writes ≤."""
    def at(f: Factor, share: int) -> Factor:
        tied = TABLE["equal"]
        e = replaced(f.formula, lambda x: times(number(2 * share), x) if x.row is tied else None)
        value = None if f.is_map else np.asarray(evaluate(e, f._env))
        return replace(f, formula=e, value=value, pull=None) if TIE in f.remarks else f

    slips = {}
    for share in (0, 1) if any(TIE in f.remarks for path in t.paths for f in path) else ():
        parts = (carried(start, [at(f, share) for f in path]) for start, path in zip(t.starts, t.paths, strict=True))
        slips[f"½ is counted at a tie, not {share}"] = sum(laid_out(x, t.value.shape) for x in parts)
    return slips


@np.errstate(all="ignore")
def _slips_of_terms(d: Derivation, t: Total) -> dict[str, Any]:
    """Those in a gradient with several paths: a term, its sign or a factor of it; not of two terms that are equal, of
    which no answer says which one it means.
    """
    every = [(term, laid_out(sum(term[-1]), t.value.shape)) for term in _terms(d, t)]
    terms = [term for term, x in every if sum(np.allclose(abs(x), abs(y), 1e-9, 0) for _, y in every) == 1]
    several = [("the term {} is missing from the sum", 1), ("the sign of the term {} is wrong", 2)]
    slips = {s.format(w): t.value - k * sum(parts) for w, _, _, parts in terms for s, k in several}
    for _, path, start, parts in terms:
        if len(path) == len(parts) == 1 and _is_factor(path[0]) and d.order.by_gradients:
            slips |= {says: t.value - parts[0] + rest for says, rest in _without_factor(path[0], start, True).items()}
    return slips | {f"that is only the term {term[0]}": sum(term[-1]) for term, _ in every}


def _terms(d: Derivation, t: Total) -> Iterator[tuple[str, tuple[Factor, ...], Any, list[Any]]]:
    """The terms of a gradient: the symbol, the path, its start, and its parts with those through steps that no line
    has: both of ``dq/dw`` where ``q = w @ A @ w``.
    """
    names, hidden = d.chain.names, d.order.hidden
    paths, parts, mixed = dict[Any, tuple[tuple[Factor, ...], Any]](), defaultdict[Any, list[Any]](list), set[Var]()

    def ends(n: Var) -> set[Var]:
        return {n} if names[n] not in hidden else {m for k in d.order.consumers.get(n, ()) for m in ends(k)}

    for path, start, x in zip(t.paths, t.starts, t.parts, strict=True):
        nodes = [path[0].of, *(f.wrt for f in path)]
        starts, shown = ends(nodes[0]), [n for n in nodes if names[n] not in hidden]
        mixed |= starts if len(starts) > 1 else set()
        key = (*starts, *shown[nodes[0] in starts :])
        parts[key].append(x)
        paths |= {key: (path, start)} if shown == nodes else {}
    for key, (path, start) in paths.items():
        is_direct = "∂" in path[0].symbol  # the other part of what is written in full stands elsewhere
        if key[0] not in mixed and not (is_direct and parts[key][1:]):
            words = (text(d.order.opened(f.formula)) if "∂" in f.symbol else f.symbol for f in path)
            yield " * ".join(words), path, start, parts[key]


def _is_factor(f: Factor) -> bool:
    """Whether a gradient is multiplied entry by entry."""
    return f.is_elementwise and not f.axes and f.shapes[0] == f.shapes[1]


def _without_factor(f: Factor, rest: Any, has_no_line: bool) -> dict[str, Any]:
    """A gradient without a factor, which is written out where it has no line of its own."""
    if not has_no_line:
        return {f"the factor {as_variable(f.symbol)} is missing": rest}
    sign, e = (-1, f.formula.args[0]) if f.formula.role == "negation" else (1, f.formula)
    return {} if e.is_number else {f"the factor {text(e)} is missing": sign * rest}


def _without_conditions(f: Factor, start: Any) -> dict[str, Any]:
    """A gradient without the conditions on which it is 0."""
    parts = walk(f.formula)
    cases = {part.args[0].key for part in parts if part.role == "selection"}

    def without(part: Expr) -> Expr | None:
        if part.role == "comparison" and part.key not in cases:
            return number(1)
        several = [a for a in part.args[1:] if not (a.is_number and a.value == 0)] if part.role == "selection" else ()
        return several[0] if len(several) == 1 else None

    wrong = replaced(f.formula, without)
    with suppress(ValueError):
        if wrong.key != f.formula.key:
            value = evaluate(wrong, {**f._env, **({f.cotangent: start} if f.is_map else {})})
            return {"a condition is missing: some entries are 0": value if f.is_map else start * value}
    return {}


def _without_sums(f: Factor) -> Expr | None:
    """A gradient without the sums and means in it, if it is more than them: that of a softmax or a norm."""
    inside = walk(f.formula)[:-1] if f.is_map else []
    sums = {part.key for part in inside if part.role in ("total", "reduction") and f.cotangent in part.names}
    return replaced(f.formula, lambda part: number(0) if part.key in sums else None) if sums else None


def _without_transposes(f: Factor) -> Expr | None:
    """A gradient without the transposes in it, if there are any."""
    turned = {part.key for part in walk(f.formula) if part.role in ("transpose", "matrix transpose")}
    return replaced(f.formula, lambda part: part.args[0] if part.key in turned else None) if turned else None


def _from_factors(d: Derivation, t: Total) -> Callable[[Mapping[str, Any]], Any]:
    """A gradient as a function of the student's own partials."""
    c = d.chain

    def recompute(values: Mapping[str, Any]) -> Any:
        total = 0
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


def kind_of(q: Question) -> str:
    """What an answer has in common with those for other steps of a loop, whose values are h1, h2, h3."""
    return re.sub(r"(?<=[a-zA-Z_])\d+|(?<=\[)\d+(?=\])", "", q.steps[0].answer if q.steps else q.answer)


def form_of(q: Question) -> str:
    """An answer with numbers for its names, so that ``dL/da ⊙ u`` and ``dL/db ⊙ v`` have one form; ``dL/da`` and ``u``
    have not, nor has ``dL/dc · u`` with a number c.
    """
    names: dict[str, str] = {}

    def numbered(m: re.Match[str]) -> str:  # ``dL/dR · R``, of R = exp(r), is no ``dL/da · φ``
        word = m[0].rpartition("/d")[2]
        return f"{'d' * ('/' in m[0])}{names.setdefault(word, f'{len(names)}')}"

    answer = re.sub("[⁰¹²³⁴-⁹]+", r" \g<0>", q.printed or q.answer)  # no part of a name, as it is of \w
    return re.sub(r"d\w+/d[\w.]+|[^\W\d]\w*(?!\w|\()", numbered, answer)


def teaching(questions: Sequence[Question], asked: Sequence[str], count: int, copies: bool) -> list[str]:
    """The blanks that teach most, at most so many: the gradients that were asked for, and one of each kind of step,
    those first that have another form than the ones before, and of these the longest sums.

    Of what was not asked for, a further one of a kind, a number, or a line that only copies another gradient is one of
    them only with `copies`.
    """
    kinds, forms = set[str](), set[str]()
    ranks = {}
    for q in questions:
        kind, form = kind_of(q), form_of(q)
        is_copy = re.fullmatch(r"(d\w+d\w+|stack\(|concatenate\(|axis=|(?<! )-|[][(),:\d./ ])+", kind) is not None
        is_copy = is_copy and q.symbol not in asked
        if copies or not is_copy and (kind not in kinds or q.symbol in asked):
            rank = 2 * (kind in kinds) + 2 * is_copy - 6 * (q.symbol in asked) + (form in forms)
            ranks[q.word] = rank, -len(re.findall(" [-+] ", form))
        kinds.add(kind)
        forms.add(form)
    return sorted(ranks, key=ranks.__getitem__)[:count] or [q.word for q in questions if q.symbol in asked]
