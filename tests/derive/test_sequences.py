"""Derivations of nets and sequence models written by hand: recursions, heads, one-hot labels, layer norm, lookups."""

from __future__ import annotations

import numpy as np
import pytest

import autograd_lite as ag

RNG = np.random.default_rng(0)


def draw(*shape):
    return RNG.normal(size=shape).round(1)


def explained(f, args, wrt=None):
    """The derivation of a function as one line of text."""
    return " ".join(str(ag.trace(f, *args).explain(wrt)).split())


def test_the_losses_of_a_loop_are_one_sum():
    def f(U, W, v, xs, ys):
        h = np.zeros(2)
        total = 0.0
        for x, y in zip(xs, ys, strict=True):
            h = np.tanh(U @ x + W @ h)
            p = 1 / (1 + np.exp(-(v @ h)))
            total = total - (y * np.log(p) + (1 - y) * np.log(1 - p))
        return total / len(ys)

    text = explained(f, (draw(2, 2), draw(2, 2), draw(2), draw(4, 2), np.array([0.0, 1.0, 1.0, 0.0])), ["U", "W", "v"])
    assert "bₜ = ys[t-1] log(pₜ) + (1 - ys[t-1]) log(1 - pₜ) 1 t = 1 … 4" in text
    assert "total = -Σₜ bₜ" in text
    assert "dL/dpₜ = ((1 - ys[t-1]) / (1 - pₜ) - ys[t-1] / pₜ) / n" in text
    assert "dL/dhₜ = Wᵀ @ dL/daₜ₊₁ + dL/dpₜ · pₜ (1 - pₜ) v" in text
    assert "dL/dW = Σₜ dL/daₜ @ hₜ₋₁ᵀ" in text
    assert "dL/dtotal =" not in text


def test_constants_and_labels_of_each_step_have_its_number():
    def f(Wx, Wh, Wy, inputs, targets):
        h = np.zeros(3)
        loss = 0
        for i, j in zip(inputs, targets, strict=True):
            x = np.eye(4)[i]
            h = np.tanh(x @ Wx + h @ Wh)
            z = h @ Wy
            p = np.exp(z) / np.sum(np.exp(z))
            loss = loss - np.log(p[j])
        return loss / len(inputs)

    text = explained(f, (draw(4, 3), draw(3, 3), draw(3, 4), [0, 1, 2, 2], [1, 2, 2, 3]), ["Wx", "Wh", "Wy"])
    assert "aₜ = xₜ @ Wx + hₜ₋₁ @ Wh 3 t = 1 … 4" in text
    assert "loss = -Σₜ log(pₜ[jₜ])" in text
    since = "pₜ = softmax(zₜ), loss = -Σₜ log(pₜ[jₜ]), L = loss / n, Yₜ = onehot(jₜ)"
    assert f"dL/dzₜ = (pₜ - Yₜ) / n since {since}" in text
    assert "dL/dWx = Σₜ xₜ @ (dL/daₜ)ᵀ" in text


def test_the_gates_of_an_lstm_read_as_a_recursion():
    xs = draw(3, 2)
    Wf, Wc = (ag.tensor(draw(4, 2), requires_grad=True) for _ in range(2))
    hid, cell = np.zeros(2), np.zeros(2)
    for t in range(3):
        z = np.concatenate([xs[t], hid])
        forget = 1 / (1 + np.exp(-(z @ Wf)))
        cell = forget * cell + np.tanh(z @ Wc)
        hid = np.tanh(cell)
    text = " ".join(str(np.sum(hid**2).explain(names={"xs": xs, "Wf": Wf, "Wc": Wc})).split())
    assert "Given xs (3x2), hid0 = 0, cell0 = 0, Wf (4x2), Wc (4x2)" in text
    assert "zₜ = concatenate(xs[t-1], hidₜ₋₁) 4 t = 1 … 3" in text
    assert "dL/dforgetₜ = dL/dcellₜ ⊙ cellₜ₋₁" in text
    assert "t = 3 … 1" in text


