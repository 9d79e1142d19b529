"""Random numbers: a generator that can be seeded, saved and restored.

Everything draws from one default generator unless another is passed. After :func:`manual_seed`, two runs of a program
draw the same numbers. With `get_rng_state` and `set_rng_state` an interrupted program continues with the numbers that
it would have drawn. Only an explicit call seeds the default generator again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from .snapshots import about_to_draw, about_to_seed

__all__ = [
    "Generator", "default_generator", "get_rng_state", "initial_seed", "manual_seed", "set_rng_state",
]


class Generator:
    """A stream of random numbers; PyTorch's interface around :class:`numpy.random.Generator`.

    Examples
    --------
    >>> import autograd_lite as ag
    >>> generator = ag.Generator().manual_seed(0)
    >>> a = generator.numpy.normal()
    >>> a == generator.manual_seed(0).numpy.normal()
    True
    """

    _seed: int
    _numpy: np.random.Generator | None

    def __init__(self, device: str = "cpu") -> None:
        if str(device) != "cpu":
            raise ValueError(f"Generator on {device!r}: expected 'cpu', the only device")
        self._numpy = None  # made on first use, so that numpy.random is imported only when needed

    @property
    def numpy(self) -> np.random.Generator:
        """The NumPy generator that draws."""
        if self._numpy is None:
            self.seed()
            assert self._numpy is not None
        about_to_draw(self._numpy)
        return self._numpy

    def manual_seed(self, seed: int) -> Generator:
        """Start again from `seed`; returns self."""
        about_to_seed(self)
        self._seed = int(seed)
        self._numpy = np.random.default_rng(self._seed if self._seed >= 0 else 2**64 + self._seed)
        return self

    def seed(self) -> int:
        """Start again from an unpredictable seed, and return it."""
        self.manual_seed(int(np.random.SeedSequence().generate_state(1, np.uint64)[0]))
        return self._seed

    def initial_seed(self) -> int:
        """The seed that the stream started from."""
        assert self.numpy
        return self._seed

    def get_state(self) -> dict[str, Any]:
        """The state of the stream: a dict of strings and integers, which json can write."""
        return dict(self.numpy.bit_generator.state)  # a new dict on each call

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Restore a state that `get_state` returned."""
        self.numpy.bit_generator.state = state

    def __repr__(self) -> str:
        return f"Generator(seed={self.initial_seed()})"


default_generator = Generator()


def manual_seed(seed: int) -> Generator:
    """Start the default stream of random numbers again from `seed`; returns its generator.

    >>> import autograd_lite as ag
    >>> generator = ag.manual_seed(7)
    >>> x = ag.rand(3)
    >>> generator = ag.manual_seed(7)
    >>> bool((ag.rand(3) == x).all())
    True
    """
    return default_generator.manual_seed(seed)


def initial_seed() -> int:
    """The seed that the default stream started from.

    >>> import autograd_lite as ag
    >>> generator = ag.manual_seed(7)
    >>> ag.initial_seed()
    7
    """
    return default_generator.initial_seed()


def get_rng_state() -> dict[str, Any]:
    """The state of the default stream.

    >>> import autograd_lite as ag
    >>> state = ag.get_rng_state()
    >>> x = ag.rand(3)
    >>> ag.set_rng_state(state)
    >>> bool((ag.rand(3) == x).all())
    True
    """
    return default_generator.get_state()


def set_rng_state(new_state: dict[str, Any]) -> None:
    """Restore a state of the default stream, as returned by :func:`get_rng_state`.

    >>> import autograd_lite as ag
    >>> state = ag.get_rng_state()
    >>> x = ag.rand(3)
    >>> ag.set_rng_state(state)
    >>> bool((ag.rand(3) == x).all())
    True
    """
    default_generator.set_state(new_state)


def numpy_generator(generator: Any = None) -> np.random.Generator:
    """The NumPy generator for `generator`: ours or NumPy's, a new one from a seed, the default one for None."""
    if generator is None:
        return default_generator.numpy
    if isinstance(generator, int | np.integer):
        return np.random.default_rng(int(generator))
    stream = generator.numpy if isinstance(generator, Generator) else generator
    if not isinstance(stream, np.random.Generator):
        raise TypeError(f"generator={generator!r}: give an ag.Generator, a numpy.random.Generator or a seed")
    about_to_draw(stream)
    return stream
