"""The derivation, as a good teacher writes it on a board: the steps, the chain rule, each factor, the numbers, a check.

A :class:`~autograd_lite.derive.landmarks.Chain` becomes a list of factors and gradients, in the order in which a person
derives them, which is then written as plain text, Markdown or LaTeX.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from ..base.escape import markdown, plain
from ..engine.node import GraphView, Node
from ..tensor import Tensor
from ..tracing.naming import label
from .expression import Expr, substitute, walk
from .factors import Factor
from .landmarks import Chain
from .paths import check, composed, nodes_of, target
from .writing import ASCII, LATEX, TEXT, TIMES, Printer, matrix, partial_tex, shape_text, tex, tex_name, write

SHOWN = 16  # entries of the largest array that is written out; of a larger one the shape is shown
LONG = 8  # factors; beyond this, name the derivative at each branching step once
CHECKED = 12  # gradients; more are checked together, along one direction of all inputs
WIDE = 400  # characters; a longer definition is written out only once
AT = 34  # the column of remarks in plain text


@dataclass(frozen=True, eq=False)
class Total:
    """The derivative of the result with respect to one landmark: a sum over paths from the result or another total."""

    node: Node
    symbol: str
    paths: tuple[tuple[Factor, ...], ...]
    starts: tuple[Any, ...]  # the cotangent at the start of each path
    parts: tuple[Any, ...]  # the term of each path
    value: Any


@dataclass(frozen=True, eq=False)
class Derivation(GraphView):
    """The result of :meth:`Tensor.explain`: print it, or call ``.markdown()`` or ``.latex()``."""

    instead = "keep its text: str(it), .markdown() or .latex()"

    chain: Chain = field(repr=False)
    wrt: tuple[Node, ...] = field(repr=False)

    # ---------------------------------------------------------------------------------------------- the derivation

    @cached_property
    def lines(self) -> list[Factor | Total]:
        """Factors and totals in the order of a derivation by hand: from the result down, each gradient as soon as its
        factors are known.
        """
        c = self.chain
        out: list[Factor | Total] = []
        factors = self._factors
        arrived: dict[Node, Any] = {c.root: np.ones(c.root.shape)}
        for n in reversed(c.landmarks):
            if n not in self._reach or n in arrived and n is not c.root:
                continue
            if n in self._totals and n is not c.root:
                out.append(self._total(n, arrived))
            for m in self._inputs(n):
                out.append(factors[n, m])
                if self._consumers[m][0] is n and m in self._asked and m.row is None:  # the oldest comes last
                    out.append(self._total(m, arrived))
        return out

    @cached_property
    def _asked(self) -> frozenset[Node]:
        return frozenset(self.wrt)

    def _inputs(self, n: Node) -> list[Node]:
        """What a step is differentiated with respect to: parameters first, since they complete a gradient."""
        found = [m for m in self.chain.inputs_of(n) if m in self._reach]
        return sorted(found, key=lambda m: m.row is not None or m not in self._asked)

    @cached_property
    def _reach(self) -> set[Node]:
        return self.chain.reaching(self.wrt)

    @cached_property
    def _consumers(self) -> dict[Node, list[Node]]:
        found: dict[Node, list[Node]] = {}
        for n in self.chain.landmarks:
            for m in self.chain.inputs_of(n) if n in self._reach else ():
                if m in self._reach:
                    found.setdefault(m, []).append(n)
        return found

    @cached_property
    def _totals(self) -> set[Node]:
        """Where several paths meet, and what was asked for."""
        meeting = {n for n, users in self._consumers.items() if len(users) > 1} | set(self.wrt)
        if len(self._factors) > LONG:  # otherwise the same factors would be written repeatedly
            meeting |= {n for n in self._reach if n is not self.chain.root and len(self._inputs(n)) > 1}
        return meeting

    @cached_property
    def _factors(self) -> dict[tuple[Node, Node], Factor]:
        return {(n, m): self.chain.factor(n, m) for m, users in self._consumers.items() for n in users}

    def _total(self, n: Node, arrived: dict[Node, Any]) -> Total:
        c = self.chain
        paths, starts, parts = [], [], []
        stack: list[tuple[Node, tuple[Factor, ...]]] = [
            (k, (self._factors[k, n],)) for k in self._consumers.get(n, [])
        ]
        while stack:
            at, path = stack.pop()
            if at is c.root or at in self._totals:
                paths.append(path)
                g = arrived[at]
                starts.append(g)
                for f in path:
                    g = f.apply(g)
                parts.append(g)
            else:
                stack += [(k, (self._factors[k, at], *path)) for k in self._consumers[at]]
        arrived[n] = value = sum(parts) if parts else np.zeros(n.shape)
        return Total(n, f"d{c.names[c.root]}/d{c.names[n]}", tuple(paths), tuple(starts), tuple(parts), value)

    @cached_property
    def totals(self) -> list[Total]:
        """The gradients, and the derivatives where several paths meet."""
        return [line for line in self.lines if isinstance(line, Total)]

    @cached_property
    def factors(self) -> list[Factor]:
        """Each factor once, from the result down."""
        return [line for line in self.lines if isinstance(line, Factor)]

    def steps(self) -> list[tuple[str, list[Node]]]:
        """The computed landmarks, oldest first, grouped by module or composite call."""
        out: list[tuple[str, list[Node]]] = []
        for n in self.chain.landmarks:
            if n.row is None:
                continue
            path = self.chain.group_path(n)
            if n in self.chain.folds:
                path = path[: path.index(self.chain.folds[n])]
            title = label(path)
            if not out or out[-1][0] != title:
                out.append((title, []))
            out[-1][1].append(n)
        return out

    def check(self) -> float:
        """The largest relative distance of a gradient from the engine's; raises ArithmeticError beyond rounding."""
        found = {t.node: t.value for t in self.totals if t.node in self._asked}
        return check(self.chain, found).error if found else 0.0

    # ------------------------------------------------------------------------------------------------ plain text

    def __str__(self) -> str:
        return self.text()

    __repr__ = __str__

    def text(self, ascii: bool = False) -> str:
        """Plain text; with `ascii` without σ, ᵀ and ∂."""
        printer = ASCII if ascii else TEXT
        steps, factors = self.text_steps(printer), self._text_factors(printer)
        lines = [*self.text_given(), "", *steps, "", *self._text_rule(), *factors]
        text = "\n".join(lines).rstrip() + "\n"
        return text.replace("∂", "d") if ascii else text

    @property
    def given(self) -> list[tuple[str, tuple[int, ...]]]:
        """The names that the steps start from, with shapes."""
        c = self.chain
        used = frozenset().union(*(c.definition(n).names for _, nodes in self.steps() for n in nodes))
        made = {c.names[n] for _, nodes in self.steps() for n in nodes}
        env = c.environment()
        return [(word, np.shape(env[word])) for word in env if word in used and word not in made]

    def text_given(self) -> Iterator[str]:
        yield f"Given  {', '.join(f'{word} ({shape_text(shape)})' for word, shape in self.given)}"

    def text_steps(self, printer: Printer = TEXT) -> Iterator[str]:
        c = self.chain
        wide = max((len(c.names[n]) for _, nodes in self.steps() for n in nodes), default=1)
        yield "The steps"
        for title, nodes in self.steps():
            yield f"\n  in {title}" if title else ""
            for n in nodes:
                word = f"  {c.names[n]:<{wide}} = {write(c.definition(n), printer)}"
                yield f"{word:<{AT}}  {shape_text(n.shape):<8} {_shown(c.values[n], AT + 11)}".rstrip()

    def _text_rule(self) -> Iterator[str]:
        if all(map(self._is_one_step, self.totals)):
            return
        yield "The chain rule\n"
        for t in self.totals:
            paths = [" * ".join([*self._starts(w), *(f.symbol for f in w)]) for w in t.paths]
            yield f"  {t.symbol} = {' + '.join(paths) or '0'}"
        yield ""

    def _is_one_step(self, t: Total) -> bool:
        """Whether a gradient is a single factor, which has its own line, so that nothing has to be multiplied."""
        return len(t.paths) == 1 == len(t.paths[0]) and t.paths[0][0].of is self.chain.root

    def _starts(self, path: Sequence[Factor]) -> list[str]:
        names, of = self.chain.names, path[0].of
        return [] if of is self.chain.root else [f"d{names[self.chain.root]}/d{names[of]}"]

    def _text_factors(self, printer: Printer) -> Iterator[str]:
        c = self.chain
        asked = {t.node: t.value for t in self.totals if t.node in self._asked and t.node.row is None}
        definitions: dict[Node, str] = {}
        yield "From the result down\n"
        for line in self.lines:
            indent = " " * len(line.symbol)
            if isinstance(line, Factor):
                word = f"  {line.symbol} = {write(self.formula(line), printer)}"
                since = f"since {c.names[line.of]} = {self._once(line.of, printer, definitions)}"
                yield f"{word:<{AT}}  {since}{self._how(line)}"
            elif not self._is_one_step(line):
                yield f"\n  {line.symbol} = {self.composition(line, printer)}"
            known = line.formula.is_number if isinstance(line, Factor) else self._is_one_step(line)
            if _is_shown(line.value) and not known:
                yield f"  {indent} = {_shown(line.value, len(indent) + 5)}"
            if isinstance(line, Total):
                if not _is_shown(line.value) and not known:
                    yield f"  {indent} is {shape_text(line.value.shape)}"
                if line.node in asked and len(asked) <= CHECKED:
                    yield f"  {indent}   {self._checked({line.node: line.value})}"
                yield ""
        if len(asked) > CHECKED:
            yield f"  All {len(asked)} gradients together"
            yield f"      {self._checked(asked)}"

    def _once(self, n: Node, printer: Printer, written: dict[Node, str]) -> str:
        """The definition of a step; a long one is written out only the first time."""
        if n not in written:
            written[n] = write(self.chain.definition(n), printer)
        elif len(written[n]) > WIDE:
            written[n] = r"\ldots" if printer is LATEX else "..." if printer is ASCII else "…"
        return written[n]

    def composition(self, t: Total, printer: Printer = TEXT) -> str:
        """The product of the factors in the order of the matrices, as plain text."""
        starts = ["".join(self._starts(path)) for path in t.paths]
        return composed(t.paths, self.chain, printer, starts) or "0"

    def _checked(self, found: Mapping[Node, Any]) -> str:
        _, slope, along = check(self.chain, found)
        return f"check: slope along one direction {along:.6g}, by a finite difference {slope:.6g}"

    # ---------------------------------------------------------------------------------------------------- LaTeX

    def latex(self) -> str:
        """The derivation as aligned LaTeX, one ``align*`` for each section."""
        line_break = " \\\\\n"
        return "\n\n".join(
            f"% {plain(title)}\n\\begin{{align*}}\n{line_break.join(rows)}\n\\end{{align*}}"
            for title, rows in self._sections()
        )

    def markdown(self) -> str:
        """Markdown with mathematics, for notebooks and documentation pages."""
        return aligned(self._sections())

    _repr_markdown_ = markdown

    def _repr_latex_(self) -> str:
        return self.latex()

    def sections_before(self) -> list[tuple[str, list[str]]]:
        """The given values and the steps, as titles with rows of LaTeX."""
        c = self.chain
        word = {n: tex_name(w) for n, w in c.names.items()}
        given = r",\quad ".join(rf"{tex_name(w)}\ ({shape_text(shape, TIMES)})" for w, shape in self.given)
        out = [("Given", [f"& {given}"])]
        for title, nodes in self.steps():
            rows = [rf"{word[n]} &= {tex(c.definition(n))} && {shape_text(n.shape, TIMES)}" for n in nodes]
            out.append((f"The steps in {title}" if title else "The steps", rows))
        return out

    def _sections(self) -> list[tuple[str, list[str]]]:
        c = self.chain
        word = {n: tex_name(w) for n, w in c.names.items()}
        out = self.sections_before()
        rule = []
        for t in self.totals:
            paths = [" ".join([*self._tex_starts(w), *map(c.tex_symbol, w)]) for w in t.paths]
            rule.append(rf"{partial_tex(word[c.root], word[t.node])} &= {' + '.join(paths) or '0'}")
        if not all(map(self._is_one_step, self.totals)):
            out.append(("The chain rule", rule))
        rows = []
        definitions: dict[Node, str] = {}
        for line in self.lines:
            shown = _is_shown(line.value)
            value = rf" = {matrix(line.value)}" if shown else ""
            if isinstance(line, Factor):
                value = "" if line.formula.is_number else value
                since = rf"\text{{since }} {word[line.of]} = {self._once(line.of, LATEX, definitions)}"
                rows.append(rf"{c.tex_symbol(line)} &= {tex(self.formula(line))}{value} && {since}")
            elif not self._is_one_step(line):
                starts = ["".join(self._tex_starts(path)) for path in line.paths]
                formula = composed(line.paths, c, LATEX, starts) or "0"
                rows.append(rf"{partial_tex(word[c.root], word[line.node])} &= {formula}{value}")
        out.append(("From the result down", rows))
        return out

    def _tex_starts(self, path: Sequence[Factor]) -> list[str]:
        names, of = self.chain.names, path[0].of
        return [] if of is self.chain.root else [partial_tex(tex_name(names[self.chain.root]), tex_name(names[of]))]

    # ------------------------------------------------------------------------------------------------- formulas

    def formula(self, f: Factor) -> Expr:
        """The partial, in terms of the argument where textbooks write it so: σ(C) for P."""
        word = self.chain.names[f.of]
        if f.combine != "elementwise" or word not in f.formula.names:
            return f.formula
        definition = self.chain.definition(f.of)
        size = sum(bool(part.args) for part in walk(definition))
        often = sum(a.value == word for part in walk(f.formula) for a in part.args if a.role == "name")
        if len(definition.names) == 1 and (size == 1 or size == 2 and often < 2):
            return substitute(f.formula, {word: definition})
        return f.formula

    def _how(self, f: Factor) -> str:
        how = {
            "left": "a matrix, from the left",
            "right": "a matrix, from the right",
            "map": f"with {f.cotangent} from above",
        }.get(f.combine, "")
        if f.combine == "elementwise" and np.size(f.value) > 1:
            how = "entry by entry"
        parts = [how] if how else []
        if f.axes:
            parts.append(f"summed over axis {', '.join(map(str, f.axes))}")
        return "".join(f"; {part}" for part in parts)


