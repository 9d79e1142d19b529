"""Assignments to the variables of the user's source."""

from __future__ import annotations

import ast
import builtins
import linecache
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from copy import deepcopy
from dis import Positions
from functools import lru_cache, reduce
from itertools import islice
from types import CodeType
from typing import Any, NamedTuple


def assigned(code: CodeType, word: str) -> list[ast.expr] | None:
    """The expressions assigned to a variable that `code` uses; None where its source does not show them."""
    sources = bound(code, word)
    return None if sources is None else [e for e in sources if isinstance(e, ast.expr)]


def bound(code: CodeType, word: str) -> list[ast.expr | ast.FunctionDef] | None:
    """:func:`assigned`, and the functions of this name."""
    for scope in _scopes(code):
        if bindings := _bindings(scope).get(word):
            return [e for e in bindings if e is not None]
    return [] if hasattr(builtins, word) else None


def sources(code: CodeType, word: str) -> Sequence[ast.expr | ast.FunctionDef] | None:
    """:func:`bound`; of a variable of a comprehension, ``for g in groups``, what it takes its values from."""
    found = bound(code, word)
    return [e for scope in _scopes(code) for e in _loops(scope)[1].get(word, ())] or None if found is None else found


def added(code: CodeType, word: str) -> list[ast.expr]:
    """What the source puts into a list by a call, ``errors.append(C @ x - y)``."""
    calls = (at.value for scope in _scopes(code) for at in nodes_of(scope) if isinstance(at, ast.Expr))
    return [
        e for of in calls if isinstance(of, ast.Call) and isinstance(of.func, ast.Attribute)
        for e in of.args if isinstance(of.func.value, ast.Name) and of.func.value.id == word
    ]  # fmt: skip


def passed(code: CodeType, word: str) -> list[ast.expr]:
    """The expressions passed for an argument of the function or the method of `code`, wherever it is called by its
    name.
    """
    f = next(_scopes(code))
    if not isinstance(f, ast.FunctionDef) or word not in (arguments := [a.arg for a in f.args.args]):
        return []
    is_method = arguments[0] == "self" != word
    k, expressions = arguments.index(word) - is_method, []
    for call in nodes_of(tree(code.co_filename)):
        of = call.func if isinstance(call, ast.Call) else None
        called = of.attr if is_method and isinstance(of, ast.Attribute) else of.id if isinstance(of, ast.Name) else ""
        if isinstance(call, ast.Call) and called == f.name:
            expressions += [*call.args[k : k + 1], *(p.value for p in call.keywords if p.arg == word)]
    return expressions


def is_passed_once(code: CodeType, e: ast.Name) -> bool:
    """Whether a variable is an argument for which one variable, that is of no loop, is passed in each of several calls:
    heads of ``score(heads, tails) - score(heads, others)``.
    """
    sites = passed(code, e.id)
    is_one = len(sites) > 1 and len({at.id for at in sites if isinstance(at, ast.Name)} | {*map(type, sites)}) == 2
    return is_one and iterated(code, e)[0] is None and not assigned(code, e.id)


def default(code: CodeType, word: str) -> ast.expr | None:
    """What an argument of the function of `code` is if nothing is passed for it."""
    f = next(_scopes(code))
    if not isinstance(f, ast.FunctionDef):
        return None
    return next((e for a, e in zip(f.args.args[::-1], f.args.defaults[::-1], strict=False) if a.arg == word), None)


def kept(code: CodeType, word: str) -> list[ast.expr]:
    """What a file assigns to an attribute ``self.lam``; of an argument of ``__init__`` what is passed for it."""
    parts = [*nodes_of(tree(code.co_filename))]
    calls = [call for call in parts if isinstance(call, ast.Call) and isinstance(call.func, ast.Name)]
    classes = (of for of in parts if isinstance(of, ast.ClassDef))
    arguments = {at: (of, f) for of in classes for f in of.body if isinstance(f, ast.FunctionDef) for at in ast.walk(f)}
    expressions: list[ast.expr] = []
    stores: list[tuple[ast.AST, ast.expr, ast.expr]] = []
    for at in parts:
        targets = at.targets if isinstance(at, ast.Assign) else [getattr(at, "target", None)]
        value = getattr(at, "value", None)
        stores += [(at, t, value) for t in targets if isinstance(t, ast.expr) and isinstance(value, ast.expr)]
    several = [(at, t.elts, of.elts) for at, t, of in stores if isinstance(t, ast.Tuple) and isinstance(of, ast.Tuple)]
    stores += [(at, t, of) for at, ts, ofs in several if len(ts) == len(ofs) for t, of in zip(ts, ofs, strict=True)]
    for at, value in ((at, of) for at, t, of in stores if isinstance(t, ast.Attribute) and t.attr == word):
        of, f = arguments.get(at, (None, None))
        names = [a.arg for a in f.args.args] if f is not None else []
        if of is None or f is None or not isinstance(value, ast.Name) or value.id not in names:
            expressions.append(value)
            continue
        k = names.index(value.id) - 1
        for call in (call for call in calls if isinstance(call.func, ast.Name) and call.func.id == of.name):
            given = [*call.args[k : k + 1], *(p.value for p in call.keywords if p.arg == value.id)]
            expressions += given or f.args.defaults
    return expressions