def test_the_heads_of_attention_have_indices():
    def f(x, Wq, Wk, Wv, y):
        split = lambda a: a.reshape(3, 2, 2).transpose(1, 0, 2)  # noqa: E731  as a user writes it
        q, k, v = split(x @ Wq), split(x @ Wk), split(x @ Wv)
        scores = q @ k.transpose(0, 2, 1) / np.sqrt(2)
        att = ag.softmax(scores, axis=-1)
        out = (att @ v).transpose(1, 0, 2).reshape(3, 4)
        return np.sum((out - y) ** 2)

    args = draw(3, 4), draw(4, 4), draw(4, 4), draw(4, 4), draw(3, 4)
    text = explained(f, args, ["Wq", "Wk", "Wv"])
    assert "qᵢⱼₖ = aⱼ₍ᵢₖ₎" in text
    assert "scoresᵢⱼₖ = Σₗ qᵢⱼₗ kᵢₖₗ / √2" in text
    assert "dL/dattᵢⱼₗ = Σₖ dL/dhᵢⱼₖ vᵢₗₖ" in text
    assert "dL/dqᵢⱼₗ = Σₖ dL/dscoresᵢⱼₖ kᵢₖₗ / √2" in text
    assert "dL/daᵢ₍ⱼₖ₎ = dL/dqⱼᵢₖ" in text
    assert " as " not in text
    assert "einsum" not in text
    sheet = ag.worksheet(ag.trace(f, *args), wrt=["Wq", "Wk", "Wv"])
    assert sheet.check(sheet.key()).wrong == []


def test_a_batch_of_vectors_times_a_vector_is_a_sum():
    H, u = draw(2, 4, 3), ag.tensor(draw(3), requires_grad=True, name="u")
    score = H @ u
    text = " ".join(str(np.sum(np.exp(score)).explain(u, {"H": H, "score": score})).split())
    assert "scoreᵢⱼ = Σₖ Hᵢⱼₖ uₖ" in text
    assert "dL/duₖ = Σᵢⱼ dL/dscoreᵢⱼ Hᵢⱼₖ" in text


def test_rows_multiplied_and_summed_are_one_step():
    def f(E, C, w, c, neg):
        u, v, vn = E[w], C[c], C[neg]
        good = np.sum(u * v, axis=1)
        bad = np.sum(vn * u[:, None, :], axis=2)
        return -np.mean(np.log(ag.sigmoid(good)) + np.sum(np.log(ag.sigmoid(-bad)), axis=1))

    args = draw(5, 2), draw(5, 2), np.array([0, 1, 1]), np.array([1, 2, 3]), np.array([[2, 4], [0, 4], [1, 0]])
    text = explained(f, args, ["E", "C"])
    assert "goodᵢ = Σⱼ uᵢⱼ vᵢⱼ" in text
    assert "badᵢⱼ = Σₖ vnᵢⱼₖ uᵢₖ" in text
    assert "dL/dvᵢⱼ = dL/dgoodᵢ uᵢⱼ since goodᵢ = Σⱼ uᵢⱼ vᵢⱼ" in text
    assert "dL/duᵢₖ = Σⱼ dL/dbadᵢⱼ vnᵢⱼₖ + dL/dgoodᵢ vᵢₖ" in text


def test_labels_in_an_identity_matrix_are_fixed():
    def loss(W, X, labels, smooth):
        k = W.shape[1]
        q = np.eye(k)[labels] * (1 - smooth) + smooth / k
        z = X @ W
        logp = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
        return -np.mean(np.sum(q * logp, axis=1))

    args = draw(2, 3), draw(4, 2), np.array([0, 2, 1, 2]), 0.1
    text = explained(loss, args, ["W"])
    assert "dL/dz = (softmaxⱼ(z) - q) / n since logp = log_softmax(z), L = -mean(Σⱼ qⱼ logpⱼ)" in text
    source = ag.source(loss, *args, wrt=["W"])
    value, slope = source(*args)
    np.testing.assert_allclose(value, loss(*args))
    np.testing.assert_allclose(slope, ag.grad(lambda W: loss(W, *args[1:]))(args[0]))
    with pytest.raises(ValueError, match="this source is for labels"):
        source(*args[:2], np.array([1, 1, 1, 1]), 0.1)
    with pytest.raises(ValueError, match="labels was"):
        ag.trace(loss, *args)(*args[:2], np.array([1, 1, 1, 1]), 0.1)


def test_a_layer_norm_with_its_gain_in_front_is_normalised_first():
    def f(W, gain, x, t):
        h = x @ W
        mean = h.mean(axis=-1, keepdims=True)
        std = np.sqrt(((h - mean) ** 2).mean(axis=-1, keepdims=True) + 1e-5)
        z = gain * (h - mean) / std
        return 0.5 * np.sum((z - t) ** 2)

    text = explained(f, (draw(2, 3), np.array([1.0, 0.5, 2.0]), draw(4, 2), draw(4, 3)), ["W", "gain"])
    assert "b = (h - mean) / std" in text
    assert "z = gain ⊙ b" in text
    assert "dL/dgain = Σᵢ dL/dzᵢ bᵢ" in text
    assert "since mean = meanⱼ(h), std = √(meanⱼ((h - mean)²) + 1e-5), b = (h - mean) / std, z = gain ⊙ b" in text


