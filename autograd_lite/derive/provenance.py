"""What a constant operand is in each round of a loop, in terms of what was given: ``xs[2]``, ``1 - y[i3]``.

A recorded operation knows only the number that an operand was. Here the lines in which the equations stand are
interpreted again, with a formula beside each value; so in the third round of a loop ``x - mu[k]`` is ``x - mu[2]``,
whatever the loop is over and however many are around it. A formula is used only if it has the recorded value.
"""

from __future__ import annotations

import ast
import sys
from collections import Counter as Multiset, defaultdict
from collections.abc import Callable, Collection, Container, Iterable, Mapping, Sequence, Set
from copy import deepcopy
from functools import lru_cache
from types import CodeType, FunctionType
from typing import Any, NamedTuple

import numpy as np

from ..program import Equation, Var
from ..program.assignments import (
    assigned,
    functions_at,
    innermost,
    is_of_pairs,
    is_repeated,
    is_unpacked,
    names,
    nodes_of,
    of_whole,
    recurrence,
    source_of,
    tree,
)
from ..program.naming import expression, operand, place, running, span, stem
from ..table import TABLE
from ..tensor import Tensor
from .formula import fold, name, number, unsimplified, walk
from .interpreter import (
    LIVE,
    OPERATORS,
    UNKNOWN,
    Counter,
    Interpreter,
    Make,
    Making,
    Value,
    Variables,
    is_live,
    is_once,
    is_regular,
    is_unknown,
    plain,
    targets,
)
from .simplify import again
from .textbook_parser import Written, read

LONG = 100  # names and numbers in a formula that nobody reads
STARTS = 100  # visits that are tried as the first of those that were recorded
WHOLE = -1  # the number of no round: of what all rounds of an inner loop use
SHAPE = "·"  # the name of a Tensor, of which only the shape is used


class Result(NamedTuple):
    """What an expression was in one round, with its operands; `time` is a number that increases."""

    y: Value
    operands: Sequence[Value]
    time: int


