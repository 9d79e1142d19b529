"""An expression of a dozen ufuncs over a million numbers: its value (a sum) and its gradient.

Memory traffic dominates: every temporary has eight megabytes, and pages that are returned to the system cost time again
at the next step.
"""

import numpy as np

import autograd_lite as ag
from benchmarks.workload import Workload


def data(rng, small):
    return {"x": rng.normal(size=1_000 if small else 1_000_000)}


def f(x):
    u = x * x
    a = np.sin(x) * np.exp(-u)
    b = np.sqrt(1 + u)
    return np.sum(np.tanh(a) / b * np.log(b) - x)


def hand(x):
    u = x * x
    e = np.negative(u)
    np.exp(e, out=e)
    a = np.sin(x)
    a *= e
    u += 1
    b = np.sqrt(u, out=u)
    t = np.tanh(a)
    c = t / b
    l = np.log(b)
    y = c * l
    y -= x
    value = np.sum(y)

    # d/dx of c l - x, where b = sqrt(1 + x²), a = sin(x) e, e = exp(-x²), t = tanh(a), c = t / b, l = log(b)
    t *= t
    np.subtract(1, t, out=t)
    t *= l
    t /= b  # dc/da, times l
    l -= 1
    l *= c
    l /= b
    l /= b  # minus the derivative with respect to b, over b
    a *= t
    a += a
    a += l
    a *= x  # minus the derivative with respect to x through x²
    g = np.cos(x)
    g *= e
    g *= t
    g -= a
    g -= 1
    return value, g


value_and_gradient = ag.value_and_grad(f)


def ours(x):
    return value_and_gradient(x)


WORKLOAD = Workload(
    "elementwise", "12 ufuncs over 1e6 float64, value and gradient", 1.4, hand, ours, data, jit_target=0.88,
)  # fmt: skip
