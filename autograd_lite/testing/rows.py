"""Check a row of the table, at points that follow from the row.

An elementwise row needs no examples: its arguments are numbers of its domain, in every shape that broadcasts. Other
rows have examples, each ``rng -> (args, keywords)``. The checks here, the fuzzer and the mutation test all take their
arguments from these.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from itertools import islice
from typing import Any

import numpy as np

from ..base.tree import leaves, tree_map
from ..rules.scipy_special import declare
from ..table import OPTIONS, REAL, TABLE, Domain, Joint, Primitive
from .forms import check_forms
from .gradients import MODES, absorb, check_gradients
from .leaves import Array, Function, Params, Shape, Values, as_array, is_differentiable
from .numeric import CannotCheck
from .report import Report, named_like

REACH = 2.5  # how far from zero, or from the only end of a domain, numbers are drawn
Point = tuple[Values, Params]


def all_rows() -> list[Primitive]:
    """Every row of the table, SciPy's too where SciPy is installed."""
    if find_spec("scipy") is not None:
        declare("erf")
    return list(TABLE.values())


def domains(row: Primitive) -> Values:
    """The domain of each argument of an elementwise row."""
    if isinstance(row.domain, tuple):
        return row.domain
    return (row.domain if isinstance(row.domain, Domain) else REAL,) * len(row.rules)


def draw(domain: Any, shape: Shape, rng: np.random.Generator) -> Array:
    """Numbers inside a domain, away from its ends and holes."""
    if domain.whole:
        return rng.integers(1, 4, shape)
    low, high = domain.span(REACH)
    margin = 0.02 * (high - low)
    x = rng.uniform(low + margin, high - margin, shape)
    for hole in domain.holes:
        near = np.abs(x - hole) < margin
        x = np.where(near, hole + np.where(x < hole, -margin, margin) * rng.uniform(1, 2, shape), x)
    return x


def elementwise_point(row: Primitive, shape: Shape, rng: np.random.Generator) -> tuple[Array, ...]:
    """Arguments of an elementwise row, away from its kinks."""
    for _ in range(100):
        xs = tuple(draw(domain, shape, rng) for domain in domains(row))
        if isinstance(row.domain, Joint) and not np.all(row.domain.contains(*xs)):
            xs = (np.abs(xs[0]) + 0.1, *xs[1:])
        if not np.any(row.at_kink(*xs, within=1e-3)):
            return xs
    raise CannotCheck(f"{row.name}: no point off its kinks was found")


def points(row: Primitive, rng: np.random.Generator) -> Iterator[Point]:
    """Where to check a row: its examples; for an elementwise row, its domain and special values."""
    for example in row.examples:
        yield example(rng)
    if row.kind != "elementwise" or row.examples:
        return
    for shape in ((2, 3), ()):
        yield elementwise_point(row, shape, rng), {}
    xs = special_point(row)
    if xs[0].size:
        yield xs, {}
    if isinstance(row.domain, Joint) and len(row.rules) == 2:  # a power with whole exponents
        base, whole = (axis.ravel() for axis in np.meshgrid([0.0, -1.0, 0.5], [0, 1, 2, 3]))
        inside = row.domain.contains(base, whole)
        yield (base[inside], whole[inside]), {}


def special_point(row: Primitive) -> tuple[Array, ...]:
    """All combinations of 0, 1, -1 and 0.5 at which an elementwise row is smooth. Wrong formulas often fail there."""
    values = np.array([0.0, 1.0, -1.0, 0.5])
    xs = tuple(axis.ravel() for axis in np.meshgrid(*[values] * len(row.rules), indexing="ij"))
    with np.errstate(all="ignore"):
        joint = xs[0] > 0 if isinstance(row.domain, Joint) else np.ones(xs[0].shape, bool)
        fine = joint & np.all([d.contains(x) for d, x in zip(domains(row), xs, strict=True)], axis=0)
        fine &= ~row.at_kink(*xs)
        xs = tuple(x.astype(int) if d.whole else x for d, x in zip(domains(row), xs, strict=True))
        try:
            fine[fine] = np.isfinite(row.on_arrays(*(x[fine] for x in xs)))
        except TypeError:  # it needs more than its arguments
            fine[:] = False
    return tuple(x[fine] for x in xs)


