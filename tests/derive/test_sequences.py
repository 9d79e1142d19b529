"""Derivations of nets and sequence models written by hand: recursions, heads, one-hot labels, layer norm, lookups."""

from __future__ import annotations

import re

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
    assert "total = -Σₜ (ys[t-1] log(pₜ) + (1 - ys[t-1]) log(1 - pₜ)) 1" in text
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
    assert "zₜ = [xs[t-1], hidₜ₋₁] 4 t = 1 … 3" in text
    assert "dL/dforgetₜ = dL/dcellₜ ⊙ cellₜ₋₁" in text
    assert "t = 3 … 1" in text


def test_what_the_first_round_joins_of_arrays_alone_is_a_step_as_in_the_others():
    xs = draw(3, 1)
    W = ag.tensor(draw(2, 3), requires_grad=True)

    h = np.zeros(2)
    for x in xs:
        h = np.tanh(W @ np.concatenate((x, h)))
    text = " ".join(str(np.sum(h**2).explain(names={"xs": xs, "W": W})).split())
    assert "Given xs (3x1), h0 = 0, W (2x3) The steps aₜ = [xs[t-1], hₜ₋₁] 3 t = 1 … 3 bₜ = W @ aₜ" in text
    assert "dL/dW = Σₜ dL/dbₜ @ aₜᵀ since bₜ = W @ aₜ; t = 1 … 3" in text

    h = np.zeros(2)
    for x in xs:
        hx = np.hstack([h, x])
        h = np.tanh(W @ hx)
    text = " ".join(str(np.sum(h**2).explain(names={"xs": xs, "W": W})).split())
    assert "hxₜ = [hₜ₋₁, xs[t-1]] 3 t = 1 … 3" in text

    wide = ag.tensor(draw(2, 5), requires_grad=True)
    for data, weights in ((xs[::-1], W), (draw(3, 3)[::-1].T, wide)):
        h = np.zeros(2)
        for x in data:  # also where strides are negative
            h = np.tanh(weights @ np.concatenate((h, x)))
        assert "[hₜ₋₁, data[t-1]]" in str(np.sum(h**2).explain(names={"xs": xs, "W": weights}))


def test_a_state_that_the_first_round_uses_as_it_is_has_the_number_1():
    def garch(omega, b, returns):
        var, nll = np.mean(returns**2), 0.0
        for t in range(len(returns)):
            if t > 0:
                var = omega + b * var
            nll = nll + np.log(var) + returns[t] ** 2 / var
        return nll

    text = explained(garch, (0.1, 0.7, draw(4)), ["omega", "b"])
    assert "var1 = mean(returns²)" in text
    assert "varₜ = omega + b varₜ₋₁ 1 t = 2 … 4" in text.replace("ω", "omega")
    assert "nll = Σₜ (log(varₜ) + returns[t-1]² / varₜ)" in text


def test_an_entry_at_two_labels_is_not_at_the_array_of_them():
    def score(trans, tags):
        total = 0.0
        for t in range(1, len(tags)):
            total = total + trans[tags[t - 1], tags[t]]
        return total

    text = str(ag.trace(score, draw(2, 2), np.array([0, 1, 1])).explain(roll=False))
    assert "total = trans[tags[0], tags[1]] + trans[tags[1], tags[2]]" in text


def test_what_a_loop_takes_from_plain_arrays_at_labels_has_their_name():
    w, B, obs = ag.tensor([0.5, 1.0], requires_grad=True), np.array([[0.7, 0.2, 0.1], [0.1, 0.3, 0.6]]), [0, 2, 1, 2]
    L = 0.0
    for o in obs:
        L = L + np.log(w @ B[:, o])
    text = " ".join(str(L.explain(names={"w": w, "B": B})).split())
    assert "Given B (2x3), obs (4), w (2) The steps L = Σₜ log(w @ B[:, obs[t-1]]) 1 -2.5764; t = 1 … 4" in text

    L = 0.0
    for o in obs:  # the second term is there twice
        L = L + np.log(w @ B[:, int(str(o))])
    assert "L = Σᵢ log(w @ B[:, i]) + log(w @ B[:, 2]) 1" in " ".join(str(L.explain(names={"w": w, "B": B})).split())


def test_an_index_is_not_called_as_the_variable_of_a_loop():
    def f(q, K):
        s = q
        for k in K:
            s = np.tanh(s * k)
        return np.sum(s)

    text = explained(f, (draw(2), draw(3, 2)))
    assert "dL/dKᵢ = dL/dkᵢ₊₁ since kₜ = K[t-1]" in text


def test_scores_of_rows_in_a_list_are_those_of_the_matrix():
    text = explained(lambda q, K: np.sum(np.exp(np.array([np.dot(q, k) / 2 for k in K]))), (draw(2), draw(3, 2)))
    assert "a = K @ q / 2" in text


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
    assert "qᵢⱼₗ = bⱼ₍ᵢₗ₎ 2x3x2 (il) is one index" in text
    assert "scoresᵢⱼₗ = Σₘ qᵢⱼₘ kᵢₗₘ / √2" in text
    assert "dL/dattᵢⱼₘ = Σₗ dL/dsᵢⱼₗ vᵢₘₗ" in text
    assert "dL/dqᵢⱼₘ = Σₗ dL/dscoresᵢⱼₗ kᵢₗₘ / √2" in text
    assert "dL/dbᵢ₍ⱼₗ₎ = dL/dqⱼᵢₗ" in text
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


def test_labels_in_an_identity_matrix_stay_values():
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
    others = *args[:2], np.array([1, 1, 0, 1]), 0.1
    np.testing.assert_allclose(source(*others)[0], loss(*others))
    np.testing.assert_allclose(source(*others)[1], ag.grad(lambda W: loss(W, *others[1:]))(args[0]))
    np.testing.assert_allclose(ag.trace(loss, *args)(*others), loss(*others))


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
    assert "h0 = X" in text
    assert "aₜ = hₜ₋₁ @ Wₜ + bₜ 4x2 t = 1 … 2 hₜ = max(aₜ, 0)" in text
    assert "decay W2 + h1ᵀ @ dL/da2" in text


def test_a_product_with_its_own_transpose_has_one_term():
    def f(X, T):
        K = X @ X.T / 2
        return np.sum((K - T) ** 2)

    text = explained(f, (draw(3, 2), draw(3, 3)), ["X"])
    assert "dL/dX = ½ ((dL/dK + (dL/dK)ᵀ) @ X)" in text or "(dL/dK + (dL/dK)ᵀ) @ X" in text


def test_a_power_with_an_exponent_has_the_slope_of_a_textbook():
    text = explained(lambda p, gamma: -np.sum((1 - p) ** gamma * np.log(p)), (np.array([0.2, 0.6]), 2.0), ["p"])
    assert "γ log(p) ⊙ (1 - p)^(γ - 1)" in text


