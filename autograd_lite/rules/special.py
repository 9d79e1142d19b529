"""Special functions and activations, under the names of SciPy and PyTorch.

Names and defaults are SciPy's for special functions and PyTorch's for activations. At a kink the slope is PyTorch's: 0
for `relu` at 0. `softmax` of a row of -inf is nan, as in PyTorch, because it is 0 / 0.
"""

import math

import numpy as np

from ..table import (
    POSITIVE,
    REAL,
    Drawn,
    Primitive,
    Remedy,
    Textbook,
    at,
    composite,
    elementwise,
    general,
    interval,
    notation,
)
from ..table.batching import axes
from ._arrays import floating, operand, reduced, resolve
from .elementwise import sigmoid
from .scipy_special import scipy_module

__all__ = [
    "celu", "elu", "entr", "gelu", "hardsigmoid", "hardswish", "hardtanh", "i0", "kl_div", "leaky_relu",
    "log_sigmoid", "log_softmax", "logit", "mish", "nan_to_num", "real_if_close", "rel_entr", "relu", "relu6",
    "selu", "silu", "sinc", "softmax", "softplus", "softsign", "xlog1py", "xlogy",
]

# ----------------------------------------------------------------------------------------- around the sigmoid


def _softplus(x):
    if np.iscomplexobj(x):
        return np.log1p(np.exp(x))
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))  # an eighth of the time of logaddexp


softplus = elementwise(
    _softplus, lambda x: sigmoid(x), name="softplus", tex=r"\ln(1 + e^{{{x}}})", source="np.logaddexp(x, 0)",
    definition=True, scalar="max(x, 0) + log1p(exp(-abs(x)))", onnx=True, text="log(1 + exp({x}))",
    idiom=("sum", "logarithm"),
)
log_sigmoid = elementwise(
    lambda x: -_softplus(-x), lambda x: sigmoid(-x), name="log_sigmoid", tex=r"\ln \sigma({x})",
    source="-np.logaddexp(-x, 0)", definition=True, scalar="-(max(-x, 0) + log1p(exp(-abs(x))))",
    onnx=True,
)
logit = elementwise(
    lambda x: np.log(x) - np.log1p(-x), lambda x: 1 / (x * (1 - x)),
    name="logit", domain=interval(0, 1), tex=r"\ln \frac{{{x}}}{{1 - {x}}}",
    scalar="log(x) - log1p(-x)",
)

# -------------------------------------------------------------------------------------------------- entropies


def _pair(x1, x2):
    """Two operands; a Python number takes the dtype of the other, as in a ufunc."""
    if isinstance(x1, (int, float)) and hasattr(x2, "dtype"):
        x1 = np.asarray(x1, np.result_type(x1, x2.dtype))
    elif isinstance(x2, (int, float)) and hasattr(x1, "dtype"):
        x2 = np.asarray(x2, np.result_type(x2, x1.dtype))
    return (x1, x2), {}


def _but(bad, x):
    return np.where(bad, 1, x)


def _xlogy(x1, x2):
    return x1 * np.log(_but((x1 == 0) & ~np.isnan(x2), x2))


def _xlog1py(x1, x2):
    return x1 * np.log1p(np.where((x1 == 0) & ~np.isnan(x2), 0, x2))


# At (0, 0) both slopes are 0, so that a term of probability 0 contributes nothing.
xlogy = elementwise(
    _xlogy, lambda x1, x2: np.log(_but((x1 == 0) & (x2 <= 0), x2)), lambda x1, x2: x1 / _but((x1 == 0) & (x2 == 0), x2),
    textbook=Textbook("x1 * log(x2)", x1="g * log(x2)", x2="g * x1 / x2"),
    name="xlogy", bind=_pair, domain=(REAL, POSITIVE), kinks=lambda x1, x2: (x1 == 0) & (x2 <= 0), tex=r"{x1} \ln {x2}",
    scalar="x1 if x1 == 0 and x2 == x2 else x1 * log(x2)",
)
xlog1py = elementwise(
    _xlog1py, lambda x1, x2: np.log1p(np.where((x1 == 0) & (x2 <= -1), 0, x2)),
    lambda x1, x2: x1 / _but((x1 == 0) & (x2 == -1), 1 + x2),
    name="xlog1py", bind=_pair, domain=(REAL, interval(-1, np.inf)), kinks=lambda x1, x2: (x1 == 0) & (x2 <= -1),
    tex=r"{x1} \ln(1 + {x2})", scalar="x1 if x1 == 0 and x2 == x2 else x1 * log1p(x2)",
)


