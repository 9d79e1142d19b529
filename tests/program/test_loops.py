"""Control flow run as plain Python: against loops by hand, with JAX's meaning."""

from __future__ import annotations

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.program import Program

xs = np.arange(16.0).reshape(8, 2) / 9


def test_scan_is_a_loop() -> None:
    def step(h, x):
        h = np.tanh(h + x)
        return h, h * 2

    h, outputs = np.zeros(2), []
    for x in xs:
        h = np.tanh(h + x)
        outputs.append(h * 2)
    carry, ys = ag.scan(step, np.zeros(2), xs)
    np.testing.assert_array_equal(carry, h)
    np.testing.assert_array_equal(ys, outputs)
    assert type(ys) is np.ndarray
    back, ys = ag.scan(step, np.zeros(2), xs, reverse=True)
    _, backwards = ag.scan(step, np.zeros(2), xs[::-1])
    np.testing.assert_array_equal(ys, backwards[::-1])
    np.testing.assert_array_equal(back, backwards[-1] / 2)


def test_trees_and_no_results() -> None:
    def step(carry, x):
        return {"n": carry["n"] + 1, "s": carry["s"] + x["a"].sum()}, (x["b"], None)

    carry, (b, nothing) = ag.scan(step, {"n": 0, "s": 0.0}, {"a": xs, "b": np.arange(8)})
    assert carry["n"] == 8
    assert float(carry["s"]) == pytest.approx(xs.sum())
    np.testing.assert_array_equal(b, np.arange(8))
    assert nothing is None
    assert ag.scan(lambda c, _: (c * 2, None), 1, length=5) == (32, None)


def test_no_steps() -> None:
    carry, ys = ag.scan(lambda c, x: (c + x, {"y": x * np.ones(3, np.float32)}), 1.0, np.zeros(0, np.float32))
    assert carry == 1.0
    assert ys["y"].shape == (0, 3)
    assert ys["y"].dtype == np.float32
    assert ag.fori_loop(3, 1, lambda i, v: v + 1, 7) == 7


def test_other_loops() -> None:
    assert ag.fori_loop(0, 5, lambda i, v: v + i, 0) == 10
    assert ag.while_loop(lambda v: v[0] < 10, lambda v: (v[0] * 2, v[1] + 1), (1, 0)) == (16, 4)
    assert ag.cond(True, lambda a, b: a, lambda a, b: b, 1, 2) == 1
    assert ag.cond(np.array(0.0), lambda a, b: a, lambda a, b: b, 1, 2) == 2


def test_dtypes_stay() -> None:
    c, _ = ag.scan(lambda c, x: (c + x, c), 0.0, np.ones(3, np.float32))
    assert c.dtype == np.float32
    with pytest.raises(ValueError, match=r"carry\['h'\] was float32\[\] and became float64\[\]: a carry keeps"):
        ag.scan(lambda c, x: ({"h": c["h"] + x}, None), {"h": np.float32(0)}, np.ones(3))
    with pytest.raises(ValueError, match=r"carry was float64\[2\] and became float64\[3\]"):
        ag.while_loop(lambda v: True, lambda v: np.zeros(3), np.zeros(2))
    with pytest.raises(ValueError, match=r"fori_loop: the carry should be a tuple of 2"):
        ag.fori_loop(0, 2, lambda i, v: (v[0],), (1, 2))
    c, _ = ag.scan(lambda c, x: (0.0, None), np.float32(1), np.ones(3))
    assert c.dtype == np.float32


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: ag.scan(lambda c, x: c, 0.0, np.ones(3)), r"expected f to return a pair \(carry, y\)"),
        (lambda: ag.scan(lambda c, x: (c, x), 0.0, (np.ones(3), np.ones(4))), r"xs\[0\] has 3, xs\[1\] has 4"),
        (lambda: ag.scan(lambda c, x: (c, x), 0.0, np.ones(3), length=4), "xs has 3, length has 4"),
        (lambda: ag.scan(lambda c, x: (c, x), 0.0, {"a": 2.0}), r"xs\['a'\] is a single number"),
        (lambda: ag.scan(lambda c, x: (c, x), 0.0), "without xs, give length"),
        (lambda: ag.scan(lambda c, x: (c, x), 0.0, length=-1), "from 0 on"),
        (lambda: ag.scan(lambda c, x: (c, x), 0.0, length=2.0), "a whole number as length, got 2.0"),
        (lambda: ag.scan(lambda c, x: (c, x), 0.0, np.ones(3), unroll=0), "unroll=0"),
        (lambda: ag.scan(None, 0.0, np.ones(3)), "expected a function, got NoneType"),
        (lambda: ag.scan(lambda c, x: (c, np.zeros(int(x))), 0.0, np.arange(3)), "the steps return different results"),
        (lambda: ag.fori_loop(0, 2.5, lambda i, v: v, 0), "whole numbers as bounds, got 2.5"),
        (lambda: ag.while_loop(lambda v: v > 0, lambda v: v, np.ones(2)), "expected a single truth value"),
        (lambda: ag.cond(np.ones(2), np.sin, np.cos, 1.0), r"pred is an array of shape \(2,\)"),
    ],
)
def test_errors(call, words: str) -> None:
    with pytest.raises((ValueError, TypeError), match=words):
        call()


