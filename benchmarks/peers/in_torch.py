"""The workloads in PyTorch: eager mode, one thread, as its users write them."""

import numpy as np
import torch
import torch.nn.functional as F

from benchmarks.workload import Dialect
from benchmarks.workloads import (
    adam as _adam,
    digits as _digits,
    layers as _layers,
    lenet as _lenet,
    micrograd as _micrograd,
    rnn as _rnn,
    transformer as _transformer,
)

torch.set_num_threads(1)

DIALECT = Dialect(
    "torch",
    torch.from_numpy,
    lambda array, name: torch.from_numpy(np.copy(array)).requires_grad_(),
    lambda x: x.detach().numpy() if isinstance(x, torch.Tensor) else x,
)


def descend(rate, *parameters):
    """``p -= rate * p.grad``, and then ``p.grad = None``, as PyTorch's optimizers do."""
    with torch.no_grad():
        for p in parameters:
            p -= rate * p.grad
            p.grad = None


def talk(x, y, V, W):
    P = torch.sigmoid(torch.sigmoid(x @ V) @ W)
    L = 0.5 * (y - P) ** 2
    L.backward()
    with torch.no_grad():
        V -= V.grad
        W -= W.grad
    V.grad = W.grad = None
    return L


def digits(x, y, V, W):
    P = torch.sigmoid(torch.sigmoid(x @ V) @ W)
    L = 0.5 * torch.sum((y - P) ** 2)
    L.backward()
    descend(_digits.RATE, V, W)
    return L


def layers(x, labels, W1, b1, W2, b2, W3, b3):
    H1 = torch.relu(x @ W1 + b1)
    H2 = torch.relu(H1 @ W2 + b2)
    L = F.cross_entropy(H2 @ W3 + b3, labels)
    L.backward()
    descend(_layers.RATE, W1, b1, W2, b2, W3, b3)
    return L


def lenet(x, labels, K1, b1, K2, b2, W3, b3, W4, b4, W5, b5):
    P1 = F.max_pool2d(F.relu(F.conv2d(x, K1, b1)), 2)
    P2 = F.max_pool2d(F.relu(F.conv2d(P1, K2, b2)), 2)
    H3 = F.relu(F.linear(P2.reshape(len(x), -1), W3, b3))
    H4 = F.relu(F.linear(H3, W4, b4))
    L = F.cross_entropy(F.linear(H4, W5, b5), labels)
    L.backward()
    descend(_lenet.RATE, K1, b1, K2, b2, W3, b3, W4, b4, W5, b5)
    return L


def transformer(x, y, s1, c1, Wqkv, bqkv, Wo, bo, s2, c2, W1, b1, W2, b2):
    batch, places, d = x.shape
    QKV = F.linear(F.layer_norm(x, (d,), s1, c1), Wqkv, bqkv)
    q, k, v = QKV.reshape(batch, places, 3, _transformer.HEADS, -1).permute(2, 0, 3, 1, 4)
    O = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(batch, places, d)
    X1 = x + F.linear(O, Wo, bo)
    X2 = X1 + F.linear(F.relu(F.linear(F.layer_norm(X1, (d,), s2, c2), W1, b1)), W2, b2)
    L = F.mse_loss(X2, y)
    L.backward()
    descend(_transformer.RATE, s1, c1, Wqkv, bqkv, Wo, bo, s2, c2, W1, b1, W2, b2)
    return L


def elementwise(x):
    x.requires_grad_()
    u = x * x
    a = torch.sin(x) * torch.exp(-u)
    b = torch.sqrt(1 + u)
    value = torch.sum(torch.tanh(a) / b * torch.log(b) - x)
    (g,) = torch.autograd.grad(value, x)
    return value, g


def rnn(x, y, U, V, b, W):
    h = torch.zeros(_rnn.BATCH, _rnn.HIDDEN, dtype=x.dtype)
    for t in range(len(x)):
        h = torch.tanh(x[t] @ U + h @ V + b)
    L = torch.mean((h @ W - y) ** 2)
    L.backward()
    descend(_rnn.RATE, U, V, b, W)
    return L


def hvp(X, y, w, v):
    w.requires_grad_()
    L = torch.sum(torch.logaddexp(torch.zeros((), dtype=w.dtype), -y * (X @ w)))
    (g,) = torch.autograd.grad(L, w, create_graph=True)
    return torch.autograd.grad(g, w, v)[0]


def hessian(x):
    return torch.func.hessian(_hessian_of)(x)


def _hessian_of(x):
    return torch.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def jacobian(x, W1, W2, W3, b1, b2, b3):
    def net(x):
        return torch.tanh(torch.tanh(x @ W1 + b1) @ W2 + b2) @ W3 + b3

    return torch.func.jacrev(net)(x)


def per_example(x, labels, W1, W2, W3, b1, b2, b3):
    def loss(parameters, x, label):
        W1, W2, W3, b1, b2, b3 = parameters
        scores = torch.relu(torch.relu(x @ W1 + b1) @ W2 + b2) @ W3 + b3
        return F.cross_entropy(scores[None], label[None])

    each = torch.func.vmap(torch.func.grad(loss), in_dims=(None, 0, 0))
    return each((W1, W2, W3, b1, b2, b3), x, labels)


def micrograd(x, y, W1, b1, W2, b2, W3, b3):
    parameters = (W1, b1, W2, b2, W3, b3)
    H1 = torch.relu(x @ W1 + b1)
    H2 = torch.relu(H1 @ W2 + b2)
    score = H2 @ W3 + b3
    penalty = sum(torch.sum(p * p) for p in parameters)
    L = torch.mean(torch.relu(1 - y * score)) + _micrograd.PENALTY * penalty
    L.backward()
    descend(_micrograd.RATE, *parameters)
    return L


def chain(x, links):
    x = x0 = torch.tensor(x, dtype=torch.float64, requires_grad=True)
    for _ in range(links):
        x = x * 1.0001 + 0.0001
    x.backward()
    return x, x0.grad


def adam(*arguments):
    *parameters, gradients, all_kept = arguments
    kept = _adam.kept_for(parameters, all_kept)
    if "optimizer" not in kept:
        for p, g in zip(parameters, gradients, strict=True):
            p.grad = torch.from_numpy(np.copy(g))
        kept["optimizer"] = torch.optim.Adam(parameters, lr=_adam.RATE)
    kept["optimizer"].step()
    return np.zeros(1)


VERSIONS = {
    f.__name__: f
    for f in (
        talk, digits, layers, lenet, transformer, elementwise, rnn, hvp, hessian, jacobian, per_example, micrograd,
        chain, adam,
    )
}
