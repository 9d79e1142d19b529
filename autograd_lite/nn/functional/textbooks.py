"""How textbooks write the functions of this package and their gradients: the known steps of derivations.

Each function here has the parameters of the one that it describes, and returns its `Textbook`; or None where a call has
options that textbooks do not cover, and the derivation goes into the function. Formulas are explained in
:mod:`autograd_lite.table.textbook`: `y` is the result, `g` the gradient with respect to it. A test compares every
formula with the engine.

Sources: I. Goodfellow, Y. Bengio and A. Courville, "Deep Learning" (2016); C. Bishop, "Pattern Recognition and Machine
Learning" (2006), 4.3; S. Ioffe and C. Szegedy, "Batch Normalization" (2015); Y. Wu and K. He, "Group Normalization"
(2018); A. Vaswani et al., "Attention Is All You Need" (2017); T. Dao et al., "FlashAttention" (2022), for the gradient
of attention. The formulas of convolutions and pooling stand beside those functions.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from ...table import Textbook, notation

# ---------------------------------------------------------------------------------------------- cross-entropies


def _values(x: Any) -> Any:
    """The numbers of an argument; None for those of a node that has not kept them."""
    return x if x is None else x.y if hasattr(x, "y") else np.asarray(x)


def _mean(count: int, reduction: str) -> tuple[str, dict[str, str]]:
    """The divisor of a sum, and its definition."""
    return (" / n", {"n": str(count)}) if reduction == "mean" else ("", {})


def cross_entropy(
    input: Any, target: Any, weight: Any, ignore_index: int, reduction: str, label_smoothing: float
) -> Textbook | None:
    shape, labels = np.shape(input), np.ndim(target) < np.ndim(input)
    values, axis = _values(target), min(len(shape) - 1, 1)
    if weight is not None or reduction == "none" or values is None or labels and np.any(values == ignore_index):
        return None
    over, count = _mean(prod(shape) // max(shape[axis], 1), reduction)
    where = {**count, "P": f"softmax(input, {axis})"}
    Y = f"onehot(target, {shape[axis]}, {axis})" if labels else "target"
    if label_smoothing:
        Y = f"(1 - {label_smoothing}) * {Y} + {label_smoothing} / {shape[axis]}"
    if labels or label_smoothing:
        where["Y"], Y = Y, "Y"
    whole = labels or np.allclose(np.sum(values, axis), 1)
    return Textbook(
        f"-(sum({Y} * log(P)){over})", where=where,
        input=f"g * ((P - {Y}){over})" if whole else f"g * ((sum({Y}, {axis}) * P - {Y}){over})",
        **{} if labels else {"target": f"g * (-log(P){over})"},
    )  # fmt: skip


def nll_loss(input: Any, target: Any, weight: Any, ignore_index: int, reduction: str) -> Textbook | None:
    shape, values, axis = np.shape(input), _values(target), min(np.ndim(input) - 1, 1)
    if weight is not None or reduction == "none" or values is None or np.any(values == ignore_index):
        return None
    over, count = _mean(prod(shape) // max(shape[axis], 1), reduction)
    where = {**count, "Y": f"onehot(target, {shape[axis]}, {axis})"}
    return Textbook(f"-(sum(Y * input){over})", where=where, input=f"g * (-Y{over})")


def binary_cross_entropy(input: Any, target: Any, weight: Any, reduction: str) -> Textbook | None:
    if weight is not None or reduction == "none":
        return None
    over, where = _mean(prod(np.shape(input)), reduction)
    return Textbook(
        f"-(sum(target * log(input) + (1 - target) * log(1 - input)){over})", where=where,
        input=f"g * ((input - target) / (input * (1 - input)){over})",
        target=f"g * ((log(1 - input) - log(input)){over})",
    )


def binary_cross_entropy_with_logits(
    input: Any, target: Any, weight: Any, reduction: str, pos_weight: Any
) -> Textbook | None:
    if weight is not None or pos_weight is not None or reduction == "none":
        return None
    over, count = _mean(prod(np.shape(input)), reduction)
    return Textbook(
        f"-(sum(target * log(P) + (1 - target) * log(1 - P)){over})", where={**count, "P": "sigmoid(input)"},
        input=f"g * ((P - target){over})", target=f"g * (-input{over})",
    )


def mse_loss(input: Any, target: Any, reduction: str) -> Textbook | None:
    if reduction == "none" or np.shape(input) != np.shape(target):
        return None
    over, where = _mean(prod(np.shape(input)), reduction)
    return Textbook(
        f"sum((input - target) ** 2){over}", where=where,
        input=f"g * (2 * (input - target){over})", target=f"g * (2 * (target - input){over})",
    )


# ------------------------------------------------------------------------------------------------- normalisation


def _by_channel(x: Any, ndim: int) -> Any:
    return np.reshape(x, (-1, *(1,) * (ndim - 2)))


def _group_mean(x: Any, groups: int) -> Any:
    mean = np.mean(np.reshape(x, (len(x), groups, -1)), axis=-1, keepdims=True)
    return np.broadcast_to(mean, (len(x), groups, prod(x.shape[1:]) // groups)).reshape(x.shape)


notation("channels", "{x1}", "{x1}", _by_channel)  # one number for each channel
notation("groupmean", "mean({x1})", r"\operatorname{{mean}}({x1})", _group_mean)  # over a group of channels


def _normalized(
    mean: str, batch: Any, weight: str | None, bias: str | None, *, constant: bool, centred: bool = True
) -> Textbook:
    """A normalisation.

    Parameters
    ----------
    mean : str
        The call of a mean, with a place for what it is taken of.
    batch : tuple of int
        The axes along which a scale or shift is repeated.
    weight, bias : str or None
        Formulas for the scale and shift.
    constant : bool
        Whether the scale is the same for all entries of a mean, and so stands in front of the gradient.
    centred : bool
        Whether the mean is subtracted.
    """
    where = {"eps": "eps", "sigma": f"sqrt({mean.format('input ** 2')} + eps)", "xhat": "input / sigma"}
    if centred:
        spread = mean.format("(input - mu) ** 2")
        where = {
            "eps": "eps", "mu": mean.format("input"), "sigma": f"sqrt({spread} + eps)", "xhat": "(input - mu) / sigma"
        }  # fmt: skip
    g = "g" if weight is None or constant else f"(g * {weight})"
    rest = f"{g} - {mean.format(g)} - xhat * {mean.format(f'{g} * xhat')}"
    rest = rest if centred else f"{g} - xhat * {mean.format(f'{g} * xhat')}"
    gradients = {"input": f"{weight} / sigma * ({rest})" if weight and constant else f"({rest}) / sigma"}
    if weight:
        gradients["weight"] = f"sum(g * xhat, {batch})" if batch else "g * xhat"
    if bias:
        gradients["bias"] = f"sum(g, {batch})" if batch else "g"
    scaled = f"{weight} * xhat" if weight else "xhat"
    return Textbook(f"{scaled} + {bias}" if bias else scaled, where=where, **gradients)


def batch_norm(
    input: Any, running_mean: Any, running_var: Any, weight: Any, bias: Any, training: bool, momentum: float, eps: float
) -> Textbook | None:
    ndim = np.ndim(input)
    axes = (0, *range(2, ndim))
    if not prod(np.shape(input)):
        return None
    gamma, beta = _channels(weight, "weight", ndim), _channels(bias, "bias", ndim)
    if training:
        return _normalized(f"mean({{}}, {axes})", axes, gamma, beta, constant=True)
    mu, var = f"channels(running_mean, {ndim})", f"channels(running_var, {ndim})"
    book = _normalized("", axes, gamma, beta, constant=True)
    book.where = {"eps": "eps", "mu": mu, "sigma": f"sqrt({var} + eps)", "xhat": "(input - mu) / sigma"}
    book.gradients["input"] = f"g * ({gamma} / sigma)" if gamma else "g * (1 / sigma)"
    return book


def instance_norm(
    input: Any, running_mean: Any, running_var: Any, weight: Any, bias: Any, use_input_stats: bool, momentum: float,
    eps: float,
) -> Textbook | None:
    if use_input_stats:
        return group_norm(input, np.shape(input)[1], weight, bias, eps)
    return batch_norm(input, running_mean, running_var, weight, bias, False, momentum, eps)


def _channels(x: Any, word: str, ndim: int) -> str | None:
    return None if x is None else word if ndim == 2 else f"channels({word}, {ndim})"


def _last(input: Any, normalized_shape: Any) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The last axes, and those before them."""
    before = np.ndim(input) - (1 if isinstance(normalized_shape, int) else len(normalized_shape))
    return tuple(range(before, np.ndim(input))), tuple(range(before))


