"""Constants and first rounds of loops, from the user's lines interpreted again."""

from __future__ import annotations

import runpy

import numpy as np

import autograd_lite as ag

RNG = np.random.default_rng(0)


def leaf(*shape, name=None):
    return ag.tensor(RNG.uniform(0.2, 1, shape), requires_grad=True, name=name)


def steps(derivation):
    """What is given and the steps, in one line."""
    return " ".join(str(derivation).split("The chain rule")[0].split())


def test_the_first_round_of_a_script_is_written_as_that_of_a_traced_function():
    y, alpha, beta = np.array([1.0, 1.4, 2.1, 2.3, 3.2]), leaf(name="alpha"), leaf(name="beta")

    def holt(alpha, beta, y):
        level, trend, sse = y[0], y[1] - y[0], 0.0
        for t in range(1, len(y)):
            forecast = level + trend
            err = y[t] - forecast
            sse = sse + err**2
            new_level = forecast + alpha * err
            trend = trend + beta * (new_level - level - trend)
            level = new_level
        return sse

    script, traced = steps(holt(alpha, beta, y).explain()), steps(ag.trace(holt, 0.4, 0.3, y).explain())
    assert "level0 = y[0] 1 1. trend0 = y[1] - y[0] 1 0.4" in script
    for text in (script, traced):
        assert "forecastₜ = levelₜ₋₁ + trendₜ₋₁ 1 t = 1 … 4 errₜ = y[t] - forecastₜ 1 t = 1 … 4" in text
        assert "sse = Σₜ errₜ²" in text
    assert script.startswith("Given y (5), α (1), β (1)")


def test_a_first_round_beside_a_single_recorded_one_has_the_entry_before():
    y, a, L = np.array([1.0, 1.5, 0.5]), ag.tensor(0.5, requires_grad=True, name="a"), 0.0
    s = y[0]
    for t in range(1, 3):
        e = y[t] - s
        L = L + e**2
        s = s + a * e
    text = steps(L.explain(a))
    assert "e1 = y[1] - y[0] 1 0.5 s = y[0] + a e1 1 1.25 e2 = y[2] - s 1 -0.75 L = e1² + e2²" in text


def test_slices_of_a_state_that_begins_with_numbers():
    kappa, temp = leaf(name="kappa"), np.array([0.0, 1.0, 2.0, 1.0, 0.0])
    for _ in range(3):
        lap = temp[2:] - 2 * temp[1:-1] + temp[:-2]
        temp = np.concatenate([[0.0], temp[1:-1] + kappa * lap, [0.0]])
    text = steps(np.sum(temp**2).explain(kappa))
    assert "Given temp0 (5), κ (1)" in text
    assert "lapₜᵢ = tempₜ₋₁,ᵢ₊₂ - 2 tempₜ₋₁,ᵢ₊₁ + tempₜ₋₁,ᵢ 3 t = 1 … 3" in text


def test_arguments_of_a_function_that_was_called_have_the_names_of_what_was_passed():
    def model(W, data, labels):
        loss = 0.0
        for x, k in zip(data, labels, strict=True):
            z = W @ x
            loss = loss - (z[k] - np.log(np.sum(np.exp(z))))
        return loss

    W, inputs, classes = leaf(3, 2, name="W"), RNG.uniform(-1, 1, (4, 2)), [0, 2, 1, 1]
    text = steps(model(W, inputs, classes).explain(W))
    assert "zᵢ = W @ inputs[i] 3 i = 0 … 3 loss = -Σᵢ (zᵢ[classes[i]] - logsumexp(zᵢ))" in text


def test_methods_of_the_users_classes_are_followed():
    class Filter:
        def __init__(self):
            self.W, self.decay = leaf(2, 2, name="W"), 0.9

        def step(self, h, x):
            return np.tanh(self.decay * (self.W @ h) + x)

        def run(self, xs):
            h = np.zeros(2)
            for x in xs:
                h = self.step(h, x)
            return h

    cell, data = Filter(), RNG.uniform(-1, 1, (3, 2))
    assert "aₜ = decay W @ hₜ₋₁ + data[t-1] 2 t = 1 … 3" in steps(np.sum(cell.run(data)).explain())


