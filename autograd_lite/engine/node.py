"""The graph: nodes that point backwards.

A node is one call of one row. It knows the nodes of its arguments and never what came after it, so there are no
cycles: a graph lives exactly as long as its last node is referenced. The order in which nodes were made is already a
topological order (`order`, falling), so no pass over a graph needs recursion.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from operator import attrgetter
from typing import Any, ClassVar, Self, TypeAlias

import numpy as np

from ..table import Primitive
from .versions import EARLIEST, OURS, next_order

Shape: TypeAlias = tuple[int, ...]
Values: TypeAlias = tuple[Any, ...]
Params: TypeAlias = dict[str, Any]  # keyword parameters, by name
Function: TypeAlias = Callable[..., Any]

# What a node depends on, as bits; 0 is a constant. A call has the bits of all its arguments.
TRACED = 1  # an input of a traced program
NEEDS = 2  # a tensor that requires a gradient
TRANSFORM = 4  # an input of the outermost running transform; of those inside it, 8, 16, …
DIFFERENTIABLE = ~TRACED  # the bits for which there is a derivative
ANY = ~0

SMALL = 64  # a result of at most this many numbers is always kept, for pictures and derivations
NOTHING: Params = {}


class Node:
    """One recorded call: `row` on `parents`, or an input where `row` is None.

    Attributes
    ----------
    row : Primitive or None
    parents : tuple of (Node or None)
        One for each array argument; None for a constant that is not a Tensor, whose value is in `xs`.
    xs : tuple
        The argument values that a rule needs (None where not kept); None once freed.
    y : ndarray or None
        The result, where a rule needs it, it is an input, or it is small.
    shape, dtype
        Of the result. For a row with several results ``()`` and a common dtype.
    params : dict
        The keyword parameters, in canonical form.
    live : int
        What it depends on, as bits: TRACED, NEEDS, and a bit for each running transform.
    order : int
        When it was made (falling).
    storage : Storage
        The memory in which its array lies, with the time of the last write to it.
    parts : tuple of (shape, dtype), or None
        Of each result, where the row has several.
    hooks : list or None
        Functions of the cotangent, in the order of registration.
    keeper : weakref or None
        Weak reference to the Tensor that receives the gradient.
    graded : tuple of int, or None
        Of an input, the last one or two versions at which gradients were added to its .grad; of a result, empty once
        a backward pass has passed through it.
    name : str or None
    group : Group or None
        The composite call or the module during which it was recorded.
    code, at
        Where the user wrote it: a code object and an instruction offset in it (never a frame).
    """

    __slots__ = (
        "__weakref__", "at", "code", "dtype", "graded", "group", "hooks", "keeper", "live", "name", "order", "params",
        "parents", "parts", "row", "shape", "storage", "xs", "y",
    )

    def __init__(
        self, row: Primitive | None, parents: tuple[Node | None, ...], xs: Any, y: Any, shape: Shape,
        dtype: Any, live: int, params: Params = NOTHING,
    ) -> None:
        self.row: Any = row
        self.parents = parents
        self.xs: Any = xs
        self.y = y
        self.shape = shape
        self.dtype = dtype
        self.live = live
        self.params = params
        self.order = next_order()
        self.storage = OURS
        self.name: str | None = None
        self.parts: Any = None
        self.hooks: Any = None
        self.keeper: Any = None
        self.graded: Shape | None = None
        self.group: Any = None
        self.code: Any = None
        self.at = -1

    def shape_of(self, k: int) -> Shape:
        """The shape of argument `k`."""
        p = self.parents[k]
        return np.shape(self.xs[k]) if p is None else p.shape

    @property
    def shapes(self) -> tuple[Shape, ...]:
        """The shapes of the arguments."""
        return tuple(self.shape_of(k) for k in range(len(self.parents)))

    @property
    def dtypes(self) -> Values:
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
    def requires_grad(self) -> bool:
        """True if a derivative may be asked for."""
        return self.live > TRACED

    @property
    def label(self) -> str:
        """Its name in an error message."""
        source = self.parents[0] if self.row is not None and self.row.transparent and self.parents[0] else self
        what = "an input" if source.row is None or source.row.transparent else f"the result of {source.row.name}"
        return f"{self.name!r}, {what} of shape {self.shape}," if self.name else f"{what} of shape {self.shape}"

    @property
    def origin(self) -> str:
        """``file:line`` of the user's code that made it, or ''."""
        return source_line(self.code, self.at)

    def __repr__(self) -> str:
        return f"<Node {self.row.name if self.row else 'input'} {self.name or ''} {self.shape}>"


def source_line(code: Any, at: int) -> str:
    """``file:line`` of an instruction of a code object; '' without one."""
    if code is None:
        return ""
    line = next((ln for start, end, ln in code.co_lines() if start <= at < end), None)
    return f"{code.co_filename}:{line}"


class GraphView:
    """Base of the views of a recorded graph. They never change, so a copy is the object itself; no pickling."""

    instead: ClassVar[str]  # what to write

    def __reduce_ex__(self, protocol: Any) -> Any:
        raise TypeError(
            f"a {type(self).__name__} cannot be pickled, because its graph holds functions and tensors; {self.instead}"
        )

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: Any) -> Self:
        return self


Lift = Callable[[Any, Node | None], Any]  # makes a Tensor of a kept value, at its place in the graph


def ancestors(roots: Iterable[Node], live: int = DIFFERENTIABLE, since: int = EARLIEST) -> list[Node]:
    """Every node that `roots` depend on and that is `live` (roots included), latest first.

    Nodes made before the one of order `since` are left out.
    """
    stack = list(roots)
    seen = set(stack)
    nodes = []
    while stack:  # not recursion: a chain may be 100,000 long
        node = stack.pop()
        nodes.append(node)
        for p in node.parents:
            if p is not None and p.live & live and p not in seen and p.order <= since:
                seen.add(p)
                stack.append(p)
    nodes.sort(key=attrgetter("order"))
    return nodes


def between(roots: Iterable[Node], inputs: Iterable[Node], live: int = DIFFERENTIABLE) -> list[Node]:
    """The nodes on some path from `inputs` to `roots`, both included, latest first."""
    on = set(inputs)
    since = max((n.order for n in on), default=EARLIEST)
    nodes = ancestors(roots, live, since)
    for node in reversed(nodes):
        if node not in on and not on.isdisjoint(node.parents):
            on.add(node)
    return [node for node in nodes if node in on]
