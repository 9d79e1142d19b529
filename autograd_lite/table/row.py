"""A primitive is one row of the table: a NumPy function together with its derivative.

The grammar of a row::

    exp      = elementwise(np.exp, lambda y: y, tex=r"e^{{{x}}}")
    multiply = elementwise(np.multiply, lambda x2: x2, lambda x1: x1)
    log      = elementwise(np.log, lambda x: 1 / x, domain=POSITIVE)
    matmul   = bilinear(np.matmul, lambda g, x2: ..., lambda g, x1: ...)
    sum      = linear(np.sum, lambda g, axis, keepdims, x_shape: ..., bind=reduction)

- *elementwise*: one partial derivative for each argument, ``dy/dx``, as a number or as a function of what it needs.
- *linear*, *bilinear*: the transpose for each argument: the cotangent ``g`` of the result in, that of the argument out.
- *general*: the same signature, for a function that is neither; called a vjp elsewhere.
- *constant*: the derivative is zero. Known, not forgotten.
- *composite*: written with other rows; needs no rule.

The parameter names of a rule say what it needs, and only that is kept until the backward pass:

====================  ===============================================================
``g``                 the cotangent of the result (a tuple where there are several results)
``y``                 the result (a tuple likewise)
``x``, ``x1, x2, …``  the array arguments (``x`` is ``x1``)
``xs``                all of them, for a row that takes a list of arrays
``i``                 which of them this is
``x_shape``, …        their shapes (also ``x1_shape``, ``x2_shape``, ``xs_shape``, ``y_shape``): nothing is kept for it
``x_dtype``           the dtype of the first: likewise
anything else         a keyword parameter of the function, by NumPy's name, already canonical
====================  ===============================================================

Rules are plain NumPy. They run on arrays, and on Tensors when a derivative of a derivative is wanted; so a rule never
writes into an array and never chooses a dtype. Undoing a broadcast, taking the real part, conjugating and casting back
to the argument's dtype is the engine's work, done once, in :mod:`autograd_lite.engine.node`.
"""

from __future__ import annotations

import inspect
import re
from _thread import RLock  # as threading has it, which takes longer to load
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from types import FunctionType
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from ..base.tree import too_deep

if TYPE_CHECKING:  # a name for annotations only: the ground floor imports NumPy alone
    from ..tensor import Tensor

# ------------------------------------------------------------------------------------------------------- domains


class Domain:
    """The open interval of the reals on which a derivative holds, less some points.

    Examples
    --------
    >>> POSITIVE.contains(np.array([-1.0, 0.0, 2.0]))
    array([False, False,  True])
    """

    def __init__(
        self, low: float = -np.inf, high: float = np.inf, holes: tuple[float, ...] = (), tex: str = r"\mathbb{R}"
    ) -> None:
        self.low, self.high, self.holes, self.tex = low, high, holes, tex

    def __repr__(self) -> str:
        holes = f", holes={self.holes}" if self.holes else ""
        return f"Domain({self.low}, {self.high}{holes})"

    def contains(self, x: Any) -> Any:
        inside = (x > self.low) & (x < self.high)
        for hole in self.holes:
            inside &= x != hole
        return inside


REAL = Domain()
POSITIVE = Domain(low=0.0, tex="x > 0")
NONZERO = Domain(holes=(0.0,), tex=r"x \neq 0")


def interval(low: float, high: float) -> Domain:
    """The open interval ``low < x < high``."""
    return Domain(low, high, tex=f"{low:g} < x < {high:g}".replace("inf", r"\infty"))


class Joint:
    """A domain that ties the arguments together, as in ``x1 ** x2``."""

    def __init__(self, contains: Callable[..., Any], tex: str) -> None:
        self.contains, self.tex = contains, tex

    def __repr__(self) -> str:
        return f"Joint({self.tex})"


# ------------------------------------------------------------------------------------------------------ the row

