"""Random programs over the table, each computed in every possible way, until the time is up.

    python -m autograd_lite.testing.fuzz --seconds 30
    python -m autograd_lite.testing.fuzz --seconds 600 --rows multiply,sum,getitem --seed 7

A program grows step by step on concrete numbers: a row is drawn, one of its points is taken, and some of the point's
arrays are replaced by values computed before, moved close to the point if the row's domain requires it. The program is
then run eagerly, traced and run again on other inputs, batched, emitted as NumPy source and run again, differentiated
in both modes and compared with differences. If two of these disagree, Hypothesis shrinks the program to the shortest
one that shows it, which is printed as source.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
from hypothesis import HealthCheck, Phase, given, reject, seed, settings, strategies as st

from ..base.tree import leaves, tree_map
from ..compiling import compiled
from ..derive import source
from ..program import trace
from ..table import TABLE, Domain, Primitive
from ..tensor import Tensor, tensor
from ..transforms.grad import vjp
from ..transforms.vmap import vmap
from .gradients import check_gradients
from .leaves import Array, Params, Values, as_array, is_differentiable
from .numeric import CannotCheck
from .report import GradientError, as_source, named_like
from .rows import all_rows, domains, points
from .strategies import arrays

LARGE = 50.0  # for larger numbers, differences of differences are meaningless
SIZE = 32  # entries of the largest array


@dataclass(frozen=True)
class Ref:
    """A value computed earlier: the k-th."""

    k: int

    def __repr__(self) -> str:
        return f"v{self.k}"


@dataclass(frozen=True)
class RowCall:
    """``v = row(*args, **keywords)``, where some of the arguments are values computed earlier."""

    row: Primitive
    args: Values
    keywords: Params
    part: int = -1  # which of several results is kept

    def run(self, values: Sequence[Any]) -> Any:
        args = tree_map(lambda v: values[v.k] if isinstance(v, Ref) else v, self.args)
        y = self.row(*args, **self.keywords)
        return y[self.part] if self.part >= 0 else y

    def source(self, k: int) -> str:
        args = [*map(as_source, self.args), *(f"{name}={as_source(v)}" for name, v in self.keywords.items())]
        part = f"[{self.part}]" if self.part >= 0 else ""
        return f"v{k} = {self.row.np_name or f'ag.{self.row.name}'}({', '.join(args)}){part}"


@dataclass(repr=False)
class Expression:
    """A random program: calling it runs the steps and returns the last value."""

    inputs: list[Array]
    steps: list[RowCall] = field(default_factory=list)
    values: list[Any] = field(default_factory=list)  # as computed on the inputs, while growing

    def __call__(self, *xs: Any) -> Any:
        values = list(xs)
        for step in self.steps:
            values.append(step.run(values))
        return values[-1]

    def __str__(self) -> str:
        n = len(self.inputs)
        lines = [f"v{k} = {as_source(x)}" for k, x in enumerate(self.inputs)]
        return "\n".join([*lines, *(step.source(n + k) for k, step in enumerate(self.steps))])

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """The form in which Hypothesis prints it."""
        printer.text("\n" + str(self))

    def grow(self, step: RowCall) -> Ref | None:
        """Add a step if its value is finite, real and of moderate size."""
        try:
            with np.errstate(all="ignore"):
                y = step.run(self.values)
                if isinstance(y, list | tuple):
                    part = next(k for k, v in enumerate(y) if as_array(v).dtype.kind == "f")
                    step, y = replace(step, part=part), y[part]
                y = as_array(y)
        except Exception:  # the row does not take these arguments
            return None
        if y.dtype != np.float64 or not 0 < y.size <= SIZE or not np.all(np.abs(y) < LARGE):
            return None
        self.steps.append(step)
        self.values.append(y)
        return Ref(len(self.values) - 1)


# -------------------------------------------------------------------------------------------------------------- growing


def candidates(names: Sequence[str] = ()) -> list[Primitive]:
    """The rows of which programs are made, simple ones first, so that programs shrink to them."""
    chosen = [TABLE[name] for name in names] if names else all_rows()
    rows = [row for row in chosen if row.kind != "constant" and (row.kind == "elementwise" or row.examples)]
    return sorted(rows, key=lambda row: ("elementwise", "linear", "bilinear", "general", "composite").index(row.kind))


@st.composite
def expressions(draw: Any, rows: Sequence[Primitive], most: int = 6) -> Expression:
    """A random program and its inputs."""
    inputs = [draw(arrays((2, 3), (-2.0, 2.0))) for _ in range(draw(st.integers(1, 2)))]
    grown = Expression(inputs, [], list(inputs))
    for _ in range(draw(st.integers(1, most))):
        row = draw(st.sampled_from(rows))
        rng = np.random.default_rng(draw(st.integers(0, 255)))
        at = list(points(row, rng))
        args, keywords = at[draw(st.integers(0, len(at) - 1))]
        mark = len(grown.steps)
        filled = tuple(_with_values(draw, grown, row, i, tree) for i, tree in enumerate(args))
        if not any(isinstance(v, Ref) for tree in filled for v in leaves(tree)):
            continue
        if grown.grow(RowCall(row, filled, keywords)) is None:
            del grown.steps[mark:], grown.values[len(inputs) + mark :]
    if not grown.steps:
        reject()
    return grown


def _with_values(draw: Any, grown: Expression, row: Primitive, i: int, tree: Any) -> Any:
    """One argument of a row's point, with some of its arrays replaced by earlier values."""

    def replaced(v: Any) -> Any:
        if not is_differentiable(v) or as_array(v).dtype != np.float64 or not as_array(v).size:
            return v
        # prefer later values, so that programs grow deep
        k = len(grown.values) - 1 - draw(st.integers(0, len(grown.values) - 1))
        free = row.kind == "elementwise" and not row.examples and _inside(domains(row)[i], as_array(grown.values[k]))
        return (Ref(k) if free else _near(grown, as_array(v), Ref(k))) or v

    return tree_map(replaced, tree)


