"""Simplifying removes from a formula what a person would not write.

Ones, zeros, double signs, double transposes, a broadcast that NumPy does anyway; a product has its numbers in front and
its quotients over one denominator. Each rule belongs to one role in algebra (a row's ``algebra=``) and is applied when
a formula is made, so the parts of a formula are already simple.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import lru_cache, reduce
from itertools import combinations
from typing import Any

import numpy as np

from ..table import TABLE, Primitive
from ..table.textbook import NOTATIONS
from .formula import (
    Expr,
    Function,
    Labels,
    Shape,
    factors_of,
    fold,
    index_parts,
    is_diagonal,
    multiplied,
    name,
    number,
    terms_of,
    unsimplified,
)

LONG = 8  # characters of a number that stands for a quotient


def make(row: Primitive, args: Sequence[Expr], params: Mapping[str, Any], shape: Shape) -> Expr:
    """`row` applied to formulas, without what a person would not write."""
    is_entrywise = row.kind == "elementwise" or row.kind == "constant" and shape == ()
    numbers = [a.value for a in args if a.is_number]
    is_entrywise = is_entrywise and not (row.algebra == "quotient" and numbers[1:] and _is_fraction(*numbers))
    if is_entrywise and args and len(numbers) == len(args) and "generator" not in params:
        with np.errstate(all="ignore"):
            return number(np.asarray(row.fn(*numbers, **params)).item())
    if row.kind == "elementwise":
        args = _loosened(args, shape)
    zeros = list(map(is_zero, args))
    if row.kind == "bilinear" and any(zeros) or row.kind == "linear" and zeros and all(zeros):
        return number(0)
    e = unsimplified(row, args, shape, **params)
    return _with_sign_in_front(e) or _SIMPLER.get(row.algebra or "", _unchanged)(e) or e


EVEN = ("cos", "cosh", "normal")  # functions with f(-x) = f(x); the last is the normal density


def _unchanged(e: Expr) -> None:
    """Of what nothing is simpler."""


def _with_sign_in_front(e: Expr) -> Expr | None:
    """``Σ (-x)`` as ``-Σ x``, and so with any linear function; σ(-(a - b)), of 1 / (1 + exp(a - b)), as σ(b - a); and
    φ(-x) as φ(x).
    """
    if e.head in EVEN and e.of.role == "negation" and e.of.shape == e.of.of.shape:
        return make(e.row, e.of.args, e.params, e.shape)
    x = e.of if e.row.kind == "linear" and len(e.args) == 1 or e.head == "after" else e  # of a cumulative sum
    if e.row is TABLE["sigmoid"] and e.of.role == "negation" and (of := e.of.of).role == "difference":
        return make(e.row, [simplified("subtract", of.args[::-1], of.shape)], e.params, e.shape)
    is_negative = x is not e and x.role == "negation" and x.of.shape == x.shape
    args = (*x.args, *e.args[1:])
    return product((number(-1), make(e.row, args, e.params, e.shape)), e.shape) if is_negative else None


def _is_fraction(a: Any, b: Any) -> bool:
    """True for a quotient that stays one: 1 / 5 is not 0.2, 1 / 0.8 not 1.25, and 2 / π is not 0.63662."""
    if isinstance(a, complex) or isinstance(b, complex) or not b or not a % b:
        return False
    if b % 1 and round(1 / b, 9) % 1:
        return True
    return type(a) is type(b) is int and b > 4 or len(repr(a / b)) > LONG


def simplified(row: str, args: Sequence[Expr], shape: Shape, /, **params: Any) -> Expr:
    """A row, by its name, applied to formulas, as :func:`make` does it."""
    return make(TABLE[row], args, params, shape)


def transposed(e: Expr) -> Expr:
    """The transpose of a matrix."""
    return simplified("transpose", (e,), e.shape[::-1], axes=None)


def full(e: Expr, shape: Shape) -> Expr:
    """`e` at its full shape: a product with ones may have been simplified to a number."""
    if e.shape == shape:
        return e
    return unsimplified("broadcast_to", (e,), shape, shape=shape)


def fitted(e: Expr, shape: Shape) -> Expr:
    """`e`, reshaped or broadcast to `shape` if that is not its own."""
    if e.shape == shape:
        return e
    if _size(e) == math.prod(shape) and e.shape:
        make_it = simplified if e.role == "index" else unsimplified
        return make_it("reshape", (e,), shape, shape=shape, order="C")
    if len(e.shape) > len(shape):  # one number, or (1, 3, 1) for (2, 3)
        several = (at for at in combinations(e.shape, len(shape)) if math.prod(at) == _size(e) > 1)
        at = next((at for at in several if all(n in (1, m) for n, m in zip(at, shape, strict=True))), ())
        e = unsimplified("reshape", (e,), at, shape=at, order="C")
    return full(e, shape)


def times(a: Expr, b: Expr) -> Expr:
    """The elementwise product of two formulas."""
    return product((a, b), np.broadcast_shapes(a.shape, b.shape))


def matrix_times(a: Expr, b: Expr) -> Expr:
    """The matrix product of two formulas."""
    if b.role == "outer product" and len(a.shape) == 2 == len(b.shape):  # A @ g @ xᵀ
        above = matrix_times(a, b.of)
        return unsimplified(b.row, (above, b.args[1]), (*above.shape, *b.shape[1:]))
    batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    return simplified("matmul", (a, b), batch + a.shape[-2:-1] + (b.shape[-1:] if len(b.shape) > 1 else ()))


def remade(row: Primitive, args: Iterable[Expr], shapes: Iterable[Any], params: Any, shape: Shape) -> Expr:
    """`row` applied again, to operands that had these shapes: only what is entrywise broadcasts by itself."""
    if not row.entrywise:
        args = [full(a, s) for a, s in zip(args, shapes, strict=True)]
    return make(row, tuple(args), params, shape)


def again(part: Expr, args: Sequence[Expr]) -> Expr:
    """A part of a formula, made again of other arguments."""
    return remade(part.row, args, (a.shape for a in part.args), part.params, part.shape) if part.row and args else part


def _loosened(args: Sequence[Expr], shape: Shape) -> list[Expr]:
    """The operands of something entrywise without the broadcasts that happen by themselves."""
    out = list(args)
    for k, a in enumerate(out):
        inner = a
        while inner.role == "broadcast" or inner.role == "reshape" and _size(inner) == 1 or adds_in_front(inner):
            inner = inner.of
            others = [b.shape for j, b in enumerate(out) if j != k]
            if _broadcast(inner.shape, *others) == shape:
                out[k] = inner
    return out


def adds_in_front(e: Expr) -> bool:
    """Whether a reshape or an index only adds axes of length 1 in front, which NumPy does anyway."""
    first = index_parts(e.params["index"])[:1] if e.role == "index" else ()
    is_it = e.role == "reshape" or any(part is None for part in first)
    return is_it and e.shape == (1,) * (len(e.shape) - len(e.of.shape)) + e.of.shape


def _size(e: Expr) -> int:
    return math.prod(e.shape)


@lru_cache(maxsize=4096)
def _broadcast(*shapes: Shape) -> Any:
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError:
        return None


def _joint(factors: Iterable[Expr]) -> Shape:
    """The shape of a product of factors; () where they do not fit together."""
    return _broadcast(*(f.shape for f in factors)) or ()


def product(factors: Iterable[Expr], shape: Shape) -> Expr:
    """The elementwise product, its numbers gathered in front and its sign in front of that."""
    coefficient, rest = _gathered(factors)
    if coefficient == 0 or not rest:
        return number(coefficient)
    for f in [f for f in rest if f.head == "quotient"]:  # ‖x‖ (x / ‖x‖), where 0 / 0 is 0
        if (whole := next((h for h in rest if h.key == f.args[1].key), None)) is not None:
            rest = [f.of if h is f else h for h in rest if h is not whole]
    rest = sorted(_powers(_loosened(rest, shape)), key=lambda f: f.role == "total" and not f.shape)  # 2 a Σ x
    if sum(bool(f.shape) for f in rest) > 1:  # a dL/dK ⊙ X, not dL/dK a X
        rest.sort(key=lambda f: bool(f.shape))
    if any(f.role == "quotient" for f in rest):
        return _fraction(coefficient, rest)
    sign = not isinstance(coefficient, complex) and coefficient < 0
    if sign:  # -(x > 0) raises, a truth value has no sign: put another factor in front, or keep the -1
        rest.sort(key=_is_test)
        sign = not _is_test(rest[0])
    factors = _with(-coefficient if sign else coefficient, rest)
    together = _broadcast(*(f.shape for f in factors))
    body = multiplied(factors, shape if together is None else together)
    return _negated(body) if sign else body


def _gathered(factors: Iterable[Expr]) -> tuple[Any, list[Expr]]:
    """The product of all numbers among the factors, and the other factors."""
    coefficient = 1
    rest = []
    stack = list(factors)[::-1]
    while stack:
        f = stack.pop()
        inner = f.of if f.role == "broadcast" else f
        if inner.is_number:
            coefficient = coefficient * inner.value
        elif f.role == "product":
            stack += f.args[::-1]
        elif f.role == "square" and number_apart(f.of)[0] != 1:
            stack.append(simplified("square", f.args, f.shape))
        elif f.role == "negation":
            coefficient = -coefficient
            stack.append(f.of)
        elif f.role == "difference" and (is_negative(f.of) or f.of.role == "negation"):  # -1 - x is -(1 + x)
            coefficient = -coefficient
            rest.append(simplified("add", (product((number(-1), f.of), f.of.shape), f.args[1]), f.shape))
        elif not (f.role == "array" and f.value.size and np.all(f.value == 1)):
            rest.append(f)
    return coefficient, rest


def _fraction(coefficient: Any, factors: Sequence[Expr]) -> Expr:
    """A product with quotients in it, over one denominator, in the shape that it had: x / x is 1 in all places."""
    under = [f.args[1] for f in factors if f.role == "quotient"]
    over = [f.args[1] for f in under if f.role == "quotient"]  # a / (b / c)
    over += [f.of if f.role == "quotient" else f for f in factors]
    top, numerators = _gathered((number(coefficient), *over))
    bottom, denominators = _gathered(f.of if f.role == "quotient" else f for f in under)
    whole = _joint((*numerators, *denominators))
    numerators, denominators = _cancelled(numerators, denominators)
    if not isinstance(top * bottom, complex):
        top, bottom = (-top, -bottom) if bottom < 0 else (top, bottom)
        top, bottom = _reduced(top, bottom, bool(numerators), bool(denominators))
    above = product((number(top), *numerators), _joint(numerators))
    denominators.sort(key=lambda f: bool(f.args))  # n √x, not √x n
    below = product((number(bottom), *denominators), _joint(denominators))
    if below.is_number and below.value == 1:
        return full(above, whole)
    sign = above.role == "negation" or is_negative(above)
    quotient = (product((number(-1), above), above.shape) if sign else above, below)
    e = full(unsimplified("divide", quotient, _broadcast(above.shape, below.shape)), whole)
    return _negated(e) if sign else e


def _reduced(top: Any, bottom: Any, has_above: bool, has_below: bool) -> tuple[Any, Any]:
    """The numbers in front of the factors above and below in their lowest terms."""
    for power in (1, -1) if bottom and (top % 1 or bottom % 1) else ():  # ½ / (2π), and 4π / (4π)²
        share = Fraction(top / bottom / math.pi**power).limit_denominator(99)
        if 0 < abs(share.numerator) < 999 and math.isclose(top, share * math.pi**power * bottom, rel_tol=1e-14):
            over = 1 if power > 0 else math.pi
            return share.numerator * math.pi / over, share.denominator * over
    is_whole = bottom and not top % bottom
    if is_whole:
        return top // bottom, 1
    if bottom and not has_below and top % 1 and not math.isclose(8 * top / math.pi, round(8 * top / math.pi)):
        return _divided(top, bottom)  # 2 x / 5 stays, and π x / 0.6
    root = float(f"{abs(bottom) ** 0.5:.12g}")
    if bottom % 1 and math.isclose(root * root, bottom, rel_tol=1e-14) and not 1e6 * top / root % 1:  # 3 c / (c x)²
        return top / root, root
    if bottom % 1 and top % 1 and math.isclose(bottom / top, round(bottom / top), rel_tol=1e-14):  # π / (2π x)
        return 1, round(bottom / top)
    if bottom and not top % 1 and not bottom % 1 and has_above:  # 2 x / (4 y)
        shared = math.gcd(int(top), int(bottom))
        return top // shared, bottom // shared
    return top, bottom


def _divided(top: Any, bottom: Any) -> tuple[Any, Any]:
    """A number over another as one number, or as a fraction: ½ x / 10 is x / 20."""
    share = Fraction(top) / Fraction(bottom) if not (8 * top % 1 or bottom % 1) else Fraction(1)
    return (share.numerator, share.denominator) if share.denominator > 8 else (top / bottom, 1)


def _cancelled(numerators: list[Expr], denominators: list[Expr]) -> tuple[list[Expr], list[Expr]]:
    """The factors above and below without what is in both, ``x / x³``."""
    numerators, denominators = _opened(numerators, denominators), _opened(denominators, numerators)
    numerators, denominators = _with_ratios(*_with_exponents(numerators, denominators))
    above, below = ({f.key: (f, n) for f, n in map(_base, fs)} for fs in map(_powers, (numerators, denominators)))
    for key in above.keys() & below.keys():
        (f, n), (_, m) = above[key], below[key]
        above[key], below[key] = (f, max(n - m, 0)), (f, max(m - n, 0))
    up, down = ([_to(f, n) for f, n in side.values() if n] for side in (above, below))
    return up, down


def _opened(factors: Sequence[Expr], others: Sequence[Expr]) -> list[Expr]:
    """The factors of one side, with those of ``(b c)²`` apart where one of them is on the other side."""
    keys, out = {_base(f)[0].key for f in others}, list[Expr]()
    for f in factors:
        of, n = _base(f)
        parts = factors_of(of)
        is_shared = n > 1 < len(parts) and not keys.isdisjoint(_base(part)[0].key for part in parts)
        is_shared = is_shared and not any(part.is_number for part in parts)
        out += [simplified("power", (part, number(n)), part.shape) for part in parts] if is_shared else [f]
    return out


def _with_exponents(above: list[Expr], below: list[Expr]) -> tuple[list[Expr], list[Expr]]:
    """The factors above and below, ``x ** (k - 1) / (x ** k)²`` as ``1 / x ** (k + 1)``."""
    powers: dict[str, list[tuple[Expr, Expr]]] = {}
    signs: dict[str, int] = {}  # of the first power of each
    factors = [(sign, f, *_base(f)) for sign, side in ((1, above), (-1, below)) for f in side]
    for sign, f, of, n in factors:
        if of.role == "power" and not of.args[1].is_number:
            exponent = product((number(sign * n), of.args[1]), of.args[1].shape)
            powers.setdefault(of.of.key, []).append((f, exponent))
            signs.setdefault(of.of.key, sign)
    for sign, f, of, n in factors if powers else ():  # k xᵏ / x
        if of.key in powers and of.shape == powers[of.key][0][0].shape and sign != signs[of.key]:
            powers[of.key].append((f, number(sign * n)))
    for several in (fs for fs in powers.values() if len(fs) > 1):
        k = reduce(lambda a, b: simplified("add", (a, b), _joint((a, b))), (exponent for _, exponent in several))
        k = alike(k, cancels=True) or k
        x, old = _base(several[0][0])[0].of, [f for f, _ in several]
        above, below = ([f for f in side if f not in old] for side in (above, below))
        is_below = all(sign < 0 for sign, _ in terms_of(k)) or is_negative(k)
        new = simplified("power", (x, product((number(-1 if is_below else 1), k), k.shape)), _joint((x, k)))
        (below if is_below else above).append(new)
    return above, below


#: What a function of x over another is, with the factors that it leaves above and below: sign(x) / |x| is 1 / x.
_RATIOS = {("sign", "absolute"): "", ("sinh", "cosh"): "tanh"}


def _with_ratios(numerators: Sequence[Expr], denominators: Sequence[Expr]) -> tuple[list[Expr], list[Expr]]:
    """The factors above and below, those of `_RATIOS` as what they are together."""
    above, below = list(numerators), list(denominators)
    for k, f in enumerate(above):
        for j, g in enumerate(below):
            if (f.head, g.head) in _RATIOS and f.of.key == g.of.key:
                word = _RATIOS[f.head, g.head]
                above[k] = simplified(word, f.args, f.shape) if word else number(1)
                below[j] = number(1) if word else f.of
                f = above[k]
            of, n = _base(below[j])
            if (f.head, of.head) == ("sign", "absolute") and f.of.key == of.of.key and not n % 2:  # x is real
                below[j] = simplified("power", (f.of, number(n)), g.shape)
    return [f for f in above if not f.is_number], [f for f in below if not f.is_number]


def _base(f: Expr) -> tuple[Expr, int]:
    """``x³`` as x and 3."""
    if f.role == "square":
        return f.of, 2
    is_power = f.role == "power" and f.args[1].is_number and type(f.args[1].value) is int and f.args[1].value > 0
    return (f.of, f.args[1].value) if is_power else (f, 1)


def _to(base: Expr, n: int) -> Expr:
    return base if n == 1 or _is_test(base) else simplified("power", (base, number(n)), base.shape)


def _negated(e: Expr) -> Expr:
    return unsimplified("negative", (e,), e.shape)


def _with_signs(factors: list[Expr]) -> list[Expr]:
    """``|x| sign(x)`` as x."""
    sizes = {f.of.key: f for f in factors if f.role == "absolute value"}
    for f in [f for f in factors if f.role == "sign" and f.of.key in sizes]:
        factors = [f.of if x is f else x for x in factors if x is not sizes[f.of.key]]
    return factors


def _powers(factors: list[Expr]) -> list[Expr]:
    """``y * y`` as the square that it is, ``y² y`` as ``y³``, and ``max(0, y) 1[y > 0]`` as ``max(0, y)``, which is 0
    at ``y = 0`` as well.
    """
    powers: dict[str, tuple[Expr, int]] = {}
    for f in _with_signs(factors):
        base, n = _base(f)
        powers[base.key] = base, n + powers.get(base.key, (base, 0))[1]
    cut = [(e, *(e.args if e.of.is_number else e.args[::-1])) for e, _ in powers.values() if e.role in _CUT]
    zero = [(_CUT[e.role], x, least) for e, least, x in cut if least.is_number and not least.value]
    if not zero:
        return [_to(base, n) for base, n in powers.values()]
    implied = {k for tests, x, least in zero for test in tests for k in _keys(test, x, least)}
    at_zero = {k for _, x, least in zero for k in _keys("equal", x, least)}

    def weight(e: Expr) -> Any:
        """The number that a factor is beside the cut; 0 for no number."""
        terms = [(sign, factors_of(term)) for sign, term in terms_of(e)]
        inside = [(sign, fs) for sign, fs in terms if at_zero.isdisjoint(f.key for f in fs)]
        [(sign, [*numbers, test])] = inside if len(inside) == 1 else [(0, [e])]
        is_weight = test.key in implied and all(x.is_number for x in numbers)
        return sign * math.prod(x.value for x in numbers) if is_weight else 0

    rest = [(base, n) for base, n in powers.values() if not weight(base)]
    weights = math.prod(weight(base) ** n for base, n in powers.values() if weight(base))
    return _with(weights, [_to(base, n) for base, n in rest])


_CUT = {"larger": ("greater", "greater_equal"), "smaller": ("less", "less_equal")}


def _keys(test: str, x: Expr, zero: Expr) -> set[str]:
    """The keys of a test, as it is stated and simplified."""
    e = unsimplified(test, (x, zero), x.shape)
    return {form.key for form in (e, compared(e)) if form is not None}


def _is_test(e: Expr) -> bool:
    return e.role in ("comparison", "and", "or", "not", "test for finite")


def _with(coefficient: Any, factors: list[Expr]) -> list[Expr]:
    return factors if coefficient == 1 else [number(coefficient), *factors]


def _multiply(e: Expr) -> Expr:
    if len(e.args) == 2 and e.of.key == e.args[1].key and not e.of.is_number:
        return simplified("square", e.args[:1], e.shape)
    return product(e.args, e.shape)


def _negative(e: Expr) -> Expr:
    terms = terms_of(e.of)
    if len(terms) > 1 and all(sign < 0 for sign, _ in terms):  # -(-a - b)
        return reduce(lambda a, b: simplified("add", (a, b), e.shape), (term for _, term in terms))
    return product((number(-1), *e.args), e.shape)


def _square(e: Expr) -> Expr | None:
    (x,), (base, n) = e.args, _base(e.of)
    if _is_test(x) or x.role == "negation":
        return x if _is_test(x) else simplified("square", x.args, e.shape)
    c, rest = number_apart(x)
    if c != 1 and rest.shape == e.shape:  # (2 v)²
        return product((number(c * c), simplified("square", (rest,), e.shape)), e.shape)
    return simplified("power", (base, number(2 * n)), e.shape) if n > 1 else None


def _add(e: Expr) -> Expr | None:
    a, b = e.args
    for x, y in ((a, b), (b, a)):
        if is_zero(y) and x.shape == e.shape:
            return x
        if y.role == "negation":  # x - a + b, not x - (a - b), but x - (p - y) of names
            is_one = all(a.role == "name" for a in y.of.args)
            for sign, term in [(1, y.of)] if is_one else terms_of(y.of):
                x = simplified("subtract" if sign > 0 else "add", (x, term), _joint((x, term)))
            return x
        if is_negative(y):
            return simplified("subtract", (x, number(-y.value)), e.shape)
    if (cases := _cases(a, b, e.shape)) is not None:
        return cases
    return alike(e) or _side_by_side(a, b)


def alike(e: Expr, cancels: bool = False) -> Expr | None:
    """A sum in which a term stands twice, ``1 - x - x``, as ``1 - 2 x``; None where there is none. ``a - 1 - a`` stays,
    unless it `cancels`, in an exponent.
    """
    terms, firsts = dict[str, tuple[Any, Expr]](), dict[str, Any]()
    every = [(sign * inner, term) for sign, of in terms_of(e) for inner, term in terms_of(of)]  # also of -(a - b)
    for sign, term in every:
        c, x = (term.value, number(1)) if term.is_number else number_apart(term)
        terms[x.key] = sign * c + terms.get(x.key, (0, x))[0], x
        if firsts.setdefault(x.key, sign * c) != sign * c and 8 * terms[x.key][0] % 1:
            return None  # 2 x + 0.2 x: no line of the program has 2.2
    terms = {k: (c, x) for k, (c, x) in terms.items() if c or not (x.is_number or cancels)}  # k + 1 - 1
    if cancels and not terms:
        return number(0)
    if len(terms) == len(every) or not all(c for c, _ in terms.values()):  # x + (c - x) stays
        return None
    sums = (product((number(c), x), x.shape) for c, x in terms.values())
    first = reduce(lambda a, b: simplified("add", (a, b), _joint((a, b))), sums)
    return first if first.shape == e.shape or cancels else None


def _cases(a: Expr, b: Expr, shape: Shape) -> Expr | None:
    """``where(c, 1, 0) x + where(c, 0, 1) y`` as ``where(c, x, y)``."""
    (mask, x), (other, y) = _masked(a), _masked(b)
    if mask is None or other is None or mask.of.key != other.of.key or mask.key == other.key:
        return None
    return simplified("where", (mask.of, *((y, x) if mask.args[2].value else (x, y))), shape)


def _masked(e: Expr) -> tuple[Expr | None, Expr]:
    """The mask ``where(c, 1, 0)`` or ``where(c, 0, 1)`` in a term, and the term without it."""
    if e.role in ("quotient", "negation"):
        mask, rest = _masked(e.of)
        return mask, make(e.row, (rest, *e.args[1:]), e.params, e.shape)
    for f in factors_of(e):
        if f.role == "selection" and {x.value for x in f.args[1:] if x.is_number} == {0, 1}:
            return f, product([h for h in factors_of(e) if h is not f] or [number(1)], e.shape)
    return None, e


def with_cases(e: Expr) -> Expr:
    """``where(c, 1, 0) x`` as ``where(c, x, 0)``, where x may be infinite or nan if c does not hold."""
    if e.role in ("sum", "difference", "negation"):
        return make(e.row, tuple(map(with_cases, e.args)), e.params, e.shape)
    mask, x = _masked(e)
    if mask is None:
        return e
    return simplified("where", (mask.of, *((x, number(0)) if mask.args[1].value else (number(0), x))), e.shape)


def _side_by_side(a: Expr, b: Expr) -> Expr | None:
    """The sum of two stacks as one: of numbers, or where at each place one of them is zero; and of one and a number."""
    for x, y in ((a, b), (b, a)):
        if x.is_number and y.role == "stack" and not any(z.shape for z in y.args):
            return replace(y, args=tuple(simplified("add", (x, z), ()) for z in y.args))
    if a.role not in ("stack", "concatenation") or a.role != b.role or a.params != b.params:
        return None
    pairs = list(zip(a.args, b.args, strict=False))
    if a.role == "stack" and not any(x.shape for pair in pairs for x in pair):
        return replace(a, args=tuple(simplified("add", pair, ()) for pair in pairs))
    if not all(x.shape == y.shape and (is_zero(x) or is_zero(y) or 0 in x.shape) for x, y in pairs):
        return None
    return replace(a, args=tuple(y if is_zero(x) else x for x, y in pairs))


def number_apart(e: Expr) -> tuple[Any, Expr]:
    """``3 * x`` as 3 and x."""
    if e.role == "product" and e.of.is_number:
        return e.of.value, product(e.args[1:], e.shape)
    return 1, e


def _subtract(e: Expr) -> Expr | None:
    a, b = e.args
    if is_zero(b) and a.shape == e.shape:
        return a
    if is_zero(a) and b.shape == e.shape:
        return product((number(-1), b), e.shape)
    if b.role == "negation" or is_negative(b):
        return simplified("add", (a, b.of if b.args else number(-b.value)), e.shape)
    if a.role == "product":
        return _common(a, b, e.shape)
    return _share(a, b, e.shape) or _shares(a, b, e.shape) or alike(e)


def _share(a: Expr, b: Expr, shape: Shape) -> Expr | None:
    """``1 - S / (K + S)`` as ``K / (K + S)``, and ``1 - σ(-x)`` as σ(x)."""
    sign, one, of = (1, a, b) if a.is_number else (-1, b, a)
    if of.row is TABLE["sigmoid"] and of.of.role == "negation" and one.is_number and one.value == 1:
        return product((number(sign), simplified("sigmoid", of.of.args, shape)), shape)
    is_share = of.role == "quotient" and of.args[1].role == "sum" and one.is_number and one.value == 1
    if not is_share or of.of.is_number or of.of.role == "exponential":  # 1 - p
        return None
    below = of.args[1]
    left = [x for x in below.args if x.key != of.of.key]
    return product((number(sign), simplified("divide", (left[0], below), shape)), shape) if len(left) == 1 else None


def _shares(a: Expr, b: Expr, shape: Shape) -> Expr | None:
    """``1 + c S / (K + S)² - c / (K + S)`` as ``1 - c K / (K + S)²``."""
    others, term = a.args if a.role == "sum" else (None, a)
    below = [x.args[1] for x in (term, b) if x.role == "quotient"]
    if len(below) < 2 or below[0].role != "square" or below[1].role != "sum" or below[0].of.key != below[1].key:
        return None
    for x, rest in (below[1].args, below[1].args[::-1]):
        same, of = (sorted(f.key for f in factors_of(e)) for e in (product((b.of, x), shape), term.of))
        if same == of:
            share = simplified("divide", (product((number(-1), b.of, rest), shape), term.args[1]), shape)
            return share if others is None else simplified("add", (others, share), shape)
    return None


def _common(a: Expr, b: Expr, shape: Shape) -> Expr | None:
    """``g * y - y * s`` as ``y * (g - s)``: what two products share is put in front; so is the ½ of ``½ x - ½``."""
    left, right = list(factors_of(a)), list(factors_of(b))
    if b.is_number and left[0].key == b.key and b.value % 1 and len(left) > 1 and right:
        whole = product(left[1:], _joint(left[1:]))
        inner = simplified("subtract", (whole, number(1)), whole.shape)
        return product((b, inner), shape) if whole.shape == shape else None
    shared = []
    for f in factors_of(a):
        same = next((h for h in right if h.key == f.key), None)
        if same is not None and not f.is_number:
            shared.append(f)
            left.remove(f)
            right.remove(same)
    if not shared:
        return None
    if not left or not right and shape:  # x log x - x stays
        return None
    numbers = [next((f.value for f in side if f.is_number), 1) for side in (left, right)]
    size = math.gcd(*numbers) if all(type(c) is int for c in numbers) else 1  # 4 a (2 x - 1), not a (8 x - 4)
    numbers = [c // size for c in numbers] if size > 1 else numbers
    sides = zip(numbers, (left, right), strict=True)
    factors = [(number(c), *(f for f in side if not f.is_number)) for c, side in sides]
    rest = [product(fs, _joint(fs)) for fs in factors]
    if any(map(_is_test, rest)):  # truth values have no difference
        return None
    inner = simplified("subtract", rest, _joint(rest))
    return product((number(size), *shared, inner), shape)


def _is_before(total: Expr, below: Expr) -> bool:
    """Whether what a sum is divided by inside of it may stand outside: a number, or the entries of the other axes."""
    axes = total.params.get("axis")
    is_first = not total.params.get("keepdims") and isinstance(axes, tuple) and [*axes] == [*range(len(axes))]
    return not below.shape or is_first and below.shape == total.shape == total.of.shape[len(axes or ()) :]


def _divide(e: Expr) -> Expr | None:
    a, b = e.args
    if b.is_number and b.value == 1 and a.shape == e.shape:
        return a
    if is_zero(a):
        return full(number(0), e.shape)
    if a.key == b.key and not a.is_number:
        return number(1)
    if a.role == "quotient":
        below = product(sorted((a.args[1], b), key=lambda f: bool(f.args)), _joint((a.args[1], b)))
        return simplified("divide", (a.of, below), e.shape)
    if a.role == "total" and a.of.role == "quotient" and _is_before(a, a.of.args[1]):  # of Σ (x / n) / y
        top = make(a.row, a.of.args[:1], a.params, a.shape)
        return simplified("divide", (top, product((a.of.args[1], b), _joint((a.of.args[1], b)))), e.shape)
    wide = [f for f in factors_of(a) if f.role == "broadcast" and f.of.role == "quotient"]
    if wide and b.shape == e.shape:
        factors = [f.of if f in wide else f for f in factors_of(a)]
        return simplified("divide", (product(factors, _joint(factors)), b), b.shape)
    size, keys = _guarded(b), [f.key for f in factors_of(a)]
    if size is not None and {size.key, size.of.key} <= {*keys}:  # |x| x / |x|, which is 0 at 0
        k = keys.index(size.key)
        return product([f for j, f in enumerate(factors_of(a)) if j != k], e.shape)
    if _is_reducible(a, b):
        return _fraction(1, (e,))
    if a.role == "negation" or is_negative(a):
        above = product((number(-1), a), a.shape)
        return product((number(-1), simplified("divide", (above, b), e.shape)), e.shape)
    return None


def _guarded(e: Expr) -> Expr | None:
    """|x| of ``where(x = 0, 1, |x|)``, by which a rule divides; None for anything else."""
    test, one, size = e.args if e.role == "selection" else (e, e, e)
    is_it = size.role == "absolute value" and one.is_number and one.value == 1 and test.row is TABLE["equal"]
    return size if is_it and test.of.key == size.of.key and is_zero(test.args[1]) else None


def _is_reducible(a: Expr, b: Expr) -> bool:
    """Whether a quotient has numbers, signs or powers above and below that are simpler together."""
    (c, _), (d, _) = number_apart(a), number_apart(b)
    is_reducible = type(c) is type(d) is int and math.gcd(c, d) > 1  # 2 a / (4 b)
    is_signed = b.role == "negation" or is_negative(factors_of(b)[0])  # a / (-2 b)
    up, down = ({_base(f)[0].role for f in factors_of(x)} for x in (a, b))
    has_number = a.role in ("product", "negation") and any(f.is_number for f in a.args)
    is_reducible |= "power" in up & down or is_signed  # x ** (k - 1) / (x ** k)²
    is_reducible |= len(_opened(factors_of(b), factors_of(a))) > len(factors_of(b))  # a b / (b c)²
    return is_reducible or b.is_number and bool(b.value) and has_number


def _logarithm(e: Expr) -> Expr | None:
    (x,) = e.args
    if x.is_number and x.value in (2, 10):  # ln 10, which has a sign of its own
        return number(math.log(x.value))
    return x.of if x.role == "exponential" and x.shape == e.shape else None


def _reciprocal(e: Expr) -> Expr:
    return simplified("divide", (number(1), *e.args), e.shape)


def _power(e: Expr) -> Expr | None:
    base, exponent = e.args
    terms = terms_of(exponent)
    if not exponent.shape and sum(x.is_number for _, x in terms) > 1:  # c ** (1 - γ - 1)
        total = sum(sign * x.value for sign, x in terms if x.is_number)
        parts = [times(number(sign), x) for sign, x in terms if not x.is_number] + [number(total)] * bool(total)
        exponent = reduce(lambda a, b: simplified("add", (a, b), ()), parts or [number(0)])
        return simplified("power", (base, exponent), e.shape)
    power = exponent.value if exponent.is_number else None
    if power == 0:
        return number(1)
    if power not in (1, 2) or base.shape != e.shape:
        return None
    return base if power == 1 else simplified("square", (base,), e.shape)


def _transpose(e: Expr) -> Expr | None:
    (x,) = e.args
    axes = e.params.get("axes")
    ndim = len(x.shape)
    if x.is_number or ndim < 2 or axes == tuple(range(ndim)):
        return x
    if ndim == 2 and x.is_turned:
        return x.of
    is_diagonal_matrix = is_diagonal(x) or x.role == "diagonal matrix" and not x.params.get("k")
    if x.shape == (1, 1) or x.head == "identity" or is_diagonal_matrix:
        return x
    if x.role == "outer product":
        return unsimplified(x.row, x.args[::-1], e.shape)
    if x.role == "broadcast":
        return full(x.of, e.shape) if not x.of.shape else None
    if x.role == "reshape" and x.shape == (1, *x.of.shape):  # a row
        return fitted(x.of, e.shape)
    if x.role == "product" and ndim == 2 and (turned := _transposed_product(x, e.shape)) is not None:
        return turned
    if x.role == "quotient" and ndim == 2 and x.of.shape == x.shape and not x.args[1].shape:  # (Xᵀ / n)ᵀ
        return simplified("divide", (transposed(x.of), x.args[1]), e.shape)
    if x.role == "concatenation" and ndim == 2:  # of rows is one of columns
        return unsimplified(x.row, map(transposed, x.args), e.shape, **{**x.params, "axis": 1 - x.params["axis"]})
    return transposed(x) if ndim == 2 and axes is not None else None


def _transposed_product(x: Expr, shape: Shape) -> Expr | None:
    """``½ Mᵀ`` of ``(½ M)ᵀ``, and ``v ⊙ V`` of ``(x ⊙ Vᵀ)ᵀ``; None where a product stays below its transpose."""
    ndims = sorted(len(f.shape) for f in x.args)
    if ndims != [*[0] * (len(ndims) - 1), 2] and not all(len(f.shape) < 2 or f.is_turned for f in x.args):
        return None
    columns = {0: (), 1: (shape[0], 1)}  # by the number of axes
    shapes = ((f, columns.get(len(f.shape))) for f in x.args)
    return product([transposed(f) if of is None else fitted(f, of) for f, of in shapes], shape)


def _total(e: Expr) -> Expr | None:
    """The sum of all sums along some axes, or of what a mask chooses, Σ 1[at_risk] θ; of a diagonal the trace."""
    (x,), shape = e.args, e.shape
    if is_zero(x):
        return number(0)
    if x.role == "diagonal" and len(x.of.shape) == 2 and not shape and not x.params.get("offset"):
        return unsimplified("trace", x.args, ())
    index = x.params.get("index") if x.role == "index" and not shape else None
    if isinstance(index, Labels) and index.dtype == bool and index.indicator[0].isidentifier():
        chosen = _chosen(index, x.of.shape)
        return simplified("sum", (product((chosen, x.of), chosen.shape),), (), axis=None, keepdims=False)
    inner = x.of.of if x.role == "placement" and x.of.role == "broadcast" else x
    if inner.is_number and inner is not x and _size(e) == 1:  # of -1 at [y], 0 elsewhere
        return number(inner.value * math.prod(x.of.shape))
    if x.role == "placement" and x.of.shape and _size(e) == 1:  # of g at [y], 0 elsewhere
        every = simplified("sum", (x.of,), (), axis=None, keepdims=False)
        return simplified("reshape", (every,), shape, shape=shape, order="C") if shape else every
    if x.role != "total" or _size(e) > 1:
        return None
    is_kept = len(shape) == len(x.of.shape) > 0
    every = unsimplified(e.row, x.args, shape if is_kept else (), **{**e.params, "axis": None, "keepdims": is_kept})
    return simplified("reshape", (every,), shape, shape=shape, order="C")


def one_entry(e: Expr) -> Expr | None:
    """The entry of an array that the sum of a product with ``[[0, 1], [0, 0]]`` is."""
    arrays = [f for f in e.args if f.shape]
    units = [f for f in arrays if f.role == "array" and f.shape == e.shape and np.count_nonzero(f.value) == 1]
    [x, *others] = [f for f in arrays if f not in units] or [e]
    if len(units) != 1 or others or x.role != "name" or x.shape != e.shape or np.max(units[0].value) != 1:
        return None
    index = tuple(int(k) for k in np.argwhere(units[0].value)[0])
    entry = unsimplified("getitem", (x,), (), index=index if len(index) > 1 else index[0], unique_indices=True)
    return product((*(f for f in e.args if not f.shape), entry), ())


def _matrix_transpose(e: Expr) -> Expr | None:
    (x,) = e.args
    if x.is_number:
        return x
    if len(e.shape) == 2:
        return transposed(x)
    return x.of if x.role == "matrix transpose" else None


def _swapaxes(e: Expr) -> Expr | None:
    ndim = len(e.of.shape)
    axes = sorted(k % max(ndim, 1) for k in (e.params.get("axis1", 0), e.params.get("axis2", 0)))
    return simplified("matrix_transpose", e.args, e.shape) if axes == [ndim - 2, ndim - 1] else None


def _moveaxis(e: Expr) -> Expr | None:
    """Axes that stay where they are."""
    ndim = len(e.shape)
    source, destination = (np.atleast_1d(e.params.get(k, ())) % max(ndim, 1) for k in ("source", "destination"))
    return e.of if np.array_equal(source, destination) else None


def _dot(e: Expr) -> Expr | None:
    """NumPy's dot is a matrix product up to two dimensions."""
    a, b = e.args
    small = max(len(a.shape), len(b.shape)) <= 2
    return _matmul(e) or (simplified("matmul", e.args, e.shape) if small else None)


