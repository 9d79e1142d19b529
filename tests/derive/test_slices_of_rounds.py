"""Derivations of loops whose rounds read slices, windows or rows; of what classes compute; and of averages."""

from __future__ import annotations

import runpy

import numpy as np
import pytest
from in_order import assert_in_order

import autograd_lite as ag
from autograd_lite.testing import assert_gradients

RNG = np.random.default_rng(8)


def normal(*shape):
    return RNG.normal(size=shape)


def softmax(v):
    e = np.exp(v - np.max(v))
    return e / np.sum(e)


def attend(Wq, Wk, Wv, X, Y):
    K, V = X @ Wk, X @ Wv
    loss = 0.0
    for t in range(len(X)):
        q = X[t] @ Wq
        weights = softmax(K[: t + 1] @ q / np.sqrt(4))
        context = weights @ V[: t + 1]
        loss = loss + np.sum((context - Y[t]) ** 2)
    return loss


def before(p, y):
    L = 0
    for t in range(1, len(y)):
        m = np.mean(p[:t])
        L = L + (m - y[t]) ** 2
    return L


def after(p, y):
    L = 0
    for t in range(len(y)):
        m = np.mean(p[t:])
        L = L + (m - y[t]) ** 2
    return L


def windows(x, w):
    L = 0
    for t in range(len(x) - 2):
        L = L + np.tanh(x[t : t + 3] @ w) ** 2
    return L


def cox(beta, X):
    eta, nll = X @ beta, 0.0
    for i in range(len(X)):
        nll = nll - (eta[i] - np.log(np.sum(np.exp(eta[i:]))))
    return nll


def cox_with_events(beta, X, event=(1, 0, 1, 1, 1)):
    eta, nll = X @ beta, 0.0
    for i in range(len(X)):
        if event[i]:
            nll = nll - (eta[i] - np.log(np.sum(np.exp(eta[i:]))))
    return nll


def stacked(W, v, X, y):
    H = np.stack([np.tanh(W @ x) ** 2 for x in X])
    return np.mean((H @ v - y) ** 2)


def bags(E, v, y, docs=((0, 2, 5), (1, 3), (4, 0, 6, 2))):
    D = np.stack([E[list(d)].mean(axis=0) for d in docs])
    return np.mean((D @ v - y) ** 2)


CASES = {
    attend: ((normal(3, 4), normal(3, 4), normal(3, 2), normal(5, 3), normal(5, 2)), [
        "vₜ = K[:t+1] @ qₜ / √4", "weightsₜ = softmax(vₜ)", "contextₜ = weightsₜ @ V[:t+1] 2 t = 0 … 4",
        "dloss/dweightsₜ = V[:t+1] @ dloss/dcontextₜ",
        "dloss/dqₜ = K[:t+1]ᵀ @", "dloss/dVₖ = Σₜ 1[k ≤ t] weightsₜₖ dloss/dcontextₜ since",
    ]),
    before: ((normal(6), normal(6)), [
        "aₜ = p[:t] t = 1 … 5", "mₜ = mean(aₜ)", "dL/daₜ = dL/dmₜ / t since", "dL/dpₖ = Σₜ 1[k < t] dL/daₜₖ since",
    ]),
    after: ((normal(6), normal(6)), [
        "aₜ = p[t:] t = 0 … 5", "dL/daₜ = dL/dmₜ / (6 - t) since", "dL/dpₖ = Σₜ 1[k ≥ t] dL/daₜ[k-t] since",
    ]),
    windows: ((normal(7), normal(3)), [
        "L = Σₜ tanh(x[t:t+3] @ w)²", "dL/dw = 2 Σₜ tanh(x[t:t+3] @ w) (1 - tanh(x[t:t+3] @ w)²) x[t:t+3] since",
    ]),
    cox: ((normal(2), normal(5, 2)), [
        "aᵢ = η[i:] i = 0 … 4", "nll = -Σᵢ (η[i] - logsumexp(aᵢ))", "dnll/daᵢ = softmax(aᵢ)",
        "dnll/dηₖ = Σᵢ 1[k ≥ i] dnll/daᵢ[k-i] - 1 since",
    ]),
    cox_with_events: ((normal(2), normal(5, 2)), [
        "(i1, …, i4) = (0, 2, 3, 4)", "aₜ = η[iₜ:] t = 1 … 4", "nll = -Σₜ (η[iₜ] - logsumexp(aₜ))",
        "dnll/dηₖ = Σₜ 1[k ≥ iₜ] dnll/daₜ[k-iₜ] - Σₜ 1[iₜ = k] since",
    ]),
    stacked: ((normal(4, 3), normal(4), normal(5, 3), normal(5)), [
        "aₜ = W @ X[t-1] 4 t = 1 … 5", "bₜ = tanh(aₜ)² 4 t = 1 … 5", "H = [b1; b2; b3; b4; b5]",
        "dL/dbₜ = dL/dH[t-1]", "dL/daₜ = 2 dL/dbₜ ⊙ (1 - bₜ) ⊙ tanh(aₜ)",
    ]),
    bags: ((normal(7, 4), normal(4), normal(3)), [
        "bₜ = meanᵢ(aₜ) 4 t = 1 … 3", "D = [b1; b2; b3]", "dL/daₜᵢⱼ = dL/dbₜⱼ / mₜ since",
    ]),
}  # fmt: skip


