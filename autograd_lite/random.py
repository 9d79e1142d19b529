"""One source of randomness: initial weights, dropout, shuffling all draw from it unless they are given another.

Two runs of a program that begins with :func:`manual_seed` print the same bytes.
"""

from __future__ import annotations

from typing import Any

import numpy as np

_current: np.random.Generator | None = None  # made when first asked for: numpy.random is slow to load


def manual_seed(seed: int) -> np.random.Generator:
    """Begin the library's random numbers anew; returns their generator.

    Examples
    --------
    >>> float(manual_seed(0).random()) == float(manual_seed(0).random())
    True
    """
    global _current
    _current = np.random.default_rng(seed)
    return _current


def generator(given: np.random.Generator | int | None = None) -> np.random.Generator:
    """The generator to draw from: the one given, a new one from a seed, or the library's own."""
    global _current
    if given is None:
        if _current is None:
            _current = np.random.default_rng()
        return _current
    return given if isinstance(given, np.random.Generator) else np.random.default_rng(given)


def get_rng_state() -> dict[str, Any]:
    """Where the library's generator stands, as plain numbers; for exact resumption."""
    return dict(generator().bit_generator.state)


def set_rng_state(state: dict[str, Any]) -> None:
    """Put the library's generator where it stood."""
    generator().bit_generator.state = state
