"""Loops in pictures: many equal steps are drawn once, with t for their number; what is not equal is drawn as it is."""

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.drawing import draw, formatting, frames
from tests.drawing.test_drawing import can_render


def leaf(*shape):
    values = np.random.default_rng(sum(shape)).normal(size=shape).round(1)
    return ag.tensor(values, requires_grad=True)


def rnn(steps):
    W, U, v = leaf(3, 3), leaf(3, 2), leaf(3)
    x, h0, y = np.linspace(-1, 1, 2 * steps).reshape(steps, 2), np.zeros(3), 1.0
    h = h0
    for t in range(steps):
        z = W @ h + U @ x[t]
        h = np.tanh(z)
    p = v @ h
    L = 0.5 * (p - y) ** 2
    return L, locals()


def gru(steps):
    Wz, Uz, Wr, Ur, Wn, Un = leaf(2, 3), leaf(3, 3), leaf(2, 3), leaf(3, 3), leaf(2, 3), leaf(3, 3)
    x, h0 = np.linspace(-1, 1, 2 * steps).reshape(steps, 2), np.zeros(3)
    h = h0
    for t in range(steps):
        z = ag.sigmoid(x[t] @ Wz + h @ Uz)
        r = ag.sigmoid(x[t] @ Wr + h @ Ur)
        n = np.tanh(x[t] @ Wn + (r * h) @ Un)
        h = (1 - z) * n + z * h
    L = np.sum(h**2)
    return L, locals()


def lstm(steps):
    W, U, V, v = leaf(2, 3), leaf(3, 3), leaf(3, 3), leaf(3)
    h = c = np.zeros(3)
    L = 0.0
    for x in [np.full(2, 0.1 * k) for k in range(steps)]:
        f = ag.sigmoid(x @ W + h @ U)
        c = f * c + np.tanh(h @ V)
        h = f * np.tanh(c)
        L = L + (h @ v - 1) ** 2
    return L, {key: x for key, x in locals().items() if key != "L"} | {"L": L}


def of_several_steps(steps):
    W, x, h, outs = leaf(3, 3), np.ones((steps, 3)), leaf(3), []
    for t in range(steps):
        z = W @ h + x[t]
        h = np.tanh(z)
        outs.append(h)
    H = np.stack(outs)
    L = np.sum(H**2)
    return L, {"W": W, "x": x, "z": z, "h": h, "H": H, "L": L}


def texts(picture):
    """The formulas of the boxes by name, and of the lines by symbol."""
    boxes = {i.name: i.source(100) for i in picture.scene.items}
    lines = (x for x in picture.scene.lines if x.symbol)
    return boxes, {formatting.partial(x.symbol): formatting.formula(x.formula, 100) for x in lines}


def test_an_rnn_of_twelve_steps_is_one_step():
    L, names = rnn(12)
    picture = draw(L, names=names)
    boxes, lines = texts(picture)
    assert boxes["zₜ"] == "W hₜ₋₁ + U x[t-1]"
    assert boxes["hₜ"] == "tanh(zₜ)"
    assert lines["∂zₜ/∂hₜ₋₁"] == "Wᵀ"
    assert lines["∂hₜ/∂zₜ"] == "1 − hₜ²"
    assert lines["∂L/∂W"] == "∂L/∂zₜ hₜ₋₁ᵀ"
    assert lines["∂p/∂v"] == "hₜ"
    assert len(picture.scene.items) == 10
    notes = {i.name: i.note for i in picture.scene.items}
    assert (notes["zₜ"], notes["hₜ₋₁"]) == ("× 12", "of the step before; h0 at t = 1")
    (summed,) = (x.note for x in picture.scene.lines if x.symbol == "dL/dW")
    assert summed == "summed over t"
    assert "roll=False" in picture.scene.notes[-1]
    values = {i.name: i.value for i in picture.scene.items}
    assert values["zₜ"] is None  # which differs from step to step
    np.testing.assert_array_equal(values["p"], names["p"].numpy())


def test_the_first_step_may_lack_what_a_state_brings():
    L, names = gru(3)
    boxes, lines = texts(draw(L, names=names))
    assert boxes["hₜ"] == "(1 − zₜ) ⊙ nₜ + zₜ ⊙ hₜ₋₁"
    assert lines["∂hₜ/∂zₜ"] == "hₜ₋₁ − nₜ"
    assert len(boxes) < 20


