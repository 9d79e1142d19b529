"""The small programs in JAX, as its users write them."""

import jax
import jax.numpy as jnp

from benchmarks.peers.in_jax import DIALECT as DIALECT, finished
from benchmarks.small import hand as _hand, lstm as _lstm, ode as _ode


def last(x):
    def slope(y):
        return x * jnp.concatenate([jnp.ones(1), y[:-1]])

    def step(i, y):
        k1 = slope(y)
        k2 = slope(y + _ode.STEP / 2 * k1)
        k3 = slope(y + _ode.STEP / 2 * k2)
        k4 = slope(y + _ode.STEP * k3)
        return y + _ode.STEP / 6 * (k1 + 2 * k2 + 2 * k3 + k4)

    return jax.lax.fori_loop(0, _ode.STEPS, step, jnp.zeros(len(x)))[-1]


def loss(X, y, W, U, b):
    def step(state, x):
        h, c = state
        i, f, g, o = jnp.split(x @ W + h @ U + b, 4)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        return (jax.nn.sigmoid(o) * jnp.tanh(c), c), None

    (h, _), _ = jax.lax.scan(step, (jnp.zeros(_lstm.UNITS), jnp.zeros(_lstm.UNITS)), X)
    return 0.5 * jnp.sum((h - y) ** 2)


def lstm(*arguments):
    value, gradients = jax.value_and_grad(loss, (2, 3, 4))(*arguments)
    return value, *gradients


def distance(angles, axes, offsets, weights, points, seen):
    x, y, z = axes.T
    zero = jnp.zeros(_hand.BONES)
    K = jnp.stack([zero, -z, y, z, zero, -x, -y, x, zero], axis=1).reshape(_hand.BONES, 3, 3)
    s, c = jnp.sin(angles)[:, None, None], jnp.cos(angles)[:, None, None]
    own = jnp.eye(3) + s * K + (1 - c) * (K @ K)
    R, p = [own[0]], [offsets[0]]
    for k in range(1, _hand.BONES):
        parent = _hand.PARENTS[k]
        p.append(R[parent] @ offsets[k] + p[parent])
        R.append(R[parent] @ own[k])
    moved = jnp.einsum("bij,nj->bni", jnp.stack(R), points) + jnp.stack(p)[:, None]
    e = jnp.einsum("bn,bni->ni", weights, moved) - seen
    return jnp.sum(e * e)


def determinant(A):
    if len(A) == 1:
        return A[0, 0]
    value = 0.0
    for j in range(len(A)):
        value = value + (-1) ** j * A[0, j] * determinant(jnp.delete(A[1:], j, axis=1))
    return value


def error(c, t, y):
    e = sum(c[k] * t**k for k in range(len(c))) - y
    return 0.5 * jnp.sum(e * e)


def cost(centres, points):
    d = points[:, None] - centres
    return jnp.sum(jnp.min(jnp.sum(d * d, axis=-1), axis=1))


def kmeans(points, centres):
    (value, gradient), (_, diagonal) = jax.jvp(
        lambda c: jax.value_and_grad(cost)(c, points), (centres,), (jnp.ones(centres.shape),)
    )
    return value, gradient, diagonal


def log_sum_exp(x):
    top = jnp.max(x)
    return top + jnp.log(jnp.sum(jnp.exp(x - top)))


VERSIONS = {
    "ode": finished(jax.value_and_grad(last)),
    "lstm": finished(lstm),
    "hand": finished(jax.value_and_grad(distance)),
    "determinant": finished(jax.value_and_grad(determinant)),
    "least_squares": finished(jax.value_and_grad(error)),
    "kmeans": finished(kmeans),
    "log_sum_exp": finished(jax.value_and_grad(log_sum_exp)),
}
