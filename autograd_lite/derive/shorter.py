"""A shorter form of a formula is a candidate: it is compared at points near the recorded one before it is written."""

from __future__ import annotations

import re
from collections import ChainMap
from collections.abc import Callable, Container, Iterator, Mapping, Sequence, Set
from dataclasses import replace
from functools import cached_property, partial
from itertools import islice
from typing import Any, NamedTuple

import numpy as np

from ..base.cached_method import cached_method
from ..program import Equation, Program, Var
from ..program.graph import graph_of
from ..program.naming import stem
from ..program.slopes import gradients
from .collect import UNFIT, Context, Form, collected, is_call, leaves, numerator
from .factors import Factor, laid_out
from .formula import (
    Array,
    Expr,
    Labels,
    Shape,
    constant,
    factors_of,
    index_parts,
    name,
    number,
    replaced,
    terms_of,
    walk,
)
from .formula_ops import evaluate, largest, substitute
from .rolled import length
from .simplify import make, product, simplified
from .steps import Steps
from .textbook_parser import Written, formula

POINTS, TRIED = 3, 8
FAR = (0.5, 2, 8)  # how far inputs are moved, in terms of their size
ROUNDING = 1e-12  # what is smaller, in absolute value or beside the largest entry, may be a rounding error
DIGITS, STEADY = 2e-15, 1e-4  # a change of the last digits of the inputs, and what it changes a result less than
LIMIT = 8  # names in whose definition another stands, behind letters
MANY = 24  # names in a formula; one with more is not collected
LONG = 500  # names and numbers in one that is written out further


class Point(NamedTuple):
    """The values and the gradients of all variables at one point, with the size of the largest gradient."""

    values: Mapping[Var, Any]
    gradients: Mapping[Var, Any]
    size: float


