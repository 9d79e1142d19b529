"""One function for each kind of row. It makes the row and puts it into the table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .row import ROWS, TABLE, Primitive
from .signature import is_slot, parameters
from .status import public_name


def _add(row: Primitive, *numpy_functions: Any) -> Primitive:
    if row.name in TABLE:
        raise ValueError(f"the table already has a row called {row.name!r}; give this one another name=")
    for fn in numpy_functions:
        if fn in ROWS:
            raise ValueError(f"{fn.__name__} has a row, {ROWS[fn].name!r}; wrap it in a function of your own")
    TABLE[row.name] = row
    ROWS.update(dict.fromkeys(numpy_functions, row))
    return row


def _row(kind: str, fn: Callable[..., Any], rules: Sequence[Any], of: Any, options: dict[str, Any]) -> Primitive:
    """A row for `of`, or else `fn`. A function of NumPy gives it its name, and is found by the dispatch protocols."""
    of = of or fn
    numpys = (of,) if isinstance(of, np.ufunc) or str(getattr(of, "__module__", "")).startswith("numpy") else ()
    return _add(Primitive(kind, fn, rules, **_names(numpys) | options), *numpys)


def _names(numpy_functions: Sequence[Any]) -> dict[str, str]:
    """The names of the row for these functions of NumPy."""
    name = public_name(numpy_functions[0]) if numpy_functions else ""
    return {"name": name.removeprefix("np."), "np_name": name} if name.startswith("np.") else {}


def elementwise(fn: Callable[..., Any], *partials: Any, of: Any = None, **options: Any) -> Primitive:
    """A row whose result depends entry by entry on its (broadcast) arguments.

    Parameters
    ----------
    fn : callable
        The function on arrays.
    *partials : number, callable or None
        ``dy/dx`` for each argument; None for an argument that has no derivative.
    of : callable, optional
        The NumPy function whose derivative this is, where `fn` is not that function itself.
    **options
        See `autograd_lite.table.OPTIONS`.

    Examples
    --------
    >>> import autograd_lite as ag
    >>> softsign = elementwise(lambda x: x / (1 + abs(x)), lambda x: 1 / (1 + abs(x)) ** 2, name="softsign_example")
    >>> float(ag.grad(softsign)(1.0))
    0.25
    """
    return _row("elementwise", fn, partials, of, options)


def linear(fn: Callable[..., Any], *transposes: Any, of: Any = None, **options: Any) -> Primitive:
    """A row that is linear in its differentiable arguments taken together; each rule is a transpose of it.

    >>> import numpy as np, autograd_lite as ag
    >>> reversed_ = linear(lambda x: x[::-1], lambda g: g[::-1], name="linear_example")
    >>> ag.vjp(reversed_, np.array([1.0, 2.0]))[1](np.array([1.0, 0.0]))
    (array([0., 1.]),)
    """
    return _row("linear", fn, transposes, of, options)


def bilinear(fn: Callable[..., Any], *transposes: Any, of: Any = None, **options: Any) -> Primitive:
    """A row that is linear in each of its arguments; each rule is the transpose with the other argument fixed.

    >>> import numpy as np, autograd_lite as ag
    >>> twice = bilinear(
    ...     lambda a, b: 2 * a * b, lambda g, x2: 2 * g * x2, lambda g, x1: 2 * g * x1, name="bilinear_example"
    ... )
    >>> ag.grad(twice)(3.0, 5.0).item()
    10.0
    """
    return _row("bilinear", fn, transposes, of, options)


def general(fn: Callable[..., Any], *vjps: Any, of: Any = None, **options: Any) -> Primitive:
    """A row given by its vjp, from the cotangent of the result to that of the argument.

    >>> import numpy as np, autograd_lite as ag
    >>> length = general(lambda x: np.sqrt(np.sum(x * x)), lambda g, y, x: g * x / y, name="general_example")
    >>> ag.grad(length)(np.array([3.0, 4.0]))
    array([0.6, 0.8])
    """
    return _row("general", fn, vjps, of, options)


def constant(*functions: Any, **options: Any) -> None:
    """Rows whose derivative is zero wherever it exists.

    >>> import numpy as np, autograd_lite as ag
    >>> def parity_example(x):
    ...     return np.floor(x) % 2
    >>> constant(parity_example)
    >>> float(ag.grad(lambda x: x * TABLE["parity_example"](x))(3.5))
    1.0
    """
    for fn in functions:
        _row("constant", fn, (), None, options)


def composite(*numpy_functions: Any, **options: Any) -> Callable[[Callable[..., Any]], Primitive]:
    """Decorate a function written with other rows: it needs no rule, and is shown as one named step.

    >>> import numpy as np, autograd_lite as ag
    >>> @composite(name="composite_example")
    ... def swish(x):
    ...     return x * ag.sigmoid(x)
    >>> float(ag.grad(swish)(0.0))
    0.5
    """

    def add(fn: Callable[..., Any]) -> Primitive:
        row = Primitive("composite", fn, (), **_names(numpy_functions) | options)
        if numpy_functions:  # arrays go to NumPy itself
            row.on_arrays = numpy_functions[0]  # type: ignore[method-assign]  # for this row only
        return _add(row, *numpy_functions)

    return add


def define(*rules: Any, kind: str = "general", **options: Any) -> Callable[[Callable[..., Any]], Primitive]:
    """Make your own function on arrays a row: decorate it with its derivative. It is checked like any other.

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
        word = options.get("name") or fn.__name__
        _check_definition(fn, rules, kind, options, word)
        origin = (getattr(fn, "__module__", ""), getattr(fn, "__qualname__", ""))
        earlier = TABLE.get(word)
        if earlier is not None and earlier.origin == origin:  # a cell of a notebook that is run again
            del TABLE[word]
            for function in [function for function, row in ROWS.items() if row is earlier]:
                del ROWS[function]
        try:
            row = kinds[kind](fn, *rules, **options)
        except (TypeError, ValueError):
            if earlier is not None:
                TABLE[word] = earlier
            raise
        row.origin = origin
        row.direct = False  # it may return a view of its argument, or the argument itself
        row.builtin = False
        return row

    return add


def _check_definition(
    fn: Callable[..., Any], rules: Sequence[Any], kind: str, options: dict[str, Any], word: str
) -> None:
    """Raise for what a row of a user's function cannot be, with what to write instead."""
    if kind == "elementwise" and options.get("outputs"):
        raise TypeError(f"define: {word} has several results, and an elementwise row has one: write kind='general'")
    if options.get("bind") or options.get("variadic"):
        return
    taken = parameters(fn) if not isinstance(fn, np.ufunc) else {}
    arrays = [name for name, optional in taken.items() if not optional]
    if len(rules) < len(arrays):
        raise TypeError(
            f"define: {word} takes {len(arrays)} arguments ({', '.join(arrays)}) and has {len(rules)} "
            f"{'rule' if len(rules) == 1 else 'rules'}: give one for each, None for an argument without a derivative"
        )
    for rule in filter(callable, rules):
        asked = [name for name, optional in parameters(rule).items() if name in taken and not optional | is_slot(name)]
        if asked:
            names = ", ".join(taken)
            raise TypeError(
                f"define: a rule of {word} asks for {asked[0]!r}, a parameter of the function: name the arrays x, or "
                f"x1, x2, … in the rule, and make keyword parameters known with bind=lambda {names}: "
                f"(({', '.join(arrays)},), {{{asked[0]!r}: {asked[0]}}})"
            )
