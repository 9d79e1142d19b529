"""New tensors, by PyTorch's names: filled with a number, evenly spaced, random.

They have the default dtype, which is float64 as in NumPy unless :func:`set_default_dtype` has changed it, and are
parameters with ``requires_grad=True``; their `device` is ``"cpu"``. Random ones draw from the default generator (see
:func:`manual_seed`) or from `generator`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..engine.context import numpy_generator
from ..engine.value import wrap
from ..engine.versions import CONFIGURED
from ..table import TABLE
from .tensor import Tensor
from .torch_names import check_device, new_tensor, sizes

__all__ = [
    "BoolTensor", "DoubleTensor", "FloatTensor", "IntTensor", "LongTensor", "arange", "as_tensor", "bernoulli",
    "empty", "eye", "from_dlpack", "from_numpy", "full", "get_default_dtype", "is_tensor", "linspace",
    "multinomial", "normal", "ones", "rand", "randint", "randn", "randperm", "set_default_dtype", "zeros",
]

_DEFAULT: list[np.dtype[Any]] = [np.dtype(np.float64)]


def get_default_dtype() -> np.dtype[Any]:
    """The dtype of new tensors and layers, where none is given.

    >>> import autograd_lite as ag
    >>> ag.get_default_dtype()
    dtype('float64')
    """
    return _DEFAULT[0]


def set_default_dtype(d: Any) -> None:
    """Set the dtype of new tensors and layers, where none is given.

    Examples
    --------
    >>> import numpy as np, autograd_lite as ag
    >>> ag.set_default_dtype(np.float32)
    >>> ag.ones(2).dtype
    dtype('float32')
    >>> ag.set_default_dtype(np.float64)
    """
    dtype = np.dtype(d)
    if dtype.kind != "f":
        raise TypeError(f"set_default_dtype({d!r}): expected a floating point dtype, such as np.float32")
    _DEFAULT[0] = dtype
    CONFIGURED[0] += 1


def zeros(
    *shape: Any, size: Any = None, dtype: Any = None, requires_grad: bool = False, device: Any = None,
) -> Tensor:
    """Zeros in the shape ``*shape``, or ``size=shape``.

    >>> import autograd_lite as ag
    >>> ag.zeros(2, 3)
    tensor([[0., 0., 0.],
            [0., 0., 0.]])
    """
    return new_tensor("device", np.zeros(sizes(shape, size), dtype or _DEFAULT[0]), requires_grad, device)


def ones(
    *shape: Any, size: Any = None, dtype: Any = None, requires_grad: bool = False, device: Any = None,
) -> Tensor:
    """Ones in the shape ``*shape``, or ``size=shape``.

    >>> import autograd_lite as ag
    >>> ag.ones(2, 3)
    tensor([[1., 1., 1.],
            [1., 1., 1.]])
    """
    return new_tensor("device", np.ones(sizes(shape, size), dtype or _DEFAULT[0]), requires_grad, device)


def empty(
    *shape: Any, size: Any = None, dtype: Any = None, requires_grad: bool = False, device: Any = None,
) -> Tensor:
    """Zeros in the shape ``*shape``, or ``size=shape``: unlike NumPy's `empty`, the same in every run.

    >>> import autograd_lite as ag
    >>> ag.empty(2, 3).shape
    (2, 3)
    """
    return zeros(*shape, size=size, dtype=dtype, requires_grad=requires_grad, device=device)


def full(size: Any, fill_value: Any, dtype: Any = None, requires_grad: bool = False, device: Any = None) -> Tensor:
    """`fill_value` in the shape `size`.

    >>> import autograd_lite as ag
    >>> ag.full((2, 2), 0.5)
    tensor([[0.5, 0.5],
            [0.5, 0.5]])
    """
    if dtype is None and isinstance(fill_value, float):
        dtype = _DEFAULT[0]
    return new_tensor("device", np.full(size, fill_value, dtype), requires_grad, device)


def eye(n: int, m: int | None = None, dtype: Any = None, requires_grad: bool = False, device: Any = None) -> Tensor:
    """Ones on the diagonal of an `n` by `m` matrix.

    >>> import autograd_lite as ag
    >>> ag.eye(2)
    tensor([[1., 0.],
            [0., 1.]])
    """
    return new_tensor("device", np.eye(n, m, dtype=dtype or _DEFAULT[0]), requires_grad, device)


def arange(
    start: Any, end: Any = None, step: Any = 1, dtype: Any = None, requires_grad: bool = False, device: Any = None,
) -> Tensor:
    """Evenly spaced numbers from `start` (0 if there is only one argument) up to, not including, `end`.

    >>> import autograd_lite as ag
    >>> ag.arange(0.0, 1.0, 0.25)
    tensor([0.  , 0.25, 0.5 , 0.75])
    """
    start, end = (0, start) if end is None else (start, end)
    if dtype is None and any(isinstance(v, float) for v in (start, end, step)):
        dtype = _DEFAULT[0]
    count: Any = np.arange  # NumPy's stubs have no overload for an argument that may be an int or a float
    return new_tensor("device", count(start, end, step, dtype), requires_grad, device)


def linspace(
    start: Any, end: Any, steps: int = 50, *, dtype: Any = None, requires_grad: bool = False, device: Any = None,
) -> Tensor:
    """`steps` evenly spaced numbers from `start` to `end`, both included; ``np.linspace`` has NumPy's parameters.

    >>> import autograd_lite as ag
    >>> ag.linspace(0, 1, steps=5)
    tensor([0.  , 0.25, 0.5 , 0.75, 1.  ])
    """
    points = TABLE["linspace"](start, end, steps, dtype=dtype)
    if isinstance(points, Tensor):  # the ends are tensors
        check_device("device", device)
        return points
    return new_tensor("device", points if dtype else points.astype(_DEFAULT[0]), requires_grad, device)


class TensorType:
    """PyTorch's ``FloatTensor`` and the like: a tensor of that dtype, from data or of a shape; and the dtype itself.

    >>> import autograd_lite as ag
    >>> ag.LongTensor([1, 2]), ag.FloatTensor(2, 3).shape, ag.tensor([1, 2]).type(ag.DoubleTensor)
    (tensor([1, 2]), (2, 3), tensor([1., 2.]))
    """

    def __init__(self, dtype: Any) -> None:
        self.dtype = np.dtype(dtype)

    def __call__(self, *data: Any) -> Tensor:
        if len(data) == 1 and not isinstance(data[0], int):
            return Tensor(data[0], self.dtype)
        return zeros(*data, dtype=self.dtype)


FloatTensor, DoubleTensor, LongTensor = TensorType(np.float32), TensorType(np.float64), TensorType(np.int64)
IntTensor, BoolTensor = TensorType(np.int32), TensorType(np.bool_)


def Variable(data: Any, requires_grad: bool = False) -> Tensor:
    """A tensor with the memory of `data`, as tensors were made in PyTorch before 0.4.

    >>> import autograd_lite as ag
    >>> ag.autograd.Variable(ag.ones(2), requires_grad=True)
    tensor([1., 1.], requires_grad=True)
    """
    return as_tensor(data).detach().requires_grad_(requires_grad)


def as_tensor(data: Any, dtype: Any = None, device: Any = None) -> Tensor:
    """`data` as a Tensor: itself if it is one; an array is not copied.

    >>> import numpy as np, autograd_lite as ag
    >>> a = np.array([1.0, 2.0])
    >>> t = ag.as_tensor(a)
    >>> bool(np.shares_memory(t.data, a))
    True
    """
    check_device("device", device)
    if isinstance(data, Tensor):
        return data if dtype is None or data.dtype == dtype else data.astype(dtype)
    return wrap(np.asarray(data, dtype), None)


def from_numpy(ndarray: Any) -> Tensor:
    """A Tensor on the same array: a write to either is a write to both.

    >>> import numpy as np, autograd_lite as ag
    >>> ag.from_numpy(np.array([1.0, 2.0]))
    tensor([1., 2.])
    """
    if not isinstance(ndarray, np.ndarray):
        raise TypeError(f"from_numpy takes an array, not a {type(ndarray).__name__}; ag.tensor takes anything")
    return wrap(ndarray, None)


def from_dlpack(x: Any, /, *, device: Any = None, copy: bool | None = None) -> Tensor:
    """A Tensor on the memory of another library's array, as :func:`numpy.from_dlpack`: read-only if that one is.

    >>> import numpy as np, autograd_lite as ag
    >>> ag.from_dlpack(np.array([1.0, 2.0]))
    tensor([1., 2.])
    """
    check_device("device", device)
    return wrap(np.from_dlpack(x, copy=copy), None)


def is_tensor(obj: Any) -> bool:
    """True if `obj` is a Tensor.

    >>> import numpy as np, autograd_lite as ag
    >>> ag.is_tensor(ag.ones(2)), ag.is_tensor(np.ones(2))
    (True, False)
    """
    return isinstance(obj, Tensor)


# ------------------------------------------------------------------------------------------------ at random


def _drawn(array: Any, dtype: Any, requires_grad: bool, device: Any) -> Tensor:
    return new_tensor("device", np.asarray(array).astype(dtype or _DEFAULT[0], copy=False), requires_grad, device)


def rand(
    *shape: Any, size: Any = None, generator: Any = None, dtype: Any = None, requires_grad: bool = False,
    device: Any = None,
) -> Tensor:
    """Numbers drawn uniformly from [0, 1).

    >>> import autograd_lite as ag
    >>> ag.rand(2, 3).shape
    (2, 3)
    """
    return _drawn(numpy_generator(generator).random(sizes(shape, size)), dtype, requires_grad, device)


def randn(
    *shape: Any, size: Any = None, generator: Any = None, dtype: Any = None, requires_grad: bool = False,
    device: Any = None,
) -> Tensor:
    """Numbers drawn from the normal distribution with mean 0 and variance 1.

    Examples
    --------
    >>> import autograd_lite as ag
    >>> _ = ag.manual_seed(0)
    >>> x = ag.randn(2, 3)
    >>> _ = ag.manual_seed(0)
    >>> bool((x == ag.randn(2, 3)).all())
    True
    """
    return _drawn(numpy_generator(generator).standard_normal(sizes(shape, size)), dtype, requires_grad, device)


def normal(
    mean: Any = 0.0, std: Any = 1.0, size: Any = None, *, generator: Any = None, dtype: Any = None,
    requires_grad: bool = False, device: Any = None,
) -> Tensor:
    """Numbers drawn from normal distributions of the given means and standard deviations.

    >>> import autograd_lite as ag
    >>> ag.normal(0.0, 1.0, (2, 3)).shape
    (2, 3)
    """
    mean, std = np.asarray(mean), np.asarray(std)
    shape = np.broadcast_shapes(mean.shape, std.shape) if size is None else sizes((size,))
    return _drawn(mean + std * numpy_generator(generator).standard_normal(shape), dtype, requires_grad, device)


def randint(
    low: int, high: Any = None, size: Any = None, *, generator: Any = None, dtype: Any = np.int64, device: Any = None,
) -> Tensor:
    """Integers from `low` up to, not including, `high`; ``randint(high, size)`` starts at 0.

    >>> import autograd_lite as ag
    >>> ag.randint(0, 10, (2, 3)).shape
    (2, 3)
    """
    if size is None:
        low, high, size = 0, low, high
    if size is None:
        raise TypeError("randint: the shape is missing; write randint(0, 10, (3,))")
    drawn = numpy_generator(generator).integers(low, high, sizes((size,)))
    return _drawn(drawn, dtype, False, device)


def randperm(n: int, *, generator: Any = None, dtype: Any = np.int64, device: Any = None) -> Tensor:
    """0 to `n` - 1 in random order.

    >>> import autograd_lite as ag
    >>> sorted(ag.randperm(4).tolist())
    [0, 1, 2, 3]
    """
    return _drawn(numpy_generator(generator).permutation(n), dtype, False, device)


def bernoulli(input: Any, *, generator: Any = None) -> Tensor:
    """1 with the probability given by `input`, else 0, entry by entry.

    >>> import autograd_lite as ag
    >>> ag.bernoulli(ag.tensor([0.0, 1.0]))
    tensor([0., 1.])
    """
    p = as_tensor(input).detach().numpy()
    if not np.all((p >= 0) & (p <= 1)):
        raise ValueError("bernoulli: expected probabilities, between 0 and 1")
    return wrap((numpy_generator(generator).random(p.shape) < p).astype(p.dtype), None)


def multinomial(input: Any, num_samples: int, replacement: bool = False, *, generator: Any = None) -> Tensor:
    """Positions drawn with probabilities proportional to the rows of `input`.

    Parameters
    ----------
    input : array_like, shape (n,) or (m, n)
        Weights, none negative; a row need not sum to 1.
    num_samples : int
        How many to draw from each row.
    replacement : bool
        Whether a position may be drawn again.
    generator : Generator or int, optional
        The generator to draw from, or a seed; by default that of :func:`manual_seed`.

    Returns
    -------
    Tensor of int64, shape (num_samples,) or (m, num_samples)

    Examples
    --------
    >>> import autograd_lite as ag
    >>> ag.multinomial([0.0, 1.0, 0.0], 3, replacement=True)
    tensor([1, 1, 1])
    """
    weights = as_tensor(input).detach().numpy()
    if weights.ndim not in (1, 2) or weights.dtype.kind not in "fiub":
        raise ValueError(f"multinomial: expected weights of shape (n,) or (m, n), got {weights.dtype} {weights.shape}")
    rows = np.atleast_2d(weights).astype(float)
    total = rows.sum(axis=1, keepdims=True)
    if not (np.all(rows >= 0) and np.all(np.isfinite(total)) and np.all(total > 0)):
        raise ValueError("multinomial: expected finite weights, none negative, with a positive one in each row")
    rng = numpy_generator(generator)
    if replacement:
        ends = np.cumsum(rows, axis=1)
        u = np.minimum(rng.random((len(rows), num_samples)) * ends[:, -1:], np.nextafter(ends[:, -1:], 0))
        drawn = np.stack([np.searchsorted(e, v, side="right") for e, v in zip(ends, u, strict=True)])
    else:
        fewest = int((rows > 0).sum(axis=1).min())
        if num_samples > fewest:
            raise ValueError(
                f"multinomial: {num_samples} samples without replacement from {fewest} positions of positive weight"
            )
        # Of exponential variables with these rates, the smallest, the second smallest, ... are such a sample.
        with np.errstate(divide="ignore"):
            times = rng.standard_exponential(rows.shape) / rows
        drawn = np.argsort(times, axis=1)[:, :num_samples]
    return wrap(drawn.astype(np.int64).reshape(*weights.shape[:-1], num_samples), None)
