"""Formulas as text: plain text for a terminal or a picture, LaTeX for a board, NumPy for a program.

How a function is written stands in its row: ``infix``, ``text``, ``tex``, ``call``. Brackets are set where an operand
binds less tightly than its place (:mod:`~autograd_lite.derive.binding`).
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Collection, Container, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from dataclasses import replace
from fractions import Fraction
from functools import reduce
from itertools import pairwise
from typing import Any

import numpy as np

from ..base import escape, literals
from ..table import TABLE, Primitive
from .binding import ATOM, PRODUCT, SIGN, read
from .formula import (
    Array,
    Expr,
    Function,
    Labels,
    Place,
    factors_of,
    index_parts,
    is_diagonal,
    multiplied,
    number,
    replaced,
    terms_of,
    unsimplified,
    walk,
)

TIMES, BELOW = r" \times ", r" \\ "
LOG_2PI = math.log(2 * math.pi)  # in the densities of normal distributions


class Printer:
    """The notation of a name, a number, a product, a call and a whole line; this one writes NumPy's notation.

    A formula is written by :func:`write`, which sets the brackets. A template is that of a row, with places for
    operands and parameters.
    """

    indexed = False  # whether a name can have an index; without it, a sum along an axis is a call
    separator = " "  # between the factors of a sum with indices
    dots = "..."  # for what is omitted

    def name(self, word: str, letters: str = "") -> str:
        """A variable or a derivative, with an index if there are `letters`."""
        return word

    def number(self, value: complex) -> str:
        return plain_number(value)

    def array(self, value: Array) -> str:
        return array_text(value)

    def shaped(self, symbol: str, shape: Sequence[int]) -> str:
        """A symbol with its shape."""
        return f"{symbol} ({shape_text(shape)})"

    def entry(self, of: str, wrt: str) -> str:
        """An entry of a Jacobian."""
        return f"d{self.name(of, 'i')}/d{self.name(wrt, 'j')}"

    def brackets(self, word: str) -> str:
        return f"({word})"

    def is_tall(self, word: str) -> bool:
        """Whether brackets around it have to grow."""
        return False

    def between(self, a: Expr, b: Expr, begins: str) -> str:
        """The sign between two factors of a product; `begins` is the second as written."""
        return times("infix")

    def fraction(self, e: Expr) -> Expr:
        """A quotient in the order in which it is written."""
        return e

    def template(self, e: Expr) -> str | None:
        """The template of the row of `e`, if it has one that fits this call."""
        return reshaped(e) if e.role == "reshape" else fitting(e.row.infix, e)

    def fill(self, template: str, *operands: str) -> str:
        """The template with the operands in its places, from left to right."""
        bound = read(template)
        places = zip(bound.pieces, operands, strict=True)
        return "".join(f"{before}{word}" for (before, _), word in places) + bound.rest

    def param(self, key: str, e: Expr) -> str:
        """A parameter in its place in the template."""
        value = e.params[key]
        return index_text(value, self) if key == "index" else shape_text(value) if key == "shape" else str(value)

    def call(self, e: Expr) -> str:
        """A formula without a template."""
        arguments, word = [write(a, self) for a in e.args], e.head
        params = shown_params(_stated(e))
        if self.indexed:
            word = self.over(word.removeprefix("linalg."), _letters(e, params.pop("axis", ())))
        if self.indexed and e.role in _DIAGONALS:  # diag(X, -1) of np.diagonal(X, offset=-1)
            word, arguments = "diag", [*arguments, *(str(params.pop(k)) for k in ("k", "offset") if k in params)]
        arguments += [f"{k}={v.tolist() if isinstance(v, np.ndarray) else v!r}" for k, v in params.items()]
        return f"{word}({', '.join(arguments)})"

    def operand(self, e: Expr, word: str, before: str, behind: str) -> str:
        """An operand in its place, between two pieces of the template."""
        return word

    def below(self, word: str, letters: str) -> str:
        """Anything with an index."""
        return f"{word}{subscript(letters)}"

    def over(self, word: str, letters: str) -> str:
        """Σ, or the name of a reduction, with an index below."""
        return self.below("Σ" if word == "sum" else word, letters)


def write(e: Expr, printer: Printer, tightness: int = 0) -> str:
    """`e` as text, in brackets if it binds less tightly than `tightness`."""
    word, binding = _along(e, printer) if printer.indexed and _is_weight(e, tightness) else _word(e, printer)
    return word if binding >= tightness else printer.brackets(word)


def _is_weight(e: Expr, tightness: int) -> bool:
    """Whether `e` is a softmax of which it has to be said along which axis, as in ``softmaxⱼ(S) - I``."""
    axis, last = e.params.get("axis"), len(e.shape) - 1
    is_one = e.role in ("softmax", "log of a softmax") and last > 0 and axis is not None
    return is_one and (tightness > 0 or axis != (last,))


def _word(e: Expr, printer: Printer) -> tuple[str, int]:
    """`e` as text, and how tightly that binds."""
    if e.role in ("name", "number", "array"):
        return _leaf(e, printer)
    if e.role == "indexed sum":
        return f"{printer.over('sum', e.params['letters'])} {write(e.of, printer, PRODUCT)}", SIGN
    if e.role == "negation" and printer.indexed:
        e = _without_sign(e)
    if printer.indexed:
        e = printer.fraction(e) if e.role == "quotient" else _weighted(e)
        e = _with_elsewhere_last(e) if e.role in ("sum", "difference") else e
    if e.role == "product" and printer.indexed:
        e = _at_labels(_without_one(_over_a_whole_number(e, printer)))
    if e.role == "product":
        return _product(e, printer), PRODUCT
    if e.role == "sum over steps" and printer.indexed:
        return f"{printer.over('sum', e.params.get('over', e.head[-1]))} {write(e.of, printer, PRODUCT)}", SIGN
    if e.role == "broadcast" and printer.indexed and not e.of.shape:  # a number in all places
        return _word(e.of, printer)
    along = e.role in _REDUCTIONS and e.params.get("axis") is not None
    if printer.indexed and along and ("axis" in shown_params(e) or e.params.get("keepdims") and e.role != "norm"):
        return _along(e, printer)
    if printer.indexed:
        e = _in_one_index(_with_entries(_indicator(_turned_inverse(_over_one_line(_of_columns(_kept(e), printer))))))
    template = "" if e.role == "name" else printer.template(e)
    with _during(_AT, e.params.get("entry", _AT.get())):
        return _filled(template, e, printer) if template else _leaf(e, printer)


def _at_labels(e: Expr) -> Expr:
    """A product of one entry of each row and other vectors with the index of the rows: ``logp[i, aᵢ] advᵢ``."""

    def is_picked(f: Expr) -> bool:
        parts = index_parts(f.params["index"]) if f.role == "index" else ()
        return any(isinstance(p, Labels) and not p.word for p in parts)

    is_it = e.role == "product" and len(e.shape) == 1 and any(map(is_picked, e.args))
    if not is_it or any(f.shape and f.role != "name" and not is_picked(f) for f in e.args):
        return e
    entries = (replace(f, params={"letters": "i"}) if f.role == "name" and f.shape else f for f in e.args)
    return replace(e, args=tuple(replace(f, shape=()) for f in entries))


def _in_one_index(e: Expr) -> Expr:
    """``k_{t-1,0}``, an entry of what has a number as its index: LaTeX accepts one subscript. A slice stays u[1:-1]."""
    parts = index_parts(e.params["index"]) if e.role == "index" else [None]
    if any(isinstance(p, slice) and p != slice(None) for p in parts):
        return replace(e, row=_SLICE)
    if not all(isinstance(p, int | slice) for p in parts) or not _NUMBERED.fullmatch(str(e.of.value)):
        return e
    return replace(e.of, params={"letters": index_text(_from_start(e), TEXT)})


def _from_start(e: Expr) -> Any:
    """The index of an entry, counted from the start: 6 of f[-1]."""
    index, of = e.params["index"], e.shape if e.role == "placement" else e.of.shape
    parts = index_parts(index)
    if len(parts) > len(of) or not all(isinstance(p, int | slice) for p in parts):
        return index
    here = tuple(p + n if type(p) is int and p < 0 else p for p, n in zip(parts, of, strict=False))
    return here if isinstance(index, tuple) else here[0]


_SLICE = Function("getitem", text="{x}[{index}]", tex="{x}[{index}]")
_SLICE.algebra = "index"
_NUMBERED = re.compile(r"[\w∂/@+-]*[\d@][a-z]?[+-]?\d*")


class _Line(Function):
    """A vector before a matrix, ``wᵀ A`` of ``wᵀ A w``."""

    algebra = "matrix product"
    infix: Any = "{x1} @ {x2}"


_LINE = _Line("matmul")


def _of_columns(e: Expr, printer: Printer) -> Expr:
    """A vector before a matrix as the transpose of that before the vector: all vectors are columns. As text this is so
    in gradients; a step is written as in the program, ``x @ W``.
    """
    x, m = e.args if e.role == "matrix product" else (e, e)
    if len(x.shape) != 1:
        return e
    if len(m.shape) == 1 or e.row is _LINE:
        is_line = x.role == "matrix product" and len(x.of.shape) == 1 and not isinstance(x.row, Function)
        return replace(e, args=(replace(x, row=_LINE), m)) if is_line else e
    if len(m.shape) > 2 or not (isinstance(printer, Latex) or _has_derivative(e)):
        return e
    turned = m.of if m.is_turned else unsimplified("transpose", (m,), m.shape[::-1], axes=None)
    return replace(e, args=(turned, x))


def _is_column(e: Expr) -> bool:
    return (e.role == "reshape" or _is_inserted(e)) and e.shape == (*e.of.shape, 1)


def _is_row(e: Expr) -> bool:
    return e.role == "reshape" and e.shape == (1, *e.of.shape)


def entries_of(e: Expr) -> Expr:
    """The vector of a column, also of minus one."""
    if e.role == "negation" and _is_column(e.of):
        return replace(e, args=e.of.args, shape=e.shape[:-1])
    return e.of if _is_column(e) else e


def _with_entries(e: Expr) -> Expr:
    """A matrix that is written out with its entries in the place of its rows; vectors side by side are its columns, and
    those below each other its rows.
    """
    if _is_joined(e) and e.params["axis"] == 1:
        return replace(e, args=tuple(map(entries_of, e.args)))
    if _is_joined(e) and e.role == "concatenation":
        return replace(e, args=tuple(a.of if _is_row(a) or _is_one(a) else a for a in e.args))
    if not _is_vector(e) or len(e.shape) != 2:
        return e
    return replace(e, args=tuple(a for row in e.args for a in row.args or map(number, row.value.tolist())))


def _is_one(e: Expr) -> bool:
    """Whether a vector is one number, a[None]."""
    return e.role in ("index", "reshape") and e.shape == (1,) and not e.of.shape


def _leaf(e: Expr, printer: Printer) -> tuple[str, int]:
    """A name, a number or an array; also a call without a template."""
    if e.role == "number":
        word = printer.number(e.value)
        return word, SIGN if is_signed(word) else PRODUCT if " " in word or _of_pi(e.value) else ATOM
    if e.role == "name":
        return printer.name(e.value, e.params.get("letters", "")), ATOM
    return printer.array(e.value) if e.role == "array" else printer.call(e), ATOM


def _product(e: Expr, printer: Printer) -> str:
    """The factors with the signs between them."""
    places = [ATOM if _of(f) == "matrix product" else PRODUCT + (k > 0) for k, f in enumerate(e.args)]
    if printer.indexed and not e.params.get("over") and all(_is_coefficient(f, printer) for f in e.args[:-1]):
        places[-1] = PRODUCT  # ½ x @ Q @ x
    factors = [write(f, printer, place) for f, place in zip(e.args, places, strict=True)]
    out = ""
    for k, f in enumerate(e.args[:-1]):  # (Σ a) b is not Σ a b, and (n / 2) x not n / 2 x
        sign = printer.between(f, e.args[k + 1], factors[k + 1])
        is_open = f.role == "total" or f.role == "quotient" and " / " in factors[k] and not sign.strip()
        out += (printer.brackets(factors[k]) if printer.indexed and is_open else factors[k]) + sign
    return out + factors[-1]


def _is_coefficient(e: Expr, printer: Printer) -> bool:
    """Return whether a factor is a number before a product of matrices, which then needs no brackets: 2 or λ."""
    is_fraction = e.role == "quotient" and not isinstance(printer, Text)
    return not e.shape and not _has_derivative(e) and (is_fraction or e.role in ("name", "number"))


_INVERSES = {
    "inverse": Function("inv", text="{x}⁻ᵀ", tex=r"{x}^{{-\top}}"),
    "solution": Function("solve", text="{x1}⁻ᵀ @ {x2}", tex=r"{x1}^{{-\top}} {x2}"),
}


def _turned_inverse(e: Expr) -> Expr:
    """The inverse of a transpose, or the transpose of an inverse, as ``K⁻ᵀ``."""
    if e.is_turned and e.of.role == "inverse":
        return replace(e, row=_INVERSES["inverse"], args=e.of.args)
    if e.role in _INVERSES and e.of.is_turned:
        if (inner := e.of.of).is_turned:  # of both
            return replace(e, args=(*inner.args, *e.args[1:]))
        return replace(e, row=_INVERSES[e.role], args=(*e.of.args, *e.args[1:]))
    return e


LETTERS = "ijklmn"  # the indices of axes
_NAMES: ContextVar[Collection[str]] = ContextVar("names", default=())


@contextmanager
def _during(variable: ContextVar[Any], value: Any) -> Iterator[None]:
    """A context in which a variable has a value."""
    token = variable.set(value)
    try:
        yield
    finally:
        variable.reset(token)


def apart_from(names: Collection[str]) -> AbstractContextManager[None]:
    """A context in which no index is called as one of `names`."""
    return _during(_NAMES, names)


def is_counter(letter: str) -> bool:
    """Whether a letter is the number of a step, and no name of the user's."""
    return f"@{letter}" in _NAMES.get()


