"""Formulas as trees: one traversal evaluates them, on arrays or on Tensors, and makes them again."""

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.derive.expr import PRODUCT, multiplied, name, number, replaced
from autograd_lite.derive.expression import conjugated, evaluate, substitute, unguarded
from autograd_lite.derive.simplify import make
from autograd_lite.table import TABLE

A, B, C = (name(word, (2, 2)) for word in "ABC")
ENV = {"A": np.array([[1.0, -2.0], [3.0, 0.5]]), "B": np.full((2, 2), 3.0), "C": np.eye(2) + 1j}


@pytest.mark.parametrize("factors", [(A, B), (A, B, C), (number(2), A), (A, A, A, A)])
def test_a_product_is_evaluated_and_remade_like_any_other_row(factors):
    e = multiplied(factors, (2, 2))
    assert (e.role, e.row) == ("product", PRODUCT)
    expected = np.prod([np.broadcast_to(evaluate(f, ENV), (2, 2)) for f in factors], axis=0)
    np.testing.assert_allclose(evaluate(e, ENV), expected)
    np.testing.assert_allclose(evaluate(conjugated(e), ENV), np.conj(expected))
    np.testing.assert_allclose(evaluate(substitute(e, {"A": number(-1)}), ENV), evaluate(e, {**ENV, "A": -1.0}))
    np.testing.assert_allclose(evaluate(replaced(e, lambda part: B if part is A else None), {"B": 3.0, "C": 1.0}),
                               evaluate(e, {"A": 3.0, "B": 3.0, "C": 1.0}))  # fmt: skip
    np.testing.assert_allclose(evaluate(unguarded(e), ENV), expected)


def test_a_formula_is_recorded_on_tensors_by_the_same_evaluator():
    e = make(TABLE["exp"], (multiplied((A, B, number(2)), (2, 2)),), {}, (2, 2))
    a = ag.tensor(ENV["A"] / 10, requires_grad=True)
    y = evaluate(e, {"A": a, "B": ENV["B"]}, call=lambda part, args: part.row.fn(*args) if part.row is PRODUCT
                 else part.row(*args))  # fmt: skip
    y.sum().backward()
    np.testing.assert_allclose(a.grad, 6 * np.exp(6 * a.numpy()))


def test_what_was_evaluated_is_not_evaluated_again():
    calls = []

    def call(part, args):
        calls.append(part.head)
        return part.row.fn(*args)

    inner = make(TABLE["exp"], (A,), {}, (2, 2))
    done = {}
    evaluate(multiplied((inner, inner), (2, 2)), ENV, done, call)
    evaluate(make(TABLE["log"], (inner,), {}, (2, 2)), ENV, done, call)
    assert calls == ["exp", "multiply", "log"]
