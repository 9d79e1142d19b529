"""From functions to functions: ``grad(f)`` is a function as ``f`` is, and can be transformed again.

Each transform wraps its inputs in fresh nodes, runs the function, and walks from the results down to just those nodes;
so transforms nest in any mixture, and a variable captured from outside is a constant to the inner one and stays a
variable to the outer one. Arrays in, arrays out, unless the function captured a Tensor that needs a gradient: then the
results stay connected to it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from functools import wraps
from operator import index
from typing import Any
from weakref import ref

import numpy as np

from .backward import matching, own, taken, watch
from .generator import default_generator
from .graph import NEEDS, OURS, Node, ancestors, next_order, pull_back, push_forward
from .mode import changed, is_grad_enabled
from .operands import masked_error, raw
from .primitive import Primitive
from .recording import apply, lift, wrap
from .tensor import Tensor
from .tree import leaves, matched, rebuild, tree_map

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

    def __init__(
        self,
        f: Callable[..., Any],
        args: Sequence[Any],
        argnums: tuple[int, ...],
        params: Any,
        has_aux: bool = False,
    ) -> None:
        what = getattr(f, "__name__", "the function")
        outside = is_grad_enabled()
        self.start = next_order()  # what was made before this is captured from outside
        self.trees = [args[k] for k in argnums]
        given = leaves(self.trees)
        self.nodes: list[Node] = []
        wrapped = [self._enter(x, what) for x in given]
        args = list(args)
        for k, tree in zip(argnums, rebuild(self.trees, wrapped), strict=True):
            args[k] = tree
        with changed(recording=True):
            result = f(*args, **params)
        self.aux: Any = None
        self.y, self.aux = _pair(result, what) if has_aux else (result, None)
        self.outputs = leaves(self.y)
        self.tensors = any(isinstance(x, Tensor) for x in given)
        self.connected = outside and (any(_is_live(x) for x in given) or bool(self.captured()))

    def _enter(self, x: Any, what: str) -> Tensor:
        if isinstance(x, np.ma.MaskedArray):
            raise masked_error()
        data = raw(x)
        data = data if type(data) is np.ndarray else np.asarray(data)
        if data.dtype.kind not in "fc":
            raise TypeError(
                f"{what}: a derivative with respect to data of dtype {data.dtype} is not possible; pass floats "
                "(2.0 for 2, .astype(float)), or leave the argument out of argnums"
            )
        if not data.dtype.isnative:  # bytes in the other order
            data = data.astype(data.dtype.newbyteorder("="))
        outer = x._node if isinstance(x, Tensor) else None
        if outer is not None and outer.live:
            node = Node(_INPUT, (outer,), (None,), data, data.shape, data.dtype, outer.live | NEEDS)
        else:
            node = Node(None, (), (), data, data.shape, data.dtype, NEEDS)
        if isinstance(x, Tensor):
            node.name, node.storage = x.name, x._storage()
        self.nodes.append(node)
        t = wrap(data, node)
        if node.row is None:
            node.keeper = ref(t)  # a backward() inside the function leaves its gradient here
        return t

    def captured(self) -> list[Node]:
        """The nodes older than the inputs that the results depend on and that need a gradient too."""
        live = [t._node for t in self.outputs if isinstance(t, Tensor) and t._node is not None and t._node.live & NEEDS]
        inputs = set(self.nodes)
        older: dict[Node, None] = {}
        for n in ancestors(live, since=self.start):
            if n not in inputs:
                reached = (p for p in (n, *n.parents) if p is not None and p.live & NEEDS and p.order > self.start)
                older.update(dict.fromkeys(reached))
        return list(older)

    def pull(self, cotangents: Any) -> list[Any]:
        """The cotangents of the inputs, leaf by leaf."""
        roots: dict[Node, Any] = {}
        gs = matched(self.y, cotangents, "the cotangent")
        record = is_grad_enabled() and (self.connected or any(_is_live(g) for g in gs))
        with changed(recording=True) if record else nullcontext():
            for t, g in zip(self.outputs, gs, strict=True):
                if isinstance(t, Tensor) and t._node is not None and t._node.live & NEEDS:
                    g = matching(g, t, "the cotangent has", record)
                    roots[t._node] = roots[t._node] + g if t._node in roots else g
            found = pull_back(roots, self.nodes, lift if record else None, watch=watch())
        return [self.out(taken(found, n) if n in found else np.zeros(n.shape, n.dtype), record) for n in self.nodes]

    def push(self, tangents: Any) -> list[Any]:
        """The tangents of the results, leaf by leaf."""
        ts = matched(self.trees, tangents, "the tangent")
        record = is_grad_enabled() and (self.connected or any(_is_live(t) for t in ts))
        known = {n: matching(t, n, "the tangent has", record) for n, t in zip(self.nodes, ts, strict=True)}
        roots = [
            t._node for t in self.outputs if isinstance(t, Tensor) and t._node is not None and t._node.live & NEEDS
        ]
        with changed(recording=True):
            found: dict[Any, Any] = push_forward(roots, known, lift, record)
        del known
        result = []
        for y in self.outputs:
            node = y._node if isinstance(y, Tensor) else None
            result.append(self.out(_zeros(y) if node is None or node not in found else taken(found, node), record))
        return result

    def out(self, value: Any, connected: bool = False) -> Any:
        """An array that is nobody else's as the caller gets it: connected, or off the record."""
        if isinstance(value, Tensor):
            if self.connected or connected:
                return own(value)
            value = value._data
        if self.connected or connected or self.tensors:
            return wrap(value, None)
        return value if value.ndim else value[()]  # a NumPy scalar for 0-d, as NumPy's own functions return

    def values(self, tree: Any) -> Any:
        """The Tensors in what the function returned, as the caller gets them: copies, where they are not recorded."""

        def value(t: Any) -> Any:
            if not isinstance(t, Tensor):
                return t
            return self.out(t if self.connected else np.array(t._data))

        return tree_map(value, tree)


