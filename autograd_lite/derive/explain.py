"""The derivation, as a good teacher writes it on a board: the steps, the chain rule, each factor, the numbers, a check.

A :class:`~autograd_lite.derive.chain_rule.Chain` becomes a list of factors and gradients, in the order in which a
person derives them, which is then written as plain text, Markdown or LaTeX.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import groupby, pairwise
from typing import Any

import numpy as np

from ..engine.node import GraphView
from ..program import Program, Var
from ..program.assignments import names as names_in, only, sources
from ..program.naming import label, line, stem, tests_around
from ..tensor import Tensor
from . import layout
from .chain_rule import Chain
from .closed import Closed
from .collect import leaves
from .constants import is_number
from .derivation_lines import Lines, Total
from .entries import COUNTING, UNIT, triangle
from .factors import Factor, total
from .formula import Expr, Shape, index_parts, name, number, walk
from .formula_ops import evaluate, substitute
from .layout import DOWN, GIVEN, RULE, STEPS, Definition, Line, Section, alike
from .mathml import html_of
from .pairs import in_pairs
from .paths import chain_of, chain_of_program, check
from .rolled import Counting, before_first, counting, rolled
from .simplify import product
from .writing import ASCII, TEXT, write

LONG = 8  # symbols of the longest product that is written out
CHECKED = 12  # gradients; more are checked together, along one direction of all inputs
WIDE = 400  # characters; a longer definition is written out only once


@dataclass(frozen=True, eq=False)
class Derivation(GraphView):
    r"""The result of :meth:`Tensor.explain`: print it, or call ``.markdown()`` or ``.latex()``.

    >>> import autograd_lite as ag
    >>> x = ag.tensor(2.0, requires_grad=True, name="x")
    >>> derivation = explain(x**2)
    >>> print(derivation.latex())
    % Given
    \begin{align*}
    & x\ (1)
    \end{align*}
    <BLANKLINE>
    % The steps
    \begin{align*}
    L &= x^2 = 4 && 1
    \end{align*}
    <BLANKLINE>
    % From the result down
    \begin{align*}
    \frac{\partial L}{\partial x} &= 2\,x = 4 && \text{since } L = x^2 \\
    & \quad \text{check: slope along one direction 2.16121, by a finite difference 2.16121}
    \end{align*}
    """

    instead = "keep its text: str(it), .markdown() or .latex()"

    chain: Chain
    wrt: tuple[Var, ...]
    roll: bool = True

    # ---------------------------------------------------------------------------------------------- the derivation

    @cached_property
    def order(self) -> Lines:
        """What is derived, and in which order."""
        return Lines(self.chain, self.wrt)

    @cached_property
    def lines(self) -> list[Factor | Total]:
        """Factors and gradients in the order of a derivation by hand."""
        return self.order.shown()

    @cached_property
    def totals(self) -> list[Total]:
        """The gradients."""
        return [line for line in self.lines if isinstance(line, Total)]

    @cached_property
    def factors(self) -> list[Factor]:
        """The factors that have a line of their own."""
        return [line for line in self.lines if isinstance(line, Factor)]

    def steps(self) -> list[tuple[str, list[Var]]]:
        """The computed landmarks, oldest first, grouped by module."""

        def title(n: Var) -> str:
            path = self.chain.group_path(n)
            path = path[: path.index(self.chain.shell(n))] if n in self.chain.folds else path
            path = [] if self.chain.looped else path  # what is computed in each step stands together
            return label([group for group in path if getattr(group, "module", None) is not None])

        hidden = self.order.hidden
        computed = (n for n in self.chain.landmarks if n in self.chain.defined and self.chain.names[n] not in hidden)
        return [(word, list(nodes)) for word, nodes in groupby(computed, title)]

    @property
    def asked(self) -> dict[Var, Any]:
        """The gradients that were asked for."""
        return {t.node: t.value for t in self.totals if t.node in self.order.asked}

    def check(self) -> float:
        """The largest relative distance of a gradient from the engine's; raises ArithmeticError beyond rounding."""
        return check(self.chain, self.asked).error if self.asked else 0.0

    # --------------------------------------------------------------------------------------------- the lines as data

    @cached_property
    def before(self) -> list[Section]:
        """The given values and the steps."""
        steps = [Section(STEPS, [self._step(n) for n in nodes], place) for place, nodes in self.steps()]
        begun = sorted(self.chain.constants.defined.items(), key=lambda pair: pair[1].role != "name")  # x0 = start
        started = [(word, self._in_the_next(word, e.shape) or e) for word, e in begun]
        started += self._first_rounds()
        computed = dict(started)
        values = self.chain.constants.values
        first = [Line(w, (e,), layout.small(values[w]), shape=np.shape(values[w])) for w, e in started]
        steps[:1] = [replace(s, lines=[*first, *s.lines]) for s in steps[:1]]
        steps = [self._apart_from_names(s) for s in steps]
        joint = next((line for s in steps for line in s.lines if line.joint), None)
        marked = [replace(joint, how=f"; {joint.joint} is one index")] if joint else []
        steps = [replace(s, lines=[marked[0] if line is joint else line for line in s.lines]) for s in steps]
        asked = {self.chain.names[n] for n in self.order.asked}
        words = {word for word, _ in self.given}  # of len(x) beside x nothing is said, nor of an array without a line
        scopes = [scope for _, scope in self.chain.constants.scopes]
        words |= {word for scope in scopes for word, x in scope.items() if isinstance(x, np.ndarray)}
        lengths = {w: e for w, e in self.chain.constants.lengths.items() if str(e.value)[4:-1] not in words}
        given = [self._given(word, x, word in asked) for word, x in self.given if word not in computed]
        given = [replace(g, formulas=(lengths[g.symbol], *g.formulas)) if g.symbol in lengths else g for g in given]
        named = dict(self.given)
        if deciding := [w for v in self.chain.program.deciding() if (w := self.chain.names.get(v)) in named]:
            given.append(Line("", how=f"with the branches taken for these {', '.join(deciding)}"))
        elif chosen := self._chosen():
            given.append(Line("", how=f"with the results for these numbers of Python's {', '.join(chosen)}"))
        given += [Line("", how=f"where {test}") for test in self._tests({stem(w) for w in named if w != stem(w)})]
        return [Section(GIVEN, given), *steps]

    def _given(self, word: str, x: Any, is_asked: bool) -> Line:
        """A given number or array; of a mask that is a triangle in the source, which one: ``maskᵢⱼ = 1[j ≤ i]``."""
        constants = self.chain.constants
        written = [e for code, _ in constants.scopes if code is not None for e in sources(code, word) or ()]
        is_triangle = word in constants.quoted or any(re.search(r"\btri[lu]\b", ast.unparse(e)) for e in written)
        is_free = not is_asked and isinstance(x, np.ndarray) and self.chain.words.isdisjoint("ij")
        e = triangle(x) if is_triangle and is_free else None
        return _given(word, x, is_asked) if e is None else Line(word, (e,), letters="ij")

    def _chosen(self) -> list[str]:
        """The calls of Python's max and min of what is differentiated, of which a script records the result alone."""
        active = {stem(self.chain.names[v]) for v in self.chain.active if v in self.chain.names}
        written = [(eq, of) for eq in self.chain.recorded.equations if (of := line(eq)) is not None]
        known = {of.lineno for eq, of in written if eq.algebra in ("larger", "smaller", "selection")}
        found = dict[str, None]()
        for at in (at for of in {of for _, of in written} if of.lineno not in known for at in ast.walk(of)):
            match at:
                case ast.Call(ast.Name("max" | "min"), [_, _, *_]) if not active.isdisjoint(names_in(at)):
                    found[ast.unparse(at)] = None
        return sorted(found)

    def _tests(self, counters: set[str]) -> list[str]:
        """The tests of the numbers that a loop counts, by which rounds were left out: ``event[i] == 1``."""
        tests = tests_around(self.chain.recorded.equations, only)
        return list(dict.fromkeys(ast.unparse(test) for test in tests if not counters.isdisjoint(names_in(test))))

    def _first_rounds(self) -> list[tuple[str, Expr]]:
        """The given numbers that the first round of a loop has computed from others, r1 of ‖pos0‖, as it does."""
        given, asked = dict(self.given), {self.chain.names[n] for n in self.order.asked}
        first = [word for word in given if word == f"{stem(word)}1" and word not in asked]  # no state, h0 = 0
        forms = [(word, self._in_the_next(word, np.shape(given[word]))) for word in first]
        return [(word, e) for word, e in forms if e is not None and e.names and e.names <= given.keys()]

    def _in_the_next(self, word: str, shape: Shape) -> Expr | None:
        """The formula of what the first round of a loop computes from constants, in the form of the rounds after it."""
        c, of = self.chain, stem(word)
        t = int(word[len(of) :]) if word[len(of) :].isdigit() else 0
        later = [c.named[w] for w in (f"{of}{t + 1}", f"{of}{t + 2}") if w in c.named and c.named[w] in c.defined]
        form = before_first([*map(self.order.definition, later)], t) if len(later) == 2 else None
        env = c.environment()
        is_known = form is not None and form.names <= env.keys() and form.shape == shape
        return form if form and is_known and np.allclose(evaluate(form, env), env[word], 1e-12, 0) else None

    @cached_property
    def sections(self) -> list[Section]:
        """Everything that the derivation says."""
        rule = [Line(t.symbol, (self._in_symbols(t),)) for t in self._rule()]
        asked = {n: g for n, g in self.asked.items() if self.chain.is_input(n)}
        together = len(asked) > CHECKED
        lines = [self._line(line, set() if together else asked) for line in self.lines]
        if together:
            lines.append(Line("", check=self._checked(asked, f"all {len(asked)} gradients together, ")))
        further = [*([Section(RULE, rule)] if rule else []), Section(DOWN, lines)]
        return [*self.before, *map(self._apart_from_names, further)]

    def _apart_from_names(self, s: Section) -> Section:
        """A section in which no index has the name of a variable."""
        taken = self.chain.words
        return replace(s, lines=[line.apart_from(taken) for line in s.lines]) if taken else s

    @cached_property
    def written(self) -> list[Section]:
        """The sections, with the steps of a loop written once, and counted as in the program."""
        letter = self.letter
        known = self.chain.constants.provenance if self.roll else None
        if known and len(known.pairs) > 1 and (pairs := in_pairs(self.in_steps(letter), known.pairs, letter)):
            return pairs
        return self.counted

    @cached_property
    def counted(self) -> list[Section]:
        """The sections, with the steps of a loop with one index."""
        if (how := self.counting) is None:
            return self.in_steps(self.letter)
        return how.sections(self._from_1)

    @cached_property
    def counting(self) -> Counting | None:
        """How the program counts the steps, if that is not from 1 on with the usual letter."""
        of = self.chain.counter if self.roll else None
        return of and counting(self._from_1, self.letter, *of)

    @cached_property
    def _from_1(self) -> list[Section]:
        """The sections, with the steps of a loop counted from 1 on."""
        return self.in_steps(self.letter, from_0=False)

    @property
    def letter(self) -> str:
        """The number of a step: t, if that is no name."""
        words = {stem(word) for word in (*dict(self.given), *self.chain.names.values())}
        return next((letter for letter in "tsm" if letter not in words), "t")

    def in_steps(self, letter: str, from_0: bool = True) -> list[Section]:
        """The sections, with the steps of a loop written once; see :func:`rolled`."""
        first = {stem(word) for word in self.chain.constants.defined}
        looped, sizes = self.chain.looped | first, {"n", *self.chain.constants.sizes}
        every = rolled(self.sections, looped, letter, from_0, sizes) if self.roll else self.sections
        long = set[str]()

        def once(d: Definition) -> Definition:
            """A definition; None instead of a long formula that has been written out before."""
            if d.formula is None or d.symbol in long:
                return replace(d, formula=None)
            long.update([d.symbol] if not d.wrt and len(write(d.formula, TEXT)) > WIDE else [])
            return d

        lines = [replace(line, since=[*map(once, line.since)]) for line in every[-1].lines]
        return [*every[:-1], replace(every[-1], lines=lines)]

    @cached_property
    def given(self) -> list[tuple[str, Any]]:
        """The names that the steps start from, with their values."""
        c = self.chain
        nodes = [n for _, nodes in self.steps() for n in nodes]
        defined = {c.names[n]: self.order.definition(n) for n in nodes}
        defined |= dict(pair for n in nodes for pair in c.where(n))
        defined |= c.constants.defined
        used = {word for e in defined.values() for word in e.names}
        lines = [f.formula for f in self.factors]
        lines += [e for t in self.totals if self.order.by_gradients or t.closed for e in self._sides(t)]
        used |= {word for e in lines for word in e.names & c.constants.sizes.keys()}
        quoted = c.constants.quoted  # of X[:, None] what is given is X
        plain = (word for w in used for word in quoted.get(w, [w]))
        used = {word for word in plain if not (COUNTING.fullmatch(word) or UNIT.fullmatch(word))}
        used |= {c.names[v] for v in c.program.deciding() if v in c.names}
        return [(word, x) for word, x in c.environment().items() if word in used and word not in defined]

    def _step(self, n: Var) -> Line:
        c = self.chain
        where = [Definition(word, e) for word, e in c.where(n)]
        value = layout.small(c.shorter.value(n, c.values[n]))
        e = self.order.definition(n)
        e = n not in c.active and self._in_the_next(c.names[n], n.shape) or e  # a norm of constants, as in the next
        return Line(c.names[n], (e,), value, shape=n.shape, where=where)

    def _rule(self) -> list[Total]:
        """The gradients for which the chain rule is written: where something is multiplied or added."""
        totals = [t for t in self.totals if t.node in self.order.asked] if self.order.by_gradients else self.totals
        root = [self.chain.root]
        return [t for t in totals if not self._is_one_step(t) and (self._ends(t) or self._passes(t)) != root]

    def _passes(self, t: Total) -> list[Var]:
        """Through what a gradient comes from the result."""
        return [f.of for path in t.paths for f in path]

    def _ends(self, t: Total) -> list[Var]:
        """The steps with a line from which a gradient comes that skips others; none where it skips nothing."""
        names, hidden = self.chain.names, self.order.hidden
        if t.closed is not None and t.node in self.order.direct:
            waiting = [*t.closed.start]
        elif hidden.keys().isdisjoint(names[n] for n in self._passes(t)):
            return []
        else:
            waiting = [path[0].of for path in t.paths]
        ends = set[Var]()
        while waiting:
            n = waiting.pop()
            if names[n] in hidden:
                waiting += self.order.consumers.get(n, [])
            else:
                ends.add(n)
        return [n for n in reversed(self.chain.landmarks) if n in ends]

    def _is_one_step(self, t: Total) -> bool:
        """True for a gradient that is a single factor of the result: nothing has to be multiplied."""
        return len(t.paths) == 1 == len(t.paths[0]) and t.paths[0][0].of is self.chain.root

    def _in_symbols(self, t: Total) -> Expr:
        """A gradient as the sum of its paths, each the product of its symbols; a single path from the result on."""
        names, total_of = self.chain.names, {t.node: t for t in self.totals}
        paths = t.paths
        while len(paths) == 1 and len(paths[0]) < LONG:
            above = total_of.get(paths[0][0].of)
            is_of_loop = stem(names[paths[0][0].of]) in self.chain.looped
            if above is None or len(above.paths) != 1 or above.node in self.order.direct or is_of_loop:
                break
            paths = ((*above.paths[0], *paths[0]),)
        several = [self._symbols(path) for path in paths]
        if ends := self._ends(t):
            root, wrt = self.chain.root, names[t.node]
            d = "∂" if len(ends) > 1 else "d"  # of the result beside other paths
            several = [(n, [f"{d}{names[n]}/{d}{wrt}" if n is root else f"d{names[n]}/d{wrt}"]) for n in ends]
        above_each = ([self.chain.gradient_symbol(n)] * (n is not self.chain.root) for n, _ in several)
        each = [[*first, *symbols] for first, (_, symbols) in zip(above_each, several, strict=True)]
        terms = [product(map(name, symbols), ()) for symbols in each]
        return total(terms) if terms else number(0)

    def _symbols(self, path: Sequence[Factor]) -> tuple[Var, list[str]]:
        """The start of a path, and the derivatives along it, past what has no line: of tr(a) is dL/da."""
        names, nodes = self.chain.names, [path[0].of, *(f.wrt for f in path)]
        shown = [n for n in nodes if names[n] not in self.order.hidden]
        if len(shown) in (1, len(nodes)):
            return path[0].of, [f.symbol for f in path]
        return shown[0], [f"d{names[a]}/d{names[b]}" for a, b in pairwise(shown)]

    def _line(self, line: Factor | Total, checked: Collection[Var]) -> Line:
        """A factor or a gradient."""
        if isinstance(line, Factor):
            value = None if line.formula.is_number else layout.small(self.chain.shorter.partial(line))
            return Line(line.symbol, (line.stated,), value, since=self.since([line]), how=_how(line))
        check = self._checked({line.node: line.value}) if line.node in checked else ""
        if self._is_one_step(line) and not self.order.by_gradients:  # it has its line as a factor
            return Line(line.symbol, check=check, is_gradient=True)
        closed, users = line.closed, self.order.passed(line) if self.order.by_gradients else []
        formulas = self._sides(line)
        if closed is None or line.node not in self.order.direct:
            since = self.since(users)
        else:
            names, hidden, steps = self.chain.names, self.order.hidden, {f.of for f in users}
            since = self._symmetric([*users, closed])
            shown = (n for n in self.chain.landmarks if n in steps and names[n] not in hidden)
            since += [Definition(names[n], self.order.definition(n)) for n in shown]
        said = "" if closed is not None and closed.is_smooth else _remarks(*users)
        if closed is not None and closed.is_zero:
            since, said = self.since(self.order.passed(replace(line, closed=None))), f"{said}; it cancels"
        labels = closed.labels if closed is not None else {}
        if sum(len(e.shape) == 1 for e in labels.values()) > 1:  # onehot(w[t-1]) + onehot(w[t+1])
            formulas, labels = [substitute(e, labels) for e in formulas], {}
        since += [Definition(word, e) for word, e in labels.items()]
        value = layout.small(self.chain.shorter.gradient(line.node, line.value))
        value = None if _says(formulas[-1], value) else value  # 0 is not written again as [0, 0]
        shape = line.value.shape if value is None else None
        return Line(
            line.symbol, formulas, value, shape=shape, since=since, how=said,
            ones=closed.ones if closed is not None else (), check=check, is_gradient=True,
        )  # fmt: skip

    def _sides(self, line: Total) -> list[Expr]:
        """The sides of a gradient's line: as it is composed, and in closed form if that says more."""
        composed, closed = self.composition(line), line.closed
        if closed is None or line.node in self.order.direct:
            whole = self.order.written_out(line.node) if self.chain.is_input(line.node) else None
            last = [] if whole is None else [self.order.with_traces(self.order.opened(whole.formula))]
            sides = [composed, *last]
            letters = {Line("", [e], line.value).indexed[0] for e in sides} if self.order.by_gradients else set()
            is_same = len(letters) > 1 or alike(Line("", sides, line.value).written(TEXT)[1:])
            return sides[:1] if is_same else sides
        sides = [composed, self.order.opened(closed.formula)]
        if _is_placed(composed, closed):
            return sides[1:]
        is_more = any("/" in word for word in composed.names) or leaves(sides[1]) < leaves(composed)
        return sides if is_more and not alike(Line("", sides, line.value).written(TEXT)[1:]) else [composed]

    def since(self, factors: Sequence[Factor]) -> list[Definition]:
        """The definitions of the steps that some factors belong to, and how their Jacobians are known."""
        c = self.chain
        out = self._symmetric(factors)
        for f in factors:
            definition, symbol = self.order.definition(f.of), c.names[f.of]
            if symbol not in [*self.order.hidden, *(d.symbol for d in out if not d.wrt)]:
                out.append(Definition(symbol, definition))
            if f.is_map and (jacobian := c.jacobian(f.of)) is not None:
                out.append(Definition(c.names[f.of], jacobian, c.names[f.wrt]))
        entries = {k: (d, at) for k, d in enumerate(out) if (at := _start_of(d.formula)) is not None}
        in_order = sorted(entries.values(), key=lambda pair: pair[1])  # w1 = ω[0], w2 = ω[1]
        for k, (d, _) in zip(entries, in_order, strict=True):
            out[k] = d
        return out

    def _symmetric(self, factors: Iterable[Factor | Closed]) -> list[Definition]:
        """That matrices in some factors are symmetric."""
        words = dict.fromkeys(w for f in factors for w in f.symmetric if w not in self.order.hidden)
        return [Definition(f"({word})ᵀ" if "/" in word else f"{word}ᵀ", name(word)) for word in words]

    def composition(self, t: Total) -> Expr:
        """A gradient as a formula of gradients and factors above it."""
        return self.order.composition(t)

    def _checked(self, gradients: Mapping[Var, Any], what: str = "") -> str:
        try:
            _, slope, along, is_kink = check(self.chain, gradients)
        except ArithmeticError as doubt:
            return f"not confirmed: {' '.join(str(doubt).split())}"
        if is_kink:
            return f"check: {what}at a kink a finite difference tells nothing; it is the engine's gradient"
        return f"check: {what}slope along one direction {along:.6g}, by a finite difference {slope:.6g}"

    # ------------------------------------------------------------------------------------------------ as text

    def __str__(self) -> str:
        return self.text()

    __repr__ = __str__

    def text(self, ascii: bool = False) -> str:
        """Plain text; with `ascii` without σ, ᵀ and ∂."""
        return layout.text_of(self.written, ASCII if ascii else TEXT) + "\n"

    def latex(self) -> str:
        """The derivation as aligned LaTeX, one ``align*`` for each section."""
        return layout.latex_of(self.written)

    def markdown(self) -> str:
        """Markdown with mathematics, for notebooks and documentation pages."""
        return layout.markdown_of(self.written)

    _repr_markdown_ = markdown

    def html(self) -> str:
        """HTML with MathML, which a browser shows without a script or a network."""
        return html_of(self.markdown())

    _repr_html_ = html

    def _repr_latex_(self) -> str:
        return self.latex()


