"""A function whose inner values are not kept, but computed again in the backward pass: less memory, more time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import wraps
from typing import Any

import numpy as np

from ..base.snapshots import Snapshot, untouched, watched
from ..base.tree import leaves, tree_map
from ..engine.context import is_grad_enabled, is_traced
from ..engine.node import Function, Node, Values
from ..engine.record import apply
from ..engine.value import live_of, wrap
from ..engine.versions import OURS, next_order
from ..table import Primitive
from ..tensor import Tensor
from .linearize import Linearized, cotangents, is_input, stand_ins


def checkpoint(f: Function) -> Function:
    """Keep no intermediate values of a function: the backward pass computes them again.

    This trades time for memory. Variables that `f` captures get their gradients too. `f` runs twice and must do the
    same both times: the second run draws the same numbers from the library's generators (as dropout does), starts with
    the same buffers, and leaves both unchanged. Draw from NumPy's own generators outside `f`, and pass the numbers in.
    In a traced program all the steps of `f` are recorded.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_lite as ag
    >>> f = ag.checkpoint(lambda x: np.sin(np.exp(x)))
    >>> float(ag.grad(f)(0.0)) == float(np.cos(1.0))
    True
    """

    @wraps(f)
    def checkpointed(*args: Any, **params: Any) -> Any:
        if not is_grad_enabled() or any(isinstance(x, Tensor) and is_traced(x) for x in leaves(args)):
            return f(*args, **params)
        inputs = [x for x in leaves(args) if is_input(x)]
        again = _Again(f, args, params)
        with watched() as again.snapshot:
            run = again.run(inputs)
        if run.traced:  # by a variable from outside
            return run.values(run.y)
        captured, constants = run.outside()
        if not captured and not any(map(live_of, inputs)):  # no derivative can be asked for
            return tree_map(lambda y: wrap(y._data, None) if isinstance(y, Tensor) else y, run.y)
        again.captured, again.constants, again.made = captured, constants, next_order()
        again.first = _arrays(run.outputs)
        structure, others = run.y, [y for y in run.outputs if not isinstance(y, Tensor)]
        places = tree_map(lambda y: isinstance(y, Tensor), structure)
        del run, structure  # the graph of the first run, which must not be kept
        results, rest = iter(apply(_CHECKPOINT, [*inputs, *stand_ins(captured)], {"again": again})), iter(others)
        return tree_map(lambda is_tensor: next(results) if is_tensor else next(rest), places)

    return checkpointed


def _arrays(outputs: Iterable[Any]) -> Values:
    """The arrays of the results, copied where `f` did not make them, so that later writes do not change them."""
    results = [y for y in outputs if isinstance(y, Tensor)]
    return tuple(np.array(y._data) if y.is_leaf or y._storage() is not OURS else y._data for y in results)


class _Again:
    """A checkpointed call, which can be computed again and differentiated.

    Attributes
    ----------
    captured : nodes from outside on which the results depend
    constants, made : what else it used, and when; a write since then would change the second run
    first : the results of the first run, until they have been read
    last : the cotangents from one backward pass, until each argument has taken its own
    snapshot : the state at the start of the first run of what it drew from and wrote to
    """

    def __init__(self, f: Function, args: Sequence[Any], params: Any) -> None:
        self.f, self.args, self.params = f, args, params
        self.captured: list[Node] = []
        self.constants: list[Node] = []
        self.made = 1
        self.first: Values | None = None
        self.last: tuple[Any, list[Any]] | None = None
        self.snapshot: Snapshot | None = None

    def __repr__(self) -> str:
        return getattr(self.f, "__name__", "f")

    def run(self, inputs: Sequence[Any]) -> Linearized:
        """Run the function on `inputs`, the differentiable Tensors among its arguments; the others are the same."""

        def f(*tensors: Any) -> Any:
            values = iter(tensors)
            args = tree_map(lambda x: next(values) if is_input(x) else x, self.args)
            return self.f(*args, **self.params)

        return Linearized(f, inputs, tuple(range(len(inputs))), {})

    def values(self, xs: Sequence[Any]) -> Values:
        if self.first is not None:
            first, self.first = self.first, None
            return first
        with untouched(again=self.snapshot):
            return _arrays(self.run(self.inputs(xs)).outputs)

    def inputs(self, xs: Sequence[Any]) -> list[Any]:
        count = len(xs) - len(self.captured)
        return [x if isinstance(x, Tensor) else wrap(x, None) for x in xs[:count]]

    def rule(self, g: Any, xs: Any, i: int) -> Any:
        """The cotangent of argument `i`; one backward pass serves all arguments, which are asked for in turn."""
        if self.last is None or self.last[0] is not g:
            self.last = (g, self.pull(g, xs))
        d, self.last[1][i] = self.last[1][i], None
        return d

    def pull(self, g: Any, xs: Any) -> list[Any]:
        for constant in self.constants:
            if constant.storage.version < self.made:
                raise RuntimeError(
                    f"backward through checkpoint({self!r}): {constant.label} has changed since {self!r} used it, and "
                    "computing it again would give other values. Call backward() before you update it"
                )
        recorded = any(isinstance(x, Tensor) for x in (*xs, *g))
        roots: dict[Any, Any] = {}
        with untouched(again=self.snapshot):
            run = self.run(self.inputs(xs))
            for y, part in zip((y for y in run.outputs if isinstance(y, Tensor)), g, strict=True):
                if part is not None and y.requires_grad:
                    roots[y._node] = roots[y._node] + part if y._node in roots else part
            return cotangents(roots, [*run.nodes, *self.captured], recorded)


_CHECKPOINT = Primitive(
    "general", lambda *xs, again: again.values(xs), (lambda g, xs, i, again: again.rule(g, xs, i),),
    name="checkpoint", bind=lambda *xs, again: (xs, {"again": again}), variadic=True, outputs=True,
    holomorphic=False,  # the inner pass conjugates
)
