"""Strengths of players by Bradley and Terry. As in Bradley and Terry, Rank Analysis of Incomplete Block Designs."""

import numpy as np

import autograd_lite as ag

winner, loser, lam = np.array([0, 0, 1, 2, 2]), np.array([1, 2, 2, 1, 3]), 0.1
s = ag.tensor([0.5, 0.2, 0.3, -0.4], requires_grad=True)

d = s[winner] - s[loser]
L = -np.sum(np.log(ag.sigmoid(d))) + 0.5 * lam * np.sum(s**2)
