"""Linear layers, and embeddings."""

from __future__ import annotations

import math
from typing import Any, Self

import numpy as np

from ..tensor import Tensor
from ..tensor.creation import get_default_dtype
from . import functional as F, init
from .functional.inputs import tensor_of
from .module import Module, Parameter

__all__ = ["Bilinear", "Embedding", "EmbeddingBag", "Linear"]


def parameter(*shape: int, dtype: Any = None) -> Parameter:
    """A parameter of zeros of this shape, to be initialised."""
    return Parameter(np.zeros(shape, dtype or get_default_dtype()))


def draw_parameters(module: Module, inputs: int) -> None:
    """Draw all parameters of a layer uniformly between ±1/√inputs, as PyTorch does."""
    bound = 1 / math.sqrt(inputs) if inputs else 0
    for p in module.parameters(recurse=False):
        init.uniform_(p, -bound, bound)


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

    bias: Parameter | None

    def __init__(self, in_features: int, out_features: int, bias: bool = True, dtype: Any = None) -> None:
        super().__init__()
        self.in_features, self.out_features = in_features, out_features
        self.weight = parameter(out_features, in_features, dtype=dtype)
        self.register_parameter("bias", parameter(out_features, dtype=dtype) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new weights."""
        draw_parameters(self, self.in_features)

    def forward(self, input: Any) -> Tensor:
        x = tensor_of(input, self.weight)
        if not x.ndim or x.shape[-1] != self.in_features:
            raise ValueError(f"{self!r}: expected an input of shape (..., {self.in_features}), got {x.shape}")
        return F.linear(x, self.weight, self.bias)

    def extra_repr(self) -> str:
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"


class Bilinear(Module):
    """``x1 @ weight[k] @ x2 + bias[k]`` for each output k.

    Attributes
    ----------
    weight : Parameter, shape (out_features, in1_features, in2_features)
    bias : Parameter, shape (out_features,)
    """

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
        draw_parameters(self, self.in1_features)

    def forward(self, input1: Any, input2: Any) -> Tensor:
        x1, x2 = tensor_of(input1, self.weight), tensor_of(input2, self.weight)
        if (x1.shape[-1:], x2.shape[-1:]) != ((self.in1_features,), (self.in2_features,)):
            raise ValueError(
                f"{self!r}: expected inputs of shape (..., {self.in1_features}) and (..., {self.in2_features}), "
                f"got {x1.shape} and {x2.shape}"
            )
        return F.bilinear(x1, x2, self.weight, self.bias)

    def extra_repr(self) -> str:
        return (
            f"in1_features={self.in1_features}, in2_features={self.in2_features}, out_features={self.out_features}, "
            f"bias={self.bias is not None}"
        )


class Embedding(Module):
    """A table of vectors, one for each whole number below `num_embeddings`.

    Parameters
    ----------
    num_embeddings, embedding_dim : int
        The number of vectors, and their length.
    padding_idx : int, optional
        An index whose vector is zero and is not trained.
    max_norm, norm_type, scale_grad_by_freq, sparse
        Those of :func:`autograd_lite.nn.functional.embedding`.
    dtype : dtype, optional
        Of the parameters; by default that of :func:`autograd_lite.set_default_dtype`.

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

    def __init__(
        self, num_embeddings: int, embedding_dim: int, padding_idx: int | None = None, max_norm: float | None = None,
        norm_type: float = 2.0, scale_grad_by_freq: bool = False, sparse: bool = False, dtype: Any = None,
    ) -> None:
        super().__init__()
        if padding_idx is not None:
            if not -num_embeddings <= padding_idx < num_embeddings:
                raise ValueError(
                    f"{type(self).__name__}: expected padding_idx below {num_embeddings}, got {padding_idx}"
                )
            padding_idx %= num_embeddings
        self.num_embeddings, self.embedding_dim, self.padding_idx = num_embeddings, embedding_dim, padding_idx
        self.max_norm, self.norm_type = max_norm, norm_type
        self.scale_grad_by_freq, self.sparse = scale_grad_by_freq, sparse
        self.weight = parameter(num_embeddings, embedding_dim, dtype=dtype)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new weights."""
        init.normal_(self.weight)
        if self.padding_idx is not None:
            self.weight.data[self.padding_idx] = 0

    @classmethod
    def from_pretrained(cls, embeddings: Any, freeze: bool = True, **options: Any) -> Self:
        """A table with the rows of a matrix as its vectors, frozen unless ``freeze=False``; other options by name."""
        vectors = tensor_of(embeddings)
        if vectors.ndim != 2:
            raise ValueError(f"{cls.__name__}: expected a matrix, got shape {vectors.shape}")
        count, dim = vectors.shape
        layer = cls(count, dim, dtype=vectors.dtype, **options)
        layer.weight.data[...] = vectors.detach().numpy()
        layer.weight.requires_grad_(not freeze)
        return layer

    def forward(self, input: Any) -> Tensor:
        scaling = self.max_norm, self.norm_type, self.scale_grad_by_freq
        return F.embedding(input, self.weight, self.padding_idx, *scaling)

    def extra_repr(self) -> str:
        padding = f", padding_idx={self.padding_idx}" if self.padding_idx is not None else ""
        return f"{self.num_embeddings}, {self.embedding_dim}{padding}"


class EmbeddingBag(Embedding):
    """The sum, the mean or the largest entries of the vectors of each bag of indices.

    Parameters
    ----------
    num_embeddings, embedding_dim : int
        The number of vectors, and their length.
    max_norm, norm_type, scale_grad_by_freq, sparse
        Those of :func:`autograd_lite.nn.functional.embedding`.
    mode : {'sum', 'mean', 'max'}
    include_last_offset : bool
        Whether the last of the offsets is the end of the last bag.
    padding_idx : int, optional
        An index whose entries are ignored; its vector is zero.
    dtype : dtype, optional
        Of the parameters; by default that of :func:`autograd_lite.set_default_dtype`.

    Examples
    --------
    >>> from autograd_lite import nn
    >>> nn.EmbeddingBag(10, 3)([1, 2, 4, 5, 4], [0, 3]).shape
    (2, 3)
    """

    def __init__(
        self, num_embeddings: int, embedding_dim: int, max_norm: float | None = None, norm_type: float = 2.0,
        scale_grad_by_freq: bool = False, mode: str = "mean", sparse: bool = False, include_last_offset: bool = False,
        padding_idx: int | None = None, dtype: Any = None,
    ) -> None:
        scaling = max_norm, norm_type, scale_grad_by_freq, sparse
        super().__init__(num_embeddings, embedding_dim, padding_idx, *scaling, dtype=dtype)
        self.mode, self.include_last_offset = mode, include_last_offset

    def forward(self, input: Any, offsets: Any = None, per_sample_weights: Any = None) -> Tensor:
        """The results, of shape (bags, embedding_dim); see :func:`autograd_lite.nn.functional.embedding_bag`."""
        return F.embedding_bag(
            input, self.weight, offsets, self.max_norm, self.norm_type, self.scale_grad_by_freq, self.mode, self.sparse,
            per_sample_weights, self.include_last_offset, self.padding_idx,
        )

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, mode={self.mode!r}"
