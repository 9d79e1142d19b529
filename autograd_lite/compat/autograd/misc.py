"""Trees as vectors, optimisers of functions of trees, and fixed points."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np

from ...base.tree import leaves, rebuild
from .core import REFUSED, defvjp, primitive, vspace
from .differential_operators import make_vjp

Function = Callable[..., Any]
Gradient = Callable[[Any, int], Any]
const_graph, full_graph = REFUSED["const_graph"], REFUSED["full_graph"]


def flatten(value: Any) -> tuple[Any, Callable[[Any], Any]]:
    """The entries of a tree of arrays and numbers as one vector, and the function from a vector to such a tree.

    Dicts are in the order of their keys.
    """
    arrays = leaves(value)
    order = leaves(_sorted(rebuild(value, range(len(arrays)))))
    shapes = [np.shape(x) for x in arrays]
    ends = np.cumsum([0, *(np.prod(shapes[k], dtype=int) for k in order)])

    def unflatten(vector: Any) -> Any:
        slices = dict(zip(order, map(slice, ends[:-1], ends[1:]), strict=True))
        return rebuild(value, (np.reshape(vector[slices[k]], shape) for k, shape in enumerate(shapes)))

    return np.concatenate([np.ravel(arrays[k]) for k in order]) if arrays else np.array([]), unflatten


def _sorted(tree: Any) -> Any:
    if isinstance(tree, dict):
        return [_sorted(tree[key]) for key in sorted(tree)]
    return list(map(_sorted, tree)) if isinstance(tree, (list, tuple)) else tree


def flatten_func(func: Function, example: Any) -> tuple[Function, Callable[[Any], Any], Any]:
    """A function of trees as one of vectors, the function from vectors to trees, and `example` as a vector."""
    vector, unflatten = flatten(example)
    return lambda x, *args: flatten(func(unflatten(x), *args))[0], unflatten, vector


# ------------------------------------------------------------------------------------------------------ optimisers


def unflatten_optimizer(optimize: Function) -> Function:
    """Let an optimiser of vectors, whose gradient is ``grad(x, iteration)``, take trees."""

    @wraps(optimize)
    def of_trees(grad: Gradient, x0: Any, callback: Any = None, *args: Any, **params: Any) -> Any:
        x, unflatten = flatten(x0)
        seen = callback and (lambda x, i, g: callback(unflatten(x), i, unflatten(g)))
        return unflatten(optimize(lambda x, i: flatten(grad(unflatten(x), i))[0], x, seen, *args, **params))

    return of_trees


def _gradient(grad: Gradient, x: Any, i: int, callback: Any) -> Any:
    g = grad(x, i)
    if callback:
        callback(x, i, g)
    return g


@unflatten_optimizer
def sgd(
    grad: Gradient, x: Any, callback: Any = None, num_iters: int = 200, step_size: float = 0.1, mass: float = 0.9
) -> Any:
    """Gradient descent with momentum."""
    velocity = np.zeros(len(x))
    for i in range(num_iters):
        velocity = mass * velocity - (1 - mass) * _gradient(grad, x, i, callback)
        x = x + step_size * velocity
    return x


@unflatten_optimizer
def rmsprop(
    grad: Gradient, x: Any, callback: Any = None, num_iters: int = 100, step_size: float = 0.1, gamma: float = 0.9,
    eps: float = 1e-8,
) -> Any:
    """Steps in units of the root mean square of the gradient (T. Tieleman and G. Hinton, 2012)."""
    square = np.ones(len(x))
    for i in range(num_iters):
        g = _gradient(grad, x, i, callback)
        square = gamma * square + (1 - gamma) * g**2
        x = x - step_size * g / (np.sqrt(square) + eps)
    return x


@unflatten_optimizer
def adam(
    grad: Gradient, x: Any, callback: Any = None, num_iters: int = 100, step_size: float = 0.001, b1: float = 0.9,
    b2: float = 0.999, eps: float = 1e-8,
) -> Any:
    """Adam (D. Kingma and J. Ba, 2014)."""
    mean, square = np.zeros(len(x)), np.zeros(len(x))
    for i in range(num_iters):
        g = _gradient(grad, x, i, callback)
        mean, square = b1 * mean + (1 - b1) * g, b2 * square + (1 - b2) * g**2
        x = x - step_size * mean / (1 - b1 ** (i + 1)) / (np.sqrt(square / (1 - b2 ** (i + 1))) + eps)
    return x


# ---------------------------------------------------------------------------------------------------- fixed points


@primitive
def fixed_point(f: Function, a: Any, x0: Any, distance: Function, tol: float) -> Any:
    """The limit of ``x = f(a)(x)`` from `x0`, up to ``distance(x, previous) <= tol``.

    Its derivative with respect to `a` is that of the implicit function.
    """
    step = f(a)
    x, previous = step(x0), x0
    while distance(x, previous) > tol:
        x, previous = step(x), x
    return x


def _fixed_point_vjp(ans: Any, f: Function, a: Any, x0: Any, distance: Function, tol: float) -> Function:
    pull_a, _ = make_vjp(lambda a, x: f(a)(x))(a, ans)

    def adjoint(arguments: Any) -> Function:
        """One step of the adjoint equation ``w = g + (df/dx)^T w``."""
        a, x, g = arguments
        pull_x, _ = make_vjp(f(a))(x)
        return lambda w: vspace(x).add(pull_x(w), g)

    return lambda g: pull_a(fixed_point(adjoint, (a, ans, g), vspace(ans).zeros(), distance, tol))


defvjp(fixed_point, None, _fixed_point_vjp, None)
