"""SciPy's special functions, whose rows are added to the table on first use.

The table does not import SciPy. If ``scipy.special.erf`` is called on a tensor, SciPy is already imported, and
``ag.special.erf`` imports it; then its functions get their rows, once.

Source of the formulas: the NIST Digital Library of Mathematical Functions (https://dlmf.nist.gov), by chapter below.
Bessel functions are differentiated by the recurrences without ``1 / x``, which hold at 0 too.
"""

import math
import sys
from importlib import import_module
from threading import Lock
from typing import NoReturn

import numpy as np

from ..table import (
    NONZERO,
    POSITIVE,
    REAL,
    ROWS,
    TABLE,
    Joint,
    Primitive,
    Textbook,
    composite,
    elementwise,
    interval,
)

_HERE = """erf erfc erfcx erfi dawsn erfinv erfcinv ndtr log_ndtr ndtri gamma gammaln gammasgn rgamma loggamma psi
    digamma polygamma multigammaln beta betaln gammainc gammaincc betainc stdtr j0 j1 jn jv y0 y1 yn yv i1 iv i0e i1e
    ive k0 k1 kn kv k0e k1e kve expi exp1 exp10 cosm1"""
_THERE = """expit log_expit logit softplus xlogy xlog1py entr rel_entr kl_div i0 log1p expm1 exp2 cbrt"""
#: The functions declared here, and our own that SciPy has too, by SciPy's names.
NAMES = (*_HERE.split(), *_THERE.split())
_OURS = {"expit": "sigmoid", "log_expit": "log_sigmoid"}

#: The rows by these names; empty until `declare`.
SCIPY: dict[str, Primitive] = {}
_lock = Lock()


def _pole(x):
    return (x <= 0) & (x == np.floor(x))


def _beta_pole(x1, x2):
    return _pole(x1) | _pole(x2) | _pole(x1 + x2)


def _fraction(x):
    return x != np.round(x)


NOT_A_POLE = Joint(lambda *xs: ~_pole(xs[-1]), r"x \neq 0, -1, -2, \dots")
SIGNED = Joint(lambda x: ~_pole(x) | (x == 0), r"x \neq -1, -2, \dots")
#: Where the poles of two gamma functions cancel, a beta function has a value, but no derivatives.
BETA = Joint(lambda x1, x2: ~_beta_pole(x1, x2), r"x_1, x_2, x_1 + x_2 \neq 0, -1, -2, \dots")
#: Bessel functions that are a power of x times a power series; those of integer order are defined below 0.
OF_ORDER = Joint(lambda x1, x2: (x2 > 0) | ~_fraction(x1), r"x_2 > 0 \text{ or } x_1 \in \mathbb{Z}")


def scipy_module(function: str):
    """The module scipy.special; raises if SciPy is not installed."""
    return module_of_scipy("special", function)


def scipy_linalg(function: str):
    """The module scipy.linalg; raises if SciPy is not installed."""
    return module_of_scipy("linalg", function)


def module_of_scipy(module: str, function: str):
    """A module of SciPy; raises if SciPy is not installed."""
    try:
        return import_module(f"scipy.{module}")
    except ImportError:
        raise ImportError(f"{function} needs SciPy: pip install 'autograd_lite[scipy]'") from None


def scipy_row(function):
    """The row of one of SciPy's functions, or None if it has none or `function` is not SciPy's."""
    if not SCIPY and "scipy.special" in sys.modules:
        declare("it")
    return ROWS.get(function)


def declare(name: str) -> dict[str, Primitive]:
    """Put SciPy's functions into the table, once, and return the rows by name. `name` is for the error message."""
    with _lock:
        if not SCIPY:
            S = scipy_module(name)
            rows = {
                row.name: row
                for family in (_error_functions, _gamma, _bessel, _modified_bessel, _integrals)
                for row in family(S)
            }
            for row in rows.values():
                row.np_name = f"scipy.special.{row.name}"
            for name in NAMES:
                function = getattr(S, name, None)  # softplus: SciPy 1.17
                own = rows.get(getattr(function, "__name__", name)) or TABLE[_OURS.get(name, name)]
                ROWS[function] = rows[name] = own
            SCIPY.update(rows)
    return SCIPY


