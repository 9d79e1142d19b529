"""Reads a student's answer: formulas, assignments, or the text of a function. It is interpreted, never executed.

An answer may use the names of the worksheet, numbers, ``+ - * / // % ** @``, comparisons, ``& | ~``, indexing, ``.T``
and the functions listed here, with or without ``np.``. The cost of each step is bounded before it is computed, so an
answer can take neither much time nor much memory.
"""

from __future__ import annotations

import ast
import math
import operator
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import suppress
from functools import partial, reduce
from itertools import pairwise
from types import EllipsisType, MappingProxyType
from typing import Any, TypeGuard
from unicodedata import category

import numpy as np

from ..derive.writing import GREEK, LETTER_NAMES, shape_text, subscript, symbol, text_name
from ..engine.operands import raw
from ..table import TABLE
from ..table.textbook import NOTATIONS
from .indices import Indexed, cut, each, entrywise, indexed, laid_out, shape_of, summed
from .notation import LETTERS, OTHERS, Board, Misfit, Unread
from .spellings import signs_replaced

LONG = 2_000  # characters of one formula
DEEP = 200  # levels of the parsed text
ENTRIES = 10**6  # of one result; more only where the worksheet itself has larger arrays
WORK = 100  # times the entries of one result, for a whole answer
BLAS = 16  # multiplications in a matrix product that take as long as one elsewhere
PRODUCTS = 4  # side by side, or onehots, that are read each in its own way
READINGS, FEWER = 64, 8  # of an answer, and of one that is changed

_OPERATORS = """
    Add add, Mult mul, Div truediv, FloorDiv floordiv, Mod mod, Pow pow, BitAnd and_, BitOr or_, Lt lt, LtE le, Gt gt,
    GtE ge, Eq eq, NotEq ne
"""
_BINARY: dict[type[ast.AST], Callable[[Any, Any], Any]] = {
    **{getattr(ast, kind): getattr(operator, word) for kind, word in map(str.split, _OPERATORS.split(","))},
    ast.Sub: lambda a, b: _counted(a) - b, ast.MatMult: np.matmul,
}  # fmt: skip
_UNARY: dict[type[ast.AST], Callable[[Any], Any]] = {
    ast.USub: lambda x: -_counted(x), ast.UAdd: lambda x: _counted(x), ast.Invert: operator.invert,
    ast.Not: np.logical_not,
}  # fmt: skip

_OURS = {
    word: row.fn for row in TABLE.values() for word in (row.name, symbol(row)) if word != "ψ"
    if row.bind is None and row.kind == "elementwise" and not hasattr(np, row.name)
}  # fmt: skip
#: Functions of NumPy; the first paragraph has the elementwise ones.
_NUMPY = """
    exp expm1 exp2 log log1p log2 log10 sqrt cbrt square abs absolute sign reciprocal sin cos tan sinh cosh tanh arcsin
    arccos arctan arctan2 arcsinh arccosh arctanh hypot logaddexp add subtract multiply divide negative power maximum
    minimum heaviside greater greater_equal less less_equal equal not_equal logical_and logical_or logical_not isnan
    isinf isfinite where clip real conjugate conj

    sum mean prod max min any all var std cumsum argmax argmin argsort count_nonzero sort convolve correlate transpose
    matrix_transpose swapaxes moveaxis squeeze expand_dims ravel reshape ones_like zeros_like flip trace diagonal array
    asarray concatenate stack column_stack hstack vstack inner vdot einsum tensordot kron zeros ones full eye
    identity arange diag full_like broadcast_to tile linalg.inv linalg.det linalg.solve roll pad tril triu
"""
_CONSTANTS = {"pi": np.pi, "_pi": np.pi, "e": np.e, "inf": np.inf, "nan": np.nan, "newaxis": None}
SIGNS_READ = frozenset("0123456789_+-*/%@()[]{},.:<>&|~=!#;^")
_WORDS = ("order", "mode", "norm", "kind")  # parameters that take a word
_SIZED = ("eye", "identity", "ones", "zeros", "full", "arange")  # by a whole number
_GROWING = ("outer", "kron", "tile", "take", "pad")  # sizes are multiplied


_NO_FORMULA = (
    ast.IfExp, ast.Lambda, ast.NamedExpr, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp, ast.Set, ast.Dict,
    ast.Await, ast.Yield, ast.YieldFrom, ast.JoinedStr, ast.Starred,
)  # fmt: skip
_PARTS = rf"(?:(?<![A-Za-z])|(?<=(?<![A-Za-z])d))({'|'.join(GREEK)})(?![A-Za-z])"
_ERF, _LGAMMA = (np.vectorize(fn, otypes=[float]) for fn in (math.erf, math.lgamma))


def _counted(x: Any) -> Any:
    """Conditions as the numbers 0 and 1."""
    return np.asarray(x).astype(int) if getattr(x, "dtype", np.dtype(float)).kind == "b" else x


def _at(x: Any, places: Any, shape: tuple[int, ...]) -> Any:
    """An array that has `x` at these places and is 0 elsewhere; what comes to one place is added."""
    y = np.zeros(shape)
    try:
        np.add.at(y, places, np.broadcast_to(x, y[places].shape))
    except IndexError:
        raise Misfit("an index is out of range") from None
    except ValueError:
        says = f"shape {shape_text(np.shape(x))} does not fit at places of shape {shape_text(y[places].shape)}"
        raise Unread(says) from None
    return y


def _slope(fn: Callable[..., Any], x: Any) -> Any:
    """The derivative of an elementwise function, by five points of it."""
    x = np.asarray(x, float)
    h = np.where((np.abs(x) < 1e-6) | (np.abs(x) > 0.1), 1e-3, np.abs(x) / 100)
    return (8 * (fn(x + h) - fn(x - h)) - (fn(x + 2 * h) - fn(x - 2 * h))) / (12 * h)


def _axis(x: Any, axis: Any) -> Any:
    """The axis of a softmax: if none is given, the last one, or that of a column."""
    is_column = np.ndim(x) == 2 and np.shape(x)[1] == 1
    return np.ravel(axis)[0] if axis is not None else -2 if is_column else -1


def _blocks(entries: Sequence[Any], shape: tuple[int, ...]) -> Any:
    """Matrices and numbers, side by side or below each other, as a matrix of a shape: ``[A, 0]``; None if none fits."""
    matrices = [x for x in entries if np.ndim(x)]
    for axis in (1, 0) if len(shape) == 2 else ():
        left = shape[axis] - sum(x.shape[axis] for x in matrices)
        n, odd = divmod(left, len(entries) - len(matrices))
        if n > 0 and not odd and all(x.shape[1 - axis] == shape[1 - axis] for x in matrices):
            size = (shape[0], n) if axis else (n, shape[1])
            return np.concatenate([x if np.ndim(x) else np.full(size, x) for x in entries], axis)
    return None


def _taken(x: Any, at: Any, axis: int | None = None) -> Any:
    try:
        return np.take(x, at, axis)
    except IndexError:
        raise Misfit("an index is out of range") from None


def _along(word: str, x: Any, axis: Any = None, keepdims: bool = True) -> Any:
    return TABLE[word].on_arrays(x, _axis(x, axis))


def _outer(a: Any, b: Any) -> Any:
    """Each entry of one with each of the other; of a matrix and a vector with three axes, where NumPy has two."""
    is_long = any(sum(n > 1 for n in np.shape(x)) > 1 for x in (a, b))
    return np.multiply.outer(a, b) if is_long else np.outer(a, b)


def _diagonal(x: Any, k: int = 0) -> Any:
    """The diagonal of a matrix; of a vector, a column or a row the matrix that has it there."""
    return np.diag(np.ravel(x) if np.ndim(x) == 2 and 1 in np.shape(x) else x, k)


