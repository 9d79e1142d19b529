"""The steps of a loop are written once, with t for their number."""

from __future__ import annotations

import numpy as np
import pytest

import autograd_lite as ag

RNG = np.random.default_rng(0)


def leaf(*shape, name):
    return ag.tensor(RNG.uniform(-1, 1, shape), requires_grad=True, name=name)


def rnn(steps):
    W, U, v = leaf(2, 2, name="W"), leaf(2, 3, name="U"), leaf(2, name="v")
    x, h = RNG.uniform(-1, 1, (steps, 3)), np.zeros(2)
    for t in range(steps):
        z = W @ h + U @ x[t]
        h = np.tanh(z)
    return 0.5 * (v @ h - 1.0) ** 2, [W, U, v], {"x": x}


@pytest.mark.parametrize("steps", [3, 12, 50])
def test_a_parameter_of_each_step_has_one_line(steps):
    L, wrt, names = rnn(steps)
    text = " ".join(str(L.explain(wrt, names)).split())
    assert "dL/dW = Σₜ dL/dzₜ @ hₜ₋₁ᵀ since zₜ = W @ hₜ₋₁ + U @ x[t-1]" in text
    assert f"t = 1 … {steps}" in text


def test_twelve_steps_are_a_page():
    L, wrt, names = rnn(12)
    text = str(L.explain(wrt, names))
    assert len(text.splitlines()) < 60
    assert "dL/dhₜ = Wᵀ @ dL/dzₜ₊₁" in text
    assert "t = 11 … 1" in text
    assert "dL/dh12 = " in text  # the last step has another form
    assert text.count("hₜ = tanh(zₜ)") >= 1
    assert r"\sum_{t}" in L.explain(wrt, names).latex()
    assert L.explain(wrt, names).text(ascii=True).isascii()


def test_every_step_can_be_written():
    L, wrt, names = rnn(12)
    text = str(L.explain(wrt, names, roll=False))
    assert "dL/dh7 = Wᵀ @ dL/dz8" in text
    assert "Σₜ" not in text


def test_numbers_that_are_not_steps_stay():
    W1, W2, x = leaf(2, 2, name="W1"), leaf(2, 2, name="W2"), np.ones(2)
    L = np.sum(np.tanh(W2 @ np.tanh(W1 @ x)))
    text = str(L.explain([W1, W2]))
    assert "ₜ" not in text


def test_scalars_of_an_integration():
    k, q, v, dt = leaf(name="k"), 1.0, 0.5, 0.1
    for _ in range(8):
        a = -k * q
        v = v + dt * a
        q = q + dt * v
    text = str((q**2).explain(k))
    assert "vₜ = vₜ₋₁ + dt aₜ" in text
    assert "Σₜ dL/daₜ · qₜ₋₁" in text
