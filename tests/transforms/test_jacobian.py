"""Jacobians and Hessians: both modes, all entries of a direction's basis in one walk or in chunks."""

from __future__ import annotations

import numpy as np
import pytest

import autograd_lite as ag

A = np.random.default_rng(0).normal(size=(4, 3))
X = np.array([0.5, -1.0, 2.0])


def close(a, b):
    return np.shape(a) == np.shape(b) and np.allclose(a, b, rtol=1e-12, atol=1e-12)


def passes(monkeypatch):
    """The kinds of passes that are made from now on, and how many directions each has."""
    made = []
    for mode in ("_Pull", "_Push"):
        of = getattr(ag.transforms.jacobian, mode)
        plain = of.__call__
        monkeypatch.setattr(
            of, "__call__", lambda self, basis, m=mode, c=plain: made.append((m, len(basis))) or c(self, basis)
        )
    return made


def test_the_mode_follows_from_the_shapes(monkeypatch):
    made = passes(monkeypatch)
    assert close(ag.jacobian(lambda x: A @ x)(X), A)
    assert close(ag.jacobian(lambda x: A.T @ x)(np.ones(4)), A.T)
    assert close(ag.jacobian(lambda x: A @ x, mode="reverse")(X), A)
    assert close(ag.jacrev(lambda x: A @ x, chunk_size=3)(X), A)
    assert close(ag.jacfwd(lambda x: A @ x, chunk_size=2)(X), A)
    ag.hessian(lambda x: np.sum(x**3))(X)
    assert made == [
        ("_Push", 3), ("_Pull", 3), ("_Pull", 4), ("_Pull", 3), ("_Pull", 1), ("_Push", 2), ("_Push", 1), ("_Push", 3),
    ]  # fmt: skip
    with pytest.raises(ValueError, match="none of 'auto', 'reverse' and 'forward'"):
        ag.jacobian(np.sin, mode="both")
    with pytest.raises(ValueError, match="chunk_size=0; expected a positive number"):
        ag.jacobian(np.sin, chunk_size=0)


def test_chunks_follow_from_the_memory(monkeypatch):
    made = passes(monkeypatch)
    monkeypatch.setattr(ag.transforms.jacobian, "MEMORY", 1000)
    x = np.arange(20.0)
    assert close(ag.jacfwd(np.sin)(x), np.diag(np.cos(x)))
    assert len(made) > 3
    assert sum(n for _, n in made) == 20


ELEMENTWISE = [
    np.sin, lambda x: np.tanh(x) * x - np.exp(-(x**2)) / 2, lambda x: np.where(x > 0, np.sqrt(np.abs(x) + 1), x**3),
    ag.sigmoid, lambda x: np.maximum(x, 0) + np.clip(x, -1, 1), lambda x: np.log(x + 3) * x.sum(),
]  # fmt: skip


@pytest.mark.parametrize("f", ELEMENTWISE[:-1])
@pytest.mark.parametrize("mode", ["reverse", "forward"])
@pytest.mark.parametrize("chunk_size", [None, 4])
def test_the_jacobian_of_an_elementwise_function_is_diagonal(f, mode, chunk_size):
    x = np.linspace(-2.0, 2.0, 9)
    J = ag.jacobian(f, mode=mode, chunk_size=chunk_size)
    assert close(J(x), np.diag(ag.grad(lambda x: np.sum(f(x)))(x)))


