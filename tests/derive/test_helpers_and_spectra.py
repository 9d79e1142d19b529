"""Derivations of functions whose helpers are called twice, of eigenvalues, of masks, and of what is read in a slice."""

from __future__ import annotations

import numpy as np
import pytest

import autograd_lite as ag

A = np.array([[2.0, 0.3, 0.1], [0.3, 1.0, -0.2], [0.1, -0.2, 1.5]])
P = np.array([[0.05, 0.02], [0.4, 0.1], [-0.3, 0.25], [0.6, 0.35], [-0.5, -0.2]])
X = np.array([[1.0, 0.5], [-0.5, 1.0], [0.3, 0.8], [1.2, -0.4]])
Z = np.array([[0.4, 1.5], [0.9, 0.2], [-0.3, 0.6]])
U, V = np.array([0.1, 0.35, 0.6, 0.8, 0.25]), np.array([0.2, 0.3, 0.7, 0.65, 0.4])
W = np.array([[0.7, -0.4], [0.3, 0.9]])


def covariance(H):
    Hc = H - H.mean(axis=0)
    return Hc.T @ Hc / (len(H) - 1)


def aligned(W, X, Z):
    return np.sum((covariance(X @ W) - covariance(Z @ W)) ** 2)


def levels(A):
    E = np.linalg.eigvalsh(A)
    return np.sum(E[:2])


def vectors(A, q):
    w, V = np.linalg.eigh(A)
    return np.sum(np.log(w)) + (V[:, 0] @ q) ** 2


def nuclear(A):
    return np.sum(np.linalg.svdvals(A))


def clayton(phi, u, v):
    theta = np.exp(phi)
    s = u**-theta + v**-theta - 1
    logc = np.log(1 + theta) - (1 + theta) * (np.log(u) + np.log(v)) - (2 + 1 / theta) * np.log(s)
    return -np.mean(logc)


def exchange(logits, share, endow):
    p = ag.softmax(logits)
    income = endow @ p
    demand = np.einsum("hg,h->hg", share, income) / p
    excess = np.sum(demand - endow, axis=0)
    return 0.5 * np.sum(excess**2)


def disc(P, child, parent, other):
    def distance(a, b):
        gap = np.sum((a - b) ** 2, axis=1)
        room = (1 - np.sum(a**2, axis=1)) * (1 - np.sum(b**2, axis=1))
        return np.arccosh(1 + 2 * gap / room)

    near, far = distance(P[child], P[parent]), distance(P[child], P[other])
    return np.sum(np.log(1 + np.exp(near - far)))


def spheres(z, radius, V):
    D = np.abs(z[:, None] - z[None, :]) + np.eye(len(z))
    P = np.where(np.eye(len(z)) == 1, np.diag(1 / radius), 1 / D)
    return 0.5 * np.linalg.solve(P, V) @ V


def bands(c, omega, w_pass, w_stop):
    H = np.cos(np.outer(omega, np.arange(len(c)))) @ c
    passband, stopband = omega <= 1.0, omega >= 1.6
    return w_pass * np.sum((H[passband] - 1) ** 2) + w_stop * np.sum(H[stopband] ** 2)


LABELS = np.array([1, 2, 3, 4]), np.array([0, 0, 1, 2]), np.array([3, 4, 2, 1])


