"""Compare random programs with PyTorch: values and gradients, run eagerly, as a traced program, and as source.

    python tools/programs_against_torch.py                             # 3,000 programs; minutes
    python tools/programs_against_torch.py --programs 500 --seed 7
    python tools/programs_against_torch.py --rows multiply,sum,tanh    # programs of these rows only

The programs come from ``autograd_lite.testing.fuzz``. A row is compared if PyTorch has a function of the same name, or
if it is in `OTHERWISE`, which has the functions that are called differently or have another meaning. If a row differs
from PyTorch at its own example points, its name is printed: either it is wrong, or it belongs in `OTHERWISE`.
``tools/against_torch.py`` compares single calls of `nn.functional`, with all options.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from typing import Any

import numpy as np
from hypothesis import HealthCheck, Phase, given, seed, settings

from autograd_lite.base.tree import tree_map
from autograd_lite.derive import source
from autograd_lite.program import trace
from autograd_lite.table import Primitive
from autograd_lite.testing.fuzz import Expression, Ref, candidates, expressions
from autograd_lite.testing.rows import points
from autograd_lite.transforms.grad import vjp

torch: Any = __import__("torch") if find_spec("torch") is not None else None

RTOL, ATOL = 1e-8, 1e-9  # float64 on both sides, but the formulas differ
BATCH = 100

#: How to call PyTorch where its arguments differ from NumPy's, or the same name has another meaning.
OTHERWISE: dict[str, Callable[..., Any]] = {
    "concatenate": lambda xs, axis=0: torch.cat([x.ravel() for x in xs] if axis is None else list(xs), axis or 0),
    "expand_dims": lambda a, axis: torch.unsqueeze(a, axis),
    "flip": lambda m, axis=None: torch.flip(m, _axes(m, axis)),
    "max": lambda a, axis=None, keepdims=False: torch.amax(a, _axes(a, axis), keepdims),
    "min": lambda a, axis=None, keepdims=False: torch.amin(a, _axes(a, axis), keepdims),
    "moveaxis": lambda a, source, destination: torch.movedim(a, source, destination),
    "power": lambda x1, x2: torch.pow(x1, x2),
    "prod": lambda a, axis=None, keepdims=False: (
        torch.prod(a).reshape((1,) * a.ndim if keepdims else ()) if axis is None else torch.prod(a, axis, keepdims)
    ),
    "roll": lambda a, shift, axis=None: torch.roll(a, shift, axis),
    "std": lambda a, axis=None, ddof=0, keepdims=False: torch.std(a, _axes(a, axis), correction=ddof, keepdim=keepdims),
    "var": lambda a, axis=None, ddof=0, keepdims=False: torch.var(a, _axes(a, axis), correction=ddof, keepdim=keepdims),
    "transpose": lambda a, axes=None: a.permute(*(range(a.ndim)[::-1] if axes is None else axes)),
    "getitem": lambda a, index: a[index],
    "where": lambda c, x, y: torch.where(torch.as_tensor(c), torch.as_tensor(x), torch.as_tensor(y)),
    "cbrt": lambda x: torch.sign(x) * torch.abs(x) ** (1 / 3),
    "conjugate": lambda x: torch.conj(x).resolve_conj(),
    "copy": lambda a: torch.clone(a),
    "degrees": lambda x: torch.rad2deg(x),
    "fabs": lambda x: torch.abs(x),
    "gradient": lambda f, *spacing, **keywords: _one(torch.gradient(f, *spacing, **keywords)),
    "loggamma": lambda x: torch.lgamma(x),
    "log_sigmoid": lambda x: torch.nn.functional.logsigmoid(x),
    "matrix_transpose": lambda x: x.mT,
    "matvec": lambda x1, x2: torch.einsum("...ij,...j", x1, x2),
    "meshgrid": lambda *xs, indexing="xy": torch.meshgrid(*xs, indexing=indexing),
    "percentile": lambda a, q, axis=None, keepdims=False: torch.quantile(a, q / 100, axis, keepdims),
    "ptp": lambda a, axis=None, keepdims=False: (
        torch.amax(a, _axes(a, axis), keepdims) - torch.amin(a, _axes(a, axis), keepdims)
    ),
    "radians": lambda x: torch.deg2rad(x),
    "repeat": lambda a, repeats, axis=None: torch.repeat_interleave(a, repeats, axis),
    "sort": lambda a, axis=-1: torch.sort(a, axis).values,
    "take_along_axis": lambda arr, indices, axis: torch.take_along_dim(arr, indices, axis),
    "unstack": lambda x, axis=0: torch.unbind(x, axis),
    "vecmat": lambda x1, x2: torch.einsum("...i,...ij", x1, x2),
}

#: Rows that are not compared, and why.
UNLIKE = {
    "kl_div": "another function in PyTorch",
    "linalg.cholesky": "only the lower triangle is read and has a gradient; PyTorch's gradient is symmetric",
    "linalg.eigvalsh": "only one triangle is read and has a gradient; PyTorch's gradient is symmetric",
    "linalg.lstsq": "PyTorch omits the residuals",
    "linalg.qr": "PyTorch returns Q even if only R is asked for",
    "median": "PyTorch's is the lower of the two in the middle",
    "nanmedian": "PyTorch's is the lower of the two in the middle",
    "nextafter": "its derivative is 1; PyTorch has none and uses zero",
    **dict.fromkeys(("svd", "linalg.svd", "linalg.eig", "linalg.eigh"), "vectors are unique only up to a factor"),
}


def _one(found: Any) -> Any:
    return found[0] if len(found) == 1 else found


def _axes(a: Any, axis: Any) -> tuple[int, ...]:
    return tuple(range(a.ndim)) if axis is None else tuple(np.atleast_1d(axis).tolist())


class NoCounterpart(Exception):
    """PyTorch has no such function, or it does not take these arguments."""


def counterpart(row: Primitive) -> Callable[..., Any] | None:
    """PyTorch's function for a row, or None."""
    if row.name in OTHERWISE:
        return OTHERWISE[row.name]
    if row.name in UNLIKE:
        return None
    *path, name = row.name.split(".")
    places = [getattr(torch, *path, None)] if path else [torch, torch.special, torch.nn.functional]
    return next((getattr(place, name) for place in places if hasattr(place, name)), None)