def _matmul(e: Expr) -> Expr | None:
    a, b = e.args
    if len(a.shape) == 0 or len(b.shape) == 0:
        return product(e.args, e.shape)
    if b.role == "broadcast" and not b.of.shape and len(a.shape) == 2 and len(b.shape) == 1:  # Xᵀ @ (1, …, 1) / n
        rows, axis = (a.of, 0) if a.role == "transpose" else (a, 1)
        return product((b.of, unsimplified("sum", (rows,), e.shape, axis=(axis,), keepdims=False)), e.shape)
    (c, x), (d, y) = _signed(a), _signed(b)
    if "identity" in (x.head, y.head):
        return product((number(c * d), y if x.head == "identity" else x), e.shape)
    if c * d != 1:
        return product((number(c * d), simplified("matmul", (x, y), e.shape)), e.shape)
    for k, f in enumerate(e.args):  # X @ (dL/dg / n)
        is_gradient = f.role == "quotient" and f.of.role == "name" and "/" in f.of.value
        if f.role == "quotient" and not f.args[1].shape and (is_gradient or f.of.head == "identity"):
            whole = simplified("matmul", (*e.args[:k], f.of, *e.args[k + 1 :]), e.shape)
            return simplified("divide", (whole, f.args[1]), e.shape)
    if len(a.shape) == 2 and len(b.shape) == 2 and a.shape[1] == b.shape[0] == 1:
        column, line = stripped(a, 1), stripped(b, 0)
        if column is not None and line is not None:  # a column times a line
            return unsimplified("outer", (column, line), e.shape)
    return None


