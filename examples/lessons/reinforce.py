"""REINFORCE with a baseline. As in Williams, Simple Statistical Gradient-Following Algorithms, 5."""

import numpy as np

import autograd_lite as ag
from autograd_lite.special import log_softmax

actions, R = np.array([0, 2, 1, 2, 0]), np.array([1.0, 0.0, 2.0, 1.0, 0.0])
theta = ag.tensor([0.1, -0.2, 0.3], requires_grad=True)

b = np.mean(R)
logpi = log_softmax(theta)
L = -np.mean((R - b) * logpi[actions])
