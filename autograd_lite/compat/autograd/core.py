"""HIPS autograd's core on this engine: `make_vjp` and `make_jvp`, vector spaces, and primitives.

HIPS's gradient of a complex function is the complex conjugate of PyTorch's and ours, so cotangents are conjugated where
they enter and where they leave.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import update_wrapper
from itertools import count
from typing import Any

import numpy as np

from ...base.tree import leaves, matched, rebuild, tree_map
from ...engine.operands import raw
from ...engine.record import record
from ...engine.value import live_of
from ...table import Primitive
from ...tensor import Tensor
from ...transforms.function import _same
from ...transforms.linearize import Linearized
from ._refused import refuse

__getattr__ = refuse(
    __name__, "VJPNode", "JVPNode", "SparseObject", "backward_pass", "primitive_vjps", "primitive_jvps"
)

Function = Callable[..., Any]


def value_of(x: Any) -> Any:
    """The array of a recorded value, or a NumPy scalar; anything else as it is. HIPS calls it ``getval``."""
    return x._value if isinstance(x, Tensor) else x


def conjugated(tree: Any) -> Any:
    """A tree with its complex leaves conjugated."""
    if not any(np.iscomplexobj(raw(x)) for x in leaves(tree)):
        return tree
    return tree_map(lambda x: np.conj(x) if np.iscomplexobj(raw(x)) else x, tree)


# ------------------------------------------------------------------------------------------------- differentiation


def _run(fun: Function, x: Any) -> Linearized:
    run = Linearized(fun, (tree_map(_floating, x),), (0,), {})
    if not any(live_of(y) & run.bit for y in run.outputs):
        warnings.warn("Output seems independent of input.", stacklevel=4)
    return run


def _floating(x: Any) -> Any:
    """An array of integers as one of floats, as HIPS differentiates it."""
    return x.astype(float) if isinstance(x, np.ndarray) and x.dtype.kind in "iub" else x


def make_vjp(fun: Function, x: Any) -> tuple[Function, Any]:
    """``(vjp, fun(x))``: `vjp` takes a cotangent of the result to one of `x`."""
    run = _run(fun, x)

    def vjp(g: Any) -> Any:
        return conjugated(rebuild(run.trees, run.pull(conjugated(g)))[0])

    return vjp, run.values(run.y)


def make_jvp(fun: Function, x: Any) -> Function:
    """A function from a tangent of `x` to ``(fun(x), tangent of the result)``."""

    def jvp(v: Any) -> tuple[Any, Any]:
        run = _run(fun, x)
        return run.values(run.y), rebuild(run.y, run.push((v,)))

    return jvp


# --------------------------------------------------------------------------------------------------- vector spaces


class VSpace:
    """The vector space of a value, which is an array, or a dict, list or tuple of them.

    Attributes
    ----------
    shape : tuple of int, or a tree of VSpace
    dtype : dtype
        Of an array.
    size : int
        The number of real dimensions: 2 for each complex entry.
    iscomplex : bool
    """

    def __init__(self, value: Any) -> None:
        self._zeros = tree_map(lambda x: np.zeros(np.shape(raw(x)), np.result_type(raw(x))), value)
        arrays = leaves(self._zeros)
        self.iscomplex = any(map(np.iscomplexobj, arrays))
        self.size = sum(x.size * (1 + np.iscomplexobj(x)) for x in arrays)
        if isinstance(self._zeros, np.ndarray):
            self.shape, self.dtype, self.ndim = self._zeros.shape, self._zeros.dtype, self._zeros.ndim
        else:
            self.shape = tree_map(VSpace, self._zeros)

    def _map(self, f: Function, *trees: Any) -> Any:
        return tree_map(f, self._zeros, *trees)

    def zeros(self) -> Any:
        return self._map(np.zeros_like)

    def ones(self) -> Any:
        return self._map(lambda z: np.full_like(z, 1 + 1j if np.iscomplexobj(z) else 1))

    def randn(self) -> Any:
        def draw(z: Any) -> Any:
            x = np.random.standard_normal(z.shape)  # noqa: NPY002 - so that np.random.seed determines it, as in HIPS
            return np.asarray(x + 1j * np.random.standard_normal(z.shape) if np.iscomplexobj(z) else x, z.dtype)  # noqa: NPY002

        return self._map(draw)

    def standard_basis(self) -> Iterator[Any]:
        """The unit vectors, and for complex entries also those times 1j."""
        zeros = leaves(self._zeros)
        for k, z in enumerate(zeros):
            for index in np.ndindex(*z.shape):
                for unit in (1, 1j) if np.iscomplexobj(z) else (1,):
                    x = np.zeros_like(z)
                    x[index] = unit
                    yield rebuild(self._zeros, [*zeros[:k], x, *zeros[k + 1 :]])

    def add(self, x: Any, y: Any) -> Any:
        return self._map(lambda z, a, b: a + b, x, y)

    def mut_add(self, x: Any, y: Any) -> Any:
        """`add`; None stands for zeros."""
        return y if x is None else self.add(x, y)

    def scalar_mul(self, x: Any, a: Any) -> Any:
        return self._map(lambda z, part: part * a, x)

    def inner_prod(self, x: Any, y: Any) -> Any:
        """The real inner product."""
        products = self._map(lambda z, a, b: np.sum(np.real(np.conj(a) * b) if np.iscomplexobj(z) else a * b), x, y)
        return sum(leaves(products))

    def covector(self, x: Any) -> Any:
        """The complex conjugate."""
        return self._map(lambda z, part: np.conj(part) if np.iscomplexobj(z) else part, x)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, VSpace):
            return NotImplemented
        try:
            pairs = zip(leaves(self._zeros), matched(self._zeros, other._zeros), strict=True)
        except ValueError:
            return False
        return all(a.shape == b.shape and a.dtype == b.dtype for a, b in pairs)

    def __repr__(self) -> str:
        return f"VSpace({tree_map(lambda z: f'{z.dtype}{list(z.shape)}', self._zeros)})"

    @classmethod
    def register(cls, value_type: type, vspace_maker: Function | None = None) -> None:
        raise TypeError(
            f"VSpace.register({value_type.__name__}): values are arrays, and dicts, lists and tuples of them; other "
            "types have no vector space here"
        )


def vspace(value: Any) -> VSpace:
    """The :class:`VSpace` of a value."""
    for x in leaves(value):
        if not isinstance(x, (np.ndarray, Tensor, int, float, complex, np.number)) or isinstance(x, bool):
            raise TypeError(f"vspace: a value of type {type(x).__name__} has no vector space")
    return VSpace(value)


# ------------------------------------------------------------------------------------------------------ primitives


class _Call:
    """One recorded call of a primitive: its arguments, with the recorded values among them apart."""

    def __init__(self, fun: Any, args: tuple[Any, ...], params: dict[str, Any]) -> None:
        self.fun, self.args, self.params = fun, args, params
        self.places = [k for k, arg in enumerate(args) for x in leaves(arg) if isinstance(x, Tensor)]
        self.argnums = tuple(dict.fromkeys(self.places))
        self.result: Any = None
        self.last: tuple[Any, Any] | None = None

    def __repr__(self) -> str:
        return str(self.fun.__name__)

    def arguments(self, xs: Sequence[Any]) -> tuple[Any, ...]:
        """The arguments with `xs` in the place of the recorded values; 0-d arrays are NumPy scalars."""
        values = iter(x if isinstance(x, Tensor) or x.ndim else x[()] for x in xs)
        parts = (next(values) if isinstance(x, Tensor) else x for x in leaves(self.args))
        return tuple(rebuild(self.args, parts))

    def forward(self, xs: Sequence[Any]) -> tuple[Any, ...]:
        self.result = self.fun.fun(*self.arguments(xs), **self.params)
        return tuple(map(np.asarray, leaves(self.result)))

    def _answer(self, ys: Sequence[Any]) -> Any:
        return rebuild(self.result, (y if isinstance(y, Tensor) or y.ndim else y[()] for y in ys))

    def rule(self, g: Any, y: Any, xs: Any, i: int) -> Any:
        """The cotangent of recorded value `i`; one call of the user's rule serves all of them."""
        if self.last is None or not all(map(_same, self.last[0], g)):
            gs = [np.zeros(np.shape(b), b.dtype) if a is None else a for a, b in zip(g, y, strict=True)]
            args = self.arguments(xs)
            maker = self.fun.vjp or _transposed(self.fun)
            vjp = maker(self.argnums, self._answer(y), args, self.params)
            self.last = g, list(vjp(conjugated(self._answer(gs))))
        k = self.places[i]
        parts = matched(self.args[k], self.last[1][self.argnums.index(k)])
        recorded = [d for d, x in zip(parts, leaves(self.args[k]), strict=True) if isinstance(x, Tensor)]
        return _array(conjugated(recorded[i - self.places.index(k)]))

    def push(self, ts: Sequence[Any], y: Sequence[Any], xs: Sequence[Any]) -> tuple[Any, ...]:
        """The tangents of the results, by the forward rule, from those of the recorded values (None for zero)."""
        args = self.arguments(xs)
        moving = dict.fromkeys(k for k, t in zip(self.places, ts, strict=True) if t is not None)
        tangents = iter(ts)

        def tangent(x: Any, value: Any) -> Any:
            t = next(tangents) if isinstance(x, Tensor) else None
            return np.zeros_like(raw(value)) if t is None else t

        every = [tree_map(tangent, arg, value) for arg, value in zip(self.args, args, strict=True)]
        gs = [every[k] for k in moving]
        return tuple(map(_array, leaves(self.fun.jvp(tuple(moving), gs, self._answer(y), args, self.params))))


