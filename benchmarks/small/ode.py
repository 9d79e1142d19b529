"""A differential equation of 20 variables, 50 steps of Runge-Kutta: the last variable, and its gradient.

y0' = x0, and yi' = xi y(i-1); so the equation is linear in y, and its Jacobian has one diagonal.
"""

import numpy as np

import autograd_lite as ag
from benchmarks.workload import Workload

STEPS = 50
STEP = 1.0 / STEPS


def data(rng, small):
    return {"x": rng.uniform(0.5, 1.5, size=5 if small else 20)}


def slope_by_hand(x, y):
    dy = x.copy()
    dy[1:] *= y[:-1]
    return dy


def pulled(x, y, g, dx):
    """The cotangent of y, from that of its slope; that of x is added to `dx`."""
    dx[0] += g[0]
    dx[1:] += g[1:] * y[:-1]
    d = np.empty_like(y)
    np.multiply(g[1:], x[1:], out=d[:-1])
    d[-1] = 0
    return d


def hand(x):
    n = len(x)
    stages = np.empty((STEPS, 4, n))
    y = np.zeros(n)
    for t in range(STEPS):
        stages[t, 0] = y
        k1 = slope_by_hand(x, y)
        stages[t, 1] = y + STEP / 2 * k1
        k2 = slope_by_hand(x, stages[t, 1])
        stages[t, 2] = y + STEP / 2 * k2
        k3 = slope_by_hand(x, stages[t, 2])
        stages[t, 3] = y + STEP * k3
        k4 = slope_by_hand(x, stages[t, 3])
        y = y + STEP / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    g, dx = np.zeros(n), np.zeros(n)
    g[-1] = 1
    for t in reversed(range(STEPS)):
        d4 = pulled(x, stages[t, 3], STEP / 6 * g, dx)
        d3 = pulled(x, stages[t, 2], STEP / 3 * g + STEP * d4, dx)
        d2 = pulled(x, stages[t, 1], STEP / 3 * g + STEP / 2 * d3, dx)
        d1 = pulled(x, stages[t, 0], STEP / 6 * g + STEP / 2 * d2, dx)
        g = g + d4 + d3 + d2 + d1
    return y[-1], dx


def last(x):
    def slope(y):
        return x * np.concatenate([np.ones(1), y[:-1]])

    def step(i, y):
        k1 = slope(y)
        k2 = slope(y + STEP / 2 * k1)
        k3 = slope(y + STEP / 2 * k2)
        k4 = slope(y + STEP * k3)
        return y + STEP / 6 * (k1 + 2 * k2 + 2 * k3 + k4)

    return ag.fori_loop(0, STEPS, step, np.zeros(len(x)))[-1]


def ours(x):
    return ag.value_and_grad(last)(x)


WORKLOAD = Workload("ode", "ODE of 20 variables, 50 Runge-Kutta steps", 0, hand, ours, data)