def _inside(domain: Any, value: Array) -> bool:
    """True if a value lies in a row's domain, well away from its ends and holes."""
    if not isinstance(domain, Domain):
        return False
    ends = [e for e in (domain.low, domain.high, *domain.holes) if np.isfinite(e)]
    return bool(np.all(domain.contains(value))) and all(bool(np.all(np.abs(value - e) > 0.05)) for e in ends)


def _near(grown: Expression, point: Array, ref: Ref) -> Ref | None:
    """``point + tanh(value) / 20`` in the point's shape, so that it stays in any domain."""
    places = np.arange(point.size) % grown.values[ref.k].size
    steps = ("ravel",), ("take", places), ("reshape", point.shape), ("tanh",), ("multiply", 0.05), ("add", point)
    for name, *more in steps:
        new = grown.grow(RowCall(TABLE[name], (ref, *more), {}))
        if new is None:
            return None
        ref = new
    return ref


# ------------------------------------------------------------------------------------------------------------- checking


def check(program: Expression, order: int = 2) -> None:
    """Raise an error unless all ways to compute a program and its derivatives agree."""
    order = min([order, *(step.row.order or order for step in program.steps)])
    try:
        report = check_gradients(
            named_like(program, program, [f"v{k}" for k in range(len(program.inputs))]),
            *program.inputs,
            order=order,
            rtol=1e-4,
            atol=1e-8,  # all numbers here are of the order of one
            broadcast=False,
            kinks="note",
        )
    except CannotCheck:
        reject()
    if not report:
        report.reproduce = str(program)
        report.throw()
    _traced(program)
    _batched(program)
    _sourced(program)


@contextmanager
def _where_possible() -> Iterator[None]:
    """Leave the block at an error that says that a program has no such form."""
    try:
        yield
    except (RuntimeError, ValueError) as error:
        # np.emath looks at values.
        reasons = "on the traced inputs", "depends on values", "depends on none of its arguments"
        if not any(reason in str(error) for reason in reasons):
            raise


def _require_close(
    results: Any, expected: Any, what: str, shown: object, rtol: float = 1e-7, atol: float = 1e-9
) -> None:
    pairs = zip(leaves(results), leaves(expected), strict=True)
    if not all(np.allclose(a, b, rtol=rtol, atol=atol, equal_nan=True) for a, b in pairs):
        raise GradientError(f"{what}:\n{shown}")


def _moved(program: Expression) -> list[Array]:
    """Other inputs than those that a program was made for."""
    return [x + 0.01 for x in program.inputs]


def _cotangent(y: Any) -> Array:
    return np.cos(np.arange(1.0, np.size(y) + 1)).reshape(np.shape(y))


@_where_possible()
def _traced(program: Expression) -> None:
    """The traced program must agree with the eager one on other inputs."""
    other = _moved(program)
    with np.errstate(all="ignore"):
        y, expected = trace(program)(*program.inputs)(*other), program(*other)
    _require_close(y, expected, "the traced program computes something else than the eager one", program, 1e-12, 1e-300)


@_where_possible()
def _batched(program: Expression) -> None:
    """Values and gradients of a batch must be those of its examples one by one."""

    def values(*xs: Any) -> list[Any]:
        y, pull = vjp(program, *xs)
        return [y, *pull(np.ones(np.shape(y)))]

    points = program.inputs, _moved(program)
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "vmap: .* has no rule")
        results = vmap(values)(*map(np.stack, zip(*points, strict=True)))
        one_by_one = [values(*xs) for xs in points]
    for k, expected in enumerate(one_by_one):
        _require_close([y[k] for y in results], expected, "a batch is not its examples one by one", program)


def check_derived(program: Expression) -> None:
    """A derivation and a source must be written, and agree with the engine."""
    _explained(program)
    _sourced(program)


def _explained(program: Expression) -> None:
    """The derivation must give the engine's gradient, as text and as LaTeX."""
    with np.errstate(all="ignore"):
        y = program(*(tensor(x, requires_grad=True, name=f"v{k}") for k, x in enumerate(program.inputs)))
        loss = np.sum(y * _cotangent(y))
        if not isinstance(loss, Tensor) or not loss.requires_grad:
            return
        derivation = loss.explain()
        if "compose to" in str(derivation):
            raise GradientError(f"the derivation gives another gradient than the engine:\n{program}\n\n{derivation}")
        derivation.latex()


