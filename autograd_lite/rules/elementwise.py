"""Elementwise functions: arithmetic, powers, exponentials, trigonometric and hyperbolic functions.

Source of the formulas: Abramowitz & Stegun, chapters 3 and 4. At a kink a row takes PyTorch's value: 0 for the slope of
``abs`` at 0, one half for each side of a tie in ``maximum``, 0 for ``hypot`` and ``arctan2`` at the origin.
"""

import math

import numpy as np

from ..table import (
    NONZERO,
    POSITIVE,
    REAL,
    WHOLE,
    Joint,
    Remedy,
    Textbook,
    at,
    composite,
    constant,
    elementwise,
    general,
    interval,
    notation,
    uniform,
)
from ..table.batching import ALIGNED

__all__ = [
    "absolute", "add", "angle", "arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctan2", "arctanh", "cbrt",
    "conjugate", "copysign", "cos", "cosh", "deg2rad", "degrees", "divide", "divmod", "exp", "exp2", "expm1",
    "fabs", "float_power", "fmax", "fmin", "fmod", "frexp", "heaviside", "hypot", "imag", "ldexp", "log", "log1p",
    "log2", "log10", "logaddexp", "logaddexp2", "maximum", "minimum", "modf", "multiply", "negative", "nextafter",
    "positive", "power", "rad2deg", "radians", "real", "reciprocal", "remainder", "sigmoid", "sin", "sinh", "sqrt",
    "square", "subtract", "tan", "tanh",
]

# ---------------------------------------------------------------------------------------------------- arithmetic

add = elementwise(np.add, 1, 1, tex="{x1} + {x2}", infix="{x1} + {x2}", algebra="sum", onnx="Add")
subtract = elementwise(np.subtract, 1, -1, tex="{x1} - {x2}", infix="{x1} - {x2}", algebra="difference", onnx="Sub")
multiply = elementwise(
    np.multiply, lambda x2: x2, lambda x1: x1, tex=r"{x1} \odot {x2}",
    infix="{x1} * {x2}", algebra="product", onnx="Mul",
)
divide = elementwise(
    np.divide, lambda x2: 1 / x2, lambda y, x2: -y / x2,
    pull=(lambda g, x2: g / x2,),  # one pass, and no overflow of 1 / x2
    domain=(REAL, NONZERO), tex=r"\frac{{{x1}}}{{{x2}}}",
    infix="{x1} / {x2}", algebra="quotient", textbook=Textbook(x1="g / x2", x2="-g * x1 / x2 ** 2"),
    onnx="Div",
)
notation(  # of 0 it is 0
    "quotient", "{x1} / {x2}", r"\frac{{{x1}}}{{{x2}}}", lambda a, b: a / np.where(b == 0, 1, b), entrywise=True
)
negative = elementwise(np.negative, -1, tex="-{x}", infix="-{x}", algebra="negation", onnx="Neg")
positive = elementwise(np.positive, 1, scalar="x", algebra="identity", onnx="Identity")
square = elementwise(
    np.square, lambda x: 2 * x, pull=(lambda g, x: (g + g) * x,), tex="{x}^2", scalar="x * x",
    infix="{x} ** 2", text="{x}²", algebra="square", onnx=lambda b, x: b("Mul", x, x),
)
reciprocal = elementwise(
    np.reciprocal, lambda y: -y * y, domain=NONZERO, scalar="1 / x",
    algebra="reciprocal", onnx="Reciprocal",
)
sqrt = elementwise(
    np.sqrt, lambda y: 0.5 / y, domain=POSITIVE, kinks=(0.0,), tex=r"\sqrt{{{x}}}", scalar="sqrt(x)",
    text="√{x}", algebra="root", onnx="Sqrt",
)
cbrt = elementwise(
    np.cbrt, lambda y: 1 / (3 * y * y), domain=NONZERO, kinks=(0.0,), tex=r"\sqrt[3]{{{x}}}", scalar="cbrt(x)"
)

_POWER = Joint(
    lambda x1, x2: (x1 > 0) | ((x2 == np.round(x2)) & ((x1 != 0) | (x2 >= 0))),
    r"x_1 > 0 \text{ or } x_2 \in \mathbb{Z}",
)


