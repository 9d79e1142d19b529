"""Taylor arithmetic: the equations of a program on power series in one number t.

What follows from the kind of a row is not written again for it: a linear row is applied to each coefficient; a bilinear
one, and a product, is a convolution; a quotient solves one. For every other row ``y' = f'(x) x'``, and the right-hand
side is a small program over rows, traced from the row's own derivative. So coefficient k of y follows from coefficients
up to k - 1 of that program, in which y may occur. A row with the same operands is one series wherever it occurs: sin
needs cos one order lower, and that needs -sin.

Source of the recurrences: A. Griewank and A. Walther, "Evaluating Derivatives" (2008), chapter 13.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import replace
from functools import partial, reduce
from typing import Any

import numpy as np

from ..engine.context import is_traced, no_grad
from ..engine.forward import total
from ..engine.node import Shape, Values
from ..engine.operands import raw
from ..engine.record import record
from ..table import Primitive
from ..tensor import Tensor
from ..transforms.batch import called
from ..transforms.grad import jvp
from .equation import COMPARED, Equation, Var, key_of, looked_up
from .program import Program

Step = Callable[[int], Any]  # returns coefficient k > 0, and may ask for those below

_PROGRAMS: dict[Any, Program] = {}  # of the derivatives of elementwise rows
_KEPT = 4096  # that many at most


class Series:
    """A power series with coefficients of one shape and dtype; each is computed when it is asked for, None is zero."""

    __slots__ = ("_step", "_terms", "dtype", "shape")

    def __init__(self, shape: Shape, dtype: Any, terms: list[Any], step: Step) -> None:
        self.shape, self.dtype, self._terms, self._step = shape, dtype, terms, step

    def __getitem__(self, k: int) -> Any:
        terms = self._terms
        while len(terms) <= k:
            c = self._step(len(terms))
            if c is not None and c.shape != self.shape:
                c = np.broadcast_to(c, self.shape)
            if c is not None and c.dtype is not self.dtype and c.dtype != self.dtype:
                c = (c.real if c.dtype.kind == "c" and self.dtype.kind != "c" else c).astype(self.dtype)
            terms.append(c)
        return terms[k]

    def full(self, k: int) -> Any:
        c = self[k]
        return np.zeros(self.shape, self.dtype) if c is None else c

    @property
    def derivative(self) -> Series:
        return Series(self.shape, self.dtype, [], lambda k: None if (c := self[k + 1]) is None else (k + 1) * c)


def coefficient(x: Any, k: int) -> Any:
    """Coefficient k of a series or of a constant."""
    return x[k] if isinstance(x, Series) else x if k == 0 else None


def is_symbolic(x: Any) -> bool:
    """True for a traced value: no decision can depend on it."""
    return isinstance(x, Tensor) and is_traced(x)


class Arithmetic:
    """One run: an equation on the same operands is the same series."""

    def __init__(self) -> None:
        self._memo: dict[Any, Values] = {}

    def __call__(self, eq: Equation, xs: Sequence[Any]) -> Any:
        """The result of an equation on series and constants."""
        row, live = eq.row, eq.origin.requires_grad  # not under no_grad(), nor of integers
        # Arrays are compared by value: a derivative of a derivative makes its constants anew.
        of_operands = tuple(("series", id(x)) if isinstance(x, Series) else key_of(x, 1 << 62) for x in xs)
        key = row, of_operands, key_of(eq.params), live
        if key in self._memo:
            return self._memo[key][0]
        values = [x.full(0) if isinstance(x, Series) else x for x in xs]
        with nullcontext() if live else no_grad():
            y = _applied(eq, values)
        varying = live and row.kind != "constant"
        moving = [i for i, x in enumerate(xs) if varying and isinstance(x, Series) and row.pulls[i] is not None]
        if moving:
            step = self._step(eq, xs, moving, values, y)
            y = _several(eq, y, step) if row.outputs else _one(eq.y, y, step)
        self._memo[key] = y, xs, eq  # keeps alive what the key has the ids of
        return y

    def _step(self, eq: Equation, xs: Sequence[Any], moving: list[int], values: list[Any], y: Any) -> Step:
        row = eq.row
        real = row.holomorphic or all(d.kind != "c" for d in (*eq.dtypes, *(v.dtype for v in eq.outputs)))
        step: Step
        if row.kind == "linear" and real:
            step = partial(_linear, eq, xs, moving, values)
        elif row.kind == "elementwise" and real and all(_is_fixed(row, i, moving) for i in moving):
            step = partial(_weighted, eq, xs, moving, values)
        elif row.kind == "bilinear":
            step = partial(_bilinear, eq, xs)
        elif row.algebra == "product":
            step = partial(_product, *xs)
        elif row.algebra in ("quotient", "guarded quotient"):
            step = partial(_quotient, eq, xs, values, [y])
        else:
            step = _Derivative(self, eq, xs, moving, values, y, row.kind == "elementwise" and real)
        return (lambda k: _settled(step(k), xs, k)) if row.restricted else step


def _applied(eq: Equation, xs: Sequence[Any]) -> Any:
    """The row of other values. Numbers of NumPy become arrays, where it may do more than arithmetic with them."""
    arrays = [np.asarray(x) if isinstance(x, np.generic) and not eq.row.entrywise else x for x in xs]
    return called(eq.row)(arrays, eq.params)


def _one(v: Var, y: Any, step: Step) -> Any:
    return Series(v.shape, v.dtype, [y], step) if v.dtype.kind in "fc" else y


def _several(eq: Equation, ys: Any, step: Step) -> Values:
    """The results of a row that has several; a step computes a coefficient of all of them."""
    steps = {}

    def part(i: int, k: int) -> Any:
        if k not in steps:
            steps[k] = step(k)
        return None if steps[k] is None else steps[k][i]

    return tuple(_one(v, y, partial(part, i)) for i, (v, y) in enumerate(zip(eq.outputs, ys, strict=True)))


def _sum(terms: list[Any]) -> Any:
    return total(terms) if terms else None


# --------------------------------------------------------------------------------------------- coefficient k, by kind


def _linear(eq: Equation, xs: Sequence[Any], moving: list[int], values: list[Any], k: int) -> Any:
    """The row of the coefficients; a constant that it is linear in has none but the first."""
    if all(xs[i][k] is None for i in moving):
        return None
    full = [
        xs[i].full(k) if i in moving else x if eq.row.rule(i) is None else np.zeros(np.shape(x), eq.dtypes[i])
        for i, x in enumerate(values)
    ]
    return _applied(eq, full)


def _bilinear(eq: Equation, xs: Sequence[Any], k: int) -> Any:
    return _sum([_applied(eq, cs) for cs in _compositions(xs, k)])


def _compositions(xs: Sequence[Any], k: int) -> Iterator[Values]:
    """Coefficients of the operands whose orders add up to k."""
    first, *others = xs
    if not others:
        if (c := coefficient(first, k)) is not None:
            yield (c,)
        return
    for j in range(k + 1 if isinstance(first, Series) else 1):
        if (c := coefficient(first, j)) is not None:
            yield from ((c, *rest) for rest in _compositions(others, k - j))


def _product(a: Any, b: Any, k: int) -> Any:
    """As `_bilinear`, in half the time."""
    return _sum([a[j] * b[k - j] for j in range(k + 1) if a[j] is not None and b[k - j] is not None])


def _quotient(eq: Equation, xs: Sequence[Any], values: list[Any], ys: list[Any], k: int) -> Any:
    """From ``y x2 = x1``; `ys` has the coefficients so far."""
    products = [-(ys[j] * xs[1][k - j]) for j in range(k) if ys[j] is not None and xs[1][k - j] is not None]
    rest = _sum([c for c in (coefficient(xs[0], k), *products) if c is not None])
    ys.append(None if rest is None else _applied(eq, [rest, *values[1:]]))
    return ys[k]


def _is_fixed(row: Primitive, i: int, moving: list[int]) -> bool:
    """True if a partial derivative of an elementwise row depends on constants only, so that the row is linear."""
    return not any(s.kind in ("y", "xs") or s.kind == "x" and s.k in moving for s in row.slots(i, row.fast_rule(i)))


def _weighted(eq: Equation, xs: Sequence[Any], moving: list[int], values: list[Any], k: int) -> Any:
    """The coefficients of the operands, each times a partial derivative that is constant."""
    return _pushed(eq, None, values, {i: xs[i][k] for i in moving})


def _pushed(eq: Equation, y: Any, xs: Sequence[Any], ts: dict[int, Any]) -> Any:
    """The tangent of an elementwise row's result, from those of its operands."""
    return _sum([eq.row.unguarded[i](t, y, xs, eq) for i, t in ts.items() if t is not None])