def indices() -> list[str]:
    """The letters that an index may be."""
    return [c for c in (*LETTERS, *"prs") if c not in _NAMES.get()]  # which can stand below the line


#: The arrays of which step t reads the entry at t - 1, whose entries have brackets.
_READ: ContextVar[Container[str]] = ContextVar("read", default=())


def read_by_steps(formulas: Iterable[Expr]) -> AbstractContextManager[None]:
    """A context in which the entries of arrays that step t reads in one of these at t - 1 have brackets, obs[2]."""
    read = (part for e in formulas for part in walk(e) if part.role == "index" and part.of.role == "name")
    return _during(_READ, {part.of.value for part in read if _is_shifted(part)})


#: The index of the entry of which something is written.
_AT: ContextVar[Sequence[str]] = ContextVar("at", default=())


#: The names of two letters of which the second is an index, W_q of Wq; None for all that may be.
_SPLIT: ContextVar[Container[str] | None] = ContextVar("split", default=None)


def split(names: Container[str]) -> AbstractContextManager[None]:
    """A context in which of the names of two letters only `names` have the second as an index."""
    return _during(_SPLIT, names)


def safely_split(latex: str) -> set[str]:
    r"""The names of two letters in some LaTeX, where they are whole, that can be split: they have no index, and their
    second letter is no index of anything. Those with the same first letter are alike, W_q and W_k.

    >>> sorted(safely_split(r"\mathrm{bi}_{j}\,\mathrm{bf} + \mathrm{Wq}\,\mathrm{Wk}"))
    ['Wk', 'Wq']
    """
    words = {w for w in re.findall(r"\\mathrm\{(\w+)\}", latex) if re.fullmatch(_TWO_LETTERS, w)}
    letters = re.sub(r"\\[A-Za-z]+", " ", re.sub(r"\\mathrm\{[^{}]*\}", "}", latex))
    used = set("".join(re.findall(r"_\{[^{}]*|(?<=[\w}])\[[^][]*", letters)))
    whole = {w[0] for w in words if w[1] in used or rf"\mathrm{{{w}}}_" in latex}
    return {w for w in words if w[0] not in whole}


_TWO_LETTERS = "([A-Z]|[bhwxyz](?=[k-rtv])|b(?=[fghixyz])|w(?=[fghixy]))([a-z])"  # Xv and yv, not lr, dt or xs


def _over_a_whole_number(e: Expr, printer: Printer) -> Expr:
    """``1 / 36 x`` as ``x / 36``."""
    size, *rest = e.args
    if not size.is_number or not (m := re.fullmatch(r"(\d*)(π?) / (\d+)", printer.number(size.value))):
        return e
    top = int(m[1] or 1) * (math.pi if m[2] else 1)
    above = multiplied([*([number(top)] if top != 1 else []), *rest], e.shape)
    return unsimplified("divide", (above, number(int(m[3]))), e.shape)


def _without_one(e: Expr) -> Expr:
    """``-1 x`` as ``-x``."""
    if e.role != "product" or not e.of.is_number or e.of.value != -1:
        return e
    return unsimplified("negative", (multiplied(e.args[1:], e.shape),), e.shape)


def _kept(e: Expr) -> Expr:
    """``exp(-β (t - s))`` with the sign of the exponent as a factor, which stays in front."""
    of = e.of if e.role == "exponential" and e.of.role == "negation" else None
    return e if of is None else replace(e, args=(multiplied((number(-1), *factors_of(of.of)), of.shape),))


