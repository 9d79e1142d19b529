"""How a row computes one entry: a formula on single numbers, stated once and printed in several languages.

A row states it in Python's syntax, ``scalar="1 / (1 + exp(-x))"``: numbers, ``inf``, ``nan`` and ``pi``; the arguments
``x`` (or ``x1``, ``x2``, ...) and the row's keyword parameters; ``+ - * /``, comparisons, ``and``, ``or``, ``not``,
``a if c else b``; and the functions of :data:`FUNCTIONS`, which are C99's. It holds for real numbers and truth values,
and its arithmetic is that of IEEE 754: a division by zero is infinite or nan, an overflow infinite.

A language is a table of what it writes otherwise, so that it has the same values:

>>> e = parse("exp(x1) / x2")
>>> JAVASCRIPT.write(e)
'Math.exp(x1) / x2'
>>> PYTHON.write(parse("exp(x)"))
'exp(x1) if x1 < 709.0 else float(np.exp(x1))'
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Iterable, Mapping
from functools import reduce
from itertools import count
from math import inf
from typing import Any, NamedTuple

import numpy as np

#: The functions of a formula, and how many arguments each takes. ``max`` and ``min`` of nan are nan.
FUNCTIONS = {
    **dict.fromkeys(("exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "sqrt", "cbrt"), 1),
    **dict.fromkeys(("sin", "cos", "tan", "asin", "acos", "atan"), 1),
    **dict.fromkeys(("sinh", "cosh", "tanh", "asinh", "acosh", "atanh"), 1),
    **dict.fromkeys(("abs", "floor", "ceil", "trunc", "rint"), 1),
    **dict.fromkeys(("max", "min", "pow", "hypot", "atan2", "copysign", "fmod"), 2),
}
_CONSTANTS = {"inf": math.inf, "nan": math.nan, "pi": math.pi}
_TESTS = {"<", "<=", ">", ">=", "==", "!=", "and", "or", "not"}
_SIGNS: dict[type, str] = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.BitAnd: "&", ast.BitOr: "|", ast.USub: "neg",
    ast.Not: "not", ast.And: "and", ast.Or: "or", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=",
    ast.Eq: "==", ast.NotEq: "!=",
}  # fmt: skip

# How tightly an operator binds, and how tightly each of its operands has to; the same order in all languages.
_SUM, _PRODUCT, _SIGN, _ATOM = range(5, 9)
_BINDING: dict[str, tuple[int, tuple[int, ...]]] = {
    "if": (0, (1, 1, 0)), "or": (1, (1, 2)), "&": (1, (_ATOM, _ATOM)), "|": (1, (_ATOM, _ATOM)), "and": (2, (2, 3)),
    "not": (3, (_ATOM,)), **dict.fromkeys(("<", "<=", ">", ">=", "==", "!="), (4, (_SUM, _SUM))),
    "+": (_SUM, (_SUM, _PRODUCT)), "-": (_SUM, (_SUM, _PRODUCT)), "*": (_PRODUCT, (_PRODUCT, _SIGN)),
    "/": (_PRODUCT, (_PRODUCT, _SIGN)), "neg": (_SIGN, (_ATOM,)),
}  # fmt: skip


class Scalar(NamedTuple):
    """A formula: an operator or function with its operands, or a ``number`` or ``name`` with its value."""

    head: str
    args: tuple[Scalar, ...] = ()
    value: Any = None

    def at(self, values: Mapping[str, Scalar]) -> Scalar:
        """The formula with these in the place of the names."""
        if self.head == "name":
            return values.get(self.value, self)
        return Scalar(self.head, tuple(a.at(values) for a in self.args), self.value)

    @property
    def names(self) -> set[str]:
        return {self.value} if self.head == "name" else {name for a in self.args for name in a.names}

    def is_test(self, names: frozenset[str] = frozenset()) -> bool:
        """Whether its value is a truth value, if those of `names` are."""
        if self.head in ("if", "&", "|"):
            return all(a.is_test(names) for a in self.args[self.head == "if" :])
        return self.head in _TESTS or isinstance(self.value, bool) or self.head == "name" and self.value in names


def number(value: float) -> Scalar:
    """A number in a formula; a truth value stays one."""
    return Scalar("number", value=value if isinstance(value, bool) else float(value))


def variable(name: str) -> Scalar:
    return Scalar("name", value=name)


def parse(text: str) -> Scalar:
    """A formula from its text, with ``x`` as ``x1``.

    Raises
    ------
    ValueError
        If it has something else than what a formula may have.
    """
    try:
        return _read(ast.parse(text, mode="eval").body)
    except SyntaxError as error:
        raise ValueError(f"scalar={text!r}: {error}") from None
    except ValueError as error:
        raise ValueError(
            f"scalar={text!r}: expected numbers, arguments, + - * /, comparisons, and, or, not, 'a if c else b' with a "
            f"test c, and the functions {', '.join(FUNCTIONS)}; got {error}"
        ) from None


def _read(node: ast.expr) -> Scalar:
    match node:
        case ast.Constant(value=float() | int()):
            return number(node.value)  # type: ignore[arg-type]  # the pattern says so
        case ast.Name(id=name):
            return number(_CONSTANTS[name]) if name in _CONSTANTS else variable("x1" if name == "x" else name)
        case ast.UnaryOp(op=op, operand=ast.Constant(value=float() | int() as value)) if type(op) is ast.USub:
            return number(-value)
        case ast.UnaryOp(op=op, operand=x) if type(op) in _SIGNS:
            return Scalar(_SIGNS[type(op)], (_read(x),))
        case ast.BinOp(left=a, op=op, right=b) if type(op) in _SIGNS:
            return Scalar(_SIGNS[type(op)], (_read(a), _read(b)))
        case ast.Compare(left=a, ops=[op], comparators=[b]) if type(op) in _SIGNS:
            return Scalar(_SIGNS[type(op)], (_read(a), _read(b)))
        case ast.BoolOp(op=op, values=parts):
            return reduce(lambda a, b: Scalar(_SIGNS[type(op)], (a, b)), map(_test, parts))
        case ast.IfExp(test=c, body=a, orelse=b):
            return Scalar("if", (_test(c), _read(a), _read(b)))
        case ast.Call(func=ast.Name(id=name), args=xs, keywords=[]) if FUNCTIONS.get(name) == len(xs):
            return Scalar(name, tuple(map(_read, xs)))
    raise ValueError(repr(ast.unparse(node)))


def _test(node: ast.expr) -> Scalar:
    e = _read(node)
    if not e.is_test():
        raise ValueError(f"{ast.unparse(node)!r} where a test belongs: write {ast.unparse(node)} != 0")
    return e


# --------------------------------------------------------------------------------------------------------- languages

Interval = tuple[float, float]
_ALL = (-inf, inf)


class Language(NamedTuple):
    """How a language writes formulas.

    Attributes
    ----------
    number : function
        A number, or a truth value, as text.
    function : str
        A call of the mathematical library, with ``{}`` for the name of the function.
    forms : mapping of str to str
        The operators and functions that are written otherwise, as templates.
    domains : mapping of str to tuple of Interval
        Functions that raise an error or return the wrong number for arguments at or beyond these ends.
    outside : str
        What computes such a function there.
    """

    number: Callable[[Any], str]
    function: str
    forms: Mapping[str, str]
    domains: Mapping[str, tuple[Interval, ...]]
    outside: str = ""

    def write(self, e: Scalar, fresh: Callable[[], str] | None = None) -> str:
        """`e` as an expression; `fresh` makes names for operands that are needed several times."""
        names = count(1)
        return self._word(e, fresh or (lambda: f"t{next(names)}"), {})[0]

    def _word(self, e: Scalar, fresh: Callable[[], str], within: Mapping[str, Interval]) -> tuple[str, int]:
        """The text of `e`, and how tightly it binds; `within` has the ends between which names are known to be."""
        if e.head == "name":
            return e.value, _ATOM
        if e.head == "number":
            word = self.number(e.value)
            return word, _SIGN if word.startswith("-") else _ATOM
        template, binding = self._form(e, within)
        regions = [within, *_branches(e.args[0], within)] if e.head == "if" else [within] * len(e.args)
        operands = [self._word(a, fresh, region) for a, region in zip(e.args, regions, strict=True)]
        level, least = binding or _BINDING.get(e.head) or (_ATOM, (0,) * len(e.args))
        words = [word if own >= place else f"({word})" for (word, own), place in zip(operands, least, strict=True)]
        body, condition, rest = template.partition(" if ")
        test, otherwise, rest = rest.partition(" else ")
        for k, (word, _) in enumerate(operands):
            place = f"{{{k}}}"
            if place in test and template.count(place) > 1 and e.args[k].args:
                name, words[k], at = fresh(), word, test.index(place)  # the test is evaluated first
                test = f"{test[:at]}({name} := {place}){test[at + 3 :].replace(place, name)}"
                body, rest = body.replace(place, name), rest.replace(place, name)
        return (body + condition + test + otherwise + rest).format(*words), level

    def _form(self, e: Scalar, within: Mapping[str, Interval]) -> tuple[str, tuple[int, tuple[int, ...]] | None]:
        """The template of an operator or function, and how it binds where that is not as in the formula."""
        call = f"{self.function.format(e.head)}({', '.join(f'{{{k}}}' for k in range(len(e.args)))})"
        usual = f"{{0}} {e.head} {{1}}" if e.head in _BINDING else call
        form = self.forms.get(e.head, usual)
        ends = self.domains.get(e.head, ())
        if e.head == "/" and form != usual and _excludes_zero(*_bounds(e.args[1], within)):
            form = usual
        elif not all(_inside(_bounds(a, within), end) for a, end in zip(e.args, ends, strict=False)):
            tests = [_between(f"{{{k}}}", *end) for k, end in enumerate(ends)]
            test = tests[0] if len(tests) == 1 else " & ".join(f"({test})" for test in tests)  # evaluates both
            form = f"{form} if {test} else {self.outside.format(call)}"
        is_open = e.head != "if" and (" if " in form or " % " in form)
        return form, (0, (_ATOM,) * len(e.args)) if is_open else None


def _excludes_zero(low: float, high: float) -> bool:
    return low > 0 or high < 0


def _inside(ends: Interval, domain: Interval) -> bool:
    (low, high), (start, end) = ends, domain
    return (start == -inf or start < low) and (end == inf or high < end)


def _between(x: str, low: float, high: float) -> str:
    if low == -inf:
        return f"{x} < {high!r}"
    return f"{x} > {low!r}" if high == inf else f"{low!r} < {x} < {high!r}"


_NOT_NEGATIVE = ("abs", "exp", "exp2", "sqrt", "cosh", "hypot")


def _bounds(e: Scalar, within: Mapping[str, Interval]) -> Interval:
    """Ends between which the value of `e` is, unless it is nan."""
    match e.head, [_bounds(a, within) for a in e.args] if e.head in ("neg", "+", "-") else []:
        case "number", _:
            return e.value, e.value
        case "name", _:
            return within.get(e.value, _ALL)
        case "neg", [(low, high)]:
            return -high, -low
        case "+", [(low, high), (other, top)]:
            return low + other, high + top
        case "-", [(low, high), (other, top)]:
            return low - top, high - other
    squared = e.head == "*" and e.args[0] == e.args[1]
    return (0.0, inf) if squared or e.head in _NOT_NEGATIVE else _ALL


def _branches(test: Scalar, within: Mapping[str, Interval]) -> tuple[Mapping[str, Interval], ...]:
    """What is known where a test is true and where it is false: of ``x > 0`` that x is above or below 0, or nan."""
    (a, b), sign = test.args[:2] if len(test.args) == 2 else (test, test), test.head
    if sign[0] not in "<>" or a.head != "name" or b.head != "number":
        return within, within
    above, below = {**within, a.value: (b.value, inf)}, {**within, a.value: (-inf, b.value)}
    return (above, below) if sign[0] == ">" else (below, above)


def _script_number(x: Any) -> str:
    word = repr(float(x)).removesuffix(".0")
    return word.replace("inf", "Infinity").replace("nan", "NaN")


_WHOLE = "copysign({}({{0}}), {{0}}) if -1e16 < {{0}} < 1e16 else {{0}}"  # Python's are integers, which have no -0.0
_POSITIVE, _FINITE, _SMALL, _UNIT = ((0.0, inf),), ((-1e300, 1e300),), ((-709.0, 709.0),), ((-1.0, 1.0),)
PYTHON = Language(
    number=repr,
    function="{}",
    forms={
        "neg": "-{0}", "not": "not {0}", "if": "{1} if {0} else {2}",
        "/": "{0} / {1} if {1} else {0} * copysign(inf, {1})",
        "max": "{0} if {0} >= {1} or {0} != {0} else {1}", "min": "{0} if {0} <= {1} or {0} != {0} else {1}",
        **{name: _WHOLE.format(name) for name in ("floor", "ceil", "trunc")}, "rint": _WHOLE.format("round"),
        "fmod": "fmod({0}, {1}) if {1} and -inf < {0} < inf else nan",
    },
    domains={
        "exp": ((-inf, 709.0),), "expm1": ((-inf, 709.0),), "exp2": ((-inf, 1023.0),), "sinh": _SMALL, "cosh": _SMALL,
        "log": _POSITIVE, "log2": _POSITIVE, "log10": _POSITIVE, "log1p": ((-1.0, inf),), "sqrt": _POSITIVE,
        "sin": _FINITE, "cos": _FINITE, "tan": _FINITE, "asin": _UNIT, "acos": _UNIT, "atanh": _UNIT,
        "acosh": ((1.0, inf),), "pow": ((1e-10, 1e10), (-30.0, 30.0)),
    },
    outside="float(np.{})",
)  # fmt: skip
JAVASCRIPT = Language(
    number=_script_number,
    function="Math.{}",
    forms={
        "neg": "-{0}", "not": "!{0}", "and": "{0} && {1}", "or": "{0} || {1}", "if": "{0} ? {1} : {2}",
        "fmod": "{0} % {1}", "pow": "power({0}, {1})", "copysign": "copysign({0}, {1})", "rint": "rint({0})",
        "exp2": "power(2, {0})",
    },
    domains={},
)  # fmt: skip


def function(e: Scalar, arguments: Iterable[str]) -> Callable[..., Any]:
    """A formula as a function of Python numbers, as :data:`PYTHON` writes it."""
    space = {**{name: getattr(math, name) for name in dir(math)}, "np": np}
    made: Callable[..., Any] = eval(f"lambda {', '.join(arguments)}: {PYTHON.write(e)}", space)
    return made
