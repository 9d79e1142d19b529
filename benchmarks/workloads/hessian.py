"""Rosenbrock's function of 50 numbers: its Hessian, every second derivative in one batched pass.

By hand it is the formula of ``scipy.optimize.rosen_hess``: three diagonals, which no general method knows of.
"""

import numpy as np

import autograd_lite as ag
from benchmarks.workload import Workload


def data(rng, small):
    return {"x": rng.normal(size=5 if small else 50)}


def rosenbrock(x):
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def hand(x):
    H = np.diag(-400 * x[:-1], 1) - np.diag(400 * x[:-1], -1)
    diagonal = np.zeros(len(x))
    diagonal[0] = 1200 * x[0] ** 2 - 400 * x[1] + 2
    diagonal[-1] = 200
    diagonal[1:-1] = 202 + 1200 * x[1:-1] ** 2 - 400 * x[2:]
    return H + np.diag(diagonal)


ours = ag.hessian(rosenbrock)

WORKLOAD = Workload("hessian", "Rosenbrock's Hessian, 50 variables", 25.0, hand, ours, data, jit_target=6)
