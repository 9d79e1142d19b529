"""Optimisers of functions of trees, whose gradient is ``grad(x, iteration)``."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np

from .flatten import flatten

Gradient = Callable[[Any, int], Any]


def unflatten_optimizer(optimize: Callable[..., Any]) -> Callable[..., Any]:
    """Let an optimiser of vectors take trees."""

    @wraps(optimize)
    def of_trees(grad: Gradient, x0: Any, callback: Any = None, *args: Any, **params: Any) -> Any:
        x, unflatten = flatten(x0)
        seen = callback and (lambda x, i, g: callback(unflatten(x), i, unflatten(g)))
        return unflatten(optimize(lambda x, i: flatten(grad(unflatten(x), i))[0], x, seen, *args, **params))

    return of_trees


def _iterate(grad: Gradient, x: Any, callback: Any, num_iters: int, step: Callable[[int, Any], Any]) -> Any:
    for i in range(num_iters):
        g = grad(x, i)
        if callback:
            callback(x, i, g)
        x = x + step(i, g)
    return x


@unflatten_optimizer
def sgd(
    grad: Gradient, x: Any, callback: Any = None, num_iters: int = 200, step_size: float = 0.1, mass: float = 0.9
) -> Any:
    """Gradient descent with momentum."""
    velocity = np.zeros(len(x))

    def step(i: int, g: Any) -> Any:
        nonlocal velocity
        velocity = mass * velocity - (1 - mass) * g
        return step_size * velocity

    return _iterate(grad, x, callback, num_iters, step)


@unflatten_optimizer
def rmsprop(
    grad: Gradient, x: Any, callback: Any = None, num_iters: int = 100, step_size: float = 0.1, gamma: float = 0.9,
    eps: float = 1e-8,
) -> Any:
    """Steps in units of the root mean square of the gradient (T. Tieleman and G. Hinton, 2012)."""
    square = np.ones(len(x))

    def step(i: int, g: Any) -> Any:
        nonlocal square
        square = gamma * square + (1 - gamma) * g**2
        return -step_size * g / (np.sqrt(square) + eps)

    return _iterate(grad, x, callback, num_iters, step)


@unflatten_optimizer
def adam(
    grad: Gradient, x: Any, callback: Any = None, num_iters: int = 100, step_size: float = 0.001, b1: float = 0.9,
    b2: float = 0.999, eps: float = 1e-8,
) -> Any:
    """Adam (D. Kingma and J. Ba, 2014)."""
    mean, square = np.zeros(len(x)), np.zeros(len(x))

    def step(i: int, g: Any) -> Any:
        nonlocal mean, square
        mean, square = b1 * mean + (1 - b1) * g, b2 * square + (1 - b2) * g**2
        return -step_size * mean / (1 - b1 ** (i + 1)) / (np.sqrt(square / (1 - b2 ** (i + 1))) + eps)

    return _iterate(grad, x, callback, num_iters, step)
