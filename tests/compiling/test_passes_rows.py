"""For every row of the table, at each of its points: the compiled program returns what the row and its rules return."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from thorough import some

import autograd_lite as ag
from autograd_lite.base.tree import leaves, rebuild
from autograd_lite.compiling import compiled
from autograd_lite.table import Primitive
from autograd_lite.testing.leaves import as_array, is_differentiable
from autograd_lite.testing.rows import all_rows, points


def functions(row: Primitive) -> Iterator[tuple[Any, list[Any]]]:
    """A function of arrays for each point of a row, which returns the value and the gradients, and the arrays."""
    for args, keywords in points(row, np.random.default_rng(1)):
        flat = leaves(args)
        places = [k for k, v in enumerate(flat) if is_differentiable(v)]
        if not places:
            continue

        def value(*xs: Any, args: Any = args, flat: Any = flat, places: Any = places, keywords: Any = keywords) -> Any:
            filled = dict(zip(places, xs, strict=True))
            return row(*rebuild(args, [filled.get(k, v) for k, v in enumerate(flat)]), **keywords)

        arrays = [as_array(flat[k]) for k in places]
        y = value(*map(ag.tensor, arrays))
        parts = [cotangent(as_array(part)) for part in leaves(y)]

        def both(*xs: Any, value: Any = value, y: Any = y, parts: Any = parts) -> Any:
            y, pull = ag.vjp(value, *xs)
            return y, pull(rebuild(y, parts))

        smooth = row.kind != "constant" and all(as_array(v).dtype.kind == "f" for v in [*leaves(y), *arrays])
        yield (both if smooth else value), arrays


def cotangent(y: Any) -> Any:
    return np.cos(np.arange(1.0, y.size + 1)).reshape(y.shape).astype(y.dtype)


def traced(f: Any, arrays: list[Any]) -> Any:
    """The program of a function, or None if it chooses by value."""
    try:
        return ag.trace(f)(*arrays)
    except RuntimeError as error:
        if "on the traced inputs" not in str(error):
            raise
        return None


@pytest.mark.parametrize("row", all_rows(), ids=lambda row: row.name)
@pytest.mark.filterwarnings("ignore")
def test_a_compiled_program_returns_what_the_row_returns(row: Primitive) -> None:
    for f, arrays in some(functions(row)):
        program = traced(f, arrays)
        if program is None:
            continue
        run = compiled(program)
        other = [x * (1 - 2**-20) if x.dtype.kind in "fc" else x for x in arrays]
        with np.errstate(all="ignore"), warnings.catch_warnings():
            for xs in (arrays, other):
                expected = [as_array(v) for v in leaves(f(*map(ag.tensor, xs)))]
                kept = [x.copy() for x in xs]
                got = run(*xs)
                assert len(got) == len(expected)
                for a, b in zip(got, expected, strict=True):
                    assert type(a) is np.ndarray
                    assert (a.shape, a.dtype) == (b.shape, b.dtype)
                    scale = float(np.max(np.abs(b), initial=0.0, where=np.isfinite(b))) if b.dtype.kind in "fc" else 0.0
                    np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-13 * scale, equal_nan=True)
                    assert not any(np.shares_memory(a, x) for x in xs)
                for x, before in zip(xs, kept, strict=True):
                    np.testing.assert_array_equal(x, before)