def kink_points(row: Primitive) -> Iterator[tuple[Array, ...]]:
    """Kinks of an elementwise row: its derivative there must lie between the slopes of the two sides."""
    some = np.array([1.25, -0.75])
    if not callable(row.kinks):
        for kink in row.kinks:
            yield (np.full(2, float(kink)),) * len(row.rules)
    elif len(row.rules) == 2 and not row.examples:  # otherwise an argument may have no derivative
        for xs in ((some, some), (0 * some, 0 * some), (0 * some, some), (some, 0 * some)):
            if np.all(row.kinks(*xs)):
                yield xs


def check_row(
    row: Primitive, *, order: int | None = None, seed: int = 0, brief: bool = False, most: int | None = None
) -> Report:
    """Check everything that must hold for a row, at each of its points, in other dtypes, at kinks and at ties.

    The forms attached to it (``batch=``, ``source=``, ``scalar=``, ``onnx=``, …) must give what the row gives; a form
    that could not be computed is a note.

    Parameters
    ----------
    row : Primitive
    order : int, optional
        The highest order; by default 2, or 1 if the row says so.
    seed : int
        For the points, directions and cotangents.
    brief : bool
        Stop at the first point with an error.
    most : int, optional
        How many of its points are taken, kinks and ties left out; by default all.

    Returns
    -------
    Report

    Examples
    --------
    >>> from autograd_lite.table import TABLE
    >>> bool(check_row(TABLE["tanh"]))
    True
    """
    total = Report(row.name)
    order = order or row.order or 2
    rng = np.random.default_rng(seed)
    for k, (args, keywords) in enumerate(islice(points(row, rng), most)):
        _check_call(total, row, args, keywords, order, seed)
        if total.ok or not brief:
            check_forms(total, row, args, keywords)
        for dtype, limit in ((np.float32, 1), (np.complex128, order)) if k == 0 else ():
            other = of_dtype(row, args, keywords, dtype, rng)
            if other is not None and (total.ok or not brief):
                with _complex_may_raise(total, dtype):
                    _check_call(total, row, other, keywords, min(order, limit), seed)
        if not total.ok and brief:
            return total
    if most is None or not total.looked_at:
        _check_kinks_and_options(total, row, rng, order, seed)
    if not total.looked_at:
        raise CannotCheck(f"{row.name}: the row has no examples, so there is no point to check it at")
    return total


def _check_kinks_and_options(total: Report, row: Primitive, rng: np.random.Generator, order: int, seed: int) -> None:
    """Check a row at kinks and ties, each of several results alone, and a ``pull=`` as well as the partials."""
    for args in kink_points(row) if row.kind == "elementwise" else ():
        with suppress(CannotCheck):  # a jump, or an infinite slope
            _check_call(total, variant(row, domain=REAL), args, {}, 1, seed, modes=("reverse",))
    for args, keywords in points(row, rng):
        if row.kind != "elementwise":
            f = _named(_tied(row, args, keywords), row, keywords, ["t"])
            with suppress(CannotCheck, np.linalg.LinAlgError):  # a rounded matrix may be singular
                absorb(total, check_gradients(f, 1.0, order=1, kinks="note", seed=seed))
        for k in range(len(row.on_arrays(*args, **keywords)) if row.outputs else 0):  # the other cotangents are absent
            f = _named(_result(row, keywords, k), row, keywords)
            with suppress(CannotCheck):  # an integer result
                absorb(total, check_gradients(f, *args, order=order, kinks="note", seed=seed))
        if row.pull and (row.holomorphic or not np.iscomplexobj(args[0])):  # else the partial is for real numbers only
            _check_call(total, variant(row, pull=None), args, keywords, 1, seed)


