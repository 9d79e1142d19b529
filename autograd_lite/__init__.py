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

# ruff: noqa: I001 - set as lists of names, not one to a line
from _thread import RLock as _RLock
from importlib import import_module as _import_module
from sys import meta_path as _meta_path
from typing import TYPE_CHECKING as _TYPE_CHECKING

from .base.listing import public_names as _public_names
from . import autograd as autograd
from . import table as table
from .engine.anomaly import detect_anomaly as detect_anomaly
from .table.migration_hints import Hints as _Hints, OF_THE_LIBRARY as _OF_THE_LIBRARY, no_attribute as _no_attribute
from .transforms.checkpoint import checkpoint as checkpoint
from .engine.context import enable_grad as enable_grad
from .engine.context import inference_mode as inference_mode
from .engine.context import is_grad_enabled as is_grad_enabled
from .engine.context import no_grad as no_grad
from .engine.context import set_grad_enabled as set_grad_enabled
from .tensor import Tensor as Tensor
from .tensor import tensor as tensor
from .transforms.grad import grad as grad
from .transforms.jacobian import hessian as hessian
from .transforms.jacobian import hvp as hvp
from .transforms.jacobian import jacfwd as jacfwd
from .transforms.jacobian import jacobian as jacobian
from .transforms.jacobian import jacrev as jacrev
from .transforms.grad import jvp as jvp
from .transforms.grad import stop_gradient as stop_gradient
from .transforms.grad import value_and_grad as value_and_grad
from .transforms.grad import vjp as vjp
from .transforms.vmap import vmap as vmap

# NumPy's namespaces, and SciPy's.
from . import emath as emath
from . import fft as fft
from . import linalg as linalg
from . import special as special
from . import stats as stats