class Provenance(Interpreter):
    """The operands of equations in each round of the user's lines.

    Parameters
    ----------
    equations : iterable of Equation
    lookup : callable
        The value of a variable of some code, as it is where that runs; None for none.
    values : mapping of str to array
        The values of the program, by name.
    scopes : sequence of (code, mapping)
        The variables of the user's code that is running, which may have called that of the equations.
    inner : container
        The places of inner loops that are operations on arrays.
    name_of : callable, optional
        The name of an array that has another one than its variable; "" for others.

    Attributes
    ----------
    visits : dict
        By the file and the place of an operand what it is in each round, and whether the result is a Tensor.
    entries : dict
        By the file and the place of a variable i of an operand z[i] what it is in each round that is recorded.
    results : dict
        By those of an expression what it is in each round.
    given : dict
        The arrays and numbers that the formulas name.
    carried : dict of str to Value
        What each round of a loop computes from the one before, from numbers alone, by its name: G1, G2.
    starts : set of str
        The names of what stands before the first round.
    pairs : set of str
        The variables that count in loops over pairs.
    """

    def __init__(
        self, equations: Collection[Equation], lookup: Callable[[str, Any], Any], values: Mapping[str, Any],
        scopes: Sequence[tuple[CodeType | None, Mapping[str, Any]]] = (), inner: Container[Any] = (),
        name_of: Callable[[Any], str] = lambda x: "",
    ) -> None:
        super().__init__()
        self._lookup, self._values, self.name_of, self._time = lookup, values, name_of, 0
        self._running = running()
        self.innermost = next(iter(self._running), None)
        self.given: dict[str, Any] = {}
        self.carried: dict[str, Value] = {}
        self.starts: set[str] = set()
        self._recorded = set[tuple[Any, str]]()  # the variables that have had Tensors
        self._rounds, self._begun = Multiset[Any](), Multiset[Any]()  # how often they were assigned, and loops began
        self._taken = Multiset[Any]()  # how often a loop has given its variable a value, by the place of that
        self.pairs: set[str] = set()
        self.visits: dict[Any, list[tuple[Value, bool]]] = defaultdict(list)
        self.results: dict[Any, list[Result]] = defaultdict(list)
        self._operands: dict[Any, list[Any]] = {}  # the places of the operands of each expression
        self._positions: dict[Any, list[Any]] = {}  # those in its index
        self.entries: dict[Any, list[Value]] = defaultdict(list)
        self._entries: dict[Any, list[Any]] = {}  # the variables at which operands are entries, z[i]
        self._wholes: dict[Any, ast.expr] = {}  # the operands in inner loops
        self._arrays: dict[Any, list[Value]] = defaultdict(list)  # that rounds of a loop compute, by the place
        self._turn: dict[Any, Any] = {}  # what a loop counts now, by the place of its variable
        self._filters: dict[int, tuple[Any, bool]] = {}  # that place for the line that leaves out rounds of a loop
        self._kept: dict[Any, list[int]] = defaultdict(list)  # the numbers of the rounds that are not left out
        self._nested: dict[Any, list[ast.For]] = {}  # the loops in a loop, by the place of its variable
        places = self._find_places(equations, inner)
        functions = {code: source_of(code) for code in places}
        once = {id(scope): scope for _, scope in scopes}.values()  # the globals of a module are there for each function
        others = [(w, x.__code__) for scope in once for w, x in scope.items() if isinstance(x, FunctionType)]
        words = {at: {getattr(at, "name", "")} | {w for w, of in others if of is c} for c, at in functions.items()}
        self._reaching = _callers(functions, set().union(*words.values()) - {""})
        files = {code.co_filename for code in functions}
        for code in (code for code, _ in scopes if code is not None and code.co_filename in files):
            if code not in functions and any(_calls(source_of(code), at, of) for at, of in words.items()):
                functions[code] = source_of(code)
                words.setdefault(functions[code], {code.co_name})
        called = [at for at, of in words.items() if any(_calls(f, at, of) for f in functions.values() if f is not at)]
        for code, at in sorted(functions.items(), key=lambda pair: pair[1] in called):
            here = places.get(code, {})
            if at not in called or self.results.keys().isdisjoint(here):  # or ag.trace has called it
                self._run(*_around_scan(code, at), max(here.values(), default=None))

    def _find_places(self, equations: Iterable[Equation], inner: Container[Any]) -> dict[CodeType, dict[Any, int]]:
        """Find where operands stand; the places of the expressions in each code, with their lines."""
        places: dict[CodeType, dict[Any, int]] = {}
        for eq in equations:
            e, code = expression(eq), eq.code
            if e is None or code is None or eq.row is TABLE["positive"]:  # h0 = x
                continue
            here = code.co_filename, span(e)
            operands = {(code.co_filename, span(of)): of for of in operands_of(eq) if of is not None}
            if place(eq) in inner:
                self._wholes |= operands
            else:
                self._operands.setdefault(here, [*operands])
                at = getattr(e.slice, "elts", [e.slice]) if isinstance(e, ast.Subscript) else []
                self._positions[here] = [(code.co_filename, span(part)) for part in at]
                entries = (of.slice for of in operands.values() if isinstance(of, ast.Subscript))
                self._entries[here] = [(code.co_filename, span(of)) for of in entries if isinstance(of, ast.Name)]
            places.setdefault(code, {})[here] = e.lineno
        return places

    def _run(self, code: CodeType, at: ast.AST, end: int | None) -> None:
        """Interpret what matters in a function or a module, perhaps up to a line."""
        lines: list[ast.stmt] = getattr(at, "body", [])
        lines = [ast.copy_location(ast.Expr(at.body), at.body)] if isinstance(at, ast.Lambda) else lines
        stores = [w for line in lines for w in targets(line)]
        several = {w for w in stores if stores.count(w) > 1}
        several |= {w for line in lines if isinstance(line, ast.For | ast.While) for w in targets(line)}
        several |= {w for w in stores if self._lookup(w, code) is None}
        now = self._running.get(code)
        lines = [line for line in lines if line.lineno <= min(end or sys.maxsize, now or sys.maxsize)]
        pairs = zip(at.args.args[::-1], at.args.defaults[::-1], strict=False) if isinstance(at, ast.FunctionDef) else ()
        starts = {a.arg: e for a, e in pairs if a.arg in stores and a.arg not in self._values}
        env = {word: self.value(e, {}, code) for word, e in starts.items()}  # def f(y, level=0.0): …, level = …
        self.run([at for at in lines if self._matters(at, code) or not several.isdisjoint(targets(at))], env, code, now)

    def _matters(self, line: ast.AST, code: CodeType) -> bool:
        """True if an equation stands in a line, or in a function that it calls."""
        return any(
            isinstance(at, ast.expr | ast.stmt) and (code.co_filename, span(at)) in self._operands
            for at in ast.walk(line)
        ) or not self._reaching.isdisjoint(_words(line))

    def known(self, word: str, code: Any) -> Value:
        if word in self._values:
            x = self._values[word]
            return Value(x, lambda _: Written(name(word, np.shape(x)), x), is_live=True)
        x = self._lookup(word, code)
        is_module = x is None and isinstance(code, CodeType) and word in _numpy_in(code.co_filename)
        return self.read(np if is_module else x, word)  # of a module that is no longer running

    def read(self, x: Any, word: str = "") -> Value:
        if x is None:
            return LIVE
        if isinstance(x, Tensor):
            return Value(x._data, is_live=True)
        x = [*x] if type(x) is list else x  # to which the lines may add something
        return Value(x, (lambda _: self._name(word, x)) if word and _is_data(x) else None)

    def default(self, word: str, y: Value) -> Value:
        """The number by the name of the argument, unless that of another function is called so."""
        return self.read(y.x, word) if self.given.get(word, y.x) == y.x and self._lookup(word, None) is None else y

    def computed(self, here: Any, y: Value) -> None:
        if here in self._operands:
            self._time += 1
            operands = [self.last(at) for at in self._operands[here]]
            self.results[here].append(Result(y, operands, self._time))
            for at in (*self._operands[here], *self._positions.get(here, ())):
                self.visits[at].append((self.last(at), is_live(y)))
            for at in self._entries.get(here, ()) if is_live(y) else ():
                self.entries[at].append(self.last(at))

    def tested(self, line: ast.If, holds: bool) -> None:
        at, is_kept = self._filters.get(id(line), (None, True))
        if holds is is_kept and (turn := self._turn.get(at)) is not None:
            self._kept[turn[0], at].append(turn[1])

    def begins(self, loop: ast.For | ast.expr, env: Variables, code: Any) -> None:
        """Find what the operands of operations on arrays are, before the loop whose rounds compute their entries."""
        if isinstance(loop, ast.For):
            self._begun[code, span(loop.target)] += 1
            self._nested[span(loop.target)] = [at for at in loop.body if isinstance(at, ast.For)]
            for word in names(loop.target):
                self._kept.pop((word, span(loop.target)), None)
            match loop.body:
                case [ast.If(_, body, []) as line, *more] if not more or isinstance(body[-1], ast.Continue):
                    self._filters[id(line)] = span(loop.target), not more
        for (file, here), e in self._wholes.items():
            if file == code.co_filename and innermost(code, e)[0] is loop:
                operands, self._operands = self._operands, {}
                self.visits[file, here].append((_whole(self.value(of_whole(code, e), env, code)), True))
                self._operands = operands

    # --------------------------------------------------------------------------------------------------- formulas

    def number(self, x: Any) -> Make:
        return lambda _: Written(number(x), x)

    def assigned(self, target: ast.Name, y: Value, code: Any) -> Value:
        """A value by the name of a variable that has no other, or that of a state before a loop, h0, without a formula;
        of one that each round computes from the one before by the number of the round, G0, G1, ….
        """
        if is_live(y) or is_unknown(y) or not _is_data(x := plain(y.x)):
            self._recorded.add((code, target.id))
            return y
        once = is_once(target, code)
        of = y.written(WHOLE)
        is_entry = of is not None and of.formula.role == "index" and is_unpacked(code, target.id)
        if is_entry and all(stem(word) != target.id for word in self._values):  # y0[0] of ``S, I = y``, without an S1
            return y
        is_plain = isinstance(x, np.ndarray) and x.ndim > 0 and (of is None or not of.formula.names)
        is_again = is_plain and np.array_equal(x, now := self._lookup(target.id, code)) and isinstance(now, np.ndarray)
        is_start = is_plain and (is_again or not is_repeated(code, target))
        word = target.id if once or is_again else f"{target.id}0"

        def named(turn: int) -> Written | None:
            is_read = of is not None and of.formula.role == "index" and (code, target.id) in self._recorded
            return y.written(turn) if is_read else self._name(word, x)  # y0[0], where other calls have Tensors

        value = Value(x, named) if once or is_start else y
        if is_plain and not once and is_repeated(code, target) and len(assigned(code, target.id) or ()) == 1:
            y.rename(self._computed(target, y, code, None if value is y else value))
            value = y
        is_number = value is y and np.ndim(x) == 0 and np.asarray(x).dtype.kind == "f" and x != 0
        is_number &= not is_repeated(code, target) and (of is None or not of.formula.names)
        if is_number and {f"{target.id}1", f"{target.id}2"} <= self._values.keys():  # v0 of a state v1, v2, …
            value = Value(x, lambda _: self._name(f"{target.id}0", x))
            self.starts.add(f"{target.id}0")
        loop = recurrence(code, target.id) if np.asarray(x).dtype.kind == "f" else None
        if loop is not None:
            is_shared = value is y and of is not None and not of.formula.args  # G = G0, and G = loss = 0.0
            value = Value(x, y.written) if is_shared else value
            value.rename(self._carried(target.id, y, (code, span(loop.target)), loop.iter))
        return value

    def _computed(self, target: ast.Name, y: Value, code: Any, named: Value | None) -> Callable[[Make | None], Make]:
        """Return what names an array that each round of a loop computes anew by its number, m2, if they differ and none
        is a Tensor; otherwise it may have been `named`.
        """
        several = self._arrays[code, span(target)]
        several.append(y)
        k = len(several)

        def renamed(before: Make | None) -> Make:
            def make(turn: int) -> Written | None:
                is_one = all(np.array_equal(plain(v.x), plain(y.x)) for v in several)
                if is_one or (code, target.id) in self._recorded:
                    return named.written(turn) if named is not None else before and before(turn)
                return self._name(numbered(target.id, k), plain(y.x))

            return make

        return renamed

    def _carried(self, word: str, y: Value, loop: Any, over: ast.expr) -> Callable[[Make | None], Make]:
        """Return what names a value that each round of a loop computes from the one before, if all are numbers; those
        of a list that is reversed are G3, G2, G1.
        """
        k = self._rounds[loop, word]
        self._rounds[loop, word] += 1

        def renamed(before: Make | None) -> Make:
            def make(turn: int) -> Written | None:
                if (loop[0], word) in self._recorded or self._begun[loop] != 1:
                    return before and before(turn)
                items = self.items(self.last((loop[0].co_filename, span(over)))) if _is_reversed(over) else None
                self.carried[w := f"{word}{k if items is None else len(items) + 1 - k}"] = Value(y.x, before)
                self.starts |= set() if k else {w}
                return self._name(w, y.x)

            return make

        return renamed

    def taken(self, target: ast.Name, y: Value, code: Any) -> Value:
        """The variable of a loop over pairs in the third round as i3, and a number without a name as r3."""
        if isinstance(y.x, list | tuple | dict) or y.x is UNKNOWN:
            return y
        places = [target, *(ast.copy_location(ast.Name(target.id), at) for at in self._nested.get(span(target), ()))]
        is_pair = isinstance(y, Counter) and any(is_of_pairs(code, at) for at in places)
        self.pairs |= {target.id} if is_pair else set()
        self._turn[span(target)] = (target.id, y.x) if isinstance(y, Counter) else None

        def make(turn: int) -> Written | None:
            of = y.written(turn)
            is_entry = of is not None and of.formula.role == "index" and of.formula.of.role == "name"
            is_number = not np.ndim(y.x) and not isinstance(y, Counter) and not is_entry
            kept = self._kept.get((target.id, span(target)), [])
            has_gaps = turn != WHOLE and isinstance(y, Counter) and _have_gaps(kept) and kept[turn : turn + 1] == [y.x]
            is_numbered = is_pair or is_number or has_gaps
            return self._name(numbered(target.id, turn + 1), y.x) if turn != WHOLE and is_numbered else of

        value = Value(y.x, make, y.is_live)
        value.turn = target.id, self._taken[span(target)]
        self._taken[span(target)] += 1
        return value

    def with_gaps(self, word: str, rounds: int) -> Sequence[int]:
        """What a variable counts in so many rounds of a loop that leaves out others between them; nothing for another.
        """
        every = (kept for (of, _), kept in self._kept.items() if of == word and len(kept) == rounds)
        return next(filter(_have_gaps, every), ())

    def _name(self, word: str, x: Any) -> Written:
        """The formula that is a name."""
        x = np.asarray(x) if isinstance(x, list | tuple) and is_regular(x) else x
        word = self.name_of(x) or word
        self.given[word] = x
        return Written(name(word, np.shape(x) if is_regular(x) else ()), x)

    def entry(self, of: Value, k: int) -> Make:
        def make(turn: int) -> Written | None:
            whole = of.written(turn)
            if whole is None or whole.expr is None:
                return None
            y, e, at = np.asarray(whole.value)[k], whole.expr, k
            if e.role == "index" and isinstance(part := e.params["index"], slice) and e.of.shape:  # x[1:][k]: x[1 + k]
                e, at = e.of, range(e.of.shape[0])[part][k]
            part = unsimplified("getitem", (e,), np.shape(y), index=at, unique_indices=True)
            return whole if e.is_number else Written(part, y)

        return make

    def formula(self, e: ast.expr, env: Variables, code: Any) -> Make:
        inside = {w: self._variable(w, env, code) for w in dict.fromkeys(names(e))}
        spans = [span(at) for at in ast.walk(e) if isinstance(at, ast.Call) and at is not e and hasattr(at, "lineno")]
        calls = {at: of for at in spans if (of := self.returned.get((code.co_filename, at))) is not None}
        words = {at: f"_{k}" for k, at in enumerate(calls)}

        size = 1 + sum(v.size for v in (*inside.values(), *calls.values()))  # x = a * x * (1 - x) doubles each time

        def make(turn: int) -> Written | None:
            try:
                return self._read(deepcopy(e), {**inside, **{words[at]: v for at, v in calls.items()}}, words, turn)
            except (AttributeError, ArithmeticError, LookupError, TypeError, ValueError, RecursionError):
                return None  # it is more than arithmetic

        return Making(make if size < LONG else lambda _: None, size)

    def _read(self, e: ast.expr, inside: Mapping[str, Value], words: Mapping[Any, str], turn: int) -> Written | None:
        """The formula of an expression of these values."""
        meanings = {w: of for w, v in inside.items() if (of := v.written(turn)) is not None}
        shapes = {w: v.x for w, v in inside.items() if v.is_live and np.asarray(v.x).dtype.kind in "fc"}
        meanings |= {w: Written(name(SHAPE), x) for w, x in shapes.items()}
        legible = _Legible(words, meanings, self._name)
        of = read(legible.visit(e), meanings)
        if of.expr is None or SHAPE in of.expr.names or any(p.row and p.row.fn is None for p in walk(of.expr)):
            return None
        return Written(fold(of.expr, again), of.value) if legible.counts else of


