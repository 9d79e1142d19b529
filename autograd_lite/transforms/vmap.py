"""``vmap(f)``: turns a function of one example into a function of a batch, without a loop.

`f` is recorded on the first example, and then every operation is run once for all examples. This calls rows of the
table on arrays or Tensors, so it is itself recorded by whatever transform, graph or trace is outside.
"""

from __future__ import annotations

import inspect
import reprlib
from functools import wraps
from operator import index
from typing import Any

import numpy as np

from ..base.tree import leaves, paths, rebuild
from ..engine.errors import masked_error
from ..engine.node import Function, Shape
from ..engine.operands import raw
from ..engine.value import live_of
from ..table import TABLE
from ..table.batching import Batched, Same, repeated
from ..tensor import Tensor
from .batch import Batch
from .recording import Recording

RANDOMNESS = ("error", "different", "same")


def vmap(
    f: Function, in_axes: Any = 0, out_axes: Any = 0, axis_size: int | None = None, *,
    randomness: str = "error",
) -> Function:
    """`f`, a function of one example, as a function of a batch of them.

    Parameters
    ----------
    f : callable
        Of arrays, or nested dicts, lists and tuples of them. It is called once, on the first example. A branch on the
        values of an example raises; a branch on shapes, or on arguments that are not mapped, is fine.
    in_axes : int, None, or tuple
        Which axis of the positional arguments runs over the examples; None for an argument that all examples share. A
        tuple has an entry for each argument, and an entry may be a tree of axes for an argument that is a tree. Keyword
        arguments are always mapped over axis 0.
    out_axes : int, None, or tree
        Where the results have that axis. None is for a result that is the same for all examples.
    axis_size : int, optional
        The number of examples, if no argument is mapped.
    randomness : {"error", "different", "same"}
        Whether random numbers that `f` draws (dropout) are different for each example, or the same for all. By default
        they raise.

    Returns
    -------
    callable
        It returns arrays for arrays, and Tensors if a Tensor was passed or `f` uses one that requires a gradient.

    Raises
    ------
    ValueError
        If an axis does not exist, if the arguments have different numbers of examples, or if a result with
        ``out_axes=None`` differs between examples.

    Examples
    --------
    >>> import numpy as np, autograd_lite as ag
    >>> matrices, vectors = 2 * np.ones((3, 1, 1)), np.ones((3, 1))
    >>> ag.vmap(np.linalg.solve)(matrices, vectors).shape
    (3, 1)
    >>> ag.vmap(ag.grad(lambda x: x**2))(np.array([1.0, 2.0, 3.0]))
    array([2., 4., 6.])
    >>> ag.vmap(np.interp, in_axes=(0, None, None))(np.array([0.5, 1.5]), [0, 1, 2], [0, 10, 30])
    array([ 5., 20.])
    """
    if not callable(f):
        raise TypeError("vmap takes a function and returns another: write vmap(f)(x)")
    if randomness not in RANDOMNESS:
        raise ValueError(f"vmap: expected randomness 'error', 'different' or 'same', got {randomness!r}")
    if isinstance(in_axes, list):
        in_axes = tuple(in_axes)

    @wraps(f)
    def of_batch(*args: Any, **params: Any) -> Any:
        call = _BatchedCall(f, in_axes, args, params, axis_size)
        return call.results(out_axes, randomness)

    of_batch.__name__ = getattr(f, "__name__", type(f).__name__)  # a module has none
    return of_batch


