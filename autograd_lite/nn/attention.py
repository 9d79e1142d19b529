"""Multi-head attention, and the transformer's encoder (Vaswani et al., 2017)."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..tensor import Tensor
from . import functional as F
from . import init
from .containers import ModuleList
from .functional.attention import attention_weights
from .functional.inputs import given, rows
from .linear import Linear, parameter
from .module import Module, Parameter
from .norm import Dropout, LayerNorm

expand_dims, matmul, mean, split = rows("expand_dims", "matmul", "mean", "split")


class MultiheadAttention(Module):
    """Scaled dot-product attention in `num_heads` parts of the features.

    Parameters
    ----------
    embed_dim, num_heads : int
        The number of features of queries and results, and of heads among which they are divided.
    dropout : float
        The dropout probability of the attention weights, in training.
    bias : bool
    kdim, vdim : int, optional
        The numbers of features of keys and values, if different.
    batch_first : bool
        Whether arrays are (batch, length, features), not (length, batch, features).
    dtype : dtype, optional

    Attributes
    ----------
    in_proj_weight : Parameter, shape (3 embed_dim, embed_dim)
        For queries, keys and values, stacked; with `kdim` or `vdim` there are `q_proj_weight`, `k_proj_weight` and
        `v_proj_weight` instead.
    in_proj_bias : Parameter, shape (3 embed_dim,)
    out_proj : Linear

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_lite import nn
    >>> x = np.ones((2, 5, 8))
    >>> output, weights = nn.MultiheadAttention(8, 2, batch_first=True)(x, x, x)
    >>> output.shape, weights.shape
    ((2, 5, 8), (2, 5, 5))
    """

    in_proj_weight: Parameter | None
    in_proj_bias: Parameter | None

    def __init__(
        self, embed_dim: int, num_heads: int, dropout: float = 0.0, bias: bool = True, add_bias_kv: bool = False,
        add_zero_attn: bool = False, kdim: int | None = None, vdim: int | None = None, batch_first: bool = False,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        if embed_dim % num_heads:
            raise ValueError(f"MultiheadAttention: {embed_dim} features cannot be divided among {num_heads} heads")
        if add_bias_kv or add_zero_attn:
            raise ValueError("MultiheadAttention: add_bias_kv and add_zero_attn are not supported; omit them")
        self.embed_dim, self.num_heads, self.dropout, self.batch_first = embed_dim, num_heads, dropout, batch_first
        self.kdim, self.vdim = kdim or embed_dim, vdim or embed_dim
        self.together = self.kdim == self.vdim == embed_dim
        for name, n in (
            ("q_proj_weight", embed_dim),
            ("k_proj_weight", self.kdim),
            ("v_proj_weight", self.vdim),
        ):
            self.register_parameter(name, None if self.together else parameter(embed_dim, n, dtype=dtype))
        whole = parameter(3 * embed_dim, embed_dim, dtype=dtype) if self.together else None
        self.register_parameter("in_proj_weight", whole)
        self.register_parameter("in_proj_bias", parameter(3 * embed_dim, dtype=dtype) if bias else None)
        self.out_proj = Linear(embed_dim, embed_dim, bias, dtype)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new weights with `init.xavier_uniform_`, and set the biases to 0."""
        for name, p in self.named_parameters(recurse=False):
            if name == "in_proj_bias":
                init.zeros_(p)
            else:
                init.xavier_uniform_(p)
        self.out_proj.reset_parameters()
        if self.out_proj.bias is not None:
            init.zeros_(self.out_proj.bias)

    def forward(
        self, query: Any, key: Any, value: Any, key_padding_mask: Any = None, need_weights: bool = True,
        attn_mask: Any = None, average_attn_weights: bool = True, is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """The results, and the attention weights of each target over the sources (None unless `need_weights`).

        As in PyTorch, both masks are True where attention is *not* allowed, the opposite of
        :func:`~autograd_lite.nn.functional.scaled_dot_product_attention`; or numbers to add to the scores.
        `key_padding_mask` has shape (batch, sources), and `attn_mask` (targets, sources) or
        (batch * heads, targets, sources).
        """
        same = query is key is value
        q = given(query, self.out_proj.weight)
        k, v = (q, q) if same else (given(key, self.out_proj.weight), given(value, self.out_proj.weight))
        self._check(q, k, v)
        batched = q.ndim == 3
        if not batched:
            q, k, v = (expand_dims(x, 0) for x in (q, k, v))
        elif not self.batch_first:
            q, k, v = (x.transpose(1, 0, 2) for x in (q, k, v))
        q, k, v = map(self._heads, self._projected(q, k, v, same))
        causal = is_causal and attn_mask is None
        mask = self._mask(attn_mask, key_padding_mask, q, k, causal)
        weights = attention_weights(q, k, mask, causal and mask is None)
        y = matmul(F.dropout(weights, self.dropout, self.training), v)  # (batch, heads, targets, features)
        y = self.out_proj(y.transpose(0, 2, 1, 3).reshape(y.shape[0], y.shape[2], self.embed_dim))
        y = y[0] if not batched else y if self.batch_first else y.transpose(1, 0, 2)
        if not need_weights:
            return y, None
        shown = mean(weights, axis=1) if average_attn_weights else weights
        return y, shown if batched else shown[0]

    def _check(self, q: Tensor, k: Tensor, v: Tensor) -> None:
        sizes = [x.shape[-1] if x.ndim == q.ndim and q.ndim in (2, 3) else None for x in (q, k, v)]
        if sizes != [self.embed_dim, self.kdim, self.vdim] or k.shape[:-1] != v.shape[:-1]:
            raise ValueError(
                f"{self._called}: expected queries, keys and values of {self.embed_dim}, {self.kdim} and {self.vdim} "
                f"features, keys and values equally many, got shapes {q.shape}, {k.shape} and {v.shape}"
            )

    def _projected(self, q: Tensor, k: Tensor, v: Tensor, same: bool) -> list[Tensor]:
        if same and self.in_proj_weight is not None:
            return list(split(F.linear(q, self.in_proj_weight, self.in_proj_bias), 3, -1))
        whole = self.in_proj_weight
        names = ("q_proj_weight", "k_proj_weight", "v_proj_weight")
        weights = [self._parameters[name] for name in names] if whole is None else list(split(whole, 3))
        biases = [None] * 3 if self.in_proj_bias is None else list(split(self.in_proj_bias, 3))
        return [F.linear(x, w, b) for x, w, b in zip((q, k, v), weights, biases, strict=True)]

    def _heads(self, x: Tensor) -> Tensor:
        """(batch, length, features) as (batch, heads, length, features / heads)."""
        n, length, _ = x.shape
        return x.reshape(n, length, self.num_heads, -1).transpose(0, 2, 1, 3)

    def _mask(self, attn_mask: Any, padding: Any, q: Tensor, k: Tensor, causal: bool) -> Any:
        """Both masks as one: True where attention is allowed, or numbers to add. None if there is no mask."""
        n, heads, targets, _ = q.shape
        sources = k.shape[2]
        if padding is None and attn_mask is None:
            return None
        parts: list[Any] = []
        if attn_mask is not None:
            m = given(attn_mask).detach()
            if m.shape not in ((targets, sources), (n * heads, targets, sources)):
                raise ValueError(f"{self._called}: expected attn_mask of shape {(targets, sources)}, got {m.shape}")
            parts.append(m if m.ndim == 2 else m.reshape(n, heads, targets, sources))
        if causal:
            parts.append(~np.tri(targets, sources, dtype=bool))
        if padding is not None:
            m = given(padding).detach()
            if m.shape not in ((n, sources), (sources,)):
                raise ValueError(f"{self._called}: expected key_padding_mask of shape {(n, sources)}, got {m.shape}")
            parts.append(m.reshape(-1, 1, 1, sources))
        if all(m.dtype.kind == "b" for m in parts):
            hidden = parts[0]
            for m in parts[1:]:
                hidden = hidden | m
            return ~hidden
        total: Any = 0.0
        for m in parts:
            total = total + (np.where(m, -math.inf, 0.0) if m.dtype.kind == "b" else m)
        return total.astype(q.dtype)

    @property
    def _called(self) -> str:
        return f"MultiheadAttention({self.extra_repr()})"

    def extra_repr(self) -> str:
        return f"embed_dim={self.embed_dim}, num_heads={self.num_heads}"


class TransformerEncoderLayer(Module):
    """Self-attention, then a net of two layers at each position, each with normalisation and a residual connection.

    Parameters
    ----------
    d_model, nhead : int
        The numbers of features and of heads.
    dim_feedforward : int
        The number of hidden units of the net.
    dropout : float
    activation : {'relu', 'gelu'} or callable
    layer_norm_eps : float
    batch_first : bool
        Whether arrays are (batch, length, features), not (length, batch, features).
    norm_first : bool
        Whether to normalise the inputs of attention and net (pre-norm), not the sums (post-norm).
    bias : bool
    dtype : dtype, optional

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_lite import nn
    >>> nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)(np.ones((2, 5, 8))).shape
    (2, 5, 8)
    """

    def __init__(
        self, d_model: int, nhead: int, dim_feedforward: int = 2048, dropout: float = 0.1,
        activation: str | Callable[[Tensor], Tensor] = "relu", layer_norm_eps: float = 1e-5, batch_first: bool = False,
        norm_first: bool = False, bias: bool = True, dtype: Any = None,
    ) -> None:
        super().__init__()
        if isinstance(activation, str):
            if activation not in ("relu", "gelu"):
                raise ValueError(f"TransformerEncoderLayer: expected 'relu', 'gelu' or a function, got {activation=}")
            activation = F.relu if activation == "relu" else F.gelu
        self.self_attn = MultiheadAttention(
            d_model, nhead, dropout=dropout, bias=bias, batch_first=batch_first, dtype=dtype
        )
        self.linear1 = Linear(d_model, dim_feedforward, bias, dtype)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, bias, dtype)
        self.norm_first = norm_first
        self.norm1 = LayerNorm(d_model, layer_norm_eps, bias=bias, dtype=dtype)
        self.norm2 = LayerNorm(d_model, layer_norm_eps, bias=bias, dtype=dtype)
        self.dropout1, self.dropout2 = Dropout(dropout), Dropout(dropout)
        self.activation = activation

    def forward(
        self, src: Any, src_mask: Any = None, src_key_padding_mask: Any = None, is_causal: bool = False
    ) -> Tensor:
        masks = src_mask, src_key_padding_mask, is_causal
        x = given(src, self.linear1.weight)
        if self.norm_first:
            x = x + self._attend(self.norm1(x), *masks)
            return x + self._feed(self.norm2(x))
        x = self.norm1(x + self._attend(x, *masks))
        return given(self.norm2(x + self._feed(x)))

    def _attend(self, x: Tensor, mask: Any, padding: Any, causal: bool) -> Tensor:
        y, _ = self.self_attn(x, x, x, attn_mask=mask, key_padding_mask=padding, need_weights=False, is_causal=causal)
        return given(self.dropout1(y))

    def _feed(self, x: Tensor) -> Tensor:
        return given(self.dropout2(self.linear2(self.dropout(self.activation(self.linear1(x))))))


class TransformerEncoder(Module):
    """Copies of a layer, one after the other, then `norm` if given.

    Initially their weights are equal, as in PyTorch; ``reset_parameters`` of their parts draws others.
    """

    def __init__(self, encoder_layer: Module, num_layers: int, norm: Module | None = None) -> None:
        super().__init__()
        self.layers = ModuleList(copy.deepcopy(encoder_layer) for _ in range(num_layers))
        self.num_layers = num_layers
        self.norm = norm

    def forward(self, src: Any, mask: Any = None, src_key_padding_mask: Any = None, is_causal: bool = False) -> Tensor:
        x = given(src)
        for layer in self.layers:
            x = layer(x, src_mask=mask, src_key_padding_mask=src_key_padding_mask, is_causal=is_causal)
        return given(x if self.norm is None else self.norm(x))