# Rows of the table, under NumPy's names.
from .rules.cumulative import (
    cumprod as cumprod, cumsum as cumsum, cumulative_prod as cumulative_prod,
    cumulative_sum as cumulative_sum, nancumprod as nancumprod, nancumsum as nancumsum,
)
from .rules.differences import (
    apply_along_axis as apply_along_axis, apply_over_axes as apply_over_axes, diff as diff,
    ediff1d as ediff1d, geomspace as geomspace, gradient as gradient, interp as interp,
    logspace as logspace, sliding_window_view as sliding_window_view, trapezoid as trapezoid,
    unwrap as unwrap,
)
from .rules.selection import (
    choose as choose, clip as clip, compress as compress, extract as extract, piecewise as piecewise,
    select as select, take as take, take_along_axis as take_along_axis, where as where,
)
from .rules.constants import (
    all as all, any as any, argmax as argmax, argmin as argmin, argwhere as argwhere,
    bitwise_and as bitwise_and, bitwise_count as bitwise_count, bitwise_or as bitwise_or,
    bitwise_xor as bitwise_xor, ceil as ceil, count_nonzero as count_nonzero, digitize as digitize,
    empty_like as empty_like, equal as equal, fix as fix, flatnonzero as flatnonzero, floor as floor,
    floor_divide as floor_divide, full_like as full_like, gcd as gcd, greater as greater,
    greater_equal as greater_equal, invert as invert, isclose as isclose, iscomplex as iscomplex,
    isfinite as isfinite, isin as isin, isinf as isinf, isnan as isnan, isneginf as isneginf,
    isposinf as isposinf, isreal as isreal, lcm as lcm, left_shift as left_shift, less as less,
    less_equal as less_equal, logical_and as logical_and, logical_not as logical_not,
    logical_or as logical_or, logical_xor as logical_xor, nanargmax as nanargmax, nanargmin as nanargmin,
    not_equal as not_equal, ones_like as ones_like, packbits as packbits,
    ravel_multi_index as ravel_multi_index, right_shift as right_shift, rint as rint, round as round,
    searchsorted as searchsorted, sign as sign, signbit as signbit, spacing as spacing, trunc as trunc,
    unpackbits as unpackbits, unravel_index as unravel_index, zeros_like as zeros_like,
)
from .rules.elementwise import (
    absolute as absolute, add as add, angle as angle, arccos as arccos, arccosh as arccosh, arcsin as arcsin,
    arcsinh as arcsinh, arctan as arctan, arctan2 as arctan2, arctanh as arctanh, cbrt as cbrt,
    conjugate as conjugate, copysign as copysign, cos as cos, cosh as cosh, deg2rad as deg2rad,
    degrees as degrees, divide as divide, divmod as divmod, exp as exp, exp2 as exp2, expm1 as expm1,
    fabs as fabs, float_power as float_power, fmax as fmax, fmin as fmin, fmod as fmod, frexp as frexp,
    heaviside as heaviside, hypot as hypot, imag as imag, ldexp as ldexp, log as log, log10 as log10,
    log1p as log1p, log2 as log2, logaddexp as logaddexp, logaddexp2 as logaddexp2, maximum as maximum,
    minimum as minimum, modf as modf, multiply as multiply, negative as negative, nextafter as nextafter,
    positive as positive, power as power, rad2deg as rad2deg, radians as radians, real as real,
    reciprocal as reciprocal, remainder as remainder, sigmoid as sigmoid, sin as sin, sinh as sinh,
    sqrt as sqrt, square as square, subtract as subtract, tan as tan, tanh as tanh,
)
from .rules.indexing import (
    add_at as add_at, divide_at as divide_at, maximum_at as maximum_at, minimum_at as minimum_at,
    multiply_at as multiply_at, power_at as power_at, set_at as set_at, subtract_at as subtract_at,
)
from .rules.joining import (
    append as append, array as array, array_split as array_split, block as block, c_ as c_,
    column_stack as column_stack, concatenate as concatenate, delete as delete, dsplit as dsplit,
    dstack as dstack, hsplit as hsplit, hstack as hstack, insert as insert, meshgrid as meshgrid,
    r_ as r_, repeat as repeat, resize as resize, split as split, stack as stack, tile as tile,
    trim_zeros as trim_zeros, unstack as unstack, vsplit as vsplit, vstack as vstack,
)
from .rules.products import (
    cross as cross, dot as dot, inner as inner, kron as kron, matmul as matmul, matvec as matvec,
    outer as outer, tensordot as tensordot, vdot as vdot, vecdot as vecdot, vecmat as vecmat,
)
from .rules.reductions import (
    average as average, logsumexp as logsumexp, max as max, mean as mean, min as min, nanmax as nanmax,
    nanmean as nanmean, nanmin as nanmin, nanprod as nanprod, nanstd as nanstd, nansum as nansum,
    nanvar as nanvar, prod as prod, ptp as ptp, std as std, sum as sum, var as var,
)
from .rules.shaping import (
    astype as astype, atleast_1d as atleast_1d, atleast_2d as atleast_2d, atleast_3d as atleast_3d,
    broadcast_arrays as broadcast_arrays, broadcast_to as broadcast_to, copy as copy, diag as diag,
    diagflat as diagflat, diagonal as diagonal, expand_dims as expand_dims, flatten as flatten,
    flip as flip, fliplr as fliplr, flipud as flipud, matrix_transpose as matrix_transpose,
    moveaxis as moveaxis, ravel as ravel, reshape as reshape, roll as roll, rollaxis as rollaxis, rot90 as rot90,
    squeeze as squeeze, swapaxes as swapaxes, transpose as transpose, tril as tril, triu as triu,
)
from .rules.sorting import (
    argpartition as argpartition, argsort as argsort, bincount as bincount, intersect1d as intersect1d,
    ix_ as ix_, lexsort as lexsort, nonzero as nonzero, partition as partition, setdiff1d as setdiff1d,
    setxor1d as setxor1d, sort as sort, sort_complex as sort_complex, union1d as union1d, unique as unique,
    unique_all as unique_all, unique_counts as unique_counts, unique_inverse as unique_inverse,
    unique_values as unique_values,
)
from .rules.special import (
    celu as celu, elu as elu, entr as entr, gelu as gelu, hardsigmoid as hardsigmoid, hardswish as hardswish,
    hardtanh as hardtanh, i0 as i0, kl_div as kl_div, leaky_relu as leaky_relu, log_sigmoid as log_sigmoid,
    log_softmax as log_softmax, logit as logit, mish as mish, nan_to_num as nan_to_num,
    real_if_close as real_if_close, rel_entr as rel_entr, relu as relu, relu6 as relu6, selu as selu,
    silu as silu, sinc as sinc, softmax as softmax, softplus as softplus, softsign as softsign,
    xlog1py as xlog1py, xlogy as xlogy,
)