def test_a_long_argument_in_which_a_value_occurs_twice_is_a_step():
    def f(W, x):
        y = x @ W
        gelu = 0.5 * y * (1 + np.tanh(np.sqrt(2 / np.pi) * (y + 0.044715 * y**3)))
        return np.sum((gelu @ W.T - x) ** 2)

    text = explained(f, (draw(3, 2), draw(4, 3)), ["W"])
    assert "a = √(2 / π) (y + 0.044715 y³)" in text
    assert "gelu = ½ y ⊙ (1 + tanh(a))" in text
    assert "dL/da = ½ dL/dgelu ⊙ y ⊙ (1 - tanh(a)²)" in text
    assert "dL/dy = ½ dL/dgelu ⊙ (1 + tanh(a)) + √(2 / π) · dL/da ⊙ (1 + 0.134145 y²)" in text


def test_equal_labels_of_two_steps_are_two_labels():
    def f(B, obs):
        alpha = np.ones(2)
        for o in obs[1:]:
            alpha = alpha / np.sum(alpha) * B[:, o]
        return np.log(np.sum(alpha))

    program = ag.trace(f, np.array([[0.2, 0.8], [0.6, 0.4]]), np.array([0, 1, 0, 0]))
    text = str(program.explain("B"))
    assert "cₜ = αₜ₋₁ / Σ αₜ₋₁ 2 t = 1 … 3 αₜ = cₜ ⊙ B[:, obs[t]] 2 t = 1 … 3" in " ".join(text.split())
    assert "dL/dBᵢⱼ = Σₜ 1[obs[t] = j] dL/dαₜᵢ cₜᵢ" in text
    assert "B[:, obs[3]]" in str(program.explain("B", roll=False))  # not obs[0], which has its value


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


def test_a_label_is_the_entry_of_its_array() -> None:
    def forward(A, B, start, obs):
        f = start * B[:, obs[0]]
        for t in range(1, len(obs)):
            f = (f @ A) * B[:, obs[t]]
        return -np.log(np.sum(f))

    def pairs(E, words):
        total = 0.0
        for i in range(len(words) - 1):
            scores = E[words[i]]
            total = total + scores[words[i + 1]] - np.log(np.sum(np.exp(scores)))
        return total

    A, B = draw(2, 2) ** 2, draw(2, 3) ** 2
    for obs in (np.array([2, 1, 0, 1, 1]), np.array([1, 1, 1, 1, 1])):
        text = explained(forward, (A, B, np.array([0.5, 0.5]), obs), ["A", "B"])
        assert "B[:, obs[0]]" in text
        assert "fₜ = cₜ ⊙ B[:, obs[t]] 2 t = 1 … 4" in text
        assert "obs (5)" in text
        text = explained(pairs, (draw(3, 3), obs), "E")
        assert "scoresᵢ = E[words[i]] 3 i = 0 … 3" in text
        assert "total = Σᵢ (scoresᵢ[words[i+1]] - logsumexp(scoresᵢ))" in text


def test_labels_of_a_recorded_loop_are_entries_although_they_are_equal() -> None:
    B, f = ag.tensor(draw(2, 3) ** 2, requires_grad=True, name="B"), np.ones(2)
    for y in (np.array([2, 2, 2, 2]), [2, 2, 2, 2]):
        f = np.ones(2) * B[:, y[0]]
        for t in range(1, 4):
            f = f * B[:, int(y[t])]
        text = " ".join(str(np.sum(f).explain()).split())
        assert "B[:, y[0]]" in text
        assert "fₜ = fₜ₋₁ ⊙ B[:, y[t]] 2 t = 2 … 3" in text
        assert "B_{:, y[t]}" in np.sum(f).explain().latex()
    L = 0.0
    for t in reversed(range(4)):
        L = L + B[0, y[t]] ** (t + 1)
    assert "aₜ = B[0, y[t]]" in str(L.explain())


def sigma(a):
    return 1 / (1 + np.exp(-a))


def test_gates_that_are_split_and_assigned_again_have_one_line_each():
    def lstm(Wx, Wh, b, v, X, y):
        h = np.zeros(2)
        c = np.zeros(2)
        for t in range(3):
            z = Wx @ X[t] + Wh @ h + b
            i, f, o, g = np.split(z, 4)
            i, f = sigma(i), sigma(f)
            o = sigma(o)
            g = np.tanh(g)
            c = f * c + i * g
            h = o * np.tanh(c)
        return (v @ h - y) ** 2

    args = draw(8, 2), draw(8, 2), draw(8), draw(2), draw(3, 2), 1.0
    text = explained(lstm, args, ["Wx", "Wh", "b", "v"])
    assert text.startswith("Given h0 = 0, c0 = 0, Wx (8x2)")
    for line in ("mₜ = zₜ[:2]", "iₜ = σ(mₜ)", "cₜ = fₜ ⊙ cₜ₋₁ + iₜ ⊙ gₜ", "hₜ = oₜ ⊙ tanh(cₜ)"):
        assert f"{line} 2 t = 1 … 3" in text
    assert "dL/dcₜ = dL/dcₜ₊₁ ⊙ fₜ₊₁ + dL/dhₜ ⊙ oₜ ⊙ (1 - tanh(cₜ)²)" in text
    assert "dL/dzₜ = [dL/dmₜ, dL/dpₜ, dL/dqₜ, dL/dsₜ]" in text
    assert "dL/dWh = Σₜ dL/dzₜ @ hₜ₋₁ᵀ since zₜ = Wx @ X[t-1] + Wh @ hₜ₋₁ + b; t = 1 … 3" in text


def test_slices_that_are_all_of_an_array_are_joined():
    def f(W, x):
        z = W @ x
        i = sigma(z[:2])
        g = np.tanh(z[2:])
        return np.sum(i * g)

    text = explained(f, (draw(4, 3), draw(3)), ["W"])
    assert "dL/dz = [dL/di ⊙ i ⊙ (1 - i), dL/dg ⊙ (1 - g²)]" in text


def test_a_cell_that_is_a_method_keeps_its_names():
    class GRU:
        def __init__(self, *weights):
            self.Wz, self.Wr, self.Wh = weights

        def step(self, x, h):
            xh = np.concatenate([x, h])
            z = self.gate(self.Wz @ xh)
            r = self.gate(self.Wr @ xh)
            cand = np.tanh(self.Wh @ np.concatenate([x, r * h]))
            return (1 - z) * h + z * cand

        @staticmethod
        def gate(a):
            return 1 / (1 + np.exp(-a))

    def f(Wz, Wr, Wh, v, seq):
        cell = GRU(Wz, Wr, Wh)
        h = np.zeros(2)
        for x in seq:
            h = cell.step(x, h)
        return np.square(v @ h)

    text = explained(f, (draw(2, 4), draw(2, 4), draw(2, 4), draw(2), [draw(2) for _ in range(3)]), ["Wz", "Wr", "Wh"])
    assert "Given h0 = 0" in text
    assert "xhₜ = [xₜ, hₜ₋₁] 4 t = 1 … 3" in text
    assert "hₜ = (1 - zₜ) ⊙ hₜ₋₁ + zₜ ⊙ candₜ 2 t = 1 … 3" in text
    assert "dL/dzₜ = dL/dhₜ ⊙ (candₜ - hₜ₋₁)" in text