class Shelf(dict[Any, "Primitive"]):
    """Rows by a key. What is asked for and not there, or all of it, brings the rooms that are read late."""

    rest: Callable[[], None] | None = None  # reads them; for all shelves
    _reading = False
    _lock = RLock()

    def fill(self) -> None:
        """Read what has not been read yet; another thread waits until that is done."""
        if Shelf.rest is None:
            return
        with self._lock:
            if Shelf.rest is None or Shelf._reading:  # done meanwhile, or asked for by what is being read
                return
            Shelf._reading = True
            try:
                Shelf.rest()
                Shelf.rest = None
            finally:
                Shelf._reading = False

    def __missing__(self, key: Any) -> Primitive:
        self.fill()
        if (found := dict.get(self, key)) is None:
            raise KeyError(key)
        return found

    def get(self, key: Any, default: Any = None) -> Any:
        found = dict.get(self, key)
        if found is None and Shelf.rest is not None:
            self.fill()
            found = dict.get(self, key)
        return found or default

    def __contains__(self, key: object) -> bool:
        return self.get(key) is not None

    def __iter__(self) -> Iterator[Any]:
        self.fill()
        return dict.__iter__(self)

    def __len__(self) -> int:
        self.fill()
        return dict.__len__(self)

    def keys(self) -> Any:
        self.fill()
        return dict.keys(self)

    def values(self) -> Any:
        self.fill()
        return dict.values(self)

    def items(self) -> Any:
        self.fill()
        return dict.items(self)


TABLE = Shelf()  # every row, by its public name
ROWS = Shelf()  # the same, by the NumPy function that it differentiates

Y = 1  # the bit for "a rule needs the result"; argument k has the bit 2 << k
_ARGUMENT = re.compile(r"x(\d*)(_shape)?$")


class _Doc:
    """The docstring of a row is its function's; fetched when asked for: NumPy composes a ufunc's anew each time."""

    def __get__(self, row: Primitive | None, cls: type) -> str | None:
        return _ROW if row is None else row.fn.__doc__


_ROW = (
    "One row of the table. Call it as you would the NumPy function: Tensors in, a Tensor out; arrays in, an array out."
)


