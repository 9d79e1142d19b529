"""Partials as objects: the factors of every path, their values, and that they compose to the gradient."""

from __future__ import annotations

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite import nn
from autograd_lite.derive import explain, partials
from autograd_lite.talk import by_hand

RNG = np.random.default_rng(0)


def leaf(shape, name, dtype=float):
    return ag.tensor(RNG.normal(size=shape), dtype=dtype, requires_grad=True, name=name)


def talk():
    x, y = np.array([[1.0, 0.0, 0.0]]), np.array([[1.0]])
    V, W = leaf((3, 4), "V"), leaf((4, 1), "W")
    A = x @ V
    B = ag.sigmoid(A)
    C = B @ W
    P = ag.sigmoid(C)
    L = 0.5 * (y - P) ** 2
    return locals()


def test_the_talks_factors_are_those_derived_by_hand():
    net = talk()
    hand = by_hand.quantities(net["x"], net["y"], net["V"].data, net["W"].data)
    for wrt, chain in (("W", "dL/dP dP/dC dC/dW"), ("V", "dL/dP dP/dC dC/dB dB/dA dA/dV")):
        found = partials(net["L"], net[wrt], names=net)
        (path,) = found.paths
        assert [f.symbol for f in path] == chain.split()
        assert str(found) == f"dL/d{wrt} = " + " · ".join(chain.split())
        for f in path:
            np.testing.assert_allclose(f.value, hand[f.symbol.replace("/", "")], rtol=1e-12)
        np.testing.assert_allclose(found.value, hand[f"dLd{wrt}"], rtol=1e-12)
        assert found.check() < 1e-12
    assert [f.combine for f in path] == ["elementwise", "elementwise", "right", "elementwise", "left"]


def test_factors_are_found_by_either_spelling():
    net = talk()
    found = partials(net["L"], net["V"], names=net)
    assert found["dP/dC"] is found["dPdC"]
    with pytest.raises(KeyError, match=r"no factor dC/dW: expected one of dL/dP, dP/dC, dC/dB, dB/dA, dA/dV"):
        found["dC/dW"]


@pytest.mark.parametrize("wrt", ["W", "V"])
def test_each_factors_jacobian_is_the_engines(wrt):
    net = talk()
    steps = {
        "dL/dP": (lambda P: 0.5 * (net["y"] - P) ** 2, "P"),
        "dP/dC": (ag.sigmoid, "C"),
        "dC/dW": (lambda W: net["B"].numpy() @ W, "W"),
        "dC/dB": (lambda B: B @ net["W"].data, "B"),
        "dB/dA": (ag.sigmoid, "A"),
        "dA/dV": (lambda V: net["x"] @ V, "V"),
    }
    for f in partials(net["L"], net[wrt], names=net).factors.values():
        step, at = steps[f.symbol]
        np.testing.assert_allclose(f.jacobian(), ag.jacobian(step)(net[at].data), rtol=1e-12, atol=1e-15)


def test_without_names_they_come_from_the_assignments():
    w = leaf((), "w")
    half = w / 2
    loss = np.exp(half) ** 2
    assert str(partials(loss, w)) == "dloss/dw = dloss/dhalf · dhalf/dw"


def test_several_paths_are_a_sum():
    x = leaf((3,), "x")
    a = np.sin(x)
    b = a * x
    L = np.sum(b * a)
    found = partials(L, x)
    assert str(found) == "dL/dx = dL/db · db/da · da/dx + dL/db · db/dx + ∂L/∂a · da/dx"
    assert len(found) == len(found.paths) == len(list(found)) == 3
    L.backward()
    np.testing.assert_allclose(found.value, x.grad.numpy(), rtol=1e-12)
    assert found.check() < 1e-12


CASES = {
    "a bias is summed over the batch": lambda x, b: np.mean((x * 2 + b) ** 2),
    "sums over one axis": lambda x, b: np.sum(np.exp(np.sum(x, axis=1)) * 2) + np.sum(b**3),
    "keepdims": lambda x, b: np.sum((x - np.mean(x, axis=0, keepdims=True)) ** 3 * b),
    "softmax": lambda x, b: np.sum(ag.softmax(x + b, axis=1) ** 2),
    "a composite": lambda x, b: np.sum(ag.special.softsign(x * b)),
    "an index": lambda x, b: np.sum(x[1:, ::2] ** 2) * b[0] + np.sum(b),
    "a fancy index": lambda x, b: np.sum(x[[0, 0, 1], [1, 2, 1]] ** 2) + b.sum(),
    "a reshape": lambda x, b: np.sum(np.tanh(x.reshape(3, 2)) * b.reshape(3, 1)),
    "einsum": lambda x, b: np.einsum("ij,kj,j->", x, x, b),
    "several results": lambda x, b: np.sum(np.linalg.qr(x.T)[0] ** 3) + np.sum(np.linalg.svd(x)[1] * b[:2]),
    "a maximum": lambda x, b: np.max(x * b) + np.sum(np.max(x, axis=0) ** 2) + b[1],
    "a convolution": lambda x, b: np.sum(np.convolve(x[0], b, "same") ** 2) + x[1, 0],
    "a vector and a matrix": lambda x, b: np.tanh(x @ b) @ (x @ b),
    "stacked matrices": lambda x, b: np.sum((x[:, None, :] @ b[:, None]) ** 2),
    "a branch by where": lambda x, b: np.sum(np.where(x > 0, x**2, -x) * b),
    "powers and quotients": lambda x, b: np.sum(x**3 / (1 + b**2)),
}