def _with_elsewhere_last(e: Expr) -> Expr:
    """A sum whose terms that say "0 elsewhere" come last: b + a at [k], 0 elsewhere."""
    signed = terms_of(e)
    last = [x.role == "placement" or x.role == "sum over steps" and x.of.role == "placement" for _, x in signed]
    if not any(before and not after for before, after in pairwise(last)):
        return e
    (sign, first), *others = [signed[k] for k in sorted(range(len(signed)), key=last.__getitem__)]
    first = first if sign > 0 else unsimplified("negative", (first,), first.shape)
    rows = (("add" if sign > 0 else "subtract", x) for sign, x in others)
    return reduce(lambda whole, of: unsimplified(of[0], (whole, of[1]), e.shape), rows, first)


def _without_sign(e: Expr) -> Expr:
    """``-b (x - y)`` as ``b (y - x)``: without its sign, if it is that of a difference."""
    of = e.of.of if e.of.role == "quotient" else e.of
    factors = list(factors_of(of))
    if sum(f.role == "difference" and f.of.is_number for f in factors) > 1:  # -(1 - α) (1 - y)
        return e
    for k, f in sorted(enumerate(factors), key=lambda at: bool(at[1].args) and at[1].of.is_number):  # not 1 - α
        is_rest = any(h.names == f.names for h in factors[:k])  # -P ⊙ (1 - P)
        if not is_rest and (turned := _opposite(f, of is e.of and len(factors) == 1)) is not None:
            factors[k] = turned
            above = multiplied(factors, of.shape)
            return above if of is e.of else replace(e.of, args=(above, *e.of.args[1:]))
    return e


def _opposite(e: Expr, is_alone: bool) -> Expr | None:
    """`e` times -1, if that has no more signs; alone, a difference of names keeps its own: -(y - P)."""
    if e.row is not None and e.row.kind == "linear" and e.role in ("total", "reduction"):
        (x,), terms = e.args, terms_of(e.of)
        positive = reduce(lambda a, b: unsimplified("add", (a, b), x.shape), [term for _, term in terms])
        return replace(e, args=(positive,)) if all(sign < 0 for sign, _ in terms) else None
    is_plain = e.role == "difference" and all(a.role in ("name", "number") for a in e.args)
    if e.role != "difference" or is_plain and (is_alone or not e.shape and e.of.is_number):
        return None
    a, b = e.args
    if a.role == "negation":
        return unsimplified("add", (*a.args, b), e.shape)
    signed = terms_of(a) if a.role == "sum" else [(1, a)]  # T - 1 - x, not T - (1 + x)
    rows = (("subtract" if sign > 0 else "add", x) for sign, x in signed[::-1])
    return reduce(lambda whole, of: unsimplified(of[0], (whole, of[1]), e.shape), rows, b)


def _letters(e: Expr, axis: int | tuple[int, ...]) -> str:
    """The indices of axes of the first argument of a call."""
    ndim = len(e.of.shape) if e.args else 0
    axes = [k % max(ndim, 1) for k in (axis if isinstance(axis, tuple) else (axis,))]
    letters, at = indices(), _AT.get()
    if len(at) == ndim:  # softmaxₗ(S)ⱼₗ, and in column 0 softmaxₗ(S)ⱼ₀
        free = [c for c in letters if c not in "".join(at)]
        rest = [*free, *["…"] * ndim]
        letters = [c if c in letters else own if own in free else rest[0] for c, own in zip(at, letters, strict=False)]
    return "".join(letters[k] if k < len(letters) else "…" for k in axes)


def _along(e: Expr, printer: Printer) -> tuple[str, int]:
    """A reduction along some axes, with indices: ``Σⱼ dL/dPⱼ Pⱼ``."""
    body, letters = e.of, _letters(e, e.params["axis"])
    shown = letters if len(body.shape) <= 2 else "".join(indices()[: len(body.shape)])
    if e.role == "norm":
        whole = replace(e, params={})
        word = _filled(printer.template(whole) or "{x}", whole, printer)[0]
        return printer.below(word, ",".join(filter(None, (_order(e), letters)))), ATOM
    if e.role != "total":
        form, inside = printer.template(replace(e, params={})) or "", printer.brackets(write(body, printer))
        if form.endswith("({x})"):  # ln softmaxᵢ(z)
            return f"{printer.below(printer.fill(form.removesuffix('({x})')), printer.fill(letters))}{inside}", ATOM
        return f"{printer.over(e.head, letters)}{inside}", ATOM
    factors = factors_of(body.of if body.role == "broadcast" and not body.of.shape else body)
    if all(part.row is None or part.row.entrywise or part.role == "product" for part in walk(body)):  # Σⱼ pⱼ log(qⱼ)

        def entry(part: Expr) -> Expr | None:
            sizes = (0,) * (len(body.shape) - len(part.shape)) + part.shape
            along = zip(indices(), sizes, body.shape, strict=False)  # but not where it is broadcast
            here = "".join(c for c, size, whole in along if size == whole and c in shown)
            is_entry = part.role == "name" and here
            return replace(part, params={"letters": here}, shape=()) if is_entry else None

        written = [write(replaced(f, entry), printer, PRODUCT) for f in factors]
        return f"{printer.over('sum', letters)} {printer.separator.join(written)}", SIGN
    inside = printer.below(printer.brackets(write(body, printer)), shown)
    return f"{printer.over('sum', letters)} {inside}", SIGN


_PRODUCTS = ("matrix product", "product", "quotient")


def _of(e: Expr) -> str:
    """The role of a formula, behind its sign."""
    return _of(e.of) if e.role == "negation" else e.role


def _filled(template: str, e: Expr, printer: Printer) -> tuple[str, int]:
    """The template with its operands and parameters, and how tightly that binds."""
    form, arguments = read(template), _arguments(e)
    if template in ("{x}", "{x1}"):  # the operand itself
        return _word(e.of, printer)
    # -a * b binds as a product
    binding = PRODUCT if e.role == "negation" and form.own == SIGN and _of(e) in _PRODUCTS else form.own
    after = [*(text for text, _ in form.pieces), form.rest][1:]
    operands = []
    for (before, field), place, behind in zip(form.pieces, form.places, after, strict=True):
        if field not in arguments:
            operands.append(printer.param(field, e))
            continue
        a = arguments[field]
        is_over_number = e.role == "quotient" and a.shape != () == e.args[1].shape  # Xᵀ @ y / n
        is_plain = operands == [] and (_is_scaled(a) or is_over_number)
        mixed = binding == PRODUCT and _are_mixed(e.role, _of(a)) and not is_plain
        a = _read_in(e, a) if printer.indexed else a
        if e.role == "quotient" and a.role == "product" and isinstance(printer, Text):  # 2 (Xᵀ @ a) / n
            a = replace(a, params={"over": True})
        is_weight = e.role == "quotient" and printer.indexed and _is_weight(a, PRODUCT)  # also in a fraction
        word = _along(a, printer)[0] if is_weight else write(a, printer, ATOM if mixed else place)
        if e.role == "total" and re.fullmatch(r"\(√\((?:[^()]|\([^()]*\))*\)\)", word):  # Σ √(x + ε)
            word = word[1:-1]
        is_below = e.role == "quotient" and a is e.args[1] and a.is_number
        if isinstance(printer, Text) and is_below and a.value in (0.5, 0.25):
            word = printer.short(a.value)  # x / 0.5
        if e.role == "sum" and before.endswith("+ ") and printer.indexed and is_signed(word):  # a + (-b - c)
            template, before, word = template.replace("+", "-"), "- ", word.removeprefix("-").removeprefix("<mo>−</mo>")
        operands.append(printer.operand(a, word, before, behind))
    tall = {field for (_, field), word in zip(form.pieces, operands, strict=True) if printer.is_tall(word)}
    word = printer.fill(_growing(template, tall) if tall else template, *operands)
    return (printer.below(word, order) if (order := _order(e)) else word), binding


def _growing(template: str, tall: set[str]) -> str:
    """A template of LaTeX whose brackets grow with what is taller than a line: that of a trace of a derivative."""

    def grown(m: re.Match[str]) -> str:
        is_tall = not tall.isdisjoint(re.findall(r"\{(\w+)\}", m[1]))
        return rf"\left({m[1]}\right)" if is_tall else m[0]

    return re.sub(r"(?<!\\left)\(([^()]*)\)", grown, template)


def _read_in(e: Expr, a: Expr) -> Expr:
    """An operand as it stands in a call: a condition in cases, and [0, b] of vectors, not [[0.], b]."""
    if e.role in ("selection", *_TESTS[1:]):
        return _condition(a)
    if not _is_joined(e) or a.shape != (1,) or a.role not in ("array", "stack"):
        return a
    return number(a.value.item()) if a.role == "array" else a.of


def _are_mixed(*roles: str) -> bool:
    """Whether a product of matrices and one of entries stand in one line, which needs brackets."""
    kinds = {"matrix product" if role == "outer product" else role for role in roles}
    return "matrix product" in kinds and len(kinds) == 2 and kinds <= set(_PRODUCTS)