def decisions(code: CodeType) -> list[tuple[ast.expr, range]]:
    """The test of each branch and ``while`` in the function of `code`, or in the module, with the lines below it."""
    ends = ast.If, ast.While, ast.IfExp
    parts = (at for at in nodes_of(next(_scopes(code))) if isinstance(at, ends))
    return [(at.test, _below(at)) for at in parts]


def only(code: CodeType) -> list[tuple[ast.expr, range]]:
    """:func:`decisions` of the branches that have no other side."""
    parts = (at for at in nodes_of(next(_scopes(code))) if isinstance(at, ast.If) and not at.orelse)
    return [(at.test, _below(at)) for at in parts]


def _below(at: ast.expr | ast.stmt) -> range:
    return range(at.lineno, (at.end_lineno or 0) + 1)


def stored_at(code: CodeType, word: str) -> list[str]:
    """The variables in the positions at which an array is set, y of ``D[np.arange(n), y] = 0``."""
    stores = (at.targets[0] for at in nodes_of(next(_scopes(code))) if isinstance(at, ast.Assign))
    return [
        w for of in stores if isinstance(of, ast.Subscript) and isinstance(of.value, ast.Name) and of.value.id == word
        for w in names(of.slice)
    ]  # fmt: skip


def is_shape(code: CodeType, word: str) -> bool:
    """Whether a variable is a number of entries by its use: in ``np.zeros((n, 2))``, or a mean, ``np.sum(r) / n``."""
    for at in nodes_of(next(_scopes(code))):
        match at:
            case ast.Call(func=ast.Attribute(attr=f), args=args, keywords=more) if f in _MAKING:
                if any(word in names(e) for e in (*args, *(k.value for k in more))):
                    return True
            case ast.BinOp(of, ast.Div(), ast.Name(w)) if w == word and any(_calls_sum(e) for e in ast.walk(of)):
                return True
    return False


def _calls_sum(e: ast.AST) -> bool:
    return isinstance(e, ast.Call) and getattr(e.func, "attr", getattr(e.func, "id", "")) == "sum"


#: What makes an array of a shape.
_MAKING = ("arange", "zeros", "ones", "full", "empty", "eye", "normal", "uniform", "reshape", "rand", "randn")


def is_around(code: CodeType, e: ast.expr) -> bool:
    """True if `code` is that of the innermost function around an expression, or of the module."""
    return next(iter(functions_at(tree(code.co_filename), e.lineno)), None) is next(
        iter(functions_at(tree(code.co_filename), code.co_firstlineno) if code.co_name != "<module>" else ()), None
    )


def before(code: CodeType, e: ast.expr | ast.stmt, word: str) -> ast.expr | None:
    """The value in the last assignment to a variable in front of an expression, in the same block or in a loop in it
    that has the same number of rounds each time.
    """
    blocks = (block for scope in _scopes(code) for at in nodes_of(scope) for block in _blocks(at))
    front = next((block[:k] for block in blocks for k, at in enumerate(block) if _is_within(e, at)), [])
    while front:
        at = front[-1]
        if values := [value for w, value in _assignments(ast.Module([at], [])) if w == word]:
            if isinstance(at, ast.For) and all(_is_one(code, w) for w in names(at.iter)):
                front = at.body
                continue
            is_plain = isinstance(at, ast.Assign) and not any(isinstance(p, ast.Subscript) for p in at.targets)
            return values[0] if is_plain and isinstance(values[0], ast.expr) else None
        front = front[:-1]
    return None


def _is_one(code: CodeType, word: str) -> bool:
    """Whether a name has one value only: it is assigned once at most, and not by a loop."""
    return len(bound(code, word) or ()) < 2 and looped(code, ast.Name(word)) is None


def _blocks(at: ast.AST) -> Iterator[list[ast.stmt]]:
    for field in ("body", "orelse", "finalbody"):
        block = getattr(at, field, None)
        yield block if isinstance(block, list) else []


def _is_within(e: ast.expr | ast.stmt, at: ast.stmt) -> bool:
    """True if an expression is in a statement without a block."""
    return not any(_blocks(at)) and contains(at, e)


