"""Known steps: what their textbooks say is what the engine computes, and it can be printed."""

from __future__ import annotations

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite import nn
from autograd_lite.derive.formula import constant, name
from autograd_lite.derive.textbook_parser import Written, formula
from autograd_lite.derive.writing import tex, text
from autograd_lite.nn import functional as F
from autograd_lite.table import TABLE
from autograd_lite.teach import worksheet
from autograd_lite.testing.rows import points

KNOWN = [row for row in TABLE.values() if row.textbook is not None and row.kind != "composite"]


def words_of(row, xs, params, y, g):
    results = y if row.outputs else (y,)
    words = {f"y{k + 1}": Written(name(f"y{k + 1}", np.shape(r)), r) for k, r in enumerate(results)}
    words |= {"y": Written(name("y", np.shape(results[0])), results[0])}
    words["g"] = Written(name("dL/dy", np.shape(g)), g)
    words |= {k: Written(constant(v) if isinstance(v, float) else None, v) for k, v in params.items()}
    for k, x in enumerate(xs):
        words[f"x{k + 1}"] = Written(name(f"x{k + 1}", np.shape(x)), x)
    words["x"] = words["x1"]
    return words


@pytest.mark.parametrize("row", KNOWN, ids=lambda row: row.name)
def test_a_rows_textbook_is_what_its_rule_computes(row):
    rng = np.random.default_rng(0)
    compared = 0
    for args, keywords in points(row, rng):
        bound = row.bind(*args, **keywords) if row.bind else (args, keywords)
        if type(bound) is not tuple:
            continue  # a rare keyword, composed of other rows
        xs, params = bound
        y = row.fn(*xs, **params)
        if row.name.startswith("linalg") and any(np.ndim(x) > 2 or not np.size(x) for x in xs):
            continue  # it is written for one matrix
        books = row.textbook(*xs, **params) if callable(row.textbook) else row.textbook
        for n, book in enumerate(books if row.outputs else (books,)):
            compared += book is not None and compared_with_its_rule(row, book, xs, params, y, n, rng)
    assert compared


def compared_with_its_rule(row, book, xs, params, y, n, rng):
    result = y[n] if row.outputs else y
    g = rng.normal(size=np.shape(result))
    words = words_of(row, xs, params, y, g)
    for word, stated in book.where.items():
        words[word] = Written(name(word), formula(stated, words).value)
    forms = [formula(stated, words) for stated in each(book.forward)]
    values = [form.value for form in forms if form.value is not None and np.all(np.isfinite(form.value))]
    for value in values:
        np.testing.assert_allclose(value, result, rtol=1e-10, atol=1e-12)
    for argument, stated in book.gradients.items():
        k = int(argument[1:] or 1) - 1
        try:
            found = [formula(form, words) for form in each(stated)]
        except np.linalg.LinAlgError:  # the rule is for singular matrices too
            continue
        assert all(text(form.expr) and tex(form.expr) for form in found)
        if found[-1].value is None or not np.all(np.isfinite(found[-1].value)):
            continue  # a derivation has the rule there
        rule = row.rule(k)
        above = tuple(g if j == n else None for j in range(len(y))) if row.outputs else g
        slots = {"g": above, "y": y, **params, **{w: x.value for w, x in words.items() if w.startswith("x")}}
        slots |= {f"{w}_shape": np.shape(v) for w, v in slots.items() if w.startswith("x")}
        slots |= {"x_dtype": np.asarray(xs[0]).dtype}
        right = rule(**{slot.name: slots[slot.name] for slot in row.slots(k, rule)}) if callable(rule) else rule
        right = right * g if row.kind == "elementwise" else right
        right, shape = unbroadcast(right, np.shape(xs[k]), g.shape), np.shape(xs[k])
        values = [unbroadcast(form.value, shape, g.shape) for form in found]
        assert any(np.allclose(value, right, rtol=1e-10, atol=1e-12) for value in values), (stated, right)
    return True