class Primitive:
    __doc__ = _Doc()
    ours = True  # False for a user's: what its rules return is looked at more closely

    def __init__(
        self,
        kind: str,
        fn: Callable[..., Any],
        rules: Sequence[Any],
        *,
        name: str | None = None,
        np_name: str | None = None,
        domain: Any = REAL,
        kinks: Any = (),
        tex: str | None = None,
        bind: Callable[..., Any] | None = None,
        pull: Sequence[Any] | None = None,
        jvp: Callable[..., Any] | None = None,
        variadic: bool = False,
        outputs: bool = False,
        order: int | None = None,
        holomorphic: bool = True,
        examples: Sequence[Any] = (),
        source: str | None = None,
    ) -> None:
        self.kind = kind
        self.fn = fn
        self.name = name or fn.__name__
        self.np_name = np_name or (f"np.{fn.__name__}" if isinstance(fn, np.ufunc) else None)
        self.rules = tuple(rules)
        self.domain = domain
        self.kinks = kinks
        self.tex = tex
        self.bind = bind
        self.pull = tuple(pull) if pull else ()
        self.jvp = jvp
        self.variadic = variadic
        self.outputs = outputs
        self.order = order
        self.holomorphic = holomorphic
        #: Whether a call is `fn` on the arguments as they stand, giving one new array: the engine's short road.
        self.direct = bind is None and kind != "composite" and not variadic and not outputs
        self.examples = tuple(examples)
        self.source = source  # the textbook formula in NumPy, where `fn` is longer than one would write on a slide
        self.__name__ = self.__qualname__ = self.name
        domains = domain if isinstance(domain, tuple) else (domain,)
        self.restricted = any(d is not REAL for d in domains)
        # What each rule needs is read now, so that a slip is an error where the row is declared. The one rule of a
        # variadic row is for as many arguments as there are.
        self.uses: Any = self._each(lambda i: _call(self, i, self._rule(i))[0])

    @cached_property
    def pulls(self) -> Any:
        """The compiled rules, made when the first of them is wanted: of 400 rows a program uses ten."""
        return self._each(lambda i: _compile(self, i, self._rule(i)))

    def _each(self, make: Callable[[int], Any]) -> Any:
        return _Each(make) if self.variadic else tuple(make(i) for i in range(len(self.rules)))

    def _rule(self, i: int) -> Any:
        """What is run for argument `i`: its ``pull=``, or else its rule."""
        return (self.pull[i] if i < len(self.pull) else None) or self.rule(i)

    @overload
    def __call__(self, x: Tensor, /, *args: Any, **params: Any) -> Tensor: ...
    @overload
    def __call__(self, x1: Any, x2: Tensor, /, *args: Any, **params: Any) -> Tensor: ...
    @overload
    def __call__(self, x: Sequence[Tensor], /, *args: Any, **params: Any) -> Tensor: ...
    @overload
    def __call__(self, *args: Any, **params: Any) -> Any: ...
    def __call__(self, *args: Any, **params: Any) -> Any:
        try:
            interpret = args[0].__autograd_apply__  # the usual case, found at once
        except (AttributeError, IndexError):
            interpret = _interpreter(args) or (_interpreter(params.values()) if params else None)
        if interpret is not None:
            return interpret(self, args, params)
        return self.plain(*args, **params)

    def plain(self, *args: Any, **params: Any) -> Any:
        """The function itself, on arrays."""
        if self.bind is None:
            return self.fn(*args, **params)
        bound = self.bind(*args, **params)
        if type(bound) is not tuple:  # a rare keyword: the answer, composed of other rows
            return bound
        args, params = bound
        return self.fn(*args, **params)

    def written(self, i: int) -> Any:
        """The pull as the rule says it, without the quicker ``pull=``: what formulas are made from."""
        return _compile(self, i, self.rule(i) if self.holomorphic else self._rule(i))

    def rule(self, i: int) -> Any:
        """The rule for argument `i`; a variadic row has one for all of them."""
        return self.rules[0] if self.variadic else self.rules[i]

    def __repr__(self) -> str:
        return f"<{self.kind} {self.name}>"

    def __reduce__(self) -> Any:
        return _row_called, (self.name,)


def _row_called(name: str) -> Primitive:
    """The row of this name: what pickle asks for."""
    return TABLE[name]


class _Each(dict[int, Any]):
    """A list that makes its entries when they are asked for."""

    def __init__(self, make: Callable[[int], Any]) -> None:
        self.make = make

    def __missing__(self, i: int) -> Any:
        self[i] = made = self.make(i)
        return made


def _interpreter(args: Iterable[Any]) -> Any:
    """The `__autograd_apply__` of the first argument that has one, one list deep: rows dispatch as NumPy does."""
    for a in args:
        found = getattr(type(a), "__autograd_apply__", None)
        if found is None and type(a) in (list, tuple):
            try:
                found = _interpreter(a)
            except RecursionError:
                raise too_deep(a) from None
        if found is not None:
            return found
    return None


def _compile(row: Primitive, i: int, rule: Any) -> Any:
    """Turn a rule for argument `i` into ``pull(g, y, xs, n) -> cotangent``.

    As `dataclasses` does, this writes one line of source, so that a rule costs a single call when it is used.
    """
    if rule is None:
        return None
    if not callable(rule):  # a partial that is a number; 1 copies nothing
        return {1: lambda g, y, xs, n: g, -1: lambda g, y, xs, n: -g}.get(rule, lambda g, y, xs, n: g * rule)
    call = _call(row, i, rule)[1]
    if row.kind == "elementwise" and rule is row.rule(i):
        call = f"g * {call}"
    pull = eval(f"lambda g, y, xs, n: {call}", {"rule": rule})  # our own line, see above
    if row.restricted:
        pull = _guarded(pull)
    return pull if row.ours else _kept_from_writing(pull)


