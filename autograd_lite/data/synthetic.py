"""Generated points in the plane that no straight line separates."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..base.generator import numpy_generator
from .loader import GeneratorOrSeed


def moons(
    n: int = 100, noise: float = 0.1, generator: GeneratorOrSeed = 0
) -> tuple[Any, Any]:
    """Two interleaving half circles, as in scikit-learn's ``make_moons``.

    Returns
    -------
    X : array of shape (n, 2)
    y : int array of shape (n,)
        0 for the upper, 1 for the lower moon.

    Examples
    --------
    >>> X, y = moons(4, noise=0.0)
    >>> X.round(2).tolist(), y.tolist()
    ([[1.0, 0.0], [-1.0, 0.0], [0.0, 0.5], [2.0, 0.5]], [0, 0, 1, 1])
    """
    rng = numpy_generator(generator)
    upper, lower = np.linspace(0, np.pi, n // 2), np.linspace(0, np.pi, n - n // 2)
    x1 = np.concatenate([np.cos(upper), 1 - np.cos(lower)])
    x2 = np.concatenate([np.sin(upper), 0.5 - np.sin(lower)])
    X = np.column_stack([x1, x2])
    return X + noise * rng.standard_normal(X.shape), np.repeat([0, 1], [len(upper), len(lower)])


def spiral(
    n: int = 100, classes: int = 3, noise: float = 0.2,
    generator: GeneratorOrSeed = 0,
) -> tuple[Any, Any]:
    """The arms of a spiral, one for each class, with `n` points in each.

    Returns
    -------
    X : array of shape (n * classes, 2)
    y : int array of shape (n * classes,)

    Examples
    --------
    >>> X, y = spiral(5, classes=2)
    >>> X.shape, y.tolist()
    ((10, 2), [0, 0, 0, 0, 0, 1, 1, 1, 1, 1])
    """
    rng = numpy_generator(generator)
    r = np.tile(np.linspace(0, 1, n), classes)
    arm = np.repeat(np.arange(classes), n)
    angle = 4 * (arm + r) + noise * rng.standard_normal(n * classes)
    return np.column_stack([r * np.sin(angle), r * np.cos(angle)]), arm
