"""Derivations and sources of random programs, and of programs at the limits: they are written, and right.

Some thousands more: ``python -m autograd_lite.testing.fuzz --derived --seconds 600``.
"""

from __future__ import annotations

import numpy as np
import pytest
from thorough import EVERY_CASE, mostly_thorough

import autograd_lite as ag
from autograd_lite.nn import functional as F
from autograd_lite.rules.indexing import into_zeros
from autograd_lite.testing.fuzz import TABLE, Expression, Ref, RowCall, check_derived, run

VECTOR = np.array([0.3, -0.5, 0.7])
MATRIX = np.array([[0.3, -0.5, 0.7], [0.2, 0.9, -0.4]])
POSITIVE = np.array([[1.2, 0.4, 0.9], [0.3, 2.0, 0.7], [0.5, 0.8, 1.1]])


@pytest.mark.parametrize("first", mostly_thorough([1, 2]))
def test_random_programs(first):
    count = 150 if EVERY_CASE[0] else 10
    assert run(0.0, first=first, order=0, batch=count, check=check_derived) >= count


def test_a_product_that_broadcasts_is_summed_over_its_own_axes():
    calls = [
        ("tanh", Ref(0)), ("multiply", Ref(1), 0.05), ("add", Ref(2), np.full((2, 3), 0.3)), ("ravel", Ref(3)),
        ("take", Ref(4), np.arange(12) % 6), ("reshape", Ref(5), (4, 1, 3)), ("tanh", Ref(6)),
        ("multiply", Ref(7), 0.05), ("add", Ref(8), np.full((4, 1, 3), 0.2)), ("vecdot", Ref(3), Ref(9)),
    ]  # fmt: skip
    check_derived(Expression([np.ones((2, 3))], [RowCall(TABLE[name], args, {}) for name, *args in calls]))


def test_steps_that_look_like_rounds_may_have_other_sizes():
    """In the round before the first, np.take would be of two rows."""
    rounds = [
        [
            ("ravel", Ref(k)), ("take", Ref(k + 1), np.arange(6)), ("reshape", Ref(k + 2), (2, 3)),
            ("tanh", Ref(k + 3)), ("multiply", Ref(k + 4), 0.05), ("add", Ref(k + 5), MATRIX), ("tile", Ref(k + 6), 2),
        ]
        for k in (0, 8)
    ]  # fmt: skip
    calls = [*rounds[0], ("add", Ref(7), Ref(7)), *rounds[1]]
    check_derived(Expression([np.ones((2, 3))], [RowCall(TABLE[name], args, {}) for name, *args in calls]))


def scaled(K):
    """Sinkhorn's iterations."""
    u = np.ones(3) / 3
    for _ in range(3):
        v = np.ones(3) / 3 / (K.T @ u)
        u = np.ones(3) / 3 / (K @ v)
    return np.sum(u[:, None] * K * v * np.log(K))


def normalised(K):
    for _ in range(3):
        K = K / K.sum(axis=0, keepdims=True)
        K = K / K.sum(axis=1, keepdims=True)
    return np.sum(K * np.eye(3))