def test_parameters_in_a_list_have_the_names_of_the_loop():
    def net(params, X, y, decay):
        h = X
        for W, b in params:
            a = h @ W + b
            h = np.where(a > 0, a, 0)
        return np.mean((h - y) ** 2) + decay / 2 * sum(np.sum(W**2) for W, _ in params)

    params = [(draw(2, 2), draw(2)), (draw(2, 2), draw(2))]
    text = explained(net, (params, draw(4, 2), draw(4, 2), 0.01))
    assert "W1 (2x2), b1 (2), W2 (2x2), b2 (2)" in text
    assert "h1 = max(a1, 0)" in text
    assert "decay W2 + h1ᵀ @ dL/da2" in text


def test_a_product_with_its_own_transpose_has_one_term():
    def f(X, T):
        K = X @ X.T / 2
        return np.sum((K - T) ** 2)

    text = explained(f, (draw(3, 2), draw(3, 3)), ["X"])
    assert "dL/dX = ½ ((dL/dK + (dL/dK)ᵀ) @ X)" in text or "(dL/dK + (dL/dK)ᵀ) @ X" in text


def test_a_power_with_an_exponent_has_the_slope_of_a_textbook():
    text = explained(lambda p, gamma: -np.sum((1 - p) ** gamma * np.log(p)), (np.array([0.2, 0.6]), 2.0), ["p"])
    assert "γ log(p) ⊙ (1 - p) ** (γ - 1)" in text


def test_a_long_argument_in_which_a_value_occurs_twice_is_a_step():
    def f(W, x):
        y = x @ W
        gelu = 0.5 * y * (1 + np.tanh(np.sqrt(2 / np.pi) * (y + 0.044715 * y**3)))
        return np.sum((gelu @ W.T - x) ** 2)

    text = explained(f, (draw(3, 2), draw(4, 3)), ["W"])
    assert "a = √(2 / π) (y + 0.044715 y³)" in text
    assert "gelu = ½ y ⊙ (1 + tanh(a))" in text
    assert "dL/da = ½ dL/dgelu ⊙ y ⊙ (1 - tanh(a)²)" in text
    assert "dL/dy = ½ dL/dgelu ⊙ (1 + tanh(a)) + dL/da ⊙" in text


def test_equal_labels_of_two_steps_are_two_labels():
    def f(B, obs):
        alpha = np.ones(2)
        for o in obs[1:]:
            alpha = alpha / np.sum(alpha) * B[:, o]
        return np.log(np.sum(alpha))

    program = ag.trace(f, np.array([[0.2, 0.8], [0.6, 0.4]]), np.array([0, 1, 0, 0]))
    text = str(program.explain("B"))
    assert "B[:, oₜ]" in text
    assert "t = 1 … 3" in text
    assert "obs[" not in text  # o1 is obs[1], and o3, which has the value of obs[0], is not that
    assert "B[:, o3]" in str(program.explain("B", roll=False))


def test_a_state_that_is_joined_to_the_input_starts_with_zeros() -> None:
    def rnn(W, X):
        h = np.zeros(W.shape[1])
        for x in X:
            h = np.tanh(np.concatenate([x, h]) @ W)
        return np.sum(h)

    text = str(ag.trace(rnn, np.linspace(-1, 1, 10).reshape(5, 2), np.arange(9.0).reshape(3, 3)).explain("W"))
    assert "h0 = 0" in text
    assert "t = 1 … 3" in text
    assert "c1" not in text


def test_a_loop_over_ratings_is_one_sum_with_the_labels_of_each():
    def loss(U, V, ratings, lam):
        L = 0.0
        for u, i, r in ratings:
            L = L + (r - U[int(u)] @ V[int(i)]) ** 2
        return L + lam * (np.sum(U**2) + np.sum(V**2))

    text = explained(loss, (draw(2, 2), draw(3, 2), [(0, 1, 3.0), (1, 2, 4.0), (0, 0, 1.0)], 0.1), ["U", "V"])
    assert "aₜ = U[uₜ]" in text
    assert "L = Σₜ (rₜ - aₜ @ bₜ)²" in text
    assert "loss = L + λ (Σ U² + Σ V²)" in text
    assert "dloss/dUₖ = 2 λ Uₖ + Σₜ 1[uₜ = k] dloss/daₜ" in text


def test_entries_that_are_read_several_times_are_one_vector():
    def margins(W, x, y):
        s, L = x @ W, 0.0
        for j in range(len(s)):
            if j != y:
                L = L + np.maximum(0, s[j] - s[y] + 1)
        return L

    text = explained(lambda W, x: margins(W, x, 2), (draw(2, 3), draw(2)), ["W"])
    assert "dL/ds = [dL/da1, dL/da2, -dL/da2 - dL/da1]" in text
