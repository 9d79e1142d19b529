"""Slices and diagonals in a derivation: bounds of sums, one function of it read twice, entries and traces."""

from __future__ import annotations

import numpy as np
import pytest

import autograd_lite as ag

M = np.array([[0.3, -0.2, 0.5], [0.1, 0.4, -0.6], [0.7, 0.2, 0.9]])


def explained(f, *args, wrt=None):
    return " ".join(str(ag.trace(f, *args).explain(wrt)).split())


def bounded(Z):
    E = np.exp(Z)
    s = E[:, :2].sum(axis=1, keepdims=True)
    return np.sum(np.log(s) ** 2)


def share(Z):
    P = np.exp(Z[:, :2]) / np.exp(Z[:, :2]).sum(axis=1, keepdims=True)
    return np.sum(P**2)


def nested(V, mu):
    I = mu * np.log(np.exp(V[:, :2] / mu).sum(axis=1))
    P = np.exp(I) / (np.exp(I) + np.exp(V[:, 2]))
    return -np.sum(np.log(P))


def sums(V):
    b = (np.exp(V) * V)[:, :2].sum(axis=1)
    return np.sum((V[:, :2] / b[:, None]) ** 2)


def chain(k):
    main = k + np.concatenate([k[1:], np.zeros(1)])
    K = np.diag(main) - np.diag(k[1:], 1) - np.diag(k[1:], -1)
    return np.sum(K @ K)


def decorrelated(Z):
    C = Z.T @ Z
    return np.sum((1 - np.diag(C)) ** 2) + 0.1 * (np.sum(C**2) - np.sum(np.diag(C) ** 2))


def elastic(eps, mu, lam):
    tr = np.einsum("ii->", eps)
    sig = 2 * mu * eps + lam * tr * np.eye(3)
    return 0.5 * np.einsum("ij,ij->", sig, eps)


def logs(A):
    d = np.einsum("ii->i", A)
    return np.sum(np.log(d))


@pytest.mark.parametrize(
    ("f", "args", "parts"),
    [
        (bounded, (M,), ["dL/dEᵢⱼ = 1[j < 2] dL/dsᵢ since"]),
        (share, (M,), ["P = softmax(Z[:, :2])"]),
        (nested, (M, 0.7), [
            "P = exp(I) / (exp(I) + exp(V[:, 2]))", "dL/dI = dL/dP ⊙ P ⊙ (1 - P) since", " = P - 1 = ",
        ]),
        (sums, (M,), ["1[j < 2]"]),
        (chain, (M[0] + 1,), [
            "K = diag(main) - diag(k[1:], 1) - diag(k[1:], -1)",
            "dL/dkᵢ = -dL/dKᵢ,ᵢ₋₁ - dL/dKᵢ₋₁,ᵢ + dL/dmainᵢ + dL/dmainᵢ₋₁",
        ]),
        (decorrelated, (M,), ["Iᵢⱼ (1 - Cᵢᵢ)"]),
        (elastic, (M, 1.0, 2.0), ["tr = tr(ε)", "½ sig + dL/dtr · I + 2 dL/dsig · μ"]),
        (logs, (M,), ["dL/dA = diag(dL/dd)"]),
    ],
    ids=lambda x: getattr(x, "__name__", ""),
)  # fmt: skip
def test_slices_and_diagonals_are_written_as_a_book_does(f, args, parts):
    text = explained(f, *args)
    assert "I / A" not in text
    for part in parts:
        assert part in text


@pytest.mark.parametrize(("f", "args"), [(sums, (M,)), (elastic, (M, 1.0, 2.0)), (chain, (M[0] + 1,))])
def test_their_gradients_are_those_of_the_engine(f, args):
    derivation = ag.trace(f, *args).explain()
    assert derivation.check() < 1e-12
    assert "not confirmed" not in str(derivation)


def test_the_parts_of_an_array_stand_beside_the_gradient_of_the_whole():
    def penalised(beta, X, y, lam):
        residual = y - X @ beta
        penalty = 0.0
        for first, last in ((0, 2), (2, 3), (3, 5)):
            penalty = penalty + np.sqrt(np.sum(beta[first:last] ** 2))
        return np.sum(residual**2) / 2 + lam * penalty

    rng = np.random.default_rng(0)
    args = rng.normal(size=5), rng.normal(size=(4, 5)), rng.normal(size=4), 0.3
    line = "dL/dβ = [dL/da1, dL/da2, dL/da3] - Xᵀ @ dL/dresidual since a1 = β[0:2], a2 = β[2:3], a3 = β[3:5],"
    assert line in explained(penalised, *args, wrt="beta")
