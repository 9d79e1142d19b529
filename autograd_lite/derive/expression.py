"""Formulas: what a rule computes, as a tree that can be simplified, evaluated and written down.

A rule is run once on Tensors under a trace; the little graph that this leaves is the formula. Simplifying takes out
what a person would not write: ones, zeros, double signs, double transposes, a broadcast that happens by itself. How a
formula is written is in :mod:`~autograd_lite.derive.writing`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2b
from typing import Any

import numpy as np

from ..graph import Node
from ..primitive import TABLE, Primitive


@dataclass(frozen=True, eq=False)
class Expr:
    """A formula: a name, a number, an array constant, or a row applied to formulas.

    Parts may be shared, so a formula that looks long may be small; whatever walks it sees each part once.
    """

    head: str  # "name", "number", "array", "product", or the name of a row
    args: tuple[Expr, ...] = ()
    value: Any = None  # the name, the number, the array
    params: Mapping[str, Any] = field(default_factory=dict)
    shape: tuple[int, ...] = ()
    row: Primitive | None = None

    @property
    def is_number(self) -> bool:
        return self.head == "number"

    @property
    def is_atom(self) -> bool:
        """A name, a number, or a transpose of one: nothing is gained by calling it something."""
        e = self
        while e.head in ("transpose", "matrix_transpose", "negative") and e.args:
            e = e.args[0]
        return e.head in ("name", "number")

    @cached_property
    def key(self) -> str:
        """Equal for formulas that are the same."""
        value = self.value
        if isinstance(value, np.ndarray):
            value = (value.shape, value.dtype.str, value.tobytes())
        params = sorted((k, _key(v)) for k, v in self.params.items())
        told = repr((self.head, value, params, [a.key for a in self.args]))
        return blake2b(told.encode(), digest_size=16).hexdigest()

    @cached_property
    def names(self) -> frozenset[str]:
        """The names in it."""
        if self.head == "name":
            return frozenset((self.value,))
        return frozenset().union(*(a.names for a in self.args))


def _key(value: Any) -> str:
    return f"{value.shape}{value.dtype}{value.tobytes()!r}" if isinstance(value, np.ndarray) else repr(value)


def name(word: str, shape: tuple[int, ...] = ()) -> Expr:
    return Expr("name", value=word, shape=shape)


def number(value: Any) -> Expr:
    return Expr("number", value=value)


def constant(value: Any) -> Expr:
    """An operand that is no Tensor: a number or an array."""
    array = np.asarray(value)
    if array.ndim == 0 and array.dtype.kind in "biufc":
        return number(array.item())
    return Expr("array", value=array, shape=array.shape)


def walk(e: Expr) -> list[Expr]:
    """Every part of `e` once, arguments first."""
    done: dict[str, Expr] = {}
    stack = [e]
    while stack:  # a formula may be deep: no recursion
        at = stack[-1]
        waiting = [a for a in at.args if a.key not in done]
        if waiting and at.key not in done:
            stack += waiting[::-1]
            continue
        done.setdefault(at.key, at)
        stack.pop()
    return list(done.values())


def substitute(e: Expr, words: Mapping[str, Expr]) -> Expr:
    """`e` with formulas in the place of names, simplified again."""
    if e.names.isdisjoint(words):
        return e
    done: dict[str, Expr] = {}
    for part in walk(e):
        if part.names.isdisjoint(words):
            new = part
        elif part.head == "name":
            new = words[part.value]
        else:
            args = tuple(done[a.key] for a in part.args)
            if part.head == "product":
                new = product(args, part.shape)
            else:
                assert part.row is not None
                new = make(part.row, args, part.params, part.shape)
        done[part.key] = new
    return done[e.key]


def evaluate(e: Expr, env: Mapping[str, Any], known: dict[str, Any] | None = None) -> Any:
    """The value of a formula; `known` remembers the values of its parts."""
    done: dict[str, Any] = {} if known is None else known
    for part in walk(e):
        if part.key in done:
            continue
        if part.head == "name":
            y = env[part.value]
        elif part.head in ("number", "array"):
            y = part.value
        else:
            args = [done[a.key] for a in part.args]
            if part.head == "product":
                y = args[0]
                for a in args[1:]:
                    y = y * a
            else:
                assert part.row is not None
                if part.row.kind != "elementwise":
                    args = [np.asarray(a) for a in args]
                y = part.row.fn(*args, **part.params)
        done[part.key] = y
    return done[e.key]


# -------------------------------------------------------------------------------------------------- simplification


def make(row: Primitive, args: Sequence[Expr], params: Mapping[str, Any], shape: tuple[int, ...]) -> Expr:
    """`row` applied to formulas, without what a person would not write."""
    if (
        args
        and shape == ()
        and "generator" not in params
        and all(a.is_number for a in args)
        and row.kind in ("elementwise", "constant")
    ):
        with np.errstate(all="ignore"):
            return number(np.asarray(row.fn(*(a.value for a in args), **params)).item())
    if row.kind == "elementwise":
        args = _loosened(args, shape)
    simple = _SIMPLER.get(row.name)
    found = simple(row, tuple(args), params, shape) if simple is not None else None
    return found if found is not None else Expr(row.name, tuple(args), None, dict(params), shape, row)


def _loosened(args: Sequence[Expr], shape: tuple[int, ...]) -> list[Expr]:
    """The operands of something entrywise without the broadcasts that happen by themselves."""
    out = list(args)
    for k, a in enumerate(out):
        inner = a
        while inner.head in ("broadcast_to", "reshape") and (
            inner.head == "broadcast_to" or _size(inner.args[0]) == 1
        ):
            inner = inner.args[0]
            others = [b.shape for j, b in enumerate(out) if j != k]
            if _broadcast(inner.shape, *others) == shape:
                out[k] = inner
    return out


def _size(e: Expr) -> int:
    return int(np.prod(e.shape))


def _broadcast(*shapes: tuple[int, ...]) -> Any:
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError:
        return None


def product(factors: Iterable[Expr], shape: tuple[int, ...]) -> Expr:
    """The elementwise product, its numbers gathered in front and its sign in front of that."""
    coefficient: Any = 1
    rest: list[Expr] = []
    stack = list(factors)[::-1]
    while stack:
        f = stack.pop()
        if f.is_number:
            coefficient = coefficient * f.value
        elif f.head == "product":
            stack += f.args[::-1]
        elif f.head == "negative":
            coefficient = -coefficient
            stack.append(f.args[0])
        elif f.head == "broadcast_to" and f.args[0].is_number:
            coefficient = coefficient * f.args[0].value
        elif f.head == "array" and f.value.size and f.value.size == np.count_nonzero(f.value == 1):
            continue
        else:
            rest.append(f)
    if coefficient == 0 or not rest:
        return number(coefficient)
    rest = _powers(_loosened(rest, shape))
    below = [f.args[1] for f in rest if f.head == "divide"]
    if below:
        above = [g for f in rest for g in ((f.args[0],) if f.head == "divide" else (f,))]
        parts = [
            product(_with(coefficient, above), _broadcast(*(f.shape for f in above)) or ()),
            product(below, _broadcast(*(f.shape for f in below)) or ()),
        ]
        full = _broadcast(parts[0].shape, parts[1].shape)
        if parts[0].head == "negative":
            inner = Expr("divide", (parts[0].args[0], parts[1]), None, {}, full, TABLE["divide"])
            return Expr("negative", (inner,), shape=full, row=TABLE["negative"])
        return Expr("divide", tuple(parts), None, {}, full, TABLE["divide"])
    sign = not isinstance(coefficient, complex) and coefficient < 0
    size = -coefficient if sign else coefficient
    parts = rest if size == 1 else [number(size), *rest]
    full = _broadcast(*(f.shape for f in parts))
    body = (
        parts[0] if len(parts) == 1 else Expr("product", tuple(parts), shape=shape if full is None else full)
    )
    return Expr("negative", (body,), shape=body.shape, row=TABLE["negative"]) if sign else body


def _powers(factors: list[Expr]) -> list[Expr]:
    """``y * y`` as the square that it is."""
    out: list[Expr] = []
    for f in factors:
        same = [k for k, h in enumerate(out) if h.key == f.key or h.head == "square" and h.args[0].key == f.key]
        if same and out[same[0]].key == f.key:
            out[same[0]] = Expr("square", (f,), None, {}, f.shape, TABLE["square"])
        else:
            out.append(f)
    return out


def _with(coefficient: Any, factors: list[Expr]) -> list[Expr]:
    return factors if coefficient == 1 else [number(coefficient), *factors]


def _multiply(row: Primitive, args: Any, params: Any, shape: Any) -> Expr:
    a, b = args
    if a.key == b.key and not a.is_number:
        return make(TABLE["square"], (a,), {}, shape)
    return product(args, shape)


def _negative(row: Primitive, args: Any, params: Any, shape: Any) -> Expr:
    return product((number(-1), *args), shape)


def _square(row: Primitive, args: Any, params: Any, shape: Any) -> Expr | None:
    (x,) = args
    if x.is_number:
        return number(x.value * x.value)
    return make(row, x.args, {}, shape) if x.head == "negative" else None


def _add(row: Primitive, args: Any, params: Any, shape: Any) -> Expr | None:
    a, b = args
    if a.is_number and b.is_number:
        return number(a.value + b.value)
    if _zero(a) and b.shape == shape:
        return b  # type: ignore[no-any-return]  # an Expr
    if _zero(b) and a.shape == shape:
        return a  # type: ignore[no-any-return]  # an Expr
    if b.head == "negative":
        return make(TABLE["subtract"], (a, b.args[0]), {}, shape)
    if b.is_number and not isinstance(b.value, complex) and b.value < 0:
        return make(TABLE["subtract"], (a, number(-b.value)), {}, shape)
    if a.head == "negative":
        return make(TABLE["subtract"], (b, a.args[0]), {}, shape)
    (c, x), (d, y) = _coefficient(a), _coefficient(b)
    return product((number(c + d), x), shape) if x.key == y.key else None


def _coefficient(e: Expr) -> tuple[Any, Expr]:
    """``3 * x`` as 3 and x."""
    if e.head == "product" and e.args[0].is_number:
        rest = e.args[1:]
        return e.args[0].value, rest[0] if len(rest) == 1 else product(rest, e.shape)
    return 1, e


def _subtract(row: Primitive, args: Any, params: Any, shape: Any) -> Expr | None:
    a, b = args
    if a.is_number and b.is_number:
        return number(a.value - b.value)
    if _zero(b) and a.shape == shape:
        return a  # type: ignore[no-any-return]  # an Expr
    if _zero(a) and b.shape == shape:
        return product((number(-1), b), shape)
    if b.head == "negative":
        return make(TABLE["add"], (a, b.args[0]), {}, shape)
    if a.head == "product" and b.key in [f.key for f in a.args] or a.head == "product" == b.head:
        return _common(a, b, shape)
    return None


def _common(a: Expr, b: Expr, shape: tuple[int, ...]) -> Expr | None:
    """``g * y - y * s`` as ``y * (g - s)``: what two products share is put in front."""
    left, right = list(a.args), list(b.args) if b.head == "product" else [b]
    shared = [f for f in left if not f.is_number and f.key in {h.key for h in right}]
    if not shared:
        return None
    for f in shared:
        left = _without(left, f)
        right = _without(right, f)
    one = number(1)
    rest = [product(part or (one,), _broadcast(*(f.shape for f in part)) or ()) for part in (left, right)]
    inner = make(TABLE["subtract"], rest, {}, _broadcast(rest[0].shape, rest[1].shape) or ())
    return product((*shared, inner), shape)


def _without(factors: list[Expr], f: Expr) -> list[Expr]:
    k = next(k for k, h in enumerate(factors) if h.key == f.key)
    return factors[:k] + factors[k + 1 :]


def _divide(row: Primitive, args: Any, params: Any, shape: Any) -> Expr | None:
    a, b = args
    if b.is_number and b.value == 1 and a.shape == shape:
        return a  # type: ignore[no-any-return]  # an Expr
    if a.is_number and b.is_number and b.value:
        return number(a.value / b.value)
    if a.head == "divide":
        below = product((a.args[1], b), _broadcast(a.args[1].shape, b.shape) or ())
        return make(row, (a.args[0], below), {}, shape)
    if b.is_number and a.head in ("product", "negative") and b.value and any(f.is_number for f in a.args):
        return product((number(1 / b.value), a), shape)
    if a.head == "negative":
        return product((number(-1), make(row, (a.args[0], b), {}, shape)), shape)
    return None


def _reciprocal(row: Primitive, args: Any, params: Any, shape: Any) -> Expr:
    return make(TABLE["divide"], (number(1), *args), {}, shape)


def _power(row: Primitive, args: Any, params: Any, shape: Any) -> Expr | None:
    base, exponent = args
    if exponent.is_number and exponent.value == 1 and base.shape == shape:
        return base  # type: ignore[no-any-return]  # an Expr
    if exponent.is_number and exponent.value == 2 and base.shape == shape:
        return make(TABLE["square"], (base,), {}, shape)
    if exponent.is_number and exponent.value == 0:
        return number(1)
    return None


def _transpose(row: Primitive, args: Any, params: Any, shape: Any) -> Expr | None:
    (x,) = args
    axes = params.get("axes")
    ndim = len(x.shape)
    if x.is_number or ndim < 2 and row.name == "transpose" or axes == tuple(range(ndim)):
        return x  # type: ignore[no-any-return]  # an Expr
    if ndim == 2:
        if x.head in ("transpose", "matrix_transpose"):
            return x.args[0]  # type: ignore[no-any-return]  # an Expr
        if row.name != "transpose" or axes is not None:
            return make(TABLE["transpose"], args, {"axes": None}, shape)
    if x.head == "matrix_transpose" == row.name:
        return x.args[0]  # type: ignore[no-any-return]  # an Expr
    return None


def _swapaxes(row: Primitive, args: Any, params: Any, shape: Any) -> Expr | None:
    ndim = len(args[0].shape)
    axes = sorted(k % max(ndim, 1) for k in (params.get("axis1", 0), params.get("axis2", 0)))
    return make(TABLE["matrix_transpose"], args, {}, shape) if axes == [ndim - 2, ndim - 1] else None


def _dot(row: Primitive, args: Any, params: Any, shape: Any) -> Expr | None:
    a, b = args
    if len(a.shape) == 0 or len(b.shape) == 0:
        return product(args, shape)
    if len(a.shape) == 2 and len(b.shape) == 2 and a.shape[1] == b.shape[0] == 1:
        column, line = _stripped(a, 1), _stripped(b, 0)
        if column is not None and line is not None:  # a column by a line
            return Expr("outer", (column, line), None, {}, shape, TABLE["outer"])
    if row.name == "dot" and len(a.shape) <= 2 and len(b.shape) <= 2:
        return Expr("matmul", args, None, {}, shape, TABLE["matmul"])
    return None


def _stripped(e: Expr, axis: int) -> Expr | None:
    """The vector that was given an axis of length 1 to be a column or a line."""
    if (
        e.head in ("getitem", "reshape", "expand_dims")
        and len(e.args[0].shape) == 1
        and e.shape[1 - axis] == e.args[0].shape[0]
    ):
        return e.args[0]
    return None


def _same(row: Primitive, args: Any, params: Any, shape: Any) -> Expr | None:
    """A row that here changes nothing."""
    return args[0] if args[0].shape == shape else None


def _reshape(row: Primitive, args: Any, params: Any, shape: Any) -> Expr | None:
    (x,) = args
    if x.shape == shape:
        return x  # type: ignore[no-any-return]  # an Expr
    if x.head == "matmul" and (average := _average(x, shape)) is not None:
        return average
    if x.head == "reshape" and params.get("order", "C") == x.params.get("order", "C") == "C":
        return make(row, x.args, params, shape)
    return Expr("reshape", args, None, {**params, "shape": shape}, shape, TABLE["reshape"])


def _average(product_: Expr, shape: tuple[int, ...]) -> Expr | None:
    """A product with ``[1 / n, 1 / n, ...]``, which is quicker than a mean along the last axes, as that mean."""
    x, share = product_.args
    x = x.args[0] if x.head == "reshape" else x
    if share.head != "array" or share.value.ndim != 1 or not share.value.size:
        return None
    kept = next((k for k in range(len(x.shape)) if int(np.prod(x.shape[k:])) == share.value.size), None)
    if kept is None or not np.all(share.value == 1 / share.value.size):
        return None
    if shape != (*x.shape[:kept], *(1,) * (len(x.shape) - kept)):
        return None
    axes = tuple(range(kept, len(x.shape)))
    return Expr("mean", (x,), None, {"axis": axes, "keepdims": True}, shape, TABLE["mean"])


def _broadcast_to(row: Primitive, args: Any, params: Any, shape: Any) -> Expr | None:
    (x,) = args
    if x.shape == shape:
        return x  # type: ignore[no-any-return]  # an Expr
    return make(row, x.args, params, shape) if x.head == "broadcast_to" else None


def _where(row: Primitive, args: Any, params: Any, shape: Any) -> Expr | None:
    """A guard that never strikes is not written: ``where(False, 1, x)``."""
    mask, a, b = args
    if a.key == b.key and (a.shape == shape or a.is_number):
        return a  # type: ignore[no-any-return]  # an Expr
    if mask.is_number:  # an array of the example's values would be another matter: it might strike elsewhere
        chosen = a if mask.value else b
        return chosen if chosen.shape == shape or chosen.is_number else None
    return None


def _linear(row: Primitive, args: Any, params: Any, shape: Any) -> Expr:
    """A layer is what it computes: ``x @ weight.T + bias``."""
    x, weight, *bias = args
    y = make(
        TABLE["matmul"],
        (x, make(TABLE["transpose"], (weight,), {"axes": None}, weight.shape[::-1])),
        {},
        shape,
    )
    return make(TABLE["add"], (y, *bias), {}, shape) if bias else y


def _getitem(row: Primitive, args: Any, params: Any, shape: Any) -> Expr | None:
    """``(A @ x[..., None])[..., 0]`` is ``A @ x``."""
    (x,) = args
    if repr(params.get("index")) == "(Ellipsis, 0)" and x.head == "matmul":
        a, b = x.args
        if b.head == "getitem" and repr(b.params.get("index")) == "(Ellipsis, None)" and len(b.shape) == 2:
            return Expr("matmul", (a, b.args[0]), None, {}, shape, TABLE["matmul"])
    return None


def _and(row: Primitive, args: Any, params: Any, shape: Any) -> Expr | None:
    neutral = row.name in ("bitwise_and", "logical_and")
    for a, b in (args, args[::-1]):
        if a.is_number and isinstance(a.value, bool):
            return b if a.value is neutral else number(a.value)
    return None


def unguarded(e: Expr) -> Expr:
    """A rule's formula without its care for infinities and nan, which nobody writes on a board."""
    done: dict[str, Expr] = {}
    for part in walk(e):
        args = tuple(done[a.key] for a in part.args)
        if part.head == "where" and any(
            test.head in ("isinf", "isnan", "isfinite") for test in walk(part.args[0])
        ):
            new = args[2] if args[2].shape == part.shape else part
        elif part.head == "product":
            new = product(args, part.shape)
        else:
            new = make(part.row, args, part.params, part.shape) if part.row is not None and args else part
        done[part.key] = new
    return done[e.key]


