"""Formulas as NumPy source: with operators, as calls of NumPy, or of a helper that the source defines.

NumPy's function is used where NumPy, called that way on the example, returns what the row does: this is tried out.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..base.escape import RESERVED, identifier
from ..base.generator import numpy_generator
from ..base.tree import leaves
from ..program.naming import Names
from ..table import TABLE
from .binding import ATOM
from .formula import Expr, fold
from .formula_ops import evaluate
from .helpers import Helpers, definition, literal
from .symbolic_rule import RuleCall
from .writing import Printer, fitting, index_text, plain_number, reshaped, shown_params, write

SMALL = 16  # entries of an array that is written out, and …
LONG = 48  # … characters; a larger one becomes an argument


class Rounding(NamedTuple):
    """How far off two ways to compute a value may be: what it was computed from, at its coarsest and at its largest.

    A sum that cancels is as inexact as its terms, and float64 that was computed from float32 as inexact as that.
    """

    eps: float = 0.0
    size: float = 0.0

    def joined(self, other: Rounding) -> Rounding:
        return Rounding(max(self.eps, other.eps), max(self.size, other.size))

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
        self.words: dict[str, str] = {}  # from a name in a formula to its identifier
        self.fresh = Names(RESERVED, between="_").take
        self.helpers = Helpers(self.fresh)
        self.used: dict[str, None] = {}
        self.values: dict[str, Any] = {}  # of the identifiers, on the example
        self.memory: dict[str, frozenset[str]] = {}  # whose memory a computed value may lie in, where not its own

    def name(self, word: str, letters: str = "") -> str:
        return self.ident(word)

    def ident(self, word: str) -> str:
        """A name of the chain as an identifier of its own."""
        if word not in self.words:
            self.words[word] = self.fresh(identifier(word))
        return self.words[word]

    def value(self, e: Expr) -> Any:
        return evaluate(e, {w: self.values[self.words.get(w, w)] for w in e.names})

    def shared(self, e: Expr) -> frozenset[str]:
        """The identifiers in whose memory the value of `e` may lie; none where it gets memory of its own."""

        def step(part: Expr, below: Sequence[frozenset[str]]) -> frozenset[str]:
            row: Any = part.row
            if part.role in ("name", "array"):
                word = self.words.get(part.value if part.role == "name" else f"const {id(part.value)}")
                return frozenset() if word is None else self.memory.get(word, frozenset((word,)))
            if part.role == "gather":  # written x[i]: a view at single positions
                return below[0] if all(np.ndim(self.value(a)) == 0 for a in part.args[1:]) else frozenset()
            if row is None or row.builtin and not row.view:
                return frozenset()
            if row.view:  # of its first argument
                return below[0] if below[0] and self._is_view(part) else frozenset()
            return frozenset().union(*below)

        return fold(e, step)

    def _is_view(self, e: Expr) -> bool:
        """True if the first argument of a row and its result share memory, in one of the two usual layouts."""
        x, *rest = (np.asarray(self.value(a)) for a in e.args)
        row: Any = e.row
        layouts = (np.array(x, order="C"), np.array(x, order="F"))
        params = {k: None if k == "copy" else v for k, v in e.params.items()}  # the source omits copy=True
        return any(np.may_share_memory(y, a) for a in layouts for y in leaves(row.fn(a, *rest, **params)))

    def array(self, value: Any) -> str:
        if value.size <= SMALL and len(word := literal(value)) <= LONG:
            return word
        word = self.words.get(key := f"const {id(value)}") or self.fresh("const")
        self.words[key] = word
        self.values[word] = value
        self.used[word] = None
        return word

    def template(self, e: Expr) -> str | None:
        """How the row has it; the name of a row that is called in it becomes that of its helper."""
        row: Any = e.row
        if e.role == "reshape":
            return reshaped(e)
        found = fitting(row.call or row.infix, e)
        called = re.match(r"(\w+)\(", found or "")
        return f"{self.helpers.of_row(TABLE[called[1]])}{found[called.end(1) :]}" if found and called else found

    def operand(self, e: Expr, word: str, before: str, behind: str) -> str:
        """A number has no methods, and a helper may ask for its dtype."""
        return self._strong(e, word) if behind.startswith((".", "[")) or re.fullmatch(r"\w+\(", before) else word

    def param(self, key: str, e: Expr) -> str:
        if key == "xs":
            return ", ".join(write(a, self) for a in e.args)
        if key == "index":
            return self._index(e.params[key], write(e.args[1], self, ATOM) if len(e.args) > 1 else "") or "()"
        return self._parameter(e.params[key])

    def call(self, e: Expr) -> str:
        row: Any = e.row
        if e.role == "broadcast" and e.args[0].is_number:
            shape, value = literal(e.shape[0] if len(e.shape) == 1 else e.shape), e.args[0].value
            full = f"np.full({shape}, {plain_number(value)})"
            plain = value in (0, 1) and not isinstance(value, bool)
            return f"np.{'ones' if value else 'zeros'}({shape})" if plain else full
        if isinstance(row, RuleCall):
            return self._rule(e, row)
        known = self._numpy(e)
        if known is not None:
            word, as_list, params = known
            # Beside whole numbers alone a Python float would be a float16: np.ldexp(1.0, np.int32(1)).
            floats = (np.asarray(self.value(a)).dtype.kind in "fc" for a in e.args if not a.is_number)
            weak = len(e.args) < 2 or any(floats)
            arguments = [
                write(a, self) if weak or isinstance(a.value, int) else self._strong(a, write(a, self)) for a in e.args
            ]
            if as_list:
                arguments = [f"({', '.join(arguments)}{',' if len(arguments) == 1 else ''})"]
        else:
            word, arguments = self._helper(e), [self._strong(a, write(a, self)) for a in e.args]
            params = _accepted(self.helpers.run().get(word), dict(e.params))
            axis = params.get("axis")
            if definition(row) is not None and isinstance(axis, tuple) and len(axis) == 1:
                (params["axis"],) = axis
        if "generator" in e.params:
            params["generator"] = numpy_generator(e.params["generator"])
        return f"{word}({', '.join([*arguments, *(f'{k}={self._parameter(v)}' for k, v in params.items())])})"

    def _helper(self, e: Expr) -> str:
        """A helper for the row of `e`: the textbook definition if it is the same here, otherwise the table's own."""
        row: Any = e.row
        word = self.helpers.of_row(row)
        if "generator" in e.params or definition(row) is None:
            return word
        args = [np.asarray(self.value(a)) for a in e.args]
        fn = self.helpers.run()[word]
        try:
            with np.errstate(all="ignore"):
                if same(fn(*args, **_accepted(fn, dict(e.params))), row.fn(*args, **e.params)):
                    return word
        except (TypeError, ValueError, IndexError):
            pass
        return self.helpers.of_row(row, short=False)

    @staticmethod
    def _strong(e: Expr, word: str) -> str:
        """A number as something with a dtype, for a function that may ask for it."""
        dtype = {int: "int64", float: "float64"}.get(type(e.value)) if e.is_number else None
        return word if dtype is None else f"np.{dtype}({word})"

    def _index(self, index: Any, k: str = "") -> str:
        """An index between its brackets, with `k` in the place of an array argument (see `indexing.Slot`)."""
        words = []
        for part in index if isinstance(index, tuple) else (index,):
            if isinstance(part, np.ndarray):
                short = repr(part.tolist()) if 0 < part.size <= SMALL else ""
                words.append(_counted(part) or short or self.array(part))
            elif hasattr(part, "j"):
                words.append(k if part.j is None else f"{k}[{part.j}]")
            else:
                words.append(index_text(part))
        return ", ".join(words)

    def _parameter(self, value: Any) -> str:
        if isinstance(value, np.random.Generator):
            word = self.words.setdefault(f"generator {id(value)}", "")
            if not word:
                word = self.words[f"generator {id(value)}"] = self.fresh("rng")
            self.values[word] = value
            self.used[word] = None
            return word
        if isinstance(value, np.ndarray) and value.size > SMALL:
            return self.array(value)
        if isinstance(value, tuple) and any(isinstance(v, np.ndarray) or hasattr(v, "j") for v in value):
            return f"({', '.join(map(self._parameter, value))}{',' if len(value) == 1 else ''})"
        if hasattr(value, "j"):
            return f"{self.helpers.of_value(type(value), 'Slot')}({'' if value.j is None else value.j})"
        return literal(value)

    def _rule(self, e: Expr, row: RuleCall) -> str:
        """A call of the table's own rule, in the order of its parameters."""
        words = []
        after = False
        for word, at in row.layout.items():
            if at is None:
                after = True
                words.append(f"{word}={self._parameter(e.params[word])}")
            else:

                def one(k: int | None) -> str:
                    return "None" if k is None else self._strong(e.args[k], write(e.args[k], self))

                text = f"({''.join(one(k) + ', ' for k in at)})" if isinstance(at, tuple) else one(at)
                words.append(f"{word}={text}" if after else text)
        return f"{self.helpers.of_row(row)}({', '.join(words)})"

    def _numpy(self, e: Expr) -> tuple[str, bool, dict[str, Any]] | None:
        """How NumPy itself is called for this: its name, whether it takes a list, the parameters; tried out."""
        row = e.row
        assert row is not None
        path = row.np_name or ""
        if not path.startswith("np.") or isinstance(row.fn, np.ufunc) and not _in_numpy(path, row.fn):
            return None
        fn: Any = np
        for part in path.split(".")[1:]:
            fn = getattr(fn, part, None)
        if fn is None:
            return None
        if isinstance(row.fn, np.ufunc):
            return path, False, {}
        args = [np.asarray(self.value(a)) if not a.is_number else a.value for a in e.args]
        accepted = inspect.signature(row.bind).parameters if row.bind is not None else {}
        written = {k: v for k, v in shown_params(e).items() if k in accepted}
        least = {k: v for k, v in written.items() if not _is_default(v, accepted[k].default)}
        full = {k: v for k, v in e.params.items() if k in accepted}
        with np.errstate(all="ignore"):
            expected = row.fn(*map(np.asarray, args), **e.params)
            for params in (least, full):
                for as_list in (False, True):
                    try:
                        y = fn(args, **params) if as_list else fn(*args, **params)
                    except (TypeError, ValueError, IndexError, np.linalg.LinAlgError):
                        continue
                    if same(y, expected):
                        return path, as_list, params
        return None


def _is_default(value: Any, default: Any) -> bool:
    return type(value) is type(default) and repr(value) == repr(default)


def _in_numpy(path: str, fn: Any) -> bool:
    return getattr(np, path.removeprefix("np."), None) is fn


def _accepted(fn: Any, params: dict[str, Any]) -> dict[str, Any]:
    """The parameters that a helper takes, less the defaults: a textbook definition omits some."""
    if fn is None:
        return params
    known = inspect.signature(fn).parameters
    if any(p.kind is p.VAR_KEYWORD for p in known.values()):
        return params
    written = {k: v for k, v in params.items() if k in known}
    return {k: v for k, v in written.items() if known[k].default is known[k].empty or v != known[k].default}


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
    eps, size = rounding.joined(Rounding.of(y)).joined(Rounding.of(expected))
    tolerance = 1e3 * eps
    return bool(np.allclose(y, expected, rtol=tolerance, atol=tolerance * max(size, 1e-300), equal_nan=True))


def _counted(index: Any) -> str:
    """``np.arange(6)`` for the array that it makes."""
    n = index.size
    counts = n > 2 and index.dtype.kind in "iu" and np.array_equal(index, np.arange(n))
    return f"np.arange({n})" if counts else ""
