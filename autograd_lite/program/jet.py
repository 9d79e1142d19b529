"""Taylor mode: `jet` and `taylor` trace a function and run its program once, on power series."""

from __future__ import annotations

import math
import re
import reprlib
import unicodedata
from collections.abc import Iterable, Sequence
from operator import index
from typing import Any

import numpy as np

from ..base.tree import leaves, matched, rebuild, tree_map
from ..engine.errors import masked_error
from ..engine.node import Function, Shape, Values
from ..engine.operands import raw
from ..engine.value import live_of, wrap
from ..tensor import Tensor
from .equation import Equation, Var, looked_up
from .program import Program
from .series import Arithmetic, Series, coefficient, is_symbolic


def jet(fun: Function, primals: Any, series: Any, factorial_scaled: bool = True) -> Any:
    """The derivatives of `fun` along a curve, to any order, in one pass: Taylor mode. JAX's name and parameters.

    Parameters
    ----------
    fun : callable
        Of arrays, or nested dicts, lists and tuples of them. It is traced, so a branch on values raises.
    primals : tuple or list
        The arguments of `fun`: the point of the curve at t = 0.
    series : tuple or list
        For each argument the list of the derivatives of the curve of order 1, 2, …, all of one length.
    factorial_scaled : bool
        False for the coefficients of power series, ``derivative / k!``, in arguments and results.

    Returns
    -------
    primals_out, series_out
        The result of `fun`, and in the place of each array in it the list of its derivatives. They are connected
        Tensors if the arguments were Tensors that require gradients, or `fun` uses some.

    Raises
    ------
    TypeError, ValueError
        If an argument is not floating point; if the lists do not match the arguments; if a coefficient is not finite
        where the value is: the message names the operation without a Taylor series, such as the square root at 0.

    Notes
    -----
    At a kink, a piecewise function has the branch that its gradient has: `relu` at 0 that of negative numbers.

    Examples
    --------
    >>> import numpy as np, autograd_lite as ag
    >>> y, (d1, d2, d3) = ag.jet(np.exp, (0.0,), ([1.0, 0.0, 0.0],))
    >>> print(y, d1, d2, d3)
    1.0 1.0 1.0 1.0
    """
    if not all(isinstance(xs, (tuple, list)) for xs in (primals, series)) or not all(map(np.iterable, series)):
        raise TypeError("jet: expected tuples with an entry for each argument: jet(f, (x,), ([v, a],))")
    if len(primals) != len(series) or len({len(of_x) for of_x in series}) > 1:
        lengths = [len(of_x) for of_x in series]
        raise ValueError(f"jet: expected {len(primals)} lists of one length, one for each argument; got {lengths}")
    order = len(series[0]) if series else 0
    terms = []
    for i, (x, of_x) in enumerate(zip(primals, series, strict=True)):
        columns = [matched(x, t, f"series[{i}][{k}]") for k, t in enumerate(of_x)]
        terms += [list(row) for row in zip(*columns, strict=True)] or [[] for _ in leaves(x)]
    scale = [np.float64(math.factorial(k) if factorial_scaled else 1) for k in range(order + 1)]
    y, results = _expanded("jet", fun, tuple(primals), terms, scale)
    return rebuild(y, [cs[0] for cs in results]), rebuild(y, [cs[1:] for cs in results])


def taylor(f: Function, x: Any, order: int, direction: Any = None) -> Taylor:
    """The coefficients of ``f(x + h)`` in powers of the number h, up to ``h**order``.

    Parameters
    ----------
    f : callable
        Of one array, or a tree of arrays. It is traced, so a branch on values raises.
    x : array_like
        Where to expand it.
    order : int
        The highest power.
    direction : array_like, optional
        In the form of `x`: the coefficients are those of ``f(x + h * direction)``. By default h is added to every
        entry of `x`, so an entrywise function is expanded at each entry.

    Returns
    -------
    Taylor
        A tuple of ``order + 1`` results of `f`; coefficient k is the k-th derivative divided by k!.

    Raises
    ------
    TypeError, ValueError
        As :func:`jet`.

    Examples
    --------
    >>> import numpy as np, autograd_lite as ag
    >>> print(ag.taylor(lambda x: np.exp(x) / (1 - x), 0.0, 4))
    f(h) = 1 + 2 h + 5 h²/2 + 8 h³/3 + 65 h⁴/24 + O(h⁵)
    >>> np.round(ag.taylor(np.sqrt, np.array([1.0, 4.0]), 2), 4)
    array([[ 1.    ,  2.    ],
           [ 0.5   ,  0.25  ],
           [-0.125 , -0.0156]])
    """
    if (order := index(order)) < 0:
        raise ValueError(f"taylor: expected an order of at least 0, got {order}")
    along = [np.ones_like(raw(t)) for t in leaves(x)] if direction is None else matched(x, direction, "direction")
    terms = [[v, *[None] * (order - 1)][:order] for v in along]
    y, results = _expanded("taylor", f, (x,), terms, [np.float64(1)] * (order + 1))
    name = getattr(f, "__name__", "f")
    coefficients = (rebuild(y, [cs[k] for cs in results]) for k in range(order + 1))
    return Taylor(coefficients, "f" if name == "<lambda>" else name, x)