class _Legible(ast.NodeTransformer):
    """Puts numbers for what loops count, and names for calls of the user's functions and for computed positions.

    Attributes
    ----------
    counts : bool
        Whether there was something that a loop counts.
    """

    def __init__(
        self, calls: Mapping[Any, str], meanings: dict[str, Written], given: Callable[[str, Any], Written]
    ) -> None:
        self.calls, self.meanings, self.given, self.counts = calls, meanings, given, False

    def visit_Name(self, e: ast.Name) -> ast.expr:
        of = self.meanings.get(e.id)
        if of is None or not of.formula.is_number or type(of.value) is not int:
            return e
        self.counts = True
        return ast.copy_location(ast.Constant(of.value), e)

    def visit_BinOp(self, e: ast.BinOp) -> ast.expr:
        """``t + 1`` is a number; of ``0.9 ** t`` the base has a name, so that it is none."""
        before, self.counts = self.counts, False
        e.right = self.visit(e.right)
        if self.counts and isinstance(e.op, ast.Pow) and isinstance(e.left, ast.Constant):
            word = str(e.left.value)
            self.meanings[word] = self.given(word, e.left.value)
            e.left = ast.Name(word)
        e.left = self.visit(e.left)
        self.counts |= before
        match e:
            case ast.BinOp(ast.Constant(int(a)), ast.Add() | ast.Sub() | ast.Mult() as op, ast.Constant(int(b))):
                return ast.copy_location(ast.Constant(OPERATORS[type(op)](a, b)), e)
        return e

    def visit_Subscript(self, e: ast.Subscript) -> ast.expr:
        """Positions that are computed, or an entry of labels, have a name of their own; so has a slice."""
        e = ast.Subscript(self.visit(e.value), self.visit(e.slice), e.ctx)
        if any(isinstance(at, ast.Slice) and (at.lower or at.upper or at.step) for at in ast.walk(e.slice)):
            of, index = read(e.value, self.meanings), _index(e.slice)
            y = of.value[index]
            whole = unsimplified("getitem", (of.formula,), y.shape, index=index, unique_indices=True)
            return self._instead(Written(of.formula if of.formula.is_number else whole, y))
        parts = e.slice.elts if isinstance(e.slice, ast.Tuple) else [e.slice]
        for k, at in enumerate(parts):
            if isinstance(at, ast.Subscript | ast.BinOp | ast.Call):
                of = read(at, self.meanings)
                if np.asarray(of.value).dtype.kind in "iu":
                    is_number = of.formula.is_number and not np.ndim(of.value)
                    parts[k] = ast.Constant(int(of.value)) if is_number else self._instead(of)
        e.slice = e.slice if isinstance(e.slice, ast.Tuple) else parts[0]
        return e

    def visit_Call(self, e: ast.Call) -> ast.expr:
        if hasattr(e, "lineno") and (word := self.calls.get(span(e))) in self.meanings:
            return ast.copy_location(ast.Name(str(word)), e)
        match e:
            case ast.Call(ast.Name("min" | "max" as word), [a, b], []):
                attr = {"min": "minimum", "max": "maximum"}[str(word)]
                e = ast.copy_location(ast.Call(ast.Attribute(ast.Name("np"), attr), [a, b], []), e)
        return self.generic_visit(e)  # type: ignore[return-value]  # an expression stays one

    def visit_IfExp(self, e: ast.IfExp) -> ast.expr:
        where = ast.Call(ast.Attribute(ast.Name("np"), "where"), [e.test, e.body, e.orelse], [])
        return self.generic_visit(ast.copy_location(where, e))  # type: ignore[return-value]  # an expression stays one

    def _instead(self, of: Written) -> ast.Name:
        self.meanings[word := f"_at{len(self.meanings)}"] = of
        return ast.Name(word)


