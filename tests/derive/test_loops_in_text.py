"""The steps of a loop are written once, with t for their number."""

from __future__ import annotations

import math
import re
import runpy

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.derive.formula import name, unsimplified
from autograd_lite.derive.writing import LATEX, apart_from, write

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


ROWS, TARGETS = np.array([[0.5, 1.0], [-1.0, 0.2], [0.3, 0.3]]), np.array([1.0, 0.0, 1.0])


def zipped(w, xs, ys):
    L = 0
    for x, y in zip(xs, ys, strict=True):
        L = L + (x @ w - y) ** 2
    return L


def enumerated(w, xs, ys):
    L = 0
    for k, x in enumerate(xs):
        L = L + np.log(1 + np.exp(-ys[k] * (x @ w)))
    return L


def positions(w, xs, ys):
    L = 0
    for t in range(1, len(ys)):
        change = ys[t] - ys[t - 1]
        L = L + (xs[t] @ w - change) ** 2 + (1 - ys[t]) * (w[0] - 1) ** 2
    return L


@pytest.mark.parametrize(
    ("f", "words"),
    [
        (zipped, ["L = Σᵢ (xs[i] @ w - ys[i])²", "dL/dw = 2 Σᵢ (xs[i] @ w - ys[i]) xs[i]"]),
        (enumerated, ["L = Σₖ log(1 + exp(-ys[k] (xs[k] @ w)))"]),
        (positions, ["(xs[1] @ w - (ys[1] - ys[0]))²", "(1 - ys[2]) b"]),
    ],
)
def test_the_rows_and_entries_of_a_loop(f, words):
    w = leaf(2, name="w")
    L, names = f(w, ROWS, TARGETS), {"xs": ROWS, "ys": TARGETS}
    text = " ".join(str(L.explain(w, names)).split())
    assert all(word in text for word in words), text
    assert "Given xs (3x2), ys (3), w (2)" in text
    traced = ag.trace(f, w, ROWS, TARGETS)
    assert "xs[i] @ w" in str(traced.explain()) or f is not zipped
    assert {"x", "y"}.isdisjoint(traced.explain().chain.names.values())
    sheet = ag.worksheet(L, names=names)
    assert sheet.check(sheet.key()).wrong == []


def test_rows_of_a_script_after_its_loop():
    W, h = leaf(2, 2, name="W"), np.zeros(2)
    for x in ROWS:
        h = np.tanh(W @ h + x)
    text = str(np.sum(h).explain(W, {"ROWS": ROWS, "x": x}))
    assert "aₜ = W @ hₜ₋₁ + ROWS[t-1]" in text
    assert " x (2)" not in text


def test_entries_that_equal_others_are_those_that_the_loop_reads():
    w, seen = leaf(name="w"), np.array([1.0, 2.0, 1.0, 2.0, 1.0])
    L = 0
    for t in range(2, 4):
        L = L + (w - seen[t]) ** 2
    assert "L = (w - seen[2])² + (w - seen[3])²" in str(L.explain(w))


def test_a_sum_over_every_other_step_has_its_terms():
    q, p = leaf(name="q"), 1.0
    for _ in range(3):
        p = 0.9 * p + q
        p = p * 0.5
    text = str(p.explain(q))
    assert "t = 1 … 5" not in text


def sigmoid(v):
    return 1.0 / (1.0 + np.exp(-v))


def test_a_state_that_begins_with_zeros_and_functions_of_the_learner():
    W, U, R, xs = leaf(2, 2, name="W"), leaf(2, 2, name="U"), leaf(2, 2, name="R"), np.ones((3, 2))

    def cell(h, x):
        gate = sigmoid(R @ h)
        other = sigmoid(R @ x)
        return gate * np.tanh(W @ x + U @ h) + other * h

    h = np.zeros(2)
    for k in range(3):
        h = cell(h, xs[k])
    text = " ".join(str(np.sum(h**2).explain([W, U, R], roll=False)).split())
    assert "h0 = 0, " in text
    assert "gate1 = σ(v1)" in text
    assert "other3" in text
    assert "@ h0ᵀ" in text  # no step without its term
    assert "h3 = gate3 ⊙ " in text


def test_the_stages_of_an_integration_have_their_names():
    a, y0, dt = leaf(name="a"), 2.0, 0.2

    def rate(y):
        return a * y - y**2

    y = y0
    for _ in range(3):
        k1 = rate(y)
        k2 = rate(y + dt / 2 * k1)
        y = y + dt * k2
    text = " ".join(str((y**2).explain(a, {"y0": y0, "dt": dt})).split())
    assert "k1ₜ = a yₜ₋₁ - yₜ₋₁²" in text
    assert "yₜ = yₜ₋₁ + dt k2ₜ" in text


def test_cross_entropy_of_each_step_and_states_under_other_names():
    W, U, V, xs = leaf(2, 2, name="W"), leaf(2, 2, name="U"), leaf(3, 2, name="V"), np.ones((3, 2))
    start, targets = 0.5, np.array([2, 0, 1])
    h, loss, q = np.zeros(2), 0.0, start
    for t in range(3):
        h = np.tanh(W @ xs[t] + U @ h)
        e = np.exp(V @ h)
        p = e / np.sum(e)
        loss = loss - np.log(p[targets[t]])
        q = q + np.sin(q) * h[0]
    text = " ".join(str((loss / 3 + q).explain([W, U, V], {"start": start})).split())
    assert "dL/dbₜ = (pₜ - Yₜ) / 3 since pₜ = softmax(bₜ), loss = -Σₜ log(pₜ[targets[t-1]])" in text
    assert "qₜ = qₜ₋₁ + sin(qₜ₋₁) hₜ[0] 1 t = 1 … 3" in text


def test_what_is_computed_in_a_step_has_its_number():
    xs, Wf, Wc = np.arange(6.0).reshape(3, 2) / 10, leaf(4, 2, name="Wf"), leaf(4, 2, name="Wc")
    hid, cell = np.zeros(2), np.zeros(2)
    for t in range(3):
        z = np.concatenate([xs[t], hid])  # in the first step of constants alone
        forget = np.tanh(z @ Wf)
        cell = forget * cell + np.tanh(z @ Wc)
        hid = np.tanh(cell)
    text = " ".join(str(np.sum(hid**2).explain([Wf, Wc], {"xs": xs})).split())
    assert "zₜ = [xs[t-1], hidₜ₋₁] 4 t = 1 … 3" in text
    assert "dL/dWf = Σₜ zₜ @ (dL/daₜ)ᵀ since aₜ = zₜ @ Wf; t = " in text


def test_values_before_a_loop_have_the_number_0():
    def swing(damp, start, seen, dt):
        theta, omega = start[0], 2 * start[1]
        err = 0.0
        for k in range(4):
            acc = np.sin(theta) - damp * omega
            theta = theta + dt * omega
            omega = omega + dt * acc
            err = err + (theta - seen[k]) ** 2
        return err / 4

    args = np.array(0.3), np.array([0.5, 0.1]), np.array([0.5, 0.4, 0.3, 0.2]), np.array(0.1)
    text = " ".join(str(ag.trace(swing, *args).explain(["damp"])).split())
    assert "θ0 = start[0]" in text
    assert "ω0 = 2 start[1]" in text
    assert "accₜ = sin(θₜ₋₁) - damp ωₜ₋₁" in text
    assert "dL/ddamp = -Σₜ dL/daccₜ · ωₜ₋₁ since accₜ = sin(θₜ₋₁) - damp ωₜ₋₁; t = 1 … 3" in text


@pytest.mark.parametrize("late", [False, True])
def test_a_value_of_some_steps_has_their_numbers(late):
    def f(w, xs):
        s = w
        for t in range(4):
            if t % 2 and not late:
                y = s * xs[t]
                s = s + y
            s = np.sin(s)
            if t % 2 and late:
                y = s * xs[t]
                s = s + y**2
        return s

    text = " ".join(str(ag.trace(f, np.array(0.5), np.arange(1.0, 5)).explain()).split())
    assert re.search(r" y2 = s\d xs\[1\] .*y4 = s\d xs\[3\] ", text)


def test_a_start_that_the_user_calls_0_keeps_its_name():
    def f(w, dt):
        q0 = np.array([1.0, 2.0, 4.0])
        q = w * q0
        for _ in range(3):
            q = q + dt * np.sin(q)
        return np.sum(q)

    text = " ".join(str(ag.trace(f, np.array(0.5), np.array(0.1)).explain(["w"])).split())
    assert "q1 = w q0" in text
    assert "qₜ = qₜ₋₁ + dt sin(qₜ₋₁)" in text


def test_runge_kutta_has_the_names_of_its_stages():
    def decay(k, y0, h):
        slope = lambda y: -k * y  # noqa: E731  as a user writes it
        y = y0
        for _ in range(3):
            k1 = slope(y)
            k2 = slope(y + h / 2 * k1)
            y = y + h / 6 * (k1 + 5 * k2)
        return y

    text = " ".join(str(ag.trace(decay, np.array(0.7), np.array(2.0), np.array(0.5)).explain(["k", "y0"])).split())
    assert "k1ₜ = -k yₜ₋₁ 1 t = 1 … 3 k2ₜ = -k (yₜ₋₁ + h k1ₜ / 2) 1 t = 1 … 3" in text
    assert "dy3/dk = -Σₜ dy3/dk2ₜ · (yₜ₋₁ + h k1ₜ / 2) - Σₜ dy3/dk1ₜ · yₜ₋₁" in text


def test_a_parameter_that_each_step_reads_is_one_value():
    def control(gains, target):
        x = gains[0] * target
        for _ in range(3):
            x = x + 0.1 * (gains[0] * (target - x) + gains[1] * np.sin(x))
        return x

    lines = str(ag.trace(control, np.array([1.2, 0.3]), np.array(1.0)).explain(["gains"])).splitlines()
    read = [line.split()[0] for line in lines if " = gains[" in line and "since" not in line]
    assert read == ["gains1", "gains2"]
    assert any("/dgains = [dx3/dgains1, dx3/dgains2]" in line for line in lines)


def test_the_ends_of_an_array_have_their_places():
    def heat(u0, c):
        u = u0
        for _ in range(2):
            u = np.concatenate([u[:1], u[1:-1] + c * (u[2:] - 2 * u[1:-1] + u[:-2]), u[-1:]])
        return np.sum(u**3)

    text = " ".join(str(ag.trace(heat, np.array([0.0, 1.0, 0.5, 0.2, 0.1]), np.array(0.1)).explain(["u0"])).split())
    assert "dL/du1ᵢ = 1[i = 4] dL/du2[4] + 1[i = 0] dL/du2[0] + dL/db2ᵢ₋₁ + " in text


def test_rows_that_the_steps_use_are_rows_of_the_gradient():
    def one_against_all(W, b, X, labels):
        total = 0.5 * np.sum(W * W)
        for k in range(3):
            t = np.where(labels == k, 1.0, -1.0)
            total = total + np.sum(np.maximum(0.0, 1 - t * (X @ W[k] + b[k])) ** 2)
        return total

    X, labels = np.array([[0.3, 0.1], [0.2, 0.6], [0.9, 0.1], [0.5, 0.2]]), np.array([0, 2, 1, 1])
    W, b = np.arange(6.0).reshape(3, 2) / 9, np.array([0.1, 0.0, -0.2])
    derivation = ag.trace(one_against_all, W, b, X, labels).explain(["W"])
    assert "dtotal/dWₖ = Wₖ + Xᵀ @ dtotal/daₖ\n" in str(derivation)
    assert r"\frac{\partial \mathrm{total}}{\partial a_{k}}" in derivation.latex()

    def some_rows(W, X, y):
        L = 0
        for k in range(1, 4):
            L = L + np.mean((X @ W[k] - y) ** 2)
        return L

    text = str(ag.trace(some_rows, np.arange(10.0).reshape(5, 2) / 9, X, np.ones(4)).explain(["W"]))
    assert "dL/dWₖ = 1[1 ≤ k < 4] (Xᵀ @ dL/daₖ)" in text


def test_numbers_in_tuples_that_a_loop_goes_through_have_the_name_of_its_variable():
    P, Q = (ag.tensor(np.arange(6.0).reshape(3, 2) + k, requires_grad=True, name=w) for k, w in enumerate("PQ"))
    L, ratings = 0.0, [(0, 1, 5.0), (0, 2, 3.0), (1, 0, 4.5)]
    for u, i, r in ratings:
        e = r - P[u] @ Q[i]
        L = L + e**2
    text = " ".join(str(L.explain([P, Q], {"ratings": ratings})).split())
    assert "eₜ = rₜ - P[uₜ] @ Q[iₜ]" in text
    assert "(r1, r2, r3) = (5, 3, 4.5)" in text
    assert "dL/dQₖ = -Σₜ 1[iₜ = k] dL/deₜ P[uₜ]" in text


