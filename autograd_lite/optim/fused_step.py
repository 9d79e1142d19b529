"""The rule of an optimiser as one function that writes in place.

The rule is traced once. Each of its operations becomes a line of a function that writes into the parameter, into its
state, or into a scratch array, so that a step copies nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from ..program import Program, Var, trace

Array = np.ndarray[Any, Any]
Call = tuple[Callable[[Any], Any], Any]  # a function and its argument
Line = tuple[Any, list[str], str]  # a function of NumPy, the names of its operands, that of the array it writes to

TILE = 2**18  # bytes: the cache holds a few such pieces, and NumPy's overhead is small beside the arithmetic


@dataclass
class FusedStep:
    """A formula for what a parameter and its state become, as a function that writes in place.

    Attributes
    ----------
    run : function
        ``run(p, *arrays, *numbers, *scratch, g)``.
    arrays, new, numbers : list of str
        The arrays in the state after a step, those of them that were not there before, and the numbers.
    scratch : array
        A row for each scratch array.
    """

    run: Callable[..., None]
    arrays: list[str]
    new: list[str]
    numbers: list[str]
    scratch: Array


def fused(formula: Callable[..., dict[str, Any]], dtype: Any, state: list[str], numbers: list[str]) -> FusedStep | None:
    """A formula as a function; None if it cannot run in place: it cannot be traced, or `_in_place` is false.

    Parameters
    ----------
    formula : callable
        Of p, g, the arrays of the state and the numbers of the step, both by name. Returns by name the new arrays of
        the state, and the new p as "_p".
    dtype : dtype
        Of all arrays.
    state, numbers : list of str
        The names of the arrays and numbers that the formula takes.
    """
    results: list[str] = []

    def listed(*args: Any) -> list[Any]:
        new = formula(*args)
        results[:] = new
        return list(new.values())

    example = np.ones(2, dtype)
    try:
        with np.errstate(all="ignore"):
            of_step = {name: np.ones((), dtype) for name in numbers}
            program = trace(listed)(example, example, dict.fromkeys(state, example), of_step)
    except Exception:  # it needs values, or has an error, which is raised when it runs on arrays
        return None
    if not _in_place(program, dtype):
        return None
    new = [name for name in results if name != "_p" and name not in state]
    arrays = [*state, *new]
    of_numbers = [f"number {name}" for name in numbers]
    places = dict(zip(program.inputs, ["_p", "_g", *state, *of_numbers], strict=True))
    lines, scratch = _lines(program, places, results)
    run = _function(lines, ["_p", *arrays, *of_numbers, *scratch, "_g"], dtype)
    return FusedStep(run, arrays, new, numbers, np.empty((len(scratch), TILE // dtype.itemsize), dtype))


def _lines(program: Program, places: dict[Any, str], results: Sequence[str]) -> tuple[list[Line], list[str]]:
    """The operations with the names of their arrays, and the names of the scratch arrays.

    A value is written to the array of the result that it is, if nothing needs the old value any more; otherwise to an
    array that is free, or to a scratch array, and copied at the end. `places` has the names of the inputs.
    """
    steps: list[tuple[Any, Sequence[Any], Any]] = [(eq.row.fn, eq.operands, eq.y) for eq in program.equations]
    final = {}
    for name, x in zip(results, program.outputs, strict=True):
        if x in final or x in places:  # no operation makes this array
            steps.append((np.positive, (x,), x := object()))
        final[x] = name
    last = {x: k for k, (_, operands, _) in enumerate(steps) for x in operands}
    lines: list[Line] = []
    scratch: list[str] = []
    free = [name for name in results if name not in places.values()]
    for k, (f, operands, y) in enumerate(steps):
        ending = [places[x] for x in dict.fromkeys(operands) if last[x] == k and x not in final]
        free += [place for place in ending if place in results or place in scratch]
        wish = final.get(y)
        if wish is None and y.shape == ():
            places[y] = f"0-d {k}"
        elif wish in free:
            places[y] = wish
        else:  # the array of a result takes only this result, or values that end before it
            places[y] = next((place for place in reversed(free) if wish is None or place in scratch), "")
            if not places[y]:
                scratch.append(f"scratch {len(scratch)}")
                places[y] = scratch[-1]
        if places[y] in free:
            free.remove(places[y])
        lines.append((f, [places[x] for x in operands], places[y]))
    lines += [(np.positive, [places[x]], name) for x, name in final.items() if places[x] != name]
    return lines, scratch


def _function(lines: Sequence[Line], parameters: Sequence[str], dtype: Any) -> Callable[..., None]:
    """The function that computes `lines`; arrays without axes that are no parameters are its own."""
    symbols = {name: f"x{k}" for k, name in enumerate(parameters)}
    variables: dict[str, Any] = {}
    text = f"def run({', '.join(symbols.values())}):"
    for k, (f, operands, result) in enumerate(lines):
        if result not in symbols:
            symbols[result] = f"y{k}"
            variables[f"y{k}"] = np.empty((), dtype)
        variables[f"f{k}"] = f
        # NumPy 2.4 warns if maximum and minimum are called with `out` by position.
        out = "out=" if f in (np.maximum, np.minimum) else ""
        text += f"\n    f{k}({', '.join(symbols[x] for x in operands)}, {out}{symbols[result]})"
    exec(text, variables)
    return variables["run"]


class Bound:
    """A formula with the arrays of one parameter, kept from step to step; only the gradient is missing.

    Parameters
    ----------
    rule : FusedStep
    data, p : array
        The parameter's array, and the same as real numbers.
    state : mapping of str to array or number
    numbers : list of array
        Those of the rule, without axes, whose values change from step to step.

    Attributes
    ----------
    in_tiles : bool
        Whether the arrays are flattened, and cut into pieces.
    pieces : list
        The place of each piece, and the function of the gradient there that updates it.
    whole : function or None
        The function of the gradient, if there is one piece of real numbers.
    """

    def __init__(self, rule: FusedStep, data: Array, p: Array, state: Mapping[str, Any], numbers: list[Array]) -> None:
        self.data, self.numbers, self.entries = data, numbers, len(state)
        self.shape, self.dtype, self.real = data.shape, data.dtype, p.dtype
        self.arrays: dict[str, Array] = {name: state[name] for name in rule.arrays}
        arrays, tile = [p, *self.arrays.values()], rule.scratch.shape[1]
        self.in_tiles = p.size > tile and all(x.flags.c_contiguous for x in arrays)
        tiles: list[Any] = [...]
        if self.in_tiles:
            arrays = [x.reshape(-1) for x in arrays]
            tiles = [slice(k, k + tile) for k in range(0, p.size, tile)]
        self.pieces: list[tuple[Any, Callable[[Any], None]]] = []
        for place in tiles:
            first, *others = (x[place] for x in arrays)
            fits = first.size <= tile
            scratch = [row[: first.size].reshape(first.shape) if fits else np.empty_like(first) for row in rule.scratch]
            self.pieces.append((place, partial(rule.run, first, *others, *numbers, *scratch)))
        self.whole = None if self.in_tiles or p is not data else self.pieces[0][1]

    def holds(self, state: Mapping[str, Any]) -> bool:
        """True if these are the arrays of the state, and can be written to."""
        for name, x in self.arrays.items():  # noqa: SIM110 - all() would take longer
            if state.get(name) is not x or not x.flags.writeable:
                return False
        return True

    def calls(self, g: Array) -> list[Call]:
        """The calls of a step with the gradient `g`, as real numbers."""
        g = g.reshape(-1) if self.in_tiles else g
        return [(run, g[place]) for place, run in self.pieces]


def _in_place(program: Program, dtype: Any) -> bool:
    """True if every operation is a function of NumPy that works entry by entry, on entries of this dtype.

    A constant is not accepted: it may come from an option, which another step may change.
    """
    return not program.captured and all(isinstance(x, Var) for x in program.outputs) and all(
        eq.row.is_ufunc and not eq.params and len(eq.outputs) == 1
        and all(isinstance(x, Var) and x.dtype == dtype for x in eq.operands + eq.outputs)
        for eq in program.equations
    )  # fmt: skip