@pytest.mark.parametrize("f", CASES, ids=lambda f: f.__name__)
def test_what_each_round_reads_has_one_line(f):
    args, lines = CASES[f]
    wrt = [word for word in f.__code__.co_varnames[: len(args)] if word not in ("X", "y", "Y")]
    derivation = ag.trace(f, *args).explain(wrt)
    assert_in_order(lines, " ".join(str(derivation).split()))
    assert derivation.check() < 1e-9
    assert "\\begin{align*}" in derivation.latex()
    assert_gradients(f, *args)


class Linear:
    def __init__(self, W, b):
        self.W, self.b = W, b

    def __call__(self, x):
        return x @ self.W + self.b


class Net:
    def __init__(self, *weights):
        self.first, self.second = Linear(*weights[:2]), Linear(*weights[2:])

    def __call__(self, x):
        h = np.tanh(self.first(x))
        return self.second(h)


def test_what_an_instance_returns_has_the_name_of_its_call():
    def loss(W1, b1, W2, b2, X, Y):
        net = Net(W1, b1, W2, b2)
        out = net(X)
        return np.mean((out - Y) ** 2)

    def gain(W, b, X):
        Q = Linear(W, b)(X)
        return np.sum(Q**2)

    text = str(ag.trace(loss, normal(3, 4), normal(4), normal(4, 2), normal(2), normal(5, 3), normal(5, 2)).explain())
    assert "out = h @ W2 + b2 " in text
    assert "Q = X @ W + b " in str(ag.trace(gain, normal(3, 2), normal(2), normal(4, 3)).explain())


def test_the_gradient_of_an_average_with_the_weights_of_a_softmax_is_in_terms_of_it():
    def experts(theta, R):
        gate = softmax(theta)
        J = np.sum(gate * R)
        return np.log(J**2 + 1)

    def read(q, K, V):
        w = softmax(K @ q)
        out = w @ V
        return (out - 1) ** 2

    text = str(ag.trace(experts, normal(4), normal(4)).explain("theta"))
    assert "= dL/dJ · (R - J) ⊙ gate" in text
    assert "= dL/dout · (V - out) ⊙ w" in str(ag.trace(read, normal(3), normal(4, 3), normal(4)).explain("q"))


