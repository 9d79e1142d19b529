"""Every derivative of every result: Jacobians, Hessians, and the product of a Hessian with a vector."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import wraps
from typing import Any

import numpy as np

from ..base.tree import rebuild
from ..tensor import Tensor
from .grad import by_argument, check_asked, grad, jvp, linearized, numbers, scalar
from .linearize import Linearized, zeros


def jacobian(
    f: Callable[..., Any], argnums: int | Sequence[int] = 0, mode: str = "reverse", has_aux: bool = False
) -> Callable[..., Any]:
    """Every derivative of every entry of the result: shape ``y.shape + x.shape``.

    Parameters
    ----------
    f : callable
        Of arrays or trees of them; returns one array or a tree of them.
    argnums : int or sequence of int
    mode : {"reverse", "forward"}
        Reverse mode takes one pass for each entry of the result, forward mode one for each entry of the argument.
    has_aux : bool
        `f` returns ``(result, anything)``; the new function returns ``(jacobian, anything)``.

    Notes
    -----
    For a complex result it is ``dy/dx``; with respect to a complex argument this assumes that the function is
    holomorphic. For a real result and a complex argument each row is a gradient, as :func:`grad` returns it.

    Examples
    --------
    >>> import numpy as np
    >>> jacobian(lambda x: x**2)(np.array([1.0, 2.0]))
    array([[2., 0.],
           [0., 4.]])
    """
    check_asked("jacobian", f, argnums)
    if mode not in ("reverse", "forward"):
        raise ValueError(f"jacobian: mode={mode!r} is neither 'reverse' nor 'forward'")

    @wraps(f)
    def jacobian_of_f(*args: Any, **params: Any) -> Any:
        run = linearized(f, args, numbers(argnums, args), params, has_aux)
        blocks = _rows(run) if mode == "reverse" else _columns(run)
        found = rebuild(run.y, [by_argument(run, block, argnums) for block in blocks])
        return (found, run.values(run.aux)) if has_aux else found

    return jacobian_of_f


def jacrev(f: Callable[..., Any], argnums: int | Sequence[int] = 0) -> Callable[..., Any]:
    """:func:`jacobian` by reverse mode."""
    return jacobian(f, argnums, "reverse")


def jacfwd(f: Callable[..., Any], argnums: int | Sequence[int] = 0) -> Callable[..., Any]:
    """:func:`jacobian` by forward mode."""
    return jacobian(f, argnums, "forward")


def _rows(run: Linearized) -> list[list[Any]]:
    """The derivatives of each result with respect to each argument, by a backward pass for each entry of a result."""
    xs, ys = [zeros(n.y) for n in run.nodes], [zeros(y) for y in run.outputs]
    blocks = []
    for i, y in enumerate(ys):
        pulled = []
        for e in _basis(ys, i):
            gs = run.pull(rebuild(run.y, e))
            if y.dtype.kind == "c":  # the cotangent is conjugate, and for a real argument real
                turned = [1j * part if k == i else part for k, part in enumerate(e)]
                hs = run.pull(rebuild(run.y, turned)) if any(x.dtype.kind != "c" for x in xs) else gs
                gs = [np.conj(g) if x.dtype.kind == "c" else g + 1j * h for g, h, x in zip(gs, hs, xs, strict=True)]
            pulled.append(gs)
        blocks.append([_stack(run, [gs[j] for gs in pulled], y, x, 0) for j, x in enumerate(xs)])
    return blocks


def _columns(run: Linearized) -> list[list[Any]]:
    """The same, by a forward pass for each entry of an argument."""
    xs, ys = [zeros(n.y) for n in run.nodes], [zeros(y) for y in run.outputs]
    by_argument = []
    for j, x in enumerate(xs):
        pushed = []
        for e in _basis(xs, j):
            ts = run.push(rebuild(run.trees, e))
            if x.dtype.kind == "c" and any(y.dtype.kind != "c" for y in ys):  # for a real result, the gradient
                us = run.push(rebuild(run.trees, [1j * part if k == j else part for k, part in enumerate(e)]))
                ts = [t if y.dtype.kind == "c" else t + 1j * u for t, u, y in zip(ts, us, ys, strict=True)]
            pushed.append(ts)
        by_argument.append([_stack(run, [ts[i] for ts in pushed], y, x, y.ndim) for i, y in enumerate(ys)])
    return [list(block) for block in zip(*by_argument, strict=True)]


def _basis(arrays: Sequence[Any], which: int) -> Iterator[list[Any]]:
    """Zeros like `arrays`, with a one in each entry of array `which` in turn."""
    for k in range(arrays[which].size):
        e = np.zeros_like(arrays[which])
        e.flat[k] = 1
        yield [e if i == which else a for i, a in enumerate(arrays)]


def _stack(run: Linearized, entries: Sequence[Any], y: Any, x: Any, at: int) -> Any:
    """Stack derivatives along a new axis after `at` others, and reshape to ``y.shape + x.shape``."""
    if not entries:
        return run.out(np.zeros(y.shape + x.shape, np.result_type(y, x)))
    stacked = np.reshape(np.stack(entries, at), y.shape + x.shape)
    return stacked if isinstance(stacked, Tensor) else run.out(stacked)


def hessian(f: Callable[..., Any], argnums: int | Sequence[int] = 0, has_aux: bool = False) -> Callable[..., Any]:
    """Every second derivative of a function that returns one number: forward mode over reverse mode.

    Examples
    --------
    >>> import numpy as np
    >>> hessian(lambda x: x[0] ** 2 * x[1])(np.array([1.0, 2.0]))
    array([[4., 2.],
           [2., 0.]])
    """
    return jacobian(grad(f, argnums, has_aux), argnums, "forward", has_aux)


def hvp(f: Callable[..., Any], argnums: int = 0, *vector: Any) -> Callable[..., Any]:
    """The product of the Hessian of `f` with a vector, ``hvp(f)(x, v, *args)``, at the cost of two gradients.

    The order of the arguments is that of ``hessp`` in :func:`scipy.optimize.minimize`.

    Examples
    --------
    >>> import numpy as np
    >>> hvp(lambda x: np.sum(x**3))(np.array([1.0, 2.0]), np.array([1.0, 1.0]))
    array([ 6., 12.])
    """

    if vector or not isinstance(argnums, int):  # hvp(f, x, v), as in other libraries
        raise TypeError("hvp takes a function, and returns a function of the point and the vector: write hvp(f)(x, v)")
    if argnums < 0:
        raise ValueError(
            f"hvp: argnums={argnums}; count from the front, because the vector follows the point"
        )

    @wraps(f)
    def product(x: Any, v: Any, *args: Any, **params: Any) -> Any:
        def at(x: Any) -> Any:
            return f(*args[:argnums], x, *args[argnums:], **params)

        def slope(x: Any) -> Any:
            return jvp(at, (x,), (v,))[1]

        at.__name__ = slope.__name__ = getattr(f, "__name__", "the function")  # for error messages
        run = linearized(slope, (x,), (0,))  # reverse over forward: the other order computes a gradient too
        return by_argument(run, run.pull(scalar(run, f)), 0)

    return product