PROGRAMS = {
    "a matrix of ones": (lambda x: np.sum(x @ np.ones((3, 2))), VECTOR),
    "a matrix of twos": (lambda x: np.sum(2.0 * x @ np.full((3, 2), 2.0)), VECTOR),
    "a matrix of ones in a function": (lambda x: np.sum(np.tanh(x @ np.ones((3, 2)))), VECTOR),
    "a batch and a matrix of ones": (lambda x: np.sum(np.tanh(x @ np.ones((3, 2))) ** 2), MATRIX),
    "targets that are ones": (lambda x: np.mean((x @ POSITIVE + 1.0 - np.ones((2, 3))) ** 2), MATRIX),
    "weights that are ones": (lambda x: np.sum(np.ones((2, 3)) * x * np.ones(3) + np.ones((2, 1))), MATRIX),
    "entries put into zeros, in a sum": (lambda x: np.sum(into_zeros(np.tanh(x), slice(1, 4), (5,), True)), VECTOR),
    "eigenvalues of two matrices": (
        lambda x: np.sum(np.linalg.eigh(x @ np.swapaxes(x, 1, 2))[0] * np.arange(6.0).reshape(2, 3)),
        np.stack([POSITIVE, POSITIVE.T + np.eye(3)]),
    ),
    "a tie": (lambda x: np.sum(np.maximum(x, x) * np.minimum(x, x)), VECTOR),
    "ties of a maximum": (lambda x: np.sum(np.max(np.round(x), axis=0) * x), MATRIX),
    "a quantile": (lambda x: np.sum(np.quantile(x, 0.3, axis=0)), MATRIX),
    "a quantile of a transpose": (lambda x: np.sum(np.quantile(x.T, 0.3, axis=0)), MATRIX),
    "transposes that undo each other": (lambda x: np.sum((x.T.T @ POSITIVE).T.T * MATRIX), MATRIX),
    "a transpose with axes in order": (lambda x: np.sum(np.transpose(x, (0, 1)) @ POSITIVE), MATRIX),
    "a log_softmax that is summed": (lambda x: np.sum(np.sum(F.log_softmax(x, dim=-1), 0) ** 2), MATRIX),
    "a softmax that is averaged": (lambda x: np.sum(np.mean(ag.softmax(x, axis=1), 0) * VECTOR), MATRIX),
    "irfft times a parameter": (lambda x: np.sum(np.fft.irfft(x) * np.arange(4.0)), VECTOR),
    "rfft and back": (lambda x: np.sum(np.fft.irfft(np.fft.rfft(x, 4) * np.fft.rfft(x, 4)) * np.arange(4.0)), VECTOR),
    "np.tile of a number": (lambda x: np.sum(np.tile(np.sum(x), 2) * np.arange(2.0)), VECTOR),
    "a number with two axes": (lambda x: np.sum(np.sum(x, keepdims=True)[..., None] * np.arange(3.0)), VECTOR),
    "a cast to float32": (lambda x: np.sum(x.astype(np.float32).astype(np.float64) ** 2), VECTOR),
    "a cast to float16": (lambda x: np.sum(np.exp(x.astype(np.float16)).astype(np.float64)), VECTOR),
    "a computed index": (lambda x: np.sum(ag.set_at(x, np.argmax(x), 2.0) * x), VECTOR),
    "two computed indices": (lambda x: np.sum(ag.set_at(x, (np.argmax(x) % 2, 1), 2.0) * x), MATRIX),
    "zero by both arguments": (lambda x: np.sum(np.divmod(np.sum(x), x)[1]), VECTOR),
    "Sinkhorn's iterations": (scaled, POSITIVE),
    "Sinkhorn's iterations by rows and columns": (normalised, POSITIVE),
    "not a number": (lambda x: np.sum(np.tanh(x) * x), np.array([np.nan, 1.0])),
    "infinity": (lambda x: np.sum(np.tanh(x) + 2 * x), np.array([np.inf, 1.0])),
    "1e200 squared": (lambda x: np.sum(x * x), np.array([1e200, 1.0])),
    "a kink": (lambda x: np.sum(np.abs(x) + ag.special.relu(x)), np.array([0.0, 1.0])),
    "nothing": (lambda x: np.sum(x * x), np.ones((0, 3))),
    "no axes": (lambda x: np.tanh(x) * x, np.array(0.5)),
}


@pytest.mark.parametrize("name", PROGRAMS)
@np.errstate(all="ignore")
def test_a_program_at_the_limits_is_explained(name):
    f, x = PROGRAMS[name]
    t = ag.tensor(x, requires_grad=True, name="x")
    derivation = f(t).explain()
    assert "the factors compose to" not in str(derivation)
    assert "dL/dx" in str(derivation)
    assert r"\partial L" in derivation.latex()
    (line,) = [line for line in derivation.totals if line.node is t._node] or [None]
    if line is not None:
        np.testing.assert_allclose(np.broadcast_to(line.value, x.shape), ag.grad(f)(x), rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("name", PROGRAMS)
@np.errstate(all="ignore")
def test_the_source_of_a_program_at_the_limits(name):
    f, x = PROGRAMS[name]
    value, gradient = ag.source(f, x)(x)
    np.testing.assert_allclose(value, f(x), rtol=1e-12)
    np.testing.assert_allclose(gradient, ag.grad(f)(x), rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize(
    ("x", "reason"),
    [
        ([np.nan, 1.0], "a finite difference tells nothing, because numbers here are infinite or not a number"),
        ([1e200, 1.0], "a finite difference tells nothing, because numbers here are infinite or not a number"),
    ],
)
@np.errstate(all="ignore")
def test_what_cannot_be_checked_is_said(x, reason):
    derivation = np.sum(ag.tensor(x, requires_grad=True, name="x") ** 2).explain()
    assert f"not confirmed: {reason}" in str(derivation)
    with pytest.raises(ArithmeticError, match=reason):
        derivation.check()


def test_a_function_that_fails_near_the_point_is_said(op):
    @op(lambda g, x: 2 * g * x, name="only_here")
    def only_here(x):
        if x[0] != 0.3:
            raise ValueError("only here")
        return x * x

    text = str(np.sum(only_here(ag.tensor(VECTOR, requires_grad=True, name="x"))).explain())
    assert "not confirmed: the function cannot be computed near this point: only here" in text


def test_the_source_of_a_surrogate(op):
    @op(1, kind="elementwise", surrogate=lambda x: x, name="rounded_here")
    def rounded_here(x):
        return np.round(x)

    made = ag.source(lambda x: np.sum(rounded_here(x) * x), VECTOR * 4)
    assert "return np.round(x)" in made
    np.testing.assert_allclose(made(VECTOR)[1], ag.grad(lambda x: np.sum(rounded_here(x) * x))(VECTOR))
