"""Rows in derivations, in the forms that a textbook has: programs as a learner writes them, and the lines they give."""

from __future__ import annotations

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.nn import functional as F


def leaf(name, *shape, values=None):
    rng = np.random.default_rng(len(name) + sum(shape))
    return ag.tensor(rng.normal(size=shape) if values is None else np.array(values), requires_grad=True, name=name)


def logsumexp(axis, keepdims=False):
    S = leaf("S", 4, 3)
    e = ag.logsumexp(S, axis=axis, keepdims=keepdims)
    return np.sum(e**2)


def log_softmax():
    Z = leaf("Z", 4, 3)
    logP = ag.special.log_softmax(Z, axis=1)
    return np.sum(logP**2)


def norm(values, **params):
    x = leaf("x", values=values)
    d = np.linalg.norm(x, **params)
    return np.sum(d**2) if d.ndim else d * 3


def solve(B):
    A = leaf("A", values=[[2.0, 1.0], [0.5, 3.0]])
    b = leaf("b", values=B)
    x = np.linalg.solve(A, b)
    return np.sum(x**2)


def log_det(f):
    K = leaf("K", values=[[2.0, 1.0], [0.5, 3.0]])
    return f(K)


def cholesky():
    B = leaf("B", 3, 3)
    K = B @ B.T + np.eye(3)
    C = np.linalg.cholesky(K)
    return np.sum(C**3)


def orthogonal():
    W = leaf("W", 3, 2)
    Q, R = np.linalg.qr(W)
    Q.name, R.name = "Q", "R"
    return np.sum(Q**3) + np.sum(R**2)


def eigenvalues():
    S = leaf("S", values=[[2.0, 1.0], [1.0, 3.0]])
    lam, V = np.linalg.eigh(S)
    lam.name, V.name = "lam", "V"
    return np.sum(lam**3) + np.sum(V**3)


def smallest(values):
    D = leaf("D", values=values)
    c = np.min(D, axis=1)
    return np.sum(c**2)


def hinge(values):
    m = leaf("m", values=values)
    C = 2.0
    return C * np.sum(np.maximum(0, 1 - m))


def applied(f, values=(0.3, -0.8, 1.2)):
    x = leaf("x", values=values)
    h = f(x)
    return np.sum(h**2)


def symmetric():
    B, y = leaf("B", 3, 3), np.array([1.0, 2.0, -1.0])
    K = B @ B.T + np.eye(3)
    alpha = np.linalg.solve(K, y)
    return 0.5 * y @ alpha + 0.5 * np.linalg.slogdet(K)[1]


def only_here():
    K, y = leaf("K", values=[[2.0, 1.0], [1.0, 3.0]]), np.array([1.0, 2.0])
    x = np.linalg.solve(K, y)
    return np.sum(x**2)


def unit(length):
    Z, T = leaf("Z", values=[[3.0, 4.0], [1.0, 2.0]]), np.ones((2, 2))
    Zn = Z / length(Z)
    return np.sum((Zn - T) ** 2)


def attention():
    X, Wq, Wk = np.array([[0.2, -0.5], [1.0, 0.4]]), leaf("Wq", 2, 2), leaf("Wk", 2, 2)
    mask = np.where(np.tri(2) == 1, 0.0, -np.inf)
    S = (X @ Wq) @ (X @ Wk).T + mask
    P = ag.softmax(S, axis=1)
    return np.sum((P @ X) ** 2)


def principal():
    W, X = leaf("W", 3, 2), np.array([[0.2, -0.5, 1.0], [-0.4, -2.4, 0.3]])
    Q, _ = np.linalg.qr(W)
    Q.name = "Q"
    return np.sum((X - X @ Q @ Q.T) ** 2)


def huber():
    X, y, delta = np.array([[0.2, -0.5], [-0.4, -2.4], [1.8, 1.1]]), np.array([1.0, -1.0, 1.0]), 1.0
    w = leaf("w", values=[0.3, 0.8])
    res = y - X @ w
    small = np.abs(res) <= delta
    return np.sum(np.where(small, 0.5 * res**2, delta * (np.abs(res) - 0.5 * delta)))


