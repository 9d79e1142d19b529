"""What a picture and its page write: formulas with indices, conventions, all numbers, no rounding errors."""

import html
import re

import numpy as np

import autograd_lite as ag
from tests.drawing.test_drawing import can_render


def test_sums_of_products_have_indices_that_are_no_names():
    def f(u, v, j):
        pos = np.sum(u * v, axis=1)
        return np.sum(pos**2) * j

    picture = ag.trace(f, np.eye(3, 2), np.ones((3, 2)), 2.0).draw()
    assert "posᵢ = Σₖ uᵢₖ vᵢₖ" in repr(picture)
    assert "∂L/∂uᵢₖ = ∂L/∂posᵢ vᵢₖ" in repr(picture)
    assert "einsum" not in picture.source


def test_rounding_errors_are_zero_but_not_in_inputs():
    def f(x, tiny):
        a = x * 3.0 - 0.3
        return np.sum(a * a + a) + tiny

    picture = ag.trace(f, np.array([0.1, 0.5]), 1e-16).draw()
    items = {i.name: i for i in picture.scene.items}
    assert 0 < abs(0.1 * 3.0 - 0.3) < 1e-15
    np.testing.assert_array_equal(items["a"].value == 0, [True, False])
    assert items["tiny"].value == 1e-16


def test_the_signs_of_a_partial_are_one():
    def f(t, tau):
        a = -t / tau
        return np.sum(a * np.exp(a))

    assert "∂a/∂τ = t / τ²" in repr(ag.trace(f, np.array([1.0, 2.0]), np.array(2.0)).draw())


def test_a_partial_in_which_axes_are_added_has_indices():
    def f(amp, t):
        a = amp[:, None] * t
        return np.sum(amp[:, None] * np.cos(a))

    assert "∂bᵢⱼ/∂aᵢⱼ = −ampᵢ sin(aᵢⱼ)" in repr(ag.trace(f, np.array([1.0, 0.5]), np.array([0.1, 0.3])).draw())


def test_names_and_masks_are_those_of_the_derivation():
    def f(x):
        later = np.triu(np.ones((3, 3), dtype=bool), k=1)
        scores = np.where(later, -np.inf, x[:, None] - x)
        weights = np.exp(scores - np.max(scores, axis=1, keepdims=True))
        weights = weights / np.sum(weights, axis=1, keepdims=True)
        return np.sum((weights @ x) ** 2)

    program = ag.trace(f, np.array([0.1, 0.5, 0.2]))
    assert "weights = softmax(scores)" in repr(program.draw())
    assert "    later = np.array(" in program.source()  # made anew at each call, so it is no argument
    assert "np.where(later, -np.inf" in program.source()


def test_an_entry_of_a_column_has_two_indices():
    def f(points, radius):
        diff = points * 2.0
        dist = np.sqrt(diff[:, 0] ** 2 + diff[:, 1] ** 2)
        return np.sum((dist - radius) ** 2)

    page = re.sub(r"<[^>]*>", "", ag.trace(f, np.array([[1.0, 2.0, 0.1], [0.5, 1.0, 0.2]]), 1.0).draw().html())
    assert "1[j≤1]diffkjdistk" in page.replace("\u2062", "")


def test_small_numbers_are_no_rounding_errors():
    h = 6.626e-34
    nu = ag.Tensor(np.array([5.0, 6.0]), requires_grad=True)
    E = h * nu * 1e14
    L = np.sum(E * np.exp(-nu))
    items = {i.name: i for i in L.draw(names=locals()).scene.items}
    np.testing.assert_allclose(items["E"].value, [3.313e-19, 3.9756e-19])
    assert L.item() == items["L"].value > 0
    derivation = L.explain(nu, names=locals())
    assert "[3.313e-19 3.976e-19]" in derivation.text()
    assert r"3.313 \times 10^{-19}" in derivation.latex()


