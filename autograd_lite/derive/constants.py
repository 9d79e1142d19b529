"""Constants by their names, and in the form in which they were written: λ, n, ``1 - t``, ``x[0]``.

A recorded operation knows only the value of a constant. Its name is that of the same array in the user's mapping, or
the expression at that place in the user's line. A form such as ``1 - t`` is used only if it has the recorded value,
with the variables as they are where the user's code runs, or as its source assigns them. What cannot be evaluated here,
such as ``np.eye(4)``, is quoted.
"""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import suppress
from copy import deepcopy
from dataclasses import replace
from functools import cached_property, partial
from itertools import count, pairwise
from types import CodeType, ModuleType
from typing import Any, TypeGuard

import numpy as np

from ..base.memory import address
from ..engine.engine_rows import STOP_GRADIENT
from ..engine.operands import raw
from ..program import Equation, Var
from ..program.assignments import (
    assigned,
    bound,
    counted,
    counts_up,
    default,
    is_around,
    is_of_pairs,
    is_shape,
    iterated,
    kept,
    looped,
    names,
    of_whole,
    part_taken,
    passed,
    starts_anew,
    stored_at,
    unequal,
)
from ..program.naming import Names, expression, is_in_loop, line, lookup, operand, place, span, stem
from ..table import TABLE, Primitive
from ..tensor import Tensor
from .axes import Axes
from .board_names import start_of
from .factors import total
from .formula import (
    PRODUCT,
    Array,
    Expr,
    Labels,
    Place,
    index_parts,
    multiplied,
    name,
    named,
    number,
    replaced,
    terms_of,
    unsimplified,
    walk,
)  # fmt: skip
from .formula_ops import evaluate
from .provenance import WHOLE, Provenance, aligned, is_near, numbered
from .simplify import full, simplified
from .textbook_parser import Written, formula, read
from .writing import ASCII, write

Variables = Mapping[str, Any]
EMPTY: Variables = {}
SIZES = "nmNMK"  # the letters of numbers of entries


CALLS = 6  # of a function in one round, of which the first has the state


