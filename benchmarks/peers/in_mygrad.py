"""The workloads in MyGrad, as far as it has the functions."""

import mygrad as mg
import mygrad.nnet.activations as nnet

from benchmarks.workload import Dialect
from benchmarks.workloads import digits as _digits, micrograd as _micrograd

DIALECT = Dialect(
    "mygrad",
    lambda array: array,
    lambda array, name: mg.tensor(array),
    lambda x: x.data if isinstance(x, mg.Tensor) else x,
)


def descend(rate, *parameters):
    for p in parameters:
        p.data -= rate * p.grad
        p.null_grad()


def talk(x, y, V, W):
    P = nnet.sigmoid(nnet.sigmoid(x @ V) @ W)
    L = 0.5 * (y - P) ** 2
    L.backward()
    V.data -= V.grad
    W.data -= W.grad
    V.null_grad()
    W.null_grad()
    return L


def digits(x, y, V, W):
    P = nnet.sigmoid(nnet.sigmoid(x @ V) @ W)
    L = 0.5 * mg.sum((y - P) ** 2)
    L.backward()
    descend(_digits.RATE, V, W)
    return L


def elementwise(x):
    x = mg.tensor(x)
    u = x * x
    a = mg.sin(x) * mg.exp(-u)
    b = mg.sqrt(1 + u)
    value = mg.sum(mg.tanh(a) / b * mg.log(b) - x)
    value.backward()
    return value, x.grad


def micrograd(x, y, W1, b1, W2, b2, W3, b3):
    parameters = (W1, b1, W2, b2, W3, b3)
    H1 = mg.maximum(x @ W1 + b1, 0)
    H2 = mg.maximum(H1 @ W2 + b2, 0)
    score = H2 @ W3 + b3
    penalty = sum(mg.sum(p * p) for p in parameters)
    L = mg.mean(mg.maximum(1 - y * score, 0)) + _micrograd.PENALTY * penalty
    L.backward()
    descend(_micrograd.RATE, *parameters)
    return L


def chain(x, links):
    x = x0 = mg.tensor(x)
    for _ in range(links):
        x = x * 1.0001 + 0.0001
    x.backward()
    return x, x0.grad


VERSIONS = {f.__name__: f for f in (talk, digits, elementwise, micrograd)}  # no chain: its backward pass is recursive
