"""Tensor: a NumPy array that remembers how it was made."""

from .tensor import Tensor as Tensor
from .tensor import tensor as tensor