def test_the_stages_of_an_integrator_have_their_names_in_each_step():
    def rhs(s, k, b):
        theta, omega = s
        return np.array([omega, -k * np.sin(theta) - b * omega])

    def fit(k, b, s0, data, dt):
        s, loss = s0, 0.0
        for j in range(3):
            k1 = rhs(s, k, b)
            k2 = rhs(s + dt / 2 * k1, k, b)
            s = s + dt * k2
            loss = loss + (s[0] - data[j]) ** 2
        return loss / 3

    args = 2.0, 0.3, np.array([0.5, 0.0]), np.array([0.45, 0.4, 0.3]), 0.1
    text = " ".join(str(ag.trace(fit, *args).explain(["k", "b", "s0"])).split())
    stage = "k1ₜ = [ω1ₜ, -k sin(θ1ₜ) - b ω1ₜ]"
    for line in ("θ1ₜ = sₜ₋₁[0]", stage, "ω2ₜ = aₜ[1]", "sₜ = sₜ₋₁ + dt k2ₜ", "dL/ds3 = [2 (s3[0] - data[2]) / 3, 0]"):
        assert line in text
    assert "dL/daₜ = [-dL/dk2ₜ[1] k cos(θ2ₜ), dL/dk2ₜ[0] - dL/dk2ₜ[1] b] since" in text
    assert "dL/dk = -Σₜ dL/dk2ₜ[1] sin(θ2ₜ) - Σₜ dL/dk1ₜ[1] sin(θ1ₜ)" in text


def test_a_recursion_has_one_line_from_its_first_step_on():
    def logsumexp(a, axis):
        m = np.max(a, axis=axis, keepdims=True)
        return np.squeeze(m, axis=axis) + np.log(np.sum(np.exp(a - m), axis=axis))

    def hmm(log_pi, log_A, log_B):
        log_alpha = log_pi + log_B[0]
        for t in range(1, len(log_B)):
            log_alpha = logsumexp(log_alpha[:, None] + log_A, 0) + log_B[t]
        return -logsumexp(log_alpha, 0)

    args = np.array([-0.5, -1.0]), np.array([[-0.2, -1.7], [-1.0, -0.5]]), -np.arange(8.0).reshape(4, 2) / 5
    text = " ".join(str(ag.trace(hmm, *args).explain()).split())
    assert "dL/dlog_alphaₜᵢ = Σⱼ dL/dbₜ₊₁,ᵢ,ⱼ since bₜ₊₁,ᵢ,ⱼ = log_alphaₜᵢ + log_Aᵢⱼ; t = 2 … 0" in text
    assert "dL/dlog_alpha2" not in text


def test_a_loop_of_two_steps_is_a_recursion():
    def rnn(Wx, Wh, x, h, y):
        for t in range(2):
            h = np.tanh(Wx @ x[t] + Wh @ h)
        return 0.5 * np.sum((h - y) ** 2)

    draw = np.random.default_rng(0).normal
    args = [draw(size=shape) for shape in ((2, 3), (2, 2), (2, 3), 2, 2)]
    text = " ".join(str(ag.trace(rnn, *args).explain(["Wx", "Wh"])).split())
    for line in ("aₜ = Wx @ x[t-1] + Wh @ hₜ₋₁", "hₜ = tanh(aₜ)", "dL/dWh = Σₜ dL/daₜ @ hₜ₋₁ᵀ since aₜ = Wx @"):
        assert line in text


def test_sinkhorn_in_logs_is_one_recursion_from_its_first_step_on():
    def logsumexp(a, axis):
        m = np.max(a, axis=axis, keepdims=True)
        return np.squeeze(m, axis=axis) + np.log(np.sum(np.exp(a - m), axis=axis))

    def sinkhorn(C, a, b, eps):
        f, g = np.zeros(3), np.zeros(4)
        for _ in range(3):
            f = eps * np.log(a) - eps * logsumexp((g[None, :] - C) / eps, 1)
            g = eps * np.log(b) - eps * logsumexp((f[:, None] - C) / eps, 0)
        return np.sum(np.exp((f[:, None] + g[None, :] - C) / eps) * C)

    args = np.arange(12.0).reshape(3, 4) / 9, np.full(3, 1 / 3), np.full(4, 0.25), 0.5
    text = " ".join(str(ag.trace(sinkhorn, *args).explain(["C"])).split())
    for line in ("g0 = 0", "pₜ = gₜ₋₁ - C 3x4 t = 1 … 3", "Σₜ dL/dpₜ since"):
        assert line in text


def test_the_first_and_the_last_round_have_the_form_of_the_others():
    def kalman(q, r, ys):
        m, P, ll = 0.0, 1.0, 0.0
        for y in ys:
            P = P + q
            S = P + r
            K = P / S
            v = y - m
            ll = ll - 0.5 * (np.log(2 * np.pi * S) + v**2 / S)
            m = m + K * v
            P = (1 - K) * P
        return -ll

    text = " ".join(str(ag.trace(kalman, 0.1, 0.5, np.array([0.3, 0.1, 0.7])).explain(["q", "r"])).split())
    assert "aₜ = Pₜ₋₁ + q 1 t = 1 … 3 Sₜ = aₜ + r" in text

    def springs(k, x0, v0, dt):
        x, v = x0, v0
        for _ in range(3):
            ext = x[1:] - x[:-1] - 1.0
            F = np.concatenate([[0.0], -k * ext]) + np.concatenate([k * ext, [0.0]])
            v = v + dt * F
            x = x + dt * v
        return np.sum((x - np.array([0.0, 1.0, 2.0])) ** 2)

    args = 2.0, np.array([0.0, 1.2, 2.1]), np.zeros(3), 0.1
    text = " ".join(str(ag.trace(springs, *args).explain(["k"])).split())
    for line in ("xₜ₋₁,ᵢ₊₁ - xₜ₋₁,ᵢ - 1 2 t = 1 … 3", "aₜ = -k extₜ", "Fₜ = [0, aₜ] + [bₜ, 0]"):
        assert line in text


def test_the_number_of_a_step_is_not_called_like_a_variable():
    def fit(A, lam, t, y):
        loss = 0.0
        for i in range(len(t)):
            loss = loss + (A * np.exp(-lam * t[i]) - y[i]) ** 2
        return loss

    derivation = ag.trace(fit, 1.2, 0.3, np.array([0.0, 0.5, 1.0]), np.array([1.0, 0.4, 0.3])).explain(["A"])
    assert "Σᵢ (A exp(-λ t[i]) - y[i])²" in str(derivation)
    assert "t_{i}" in derivation.latex()


def test_positions_in_tuples_of_an_argument_have_the_names_of_the_loop():
    def factors(P, Q, b, ratings):
        loss = 0.0
        for u, i, r in ratings:
            pred = b[u] + P[u] @ Q[i]
            loss += (r - pred) ** 2
        return loss

    P = np.arange(6.0).reshape(3, 2)
    program = ag.trace(factors, P, P + 1, np.zeros(3), [(0, 1, 4.0), (0, 2, 3.0), (2, 0, 5.0)])
    text = " ".join(str(program.explain(["b"])).split())
    assert "(i1, i2, i3) = (1, 2, 0), r1 (1)" in text
    assert "predₜ = b[uₜ] + P[uₜ] @ Q[iₜ]" in text
    assert "ₖ = Σₜ 1[uₜ = k] d" in text


def test_states_in_tuples_have_the_names_by_which_the_next_step_reads_them():
    def step(state, beta, gamma, dt):
        S, I, R = state
        new = beta * S * I
        rec = gamma * I
        return S - dt * new, I + dt * (new - rec), R + dt * rec

    def fit(beta, gamma, state, data, dt):
        err = 0.0
        for d in data:
            state = step(state, beta, gamma, dt)
            err = err + (state[1] - d) ** 2
        return err

    program = ag.trace(fit, 0.5, 0.2, (0.9, 0.1, 0.0), np.array([0.12, 0.14, 0.17]), 0.5)
    text = " ".join(str(program.explain(["beta", "gamma"])).split())
    for line in (
        "newₜ = β Sₜ₋₁ Iₜ₋₁ 1 t = 1 … 3", "Sₜ = Sₜ₋₁ - dt newₜ", "Iₜ = Iₜ₋₁ + dt (newₜ - recₜ) 1 t = 1 … 3",
        "derr/dβ = Σₜ derr/dnewₜ · Sₜ₋₁ Iₜ₋₁",
    ):  # fmt: skip
        assert line in text


def test_a_loop_begins_with_a_value_of_its_variable():
    def residual(Ws, x, y):
        h = x
        for W in Ws:
            h = h + np.tanh(W @ h)
        return 0.5 * np.sum((h - y) ** 2)

    draw = np.random.default_rng(0).normal
    text = " ".join(str(ag.trace(residual, [*draw(size=(3, 2, 2))], draw(size=2), np.zeros(2)).explain()).split())
    for line in ("h0 = x", "aₜ = Wₜ @ hₜ₋₁ 2 t = 1 … 3", "dL/dW1 = dL/da1 @ h0ᵀ", "dL/dx = dL/dh0", "t = 2 … 0"):
        assert line in text

    def descent(w, lr, a):
        for _ in range(3):
            w = w - lr * a * w
        return w**2

    text = " ".join(str(ag.trace(descent, 1.0, 0.1, 2.0).explain(["w", "a"])).split())
    assert "w0 (1)" in text
    assert "wₜ₋₁ 1 t = 1 … 3" in text


def test_returns_are_numbered_by_the_steps_of_the_outer_loop_and_read_back_to_front():
    def policy(theta, states, actions, rewards, gamma):
        J = 0.0
        for t in range(len(actions)):
            G = 0.0
            for k in range(t, len(rewards)):
                G += gamma ** (k - t) * rewards[k]
            z = states[t] @ theta
            J = J + (z - np.log(np.sum(np.exp(z))))[actions[t]] * G
        return -J

    args = np.ones((2, 3)), np.arange(6.0).reshape(3, 2) / 3, np.array([0, 2, 1]), np.array([1.0, 0.0, 2.0]), 0.9
    text = " ".join(str(ag.trace(policy, *args).explain(["theta"])).split())
    assert "G1 = Σₜ γᵗ rewards[t]" in text
    assert "dL/dzₜ = Gₜ (softmax(zₜ) - Yₜ)" in text

    def values(w, rewards, feats, gamma):
        G = L = 0.0
        for t in reversed(range(3)):
            G = rewards[t] + gamma * G
            L = L + (feats[t] @ w - G) ** 2
        return L

    args = np.ones(2), np.array([1.0, 0.5, 2.0]), np.arange(6.0).reshape(3, 2), 0.9
    text = " ".join(str(ag.trace(values, *args).explain(["w", "gamma"])).split())
    assert "Gₜ = rewards[t] + γ Gₜ₊₁ 1 t = 2 … 0" in text
    assert "(feats[t] @ w - Gₜ)²" in text


def test_what_a_function_returns_in_a_tuple_has_the_name_of_its_part():
    def pendulum(x, y, mu):
        return y, mu * (1 - x**2) * y - x

    def midpoint(mu, x, y, h):
        for _ in range(3):
            a1, b1 = pendulum(x, y, mu)
            a2, b2 = pendulum(x + h / 2 * a1, y + h / 2 * b1, mu)
            x = x + h * a2
            y = y + h * b2
        return x**2

    text = " ".join(str(ag.trace(midpoint, 1.5, 1.0, 0.0, 0.1).explain(["mu"])).split())
    for line in (
        "b1ₜ = μ (1 - xₜ₋₁²) yₜ₋₁ - xₜ₋₁", "fₜ = yₜ₋₁ + h b1ₜ / 2 1 t = 1 … 3", "xₜ = xₜ₋₁ + h fₜ 1 t = 1 … 3",
        "yₜ = yₜ₋₁ + h b2ₜ",
    ):  # fmt: skip
        assert line in text, text