def _parameters(fn: Callable[..., Any]) -> dict[str, bool]:
    """The names of a function's parameters, and whether each has a default: `inspect.signature` at a tenth."""
    if not isinstance(fn, FunctionType) or hasattr(fn, "__signature__") or hasattr(fn, "__wrapped__"):
        return {p.name: p.default is not p.empty for p in inspect.signature(fn).parameters.values()}
    code = fn.__code__
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    optional = {*names[code.co_argcount - len(fn.__defaults__ or ()) : code.co_argcount], *(fn.__kwdefaults__ or ())}
    return {name: name in optional for name in names}


def _call(row: Primitive, i: int, rule: Any) -> tuple[int, str]:
    """The bits of the values that a rule needs, and the call of it."""
    if not callable(rule):
        return 0, ""
    params = _parameters(row.bind) if row.bind else {}
    count = len(row.rules)
    uses, arguments = 0, []
    for name, optional in _parameters(rule).items():
        match = _ARGUMENT.match(name)
        k = int(match[1] or 1) - 1 if match else -1
        if name == "g":
            arguments.append("g")
        elif name == "y":
            uses |= Y
            arguments.append("y")
        elif name == "xs" and row.variadic:
            uses |= ~Y  # every argument
            arguments.append("xs")
        elif name == "i" and row.variadic:
            arguments.append(str(i))
        elif name == "y_shape":
            arguments.append("n.shape")
        elif name == "x_dtype":
            arguments.append("n.dtypes[0]")
        elif name == "xs_shape":
            arguments.append("n.shapes")
        elif match and 0 <= k < count and match[2]:
            arguments.append(f"n.shape_of({k})")
        elif match and 0 <= k < count:
            uses |= 2 << k
            arguments.append(f"xs[{k}]")
        elif optional and row.bind is None:
            continue  # as in `lambda g, k=k: ...`, written in a loop
        elif name in params or optional:
            arguments.append(f"n.params[{name!r}]")
        else:
            allowed = ["g", "y", *(f"x{j + 1}" for j in range(count)), *sorted(params)]
            raise TypeError(
                f"{row.name}: the rule for argument {i + 1} asks for {name!r}; it may ask for {', '.join(allowed)}, "
                "and the shapes of these (x1_shape, y_shape)"
            )
    return uses, f"rule({', '.join(arguments)})"


def _kept_from_writing(pull: Any) -> Any:
    """A user's rule gets a cotangent that it cannot write into: others may hold the same array."""

    def locked(g: Any) -> Any:
        if type(g) is tuple:
            return tuple(map(locked, g))
        if type(g) is np.ndarray:
            g = g.view()
            g.setflags(write=False)
        return g

    return lambda g, y, xs, n: pull(locked(g), y, xs, n)


def _guarded(pull: Any) -> Any:
    """A zero cotangent contributes zero even where the partial is infinite: ``where(x > 0, log(x), 0)`` at 0."""

    def safe(g: Any, y: Any, xs: Any, n: Any) -> Any:
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            d = pull(g, y, xs, n)
            raw = d if type(d) is np.ndarray else getattr(d, "_data", d)
            square = np.vdot(raw, raw)  # the cheapest pass that no nan survives
        if square == square:
            return d
        return np.where(np.isnan(raw) & (getattr(g, "_data", g) == 0), 0.0 * raw.real.dtype.type(0), d)

    return safe


# ------------------------------------------------------------------------------------- the kinds, one function each


def _add(row: Primitive, *numpy_functions: Any) -> Primitive:
    if row.name in TABLE:
        raise ValueError(f"the table already has a row called {row.name!r}; give this one another name=")
    for fn in numpy_functions:
        if fn in ROWS:
            raise ValueError(f"{fn.__name__} has a row, {ROWS[fn].name!r}; wrap it in a function of your own")
    TABLE[row.name] = row
    ROWS.update(dict.fromkeys(numpy_functions, row))
    return row