_FUNCTIONS: Mapping[str, Any] = {
    **_OURS,
    **{word: operator.attrgetter(word)(np) for word in _NUMPY.split()},
    "ReLU": _OURS["relu"],
    "logistic": _OURS["sigmoid"],
    **{word: getattr(np.linalg, word) for word in ("inv", "det", "norm", "cholesky")},
    "matmul": lambda a, b: np.matmul(*_factors(a, b)),
    "solve": lambda a, b: np.linalg.solve(*_factors(a, b)),
    "dot": lambda a, b: np.dot(*_factors(a, b)) if np.ndim(a) and np.ndim(b) else a * b,
    "tr": np.trace,
    "outer": _outer,
    "diag": _diagonal,
    "ln": np.log,
    **dict.fromkeys(("cross", "cross3"), np.cross),
    "sech": lambda x: 1 / np.cosh(x),
    "coth": lambda x: 1 / np.tanh(x),
    "sec": lambda x: 1 / np.cos(x),
    "csc": lambda x: 1 / np.sin(x),
    "cot": lambda x: 1 / np.tan(x),
    **dict.fromkeys(("psi", "digamma"), partial(_slope, _LGAMMA)),
    **dict.fromkeys(("gammaln", "loggamma", "lgamma"), _LGAMMA),
    "Γ": np.vectorize(math.gamma, otypes=[float]),
    "len": lambda x: np.shape(x)[0],
    "isin": np.isin,
    "take": _taken,
    "bincount": np.bincount,
    "diff": lambda x, n=1, axis=-1, **ends: np.diff(x, n, axis, **ends),
    "erf": _ERF,
    **dict.fromkeys(("Φ", "ndtr"), lambda x: (1 + _ERF(x / math.sqrt(2))) / 2),
    "φ": lambda x: np.exp(-np.square(x) / 2) / np.sqrt(2 * np.pi),
    **{word: partial(_along, word) for word in ("softmax", "log_softmax")},
    "logsumexp": np.logaddexp.reduce,
    "onehot": NOTATIONS["onehot"].fn,
    "placed": _at,
    "astype": lambda x, dtype: np.asarray(x).astype(dtype),
    "slice": slice,
}
_PRIME = "relu ReLU softplus silu log_sigmoid exp log ln sqrt sin cos tan sinh cosh arctan abs erf Φ φ Γ"
#: With the derivatives of functions, σʹ for σ'.
FUNCTIONS = {
    **_FUNCTIONS,
    **{f"{w}ʹ": partial(_slope, _FUNCTIONS[w]) for w in _PRIME.split()},
    # Exact, also where a difference is nearly 0.
    **dict.fromkeys(("sigmoidʹ", "σʹ"), lambda x: _OURS["sigmoid"](x) * _OURS["sigmoid"](-np.asarray(x))),
    "tanhʹ": lambda x: 1 / np.cosh(x) ** 2,
}


def digamma(x: Any) -> Any:
    """ψ = Γ′ / Γ, which is a function on the sheets that have it or Γ: elsewhere a student's ψ is something else."""
    return _slope(_LGAMMA, x)


def assignments(
    text: str, sheet: Mapping[str, Any], blanks: Mapping[str, Any], limit: int
) -> tuple[dict[str, Any], dict[str, set[str]]]:
    """The values of the variables of a text; an exception in the place of one that could not be computed.

    With them the names of the sheet that are used in each.

    If the text only defines functions, these are the variables of the last one.

    Parameters
    ----------
    text : str
        Assignments, or definitions of functions.
    sheet : mapping
        The values and functions of the worksheet by their names; arguments of a function have to be among them.
    blanks : mapping
        The right values of the blanks.
    limit : int
        The largest number of characters.
    """
    statements = _parsed(text, limit, "exec").body
    functions = [s for s in statements if isinstance(s, ast.FunctionDef)]
    if functions and not any(w in blanks for s in statements for w in _targets(s)):
        a = functions[-1].args
        names = [arg.arg for arg in (*a.posonlyargs, *a.args, *a.kwonlyargs)]
        missing = [w for w in names if w not in sheet and w not in blanks]
        if missing:
            usable = ", ".join(w for w, x in sheet.items() if not callable(x))
            raise Unread(f"worksheet: expected a function of {usable}, got arguments {', '.join(missing)}")
        statements = functions[-1].body
    variables, uses = dict[str, Any](), dict[str, set[str]]()
    reader = Reader({**sheet, **blanks})
    for s in statements:
        e, names = _assigned(s), _changed(s)
        if not names:
            continue
        reader.used.clear()
        try:
            if e is None:
                raise Unread(f"line {s.lineno} is not read: it is no assignment, and is not run")
            value = _with_entries(reader, s, reader.value(e))
            values = list(value) if isinstance(s, ast.Assign) and isinstance(s.targets[0], ast.Tuple) else [value]
            assigned = dict(zip(names, values, strict=True))
        except Exception as error:  # whatever is wrong with one line, the others are still marked
            assigned = dict.fromkeys(names, error)
        variables.update(assigned)
        uses |= {w: {u for word in reader.used for u in uses.get(word, {word})} for w in names}
        reader.names.update({w: x for w, x in assigned.items() if not isinstance(x, Exception)})
    return variables, uses


def worked_out(text: str, sheet: Mapping[str, Any]) -> Any:
    """The value of one formula in terms of the names of a worksheet.

    Parameters
    ----------
    text : str
        Python, or the notation of a board (see :mod:`~autograd_lite.teach.notation`).
    sheet : mapping
        The values and functions of the worksheet by their names.

    >>> worked_out("2 * x.T", {"x": np.array([[1.0, 2.0]])}).tolist()
    [[2.0], [4.0]]
    >>> worked_out("½ Σ x² (1 - x)", {"x": np.array([[1.0, 2.0]])})
    np.float64(-2.0)
    >>> worked_out("__import__('os')", {"x": 1.0})
    Traceback (most recent call last):
    autograd_lite.teach.notation.Unread: __import__ is not a function on this sheet; ...
    """
    return Reader(sheet).formula(text, Board(written(w for w, x in sheet.items() if not callable(x)), FUNCTIONS))


def is_python(text: str) -> bool:
    """Whether a text is Python, not the lines of a board."""
    try:
        return bool(ast.parse(signs_replaced(text)))
    except (RecursionError, MemoryError):  # it is rejected when it is read
        return True
    except SyntaxError as error:
        return "nested" in error.msg
    except ValueError:
        return False


_LOWERED = {letter: below for below, letter in OTHERS.items()}  # Rₓ for R_x


def written(names: Iterable[str]) -> dict[str, str]:
    """Names by how they may be written: ``gamma`` also as ``γ``, ``Wq`` as ``W_q``, ``h1`` as ``h_1`` and ``h₁``."""
    names = list(names)
    second = r"(?<=[A-Z])(?=[a-z]{1,3}$)|(?<=(?<!\w)[a-z])(?=[a-z]$)|(?<=/d[a-z])(?=[a-z]$)"  # W_hy, z_a
    indexed = {w: re.sub(rf"{second}|(?<=[a-zA-Z])(?=\d+$)", "_", w) for w in names}
    indexed = {w: w if re.search("_[i-lt]$", s) and s[:-2] in names else s for w, s in indexed.items()}
    lowered = {re.sub(r"_(\d+)$", lambda m: subscript(m[1]), shown): w for w, shown in indexed.items()}
    lowered |= {re.sub(r"_([a-z])$", lambda m: _LOWERED.get(m[1], m[0]), shown): w for w, shown in indexed.items()}
    typed = {shown: w for w, shown in indexed.items()}
    spelled = {re.sub("[α-ω]", lambda m: LETTER_NAMES.get(m[0], m[0]), text_name(w)): w for w in names}
    shown_as = {**spelled, **{text_name(w): w for w in names}}
    printed = {re.sub(r"(?<=[^\W\d_]|[\u0300-\u036f])(?=\d+$)", "_", shown): w for shown, w in shown_as.items()}  # θ_0
    lowered |= {re.sub(r"_(\d+)$", lambda m: subscript(m[1]), shown): w for shown, w in printed.items()}  # θ₀
    parts = {re.sub(_PARTS, lambda m: GREEK[m[1]], w): w for w in names}  # θ_rest
    return {**parts, **lowered, **spelled, **printed, **typed, **shown_as, **{w: w for w in names}}


def clipped(answer: Any) -> str:
    """An answer, shortened for a message."""
    shown = repr(answer[:80] if isinstance(answer, str) else answer)
    return shown if len(shown) <= 60 else f"{shown[:56]}…{shown[0]}"


def _targets(s: ast.stmt) -> list[str]:
    """The variables that a statement assigns to."""
    target = s.targets[0] if isinstance(s, ast.Assign) else s.target if isinstance(s, ast.AnnAssign) else None
    inside = target.elts if isinstance(target, ast.Tuple) else [target]
    return [t.id for t in inside if isinstance(t, ast.Name)]


def _assigned(s: ast.stmt) -> ast.expr | None:
    """What a statement assigns, or sets or adds at entries; None for one that does more."""
    match s:
        case ast.Assign([ast.Name() | ast.Tuple() | ast.Subscript(ast.Name())], value):
            return value
        case ast.AnnAssign(ast.Name(), _, ast.expr() as value):
            return value
        case ast.AugAssign(ast.Name(word), op, value):
            return ast.copy_location(ast.BinOp(ast.Name(word), op, value), s)
        case ast.AugAssign(ast.Subscript(ast.Name()), ast.Add() | ast.Sub() | ast.Mult() | ast.Div(), value):
            return value
        case ast.Expr(ast.Call(ast.Attribute(ast.Attribute(ast.Name("np"), "add"), "at"), [ast.Name(), _, value], [])):
            return value
    return None


