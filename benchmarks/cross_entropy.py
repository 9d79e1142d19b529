"""The two cross-entropies of logits, each one row, against the rows that they would otherwise be composed of.

    python -m benchmarks.cross_entropy

The first table has the time of a loss and its backward pass. The second has the largest relative error of the loss and
of the gradient in float32, against the same in extended precision; 1 is one rounding, 6e-8.
"""

import gc
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import autograd_lite as ag
from autograd_lite.nn import functional as F
from benchmarks.__main__ import machine

SIZES = ((8, 3), (100, 10), (512, 64), (1024, 1000))
SCALES = (1.0, 10.0, 100.0, 1e4)


def composed_labels(z: Any, y: Any) -> Any:
    return -np.mean(ag.special.log_softmax(z, axis=1)[np.arange(len(y)), y])


def composed_probabilities(z: Any, y: Any) -> Any:
    return -np.mean(np.sum(y * ag.special.log_softmax(z, axis=1), axis=1))


def composed_logistic(z: Any, y: Any) -> Any:
    return np.mean(ag.special.softplus(z) - z * y)


def exact_labels(z: Any, y: Any) -> tuple[Any, Any]:
    """The losses and the gradient of their mean, in extended precision."""
    d = z.astype(np.longdouble) - z[np.arange(len(y)), y].astype(np.longdouble)[:, None]
    top = d.max(axis=1, keepdims=True)
    e = np.exp(d - top)
    p = e / e.sum(axis=1, keepdims=True)
    others = np.where(np.arange(z.shape[1]) == y[:, None], 0, e)
    p[np.arange(len(y)), y] = -(others.sum(axis=1) / e.sum(axis=1))
    at_top = d[np.arange(len(y)), d.argmax(axis=1)] == 0
    loss = np.where(at_top, np.log1p(others.sum(axis=1)), top[:, 0] + np.log(e.sum(axis=1)))
    return loss.mean(), p / len(y)


def exact_logistic(z: Any, y: Any) -> tuple[Any, Any]:
    """The same for targets 0 and 1."""
    x = np.where(y == 1, -1, 1) * z.astype(np.longdouble)
    loss = np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))
    slope = np.where(x < 0, np.exp(np.minimum(x, 0)), 1) / (1 + np.exp(-np.abs(x)))
    return loss.mean(), np.where(y == 1, -1, 1) * slope / z.size


Loss = Callable[[Any, Any], Any]
CASES: dict[str, tuple[Loss, Loss, Loss | None]] = {
    "softmax, labels": (F.cross_entropy, composed_labels, exact_labels),
    "softmax, one-hot": (F.cross_entropy, composed_probabilities, None),
    "logistic": (F.binary_cross_entropy_with_logits, composed_logistic, exact_logistic),
}


def data(case: str, n: int, classes: int, scale: float, dtype: Any) -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    z = (scale * rng.normal(size=(n, classes))).astype(dtype)
    k = rng.integers(0, classes, n)
    if case == "softmax, labels":
        return z, k
    return z, (np.eye(classes)[k] if case == "softmax, one-hot" else rng.integers(0, 2, z.shape)).astype(dtype)


def seconds(loss: Loss, z: Any, y: Any, repeats: int) -> float:
    start = time.process_time()
    for _ in range(repeats):
        loss(z, y).backward()
    return (time.process_time() - start) / repeats


def times(case: str, n: int, classes: int) -> list[float]:
    """The smallest time of both versions, which are timed in turn."""
    one, composed, _ = CASES[case]
    values, y = data(case, n, classes, 1.0, np.float64)
    z = ag.tensor(values, requires_grad=True)
    repeats = max(3, 20_000 // (100 + values.size))
    best = [float("inf")] * 2
    for _ in range(9):
        gc.collect()
        best = [min(b, seconds(loss, z, y, repeats)) for b, loss in zip(best, (one, composed), strict=True)]
    return best


def errors(loss: Loss, exact: Loss, z: Any, y: Any) -> tuple[float, float]:
    """Of the loss, and of that entry of the gradient where it is largest; in roundings."""
    t = ag.tensor(z, requires_grad=True)
    found = loss(t, y)
    found.backward()
    value, slope = exact(z, y)
    unit = np.finfo(z.dtype).eps / 2
    normal = np.abs(slope) > np.finfo(z.dtype).tiny
    off = np.abs(t.grad.numpy() - slope)[normal] / np.abs(slope)[normal]
    return float(abs(found.item() - value) / value / unit), float(off.max() / unit)


def main() -> None:
    print(machine())
    print(f"{'µs, loss and gradient':<26}{'one row':>10}{'composed':>10}{'ratio':>8}")
    for case in CASES:
        for n, classes in SIZES:
            one, composed = times(case, n, classes)
            row = f"{1e6 * one:>10.1f}{1e6 * composed:>10.1f}{one / composed:>8.2f}"
            print(f"{f'{case}, {n}x{classes}':<26}{row}", flush=True)
    print(f"\n{'float32, in roundings':<26}{'loss':>10}{'composed':>10}{'gradient':>10}{'composed':>10}")
    for case, (loss, composed_loss, exact) in CASES.items():
        for scale in SCALES if exact else ():
            z, y = data(case, 512, 64, scale, np.float32)
            (a, c), (b, d) = errors(loss, exact, z, y), errors(composed_loss, exact, z, y)
            print(f"{f'{case}, logits x {scale:g}':<26}{a:>10.1f}{b:>10.1f}{c:>10.1f}{d:>10.1f}")


if __name__ == "__main__":
    main()