def _array(x: Any) -> Any:
    return x if isinstance(x, Tensor) else np.asarray(x)


def primitive(fun: Function) -> Any:
    """A function that is recorded as one step, with the rules that `defvjp` and `defjvp` give it."""

    def called(*args: Any, **params: Any) -> Any:
        operands = [x for x in leaves(args) if isinstance(x, Tensor)]
        if not operands or wrapped.constant:
            return fun(*(tree_map(value_of, args) if operands else args), **params)
        call = _Call(wrapped, args, params)
        return rebuild(call.result, results) if (results := record(row, operands, {"call": call})) else call.result

    wrapped: Any = update_wrapper(called, fun)
    wrapped.fun, wrapped.vjp, wrapped.jvp, wrapped.constant = fun, None, None, False
    row = Primitive(
        "general", lambda *xs, call: call.forward(xs), (lambda g, y, xs, i, call: call.rule(g, y, xs, i),),
        name=getattr(fun, "__name__", "primitive"), bind=lambda *xs, call: (xs, {"call": call}), variadic=True,
        outputs=True, holomorphic=False,
    )
    row.builtin = False
    wrapped.row = row
    return wrapped


def notrace_primitive(fun: Function) -> Function:
    """A function that always gets plain values, and so has no derivative."""
    return update_wrapper(lambda *args, **params: fun(*tree_map(value_of, args), **params), fun)


