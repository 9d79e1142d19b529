"""The derivation, as a good teacher writes it on a board: the steps, the chain rule, each factor, the numbers, a check.

A :class:`~autograd_lite.derive.landmarks.Chain` becomes a list of factors and gradients, in the order in which a person
derives them, which is then written as plain text, Markdown or LaTeX.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from unicodedata import combining

import numpy as np

from ..base.escape import markdown, plain
from ..engine.node import GraphView, Node
from ..program.naming import label
from ..tensor import Tensor
from .constants import is_number
from .expression import Expr
from .factors import Factor
from .landmarks import Chain
from .lines import Lines, Total
from .opening import opened
from .paths import check, compared, nodes_of, target
from .writing import ASCII, LATEX, TEXT, TIMES, Printer, matrix, partial_tex, shape_text, tex, tex_name, write

SHOWN = 16  # entries of the largest array that is written out; of a larger one the shape is shown
LONG = 8  # symbols of the longest product that is written out
CHECKED = 12  # gradients; more are checked together, along one direction of all inputs
WIDE = 400  # characters; a longer definition is written out only once
AT = 34  # the column of remarks in plain text
BOARD = 110  # columns
ROW = 6  # given values in a row


@dataclass(frozen=True, eq=False, repr=False)
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
    L &= x^2 && 1
    \end{align*}
    <BLANKLINE>
    % From the result down
    \begin{align*}
    \frac{\partial L}{\partial x} &= 2\,x = 4 && \text{since } L = x^2
    \end{align*}
    """

    instead = "keep its text: str(it), .markdown() or .latex()"

    chain: Chain
    wrt: tuple[Node, ...]

    # ---------------------------------------------------------------------------------------------- the derivation

    @cached_property
    def found(self) -> Lines:
        return Lines(self.chain, self.wrt)

    @cached_property
    def lines(self) -> list[Factor | Total]:
        """Factors and gradients in the order of a derivation by hand."""
        return self.found.all()

    @cached_property
    def totals(self) -> list[Total]:
        """The gradients."""
        return [line for line in self.lines if isinstance(line, Total)]

    @cached_property
    def _by_symbol(self) -> dict[str, Total]:
        return {t.symbol: t for t in self.totals}

    @cached_property
    def factors(self) -> list[Factor]:
        """The factors that have a line of their own."""
        return [line for line in self.lines if isinstance(line, Factor)]

    def steps(self) -> list[tuple[str, list[Node]]]:
        """The computed landmarks, oldest first, grouped by module or composite call."""
        out: list[tuple[str, list[Node]]] = []
        for n in self.chain.landmarks:
            if n.row is None:
                continue
            path = self.chain.group_path(n)
            if n in self.chain.folds:
                path = path[: path.index(self.chain.shell(n))]
            title = label(path)
            if not out or out[-1][0] != title:
                out.append((title, []))
            out[-1][1].append(n)
        return out

    def check(self) -> float:
        """The largest relative distance of a gradient from the engine's; raises ArithmeticError beyond rounding."""
        found = {t.node: t.value for t in self.totals if t.node in self.found.asked}
        return check(self.chain, found).error if found else 0.0

    # ------------------------------------------------------------------------------------------------ plain text

    def __str__(self) -> str:
        return self.text()

    __repr__ = __str__

    def text(self, ascii: bool = False) -> str:
        """Plain text; with `ascii` without σ, ᵀ and ∂."""
        printer = ASCII if ascii else TEXT
        lines = [*self.text_given(printer), "", *self.text_steps(printer), "", *self._text_rule(printer)]
        text = "\n".join([*lines, *self._text_lines(printer)]).rstrip() + "\n"
        return text.replace("∂", "d").replace(" · ", " * ") if ascii else text

    @property
    def given(self) -> list[tuple[str, Any]]:
        """The names that the steps start from, with their values."""
        c = self.chain
        nodes = [n for _, nodes in self.steps() for n in nodes]
        stated = [e for n in nodes for e in (c.definition(n), *(e for _, e in c.where(n)))]
        used = frozenset().union(*(e.names for e in stated))
        made = {c.names[n] for n in nodes} | {word for n in nodes for word, _ in c.where(n)}
        return [(word, x) for word, x in c.environment().items() if word in used and word not in made]

    def text_given(self, printer: Printer = TEXT) -> Iterator[str]:
        shown = ((printer.name(w), x) for w, x in self.given)
        words = (f"{w} = {printer.number(x)}" if is_number(x) else f"{w} ({shape_text(np.shape(x))})" for w, x in shown)
        yield f"Given  {', '.join(words)}"

    def text_steps(self, printer: Printer = TEXT) -> Iterator[str]:
        c = self.chain
        words = {n: printer.name(c.names[n]) for _, nodes in self.steps() for n in nodes}
        wide = max(map(_width, words.values()), default=1)
        yield "The steps"
        for title, nodes in self.steps():
            yield f"\n  in {title}" if title else ""
            for n in nodes:
                line = f"  {words[n]}{' ' * (wide - _width(words[n]))} = {write(c.definition(n), printer)}"
                yield f"{line:<{AT}}  {shape_text(n.shape):<8} {_shown(c.values[n], AT + 11)}".rstrip()
                where = [f"{printer.name(word)} = {write(e, printer)}" for word, e in c.where(n)]
                yield from [f"  {'':<{wide}}   with {', '.join(where)}"] if where else []

    def _rule(self) -> list[Total]:
        """The gradients for which the chain rule is written: where something is multiplied or added."""
        totals = [t for t in self.totals if t.node in self.found.asked] if self.found.by_gradients else self.totals
        return [t for t in totals if not self._is_one_step(t)]

    def _is_one_step(self, t: Total) -> bool:
        """Whether a gradient is a single factor of the result: nothing has to be multiplied."""
        return len(t.paths) == 1 == len(t.paths[0]) and t.paths[0][0].of is self.chain.root

    def _symbols(self, t: Total) -> list[list[str]]:
        """For each path to a gradient its symbols, the start included; a single path from the result on."""
        paths = t.paths
        while len(paths) == 1 and (start := self.found.start(paths[0])):
            above = self._by_symbol[start]
            if len(above.paths) != 1 or len(paths[0]) >= LONG:
                break
            paths = ((*above.paths[0], *paths[0]),)
        return [[*filter(None, [self.found.start(path)]), *(f.symbol for f in path)] for path in paths]

    def _text_rule(self, printer: Printer) -> Iterator[str]:
        rule = self._rule()
        if rule:
            yield "The chain rule\n"
        for t in rule:
            paths = [" · ".join(map(printer.name, symbols)) for symbols in self._symbols(t)]
            yield f"  {printer.name(t.symbol)} = {' + '.join(paths) or '0'}"
        if rule:
            yield ""

    def _text_lines(self, printer: Printer) -> Iterator[str]:
        written: dict[Node, str] = {}
        asked = {t.node: t.value for t in self.totals if t.node in self.found.asked and t.node.row is None}
        yield "From the result down\n"
        for line in self.lines:
            symbol = printer.name(line.symbol)
            indent, known = " " * _width(symbol), False
            if isinstance(line, Factor):
                known = line.formula.is_number
                word = f"  {symbol} = {write(line.stated, printer)}"
                yield from _with_remark(word, f"since {self._since([line], printer, written)}{self._how(line)}")
            elif self._is_one_step(line) and not self.found.by_gradients:
                known = True  # it has its line as a factor
            else:
                word = f"  {symbol} = {write(self.composition(line), printer)}"
                users = [path[-1] for path in line.paths] if self.found.by_gradients else []
                since = self._since(users, printer, written)
                if since:
                    yield from _with_remark(word, f"since {since}")
                else:
                    yield f"\n{word}" if line is not self.lines[0] else word
                if line.closed is not None:
                    ones = "".join(f"  since {write(e, printer)} = 1" for e in line.ones)
                    yield f"  {indent} = {write(line.closed, printer)}{ones}"
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

    def _since(self, factors: Sequence[Factor], printer: Printer, written: dict[Node, str]) -> str:
        """The definitions of the steps that some factors belong to, and how their Jacobians are known."""
        c, is_tex = self.chain, printer is LATEX
        parts = []
        for f in factors:
            parts.append(f"{printer.name(c.names[f.of])} = {self._once(f.of, printer, written)}")
            jacobian = c.jacobian(f.of) if f.combine == "map" and printer is not ASCII else None
            if jacobian is not None:
                of, wrt = (printer.name(c.names[n]) for n in (f.of, f.wrt))
                entry = partial_tex(f"{of}_i", f"{wrt}_j") if is_tex else f"d{of}ᵢ/d{wrt}ⱼ"
                parts.append(f"{entry} = {write(jacobian, printer)}")
        return (r",\; " if is_tex else ", ").join(parts)

    def _once(self, n: Node, printer: Printer, written: dict[Node, str]) -> str:
        """The definition of a step; a long one is written out only the first time."""
        if n not in written:
            written[n] = write(self.chain.definition(n), printer)
        elif len(written[n]) > WIDE:
            written[n] = r"\ldots" if printer is LATEX else "..." if printer is ASCII else "…"
        return written[n]

    def composition(self, t: Total) -> Expr:
        """A gradient as a formula of gradients and factors above it."""
        return self.found.composition(t)

    def _how(self, f: Factor) -> str:
        """How a factor is multiplied with the gradient above it."""
        how = {"left": "a matrix, from the left", "right": "a matrix, from the right"}.get(f.combine, "")
        if f.combine == "elementwise" and np.size(f.value) > 1:
            how = "entry by entry"
        parts = [how] if how else []
        if f.axes:
            which = "the batch" if f.axes == (0,) else f"axis {', '.join(map(str, f.axes))}"
            parts.append(f"summed over {which}")
        return "".join(f"; {part}" for part in parts)

    def _checked(self, found: Mapping[Node, Any]) -> str:
        _, slope, along, doubt = compared(self.chain, found)
        if doubt:
            return f"not confirmed: {' '.join(doubt.split())}"
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
        given = [
            tex_name(w) + (f" = {LATEX.number(x)}" if is_number(x) else rf"\ ({shape_text(np.shape(x), TIMES)})")
            for w, x in self.given
        ]
        out = [("Given", [r"& " + r",\quad ".join(given[k : k + ROW]) for k in range(0, len(given), ROW)])]
        for title, nodes in self.steps():
            rows = []
            for n in nodes:
                rows.append(rf"{tex_name(c.names[n])} &= {tex(c.definition(n))} && {shape_text(n.shape, TIMES)}")
                rows += [rf"& \quad {tex_name(word)} = {tex(e)}" for word, e in c.where(n)]
            out.append((f"The steps in {title}" if title else "The steps", rows))
        return out

    def _sections(self) -> list[tuple[str, list[str]]]:
        out = self.sections_before()
        rule = [
            rf"{tex_name(t.symbol)} &= {' + '.join(' '.join(map(tex_name, s)) for s in self._symbols(t)) or '0'}"
            for t in self._rule()
        ]
        if rule:
            out.append(("The chain rule", rule))
        rows: list[str] = []
        written: dict[Node, str] = {}
        for line in self.lines:
            value = rf" = {matrix(line.value)}" if _is_shown(line.value) else ""
            if isinstance(line, Factor):
                value = "" if line.formula.is_number else value
                since = self._since([line], LATEX, written)
                rows.append(rf"{tex_name(line.symbol)} &= {tex(line.stated)}{value} && \text{{since }} {since}")
            elif self.found.by_gradients or not self._is_one_step(line):
                closed = f" = {tex(line.closed)}" if line.closed is not None else ""
                users = [path[-1] for path in line.paths] if self.found.by_gradients else []
                since = self._since(users, LATEX, written)
                formula = f"{tex(self.composition(line))}{closed}{value}"
                remark = rf" && \text{{since }} {since}" if since else ""
                rows.append(f"{tex_name(line.symbol)} &= {formula}{remark}")
        out.append(("From the result down", rows))
        return out


