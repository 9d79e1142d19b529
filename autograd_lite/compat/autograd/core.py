"""HIPS autograd's core on this engine: `make_vjp` and `make_jvp`, recorded values, and primitives with their rules.

HIPS's gradient of a complex function is the complex conjugate of PyTorch's and ours, so cotangents are conjugated where
they enter and where they leave.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property, partial, update_wrapper
from itertools import count
from typing import Any

import numpy as np

from ...base.tree import leaves, matched, rebuild, tree_map
from ...engine.operands import raw
from ...engine.record import record
from ...engine.value import live_of
from ...rules._arrays import has_tensor
from ...table import Primitive
from ...tensor import Tensor
from ...transforms.function import _same
from ...transforms.linearize import Linearized
from ._vspace import VSpace as VSpace, vspace as vspace

Function = Callable[..., Any]
Box = ArrayBox = Tensor


class Refused:
    """A name of HIPS autograd's tracer: it can be imported, and any use of it raises NotImplementedError."""

    def __init__(self, name: str) -> None:
        self._name = name

    def _refuse(self, *args: Any, **params: Any) -> Any:
        raise NotImplementedError(
            f"{self._name} belongs to the tracer of HIPS autograd, which this engine replaces. Write the rule with "
            "primitive and defvjp, and read a recorded graph with autograd_lite.trace"
        )

    __call__ = __getitem__ = __iter__ = __mro_entries__ = __instancecheck__ = _refuse

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        self._refuse()


_TRACER = """
    ConstGraphNode FullGraphNode JVPNode Node SparseBox SparseObject TraceStack VJPNode backward_pass const_graph
    const_graph_unary find_top_boxed_args full_graph new_box primitive_jvps primitive_vjps sparse_add trace trace_stack
"""
REFUSED = {name: Refused(name) for name in _TRACER.split()}
globals().update(REFUSED)


def getval(x: Any) -> Any:
    """The array of a recorded value, or a NumPy scalar; anything else as it is."""
    return x._value if isinstance(x, Tensor) else x


def isbox(x: Any) -> bool:
    """True if a value is recorded."""
    return isinstance(x, Tensor)


# ------------------------------------------------------------------------------------------------- differentiation


def conjugated(tree: Any) -> Any:
    """A tree with its complex leaves conjugated."""
    if not any(np.iscomplexobj(raw(x)) for x in leaves(tree)):
        return tree
    return tree_map(lambda x: np.conj(x) if np.iscomplexobj(raw(x)) else x, tree)


def _floating(x: Any) -> Any:
    """An array of integers as one of floats."""
    return x.astype(float) if isinstance(x, np.ndarray) and x.dtype.kind in "iub" else x


def _run(fun: Function, x: Any) -> Linearized:
    run = Linearized(fun, (tree_map(_floating, x),), (0,), {})
    if not any(live_of(y) & run.bit for y in run.outputs):
        warnings.warn("Output seems independent of input.", stacklevel=4)
    return run


def make_vjp(fun: Function, x: Any) -> tuple[Function, Any]:
    """``(vjp, fun(x))``: `vjp` takes a cotangent of the result to one of `x`."""
    run = _run(fun, x)
    return lambda g: conjugated(rebuild(run.trees, run.pull(conjugated(g)))[0]), run.values(run.y)


def make_jvp(fun: Function, x: Any) -> Function:
    """A function from a tangent of `x` to ``(fun(x), tangent of the result)``."""

    def jvp(v: Any) -> tuple[Any, Any]:
        run = _run(fun, x)
        return run.values(run.y), rebuild(run.y, run.push((v,)))

    return jvp


# ------------------------------------------------------------------------------------------------------ primitives


