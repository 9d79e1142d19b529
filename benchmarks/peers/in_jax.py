"""The workloads in JAX: one thread, compiled by `jax.jit`, as its users write them.

JAX's arrays are immutable, so a step returns the new parameters; a `Cell` holds the current ones.
"""

import os

os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"  # read at the import

import jax
import jax.numpy as jnp
import numpy as np

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

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_cpu_enable_async_dispatch", False)


class Cell:
    """A parameter: the array that it holds is replaced by each step."""

    def __init__(self, array):
        self.array = jnp.asarray(np.copy(array))

    @property
    def data(self):
        return self

    def __setitem__(self, index, array):
        self.array = jnp.asarray(array)


DIALECT = Dialect(
    "jax",
    jnp.asarray,
    lambda array, name: Cell(array),
    lambda x: np.asarray(x.array if isinstance(x, Cell) else x),
)


def descent(loss, data, rate):
    """One step of gradient descent on everything after the first `data` arguments of `loss`."""

    @jax.jit
    def update(parameters, constants):
        value, gradients = jax.value_and_grad(lambda p: loss(*constants, *p))(parameters)
        return value, [p - rate * g for p, g in zip(parameters, gradients, strict=True)]

    def step(*arguments):
        cells = arguments[data:]
        value, new = update([c.array for c in cells], arguments[:data])
        for cell, array in zip(cells, new, strict=True):
            cell.array = array
        return value

    return step


def finished(f):
    """`f`, compiled."""
    compiled = jax.jit(f)
    return lambda *arguments: jax.block_until_ready(compiled(*arguments))


def net(x, y, V, W):
    P = jax.nn.sigmoid(jax.nn.sigmoid(x @ V) @ W)
    return 0.5 * jnp.sum((y - P) ** 2)


def cross_entropy(Z, labels):
    return -jnp.mean(jax.nn.log_softmax(Z)[jnp.arange(len(Z)), labels])


def layers(x, labels, W1, b1, W2, b2, W3, b3):
    H1 = jax.nn.relu(x @ W1 + b1)
    H2 = jax.nn.relu(H1 @ W2 + b2)
    return cross_entropy(H2 @ W3 + b3, labels)


