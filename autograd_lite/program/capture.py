"""Run a function once on examples, and keep every operation that depends on an input.

The recording is the ordinary graph, and also has operations that need no gradient (a comparison, an index), and the
steps of a backward pass or a transform inside the function.
"""

from __future__ import annotations

import ast
import dis
import inspect
import sys
import weakref
from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from types import CodeType, FrameType
from typing import Any

import numpy as np

from ..base.code import with_inner
from ..base.escape import plain
from ..base.snapshots import untouched
from ..base.tree import leaves, rebuild
from ..engine.context import CONTEXT, ORDINARY, changed
from ..engine.node import ANY, Function, Node, Params, ancestors
from ..engine.operands import raw
from ..engine.value import wrap
from ..table import TABLE
from ..tensor import Tensor
from .assignments import looped
from .cases import with_cases
from .graph import leaf
from .joining import lists_joined
from .naming import (
    Names,
    argument_names,
    assigned,
    captured_through,
    first_number,
    layered,
    loop_at,
    named_nodes,
    qualified,
    rounds,
)


@dataclass(frozen=True, eq=False)
class Capture:
    """A function run once on examples: its inputs, its result, and the names of its values."""

    f: Function
    name: str
    inputs: tuple[Node, ...]  # in the order of the arguments' leaves
    fixed: Mapping[Node, Any]  # the inputs that the function got as they are: words, truth values, counts
    result: Any
    names: Mapping[Node, str]  # no name occurs twice
    arrays: Mapping[str, Any]  # arrays among the variables: constants of the program
    outside: frozenset[str]  # the variables that are not the function's own
    choices: Mapping[Node, Any]  # what it used the values of in plain Python, with these

    @property
    def is_constant(self) -> bool:
        """Whether the values of all floating inputs were used, so that nothing can be differentiated."""
        taken = ancestors([n for n in self.choices if n.dtype.kind in "fc"], ANY)
        return {n for n in self.inputs if n.dtype.kind in "fc"} <= {*taken} and bool(taken)


def capture(
    f: Function, args: Sequence[Any], params: Mapping[str, Any] | None = None,
    names: Mapping[str, Any] | None = None, fixing: bool = False,
) -> Capture:
    """Run `f`, and record everything that depends on `args`.

    Names come from the arguments, then the local variables of `f`, then ``Tensor.name``, then `names`. If `fixing`,
    words and truth values are fixed, and Python's integers if `f` takes one for a size, an axis or a count. If it uses
    other values in plain Python, as in a branch, these are its `choices`; or else integer arrays are fixed too, if `f`
    needs their numbers: the positions in ``np.eye(k)[labels]``; and Python's floats at last, for ``np.full(n, eps)``.
    """
    fixed = (str, bool) if fixing else ()
    counts = [(*fixed, int)] * any(type(x) is int for x in leaves(args))
    labels = [(*fixed, int, np.ndarray)] * any(map(_are_positions, leaves(args)))
    ways = [(kinds, choosing) for choosing in (False, True) for kinds in (fixed, *counts)]
    ways += [(kinds, choosing) for choosing in (False, True) for kinds in labels]
    if not fixing or labels and _makes(f, "BUILD_SET", "SET_ADD", "set", "frozenset", "Counter"):
        ways = ways[-2:] if fixing else ways[:1]
    refused, chosen = list[Exception](), list[Capture]()
    if fixing and labels and _makes(f, "eye", "identity") and (rows := _with_rows(f, args, params, names, fixed)):
        return rows
    for kinds, choosing in ways:
        try:
            found = _captured(f, args, params, names, kinds, choosing)
        except (RuntimeError, TypeError, KeyError) as error:  # a number was asked for
            refused += [error] if not refused or np.ndarray not in kinds else []
            continue
        if choosing and not found.is_constant:
            found = _with_sides(found, args, params, names, kinds)
            chosen.append(found)
        if labels and kinds is not labels[0] and _makes(f, "BUILD_MAP", "MAP_ADD") and not _is_result(found, f(*args)):
            continue  # a dict has no label that is traced
        if not choosing or all(n.dtype == bool for n in found.choices):
            return found
    for found in chosen:
        return found
    floating = {type(x) is float for x in leaves(args) if np.asarray(raw(x)).dtype.kind in "fc"}
    if fixing and floating == {True, False}:  # so that something can still be differentiated
        with suppress(RuntimeError, TypeError, KeyError):  # NumPy fills an array with it: np.full(n, eps / k)
            return _captured(f, args, params, names, (*ways[-1][0], float), False)
    raise refused[-1]