def _zeros(y: Any) -> np.ndarray[Any, Any]:
    return np.zeros(np.shape(raw(y)), np.result_type(raw(y)))


def _is_live(x: Any) -> bool:
    return isinstance(x, Tensor) and x._node is not None and bool(x._node.live)


def _pair(result: Any, what: str) -> Any:
    if not isinstance(result, tuple) or len(result) != 2:
        raise TypeError(f"{what}: with has_aux=True it must return (result, auxiliary data)")
    return result


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


def _by_argument(run: _Run, values: Iterable[Any], argnums: int | Sequence[int]) -> Any:
    trees = rebuild(run.trees, values)
    return tuple(trees) if isinstance(argnums, Iterable) else trees[0]


def _scalar(run: _Run, f: Callable[..., Any]) -> Any:
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
        run = _Run(f, args, _numbers(argnums, args), params, has_aux)
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

    Arrays among the primals are not copied: do not write into them before the last pull.

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
    run = _Run(f, primals, tuple(range(len(primals))), {}, has_aux)
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
        run = _Run(f, args, _numbers(argnums, args), params, has_aux)
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


def _rows(run: _Run) -> list[list[Any]]:
    """The derivatives of each result by each argument, from a walk back for each entry of a result."""
    xs, ys = [_zeros(n.y) for n in run.nodes], [_zeros(y) for y in run.outputs]
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


def _columns(run: _Run) -> list[list[Any]]:
    """The same from a walk forward for each entry of an argument."""
    xs, ys = [_zeros(n.y) for n in run.nodes], [_zeros(y) for y in run.outputs]
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


def _stack(run: _Run, entries: Sequence[Any], y: Any, x: Any, at: int) -> Any:
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


def hvp(f: Callable[..., Any], argnums: int = 0) -> Callable[..., Any]:
    """The product of the Hessian of `f` with a vector, ``hvp(f)(x, v, *args)``, at the cost of two gradients.

    The order of the arguments is that of ``hessp`` in :func:`scipy.optimize.minimize`.

    Examples
    --------
    >>> import numpy as np
    >>> hvp(lambda x: np.sum(x**3))(np.array([1.0, 2.0]), np.array([1.0, 1.0]))
    array([ 6., 12.])
    """

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
        run = _Run(
            slope, (x,), (0,), {}
        )  # reverse over forward: the other way round computes the gradient, for nothing
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
    return tree_map(lambda x: apply(_CONSTANT, (x,), {}) if isinstance(x, Tensor) else x, tree)


