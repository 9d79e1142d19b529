"""The gradients of 64 examples against that of the batch, in time: `python -m benchmarks.per_example_gradients`.

The net is that of the workload `per_example`. Its gradients are 60 MB for 64 examples: a version that returns them
cannot be faster than writing as much. The sum of clipped gradients needs only their norms. For one example the gradient
of a matrix is the outer product of its input and the cotangent of its output, so its norm is the product of their
norms. A second backward pass, with a weight for each example, gives the sum.
"""

import time

import numpy as np

import autograd_lite as ag
from benchmarks.workloads.per_example import data, hand, loss, ours

losses = ag.vmap(loss, (None, 0, 0))
whole_gradient = ag.grad(lambda parameters, x, labels: np.sum(losses(parameters, x, labels)))


def clipped_each(parameters, x, labels):
    """The sum of the gradients, each scaled to a norm of at most 1."""
    each = ours(x, labels, *parameters)
    norms = np.sqrt(sum(np.einsum("ij,ij->i", g, g) for g in (g.reshape(len(x), -1) for g in each)))
    return [np.tensordot(1 / np.maximum(1, norms), g, 1) for g in each]


def shifted(shifts, parameters, x, label):
    """The loss with a shift added to the output of each layer, and the inputs of the layers."""
    W1, W2, W3, b1, b2, b3 = parameters
    h1 = np.maximum(x @ W1 + b1 + shifts[0], 0)
    h2 = np.maximum(h1 @ W2 + b2 + shifts[1], 0)
    scores = h2 @ W3 + b3 + shifts[2]
    return ag.logsumexp(scores) - scores[label], (x, h1, h2)


def norm(parameters, x, label):
    """The norm of one example's gradient: a matrix and its bias contribute ``|g|**2 (|h|**2 + 1)`` to its square."""
    shifts = [np.zeros_like(b) for b in parameters[3:]]
    cotangents, inputs = ag.grad(shifted, has_aux=True)(shifts, parameters, x, label)
    return np.sqrt(sum((g @ g) * (h @ h + 1) for g, h in zip(cotangents, inputs, strict=True)))


norms_of = ag.vmap(norm, (None, 0, 0))


def clipped(parameters, x, labels):
    """The same sum, without the gradients of the examples."""
    weights = 1 / np.maximum(1, norms_of(parameters, x, labels))
    return ag.grad(lambda parameters: weights @ losses(parameters, x, labels))(parameters)


def main():
    """Each version, and the memory alone, as multiples of the gradient of the whole batch: medians of nine rounds."""
    x, labels, *parameters = data(np.random.default_rng(0), False).values()
    parameters = tuple(parameters)
    of_that_size = [np.ones((len(x), *p.shape), np.float32) for p in parameters]
    for one, other in zip(clipped_each(parameters, x, labels), clipped(parameters, x, labels), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-5)
    versions = {
        "the gradient of the whole batch": lambda: whole_gradient(parameters, x, labels),
        "the gradient of each example": lambda: ours(x, labels, *parameters),
        "the same by hand": lambda: hand(x, labels, *parameters),
        "writing as much, in the same memory": lambda: [array.fill(1) for array in of_that_size],
        "the sum of clipped gradients": lambda: clipped(parameters, x, labels),
        "the same by way of each gradient": lambda: clipped_each(parameters, x, labels),
    }
    times: dict[str, list[float]] = {name: [] for name in versions}
    for _ in range(10):
        for name, version in versions.items():
            start = time.process_time()
            version()
            times[name].append(time.process_time() - start)
    unit = np.array(times["the gradient of the whole batch"][1:])
    for name, of in times.items():
        print(f"{name:<36}{np.median(of[1:]) * 1e3:8.2f} ms{np.median(np.array(of[1:]) / unit):8.1f}")


if __name__ == "__main__":
    main()