def called(row: Primitive, args: Any, keywords: dict[str, Any]) -> Any:
    """The result of PyTorch's function for a row."""
    fn = counterpart(row)
    if fn is None or keywords.get("axis") == ():  # which means all axes in PyTorch
        raise NoCounterpart(row.name)
    try:
        return fn(*(_torchs(a) for a in args), **keywords)
    except (TypeError, RuntimeError, AttributeError, ValueError, IndexError) as error:
        raise NoCounterpart(row.name) from error


def _torchs(tree: Any) -> Any:
    def one(x: Any) -> Any:
        return torch.as_tensor(np.array(x)) if isinstance(x, np.ndarray | np.floating) else x

    return tree_map(one, tree)


def by_torch(program: Expression) -> tuple[Any, list[Any]]:
    """The value and the gradients of a program by PyTorch, as arrays."""
    xs = [torch.tensor(x, requires_grad=True) for x in program.inputs]
    values = list(xs)
    for step in program.steps:
        args = tree_map(lambda v: values[v.k] if isinstance(v, Ref) else v, step.args)
        y = called(step.row, args, step.keywords)
        y = y[step.part] if step.part >= 0 else y
        if not isinstance(y, torch.Tensor) or y.dtype != torch.float64:
            raise NoCounterpart(step.row.name)
        values.append(y)
    y = values[-1]
    if y.requires_grad:
        try:
            y.backward(torch.as_tensor(cotangent(y.shape)))
        except RuntimeError as error:  # PyTorch has no such derivative
            raise NoCounterpart(str(error)) from error
    return y.detach().numpy(), [np.zeros(x.shape) if x.grad is None else x.grad.numpy() for x in xs]


def cotangent(shape: Any) -> Any:
    return np.cos(np.arange(int(np.prod(shape)))).reshape(tuple(shape))


def by_us(way: str, program: Expression) -> tuple[Any, list[Any]]:
    """The same by the library: "eager", "traced" or "source"."""
    other = [x + 0.01 for x in program.inputs]
    if way == "source":
        made = source(program, *other, name="program")
        seed = {} if made.cotangent is None else {made.cotangent: cotangent(np.shape(program.values[-1]))}
        y, *found = made(*program.inputs, **seed)
        return y, found if seed or not found else [cotangent(np.shape(y)).item() * g for g in found]
    y, pull = vjp(trace(program)(*other) if way == "traced" else program, *program.inputs)
    return y, pull(cotangent(np.shape(y)))