def _solution(e: Expr) -> Expr | None:
    """``K⁻¹ @ -g`` as ``-K⁻¹ @ g``, and ``K⁻¹ @ I`` as K⁻¹."""
    sign, x = _signed(e.args[1])
    if x.head == "identity":
        return product((number(sign), simplified("linalg.inv", (e.of,), e.shape)), e.shape)
    return None if sign == 1 else product((number(sign), replace(e, args=(e.of, x))), e.shape)


def _outer(e: Expr) -> Expr | None:
    """The outer product of a vector and of one number in all places: a column, or a row, times the number."""
    for k, x in enumerate(e.args):
        c, of = (-1, x.of) if x.role == "negation" else (1, x)
        if of.role == "broadcast" and not of.of.shape and len(of.shape) == len(e.args[1 - k].shape) == 1:
            shape = (e.shape[0], 1) if k else (1, e.shape[1])
            line = simplified("reshape", (e.args[1 - k],), shape, shape=shape, order="C")
            return full(product((number(c), of.of, line), shape), e.shape)
    (c, x), (d, y) = map(_signed, e.args)
    return None if c * d == 1 else product((number(c * d), replace(e, args=(x, y))), e.shape)


def _signed(e: Expr) -> tuple[Any, Expr]:
    """``-x`` as -1 and x, ``3 * x`` as 3 and x, where x is a name, the transpose of one, or the identity."""
    sign, rest = (-1, e.of) if e.role == "negation" else number_apart(e)
    is_one = rest.role in ("name", "transpose", "solution") or rest.head == "identity"
    return (sign, rest) if is_one else (1, e)


