"""Rows for layers, where one row was measured to be faster than several.

`linear` is a matrix product with a bias: one node instead of three, and one pass fewer over the result.
`linear_columns` is the same for vectors that are columns. `standardize` is common to all normalisations; with other
rows it would be seven nodes. The two cross-entropies of logits are also more precise than a softmax or a sigmoid
followed by a logarithm.
"""

from functools import lru_cache
from math import prod
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from ..table import TABLE, Textbook, at, constant, elementwise, general, notation
from ..table.batching import axes, padded
from ._arrays import kept_shape, operand
from .elementwise import sigmoid
from .products import as_matrix, matmul, product
from .special import log_softmax, shifted, softmax_vjp


def _plus(y, bias):
    """``y + bias``, in the memory of the new array `y` where the dtype stays."""
    in_place = type(y) is type(bias) is np.ndarray and y.dtype == bias.dtype
    return np.add(y, bias, out=y) if in_place else y + bias


def _linear(x, weight, bias):
    # not x.dot: `x` may be an array beside a Tensor
    y = _plus(np.dot(as_matrix(x) if x.ndim > 1 else x, weight.T), bias)
    return y if y.ndim == x.ndim else y.reshape(*x.shape[:-1], weight.shape[0])


def _batched_linear(b):
    x, weight, bias = b.xs
    if not any(b.on[1:]):
        return b(x, weight, bias)  # an example more is one more row
    y = product(x, weight.mT, b.on[0], b.on[1])
    return y + padded(bias, b.on[2], b.ndim(0))


def _linear_onnx(b, x, weight, bias):
    if x.ndim == 2:
        return b("Gemm", x, weight, bias, transB=1)
    return b("Add", b("MatMul", x, b("Transpose", weight, perm=[1, 0])), bias)


linear = general(
    _linear, lambda g, x2: matmul(g, x2), lambda g, x1: as_matrix(g).T.dot(as_matrix(x1)), lambda g: as_matrix(g),
    name="linear",
    algebra="affine map", definition=True, batch=_batched_linear, onnx=_linear_onnx,
    textbook=Textbook("x1 @ x2.T + x3", x1="g @ x2", x2="flat(g).T @ flat(x1)", x3="sum(flat(g), 0)"),
    examples="2x3 4x3 [4]; [3] 2x3 [2]; 2x2x3 1x3 [1]; 0x3 2x3 [2]",
)
notation("flat", "{x1}", "{x1}", as_matrix)  # as one matrix, whatever the axes of the batch


def _batched_columns(b):
    weight, columns, bias = b.xs
    if not b.on[0] and not b.on[2]:
        return b(weight, columns, bias)
    y = product(weight, columns, b.on[0], b.on[1])
    return y + padded(bias, b.on[2], b.ndim(1) - 1)[..., None]


linear_columns = general(  # a convolution, once its windows are columns
    lambda weight, columns, bias: _plus(np.matmul(weight, columns), bias[:, None]),
    lambda g, x2: np.matmul(g, x2.mT), lambda g, x1: np.matmul(x1.mT, g),
    lambda g: np.sum(g, axis=tuple(k for k in range(g.ndim) if k != g.ndim - 2)), name="linear_columns",
    tex=r"{x1} {x2} + {x3}",
    definition=True, batch=_batched_columns, onnx=True,
    examples="4x3 2x3x5 [4]; 1x3 2x3x1 [1]",
)

# ---------------------------------------------------------------------------------------------- standardize


@lru_cache(maxsize=64)
def _equal(n, share, dtype):
    return np.full(n, share, dtype)


def _average(x, axis):
    """The mean with its axes kept. Along the last axes it is a product, in a fifth of the time of a reduction."""
    kept = x.ndim - len(axis)
    if axis != tuple(range(kept, x.ndim)) or not x.size:
        return np.mean(x, axis=axis, keepdims=True)
    n = prod(x.shape[kept:])
    means = x.reshape(prod(x.shape[:kept]), n).dot(_equal(n, 1 / n, x.dtype))
    return means.reshape(kept_shape(x.shape, axis))


def _standardize(x, axis, eps):
    d = x - _average(x, axis)
    scale = _average(d * d, axis)
    scale += eps
    scale = 1 / np.sqrt(scale)
    d *= scale
    return d, scale