@pytest.mark.parametrize(
    ("f", "args", "wrt", "lines"),
    [
        (aligned, (W, X, Z), "W", [
            "n = 4, m = 3", "/ (n - 1) - Hc2ᵀ @ Hc2 / (m - 1)", "= -2 (Hc2 @ dL/db) / (m - 1)", "/ m since",
        ]),
        (levels, (A,), "A", [
            "E = eigvalsh(A)", "with V = the eigenvectors of A", "2 Φ(V @ diag(dL/dE) @ Vᵀ) since E = eigvalsh(A); Φ",
            "half its diagonal =",
        ]),
        (vectors, (A, np.ones(3)), "A", ["V = eigh(A)[1]", "+ 2 Φ(V @ diag(dL/dw) @ Vᵀ)"]),
        (nuclear, (A,), "A", ["b = svdvals(A)", "with U = the left singular vectors of A", "dL/dA = U @ Vᵀ"]),
        (clayton, (0.3, U, V), "phi", ["logc = log(1 + θ)", "- 1 / (1 + θ)", "dL/dφ = dL/dθ · θ since θ = exp(φ)"]),
        (exchange, (np.array([0.2, -0.3, 0.5]), np.eye(4)[:, :3] + 0.1, X @ X.T[:2, :3] + 3), "logits", [
            "dL/daᵢⱼ = dL/ddemandᵢⱼ / pⱼ", "= excessⱼ / pⱼ",
        ]),
        (disc, (P, *LABELS), "P", ["c = 1 - Σⱼ aⱼ²", "√((1 + 2 gap2 / room2)² - 1)"]),
        (spheres, (np.array([0.0, 3.0, 7.0]), np.array([0.5, 0.8, 1.0]), np.ones(3)), "z radius", [
            "= -diag(dL/dP) / radius²",
        ]),
        (bands, (np.array([0.4, 0.5, 0.1, -0.1]), np.linspace(0, 3, 7), 1.0, 4.0), "c", [
            "+ w_pass (H - 1) ⊙ 1[passband]",
        ]),
    ],
    ids=lambda x: getattr(x, "__name__", ""),
)  # fmt: skip
def test_the_words_of_a_book(f, args, wrt, lines):
    named = zip(f.__code__.co_varnames, args, strict=False)
    args = [ag.tensor(x, requires_grad=True) if word in wrt.split() else x for word, x in named]
    text = " ".join(str(ag.trace(f, *args).explain(wrt.split())).split())
    assert "by a finite difference" in text
    for line in lines:
        assert line in text, text


def test_what_an_index_is_made_of_is_given():
    signal = np.sin(np.arange(9.0))
    T, lag = len(signal), 2
    m = ag.tensor(0.5, requires_grad=True)
    parts = [signal[k : k + 6] for k in range(3)]
    L = np.mean((signal[lag : T - 1] - m * parts[0]) ** 2)
    text = str(L.explain(m))
    assert "lag = 2, T = 9" in text
    assert "signal[lag:T - 1] - m" in text


def test_the_numbers_of_a_helper_are_one():
    J = np.arange(6.0)
    B, D = ag.tensor(1.9, requires_grad=True), ag.tensor(0.001, requires_grad=True)

    def term(J):
        return B * J * (J + 1) - D * (J * (J + 1)) ** 2

    lines = term(J + 1) - term(J)
    assert "= B (J + 1) ⊙ (J + 2) - D ((J + 1) ⊙ (J + 2))²" in str(np.sum(lines**2).explain([B, D]))


def test_chi_squared_is_written_as_a_square():
    x = ag.tensor([1.0, 2.0], requires_grad=True)
    chi2 = np.sum((x - 1) ** 2)
    L = np.exp(-chi2 / 2) + chi2**2
    tex = L.explain(x).latex()
    assert r"\chi^2 &= \sum (x - 1)^2" in tex
    assert r"e^{-\frac{\chi^2}{2}} + (\chi^2)^2" in tex
    sheet = ag.worksheet(L, wrt=x, names={"x": x, "chi2": chi2})
    answer = r"\frac{\partial L}{\partial \chi^2}\,\frac{\partial \chi^2}{\partial x}"
    assert [mark.right for mark in sheet.check({"dL/dx": answer}) if mark.word == "dLdx"] == [True]


def growth(P, rate, capacity):
    return rate * P * (1 - P / capacity)


def test_a_number_that_a_helper_is_called_with_has_its_name():
    dt, start = 0.5, 1.0
    rate, capacity = ag.tensor(0.9, requires_grad=True), ag.tensor(6.0, requires_grad=True)
    f_old = growth(start, rate, capacity)
    P, sse = start + dt * f_old, 0.0
    for obs in np.array([1.9, 2.6, 3.4]):
        f_new = growth(P, rate, capacity)
        P = P + dt * (1.5 * f_new - 0.5 * f_old)
        sse = sse + (P - obs) ** 2
        f_old = f_new
    assert "= rate start (1 - start / capacity)" in str(sse.explain([rate, capacity]))