def _whole(of: Value) -> Value:
    """A value with the formula that it has for all rounds of an inner loop."""
    return Value(of.x, lambda _: of.written(WHOLE))


def _index(at: ast.expr) -> Any:
    """An index of numbers and slices."""
    match at:
        case ast.Tuple(elts):
            return tuple(map(_index, elts))
        case ast.Slice(a, b, step):
            return slice(*(end and ast.literal_eval(end) for end in (a, b, step)))
    return ast.literal_eval(at)


def operands_of(eq: Equation) -> list[ast.expr | None]:
    """The operands of an equation as the user wrote them."""
    return [operand(eq, k) for k in range(len(eq.operands))]


def aligned(visits: Sequence[Sequence[Value]], operands: Sequence[Sequence[Any]]) -> int:
    """The number of the first of some visits that equations with these operands stand for, one for each; -1 for none.

    The last rounds of a loop may not be recorded, as nothing uses what they compute, or other calls come before.
    """
    starts = range(len(visits) - len(operands) + 1 if operands else 0)[:STARTS]
    is_called_again = bool(operands) and len(visits) % len(operands) == 0
    for start in reversed(starts) if is_called_again else starts:
        rounds = zip(visits[start:], operands, strict=False)
        pairs = [pair for vs, xs in rounds for pair in zip(vs, xs, strict=False)]
        if all(is_near(v.x, x) for v, x in pairs if not isinstance(x, Var)):
            return start
    return -1