def test_an_argument_that_each_step_assigns_twice_is_numbered_by_the_steps():
    def kalman(A, C, Q, R, ys, m, P):
        out = 0.0
        for y in ys:
            m = A @ m
            P = A @ P @ A.T + Q
            S = C @ P @ C.T + R
            K = P @ C.T @ np.linalg.inv(S)
            e = y - C @ m
            out += 0.5 * (np.log(np.linalg.det(S)) + e @ np.linalg.inv(S) @ e)
            m = m + K @ e
            P = P - K @ C @ P
        return out

    A, C = np.array([[1.0, 0.1], [0.0, 1.0]]), np.array([[1.0, 0.0]])
    args = A, C, 0.1 * np.eye(2), np.array([[0.5]]), np.array([[0.3], [0.5], [0.9]]), np.zeros(2), np.eye(2)
    derivation = ag.trace(kalman, *args).explain(["A"])
    text = " ".join(str(derivation).split())
    steps = "bₜ = A @ mₜ₋₁ 2 t = 1 … 3", "fₜ = A @ Pₜ₋₁ @ Aᵀ + Q", "mₜ = bₜ + Kₜ @ eₜ"
    for line in ("m0 = 0, P0 = I", *steps, "fₜᵀ = fₜ"):
        assert line in text, text
    assert "dout/dA = Σₜ (dout/dfₜ + (dout/dfₜ)ᵀ) @ A @ Pₜ₋₁ + Σₜ dout/dbₜ @ mₜ₋₁ᵀ" in text
    assert r"f_{t}^\top = f_{t}" in derivation.latex()


def test_arrays_that_are_joined_with_a_state_are_so_from_the_first_step_on():
    rng = np.random.default_rng(0)
    W = ag.tensor(rng.normal(size=(5, 2)), requires_grad=True, name="W")
    X = rng.normal(size=(3, 4, 3))
    h = np.zeros((4, 2))
    for x in X:
        v = np.concatenate([x, h], axis=1)
        h = np.tanh(v @ W)
    text = " ".join(str(np.sum(h**2).explain([W], {"X": X})).split())
    assert "h0 = 0" in text
    assert "vₜ = [X[t-1], hₜ₋₁] 4x5 t = 1 … 3" in text


def test_positions_that_each_step_has_are_numbered():
    def skip_gram(U, V, pairs, negs):
        total = 0.0
        for (c, o), neg in zip(pairs, negs, strict=True):
            pos = np.log(ag.sigmoid(U[o] @ V[c]))
            negative = np.sum(np.log(ag.sigmoid(-U[neg] @ V[c])))
            total -= pos + negative
        return total

    U = np.arange(10.0).reshape(5, 2) / 9
    program = ag.trace(skip_gram, U, 1 - U, [(0, 1), (2, 3), (4, 0)], [[2, 3], [0, 4], [1, 3]])
    text = " ".join(str(program.explain(["U"])).split())
    for line in ("neg1 (2)", "= U[negₜ] 2x2 t = 1 … 3", "total = -Σₜ (posₜ + negativeₜ)", "1[negₜᵢ = k]"):
        assert line in text, text


def test_a_letter_is_not_that_of_a_variable_with_a_low_line():
    def lstm(W, xs):
        c = np.zeros(1)
        for x in xs:
            z = W @ x
            i = 1 / (1 + np.exp(-z[:1]))
            f_ = 1 / (1 + np.exp(-z[1:2]))
            g = np.tanh(z[2:])
            c = f_ * c + i * g
        return np.sum(c)

    text = " ".join(str(ag.trace(lstm, np.ones((3, 2)), np.ones((3, 2))).explain(["W"])).split())
    assert "fₜ = σ(" in text
    assert "fₜ = zₜ" not in text
    assert "σ(fₜ)" not in text


def test_the_first_round_of_a_script_has_the_form_of_the_others():
    X, y, returns = RNG.uniform(-1, 1, (4, 2)), RNG.uniform(-1, 1, 4), np.array([0.5, -1.2, 0.3, 2.0])
    lam, w = leaf(name="lam"), np.zeros(2)
    for _ in range(3):
        grad = X.T @ (X @ w - y) / len(y) + lam * w  # at first computed from constants alone
        w = w - 0.1 * grad
    text = " ".join(str(np.sum(w**2).explain(lam, {"X": X, "y": y})).split())
    assert "aₜ = X @ wₜ₋₁ - y 4 t = 1 … 3 gradₜ = Xᵀ @ aₜ / n + λ wₜ₋₁ 2 t = 1 … 3" in text
    omega, beta, var, nll = leaf(name="omega") ** 2, leaf(name="beta") ** 2, np.var(returns), 0.0
    for r in returns:
        nll = nll + 0.5 * (np.log(var) + r**2 / var)
        var = omega + beta * var
    assert "nll = ½ Σₜ (log(varₜ) + returns[t]² / varₜ)" in str(nll.explain(names={"returns": returns}))
    alpha, s, sse = leaf(name="alpha"), returns[0], 0.0
    for t in range(1, 4):
        sse += (returns[t] - s) ** 2
        s = alpha * returns[t] + (1 - alpha) * s
    assert "sse = Σₜ (returns[t+1] - sₜ)²" in str(sse.explain(alpha, {"returns": returns}))


def test_what_is_joined_to_a_state_of_zeros_is_a_blank_of_a_sheet():
    W, xs, h = leaf(2, 4, name="W"), RNG.uniform(-1, 1, (3, 2)), np.zeros(2)
    for t in range(3):
        h = np.tanh(W @ np.concatenate([xs[t], h]))
    L, names = np.sum(h**2), {"xs": xs}
    text = " ".join(str(L.explain(W, names)).split())
    assert "aₜ = [xs[t-1], hₜ₋₁] 4 t = 1 … 3" in text
    assert "dL/dW = Σₜ dL/db" in text
    sheet = ag.worksheet(L, names=names)
    assert sheet.check(sheet.key()).wrong == []


def test_windows_of_data_have_the_name_of_the_array():
    phi, series = leaf(2, name="φ"), np.array([0.3, 0.8, 0.5, 0.9, 1.2])
    sse = 0.0
    for t in range(2, 5):
        error = series[t] - np.sum(phi * series[t - 2 : t])
        sse = sse + error**2
    text = str(sse.explain(phi))
    assert "errorₜ = series[t] - Σ (φ ⊙ series[t-2:t])" in text
    page = sse.draw().html(live=True)
    assert "cannot be changed" not in page
    assert "const</text>" not in page

    img, kernel = np.arange(12.0).reshape(3, 4) / 10, leaf(2, 2, name="K")
    out = np.stack([np.sum(img[i : i + 2, j : j + 2] * kernel) for i in range(2) for j in range(3)])
    text = str(np.sum(out**2).explain(kernel))
    assert "img[1:3, 2:4] ⊙ K" in text


def test_equal_data_of_several_steps_are_several_values():
    mu, phi, x = leaf(name="μ"), leaf(name="φ"), np.array([1.0, 0.0, 1.0, 1.0])
    L = 0.0
    for t in range(1, 4):
        mean = mu + phi * x[t - 1]
        L = L + (x[t] - mean) ** 2
    text = str(L.explain([mu, phi]))
    assert "meanₜ = μ + φ x[t-1] 1 t = 1 … 3" in " ".join(text.split())
    assert "L     = Σₜ (x[t] - meanₜ)²" in text


@pytest.mark.parametrize("numbered", [False, True])
def test_training_inside_a_program_is_a_recursion(numbered):
    def plain(w, X, y):
        for _ in range(2):
            e = X @ w - y
            w = w - 0.1 * (X.T @ e)
        return np.sum(w**2)

    def with_a_number(W1, X, y):
        for _ in range(2):
            e = X @ W1 - y
            W1 = W1 - 0.1 * (X.T @ e)
        return np.sum(W1**2)

    f = with_a_number if numbered else plain
    text = " ".join(str(ag.trace(f, np.ones(2), RNG.uniform(-1, 1, (3, 2)), np.ones(3)).explain()).split())
    word = "W1" if numbered else "w"
    assert f"eₜ = X @ {word}ₜ₋₁ - y 3 t = 1 … 2" in text
    assert f"Given {word}{'_' * numbered}0 (2)" in text


def test_a_state_that_begins_with_a_number_of_the_program_has_its_first_round():
    def neuron(tau, current):
        v, total = 0.0, 0.0
        for _ in range(4):
            v = v + 0.1 * (-v + current) / tau
            total = total + v
        return total

    def root(c):
        x = c
        for _ in range(4):
            x = 0.5 * (x + c / x)
        return x

    text = " ".join(str(ag.trace(neuron, 10.0, 1.5).explain()).split())
    assert "vₜ = vₜ₋₁ + 0.1 (current - vₜ₋₁) / τ 1 t = 1 … 4" in text
    text = " ".join(str(ag.trace(root, 2.0).explain()).split())
    assert "x0 = c 1 2. xₜ = ½ (xₜ₋₁ + c / xₜ₋₁) 1 t = 1 … 3" in text


def test_attributes_of_an_object_have_their_names():
    class Momentum:
        m = np.zeros(2)

        def step(self, w, g):
            self.m = 0.9 * self.m + g
            return w - 0.1 * self.m

    def f(w):
        rule = Momentum()
        for _ in range(3):
            w = rule.step(w, 2 * w)
        return np.sum(w)

    assert "mₜ = 0.9 mₜ₋₁ + " in str(ag.trace(f, np.ones(2)).explain())


def test_a_loop_in_a_module_is_a_recursion():
    class Net(ag.nn.Module):
        def __init__(self):
            super().__init__()
            self.cell = ag.nn.Linear(4, 2)

        def forward(self, x):
            h = np.zeros((3, 2))
            for t in range(3):
                h = np.tanh(self.cell(np.concatenate([x[:, t], h], axis=1)))
            return h

    X = RNG.uniform(-1, 1, (3, 3, 2))
    net = Net()
    L = np.mean(net(X) ** 2)
    text = " ".join(str(L.explain(names={"X": X})).split())
    assert "h0 = 0" in text
    assert "aₜ = [X[:, t-1], hₜ₋₁] 3x4 t = 1 … 3" in text
    assert "hₜ = tanh(bₜ) 3x2 t = 1 … 3" in text
    sheet = ag.worksheet(L, names={"X": X})
    assert sheet.check(sheet.key()).wrong == []


def test_what_all_rounds_share_is_written_in_each_and_the_end_of_one_is_not_the_start_of_the_next():
    def smooth(alpha, x):
        s, sse = x[0], 0.0
        for t in range(1, 4):
            sse = sse + (x[t] - s) ** 2
            s = alpha * x[t] + (1 - alpha) * s
        return sse

    text = " ".join(str(ag.trace(smooth, 0.3, np.array([1.0, 1.4, 0.8, 1.2])).explain(["alpha"])).split())
    assert "sₜ = α x[t] + (1 - α) sₜ₋₁ 1 t = 1 … 2" in text
    assert "dsse/dα = Σₜ dsse/dsₜ · (x[t] - sₜ₋₁)" in text

    def leapfrog(k, q, p, dt):
        for _ in range(3):
            half = p - 0.5 * dt * k * q
            q = q + dt * half
            p = half - 0.5 * dt * k * q
        return np.sum(p**2)

    text = " ".join(str(ag.trace(leapfrog, 0.4, np.ones(2), np.zeros(2), 0.1).explain(["k"])).split())
    assert "halfₜ = pₜ₋₁ - ½ dt k qₜ₋₁ 2 t = 1 … 3" in text
    assert "pₜ = halfₜ - ½ dt k qₜ 2 t = 1 … 3" in text


def test_discounted_rewards_are_one_sum():
    def discounted(theta, rewards, gamma):
        total = 0.0
        for t in range(4):
            total += gamma**t * rewards[t] * np.sin(theta)
        return total

    derivation = ag.trace(discounted, 0.5, np.array([1.0, 0.5, 2.0, 0.3]), 0.9).explain(["theta"])
    assert "total = sin(θ) Σₜ γᵗ rewards[t] " in str(derivation)
    assert "t = 0 … 3" in str(derivation)
    assert r"\gamma^{t}" in derivation.latex()


def test_batches_of_data_have_their_places():
    def f(w, X, y):
        loss = 0.0
        for k in range(0, 6, 2):
            xb, yb = X[k : k + 2], y[k : k + 2]
            loss = loss + np.mean((xb @ w - yb) ** 2)
        return loss

    derivation = ag.trace(f, np.ones(2), RNG.uniform(-1, 1, (6, 2)), np.ones(6)).explain(["w"])
    text = " ".join(str(derivation).split())
    assert "xbₜ = X[2t-2:2t] 2x2 t = 1 … 3" in text
    assert "Σₜ xbₜᵀ @ dloss/d" in text
    assert "X[2t-2:2t]" in derivation.latex()