def _changed(s: ast.stmt) -> list[str]:
    """The variables that a statement assigns to or changes, also in a loop or a call that it has inside."""
    if _targets(s):
        return _targets(s)
    stored = (t for t in ast.walk(s) if isinstance(t, ast.Name | ast.Subscript) and isinstance(t.ctx, ast.Store))
    words = [of.id for t in stored if isinstance(of := t.value if isinstance(t, ast.Subscript) else t, ast.Name)]
    calls = (t for t in ast.walk(s) if isinstance(t, ast.Call) and ast.unparse(t.func).endswith(".at"))
    words += [of.id for t in calls for of in t.args[:1] if isinstance(of, ast.Name)]
    return [*dict.fromkeys(words)]


def _with_entries(reader: Reader, s: ast.stmt, value: Any) -> Any:
    """An array with the entries that a line sets, ``dW[0] = x``, or adds to, ``np.add.at(dE, w, du)``; or the value."""
    match s:
        case ast.Assign([ast.Subscript(ast.Name(word), at)]) | ast.AugAssign(ast.Subscript(ast.Name(word), at)):
            op: Any = s.op if isinstance(s, ast.AugAssign) else None
        case ast.Expr(ast.Call(_, [ast.Name(word), at, _])):
            op = "at"
        case _:
            return value
    whole = np.array(reader.value(ast.Name(word)), float)
    reader.names["_places"] = np.arange(whole.size).reshape(whole.shape)
    places = np.asarray(reader.value(ast.Subscript(ast.Name("_places"), at, ast.Load())), int)
    del reader.names["_places"]
    reader.used -= {"_places", word} if op is None and places.size == whole.size else {"_places"}
    if op == "at":
        np.add.at(whole.reshape(-1), places, value)
    else:
        new = value if op is None else _BINARY[type(op)](whole.reshape(-1)[places], value)
        whole.reshape(-1)[places] = new
    return whole


def _parsed(
    text: str, limit: int, mode: str, board: Board | None = None, shape: tuple[int, ...] = (), letters: str = "",
    steps: Sequence[int] = (),
) -> Any:  # fmt: skip
    if len(text) > limit:
        raise Unread(f"it has {len(text):,} characters; write it in {limit:,} at most")
    try:
        python = signs_replaced(text) if board is None else board.python(text, shape, letters, steps)
        tree = ast.parse(python, "<answer>", mode)
    except (RecursionError, MemoryError):
        raise Unread(_DEEP) from None
    except SyntaxError as error:
        raise Unread(_DEEP if "nested" in error.msg else _unread(text, python) if board else error.msg) from None
    if board and any(isinstance(part, _NO_FORMULA) for part in ast.walk(tree)):
        raise Unread(_unread(text, python))
    level: list[ast.AST] = [tree]
    for _ in range(DEEP):
        level = [part for node in level for part in ast.iter_child_nodes(node)]
    if level:
        raise Unread(_DEEP)
    return tree


def _unread(text: str, python: str) -> str:
    """Why a formula cannot be read: a sign that is not known, a bracket without the other, or its order."""
    if re.search("['\"]", python):
        return _QUOTE
    if unread := next((c for c in python if not (c.isspace() or category(c)[0] in "LM" or c in SIGNS_READ)), ""):
        return f"the character {unread!r} (U+{ord(unread):04X}) cannot be read"
    says, opened = "invalid syntax", list[str]()
    for c in python:
        if c in ")]}" and (not opened or "([{".index(opened.pop()) != ")]}".index(c)):
            return f"unmatched '{c}'"
        opened += [c] if c in "([{" else []
    says = f"'{opened[-1]}' was never closed" if opened else says
    is_product = re.search(r"(?<![\w.])\d[\d.]*[A-Za-z_(]|[\w)\]]\s+[\w(]", text)
    return f"{says}; write * between factors: 2 * x" if is_product else says