def register_notrace(trace_type: Any, primitive_fun: Any) -> None:
    """Let a primitive get plain values, and so have no derivative."""
    primitive_fun.constant = True


def defvjp_argnums(fun: Any, vjpmaker: Function) -> None:
    """Give the reverse rule of a primitive: ``vjpmaker(argnums, ans, args, kwargs)(g)`` are the cotangents."""
    fun.vjp = vjpmaker


def defvjp_argnum(fun: Any, vjpmaker: Function) -> None:
    """The same for one argument at a time: ``vjpmaker(argnum, ans, args, kwargs)(g)``."""

    def maker(argnums: Sequence[int], *args: Any) -> Function:
        vjps = [vjpmaker(argnum, *args) for argnum in argnums]
        return lambda g: [vjp(g) for vjp in vjps]

    defvjp_argnums(fun, maker)


def defvjp(fun: Any, *vjpmakers: Any, argnums: Iterable[int] | None = None) -> None:
    """Give a rule for each argument: ``vjpmaker(ans, *args, **kwargs)(g)`` is its cotangent; None for zero."""
    makers = dict(zip(count() if argnums is None else argnums, vjpmakers, strict=False))

    def vjp(argnum: int, ans: Any, args: Any, params: Any) -> Any:
        maker = _rule(makers, argnum, fun, "VJP")
        return (lambda g: vspace(args[argnum]).zeros()) if maker is None else maker(ans, *args, **params)

    defvjp_argnum(fun, vjp)


