"""Every derivative of every result: Jacobians, Hessians, and the product of a Hessian with a vector."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial, wraps
from math import prod
from typing import Any

import numpy as np

from ..base.tree import rebuild
from ..engine.engine_rows import lift
from ..engine.forward import push_forward
from ..engine.node import Function, Node, Shape
from ..engine.operands import raw
from ..engine.value import live_of
from ..table.batching import repeated
from .batch import Batch, push_batch
from .grad import by_argument, check_asked, grad, linearized, numbers, scalar
from .linearize import Linearized
from .recording import Recording


def jacobian(
    f: Function, argnums: int | Sequence[int] = 0, mode: str = "auto", has_aux: bool = False, *,
    chunk_size: int | None = None,
) -> Function:
    """Every derivative of every entry of the result: shape ``y.shape + x.shape``.

    Parameters
    ----------
    f : callable
        Of arrays or trees of them; returns one array or a tree of them.
    argnums : int or sequence of int
        The positions of the arguments to differentiate with respect to; several give a tuple.
    mode : {"auto", "reverse", "forward"}
        Reverse mode takes one pass for each entry of the result, forward mode one for each entry of the argument. By
        default the one with fewer passes.
    has_aux : bool
        `f` returns ``(result, anything)``; the new function returns ``(jacobian, anything)``.
    chunk_size : int, optional
        How many passes are made at once, as one batch. By default as many as 256 MB allow.

    Notes
    -----
    For a complex result it is ``dy/dx``; with respect to a complex argument this assumes that the function is
    holomorphic. For a real result and a complex argument each row is a gradient, as :func:`grad` returns it.

    Examples
    --------
    >>> import numpy as np, autograd_lite as ag
    >>> ag.jacobian(lambda x: x**2)(np.array([1.0, 2.0]))
    array([[2., 0.],
           [0., 4.]])
    """
    check_asked("jacobian", f, argnums)
    if mode not in ("auto", "reverse", "forward"):
        raise ValueError(f"jacobian: mode={mode!r} is none of 'auto', 'reverse' and 'forward'")
    if chunk_size is not None and not (isinstance(chunk_size, (int, np.integer)) and chunk_size > 0):
        raise ValueError(f"jacobian: chunk_size={chunk_size}; expected a positive number of passes")

    @wraps(f)
    def jacobian_of_f(*args: Any, **params: Any) -> Any:
        run = linearized(f, args, numbers(argnums, args), params, has_aux)
        backwards = mode == "reverse" or mode == "auto" and _fewer_rows(run)
        blocks = _rows(run, chunk_size) if backwards else _columns(run, chunk_size)
        jacobians = rebuild(run.y, [by_argument(run, block, argnums) for block in blocks])
        return (jacobians, run.values(run.aux)) if has_aux else jacobians

    return jacobian_of_f


def _fewer_rows(run: Linearized) -> bool:
    rows, columns = sum(np.size(raw(y)) for y in run.outputs), sum(prod(n.shape) for n in run.nodes)
    return rows <= columns or run.once_differentiable()


def jacrev(
    f: Function, argnums: int | Sequence[int] = 0, has_aux: bool = False, *, chunk_size: int | None = None
) -> Function:
    """:func:`jacobian` by reverse mode.

    >>> import numpy as np, autograd_lite as ag
    >>> ag.jacrev(lambda x: x**2)(np.array([1.0, 2.0]))
    array([[2., 0.],
           [0., 4.]])
    """
    return jacobian(f, argnums, "reverse", has_aux, chunk_size=chunk_size)


def jacfwd(
    f: Function, argnums: int | Sequence[int] = 0, has_aux: bool = False, *, chunk_size: int | None = None
) -> Function:
    """:func:`jacobian` by forward mode.

    >>> import numpy as np, autograd_lite as ag
    >>> ag.jacfwd(lambda x: x**2)(np.array([1.0, 2.0]))
    array([[2., 0.],
           [0., 4.]])
    """
    return jacobian(f, argnums, "forward", has_aux, chunk_size=chunk_size)


def _ends(run: Linearized) -> tuple[list[Any], list[Any]]:
    """The arguments and the results, as arrays."""
    return [n.y for n in run.nodes], [np.asarray(raw(y)) for y in run.outputs]


def _rows(run: Linearized, chunk_size: int | None) -> list[list[Any]]:
    """The derivatives of each result with respect to each argument, by backward passes from its entries."""
    xs, ys = _ends(run)
    blocks = []
    for i, y in enumerate(ys):
        gs = _derivatives(y, _Pull(run, i, y), xs, np.conj, chunk_size)
        blocks.append([_finished(run, g, y.shape + x.shape) for g, x in zip(gs, xs, strict=True)])
    return blocks


def _columns(run: Linearized, chunk_size: int | None) -> list[list[Any]]:
    """The blocks of the Jacobian, by forward passes from the entries of each argument."""
    xs, ys = _ends(run)
    by_argument = []
    for j, x in enumerate(xs):
        ts = _derivatives(x, _Push(run, j), ys, lambda t: t, chunk_size)
        ts = [t.transpose(*range(1, t.ndim), 0) for t in ts]
        by_argument.append([_finished(run, t, y.shape + x.shape) for t, y in zip(ts, ys, strict=True)])
    return [list(block) for block in zip(*by_argument, strict=True)]


def compressed(run: Linearized, colours: Any, backwards: bool) -> Any:
    """The rows of the Jacobian of one result with respect to one argument, or its columns, added up by their colour.

    Parameters
    ----------
    run : Linearized
        With one argument and one result.
    colours : array of int
        From 0, of each entry of the result if `backwards`, else of each entry of the argument.

    Returns
    -------
    array of shape (number of colours, entries of the argument or of the result)
    """
    [x], [y] = _ends(run)
    if backwards:
        [d] = _derivatives(y, _Pull(run, 0, y), [x], np.conj, None, colours)
    else:
        [d] = _derivatives(x, _Push(run, 0), [y], lambda t: t, None, colours)
    return _finished(run, d, (len(d), x.size if backwards else y.size))


def _derivatives(
    start: Any, walk: _Push | _Pull, ends: Sequence[Any], of_complex: Callable[[Any], Any], chunk_size: int | None,
    colours: Any = None,
) -> list[Any]:
    """The derivatives along the entries of `start`, stacked in front; of a complex for a real end, the gradient.

    Those along entries of one colour are added up; by default each has its own.
    """
    colours = np.arange(start.size) if colours is None else colours
    ds = _along(start, 1, walk, ends, chunk_size, colours)
    if start.dtype.kind != "c":
        return ds
    is_complex = [end.dtype.kind == "c" for end in ends]
    es = ds if all(is_complex) else _along(start, 1j, walk, ends, chunk_size, colours)
    return [of_complex(d) if both else d + 1j * e for d, e, both in zip(ds, es, is_complex, strict=True)]


MEMORY = 2**28  # bytes of all values in a batched pass, unless one direction alone needs more


class _Push:
    """The forward pass from argument `j`, in many directions at once."""

    def __init__(self, run: Linearized, j: int) -> None:
        self.run, self.start = run, run.nodes[j]
        self.nodes = run.path()

    def __call__(self, basis: Any) -> list[Any]:
        run, size = self.run, len(basis)
        with run.recording():
            step = partial(push_batch, size=size)
            tangents = push_forward(self.nodes, {self.start: basis}, lift, run.is_recorded(), step, (size,))
        results = [tangents.get(getattr(y, "_node", None)) for y in run.outputs]  # type: ignore[arg-type]  # or None
        return [
            np.zeros((size, *np.shape(raw(y))), np.result_type(raw(y))) if t is None else t
            for t, y in zip(results, run.outputs, strict=True)
        ]


class _Pull:
    """The backward pass from result `i` in many directions at once: it is recorded in one, and then run for all."""

    def __init__(self, run: Linearized, i: int, y: Any) -> None:
        self.run, self.i = run, i
        self.nodes: list[Node] = []
        self.alone = run.once_differentiable()  # no rule on the way may be recorded: one direction after the other
        if y.size and not self.alone:
            some = np.cos(np.arange(1.0, y.size + 1)).reshape(y.shape)  # what a rule checks holds in general
            self.recording = Recording(lambda g: run.pull_from({i: g}), [some.astype(y.dtype)])
            self.nodes = self.recording.nodes()

    def __call__(self, basis: Any) -> list[Any]:
        if self.alone:
            each = [self.run.pull_from({self.i: e}) for e in basis]
            return [np.stack(gs) for gs in zip(*each, strict=True)]
        batch = Batch(self.recording, self.nodes, [basis], len(basis))
        results = map(batch.of, self.recording.outputs)
        return [g if has else repeated(g, len(basis)) for g, has in results]


def _along(
    start: Any, one: Any, walk: _Push | _Pull, ends: Sequence[Any], chunk_size: int | None, colours: Any
) -> list[Any]:
    """A pass along a direction of `start` for each colour: `one` in its entries, zero elsewhere; stacked in front."""
    if not start.size:
        return [np.zeros((0, *end.shape), np.result_type(start, end)) for end in ends]
    step = chunk_size or max(1, MEMORY // max(1, sum(prod(n.shape) * n.dtype.itemsize for n in walk.nodes)))
    count = int(colours.max()) + 1
    chunks = [walk(_directions(start, one, colours, k, min(step, count - k))) for k in range(0, count, step)]
    return [_stacked(pieces) for pieces in zip(*chunks, strict=True)]


def _directions(start: Any, one: Any, colours: Any, first: int, size: int) -> Any:
    """`size` arrays like `start`, each with `one` in the entries of one colour, from `first` on, and zero elsewhere."""
    directions = np.zeros((size, start.size), start.dtype)
    entries = np.flatnonzero((colours >= first) & (colours < first + size))
    directions[colours[entries] - first, entries] = one
    return directions.reshape(size, *start.shape)


def _stacked(pieces: Sequence[Any]) -> Any:
    """The results of all chunks; an array is one that nothing else shares."""
    if any(map(live_of, pieces)):
        return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)
    return np.array(raw(pieces[0])) if len(pieces) == 1 else np.concatenate(list(map(raw, pieces)))


def _finished(run: Linearized, y: Any, shape: Shape) -> Any:
    y = y.reshape(shape)
    return run.out(y, live_of(y) != 0)


def hessian(
    f: Function, argnums: int | Sequence[int] = 0, has_aux: bool = False, *, chunk_size: int | None = None
) -> Function:
    """Every second derivative of a function that returns one number: forward mode over reverse mode.

    Examples
    --------
    >>> import numpy as np, autograd_lite as ag
    >>> ag.hessian(lambda x: x[0] ** 2 * x[1])(np.array([1.0, 2.0]))
    array([[4., 2.],
           [2., 0.]])
    """
    return jacobian(grad(f, argnums, has_aux), argnums, "forward", has_aux, chunk_size=chunk_size)


def hvp(f: Function, argnums: int = 0, *vector: Any) -> Function:
    """The product of the Hessian of `f` with a vector, ``hvp(f)(x, v, *args)``, at the cost of two gradients.

    The order of the arguments is that of ``hessp`` in :func:`scipy.optimize.minimize`.

    Examples
    --------
    >>> import numpy as np, autograd_lite as ag
    >>> ag.hvp(lambda x: np.sum(x**3))(np.array([1.0, 2.0]), np.array([1.0, 1.0]))
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
            inner = linearized(at, (x,), (0,))  # as jvp, without the value
            return rebuild(inner.y, inner.push((v,)))

        at.__name__ = slope.__name__ = getattr(f, "__name__", "the function")  # for error messages
        run = linearized(slope, (x,), (0,))  # reverse over forward: the other order computes a gradient too
        return by_argument(run, run.pull(scalar(run, f)), 0)

    return product