class Reader:
    """Interprets formulas, within a budget for all of them together.

    Attributes
    ----------
    used : set of str
        The names that have been used.
    reading : set of str
        How what can be read in two ways is read: factors side by side as a "product 1" of matrices, or an "inner 2"
        product of vectors, those with a dot between as a "dot 1" product, or all as "dots", with × as a "cross"
        product, one side by side as more "tight" than the one before, a sum at a step as one "in each step", one of
        values in a loop as "from 1" on, sums with axes "dropped", entries of an array as "counted" from 1 as the steps
        are, ``Xᵢ`` as one of the "rows", an inverse as that of each "entry", an array of "one" entry as that with index
        0, vectors in brackets as "joined", or "columns", matrices as "below" each other, one in brackets as a "group",
        bars as a "length" or a determinant, an index that no axis has as the "last", one of matrices as that of the
        "class" in each row, one alone as that of its letter among the "axes", the name of a value below the line as one
        of the "letters", ``x_t+1`` as ``xₜ₊₁`` and ``x_t,i`` as ``xₜᵢ``, "moved", Σ as the matrix "Sigma", what is left
        of a sum without indices as "loose" from them, a vector beside a matrix as an entry for "each" row, the arrays
        of a list in a sum as "added", as Python does, labels as of the "first 1" axis, or of as many "classes 1" as
        they need, an array without indices as "apart" from them, or in the "rest" of those of the result, a vector
        added to a column as a "column", a vector as a "row", of which the transpose is a column, more than two axes as
        a "stack" of matrices, π or e as the "number", a 1 behind an array as a vector of "ones", I as the "unit" matrix
        of the last axis where it is one of another size, an index as the user's "own" where that is an array, sums over
        steps as over those of the "line", ∂L/∂x as the "total" derivative, free indices in the order in which they are
        "written", arrays in these as having "rows of steps", a sum, or one "below" a line, as that of the "next"
        factor, or over the indices that are "bound" by it though it has none, and a term with an entry beyond the
        "ends" as none, a value before brackets as a "call" of the function of that name, what stands side by side
        behind a division as "under" it, a number and what stands behind it as the "argument" of ``sin 2γ``, a number in
        a sum over its letter as the "index", an entry at t as a value that is "stepped", and t as an index like the
        others, "t", where there are no steps.
    choices : set of str
        Those of these that made a difference.
    """

    def __init__(
        self, names: Mapping[str, Any], shown: Mapping[str, str] | None = None,
        full: Mapping[str, Sequence[int]] = MappingProxyType({}),
    ) -> None:  # fmt: skip
        self.names, self.shown, self.full = dict(names), shown or {}, full
        self.numbers = self.names.keys() & {"pi", "_pi", "e"}
        self.used: set[str] = set()
        self.reading: Set[str] = frozenset()
        self.listed: ast.expr | None = None
        self.choices: set[str] = set()
        self.numbered: dict[str, dict[str, int]] = {}  # by their kinds the parts that can be read in two ways
        self.shape: tuple[int, ...] = ()
        self.board, self.tree = Board({}), ast.Expression(ast.Constant(None))
        self.turned: set[ast.AST] = set()  # vectors with a ᵀ
        self.sums: set[ast.expr] = set()  # those of terms, of which one with an entry beyond the ends is 0
        self.frame = ""  # the indices of what has none
        self.beside: tuple[int, ...] = ()  # the shape of what an operand is added to
        self.columns: tuple[int, ...] = ()  # of a onehot, by what it is multiplied with
        self.entries = max([ENTRIES, *(4 * np.size(x) for x in self.names.values() if not callable(x))])
        self.left: float = WORK * self.entries

    def formula(
        self, text: str, board: Board, shape: tuple[int, ...] = (), letters: str = "", steps: Sequence[int] = (),
        reading: Set[str] = frozenset(),
    ) -> Any:  # fmt: skip
        """The value of one formula, which has a budget of its own; `shape` is expected, perhaps with these indices."""
        self.used.clear()
        self.choices.clear()
        board.free = "?"  # until it is read
        board.reading, board.choices = reading, self.choices
        tree = _parsed(text.strip(), LONG, "eval", board, shape, letters, steps)
        return self._formula(tree, board, shape, reading)

    def same_formula(self, other: Reader) -> Any:
        """The value of the formula that `other` has read last, with the names of this one."""
        return self._formula(other.tree, other.board, other.shape, other.reading)

    def _formula(self, tree: ast.Expression, board: Board, shape: tuple[int, ...], reading: Set[str]) -> Any:
        self.tree, self.board, self.shape, self.reading = tree, board, shape, reading
        self.used.clear()
        self.numbered.clear()
        self.left = WORK * self.entries
        order = board.order or board.free * (len(board.free) == len(shape))
        self.frame = (order + LETTERS[len(order) :])[: len(shape)]
        self.sums = {*_outermost(tree.body)} if "ends" in reading else set()
        return laid_out(_inside(self.value(tree.body), "ends" in reading), shape, board.order)

    def _is_read_as(self, choice: str) -> bool:
        self.choices.add(choice)
        return choice in self.reading

    def value(self, e: ast.expr) -> Any:
        try:
            with np.errstate(all="ignore"):
                result = self._value(e)
            return result if isinstance(result, tuple) and not isinstance(result, Indexed) else _operand(result)
        except OverflowError:
            raise Unread("a number in it is too large") from None

    def _value(self, e: ast.expr) -> Any:
        match e:
            case ast.Constant(value=bool() | int() | float() | complex() | None | EllipsisType()):
                return e.value
            case ast.Name() | ast.Attribute():
                return self._named(e)
            case ast.Tuple():
                return tuple(map(self._value, e.elts))
            case ast.List():
                return self._list(list(map(self._value, e.elts)))
            case ast.UnaryOp() if type(e.op) in _UNARY:
                return entrywise(_UNARY[type(e.op)], [_operand(self._value(e.operand))])
            case ast.BinOp() if (of := _chained(e)) is not None and self._is_read_as("tight"):
                return self._value(of)
            case ast.BinOp(left=ast.BinOp(first, ast.Mult(), second), op=ast.Mult(), right=ast.UnaryOp(ast.UAdd())):
                tight = ast.BinOp(first, ast.Mult(), ast.BinOp(second, ast.Mult(), e.right))  # V ⊙ A B is V ⊙ (A B)
                try:
                    return self._value(tight) if self._is_read_as("tight") else self._operation(e)
                except Misfit:
                    return self._value(tight)
            case ast.BinOp(ast.BinOp(first, ast.Mult(), ast.UnaryOp(plus, ast.UnaryOp() as second)), ast.Div(), below) \
                    if not _is_plus(second.operand) and not _has_brackets(e) and self._is_read_as("tight"):
                inner = ast.UnaryOp(plus, ast.UnaryOp(plus, ast.BinOp(second.operand, ast.Div(), below)))
                return self._value(ast.BinOp(first, ast.Mult(), inner))  # a·b / c
            case ast.BinOp() if type(e.op) in _BINARY:
                return self._operation(e)
            case ast.BoolOp():
                op, sides = ast.BitAnd() if isinstance(e.op, ast.And) else ast.BitOr(), list(map(self.value, e.values))
                if any(np.asarray(x.x if isinstance(x, Indexed) else x).dtype != bool for x in sides):
                    raise Unread("what is joined by 'and' or 'or' has to be a condition")
                return reduce(partial(self._binary, op), sides)
            case ast.Compare() if all(type(op) in _BINARY for op in e.ops):
                sides = [_operand(self._value(side)) for side in (e.left, *e.comparators)]
                pairs = [self._of_each(a, b) for a, b in pairwise(sides)]
                signs = [self._binary(op, a, b) for op, (a, b) in zip(e.ops, pairs, strict=True)]
                return reduce(partial(self._binary, ast.BitAnd()), signs)
            case ast.Subscript():
                return self._at(e)
            case ast.Call():
                return self._call(e)
        raise Unread(_QUOTE if isinstance(e, ast.Constant) else "invalid syntax")

    def _at(self, e: ast.Subscript) -> Any:
        """An entry, or several; behind a number a vector."""
        if _dotted(e.value) == "np.s_":
            return self._index(e.slice)
        x = self._in_full(e.value, _indices(e.slice))
        if isinstance(e.slice, ast.Tuple) and not isinstance(x, Indexed) and not np.ndim(x):  # (a - b) [0, 1]
            return x * _operand(self._list(list(map(self._value, e.slice.elts))))
        index = self._index(e.slice)
        places = index if isinstance(index, tuple) and not isinstance(index, Indexed) else (index,)
        bounds = [(p.start, p.stop) if isinstance(p, slice) else (p,) for p in places]
        if any(isinstance(b[0], Indexed) for b in bounds if b[1:]) and not isinstance(x, Indexed):  # x[i:i+3]
            def of(*at: Any) -> Any:
                left = iter(map(int, at))
                return x[tuple(slice(next(left), next(left)) if b[1:] else next(left) for b in bounds)]

            return each(of, [end for b in bounds for end in b])
        if any(isinstance(x, Indexed) for x in places):  # E[wᵢ], P[i, yᵢ]
            if isinstance(x, Indexed):
                raise Unread("an index of entries cannot be read")
            at = [p for p in places if not isinstance(p, slice)]
            if any(isinstance(p, slice) for p in places[: len(at)]):
                raise Unread("a slice before an index of entries cannot be read")
            return entrywise(partial(self._entries, x[(slice(None),) * len(at) + places[len(at) :]]), at)
        if isinstance(x, Indexed):
            return each(lambda entry: entry[index], [x])
        self._charge(_indexed(x, index))
        try:
            return x[index]
        except IndexError as error:
            raise Misfit("an index is out of range") if "bounds" in str(error) else error from None

    def _in_full(self, e: ast.expr, count: int) -> Any:
        """What has some indices; of a derivative that is one number all of its entries."""
        x, shape = _operand(self._value(e)), self.full.get(_dotted(e), ())
        return np.broadcast_to(x, shape) if np.shape(x) == () and count <= len(shape) else x

    def _operation(self, e: ast.BinOp) -> Any:
        a, b = self._operands(e)
        beside = e.right.operand if _is_plus(e.right) else None  # what stands side by side
        if isinstance(beside, ast.Constant) and beside.value == 1 and len(np.shape(a)) and self._is_read_as("ones"):
            is_column = len(self.shape) == 2 and self.shape[1] == 1
            return each(lambda x: np.sum(x, -1, keepdims=is_column), [a])  # A 1, with a vector of ones
        if beside and _is_plus(beside) and _is_plus(beside.operand):
            return self._crossed(a, b)
        b = self._as_column(e.right, a, b) if beside or isinstance(e.op, ast.MatMult) else b
        side = "product" if beside and not _is_plus(beside) else "dot"  # u·v
        op = ast.MatMult() if beside and self._is_product(e, a, b, side) else e.op
        a, b = (a, b) if isinstance(op, ast.MatMult) else self._of_each(a, b)
        return self._of_rows(op, a, b) if "row" in self.reading else self._binary(op, a, b)

    def _of_each(self, a: Any, b: Any) -> tuple[Any, Any]:
        """Both operands, one that has an entry for each row of the other perhaps as a column: p ⊙ (log p + H)."""
        if isinstance(a, Indexed) or isinstance(b, Indexed) or not _is_of_each(a, b) or not self._is_read_as("each"):
            return a, b
        ndim = max(np.ndim(a), np.ndim(b))
        return _of_rank(a, ndim), _of_rank(b, ndim)

    def _of_rows(self, op: ast.AST, a: Any, b: Any) -> Any:
        """An operation where vectors are rows: ``zᵀ a`` is a matrix, and ``a zᵀ`` a number."""
        left, right = map(shape_of, (a, b))
        if not isinstance(op, (ast.Mult, ast.MatMult)) or sorted(map(len, (left, right))) != [1, 2]:
            return self._binary(op, a, b)
        if left[1:] == (1,):
            return each(_outer, [a, b])
        return self._binary(ast.MatMult() if right[1:] == (1,) else op, a, b)

    def _as_column(self, e: ast.expr, a: Any, b: Any) -> Any:
        """The second operand of a product, a row if it was made of a vector, as a column: ``W Xᵢᵀ`` with a row Xᵢ."""
        sizes = shape_of(a)
        is_column = sizes[1:] and sizes[-1] != 1 and shape_of(b) == (1, sizes[-1])
        return each(np.ravel, [b]) if is_column and any(part in self.turned for part in ast.walk(e)) else b

    def _crossed(self, a: Any, b: Any) -> Any:
        """``a × b``, perhaps a cross product."""
        sizes = [shape_of(x)[-1:] for x in (a, b)]
        if sizes == [(3,), (3,)] and self._is_read_as("cross"):
            return each(np.cross, [a, b])
        return self._binary(ast.Mult(), a, b)

    def _operands(self, e: ast.BinOp) -> list[Any]:
        """Both operands. A onehot or I is evaluated after what it is added to, which may say how many entries it has;
        a vector that is added to a column may be one.
        """
        is_last = _bare(_dotted(getattr(e.left, "func", e.left))) in ("onehot", "I")
        first = _operand(self._value(e.right if is_last else e.left))
        is_sum = isinstance(e.op, (ast.Add, ast.Sub)) and not isinstance(first, Indexed)
        self.beside = np.shape(first) if is_sum else ()
        is_product = isinstance(e.op, ast.MatMult) or _is_beside(e)
        factor = shape_of(first) if is_last and (is_product or isinstance(e.op, ast.Mult)) else ()
        self.columns = factor[-2:][:1] if is_product else factor[-1:]
        last = _operand(self._value(e.left if is_last else e.right))
        self.beside = self.columns = ()
        sides = [_inside(x, e in self.sums) for x in ([last, first] if is_last else [first, last])]
        is_entrywise = isinstance(e.op, (ast.Add, ast.Sub, ast.Mult, ast.Div)) and not isinstance(first, Indexed)
        n = np.size(first) if is_entrywise else 1
        if 1 < n**2 <= ENTRIES and {*map(np.shape, sides)} == {(n,), (n, 1)} and self._is_read_as("column"):
            sides = [np.reshape(x, (n, 1)) for x in sides]
        return sides

    def _entries(self, x: Any, *at: Any) -> Any:
        """``x[i, j + 1]``; 0 beyond the ends, or where whole numbers may be labels perhaps no number."""
        places = np.broadcast_arrays(*at)
        inside = np.all([(p >= 0) & (p < n) for p, n in zip(places, np.shape(x), strict=False)], axis=0)
        y = np.asarray(x)[tuple(np.where(inside, p, 0) for p in places)]
        is_none = y.dtype.kind in "iu" and not inside.all() and self._is_read_as("ends")
        return np.where(np.reshape(inside, [*inside.shape] + [1] * (y.ndim - inside.ndim)), y, np.nan if is_none else 0)

    def _list(self, entries: list[Any]) -> Any:
        """A list of entries, or of vectors that may be joined."""
        is_one = len(entries) == 1 and (isinstance(entries[0], Indexed) or np.ndim(entries[0]))
        if is_one and self._is_read_as("group"):  # [a ⊙ b] xᵀ
            return entries[0]
        self._charge(_size(entries))
        if any(isinstance(x, Indexed) for x in entries):  # [aᵢ, bᵢ]
            return each(lambda *parts: np.asarray(parts), entries)
        if {0, 1} == {*map(np.ndim, entries)}:  # [0, x], also of rows or columns
            sizes = max(map(np.shape, entries))
            axis = {(len(entries), *sizes): 0, (*sizes, len(entries)): 1}.get(self.shape)
            if self._is_read_as("columns"):  # [1, x, x²]ᵀ
                axis = 1 - (axis or 0)
            return np.hstack(entries) if axis is None else np.stack([np.broadcast_to(x, sizes) for x in entries], axis)
        if {0, 2} == {*map(np.ndim, entries)} and (made := _blocks(entries, self.shape)) is not None:
            return made
        is_joined = len(entries) > 1 and all(isinstance(x, np.ndarray) and x.ndim for x in entries)
        if is_joined and entries[0].ndim > 1 and self._is_read_as("below"):
            return np.concatenate(entries)
        if is_joined and {*map(np.shape, entries)} == {entries[0].shape[:1]} and self._is_read_as("columns"):
            return np.stack(entries, axis=-1)
        return np.concatenate(entries, axis=-1) if is_joined and self._is_read_as("joined") else entries

    def _named(self, e: ast.Name | ast.Attribute) -> Any:
        word = _dotted(e)
        is_total = word.endswith("_direct") and self._is_read_as("total")  # ∂L/∂η is meant as dL/dη
        word = word.removesuffix("_direct") if is_total else word
        is_number = word in self.numbers and self._is_read_as("number")
        is_unit = word == "I" and self._is_unit(self.names.get(word)) and self._is_read_as("unit")
        if word in self.names and not callable(self.names[word]) and not is_number and not is_unit:
            self.used.add(word)
            return _locked(self.names[word])
        bare = _bare(word)
        if word == "I" and self.shape:  # the unit matrix
            at = self.beside if len({*self.beside}) == 1 < len(self.beside) else self.shape  # I - diag(h²)
            return np.eye(at[-1])
        if bare in _CONSTANTS:
            return _CONSTANTS[bare]
        dtype = getattr(np, bare, None) if bare != word else {"float": np.float64, "int": np.int64}.get(word)
        if isinstance(dtype, type) and issubclass(dtype, (np.number, np.bool_)):
            return dtype
        if isinstance(e, ast.Attribute) and e.attr in ("T", "mT", "I", "real", "shape", "size", "ndim"):
            return self._attribute(e)
        if bare in FUNCTIONS or word in self.names:
            raise Unread(f"{word} is a function: write {word}(…)")
        shown = (self.shown.get(w, w) for w, x in self.names.items() if not callable(x))
        values = ", ".join(w for w in shown if w and "/" not in w)
        raise Unread(f"{word or ast.unparse(e)[:40]} is not a name on this sheet; its names are {values}")

    def _attribute(self, e: ast.Attribute) -> Any:
        self.beside = () if e.attr == "T" else self.beside  # onehot(i)ᵀ has other columns
        word, x = e.attr, _operand(self._value(e.value))
        sizes = shape_of(x)
        self.turned |= {e} if word == "T" and len(sizes) == 1 else set()
        word = "mT" if word == "T" and len(sizes) > 2 and self._is_read_as("stack") else word
        may_be_row = len(sizes) == 1 and len(self.shape) == 2 and (isinstance(x, Indexed) or not self._has_gradient(e))
        if word == "T" and may_be_row and self._is_read_as("row"):
            return each(lambda x: x[:, None], [x])
        if word != "I":
            return each(operator.attrgetter(word) if word not in _TURNED else _TURNED[word], [x])
        is_square = len(np.shape(x)) > 1 and np.shape(x)[-1] == np.shape(x)[-2] > 1 and not self._is_read_as("entry")
        self._charge(_size(x), _size(x) * np.shape(x)[-1] if is_square else 0)
        return each(np.linalg.inv, [x]) if is_square else entrywise(lambda x: 1 / np.asarray(x), [x])

    def _has_gradient(self, e: ast.expr) -> bool:
        return any(isinstance(n, ast.Name) and n.id in self.board.gradients for n in ast.walk(e))

    def _is_unit(self, x: Any) -> bool:
        return np.ndim(x) == 2 and bool(self.shape) and np.array_equal(x, np.eye(len(x)))

    def _index(self, e: ast.expr) -> Any:
        if isinstance(e, ast.Tuple):
            return tuple(map(self._index, e.elts))
        if isinstance(e, ast.Slice):
            return slice(*(None if part is None else self._value(part) for part in (e.lower, e.upper, e.step)))
        at = self._value(e)
        return np.asarray(at) if isinstance(at, list) else at

    def _binary(self, op: ast.AST, a: Any, b: Any) -> Any:
        if isinstance(a, Indexed) or isinstance(b, Indexed):
            others = self._quotient if isinstance(op, ast.Div) else self._product
            plain = others if isinstance(op, ast.Div | ast.Mult) else partial(self._binary, op)
            return each(plain, [a, b]) if isinstance(op, ast.MatMult) else self._entrywise(plain, [a, b])
        is_few = isinstance(op, ast.Pow) and np.ndim(b) == 0 and b in (2, 3, 4)
        if is_few and _is_square(a) and self._is_read_as("power"):
            self._charge(*_matrix_product(a, a))
            return np.linalg.matrix_power(a, int(b))  # A² x
        if isinstance(op, ast.MatMult):
            a, b = _factors(*_rows_and_columns(a, b))
            self._charge(*_matrix_product(a, b))
        else:
            try:
                shape = np.broadcast_shapes(np.shape(a), np.shape(b))
            except ValueError:
                says = f"shapes {_shapes(a, b)} do not fit; write "
                if not isinstance(op, (ast.Mult, ast.Div)) and {np.ndim(a), np.ndim(b)} == {1, 2} and len(a) == len(b):
                    raise Unread(f"{says}indices, as in xᵢⱼ + yᵢ") from None
                raise Misfit(f"{says}A @ B for a product of matrices") from None
            self._charge(math.prod(shape))
        if isinstance(op, ast.Pow) and isinstance(a, int) and isinstance(b, int) and not 0 <= b * a.bit_length() < 63:
            a = float(a)  # 9**9**9 has 370 million digits
        y = _BINARY[type(op)](a, b)
        if isinstance(op, ast.cmpop) and "ends" in self.reading:  # of what is beyond the ends nothing can be said
            y = np.where(none, np.nan, y) if (none := np.isnan(a) | np.isnan(b)).any() else y
        return y

    def _product(self, a: Any, b: Any) -> Any:
        """A product of entries; 0 where one is 0 and the other infinite: 1[i ≠ j] / √dᵢⱼ."""
        y = self._binary(ast.Mult(), a, b)
        return np.where((np.asarray(a) == 0) | (np.asarray(b) == 0), 0, y) if np.isnan(y).any() else y

    def _quotient(self, a: Any, b: Any) -> Any:
        """An entry over another; where both are beyond the ends, so is the quotient: uᵢ₋₁ / |uᵢ₋₁|."""
        is_beyond = (np.asarray(a) == 0) & (np.asarray(b) == 0)
        return self._binary(ast.Div(), a, np.where(is_beyond, 1, b))

    def _is_product(self, e: ast.BinOp, a: Any, b: Any, kind: str) -> bool:
        """Whether what stands side by side is a product of matrices: where only that fits, or where it is read so; of
        the products of a formula each by itself, A (B ⊙ C), but at all steps of a sum in one way.
        """
        a, b = (np.broadcast_to(0, shape_of(x)) for x in (a, b))
        if min(a.ndim, b.ndim) < 1:
            return False
        left, right = map(np.shape, _rows_and_columns(a, b))
        if left[-1] != right[-2:][0]:
            return False
        is_turned = getattr(e.right, "operand", None) in self.turned and "row" not in self.reading
        if is_turned and a.ndim == 1 < a.size * b.size:  # a uᵀ, where u has one entry too
            return True
        if kind == "product" and a.ndim == b.ndim == 1:  # w A w, but not u v, of which the sum may be forgotten
            kind = "inner"
            if not any(isinstance(n, ast.Name) and np.ndim(self.names.get(n.id, 0)) > 1 for n in ast.walk(e)):
                return False
        try:
            np.broadcast_shapes(np.shape(a), np.shape(b))
        except ValueError:
            return not (_is_of_each(a, b) and self._is_read_as("each"))
        is_turned = a.shape == (1, b.size) and b.ndim == 1 and _last_factor(e.left) == "T"  # zᵀ a
        if kind == "dot" and self._is_read_as("dots"):  # all of them
            return True
        return self._is_read_as(f"{kind} {self._number('product', e)}") or is_turned

    def _number(self, kind: str, e: ast.expr) -> int:
        """The number of a part among those of its kind, which is the same at all steps of a sum."""
        several = self.numbered.setdefault(kind, {})
        return min(several.setdefault(re.sub(r"\d", "", ast.dump(e)), len(several) + 1), PRODUCTS)

    def _call(self, e: ast.Call) -> Any:
        word, bare = self._function(e)
        if word == "indexed":
            return self._with_indices(e)
        fn = self.names.get(word) if callable(self.names.get(word)) else FUNCTIONS.get(bare)
        args = []
        if not callable(fn) and isinstance(e.func, ast.Attribute) and callable(getattr(np.ndarray, e.func.attr, None)):
            bare = e.func.attr  # a method of arrays
            fn = FUNCTIONS.get(bare)
            args = [_operand(self._value(e.func.value))] if fn is not None else []
        if not callable(fn):
            raise Unread(self._no_function(e, word))
        if word == "sum" and (added := _added(e)) is not None and self._is_read_as("added"):
            return self._value(added)
        is_ours = fn is self.names.get(word)
        is_stack = bare in ("array", "stack", "column_stack", "vstack")  # whose parts are rows, or columns
        args += [
            [*map(self._part, a.elts)] if is_stack and isinstance(a, ast.List)
            else self._argument(a, is_ours or bare in ("einsum", "convolve", "correlate"))
            for a in e.args
        ]  # fmt: skip
        if e is self.listed and args and isinstance(args[0], list):
            args[0] = self._of_one_length(args[0])
        over, at = (next((_letters_of(k.value) for k in e.keywords if k.arg == w), "") for w in ("over", "at"))
        params = {
            k.arg or "**": self._argument(k.value, is_ours or k.arg in _WORDS)
            for k in e.keywords if k.arg not in ("over", "at")
        }  # fmt: skip
        if bare == "bincount" and not is_ours and len(args) < 3 and len(self.shape) == 1:
            params = {"minlength": self.shape[0], **params}  # as many entries as the result has
        if refused := params.keys() & {"out", "**"}:
            raise Unread(f"{word}: {', '.join(refused)} cannot be used here")
        args = args if is_ours else self._completed(e, bare, args)
        if over or any(isinstance(x, Indexed) for x in args):
            return self._along(fn, bare, [_operand(x) for x in args], params, over, at)
        self._charge(*_cost(fn, bare, [*args, *params.values()]))
        is_length = word == "norm" and len(args) == 1 and not params and np.ndim(args[0]) == 2
        if is_length and self._is_read_as("of rows"):  # x / ‖x‖, of each row
            params = {"axis": -1, "keepdims": True}
        return fn(*args, **params)

    def _of_one_length(self, rows: list[Any]) -> list[Any]:
        """The values of a loop of which those of some steps have fewer entries, with 0 behind these, or with none."""
        sizes = {np.size(x) for x in rows if np.ndim(x) == 1}
        if len(sizes) < 2 or len(rows) * max(sizes) > ENTRIES or any(np.ndim(x) != 1 for x in rows):
            return rows
        beyond = np.nan if self._is_read_as("ends") else 0
        return [np.append(x, np.full(max(sizes) - np.size(x), beyond)) for x in rows]

    def _function(self, e: ast.Call) -> tuple[str, str]:
        """What is called, as it is typed and as a function that is listed here."""
        word = _dotted(e.func)
        if word == "into_zeros" and len(e.args) == 3:  # as the source has it, with the places and the shape
            return "placed", "placed"
        is_of_two = word in ("max", "min") and len(e.args) == 2  # as on a board
        return word, self._bars(e) if word == "bars" else f"{word}imum" if is_of_two else _bare(word)

    def _bars(self, e: ast.Call) -> str:
        """What ``|x|`` is: of a vector perhaps its length, of a matrix its determinant."""
        (x,) = map(self._value, e.args)
        sizes = shape_of(x)
        has_length = len(sizes) == 1 or len(sizes) == 2 and sizes[0] == sizes[1]
        return ("norm", "det")[len(sizes) - 1] if has_length and self._is_read_as("length") else "abs"

    def _completed(self, e: ast.Call, bare: str, args: list[Any]) -> list[Any]:
        """The arguments of a function, with those that an answer may leave out."""
        is_sum = bare in ("sum", "mean") and isinstance(e.func, ast.Name) and not _is_over(e)
        if is_sum and args and not isinstance(args[0], Indexed) and not np.ndim(args[0]):  # Σ hₜ
            raise Unread("a sum of one number cannot be read: write over what it is, as in Σₜ or Σᵢ")
        if bare == "onehot" and len(args) == 1:
            return [*args, self._columns(e, args[0])]
        if bare == "placed":
            return [*args, self.shape][:3]
        if bare in _SIZED and args and np.ndim(args[0]) == 0 and np.asarray(args[0]) % 1 == 0:  # eye(n)
            return [int(args[0]), *args[1:]]
        return [args[0], tuple(args[1:])] if bare in ("reshape", "transpose") and len(args) > 2 else args

    def _columns(self, e: ast.Call, x: Any) -> int:
        """The columns of a onehot: those of what it is added to, of the result, or as many as its product or labels
        need.
        """
        at, ndim = self.beside, len(shape_of(x))
        if not ndim and len(at) == 2 and at[1] == 1:
            return at[0]
        if len(at) == ndim + 1:
            return at[-1]
        if (self.columns or ndim) and self._is_read_as(f"classes {self._number('onehot', e)}"):
            return self.columns[0] if self.columns else int(np.max(x, initial=0)) + 1
        is_of_first = len(self.shape) > 1 and self._is_read_as(f"first {self._number('onehot', e)}")
        return self.shape[0 if is_of_first else -1] if self.shape else 1

    def _entrywise(self, fn: Callable[..., Any], args: Sequence[Any]) -> Any:
        """An elementwise function; beside operands with indices the others stand in the frame, or in that of the other
        indices, or have none.
        """
        letters = "".join(x.letters for x in args if isinstance(x, Indexed))
        sizes = [np.ndim(x) for x in args if not isinstance(x, Indexed) and np.ndim(x)] if letters else []
        rest = "".join(c for c in self.frame if c not in letters)
        is_of_rest = {*sizes} == {len(rest)} and not self.frame.endswith(rest) and self._is_read_as("rest")
        frame = rest if is_of_rest else self.frame if sizes and not self._is_read_as("apart") else ""

        def charged(*arrays: Any) -> Any:
            with suppress(ValueError):  # it is raised below, with a message
                self._charge(math.prod(np.broadcast_shapes(*map(np.shape, arrays))))
            return fn(*arrays)

        return entrywise(charged, cut(args, self.board.ragged), frame)

    def _with_indices(self, e: ast.Call) -> Any:
        """What the notation writes as ``indexed(X,_ij)``, ``indexed(u,_i,(1,))``, or ``indexed(_i)`` of an index."""
        letters = _letters_of(e.args[min(len(e.args) - 1, 1)])
        if len(e.args) == 1:
            return Indexed(np.arange(self.board.extents[letters]), letters)
        self.listed = e.args[0]  # perhaps a list of the values of a loop
        x, by = self._in_full(e.args[0], len(letters)), self._value(e.args[2]) if len(e.args) > 2 else ()
        is_on_ring = any(by) and not isinstance(x, Indexed) and self._is_read_as("ring")
        has_one = not isinstance(x, Indexed) and np.shape(x) == (1,) and self.board.ends.get(letters, 1) > 1
        if has_one and self._is_read_as("one"):  # one entry, which stands at index 0 only
            x = np.append(x, np.zeros(self.board.ends[letters] - 1))
        ndim = 0 if isinstance(x, Indexed) else np.ndim(x)
        if len(letters) == 1 < ndim and letters not in LETTERS[:ndim] and self._is_read_as("last"):
            letters = LETTERS[: ndim - 1] + letters  # Σₖ Pₖ for Σₖ Pᵢₖ
        sizes = zip(letters, np.shape(x), strict=False) if len(letters) == ndim else ()
        is_short = any(1 < n < self.board.ends.get(c, n) for c, n in sizes)
        beyond = np.nan if (any(by) or is_short) and not is_on_ring and self._is_read_as("ends") else 0
        def is_of_axis() -> bool:
            return not ({*letters} <= {*self.board.rows} and self._is_read_as("rows"))

        return indexed(x, letters, by, self.board.ends, is_of_axis, is_on_ring, beyond)

    def _along(
        self, fn: Callable[..., Any], bare: str, args: Sequence[Any], params: Mapping[str, Any], over: str, at: str
    ) -> Any:  # fmt: skip
        """The value of a function of operands with indices, or along the axes of some."""
        self._charge(sum(map(_size, args)))
        if over:
            (x,) = args
            if at and not isinstance(x, Indexed):
                x = Indexed(x, at) if np.ndim(x) == len(at) else x
            kept = isinstance(x, Indexed) or not self._is_read_as("dropped")
            y = summed(_inside(x, bare == "sum" and "ends" in self.reading), over, fn, kept)
            is_loose = isinstance(y, Indexed) and not {*y.letters} & {*self.board.free} and self._is_read_as("loose")
            return y.x if is_loose else y
        if _is_elementwise(fn, bare):
            return self._entrywise(fn, args)
        (x, *_) = args
        if isinstance(x, Indexed) and not x.shape and bare in ("sum", "mean", "prod", "max", "min"):
            free = "".join(c for c in x.letters if c not in self.frame[: len(self.shape)])
            return summed(x, free or x.letters, fn, False)
        if isinstance(x, Indexed) and not x.shape and bare == "diag":
            return fn(x.x)
        if isinstance(x, Indexed) and not x.shape and bare in ("norm", "softmax", "logsumexp", "cumsum"):
            raise Unread(f"{bare} of one entry cannot be read; write it of a row or of the whole array")
        return each(partial(fn, **params), args)

    def _argument(self, e: ast.expr, words: bool) -> Any:
        """An argument of a call; a string, such as subscripts or a mode, where a function takes one."""
        word = e.value if words and isinstance(e, ast.Constant) and isinstance(e.value, str) else "0"
        return word if re.fullmatch(r"[a-zA-Z,.> -]*", word) else self._part(e)

    def _part(self, e: ast.expr) -> Any:
        """An argument, or a part of one; arrays of one shape in a list are its rows, as in NumPy."""
        if not isinstance(e, ast.List):
            return self._value(e)
        parts = list(map(self._part, e.elts))
        are_rows = len(parts) > 1 and all(isinstance(x, np.ndarray) and x.ndim for x in parts)
        return parts if are_rows and len({*map(np.shape, parts)}) == 1 else self._list(parts)

    def _no_function(self, e: ast.Call, word: str) -> str:
        inside = ", ".join(map(ast.unparse, e.args))[:40]
        if not word or word in self.names or isinstance(e.func, ast.Attribute) and e.func.attr in ("T", "mT"):
            shown = ast.unparse(e.func)[:40]
            shown = f"({shown})" if isinstance(e.func, (ast.BinOp, ast.UnaryOp)) else shown
            return f"{shown} is not a function: write {shown} * ({inside})"
        return f"{word} is not a function on this sheet; its functions are {self.usual} and others of NumPy"

    @property
    def usual(self) -> str:
        """Some functions that may be used, those of the sheet first."""
        ours = (w for w, x in self.names.items() if callable(x) and w not in FUNCTIONS)
        functions = (w for w in ours if not isinstance(self.names[w], partial) or re.sub(r"_\d+$", "", w) in NOTATIONS)
        return ", ".join([*functions, "exp", "log", "sqrt", "tanh", "sigmoid", "softmax", "sum", "mean", "outer"])

    def _charge(self, entries: float, work: float = 0) -> None:
        """Raise an error before a step that would take too much memory or, with the steps before it, too much time."""
        self.left -= entries + work
        if entries > self.entries or self.left < 0:
            raise Unread(f"it is too large: a step of it has {max(entries, work):.3g} entries to compute")


