"""Formulas of textbooks, as a row or a function states them (`autograd_lite.table.textbook`), read as formulas.

The text is Python syntax, but it is interpreted here and never executed. Nothing is simplified, so a formula is written
as it was stated. Each part is evaluated as it is read, since its shape decides how it is written.
"""

from __future__ import annotations

import ast
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ..rules.scipy_special import NAMES, declare
from ..table import ROWS, TABLE, Textbook
from ..table.textbook import NOTATIONS
from .factors import total
from .formula import Expr, Function, Labels, constant, factors_of, multiplied, name, number, unsimplified
from .writing import ASCII, subscript, write

_BINARY: dict[type[ast.AST], str] = {
    ast.Add: "add", ast.Sub: "subtract", ast.Mult: "multiply", ast.Div: "divide", ast.Pow: "power",
    ast.MatMult: "matmul", ast.Gt: "greater", ast.GtE: "greater_equal", ast.Lt: "less", ast.LtE: "less_equal",
    ast.Eq: "equal", ast.NotEq: "not_equal", ast.BitAnd: "bitwise_and", ast.BitOr: "bitwise_or",
    ast.FloorDiv: "floor_divide",
}  # fmt: skip


class Written:
    """A formula with its value.

    >>> meanings = {"x": Written(name("z", (3,)), np.array([1.0, -1.0, 2.0])), "axis": Written(None, (0,))}
    >>> written = formula("x * (x > 0) / sum(x ** 2, axis)", meanings)
    >>> written.value.round(3).tolist()
    [0.167, -0.0, 0.333]
    """

    __slots__ = ("expr", "value")

    def __init__(self, expr: Expr | None, value: Any) -> None:
        self.expr, self.value = expr, value

    @property
    def formula(self) -> Expr:
        """The formula, also of a keyword parameter."""
        return constant(self.value) if self.expr is None else self.expr


class _Diagonal(Written):
    """The mask of a diagonal: where two indices are equal."""

    __slots__ = ("args",)

    def __init__(self, along: Any) -> None:
        column = unsimplified("getitem", (constant(along),), (along.size, 1), index=(slice(None), None))
        self.args = [Written(column, along[:, None]), Written(constant(along), along)]
        equal = _applied("equal", self.args)
        super().__init__(equal.expr, equal.value)


def formula(text: str, meanings: Mapping[str, Written]) -> Written:
    """`text` with formulas for its names; a keyword parameter has a value only."""
    try:
        return read(ast.parse(text, mode="eval").body, meanings)
    except np.linalg.LinAlgError:
        raise
    except (SyntaxError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"the textbook formula {text!r} cannot be read: {error}") from error