def _power_base(x1, x2):
    tiny = np.abs(x1) < np.finfo(x1.dtype).tiny  # zero, or 1 / x1 may be infinite
    return x2 * x1 ** np.where((x2 == 0) & tiny, 1, x2 - 1)  # x**0 is flat, there too


def _power_exponent(y, x1):
    return y * np.log(np.where(x1 == 0, 1, x1))  # 0**x is flat, not 0 * -inf


def _root_of_zero(x1, x2):
    return (x1 == 0) & (x2 > 0) & (x2 != np.round(x2))


_OF_POWERS = {
    "domain": _POWER, "kinks": _root_of_zero, "tex": "{x1}^{{{x2}}}", "scalar": "pow(x1, x2)",
    "textbook": Textbook(x1="g * x2 * x1 ** (x2 - 1)", x2="g * y * log(x1)"),  # which has no guards
}  # fmt: skip
power = elementwise(
    np.power, _power_base, _power_exponent, **_OF_POWERS,
    infix="{x1} ** {x2}", algebra="power", onnx="Pow",
)
float_power = elementwise(np.float_power, _power_base, _power_exponent, **_OF_POWERS)
remainder = elementwise(
    np.remainder, 1, lambda x1, x2: -np.floor_divide(x1, x2),
    domain=(REAL, NONZERO), kinks=lambda x1, x2: np.remainder(x1, x2) == 0, tex=r"{x1} \bmod {x2}",
    scalar="copysign(0, x2) if fmod(x1, x2) == 0 else "
    "fmod(x1, x2) + x2 if (fmod(x1, x2) < 0) != (x2 < 0) else fmod(x1, x2)",
)
fmod = elementwise(
    np.fmod, 1,
    lambda x1, x2: -np.rint((x1 - np.fmod(x1, x2)) / x2),  # trunc(x1 / x2) may be off by one
    domain=(REAL, NONZERO), kinks=lambda x1, x2: np.fmod(x1, x2) == 0, tex=r"\operatorname{{fmod}}({x1}, {x2})",
    scalar="fmod(x1, x2)",
)

# ------------------------------------------------------------------------------------- exponentials and logarithms

exp = elementwise(np.exp, lambda y: y, tex="e^{{{x}}}", scalar="exp(x)", algebra="exponential", onnx="Exp")
exp2 = elementwise(np.exp2, lambda y: y * math.log(2), tex="2^{{{x}}}", scalar="exp2(x)")
expm1 = elementwise(
    np.expm1, lambda x: np.exp(x), tex="e^{{{x}}} - 1", scalar="expm1(x)",
    onnx=lambda b, x: b("Sub", b("Exp", x), b.constant(1, x.dtype)),
)
log = elementwise(
    np.log, lambda x: 1 / x, pull=(lambda g, x: g / x,), domain=POSITIVE, tex=r"\ln {x}",
    scalar="log(x)", algebra="logarithm", onnx="Log",
)
log2 = elementwise(
    np.log2, lambda x: 1 / (x * math.log(2)), domain=POSITIVE, tex=r"\log_2 {x}", scalar="log2(x)"
)
log10 = elementwise(
    np.log10, lambda x: 1 / (x * math.log(10)), domain=POSITIVE, tex=r"\log_{{10}} {x}", scalar="log10(x)"
)
log1p = elementwise(
    np.log1p, lambda x: 1 / (1 + x), domain=interval(-1, np.inf), text="log(1 + {x})", tex=r"\ln(1 + {x})",
    scalar="log1p(x)", onnx=lambda b, x: b("Log", b("Add", x, b.constant(1, x.dtype))),
)

#: By dtype, an argument from which on the sigmoid is 1 (before exp overflows), and the number 1. They are arrays,
#: because a Python number makes a small operation half as slow again.
_SATURATED = {d: (np.array(cap, d), np.ones((), d)) for d, cap in (("e", 11), ("f", 40), ("d", 40), ("g", 700))}