_DEEP = "it is nested too deeply"
_TURNED: Mapping[str, Callable[[Any], Any]] = {
    "T": lambda x: x[None] if np.ndim(x) == 1 else np.transpose(x),  # of a vector a row, as on the board
    "mT": np.matrix_transpose,
}
_QUOTE = "a ' can only be read behind a function, as in σ'(z)"


def _outermost(e: ast.expr) -> Iterator[ast.expr]:
    """The outermost sums and differences of a formula, each without those of its terms in brackets."""
    match e:
        case ast.UnaryOp():
            yield from _outermost(e.operand)
        case ast.BinOp(op=ast.Mult() | ast.Div()):
            yield from (*_outermost(e.left), *_outermost(e.right))
        case ast.BinOp(op=ast.Add() | ast.Sub()):
            yield e
            is_sum = isinstance(e.left, ast.BinOp) and isinstance(e.left.op, (ast.Add, ast.Sub))
            yield from _outermost(e.left) if is_sum and not _has_brackets(e) else ()


def _has_brackets(e: ast.BinOp) -> bool:
    """Whether the first operand, an operation, stands in brackets."""
    return getattr(e.left, "col_offset", 0) != getattr(e, "col_offset", 0)


def _last_factor(e: ast.expr) -> str:
    """The attribute of the last factor before a product: T for ``2 zᵀ a``."""
    while isinstance(e, (ast.BinOp, ast.UnaryOp)):
        e = e.operand if isinstance(e, ast.UnaryOp) else e.right
    return e.attr if isinstance(e, ast.Attribute) else ""


