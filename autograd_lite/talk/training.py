"""What training by hand and by the engine share: the initial weights, the order of the examples, and the accuracy.

So a claim can be checked: with the same initial weights and the same order, both end with the same weights.
"""

from collections.abc import Callable, Iterator
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
TABLE_NET = 3, 4, 1  # features, hidden units and outputs of the net for the truth table
AGREEMENT = 1e-12  # the largest difference allowed between two ways to compute the same
Weights = TypeVar("Weights")


def normal_weights(rng: np.random.Generator, inputs: int, hidden: int, outputs: int) -> tuple[Floats, Floats]:
    """The talk's initial weights: V, then W, from the standard normal distribution; no biases."""
    return rng.standard_normal((inputs, hidden)), rng.standard_normal((hidden, outputs))


def table_weights(seed: int) -> tuple[Floats, Floats]:
    """The talk's initial weights of the net for the truth table."""
    return normal_weights(np.random.default_rng(seed), *TABLE_NET)


def scaled_weights(rng: np.random.Generator, inputs: int, hidden: int, outputs: int) -> tuple[Floats, Floats]:
    """The talk's initial weights, divided in each layer by the square root of the number of its inputs.

    A sum of n values with weights of size 1 grows like √n, and where its argument is large a sigmoid is flat: its
    derivative P (1 - P) is almost 0. Divided by √n, the sums stay near zero, where the sigmoid is steep, for any n.
    """
    V, W = normal_weights(rng, inputs, hidden, outputs)
    return V / np.sqrt(inputs), W / np.sqrt(hidden)


def epochs(
    update: Callable[[Weights, Weights, Floats, Floats], None], V: Weights, W: Weights, X: Floats, Y: Floats,
    count: int, rng: np.random.Generator | None = None,
) -> Iterator[int]:
    """Train on one example after another, for `count` epochs.

    Yields 0 before the first update, and the number of each epoch at its end, so that the caller can inspect the
    weights, which `update(V, W, x, y)` changes in place. The order is that of the rows, or with `rng` a new one in each
    epoch.
    """
    yield 0
    for epoch in range(1, count + 1):
        for i in range(len(X)) if rng is None else rng.permutation(len(X)):
            update(V, W, X[i : i + 1], Y[i : i + 1])
        yield epoch


def difference(who: str, *pairs: tuple[Floats, Floats]) -> float:
    """The largest difference between the arrays of each pair, which two ways computed.

    Raises
    ------
    ArithmeticError
        If it exceeds `AGREEMENT`.
    """
    largest = max(float(np.max(np.abs(a - b))) for a, b in pairs)
    if not largest <= AGREEMENT:  # a nan fails too
        raise ArithmeticError(f"{who} differ by {largest:.1e}")
    return largest


def half_squared_error(P: Floats, Y: Floats) -> float:
    """½ (y - P)², summed over the outputs, averaged over the examples."""
    return float(0.5 * np.sum((Y - P) ** 2) / len(Y))


def accuracy(P: Floats, Y: Floats) -> float:
    """The fraction of correct predictions: by a threshold of 0.5 for one output, by the largest of several."""
    if Y.shape[1] == 1:
        return float(np.mean((P > 0.5) == (Y > 0.5)))
    return float(np.mean(P.argmax(axis=1) == Y.argmax(axis=1)))