@can_render
def test_a_page_states_conventions_labels_and_sizes():
    def f(W):
        hidden = np.maximum(X @ W, 0)
        score = hidden[rows, y]
        return np.mean(score**2) * lam

    X, rows, y, lam = np.array([[1.0, -2.0], [0.5, 1.0], [2.0, 0.3]]), np.array([0, 2]), np.array([1, 0]), 0.7
    page = ag.trace(f, np.array([[0.3, 0.8], [-0.2, 0.1]])).draw().html(live=True)
    [fixed] = re.findall("<small>fixed: (.*?)</small>", page)
    assert {"λ = 0.7", "rows = [0 2]", "y = [1 0]", "n = 2"} <= {*html.unescape(fixed).split(", ")}
    assert "<small>½ each at a tie</small>" in page  # there may be one after an edit


@can_render
def test_a_page_lists_what_loops_count_as_a_derivation_does():
    def bonds(r):
        return sum(m[i] * m[j] / (r[i] - r[j]) ** 2 for i in range(3) for j in range(i))

    m = np.array([2.0, 1.0, 0.5])
    page = html.unescape(ag.trace(bonds, np.array([0.1, 0.5, 1.3])).draw().html(live=True))
    [fixed] = re.findall("<small>fixed: (.*?)</small>", page)
    assert "(i1, …, i3) = (1, 2, 2), (j1, …, j3) = (0, 0, 1)" in fixed


@can_render
def test_a_page_of_a_system_of_given_equations():
    Lap, goal = 2 * np.eye(2) - np.eye(2, k=1), np.array([0.5, 0.8])
    src = ag.Tensor(np.array([1.0, 0.5]), requires_grad=True)
    L = np.sum((np.linalg.solve(Lap, src) - goal) ** 2)
    assert "cannot be changed" not in L.draw(names=locals()).html(live=True)


@can_render
def test_equal_forms_are_written_once():
    def f(a, A):
        ll = 0.0
        for _ in range(2):
            s = np.sum(a)
            ll = ll + np.log(s)
            a = a / s @ A
        return -(ll + np.log(np.sum(a)))

    page = ag.trace(f, np.array([0.4, 0.2]), np.array([[0.7, 0.2], [0.1, 0.6]])).draw().html()
    for step in re.findall("<li.*?</li>", page, re.S):
        sides = re.findall('aria-label="(.*?)"', step)
        assert len({*sides}) == len(sides)
    assert "ll0" not in page  # nothing is added to


def test_a_cluster_has_the_name_of_the_function():
    def f(x):
        return np.sum(x / np.linalg.norm(x, axis=1, keepdims=True))

    source = ag.trace(f, np.array([[0.6, 0.8], [1.0, 2.0]])).draw(view="operations").source
    assert "linalg.norm" not in source
    assert "norm" in source


@can_render
def test_what_a_formula_introduces_is_defined_beside_it():
    def f(S):
        return ag.nn.functional.cross_entropy(S, t)

    t = np.array([1, 0])
    page = html.unescape(ag.trace(f, np.array([[0.3, 0.8], [-0.2, 0.1]])).draw().html())
    assert "where P = softmax(S), Y = onehot(t)" in page
    assert "P = [[" not in page  # it is computed


@can_render
def test_numbers_of_a_definition_are_given():
    def f(x):
        return np.sum(ag.nn.functional.layer_norm(x, (2,)) ** 3)

    page = html.unescape(ag.trace(f, np.array([[0.3, 0.8], [-0.2, 0.1]])).draw().html())
    [fixed] = re.findall("<small>fixed: (.*?)</small>", page)
    assert "ε = 1e-05" in fixed
    assert "σ = [" not in fixed


@can_render
def test_what_is_fixed_has_a_reason_and_small_arrays_stand_in_formulas():
    def page(loss, w):
        return html.unescape(ag.trace(loss, w).draw().html(live=True))

    w, reason = np.array([0.3, 0.8]), "As another argument of the function it can be changed"
    labels = np.array([1, 0, 1])
    assert reason in page(lambda w: np.sum(w[labels] ** 2), w)
    assert reason not in page(lambda w: np.mean(w**2), w)
    assert "const</text>" not in page(lambda w: np.sum(np.array([0.6, 0.4]) * w**2), w)