def test_whatever_the_loop_is_over():
    w, xs, h = leaf(2, name="w"), np.arange(6.0).reshape(3, 2), 0.0
    for x in xs[::-1]:
        h = np.tanh(h + w @ x)
    assert "tanh(hₜ₋₁ + w @ xs[3-t])" in steps(h.explain(w))
    h = 0.0
    for _, x in reversed(list(enumerate(xs))):
        h = np.tanh(h + w @ x)
    assert "tanh(hₜ₋₁ + w @ xs[3-t])" in steps(h.explain(w))
    L = 0.0
    for x in [xs[k] for k in (2, 0)]:
        L = L + np.exp(w @ x)
    text = steps(L.explain(w))
    assert "Given xs (3x2), (k1, k2) = (2, 0), w (2) The steps L = exp(w @ xs[k1]) + exp(w @ xs[k2])" in text
    L, t = 0.0, 3
    while t > 0:
        t -= 1
        L = t * L + np.exp(w @ xs[t])
    assert "exp(w @ xs[0])" in steps(L.explain(w))


def test_nothing_that_has_an_effect_is_executed():
    seen, w, xs, L = [], leaf(name="w"), np.arange(3.0), 0.0
    generator, drawn = np.random.default_rng(0), []

    def noisy(x):
        seen.append(x)
        return x + generator.normal()

    for x in xs:
        drawn.append(noisy(x))
        xs = xs * 1.0
        L = L + w * drawn[-1]
    state = generator.bit_generator.state
    L.explain(w)
    assert len(seen) == len(drawn) == 3
    assert generator.bit_generator.state == state
    assert np.array_equal(xs, np.arange(3.0))


def test_a_long_loop_is_not_interpreted_to_its_end():
    w, L, x = leaf(name="w"), 0.0, 0.0
    for k in range(30_000):
        x = x + k * 0.5 - (k % 3) * 0.25 + 1.0 - k * 0.5
    L = w * x
    assert "L = " in steps(L.explain(w))


def test_a_module_that_is_no_longer_running_imports_numpy(tmp_path):
    path = tmp_path / "ended.py"
    path.write_text(
        "import numpy as np_\nimport autograd_lite as ag\n"
        "seen, dt = np_.array([1.0, 0.9, 0.7, 0.4]), 0.1\nk = ag.tensor(1.5, requires_grad=True, name='k')\n"
        "q, v, L = 1.0, 0.0, 0.0\n"
        "for t in range(4):\n    a = -k * q\n    q = q + dt * v\n    v = v + dt * a\n    L = L + (q - seen[t]) ** 2\n"
    )
    scope = runpy.run_path(str(path))
    names = {word: scope[word] for word in ("seen", "dt")}
    assert "Σₜ (qₜ - seen[t-1])²" in str(scope["L"].explain(scope["k"], names=names))


def test_a_mask_in_a_product_of_constants_is_a_step(tmp_path):
    path = tmp_path / "fatigue.py"
    path.write_text(
        "import numpy as np\nimport autograd_lite as ag\n"
        "torque, cycles, s_end = np.array([1.0, 2.6, 3.9]), np.array([5.0, 1.2, 0.1]), 1.5\n"
        "d = ag.tensor(1.1, requires_grad=True, name='d')\n"
        "stress = 16 * torque / d**3\n"
        "mask = stress > s_end\n"
        "damage = np.sum(mask * cycles / stress)\n"
        "text = damage.explain(d)\n"
    )
    text = str(runpy.run_path(str(path))["text"])
    assert "damage = Σ (1[stress > s_end] ⊙ cycles / stress)" in text, text
    assert "s_end = 1.5" in text