def layer_norm(input: Any, normalized_shape: Any, weight: Any, bias: Any, eps: float) -> Textbook:
    axes, batch = _last(input, normalized_shape)
    gamma, beta = ("weight" if weight is not None else None), ("bias" if bias is not None else None)
    return _normalized(f"mean({{}}, {axes})", batch, gamma, beta, constant=False)


def rms_norm(input: Any, normalized_shape: Any, weight: Any, eps: float | None) -> Textbook:
    axes, batch = _last(input, normalized_shape)
    gamma = "weight" if weight is not None else None
    book = _normalized(f"mean({{}}, {axes})", batch, gamma, None, constant=False, centred=False)
    if eps is None:
        book.where["eps"] = str(np.finfo(input.dtype).eps)
    return book


def group_norm(input: Any, num_groups: int, weight: Any, bias: Any, eps: float) -> Textbook | None:
    ndim = np.ndim(input)
    if not prod(np.shape(input)):
        return None
    gamma, beta = _channels(weight, "weight", ndim), _channels(bias, "bias", ndim)
    return _normalized(f"groupmean({{}}, {num_groups})", (0, *range(2, ndim)), gamma, beta, constant=False)


# ----------------------------------------------------------------------------------------------------- attention


def _causal(scores: Any) -> Any:
    return np.where(np.tri(*scores.shape[-2:], dtype=np.bool_), scores, -np.inf)


