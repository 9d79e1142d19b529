"""What learning by hand and by the engine share: the start of the weights, the order, and the score.

Sharing it lets one claim be checked: with the same start and the same order, both end at the same
weights.
"""

from collections.abc import Callable, Iterator
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Weights = TypeVar("Weights")


def normal_weights(rng: np.random.Generator, inputs: int, hidden: int, outputs: int) -> tuple[Floats, Floats]:
    """The talk's start: V, then W, each number drawn from the standard normal distribution; no biases."""
    return rng.standard_normal((inputs, hidden)), rng.standard_normal((hidden, outputs))


def scaled_weights(rng: np.random.Generator, inputs: int, hidden: int, outputs: int) -> tuple[Floats, Floats]:
    """The talk's start, each layer divided by the square root of the number of values that it sums.

    A sum of n values with weights of size 1 grows as √n, and a sigmoid is flat where its argument is
    large: of a derivative P (1 - P) with P near 0 or 1 little is left to learn with. Divided by √n, the
    sums stay near zero, where the sigmoid is steep, however wide the layer below.
    """
    V, W = normal_weights(rng, inputs, hidden, outputs)
    return V / np.sqrt(inputs), W / np.sqrt(hidden)


def epochs(
    update: Callable[[Weights, Weights, Floats, Floats], None], V: Weights, W: Weights, X: Floats, Y: Floats,
    count: int, rng: np.random.Generator | None = None,
) -> Iterator[int]:
    """Learn from one example after another, `count` times through all of them.

    Yields 0 before the first update, and then the number of each epoch when it is over, so that the
    caller can look at the weights, which `update(V, W, x, y)` changes in place. The order is that of the
    rows, or with `rng` a new one in each epoch.
    """
    yield 0
    for epoch in range(1, count + 1):
        for i in range(len(X)) if rng is None else rng.permutation(len(X)):
            update(V, W, X[i : i + 1], Y[i : i + 1])
        yield epoch


def half_squared_error(P: Floats, Y: Floats) -> float:
    """½ (y - P)², summed over the outputs, averaged over the examples."""
    return float(0.5 * np.sum((Y - P) ** 2) / len(Y))


def accuracy(P: Floats, Y: Floats) -> float:
    """The share of right answers. One output answers 0 or 1, several with their largest."""
    if Y.shape[1] == 1:
        return float(np.mean((P > 0.5) == (Y > 0.5)))
    return float(np.mean(P.argmax(axis=1) == Y.argmax(axis=1)))