class _Rules:
    """The derivatives of a primitive: those of a row of the table, until the user gives rules."""

    def __init__(self, fun: Function, row: Function | None) -> None:
        self.fun, self.row, self.name = fun, row, getattr(fun, "__name__", "primitive")
        self.vjp: Function | None = None
        self.jvp: Any = None
        self.constant = False

    @cached_property
    def recorded(self) -> Primitive:
        """The row that is recorded for the user's rules."""
        row = Primitive(
            "general", lambda *xs, call: call.forward(xs), (lambda g, y, xs, i, call: call.rule(g, y, xs, i),),
            name=self.name, bind=lambda *xs, call: (xs, {"call": call}), variadic=True, outputs=True,
            holomorphic=False,
        )  # fmt: skip
        row.builtin = False
        return row

    def call(self, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
        operands = [x for x in leaves(args) if isinstance(x, Tensor)]
        if not operands or self.constant:
            return self.fun(*(tree_map(getval, args) if operands else args), **params)
        call = _Call(self, args, params)
        results = record(self.recorded, operands, {"call": call})
        return rebuild(call.result, results) if results else call.result

    def transposed(self, argnums: Sequence[int], ans: Any, args: Any, params: Any) -> Function:
        """The reverse rule that follows from the forward rule, which is linear in the tangents."""
        if (jvp := self.jvp) is None:
            raise NotImplementedError(f"VJP of {self.name} not defined: use defvjp")
        zeros = tuple(vspace(args[k]).zeros() for k in argnums)
        return lambda g: make_vjp(lambda ts: jvp(argnums, ts, ans, args, params), zeros)[0](g)


class _Call:
    """One recorded call of a primitive: its arguments, with the recorded values among them apart."""

    def __init__(self, rules: _Rules, args: tuple[Any, ...], params: dict[str, Any]) -> None:
        self.rules, self.args, self.params = rules, args, params
        self.places = [k for k, arg in enumerate(args) for x in leaves(arg) if isinstance(x, Tensor)]
        self.argnums = tuple(dict.fromkeys(self.places))
        self.result: Any = None
        self.last: tuple[Any, Any] | None = None

    def __repr__(self) -> str:
        return self.rules.name

    def _filled(self, xs: Iterable[Any]) -> tuple[Any, ...]:
        """The arguments with `xs` in the place of the recorded values."""
        values = map(_scalar, xs)
        return tuple(rebuild(self.args, (next(values) if isinstance(x, Tensor) else x for x in leaves(self.args))))

    def forward(self, xs: Sequence[Any]) -> tuple[Any, ...]:
        self.result = self.rules.fun(*self._filled(xs), **self.params)
        return tuple(map(np.asarray, leaves(self.result)))

    def rule(self, g: Any, y: Any, xs: Any, i: int) -> Any:
        """The cotangent of recorded value `i`; one call of the user's rule serves all of them."""
        if self.last is None or not all(map(_same, self.last[0], g)):
            gs = [np.zeros(np.shape(b), b.dtype) if a is None else a for a, b in zip(g, y, strict=True)]
            maker = self.rules.vjp or self.rules.transposed
            vjp = maker(self.argnums, rebuild(self.result, map(_scalar, y)), self._filled(xs), self.params)
            self.last = g, list(vjp(conjugated(rebuild(self.result, map(_scalar, gs)))))
        k = self.places[i]
        parts = matched(self.args[k], self.last[1][self.argnums.index(k)])
        recorded = [d for d, x in zip(parts, leaves(self.args[k]), strict=True) if isinstance(x, Tensor)]
        return _array(conjugated(recorded[i - self.places.index(k)]))

    def push(self, ts: Sequence[Any], y: Sequence[Any], xs: Sequence[Any]) -> tuple[Any, ...]:
        """The tangents of the results, by the forward rule, from those of the recorded values (None for zero)."""
        moving = tuple(dict.fromkeys(k for k, t in zip(self.places, ts, strict=True) if t is not None))
        full = (np.zeros(x.shape, x.dtype) if t is None else t for t, x in zip(ts, xs, strict=True))
        tangents = (next(full) if isinstance(x, Tensor) else np.zeros(np.shape(x)) for x in leaves(self.args))
        every = rebuild(self.args, tangents)
        ans, args = rebuild(self.result, map(_scalar, y)), self._filled(xs)
        return tuple(map(_array, leaves(self.rules.jvp(moving, [every[k] for k in moving], ans, args, self.params))))


def _array(x: Any) -> Any:
    return x if isinstance(x, Tensor) else np.asarray(x)


def _scalar(x: Any) -> Any:
    """A 0-d array as a NumPy scalar, anything else as it is."""
    return x if isinstance(x, Tensor) or x.ndim else x[()]


def primitive(fun: Function, row: Function | None = None) -> Any:
    """A function that is recorded as one step: as `row`, or with the rules that `defvjp` and `defjvp` give it."""

    def called(*args: Any, **params: Any) -> Any:
        if rules.row is None:
            return rules.call(args, params)
        recorded = has_tensor(args) or params and has_tensor(list(params.values()))
        return (rules.row if recorded else fun)(*args, **params)

    wrapped: Any = update_wrapper(called, fun)
    wrapped.fun, wrapped.rules = fun, (rules := _Rules(fun, row))
    if row is None:
        _deprecated(wrapped)
    return wrapped


def notrace_primitive(fun: Function) -> Function:
    """A function that always gets plain values, and so has no derivative."""
    return update_wrapper(lambda *args, **params: fun(*tree_map(getval, args), **params), fun)


def register_notrace(trace_type: Any, primitive_fun: Any) -> None:
    """Let a primitive get plain values, and so have no derivative."""
    _own_rules(primitive_fun).constant = True


def _own_rules(fun: Any) -> _Rules:
    """The rules of a primitive, which are no longer those of the table. What is no primitive needs none."""
    rules = getattr(fun, "rules", None) or _Rules(fun, None)
    rules.row = None
    return rules


def defvjp_argnums(fun: Any, vjpmaker: Function) -> None:
    """Give the reverse rule of a primitive: ``vjpmaker(argnums, ans, args, kwargs)(g)`` are the cotangents."""
    _own_rules(fun).vjp = vjpmaker


def defvjp_argnum(fun: Any, vjpmaker: Function) -> None:
    """The same for one argument at a time: ``vjpmaker(argnum, ans, args, kwargs)(g)``."""

    def maker(argnums: Sequence[int], *args: Any) -> Function:
        vjps = [vjpmaker(argnum, *args) for argnum in argnums]
        return lambda g: [vjp(g) for vjp in vjps]

    defvjp_argnums(fun, maker)


def defvjp(fun: Any, *vjpmakers: Any, argnums: Iterable[int] | None = None) -> None:
    """Give a rule for each argument: ``vjpmaker(ans, *args, **kwargs)(g)`` is its cotangent; None for zero."""
    maker_of = _by_argnum(fun, "VJP", vjpmakers, argnums)

    def vjp(argnum: int, ans: Any, args: Any, params: Any) -> Any:
        maker = maker_of(argnum)
        return maker(ans, *args, **params) if maker else lambda g: vspace(args[argnum]).zeros()

    defvjp_argnum(fun, vjp)


def defjvp_argnums(fun: Any, jvpmaker: Function) -> None:
    """Give the forward rule of a primitive: ``jvpmaker(argnums, gs, ans, args, kwargs)`` is the tangent."""
    rules = _own_rules(fun)
    rules.jvp = jvpmaker
    rules.recorded.jvp = lambda ts, y, xs, n: n.params["call"].push(ts, y, xs)


def defjvp_argnum(fun: Any, jvpmaker: Function) -> None:
    """The same for one argument at a time, ``jvpmaker(argnum, g, ans, args, kwargs)``; the tangents are added."""

    def maker(argnums: Sequence[int], gs: Sequence[Any], ans: Any, *args: Any) -> Any:
        tangents = [jvpmaker(argnum, g, ans, *args) for argnum, g in zip(argnums, gs, strict=True)]
        return tree_map(lambda *parts: sum(parts[1:], parts[0]), *tangents)

    defjvp_argnums(fun, maker)


def defjvp(fun: Any, *jvpmakers: Any, argnums: Iterable[int] | None = None) -> None:
    """Give a forward rule for each argument: ``jvp(g, ans, *args, **kwargs)``, None, or "same" if `fun` is linear."""
    maker_of = _by_argnum(fun, "JVP", jvpmakers, argnums)

    def jvp(argnum: int, g: Any, ans: Any, args: Any, params: Any) -> Any:
        maker = maker_of(argnum)
        if maker == "same":
            return fun(*args[:argnum], g, *args[argnum + 1 :], **params)
        return maker(g, ans, *args, **params) if maker else vspace(ans).zeros()

    defjvp_argnum(fun, jvp)


def def_linear(fun: Any) -> None:
    """Declare that a primitive is linear in each argument."""
    defjvp_argnum(fun, lambda k, g, ans, args, params: fun(*args[:k], g, *args[k + 1 :], **params))


def _by_argnum(fun: Any, what: str, makers: Sequence[Any], argnums: Iterable[int] | None) -> Callable[[int], Any]:
    """The rule of an argument."""
    table = dict(zip(count() if argnums is None else argnums, makers, strict=False))

    def maker_of(argnum: int) -> Any:
        if argnum not in table:
            name = getattr(fun, "__name__", fun)
            raise NotImplementedError(f"{what} of {name} wrt argnums ({argnum},) not defined")
        return table[argnum]

    return maker_of


def _deprecated(fun: Any) -> None:
    """The methods with which rules were given before HIPS autograd 1.2."""
    makers = {}

    def defgrad(gradfun: Any, argnum: int = 0) -> None:
        warnings.warn("defgrad, defvjp_is_zero and defvjp as methods are deprecated: use defvjp", stacklevel=2)
        makers[argnum] = gradfun
        defvjp(fun, *makers.values(), argnums=makers)

    def method(vjp: Function, argnum: int = 0) -> None:
        def maker(ans: Any, *args: Any, **params: Any) -> Function:
            return lambda g: vjp(g, ans, vspace(args[argnum]), vspace(g), *args, **params)

        defgrad(maker, argnum)

    fun.defgrad, fun.defvjp = defgrad, method
    fun.defvjp_is_zero = lambda argnums=(0,): list(map(partial(defgrad, None), argnums))