def _zero(e: Expr) -> bool:
    return e.is_number and not e.value or e.head == "array" and e.value.size > 0 and not e.value.any()


_SIMPLER: dict[str, Callable[..., Expr | None]] = {
    "multiply": _multiply, "negative": _negative, "square": _square, "add": _add, "subtract": _subtract,
    "divide": _divide, "reciprocal": _reciprocal, "power": _power, "transpose": _transpose,
    "matrix_transpose": _transpose, "swapaxes": _swapaxes, "dot": _dot, "matmul": _dot, "where": _where,
    "linear": _linear, "getitem": _getitem, "bitwise_and": _and, "bitwise_or": _and, "logical_and": _and,
    "logical_or": _and, "positive": _same, "copy": _same, "stop_gradient": _same, "input": _same,
    "reshape": _reshape, "broadcast_to": _broadcast_to,
}  # fmt: skip

_IF_REAL = ("conjugate", "real", "astype")


def applied(n: Node, args: Sequence[Expr], dtypes: Sequence[Any]) -> Expr:
    """What a recorded node computes from formulas for its arguments."""
    assert n.row is not None
    if n.row.name in _IF_REAL and dtypes[0] == n.dtype and n.dtype.kind != "c" and args[0].shape == n.shape:
        return args[0]
    return make(n.row, args, n.params, n.shape)


