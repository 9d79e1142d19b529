"""Results of methods that are computed once for each object."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TypeVar, TypeVarTuple

S = TypeVar("S")
T = TypeVar("T")
Arguments = TypeVarTuple("Arguments")

RESULTS = "_results_of_"  # how the names of the attributes with them begin


def cached_method(method: Callable[[S, *Arguments], T]) -> Callable[[S, *Arguments], T]:
    """A method that is run once for each object and arguments; the object keeps the results.

    ``functools.cache`` would keep the objects alive.
    """
    name = f"{RESULTS}{method.__name__}"

    @wraps(method)
    def cached(self: S, *args: *Arguments) -> T:
        results: dict[object, T] = vars(self).setdefault(name, {})
        if args not in results:
            results[args] = method(self, *args)
        return results[args]

    return cached