def _standardize_pull(g, y, axis):
    z, scale = y
    gz, gs = g
    d = None
    if gz is not None:
        d = scale * (gz - _average(gz, axis) - z * _average(gz * z, axis))
    if gs is None:
        return d
    n = prod(z.shape[k] for k in axis)
    # d(scale) = -scale² mean(z dx)
    through = gs * scale * scale * z * (-1 / n)
    return through if d is None else d + through


def _bind_standardize(x, axis=-1, eps=1e-5):
    return (x,), {"axis": tuple(sorted(normalize_axis_tuple(axis, x.ndim))), "eps": float(eps)}


def _standardize_definition(x, axis, eps):
    d = x - np.mean(x, axis=axis, keepdims=True)
    scale = 1 / np.sqrt(np.mean(d**2, axis=axis, keepdims=True) + eps)
    return d * scale, scale


standardize = general(
    _standardize, _standardize_pull, name="standardize", bind=_bind_standardize, outputs=True,
    tex=r"\frac{{{x} - \mu}}{{\sqrt{{\sigma^2 + \epsilon}}}}",
    definition=_standardize_definition, batch=axes("axis"), onnx=True,
    examples="2x3; 2x3x2 axis=1,2 eps=0.1; 2x3x2 axis=0,2",
)
standardize.__doc__ = """`x` minus its mean along `axis`, divided by its standard deviation; and that scale.

Parameters
----------
x : array_like
axis : int or tuple of int
eps : float
    Added to the variance.

Returns
-------
z : array of the shape of `x`
scale : array with the axes kept, ``1 / sqrt(variance + eps)``
"""

# -------------------------------------------------------------------------------------------- cross-entropies


def _along(x, axis):
    """`x` with a new axis of length 1: ``np.expand_dims``, at a fifth of its cost."""
    return x.reshape(*x.shape[:axis], 1, *x.shape[axis:])


def labelled(k, axis: int) -> tuple[Any, ...]:
    """The index of one entry for each label in `k`; the labels are positions along `axis`."""
    at = np.indices(k.shape, sparse=True)
    return (*at[:axis], k, *at[axis:])


def _one_hot(k, classes, axis):
    """For each label and each class, along a new axis, whether this is the class of the label: as ``np.eye`` has it,
    -1 is the last class, and there is no label of `classes`.
    """
    return np.moveaxis(np.eye(classes, dtype=bool)[k], -1, axis)


def _is_class(k, classes, axis):
    return np.equal(_along(k, axis), np.arange(classes).reshape(-1, *(1,) * (k.ndim - axis)))


constant(
    _one_hot, name="one_hot", bind=lambda k, classes, axis: ((k,), {"classes": classes, "axis": axis}),
    batch=axes("axis"), js=_is_class, text="onehot({x})", tex=r"\operatorname{{onehot}}({x})",
)
one_hot = TABLE["one_hot"]


def _total(x, axis):
    """The sum with its axis kept: a product, as in `_average`, where that is short enough to be as accurate."""
    n = x.shape[axis]
    if axis != x.ndim - 1 or n > 512 or not x.size:
        return np.add.reduce(x, axis, keepdims=True)
    return x.dot(_equal(n, 1.0, x.dtype))[..., None]


def _cross_entropy(z, y, axis):
    d = shifted(z, (axis,))
    p = np.exp(d)
    if y.dtype.kind != "f":
        at = labelled(y, axis)
        d, right = d[at], p[at]
        p[at] = 0
        others = _total(p, axis)
        p[at] = right
        p /= others + _along(right, axis)
        return np.log1p(others.reshape(y.shape) + np.expm1(d)) - d, p  # a small loss keeps its digits
    total = _total(p, axis)
    p /= total
    np.subtract(np.log(total), d, out=d)
    d[y == 0] = 0  # a class of probability 0 contributes nothing, even if its logit is -inf
    return np.sum(y * d, axis), p


def _cross_entropy_vjp(g, y, x2, axis):
    p, d = y[1], None
    if g[0] is not None:
        if x2.dtype.kind == "f":
            d = np.sum(x2, axis, keepdims=True) * p - x2
        else:
            d = p - one_hot(x2, p.shape[axis], axis)
        d = _along(g[0], axis) * d
    if g[1] is None:
        return d
    through = softmax_vjp(g[1], p, axis)
    return through if d is None else d + through