def test_hand_written_rules_of_a_book():
    X, Y = np.cos(np.arange(8.0)).reshape(4, 2), np.eye(3)[[0, 1, 2, 0]] * 0.7 + 0.1

    def mixup(W, X, Y):
        logits = X @ W
        log_p = logits - ag.logsumexp(logits, axis=1, keepdims=True)
        return -np.mean(np.sum(Y * log_p, axis=1))

    def squash(s, v):
        n2 = np.sum(s**2, axis=1)
        b = n2 / (1 + n2)
        return np.sum(b * v) + np.sum(np.sqrt(n2))

    text = str(ag.trace(mixup, np.ones((2, 3)), X, Y).explain(["W"]))
    assert "dL/dlogits = (softmaxⱼ(logits) - Y) / n" in text
    text = str(ag.trace(squash, X, np.ones(4)).explain(["s"]))
    assert "/ (1 + n2)²" in text
    assert "n2 / (1 + n2)²" not in text


def test_names_may_contain_themselves():
    w = ag.tensor([0.2, -0.1], requires_grad=True)
    names = {"w": w}
    names["names"] = names
    assert "w²" in str(np.sum(w**2).explain(w, names=names))


def test_given_arrays_are_read_at_labels_as_values_are():
    ref, win = np.log(np.array([[0.4, 0.3, 0.3], [0.2, 0.5, 0.3]])), np.array([0, 2])
    rows = np.arange(len(win))
    logp = ag.tensor(1.1 * ref, requires_grad=True)
    gain = logp[rows, win] - ref[rows, win]
    assert "gainᵢ = logp[i, winᵢ] - ref[i, winᵢ]" in str(np.mean(gain**2).explain(logp))
    gain = logp[rows, win] - ref[np.arange(2), win]
    assert "gainᵢ = logp[i, winᵢ] - ref[i, winᵢ]" in str(np.mean(gain**2).explain(logp))


def test_a_density_that_the_program_computes_has_its_name():
    def crps(a, sigma, obs):
        z = (obs - a) / sigma
        Phi = 0.5 * (1 + ag.special.erf(z / np.sqrt(2)))
        phi = np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
        return np.mean(sigma * (z * (2 * Phi - 1) + 2 * phi - 1 / np.sqrt(np.pi)))

    text = str(ag.trace(crps, 0.4, np.array([1.2, 0.8, 2.1]), np.array([1.0, 0.3, -0.5])).explain(["a"]))
    assert "        = (2 Phi - 1) ⊙ σ / n" in text


def test_derivatives_with_one_factor_stand_in_brackets():
    def likelihood(r1, r2, counts):
        none, left = (1 - r1) * (1 - r2), r1 * (1 - r2)
        right, both = (1 - r1) * r2, r1 * r2
        p = np.stack([none, left, right, both])
        return -np.sum(counts * np.log(p))

    text = str(ag.trace(likelihood, 0.2, 0.3, np.array([5.0, 2, 3, 1])).explain(["r1", "r2"]))
    assert "dL/dr1 = r2 (dL/dboth - dL/dright) + (1 - r2) (dL/dleft - dL/dnone)" in text
    assert "dL/dr2 = r1 (dL/dboth - dL/dleft) + (1 - r1) (dL/dright - dL/dnone)" in text


def test_a_number_in_a_sum_over_indices_stands_in_front():
    def translog(S, logp, fitted):
        return np.sum(fitted * (0.5 * np.einsum("ij,jk,ik->i", logp, S, logp)))

    text = str(ag.trace(translog, np.eye(2), X, np.ones(4)).explain(["S"])).partition("From the result down")[2]
    assert "dL/dSᵢⱼ = ½ Σₖ" in text