class Shorter:
    """Shorter forms of formulas about `steps`.

    Attributes
    ----------
    labels : dict of str to Expr
        What the indicators of labels stand for: ``onehot(y)``.
    """

    def __init__(self, steps: Steps) -> None:
        self.steps = steps
        self.labels: dict[str, Expr] = {}
        self._indicators: dict[bytes, Expr] = {}
        self._forms: dict[Any, Form | None] = {}

    # ---------------------------------------------------------------------------------------------------- their forms

    def forms(
        self, e: Expr, letters: Set[str] | None = None, of: str = "",
        how: Callable[[Expr, Context], Form | None] = collected,
    ) -> Iterator[Form]:  # fmt: skip
        """A formula collected, with the equations that it uses: as it is, and with what `letters` stand for; of the
        values of a variable in a loop not those of other rounds than `of`.
        """
        words, picked, every = self._words
        every = every if letters is None else picked | letters
        whole = e
        for k, out in enumerate((picked, set[str](), every)):
            more = _written_out(e, words, out)
            if k and more.key == whole.key or len(more.names) > MANY:
                continue
            whole, near = more, {user for word in more.names for user in self._users.get(word, ())}
            definitions, inside = dict[str, Expr](), whole.names
            others = {w for w in words if of and w != of and stem(w) == stem(of)} | self._minus_result
            for word in (w for w in words if w in near - others and w not in out):
                stated = _written_out(words[word], words, out)
                definitions |= {word: stated} if stated.names <= inside | {word} else {}
                inside |= {word} if word in definitions and stated.role in ("sum", "difference", "reduction") else set()
            steps = self.steps
            unnamed = every - picked
            context = Context(
                steps.environment, definitions, self.labelled, self._computed, steps.size_name, unnamed, self.labels
            )
            key = how, whole.key, whole.shape, tuple((w, d.key) for w, d in definitions.items()), frozenset(unnamed)
            if key not in self._forms:
                self._forms[key] = how(whole, context)
            form = self._forms[key]
            if form is not None:
                yield form

    @cached_property
    def _words(self) -> tuple[dict[str, Expr], set[str], set[str]]:
        """What names stand for; the names of entries that are picked; these and the letters."""
        s = self.steps
        drawn = {n for n in s.landmarks if n in s.defined and s.defined[n].is_random}  # not again
        words = {s.names[n]: s.definition(n) for n in s.landmarks if n in s.defined and n not in drawn}
        picked = {w for w, e in words.items() if e.role in ("index", "diagonal") and stem(w) not in s.looped}
        return words, picked, picked | {s.names[n] for n in (s.unnamed & s.defined.keys()) - drawn}

    @cached_property
    def _minus_result(self) -> set[str]:
        """The name of the result, if that is minus something: no gradient of a cosine is written by -cos."""
        s = self.steps
        return {s.names[s.root]} if s.root in s.defined and s.definition(s.root).role == "negation" else set()

    @cached_property
    def _computed(self) -> set[str]:
        return {self.steps.names[n] for n in self.steps.landmarks if n in self.steps.graded}

    @cached_property
    def _users(self) -> dict[str, set[str]]:
        """The names in whose definitions each stands, also behind letters."""
        users: dict[str, set[str]] = {}
        words, _, written_out = self._words
        for word, e in reversed(words.items()):
            inside = users.get(word, set()) if word in written_out else set()
            inside = inside if len(inside) < LIMIT else set()
            for other in e.names:
                users.setdefault(other, set()).update({word}, inside)
        return users

    def formula(self, e: Expr, names: Mapping[str, Shape], result: str) -> Expr:
        """`e`, or a shorter formula with its values at all points, in terms of the same names and of `result`.

        `names` are those besides the program's.
        """
        _, picked, every = self._words
        letters = every - picked
        letters -= {result} if e.names & letters - {result} else set()
        if (whole := self._as_result(e, names, result)) is not None:
            return whole
        e = self._with_result(e, result)
        sums = [part.of for part in walk(e) if part.role == "quotient"]
        if _size(e) < 4 and all(part.role != "difference" for part in sums) and e.names.isdisjoint(letters):
            return e
        for form, facts in self.forms(e, of=result):
            # -z / σ is shorter than -a / σ², where z = a / σ and a is x - μ
            long = _size(e) - _repeated(e) + len(e.names & letters) * (result in form.names)
            is_short = _size(form) + len(form.names & letters) < long and form.names <= e.names | {result}
            is_short = is_short and (len(terms_of(e)) < 3 or length(form) < length(e))  # Σₜ (w xₜ - yₜ) xₜ
            is_short = is_short and _divisors(form) <= _divisors(e)  # of a cos² no y sin / cos
            if is_short and not facts and all(self._is_equal(form, e, names, p) for p in self.points):
                e = form
        return self._by_quotient_rule(e, names, result) or e

    def _as_result(self, e: Expr, names: Mapping[str, Shape], result: str) -> Expr | None:
        """The result itself times what else there is, for a product or a quotient of a function and others: -D ⊙ K of
        ``K = exp(-½ D²) ⊙ M``, 2 v of ``v = exp(2 s) / k``, -v / k; also inside a sum, ``Σ (g ⊙ K)``.
        """
        if (inner := _with_front_inside(e, names)) is not None:
            g, body, total = inner
            whole = self._as_result(body, names, result)
            return whole and make(total.row, (product((g, whole), body.shape),), total.params, ())
        of, body = self._words[0].get(result), e.of if e.role == "negation" else e
        if of is None or of.role not in ("product", "quotient") or e.shape != of.shape:
            return None
        (above, _), (up, down) = _sides(of), _sides(body)
        own = {key for f in above for key in (f.key, _turned(f).key)}
        if {f.key for f in above if is_call(f)}.isdisjoint(f.key for f in up):
            return None
        K = name(result, of.shape)
        rest = [f for f in up if f.key not in own]
        wholes = [K, *([product((*rest, K), of.shape)] if len(rest) + len(above) <= len(up) else [])]
        if of.role == "quotient" or body.role == "quotient":
            wholes += [simplified("divide", (K, base), of.shape) for f in down for base in [_base_of(f)] if base.names]
            wholes += [product((number(2), K), of.shape)]
        forms = (product((number(sign), x), of.shape) for x in wholes for sign in (1, -1))
        return next((form for form in forms if all(self._is_equal(form, e, names, p) for p in self.points)), None)

    def _with_result(self, e: Expr, result: str) -> Expr:
        """A formula with the result over its denominator, b / c, for ``a / c²``, where b is ``a / c``."""
        of = self._words[0].get(result)
        if of is not None and (u := _of_logistic(of)) is not None:
            return replaced(e, partial(_as_logistic, u, name(result, of.shape), of.args[1]))
        if of is None or of.role != "quotient" or of.of.role != "total":
            return e
        whole = simplified("divide", (name(result, of.shape), of.args[1]), of.shape)
        over = simplified("divide", (of.of, simplified("square", of.args[1:], of.args[1].shape)), of.shape)
        return replaced(e, lambda part: whole if part.key == over.key else None)

    def _by_quotient_rule(self, e: Expr, names: Mapping[str, Shape], result: str) -> Expr | None:
        """``1 / (1 - x)²`` for ``(1 + y) / (1 - x)``, where y is ``x / (1 - x)``: over the square of the denominator,
        if the numerator is short.
        """
        of = self._words[0].get(result)
        if of is None or of.role != "quotient" or not of.shape == of.args[1].shape == e.shape:
            return None
        below = of.args[1]
        known = of.names | {result, *names}
        others = [part for part in walk(e) if part.role in ("sum", "difference") and part.key != below.key]
        if not others or below.role not in ("sum", "difference") or not e.names <= known:
            return None
        if e.names <= {result, *names} or of.names & (self._words[2] - self._words[1]):  # P (1 - P); by letters
            return None
        square = simplified("square", (below,), below.shape)
        forms = self.forms(substitute(e, {result: of}), set(), result, lambda x, known: numerator(x, below, known))
        for form, _ in forms:
            new = simplified("divide", (form, square), e.shape)
            most = leaves(below) + (not names.keys().isdisjoint(form.names)) + 2 * (len(terms_of(form)) == 1)
            is_short = leaves(form) <= most and form.names <= of.names | {*names}
            if is_short and all(self._is_equal(new, e, names, p) for p in self.points):
                return new
        return None

    def _is_equal(self, a: Expr, b: Expr, names: Mapping[str, Shape], point: Point) -> bool:
        others = {word: np.cos(np.arange(1.0, np.prod(shape) + 1)).reshape(shape) for word, shape in names.items()}
        env = {**self.environment(point), **others}
        try:
            x, y = evaluate(a, env), evaluate(b, env)
        except UNFIT:
            return False
        return np.shape(x) == np.shape(y) and _close(x, y, largest(y))

    @cached_property
    def _steps_of_labels(self) -> dict[tuple[str, int], str]:
        """For labels of a loop, and the size of an axis, the number of the value read there, 3 of ``p3[y[0]]``."""
        definitions = [self.steps.definition(n) for n in self.steps.landmarks if n in self.steps.defined]
        parts = [part for e in definitions for part in walk(e) if part.role == "index" and part.of.shape]
        read = [(str(part.of.value), part.of.shape[-1], i) for part in parts for i in index_parts(part.params["index"])]
        numbers = ((i.word, n, of[len(of.rstrip("0123456789")) :]) for of, n, i in read if isinstance(i, Labels))
        return {(word, n): step for word, n, step in numbers if step}

    def labelled(self, ones: Array, called: str) -> Expr:
        """The name of the indicator of one entry in each row, ``I`` or ``Y``; `called` are the positions."""
        key = ones.tobytes() + called.encode()
        if key not in self._indicators:
            axis = int(np.argmax(ones.shape)) if max(ones.shape) == ones.size else -1  # of one entry of a column
            labels = np.argmax(ones, axis).squeeze()[()] if axis >= 0 else np.argmax(ones, axis)
            if own := self._table(ones):
                self._indicators[key] = name(own, ones.shape)
                return self._indicators[key]
            named = ((np.asarray(x), word) for word, x in self.steps.environment().items() if np.ndim(x))
            arrays = [word for x, word in named if x.dtype.kind in "iu" and np.array_equal(x, labels)]
            is_unit = not called and ones.ndim == 2 and np.array_equal(ones, np.eye(len(ones)))
            called = called or next(iter(arrays), "")
            meaning = Written(name(called, labels.shape) if called else constant(labels), labels)
            turn = re.search(r"(\d+)(]?)$", called)  # of labels in a loop
            step = str(int(turn[1]) + bool(turn[2])) if turn and (turn[2] or labels.ndim == 0) else ""
            step = step and self._steps_of_labels.get((called, ones.shape[axis]), step)
            is_taken = any(re.fullmatch(r"I\d+", word) for word in self.steps.names.values())
            letter = ("E" if is_taken else "I") if is_unit else f"Y{step}"
            word = self.steps.introduced_name(letter, ones)
            if is_unit and word != "I":  # the user's I is something else
                self.labels[word] = name("identity", ones.shape)
            elif not is_unit:
                self.labels[word] = formula(f"onehot(y, {ones.shape[axis]})", {"y": meaning}).formula
            self._indicators[key] = name(word, ones.shape)
        return self._indicators[key]

    def _table(self, ones: Array) -> str:
        """The name that the user gave the indicator of labels, ``onehot = np.eye(3)[labels]``; or nothing."""
        if ones.ndim != 2 or min(ones.shape) < 2 or np.array_equal(ones, np.eye(len(ones))):
            return ""
        values = self.steps.constants.values | self._fixed_steps
        equal = (word for word, x in values.items() if np.array_equal(x, ones))
        return next((word for word in equal if not self.steps.is_anonymous(word)), "")

    @cached_property
    def _fixed_steps(self) -> dict[str, Any]:
        """The values of the steps that nothing is differentiated with respect to, by their names."""
        s = self.steps
        return {s.names[n]: s.values[n] for n in s.landmarks if n not in s.active and n in s.defined and n in s.values}

    # ------------------------------------------------------------------------------------------------ their comparison

    def environment(self, point: Point) -> Mapping[str, Any]:
        """Every name with its value at a point: also the names that were given since the point was computed."""
        values = {word: point.values[v] for v, word in self.steps.names.items() if v in point.values}
        return ChainMap(values, self.steps.constants.values)

    @cached_property
    def points(self) -> list[Point]:
        """The recorded point, and the first three points near it where the program has finite values; where a gradient
        is 0 at these, which says nothing of its formulas, perhaps one further away where it is not.
        """
        near = (p for p in map(self._point, range(1, TRIED + 1)) if p is not None)
        points = [p for p in (self._point(0), *islice(near, POINTS)) if p is not None]
        slopes = points[0].gradients if points else {}
        flat = [n for n in slopes if not any(np.any(p.gradients[n]) for p in points)]
        far = (self._point(seed, by) for by in FAR for seed in range(1, POINTS) if flat)
        return [*points, *islice((p for p in far if p and any(np.any(p.gradients[n]) for n in flat)), 1)]

    @cached_method
    def _moved(self, seed: int) -> tuple[Point, Mapping[str, Any]] | None:
        """A point where the inputs have other last digits, and its values by their names."""
        point = self._point(seed, DIGITS)
        return point and (point, self.environment(point))

    def rounded(self, x: Any, at: Callable[[Point, Mapping[str, Any]], Any]) -> Any:
        """A value with 0 for rounding errors: small numbers that change much where the inputs have other last digits.
        ``at`` has the value at a point; one says little, as an error may be the same by chance.
        """
        y = np.asarray(x)
        small = (y != 0) & (np.abs(y) < ROUNDING * max(1, largest(y))) if y.dtype.kind == "f" else np.False_
        is_error = np.zeros_like(small)
        for seed in range(1, POINTS + 1):
            if not small.any() or (point := self._moved(seed)) is None:
                break
            with np.errstate(all="ignore"):
                is_error |= small & ~(np.abs(at(*point) - y) < STEADY * np.abs(y))
            small = small & ~is_error
        return np.where(is_error, y.dtype.type(0), y) if np.any(is_error) else x

    def value(self, n: Var, x: Any) -> Any:
        """The value of a landmark without rounding errors."""
        return self.rounded(x, lambda p, _: p.values[n])

    def gradient(self, n: Var, x: Any) -> Any:
        """The gradient with respect to a landmark without rounding errors."""
        return self.rounded(x, lambda p, _: p.gradients[n])

    def partial(self, f: Factor) -> Any:
        """The value of a factor without rounding errors."""
        return self.rounded(f.value, lambda _, env: evaluate(f.formula, env))

    def _point(self, seed: int, by: float = 0.1) -> Point | None:
        s, rng = self.steps, np.random.default_rng(seed)
        inputs = {v: x for v, x in s.values.items() if seed and s.is_input(v) and v in s.graded & s.active}
        size = {v: by * np.where(x == 0, by > DIGITS, np.abs(x)) for v, x in inputs.items()}
        low = {v: np.where((x == 0) & bool(seed % 2), 0, -1) for v, x in inputs.items()}  # log(x) has no value below 0
        near = {v: (x + size[v] * rng.uniform(low[v], 1, x.shape)).astype(x.dtype) for v, x in inputs.items()}
        point = self._run(s.program, near if seed else None)
        return point if point is not None and (by == DIGITS or np.isfinite(point.values[s.root]).all()) else None

    def _run(self, program: Program, near: Mapping[Var, Array] | None) -> Point | None:
        """The values and gradients of a program at inputs, or with None at the recorded ones; None if it raises."""
        s = self.steps
        try:
            with np.errstate(all="ignore"):
                graph = s.graph if near is None else graph_of(program, near)
                slopes = gradients(program, [n for n in s.landmarks if n in s.graded], graph=graph)
        except Exception:  # what the function raises near the point is up to it
            return None
        values = {v: np.asarray(s.values[v] if near is None else t._data) for v, t in graph.items() if v in s.values}
        return Point(values, slopes, max([0.0, *map(largest, slopes.values())]))

    @cached_method
    def with_other_data(self, constants: bool = False) -> Point | None:
        """A point near the recorded one at which data that are inputs, and perhaps constants, have other numbers, too;
        None where the result has no value there.
        """
        s, rng = self.steps, np.random.default_rng(7)

        def moved(x: Any) -> Any:
            if np.asarray(x).dtype.kind != "f" or not np.ndim(x) or np.isin(x, (-1, 0, 1)).all():
                return x
            new = (x * rng.uniform(0.9, 1.1, np.shape(x))).astype(x.dtype)
            return (new + new.T) / 2 if np.ndim(x) == 2 and np.array_equal(x, x.T) else new

        def rule(eq: Equation, _: Any) -> list[Equation]:
            return [replace(eq, operands=tuple(x if isinstance(x, Var) else moved(x) for x in eq.operands))]

        near = {v: moved(x) for v, x in s.values.items() if s.is_input(v)}
        point = self._run(s.program.mapped(rule) if constants else s.program, near)
        return point if point is not None and np.isfinite(point.values[s.root]).all() else None

    @cached_property
    def _gradients(self) -> dict[str, Var]:
        """The landmarks by the symbols of their gradients."""
        return {self.steps.gradient_symbol(n): n for n in self.steps.landmarks}

    def is_symmetric(self, word: str) -> bool:
        """Whether the gradient of this symbol is a symmetric matrix at all points, as of a symmetric one."""
        n = self._gradients.get(word)
        if n is None or n.ndim != 2 or len({*n.shape}) > 1 or len(self.points) <= POINTS:
            return False
        return all(np.allclose(g := p.gradients[n], g.T) and np.any(g - np.diag(np.diag(g))) for p in self.points)

    def is_gradient(self, n: Var, e: Expr) -> bool:
        """Whether `e` is the gradient with respect to `n` at all points; it may have names of other gradients."""
        return len(self.points) > POINTS and all(self._is_gradient_at(point, n, e) for point in self.points)

    def is_gradient_of_data(self, n: Var, e: Expr) -> bool:
        """Return whether `e`, which is a gradient at the points, is so for other data, too, as far as can be seen."""
        point = self.with_other_data(e.is_number)
        return point is None or self._is_gradient_at(point, n, e)

    def _is_gradient_at(self, point: Point, n: Var, e: Expr) -> bool:
        above = {word: self._gradients[word] for word in e.names & self._gradients.keys()}
        slopes, g = point.gradients, point.gradients[n]
        env = {**{word: slopes[m] for word, m in above.items()}, **self.environment(point)}
        try:
            value = np.asarray(evaluate(e, env))
            value = np.broadcast_to(value, g.shape) if value.ndim <= g.ndim else laid_out(value, g.shape)
        except UNFIT:
            return False
        return _close(value, g, max(largest(g), 1e-6 * point.size))