def test_what_is_given_for_each_step_is_one_box_and_every_state_has_one():
    L, names = lstm(6)
    boxes, lines = texts(draw(L, names=names))
    assert "cₜ₋₁" in boxes["cₜ"]
    assert {"hₜ₋₁", "cₜ₋₁", "Lₜ₋₁", "xₜ"} <= set(boxes)
    assert boxes["L"].startswith("Lₜ₋₁ + ")
    assert lines["∂L/∂Lₜ₋₁"] == "1"


def test_two_states_with_numbers_in_their_names():
    W, U, x, h1, h2 = leaf(3, 3), leaf(3, 3), np.ones((8, 3)), np.zeros(3), np.ones(3)
    start = {"h1": h1, "h2": h2}
    for t in range(8):
        h1 = np.tanh(W @ h1 + x[t])
        h2 = np.tanh(U @ h2 + h1)
    picture = draw(np.sum(h2), names={"W": W, "U": U, "x": x} | start)
    notes = {i.name: i.note for i in picture.scene.items}
    assert notes["h1ₜ"] == notes["h2ₜ"] == "× 8"
    for word in ("h1", "h2"):
        assert notes[f"{word}ₜ₋₁"] == f"of the step before; {word} at t = 1"


def test_what_takes_the_results_of_several_steps_has_no_formula():
    L, names = of_several_steps(8)
    boxes, lines = texts(draw(L, names=names))
    assert boxes["H"] == "stack"
    assert lines["∂L/∂hₜ"] == "∂L/∂H[t-1]"
    assert "h1" not in str(boxes) + str(lines)


def test_few_steps_and_unequal_steps_are_all_drawn():
    L, names = rnn(3)
    assert draw(L, names=names).source == draw(L, names=names, roll=False).source
    w = leaf(3)
    h = np.ones(3)
    for k in [0, 0, 1, 0, 1, 1, 1, 0, 1, 0, 0, 0, 1, 1, 0, 1]:
        z = h * w
        h = np.tanh(z) if k else np.sin(z)
    L, names = np.sum(h), {"h": h, "z": z}
    assert len(draw(L, names=names).scene.items) > 20
    assert draw(L, names=names).source == draw(L, names=names, roll=False).source


def test_parameters_of_each_step_are_not_folded():
    weights = [leaf(3, 3) for _ in range(14)]
    h = np.ones(3)
    for W in weights:
        h = np.tanh(W @ h)
    assert sum(i.kind == "parameter" for i in draw(np.sum(h)).scene.items) == 14


def test_indices_and_numbers_of_steps_are_written_with_t():
    w, x, y = leaf(2), np.ones((16, 2)), np.ones((16, 2))
    h = np.zeros(2)
    for t in range(15):
        h = np.tanh(h * w + x[t] - y[t + 1]) * (t + 1)
    boxes, _ = texts(draw(np.sum(h), names={"x": x, "y": y, "h": h, "w": w}))
    assert "x[t-1]" in boxes["hₜ"]
    assert "y[t]" in boxes["hₜ"]


@can_render
def test_pages_frames_and_latex_have_every_step():
    L, names = rnn(8)
    picture = draw(L, names=names)
    assert picture.unrolled.source == draw(L, names=names, roll=False).source
    assert "h7" in picture.html()
    assert "h7" in picture.html(live=True)
    assert "h_{7}" in picture.tex()
    assert any("z5" in caption for caption in frames(L, names=names).captions)


@pytest.mark.parametrize("steps", [60, 100])
def test_a_long_loop_is_not_cut(steps):
    L, names = rnn(steps)
    assert len(draw(L, names=names).scene.items) == 10


def test_powers_count_with_the_steps():
    beta, w, total = 0.9, leaf(6), 0.0
    for t in range(6):
        utility = np.log(w[t] ** 2)
        total = total + beta**t * utility
    boxes, _ = texts(draw(total, names={"w": w, "beta": beta, "total": total}))
    assert boxes["total"] == "totalₜ₋₁ + βᵗ⁻¹ utilityₜ"


def test_a_last_step_that_ends_early_stands_beside_the_others():
    def filtered(zs, q):
        m, P, L = 0.0, 1.0, 0.0
        for z in zs:
            S = P + q
            K = P / S
            L = L + (z - m) ** 2 / S
            m = m + K * (z - m)
            P = (1 - K) * P
        return L

    scene = draw(filtered, np.linspace(0.1, 1.2, 12), 0.3).scene
    assert len(scene.items) < 20
    assert "t = 1 … 11 of a loop are equal" in scene.notes[-1]