def contains(at: Any, e: ast.expr | ast.stmt) -> bool:
    """True if a part of the source has an expression in it."""
    is_before = (at.lineno, at.col_offset) <= (e.lineno, e.col_offset)
    return is_before and (e.end_lineno or 0, e.end_col_offset or 0) <= (at.end_lineno or 0, at.end_col_offset or 0)


def looped(code: CodeType, e: ast.expr) -> str | None:
    """The variable whose rows or entries an expression has in the rounds of a loop, if it has no other values; "" for
    a variable that counts them.

    That is ``xs`` of ``xs[t]`` in ``for t in range(n)``, and of a variable x in ``for x in xs``, in
    ``for x, y in zip(xs, ys)``, or with ``x = xs[t]`` in such a loop; of the second argument of `f` in
    ``scan(f, init, xs)``; and of an argument that is passed such a variable.
    """
    of, _ = iterated(code, e)
    return of


def iterated(code: CodeType, e: ast.expr) -> tuple[str | None, slice]:
    """:func:`looped`, and the part of it that a loop is over, ``xs[1:]``."""
    sites = passed(code, e.id) if isinstance(e, ast.Name) else []
    if len(sites) > 1 and all(isinstance(of, ast.Subscript) for of in sites) and len({*map(_name, sites)}) == 1:
        return _name(sites[0]), slice(None)  # f(y[0]), and f(y[t]) in a loop
    module = tree(code.co_filename)
    passed_on = [_iterated(code, (*functions_at(module, of.lineno), module), of) for of in sites]
    if len(sites) == 1 or passed_on and passed_on[0][0] and all(of == passed_on[0] for of in passed_on):
        return passed_on[0]  # f(i) - f(j), for i, j in pairs
    return _iterated(code, islice(_scopes(code), 1 if sites else None), e)


def _iterated(code: CodeType, scopes: Iterable[ast.AST], e: ast.expr) -> tuple[str | None, slice]:
    """:func:`iterated` in these scopes, apart from what is passed for an argument."""
    for scope in scopes:
        turns, over = _loops(scope)
        values: Sequence[Any] = [e]
        rows: list[ast.expr] = []
        if isinstance(e, ast.Name):
            values = _bindings(scope).get(e.id, [])
            rows = [*over.get(e.id, ()), *_scanned(code, scope, e.id)]
            if len(values) > len(rows) > 0 and (own := _own_rows(scope, e, values)):
                values, rows = own, own
        taken = [v for v in values if isinstance(v, ast.Subscript) and not turns.isdisjoint(names(v.slice))]
        if values or rows:
            of = {_name(part) for part in (*rows, *taken)}
            is_only = len(of) == 1 and len(values) <= len(rows) + len(taken)
            part = _slice(rows[0]) if len(rows) == 1 else slice(None)
            return (of.pop(), part) if is_only else ("" if rows else None, part)
    return None, slice(None)


def _own_rows(scope: ast.AST, e: ast.Name, values: Sequence[Any]) -> list[ast.expr]:
    """The array that the loop around a variable takes it from, if that assigns it nowhere else: of G in ``for x, G in
    …`` although the lines before have ``G = r + gamma * G``.
    """
    around = [at for at in nodes_of(scope) if isinstance(at, ast.For) and hasattr(e, "lineno") and contains(at, e)]
    loops = [(at, each) for at in around for word, each in _matched(at.target, _each(at.iter)) if word == e.id]
    for at, each in loops[-1:]:
        if not any(contains(at, of) for of in values if isinstance(of, ast.expr | ast.stmt) and of is not each):
            return [each]
    return []


def is_unpacked(code: CodeType, word: str) -> bool:
    """Whether a variable is one of several that a tuple is unpacked into, S in ``S, I = state``."""
    every = next((bindings for scope in _scopes(code) if word in (bindings := _bindings(scope))), {})
    of = every.get(word, [])
    return len(of) == 1 and isinstance(of[0], ast.Name) and sum(of[0] in values for values in every.values()) > 1


def _slice(e: ast.expr) -> slice:
    """The part of an array that ``xs[1:]`` is; of anything else all of it."""
    at = getattr(e, "slice", None)
    ends = (at.lower, at.upper, at.step) if isinstance(at, ast.Slice) else (None,)
    try:
        return slice(*(end and ast.literal_eval(end) for end in ends))
    except ValueError:  # of variables
        return slice(0)


def counted(code: CodeType, e: ast.Name) -> ast.expr | None:
    """What a variable of the innermost loop or comprehension around a place counts, ``range(1, n)``; None for another.
    """
    for scope in _scopes(code):
        turning = [*_turning(scope), *((at, of) for at, turns in _several(scope) for of in turns[1:])]
        loops = [(at, of.iter) for at, of in turning if e.id in names(of.target)]
        around = [over for at, over in loops if contains(at, e)]
        if loops:
            return (around or [over for _, over in loops])[-1]
    return None