def _tied(row: Primitive, args: Values, keywords: Params) -> Function:
    """A row at equal entries, where a maximum has a kink: moving all of them together has an ordinary slope."""
    rounded = tree_map(lambda v: np.round(as_array(v)) - 1 if is_differentiable(v) else v, args)
    return lambda t: row(*tree_map(lambda v: v + t if is_differentiable(v) else v, rounded), **keywords)


def _result(row: Primitive, keywords: Params, k: int) -> Function:
    return lambda *xs: row(*xs, **keywords)[k]


@contextmanager
def _complex_may_raise(total: Report, dtype: Any) -> Iterator[None]:
    """A row may raise for complex numbers, if the message says that they are the reason."""
    try:
        yield
    except (TypeError, ValueError, np.linalg.LinAlgError) as error:
        if dtype != np.complex128 or "complex" not in str(error):
            raise
        total.notes.append(f"complex numbers raise an error: {error}")


def _check_call(
    total: Report, row: Primitive, args: Values, keywords: Params, order: int, seed: int,
    modes: tuple[str, ...] = MODES,
) -> None:
    arrays = [as_array(v) for v in leaves(args) if is_differentiable(v)]
    if not any(a.size for a in arrays):
        return  # an empty example, for shapes only
    joint = not isinstance(row.domain, tuple | Domain)
    free = row.domain is REAL or any(a.dtype.kind == "c" for a in arrays) or (joint and bool(keywords))
    f = _named(lambda *xs: row(*xs, **keywords), row, keywords)
    domain = None if free else row.domain
    absorb(total, check_gradients(f, *args, order=order, domain=domain, kinks="note", seed=seed, modes=modes))


def _named(call: Function, row: Primitive, keywords: Params, names: Sequence[str] = ()) -> Function:
    """`call` with the row's signature and, for messages, the name that a reader would write."""
    f = named_like(call, row.fn if row.bind is None else row.bind, names)
    f.__name__ = row.np_name or row.name
    if keywords:
        f.__name__ = f"lambda *xs: {f.__name__}(*xs, {', '.join(f'{k}={v!r}' for k, v in keywords.items())})"
    return f


def of_dtype(
    row: Primitive, args: Values, keywords: Params, dtype: Any, rng: np.random.Generator
) -> Values | None:
    """Arguments converted to another dtype, or None if the function does not take it.

    For an elementwise row, complex ones have a positive real part, away from the branch cuts of logarithms and roots.
    """
    complex_ = np.dtype(dtype).kind == "c"
    if complex_ and row.kind == "elementwise":
        if any(rule is None for rule in row.rules):
            return None
        args = tuple(np.abs(x) * 0.25 + 0.1 for x in args)

    def converted(v: Any) -> Any:
        if not is_differentiable(v) or as_array(v).dtype != np.float64:
            return v
        x = as_array(v)
        return np.asarray(x + 0.25j * draw(REAL, x.shape, rng) if complex_ else x).astype(dtype)

    other = tree_map(converted, args)
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("error", np.exceptions.ComplexWarning)
            y = [as_array(v) for v in leaves(row.on_arrays(*other, **keywords))]
    except (TypeError, ValueError, np.exceptions.ComplexWarning):  # NumPy has no loop for it
        return None
    return other if all(v.dtype.kind in "fc" and np.isfinite(v).all() for v in y) else None


def variant(row: Primitive, **changes: Any) -> Primitive:
    """A copy of `row` with other options, not registered; ``variant(row, pull=None)`` uses its rules alone."""
    options = {name: getattr(row, name) for name in ("kind", "fn", "rules", "name", "np_name", *OPTIONS)}
    return Primitive(**options | changes)
