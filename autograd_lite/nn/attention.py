"""Multi-head attention, and the transformer (Vaswani et al., 2017)."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from ..tensor import Tensor
from ..tensor.creation import get_default_dtype
from . import functional as F, init
from .containers import ModuleList
from .functional.attention import attention_weights
from .functional.inputs import rows, tensor_of
from .linear import Linear, parameter
from .module import Module, Parameter
from .norm import Dropout, LayerNorm

__all__ = [
    "MultiheadAttention", "Transformer", "TransformerDecoder", "TransformerDecoderLayer", "TransformerEncoder",
    "TransformerEncoderLayer",
]

_PROJECTIONS = "q_proj_weight", "k_proj_weight", "v_proj_weight"
broadcast_to, concatenate, expand_dims, matmul = rows("broadcast_to", "concatenate", "expand_dims", "matmul")
mean, pad, split = rows("mean", "pad", "split")


class MultiheadAttention(Module):
    """Scaled dot-product attention in `num_heads` parts of the features.

    Parameters
    ----------
    embed_dim, num_heads : int
        The number of features of queries and results, and of heads among which they are divided.
    dropout : float
        The dropout probability of the attention weights, in training.
    bias : bool
        Whether there are biases.
    add_bias_kv : bool
        Whether to add one source whose key and value are trained.
    add_zero_attn : bool
        Whether to add one source whose key and value are zero.
    kdim, vdim : int, optional
        The numbers of features of keys and values, if different.
    batch_first : bool
        Whether arrays are (batch, length, features), not (length, batch, features).
    dtype : dtype, optional
        Of the parameters; by default that of ``set_default_dtype``.

    Attributes
    ----------
    in_proj_weight : Parameter, shape (3 embed_dim, embed_dim)
        For queries, keys and values, stacked; with `kdim` or `vdim` there are `q_proj_weight`, `k_proj_weight` and
        `v_proj_weight` instead.
    in_proj_bias : Parameter, shape (3 embed_dim,)
    bias_k, bias_v : Parameter, shape (1, 1, embed_dim), or None
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
    bias_k: Parameter | None
    bias_v: Parameter | None

    def __init__(
        self, embed_dim: int, num_heads: int, dropout: float = 0.0, bias: bool = True, add_bias_kv: bool = False,
        add_zero_attn: bool = False, kdim: int | None = None, vdim: int | None = None, batch_first: bool = False,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        if embed_dim % num_heads:
            raise ValueError(f"MultiheadAttention: {embed_dim} features cannot be divided among {num_heads} heads")
        self.embed_dim, self.num_heads, self.dropout, self.batch_first = embed_dim, num_heads, dropout, batch_first
        self.add_zero_attn, self.kdim, self.vdim = add_zero_attn, kdim or embed_dim, vdim or embed_dim
        together = self.kdim == self.vdim == embed_dim
        for name, n in zip(_PROJECTIONS, (embed_dim, self.kdim, self.vdim), strict=True):
            self.register_parameter(name, None if together else parameter(embed_dim, n, dtype=dtype))
        whole = parameter(3 * embed_dim, embed_dim, dtype=dtype) if together else None
        self.register_parameter("in_proj_weight", whole)
        self.register_parameter("in_proj_bias", parameter(3 * embed_dim, dtype=dtype) if bias else None)
        for name in ("bias_k", "bias_v"):
            self.register_parameter(name, parameter(1, 1, embed_dim, dtype=dtype) if add_bias_kv else None)
        self.out_proj = Linear(embed_dim, embed_dim, bias, dtype)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new weights with `init.xavier_uniform_`, and set the biases to 0; `bias_k` and `bias_v` are normal."""
        others = {"in_proj_bias": init.zeros_, "bias_k": init.xavier_normal_, "bias_v": init.xavier_normal_}
        for name, p in self.named_parameters(recurse=False):
            others.get(name, init.xavier_uniform_)(p)
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
        q, k, v = (tensor_of(x, self.out_proj.weight) for x in (query, key, value))
        self._check(q, k, v)
        batched = q.ndim == 3
        if not batched:
            q, k, v = (expand_dims(x, 0) for x in (q, k, v))
        elif not self.batch_first:
            q, k, v = (x.transpose(1, 0, 2) for x in (q, k, v))
        mask = self._mask(attn_mask, key_padding_mask, is_causal, q, k)
        q, k, v = map(self._heads, self._with_more(*self._projected(q, k, v, same)))
        weights = attention_weights(q, k, mask)
        y = matmul(F.dropout(weights, self.dropout, self.training), v)  # (batch, heads, targets, features)
        y = self.out_proj(y.transpose(0, 2, 1, 3).reshape(y.shape[0], y.shape[2], self.embed_dim))
        y = y[0] if not batched else y if self.batch_first else y.transpose(1, 0, 2)
        if not need_weights:
            return y, None
        shown = mean(weights, axis=1) if average_attn_weights else weights
        return y, shown if batched else shown[0]

    def _check(self, q: Tensor, k: Tensor, v: Tensor) -> None:
        sizes = [x.shape[-1] if x.ndim == q.ndim and q.ndim in (2, 3) else None for x in (q, k, v)]
        batch = 1 - self.batch_first
        one_batch = q.ndim < 3 or k.ndim < 3 or q.shape[batch] == k.shape[batch]
        if sizes != [self.embed_dim, self.kdim, self.vdim] or k.shape[:-1] != v.shape[:-1] or not one_batch:
            raise ValueError(
                f"{self._called}: expected queries, keys and values of {self.embed_dim}, {self.kdim} and {self.vdim} "
                "features in equal batches, keys and values equally many, "
                f"got shapes {q.shape}, {k.shape} and {v.shape}"
            )

    def _projected(self, q: Tensor, k: Tensor, v: Tensor, same: bool) -> list[Tensor]:
        whole, bias = self.in_proj_weight, self.in_proj_bias
        if same and whole is not None:
            return list(split(F.linear(q, whole, bias), 3, -1))
        weights = [self._parameters[name] for name in _PROJECTIONS] if whole is None else split(whole, 3)
        return list(map(F.linear, (q, k, v), weights, [None] * 3 if bias is None else split(bias, 3)))

    def _with_more(self, q: Tensor, k: Tensor, v: Tensor) -> list[Tensor]:
        """Queries, keys and values of (batch, length, features), with the additional sources."""
        if self.bias_k is not None:
            shape = k.shape[0], 1, self.embed_dim
            k, v = (concatenate([x, broadcast_to(one, shape)], 1) for x, one in ((k, self.bias_k), (v, self.bias_v)))
        if self.add_zero_attn:
            k, v = (pad(x, [(0, 0), (0, 1), (0, 0)]) for x in (k, v))
        return [q, k, v]

    def _heads(self, x: Tensor) -> Tensor:
        """(batch, length, features) as (batch, heads, length, features / heads)."""
        n, length, _ = x.shape
        return x.reshape(n, length, self.num_heads, -1).transpose(0, 2, 1, 3)

    def _mask(self, attn_mask: Any, padding: Any, is_causal: bool, q: Tensor, k: Tensor) -> Any:
        """Both masks as one: numbers to add to the scores. None if there is no mask."""
        (n, targets, _), sources = q.shape, k.shape[1]
        masks: list[Any] = []
        if attn_mask is not None:
            m = self._checked("attn_mask", attn_mask, (targets, sources), (n * self.num_heads, targets, sources))
            masks.append(m if m.ndim == 2 else m.reshape(n, self.num_heads, targets, sources))
        elif is_causal:
            masks.append(~np.tri(targets, sources, dtype=bool))
        if padding is not None:
            m = self._checked("key_padding_mask", padding, (n, sources), (sources,))
            masks.append(m.reshape(-1, 1, 1, sources))
        if not masks:
            return None
        # Attention to additional sources is always allowed.
        if more := (self.bias_k is not None) + self.add_zero_attn:
            masks = [pad(m, [*[(0, 0)] * (m.ndim - 1), (0, more)]) for m in masks]
        total: Any = sum(np.where(m, -math.inf, 0.0) if m.dtype.kind == "b" else m for m in masks)
        return total.astype(q.dtype)

    def _checked(self, name: str, mask: Any, *shapes: tuple[int, ...]) -> Tensor:
        """A mask as a Tensor; ValueError unless it has one of the shapes."""
        m = tensor_of(mask).detach()
        if m.shape not in shapes:
            raise ValueError(f"{self._called}: expected {name} of shape {shapes[0]}, got {m.shape}")
        return m

    @property
    def _called(self) -> str:
        return f"MultiheadAttention({self.extra_repr()})"

    def extra_repr(self) -> str:
        return f"embed_dim={self.embed_dim}, num_heads={self.num_heads}"


class _TransformerLayer(Module):
    """Attention and a net of two layers, each a block with normalisation and a residual connection."""

    attentions: ClassVar[tuple[str, ...]]

    def __init__(
        self, d_model: int, nhead: int, dim_feedforward: int = 2048, dropout: float = 0.1,
        activation: str | Callable[[Tensor], Tensor] = "relu", layer_norm_eps: float = 1e-5, batch_first: bool = False,
        norm_first: bool = False, bias: bool = True, dtype: Any = None,
    ) -> None:
        super().__init__()
        if isinstance(activation, str):
            if activation not in ("relu", "gelu"):
                raise ValueError(f"{type(self).__name__}: expected 'relu', 'gelu' or a function, got {activation=}")
            activation = F.relu if activation == "relu" else F.gelu
        for name in self.attentions:
            heads = MultiheadAttention(d_model, nhead, dropout, bias, batch_first=batch_first, dtype=dtype)
            setattr(self, name, heads)
        self.linear1 = Linear(d_model, dim_feedforward, bias, dtype)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, bias, dtype)
        self.norm_first, self.activation = norm_first, activation
        for k in range(1, len(self.attentions) + 2):
            setattr(self, f"norm{k}", LayerNorm(d_model, layer_norm_eps, bias=bias, dtype=dtype))
            setattr(self, f"dropout{k}", Dropout(dropout))

    def _block(self, k: int, x: Tensor, f: Callable[[Tensor], Any]) -> Tensor:
        """``x + f(x)`` with the norm and the dropout of block `k`."""
        norm, dropout = getattr(self, f"norm{k}"), getattr(self, f"dropout{k}")
        return x + dropout(f(norm(x))) if self.norm_first else norm(x + dropout(f(x)))

    def _attend(self, k: int, x: Tensor, memory: Tensor | None, mask: Any, padding: Any, causal: Any) -> Tensor:
        heads = getattr(self, self.attentions[k - 1])
        masks = {"attn_mask": mask, "key_padding_mask": padding, "is_causal": bool(causal)}

        def attended(x: Tensor) -> Any:
            to = x if memory is None else memory
            return heads(x, to, to, need_weights=False, **masks)[0]

        return self._block(k, x, attended)

    def _feed(self, x: Tensor) -> Any:
        return self.linear2(self.dropout(self.activation(self.linear1(x))))


class TransformerEncoderLayer(_TransformerLayer):
    """Self-attention, then a net of two layers at each position, each with normalisation and a residual connection.

    Parameters
    ----------
    d_model, nhead : int
        The numbers of features and of heads.
    dim_feedforward : int
        The number of hidden units of the net.
    dropout : float
        The probability of dropout.
    activation : {'relu', 'gelu'} or callable
    layer_norm_eps : float
        Added to the variance in the normalisations.
    batch_first : bool
        Whether arrays are (batch, length, features), not (length, batch, features).
    norm_first : bool
        Whether to normalise the inputs of attention and net (pre-norm), not the sums (post-norm).
    bias : bool
        Whether there are biases.
    dtype : dtype, optional
        Of the parameters; by default that of ``set_default_dtype``.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_lite import nn
    >>> nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)(np.ones((2, 5, 8))).shape
    (2, 5, 8)
    """

    attentions = ("self_attn",)

    def forward(
        self, src: Any, src_mask: Any = None, src_key_padding_mask: Any = None, is_causal: bool | None = False
    ) -> Tensor:
        x = tensor_of(src, self.linear1.weight)
        x = self._attend(1, x, None, src_mask, src_key_padding_mask, is_causal)
        return self._block(2, x, self._feed)


class TransformerDecoderLayer(_TransformerLayer):
    """An encoder layer with attention to a memory, the encoder's result, before the net of two layers.

    The arguments are those of :class:`TransformerEncoderLayer`.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_lite import nn
    >>> layer = nn.TransformerDecoderLayer(8, 2, 16, batch_first=True)
    >>> layer(np.ones((2, 5, 8)), np.ones((2, 7, 8)), tgt_is_causal=True).shape
    (2, 5, 8)
    """

    attentions = ("self_attn", "multihead_attn")

    def forward(
        self, tgt: Any, memory: Any, tgt_mask: Any = None, memory_mask: Any = None, tgt_key_padding_mask: Any = None,
        memory_key_padding_mask: Any = None, tgt_is_causal: bool | None = False, memory_is_causal: bool = False,
    ) -> Tensor:
        x, to = tensor_of(tgt, self.linear1.weight), tensor_of(memory, self.linear1.weight)
        x = self._attend(1, x, None, tgt_mask, tgt_key_padding_mask, tgt_is_causal)
        x = self._attend(2, x, to, memory_mask, memory_key_padding_mask, memory_is_causal)
        return self._block(3, x, self._feed)


class _Stack(Module):
    """Copies of a layer, one after the other, then `norm` if given."""

    def __init__(self, layer: Module, num_layers: int, norm: Module | None) -> None:
        super().__init__()
        self.layers = ModuleList(copy.deepcopy(layer) for _ in range(num_layers))
        self.num_layers = num_layers
        self.norm = norm

    def _run(self, x: Any, *memory: Any, **masks: Any) -> Tensor:
        for layer in self.layers:
            x = layer(x, *memory, **masks)
        return x if self.norm is None else self.norm(x)


class TransformerEncoder(_Stack):
    """Copies of an encoder layer, one after the other, then `norm` if given.

    Initially their weights are equal, as in PyTorch; ``reset_parameters`` of their parts draws others. The last two
    arguments are accepted for compatibility with PyTorch, and have no effect.
    """

    def __init__(
        self, encoder_layer: Module, num_layers: int, norm: Module | None = None, enable_nested_tensor: bool = True,
        mask_check: bool = True,
    ) -> None:
        super().__init__(encoder_layer, num_layers, norm)

    def forward(
        self, src: Any, mask: Any = None, src_key_padding_mask: Any = None, is_causal: bool | None = None
    ) -> Tensor:
        return self._run(
            tensor_of(src), src_mask=mask, src_key_padding_mask=src_key_padding_mask, is_causal=is_causal
        )


class TransformerDecoder(_Stack):
    """Copies of a decoder layer, one after the other, then `norm` if given; see :class:`TransformerEncoder`."""

    def __init__(self, decoder_layer: Module, num_layers: int, norm: Module | None = None) -> None:
        super().__init__(decoder_layer, num_layers, norm)

    def forward(
        self, tgt: Any, memory: Any, tgt_mask: Any = None, memory_mask: Any = None, tgt_key_padding_mask: Any = None,
        memory_key_padding_mask: Any = None, tgt_is_causal: bool | None = None, memory_is_causal: bool = False,
    ) -> Tensor:
        return self._run(
            tensor_of(tgt), memory, tgt_mask=tgt_mask, memory_mask=memory_mask,
            tgt_key_padding_mask=tgt_key_padding_mask, memory_key_padding_mask=memory_key_padding_mask,
            tgt_is_causal=tgt_is_causal, memory_is_causal=memory_is_causal,
        )


class Transformer(Module):
    """An encoder of the source, and a decoder of the target that attends to the encoder's result.

    Parameters
    ----------
    d_model, nhead, dim_feedforward, dropout, activation, layer_norm_eps, batch_first, norm_first, bias, dtype
        Those of :class:`TransformerEncoderLayer`.
    num_encoder_layers, num_decoder_layers : int
        How many layers each part has.
    custom_encoder, custom_decoder : Module, optional
        Replace the encoder or the decoder.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_lite import nn
    >>> net = nn.Transformer(8, 2, 1, 1, 16, batch_first=True)
    >>> net(np.ones((2, 7, 8)), np.ones((2, 5, 8)), tgt_is_causal=True).shape
    (2, 5, 8)
    """

    def __init__(
        self, d_model: int = 512, nhead: int = 8, num_encoder_layers: int = 6, num_decoder_layers: int = 6,
        dim_feedforward: int = 2048, dropout: float = 0.1, activation: str | Callable[[Tensor], Tensor] = "relu",
        custom_encoder: Module | None = None, custom_decoder: Module | None = None, layer_norm_eps: float = 1e-5,
        batch_first: bool = False, norm_first: bool = False, bias: bool = True, dtype: Any = None,
    ) -> None:
        super().__init__()
        layer = (
            d_model, nhead, dim_feedforward, dropout, activation, layer_norm_eps, batch_first, norm_first, bias, dtype
        )

        def norm() -> LayerNorm:
            return LayerNorm(d_model, layer_norm_eps, bias=bias, dtype=dtype)

        self.encoder = custom_encoder or TransformerEncoder(TransformerEncoderLayer(*layer), num_encoder_layers, norm())
        self.decoder = custom_decoder or TransformerDecoder(TransformerDecoderLayer(*layer), num_decoder_layers, norm())
        self.d_model, self.nhead, self.batch_first = d_model, nhead, batch_first
        for p in self.parameters():
            if p.ndim > 1:
                init.xavier_uniform_(p)

    def forward(
        self, src: Any, tgt: Any, src_mask: Any = None, tgt_mask: Any = None, memory_mask: Any = None,
        src_key_padding_mask: Any = None, tgt_key_padding_mask: Any = None, memory_key_padding_mask: Any = None,
        src_is_causal: bool | None = None, tgt_is_causal: bool | None = None, memory_is_causal: bool = False,
    ) -> Any:
        """The decoder's result, of the shape of `tgt`; masks are those of :class:`MultiheadAttention`."""
        memory = self.encoder(
            src, mask=src_mask, src_key_padding_mask=src_key_padding_mask, is_causal=src_is_causal
        )
        return self.decoder(
            tgt, memory, tgt_mask=tgt_mask, memory_mask=memory_mask, tgt_key_padding_mask=tgt_key_padding_mask,
            memory_key_padding_mask=memory_key_padding_mask, tgt_is_causal=tgt_is_causal,
            memory_is_causal=memory_is_causal,
        )

    @staticmethod
    def generate_square_subsequent_mask(sz: int, dtype: Any = None) -> Tensor:
        """The mask (sz, sz) to add to scores: -inf above the diagonal, so that no target attends to a later one."""
        return tensor_of(np.triu(np.full((sz, sz), -math.inf, dtype or get_default_dtype()), 1))
