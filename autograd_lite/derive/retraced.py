"""A recorded graph, traced again: the named arrays become inputs, and what was computed from them is recorded.

An ordinary recording begins where something requires a gradient. Of ``1 - t`` it has only the value, and of a
convolution the windows that were extracted from the image. Here ``1 - t`` is computed from `t`, as the user's line has
it, and a known step, such as `conv2d`, is called again on its arguments.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..engine.context import changed
from ..engine.node import NEEDS, TRACED, Node
from ..engine.record import record
from ..engine.value import wrap
from ..program.naming import groups
from ..table import TABLE
from ..tensor import Tensor
from .expr import Expr, walk
from .landmarks import Chain
from .named_graph import NamedGraph


def retraced(chain: Chain, kinds: str = "biuf") -> NamedGraph:
    """The graph of `chain` with its names, recorded again with every named array of these kinds as an input."""
    return _Again(chain, kinds).graph()


class _Again:
    def __init__(self, chain: Chain, kinds: str) -> None:
        self.chain = chain
        self.made: dict[Node, Any] = {}  # the new Tensor of each old node; of a call with several results the tuple
        introduced = {word for n in chain.landmarks for word, _ in chain.where(n)}
        self.given = {
            word: _leaf(x, TRACED) if isinstance(x, np.ndarray) and x.dtype.kind in kinds else x
            for word, x in chain.constants.values.items()
            if word not in introduced
        }
        members: dict[Any, list[Node]] = {}
        for n in chain.recorded:
            for group in groups(n):
                members.setdefault(group, []).append(n)
        self.members = members
        self.tried: set[Any] = set()

    def graph(self) -> NamedGraph:
        with changed(recording=True, group=None, watcher=None), np.errstate(all="ignore"):
            for n in self.chain.recorded:
                if n not in self.made:
                    self._make(n)
        claimed: dict[Node, str] = {}
        for word, t in [*self.given.items(), *((word, self.made.get(n)) for n, word in self.chain.names.items())]:
            if isinstance(t, Tensor) and t._node is not None:
                claimed.setdefault(t._node, word)
        return NamedGraph(self.made[self.chain.root], claimed=claimed, board=False)

    def _make(self, n: Node) -> None:
        if n.row is None:
            self.made[n] = _leaf(n.y, TRACED | NEEDS * n.requires_grad)
        elif "generator" in n.params:
            self.made[n] = wrap(self.chain.values[n], None)  # as drawn
        elif n in self.chain.twins:
            self.made[n] = self.made[self.chain.twins[n]]
        elif n.parents[0] is not None and n.parents[0].parts is not None:
            self.made[n] = self.made[n.parents[0]][n.params["index"]]
        elif not any(self._called(group) for group in groups(n)):
            xs = [self._argument(n, k, p, x) for k, (p, x) in enumerate(zip(n.parents, n.xs, strict=True))]
            self.made[n] = record(n.row, xs, n.params)

    def _argument(self, n: Node, k: int, p: Node | None, x: Any) -> Any:
        if p is not None and p not in self.made and p in self.chain.names:
            self.made[p] = _leaf(p.y, TRACED)
        if p in self.made:
            return self.made[p]
        return self._value(self.chain.operand(n, k, x if p is None else p.y))

    def _value(self, e: Expr) -> Any:
        """A constant, computed from the named arrays."""
        done: dict[str, Any] = {}
        for part in walk(e):
            args = [done[a.key] for a in part.args]
            if part.role == "name":
                word = part.value  # it may have got its name just now
                done[part.key] = self.given[word] if word in self.given else self.chain.constants.values[word]
            elif not part.args:
                done[part.key] = part.value
            else:
                row = TABLE["multiply"] if part.role == "product" else part.row
                assert row is not None
                y = args[0]
                for pair in [args[1:]] if part.role != "product" else [[a] for a in args[1:]]:
                    y = record(row, [y, *pair], dict(part.params))
                done[part.key] = y
        return done[e.key]

    def _called(self, group: Any) -> bool:
        """Call a known step again if one of its arguments is a named array; whether that gave its result."""
        if group in self.tried:
            return False
        self.tried.add(group)
        inside = self.members[group]
        arrays = [x for x in group.inputs.values() if isinstance(x, np.ndarray) and self.chain.constants.known(x)]
        used = {p for n in self.chain.recorded if n not in set(inside) for p in n.parents}
        exits = [n for n in inside if n in used or n is self.chain.root]
        if not arrays or len(exits) != 1 or any("generator" in n.params for n in inside):
            return False
        _, f, args, params = group._call
        try:
            y = f(*map(self._given, args), **{word: self._given(x) for word, x in params.items()})
        except Exception:  # such as a decision by the numbers: its steps are recorded again instead
            return False
        if not isinstance(y, Tensor) or y.shape != exits[0].shape or y._node is None:
            return False
        self.made |= dict.fromkeys(inside) | {exits[0]: y}
        return True

    def _given(self, x: Any) -> Any:
        """An argument of a call: a node, an array, or anything else. Arrays are copied: batch norm writes into some."""
        if isinstance(x, Node):
            return self.made[x] if x in self.made else wrap(x.y.copy(), None)
        e = self.chain.constants.known(x)
        if e is not None:
            return self._value(e)
        return x.copy() if isinstance(x, np.ndarray) else x


def _leaf(x: Any, live: int) -> Tensor:
    x = np.array(x)
    return wrap(x, Node(None, (), (), x, x.shape, x.dtype, live))