def counter(code: CodeType, e: ast.expr, but: Any = None) -> tuple[str, ast.expr] | None:
    """The variable that the only loop around a place, `but` for one, counts, and what over: ``range(2, n)``; None for
    others.
    """
    loops = (of for scope in _scopes(code) for at, of in _turning(scope) if contains(at, e) and of is not but)
    around = {of: (of.target, of.iter) for of in loops}
    match [*around.values()]:
        case [(ast.Name(word), ast.Call(func=ast.Name(id="range" | "reversed")) as over)]:
            return word, over
        case [(ast.Tuple([ast.Name(word), *_]), ast.Call(func=ast.Name(id="enumerate")) as over)]:
            return word, over
    return None


def is_repeated(code: CodeType, e: ast.expr) -> bool:
    """Whether an expression is in the body of a loop."""
    return any(contains(at, e) for scope in _scopes(code) for at in _fors(scope))


def recurrence(code: CodeType, word: str) -> ast.For | None:
    """The only loop that assigns to a variable, once, if it computes it from what it was in the round before, ``G =
    r[t] + gamma * G``, other than as a product, and is in no other loop.
    """
    scope = next((scope for scope in _scopes(code) if word in _bindings(scope)), None)
    loops = [at for at in _fors(scope) if word in _bindings(at)] if scope is not None else []
    match loops:
        case [loop] if not any(contains(at, loop) for at in _fors(scope) if at is not loop):
            [e, *others] = _bindings(loop)[word]
            is_it = isinstance(e, ast.BinOp) and isinstance(e.op, ast.Add | ast.Sub) and word in names(e)
            return loop if is_it and not others else None
    return None


def counts_up(code: CodeType | None, e: ast.Name) -> bool:
    """Whether a variable is that of a loop over a ``range``, or the first of one over ``enumerate``."""
    match counted(code, e) if code is not None else None:
        case ast.Call(func=ast.Name(id="range" | "enumerate" | "reversed")) if code is not None:
            return looped(code, e) == ""
    return False


class Pairs(NamedTuple):
    """Two loops over pairs, ``for i in range(n): for j in range(i): …``; `at` is the inner one, or a comprehension."""

    turns: Sequence[tuple[str, ast.expr]]
    at: ast.For | ast.GeneratorExp | ast.ListComp

    def tests(self, e: ast.expr) -> Iterator[tuple[ast.expr, bool]]:
        """The conditions under which a round reaches an expression, with what they are then."""
        if not isinstance(self.at, ast.For):
            yield from ((test, True) for of in self.at.generators for test in of.ifs)
            return
        block = self.at.body
        while block:
            around = next((at for at in block if at.lineno <= e.lineno <= (at.end_lineno or 0)), None)
            before = block[: block.index(around)] if around in block else ()
            yield from (
                (at.test, False) for at in before if isinstance(at, ast.If) and isinstance(at.body[-1], ast.Continue)
            )
            if not isinstance(around, ast.If):
                return
            is_else = bool(around.orelse) and e.lineno >= around.orelse[0].lineno
            if e.lineno >= around.body[0].lineno:
                yield around.test, not is_else
            block = around.orelse if is_else else around.body


def starts_anew(code: CodeType, e: ast.Name) -> bool:
    """Whether each round of the innermost loop around a variable begins with an entry: ``total = alpha[s]``."""
    around = [at for scope in _scopes(code) for at in _fors(scope) if contains(at, e)]
    inner = sorted(around, key=lambda at: at.lineno)[-1:]
    sources = [of for of in assigned(code, e.id) or () if isinstance(of, ast.Subscript)]
    return any(contains(at, of) and of.lineno < e.lineno for at in inner for of in sources)


def unequal(code: CodeType | None, e: ast.expr | None) -> ast.expr | None:
    """What the variable of the inner loop around an entry ``s[j]`` is not there: y[i] of ``if j != y[i]``."""
    if code is None or e is None:
        return None
    tests: list[tuple[ast.expr, bool, ast.expr]] = []
    if (inner := innermost(code, e)[1]) is not None and isinstance(inner, ast.comprehension):
        tests = [(test, True, inner.target) for test in inner.ifs]
    elif isinstance(inner, ast.For):
        tests = [(*test, inner.target) for test in Pairs((), inner).tests(e)]
    for test, holds, target in tests:
        match test:
            case ast.Compare(ast.Name(word), [ast.NotEq() | ast.Eq() as op], [of]):
                if word in names(target) and isinstance(op, ast.NotEq) == holds:
                    return of
    return None