def _entr(x):
    return np.where(x < 0, -np.inf, -x * np.log(_but(x <= 0, x)))


entr = elementwise(
    _entr, lambda x: -np.log(x) - 1, name="entr", domain=POSITIVE, kinks=(0.0,), tex=r"-{x} \ln {x}",
    scalar="-x * log(x) if x > 0 else -x if x == 0 else x if x != x else -inf",
)


def _log_ratio(x1, x2):
    """``log(x1 / x2)``, also where the quotient overflows or underflows."""
    with np.errstate(over="ignore"):
        ratio = x1 / x2
    limits = np.finfo(ratio.dtype)
    fits = (ratio > limits.tiny) & (ratio < limits.max)
    return np.where(fits, np.log(np.where(fits, ratio, 1)), np.log(x1) - np.log(x2))


def _no_probability(x1, x2):
    return (x1 == 0) & (x2 >= 0)


def _rel_entr(x1, x2):
    y = x1 * _log_ratio(_but(x1 <= 0, x1), _but(x2 <= 0, x2))
    return np.where((x1 < 0) | (x2 < 0) | (x1 > 0) & (x2 == 0), np.inf, y)


rel_entr = elementwise(
    _rel_entr, lambda x1, x2: _log_ratio(x1, x2) + 1, lambda x1, x2: -x1 / x2,
    name="rel_entr", bind=_pair, domain=(POSITIVE, POSITIVE), kinks=_no_probability,
    tex=r"{x1} \ln \frac{{{x1}}}{{{x2}}}",
)
kl_div = elementwise(
    lambda x1, x2: _rel_entr(x1, x2) - x1 + x2, lambda x1, x2: _log_ratio(x1, x2), lambda x1, x2: 1 - x1 / x2,
    name="kl_div", bind=_pair, domain=(POSITIVE, POSITIVE), kinks=_no_probability,
    tex=r"{x1} \ln \frac{{{x1}}}{{{x2}}} - {x1} + {x2}",
)


def _cut_off(log, x):
    with np.errstate(divide="ignore"):
        return np.maximum(log(x), -100)


# As a composite it would be 0 * inf in float32 at the ends, where the logarithm is cut off at -100.
binary_cross_entropy = elementwise(
    lambda x1, x2: -(x2 * _cut_off(np.log, x1) + (1 - x2) * _cut_off(np.log1p, -x1)),
    lambda x1, x2: (x1 - x2) / np.maximum(x1 * (1 - x1), 1e-12),
    lambda x1: _cut_off(np.log1p, -x1) - _cut_off(np.log, x1),
    name="binary_cross_entropy", bind=_pair, domain=(interval(0, 1), REAL),
    kinks=lambda x1, x2: (x1 == 0) | (x1 == 1),  # where the logarithms are cut off
    tex=r"-({x2} \ln {x1} + (1 - {x2}) \ln(1 - {x1}))",
    scalar="-(x2 * max(log(x1), -100) + (1 - x2) * max(log1p(-x1), -100))",
)

# ---------------------------------------------------------------------------------------------------- softmax


def _over_axis(x, axis=None):
    x = operand(x)
    return (x,), {"axis": reduced(resolve(axis, x.ndim), x.ndim)}


def shifted(x, axis):
    """``x`` minus its maximum, as a new array of floats, so that exp does not overflow."""
    x = floating(x)
    if x.ndim == 2 and axis == (1,) and 0 < x.shape[1] <= 32:
        # NumPy's maximum along a short last axis takes twice as long as along the first
        top = np.maximum.reduce(np.ascontiguousarray(x.T), 0)[:, None]
    else:
        top = np.maximum.reduce(x, axis, keepdims=True, initial=-np.inf)
    return np.asarray(x - top)  # an array even for one number, because the callers write into it


def _softmax(x, axis):
    """``exp(x)`` divided by its sum along `axis`: one axis, several, or all for None."""
    e = shifted(x, axis)
    np.exp(e, out=e)
    e /= np.add.reduce(e, axis, keepdims=True)
    return e


