"""Formulas as JavaScript on arrays, for a page that computes.

How a row is written follows from what it states: an elementwise row from its formula for one entry (``scalar=`` or
``infix=``); a linear row as a sparse map, found by applying it; any other from its textbook definition, which is run on
symbols. Only the remaining rows need the option ``js=``. The code calls the functions of ``drawing/arrays.js``.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial, reduce
from typing import Any

import numpy as np

from ..base.escape import plain, script
from ..engine.context import changed
from ..engine.value import wrap
from ..program.graph import leaf
from ..table.scalar import JAVASCRIPT, Scalar, number, variable
from ..tensor import Tensor
from .formula import Expr, constant, walk
from .formula_ops import evaluate, of_graph
from .helpers import accepted, definition, operand_names
from .symbolic_rule import RuleCall

Array = np.ndarray[Any, Any]

LARGE = 20_000  # numbers in one array, or pairs of a bilinear map


class NoForm(Exception):
    """The program cannot be written in JavaScript; the message says why."""


def _no_form(row: Any) -> NoForm:
    return NoForm(f"{plain(row.name)} has no form in JavaScript")


# ------------------------------------------------------------------------------------------------ formulas


def _is_entrywise(e: Expr) -> bool:
    """Whether each entry depends on the same entry of the arguments."""
    return e.row is not None and e.row.entrywise and not isinstance(e.row.js, str)


@dataclass
class Writer:
    """Writes formulas as JavaScript on arrays.

    Attributes
    ----------
    words, values : dict
        For each name in a formula how it is written, and its value on the example.
    maps : list of str
        Linear maps and constants that the code refers to, as JSON.
    used : set
        The names that were written.
    """

    words: dict[str, str] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)
    maps: list[str] = field(default_factory=list)
    used: set[str] = field(default_factory=set)
    cache: dict[str, Any] = field(default_factory=dict)  # the values of formulas, by their keys

    def value(self, e: Expr) -> Any:
        return evaluate(e, self.values, self.cache)

    def array(self, e: Expr) -> str:
        """A formula as an expression whose value is an array."""
        row = e.row
        if e.role == "name":
            self.used.add(e.value)
            return self.words[e.value]
        if e.role == "array":
            return self.constant(e.value)
        if e.is_number:
            return f"full([], {JAVASCRIPT.write(number(e.value))})"
        if _is_entrywise(e):
            return self._entrywise(e)
        if isinstance(row.js, str):
            return self.template(e)
        return self._as_map(e) or self.array(self.opened(e))

    def template(self, e: Expr, part: int = 0) -> str:
        """A row's own JavaScript; `part` is one of several results."""
        row = e.row
        operands = {f"x{k}": self.array(a) for k, a in enumerate(e.args, 1)}
        fields = defaultdict(lambda: "undefined", operands, x=operands.get("x1"), part=part,
            xs=", ".join(operands.values()))
        return str(row.js.format_map(fields | {k: script(v) for k, v in e.params.items()}))

    def constant(self, value: Any) -> str:
        value = np.asarray(value)
        if value.size > LARGE:
            raise NoForm(f"an array of shape {value.shape} is too large for a page")
        data = [_finite(x) for x in value.ravel().tolist()]
        return f"constant({self._reference({'shape': value.shape, 'data': data})})"

    def _reference(self, content: Any) -> str:
        """A linear map or a constant, as the code refers to it."""
        text = script(content)
        if text not in self.maps:
            self.maps.append(text)
        return f"M[{self.maps.index(text)}]"

    def _entrywise(self, e: Expr) -> str:
        """One pass over all arrays in the formula."""
        operands: dict[str, tuple[str, str]] = {}  # by key: the variable, and what it stands for

        def whole(part: Expr) -> Scalar:
            return variable(operands.setdefault(part.key, (f"x{len(operands) + 1}", self.array(part)))[0])

        def entry(part: Expr) -> Scalar:
            if part.is_number or part.role == "array" and part.value.ndim == 0:
                return number(np.asarray(part.value).item())
            if not _is_entrywise(part):
                return whole(part)
            if part.role == "product":
                return reduce(lambda a, b: Scalar("*", (a, b)), map(entry, part.args))
            assert part.row is not None
            formula = part.row.formula(part.params)
            if formula is None:
                return entry(self.opened(part))
            values = {}
            for k, a in enumerate(part.args, 1):  # what is needed several times is an array of its own
                several = formula.names.count(f"x{k}") > 1 and _is_entrywise(a)
                values[f"x{k}"] = whole(a) if several else entry(a)
            return formula.at(values)

        text = JAVASCRIPT.write(entry(e))
        if not operands:
            return f"full([], {text})"
        variables, arrays = zip(*operands.values(), strict=True)
        return arrays[0] if text == "x1" else f"map(({', '.join(variables)}) => {text}, {', '.join(arrays)})"

    # ---------------------------------------------------------------------------------------------- definitions

    def opened(self, e: Expr, index: int | None = None) -> Expr:
        """The formula of a row in terms of other rows: its definition, run on symbols.

        It is run on a second example as well, because a rule may look at values: the formula has to be the same.
        """
        row = e.row
        values = [a.value if a.is_number else np.asarray(self.value(a)) for a in e.args]
        try:
            formula, again = (self._run(e, xs, index) for xs in (values, [other(x) for x in values]))
        except Exception as error:  # it branches on its numbers, or writes into an array
            raise _no_form(row) from error
        arguments = {part.key for a in e.args for part in walk(a)}
        new = [part.row for part in walk(formula) if part.row is not None and part.key not in arguments]
        if formula.key != again.key or any(new_row is row or new_row.outputs for new_row in new):
            raise _no_form(row)
        return formula

    def _run(self, e: Expr, values: Sequence[Any], index: int | None) -> Expr:
        row = e.row
        run = row.js if callable(row.js) else definition(row) or row.fn
        xs = [x if a.is_number else wrap(x, leaf(x, False)) for a, x in zip(e.args, values, strict=True)]
        symbols = {x._node: a for a, x in zip(e.args, xs, strict=True) if not a.is_number}
        with changed(recording=False, group=None, watcher=None), np.errstate(all="ignore"):
            if isinstance(run, str):  # of a row, not a user's
                y = eval(run, {"np": np, **dict(zip(operand_names(len(xs)), xs, strict=True))})
            else:
                y = run(*xs, **accepted(run, e.params))
        y = y if index is None else y[index]
        return of_graph(y._node, symbols) if isinstance(y, Tensor) and y._node is not None else constant(y)

    # -------------------------------------------------------------------------------------------- linear maps

    def _as_map(self, e: Expr) -> str | None:
        """A linear or bilinear row as its map; None for any other."""
        row = e.row
        values = [np.asarray(self.value(a)) for a in e.args]
        if isinstance(row, RuleCall):
            free = [k for k in (row.layout.get("g"),) if isinstance(k, int)]
            used = {k for k in row.layout.values() if k is not None}
        else:
            free = [k for k in range(len(values)) if row.kind in ("linear", "bilinear") and row.rule(k) is not None]
            used = {k for k, a in enumerate(e.args) if a.role not in ("array", "number")}
        if not free or not used <= set(free) or isinstance(row.fn(*values, **e.params), tuple):
            return None

        def fn(*xs: Array) -> Array:
            replaced = dict(zip(free, xs, strict=True))
            return np.asarray(row.fn(*(replaced.get(k, x) for k, x in enumerate(values)), **e.params), float)

        shapes = [values[k].shape for k in free]
        arrays = ", ".join(self.array(e.args[k]) for k in free)
        if row.kind != "bilinear":
            return f"linear({self._reference(_map(fn, shapes))}, {arrays})"
        if len(free) != 2:
            raise _no_form(row)
        return f"bilinear({self._reference(_pairs(fn, *shapes))}, {arrays})"


