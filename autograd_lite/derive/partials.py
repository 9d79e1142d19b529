"""The ways from a result to one of its inputs, each a product of factors; together they are the gradient."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np

from ..graph import Node
from ..tensor import Tensor
from .chain import Chain
from .expression import name, substitute
from .factor import Factor, FoldedCall
from .replay import finite_difference, gradient
from .writing import LATEX, Hand, partial_tex, tex_name, text, write

SHORT = 24  # characters of a map that is written out where it is used


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

    def __iter__(self) -> Iterator[tuple[Factor, ...]]:
        return iter(self.paths)

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, symbol: str) -> Factor:
        """The factor called, say, ``"dP/dC"`` or ``"dPdC"``."""
        every = self.factors
        for known, factor in every.items():
            plain = known.replace("∂", "d")
            if symbol in (known, plain, plain.replace("/", "")):
                return factor
        raise KeyError(f"no factor {symbol}; there are {', '.join(every)}")

    @property
    def factors(self) -> dict[str, Factor]:
        """Each factor once, by its symbol."""
        return {f.symbol: f for path in self.paths for f in path}

    @property
    def symbol(self) -> str:
        """``dL/dW``."""
        return f"d{self.chain.names[self.chain.root]}/d{self.chain.names[self.wrt]}"

    @property
    def value(self) -> Any:
        """The product of the factors, summed over the paths: the gradient."""
        total: Any = np.zeros(self.wrt.shape)
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
        ArithmeticError
            If that is more than rounding, or if a finite difference of the replayed graph disagrees.
        """
        return check(self.chain, self.wrt, self.value)

    def __str__(self) -> str:
        return f"{self.symbol} = " + " + ".join(" * ".join(f.symbol for f in path) for path in self.paths)

    def _repr_markdown_(self) -> str:
        word = {n: tex_name(w) for n, w in self.chain.names.items()}
        ways = [" ".join(map(self.chain.tex_symbol, path)) for path in self.paths]
        return f"$${partial_tex(word[self.chain.root], word[self.wrt])} = {' + '.join(ways)}$$"


def check(chain: Chain, wrt: Node, value: Any) -> float:
    """Hold a gradient against the engine's and a finite difference; returns its relative distance from the former."""
    engine = gradient(chain.root, wrt)
    steps = (np.abs(chain.values[n]).max(initial=0.0) for n in chain.landmarks)
    size = 1e-6 * max(float(s) for s in steps if np.isfinite(s))  # a gradient of 0 is not to be hit exactly
    size = max(float(np.abs(engine).max(initial=0.0)), size, 1e-300)
    error = float(np.abs(value - engine).max(initial=0.0)) / size
    word = chain.names[wrt]
    if not error < 1e-9 + 1e3 * float(np.finfo(engine.dtype).eps):
        raise ArithmeticError(
            f"by {word} the factors compose to {value}, but the engine's gradient is {engine}"
        )
    slope, along = finite_difference(chain.recorded, chain.root, wrt)
    if not abs(slope - along) <= 1e-4 * max(abs(slope), size):
        raise ArithmeticError(
            f"by {word} a finite difference along one direction says {slope}, the chain rule {along}: is it at a kink?"
        )
    return error


def partials(
    loss: Tensor, wrt: Tensor, names: Mapping[str, Any] | None = None, *, depth: int | None = None
) -> Partials:
    """Every path from `loss` to `wrt` as factors of the chain rule.

    Parameters
    ----------
    loss, wrt : Tensor
    names : mapping, optional
        Names for values that have none, such as ``locals()``.
    depth : int, optional
        How many levels of modules and composite calls to look into.

    Raises
    ------
    ValueError
        If `loss` does not depend on `wrt`, or by more than a hundred paths.

    Examples
    --------
    >>> import autograd_lite as ag
    >>> w = ag.tensor(2.0, requires_grad=True, name="w")
    >>> p = ag.sigmoid(3.0 * w); p.name = "p"
    >>> found = partials((1.0 - p) ** 2, w)
    >>> print(found)
    dL/dw = dL/dp * dp/dw
    >>> found["dp/dw"].value.round(6).item()
    0.0074
    >>> bool(found.check() < 1e-12)
    True
    """
    chain = Chain(loss, names, depth=depth, wrt=nodes_of([wrt]))
    node = target(chain, wrt)
    return Partials(
        chain,
        node,
        tuple(tuple(chain.factor(a, b) for a, b in pairwise(p)) for p in chain.paths(node)),
    )