def _log_softmax(x, axis):
    """The logarithm of `softmax`, without overflow."""
    e = shifted(x, axis)
    e -= np.log(np.add.reduce(np.exp(e), axis, keepdims=True))
    return e


def softmax_vjp(g, y, axis):
    d = g * y
    return d - y * np.add.reduce(d, axis=axis, keepdims=True)


def _softmax_definition(x, axis):
    e = np.exp(x - np.max(x, axis=axis, keepdims=True))
    return e / np.sum(e, axis=axis, keepdims=True)


def _log_softmax_definition(x, axis):
    shifted = x - np.max(x, axis=axis, keepdims=True)
    return shifted - np.log(np.sum(np.exp(shifted), axis=axis, keepdims=True))


def _softmax_onnx(b, x, axis, log=""):
    if len(axis) != 1:
        raise NotImplementedError(f"export.onnx: a softmax over the axes {axis}; ONNX has it along one axis only")
    return b(f"{log}Softmax", x, axis=axis[0])


_ALONG = {
    "bind": _over_axis, "batch": axes("axis"),
    "examples": "2x3; 2x3x4 axis=0; 2x3x4 axis=0,2; axis=None; 0x3",
}
softmax = general(
    _softmax, softmax_vjp, name="softmax", tex=r"\operatorname{{softmax}}({x})", algebra="softmax",
    textbook=Textbook("softmax(x, axis)", x="y * (g - sum(g * y, axis))", jacobian="y[i] * (delta[i, j] - y[j])"),
    definition=_softmax_definition, onnx=_softmax_onnx, idiom=("quotient", "product"), **_ALONG,
)
log_softmax = general(
    _log_softmax, lambda g, y, axis: g - np.exp(y) * np.add.reduce(g, axis=axis, keepdims=True),
    name="log_softmax", algebra="log of a softmax", tex=r"\ln \operatorname{{softmax}}({x})",
    textbook=Textbook(
        "log_softmax(x, axis)", x="g - softmax(x, axis) * sum(g, axis)", jacobian="delta[i, j] - exp(y[j])"
    ),
    definition=_log_softmax_definition, onnx=lambda b, x, axis: _softmax_onnx(b, x, axis, "Log"),
    idiom=("difference",), **_ALONG,
)

for _row in (softmax, log_softmax):
    _row.attach(remedies=(Remedy(f"ag.{_row.name}(np.maximum({{x}}, -1e30){{axis}})"),))

# ------------------------------------------------------------------------------------------------ activations

_ACTIVATED = (at(Drawn(lambda rng: rng.uniform(0.1, 0.9, size=(2, 3)) * [[1], [-1]])), at(np.array(0.5)))


def _relu(x):
    x = np.asarray(x)
    return np.maximum(x, np.zeros(x.shape, x.dtype))  # a scalar takes twice as long


relu = elementwise(
    _relu, lambda y: y > 0, name="relu", kinks=(0.0,), tex=r"\max(0, {x})",
    call="np.maximum({x}, 0)", definition=lambda x: np.maximum(x, np.zeros(x.shape, x.dtype)), scalar="max(x, 0)",
    textbook=Textbook("relu(x)", x="g * (x > 0)", kink="slope 0 at 0"), onnx="Relu",
)
silu = elementwise(
    lambda x: x * sigmoid.fn(x), lambda y, x: sigmoid(x) * (1 + x - y), name="silu", tex=r"{x} \, \sigma({x})",
    source="x / (1 + np.exp(-x))", definition=True, scalar="x / (1 + exp(-x)) if x > -37 else x * exp(x)",
    onnx=lambda b, x: b("Mul", x, b("Sigmoid", x)),
)

_GELU = 2 * math.sqrt(2 / math.pi)  # tanh(u) written as 2 sigmoid(2 u) - 1


notation("Normal", "Φ({x1})", r"\Phi({x1})", lambda x: scipy_module("gelu").ndtr(x))
notation("normal", "φ({x1})", r"\varphi({x1})", lambda x: np.exp(-x * x / 2) / math.sqrt(2 * math.pi))


_EXACT = Textbook(
    "x * Normal(x)", x="g * (Normal(x) + x * normal(x))",
    note="the standard normal distribution function, and its density",
)


