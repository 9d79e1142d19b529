"""Where random numbers come from: a generator that can be seeded, saved and set back.

There is one that everything draws from by default. After :func:`manual_seed` two runs of a program draw the
same numbers; `get_rng_state` and `set_rng_state` let a program that was interrupted go on with the numbers
that it would have drawn. Nothing but an explicit call ever seeds it again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from .snapshots import about_to_draw, about_to_seed


class Generator:
    """A stream of random numbers; PyTorch's interface around :class:`numpy.random.Generator`.

    Examples
    --------
    >>> generator = Generator().manual_seed(0)
    >>> a = generator.numpy.normal()
    >>> a == generator.manual_seed(0).numpy.normal()
    True
    """

    _seed: int
    _numpy: np.random.Generator | None

    def __init__(self, device: str = "cpu") -> None:
        if str(device) != "cpu":
            raise ValueError(f"Generator on {device!r}: there is no device but the 'cpu' here")
        self._numpy = None  # made when it is first asked for: numpy.random is not loaded for nothing

    @property
    def numpy(self) -> np.random.Generator:
        """What draws."""
        if self._numpy is None:
            self.seed()
            assert self._numpy is not None
        about_to_draw(self._numpy)
        return self._numpy

    def manual_seed(self, seed: int) -> Generator:
        """Begin anew from `seed`; returns self."""
        about_to_seed(self)
        self._seed = int(seed)
        self._numpy = np.random.default_rng(self._seed if self._seed >= 0 else 2**64 + self._seed)
        return self

    def seed(self) -> int:
        """Begin anew from a seed that nobody has chosen, and return it."""
        self.manual_seed(int(np.random.SeedSequence().generate_state(1, np.uint64)[0]))
        return self._seed

    def initial_seed(self) -> int:
        """The seed that the stream began with."""
        assert self.numpy
        return self._seed

    def get_state(self) -> dict[str, Any]:
        """Where the stream is: a dict of strings and whole numbers, which json can write."""
        return dict(self.numpy.bit_generator.state)  # made anew for whoever asks

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Go back (or on) to where the stream was when `state` was taken."""
        self.numpy.bit_generator.state = state

    def __repr__(self) -> str:
        return f"Generator(seed={self.initial_seed()})"


default_generator = Generator()


def manual_seed(seed: int) -> Generator:
    """Begin the default stream of random numbers anew from `seed`; returns its generator."""
    return default_generator.manual_seed(seed)


def initial_seed() -> int:
    """The seed that the default stream began with."""
    return default_generator.initial_seed()


def get_rng_state() -> dict[str, Any]:
    """Where the default stream is."""
    return default_generator.get_state()


def set_rng_state(new_state: dict[str, Any]) -> None:
    """Put the default stream where it was when `new_state` was taken."""
    default_generator.set_state(new_state)


def numpy_generator(generator: Any = None) -> np.random.Generator:
    """What draws for `generator`: ours or NumPy's own, a new one from a seed, the default for None."""
    if generator is None:
        return default_generator.numpy
    if isinstance(generator, int | np.integer):
        return np.random.default_rng(int(generator))
    found = generator.numpy if isinstance(generator, Generator) else generator
    if not isinstance(found, np.random.Generator):
        raise TypeError(f"generator={generator!r}: give an ag.Generator, a numpy.random.Generator or a seed")
    about_to_draw(found)
    return found