def _sigmoid(x):
    try:
        cap, one = _SATURATED[x.dtype.char]
    except (AttributeError, KeyError):  # a Python number, integers, complex numbers
        return 1 / (1 + np.exp(-x)) if np.iscomplexobj(x) else _sigmoid(np.asarray(x, float))
    e = np.exp(np.minimum(x, cap))  # exp does not overflow, and small results keep their digits
    return e / (one + e)


sigmoid = elementwise(
    _sigmoid, lambda y: y * (1 - y),
    pull=(lambda g, y: g * (y - y * y),),  # without the number 1, which makes a small operation half as slow again
    name="sigmoid", text="σ({x})", source="1 / (1 + np.exp(-x))", tex=r"\sigma({x})",
    definition=True, scalar="1 / (1 + exp(-x)) if x > -37 else exp(x)", onnx="Sigmoid",
    idiom=("quotient", "reciprocal", "power"),
)


def _share_lower(x1, x2):
    """Beside a finite constant both are never infinite."""
    return _sigmoid(np.subtract(x1, x2)) if isinstance(x2, (int, float)) and math.isfinite(x2) else NotImplemented


def _share(x1, x2):
    if (simple := _share_lower(x1, x2)) is not NotImplemented:
        return simple
    with np.errstate(invalid="ignore"):
        difference = np.subtract(x1, x2)
        same = (x1 == x2) & np.isinf(x1)  # both -inf: half each
    return _sigmoid(np.where(same, 0, difference) if same.any() else difference)


#: The weight of x1 in ``logaddexp(x1, x2)``: the sigmoid of the difference.
_weight = elementwise(
    _share, lambda y: y * (1 - y), lambda y: -y * (1 - y), name="logaddexp_share", tex=r"\sigma({x1} - {x2})",
    source="1 / (1 + np.exp(x2 - x1))", definition=_share_lower,
    scalar="0.5 if x1 == x2 else 1 / (1 + exp(x2 - x1)) if x2 - x1 < 37 else exp(x1 - x2)",
)


logaddexp = elementwise(
    np.logaddexp, lambda x1, x2: _weight(x1, x2), lambda x1, x2: _weight(x2, x1), tex=r"\ln(e^{{{x1}}} + e^{{{x2}}})",
    textbook=lambda a, b: Textbook(
        "log(1 + exp(x2))" if isinstance(a, float | int) and a == 0 else "log(exp(x1) + exp(x2))",
        x1="g * sigmoid(x1 - x2)", x2="g * sigmoid(x2 - x1)",
    ),
    scalar=f"x1 + {math.log(2)} if x1 == x2 else max(x1, x2) + log1p(exp(-abs(x1 - x2)))",
)
logaddexp2 = elementwise(
    np.logaddexp2, lambda x1, x2: _weight(x1 * math.log(2), x2 * math.log(2)),
    lambda x1, x2: _weight(x2 * math.log(2), x1 * math.log(2)),
    tex=r"\log_2(2^{{{x1}}} + 2^{{{x2}}})",
    scalar=f"x1 + 1 if x1 == x2 else max(x1, x2) + log1p(exp2(-abs(x1 - x2))) / {math.log(2)}",
)

# --------------------------------------------------------------------------------------------------- trigonometry

sin = elementwise(np.sin, lambda x: np.cos(x), tex=r"\sin {x}", scalar="sin(x)", onnx="Sin")
cos = elementwise(np.cos, lambda x: -np.sin(x), tex=r"\cos {x}", scalar="cos(x)", onnx="Cos")
tan = elementwise(np.tan, lambda y: 1 + y * y, tex=r"\tan {x}", scalar="tan(x)", onnx="Tan")


def _beside(x):
    """``sqrt(1 - x * x)``; for complex numbers in a form that keeps the sign of zero on a branch cut."""
    return np.sqrt(-(x - 1)) * np.sqrt(-(-x - 1)) if x.dtype.kind == "c" else np.sqrt(1 - x * x)