def _inside(x: Any, is_term: bool) -> Any:
    """A term; 0 where it has an entry beyond the ends, which is nan."""
    return Indexed(np.where(np.isnan(x.x), 0, x.x), x.letters) if is_term and isinstance(x, Indexed) else x


def _dotted(e: ast.expr) -> str:
    """``np.linalg.inv``; nothing for anything but names and dots."""
    attributes = []
    while isinstance(e, ast.Attribute):
        attributes.append(e.attr)
        e = e.value
    return ".".join([e.id, *attributes[::-1]]) if isinstance(e, ast.Name) else ""


def _bare(word: str) -> str:
    return re.sub(r"^((np|numpy)\.)?(linalg\.)?", "", word)


def _locked(x: Any) -> Any:
    """A view that cannot be written to, as with ``out=``."""
    view = np.asarray(raw(x)).view()
    view.flags.writeable = False
    return view


def _operand(x: Any) -> Any:
    """A number or an array. A list becomes one, so that ``[0] * 10**9`` is a product, not a longer list."""
    if isinstance(x, (list, tuple)) and not isinstance(x, Indexed):
        x = np.asarray(x)
    if isinstance(x, (bool, int, float, complex, Indexed)) or getattr(x, "dtype", np.dtype("O")).kind in "biufc":
        return x
    raise Unread(f"a number or an array is needed in the place of {clipped(x)}")


