"""The user's lines, interpreted again: on numbers, each with what it was computed from.

Nothing is executed that has an effect outside. What is interpreted is arithmetic, indices, NumPy's functions and the
rows of this package that draw nothing, the user's own functions, loops, branches, and what is put into lists. Anything
else is unknown, as is a Tensor whose value the lines do not show.
"""

from __future__ import annotations

import ast
import builtins
import inspect
import operator
from abc import ABC, abstractmethod
from collections.abc import Callable, ItemsView, Iterator, KeysView, Mapping, Sequence, ValuesView
from copy import deepcopy
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any, TypeAlias

import numpy as np

from ..program.assignments import bound, first_line, is_repeated, source_of
from ..program.naming import span
from ..table import ROWS, Primitive
from .textbook_parser import Written

STEPS = 20_000  # parts of lines that are interpreted
UNKNOWN = object()

_SAFE = np.ndarray, np.generic, bool, int, float, complex, str, list, tuple, dict, range, slice, type(None)
_INDEXED = np.ndarray, list, tuple, dict, str, range
_CALLED = {
    np.zeros, np.ones, np.eye, np.identity, np.arange, np.linspace, np.full, np.array, np.asarray, np.zeros_like,
    np.ones_like, np.full_like, np.shape, np.ndim, np.size, np.unique, np.argmax, np.argmin, np.argsort,
    abs, bool, float, int, max, min, range, round, sorted, sum,
}  # fmt: skip
_METHODS = {
    "T", "all", "any", "argmax", "argmin", "argsort", "astype", "copy", "cumsum", "dot", "dtype", "flatten", "get",
    "index", "item", "items", "keys", "max", "mean", "min", "ndim", "prod", "ravel", "reshape", "shape", "size", "std",
    "sum", "tolist", "transpose", "values", "var",
}  # fmt: skip
OPERATORS: Mapping[type[ast.AST], Callable[..., Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.Pow: operator.pow, ast.MatMult: operator.matmul, ast.Mod: operator.mod, ast.FloorDiv: operator.floordiv,
    ast.BitAnd: operator.and_, ast.BitOr: operator.or_, ast.BitXor: operator.xor, ast.Eq: operator.eq,
    ast.NotEq: operator.ne, ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge,
    ast.In: lambda a, b: a in b, ast.NotIn: lambda a, b: a not in b, ast.Is: operator.is_, ast.IsNot: operator.is_not,
    ast.USub: operator.neg, ast.UAdd: operator.pos, ast.Not: operator.not_, ast.Invert: operator.invert,
}  # fmt: skip

Make: TypeAlias = "Callable[[int], Written | None]"  # a formula with its value, from the number of a round; or none


class Making:
    """A function that makes a formula, with how many names and numbers that has at the most."""

    __slots__ = ("make", "size")

    def __init__(self, make: Make, size: int) -> None:
        self.make, self.size = make, size

    def __call__(self, turn: int) -> Written | None:
        return self.make(turn)


class Value:
    """A value, its formula, and whether it is a Tensor, so that what is computed from it is recorded; of the variable
    of a loop also its name and the number of the round.
    """

    __slots__ = ("_made", "_make", "is_live", "size", "turn", "x")

    def __init__(self, x: Any, make: Make | None = None, is_live: bool = False) -> None:
        self.x, self._make, self.is_live = x, make, is_live
        self.size = make.size if isinstance(make, Making) else 1
        self._made = dict[int, Written | None]()
        self.turn: tuple[str, int] | None = None

    def written(self, turn: int) -> Written | None:
        """Its formula where the round of this number uses it; None if it has none."""
        if self._make is not None and turn not in self._made:
            self._made[turn] = self._make(turn)
        return self._made.get(turn)

    def rename(self, renamed: Callable[[Make | None], Make]) -> None:
        """Give it another formula in terms of the one that it has."""
        self._make, self._made = renamed(self._make), {}


class Counter(Value):
    """A number that a loop counts."""


LIVE = Value(UNKNOWN, is_live=True)
Variables: TypeAlias = "dict[str, Value]"


class _Ends(Exception):
    """A line ends a function, a round or a loop, or no more is interpreted."""

    def __init__(self, how: str, value: Value = LIVE) -> None:
        self.how, self.value = how, value


class _Function:
    """A function of the user's, with the variables around it; of a method also the object."""

    def __init__(self, at: ast.FunctionDef | ast.Lambda, around: Variables, code: Any, owner: Any = None) -> None:
        self.at, self.around, self.code, self.owner = at, around, code, owner


class Interpreter(ABC):
    """Interprets lines; what it reads and sees on the way is up to the subclass."""

    def __init__(self) -> None:
        self._last: dict[Any, Value] = {}  # by the file and the place of an expression
        self.returned: dict[Any, Value] = {}  # by those of calls of the user's functions
        self._steps = 0
        self.innermost: CodeType | None = None  # of the code that runs

    @abstractmethod
    def known(self, word: str, code: Any) -> Value:
        """A variable that is assigned nowhere in the lines."""

    @abstractmethod
    def read(self, x: Any, word: str = "") -> Value:
        """An object that the lines read; unknown for None. If it has a name, that is its formula."""

    @abstractmethod
    def default(self, word: str, y: Value) -> Value:
        """A number that an argument of a function is if nothing is passed for it."""

    @abstractmethod
    def formula(self, e: ast.expr, env: Variables, code: Any) -> Make:
        """Return what makes the formula of an expression, of the values that its variables have now."""

    @abstractmethod
    def entry(self, of: Value, k: int) -> Make:
        """Return what makes the formula of entry `k` of a value."""

    @abstractmethod
    def number(self, x: Any) -> Make:
        """Return what makes the formula of a number."""

    @abstractmethod
    def assigned(self, target: ast.Name, y: Value, code: Any) -> Value:
        """A value that a variable is assigned, perhaps in terms of the variable."""

    @abstractmethod
    def taken(self, target: ast.Name, y: Value, code: Any) -> Value:
        """A value that the variable of a loop takes."""

    @abstractmethod
    def begins(self, loop: ast.For | ast.expr, env: Variables, code: Any) -> None:
        """A loop or a comprehension begins."""

    @abstractmethod
    def tested(self, line: ast.If, holds: bool) -> None:
        """The condition of a line holds, or does not."""

    @abstractmethod
    def computed(self, here: Any, y: Value) -> None:
        """The expression at a place in a file has a value."""

    # -------------------------------------------------------------------------------------------------- statements

    def run(self, lines: Sequence[ast.stmt], env: Variables, code: CodeType, now: int | None = None) -> None:
        """Interpret lines of some code, until they end or too much was interpreted.

        A loop over something unknown has one round, with the variables as they are where the code runs; so has one that
        trains, and the one around the line `now` that runs.
        """
        for line in lines:
            is_running = now is not None and line.lineno <= now <= (line.end_lineno or 0)
            if is_running and not isinstance(line, ast.For) and code is not self.innermost:
                return  # it calls what runs
            try:
                self._root_line(line, env, code, now)
            except _Ends:
                return
            except Exception:  # what an array or an object of the user's raises here is up to it; so is RecursionError
                self._forget(line, env)

    def _root_line(self, line: ast.stmt, env: Variables, code: CodeType, now: int | None) -> None:
        if not isinstance(line, ast.For):
            self._line(line, env, code)
            return
        calls = (at for part in line.body for at in ast.walk(part) if isinstance(at, ast.Call))
        trains = any(getattr(at.func, "attr", "") == "backward" for at in calls)
        is_running = now is not None and line.lineno < now <= (line.end_lineno or 0)
        items = None if trains or is_running else self.items(self.value(line.iter, env, code))
        if items is not None:
            self._loop(line, items, env, code)
            return
        for word in targets(line) if is_running else targets(line.target):
            env.pop(word, None)
        self.run(line.body, env, code, now)

    def _block(self, lines: Sequence[ast.stmt], env: Variables, code: Any) -> None:
        for line in lines:
            self._line(line, env, code)

    def _line(self, line: ast.stmt, env: Variables, code: Any) -> None:
        match line:
            case ast.Assign(several, value):
                y = self.value(value, env, code)
                for target in several:
                    self._assign(target, y, env, code)
            case ast.AnnAssign(target, _, ast.expr() as value):
                self._assign(target, self.value(value, env, code), env, code)
            case ast.AugAssign(target, op, value):
                e = ast.copy_location(ast.BinOp(_loaded(target), op, value), line)
                self._assign(target, self.value(e, env, code), env, code)
            case ast.Expr(value) | ast.Assert(value):
                self.value(value, env, code)
            case ast.Return(value):
                raise _Ends("return", Value(None) if value is None else self.value(value, env, code))
            case ast.FunctionDef(name=word):
                env[word] = Value(_Function(line, env, _inside(code, line, word)))
            case ast.If(test, [ast.Assign([ast.Name(one) as x], a)], [ast.Assign([ast.Name(two)], b)]) if one == two:
                cases = ast.copy_location(ast.IfExp(test, a, b), line)
                self._assign(x, self.value(cases, env, code), env, code)
            case ast.If(test, body, other):
                holds = self._holds(test, env, code)
                if holds is None:
                    self._forget(line, env)
                else:
                    self.tested(line, holds)
                    self._block(body if holds else other, env, code)
            case ast.For(_, over):
                self._loop(line, self.items(self.value(over, env, code)), env, code)
            case ast.While(test, body):
                while holds := self._holds(test, env, code):
                    self._block(body, env, code)
                if holds is None:
                    self._forget(line, env)
            case ast.With(_, body):
                self._block(body, env, code)
            case ast.Continue() | ast.Break():
                raise _Ends(type(line).__name__)
            case _:
                self._forget(line, env)

    def _loop(self, line: ast.For, items: Sequence[Value] | None, env: Variables, code: Any) -> None:
        self.begins(line, env, code)
        if items is None:
            self._forget(line, env)
        for item in items or ():
            try:
                self._assign(line.target, item, env, code, is_turn=True)
                self._block(line.body, env, code)
            except _Ends as end:
                if end.how == "Break":
                    break
                if end.how != "Continue":
                    raise

    def _forget(self, line: ast.AST, env: Variables) -> None:
        """Make unknown what a line that is not interpreted may have assigned."""
        env |= dict.fromkeys(targets(line), LIVE)

    def _assign(self, target: ast.expr, y: Value, env: Variables, code: Any, is_turn: bool = False) -> None:
        match target:
            case ast.Name(id=word):
                env[word] = self.taken(target, y, code) if is_turn else self.assigned(target, y, code)
                if is_unknown(y) and is_once(target, code):  # it is what it is where the code runs
                    del env[word]
            case ast.Tuple(elts) | ast.List(elts):
                parts = self.items(y)
                parts = parts if parts is not None and len(parts) == len(elts) else [LIVE] * len(elts)
                for part, value in zip(elts, parts, strict=True):
                    self._assign(part, value, env, code, is_turn)
            case ast.Subscript(ast.Name(id=word), at):
                old, k = self._variable(word, env, code), self.value(at, env, code)
                env[word] = LIVE
                if not any(is_unknown(v) or is_live(v) for v in (old, k, y)):
                    env[word] = Value(new := deepcopy(old.x))
                    new[plain(k.x)] = y if isinstance(new, list | dict) else plain(y.x)
            case _:
                self._forget(target, env)

    def items(self, of: Value) -> list[Value] | None:
        """The entries that a loop over a value has; None where they are unknown."""
        x = of.x
        if isinstance(x, range):
            return [Counter(k, self.number(k)) for k in x]
        if isinstance(x, list | tuple | dict) or isinstance(x, np.ndarray) and x.ndim:
            is_array = is_regular(x)
            parts = np.asarray(x) if is_array else x
            return [
                part if isinstance(part, Value) else Value(part, self.entry(of, k) if is_array else None, of.is_live)
                for k, part in enumerate(parts)
            ]
        return None

    # ------------------------------------------------------------------------------------------------- expressions

    def value(self, e: ast.expr, env: Variables, code: Any) -> Value:
        """The value of an expression."""
        self._steps += 1
        if self._steps > STEPS:
            raise _Ends("too long")
        y = self._value(e, env, code)
        if hasattr(e, "lineno"):
            here = code.co_filename, span(e)
            self._last[here] = y
            self.computed(here, y)
        return y

    def last(self, here: Any) -> Value:
        """The value of the expression at a place in a file when it was last interpreted."""
        return self._last.get(here, LIVE)

    def _value(self, e: ast.expr, env: Variables, code: Any) -> Value:
        match e:
            case ast.Constant(x):
                return Value(x, self.number(x) if type(x) in (int, float) else None)
            case ast.Name(id=word):
                return self._variable(word, env, code)
            case ast.List(elts) | ast.Tuple(elts):
                parts = [self.value(x, env, code) for x in elts]
                return Value(parts if isinstance(e, ast.List) else (*parts,), self.formula(e, env, code))
            case ast.Dict(keys, values) if all(keys):
                each = zip([self.value(k, env, code) for k in keys if k], values, strict=True)
                return Value({plain(k): self.value(x, env, code) for k, x in each})
            case ast.Lambda():
                return Value(_Function(e, env, _inside(code, e, "<lambda>")))
            case ast.ListComp(elt, loops) | ast.GeneratorExp(elt, loops):
                self.begins(e, env, code)
                return Value([*self._comprehended(elt, loops, {**env}, code)])
            case ast.IfExp(test, a, b):
                holds = self._holds(test, env, code)
                return LIVE if holds is None else self._chosen(e, a if holds else b, env, code)
            case ast.BoolOp(op, [*values, last]):
                for part in values:
                    holds = self._holds(part, env, code)
                    if holds is not isinstance(op, ast.And):
                        return LIVE if holds is None else Value(holds)
                return self.value(last, env, code)
            case ast.Attribute(of, attr):
                return self._attribute(e, self.value(of, env, code), attr, env, code)
            case ast.Call():
                return self._call(e, env, code)
            case ast.BinOp(a, op, b) | ast.Compare(a, [op], [b]):
                return self._applied(e, OPERATORS.get(type(op)), [self.value(x, env, code) for x in (a, b)], env, code)
            case ast.UnaryOp(op, a):
                return self._applied(e, OPERATORS[type(op)], [self.value(a, env, code)], env, code)
            case ast.Subscript(of, at):
                return self._indexed(e, self.value(of, env, code), self.value(at, env, code), env, code)
            case ast.Slice(a, b, step):
                ends = [Value(None) if x is None else self.value(x, env, code) for x in (a, b, step)]
                return LIVE if any(map(is_unknown, ends)) else Value(slice(*(x.x for x in ends)))
        return LIVE

    def _holds(self, test: ast.expr, env: Variables, code: Any) -> bool | None:
        """Return whether a condition holds; None where that is not known."""
        x = self.value(test, env, code).x
        return bool(x) if isinstance(x, _SAFE) and not np.ndim(x if isinstance(x, np.ndarray) else 0) else None

    def _chosen(self, e: ast.IfExp, case: ast.expr, env: Variables, code: Any) -> Value:
        """The case of a conditional expression that is chosen; a number that is chosen by what is given is where(…)."""
        y = self.value(case, env, code)
        if is_live(y) or type(plain(y.x)) not in (int, float, np.float64):
            return y
        test, make = self.last((code.co_filename, span(e.test))), self.formula(e, env, code)

        def made(turn: int) -> Written | None:
            condition = test.written(turn)
            of = make(turn) if condition is not None and condition.formula.names else None
            return of if of is not None and not np.shape(of.value) else y.written(turn)

        return Value(y.x, made)

    def _variable(self, word: str, env: Variables, code: Any) -> Value:
        if word in env and env[word].x is not UNKNOWN:
            return env[word]
        v = self.known(word, code)
        if v.x is UNKNOWN and word not in env:
            return Value(vars(builtins).get(word, UNKNOWN), is_live=not hasattr(builtins, word))
        return v if word not in env or isinstance(v.x, np.ndarray) and not v.is_live else env[word]

    def _comprehended(
        self, elt: ast.expr, loops: Sequence[ast.comprehension], env: Variables, code: Any
    ) -> Iterator[Value]:
        items = self.items(self.value(loops[0].iter, env, code)) if loops else None
        if items is None:
            yield self.value(elt, env, code) if not loops else LIVE
        for item in items or ():
            self._assign(loops[0].target, item, env, code, is_turn=True)
            if all(self._holds(test, env, code) for test in loops[0].ifs):
                yield from self._comprehended(elt, loops[1:], env, code)

    def _attribute(self, e: ast.Attribute, of: Value, attr: str, env: Variables, code: Any) -> Value:
        if isinstance(of.x, ModuleType):
            return Value(getattr(of.x, attr, UNKNOWN))
        if of.is_live and attr in ("data", "detach", "numpy", "item"):
            return Value(of.x if attr == "data" else UNKNOWN)
        if is_users(type(of.x)):  # self.W, self.step
            x = inspect.getattr_static(of.x, attr, None)
            return self.read(MethodType(x, of.x) if isinstance(x, FunctionType) else x)
        if attr not in _METHODS or not isinstance(of.x, np.ndarray | np.generic | list | tuple | dict):
            return LIVE
        is_number = attr in ("shape", "ndim", "size", "dtype")
        return Value(getattr(of.x, attr, UNKNOWN), self.formula(e, env, code), of.is_live and not is_number)

    def _indexed(self, e: ast.Subscript, of: Value, at: Value, env: Variables, code: Any) -> Value:
        parts = at.x if isinstance(at.x, tuple) else (at,)
        is_place = all(not is_live(v) or np.asarray(v.x).dtype.kind in "iu" for v in parts if isinstance(v, Value))
        try:
            y: Any = of.x[plain(at.x)] if type(of.x) in _INDEXED and not is_unknown(at) and is_place else UNKNOWN
        except Exception:  # what the user's line does there is not known
            return LIVE
        if y is UNKNOWN or isinstance(y, Value):
            return y if isinstance(y, Value) else LIVE
        is_one_hot = isinstance(e.value, ast.Call) and isinstance(e.slice, ast.Name)  # x = np.eye(4)[i] stays x
        is_given = not of.is_live or np.asarray(y).dtype.kind in "iu"
        return Value(y, self.formula(e, env, code) if is_given and not is_one_hot else None, of.is_live)

    def _applied(
        self, e: ast.expr, f: Any, args: Sequence[Value], env: Variables, code: Any, **given: Any
    ) -> Value:
        if f is None or any(is_unknown(v) or not isinstance(v.x, _SAFE) for v in args):
            return LIVE
        of = args[0].x if args else getattr(f, "__self__", 0)
        if getattr(f, "__name__", "") in ("mean", "var", "std") and not np.size(of):  # of a list that a loop will fill
            return LIVE
        try:
            with np.errstate(all="ignore"):
                y = f(*(plain(v.x) for v in args), **given)
                y = [*y] if isinstance(y, KeysView | ValuesView | ItemsView) else y
        except Exception:  # what the user's line does there is not known
            return LIVE
        live = any(map(is_live, args))
        return Value(y, None if live else self.formula(e, env, code), live)

    def _call(self, e: ast.Call, env: Variables, code: Any) -> Value:
        f = self.value(e.func, env, code).x
        args, is_listed = list[Value](), True
        for x in e.args:
            of = self.value(x.value if isinstance(x, ast.Starred) else x, env, code)
            items = self.items(of) if isinstance(x, ast.Starred) else [of]  # zip(*np.nonzero(counts))
            args, is_listed = args + (items or []), is_listed and items is not None
        given = {key.arg: self.value(key.value, env, code) for key in e.keywords}
        match e.func:
            case ast.Attribute(ast.Name(id=word), "append"):
                whole = env.get(word, LIVE).x
                if isinstance(whole, list):  # which the lines have made
                    whole += args
                return Value(None)
            case ast.Attribute(ast.Name(id=word), "insert") if len(args) == 2 and not is_live(args[0]):
                whole = env.get(word, LIVE).x
                if isinstance(whole, list):
                    whole.insert(args[0].x, args[1])
                return Value(None)
            case ast.Attribute(ast.Name(id=word), "reverse") if not args:
                whole = env.get(word, LIVE).x
                if isinstance(whole, list):
                    whole.reverse()
                return Value(None)
        return LIVE if _is_open(e) or not is_listed else self._value_of(e, f, args, given, env, code)

    def _value_of(
        self, e: ast.Call, f: Any, args: Sequence[Value], given: Mapping[Any, Value], env: Variables, code: Any
    ) -> Value:
        """The result of a call that only computes, or of one of the user's functions."""
        if (user := _function(f)) is not None:
            args = [Value(user.owner), *args] if user.owner is not None else args
            y = self.returned[code.co_filename, span(e)] = self._returned(user, args, given)
            return y
        if getattr(f, "__name__", "") == "scan" and len(args) == 3 and (user := _function(args[0].x)) is not None:
            return self._scanned(user, args[1], self.items(args[2]))
        if f in (len, enumerate, zip, reversed, list, tuple) and args:
            return self._listed(e, f, args, given, env, code)
        if "requires_grad" in given and args and not is_unknown(args[0]):
            return Value(plain(args[0].x), is_live=True)
        if not _is_pure(f) or any(map(is_unknown, given.values())):
            return LIVE
        y = self._applied(e, f, args, env, code, **{str(w): plain(v.x) for w, v in given.items()})
        of = y
        if isinstance(e.func, ast.Attribute) and isinstance(getattr(f, "__self__", None), np.ndarray | np.generic):
            of = self.last((code.co_filename, span(e.func.value)))
        return Value(y.x, is_live=True) if is_live(of) else y

    def _scanned(self, f: _Function, carry: Value, items: Sequence[Value] | None) -> Value:
        """The result of ``scan(f, carry, xs)``."""
        for item in items or ():
            carry = (self.items(self._returned(f, [carry, item], {})) or [LIVE])[0]
        return Value((carry, LIVE))

    def _listed(
        self, e: ast.Call, f: Any, args: Sequence[Value], given: Mapping[Any, Value], env: Variables, code: Any
    ) -> Value:
        """A length, or a list of the entries of lists."""
        x = args[0].x
        if f is len:
            is_known = isinstance(x, np.ndarray) and x.ndim or isinstance(x, list | tuple | dict | str | range)
            return Value(len(x), self.formula(e, env, code)) if is_known else LIVE
        each = [self.items(v) for v in (args[:1] if f is enumerate else args)]
        if None in each:
            return LIVE
        if f is zip:
            return Value([Value(parts) for parts in zip(*(of or () for of in each), strict=False)])
        if f is enumerate:
            start = plain((*args[1:], given.get("start", Value(0)))[0].x)
            return Value([Value((Counter(k, self.number(k)), v)) for k, v in enumerate(each[0] or (), start)])
        return Value((each[0] or [])[:: -1 if f is reversed else 1])

    def _returned(self, f: _Function, args: Sequence[Value], given: Mapping[Any, Value]) -> Value:
        """The result of a function of the user's."""
        spec = f.at.args
        words = [a.arg for a in (*spec.posonlyargs, *spec.args)]
        env = {**f.around}
        for word, e in zip(words[::-1], spec.defaults[::-1], strict=False):
            y = self.value(e, f.around, f.code)
            env[word] = self.default(word, y) if isinstance(e, ast.Constant) and type(e.value) is float else y
        env |= dict(zip(words, args, strict=False)) | {**given}
        if isinstance(f.at, ast.Lambda):
            return self.value(f.at.body, env, f.code)
        try:
            self._block(f.at.body, env, f.code)
        except _Ends as end:
            if end.how != "return":
                raise
            return end.value
        return Value(None)


def targets(line: ast.AST) -> Iterator[str]:
    """The variables that a line assigns, or adds something to, apart from functions in it."""
    stack = [line]
    while stack:
        match at := stack.pop():
            case ast.Lambda() | ast.ListComp() | ast.GeneratorExp():
                continue
            case ast.FunctionDef(name=word):
                yield word
                continue
            case ast.Name(id=word, ctx=ast.Store()) | ast.Subscript(ast.Name(word), ctx=ast.Store()):
                yield word
            case ast.Call(ast.Attribute(ast.Name(word), "append" | "extend" | "insert" | "reverse")):
                yield word
        stack += ast.iter_child_nodes(at)


def is_once(target: ast.Name, code: CodeType) -> bool:
    """True if a variable is assigned once, and in no loop: then its name says what it is."""
    return len(bound(code, target.id) or ()) == 1 and not is_repeated(code, target)


def plain(x: Any) -> Any:
    """A value without the formulas of its parts."""
    if isinstance(x, Value):
        return plain(x.x)
    return type(x)(map(plain, x)) if type(x) in (list, tuple) else x


def is_live(v: Value) -> bool:
    """True if something is a Tensor, or has one in it."""
    return v.is_live or type(v.x) in (list, tuple) and any(isinstance(part, Value) and is_live(part) for part in v.x)


def is_unknown(v: Value) -> bool:
    """True if something is unknown, or a part of it."""
    return v.x is UNKNOWN or type(v.x) in (list, tuple) and any(isinstance(p, Value) and is_unknown(p) for p in v.x)


def is_regular(x: Any) -> bool:
    """True if something is an array, or a list of numbers or arrays that is one."""
    if isinstance(x, list | tuple):
        return {type(part) for part in x} in ({int}, {float}, {np.ndarray}) and len({np.shape(part) for part in x}) == 1
    return isinstance(x, np.ndarray | int | float | np.generic)


def _is_pure(f: Any) -> bool:
    """True if a function only computes: one of NumPy's, a method of an array, a row that draws nothing."""
    try:
        is_numpys = f in _CALLED or f in ROWS
    except TypeError:
        return False
    is_method = isinstance(getattr(f, "__self__", None), np.ndarray | np.generic | list | tuple | dict)
    return is_numpys or is_method or isinstance(f, Primitive) and "generator" not in f.keywords


def is_users(kind: Any) -> bool:
    """True if a class or a function is the user's."""
    library = str(getattr(kind, "__module__", "")).partition(".")[0]
    return library not in (__name__.partition(".")[0], "numpy", "scipy", "builtins")


def _function(f: Any) -> _Function | None:
    """A function of the user's, a method, or what a module of the user's computes; None for anything else."""
    if isinstance(f, _Function):
        return f
    owner = getattr(f, "__self__", None) if isinstance(f, MethodType) else None
    if not callable(f) or not is_users(f if isinstance(f, FunctionType | MethodType) else type(f)):
        return None
    if not isinstance(f, FunctionType | MethodType):
        f, owner = inspect.getattr_static(f, "forward", inspect.getattr_static(f, "__call__", None)), f
    f = inspect.unwrap(f.__func__ if isinstance(f, MethodType) else f)
    at = source_of(f.__code__) if isinstance(f, FunctionType) else None
    is_it = isinstance(at, ast.FunctionDef | ast.Lambda) and getattr(at, "name", "<lambda>") == f.__name__
    return _Function(at, {}, f.__code__, owner) if is_it else None  # type: ignore[arg-type]  # it is no module


def _inside(code: CodeType, at: ast.FunctionDef | ast.Lambda, word: str) -> CodeType:
    """The code of a function that some code defines."""
    several = (of for of in code.co_consts if isinstance(of, CodeType))
    return next((of for of in several if (of.co_name, of.co_firstlineno) == (word, first_line(at))), code)


def _is_open(e: ast.Call) -> bool:
    """True if a call has keywords that are not listed, or writes into an array."""
    return any(k.arg in (None, "out") for k in e.keywords)


def _loaded(target: ast.expr) -> ast.expr:
    e = deepcopy(target)
    e.ctx = ast.Load()  # type: ignore[attr-defined]  # of a name, an attribute or an entry
    return e