class Constants:
    """The named constants of a program.

    `taken` are all its names, `changing` the variables that are assigned again, with the name that each has before,
    `scopes` those of the running code, `computed` the values of the program.
    """

    def __init__(
        self, taken: Names, changing: Mapping[str, str] = EMPTY,
        scopes: Sequence[tuple[CodeType | None, Variables]] = (),
        computed: Variables = EMPTY,
    ) -> None:
        self.taken, self.changing, self.scopes, self.computed = taken, changing, scopes, computed
        self._lookup = lookup(scopes)
        self.values: dict[str, Any] = {}  # arrays and numbers
        self.quoted: dict[str, Iterable[str]] = {}  # expressions as the user wrote them, with the variables in each
        self.sizes: dict[str, int] = {}
        self.axes: Axes | None = None  # of the program, and its variables by name
        self.variables: Mapping[str, Var] = {}
        self.inputs: Set[str] = frozenset()  # the names of those that are not computed
        self.lengths: dict[str, Expr] = {}  # of sizes without a name of the user's what they are: len(events)
        self.defined: dict[str, Expr] = {}  # values of the first step of a loop, computed from constants alone
        self.starts: set[str] = set()  # names, which the user does not have, of what a loop starts with
        self.rounds: dict[Any, dict[Var, Any]] = {}  # by places in the user's code, the operands there in a loop
        #: By places in the user's code what each round of a loop computes there, by row, and by what index.
        self.indices: dict[Any, dict[Primitive, dict[Var, Any]]] = {}
        self.befores: dict[tuple[Var, int], str] = {}  # by result and operand, the value of a variable before a loop
        self.fixed: dict[tuple[Var, int], int] = {}  # of states that were detached, the round: by result and operand
        self.each: dict[Any, list[Var | None]] = {}  # by these places the values that are operands, None for a constant
        self._followed: dict[Any, dict[Var, Expr]] = {}  # by these places, the formulas in the rounds
        self._every: dict[Any, list[tuple[Var, Any]]] = {}  # by these places, every operand
        self.provenance: Provenance | None = None
        self.terms: set[Var] = set()  # what is only added to arrays of its shape
        self.inner: set[Any] = set()  # the places of inner loops that are operations on arrays
        self._sourced: dict[tuple[str, Any], Any] = {}
        self._inside: dict[int, list[tuple[Array, str]]] = {}  # the named arrays in the memory of one

    def add(self, x: Any, word: str) -> None:
        """Name an array or a number."""
        x = x.item() if isinstance(x, np.generic) else x
        self.values[word] = x  # this keeps the array alive, so its memory is not reused
        if isinstance(x, np.ndarray):
            self._inside.setdefault(id(_owner(x)), []).append((x, word))
        self.taken.add(word)

    def known(self, x: Any) -> Expr | None:
        """An array by its name, or as a part ``x[0]`` of a named one."""
        if not isinstance(x, np.ndarray):
            return None
        around = self._inside.get(id(_owner(x)), [])
        for a, word in around:
            if _place(a) == _place(x):
                return name(word, x.shape)
        return next((part for a, word in around if (part := _part(x, a, word)) is not None), None)

    def row(self, x: Any) -> Expr | None:
        """A vector with a name as the row or the column that ``np.vstack`` and ``np.column_stack`` make of it."""
        whole = self.known(np.ravel(x)) if isinstance(x, np.ndarray) and x.ndim == 2 and 1 in x.shape else None
        if whole is None or whole.role != "name" or not x.flags.c_contiguous:
            return None
        return unsimplified("reshape", (whole,), x.shape, shape=x.shape, order="C")

    def _called(self, x: Any) -> str:
        """The name of a whole array; "" for one without."""
        of = self.known(x)
        return str(of.value) if of is not None and of.role == "name" else ""

    def computed_in(self, eq: Equation, k: int, x: Any) -> Expr | None:
        """An array that the user's line computes from named ones, ``0.5 * y``: the source has y as an argument."""
        e = operand(eq, k) if np.ndim(x) else None
        stated = evaluated(e, self._variables(e, eq.code)) if isinstance(e, ast.BinOp) else None
        if stated is None or not _is_same(stated.value, x):
            return None
        rows, of = [part.row for part in walk(stated.formula)], stated.formula.names
        are_rows = all(row is None or row is PRODUCT or isinstance(row, Primitive) for row in rows)
        return stated.formula if are_rows and of and all(np.ndim(self.values.get(w, 0)) for w in of) else None

    def find_varying(
        self, equations: Sequence[Equation], named: Mapping[Var, str], provenance: Provenance | None
    ) -> None:
        """Find the operands that have other numbers each time that their line runs, and those that become values."""
        starts = {eq.y for eq in equations if eq.row is TABLE["positive"]}  # h0 = x
        rounds: dict[Any, dict[Var, Any]] = {}
        every: dict[Any, list[tuple[Var, Any]]] = {}
        carried, read = set[Any](), set[Any]()
        users: dict[Var, list[bool]] = {}
        for eq in equations:
            are_terms = eq.algebra in ("sum", "difference") and all(shape == eq.shape for shape in eq.shapes)
            for x in (x for x in eq.operands if isinstance(x, Var)):
                users.setdefault(x, []).append(are_terms)
            by_row = self.indices.setdefault(place(eq), {})
            by_row.setdefault(eq.row, {})[eq.y] = eq.params.get("index")
            for k, x in enumerate(eq.operands):
                every.setdefault(place_in_code(eq, k), []).append((eq.y, x))
                if not isinstance(x, Var):
                    e = operand(eq, k)
                    rounds.setdefault(at := place_in_code(eq, k), {})[eq.y] = x
                    carried |= {at} if self._is_carried(e, eq.code) else set()
                    read |= {at} if _reads_in_turn(e, eq.code) else set()
        self.terms = {v for v, are_terms in users.items() if all(are_terms)}
        self._every = {at: [(y, x) for y, x in values if y not in starts] for at, values in every.items()}
        if provenance is not None and not self.inner:
            self.provenance, provenance.name_of = provenance, self._called
        elif any(len(values) > 1 for values in self._every.values()):
            known = equations, self._value, self.computed, self.scopes
            self.provenance = Provenance(*known, self.inner, self._called)
        for at, values in every.items():
            self.each[at] = [y if isinstance(y, Var) else None for _, y in values]
            self._find_starts(at, values, named, at in carried)
        for at, operands in rounds.items():
            first, *others = operands.values()
            is_one = not others or at not in carried | read and all(_is_same(first, x) for x in others)
            self.rounds |= {} if is_one else {at: operands}

    def _find_starts(self, at: Any, values: Sequence[tuple[Var, Any]], named: Mapping[Var, str], carried: bool) -> None:
        """Find the names of operands at a place that are constants in the first rounds of a loop, and values later."""
        words = [named.get(y, "") if isinstance(y, Var) else "" for _, y in values]
        n = next((k for k, (_, y) in enumerate(values) if isinstance(y, Var)), 0)  # of several layers
        is_last = n == 1 and not carried and len(words) > 2  # previous = error
        starts = [start_of(words[k + n :: n]) or (start_of(words[1:], 2) if is_last else "") for k in range(n)]
        if n == 1 and not starts[0]:  # of a function that each round calls several times
            rounds = (words[calls::calls] for calls in range(2, CALLS) if 2 * calls <= len(words))
            starts = [next((w for w in map(start_of, rounds) if w and w not in words), "")]
        self.befores |= {(values[k][0], at[-1]): w for k, w in enumerate(starts)} if all(starts) else {}
        later = enumerate(values[n:], n) if carried and isinstance(values[n][1], Var) else ()
        detached = ((j, of) for j, (of, y) in later if not isinstance(y, Var) and not _is_same(y, values[0][1]))
        self.fixed |= {(of, at[-1]): j for j, of in detached}

    def _is_carried(self, e: ast.expr | None, code: CodeType | None) -> bool:
        """Return whether an operand is a variable that each round of a loop computes for the next; a parameter of a
        function that does not assign to it is none.
        """
        if not isinstance(e, ast.Name) or e.id not in self.changing:
            return False
        return code is None or e.id not in code.co_varnames[: code.co_argcount] or bool(assigned(code, e.id))

    def in_round(self, eq: Equation, k: int, x: Any) -> Expr | None:
        """Constant `x`, which an operand is in one round of a loop, in terms of what was given: ``1 - ys[2]``."""
        here = place_in_code(eq, k)
        is_first = any(isinstance(x, Var) for _, x in self._every.get(here, ())) and (eq.y, k) not in self.befores
        is_once = len(self._every.get(here, ())) == 1 and is_in_loop(eq)  # in a round of its own, of a case
        is_read = is_first or here in self.rounds or is_once
        if not is_read or self._is_carried(operand(eq, k), eq.code):
            return None
        if (argument := self._argument(operand(eq, k), eq.code, x)) is not None:
            return argument
        if here not in self._followed:
            self._followed[here] = self._aligned(eq, k, here)
        of, e = self._followed[here].get(eq.y), self.source(eq, k)
        is_named = of is not None and bool(of.names)
        if not is_named and is_number(x) and e is not None and any(map(_is_length, ast.walk(e))):
            return self._stated(eq, e, x)  # len(H) - 1, of several H
        if of is None or self.provenance is None:
            return None
        if not is_named:
            return number(x) if is_number(x) else None if np.any(x) else full(number(0), np.shape(x))
        return self._of_state(of, operand(eq, k)) if self._can_use(of) else None

    def _of_state(self, of: Expr, e: ast.expr | None) -> Expr:
        """A part ``start[:-1]`` of what the state x of a loop begins with as that of x0."""
        match e:
            case ast.Subscript(ast.Name(word)) if of.role == "index":
                whole = self.changing.get(word, "")
                if whole in self.defined and self.defined[whole].key == of.of.key:
                    return replace(of, args=(name(whole, of.of.shape),))
        return of

    def _argument(self, e: ast.expr | None, code: CodeType | None, x: Any) -> Expr | None:
        """The number that is passed for an argument of a function in one of several calls, in the caller's terms, or
        that the argument is by default.
        """
        if not isinstance(e, ast.Name) or code is None or not is_number(x) or x != x:
            return None
        is_argument = e.id in code.co_varnames[: code.co_argcount] and bool(passed(code, e.id))
        if not is_argument or not {*(assigned(code, e.id) or ())} <= {other := default(code, e.id)}:
            return None
        every = [(of.formula, known) for of, known in self._each_passed(e.id, code) if _is_same(of.value, x)]
        if not every:
            return number(x) if isinstance(other, ast.Constant) and other.value == x else None
        of, known = every[0]
        if not of.names or any(other.key != of.key for other, _ in every):
            return None
        self.use(known, of.names)
        return of

    def _can_use(self, of: Expr) -> bool:
        """Whether the names in a formula have no other meaning; they are used then."""
        given, labels = self.provenance.given if self.provenance else {}, _of_labels(of)
        used = {*of.names, *labels.values()}
        if not all(self._is_free(w, given[w]) for w in used & given.keys()) or not self._introduces(of, given):
            return False
        self.quoted |= {word: [w] for word, w in labels.items() if word != w} | {w: [] for w in used if w[0].isdigit()}
        self.use(given, used)
        before = self.provenance.starts if self.provenance else ()
        starts = (w for w in of.names if w in before or w[-1] == "0" and w[:-1] in self.changing)
        self.starts |= {w for w in starts if all(code is None or bound(code, w) is None for code, _ in self.scopes)}
        return all(map(self._can_follow, of.names))

    def _can_follow(self, word: str) -> bool:
        """Whether what a round of a loop has computed from numbers, G2, may be defined by the round before; if it is
        such a value, it is then a step.
        """
        by = self.provenance.carried.get(word) if self.provenance else None
        if by is None or self.provenance is None or word in self.starts:
            return True
        self._start(word, None)
        of = by.written(WHOLE)
        if of is None or of.expr is None or not of.formula.names:
            return word in self.provenance.starts  # before the loop
        if not self._can_use(of.formula):
            return False
        self.defined[word] = of.formula
        return True

    def _aligned(self, eq: Equation, k: int, here: Any) -> dict[Var, Expr]:
        """The formulas of an operand in the rounds of a loop that were recorded."""
        e, code, every = operand(eq, k), eq.code, self._every.get(here, [])
        if e is None or code is None or self.provenance is None:
            return {}
        visited = self.provenance.visits.get((code.co_filename, span(e)), [])
        for visits in ([v for v, is_live in visited if is_live], [v for v, _ in visited]):
            if (start := aligned([[v] for v in visits], [[x] for _, x in every])) >= 0:
                both = enumerate(zip(every, visits[start:], strict=False))
                stated = ((y, x, v.written(j)) for j, ((y, x), v) in both if not isinstance(x, Var))
                known = ((y, of) for y, x, of in stated if of is not None and is_near(of.value, x))
                return {y: replaced(of.formula, _with_one_number) for y, of in known if of.expr is not None}
        return {}

    def source(self, eq: Equation, k: int) -> ast.expr | None:
        """The user's expression for a constant operand; in an inner loop that is one operation on arrays the arrays.

        Of ``s * X.T @ X``, where the number s stands in front, it is ``X.T``.
        """
        e, code = operand(eq, k), eq.code
        while np.ndim(eq.operands[k]) and isinstance(e, ast.BinOp) and isinstance(e.op, ast.Mult):
            given = [part for part in (e.left, e.right) if self.computed.keys().isdisjoint(_names_read(part))]
            if len(given) != 1:
                break
            [e] = given
        return of_whole(code, e) if e is not None and code is not None and place(eq) in self.inner else e

    def before(self, eq: Equation, k: int, x: Any) -> Expr | None:
        """An array that is the value before a loop of what is h1 and h2 in its later rounds: h0."""
        word = self.befores.get((eq.y, k), "")
        e, code = operand(eq, k), eq.code
        is_anew = isinstance(e, ast.Name) and code is not None and is_number(x) and not x and starts_anew(code, e)
        if not word or not self._is_free(word, x) or is_anew:
            return None
        self.use({word: x}, [word])
        self._start(word, code)
        of = self._aligned(eq, k, place_in_code(eq, k)).get(eq.y)
        if of is not None and of.names and of.role != "name" and self._can_use(of):
            self.defined.setdefault(word, of)
        return name(word, np.shape(x))

    def begun(self, eq: Equation, k: int, x: Any) -> Expr | None:
        """The state x0 of a loop that begins with an array of another name, ``x = start``, or a row of one, ``x =
        data[0]``; x0 = start is a step.
        """
        of, e = self.known(x), operand(eq, k)
        is_part = of is not None and of.role == "index" and of.of.role == "name" and bool(of.shape)
        if of is None or not is_part and of.role != "name" or not isinstance(e, ast.Name) or e.id == of.value:
            return None
        first = self.before(eq, k, x) if e.id in self.changing else None
        if first is not None and first.value != of.value:
            self.defined.setdefault(first.value, of)
        return first

    def _is_free(self, word: str, x: Any) -> bool:
        """True if a constant may be called so."""
        return word not in self.taken or _is_same(self.values.get(word), x)

    def is_of_round(self, eq: Equation, k: int, x: Any, written: Expr) -> bool:
        """True if an operand `x` is written as a variable that has another value in each round of a loop, or as a part
        of an array that is also the value of such a variable.
        """
        e = operand(eq, k)
        if _is_choice(source := self.source(eq, k)) and self._chosen(eq, k, source, x) is not None:
            return True  # X[T >= T[i]], which is all of X
        is_numbered = written.role == "name" and stem(written.value) != written.value
        if isinstance(e, ast.Subscript) and is_numbered:
            return written.value not in names(e) and stem(written.value) not in names(e)
        is_turn = is_numbered and place_in_code(eq, k) in self.rounds and self._is_turn(e, eq.code)
        if is_turn and all(code is None or bound(code, written.value) is None for code, _ in self.scopes):
            return True  # a2 of ``for a, b in pairs``, which was b1 before
        return isinstance(e, ast.Name) and e.id == written.value and place_in_code(eq, k) in self.rounds

    def _is_turn(self, e: ast.expr | None, code: Any) -> bool:
        """True for a variable of a loop over data, ``for u, i, r in ratings``, or over numbers, also side by side:
        ``for w, a in zip([5.0, 15.0], [0.1, 0.2])``.
        """
        of = looped(code, e) if code is not None and e is not None else None
        if of is None or of or not isinstance(e, ast.Name):
            return bool(of)
        over = counted(code, e)
        return isinstance(over, ast.List | ast.Tuple) or isinstance(over, ast.Call) and ast.unparse(over.func) == "zip"

    def _is_of_each_round(self, e: Any, code: Any) -> bool:
        """Whether a variable is computed in one place, from numbers of each round."""
        return code is not None and len(assigned(code, e.id) or ()) == 1 and looped(code, e) is None

    def _of_round(self, eq: Equation, k: int, x: Any) -> Expr | None:
        """An array that a variable has in one round of a loop, with the number of that: x1, x2, …; or a number that
        the round before has computed; one that was detached between rounds is h2_fixed.
        """
        e, rounds = operand(eq, k), self.rounds.get(place_in_code(eq, k), {})
        rounds = {v: y for v, y in rounds.items() if (v, k) not in self.fixed}
        variable, is_carried = e.id if isinstance(e, ast.Name) else "", self._is_carried(e, eq.code)
        last = int(self.changing[variable][len(variable) :]) if is_carried else len(rounds)  # the number of the last
        if (eq.y, k) in self.fixed:
            return self._detached(f"{variable}{last - len(rounds) + self.fixed[eq.y, k] + 1}_fixed", x)
        is_turn = bool(np.ndim(x)) or is_carried or self._is_turn(e, eq.code)
        is_named = variable != "" and (is_turn or self._is_of_each_round(e, eq.code))
        words = [f"{variable}{last + j - len(rounds) + 1}" for j in range(len(rounds))] if is_named else []
        if last + 1 < len(rounds) and all(_is_same(x, y) for y in rounds.values()):
            words = [self.changing[variable]] * len(rounds) if np.ndim(x) else []  # an outer loop begins with it again
        values = dict(zip(words, rounds.values(), strict=False))
        if not all(self._is_free(w, y) for w, y in values.items()):
            return None
        found = next((w for w, v in zip(words, rounds, strict=False) if v is eq.y), None)
        if found is not None and found not in self.values:
            self.add(x, found)
            if is_carried or not np.ndim(x):
                self._start(found, eq.code)
        return None if found is None else name(found, np.shape(x))

    def _detached(self, word: str, x: Any) -> Expr | None:
        """A state that was detached between two rounds, by its name."""
        if not self._is_free(word, x):
            return None
        self.add(x, word)
        return name(word, np.shape(x))

    def written(self, eq: Equation, k: int, x: Any) -> Expr | None:
        """Constant `x`, operand `k` of `eq`, as the user's line has it; None for a number written as such."""
        e = self.source(eq, k)
        if self._is_zero_before(eq, k, x):
            return number(0)
        if e is None or place_in_code(eq, k) in self.rounds:
            written = self._of_round(eq, k, x) or self._chosen(eq, k, e, x) or self.in_line(eq, x, e, True)
            return written or self._of_call(eq, e, x) or self._only_number(x)
        [of] = e.elts if isinstance(e, ast.List) and len(e.elts) == 1 else [e]  # [start] as start
        if isinstance(of, ast.Name) and (named := self._by_name(of, x, eq.code)) is not None:
            return named
        is_own = not is_size(e) and is_number(x) and x not in (math.pi, math.e, math.inf)  # self.eps, not np.pi
        word = e.attr if isinstance(e, ast.Attribute) and is_own else ""
        if isinstance(e, ast.Subscript) and is_own and is_number(x) and self._in_mapping(e, eq.code) is not None:
            word = str(getattr(e.slice, "value", ""))  # cfg["rho"]
        word += "0" * (f"{word}1" in self.taken)
        if word and self._is_free(word, x):
            self.use({word: x}, [word])
            return name(word)
        if type(x) is int and isinstance(e, ast.Call | ast.Subscript | ast.Attribute) and is_size(e):
            return name(self.size(x, eq.code, e))
        return self._stated(eq, e, x)

    def _chosen(self, eq: Equation, k: int, e: ast.expr | None, x: Any) -> Expr | None:
        """The rows that a test chooses in one round of a loop, ``X[z == 1]`` for X[z == k]; of a loop that leaves out
        some rounds ``X[T >= T[i2]]``.
        """
        rounds = [*self.rounds.get(place_in_code(eq, k), ())]
        if not isinstance(e, ast.Subscript) or not _is_choice(e) or eq.y not in rounds:
            return None
        turn, whole = rounds.index(eq.y), ast.unparse(e)
        for variable in (part for part in ast.walk(e.slice) if isinstance(part, ast.Name)):
            kept = self.provenance.with_gaps(variable.id, len(rounds)) if self.provenance else ()
            if kept and self._is_free(word := numbered(variable.id, turn + 1), kept[turn]):
                self.use({word: kept[turn]}, [word])
                e = _instead(e, variable.id, word)
            elif steps := self._counts(variable, eq.code, len(rounds)):
                e = _instead(e, variable.id, str(steps[turn]))
        return self._stated(eq, e, x) if ast.unparse(e) != whole else None

    def _is_zero_before(self, eq: Equation, k: int, x: Any) -> bool:
        """Whether an operand is the 0 that a variable is before a loop that gives it others: x1 = 0, x1 = x[n]."""
        e = self.source(eq, k) if is_number(x) and not x and any(self.each.get(place_in_code(eq, k), ())) else None
        code = eq.code
        return isinstance(e, ast.Name) and code is not None and (e.id not in self.changing or starts_anew(code, e))

    def _stated(self, eq: Equation, e: ast.expr, x: Any) -> Expr | None:
        """Constant `x`, the value of an expression in the user's line, as the formula that this is."""
        e, own = self._without_instances(e, eq.code)
        e, sizes = self._with_sizes(self._at_places(e, eq.code), eq.code, x)
        variables: Variables = {**self._variables(e, eq.code), **own, **sizes}
        e = _with_identities(e, x, variables)
        if isinstance(e, ast.Subscript | ast.Attribute) and isinstance(e.value, ast.Name) and isinstance(x, np.ndarray):
            whole = x.T if getattr(e, "attr", "") == "T" else _owner(x)  # of a function that has returned
            word = self._called(whole) or self._passed_as.get(id(whole), "")
            is_known = bool(word) or e.value.id not in self.taken
            e, word = (_instead(e, e.value.id, word), word) if word else (e, e.value.id)
            variables = {word: whole, **variables} if is_known else variables
        is_by_entry = eq.algebra in ("product", "quotient", "sum", "difference") and len(eq.operands) == 2
        others = [k for k, y in enumerate(eq.operands) if isinstance(y, Var)]
        is_beside = any(eq.shape_of(k) == np.shape(x) for k in others) or eq.y in self.terms
        if np.ndim(x) and is_by_entry and is_beside and (one := self._of_ones(e, x, variables)) is not None:
            return one
        e, variables = _with_rows(e, x, variables)
        is_factor = eq.algebra in ("power", "product", "quotient")
        if np.ndim(x) == 1 and (is_factor or not isinstance(e, ast.Call) or not _is_counting(e)):
            e, variables = _with_counting(e, variables, len(x))
        parts = (evaluated(part, variables) for part in (e, *(_factors(e, variables) if np.ndim(x) else ())))
        tries = (part for part in parts if part is not None)
        stated = next((part for part in tries if is_near(part.value, x)), None)
        if stated is not None and self._introduces(stated.formula, variables):
            variables = {**self.values, **variables}
            of = self._under_known_names(stated.formula, variables)
            self.quoted |= {word: [] for word in of.names if word.startswith("np.arange(")}
            self.use(variables, of.names)
            cases = [part for part in walk(of) if part.role == "selection" and _compares_labels(part.of)]
            of = replaced(of, partial(self._indicator, variables, {part.key for part in cases}))
            return replaced(of, _without_rows)
        is_one = eq.algebra == "concatenation" and (np.ndim(x) > 1 or np.size(x) == 1) and np.all(x == 1)  # [1, X]
        return number(1) if is_one else self.in_line(eq, x, e) or self._quoted(e, x, variables, eq.code)

    def _of_ones(self, e: ast.expr, x: Any, variables: Variables) -> Expr | None:
        """The number that all entries of an array are, ``np.ones(3) / 3`` or ``np.full(3, 1 / 3)``, as written."""
        calls = [part for part in ast.walk(e) if isinstance(part, ast.Call)]
        sizes = {"ones": 1, "full": 2}
        ones = [part for part in calls if len(part.args) == sizes.get(getattr(part.func, "attr", ""))]
        if not ones or not np.size(x) or np.any(x != np.ravel(x)[0]):
            return None
        for part in ones:
            e = _instead(e, ast.unparse(part), ast.unparse(part.args[1]) if part.args[1:] else "1")
        stated = evaluated(e, variables)
        if stated is None or np.ndim(stated.value) or not is_near(stated.value, np.ravel(x)[0]):
            return None
        self.use(variables, stated.formula.names)
        return stated.formula

    def _without_instances(self, e: ast.expr, code: Any) -> tuple[ast.expr, Variables]:
        """An expression with ``margin`` for ``self.margin``, and what such attributes are where that is known."""
        values: dict[str, Any] = {}
        parts = [part for part in ast.walk(e) if isinstance(part, ast.Attribute) and isinstance(part.value, ast.Name)]
        for part in parts:
            of = self._value(part.value.id, code) if isinstance(part.value, ast.Name) else None
            x = getattr(of, part.attr, None)
            if isinstance(of, np.ndarray | ModuleType) or hasattr(np.ndarray, part.attr) or part.attr in names(e):
                continue
            sources = kept(code, part.attr) if of is None and code is not None else []
            stated = evaluated(sources[0], self._variables(sources[0], None)) if len(sources) == 1 else None
            x = stated.value if stated is not None else x
            is_known = isinstance(x, np.ndarray) or is_number(x)
            if of is None or is_known:
                e = _instead(e, ast.unparse(part), part.attr)
                values |= {part.attr: x} if is_known else {}
        return e, values

    def _under_known_names(self, e: Expr, variables: Variables) -> Expr:
        """A formula in which arrays that have a name are called so: prob, which a helper function has as p."""
        arrays = {w: x for w in e.names - self.values.keys() if isinstance(x := variables.get(w), np.ndarray)}
        called = {w: name(word, x.shape) for w, x in arrays.items() if (word := self._called(x))}
        return named(e, called) if called else e

    @cached_property
    def _passed_as(self) -> dict[int, str]:
        """The variables of the running code that are arrays, by the identity of these: X where a function has A."""
        variables = [(w, x) for _, scope in self.scopes[::-1] for w, x in scope.items() if isinstance(x, np.ndarray)]
        used = self.values.keys() | self.computed.keys()
        return {id(x): w for w, x in variables if w[0] != "_" and w not in used}

    def _at_places(self, e: ast.expr, code: Any) -> ast.expr:
        """An expression with numbers for variables in an index, ``img[2, 1]`` for ``img[i + 1, j]``; not for those of a
        loop.
        """

        def placed(at: ast.expr) -> ast.expr:
            words = names(at) if isinstance(at, ast.Name | ast.BinOp) else []
            is_fixed = code is not None and all(looped(code, ast.Name(w)) is None for w in words)
            stated = evaluated(at, self._variables(at, code)) if words and is_fixed else None
            return ast.Constant(int(stated.value)) if stated and isinstance(stated.value, int | np.integer) else at

        class Placed(ast.NodeTransformer):
            def visit_Subscript(self, part: ast.Subscript) -> ast.expr:
                at = part.slice
                at = ast.Tuple([*map(placed, at.elts)]) if isinstance(at, ast.Tuple) else placed(at)
                return ast.Subscript(self.visit(part.value), at, ast.Load())

        has_index = any(isinstance(part, ast.Subscript) for part in ast.walk(e))
        return ast.fix_missing_locations(ast.copy_location(Placed().visit(deepcopy(e)), e)) if has_index else e

    def _with_sizes(self, e: ast.expr, code: Any, x: Any) -> tuple[ast.expr, dict[str, Any]]:
        """An expression with names for the lengths in it, ``2 * len(y)``, and their values."""
        sizes = {}
        for part in [part for part in ast.walk(e) if isinstance(part, ast.expr) and _is_length(part)]:
            stated = evaluated(part, self._variables(part, code))
            powers = () if np.ndim(x) or not x else (x, x**2, 1 / x, 1 / x**2)
            sums = () if self.axes is None or np.ndim(x) else self.axes.terms
            guesses = [*powers, *sums] if stated is None else [stated.value]
            for size in (round(float(k)) for k in guesses if np.isrealobj(k) and k > 0.5):  # of an argument: what fits
                trial = stated or evaluated(_instead(e, ast.unparse(part), str(size)), self._variables(e, code))
                if trial is stated or trial is not None and _is_same(trial.value, x):
                    sizes[word := self.size(size, code)] = size
                    e = _instead(e, ast.unparse(part), word)
                    break
        return e, sizes

    def _by_name(self, e: ast.Name, x: Any, code: Any) -> Expr | None:
        """The value of a variable by its name; h0 for that of h before h1 and h2. No variable that counts has one."""
        if code is not None and looped(code, e) == "":
            return None
        word = self.changing.get(e.id, e.id)
        if word in self.computed and np.ndim(x):  # h = X, and then h = tanh(h @ W)
            sources = [of.id for of in assigned(code, e.id) or () if isinstance(of, ast.Name)] if code else []
            word = sources[0] if len(sources) == 1 else word
        is_argument = code is not None and e.id in code.co_varnames[: code.co_argcount]
        word = self._passed_as.get(id(x), word) if is_argument else word
        is_it = _is_same(self.values.get(word), x)
        if not is_it and word not in self.taken and np.size(x):
            self.add(x, word)
            self.find_indicator(word, x, code)
            if word != e.id and code is not None:
                self._start(word, code)
            is_it = True
        return name(word, np.shape(x)) if is_it else None

    def find_indicator(self, word: str, x: Any, code: CodeType | None) -> None:
        """Find the formula of an array of 0 and 1 that lines set at labels, 1 - onehot(y) of ``D[range(n), y] = 0``."""
        is_one = np.ndim(x) == 2 and code is not None and np.isin(x, (0, 1)).all()
        for w in stored_at(code, word) if is_one and code is not None else ():
            y = np.asarray(self.computed.get(w, self._value(w, code)))
            if y.shape != x.shape[:1] or y.dtype.kind not in "iu" or np.any(y < 0) or np.any(y >= x.shape[1]):
                continue
            ones = np.eye(x.shape[1])[y]
            text = f"onehot(y, {x.shape[1]})" if np.array_equal(x, ones) else f"1 - onehot(y, {x.shape[1]})"
            if np.array_equal(x, ones) or np.array_equal(x, 1 - ones):
                self.use({w: y}, [w])
                self.defined[word] = formula(text, {"y": Written(name(w, y.shape), y)}).formula

    def _start(self, word: str, code: Any) -> None:
        self.starts |= set() if code is not None and bound(code, word) is not None else {word}

    def _introduces(self, e: Expr, variables: Variables) -> bool:
        """True if ``np.eye(n)`` in a formula may be called I; it then is."""
        is_given = "I" in variables
        sizes = {part.shape for part in walk(e) if part.role == "name" and part.value == "I" and not is_given}
        ones = [np.eye(shape[0]) for shape in sizes]
        if len(ones) == 1 and ("I" not in self.taken or _is_same(self.values.get("I"), ones[0])):
            self.add(ones[0], "I")
            self.quoted["I"] = []
            return True
        return not ones

    def _indicator(self, variables: Variables, cases: Collection[str], e: Expr) -> Expr | None:
        """The name Y of ``onehot(y)``, also written ``y[:, None] == np.arange(3)``, or S of `cases` that compare so; it
        is a step then.
        """
        is_it = e.key in cases if cases else e.head == "onehot" or _compares_labels(e)
        if not is_it:
            return None
        word, values = "S" if cases else "Y", np.asarray(evaluate(e, {**self.values, **variables}))
        values = values.astype(float) if values.dtype == bool else values
        if word not in self.taken:
            self.add(values, word)
            labels = {"y": Written(e.of.of, None)} if e.row is TABLE["equal"] else {}
            self.defined[word] = formula(f"onehot(y, {e.shape[-1]})", labels).formula if labels else e
        return name(word, values.shape) if self._is_free(word, values) else None

    def _quoted(self, e: ast.expr, x: Any, variables: Variables, code: Any) -> Expr | None:
        """An array as the text of its expression."""
        if code is not None and any(looped(code, ast.Name(w)) == "" for w in names(e)):  # h[l], where l counts
            return None
        solved = _solved(e, x, variables) if np.ndim(x) and not isinstance(e, ast.Name) else None
        if solved is not None and (start := self.changing.get(solved[0])):  # γ z0, of a z that each round computes
            e, solved = _instead(e, solved[0], start), (start, solved[1])
        same = self._equal_to(solved[1]) if solved is not None and solved[0] not in self.values else ""
        if solved is not None and same:  # prob, which a helper function has as p
            e, variables, solved = _instead(e, solved[0], same), {**variables, same: self.values[same]}, None
            if (stated := evaluated(e, variables)) is not None and is_near(stated.value, x):
                return stated.formula
        if solved is not None and self._is_free(solved[0], solved[1]):
            self.use({**variables, solved[0]: solved[1]}, [*variables, solved[0]])
            stated = evaluated(e, {**variables, solved[0]: solved[1]})
            if stated is not None and np.allclose(stated.value, x, 1e-14, 0, equal_nan=True):
                return stated.formula
        if any(w in self.computed and w not in self.inputs for w in names(e)):  # which had another value here
            return None
        word = ast.unparse(e)
        word = f"({word})" if isinstance(e, ast.BinOp | ast.UnaryOp | ast.Compare) else word
        if not np.ndim(x) or any(isinstance(part, ast.List) for part in ast.walk(e)) or counts(x):
            return None
        if word in self.taken:
            return name(word, np.shape(x)) if _is_same(self.values.get(word), x) else None
        arrays = [w for w in variables if np.ndim(variables[w])]
        is_mask = np.ndim(x) == 2 and not arrays and (np.asarray(x).dtype == bool or re.search(r"\btri[lu]\b", word))
        word = "mask" if is_mask and self._is_free("mask", x) else word  # np.tril(np.ones((n, n))) == 0
        numbers = [w for w in variables if is_number(variables[w]) and self._is_free(w, variables[w])]
        numbers = numbers if word != "mask" else []
        self.quoted[word] = [*(arrays or [word]), *numbers]  # of signal[lag:T - 1] also lag and T
        self.use({**variables, word: x}, [word, *arrays, *numbers])
        return name(word, np.shape(x))

    def _equal_to(self, x: Any) -> str:
        """The name of the only array that has these values; "" if there is none, or several."""
        arrays = {w: y for w, y in self.values.items() if isinstance(y, np.ndarray) and y.shape == np.shape(x)}
        equal = [w for w, y in arrays.items() if y.dtype.kind in "fiu" and np.allclose(y, x, 1e-14, 0)]
        return equal[0] if len(equal) == 1 else ""

    def is_first(self, word: str) -> bool:
        """Whether a name is that of what a loop starts with, computed from constants alone: level0 = y[0]."""
        return word in self.starts and word in self.defined and self.defined[word].names <= self.values.keys()

    def is_carried(self, word: str) -> bool:
        """Whether a name is that of what a round of a loop has computed from numbers for the next one."""
        return self.provenance is not None and word in self.provenance.carried

    def opened(self, e: Expr) -> Expr:
        """A formula with that in terms of these constants."""
        known = {w: self.defined[w] for w in e.names if self.is_first(w)}
        inside = replaced(e, lambda part: known.get(part.value) if part.role == "name" else None)
        return self.opened(inside) if known else self.sliced(e)

    def sliced(self, e: Expr) -> Expr:
        """A formula with what was quoted and is a slice, ``y[1:]``, as a window of the array."""
        known = {w: part for w in e.names & self.quoted.keys() if (part := self._slice(self.values.get(w))) is not None}
        return replaced(e, lambda part: known.get(part.value) if part.role == "name" else None) if known else e

    def _slice(self, x: Any) -> Expr | None:
        around = self._inside.get(id(_owner(x)), []) if isinstance(x, np.ndarray) else []
        parts = (_window(x, a, w) for a, w in around if w not in self.quoted)
        return next((part for part in parts if part is not None), None)

    def in_line(
        self, eq: Equation, x: Any, source: ast.expr | None = None, in_rounds: bool = False
    ) -> Expr | None:
        """Array `x` as an array or an expression in the user's line that has its numbers, or as a part of an array; in
        the rounds of a loop also as a window of one. Where its own `source` is known, another array of the line that
        has equal numbers is not it: ``np.array([1, 2])`` is not w.
        """
        e = line(eq)
        if e is None or not np.ndim(x):
            return None
        variables = self._variables(e, eq.code)
        for word, value in variables.items():
            is_part = np.ndim(value) > 0 and _owner(value) is _owner(x)
            is_own = source is None or word in names(source) and not isinstance(source, ast.BinOp) or is_part
            is_own &= not _is_choice(source) or is_part
            is_whole = np.ndim(value) > 0 and is_own and _is_same(value, x)
            if is_whole or is_part:
                self.use({word: value}, [word])
                part = name(word, np.shape(x)) if is_whole else self.known(x)
                part = _window(x, value, word) if part is None and in_rounds else part
                if part is not None:
                    is_fixed = is_part and word in self.computed  # z.detach(): its gradient is not that of z
                    return unsimplified(STOP_GRADIENT, (part,), part.shape) if is_fixed else part
        parts = (evaluated(part, variables) for part in ast.walk(e) if isinstance(part, ast.BinOp))
        of = next((of for of in parts if of is not None and _is_same(of.value, x)), None)  # gamma * P
        if of is None:
            return None
        self.use(variables, of.formula.names)
        return of.formula

    def labelled(self, eq: Equation, defined: Mapping[Var, Equation]) -> list[Equation] | None:
        """An equation whose positions have names: ``P[i, yᵢ]`` for ``P[np.arange(n), y]``."""
        index, e = eq.params.get("index"), expression(eq)
        parts = index_parts(index)
        written: Sequence[Any] = [e.slice] if isinstance(e, ast.Subscript) else []
        if eq.algebra in ("assignment", "addition at"):  # set_at(x, (i, y), 0), or in a loop ``j != y[i]``
            written = e.args[1:2] if isinstance(e, ast.Call) else [*filter(None, [unequal(eq.code, e)])]
        if len(parts) > 1 and written:  # x[i, j], or x[np.triu_indices(n)], which is a tuple
            [of] = written
            each = [ast.Subscript(of, ast.Constant(k), ast.Load()) for k in range(len(parts))]
            written = of.elts if isinstance(of, ast.Tuple) else each
            if isinstance(of, ast.Name) and not any(isinstance(part, Labels) for part in parts):
                self.use({of.id: np.array(parts)}, [of.id])
        dots = [k for k, part in enumerate(parts) if part is Ellipsis]
        if len(dots) == 1 and len(written) == len(parts) and isinstance(eq.x, Var):  # b[..., y]
            [k], several = dots, eq.x.ndim - sum(part is not None for part in parts) + 1
            parts = (*parts[:k], *[slice(None)] * several, *parts[k + 1 :])
            written = [*written[:k], *[ast.Slice()] * several, *written[k + 1 :]]
        labels = [
            self._label(eq, part, written[k] if len(written) == len(parts) else None) for k, part in enumerate(parts)
        ]
        ends = [end for part in labels if isinstance(part, slice) for end in (part.start, part.stop)]
        if not any(isinstance(part, Labels | Place) for part in (*labels, *ends)):
            return None
        return [replace(eq, params={**eq.params, "index": tuple(labels) if isinstance(index, tuple) else labels[0]})]

    def _label(self, eq: Equation, x: Any, e: ast.expr | None) -> Any:
        """A part of an index: positions with their name, also a single one; anything else as it is."""
        if isinstance(x, Labels):
            if x.word.isidentifier():  # negs2, of an inner loop over labels
                self.use({x.word: np.asarray(x)}, [x.word])
            return x
        is_part = isinstance(x, slice) and isinstance(e, ast.Name) and place(eq) in self.inner
        e = (part_taken(eq.code, e) if is_part and eq.code is not None and e is not None else None) or e
        if isinstance(x, slice) and isinstance(e, ast.Slice):
            return slice(self._end(eq, "start", x, e.lower), self._end(eq, "stop", x, e.upper), x.step)
        if isinstance(x, int | np.integer) and (word := self._counter(eq, x, e)):
            labels = np.asarray(x).view(Labels)
            labels.word = word
            return labels
        is_row = isinstance(e, ast.List) and not isinstance(eq.params["index"], tuple)  # Z[[0, 1]]
        is_row |= isinstance(e, ast.Slice)  # windows that a loop reads, x[i:i+3]
        return self._positions(eq, x, e) if isinstance(x, np.ndarray) and not is_row else x

    def _end(self, eq: Equation, end: str, x: slice, e: ast.expr | None) -> Any:
        """An end of a slice, with its name in a loop that leaves out some rounds, i2 of ``eta[i:]``, or as an entry."""
        slices = [i for i in self._reads(eq).values() if isinstance(i, slice)]
        if isinstance(e, ast.Subscript) and isinstance(e.value, ast.Name) and eq.y in (reads := self._reads(eq)):
            turn, turns = [*reads].index(eq.y), len(reads)  # times[i] of ``range(times[i])``
            at = self._place_at(e.slice, eq.code, turn, turns, False)
            word = self._entry_at(e.value.id, at, getattr(x, end), eq.code)
            return Place(getattr(x, end)).called(word) if word else getattr(x, end)
        k, has_gaps = getattr(x, end), _have_gaps([getattr(i, end) for i in slices])
        if not isinstance(e, ast.Name) or not has_gaps or not counts_up(eq.code, e):
            return k
        return Place(k).called(self._by_round(eq, e.id, k))

    def _positions(self, eq: Equation, x: Array, e: ast.expr | None) -> Array:
        """Positions with their name: that of a variable, with the number of the round that has them, or as written."""
        labels, is_all = x.view(Labels), x.ndim == 1 and np.array_equal(x, np.arange(len(x)))
        is_steady = isinstance(e, ast.Name) and eq.code is not None and iterated(eq.code, e)[0] is None
        of = self._of_call(eq, e, x) if is_steady else None
        if of is not None and of.role == "name" and self._is_free(of.value, x):  # heads of ``score(heads, rels)``
            labels.word = of.value
            self.use({labels.word: x}, [labels.word])
            return labels
        if isinstance(e, ast.Name) and _are_several([*self._reads(eq).values()]):
            labels.word = self._by_round(eq, e.id, x)
            return labels
        known = self.known(x) or (self.in_line(eq, x) if e is None or isinstance(e, ast.Name) else None)
        if isinstance(e, ast.Name) and eq.code is not None:
            self._find_labels(e.id, x, eq.code)
            e = next(iter(assigned(eq.code, e.id) or ()), e) if is_all else e
        if isinstance(e, ast.Call) and ast.unparse(e.func).endswith("arange") and is_all:
            return labels
        if known is not None:
            labels.word = write(known, ASCII)
        elif isinstance(e, ast.Name | ast.Subscript) or e is not None and not is_all:
            if not isinstance(e, ast.Name) and (word := self._visited(eq, e, x)):
                labels.word = word
                return labels
            e = self._in_round(eq, e, x)
            code = eq.code
            is_turn = code is not None and not isinstance(e, ast.Name) and any(
                isinstance(part, ast.Name) and looped(code, part) is not None for part in ast.walk(e)
            )
            if is_turn or not isinstance(e, ast.Name) and not self._is_free(ast.unparse(e), x):
                return x  # order[k:] of an outer loop over orders has other labels in each round
            labels.word = self._positions_of(eq, e, x) if isinstance(e, ast.Name) else ast.unparse(e)
            self.use({labels.word: x}, [labels.word])
            if not isinstance(e, ast.Name):  # of r > 0 what is given is perhaps r
                self.quoted[labels.word] = variables = self._variables(e, eq.code)
                self.use(variables, variables)
        return x if e is None and known is None else labels

    def _positions_of(self, eq: Equation, e: ast.Name, x: Array) -> str:
        """The name of positions that a variable has: with the number of the round; where it has others elsewhere, in
        another call of a function, as they are passed, y[perm], or with a number.
        """
        turns = [*self._reads(eq)]
        if len(turns) > 1 and self._is_turn(e, eq.code):
            return numbered(e.id, turns.index(eq.y) + 1)
        if self._is_free(e.id, x):
            return e.id
        of = self._of_call(eq, e, x)
        if of is not None:
            word = write(of, ASCII)
            parts = [i for part in walk(of) for i in index_parts(part.params.get("index"))]
            self.quoted[word] = [*of.names, *(i.word for i in parts if isinstance(i, Labels))]
            return word
        return next(w for k in count(2) if self._is_free(w := f"{e.id}{k}", x))

    def _find_labels(self, word: str, x: Array, code: CodeType) -> None:
        """Find the formula of labels that the user's lines compute from values, ``labels = np.argmin(D, axis=1)``."""
        of, inside = self._from_values(word, code)
        if of is not None and np.array_equal(of.value, x) and self._is_free(word, x):
            for w, by in {**inside, word: of}.items():
                self.add(by.value, w)
                self.defined[w] = by.formula

    def _from_values(
        self, word: str, code: CodeType, users: Collection[str] = ()
    ) -> tuple[Written | None, dict[str, Written]]:
        """The value of a variable that is assigned once, in terms of values of the program, of given arrays, and of
        further variables, which come first; none of them if it uses no values. Its `users` may not be among these.
        """
        users = {*users, word}
        sources = [*(assigned(code, word) or ())]
        meanings, further, is_used = dict[str, Written](), dict[str, Written](), False
        for w in dict.fromkeys(names(sources[0])) if len(sources) == 1 else ():
            x, is_used = self.computed.get(w, self.values.get(w)), is_used or w in self.inputs
            if w in self.computed and w not in self.inputs or w in users:  # its line comes later, or it is x = f(x)
                return None, {}
            of, inside = (None, {}) if x is not None else self._from_values(w, code, users)
            x = x if of is None else of.value
            further |= {**inside, w: of} if of is not None else {}
            meanings |= {w: Written(name(w, np.shape(x)), x)} if x is not None else {}
        stated = evaluated(sources[0], {}, meanings) if meanings else None
        return (stated, further) if is_used or further else (None, {})

    def _reads(self, eq: Equation) -> dict[Var, Any]:
        """What each round of a loop reads at the place of an equation, with the index."""
        return next((of for of in self.indices.get(place(eq), {}).values() if eq.y in of), {})

    def _by_round(self, eq: Equation, word: str, x: Any) -> str:
        """The name of what a variable is in one of the rounds that read at the place of an equation: i2, mask2."""
        word = numbered(word, [*self._reads(eq)].index(eq.y) + 1)
        self.use({word: x}, [word])
        return word

    def _in_round(self, eq: Equation, e: ast.expr, x: Array) -> ast.expr:
        """An index with the numbers that the variables of loops count: ``labels == 0`` for ``labels == k``."""
        turns = [*self._reads(eq)]
        for part in (part for part in ast.walk(e) if isinstance(part, ast.Name)) if len(turns) > 1 else ():
            if steps := self._counts(part, eq.code, len(turns)):
                new = _instead(e, ast.unparse(part), str(steps[turns.index(eq.y)]))
                stated = evaluated(new, self._variables(new, eq.code))
                e = new if stated is None or _is_same(stated.value, x) else e
        return e

    def _counter(self, eq: Equation, x: Any, e: ast.expr | None) -> str:
        """The name of a single position: of a variable, j1, j2, … in a loop over labels, or of an entry, ``ys[t]``."""
        code, turns = eq.code, [*self._reads(eq)]
        e = e.args[0] if isinstance(e, ast.Call) and e.args and ast.unparse(e.func) == "int" else e
        if isinstance(e, ast.Name) and len(turns) < 2 and _is_same(self._value(e.id, code), x):
            self.use({e.id: x}, [e.id])
            return e.id
        if code is not None and isinstance(e, ast.Subscript) and isinstance(e.value, ast.Name):
            return self._entry(eq, e.value.id, e.slice, x) or self._visited(eq, e, x)
        if not isinstance(e, ast.Name) or code is None:
            return ""
        if word := self._of_caller(eq, e, x):
            return word
        of, part = iterated(code, e)
        if not of:
            is_numbered = self._is_numbered(eq, e, of)
            return self._by_round(eq, e.id, x) if is_numbered else str(x) if self._is_of_own(eq, of) else ""
        return self._of_data(eq, x, e, of, part) if eq.y in turns and len(turns) > 1 else ""

    def _of_caller(self, eq: Equation, e: ast.Name, x: Any) -> str:
        """The name, with the number of the round, of the variable of a loop that is passed for an argument of a
        function called several times in each round: i2 and j2 of ``score(u, i) - score(u, j)``.
        """
        code, turns = eq.code, [*self._reads(eq)]
        if code is None or self.provenance is None or len(passed(code, e.id)) < 2:
            return ""
        visits = [v for v, is_live in self.provenance.visits.get((code.co_filename, span(e)), ()) if is_live]
        taken = [v.turn for v in visits[-len(turns) :] if v.turn is not None]
        of = visits[-len(turns) :][turns.index(eq.y)] if len(taken) == len(turns) else None
        if of is None or of.turn is None or not _is_same(of.x, x):
            return ""
        word, t = of.turn
        self.use({(label := numbered(word, t - min(t for _, t in taken) + 1)): x}, [label])
        return label

    def _of_data(self, eq: Equation, x: Any, e: ast.Name, of: str, part: slice) -> str:
        """The name of a position that a variable takes from data in one round of a loop: j2, an entry of them."""
        code, turns, word = eq.code, [*self._reads(eq)], e.id
        t, whole = turns.index(eq.y), self._array(of, code)
        places = range(whole.size)[part] if whole.ndim == 1 else range(0)
        indices = [*self._reads(eq).values()]  # the first rounds may read a state of zeros, the last what is not needed
        last = len(places) - len(turns)
        last = last if all(isinstance(k, int | np.integer) for k in indices) else -1
        starts = [s for s in range(last + 1) if [*whole[[*places]][s : s + len(turns)]] == indices]
        is_entry = len(starts) > 0
        t += starts[0] if starts else 0
        if is_entry and eq.algebra == "assignment":  # where ``c != label``
            return self._entry_at(of, places[t], x, code)
        if not is_entry and (labels := self._entry_read(eq, x, e)):
            return labels
        word = numbered(word, t + 1)
        self.use({word: x}, [word])
        entry = is_entry and unsimplified("getitem", (name(of, whole.shape),), (), index=places[t])
        self.defined |= {word: entry} if entry else {}
        self.use({of: whole}, [of] if is_entry else [])
        return word

    def _entry_read(self, eq: Equation, x: Any, at: ast.expr) -> str:
        """The entry of given labels that a position is in one round of a loop, ``y[2]``; or nothing."""
        e = self._visit(eq, at, x)
        if e is None or e.role != "index" or e.of.role != "name" or len(e.of.shape) != 1 or not self._can_use(e):
            return ""
        word = write(e, ASCII)
        self.quoted[word] = [*e.names]
        return word

    def _visited(self, eq: Equation, at: ast.expr, x: Any) -> str:
        """Positions in one round of a loop, or in one call of a function, as they are computed, ``T >= T[2]``, or with
        the number of the round of a variable that has one, ``T >= T[i3]``; nothing for those that are read once.
        """
        turns = [*self._reads(eq)]
        e = self._visit(eq, at, x) if len(turns) > 1 else None
        if e is None or not e.names or not self._can_use(e):
            return ""
        word, counted = self._with_turns(eq, at, write(e, ASCII))
        given = self.provenance.given if self.provenance else {}
        self.use(given | {word: x}, [*e.names, word])
        self.quoted[word] = [*counted, *e.names]
        return word

    def _with_turns(self, eq: Equation, at: ast.expr, word: str) -> tuple[str, list[str]]:
        """Positions, ``T >= T[2]``, with the number of a round for what the loop counts, if it leaves out some; and
        these, ``T >= T[i3]`` with i3.
        """
        turns, used = [*self._reads(eq)], list[str]()
        each = [self._visit(eq, at, None, j) for j in range(len(turns))]
        for part in ast.walk(at):
            if isinstance(part, ast.Subscript) and isinstance(part.slice, ast.Name) and counts_up(eq.code, part.slice):
                of = ast.unparse(part.value)
                read = [{int(i) for p in walk(e) if p.role == "index" and p.of.value == of
                         for i in [p.params["index"]] if isinstance(i, int | Labels) and np.ndim(i) == 0}
                        for e in each if e is not None]  # fmt: skip
                counted = [i for of in read if len(of) == 1 for i in of]
                turn = numbered(part.slice.id, (j := turns.index(eq.y)) + 1)
                has_gaps = len(counted) == len(turns) and counted != [*range(counted[0], counted[0] + len(turns))]
                if has_gaps and self._is_free(turn, counted[j]):
                    self.use({turn: counted[j]}, [turn])
                    word = word.replace(f"[{counted[j]}]", f"[{turn}]")
                    used.append(turn)
        return word, used

    def _visit(self, eq: Equation, at: ast.expr, x: Any = None, turn: int | None = None) -> Expr | None:
        """The formula of positions in one of the rounds that read at the place of an equation."""
        turns, code = [*self._reads(eq)], eq.code
        visited = self.provenance.visits.get((code.co_filename, span(at)), []) if self.provenance and code else []
        visits = [v for v, is_live in visited if is_live][-len(turns) :]
        j = turns.index(eq.y) if turn is None else turn
        is_it = len(visits) == len(turns) and (x is None or _is_same(visits[j].x, x))
        of = visits[j].written(j) if is_it else None
        return of.expr if of is not None else None

    def _is_of_own(self, eq: Equation, of: str | None) -> bool:
        """Whether each round of a loop reads the entry of its number in a vector of its own, ``sims[t]``."""
        values = self.each.get(place_in_code(eq, 0), [])
        return of == "" and eq.x.ndim == 1 and len({*values}) == len(values) > 1

    def _is_numbered(self, eq: Equation, e: ast.Name, of: str | None) -> bool:
        """Whether a position that a loop counts has a number: of pairs, also in a list, or of some of the rounds."""
        indices, code = [*self._reads(eq).values()], eq.code
        if code is not None and of == "" and counted(code, e) and not counts_up(code, e):
            return True
        firsts = [next((p for p in index_parts(k) if type(p) is int), -1) for k in indices]
        is_run = bool(firsts) and firsts == [*range(firsts[0], firsts[0] + len(firsts))]  # R[i, :], on arrays
        return is_of_pairs(code, e) and not is_run or _have_gaps(indices)

    def _entry(self, eq: Equation, of: str, at: ast.expr, x: Any) -> str:
        """The entry of a variable that is `x`, ``ys[2]``, of its position in the round of a loop that reads there."""
        reads = self._reads(eq)
        turn = [*reads].index(eq.y) if eq.y in reads else 0
        read = [[p for p in index_parts(i) if isinstance(p, int | np.integer)] for i in reads.values()] or [[x]]
        for last in (False, True):  # where the first rounds have read constants, the others are the last ones
            places = [self._place_at(at, eq.code, k, len(read), last) for k in range(len(read))]
            each = zip(places, read, strict=True)
            if all(any(self._entry_at(of, k, p, eq.code) for p in parts) for k, parts in each):
                return self._entry_at(of, places[turn], x, eq.code)
        return ""

    def _entry_at(self, of: str, k: int | None, x: Any, code: Any) -> str:
        """The entry of a variable at a position, if it is `x`."""
        whole = self._array(of, code)
        if k is None or whole.ndim != 1 or not -len(whole) <= k < len(whole) or whole[k] != x:
            return ""  # also where the name has no value that is known
        self.use({of: whole}, [of])
        self.quoted[word := f"{of}[{k % len(whole)}]"] = [of]
        return word

    def _place_at(self, at: ast.expr, code: Any, turn: int, turns: int, last: bool) -> int | None:
        """A position in one round of a loop of so many, ``t + 1``, or in one of its `last`; None if it is not known."""
        variables = dict(self._variables(at, code))
        for e in (part for part in ast.walk(at) if isinstance(part, ast.Name)):
            if (steps := self._counts(e, code, turns)) is not None:
                if not steps:
                    return None
                variables[e.id] = steps[turn - turns if last else turn]  # it has another value now
        place = evaluated(at, variables)
        return int(place.value) if place and np.ndim(place.value) == 0 else None

    def _counts(self, e: ast.Name, code: Any, turns: int) -> Sequence[int] | None:
        """What a variable of a loop of so many rounds, or more, counts, nothing if that is unknown; None for others."""
        over = counted(code, e) if code is not None else None
        steps = () if over is None else self.steps(over, code, turns)
        return None if over is None else steps if len(steps) >= turns else ()

    def steps(self, e: ast.expr, code: Any, turns: int) -> Sequence[int]:
        """What the variable of a loop over ``range(…)``, reversed or not, or ``enumerate(…)`` counts."""
        match e:
            case ast.Call(func=ast.Name(id="enumerate"), args=[_, *more], keywords=keywords):
                given = [*more, *(k.value for k in keywords)]
                first = evaluated(given[0], {}) if given else Written(number(0), 0)
                return range(int(first.value), int(first.value) + turns) if first else ()
            case ast.Call(func=ast.Name(id="reversed"), args=[of]):
                return self.steps(of, code, turns)[::-1]
            case ast.Call(func=ast.Name(id="range"), args=args):
                limits = [evaluated(of, self._variables(of, code)) for of in args]
                return range(*(int(limit.value) for limit in limits if limit)) if all(limits) else ()
        return ()

    def use(self, variables: Variables, used: Collection[str]) -> None:
        """Name those of some variables that formulas have, in the order of the variables."""
        for word, x in variables.items():
            if word in used and word not in self.values and word not in self.computed:
                self.add(x.item() if isinstance(x, np.generic) else x, word)

    def _variables(self, e: ast.expr, code: Any) -> Variables:
        """The variables in an expression that are arrays and numbers, also as Tensors without a gradient."""
        values = {word: _plain(self._value(word, code)) for word in dict.fromkeys(names(e))}
        return {word: x for word, x in values.items() if isinstance(x, np.ndarray) or is_number(x)}

    def _value(self, word: str, code: Any) -> Any:
        """The value of a variable: where the code of the user runs, or else as the source assigns it, once."""
        if word in self.taken:
            return self.values.get(word, self.computed.get(word))
        key = word, code
        if key not in self._sourced:
            self._sourced[key] = value = self._lookup(word, code)
            sources = assigned(code, word) if value is None and code is not None else None
            if sources and len(sources) == 1 and (x := self._in_mapping(sources[0], code)) is not None:
                self._sourced[key] = x
            elif sources and len(sources) == 1:
                stated = evaluated(sources[0], self._variables(sources[0], code))
                self._sourced[key] = stated.value if stated else _literal(sources[0])
            elif value is None and code is not None:
                self._sourced[key] = self._passed(word, code)
        return self._sourced[key]

    def _in_mapping(self, e: ast.expr, code: Any) -> Any:
        """The value that a mapping has for a name, ``cfg["rho"]``; None for anything else."""
        match e:
            case ast.Subscript(ast.Name(word), ast.Constant(str() as k)) if k.isidentifier():
                of = self._lookup(word, code)
                return of.get(k) if isinstance(of, dict) else None
        return None

    def _array(self, word: str, code: Any) -> Array:
        """The value of a variable as an array, an empty one for data of several kinds, ``[([0.1], 0, 1.0), …]``."""
        try:
            return np.asarray(self._value(word, code))
        except ValueError:
            return np.empty(0)

    def _passed(self, word: str, code: CodeType) -> Any:
        """The number or the array that is passed for an argument of a function, if it is the same in every call."""
        values = [stated.value for stated, _ in self._each_passed(word, code)]
        is_one = bool(values) and all(x is values[0] or is_number(x) and _is_same(x, values[0]) for x in values)
        return values[0] if is_one and len(values) == len(passed(code, word)) else None

    def _each_passed(self, word: str, code: CodeType) -> list[tuple[Written, Variables]]:
        """The values that are passed for an argument of a function, in each call, with the variables there."""
        callers = {c for c, _ in self.indices if c is not None and c.co_filename == code.co_filename}
        around = [(e, [c for c in callers if is_around(c, e)]) for e in passed(code, word)]
        out = []
        for e, found in around:  # of a generator also the code around it; None where nothing was recorded
            known = [self._variables(e, caller) for caller in found or [None]]
            each = [(of, variables) for variables in known if (of := evaluated(e, variables)) is not None]
            is_same = all(of.value is each[0][0].value for of, _ in each)
            out += each[:1] if is_same else each
        return out

    def _of_call(self, eq: Equation, e: ast.expr | None, x: Any) -> Expr | None:
        """An array that a function computes of an argument, ``-v``, in terms of what is passed in one of its calls."""
        if e is None or eq.code is None or not np.ndim(x):
            return None
        for word in names(e):
            variables = self._variables(e, eq.code)
            for of, _ in self._each_passed(word, eq.code):
                stated = evaluated(e, variables, {word: of})
                if stated is not None and _is_same(stated.value, x):
                    self.use({**variables, **{w: self._value(w, None) for w in of.formula.names}}, stated.formula.names)
                    return stated.formula
        return None

    def size(self, value: int, code: Any, e: ast.expr | None = None, shape: Sequence[int] = ()) -> str:
        """The name of a number of entries: n, the user's variable if that has the length of an array, or another.

        With `e`, an expression for it, that of a variable that was assigned the same; `shape` is that of the array.
        """
        users = self._named_size(value, code, e)
        sources = {word: assigned(code, word) for word in SIZES}
        others = {w for c, _ in self.indices if c not in (None, code) for w in c.co_varnames}  # of functions called
        free = [w for w in sources if sources[w] is None and w not in self.taken | others]
        free = [w for w in sources if self.sizes.get(w) == value] or free
        word = next(iter([*users, *free])) if users or free else self.taken.take("n")
        several = [number(k) for k in shape if k > 1]
        if e is not None and not users and isinstance(e, ast.Call):
            self.lengths.setdefault(word, name(ast.unparse(e)))
        elif not users and word != "n" and len(several) > 1 and math.prod(shape) == value:
            self.lengths.setdefault(word, multiplied(several, ()))
        self.sizes[word] = value
        self.use(self.sizes, [word])
        return word

    def _named_size(self, value: int, code: Any, e: ast.expr | None) -> list[str]:
        """The user's variables for a number of entries, the value of `e`."""

        def lengths(words: Iterable[str], is_length: Callable[[ast.expr], bool]) -> list[str]:
            sources = ((w, assigned(code, w)) for w in words)
            users = [w for w, es in sources if es and all(map(is_length, es)) and _is_same(self._value(w, code), value)]
            return [w for w in users if not self._is_of_others(assigned(code, w) or (), code, value)]

        users = lengths(SIZES, is_size)
        words = () if code is None else (*code.co_varnames, *code.co_names)
        if e is not None:
            text = ast.unparse(e)
            every = {w: assigned(code, w) or () for w in words}
            return [w for w, es in every.items() if es and all(ast.unparse(of) == text for of in es)] or users
        others = users or lengths((w for w in words if w not in SIZES and w[0] != "_"), _is_length)
        if users or len(others) == 1:
            return others
        written = lengths(SIZES, lambda of: isinstance(of, ast.Constant)) if code is not None and not others else []
        return [w for w in written if is_shape(code, w)]  # not that of another axis

    def _is_of_others(self, lengths: Iterable[ast.expr], code: Any, value: int) -> bool:
        """Whether sums of so many terms are all over other axes than the length of an array, X.shape[1]."""
        for e in lengths:
            match e:
                case ast.Call(args=[ast.Name(word)]) | ast.Subscript(ast.Attribute(ast.Name(word), "shape")):
                    every: list[Any] = [self.variables.get(word), self.computed.get(word, self._value(word, code))]
                    known = [x for x in every if np.ndim(x)]
                    if self.axes and known and all(self.axes.is_of_others(e, x, value, self.known) for x in known):
                        return True
        return False

    def _only_number(self, x: Any) -> Expr | None:
        """Without the source, a number that is not an integer is named by the only name with this value."""
        if not isinstance(x, float) or x.is_integer():
            return None
        same = [word for word, value in self.values.items() if is_number(value) and value == x]
        return name(same[0]) if len(same) == 1 else None


