"""Elementwise functions: arithmetic, powers, exponentials, trigonometric and hyperbolic functions.

Source of the formulas: Abramowitz & Stegun, chapters 3 and 4. At a kink a row takes PyTorch's value: 0 for the slope of
``abs`` at 0, one half for each side of a tie in ``maximum``, 0 for ``hypot`` and ``arctan2`` at the origin.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..table import (
    NONZERO,
    POSITIVE,
    REAL,
    ROWS,
    WHOLE,
    Joint,
    Textbook,
    at,
    complex_normal,
    constant,
    elementwise,
    general,
    interval,
    uniform,
)
from ..table.batching import ALIGNED

# ---------------------------------------------------------------------------------------------------- arithmetic

add = elementwise(np.add, 1, 1, tex="{x1} + {x2}")
subtract = elementwise(np.subtract, 1, -1, tex="{x1} - {x2}")
multiply = elementwise(np.multiply, lambda x2: x2, lambda x1: x1, tex=r"{x1} \odot {x2}")
divide = elementwise(
    np.divide, lambda x2: 1 / x2, lambda y, x2: -y / x2,
    pull=(lambda g, x2: g / x2,),  # one pass, and no overflow of 1 / x2
    domain=(REAL, NONZERO), tex=r"\frac{{{x1}}}{{{x2}}}",
)
negative = elementwise(np.negative, -1, tex="-{x}")
positive = elementwise(np.positive, 1)
square = elementwise(np.square, lambda x: 2 * x, pull=(lambda g, x: (g + g) * x,), tex="{x}^2")
reciprocal = elementwise(np.reciprocal, lambda y: -y * y, domain=NONZERO)
sqrt = elementwise(np.sqrt, lambda y: 0.5 / y, domain=POSITIVE, kinks=(0.0,), tex=r"\sqrt{{{x}}}")
cbrt = elementwise(np.cbrt, lambda y: 1 / (3 * y * y), domain=NONZERO, kinks=(0.0,), tex=r"\sqrt[3]{{{x}}}")

_POWER = Joint(
    lambda x1, x2: (x1 > 0) | ((x2 == np.round(x2)) & ((x1 != 0) | (x2 >= 0))),
    r"x_1 > 0 \text{ or } x_2 \in \mathbb{Z}",
)


def _power_base(x1: Any, x2: Any) -> Any:
    tiny = np.abs(x1) < np.finfo(x1.dtype).tiny  # zero, or 1 / x1 may be infinite
    return x2 * x1 ** np.where((x2 == 0) & tiny, 1, x2 - 1)  # x**0 is flat, there too


def _power_exponent(y: Any, x1: Any) -> Any:
    return y * np.log(np.where(x1 == 0, 1, x1))  # 0**x is flat, not 0 * -inf


def _root_of_zero(x1: Any, x2: Any) -> Any:
    return (x1 == 0) & (x2 > 0) & (x2 != np.round(x2))


power = elementwise(np.power, _power_base, _power_exponent, domain=_POWER, kinks=_root_of_zero, tex="{x1}^{{{x2}}}")

# In floats: where Python raises (division by zero, exp of a large number), NumPy is called.
add.attach(floats="{x1} + {x2}")
subtract.attach(floats="{x1} - {x2}")
multiply.attach(floats="{x1} * {x2}")
divide.attach(
    floats=lambda xs, y: "{x1} / {x2}" if isinstance(xs[1], (int, float)) and xs[1]
    else "{x1} / {x2} if {x2} else {x1} * copysign(inf, {x2})"
)  # fmt: skip
negative.attach(floats="-{x}")
positive.attach(floats="{x}")
square.attach(floats="{x} * {x}")
reciprocal.attach(floats="1.0 / {x} if {x} else copysign(inf, {x})")
sqrt.attach(floats="sqrt({x}) if {x} >= 0.0 else float(np.sqrt({x}))")

add.attach(infix="{x1} + {x2}", algebra="sum")
subtract.attach(infix="{x1} - {x2}", algebra="difference")
multiply.attach(infix="{x1} * {x2}", algebra="product")
divide.attach(
    infix="{x1} / {x2}", algebra="quotient", textbook=Textbook("x1 / x2", x1="g / x2", x2="-g * x1 / x2 ** 2")
)
negative.attach(infix="-{x}", algebra="negation")
positive.attach(algebra="identity")
square.attach(infix="{x} ** 2", text="{x}²", algebra="square")
reciprocal.attach(algebra="reciprocal")
sqrt.attach(text="√{x}")
power.attach(infix="{x1} ** {x2}", algebra="power")

float_power = elementwise(
    np.float_power, _power_base, _power_exponent, domain=_POWER, kinks=_root_of_zero, tex="{x1}^{{{x2}}}"
)
remainder = elementwise(
    np.remainder, 1, lambda x1, x2: -np.floor_divide(x1, x2),
    domain=(REAL, NONZERO), kinks=lambda x1, x2: np.remainder(x1, x2) == 0, tex=r"{x1} \bmod {x2}",
)
fmod = elementwise(
    np.fmod, 1,
    lambda x1, x2: -np.rint((x1 - np.fmod(x1, x2)) / x2),  # trunc(x1 / x2) may be off by one
    domain=(REAL, NONZERO), kinks=lambda x1, x2: np.fmod(x1, x2) == 0, tex=r"\operatorname{{fmod}}({x1}, {x2})",
)

# ------------------------------------------------------------------------------------- exponentials and logarithms

exp = elementwise(np.exp, lambda y: y, tex="e^{{{x}}}")
exp2 = elementwise(np.exp2, lambda y: y * math.log(2), tex="2^{{{x}}}")
expm1 = elementwise(np.expm1, lambda y: y + 1, tex="e^{{{x}}} - 1")
log = elementwise(np.log, lambda x: 1 / x, pull=(lambda g, x: g / x,), domain=POSITIVE, tex=r"\ln {x}")
log2 = elementwise(np.log2, lambda x: 1 / (x * math.log(2)), domain=POSITIVE, tex=r"\log_2 {x}")
log10 = elementwise(np.log10, lambda x: 1 / (x * math.log(10)), domain=POSITIVE, tex=r"\log_{{10}} {x}")
log1p = elementwise(np.log1p, lambda x: 1 / (1 + x), domain=interval(-1, np.inf), tex=r"\ln(1 + {x})")


exp.attach(floats="exp({x}) if {x} < 709.0 else float(np.exp({x}))")
log.attach(floats="log({x}) if {x} > 0.0 else float(np.log({x}))")

#: By dtype, an argument from which on the sigmoid is 1 (before exp overflows), and the number 1. They are arrays,
#: because a Python number makes a small operation half as slow again.
_SATURATED = {d: (np.array(cap, d), np.ones((), d)) for d, cap in (("e", 11), ("f", 40), ("d", 40), ("g", 700))}


def _sigmoid(x: Any) -> Any:
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
)


sigmoid.attach(lower=True, floats="1.0 / (1.0 + exp(-{x})) if {x} > -700.0 else float({fn}({x}))")


def _share_lower(x1: Any, x2: Any) -> Any:
    """Beside a finite constant both are never infinite."""
    return _sigmoid(np.subtract(x1, x2)) if isinstance(x2, (int, float)) and math.isfinite(x2) else NotImplemented


def _share(x1: Any, x2: Any) -> Any:
    if (simple := _share_lower(x1, x2)) is not NotImplemented:
        return simple
    with np.errstate(invalid="ignore"):
        difference = np.subtract(x1, x2)
        same = (x1 == x2) & np.isinf(x1)  # both -inf: half each
    return _sigmoid(np.where(same, 0, difference) if same.any() else difference)


#: The weight of x1 in ``logaddexp(x1, x2)``: the sigmoid of the difference.
_weight = elementwise(
    _share, lambda y: y * (1 - y), lambda y: -y * (1 - y), name="logaddexp_share", tex=r"\sigma({x1} - {x2})"
)
_weight.attach(source="1 / (1 + np.exp(x2 - x1))")
_weight.attach(lower=_share_lower)


logaddexp = elementwise(
    np.logaddexp, lambda x1, x2: _weight(x1, x2), lambda x1, x2: _weight(x2, x1), tex=r"\ln(e^{{{x1}}} + e^{{{x2}}})"
)
logaddexp2 = elementwise(
    np.logaddexp2, lambda x1, x2: _weight(x1 * math.log(2), x2 * math.log(2)),
    lambda x1, x2: _weight(x2 * math.log(2), x1 * math.log(2)),
    tex=r"\log_2(2^{{{x1}}} + 2^{{{x2}}})",
)

# --------------------------------------------------------------------------------------------------- trigonometry

sin = elementwise(np.sin, lambda x: np.cos(x), tex=r"\sin {x}")
cos = elementwise(np.cos, lambda x: -np.sin(x), tex=r"\cos {x}")
tan = elementwise(np.tan, lambda y: 1 + y * y, tex=r"\tan {x}")


def _beside(x: Any) -> Any:
    """``sqrt(1 - x * x)``; for complex numbers in a form that keeps the sign of zero on a branch cut."""
    return np.sqrt(-(x - 1)) * np.sqrt(-(-x - 1)) if x.dtype.kind == "c" else np.sqrt(1 - x * x)


arcsin = elementwise(
    np.arcsin, lambda x: 1 / np.sqrt(1 - x * x),
    pull=(lambda g, x: g / _beside(x),), domain=interval(-1, 1), kinks=(-1.0, 1.0), tex=r"\arcsin {x}",
)
arccos = elementwise(
    np.arccos, lambda x: -1 / np.sqrt(1 - x * x),
    pull=(lambda g, x: -g / _beside(x),), domain=interval(-1, 1), kinks=(-1.0, 1.0), tex=r"\arccos {x}",
)
arctan = elementwise(np.arctan, lambda x: 1 / (1 + x * x), tex=r"\arctan {x}")
sinh = elementwise(np.sinh, lambda x: np.cosh(x), tex=r"\sinh {x}")
cosh = elementwise(np.cosh, lambda x: np.sinh(x), tex=r"\cosh {x}")
tanh = elementwise(np.tanh, lambda y: 1 - y * y, tex=r"\tanh {x}")
arcsinh = elementwise(np.arcsinh, lambda x: 1 / np.sqrt(1 + x * x), tex=r"\operatorname{{arsinh}} {x}")
arccosh = elementwise(
    np.arccosh, lambda x: 1 / (np.sqrt(x - 1) * np.sqrt(x + 1)),
    domain=interval(1, np.inf), kinks=(1.0,), tex=r"\operatorname{{arcosh}} {x}",
)
arctanh = elementwise(np.arctanh, lambda x: 1 / (1 - x * x), domain=interval(-1, 1), tex=r"\operatorname{{artanh}} {x}")


# Where there is AVX-512, NumPy's tangent of doubles takes a sixth of the time of its sine. The error is 3e-16 instead
# of 6e-17, and it is absolute: near a zero of the sine or cosine few digits are right.
def _from_tan(x: Any, of: Callable[[Any, Any], Any]) -> Any:
    t = np.tan(x * 0.5)
    return of(t, t * t)


sin.attach(fast=lambda x: _from_tan(x, lambda t, square: 2 * t / (1 + square)))
cos.attach(fast=lambda x: _from_tan(x, lambda t, square: (1 - square) / (1 + square)))
sin.attach(floats="sin({x}) if -1e300 < {x} < 1e300 else float(np.sin({x}))")
cos.attach(floats="cos({x}) if -1e300 < {x} < 1e300 else float(np.cos({x}))")
tanh.attach(floats="tanh({x})")


def _safe_radius(x1: Any, x2: Any) -> Any:
    r = np.hypot(x1, x2)
    return np.where(r == 0, 1, r)


def _origin(x1: Any, x2: Any) -> Any:
    return (x1 == 0) & (x2 == 0)


hypot = elementwise(
    np.hypot, lambda y, x1: x1 / np.where(y == 0, 1, y), lambda y, x2: x2 / np.where(y == 0, 1, y),
    kinks=_origin, tex=r"\sqrt{{{x1}^2 + {x2}^2}}",
)


def _arctan2_y(x1: Any, x2: Any) -> Any:
    r = _safe_radius(x1, x2)
    return x2 / r / r


def _arctan2_x(x1: Any, x2: Any) -> Any:
    r = _safe_radius(x1, x2)
    return -x1 / r / r


arctan2 = elementwise(
    np.arctan2, _arctan2_y, _arctan2_x,
    kinks=lambda x1, x2: (x1 == 0) & (x2 <= 0),  # the branch cut
    tex=r"\operatorname{{atan2}}({x1}, {x2})",
)
degrees = elementwise(np.degrees, 180 / math.pi, tex=r"{x} \cdot \frac{{180}}{{\pi}}")
radians = elementwise(np.radians, math.pi / 180, tex=r"{x} \cdot \frac{{\pi}}{{180}}")
rad2deg = elementwise(np.rad2deg, 180 / math.pi, tex=r"{x} \cdot \frac{{180}}{{\pi}}")
deg2rad = elementwise(np.deg2rad, math.pi / 180, tex=r"{x} \cdot \frac{{\pi}}{{180}}")

# ------------------------------------------------------------------------------------------------------ piecewise


_COMPLEX = (complex, np.complex64, np.complex128, np.clongdouble)


def _sign_bind(x: Any) -> Any:
    """The sign of a real number is a constant; that of a complex number is ``x / |x|``, which has a derivative."""
    return x / np.where(x == 0, 1, np.abs(x)) if getattr(x, "dtype", type(x)) in _COMPLEX else ((x,), {})


constant(np.sign, bind=_sign_bind)
absolute = elementwise(np.absolute, lambda x: np.sign(x), kinks=(0.0,), holomorphic=False, tex=r"\lvert {x} \rvert")
absolute.attach(text="|{x}|", floats="abs({x})")
fabs = elementwise(np.fabs, lambda x: np.sign(x), kinks=(0.0,), tex=r"\lvert {x} \rvert")


def _tie(x1: Any, x2: Any) -> Any:
    return x1 == x2


maximum = elementwise(
    np.maximum, lambda x1, x2: np.where(x1 == x2, 0.5, x1 > x2), lambda x1, x2: np.where(x1 == x2, 0.5, x2 > x1),
    kinks=_tie, tex=r"\max({x1}, {x2})",
)
minimum = elementwise(
    np.minimum, lambda x1, x2: np.where(x1 == x2, 0.5, x1 < x2), lambda x1, x2: np.where(x1 == x2, 0.5, x2 < x1),
    kinks=_tie, tex=r"\min({x1}, {x2})",
)
maximum.attach(algebra="larger", floats="{x1} if {x1} >= {x2} or {x1} != {x1} else {x2}")
minimum.attach(floats="{x1} if {x1} <= {x2} or {x1} != {x1} else {x2}")
maximum.attach(text="max({x1}, {x2})", textbook=Textbook("maximum(x1, x2)", x1="g * (x1 > x2)", x2="g * (x2 > x1)"))
minimum.attach(text="min({x1}, {x2})", textbook=Textbook("minimum(x1, x2)", x1="g * (x1 < x2)", x2="g * (x2 < x1)"))
fmax = elementwise(  # a number wins over nan
    np.fmax, lambda x1, x2: np.where(x1 == x2, 0.5, (x1 > x2) | np.isnan(x2)),
    lambda x1, x2: np.where(x1 == x2, 0.5, (x2 > x1) | np.isnan(x1)), kinks=_tie, tex=r"\max({x1}, {x2})",
)
fmin = elementwise(
    np.fmin, lambda x1, x2: np.where(x1 == x2, 0.5, (x1 < x2) | np.isnan(x2)),
    lambda x1, x2: np.where(x1 == x2, 0.5, (x2 < x1) | np.isnan(x1)),
    kinks=_tie, tex=r"\min({x1}, {x2})",
)
copysign = elementwise(
    np.copysign, lambda x1, x2: np.copysign(1, x1) * np.copysign(1, x2), None,
    kinks=lambda x1, x2: (x1 == 0) | (x2 == 0), tex=r"\lvert {x1} \rvert \operatorname{{sgn}} {x2}",
)
ldexp = elementwise(np.ldexp, lambda x2: np.ldexp(1.0, x2), None, domain=(REAL, WHOLE), tex="{x1} 2^{{{x2}}}")

heaviside = elementwise(  # its value at 0 is the second argument
    np.heaviside, 0, lambda x1, x2: x1 == 0, kinks=lambda x1, x2: x1 == 0, tex="H({x1})"
)
nextafter = elementwise(np.nextafter, 1, None, kinks=_tie)

# ------------------------------------------------------------------------------------------------ two results


def _given(g: Any) -> Any:
    """The cotangents of two results, with zeros for one that was not used."""
    g1, g2 = g
    return (0 * g2 if g1 is None else g1), (0 * g1 if g2 is None else g2)


def _examples(*bounds: Any) -> Any:
    """Examples inside these bounds, of the same shape and of shapes that broadcast."""
    shapes = ((2, 3), (2, 3)), ((), (4,)), ((3, 1), (2,))
    return tuple(
        at(*(uniform(*b, *s) for b, s in zip(bounds, shape, strict=False)))
        for shape in (shapes if len(bounds) > 1 else shapes[:2])
    )


modf = general(np.modf, lambda g: _given(g)[0], outputs=True, bind=lambda x: ((x,), {}), examples=_examples((1.1, 1.9)))
frexp = general(
    np.frexp, lambda g, y: np.ldexp(_given(g)[0], -y[1]),
    outputs=True, bind=lambda x: ((x,), {}),
    examples=_examples((1.1, 1.9)),
)
divmod = general(
    np.divmod, lambda g, x2: _given(g)[1], lambda g, x1, x2: -_given(g)[1] * np.floor_divide(x1, x2),
    outputs=True, bind=lambda x1, x2: ((x1, x2), {}),
    examples=_examples((4.1, 4.9), (1.1, 1.3)),
)
for _row in (modf, frexp, divmod):
    _row.attach(batch=ALIGNED)

# ------------------------------------------------------------------------------------- complex: not holomorphic

conjugate = elementwise(np.conjugate, 1, pull=(lambda g: np.conj(g),), holomorphic=False, tex=r"\overline{{{x}}}")
conjugate.attach(algebra="conjugate")
def _view(val: Any) -> Any:  # a bind, because the result is a view
    return (val,), {}


real = elementwise(np.real, 1, bind=_view, holomorphic=False, tex=r"\operatorname{{Re}} {x}")
real.attach(call="{x}.real", algebra="real part", view=True)
imag = elementwise(
    np.imag, 0, pull=(lambda g, x_dtype: g * 1j if x_dtype.kind == "c" else g * 0,), bind=_view, holomorphic=False,
    tex=r"\operatorname{{Im}} {x}",
)
imag.attach(view=True)


def _turn(g: Any, x: Any) -> Any:
    """The cotangent of ``x`` from that of its angle: perpendicular to ``x``, of size ``g / |x|``."""
    if x.dtype.kind != "c":
        return g * 0
    r = np.where(x == 0, 1, np.abs(x))
    return g * (1j * x / r) / r


angle = elementwise(
    lambda x, deg=False: np.angle(x, deg), 0,
    pull=(lambda g, x, deg: _turn(g, x) * (180 / math.pi) if deg else _turn(g, x),), of=np.angle, name="angle",
    bind=lambda z, deg=False: ((z,), {"deg": deg}), holomorphic=False, tex=r"\arg {x}",
    examples=(at(complex_normal(2, 3)), at(complex_normal(3), deg=True), at(uniform(0.5, 2.0, 3))),
)


def _settled(d: Any, g: Any) -> Any:
    d = np.asarray(d)
    shape = np.shape(g)
    if d.shape != shape:
        d = np.broadcast_to(d, np.broadcast_shapes(d.shape, shape))
    square = np.vdot(d, d)  # nan if an entry is: the cheapest such pass over an array
    return d if square == square else np.where(np.isnan(d) & (g == 0), 0.0 * d.real.dtype.type(0), d)


#: The product `x1` of a cotangent `x2` and a partial: zero, not nan, where the cotangent is zero.
settled = elementwise(
    _settled, lambda x1, x2: np.where(np.isnan(x1) & (x2 == 0), 0, 1), None, name="settled", tex="{x1}",
    bind=lambda d, g: ((d, g), {}), view=True, floats="{x1} if {x1} == {x1} or {x2} else 0.0",
    examples=(at(uniform(0.5, 2.0, 2, 3), uniform(0.5, 2.0, 2, 3)),),
)

# ------------------------------------------------------------------------------------------ derivative zero: known

constant(
    np.floor, np.ceil, np.trunc, np.rint, np.signbit, np.floor_divide,
    np.greater, np.greater_equal, np.less, np.less_equal, np.equal, np.not_equal,
    np.logical_and, np.logical_or, np.logical_not, np.logical_xor,
    np.bitwise_and, np.bitwise_or, np.bitwise_xor, np.invert, np.left_shift, np.right_shift, np.bitwise_count,
    np.gcd, np.lcm, np.isfinite, np.isinf, np.isnan, np.isnat, np.spacing,
)  # fmt: skip

for _fn, _sign, _tex in (
    (np.greater, ">", ">"), (np.less, "<", "<"), (np.greater_equal, ">=", r"\geq"), (np.less_equal, "<=", r"\leq"),
    (np.equal, "==", "="), (np.not_equal, "!=", r"\neq"),
):
    ROWS[_fn].attach(floats=f"{{x1}} {_sign} {{x2}}")
    ROWS[_fn].attach(infix=f"{{x1}} {_sign} {{x2}}", text=f"1[{{x1}} {_sign} {{x2}}]", tex=f"1[{{x1}} {_tex} {{x2}}]")
ROWS[np.bitwise_and].attach(infix="{x1} & {x2}", tex=r"{x1} \wedge {x2}", algebra="and")
ROWS[np.bitwise_or].attach(infix="{x1} | {x2}", tex=r"{x1} \vee {x2}", algebra="or")
ROWS[np.logical_and].attach(algebra="and")
ROWS[np.greater].attach(algebra="greater")
ROWS[np.logical_or].attach(algebra="or")
ROWS[np.invert].attach(infix="~{x}")
ROWS[np.floor_divide].attach(tex=r"\lfloor {x1} / {x2} \rfloor")
for _test in (np.isfinite, np.isinf, np.isnan):
    ROWS[_test].attach(algebra="test for finite")

# ----------------------------------------------------------------------------------------------------- JavaScript

# On numbers. What has an `infix` or a `source` needs nothing here, but JavaScript reads `--x` and `-x ** 2` otherwise.
for _row in (exp, expm1, log, log2, log10, log1p, sqrt, cbrt, sin, cos, tan, sinh, cosh, tanh):
    _row.attach(js=f"Math.{_row.name}({{x}})")
for _row in (arcsin, arccos, arctan, arcsinh, arccosh, arctanh):
    _row.attach(js=f"Math.{_row.name.replace('arc', 'a')}({{x}})")
for _row in map(ROWS.__getitem__, (np.sign, np.floor, np.ceil, np.trunc)):
    _row.attach(js=f"Math.{_row.name}({{x}})")
for _row in (absolute, fabs):
    _row.attach(js="Math.abs({x})")
negative.attach(js="(-{x})")
positive.attach(js="{x}")
square.attach(js="Math.pow({x}, 2)")
reciprocal.attach(js="1 / {x}")
exp2.attach(js="Math.pow(2, {x})")
for _row in (degrees, rad2deg):
    _row.attach(js="{x} * (180 / Math.PI)")
for _row in (radians, deg2rad):
    _row.attach(js="{x} * (Math.PI / 180)")
for _row in (power, float_power):
    _row.attach(js="Math.pow({x1}, {x2})")
hypot.attach(js="Math.hypot({x1}, {x2})")
arctan2.attach(js="Math.atan2({x1}, {x2})")
maximum.attach(js="Math.max({x1}, {x2})")
minimum.attach(js="Math.min({x1}, {x2})")
logaddexp.attach(js="logaddexp({x1}, {x2})")
ROWS[np.floor_divide].attach(js="Math.floor({x1} / {x2})")
ROWS[np.isnan].attach(js="Number.isNaN({x})")
ROWS[np.isfinite].attach(js="Number.isFinite({x})")
ROWS[np.logical_and].attach(js="({x1} && {x2})")
ROWS[np.logical_or].attach(js="({x1} || {x2})")
ROWS[np.logical_not].attach(js="!{x}")

# ------------------------------------------------------------------------------------------------------ in ONNX

for _row, _operator in (
    (add, "Add"), (subtract, "Sub"), (multiply, "Mul"), (divide, "Div"), (power, "Pow"), (negative, "Neg"),
    (positive, "Identity"), (absolute, "Abs"), (fabs, "Abs"), (exp, "Exp"), (log, "Log"), (sqrt, "Sqrt"), (sin, "Sin"),
    (cos, "Cos"), (tan, "Tan"), (arcsin, "Asin"), (arccos, "Acos"), (arctan, "Atan"), (sinh, "Sinh"), (cosh, "Cosh"),
    (tanh, "Tanh"), (arcsinh, "Asinh"), (arccosh, "Acosh"), (arctanh, "Atanh"), (reciprocal, "Reciprocal"),
    (maximum, "Max"), (minimum, "Min"), (sigmoid, "Sigmoid"),
):
    _row.attach(onnx=_operator)
square.attach(onnx=lambda b, x: b("Mul", x, x))
expm1.attach(onnx=lambda b, x: b("Sub", b("Exp", x), b.constant(1, x.dtype)))
log1p.attach(onnx=lambda b, x: b("Log", b("Add", x, b.constant(1, x.dtype))))
