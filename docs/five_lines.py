import numpy as np

import autograd_lite as ag

x, y = np.array([1.0, 2.0]), 1.0
w = ag.tensor([0.5, -0.5], requires_grad=True)
p = ag.sigmoid(x @ w)
L = (y - p) ** 2 / 2
L.draw(names=locals()).save("net.html", live=True)