def _reads_in_turn(e: ast.expr | None, code: CodeType | None) -> bool:
    """Return whether an expression of data has entries at the number of a round, ``a[k] + b[k]``."""
    parts = [*ast.walk(e)] if isinstance(e, ast.BinOp) and code is not None else []
    at = [part.slice for part in parts if isinstance(part, ast.Subscript)]
    return code is not None and any(
        isinstance(part, ast.Name) and counted(code, part) is not None for k in at for part in ast.walk(k)
    )


def _plain(x: Any) -> Any:
    """The array of a Tensor that no gradient passes, as of np.argmin(d)."""
    return raw(x) if isinstance(x, Tensor) and not x.requires_grad and x.is_leaf else x


def counts(x: Any) -> bool:
    """Whether an array is 0, 1, 2, …, which is an index wherever it stands."""
    return np.ndim(x) == 1 and np.asarray(x).dtype.kind == "i" and np.array_equal(x, np.arange(len(x)))


def _compares_labels(e: Expr) -> bool:
    """Whether a formula is ``y[:, None] == np.arange(3)``, the indicators of labels."""
    if e.row is not TABLE["equal"] or e.args[1].role != "array" or not counts(e.args[1].value):
        return False
    is_column = e.of.role == "index" and e.of.shape == (*e.of.of.shape, 1)
    return is_column and e.of.of.role == "name"