@pytest.mark.parametrize("kind", [list, np.array])
def test_a_character_net_has_its_targets_and_inputs_by_step(kind):
    def f(Wxh, Whh, Why, inputs, targets):
        h = np.zeros((3, 1))
        loss = 0
        for t in range(len(inputs)):
            x = np.zeros((4, 1))
            x[inputs[t]] = 1
            h = np.tanh(Wxh @ x + Whh @ h)
            y = Why @ h
            p = np.exp(y) / np.sum(np.exp(y))
            loss += -np.log(p[targets[t], 0])
        return loss

    args = draw(3, 4), draw(3, 3), draw(4, 3), kind([0, 1, 2, 2]), kind([1, 2, 2, 3])
    text = explained(f, args, ["Wxh", "Whh", "Why"])
    assert "aₜ = Wxh @ xₜ + Whh @ hₜ₋₁ 3x1 t = 1 … 4" in text
    assert "loss = -Σₜ log(pₜ[targets[t-1], 0])" in text
    assert "dloss/dyₜ = pₜ - Yₜ" in text
    assert "Yₜ = onehot(targets[t-1]); t = 4 … 1" in text
    assert "targets (4)" in text.partition("The steps")[0]


def test_positions_in_a_loop_over_columns_have_its_number():
    def f(emb, W, U, V, tokens):
        B, T = tokens.shape
        h = np.zeros((B, 3))
        losses = []
        for t in range(T - 1):
            x = emb[tokens[:, t]]
            h = np.tanh(x @ W + h @ U)
            s = h @ V
            s = s - s.max(1, keepdims=True)
            losses.append(np.log(np.exp(s).sum(1)) - s[np.arange(B), tokens[:, t + 1]])
        return np.mean(np.stack(losses))

    args = draw(4, 2), draw(2, 3), draw(3, 3), draw(3, 4), np.array([[0, 1, 2, 3], [2, 2, 0, 1]])
    text = explained(f, args, ["emb", "W", "U", "V"])
    assert "xₜ = emb[tokens[:, t-1]] 2x2 t = 1 … 3" in text
    assert "= (softmaxⱼ(sₜ) - Yₜ) / n" in text
    assert "Yₜ = onehot(tokens[:, t])" in text
    assert "dL/dembₖ = Σₜ Σᵢ 1[tokens[i, t-1] = k] dL/dxₜᵢ" in text
    assert "broadcast_to" not in text


def test_positions_of_data_are_not_taken_for_those_of_steps():
    def step(i, h, E, U):
        return np.tanh(E[i] + U @ h)

    def f(E, U, V, text):
        h = np.zeros(2)
        losses = []
        for i, after in zip(text[:-1], text[1:], strict=True):  # noqa: RUF007  as a user writes it
            h = step(i, h, E, U)
            logits = V @ h
            logp = logits - np.log(np.sum(np.exp(logits)))
            losses.append(-logp[after])
        return sum(losses) / len(losses)

    said = explained(f, (draw(4, 2), draw(2, 2), draw(4, 2), np.array([0, 1, 2, 1, 3])), ["E", "U", "V"])
    assert "aₜ = E[text[t-1]] + U @ hₜ₋₁" in said
    assert "dL/dEₖ = Σₜ 1[text[t-1] = k]" in said


def test_the_states_in_a_list_are_one_recursion():
    def kept(W, U, v, xs):
        h = np.zeros(2)
        states = []
        for x in xs:
            h = np.tanh(W @ x + U @ h)
            states.append(h)
        return np.sum((sum(states) / len(states)) * v)

    def made(W, U, v, xs):
        hs = [np.zeros(2)]
        for x in xs:
            hs.append(np.tanh(W @ x + U @ hs[-1]))
        return (hs[-1] @ v) ** 2

    args = draw(2, 2), draw(2, 2), draw(2), draw(4, 2)
    text = explained(kept, args, ["W", "U", "v"])
    assert "hₜ = tanh(aₜ) 2 t = 1 … 4" in text
    assert "Σₜ hₜ" in text
    text = explained(made, args, ["W", "U", "v"])
    assert "Given hs0 = 0" in text
    assert "aₜ = W @ xs[t-1] + U @ hsₜ₋₁ 2 t = 1 … 4" in text
    assert "hsₜ = tanh(aₜ) 2 t = 1 … 4" in text


def test_the_states_of_layers_in_a_list_are_recursions():
    def deep(Wx, Ws, xs):
        hs = [np.zeros(2) for _ in range(2)]
        for x in xs:
            below = x
            for k in range(2):
                hs[k] = np.tanh(Wx[k] @ below + Ws[k] @ hs[k])
                below = hs[k]
        return np.sum(below**2)

    text = explained(deep, (draw(2, 2, 2), draw(2, 2, 2), draw(3, 2)), ["Wx", "Ws"])
    assert "Given hs1_0 = 0, hs2_0 = 0" in text
    assert "bₜ = Wx[1] @ hs1ₜ + Ws[1] @ hs2ₜ₋₁ 2 t = 1 … 3 hs2ₜ = tanh(bₜ)" in text
    assert "dL/dhs1ₜ = Ws[0]ᵀ @ dL/daₜ₊₁ + Wx[1]ᵀ @ dL/dbₜ" in text
    assert "dL/dWs = [Σₜ dL/daₜ @ hs1ₜ₋₁ᵀ, Σₜ dL/dbₜ @ hs2ₜ₋₁ᵀ]" in text


def test_a_copy_of_the_start_is_the_start():
    def flow(c, u0):
        u = u0.copy()
        for _ in range(3):
            u = u - c * u**2
        return np.sum(u)

    assert "uₜ = uₜ₋₁ - c uₜ₋₁² 3 t = 1 … 3" in explained(flow, (0.1, draw(3)), ["c"])


