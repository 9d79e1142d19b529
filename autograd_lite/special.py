"""Special functions and activations; SciPy's too, where SciPy is installed.

Examples
--------
>>> import autograd_lite as ag
>>> ag.special.softmax(ag.tensor([1.0, 1.0, 2.0]))
tensor([0.21194156, 0.21194156, 0.57611688])
>>> float(ag.grad(ag.special.erf)(0.0))  # 2 / sqrt(pi)
1.1283791670955126
"""
# ruff: noqa: I001 - set as a list of names, not one to a line

from .table import Primitive as _Primitive
from .rules.elementwise import sigmoid as sigmoid
from .rules.reductions import logsumexp as logsumexp
from .rules.scipy_special import NAMES as _NAMES, declare as _declare
from .rules.special import (
    celu as celu, elu as elu, entr as entr, gelu as gelu, hardsigmoid as hardsigmoid, hardswish as hardswish,
    hardtanh as hardtanh, i0 as i0, kl_div as kl_div, leaky_relu as leaky_relu, log_sigmoid as log_sigmoid,
    log_softmax as log_softmax, logit as logit, mish as mish, rel_entr as rel_entr, relu as relu,
    relu6 as relu6, selu as selu, silu as silu, sinc as sinc, softmax as softmax, softplus as softplus,
    softsign as softsign, xlog1py as xlog1py, xlogy as xlogy,
)

expit, log_expit = sigmoid, log_sigmoid


def __getattr__(name: str) -> _Primitive:
    """One of SciPy's functions, whose row is made on first use."""
    if name in _NAMES:
        return _declare(f"ag.special.{name}")[name]
    raise AttributeError(f"ag.special has no function {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_NAMES})