@np.errstate(all="ignore")
def read(e: ast.expr, meanings: Mapping[str, Written]) -> Written:
    """`formula` of text that is parsed."""

    def sub(part: ast.expr) -> Written:
        return read(part, meanings)

    match e:
        case ast.Constant(value=int() | float()):
            return Written(number(e.value), e.value)
        case ast.Attribute(value=ast.Name(id="np" | "numpy" | "math"), attr="pi" | "e" as word):
            return Written(number(getattr(math, word)), getattr(math, word))
        case ast.Name():
            if e.id not in meanings:
                raise KeyError(f"{e.id} is none of {', '.join(meanings)}")
            return meanings[e.id]
        case ast.Tuple():
            return Written(None, tuple(sub(part).value for part in e.elts))
        case ast.UnaryOp(op=ast.USub()):
            return _applied("negative", [sub(e.operand)])
        case ast.BinOp(op=ast.Pow(), right=ast.Constant(value=2)):
            return _applied("square", [sub(e.left)])
        case ast.BinOp(op=ast.Pow(), right=ast.Constant(value=0.5)):
            return _applied("sqrt", [sub(e.left)])
        case ast.BinOp(op=ast.Pow(), right=ast.BinOp(ast.expr() as a, ast.Sub(), ast.Constant(value=1))) if (
            (k := sub(a)).formula.is_number or k.formula.role == "negation" and k.formula.of.is_number
        ):  # x ** (3 - 1)
            return sub(ast.BinOp(e.left, ast.Pow(), ast.Constant(k.value - 1)))
        case ast.BinOp() if type(e.op) in _BINARY:
            return _applied(_BINARY[type(e.op)], [sub(e.left), sub(e.right)])
        case ast.Compare(left, [ast.Eq() | ast.NotEq() as op], [right]) if any(map(_range_of, (left, right))):
            return _applied("equal" if isinstance(op, ast.Eq) else "not_equal", [_side(x, sub) for x in (left, right)])
        case ast.Compare(ops=[op], comparators=[right]) if type(op) in _BINARY:
            return _applied(_BINARY[type(op)], [sub(e.left), sub(right)])
        case ast.Attribute(attr="T" | "mT"):
            return _applied("matrix_transpose", [sub(e.value)])
        case (
            ast.Call(func=ast.Name(id="len"), args=[of]) | ast.Subscript(value=ast.Attribute(of, "shape"))
            | ast.Attribute(of, attr="size")
        ):  # fmt: skip
            return _length(e, sub(of).value)
        case ast.Subscript(ast.Name() | ast.Call() | ast.BinOp()) if (index := _index(e.slice, meanings)) and (
            _is_read(e.value, index, meanings)
        ):
            x = sub(e.value)
            index = index if isinstance(e.slice, ast.Tuple) else index[0]
            value = x.value[index]
            if x.formula.is_number:  # of zeros
                return Written(x.formula, value)
            return Written(unsimplified("getitem", (x.formula,), value.shape, index=index, unique_indices=True), value)
        case ast.Subscript(value=ast.Name(id=word)):
            return _entry(word, e.slice, meanings)
        case ast.UnaryOp(op=ast.Invert()):
            x = sub(e.operand)
            return _applied("not_equal", x.args) if isinstance(x, _Diagonal) else _applied("invert", [x])
        case ast.Call(ast.Attribute(attr="eye"), [of], [ast.keyword("dtype", ast.Name("bool"))]):
            return _Diagonal(np.arange(sub(of).value))
        case ast.Call(func=ast.Attribute(value=x, attr="astype" | "copy")):
            return sub(x)
        case ast.Subscript(ast.Call(func=ast.Attribute(attr="eye" | "identity"), args=[of], keywords=[]), labels):
            positions = sub(labels)
            if np.ndim(positions.value) > 1 or np.asarray(positions.value).dtype.kind not in "iu":
                raise ValueError(f"{ast.unparse(labels)} are no labels")
            return _noted("onehot", [positions, sub(of)])
        case ast.Call(func=ast.Attribute(attr="eye" | "identity"), args=[of], keywords=[]):
            size = sub(of).value
            return Written(name("I", (size, size)), np.eye(size))
        case ast.Call(func=ast.Attribute(attr="array"), args=[ast.List() as of]):
            return sub(of)
        case ast.List() if any(isinstance(x, ast.Name) for x in ast.walk(e)):
            return sub(ast.Call(ast.Attribute(e, "stack"), [e], []))
        case ast.Call(func=ast.Attribute(attr="concatenate" | "stack" as word), args=[ast.List(several)]):
            row, parts = TABLE[word], [sub(part) for part in several]
            given = {str(key.arg): ast.literal_eval(key.value) for key in e.keywords}
            values, params = row.bind([part.value for part in parts], **given) if row.bind is not None else ([], {})
            value = row.fn(*values, **params)
            return Written(unsimplified(row, (part.formula for part in parts), value.shape, **params), value)
        case ast.Call(func=ast.Attribute(attr="zeros"), args=[of], keywords=[]):
            size = sub(of).value
            return Written(number(0.0), np.zeros(size))
        case ast.Call(func=ast.Name(id=word), keywords=[]):
            return _applied(word, [sub(a) for a in e.args])
        case ast.Call(func=ast.Attribute(value=x, attr=word)):
            given = {str(key.arg): ast.literal_eval(key.value) for key in e.keywords}
            match x:
                case (
                    ast.Name(id=module) | ast.Attribute(ast.Name(id=module), "linalg" | "special")
                ) if module not in meanings:
                    return _applied(word, [sub(a) for a in e.args], given)
            if word in TABLE:
                return _applied(word, [sub(a) for a in (x, *e.args)], given)
    raise ValueError(f"{ast.unparse(e)} is not in this language")


def _range(size: Any) -> Written:
    return Written(constant(np.arange(size)), np.arange(size))


def _length(e: ast.expr, x: Any) -> Written:
    """``x.size``, ``len(x)``, and ``x.shape[1]``."""
    axis = ast.literal_eval(e.slice) if isinstance(e, ast.Subscript) else 0
    size = np.size(x) if isinstance(e, ast.Attribute) else np.shape(x)[axis]
    return Written(number(size), size)


