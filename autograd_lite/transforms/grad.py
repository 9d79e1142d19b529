"""Function transforms: ``grad(f)`` is a function like ``f``, and can be transformed again.

Each transform wraps its inputs in fresh nodes, runs the function, and backpropagates from the results to just those
nodes. So transforms nest in any order: a captured variable is a constant for the inner transform and a variable for
the outer one. Arrays in, arrays out, unless the function captured a Tensor that requires a gradient: then the results
stay connected to it.
"""

from __future__ import annotations

import reprlib
from collections.abc import Iterable, Sequence
from functools import wraps
from operator import index
from typing import Any

import numpy as np

from ..base.tree import rebuild, tree_map
from ..engine.engine_rows import STOP_GRADIENT
from ..engine.node import Function, Shape
from ..engine.operands import raw
from ..engine.record import record
from ..tensor import Tensor
from .linearize import Linearized


def check_asked(what: str, f: Any, argnums: Any) -> None:
    """Raise for PyTorch's ``jacobian(f, x)``, before a function is returned that would never be called."""
    array = isinstance(argnums, np.ndarray) and argnums.dtype.kind not in "iu"
    if not callable(f) or array or isinstance(argnums, (Tensor, float)):
        raise TypeError(f"{what} takes a function and returns another: write {what}(f, argnums=0)(x)")


def numbers(argnums: int | Sequence[int], args: Sequence[Any]) -> Shape:
    numbers = tuple(map(index, argnums)) if isinstance(argnums, Iterable) else (index(argnums),)
    for k in numbers:
        if not -len(args) <= k < len(args):
            raise ValueError(
                f"argnums={argnums}: there is no positional argument {k}, only {len(args)} of them; pass what to "
                "differentiate with respect to by position"
            )
    numbers = tuple(k % len(args) for k in numbers)
    if len(set(numbers)) < len(numbers):
        raise ValueError(f"argnums={argnums} names an argument twice")
    return numbers


def linearized(
    f: Function, args: Any, argnums: Shape, params: Any = None, has_aux: bool = False
) -> Linearized:
    """A run of `f`. Raises unless the results are numbers: the derivative of anything else would silently be zero."""
    run = Linearized(f, args, argnums, params or {}, has_aux)
    for y in run.outputs:
        if not isinstance(y, Tensor) and np.asarray(y).dtype.kind not in "biufc":
            raise TypeError(
                f"{getattr(f, '__name__', 'the function')} returned {reprlib.repr(y)} ({type(y).__name__}): expected "
                "numbers, arrays or Tensors; pass anything else on with has_aux=True"
            )
    return run


def by_argument(run: Linearized, values: Iterable[Any], argnums: int | Sequence[int]) -> Any:
    trees = rebuild(run.trees, values)
    return tuple(trees) if isinstance(argnums, Iterable) else trees[0]


def scalar(run: Linearized, f: Function) -> Any:
    """The cotangent 1. Raises unless `f` returned a single real number."""
    y = run.outputs[0] if len(run.outputs) == 1 and not isinstance(run.y, (dict, list, tuple)) else None
    if y is None or np.size(raw(y)) != 1:
        shapes = ", ".join(str(np.shape(raw(t))) for t in run.outputs)
        raise TypeError(
            f"the gradient of {getattr(f, '__name__', 'a function')} needs one number, but it returned "
            f"{shapes or 'nothing'}: reduce it (.sum(), .mean()), use has_aux=True for extra results, or jacobian for "
            "several"
        )
    one = np.asarray(raw(y))
    if one.dtype.kind == "c":
        raise TypeError(
            f"the gradient of {getattr(f, '__name__', 'a function')} needs a real number, but it returned a complex "
            "one: take its np.real, its np.abs, or use jacobian"
        )
    return np.ones(one.shape, one.dtype)


# ---------------------------------------------------------------------------------------------------- first order


