"""From functions to functions: ``grad(f)`` is a function as ``f`` is, and can be transformed again.

Each transform wraps its inputs in fresh nodes, runs the function, and walks from the results down to just those nodes;
so transforms nest in any mixture, and a variable captured from outside is a constant to the inner one and stays a
variable to the outer one. Arrays in, arrays out, unless the function captured a Tensor that needs a gradient: then the
results stay connected to it.
"""

from __future__ import annotations

import reprlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import wraps
from operator import index
from typing import Any

import numpy as np

from ..base.tree import rebuild, tree_map
from ..engine.operands import raw
from ..engine.record import STOP_GRADIENT, record
from ..tensor import Tensor
from .linearize import Run, zeros


def _check_asked(what: str, f: Any, argnums: Any) -> None:
    """Said at once, for the new function would never be called: PyTorch's jacobian(f, x) has an argument there."""
    array = isinstance(argnums, np.ndarray) and argnums.dtype.kind not in "iu"
    if not callable(f) or array or isinstance(argnums, (Tensor, float)):
        raise TypeError(f"{what} takes a function, and argnums says by which of its arguments: {what}(f)(x)")


def _numbers(argnums: int | Sequence[int], args: Sequence[Any]) -> tuple[int, ...]:
    numbers = tuple(map(index, argnums)) if isinstance(argnums, Iterable) else (index(argnums),)
    for k in numbers:
        if not -len(args) <= k < len(args):
            raise ValueError(
                f"argnums={argnums}: there is no positional argument {k}, only {len(args)} of them; what is to be "
                "differentiated by is passed by position"
            )
    numbers = tuple(k % len(args) for k in numbers)
    if len(set(numbers)) < len(numbers):
        raise ValueError(f"argnums={argnums} names an argument twice")
    return numbers


def _run(f: Callable[..., Any], args: Any, argnums: tuple[int, ...], params: Any = None, has_aux: bool = False) -> Run:
    """A run of `f`, whose results are numbers: a derivative of anything else would be zero without a word."""
    run = Run(f, args, argnums, params or {}, has_aux)
    for y in run.outputs:
        if not isinstance(y, Tensor) and np.asarray(y).dtype.kind not in "biufc":
            raise TypeError(
                f"{getattr(f, '__name__', 'the function')} returned {reprlib.repr(y)} ({type(y).__name__}): expected "
                "numbers, arrays or Tensors; pass anything else on with has_aux=True"
            )
    return run


def _by_argument(run: Run, values: Iterable[Any], argnums: int | Sequence[int]) -> Any:
    trees = rebuild(run.trees, values)
    return tuple(trees) if isinstance(argnums, Iterable) else trees[0]


def _scalar(run: Run, f: Callable[..., Any]) -> Any:
    """The cotangent one, if there is just one number to differentiate."""
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
    f: Callable[..., Any], argnums: int | Sequence[int] = 0, has_aux: bool = False
) -> Callable[..., Any]:
    """A function that returns the value of `f` and its gradient.

    Parameters
    ----------
    f : callable
        Of arrays (or nested dicts, lists and tuples of them), written in NumPy; returns one number.
    argnums : int or sequence of int
        The positional arguments to differentiate by; a sequence gives a tuple of gradients.
    has_aux : bool
        `f` returns ``(number, anything)``; so does the new function: ``((number, anything), gradient)``.

    Raises
    ------
    TypeError
        If `f` does not return one number, or an argument to differentiate by is not floating point.

    Examples
    --------
    >>> import numpy as np
    >>> value, gradient = value_and_grad(lambda x: np.sum(x**2))(np.array([1.0, 2.0]))
    >>> print(value, gradient)
    5.0 [2. 4.]

    ``scipy.optimize.minimize(value_and_grad(f), x0, jac=True)`` takes it as it stands.
    """

    _check_asked("grad", f, argnums)

    @wraps(f)
    def value_and_gradient(*args: Any, **params: Any) -> Any:
        run = _run(f, args, _numbers(argnums, args), params, has_aux)
        gradients = _by_argument(run, run.pull(_scalar(run, f)), argnums)
        value = run.values(run.y)
        return ((value, run.values(run.aux)) if has_aux else value), gradients

    return value_and_gradient


