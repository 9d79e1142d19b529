"""A short notation for the arguments that a row is tested at: ``"2x3 axis=0; 2x3 [3]"``, or ``at((2, 3), axis=0)``.

The first has one example between semicolons, and its arguments between blanks: ``2x3``, ``[3]`` and ``[]`` are arrays
of normal numbers of this shape, ``2x3j`` one of complex numbers, ``0.5..3:2x3`` one of numbers between 0.5 and 3,
``±2x3`` one of numbers of both signs that are not near 0, ``3I:2x2`` a matrix near three times the identity,
``2x3,[3]`` a list of two arrays, ``a[2,0]`` an array with these entries, and the rest are Python's literals, or words.

An example is a function of a random generator that returns ``(arguments, keywords)``. :func:`at` makes one. A tuple
among its arguments, or in a list there, is the shape of an array of normal numbers; everything else is passed as it is.
With keywords alone it is a matrix of shape (2, 3). Other arrays are written :func:`uniform`, :func:`around`,
:func:`complex_normal` or :func:`boolean`, and a tuple that is not a shape, :func:`just`. A keyword's tuple is always
just a tuple.

>>> rng = np.random.default_rng(0)
>>> example = at([(2, 3), (2, 1)], just((0, 1)), axis=(0, 1), scale=uniform(1, 2, 3))
>>> (arrays, pair), keywords = example(rng)
>>> [a.shape for a in arrays], pair, keywords["axis"], keywords["scale"].shape
([(2, 3), (2, 1)], (0, 1), (0, 1), (3,))
"""

from __future__ import annotations

import re
from ast import literal_eval
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from typing import Any, TypeAlias

import numpy as np

Example: TypeAlias = "Callable[[np.random.Generator], tuple[tuple[Any, ...], dict[str, Any]]]"


class Drawn:
    """An argument made from a random generator.

    >>> import numpy as np
    >>> (x,), _ = at(Drawn(lambda rng: np.sort(rng.normal(size=3))))(np.random.default_rng(0))
    >>> bool(np.all(np.diff(x) > 0))
    True
    """

    def __init__(self, draw: Callable[[np.random.Generator], Any]) -> None:
        self.draw = draw


def at(*args: Any, **params: Any) -> Example:
    """An example: a tuple is the shape of an array of normal numbers, the rest is passed as it is.

    Without arguments it is one of shape (2, 3).

    >>> import numpy as np
    >>> (x, n), params = at((2, 3), 4, axis=0)(np.random.default_rng(0))
    >>> x.shape, n, params
    ((2, 3), 4, {'axis': 0})
    """
    return lambda rng: (
        tuple(_argument(rng, a) for a in args or ((2, 3),)),
        {name: value.draw(rng) if isinstance(value, Drawn) else value for name, value in params.items()},
    )


def listed(examples: str | Iterable[str | Example]) -> list[Example]:
    """Examples, some of which are written in the notation.

    >>> import numpy as np
    >>> for example in listed("2x3 [3] -1 axis=0; 4x1j 0..1:[2] a[2,0] mode=wrap axes=0,2; [2],[2] axis=None"):
    ...     args, params = example(np.random.default_rng(0))
    ...     print(*map(np.shape, args), params)
    (2, 3) (3,) () {'axis': 0}
    (4, 1) (2,) (2,) {'mode': 'wrap', 'axes': (0, 2)}
    (2, 2) {'axis': None}
    """
    parts = [examples] if isinstance(examples, str) else examples
    return [x for part in parts for x in (_written(part) if isinstance(part, str) else [part])]


def _written(text: str) -> list[Example]:
    return [partial(_drawn, example) for example in text.split(";")]


#: What its numbers are, its shape, and whether they are complex.
_ARRAY = re.compile(r"(?:(\S+)\.\.(\S+):|(\d+)I:|(±))?(\d+(?:x\d+)+|\[\d*\])(j?)")


def _drawn(example: str, rng: np.random.Generator) -> tuple[tuple[Any, ...], dict[str, Any]]:
    words = [word.rpartition("=") for word in example.split()]
    params = {name: _value(value) for name, _, value in words if name}
    return at(*(_value(value) for name, _, value in words if not name), **params)(rng)


def _value(word: str) -> Any:
    arrays = [_ARRAY.fullmatch(part) for part in word.split(",")]
    if all(arrays):
        made = [_array(*array.groups()) for array in arrays if array]
        return made[0] if len(made) == 1 else made
    for read in (literal_eval, float):  # inf is no literal
        with suppress(SyntaxError, ValueError):
            return just(np.array(read(word[1:])) if word.startswith("a[") else read(word))
    return word


def _array(low: str | None, high: str, times: str | None, both: str | None, shape: str, is_complex: str) -> Any:
    sizes = tuple(map(int, re.findall(r"\d+", shape)))
    if low:
        return uniform(float(low), float(high), *sizes)
    if times:
        return around(int(times) * np.eye(sizes[-2], sizes[-1]), *sizes)
    if both:
        return Drawn(lambda rng: (x := rng.normal(size=sizes)) + np.copysign(0.5, x))
    return complex_normal(*sizes) if is_complex else sizes


def _argument(rng: np.random.Generator, a: Any) -> Any:
    if isinstance(a, Drawn):
        return a.draw(rng)
    if type(a) is list:
        return [_argument(rng, part) for part in a]
    return rng.normal(size=a) if type(a) is tuple else a


def uniform(low: float, high: float, *shape: int) -> Drawn:
    """An array of numbers between `low` and `high`; without a shape, one Python number.

    >>> import numpy as np
    >>> (x,), _ = at(uniform(1.0, 2.0, 3))(np.random.default_rng(0))
    >>> bool(np.all((x > 1) & (x < 2)))
    True
    """
    return Drawn(lambda rng: rng.uniform(low, high, shape or None))


def around(centre: Any, *shape: int, scale: float = 1.0) -> Drawn:
    """Normal numbers around those of an array; with a shape, around the array broadcast to it.

    >>> import numpy as np
    >>> (x,), _ = at(around(np.eye(2), scale=0.01))(np.random.default_rng(0))
    >>> x.round(1)
    array([[ 1., -0.],
           [ 0.,  1.]])
    """
    return Drawn(lambda rng: centre + scale * rng.normal(size=shape or np.shape(centre)))


def complex_normal(*shape: int) -> Drawn:
    """Complex numbers; the real and the imaginary parts are normal.

    >>> import numpy as np
    >>> (x,), _ = at(complex_normal(2, 3))(np.random.default_rng(0))
    >>> x.dtype, x.shape
    (dtype('complex128'), (2, 3))
    """
    return Drawn(lambda rng: rng.normal(size=shape) + 1j * rng.normal(size=shape))


def boolean(*shape: int) -> Drawn:
    """True and False, equally often.

    >>> import numpy as np
    >>> (x,), _ = at(boolean(2, 3))(np.random.default_rng(0))
    >>> x.dtype, x.shape
    (dtype('bool'), (2, 3))
    """
    return Drawn(lambda rng: rng.normal(size=shape) > 0)


def just(value: Any) -> Drawn:
    """The value as it is: a tuple that is not a shape.

    >>> import numpy as np
    >>> (x, order), _ = at((2, 3), just((1, 0)))(np.random.default_rng(0))
    >>> order
    (1, 0)
    """
    return Drawn(lambda rng: value)