def _of_logistic(e: Expr) -> Expr | None:
    """What u is of ``1 / (1 + u)``."""
    above, below = e.args if e.role == "quotient" else (e, e)
    match terms_of(below):
        case [(1, one), (1, u)] | [(1, u), (1, one)] if above.is_number and one.is_number:
            return u if one.value == above.value == 1 else None
    return None


def _as_logistic(u: Expr, p: Expr, below: Expr, e: Expr) -> Expr | None:
    """A quotient with ``u / (1 + u)²`` in it with p (1 - p) instead."""
    up, down = _sides(e) if e.role == "quotient" else ((), ())
    square = simplified("square", (below,), below.shape)
    above, over = [f for f in up if f.key != u.key], [f for f in down if f.key != square.key]
    if (len(above), len(over)) != (len(up) - 1, len(down) - 1):
        return None
    other = simplified("subtract", (number(1), p), p.shape)
    whole = product((*above, p, other), e.shape)
    return simplified("divide", (whole, product(over, ())), e.shape) if over else whole


def _sides(e: Expr) -> tuple[Sequence[Expr], Sequence[Expr]]:
    """The factors above and below the line of a quotient, or of a product."""
    return (factors_of(e.of), factors_of(e.args[1])) if e.role == "quotient" else (factors_of(e), ())