@pytest.mark.parametrize("f", ELEMENTWISE)
@pytest.mark.parametrize("mode", ["reverse", "forward"])
def test_diagonals_inside_other_transforms(f, mode):
    """What is a diagonal at one point, as where a factor is zero, has to be right at others."""
    J = ag.jacobian(f, mode=mode)
    at, x = np.array([[1.0, 2.0], [0.5, 0.0]]), np.array([[-1.5, 0.5], [3.0, -0.25]])
    assert close(ag.trace(J)(at)(x), J(x))
    compiled = ag.jit(J)
    compiled(at)
    assert close(compiled(x), J(x))
    assert close(ag.vmap(J)(np.stack([at, x]))[1], J(x))
    h = 1e-6
    slope = ag.grad(lambda x: np.sum(J(x) * np.cos(np.arange(16.0)).reshape(2, 2, 2, 2)))(x)
    by_difference = np.sum((J(x + h) - J(x - h)) / (2 * h) * np.cos(np.arange(16.0)).reshape(2, 2, 2, 2))
    assert abs(slope.sum() - by_difference) < 1e-6


def test_what_is_not_zero_on_zeros_makes_no_diagonal():
    """A general pull may add, choose or shift; an elementwise row is one of many steps of it."""

    def pull(g, x2):
        return np.where(x2 > 0, g, x2) - np.where(x2 > 0, 0.0, x2)

    twist = ag.table.define(pull, None, name="twist", kind="general")(lambda x, w: np.where(w > 0, x, 0.0))
    try:
        J = ag.jacrev(lambda x, w: twist(x, w * 1.0))
        x, w, other = X, np.ones(3), np.array([1.0, -1.0, 2.0])
        assert close(J(x, other), np.diag([1.0, 0.0, 1.0]))
        assert close(ag.trace(J)(x, w)(x, other), J(x, other))
    finally:
        del ag.table.TABLE["twist"]


@pytest.mark.parametrize("f", [
    lambda z: z**2 * 1j, lambda z: np.abs(z) ** 2, lambda z: np.real(z) * 2, lambda z: np.exp(z) @ z,
])  # fmt: skip
def test_complex_numbers(f):
    z = np.array([1 + 2j, -0.5j])
    for x in (z, np.array([0.5, 1.5])):
        both = [ag.jacobian(f, mode=mode)(x) for mode in ("reverse", "forward")]
        assert close(*both)


def test_a_rule_that_cannot_be_recorded_is_walked_one_direction_after_the_other():
    once = ag.table.define(lambda g, x: np.asarray(g) * 2 * np.asarray(x), name="once", order=1)(lambda x: x**2)
    try:
        assert close(ag.jacobian(once)(X), np.diag(2 * X))
        assert close(ag.jacrev(lambda x: A @ once(x))(X), A * 2 * X)
    finally:
        del ag.table.TABLE["once"]


def test_inside_other_transforms():
    f = lambda x: np.sin(A @ x) * np.prod(x)  # noqa: E731
    J = lambda x: np.sum(ag.jacrev(f)(x) ** 2)  # noqa: E731
    other = lambda x: np.sum(ag.jacfwd(f)(x) ** 2)  # noqa: E731
    assert close(ag.grad(J)(X), ag.grad(other)(X))
    assert close(ag.jacfwd(ag.jacrev(f))(X), ag.jacrev(ag.jacfwd(f))(X))
    assert close(ag.trace(ag.jacrev(f))(np.ones(3))(X), ag.jacrev(f)(X))
    assert close(ag.trace(ag.jacfwd(f))(np.ones(3))(X), ag.jacrev(f)(X))
    w = ag.tensor(A, requires_grad=True)
    ag.jacrev(lambda x: np.sin(w @ x))(X).sum().backward()
    by_hand = ag.grad(lambda w: np.sum(np.cos(w @ X)[:, None] * w))(A)
    assert close(w.grad.data, by_hand)


def test_outputs_that_do_not_depend_on_an_argument():
    both = ag.jacobian(lambda x, y: {"a": x * 2, "b": np.arange(2.0), "c": (y.sum(), 3)}, (0, 1))(X, np.ones(2))
    assert close(both["a"][0], 2 * np.eye(3))
    assert close(both["a"][1], np.zeros((3, 2)))
    assert close(both["b"][0], np.zeros((2, 3)))
    assert close(both["c"][0][1], np.ones(2))
    assert close(both["c"][1][0], np.zeros(3))
