"""A small net, its derivation, its backward pass as NumPy, and a worksheet marked: `python examples/derivation.py`.

Nothing below says how to differentiate: the library has the table of derivatives and the graph.
"""

from __future__ import annotations

import numpy as np

import autograd_lite as ag
from autograd_lite.teach import worksheet


def loss(x, y, W1, b1, W2):
    """A layer, a non-linearity, another layer, and the mean of the squared errors."""
    h = np.tanh(x @ W1 + b1)
    z = h @ W2
    L = np.mean((z - y) ** 2)
    return L  # noqa: RET504 - the source is called after it


def main() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(5, 3)), rng.normal(size=(5, 1))
    weights = {"W1": rng.normal(size=(3, 4)), "b1": np.zeros(4), "W2": rng.normal(size=(4, 1))}
    W1, b1, W2 = (ag.tensor(w, requires_grad=True, name=name) for name, w in weights.items())

    L = loss(x, y, W1, b1, W2)
    print(L.explain(wrt=[W2, W1, b1], names={"x": x, "y": y}))

    step = ag.source(loss, x, y, *weights.values(), wrt=["W1", "b1", "W2"], update="lr", name="step")
    print(step)
    for count in range(201):
        value, *_ = step(x, y, *weights.values(), 0.1)
        if count % 50 == 0:
            print(f"after {count:3} steps the loss is {value:.4f}")

    if value > 0.2:
        raise SystemExit("the written step did not learn")

    sheet = worksheet(L, wrt=[W2], names={"x": x, "y": y})
    print(f"\n{sheet}")
    print(sheet.check({"dLdz": "2 * (z - y)", "dzdW2": "h", "dLdW2": "h.T @ dLdz"}))


if __name__ == "__main__":
    main()
