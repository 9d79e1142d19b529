"""Formulas as NumPy source: with operators, as calls of NumPy, or of a helper that the source defines.

NumPy's function is used where NumPy, called that way on the example, returns what the row does: this is tried out.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Sequence
from itertools import product
from operator import attrgetter
from typing import Any, NamedTuple

import numpy as np

from ..base import literals
from ..base.escape import RESERVED, identifier
from ..base.generator import numpy_generator
from ..program.naming import Names
from ..table import TABLE, Primitive
from .binding import ATOM
from .formula import Expr, walk
from .formula_ops import evaluate
from .helpers import Helpers, accepted, definition, is_default, literal
from .symbolic_rule import RuleCall
from .writing import Printer, fitting, plain_number, reshaped, shown_params, write

Array = np.ndarray[Any, Any]

SMALL = 16  # entries of an array that is written out, and …
LONG = 48  # … characters; a larger one becomes an argument


class Rounding(NamedTuple):
    """The distance of two ways to compute a value: what it was computed from, at its coarsest and at its largest.

    A sum that cancels is as inexact as its terms, and float64 that was computed from float32 as inexact as that.
    """

    eps: float = 0.0
    size: float = 0.0

    def joined(self, *others: Rounding) -> Rounding:
        return Rounding(*map(max, zip(self, *others, strict=True)))

    @staticmethod
    def of(value: Any) -> Rounding:
        """The rounding of a value by itself."""
        a = np.asarray(value)
        if a.dtype.kind not in "iufc":
            return Rounding()
        eps = float(np.finfo(a.dtype).eps) if a.dtype.kind in "fc" else 0.0
        return Rounding(eps, float(np.max(np.abs(a), initial=0.0, where=np.isfinite(a))))


EXACT = Rounding()


class CodeWriter(Printer):
    """Writes formulas as Python, and records the identifiers, values and helpers that they use."""

    def __init__(self) -> None:
        self.identifiers: dict[str, str] = {}  # from a name in a formula to its identifier
        self.fresh = Names(RESERVED, between="_").take
        self.helpers = Helpers(self.fresh)
        self.values: dict[str, Any] = {}  # of the identifiers, on the example
        self.numbers: dict[complex, str] = {}  # as the user wrote them: np.sqrt(2)

    def name(self, word: str, letters: str = "") -> str:
        return self.ident(word)

    def ident(self, word: str) -> str:
        """A name of the chain as an identifier of its own."""
        if word not in self.identifiers:
            self.identifiers[word] = self.fresh(identifier(word))
        return self.identifiers[word]

    def new(self, wish: str) -> str:
        """A new identifier, which is also its name in formulas."""
        word = self.fresh(wish)
        self.identifiers[word] = word
        return word

    def value(self, e: Expr) -> Any:
        return evaluate(e, {w: self.values[self.ident(w)] for w in e.names})

    def number(self, value: complex) -> str:
        """A number; 3 * 0.1 is 0.3."""
        if value in self.numbers:
            return self.numbers[value]
        if value and 1 / value in self.numbers:
            return f"(1 / {self.numbers[1 / value]})"
        short = float(f"{value:.15g}") if isinstance(value, float) else value
        text = super().number(short if len(repr(short)) < len(repr(value)) - 4 else value)
        return re.sub("0{6,}$", lambda m: f"e{len(m[0])}", text) if isinstance(value, float) else text

    def array(self, value: Array) -> str:
        for f in (np.eye, np.tri) if value.ndim == 2 and value.dtype in (float, bool) and len(value) > 1 else ():
            if np.array_equal(value, f(len(value))):
                return f"np.{f.__name__}({len(value)}{', dtype=bool' * (value.dtype == bool)})"
        if value.size <= SMALL and len(text := literal(value)) <= LONG:
            return text
        return self._argument(value, "const")

    def _argument(self, value: Array | np.random.Generator, wish: str) -> str:
        """The name of an array or a generator that the source has as an argument."""
        key = f"{wish} {id(value)}"
        if key not in self.identifiers:
            self.identifiers[key] = self.fresh(wish)
            self.values[self.identifiers[key]] = value
        return self.identifiers[key]

    def template(self, e: Expr) -> str | None:
        """The text that the row has for it; the name of a row that is called in it becomes that of its helper."""
        if e.role == "reshape":
            return reshaped(e)
        assert e.row is not None
        template = fitting(e.row.call or e.row.infix, e)
        called = re.match(r"\w+(?=\()", template or "")
        return f"{self.helpers.of_row(TABLE[called[0]])}{called.string[called.end() :]}" if called else template

    def operand(self, e: Expr, word: str, before: str, behind: str) -> str:
        """A number has no methods, and a helper may ask for its dtype."""
        return _strong(e, word) if behind.startswith((".", "[")) or re.fullmatch(r"\w+\(", before) else word

    def param(self, key: str, e: Expr) -> str:
        if key == "xs":
            return ", ".join(write(a, self) for a in e.args)
        if key == "index":
            return literals.index(e.params[key], lambda part: self._place(part, e.args[1:2]))
        return self._parameter(e.params[key])

    def _place(self, part: object, positions: Sequence[Expr]) -> str:
        """A part of an index, with the positions in the place of an array argument (see `indexing.Slot`)."""
        if hasattr(part, "j"):
            [k] = positions
            if part.j is not None and k.role == "stack":
                return write(k.args[part.j], self)
            return write(k, self, ATOM) + (f"[{part.j}]" if part.j is not None else "")
        if not isinstance(part, np.ndarray):
            return repr(part)
        if part.size > 2 and part.dtype.kind in "iu" and np.array_equal(part, np.arange(part.size)):
            return f"np.arange({part.size})"
        return repr(part.tolist()) if 0 < part.size <= SMALL else self.array(part)

    def call(self, e: Expr) -> str:
        row = e.row
        if e.role == "broadcast" and e.of.is_number:
            return self._constant(e.of.value, e.shape)
        if isinstance(row, RuleCall):
            return self._rule(e, row)
        assert row is not None
        numpy_call = self._numpy(e, row)
        if numpy_call is None:
            word = self._helper(e, row)
            arguments = [_strong(a, write(a, self)) for a in e.args]
            params = accepted(self.helpers.run().get(word), e.params)
            axis = params.get("axis")
            if definition(row) is not None and isinstance(axis, tuple) and len(axis) == 1:
                (params["axis"],) = axis
        else:
            word, as_list, params = numpy_call
            # Beside whole numbers alone a Python float would be a float16: np.ldexp(1.0, np.int32(1)).
            floats = (np.asarray(self.value(a)).dtype.kind in "fc" for a in e.args if not a.is_number)
            weak = len(e.args) < 2 or any(floats) or e.role == "selection"
            arguments = [write(a, self) if weak else _strong(a, write(a, self), float) for a in e.args]
            if as_list:
                arguments = [f"({', '.join(arguments)}{',' * (len(arguments) == 1)})"]
        if "generator" in e.params:
            params["generator"] = numpy_generator(e.params["generator"])
        is_shape = {k: k == "shape" and isinstance(v, tuple) and bool(v) for k, v in params.items()}
        shown = (f"{k}={self.shape(v) if is_shape[k] else self._parameter(v)}" for k, v in params.items())
        return f"{word}({', '.join([*arguments, *shown])})"

    def shape(self, shape: tuple[int, ...]) -> str:
        """A shape as Python source; a single size as a number."""
        return literal(shape[0] if len(shape) == 1 else shape)

    def _constant(self, value: float, shape: tuple[int, ...]) -> str:
        """An array that is the same number everywhere."""
        size = self.shape(shape)
        if value in (0, 1) and not isinstance(value, bool):
            return f"np.{'ones' if value else 'zeros'}({size})"
        return f"np.full({size}, {plain_number(value)})"

    def _helper(self, e: Expr, row: Primitive) -> str:
        """A helper for the row of `e`: the textbook definition if it is the same here, otherwise the table's own."""
        word = self.helpers.of_row(row)
        if "generator" in e.params or definition(row) is None:
            return word
        args = [np.asarray(self.value(a)) for a in e.args]
        f = self.helpers.run()[word]
        try:
            with np.errstate(all="ignore"):
                if same(f(*args, **accepted(f, e.params)), row.fn(*args, **e.params)):
                    return word
        except (TypeError, ValueError, IndexError):
            pass
        return self.helpers.of_row(row, short=False)

    def _parameter(self, value: Any) -> str:
        return literals.literal(value, self._other_parameter)

    def _other_parameter(self, value: Any) -> str:
        """A parameter that has no simple literal."""
        if isinstance(value, np.random.Generator):
            return self._argument(value, "rng")
        if isinstance(value, np.ndarray) and value.size > SMALL:
            return self.array(value)
        if hasattr(value, "j"):
            return f"{self.helpers.of_value(type(value), 'Slot')}({'' if value.j is None else value.j})"
        return literal(value)

    def _rule(self, e: Expr, row: RuleCall) -> str:
        """A call of the table's own rule, in the order of its parameters."""

        def argument(k: int | None) -> str:
            return "None" if k is None else _strong(e.args[k], write(e.args[k], self))

        arguments = []
        by_name = False
        for word, place in row.layout.items():
            by_name = by_name or place is None
            if place is None:
                text = self._parameter(e.params[word])
            elif isinstance(place, tuple):
                text = f"({''.join(argument(k) + ', ' for k in place)})"
            else:
                text = argument(place)
            arguments.append(f"{word}={text}" if by_name else text)
        return f"{self.helpers.of_row(row)}({', '.join(arguments)})"

    def _numpy(self, e: Expr, row: Primitive) -> tuple[str, bool, dict[str, Any]] | None:
        """The call of NumPy itself for this: its name, whether it takes a list, the parameters; tried out."""
        path = row.np_name or ""
        try:
            f = attrgetter(path.removeprefix("np."))(np)
        except AttributeError:
            return None
        if isinstance(row.fn, np.ufunc):
            return (path, False, {}) if f is row.fn else None
        args = [a.value if a.is_number else np.asarray(self.value(a)) for a in e.args]
        signature = inspect.signature(row.bind).parameters if row.bind is not None else {}
        shown = {k: v for k, v in shown_params(e).items() if k in signature}
        least = {k: v for k, v in shown.items() if not is_default(v, signature[k].default)}
        full = {k: v for k, v in e.params.items() if k in signature}
        with np.errstate(all="ignore"):
            expected = row.fn(*map(np.asarray, args), **e.params)
            for params, as_list in product((least, full), (False, True)):
                try:
                    y = f(args, **params) if as_list else f(*args, **params)
                except (TypeError, ValueError, IndexError, np.linalg.LinAlgError):
                    continue
                if same(y, expected):
                    return path, as_list, params
        return None