def _gelu_arguments(x, approximate="none"):
    if approximate not in ("none", "tanh"):
        raise ValueError(f"gelu: expected approximate 'none' (uses erf, needs SciPy) or 'tanh', got {approximate!r}")
    return (x,), {"approximate": approximate}


def _gelu(x, approximate):
    """``x * Φ(x)``, Φ the normal distribution function: exact (needs SciPy), or with ``approximate='tanh'``."""
    if approximate == "none":
        return x * scipy_module("gelu").ndtr(x)
    return x * sigmoid.fn(_GELU * (x + 0.044715 * x * x * x))


def _gelu_slope(x, approximate):
    if approximate == "none":
        return scipy_module("gelu").ndtr(x) + x * np.exp(-x * x / 2) / math.sqrt(2 * math.pi)
    s = sigmoid(_GELU * (x + 0.044715 * x * x * x))
    return s + x * s * (1 - s) * (_GELU * (1 + 3 * 0.044715 * x * x))


gelu = elementwise(
    _gelu, _gelu_slope, name="gelu", bind=_gelu_arguments, tex=r"{x} \, \Phi({x})",
    textbook=lambda x, approximate: _EXACT if approximate == "none" else None,
    idiom=("product",),
    examples=tuple(at(approximate=how) for how in ("none", "tanh")), definition=True,
    onnx=lambda b, x, approximate: b("Gelu", x, approximate=approximate),
)


@composite(
    examples=_ACTIVATED, textbook=Textbook(
        "where(x > 0, x, negative_slope * x)", x="g * where(x > 0, 1, negative_slope)"
    ),
)
def leaky_relu(x, negative_slope=0.01):
    """`x`, and ``negative_slope * x`` below 0."""
    return np.where(x > 0, x, negative_slope * x)


@composite(
    examples=_ACTIVATED,
    textbook=Textbook("where(x > 0, x, alpha * (exp(x) - 1))", x="g * where(x > 0, 1, alpha * exp(x))"),
)
def elu(x, alpha=1.0):
    """`x`, and ``alpha * (exp(x) - 1)`` below 0."""
    return np.where(x > 0, x, alpha * np.expm1(np.where(x > 0, 0, x)))


@composite(
    examples=_ACTIVATED,
    textbook=Textbook("where(x > 0, x, alpha * (exp(x / alpha) - 1))", x="g * where(x > 0, 1, exp(x / alpha))"),
)
def celu(x, alpha=1.0):
    """`x`, and ``alpha * (exp(x / alpha) - 1)`` below 0."""
    return np.where(x > 0, x, alpha * np.expm1(np.where(x > 0, 0, x) / alpha))


@composite(examples=_ACTIVATED)
def selu(x):
    """The scale and slope for which a layer keeps mean 0 and variance 1 (Klambauer et al., 2017)."""
    return 1.0507009873554805 * elu(x, 1.6732632423543772)


@composite(examples=_ACTIVATED)
def softsign(x):
    """``x / (1 + abs(x))``."""
    return x / (1 + np.abs(x))


@composite(examples=_ACTIVATED)
def mish(x):
    """``x * tanh(softplus(x))``."""
    return x * np.tanh(softplus(x))


notation("inside", "1[{x1} < {x2} < {x3}]", "1[{x1} < {x2} < {x3}]", lambda a, x, b: (a < x) & (x < b))
# Unlike `clip`, it has slope 0 at both ends.
hardtanh = elementwise(
    lambda x, min_val, max_val: np.clip(x, min_val, max_val), lambda x, min_val, max_val: (x > min_val) & (x < max_val),
    name="hardtanh", bind=lambda x, min_val=-1.0, max_val=1.0: ((x,), {"min_val": min_val, "max_val": max_val}),
    kinks=(-1.0, 1.0), tex=r"\operatorname{{clip}}({x}, {min_val}, {max_val})",
    text="clip({x}, {min_val}, {max_val})", textbook=Textbook(x="g * inside(min_val, x, max_val)"),
    examples=_ACTIVATED, scalar="min(max(x, min_val), max_val)",
    onnx=lambda b, x, min_val, max_val: b("Clip", x, b.constant(min_val, x.dtype), b.constant(max_val, x.dtype)),
)


@composite(examples=_ACTIVATED)
def relu6(x):
    """`x` clipped to [0, 6], with slope 0 at both ends."""
    return hardtanh(x, 0, 6)