class _Derivative:
    """Coefficient k from ``y' = f'(x) x'``."""

    def __init__(
        self, run: Arithmetic, eq: Equation, xs: Sequence[Any], moving: list[int], values: list[Any], y: Any,
        plain: bool,
    ) -> None:
        self._run, self._eq, self._xs, self._moving, self._values, self._y = run, eq, xs, moving, values, y
        self._plain = plain  # the partial derivatives are numbers, entry by entry
        self._slopes: list[Any] | None = None
        self._on_kink = _on_kinks(eq.row, values) if plain else None

    def __call__(self, k: int) -> Any:
        if self._slopes is None:
            self._slopes = self._derivatives()
        results = [None if (c := coefficient(d, k - 1)) is None else c / k for d in self._slopes]
        c = results[0]
        if self._eq.row.outputs:
            return results
        if self._on_kink is None or k == 1 or c is None:
            return c
        # At a kink the row has to be linear, as the branch of a piecewise one is; the result says if it is not.
        branch = _pushed(self._eq, self._y, self._values, {i: self._xs[i][k] for i in self._moving})
        away = np.abs(raw(c) - (0 if branch is None else raw(branch))) > 1e-6 * np.abs(raw(c))
        return np.where(self._on_kink & away, np.nan, c)

    def _derivatives(self) -> list[Any]:
        """The series of ``y'``, for each result."""
        tensors = [i for i, x in enumerate(self._values) if i not in self._moving and isinstance(x, Tensor)]
        program = self._program([*self._moving, *tensors])
        inputs = [*(self._xs[i] for i in self._moving), *(self._values[i] for i in tensors)]
        inputs += [self._xs[i].derivative for i in self._moving]
        if self._plain:
            inputs.insert(0, self._run(self._eq, self._xs))  # the series of the result itself
        env = program.run({**program.captured, **dict(zip(program.inputs, inputs, strict=True))}, self._run)
        return looked_up(env, program.outputs)

    def _program(self, asked: list[int]) -> Program:
        """The program of ``y'``, from the operands `asked` and x'; if the row is plain, from y before them."""
        eq, moving, values = self._eq, self._moving, list(map(raw, self._values))
        n = len(asked)

        def operands(inputs: Sequence[Any]) -> list[Any]:
            now = dict(zip(asked, inputs, strict=False))
            return [now.get(i, x) for i, x in enumerate(values)]

        def plain(y: Any, *inputs: Any) -> Any:
            return _pushed(eq, y, operands(inputs), dict(zip(moving, inputs[n:], strict=True)))

        def forward(*inputs: Any) -> Any:
            m = len(moving)

            def result(*moved: Any) -> Any:
                return record(eq.row, operands([*moved, *inputs[m:n]]), eq.params)

            return jvp(result, inputs[:m], inputs[n:])[1]

        examples = [np.asarray(values[i]) for i in (*asked, *moving)]
        if not self._plain:
            return Program.trace(forward, *examples)
        constants = [x for i, x in enumerate(values) if i not in asked]
        key = eq.row, *asked, len(moving), key_of(eq.params), key_of(constants), eq.shapes, eq.dtypes
        kept = eq.row.builtin and all(np.size(x) <= COMPARED for x in constants)
        program = _PROGRAMS.get(key) if kept else None
        if program is None:
            program = Program.trace(plain, np.asarray(raw(self._y)), *examples)
            program = replace(program, examples={}, constants={})  # without the arrays of this call
            if len(_PROGRAMS) >= _KEPT:
                _PROGRAMS.clear()
            if kept:
                _PROGRAMS[key] = program
        return program


def _on_kinks(row: Primitive, values: list[Any]) -> Any:
    """The entries of an elementwise row that are on a kink; None if none is, or if the values are not known."""
    if not row.kinks or any(map(is_symbolic, values)):
        return None
    hit = row.at_kink(*map(raw, values))
    return hit if np.any(hit) else None


def _settled(c: Any, xs: Sequence[Any], k: int) -> Any:
    """Zero in the entries that do not move, even where the derivative is infinite."""
    if c is None or not is_symbolic(c) and np.isfinite(raw(c)).all():
        return c
    moved = [x[j] != 0 for x in xs if isinstance(x, Series) for j in range(1, k + 1) if x[j] is not None]
    return np.where(reduce(np.logical_or, moved), c, 0) if moved else None