def agree(a: Any, b: Any) -> bool:
    return np.shape(a) == np.shape(b) and np.allclose(a, b, rtol=RTOL, atol=ATOL, equal_nan=True)


def comparable(rows: Sequence[Primitive]) -> tuple[list[Primitive], list[str]]:
    """The rows that agree with PyTorch at their example points, and the names of those that differ."""
    good, other = [], []
    for row in rows:
        same = []
        for args, keywords in points(row, np.random.default_rng(0)):
            try:
                theirs = called(row, args, keywords)
            except NoCounterpart:
                continue
            y = row(*args, **keywords)
            pairs = zip(y, theirs, strict=False) if isinstance(y, list | tuple) else [(y, theirs)]
            same.append(all(isinstance(b, torch.Tensor) and agree(a, b.resolve_conj().numpy()) for a, b in pairs))
        if same and all(same):
            good.append(row)
        elif same:
            other.append(row.name)
    return good, other


class Results:
    """How many programs had which outcome, and an example of each kind of difference."""

    def __init__(self) -> None:
        self.count: dict[str, Counter[str]] = defaultdict(Counter)
        self.examples: dict[tuple[str, str, str], str] = {}

    def compare(self, program: Expression) -> None:
        with np.errstate(all="ignore"):
            try:
                value, gradients = by_torch(program)
            except NoCounterpart:
                self.count["eager"]["no counterpart"] += 1
                return
            for way in ("eager", "traced", "source"):
                self.count[way][self.outcome(way, program, value, gradients)] += 1

    def outcome(self, way: str, program: Expression, value: Any, gradients: list[Any]) -> str:
        try:
            y, found = by_us(way, program)
        except RuntimeError as error:
            if "on the traced inputs" in str(error):
                return "branch on a value"
            raise
        except ValueError as error:
            if "depends on none" in str(error):
                return "constant"
            raise
        except ArithmeticError as error:
            return self.differs(way, "error", program, str(error))
        if not agree(y, value):
            return self.differs(way, "value", program, f"{y}\nPyTorch: {value}")
        if not all(agree(g, h) for g, h in zip(found, gradients, strict=True)):
            return self.differs(way, "gradient", program, f"{found}\nPyTorch: {gradients}")
        return "same"

    def differs(self, way: str, what: str, program: Expression, text: str) -> str:
        self.examples.setdefault((way, what, program.steps[-1].row.name), f"{program}\n{text}")
        return f"differ: {what}"

    def table(self) -> str:
        kinds = list(dict.fromkeys(k for counter in self.count.values() for k in sorted(counter)))
        lines = [f"{'':8}" + "".join(f"{k:>20}" for k in kinds)]
        lines += [f"{way:8}" + "".join(f"{c[k]:>20,}" for k in kinds) for way, c in self.count.items()]
        return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--programs", type=int, default=3000, help="how many (default: 3000)")
    parser.add_argument("--seed", type=int, default=0, help="the first batch's seed (default: 0)")
    parser.add_argument("--rows", default="", metavar="A,B,…", help="rows to build programs from (default: all)")
    options = parser.parse_args(argv)
    if torch is None:
        print("PyTorch is not installed, so there is nothing to compare with: pip install torch")
        return 1
    warnings.simplefilter("ignore")
    rows, other = comparable(candidates([name for name in options.rows.split(",") if name]))
    results, number, done = Results(), options.seed, 0
    while done < options.programs:

        @seed(number)
        @settings(max_examples=BATCH, deadline=None, database=None, suppress_health_check=list(HealthCheck),
                  phases=(Phase.generate,))  # fmt: skip
        @given(expressions(rows))
        def trial(program: Expression) -> None:
            nonlocal done
            done += 1
            results.compare(program)

        trial()
        number += 1
    for (way, what, row), text in results.examples.items():
        print(f"--- {way}, {what}, last row {row}\n{text}\n")
    print(f"{done:,} programs of {len(rows)} rows; rows that differ at their own points: {', '.join(other) or 'none'}")
    print(results.table())
    return int(bool(results.examples))


if __name__ == "__main__":
    sys.exit(main())
