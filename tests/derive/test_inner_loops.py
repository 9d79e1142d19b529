"""Inner loops over the entries of arrays are operations on the arrays."""

from __future__ import annotations

import numpy as np
from loops import survival

import autograd_lite as ag

RNG = np.random.default_rng(4)


def draw(*shape):
    return RNG.uniform(-1, 1, shape)


def explained(f, *args, wrt=None):
    return " ".join(str(ag.trace(f, *args).explain(wrt)).split())


def test_a_mixture_by_its_components():
    def gmm(means, log_sigmas, logits, data):
        weights, nll = np.exp(logits) / np.sum(np.exp(logits)), 0.0
        for x in data:
            p = 0.0
            for k in range(3):
                sigma = np.exp(log_sigmas[k])
                p = p + weights[k] * np.exp(-((x - means[k]) ** 2) / (2 * sigma**2)) / sigma
            nll -= np.log(p)
        return nll

    wrt = ["means", "log_sigmas", "logits"]
    text = explained(gmm, draw(3), draw(3), draw(3), draw(4), wrt=wrt)
    assert "σ = exp(log_sigmas) 3 " in text
    assert "pₖ = Σ (weights ⊙ exp(-(data[k] - means)² / a) / σ) 1 k = 0 … 3" in text
    assert "dnll/dmeans = Σₖ 2 dnll/dpₖ" in text, text
    sheet = ag.trace(gmm, draw(3), draw(3), draw(3), draw(4)).worksheet(wrt=wrt)
    assert not sheet.check(sheet.key()).wrong


def test_a_loop_in_a_function_that_is_called_in_a_loop():
    def mixture(pi, mu, x):
        def density(xi):
            total = 0.0
            for k in range(2):
                total = total + pi[k] * np.exp(-0.5 * (xi - mu[k]) ** 2)
            return total

        return sum(np.log(density(x[i])) for i in range(3))

    assert "totalₜ = Σ (π ⊙ exp(-½ aₜ²))" in explained(mixture, draw(2) ** 2, draw(2), draw(3))


def test_distances_in_a_list_are_a_vector():
    def nearest(mu, X, beta):
        loss = 0.0
        for x in X:
            d = []
            for k in range(3):
                d.append(np.sum((x - mu[k]) ** 2))  # noqa: PERF401 (as a learner writes it)
            loss = loss - np.log(np.sum(np.exp(-beta * np.array(d))))
        return loss

    text = explained(nearest, draw(3, 2), draw(4, 2), 2.0)
    assert "aᵢ = xᵢ - μ 3x2 i = 0 … 3" in text
    assert "dloss/dμ = -Σᵢ dloss/daᵢ" in text


def test_a_loop_that_hands_something_on_stays_one():
    def horner(c, xs):
        total = 0.0
        for x in xs:
            y = 0.0
            for k in range(3):
                y = y * x + c[k]
            total = total + y**2
        return total

    assert "[" not in explained(horner, draw(3), draw(2)).split("The chain rule")[0].split("total =")[1].split(";")[0]


def test_pairs_of_rows_without_anything_between_the_turns():
    def factorisation(U, V, R):
        L = 0.0
        for i in range(3):
            for j in range(4):
                pred = U[i] @ V[j]
                L = L + (R[i, j] - pred) ** 2
        return L

    R = np.arange(12.0).reshape(3, 4)
    text = explained(lambda U, V: factorisation(U, V, R), draw(3, 2), draw(4, 2))
    assert "predᵢ = V @ U[i] 4 i = 0 … 2 L = Σᵢ Σ (R[i] - predᵢ)²" in text
    assert "dL/dV = Σᵢ dL/dpredᵢ @ U[i]ᵀ" in text


def test_constants_of_an_inner_loop_are_written_with_the_arrays():
    xs, ys, centres = np.array([0.0, 0.5, 1.0, 1.5]), np.array([0.1, 0.6, 0.8, 0.2]), np.array([0.0, 0.7, 1.4])
    w, beta, loss = ag.tensor(draw(3), requires_grad=True), ag.tensor(2.0, requires_grad=True), 0.0
    for i in range(len(xs)):
        pred = 0.0
        for k in range(3):
            pred += w[k] * np.exp(-beta * (xs[i] - centres[k]) ** 2)
        loss += (pred - ys[i]) ** 2
    names = {"xs": xs, "ys": ys, "centres": centres, "w": w, "beta": beta}
    text = " ".join(str(loss.explain([w, beta], names)).split())
    assert "aᵢ = -β (xs[i] - centres)² 3 i = 0 … 3 predᵢ = Σ (w ⊙ exp(aᵢ))" in text


