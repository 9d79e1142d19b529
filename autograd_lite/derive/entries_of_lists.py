"""Lists of values of which the rounds of a loop take any two, as arrays: ``z[i] - z[j]`` for i and j in pairs."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import count, groupby, takewhile
from types import CodeType
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from ..program import Equation, Program, Var
from ..program.naming import at_place, operand, span
from ..table import TABLE
from .interpreter import Value

LEAST = 3  # values in a list

Turns: TypeAlias = "Callable[[CodeType, ast.expr], Sequence[ast.Name]]"


class _Read(NamedTuple):
    """Operand `k` of an equation, which is entry z[i] of a list."""

    eq: Equation
    k: int
    entry: ast.Subscript
    word: str


def with_arrays_of_lists(
    program: Program, names: dict[Var, str], rounds: Mapping[Any, Sequence[Value]], turns: Turns
) -> Program:
    """The program with the values of a list as one array, where loops read z[i] at positions that are data, or those of
    pairs; `names` gets the name z of that array.

    `rounds` has what the variables in such indices were in each round, by their places; `turns` are those that may have
    any other value in another round.
    """
    words = {word: v for v, word in names.items()}
    reads = [read for eq in program.equations for read in _reads(eq, turns)]
    lists = {word: of for word in {read.word for read in reads} if len(of := _listed(word, words)) >= LEAST}
    positions = dict[tuple[int, int], int]()
    for at, several in groupby(sorted(reads, key=_place), key=_place):
        each = [*several]
        numbers = [v.x for v in rounds.get(at, ())][-len(each) :]
        pairs = zip(each, numbers, strict=False)
        positions |= {(id(read.eq), read.k): int(n) for read, n in pairs if isinstance(n, int | np.integer)}
    for eq, k, _, word in reads:
        n, of = positions.get((id(eq), k), -1), lists.get(word, [])
        if n not in range(len(of)) or of[n] is not eq.operands[k]:
            lists.pop(word, None)
    if not lists:
        return program
    arrays: dict[str, Var] = {}
    instead = {(id(read.eq), read.k): read for read in reads if read.word in lists}
    new = list[Equation]()
    for eq in program.equations:
        operands = [*eq.operands]
        for k, x in enumerate(eq.operands):
            if (read := instead.get((id(eq), k))) is not None and eq.code is not None:
                part, origin = Var("", x.shape, x.dtype), eq.origin._replace(at=at_place(eq.code, read.entry))
                params = {"index": positions[id(eq), k], "unique_indices": True}
                taken = replace(eq, outputs=(part,), operands=(arrays[read.word],), origin=origin)
                new.append(replace(taken, row=TABLE["getitem"], params=params))
                operands[k] = part
        new.append(replace(eq, operands=tuple(operands)))
        for word in (word for word, of in lists.items() if of[-1] in eq.outputs):
            first, *_ = of = lists[word]
            arrays[word] = y = Var(word, (len(of), *first.shape), first.dtype)
            names[y] = word
            new.append(replace(eq, outputs=(y,), row=TABLE["stack"], operands=(*of,), params={"axis": 0}))
    return replace(program, equations=new)


def _reads(eq: Equation, turns: Turns) -> Iterator[_Read]:
    """The operands of an equation that are entries of lists as the user wrote them, and no operations."""
    for k, x in enumerate(eq.operands if eq.algebra not in ("index", "gather") else ()):
        match operand(eq, k) if isinstance(x, Var) else None, eq.code:
            case ast.Subscript(ast.Name(word), ast.Name()) as e, CodeType() as code if turns(code, e.slice):
                yield _Read(eq, k, e, word)


def _place(read: _Read) -> Any:
    return getattr(read.eq.code, "co_filename", ""), span(read.entry.slice)


def _listed(word: str, words: Mapping[str, Var]) -> list[Var]:
    """The values of one shape that are called z1, z2, …; none if there is no such list, or an array of its name."""
    values = [words[w] for w in takewhile(words.__contains__, (f"{word}{n}" for n in count(1)))]
    return values if len({(v.shape, v.dtype) for v in values}) == 1 and word not in words else []