def _no_rule(function, argument):
    """The rule for an argument whose derivative has no formula in these functions: it raises."""

    def refuse() -> NoReturn:
        raise NotImplementedError(
            f"{function} is not differentiable with respect to {argument} here: give it as a number or an "
            "array (x.data), not as a tensor that requires gradients"
        )

    return refuse


def _of_order(function, slope, tex, argument="its order", **options):
    """The row of a function of an order, with respect to which it has no derivative here, and a number."""
    examples = ("3 0.5..3:2x3", "a[[1],[4]] 0.5..3:[3]")
    options = {"domain": (REAL, POSITIVE), "examples": examples} | options
    return elementwise(function, _no_rule(function.__name__, argument), slope, tex=tex, **options)


# -------------------------------------------------------------------------------------------------- chapter 7

_ROOT_PI = math.sqrt(math.pi)
_ROOT_2PI = math.sqrt(2 * math.pi)


def _error_functions(S):
    return [
        elementwise(
            S.erf, lambda x: 2 / _ROOT_PI * np.exp(-x * x), tex=r"\operatorname{{erf}} {x}", js="map(erf, {x})",
        ),
        elementwise(
            S.erfc, lambda x: -2 / _ROOT_PI * np.exp(-x * x), tex=r"\operatorname{{erfc}} {x}", js="map(erfc, {x})",
        ),
        elementwise(
            S.erfcx, lambda x, y: 2 * x * y - 2 / _ROOT_PI, tex=r"e^{{{x}^2}} \operatorname{{erfc}} {x}",
            js="map(erfcx, {x})",
        ),
        elementwise(S.erfi, lambda x: 2 / _ROOT_PI * np.exp(x * x), tex=r"\operatorname{{erfi}} {x}"),
        elementwise(S.dawsn, lambda x, y: 1 - 2 * x * y, tex="F({x})"),
        elementwise(
            S.erfinv, lambda y: _ROOT_PI / 2 * np.exp(y * y),
            domain=interval(-1, 1), tex=r"\operatorname{{erf}}^{{-1}} {x}",
        ),
        elementwise(
            S.erfcinv, lambda y: -_ROOT_PI / 2 * np.exp(y * y),
            domain=interval(0, 2), tex=r"\operatorname{{erfc}}^{{-1}} {x}",
        ),
        elementwise(
            S.ndtr, lambda x: np.exp(-x * x / 2) / _ROOT_2PI, tex=r"\Phi({x})", text="Φ({x})", js="map(ndtr, {x})",
            textbook=Textbook(x="g * normal(x)", note="the standard normal distribution function, and its density"),
            idiom=("product", "quotient"),
        ),
        # exp(-x²/2) / ndtr(x), without 0 / 0
        elementwise(
            S.log_ndtr, lambda x: 2 / _ROOT_2PI / S.erfcx(-x / math.sqrt(2)), tex=r"\ln \Phi({x})",
            js="map(logNdtr, {x})", text="log(Φ({x}))", textbook=Textbook(x="g * normal(x) / ndtr(x)"),
        ),
        elementwise(S.ndtri, lambda y: _ROOT_2PI * np.exp(y * y / 2), domain=interval(0, 1), tex=r"\Phi^{{-1}}({x})"),
    ]


# ------------------------------------------------------------------------------------------- chapters 5 and 8


