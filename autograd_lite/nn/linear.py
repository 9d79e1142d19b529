"""Linear layers, and embeddings."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..tensor import Tensor
from ..tensor.creation import get_default_dtype
from . import functional as F
from . import init
from .functional.inputs import given
from .module import Module, Parameter


def parameter(*shape: int, dtype: Any = None) -> Parameter:
    """A parameter of zeros of this shape, to be initialised."""
    return Parameter(np.zeros(shape, dtype or get_default_dtype()))


class Linear(Module):
    """``x @ weight.T + bias``.

    Parameters
    ----------
    in_features, out_features : int
        The sizes of the last axis of input and output.
    bias : bool
        Whether to add a bias.
    dtype : dtype, optional
        Of the parameters; by default float64, or that of :func:`autograd_lite.set_default_dtype`.

    Attributes
    ----------
    weight : Parameter, shape (out_features, in_features)
    bias : Parameter, shape (out_features,)
        Both are drawn uniformly between ±1/√in_features.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_lite import nn
    >>> nn.Linear(3, 2)(np.ones((5, 3))).shape
    (5, 2)
    """

    weight: Parameter
    bias: Parameter | None

    def __init__(self, in_features: int, out_features: int, bias: bool = True, dtype: Any = None) -> None:
        super().__init__()
        self.in_features, self.out_features = in_features, out_features
        self.weight = parameter(out_features, in_features, dtype=dtype)
        self.register_parameter("bias", parameter(out_features, dtype=dtype) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new weights."""
        bound = 1 / math.sqrt(self.in_features) if self.in_features > 0 else 0
        for p in self.parameters(recurse=False):
            init.uniform_(p, -bound, bound)

    def forward(self, input: Any) -> Tensor:
        x = given(input, self.weight)
        if not x.ndim or x.shape[-1] != self.in_features:
            raise ValueError(f"{self!r}: expected an input of shape (..., {self.in_features}), got {x.shape}")
        return F.linear(x, self.weight, self.bias)

    def extra_repr(self) -> str:
        bias = self.bias is not None
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={bias}"


class Bilinear(Module):
    """``x1 @ weight[k] @ x2 + bias[k]`` for each output k.

    Attributes
    ----------
    weight : Parameter, shape (out_features, in1_features, in2_features)
    bias : Parameter, shape (out_features,)
    """

    weight: Parameter
    bias: Parameter | None

    def __init__(
        self, in1_features: int, in2_features: int, out_features: int, bias: bool = True, dtype: Any = None
    ) -> None:
        super().__init__()
        self.in1_features, self.in2_features, self.out_features = in1_features, in2_features, out_features
        self.weight = parameter(out_features, in1_features, in2_features, dtype=dtype)
        self.register_parameter("bias", parameter(out_features, dtype=dtype) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new weights."""
        bound = 1 / math.sqrt(self.in1_features)
        for p in self.parameters(recurse=False):
            init.uniform_(p, -bound, bound)

    def forward(self, input1: Any, input2: Any) -> Tensor:
        x1, x2 = given(input1, self.weight), given(input2, self.weight)
        if (x1.shape[-1:], x2.shape[-1:]) != ((self.in1_features,), (self.in2_features,)):
            expected = f"(..., {self.in1_features}) and (..., {self.in2_features})"
            raise ValueError(f"{self!r}: expected inputs of shape {expected}, got {x1.shape} and {x2.shape}")
        return F.bilinear(x1, x2, self.weight, self.bias)

    def extra_repr(self) -> str:
        sizes = f"in1_features={self.in1_features}, in2_features={self.in2_features}"
        return f"{sizes}, out_features={self.out_features}, bias={self.bias is not None}"


class Embedding(Module):
    """A table of vectors, one for each whole number below `num_embeddings`.

    Parameters
    ----------
    num_embeddings, embedding_dim : int
        The number of vectors, and their length.
    padding_idx : int, optional
        An index whose vector is zero and is not trained.

    Attributes
    ----------
    weight : Parameter, shape (num_embeddings, embedding_dim)
        Drawn from the standard normal distribution.

    Examples
    --------
    >>> from autograd_lite import nn
    >>> nn.Embedding(10, 3)([[1, 2, 4, 5]]).shape
    (1, 4, 3)
    """

    weight: Parameter

    def __init__(
        self, num_embeddings: int, embedding_dim: int, padding_idx: int | None = None, dtype: Any = None
    ) -> None:
        super().__init__()
        if padding_idx is not None:
            if not -num_embeddings <= padding_idx < num_embeddings:
                raise ValueError(f"Embedding: expected padding_idx below {num_embeddings}, got {padding_idx}")
            padding_idx %= num_embeddings
        self.num_embeddings, self.embedding_dim, self.padding_idx = num_embeddings, embedding_dim, padding_idx
        self.weight = parameter(num_embeddings, embedding_dim, dtype=dtype)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new weights."""
        init.normal_(self.weight)
        if self.padding_idx is not None:
            self.weight.data[self.padding_idx] = 0

    @classmethod
    def from_pretrained(cls, embeddings: Any, freeze: bool = True, padding_idx: int | None = None) -> Embedding:
        """A table with the rows of a matrix as its vectors, frozen unless ``freeze=False``."""
        vectors = given(embeddings)
        if vectors.ndim != 2:
            raise ValueError(f"Embedding: expected a matrix, got shape {vectors.shape}")
        count, dim = vectors.shape
        made = cls(count, dim, padding_idx=padding_idx, dtype=vectors.dtype)
        made.weight.data[...] = vectors.detach().numpy()
        made.weight.requires_grad_(not freeze)
        return made

    def forward(self, input: Any) -> Tensor:
        return F.embedding(input, self.weight, self.padding_idx)

    def extra_repr(self) -> str:
        padding = f", padding_idx={self.padding_idx}" if self.padding_idx is not None else ""
        return f"{self.num_embeddings}, {self.embedding_dim}{padding}"
