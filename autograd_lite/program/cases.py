"""Branches of which both sides are recorded: ``if c: s = s + x`` as ``s = s + where(c, x, 0)``.

A trace has no value for a test on what it records. So the source of a traced function is rewritten: where a test is
recorded, both sides of the branch run, each from the variables as they were before it, and every variable that one of
them assigns becomes a choice. What no choice can express stays a branch: ``break``, a call, an entry that is written.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from copy import deepcopy
from functools import reduce
from itertools import count
from operator import add, sub
from types import CodeType, FunctionType, MethodType
from typing import Any

import numpy as np

from ..base.code import with_inner
from ..engine.context import is_traced
from ..engine.node import Params
from ..engine.operands import raw
from ..engine.replay import value_of
from ..engine.value import wrap
from ..table import TABLE
from ..tensor import Tensor
from .assignments import source_of, tree

DECORATORS = 9  # lines before a function

_UNBOUND = object()
_OPPOSITE: dict[Any, Any] = {ast.Eq: ast.NotEq, ast.Lt: ast.GtE, ast.Gt: ast.LtE, ast.In: ast.NotIn, ast.Is: ast.IsNot}
_OPPOSITE |= {b: a for a, b in _OPPOSITE.items()}
_PREFIX = "_autograd_"  # of the variables and functions that are added
_RESULT = f"{_PREFIX}result"


def with_cases(f: Any, space: Params | None = None) -> Any:
    """`f` with both sides of its branches, and with functions of its module that are so too; `f` if it has none."""
    if isinstance(f, MethodType):
        return MethodType(with_cases(f.__func__, space), f.__self__)
    if not isinstance(f, FunctionType):
        return f
    names, code = f.__globals__, f.__code__
    space = {**names, **_ADDED} if space is None else space
    for word in code.co_names:
        g = names.get(word)
        if isinstance(g, FunctionType) and g.__globals__ is names and space[word] is g and g is not f:
            space[word] = None  # so that functions that call each other end
            space[word] = with_cases(g, space)
    made = _compiled(f)
    new = FunctionType(made, space, f.__name__, f.__defaults__, f.__closure__)
    new.__kwdefaults__ = f.__kwdefaults__
    return new


def _compiled(f: FunctionType) -> CodeType:
    """The code of a function with both sides of its branches; its own where the source does not show it."""
    code, source = f.__code__, source_of(f.__code__)
    if not isinstance(source, ast.FunctionDef) or source.name != f.__name__ or "__class__" in code.co_freevars:
        return code
    if _code_of(tree(code.co_filename), code).co_code != code.co_code:  # the file has been written to since
        return code
    made = _Cases().visit(deepcopy(source))
    made.decorator_list = []
    around: Any = ast.parse(f"def around({', '.join(code.co_freevars)}): pass").body[0]
    around.body = [made]
    new = _code_of(ast.fix_missing_locations(ast.Module([around], [])), code)
    return new if new.co_freevars == code.co_freevars else code


def _code_of(module: Any, like: CodeType) -> CodeType:
    """The code in a module at the place of another."""
    every = with_inner(compile(module, like.co_filename, "exec", dont_inherit=True))
    first = like.co_firstlineno
    return next(c for c in every if c.co_name == like.co_name and first <= c.co_firstlineno <= first + DECORATORS)


class _Cases(ast.NodeTransformer):
    """Rewrites the branches of a function."""

    def __init__(self) -> None:
        self.numbers, self.counters = count(), list[str]()  # the variables of the loops around a statement

    def visit_FunctionDef(self, at: ast.FunctionDef) -> Any:
        joined = _tail(at.body, ast.Return)
        if len(joined) < len(at.body) and _is_complete(joined):
            result = ast.copy_location(ast.Return(ast.Name(_RESULT, ast.Load())), at.body[-1])
            at.body = [*joined, result]
        return self.generic_visit(at)

    def visit_For(self, at: ast.For) -> Any:
        at.body = _tail(at.body, ast.Continue)
        self.counters.append(ast.unparse(at.target))
        self.generic_visit(at)
        self.counters.pop()
        return at

    def visit_If(self, at: ast.If) -> Any:
        self.generic_visit(at)
        at.test = self._tested(at.test)
        if self._is_rare(at.test) or not all(map(_is_choice, (*at.body, *at.orelse))):
            return at
        sides = at.body, at.orelse = [[_Assigned().visit(s) for s in side] for side in (at.body, at.orelse)]
        words = list(dict.fromkeys(w for side in sides for s in side for w in _stored(s)))
        k = next(self.numbers)
        before = [f"{w} = {_PREFIX}before({_PREFIX}b{k}, {w!r})" for w in words]
        m = f"{_PREFIX}m{k}"  # apart from it, so that the variable has one operation
        operands = f"{_PREFIX}t{k}, {_PREFIX}b{k}, {_PREFIX}s{k}"
        two = "{m} = {f}({w!r}, {w}, {xs})", "{w} = {m}[0](*{m}[1:])"
        merged = [line.format(m=m, f=f"{_PREFIX}merged", w=w, xs=operands) for w in words for line in two]
        text = [
            f"{_PREFIX}t{k} = TEST", f"if {_PREFIX}is_recorded({_PREFIX}t{k}):",
            f"    {_PREFIX}b{k} = dict(locals())", "    BODY", f"    {_PREFIX}s{k} = dict(locals())",
            *(f"    {line}" for line in before), "    ORELSE", *(f"    {line}" for line in merged),
            f"elif {_PREFIX}t{k}:", "    BODY", "else:", "    ORELSE",
        ]  # fmt: skip
        return _statements("\n".join(text), at, TEST=at.test, BODY=at.body, ORELSE=at.orelse or [ast.Pass()])

    def _is_rare(self, test: ast.expr) -> bool:
        """Whether a test holds in few rounds, or in all but few, of several loops: ``j == y[i]``; or in three loops."""
        sides = [test.left, test.comparators[0]] if isinstance(test, ast.Compare) else []
        names = [{e.id for e in ast.walk(side) if isinstance(e, ast.Name)} for side in sides]
        turns = [isinstance(side, ast.Name) and side.id in self.counters for side in sides]
        is_label = turns in ([True, False], [False, True]) and not names[turns.index(False)] <= {*self.counters}
        return len(self.counters) > 2 or len(self.counters) > 1 and is_label

    def visit_IfExp(self, at: ast.IfExp) -> Any:
        self.generic_visit(at)
        t, test = f"{_PREFIX}t{next(self.numbers)}", self._tested(at.test)
        text = f"{_PREFIX}chosen({t}, A, B) if {_PREFIX}is_recorded({t} := TEST) else A if {t} else B"
        return _expression(text, at, TEST=test, A=at.body, B=at.orelse)

    def visit_Subscript(self, at: ast.Subscript) -> Any:
        """The rows of an identity matrix at labels, ``np.eye(3)[y]``, which NumPy cannot take at recorded ones."""
        self.generic_visit(at)
        match at:
            case ast.Subscript(ast.Call(ast.Attribute(attr="eye" | "identity"), [k], []), ast.Name() as y, ast.Load()):
                return _expression(f"{_PREFIX}rows(A, Y, K)", at, A=at.value, Y=y, K=k)
        return at

    def visit_Call(self, at: ast.Call) -> Any:
        match at:
            case ast.Call(
                ast.Name("sum") | ast.Attribute(attr="sum"),
                [ast.GeneratorExp(e, [ast.comprehension(ifs=[_, *_]) as each])
                 | ast.ListComp(e, [ast.comprehension(ifs=[_, *_]) as each]) as inside, *_],
            ):  # fmt: skip
                test = each.ifs[0] if len(each.ifs) == 1 else ast.copy_location(ast.BoolOp(ast.And(), each.ifs), e)
                inside.elt = ast.copy_location(ast.IfExp(test, e, ast.copy_location(ast.Constant(0), e)), e)
                each.ifs = []
            case ast.Call(ast.Name("max" | "min" as word), [a, b], []):
                return _expression(f"{_PREFIX}{word}(A, B)", at, A=self.visit(a), B=self.visit(b))
        return self.generic_visit(at)

    def _tested(self, e: ast.expr) -> ast.expr:
        """A test with what is recorded in it: ``a and b`` as ``logical_and(a, b)``."""
        match e:
            case ast.BoolOp(op, values):
                word, ends = ("both", "not") if isinstance(op, ast.And) else ("either", "")

                def joined(a: ast.expr, b: ast.expr) -> ast.expr:
                    x = f"{_PREFIX}t{next(self.numbers)}"
                    plain = f"not {_PREFIX}is_recorded({x} := A) and ({ends} {x})"
                    return _expression(f"{x} if {plain} else {_PREFIX}{word}({x}, B)", e, A=a, B=b)

                return reduce(joined, map(self._tested, values))
            case ast.UnaryOp(ast.Not(), of):
                return _opposite(self._tested(of))
            case ast.Compare(left, [_, _, *_], others):
                both = zip([left, *others], e.ops, others, strict=False)
                pairs = (ast.Compare(deepcopy(a), [op], [b]) for a, op, b in both)
                parts: list[ast.expr] = [ast.copy_location(pair, e) for pair in pairs]
                return self._tested(ast.copy_location(ast.BoolOp(ast.And(), parts), e))
        return e


def _tail(body: list[ast.stmt], end: Any) -> list[ast.stmt]:
    """A block at whose end a round of a loop, or a function, ends: what follows a branch with that end is its other
    side.
    """
    for k, at in enumerate(body):
        if not isinstance(at, ast.If):
            continue
        rest, ends = body[k + 1 :], [bool(s) and isinstance(s[-1], end) for s in (at.body, at.orelse)]
        if rest and not any(ends):
            continue
        one, other = at.body + (not ends[0]) * rest, at.orelse + (not ends[1]) * rest
        sides = [_tail(one, end), _tail(other, end)]
        test, sides = (at.test, sides) if sides[0] else (_opposite(at.test), sides[::-1])
        return [*body[:k], ast.copy_location(ast.If(test, sides[0] or [ast.Pass()], sides[1]), at)]
    if body and isinstance(last := body[-1], end):
        value = getattr(last, "value", None)
        given = [] if value is None else [ast.copy_location(ast.Assign([ast.Name(_RESULT, ast.Store())], value), last)]
        return [*body[:-1], *given]
    return body


def _is_complete(body: Sequence[ast.stmt]) -> bool:
    """Whether a block ends with a result on all sides, and nowhere else."""
    *front, last = body or [ast.Pass()]
    if any(isinstance(at, ast.Return) for part in front for at in ast.walk(part)):
        return False
    if isinstance(last, ast.If):
        return _is_complete(last.body) and _is_complete(last.orelse)
    return isinstance(last, ast.Assign) and ast.unparse(last.targets[0]) == _RESULT


def _opposite(e: ast.expr) -> ast.expr:
    """The test that is true where this one is false."""
    if isinstance(e, ast.Compare) and len(e.ops) == 1:
        return ast.copy_location(ast.Compare(e.left, [_OPPOSITE[type(e.ops[0])]()], e.comparators), e)
    return _expression(f"{_PREFIX}no(A)", e, A=e)


def _is_choice(at: ast.stmt) -> bool:
    """Whether a statement only assigns to variables."""
    match at:
        case ast.Assign(targets=targets):
            return all(isinstance(t, ast.Name | ast.Tuple) and not isinstance(t, ast.Subscript) for t in targets)
        case ast.AugAssign(target=ast.Name()) | ast.Pass() | ast.Expr(ast.Constant()):
            return True
        case ast.If(body=body, orelse=orelse) | ast.For(target=ast.Name(), body=body, orelse=orelse):
            return all(map(_is_choice, (*body, *orelse)))
    return False


def _stored(at: ast.AST) -> list[str]:
    """The variables that a statement assigns."""
    names = (e for e in ast.walk(at) if isinstance(e, ast.Name) and isinstance(e.ctx, ast.Store))
    return [e.id for e in names if not e.id.startswith(_PREFIX) or e.id == _RESULT]


class _Assigned(ast.NodeTransformer):
    """``s += x`` as ``s = s + x``, which changes no array."""

    def visit_AugAssign(self, at: ast.AugAssign) -> Any:
        value = ast.BinOp(ast.Name(ast.unparse(at.target), ast.Load()), at.op, at.value)
        return ast.copy_location(ast.Assign([at.target], ast.copy_location(value, at)), at)


class _Filled(ast.NodeTransformer):
    """Code with parts in the place of some names, and at a place of the source."""

    def __init__(self, at: ast.AST, parts: Params) -> None:
        self.at, self.parts = at, parts

    def visit(self, node: ast.AST) -> Any:
        word = node.id if isinstance(node, ast.Name) else getattr(getattr(node, "value", None), "id", None)
        if word in self.parts and isinstance(node, ast.Name) != isinstance(self.parts[word], list):
            return deepcopy(self.parts[word])
        return ast.copy_location(self.generic_visit(node), self.at)


def _statements(text: str, at: ast.stmt, **parts: Any) -> list[ast.stmt]:
    filled: ast.Module = _Filled(at, parts).visit(ast.parse(text))
    return filled.body


def _expression(text: str, at: ast.expr, **parts: Any) -> Any:
    return _Filled(at, parts).visit(ast.parse(text, mode="eval").body)


# ------------------------------------------------------------------------------------------ when the function runs


def _is_recorded(x: Any) -> bool:
    return isinstance(x, Tensor) and x.size == 1 and is_traced(x)


def _merged(word: str, other: Any, test: Any, before: Params, one: Params) -> Any:
    """The last operation for what a variable is after a branch, and its operands: a value to which one side, or both,
    add something, or one of two values.
    """
    start, first = before.get(word, _UNBOUND), one[word]
    terms = [of for x in (first, other) if (of := _added(x, start)) is not None]
    if first is other or len(terms) < 2:
        return _chosen, test, first, other
    is_less = all(sign < 0 for of in terms for sign, _ in of)
    sides = (_sum_of([(-sign if is_less else sign, x) for sign, x in of]) for of in terms)
    return sub if is_less else add, start, np.where(test, *sides)


def _chosen(test: Any, one: Any, other: Any) -> Any:
    if one is other or other is _UNBOUND:
        return one
    if one is _UNBOUND:
        return other
    is_zero = type(other) is int and other == 0
    if not is_zero and np.shape(raw(one)) != np.shape(raw(other)) or np.asarray(raw(one)).dtype.kind not in "biufc":
        raise TypeError("the sides of a branch differ in more than their numbers")
    return np.where(test, one, other)


def _added(x: Any, start: Any) -> list[tuple[int, Any]] | None:
    """What was added to `start`, each with its sign; None if `x` is something else."""
    terms: list[tuple[int, Any]] = []
    while x is not start:
        n = x._node if isinstance(x, Tensor) else None
        if n is None or n.row is None or n.row.algebra not in ("sum", "difference"):
            return None
        x, last = (x if p is None else wrap(value_of(p), p) for p, x in zip(n.parents, n.xs, strict=True))
        terms.insert(0, (1 if n.row.algebra == "sum" else -1, last))
        if isinstance(x, Tensor) and isinstance(start, Tensor) and x._node is start._node or _is_same(x, start):
            break
    return terms


def _sum_of(terms: Sequence[tuple[int, Any]]) -> Any:
    y = None
    for sign, x in terms:
        y = (x if sign > 0 else -x) if y is None else y + x if sign > 0 else y - x
    return 0 if y is None else y


def _is_same(x: Any, start: Any) -> bool:
    return not isinstance(x, Tensor) and not isinstance(start, Tensor) and np.ndim(x) == 0 and bool(x == start)


def _both(a: Any, b: Any) -> Any:
    return b if not _is_recorded(a) else np.logical_and(a, b) if _is_recorded(b) else a if b else b


def _either(a: Any, b: Any) -> Any:
    return b if not _is_recorded(a) else np.logical_or(a, b) if _is_recorded(b) else b or a


def _rows(identity: Any, labels: Any, count: Any) -> Any:
    is_recorded = isinstance(labels, Tensor) and is_traced(labels) and labels.dtype.kind in "iu"
    return TABLE["one_hot"](labels, count, labels.ndim).astype(float) if is_recorded else identity[labels]


#: The functions that rewritten code calls.
_ADDED = {
    f"{_PREFIX}{word}": f for word, f in {
        "is_recorded": _is_recorded, "before": lambda variables, word: variables.get(word, _UNBOUND),
        "merged": _merged, "rows": _rows, "chosen": _chosen, "both": _both, "either": _either,
        "no": lambda a: np.logical_not(a) if _is_recorded(a) else not a,
        "max": lambda a, b: np.maximum(a, b) if _is_recorded(a) or _is_recorded(b) else max(a, b),
        "min": lambda a, b: np.minimum(a, b) if _is_recorded(a) or _is_recorded(b) else min(a, b),
    }.items()
}  # fmt: skip