@pytest.mark.parametrize("f", CASES.values(), ids=CASES)
def test_they_compose_to_the_gradient_and_to_a_finite_difference(f):
    x, b = leaf((2, 3), "x"), leaf((3,), "b")
    L = f(x, b)
    L.backward()
    for wrt in (x, b):
        found = partials(L, wrt)
        np.testing.assert_allclose(found.value, wrt.grad.numpy(), rtol=1e-10, atol=1e-12)
        assert found.check() < 1e-9
        assert found.paths


def test_a_whole_module_can_be_one_factor():
    net = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))
    L = np.mean(net(np.ones((2, 3))) ** 2)
    L.name = "L"
    folded = partials(L, net[0].weight, depth=0)
    opened = partials(L, net[0].weight)
    (path,) = folded.paths
    assert len(path) == 2
    assert path[1].combine == "map"
    assert len(opened.paths[0]) > 3
    np.testing.assert_allclose(folded.value, opened.value, rtol=1e-12)
    assert folded.check() < 1e-12


def test_a_folded_module_may_use_constant_arrays():
    class Scaled(nn.Module):
        def forward(self, x):
            return np.tanh(x) * np.arange(9.0).reshape(3, 3)

    x = leaf((3, 3), "x")
    L = np.sum(Scaled()(x) ** 2)
    assert partials(L, x, depth=0).check() < 1e-12


def test_large_values_that_were_not_kept_are_replayed():
    x = leaf((40, 50), "x")  # more entries than a node keeps
    y = x * 2.0
    z = y + 1.0
    L = np.sum(np.exp(z * 0.1))
    found = partials(L, x, names={"y": y, "z": z})
    assert y._node.y is None
    assert found.check() < 1e-12


def test_float32_and_complex():
    w = leaf((3,), "w", np.float32)
    assert partials(np.sum(np.tanh(w) ** 2), w).check() < 1e-6
    z = ag.tensor([1 + 2j, 0.5 - 1j], requires_grad=True, name="z")
    found = partials(np.sum(np.abs(z * z) ** 2), z)
    assert found.check() < 1e-10


def test_checking_finds_a_factor_that_is_not_right():
    net = talk()
    found = partials(net["L"], net["W"], names=net)
    found["dP/dC"].value[...] *= 2
    with pytest.raises(ArithmeticError, match="with respect to W the factors compose to"):
        found.check()


def test_an_input_without_a_path_raises():
    net = talk()
    other = leaf((2,), "other")
    with pytest.raises(ValueError, match=r"L does not depend on 'other'; pass the tensor that"):
        partials(net["L"], other, names=net)
    with pytest.raises(ValueError, match="L does not depend on this tensor"):
        explain(net["L"], [ag.tensor(1.0)], names=net)


def test_too_many_paths_raise():
    x = leaf((), "x")
    y = x
    for _ in range(9):
        a, b = np.sin(y), np.cos(y)
        y = a * b
    with pytest.raises(ValueError, match="more than 100 paths lead from y9 to x: explain a part"):
        partials(y, x)


def test_two_values_with_one_name_are_numbered():
    a, b = leaf((), "w"), leaf((), "w")
    y = a * b
    assert [str(partials(y, w)) for w in (a, b)] == ["dy/dw = dy/dw", "dy/dw1 = dy/dw1"]


def test_an_input_that_has_changed_is_named():
    x = leaf((100,), "x")
    L = np.sum(np.exp(x))
    with ag.no_grad():
        x -= 1.0
    with pytest.raises(RuntimeError, match=r"'x', an input of shape \(100,\), has changed since"):
        partials(L, x)


def test_a_freed_graph_raises():
    x = leaf((100,), "x")
    L = np.sum(np.exp(x) * x)
    L.backward(retain_graph=False)
    with pytest.raises(
        RuntimeError, match=r"freed by backward\(retain_graph=False\): compute the loss again"
    ):
        partials(L, x)


def test_a_graph_of_100_000_operations_gets_a_summary():
    x = leaf((), "x")
    y = x
    for _ in range(50_000):
        y = y * 1.0 + 0.0
    with pytest.raises(
        ValueError, match=r"100001 operations are too many .*limit is 2000.*50000 add, 50000 multiply"
    ):
        partials(y, x)


def test_nothing_recorded_raises():
    with pytest.raises(ValueError, match="nothing was recorded for this tensor"):
        partials(ag.tensor(1.0), ag.tensor(1.0))


def test_a_list_in_the_place_of_one_input_says_so():
    w = ag.tensor([1.0], requires_grad=True)
    with pytest.raises(TypeError, match="expected wrt as one Tensor, got list"):
        ag.partials(np.sum(w * w), [w])