def test_layers_and_directions_are_recursions_of_their_own():
    def deep(W1, U1, W2, U2, w, xs):
        h1 = np.zeros(2)
        h2 = np.zeros(2)
        for x in xs:
            h1 = np.tanh(W1 @ x + U1 @ h1)
            h2 = np.tanh(W2 @ h1 + U2 @ h2)
        return (w @ h2) ** 2

    text = explained(deep, (*(draw(2, 2) for _ in range(4)), draw(2), draw(3, 2)), ["W1", "U1", "W2", "U2"])
    assert "Given h1_0 = 0, h2_0 = 0" in text
    assert "bₜ = W2 @ h1ₜ + U2 @ h2ₜ₋₁ 2 t = 1 … 3" in text
    assert "dL/dh1ₜ = U1ᵀ @ dL/daₜ₊₁ + W2ᵀ @ dL/dbₜ" in text

    def along(xs, W, U):
        h, states = np.zeros(2), []
        for x in xs:
            h = np.tanh(W @ x + U @ h)
            states.append(h)
        return states

    def both(Wf, Uf, Wb, Ub, v, X):
        there, back = along(X, Wf, Uf), along(X[::-1], Wb, Ub)
        return v @ np.concatenate([there[-1], back[-1]])

    text = explained(both, (*(draw(2, 2) for _ in range(4)), draw(4), draw(3, 2)), ["Wf", "Uf", "Wb", "Ub"])
    assert "thereₜ = tanh(aₜ) 2 t = 1 … 3" in text
    assert re.search(r"backₜ = tanh\((\w)ₜ\) 2 t = 1 … 3", text)
    assert "ₜ₊₃" not in text


def test_the_weights_of_four_layers_are_no_steps():
    def f(W1, W2, W3, W4, x):
        return np.sum(np.tanh(np.tanh(x @ W1) @ W2) @ W3 @ W4)

    text = explained(f, (draw(2, 3), draw(3, 2), draw(2, 2), draw(2, 1), draw(4, 2)), ["W1", "W2", "W3", "W4"])
    assert text.startswith("Given W1 (2x3), W2 (3x2), W3 (2x2), W4 (2x1), x (4x2)")


def test_masked_scores_have_the_symbols_of_a_textbook():
    def f(Wq, Wk, Wv, x, y):
        T, d = x.shape
        heads = 2
        dk = d // heads
        Q, K = x @ Wq, x @ Wk
        scores = Q @ K.T / np.sqrt(dk)
        mask = np.tril(np.ones((T, T)))
        scores = np.where(mask == 0, -np.inf, scores)
        A = ag.softmax(scores, axis=-1)
        return np.sum((A @ (x @ Wv) - y) ** 2)

    text = explained(f, (draw(4, 4), draw(4, 4), draw(4, 4), draw(3, 4), draw(3, 4)), ["Wq", "Wk", "Wv"])
    assert "dk = 2" in text
    assert "/ √dk" in text
    assert "where(mask = 0, -∞, scores1)" in text
    assert "dL/dscores1 = dL/dscores2 ⊙ 1[mask ≠ 0]" in text
    assert re.search(r"\bheads\b", text) is None


def test_letters_are_not_the_variables_of_the_user():
    def f(W, V, x):
        a = b = c = f = h = 2  # noqa: F841  the letters that a value without a name would get
        return np.sum(np.tanh(np.tanh(x @ W) @ V))

    text = explained(f, (draw(2, 2), draw(2, 2), draw(3, 2)), ["W", "V"])
    assert not re.search(r"\b[abcfh] = ", text)


def test_activations_by_hand_are_those_of_a_textbook():
    def stable(w, X, y):
        z = X @ w
        return np.mean(np.maximum(z, 0) - z * y + np.log(1 + np.exp(-np.abs(z))))

    text = explained(stable, (draw(3), draw(4, 3), np.array([0.0, 1.0, 1.0, 0.0])), ["w"])
    assert "dL/dz = (σ(z) - y) / n since L = mean(log(1 + exp(z)) - z ⊙ y)" in text

    def approximate(W, x):
        a = x @ W
        h = 0.5 * a * (1 + np.tanh(np.sqrt(2 / np.pi) * (a + 0.044715 * a**3)))
        return np.sum(h)

    text = explained(approximate, (draw(2, 2), draw(3, 2)), ["W"])
    assert "√(2 / π)" in text.partition("From the result down")[2]
    assert "0.79" not in text

    special = pytest.importorskip("scipy.special")

    def exact(W, x):
        a = x @ W
        h = a * 0.5 * (1 + special.erf(a / np.sqrt(2)))
        return np.sum(h**2)

    text = explained(exact, (draw(2, 2), draw(3, 2)), ["W"])
    assert "h = a ⊙ Φ(a)" in text
    assert "dh/da = Φ(a) + a ⊙ φ(a) since h = a ⊙ Φ(a); entry by entry; the standard normal distribution" in text


def test_a_standard_deviation_of_two_entries_is_divided_by_their_number():
    def f(x, c):
        return np.sum(np.std(x, axis=1) * c) + np.sum(np.var(x, axis=1) * c)

    text = explained(f, (draw(3, 2), draw(3)), ["x"])
    assert "n = 2" in text
    assert "(xᵢⱼ - meanⱼ(x)ᵢ) (1 / stdⱼ(x)ᵢ + 2) cᵢ / n" in text


def test_factors_of_a_dropout_stay_as_they_are():
    keep = np.array([[1.0, 0.0, 1.0], [0.0, 1.0, 1.0]])

    def f(W, x):
        h = np.maximum(x @ W, 0) * keep / 0.75
        return np.sum(h**2)

    text = explained(f, (draw(2, 3), draw(2, 2)), ["W"])
    assert "keep / 0.75" in text.partition("From the result down")[2]
    assert "1.33333" not in text


def test_a_symmetric_contrastive_loss_has_both_softmaxes():
    def log_softmax(S, axis):
        return S - np.log(np.sum(np.exp(S), axis=axis, keepdims=True))

    def f(W, I, T):
        S = (I @ W) @ T.T
        rows, columns = -np.mean(np.diag(log_softmax(S, 1))), -np.mean(np.diag(log_softmax(S, 0)))
        return (rows + columns) / 2

    text = explained(f, (draw(3, 2), draw(4, 3), draw(4, 2)), ["W"])
    assert "diag(log_softmaxᵢ(S))" in text
    assert "dL/dS = (softmaxⱼ(S) + softmaxᵢ(S) - 2 I1) / (2 n)" in text
    assert "I1 = identity" in text


def test_labels_as_columns_sum_to_one():
    def f(W, x, y):
        z = W @ x
        p = np.exp(z) / np.sum(np.exp(z), axis=0)
        return -np.sum(y * np.log(p)) / x.shape[1]

    text = explained(f, (draw(2, 3), draw(3, 4), np.eye(2)[:, [0, 1, 1, 0]]), ["W"])
    assert "= (p - y) / n since Σᵢ yᵢ = 1" in text


def test_what_is_joined_and_summed_up_has_the_notation_of_its_axis():
    def f(x):
        a = np.cumsum(x, axis=0)
        b = np.concatenate([a, x], axis=1)
        c = np.concatenate([a, x], axis=0)
        return np.sum(b**2) + np.sum(c) + np.linalg.norm(x, axis=0).sum()

    derivation = ag.trace(f, draw(2, 3)).explain()
    text, tex = " ".join(str(derivation).split()), derivation.latex()
    assert "b = [a, x]" in text
    assert "c = [a; x]" in text
    assert "aᵢⱼ = Σₖ 1[k ≤ i] xₖⱼ" in text
    assert r"\begin{bmatrix} a \\ x \end{bmatrix}" in tex
    assert r"\lVert x \rVert_{i}" in tex