def stripped(e: Expr, axis: int) -> Expr | None:
    """The vector that a new axis of length 1 made a column or a line."""
    one = e.role in ("index", "reshape", "new axis") and len(e.of.shape) == 1
    return e.of if one and e.shape[1 - axis] == e.of.shape[0] else None


def _same(e: Expr) -> Expr | None:
    """What changes nothing, unless it broadcasts, or stops a gradient."""
    return e.of if e.of.shape == e.shape and e.row.kind != "constant" else None


def _laid_out(e: Expr) -> Expr:
    """Axes of length one, added or removed."""
    return simplified("reshape", e.args, e.shape, shape=e.shape, order="C")


def _reshape(e: Expr) -> Expr | None:
    (x,) = e.args
    if x.shape == e.shape:
        return x
    if x.role == "broadcast" and not x.of.shape:
        return full(x.of, e.shape)
    if x.role == "matrix product" and (average := _average(x, e.shape)) is not None:
        return average
    if x.params.get("keepdims") and np.empty(x.of.shape).sum(axis=x.params.get("axis")).shape == e.shape:
        return make(x.row, x.args, {**x.params, "keepdims": False}, e.shape)
    if x.role == "transpose" and sorted(x.shape)[0] == 1 == len(x.shape) - 1:  # of a row or a column
        return simplified("reshape", x.args, e.shape, **e.params)
    if x.role == "index" and (entry := _line(x, e.shape)) is not None:
        return entry
    c, rest = number_apart(x)
    if c != 1 and rest.shape == x.shape:
        return product((number(c), simplified("reshape", (rest,), e.shape, **e.params)), e.shape)
    if x.role == "reshape" and e.params.get("order", "C") == x.params.get("order", "C") == "C":
        return simplified("reshape", x.args, e.shape, **e.params)
    return unsimplified("reshape", e.args, e.shape, **{**e.params, "shape": e.shape})