def _side(e: ast.expr, sub: Callable[[ast.expr], Written]) -> Written:
    """One side of a comparison of places with labels."""
    size = _range_of(e)
    return sub(e) if size is None else _range(sub(size).value)


def _range_of(e: ast.expr) -> ast.expr | None:
    """The size of ``np.arange(n)``, which ``np.arange(n)[None, :]`` is beside a column."""
    match e:
        case ast.Subscript(inside, ast.Tuple([ast.Constant(None), ast.Slice(None, None)])):
            return _range_of(inside)
        case ast.Call(ast.Attribute(attr="arange"), [size], []):
            return size
    return None


def _is_read(e: ast.expr, index: Sequence[Any], meanings: Mapping[str, Written]) -> bool:
    """Whether a part of an array is read: of a variable any, but for a window only of a state u0, which u is before a
    loop; of anything else what has other axes of length 1, Σ[:, None].
    """
    if not isinstance(e, ast.Name):
        return not any(isinstance(part, int | np.ndarray) for part in index)
    is_state = e.id in meanings and meanings[e.id].formula.value not in (None, e.id)
    return is_state or all(part == slice(None) for part in index if isinstance(part, slice))


def _is_whole(e: ast.expr) -> bool:
    """Whether an expression is a whole number, as such."""
    of = e.operand if isinstance(e, ast.UnaryOp) and isinstance(e.op, ast.USub) else e
    return isinstance(of, ast.Constant) and type(of.value) is int


def _index(e: ast.expr, meanings: Mapping[str, Written]) -> Any:
    """An index of numbers, whole slices, new axes and arrays of positions; None for any other."""
    match e:
        case ast.Tuple():
            parts = [_index(part, meanings) for part in e.elts]
            return None if any(part is None for part in parts) else tuple(part[0] for part in parts)
        case ast.Constant(value=int() | None) | ast.Attribute(attr="newaxis"):
            return (getattr(e, "value", None) if isinstance(e, ast.Constant) else None,)
        case ast.Slice(lower, upper, None) if all(_is_whole(end) for end in (lower, upper) if end):
            return (slice(*(end and ast.literal_eval(end) for end in (lower, upper))),)
        case ast.Name(id=word) if word in meanings and np.asarray(x := meanings[word].value).dtype.kind in "iu":
            labels = np.asarray(x).view(Labels)
            labels.word = write(meanings[word].formula, ASCII)
            return (labels,) if np.ndim(x) or labels.word != word else None  # states[0], no t
    return None


def _applied(word: str, args: list[Written], given: Mapping[str, Any] | None = None) -> Written:
    """A row or a notation, applied; the last arguments may be parameters, such as an axis.

    `given` are the keywords of a call; of a textbook's formula there are none, and its sums along an axis keep it.
    """
    values = [a.value for a in args]
    value: Any = None
    if len(args) == 2 and args[1].formula.is_number and (word, values[1]) in (("subtract", 0), ("divide", 1)):
        return args[0]
    if word in NOTATIONS:
        return _noted(word, args)
    row, given = _row_of(word, values, given)
    is_kept = given is None and row.algebra in ("total", "reduction") and len(args) > 1
    kept: dict[str, Any] = {"keepdims": True} if is_kept else {**(given or {})}
    if any(a.value is None and a.expr is not None for a in args):
        bound, params = values, {}
    else:
        bound, params = row.bind(*values, **kept) if row.bind is not None else (values, kept)
        if "generator" in params:
            raise ValueError(f"{word} draws numbers")
        value = row.fn(*bound, **params)
    operands = tuple(a.formula for a in args[: len(bound)])
    shape = np.shape(value)
    if word == "multiply":
        signs, factors = zip(*(_without_sign(f) for e in operands for f in factors_of(e)), strict=True)
        others = sorted((f for f in factors if not f.is_number or f.value != 1), key=lambda f: not f.is_number)
        whole = multiplied(others or operands[:1], shape)
        return Written(unsimplified("negative", (whole,), shape) if math.prod(signs) < 0 else whole, value)
    return Written(unsimplified(row, operands, shape, **params), value)


def _row_of(word: str, values: Sequence[Any], given: Mapping[str, Any] | None) -> tuple[Any, Mapping[str, Any] | None]:
    """The row of a call and its keywords; of a norm of vectors that of these alone."""
    row = TABLE.get(word) or ROWS.get(getattr(np, word, None))
    if row is None and word in NAMES and "scipy.special" in sys.modules:
        row = declare(word)[word]
    row = row or TABLE[f"linalg.{word}"]
    if row is TABLE["norm"] and len(values) == 1 and _is_of_vectors(values[0], **(given or {})):
        return TABLE["power_norm"], {"p": 2, **{k: v for k, v in (given or {}).items() if k != "ord"}}
    return row, given