def nodes_of(tensors: Sequence[Any]) -> list[Node]:
    return [t._node for t in tensors if isinstance(t, Tensor) and t._node is not None]


def target(chain: Chain, wrt: Tensor) -> Node:
    """The node of `wrt` in the chain, or an error that says why it has none."""
    node = wrt._node if isinstance(wrt, Tensor) else None
    node = None if node is None else chain.canonical(node)
    if node is None or node not in chain.live:
        word = getattr(wrt, "name", None)
        raise ValueError(
            f"explain: {chain.names[chain.root]} does not depend on {repr(word) if word else 'this tensor'}; "
            "pass the very tensor that the loss was computed from, and make it with requires_grad=True"
        )
    if node not in chain.marks:
        raise ValueError(
            "explain: to take derivatives by an inner result, give it a .name before, and look inside its module"
        )
    return node


def composed(
    paths: Sequence[Sequence[Factor]], chain: Chain, hand: Hand, starts: Sequence[str] | None = None
) -> str:
    """Products of factors in the order in which the matrices stand, added up; each may begin with a symbol."""
    is_tex = hand is LATEX
    times, beside, total = (r" \odot ", r"\,", r"\textstyle\sum") if is_tex else (" * ", " @ ", "sum")

    def symbol(f: Factor) -> str:
        return chain.tex_symbol(f) if is_tex else f.symbol

    def bracketed(s: str, tight: str) -> str:
        return s if tight in ("atom", "matrix") else rf"\left({s}\right)" if is_tex else f"({s})"

    terms = []
    for k, path in enumerate(paths):
        so_far = starts[k] if starts else ""
        tight = "atom"
        size = 1
        for f in path:
            s = symbol(f)
            size = max(size, int(np.prod(f.shapes[0])), int(np.prod(f.shapes[1])))
            if (
                f.combine == "map"
                and so_far
                and len(text(f.formula)) <= SHORT
                and not isinstance(f.formula.row, FoldedCall)
            ):
                # its own words say more than a bracket: (dL/dc)ᵀ @ b
                inner = name(f"({so_far})" if not is_tex else rf"\left({so_far}\right)", f.shapes[0])
                bare = Hand(
                    lambda w, inner=inner: w if w == inner.value else hand.name(w),  # type: ignore[misc]
                    hand.number,
                    hand.array,
                    hand.infix,
                    hand.brackets,
                    hand.between,
                    hand.call,
                )
                so_far, tight = write(substitute(f.formula, {f.cotangent: inner}), bare), "product"
                tight = (
                    "matrix"
                    if f.formula.head == "matmul"
                    else "atom"
                    if f.formula.head != "product"
                    else "product"
                )
            elif f.combine == "map":
                so_far, tight = (
                    (rf"{s}\left[{so_far}\right]" if is_tex else f"{s}[{so_far}]") if so_far else s,
                    "atom",
                )
            elif not so_far:
                so_far = s
            elif f.combine == "elementwise" and f.formula.is_number and f.formula.value == 1:
                pass  # a factor of one
            elif f.combine == "elementwise":
                so_far = bracketed(so_far, "product") if tight == "matrix" else so_far
                so_far, tight = f"{so_far}{times if size > 1 or not is_tex else beside}{s}", "product"
            elif f.combine == "left":
                so_far, tight = f"{s}{beside}{bracketed(so_far, tight)}", "matrix"
            else:
                so_far, tight = f"{bracketed(so_far, tight)}{beside}{s}", "matrix"
            if f.axes:
                over = ",".join(map(str, f.axes))
                so_far, tight = (
                    (
                        rf"{total}_{{{over}}}\left({so_far}\right)"
                        if is_tex
                        else f"{total}({so_far}, axis={over})"
                    ),
                    "atom",
                )
        terms.append(so_far)
    return " + ".join(terms)
