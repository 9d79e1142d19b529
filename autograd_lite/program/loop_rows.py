"""The rows of control flow: `scan`, `while_loop` and `cond` as one equation whose parameters hold inner programs.

The derivative of each is another call of the same row, so they differentiate to any order. The backward pass of a scan
is a scan in the other direction over what each step has kept; that of a cond computes the chosen branch again. A
while_loop has none, because how much it would have to keep is not known before.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextvars import ContextVar
from functools import partial
from typing import Any, NoReturn

import numpy as np

from ..base.cached_method import cached_method
from ..engine.context import CONTEXT, ORDINARY, tracing
from ..engine.engine_rows import STOP_GRADIENT
from ..engine.node import TRACED, Node, Params, Shape, Values
from ..engine.record import record
from ..engine.value import Value, live_of
from ..rules.selection import where
from ..table import TABLE, Primitive
from ..table.batching import Batched, padded, repeated
from .inner import (
    Body,
    as_function,
    assembled,
    drawing,
    dtype_of,
    mapped,
    program_of,
    pulled_back,
    pushed_forward,
    retraced,
    zeros_of,
)


def call(row: Primitive, xs: Sequence[Any], params: Params) -> Any:
    """A call of a row, recorded if one of the operands is a Tensor.

    While a program is recorded for `jit` a loop runs for a few steps only, as its results are computed again.
    """
    with drawing(1):
        if not any(isinstance(x, Value) for x in xs):
            return row.fn(*xs, **params)
        outside = tracing()
        limit = None if outside is None or not outside.most else _Limit(outside.most)
        token = _LIMIT.set(limit)
        try:
            ys = record(row, xs, params)
        finally:
            _LIMIT.reset(token)
        if limit is not None and limit.is_reached:
            outside.shortened.update(y._node for y in ys)
        return ys


class _Limit:
    """The number of steps that a loop takes at most, and whether one would have taken more."""

    def __init__(self, most: int) -> None:
        self.most, self.is_reached = most, False


_LIMIT: ContextVar[_Limit | None] = ContextVar("limit", default=None)


def _is_last(count: int) -> bool:
    """True if a loop ends after so many steps, although there are more."""
    limit = _LIMIT.get()
    if limit is None or count < limit.most:
        return False
    limit.is_reached = True
    return True


def wanted_of(xs: Sequence[Any]) -> frozenset[int]:
    """The operands of which a derivative may be asked."""
    recording = (CONTEXT.get() or ORDINARY).recording
    return frozenset(k for k, x in enumerate(xs) if recording and live_of(x) > TRACED and x.dtype.kind in "fc")


#: A row of control flow.
_row = partial(
    Primitive, "general", variadic=True, outputs=True, holomorphic=False, bind=lambda *xs, **params: (xs, params)
)


# --------------------------------------------------------------------------------------------------------- scan


def scanned(body: Body, xs: Sequence[Any], length: int, reverse: bool, drawn: Params) -> Values:
    """The last carries and the stacked results; if a derivative may be asked for, the steps keep what it needs."""
    inner = body.keeping(wanted_of(xs))
    ys = call(SCAN, xs, {"body": inner, "length": length, "reverse": reverse, **drawn})
    return tuple(ys[: len(body.program.outputs)])


def _scan(*xs: Any, body: Body, length: int, reverse: bool, **_: Any) -> Values:
    carry, slices, constants = body.split(xs)
    count, step = body.carries, body.step
    results = [np.empty((length, *np.shape(x)), dtype_of(x)) for x in body.program.outputs[count:]]
    for k in range(length):
        t = length - 1 - k if reverse else k
        if _is_last(k):
            for stack in results:
                stack[slice(t + 1) if reverse else slice(t, None)] = stack[t + 1 if reverse else t - 1]
            break
        ys = step(*carry, *(x[t] for x in slices), *constants)
        carry = ys[:count]
        for stack, y in zip(results, ys[count:], strict=True):
            stack[t] = y
    return (*map(np.array, carry), *results)


def _cotangent(g: Any, i: int, make: Callable[[], dict[int, Any]]) -> Any:
    """The cotangent of operand `i`; one backward call gives those of all operands, which are asked for in turn."""
    cotangents = getattr(g, "pulled", {})
    if i not in cotangents:
        cotangents = make()
        if hasattr(g, "__dict__"):
            g.pulled = cotangents
    return cotangents[i]


def _strong(g: Any, like: Any) -> Any:
    """A cotangent of `like`, as an array; a derivation has numbers."""
    return g if hasattr(g, "dtype") else np.asarray(g, dtype_of(like))


def _scan_pull(g: Any, y: Any, xs: Any, i: int, params: Params) -> Any:
    return _cotangent(g, i, lambda: _scan_backward(g, y, xs, i, params))


def _scan_backward(g: Any, y: Any, xs: Any, i: int, params: Params) -> dict[int, Any]:
    body: Body = params["body"]
    if i not in body.wanted:  # it was recorded where no derivative was asked for
        if "generator" in params:
            raise RuntimeError("scan: its draws were recorded without derivatives, and cannot be repeated for them")
        body = body.keeping(frozenset([i]))
        y = call(SCAN, xs, {**params, "body": body})
    at = tuple(k for k in range(body.carries, len(g)) if g[k] is not None)
    pulled = body.pulled(at)
    operands = [zeros_of(xs[k]) if g[k] is None else g[k] for k in pulled.carried]
    operands += [zeros_of(xs[k]) for k in pulled.sums]
    operands += [g[k] for k in at]
    operands += [(xs if is_operand else y)[k] for is_operand, k in pulled.stacked]
    operands += [xs[k] for k in pulled.constants]
    results = scanned(pulled.body, operands, params["length"], not params["reverse"], {})
    return dict(zip([*pulled.carried, *pulled.sums, *pulled.sliced], results, strict=True))


def _scan_push(ts: Sequence[Any], y: Any, xs: Sequence[Any], n: Node) -> Values:
    """The tangents of the results: a scan that computes the values with them."""
    body: Body = n.params["body"]
    inner, on, some = body.pushed(_moving("scan", ts, n.params))
    operands = _with_tangents(body.split(range(len(xs))), xs, ts, on)
    results = scanned(inner, operands, n.params["length"], n.params["reverse"], {})
    return _tangents(n, [*(k for k in on if k < body.carries), *some], results[body.carries :])


def _moving(what: str, ts: Sequence[Any], params: Params) -> frozenset[int]:
    """The operands that have a tangent."""
    if "generator" in params:
        raise RuntimeError(
            f"{what}: forward mode would draw the random numbers of the body again: draw them before, and pass them in"
        )
    return frozenset(k for k, t in enumerate(ts) if t is not None)


def _with_tangents(
    groups: Sequence[Sequence[int]], xs: Sequence[Any], ts: Sequence[Any], on: Sequence[int]
) -> list[Any]:
    """The operands of each group, and then the tangents of those that are `on`."""
    tangents = {k: zeros_of(xs[k]) if ts[k] is None else ts[k] for k in on}
    return [x for ks in groups for x in (*(xs[k] for k in ks), *(tangents[k] for k in ks if k in tangents))]


def _tangents(n: Node, places: Sequence[int], values: Sequence[Any]) -> Values:
    """The tangents of all results; those that are not in `places` are zero."""
    tangents = [np.zeros(shape, dtype) for shape, dtype in n.parts]
    for k, t in zip(places, values, strict=True):
        tangents[k] = t
    return tuple(tangents)


def _scan_batch(b: Batched) -> Values:
    body: Body = b.params["body"]
    inner, ins, outs = body.batched(frozenset(k for k, on in enumerate(b.on) if on), b.size)
    start, stop = body.carries, body.carries + body.slices
    operands = [
        x if k not in ins else b.full(k) if not start <= k < stop else np.moveaxis(x, 0, 1) for k, x in enumerate(b.xs)
    ]
    drawn = {k: v for k, v in b.params.items() if k == "generator"}
    ys = scanned(inner, operands, b.params["length"], b.params["reverse"], drawn)
    return tuple(
        repeated(y, b.size) if k not in outs else y if k < start else np.moveaxis(y, 1, 0) for k, y in enumerate(ys)
    )


def _scan_unused(needed: Sequence[bool], **params: Any) -> tuple[Params, list[int]]:
    body: Body = params["body"]
    which = [k for k, is_needed in enumerate(needed) if is_needed or k < body.carries]
    return {**params, "body": body.only(tuple(which))}, which


SCAN = _row(_scan, (_scan_pull,), name="scan", jvp=_scan_push, batch=_scan_batch, unused=_scan_unused)


# --------------------------------------------------------------------------------------------------------- cond


def chosen(branches: Sequence[Body], pred: Any, xs: Sequence[Any], drawn: Params) -> Values:
    """The results of the first branch if `pred` is true, or else of the second."""
    wanted = wanted_of(xs)
    branches = tuple(Body(branch.program, wanted=branch.wanted | wanted) for branch in branches)
    return tuple(call(COND, (pred, *xs), {"branches": branches, **drawn}))


def _cond(pred: Any, *xs: Any, branches: Sequence[Body], **_: Any) -> Values:
    return tuple(map(np.array, branches[0 if pred else 1].step(*xs)))


def _cond_pull(g: Any, xs: Any, i: int, params: Params) -> Any:
    return _cotangent(g, i, lambda: _cond_backward(g, xs, i, params))


def _cond_backward(g: Any, xs: Any, i: int, params: Params) -> dict[int, Any]:
    if "generator" in params:
        raise RuntimeError(
            "cond: the backward pass would draw the random numbers of a branch again: draw them before, and pass them "
            "as an operand"
        )
    branches: Sequence[Body] = params["branches"]
    wanted = tuple(sorted(branches[0].wanted | {i - 1}))
    at = tuple(k for k, d in enumerate(g) if d is not None)
    cotangents = [_strong(g[k], branches[0].program.outputs[k]) for k in at]
    inner = [_branch_pulled(branch, wanted, at) for branch in branches]
    results = chosen(inner, xs[0], [*xs[1:], *cotangents], {})
    return dict(zip((k + 1 for k in wanted), results, strict=True))


@cached_method
def _branch_pulled(branch: Body, wanted: Shape, at: Shape) -> Body:
    inputs = branch.program.inputs
    derived = pulled_back(branch.program, {inputs[k] for k in wanted}, wanted, at)
    return Body(program_of(branch.program, "backward", (*inputs, *derived.new), derived, whole=True))


def _cond_push(ts: Sequence[Any], y: Any, xs: Sequence[Any], n: Node) -> Values:
    on = tuple(sorted(k - 1 for k in _moving("cond", ts, n.params)))
    inner = [_branch_pushed(branch, on) for branch in n.params["branches"]]
    return chosen(inner, xs[0], [*xs[1:], *(ts[k + 1] for k in on)], {})


@cached_method
def _branch_pushed(branch: Body, on: Shape) -> Body:
    derived, some = pushed_forward(branch.program, on)
    of = dict(zip(some, derived.outputs, strict=True))
    derived = derived._replace(outputs=[of.get(k, zeros_of(x)) for k, x in enumerate(branch.program.outputs)])
    return Body(program_of(branch.program, "jvp", (*branch.program.inputs, *derived.new), derived, whole=True))


def _cond_batch(b: Batched) -> Values:
    """One branch if all examples choose the same; otherwise both, and for each example the results of its own."""
    branches = b.params["branches"]
    pred, *xs = b.xs
    on = frozenset(k for k, has in enumerate(b.on[1:]) if has)
    if b.on[0]:
        # What an example that did not choose a branch passes back through it may be nan, and is cut off here.
        live = {k for k, x in enumerate(xs) if live_of(x) > TRACED and x.dtype.kind in "fc"}
        on |= live
        full = [b.full(k + 1) if k in on else x for k, x in enumerate(xs)]
        truth = truth_of(pred)
        both = []
        for branch, its in zip(branches, (truth, TABLE["logical_not"](truth)), strict=True):
            operands = [_cut(x, its) if k in live else x for k, x in enumerate(full)]
            both.append(as_function(_mapped_branch(branch, on, b.size).program)(*operands))
        return tuple(where(padded(truth, True, len(s)), x, y) for x, y, s in zip(*both, b.shape, strict=True))
    return tuple(b(pred, *xs, branches=tuple(_mapped_branch(branch, on, b.size) for branch in branches)))


def truth_of(x: Any) -> Any:
    return x if x.dtype == bool else TABLE["not_equal"](x, 0)


def _cut(x: Any, its: Any) -> Any:
    """`x`, through which a cotangent passes for those examples only that have chosen the branch."""
    return where(padded(its, True, x.ndim - 1), x, record(STOP_GRADIENT, (x,)))


@cached_method
def _mapped_branch(branch: Body, on: frozenset[int], size: int) -> Body:
    return Body(mapped(branch.program, on, range(len(branch.program.outputs)), size), wanted=branch.wanted)


COND = _row(_cond, (_cond_pull,), name="cond", jvp=_cond_push, batch=_cond_batch)


# --------------------------------------------------------------------------------------------------- while_loop


def _while(*xs: Any, test: Body, body: Body, **_: Any) -> Values:
    carry, constants, steps = xs[: body.carries], xs[body.carries :], 0
    while test.step(*carry, *constants)[0] and not _is_last(steps):
        carry = body.step(*carry, *constants)
        steps += 1
    return tuple(map(np.array, carry))


def _while_pull(g: Any, xs: Any, i: int) -> NoReturn:
    raise RuntimeError(
        "while_loop has no reverse mode, because the number of its steps is not known before: use ag.scan or "
        "ag.fori_loop with a fixed number of steps (and ag.cond or np.where for those that are too many), or forward "
        "mode (ag.jvp, ag.jacfwd); under no_grad(), or on x.detach(), no derivative is asked for"
    )


def _while_push(ts: Sequence[Any], y: Any, xs: Sequence[Any], n: Node) -> Values:
    body, test = n.params["body"], n.params["test"].program
    inner, on, _ = body.pushed(_moving("while_loop", ts, n.params))
    groups = range(body.carries), range(body.carries, len(xs))
    # The condition sees the values only, and not their tangents.
    own = dict(zip(body.program.inputs, test.inputs, strict=True))
    inputs = tuple(own.get(v, v) for v in inner.program.inputs)
    examples = dict(zip(inputs, inner.program.examples.values(), strict=True))
    again = Body(assembled(test.name, inputs, test.equations, test.outputs, examples), inner.carries)
    results = call(WHILE, _with_tangents(groups, xs, ts, on), {"test": again, "body": inner})
    places = [k for k in on if k < body.carries]
    return _tangents(n, places, results[body.carries :])


def _while_batch(b: Batched) -> Values:
    """If the condition differs between examples, all go on, and those that have ended keep their values."""
    test, body = b.params["test"], b.params["body"]
    on = frozenset(k for k, has in enumerate(b.on) if has)
    ins, _ = body.reached(on, draws=True)
    if Body(test.program).reached(ins)[1]:
        ins |= set(range(body.carries))
        program = mapped(body.program, ins, range(body.carries), b.size)
        ask = as_function(mapped(test.program, ins, [0], b.size))
        step = as_function(program)

        def masked(*xs: Any) -> Values:
            going = truth_of(ask(*xs)[0])
            pairs = zip(xs, step(*xs), strict=False)  # `xs` has constants too
            return tuple(where(padded(going, True, new.ndim - 1), new, x) for x, new in pairs)

        examples = [program.examples[v] for v in program.inputs]
        inner = Body(retraced(masked, examples), body.carries)
        again = Body(retraced(lambda *xs: TABLE["any"](truth_of(ask(*xs)[0])), examples), body.carries)
    else:
        inner, ins, _ = body.batched(on, b.size)
        again = test
    ys = b(*(b.full(k) if k in ins else x for k, x in enumerate(b.xs)), test=again, body=inner)
    return tuple(y if k in ins else repeated(y, b.size) for k, y in enumerate(ys))


WHILE = _row(_while, (_while_pull,), name="while_loop", jvp=_while_push, batch=_while_batch)
