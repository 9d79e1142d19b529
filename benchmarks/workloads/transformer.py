"""A pre-norm transformer block, 64 features in 4 heads, 64 positions, 8 sequences, float32: self-attention, and two
linear layers with relu, each after a normalisation and with a residual connection; squared error, one SGD step.

In the hand-written version queries, keys and values are one product, and a normalisation keeps what its backward pass
needs.

`jit`'s target is relative to this version in a process that keeps freed memory. Against one that returns it, which pays
for the pages of every temporary, it is 0.45: `python -m benchmarks.references` prints both.
"""

import numpy as np

import autograd_lite as ag
import autograd_lite.nn.functional as F
from benchmarks.workload import Workload

D, HEADS, HIDDEN = 64, 4, 256
RATE = 0.01
EPS = 1e-5
SHARE = np.full(D, 1 / D, np.float32)
SHAPES = {
    "s1": (D,), "c1": (D,), "Wqkv": (3 * D, D), "bqkv": (3 * D,), "Wo": (D, D), "bo": (D,),
    "s2": (D,), "c2": (D,), "W1": (HIDDEN, D), "b1": (HIDDEN,), "W2": (D, HIDDEN), "b2": (D,),
}  # fmt: skip


def data(rng, small):
    batch, positions = (2, 5) if small else (8, 64)
    drawn = {
        "x": rng.normal(size=(batch, positions, D)).astype(np.float32),
        "y": rng.normal(size=(batch, positions, D)).astype(np.float32),
    }
    for name, shape in SHAPES.items():
        if name.startswith("s"):
            drawn[name] = np.ones(shape, np.float32)
        else:
            scale = 1 / np.sqrt(shape[1]) if len(shape) > 1 else 0
            drawn[name] = (rng.normal(size=shape) * scale).astype(np.float32)
    return drawn


def mean(x):
    """The mean of each row, as a product with a vector: a fifth of the time of a reduction."""
    return np.dot(x, SHARE)[:, None]


def normalise(x, s, c):
    z = x - mean(x)
    scale = mean(np.square(z))
    scale += EPS
    np.sqrt(scale, out=scale)
    np.divide(1, scale, out=scale)
    z *= scale
    y = z * s
    y += c
    return y, z, scale


def normalise_back(g, z, scale, s):
    ds, dc = np.sum(g * z, axis=0), g.sum(axis=0)
    g = g * s
    dx = g * z
    m = mean(dx)
    np.multiply(z, m, out=dx)
    np.subtract(g, dx, out=dx)
    dx -= mean(g)
    dx *= scale
    return dx, ds, dc