def grad(f: Callable[..., Any], argnums: int | Sequence[int] = 0, has_aux: bool = False) -> Callable[..., Any]:
    """The gradient of `f`, as a function; see :func:`value_and_grad`.

    Examples
    --------
    >>> import numpy as np
    >>> float(grad(grad(np.sin))(0.5) + np.sin(0.5))
    0.0
    """
    both = value_and_grad(f, argnums, has_aux)

    @wraps(f)
    def gradient(*args: Any, **params: Any) -> Any:
        value, gradients = both(*args, **params)
        return (gradients, value[1]) if has_aux else gradients

    return gradient


def vjp(f: Callable[..., Any], *primals: Any, has_aux: bool = False) -> Any:
    """The value of `f` and a function from cotangents of the result to the tuple of cotangents of `primals`.

    Arrays among the primals are copied, so that they may be written to before the last pull.

    Examples
    --------
    >>> import numpy as np
    >>> y, pull = vjp(np.multiply, np.array([1.0, 2.0]), np.array([3.0, 4.0]))
    >>> pull(np.array([1.0, 10.0]))
    (array([ 3., 40.]), array([ 1., 20.]))
    """
    primals = tuple(tree_map(lambda x: x.copy("K") if isinstance(x, np.ndarray) else x, x) for x in primals)
    run = _run(f, primals, tuple(range(len(primals))), {}, has_aux)

    def pull(cotangents: Any) -> Any:
        return tuple(rebuild(run.trees, run.pull(cotangents)))

    y = run.values(run.y)
    return (y, pull, run.values(run.aux)) if has_aux else (y, pull)


def jvp(f: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any], has_aux: bool = False) -> Any:
    """The value of `f` and its derivative in the direction `tangents`: forward mode.

    Examples
    --------
    >>> y, t = jvp(lambda x: x**3, (2.0,), (1.0,))
    >>> print(y, t)
    8.0 12.0
    """
    if not isinstance(primals, (tuple, list)) or not isinstance(tangents, (tuple, list)):
        raise TypeError("jvp: primals and tangents are tuples with an entry for each argument: jvp(f, (x,), (t,))")
    if len(primals) != len(tangents):
        raise ValueError(f"jvp: {len(primals)} primals but {len(tangents)} tangents")
    run = _run(f, primals, tuple(range(len(primals))), {}, has_aux)
    pushed = rebuild(run.y, run.push(tangents))
    y = run.values(run.y)
    return (y, pushed, run.values(run.aux)) if has_aux else (y, pushed)