def pairs(code: CodeType | None, e: ast.expr | None) -> Pairs | None:
    """The loops over pairs around a place."""
    if code is None or e is None:
        return None
    around = (nest for scope in _scopes(code) for nest in _over_pairs(scope))
    return next((of for of in around if of.at.lineno <= e.lineno <= (of.at.end_lineno or 0)), None)


def is_of_pairs(code: CodeType | None, e: ast.Name) -> bool:
    """Whether a variable counts in one of two loops over pairs."""
    around = pairs(code, e)
    return around is not None and any(e.id == word for word, _ in around.turns)


@lru_cache(maxsize=1024)
def _over_pairs(scope: ast.AST) -> list[Pairs]:
    """The loops over pairs: two of which the inner one only adds up, or the outer one repeats it."""
    outer = [at for at in _fors(scope) if not any(at in of.body for of in _fors(scope))]
    nests: list[tuple[Any, Any]] = [((of, at), at) for of in outer for at in of.body if isinstance(at, ast.For)]
    nests = [(of, at) for of, at in nests if _only_adds(*of) and not _lists_names(at.iter)]
    nests += [
        (at.generators, at) for at in nodes_of(scope)
        if isinstance(at, ast.GeneratorExp | ast.ListComp) and len(at.generators) == 2 and not _has_windows(at)
    ]  # fmt: skip
    return [
        Pairs([(of.target.id, of.iter) for of in loops], at)
        for loops, at in nests if all(isinstance(of.target, ast.Name) for of in loops)
    ]  # fmt: skip


def _only_adds(outer: ast.For, inner: ast.For) -> bool:
    """Whether the rounds of two loops add terms, each of entries at its own place, and keep nothing else; the outer one
    computes nothing for the inner one, or only repeats it.
    """
    turns = {*names(outer.target), *names(inner.target)}
    is_repeated = len(outer.body) == 1 and {*names(outer.target)}.isdisjoint(names(inner))
    if any(isinstance(at, ast.Assign) and not _is_sum(at) for at in outer.body):
        return False
    for at in (at for at in ast.walk(outer) if at not in (outer, inner)):
        match at:
            case ast.AugAssign(ast.Name(), ast.Add() | ast.Sub()):
                pass
            case ast.Assign([ast.Name(word)], value) if word in names(value) and not _is_sum(at) and not is_repeated:
                return False
            case ast.For() | ast.While() | ast.AugAssign() | ast.Subscript(ctx=ast.Store()) | ast.Expr(ast.Call()):
                return False
            case ast.Subscript(slice=index) if any(
                isinstance(of, ast.BinOp | ast.Slice) and not turns.isdisjoint(names(of)) for of in ast.walk(index)
            ):
                return False
    return True


def _has_windows(at: ast.GeneratorExp | ast.ListComp) -> bool:
    """Whether the terms of a comprehension have slices that move with it: ``X[i : i + 3, j : j + 3]``."""
    turns = {word for of in at.generators for word in names(of.target)}
    slices = (part for part in ast.walk(at.elt) if isinstance(part, ast.Slice))
    return any(not turns.isdisjoint(names(part)) for part in slices)


def _is_sum(at: ast.Assign) -> bool:
    """Whether an assignment adds to a variable: ``x = x - y + z``."""
    first = at.value
    while isinstance(first, ast.BinOp) and isinstance(first.op, ast.Add | ast.Sub):
        first = first.left
    return isinstance(first, ast.Name) and first is not at.value and [first.id] == names(ast.Tuple(at.targets))


@lru_cache(maxsize=1024)
def _fors(scope: ast.AST) -> list[ast.For]:
    return [at for at in nodes_of(scope) if isinstance(at, ast.For)]


@lru_cache(maxsize=1024)
def _loops(scope: ast.AST) -> tuple[set[str], dict[str, list[ast.expr]]]:
    """The variables of the loops in a scope, and for each what its values are taken from."""
    turns, iterated = set[str](), dict[str, list[ast.expr]]()
    for at in nodes_of(scope):
        if isinstance(at, ast.For | ast.comprehension):
            turns.update(names(at.target))
            for word, each in _matched(at.target, _each(at.iter)):
                iterated.setdefault(word, []).append(each)
    return turns, iterated


def rows(code: CodeType, target: Positions | None) -> dict[str, str]:
    """The variables of the loop whose target begins at a place, each with the variable whose rows it has: x with xs
    and y with ys in ``for x, y in zip(xs, ys)``, and no k in ``for k, x in enumerate(xs)``.
    """
    over = _over(tree(code.co_filename)).get((target.lineno, target.col_offset), []) if target else []
    often = Counter(id(each) for _, each in over)  # of ``for a, b in pairs`` the row is neither
    return {word: _name(each) for word, each in over if often[id(each)] == 1 and not isinstance(each, ast.Call)}


