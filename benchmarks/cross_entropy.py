"""The two cross-entropies of logits, each one row, against the rows that they would otherwise be composed of.

    python -m benchmarks.cross_entropy

The first table has the CPU time of the mean loss of a batch and its backward pass, without the checks of
`nn.functional`. The second has errors in float32 against extended precision, in units of one rounding (6e-8): the
largest relative error of the loss of a sample, and of an entry of its gradient. Entries that are a probability minus 1
are omitted, because the composed version cancels the digits of a probability near 1.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

import autograd_lite as ag
from autograd_lite.rules.layers import binary_cross_entropy_with_logits, softmax_cross_entropy
from benchmarks import timing
from benchmarks.__main__ import machine
from benchmarks.workload import OURS, Prepared

SIZES = ((8, 3), (100, 10), (512, 64), (1024, 1000))
SCALES = (1.0, 10.0, 100.0, 1e4)


def softmax_row(z: Any, y: Any) -> Any:
    return softmax_cross_entropy(z, y, axis=1)[0]


def composed_labels(z: Any, y: Any) -> Any:
    return -ag.special.log_softmax(z, axis=1)[np.arange(len(y)), y]


def composed_probabilities(z: Any, y: Any) -> Any:
    return -np.sum(y * ag.special.log_softmax(z, axis=1), axis=1)


def composed_logistic(z: Any, y: Any) -> Any:
    return ag.special.softplus(z) - z * y


def exact_labels(z: Any, y: Any) -> tuple[Any, Any]:
    """The losses, and their slopes where these are probabilities, in extended precision."""
    right = np.arange(z.shape[1]) == y[:, None]
    d = z.astype(np.longdouble) - z[right].astype(np.longdouble)[:, None]
    top = d.max(axis=1, keepdims=True)
    e = np.exp(d - top)
    total = np.sum(e, axis=1, keepdims=True)
    others = np.sum(np.where(right, 0, e), axis=1)
    loss = np.where(top[:, 0] == 0, np.log1p(others), top[:, 0] + np.log(total[:, 0]))
    return loss, np.where(right, np.nan, e / total)


def exact_logistic(z: Any, y: Any) -> tuple[Any, Any]:
    """The same for targets 0 and 1."""
    x = np.where(y == 1, -1, 1) * z.astype(np.longdouble)
    loss = np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))
    return loss, np.where(y == 1, np.nan, np.exp(x - loss))


Loss = Callable[[Any, Any], Any]
CASES: dict[str, tuple[Loss, Loss, Loss | None]] = {
    "softmax, labels": (softmax_row, composed_labels, exact_labels),
    "softmax, one-hot": (softmax_row, composed_probabilities, None),
    "logistic": (binary_cross_entropy_with_logits, composed_logistic, exact_logistic),
}


def data(case: str, n: int, classes: int, scale: float, dtype: Any) -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    z = (scale * rng.normal(size=(n, classes))).astype(dtype)
    k = rng.integers(0, classes, n)
    if case == "softmax, labels":
        return z, k
    return z, (np.eye(classes)[k] if case == "softmax, one-hot" else rng.integers(0, 2, z.shape)).astype(dtype)


def times(case: str, n: int, classes: int) -> tuple[float, float, float]:
    """Seconds for a loss and its backward pass in one row and composed, and the ratio of the two."""
    values, y = data(case, n, classes, 1.0, np.float64)
    z = ag.tensor(values, requires_grad=True)

    def version(loss: Loss) -> Prepared:
        def step() -> None:
            np.mean(loss(z, y)).backward()
            z.grad = None

        return Prepared(step, OURS, {}, ())

    one, composed, _ = CASES[case]
    found = timing.rounds_of({"one": version(one), "composed": version(composed)}, 2.0, 0.005)
    return min(found["one"]), min(found["composed"]), timing.ratio(found["one"], found["composed"])


def errors(loss: Loss, exact: Loss, z: Any, y: Any) -> tuple[float, float]:
    """The largest relative errors of a loss and of an entry of the gradient, in roundings."""
    t = ag.tensor(z, requires_grad=True)
    found = loss(t, y)
    np.sum(found).backward()
    return tuple(map(roundings, (found.numpy(), t.grad.numpy()), exact(z, y)))


def roundings(found: Any, right: Any) -> float:
    limits = np.finfo(found.dtype)
    seen = np.abs(right) > limits.tiny
    return float(np.max(np.abs(found[seen] / right[seen] - 1)) / (limits.eps / 2))


def main() -> None:
    print(machine())
    print(f"{'µs, loss and gradient':<26}{'one row':>10}{'composed':>10}{'ratio':>8}")
    for case in CASES:
        for n, classes in SIZES:
            one, composed, ratio = times(case, n, classes)
            row = f"{1e6 * one:>10.1f}{1e6 * composed:>10.1f}{ratio:>8.2f}"
            print(f"{f'{case}, {n}x{classes}':<26}{row}", flush=True)
    print(f"\n{'float32, in roundings':<32}{'loss':>12}{'composed':>12}{'gradient':>12}{'composed':>12}")
    for case, (loss, composed_loss, exact) in CASES.items():
        for scale in SCALES if exact else ():
            z, y = data(case, 512, 64, scale, np.float32)
            (a, c), (b, d) = errors(loss, exact, z, y), errors(composed_loss, exact, z, y)
            print(f"{f'{case}, logits x {scale:g}':<32}{a:>12.3g}{b:>12.3g}{c:>12.3g}{d:>12.3g}")


if __name__ == "__main__":
    main()