def by_hand(W):
    h = np.zeros(2)
    for x in xs.copy():
        h = np.tanh(W @ h + x)
    return (h**2).sum()


def by_scan(W):
    def step(h, x):
        h = np.tanh(W @ h + x)
        return h, None

    h, _ = ag.scan(step, np.zeros(2), xs.copy())
    return (h**2).sum()


def test_shown_like_a_loop_by_hand() -> None:
    """The derivation with its sum over t, the picture with one step and the source are those of the loop."""
    hand, scanned = (f(ag.tensor(np.eye(2) / 2, requires_grad=True, name="W")) for f in (by_hand, by_scan))
    text = str(ag.explain(hand))
    assert "Σₜ" in text
    assert str(ag.explain(scanned)) == text
    labels = [ag.draw(L).svg().count("hₜ₋₁") for L in (hand, scanned)]
    assert labels[0] == labels[1] > 0
    program = Program.of(scanned)
    assert "h3 : float64[2] = step 3(W, h2)  # 3 equations" in program.text(1)
    assert "scan.step 6" in str(program)


def test_gradients_are_those_of_the_loop() -> None:
    W = np.array([[0.3, -0.2], [0.1, 0.4]])
    for transform in (ag.grad, ag.hessian, ag.jacfwd):
        np.testing.assert_array_equal(transform(by_scan)(W), transform(by_hand)(W))


def test_what_a_scan_runs_over_has_its_name() -> None:
    """A constant array is written by its entries, as in ``for x in us``."""
    us, forces = np.array([0.5, 0.25, 2.0]), np.arange(6.0).reshape(3, 2)

    def by_lambda(w):
        p, _ = ag.scan(lambda p, u: (np.sin(w * p + u), None), 1.0, us)
        return p

    def by_function(w):
        def step(v, f):
            v = np.tanh(w * v + f)
            return v, None

        v, _ = ag.scan(step, np.zeros(2), forces)
        return v.sum()

    for f, words in ((by_lambda, ("us[0]", "us[t-1]", "t = 2 … 3")), (by_function, ("forces[t-1]", "t = 1 … 3"))):
        text = str(ag.explain(f(ag.tensor(0.5, requires_grad=True, name="w"))))
        assert all(word in text for word in words)
    assert "forces[2]" in ag.source(by_function, 0.5)

    def backwards(w):  # here the entries are not those of the steps, so their numbers are given
        p, _ = ag.scan(lambda p, u: (np.sin(w * p + u), None), 1.0, us, reverse=True)
        return p

    text = str(ag.explain(backwards(ag.tensor(0.5, requires_grad=True, name="w"))))
    assert "(u1, u2, u3) = (2, ¼, ½)" in text
    assert "w sin(aₜ₋₁) + uₜ" in text