def _numpy(fn: Any) -> tuple[Any, ...]:
    """`fn` itself if it is NumPy's own, to be found by its dispatch protocols."""
    return (fn,) if isinstance(fn, np.ufunc) or str(getattr(fn, "__module__", "")).startswith("numpy") else ()


def elementwise(fn: Callable[..., Any], *partials: Any, of: Any = None, **options: Any) -> Primitive:
    """A row whose result depends entry by entry on its (broadcast) arguments.

    Parameters
    ----------
    fn : callable
        The function on arrays.
    *partials : number, callable or None
        ``dy/dx`` for each argument; None for an argument that has no derivative.
    of : callable, optional
        The NumPy function that this is the derivative of, where `fn` is not that function itself.
    **options
        ``name domain kinks tex pull order holomorphic``: see :class:`Primitive`.

    Examples
    --------
    >>> import autograd_lite as ag
    >>> softsign = elementwise(lambda x: x / (1 + abs(x)), lambda x: 1 / (1 + abs(x)) ** 2, name="softsign_example")
    >>> float(ag.grad(softsign)(1.0))
    0.25
    """
    return _add(Primitive("elementwise", fn, partials, **options), *_numpy(of or fn))


def linear(fn: Callable[..., Any], *transposes: Any, of: Any = None, **options: Any) -> Primitive:
    """A row that is linear in its differentiable arguments taken together; each rule is a transpose of it."""
    return _add(Primitive("linear", fn, transposes, **options), *_numpy(of or fn))


def bilinear(fn: Callable[..., Any], *transposes: Any, of: Any = None, **options: Any) -> Primitive:
    """A row that is linear in each of its arguments, the other one held."""
    return _add(Primitive("bilinear", fn, transposes, **options), *_numpy(of or fn))


def general(fn: Callable[..., Any], *vjps: Any, of: Any = None, **options: Any) -> Primitive:
    """A row given by its vjp: the cotangent of the result in, that of the argument out."""
    return _add(Primitive("general", fn, vjps, **options), *_numpy(of or fn))


def constant(*functions: Any, **options: Any) -> None:
    """Rows whose derivative is zero wherever there is one."""
    for fn in functions:
        _add(Primitive("constant", fn, (), **options), *_numpy(fn))


def composite(*numpy_functions: Any, **options: Any) -> Callable[[Callable[..., Any]], Primitive]:
    """Decorate a function written with other rows: it differentiates by itself, and is shown as one named step."""

    def add(fn: Callable[..., Any]) -> Primitive:
        row = Primitive("composite", fn, (), **options)
        row.plain = numpy_functions[0] if numpy_functions else fn  # type: ignore[method-assign]  # NumPy's own on arrays
        return _add(row, *numpy_functions)

    return add


def define(*rules: Any, kind: str = "general", **options: Any) -> Callable[[Callable[..., Any]], Primitive]:
    """Decorate your own function on arrays with its derivative: one row, the same checks.

    Examples
    --------
    >>> import numpy as np, autograd_lite as ag
    >>> @define(lambda g, x: g * 3 * x**2)
    ... def cube_example(x):
    ...     return x**3
    >>> float(ag.grad(cube_example)(2.0))
    12.0
    """
    kinds = {"elementwise": elementwise, "linear": linear, "bilinear": bilinear, "general": general}
    if kind not in kinds:
        raise ValueError(f"kind={kind!r}: a row is one of {', '.join(kinds)}")
    if not rules:
        raise TypeError("define: a rule for each argument is missing: @define(lambda g, x: ...)")

    def add(fn: Callable[..., Any]) -> Primitive:
        row = kinds[kind](fn, *rules, **options)
        row.direct = False  # it may return a view of its argument, or the argument itself
        row.ours = False
        return row

    return add
