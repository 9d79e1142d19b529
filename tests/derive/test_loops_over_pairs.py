"""Loops over pairs, and entries, labels and powers that count with the steps."""

from __future__ import annotations

import numpy as np
import pytest

import autograd_lite as ag

RNG = np.random.default_rng(6)


def checked(program):
    """The text of the derivation in one line; its gradients are compared with finite differences."""
    d = program.explain()
    assert d.check() < 1e-8
    return " ".join(str(d).split())


def test_a_double_loop_is_a_sum_over_pairs_that_have_numbers():
    def strain(X, D):
        total = 0.0
        for i in range(4):
            for j in range(i):
                total = total + (np.linalg.norm(X[i] - X[j]) - D[i, j]) ** 2
        return total

    X, D = np.arange(8.0).reshape(4, 2) ** 1.5, np.arange(16.0).reshape(4, 4)
    text = str(ag.trace(strain, X, D).explain(["X"]))
    assert "Given  X (4x2), D (4x4)\n" in text
    assert "aᵢⱼ   = Xᵢ - Xⱼ                   2        i > j" in text
    assert "total = Σᵢ>ⱼ (‖aᵢⱼ‖ - Dᵢⱼ)²" in text
    assert "dtotal/dXₖ = Σⱼ<ₖ dtotal/daₖⱼ - Σᵢ>ₖ dtotal/daᵢₖ  since aᵢⱼ = Xᵢ - Xⱼ" in text

    s, wins = ag.tensor(np.arange(4.0), requires_grad=True, name="s"), np.arange(16.0).reshape(4, 4)
    nll = 0.0
    for i in range(4):
        for j in range(4):
            if i == j:
                continue
            nll = nll - wins[i, j] * (s[i] - np.log(np.exp(s[i]) + np.exp(s[j])))
    text = str(nll.explain(s))
    assert "nll = -Σᵢ≠ⱼ winsᵢⱼ (sᵢ - log(exp(sᵢ) + exp(sⱼ)))" in text
    assert "dnll/dsₖ = Σᵢ≠ₖ winsᵢₖ exp(sₖ) / (exp(sᵢ) + exp(sₖ)) + Σⱼ≠ₖ (" in text  # although the sum is long
    assert r"\sum_{i \neq j} \mathrm{wins}_{ij}" in nll.explain(s).latex()

    w, epochs, Y = ag.tensor(np.ones(2), requires_grad=True, name="w"), 2, np.arange(6.0).reshape(3, 2)
    v = w
    for _ in range(epochs):
        for i in range(3):
            v = v - 0.1 * (Y[i] @ v - 1) * Y[i]
    assert "vₜ = vₜ₋₁ - 0.1 (Y[iₜ] @ vₜ₋₁ - 1) Y[iₜ]" in str((v @ v).explain(w))


def test_entries_of_a_matrix_in_a_loop_over_pairs_are_those_of_the_matrix():
    def divergence(Q, P):
        total = 0.0
        for a in range(3):
            for b in range(3):
                if a != b:
                    total = total + P[a, b] * np.log(P[a, b] / Q[a, b])
        return total

    P = np.arange(1.0, 10.0).reshape(3, 3)
    d = ag.trace(divergence, P[::-1], P).explain("Q")
    assert "total = Σᵢ≠ⱼ Pᵢⱼ log(Pᵢⱼ / Qᵢⱼ)" in str(d)
    assert "dtotal/dQᵢⱼ = -Pᵢⱼ / Qᵢⱼ" in str(d)
    assert "; i ≠ j, 0 elsewhere" in str(d)
    assert r"\text{; }i \neq j\text{, 0 elsewhere}" in d.latex()
    assert ">≠</mo>" in d.html()


def test_pairs_of_data_keep_their_numbers():
    s, edges = ag.tensor(np.arange(3.0), requires_grad=True, name="s"), [(0, 1), (0, 2), (1, 2)]
    stress = 0.0
    for i, j in edges:
        stress = stress + (s[i] - s[j]) ** 4
    assert "Σᵢ<ⱼ" not in str(stress.explain(s))


