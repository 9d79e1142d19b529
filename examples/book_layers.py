"""Gradients of layers that books print, checked: which are wrong, what the checker says, and how to find the mistake.

    python examples/book_layers.py

The layers are those of the book that continues the talk, Seth Weidman's "Deep Learning from Scratch" (2019) and its
library `lincoln`: their formulas, in our own code. A backward pass takes the gradient `g` of the result and the inputs;
`check_vjp` compares it with finite differences of the forward pass. It needs no library behind the layer: two functions
on NumPy arrays are enough.

The checker says which argument has a wrong gradient, and where it can, why. Where it cannot, check a smaller problem: a
part of the layer, a part of its arguments, or a special input. If that is right, the mistake is in what was left out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from autograd_lite.testing import check_vjp

rng = np.random.default_rng(0)
Array = Any


class Layer(NamedTuple):
    name: str
    forward: Callable[..., Array]
    printed: Callable[..., Any]  # the backward pass as it stands in the book
    inputs: tuple[Array, ...]
    smaller: Layer | None = None  # a smaller problem, of which the printed backward pass is right
    mistake: str = ""
    right: Callable[..., Any] | None = None  # where the printed one is wrong


def normal(*shape: int) -> Array:
    return rng.normal(size=shape)


def sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def softmax(x: Array) -> Array:
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


# -------------------------------------------------------------------------------------------------- activations


def relu(x: Array) -> Array:
    return np.maximum(x, 0)


def relu_by_output(g: Array, x: Array) -> Array:
    return g * (relu(x) >= 0)  # the output of a relu is never negative


# ------------------------------------------------------------------------------------------------------- losses

T = np.eye(3)[[0, 2, 1, 1]]


def cross_entropy(x: Array) -> Array:
    return -np.sum(T * np.log(softmax(x))) / len(x)


def normalised_error(x: Array) -> Array:
    p = x / x.sum(axis=1, keepdims=True)
    return np.sum((p - T) ** 2) / len(x)


def error_without_norm(g: Array, x: Array) -> Array:
    p = x / x.sum(axis=1, keepdims=True)
    return g * 2 * (p - T) / len(x)  # of p, and not of x


def error_with_norm(g: Array, x: Array) -> Array:
    total = x.sum(axis=1, keepdims=True)
    p = x / total
    dp = 2 * (p - T) / len(x)
    return g * (dp - np.sum(dp * p, axis=1, keepdims=True)) / total


# -------------------------------------------------------------------------------------------------- convolution


def convolve(x: Array, w: Array) -> Array:
    """Images (n, height, width) with one filter (k, k), k odd, padded to the same size."""
    k = len(w) // 2
    padded = np.pad(x, ((0, 0), (k, k), (k, k)))
    return np.einsum("nijab,ab->nij", np.lib.stride_tricks.sliding_window_view(padded, w.shape, (1, 2)), w)


def convolve_back(flip: bool) -> Callable[..., Any]:
    def back(g: Array, x: Array, w: Array) -> Any:
        k = len(w) // 2
        windows = np.lib.stride_tricks.sliding_window_view(np.pad(x, ((0, 0), (k, k), (k, k))), w.shape, (1, 2))
        return convolve(g, w[::-1, ::-1] if flip else w), np.einsum("nij,nijab->ab", g, windows)

    return back


# --------------------------------------------------------------------------------------------------- a GRU step


def gru(x: Array, h: Array, W: Array, U: Array) -> Array:
    """One step; `W` and `U` have the weights of the gates r and z and of the candidate side by side."""
    n = h.shape[1]
    r, z = np.split(sigmoid(x @ W[:, : 2 * n] + h @ U[:, : 2 * n]), 2, axis=1)
    c = np.tanh(x @ W[:, 2 * n :] + (r * h) @ U[:, 2 * n :])
    return z * h + (1 - z) * c


def gru_back(with_x: bool) -> Callable[..., Any]:
    def back(g: Array, x: Array, h: Array, W: Array, U: Array) -> Any:
        n = h.shape[1]
        r, z = np.split(sigmoid(x @ W[:, : 2 * n] + h @ U[:, : 2 * n]), 2, axis=1)
        c = np.tanh(x @ W[:, 2 * n :] + (r * h) @ U[:, 2 * n :])
        dc = g * (1 - z) * (1 - c**2)
        drh = dc @ U[:, 2 * n :].T
        gates = np.hstack([drh * h * r * (1 - r), g * (h - c) * z * (1 - z)])
        dx = np.hstack([gates, dc]) @ W.T if with_x else np.zeros_like(x)
        dh = g * z + drh * r + gates @ U[:, : 2 * n].T
        return dx, dh, x.T @ np.hstack([gates, dc]), np.hstack([h.T @ gates, (r * h).T @ dc])

    return back


X, SIGNED, ROWS = normal(4, 3), normal(4, 3), rng.uniform(1, 2, (4, 3))
IMAGES, KERNEL = normal(2, 5, 5), normal(3, 3)
STATE = normal(4, 2), normal(3, 6), normal(2, 6)

LAYERS = [
    Layer("dense", lambda x, W, b: x @ W + b, lambda g, x, W, b: (g @ W.T, x.T @ g, g.sum(axis=0, keepdims=True)),
          (X, normal(3, 2), normal(1, 2))),
    Layer("sigmoid", sigmoid, lambda g, x: g * sigmoid(x) * (1 - sigmoid(x)), (X,)),
    Layer("tanh", np.tanh, lambda g, x: g * (1 - np.tanh(x) ** 2), (X,)),
    Layer("relu", relu, relu_by_output, (SIGNED,),
          Layer("positive inputs", relu, relu_by_output, (abs(SIGNED),)),
          "The mask is that of the output, which is never negative. It must be that of the input, x > 0.",
          lambda g, x: g * (x > 0)),
    Layer("cross-entropy of a softmax", cross_entropy, lambda g, x: g * (softmax(x) - T) / len(x), (X,)),
    Layer("normalised squared error", normalised_error, error_without_norm, (ROWS,),
          Layer("the normalised prediction as the input", lambda p: np.sum((p - T) ** 2) / len(p),
                lambda g, p: g * 2 * (p - T) / len(p), (ROWS / ROWS.sum(axis=1, keepdims=True),)),
          "The gradient stops at the normalised prediction. The division by the sum has a derivative too.",
          error_with_norm),
    Layer("convolution", convolve, convolve_back(flip=False), (IMAGES, KERNEL),
          Layer("a symmetric kernel", convolve, convolve_back(flip=False), (IMAGES, KERNEL + KERNEL[::-1, ::-1])),
          "For the gradient of the image, the kernel must be turned by 180 degrees. A symmetric one hides the mistake.",
          convolve_back(flip=True)),
    Layer("GRU step", gru, gru_back(with_x=False), (X, *STATE),
          Layer("a fixed input x", lambda *state: gru(X, *state), lambda g, *state: gru_back(False)(g, X, *state)[1:],
                STATE),
          "Nothing is ever added to the gradient of the input, so the layer below learns nothing.",
          gru_back(with_x=True)),
]  # fmt: skip


def verify(name: str, forward: Any, backward: Any, inputs: tuple[Array, ...]) -> None:
    if not check_vjp(forward, backward, *inputs):
        raise SystemExit(f"{name}: the gradient is wrong")
    print(f"    {name}: right")


def main() -> None:
    wrong = []
    for layer in LAYERS:
        report = check_vjp(layer.forward, layer.printed, *layer.inputs)
        print(f"{layer.name}: {'right' if report else 'WRONG'}")
        if report:
            continue
        wrong.append(layer)
        for finding in report.findings:
            cause = f": {finding.cause}" if finding.cause else ", with no simple cause"
            print(f"    argument {finding.argument} is wrong in {finding.wrong} of {finding.examined} entries{cause}")
        assert layer.smaller is not None
        verify(f"with {layer.smaller.name}", layer.smaller.forward, layer.smaller.printed, layer.smaller.inputs)
        print(f"    {layer.mistake}")
        verify("corrected", layer.forward, layer.right, layer.inputs)
    print(f"\n{len(wrong)} of {len(LAYERS)} printed gradients are wrong: {', '.join(layer.name for layer in wrong)}")
    if wrong != [layer for layer in LAYERS if layer.right is not None]:
        raise SystemExit("the checker does not agree with the list above")


if __name__ == "__main__":
    main()