def _are_several(indices: Sequence[Any]) -> bool:
    """Whether a place in a loop reads other rows in each round: those of ``mask = times >= times[i]``."""
    return len(indices) > 1 and all(isinstance(x, np.ndarray) and not _is_same(x, indices[0]) for x in indices[1:])


def _is_choice(e: ast.expr | None) -> bool:
    """Whether an expression is of rows that a test chooses, ``X[z == k]``."""
    return isinstance(e, ast.Subscript) and isinstance(e.slice, ast.Compare)


def _have_gaps(indices: Sequence[Any]) -> bool:
    """Whether the rounds of a loop that read an entry are some of those that it has: ``if died[i]:``."""
    steps = {b - a for a, b in pairwise(indices)} if all(type(k) is int for k in indices) else set[int]()
    return len(steps) > 1 and min(steps) > 0


def is_number(x: Any) -> bool:
    return isinstance(x, (int, float, np.integer, np.floating)) and not isinstance(x, bool)


def _of_labels(e: Expr) -> dict[str, str]:
    """The labels in a formula, each with the array that it is an entry of: states[0] with states."""
    at = (part for of in walk(e) for part in index_parts(of.params.get("index")))
    return {labels.word: labels.word.partition("[")[0] for labels in at if isinstance(labels, Labels)}