def aligned(sections: Iterable[tuple[str, Sequence[str]]]) -> str:
    """Titles with rows of LaTeX, as Markdown."""
    line_break = " \\\\\n"
    return "\n".join(
        f"**{markdown(title)}**\n\n$$\n\\begin{{aligned}}\n{line_break.join(rows)}\n\\end{{aligned}}\n$$\n"
        for title, rows in sections
    )


def _is_shown(value: Any) -> bool:
    return value is not None and np.size(value) <= SHOWN and np.ndim(value) <= 2


def _shown(value: Any, indent: int) -> str:
    if not _is_shown(value):
        return ""
    value = np.asarray(value)
    size = float(np.abs(value).max(initial=0.0, where=np.isfinite(value)))
    digits = 4 if size >= 0.1 or size == 0 else min(3 - math.floor(math.log10(size)), 12)
    shown = np.array2string(value, precision=digits, suppress_small=True, separator=" ", floatmode="maxprec")
    return shown.replace("\n", "\n" + " " * indent)


def explain(
    loss: Tensor,
    wrt: Tensor | Sequence[Tensor] | None = None,
    names: Mapping[str, Any] | None = None,
    *,
    depth: int | None = None,
) -> Derivation:
    """Derive the gradient of `loss` with respect to each of `wrt`, by default all inputs that require a gradient.

    Parameters
    ----------
    loss : Tensor
        A scalar (one entry), recorded.
    wrt : Tensor or sequence of Tensor, optional
    names : mapping, optional
        Names for values that have none, such as ``locals()``.
    depth : int, optional
        How many levels of modules and composite calls to expand; a deeper call is one step.

    Raises
    ------
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
      p = σ(3 * w)                      1        0.6457
      L = (1 - p)²                      1        0.1256
    <BLANKLINE>
    The chain rule
    <BLANKLINE>
      dL/dw = dL/dp * dp/dw
    <BLANKLINE>
    From the result down
    <BLANKLINE>
      dL/dp = -2 * (1 - p)              since L = (1 - p)²
            = -0.7087
      dp/dw = 3 * p * (1 - p)           since p = σ(3 * w)
            = 0.6864
    <BLANKLINE>
      dL/dw = dL/dp * dp/dw
            = -0.4864
              check: slope along one direction -0.262808, by a finite difference -0.262808
    <BLANKLINE>
    """
    if not isinstance(loss, Tensor):
        raise TypeError(
            f"explain: expected a computed Tensor, got {type(loss).__name__}; write y = f(x) with "
            "x = ag.tensor(..., requires_grad=True), and explain y"
        )
    if loss.size != 1:
        raise ValueError(
            f"explain: expected a result with one entry, got shape {loss.shape}: take .sum() or .mean() first"
        )
    asked = None if wrt is None else [wrt] if isinstance(wrt, Tensor) else list(wrt)
    chain = Chain(loss, names, depth=depth, wrt=None if asked is None else nodes_of(asked))
    if asked is None:
        return Derivation(chain, tuple(n for n in chain.landmarks if n.row is None and n.requires_grad))
    return Derivation(chain, tuple(target(chain, w) for w in asked))
