"""From functions to functions: ``grad(f)`` is a function as ``f`` is, and can be transformed again.

Each transform wraps its inputs in fresh nodes, runs the function, and walks from the results down to just those nodes;
so transforms nest in any mixture, and a variable captured from outside is a constant to the inner one and stays a
variable to the outer one. Arrays in, arrays out, unless the function captured a Tensor that needs a gradient: then the
results stay connected to it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import wraps
from typing import Any

import numpy as np

from .graph import NEEDS, Node, ancestors, pull_back, push_forward
from .mode import changed, is_grad_enabled
from .primitive import Primitive
from .tensor import Tensor, _raw, _tensor, apply, lift
from .tree import leaves, rebuild, tree_map

#: An input of a transform, seen from outside.
_INPUT = Primitive("linear", lambda x: x, (lambda g: g,), name="input")
#: What ends every derivative.
_CONSTANT = Primitive("constant", lambda x: x, (), name="stop_gradient", bind=lambda x: ((x,), {}))


class _Run:
    """One run of a function on inputs wrapped in fresh nodes, and the two walks over what it recorded.

    Attributes
    ----------
    y : the result, a tree of Tensors
    aux : what else the function returned, where `has_aux`
    connected : whether results must stay in somebody else's graph
    tensors : whether the caller gave Tensors and so gets Tensors
    """

    def __init__(self, f: Callable[..., Any], args: Sequence[Any], argnums: tuple[int, ...], params: Any, has_aux: bool) -> None:
        what = getattr(f, "__name__", "the function")
        outside = is_grad_enabled()
        self.argnums = argnums
        self.trees = [args[k] for k in argnums]
        given = leaves(self.trees)
        self.nodes: list[Node] = []
        wrapped = [self._enter(x, what) for x in given]
        args = list(args)
        for k, tree in zip(argnums, rebuild(self.trees, wrapped), strict=True):
            args[k] = tree
        with changed(recording=True):
            result = f(*args, **params)
            self.y, self.aux = _pair(result, what) if has_aux else (result, None)
        self.outputs = [t for t in leaves(self.y)]
        self.tensors = any(isinstance(x, Tensor) for x in given)
        self.connected = outside and (any(_is_live(x) for x in given) or bool(self.captured()))

    def _enter(self, x: Any, what: str) -> Tensor:
        data = _raw(x)
        data = data if type(data) is np.ndarray else np.asarray(data)
        if data.dtype.kind not in "fc":
            raise TypeError(
                f"{what}: a derivative with respect to data of dtype {data.dtype} is not possible; pass floats "
                "(2.0 for 2, .astype(float)), or leave the argument out of argnums"
            )
        outer = x._node if isinstance(x, Tensor) else None
        if outer is not None and outer.live:
            node = Node(_INPUT, (outer,), (None,), data, data.shape, data.dtype, outer.live | NEEDS)
        else:
            node = Node(None, (), (), data, data.shape, data.dtype, NEEDS)
        if outer is not None:
            node.name = outer.name
        self.nodes.append(node)
        return _tensor(data, node)

    def captured(self) -> list[Node]:
        """The nodes older than the inputs that the results depend on and that need a gradient too."""
        live = [t._node for t in self.outputs if isinstance(t, Tensor) and t._node is not None and t._node.live & NEEDS]
        since = self.nodes[0].order if self.nodes else 1
        own = set(self.nodes)
        older: dict[Node, None] = {}
        for n in ancestors(live, since=since):
            if n not in own:
                older.update((p, None) for p in (n, *n.parents) if p is not None and p.live & NEEDS and p.order > since)
        return list(older)

    def pull(self, cotangents: Any) -> list[Any]:
        """The cotangents of the inputs, leaf by leaf."""
        roots: dict[Node, Any] = {}
        gs = leaves(cotangents)
        if len(gs) != len(self.outputs):
            raise ValueError(f"{len(gs)} cotangents for {len(self.outputs)} results: give one of the same structure")
        record = self.connected or any(_is_live(g) for g in gs)
        for t, g in zip(self.outputs, gs, strict=True):
            if not isinstance(t, Tensor) or t._node is None or not t._node.live & NEEDS:
                continue
            g = _like(g, t, "cotangent")
            g = (g if isinstance(g, Tensor) else _tensor(g, None)) if record else _raw(g)
            roots[t._node] = roots[t._node] + g if t._node in roots else g
        if record:
            with changed(recording=True):
                found = pull_back(roots, self.nodes, lift)
        else:
            found = pull_back(roots, self.nodes)
        return [
            self.out(found[n], record) if n in found else self.out(np.zeros(n.shape, n.dtype), record) for n in self.nodes
        ]

    def push(self, tangents: Any) -> list[Any]:
        """The tangents of the results, leaf by leaf."""
        ts = leaves(tangents)
        if len(ts) != len(self.nodes):
            raise ValueError(f"{len(ts)} tangents for {len(self.nodes)} inputs: give one of the same structure")
        record = self.connected or any(_is_live(t) for t in ts)
        known = {}
        for n, t in zip(self.nodes, ts, strict=True):
            t = _like(t, n, "tangent")
            known[n] = (t if isinstance(t, Tensor) else _tensor(t, None)) if record else _raw(t)
        roots = [t._node for t in self.outputs if isinstance(t, Tensor) and t._node is not None and t._node.live & NEEDS]
        with changed(recording=True):
            found = push_forward(roots, known, lift, record)
        result = []
        for y in self.outputs:
            node = y._node if isinstance(y, Tensor) else None
            zero = np.zeros(np.shape(_raw(y)), np.result_type(_raw(y)))
            result.append(self.out(found[node] if node in found else zero, record))
        return result

    def out(self, value: Any, connected: bool | None = None) -> Any:
        """A result as the caller gets it: connected, or off the record; a Tensor if the caller gave one."""
        if not isinstance(value, (Tensor, np.ndarray, np.generic)):
            return value
        if self.connected or connected:
            return value if isinstance(value, Tensor) else _tensor(value, None)
        data = value._data if isinstance(value, Tensor) else np.asarray(value)
        return _tensor(data, None) if self.tensors else _readable(data)

    def values(self) -> Any:
        return tree_map(self.out, self.y)


def _readable(data: np.ndarray[Any, Any]) -> Any:
    """An array that the caller may keep and write to; a NumPy scalar for 0-d, as NumPy's own functions return."""
    if data.ndim == 0:
        return data[()]
    return data if data.flags.writeable and data.base is None else data.copy()