def _cross_entropy_pull(g, y, x2, axis):
    """The same in fewer passes; and with labels, ``p - 1`` keeps its digits where p is almost 1."""
    loss, p = y
    if g[1] is not None or type(p) is not np.ndarray:
        return _cross_entropy_vjp(g, y, x2, axis)
    if x2.dtype.kind != "f":
        d = _along(g[0], axis) * p
        d[labelled(x2, axis)] = g[0] * np.expm1(-loss)
        return d
    d = _total(x2, axis) * p
    d -= x2
    d *= _along(g[0], axis)
    return d


def _target_vjp(g, x1, axis):
    return 0 * x1 if g[0] is None else -_along(g[0], axis) * log_softmax(x1, axis)


def _bind_cross_entropy(logits, target, axis=-1):
    z, y = operand(logits), operand(target)
    axis = normalize_axis_index(axis, z.ndim)
    expected = z.shape if y.dtype.kind == "f" else (*z.shape[:axis], *z.shape[axis + 1 :])
    if y.shape != expected:
        what = "probabilities" if y.dtype.kind == "f" else "labels"
        raise ValueError(f"expected {what} of shape {expected} for logits of shape {z.shape}, got shape {y.shape}")
    return (z, y), {"axis": axis}


def _cross_entropy_textbook(x1, x2, axis):
    e = np.exp(x1 - np.max(x1, axis=axis, keepdims=True))
    p = e / np.sum(e, axis=axis, keepdims=True)
    if x2.dtype.kind != "f":
        return -np.log(np.squeeze(np.take_along_axis(p, np.expand_dims(x2, axis), axis), axis)), p
    return -np.sum(x2 * np.log(p), axis=axis), p


def _without_an_index(x1, x2, axis):
    log_p = log_softmax(x1, axis)
    chosen = x2 * log_p if x2.dtype.kind == "f" else np.where(one_hot(x2, x1.shape[axis], axis), log_p, 0)
    return -np.sum(chosen, axis), np.exp(log_p)


softmax_cross_entropy = general(
    _cross_entropy, _cross_entropy_vjp, _target_vjp, name="softmax_cross_entropy", bind=_bind_cross_entropy,
    outputs=True, pull=(_cross_entropy_pull,), source=_cross_entropy_textbook, js=_without_an_index,
    batch=lambda b: b(b.full(0), b.full(1), axis=b.params["axis"] + 1),
    tex=r"-\ln \operatorname{{softmax}}({x1})_{{{x2}}}",
    examples=(
        "2x3 a[2,0]; 2x3x2 a[[1,0],[2,2]] axis=1", at((3,), np.array(1)),
        "2x3 0.1..0.9:2x3; 3x2 0.1..0.9:3x2 axis=0",
        at((0, 3), np.zeros(0, int)), "2x1 a[0,0]",
    ),
)
softmax_cross_entropy.__doc__ = """The cross-entropy of each sample, and the softmax of its logits.

Parameters
----------
logits : array_like
target : array_like
    Class numbers, in the shape of `logits` without `axis`; or a probability for each class.
axis : int
    The axis of the classes.

Returns
-------
loss : array of the shape of `logits` without `axis`
    Minus the logarithm of the probability of the target, in nats.
probability : array of the shape of `logits`
"""


def _logistic_cross_entropy(z, y):
    if np.iscomplexobj(z):
        return np.log1p(np.exp(z)) - z * y
    return np.maximum(z, 0) - z * y + np.log1p(np.exp(-np.abs(z)))  # in this order, a small loss keeps its digits


binary_cross_entropy_with_logits = elementwise(
    _logistic_cross_entropy, lambda x1, x2: sigmoid(x1) - x2, lambda x1: -x1,
    name="binary_cross_entropy_with_logits", tex=r"\ln(1 + e^{{{x1}}}) - {x2} {x1}",
    source="np.logaddexp(x1, 0) - x1 * x2", scalar="max(x1, 0) - x1 * x2 + log1p(exp(-abs(x1)))",
)