arcsin = elementwise(
    np.arcsin, lambda x: 1 / np.sqrt(1 - x * x),
    pull=(lambda g, x: g / _beside(x),), domain=interval(-1, 1), kinks=(-1.0, 1.0), tex=r"\arcsin {x}",
    scalar="asin(x)", onnx="Asin",
)
arccos = elementwise(
    np.arccos, lambda x: -1 / np.sqrt(1 - x * x),
    pull=(lambda g, x: -g / _beside(x),), domain=interval(-1, 1), kinks=(-1.0, 1.0), tex=r"\arccos {x}",
    scalar="acos(x)", onnx="Acos",
)
arctan = elementwise(np.arctan, lambda x: 1 / (1 + x * x), tex=r"\arctan {x}", scalar="atan(x)", onnx="Atan")
sinh = elementwise(np.sinh, lambda x: np.cosh(x), tex=r"\sinh {x}", scalar="sinh(x)", onnx="Sinh")
cosh = elementwise(np.cosh, lambda x: np.sinh(x), tex=r"\cosh {x}", scalar="cosh(x)", onnx="Cosh")
tanh = elementwise(np.tanh, lambda y: 1 - y * y, tex=r"\tanh {x}", scalar="tanh(x)", onnx="Tanh")
arcsinh = elementwise(
    np.arcsinh, lambda x: 1 / np.sqrt(1 + x * x), tex=r"\operatorname{{arsinh}} {x}",
    scalar="asinh(x)", onnx="Asinh",
)
arccosh = elementwise(
    np.arccosh, lambda x: 1 / (np.sqrt(x - 1) * np.sqrt(x + 1)), textbook=Textbook(x="g / sqrt(x ** 2 - 1)"),
    domain=interval(1, np.inf), kinks=(1.0,), tex=r"\operatorname{{arcosh}} {x}",
    scalar="acosh(x)", onnx="Acosh",
)
arctanh = elementwise(
    np.arctanh, lambda x: 1 / (1 - x * x), domain=interval(-1, 1), tex=r"\operatorname{{artanh}} {x}",
    scalar="atanh(x)", onnx="Atanh",
)


def _over_square(x, x1, x2):
    """``x / (x1**2 + x2**2)`` without overflow, and `x` at the origin."""
    r = np.hypot(x1, x2)
    r = np.where(r == 0, 1, r)
    return x / r / r


hypot = elementwise(
    np.hypot, lambda y, x1: x1 / np.where(y == 0, 1, y), lambda y, x2: x2 / np.where(y == 0, 1, y),
    kinks=lambda x1, x2: (x1 == 0) & (x2 == 0), tex=r"\sqrt{{{x1}^2 + {x2}^2}}", text="√({x1}² + {x2}²)",
    textbook=Textbook(
        x1=("g * x1 / y", "g * quotient(x1, y)"), x2=("g * x2 / y", "g * quotient(x2, y)"), kink="slope 0 at 0"
    ), scalar="hypot(x1, x2)",
)
arctan2 = elementwise(
    np.arctan2, lambda x1, x2: _over_square(x2, x1, x2), lambda x1, x2: _over_square(-x1, x1, x2),
    kinks=lambda x1, x2: (x1 == 0) & (x2 <= 0),  # the branch cut
    tex=r"\operatorname{{atan2}}({x1}, {x2})", scalar="atan2(x1, x2)",
    textbook=Textbook(x1="g * x2 / (x1 ** 2 + x2 ** 2)", x2="-g * x1 / (x1 ** 2 + x2 ** 2)"),
)
degrees, rad2deg = (
    elementwise(fn, 180 / math.pi, tex=r"{x} \cdot \frac{{180}}{{\pi}}", scalar="x * (180 / pi)")
    for fn in (np.degrees, np.rad2deg)
)
radians, deg2rad = (
    elementwise(fn, math.pi / 180, tex=r"{x} \cdot \frac{{\pi}}{{180}}", scalar="x * (pi / 180)")
    for fn in (np.radians, np.deg2rad)
)

# ------------------------------------------------------------------------------------------------------ piecewise


_COMPLEX = (complex, np.complex64, np.complex128, np.clongdouble)


def _sign_bind(x):
    """The sign of a real number is a constant; that of a complex number is ``x / |x|``, which has a derivative."""
    return x / np.where(x == 0, 1, np.abs(x)) if getattr(x, "dtype", type(x)) in _COMPLEX else ((x,), {})