def is_near(a: Any, b: Any) -> bool:
    """True for numbers that are equal but for rounding: Python's ``0.99 ** 2`` is not NumPy's."""
    kinds = "" if a is UNKNOWN else "".join(np.asarray(x).dtype.kind for x in (a, b))
    if np.shape(a) != np.shape(b) or len({kind == "b" for kind in kinds}) != 1 or not {*kinds} <= {*"biufc"}:
        return False  # a mask y == 1 is not y
    return np.allclose(a, b, 1e-14, 0, equal_nan=True)


def _callers(functions: Mapping[CodeType, ast.AST], called: set[str]) -> set[str]:
    """The names by which some functions are called, and the names of those in their files that call them."""
    parts = (at for file in {code.co_filename for code in functions} for at in nodes_of(tree(file)))
    others = [at for at in parts if isinstance(at, ast.FunctionDef)]
    while more := {f.name for f in others if not called.isdisjoint(_words(f))} - called:
        called |= more
    return called


@lru_cache(maxsize=64)
def _numpy_in(file: str) -> frozenset[str]:
    """The names by which a file imports NumPy."""
    imports = (of for at in nodes_of(tree(file)) if isinstance(at, ast.Import) for of in at.names)
    return frozenset(of.asname or of.name for of in imports if of.name == "numpy")