@composite(examples=_ACTIVATED)
def hardsigmoid(x):
    """``x / 6 + 1/2`` clipped to [0, 1]."""
    return hardtanh(x, -3, 3) / 6 + 0.5


@composite(examples=_ACTIVATED)
def hardswish(x):
    """``x * hardsigmoid(x)``."""
    return x * hardsigmoid(x)

# ---------------------------------------------------------------------------------- nan, inf, rounding errors


def _finite(x, nan, posinf, neginf):
    limits = np.finfo(x.dtype)
    high, low = (limit if bound is None else bound for bound, limit in ((posinf, limits.max), (neginf, limits.min)))
    return np.where(x != x, nan, np.where(x == np.inf, high, np.where(x == -np.inf, low, x)))


nan_to_num = elementwise(
    np.nan_to_num, lambda x: np.isfinite(x), tex="{x}", js=_finite,
    bind=lambda x, copy=True, nan=0.0, posinf=None, neginf=None: (
        (x,), {"nan": nan, "posinf": posinf, "neginf": neginf},
    ),
)


@composite(np.real_if_close, examples="[3]")
def real_if_close(a, tol=100):
    """The real part, if the imaginary part is only rounding errors."""
    a = operand(a)
    if a.dtype.kind != "c":
        return a
    if tol > 1:
        tol = tol * np.finfo(a.dtype).eps
    return np.real(a) if np.all(np.abs(np.imag(a)) < tol) else a

# ------------------------------------------------------------------ functions that know their n-th derivative


def _sinc_derivative(x, n):
    """The n-th derivative of sin(pi x) / (pi x), which is the integral of cos(pi x t) over t from 0 to 1.

    Away from 0 it is computed by the recurrence from differentiating ``x sinc(x) = sin(pi x) / pi`` n times; near 0 by
    the Taylor series, because the recurrence divides by x once for each order.
    """
    z = math.pi * floating(x)
    near = np.abs(z) < n + 1
    u = np.where(near, z, 0)
    square, series = u * u, 0.0 * u
    first = (n + 1) // 2
    for k in range(14 + 3 * n + n // 2, first - 1, -1):  # Horner's rule, in which no power overflows
        series = series * square + (-1) ** k / ((2 * k + 1) * math.factorial(2 * k - n))
    series = series * u if n % 2 else series
    v = np.where(near, 1, z)
    far = np.sin(v) / v
    for k in range(1, n + 1):
        far = (np.sin(v + k * (math.pi / 2)) - k * far) / v
    return math.pi**n * np.where(near, series, far)


def _i0_derivative(x, n):
    """The n-th derivative of I0, the mean of ``cos(t)**n exp(x cos t)`` over a full turn of t (DLMF 10.32.1).

    For a periodic function the midpoint rule has full accuracy: here for all x up to 700, where I0 overflows.
    """
    x = floating(x)
    total = 0.0 * x
    for c in np.cos((np.arange(64) + 0.5) * (math.pi / 128)).tolist():
        total = total + c**n * (np.sinh(c * x) if n % 2 else np.cosh(c * x))
    return total / 64


def _of_all_orders(derivative, name, tex) -> Primitive:
    """The row of a derivative of n-th order, whose own is of order ``n + 1``."""
    row: Primitive = elementwise(
        derivative, lambda x, n: row(x, n + 1), name=name, bind=lambda x, n=1: ((x,), {"n": n}), tex=tex
    )
    return row


sinc_derivative = _of_all_orders(_sinc_derivative, "sinc_derivative", r"\operatorname{{sinc}}^{{({n})}} {x}")
sinc = elementwise(
    np.sinc, lambda x: sinc_derivative(x, 1), tex=r"\operatorname{{sinc}} {x}",
    scalar="1 if x == 0 else sin(pi * x) / (pi * x)", textbook=Textbook(
        x=("g * (cos(np.pi * x) - sinc(x)) / x", "g * quotient(cos(np.pi * x) - sinc(x), x)"), kink="slope 0 at 0"
    ),
)
i0_derivative = _of_all_orders(_i0_derivative, "i0_derivative", "I_0^{{({n})}}({x})")
i0 = elementwise(np.i0, lambda x: i0_derivative(x, 1), tex="I_0({x})")
