"""Joins the same update of several small parameters into one update of all their entries.

A step of an optimiser is the same formula for each parameter, and for a small one NumPy's calls take longer than the
arithmetic. The entries of all parameters are put into one array; gradients are computed directly in it. The formula
works entry by entry, so no result changes. The sum of the sums of their squares, as in weight decay that is part of
the loss, becomes one sum, in another order.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import reduce
from typing import Any

import numpy as np

from ...engine.node import Shape, Values
from ...program import Equation, Operand, Var
from ...program.equation import key_of
from ...table import Primitive
from ..block import Block, maker, terms_of, written
from .constants import uniform

SMALL = 1024  # entries of a parameter for which copying takes less time than calls
FEWEST = 3  # parameters, and operations for each
LONGEST = 50  # operations in a formula


def _packed_into(xs: Sequence[Var], y: Var) -> str:
    flat = (f"{{x{k + 1}}}{'' if x.ndim == 1 else '.reshape(-1)'}" for k, x in enumerate(xs))
    return f"np.concatenate(({', '.join(flat)}), out={{out}})"


#: The entries of arrays of any shapes, one after another.
PACKED = Primitive(
    "general", lambda *xs: np.concatenate([np.ravel(x) for x in xs]), (), name="packed", out=_packed_into,
    joins=lambda: True,
)  # fmt: skip


def together(block: Block) -> Block:
    """`block` with such updates joined, if it has arrays."""
    return block if block.floats else _Updates(block).joined()


class _Updates:
    def __init__(self, block: Block) -> None:
        self.block = block
        self.defined, self.users, self.returned = block.defined, block.users, block.returned
        self.new = {x for x in block.updates.values() if isinstance(x, Var)}
        self.whole: dict[Values, Var] = {}  # the array of values that are joined
        self.steps: list[Equation] = []
        self.packed: list[Equation] = []  # of inputs
        self.origin: Any = None
        self.left = 0  # operations that a formula may still have

    def joined(self) -> Block:
        groups: dict[Any, list[Var]] = {}
        uses = Counter(x for x in self.block.updates.values() if isinstance(x, Var))
        for v, x in self.block.updates.items():
            small = v in self.block.contiguous and v.dtype.kind == "f" and 0 < v.size <= SMALL
            if small and isinstance(x, Var) and x in self.defined and uses[x] == 1:
                self.left = LONGEST
                formula = self._formula(x, v)
                if formula is not None:
                    groups.setdefault((v.dtype, formula), []).append(v)
        updates = dict(self.block.updates)
        for (_, formula), inputs in groups.items():
            if len(inputs) >= FEWEST and _operations(formula) >= FEWEST:
                updates.update(self._apart(inputs))
        if not self.steps:
            return self.block
        equations = [*self.packed, *self._with_squares(), *self.steps]
        return replace(self.block, equations=equations, updates=updates)

    def _inner(self, x: Any, shape: Shape) -> Equation | None:
        """The equation of a value, if it is a step of the formula only."""
        eq = maker(x, self.defined)
        if eq is None or not eq.row.is_ufunc or eq.row.outputs or eq.params or x.shape != shape:
            return None
        only = (len(set(self.users[x])) == 1 or x in self.new) and x not in self.returned
        return eq if only and all(y.dtype == x.dtype for y in eq.reads) else None

    def _formula(self, x: Operand, v: Var) -> Any:
        """The formula of a value as nested tuples, which is the same for several parameters; None if it has none."""
        if x is v:
            return "parameter"
        number = _number(x)
        if number is not None:
            return number
        eq = self._inner(x, v.shape)
        if eq is None:
            return "array" if isinstance(x, Var) and (x.shape, x.dtype) == (v.shape, v.dtype) else None
        self.left -= 1
        formulas = [self._formula(y, v) for y in eq.operands] if self.left >= 0 else [None]
        return None if None in formulas else (eq.row, *formulas)

    def _apart(self, inputs: list[Var]) -> dict[Var, Var]:
        """The new values of parameters, from the array of all."""
        results = tuple(self.block.updates[v] for v in inputs)
        like = self.defined[results[0]]
        self.origin = like.origin
        whole = self._joined(results)
        ends = np.cumsum([v.size for v in inputs]).tolist()

        def pieces(whole: Any) -> Any:
            return tuple(whole[end - v.size : end].reshape(v.shape) for v, end in zip(inputs, ends, strict=True))

        new = [replace(x) for x in results]
        self.steps += written(like, pieces, whole, into=new)
        return dict(zip(inputs, new, strict=True))

    def _joined(self, xs: Values) -> Any:
        """The array of values, one for each parameter; a number if they are one number."""
        if _number(xs[0]) is not None:
            return xs[0] if isinstance(xs[0], Var) or not np.ndim(xs[0]) else uniform(xs[0])
        if xs not in self.whole:
            equations = [self._inner(x, x.shape) for x in xs]
            first = equations[0]
            y = Var(xs[0].name, (sum(x.size for x in xs),), xs[0].dtype)
            if first is not None and all(eq is not None and eq.row is first.row for eq in equations):
                columns = zip(*(eq.operands for eq in equations if eq is not None), strict=True)
                self.steps.append(replace(first, outputs=(y,), operands=tuple(map(self._joined, columns))))
            else:
                steps = self.steps if any(x in self.defined for x in xs) else self.packed
                steps.append(Equation((y,), PACKED, xs, {}, self.origin))
            self.whole[xs] = y
        return self.whole[xs]

    # ------------------------------------------------------------------------------------------- sums of squares

    def _with_squares(self) -> list[Equation]:
        """The equations of the block, with sums of the squares of all that is packed."""
        equations = []
        sums = {eq.y for eq in self.block.equations if eq.algebra == "sum"}
        for eq in self.block.equations:
            terms = terms_of(eq, self.defined, sums)[0] if eq.y in sums and self._is_top(eq) else []
            squared = list(map(self._squared, terms))
            whole = next((p for p in self.packed if all(squared.count(v) == 1 for v in p.operands)), None)
            if whole is None:
                equations.append(eq)
                continue
            rest = [x for x, v in zip(terms, squared, strict=True) if v not in whole.operands]
            operands = *whole.outputs, *rest
            equations += written(eq, lambda p, *xs: reduce(np.add, xs, p.dot(p)), *operands, into=eq.outputs)
        return equations

    def _is_top(self, eq: Equation) -> bool:
        """Whether a sum of numbers is not a term of another."""
        y = eq.y
        using = set(self.users[y])
        return y.shape == () and not (len(using) == 1 and using.pop().algebra == "sum")

    def _squared(self, x: Operand) -> Any:
        """What a number is the sum of squares of."""
        eq = maker(x, self.defined)
        if eq is not None and eq.algebra == "total":  # of one square; otherwise it is a dot product
            eq = maker(eq.x, self.defined)
        if eq is None or eq.algebra not in ("dot product", "product") or eq.x is not eq.operands[1]:
            return None
        flat = maker(eq.x, self.defined, "reshape")
        return eq.x if flat is None else flat.x


def _number(x: Any) -> Any:
    """The key of a number in a formula, equal for equal numbers; None for an array."""
    if isinstance(x, Var):
        return x if x.shape == () else None
    number = x if np.ndim(x) == 0 else uniform(x)
    return None if number is None else key_of(number)


def _operations(formula: Any) -> int:
    inner = isinstance(formula, tuple) and isinstance(formula[0], Primitive)
    return 1 + sum(map(_operations, formula[1:])) if inner else 0
