"""A damped spring, fitted through Euler's method. As in Chen et al., Neural Ordinary Differential Equations, 2."""

import numpy as np

import autograd_lite as ag

obs, dt = np.array([1.0, 0.98, 0.95, 0.9]), 0.1
k = ag.tensor(1.5, requires_grad=True)
c = ag.tensor(0.3, requires_grad=True)

q, v, L = 1.0, 0.0, 0.0
for t in range(4):
    a = -k * q - c * v
    q = q + dt * v
    v = v + dt * a
    L = L + (q - obs[t]) ** 2
