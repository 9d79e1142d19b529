"""The emitted source of every row, at the row's own examples, run on other numbers, agrees with the engine."""

from __future__ import annotations

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.base.tree import leaves, rebuild
from autograd_lite.derive import source
from autograd_lite.table import TABLE
from autograd_lite.testing.leaves import as_array, is_differentiable
from autograd_lite.testing.numeric import CannotCheck
from autograd_lite.testing.rows import points

#: What these compute depends on the numbers that they are given (where zeros end, whether an answer is complex), so
#: there is no one program to write down.
CHOOSES = {"trim_zeros", *(row for row in TABLE if row.startswith("emath."))}


def cases():
    for row in TABLE.values():
        if row.kind == "constant":
            continue
        try:
            examples = list(points(row, np.random.default_rng(1)))
        except CannotCheck:
            continue
        for k, _ in enumerate(examples):
            yield pytest.param(row, k, id=f"{row.name}-{k}", marks=[pytest.mark.thorough] if k else [])


def combined(y):
    """One array of what a row returns: several results, weighted and added up."""
    parts = [p for p in leaves(y) if hasattr(p, "dtype") and p.dtype.kind in "fc"]
    if len(parts) == 1:
        return parts[0]
    total = 0.0
    for k, p in enumerate(parts):
        total = total + np.sum(np.real(p)) * (1 + 0.5 * k) + np.sum(np.imag(p)) * 0.25
    return total


@pytest.mark.parametrize(("row", "k"), list(cases()))
def test_source_of_a_row(row, k):
    args, keywords = list(points(row, np.random.default_rng(1)))[k]
    values = leaves(args)
    places = [j for j, v in enumerate(values) if is_differentiable(v)]

    def f(*xs):
        filled = list(values)
        for j, x in zip(places, xs, strict=True):
            filled[j] = x
        return combined(row(*rebuild(args, filled), **keywords))

    example = [np.array(as_array(values[j])) for j in places]
    fresh_args, _ = list(points(row, np.random.default_rng(2)))[k]
    fresh_values = leaves(fresh_args)
    fresh = [np.array(as_array(fresh_values[j])) for j in places]
    if [x.shape for x in fresh] != [x.shape for x in example]:
        pytest.skip("the shapes of this example are drawn too")
    if row.name in CHOOSES:
        with pytest.raises(RuntimeError, match="a straight program and cannot branch"):
            source(f, *example)
        return
    try:
        made = source(f, *example)
    except ValueError as error:
        assert "depends on none of its arguments" in str(error)  # noqa: PT017 - either is right, but not both
        np.testing.assert_array_equal(f(*fresh), f(*example))
        return
    assert "autograd_lite" not in made
    assert len(made.splitlines()) < 160, made
    y, pull = ag.vjp(f, *fresh)
    y = np.asarray(y)
    g = np.ones(y.shape, y.dtype)
    cotangent = {}
    if made.cotangent:
        g = np.random.default_rng(3).normal(size=y.shape).astype(y.dtype)
        cotangent = {made.cotangent: g}
    got, *gradients = made(*fresh, **cotangent)
    for order in "CF":  # what is a view depends on the layout
        laid_out = [np.array(x, order=order) for x in fresh]
        own_memory(made(*laid_out, **cotangent), [*laid_out, *cotangent.values(), *made.constants.values()], made)
    close(got, y, made)
    for mine, engine in zip(gradients, pull(g), strict=True):
        close(mine, engine, made)


def own_memory(results, others, made):
    others = [x for x in others if isinstance(x, np.ndarray)]
    for result in results:
        assert not any(np.shares_memory(result, x) for x in others), made
        others.append(result)


def close(mine, engine, made):
    mine, engine = np.asarray(mine), np.asarray(engine)
    assert mine.shape == engine.shape, made
    assert mine.dtype == engine.dtype, made
    np.testing.assert_allclose(mine, engine, rtol=1e-8, atol=1e-9, err_msg=made)