constant(
    np.sign, bind=_sign_bind, scalar="1 if x > 0 else -1 if x < 0 else 0 * abs(x)", algebra="sign", onnx="Sign"
)
absolute = elementwise(
    np.absolute, lambda x: np.sign(x), kinks=(0.0,), holomorphic=False, tex=r"\lvert {x} \rvert",
    text="|{x}|", scalar="abs(x)", textbook=Textbook(x="g * sign(x)", kink="sign(0) = 0"), onnx="Abs",
    algebra="absolute value",
)
fabs = elementwise(np.fabs, lambda x: np.sign(x), kinks=(0.0,), tex=r"\lvert {x} \rvert", scalar="abs(x)", onnx="Abs")


def _tie(x1, x2):
    return x1 == x2


def _extreme(fn, wins, **options):
    """The larger or the smaller of two numbers, which share the gradient if they are equal."""
    return elementwise(
        fn, lambda x1, x2: np.where(x1 == x2, 0.5, wins(x1, x2)), lambda x1, x2: np.where(x1 == x2, 0.5, wins(x2, x1)),
        kinks=_tie, **options,
    )


def _share_of_a_tie(name, sign):
    def forms(a, b):
        return f"g * ({a} {sign} {b})", f"g * (({a} {sign} {b}) + 0.5 * ({a} == {b}))"

    return Textbook(f"{name}(x1, x2)", kink="½ each at a tie", x1=forms("x1", "x2"), x2=forms("x2", "x1"))


maximum = _extreme(
    np.maximum, np.greater, tex=r"\max({x1}, {x2})", text="max({x1}, {x2})", scalar="max(x1, x2)", algebra="larger",
    textbook=_share_of_a_tie("maximum", ">"), onnx="Max",
)
minimum = _extreme(
    np.minimum, np.less, tex=r"\min({x1}, {x2})", text="min({x1}, {x2})", scalar="min(x1, x2)", algebra="smaller",
    textbook=_share_of_a_tie("minimum", "<"), onnx="Min",
)
fmax = _extreme(  # a number wins over nan
    np.fmax, lambda x1, x2: (x1 > x2) | np.isnan(x2), tex=r"\max({x1}, {x2})",
    scalar="x1 if x1 >= x2 or x2 != x2 else x2",
)
fmin = _extreme(
    np.fmin, lambda x1, x2: (x1 < x2) | np.isnan(x2), tex=r"\min({x1}, {x2})",
    scalar="x1 if x1 <= x2 or x2 != x2 else x2",
)
copysign = elementwise(
    np.copysign, lambda x1, x2: np.copysign(1, x1) * np.copysign(1, x2), None,
    kinks=lambda x1, x2: (x1 == 0) | (x2 == 0), tex=r"\lvert {x1} \rvert \operatorname{{sgn}} {x2}",
    scalar="copysign(x1, x2)",
)
ldexp = elementwise(np.ldexp, lambda x2: np.ldexp(1.0, x2), None, domain=(REAL, WHOLE), tex="{x1} 2^{{{x2}}}")

heaviside = elementwise(  # its value at 0 is the second argument
    np.heaviside, 0, lambda x1, x2: x1 == 0, kinks=lambda x1, x2: x1 == 0, tex="H({x1})",
    scalar="x1 if x1 != x1 else 0 if x1 < 0 else 1 if x1 > 0 else x2",
)
nextafter = elementwise(np.nextafter, 1, None, kinks=_tie)

# ----------------------------------------------------------------------------- where a gradient is infinite or zero

sqrt.attach(remedies=(
    *(Remedy(code, after=", whose gradient at 0 is 0") for code in (
        "np.abs({x})", "np.hypot({x1}, {x2})", "np.linalg.norm({x}{axis})", "np.std({x}{axis})",
    )),
    Remedy("np.where({x} > 0, np.sqrt({x}), 0)", "np.sqrt({x} + eps)"),
))
log.attach(remedies=(
    Remedy("ag.xlogy({x1}, {x2})"), Remedy("ag.log_softmax({x}{axis})"), Remedy("ag.log_sigmoid({x})"),
    Remedy("ag.log_sigmoid(-{x})"), Remedy("np.where({x} > 0, np.log({x}), 0)", "np.log({x} + eps)"),
))
for _row in (log2, log10):
    _code = f"np.{_row.name}({{x}}"
    _row.attach(remedies=(Remedy(f"np.where({{x}} > 0, {_code}), 0)", f"{_code} + eps)"),))
