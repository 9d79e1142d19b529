"""The paths from a result to one of its inputs, each a product of factors; their sum is the gradient."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from ..base.tree import leaves
from ..engine.node import ANY, GraphView, ancestors
from ..engine.operands import raw
from ..program import Program, Var
from ..program.program import program_of
from ..program.slopes import finite_difference, gradients
from ..tensor import Tensor
from .chain_rule import Chain
from .constants import place_in_code
from .factors import Factor, carried
from .formula_ops import largest
from .inline_known_steps import inlined
from .mathml import html_of
from .notation import LIMIT, too_many
from .writing import tex_name


@dataclass(frozen=True, eq=False)
class Partials(GraphView):
    """Every path from a result to one of its inputs, as factors; their composition is the gradient.

    Attributes
    ----------
    paths : tuple of tuple of Factor
        Latest factor first, as the chain rule is written.

    Examples
    --------
    >>> import autograd_lite as ag
    >>> x = ag.tensor(2.0, requires_grad=True, name="x")
    >>> a = ag.sin(x)
    >>> print(ag.partials(a * x, x, names={"a": a}))
    dL/dx = dL/da · da/dx + ∂L/∂x
    """

    instead = "keep its text: str(it)"

    chain: Chain
    wrt: Var
    paths: tuple[tuple[Factor, ...], ...]

    def __iter__(self) -> Iterator[tuple[Factor, ...]]:
        return iter(self.paths)

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, symbol: str) -> Factor:
        """The factor with the symbol ``"dP/dC"``, which may be written ``"dPdC"``."""
        for word, factor in self.factors.items():
            plain = word.replace("∂", "d")
            if symbol in (word, plain, plain.replace("/", "")):
                return factor
        raise KeyError(f"no factor {symbol}: expected one of {', '.join(self.factors)}")

    @property
    def factors(self) -> dict[str, Factor]:
        """Each factor once, by its symbol."""
        return {f.symbol: f for path in self.paths for f in path}

    @property
    def symbol(self) -> str:
        """``dL/dW``."""
        return self.chain.gradient_symbol(self.wrt)

    @property
    def value(self) -> Any:
        """The product of the factors, summed over the paths: the gradient."""
        g = np.ones(self.chain.root.shape)
        return sum((carried(g, path) for path in self.paths), np.zeros(self.wrt.shape))

    def check(self) -> float:
        """The distance of the composition from the engine's gradient, relative to its size.

        Raises
        ------
        ArithmeticError
            If it exceeds rounding errors, or if a finite difference of the replayed graph disagrees.
        """
        return check(self.chain, {self.wrt: self.value}).error

    def __str__(self) -> str:
        return f"{self.symbol} = " + " + ".join(" · ".join(f.symbol for f in path) for path in self.paths)

    __repr__ = __str__

    def _repr_markdown_(self) -> str:
        terms = [" ".join(tex_name(f.symbol) for f in path) for path in self.paths]
        return f"$${tex_name(self.symbol)} = {' + '.join(terms)}$$"

    def _repr_html_(self) -> str:
        return html_of(self._repr_markdown_())


class Check(NamedTuple):
    """A comparison of gradients: the largest relative distance from the engine's, and the slope along one direction."""

    error: float
    slope: float  # by a finite difference
    along: float  # by the gradients
    is_kink: bool  # where the function has no slope, and only the engine's gradient confirms


def check(chain: Chain, derived: Mapping[Var, Any]) -> Check:
    """Compare gradients with the engine's, and all together with one finite difference.

    Those that are not confirmed raise ArithmeticError.
    """
    try:
        engine = gradients(chain.program, derived, graph=chain.graph)
    except RuntimeError as hooked:  # a hook is no equation
        raise ArithmeticError(str(hooked)) from hooked
    scale = max(largest(chain.values[n]) for n in chain.landmarks)
    least = max(1e-6 * scale, 1e-300)  # a gradient of 0 need not be matched exactly
    steepest, error = least, 0.0
    for n, g in engine.items():
        size = max(largest(g), least)
        value = derived[n]
        is_equal = (value == g) | np.isnan(value) & np.isnan(g)
        off = float(np.abs(value - g).max(initial=0.0, where=~is_equal)) / size
        eps = float(np.finfo(g.dtype).eps)
        if not off < 1e-9 + 1e3 * eps + 16 * eps * scale / size:
            raise ArithmeticError(
                f"with respect to {chain.names[n]} the factors compose to {value}, but the engine's gradient is {g}"
            )
        steepest, error = max(steepest, size), max(error, off)
    try:
        slope, along, rounding, bend, is_kink = finite_difference(chain.program, chain.values, engine)
    except Exception as error_near:  # what a function raises near the point is up to it
        raise ArithmeticError(f"the function cannot be computed near this point: {error_near}") from error_near
    if not np.isfinite(slope) or not np.isfinite(along):
        raise ArithmeticError("a finite difference tells nothing, because numbers here are infinite or not a number")
    near = 1e-4 * max(abs(slope), steepest) + rounding * scale
    is_kink &= bend > 10 * near
    if not is_kink and not abs(slope - along) <= near + bend:
        word = chain.names[next(iter(derived))] if len(derived) == 1 else f"all {len(derived)} inputs"
        raise ArithmeticError(
            f"with respect to {word} a finite difference along one direction gives {slope}, the chain rule {along}: "
            "is it at a kink?"
        )
    return Check(error, slope, along, is_kink)


