"""Constants and indices as source: what is written evaluates to the same."""

from __future__ import annotations

import numpy as np
import pytest

from autograd_lite.base.literals import index, literal
from autograd_lite.derive.helpers import literal as full

SIMPLE = [
    0, -3, True, None, 0.1, -1e300, "a'b", b"c", ..., (), (1,), (1, (2, None)), slice(None), slice(1, None, -2),
    (slice(0, 3), ...), np.dtype("float32"), np.dtype(bool), np.dtype("int64"),
]  # fmt: skip
FULL = [
    *SIMPLE, float("inf"), -np.inf, np.float64(2.5), np.float32("-inf"), np.int8(3), 1 + 2j, [1, [2.5]], {"a": (1,)},
    {3}, float, int, type(None), np.float32, np.dtype(">f8"), np.exp, np.arange(3), np.zeros((2, 0)),
    np.ones((1, 2), "f4"), np.array([np.inf, -1.0]), np.array([1, 2], ">i4"),
]  # fmt: skip


def same(a, b) -> bool:
    if isinstance(b, np.ndarray):
        return a.dtype == b.dtype and np.array_equal(a, b)
    return a is b or a == b


@pytest.mark.parametrize("value", SIMPLE, ids=repr)
def test_a_simple_constant(value) -> None:
    text = literal(value, lambda part: "")
    assert same(eval(text, {"np": np}), value)


@pytest.mark.parametrize("value", FULL, ids=repr)
def test_a_constant_of_emitted_source(value) -> None:
    assert same(eval(full(value), {"np": np}), value)


@pytest.mark.parametrize("value", [float("nan"), np.arange(3), (1, np.arange(3)), slice(np.int64(3)), [1], object()])
def test_what_has_no_literal_gets_a_name(value) -> None:
    assert literal(value, lambda part: "") == ""


X = np.arange(60).reshape(3, 4, 5)


@pytest.mark.parametrize(
    "at",
    [
        0, slice(1, 3), (), (0,), (slice(None, None, 2),), ((0, 2),), ((0, 2), 1), (0, ..., slice(-1, None)), None,
        (None, 1), ..., (np.array([0, 2]), 1),
    ],
    ids=repr,
)
def test_an_index(at) -> None:
    np.testing.assert_array_equal(eval(f"X[{index(at, lambda part: repr(part))}]", {"X": X, "array": np.array}), X[at])