def _base_of(e: Expr) -> Expr:
    return e.of if e.role in ("square", "power", "root") else e


def _with_front_inside(e: Expr, names: Container[str]) -> tuple[Expr, Expr, Expr] | None:
    """Of numbers before a sum of products with one of `names`, ``exp(a) Σ (g ⊙ x)``, that, the product of all the
    others, and the sum; None for anything else.
    """
    around, core = (factors_of(e.of), number(-1)) if e.role == "negation" else (factors_of(e), number(1))
    sums = [f for f in around if f.role == "total" and not f.shape]
    inside = factors_of(sums[0].of) if len(sums) == 1 and not e.shape else ()
    above = [f for f in inside if f.role == "name" and f.value in names]
    if len(above) != 1 or len(around) < 2:
        return None
    rest = [*(f for f in around if f is not sums[0]), *(f for f in inside if f is not above[0])]
    return above[0], product((core, *rest), sums[0].of.shape), sums[0]


def _divisors(e: Expr) -> set[str]:
    """The functions by which a formula divides."""
    below = [f for part in walk(e) if part.role == "quotient" for f in factors_of(part.args[1])]
    return {f.key for f in below if is_call(f)}


def _turned(e: Expr) -> Expr:
    """``1 - I`` for ``I - 1``."""
    return simplified("subtract", e.args[::-1], e.shape) if e.role == "difference" else e