def evaluated(e: ast.expr, variables: Variables, meanings: Mapping[str, Written] | None = None) -> Written | None:
    """An expression as a formula that can be computed, with its value; None where that is more than arithmetic."""
    named = {word: Written(name(word, np.shape(x)), x) for word, x in variables.items()}
    try:
        stated = read(e, {**named, **(meanings or {})})
    except (IndexError, KeyError, TypeError, ValueError):
        return None
    is_entry = stated.expr is not None and any(part.row and part.row.fn is None for part in walk(stated.expr))
    return None if is_entry else stated


def _with_rows(e: ast.expr, x: Any, variables: Variables) -> tuple[ast.expr, Variables]:
    """``ref[np.arange(n), win]`` with a name for the numbers of the rows, and that name with the others."""
    if not isinstance(e, ast.Subscript) or not isinstance(e.slice, ast.Tuple) or np.ndim(x) != 1:
        return e, variables
    is_rows = [isinstance(part, ast.Call) and ast.unparse(part.func).endswith("arange") for part in e.slice.elts]
    labels = [np.asarray(variables.get(part.id)) for part in e.slice.elts if isinstance(part, ast.Name)]
    are_labels = len(labels) + 1 == len(is_rows) and {label.shape for label in labels} == {(len(x),)}
    if not are_labels or is_rows.count(True) != 1:
        return e, variables
    index = [ast.Name("rows_") if is_it else part for part, is_it in zip(e.slice.elts, is_rows, strict=True)]
    return ast.Subscript(e.value, ast.Tuple(index)), {**variables, "rows_": np.arange(len(x))}