exp.attach(remedies=(
    Remedy("ag.sigmoid({x})"), Remedy("ag.softplus({x})"), Remedy("ag.special.logsumexp({x}{axis})"),
    Remedy("ag.softmax({x}{axis})"), Remedy("np.exp(np.minimum({x}, 80))"),
))
divide.attach(remedies=(Remedy("{x1} / np.where({x2} == 0, 1, {x2})", "{x1} / ({x2} + eps)"),))
power.attach(remedies=(Remedy("np.cbrt({x1})"), Remedy("({x1} + eps) ** {x2}"),))
for _row in (arcsin, arccos, arctanh):
    _row.attach(remedies=(Remedy(f"np.{_row.name}(np.clip({{x}}, -1 + eps, 1 - eps))"),))
sigmoid.attach(remedies=(
    Remedy("F.binary_cross_entropy_with_logits({x}, y)", before="for a cross-entropy write "),
))

# ------------------------------------------------------------------------------------------------ two results


def _examples(*bounds):
    """Examples inside these bounds, of the same shape and of shapes that broadcast."""
    shapes = ((2, 3), (2, 3)), ((), (4,)), ((3, 1), (2,))
    return tuple(
        at(*(uniform(*b, *s) for b, s in zip(bounds, shape, strict=False)))
        for shape in (shapes if len(bounds) > 1 else shapes[:2])
    )


def _first(g):
    """The cotangent of the first of two results: zero if it was not used."""
    return 0 * g[1] if g[0] is None else g[0]


modf = general(np.modf, lambda g: _first(g), outputs=True, batch=ALIGNED, examples=_examples((1.1, 1.9)))
frexp = general(
    np.frexp, lambda g, y: np.ldexp(_first(g), -y[1]), outputs=True, batch=ALIGNED, examples=_examples((1.1, 1.9)),
)


@composite(np.divmod, examples=_examples((4.1, 4.9), (1.1, 1.3)))
def divmod(x1, x2):
    return np.floor_divide(x1, x2), np.remainder(x1, x2)


# ------------------------------------------------------------------------------------- complex: not holomorphic

conjugate = elementwise(
    np.conjugate, 1, pull=(lambda g: np.conj(g),), holomorphic=False, tex=r"\overline{{{x}}}",
    algebra="conjugate",
)


real = elementwise(
    np.real, 1, holomorphic=False, tex=r"\operatorname{{Re}} {x}",
    call="{x}.real", algebra="real part", view=True,
)
imag = elementwise(
    np.imag, 0, pull=(lambda g, x_dtype: g * 1j if x_dtype.kind == "c" else g * 0,), holomorphic=False,
    tex=r"\operatorname{{Im}} {x}",
    view=True,
)


def _turn(g, x):
    """The cotangent of ``x`` from that of its angle: perpendicular to ``x``, of size ``g / |x|``."""
    if x.dtype.kind != "c":
        return g * 0
    r = np.where(x == 0, 1, np.abs(x))
    return g * (1j * x / r) / r


angle = elementwise(
    np.angle, 0,
    pull=(lambda g, x, deg: _turn(g, x) * (180 / math.pi) if deg else _turn(g, x),),
    bind=lambda z, deg=False: ((z,), {"deg": deg}), holomorphic=False, tex=r"\arg {x}",
    examples="2x3j; [3]j deg=True; 0.5..2.0:[3]",
)


def _settled(d, g):
    d = np.asarray(d)
    shape = np.shape(g)
    if d.shape != shape:
        d = np.broadcast_to(d, np.broadcast_shapes(d.shape, shape))
    square = np.vdot(d, d)  # nan if an entry is: the cheapest such pass over an array
    return d if square == square else np.where(np.isnan(d) & (g == 0), 0.0 * d.real.dtype.type(0), d)


