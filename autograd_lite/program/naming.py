"""The names of values: those of the variables they were assigned to, of arguments, of the modules that own them."""

from __future__ import annotations

import ast
import dis
import inspect
import sys
import weakref
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import count, groupby, takewhile
from string import ascii_lowercase
from types import CellType, CodeType, FunctionType
from typing import Any, NamedTuple

import numpy as np

from ..base.escape import plain
from ..engine.context import Steps
from ..engine.node import Function, Node, Shape, Values
from ..engine.position import users_frame
from ..tensor import Tensor
from .assignments import assigned as assigned_to, first_line, functions_at, rows, tree
from .equation import Equation


def groups(of: Equation | Node, steps: bool = False) -> list[Any]:
    """The composite calls and modules during which a node or an equation was recorded, outermost first.

    With `steps`, also the loops and their steps, in which stands the user's own code.
    """
    path = []
    group = of.group
    while group is not None:
        if steps or not isinstance(group, Steps):
            path.append(group)
        group = group.outer
    return path[::-1]


def called(of: Equation | Node) -> list[Any]:
    """:func:`groups` without modules of the user's own, in whose ``forward`` stands the user's code."""
    return [group for group in groups(of) if not _is_own(getattr(group, "module", None))]


def _is_own(module: object) -> bool:
    return module is not None and not type(module).__module__.startswith(__name__.partition(".")[0])


def label(path: Sequence[Any]) -> str:
    """The name of a place inside modules, ``Net.hidden.0 (Linear)``, composite calls included."""
    places = _words(path)
    last = plain(path[-1].name) if path else ""
    return ".".join(places) + (f" ({last})" if places and places[-1] != last else "")


def _words(path: Sequence[Any]) -> list[str]:
    places = []
    outer = None
    for group in path:
        module = getattr(group, "module", None)
        place = None
        if module is not None and outer is not None:
            place = place_in(outer, module)
        places.append(plain(place or group.name))
        outer = module
    return places


def place_in(outer: Any, module: object) -> str:
    """The path to a module inside another one, ``layers.0``; empty if it is not in it."""
    places = _PLACES.setdefault(outer, {})
    word = places.get(id(module))
    if word is None or not _is_at(outer, word, module):  # it was built, or changed, since
        places.clear()
        for path, part in outer.named_modules():
            if path:
                places.setdefault(id(part), path)
        word = places.get(id(module), "")
    return word


_PLACES: weakref.WeakKeyDictionary[Any, dict[int, str]] = weakref.WeakKeyDictionary()


def _is_at(outer: Any, path: str, module: object) -> bool:
    for word in path.split("."):
        outer = outer._modules.get(word) if outer is not None else None
    return outer is module


def qualified(nodes: Iterable[Node]) -> dict[Node, str]:
    """Different names for parameters with the same name: ``weight_0`` and ``weight_2``, not ``weight`` twice."""
    users: dict[Node, Node] = {}
    for n in nodes:
        for p in n.parents:
            if p is not None and p.row is None and p.name is not None:
                users.setdefault(p, n)
    often = Counter(p.name for p in users)
    names = {}
    for p, n in users.items():
        if often[p.name] == 1:
            continue
        path = [group for group in groups(n) if getattr(group, "module", None) is not None]
        place = ".".join(_words(path)[1:]).replace(".", "_") or (path[0].name if path else "")
        if place:
            names[p] = f"{p.name}_{place}"
    return names


def assigned(nodes: Iterable[Node], known: Mapping[Node, str] | None = None) -> list[tuple[Node, str]]:
    """The variables that results were assigned to, ``h = np.tanh(a)``, from the next instruction of the user's code.

    `known` are the names of inputs. In ``for x, y in zip(xs, ys)`` with ys a constant x is the variable of xs.
    """
    found = []  # with the composite call of which a node is a step
    unpacked: Counter[tuple[CodeType, int]] = Counter()
    nodes = [n for n in nodes if n.code is not None and n.parts is None]
    codes = {n.code for n in nodes}
    inside = Counter((n.code, n.at, group) for n in nodes if (group := next(iter(called(n)), None)) is not None)
    taken_from: dict[Any, list[Node | None]] = {}
    every: dict[Any, list[Node]] = {}
    for n in nodes:
        taken_from.setdefault((n.code, n.at), []).append(n.parents[0] if n.parents else None)
        every.setdefault((n.code, n.at), []).append(n)
    for n in nodes:
        targets = _chosen(n, _targets(n), taken_from[n.code, n.at], known or {})
        outermost = next(iter(called(n)), None)
        if outermost is not None and targets and len(targets) > 1:  # i, f = np.split(z, 2)
            if inside[n.code, n.at, outermost] != len(targets):
                continue
            outermost = n
        targets = _target(n, every[n.code, n.at], codes) if targets and targets[0] == _RETURNED else targets
        word = targets[unpacked[n.code, n.at] % len(targets)] if targets else None
        word = _state(n, word, every[n.code, n.at], codes) if word is not None else None
        unpacked[n.code, n.at] += 1
        if word is not None and word.isidentifier() and not word.startswith("_"):  # pytest assigns to @py_assert1
            found.append((n, outermost or n, word))
    latest: dict[Values, tuple[Node, str]] = {}
    for at, together in groupby(found, key=lambda each: (each[0].code, each[0].at)):
        run = [*together]
        if len({n.row for n, _, _ in run}) > 1:  # a transform, not one operation in a loop: its last step
            run = [each for each in run[:-1] if each[0] is not each[1]] + run[-1:]
        latest |= {(*at, call): (n, word) for n, call, word in run}  # of a composite call, its last step
    return list(latest.values())


