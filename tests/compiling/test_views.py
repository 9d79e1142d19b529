"""Results that share memory with an operand: the compiler knows of each, so none is overwritten before it is read."""

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
from autograd_lite.testing.leaves import as_array
from autograd_lite.testing.rows import all_rows, points

rng = np.random.default_rng(0)


def entries(x: Any) -> Iterator[Any]:
    """An operand in other shapes, dtypes and layouts: a function may return its argument for some of them only."""
    yield x
    if not isinstance(x, np.ndarray) or not x.size:
        return
    if x.ndim:
        yield x[0].copy()
        yield x[:1].copy()
        yield np.ones((1,) * x.ndim, x.dtype)
    yield np.array(x.ravel()[0])
    yield np.asfortranarray(x)
    if x.dtype.kind in "fc":
        yield from (x.real.astype("f"), x + 0j, np.round(x.real).astype(int), x.real > 0)


def parameters(v: Any) -> list[Any]:
    """Other values of a keyword parameter, such as those that leave an array as it is."""
    if isinstance(v, bool) or v is None:
        return [True, False, None]
    if isinstance(v, int):
        return [0, 1, -1]
    if isinstance(v, float):
        return [0.0, 1.0]
    if isinstance(v, tuple) and all(isinstance(part, int) for part in v):
        return [(0,) * len(v), (1,) * len(v), tuple(range(len(v))), ()]
    return []


def calls(row: Primitive) -> Iterator[tuple[list[Any], dict[str, Any]]]:
    """Operands and keyword parameters of a row in canonical form, those of its points and others like them."""
    for args, keywords in points(row, np.random.default_rng(1)):
        try:
            bound = (args, keywords) if row.bind is None else row.bind(*args, **keywords)
        except TypeError:  # of Tensors only
            continue
        if type(bound) is not tuple or len(bound) != 2 or not isinstance(bound[1], dict):
            continue
        operands, params = [x if isinstance(x, (int, float)) else np.asarray(x) for x in bound[0]], bound[1]
        others = [list(entries(x)) for x in operands]
        for k in range(max(map(len, others), default=0)):
            yield [each[min(k, len(each) - 1)] for each in others], params
        for i, each in enumerate(others):
            for x in each[1:]:
                yield [*operands[:i], x, *operands[i + 1 :]], params
        for name, v in params.items():
            for other in parameters(v):
                yield operands, {**params, name: other}


@pytest.mark.parametrize("row", [r for r in all_rows() if r.kind != "composite"], ids=lambda row: row.name)
def test_a_row_shares_memory_with_its_first_operand_only_and_says_so(row: Primitive) -> None:
    if isinstance(row.fn, np.ufunc):
        return  # it returns a new array
    checked = 0
    for operands, params in calls(row):
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                y = row.fn(*operands, **params)
            except Exception:
                continue  # a varied parameter that the row does not take
        checked += 1
        for part in y if row.outputs else (y,):
            shared = [i for i, x in enumerate(operands) if isinstance(x, np.ndarray) and np.shares_memory(x, part)]
            assert not shared or row.view and shared == [0], (operands, params)
    assert checked or row.kind == "constant"  # most of these have no examples


def programs(row: Primitive) -> Iterator[tuple[Any, list[Any]]]:
    """For each point of a row a function that computes its arguments, calls it, and then computes more."""
    for args, keywords in points(row, np.random.default_rng(1)):
        flat = leaves(args)
        places = [k for k, v in enumerate(flat) if as_array(v).dtype.kind in "fc"]
        if not places:
            continue

        def f(*xs: Any, args: Any = args, flat: Any = flat, places: Any = places, keywords: Any = keywords) -> Any:
            values = {k: x + x * 0.5 - x * 0.5 for k, x in zip(places, xs, strict=True)}  # in a buffer
            y = row(*rebuild(args, [values.get(k, v) for k, v in enumerate(flat)]), **keywords)
            later = [np.tanh(np.cos(x + x) * 2.0) * np.cos(x) for x in xs for _ in range(2)]
            return y, later

        yield f, [as_array(flat[k]) for k in places]


def is_written_otherwise(row: Primitive) -> bool:
    """Whether a compiled program does not just call the row's function."""
    return bool(row.view or row.emit or row.out or row.definition or row.joins) or row.algebra == "gather"


@pytest.mark.parametrize("row", list(filter(is_written_otherwise, all_rows())), ids=lambda row: row.name)
@pytest.mark.filterwarnings("ignore")
def test_a_result_is_not_overwritten_by_what_follows_nor_by_the_next_call(row: Primitive) -> None:
    for f, arrays in some(programs(row)):
        try:
            program = ag.trace(f)(*arrays)
        except RuntimeError as error:
            if "on the traced inputs" not in str(error):
                raise
            continue
        run = compiled(program, small=False)
        with np.errstate(all="ignore"):
            expected = [as_array(v) for v in leaves(f(*map(ag.tensor, arrays)))]
            results = run(*arrays)
            run(*(0.5 * x for x in arrays))
        for y, e in zip(results, expected, strict=True):
            np.testing.assert_allclose(y, e, rtol=1e-10, atol=1e-10, equal_nan=True)


X = rng.normal(size=(4, 300))


@pytest.mark.parametrize(
    "row_of",
    [lambda s, k: s[k], lambda s, k: np.take(s, k, 0), lambda s, k: s[k, 1:200:2], lambda s, k: s[:, k],
     lambda s, k: s.T[..., k], lambda s, k: s[np.argmax(np.sum(s, 1))], lambda s, k: np.squeeze(s[None], 0)[k],
     lambda s, k: s[k][None], lambda s, k: s[k, k], lambda s, k: np.roll(s, k, 0)],
)  # fmt: skip
def test_a_row_at_a_traced_position(row_of):
    def f(x, k):
        row = row_of(np.sin(x), k)
        z = np.tanh(np.cos(x) * 2)
        return np.sum(row) * z, row, z @ z.T

    run = ag.jit(f)
    first = run(X, 1)
    kept = [y.copy() for y in first]
    second = run(X + 1, 2)
    for y, k, e in zip(first, kept, f(X, 1), strict=True):
        np.testing.assert_array_equal(y, k)
        np.testing.assert_allclose(y, e, rtol=1e-12)
    for y, e in zip(second, f(X + 1, 2), strict=True):
        np.testing.assert_allclose(y, e, rtol=1e-12)


@pytest.mark.parametrize(
    "row_of", [lambda W, k: W[k], lambda W, k: np.take(W, k, 0), lambda W, k: W[0], lambda W, k: W.T]
)
def test_a_step_returns_the_row_before_its_update(row_of):
    def step(k):
        row = row_of(W, k)
        (row**2).sum().backward()
        with ag.no_grad():
            W.data = W.data - 0.3 * W.grad
        W.grad = None
        return row

    run = ag.jit(step)
    for k in (0, 1):
        W = ag.tensor(X.copy(), requires_grad=True)
        row = run(k)
        np.testing.assert_array_equal(row.detach().numpy(), row_of(X, k))
        assert not np.array_equal(W.numpy(), X)