def defjvp_argnums(fun: Any, jvpmaker: Function) -> None:
    """Give the forward rule of a primitive: ``jvpmaker(argnums, gs, ans, args, kwargs)`` is the tangent."""
    fun.jvp = jvpmaker
    if hasattr(fun, "row"):
        fun.row.jvp = lambda ts, y, xs, n: n.params["call"].push(ts, y, xs)


def defjvp_argnum(fun: Any, jvpmaker: Function) -> None:
    """The same for one argument at a time, ``jvpmaker(argnum, g, ans, args, kwargs)``; the tangents are added."""

    def maker(argnums: Sequence[int], gs: Sequence[Any], ans: Any, *args: Any) -> Any:
        tangents = [jvpmaker(argnum, g, ans, *args) for argnum, g in zip(argnums, gs, strict=True)]
        space = vspace(ans)
        total = tangents[0]
        for tangent in tangents[1:]:
            total = space.add(total, tangent)
        return total

    defjvp_argnums(fun, maker)


def defjvp(fun: Any, *jvpmakers: Any, argnums: Iterable[int] | None = None) -> None:
    """Give a forward rule for each argument: ``jvp(g, ans, *args, **kwargs)``, None, or "same" if `fun` is linear."""
    makers = dict(zip(count() if argnums is None else argnums, jvpmakers, strict=False))

    def jvp(argnum: int, g: Any, ans: Any, args: Any, params: Any) -> Any:
        maker = _rule(makers, argnum, fun, "JVP")
        if maker is None:
            return vspace(ans).zeros()
        if maker == "same":
            return fun(*args[:argnum], g, *args[argnum + 1 :], **params)
        return maker(g, ans, *args, **params)

    defjvp_argnum(fun, jvp)


def def_linear(fun: Any) -> None:
    """Declare that a primitive is linear in each argument."""
    defjvp_argnum(fun, lambda k, g, ans, args, params: fun(*args[:k], g, *args[k + 1 :], **params))


def _rule(makers: dict[int, Any], argnum: int, fun: Any, what: str) -> Any:
    if argnum not in makers:
        raise NotImplementedError(f"{what} of {fun.__name__} wrt argnums ({argnum},) not defined")
    return makers[argnum]


def _transposed(fun: Any) -> Function:
    """The reverse rule that follows from the forward rule of a primitive, which is linear in the tangent."""
    if fun.jvp is None:
        raise NotImplementedError(f"VJP of {fun.__name__} not defined: use defvjp")

    def maker(argnums: Sequence[int], ans: Any, args: Any, params: Any) -> Function:
        def pull(g: Any) -> list[Any]:
            zeros = tuple(vspace(args[k]).zeros() for k in argnums)
            return list(make_vjp(lambda ts: fun.jvp(argnums, ts, ans, args, params), zeros)[0](g))

        return pull

    return maker