def _chosen(
    n: Node, targets: Sequence[str] | dict[str, str], taken: Sequence[Any], known: Mapping[Node, str]
) -> Sequence[str]:
    """Those of the targets of a line that may have the value of `n`."""
    at = n.params.get("index") if n.row is not None and n.row.algebra == "index" else None
    if isinstance(targets, dict):
        return _of_round(n, targets, taken, known)
    is_part = type(at) is int and at < len(targets) > 1  # s, i, r = y, of which perhaps not all are used
    return targets[at : at + 1] if is_part and at is not None else targets


def _of_round(n: Node, targets: Mapping[str, str], taken: Sequence[Any], known: Mapping[Node, str]) -> list[str]:
    """The variables of a loop, each with what it is taken from, that may have the row `n` of one of the `taken`."""
    p: Any = n.parents[0]
    named = {known.get(p, p.name), *(_targets(p) if p.code is not None else ())}
    first = {*taken[: len(targets)]}  # in the first round; what is taken next is of the second, or unpacked: (c, o)
    is_each = len(first) == len(targets) and first.issuperset(taken[len(targets) : len(targets) + 1])
    return [word for word, of in targets.items() if is_each or of in named]


def _is_part(n: Node) -> bool:
    """True for one of the results of a call."""
    return any(p is not None and p.parts is not None for p in n.parents)