def _says(e: Expr, value: Any) -> bool:
    """Return True if a formula is a number that is the value, or 0 for all of it."""
    is_number = value is not None and e.is_number
    return bool(is_number and (not np.ndim(value) or not e.value) and np.all(value == e.value))


def _is_placed(e: Expr, closed: Closed) -> bool:
    """True for a form with numbers at labels, instead of which the closed one is written: P - Y, not 1 at [2]."""
    is_placed = any(part.role == "placement" for part in walk(e)) and not any("/" in word for word in e.names)
    return is_placed and bool(closed.labels or "I" in closed.formula.names)


def _how(f: Factor) -> str:
    """The way in which a factor is multiplied with the gradient above it."""
    how = {"left": "a matrix, from the left", "right": "a matrix, from the right"}.get(f.combine, "")
    if f.is_elementwise and np.size(f.value) > 1 < f.of.size and f.formula.role != "stack":
        how = "entry by entry"
    axes = "the batch" if f.axes == (0,) else f"axis {', '.join(map(str, f.axes))}"
    return "".join(f"; {part}" for part in (how, f"summed over {axes}" if f.axes else "") if part) + _remarks(f)


def _remarks(*factors: Factor) -> str:
    """What textbooks say beside some factors."""
    return "".join(f"; {said}" for said in dict.fromkeys(said for f in factors for said in f.remarks))


