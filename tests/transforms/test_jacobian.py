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
