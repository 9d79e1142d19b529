"""The graph: nodes that point backwards, and the two walks over them.

A node is one call of one row. It knows the nodes of its arguments and never what came after it, so there are no
cycles: a graph lives exactly as long as somebody holds its end. The order in which nodes were made is already a
topological order (`order`, falling), so a walk needs no recursion and no sorting: a heap of what is waiting.

`pull_back` carries cotangents from results to arguments (reverse mode), `push_forward` carries tangents the other way.
Both run on arrays, or, given `lift`, on whatever `lift` makes of a kept value (Tensors, so that the walk is itself
recorded and can be differentiated).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from heapq import heapify, heappop, heappush
from itertools import count
from operator import attrgetter
from typing import Any, ClassVar, Self, TypeVar

import numpy as np

from ..base import memory
from ..table import Primitive

NEEDS = 1  # a gradient may be asked for
TRACED = 2  # somebody is writing the program down
SMALL = 64  # a result of at most so many numbers is always kept, for pictures and derivations

next_order = count(0, -1).__next__  # later is smaller, so that a heap gives the latest node first
#: The order of the last write to any input: a graph made after it needs no check. (Not an attribute of Node: to set one
#: empties the interpreter's caches for the class, at 3 µs a step.)
LATEST_WRITE = [1]
_NOTHING: dict[str, Any] = {}
AnyError = TypeVar("AnyError", bound=Exception)


class Storage:
    """A piece of memory that the user may write to, shared by the input that owns it and all views of that.

    Attributes
    ----------
    version : int
        When it was last written to, on the scale of `Node.order` (falling); 1 if never.
    shaped : int
        When its input was last given an array of another shape or dtype.
    name : str or None
        That of the input.
    """

    __slots__ = ("name", "shaped", "version")

    def __init__(self, name: str | None = None) -> None:
        self.version = self.shaped = 1
        self.name = name


OURS = Storage()  # of every array that the engine allocated: nobody writes there


class Node:
    """One recorded call: `row` on `parents`, or an input where `row` is None.

    Attributes
    ----------
    row : Primitive or None
    parents : tuple of (Node or None)
        One for each array argument; None for a constant that is no Tensor, whose value is in `xs`.
    xs : tuple
        The argument values that a rule needs (None where not kept).
    y : ndarray or None
        The result, where a rule needs it, it is an input, or it is small.
    params : dict
        The keyword parameters, canonical.
    live : int
        NEEDS and TRACED.
    storage : Storage
        The memory in which its array lies, with the time of the last write to it.
    """

    name: str | None = None
    storage = OURS
    parts: Any = None  # (shape, dtype) of each result, where the row has several; then `shape` is () and `dtype` common
    hooks: Any = None  # functions of the cotangent, in the order of registration
    keeper: Any = None  # a weak reference to the Tensor whose .grad backward() fills
    graded: int | None = None  # the version at which a gradient was last delivered

    group: Any = None  # the composite call or the module during which this was recorded
    code: Any = None  # where the user wrote it: a code object …
    at: int = -1  # … and an instruction offset in it, never a frame

    def __init__(
        self, row: Primitive | None, parents: tuple[Node | None, ...], xs: Any, y: Any, shape: tuple[int, ...],
        dtype: Any, live: int, params: dict[str, Any] = _NOTHING,
    ) -> None:  # fmt: skip
        self.row = row
        self.parents = parents
        self.xs: Any = xs  # None once freed
        self.y = y
        self.shape = shape
        self.dtype = dtype
        self.live = live
        self.params = params
        self.order = next_order()

    def shape_of(self, k: int) -> tuple[int, ...]:
        """The shape of argument `k`."""
        p = self.parents[k]
        return np.shape(self.xs[k]) if p is None else p.shape

    @property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """The shapes of the arguments."""
        return tuple(self.shape_of(k) for k in range(len(self.parents)))

    @property
    def dtypes(self) -> tuple[Any, ...]:
        """The dtypes of the arguments."""
        return tuple(np.result_type(x) if p is None else p.dtype for p, x in zip(self.parents, self.xs, strict=True))

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def version(self) -> int:
        """When its array was last written to, on the scale of `order`."""
        return self.storage.version

    @property
    def label(self) -> str:
        """What an error message calls it."""
        made = self.parents[0] if self.row is not None and self.row.name == "result" else self
        called = made.row.name if made is not None and made.row is not None else "input"
        what = "an input" if called == "input" else f"the result of {called}"
        return f"{self.name!r}, {what} of shape {self.shape}," if self.name else f"{what} of shape {self.shape}"

    @property
    def origin(self) -> str:
        """``file:line`` of the user's code that made it, or ''."""
        if self.code is None:
            return ""
        line = next((ln for start, end, ln in self.code.co_lines() if start <= self.at < end), None)
        return f"{self.code.co_filename}:{line}"

    def __repr__(self) -> str:
        return f"<Node {self.row.name if self.row else 'input'} {self.name or ''} {self.shape}>"