def _gamma(S):
    digamma = elementwise(
        S.psi, lambda x: polygamma(1, x), name="psi", domain=NOT_A_POLE, tex=r"\psi({x})", text="ψ({x})",
        js="map(digamma, {x})",
    )

    def _polygamma(x, n):
        if n and np.iscomplexobj(x):
            raise TypeError("polygamma (the derivative of psi) takes real numbers, not complex ones")
        # scipy.special.polygamma itself turns float32 into float64
        return S.psi(x) if n == 0 else -((-1) ** n) * math.factorial(n) * S.zeta(n + 1.0, x)

    polygamma: Primitive = elementwise(
        _polygamma, lambda x, n: polygamma(n + 1, x),
        name="polygamma", bind=lambda n, x: ((x,), {"n": _order("polygamma", n)}), domain=NOT_A_POLE,
        tex=r"\psi^{{({n})}}({x})",
        examples="2 0.5..4:2x3",
    )

    @composite(name="multigammaln", examples="1.5..4:[3] 3")
    def multigammaln(a, d):
        d = _order("multigammaln", d)
        return sum((S.gammaln(a - j / 2) for j in range(d)), d * (d - 1) / 4 * math.log(math.pi))

    def reciprocal(x):
        """The derivative of 1 / gamma, which has no poles: from the left by the reflection formula."""
        left, right = np.where(x < 0.5, x, 0.25), np.where(x < 0.5, 1.0, x)
        sine, cosine = np.sin(np.pi * left), np.cos(np.pi * left)
        return np.where(
            x < 0.5, S.gamma(1 - left) * (cosine - S.psi(1 - left) * sine / np.pi), -S.psi(right) * S.rgamma(right)
        )

    def excess(x1, x2):
        return S.psi(x1) - S.psi(x1 + x2)

    def density(x1, x2):
        return np.exp(S.xlogy(x1 - 1, x2) - x2 - S.gammaln(x1))

    beta = {"domain": BETA, "kinks": _beta_pole}
    part = {
        "argument": "its first argument", "domain": (POSITIVE, POSITIVE),
        "kinks": lambda x1, x2: (x1 == 0) | (x2 == 0),
    }
    return [
        elementwise(
            S.gamma, lambda x, y: y * S.psi(x), domain=NOT_A_POLE, tex=r"\Gamma({x})", text="Γ({x})",
            js="map(gamma, {x})",
        ),
        elementwise(
            S.gammaln, lambda x: S.psi(x), domain=NOT_A_POLE, tex=r"\ln \Gamma({x})", text="log Γ({x})",
            js="map(gammaln, {x})",
            textbook=Textbook(  # of x < 0 the first is nan
                ("loggamma(x)", "log(absolute(gamma(x)))"), x="g * psi(x)", note="ψ = Γ′ / Γ"
            ),
        ),
        elementwise(S.gammasgn, 0, domain=SIGNED, kinks=lambda x: x == 0, tex=r"\operatorname{{sign}} \Gamma({x})"),
        elementwise(S.rgamma, reciprocal, tex=r"\frac{{1}}{{\Gamma({x})}}"),
        elementwise(
            S.loggamma, lambda x: S.psi(x), domain=POSITIVE, tex=r"\ln \Gamma({x})", text="log Γ({x})",
            textbook=Textbook(x="g * psi(x)", note="ψ = Γ′ / Γ"),
        ),
        digamma, polygamma, multigammaln,
        elementwise(
            S.beta, lambda y, x1, x2: y * excess(x1, x2), lambda y, x1, x2: y * excess(x2, x1),
            tex="B({x1}, {x2})", **beta,
        ),
        elementwise(
            S.betaln, lambda x1, x2: excess(x1, x2), lambda x1, x2: excess(x2, x1), tex=r"\ln B({x1}, {x2})", **beta,
            js="map((a, b) => gammaln(a) + gammaln(b) - gammaln(a + b), {x1}, {x2})",
        ),
        _of_order(S.gammainc, lambda x1, x2: density(x1, x2), "P({x1}, {x2})", **part),
        _of_order(S.gammaincc, lambda x1, x2: -density(x1, x2), "Q({x1}, {x2})", **part),
        elementwise(
            S.betainc, _no_rule("betainc", "its first argument"), _no_rule("betainc", "its second argument"),
            lambda x1, x2, x3: np.exp(S.xlogy(x1 - 1, x3) + S.xlog1py(x2 - 1, -x3) - S.betaln(x1, x2)),
            domain=(POSITIVE, POSITIVE, interval(0, 1)),
            kinks=lambda x1, x2, x3: (x1 == 0) | (x2 == 0) | (x3 == 0) | (x3 == 1), tex="I_{{{x3}}}({x1}, {x2})",
            examples="2 3 0.1..0.9:2x3",
        ),
        _of_order(
            S.stdtr,  # its slope is the density of Student's t
            lambda x1, x2: np.exp(-(x1 + 1) / 2 * np.log1p(x2 * x2 / x1) - S.betaln(x1 / 2, 0.5)) / np.sqrt(x1),
            "F_{{{x1}}}({x2})", "its degrees of freedom", domain=(POSITIVE, REAL),
            examples=("3 2x3", "a[[1],[40]] [3]"),
        ),
    ]


def _order(name, n):
    kind = np.asarray(n).dtype
    if np.ndim(n) or kind.kind not in "uif" or n != int(n) or n < 0:
        raise ValueError(f"{name}: expected an order 0, 1, 2, ..., got {n!r} ({kind})")
    return int(n)


