"""A function run once on examples, so that what it computed can be computed again in another way.

The recording is the ordinary graph. The inputs are traced, so a branch on their values raises, as in
:func:`~autograd_lite.program.trace`; what does not depend on them is computed at once, outside of the recording.
"""

from __future__ import annotations

from collections.abc import Iterable
from operator import setitem
from typing import Any

import numpy as np

from ..base.snapshots import watched
from ..base.tree import leaves
from ..engine.context import CONTEXT, ORDINARY, changed
from ..engine.node import ANY, NEEDS, TRACED, TRANSFORM, Function, Node, between
from ..engine.value import fresh
from ..engine.versions import next_order
from ..tensor import Tensor


class Recording:
    """A run of `f` on fresh inputs.

    Parameters
    ----------
    f : callable
        Called with a Tensor for each of `examples`.
    examples : iterable of ndarray

    Attributes
    ----------
    inputs : list of Node
    y : the result, a tree; `outputs` are its leaves
    outer : int
        The bits of `Node.live` that stand for variables from outside.
    values : dict
        From every node that a recorded operation used to its value, also where the graph did not keep it.
    changes : Snapshot
        What `f` drew from and wrote to.
    """

    def __init__(self, f: Function, examples: Iterable[Any]) -> None:
        self.start = next_order()  # later nodes have a smaller order
        tensors = [fresh(x, TRACED | (NEEDS if x.dtype.kind in "fc" else 0)) for x in examples]
        self.inputs = [t._node for t in tensors]
        context = CONTEXT.get() or ORDINARY
        self.outer = (TRANSFORM << context.level) - 1
        self.values: dict[Any, Any] = {} if context.values is None else context.values
        with watched() as self.changes, changed(recording=True, values=self.values):
            self.y = f(*tensors)
        self.outputs = leaves(self.y)

    def nodes(self, more: Iterable[Node] = ()) -> list[Node]:
        """The operations that depend on the inputs, or on `more`, and lead to a result; oldest first."""
        roots = [t._node for t in self.outputs if isinstance(t, Tensor) and t._node is not None]
        ends = [*self.inputs, *more]
        return between(roots, ends, ANY)[::-1] if ends else []

    def check_unchanged(self, what: str) -> None:
        """Raise if `f` has written to a Tensor from outside, and undo it: a batch of values does not fit there."""
        for thing, _, undo in list(self.changes.noted.values()):
            if not isinstance(thing, Tensor) or thing._node is None or thing._node.order < self.start:
                continue  # a generator, or a Tensor that `f` has made
            changed = [name for f, t, name, old in undo if f is setattr and t is thing and getattr(t, name) is not old]
            changed += [
                "values" for f, x, _, old in undo if f is setitem and not np.array_equal(x, old, x.dtype.kind in "fc")
            ]
            if changed:
                self.changes.restore()
                raise RuntimeError(
                    f"{what}: the function writes to {thing._who}{'.grad' if changed[0] == '_grad' else ''}, which all "
                    "examples share, and each would write another value. Return the value instead: ag.grad for "
                    "backward(), eval() for running statistics"
                )

    def drawn(self, what: str, randomness: str) -> list[Node]:
        """The recorded draws of random numbers. Raises if `randomness` does not allow them."""
        if not self.changes.draws:
            return []
        if randomness == "error":
            raise RuntimeError(
                f"{what}: the function draws random numbers. Write randomness='different' if each example should draw "
                "its own, or 'same' for one draw that all share"
            )
        draws = [n for n in self.values if n is not None and n.order < self.start and "generator" in n.params]
        if randomness == "different" and len(draws) < self.changes.draws:
            raise RuntimeError(
                f"{what}: the function draws random numbers that do not depend on an example, so all "
                "examples would share them: draw a batch outside, and pass it as an argument that is mapped"
            )
        return draws
