"""The ten lessons, each as a teacher writes it, with the names of its textbook: `python examples/lessons.py`.

Each returns a `Lesson`, whose `result` can be explained, drawn, shown in frames or turned into a worksheet. Two of the
ten come in two versions: softmax regression with one-hot and with integer labels, batch norm by hand and as a layer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

import autograd_lite as ag
from autograd_lite import nn
from autograd_lite.nn import functional as F

GOODFELLOW = "Goodfellow et al., Deep Learning, {}"
X = np.array([[1.0, 2.0], [2.0, 0.0], [0.0, 1.0], [3.0, 1.0]])


@dataclass(frozen=True)
class Lesson:
    title: str
    result: ag.Tensor
    wrt: tuple[ag.Tensor, ...]
    names: Mapping[str, Any]
    textbook: str

    def explain(self, **options: Any) -> Any:
        return self.result.explain(self.wrt, self.names, **options)


def array(seed: int, *shape: int) -> Any:
    """Numbers with one digit after the point, which fit on a board."""
    return np.random.default_rng(seed).normal(size=shape).round(1)


def leaf(values: Any) -> ag.Tensor:
    return ag.tensor(values, requires_grad=True)


def linear_regression() -> Lesson:
    n, lam, y, w = 4, 0.1, np.array([5.0, 2.0, 2.0, 5.0]), leaf([0.5, 1.0])
    p = X @ w
    L = np.sum((p - y) ** 2) / n + lam * np.sum(w**2)
    return Lesson("Linear regression with an L2 penalty", L, (w,), {"X": X, **locals()}, "Bishop, PRML, 3.1.4")


def logistic_regression() -> Lesson:
    n, t, w, b = 4, np.array([1.0, 0.0, 1.0, 0.0]), leaf(array(1, 2)), leaf(0.1)
    z = X @ w + b
    P = ag.sigmoid(z)
    L = -np.sum(t * np.log(P) + (1 - t) * np.log(1 - P)) / n
    return Lesson("Logistic regression", L, (w, b), {"X": X, **locals()}, "Bishop, PRML, 4.3.2")


def softmax_regression() -> Lesson:
    n, Y, W, b = 4, np.eye(3)[[0, 1, 2, 1]], leaf(array(2, 2, 3)), leaf(array(3, 3))
    S = X @ W + b
    P = ag.softmax(S, axis=1)
    L = -np.sum(Y * np.log(P)) / n
    return Lesson("Softmax regression, one-hot labels", L, (W, b), {"X": X, **locals()}, "Bishop, PRML, 4.3.4")


def softmax_labels() -> Lesson:
    t, W, b = np.array([0, 1, 2, 1]), leaf(array(2, 2, 3)), leaf(array(3, 3))
    S = X @ W + b
    L = F.cross_entropy(S, t)
    return Lesson("Softmax regression, integer labels", L, (W, b), {"X": X, **locals()}, GOODFELLOW.format("6.2.2.3"))


def tanh_net() -> Lesson:
    n, y, W1, b1, W2, b2 = 4, array(4, 4, 1), leaf(array(5, 2, 3)), leaf(array(6, 3)), leaf(array(7, 3, 1)), leaf([0.0])
    H = np.tanh(X @ W1 + b1)
    P = H @ W2 + b2
    L = np.sum((P - y) ** 2) / n
    return Lesson("A two-layer tanh net", L, (W1, b1, W2, b2), {"X": X, **locals()}, "Bishop, PRML, 5.3.2")


def talk_net() -> Lesson:
    x, y, V, W = np.array([[1.0, 0.0, 1.0]]), np.array([[1.0]]), leaf(array(8, 3, 4)), leaf(array(9, 4, 1))
    A = x @ V
    B = ag.sigmoid(A)
    C = B @ W
    P = ag.sigmoid(C)
    L = 0.5 * (y - P) ** 2
    return Lesson("The talk's net", L, (W, V), locals(), "Weidman, Deep Learning from Scratch, the talk")


def batch_norm() -> Lesson:
    n, eps, Y, x, gamma, beta = 4, 1e-5, array(10, 4, 2), leaf(X), leaf([1.0, 2.0]), leaf([0.0, 1.0])
    mu = np.sum(x, axis=0) / n
    var = np.sum((x - mu) ** 2, axis=0) / n
    xhat = (x - mu) / np.sqrt(var + eps)
    y = gamma * xhat + beta
    L = np.sum((y - Y) ** 2) / n
    return Lesson("Batch norm by hand", L, (x, gamma, beta), locals(), "Ioffe and Szegedy, Batch Normalization, 3")


def batch_norm_layer() -> Lesson:
    n, Y, x, norm = 4, array(10, 4, 2), leaf(X), nn.BatchNorm1d(2, dtype=np.float64)
    norm.weight.name, norm.bias.name = "gamma", "beta"
    y = norm(x)
    L = np.sum((y - Y) ** 2) / n
    wrt = x, norm.weight, norm.bias
    return Lesson("A batch norm layer", L, wrt, locals(), "Ioffe and Szegedy, Batch Normalization, 3")


def conv_layer() -> Lesson:
    image, T, K, b = array(11, 1, 1, 5, 5), array(12, 1, 2, 2, 2), leaf(array(13, 2, 1, 2, 2)), leaf([0.1, 0.2])
    Z = F.conv2d(image, K, b)
    A = ag.special.relu(Z)
    M = F.max_pool2d(A, 2)
    L = 0.5 * np.sum((M - T) ** 2)
    return Lesson("A convolution with pooling", L, (K, b), locals(), GOODFELLOW.format("9.5"))


def rnn() -> Lesson:
    x, h0, y = array(14, 3, 2), np.zeros(3), 1.0
    U, W, v = leaf(array(15, 3, 2)), leaf(array(16, 3, 3)), leaf(array(17, 3))
    z1 = W @ h0 + U @ x[0]
    h1 = np.tanh(z1)
    z2 = W @ h1 + U @ x[1]
    h2 = np.tanh(z2)
    z3 = W @ h2 + U @ x[2]
    h3 = np.tanh(z3)
    p = v @ h3
    L = 0.5 * (p - y) ** 2
    return Lesson("An RNN of three steps", L, (U, W, v), locals(), GOODFELLOW.format("10.2.2"))


def attention() -> Lesson:
    T, Wq, Wk, Wv = array(18, 4, 2), leaf(array(19, 2, 2)), leaf(array(20, 2, 2)), leaf(array(21, 2, 2))
    Q, K, V = X @ Wq, X @ Wk, X @ Wv
    S = Q @ K.T / np.sqrt(2)
    P = ag.softmax(S, axis=1)
    O = P @ V
    L = 0.5 * np.sum((O - T) ** 2)
    names = {"X": X, **locals()}
    return Lesson("Scaled dot-product attention", L, (Wq, Wk, Wv), names, "Dao et al., FlashAttention, B.2")


def layer_norm() -> Lesson:
    T, x, W, norm = array(22, 4, 2), X, leaf(array(23, 2, 2)), nn.LayerNorm(2, dtype=np.float64)
    norm.weight.name, norm.bias.name = "gamma", "beta"
    r = x + np.tanh(x @ W)
    y = norm(r)
    L = 0.5 * np.sum((y - T) ** 2)
    wrt = W, norm.weight, norm.bias
    return Lesson("Layer norm with a residual connection", L, wrt, locals(), "Ba et al., Layer Normalization, 3")


LESSONS: tuple[Callable[[], Lesson], ...] = (
    linear_regression, logistic_regression, softmax_regression, softmax_labels, tanh_net, talk_net, batch_norm,
    batch_norm_layer, conv_layer, rnn, attention, layer_norm,
)  # fmt: skip

if __name__ == "__main__":
    for make in LESSONS:
        lesson = make()
        derivation = lesson.explain()
        print(f"{lesson.title} ({lesson.textbook})\n\n{derivation}\n")
        if not derivation.check() < 1e-10:
            raise SystemExit(f"{lesson.title}: the derivation is not the engine's gradient")