def _with_counting(e: ast.expr, variables: Variables, n: int) -> tuple[ast.expr, Variables]:
    """``0.9 ** np.arange(n)`` with a name for the numbers of the n entries, and that name with the others."""
    word = f"np.arange({n})"

    class Counting(ast.NodeTransformer):
        def visit_Call(self, node: ast.Call) -> ast.AST:
            if not _is_counting(node):
                return self.generic_visit(node)
            return ast.BinOp(node.args[0], ast.Add(), ast.Name(word)) if len(node.args) == 2 else ast.Name(word)

    is_it = any(isinstance(part, ast.Call) and _is_counting(part) for part in ast.walk(e))
    return (Counting().visit(deepcopy(e)), {**variables, word: np.arange(n)}) if is_it else (e, variables)


def _is_counting(e: ast.Call) -> bool:
    """True for ``np.arange(n)`` and ``np.arange(1, n)``."""
    return ast.unparse(e.func).endswith("arange") and not e.keywords and len(e.args) < 3


def _without_rows(e: Expr) -> Expr | None:
    """``ref[i, winᵢ]`` for ``ref[rows, win]``, where the rows are 0, 1, …: their name is left out."""
    index = e.params.get("index") if e.role == "index" else ()
    labels = [p for p in index_parts(index) if isinstance(p, Labels) and p.ndim == 1]
    rows = [p for p in labels if np.array_equal(p, np.arange(len(p)))]
    if len(labels) < 2 or len(rows) != 1:
        return None
    counting = np.arange(len(rows[0])).view(Labels)
    return replace(e, params={**e.params, "index": tuple(counting if p is rows[0] else p for p in index_parts(index))})