def test_the_number_of_a_step_stands_for_numbers():
    def bond(level, slope, flows, market):
        price = 0.0
        for t, cf in enumerate(flows):
            y = level + slope * (t + 1)
            discount = 1 / (1 + y) ** (t + 1)
            price = price + cf * discount
        return (price - market) ** 2

    args = 0.02, 0.004, np.array([5.0, 5.0, 5.0, 105.0]), 103.5
    text = " ".join(str(ag.trace(bond, *args).explain(["level", "slope"])).split())
    assert "yₜ = level + (t + 1) slope 1 t = 0 … 3 discountₜ = 1 / (1 + yₜ)ᵗ⁺¹ 1 t = 0 … 3" in text
    assert "dL/dyₜ = -(t + 1) · dL/ddiscountₜ / (1 + yₜ)ᵗ⁺² since" in text
    assert "dL/dslope = Σₜ (t + 1) · dL/dyₜ since yₜ = level + (t + 1) slope; t = 0 … 3" in text

    def yields(y, flows):
        pv = 0.0
        for t in range(len(flows)):
            pv = pv + flows[t] * np.exp(-y * (t + 1))
        return pv

    text = " ".join(str(ag.trace(yields, 0.05, np.array([5.0, 5.0, 105.0])).explain(["y"])).split())
    assert "dpv/dy = -Σₜ (t + 1) flows[t] exp(-(t + 1) y)" in text

    def driven(omega, v):
        dt = 0.1
        for k in range(4):
            t = k * dt
            force = np.cos(omega * t)
            v = v + dt * (force - v) / (k + 1)
        return v**2

    text = " ".join(str(ag.trace(driven, 2.0, 1.0).explain(["omega"])).split())
    assert "forceₜ = cos((t - 1) ω dt) 1 t = 1 … 4" in text
    assert "vₜ = vₜ₋₁ + dt (forceₜ - vₜ₋₁) / t" in text


def test_what_the_first_round_of_a_script_computes_from_numbers_has_its_name():
    flow, level, P, nll = np.array([1.1, 0.9, 1.4, 0.7]), 1.0, 1.0, 0.0
    q, r = ag.Tensor(0.3, requires_grad=True), ag.Tensor(0.5, requires_grad=True)
    for obs in flow:
        P = P + q
        S = P + r
        err = obs - level
        nll = nll + 0.5 * (np.log(2 * np.pi * S) + err**2 / S)
        gain = P / S
        level = level + gain * err
        P = (1 - gain) * P
    text = " ".join(str(nll.explain([q, r])).split())
    assert "errₜ = flow[t-1] - levelₜ₋₁ 1 t = 1 … 4" in text
    assert "levelₜ = levelₜ₋₁ + gainₜ errₜ 1 t = 1 … 3" in text
    assert "nll = ½ Σₜ (log(2π Sₜ) + errₜ² / Sₜ)" in text


def test_what_a_round_adds_in_several_terms_is_one_term():
    def elo(K, ratings, results):
        a, b = ratings[0], ratings[1]
        loss = 0.0
        for won in results[1:]:
            expected = 1 / (1 + np.exp((b - a) / 400))
            loss = loss - won * np.log(expected) - (1 - won) * np.log(1 - expected)
            change = K * (won - expected)
            a, b = a + change, b - change
        return loss

    args = 8.0, np.array([1500.0, 1480.0]), np.array([1.0, 1.0, 0.0, 1.0])
    text = " ".join(str(ag.trace(elo, *args).explain(["K"])).split())
    assert "loss = -Σₜ (results[t] log(expectedₜ) + (1 - results[t]) log(1 - expectedₜ))" in text
    assert "changeₜ = K (results[t] - expectedₜ)" in text


def test_a_first_round_of_numbers_in_a_function_is_one_of_the_others():
    def predators(a, b):
        x, y, h = 1.0, 0.5, 0.1
        for _ in range(3):
            dx = a * x - b * x * y
            dy = -y + x * y
            x = x + h * dx
            y = y + h * dy
        return (x - 1.2) ** 2 + (y - 0.4) ** 2

    text = " ".join(str(ag.trace(predators, 1.0, 0.5).explain(["a", "b"])).split())
    assert "dyₜ = yₜ₋₁ (xₜ₋₁ - 1) 1 t = 1 … 3 xₜ = xₜ₋₁ + h dxₜ 1 t = 1 … 3 yₜ = yₜ₋₁ + h dyₜ 1 t = 1 … 3" in text


def test_a_result_that_a_loop_computes_has_the_number_of_its_last_round():
    def newton(a):
        x = 2.0
        for _ in range(4):
            x = 0.5 * (x + a / x)
        return x

    text = " ".join(str(ag.trace(newton, 7.0).explain()).split())
    assert "xₜ = ½ (xₜ₋₁ + a / xₜ₋₁) 1 t = 1 … 3 x4 = ½ (x3 + a / x3) 1 2.6458" in text
    assert "dx4/da = 1 / (2 x3) + Σₜ dx4/dxₜ / (2 xₜ₋₁)" in text

    def debt(rate, loan):
        for _ in range(3):
            interest = rate * loan
            loan = loan + interest - 400.0
        return loan

    text = " ".join(str(ag.trace(debt, 0.03, 1000.0).explain(["rate"])).split())
    assert "dloan3/drate = Σₜ dloan3/dinterestₜ · loanₜ₋₁ since" in text  # not some rounds in short, others in full


def test_sums_over_fewer_rounds_say_so_and_a_sign_is_in_front():
    def filtered(c, A, ys):
        m, P, ll, err = 0.0, 1.0, 0.0, 0.0
        for y in ys:
            S = c * P * c + 1.0
            K = P * c / S
            ll = ll + (y[0] - c * m) ** 2 / S
            m, P = m + K * (y[0] - c * m), (1 - K * c) * P + 0.1
        for t in range(1, len(ys)):
            r = ys[t] - A @ ys[t - 1]
            err = err + r @ r
        return ll + err

    text = " ".join(str(ag.trace(filtered, 0.9, np.eye(2), RNG.normal(size=(4, 2))).explain(["c", "A"])).split())
    assert "dL/dA = -Σₜ dL/drₜ @ ys[t-1]ᵀ" in text
    assert re.search("t = 1 … 4, with .*K.* t = 1 … 3", text)


def test_entries_that_two_rounds_read_have_their_places():
    def energy(x):
        E = 0.0
        for i in range(3):
            stretch = x[i + 1] - x[i] - 1.0
            E = E + stretch**2
        return E

    text = " ".join(str(ag.trace(energy, np.array([0.0, 1.1, 1.9, 3.2])).explain()).split())
    assert "stretchᵢ = x[i+1] - x[i] - 1 1 i = 0 … 2" in text

    def fir(w, x):
        loss = 0.0
        for n in range(2, len(x)):
            out = w[0] * x[n] + w[1] * x[n - 1]
            loss = loss + out**2
        return loss

    text = " ".join(str(ag.trace(fir, np.ones(2), np.arange(5.0)).explain(["w"])).split())
    assert "since outₙ = " in text
    assert "outₜ = Σₜ" not in text


def test_values_at_the_places_of_a_grid_have_their_numbers():
    def grid(cost):
        D = {(0, 0): cost[0, 0]}
        for j in range(1, 3):
            D[0, j] = np.tanh(D[0, j - 1]) + cost[0, j]
        return D[0, 2] ** 2

    text = " ".join(str(ag.trace(grid, np.ones((2, 3))).explain()).split())
    assert "D01 = tanh(D00) + cost[0, 1]" in text
    assert "dL/dcost = [[dL/dD00, dL/dD01, dL/dD02], [0, 0, 0]]" in text


def test_numbers_that_a_round_computes_have_the_name_of_their_variable():
    prefs, loss = ag.Tensor(RNG.uniform(-1, 1, (4, 3)), requires_grad=True), 0.0
    episode = [(0, 1, -1.0), (2, 0, -1.0), (3, 2, -1.0), (2, 1, 10.0)]
    for step, (state, action, _) in enumerate(episode):
        togo = sum(0.9 ** (j - step) * episode[j][2] for j in range(step, len(episode)))
        pi = np.exp(prefs[state]) / np.sum(np.exp(prefs[state]))
        loss = loss - togo * np.log(pi[action])
    text = " ".join(str(loss.explain(prefs)).split())
    assert "(togo1, …, togo4) = (4.58, 6.2, 8, 10)" in text
    assert "loss = -Σₜ togoₜ log(πₜ[actionₜ])" in text


def test_a_batch_of_sequences_is_joined_with_its_state_from_the_first_step_on():
    batch, W, h = RNG.uniform(-1, 1, (2, 3, 2)), leaf(4, 2, name="W"), np.zeros((2, 2))
    for t in range(batch.shape[1]):
        xh = np.concatenate([batch[:, t], h], axis=1)
        h = np.tanh(xh @ W)
    text = " ".join(str(np.sum(h**2).explain(W, {"batch": batch})).split())
    assert "xhₜ = [batch[:, t-1], hₜ₋₁] 2x4 t = 1 … 3" in text


def test_the_two_terms_of_a_sum_have_gradients_of_one_form():
    def mixture(p, m, x):
        density = np.zeros(len(x))
        for k in range(2):
            part = np.exp(-0.5 * (x - m[k]) ** 2)
            density = density + p[k] * part
        return -np.sum(np.log(density))

    text = " ".join(str(ag.trace(mixture, np.ones(2) / 2, np.arange(2.0), np.ones(3)).explain(["p", "m"])).split())
    assert "dL/dpartₖ = dL/ddensity · p[k] since density = Σₖ p[k] partₖ; k = 0 … 1" in text


def test_the_rows_that_a_loop_takes_have_the_name_of_its_variable():
    def rnn(W, U, inputs, labels, h0):
        h, L = h0, 0.0
        for _, (x, y) in enumerate(zip(inputs, labels, strict=True)):
            h = np.tanh(W @ x + U @ h)
            L -= h[y] - np.log(np.sum(np.exp(h)))
        return L

    def squares(w, X, y):
        return sum((yi - w @ xi) ** 2 for xi, yi in zip(X, y, strict=True)) / len(y)

    def pairs(w, P, games):
        return sum(w * np.sum((P[a] - P[b]) ** 2) for a, b in games)

    def draw(*shape):
        return RNG.uniform(-1, 1, shape)

    text = " ".join(str(ag.trace(rnn, draw(3, 2), draw(3, 3), draw(4, 2), [0, 2, 1, 1], draw(3)).explain()).split())
    assert "xₜ = inputs[t-1] 2 t = 1 … 4 aₜ = W @ xₜ + U @ hₜ₋₁" in text
    assert "hₜ[yₜ]" in text or "hₜ[labels[t-1]]" in text
    text = " ".join(str(ag.trace(squares, draw(3), draw(5, 3), draw(5)).explain()).split())
    assert "xiₜ = X[t-1] 3 t = 1 … 5 yiₜ = y[t-1] 1 t = 1 … 5 L = Σₜ (yiₜ - w @ xiₜ)² / n" in text
    program = ag.trace(pairs, draw(), draw(4, 2), np.array([[0, 1], [1, 2], [3, 1]]))
    assert "games = " not in str(program.explain())


def test_labels_of_a_list_of_pairs_are_not_entries_by_place():
    s, games, nll = leaf(4, name="s"), [(0, 1), (2, 1), (3, 2), (0, 3)], 0.0
    for winner, loser in games:
        p = 1 / (1 + np.exp(-(s[winner] - s[loser])))
        nll = nll - np.log(p)
    text = " ".join(str(nll.explain(s)).split())
    assert "aₜ = s[winnerₜ] - s[loserₜ] 1 t = 1 … 4 pₜ = σ(aₜ) 1 t = 1 … 4" in text


