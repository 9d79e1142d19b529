"""The logarithm of a sum of 1000 exponentials, and its gradient, which is their softmax."""

import numpy as np

import autograd_lite as ag
from benchmarks.workload import Workload


def data(rng, small):
    return {"x": 5 * rng.normal(size=10 if small else 1000)}


def hand(x):
    top = np.max(x)
    e = np.exp(x - top)
    total = np.sum(e)
    e /= total
    return top + np.log(total), e


def log_sum_exp(x):
    top = np.max(x)
    return top + np.log(np.sum(np.exp(x - top)))


def ours(x):
    return ag.value_and_grad(log_sum_exp)(x)


WORKLOAD = Workload("log_sum_exp", "log-sum-exp of 1000 numbers", 0, hand, ours, data)