def _expanded(
    what: str, f: Function, args: Any, terms: list[list[Any]], scale: list[Any]
) -> tuple[Any, list[list[Any]]]:
    """The form of the result of `f`, and for each array in it the coefficients, each multiplied by its `scale`.

    `terms` has those of the arguments' arrays, from the first order on, multiplied likewise; None is zero.
    """
    if not callable(f):
        raise TypeError(f"{what}: expected a function as the first argument, got {type(f).__name__}")
    xs, order = [_argument(what, x) for x in leaves(args)], len(scale) - 1
    program = Program.trace(f, *rebuild(args, xs))
    program.refuse_hooks(what)
    for y in program.outputs:
        if not isinstance(y, Var) and np.asarray(y).dtype.kind not in "biufc":
            raise TypeError(f"{what}: {program.name} returned {reprlib.repr(y)}; expected numbers and arrays")
    env = {**program.examples, **program.captured}
    for i, (v, x, of_x) in enumerate(zip(program.inputs, xs, terms, strict=True)):
        coefficients = [None if c is None else _term(what, c, x, i, k, scale[k]) for k, c in enumerate(of_x, 1)]
        moves = any(c is not None for c in coefficients)
        env[v] = Series(v.shape, v.dtype, [x, *coefficients], lambda k: None) if moves else x
    run = Arithmetic()

    def call(eq: Equation, operands: list[Any]) -> Any:
        if eq.algebra == "comparison":
            _check_comparison(what, eq, operands, order)
        y = run(eq, operands)
        for part in y if eq.row.outputs else (y,):
            coefficient(part, order)  # in the order of the program, so that the recursion is not deep
        return y

    arguments = [x for x in (*xs, *(c for of_x in terms for c in of_x)) if x is not None]
    tensors = any(isinstance(x, Tensor) for x in arguments)
    with np.errstate(all="ignore"):  # the trace has warned
        try:
            env = program.run(env, call)
        except RecursionError:
            raise ValueError(f"{what}: order {order} is too high for Python's stack: sys.setrecursionlimit") from None
        outputs = looked_up(env, program.outputs)
        _check_finite(what, program, env, outputs, order)
        results = [[_out(_scaled(y, k, scale[k]), arguments, tensors) for k in range(order + 1)] for y in outputs]
    return program.result, results


def _argument(what: str, x: Any) -> Any:
    if isinstance(x, np.ma.MaskedArray):
        raise masked_error()
    x = x if isinstance(x, Tensor) else np.asarray(x)
    if x.dtype.kind not in "fc":
        raise TypeError(f"{what}: expected floats, got an argument of {x.dtype}: write 2.0 for 2, or .astype(float)")
    return x


def _term(what: str, c: Any, x: Any, i: int, k: int, scale: Any) -> Any:
    """Coefficient k of array i of the arguments; None if it is zero."""
    c = c if isinstance(c, Tensor) else np.asarray(c)
    if c.shape != x.shape or c.dtype.kind not in "biufc" or c.dtype.kind == "c" and x.dtype.kind != "c":
        got, wanted = (f"{a.dtype}{list(a.shape)}" for a in (c, x))
        raise ValueError(f"{what}: coefficient {k} of array {i} of the arguments is {got}; expected {wanted}")
    return (c / scale).astype(x.dtype) if isinstance(c, Tensor) or c.any() else None


def _scaled(y: Any, k: int, scale: Any) -> Any:
    c = coefficient(y, k)
    if c is None:
        return np.zeros_like(raw(coefficient(y, 0)))
    return c if scale == 1 else (c * scale).astype(c.dtype)


def _out(c: Any, arguments: list[Any], tensors: bool) -> Any:
    """A coefficient as the caller gets it: connected, or an array that is not shared."""
    if isinstance(c, Tensor) and live_of(c):
        return c
    c = np.asarray(raw(c))
    c = np.array(c) if c.base is not None or any(c is x for x in arguments) else c
    return wrap(c, None) if tensors else c[()]


# ------------------------------------------------------------------------------------------------------------ refusals


def _check_comparison(what: str, eq: Equation, xs: Sequence[Any], order: int) -> None:
    """Raise if a condition has another value at the point than on both sides of it, as ``x == 0`` at 0."""
    if not any(isinstance(x, Series) for x in xs) or any(is_symbolic(coefficient(x, 0)) for x in xs):
        return
    pairs = [[0 if (c := coefficient(x, k)) is None else raw(c) for x in xs] for k in range(order + 1)]
    difference, *others = [np.subtract(a, b) if a is not b else np.zeros(eq.shape) for a, b in pairs]
    first, sign = np.zeros(eq.shape), np.zeros(eq.shape)  # of the others that is not zero, and (-1)**k
    for k, d in enumerate(others, 1):
        new = (sign == 0) & (d != 0)
        first, sign = np.where(new, d, first), np.where(new, (-1.0) ** k, sign)
    compare, here = eq.row.fn, eq.row.fn(0, 0)
    if np.any((difference == 0) & (sign != 0) & (compare(first, 0) != here) & (compare(first * sign, 0) != here)):
        raise ValueError(
            f"{what}: {eq.row.name} at {eq.origin.line or 'one step'} is {here} at this point and {not here} around "
            "it, so a branch that depends on it has no Taylor series here: expand elsewhere, or write a function "
            "without the branch (np.sinc, ag.xlogy)"
        )