def test_powers_of_the_number_of_a_step_are_read():
    def rough(a, b):
        return sum(k**4 * (a[k - 1] ** 2 + b[k - 1] ** 2) for k in range(1, 4))

    text = str(ag.trace(rough, np.ones(3), np.ones(3)).explain())
    assert "L  = Σₖ k⁴ (aₖ² + bₖ²)" in text
    assert "dL/daₖ = 2 k⁴ aₖ" in text


def test_powers_of_a_number_count_with_the_steps():
    def welfare(rate, income):
        total = 0.0
        for t in range(4):
            c = income[t] * (1 - rate[t])
            total = total + 0.9**t * np.log(c)
        return total

    rate, income = np.array([0.2, 0.3, 0.25, 0.1]), np.array([1.0, 1.2, 1.3, 1.1])
    text = str(ag.trace(welfare, rate, income).explain(["rate"]))
    assert "total = Σₜ 0.9ᵗ log(cₜ)" in text
    assert "dtotal/dcₜ = 0.9ᵗ / cₜ" in text
    assert "dtotal/drateₖ = -dtotal/daₖ" in text

    def adam(w, lr):
        m = np.zeros(2)
        for t in range(1, 4):
            m = 0.9 * m + 0.1 * w
            w = w - lr * m / (1 - 0.9**t)
        return w @ w

    text = str(ag.trace(adam, np.array([1.0, -0.5]), 0.1).explain(["lr"]))
    assert "wₜ = wₜ₋₁ - lr mₜ / (1 - 0.9ᵗ)" in text


def test_rows_and_entries_of_each_step_are_written_with_their_number():
    def crf(emit, trans, tags):
        score, alpha = emit[0, tags[0]], emit[0]
        for t in range(1, len(tags)):
            score = score + trans[tags[t - 1], tags[t]] + emit[t, tags[t]]
            alpha = np.log(np.sum(np.exp(alpha[:, None] + trans), axis=0)) + emit[t]
        return np.log(np.sum(np.exp(alpha))) - score

    args = np.arange(12.0).reshape(4, 3) / 9, np.arange(9.0).reshape(3, 3) / 7, np.array([0, 1, 2, 0])
    text = str(ag.trace(crf, *args).explain(["emit", "trans"]))
    assert "score = Σₜ emit[t, tags[t]] + Σₜ trans[tags[t-1], tags[t]]" in text
    assert "t = 0 … 3, with trans t = 1 … 3" in text
    assert "Σₜ 1[tags[t-1] = i] 1[tags[t] = j]" in text
    assert "dL/demitₖⱼ = dL/dαₖⱼ - 1[tags[k] = j]" in text

    def contrast(S):
        loss = 0.0
        for i in range(3):
            loss = loss - S[i, i] + np.log(np.sum(np.exp(S[i])))
        return loss

    assert "dloss/dSᵢⱼ = dloss/daᵢⱼ - 1[j = i]" in str(ag.trace(contrast, np.eye(3)).explain(["S"]))


def test_a_label_of_a_later_round_has_the_number_of_that_round():
    def bandit(theta, rate, actions, rewards):
        Q, nll = np.zeros(2), 0.0
        for a, r in zip(actions, rewards, strict=True):
            p = np.exp(theta * Q) / np.sum(np.exp(theta * Q))
            nll = nll - np.log(p[a])
            Q = Q + rate * (r - Q[a]) * np.eye(2)[a]  # of the first Q, zeros, nothing is recorded
        return nll

    program = ag.trace(bandit, 2.0, 0.3, np.array([0, 1, 1, 0]), np.array([1.0, 0.0, 1.0, 1.0]))
    assert "= rewards[t-1] - Qₜ₋₁[aₜ] 1 t = 1 … 3" in " ".join(str(program.explain(["theta", "rate"])).split())