def test_the_last_round_of_a_filter_has_the_form_of_the_others():
    def kalman(F, H, Q, R, ys):
        x, P, nll = np.zeros(2), np.eye(2), 0.0
        for y in ys:
            x, P = F @ x, F @ P @ F.T + Q
            S = H @ P @ H.T + R
            innov = y - H @ x
            K = P @ H.T @ np.linalg.inv(S)
            x, P = x + K @ innov, (np.eye(2) - K @ H) @ P  # not needed after the last round
            nll += 0.5 * (np.log(np.linalg.det(S)) + innov @ np.linalg.inv(S) @ innov)
        return nll

    args = np.array([[1.0, 0.1], [0.0, 1.0]]), np.ones((1, 2)), np.eye(2) / 10, np.eye(1), RNG.uniform(-1, 1, (3, 1))
    text = " ".join(str(ag.trace(kalman, *args).explain(["Q", "R"])).split())
    assert "nll = ½ Σₜ (log(det Sₜ) + " in text
    assert "Sₜ = H @ bₜ @ Hᵀ + R 1x1 t = 1 … 3" in text
    assert "dnll/dR = Σₜ dnll/dSₜ since" in text
    assert "K0" not in text


def test_rows_and_unit_vectors_at_labels_have_the_labels():
    phi, w, states, loss = RNG.uniform(-1, 1, (3, 2)), leaf(2, name="w"), np.array([0, 1, 2, 1]), 0.0
    for t in range(3):
        v = phi[states[t]] @ w
        v_next = phi[states[t + 1]] @ w
        loss += (0.9 * v_next - v) ** 2
    text = " ".join(str(loss.explain(w, {"phi": phi, "states": states})).split())
    assert "vₜ = φ[states[t]] @ w 1 t = 0 … 2 v_nextₜ = φ[states[t+1]] @ w" in text

    def elo(rating, K, white, black):
        r, L = rating, 0.0
        for t in range(len(white)):
            e = 1 / (1 + np.exp(r[black[t]] - r[white[t]]))
            L = L + (1 - e) ** 2
            r = r + K * (1 - e) * (np.eye(3)[white[t]] - np.eye(3)[black[t]])
        return L

    args = np.zeros(3), 0.3, np.array([0, 1, 2, 0]), np.array([1, 2, 0, 2])
    text = " ".join(str(ag.trace(elo, *args).explain(["rating", "K"])).split())
    assert "rₜ = rₜ₋₁ + K (1 - eₜ) (onehot(white[t-1]) - onehot(black[t-1])) 3 t = 1 … 3" in text
    assert "rₜ₋₁[white[t-1]]" in text


def test_a_fact_of_each_step_is_one_line():
    X, y, W, L, M = RNG.uniform(-1, 1, (3, 2)), np.array([0, 2, 1]), leaf(3, 2, name="W"), 0.0, 0.0
    Y = np.eye(3)[y]
    for i in range(3):
        target = np.eye(3)[y[i]]
        z = W @ X[i]
        p = np.exp(z) / np.sum(np.exp(z))
        L = L - np.sum(target * np.log(p))
    for i in range(3):
        a = W @ X[i]
        q = np.exp(a) / np.sum(np.exp(a))
        M = M - np.sum(Y[i] * np.log(q))
    text = " ".join(str(L.explain(W, {"X": X, "y": y})).split())
    assert "k = 0 … 2 = pₖ - onehot(y[k]) is a vector" in text
    text = " ".join(str(M.explain(W, {"X": X, "Y": Y})).split())
    assert "k = 0 … 2 = qₖ - Y[k] since Σ Y[k] = 1" in text


def test_latex_does_not_call_an_entry_of_an_array_as_the_value_of_a_step():
    def layers(z, w):
        for k in range(2):
            z = np.tanh(z * w[k])
        return z**2

    derivation = ag.trace(layers, 1.0, np.array([0.1, 0.2])).explain("w")
    assert "w_{t} &= w[t-1]" in derivation.latex()
    assert "wₜ = w[t-1]" in str(derivation)


def test_indicators_of_several_steps_are_added_as_numbers():
    def triplets(E, margin):
        loss = 0.0
        for a, p, n in [(0, 1, 2), (3, 4, 0), (1, 2, 4)]:
            loss = loss + np.maximum(0, np.sum((E[a] - E[p]) ** 2) - np.sum((E[a] - E[n]) ** 2) + margin)
        return loss

    text = str(ag.trace(triplets, RNG.uniform(-1, 1, (5, 2)) / 9, 0.5).explain(["margin"]))
    assert "= 3." in text
    assert "not confirmed" not in text


def test_a_share_of_exponentials_at_a_label_is_an_entry_of_a_softmax():
    def direct(W, X, y):
        loss = 0.0
        for i in range(len(X)):
            z = W @ X[i]
            loss -= np.log(np.exp(z[y[i]]) / np.sum(np.exp(z)))
        return loss / len(X)

    def by_name(W, X, y):
        loss = 0.0
        for x, label in zip(X, y, strict=True):
            e = np.exp(W @ x)
            loss += -np.log(e[label] / e.sum())
        return loss

    args = RNG.uniform(-1, 1, (3, 2)), RNG.uniform(-1, 1, (4, 2)), np.array([0, 2, 1, 1])
    text = " ".join(str(ag.trace(direct, *args).explain(["W"])).split())
    assert "dL/dzᵢ = (softmax(zᵢ) - Yᵢ) / n since loss = -Σᵢ log(softmax(zᵢ)[y[i]])" in text
    assert "dloss/daᵢ = softmax(aᵢ) - Yᵢ since" in " ".join(str(ag.trace(by_name, *args).explain(["W"])).split())


def test_a_state_that_an_outer_loop_begins_again_has_the_number_0():
    def f(W, xs):
        L = 0.0
        for s in range(3):
            h, total = np.zeros(2), 0.0
            for t in range(2):
                h = np.tanh(W @ h + xs[s, t])
                total = total + np.sum(h)
            L = L + total**2
        return L

    program = ag.trace(f, RNG.uniform(-1, 1, (2, 2)), RNG.uniform(-1, 1, (3, 2)))
    text = " ".join(str(program.explain(["W"])).split())
    assert "a3 = W @ h0 + xs[1, 0]" in text
    assert not re.search(r"(h|total)(-\d|₋)", text.replace("hₜ₋₁", ""))
    assert not {word for item in program.draw().scene.items for word in item.names if "-" in word}


def test_a_row_of_a_parameter_without_a_name_is_written_where_it_is_used():
    def heads(X, Wq, Wk):
        out = 0.0
        for h in range(2):
            S = (X @ Wq[h]) @ (X @ Wk[h]).T
            out = out + np.sum(np.tanh(S))
        return out

    def distances(E, pairs):
        total = 0.0
        for i, j in pairs:
            total = total + np.exp(-np.sum((E[i] - E[j]) ** 2))
        return total

    draw = np.random.default_rng(5).normal
    text = str(ag.trace(heads, draw(size=(3, 4)), draw(size=(2, 4, 2)), draw(size=(2, 4, 2))).explain(["Wq"]))
    assert "Sₖ = X @ Wq[k] @ (X @ Wk[k])ᵀ" in " ".join(text.split())
    assert "dout/dWqₖ = Xᵀ @ dout/dSₖ @ X @ Wk[k] " in text
    text = str(ag.trace(distances, draw(size=(4, 2)), [(0, 1), (1, 2), (3, 0)]).explain(["E"]))
    assert "aₜ = E[iₜ] - E[jₜ]" in " ".join(text.split())
    text = str(ag.trace(lambda E, i, j: E[i] @ E[j] * E[j, 0], draw(size=(4, 2)), 1, 2).explain(["E"]))
    assert "E[j]" in text
    assert "@]" not in text  # a label of one entry is no label of a step


def test_a_function_that_is_called_several_times_in_each_round():
    def oscillator(mu, s, measured, dt):
        def rhs(s):
            return np.array([s[1], mu * (1 - s[0] ** 2) * s[1] - s[0]])

        J = 0.0
        for n in range(3):
            k1 = rhs(s)
            k2 = rhs(s + dt / 2 * k1)
            s = s + dt / 2 * (k1 + k2)
            J += (s[0] - measured[n]) ** 2
        return J

    def field_of(W1, W2, z, dt):
        def field(z):
            return np.tanh(z @ W1) @ W2

        for _ in range(3):
            half = z + 0.5 * dt * field(z)
            z = z + dt * field(half)
        return np.mean(z**2)

    text = str(ag.trace(oscillator, 1.5, np.array([1.0, 0.5]), np.array([1.0, 1.1, 1.0]), 0.2).explain(["mu"]))
    assert "k1ₜ = [sₜ₋₁[1], μ (1 - sₜ₋₁[0]²) sₜ₋₁[1] - sₜ₋₁[0]]" in " ".join(text.split())
    assert "J   = Σₜ (sₜ[0] - measured[t-1])²" in text
    assert len(text.splitlines()) < 50  # one line for each value, and for each gradient
    draw = np.random.default_rng(5).normal
    text = str(ag.trace(field_of, draw(size=(2, 3)), draw(size=(3, 2)), draw(size=2), 0.1).explain(["W1"]))
    assert "dL/dW1 = Σₜ halfₜ @ (dL/dfₜ)ᵀ + Σₜ zₜ₋₁ @ (dL/daₜ)ᵀ" in text


def test_sums_of_a_loop_in_the_form_of_a_book():
    def price(cash, r):
        total = 0.0
        for t in range(len(cash)):
            total = total + cash[t] / (1 + r) ** (t + 1)
        return total

    def policy(theta, states, actions, rewards):
        G, loss = 0.0, 0.0
        for t in reversed(range(3)):
            G = rewards[t] + 0.9 * G
            logits = theta @ states[t]
            loss = loss - G * (logits - np.log(np.sum(np.exp(logits))))[actions[t]]
        return loss / 3

    def pooled(filt, bias, x):
        feature = np.stack([np.sum(filt * x[i : i + 3]) + bias for i in range(len(x) - 2)])
        return np.sum(np.maximum(0, feature) ** 2)

    draw = np.random.default_rng(5).normal
    text = str(ag.trace(price, np.array([5.0, 5.0, 105.0]), 0.04).explain(["r"]))
    assert "dtotal/dr = -Σₜ (t + 1) cash[t] / (1 + r)ᵗ⁺²" in text
    arrays = draw(size=(3, 2)), draw(size=(3, 2)), np.array([0, 2, 1]), np.array([1.0, 0.0, 2.0])
    text = str(ag.trace(policy, *arrays).explain(["theta"]))
    assert "dL/dlogitsₜ = Gₜ (softmax(logitsₜ) - Yₜ) / 3" in text  # also where the sum is divided afterwards
    assert "Yₜ = onehot(actions[t])" in text
    text = str(ag.trace(pooled, draw(size=3), 0.1, draw(size=5)).explain(["filt", "bias"]))
    assert "featureᵢ = Σⱼ filtⱼ xᵢ₊ⱼ + bias" in text
    assert "dL/dfiltⱼ = Σᵢ dL/dfeatureᵢ xᵢ₊ⱼ" in text
    assert "dL/dbias = Σᵢ dL/dfeatureᵢ" in text


def test_a_detached_state_has_a_name_of_its_own():
    w, x, h, loss = ag.Tensor(0.7, requires_grad=True), np.array([0.5, -1.0, 0.3, 0.8]), 0.0, 0.0
    for t in range(4):
        if t == 2:
            h = h.detach()
        h = np.tanh(w * h + x[t])
        loss = loss + h**2
    text = str(loss.explain(names={"w": w, "x": x}))
    assert "h0 = 0, h2_fixed (1)" in text
    assert "hₜ   = tanh(w hₜ₋₁ + x[t-1])" in text
    assert "h3   = tanh(w h2_fixed + x[2])" in text


def test_the_first_round_of_a_filter_in_plain_numpy_has_the_form_of_the_others():
    q, r = (ag.tensor(v, requires_grad=True, name=w) for w, v in (("q", 0.1), ("r", 0.5)))
    A, H, z = np.array([[1.0, 1.0], [0.0, 1.0]]), np.array([[1.0, 0.0]]), np.array([1.0, 2.1, 2.9])
    x = np.array([0.5, 1.0])
    P = np.eye(2)
    nll = 0.0
    for zt in z:
        x = A @ x
        P = A @ P @ A.T + q * np.eye(2)
        S = H @ P @ H.T + r
        K = P @ H.T / S
        y = zt - H @ x
        nll = nll + 0.5 * np.sum(np.log(S) + y**2 / S)
        x = x + K @ y
        P = (np.eye(2) - K @ H) @ P
    text = " ".join(str(nll.explain()).split())
    assert "P0 = I" in text
    assert "bₜ = A @ xₜ₋₁ 2 t = 1 … 3" in text
    assert "yₜ = z[t-1] - H @ bₜ 1 t = 1 … 3 xₜ = bₜ + Kₜ @ yₜ 2 t = 1 … 2" in text