class GraphView:
    """Base of what shows a recorded graph. It never changes, so that a copy is itself; it cannot be pickled."""

    instead: ClassVar[str]  # what to write

    def __reduce_ex__(self, protocol: Any) -> Any:
        raise TypeError(
            f"a {type(self).__name__} cannot be pickled, because its graph holds functions and tensors; {self.instead}"
        )

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: Any) -> Self:
        return self


# --------------------------------------------------------------------------------------------------------- the order


def ancestors(roots: Iterable[Node], live: int = NEEDS, since: int = 1) -> list[Node]:
    """Every node that `roots` depend on and that is `live` (roots included), latest first.

    Nothing made before the node of order `since` is looked at.
    """
    stack = list(roots)
    seen = set(stack)
    found = []
    while stack:  # not recursion: a chain may be 100,000 long
        node = stack.pop()
        found.append(node)
        for p in node.parents:
            if p is not None and p.live & live and p not in seen and p.order <= since:
                seen.add(p)
                stack.append(p)
    found.sort(key=attrgetter("order"))
    return found


def between(roots: Iterable[Node], inputs: Iterable[Node], live: int = NEEDS) -> list[Node]:
    """The nodes on some way from `inputs` to `roots`, both included, latest first."""
    on = set(inputs)
    since = max((n.order for n in on), default=1)
    nodes = ancestors(roots, live, since)
    for node in reversed(nodes):
        if node not in on and not on.isdisjoint(node.parents):
            on.add(node)
    return [node for node in nodes if node in on]


# ------------------------------------------------------------------------------------------------------ reverse mode


def pull_back(
    roots: Mapping[Node, Any],
    inputs: Iterable[Node] | None = None,
    lift: Callable[[Any, Node | None], Any] | None = None,
    free: bool = False,
    watch: Any = None,
    through: bool = True,
) -> dict[Node, Any]:
    """Carry the cotangents of `roots` back to `inputs`, or to every leaf that needs one.

    Parameters
    ----------
    roots : mapping of Node to cotangent
        Of the node's shape; for a row with several results a tuple.
    inputs : iterable of Node, optional
        Where to stop and what to report. By default every node with a `keeper`: the leaves.
    lift : callable, optional
        ``lift(value, node)`` turns a kept value into what the rules should see.
    free : bool
        Let go of the kept arrays on the way.
    watch : optional
        Anomaly mode: ``watch.check(node)`` is called before the rules of a node, ``watch.pulled(node, parent,
        cotangent)`` after each.
    through : bool
        Whether to call the hooks of `inputs` and walk on from one to another that it was made from. Not in a walk
        inside another, which does both.

    Returns
    -------
    dict
        Node to cotangent. An array in it may be shared with others.
    """
    if memory.PIN is None:
        memory.keep_freed()
    on = wanted = None
    if inputs is not None:
        wanted = set(inputs)
        on = set(between(roots, wanted))
    pending: dict[Node, Any] = {n: g for n, g in roots.items() if on is None or n in on}
    heap = [(n.order, n) for n in pending]
    heapify(heap)
    latest_write = LATEST_WRITE[0]
    found: dict[Node, Any] = {}
    while heap:  # the latest node first: all its uses have been met by then
        n = heappop(heap)[1]
        g = pending.pop(n)
        if n.hooks is not None and (through or wanted is None or n not in wanted):
            for hook in n.hooks:
                g = hook(g, lift)
            latest_write = LATEST_WRITE[0]  # a hook may write
        if (n.keeper is not None) if wanted is None else (n in wanted):
            found[n] = g
            if not through:
                continue
        row, y, xs = n.row, n.y, n.xs
        if row is None:
            continue
        if xs is None:
            raise _freed_error(n)
        if n.order > latest_write:
            _check_unchanged(n, on)
        if watch is not None:
            watch.check(n)
        if lift is not None:
            y, xs = _lifted(n, lift)
        conjugate = n.dtype.kind == "c" and row.holomorphic
        if conjugate:
            g = _conjugate(g)
        pulls, d = row.pulls, None
        i = -1
        for p in n.parents:
            i += 1
            if p is None or not (p.live & NEEDS if on is None else p in on) or (pull := pulls[i]) is None:
                continue
            try:
                d = pull(g, y, xs, n)
                if type(d) is not tuple:
                    if conjugate:
                        d = np.conj(d)
                    if d.shape != p.shape:
                        d = sum_to(d, p.shape, n, p)
                    if d.dtype is not p.dtype:
                        d = _cast(d, p.dtype, n)
                elif p.parts is None:  # a tuple goes to a row with several results
                    raise _rule_error(d, n, p)
                elif conjugate:
                    d = _conjugate(d)
            except Exception as error:
                _point(error, d, n, p)
                raise
            if watch is not None:
                watch.pulled(n, p, d)
            if p in pending:
                pending[p] = _plus(pending[p], d)
            else:
                pending[p] = d
                if p.row is not None or p.hooks is not None or on is not None:
                    heappush(heap, (p.order, p))
        if free:
            n.xs = None
            n.y = None
    for n, g in pending.items():  # leaves without hooks need not wait for their turn
        if n.keeper is not None:
            found[n] = g  # noqa: PERF403 - an update() would make a second dict
    return found