def of_graph(node: Node, known: Mapping[Node, Expr]) -> Expr:
    """The formula that a node stands for, down to the nodes that are `known`."""
    done: dict[Node, Expr] = dict(known)
    stack = [node]
    while stack:
        n = stack[-1]
        if n in done:
            stack.pop()
            continue
        if n.row is None:
            done[n] = constant(n.y)
            continue
        waiting = [p for p in n.parents if p is not None and p not in done]
        if waiting:
            stack += waiting
            continue
        args = [constant(x) if p is None else done[p] for p, x in zip(n.parents, n.xs, strict=True)]
        done[n] = applied(n, args, n.dtypes)
        stack.pop()
    return done[node]


def conjugated(e: Expr) -> Expr:
    """The complex conjugate, moved inwards to the names."""
    if e.is_number:
        return number(np.conj(e.value).item())
    if e.head == "conjugate":
        return e.args[0]
    if e.head == "product":
        return product([conjugated(f) for f in e.args], e.shape)
    if e.head in (
        "matmul",
        "negative",
        "add",
        "subtract",
        "divide",
        "transpose",
        "matrix_transpose",
        "reshape",
        "sum",
        "square",
    ):
        assert e.row is not None
        return make(e.row, [conjugated(a) for a in e.args], e.params, e.shape)
    return Expr("conjugate", (e,), None, {}, e.shape, TABLE["conjugate"])


def parts_of(e: Expr) -> Iterator[tuple[Expr, int]]:
    """Every part with the number of its uses."""
    found = walk(e)
    uses: dict[str, int] = {e.key: 1}
    for part in found:
        for a in part.args:
            uses[a.key] = uses.get(a.key, 0) + 1
    return ((part, uses[part.key]) for part in found)