def _is_square(a: Any) -> bool:
    """Return whether a value is a matrix with several rows, and as many columns."""
    return np.ndim(a) == 2 and np.shape(a)[0] == np.shape(a)[1] > 1


def _factors(a: Any, b: Any) -> tuple[Any, Any]:
    """The operands of a product of matrices; raises an error unless they fit."""
    if not np.ndim(a) or not np.ndim(b):
        raise Unread("a product of matrices with a number")
    if np.shape(a)[-1] != np.shape(b)[-2:][0]:
        raise Misfit(f"shapes {_shapes(a, b)} do not fit in a product of matrices; transpose one: A.T")
    return a, b


def _rows_and_columns(a: Any, b: Any) -> tuple[Any, Any]:
    """The operands of a product, a vector before a row as a column."""
    return (a[:, None] if np.ndim(b) == 2 and len(b) == 1 and np.ndim(a) == 1 and len(a) != 1 else a), b


def _is_of_each(a: Any, b: Any) -> bool:
    """Whether one has an entry for each row of the other, with which it cannot be read in another way: 5 and 5x3."""
    short, full = sorted(map(np.shape, (a, b)), key=len)
    try:
        np.broadcast_shapes(short, full)
    except ValueError:
        return full[: len(short)] == short
    return False


def _of_rank(x: Any, ndim: int) -> Any:
    return np.reshape(x, np.shape(x) + (1,) * (ndim - np.ndim(x)))


