"""Autodiff for NumPy that shows its work.

`Tensor` records what is done to it, `backward()` and the transforms (`grad`, `vjp`, `jvp`, …) differentiate it to any
order, and the same table of derivatives writes the derivation out (`explain`), emits its NumPy source (`source`), draws
it (`draw`) and tests it (`testing`). NumPy's names here are the differentiable functions; NumPy's own functions work on
Tensors too.

Examples
--------
>>> import autograd_lite as ag
>>> x = ag.tensor([1.0, 2.0, 3.0], requires_grad=True, name="x")
>>> ag.sum(x**2).backward()
>>> x.grad
tensor([2., 4., 6.])
"""

# ruff: noqa: F403, F405, I001 - a module of rows says in its __all__ what it publishes here; lists of names, not lines
from _thread import RLock as _RLock
from importlib import import_module as _import_module
from sys import meta_path as _meta_path
from typing import TYPE_CHECKING as _TYPE_CHECKING

from .base.listing import public_names as _public_names
from . import autograd as autograd, table as table
from .engine.anomaly import detect_anomaly as detect_anomaly
from .table.migration_hints import Hints as _Hints, OF_THE_LIBRARY as _OF_THE_LIBRARY, no_attribute as _no_attribute
from .transforms.checkpoint import checkpoint as checkpoint
from .engine.context import (
    enable_grad as enable_grad, inference_mode as inference_mode, is_grad_enabled as is_grad_enabled,
    no_grad as no_grad, set_grad_enabled as set_grad_enabled,
)
from .tensor import Tensor as Tensor, tensor as tensor
from .transforms.grad import (
    grad as grad, jvp as jvp, stop_gradient as stop_gradient, value_and_grad as value_and_grad, vjp as vjp,
)
from .transforms.jacobian import (
    hessian as hessian, hvp as hvp, jacfwd as jacfwd, jacobian as jacobian, jacrev as jacrev,
)
from .transforms.vmap import vmap as vmap

# NumPy's namespaces, and SciPy's.
from . import emath as emath, fft as fft, linalg as linalg, special as special, stats as stats

# Rows of the table, under NumPy's names.
from .rules.cumulative import *
from .rules.differences import *
from .rules.selection import *
from .rules.constants import *
from .rules.elementwise import *
from .rules.indexing import *
from .rules.joining import *
from .rules.products import *
from .rules.reductions import *
from .rules.shaping import *
from .rules.sorting import *
from .rules.special import *

from .rules.einsum import einsum as einsum
from .rules.padding import pad as pad
from .rules.polynomials import *
from .rules.quantiles import *
from .rules.signal import *
from .rules.statistics import *

# Functions of shapes alone, or that return a yes or no, are NumPy's own.
from numpy import (
    allclose as allclose, array_equal as array_equal, array_equiv as array_equiv, can_cast as can_cast,
    e as e, finfo as finfo, iinfo as iinfo,
    inf as inf, iscomplexobj as iscomplexobj, isrealobj as isrealobj, nan as nan, ndim as ndim,
    newaxis as newaxis, pi as pi, result_type as result_type, shape as shape, size as size,
)

# PyTorch's common names that NumPy lacks, or has for arrays only; the dtypes, by their names.
from .tensor.creation import *
from .tensor.torch_names import backends as backends, cuda as cuda, device as device, xpu as xpu
from .rules.random import *
from .rules.torch_aliases import *
from .base.generator import *
from numpy import (
    bool as bool, complex64 as complex64, complex128 as complex128, float16 as float16, float32 as float32,
    float64 as float64, int8 as int8, int16 as int16, int32 as int32, int64 as int64, uint8 as uint8,
)

half, float, double, int, long = float16, float32, float64, int32, int64
mm = bmm = mv = matmul
det, repeat_interleave = linalg.det, repeat
sub, mul, div, neg, movedim = subtract, multiply, divide, negative, moveaxis
eq, ne, gt, ge, lt, le = equal, not_equal, greater, greater_equal, less, less_equal

# NumPy's short and old names.
abs, conj, mod, pow, true_divide = absolute, conjugate, remainder, power, divide
acos, asin, atan, atan2 = arccos, arcsin, arctan, arctan2
acosh, asinh, atanh, fix = arccosh, arcsinh, arctanh, trunc
amax, amin, around, concat, permute_dims = max, min, round, concatenate, transpose
bitwise_not = bitwise_invert = invert
bitwise_left_shift, bitwise_right_shift = left_shift, right_shift

__version__ = "0.2.0"

# The packages above the engine are imported on first use (SPEC 1 of Scientific Python), so a program that only
# differentiates does not load them. Editors and type checkers see ordinary imports; a test compares the two.
_LAZY_PACKAGES = (
    "array_api", "data", "derive", "export", "integrate", "nn", "optim", "optimize", "sparse", "teach", "testing",
    "training", "utils",
)  # fmt: skip
_LAZY_NAMES = {
    "explain": "derive", "partials": "derive", "source": "derive", "draw": "drawing", "frames": "drawing",
    "trace": "program", "jet": "program", "taylor": "program", "cond": "program.loops", "fori_loop": "program.loops",
    "scan": "program.loops", "while_loop": "program.loops", "jit": "compiling", "worksheet": "teach",
    "load": "export.saving", "save": "export.saving", "why": "testing.why", "sparse_hessian": "sparse",
    "sparse_jacobian": "sparse", "sparsity": "sparse",
}

if _TYPE_CHECKING:
    from . import (
        array_api as array_api, data as data, derive as derive, export as export, integrate as integrate, nn as nn,
        optim as optim, optimize as optimize, sparse as sparse, teach as teach, testing as testing,
        training as training, utils as utils,
    )
    from .compiling import jit as jit
    from .derive import explain as explain, partials as partials, source as source
    from .drawing import draw as draw, frames as frames
    from .export.saving import load as load, save as save
    from .program import jet as jet, taylor as taylor, trace as trace
    from .program.loops import cond as cond, fori_loop as fori_loop, scan as scan, while_loop as while_loop
    from .sparse import sparse_hessian as sparse_hessian, sparse_jacobian as sparse_jacobian, sparsity as sparsity
    from .teach import worksheet as worksheet
    from .testing.why import why as why


_meta_path.append(_Hints)
_LOADING = _RLock()  # two threads that import a package and a module of it at once may each hold what the other needs


def __getattr__(name: str) -> object:
    if name not in _LAZY_PACKAGES and name not in _LAZY_NAMES:
        raise _no_attribute("autograd_lite", name, None, _OF_THE_LIBRARY)
    with _LOADING:
        package = _import_module(f".{_LAZY_NAMES.get(name, name)}", __name__)
    found = package if name in _LAZY_PACKAGES else getattr(package, name)
    globals()[name] = found
    return found


_in_use = _public_names(__name__, "autograd", "emath", "fft", "linalg", "special", "stats", "table")


def __dir__() -> list[str]:
    return sorted({*_in_use(), *_LAZY_PACKAGES, *_LAZY_NAMES})