def sum_to(d: Any, shape: tuple[int, ...], n: Node, p: Node) -> Any:
    """Undo a broadcast: sum `d` over the axes along which an argument of `shape` was repeated."""
    extra = d.ndim - len(shape)
    axes = tuple(range(extra)) + tuple(
        k + extra for k, (have, want) in enumerate(zip(d.shape[extra:], shape, strict=False)) if want == 1 and have != 1
    )
    elementwise = n.row is not None and n.row.kind == "elementwise"
    if extra < 0 or any(want not in (1, have) for have, want in zip(d.shape[extra:], shape, strict=True)):
        if elementwise:
            return _stretch(d, shape, n, p)
        raise _shape_error(d, shape, n, p)
    if elementwise and d.shape != n.shape or d.ndim > n.ndim and n.row is not None and not n.row.ours and not n.parts:
        raise _shape_error(d, shape, n, p)
    if not axes:
        return d.reshape(shape)
    if type(d) is np.ndarray and d.dtype.char in "fd" and d.size:
        return _sum(d, axes).reshape(shape)
    # Half precision overflows and stagnates: it is accumulated in single, and single in double.
    return np.sum(d, axis=axes, dtype={"e": np.float32, "f": np.float64}.get(d.dtype.char, d.dtype)).reshape(shape)