def of_loops(code: CodeType) -> dict[str, tuple[str, slice]]:
    """The variables of all loops in some code, each with the variable whose rows it has, and which of them."""
    loops: list[Any] = [at.target for at in _fors(source_of(code))]
    over = _over(tree(code.co_filename))
    parts = {word: _slice(each) for at in loops for word, each in over[at.lineno, at.col_offset]}
    found = {word: (of, parts[word]) for at in loops for word, of in rows(code, at).items()}
    for word, values in _bindings(source_of(code)).items():
        match values:
            case [ast.Subscript(ast.Name(of), ast.Name() as turn)] if turn.id in parts:  # x = xs[t] in range(1, n)
                match counted(code, turn):
                    case ast.Call(ast.Name("range"), [ast.Constant(int() as start), _]) if start:
                        found[word] = of, slice(start, None)
                    case ast.Call(ast.Name("range" | "enumerate")):
                        found[word] = of, slice(None)
    return found


def innermost(code: CodeType, e: ast.expr) -> tuple[Any, Any]:
    """The innermost loop or comprehension around an expression, and what has its target and what it is over."""
    around = [(at, of) for scope in _scopes(code) for at, of in _turning(scope) if contains(at, e)]
    return max(around, key=lambda loop: (loop[0].lineno, loop[0].col_offset), default=(None, None))


def spelled_out(code: CodeType, e: ast.expr) -> int:
    """The rounds of a loop in another one over what its line lists for each of these, 2 of ``for j in (i - 1, i + 1)``,
    or over variables, ``for W in (W1, W2)``; 1 for others.
    """
    around = {of for scope in _scopes(code) for at, of in _turning(scope) if contains(at, e)}
    _, inner = innermost(code, e)
    over = inner.iter if len(around) > 1 else None
    turns = {word for of in around if of is not inner for word in names(of.target)}
    elts = over.elts if isinstance(over, ast.Tuple | ast.List) else []
    is_it = all(isinstance(of, ast.Name) or turns.intersection(names(of)) for of in elts)
    return len(elts) if elts and is_it else 1


def _lists_names(over: ast.expr) -> bool:
    """True for what lists variables, ``(W1, W2)``, or expressions of these, ``(i - 1, i + 1)``."""
    return isinstance(over, ast.Tuple | ast.List) and all(names(of) for of in over.elts)


def of_whole(code: CodeType, e: ast.expr) -> ast.expr:
    """An expression in a loop with the arrays in the place of the entries or rows that its rounds take: ``x - mu`` of
    ``x - mu[k]`` in ``for k in range(n)``, and of ``x - m`` in ``for m in mu``; those of a comprehension with a
    condition at a mask, ``X[T >= T[i]]`` of ``X[j]``.
    """
    _, inner = innermost(code, e)
    return e if inner is None else _whole(e, inner, getattr(inner, "ifs", ()), part_taken(code, e))


def listed_in(code: CodeType, e: ast.expr) -> str:
    """The variable that the list comprehension around an expression is assigned to, ``sims = [f(x) for x in xs]``; ""
    for none.
    """
    around, _ = innermost(code, e)
    assigns = (at for scope in _scopes(code) for at in nodes_of(scope) if isinstance(at, ast.Assign))
    targets = [at.targets[0] for at in assigns if isinstance(around, ast.ListComp) and at.value is around]
    return targets[0].id if targets and isinstance(targets[0], ast.Name) else ""


def part_taken(code: CodeType, e: ast.expr) -> ast.Slice | None:
    """The part of an array that the innermost loop around an expression counts through, ``:i`` of ``for j in
    range(i)``, if that depends on what a loop around it counts; None for others.
    """
    around = [of for scope in _scopes(code) for at, of in _turning(scope) if contains(at, e)]
    _, inner = innermost(code, e)
    turns = {word for of in around if of is not inner for word in names(of.target)}
    match getattr(inner, "iter", None):
        case ast.Call(ast.Name("range"), [stop], []) if turns.intersection(names(stop)):
            return ast.Slice(None, stop)
        case ast.Call(ast.Name("range"), [start, stop], []) if turns.intersection(names(start)):
            return ast.Slice(start, stop if turns.intersection(names(stop)) else None)
    return None


