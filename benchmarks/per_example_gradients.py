"""The gradients of 64 examples against that of the batch, in time: `python -m benchmarks.per_example_gradients`.

The net is that of the workload `per_example`. Filling arrays of the size of the results is a bound for any version that
returns them.
"""

import time

import numpy as np

import autograd_lite as ag
from benchmarks.workloads.per_example import data, hand, loss, ours

whole_gradient = ag.grad(lambda parameters, x, labels: np.sum(ag.vmap(loss, (None, 0, 0))(parameters, x, labels)))

def main():
    """Each version, and the memory alone, as multiples of the gradient of the whole batch: medians of nine rounds."""
    x, labels, *parameters = data(np.random.default_rng(0), False).values()
    sizes = [(len(x), *p.shape) for p in parameters]
    versions = {
        "the gradient of the whole batch": lambda: whole_gradient(tuple(parameters), x, labels),
        "the gradient of each example": lambda: ours(x, labels, *parameters),
        "the same by hand": lambda: hand(x, labels, *parameters),
        "filling arrays of that size": lambda: [np.full(shape, 1, np.float32) for shape in sizes],
    }
    times: dict[str, list[float]] = {name: [] for name in versions}
    for _ in range(10):
        for name, version in versions.items():
            start = time.process_time()
            version()
            times[name].append(time.process_time() - start)
    unit = np.array(times["the gradient of the whole batch"][1:])
    for name, of in times.items():
        print(f"{name:<34}{np.median(of[1:]) * 1e3:8.2f} ms{np.median(np.array(of[1:]) / unit):8.1f}")


if __name__ == "__main__":
    main()