def _is_scaled(e: Expr) -> bool:
    """Return True for an array behind numbers, (2 / n) Xᵀ, which needs no brackets before @."""
    return e.role == "product" and not any(f.shape for f in e.args[:-1])


def _order(e: Expr) -> str:
    """The order of a norm other than the length, which is written below it."""
    return str(p) if e.role == "norm" and (p := e.params.get("p", 2)) != 2 else ""


_INDICATORS = {
    (1, 0): Function("where", text="1[{x}]", tex="1[{x}]"),
    (0, 1): Function("where", text="1[not {x}]", tex=r"1[\neg {x}]"),
}


def _indicator(e: Expr) -> Expr:
    """A mask ``where(c, 1, 0)`` as ``1[c]``, and ``where(x > y, x, y)`` as the maximum that it is."""
    test = e.of.row.fn if e.role == "selection" and e.of.role == "comparison" else None
    if test and test(1, 0) != test(-1, 0) and {e.shape} >= {x.shape for x in e.args[1:] if not x.is_number}:  # <, >
        both, chosen = ([x.value if x.is_number else x.key for x in xs] for xs in (e.of.args, e.args[1:]))
        if chosen in (both, both[::-1]) and not all(x.is_number for x in e.args[1:]):
            row = "maximum" if bool(test(1, 0)) == (chosen == both) else "minimum"
            return unsimplified(row, e.of.args, e.shape)
    values = tuple(x.value for x in e.args[1:] if x.is_number) if e.role == "selection" else ()
    if len(values) == 2 and e.of.role == "not":
        return _indicator(replace(e, args=(e.of.of, *e.args[:0:-1])))
    if values == (0, 1) and e.of.head in _OPPOSITE:
        return unsimplified(_OPPOSITE[e.of.head], e.of.args, e.shape)
    return replace(e, row=_INDICATORS[values], args=(_condition(e.of),)) if values in _INDICATORS else e


def _weighted(e: Expr) -> Expr:
    """``where(c, x, 0)`` as ``1[c] x``, where `c` is one test."""
    test, x, rest = e.args if e.role == "selection" else (e, e, e)
    if test.shape or x.is_number or not rest.is_number or rest.value or _indicator(e).role != "selection":
        return e
    return multiplied([replace(e, args=(test, number(1), number(0)), shape=()), x], e.shape)


_OPPOSITE = {
    "greater": "less_equal", "less": "greater_equal", "greater_equal": "less", "less_equal": "greater",
    "equal": "not_equal", "not_equal": "equal",
}  # fmt: skip
_TESTS = ("comparison", "and", "or", "not")


def _condition(e: Expr) -> Expr:
    """A comparison as a condition, without the brackets of its indicator."""
    if e.role not in _TESTS:
        return e
    text, tex = (template and template.removeprefix("1[")[:-1] for template in (e.row.text, e.row.tex))
    row = Function(e.head, text=text, tex=tex)
    row.algebra = e.role
    return replace(e, row=row)


def _are_arrays(a: Expr, b: Expr) -> bool:
    return math.prod(a.shape) > 1 and math.prod(b.shape) > 1


def is_signed(word: str) -> bool:
    """True for what begins with a minus, in any notation."""
    return word.startswith(("-", "<mo>−</mo>"))


def _arguments(e: Expr) -> dict[str, Expr]:
    """The arguments by their places in a template."""
    arguments = {f"x{k + 1}": a for k, a in enumerate(e.args)}
    return {**arguments, "x": e.of} if e.args else arguments


def fitting(template: str | None, e: Expr, params: bool = True) -> str | None:
    """`template` if it has a place for each parameter of the call that is written (`params`), and nothing else."""
    if template is None:
        return None
    fields = read(template).fields
    is_filled = fields <= {"xs", *_arguments(e), *e.params}
    return template if is_filled and (not params or fields >= shown_params(e).keys()) else None


def times(option: str) -> str:
    """The sign between two factors, from the row of products."""
    return read(getattr(TABLE["multiply"], option)).pieces[1][0]


def symbol(row: Primitive) -> str:
    """The name in text of a function of one argument: ``σ`` for the sigmoid, otherwise its own name."""
    match = re.fullmatch(r"(\w+)\(\{x\}\)", row.text or "")
    return match[1] if match else row.name


# ---------------------------------------------------------------------------------------------------- parts of calls


_REDUCTIONS = ("total", "reduction", "norm")
_DIAGONALS = ("diagonal", "diagonal matrix")  # of which it has to be said which one
_HIDDEN = ("starts", "unique_indices", "optimize", "copy")


def shown_params(e: Expr) -> dict[str, Any]:
    """The parameters that a person would write: not those that are the default."""
    out = {}
    for k, v in e.params.items():
        if v is None or v is False or k in _HIDDEN or k == "order" and v in ("C", "K"):
            continue
        if k == "axis":
            ndim = max((len(a.shape) for a in e.args), default=0)
            if np.size(v) == ndim and e.role in _REDUCTIONS:
                continue
        is_single = k in ("axis", "shift") and isinstance(v, tuple) and len(v) == 1
        out[k] = v[0] if is_single else v
    return out


def _stated(e: Expr) -> Expr:
    """`e` without the parameters that textbooks omit: defaults, the last axis, ``softmax(S)``, that axes are kept."""
    last = len(e.shape) - 1
    defaults = e.row.defaults
    plain = {k: v for k, v in e.params.items() if isinstance(v, int | float | str)}
    omitted = {"keepdims", *(k for k, v in plain.items() if v == defaults.get(k))}
    is_usual = last == 0 or e.row.algebra is not None or defaults.get("axis", -1) is not None  # not of roll(u, 1)
    is_last = is_usual and e.params.get("axis") in (last, (last,))
    if e.role not in _REDUCTIONS and e.shape and is_last:
        omitted.add("axis")
    return replace(e, params={k: v for k, v in e.params.items() if k not in omitted})


def index_text(index: Any, printer: Printer) -> str:
    """An index as it is written between the brackets; ``i, yᵢ`` for ``np.arange(n), y``."""
    parts = index_parts(index)
    words = [p.word if isinstance(p, Labels) else "" for p in parts]
    if words[1:] and np.ndim(parts[0]) and words == [f"{words[0][:-3]}[{k}]" for k in range(len(words))]:
        return printer.name(words[0][:-3])  # of a tuple, np.triu_indices(n)
    letter = "i" if any(isinstance(p, Labels) and not p.word for p in parts) else ""
    names = []

    def written(part: Any) -> str:
        if isinstance(part, Labels) and part.word:
            is_computed = printer.indexed and letter and re.search(rf"\b{letter}\b.*%|%.*\b{letter}\b", part.word)
            names.append(printer.name(part.word, letter if part.ndim and not is_computed else ""))
            return "{x}"
        if isinstance(part, Place):
            names.append(printer.name(part.word))
            return "{x}"
        if isinstance(part, Labels):
            return letter if printer.indexed else f"np.arange({part.size})"
        if isinstance(part, np.ndarray) and part.dtype.kind in "iub":
            return repr(part.tolist()) if part.size <= 16 else f"[{part.size} places]"
        return repr(part.item() if isinstance(part, np.generic) else part)

    text = literals.index(index, written)
    return printer.fill(text.replace("None", "*") if isinstance(printer, Latex) else text, *names)


def _modulo(word: str, printer: Printer) -> str:
    """Positions that are computed from the index i, ``(i + n) mod 2 n``."""
    sign = r" \bmod " if isinstance(printer, Latex) else " mod "
    factors = re.sub(r"\((\w+) \* (\w+)\)", r"\1 * \2", word)  # no brackets in i % (2 * n)
    return re.sub(r"[^\W\d]\w*", lambda m: printer.name(m[0]), factors).replace(" * ", " ").replace(" % ", sign)


def inserted(e: Expr) -> str:
    """The index that is the same as a reshape by one new axis, ``:, None``; or nothing."""
    old, new = e.of.shape, e.shape
    indices = (", ".join([":"] * k + ["None"]) for k in range(len(new)) if old and new == (*old[:k], 1, *old[k:]))
    return next(indices, "")


def plain_number(value: complex) -> str:
    """In full, for a program."""
    if not isinstance(value, float):
        return str(value)
    if value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if not np.isfinite(value):
        return {"inf": "np.inf", "-inf": "-np.inf"}.get(repr(value), "np.nan")
    return _fraction(value) or repr(value)


def _of_pi(value: complex) -> tuple[Fraction, int] | None:
    """A number over π, or π², where that is a simple fraction other than one; and the power."""
    if not isinstance(value, float):
        return None
    for power, most in ((1, 99), (2, 400)):
        share = Fraction(value / math.pi**power).limit_denominator(12) if 0.1 < value < most else Fraction(1)
        if share not in (0, 1) and math.isclose(value, share * math.pi**power, rel_tol=4e-16 * power):
            return share, power
    return None


