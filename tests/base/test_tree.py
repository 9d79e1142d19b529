"""Trees of arrays: traversed in one order, matched by keys, rebuilt as they were."""

from __future__ import annotations

from collections import OrderedDict, namedtuple

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.base.tree import leaves, matched, rebuild, tree_map

Pair = namedtuple("Pair", "a b")


def test_leaves_come_in_the_order_of_writing():
    assert leaves({"b": 1, "a": [2, (3, None, {}), Pair(4, [5])], "c": ()}) == [1, 2, 3, 4, 5]
    assert leaves(None) == []
    assert leaves("text") == ["text"]
    array = np.ones((2, 2))
    assert leaves(array)[0] is array


@pytest.mark.parametrize(
    "tree",
    [1, [1, 2], (1,), {"a": 1, "b": {"c": (1, [2])}}, Pair(1, [2, None]), None, [], {}, OrderedDict(a=1)],
)
def test_rebuild_undoes_leaves(tree):
    again = rebuild(tree, leaves(tree))
    assert again == tree
    assert rebuild(tree, ["x"] * len(leaves(tree))) == tree_map(lambda _: "x", tree)


def test_named_tuples_stay_what_they_are():
    assert type(tree_map(lambda x: x, Pair(1, 2))) is Pair


def test_matched_by_keys():
    assert matched({"a": 0, "b": 0}, {"b": 2, "a": 1}) == [1, 2]
    assert matched([0, (0, None)], (1, [2, None])) == [1, 2]  # a list does for a tuple
    assert matched(0, [1, 2]) == [[1, 2]]  # whatever stands where a leaf is
    assert tree_map(lambda x, y: x - y, {"a": 5, "b": 7}, {"b": 1, "a": 2}) == {"a": 3, "b": 6}


@pytest.mark.parametrize(
    ("like", "tree", "message"),
    [
        ({"a": 0}, {"b": 0}, r"it should be a dict with the keys \['a'\], not one with the keys \['b'\]"),
        ({"a": 0}, [0], "dict .* not list of 1"),
        ([0, 0], [0], "it should be a list of 2, not list of 1"),
        ({"a": [0, 0]}, {"a": 3.0}, r"it\['a'\] should be a list of 2, not float"),
        ([0, [0]], [0, {"x": 1}], r"it\[1\] should be a list of 1, not one with the keys \['x'\]"),
        (None, 1, "it is int where the structure has None"),
    ],
)
def test_what_does_not_match_is_said_with_its_place(like, tree, message):
    with pytest.raises(ValueError, match=message):
        matched(like, tree)


W = ag.tensor([1.0, 2.0], requires_grad=True)


def itself(kind):
    """A container of this kind that contains itself."""
    inner = [1.0]
    a = {"a": inner} if kind is dict else (inner,) if kind is tuple else inner
    inner.append(a)
    return a


def deep(levels=2000):
    a = 1.0
    for _ in range(levels):
        a = [a]
    return a


ENDLESS = {"list": itself(list), "tuple": itself(tuple), "dict": itself(dict), "deep": deep()}


@pytest.mark.parametrize("kind", ENDLESS)
@pytest.mark.parametrize(
    "call",
    [
        lambda f, a: ag.grad(f)(a),
        lambda f, a: ag.grad(lambda x: a)(1.0),
        lambda f, a: ag.vjp(f, a),
        lambda f, a: ag.jvp(f, (1.0,), (a,)),
        lambda f, a: ag.trace(f)(a),
        lambda f, a: ag.source(f, a),
        lambda f, a: ag.draw(f, a),
        lambda f, a: ag.checkpoint(f)(a),
        lambda f, a: ag.stop_gradient(a),
        lambda f, a: np.stack([W, a]),
        lambda f, a: np.einsum("i,i", W, a),
        lambda f, a: np.where([True, False], W, a),
        lambda f, a: ag.set_at(W, 0, a),
        lambda f, a: W * a,
        lambda f, a: ag.array(a),
        lambda f, a: ag.tensor(a),
    ],
)
def test_a_container_that_contains_itself_or_is_very_deep_is_an_error(call, kind):
    with pytest.raises((ValueError, TypeError)) as caught:
        np.asarray(call(lambda x: 1.0, ENDLESS[kind]), float)
    assert len(str(caught.value)) > 20


def test_the_error_of_a_container_without_end_says_what_to_do():
    with pytest.raises(ValueError, match=r"a list contains itself, or is nested deeper .*: pass a flat list"):
        ag.vjp(lambda x: x, itself(list))
