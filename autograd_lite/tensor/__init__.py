"""Tensor: a NumPy array that remembers how it was made."""

from . import pairs as _pairs  # noqa: F401  it marks results for rows that look for this
from .tensor import Tensor as Tensor, tensor as tensor