def _whole(e: ast.expr, inner: Any, tests: Sequence[ast.expr], part: ast.Slice | None = None) -> ast.expr:
    masks = [_whole(test, inner, ()) for test in tests]
    mask = reduce(lambda a, b: ast.BinOp(a, ast.BitAnd(), b), masks) if masks else None
    taken = dict(_matched(inner.target, _each(inner.iter)))
    counters = {word for word, of in taken.items() if isinstance(of, ast.Call)}

    def taken_from(of: ast.expr) -> ast.expr:
        return of if mask is None and part is None else ast.Subscript(of, mask or part or ast.Slice(), ast.Load())

    class Whole(ast.NodeTransformer):
        def visit_Subscript(self, at: ast.Subscript) -> ast.expr:
            parts = at.slice.elts if isinstance(at.slice, ast.Tuple) else [at.slice]
            is_turn = [isinstance(of, ast.Name) and of.id in counters for of in parts]
            if sum(is_turn) != 1:
                return at
            if len(parts) == 1:
                return taken_from(at.value)
            kept = [(mask or part or ast.Slice()) if turn else of for of, turn in zip(parts, is_turn, strict=True)]
            index = kept[:-1] if is_turn[-1] and mask is part is None else kept
            return ast.Subscript(at.value, index[0] if len(index) == 1 else ast.Tuple(index), ast.Load())

        def visit_Name(self, at: ast.Name) -> ast.expr:
            return taken_from(taken[at.id]) if at.id in taken and at.id not in counters else at

    return ast.fix_missing_locations(ast.copy_location(Whole().visit(deepcopy(e)), e))


@lru_cache(maxsize=1024)
def _turning(scope: ast.AST) -> list[tuple[Any, Any]]:
    """The loops and comprehensions in a scope, each with what has its (first) target and what it is over."""
    return [(at, of) for at, turns in _several(scope) for of in turns[:1]]


def _several(scope: ast.AST) -> list[tuple[Any, Sequence[Any]]]:
    """The loops and comprehensions in a scope, each with all that have a target."""
    several = ((at, [at] if isinstance(at, ast.For) else getattr(at, "generators", ())) for at in nodes_of(scope))
    return [(at, turns) for at, turns in several if turns]


@lru_cache(maxsize=256)
def _over(module: ast.AST) -> dict[Any, list[tuple[str, ast.expr]]]:
    """What the variables of each loop are taken from, by the place of its target."""
    return {
        (at.target.lineno, at.target.col_offset): [*_matched(at.target, _each(at.iter))]
        for at in ast.walk(module) if isinstance(at, ast.For | ast.comprehension)
    }  # fmt: skip


def _scanned(code: CodeType, f: ast.AST, word: str) -> list[ast.expr]:
    """The arrays whose rows the argument `word` of `f` has in ``scan(f, init, xs)``."""
    if not isinstance(f, ast.FunctionDef | ast.Lambda) or [a.arg for a in f.args.args][1:] != [word]:
        return []
    for scope in _scopes(code):
        rows = []
        for call in nodes_of(scope):
            match call:
                case ast.Call(func=ast.Name(id="scan") | ast.Attribute(attr="scan"), args=[of, _, xs]) if (
                    isinstance(of, ast.Name) and isinstance(f, ast.FunctionDef) and of.id == f.name
                    or isinstance(of, ast.Lambda) and (of.lineno, of.col_offset) == (f.lineno, f.col_offset)
                ):  # fmt: skip
                    rows.append(xs)
        if rows:
            return rows
    return []


def names(e: ast.AST) -> list[str]:
    """The names in an expression, in the order of :func:`ast.walk`."""
    return [part.id for part in ast.walk(e) if isinstance(part, ast.Name)]


def _name(e: ast.expr) -> str:
    """The variable that something is, or is a part of."""
    while isinstance(e, ast.Subscript):
        e = e.value
    return e.id if isinstance(e, ast.Name) else ""


def _each(e: ast.expr) -> ast.expr:
    """The expressions whose entries the targets of a loop get: those in a ``zip``, each for its target; ``xs[::-1]`` of
    ``reversed(xs)``.
    """
    match e:
        case ast.Call(func=ast.Name(id="reversed"), args=[ast.Name() | ast.Subscript() as of]):
            back = ast.Slice(None, None, ast.UnaryOp(ast.USub(), ast.Constant(1)))
            return ast.copy_location(ast.Subscript(of, back, ast.Load()), e)
        case ast.Call(func=ast.Name(id="zip"), args=args):
            return ast.copy_location(ast.Tuple(args), e)
        case ast.Call(func=ast.Name(id="enumerate"), args=[of, *_]):
            return ast.copy_location(ast.Tuple([e, _each(of)]), e)
    return e


def source_of(code: CodeType) -> ast.AST:
    """The function that has some code, or the module."""
    return next(_scopes(code))


