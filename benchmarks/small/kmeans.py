"""k-means of 500 points in 3 dimensions with 5 centres: the sum of squared distances, its gradient, and the diagonal of
its Hessian, as for a step of Newton.
"""

import numpy as np

import autograd_lite as ag
from benchmarks.workload import Workload


def data(rng, small):
    return {"points": rng.normal(size=(20 if small else 500, 3)), "centres": rng.normal(size=(5, 3))}


def hand(points, centres):
    d = points[:, None] - centres
    distances = np.einsum("nkd,nkd->nk", d, d)
    nearest = np.argmin(distances, axis=1)
    chosen = nearest[:, None] == np.arange(len(centres))
    counts = chosen.sum(axis=0)
    gradient = 2 * (counts[:, None] * centres - np.dot(chosen.T.astype(float), points))
    diagonal = np.repeat(2.0 * counts[:, None], centres.shape[1], axis=1)
    return distances[np.arange(len(points)), nearest].sum(), gradient, diagonal


def cost(centres, points):
    d = points[:, None] - centres
    return np.sum(np.min(np.sum(d * d, axis=-1), axis=1))


def ours(points, centres):
    (value, gradient), (_, diagonal) = ag.jvp(
        lambda c: ag.value_and_grad(cost)(c, points), (centres,), (np.ones(centres.shape),)
    )
    return value, gradient, diagonal


WORKLOAD = Workload("kmeans", "k-means, 500 points, 5 centres, with second derivatives", 0, hand, ours, data)
