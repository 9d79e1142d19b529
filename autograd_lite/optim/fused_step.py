"""The rule of an optimiser as one function that writes in place.

The rule is traced once. Each of its operations becomes a line of a function that writes into the parameter, into its
state, or into a scratch array, so that a step copies nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from ..program import Program, Var, trace

Array = np.ndarray[Any, Any]
Call = tuple[Callable[[Any], Any], Any]  # a function and its argument
Line = tuple[Any, list[str], str]  # a function of NumPy, the names of its operands, that of the array it writes to

TILE = 2**18  # bytes: the cache holds a few such pieces, and NumPy's overhead is small beside the arithmetic


class FusedStep:
    """A formula for what a parameter and its state become.

    Parameters
    ----------
    formula : callable
        Of p, g, the arrays of the state and the numbers of the step, both by name. Returns by name the new arrays of
        the state, and the new p as "_p".
    dtype : dtype
        Of all arrays.
    state, numbers : sequence of str
        The names of the arrays and numbers that the formula takes.

    Attributes
    ----------
    run : function or None
        ``run(p, *arrays, *numbers, *scratch, g)``; None if the formula cannot run in place: it cannot be traced, or
        `_in_place` is false.
    arrays, new, numbers : sequence of str
        The arrays in the state after a step, those of them that were not there before, and the numbers.
    scratch : array
        A row for each scratch array.
    """

    def __init__(
        self, formula: Callable[..., dict[str, Any]], dtype: Any, state: Sequence[str], numbers: Sequence[str]
    ) -> None:
        results: list[str] = []

        def listed(*args: Any) -> list[Any]:
            new = formula(*args)
            results[:] = new
            return list(new.values())

        example = np.ones(2, dtype)
        of_state, of_step = dict.fromkeys(state, example), {name: np.ones((), dtype) for name in numbers}
        self.run: Callable[..., None] | None = None
        try:
            with np.errstate(all="ignore"):
                program = trace(listed)(example, example, of_state, of_step)
        except Exception:  # it needs values, or has an error, which is raised when it runs on arrays
            return
        self.tile = TILE // dtype.itemsize
        self.new = [name for name in results if name != "_p" and name not in state]
        self.arrays = [*state, *self.new]
        self.numbers = numbers
        if _in_place(program, dtype):
            operands = ["_p", "_g", *state, *(f"number {name}" for name in numbers)]
            lines, scratch = _lines(program, dict(zip(program.inputs, operands, strict=True)), results, self.new)
            self.scratch = np.empty((len(scratch), self.tile), dtype)
            self.run = _function(lines, ["_p", *self.arrays, *operands[2 + len(state) :], *scratch, "_g"], dtype)


def _lines(
    program: Program, places: dict[Any, str], results: Sequence[str], new: Sequence[str]
) -> tuple[list[Line], list[str]]:
    """The operations with the names of their arrays, and the names of the scratch arrays.

    A value is written to the array of the result that it is, if nothing needs the old value any more; otherwise to an
    array that is free, or to a scratch array, and copied at the end. `places` has the names of the inputs.
    """
    steps: list[tuple[Any, Sequence[Any], Any]] = [(eq.row.fn, eq.operands, eq.outputs[0]) for eq in program.equations]
    final: dict[Any, str] = {}
    for name, x in zip(results, program.outputs, strict=True):
        if x in final or x in places:  # no operation makes this array
            steps.append((np.positive, (x,), x := object()))
        final[x] = name
    last = {x: k for k, (_, operands, _) in enumerate(steps) for x in operands}
    lines: list[Line] = []
    scratch: list[str] = []
    free = list(new)
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
    numbers : mapping of str to array
        Arrays without axes, whose values change from step to step.
    """

    def __init__(
        self, rule: FusedStep, data: Array, p: Array, state: Mapping[str, Any], numbers: Mapping[str, Array]
    ) -> None:
        self.data, self.numbers = data, numbers
        self.arrays: dict[str, Any] = {name: state[name] for name in rule.arrays}
        self.entries = len(state)
        self.shape, self.dtype, self.real, self.order = data.shape, data.dtype, p.dtype, ""
        arrays: list[Any] = [p, *self.arrays.values()]
        if p.size > rule.tile:
            contiguous = (o for o in "CF" if all(x.flags[f"{o}_CONTIGUOUS"] for x in arrays))
            self.order = next(contiguous, "")
        flat = [x.reshape(-1, order=self.order) for x in arrays] if self.order else arrays
        of_step = [numbers[name] for name in rule.numbers]
        tiles = [slice(k, k + rule.tile) for k in range(0, p.size, rule.tile)] if self.order else [...]
        self.pieces: list[tuple[Any, Callable[[Any], None]]] = []
        for tile in tiles:
            piece = [x[tile] for x in flat]
            scratch = [
                np.empty_like(piece[0]) if piece[0].size > rule.tile else row[: piece[0].size].reshape(piece[0].shape)
                for row in rule.scratch
            ]
            assert rule.run is not None
            self.pieces.append((tile, partial(rule.run, *piece, *of_step, *scratch)))
        self.whole = None if self.order or p is not data else self.pieces[0][1]

    def holds(self, state: Mapping[str, Any]) -> bool:
        """True if these are the arrays of the state, and can be written to."""
        for name, x in self.arrays.items():  # noqa: SIM110 - all() would take longer
            if not x.flags.writeable or state.get(name) is not x:
                return False
        return True

    def calls(self, g: Array) -> list[Call]:
        """The calls of a step with the gradient `g`, an array of the parameter's shape and dtype."""
        if self.order:
            g = g.reshape(-1, order=self.order)  # type: ignore[call-overload]  # 'C' or 'F'
        return [(run, g[tile] if self.order else g) for tile, run in self.pieces]


def _in_place(program: Program, dtype: Any) -> bool:
    """True if every operation is a function of NumPy that works entry by entry, on entries of this dtype.

    A constant is not accepted: it may come from an option, which another step may change.
    """
    return not program.captured and all(isinstance(x, Var) for x in program.outputs) and all(
        isinstance(eq.row.fn, np.ufunc) and not eq.params and len(eq.outputs) == 1
        and all(isinstance(x, Var) and x.dtype == dtype for x in eq.operands + eq.outputs)
        for eq in program.equations
    )  # fmt: skip