def hand(x, y, s1, c1, Wqkv, bqkv, Wo, bo, s2, c2, W1, b1, W2, b2):
    batch, positions, _ = x.shape
    n = batch * positions
    x = x.reshape(n, D)
    N1, z1, scale1 = normalise(x, s1, c1)
    QKV = np.dot(N1, Wqkv.T)
    QKV += bqkv
    q, k, v = QKV.reshape(batch, positions, 3, HEADS, D // HEADS).transpose(2, 0, 3, 1, 4)
    root = np.float32(1 / np.sqrt(D // HEADS))
    q = q * root
    A = np.matmul(q, k.transpose(0, 1, 3, 2))
    A -= A.max(axis=-1, keepdims=True)
    np.exp(A, out=A)
    A /= A.sum(axis=-1, keepdims=True)
    O = np.matmul(A, v).transpose(0, 2, 1, 3).reshape(n, D)
    X1 = np.dot(O, Wo.T)
    X1 += bo
    X1 += x
    N2, z2, scale2 = normalise(X1, s2, c2)
    H = np.dot(N2, W1.T)
    H += b1
    np.maximum(H, 0, out=H)
    e = np.dot(H, W2.T)
    e += b2
    e += X1
    e -= y.reshape(n, D)
    L = np.mean(np.square(e))

    e *= np.float32(2 / e.size)
    dW2, db2 = np.dot(e.T, H), e.sum(axis=0)
    G = np.dot(e, W2)
    G *= H > 0
    dW1, db1 = np.dot(G.T, N2), G.sum(axis=0)
    G, ds2, dc2 = normalise_back(np.dot(G, W1), z2, scale2, s2)
    G += e
    dWo, dbo = np.dot(G.T, O), G.sum(axis=0)
    dO = np.dot(G, Wo).reshape(batch, positions, HEADS, D // HEADS).transpose(0, 2, 1, 3)
    dQKV = np.empty((batch, positions, 3, HEADS, D // HEADS), np.float32)
    dq, dk, dv = dQKV.transpose(2, 0, 3, 1, 4)
    dv[...] = np.matmul(A.transpose(0, 1, 3, 2), dO)
    dA = np.matmul(dO, v.transpose(0, 1, 3, 2))
    dA *= A
    dA -= A * dA.sum(axis=-1, keepdims=True)
    np.multiply(np.matmul(dA, k), root, out=dq)
    dk[...] = np.matmul(dA.transpose(0, 1, 3, 2), q)
    dQKV = dQKV.reshape(n, 3 * D)
    dWqkv, dbqkv = np.dot(dQKV.T, N1), dQKV.sum(axis=0)
    _, ds1, dc1 = normalise_back(np.dot(dQKV, Wqkv), z1, scale1, s1)

    for p, dp in (
        (s1, ds1), (c1, dc1), (Wqkv, dWqkv), (bqkv, dbqkv), (Wo, dWo), (bo, dbo),
        (s2, ds2), (c2, dc2), (W1, dW1), (b1, db1), (W2, dW2), (b2, db2),
    ):  # fmt: skip
        dp *= RATE
        p -= dp
    return L


def plain(x, y, s1, c1, Wqkv, bqkv, Wo, bo, s2, c2, W1, b1, W2, b2):
    """The same formulas as most people write them: no array is reused, and sums are not written as products."""

    def normalised(x, s, c):
        scale = 1 / np.sqrt(x.var(axis=-1, keepdims=True) + np.float32(EPS))
        z = (x - x.mean(axis=-1, keepdims=True)) * scale
        return z * s + c, z, scale

    def normalised_back(g, z, scale, s):
        d = g * s
        dx = (d - d.mean(axis=-1, keepdims=True) - z * (d * z).mean(axis=-1, keepdims=True)) * scale
        return dx, (g * z).sum(axis=(0, 1)), g.sum(axis=(0, 1))

    def linear_back(g, x, W):
        rows, columns = g.reshape(-1, g.shape[-1]), x.reshape(-1, x.shape[-1])
        return g @ W, rows.T @ columns, rows.sum(axis=0)

    batch, positions, _ = x.shape
    N1, z1, scale1 = normalised(x, s1, c1)
    QKV = (N1 @ Wqkv.T + bqkv).reshape(batch, positions, 3, HEADS, D // HEADS)
    q, k, v = QKV.transpose(2, 0, 3, 1, 4)
    root = np.float32(1 / np.sqrt(D // HEADS))
    S = q @ k.mT * root
    E = np.exp(S - S.max(axis=-1, keepdims=True))
    A = E / E.sum(axis=-1, keepdims=True)
    O = (A @ v).transpose(0, 2, 1, 3).reshape(batch, positions, D)
    X1 = x + O @ Wo.T + bo
    N2, z2, scale2 = normalised(X1, s2, c2)
    H = np.maximum(N2 @ W1.T + b1, 0)
    e = X1 + H @ W2.T + b2 - y
    L = np.mean(e**2)

    g = e * np.float32(2 / e.size)
    dH, dW2, db2 = linear_back(g, H, W2)
    dN2, dW1, db1 = linear_back(dH * (H > 0), N2, W1)
    dX1, ds2, dc2 = normalised_back(dN2, z2, scale2, s2)
    dX1 = dX1 + g
    dO, dWo, dbo = linear_back(dX1, O, Wo)
    dO = dO.reshape(batch, positions, HEADS, D // HEADS).transpose(0, 2, 1, 3)
    dA = dO @ v.mT
    dS = A * (dA - (dA * A).sum(axis=-1, keepdims=True)) * root
    dQKV = np.stack([dS @ k, dS.mT @ q, A.mT @ dO]).transpose(1, 3, 0, 2, 4).reshape(batch, positions, 3 * D)
    dN1, dWqkv, dbqkv = linear_back(dQKV, N1, Wqkv)
    _, ds1, dc1 = normalised_back(dN1, z1, scale1, s1)

    for p, dp in (
        (s1, ds1), (c1, dc1), (Wqkv, dWqkv), (bqkv, dbqkv), (Wo, dWo), (bo, dbo),
        (s2, ds2), (c2, dc2), (W1, dW1), (b1, db1), (W2, dW2), (b2, db2),
    ):  # fmt: skip
        p -= RATE * dp
    return L


def ours(x, y, s1, c1, Wqkv, bqkv, Wo, bo, s2, c2, W1, b1, W2, b2):
    batch, positions, _ = x.shape
    QKV = F.linear(F.layer_norm(x, D, s1, c1), Wqkv, bqkv)
    q, k, v = ag.unstack(QKV.reshape(batch, positions, 3, HEADS, -1).transpose(2, 0, 3, 1, 4))
    O = F.scaled_dot_product_attention(q, k, v).transpose(0, 2, 1, 3).reshape(batch, positions, D)
    X1 = x + F.linear(O, Wo, bo)
    X2 = X1 + F.linear(F.relu(F.linear(F.layer_norm(X1, D, s2, c2), W1, b1)), W2, b2)
    L = F.mse_loss(X2, y)
    L.backward()
    with ag.no_grad():
        for p in (s1, c1, Wqkv, bqkv, Wo, bo, s2, c2, W1, b1, W2, b2):
            p -= RATE * p.grad
            p.zero_grad()
    return L


WORKLOAD = Workload("transformer", "pre-norm transformer block d 64, T 64, batch 8", 1.6, hand, ours, data,
                    tuple(SHAPES), 1e-5, jit_target=0.75)  # fmt: skip