def _fraction(value: float) -> str:
    """One third as ``1 / 3``: a number that is one or two over a whole number is written so."""
    if 0 < abs(value) < 1 and len(repr(value)) > 8:
        for top in (1, 2):
            if abs(value) > 1e-7 and top / (k := round(top / abs(value))) == abs(value):
                return f"{'-' if value < 0 else ''}{top} / {k}"
    return ""


def short_number(value: complex) -> str:
    """To six digits, for a reader; a power of ten as ``1e9``."""
    digits = f"{value:.0e}" if isinstance(value, float) and np.isfinite(value) and value else ""
    if digits.lstrip("-").startswith("1e") and float(digits) == value and not 1e-4 <= abs(value) < 1e7:
        return f"{digits.partition('e')[0]}e{int(digits.partition('e')[2])}"
    if isinstance(value, float) and np.isfinite(value) and not _fraction(value):
        short = f"{value:.6g}"
        if float(short) != value or abs(value) >= 1e15:
            return short
    return plain_number(value).replace("np.", "")


class Full(np.ndarray):
    """An array that is written out whatever its size."""


def array_text(value: Array) -> str:
    if value.size > 16 and not isinstance(value, Full):
        return f"const({shape_text(value.shape)})"
    value = np.asarray(value)
    is_whole = value.dtype.kind == "f" and np.all(np.abs(value) < 1e6) and np.array_equal(value, np.round(value))
    value = value.astype(int) if is_whole else value  # [1, 0, 0], not [1., 0., 0.]
    text = np.array2string(value, separator=",", threshold=1000, precision=4)
    return re.sub(r"\s", "", text).replace(",", ", ")


# --------------------------------------------------------------------------------------------------------- plain text


class Text(Printer):
    """Mathematics in one line: ``(y - P)²``, ``Bᵀ``, ``σ(C)``."""

    indexed = True
    dots = "…"
    roots = "√{x}", "1 / √{x}"
    shares = "{x}π", "{x}π / {y}"
    pi, pi_squared = "π", "π²"
    constants: Mapping[float, str] = {
        0.5: "½", 0.25: "¼", math.pi: "π", math.pi**2: "π²", math.sqrt(2 * math.pi): "√(2π)", math.log(2): "ln(2)",
        math.log(10): "ln(10)", LOG_2PI: "log(2π)", LOG_2PI / 2: "½ log(2π)",
    }  # fmt: skip

    def name(self, word: str, letters: str = "") -> str:
        if " % " in word and not letters:
            return _modulo(word, self)
        text = text_name(word)
        is_entry = letters[:1].isdigit() and not letters[1:2].isalpha()  # P[0], P1[0, j], but P₀ⱼ
        if is_entry or letters[:1].isdigit() and word[-1].isdigit() or letters and not re.match(r"[(\w]", letters[0]):
            return f"{text}[{re.sub('(?<=^[0-9])(?=[a-z])', ', ', letters)}]"
        if letters and (m := _OF_STEP.fullmatch(word)):
            return text_name(m[1].rstrip("_")) + subscript(m[2] + letters)
        if letters and (entry := _of_slices(text, letters)):
            return entry
        return (f"({text})" if letters and " " in text else text) + subscript(letters)

    def number(self, value: complex) -> str:
        sign, size = ("-", -value) if isinstance(value, float) and value < 0 else ("", value)
        if isinstance(size, float) and size in self.constants:
            return self.fill(sign + self.constants[size])
        if of_pi := _of_pi(size):
            (top, bottom), power = of_pi[0].as_integer_ratio(), of_pi[1]
            digits = [self.plain(str(k)) for k in (top, bottom) if k > 1]
            form = self.shares[bottom > 1].replace("{x}", "{x}" if top > 1 else "")
            return self.fill(sign + (form.replace(self.pi, self.pi_squared) if power > 1 else form), *digits)
        k, below = root_of(value)
        return self.fill(sign + self.roots[below], self.plain(str(k))) if k else self.short(value)

    def short(self, value: complex) -> str:
        """A number that is neither a constant nor a root."""
        return short_number(value).replace("inf", "∞")

    def plain(self, text: str) -> str:
        """An index, a shape or digits."""
        return text

    def between(self, a: Expr, b: Expr, begins: str) -> str:
        """``⊙`` between arrays; numbers and brackets need no sign."""
        if _are_arrays(a, b):
            return " ⊙ "
        if a.is_number and b.is_number:
            return "" if b.value == math.pi else " · "
        gradients = [e for e in (a, b) if _GRADIENT.fullmatch(str(e.value)) and not e.params]
        return " · " if gradients and not a.is_number and str(a.value) not in "tsm" else " "

    def template(self, e: Expr) -> str | None:
        if e.role == "reshape" or _is_inserted(e):
            return f"{{x}} as {_layout(e)}" if e.of.shape else "{x}"
        if e.role == "power" and e.args[1].is_number and type(k := e.args[1].value) is int:
            return "{x1}" + str(k).translate(ABOVE)
        if e.role == "power" and (k := re.fullmatch(r"(\d* ?[a-pr-z])(?: ([+-]) (\d+))?", text(e.args[1]))):
            return "{x1}" + "".join(filter(None, k.groups())).replace(" ", "").translate(ABOVE)
        if e.role == "power":  # c^(-γ)
            return "{x1}^" + (word if re.fullmatch(r"[\w.]+", word := write(e.args[1], self)) else f"({word})")
        stated = _stated(e)
        if e.role == "logarithm" and e.of.is_number:
            return "ln({x})"  # of any number as of 10, whose logarithm is a constant
        if is_diagonal(e):
            return "diag({x})"
        if _is_vector(e) and len(e.shape) == 2:
            return f"[{', '.join(f'[{row}]' for row in _rows(e, ', '))}]"
        if _is_vector(e) or _is_joined(e):
            return f"[{_places(e, '; ' if _is_joined(e) and len(e.shape) > 1 and not e.params['axis'] else ', ')}]"
        return fitting(e.row.text, stated, params=e.role in _DIAGONALS) or fitting(e.row.infix, stated)

    def fraction(self, e: Expr) -> Expr:
        """A sum of quotients over a number has that below each, ``Σⱼ aⱼ / (n Σₖ bₖ)``, so that nothing is behind Σₖ."""
        above, below = e.args
        is_less, total = above.role == "negation", above.of if above.role == "negation" else above
        of = total.of if total.role == "indexed sum" else e
        if of.role != "quotient" or of is e or below.shape or of.args[1].role != "indexed sum":
            return e
        each = replace(of, args=(of.of, multiplied((below, of.args[1]), of.args[1].shape)))
        whole = replace(total, args=(each,))
        return unsimplified("negative", (whole,), e.shape) if is_less else whole

    def operand(self, e: Expr, word: str, before: str, behind: str) -> str:
        """The transpose of a gradient needs brackets."""
        is_gradient = e.role == "name" and _GRADIENT.fullmatch(e.value)
        return f"({word})" if is_gradient and behind.startswith("ᵀ") else word


def _is_vector(e: Expr) -> bool:
    """True for a stack of numbers, or of such stacks and vectors of numbers; also for one of matrices."""
    if e.role != "stack" or e.params["axis"]:
        return False
    is_row = (not a.shape or _is_vector(a) or a.role == "array" and len(a.shape) == 1 for a in e.args)
    return len(e.shape) > 2 or all(is_row)


def _is_of_numbered(e: Expr) -> bool:
    """Whether something is an entry x[1] of an array beside a variable x1, or beside x[t-1] of step t."""
    if e.role != "index":
        return False
    if e.of.value in _READ.get():
        return True
    numbered = re.compile(rf"{re.escape(str(e.of.value))}\d+")  # a name may be an expression: (y ** 2)
    return any(map(numbered.fullmatch, _NAMES.get()))


def _is_shifted(e: Expr) -> bool:
    """Whether something is the entry x[t-1] that step t reads of data counted from 0, and no x of step t - 1."""
    steps = [i for i in index_parts(e.params["index"]) if hasattr(i, "distance")] if e.role == "index" else []
    return any(i.letter == "t" for i in steps)


def _is_joined(e: Expr) -> bool:
    """True for arrays beside each other, or matrices below each other."""
    if e.role == "stack":
        return len(e.shape) == 2 and not _is_vector(e)  # [1, x, x²], or [x; 0]
    return e.role == "concatenation" and (e.params["axis"] == len(e.shape) - 1 or len(e.shape) == 2)


def _places(e: Expr, between: str = ", ") -> str:
    return between.join(f"{{x{k + 1}}}" for k in range(len(e.args)))


def _rows(e: Expr, between: str) -> list[str]:
    """The places of the entries of a matrix, row by row."""
    places, size = _places(e, "|").split("|"), e.shape[1]
    return [between.join(places[k : k + size]) for k in range(0, len(places), size)]


