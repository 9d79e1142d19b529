"""A convolutional net like LeNet on 28 x 28 images, batches of 32, float32: two 5 x 5 convolutions, each with relu and
2 x 2 max pooling, three linear layers, softmax cross-entropy, one SGD step.

The hand-written version copies the windows to columns once and keeps them for the backward pass; pooling uses four
strided slices. It does not compute the gradient with respect to the images. It is a version by an expert, with the
batch outermost in memory.
"""

import numpy as np

import autograd_lite as ag
import autograd_lite.nn.functional as F
from benchmarks.workload import Workload

K = 5
RATE = 0.05
SHAPES = {
    "K1": (6, 1, K, K), "b1": (6,), "K2": (16, 6, K, K), "b2": (16,),
    "W3": (120, 256), "b3": (120,), "W4": (84, 120), "b4": (84,), "W5": (10, 84), "b5": (10,),
}  # fmt: skip


def data(rng, small):
    batch = 2 if small else 32
    drawn = {
        "x": rng.uniform(size=(batch, 1, 28, 28)).astype(np.float32),
        "labels": rng.integers(0, 10, size=batch),
    }
    for name, shape in SHAPES.items():
        fan = np.prod(shape[1:])
        scale = np.sqrt(2 / fan) if len(shape) > 1 else 0
        drawn[name] = (rng.normal(size=shape) * scale).astype(np.float32)
    return drawn


def convolve(x, kernel, bias):
    """The convolution, and the columns for its backward pass."""
    n, channels, height, width = x.shape
    h, w = height - K + 1, width - K + 1
    columns = np.empty((n, channels, K, K, h, w), x.dtype)
    for i in range(K):
        for j in range(K):
            columns[:, :, i, j] = x[:, :, i : i + h, j : j + w]
    columns = columns.reshape(n, -1, h * w)
    y = np.matmul(kernel.reshape(len(kernel), -1), columns)
    y += bias[:, None]
    return y.reshape(n, -1, h, w), columns


def convolve_back(g, columns, kernel):
    """The gradients with respect to kernel and bias, and the cotangent for `images_back`."""
    g = g.reshape(len(g), len(kernel), -1)
    dK = np.matmul(g, columns.transpose(0, 2, 1)).sum(axis=0).reshape(kernel.shape)
    return dK, g.sum(axis=(0, 2)), g


def images_back(g, kernel, shape):
    n, channels, height, width = shape
    h, w = height - K + 1, width - K + 1
    d = np.matmul(kernel.reshape(len(kernel), -1).T, g).reshape(n, channels, K, K, h, w)
    dx = np.zeros(shape, g.dtype)
    for i in range(K):
        for j in range(K):
            dx[:, :, i : i + h, j : j + w] += d[:, :, i, j]
    return dx


CORNERS = [(slice(None), slice(None), slice(i, None, 2), slice(j, None, 2)) for i in (0, 1) for j in (0, 1)]


def pool(x):
    """The maximum of each 2 x 2 window."""
    y = x[CORNERS[0]].copy()
    for at in CORNERS[1:]:
        np.maximum(y, x[at], out=y)
    return y


def pool_back(g, y, x):
    """The gradient goes to the maximum; among equal ones to the first."""
    dx = np.empty(x.shape, g.dtype)
    left = np.ones(y.shape, bool)
    for at in CORNERS:
        first = x[at] == y
        first &= left
        left ^= first
        np.multiply(g, first, out=dx[at])
    return dx


def hand(x, labels, K1, b1, K2, b2, W3, b3, W4, b4, W5, b5):
    C1, columns1 = convolve(x, K1, b1)
    np.maximum(C1, 0, out=C1)
    P1 = pool(C1)
    C2, columns2 = convolve(P1, K2, b2)
    np.maximum(C2, 0, out=C2)
    P2 = pool(C2)
    H2 = P2.reshape(len(x), -1)
    H3 = np.dot(H2, W3.T)
    H3 += b3
    np.maximum(H3, 0, out=H3)
    H4 = np.dot(H3, W4.T)
    H4 += b4
    np.maximum(H4, 0, out=H4)
    Z = np.dot(H4, W5.T)
    Z += b5

    rows = np.arange(len(x))
    Z -= Z.max(axis=1, keepdims=True)
    picked = Z[rows, labels]
    G = np.exp(Z, out=Z)
    total = G.sum(axis=1, keepdims=True)
    L = np.mean(np.log(total[:, 0]) - picked)

    G /= total
    G[rows, labels] -= 1
    G *= np.float32(1 / len(x))
    dW5, db5 = np.dot(G.T, H4), G.sum(axis=0)
    G = np.dot(G, W5)
    G *= H4 > 0
    dW4, db4 = np.dot(G.T, H3), G.sum(axis=0)
    G = np.dot(G, W4)
    G *= H3 > 0
    dW3, db3 = np.dot(G.T, H2), G.sum(axis=0)
    G = np.dot(G, W3).reshape(P2.shape)
    G = pool_back(G, P2, C2)
    G *= C2 > 0
    dK2, db2, g = convolve_back(G, columns2, K2)
    G = pool_back(images_back(g, K2, P1.shape), P1, C1)
    G *= C1 > 0
    dK1, db1, _ = convolve_back(G, columns1, K1)

    for p, dp in (
        (K1, dK1), (b1, db1), (K2, dK2), (b2, db2),
        (W3, dW3), (b3, db3), (W4, dW4), (b4, db4), (W5, dW5), (b5, db5),
    ):  # fmt: skip
        dp *= RATE
        p -= dp
    return L


def ours(x, labels, K1, b1, K2, b2, W3, b3, W4, b4, W5, b5):
    P1 = F.max_pool2d(F.relu(F.conv2d(x, K1, b1)), 2)
    P2 = F.max_pool2d(F.relu(F.conv2d(P1, K2, b2)), 2)
    H3 = F.relu(F.linear(P2.reshape(len(x), -1), W3, b3))
    H4 = F.relu(F.linear(H3, W4, b4))
    L = F.cross_entropy(F.linear(H4, W5, b5), labels)
    L.backward()
    with ag.no_grad():
        for p in (K1, b1, K2, b2, W3, b3, W4, b4, W5, b5):
            p -= RATE * p.grad
            p.zero_grad()
    return L


WORKLOAD = Workload("lenet", "LeNet-like conv net 28x28, batch 32, float32", 1.3, hand, ours, data,
                    tuple(SHAPES), 1e-5, jit_target=0.4)  # fmt: skip