def _matrix_product(a: Any, b: Any) -> tuple[float, float]:
    """The entries and the work of ``a @ b``."""
    (*batch, m, k), (*other, _, n) = np.shape(np.atleast_2d(a)), (np.shape(b) if np.ndim(b) > 1 else (0, 1))
    entries = math.prod(np.broadcast_shapes(tuple(batch), tuple(other))) * m * n
    return entries, entries * k / BLAS


def _shapes(a: Any, b: Any) -> str:
    return " and ".join(shape_text(np.shape(x)) for x in (a, b))


def _indexed(x: Any, index: Any) -> int:
    """The entries that ``x[index]`` has at most."""
    places = index if isinstance(index, tuple) else (index,)
    arrays = [p for p in places if isinstance(p, np.ndarray) and p.dtype.kind in "iu"]
    if not arrays:
        return _size(x)
    chosen = math.prod(np.broadcast_shapes(*(p.shape for p in arrays)))
    lengths: list[int] = sorted(np.shape(x))[: len(arrays)]  # the axes that are indexed, if they are the shortest
    return chosen * (_size(x) // max(math.prod(lengths), 1))


def _is_elementwise(fn: Any, bare: str) -> bool:
    others = ("where", "clip", "sech", "coth", "sec", "csc", "cot", "ψ", "psi", "digamma", "Φ", "φ", "ndtr", "ReLU")
    is_ours = fn is _OURS.get(bare) or bare in others or bare.endswith("ʹ")
    return is_ours or isinstance(fn, np.vectorize) or isinstance(fn, np.ufunc) and fn.signature is None


def _indices(e: ast.expr) -> int:
    """How many indices stand in brackets."""
    return len(e.elts) if isinstance(e, ast.Tuple) else 1


def _is_plus(e: ast.expr) -> TypeGuard[ast.UnaryOp]:
    return isinstance(e, ast.UnaryOp) and isinstance(e.op, ast.UAdd)


def _added(e: ast.Call) -> ast.expr | None:
    """``u + v``, which Python's own ``sum([u, v])`` is; None for anything else."""
    several = e.args[0].elts if len(e.args) == 1 and isinstance(e.args[0], (ast.List, ast.Tuple)) else []
    return reduce(lambda a, b: ast.BinOp(a, ast.Add(), b), several) if several[1:] and not e.keywords else None


def _is_over(e: ast.Call) -> bool:
    return any(k.arg == "over" for k in e.keywords)


def _chained(e: ast.BinOp) -> ast.BinOp | None:
    """``V ⊙ (A B C)`` for ``V ⊙ A B C``, and for ``V ⊙ A @ B``; None for anything else."""
    at: ast.expr = e
    factors: list[tuple[ast.operator, ast.expr]] = []
    while isinstance(at, ast.BinOp) and (isinstance(at.op, ast.MatMult) or _is_beside(at)):
        factors.append((at.op, at.right))
        if isinstance(at.left, ast.BinOp) and _has_brackets(at):
            return None
        at = at.left
    is_long = len(factors) > 1 or any(isinstance(op, ast.MatMult) for op, _ in factors)
    if not is_long or not isinstance(at, ast.BinOp) or not isinstance(at.op, ast.Mult):
        return None
    last, inner = factors[0]
    for op, right in factors[1:]:
        of = right.operand if isinstance(op, ast.Mult) and isinstance(right, ast.UnaryOp) else right
        both = ast.BinOp(of, last, inner)
        last, inner = op, ast.UnaryOp(ast.UAdd(), both) if isinstance(op, ast.Mult) else both
    return ast.BinOp(at.left, ast.Mult(), ast.BinOp(at.right, last, inner))


def _is_beside(e: ast.BinOp) -> bool:
    """Return True if two factors stand side by side."""
    return isinstance(e.op, ast.Mult) and isinstance(e.right, ast.UnaryOp) and isinstance(e.right.op, ast.UAdd)


def _letters_of(e: ast.expr) -> str:
    """The indices that the notation writes as a name: ``_ij``."""
    letters = e.id.removeprefix("_") if isinstance(e, ast.Name) else ""
    if not letters or {*letters} - {*LETTERS}:
        raise Unread(f"{ast.unparse(e)[:40]!r} cannot be used as an index")
    return letters


def _cost(fn: Any, bare: str, args: list[Any]) -> tuple[float, float]:
    """The entries and the work of a call."""
    if _is_elementwise(fn, bare):
        return math.prod(np.broadcast_shapes(*map(np.shape, args))), 0
    if bare in ("matmul", "dot") and min(map(np.ndim, args)) > 0:
        return _matrix_product(*_factors(*args[:2]))
    if bare == "einsum":
        if not isinstance(args[0], str):
            raise Unread("einsum: write the subscripts first, as in np.einsum('ij,jk->ik', a, b)")
        report = str(np.einsum_path(*args, optimize=False)[1])
        entries, work = (re.findall(rf"{what}: +(\S+)", report)[0] for what in ("intermediate", "Naive FLOP count"))
        return float(entries), float(work)
    if bare == "bincount":
        return max([np.max(args[0], initial=0) + 1, *_whole(tuple(args[1:]))]), 0
    if bare == "arange":
        numbers = [abs(x) for x in args if isinstance(x, (int, float)) and 0 < abs(x) < math.inf]
        return sum(numbers) / min([1, *numbers]), 0  # the step is the smallest, or 1
    sizes = list(map(_size, args))
    if bare == "tile":  # the repetitions, too
        args = [0, *(tuple(np.ravel(x).tolist()) for x in args[1:])]
    if bare in ("zeros", "ones", "full"):  # a shape may be a list or an array
        args = [tuple(np.ravel(x).tolist()) for x in args]
    lengths = [math.prod(n for n in _whole(x) if n > 1) for x in args]
    largest = max([*lengths, *sizes], default=0)
    if bare in ("eye", "identity") or bare == "diag" and np.size(args[0]) == max(np.shape(args[0]), default=0):
        return largest**2, 0
    if bare in _GROWING:
        return math.prod(lengths) * math.prod(sizes), 0
    # What else there is computes with all of its operands together, at worst each entry with each.
    return largest, math.prod(sizes) / BLAS


def _size(x: Any) -> int:
    x = x.x if isinstance(x, Indexed) else x
    return sum(map(_size, x)) if isinstance(x, (list, tuple)) else int(np.size(x)) if isinstance(x, np.ndarray) else 1


def _whole(x: Any) -> list[int]:
    """The whole numbers in an argument: lengths, or parts of a shape."""
    if isinstance(x, tuple):
        return [n for part in x for n in _whole(part)]
    return [abs(int(x))] if isinstance(x, (int, float, np.integer)) and math.isfinite(x) else []