class Ascii(Printer):
    """NumPy's notation for a reader."""

    def name(self, word: str, letters: str = "") -> str:
        return _OF_STEP.sub(r"\1[\2]", escape.plain(word)).replace("∂", "d").replace("ᵀ", ".T")

    def number(self, value: complex) -> str:
        return short_number(value)

    def template(self, e: Expr) -> str | None:
        return "{x}" if e.role == "broadcast" and not e.of.shape else super().template(e)  # NumPy does it anyway


def reshaped(e: Expr) -> str:
    """The template of a reshape: an index with a new axis where it amounts to that."""
    if inserted(e):
        return f"{{x}}[{inserted(e)}]"
    order = f", order={e.params['order']!r}" if e.params.get("order", "C") != "C" else ""
    sizes = ", ".join(map(str, e.params["shape"])) or "()"
    return f"{{x}}.reshape({sizes}{order})"


def _is_inserted(e: Expr) -> bool:
    """True for an index of a rule that only adds axes: ``[..., None]``."""
    index = e.params.get("index") if e.role == "index" else None
    return isinstance(index, tuple) and {Ellipsis, None} == {p for p in index if p is None or p is Ellipsis}


def _layout(e: Expr) -> str:
    """The result of a reshape, or of an index with new axes, in words."""
    if len(e.of.shape) == 1 and len(e.shape) == 2 and 1 in e.shape:
        return "a column" if e.shape[1] == 1 else "a row"
    if len(e.shape) == 1:
        return "a vector"
    return shape_text(e.shape, "×")


GREEK = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ε", "zeta": "ζ", "eta": "η", "theta": "θ",
    "kappa": "κ", "lambda": "λ", "mu": "μ", "nu": "ν", "xi": "ξ", "pi": "π", "rho": "ρ", "sigma": "σ", "tau": "τ",
    "phi": "φ", "chi": "χ", "psi": "ψ", "omega": "ω", "Gamma": "Γ", "Delta": "Δ", "Theta": "Θ", "Lambda": "Λ",
    "Xi": "Ξ", "Phi": "Φ", "Psi": "Ψ", "Omega": "Ω",
}  # fmt: skip  # not Sigma: Σ is a sum
LETTER_NAMES = {letter: word for word, letter in GREEK.items()}
_GREEK_LETTER = re.compile(f"[{''.join(GREEK.values())}]")
_GREEK_WORD = re.compile(rf"\A{_GREEK_LETTER.pattern}(?![^\W\d_])")
_SHORT = {"lam": "lambda", "lambda_": "lambda", "eps": "epsilon"}  # as they are called in programs
_MARKS = {"hat": ("\u0302", r"\hat"), "bar": ("\u0304", r"\bar"), "tilde": ("\u0303", r"\tilde")}
MARKED = re.compile(rf"(?!what|that|chat)([A-Za-z]|{'|'.join([*GREEK, *_SHORT])})_?({'|'.join(_MARKS)})(_?\d*)")
_ACCENTS = {mark: word for word, (mark, _) in _MARKS.items()}
_ACCENTED = re.compile(rf"([A-Za-z])([{''.join(_ACCENTS)}])")
_COMPARED = {"==": "=", "!=": r"\neq", "<=": r"\leq", ">=": r"\geq", "<": "<", ">": ">"}
_GRADIENT = re.compile(r"[d∂](.+)/[d∂](.+)")


def _of_slices(word: str, letters: str) -> str:
    """An entry of slices of an array, if all its axes are: ``tokens[i, t]`` of ``tokens[:, t]``, ``y[i+1]`` of
    ``y[1:-1]``.
    """
    m = re.fullmatch(r"(\w+)\[(.*:.*)\]", word)
    parts = m[2].split(", ") if m else []
    slices, left = [re.fullmatch(r"(\d*|[a-z](?:[+-]\d+)?):(?:-\d+)?", p) for p in parts], iter(letters)
    if m is None or sum(map(bool, slices)) != len(letters) or not {"None", "..."}.isdisjoint(parts):
        return ""
    at = (next(left) + (f"+{s[1]}" if s[1].strip("0") else "") if s else p for p, s in zip(parts, slices, strict=True))
    return f"{m[1]}[{', '.join(at)}]"


def text_name(word: str) -> str:
    """A variable in plain text: ``gamma1`` as ``γ1``, ``xhat`` as ``x̂``, also within the name of a derivative.

    A low line in front of a Greek letter keeps its name.

    >>> text_name("lam"), text_name("dL/dgamma"), text_name("W1"), text_name("_sigma")
    ('λ', 'dL/dγ', 'W1', 'sigma')
    """
    if m := _GRADIENT.fullmatch(word):
        return f"{word[0]}{text_name(m[1])}/{word[0]}{text_name(m[2])}"
    if word.endswith("ᵀ"):
        return f"{text_name(word[:-1])}ᵀ"
    if m := _OF_STEP.fullmatch(word):
        return text_name(m[1].rstrip("_")) + m[2].translate(_STEP)
    if m := _AT_STEP.fullmatch(word):
        return f"{text_name(m[1])}[{text_name(m[2])}]"
    if m := _TEST.fullmatch(word):
        return f"{text_name(m[1])} {m[2]} {text_name(m[3])}"
    if m := MARKED.fullmatch(word):
        return f"{text_name(m[1])}{_MARKS[m[2]][0]}{m[3]}"
    m = re.fullmatch(r"(_?)([A-Za-z]+_?)(\d*_?\d*)", word)
    stem = _SHORT.get(m[2], m[2]) if m else ""
    return f"{m[2] if m[1] else GREEK[stem]}{m[3]}" if m and stem in GREEK else escape.plain(word)


def root_of(value: complex) -> tuple[int, bool]:
    """2 for √2, and 2 with True for 1/√2; 0 for any other number.

    >>> root_of(math.sqrt(2)), root_of(1 / math.sqrt(8)), root_of(1.5)
    ((2, False), (8, True), (0, False))
    """
    if not isinstance(value, float) or not 1e-3 < abs(value) < 1e3 or value.is_integer():
        return 0, False
    k, below = round(value * value), round(1 / (value * value))
    if k > 1 and math.sqrt(k) == abs(value):
        return k, False
    is_inverse = below > 1 and not math.sqrt(below).is_integer() and 1 / math.sqrt(below) == abs(value)
    return (below, True) if is_inverse else (0, False)


_BELOW = str.maketrans("ijklmnprst0123456789", "ᵢⱼₖₗₘₙₚᵣₛₜ₀₁₂₃₄₅₆₇₈₉")
_STEP = _BELOW | str.maketrans("+-()", "₊₋₍₎")
_OF_STEP = re.compile(r"(.+?)@([a-z][+-]?\d*)")  # the name of a variable, and in which step
_SIDE = r"[^\W\d]\w*(?:@[a-z]|\[[\w@+-]+\])?"  # of a test of labels, ``group == g1`` or ``T >= T[t]``
_TEST = re.compile(rf"({_SIDE}) ({'|'.join(_COMPARED)}) (\d+|{_SIDE})")
#: Labels at one of a step, y[i] of i1, i2; and the rows that a test chooses, X[T >= T[i]].
_AT_STEP = re.compile(rf"(\w+)\[(\w+@[a-z][+-]?\d*|{_SIDE} (?:{'|'.join(_COMPARED)}) (?:\d+|{_SIDE}))\]")


ABOVE = str.maketrans("+-0123456789abcdefghijklmnoprstuvwxyz", "⁺⁻⁰¹²³⁴⁵⁶⁷⁸⁹ᵃᵇᶜᵈᵉᶠᵍʰⁱʲᵏˡᵐⁿᵒᵖʳˢᵗᵘᵛʷˣʸᶻ")


_LEVEL = str.maketrans("ᵢⱼₖₗ", "ijkl")
_TWO_INDICES = re.compile(r"\{(\\\w+\{\w+\}|\\?[A-Za-z]+)_\{(\\mathrm\{\w+\}|[\w+-]+)\}\}_\{([a-z0-9, +:-]+)\}")


def subscript(letters: str) -> str:
    """Letters or digits as a subscript in plain text."""
    return apart(letters).translate(_STEP)


def apart(letters: str) -> str:
    """Several indices, with commas if one is a sum: ``t-1,i+2``, but ``ij``; one of two letters has them: ``k-j,j``."""
    if re.search("[+-][a-z]", letters):
        return letters
    is_sum = re.search("^([^:,]*[a-z)][+-][^:,]*[a-z]|[^:,]*[a-z][^:,]*[a-z][+-])", letters)
    return ",".join(re.findall(r"\(?[a-z]+\)(?:[+-]\d+)?|[a-z](?:[+-]\d+)?|\d+", letters)) if is_sum else letters


TEXT, ASCII = Text(), Ascii()

# --------------------------------------------------------------------------------------------------------------- LaTeX