def _targets(n: Node) -> Sequence[str] | dict[str, str]:
    """The variables that a node is assigned to; of a composite call those of all its results, ``i, f = split(z)``."""
    targets: Any = _stores(n.code, _is_part(n)).get(n.at, ()) or _several(n.code, n.at)
    targets = targets or [_RETURNED] * (_positions(n.code)[n.at // 2] in _source(n.code).returned)
    return targets[n.params["index"] :][:1] if _is_part(n) and len(targets) > 1 else targets


def rounds(words: Mapping[Node, str]) -> dict[Node, tuple[Any, int]]:
    """The place of each assignment to a variable in a loop, and in which step it was made: 1, 2, …

    The steps are counted at the place that is reached most often. What the first step did to constants alone was not
    recorded, and begins with 2. What a function of the user's assigns or returns was assigned in the loop in each of
    whose steps it was called; if it was called several times in each, every call is a place.
    """
    loops: dict[Any, dict[tuple[int, str], list[Node]]] = {}
    for n in sorted(words, key=lambda n: -n.order):
        if n.code is not None and n.at is not None:
            turn = _turn(n.code, n.at)
            turn = turn and _taken_by(n.code, n.at) or turn  # k of an inner loop is none of the outer one's
            loops.setdefault((n.code, turn), {}).setdefault((n.at, words[n]), []).append(n)
    called = {(code, *at): ns for (code, loop), places in loops.items() if loop is None for at, ns in places.items()}
    turns: dict[Node, tuple[Any, int]] = {}
    for (code, loop), places in loops.items():
        if loop is None:
            continue
        at, counted = max(places.items(), key=lambda at: len(at[1]))
        orders = [-n.order for n in counted]
        for other, ns in places.items():
            is_before = other[0] < at[0] or other[0] == at[0] and -ns[0].order <= orders[0]
            steps = [bisect_left(orders, -n.order) + is_before for n in ns]
            if len({*steps}) == len(ns):
                turns |= {n: ((code, other), k) for n, k in zip(ns, steps, strict=True)}
        for where, ns in called.items():
            often = -(-len(ns) // len(orders)) if len(orders) > 1 else 1
            before = often * len(orders) - len(ns)  # what the first step did
            steps = [bisect_left(orders, -n.order) for n in ns]
            if where[0] is not code and steps == [k // often + steps[0] for k in range(before, len(orders) * often)]:
                turns |= {n: ((*where, k % often + 1), k // often + 1) for k, n in enumerate(ns, before)}
    return turns


def loop_at(code: CodeType, at: int) -> tuple[int, int] | None:
    """The lines of the innermost loop of `code` in which an instruction is."""
    line = _positions(code)[at // 2][0]
    around = [(a, b) for a, b in _source(code).loops if code.co_firstlineno <= a <= (line or 0) <= b]
    return max(around, default=None)


def _turn(code: CodeType, at: int) -> Shape | None:
    """The place of the innermost comprehension, or else the lines of the loop, in which an instruction is."""
    line, end, column, last = _positions(code)[at // 2]
    every = _source(code).comprehensions if line is not None else ()
    around = [at for at in every if (at[0], at[2]) <= (line, column) and (end, last) <= (at[1], at[3])]
    return max(around) if around else loop_at(code, at)


def is_in_loop(eq: Equation) -> bool:
    """Whether an equation is in a loop of the function of the user's that it is in."""
    return loop_of(eq) is not None


def loop_of(eq: Equation) -> Any:
    """The innermost loop of the function of the user's that an equation is in: its code, and the lines."""
    code, at = eq.code, eq.origin.at
    lines = None if code is None or code.co_filename.startswith("<autograd_lite") else loop_at(code, at)
    return None if lines is None else (code, lines)


def turn_of(eq: Equation) -> Any:
    """:func:`loop_of`, or the innermost comprehension that an equation is in; what ``sum`` adds up is in that too."""
    code, e = eq.code, expression(eq)
    if code is None or code.co_filename.startswith("<autograd_lite"):
        return None
    match e:
        case ast.Call(func=ast.Name("sum"), args=[ast.GeneratorExp() as inside]):
            return code.co_filename, span(inside)
    turn = _turn(code, eq.origin.at)
    return None if turn is None else (code.co_filename, turn) if len(turn) > 2 else (code, turn)


def is_turn(eq: Equation) -> bool:
    """Whether an equation reads what a loop takes in its turn, x of ``for x in xs``."""
    return eq.code is not None and eq.code.co_code[eq.origin.at] == dis.opmap["FOR_ITER"]


def round_of(eq: Equation) -> Any:
    """:func:`loop_of`, also of the rows that a loop takes in turn, ``for x, y in zip(xs, ys)``."""
    return loop_of(eq) or taken_by(eq)


def taken_by(eq: Equation) -> Any:
    """The loop in whose turn an equation reads what the loop takes, as :func:`loop_of` has it; None for others."""
    lines = _taken_by(eq.code, eq.origin.at) if eq.code is not None else None
    return None if lines is None else (eq.code, lines)


def _taken_by(code: CodeType, at: int) -> tuple[int, int] | None:
    if code.co_code[at] != dis.opmap["FOR_ITER"]:
        return None
    line = _positions(code)[at // 2][0] or 0
    return min((lines for lines in _source(code).loops if lines[0] > line), default=None)


def outside(turn: Any) -> Any:
    """The innermost comprehension around one, as :func:`turn_of` has them; None for another loop."""
    file, at = turn
    if not isinstance(file, str):
        return None
    every = _looked_through(tree(file)).comprehensions
    around = [of for of in every if of != at and (of[0], of[2]) <= (at[0], at[2]) and (at[1], at[3]) <= (of[1], of[3])]
    return (file, max(around)) if around else None


def is_inner(loop: Any) -> bool:
    """Whether a loop, as :func:`loop_of` has it, is inside another of its function."""
    code, (a, b, *_) = loop
    return not isinstance(code, str) and any(code.co_firstlineno <= x < a and b <= y for x, y in _source(code).loops)


def _several(code: CodeType, at: int) -> list[str]:
    """The variable that one of several values is assigned to, ``q, k = x @ w, x @ u``; of a comprehension all."""
    return _source(code).several.get(_positions(code)[at // 2], [])


@lru_cache(maxsize=256)
def _stores(code: CodeType, several: bool = False) -> dict[int, Sequence[str] | dict[str, str]]:
    """For each instruction that is followed by an assignment, the variable, or those of ``a, b = x``.

    With `several` also those of the results of a call, ``i, f = np.split(z, 2)``. For the step of a loop, what
    :func:`rows` says.
    """
    stores: dict[int, Sequence[str] | dict[str, str]] = {}
    instructions = list(dis.get_instructions(code))
    for k, a in enumerate(instructions[:-1]):
        size = a.arg or 1 if a.opname == "UNPACK_SEQUENCE" else 1
        targets: list[Any] = [_RETURNED] if instructions[k + 1].opname == "RETURN_VALUE" else []
        if a.opname == "FOR_ITER":
            stores[a.offset] = rows(code, instructions[k + 1].positions)
            continue
        for b in takewhile(lambda i: i.opname.startswith(_STORES), instructions[k + 1 : k + 1 + size]):
            targets += b.argval if isinstance(b.argval, tuple) else [b.argval]  # Python 3.13 fuses two
        if targets:
            # A call of a Python function has the offset of its end, any other operation that of its start.
            start = instructions[k - 1].offset if several and a.opname == "UNPACK_SEQUENCE" else a.offset
            stores.update(dict.fromkeys(range(start, instructions[k + 1].offset, 2), targets[:size]))
    return stores


def _target(n: Node, every: Sequence[Node], codes: Collection[CodeType]) -> list[str]:
    """The variable that the function of the user's in which `n` is returned was assigned to, ``h = cell(x, h)``, or
    which got this part of it, ``h, c = cell(x, h, c)``; `every` time that it was is known, and the `codes` that ran.

    If it is called in several places, that of its turn if it was called once in each; or else that with the operands
    that came from outside as arguments.
    """
    source = _source(n.code)
    called = n.code.co_qualname if n.code.co_name == "__call__" else n.code.co_name
    called = source.lambdas.get(n.code.co_firstlineno) if n.code.co_name == "<lambda>" else called
    calls = [(call, word) for call, name, word in source.calls if name in (called, n.code.co_name)]
    calls = _made(calls, n.code, codes)
    if len({word for _, word in calls}) > 1:
        calls = _in_turn(n, calls, every, source) or _near(n, calls)
    part, targets = source.returned.get(_positions(n.code)[n.at // 2]), {word for _, word in calls}
    word = targets.pop() if len(targets) == 1 else None
    if part is not None:
        return [word[part]] if isinstance(word, tuple) else []
    each = [x for call, _ in calls for x in source.several.get(span(call), []) if len(calls) == 1]
    return [word] if isinstance(word, str) else each


def _made(calls: list[tuple[ast.Call, Any]], code: CodeType, codes: Collection[CodeType]) -> list[tuple[ast.Call, Any]]:
    """The calls that stand in one of the `codes`, which ran, if there are any; or else all."""
    file, lines = tree(code.co_filename), {c.co_firstlineno for c in codes if c.co_filename == code.co_filename}
    around = [next(iter(functions_at(file, call.lineno)), None) for call, _ in calls]
    firsts = [first_line(f) if f else 1 for f in around]
    return [pair for pair, first in zip(calls, firsts, strict=True) if first in lines] or calls


def _state(n: Node, word: str, every: Sequence[Node], codes: Collection[CodeType]) -> str:
    """The variable h of ``h = step(x, h)`` for next_h, which the function assigns and returns, or of ``h = next_h`` in
    a loop; of ``u, v = net(x), net(y)`` u and v, if each is the call in its turn; of others the same.
    """
    source = _source(n.code)
    line = _positions(n.code)[n.at // 2][0] or 0
    around = [(a, b) for a, b in source.loops if a <= line <= b]
    carried = [to for at, to in source.carried.get(word, ()) if around and max(around)[0] <= at <= max(around)[1]]
    if len(carried) == 1 and carried[0] in word.split("_"):
        return carried[0]
    f = source.functions.get(n.code.co_name)
    returned = [s.value for s in ast.walk(f) if isinstance(s, ast.Return)] if f is not None else []
    parts = getattr(returned[0], "elts", returned) if len(returned) == 1 else []
    at = [k for k, e in enumerate(parts) if isinstance(e, ast.Name) and e.id == word]
    words = set[str]()
    calls = [(call, target) for call, f, target in source.calls if len(at) == 1 and f == n.code.co_name]
    calls = _made(calls, n.code, codes)
    turn = _in_turn(n, calls, every, source) if len({of for _, of in calls}) > 1 else []
    for call, target in turn or calls:
        to = target[at[0]] if isinstance(target, tuple) and at[0] < len(target) else target
        if turn and isinstance(to, str):
            return to
        passed = {getattr(e, "id", None) for e in call.args}
        words.add(to if isinstance(to, str) and to in passed else "")
    return (words.pop() if len(words) == 1 else "") or word


def _in_turn(
    n: Node, calls: Sequence[tuple[ast.Call, Any]], every: Sequence[Node], source: _Source
) -> list[tuple[ast.Call, Any]]:
    """The call that returned `n`, of calls that are made once each, or in each round of one loop; none of others."""
    spans = [span(call) for call, _ in calls]
    repeated = [(a, b) for a, b, *_ in (*source.loops, *source.comprehensions)]
    around = {tuple(of for of in repeated if of[0] <= at[0] <= of[1]) for at in spans}
    if len(around) > 1 or len(every) % len(calls) or len(every) != len(calls) and not any(around):
        return []
    match source.expressions.get(_positions(n.code)[n.at // 2]):
        case ast.Call(func=ast.Name("sum")):  # of several additions
            return []
    if any(around) and any(a <= at[0] <= b for at in spans for a, b in source.branches):
        return []
    ends = sorted(zip(spans, calls, strict=True), key=lambda pair: (pair[0][1], pair[0][3]))
    return [ends[sorted(every, key=lambda n: -n.order).index(n) % len(calls)][1]]


def _near(n: Node, calls: list[tuple[ast.Call, Any]]) -> list[tuple[ast.Call, Any]]:
    """The calls with operands of `n` from outside as arguments."""
    outside, stack = list[Node](), [n]
    while stack and len(outside) < _MANY:
        for p in (p for p in stack.pop().parents if p is not None and p.row is not None):
            (stack if p.code is n.code and _targets(p) != [_RETURNED] else outside).append(p)
    outside = [p for p in outside if p.code is not None]
    places = {_positions(p.code)[p.at // 2] for p in outside}
    names = {word for p in outside for word in _targets(p)}
    near = [(call, word) for call, word in calls if any(span(e) in places for e in call.args)]
    return near or _with_names(calls, names)


def _with_names(calls: Sequence[tuple[ast.Call, Any]], names: set[str]) -> list[tuple[ast.Call, Any]]:
    """The calls with the fewest expressions, ``f(y)`` beside ``f(y + h)``; of several those with some of `names`."""
    plain = {call: sum(isinstance(e, ast.Name) for e in call.args) for call, _ in calls}
    near = [(call, word) for call, word in calls if plain[call] == max(plain.values()) > 0]
    return [pair for pair in near if names & {getattr(e, "id", "") for e in pair[0].args}] or near


_POSITIONS = ("where", "nonzero")  # which return a tuple of arrays
_MANY = 20  # operands of a function; of more, no variable is looked for
_RETURNED = "return"  # in the place of a variable
_IMPORTS = ast.Import | ast.ImportFrom
_STORES = ("STORE_FAST", "STORE_NAME", "STORE_GLOBAL", "STORE_DEREF")


#: The rows that an operator calls.
OPERATORS = {
    ast.Add: "add", ast.Sub: "subtract", ast.Mult: "multiply", ast.Div: "divide", ast.MatMult: "matmul",
    ast.Pow: "power", ast.Mod: "remainder", ast.FloorDiv: "floor_divide",
}  # fmt: skip


def operand(eq: Equation, k: int) -> ast.expr | None:
    """Operand `k` of an equation as the user wrote it, ``1 - t``; None where the source does not show it."""
    e = _operand(eq, k)
    for _, factor in (taken for taken in eq.origin.scaled if taken[0] == k):
        e = (e.left, e.right)[factor] if isinstance(e, ast.BinOp) and isinstance(e.op, ast.Mult) else None
    return e


def _operand(eq: Equation, k: int) -> ast.expr | None:
    """What stands in the line of an equation as its operand `k`."""
    match expression(eq):
        case ast.BinOp(left, op, right) if len(eq.operands) == 2 and (
            OPERATORS.get(type(op)) == eq.row.name
            or isinstance(op, ast.MatMult) and eq.algebra == "product"  # by a diagonal matrix
        ):
            return (left, right)[k]
        case (
            ast.Compare(left, [_], [right]) | ast.Call(args=[ast.BinOp(left, ast.Mult(), right), *_])
        ) if eq.algebra in ("comparison", "contraction") and len(eq.operands) == 2:  # np.sum(pi * Q, axis=1)
            return (left, right)[k]
        case ast.BinOp(left, ast.Pow(), ast.Constant()) if len(eq.operands) == 1:  # a square
            return left
        case ast.UnaryOp(ast.USub(), of) if eq.algebra == "negation":
            return of
        case ast.Call(ast.Name(word) | ast.Attribute(attr=word) as f, args) if eq.algebra == "concatenation" or (
            eq.row.name.rpartition(".")[2] in (word, getattr(getattr(np, word, None), "__name__", ""))  # of np.abs
        ):
            if isinstance(f, ast.Attribute) and _is_variable(f.value, eq.code):
                args = [f.value, *args]  # of a method
            args = [e for e in args if not isinstance(e, ast.Constant) or not isinstance(e.value, str)]  # of einsum
            match args:
                case [ast.List(joined) | ast.Tuple(joined), *_] if len(joined) == len(eq.operands):  # [x, h]
                    return joined[k]
            return args[k] if len(args) > k else None
    return None


def _is_variable(e: ast.expr, code: CodeType) -> bool:
    """Whether an expression is a variable, and no module."""
    return isinstance(e, ast.Name) and (e.id in code.co_varnames or bool(assigned_to(code, e.id)))


def position(eq: Equation, k: int) -> ast.expr | None:
    """Operand `k` of a lookup, P[u] or P[u, 0], if it is the position."""
    e = expression(eq)
    parts = getattr(e.slice, "elts", [e.slice]) if isinstance(e, ast.Subscript) and k else []
    parts = [part for part in parts if isinstance(part, ast.Name)]
    return parts[k - 1] if len(parts) == len(eq.operands) - 1 else None


def expression(eq: Equation) -> ast.expr | None:
    """An equation as the user wrote it; None where the source does not show it."""
    joins = eq.algebra == "concatenation" and len(called(eq)) == 1  # np.hstack([h, x]), np.append(h, x)
    return line(eq) if joins or not called(eq) else None


def place(eq: Equation) -> Any:
    """The place in the user's code of an equation, which is the same however Python has specialised the instruction."""
    code, at = eq.code, eq.origin.at
    return code, at if code is None else _positions(code)[at // 2]


def parameter(eq: Equation, once: bool = False) -> str:
    """The parameter of a function of the user's for which a value is passed where it is computed, u of ``huber(X @ w -
    y)``, or that another function returns there, h of ``decode(W, encode(W, x))``; or nothing. If `once`, of functions
    of several statements that are called in one place.
    """
    if eq.code is None or eq.code.co_filename.startswith("<autograd_lite"):
        return ""
    source, here = _source(eq.code), place(eq)[1]
    spans = {here}
    while more := {span(call) for call, f, _ in source.calls if f in {source.ends.get(at) for at in spans}} - spans:
        spans |= more
    words, often = set[str](), Counter(f for _, f, _ in source.calls)
    for call, f, _ in source.calls:
        is_read = f in source.functions and (not once or often[f] == 1 and _is_long(source.functions[f]))
        names = [a.arg for a in source.functions[f].args.args] if is_read else []
        is_method = names[:1] == ["self"]
        if is_method == isinstance(call.func, ast.Attribute):
            words |= {word for word, e in zip(names[is_method:], call.args, strict=False) if span(e) in spans}
    return words.pop() if len(words) == 1 else ""


def tests_around(
    equations: Iterable[Equation], decisions: Callable[[CodeType], Iterable[tuple[ast.expr, range]]]
) -> Iterator[ast.expr]:
    """The tests of some code, each with the lines below it, under which equations were recorded."""
    lines: dict[CodeType, set[int]] = {}
    for eq in equations:
        if eq.code is not None and (e := expression(eq)) is not None:
            lines.setdefault(eq.code, set()).add(e.lineno)
    return (test for code, at in lines.items() for test, below in decisions(code) if not at.isdisjoint(below))


def _is_long(f: ast.FunctionDef) -> bool:
    """Whether a function has statements besides what it returns."""
    return sum(not isinstance(getattr(s, "value", None), ast.Constant) for s in f.body) > 1


def line(eq: Equation) -> ast.expr | None:
    """What the user wrote and an equation belongs to, perhaps a call with further ones."""
    code, at = eq.code, eq.origin.at
    if code is None or code.co_filename.startswith("<autograd_lite"):  # a rule
        return None
    return _source(code).expressions.get(_positions(code)[at // 2])


def scopes() -> list[tuple[CodeType | None, Mapping[str, Any]]]:
    """The variables of the user's code that is running, innermost first: those of each function, and global ones."""
    frame, _ = users_frame(1)
    variables: list[tuple[CodeType | None, Mapping[str, Any]]] = []
    while frame is not None:
        variables += [(frame.f_code, frame.f_locals), (None, frame.f_globals)]
        frame = frame.f_back
    return variables


def scopes_around(program: Any) -> list[tuple[CodeType | None, Mapping[str, Any]]]:
    """The variables of :func:`scopes`, and those around the user's code in a program that runs no longer: what its
    function has from outside, and the global ones of modules that were imported.
    """
    f = inspect.unwrap(program.call[0]) if program.call is not None else None
    f = getattr(f, "__func__", f)
    around: list[tuple[CodeType | None, Mapping[str, Any]]] = []
    if isinstance(f, FunctionType):
        cells = zip(f.__code__.co_freevars, f.__closure__ or (), strict=True)
        outer = {w: cell.cell_contents for w, cell in cells if cell != CellType()}
        around += [(f.__code__, outer), (None, f.__globals__)]
    files = {eq.code.co_filename for eq in program.equations if eq.code is not None}
    modules = [m for m in [*sys.modules.values()] if getattr(m, "__file__", None) in files]
    return [*scopes(), *around, *((None, vars(m)) for m in modules)]


def running() -> dict[CodeType, int]:
    """The lines at which the user's code is, by its code, innermost first."""
    frame, _ = users_frame(1)
    lines: dict[CodeType, int] = {}
    while frame is not None:
        lines.setdefault(frame.f_code, frame.f_lineno)
        frame = frame.f_back
    return lines


def reads(code: CodeType, word: str, owner: CodeType | None) -> bool:
    """True if the variable `word` of `code` can be that of the running function `owner`, or a global one if None.

    A variable that `code` does not have stands in what was assigned around it, and can be any.
    """
    if word in code.co_varnames or word in code.co_cellvars:
        return owner is code
    if word in code.co_freevars:
        return owner is not None
    return owner is None or word not in code.co_names or owner is code


def lookup(scopes: Sequence[tuple[CodeType | None, Mapping[str, Any]]]) -> Callable[[str, CodeType | None], Any]:
    """What returns the value of a variable that some code reads, or that of any code, in scopes; None for none."""

    found: dict[tuple[str, int], Any] = {}

    def value(word: str, code: CodeType | None) -> Any:
        if (key := (word, id(code))) not in found:
            having = ((owner, scope) for owner, scope in scopes if word in scope)
            read = [(owner, scope) for owner, scope in having if code is None or reads(code, word, owner)]
            if code is not None:  # of two modules the one of the code
                files = None, code.co_filename
                read.sort(key=lambda pair: pair[0] is None and pair[1].get("__file__") not in files)
            found[key] = read[0][1][word] if read else None
        return found[key]

    return value


@lru_cache(maxsize=256)
def _positions(code: CodeType) -> list[Any]:
    return list(code.co_positions())


def at_place(code: CodeType, e: ast.expr) -> int:
    """The offset of the instruction in `code` that computes an expression; -1 if none does."""
    places = _positions(code)
    return 2 * places.index(span(e)) if span(e) in places else -1


class _Source(NamedTuple):
    """The tables in which the parts of a file are looked up.

    Attributes
    ----------
    expressions : dict
        The expressions by their places.
    calls : list
        The calls, with the name of the function and the variable that each is assigned to, if any.
    loops : list of (int, int)
        The first and the last line of the body of each loop.
    branches : list of (int, int)
        The first and the last line of each ``if``.
    several : dict
        The variable of each value in ``q, k = x @ w, x @ u``, by the place of the value; of what is computed in
        ``q, k = [x @ w for w in ws]`` all.
    lambdas : dict
        The variable of each ``f = lambda x: …``, by its line.
    returned : dict
        Which part of what a function returns a value in ``return v, -k * x`` is, by its place.
    ends : dict
        The name of the function that returns a value, by the place of that.
    functions : dict
        The functions by their names, those with a name of their own.
    carried : dict
        The lines and the variables to which another is assigned, by the name of that, ``h = next_h``.
    """

    expressions: dict[Any, ast.expr]
    calls: list[tuple[ast.Call, str, str | tuple[str, ...] | None]]
    loops: list[tuple[int, int]]
    branches: list[tuple[int, int]]
    comprehensions: list[tuple[int, int, int, int]]
    several: dict[Any, list[str]]
    lambdas: dict[int, str]
    returned: dict[Any, int]
    ends: dict[Any, str]
    functions: dict[str, ast.FunctionDef]
    carried: dict[str, list[tuple[int, str]]]


def _source(code: CodeType) -> _Source:
    return _looked_through(tree(code.co_filename))


@lru_cache(maxsize=256)
def _looked_through(module: ast.AST) -> _Source:
    nodes = [*ast.walk(module)]
    stores = [(s.value, s.targets[0]) for s in nodes if isinstance(s, ast.Assign)]
    pairs = [(getattr(e, "elts", ()), getattr(target, "elts", ())) for e, target in stores]
    matched = [pair for es, ts in pairs if len(es) == len(ts) for pair in zip(es, ts, strict=True)]
    matched = [(e, t) for e, t in matched if isinstance(t, ast.Name)]
    targets = {e: getattr(target, "id", None) for e, target in (*stores, *matched)}
    several = {e: tuple(getattr(part, "id", "") for part in getattr(target, "elts", ())) for e, target in stores}
    results = [getattr(s, "value", getattr(s, "body", None)) for s in nodes if isinstance(s, ast.Return | ast.Lambda)]
    imports = {(a.asname or a.name).partition(".")[0] for s in nodes if isinstance(s, _IMPORTS) for a in s.names}
    loops = [(s.body[0].lineno, s.body[-1].end_lineno or 0) for s in nodes if isinstance(s, ast.For | ast.While)]
    carried: dict[str, list[tuple[int, str]]] = {}
    for e, target in stores + matched:
        if isinstance(e, ast.Name) and isinstance(target, ast.Name):
            carried.setdefault(e.id, []).append((e.lineno, target.id))
    every = [f for f in nodes if isinstance(f, ast.FunctionDef)]
    often = Counter(f.name for f in every)
    functions = {f.name: f for f in every if often[f.name] == 1}
    named = [(f.name, f) for f in functions.values() if f.name != "__call__"]
    named += [(f"{c.name}.__call__", f) for c, f in _call_methods(nodes)]
    inside = ((s, word) for word, f in named for s in ast.walk(f))
    ends = {s.value: f for s, f in inside if isinstance(s, ast.Return) and s.value is not None}
    calls = [*_calls(nodes, imports)]
    stored: dict[ast.expr, str | tuple[str, ...] | None] = {e: targets.get(e) or several.get(e) for e, _ in calls}

    def passed_on(e: ast.expr, within: Sequence[str] = ()) -> str | tuple[str, ...] | None:
        """The variable of a call, or of those of the function that returns it."""
        f = ends.get(e, "")
        if stored.get(e) or not f or f in within:
            return stored.get(e) or None
        words = {passed_on(call, (*within, f)) for call, name in calls if name == f}
        return words.pop() if len(words) == 1 else None

    return _Source(
        expressions={**_sums(nodes), **{span(e): e for e in nodes[::-1] if isinstance(e, ast.expr)}},
        calls=[(e, name, passed_on(e)) for e, name in calls],
        loops=loops,
        branches=[(s.lineno, s.end_lineno or 0) for s in nodes if isinstance(s, ast.If | ast.IfExp)],
        comprehensions=[span(e) for e in nodes if isinstance(e, ast.ListComp | ast.GeneratorExp)],
        several=_appended(nodes, stores) | _listed(stores)
        | {span(e): [t.id] for e, t in matched} | _attributes(stores),
        lambdas={e.lineno: word for e, word in targets.items() if isinstance(e, ast.Lambda) and word},
        returned={span(x): k for e in results if isinstance(e, ast.Tuple) for k, x in enumerate(e.elts)},
        ends={span(e): f for e, f in ends.items()},
        functions=functions,
        carried=carried,
    )


def _listed(stores: Iterable[tuple[ast.expr, ast.expr]]) -> dict[Any, list[str]]:
    """The variables of ``q, k = [x @ w for w in ws]`` and ``r = np.nonzero(m)[0]``, by the place of the values."""
    first = [(e.value, t.id) for e, t in stores if isinstance(e, ast.Subscript) and isinstance(t, ast.Name)]
    return {span(e): [word] for e, word in first if _called(getattr(e, "func", e), ()) in _POSITIONS} | {
        span(e.elt): [part.id for part in t.elts if isinstance(part, ast.Name)]
        for e, t in stores if isinstance(e, ast.ListComp | ast.GeneratorExp) and isinstance(t, ast.Tuple)
    }


_JOINING = ("stack", "array", "concatenate", "vstack", "hstack", "column_stack")


def _appended(
    nodes: Sequence[ast.AST], stores: Iterable[tuple[ast.expr, ast.expr]]
) -> dict[Any, list[str]]:
    """The variable of a list of which entries are read, ``ys[-1]``, or that becomes an array, by the place of what it
    begins with, ``ys = [y]``, and what a loop appends to it.
    """
    joined = (e.args[0] for e in nodes if isinstance(e, ast.Call) and e.args and _called(e.func, ()) in _JOINING)
    several = (*joined, *(e.value for e in nodes if isinstance(e, ast.Subscript)))
    read = {e.id for e in several if isinstance(e, ast.Name)}
    inside = (e for s in nodes if isinstance(s, ast.For | ast.While) for e in ast.walk(s))
    methods = [(e, e.func) for e in inside if isinstance(e, ast.Call) and isinstance(e.func, ast.Attribute)]
    added = [(e.args, getattr(f.value, "id", "")) for e, f in methods if f.attr == "append" and len(e.args) == 1]
    words = {word for _, word in added if word in read}
    begun = ((e.elts, getattr(t, "id", "")) for e, t in stores if isinstance(e, ast.List) and len(e.elts) == 1)
    return {span(e): [word] for [e], word in (*begun, *added) if word in words}


def _attributes(stores: Iterable[tuple[ast.expr, ast.expr]]) -> dict[Any, list[str]]:
    """The name of the attribute that a value is assigned to, ``self.m = …``, by the place of the value."""
    kept = ((e, t) for e, t in stores if isinstance(t, ast.Attribute) and isinstance(t.value, ast.Name))
    return {span(e): [t.attr] for e, t in kept}


def _sums(nodes: Sequence[ast.AST]) -> dict[Any, ast.expr]:
    """Each ``L += l`` as ``L + l``, by its place."""
    grown = [(s, s.target) for s in nodes if isinstance(s, ast.AugAssign)]
    read = [(s, ast.copy_location(ast.Name(t.id, ast.Load()), t)) for s, t in grown if isinstance(t, ast.Name)]
    return {span(s): ast.copy_location(ast.BinOp(of, s.op, s.value), s) for s, of in read}


def _calls(nodes: Sequence[ast.AST], imports: Container[str]) -> Iterator[tuple[ast.Call, str]]:
    """The calls, each with the function that is called; those of an argument, ``f(y)`` in ``def step(f, y)``, with each
    function that is passed as it.
    """
    functions = {s.name: s for s in nodes if isinstance(s, ast.FunctionDef)}
    calls = [e for e in nodes if isinstance(e, ast.Call)]
    yield from ((e, _called(e.func, imports)) for e in calls)
    outer = [(e, functions[name]) for e in calls if (name := getattr(e.func, "id", "")) in functions]
    each = ((f, a.arg, x) for e, f in outer for a, x in zip(f.args.args, e.args, strict=False))
    pairs = dict.fromkeys((f, word, x.id) for f, word, x in each if isinstance(x, ast.Name))
    inside = ((e, word, name) for f, word, name in pairs for e in ast.walk(f) if isinstance(e, ast.Call))
    yield from dict.fromkeys((e, name) for e, word, name in inside if getattr(e.func, "id", "") == word)
    yield from _calls_of_instances(nodes, calls)


def _calls_of_instances(nodes: Sequence[ast.AST], calls: Sequence[ast.Call]) -> Iterator[tuple[ast.Call, str]]:
    """The calls of instances of classes with ``__call__``, ``net(x)`` after ``net = Net(W)``, and ``Net(W)(x)``."""
    classes = {c.name for c, _ in _call_methods(nodes)}

    def made(e: ast.AST) -> str:
        """The class of which an expression makes an instance."""
        word = getattr(e.func, "id", "") if isinstance(e, ast.Call) else ""
        return word if word in classes else ""

    stores = [(t, s.value) for s in nodes if isinstance(s, ast.Assign) for t in s.targets] if classes else []
    stores += [pair for t, e in stores for pair in zip(getattr(t, "elts", ()), getattr(e, "elts", ()), strict=False)]
    kinds: dict[str, set[str]] = {}
    for t, e in stores:
        kinds.setdefault(getattr(t, "id", getattr(t, "attr", "")), set()).add(made(e))
    for e in calls if classes else ():
        of = {made(e.func)} - {""} or kinds.get(getattr(e.func, "id", getattr(e.func, "attr", "")), set())
        yield from ((e, f"{word}.__call__") for word in of if word and len(of) == 1)


def _call_methods(nodes: Sequence[ast.AST]) -> list[tuple[ast.ClassDef, ast.FunctionDef]]:
    """The classes whose instances can be called, each with its method for that."""
    classes = [c for c in nodes if isinstance(c, ast.ClassDef)]
    return [(c, f) for c in classes for f in c.body if isinstance(f, ast.FunctionDef) and f.name == "__call__"]


def _called(e: ast.expr, imports: Container[str]) -> str:
    """The name of the function or method of the user's that is called; not that of ``np.exp``."""
    of, dot, _ = (ast.unparse(e) if isinstance(e, ast.Name | ast.Attribute) else "").partition(".")
    return "" if dot and of in imports else getattr(e, "id", getattr(e, "attr", ""))


def span(e: ast.expr | ast.stmt) -> Any:
    """The lines and columns of an expression in its file, as in ``co_positions``."""
    return e.lineno, e.end_lineno, e.col_offset, e.end_col_offset


def stem(word: str) -> str:
    """A name without the number of its step."""
    return word.rstrip("0123456789").rstrip("_")


class Names(set[str]):
    """The names that are in use. If a variable has several values in turn, they are called x, x1, x2, …

    `between` stands before the number: ``Names(between="_")`` makes x, x_1, x_2, …; k1 is followed by k1_1.
    """

    def __init__(self, taken: Iterable[str] = (), between: str = "") -> None:
        super().__init__(taken)
        self._between = between
        self._next: dict[str, int] = {}

    def take(self, wish: str) -> str:
        """`wish`, or the first of wish1, wish2, … that is free. It is then taken."""
        word, k = wish, self._next.get(wish, 1)
        while word in self:
            word, k = f"{wish}{'_' if wish[-1:].isdigit() else self._between}{k}", k + 1
        self._next[wish] = k
        self.add(word)
        return word


def captured(f: Function) -> list[tuple[str, Any]]:
    """The variables from outside that `f` uses, by name."""
    try:
        around = inspect.getclosurevars(inspect.unwrap(f))
    except (TypeError, ValueError):
        return []
    return [*around.nonlocals.items(), *around.globals.items()]


def captured_through(f: Function) -> list[tuple[str, Any]]:
    """:func:`captured`, also by the functions in the file of `f` that it calls."""
    found, waiting, seen = list[tuple[str, Any]](), [inspect.unwrap(f)], set[int]()
    while waiting:
        g = waiting.pop(0)
        if id(g) not in seen:
            seen.add(id(g))
            found += (here := captured(g))
            file = getattr(getattr(g, "__code__", None), "co_filename", None)
            waiting += [x for _, x in here if isinstance(x, FunctionType) and x.__code__.co_filename == file]
    return found


def argument_names(f: Function, args: Sequence[Any]) -> list[tuple[str, Any]]:
    try:
        bound = inspect.signature(f).bind(*args)
    except (TypeError, ValueError):  # a builtin or a ufunc, which has no signature
        return [(f"x{k + 1}" if len(args) > 1 else "x", arg) for k, arg in enumerate(args)]
    named = []
    for name, value in bound.arguments.items():
        starred = bound.signature.parameters[name].kind is inspect.Parameter.VAR_POSITIONAL
        named += [(f"{name}{k + 1}", part) for k, part in enumerate(value)] if starred else [(name, value)]
    return named


def named_nodes(named: Iterable[tuple[str, Any]], known: Mapping[Node, str] | None = None) -> dict[Node, str]:
    """The first name of each node in named values, after those that are `known`; in a tree it is that of its place.
    What a second mapping has under the key of another has its name too, W_target.
    """
    names, seen, keys = dict(known or {}), set[int](), dict[str, str]()
    stack = list(named)[::-1]
    while stack:
        name, value = stack.pop()
        if isinstance(value, Mapping | list | tuple):  # names = locals() contains itself
            if id(value) in seen:
                continue
            seen.add(id(value))
        node = value._node if isinstance(value, Tensor) else value
        if isinstance(node, Node):
            names.setdefault(node, name)
        elif isinstance(value, Mapping):
            words = (key if isinstance(key, str) and key.isidentifier() else f"{name}{_of_key(key)}" for key in value)
            words = (w if keys.setdefault(w, name) == name else f"{w}_{name}" for w in words)
            stack += [*zip(words, value.values(), strict=True)][::-1]
        elif isinstance(value, (list, tuple)):
            stack += [(f"{name}{k}", _numbered(part, k)) for k, part in enumerate(value, first_number(value))][::-1]
    return names


def _of_key(key: Any) -> str:
    """What stands for a key behind the name of a mapping: 01 for the positions (0, 1) in a grid."""
    is_place = isinstance(key, tuple) and all(type(k) is int and 0 <= k < 10 for k in key)
    return "".join(map(str, key)) if is_place else f"_{key}"


def first_number(values: Sequence[Any]) -> int:
    """The number of the first entry of a list in names: 0 of ``hs = [h]``, to which what is computed was added."""
    are_computed = [*map(_is_computed, values)]
    return int(not any(are_computed) or are_computed[0])


def _is_computed(x: Any) -> bool:
    node = x._node if isinstance(x, Tensor) else x
    return isinstance(node, Node) and node.row is not None or isinstance(x, list | tuple) and any(map(_is_computed, x))


def layered(nodes: Iterable[Node], named: Iterable[tuple[str, Any]]) -> dict[Node, str]:
    """The states of layers in all steps of a loop, hs1, hs2, hs1, hs2, …, of which a list has the last."""
    places: dict[Any, list[Node]] = {}
    for n in sorted(nodes, key=lambda n: -n.order):
        places.setdefault((n.code, n.at, n.row), []).append(n)
    words = dict[Node, str]()
    for word, values in named:
        last = [x._node for x in values if isinstance(x, Tensor)] if isinstance(values, list) else []
        one = last[0] if last else None
        inside = places.get((one.code, one.at, one.row), []) if one is not None and one.code is not None else []
        if 1 < len(last) < len(inside) and len(inside) % len(last) == 0 and inside[-len(last) :] == last:
            words |= {n: f"{word}{k % len(last) + 1}" for k, n in enumerate(inside)}
    return words


def _numbered(value: Any, k: int) -> Any:
    """A mapping in a list with the number of its place in the names: W1 and W2 of ``[{"W": …}, {"W": …}]``."""
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        return value
    return {f"{key}{'_' * key[-1:].isdigit()}{k}": part for key, part in value.items()}


def short_names(taken: Iterable[str]) -> Iterator[str]:
    """a, b, …, z, a1, b1, … without those in use, and without indices, sizes and the number e."""
    used = {word for name in taken for word in (name, name.rstrip("0123456789"))}  # no h beside h1 and h2
    for k in count():
        for letter in ascii_lowercase.translate(str.maketrans("", "", "eijkn")):
            name = f"{letter}{k or ''}"
            if name not in used:
                yield name
