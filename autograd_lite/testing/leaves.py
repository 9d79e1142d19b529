"""The leaves of arguments and results: arrays of any library, and which of them can be differentiated."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Function = Callable[..., Any]
Map = Callable[[Array], Array]  # of vectors
Gradients = Callable[[Any], Sequence[Any]]  # of a point or of a cotangent, one for each leaf
Shape = tuple[int, ...]
Values = tuple[Any, ...]
Params = dict[str, Any]
Tree = Any  # nested dict / list / tuple of arrays and numbers
NUMBERS = (np.ndarray, np.generic, float, int, complex)


def as_array(leaf: Any) -> Array:
    """The NumPy array behind a number, an array, a Tensor, or another library's array."""
    if isinstance(leaf, NUMBERS):
        return np.asarray(leaf)
    if hasattr(leaf, "detach"):  # Tensors, ours and PyTorch's
        leaf = leaf.detach()
        return np.asarray(leaf.numpy() if hasattr(leaf, "numpy") else leaf)
    return np.asarray(leaf)


def is_array(leaf: Any) -> bool:
    """True if a leaf is an array of any library, or a NumPy scalar; everything else is passed on unchanged."""
    if isinstance(leaf, type):  # a scalar type such as np.float32 has the method, too
        return False
    return isinstance(leaf, np.ndarray | np.generic) or hasattr(leaf, "detach") or hasattr(leaf, "__array__")


def is_differentiable(leaf: Any) -> bool:
    """True if a derivative with respect to this leaf makes sense: real or complex floating numbers."""
    if isinstance(leaf, NUMBERS):
        return np.asarray(leaf).dtype.kind in "fc"
    return is_array(leaf) and as_array(leaf).dtype.kind in "fc"