def _check_finite(what: str, program: Program, env: dict[Var, Any], outputs: list[Any], order: int) -> None:
    """Raise if a coefficient of a result is not finite where its value and the arguments are; name the operation."""
    if any(_bad(env[v], order) for v in program.inputs) or not any(_bad(y, order) for y in outputs):
        return
    eq, v, bad = next((eq, v, bad) for eq in program.equations for v in eq.outputs if (bad := _bad(env[v], order)))
    k, place, c = bad
    xs = [raw(coefficient(x, 0)) for x in looked_up(env, eq.operands)]
    entries = [str(np.broadcast_to(x, v.shape)[place]) for x in xs] if eq.row.entrywise else []
    at = f" at {', '.join(entries)}" if entries else ""
    raise ValueError(
        f"{what}: {eq.row.name}{at} has no Taylor series, or one that is too large: coefficient {k} is {c} "
        f"(entry {place}, {eq.origin.line or program.name})"
    )


def _bad(y: Any, order: int) -> tuple[int, Shape, Any] | None:
    """The order, the entry and the value of the first coefficient that is not finite where the value is."""
    last = order if isinstance(y, Series) and not is_symbolic(y[0]) else 0
    for k, c in ((k, raw(y[k])) for k in range(1, last + 1) if y[k] is not None):
        places = np.argwhere(np.isfinite(raw(y[0])) & ~np.isfinite(c))
        if len(places):
            place = tuple(map(int, places[0]))
            return k, place, np.asarray(c)[place]
    return None


# ------------------------------------------------------------------------------------------------------ the polynomial


_RAISED = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


class Taylor(tuple[Any, ...]):
    """The coefficients c₀, c₁, … of ``f(x + h) = c₀ + c₁ h + c₂ h² + …``: the result of :func:`taylor`.

    It is a tuple. Called with a number h it is the value of the polynomial; printed, and in a notebook, it is the
    series. A number that is a fraction to the last digit of a float64 is written as one.

    Examples
    --------
    >>> import numpy as np, autograd_lite as ag
    >>> series = ag.taylor(np.cos, 0.0, 4)
    >>> print(series)
    cos(h) = 1 - h²/2 + h⁴/24 + O(h⁵)
    >>> round(float(series(0.1)), 6)
    0.995004
    """

    name: str
    point: Any

    def __new__(cls, coefficients: Iterable[Any], name: str = "f", point: Any = 0.0) -> Taylor:
        self = super().__new__(cls, coefficients)
        self.name, self.point = name, point
        return self

    def __getnewargs__(self) -> Values:
        return tuple(self), self.name, self.point

    def __call__(self, h: Any) -> Any:
        """The value of the polynomial, by Horner's rule."""
        value = self[-1]
        for c in self[-2::-1]:
            value = tree_map(lambda v, c: v * h + c, value, c)
        return value

    def __str__(self) -> str:
        powers = ["", "h", *(f"h{k}".translate(_RAISED) for k in range(2, len(self) + 1))]
        terms = [_factor(c, h) for c, h in zip(self, powers, strict=False)]
        text = " + ".join([t for t in terms if t] or ["0"]).replace("+ -", "- ")
        at = " + ".join([t for t in (_factor(self.point), "h") if t])
        return f"{self.name}({at}) = {text} + O({powers[len(self)]})"

    def _repr_latex_(self) -> str:
        text = re.sub("[⁰¹²³⁴⁵⁶⁷⁸⁹]+", lambda m: f"^{{{unicodedata.normalize('NFKC', m[0])}}}", str(self))
        return rf"$\operatorname{{{self.name}}}{text.removeprefix(self.name)}$"


def _factor(c: Any, h: str = "") -> str:
    """A coefficient times a power of h; nothing for zero."""
    if isinstance(c, (dict, list, tuple)):
        return f"… {h}".strip()
    c = np.asarray(raw(c))
    if not c.any() or c.shape or c.dtype.kind == "c" or not np.isfinite(c):
        text = np.array2string(c, precision=6, separator=", ", threshold=20).replace("\n", "")
        return f"{f'({text})' if c.dtype.kind == 'c' and not c.shape else text} {h}".strip() if c.any() else ""
    most = 10**7 if c.dtype == float else 100  # every number of float16 is a fraction
    from fractions import Fraction  # which takes longer to import than this module

    near, size, sign = Fraction(abs(float(c))).limit_denominator(most), abs(float(c)), "-" * bool(c < 0)
    if near.numerator > 1000 or abs(float(near) - size) > 4 * np.finfo(float).eps * size:
        return f"{sign}{size:.6g} {h}".strip()
    top = h if h and near.numerator == 1 else f"{near.numerator} {h}".strip()
    return f"{sign}{top}" + (f"/{near.denominator}" if near.denominator > 1 else "")