def _with_one_number(e: Expr) -> Expr | None:
    """``J + 2`` for ``J + 1 + 1``, of a function that is called with ``J + 1``; and ``h v / 2`` for ``(h / 2) v``."""
    halves = [f for f in e.args if f.role == "quotient" and f.args[1].is_number] if e.role == "product" else []
    if len(halves) == 1:
        of = multiplied([f.of if f is halves[0] else f for f in e.args], e.shape)
        return unsimplified("divide", (of, halves[0].args[1]), e.shape)
    terms = terms_of(e) if e.role in ("sum", "difference") else []
    numbers = [sign * x.value for sign, x in terms if x.is_number]
    if len(numbers) < 2:
        return None
    others = [x if sign > 0 else simplified("negative", (x,), x.shape) for sign, x in terms if not x.is_number]
    return full(total([*others, number(sum(numbers))]), e.shape)


def _solved(e: ast.expr, x: Any, variables: Variables) -> tuple[str, Any] | None:
    """The only unknown variable of an expression with value `x`, and what it is: r2 of ``-0.5 * r2``."""
    match e:
        case ast.Name():
            return None if e.id in variables else (e.id, x)
        case ast.UnaryOp(ast.USub(), of):
            return _solved(of, -x, variables)
        case ast.BinOp(left, op, right):
            inverse = _INVERSES.get(type(op))
            for k, part in enumerate((left, right)):
                by, other = evaluated(part, variables), (right, left)[k]
                if inverse is not None and by is not None and not np.ndim(by.value):
                    with np.errstate(all="ignore"):
                        return _solved(other, inverse[k](x, by.value), variables)
                is_product = isinstance(op, ast.Mult) and by is not None and np.shape(by.value) == np.shape(x)
                if is_product and by is not None and np.any(by.value):
                    there = by.value != 0
                    c = x[there] / by.value[there]
                    return _solved(other, c[0], variables) if np.allclose(c, c[0], 1e-14, 0) else None
    return None


