"""detect_anomaly: the first nan, forward or backward, and writes that nothing else notices."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest
from tensors import leaf, parameter

import autograd_lite as ag
from autograd_lite.engine.context import CONTEXT
from autograd_lite.table import Primitive


@pytest.fixture(autouse=True)
def quiet():
    with np.errstate(all="ignore"):
        yield
    assert CONTEXT.get() is None


def caught(work, *words):
    with pytest.raises(RuntimeError) as error, ag.detect_anomaly():
        work()
    for word in words:
        assert word in str(error.value)
    notes = getattr(error.value, "__notes__", [])
    assert any(f"recorded at {__file__}:" in note for note in notes), notes
    return str(error.value)


def test_a_nan_in_the_forward_pass_is_named_where_it_is_first_made():
    W = parameter(first=-1)

    def work():
        y = np.log(W)
        return np.sum(y * 2 + 1)

    assert caught(work) == "log(W (3,)) made a nan in the forward pass at [0]: W[0] = -1"


def test_a_nan_that_came_in_is_said_to():
    caught(lambda: leaf([np.nan, 1.0]) * 2, "multiply", "from a nan in 'W'")


def test_infinities_are_no_nan():
    with ag.detect_anomaly():
        y = 1 / leaf([0.0, 1.0])
        assert np.isinf(y.data[0])


#: A row with a slope that is nan beyond 5.
BAD = Primitive("elementwise", lambda x: 1.0 * x, (lambda x: np.where(x > 5, np.nan, 1.0),), name="bad_slope")


def test_a_nan_in_the_backward_pass():
    def work():
        h = leaf([10.0, 1.0]) * 2
        h.name = "H"
        (np.exp(BAD(h)) + h).sum().backward()

    assert caught(work).startswith("bad_slope(H (2,)) made a nan in the backward pass, for 'H'")


def test_a_nan_that_the_backward_pass_was_given():
    caught(
        lambda: np.sin(parameter(first=-1)).backward(np.array([np.nan, 1.0, 1.0])),
        "sin(W (3,))",
        "backward pass",
        "'W'",
    )


@pytest.mark.parametrize("backward", [
    lambda y, W: y.backward(),
    lambda y, W: ag.autograd.grad(y, W),
    lambda y, W: ag.autograd.backward([y]),
    lambda y, W: ag.autograd.grad(y, W, create_graph=True),
], ids=["backward", "grad", "several", "create_graph"])  # fmt: skip
def test_every_backward_pass_is_watched(backward):
    def work():
        W = leaf([10.0, 1.0])
        backward(BAD(W).sum(), W)

    assert "a nan" in caught(work)


def test_transforms_are_watched():
    caught(lambda: ag.grad(lambda x: np.sum(BAD(x)))(np.array([10.0, 1.0])), "bad_slope", "backward pass")
    caught(lambda: ag.vjp(BAD, np.array([10.0, 1.0]))[1](np.ones(2)), "bad_slope", "backward pass")
    caught(lambda: ag.grad(lambda x: np.sum(np.log(x)))(np.array([-1.0])), "log", "forward pass")


def test_raw_writes_are_seen_by_fingerprints():
    def into_data():
        W = parameter(first=-1)
        loss = (W * W).sum()
        W.data[0] = 7
        loss.backward()

    def into_a_constant():
        W, array = parameter(first=-1), np.ones(3)
        loss = (W * array).sum()
        array += 1
        loss.backward()

    def into_what_the_rule_would_stumble_over():
        W, array = parameter(first=-1), np.ones(3)
        loss = np.interp(0.5, np.arange(3.0), W * array)
        array.resize((3, 1), refcheck=False)
        array += 1
        loss.backward()

    for work in (into_data, into_a_constant, into_what_the_rule_would_stumble_over):
        caught(work, "was written to after the forward pass")


def test_what_is_right_raises_nothing():
    with ag.detect_anomaly():
        W = leaf([0.5, 1.0])
        for _ in range(3):
            loss = (np.tanh(W)[np.array([0, 1, 1])] * np.ones(3)).sum()
            loss.backward()
            with ag.no_grad():
                W -= 0.1 * W.grad
            W.zero_grad()
        W.data[0] = 3.0  # not used any more
        (W * 2).sum().backward(create_graph=True)
        assert ag.grad(ag.grad(np.sin))(0.5) == -np.sin(0.5)
        assert ag.jvp(np.sin, (0.5,), (1.0,))[1] == np.cos(0.5)
        ag.grad(lambda x: np.sum(np.split(x, 2)[0]))(np.ones(4))


def test_a_known_update_is_reported_as_such():
    W = parameter(first=-1)
    with pytest.raises(RuntimeError, match=r"'W'.*has changed since"), ag.detect_anomaly():
        loss = (W * W).sum()
        with ag.no_grad():
            W -= 1
        loss.backward()


def test_outside_nothing_is_watched():
    W = parameter(first=-1)
    assert np.isnan(np.log(W).data[0])
    loss = (W * W).sum()
    W.data[0] = 7
    loss.backward()  # wrong, and documented: only detect_anomaly sees it


def test_nested_and_as_often_as_one_likes():
    with ag.detect_anomaly():
        with ag.detect_anomaly(), ag.no_grad():
            assert np.isnan(np.log(parameter(first=-1)).data[0])  # not recorded, not watched
        caught(lambda: np.log(parameter(first=-1)), "log")
        with pytest.raises(RuntimeError, match="log"):
            np.log(parameter(first=-1))


def test_it_holds_no_graph():
    with ag.detect_anomaly():
        nodes = []
        for _ in range(3):
            loss = (parameter(first=-1) * 2).sum()
            nodes.append(weakref.ref(loss._node))
        del loss
        gc.collect()
        assert [n() for n in nodes] == [None] * 3
