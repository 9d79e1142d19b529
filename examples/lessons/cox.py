"""Cox's proportional hazards. As in Cox, Regression Models and Life-Tables, 5."""

import numpy as np

import autograd_lite as ag

X = np.array([[0.2, -0.5], [-0.4, -2.4], [1.8, 1.1], [-0.3, 0.8], [0.3, -0.6]])
event = np.array([1.0, 1.0, 0.0, 1.0, 0.0])  # the rows are in the order of their times
beta = ag.tensor([0.3, 0.8], requires_grad=True)

eta = X @ beta
risk = np.cumsum(np.exp(eta)[::-1])[::-1]
L = -np.sum(event * (eta - np.log(risk)))