def _strong(e: Expr, text: str, *kinds: type) -> str:
    """A number as something with a dtype, for a function that may ask for it."""
    if e.args and not e.shape and all(part.is_number for part in walk(e) if not part.args):  # 2 * 1
        return f"np.float64({text})"
    kind = type(e.value)
    return f"np.{kind.__name__}64({text})" if e.is_number and kind in (kinds or (int, float)) else text


def same(y: Any, expected: Any) -> bool:
    if isinstance(expected, (tuple, list)):
        return isinstance(y, (tuple, list)) and len(y) == len(expected) and all(map(same, y, expected))
    y, expected = np.asarray(y), np.asarray(expected)
    return y.shape == expected.shape and y.dtype == expected.dtype and close(y, expected)


def close(y: Any, expected: Any, rounding: Rounding = EXACT) -> bool:
    """Compare two results up to `rounding`, which is at least that of their own dtype and size."""
    y, expected = np.asarray(y), np.asarray(expected)
    if y.dtype.kind not in "fc":
        return bool(np.array_equal(y, expected))
    eps, size = rounding.joined(Rounding.of(y), Rounding.of(expected))
    tolerance = 1e3 * eps
    return bool(np.allclose(y, expected, rtol=tolerance, atol=tolerance * max(size, 1e-300), equal_nan=True))