def _with_remark(line: str, remark: str) -> Iterator[str]:
    """A line with a remark beside it, or below it where that would be too wide."""
    if max(_width(line), AT) + len(remark) <= BOARD:
        yield f"{line}{' ' * (AT - _width(line))}  {remark}"
    else:
        yield from (line, f"{'':<{AT - 20}}  {remark}")


def _width(word: str) -> int:
    """The columns that a word takes; a mark over a letter takes none."""
    return sum(not combining(c) for c in word)


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
        How many levels of modules and composite calls to open; a deeper call is one step. By default all modules are
        open, and known steps (see `Textbook`) closed. With ``depth=1`` those that you call yourself are opened.

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
      p = σ(3 w)                        1        0.6457
      L = (1 - p)²                      1        0.1256
    <BLANKLINE>
    The chain rule
    <BLANKLINE>
      dL/dw = dL/dp · dp/dw
    <BLANKLINE>
    From the result down
    <BLANKLINE>
      dL/dp = -2 (1 - p)                since L = (1 - p)²
            = -0.7087
      dp/dw = 3 p (1 - p)               since p = σ(3 w)
            = 0.6864
    <BLANKLINE>
      dL/dw = dL/dp · dp/dw
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
    if depth and loss._node is not None:
        loss, names = opened(loss, names or {}, depth)
    asked = None if wrt is None else [wrt] if isinstance(wrt, Tensor) else list(wrt)
    chain = Chain(loss, names, depth=depth, wrt=None if asked is None else nodes_of(asked))
    if asked is None:
        return Derivation(chain, tuple(n for n in chain.landmarks if n.row is None and n.requires_grad))
    return Derivation(chain, tuple(target(chain, w) for w in asked))