def convolved(x, kernel, bias):
    """A convolution, relu, and the maximum of each 2 x 2 window."""
    h = jax.nn.relu(jax.lax.conv(x, kernel, (1, 1), "VALID") + bias[:, None, None])
    return jax.lax.reduce_window(h, np.float32(-np.inf), jax.lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID")


def lenet(x, labels, K1, b1, K2, b2, W3, b3, W4, b4, W5, b5):
    P2 = convolved(convolved(x, K1, b1), K2, b2)
    H3 = jax.nn.relu(P2.reshape(len(x), -1) @ W3.T + b3)
    H4 = jax.nn.relu(H3 @ W4.T + b4)
    return cross_entropy(H4 @ W5.T + b5, labels)


def normalised(x, s, c):
    z = x - jnp.mean(x, axis=-1, keepdims=True)
    return z * jax.lax.rsqrt(jnp.mean(z * z, axis=-1, keepdims=True) + _transformer.EPS) * s + c


def transformer(x, y, s1, c1, Wqkv, bqkv, Wo, bo, s2, c2, W1, b1, W2, b2):
    batch, places, d = x.shape
    QKV = normalised(x, s1, c1) @ Wqkv.T + bqkv
    q, k, v = QKV.reshape(batch, places, 3, _transformer.HEADS, -1).transpose(2, 0, 3, 1, 4)
    weights = jax.nn.softmax(q @ jnp.swapaxes(k, -1, -2) / q.shape[-1] ** 0.5)
    X1 = x + (weights @ v).swapaxes(1, 2).reshape(batch, places, d) @ Wo.T + bo
    X2 = X1 + jax.nn.relu(normalised(X1, s2, c2) @ W1.T + b1) @ W2.T + b2
    return jnp.mean((X2 - y) ** 2)


def rnn(x, y, U, V, b, W):
    def step(h, z):
        return jnp.tanh(z @ U + h @ V + b), None

    h, _ = jax.lax.scan(step, jnp.zeros((_rnn.BATCH, _rnn.HIDDEN)), x)
    return jnp.mean((h @ W - y) ** 2)


def micrograd(x, y, W1, b1, W2, b2, W3, b3):
    H1 = jax.nn.relu(x @ W1 + b1)
    H2 = jax.nn.relu(H1 @ W2 + b2)
    score = H2 @ W3 + b3
    penalty = sum(jnp.sum(p * p) for p in (W1, b1, W2, b2, W3, b3))
    return jnp.mean(jax.nn.relu(1 - y * score)) + _micrograd.PENALTY * penalty


def expression(x):
    u = x * x
    a = jnp.sin(x) * jnp.exp(-u)
    b = jnp.sqrt(1 + u)
    return jnp.sum(jnp.tanh(a) / b * jnp.log(b) - x)


def logistic(w, X, y):
    return jnp.sum(jnp.logaddexp(0, -y * (X @ w)))


def hvp(X, y, w, v):
    return jax.jvp(lambda w: jax.grad(logistic)(w, X, y), (w,), (v,))[1]


def rosenbrock(x):
    return jnp.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def tanh_net(x, W1, W2, W3, b1, b2, b3):
    return jnp.tanh(jnp.tanh(x @ W1 + b1) @ W2 + b2) @ W3 + b3


def example_loss(parameters, x, label):
    W1, W2, W3, b1, b2, b3 = parameters
    return cross_entropy((jax.nn.relu(jax.nn.relu(x @ W1 + b1) @ W2 + b2) @ W3 + b3)[None], label[None])


def per_example(x, labels, *parameters):
    return jax.vmap(jax.grad(example_loss), in_axes=(None, 0, 0))(parameters, x, labels)


@jax.jit
def adam_rule(parameters, gradients, m, v, t):
    m = [_adam.BETA1 * m + (1 - _adam.BETA1) * g for m, g in zip(m, gradients, strict=True)]
    v = [_adam.BETA2 * v + (1 - _adam.BETA2) * g * g for v, g in zip(v, gradients, strict=True)]
    first, second = (1 - beta ** t.astype(np.float32) for beta in (_adam.BETA1, _adam.BETA2))
    moved = zip(parameters, m, v, strict=True)
    return [p - _adam.RATE * (m / first) / (jnp.sqrt(v / second) + _adam.EPS) for p, m, v in moved], m, v, t + 1


def adam(*arguments):
    *cells, gradients, all_kept = arguments
    kept = _adam.kept_for(cells, all_kept)
    if "state" not in kept:
        zeros = [jnp.zeros_like(c.array) for c in cells]
        kept["gradients"] = [jnp.asarray(g) for g in gradients]
        kept["state"] = (zeros, zeros, jnp.asarray(1))
    new, *kept["state"] = adam_rule([c.array for c in cells], kept["gradients"], *kept["state"])
    for cell, array in zip(cells, new, strict=True):
        cell.array = array
    return np.zeros(1)


VERSIONS = {
    "talk": descent(net, 2, 1.0),
    "digits": descent(net, 2, _digits.RATE),
    "layers": descent(layers, 2, _layers.RATE),
    "lenet": descent(lenet, 2, _lenet.RATE),
    "transformer": descent(transformer, 2, _transformer.RATE),
    "elementwise": finished(jax.value_and_grad(expression)),
    "rnn": descent(rnn, 2, _rnn.RATE),
    "hvp": finished(hvp),
    "hessian": finished(jax.hessian(rosenbrock)),
    "jacobian": finished(jax.jacrev(tanh_net)),
    "per_example": finished(per_example),
    "micrograd": descent(micrograd, 2, _micrograd.RATE),
    "adam": adam,
}  # no chain: compiling its 20,000 operations takes minutes