def test_a_recursion_that_begins_with_a_number_is_one():
    def horner(c, x):
        p = 0.0
        for k in range(2, -1, -1):
            p = p * x + c[k]
        return np.mean(p**2)

    text = str(ag.trace(horner, np.array([1.0, 0.5, -0.2]), np.arange(4.0)).explain(["c"]))
    assert "pₖ = pₖ₊₁ ⊙ x + c[k]              4        k = 2 … 0" in text


def test_labels_of_a_loop_over_positions_and_sums_without_a_line():
    def cross_entropy(Z, y, train):
        P, loss = np.exp(Z) / np.sum(np.exp(Z), axis=1, keepdims=True), 0.0
        for i in train:
            loss = loss - np.log(P[i, y[i]])
        return loss / len(train)

    def masked(Z, Y, mask):
        P = np.exp(Z) / np.sum(np.exp(Z), axis=1, keepdims=True)
        return -np.sum(mask[:, None] * Y * np.log(P)) / mask.sum()

    Z, y = np.random.default_rng(5).normal(size=(4, 2)), np.array([0, 1, 1, 0])
    derivation = ag.trace(cross_entropy, Z, y, [0, 1, 3]).explain(["Z"])
    assert "aₜ   = P[iₜ, y[iₜ]]" in str(derivation)
    assert "y[i_{t}]" in derivation.latex()
    text = str(ag.trace(masked, Z, np.eye(2)[y], np.array([1.0, 1.0, 0.0, 1.0])).explain(["Z"]))
    assert "= (Pᵢⱼ - Yᵢⱼ) maskᵢ / Σ mask " in text


def test_a_value_that_is_computed_later_is_no_name_of_a_constant():
    def filtered(b, a, x):
        y1 = y2 = 0.0
        err = 0.0
        for n in range(4):
            y = b * x[n] - a * y1 + 0.2 * y2
            err = err + (y - 0.3) ** 2
            y2, y1 = y1, y
        return err

    program = ag.trace(filtered, 0.0, 0.4, np.array([1.0, 2.0, 3.0, 1.0]))  # all y are 0, as y2 is before the loop
    derivation = program.explain(["b"])
    assert "yₜ  = b x[t-1] - a yₜ₋₁  " in str(derivation)
    assert "err" in program.draw().html()


def test_latex_has_entries_in_brackets_beside_a_variable_with_a_number():
    latex = ag.trace(lambda b, x, x1: b * x[0] + b * x[1] * x1, 0.5, np.ones(2), 2.0).explain(["b"]).latex()
    assert "x[1]" in latex
    assert "x_{1}" in latex  # the variable x1
    assert "x_{0}" not in latex


def test_latex_has_an_entry_of_a_constant_that_is_named_by_its_expression():
    entry = unsimplified("getitem", (name("(y ** 2)", (2,)),), (), index=0, unique_indices=True)
    with apart_from(["x1"]):
        assert write(entry, LATEX).endswith("_{0}")  # x1 is no entry of it


def test_terms_without_the_index_of_a_slice_are_in_it_alone():
    def log_returns(p):
        r = np.log(p[1:] / p[:-1])
        return np.sum((r - r.mean()) ** 2)

    lines = {
        "dL/dyᵢ = 1[i ≥ 2] (1 - tanh(yᵢ)²) + 2 1[i = 0] y[0]  since": lambda y: y[0] ** 2 + np.sum(np.tanh(y[2:])),
        "dL/duᵢ = 1[i ≥ 1] exp(uᵢ) - 1[i < 3]  since": lambda u: np.sum(np.exp(u[1:]) - u[:-1]),
        "dL/dpᵢ = ½ 1[i ≥ 1] - 1[i < 3] / (2 √pᵢ)": lambda p: np.sum(0.5 * p[1:]) - np.sum(np.sqrt(p[:-1])),
        "dL/dpᵢ = (dL/drᵢ₋₁ - dL/drᵢ) / pᵢ  since rᵢ = log(pᵢ₊₁ / pᵢ); terms beyond": log_returns,
        "dL/du = [2 u[0], 2 u[1:3], 1]": lambda u: u[0] ** 2 + np.sum(u[1:3] ** 2) + u[3],
    }
    for line, f in lines.items():
        assert line in str(ag.trace(f, np.array([0.3, 0.5, 0.7, 0.2])).explain())
    rows = np.arange(6.0).reshape(2, 3)
    assert "dL/dE" in str(ag.trace(lambda E: np.sum(E[0] * E[1:]), rows).explain())  # of shapes (3,) and (1, 3)
    u, V = np.array([0, 2, 0]), np.ones((3, 2))
    joined = ag.trace(lambda U: np.sum(np.tanh(np.concatenate([U[u], V], axis=1))), np.ones((3, 2)))
    assert "dL/dUᵢⱼ = Σₖ 1[uₖ = i] (1 - tanh(bₖⱼ)²)" in str(joined.explain())  # of the first columns
    text = str(ag.trace(lambda E: np.sum(E[0] * E[1:]), np.arange(9.0).reshape(3, 3)).explain())
    assert "dL/dEₖ = 1[k ≥ 1] E[0] + 1[k = 0] Σᵢ Eᵢ₊₁" in text


def _rosenbrock(x):
    s = 0.0
    for i in range(3):
        s = s + 100 * (x[i + 1] - x[i] ** 2) ** 2 + (1 - x[i]) ** 2
    return s


def _spins(s):
    E = 0.0
    for i in range(4):
        E = E - s[i] * s[i + 1]
    return E


def _numbered(x):
    s = 0.0
    for t in range(4):
        s = s + t * x[t] ** 2
    return s


def _filters(phi):
    I = np.cos(phi[0]) ** 2
    for k in range(1, 4):
        I = I * np.cos(phi[k] - phi[k - 1]) ** 2
    return -np.log(I)


def _bank(i, pi, y):
    total, beta = 0.0, 0.98
    for t in range(4):
        y = 0.8 * y - 0.5 * (i[t] - pi)
        pi = pi + 0.3 * y
        total = total + beta**t * (pi**2 + 0.5 * y**2)
    return total


def _discounts(f, cash):
    d = [1 / (1 + f[0])]
    for t in range(1, 4):
        d.append(d[t - 1] / (1 + f[t]))
    return np.sum((cash * np.stack(d)) ** 2)


def _logistic_map(x, r):
    xs = [np.tanh(x)]
    for _ in range(3):
        xs.append(r * xs[-1] * (1 - xs[-1]))
    return xs[-1] ** 2 + xs[1]


def _contrast(S):
    total = 0.0
    for i in range(len(S)):
        sims = S[i] / 0.5
        total = total - (sims[i] - np.log(np.sum(np.exp(sims))))
    return total / len(S)


def _smooth(u, lam, d):
    E = 0.0
    for i in range(len(u)):
        E += (u[i] - d[i]) ** 2
    for i in range(len(u) - 1):
        E += lam * np.sqrt(1 + (u[i + 1] - u[i]) ** 2)
    return E


def _slide(y, x):
    speed, total = np.sqrt(2 * 9.81 * y), 0.0
    for i in range(1, len(x)):
        length = np.sqrt((x[i] - x[i - 1]) ** 2 + (y[i] - y[i - 1]) ** 2)
        total = total + 2 * length / (speed[i] + speed[i - 1])
    return total


def _fishery(effort, price, cost, delta):
    stock, value = 4.0, 0.0
    for t in range(4):
        catch = 0.2 * effort[t] * stock
        value = value + delta**t * (price * catch - cost * effort[t] ** 2)
        stock = stock + 0.5 * stock * (1 - stock / 8) - catch
    return value


def _back_to_front(W, U, xs):
    states, g, loss = [None] * 3, np.zeros(2), 0.0
    for t in reversed(range(3)):
        g = np.tanh(W @ xs[t] + U @ g)
        states[t] = g
    for t in range(3):
        loss = loss + np.sum(states[t] ** 3)
    return loss


def _last_two_values(phi1, phi2, y):
    y1, y2, total = y[1], y[0], 0.0
    for v in y[2:]:
        pred = phi1 * y1 + phi2 * y2
        total = total + (v - pred) ** 2
        y1, y2 = v, y1
    return total


def _regulator(A, B, P):
    for _ in range(3):
        K = (B.T @ P @ A) / (1.0 + B.T @ P @ B)
        P = A.T @ P @ (A - B @ K)
    return np.sum(P)


def _ranks(score):
    order, nll = [2, 0, 3, 1], 0.0
    for place in range(1, 4):
        remaining = order[place:]
        nll = nll - score[order[place]] + np.log(np.sum(np.exp(score[remaining])))
    return nll


def _alignments(p):
    alpha = [p[0], 0.0, 0.0]
    for t in range(1, 3):
        new = []
        for s in range(3):
            total = alpha[s]
            if s > 0:
                total = total + alpha[s - 1]
            new.append(total * p[t])
        alpha = new
    return alpha[-1]


def _layers(x, params):
    h = x
    for W, b in params:
        h = np.tanh(h @ W + b)
    return np.sum(h)


def _covariance(F, Q):
    P, total = np.eye(2), 0.0
    for _ in range(3):
        P = F @ P @ F.T + Q @ Q.T
        total = total + np.sum(P[0])
    return total


def _reviews(E):
    loss = 0.0
    for words in [[0, 3, 1], [2, 0], [1, 1, 3, 2]]:
        m = np.mean(E[words], axis=0)
        loss = loss + np.sum(np.tanh(m))
    return loss / 3


def _leapfrog(q, p, eps, A):
    for _ in range(3):
        p = p - eps / 2 * (A @ q)
        q = q + eps * p
        p = p - eps / 2 * (A @ q)
    return np.sum(q * p)


def _choices(b, cost):
    choice, loglik = [1, 0, 1], 0.0
    for n in range(3):
        V = b * cost[n]
        loglik = loglik + V[choice[n]] - np.log(np.exp(V[0]) + np.exp(V[1]))
    return loglik


def _gates(W, xs):
    h = c = np.zeros(2)
    for x in xs:
        i, o = np.split(W @ np.concatenate([x, h]), 2)
        i, o = [1 / (1 + np.exp(-a)) for a in (i, o)]
        c = (1 - i) * c + i
        h = o * np.tanh(c)
    return np.sum(h)


def _heun(f, y, h, k):
    k1 = f(y, k)
    k2 = f(y + h * k1, k)
    return y + h * (k1 + k2) / 2


def _decay(y, k):
    return -k * y**2


def _reaction(y0, k):
    y = y0
    for _ in range(3):
        y = _heun(_decay, y, 0.1, k)
    return y


def _chain(pos, rest):
    return sum(np.linalg.norm(pos[a] - pos[b]) * L0 for (a, b), L0 in zip([(0, 1), (1, 2), (2, 0)], rest, strict=True))


def _falling(v):
    g = 9.81
    for _ in range(3):
        v = v + 0.1 * (np.array([0.0, -g]) - v)
    return np.sum(v**2)


def _heated(u, k):
    for _ in range(3):
        inner = u[1:-1] + k * (u[2:] - u[:-2])
        u = np.concatenate([u[:1], inner, u[-1:]])
    return np.sum(u**2)


def _aligned(a, b):
    D = (a[:, None] - b[None, :]) ** 2
    R = [[0.0] * 3 for _ in range(3)]
    for i in range(3):
        for j in range(3):
            best = R[i - 1][j] * R[i][j - 1] if i and j else R[0][j - 1] if j else R[i - 1][0] if i else 1.0
            R[i][j] = D[i, j] + best
    return R[2][2]


def _convolved(K):
    image, out = np.arange(25.0).reshape(5, 5) ** 0.5, np.zeros((3, 3))
    for i in range(3):
        for j in range(3):
            out = out + K[i, j] * image[i : i + 3, j : j + 3]
    return np.sum(np.tanh(out))


def _slides(W, U, xs):
    def cell(x_t, h_prev):
        z_t = 1 / (1 + np.exp(-(W @ x_t + U @ h_prev)))
        return z_t * h_prev + (1 - z_t) * np.tanh(h_prev)

    h = np.ones(2)
    for x in xs:
        h = cell(x, h)
    return np.sum(h)


def _at_risk(b, X, times):
    eta, loss = X @ b, 0.0
    for i in range(3):
        R = np.where(times >= times[i])[0]
        loss = loss + np.log(np.sum(np.exp(eta[R]))) - eta[i]
    return loss


_START = np.array([2.0, 1.0])


def _descent(lr, H):
    x = _START
    for _ in range(3):
        x = x - lr * (H @ x)
    return np.sum(x**2)


