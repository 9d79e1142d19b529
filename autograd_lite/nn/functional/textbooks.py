"""How textbooks write the functions of this package and their gradients: the known steps of derivations.

Each function here is called with the arguments of the one that it describes, by name, and returns its `Textbook`; or
None where a call has options that textbooks do not cover, and the derivation goes into the function. Formulas are
explained in :mod:`autograd_lite.table.textbook`: `y` is the result, `g` the gradient with respect to it. A test
compares every formula with the engine.

Sources: I. Goodfellow, Y. Bengio and A. Courville, "Deep Learning" (2016); C. Bishop, "Pattern Recognition and Machine
Learning" (2006), 4.3; S. Ioffe and C. Szegedy, "Batch Normalization" (2015); Y. Wu and K. He, "Group Normalization"
(2018); A. Vaswani et al., "Attention Is All You Need" (2017); T. Dao et al., "FlashAttention" (2022), for the gradient
of attention. The notations of convolutions and pooling stand beside those functions.
"""

from math import prod

import numpy as np

from ...table import Textbook, notation
from .inputs import each, output_sizes

# ---------------------------------------------------------------------------------------------- cross-entropies


def _values(x):
    """The numbers of an argument; None for those of a node that has not kept them."""
    return x if x is None else x.y if hasattr(x, "y") else np.asarray(x)


def _mean(count, reduction):
    """The divisor of a sum, and its definition."""
    return (" / n", {"n": str(count)}) if reduction == "mean" else ("", {})


def _loss(total, where=None, **factors):
    """Of a loss: its sum over all entries, with a place for the divisor, and for each argument the factor of g."""

    def textbook(input, target, reduction, **weights):
        weighted = any(weight is not None for weight in weights.values())
        if weighted or reduction == "none" or np.shape(input) != np.shape(target):
            return None
        over, count = _mean(prod(np.shape(input)), reduction)
        gradients = {name: f"g * (({factor}){over})" for name, factor in factors.items()}
        return Textbook(total.format(over), where={**count, **(where or {})}, **gradients)

    return textbook


mse_loss = _loss("sum((input - target) ** 2){}", input="2 * (input - target)", target="2 * (target - input)")
binary_cross_entropy = _loss(
    "-(sum(target * log(input) + (1 - target) * log(1 - input)){})",
    input="(input - target) / (input * (1 - input))", target="log(1 - input) - log(input)",
)
binary_cross_entropy_with_logits = _loss(
    "-(sum(target * log(P) + (1 - target) * log(1 - P)){})", {"P": "sigmoid(input)"},
    input="P - target", target="-input",
)
soft_margin_loss = _loss(
    "sum(log(1 + exp(-target * input))){}", input="-target * sigmoid(-target * input)",
    target="-input * sigmoid(-target * input)",
)


_BELOW = "where(absolute(input - target) < {0}, {1}, {2})"
_line = "delta * (absolute(input - target) - 0.5 * delta)"
_huber = _loss(
    f"sum({_BELOW.format('delta', '0.5 * (input - target) ** 2', _line)}){{}}",
    input=_BELOW.format("delta", "input - target", "delta * sign(input - target)"),
    target=_BELOW.format("delta", "target - input", "delta * sign(target - input)"),
)
_smooth_l1 = _loss(
    f"sum({_BELOW.format('beta', '(input - target) ** 2 / (2 * beta)', 'absolute(input - target) - 0.5 * beta')}){{}}",
    input=_BELOW.format("beta", "(input - target) / beta", "sign(input - target)"),
    target=_BELOW.format("beta", "(target - input) / beta", "sign(target - input)"),
)


def huber_loss(input, target, reduction, delta):
    return _huber(input, target, reduction)


def smooth_l1_loss(input, target, reduction, beta):
    return _smooth_l1(input, target, reduction) if beta else None