@lru_cache(maxsize=1024)
def _words(at: ast.AST) -> frozenset[str]:
    """The functions that may be called in a part of the source."""
    return frozenset(word for part in ast.walk(at) for word in _mentioned(part))


def _mentioned(at: ast.AST) -> Sequence[str]:
    """The functions that may be called where a name, an attribute or a call stands."""
    match at:
        case ast.Name(id=word) | ast.Attribute(attr=word):
            return (word,)
        case ast.Call(ast.Name() | ast.Attribute()):  # net(x)
            return ("forward", "__call__")
    return ()


def _calls(outer: ast.AST, at: ast.AST, words: Set[str]) -> bool:
    """True if a function is in another one, or is called there by one of its names."""
    return at in ast.walk(outer) if isinstance(at, ast.Lambda) else not words.isdisjoint(_words(outer))


def _around_scan(code: CodeType, at: ast.AST) -> tuple[CodeType, ast.AST]:
    """The function whose line ``scan(step, init, xs)`` runs a step; of any other function itself."""
    outside = [f for f in functions_at(tree(code.co_filename), getattr(at, "lineno", 0)) if f is not at]
    for outer in (f for f in outside if isinstance(f, ast.FunctionDef)):
        for call in nodes_of(outer):
            match call:
                case ast.Call(ast.Name("scan") | ast.Attribute(attr="scan"), [step, _, _]) if (
                    step is at or isinstance(step, ast.Name) and step.id == getattr(at, "name", "")
                ):
                    return code.replace(co_firstlineno=outer.lineno, co_name=outer.name), outer
    return code, at


def _is_data(x: Any) -> bool:
    return isinstance(x, np.ndarray | list | tuple | int | float | np.generic) and not isinstance(x, bool)


def _is_reversed(e: ast.expr) -> bool:
    """Whether a loop is over ``reversed(xs)`` or ``xs[::-1]``."""
    match e:
        case ast.Call(ast.Name("reversed"), [ast.Name()]):
            return True
        case ast.Subscript(ast.Name(), ast.Slice(None, None, ast.UnaryOp(ast.USub(), ast.Constant(1)))):
            return True
    return False


def numbered(word: str, t: int) -> str:
    """The name of a variable in one of several rounds: a2, and s2_2 of s2."""
    return f"{word}{'_' * word[-1].isdigit()}{t}"


def _have_gaps(numbers: Sequence[int]) -> bool:
    return len(numbers) > 1 and [*numbers] != [*range(numbers[0], numbers[0] + len(numbers))]
