"""How a formula is called in source: by its sign, by NumPy's name, by a helper that the source brings along.

NumPy's name is used where NumPy, called that way on the example, says what the row says: this is tried out.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..base.escape import RESERVED, identifier
from ..base.generator import numpy_generator
from ..table import TABLE
from .expression import Expr, evaluate
from .helpers import Helpers, literal
from .symbolic_rule import RuleCall
from .writing import ATOM, INFIX, POWER, SIGN, Hand, index_text, places, plain_number, shown_params

SMALL = 16  # entries of an array that is written out, and …
LONG = 48  # … characters; a larger one becomes an argument
Sub = Callable[[Expr, int], str]

_CODE = {
    **INFIX,
    "power": ("{0} ** {1}", POWER, ATOM, SIGN),
    "square": ("{0} ** 2", POWER, ATOM, ATOM),
    "transpose": ("{0}.T", ATOM, ATOM, ATOM),
    "matrix_transpose": ("{0}.mT", ATOM, ATOM, ATOM),
}


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
        """That of a value by itself."""
        a = np.asarray(value)
        if a.dtype.kind not in "iufc":
            return Rounding()
        eps = float(np.finfo(a.dtype).eps) if a.dtype.kind in "fc" else 0.0
        return Rounding(eps, float(np.max(np.abs(a), initial=0.0, where=np.isfinite(a))))


EXACT = Rounding()


class CodeWriter:
    """Writes formulas as Python, and remembers the identifiers, values and helpers that they use.

    Parameters
    ----------
    env : mapping
        The values of the names that may stand in formulas, on the example.
    """

    def __init__(self) -> None:
        self.words: dict[str, str] = {}  # what a name of a formula is as an identifier
        self.taken = set(RESERVED)
        self.helpers = Helpers(self.taken)
        self.used: dict[str, None] = {}
        self.values: dict[str, Any] = {}  # of the identifiers, on the example
        self.hand = Hand(
            self.ident,
            plain_number,
            self._array,
            _CODE,
            lambda w: f"({w})",
            lambda a, b, w: " * ",
            self._call,
        )

    def ident(self, word: str) -> str:
        """A name of the chain as an identifier that means nothing else."""
        if word not in self.words:
            self.words[word] = self.fresh(identifier(word))
        return self.words[word]

    def fresh(self, wish: str) -> str:
        word = next(w for k in range(10**6) if (w := wish if not k else f"{wish}_{k}") not in self.taken)
        self.taken.add(word)
        return word

    def value(self, e: Expr) -> Any:
        return evaluate(e, {w: self.values[self.words.get(w, w)] for w in e.names})

    def _array(self, value: Any) -> str:
        if value.size <= SMALL and len(word := literal(value)) <= LONG:
            return word
        word = self.words.get(key := f"const {id(value)}") or self.fresh("const")
        self.words[key] = word
        self.values[word] = value
        self.used[word] = None
        return word

    def _call(self, e: Expr, sub: Sub) -> str:
        row: Any = e.row
        if e.head in ("getitem", "reshape"):
            strong = lambda a, t: self._strong(a, sub(a, t))  # noqa: E731 - a number has no methods
            return self._getitem(e, strong) if e.head == "getitem" else places(e, strong)
        if e.head == "gather":
            return f"{sub(e.args[0], ATOM)}[{self._index(e.params['index'], sub(e.args[1], ATOM))}]"
        if e.head == "scatter_at":
            index = self._index(e.params["index"], sub(e.args[1], ATOM))
            g, shape = self._strong(e.args[0], sub(e.args[0], 0)), literal(e.params["shape"])
            return f"{self.helpers.of_row(TABLE['scatter'])}({g}, np.s_[{index}], {shape})"
        if e.head == "broadcast_to" and e.args[0].is_number:
            shape, value = literal(e.shape[0] if len(e.shape) == 1 else e.shape), e.args[0].value
            return (
                f"np.{'ones' if value else 'zeros'}({shape})"
                if value in (0, 1)
                else f"np.full({shape}, {plain_number(value)})"
            )
        if e.head == "astype":
            return f"{sub(e.args[0], ATOM)}.astype({literal(e.params['dtype'])})"
        if e.head == "real":
            return f"{sub(e.args[0], ATOM)}.real"
        if e.head == "relu":
            return f"np.maximum({sub(e.args[0], 0)}, 0)"
        if e.head == "einsum":
            return f"np.einsum({', '.join([literal(e.params['subscripts']), *(sub(a, 0) for a in e.args)])})"
        if isinstance(row, RuleCall):
            return self._rule(e, row, sub)
        known = self._numpy(e)
        if known is not None:
            word, as_list, params = known
            # Beside whole numbers alone a Python number would be a float16: np.ldexp(1.0, np.int32(1)).
            floats = (np.asarray(self.value(a)).dtype.kind in "fc" for a in e.args if not a.is_number)
            weak = len(e.args) < 2 or any(floats)
            arguments = [sub(a, 0) if weak else self._strong(a, sub(a, 0)) for a in e.args]
            arguments = (
                [f"({', '.join(arguments)}{',' if len(arguments) == 1 else ''})"] if as_list else arguments
            )
        else:
            word, arguments = self._helper(e), [self._strong(a, sub(a, 0)) for a in e.args]
            params = _accepted(self.helpers.run().get(word), dict(e.params))
            if (
                self.helpers.is_textbook(row)
                and isinstance(params.get("axis"), tuple)
                and len(params["axis"]) == 1
            ):
                (params["axis"],) = params["axis"]
            if e.head == "scatter":
                arguments += [
                    f"np.s_[{self._index(params.pop('index')) or '()'}]",
                    literal(params.pop("shape")),
                ]
                params.pop("unique_indices", None)
        if "generator" in e.params:
            params["generator"] = numpy_generator(e.params["generator"])
        return f"{word}({', '.join([*arguments, *(f'{k}={self._parameter(v)}' for k, v in params.items())])})"

    def _helper(self, e: Expr) -> str:
        """A helper for the row of `e`: the textbook form if it does the same here, otherwise the table's own."""
        row: Any = e.row
        word = self.helpers.of_row(row)
        if (
            "generator" in e.params
            or getattr(row, "source", None) is None
            and not self.helpers.is_textbook(row)
        ):
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
        return f"np.float64({word})" if e.is_number and isinstance(e.value, (int, float)) else word

    def _getitem(self, e: Expr, sub: Sub) -> str:
        return f"{sub(e.args[0], ATOM)}[{self._index(e.params['index']) or '()'}]"

    def _index(self, index: Any, k: str = "") -> str:
        """An index as it stands in brackets, with the word `k` where an array argument goes (see `indexing.Slot`)."""
        words = []
        for part in index if isinstance(index, tuple) else (index,):
            if isinstance(part, np.ndarray):
                words.append(
                    _counted(part) or (repr(part.tolist()) if 0 < part.size <= SMALL else self._array(part))
                )
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
            return self._array(value)
        if isinstance(value, tuple) and any(isinstance(v, np.ndarray) for v in value):
            return f"({', '.join(map(self._parameter, value))}{',' if len(value) == 1 else ''})"
        return literal(value)

    def _rule(self, e: Expr, row: RuleCall, sub: Sub) -> str:
        """A call of the table's own rule, in the order of its parameters."""
        words = []
        after = False
        for word, at in row.layout.items():
            if at is None:
                after = True
                words.append(f"{word}={self._parameter(e.params[word])}")
            else:

                def one(k: int | None) -> str:
                    return "None" if k is None else self._strong(e.args[k], sub(e.args[k], 0))

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
        least = {
            k: v
            for k, v in shown_params(e).items()
            if k in accepted and not _is_default(v, accepted[k].default)
        }
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
    """The parameters that a helper takes: a textbook form leaves some out."""
    if fn is None:
        return params
    known = inspect.signature(fn).parameters
    open_ended = any(p.kind is p.VAR_KEYWORD for p in known.values())
    return {
        k: v
        for k, v in params.items()
        if open_ended or k in known and not (known[k].default is not known[k].empty and v == known[k].default)
    }


def same(y: Any, expected: Any) -> bool:
    if isinstance(expected, (tuple, list)):
        return isinstance(y, (tuple, list)) and len(y) == len(expected) and all(map(same, y, expected))
    y, expected = np.asarray(y), np.asarray(expected)
    return y.shape == expected.shape and y.dtype == expected.dtype and close(y, expected)


def close(y: Any, expected: Any, rounding: Rounding = EXACT) -> bool:
    """Whether two results agree up to `rounding`, which is at least that of their own dtype and size."""
    y, expected = np.asarray(y), np.asarray(expected)
    if y.dtype.kind not in "fc":
        return bool(np.array_equal(y, expected))
    eps, size = rounding.joined(Rounding.of(y)).joined(Rounding.of(expected))
    tolerance = 1e3 * eps
    return bool(np.allclose(y, expected, rtol=tolerance, atol=tolerance * max(size, 1e-300), equal_nan=True))


def _counted(index: Any) -> str:
    """``np.arange(6)`` for the array that it makes."""
    n = index.size
    return (
        f"np.arange({n})"
        if n > 2 and index.dtype.kind in "iu" and np.array_equal(index, np.arange(n))
        else ""
    )
