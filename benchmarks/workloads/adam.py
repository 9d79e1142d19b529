"""One step of Adam on the parameters of 784-300-200-10 (297,710 of them, float32), with given gradients.

The target is the ratio of PyTorch's step. Both versions work in arrays that are allocated once.
"""

import math
from itertools import pairwise

import numpy as np

from autograd_lite import optim
from benchmarks.workload import Workload

SIZES = (784, 300, 200, 10)
RATE, BETA1, BETA2, EPS = 1e-3, 0.9, 0.999, 1e-8
NAMES = ("W1", "b1", "W2", "b2", "W3", "b3")


def data(rng, small):
    sizes = (5, 4, 3, 2) if small else SIZES
    shapes = [shape for m, n in pairwise(sizes) for shape in ((m, n), (n,))]
    drawn = [rng.normal(size=shape).astype(np.float32) for shape in shapes]
    gradients = [rng.normal(size=shape).astype(np.float32) for shape in shapes]
    return {**dict(zip(NAMES, drawn, strict=True)), "gradients": gradients, "all_kept": {}}


def kept_for(parameters, all_kept):
    """What a version keeps from one step to the next for these parameters, identified by the first of them."""
    return all_kept.setdefault(id(parameters[0]), {"of": parameters})


def hand(*arguments):
    *parameters, gradients, all_kept = arguments
    kept = kept_for(parameters, all_kept)
    if "t" not in kept:
        kept["t"] = 0
        kept["arrays"] = [[np.zeros_like(p) for p in parameters] for _ in range(3)]
    t = kept["t"] = kept["t"] + 1
    root = math.sqrt(1 - BETA2**t)
    rate, eps = RATE * root / (1 - BETA1**t), EPS * root
    for p, g, m, v, s in zip(parameters, gradients, *kept["arrays"], strict=True):
        m *= BETA1
        np.multiply(g, 1 - BETA1, out=s)
        m += s
        v *= BETA2
        np.multiply(g, g, out=s)
        s *= 1 - BETA2
        v += s
        np.sqrt(v, out=s)
        s += eps
        np.divide(m, s, out=s)
        s *= rate
        p -= s
    return np.zeros(1)


def setup(*arguments):
    *parameters, gradients, all_kept = arguments
    for p, g in zip(parameters, gradients, strict=True):
        p.grad = g.copy()
    kept_for(parameters, all_kept)["optimizer"] = optim.Adam(parameters, lr=RATE)


def ours(*arguments):
    *parameters, _, all_kept = arguments
    kept_for(parameters, all_kept)["optimizer"].step()
    return np.zeros(1)


WORKLOAD = Workload("adam", "Adam step, 300k parameters, float32", 1.2, hand, ours, data, NAMES, 1e-5, jit_target=0.8,
                    setup=setup)  # fmt: skip