@_where_possible()
def _sourced(program: Expression) -> None:
    """The program's NumPy source, forward, backward and update, must agree with the engine on other inputs.

    What it returns lies in memory of its own.
    """
    other = _moved(program)
    with np.errstate(all="ignore"):
        code = source(program, *program.inputs, name="program", update="rate")
        y, pull = vjp(program, *other)
        g = _cotangent(y) if code.cotangent else np.ones(np.shape(y))
        cotangent = {code.cotangent: g} if code.cotangent else {}
        gradients = pull(g)
        stepped = [x - 0.1 * d for x, d in zip(other, gradients, strict=True)]
        weights = [np.array(x) for x in other]
        results = code(*weights, **cotangent, rate=0.1)
    shown = f"{program}\n\n{code}"
    what = "the program's source computes something else than the engine"
    _require_close([*results, *weights], [y, *gradients, *stepped], what, shown)
    arrays = [*weights, *cotangent.values()]
    for got in results:
        if any(np.may_share_memory(got, other) for other in arrays):
            raise GradientError(f"the program's source returns memory that is not its own:\n{shown}")
        arrays.append(got)


@_where_possible()
def check_compiled(program: Expression, backend: str = "numpy") -> None:
    """The compiled program, forward and backward, must agree with the engine, on other inputs too."""

    def both(*xs: Any) -> Any:
        y, pull = vjp(program, *xs)
        return y, pull(_cotangent(y))

    with np.errstate(all="ignore"):
        traced = trace(both)(*program.inputs)
        # Python's tanh and NumPy's may differ in the last digit, and then numbers are not equal any more.
        finds_equal = any(eq.row.kind == "constant" and not eq.row.is_ufunc for eq in traced)
        for small in (False,) if finds_equal or backend == "c" else (False, True):
            code = compiled(traced, small=small, backend=backend)
            for xs in (program.inputs, _moved(program)):
                expected = both(*xs)
                try:
                    results: Any = code(*xs)
                except Exception as error:  # not raised from here: its traceback names a new file for each program
                    results = error
                what = f"computes {results!r}, the engine {expected}"
                shown = f"{program}\n\n{code.source}\n{code.c_source or ''}"
                if isinstance(results, Exception):
                    raise GradientError(f"the compiled program {what}:\n{shown}")
                _require_close(results, expected, f"the compiled program {what}", shown)


def run(
    seconds: float, names: Sequence[str] = (), first: int = 0, order: int = 2, batch: int = 50,
    check: Callable[..., None] = check,
) -> int:
    """Try random programs for some time, and return their number; the exception of one that fails is raised."""
    rows, tried, start, number = candidates(names), 0, time.monotonic(), first
    while tried == 0 or time.monotonic() - start < seconds:

        @seed(number)
        @settings(
            max_examples=batch, deadline=None, database=None, report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck), phases=(Phase.generate, Phase.shrink),
        )  # fmt: skip
        @given(expressions(rows))
        def trial(program: Expression) -> None:
            nonlocal tried
            tried += 1
            check(program, order) if order else check(program)

        try:
            trial()
        except Exception as error:
            error.add_note(f"found in the batch with --seed {number}")
            raise
        number += 1
    return tried


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m autograd_lite.testing.fuzz", description=__doc__.split("\n\n")[0])
    parser.add_argument("--seconds", type=float, default=30.0, help="how long to run (default: 30)")
    parser.add_argument("--rows", default="", metavar="A,B,…", help="rows to build programs from (default: all)")
    parser.add_argument("--seed", type=int, default=0, help="the first batch's seed (default: 0)")
    parser.add_argument("--order", type=int, default=2, help="up to which order to differentiate (default: 2)")
    parser.add_argument("--compiled", action="store_true", help="compare compiled programs with the engine only")
    parser.add_argument("--backend", default="numpy", choices=("numpy", "c"), help="with --compiled: what they run as")
    parser.add_argument("--derived", action="store_true", help="write derivations and sources only")
    options = parser.parse_args(argv)
    warnings.simplefilter("ignore")
    names = [name for name in options.rows.split(",") if name]
    unknown = [name for name in names if name not in TABLE]
    if unknown:
        parser.error(f"no such row: {', '.join(unknown)}")
    start = time.monotonic()
    try:
        in_backend = partial(check_compiled, backend=options.backend)
        only = in_backend if options.compiled else check_derived if options.derived else None
        tried = run(options.seconds, names, options.seed, 0 if only else options.order, check=only or check)
    except Exception as error:
        print(f"{type(error).__name__}: {error}", *getattr(error, "__notes__", ()), sep="\n")
        return 1
    print(f"{tried} programs of {len(candidates(names))} rows in {time.monotonic() - start:.0f} s: all agree")
    return 0


if __name__ == "__main__":
    sys.exit(main())