def _present_value(rate, cash):
    return sum(c / (1 + rate) ** t for t, c in enumerate(cash))


def _duration(y, coupons):
    price = duration = 0.0
    for t, c in enumerate(coupons, start=1):
        price = price + c / (1 + y) ** t
        duration = duration + t * c / (1 + y) ** t
    return duration / price


def _best_line(w, xs, ys):
    for x, y in zip(xs, ys, strict=True):
        w = w - 0.1 * (w * x - y) * x
    return np.sum(sum((w * x - y) ** 2 for x, y in zip(xs, ys, strict=True)))


def _stacked_gates(W, xs):
    c = h = np.zeros(1)
    for x in xs:
        z = W @ np.concatenate([h, x])
        f, i, o = (1 / (1 + np.exp(-z[k : k + 1])) for k in range(3))
        c = f * c + i * np.tanh(z[3:])
        h = o * np.tanh(c)
    return h @ h


def _predators(rates, u0, seen):
    prey, hunters = u0
    total = 0.0
    for k in range(len(seen)):
        grown = rates[0] * prey - rates[1] * prey * hunters
        hunters = hunters + 0.1 * (prey * hunters - hunters)
        prey = prey + 0.1 * grown
        total += (prey - seen[k]) ** 2
    return total


def _partial_likelihood(eta, times, died):
    total = 0.0
    for i in range(len(times)):
        at_risk = times >= times[i]
        total += died[i] * (np.log(np.sum(np.exp(eta[at_risk]))) - eta[i])
    return total


def _stiff(k, x):
    energy = 0.0
    for i in range(len(k)):
        stretch = x[i + 1] - x[i]
        energy += 0.5 * k[i] * stretch**2
    return energy


def _gates_of_joined(Wz, Wn, seq):
    h = np.zeros(1)
    for x in seq:
        z = 1 / (1 + np.exp(-(Wz @ np.concatenate([x, h]))))
        h = z * h + (1 - z) * np.tanh(Wn @ np.concatenate([x, h]))
    return h @ h


def _decayed(k, y0, seen):
    y = [y0]
    for _ in range(3):
        y.append(y[-1] - 0.1 * k * y[-1])
    y = np.array(y)
    return np.sum((y - seen) ** 2)


def _reinforced(W, states):
    returns, loss, G = [], 0.0, 0.0
    for r in (1.0, 0.0, 2.0):
        G = r + 0.9 * G
        returns.append(G)
    baseline = 0.4
    for s, a, G in zip(states, (0, 2, 1), returns, strict=True):
        logits = W @ s
        p = np.exp(logits) / np.exp(logits).sum()
        loss = loss - np.log(p[a]) * (G - baseline)
    return loss


def _weighted_labels(W, states, returns):
    loss = 0.0
    for s, a, G in zip(states, np.array([0, 2, 1]), returns, strict=True):
        p = np.exp(W @ s) / np.exp(W @ s).sum()
        loss = loss - np.log(p[a]) * G
    return loss


def _worst_margin(W, X):
    loss = 0.0
    for i in range(3):
        s = W @ X[i]
        margins = np.where(np.arange(len(s)) == _LABELS[i], 0, s - s[_LABELS[i]] + 1)
        loss = loss + np.max(margins)
    return loss


_LABELS = np.array([0, 2, 1])
_BOOKS = {
    "places that are compared": (_worst_margin, ((3, 2), (3, 2)), "W", ["= where(j = _LABELS[i], 0, aᵢⱼ) 3"]),
    "arrays that are joined twice": (
        _gates_of_joined, ((1, 3), (1, 3), (3, 2)), "Wz",
        ["aₜ = [seq[t-1], hₜ₋₁] 3 t = 1 … 3", "bₜ = Wz @ aₜ 1 t = 1 … 3"],
    ),
    "a list that becomes an array": (
        _decayed, ((), (), 4), "k", ["yₜ = yₜ₋₁ - 0.1 k yₜ₋₁ 1 t = 1 … 3", "y = [y0, y1, y2, y3]"],
    ),
    "numbers of each round": (
        _reinforced, ((3, 2), (3, 2)), "W", ["loss = -Σₜ log(pₜ[aₜ]) (Gₜ - baseline)", "= (Gₜ - baseline) (pₜ - Yₜ)"],
    ),
    "labels beside entries that are alike": (
        _weighted_labels, ((3, 2), (3, 2), 3), "W", ["= returns[t-1] (pₜ - Yₜ)"],
    ),
    "reasons in another order": (_stacked_gates, ((4, 3), (3, 2)), "W", ["fₜ = σ(zₜ[0:1]); t = 3 … 1"]),
    "a state that is unpacked": (
        _predators, (2, 2, 3), "rates", ["prey0 = u0[0]", "preyₜ = preyₜ₋₁ + 0.1 grownₜ 1 t = 1 … 3"],
    ),
    "each entry of an array": (
        _partial_likelihood, (4, 4, 4), "eta", ["-died + Σᵢ dtotal/daᵢ at [at_riskᵢ], 0 elsewhere since"],
    ),
    "entries with a factor": (_stiff, (3, 4), "k", ["energy = ½ Σᵢ kᵢ stretchᵢ²", "denergy/dkᵢ = ½ stretchᵢ²"]),
    "labels that count": (_contrast, ((3, 3),), "S", ["dL/dsimsᵢ = (softmax(simsᵢ) - Yᵢ) / n", "Yᵢ = onehot(i)"]),
    "neighbours": (
        _smooth, (5, (), 5), "u",
        ["E = Σᵢ (u[i] - d[i])² + λ Σᵢ √(1 + (u[i+1] - u[i])²)",
         "+ 1[k ≥ 1] λ (uₖ - uₖ₋₁) / √(1 + (uₖ - uₖ₋₁)²)"],
    ),
    "neighbours that are computed": (
        _slide, (5, 5), "y",
        ["lengthᵢ = √((x[i] - x[i-1])² + (y[i] - y[i-1])²) 1 i = 1 … 4",
         "dtotal/dspeedₖ = -2 1[k < 4] lengthₖ₊₁ / (speedₖ₊₁ + speedₖ)²"],
    ),
    "neighbours by their values": (
        _rosenbrock, (4,), "x",
        ["ds/dxₖ = -2 1[k < 3] (1 - xₖ) - 400 1[k < 3] (xₖ₊₁ - xₖ²) xₖ + 200 1[k ≥ 1] (xₖ - xₖ₋₁²)"],
    ),
    "a chain of spins": (_spins, (5,), "s", ["dE/dsₖ = -1[k < 4] sₖ₊₁ - 1[k ≥ 1] sₖ₋₁"]),
    "a multiple of the number": (_numbered, (4,), "x", ["s = Σₜ t xₜ²", "ds/dxₜ = 2 t xₜ since"]),
    "filters behind each other": (
        _filters, (4,), "phi",
        ["dL/dφₖ = 2 1[k < 3] dL/dIₖ₊₁ Iₖ cos(φₖ₊₁ - φₖ) sin(φₖ₊₁ - φₖ) - 2 1[k = 0]", "- 2 1[k ≥ 1] dL/dIₖ Iₖ₋₁"],
    ),
    "a list that begins with a value": (
        _discounts, (4, 4), "f",
        ["d0 = 1 / (1 + f[0])", "dₜ = dₜ₋₁ / aₜ 1 t = 1 … 3", "b = [d0, d1, d2, d3]",
         "dL/ddₜ = dL/db[t] + dL/ddₜ₊₁ / aₜ₊₁"],
    ),
    "entries of a list by their positions": (_logistic_map, ((), ()), "x", ["xs0 = tanh(x)", "L = xs3² + xs1"]),
    "discounted losses": (
        _bank, (4, (), ()), "i",
        ["total = Σₜ βᵗ⁻¹ (πₜ² + ½ yₜ²)", "dtotal/dπₜ = 2 βᵗ⁻¹ πₜ + dtotal/dπₜ₊₁ + ½ dtotal/dyₜ₊₁"],
    ),
    "powers": (
        _fishery, (4, (), (), ()), "effort",
        ["value = Σₜ δᵗ⁻¹ (price catchₜ - cost effort[t-1]²)", "dvalue/dcatchₜ = δᵗ⁻¹ price - dvalue/dstockₜ",
         "- 2 δᵏ cost effortₖ"],
    ),
    "back to front": (
        _back_to_front, ((2, 2), (2, 2), (3, 2)), "W",
        ["states4 = 0", "aₜ = W @ xs[t-1] + U @ statesₜ₊₁ 2 t = 3 … 1",
         "dloss/dstatesₜ = 3 statesₜ² + Uᵀ @ dloss/daₜ₋₁"],
    ),
    "a product that a round has twice": (
        _regulator, ((2, 2), (2, 1), (2, 2)), "A", ["cₜ = Bᵀ @ Pₜ₋₁", "fₜ = cₜ @ A"],
    ),
    "rows of several sizes": (
        _ranks, (4,), "score",
        ["aₜ = score[remainingₜ] t = 1 … 3", "= Σₜ Σᵢ 1[remainingₜᵢ = k] dnll/daₜᵢ - Σₜ 1[order[t] = k]"],
    ),
    "lists that begin with zeros": (_alignments, (3,), "p", ["total1 = p[0]", "total2 = total1 p[1]"]),
    "layers of several widths": (
        _layers, ((4, 2), [((2, 3), 3), ((3, 3), 3), ((3, 1), 1)]), None,
        ["h0 = x", "aₜ = hₜ₋₁ @ Wₜ + bₜ t = 1 … 3"],
    ),
    "a covariance that begins with I": (
        _covariance, ((2, 2), (2, 2)), "F", ["Σₜ (dtotal/dPₜ + (dtotal/dPₜ)ᵀ) @ F @ Pₜ₋₁"],
    ),
    "means over several sizes": (
        _reviews, ((4, 2),), "E", ["(n1, n2, n3) = (3, 2, 4)", "dL/daₜᵢⱼ = dL/dmₜⱼ / nₜ"],
    ),
    "a force at both ends of a round": (
        _leapfrog, (2, 2, (), (2, 2)), "eps", ["bₜ = A @ qₜ₋₁ 2 t = 1 … 3", "fₜ = A @ qₜ 2 t = 1 … 3"],
    ),
    "labels beside entries": (_choices, ((), (3, 2)), "b", ["dloglik/dVₙ = Yₙ - softmax(Vₙ)"]),
    "discounting": (
        _present_value, ((), 4), "rate", ["L = Σₜ cash[t] / (1 + rate)ᵗ", "-Σₜ t cash[t] / (1 + rate)ᵗ⁺¹"],
    ),
    "a loop that counts from 1": (
        _duration, ((), 3), "y",
        ["aₜ = (1 + y)ᵗ", "price = Σₜ coupons[t-1] / aₜ", "duration = Σₜ t coupons[t-1] / aₜ"],
    ),
    "a sum that is not multiplied out": (_best_line, ((), 3, 3), "w", ["dL/dw3 = 2 Σₜ (w3 xs[t-1] - ys[t-1]) xs[t-1]"]),
    "gates by a comprehension": (_gates, ((4, 4), (3, 2)), "W", ["iₜ = σ(", "hₜ = oₜ ⊙ tanh(cₜ) 2 t = 1 … 3"]),
    "slopes by a function that is an argument": (
        _reaction, ((), ()), "k", ["k1ₜ = -k yₜ₋₁²", "k2ₜ = -k (yₜ₋₁ + h k1ₜ)²"],
    ),
    "a variable that ends in a number": (_chain, ((3, 2), [(), (), ()]), "pos", ["L = Σₜ ‖cₜ‖ L0ₜ"]),
    "an array with a name in it": (_falling, (2,), "v", ["g = 9.81", "0.1 ([0, -g] - vₜ₋₁)"]),
    "ends that stay": (_heated, (5, ()), "u", ["uₜ = [uₜ₋₁[:1], innerₜ, uₜ₋₁[-1:]]"]),
    "cells of a table": (_aligned, (3, 3), "a", ["R12 = D[0, 1] + R11", "R33 = D[2, 2] + R23 R32"]),
    "gates of slides": (
        _slides, ((2, 2), (2, 2), (3, 2)), "W", ["zₜ = σ(aₜ)", "hₜ = zₜ ⊙ hₜ₋₁ + (1 - zₜ) ⊙ tanh(hₜ₋₁)"],
    ),
    "positions of each round": (
        _at_risk, (2, (3, 2), 3), "b", ["Rᵢ = nonzero(1[times ≥ times[i]])[0]", "aᵢ = η[Rᵢ]"],
    ),
    "windows of an image": (_convolved, ((3, 3),), "K", ["out = Σᵢ (K[i, 0] image[i:i+3, 0:3] + K[i, 1] image["]),
    "a state that begins as an array": (_descent, ((), (2, 2)), "lr", ["x0 = _START", "xₜ = xₜ₋₁ - lr aₜ 2 t = 1 … 3"]),
    "entries before the loop": (_last_two_values, ((), (), 5), "phi1", ["predₜ = φ1 y[t] + φ2 y[t-1] 1 t = 1 … 3"]),
}  # fmt: skip