def _with_rows(f: Function, args: Any, params: Any, names: Any, fixed: tuple[type, ...]) -> Capture | None:
    """What is captured with the rows of an identity matrix at labels as such, ``np.eye(3)[y]``, if these can be values
    and the result is the same.
    """
    for kinds in (fixed, (*fixed, int)):
        try:
            found = _captured(with_cases(f), args, params, names, kinds, False)
            is_it = _is_result(found, f(*args, **(params or {})))
        except Exception:  # labels are used for more, or a list of Tensors is an array only where it is traced
            continue
        return found if is_it else None
    return None


def _with_sides(found: Capture, args: Any, params: Any, names: Any, kinds: tuple[type, ...]) -> Capture:
    """What was captured with both sides of the branches recorded, if the result is the same."""
    try:
        other = _captured(with_cases(found.f), args, params, names, kinds, True)
    except Exception:  # a side that does not run for this example, or results that no choice can express
        return found
    return other if _is_result(found, other.result) and len(other.choices) < len(found.choices) else found


def _is_result(found: Capture, result: Any) -> bool:
    """Whether a function has this result, but for rounding."""
    pairs = zip(leaves(found.result), leaves(result), strict=False)
    return all(np.allclose(raw(a), raw(b), 1e-9, 0, equal_nan=True) for a, b in pairs)


def _makes(f: Function, *how: str) -> bool:
    """Whether a function makes a set or a dict, by an instruction or a name: labels in it that are equal are not one,
    as long as they are traced.
    """
    code = getattr(inspect.unwrap(f), "__code__", None)
    ops = {dis.opmap[word] for word in how if word in dis.opmap}
    parts = () if code is None else with_inner(code)
    return any({*how} & {*c.co_names} or ops & {*c.co_code[::2]} for c in parts)


def _are_positions(x: Any) -> bool:
    return isinstance(x, np.ndarray) and x.ndim > 0 and x.dtype.kind in "iu"


def _captured(
    f: Function, args: Sequence[Any], params: Mapping[str, Any] | None, names: Mapping[str, Any] | None,
    fixed: tuple[type, ...], choosing: bool,
) -> Capture:
    arguments = leaves(args)
    nodes = [_input(x, fixed) for x in arguments]
    tensors = [wrap(n.y, n) for n in nodes]
    for n, t in zip(nodes, tensors, strict=True):
        n.keeper = weakref.ref(t)  # so that backward() inside `f` adds to its .grad
    as_they_are = {
        n: x for n, x in zip(nodes, arguments, strict=True)
        if type(x) in fixed and (not isinstance(x, np.ndarray) or _are_positions(x))
    }  # fmt: skip
    wrapped = rebuild(args, [as_they_are.get(n, t) for n, t in zip(nodes, tensors, strict=True)])
    # one level deeper, so that a compiled function inside is recorded too
    level = (CONTEXT.get() or ORDINARY).level + 1
    choices: list[Any] | None = [] if choosing else None
    now = changed(recording=True, group=None, level=level, joins=True, choices=choices)
    with untouched(f, args), now, lists_joined(f):
        result, variables = run(f, wrapped, params or {})
    named = [*captured_through(f), *(names or {}).items()]
    outside = [*variables, *named]
    roots = [t._node for t in leaves(result) if isinstance(t, Tensor) and t._node is not None and t._node.live]
    names_of_nodes = names_of(f, rebuild(args, tensors), nodes, ancestors(roots, ANY)[::-1], variables, outside, roots)
    arrays = _arrays(outside, {*names_of_nodes.values()})
    words = frozenset(word for word, _ in named)
    name = plain(getattr(f, "__name__", "f"))
    made = {t._node: t._data for t in choices or ()}
    return Capture(f, name, tuple(nodes), as_they_are, result, names_of_nodes, arrays, words, made)


