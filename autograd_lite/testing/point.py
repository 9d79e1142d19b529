"""A function at a point, as the engine sees it: of its differentiable arrays alone, everything else held."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from autograd_lite.engine.context import no_grad
from autograd_lite.tensor import tensor
from autograd_lite.testing.trees import Tree, as_array, is_differentiable, leaves, rebuild


class Point:
    """A function as the engine sees it: of its differentiable arrays alone, everything else held."""

    def __init__(self, f: Callable[..., Any], inputs: Sequence[Any]) -> None:
        self.f, self.inputs = f, inputs
        self.flat = [v for tree in inputs for _, v in leaves(tree)]
        self.places = [k for k, v in enumerate(self.flat) if is_differentiable(v)]
        self.arrays: list[Any] = [
            v if isinstance(v, float | complex) else as_array(v).copy()
            for v in (self.flat[k] for k in self.places)
        ]

    def of_arrays(self, *arrays: Any) -> Tree:
        """f with these arrays (or Tensors) in the places of the differentiable ones."""
        flat = list(self.flat)
        for k, a in zip(self.places, arrays, strict=True):
            flat[k] = a
        it = iter(flat)
        return self.f(*(rebuild(tree, it) for tree in self.inputs))

    def values(self, *args: Any) -> Tree:
        """f's value as arrays, computed on Tensors but unrecorded."""
        with no_grad():
            return plain(self.f(*(rebuild(tree, map(_tensor, values_of(tree))) for tree in args)))


def values_of(tree: Tree) -> list[Any]:
    return [v for _, v in leaves(tree)]


def _tensor(v: Any) -> Any:
    return tensor(v) if is_differentiable(v) else v


def plain(tree: Tree) -> Tree:
    return rebuild(tree, [as_array(v) for v in values_of(tree)])
