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
>>> C.write(parse("0 if x < 0 else sqrt(x)"))
'x1 < 0.0 ? 0.0 : sqrt(x1)'
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Iterable, Mapping
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
_CONSTANTS = {"inf": inf, "nan": math.nan, "pi": math.pi}
_SIGNS = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.BitAnd: "&", ast.BitOr: "|", ast.USub: "neg",
    ast.Not: "not", ast.And: "and", ast.Or: "or", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=",
    ast.Eq: "==", ast.NotEq: "!=",
}  # fmt: skip
_COMPARISONS = ("<", "<=", ">", ">=", "==", "!=")

# How tightly an operator binds, and how tightly each of its operands has to: the same in all languages.
_SUM, _PRODUCT, _SIGN, _ATOM = range(5, 9)
_BINDING: dict[str, tuple[int, tuple[int, ...]]] = {
    "if": (0, (1, 1, 0)), "or": (1, (1, 2)), "&": (1, (_ATOM, _ATOM)), "|": (1, (_ATOM, _ATOM)), "and": (2, (2, 3)),
    "not": (3, (_ATOM,)), **dict.fromkeys(_COMPARISONS, (4, (_SUM, _SUM))),
    **dict.fromkeys("+-", (_SUM, (_SUM, _PRODUCT))), **dict.fromkeys("*/", (_PRODUCT, (_PRODUCT, _SIGN))),
    "neg": (_SIGN, (_ATOM,)),
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
    def names(self) -> list[str]:
        """The names in it, each as often as it occurs."""
        return [self.value] if self.head == "name" else [name for a in self.args for name in a.names]

    def is_test(self, names: frozenset[str] = frozenset()) -> bool:
        """Whether its value is a truth value, if those of `names` are."""
        if self.head in ("if", "&", "|"):
            return all(a.is_test(names) for a in self.args[self.head == "if" :])
        tests = ("and", "or", "not", *_COMPARISONS)
        return self.head in tests or isinstance(self.value, bool) or self.head == "name" and self.value in names


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
    op: ast.AST = node
    head = ""
    operands: list[ast.expr] = []
    match node:
        case ast.Constant(value=float() | int() as value):
            return number(value)
        case ast.Name(id=name):
            return number(_CONSTANTS[name]) if name in _CONSTANTS else variable("x1" if name == "x" else name)
        case ast.IfExp(test=test, body=a, orelse=b):
            head, operands = "if", [test, a, b]
        case ast.Call(func=ast.Name(id=name), args=xs, keywords=[]) if FUNCTIONS.get(name) == len(xs):
            head, operands = name, xs
        case ast.UnaryOp(operand=a):
            op, operands = node.op, [a]
        case ast.BinOp(left=a, right=b):
            op, operands = node.op, [a, b]
        case ast.Compare(left=a, ops=[sign], comparators=[b]):
            op, operands = sign, [a, b]
        case ast.BoolOp(values=[*rest, b]):
            op, operands = node.op, [ast.BoolOp(node.op, rest) if len(rest) > 1 else rest[0], b]
    head = head or _SIGNS.get(type(op), "")
    if not head:
        raise ValueError(repr(ast.unparse(node)))
    e = Scalar(head, tuple(map(_read, operands)))
    tests = e.args if head in ("and", "or", "not") else e.args[: head == "if"]
    if not all(test.is_test() for test in tests):
        raise ValueError(f"a number where a test belongs in {ast.unparse(node)!r}: write x != 0")
    return number(-e.args[0].value) if head == "neg" and e.args[0].head == "number" else e


# --------------------------------------------------------------------------------------------------------- languages

Interval = tuple[float, float]


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
    domains : mapping of str to Interval
        Functions (and the division) that raise an error where their last argument is at one of these ends or beyond.
    outside : str
        What computes such a function there, unless its form does.
    """

    number: Callable[[Any], str]
    function: str
    forms: Mapping[str, str]
    domains: Mapping[str, Interval] = {}
    outside: str = ""

    def write(self, e: Scalar, fresh: Callable[[], str] | None = None) -> str:
        """`e` as an expression; `fresh` makes names for operands that are needed several times."""
        names = count(1)
        return self._text(e, fresh or (lambda: f"t{next(names)}"), {})[0]

    def _text(self, e: Scalar, fresh: Callable[[], str], within: Mapping[str, Interval]) -> tuple[str, int]:
        """The text of `e`, and how tightly it binds; `within` has the ends between which names are known to be."""
        if e.head == "name":
            return e.value, _ATOM
        if e.head == "number":
            text = self.number(e.value)
            return text, _SIGN if text.startswith("-") else _ATOM
        template, (level, least) = self._form(e, within)
        regions = [within, *_branches(e.args[0], within)] if e.head == "if" else [within] * len(e.args)
        operands = [self._text(a, fresh, region) for a, region in zip(e.args, regions, strict=True)]
        texts = [text if tight >= place else f"({text})" for (text, tight), place in zip(operands, least, strict=True)]
        body, condition, rest = template.partition(" if ")
        test, otherwise, rest = rest.partition(" else ")
        for k, (text, _) in enumerate(operands):
            place = f"{{{k}}}"
            if place in test and template.count(place) > 1 and e.args[k].args:
                name, texts[k], at = fresh(), text, test.index(place)  # the test is evaluated first
                test = f"{test[:at]}({name} := {place}){test[at + 3 :].replace(place, name)}"
                body, rest = body.replace(place, name), rest.replace(place, name)
        return (body + condition + test + otherwise + rest).format(*texts), level

    def _form(self, e: Scalar, within: Mapping[str, Interval]) -> tuple[str, tuple[int, tuple[int, ...]]]:
        """The template of an operator or function, and how it and its operands bind."""
        call = f"{self.function.format(e.head)}({', '.join(f'{{{k}}}' for k in range(len(e.args)))})"
        usual = f"{{0}} {e.head} {{1}}" if e.head in _BINDING else call
        form = self.forms.get(e.head, usual)
        if e.head in self.domains:
            (low, high), (start, end) = _bounds(e.args[-1], within), self.domains[e.head]
            if (start < low or start == -inf) and (high < end or end == inf) or e.head == "/" and high < 0:
                form = usual
            elif form == usual:
                form = f"{call} if {_between('{0}', start, end)} else {self.outside.format(call)}"
        if e.head != "if" and (" if " in form or " % " in form):
            return form, (0, (_ATOM,) * len(e.args))
        return form, _BINDING.get(e.head, (_ATOM, (0,) * len(e.args)))


def _between(x: str, low: float, high: float) -> str:
    if low == -inf:
        return f"{x} < {high!r}"
    return f"{x} > {low!r}" if high == inf else f"{low!r} < {x} < {high!r}"


_NOT_NEGATIVE = ("abs", "exp", "exp2", "sqrt", "cosh", "hypot")


def _bounds(e: Scalar, within: Mapping[str, Interval]) -> Interval:
    """Ends between which the value of `e` is, unless it is nan."""
    if e.head == "name" or e.value != e.value:
        return within.get(e.value, (-inf, inf))
    if e.head == "number":
        return e.value, e.value
    is_square = e.head == "*" and e.args[0] == e.args[1]
    if is_square or e.head not in ("neg", "+", "-", "*"):
        return (0.0 if is_square or e.head in _NOT_NEGATIVE else -inf, inf)
    ends = [_bounds(a, within) for a in e.args]
    if e.head == "*":
        products = [x * y if x and y else 0.0 for x in ends[0] for y in ends[1]]
        return min(products), max(products)
    if e.head != "+":  # the last operand counts with the other sign
        ends[-1] = -ends[-1][1], -ends[-1][0]
    low, high = sum(low for low, _ in ends), sum(high for _, high in ends)
    return low if low == low else -inf, high if high == high else inf  # inf - inf


def _branches(test: Scalar, within: Mapping[str, Interval]) -> tuple[Mapping[str, Interval], ...]:
    """What is known where a test is true and where it is false: of ``x > 0`` that x is above or below 0, or nan."""
    (a, b), sign = test.args[:2] if len(test.args) == 2 else (test, test), test.head
    if sign[0] not in "<>" or a.head != "name" or b.head != "number":
        return within, within
    above, below = {**within, a.value: (b.value, inf)}, {**within, a.value: (-inf, b.value)}
    return (above, below) if sign[0] == ">" else (below, above)


_WHOLE = "copysign({}({{0}}), {{0}}) if -1e16 < {{0}} < 1e16 else {{0}}"  # Python's are integers, which have no -0.0
PYTHON = Language(
    number=repr,
    function="{}",
    forms={
        "neg": "-{0}", "not": "not {0}", "if": "{1} if {0} else {2}",
        "/": "{0} / {1} if {1} else {0} * copysign(inf, {1})",
        "max": "{0} if {0} >= {1} or {0} != {0} else {1}", "min": "{0} if {0} <= {1} or {0} != {0} else {1}",
        **{name: _WHOLE.format(name) for name in ("floor", "ceil", "trunc")}, "rint": _WHOLE.format("round"),
        "fmod": "fmod({0}, {1}) if {1} and -inf < {0} < inf else nan",
        # this & evaluates both, so that both have their names
        "pow": "pow({0}, {1}) if (1e-9 < {0} < 1e9) & (-30 < {1} < 30) else float(np.pow({0}, {1}))",
    },
    domains={
        "/": (0.0, inf), **dict.fromkeys(("exp", "expm1"), (-inf, 709.0)), "exp2": (-inf, 1023.0),
        **dict.fromkeys(("log", "log2", "log10", "sqrt"), (0.0, inf)), "log1p": (-1.0, inf), "acosh": (1.0, inf),
        **dict.fromkeys(("sin", "cos", "tan"), (-1e300, 1e300)), **dict.fromkeys(("sinh", "cosh"), (-709.0, 709.0)),
        **dict.fromkeys(("asin", "acos", "atanh"), (-1.0, 1.0)),
    },
    outside="float(np.{})",
)  # fmt: skip
JAVASCRIPT = Language(
    number=lambda x: repr(float(x)).removesuffix(".0").replace("inf", "Infinity").replace("nan", "NaN"),
    function="Math.{}",
    forms={
        "neg": "-{0}", "not": "!{0}", "and": "{0} && {1}", "or": "{0} || {1}", "if": "{0} ? {1} : {2}",
        "fmod": "{0} % {1}", "pow": "power({0}, {1})", "exp2": "power(2, {0})", "copysign": "copysign({0}, {1})",
        "rint": "rint({0})",
    },
)  # fmt: skip


def _of_c(suffix: str) -> Language:
    """C99, for ``double`` or, with the suffix ``f``, for ``float``."""

    def written(x: Any) -> str:
        if x != x or abs(x) == inf:
            return "NAN" if x != x else "INFINITY" if x > 0 else "-INFINITY"
        return repr(float(np.float32(x) if suffix else x)) + suffix

    forms = {
        "neg": "-{0}", "not": "!{0}", "and": "{0} && {1}", "or": "{0} || {1}", "if": "{0} ? {1} : {2}",
        "abs": f"fabs{suffix}({{0}})", "max": f"maximum{suffix}({{0}}, {{1}})", "min": f"minimum{suffix}({{0}}, {{1}})",
    }
    return Language(number=written, function=f"{{}}{suffix}", forms=forms)


#: C's ``double`` and ``float``. ``maximum`` and ``minimum``, nan if one of two numbers is, are defined in the file.
C, C_FLOAT = _of_c(""), _of_c("f")


def function(e: Scalar, arguments: Iterable[str]) -> Callable[..., Any]:
    """A formula as a function of Python numbers, as :data:`PYTHON` writes it."""
    space = {**{name: getattr(math, name) for name in dir(math)}, "np": np}
    return eval(f"lambda {', '.join(arguments)}: {PYTHON.write(e)}", space)