def _line(x: Expr, shape: Shape) -> Expr | None:
    """The one row or column that a slice has, ``X[:, 1:2]``, as a vector: ``X[:, 1]``."""
    sizes, parts = x.of.shape, index_parts(x.params["index"])
    if len(parts) > len(sizes) or not all(type(part) is slice for part in parts):
        return None
    places = [range(size)[part] for size, part in zip(sizes, parts, strict=False)]
    index = tuple(at[0] if len(at) == 1 else part for at, part in zip(places, parts, strict=True))
    if np.empty(sizes)[index].shape != shape:
        return None
    return make(x.row, x.args, {**x.params, "index": index if len(index) > 1 else index[0]}, shape)


def _average(product_: Expr, shape: Shape) -> Expr | None:
    """A product with ``[1 / n, 1 / n, ...]``, a faster way to compute a mean along the last axes, as that mean."""
    x, share = product_.args
    x = x.of if x.role == "reshape" else x
    for k in range(len(x.shape)):
        axes = tuple(range(k, len(x.shape)))
        size = math.prod(x.shape[k:])
        is_last = shape == (*x.shape[:k], *(1 for _ in axes)) and share.shape == (size,)
        if is_last and size and share.role == "array" and np.all(share.value == 1 / size):
            return unsimplified("mean", (x,), shape, axis=axes, keepdims=True)
    return None