def test_factors_that_are_written_out_end_a_derivation_factor_by_factor():
    def svm(w, b, X, y, lam):
        slack = np.maximum(0, 1 - y * (X @ w + b))
        return lam / 2 * w @ w + np.mean(slack)

    def tanh_net(W1, W2, X, y):
        H = np.tanh(X @ W1)
        P = H @ W2
        return np.sum((P - y) ** 2)

    y = np.array([1.0, -1.0, 1.0, -1.0, 1.0])
    text = str(ag.trace(svm, normal(2), 0.1, normal(5, 2), y, 0.01).explain(["w", "b"]))
    assert "= λ w - Xᵀ @ (y ⊙ 1[y ⊙ a < 1]) / n\n" in text
    assert "= -Σ (y ⊙ 1[y ⊙ a < 1]) / n\n" in text
    text = str(ag.trace(tanh_net, normal(2, 3), normal(3, 1), normal(4, 2), normal(4, 1)).explain(["W1", "W2"]))
    assert "= 2 Xᵀ @ (((P - y) @ W2ᵀ) ⊙ (1 - H²))\n" in text


def test_a_number_times_an_identity_keeps_its_name():
    def covariance(D, ell, nugget):
        return np.exp(-D / ell) + nugget * np.eye(len(D))

    def nll(ell, z, D):
        C = covariance(D, ell, 0.1)
        return z @ np.linalg.solve(C, z)

    D = np.abs(np.subtract.outer(np.arange(3.0), np.arange(3.0)))
    text = str(ag.trace(nll, 1.2, normal(3), D).explain("ell"))
    assert "nugget = 0.1" in text
    assert "C = exp(a) + nugget I " in text


def test_all_rounds_have_the_same_lines_where_there_are_many():
    def loss(theta, S, A):
        gains, entropies = [], []
        for s, a in zip(S, A, strict=True):
            pi = softmax(s @ theta)
            gains.append(a * pi[0] ** 2)
            entropies.append(-np.sum(pi * np.log(pi)))
        return -sum(gains) / len(gains) - 0.01 * sum(entropies) / len(entropies)

    text = str(ag.trace(loss, normal(3, 4), normal(6, 3), normal(6)).explain("theta"))
    assert "dL/dpi1" not in text
    assert "dL/dπ1" not in text
    assert "t = 6 … 2" not in text


def test_the_reward_of_each_row_has_its_index():
    def loss(W, S, a, adv):
        logpi = ag.log_softmax(S @ W, axis=1)
        return -np.mean(logpi[np.arange(len(a)), a] * adv)

    derivation = ag.trace(loss, normal(3, 2), normal(5, 3), np.array([0, 1, 1, 0, 1]), normal(5)).explain("W")
    assert "-mean(logpi[i, aᵢ] advᵢ)" in str(derivation)
    assert r"\mathrm{logpi}_{i, a_{i}}\,\mathrm{adv}_{i}" in derivation.latex()


def test_arguments_with_greek_names_keep_them():
    def loss(β, x_1, ε_hat):
        return np.sum((x_1 - β * ε_hat) ** 2)

    args = (0.5, np.array([1.0, 2.0, 4.0]), 0.3)
    made = ag.source(loss, *args)
    assert "def loss(β, x_1, ε_hat):" in str(made)
    assert made(β=args[0], x_1=args[1], ε_hat=args[2])[0] == pytest.approx(loss(*args))
    latex = ag.trace(loss, *args).explain().latex()
    assert r"\frac{\partial L}{\partial \beta}" in latex
    assert r"\hat{\epsilon}" in latex


def test_what_a_helper_computes_of_data_in_a_generator_has_their_name(tmp_path):
    (tmp_path / "lines.py").write_text(
        "import numpy as np, autograd_lite as ag\n"
        "def line(x, a):\n    return np.exp(-a * x**2)\n"
        "x, a = np.array([1.0, 2.0, 3.0]), ag.tensor([0.4, 0.6, 0.5], requires_grad=True)\n"
        "model = sum(line(x, a[k]) for k in range(3))\n"
        "text = str(ag.explain(np.sum(model**2)))\n",
        encoding="utf-8",
    )
    text = " ".join(runpy.run_path(str(tmp_path / "lines.py"))["text"].split())
    assert "bₖ = -a[k] x² 3 k = 0 … 2" in text
    assert "dL/daₖ = -Σᵢ dL/dbₖᵢ xᵢ² since" in text
