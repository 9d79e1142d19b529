"""The first rounds of loops that compute from numbers alone, as steps.

In ``for t in range(1, n): err = y[t] - forecast; …`` the first forecast may be a number, as of ``level = y[0]``. Then
nothing of that round is recorded but what uses a parameter, and the steps of the later rounds would begin with the
second. Here the round is computed again from the user's lines, so that it is written like the others, as it is where
`y` is an argument of a traced function.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import replace
from itertools import takewhile
from typing import Any

import numpy as np

from ..program import Equation, Program, Var
from ..program.assignments import contains
from ..program.naming import expression, is_in_loop, line, lookup, place, scopes_around, span, stem
from ..table import TABLE
from .interpreter import Value, is_live
from .provenance import Provenance, Result, aligned, operands_of


def with_first_rounds(program: Program, names: dict[Var, str]) -> tuple[Program, Provenance | None]:
    """The program with equations for what the first rounds of loops compute from numbers; these are named. And what was
    interpreted for that.
    """
    is_once = len({*map(place, program.equations)}) == len(program.equations)
    if is_once and not any(map(is_in_loop, program.equations)):
        return program, None
    known, around = program.values, scopes_around(program)
    values = {word: known[v] for v, word in names.items() if v in known}
    provenance = Provenance(program.equations, lookup(around), values, around)
    rounds = _FirstRounds(program, names, provenance)
    if not rounds.instead:
        return program, provenance
    waiting = sorted(rounds.needed(), key=rounds.times.__getitem__, reverse=True)
    names |= {v: v.name for v in waiting if v.name} | rounds.renamed
    program = replace(program, named=program.named | {v for v in waiting if v.name})

    def rule(eq: Equation, defined: Mapping[Var, Equation]) -> list[Equation]:
        steps, here = list[Equation](), rounds.instead.get(eq.y, {})
        while waiting and rounds.times.get(eq.y, 0) > rounds.times[waiting[-1]]:
            steps.append(rounds.defined[waiting.pop()])
        return [*steps, replace(eq, operands=tuple(here.get(k, x) for k, x in enumerate(eq.operands)))]

    return program.mapped(rule), provenance


def _by_place(program: Program) -> dict[Any, list[Equation]]:
    """The equations by the file and the place of the expressions that they are, if their operands stand there."""
    places: dict[Any, list[Equation]] = {}
    for eq in program.equations:
        e = expression(eq)
        if e is not None and eq.code is not None and eq.row is not TABLE["positive"]:
            places.setdefault((eq.code.co_filename, span(e)), []).append(eq)
    alike = ((here, eqs) for here, eqs in places.items() if len({eq.row for eq in eqs}) == 1)
    return {here: eqs for here, eqs in alike if None not in operands_of(eqs[0])}


class _FirstRounds:
    """The equations of first rounds.

    Attributes
    ----------
    defined : dict of Var to Equation
        The new equations.
    times : dict of Var to int
        When values were computed, also those that were recorded.
    renamed : dict of Var to str
        Values with other names than before.
    instead : dict
        By the results of recorded equations, and the numbers of operands, what these are in the place of constants.
    """

    def __init__(self, program: Program, names: Mapping[Var, str], provenance: Provenance) -> None:
        self.names, self._taken, self._outputs = names, {*names.values()}, program.outputs
        self.renamed: dict[Var, str] = {}
        self.defined: dict[Var, Equation] = {}
        self.times: dict[Var, int] = {}
        self._vars: dict[int, tuple[Var, Any]] = {}  # by the identity of a value the variable for it, and what it is
        live: list[tuple[Equation, Result]] = []
        first: list[tuple[Result, list[Equation], int]] = []  # with the later equations, so many rounds later
        for here, equations in _by_place(program).items():
            results, count = provenance.results.get(here, []), len(equations[0].operands)
            places = [k for k, of in enumerate(results) if is_live(of.y) and len(of.operands) == count]
            start = aligned([results[k].operands for k in places], [eq.operands for eq in equations])
            if start >= 0:
                live += [(eq, results[k]) for eq, k in zip(equations, places[start:], strict=False)]
                before = takewhile(lambda of: not is_live(of.y), results[: places[start]][::-1])
                first += [(of, equations, back) for back, of in enumerate(before, 1)]
        for of, equations, back in sorted(first, key=lambda each: each[0].time):
            self._add(of, equations, back)
        self.times |= {eq.y: of.time for eq, of in live}
        each = ((eq.y, self._instead(eq, of.operands)) for eq, of in live)
        self.instead = {y: of for y, of in each if of}
        calls = [eq for eq in program.equations if self.defined and expression(eq) is None and line(eq) is not None]
        passed = {eq.y: vs for eq in calls if (vs := self._passed(eq))}
        self.instead |= passed
        self.times |= {y: 1 + max(self.times[v] for v in vs.values()) for y, vs in passed.items()}

    def _add(self, of: Result, equations: Sequence[Equation], back: int) -> None:
        """Add the equation of a result, like those of the later rounds, if that has its value."""
        like, x = equations[0], np.asarray(of.y.x)
        if len(of.operands) != len(like.operands) or like.origin.scaled or len(like.outputs) > 1:
            return
        try:
            y = like.row.fn(*(v.x for v in of.operands), **like.params)
        except (ValueError, TypeError, IndexError):
            return
        if np.array_equal(y, x):
            v = Var(self._name(equations, back), x.shape, x.dtype)
            origin = like.origin._replace(group=copy(like.origin.group), requires_grad=False)
            operands = tuple(self._vars.get(id(part), (part.x,))[0] for part in of.operands)
            self.defined[v] = replace(like, outputs=(v,), operands=operands, origin=origin)
            self.times[v], self._vars[id(of.y)] = of.time, (v, x)

    def _name(self, equations: Sequence[Equation], back: int) -> str:
        """The name of what is computed so many rounds before these equations: err1 before err2, which is not err then.
        """
        y = equations[0].y
        word = self.renamed.get(y, self.names.get(y, ""))
        if word and word == stem(word) and len(equations) == back == 1 and f"{word}2" not in self._taken:
            self.renamed |= {y: f"{word}2"} if y not in self._outputs else {}
            word += "2"
        number = word[len(stem(word)) :]
        first = int(number) - back if number.isdigit() else 1
        if first == 0:  # it is the first one, q1 after the q0 with which the loop begins
            first = 1
            self._count_on(stem(word))
        new = f"{stem(word)}{first}" if number.isdigit() and first > 0 else ""
        if new in self._taken:
            return ""
        self._taken.add(new)
        return new

    def _count_on(self, word: str) -> None:
        """Give the values of a variable in all rounds, q1 and q2, the next numbers, q2 and q3."""
        every = {v: self.renamed.get(v, w) for v, w in self.names.items() if stem(w) == word != w}
        numbers = {v: int(w.removeprefix(word)) for v, w in every.items() if w.removeprefix(word).isdigit()}
        self.renamed |= {v: f"{word}{k + 1}" for v, k in numbers.items() if k}
        self._taken = (self._taken - {*every.values()}) | {self.renamed.get(v, w) for v, w in every.items()}

    def _instead(self, eq: Equation, values: Sequence[Value]) -> dict[int, Var]:
        """The operands of an equation that are computed in a first round."""
        constants = (k for k, x in enumerate(eq.operands) if not isinstance(x, Var) and id(values[k]) in self._vars)
        each = ((k, *self._vars[id(values[k])]) for k in constants)
        return {k: v for k, v, x in each if np.array_equal(x, eq.operands[k])}

    def _passed(self, eq: Equation) -> dict[int, Var]:
        """The operands of an equation of a call that were computed among its arguments, ``layer([h, x])``."""
        e, code = line(eq), eq.code
        values = {v: x for v, x in self._vars.values() if np.ndim(x) and e is not None and self._is_in(v, e, code)}
        constants = [(k, x) for k, x in enumerate(eq.operands) if isinstance(x, np.ndarray)]
        return {k: v for k, x in constants for v, of in values.items() if np.array_equal(of, x)}

    def _is_in(self, v: Var, e: ast.expr, code: Any) -> bool:
        """True if a value is computed in an expression."""
        part = expression(self.defined[v])
        return self.defined[v].code is code and part is not None and part is not e and contains(e, part)

    def needed(self) -> set[Var]:
        """Those of the new values that recorded equations need."""
        needed = {v for of in self.instead.values() for v in of.values()}
        for v in sorted(self.defined, key=self.times.__getitem__, reverse=True):
            if v in needed:
                needed |= {x for x in self.defined[v].operands if isinstance(x, Var)}
        return needed