#: For each operator the right operand from the result and the left one, and the left operand from the right one.
_INVERSES: Mapping[type[ast.operator], tuple[Callable[[Any, Any], Any], Callable[[Any, Any], Any]]] = {
    ast.Add: (np.subtract, np.subtract),
    ast.Sub: (lambda x, a: a - x, np.add),
    ast.Mult: (np.divide, np.divide),
    ast.Div: (lambda x, a: a / x, np.multiply),
}


def _instead(e: ast.expr, part: str, word: str) -> ast.expr:
    """An expression with a name or a number wherever it has a part, by its source."""
    new = ast.parse(word, mode="eval").body

    class Instead(ast.NodeTransformer):
        def visit(self, node: ast.AST) -> Any:
            is_part = isinstance(node, ast.expr) and ast.unparse(node) == part
            return ast.copy_location(deepcopy(new), node) if is_part else self.generic_visit(node)

    whole: ast.expr = Instead().visit(deepcopy(e))
    return whole


def _with_identities(e: ast.expr, x: Any, variables: Variables) -> ast.expr:
    """An expression of matrix `x` with ``np.eye(4)`` for ``np.eye(2 * n)`` in a function, where n is not known."""
    for part in [part for part in ast.walk(e) if isinstance(part, ast.Call)] if np.ndim(x) == 2 else ():
        if _is_identity(part) and evaluated(part, variables) is None:
            e = _instead(e, ast.unparse(part), f"np.eye({len(x)})")
    return e


def _is_identity(e: ast.expr) -> TypeGuard[ast.Call]:
    """True for ``np.eye(n)``."""
    words = ("eye", "identity") if isinstance(e, ast.Call) and len(e.args) == 1 and not e.keywords else ()
    return isinstance(e, ast.Call) and getattr(e.func, "attr", "") in words


def _literal(e: ast.expr) -> Array | None:
    """The array of ``np.array([1, 2])``, or of the list alone."""
    match e:
        case ast.Call(func=ast.Attribute(attr="array"), args=[ast.List() as of, *_]) | (ast.List() as of):
            with suppress(ValueError):
                return np.array(ast.literal_eval(of))
    return None


def is_size(e: ast.expr) -> bool:
    """True for ``len(x)`` and ``x.shape[0]``."""
    words = {getattr(part, "attr", getattr(part, "id", "")) for part in ast.walk(e)}
    return not words.isdisjoint(("len", "shape", "size"))


def _names_read(e: ast.AST) -> Iterator[str]:
    """The names in an expression whose values count, not their sizes alone: no D of ``np.eye(len(D))``."""
    match e:
        case ast.Call(ast.Name("len")) | ast.Attribute(_, "shape" | "size" | "ndim"):
            return
        case ast.Name(word):
            yield word
    for part in ast.iter_child_nodes(e):
        yield from _names_read(part)


def _factors(e: ast.expr, variables: Variables) -> Iterator[ast.expr]:
    """The factors of a product with a number, without its sign: of ``beta * Phi.T`` an operand may be ``Phi.T`` alone.
    That of ``mask * x`` is not x, also if the mask is 1 everywhere.
    """
    inside = [(e.left, e.right), (e.right, e.left)] if isinstance(e, ast.BinOp) and isinstance(e.op, ast.Mult) else []
    inside += [(e.left, e.right)] if isinstance(e, ast.BinOp) and isinstance(e.op, ast.Div) else []
    numbers = [part for part, other in inside if (by := evaluated(other, variables)) and not np.ndim(by.value)]
    for part in [e.operand] if isinstance(e, ast.UnaryOp) else numbers:
        yield part
        yield from _factors(part, variables)


def _is_length(e: ast.AST) -> bool:
    """True for a number of entries: ``len(x)``, ``x.size`` and ``x.shape[0]``, and nothing around it."""
    match e:
        case ast.Call(func=ast.Name(id="len")) | ast.Subscript(value=ast.Attribute(attr="shape")):
            return True
    return isinstance(e, ast.Attribute) and e.attr == "size"


def place_in_code(eq: Equation, k: int) -> Any:
    """The place in the user's code of an operand."""
    return *place(eq), eq.row.name, k


def _is_same(a: Any, b: Any) -> bool:
    """True for equal numbers, or equal truth values: a mask ``y == 1`` is not y, although True is 1."""
    kinds = [np.asarray(x).dtype.kind for x in (a, b)]
    if np.shape(a) != np.shape(b) or len({kind == "b" for kind in kinds}) > 1 or "O" in kinds:
        return False
    return np.array_equal(a, b, equal_nan=kinds[0] in "fc")


def _place(x: Array) -> tuple[Any, ...]:
    """The place of an array in memory, and its layout."""
    return address(x), x.shape, x.strides, x.dtype.str


def _owner(x: Array) -> Array:
    """The array whose memory `x` uses."""
    while isinstance(x.base, np.ndarray):
        x = x.base
    return x


def _window(x: Array, a: Array, word: str) -> Expr | None:
    """`x` as ``a[k:m]`` or ``a[k:m, i:j:2]`` where it lies in `a`."""
    rest, index = address(x) - address(a), list[slice]()
    for stride, step, n in zip(a.strides, x.strides, x.shape, strict=False):
        k, rest = divmod(rest, stride or 1)
        by = max(step // (stride or 1), 1)
        index.append(slice(k, k + n * by, by) if by > 1 else slice(k, k + n))
    at = tuple(index) if x.ndim > 1 else index[0]
    is_it = x.ndim == a.ndim and address(x) >= address(a) and _place(a[at]) == _place(x)
    return unsimplified("getitem", (name(word, a.shape),), x.shape, index=at) if is_it else None


def _part(x: Array, a: Array, word: str) -> Expr | None:
    """`x` as ``a[k]``, ``a[:, k]``, … where it lies in `a`."""
    for axis, stride in enumerate(a.strides if x.size else ()):
        k = (address(x) - address(a)) // (stride or 1)
        index: tuple[Any, ...] = (*(slice(None),) * axis, k)
        if 0 <= k < a.shape[axis] and _place(a[(*index, ...)]) == _place(x):
            return unsimplified("getitem", (name(word, a.shape),), x.shape, index=index if axis else k)
    return None