class Latex(Text):
    r"""Mathematics in LaTeX. Everything but letters, words and brackets is a template, which `fill` writes.

    >>> names = "W1", "Wq", "theta", "loss", "w_out", "xhat"
    >>> print(*map(LATEX.name, names))
    W_{1} W_{q} \theta \mathrm{loss} w_{\mathrm{out}} \hat{x}
    >>> LATEX.name("dL/dW1", "j"), LATEX.name(r"\input{x}")
    ('\\frac{\\partial L}{\\partial W_{1,j}}', '\\text{\\textbackslash{}input\\{x\\}}')
    """

    separator = r"\,"
    roots = r"\sqrt{{{x}}}", r"\tfrac{{1}}{{\sqrt{{{x}}}}}"
    shares = r"{x}\pi", r"\tfrac{{{x}\pi}}{{{y}}}"
    pi, pi_squared = r"\pi", r"\pi^2"
    constants: Mapping[float, str] = {
        0.5: r"\tfrac{{1}}{{2}}", 0.25: r"\tfrac{{1}}{{4}}", math.pi: r"\pi", math.pi**2: r"\pi^2",
        math.log(2): r"(\ln 2)", math.log(10): r"(\ln 10)",
        math.sqrt(2 * math.pi): r"\sqrt{{2\pi}}", 180 / math.pi: r"\tfrac{{180}}{{\pi}}",
        math.pi / 180: r"\tfrac{{\pi}}{{180}}", LOG_2PI: r"\ln (2\,\pi)",
        LOG_2PI / 2: r"\tfrac{{1}}{{2}}\,\ln (2\,\pi)",
    }  # fmt: skip
    dots, unequal = r"\ldots", r" \neq "
    opening: tuple[str, ...] = ("(", r"\left(")  # brackets

    def fill(self, template: str, *operands: str) -> str:
        word = super().fill(template, *operands)
        return _TWO_INDICES.sub(r"\1_{\2,\3}", word) if "}}_{" in word else word  # w_{0,i}, as the name of an entry

    # -------------------------------------------------------------------------------------------- letters and brackets

    def words(self, text: str) -> str:
        """Text that is no formula, but for ``t = 1 … 3`` and ``i < j``."""
        parts = re.split(r"(?<!\w)([a-z] = \d+ … \d+|[a-z] [<>≤≥≠] [a-z](?!\w))", text)
        for old, new in {" … ": r", \ldots, ", "≤": r"\leq", "≥": r"\geq", "≠": r"\neq"}.items():
            parts[1::2] = [part.replace(old, new) for part in parts[1::2]]
        parts[1::2] = map(self.fill, parts[1::2])
        parts[::2] = [part and self.prose(part) for part in parts[::2]]
        return "".join(parts)

    def prose(self, text: str) -> str:
        """Text without formulas."""
        pieces = re.split(r"([^\W\d_]\w*?)([ᵢⱼₖₗ]+)(?!\w)", text)  # Pᵢⱼ = 0 where maskᵢⱼ = -∞
        for k in range(1, len(pieces), 3):
            name = self.name(LETTER_NAMES.get(pieces[k], pieces[k]), pieces[k + 1])
            pieces[k : k + 2] = f"${name}$".translate(_LEVEL), ""
        pieces[::3] = [_GREEK_LETTER.sub(self._in_text, escape.tex(p)) for p in pieces[::3]]
        inside = "".join(p if k % 3 < 2 else escape.tex(p) for k, p in enumerate(pieces))
        is_name = len(pieces) == 4 and not pieces[0] and not pieces[3]
        return pieces[1][1:-1] if is_name else rf"\text{{{inside}}}"

    def _in_text(self, m: re.Match[str]) -> str:
        """A Greek letter, which a font for text lacks."""
        return f"${self.name(LETTER_NAMES[m[0]])}$"

    def upright(self, word: str) -> str:
        """A name of several letters."""
        return rf"\mathrm{{{_escaped(word)}}}"

    def function(self, word: str) -> str:
        """The name of a row, which may contain any character."""
        is_plain = re.fullmatch(r"[A-Za-z0-9_.]+", word)
        return rf"\operatorname{{{_escaped(word) if is_plain else self.words(word)}}}"

    def plain(self, text: str) -> str:
        return _escaped(text)

    def brackets(self, word: str) -> str:
        return self.arguments([word]) if self.is_tall(word) else self.fill("({x})", word)

    def is_tall(self, word: str) -> bool:
        return r"\frac" in word or "matrix" in word

    def arguments(self, arguments: Sequence[str]) -> str:
        """The arguments of a call."""
        return rf"\left({', '.join(arguments)}\right)"

    def rows(self, entries: Sequence[Sequence[str]]) -> str:
        """A matrix."""
        body = r" \\ ".join(" & ".join(row) for row in entries)
        return rf"\begin{{bmatrix}} {body} \end{{bmatrix}}"

    # ---------------------------------------------------------------------------------------------------- their forms

    def name(self, word: str, letters: str = "") -> str:
        if m := _GRADIENT.fullmatch(word):
            partial = self.partial(self.name(m[1]), self.name(m[2], letters))
            return self.fill(r"\left.{x}\right|_{{\text{{direct}}}}", partial) if word.startswith("∂") else partial
        if word.endswith("ᵀ"):  # of a symmetric matrix
            inner = self.name(word[:-1].removeprefix("(").removesuffix(")"), letters)
            return self.fill(r"\left({x}\right)^\top" if word[0] == "(" else r"{x}^\top", inner)
        if m := _OF_STEP.fullmatch(word):
            return self.name(m[1], m[2] + "," * (letters[:1] in set("0123456789-:")) + letters)
        if m := _AT_STEP.fullmatch(word):
            return self.name(m[1]) + self.plain("[") + self.name(m[2]) + self.plain("]")
        if m := re.fullmatch(r"(\w+)\[([a-z]?[\d+-]*[a-z]?)\]", word):  # a label
            label = self.name(m[1]) + self.plain(f"[{m[2]}]")
            return self.below(label, self.plain(apart(letters))) if letters else label
        if not letters and (m := _TEST.fullmatch(word)):
            sides = (m[k] if m[k].isdigit() else self.name(m[k]) for k in (1, 3))  # of x[y == 0]
            return self.fill(f"{{x1}} {_COMPARED[m[2]]} {{x2}}", *sides)
        if not letters and word[:1] == "~" and word[1:].isidentifier():  # of x[~mask]
            return self.fill(r"\neg {x}", self.name(word[1:]))
        if " % " in word and not letters:
            return _modulo(word, self)
        word = _GREEK_WORD.sub(lambda m: LETTER_NAMES[m[0]], word)  # β, β_0 and ε_hat, as if spelled
        word = _ACCENTED.sub(lambda m: m[1] + _ACCENTS[m[2]], unicodedata.normalize("NFD", word))  # ŷ as yhat
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.]*", word):
            return self.words(word) if not letters else self.fill(f"({{x}})_{{{{{letters}}}}}", self.words(word))
        head, index = self._head(word)
        if index:
            index, number = (index, "") if index.isdigit() else re.findall(r"^(.+?)(\d*)$", index)[0]
            index = self.plain(index) if index.isdigit() or len(index) == 1 else self.upright(index)
            index = self.plain(",").join((index, self.plain(number))) if number else index
        both = [word for word in (index, self.plain(apart(letters))) if word]
        return self.below(head, self.plain(",").join(both)) if both else head

    def _head(self, word: str) -> tuple[str, str]:
        """The letter or the word of a name, as it is written, and its index."""
        if word == "chi2":
            return self.fill(r"\chi^2"), ""
        is_latin = word[0] == "_" and text_name(word) != word
        word = _SHORT.get(word, word[is_latin:])
        stem, _, index = word.partition("_")
        if m := MARKED.fullmatch(word):
            return self.fill(f"{_MARKS[m[2]][1]}{{{{{{x}}}}}}", self.name(m[1])), m[3].strip("_")
        is_word = len(stem) > 1 and _SHORT.get(stem, stem) not in GREEK and not stem[1:].isdigit()
        is_word &= not index.isdigit() and len(index) > 1 or stem in TABLE  # log_p is no logarithm
        if not stem or "." in word or index and is_word:
            m = re.fullmatch(r"(\w*[A-Za-z])_?(\d+)", word)
            return (self.upright(m[1]), m[2]) if m else (self.upright(word), "")
        of_two = _TWO_LETTERS if (names := _SPLIT.get()) is None or word in names else "()()(?!)"
        if not index and (m := re.fullmatch(rf"([A-Za-z]+?)(\d+)|{of_two}", word)):
            stem, index = m[1] or m[3], m[2] or m[4]
        stem = _SHORT.get(stem, stem)  # eps4 beside eps
        is_greek = (stem in GREEK or stem == "Sigma") and not is_latin  # \sum is another sign
        return self.plain(stem) if len(stem) == 1 else self.fill(f"\\{stem}") if is_greek else self.upright(stem), index

    def entry(self, of: str, wrt: str) -> str:
        return self.partial(self.name(of, "i"), self.name(wrt, "j"))

    def partial(self, of: str, wrt: str) -> str:
        return self.fill(r"\frac{{\partial {x1}}}{{\partial {x2}}}", of, wrt)

    def below(self, word: str, letters: str) -> str:
        return self.fill("{x1}_{{{x2}}}", word, letters)

    def over(self, word: str, letters: str) -> str:
        below = self.plain(letters).replace("≠", self.unequal)
        return self.below(self.fill(r"\sum") if word == "sum" else self.function(word), below)

    def short(self, value: complex) -> str:
        word = short_number(value)
        if m := re.fullmatch(r"(-?)(\d+) / (\d+)", word):
            return self.fill(m[1] + r"\tfrac{{{x1}}}{{{x2}}}", self.plain(m[2]), self.plain(m[3]))
        if m := re.fullmatch(r"(-?)([\d.]+)e([+-]?)0*(\d+)", word):
            digits = [] if m[2] == "1" else [self.plain(m[2])]
            form = r"{x1} \times 10^{{{x2}}}" if digits else "10^{{{x1}}}"
            return self.fill(m[1] + form, *digits, self.plain(m[3].strip("+") + m[4]))
        return self.fill(word.replace("inf", r"\infty"))

    def array(self, value: Array) -> str:
        if value.size <= 16 or isinstance(value, Full):
            if value.ndim > 2:
                return self.fill(r"\left[{x1}\right]", r",\ ".join(map(self.array, value)))
            return self.matrix(np.asarray(value))
        return self.below(self.upright("const"), self.shape(value.shape))

    def shape(self, shape: Sequence[int]) -> str:
        return self.fill(shape_text(shape, TIMES))

    def shaped(self, symbol: str, shape: Sequence[int]) -> str:
        return self.fill(r"{x1}\ ({x2})", symbol, self.shape(shape))

    def matrix(self, value: Any, digits: int = 4) -> str:
        """A small array; a single number as such."""
        if np.size(value) == 1:
            return self.digits(np.asarray(value).item(), digits)
        if np.size(value) == 0:
            return self.fill(r"[\,]")
        rows = np.atleast_2d(value)
        entries = rows.reshape(-1, rows.shape[-1]).tolist()
        return self.rows([[self.digits(x, digits) for x in row] for row in entries])

    def digits(self, x: Any, digits: int = 4) -> str:
        """A number to some digits."""
        if isinstance(x, bool):
            return self.number(int(x))
        if isinstance(x, complex):
            return self.fill(f"{x:.{digits}g}".replace("j", r"\,i"))
        rounded = float(f"{x:.{digits}g}")
        return self.number(rounded) if abs(rounded) not in (0.5, 0.25) else self.fill(str(rounded))

    def fraction(self, e: Expr) -> Expr:
        """A derivative over an array, and cases, stand beside the fraction of the other factors."""
        above, below = e.args
        are_arrays, factors = _are_arrays(above, below), factors_of(above)
        derivatives = [f for f in factors if (are_arrays or len(factors) > 1) and _has_derivative(f)]
        cases = [f for f in factors if f.role == "selection" and _indicator(f).role == "selection"]
        if not derivatives and not cases:
            return e
        others = [f for f in factors if f not in (*derivatives, *cases)] or [number(1)]
        rest = multiplied(others, np.broadcast_shapes(*(f.shape for f in others)))
        fraction = replace(e, args=(rest, below), shape=np.broadcast_shapes(rest.shape, below.shape))
        in_front = [fraction] if e.shape and not fraction.shape else []  # of an array: 2/n X g
        return multiplied([*in_front, *derivatives, *([] if in_front else [fraction]), *cases], e.shape)

    def between(self, a: Expr, b: Expr, begins: str) -> str:
        """Numbers and brackets need no sign between them; two arrays do, since they could be matrices."""
        if _are_arrays(a, b):
            return self.fill(times("tex"))
        if a.is_number and b.is_number and b.value != math.pi:
            return self.fill(r" \cdot ")
        is_word = a.role == "name" and self.name(a.value).startswith(r"\mathrm")  # no function called scale
        return self.fill(r" \cdot " if is_word else "") if begins.startswith(self.opening) else self.separator

    def template(self, e: Expr) -> str | None:
        if _is_of_numbered(e) or _is_shifted(e):
            return "{x}[{index}]"
        if e.role == "reshape" or _is_inserted(e):
            return "{x}" if not e.of.shape else rf"{{x}} \text{{{{ as {_layout(e)}}}}}"
        if e.role == "matrix product" and len(e.of.shape) == 1:
            of = e.of
            is_line = of.role == "matrix product" and len(of.of.shape) == 1  # w' A of w' A w
            return r"{x1}\,{x2}" if is_line else r"{x1}^\top\,{x2}"
        if e.role == "quotient" and _has_derivative(e.of):
            return r"\frac{{1}}{{{x2}}} {x1}"  # a fraction within a fraction would be small
        if e.role == "exponential" and any(re.fullmatch("e[0-9]*", word) for word in _NAMES.get()):  # a variable
            return r"\exp({x})"
        if e.role == "logarithm" and e.of.is_number:
            return r"(\ln {x})"
        if is_diagonal(e):
            return r"\operatorname{{diag}}({x})"
        if _is_vector(e) and len(e.shape) == 2:
            return rf"\begin{{{{bmatrix}}}} {BELOW.join(_rows(e, ' & '))} \end{{{{bmatrix}}}}"
        if _is_joined(e) and len(e.shape) > 1 and not e.params["axis"]:
            return rf"\begin{{{{bmatrix}}}} {_places(e, BELOW)} \end{{{{bmatrix}}}}"
        if _is_vector(e) or _is_joined(e):
            return rf"\left[{_places(e)}\right]"
        shown = shown_params(e if e.role in _REDUCTIONS else _stated(e)).keys() & {"axis", "shape", "k", "offset"}
        return None if shown and e.role != "placement" else fitting(e.row.tex, e, params=False)

    def param(self, key: str, e: Expr) -> str:
        value = e.params[key]
        if key == "index":
            return index_text(_from_start(e), self)
        return self.shape(value) if key == "shape" else self.plain(str(value))

    def operand(self, e: Expr, word: str, before: str, behind: str) -> str:
        """LaTeX accepts one subscript; two signs in a row need brackets, and so do powers of a fraction and of χ²."""
        is_power = word.startswith((r"\frac", "<mfrac>")) or word == self.fill(r"\chi^2")
        if behind.startswith(("^", "_")) and is_power:
            return self.brackets(word)
        if is_signed(word) and before.endswith(("+ ", "- ")):
            return self.brackets(word)
        return self.fill("{{{x}}}", word) if behind.startswith("_") and "_" in word else word

    def call(self, e: Expr) -> str:
        shown = shown_params(_stated(e))
        texts = _letters(e, shown.get("axis", ())), shape_text(shown["shape"], TIMES) if "shape" in shown else ""
        word = "diag" if e.role in _DIAGONALS else e.head.removeprefix("linalg.")
        operator, below = self.function(word), self.fill(",".join(filter(None, texts)))
        which = [self.plain(f"{shown[k]}") for k in ("k", "offset") if e.role in _DIAGONALS and k in shown]
        arguments = self.arguments([*(write(a, self) for a in e.args), *which])
        return (self.below(operator, below) if below else operator) + arguments


