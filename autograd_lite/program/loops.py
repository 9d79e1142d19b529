"""Control flow with JAX's names: `scan`, `fori_loop`, `while_loop`, `cond`.

They run as plain Python: each step is recorded like any other code, in a group of its own inside that of the loop, so a
derivation, a picture and the source are those of the loop written out.

Only in a program that will be run again on other values (`jit`, `vmap`) each is one equation: the body is traced once,
into an inner program (:mod:`.inner`), which is a parameter of a row (:mod:`.loop_rows`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from operator import index
from typing import Any, NoReturn

import numpy as np

from ..base.snapshots import untouched
from ..base.tree import leaves, matched, paths, rebuild, tree_map
from ..engine.context import CONTEXT, ORDINARY, Steps, changed, is_traced, no_grad, runs_again, tracing
from ..engine.node import Function
from ..engine.operands import raw
from ..engine.value import Value
from ..table import TABLE
from .equation import Var, kind
from .inner import Body, Inner, assembled, drawing, dtype_of, traced
from .loop_rows import WHILE, call, chosen, scanned, truth_of
from .numbers import NUMBERS
from .program import Program

Tree = Any  # nested dicts, lists and tuples of arrays, Tensors and numbers


def scan(
    f: Callable[[Any, Any], tuple[Any, Any]], init: Tree, xs: Tree = None, length: int | None = None,
    reverse: bool = False, unroll: int | bool = 1,
) -> tuple[Tree, Tree]:
    """A loop that carries a value from step to step and stacks the results of the steps.

    It is ``for x in xs: carry, y = f(carry, x)``, with all y stacked along a new first axis.

    Parameters
    ----------
    f : callable
        ``f(carry, x)`` returns the next carry and a result y, both trees (nested dicts, lists and tuples of arrays).
        The carry keeps its structure, shapes and dtypes; a Python number in `init` takes the dtype that the first
        step gives it.
    init : tree
        The carry of the first step.
    xs : tree of arrays, optional
        Each step gets the entries of these along their first axis. Without it `f` gets None.
    length : int, optional
        The number of steps; needed only without `xs`.
    reverse : bool
        Run from the last entry to the first. The results y stay in the order of `xs`.
    unroll : int or bool
        How many steps a compiled loop writes out in one round; True for all. The results do not depend on it.

    Returns
    -------
    carry, ys : trees
        The last carry, and the results of all steps.

    Raises
    ------
    ValueError
        If the lengths differ, or a carry changes its structure, its shape or its dtype: the message names it.
    TypeError
        If `f` does not return a pair.

    Examples
    --------
    >>> import numpy as np, autograd_lite as ag
    >>> def add(total, x):
    ...     total = total + x
    ...     return total, total
    >>> total, totals = ag.scan(add, 0.0, np.array([1.0, 2.0, 3.0]))
    >>> float(total), totals
    (6.0, array([1., 3., 6.]))
    >>> ag.grad(lambda xs: ag.scan(lambda c, x: (c * x, None), 1.0, xs)[0])(np.array([1.0, 2.0, 3.0]))
    array([6., 3., 2.])
    """
    _check_function("scan", f)
    count = _length(xs, length)
    if not isinstance(unroll, (bool, int, np.integer)) or unroll is not True and unroll < 1:
        raise ValueError(f"scan: expected unroll=True or a number of steps from 1 on, got unroll={unroll!r}")
    with _group("scan"):
        if not runs_again() or unroll is True or not count:
            return _scanned(f, init, xs, count, reverse)
        if unroll == 1:
            return _one_scan(f, init, xs, count, reverse)
        return _unrolled(f, init, xs, count, reverse, int(unroll))


def fori_loop(lower: Any, upper: Any, body_fun: Callable[[Any, Any], Any], init_val: Tree) -> Tree:
    """A loop over whole numbers: ``for i in range(lower, upper): value = body_fun(i, value)``.

    Parameters
    ----------
    lower, upper : int
        The first number, and the one after the last.
    body_fun : callable
        ``body_fun(i, value)`` returns the next value, of the same structure, shapes and dtypes.
    init_val : tree
        The first value.

    Returns
    -------
    tree
        The last value.

    Raises
    ------
    ValueError
        If the value changes its structure, its shape or its dtype.

    Examples
    --------
    >>> import autograd_lite as ag
    >>> ag.fori_loop(1, 6, lambda i, product: product * i, 1)
    120
    >>> float(ag.grad(lambda x: ag.fori_loop(0, 3, lambda i, y: y * x, 1.0))(2.0))
    12.0
    """
    _check_function("fori_loop", body_fun)
    first, last = (_whole(bound, "fori_loop: expected whole numbers as bounds") for bound in (lower, upper))
    if isinstance(first, Value) or isinstance(last, Value):
        start = first if isinstance(first, Value) else np.asarray(first)
        _, value = while_loop(lambda v: v[0] < last, lambda v: (v[0] + 1, body_fun(*v)), (start, init_val))
        return value
    with _group("fori_loop"):
        if runs_again() and last > first:
            steps = np.arange(first, last)
            return _one_scan(lambda v, i: (body_fun(i, v), None), init_val, steps, len(steps), False, "fori_loop")[0]
        value = init_val
        for i in range(first, last):
            with _group(f"step {i}"):
                new = body_fun(i, value)
            value = kept("fori_loop", value, new)
        return value


def while_loop(cond_fun: Callable[[Any], Any], body_fun: Callable[[Any], Any], init_val: Tree) -> Tree:
    """A loop as long as a condition holds: ``while cond_fun(value): value = body_fun(value)``.

    Parameters
    ----------
    cond_fun : callable
        ``cond_fun(value)`` is a single truth value.
    body_fun : callable
        ``body_fun(value)`` returns the next value, of the same structure, shapes and dtypes.
    init_val : tree
        The first value.

    Returns
    -------
    tree
        The first value for which the condition does not hold.

    Raises
    ------
    TypeError
        If the condition is not a single truth value.
    ValueError
        If the value changes its structure, its shape or its dtype.

    Examples
    --------
    >>> import autograd_lite as ag
    >>> def sqrt(a):
    ...     return ag.while_loop(lambda x: abs(x * x - a) > 1e-12, lambda x: (x + a / x) / 2, a)
    >>> round(float(sqrt(2.0)), 6)
    1.414214
    """
    _check_function("while_loop", cond_fun)
    _check_function("while_loop", body_fun)
    with _group("while_loop"):
        if runs_again() or isinstance(going := cond_fun(init_val), Value) and is_traced(going):
            return _one_while(cond_fun, body_fun, init_val)
        value, count = init_val, 0
        while _truth(going, "while_loop: the result of cond_fun"):
            count += 1
            with _group(f"step {count}"):
                new = body_fun(value)
            value = kept("while_loop", value, new)
            going = cond_fun(value)
        return value


def cond(pred: Any, true_fun: Function, false_fun: Function, *operands: Any) -> Any:
    """One of two functions: ``true_fun(*operands) if pred else false_fun(*operands)``.

    Parameters
    ----------
    pred : bool or array of one
        Which of them.
    true_fun, false_fun : callable
        Their results have the same structure, shapes and dtypes.
    *operands : trees
        Their arguments.

    Returns
    -------
    tree
        The result of the chosen function.

    Raises
    ------
    TypeError
        If `pred` is not a single truth value or number.

    Examples
    --------
    >>> import numpy as np, autograd_lite as ag
    >>> def safe_log(x):
    ...     return ag.cond(x > 0, np.log, np.zeros_like, x)
    >>> float(safe_log(1.0)), float(safe_log(-1.0))
    (0.0, 0.0)
    >>> float(ag.grad(safe_log)(2.0))
    0.5
    """
    _check_function("cond", true_fun)
    _check_function("cond", false_fun)
    if isinstance(pred, Value) and is_traced(pred):
        _check_single(pred, "cond: pred")
        with _group("cond"):
            return _one_cond(pred, true_fun, false_fun, operands)
    chosen = _truth(pred, "cond: pred")
    with _group(f"cond: {'true' if chosen else 'false'}"):
        return (true_fun if chosen else false_fun)(*operands)


# ------------------------------------------------------------------------------------------------ step by step


def _group(name: str) -> changed:
    """A block whose operations belong to a group called `name`."""
    return changed(group=Steps(name, (CONTEXT.get() or ORDINARY).group, {}))


def _scanned(f: Function, init: Tree, xs: Tree, length: int, reverse: bool) -> tuple[Tree, Tree]:
    carry, ys = init, [None] * length
    for t in reversed(range(length)) if reverse else range(length):
        with _group(f"step {t + 1}"):
            new, ys[t] = pair_of(f(carry, tree_map(lambda a, t=t: a[t], xs)))
        carry = kept("scan", carry, new)
    return carry, _stacked(ys) if length else _no_results(f, init, xs)


def _stacked(ys: Sequence[Tree]) -> Tree:
    """The results of all steps, each leaf along a new first axis."""
    first = ys[0]
    try:
        columns = zip(*(matched(first, y, "the result of a step") for y in ys), strict=True)
        return rebuild(first, [TABLE["stack"](list(column)) for column in columns])
    except ValueError as error:
        raise ValueError(f"scan: the steps return different results: {error}") from None


def _no_results(f: Function, init: Tree, xs: Tree) -> Tree:
    """Empty results in the shapes of those of a step, which is run on zeros."""
    zeros = tree_map(lambda a: np.zeros(np.shape(a)[1:], dtype_of(a)), xs)
    with untouched(f, (init,)), no_grad(), np.errstate(all="ignore"):
        _, y = pair_of(f(init, zeros))
    return tree_map(lambda a: np.zeros((0, *np.shape(raw(a))), dtype_of(a)), y)


# ------------------------------------------------------------------------------------------------- one equation


def _operands(tree: Tree, examples: Tree) -> list[Any]:
    """The leaves as arrays and Tensors; a Python number has the dtype of its example."""
    return [_operand(x, example.dtype) for x, example in zip(leaves(tree), leaves(examples), strict=True)]


def _operand(x: Any, dtype: np.dtype[Any]) -> Any:
    if getattr(x, "is_number", False):
        return tracing().scalar(x, dtype)
    return x if isinstance(x, Value) else np.asarray(x, dtype)


def _started(
    f: Function, init: Tree, *more: Tree, what: str, then: Callable[[Tree, Any], Any]
) -> tuple[Tree, Inner]:
    """The first carry as arrays, and the body as an inner program.

    ``then(carry, result)`` puts the next carry, which `result` contains, into the form of the one before; its leaves
    come first. A Python number in the first carry takes the dtype that the first step gives it.
    """
    start = leaves(init)
    dtypes = [dtype_of(x) for x in start]
    if any(map(is_weak, start)):

        def first_step(strong: list[Any], *rest: Tree) -> Any:
            arrays = iter(strong)
            return f(rebuild(init, [_python(x) if is_weak(x) else next(arrays) for x in start]), *rest)

        strong = [np.asarray(raw(x)) for x in start if not is_weak(x)]
        inner = traced(what, first_step, strong, *more, then=lambda result: then(init, result))
        dtypes = [dtype_of(x) for x in leaves(inner.result)[: len(start)]]
    first = rebuild(init, [np.asarray(_python(x), d) for x, d in zip(start, dtypes, strict=True)])
    return first, traced(what, f, first, *more, then=lambda result: then(first, result))


def _python(x: Any) -> Any:
    """The value of a leaf: a Python number, or an array."""
    return x.value if getattr(x, "is_number", False) else raw(x)


def _one_scan(
    f: Function, init: Tree, xs: Tree, length: int, reverse: bool, what: str = "scan"
) -> tuple[Tree, Tree]:
    def step(carry: Tree, result: Any) -> tuple[Tree, Tree]:
        new, y = pair_of(result)
        return kept(what, carry, new), y

    slices = [x if isinstance(x, Value) else np.asarray(x) for x in leaves(xs)]
    first = rebuild(xs, [np.array(raw(x)[-1 if reverse else 0]) for x in slices])
    with drawing(1):
        start, inner = _started(f, init, first, what=what, then=step)
        carries = _operands(init, start)
        body = Body(inner.program, len(carries), len(slices))
        results = scanned(body, [*carries, *slices, *inner.captured], length, reverse, inner.drawn)
    return rebuild(init, results[: len(carries)]), rebuild(inner.result[1], results[len(carries) :])


def _unrolled(
    f: Function, init: Tree, xs: Tree, length: int, reverse: bool, unroll: int
) -> tuple[Tree, Tree]:
    """A scan over so many steps at once, and the rest step by step."""
    whole = length - length % unroll
    start, stop = (length - whole, length) if reverse else (0, whole)

    def chunk(a: Any) -> Any:
        return a[start:stop].reshape(whole // unroll, unroll, *np.shape(raw(a))[1:])

    def steps(carry: Tree, x: Tree) -> tuple[Tree, Tree]:
        return _scanned(f, carry, x, unroll, reverse)

    def flat(y: Any) -> Any:
        return y.reshape(whole, *np.shape(raw(y))[2:])

    if not whole:
        return _scanned(f, init, xs, length, reverse)
    carry, ys = _one_scan(steps, init, tree_map(chunk, xs), whole // unroll, reverse)
    ys = tree_map(flat, ys)
    if whole < length:
        rest = tree_map(lambda a: a[:start] if reverse else a[stop:], xs)
        carry, more = _scanned(f, carry, rest, length - whole, reverse)
        ys = tree_map(lambda *parts: TABLE["concatenate"](parts[::-1] if reverse else parts), ys, more)
    return carry, ys


def _one_while(cond_fun: Function, body_fun: Function, init: Tree) -> Tree:
    with drawing(1):
        what = "while_loop"
        first, inner = _started(body_fun, init, what=what, then=lambda carry, new: kept(what, carry, new))
        carries = _operands(init, first)
        test = traced("while_loop: cond_fun", cond_fun, first)
        _check_single(test.result, "while_loop: the result of cond_fun")
        if test.drawn:
            raise RuntimeError("while_loop: cond_fun draws random numbers; draw them in body_fun, as part of the value")
        (body, condition), captured = together([inner, test], len(carries))
        params = {"test": Body(condition), "body": Body(body, len(carries)), **inner.drawn}
        return rebuild(init, call(WHILE, [*carries, *captured], params))


def _one_cond(pred: Any, true_fun: Function, false_fun: Function, operands: Any) -> Any:
    examples = tree_map(lambda x: np.asarray(_python(x)), operands)
    arrays = _operands(operands, examples)
    with drawing(1):
        both = [
            traced(f"cond: {name}", f, *examples, then=lambda result: tree_map(_strong, result))
            for name, f in (("true_fun", true_fun), ("false_fun", false_fun))
        ]
        result = _alike(*(inner.result for inner in both))
        drawn = {**both[0].drawn, **both[1].drawn}
        programs, captured = together(both, len(arrays))
        branches = [
            Body(_arranged(program, inner.result, result)) for program, inner in zip(programs, both, strict=True)
        ]
        return rebuild(result, chosen(branches, truth_of(pred), [*arrays, *captured], drawn))


def _strong(x: Any) -> Any:
    """A leaf that is no traced number: that has the dtype of its value."""
    return _operand(x, dtype_of(x)) if getattr(x, "is_number", False) else x


def _arranged(program: Program, result: Tree, like: Tree) -> Program:
    """The program with its outputs, the leaves of `result`, in the order of `like`, as the keys of a dict may differ.

    A constant has the dtype of what stands in its place.
    """
    outputs = matched(like, rebuild(result, program.outputs))
    pairs = zip(outputs, leaves(like), strict=True)
    return replace(program, outputs=tuple(x if isinstance(x, Var) else np.asarray(x, dtype_of(y)) for x, y in pairs))


def _alike(first: Tree, second: Tree) -> Tree:
    """The result of the branches; a Python number takes the dtype of the other one.

    Raises
    ------
    TypeError
        If they differ in their structure, or a leaf in its shape or dtype.
    """
    try:
        others = matched(first, second, "the result of false_fun")
    except ValueError as error:
        raise TypeError(f"cond: {error}, as that of true_fun") from None
    results = []
    for path, x, y in zip(paths(first, "result"), leaves(first), others, strict=True):
        kinds = [type(z).__name__ if isinstance(z, (dict, list, tuple)) else kind_of(z) for z in (x, y)]
        weak, strong = (x, y) if is_weak(x) else (y, x)
        if kinds[0] != kinds[1] and not (
            is_weak(weak) and not np.shape(raw(strong)) and np.can_cast(dtype_of(weak), dtype_of(strong), "same_kind")
        ):
            raise TypeError(f"cond: {path} is {kinds[0]} if pred is true, and {kinds[1]} if not: expected the same")
        results.append(strong)
    return rebuild(first, results)


def together(several: Sequence[Inner], count: int) -> tuple[list[Program], list[Any]]:
    """Inner programs with the same inputs: the first `count` of each, and what any of them reads from outside."""
    captured = {t._node: t for inner in several for t in inner.captured}
    programs = []
    for inner in several:
        program = inner.program
        own = {t._node: v for t, v in zip(inner.captured, program.inputs[count:], strict=True)}
        more = [own.get(n) or Var(f"unused{k}", n.shape, n.dtype) for k, n in enumerate(captured)]
        inputs = [*program.inputs[:count], *more]
        examples = {**program.examples, **{v: t._data for v, t in zip(more, captured.values(), strict=True)}}
        programs.append(assembled(program.name, inputs, program.equations, program.outputs, examples))
    return programs, list(captured.values())


# ------------------------------------------------------------------------------------------------------- checks


def _check_function(what: str, f: object) -> None:
    if not callable(f):
        raise TypeError(f"{what}: expected a function, got {type(f).__name__}")


def _length(xs: Tree, length: int | None) -> int:
    """The number of steps."""
    lengths = {}
    for x, path in zip(leaves(xs), paths(xs, "xs"), strict=True):
        if not np.shape(raw(x)):
            raise ValueError(f"scan: {path} is a single number, and the steps need one entry each; pass an array")
        lengths[path] = np.shape(raw(x))[0]
    if length is not None:
        is_tensor = isinstance(length, Value)  # one that is traced raises, and says what to do
        lengths["length"] = index(length) if is_tensor else _whole(length, "scan: expected a whole number as length")
    if not lengths:
        raise ValueError("scan: without xs, give length, the number of steps")
    count = next(iter(lengths.values()))
    if any(n != count for n in lengths.values()):
        raise ValueError(f"scan: the lengths differ: {', '.join(f'{k} has {n}' for k, n in lengths.items())}")
    if count < 0:
        raise ValueError(f"scan: expected length from 0 on, got {count}")
    return count


def _whole(x: Any, what: str) -> Any:
    """A whole number; one that is traced stays a Tensor."""
    if isinstance(x, Value) and is_traced(x) and x.dtype.kind in "iu" and not x._data.ndim:
        return x
    try:
        return index(x if not isinstance(x, Value) else x._data)
    except TypeError:
        raise TypeError(f"{what}, got {kind_of(x) if hasattr(x, 'dtype') else repr(x)}") from None


def _truth(x: Any, what: str) -> bool:
    """A single truth value; what is traced raises."""
    _check_single(x, what)
    return bool(x)


def _check_single(x: Any, what: str) -> None:
    if np.shape(raw(x)):
        raise TypeError(f"{what} is an array of shape {np.shape(raw(x))}: expected a single truth value")


def pair_of(result: Any) -> tuple[Any, Any]:
    """The carry and the result of one step of scan."""
    if not isinstance(result, tuple) or len(result) != 2:
        raise TypeError(f"scan: expected f to return a pair (carry, y), got {type(result).__name__}")
    return result


def kind_of(x: Any) -> str:
    """``float64[3]``."""
    return kind(np.shape(raw(x)), dtype_of(x))


def is_weak(x: Any) -> bool:
    """Whether it is a Python number, which takes the dtype of what is beside it."""
    return type(x) in NUMBERS or getattr(x, "is_number", False)


def kept(what: str, before: Tree, after: Tree) -> Tree:
    """The next carry, with the structure of the one before.

    Raises
    ------
    ValueError
        If a leaf has another shape or dtype; a Python number may become a number or take another dtype of its kind.
    """
    try:
        new = matched(before, after, "the carry")
    except ValueError as error:
        raise ValueError(f"{what}: {error}: it keeps its structure from step to step") from None
    for k, (x, y) in enumerate(zip(leaves(before), new, strict=True)):
        if isinstance(y, (dict, list, tuple)) or y is None:
            _changed(what, before, k, x, f"a {type(y).__name__}")
        old, now = dtype_of(x), dtype_of(y)
        weak = is_weak(x) and np.can_cast(old, now, "same_kind") or is_weak(y) and np.can_cast(now, old, "same_kind")
        if np.shape(raw(x)) != np.shape(raw(y)) or old != now and not weak:
            _changed(what, before, k, x, kind_of(y))
        if old != now and not is_weak(x):
            new[k] = _operand(y, old)
    return rebuild(before, new)


def _changed(what: str, tree: Tree, k: int, x: Any, became: str) -> NoReturn:
    path = paths(tree, "carry")[k]
    remedy = ".astype(...), or another start" if isinstance(x, (Value, np.ndarray, np.generic)) else "an array as start"
    raise ValueError(
        f"{what}: {path} was {kind_of(x)} and became {became}: a carry keeps its shape and "
        f"dtype from step to step. Use {remedy}"
    )
