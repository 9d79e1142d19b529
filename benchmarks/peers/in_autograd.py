"""The workloads in HIPS autograd, as functions of arrays."""

import autograd
import autograd.numpy as anp
import numpy as np
from autograd.scipy.special import logsumexp

from benchmarks.workload import Dialect
from benchmarks.workloads import digits as _digits, layers as _layers, micrograd as _micrograd, rnn as _rnn

DIALECT = Dialect("autograd", lambda array: array, lambda array, name: array.copy(), np.asarray)


def descent(loss, data, rate):
    """One step of gradient descent on everything after the first `data` arguments of `loss`."""
    value_and_gradients = autograd.value_and_grad(lambda parameters, constants: loss(*constants, *parameters))

    def step(*arguments):
        constants, parameters = arguments[:data], arguments[data:]
        value, gradients = value_and_gradients(parameters, constants)
        for p, dp in zip(parameters, gradients, strict=True):
            p -= rate * dp
        return value

    return step


def sigmoid(x):
    return 1 / (1 + anp.exp(-x))


def net(x, y, V, W):
    P = sigmoid(anp.dot(sigmoid(anp.dot(x, V)), W))
    return 0.5 * anp.sum((y - P) ** 2)


def layers(x, labels, W1, b1, W2, b2, W3, b3):
    H1 = anp.maximum(anp.dot(x, W1) + b1, 0)
    H2 = anp.maximum(anp.dot(H1, W2) + b2, 0)
    Z = anp.dot(H2, W3) + b3
    return anp.mean(logsumexp(Z, axis=1) - Z[np.arange(len(x)), labels])


def rnn(x, y, U, V, b, W):
    h = np.zeros((_rnn.BATCH, _rnn.HIDDEN))
    for t in range(len(x)):
        h = anp.tanh(anp.dot(x[t], U) + anp.dot(h, V) + b)
    return anp.mean((anp.dot(h, W) - y) ** 2)


def micrograd(x, y, W1, b1, W2, b2, W3, b3):
    parameters = (W1, b1, W2, b2, W3, b3)
    H1 = anp.maximum(anp.dot(x, W1) + b1, 0)
    H2 = anp.maximum(anp.dot(H1, W2) + b2, 0)
    score = anp.dot(H2, W3) + b3
    penalty = sum(anp.sum(p * p) for p in parameters)
    return anp.mean(anp.maximum(1 - y * score, 0)) + _micrograd.PENALTY * penalty


@autograd.value_and_grad
def elementwise(x):
    u = x * x
    a = anp.sin(x) * anp.exp(-u)
    b = anp.sqrt(1 + u)
    return anp.sum(anp.tanh(a) / b * anp.log(b) - x)


def logistic(w, X, y):
    return anp.sum(anp.logaddexp(0, -y * anp.dot(X, w)))


gradient_along = autograd.grad(lambda w, X, y, v: anp.dot(autograd.grad(logistic)(w, X, y), v))


def hvp(X, y, w, v):
    return gradient_along(w, X, y, v)


def chain(x, links):
    def links_of(x):
        for _ in range(links):
            x = x * 1.0001 + 0.0001
        return x

    return autograd.value_and_grad(links_of)(x)


VERSIONS = {
    "talk": descent(net, 2, 1.0),
    "digits": descent(net, 2, _digits.RATE),
    "layers": descent(layers, 2, _layers.RATE),
    "elementwise": elementwise,
    "rnn": descent(rnn, 2, _rnn.RATE),
    "hvp": hvp,
    "micrograd": descent(micrograd, 2, _micrograd.RATE),
    "chain": chain,
}