def _given(word: str, x: Any, is_asked: bool) -> Line:
    """A given number, also the 0 of all entries of a state at the start, ``h0 = 0``; of any other array the shape."""
    if word.endswith("0") and np.size(x) > 1 and np.array_equal(x, np.eye(len(x))):
        return Line(word, (name("I"),))
    kind = np.asarray(x).dtype.kind
    is_state = word[-1:].isdigit() and not np.any(x) and not is_asked and np.size(x) > 1 and kind != "b"
    if is_state or not np.ndim(x) and kind == "i":
        x = np.ravel(x)[0].item()
    return Line(word, (number(x),)) if is_number(x) else Line(word, shape=np.shape(x))


def _start_of(e: Expr | None) -> tuple[str, int] | None:
    """The array of which a formula is an entry or a part, and where that begins."""
    at = index_parts(e.params["index"]) if e is not None and e.role == "index" and e.of.role == "name" else ()
    k = at[0].start if len(at) == 1 and isinstance(at[0], slice) else at[0] if len(at) == 1 else None
    return (e.of.value, k) if e is not None and type(k) is int else None


def explain(
    loss: Tensor | Program,
    wrt: Any = None,
    names: Mapping[str, Any] | None = None,
    *,
    depth: int | None = None,
    roll: bool = True,
) -> Derivation:
    """Derive the gradient of `loss` with respect to each of `wrt`, by default all inputs that require a gradient.

    Parameters
    ----------
    loss : Tensor or Program
        A scalar (one entry), recorded; or a function that was traced, ``ag.trace(f, x)``.
    wrt : Tensor or sequence of Tensor, optional
        What to differentiate with respect to; by default every parameter that `loss` depends on. For a traced function
        the names of its arguments.
    names : mapping, optional
        Names for values that have none, such as ``locals()``.
    depth : int, optional
        How many levels of modules and composite calls to open; a deeper call is one step. By default all modules are
        open, and known steps (see `Textbook`) closed. With ``depth=1`` those that you call yourself are opened.
    roll : bool
        Whether the steps of a loop are written once, with t for their number: ``dL/dW = Σₜ dL/dzₜ @ hₜ₋₁ᵀ``.

    Raises
    ------
    TypeError
        If `loss` is not a Tensor or a Program, or `names` is a Tensor.
    ValueError
        If `loss` has more than one entry, does not depend on one of `wrt`, or its graph is too large to read.
    RuntimeError
        If an input has been overwritten.

    Examples
    --------
    >>> import autograd_lite as ag
    >>> w = ag.tensor(0.2, requires_grad=True, name="w")
    >>> p = ag.sigmoid(3.0 * w)
    >>> print(explain((1.0 - p) ** 2, w))
    Given  w (1)
    <BLANKLINE>
    The steps
    <BLANKLINE>
      p = σ(3 w)                        1        0.6457
      L = (1 - p)²                      1        0.1256
    <BLANKLINE>
    The chain rule
    <BLANKLINE>
      dL/dw = dL/dp · dp/dw
    <BLANKLINE>
    From the result down
    <BLANKLINE>
      dL/dp = 2 (p - 1)                 since L = (1 - p)²
            = -0.7087
      dp/dw = 3 p (1 - p)               since p = σ(3 w)
            = 0.6864
    <BLANKLINE>
      dL/dw = dL/dp · dp/dw
            = 6 (p - 1) p (1 - p)
            = -0.4864
              check: slope along one direction -0.262808, by a finite difference -0.262808
    <BLANKLINE>
    """
    if isinstance(loss, Program):
        chain, wanted = chain_of_program(loss, wrt, depth)
        return Derivation(chain, tuple(wanted), roll)
    if not isinstance(loss, Tensor):
        raise TypeError(
            f"explain: expected a computed Tensor, got {type(loss).__name__}; write y = f(x) with "
            "x = ag.tensor(..., requires_grad=True), and explain y, or ag.trace(f, x).explain()"
        )
    if loss.size != 1:
        raise ValueError(
            f"explain: expected a result with one entry, got shape {loss.shape}: take .sum() or .mean() first"
        )
    if isinstance(names, Tensor):
        raise TypeError("explain: expected names as a mapping, got a Tensor; for several inputs write explain([W, b])")
    asked = None if wrt is None else [wrt] if isinstance(wrt, Tensor) else list(wrt)
    chain, wanted = chain_of(loss, asked, names, depth)
    return Derivation(chain, tuple(wanted), roll)
