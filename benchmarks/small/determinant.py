"""The determinant of a 5x5 matrix by expansion along the first row, recursively: its gradient has the cofactors."""

import numpy as np

import autograd_lite as ag
from benchmarks.workload import Workload


def data(rng, small):
    return {"A": rng.normal(size=(3, 3) if small else (5, 5))}


def hand(A):
    return value_and_cofactors(A)


def value_and_cofactors(A):
    """The determinant, and its derivatives."""
    n = len(A)
    if n == 1:
        return A[0, 0], np.ones((1, 1))
    value, d = 0.0, np.zeros_like(A)
    columns = np.arange(n)
    for j in range(n):
        rest = columns[columns != j]
        minor, dminor = value_and_cofactors(A[1:, rest])
        sign = -1.0 if j % 2 else 1.0
        value += sign * A[0, j] * minor
        d[0, j] = sign * minor
        d[1:, rest] += sign * A[0, j] * dminor
    return value, d


def determinant(A):
    if len(A) == 1:
        return A[0, 0]
    value = 0.0
    for j in range(len(A)):
        minor = np.delete(A[1:], j, axis=1)
        value = value + (-1) ** j * A[0, j] * determinant(minor)
    return value


def ours(A):
    return ag.value_and_grad(determinant)(A)


WORKLOAD = Workload("determinant", "recursive determinant, 5x5", 0, hand, ours, data)