def test_a_loop_over_ratings_is_one_sum_with_the_labels_of_each():
    def loss(U, V, ratings, lam):
        L = 0.0
        for u, i, r in ratings:
            L = L + (r - U[int(u)] @ V[int(i)]) ** 2
        return L + lam * (np.sum(U**2) + np.sum(V**2))

    text = explained(loss, (draw(2, 2), draw(3, 2), [(0, 1, 3.0), (1, 2, 4.0), (0, 0, 1.0)], 0.1), ["U", "V"])
    assert "L = Σₜ (rₜ - U[uₜ] @ V[iₜ])²" in text
    assert "loss = L + λ (Σ U² + Σ V²)" in text
    assert "dloss/dUₖ = 2 λ Uₖ - 2 Σₜ 1[uₜ = k] (rₜ - U[uₜ] @ V[iₜ]) V[iₜ]" in text


def test_entries_that_are_read_several_times_are_one_vector():
    def margins(W, x, y):
        s, L = x @ W, 0.0
        for j in range(len(s)):
            if j != y:
                L = L + np.maximum(0, s[j] - s[y] + 1)
        return L

    text = explained(lambda W, x: margins(W, x, 2), (draw(2, 3), draw(2)), ["W"])
    assert "aₜ = s[t-1] - s[y] + 1" in text


def test_entries_of_a_vector_in_a_loop_have_its_name():
    def mixture(w, means, data):
        density = 0
        for k in range(3):
            density = density + w[k] * np.exp(-((data - means[k]) ** 2))
        return -np.log(density).sum()

    text = explained(mixture, (draw(3), draw(3), draw(4)), ["w", "means"])
    assert "density = Σₖ w[k] exp(-aₖ²)" in text
    assert "dL/dwₖ = Σᵢ dL/ddensityᵢ exp(-aₖᵢ²) since density = Σₖ w[k] exp(-aₖ²) =" in text

    def autoregression(phi, y):
        errors = 0.0
        for t in range(2, len(y)):
            errors = errors + (y[t] - phi[0] * y[t - 1] - phi[1] * y[t - 2]) ** 2
        return errors

    text = explained(autoregression, (draw(2), draw(6)), ["phi"])
    assert "φ1 = φ[0]" in text
    assert "derrors/dφ1 = -2 Σₜ (y[t] - φ1 y[t-1] - φ2 y[t-2]) y[t-1] since" in text


def test_rows_that_a_mask_selects_in_a_loop_are_numbered():
    def cox(coef, Z, times, died):
        hazard, partial = np.exp(Z @ coef), 0.0
        for i in range(len(times)):
            if died[i]:
                at_risk = times >= times[i]
                partial = partial + np.log(hazard[i]) - np.log(np.sum(hazard[at_risk]))
        return -partial

    died = np.array([1, 1, 0, 1])
    text = explained(cox, (draw(2), draw(4, 2), np.array([5.0, 2.0, 8.0, 3.0]), died), ["coef"])
    assert "at_riskᵢ = 1[times ≥ times[i]] 4 i = 0 … 3" in text
    assert "partial = Σᵢ 1[died[i]] (log(hazardᵢ) - log(Σ (1[at_riskᵢ] ⊙ hazard)))" in text

    def by_sums(eta, times):
        total = 0.0
        for i in range(4):
            later = times >= times[i]
            total = total + eta[i] - np.log(np.sum(np.exp(eta[later])))
        return total

    text = explained(by_sums, (draw(4), np.array([5.0, 2.0, 8.0, 3.0])), ["eta"])
    assert "logsumexp(aᵢ)" in text  # although the last to die is alone

    def spread(mu, X, labels):
        L = 0.0
        for k in range(3):
            inside = X[labels == k]
            L = L + np.sum((inside - mu[k]) ** 2)
        return L

    text = explained(spread, (draw(3, 2), draw(5, 2), np.array([0, 1, 2, 1, 0])), ["mu"])
    assert "insideₖ = X[labels == k] k = 0 … 2" in text


def test_the_determinant_of_a_small_matrix_has_a_matrix_of_derivatives():
    text = explained(lambda A: A[0, 0] * A[1, 1] - A[0, 1] * A[1, 0], (draw(2, 2),), ["A"])
    assert "dL/dA = [[A[1, 1], -A[1, 0]], [-A[0, 1], A[0, 0]]] since" in text


def test_a_controlled_system_has_one_line_for_its_adjoint():
    def cost(x0, A, B, us):
        x = x0
        cost = 0.0
        for u in us:
            cost = cost + x @ x + 0.1 * u @ u
            x = A @ x + B @ u
        return cost + 10.0 * x @ x

    text = explained(cost, (draw(2), draw(2, 2), draw(2, 1), draw(3, 1)), ["x0"])
    assert "cost = Σₜ (xₜ @ xₜ + 0.1 us[t] @ us[t]) " in text
    assert "dL/dxₜ = 2 xₜ + Aᵀ @ dL/dxₜ₊₁ since" in text
    assert "t = 2 … 1" in text


def test_a_filter_that_predicts_first_has_its_first_and_last_round_in_the_recursion():
    def kalman(a, q, r, ys):
        m, P, nll = 0.0, 1.0, 0.0
        for y in ys:
            m = a * m
            P = a * a * P + q
            S = P + r
            e = y - m
            nll = nll + 0.5 * (np.log(S) + e**2 / S)
            m = m + P / S * e
            P = P - P / S * P
        return nll

    text = explained(kalman, (0.9, 0.2, 0.5, np.array([0.3, 0.5, 0.1, 0.8])), ["a", "q", "r"])
    assert "bₜ = a mₜ₋₁ 1 t = 1 … 4" in text
    assert "eₜ = ys[t-1] - bₜ 1 t = 1 … 4" in text


def test_one_variable_in_two_loops_and_a_state_under_another_name_are_recursions():
    def translate(We, Ue, Wd, Ud, source, target):
        h, y, loss = np.zeros(2), np.zeros(2), 0.0
        for x in source:
            h = np.tanh(We @ x + Ue @ h)
        for t in range(2):
            h = np.tanh(Wd @ y + Ud @ h)
            y = 2 * h
            loss += np.sum((y - target[t]) ** 2)
        return loss

    text = explained(translate, (*(draw(2, 2) for _ in range(4)), draw(3, 2), draw(2, 2)), ["We", "Ud"])
    assert "hₜ = tanh(aₜ) 2 t = 1 … 3" in text
    assert "hₜ = tanh(bₜ₋₃) 2 t = 4 … 5" in text

    def moving_average(phi, theta, y):
        previous, sse = 0.0, 0.0
        for t in range(1, len(y)):
            noise = y[t] - phi * y[t - 1] - theta * previous
            sse = sse + noise**2
            previous = noise
        return sse

    text = explained(moving_average, (0.5, 0.3, draw(4)), ["phi", "theta"])
    assert "Given noise0 = 0, " in text
    assert "noiseₜ = y[t] - φ y[t-1] - θ noiseₜ₋₁ 1 t = 1 … 3" in text