def _has_derivative(e: Expr) -> bool:
    return any(_GRADIENT.fullmatch(word) for word in e.names)


LATEX = Latex()
tex_name, matrix, operator_name = LATEX.name, LATEX.matrix, LATEX.function


def _escaped(word: str) -> str:
    return re.sub(r"([#$%&_{}])", r"\\\1", word.replace("\\", r"\textbackslash "))


def _one_over(value: complex) -> int:
    """2 for one half, 3 for a third; 0 for any other number, such as the 0.01 that someone chose."""
    k = round(1 / value) if isinstance(value, float) and 0 < value < 1 else 0
    return k if k and 1 / k == value and (not k & (k - 1) or len(repr(value)) > 8) else 0


def _over_one_line(e: Expr) -> Expr:
    """``0.5 / x`` as one over ``2 x``, and ``0.5 a / x`` as ``a / (2 x)``."""
    if e.role != "quotient":
        return e
    size, *rest = factors_of(e.of)
    if not size.is_number or not (k := _one_over(size.value)):
        return e
    top = multiplied(rest or [number(1)], e.of.shape)
    below = multiplied((number(k), *factors_of(e.args[1])), e.args[1].shape)
    return replace(e, args=(top, below))


def shape_text(shape: Sequence[int], times: str = "x") -> str:
    """``3x4``; a single number is ``1``."""
    return times.join(map(str, shape)) if shape else "1"


def text(e: Expr) -> str:
    """As plain text: ``(y - P)²``, ``Bᵀ``, ``σ(C)``."""
    return write(e, TEXT)


def tex(e: Expr) -> str:
    """In LaTeX."""
    return write(e, LATEX)