def partials(
    loss: Tensor, wrt: Tensor, names: Mapping[str, Any] | None = None, *, depth: int | None = None
) -> Partials:
    """Every path from `loss` to `wrt` as factors of the chain rule.

    Parameters
    ----------
    loss, wrt : Tensor
        What is differentiated, a scalar, and with respect to what.
    names : mapping, optional
        Names for values that have none, such as ``locals()``.
    depth : int, optional
        How many levels of modules and composite calls to expand.

    Raises
    ------
    TypeError
        If `wrt` is not a Tensor.
    ValueError
        If `loss` does not depend on `wrt`, or more than a hundred paths lead to it.

    Examples
    --------
    >>> import autograd_lite as ag
    >>> w = ag.tensor(2.0, requires_grad=True, name="w")
    >>> p = ag.sigmoid(3.0 * w); p.name = "p"
    >>> found = ag.partials((1.0 - p) ** 2, w)
    >>> print(found)
    dL/dw = dL/dp · dp/dw
    >>> found["dp/dw"].value.round(6).item()
    0.0074
    >>> bool(found.check() < 1e-12)
    True
    """
    if not isinstance(wrt, Tensor):
        raise TypeError(f"partials: expected wrt as one Tensor, got {type(wrt).__name__}; call it once for each input")
    chain, [node] = chain_of(loss, [wrt], names, depth)
    return Partials(chain, node, tuple(tuple(chain.factor(a, b) for a, b in pairwise(p)) for p in chain.paths(node)))


def chain_of(
    loss: Tensor, wrt: Sequence[Tensor] | None, names: Mapping[str, Any] | None = None, depth: int | None = None
) -> tuple[Chain, list[Var]]:
    """The chain of a recorded result, and the variables of `wrt`, by default of all inputs that require a gradient.

    Raises
    ------
    ValueError
        If nothing was recorded, or too much, or the result does not depend on one of `wrt`.
    """
    if loss._node is None or not loss._node.live:
        raise ValueError("explain: nothing was recorded for this tensor; make its inputs with requires_grad=True")
    nodes = ancestors([loss._node], ANY)
    if len(nodes) > LIMIT:
        rows = [n.row.name for n in nodes if n.row is not None]
        raise ValueError(too_many(rows, len(nodes) - len(rows), LIMIT))
    program, variables = program_of(loss, names)
    program = inlined(_with_detached(program), depth or 0)
    if wrt is None:
        chain = Chain(program, depth=depth, variables=variables)
        return chain, [n for n in chain.landmarks if chain.is_input(n) and n in chain.graded]
    asked = [variables.get(w._node) if isinstance(w, Tensor) and w._node else None for w in wrt]
    chain = Chain(program, filter(None, asked), depth=depth, variables=variables)
    return chain, [_target(chain, v, w) for v, w in zip(asked, wrt, strict=True)]


def _with_detached(program: Program) -> Program:
    """A program with constants in the place of values that were detached in each round of a loop: A3 is that of the
    third round, although the variable A is still there. Several with names of their own stay, ``f(A, x) + f(B, x)``.
    """
    at: dict[Any, list[Any]] = {}
    for eq in program.equations:
        for k, x in enumerate(eq.operands):
            at.setdefault(place_in_code(eq, k), []).append(x)
    captured = {v: raw(t) for v, t in program.captured.items() if not t.requires_grad}
    several = (xs for xs in at.values() if len({*map(id, xs)}) > 1 and all(isinstance(x, Var) for x in xs))
    detached = (xs for xs in several if captured.keys() >= {*xs} and len(program.named & {*xs}) < 2)
    values = {x: captured[x] for xs in detached for x in xs}
    return program.substituted(values) if values else program


def chain_of_program(program: Program, wrt: str | Sequence[str] | None, depth: int | None) -> tuple[Chain, list[Var]]:
    """The chain of a traced function, and the variables of `wrt`, by default its :attr:`Program.learned`.

    Raises
    ------
    ValueError
        If it has too many operations, not one result with one entry, or no argument with such a name.
    """
    if len(program) > LIMIT:
        raise ValueError(too_many((eq.row.name for eq in program.equations), len(program.inputs), LIMIT))
    shapes = [x.shape if isinstance(x, Var) else None for x in program.outputs]
    if len(shapes) != 1 or shapes[0] is None or math.prod(shapes[0]) != 1:
        raise ValueError(f"explain: expected {program.name} to return one entry computed from its arguments")
    wrt = [wrt] if isinstance(wrt, str) else wrt
    graded = [v for v in (*program.inputs, *program.captured) if v in program.graded]
    by_name = {**program.arguments_with(graded), **{v.name: v for v in graded}}
    missing = [word for word in wrt or () if word not in by_name]
    if missing:
        raise ValueError(f"explain: expected wrt to be names among {', '.join(by_name)}, got {', '.join(missing)}")
    asked = program.learned if wrt is None else leaves([by_name[word] for word in wrt])
    chain = Chain(inlined(program, depth or 0), asked, depth=depth)
    return chain, [v for v in map(chain.canonical, asked) if v in chain.place]


def _target(chain: Chain, v: Var | None, wrt: Tensor) -> Var:
    """The variable `v` of `wrt` in the chain."""
    v = None if v is None else chain.canonical(v)
    if v is None or v not in chain.place:
        word = getattr(wrt, "name", None)
        raise ValueError(
            f"explain: {chain.names[chain.root]} does not depend on {repr(word) if word else 'this tensor'}; "
            "pass the tensor that the loss was computed from, and make it with requires_grad=True"
        )
    if v not in chain.landmark_set:
        raise ValueError(
            "explain: to differentiate with respect to an inner result, set its .name first, and expand its module "
            "with a larger depth="
        )
    return v