def _broadcast_to(e: Expr) -> Expr | None:
    (x,) = e.args
    if x.shape == e.shape:
        return x
    return simplified("broadcast_to", x.args, e.shape, **e.params) if x.role == "broadcast" else None


def _where(e: Expr) -> Expr | None:
    """A guard that never applies is not written, ``where(False, 1, x)``; cases over one number are: (…) / n."""
    mask, a, b = e.args
    if a.role == b.role == "quotient" and (under := a.args[1]).key == b.args[1].key and not under.shape:
        return simplified("divide", (make(e.row, (mask, a.of, b.of), e.params, e.shape), under), e.shape)
    if a.key != b.key and not mask.is_number:  # an array has the example's values: at other values it may apply
        return None
    chosen = a if a.key == b.key or mask.value else b
    return chosen if chosen.shape == e.shape or chosen.is_number else None


_TURNED = {"greater": "less", "less": "greater", "greater_equal": "less_equal", "less_equal": "greater_equal"}


def compared(e: Expr) -> Expr | None:
    """``1 - m > 0`` as ``m < 1``: nothing is subtracted, and a number stands on the right; ``x > 0.1 x`` as x > 0."""
    for k in (0, 1) if e.role == "comparison" else ():
        (c, of), x = number_apart(e.args[k]), e.args[1 - k]
        if of.key == x.key and isinstance(c, float) and 0 < c < 1:
            row = TABLE[_TURNED.get(e.head, e.head)] if k == 0 else e.row
            return unsimplified(row, (x, number(0)), e.shape)
    more, of_both = _difference(*e.args) if e.role == "comparison" else (0, None)
    if of_both is not None:  # τ u > (τ - 1) u
        row = TABLE[_TURNED.get(e.head, e.head)] if more < 0 else e.row
        return unsimplified(row, (of_both, number(0)), e.shape)
    if e.role == "comparison" and e.of.role == "negation" and e.args[1].is_number:  # -x > 0
        return unsimplified(TABLE[_TURNED.get(e.head, e.head)], (e.of.of, number(-e.args[1].value or 0)), e.shape)
    if e.role != "comparison" or e.of.role != "difference" or not e.args[1].is_number or e.args[1].value:
        return None
    a, b = e.of.args
    row, args = (TABLE[_TURNED.get(e.head, e.head)], (b, a)) if a.is_number else (e.row, (a, b))
    return unsimplified(row, args, e.shape)


