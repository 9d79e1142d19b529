"""The pattern of every row of the table, at its examples, has every entry that its Jacobian has at some point."""

import numpy as np
import pytest
from thorough import mostly_thorough, some

import autograd_lite as ag
from autograd_lite.base.tree import leaves, rebuild
from autograd_lite.engine.operands import raw
from autograd_lite.testing.leaves import is_differentiable
from autograd_lite.testing.rows import all_rows, points

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning", "ignore:vmap")
ROWS = sorted((row for row in all_rows() if row.builtin and row.kind != "constant"), key=lambda row: row.name)

BRANCHES = "depends on the traced inputs"


def one_argument(row, args, keywords, place):
    """The row as a function of one leaf of its arguments, whose results are one vector."""
    values = leaves(list(args))

    def f(x):
        moved = list(values)
        moved[place] = x
        y = leaves(row(*rebuild(list(args), moved), **keywords))
        y = [part for part in y if np.result_type(raw(part)).kind in "fc"]
        if not y:
            return np.zeros(0)
        return np.concatenate([np.ravel(part) for part in y])

    return f, values[place]


def found(f, x):
    """The pattern, and the Jacobian; at this point alone where the function branches on values."""
    try:
        return ag.sparsity(f)(x), ag.sparse_jacobian(f)
    except RuntimeError as error:
        if BRANCHES not in str(error) or "local=True" not in error.__notes__[-1]:
            raise
        return ag.sparsity(f, local=True)(x), ag.sparse_jacobian(f, local=True)


def dense(f, x):
    """The dense Jacobian as a matrix, or None if the row has none here."""
    try:
        J = ag.jacobian(f)(x)
    except (TypeError, RuntimeError, ValueError, np.linalg.LinAlgError):
        return None
    return J.reshape(-1, x.size) if x.size else J.reshape(len(J), 0)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_no_entry_is_missed(row):
    rng = np.random.default_rng(0)
    for args, keywords in some(list(points(row, rng)), 2):
        for place, leaf in enumerate(leaves(list(args))):
            if not isinstance(leaf, np.ndarray) or not is_differentiable(leaf):
                continue
            f, x = one_argument(row, args, keywords, place)
            expected = dense(f, x)
            if expected is None:
                continue
            pattern, jacobian = found(f, x)
            assert pattern.shape == expected.shape
            assert not np.any(expected[~pattern.toarray()])
            if np.all(np.isfinite(expected)):
                np.testing.assert_allclose(jacobian(x).toarray(), expected, rtol=1e-10, atol=1e-10)
            turned = x.copy(order="K")  # in the same layout
            turned.flat = x.ravel()[::-1]  # other entries are the largest
            elsewhere = dense(f, turned)
            if elsewhere is not None and elsewhere.shape == pattern.shape and not jacobian.local:
                assert not np.any(elsewhere[~pattern.toarray()])


TWICE = mostly_thorough([row for row in ROWS if row.order is None], 0)


@pytest.mark.parametrize("row", TWICE, ids=lambda row: row.name)
def test_no_pair_is_missed(row):
    """The Hessian of a weighted sum of the results."""
    args, keywords = next(points(row, np.random.default_rng(0)))
    for place, leaf in enumerate(leaves(list(args))):
        if not isinstance(leaf, np.ndarray) or not is_differentiable(leaf) or leaf.dtype.kind == "c":
            continue
        of_leaf, x = one_argument(row, args, keywords, place)

        def weighted(x, of_leaf=of_leaf):
            y = np.real(of_leaf(x))
            return np.sum(y * np.cos(np.arange(1.0, len(y) + 1)))

        expected = dense(ag.grad(weighted), x)
        if expected is None or not np.all(np.isfinite(expected)):
            continue
        try:
            hessian = ag.sparse_hessian(weighted)(x)
        except RuntimeError as error:
            if BRANCHES not in str(error):
                raise
            hessian = ag.sparse_hessian(weighted, local=True)(x)
        np.testing.assert_allclose(hessian.toarray(), expected, rtol=1e-9, atol=1e-9)