def _sum(d: Any, axes: tuple[int, ...]) -> Any:
    """The sum along `axes`, in ascending order, of which each stays with length 1: as accurate as a pairwise sum.

    NumPy adds pairwise along the last axis alone; along another its float32 has an error of n roundings. A product
    with ones is quicker, and one in blocks of about sqrt(n) has an error of 2 sqrt(n) roundings at most.
    """
    while axes:
        start = stop = axes[-1]
        while start - 1 in axes:
            start -= 1
        axes = axes[: start - stop - 1]
        kept = (*d.shape[:start], *(1,) * (stop + 1 - start), *d.shape[stop + 1 :])
        size, after = math.prod(d.shape[start : stop + 1]), math.prod(d.shape[stop + 1 :])
        if after == 1 and start:
            d = np.add.reduce(d.reshape(*d.shape[:start], size), axis=-1)
        elif size <= _BLOCK:
            d = ones(size, d.dtype).dot(d.reshape(size, after)) if start == 0 else (
                np.matmul(ones(size, d.dtype), d.reshape(-1, size, after))
            )
        else:
            block = math.isqrt(size)
            whole = size - size % block
            lines = d.reshape(-1, size, after)
            sums = np.matmul(ones(block, d.dtype), lines[:, :whole].reshape(-1, whole // block, block, after))
            d = np.matmul(ones(whole // block, d.dtype), sums)
            if whole < size:
                d = d + np.matmul(ones(size - whole, d.dtype), lines[:, whole:])
        d = d.reshape(kept)
    return d


_BLOCK = 512  # up to so many entries one product is accurate enough


@lru_cache(maxsize=64)
def ones(shape: int | tuple[int, ...], dtype: Any) -> np.ndarray[Any, Any]:
    """Ones, made once; locked, because everybody gets the same."""
    made = np.ones(shape, dtype)
    made.setflags(write=False)
    return made


def _stretch(d: Any, shape: tuple[int, ...], n: Node, p: Node) -> Any:
    """A partial that does not depend on this argument may come out smaller than the argument."""
    try:
        return np.broadcast_to(d, shape)
    except ValueError:
        raise _shape_error(d, shape, n, p) from None


def _cast(d: Any, dtype: Any, n: Node) -> Any:
    """`d`, which came out of `n`, in another dtype."""
    if d.dtype.kind not in "biufc" or dtype.kind not in "biufc":
        raise noted(
            TypeError(
                f"{n.row.name if n.row else 'input'}: no gradient can pass through data of dtype "
                f"{dtype if d.dtype.kind in 'biufc' else d.dtype}; make the arrays numbers, .astype(float)"
            ),
            n,
        )
    if d.dtype.kind == "c" and dtype.kind != "c":
        d = d.real
    return d if d.dtype == dtype else d.astype(dtype)


def _conjugate(d: Any) -> Any:
    if type(d) is tuple:
        return tuple(None if part is None else np.conj(part) for part in d)
    return np.conj(d)


def _plus(a: Any, b: Any) -> Any:
    if type(a) is tuple:
        return tuple(q if p is None else p if q is None else p + q for p, q in zip(a, b, strict=True))
    return a + b


def _lifted(n: Node, lift: Callable[[Any, Node | None], Any]) -> tuple[Any, tuple[Any, ...]]:
    """The kept values of a node as things whose use is recorded."""
    if n.row is not None and n.row.order == 1:
        raise _order_error(n)
    xs = tuple(
        x if x is None or p is None and type(x) is not np.ndarray else lift(x, p)
        for p, x in zip(n.parents, n.xs, strict=True)
    )
    return (None if n.y is None else lift(n.y, n)), xs


# ------------------------------------------------------------------------------------------------------ forward mode


def push_forward(
    outputs: Iterable[Node], tangents: Mapping[Node, Any], lift: Callable[[Any, Node | None], Any], record: bool = False
) -> dict[Node, Any]:
    """Carry the tangents of inputs forward to `outputs`; those that depend on no input are missing from the result."""
    outputs = list(outputs)
    known: dict[Node, Any] = dict(tangents)
    path = between(outputs, known)
    on = set(path)
    latest_write = LATEST_WRITE[0]
    for n in reversed(path):
        if n in known or n.row is None:
            continue
        if n.xs is None:
            raise _freed_error(n)
        if n.order > latest_write:
            _check_unchanged(n, on)
        y, xs = _lifted(n, lift) if record else (n.y, n.xs)
        t = _push(n, [known.get(p) if p is not None else None for p in n.parents], y, xs, lift)
        if type(t) is not tuple:
            if t.shape != n.shape:
                t = np.broadcast_to(t, n.shape)
            if t.dtype is not n.dtype:
                t = _cast(t, n.dtype, n)
        known[n] = t
    return {n: known[n] for n in outputs if n in known}


def _push(n: Node, ts: list[Any], y: Any, xs: tuple[Any, ...], lift: Callable[[Any, Node | None], Any]) -> Any:
    """The tangent of one node's result: what the kind of its row says, so that no row writes a forward rule."""
    row = n.row
    assert row is not None
    with_tangent = [i for i, t in enumerate(ts) if t is not None and row.pulls[i] is not None]
    if row.jvp is not None:
        return row.jvp(ts, y, xs, n)
    if not with_tangent or not row.holomorphic and any(d.kind == "c" for d in n.dtypes):
        return _transposed(n, ts, y, xs, lift)
    if row.kind == "elementwise":
        terms = [row.pulls[i](ts[i], y, xs, n) for i in with_tangent]
    elif row.kind == "bilinear":
        terms = [_called(n, [ts[i] if j == i else x for j, x in enumerate(xs)]) for i in with_tangent]
    elif row.kind == "linear":
        full = [
            x if row.rule(i) is None else np.zeros(n.shape_of(i), n.dtype) if t is None else t
            for i, (t, x) in enumerate(zip(ts, xs, strict=True))
        ]
        return _called(n, full)
    else:
        return _transposed(n, ts, y, xs, lift)
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total


def _called(n: Node, xs: Sequence[Any]) -> Any:
    """The node's function on other values; where one of them is a Tensor this is recorded."""
    assert n.row is not None
    record = next((x.__autograd_record__ for x in xs if hasattr(x, "__autograd_record__")), None)
    return n.row.fn(*xs, **n.params) if record is None else record(n.row, xs, n.params)


def _transposed(n: Node, ts: list[Any], y: Any, xs: tuple[Any, ...], lift: Callable[[Any, Node | None], Any]) -> Any:
    """A vjp is linear in its cotangent, so the jvp is its transpose: pull the tangents back through the rule itself."""
    row = n.row
    assert row is not None
    several = n.parts is not None
    seeds = [Node(None, (), (), None, shape, dtype, NEEDS) for shape, dtype in n.parts or ((n.shape, n.dtype),)]
    gs = tuple(lift(np.zeros(s.shape, s.dtype), s) for s in seeds)
    conjugate = row.holomorphic and n.dtype.kind == "c"
    totals: list[Any] = [None] * len(seeds)
    for i, t in enumerate(ts):
        if t is None or row.pulls[i] is None:
            continue
        v = row.pulls[i](gs if several else gs[0], y, xs, n)
        if getattr(v, "_node", None) is None:
            continue
        if v.shape != t.shape:
            v = sum_to(v, t.shape, n, n.parents[i] or n)
        recorded = lift if hasattr(t, "_node") or any(hasattr(x, "_node") for x in xs) else None
        parts = pull_back({v._node: np.conj(t) if conjugate else t}, seeds, recorded)
        for k, seed in enumerate(seeds):
            if seed in parts:
                part = np.conj(parts[seed]) if conjugate else parts[seed]
                totals[k] = part if totals[k] is None else totals[k] + part
    full = tuple(np.zeros(s.shape, s.dtype) if t is None else t for t, s in zip(totals, seeds, strict=True))
    return full if several else full[0]


# ------------------------------------------------------------------------------------------------------------ errors


def _check_unchanged(n: Node, on: Any) -> None:
    """Refuse if an argument value that a rule is about to use has been overwritten."""
    row = n.row
    assert row is not None
    uses = 0
    for i, p in enumerate(n.parents):
        if p is not None and (p.live & NEEDS if on is None else p in on):
            uses |= row.uses[i]
    for k, p in enumerate(n.parents):
        if p is None or not (p.storage.shaped < n.order or uses & (2 << k) and p.storage.version < n.order):
            continue
        owner = p.storage.name
        label = f"{p.label}, which looks into {owner!r}," if owner and owner != p.name else p.label
        what = "was given an array of another shape or dtype" if p.storage.shaped < n.order else "has changed"
        raise noted(
            RuntimeError(
                f"backward through {row.name}: {label} {what} since {row.name} used it, and the derivative needs "
                "what it was. Call backward() before you update it, or compute the loss again"
            ),
            n,
        )


def _freed_error(n: Node) -> RuntimeError:
    return noted(
        RuntimeError(
            f"backward through {n.label}: its arrays were freed by an earlier backward(retain_graph=False). "
            "Leave retain_graph out of the first backward() if you need a second one"
        ),
        n,
    )


def _order_error(n: Node) -> NotImplementedError:
    assert n.row is not None
    return noted(
        NotImplementedError(
            f"{n.row.name} has a first derivative only (its rule is declared order=1): a second derivative through it "
            "is not available"
        ),
        n,
    )


def _rule_error(d: Any, n: Node, p: Node) -> TypeError:
    assert n.row is not None
    return noted(
        TypeError(
            f"{n.row.name}: the rule for argument {n.parents.index(p) + 1} returned {type(d).__name__}, not an array; "
            f"it should return the cotangent of that argument, of shape {p.shape}"
        ),
        n,
    )


def _shape_error(d: Any, shape: tuple[int, ...], n: Node, p: Node) -> ValueError:
    assert n.row is not None
    return noted(
        ValueError(
            f"{n.row.name}: the rule for argument {n.parents.index(p) + 1} returned shape {d.shape}, but the argument "
            f"has shape {shape} (the result {n.shape}); a rule returns the argument's shape, or a shape that sums down "
            "to it"
        ),
        n,
    )


def noted(error: AnyError, n: Node) -> AnyError:
    """`error` with the user's line, where it is known."""
    note = f"recorded at {n.origin}"
    if n.code is not None and note not in getattr(error, "__notes__", ()):
        error.add_note(note)
    return error


def _point(error: Exception, d: Any, n: Node, p: Node) -> None:
    """Point what went wrong in a rule at the user's line; say it if what the rule returned, `d`, was no array."""
    if isinstance(error, AttributeError) and error.name == "shape" and error.obj is d:
        raise _rule_error(d, n, p) from None
    noted(error, n)