def _arrays(variables: Sequence[tuple[str, Any]], taken: set[str]) -> Params:
    """The arrays among variables, also labels in a list, and the entries of lists, such as states at the start."""
    several = [(w, x) for w, x in variables if isinstance(x, list | tuple)]
    labels = [(w, np.array(x)) for w, x in several if x and all(type(k) is int for k in x)]
    entries = [(f"{w}{k}", x) for w, xs in several for k, x in enumerate(xs, first_number(xs))]
    arrays: Params = {}
    for word, value in (*variables, *labels, *entries):
        if isinstance(value, np.ndarray) and word not in taken:
            arrays.setdefault(word, value)
    return arrays


def names_of(
    f: Any, args: Sequence[Any], inputs: Sequence[Node], nodes: Sequence[Node],
    variables: Sequence[tuple[str, Any]], outside: Sequence[tuple[str, Any]], results: Iterable[Node] = (),
) -> dict[Node, str]:
    """Names for the nodes that a function has made, each once; `args` are its arguments, `inputs` their nodes.

    The values of a variable that is assigned in a loop are z1, z2, z3, and z0 before it; a result, and what has a
    ``.name``, keeps its name.
    """
    by_module = qualified(nodes)
    used = dict.fromkeys((*(p for n in nodes for p in n.parents if p is not None and p.row is None), *nodes))
    recorded = {n: by_module.get(n, n.name) for n in used if n.name}
    stored = layered(nodes, (*variables, *outside)) | dict(assigned(used, named_nodes(argument_names(f, args))))
    code = getattr(inspect.unwrap(f), "__code__", None)
    last: dict[str, Node | None] = dict.fromkeys(code.co_varnames if code else ())
    last |= {word: x._node for word, x in (*variables, *outside) if isinstance(x, Tensor)}

    passed_on = _passed_on(used, stored)

    def others(named: Sequence[tuple[str, Any]]) -> list[tuple[str, Any]]:  # not hs, in which the values of h are kept
        named = [(w, x) for w, x in named if not isinstance(x, list | tuple) or not _keeps(w, x, stored, last)]
        return _without_last(named, passed_on)

    arguments, first = argument_names(f, args), set(inputs)
    several = [i for i in variables if isinstance(i[1], Tensor) and i[1]._node in first and i[0] not in dict(arguments)]
    wish = named_nodes([*(i for i in arguments if isinstance(i[1], Tensor)), *several, *arguments, *others(variables)])
    wish = named_nodes(others(outside), recorded | wish)
    often = Counter(stored.values())  # the values of one variable in a loop have its name, the last too
    wish = stored | {n: word for n, word in wish.items() if last.get(word) is not n or often[stored.get(n, "")] < 2}
    words = _without_t({n: plain(word) or "x" for n, word in wish.items()})
    often = Counter(word for n, word in words.items() if n.row is not None)
    taken = Names(word for word, count in often.items() if count > 1)
    fixed = {n for n in words if n.row is None or n.name}
    ordered = sorted(words, key=lambda n: (n not in first, n not in fixed, -n.order))  # in order of computation
    often_taken = {*taken}
    taken -= {words[n] for n in fixed}
    chosen = {n: words[n] for n in results if words.get(n) in taken}
    repeated = {n: words[n] for n in ordered if n not in fixed and n not in chosen and words[n] in often_taken}
    steps = _in_steps(repeated, words)
    chosen |= {n: word for n, word in steps.items() if word}
    taken |= {*chosen.values()}
    chosen |= {n: taken.take(words[n]) for n in ordered if n not in chosen and n not in steps}
    return chosen