def test_what_an_idiom_reads_before_a_loop_is_the_value_before_it():
    def flight(drag, v0):
        v, place = v0, np.zeros(2)
        for _ in range(3):
            speed = np.sqrt(np.sum(v**2))
            v = v - 0.1 * drag * speed * v
            place = place + 0.1 * v
        return np.sum(place**2)

    text = explained(flight, (0.1, np.array([3.0, 4.0])), ["drag", "v0"])
    assert "speedₜ = ‖vₜ₋₁‖ 1 t = 1 … 3" in text
    text = explained(lambda drag, start: flight(drag, start), (0.1, np.array([3.0, 4.0])), ["drag", "start"])
    assert "v0 = start " in text
    assert "speedₜ = ‖vₜ₋₁‖ 1 t = 1 … 3" in text


def test_what_the_first_sweep_computes_from_data_has_its_name_and_a_product_of_data_is_that():
    P, R, gamma, V = draw(3, 2, 3), draw(3, 2), 0.9, np.zeros(3)
    pi = ag.tensor(draw(3, 2), requires_grad=True)
    for _ in range(3):
        Q = R + gamma * P @ V
        V = np.sum(pi * Q, axis=1)
    text = " ".join(str(np.sum(V).explain(pi)).split())
    assert "Vₜᵢ = Σⱼ πᵢⱼ Qₜᵢⱼ 3 t = 1 … 3" in text
    assert "V0 = 0" in text
    assert "Qₜᵢⱼ = Rᵢⱼ + Σₖ γ Pᵢⱼₖ Vₜ₋₁,ₖ 3x2 t = 1 … 3" in text


def test_entries_of_a_state_that_begins_with_listed_numbers_are_those_of_a_recursion():
    k, pos = ag.tensor(3.0, requires_grad=True), np.array([0.1, -0.2])
    for _ in range(3):
        stretch = pos[1] - pos[0]
        pos = pos + np.stack([-k * pos[0] + 1.5 * stretch, -1.5 * stretch])
    text = " ".join(str(np.sum(pos**2).explain(k)).split())
    assert "stretchₜ = posₜ₋₁[1] - posₜ₋₁[0] 1 t = 1 … 3" in text


def test_numbers_in_an_exponent_are_one():
    text = explained(lambda c, gamma: np.sum(c ** (1 - gamma) / (1 - gamma)), (np.array([1.0, 2.0]), 2.5), ["c"])
    assert "dL/dc = c^(-γ) since" in text


def test_a_trace_beside_a_matrix_that_is_symmetric_is_one_step():
    def components(W, C, lam):
        variance = np.trace(W.T @ C @ W)
        gap = W.T @ W - np.eye(2)
        return lam * np.sum(gap**2) - variance

    X = draw(4, 3)
    text = explained(components, (draw(3, 2), X.T @ X, 0.5), ["W"])
    assert "variance = tr(Wᵀ @ C @ W)" in text
    assert "dL/dW = 2 (W @ dL/dgap - C @ W) since Cᵀ = C, (dL/dgap)ᵀ = dL/dgap" in text


def test_a_mask_without_a_name_is_called_so():
    def attended(Q, K):
        S = np.where(np.tril(np.ones((3, 3))) == 0, -np.inf, Q @ K.T)
        return np.sum(ag.softmax(S, axis=1) ** 2)

    text = explained(attended, (draw(3, 2), draw(3, 2)), ["Q"])
    assert "Given maskᵢⱼ = 1[i < j], Q (3x2)" in text
    assert "= where(mask, -∞, " in text


def test_what_has_no_line_is_not_in_the_chain_rule():
    def loss(S):
        P = np.exp(S) / np.exp(S).sum(axis=1, keepdims=True)
        return -np.trace(np.sin(P)) / len(S)

    text = explained(loss, (draw(3, 3),), ["S"])
    assert "dL/dS = dL/dP · dP/dS" in text
    assert "dL/dP = -I ⊙ cos(P) / n since L = -tr(sin(P)) / n" in text
    assert "dL/da" not in text


def test_labels_in_a_list_have_their_numbers():
    def forward(B, obs):
        alpha = B[:, obs[0]]
        for o in obs[1:]:
            alpha = alpha * B[:, o]
        return np.sum(alpha)

    assert "(o0, o1, o2) = (0, 2, 1)" in explained(forward, (draw(2, 3), [0, 2, 1]), ["B"])


def test_a_state_that_is_computed_under_another_name_is_one_recursion():
    def verlet(x0, k, dt, seen):
        x, v, loss = x0, 0.0, 0.0
        a = -k * np.sin(x)
        for y in seen:
            x = x + v * dt + 0.5 * a * dt**2
            a_next = -k * np.sin(x)
            v = v + 0.5 * (a + a_next) * dt
            a = a_next
            loss += (x - y) ** 2
        return loss

    text = explained(verlet, (np.array(0.6), np.array(1.5), np.array(0.1), draw(4)), ["x0", "k"])
    assert "aₜ = -k sin(xₜ) 1 t = 0 … 3" in text
    assert "vₜ = vₜ₋₁ + ½ (aₜ₋₁ + aₜ) dt 1 t = 1 … 3" in text
    assert "daₜ = ½ dloss/dvₜ₊₁ · dt + ½ dloss/dxₜ₊₁ · dt² + ½ dloss/dvₜ · dt since" in text


def test_a_distance_of_0_is_written_as_any_other():
    points = np.array([[0.0, 0.2], [0.4, -0.1], [2.0, 2.1]])

    def inertia(centres):
        dist = np.linalg.norm(points[:, None] - centres, axis=2)
        return dist.min(axis=1).sum()

    text = explained(inertia, (points[[0, 2]],), ["centres"])
    assert "dL/daᵢⱼₖ = dL/ddistᵢⱼ (aᵢⱼₖ / distᵢⱼ) since distᵢⱼ = ‖aᵢⱼ‖; slope 0 at 0" in text


def test_a_bias_of_each_step_sums_the_gradients_of_the_steps():
    def network(by, Why, hs, targets):
        loss = 0.0
        for h, target in zip(hs, targets, strict=True):
            y = Why @ h + by
            p = np.exp(y) / np.sum(np.exp(y))
            loss = loss - np.log(p[target])
        return loss

    text = explained(network, (draw(4), draw(4, 2), draw(3, 2), [1, 2, 3]), ["by"])
    assert "dloss/dby = Σₜ dloss/dyₜ since" in text
    assert "dloss/dby = Σₜ dloss/dyₜ · dyₜ/dby" in text


