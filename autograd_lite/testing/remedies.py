"""What to write in the place of a step where a gradient is wrong, as the option ``remedies=`` of its row has it.

No remedy is trusted. Its code is run on values of the program at some other points, and has to be equal to a value that
the step leads to; then at the point at hand, where an infinite gradient has to become finite, and a zero one other than
zero.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from itertools import product
from types import SimpleNamespace
from typing import Any

import numpy as np

from .. import special
from ..nn import functional
from ..program import Equation, Program, Var
from ..program.equation import looked_up
from ..program.naming import expression
from ..table import TABLE
from ..tensor import Tensor
from ..transforms.grad import stop_gradient
from .causes import nonfinite, numbers
from .leaves import Array

BEFORE, AFTER = 5, 3  # equations
_XS = {"x": "x1", "x1": "x1", "x2": "x2"}
_NAMES = {
    "np": np, "F": functional, "ag": SimpleNamespace(**TABLE, special=special, stop_gradient=stop_gradient),
    "eps": 1e-9, "y": 0.5,
}  # fmt: skip


def remedy(
    program: Program, values: Mapping[Var, Array], eq: Equation, is_zero: bool, written: Callable[[Any, Equation], str]
) -> str:
    """What to write where the gradient is wrong at `eq`: a sentence without its full stop, or ''."""
    if not eq.row.remedies:
        return ""
    after, near = _around(eq, program)
    parts = [("", ...), *_entries(eq, program)]
    uses = {id(x): (x, e) for e in (eq, *near[::-1]) for x in e.operands}
    for v in program.depending(eq.outputs):
        uses.pop(id(v), None)
    axes = sorted({"", *(word for e in near if "axis" in e.params for word in _axes(e.params))}, key=len, reverse=True)
    points = _points(program, values)
    for r in eq.row.remedies:
        results = [] if r.before else [e.y for e in after]  # what it should compute
        is_last = r is eq.row.remedies[-1]  # a change of this step alone, of which nothing else is asked
        count = 1 + ("{x2}" in r.codes[0])
        own = [tuple((x, eq) for x in eq.operands[:count])]
        for found in own if r.before or is_last else product(uses.values(), repeat=count):
            xs, words = [x for x, _ in found], {f"x{k + 1}": f"({written(*use)})" for k, use in enumerate(found)}
            for axis in axes if "{axis}" in r.codes[0] else ("",):
                codes = [
                    ast.unparse(ast.parse(code.format(axis=axis, x=words["x1"], **words) + part))
                    for code in r.codes for part, at in parts
                    if _fits(code.format(axis=axis, **_XS), at, xs, [*points, values], results, is_zero, is_last)
                ]  # fmt: skip
                if codes:
                    text = f"{r.before or 'write '}{' or '.join(codes)}{r.after}"
                    return text[0].upper() + text[1:]
    return ""


def _entries(eq: Equation, program: Program) -> list[tuple[str, Any]]:
    """What follows a value of which `eq` uses entries: ``[i, y]`` of P in ``np.log(P[i, y])``."""
    made = [e for x in eq.reads if (e := program.defined.get(x)) and e.algebra == "index" and "index" in e.params]
    lines = ((expression(e), e.params["index"]) for e in made)
    return [(f"[{ast.unparse(e.slice)}]", at) for e, at in lines if isinstance(e, ast.Subscript)]


def _around(eq: Equation, program: Program) -> tuple[list[Equation], list[Equation]]:
    """`eq` and the few equations that use its result, and these with the few that they are computed from."""
    after, defined, users = [eq], program.defined, program.users
    for _ in range(AFTER):
        after += [user for e in after for y in e.outputs for user in users[y] if user not in after]
    near = after.copy()
    for _ in range(BEFORE):
        near += [m for e in near for x in e.reads if (m := defined.get(x)) and m not in near]
    return after, near


def _axes(params: Mapping[str, Any]) -> list[str]:
    """The keywords of a reduction, as they are written in another."""
    axis = params["axis"]
    axis = axis[0] if isinstance(axis, tuple) and len(axis) == 1 else axis
    word = f", axis={axis}" * (axis is not None)
    return [f"{word}, keepdims=True", word] if params.get("keepdims") else [word]


def _points(program: Program, values: Mapping[Var, Array]) -> list[dict[Var, Any]]:
    """The values of the program at some other points."""
    rng, given = np.random.default_rng(0), {v: x for v, x in values.items() if v not in program.defined}
    given |= {v: values[v] for eq in program.equations if eq.is_random for v in eq.outputs}
    free = program.graded.intersection(given)
    with np.errstate(all="ignore"):
        return [
            program.run(given | {v: rng.uniform(low, high, v.shape).astype(v.dtype) for v in given if v in free})
            for low, high in ((0.1, 0.5), (0.1, 0.9), (1.1, 2.9), (-0.9, 0.9))
        ]


@np.errstate(all="ignore")
def _fits(
    code: str, at: Any, xs: Sequence[Any], points: Sequence[Mapping[Var, Any]], results: Sequence[Var], is_zero: bool,
    is_still: bool,
) -> bool:
    """Whether entries `at` of some code, which is part of a row, are one of `results` at the first points, where they
    have to move unless `is_still`, and its gradient at the last one is right.
    """
    *others, here = [looked_up(env, xs) for env in points]
    live = [Tensor(x, requires_grad=True) if np.asarray(x).dtype.kind in "fc" and not isinstance(v, float) else x
            for v, x in zip(xs, here, strict=True)]
    try:
        *made, y = [eval(code, {**_NAMES, "x1": args[0], "x2": args[-1]})[at] for args in (*others, live)]
        np.sum(y * numbers(y)).backward()
    except (TypeError, ValueError, IndexError, RuntimeError, NotImplementedError, ImportError, AttributeError):
        return False
    if results and not any(_agree(made, [env[v] for env in points[:-1]], is_still) for v in results):
        return False
    grads = [x.grad.numpy() for x in live if isinstance(x, Tensor) and x.grad is not None]
    return all((g != 0).any() for g in grads) if is_zero else not any(nonfinite(x).any() for x in (y.numpy(), *grads))


def _agree(these: Sequence[Any], those: Sequence[Any], is_still: bool) -> bool:
    """Whether results at several points are equal where they are finite, and are not always the same there (as the
    distance from P[i] to itself is) unless `is_still`.
    """
    if any(np.shape(a) != np.shape(b) for a, b in zip(these, those, strict=True)):
        return False
    a, b = (np.array(x) for x in (these, those))
    a[nonfinite(a) | nonfinite(b)] = b[nonfinite(a) | nonfinite(b)] = np.nan
    moves = np.nanmax(a, axis=0, initial=-np.inf) > np.nanmin(a, axis=0, initial=np.inf)
    return bool((is_still or moves.any()) and np.allclose(a, b, 1e-6, 1e-4, equal_nan=True))