def test_a_weighted_sum_of_rows():
    def attention(Q, K, V):
        out = 0.0
        for q in Q:
            w = np.exp(K @ q) / np.sum(np.exp(K @ q))
            o = 0.0
            for j in range(3):
                o = o + w[j] * V[j]
            out = out + np.sum(o**2)
        return out

    text = explained(attention, draw(2, 2), draw(3, 2), draw(3, 2))
    assert "oₖᵢ = Σⱼ wₖⱼ Vⱼᵢ 2 k = 0 … 1" in text


def test_comprehensions_in_a_loop():
    def soft(pi, mu, X):
        L = 0.0
        for x in X:
            d = np.array([np.sum((x - m) ** 2) for m in mu])
            r = np.exp(-d) / np.sum(np.exp(-d))
            L = L + r @ d - np.log(sum(pi[k] * np.exp(-d[k]) for k in range(3)))
        return L

    text = explained(soft, draw(3) ** 2, draw(3, 2), draw(4, 2))
    assert "aₖ = xₖ - μ 3x2 k = 0 … 3" in text
    assert "dₖᵢ = ‖aₖᵢ‖² 3 k = 0 … 3" in text
    assert "L = Σₖ (rₖ @ dₖ - log(Σ (π ⊙ exp(" in text


def test_a_list_of_distances_is_a_vector():
    sats, pos = draw(5, 3), ag.tensor(draw(3), requires_grad=True)
    bias = ag.tensor(0.3, requires_grad=True)
    pred = np.stack([np.linalg.norm(s - pos) + bias for s in sats])
    text = " ".join(str(np.sum(pred**2).explain([pos, bias], {"sats": sats, "pos": pos, "bias": bias})).split())
    assert "a = sats - pos 5x3" in text
    assert "dL/dpos = -Σᵢ dL/daᵢ since a = sats - pos" in text


def test_comprehensions_in_others_are_arrays_of_two_axes():
    def kernel(ell, X, y):
        n = len(X)
        d2 = np.array([[np.sum((X[i] - X[j]) ** 2) for j in range(n)] for i in range(n)])
        return y @ np.exp(-d2 / ell) @ y

    assert "d2ᵢⱼ = ‖Xᵢ - Xⱼ‖² 3x3" in explained(kernel, draw(), draw(3, 2), draw(3), wrt=["ell"])

    def features(c, X):
        phi = np.array([[np.exp(-np.sum((x - m) ** 2)) for m in c] for x in X])
        return np.sum(phi**3)

    text = explained(features, draw(2, 2), draw(3, 2))
    assert "aᵢⱼₖ = Xᵢₖ - cⱼₖ 3x2x2 φᵢⱼ = exp(-‖aᵢⱼ‖²) 3x2" in text


def test_a_list_in_another_order_is_not_the_vector():
    def f(mu, X):
        L = 0.0
        for x in X:
            d = [(x - mu[k]) ** 2 for k in range(3)]
            L = L + np.array(d[::-1]) @ np.arange(3.0)
        return L

    mu, X = draw(3), draw(2)
    text = str(ag.trace(f, mu, X).explain(["mu"]))
    assert "not confirmed" not in text
    assert f"{f(mu, X):.5g}"[:6] in text


def test_an_inner_loop_over_a_number_of_times_reads_so_many_entries():
    text = str(ag.trace(survival, draw(2), draw(3), draw(3, 2), np.array([2, 3, 1])).explain(["w", "alpha"]))
    assert "aᵢ  = α[:times[i]] + ηᵢ" in text
    assert "nll = -Σᵢ Σ log(1 - hᵢ)" in text
    assert "dnll/dαₖ = Σᵢ 1[k < times[i]] dnll/daᵢₖ" in text
    assert "not confirmed" not in text
