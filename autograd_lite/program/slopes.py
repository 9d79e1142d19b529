"""The gradients of a program, and a finite difference to compare them with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from ..engine.backward import pull_back
from ..table.surrogate import NearPoint
from .equation import Equation, Var
from .graph import graph_of
from .program import Program


@np.errstate(all="ignore")
def gradients(
    program: Program, wrt: Iterable[Var], g: Any = None, graph: Mapping[Var, Any] | None = None
) -> dict[Var, Any]:
    """The gradients of the result of a program, as it was recorded, from `g`, that of the result, by default ones.

    `graph` is that of the program (:func:`graph_of`), if it has been made.
    """
    program.refuse_hooks("gradients")
    [result], values = program.outputs, graph or graph_of(program)
    root, nodes = values[result]._node, {v: values[v]._node for v in wrt}
    g = np.ones(root.shape, root.dtype) if g is None else np.asarray(g)
    slopes = pull_back({root: g}, [n for n in nodes.values() if n is not None])
    return {v: np.asarray(slopes[n]) if n in slopes else np.zeros(v.shape, v.dtype) for v, n in nodes.items()}


def _is_detached(eq: Equation) -> bool:
    return eq.row.kind == "constant" and eq.algebra == "identity"


def finite_difference(
    program: Program, values: Mapping[Var, Any], slopes: Mapping[Var, Any]
) -> tuple[float, float, float, float, bool]:
    """The slope along one fixed direction of all variables in `slopes` together: by a central difference, and by these
    gradients; the rounding error of the difference, for values of size one; how much the slopes before and after the
    point differ; and whether that does not grow with the step, as at a kink, where curvature's does.
    """
    moves, along, step = {}, 0.0, 1.0
    for v, g in slopes.items():
        x = np.asarray(values[v])
        # no random numbers, so that the check is the same each time
        direction = np.cos(np.arange(1, x.size + 1)).reshape(v.shape)
        moves[v] = x.astype(np.dtype(complex if x.dtype.kind == "c" else float)), direction
        along += float(np.sum(np.conj(g) * direction).real)
        step = max(step, float(np.abs(x).max(initial=0.0)))
    moving = program.depending(moves)
    #: What is drawn, or detached, stays as it is.
    fixed = {v for eq in program.equations if eq.is_random or _is_detached(eq) for v in eq.outputs}
    kept = {v: x for v, x in values.items() if v in fixed or v not in moving}
    near = NearPoint()

    def at(t: float) -> dict[Var, Any]:
        with near, np.errstate(all="ignore"):
            return program.run({**kept, **{v: x + t * direction for v, (x, direction) in moves.items()}})

    changed = [np.asarray(x) for v, x in at(0.0).items() if v in moving and v not in moves]
    eps = max(float(np.finfo(y.dtype).eps) for y in [np.ones(1), *changed] if y.dtype.kind in "fc")
    relative = 1e-6 * (eps / float(np.finfo(float).eps)) ** 0.4  # a cast makes the function coarser
    h = relative * step
    [root] = program.outputs

    def total(t: float) -> float:
        return float(np.sum(at(t)[root]).real)

    up, here, down = total(h), total(0), total(-h)
    slope, bend = (up - down) / (2 * h), abs(up - 2 * here + down) / h
    is_kink = bend > 1e-3 * abs(slope) and abs(total(4 * h) - 2 * here + total(-4 * h)) / (4 * h) < 2 * bend
    return slope, along, 16 * eps / relative, bend, is_kink
