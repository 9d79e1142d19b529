"""Special functions and activations, on NumPy alone: what probabilities, entropies and neurons need.

Names and defaults are SciPy's for the functions of analysis and PyTorch's for the activations. At a kink the slope is
PyTorch's: 0 for `relu` at 0. `softmax` of a row that is -inf throughout is nan, as there, since 0/0 is no number.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from ..primitive import POSITIVE, REAL, Joint, composite, elementwise, general, interval
from .elementwise import sigmoid
from .scipy_special import scipy_module

# ------------------------------------------------------------------------------------------ around the sigmoid


def _softplus(x: Any) -> Any:
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))  # an eighth of logaddexp's time


softplus = elementwise(_softplus, lambda x: sigmoid(x), name="softplus", tex=r"\ln(1 + e^{{{x}}})")
log_sigmoid = elementwise(
    lambda x: -_softplus(-x), lambda x: sigmoid(-x), name="log_sigmoid", tex=r"\ln \sigma({x})"
)
logit = elementwise(
    lambda x: np.log(x) - np.log1p(-x),
    lambda x: 1 / (x * (1 - x)),
    name="logit",
    domain=interval(0, 1),
    tex=r"\ln \frac{{{x}}}{{1 - {x}}}",
)

# ------------------------------------------------------------------------------------------------------- entropies


def _pair(x1: Any, x2: Any) -> Any:
    """Two operands, a Python number taking the dtype of the other as it does in a ufunc."""
    if isinstance(x1, (int, float)) and hasattr(x2, "dtype"):
        x1 = np.asarray(x1, np.result_type(x1, x2.dtype))
    elif isinstance(x2, (int, float)) and hasattr(x1, "dtype"):
        x2 = np.asarray(x2, np.result_type(x2, x1.dtype))
    return (x1, x2), {}


def _but(bad: Any, x: Any) -> Any:
    return np.where(bad, 1, x)


def _xlogy(x1: Any, x2: Any) -> Any:
    return x1 * np.log(_but((x1 == 0) & ~np.isnan(x2), x2))


def _xlog1py(x1: Any, x2: Any) -> Any:
    return x1 * np.log1p(np.where((x1 == 0) & ~np.isnan(x2), 0, x2))


# At (0, 0) both slopes are 0, so that a probability of 0 that is asked for 0 times does no harm.
xlogy = elementwise(
    _xlogy,
    lambda x1, x2: np.log(_but((x1 == 0) & (x2 <= 0), x2)),
    lambda x1, x2: x1 / _but((x1 == 0) & (x2 == 0), x2),
    name="xlogy",
    bind=_pair,
    domain=(REAL, POSITIVE),
    tex=r"{x1} \ln {x2}",
)
xlog1py = elementwise(
    _xlog1py,
    lambda x1, x2: np.log1p(np.where((x1 == 0) & (x2 <= -1), 0, x2)),
    lambda x1, x2: x1 / _but((x1 == 0) & (x2 == -1), 1 + x2),
    name="xlog1py",
    bind=_pair,
    domain=(REAL, interval(-1, np.inf)),
    tex=r"{x1} \ln(1 + {x2})",
)


def _entr(x: Any) -> Any:
    return np.where(x < 0, -np.inf, -x * np.log(_but(x <= 0, x)))


entr = elementwise(
    _entr, lambda x: -np.log(x) - 1, name="entr", domain=POSITIVE, kinks=(0.0,), tex=r"-{x} \ln {x}"
)


def _rel_entr(x1: Any, x2: Any) -> Any:
    y = x1 * np.log(_but(x1 <= 0, x1) / _but(x2 <= 0, x2))
    return np.where((x1 < 0) | (x2 < 0) | (x1 > 0) & (x2 == 0), np.inf, y)


rel_entr = elementwise(
    _rel_entr,
    lambda x1, x2: np.log(x1 / x2) + 1,
    lambda x1, x2: -x1 / x2,
    name="rel_entr",
    bind=_pair,
    domain=(POSITIVE, POSITIVE),
    tex=r"{x1} \ln \frac{{{x1}}}{{{x2}}}",
)
kl_div = elementwise(
    lambda x1, x2: _rel_entr(x1, x2) - x1 + x2,
    lambda x1, x2: np.log(x1 / x2),
    lambda x1, x2: 1 - x1 / x2,
    name="kl_div",
    bind=_pair,
    domain=(POSITIVE, POSITIVE),
    tex=r"{x1} \ln \frac{{{x1}}}{{{x2}}} - {x1} + {x2}",
)

# --------------------------------------------------------------------------------------------------------- softmax


def _over_axis(x: Any, axis: Any = -1) -> Any:
    ndim = np.ndim(x)
    return (x,), {"axis": normalize_axis_tuple(range(ndim) if axis is None else axis, ndim)}


def _shifted(x: Any, axis: Any) -> Any:
    """``x`` less its maximum, as a new array of floats, so that no exponential overflows."""
    if x.dtype.kind not in "fc":
        x = x.astype(float)
    if x.ndim == 2 and axis == (1,) and 0 < x.shape[1] <= 32:
        # NumPy's maximum along a short last axis takes twice the time of that along the first
        top = np.maximum.reduce(np.ascontiguousarray(x.T), 0)[:, None]
    else:
        top = np.maximum.reduce(x, axis, keepdims=True, initial=-np.inf)
    return x - top


def _softmax(x: Any, axis: Any) -> Any:
    e = _shifted(np.asarray(x), axis)
    np.exp(e, out=e)
    e /= np.add.reduce(e, axis, keepdims=True)
    return e


def _log_softmax(x: Any, axis: Any) -> Any:
    e = _shifted(np.asarray(x), axis)
    e -= np.log(np.add.reduce(np.exp(e), axis, keepdims=True))
    return e


def _softmax_pull(g: Any, y: Any, axis: Any) -> Any:
    d = g * y
    return d - y * np.sum(d, axis=axis, keepdims=True)


_ALONG = (
    lambda rng: ((rng.normal(size=(2, 3)),), {}),
    lambda rng: ((rng.normal(size=(2, 3, 4)),), {"axis": 0}),
    lambda rng: ((rng.normal(size=(2, 3, 4)),), {"axis": (0, 2)}),
    lambda rng: ((rng.normal(size=(2, 3)),), {"axis": None}),
    lambda rng: ((rng.normal(size=(0, 3)),), {}),
)
softmax = general(
    _softmax, _softmax_pull, name="softmax", bind=_over_axis, tex=r"\operatorname{{softmax}}({x})", examples=_ALONG
)
log_softmax = general(
    _log_softmax,
    lambda g, y, axis: g - np.exp(y) * np.sum(g, axis=axis, keepdims=True),
    name="log_softmax",
    bind=_over_axis,
    tex=r"\ln \operatorname{{softmax}}({x})",
    examples=_ALONG,
)

# ----------------------------------------------------------------------------------------------------- activations


def _relu(x: Any) -> Any:
    x = np.asarray(x)
    return np.maximum(x, np.zeros(x.shape, x.dtype))  # against a scalar it takes twice the time


relu = elementwise(_relu, lambda y: y > 0, name="relu", kinks=(0.0,), tex=r"\max(0, {x})")
softsign = elementwise(
    lambda x: x / (1 + np.abs(x)),
    lambda x: 1 / np.square(1 + np.abs(x)),
    name="softsign",
    tex=r"\frac{{{x}}}{{1 + \lvert {x} \rvert}}",
)
silu = elementwise(
    lambda x: x * sigmoid.fn(x), lambda y, x: sigmoid(x) * (1 + x - y), name="silu", tex=r"{x} \, \sigma({x})"
)

_GELU = 2 * math.sqrt(2 / math.pi)  # with the tanh written as a sigmoid of twice its argument


def _gelu_arguments(x: Any, approximate: str = "none") -> Any:
    if approximate not in ("none", "tanh"):
        raise ValueError(f"gelu: approximate={approximate!r}; it is 'none' (by erf, needs SciPy) or 'tanh'")
    return (x,), {"approximate": approximate}


def _gelu(x: Any, approximate: str) -> Any:
    if approximate == "none":
        return x * scipy_module().ndtr(x)
    return x * sigmoid.fn(_GELU * (x + 0.044715 * x * x * x))


def _gelu_slope(x: Any, approximate: str) -> Any:
    if approximate == "none":
        return scipy_module().ndtr(x) + x * np.exp(-x * x / 2) / math.sqrt(2 * math.pi)
    s = sigmoid(_GELU * (x + 0.044715 * x * x * x))
    return s + x * s * (1 - s) * (_GELU * (1 + 3 * 0.044715 * x * x))


gelu = elementwise(
    _gelu,
    _gelu_slope,
    name="gelu",
    bind=_gelu_arguments,
    tex=r"{x} \, \Phi({x})",
    examples=(lambda rng: ((rng.normal(size=(2, 3)),), {"approximate": "tanh"}),),
)


@composite(name="relu6")
def relu6(x: Any) -> Any:
    return np.clip(x, 0, 6)


@composite(name="leaky_relu")
def leaky_relu(x: Any, negative_slope: Any = 0.01) -> Any:
    return np.where(x > 0, x, negative_slope * x)


@composite(name="elu")
def elu(x: Any, alpha: Any = 1.0) -> Any:
    return np.where(x > 0, x, alpha * np.expm1(np.where(x > 0, 0, x)))


@composite(name="celu")
def celu(x: Any, alpha: Any = 1.0) -> Any:
    return np.where(x > 0, x, alpha * np.expm1(np.where(x > 0, 0, x) / alpha))


@composite(name="selu")
def selu(x: Any) -> Any:
    """The scale and slope for which a layer keeps mean 0 and variance 1 (Klambauer et al., 2017)."""
    return 1.0507009873554805 * elu(x, 1.6732632423543772)


@composite(name="mish")
def mish(x: Any) -> Any:
    return x * np.tanh(softplus(x))


@composite(name="hardtanh")
def hardtanh(x: Any, min_val: Any = -1.0, max_val: Any = 1.0) -> Any:
    return np.clip(x, min_val, max_val)


@composite(name="hardsigmoid")
def hardsigmoid(x: Any) -> Any:
    return np.clip(x / 6 + 0.5, 0, 1)


@composite(name="hardswish")
def hardswish(x: Any) -> Any:
    return x * hardsigmoid(x)