def _repeated(e: Expr) -> int:
    """What `e` would be shorter by, as one quotient, if it is a sum of several that have one denominator."""
    terms = terms_of(e)
    below = {x.args[1].key if x.role == "quotient" else "" for _, x in terms}
    return (len(terms) - 1) * leaves(terms[0][1].args[1]) - 1 if len(below) == 1 < len(terms) and "" not in below else 0


def _size(e: Expr) -> int:
    """The number of names, numbers and calls; ``-(1 - x)`` is longer than ``x - 1``, and (√x)³ than x √x."""
    turned = e.role == "negation" and any(part.role == "difference" and part.of.is_number for part in walk(e))
    return leaves(e) + turned + sum(part.role == "power" and part.of.role == "root" for part in walk(e))


def _close(x: Any, y: Any, size: float) -> bool:
    tolerance = 1e-6 if np.result_type(y, np.float32) == np.float64 else 1e-3
    return np.allclose(x, y, rtol=tolerance, atol=tolerance * max(size, 1e-300), equal_nan=True)


def _written_out(e: Expr, meanings: Mapping[str, Expr], out: Set[str]) -> Expr:
    """`e` with their meanings for the names of `out`, and for the names in these, unless it becomes too long; positions
    in an index keep theirs.
    """
    while (here := e.names & out) and len(e.names) <= MANY and leaves(e) <= LONG:
        new = substitute(e, {word: meanings[word] for word in here})
        if new.key == e.key:
            break
        e = new
    return e