def test_neighbours_in_a_loop_have_the_gradient_of_an_entry():
    def chain(x, rest):
        energy = 0.0
        for i in range(len(x) - 1):
            energy += (np.linalg.norm(x[i + 1] - x[i]) - rest) ** 2
        return energy + np.sum(x[:, 1])

    text = explained(chain, (draw(4, 2), np.array(0.5)), ["x"])
    assert "dL/dxₖⱼ = 1[j = 1] + 1[k ≥ 1] dL/daₖ₋₁,ⱼ - 1[k < 3] dL/daₖⱼ" in text

    def smooth(y, lam):
        roughness = 0.0
        for i in range(1, len(y) - 1):
            d = y[i + 1] - 2 * y[i] + y[i - 1]
            roughness += d**2
        return roughness + lam * np.sum(y**2)

    args = draw(5), np.array(0.1)
    line = "dL/dyₖ = 2 λ yₖ + 1[k < 3] dL/ddₖ₊₁ - 2 1[1 ≤ k < 4] dL/ddₖ + 1[k ≥ 2] dL/ddₖ₋₁"
    assert line in explained(smooth, args, ["y"])
    sheet = ag.trace(smooth, *args).worksheet(wrt=["y"], blanks=["dL/dy"])
    answers = (line.split(" = ", 1)[1], "2 λ yₖ + dL/ddₖ₊₁ - 2 dL/ddₖ + dL/ddₖ₋₁", "2 λ yₖ + dL/ddₖ₊₁ - dL/ddₖ")
    assert [not sheet.check({"dL/dy": answer}).wrong for answer in answers] == [True, True, False]

    def total_variation(u, seen):
        loss = 0.0
        for i in range(len(u)):
            loss += (u[i] - seen[i]) ** 2
            if i > 0:
                loss += abs(u[i] - u[i - 1])
        return loss

    text = explained(total_variation, (draw(5), draw(5)), ["u"])
    line = "dL/duₖ = 2 (uₖ - seenₖ) - 1[k < 4] sign(uₖ₊₁ - uₖ) + 1[k ≥ 1] sign(uₖ - uₖ₋₁) since"
    assert line.replace("dL", "dloss") in text


def test_a_mean_of_residuals_over_the_steps_is_one_sum():
    def fit(v, W, xs, ys):
        h, loss = np.zeros(2), 0.0
        for x, y in zip(xs, ys, strict=True):
            h = np.tanh(h @ W + x)
            loss = loss + (h @ v - y) ** 2 / len(xs)
        return loss

    text = explained(fit, (draw(2), draw(2, 2), draw(3, 2), draw(3)), ["v"])
    assert "dloss/dv = 2 Σₜ (hₜ @ v - ys[t-1]) hₜ / n since" in text


def test_what_is_added_at_labels_is_a_sum_of_messages():
    src, dst = np.array([0, 1, 2, 1]), np.array([1, 2, 0, 0])

    def passed(W, X):
        messages = np.tanh(X[src] @ W)
        received = ag.add_at(np.zeros((3, 2)), dst, messages)
        return np.sum(received**2)

    text = explained(passed, (draw(2, 2), draw(3, 2)), ["W"])
    assert "receivedₖ = Σᵢ 1[dstᵢ = k] messagesᵢ" in text
    assert "dL/dmessages = dL/dreceived[dst]" in text

    def with_labels(W, X, to):
        messages = np.tanh(X[src] @ W)
        return np.sum(ag.add_at(X, to, messages) ** 2)

    text = explained(with_labels, (draw(2, 2), draw(3, 2), dst), ["W"])
    assert "L = Σᵢⱼ (Xᵢⱼ + Σₖ 1[toₖ = i] messagesₖⱼ)²" in text
    assert not re.search("scatter|gather", text)


def test_positions_in_a_tuple_have_its_name():
    def stress(Y, D):
        pairs = np.triu_indices(3, 1)
        d = np.linalg.norm(Y[:, None] - Y[None], axis=2)[pairs]
        return np.sum((d - D[pairs]) ** 2)

    derivation = ag.trace(stress, draw(3, 2), np.abs(draw(3, 3))).explain(["Y"])
    text = " ".join(str(derivation).split())
    assert text.startswith("Given pairs (2x3), Y (3x2), D (3x3)")
    assert "L = Σ (d - D[pairs])²" in text
    assert "dL/daᵢⱼₖ = Σₗ 1[pairs[0]ₗ = i] 1[pairs[1]ₗ = j] dL/ddₗ (aᵢⱼₖ / ‖aᵢⱼ‖)" in text
    assert r"1[\mathrm{pairs}[0]_{l} = i]" in derivation.latex()

    def lower(S):
        return np.sum(S[np.tril_indices(3)] ** 2)

    assert "L = Σ S[np.tril_indices(3)]²" in explained(lower, (draw(3, 3),))


def test_a_product_that_is_written_twice_is_one_step():
    def riccati(A, B, R, P):
        for _ in range(3):
            K = np.linalg.solve(R + B.T @ P @ B, B.T @ P @ A)
            P = A.T @ P @ (A - B @ K)
        return np.trace(P)

    text = explained(riccati, (draw(2, 2), draw(2, 1), np.eye(1), np.array([[2.0, 0.3], [0.3, 1.0]])), ["B"])
    assert "cₜ = Bᵀ @ Pₜ₋₁ 1x2 t = 1 … 3 fₜ = R + cₜ @ B 1x1 t = 1 … 3 hₜ = cₜ @ A 1x2" in text

    def height(u, v, w):
        return np.abs(u @ np.cross(v, w)) / np.linalg.norm(np.cross(v, w))

    assert explained(height, (draw(3), draw(3), draw(3)), ["u"]).count("= v × w") == 1