#: The product `x1` of a cotangent `x2` and a partial: zero, not nan, where the cotangent is zero.
settled = elementwise(
    _settled, lambda x1, x2: np.where(np.isnan(x1) & (x2 == 0), 0, 1), None, name="settled", tex="{x1}",
    view=True, scalar="x1 if x1 == x1 or x2 != 0 else 0",
    examples="0.5..2.0:2x3 0.5..2.0:2x3",
)

# ------------------------------------------------------------------------------------------ derivative zero: known


def _of_truths(operator):
    return lambda b, *xs: b(operator, *(b.cast(x, bool) for x in xs))


def _of_bits(operator, bits):
    return lambda b, *xs: b(operator if xs[0].dtype == bool else bits, *xs)


constant(np.floor, scalar="floor(x)", onnx="Floor")
constant(np.ceil, scalar="ceil(x)", onnx="Ceil")
constant(np.trunc, scalar="trunc(x)")
constant(np.rint, scalar="rint(x)", onnx="Round")
constant(np.signbit, scalar="copysign(1, x) < 0")
constant(
    np.floor_divide, text="⌊{x1} / {x2}⌋", tex=r"\lfloor {x1} / {x2} \rfloor",
    scalar="x1 / x2 if x2 == 0 else copysign(rint((x1 - fmod(x1, x2)) / x2) - "
    "(1 if fmod(x1, x2) != 0 and (fmod(x1, x2) < 0) != (x2 < 0) else 0), x1 / x2)",
)
for _fn, _sign, _text, _tex, _operator in (
    (np.greater, ">", ">", ">", "Greater"), (np.greater_equal, ">=", "≥", r"\geq", "GreaterOrEqual"),
    (np.less, "<", "<", "<", "Less"), (np.less_equal, "<=", "≤", r"\leq", "LessOrEqual"),
    (np.equal, "==", "=", "=", "Equal"), (np.not_equal, "!=", "≠", r"\neq", lambda b, x, y: b("Not", b("Equal", x, y))),
):
    constant(
        _fn, infix=f"{{x1}} {_sign} {{x2}}", text=f"1[{{x1}} {_text} {{x2}}]", tex=f"1[{{x1}} {_tex} {{x2}}]",
        algebra="comparison", onnx=_operator,
    )
_AND = {"text": "1[{x1} and {x2}]", "tex": r"1[{x1} \wedge {x2}]", "algebra": "and"}
_OR = {"text": "1[{x1} or {x2}]", "tex": r"1[{x1} \vee {x2}]", "algebra": "or"}
_NOT = {"text": "1[not {x}]", "tex": r"1[\neg {x}]", "algebra": "not"}
constant(np.logical_and, **_AND, scalar="x1 != 0 and x2 != 0", onnx=_of_truths("And"))
constant(np.logical_or, **_OR, scalar="x1 != 0 or x2 != 0", onnx=_of_truths("Or"))
constant(np.logical_not, **_NOT, scalar="x == 0", onnx=_of_truths("Not"))
constant(np.logical_xor, algebra="not", scalar="(x1 != 0) != (x2 != 0)", onnx=_of_truths("Xor"))
constant(np.bitwise_and, infix="{x1} & {x2}", **_AND, onnx=_of_bits("And", "BitwiseAnd"))
constant(np.bitwise_or, infix="{x1} | {x2}", **_OR, onnx=_of_bits("Or", "BitwiseOr"))
constant(np.bitwise_xor, onnx=_of_bits("Xor", "BitwiseXor"))
constant(
    np.invert, infix="~{x}", **_NOT, onnx=_of_bits("Not", "BitwiseNot"),
    js=lambda x: np.logical_not(x) if x.dtype == bool else -1 - x,
)
constant(np.left_shift, np.right_shift, np.bitwise_count, np.gcd, np.lcm)
constant(np.isfinite, algebra="test for finite", scalar="x - x == 0")
constant(np.isinf, algebra="test for finite", scalar="abs(x) == inf", onnx="IsInf")
constant(np.isnan, algebra="test for finite", scalar="x != x", onnx="IsNaN")
constant(np.isnat, np.spacing)