def _is_live(x: Any) -> bool:
    return isinstance(x, Tensor) and x._node is not None and bool(x._node.live)


def _like(value: Any, what: Any, kind: str) -> Any:
    """A cotangent or tangent, checked against what it belongs to."""
    value = value if isinstance(value, Tensor) else np.asarray(value)
    if value.shape != what.shape:
        raise ValueError(f"a {kind} of shape {value.shape} for a value of shape {what.shape}")
    if value.dtype != what.dtype:
        if not np.can_cast(value.dtype, what.dtype, "same_kind"):
            raise TypeError(f"a {kind} of dtype {value.dtype} for a value of dtype {what.dtype}")
        value = value.astype(what.dtype)
    return value


def _pair(result: Any, what: str) -> Any:
    if not isinstance(result, tuple) or len(result) != 2:
        raise TypeError(f"{what}: with has_aux=True it must return (result, auxiliary data)")
    return result


def _numbers(argnums: int | Sequence[int], args: Sequence[Any]) -> tuple[int, ...]:
    numbers = (argnums,) if isinstance(argnums, int) else tuple(argnums)
    for k in numbers:
        if not -len(args) <= k < len(args):
            raise ValueError(f"argnums={argnums}: there is no positional argument {k}, only {len(args)} of them")
    return tuple(k % len(args) for k in numbers)