from .rules.einsum import einsum as einsum
from .rules.padding import pad as pad
from .rules.polynomials import (
    poly as poly, polyadd as polyadd, polyder as polyder, polydiv as polydiv, polyfit as polyfit,
    polyint as polyint, polymul as polymul, polysub as polysub, polyval as polyval, roots as roots,
    vander as vander,
)
from .rules.quantiles import (
    median as median, nanmedian as nanmedian, nanpercentile as nanpercentile, nanquantile as nanquantile,
    percentile as percentile, quantile as quantile,
)
from .rules.signal import convolve as convolve, correlate as correlate
from .rules.statistics import (
    corrcoef as corrcoef, cov as cov, histogram as histogram, histogram_bin_edges as histogram_bin_edges,
)

# Functions of shapes alone, or that return a yes or no, are NumPy's own.
from numpy import (
    allclose as allclose, array_equal as array_equal, array_equiv as array_equiv, can_cast as can_cast,
    e as e, finfo as finfo, iinfo as iinfo,
    inf as inf, iscomplexobj as iscomplexobj, isrealobj as isrealobj, nan as nan, ndim as ndim,
    newaxis as newaxis, pi as pi, result_type as result_type, shape as shape, size as size,
)

# PyTorch's common names that NumPy lacks, or has for arrays only; the dtypes, by their names.
from .tensor.creation import (
    BoolTensor as BoolTensor, DoubleTensor as DoubleTensor, FloatTensor as FloatTensor, IntTensor as IntTensor,
    LongTensor as LongTensor, arange as arange, as_tensor as as_tensor, bernoulli as bernoulli, empty as empty,
    eye as eye, from_dlpack as from_dlpack, from_numpy as from_numpy, full as full,
    get_default_dtype as get_default_dtype, is_tensor as is_tensor, linspace as linspace,
    multinomial as multinomial, normal as normal, ones as ones, rand as rand, randint as randint,
    randn as randn, randperm as randperm, set_default_dtype as set_default_dtype, zeros as zeros,
)
from .tensor.torch_names import backends as backends, cuda as cuda, device as device, xpu as xpu
from .rules.random import rand_like as rand_like, randn_like as randn_like
from .rules.torch_aliases import (
    cat as cat, chunk as chunk, clamp as clamp, cummax as cummax, cummin as cummin, gather as gather,
    index_select as index_select, logcumsumexp as logcumsumexp, masked_fill as masked_fill, norm as norm,
    permute as permute, scatter as scatter, scatter_add as scatter_add, topk as topk,
    unbind as unbind, unsqueeze as unsqueeze,
)
from .base.generator import (
    Generator as Generator, default_generator as default_generator, get_rng_state as get_rng_state,
    initial_seed as initial_seed, manual_seed as manual_seed, set_rng_state as set_rng_state,
)
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
acosh, asinh, atanh = arccosh, arcsinh, arctanh
amax, amin, around, concat, permute_dims = max, min, round, concatenate, transpose
bitwise_not = bitwise_invert = invert
bitwise_left_shift, bitwise_right_shift = left_shift, right_shift

__version__ = "0.1.0"

# The packages above the engine are imported on first use (SPEC 1 of Scientific Python), so a program that only
# differentiates does not load them. Editors and type checkers see ordinary imports; a test compares the two.
_LAZY_PACKAGES = (
    "array_api", "data", "derive", "export", "integrate", "nn", "optim", "teach", "testing", "training", "utils",
)  # fmt: skip
_LAZY_NAMES = {
    "explain": "derive", "partials": "derive", "source": "derive", "draw": "drawing", "frames": "drawing",
    "trace": "program", "jit": "compiling", "worksheet": "teach", "load": "export.saving", "save": "export.saving",
}

if _TYPE_CHECKING:
    from .compiling import jit as jit
    from . import array_api as array_api
    from . import data as data
    from . import derive as derive
    from . import export as export
    from . import integrate as integrate
    from . import nn as nn
    from . import optim as optim
    from . import teach as teach
    from . import testing as testing
    from . import training as training
    from . import utils as utils
    from .derive import explain as explain
    from .derive import partials as partials
    from .derive import source as source
    from .drawing import draw as draw
    from .drawing import frames as frames
    from .export.saving import load as load
    from .export.saving import save as save
    from .program import trace as trace
    from .teach import worksheet as worksheet


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
