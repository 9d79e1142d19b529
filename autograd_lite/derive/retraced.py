"""A recorded graph, traced again: the named arrays become inputs, and what was computed from them is recorded.

An ordinary recording begins where something requires a gradient. Of ``1 - t`` it has only the value, and of a
convolution the windows that were extracted from the image. Here ``1 - t`` is computed from `t`, as the user's line has
it, and a known step, such as `conv2d`, is called again on its arguments.
"""

from __future__ import annotations

from collections import ChainMap
from typing import Any

import numpy as np

from ..base.escape import plain
from ..base.snapshots import untouched
from ..engine.context import changed
from ..engine.node import ANY, NEEDS, TRACED, Node, ancestors
from ..engine.record import record
from ..engine.value import wrap
from ..program.naming import groups
from ..tensor import Tensor
from .chain_rule import Chain
from .formula import Expr
from .formula_ops import evaluate, recorded
from .given import Given
from .javascript import NoForm
from .named_graph import NamedGraph


def retraced(chain: Chain, kinds: str = "biuf") -> NamedGraph:
    """The graph of `chain` with its names, recorded again with every named array of these kinds as an input.

    An array from which another constant was computed stays a constant too.

    Raises
    ------
    NoForm
        If it uses an array that may have been computed from a parameter. A trace has recorded how.
    """
    data = None if chain.root.live & TRACED else Given(chain)
    graph = _Again(chain, kinds, data).graph()
    return _Again(chain, kinds, data).graph() if data is not None and data.fixed else graph


class _Again:
    def __init__(self, chain: Chain, kinds: str, data: Given | None) -> None:
        self.chain, self.data = chain, data
        constants = chain.constants.values
        fixed = [constants[word] for word in (data.fixed if data is not None else ())]
        self.made: dict[Node, Any] = {}  # the new Tensor of each old node; of a call with several results the tuple
        introduced = {word for n in chain.landmarks for word, _ in chain.where(n)}
        self.given = {
            word: _leaf(x, TRACED)
            if isinstance(x, np.ndarray) and x.dtype.kind in kinds and not any(np.may_share_memory(x, a) for a in fixed)
            else x
            for word, x in constants.items()
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
            self._check_positions(n)
            xs = [self._argument(n, k, p, x) for k, (p, x) in enumerate(zip(n.parents, n.xs, strict=True))]
            self.made[n] = record(n.row, xs, n.params)

    def _argument(self, n: Node, k: int, p: Node | None, x: Any) -> Any:
        if p is not None and p not in self.made and p in self.chain.names:
            self.made[p] = _leaf(p.y, TRACED)
        value = x if p is None else p.y if p.row is None and not p.requires_grad else None
        is_given = self.data is None or value is None or self.data.operand(n, k, value)
        if not is_given and not self._draws(n.group):
            raise _may_follow(n, "a value")
        if p in self.made:
            return self.made[p]
        return self._value(self.chain.operand(n, k, x if p is None else p.y))

    def _value(self, e: Expr) -> Any:
        """A constant, computed from the named arrays."""
        return evaluate(e, ChainMap(self.given, self.chain.constants.values), call=recorded)

    def _check_positions(self, n: Node) -> None:
        """Raise if positions may have been computed from the numbers, as in a sort."""
        assert n.row is not None
        taken = [part for value in n.params.values() for part in (value if isinstance(value, tuple) else (value,))]
        places = [part for part in taken if isinstance(part, np.ndarray) and part.dtype.kind in "biu"]
        if self.data is not None and places and not self.data.positions(n, places):
            raise _may_follow(n, "positions")

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
        args = [self._given(exits[0], x) for x in args]
        params = {word: self._given(exits[0], x) for word, x in params.items()}
        try:
            with untouched(f, args) as snapshot:
                y = f(*args, **params)
        except Exception:  # such as a decision by the numbers: its steps are recorded again instead
            return False
        if snapshot.draws or not isinstance(y, Tensor) or y.shape != exits[0].shape or y._node is None:
            return False
        self.made |= dict.fromkeys(inside) | {exits[0]: y}
        return True

    def _draws(self, group: Any) -> bool:
        """True if a call draws random numbers and uses no other constants: these stay as drawn."""
        if group is None or group._call is None:
            return False
        _, f, args, params = group._call
        args = [_leaf(x.y, TRACED) if isinstance(x, Node) else x for x in args]
        params = {word: _leaf(x.y, TRACED) if isinstance(x, Node) else x for word, x in params.items()}
        try:
            with untouched(f, args):
                y = f(*args, **params)
        except Exception:  # such as a decision by the numbers
            return False
        inside = ancestors([y._node], ANY) if isinstance(y, Tensor) and y._node is not None else []
        constant = [n for n in inside if n.row is not None and n.row.kind == "constant"]
        return bool(constant) and all("generator" in n.params for n in constant)

    def _given(self, n: Node, x: Any) -> Any:
        """An argument of a call: a node, an array, or anything else. Arrays are copied: batch norm writes into some."""
        if isinstance(x, Node):
            return self.made[x] if x in self.made else wrap(x.y.copy(), None)
        if not isinstance(x, np.ndarray):
            return x
        if self.data is not None and not self.data.argument(n, x):
            raise _may_follow(n, "an array")
        e = self.chain.constants.known(x)
        return x.copy() if e is None else self._value(e)


def _may_follow(n: Node, what: str) -> NoForm:
    assert n.row is not None
    word = n.group.name if n.group is not None else n.row.name
    return NoForm(
        f"{plain(word)} uses {what} that may have been computed from the numbers; draw the function itself, as in "
        "draw(f, x), which records that too"
    )


def _leaf(x: Any, live: int) -> Tensor:
    x = np.array(x)
    return wrap(x, Node(None, (), (), x, x.shape, x.dtype, live))