def _scopes(code: CodeType) -> Iterator[ast.AST]:
    """The function of `code`, those around it, the module; in a notebook the other cells."""
    file = code.co_filename
    module = tree(file)
    if code.co_name != "<module>":
        yield from functions_at(module, code.co_firstlineno)
    yield module
    if "ipykernel" in file or file.startswith("<ipython"):
        cells = file.rpartition("/")[0] or "<ipython"
        yield from (tree(other) for other in list(linecache.cache) if other.startswith(cells))


def functions_at(module: ast.AST, line: int) -> list[ast.FunctionDef | ast.Lambda]:
    """The functions of a module in which a line is, innermost first."""
    return [*_functions_at(module, line)]


@lru_cache(maxsize=1024)
def _functions_at(module: ast.AST, line: int) -> Sequence[ast.FunctionDef | ast.Lambda]:
    around = [f for f in _all_functions(module) if first_line(f) <= line <= (f.end_lineno or 0)]
    return sorted(around, key=lambda f: -f.lineno)


def first_line(f: ast.FunctionDef | ast.Lambda) -> int:
    """The line in which a function begins, or the first of its decorators."""
    return min([f.lineno, *(e.lineno for e in getattr(f, "decorator_list", ()))])


@lru_cache(maxsize=256)
def _all_functions(module: ast.AST) -> list[ast.FunctionDef | ast.Lambda]:
    return [f for f in nodes_of(module) if isinstance(f, ast.FunctionDef | ast.Lambda)]


@lru_cache(maxsize=256)
def nodes_of(at: ast.AST) -> Sequence[ast.AST]:
    """Return what :func:`ast.walk` yields for a function or a module, which are looked through often."""
    return (*ast.walk(at),)


def tree(file: str) -> ast.AST:
    """The syntax tree of a file, the same one as long as its lines are the same."""
    lines = linecache.getlines(file)
    if _TREES.get(file, (None,))[0] is not lines:
        try:
            _TREES[file] = lines, ast.parse("".join(lines))
        except SyntaxError:  # a cell with the commands of a notebook
            _TREES[file] = lines, ast.Module([], [])
    return _TREES[file][1]


_TREES: dict[str, tuple[list[str], ast.AST]] = {}


@lru_cache(maxsize=1024)
def _bindings(scope: ast.AST) -> dict[str, list[ast.expr | ast.FunctionDef | None]]:
    """The expressions and functions assigned to each name in a scope; None for an argument, a class, an import."""
    bindings: dict[str, list[ast.expr | ast.FunctionDef | None]] = {}
    for word, value in _assignments(scope):
        bindings.setdefault(word, []).append(value)
    return bindings


def _assignments(scope: ast.AST) -> Iterator[tuple[str, ast.expr | ast.FunctionDef | None]]:
    stack = list(ast.iter_child_nodes(scope))
    while stack:
        at = stack.pop()
        match at:
            case ast.FunctionDef() | ast.ClassDef():
                yield at.name, at if isinstance(at, ast.FunctionDef) else None
                continue
            case ast.Import() | ast.ImportFrom():
                yield from ((a.asname or a.name.partition(".")[0], None) for a in at.names)
            case ast.arg(arg=word):
                yield word, None
            case ast.arguments(args=args, defaults=defaults):
                yield from ((a.arg, e) for a, e in zip(args[::-1], defaults[::-1], strict=False))
            case ast.Assign() | ast.AnnAssign() | ast.AugAssign() | ast.NamedExpr() | ast.For():
                value = _each(at.iter) if isinstance(at, ast.For) else at.value
                for target in at.targets if isinstance(at, ast.Assign) else [at.target]:
                    yield from [] if value is None else _matched(target, value)
        stack += ast.iter_child_nodes(at)


def _matched(target: ast.expr, value: ast.expr) -> Iterator[tuple[str, ast.expr]]:
    """For each name in a target the part of an assignment that goes to it, as in ``a, b = 1, 2``, or into it, as in
    ``a[0] = …``.

    Of ``n, d = x.shape`` these are ``x.shape[0]`` and ``x.shape[1]``.
    """
    several = ast.Tuple | ast.List
    if isinstance(target, several) and isinstance(value, several) and len(target.elts) == len(value.elts):
        for pair in zip(target.elts, value.elts, strict=True):
            yield from _matched(*pair)
    elif isinstance(target, several) and isinstance(value, ast.Attribute) and value.attr == "shape":
        for k, part in enumerate(target.elts):
            if isinstance(part, ast.Name):
                yield part.id, ast.copy_location(ast.Subscript(value, ast.Constant(k)), value)
    elif isinstance(target, ast.Subscript):  # not what it is indexed with
        yield from _matched(target.value, value)
    else:
        yield from ((word, value) for word in dict.fromkeys(names(target)))
