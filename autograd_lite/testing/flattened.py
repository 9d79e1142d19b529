"""A function at a point, as a function of its differentiable arrays alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from autograd_lite.base.tree import leaves, rebuild, tree_map
from autograd_lite.engine.context import no_grad
from autograd_lite.table.surrogate import NearPoint
from autograd_lite.tensor import tensor
from autograd_lite.testing.leaves import Tree, as_array, is_differentiable


class Point:
    """A function of its differentiable arrays alone; all other arguments are constants."""

    def __init__(self, f: Callable[..., Any], inputs: Sequence[Any]) -> None:
        self.f, self.inputs = f, inputs
        self.near = NearPoint()  # for rows with a surrogate gradient
        self.flat = leaves(tuple(inputs))
        self.places = [k for k, v in enumerate(self.flat) if is_differentiable(v)]
        self.arrays: list[Any] = [
            v if isinstance(v, float | complex) else as_array(v).copy() for v in (self.flat[k] for k in self.places)
        ]

    def of_arrays(self, *arrays: Any) -> Tree:
        """The value of f with these arrays or Tensors in place of the differentiable ones."""
        flat = list(self.flat)
        for k, a in zip(self.places, arrays, strict=True):
            flat[k] = a
        with self.near:
            return self.f(*rebuild(tuple(self.inputs), flat))

    def values(self, *args: Any) -> Tree:
        """The value of f as arrays, computed on Tensors without recording."""
        with no_grad(), self.near:
            return as_arrays(self.f(*tree_map(_tensor, args)))


def _tensor(v: Any) -> Any:
    return tensor(v) if is_differentiable(v) else v


def as_arrays(tree: Tree) -> Tree:
    return tree_map(as_array, tree)
