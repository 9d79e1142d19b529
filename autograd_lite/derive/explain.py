"""The derivation, as a good teacher writes it on a board: the steps, the chain rule, each factor, the numbers, a check.

It is built once, as a list of parts, from a :class:`~autograd_lite.derive.chain.Chain`, and said in plain text, in
Markdown or in LaTeX.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..graph import Node
from ..tensor import Tensor
from .chain import Chain, Factor, gradient, replay
from .expression import LATEX, SUM, TEXT, Expr, tex, tex_name, text, write

TIMES = r" \times "
SHOWN = 16  # entries; a larger array is told by its shape


@dataclass(frozen=True, eq=False)
class Partials:
    """Every way from a result to one of its inputs, as factors; their composition is the gradient.

    Attributes
    ----------
    paths : tuple of tuple of Factor
        Latest factor first, as the chain rule is written.
    """

    chain: Chain = field(repr=False)
    wrt: Node = field(repr=False)
    paths: tuple[tuple[Factor, ...], ...]

    def __iter__(self) -> Any:
        return iter(self.paths)

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, symbol: str) -> Factor:
        """The factor called, say, ``"dP/dC"`` or ``"dPdC"``."""
        for path in self.paths:
            for factor in path:
                if symbol in (factor.symbol, factor.symbol.replace("/", "")):
                    return factor
        known = dict.fromkeys(f.symbol for path in self.paths for f in path)
        raise KeyError(f"no factor {symbol}; there are {', '.join(known)}")

    def compose(self) -> Any:
        """The product of the factors, summed over the paths: the gradient."""
        total = np.zeros(self.wrt.shape)
        for path in self.paths:
            g: Any = np.ones(self.chain.root.shape)
            for factor in path:
                g = factor.apply(g)
            total = total + g
        return total

    def check(self) -> float:
        """How far the composition is from the engine's gradient, relative to its size.

        Raises
        ------
        AssertionError
            If that is more than rounding, or if a finite difference of the replayed graph disagrees.
        """
        composed, engine = self.compose(), gradient(self.chain.root, self.wrt)
        scale = max(float(np.abs(engine).max(initial=0.0)), 1e-300)
        error = float(np.abs(composed - engine).max(initial=0.0)) / scale
        assert error < 1e-9, f"the factors compose to {composed}, but the engine's gradient is {engine}"
        difference = finite_difference(self.chain, self.wrt)
        along = float(np.abs(difference[0] - difference[1]))
        assert along <= 1e-5 * max(1.0, abs(difference[0])), f"a finite difference says {difference[0]}, the chain {difference[1]}"
        return error

    def __str__(self) -> str:
        of, wrt = self.chain.names[self.chain.root], self.chain.names[self.wrt]
        return f"d{of}/d{wrt} = " + " + ".join(" * ".join(f.symbol for f in path) for path in self.paths)


def finite_difference(chain: Chain, wrt: Node) -> tuple[float, float]:
    """The slope along one fixed direction by a central difference of the replayed graph, and by the gradient."""
    size = max(int(np.prod(wrt.shape)), 1)
    direction = np.cos(np.arange(1, size + 1)).reshape(wrt.shape)  # no random numbers: the same check each time
    h = 1e-6 * max(1.0, float(np.abs(wrt.y).max(initial=0.0)))

    def at(t: float) -> float:
        moved = {wrt: wrt.y + t * direction}
        return float(np.sum(replay(chain.nodes, moved)[chain.root]).real)

    slope = (at(h) - at(-h)) / (2 * h)
    return slope, float(np.sum(gradient(chain.root, wrt) * direction).real)


def partials(loss: Tensor, wrt: Tensor, names: Mapping[str, Any] | None = None) -> Partials:
    """Every path from `loss` to `wrt` as factors of the chain rule.

    Examples
    --------
    >>> import autograd_lite as ag
    >>> w = ag.tensor(2.0, requires_grad=True, name="w")
    >>> p = ag.sigmoid(3.0 * w); p.name = "p"
    >>> loss = (1.0 - p) ** 2
    >>> found = partials(loss, w)
    >>> print(found)
    dL/dw = dL/dp * dp/dw
    >>> found["dp/dw"].formula
    ...                                                  # doctest: +SKIP
    """
    chain = Chain(loss, names)
    node = _target(chain, wrt)
    return Partials(chain, node, tuple(tuple(chain.factor(a, b) for a, b in zip(p, p[1:], strict=False)) for p in chain.paths(node)))


def _target(chain: Chain, wrt: Tensor) -> Node:
    node = wrt._node if isinstance(wrt, Tensor) else None
    if node is None or node not in chain.live:
        word = getattr(wrt, "name", None)
        raise ValueError(
            f"explain: {chain.names[chain.root]} does not depend on {repr(word) if word else 'this tensor'}; "
            "pass the very tensor that the loss was computed from, and make it with requires_grad=True"
        )
    if node not in chain.names:
        raise ValueError("explain: give an inner result a .name to take derivatives by it")
    return node


# ----------------------------------------------------------------------------------------------------- the derivation


@dataclass(frozen=True, eq=False)
class Derivation:
    """What :meth:`Tensor.explain` returns: print it, or ask for ``.markdown()`` or ``.latex()``."""

    chain: Chain = field(repr=False)
    wrt: tuple[Node, ...] = field(repr=False)
    found: tuple[Partials, ...] = field(repr=False)

    def factors(self) -> list[Factor]:
        """Each factor once, in the order in which a person derives them: from the result down."""
        order = {n: k for k, n in enumerate(reversed(self.chain.landmarks))}
        every = {(f.of, f.wrt): f for p in self.found for path in p for f in path}
        return [every[key] for key in sorted(every, key=lambda k: (order[k[0]], -order[k[1]]))]

    def steps(self) -> list[Node]:
        """The landmarks on the way, oldest first."""
        return [n for n in self.chain.landmarks if n.row is not None]

    def __str__(self) -> str:
        return self.text()

    def text(self) -> str:
        """For a terminal."""
        c = self.chain
        names = [c.names[n] for n in self.steps()]
        wide = max(map(len, names))
        lines = ["The steps", ""]
        for n, word in zip(self.steps(), names, strict=True):
            lines.append(f"  {word:<{wide}} = {text(c.definition(n)):<30}  {_shape(n.shape):<8} {_shown(c.values[n], ' ')}".rstrip())
        lines += ["", "The chain rule", ""]
        lines += [f"  {p}" for p in self.found]
        lines += ["", "Its factors, from the result down", ""]
        symbols = max(len(f.symbol) for f in self.factors())
        for f in self.factors():
            lines.append(f"  {f.symbol:<{symbols}} = {self._formula(f, text):<30}  {self._how(f)}".rstrip())
            if f.value is not None and np.size(f.value) <= SHOWN:
                lines.append(f"  {'':<{symbols}} = {_shown(f.value, ' ' * (symbols + 5))}")
        lines += ["", "Put together", ""]
        for p in self.found:
            head = f"d{c.names[c.root]}/d{c.names[p.wrt]}"
            value = p.compose()
            lines.append(f"  {head} = {self._composed(p, TEXT)}")
            lines.append(f"  {'':<{len(head)}} = {_shown(value, ' ' * (len(head) + 5)) or _shape(value.shape)}")
            slope, along = finite_difference(c, p.wrt)
            p.check()
            lines.append(f"  {'':<{len(head)}}   check: along one direction {along:.6g}, by a finite difference {slope:.6g}")
        return "\n".join(lines) + "\n"

    def latex(self) -> str:
        """The derivation as aligned LaTeX, one ``align*`` for each section."""
        return "\n".join(f"% {title}\n\\begin{{align*}}\n" + " \\\\\n".join(rows) + "\n\\end{align*}" for title, rows in self._sections())

    def markdown(self) -> str:
        """Markdown with mathematics, as notebooks and documentation pages show it."""
        parts = []
        for title, rows in self._sections():
            parts.append(f"**{title}**\n\n$$\n\\begin{{aligned}}\n" + " \\\\\n".join(rows) + "\n\\end{aligned}\n$$\n")
        return "\n".join(parts)

    _repr_markdown_ = markdown

    def _sections(self) -> list[tuple[str, list[str]]]:
        c = self.chain
        word = {n: tex_name(w) for n, w in c.names.items()}
        steps = [rf"{word[n]} &= {tex(c.definition(n))} && ({_shape(n.shape, TIMES)})" for n in self.steps()]
        rule = [
            rf"{_partial(word[c.root], word[p.wrt])} &= "
            + " + ".join(" ".join(_partial(word[f.of], word[f.wrt]) for f in path) for path in p.paths)
            for p in self.found
        ]
        factors = []
        for f in self.factors():
            formula = self._formula(f, tex)
            value = rf" = {_matrix(f.value)}" if f.value is not None and np.size(f.value) <= SHOWN else ""
            factors.append(rf"{_partial(word[f.of], word[f.wrt])} &= {formula}{value}")
        together = []
        for p in self.found:
            value = p.compose()
            shown = rf" = {_matrix(value)}" if np.size(value) <= SHOWN else ""
            together.append(rf"{_partial(word[c.root], word[p.wrt])} &= {self._composed(p, LATEX)}{shown}")
        return [("The steps", steps), ("The chain rule", rule), ("The factors", factors), ("Put together", together)]

    def _formula(self, f: Factor, hand: Callable[[Expr], str]) -> str:
        """The partial, in terms of what the step is a function of where that reads as the textbook: σ(C) for P."""
        return hand(self._textbook(f))

    def _textbook(self, f: Factor) -> Expr:
        definition = self.chain.definition(f.of)
        if f.combine == "elementwise" and len(definition.args) == 1 and definition.args[0].head == "name":
            return _replaced(f.formula, self.chain.names[f.of], definition)
        return f.formula

    def _how(self, f: Factor) -> str:
        how = {"left": "a matrix, from the left", "right": "a matrix, from the right", "map": "carries g down", "elementwise": ""}[f.combine]
        if f.combine == "elementwise" and np.size(f.value) > 1 and not f.formula.is_number:
            how = "entry by entry"
        if f.axes:
            how += f"{', ' if how else ''}summed over axis {', '.join(map(str, f.axes))}"
        return how

    def _composed(self, p: Partials, hand: Any) -> str:
        """The product in the order in which the matrices stand."""
        d = (lambda f: f.symbol) if hand is TEXT else (lambda f: _partial(tex_name(self.chain.names[f.of]), tex_name(self.chain.names[f.wrt])))
        times, matrix, total = (" * ", " @ ", "sum") if hand is TEXT else (r" \odot ", r"\,", r"\textstyle\sum")
        terms = []
        for path in p.paths:
            word, tight = "", "none"
            for f in path:
                s = d(f)
                if not word:
                    word, tight = s, "atom"
                elif f.combine == "elementwise":
                    word, tight = f"{word}{times}{s}", "product"
                elif f.combine == "left":
                    word, tight = f"{s}{matrix}{_bracketed(word, tight, hand)}", "matrix"
                elif f.combine == "right":
                    word, tight = f"{_bracketed(word, tight, hand)}{matrix}{s}", "matrix"
                else:
                    word, tight = f"{s}[{word}]", "atom"
                if f.axes:
                    word, tight = f"{total}({word})", "atom"
            terms.append(word)
        return " + ".join(terms)


def _bracketed(word: str, tight: str, hand: Any) -> str:
    return word if tight in ("atom", "none", "matrix") else f"({word})" if hand is TEXT else rf"\left({word}\right)"


def _replaced(e: Expr, word: str, by: Expr) -> Expr:
    if e.head == "name":
        return by if e.value == word else e
    return Expr(e.head, tuple(_replaced(a, word, by) for a in e.args), e.value, e.params, e.shape, e.row) if e.args else e


def _partial(of: str, wrt: str) -> str:
    return rf"\frac{{\partial {of}}}{{\partial {wrt}}}"


def _shape(shape: Sequence[int], times: str = "x") -> str:
    return times.join(map(str, shape)) if shape else "1"


def _shown(value: Any, indent: str) -> str:
    if np.size(value) > SHOWN:
        return ""
    shown = np.array2string(np.asarray(value), precision=4, suppress_small=True, separator=" ", floatmode="maxprec")
    return shown.replace("\n", "\n" + indent)


def _matrix(value: Any) -> str:
    rows = np.atleast_2d(value)
    if rows.size == 1:
        return f"{rows.item():.4g}"
    body = r" \\ ".join(" & ".join(f"{x:.4g}" for x in row) for row in rows.reshape(-1, rows.shape[-1]))
    return rf"\begin{{bmatrix}} {body} \end{{bmatrix}}"


def explain(loss: Tensor, wrt: Tensor | Sequence[Tensor] | None = None, names: Mapping[str, Any] | None = None) -> Derivation:
    """The derivation of the gradient of `loss` by each of `wrt` (all inputs that require one, if not given).

    Parameters
    ----------
    loss : Tensor
        A scalar (one entry), recorded.
    wrt : Tensor or sequence of Tensor, optional
    names : mapping, optional
        Names for values that have none, such as ``locals()``.

    Raises
    ------
    ValueError
        If `loss` has more than one entry, does not depend on one of `wrt`, or is a graph too large to be read.
    RuntimeError
        If an input has changed since.
    """
    if loss.size != 1:
        raise ValueError(f"explain: a derivation starts from one number, not from shape {loss.shape}: take .sum() or .mean() first")
    chain = Chain(loss, names)
    if wrt is None:
        targets = [n for n in chain.nodes if n.row is None]
    else:
        targets = [_target(chain, w) for w in ([wrt] if isinstance(wrt, Tensor) else wrt)]
    found = tuple(
        Partials(chain, n, tuple(tuple(chain.factor(a, b) for a, b in zip(p, p[1:], strict=False)) for p in chain.paths(n)))
        for n in targets
    )
    return Derivation(chain, tuple(targets), found)
