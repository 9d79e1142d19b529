"""A hand: five fingers of four bones, each turned about an axis, move 200 points, which are compared with others.

The transformation of a bone is that of its parent times its own, and a point moves as a weighted sum of those of all
bones.
"""

import numpy as np

import autograd_lite as ag
from benchmarks.workload import Workload

FINGERS, JOINTS = 5, 4
PARENTS = [-1, *(0 if joint == 0 else finger * JOINTS + joint for finger in range(FINGERS) for joint in range(JOINTS))]
BONES = len(PARENTS)


def data(rng, small):
    points = 10 if small else 200
    weights = rng.uniform(size=(BONES, points)) ** 8
    axes = rng.normal(size=(BONES, 3))
    return {
        "angles": 0.3 * rng.normal(size=BONES),
        "axes": axes / np.linalg.norm(axes, axis=1, keepdims=True),
        "offsets": rng.normal(size=(BONES, 3)),
        "weights": weights / weights.sum(axis=0),
        "points": rng.normal(size=(points, 3)),
        "seen": rng.normal(size=(points, 3)),
    }


def crossing(axes):
    """The matrices of the cross products with these axes."""
    K = np.zeros((len(axes), 3, 3))
    K[:, 0, 1], K[:, 0, 2], K[:, 1, 2] = -axes[:, 2], axes[:, 1], -axes[:, 0]
    return K - K.swapaxes(1, 2)


def hand(angles, axes, offsets, weights, points, seen):
    K = crossing(axes)
    K2 = K @ K
    s, c = np.sin(angles)[:, None, None], np.cos(angles)[:, None, None]
    own = np.eye(3) + s * K + (1 - c) * K2
    R, p = np.empty((BONES, 3, 3)), np.empty((BONES, 3))
    R[0], p[0] = own[0], offsets[0]
    for k in range(1, BONES):
        parent = PARENTS[k]
        np.dot(R[parent], own[k], out=R[k])
        p[k] = np.dot(R[parent], offsets[k]) + p[parent]
    moved = np.matmul(points, R.swapaxes(1, 2)) + p[:, None]
    e = np.matmul(weights.T[:, None], moved.swapaxes(0, 1))[:, 0] - seen
    g = weights[:, :, None] * (2 * e)
    dR, dp = np.matmul(g.swapaxes(1, 2), points), g.sum(axis=1)
    downs = np.empty((BONES, 3, 3))
    for k in reversed(range(1, BONES)):
        parent = PARENTS[k]
        dR[parent] += np.dot(dR[k], own[k].T)
        np.dot(R[parent].T, dR[k], out=downs[k])
        dR[parent] += np.outer(dp[k], offsets[k])
        dp[parent] += dp[k]
    downs[0] = dR[0]
    dangles = np.sum(downs * (c * K + s * K2), axis=(1, 2))
    return np.sum(e * e), dangles


def distance(angles, axes, offsets, weights, points, seen):
    x, y, z = axes.T
    zero = np.zeros(BONES)
    K = np.stack([zero, -z, y, z, zero, -x, -y, x, zero], axis=1).reshape(BONES, 3, 3)
    s, c = np.sin(angles)[:, None, None], np.cos(angles)[:, None, None]
    own = np.eye(3) + s * K + (1 - c) * (K @ K)
    R, p = [own[0]], [offsets[0]]
    for k in range(1, BONES):
        parent = PARENTS[k]
        p.append(R[parent] @ offsets[k] + p[parent])
        R.append(R[parent] @ own[k])
    moved = np.einsum("bij,nj->bni", np.stack(R), points) + np.stack(p)[:, None]
    e = np.einsum("bn,bni->ni", weights, moved) - seen
    return np.sum(e * e)


def ours(*arguments):
    return ag.value_and_grad(distance)(*arguments)


WORKLOAD = Workload("hand", "hand of 21 bones, 200 points", 0, hand, ours, data)