def unbroadcast(value, shape, full):
    """A cotangent summed along the axes along which the argument was repeated, as the engine does it."""
    if np.size(value) == np.prod(shape, dtype=int):
        return np.reshape(value, shape)
    value = np.broadcast_to(value, full) if np.ndim(value) < len(full) and np.ndim(value) < 2 else value
    value = value.sum(axis=tuple(range(value.ndim - len(shape))))
    return value.sum(axis=tuple(k for k, size in enumerate(shape) if size == 1), keepdims=True)


def each(forms):
    return tuple(filter(None, (forms,))) if isinstance(forms, str) else forms


def test_the_jacobian_of_softmax_is_the_one_stated():
    row, x = TABLE["softmax"], np.array([0.5, -1.0, 2.0])
    y = row(x)
    stated = formula(row.textbook.jacobian, words_of(row, (x,), {"axis": (0,)}, y, y))
    right = np.stack([row.rule(0)(e, y, (0,)) for e in np.eye(3)])
    np.testing.assert_allclose(stated.value, right, atol=1e-12)
    assert text(stated.expr) == "yᵢ (δᵢⱼ - yⱼ)"


def test_a_known_step_can_be_opened_and_is_derived_from_its_definitions():
    S, t = ag.tensor([[0.5, -1.0, 2.0], [0.0, 1.0, 0.0]], requires_grad=True, name="S"), np.array([2, 0])
    L = F.cross_entropy(S, t)
    L.name = "L"
    closed, opened = L.explain(S, {"t": t}), L.explain(S, {"t": t}, depth=1)
    assert "dL/dS = (P - Y) / n" in str(closed)
    for line in ("P = softmax(S)", "dL/dP = -Y / (2 P)", "dL/dS = P ⊙ (dL/dP - Σⱼ dL/dPⱼ Pⱼ)", "= ½ (P - Y)"):
        assert line in str(opened)
    assert opened.check() < 1e-12
    np.testing.assert_allclose(opened.totals[-1].value, closed.totals[-1].value, rtol=1e-12)


def test_what_no_row_computes_stays_closed():
    x, K = np.ones((1, 1, 3, 3)), ag.tensor(np.ones((1, 1, 2, 2)), requires_grad=True, name="K")
    L = np.sum(F.conv2d(x, K) ** 2)
    assert "x ⋆ K" in str(L.explain(K, {"x": x}, depth=1))
    assert L.explain(K, {"x": x}, depth=2).check() < 1e-12


@pytest.mark.parametrize("depth", [0, 1, 2, 3])
def test_a_layer_at_any_depth_has_the_same_gradients(depth):
    net = nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4), nn.Tanh(), nn.Linear(4, 2))
    loss = F.cross_entropy(net(np.ones((2, 3)) * [[0.1, 0.2, 0.4]]), [0, 1])
    d = loss.explain(depth=depth)
    assert d.check() < 1e-5  # in single precision
    assert "_pull" not in str(d)


def test_parts_of_an_array_and_their_gradients_joined():
    rng = np.random.default_rng(0)
    x = ag.tensor(rng.normal(size=(2, 5)), requires_grad=True, name="x")
    a, b = np.split(x, [2], axis=1)
    L = np.sum(np.exp(a)) + np.sum(np.tanh(b) ** 2)
    said = str(L.explain(x, {"a": a, "b": b}))
    assert "a = x[:, :2] " in said
    assert "b = x[:, 2:] " in said
    assert "dL/dx = [dL/da, dL/db]" in said
    sheet = worksheet(L, wrt=x, names={"a": a, "b": b})
    assert sheet.check({q.word: q.answer for q in sheet.questions})
    a, b = np.unstack(x)
    L = np.sum(a * np.sin(b))
    said = str(L.explain(x, {"a": a, "b": b}))
    assert "b = x[1] " in said
    assert "dL/dx = [dL/da; dL/db]" in said