def _is_of_vectors(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> bool:
    """True if a norm is that of vectors, or the root of the sum of all squares; not the largest singular value."""
    return ord in (None, 2) and (type(axis) is int or axis is None and (ord is None or np.ndim(x) == 1))


def _without_sign(e: Expr) -> tuple[int, Expr]:
    """A factor and its sign, which stands in front of a product: ``a * -3`` is -3 a."""
    return (-1, e.of) if e.role == "negation" else (1, e)


def _noted(word: str, args: list[Written]) -> Written:
    """A notation, applied."""
    n, values = NOTATIONS[word], [a.value for a in args]
    value: Any = None if n.fn is None or any(v is None for v in values) else n.fn(*values)
    if n.text == "{x1}" and np.shape(value) == np.shape(values[0]):
        return args[0]  # it changes the shape only, and not even that
    call = Function(word, n.fn, text=n.text, tex=n.tex)
    call.entrywise = n.entrywise
    return Written(unsimplified(call, (a.formula for a in args), np.shape(value)), value)


def _entry(word: str, index: ast.expr, meanings: Mapping[str, Written]) -> Written:
    """``y[i]``: an entry, for the forms of Jacobians; ``delta[i, j]`` is Kronecker's."""
    letters = ast.unparse(index).replace(", ", "").strip("()")
    value: Any
    if word == "delta":
        operand, value = name("delta"), np.eye(max(np.size(w.value) for w in meanings.values() if w.expr is not None))
    else:
        operand, value = meanings[word].formula, meanings[word].value
        if value is not None:
            value = np.reshape(value, (-1, 1) if letters == "i" else -1)
    call = Function(letters, None, text=f"{{x1}}{subscript(letters)}", tex=f"{{x1}}_{{{{{letters}}}}}")
    return Written(unsimplified(call, (operand,), ()), value)


class TextbookStep:
    """A known step of one derivation: the formulas of the textbook of one call, with the names of this program.

    Parameters
    ----------
    book : Textbook
    meanings : mapping of str to Written
        What the names in its formulas stand for.
    introduce : callable
        From the textbook's name for an additional quantity, and its value, to its name here.

    Attributes
    ----------
    where : list of (str, Expr)
        The further quantities, and what they stand for.
    """

    def __init__(self, book: Textbook, meanings: Mapping[str, Written], introduce: Callable[[str, Any], str]) -> None:
        self.book = book
        self.meanings = dict(meanings)
        self.where: list[tuple[str, Expr]] = []
        for word, text in book.where.items():
            written = formula(text, self.meanings)
            new_word, e = introduce(word, written.value), written.expr
            self.meanings[word] = Written(name(new_word, e.shape if e is not None else ()), written.value)
            if e is not None:
                self.where.append((new_word, e))

    @property
    def forward(self) -> Expr:
        """What it computes: of several forms the first that is a number here, or else the last."""
        forms = [formula(text, self.meanings) for text in _each(self.book.forward)]
        return next((w for w in forms if w.value is None or np.all(np.isfinite(w.value))), forms[-1]).formula

    @property
    def jacobian(self) -> Expr | None:
        """The derivative of entry i with respect to entry j, where that has a known form."""
        return None if self.book.jacobian is None else formula(self.book.jacobian, self.meanings).formula

    def gradient(self, arguments: Sequence[str], g: Any = None, form: int = 0) -> Written | None:
        """The gradient with respect to something that stands for these arguments, and its value for `g`, if given.

        None if there is none with the number `form`.
        """
        forms = [_each(self.book.gradients.get(word, ())) for word in arguments]
        if not forms or not all(forms) or form >= max(map(len, forms)):
            return None
        meanings = self.meanings if g is None else {**self.meanings, "g": Written(self.meanings["g"].expr, g)}
        terms = [formula(texts[min(form, len(texts) - 1)], meanings) for texts in forms]
        is_computed = all(term.value is not None for term in terms)
        value = sum(term.value for term in terms) if is_computed else None
        return Written(total([term.formula for term in terms]), value)


def _each(text: str | tuple[str, ...]) -> tuple[str, ...]:
    return (text,) if isinstance(text, str) else text


def parameter(value: Any) -> Written:
    """A keyword parameter, such as an axis; a number can stand in a formula."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return Written(number(value) if is_number else None, value)