def quantile_loss():
    tau, y, q = 0.9, np.array([1.0, -1.0, 1.0]), leaf("q", values=[0.3, 0.8, -0.4])
    d = y - q
    return np.sum(np.where(d >= 0, tau * d, (tau - 1) * d))


def masked(f):
    x = leaf("x", values=[0.3, -0.8, 1.2, 0.1, 0.7])
    return np.sum(f(x))


MASK = np.array([True, False, True, False, True])


def naive_bayes():
    counts, topic = np.array([[2.0, 1.0], [0.0, 3.0], [1.0, 1.0]]), np.array([0, 1, 1])
    phi = np.array([[-1.0, -0.5], [-0.4, -1.2]])
    joint = F.log_softmax(leaf("prior", 2), 0) + counts @ phi
    return -np.sum(joint[np.arange(3), topic])


def two_masks():
    u = leaf("u", values=[0.3, 0.8, 1.2, 0.1, 0.7])
    return np.sum(np.log(u)[MASK]) + np.sum(np.tanh(u)[~MASK])


PROGRAMS = {
    "logsumexp of rows": (lambda: logsumexp(1), "softmaxⱼ(S)", "e = logsumexpⱼ(S)"),
    "logsumexp of columns": (lambda: logsumexp(0), "softmaxᵢ(S)", "e = logsumexpᵢ(S)"),
    "logsumexp, axes kept": (lambda: logsumexp(1, True), "de/dS = softmax(S)"),
    "logsumexp of all": (lambda: logsumexp(None), "softmaxᵢⱼ(S)", "e = logsumexp(S)"),
    "log-softmax": (log_softmax, "dL/dZ = dL/dlogP - softmaxⱼ(Z) ⊙ Σⱼ dL/dlogPⱼ"),
    "norm": (lambda: norm([3.0, 4.0]), "d = ‖x‖ ", "dd/dx = x / d"),
    "norm of rows": (lambda: norm([[3.0, 4.0], [1.0, 2.0]], axis=1), "dᵢ = ‖xᵢ‖"),
    "norm of columns": (lambda: norm([[3.0, 4.0], [1.0, 2.0]], axis=0, keepdims=True), "d = ‖x‖ᵢ", "dd/dx = x / d"),
    "largest entry": (lambda: norm([3.0, -4.0], ord=np.inf), "d = max(|x|)", "1[|x| = d] ⊙ sign(x)", "ties share"),
    "solve": (lambda: solve([1.0, 2.0]), "x = A⁻¹ @ b", "dL/dA = -A⁻ᵀ @ dL/dx @ xᵀ", "dL/db = A⁻ᵀ @ dL/dx"),
    "solve for columns": (lambda: solve([[1.0], [2.0]]), "dL/dA = -A⁻ᵀ @ dL/dx @ xᵀ"),
    "log det": (lambda: log_det(lambda K: np.linalg.slogdet(K)[1]), "= log det K ", "/dK = K⁻ᵀ "),
    "log of det": (lambda: log_det(lambda K: np.log(np.linalg.det(K))), "log(det K)", "/dK = K⁻ᵀ "),
    "log |det|": (lambda: log_det(lambda K: np.linalg.slogdet(-K[::-1])[1]), "= log |det ", "⁻ᵀ"),
    "det of a sum": (lambda: log_det(lambda K: np.linalg.det(K + np.eye(len(K)))), "= det (K + I) ", ""),
    "det": (lambda: log_det(np.linalg.det), "= det K ", " K⁻ᵀ "),
    "cholesky": (
        cholesky, "dL/dK = Φ(C⁻ᵀ @ (Φ(Cᵀ @ dL/dC) + Φ(Cᵀ @ dL/dC)ᵀ) @ C⁻¹)", "; Φ: lower triangle, half its diagonal",
    ),
    "qr": (orthogonal, "Q = qr(W)[0]", "dL/dQ - Q @ (Φ(", "@ R⁻ᵀ"),
    "eigh": (eigenvalues, "2 Φ(V @ diag(dL/dλ) @ Vᵀ)", "Φ(V @ (F ⊙ (Vᵀ @ dL/dV - (dL/dV)ᵀ @ V)) @ Vᵀ)"),
    "symmetric by the program": (
        symmetric, "K⁻¹", "since Kᵀ = K,", "α = K⁻¹ @ y",
    ),
    "symmetric only at this point": (only_here, "dL/dK = -K⁻ᵀ @ dL/dx @ xᵀ "),
    "normalised": (
        lambda: unit(lambda Z: np.linalg.norm(Z, axis=1, keepdims=True)),
        "Zn = Z / ‖Z‖ⱼ", "dL/dZ = (dL/dZn - Zn ⊙ Σⱼ dL/dZnⱼ Znⱼ) / ‖Z‖ⱼ",
    ),
    "normalised by hand": (
        lambda: unit(lambda Z: np.sqrt(np.sum(Z**2, axis=1, keepdims=True))),
        "Zn = Z / ‖Z‖ⱼ", "dL/dZ = (dL/dZn - Zn ⊙ Σⱼ dL/dZnⱼ Znⱼ) / ‖Z‖ⱼ",
    ),
    "a mask of infinities": (
        attention, "dL/dS = P ⊙ (dL/dP - Σⱼ dL/dPⱼ Pⱼ)", "; Pᵢⱼ = 0 where maskᵢⱼ = -∞",
    ),
    "a factor that is not used": (principal, "with ", " = qr(W)[1]"),
    "smallest": (lambda: smallest([[1.0, 2.0], [4.0, 3.0]]), "dDᵢⱼ = dL/dcᵢ 1[Dᵢⱼ = cᵢ] ", "c = minⱼ(D); ties share"),
    "smallest, with a tie": (lambda: smallest([[2.0, 2.0], [4.0, 3.0]]), " / Σₖ 1[Dᵢₖ = cᵢ] ", "; ties share"),
    "hinge": (lambda: hinge([0.5, 2.0]), "dL/dm = -C 1[m < 1] "),
    "hinge at its kink": (lambda: hinge([1.0, 2.0]), "dL/dm = -C (1[m < 1] + ½ 1[m = 1]) ", "; ½ each at a tie"),
    "abs": (lambda: applied(np.abs), "h = |x|", "dh/dx = sign(x)"),
    "abs at its kink": (lambda: applied(np.abs, [0.0, 1.0]), "; sign(0) = 0"),
    "clip": (lambda: applied(lambda x: np.clip(x, -0.5, 0.5)), "1[-½ ≤ x ≤ ½]"),
    "clip from below": (lambda: applied(lambda x: np.clip(x, 0.0, None)), "Σ max(x, 0)²", "dL/dx = 2 max(x, 0) "),
    "gelu": (lambda: applied(F.gelu), "dh/dx = Φ(x) + x ⊙ φ(x)"),
    "normal distribution": (lambda: applied(ag.special.ndtr), "h = Φ(x)", "dh/dx = φ(x)"),
    "softplus": (lambda: applied(lambda x: np.logaddexp(0, x)), "log(1 + exp(x))", "σ(x)"),
    "product": (lambda: applied(np.prod), "h = prod(x)", "dh/dx = h / x"),
    "running sum": (lambda: applied(np.cumsum), "dL/dxₖ = Σᵢ 1[i ≥ k] dL/dhᵢ"),
    "running product": (lambda: applied(np.cumprod), "dL/dxₖ = Σᵢ 1[i ≥ k] dL/dhᵢ hᵢ / xₖ"),
    "sorted": (lambda: applied(np.sort), "h = sort(x)", "dL/dx = dL/dh in the places of x"),
    "median": (lambda: applied(np.median), "h = median(x)", "dh/dx = 1[x = h]"),
    "median of an even number": (lambda: applied(np.median, [1.0, 4.0, 2.0, 3.0]), "½ 1[x in the middle]"),
    "quantile": (lambda: applied(lambda x: np.quantile(x, 0.3)), "quantile(x, 0.3)"),
    "trace": (lambda: log_det(np.trace), "tr(K)", "/dK = I"),
    "nuclear norm": (lambda: log_det(lambda K: np.linalg.norm(K, "nuc")), "‖K‖_*", "/dK = U @ Vᵀ", "with U = the left"),
    "spectral norm": (lambda: log_det(lambda K: np.linalg.norm(K, 2)), "‖K‖₂", "/dK = u @ vᵀ"),
    "singular values": (lambda: log_det(lambda K: np.sum(np.linalg.svdvals(K) ** 2)), "U @ diag(", ") @ Vᵀ"),
    "Huber of PyTorch": (
        lambda: F.huber_loss(leaf("p", values=[0.3, 2.0]), np.array([0.1, 0.2])),
        "dL/dp = where(|p - ", "| < 1, p - ", ", sign(p - ",
    ),
    "Huber": (huber, "dL/dres = where(|res| ≤ δ, res, δ sign(res))"),
    "a quantile": (quantile_loss, "where(d ≥ 0, τ, τ - 1)"),
    "leaky": (lambda: masked(lambda x: np.where(x > 0, x, 0.1 * x)), "where(x > 0, 1, 0.1)"),
    "an indicator": (lambda: masked(lambda x: (x > 0.2) * x**2), "2 1[x > 0.2] ⊙ x"),
    "two conditions": (lambda: masked(lambda x: np.where((x > 0) & (x < 0.5), x**2, 0)), "2 1[x > 0 and x < ½] ⊙ x"),
    "neither": (lambda: masked(lambda x: np.where(~(x > 0), x, x**2)), "where(not x > 0, 1, 2 x)"),
    "a polynomial with roots": (lambda: masked(lambda x: 4 * x * (1 - x) ** 2), "dL/dx = 4 (1 - x) ⊙ (1 - 3 x)"),
    "a polynomial": (lambda: masked(lambda x: (x - 1) * (x - 2) * (x - 3)), "dL/dx = 3 x² - 12 x + 11"),
    "numbers of the program": (
        lambda: np.mean(3 * (x := leaf("x", 5)) - 0.5 * np.sin(x)), "dL/dx = (3 - ½ cos(x)) / n"),
    "the square of a size": (lambda: masked(lambda x: 3 / np.abs(x)), "dL/dx = -3 sign(x) / x²"),
    "a trace of a solution": (
        lambda: np.trace(np.linalg.solve(leaf("K", 2, 2), np.ones((2, 2)))), "= -K⁻ᵀ @ aᵀ  "),
    "rows that are counted": (naive_bayes, "dL/dprior = n softmax(prior) - Σᵢ Yᵢ"),
    "no sum in brackets": (
        lambda: -masked(lambda x: -0.5 * (5 - 1) * x - 0.5 * np.exp(-x)), "dL/dx = 2 - ½ exp(-x)"),
    "what is not masked": (
        lambda: masked(lambda x: np.where(~MASK, np.exp(x), x**2)), "where(not MASK, exp(x), x²)",
        "dL/dx = where(not MASK, exp(x), 2 x)"),
    "two masks": (
        two_masks, "Σ (1[MASK] ⊙ log(u)) + Σ (1[not MASK] ⊙ tanh(u))", "where(MASK, 1 / u, 1 - tanh(u)²)"),
    "elu": (lambda: masked(lambda x: F.elu(x)), "where(x > 0, x, exp(x) - 1)", "where(x > 0, 1, exp(x))"),
    "leaky_relu": (lambda: masked(lambda x: F.leaky_relu(x, 0.1)), "where(x > 0, x, 0.1 x)", "where(x > 0, 1, 0.1)"),
    "relu6": (lambda: masked(lambda x: F.relu6(x) ** 2), "clip(x, 0, 6)", "1[0 < x < 6]"),
    "two parts of a weight": (lambda: masked(lambda x: (x - 1) ** 2 + 0.1 * x**2), "0.2 x + 2 (x - 1)"),
    "half of a fraction": (lambda: masked(lambda x: -0.5 * (x / 20) ** 2), "dL/dx = -x / 400"),
    "the logarithm of a mean": (lambda: masked(lambda x: np.log(np.mean(np.exp(x)))), "dL/dx = softmax(x)"),
    "a number in front": (lambda: masked(lambda x: x[0] * np.ones(2) @ np.full((2, 2), 3.0)), "x[0] (np.ones(2) @ "),
    "a class by its number": (
        lambda: -np.log((np.exp(x := leaf("x", 3)) / np.sum(np.exp(x)))[1]), "dL/dx = softmax(x) - Y "),
    "weights beside an intercept": (
        lambda: masked(lambda x: np.tanh(x[0] + np.ones((2, 4)) @ x[1:])), "x[0] + np.ones((2, 4)) @ x[1:]"),
    "one less": (lambda: masked(lambda x: np.expm1(x) * x), "expm1(x) + x ⊙ exp(x)"),
    "an einsum of all": (lambda: masked(lambda x: np.einsum("i,i->", x, x**2)), "∂L/∂x = a "),
    "standard deviation": (lambda: applied(np.std), "h = std(x)", "(x - mean(x)) / ("),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_row_has_the_form_of_a_textbook(name):
    f, *lines = PROGRAMS[name]
    derivation = f().explain()
    said = str(derivation)
    for line in lines:
        assert line in said, said
    assert derivation.check() < 1e-9
    for plumbing in ("exp_minus", "power_norm", "′", "broadcast_to", "expand_dims", "axis=", "mode=", "UPLO", "c1"):
        assert plumbing not in said
    assert "not confirmed" not in said


@pytest.mark.parametrize("activation", [F.relu, lambda a: np.maximum(0, a)])
def test_a_net_at_a_kink_is_derived_and_its_gradients_are_the_engines(activation):
    X, y = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]]), np.array([1.0, 0, 0, 1])
    W, b, v = leaf("W", 2, 3), leaf("b", values=np.zeros(3)), leaf("v", 3)
    p = activation(X @ W + b) @ v
    derivation = np.mean((p - y) ** 2).explain(names={"X": X, "y": y})
    assert "; slope 0 at 0" in str(derivation) or "; ½ each at a tie" in str(derivation)
    assert "at a kink a finite difference tells nothing" in str(derivation)
    assert derivation.check() < 1e-12
    assert r"\text{; " in derivation.latex()


def test_a_condition_in_latex_and_a_mask_that_is_given():
    derivation = huber().explain()
    assert r"\begin{cases} \mathrm{res} & \text{if } \lvert \mathrm{res} \rvert \leq \delta \\ " in derivation.latex()
    assert "small" not in str(derivation)
    R, P = np.array([1.0, np.nan, 2.0]), leaf("P", values=[0.5, 0.5, 0.5])
    seen = ~np.isnan(R)
    L = np.sum(np.where(seen, np.where(seen, R, 0) - P, 0) ** 2)
    assert "seen (3)" in str(L.explain())


def test_what_is_taken_by_a_mask():
    R = np.array([[5.0, 3.0, np.nan], [4.0, np.nan, 1.0]])
    U, V = leaf("U", 2, 2), leaf("V", 3, 2)
    seen = ~np.isnan(R)
    P = U @ V.T
    E = (R - P)[seen]
    derivation = np.sum(E**2).explain()
    assert "[seen]" in str(derivation)
    assert "True" not in str(derivation)
    assert derivation.check() < 1e-9


def test_headings_are_modules_only():
    assert "in linalg.norm" not in str(norm([1.0, 2.0]).explain())
