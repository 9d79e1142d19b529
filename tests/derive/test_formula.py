"""Formulas as trees: one traversal evaluates them, on arrays or on Tensors, and makes them again."""

import json

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.derive.factors import Combine, Edge
from autograd_lite.derive.formula import PRODUCT, multiplied, name, number, replaced
from autograd_lite.derive.formula_ops import conjugated, evaluate, recorded, substitute, unguarded
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
    y = evaluate(e, {"A": a, "B": ENV["B"]}, call=recorded)
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
    evaluate(make(TABLE["sin"], (inner,), {}, (2, 2)), ENV, done, call)
    assert calls == ["exp", "multiply", "sin"]


CASES = {  # how the factor meets the gradient, the shapes of the result, the factor and the argument, and the axes
    "entry by entry": ("elementwise", (3, 2), (3, 2), (3, 2), ()),
    "entry by entry, by a number": ("elementwise", (3, 2), (), (3, 2), ()),
    "entry by entry, of a row": ("elementwise", (3, 2), (2,), (2,), (0,)),
    "entry by entry, of a column": ("elementwise", (3, 2), (3, 2), (3, 1), (1,)),
    "entry by entry, of a number": ("elementwise", (3, 2), (3, 2), (), (0, 1)),
    "from the left": ("left", (3, 2), (4, 3), (4, 2), ()),
    "from the left, of a vector": ("left", (3,), (4, 3), (4,), ()),
    "from the right": ("right", (3, 2), (2, 4), (3, 4), ()),
    "from the right, of a batch": ("right", (5, 3, 2), (2, 4), (3, 4), (0,)),
    "a map": ("map", (3, 2), (4,), (4,), ()),
}


@pytest.mark.parametrize("case", CASES)
def test_a_factor_meets_the_gradient_above_in_formulas_as_in_numbers(case):
    combine, of, shape, wrt, axes = CASES[case]
    rng = np.random.default_rng(0)
    g, partial = rng.normal(size=of), rng.normal(size=shape)
    e = Edge(Combine(combine), name("D", shape), axes)
    below = e.below(name("g", of), e.formula, of, wrt)
    assert below.shape == wrt
    value = e.pulled(g, partial, of, wrt)
    assert value.shape == wrt
    np.testing.assert_allclose(evaluate(below, {"g": g, "D": partial}), value)
    dense = {"elementwise": lambda: g * partial, "left": lambda: partial @ g, "right": lambda: g @ partial}
    expected = dense.get(combine, lambda: partial)()
    np.testing.assert_allclose(value, np.sum(expected, axis=axes).reshape(wrt) if axes else expected)


def test_how_a_factor_meets_the_gradient_is_a_string():
    assert Combine.LEFT == "left"
    assert repr(Combine.MAP) == "'map'"
    assert Combine("elementwise") is Combine.ELEMENTWISE
    assert json.dumps([Combine.RIGHT]) == '["right"]'