def _without_t(words: dict[Node, str]) -> dict[Node, str]:
    """The names of nodes, h of h_t, as slides have it in a loop, if several have it and nothing else is called h."""
    often = Counter(word for n, word in words.items() if n.row is not None and word.endswith("_t"))
    codes = {n.code for n in words if n.code is not None and often[words[n]] > 1}
    taken = {*words.values(), *(w for c in codes for w in (*c.co_varnames, *c.co_names, *c.co_freevars))}
    short = {w: w[:-2] for w, count in often.items() if count > 1 and w[:-2] not in taken}
    return {n: short.get(word, word) for n, word in words.items()}


def _passed_on(nodes: Iterable[Node], stored: Container[Node]) -> dict[Node, Any]:
    """What each step of a loop computes and assigns to no variable, with its place; one may have the last of it. What
    has other shapes is of calls of one layer and another.
    """
    places = {n: (n.code, n.at, n.row, n.shape) for n in nodes if n.row is not None and n not in stored}
    often = Counter(places.values())
    return {n: place for n, place in places.items() if often[place] > 1}


def _without_last(named: Sequence[tuple[str, Any]], passed_on: Mapping[Any, Any]) -> list[tuple[str, Any]]:
    """Named values without those of which only that of the last step has a name."""
    places = [passed_on.get(getattr(x, "_node", None)) for _, x in named]
    return [pair for pair, place in zip(named, places, strict=True) if place is None or places.count(place) > 1]


def _keeps(word: str, values: Sequence[Any], stored: Mapping[Node, str], last: Mapping[str, Node | None]) -> bool:
    """True for a list of results that one variable had in turn, the last of which it still has, also as the first of a
    list that is filled from the front or reversed, or which has rows of another loop now (None in `last`), or that have
    the name of the list, to which a loop appends them; and for a tuple of results that all have names.
    """
    nodes = [x._node for x in values if isinstance(x, Tensor) and x._node is not None]
    words = {stored.get(n, "") for n in nodes if n.row is not None}
    if isinstance(values, tuple):
        return stored.keys() >= {*nodes}
    of = words.pop() if len(words) == 1 else ""
    if len(nodes) < 2 or not of:
        return False
    is_from_front = nodes[0].code is not None and not {"insert", "reverse"}.isdisjoint(nodes[0].code.co_names)
    ends = (nodes[0], nodes[-1]) if is_from_front else (nodes[-1],)
    return of == word or of in last and last[of] in (None, *ends)


def _in_steps(repeated: Mapping[Node, str], words: Mapping[Node, str]) -> dict[Node, str]:
    """The names of values that are assigned in a loop, z2 and z3 in its second and third step, and z0 before it.

    A value that each step assigns again, ``s = s - s.max()``, has the name in the last of these places, and the last
    one before the loop that of a step 0; others have none: "". Those of a function that is called twice in a step are
    x1_2 and x2_2. Left out are variables that have further values, or none that was recorded in a first step.
    """
    turns, names, families = rounds(words), dict[Node, str](), dict[str, list[Node]]()
    for n, word in repeated.items():
        families.setdefault(word, []).append(n)
    codes = {where[0] for where, _ in turns.values()}
    of_values = {*words.values()}
    variables = of_values.union(*((*c.co_varnames, *c.co_names, *c.co_freevars) for c in codes))
    for word, values in families.items():
        before, inside = [n for n in values if n not in turns], [n for n in values if n in turns]
        if before and inside and inside[-1] in before[-1].parents:  # ys = np.array(ys)
            values = [n for n in values if n is not before[-1]]
            before = before[:-1]
        if before and _is_copy(before[-1], words, f"{word}0"):
            names |= {before.pop(): ""}
            values = before + inside
        own, is_of_each = _numbered(word, before, inside, turns)
        if not of_values.isdisjoint({*own.values()} - {f"{word}0"}):  # r2 is a variable beside r, with values
            own = {n: f"{word}_{new.removeprefix(word)}" for n, new in own.items()}
        is_one = is_of_each and values == before + inside and len({*own.values()}) == len(own)
        if is_one and variables.isdisjoint(own.values()):
            names |= dict.fromkeys(values, "") | own
    return names