def value_and_grad(
    f: Function, argnums: int | Sequence[int] = 0, has_aux: bool = False
) -> Function:
    """A function that returns the value of `f` and its gradient.

    Parameters
    ----------
    f : callable
        Of arrays (or nested dicts, lists and tuples of them), written in NumPy; returns one number.
    argnums : int or sequence of int
        The positional arguments to differentiate with respect to; a sequence gives a tuple of gradients.
    has_aux : bool
        `f` returns ``(number, anything)``, and the new function ``((number, anything), gradient)``.

    Raises
    ------
    TypeError
        If `f` does not return one number, or a differentiated argument is not floating point.

    Examples
    --------
    >>> import numpy as np, autograd_lite as ag
    >>> value, gradient = ag.value_and_grad(lambda x: np.sum(x**2))(np.array([1.0, 2.0]))
    >>> print(value, gradient)
    5.0 [2. 4.]

    The new function can be passed to SciPy: ``scipy.optimize.minimize(value_and_grad(f), x0, jac=True)``.
    """

    check_asked("grad", f, argnums)

    @wraps(f)
    def value_and_gradient(*args: Any, **params: Any) -> Any:
        run = linearized(f, args, numbers(argnums, args), params, has_aux)
        gradients = by_argument(run, run.pull(scalar(run, f)), argnums)
        value = run.values(run.y)
        return ((value, run.values(run.aux)) if has_aux else value), gradients

    return value_and_gradient


def grad(f: Function, argnums: int | Sequence[int] = 0, has_aux: bool = False) -> Function:
    """The gradient of `f`, as a function; see :func:`value_and_grad`.

    Examples
    --------
    >>> import numpy as np, autograd_lite as ag
    >>> float(ag.grad(ag.grad(np.sin))(0.5) + np.sin(0.5))
    0.0
    """
    both = value_and_grad(f, argnums, has_aux)

    @wraps(f)
    def gradient(*args: Any, **params: Any) -> Any:
        value, gradients = both(*args, **params)
        return (gradients, value[1]) if has_aux else gradients

    return gradient


def vjp(f: Function, *primals: Any, has_aux: bool = False) -> Any:
    """The value of `f` and a function from cotangents of the result to the tuple of cotangents of `primals`.

    Arrays among the primals are copied, so they may be overwritten before the function is called.

    Examples
    --------
    >>> import numpy as np, autograd_lite as ag
    >>> y, pull = ag.vjp(np.multiply, np.array([1.0, 2.0]), np.array([3.0, 4.0]))
    >>> pull(np.array([1.0, 10.0]))
    (array([ 3., 40.]), array([ 1., 20.]))
    """
    primals = tuple(tree_map(lambda x: x.copy("K") if isinstance(x, np.ndarray) else x, x) for x in primals)
    run = linearized(f, primals, tuple(range(len(primals))), {}, has_aux)

    def pull(cotangents: Any) -> Any:
        return tuple(rebuild(run.trees, run.pull(cotangents)))

    y = run.values(run.y)
    return (y, pull, run.values(run.aux)) if has_aux else (y, pull)


def jvp(f: Function, primals: Sequence[Any], tangents: Sequence[Any], has_aux: bool = False) -> Any:
    """The value of `f` and its derivative in the direction `tangents`: forward mode.

    Examples
    --------
    >>> import autograd_lite as ag
    >>> y, t = ag.jvp(lambda x: x**3, (2.0,), (1.0,))
    >>> print(y, t)
    8.0 12.0
    """
    if not isinstance(primals, (tuple, list)) or not isinstance(tangents, (tuple, list)):
        raise TypeError("jvp: expected tuples with an entry for each argument: jvp(f, (x,), (t,))")
    if len(primals) != len(tangents):
        raise ValueError(f"jvp: {len(primals)} primals but {len(tangents)} tangents")
    run = linearized(f, primals, tuple(range(len(primals))), {}, has_aux)
    pushed = rebuild(run.y, run.push(tangents))
    y = run.values(run.y)
    return (y, pushed, run.values(run.aux)) if has_aux else (y, pushed)


# ---------------------------------------------------------------------------------------------- parts held constant


def stop_gradient(tree: Any) -> Any:
    """Treat values as constants, in reverse and in forward mode.

    Examples
    --------
    >>> import autograd_lite as ag
    >>> float(ag.grad(lambda x: x * ag.stop_gradient(x))(3.0))
    3.0
    """
    return tree_map(lambda x: record(STOP_GRADIENT, (x,)) if isinstance(x, Tensor) else x, tree)