class _BatchedCall:
    """One call of a function of a batch: its arguments, leaf by leaf."""

    def __init__(self, f: Function, in_axes: Any, args: Any, params: Any, axis_size: int | None) -> None:
        self.f, self.args, self.params = f, args, params
        self.what = f"vmap({getattr(f, '__name__', type(f).__name__)})"
        if isinstance(in_axes, tuple) and len(in_axes) != len(args):
            raise ValueError(
                f"{self.what}: in_axes={in_axes} has {len(in_axes)} entries for {len(args)} positional arguments; give "
                "one for each"
            )
        self.given = leaves((args, params))
        self.axes = _prefix(in_axes, args, f"{self.what}: in_axes") + [0] * len(leaves(params))
        self.mapped = [k for k, axis in enumerate(self.axes) if axis is not None]
        self.size = self._size(axis_size)
        self.batch = [_in_front(self.given[k], self.axes[k]) for k in self.mapped]

    def _names(self) -> list[str]:
        """How an error message calls each leaf."""
        try:
            bound = list(inspect.signature(self.f).bind(*self.args).arguments.items())
        except (TypeError, ValueError):  # a builtin or a ufunc, which has no signature
            bound = []
        names = []
        for k, arg in enumerate(self.args):
            name = bound[k][0] if k < len(bound) and bound[k][1] is arg else f"argument {k + 1}"
            names += paths(arg, name)
        return names + [path for name, value in self.params.items() for path in paths(value, name)]

    def _size(self, axis_size: int | None) -> int:
        """The number of examples. Raises unless every mapped axis exists and has that size."""
        sizes: list[int] = []
        for k in self.mapped:
            shape, axis = _shape(self.given[k], self.what), self.axes[k]
            if not -len(shape) <= axis < len(shape):
                raise ValueError(
                    f"{self.what}: {self._names()[k]} of shape {shape} has no axis {axis} to map; use in_axes=None for "
                    "an argument that all examples share, and functools.partial for an option"
                )
            sizes.append(shape[axis])
        if not sizes and axis_size is None:
            raise ValueError(f"{self.what}: no argument is mapped: give axis_size, the number of examples")
        size = index(axis_size) if axis_size is not None else sizes[0]
        if any(n != size for n in sizes):
            names = self._names()
            each = ", ".join(
                f"{names[k]} has {n} (axis {self.axes[k]} of shape {np.shape(raw(self.given[k]))})"
                for k, n in zip(self.mapped, sizes, strict=True)
            )
            asked = "" if axis_size is None else f"; axis_size={axis_size}"
            raise ValueError(f"{self.what}: the mapped axes have different sizes: {each}{asked}")
        return size

    def _example(self, *tensors: Any) -> Any:
        """`f` on one example."""
        values = list(self.given)
        for k, t in zip(self.mapped, tensors, strict=True):
            values[k] = t
        args, params = rebuild((self.args, self.params), values)
        return self.f(*args, **params)

    def results(self, out_axes: Any, randomness: str) -> Any:
        run = Recording(self._example, [_first(x) for x in self.batch])
        run.check_unchanged(self.what)
        drawn = run.drawn(self.what, randomness)
        nodes = run.nodes(drawn if randomness == "different" else ())
        batch = Batch(run, nodes, self.batch, self.size, _draw_once if randomness == "same" else None)
        axes = _prefix(out_axes, run.y, f"{self.what}: out_axes")
        results = [self._result(batch, y, axis, k) for k, (y, axis) in enumerate(zip(run.outputs, axes, strict=True))]
        return rebuild(run.y, results)

    def _result(self, batch: Batch, y: Any, axis: int | None, k: int) -> Any:
        """One result as the caller gets it."""
        if not isinstance(y, Tensor) and np.asarray(y).dtype.kind not in "biufc":
            raise TypeError(
                f"{self.what} returned {reprlib.repr(y)} ({type(y).__name__}): expected numbers, arrays or Tensors"
            )
        value, has = batch.of(y)
        if axis is None and has:
            raise ValueError(
                f"{self.what}: result {k + 1} of shape {np.shape(raw(y))} differs between examples, so "
                "out_axes=None is not possible: give it an axis"
            )
        if axis is not None:
            value = _moved(value if has else repeated(value, self.size), axis, f"{self.what}: out_axes={axis}")
        if live_of(value):
            return TABLE["copy"](value) if value.is_leaf else value
        array = np.asarray(raw(value))
        if not has or any(np.may_share_memory(array, raw(x)) for x in self.given if isinstance(raw(x), np.ndarray)):
            array = np.array(array)
        if any(isinstance(x, Tensor) for x in self.given):
            return Tensor(array)
        return array if array.ndim else array[()]


def _prefix(spec: Any, tree: Any, what: str) -> list[Any]:
    """The axis for each leaf of `tree`; where `spec` has an axis or None, `tree` may have a whole tree."""
    if spec is None:
        return [None] * len(leaves(tree))
    if isinstance(spec, dict) and isinstance(tree, dict) and spec.keys() == tree.keys():
        return [axis for key, part in tree.items() for axis in _prefix(spec[key], part, what)]
    if isinstance(spec, (list, tuple)) and isinstance(tree, (list, tuple)) and len(spec) == len(tree):
        return [axis for of, part in zip(spec, tree, strict=True) for axis in _prefix(of, part, what)]
    try:
        axis = index(spec)
    except TypeError:
        raise ValueError(
            f"{what}={spec!r} does not fit {reprlib.repr(tree)}: expected an axis, None, or a container of them with "
            "the same structure"
        ) from None
    return [axis] * len(leaves(tree))


def _shape(x: Any, what: str) -> Shape:
    if isinstance(x, np.ma.MaskedArray):
        raise masked_error()
    x = np.asarray(raw(x))
    if x.dtype.kind not in "biufc":
        raise TypeError(
            f"{what}: expected arrays to map, got {type(x[()]).__name__}; use in_axes=None, or functools.partial"
        )
    return x.shape


def _in_front(x: Any, axis: int) -> Any:
    """The argument with the batch axis in front."""
    x = x if live_of(x) else np.asarray(raw(x))
    return x if axis % x.ndim == 0 else np.moveaxis(x, axis, 0)


def _first(x: Any) -> np.ndarray[Any, Any]:
    """The first example, or zeros if there is none."""
    x = raw(x)
    return np.asarray(x[0]) if len(x) else np.zeros(x.shape[1:], x.dtype)


def _moved(y: Any, axis: int, what: str) -> Any:
    if not -y.ndim <= axis < y.ndim:
        raise ValueError(f"{what}: the result has {y.ndim} axes with that of the examples; there is no axis {axis}")
    return y if axis % y.ndim == 0 else np.moveaxis(y, 0, axis)


def _draw_once(b: Batched) -> Same:
    """Draw one set of numbers for all examples. A row that draws reads only the shape and dtype of its operand."""
    (x,) = b.xs
    return Same(b(x if not b.on[0] else x[0] if b.size else np.zeros(x.shape[1:], x.dtype)))