def other(x: Any) -> Any:
    """Another example of the same kind: the entries in another order, floats slightly smaller."""
    if not isinstance(x, np.ndarray):
        return x
    turned = x.ravel()[::-1].reshape(x.shape)
    return turned * 0.9 if x.dtype.kind == "f" else turned


def _finite(x: float) -> float | str:
    """A number that JSON has, or its name."""
    return float(x) if np.isfinite(x) else repr(float(x))


def _map(fn: Callable[..., Array], shapes: Sequence[tuple[int, ...]]) -> dict[str, Any]:
    """A linear function of arrays as a sparse matrix: entry ``to`` is the sum of ``by`` times entry ``from`` of the
    arrays one after another. Without ``to`` each entry is one that is read (or -1: zero).
    """
    sizes = [int(np.prod(s)) for s in shapes]
    total = sum(sizes)

    def at(flat: Array) -> Array:
        pieces = np.split(flat.astype(float), np.cumsum(sizes)[:-1])
        return fn(*(piece.reshape(s) for piece, s in zip(pieces, shapes, strict=True)))

    positions = np.arange(1, total + 1)
    places = at(positions)
    whole = places.astype(int)
    reads = ((whole == places) & (whole >= 0) & (whole <= total)).all()
    some = np.cos(positions**2)  # no random numbers, so that the page is the same each time
    if reads and np.array_equal(np.append(0.0, some)[whole], at(some)):
        return {"shape": places.shape, "from": (whole.ravel() - 1).tolist()}
    if total > 1000 or total * places.size > 40 * LARGE:
        raise NoForm(f"a linear map of {total} numbers is too large for a page")
    matrix = np.reshape([at(row).ravel() for row in np.eye(total)], (total, places.size))
    to, origin = np.nonzero(matrix.T)
    by = matrix[origin, to]
    return {"shape": places.shape, "from": origin.tolist(), "to": to.tolist(), "by": by.tolist()}


def _pairs(fn: Callable[..., Array], first: tuple[int, ...], second: tuple[int, ...]) -> dict[str, Any]:
    """A bilinear function: entry ``to`` is the sum of ``by`` times entry ``a`` of one array and ``b`` of the other."""
    count = int(np.prod(first))
    if count * np.prod(second) > LARGE:
        raise NoForm(f"a product of arrays of the shapes {first} and {second} is too large for a page")
    entries: list[tuple[Any, ...]] = []
    for i in range(count):
        unit = np.zeros(first)
        unit.flat[i] = 1
        inner = _map(partial(fn, unit), [second])
        to, by = inner.get("to", itertools.count()), inner.get("by", itertools.repeat(1))
        entries += [(k, i, j, c) for k, j, c in zip(to, inner["from"], by, strict=False) if j >= 0]
    columns = zip(*entries, strict=True) if entries else [()] * 4
    shape = fn(np.zeros(first), np.zeros(second)).shape
    return {"shape": shape, **dict(zip(("to", "a", "b", "by"), columns, strict=True))}