def _labels(input, target, weight, ignore_index, reduction):
    """The axis of the classes, the divisor and its definition; None if there are weights or ignored samples."""
    values, axis = _values(target), min(np.ndim(input) - 1, 1)
    labels = np.ndim(target) < np.ndim(input)
    if weight is not None or reduction == "none" or values is None or labels and np.any(values == ignore_index):
        return None
    return axis, *_mean(prod(np.shape(input)) // max(np.shape(input)[axis], 1), reduction)


def cross_entropy(input, target, weight, ignore_index, reduction, label_smoothing):
    known = _labels(input, target, weight, ignore_index, reduction)
    if known is None:
        return None
    (axis, over, count), labels = known, np.ndim(target) < np.ndim(input)
    where, classes = {**count, "P": f"softmax(input, {axis})"}, np.shape(input)[axis]
    Y = f"onehot(target, {classes}, {axis})" if labels else "target"
    if label_smoothing:
        Y = f"(1 - {label_smoothing}) * {Y} + {label_smoothing} / {classes}"
    if labels or label_smoothing:
        where["Y"], Y = Y, "Y"
    whole = labels or np.allclose(np.sum(_values(target), axis), 1)
    return Textbook(
        f"-(sum({Y} * log(P)){over})", where=where,
        input=f"g * ((P - {Y}){over})" if whole else f"g * ((sum({Y}, {axis}) * P - {Y}){over})",
        **{} if labels else {"target": f"g * (-log(P){over})"},
    )  # fmt: skip


def nll_loss(input, target, weight, ignore_index, reduction):
    known = _labels(input, target, weight, ignore_index, reduction)
    if known is None:
        return None
    axis, over, count = known
    where = {**count, "Y": f"onehot(target, {np.shape(input)[axis]}, {axis})"}
    return Textbook(f"-(sum(Y * input){over})", where=where, input=f"g * (-Y{over})")


# ------------------------------------------------------------------------------------------------- normalisation


def _group_mean(x, groups):
    mean = np.mean(np.reshape(x, (len(x), groups, -1)), axis=-1, keepdims=True)
    return np.broadcast_to(mean, (len(x), groups, prod(x.shape[1:]) // groups)).reshape(x.shape)


# One number for each channel.
notation("channels", "{x1}", "{x1}", lambda x, ndim: np.reshape(x, (-1, *(1,) * (ndim - 2))))
notation("groupmean", "mean({x1})", r"\operatorname{{mean}}({x1})", _group_mean)  # over a group of channels


def _normalized(mean, batch, weight, bias, *, constant, centred=True):
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
    deviation = "input - mu" if centred else "input"
    where = {"eps": "eps"}
    if centred:
        where["mu"] = mean.format("input")
    where["sigma"] = f"sqrt({mean.format(f'({deviation}) ** 2')} + eps)"
    where["xhat"] = f"({deviation}) / sigma"
    g = "g" if weight is None or constant else f"(g * {weight})"
    rest = f"{g} - {mean.format(g)}" if centred else g
    rest = f"{rest} - xhat * {mean.format(f'{g} * xhat')}"
    gradients = {"input": f"{weight} / sigma * ({rest})" if weight and constant else f"({rest}) / sigma"}
    if weight:
        gradients["weight"] = f"sum(g * xhat, {batch})" if batch else "g * xhat"
    if bias:
        gradients["bias"] = f"sum(g, {batch})" if batch else "g"
    scaled = f"{weight} * xhat" if weight else "xhat"
    return Textbook(f"{scaled} + {bias}" if bias else scaled, where=where, **gradients)


def _named(x, word, ndim=2):
    """A scale or shift, if there is one; with `ndim` axes, one number for each channel."""
    return None if x is None else word if ndim == 2 else f"channels({word}, {ndim})"


def batch_norm(input, weight, bias, training, **other):
    if not prod(np.shape(input)):
        return None
    ndim = np.ndim(input)
    axes, gamma = (0, *range(2, ndim)), _named(weight, "weight", ndim)
    book = _normalized(f"mean({{}}, {axes})", axes, gamma, _named(bias, "bias", ndim), constant=True)
    if not training:
        book.where["mu"] = f"channels(running_mean, {ndim})"
        book.where["sigma"] = f"sqrt(channels(running_var, {ndim}) + eps)"
        book.gradients["input"] = f"g * ({gamma} / sigma)" if gamma else "g * (1 / sigma)"
    return book


def instance_norm(input, weight, bias, use_input_stats, **other):
    if use_input_stats:
        return group_norm(input, np.shape(input)[1], weight, bias)
    return batch_norm(input, weight, bias, False)


def layer_norm(input, normalized_shape, weight, bias=None, centred=True, **other):
    before = np.ndim(input) - np.size(normalized_shape)
    mean, gamma = f"mean({{}}, {tuple(range(before, np.ndim(input)))})", _named(weight, "weight")
    return _normalized(mean, tuple(range(before)), gamma, _named(bias, "bias"), constant=False, centred=centred)


def rms_norm(input, normalized_shape, weight, eps):
    book = layer_norm(input, normalized_shape, weight, centred=False)
    if eps is None:
        book.where["eps"] = str(np.finfo(input.dtype).eps)
    return book


def group_norm(input, num_groups, weight, bias, **other):
    if not prod(np.shape(input)):
        return None
    ndim = np.ndim(input)
    gamma, beta = _named(weight, "weight", ndim), _named(bias, "bias", ndim)
    return _normalized(f"groupmean({{}}, {num_groups})", (0, *range(2, ndim)), gamma, beta, constant=False)


# ----------------------------------------------------------------------------------------------------- attention


notation(  # -inf for later sources
    "causal", "mask({x1})", r"\operatorname{{mask}}({x1})",
    lambda scores: np.where(np.tri(*scores.shape[-2:], dtype=np.bool_), scores, -np.inf),
)
notation(
    "masked", "mask({x1}, {x2})", r"\operatorname{{mask}}({x1}, {x2})", lambda x, seen: np.where(seen, x, -np.inf)
)


def scaled_dot_product_attention(query, key, attn_mask, dropout_p, is_causal, scale, **other):
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


def _by_label(g, labels, count):
    d = np.zeros((count, g.shape[-1]), g.dtype)
    np.add.at(d, np.asarray(labels), g)
    return d


notation("entry", "{x1}[{x2}]", "{x1}_{{{x2}}}", lambda x, labels: x[labels])
notation("scatter_rows", "onehot({x2})ᵀ @ {x1}", r"\operatorname{{onehot}}({x2})^\top \, {x1}", _by_label)


def embedding(weight, padding_idx, scale_grad_by_freq, **other):
    if padding_idx is not None or scale_grad_by_freq:
        return None
    return Textbook("entry(weight, input)", weight=f"scatter_rows(g, input, {np.shape(weight)[0]})")


# ------------------------------------------------------------------------------------- convolutions and pooling


def conv(dims, input, bias, **other):
    options, ndim = "stride, padding, dilation, groups", np.ndim(input)
    book = Textbook(
        f"conv(input, weight, {options})" + ("" if bias is None else f" + channels(bias, {dims + 2})"),
        input=f"convolve(g, weight, input, {options})", weight=f"correlate(input, g, weight, {options})",
    )  # fmt: skip
    if bias is not None:
        book.gradients["bias"] = f"sum(g, {(*range(ndim - dims - 1), *range(ndim - dims, ndim))})"
    return book


def max_pool(dims, stride, return_indices, **other):
    if return_indices:
        return None
    options = f"dims, kernel_size, {'kernel_size' if stride is None else 'stride'}, padding, dilation, ceil_mode"
    return Textbook(f"maxpool(input, {options})", input=f"unpool(g, input, {options})")


def _averages(sizes):
    return Textbook(f"avgpool(input, {sizes})", input=f"share(g, input, {sizes})")


def avg_pool(dims, input, kernel_size, stride, padding, divisor_override, **other):
    """Of windows that lie side by side: the input is divided into them without a rest."""
    sizes, kernel = np.shape(input)[-dims:], each(kernel_size, dims, "kernel_size")
    apart = stride is not None and each(stride, dims, "stride") != kernel
    if apart or np.any(np.mod(sizes, kernel)) or np.any(padding) or divisor_override is not None:
        return None
    return _averages(tuple(n // k for n, k in zip(sizes, kernel, strict=True)))


def adaptive_avg_pool(dims, input, output_size):
    return _averages(output_sizes("adaptive_avg_pool", output_size, np.shape(input)[-dims:]))
