"""A chain of 10,000 scalar x * 1.0001 + 0.0001, forward and backward, against a bare Python loop over floats.

Twenty thousand operations with hardly any arithmetic: the cost of making a node, of its backward pass and of its
destruction. The target is PyTorch's own ratio.
"""

import autograd_lite as ag
from benchmarks.workload import Workload


def data(rng, small):
    return {"x": 1.0, "links": 100 if small else 10_000}


def hand(x, links):
    for _ in range(links):
        x = x * 1.0001 + 0.0001
    g = 1.0
    for _ in range(links):
        g = g * 1.0001
    return x, g


def ours(x, links):
    x = x0 = ag.tensor(x, requires_grad=True)
    for _ in range(links):
        x = x * 1.0001 + 0.0001
    x.backward()
    return x, x0.grad


def linked(x, links):
    for _ in range(links):
        x = x * 1.0001 + 0.0001
    return x


def traced(x, links):
    return ag.value_and_grad(linked)(x, links)


WORKLOAD = Workload(
    "chain", "chain of 10,000 scalar x*1.0001 + 0.0001", 290, hand, ours, data, jit_target=1.0, traced=traced
)