# ------------------------------------------------------------------------------------------------- chapter 10


#: Below 0 and at 0, where a power of x that is a fraction has none.
_POWER = {"domain": OF_ORDER, "kinks": lambda x1, x2: _fraction(x1) & (x2 == 0)}


def _bessel(S):
    """10.6.1-3: J' = (J[v-1] - J[v+1]) / 2, and Y alike."""

    def slope(f):
        return lambda x1, x2: (f(x1 - 1, x2) - f(x1 + 1, x2)) / 2

    return [
        elementwise(S.j0, lambda x: -S.j1(x), tex="J_0({x})"),
        elementwise(S.j1, lambda x: (S.j0(x) - S.jv(2, x)) / 2, tex="J_1({x})"),
        _of_order(S.jv, slope(S.jv), "J_{{{x1}}}({x2})", **_POWER),
        elementwise(S.y0, lambda x: -S.y1(x), domain=POSITIVE, tex="Y_0({x})"),
        elementwise(S.y1, lambda x: (S.y0(x) - S.yv(2, x)) / 2, domain=POSITIVE, tex="Y_1({x})"),
        *(_of_order(f, slope(f), "Y_{{{x1}}}({x2})") for f in (S.yn, S.yv)),
    ]


def _modified_bessel(S):
    """10.29: I' = (I[v-1] + I[v+1]) / 2, K' = -(K[v-1] + K[v+1]) / 2; the variants with e have a factor."""

    def middle(f, x1, x2):
        return (f(x1 - 1, x2) + f(x1 + 1, x2)) / 2

    return [
        elementwise(S.i1, lambda x: (S.i0(x) + S.iv(2, x)) / 2, tex="I_1({x})"),
        _of_order(S.iv, lambda x1, x2: middle(S.iv, x1, x2), "I_{{{x1}}}({x2})", **_POWER),
        elementwise(
            S.i0e, lambda x, y: S.i1e(x) - np.sign(x) * y,
            kinks=(0.0,), tex=r"e^{{-\lvert {x} \rvert}} I_0({x})",
        ),
        elementwise(
            S.i1e, lambda x, y: (S.i0e(x) + S.ive(2, x)) / 2 - np.sign(x) * y,
            tex=r"e^{{-\lvert {x} \rvert}} I_1({x})",
        ),
        _of_order(
            S.ive, lambda x1, x2, y: middle(S.ive, x1, x2) - np.sign(x2) * y,
            r"e^{{-\lvert {x2} \rvert}} I_{{{x1}}}({x2})",
            domain=OF_ORDER, kinks=lambda x1, x2: (_fraction(x1) | (x1 == 0)) & (x2 == 0),
        ),
        elementwise(S.k0, lambda x: -S.k1(x), domain=POSITIVE, tex="K_0({x})"),
        elementwise(S.k1, lambda x: -(S.k0(x) + S.kv(2, x)) / 2, domain=POSITIVE, tex="K_1({x})"),
        _of_order(S.kn, lambda x1, x2: -middle(S.kn, x1, x2), "K_{{{x1}}}({x2})"),
        _of_order(S.kv, lambda x1, x2: -middle(S.kv, x1, x2), "K_{{{x1}}}({x2})"),
        elementwise(S.k0e, lambda x, y: y - S.k1e(x), domain=POSITIVE, tex="e^{{{x}}} K_0({x})"),
        elementwise(S.k1e, lambda x, y: y - (S.k0e(x) + S.kve(2, x)) / 2, domain=POSITIVE, tex="e^{{{x}}} K_1({x})"),
        _of_order(S.kve, lambda x1, x2, y: y - middle(S.kve, x1, x2), "e^{{{x2}}} K_{{{x1}}}({x2})"),
    ]


# -------------------------------------------------------------------------------------------------- chapter 6


def _integrals(S):
    return [
        elementwise(S.expi, lambda x: np.exp(x) / x, domain=NONZERO, tex=r"\operatorname{{Ei}}({x})"),
        elementwise(S.exp1, lambda x: -np.exp(-x) / x, domain=POSITIVE, tex="E_1({x})"),
        elementwise(S.exp10, lambda y: y * math.log(10), tex="10^{{{x}}}"),
        elementwise(S.cosm1, lambda x: -np.sin(x), tex=r"\cos {x} - 1"),
    ]