def _by_argument(run: _Run, values: Iterable[Any], argnums: int | Sequence[int]) -> Any:
    trees = rebuild(run.trees, values)
    return trees[0] if isinstance(argnums, int) else tuple(trees)


def _scalar(run: _Run, f: Callable[..., Any]) -> Any:
    """The cotangent one, if there is just one number to differentiate."""
    y = run.outputs[0] if len(run.outputs) == 1 and not isinstance(run.y, (dict, list, tuple)) else None
    if y is None or np.size(_raw(y)) != 1:
        shapes = ", ".join(str(np.shape(_raw(t))) for t in run.outputs)
        raise TypeError(
            f"the gradient of {getattr(f, '__name__', 'a function')} needs one number, but it returned {shapes or 'nothing'}: "
            "reduce it (.sum(), .mean()), use has_aux=True for extra results, or jacobian for several"
        )
    raw = np.asarray(_raw(y))
    return np.ones(raw.shape, raw.dtype)


# ---------------------------------------------------------------------------------------------------- first order


def value_and_grad(f: Callable[..., Any], argnums: int | Sequence[int] = 0, has_aux: bool = False) -> Callable[..., Any]:
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

    @wraps(f)
    def value_and_gradient(*args: Any, **params: Any) -> Any:
        run = _Run(f, args, _numbers(argnums, args), params, has_aux)
        gradients = _by_argument(run, run.pull(_scalar(run, f)), argnums)
        value = run.out(run.y)
        return ((value, tree_map(run.out, run.aux)) if has_aux else value), gradients

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

    Examples
    --------
    >>> import numpy as np
    >>> y, pull = vjp(np.multiply, np.array([1.0, 2.0]), np.array([3.0, 4.0]))
    >>> pull(np.array([1.0, 10.0]))
    (array([ 3., 40.]), array([ 1., 20.]))
    """
    run = _Run(f, primals, tuple(range(len(primals))), {}, has_aux)

    def pull(cotangents: Any) -> Any:
        return tuple(rebuild(run.trees, run.pull(cotangents)))

    return (run.values(), pull, tree_map(run.out, run.aux)) if has_aux else (run.values(), pull)


def jvp(f: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any], has_aux: bool = False) -> Any:
    """The value of `f` and its derivative in the direction `tangents`: forward mode.

    Examples
    --------
    >>> y, t = jvp(lambda x: x**3, (2.0,), (1.0,))
    >>> print(y, t)
    8.0 12.0
    """
    if len(primals) != len(tangents):
        raise ValueError(f"jvp: {len(primals)} primals but {len(tangents)} tangents")
    run = _Run(f, primals, tuple(range(len(primals))), {}, has_aux)
    pushed = rebuild(run.y, run.push(list(tangents)))
    return (run.values(), pushed, tree_map(run.out, run.aux)) if has_aux else (run.values(), pushed)


# ------------------------------------------------------------------------------------------ matrices of derivatives


def jacobian(f: Callable[..., Any], argnums: int | Sequence[int] = 0, mode: str = "reverse") -> Callable[..., Any]:
    """Every derivative of every entry of the result: shape ``y.shape + x.shape``.

    Parameters
    ----------
    f : callable
        Of arrays or trees of them; returns one array or a tree of them.
    argnums : int or sequence of int
    mode : {"reverse", "forward"}
        Reverse walks the graph once for each entry of the result, forward once for each entry of the argument.

    Examples
    --------
    >>> import numpy as np
    >>> jacobian(lambda x: x**2)(np.array([1.0, 2.0]))
    array([[2., 0.],
           [0., 4.]])
    """
    if mode not in ("reverse", "forward"):
        raise ValueError(f"jacobian: mode={mode!r} is neither 'reverse' nor 'forward'")

    @wraps(f)
    def jacobian_of_f(*args: Any, **params: Any) -> Any:
        run = _Run(f, args, _numbers(argnums, args), params, False)
        rows = [np.zeros(np.shape(_raw(y)), np.result_type(_raw(y))) for y in run.outputs]
        columns = [np.zeros(n.shape, n.dtype) for n in run.nodes]
        if mode == "reverse":  # blocks[i][j][k]: the derivative of entry k of result i by argument j
            found = [_transposed(run.pull(e) for e in _basis(rows, i)) for i in range(len(rows))]
            blocks = [[_stack(e, y.shape + x.shape, None) for e, x in zip(_padded(b, columns), columns, strict=True)] for b, y in zip(found, rows, strict=True)]
        else:
            found = [_transposed(run.push(e) for e in _basis(columns, j)) for j in range(len(columns))]
            by_argument = [[_stack(e, y.shape + x.shape, y.ndim) for e, y in zip(_padded(b, rows), rows, strict=True)] for b, x in zip(found, columns, strict=True)]
            blocks = [list(b) for b in zip(*by_argument, strict=True)]
        by_result = [_by_argument(run, block, argnums) for block in blocks]
        return rebuild(run.y, by_result)

    return jacobian_of_f


def jacrev(f: Callable[..., Any], argnums: int | Sequence[int] = 0) -> Callable[..., Any]:
    """:func:`jacobian` by reverse mode."""
    return jacobian(f, argnums, "reverse")


def jacfwd(f: Callable[..., Any], argnums: int | Sequence[int] = 0) -> Callable[..., Any]:
    """:func:`jacobian` by forward mode."""
    return jacobian(f, argnums, "forward")


def _basis(arrays: Sequence[Any], which: int) -> Iterator[list[Any]]:
    """Zeros like `arrays`, with a one in each entry of array `which` in turn."""
    for k in range(arrays[which].size):
        e = np.zeros_like(arrays[which])
        e.flat[k] = 1
        yield [e if i == which else a for i, a in enumerate(arrays)]


def _transposed(rows: Iterable[list[Any]]) -> list[tuple[Any, ...]]:
    return list(zip(*rows, strict=True))


def _padded(entries: list[Any], likes: Sequence[Any]) -> list[Any]:
    return entries or [()] * len(likes)  # no entries at all: an empty array was differentiated


def _stack(entries: Sequence[Any], shape: tuple[int, ...], at: int | None) -> Any:
    """Stack derivatives along a first axis, unfold it into its shape, or, for forward mode, move it behind `at` axes."""
    if not entries:
        return np.zeros(shape)
    stacked = np.stack(entries)
    if at is not None:
        stacked = np.moveaxis(stacked, 0, -1)
    return np.reshape(stacked, shape)


def hessian(f: Callable[..., Any], argnums: int | Sequence[int] = 0) -> Callable[..., Any]:
    """Every second derivative of a function with one result: forward mode over reverse.

    Examples
    --------
    >>> import numpy as np
    >>> hessian(lambda x: x[0] ** 2 * x[1])(np.array([1.0, 2.0]))
    array([[4., 2.],
           [2., 0.]])
    """
    return jacobian(grad(f, argnums), argnums, "forward")


def hvp(f: Callable[..., Any], argnums: int = 0) -> Callable[..., Any]:
    """The product of the Hessian of `f` with a vector, ``hvp(f)(x, v, *args)``, at the cost of two gradients.

    The order of the arguments is that of ``hessp`` in :func:`scipy.optimize.minimize`.

    Examples
    --------
    >>> import numpy as np
    >>> hvp(lambda x: np.sum(x**3))(np.array([1.0, 2.0]), np.array([1.0, 1.0]))
    array([ 6., 12.])
    """

    @wraps(f)
    def product(x: Any, v: Any, *args: Any, **params: Any) -> Any:
        def gradient(x: Any) -> Any:
            return grad(f, argnums)(*args[:argnums], x, *args[argnums:], **params)

        return jvp(gradient, (x,), (v,))[1]

    return product


# ---------------------------------------------------------------------------------------------- parts held constant


def stop_gradient(tree: Any) -> Any:
    """The same values as constants: no derivative passes, in either mode.

    Examples
    --------
    >>> float(grad(lambda x: x * stop_gradient(x))(3.0))
    3.0
    """
    return tree_map(lambda x: apply(_CONSTANT, (x,), {}) if isinstance(x, Tensor) else x, tree)


def checkpoint(f: Callable[..., Any]) -> Callable[..., Any]:
    """The same function, but what it computes on the way is forgotten, and computed again in the backward pass.

    Trades time for memory. What `f` captures from outside gets its gradients too.

    Examples
    --------
    >>> import numpy as np
    >>> float(grad(checkpoint(lambda x: np.sin(np.exp(x))))(0.0)) == float(np.cos(1.0))
    True
    """

    @wraps(f)
    def checkpointed(*args: Any, **params: Any) -> Any:
        tensors = [x for x in leaves(args) if isinstance(x, Tensor)]
        if not is_grad_enabled() or not leaves(args):
            return f(*args, **params)
        run = _Run(_flat(f, args, params), tensors, tuple(range(len(tensors))), {}, False)
        captured = run.captured()
        values = [tuple(_raw(y) for y in run.outputs)]
        structure = tree_map(lambda y: None, run.y) if not run.outputs else run.y
        row = Primitive(
            "general",
            lambda *xs: values.pop(),
            (_Recomputed(_flat(f, args, params), len(tensors), captured).rule,),
            name=f"checkpoint({getattr(f, '__name__', 'f')})",
            variadic=True,
            outputs=True,
        )
        places = tree_map(lambda y: 0, structure)
        del run, structure  # the graph of the first run, which is what is not to be kept
        return rebuild(places, apply(row, [*tensors, *(lift(n.y, n) for n in captured)], {}))

    return checkpointed


def _flat(f: Callable[..., Any], args: Sequence[Any], params: Any) -> Callable[..., Any]:
    """`f` as a function of the Tensors among its arguments alone."""
    others = tree_map(lambda x: None if isinstance(x, Tensor) else x, args)
    is_tensor = [isinstance(x, Tensor) for x in leaves(args)]
    rest = leaves(others)

    def flat(*tensors: Any) -> Any:
        given, held = iter(tensors), iter(rest)
        return f(*rebuild(args, (next(given) if t else next(held) for t in is_tensor)), **params)

    return flat


class _Recomputed:
    """The rule of a checkpointed call: run it again, pull back, and keep that for the other arguments."""

    def __init__(self, f: Callable[..., Any], count: int, captured: list[Node]) -> None:
        self.f, self.count, self.captured = f, count, captured
        self.last: Any = (None, ())

    def rule(self, g: Any, xs: Any, i: int) -> Any:
        if self.last[0] is not g:
            self.last = (g, self.pull(g, xs))
        d = self.last[1][i]
        if i == len(xs) - 1:
            self.last = (None, ())
        return d

    def pull(self, g: Any, xs: Any) -> list[Any]:
        inputs = [x if isinstance(x, Tensor) else _tensor(x, None) for x in xs[: self.count]]
        run = _Run(self.f, inputs, tuple(range(self.count)), {}, False)
        record = any(isinstance(x, Tensor) for x in (*xs, *g))
        roots: dict[Node, Any] = {}
        for y, part in zip(run.outputs, g, strict=True):
            if part is not None and y._node is not None and y._node.live & NEEDS:
                roots[y._node] = roots[y._node] + part if y._node in roots else part
        wanted = [*run.nodes, *self.captured]
        with changed(recording=True):
            found = pull_back(roots, wanted, lift if record else None)
        return [found[n] if n in found else np.zeros(n.shape, n.dtype) for n in wanted]