def checkpoint(f: Callable[..., Any]) -> Callable[..., Any]:
    """The same function, but what it computes on the way is forgotten, and computed again in the backward pass.

    Trades time for memory. What `f` captures from outside gets its gradients too. It runs twice and must do the same
    both times: what it draws from the default generator (as dropout does) is drawn again; draw other random numbers
    outside and pass them in.

    Examples
    --------
    >>> import numpy as np
    >>> float(grad(checkpoint(lambda x: np.sin(np.exp(x))))(0.0)) == float(np.cos(1.0))
    True
    """

    @wraps(f)
    def checkpointed(*args: Any, **params: Any) -> Any:
        if not is_grad_enabled():
            return f(*args, **params)
        inputs = [x for x in leaves(args) if _is_input(x)]
        again = _Again(f, args, params)
        run = again.run(inputs)
        captured = run.captured()
        if not captured and not any(map(_is_live, inputs)):  # nothing will be asked for
            return tree_map(lambda y: wrap(y._data, None) if isinstance(y, Tensor) else y, run.y)
        again.captured = captured
        again.first = _arrays(run.outputs)
        structure, others = run.y, [y for y in run.outputs if not isinstance(y, Tensor)]
        places = tree_map(lambda y: isinstance(y, Tensor), structure)
        del run, structure  # the graph of the first run, which is what is not to be kept
        # Of what is captured the rule needs the place in the graph; its value is found again where `f` finds it.
        stand_ins = [wrap(np.broadcast_to(np.zeros((), n.dtype), n.shape), n) for n in captured]
        made, rest = iter(apply(_CHECKPOINT, [*inputs, *stand_ins], {"again": again})), iter(others)
        return tree_map(lambda is_tensor: next(made) if is_tensor else next(rest), places)

    return checkpointed


def _is_input(x: Any) -> bool:
    return isinstance(x, Tensor) and x.dtype.kind in "fc"


def _arrays(outputs: Iterable[Any]) -> tuple[Any, ...]:
    """The arrays of the results; of what `f` did not make but was given, a copy, which no later write can reach."""
    made = [y for y in outputs if isinstance(y, Tensor)]
    return tuple(np.array(y._data) if y.is_leaf or y._storage() is not OURS else y._data for y in made)


class _Again:
    """What a checkpointed call needs to be computed again, and to be pulled back through.

    Attributes
    ----------
    captured : nodes from outside on which the results depend
    first : the results of the first run, until they have been asked for
    last : the cotangents of one walk, until each argument has had its own
    random : where the default generator was when the function began
    """

    def __init__(self, f: Callable[..., Any], args: Sequence[Any], params: Any) -> None:
        self.f, self.args, self.params = f, args, params
        self.captured: list[Node] = []
        self.first: tuple[Any, ...] | None = None
        self.last: tuple[Any, list[Any]] | None = None
        self.random: Any = None

    def __repr__(self) -> str:
        return getattr(self.f, "__name__", "f")

    def run(self, inputs: Sequence[Any], repeat: bool = False) -> _Run:
        """Run the function on `inputs`, the differentiable Tensors among its arguments; the others as they were."""

        def f(*tensors: Any) -> Any:
            given = iter(tensors)
            args = tree_map(lambda x: next(given) if _is_input(x) else x, self.args)
            return self.f(*args, **self.params)

        if not repeat:
            self.random = default_generator.get_state()
            return _Run(f, inputs, tuple(range(len(inputs))), {})
        with default_generator.rewound(self.random):
            return _Run(f, inputs, tuple(range(len(inputs))), {})

    def values(self, xs: Sequence[Any]) -> tuple[Any, ...]:
        if self.first is not None:
            first, self.first = self.first, None
            return first
        return _arrays(self.run(self.inputs(xs)).outputs)

    def inputs(self, xs: Sequence[Any]) -> list[Any]:
        count = len(xs) - len(self.captured)
        return [x if isinstance(x, Tensor) else wrap(x, None) for x in xs[:count]]

    def rule(self, g: Any, xs: Any, i: int) -> Any:
        """The cotangent of argument `i`: one walk for all of them, as they are asked for one after the other."""
        if self.last is None or self.last[0] is not g:
            self.last = (g, self.pull(g, xs))
        d, self.last[1][i] = self.last[1][i], None
        return d

    def pull(self, g: Any, xs: Any) -> list[Any]:
        run = self.run(self.inputs(xs), repeat=True)
        record = any(isinstance(x, Tensor) for x in (*xs, *g))
        roots: dict[Node, Any] = {}
        for y, part in zip((y for y in run.outputs if isinstance(y, Tensor)), g, strict=True):
            if part is not None and y._node is not None and y._node.live & NEEDS:
                roots[y._node] = roots[y._node] + part if y._node in roots else part
        wanted = [*run.nodes, *self.captured]
        with changed(recording=True):
            found = pull_back(roots, wanted, lift if record else None, through=False)
        return [found[n] if n in found else np.zeros(n.shape, n.dtype) for n in wanted]


_CHECKPOINT = Primitive(
    "general",
    lambda *xs, again: again.values(xs),
    (lambda g, xs, i, again: again.rule(g, xs, i),),
    name="checkpoint",
    bind=lambda *xs, again: (xs, {"again": again}),
    variadic=True,
    outputs=True,
    holomorphic=False,  # the walk inside conjugates by itself
)