def _numbered(
    word: str, before: list[Node], inside: list[Node], turns: Mapping[Node, tuple[Any, int]]
) -> tuple[dict[Node, str], bool]:
    """The names of the values of one variable with the numbers of the steps of a loop, in the last of the places where
    it is assigned; and whether every step has one, but for the last, which may not need it.
    """
    places: dict[Any, list[Node]] = {}
    for n in inside:
        places.setdefault(turns[n][0], []).append(n)
    calls, ends = [where[3] for where in places if len(where) > 3], [turns[n][0] for n in inside]
    is_one_loop = not calls and len({loop_at(where[0], where[1][0]) for where in places}) == 1
    ends += [max(places, key=lambda where: where[1][0])] if is_one_loop else []
    last, between = places[ends[-1]] if ends else [], "_" * word[-1:].isdigit()
    own = dict.fromkeys(before[-1:], f"{word}{between}0") | {n: f"{word}{between}{turns[n][1]}" for n in last}
    if len(calls) == len(places) > 1 and calls == [*range(1, len(calls) + 1)] and not before:
        last, own = inside, {n: f"{word}{turns[n][0][3]}_{turns[n][1]}" for n in inside}
    steps, own_steps = {turns[n][1] for n in inside}, {turns[n][1] for n in last}
    steps -= {max(steps)} - own_steps if is_one_loop else set()
    return own, steps == own_steps and bool(last)


def _is_copy(n: Node, words: Mapping[Node, str], word: str) -> bool:
    """Whether a value is a copy of that called `word`."""
    [of, *others] = n.parents
    return n.row is TABLE["copy"] and of is not None and not others and words.get(of) == word


def _input(x: object, fixed: tuple[type, ...] = ()) -> Node:
    data = np.asarray(0 if type(x) in fixed and isinstance(x, str) else raw(x))
    if data.dtype.kind not in "biufc":
        raise TypeError(
            f"trace: expected arrays and numbers as arguments, got {type(x).__name__}; bind it with functools.partial"
        )
    node = leaf(data)
    if isinstance(x, Tensor):
        node.name = x.name
    return node


def _has_loop(code: CodeType) -> bool:
    """Whether a function has a loop or a comprehension: asked first, because to parse its file takes long."""
    return any(dis.opmap["FOR_ITER"] in part.co_code[::2] for part in with_inner(code))


@lru_cache(maxsize=1024)
def _is_turn(code: CodeType, word: str) -> bool:
    """Whether a variable has the rows of another in the rounds of a loop."""
    return looped(code, ast.Name(word)) is not None


def run(f: Function, args: Sequence[Any], params: Mapping[str, Any]) -> tuple[Any, list[tuple[str, Any]]]:
    """The result of `f`, and its local variables as they were when it returned (without those that begin with _)."""
    code = getattr(inspect.unwrap(f), "__code__", None)
    variables: list[tuple[str, Any]] = []
    if code is None:  # a builtin or a partial has none
        return f(*args, **params), variables
    before = sys.getprofile()

    def watch(frame: FrameType, event: str, arg: object) -> None:
        if event == "return" and frame.f_code is code:
            variables[:] = frame.f_locals.items()  # of the outermost call, which returns last

    sys.setprofile(watch)
    try:
        result = f(*args, **params)
    finally:
        if before is None or callable(before):
            sys.setprofile(before)
        else:  # cProfile can be read but not set
            before.enable()
    turns = {word for word, _ in variables if _is_turn(code, word)} if _has_loop(code) else ()
    return result, [(word, x) for word, x in variables if not word.startswith("_") and word not in turns]