# ------------------------------------------------------------------------------------------ matrices of derivatives


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
        Reverse walks the graph once for each entry of the result, forward once for each entry of the argument.
    has_aux : bool
        `f` returns ``(result, anything)``; the new function returns ``(jacobian, anything)``.

    Notes
    -----
    Of a complex result it is ``dy/dx``; by a complex argument it then assumes that the function is holomorphic. Of a
    real result by a complex argument each row is a gradient, as :func:`grad` gives it.

    Examples
    --------
    >>> import numpy as np
    >>> jacobian(lambda x: x**2)(np.array([1.0, 2.0]))
    array([[2., 0.],
           [0., 4.]])
    """
    _check_asked("jacobian", f, argnums)
    if mode not in ("reverse", "forward"):
        raise ValueError(f"jacobian: mode={mode!r} is neither 'reverse' nor 'forward'")

    @wraps(f)
    def jacobian_of_f(*args: Any, **params: Any) -> Any:
        run = _run(f, args, _numbers(argnums, args), params, has_aux)
        blocks = _rows(run) if mode == "reverse" else _columns(run)
        found = rebuild(run.y, [_by_argument(run, block, argnums) for block in blocks])
        return (found, run.values(run.aux)) if has_aux else found

    return jacobian_of_f


def jacrev(f: Callable[..., Any], argnums: int | Sequence[int] = 0) -> Callable[..., Any]:
    """:func:`jacobian` by reverse mode."""
    return jacobian(f, argnums, "reverse")


def jacfwd(f: Callable[..., Any], argnums: int | Sequence[int] = 0) -> Callable[..., Any]:
    """:func:`jacobian` by forward mode."""
    return jacobian(f, argnums, "forward")


def _rows(run: Run) -> list[list[Any]]:
    """The derivatives of each result by each argument, from a walk back for each entry of a result."""
    xs, ys = [zeros(n.y) for n in run.nodes], [zeros(y) for y in run.outputs]
    blocks = []
    for i, y in enumerate(ys):
        pulled = []
        for e in _basis(ys, i):
            gs = run.pull(rebuild(run.y, e))
            if y.dtype.kind == "c":  # what came back is conjugate, and of a real argument the real part alone
                turned = [1j * part if k == i else part for k, part in enumerate(e)]
                hs = run.pull(rebuild(run.y, turned)) if any(x.dtype.kind != "c" for x in xs) else gs
                gs = [np.conj(g) if x.dtype.kind == "c" else g + 1j * h for g, h, x in zip(gs, hs, xs, strict=True)]
            pulled.append(gs)
        blocks.append([_stack(run, [gs[j] for gs in pulled], y, x, 0) for j, x in enumerate(xs)])
    return blocks


def _columns(run: Run) -> list[list[Any]]:
    """The same from a walk forward for each entry of an argument."""
    xs, ys = [zeros(n.y) for n in run.nodes], [zeros(y) for y in run.outputs]
    by_argument = []
    for j, x in enumerate(xs):
        pushed = []
        for e in _basis(xs, j):
            ts = run.push(rebuild(run.trees, e))
            if x.dtype.kind == "c" and any(y.dtype.kind != "c" for y in ys):  # of a real result: the gradient
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


def _stack(run: Run, entries: Sequence[Any], y: Any, x: Any, at: int) -> Any:
    """Stack derivatives along a new axis after `at` others, and unfold that into its shape."""
    if not entries:
        return run.out(np.zeros(y.shape + x.shape, np.result_type(y, x)))
    stacked = np.reshape(np.stack(entries, at), y.shape + x.shape)
    return stacked if isinstance(stacked, Tensor) else run.out(stacked)


def hessian(f: Callable[..., Any], argnums: int | Sequence[int] = 0, has_aux: bool = False) -> Callable[..., Any]:
    """Every second derivative of a function with one result: forward mode over reverse.

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

    if vector or not isinstance(argnums, int):  # hvp(f, x, v), as other libraries have it
        raise TypeError("hvp takes a function, and returns one of the point and the vector: write hvp(f)(x, v)")
    if argnums < 0:
        raise ValueError(
            f"hvp: argnums={argnums}; count from the front, because the vector stands beside that argument"
        )

    @wraps(f)
    def product(x: Any, v: Any, *args: Any, **params: Any) -> Any:
        def at(x: Any) -> Any:
            return f(*args[:argnums], x, *args[argnums:], **params)

        def slope(x: Any) -> Any:
            return jvp(at, (x,), (v,))[1]

        at.__name__ = slope.__name__ = getattr(f, "__name__", "the function")  # for error messages
        run = _run(slope, (x,), (0,))  # reverse over forward: the other way round computes the gradient, for nothing
        return _by_argument(run, run.pull(_scalar(run, f)), 0)

    return product


# ---------------------------------------------------------------------------------------------- parts held constant


def stop_gradient(tree: Any) -> Any:
    """The same values as constants: no derivative passes, in either mode.

    Examples
    --------
    >>> float(grad(lambda x: x * stop_gradient(x))(3.0))
    3.0
    """
    return tree_map(lambda x: record(STOP_GRADIENT, (x,)) if isinstance(x, Tensor) else x, tree)