@pytest.mark.parametrize("case", _BOOKS)
def test_rounds_at_the_ends_have_the_form_of_the_others(case):
    f, shapes, wrt, lines = _BOOKS[case]
    rng = np.random.default_rng(7)

    def drawn(shape):
        is_plain = isinstance(shape, int) or not shape or isinstance(shape[0], int)
        return rng.uniform(0.4, 1.4, shape) if is_plain else [*map(drawn, shape)]

    derivation = ag.trace(f, *map(drawn, shapes)).explain(wrt and [wrt])
    text = " ".join(str(derivation).split())
    assert [line for line in lines if line not in text] == [], str(derivation)


def test_given_numbers_that_a_loop_carries_on_are_entries():
    b, y = ag.tensor([0.5, 0.2, -0.1], requires_grad=True, name="b"), np.array([1.0, 0.5, -0.3, 0.8])
    x1 = x2 = L = 0.0
    for v in y:
        out = b[0] * v + b[1] * x1 + b[2] * x2
        L = L + out**2
        x2, x1 = x1, v
    text = " ".join(str(L.explain([b], {"y": y})).split())
    assert "out2 = b1 y[1] + b2 y[0]" in text
    assert "outₜ = b1 y[t-1] + b2 y[t-2] + b3 y[t-3] 1 t = 3 … 4" in text


def test_a_variable_that_is_that_of_the_round_before_has_its_number():
    gain, level, previous, L = ag.tensor(0.7, requires_grad=True, name="gain"), 0.0, 0.0, 0.0
    for _ in range(4):
        error = 1.0 - level
        level = level + gain * error + 0.1 * (error - previous)
        previous = error
        L = L + error**2
    L = L + level**2
    text = " ".join(str(L.explain([gain])).split())
    assert "levelₜ = levelₜ₋₁ + gain errorₜ + 0.1 (errorₜ - errorₜ₋₁)" in text
    assert "L = Σₜ errorₜ² + level4²" in text


def test_data_that_a_helper_takes_in_each_round_are_entries():
    mu, y = ag.tensor([0.3, 1.8], requires_grad=True, name="mu"), np.array([0.3, 2.1, 1.8, -0.2])

    def density(y):
        return 1 / (1 + (y - mu) ** 2)

    alpha = 0.5 * density(y[0])
    for t in range(1, len(y)):
        alpha = alpha / np.sum(alpha) * density(y[t])
    text = " ".join(str(np.sum(alpha).explain([mu], {"y": y})).split())
    assert "αₜ = bₜ / (1 + (y[t] - μ)²) 2 t = 1 … 3" in text


def test_the_total_of_a_loop_that_is_divided_is_one_sum():
    s, ys = ag.tensor([0.1, 0.5], requires_grad=True, name="s"), np.array([1.0, 0.2, 0.4])
    loss = 0.0
    for y in ys:
        s = np.tanh(s * y)
        loss = loss + (s[0] - y) ** 2
    loss = loss / len(ys)
    text = " ".join(str(loss.explain(None, {"ys": ys})).split())
    assert "loss3" not in text
    assert "loss = Σₜ (sₜ[0] - ys[t-1])² / n" in text
    energy = s[0] ** 2 + s[1] ** 2
    assert "energy = s3[0]² + s3[1]²" in str(energy.explain(None, {"ys": ys}))


def test_a_loop_without_a_state_is_counted_as_the_program_counts():
    def mixture(logits, mu, X):
        p, pi = 0.0, ag.softmax(logits)
        for k in range(3):
            p = p + pi[k] * np.exp(-0.5 * np.sum((X - mu[k]) ** 2, axis=1))
        return -np.mean(np.log(p))

    def autoregression(phi, y):
        total = 0.0
        for t in range(2, len(y)):
            e = y[t] - phi[0] * y[t - 1] - phi[1] * y[t - 2]
            total = total + e**2
        return total

    def series(a, b, x):
        f = 0.0
        for m in range(5):
            f = f + a[m] * np.cos(2 * np.pi * m * x) + b[m] * np.sin(2 * np.pi * m * x)
        return np.sum(f**2)

    def later(phi, y):
        s, total = 0.0, 0.0
        for t in range(2, 6):
            s = phi * s + y[t]
            total = total + s**2
        return total

    derivation = ag.trace(mixture, np.ones(3), RNG.normal(size=(3, 2)), RNG.normal(size=(4, 2))).explain("mu")
    text = " ".join(str(derivation).split())
    assert "p = Σₖ π[k] exp(bₖ) 4" in text
    assert "dL/dμₖ = -Σᵢ dL/daₖᵢ since aₖ = X - μ[k]; k = 0 … 2" in text
    assert r"\sum_{k}" in derivation.latex()
    text = " ".join(str(ag.trace(autoregression, np.ones(2) / 4, RNG.normal(size=6)).explain("phi")).split())
    assert "eₜ = y[t] - φ1 y[t-1] - φ2 y[t-2] 1 t = 2 … 5" in text
    text = " ".join(str(ag.trace(series, np.ones(5), np.ones(5), RNG.normal(size=4)).explain("a")).split())
    assert "f = Σₘ a[m] cos(2π m x) + Σₘ b[m] sin(2π m x)" in text
    assert "dL/daₘ = Σᵢ dL/dfᵢ cos(2π m xᵢ)" in text
    text = " ".join(str(ag.trace(later, np.array(0.5), RNG.normal(size=6)).explain("phi")).split())
    assert "sₜ = φ sₜ₋₁ + y[t] 1 t = 2 … 5" in text


def distances(H, om):
    L = 0.0
    for z, d in [(0.1, 75.0), (0.4, 80.0), (0.9, 92.0)]:
        E = np.sqrt(om * (1 + z) ** 3 + 1 - om)
        L = L + (H * E - d) ** 2
    return L


def looked_up(H, om):
    L, data = 0.0, {0.1: 75.0, 0.4: 80.0, 0.9: 92.0}
    for z, d in data.items():
        E = np.sqrt(om * (1 + z) ** 3 + 1 - om)
        L = L + (H * E - d) ** 2
    return L


@pytest.mark.parametrize("f", [distances, looked_up])
def test_numbers_that_a_loop_lists_have_the_names_of_its_variables(f):
    text = " ".join(str(ag.trace(f, 70.0, 0.3).explain("om")).split())
    assert "(z1, z2, z3) = (0.1, 0.4, 0.9), (d1, d2, d3) = (75, 80, 92)" in text
    assert "Eₜ = √(om (1 + zₜ)³ + 1 - om) 1 t = 1 … 3 L = Σₜ (H Eₜ - dₜ)²" in text


def test_equal_numbers_of_a_list_are_those_of_several_rounds():
    def loss(w):
        L = 0.0
        for y in [1, -1, 1]:
            L = L + np.log(1 + np.exp(-y * w))
        return L

    assert "L = Σₜ log(1 + exp(-yₜ w))" in str(ag.trace(loss, 0.3).explain())


def test_a_list_that_a_loop_adds_to_is_a_recursion():
    def garch(omega, alpha, beta, r):
        h, nll = [0.04], 0.0
        for t in range(1, len(r)):
            h.append(omega + alpha * r[t - 1] ** 2 + beta * h[t - 1])
            nll = nll + 0.5 * (np.log(h[t]) + r[t] ** 2 / h[t])
        return nll

    def classes(mu, X):
        scores = []
        for c in range(3):
            d = X - mu[c]
            scores.append(-0.5 * np.sum(d**2, axis=1))
        return np.sum(np.tanh(np.stack(scores, axis=1)))

    text = " ".join(str(ag.trace(classes, RNG.normal(size=(3, 2)), RNG.normal(size=(4, 2))).explain("mu")).split())
    assert "scoresₖ = -½ Σⱼ dₖⱼ²" in text
    text = " ".join(str(ag.trace(garch, 0.02, 0.1, 0.8, RNG.normal(size=5)).explain("beta")).split())
    assert "h0 = 0.04" in text
    assert "hₜ = ω + α r[t-1]² + β hₜ₋₁ 1 t = 1 … 4" in text


def test_a_column_is_no_identity_and_an_entry_stays_where_it_is_read():
    x, K = np.array([[1.0], [0.0]]), leaf(1, 2, name="K")
    for _ in range(3):
        x = x - 0.1 * np.ones((2, 1)) @ (K @ x)
    assert "x0 = I" not in str(np.sum(x).explain(K))

    def widths(logvar, x):
        total = 0.0
        for k in range(3):
            var = np.exp(logvar[k])
            total = total + np.sum(x**2) / var + np.log(var)
        return total

    text = str(ag.trace(widths, np.ones(3), np.ones(2)).explain("logvar"))
    assert "varₖ = exp(logvar[k])" in text
    assert "dtotal/dlogvarₖ = dtotal/dvarₖ varₖ" in text


def test_what_the_first_round_computes_of_slices_and_ones_is_that_of_the_others():
    def rod(kappa):
        u, dx = np.sin(np.linspace(0, np.pi, 6)), 0.2
        for _ in range(3):
            lap = (u[2:] - 2 * u[1:-1] + u[:-2]) / dx**2
            u = np.concatenate([u[:1], u[1:-1] + 0.05 * kappa * lap, u[-1:]])
        return np.sum((u - 0.5) ** 2)

    def ranks(d, A):
        r = np.ones(3) / 3
        for _ in range(3):
            r = d * (A @ r) + (1 - d) / 3
        return -np.log(r[0])

    text = " ".join(str(ag.trace(rod, 0.1).explain()).split())
    assert "lapₜᵢ = (uₜ₋₁,ᵢ₊₂ - 2 uₜ₋₁,ᵢ₊₁ + uₜ₋₁,ᵢ) / dx² 4 t = 1 … 3" in text
    text = " ".join(str(ag.trace(ranks, 0.85, np.eye(3) + 0.1).explain("d")).split())
    assert "r0 (3)" in text
    assert "bₜ = A @ rₜ₋₁ 3 t = 1 … 3 rₜ = d bₜ + (1 - d) / 3" in text


def test_terms_that_are_simpler_at_both_ends_are_one_sum():
    def curve(P, s):
        out, binom = 0.0, [1, 3, 3, 1]
        for k in range(4):
            b = binom[k] * s**k * (1 - s) ** (3 - k)
            out = out + b[:, None] * P[k]
        return np.sum(out**2)

    text = " ".join(str(ag.trace(curve, RNG.normal(size=(4, 2)), np.linspace(0, 1, 5)).explain("P")).split())
    assert "bₖ = binom[k] sᵏ ⊙ (1 - s)^(3 - k) 5 k = 0 … 3 outᵢⱼ = Σₖ bₖᵢ P[k]ⱼ" in text


def test_a_number_at_a_place_that_is_a_variable_is_that_of_its_array():
    d, image = ag.tensor(0.85, requires_grad=True, name="d"), RNG.random((5, 5))
    i, j = 2, 1
    L = image[i + 1, j] * d**2 + image[i, j + 1] * d
    assert "L = image[3, 1] d² + image[2, 2] d" in str(L.explain(d, {"image": image}))


def test_a_module_may_have_the_name_of_a_size(tmp_path, monkeypatch):
    file = tmp_path / "program.py"
    file.write_text(
        "import numpy as np\nimport autograd_lite as ag\n"
        "w, x, e = ag.tensor(0.5, requires_grad=True), np.array([0.1, 0.4, 0.9, 0.2]), [0.0]\nT = len(x)\n"
        "for t in range(1, T):\n    e.append(x[t] - w * e[t - 1])\n"
        "L = np.sum(np.stack(e[1:]) ** 2)\n"
    )
    monkeypatch.setitem(globals(), "T", math)  # which is no number of steps
    space = runpy.run_path(str(file))
    assert "dL/dw" in str(space["L"].explain(space["w"]))