def _difference(a: Expr, b: Expr) -> tuple[Any, Expr | None]:
    """1 and u for τ u and (τ - 1) u: c and x where a - b is a number times a name in both; None for another one."""
    sides = [factors_of(x.of if x.role == "negation" else x) for x in (a, b)]
    shared = [f for f in sides[0] if f.role == "name" and f.shape and f.key in {h.key for h in sides[1]}]
    sums: dict[str, Any] = {}
    for whole, factors, sign in zip((a, b), sides, (1, -1), strict=True) if len(shared) == 1 else ():
        rest = product([f for f in factors if f.key != shared[0].key], ())
        for c, term in terms_of(rest, -sign if whole.role == "negation" else sign):
            k, x = (term.value, number(1)) if term.is_number else number_apart(term)
            sums[x.key] = c * k + sums.get(x.key, 0)
    left = {key: c for key, c in sums.items() if c}
    return (left[key], shared[0]) if left.keys() == {key := number(1).key} else (0, None)


def tidied(e: Expr) -> Expr | None:
    """A part of a textbook's formula in which others stand for its letters: ``-(-t / τ²)`` as ``t / τ²``."""
    if e.role == "logarithm" and e.of.is_number:
        return again(e, e.args)
    above = [part.of for part in e.args if e.role == "negation" and part.role == "quotient"]
    return again(e, e.args) if above and above[0].role == "negation" else compared(e)


def _linear(e: Expr) -> Expr:
    """A layer is what it computes: ``x @ weight.T + bias``."""
    x, weight, *bias = e.args
    y = simplified("matmul", (x, transposed(weight)), e.shape)
    return simplified("add", (y, *bias), e.shape) if bias else y