def test_a_clipped_ratio_has_one_indicator():
    def ppo(theta, S, a, old, A):
        z = S @ theta
        logp = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
        ratio = np.exp(logp[np.arange(len(a)), a] - old)
        return -np.mean(np.minimum(ratio * A, np.clip(ratio, 0.8, 1.2) * A))

    args = draw(3, 2), draw(4, 3), np.array([0, 1, 1, 0]), np.log([0.5, 0.2, 0.9, 0.4]), np.array([1.0, -1.0, 0.5, 2.0])
    text = explained(ppo, args, ["theta"])
    assert "dL/dratio = -A ⊙ 1[ratio ⊙ A ≤ clip(ratio, 0.8, 1.2) ⊙ A] / n" in text

    def named(ratio, A):
        clipped = np.clip(ratio, 0.8, 1.2)
        return np.sum(np.minimum(ratio * A, clipped * A))

    text = explained(named, (np.array([0.5, 1.5]), np.array([1.0, 2.0])), ["ratio"])
    assert "dL/dratio = A ⊙ 1[ratio ⊙ A ≤ clipped ⊙ A] since" in text
    assert "½" not in text

    def surrogates(theta, old, A):
        ratio = np.exp(theta - old)
        surr1 = ratio * A
        surr2 = np.clip(ratio, 0.8, 1.2) * A
        return -np.mean(np.minimum(surr1, surr2))

    args = np.array([0.9, -0.2, 0.1]), np.zeros(3), np.array([1.0, -1.0, 2.0])
    text = explained(surrogates, args, ["theta"])
    assert "dL/dratio = -A ⊙ 1[surr1 ≤ surr2] / n since" in text
    text = explained(lambda surr1, surr2: np.sum(np.minimum(surr1, surr2)), (args[0], args[2]), ["surr1", "surr2"])
    assert "dL/dsurr2 = 1[surr2 < surr1]" in text


def test_a_discount_of_a_row_has_the_number_of_the_row():
    def value(effort, q, delta):
        stock, total = 0.8, 0.0
        for t in range(4):
            catch = q * effort[t] * stock
            stock = 1.2 * stock - catch
            total += delta**t * (catch - 0.3 * effort[t] ** 2)
        return total

    text = explained(value, (draw(4), np.array(0.5), np.array(0.9)), ["effort"])
    assert "δᵏ effortₖ" in text
    assert "k + 1" not in text


@pytest.mark.parametrize(
    ("f", "args", "wrt", "line"),
    [
        (lambda A, v, w: np.einsum("i,ij,j->", v, A, w), ((2, 3), (2,), (3,)), "v", "dL/dvᵢ = Σⱼ Aᵢⱼ wⱼ"),
        (lambda M, v, w: np.sum(np.outer(v, w) ** 2 * M), ((2, 3), (2,), (3,)), "w", "dL/dw = (dL/da)ᵀ @ v"),
        (lambda x, y: np.sum(np.expm1(x) * y), ((3,), (3,)), "x", "dL/dx = y ⊙ exp(x)"),
    ],
)
def test_a_factor_of_one_and_a_matrix_that_is_a_vector_are_not_written(f, args, wrt, line):
    assert line in explained(f, [draw(*shape) for shape in args], [wrt])


def test_a_quadratic_form_in_a_quotient_is_one_term():
    def rayleigh(w, X):
        S = X.T @ X / len(X)
        return -(w @ S @ w) / (w @ w)

    text = explained(rayleigh, (draw(2), draw(4, 2)))
    assert "L = -(w @ S @ w) / (w @ w) 1" in text
    assert "dL/dw = 2 ((w @ S @ w) w / (w @ w) - S @ w) / (w @ w) since Sᵀ = S" in text
    assert "dL/dS = -w @ wᵀ / (w @ w)" in text

    def sharpe(w, mu, Sigma):
        return (w @ mu - 0.1) / np.sqrt(w @ Sigma @ w)

    text = explained(sharpe, (draw(2), draw(2), np.array([[1.0, 0.2], [0.2, 2.0]])), ["w"])
    assert "dL/dw = μ / √(w @ Sigma @ w) - L (Sigma @ w) / (w @ Sigma @ w)" in text


def test_what_a_loop_adds_again_is_counted_and_a_column_is_no_part():
    def flight(v, target):
        x = 0.0
        for _ in range(4):
            x += v * 0.1
        return (x - target) ** 2

    assert "x = 0.4 v" in explained(flight, (np.array(2.0), np.array(0.5)), ["v"])

    def net(W, b, X, y):
        out = X @ W + b
        return np.sum((out[:, 0] - y) ** 2)

    text = explained(net, (draw(2, 1), draw(1), draw(3, 2), draw(3)), ["W"])
    assert "elsewhere" not in text


def test_a_state_that_the_last_round_only_adds_to_is_a_recursion():
    def oscillator(k, x0, v0, dt):
        x, v = x0, v0
        for _ in range(4):
            x, v = x + dt * v, v - dt * k * x
        return x**2

    text = explained(oscillator, tuple(map(np.array, (2.0, 1.0, 0.5, 0.1))), ["k"])
    assert "xₜ = xₜ₋₁ + dt vₜ₋₁ 1 t = 1 … 4 vₜ = vₜ₋₁ - dt k xₜ₋₁ 1 t = 1 … 3" in text

    def map_of(r, p0):
        p, total = p0, 0.0
        for _ in range(3):
            p = r * p * (1 - p)
            total = total + p
        return total

    text = explained(map_of, (np.array(2.5), np.array(0.3)), ["r"])
    assert "dtotal/dp3 = 1" in text
    assert "dtotal/dr = Σₜ dtotal/dpₜ · pₜ₋₁ (1 - pₜ₋₁) since pₜ = r pₜ₋₁ (1 - pₜ₋₁); t = 1 … 3" in text


TIMES = [0.25, 0.5]
GAMES = [(0, 1, 1.0), (1, 2, 0.0), (2, 0, 0.5), (0, 1, 0.0)]


def test_numbers_that_a_round_computes_from_its_data_are_written_with_them():
    def elo(r):
        loss = 0.0
        for i, j, result in GAMES:
            p = 1 / (1 + np.exp(r[j] - r[i]))
            loss = loss - result * np.log(p) - (1 - result) * np.log(1 - p)
        return loss

    text = explained(elo, (draw(3),))  # not result3, which is ½ as 1 - result3 is
    assert "loss = -Σₜ (resultₜ log(pₜ) + (1 - resultₜ) log(1 - pₜ)) 1" in text

    def bezier(control, seen):
        total = 0.0
        for s, y in zip(TIMES, seen, strict=True):
            q = control
            for _ in range(2):
                q = (1 - s) * q[:-1] + s * q[1:]
            total = total + np.sum((q - y) ** 2)
        return total

    assert "q1ⱼ = (1 - TIMES[0]) controlⱼ + TIMES[0] controlⱼ₊₁" in explained(bezier, (draw(3), draw(2)))


def test_exponents_cancel_and_zeros_that_a_loop_adds_to_are_not_written():
    def utility(q, taste):
        return np.prod(q**taste)

    text = explained(utility, (np.array([1.0, 2.0]), np.array([0.2, 0.3])))
    assert "dL/dq = L taste / q" in text
    assert "dL/dtaste = L log(q)" in text

    def mixture(w, x):
        p = np.zeros(len(x))
        for k in range(3):
            p = p + w[k] * np.exp(-x * k)
        return np.sum(np.log(p))

    text = explained(mixture, (np.array([0.2, 0.3, 0.5]), np.linspace(0.1, 2, 6)), ["w"])
    assert text.startswith("Given w (3), x (6) The steps p = w[0] + w[1] exp(-x) + w[2] exp(-2 x) 6")
