"""The pass that joins consecutive equations with a form in C to regions, one equation each.

Equations are reordered so that there are few regions: all that can be computed in C from what there is, then all that
needs NumPy, and so on. New values of inputs are in the last region. Draws keep their order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from math import prod
from typing import Any

import numpy as np

from ...program import Equation, Var
from ...table import TABLE, Primitive
from ..block import Block, ordered
from ..passes.dead_code import used
from .steps import FEW, entry_of, functions_of, is_view, kind_of

FEWEST = 2  # steps that are worth a region
COMPARED = 2**16  # entries of constants that are compared

#: A region. Its parameters: `equations`, and the kind of each; `inputs`, the variables of its operands; `arrays`, the
#: variable that stands for each constant array.
REGION = Primitive("general", lambda *xs: xs, (), name="region", outputs=True)


def in_regions(block: Block) -> Block:
    """`block` with regions."""
    block = _with_new_values(block)
    vectors, fewest = block.vectors or frozenset(), 1 if block.inner else FEWEST
    kinds = {id(eq): kind_of(eq) for eq in block.equations}

    def fits(eq: Equation) -> bool:
        kind = kinds[id(eq)]
        return bool(kind) and (kind != "entry" or gains(eq, vectors))

    runs = [
        (is_region and sum(kinds[id(eq)] != "view" for eq in run) >= fewest, run)
        for is_region, run in _phases(block, fits)
    ]  # fmt: skip
    whole = [_with_views(run, block, kinds) if is_region else run for is_region, run in runs]
    reads = [_read(run) for run in whole]
    equations = []
    for k, (is_region, run) in enumerate(runs):
        if is_region:
            needed = set(block.results).union(*reads[:k], *reads[k + 1 :])
            run = _joined(whole[k], needed.intersection(v for eq in run for v in eq.outputs), kinds)
        equations += run
    return replace(block, equations=equations, late=0)


def _with_new_values(block: Block) -> Block:
    """`block` where each new value of an input is an array of its own, which the region can compute in its place."""
    equations, updates, late = list(block.equations), dict(block.updates), block.late
    free = {v for eq in equations if not is_view(eq) for v in eq.outputs} - block.returned
    for u, x in updates.items():
        if isinstance(x, Var) and x in free:
            free.remove(x)
        elif equations and x is not u:
            copy = Equation((Var(u.name, u.shape, u.dtype),), TABLE["copy"], (x,), {"order": "K"}, equations[-1].origin)
            if kind_of(copy):
                equations.append(copy)
                updates[u], late = copy.y, late + 1
    return replace(block, equations=equations, updates=updates, late=late)


def _read(run: Sequence[Equation]) -> list[Var]:
    """The values that equations use of others, in their order."""
    computed = {v for eq in run for v in eq.outputs}
    return [x for x in dict.fromkeys(x for eq in run for x in eq.reads) if x not in computed]


def _with_views(run: Sequence[Equation], block: Block, kinds: Mapping[int, str]) -> list[Equation]:
    """A region with the views that it uses of values from elsewhere: it takes them itself."""
    defined, views, inside = block.defined, list[Equation](), set(map(id, run))
    waiting = _read(run)
    while waiting:
        eq = defined.get(waiting.pop())
        if eq is not None and kinds[id(eq)] == "view" and id(eq) not in inside:
            inside.add(id(eq))
            views.insert(0, eq)
            waiting += eq.reads
    return [*ordered(views), *run]


def gains(eq: Equation, vectors: frozenset[str]) -> bool:
    """True if an entry is not slower in C: its functions have versions for vectors, or there are few entries."""
    if prod(eq.y.shape) <= FEW:
        return True
    form = entry_of(eq)
    return form is not None and all(name + "f" * (form[1] == "f") in vectors for name in functions_of(form[0]))


def _phases(block: Block, fits: Callable[[Equation], bool]) -> list[tuple[bool, list[Equation]]]:
    """The equations in alternating runs: with a form in C, and without."""
    phase: dict[Any, int] = {}  # of each value: even in C, odd in NumPy
    runs: dict[int, list[Equation]] = {}
    drawn = 0
    for eq in block.equations:
        least = max((phase.get(x, 0) for x in eq.reads), default=0)
        if eq.is_random:
            least = max(least, drawn)
        mine = least + (least % 2 == fits(eq))  # the next one of its kind
        if eq.is_random:
            drawn = mine
        runs.setdefault(mine, []).append(eq)
        phase.update(dict.fromkeys(eq.outputs, mine))
    if block.late:
        _late_last(block, runs, fits)
    return [(k % 2 == 0, runs[k]) for k in sorted(runs)]


def _late_last(block: Block, runs: dict[int, list[Equation]], fits: Callable[[Equation], bool]) -> None:
    """Move the equations that make new values of inputs to the last run of those in C."""
    late = set()
    for eq in reversed(block.equations[len(block.equations) - block.late :]):
        if fits(eq) and all(id(u) in late for v in eq.outputs for u in block.users[v]):
            late.add(id(eq))
    last = max(runs) + max(runs) % 2
    moved = [eq for k in sorted(runs) for eq in runs[k] if id(eq) in late]
    for k in runs:
        runs[k] = [eq for eq in runs[k] if id(eq) not in late]
    runs[last] = [*runs.get(last, []), *moved]


def _joined(run: Sequence[Equation], needed: set[Var], kinds: Mapping[int, str]) -> list[Equation]:
    """A region of these equations. Views of its results that are needed elsewhere are taken after it."""
    views = []
    computed = {v for eq in run for v in eq.outputs}
    for eq in reversed(run):
        if needed.intersection(eq.outputs) and kinds[id(eq)] == "view":
            views.append(eq)
            needed.difference_update(eq.outputs)
            needed.update(x for x in eq.operands[:1] if x in computed)
    equations = used(run, needed)
    if not equations:
        return views[::-1]
    computed = {v for eq in equations for v in eq.outputs}
    arrays: dict[int, np.ndarray] = {}
    whole = set()  # those of which not only single entries are read
    operands: dict[Any, None] = {}
    for eq in equations:
        for x in eq.operands:
            if isinstance(x, Var) and x not in computed:
                operands[x] = None
            elif isinstance(x, np.ndarray) and x.size > 1:
                arrays[id(x)] = x
                whole.update([id(x)] * (kinds[id(eq)] != "entry"))
    names = {}
    by_content: dict[Any, Var] = {}
    constants: dict[Var, np.ndarray] = {}
    for key, x in arrays.items():
        x = np.ascontiguousarray(x if key in whole else _narrow(x))
        content = (x.dtype, x.shape, x.tobytes()) if x.size <= COMPARED else key
        names[key] = by_content.setdefault(content, Var("constant", x.shape, x.dtype))
        constants[names[key]] = x
    outputs = tuple(v for eq in equations for v in eq.outputs if v in needed)
    params = {
        "equations": equations, "kinds": [kinds[id(eq)] for eq in equations], "inputs": [*operands, *constants],
        "arrays": names,
    }  # fmt: skip
    region = Equation(outputs, REGION, (*operands, *constants.values()), params, equations[0].origin)
    return [region, *reversed(views)]


def _narrow(x: np.ndarray) -> np.ndarray:
    """A constant in single precision if that has all of its entries, such as zeros and ones: there is less to read."""
    if x.dtype != np.float64:
        return x
    with np.errstate(all="ignore"):
        single = x.astype(np.float32)
    return single if np.array_equal(single, x) else x