def _getitem(e: Expr) -> Expr | None:
    """``(A @ x[..., None])[..., 0]`` is ``A @ x``, and the same of a solution of equations; ``[a, b][1]`` is b."""
    (x,), index = e.args, e.params.get("index")
    if x.role == "stack" and not x.params.get("axis") and [*map(type, index_parts(index))] == [int]:
        return x.args[index_parts(index)[0]]
    if x.role == "broadcast" and not x.of.shape:
        return full(x.of, e.shape)
    scalars, arrays = ([f for f in factors_of(x) if bool(f.shape) == has_axes] for has_axes in (False, True))
    if scalars and arrays and math.prod(e.shape) < math.prod(x.shape):  # dt dL/ds[0]
        return product((*scalars, make(e.row, (product(arrays, x.shape),), e.params, e.shape)), e.shape)
    if x.role == "quotient" and x.of.shape == x.shape and not x.args[1].shape:
        return simplified("divide", (make(e.row, x.args[:1], e.params, e.shape), x.args[1]), e.shape)
    both = (*index_parts(x.params["index"]), *index_parts(index)) if x.role == "index" else (None,)
    if all(isinstance(part, int) for part in both):  # x[1][0]
        return simplified("getitem", x.args, e.shape, index=both, unique_indices=True)
    if type(both[0]) is slice and len(both) == 2 and type(index) is int:  # x[1:][0]
        return make(e.row, x.args, {**e.params, "index": range(x.of.shape[0])[both[0]][index]}, e.shape)
    if x.role == "transpose" and len(x.shape) == 2 and type(index) in (int, slice):
        return _columns(e)
    if repr(index) == "(Ellipsis, 0)" and x.role in ("matrix product", "solution"):
        a, b = x.args
        if b.role == "index" and repr(b.params.get("index")) == "(Ellipsis, None)" and len(b.shape) == 2:
            return unsimplified(x.row, (a, b.of), e.shape)
    return _turned(e)


def _columns(e: Expr) -> Expr:
    """Rows of Xᵀ as columns of X."""
    (x,), index = e.args, e.params["index"]
    columns = make(e.row, x.args, {**e.params, "index": (slice(None), index)}, e.shape[::-1])
    return transposed(columns) if type(index) is slice else columns


_BACK = ("slice(None, None, -1)", "(slice(None, None, -1),)")


def _turned(e: Expr) -> Expr | None:
    """A vector in reverse, twice; or of one in reverse a running sum, which is one from the other end."""
    (x,) = e.args
    if repr(e.params["index"]) not in _BACK or len(e.shape) != 1 or not x.args:
        return None
    if x.role == "index":
        return x.of if repr(x.params["index"]) in _BACK else None
    back = x.of
    if back.role != "index" or repr(back.params["index"]) not in _BACK:
        return None
    if x.head in NOTATIONS and (mirror := NOTATIONS[x.head].mirror):
        return simplified(mirror, back.args, e.shape, axis=0)
    for n in NOTATIONS.values():
        if n.mirror == x.head:
            return unsimplified(Function(n.name, n.fn, text=n.text, tex=n.tex), (*back.args, number(0)), e.shape)
    return None


def _places(e: Expr) -> Expr | None:
    """What only has axes of length 1 less; a sign stands in front."""
    index, (g,) = e.params["index"], e.args
    parts = zip([p for p in index_parts(index) if p is not None], e.shape, strict=False)
    is_all = all(n == 1 if type(p) is int else isinstance(p, slice) and p == slice(None) for p, n in parts)
    if is_all and math.prod(g.shape) == math.prod(e.shape):  # of out[:, 0], where that is a column
        return simplified("reshape", e.args, e.shape, shape=e.shape, order="C")
    if repr(index) in _BACK and len(e.shape) == 1:
        return simplified("getitem", e.args, e.shape, index=index, unique_indices=True)
    if isinstance(index, Labels) and index.dtype == bool and index.word and index.ndim:
        whole = fold(g, lambda part, args: _before(part, args, index, e.shape))
        return None if whole is None else product((whole, _chosen(index, e.shape)), e.shape)
    return None


def _chosen(index: Labels, shape: Shape) -> Expr:
    """The indicator of what a mask chooses in an array of a shape."""
    word, values = index.indicator
    chosen = simplified("where", (name(word, index.shape), *map(number, values)), index.shape)
    return fitted(chosen, (*index.shape, *(1 for _ in shape[index.ndim :])))


def _added_at(e: Expr) -> Expr | None:
    """What is added at labels to an array of zeros is that array."""
    x, value = e.args
    labels = [np.shape(i) for i in index_parts(e.params["index"]) if isinstance(i, Labels)]
    is_whole = len(labels) == 1 and value.shape == (*labels[0], *e.shape[1:])
    return unsimplified("into_zeros", (value,), e.shape, index=e.params["index"]) if is_zero(x) and is_whole else None


def _before(part: Expr, args: Sequence[Expr | None], index: Labels, shape: Shape) -> Expr | None:
    """A part of a formula of what a mask has chosen, of the whole array instead; None where it is not entrywise."""
    if not part.shape:
        return part
    if part.role == "index" and part.of.shape == shape and part.params["index"] is index:
        return part.of
    inside = [a for a in args if a is not None]
    if part.role == "broadcast" or len(inside) < len(args) or not (part.row and part.row.entrywise and inside):
        return inside[0] if part.role == "broadcast" and inside and not inside[0].shape else None
    return make(part.row, inside, part.params, np.broadcast_shapes(*(a.shape for a in inside)))


def _logical(e: Expr) -> Expr | None:
    neutral = e.role == "and"  # True in a conjunction, False in a disjunction
    for a, b in (e.args, e.args[::-1]):
        if a.is_number and isinstance(a.value, bool):
            return b if a.value is neutral else number(a.value)
    return None


def is_negative(e: Expr) -> bool:
    """True for a real number below 0."""
    return e.is_number and not isinstance(e.value, complex) and e.value < 0


def is_zero(e: Expr) -> bool:
    """True if all entries are 0."""
    inner = e.of if e.role == "broadcast" else e
    return inner.is_number and not inner.value or inner.role == "array" and inner.value.size and not inner.value.any()


#: By role: the formula in a simpler form, or None where there is none.
_SIMPLER: dict[str, Callable[..., Expr | None]] = {
    "sum": _add, "difference": _subtract, "product": _multiply, "quotient": _divide, "negation": _negative,
    "square": _square, "power": _power, "reciprocal": _reciprocal, "logarithm": _logarithm, "identity": _same,
    "flattening": _same, "total": _total, "new axis": _laid_out, "and": _logical, "or": _logical,
    "matrix product": _matmul, "outer product": _outer, "solution": _solution, "dot product": _dot,
    "affine map": _linear,
    "transpose": _transpose, "matrix transpose": _matrix_transpose, "swap of axes": _swapaxes,
    "move of axes": _moveaxis, "reshape": _reshape, "broadcast": _broadcast_to,
    "index": _getitem, "placement": _places, "addition at": _added_at,
    "selection": _where, "comparison": compared,
}  # fmt: skip
