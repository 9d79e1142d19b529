"""The operators' fast lane does what `record` does, on every row that takes it."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from thorough import crossed

import autograd_lite as ag
from autograd_lite.engine.node import Node
from autograd_lite.engine.record import binary, record, unary
from autograd_lite.testing.rows import all_rows, points

ROWS = sorted((row for row in all_rows() if row.direct and row.builtin), key=lambda row: row.name)
WAYS = ("live", "constant", "array")  # how an operand is given


def operands(row):
    """Arguments to try: a row's own test points, and for a constant row arrays of the kinds that its ufunc takes."""
    if row.kind != "constant":
        for args, keywords in points(row, np.random.default_rng(0)):
            if not keywords:
                yield args
    elif isinstance(row.fn, np.ufunc):
        for kind in "d?i":
            if any(set(types.split("->")[0]) == {kind} for types in row.fn.types):
                yield tuple(np.arange(1, 4).astype(kind) for _ in range(row.fn.nin))


def given(x, way):
    if way == "array":
        return x
    return ag.tensor(x, requires_grad=way == "live" and np.asarray(x).dtype.kind in "fc")


def described(t):
    """Everything about a result but when and where it was made."""
    node = t._node
    if node is None:
        return t.shape, t.dtype, t._data.flags.writeable
    own = ("__weakref__", "order", "code", "at")
    fields = {name: getattr(node, name) for name in Node.__slots__ if name not in own}
    fields["xs"] = [None if x is None else np.asarray(x).tolist() for x in node.xs]
    fields["y"] = None if node.y is None else node.y.tolist()
    fields["storage"] = id(node.storage)
    return fields


@pytest.mark.parametrize(
    ("row", "mode"), crossed(ROWS, ["recording", "no_grad", "traced"]), ids=lambda v: getattr(v, "name", v)
)
def test_the_fast_lane_does_what_record_does(row, mode):
    tried = 0
    for args in operands(row):
        if len(args) not in (1, 2):
            continue
        for ways in product(WAYS, repeat=len(args)):
            xs = tuple(map(given, args, ways))
            if not any(isinstance(x, ag.Tensor) for x in xs) or len(xs) == 1 and ways == ("array",):
                continue
            with np.errstate(all="ignore"):
                if mode == "no_grad":
                    with ag.no_grad():
                        plain, fast = record(row, xs), lane(row, xs)
                elif mode == "recording":
                    plain, fast = record(row, xs), lane(row, xs)
                else:
                    plain, fast = traced(row, xs)
            assert described(fast) == described(plain)
            np.testing.assert_array_equal(fast._data, plain._data)
            tried += 1
    assert tried or not any(len(args) in (1, 2) for args in operands(row))


def lane(row, xs):
    return (unary if len(xs) == 1 else binary)(row, *xs)


def traced(row, xs):
    found = []

    def f(*tensors):
        found[:] = record(row, tensors), lane(row, tensors)
        return found[0]

    ag.trace(f)(*xs)
    return found
