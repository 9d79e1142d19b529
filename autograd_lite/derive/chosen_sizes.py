"""Sizes that values decide, for source that is run with other values: how many entries ``x[mask]`` has.

A recording has such a size as a number. Two further recordings, with other arguments of the same shapes for which a
mask chooses more or fewer entries, show which sizes are of this kind. In the source they are lengths, ``len(i)``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain, islice
from math import prod

from ..program import Equation, Program, Var
from .formula import Expr, Shape, multiplied, name, number
from .other_arguments import OtherCall, other_calls


class ChosenSizes:
    """The sizes of a program that values decide.

    Attributes
    ----------
    positions : list of Var
        What they are lengths of: the positions that masks choose.
    others : list of OtherCall
        Calls in which these have other lengths.
    is_fixed : bool
        Whether the sizes are those of the program, and not lengths.
    """

    def __init__(self, program: Program) -> None:
        self.positions = [v for eq in program.equations if eq.algebra == "positions" for v in eq.outputs[:1]]
        self.others = [*islice(_others(program), 2)] if self.positions else list[OtherCall]()
        self.is_fixed = not self.others
        self._eqs = dict[Var, Sequence[Equation]]()  # of a result, its equation in each of the programs
        self._chosen = dict[Var, list[Var]]()  # of a value, the positions that it depends on, the last first
        programs = [program, *(other.program for other in self.others)] if self.others else []
        for eqs in zip(*(p.equations for p in programs), strict=True):
            for v in eqs[0].outputs:
                behind = [w for x in eqs[0].reads for w in self._chosen.get(x, ())]
                self._chosen[v] = [v] if v in self.positions else [*dict.fromkeys(behind[::-1])]
                self._eqs[v] = eqs

    def word(self, positions: Var) -> str:
        """The name of a length in formulas."""
        return f"len {self.positions.index(positions)}"

    def count(self, v: Var, k: int) -> Expr | None:
        """The number of entries of operand `k` that go into each entry of `v`, if values decide it."""
        eqs = () if self.is_fixed else self._eqs.get(v, ())
        counts = [prod(eq.shape_of(k)) // max(eq.outputs[0].size, 1) for eq in eqs]
        x = eqs[0].operands[k] if eqs else None
        return self._length(counts, self._chosen.get(x, ())) if isinstance(x, Var) and len({*counts}) > 1 else None

    def shape(self, shape: Shape, near: Sequence[Var]) -> list[Expr | None]:
        """For each size in a shape its length, if values decide it: in that of the first of some values that has it."""
        for v in chain(near, self._chosen) if not self.is_fixed else ():
            if v.shape == shape and len({*self._shapes(v)}) > 1:
                sizes = zip(*self._shapes(v), strict=True)
                return [self._length(each, self._chosen[v]) if len({*each}) > 1 else None for each in sizes]
        return []

    def _shapes(self, v: Var) -> list[Shape]:
        """The shapes of a value in the programs."""
        eqs = self._eqs.get(v, ())
        return [eq.outputs[eqs[0].outputs.index(v)].shape for eq in eqs]

    def _length(self, counts: Sequence[int], chosen: Sequence[Var]) -> Expr | None:
        """Numbers that a size is in the programs as a multiple of a length."""
        for v in chosen:
            lengths = [shape[0] for shape in self._shapes(v)]
            times = counts[0] // lengths[0] if lengths[0] else 0
            if times and [times * n for n in lengths] == [*counts]:
                return multiplied([*([number(times)] if times > 1 else []), name(self.word(v))], ())
        return None


def lengths_in(sizes: ChosenSizes | None) -> dict[str, int]:
    """Return the lengths in a program, by their names in formulas."""
    return {sizes.word(v): v.shape[0] for v in sizes.positions} if sizes is not None else {}


def _others(program: Program) -> Iterator[OtherCall]:
    """Return calls with other lengths of positions and the same operations."""
    behind = set[Var]()
    for eq in reversed(program.equations):
        if eq.algebra == "positions" or not behind.isdisjoint(eq.outputs):
            behind.update(eq.reads)
    return (
        other for other in other_calls(program, behind)
        if _operations(other.program) == _operations(program) and _sizes(other.program) != _sizes(program)
    )


def _operations(program: Program) -> list[object]:
    place = {v: k for k, v in enumerate(program.variables)}
    return [(eq.row, [place[x] for x in eq.reads]) for eq in program.equations]


def _sizes(program: Program) -> list[Shape]:
    return [v.shape for eq in program.equations if eq.algebra == "positions" for v in eq.outputs]