def test_a_helper_called_twice_in_a_round_reads_at_the_callers_positions():
    triples = [(0, 1, 4), (0, 3, 2), (1, 0, 3), (2, 4, 1)]

    def bpr(users, items, bias):
        def score(u, i):
            return users[u] @ items[i] + bias[i]

        loss = 0.0
        for u, i, j in triples:
            margin = score(u, i) - score(u, j)
            loss = loss - np.log(1 / (1 + np.exp(-margin)))
        return loss

    args = RNG.normal(size=(3, 2)), RNG.normal(size=(5, 2)), RNG.normal(size=5)
    text = checked(ag.trace(bpr, *args))
    assert "(i1, …, i4) = (1, 3, 0, 4), (j1, …, j4) = (4, 2, 3, 1)" in text
    assert "marginₜ = users[uₜ] @ items[iₜ] + bias[iₜ] - (users[uₜ] @ items[jₜ] + bias[jₜ])" in text
    assert "dloss/dusersₖ = Σₜ 1[uₜ = k] dloss/dmarginₜ (items[iₜ] - items[jₜ])" in text
    assert "dloss/dbiasₖ = Σₜ 1[iₜ = k] dloss/dmarginₜ - Σₜ 1[jₜ = k] dloss/dmarginₜ" in text


def test_arrays_that_recur_in_a_loop_have_the_name_of_their_variable_in_each_round():
    a, c, d = np.array([1.0, 0.0]), np.array([0.0, 1.0]), np.array([0.5, 0.7])
    pairs = [(a, c), (d, a), (c, d)]

    def likelihood(P, Q):
        total = 0.0
        for x, y in pairs:
            total = total - np.log(np.sum((P @ x) * (Q @ y)))
        return total

    program = ag.trace(likelihood, np.array([[0.9, 0.2], [0.3, 0.7]]), np.array([[0.8, 0.1], [0.4, 0.6]]))
    text = checked(program)
    assert "= P @ xₜ 2 t = 1 … 3" in text
    assert "= Q @ yₜ 2 t = 1 … 3" in text  # also where y is the array that x was before
    assert "@ xₜᵀ since" in text
    assert "@ yₜᵀ since" in text


def test_entries_of_a_list_that_a_loop_takes_in_pairs_are_those_of_an_array():
    rank, X = np.array([2, 0, 1, 0, 2]), RNG.normal(size=(5, 3))

    def ranking(W, v):
        s = [v @ np.tanh(W @ x) for x in X]
        loss, count = 0.0, 0
        for i in range(len(s)):
            for j in range(len(s)):
                if rank[i] > rank[j]:
                    loss = loss + np.log(1 + np.exp(s[j] - s[i]))
                    count += 1
        return loss / count

    def triplets(W):
        z = [np.tanh(W @ x) for x in X]
        return sum(np.sum((z[i] - z[j]) ** 2) for i, j in [(0, 1), (2, 3), (1, 4)])

    text = checked(ag.trace(ranking, RNG.normal(size=(2, 3)), RNG.normal(size=2)))
    assert "(j1, …, j8) = (1, 2, 3, 1, 3, 1, 2, 3), (i1, …, i8) = (0, 0, 0, 2, 2, 4, 4, 4)" in text
    assert "bₜ = s[jₜ] - s[iₜ]" in text
    assert "loss = Σₜ log(1 + exp(bₜ))" in text
    assert "[s1, s2, s3, s4, s5]" in text
    text = checked(ag.trace(triplets, RNG.normal(size=(2, 3))))
    assert "(i1, i2, i3) = (0, 2, 1), (j1, j2, j3) = (1, 3, 4)" in text
    assert "= z[iₜ] - z[jₜ]" in text


@pytest.mark.parametrize("is_listed", [True, False])
def test_a_sum_of_terms_has_all_of_them(is_listed):
    pairs, X = [(0, 1), (2, 3), (1, 4)], RNG.normal(size=(5, 3))

    def loss(w):
        s = X @ w
        terms = [np.log(1 + np.exp(s[j] - s[i])) for i, j in pairs]
        return sum(terms) / len(terms) if is_listed else sum(terms)

    text = checked(ag.trace(loss, RNG.normal(size=3)))
    assert "termsₜ = log(1 + exp(aₜ)) 1 t = 1 … 3" in text  # and not 2 … 3, with the first one in L
    assert f" = Σₜ termsₜ{' / n' * is_listed} 1 " in text
