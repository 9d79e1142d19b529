"""The rule of an optimiser as calls of NumPy functions that write in place.

The rule is traced once. Each of its operations becomes a call that writes into the parameter, into its state, or into a
scratch array. So a step copies nothing, and all its calls can be made at once: an interrupt falls before or after them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from operator import itemgetter
from typing import Any

import numpy as np

from ..program import Program, Var, trace

Array = np.ndarray[Any, Any]
Call = tuple[Any, ...]  # (f, *args)

TILE = 2**18  # bytes: the cache holds a few such pieces, and NumPy's overhead is small beside the arithmetic


class InPlace:
    """A formula for what a parameter and its state become.

    Parameters
    ----------
    formula : callable
        Of p, g, the arrays of the state and the numbers of the step, both by name. Returns by name the new arrays of
        the state, and the new p as "_p".
    dtype : dtype
        Of all arrays.
    state, numbers : sequence of str
        The names of what the formula is given.

    Attributes
    ----------
    possible : bool
        Whether the formula can run in place: it can be traced, and `_in_place` is true. The other attributes are set
        only then.
    arrays, new, numbers : list of str
        The arrays in the state after a step, those of them that were not there before, and the numbers that are used.
    calls : list of callable
        Each makes a call from the list of all that is used: g, p, arrays, numbers, scratch arrays, `fixed`.
    """

    def __init__(
        self, formula: Callable[..., dict[str, Any]], dtype: Any, state: Sequence[str], numbers: Sequence[str]
    ) -> None:
        names: list[str] = []

        def listed(*args: Any) -> list[Any]:
            made = formula(*args)
            names[:] = made
            return list(made.values())

        example = np.ones(2, dtype)
        given = dict.fromkeys(state, example), {name: np.ones((), dtype) for name in numbers}
        self.possible = False
        try:
            with np.errstate(all="ignore"):
                program = trace(listed)(example, example, *given)
        except Exception:  # it needs values, or has an error, which is raised when it runs on arrays
            return
        self.possible = _in_place(program, dtype)
        self.tile = TILE // dtype.itemsize
        self.new = [name for name in names if name != "_p" and name not in state]
        self.arrays = [*state, *self.new]
        self.numbers = list(numbers)
        self.fixed: list[Any] = []  # functions and scratch numbers
        self.calls: list[Callable[[Sequence[Any]], Call]] = []
        if self.possible:
            lines, scratch = self._assigned(program, dict(zip(names, program.outputs, strict=True)), dtype)
            self.memory = np.empty((scratch, self.tile), dtype)
            places = ["_g", "_p", *self.arrays, *(("number", name) for name in self.numbers), *range(scratch)]
            index = {place: k for k, place in enumerate([*places, *(("fixed", k) for k in range(len(self.fixed)))])}
            self.calls = [_maker(self.fixed[line[0][1]], [index[place] for place in line]) for line in lines]
            self.with_g = [(k, self.calls[k]) for k, line in enumerate(lines) if "_g" in line]

    def _assigned(
        self, program: Program, outputs: Mapping[str, Any], dtype: Any
    ) -> tuple[list[tuple[Any, ...]], int]:
        """The calls as names of places, and the number of scratch arrays.

        A value is written to an array that is no longer needed, or to a scratch array.
        """
        state = self.arrays[: len(self.arrays) - len(self.new)]
        numbers = dict(zip(program.inputs[2 + len(state) :], self.numbers, strict=True))
        used = {x for eq in program.equations for x in eq.operands if isinstance(x, Var)}
        self.numbers = [name for x, name in numbers.items() if x in used]
        at: dict[Any, Any] = {x: ("number", name) for x, name in numbers.items()}
        at |= zip(program.inputs, ["_p", "_g", *state], strict=False)
        steps: list[tuple[Any, Any, Any]] = [(eq.row.fn, eq.operands, eq.outputs[0]) for eq in program.equations]
        final: dict[Any, str] = {}
        for name, x in outputs.items():
            if x in final or x in at:  # there is no operation that makes this array
                steps.append((np.positive, (x,), x := object()))
            final[x] = name
        last = {x: k for k, (_, operands, _) in enumerate(steps) for x in operands}
        free: list[Any] = list(self.new)
        scratch = 0
        lines: list[tuple[Any, ...]] = []
        for k, (f, operands, y) in enumerate(steps):
            dying = [x for x in dict.fromkeys(operands) if last[x] == k and x not in final]
            free += [at[x] for x in dying if at[x] in outputs or type(at[x]) is int]
            wish = final.get(y)
            fitting = [place for place in free if wish is None or place == wish or type(place) is int]
            if wish is None and y.shape == ():
                at[y] = self._fixed(np.empty((), dtype))
            elif fitting:
                at[y] = wish if wish in fitting else fitting[-1]
                free.remove(at[y])
            else:
                at[y], scratch = scratch, scratch + 1
            lines.append((self._fixed(f), *(at[x] for x in operands), at[y]))
        lines += [(self._fixed(np.positive), at[x], name) for x, name in final.items() if at[x] != name]
        return lines, scratch

    def _fixed(self, value: Any) -> Any:
        self.fixed.append(value)
        return "fixed", len(self.fixed) - 1


class Bound:
    """A formula with the arrays of one parameter, kept from step to step; only the gradient is missing.

    Parameters
    ----------
    rule : InPlace
    data, p : array
        The parameter's array, and the same as real numbers.
    state : mapping of str to array or number
    numbers : mapping of str to array
        Arrays without axes, whose values change from step to step.
    """

    def __init__(
        self, rule: InPlace, data: Array, p: Array, state: Mapping[str, Any], numbers: Mapping[str, Array]
    ) -> None:
        self.rule, self.data, self.numbers = rule, data, numbers
        self.arrays: dict[str, Any] = {name: state[name] for name in rule.arrays}
        self.entries = len(state)
        self.shape, self.dtype, self.order = p.shape, p.dtype, ""
        own: list[Any] = [p, *self.arrays.values()]
        if p.size > rule.tile:
            contiguous = (o for o in "CF" if all(x.flags[f"{o}_CONTIGUOUS"] for x in own))
            self.order = next(contiguous, "")
        used = [numbers[name] for name in rule.numbers]
        self.pieces: list[tuple[slice, list[Any], list[Call]]] = []
        flat = [x.reshape(-1, order=self.order) for x in own] if self.order else []
        for start in range(0, p.size, rule.tile) if flat else ():
            piece = slice(start, start + rule.tile)
            self.pieces.append((piece, *self._piece([x[piece] for x in flat], used)))
        if not flat:
            self.pieces.append((slice(None), *self._piece(own, used)))

    def _piece(self, own: list[Array], numbers: list[Array]) -> tuple[list[Any], list[Call]]:
        rule, p = self.rule, own[0]
        large = p.size > rule.tile
        scratch = [np.empty_like(p) if large else row[: p.size].reshape(p.shape) for row in rule.memory]
        rest = [*own, *numbers, *scratch, *rule.fixed]
        return rest, [get([p, *rest]) for get in rule.calls]  # p in the place of the gradient

    def holds(self, data: Array, state: Mapping[str, Any]) -> bool:
        """Whether these are the arrays, and can be written to."""
        if data is not self.data or len(state) != self.entries:
            return False
        for name, x in self.arrays.items():  # noqa: SIM110 - all() would take longer
            if not x.flags.writeable or state.get(name) is not x:
                return False
        return True

    def calls(self, g: Array) -> list[Call]:
        """The calls of a step with the gradient `g`, an array of the parameter's shape and dtype."""
        if not self.order:
            ((_, rest, calls),) = self.pieces
            return self._with(g, rest, calls)
        g = g.reshape(-1, order=self.order)  # type: ignore[call-overload]  # 'C' or 'F'
        return [call for piece, rest, calls in self.pieces for call in self._with(g[piece], rest, calls)]

    def _with(self, g: Array, rest: list[Any], calls: list[Call]) -> list[Call]:
        places, made = [g, *rest], calls.copy()
        for k, get in self.rule.with_g:
            made[k] = get(places)
        return made


def _maker(f: Any, places: Sequence[int]) -> Callable[[Sequence[Any]], Call]:
    """What makes a call of `f` from all that is used: ``(f, *operands, out)``."""
    if f not in (np.maximum, np.minimum):
        return itemgetter(*places)
    _, *operands, out = places  # NumPy 2.4 warns if these two are called with `out` by position
    return lambda used: (partial(f, out=used[out]), *[used[k] for k in operands])


def _in_place(program: Program, dtype: Any) -> bool:
    """Whether every operation is a function of NumPy that works entry by entry, on entries of this dtype.

    A constant is not accepted: it may come from an option, which another step may change.
    """
    return not program.captured and all(isinstance(x, Var) for x in program.outputs) and all(
        isinstance(eq.row.fn, np.ufunc) and not eq.params and len(eq.outputs) == 1
        and all(isinstance(x, Var) and x.dtype == dtype for x in eq.operands + eq.outputs)
        for eq in program.equations
    )  # fmt: skip