notation("causal", "mask({x1})", r"\operatorname{{mask}}({x1})", _causal)  # -inf for later sources
notation(
    "masked", "mask({x1}, {x2})", r"\operatorname{{mask}}({x1}, {x2})", lambda x, seen: np.where(seen, x, -np.inf)
)


def scaled_dot_product_attention(
    query: Any, key: Any, value: Any, attn_mask: Any, dropout_p: float, is_causal: bool, scale: float | None
) -> Textbook | None:
    mask = _values(attn_mask)
    if dropout_p or attn_mask is not None and mask is None:
        return None
    if mask is not None and not np.all(np.any(mask if mask.dtype == bool else mask > -np.inf, axis=-1)):
        return None  # the formula does not cover a target that sees nothing
    d = np.shape(query)[-1]
    scores = "query @ key.mT / sqrt(d)" if scale is None else "scale * (query @ key.mT)"
    over = "{} / sqrt(d)" if scale is None else "scale * ({})"
    if is_causal:
        scores = f"causal({scores})"
    elif mask is not None:
        scores = f"masked({scores}, attn_mask)" if mask.dtype == bool else f"{scores} + attn_mask"
    last = max(np.ndim(query), np.ndim(key)) - 1
    dS = f"(P * (g @ value.mT - sum(g * y, {last})))"
    return Textbook(
        "P @ value", where={**({"d": str(d)} if scale is None else {}), "S": scores, "P": f"softmax(S, {last})"},
        query=over.format(f"{dS} @ key"), key=over.format(f"{dS}.mT @ query"), value="P.mT @ g",
    )


# ---------------------------------------------------------------------------------------------------- embeddings


def _by_label(g: Any, labels: Any, count: int) -> Any:
    d = np.zeros((count, g.shape[-1]), g.dtype)
    np.add.at(d, np.asarray(labels), g)
    return d


notation("entry", "{x1}[{x2}]", "{x1}_{{{x2}}}", lambda x, labels: x[labels])
notation("scatter_rows", "onehot({x2})ᵀ @ {x1}", r"\operatorname{{onehot}}({x2})^\top \, {x1}", _by_label)


def embedding(
    input: Any, weight: Any, padding_idx: int | None, scale_grad_by_freq: bool = False, **options: Any
) -> Textbook | None:
    if padding_idx is not None or scale_grad_by_freq:
        return None
    return Textbook("entry(weight, input)", weight=f"scatter_rows(g, input, {np.shape(weight)[0]})")
