"""Transforms inside transforms, in every mixture; what is held constant, and what is computed again."""

from __future__ import annotations

import numpy as np
import pytest
from functions import close, f
from tensors import leaf, parameter

import autograd_lite as ag

X = np.array([0.5, 1.0, 2.0])
Z = np.array([1 + 2j, -0.5 + 1j])


# --------------------------------------------------------------------------------------------------- nesting


def reverse(g):
    return ag.grad(g)


def forward(g):
    return lambda x: ag.jvp(g, (x,), (1.0,))[1]


def reverse_by_vjp(g):
    return lambda x: ag.vjp(g, x)[1](1.0)[0]


def by_leaf(g):
    """The derivative with respect to a leaf, and an inner ``backward()``."""

    def derivative(x):
        v = ag.tensor(0.0, requires_grad=True)
        y = g(x + v)
        y.backward(create_graph=True)
        return v.grad

    return derivative


def by_autograd_grad(g):
    def derivative(x):
        v = ag.tensor(0.0, requires_grad=True)
        return ag.autograd.grad(g(x + v), v, create_graph=True)[0]

    return derivative


WAYS = [reverse, forward, reverse_by_vjp, by_leaf, by_autograd_grad]
#: backward() adds to every leaf, so that two of them, one inside the other, would add to the outer one twice.
PAIRS = [(a, b) for a in WAYS for b in WAYS if not a is b is by_leaf]
NAMES = [f"{a.__name__} of {b.__name__}" for a, b in PAIRS]


@pytest.mark.parametrize(("outer", "inner"), PAIRS, ids=NAMES)
def test_perturbations_are_not_confused(outer, inner):
    """d/dx (x · d/dy (x + y)) is 1, and d/dx d/dy (x · y) is 1, however the two derivatives are taken."""
    assert float(number(outer(lambda x: x * inner(lambda y: x + y)(1.0))(1.0))) == 1
    assert float(number(outer(lambda x: inner(lambda y: x * y)(1.0))(2.0))) == 1
    assert float(number(outer(lambda x: inner(lambda y: x * x * y * y)(x))(3.0))) == 6 * 3.0**2
    assert float(number(outer(inner(lambda x: x**3))(2.0))) == 12


def number(x):
    return x.item() if isinstance(x, ag.Tensor) else x


@pytest.mark.parametrize("ways", [(a, b, c) for a in WAYS[:2] for b in WAYS[:2] for c in WAYS])
def test_three_deep(ways):
    g = lambda x: np.sin(2 * x)  # noqa: E731
    for way in ways:
        g = way(g)
    assert abs(number(g(0.3)) + 8 * np.cos(0.6)) < 1e-13


def test_results_are_arrays_where_nothing_live_was_reached():
    assert ag.grad(lambda x: ag.grad(lambda y: x * y)(1.0))(2.0) == 1.0
    assert type(ag.grad(lambda x: ag.grad(lambda y: y * y)(1.0) * x)(2.0)) is np.float64


def test_captured_variables_of_each_level():
    def outermost(x):
        def middle(y):
            def innermost(z):
                return x * y * z + z**2 * x

            return ag.grad(innermost)(y) * y  # (x y + 2 y x) y

        return ag.jvp(middle, (x,), (1.0,))[1]  # 6 x**2

    assert ag.grad(outermost)(2.0) == 24.0


def test_a_gradient_penalty_reaches_the_parameters():
    W = leaf([[0.5, -1.0], [2.0, 0.3]])

    def critic(x):
        return np.sum(np.tanh(W @ x))

    x = np.array([0.2, 0.7])
    g = ag.grad(critic)(x)
    assert type(g) is ag.Tensor
    assert g.requires_grad
    penalty = (np.sqrt(np.sum(g**2)) - 1) ** 2
    penalty.backward()

    def by_differences(k, h=1e-6):
        def value(w):
            slope = w.T @ (1 - np.tanh(w @ x) ** 2)
            return (np.sqrt(np.sum(slope**2)) - 1) ** 2

        e = np.zeros((2, 2))
        e.flat[k] = h
        return (value(W.data + e) - value(W.data - e)) / (2 * h)

    np.testing.assert_allclose(W.grad.data.ravel(), [by_differences(k) for k in range(4)], rtol=1e-7)


@pytest.mark.parametrize("make", [
    lambda W: ag.grad(lambda x: np.sum(W * x**2))(X),
    lambda W: ag.value_and_grad(lambda x: np.sum(W * x**2))(X)[0],
    lambda W: ag.vjp(lambda x: W * x, X)[0],
    lambda W: ag.vjp(lambda x: W * x, X)[1](np.ones(3))[0],
    lambda W: ag.jvp(lambda x: W * x, (X,), (X,))[1],
    lambda W: ag.jacobian(lambda x: W * x)(X),
    lambda W: ag.jacobian(lambda x: W * x, mode="forward")(X),
    lambda W: ag.hessian(lambda x: np.sum(W * x**2))(X),
    lambda W: ag.hvp(lambda x: np.sum(W * x**2))(X, X),
    lambda W: ag.grad(lambda x: np.sum(x * ag.stop_gradient(x)) + W.sum() * np.sum(x))(X),
    lambda W: ag.checkpoint(lambda x: W * x)(X),
])  # fmt: skip
def test_results_stay_connected_to_captured_parameters(make):
    W = parameter()
    result = make(W)
    assert type(result) is ag.Tensor
    result.sum().backward()
    assert W.grad is not None
    with ag.no_grad():
        off = make(W)
    assert not (isinstance(off, ag.Tensor) and off.requires_grad)


def test_under_no_grad_there_is_still_a_derivative():
    W = parameter()
    with ag.no_grad():
        g = ag.grad(lambda x: np.sum(W * x**2))(X)
        assert type(g) is np.ndarray
        assert close(g, 2 * W.data * X)
        t = ag.grad(lambda x: np.sum(x**2))(W)
        assert type(t) is ag.Tensor
        assert not t.requires_grad
        assert ag.grad(ag.grad(lambda x: x**3))(2.0) == 12
        assert not ag.is_grad_enabled()
    inside = []
    ag.no_grad()(ag.grad(lambda x: inside.append(ag.is_grad_enabled()) or np.sum(x)))(X)
    assert inside == [True]
    with ag.enable_grad(), ag.no_grad():
        assert ag.grad(lambda x: ag.no_grad()(np.sum)(x))(X).tolist() == [0, 0, 0]  # it was asked for


def test_a_constant_captured_tensor_connects_nothing():
    c = ag.tensor([1.0, 2.0, 3.0])
    assert type(ag.grad(lambda x: np.sum(c * x))(X)) is np.ndarray


def test_an_inner_backward_leaves_its_gradient_on_the_inner_input():
    def g(x):
        (x**2).sum().backward()
        assert x.grad.tolist() == (2 * X).tolist()
        return np.sum(x * x.grad)  # the gradient is a constant here

    assert close(ag.grad(g)(X), 2 * X)

    def h(x):
        (x**2).sum().backward(create_graph=True)
        return np.sum(x * x.grad)  # 2 x**2

    assert close(ag.grad(h)(X), 4 * X)
    W = parameter()
    ag.grad(lambda x: (W * x).sum().backward() or np.sum(x))(X)
    assert W.grad.tolist() == X.tolist()


def test_transforms_leave_grad_alone():
    W = parameter()
    ag.grad(f)(W)
    ag.hessian(f)(W)
    ag.jvp(f, (W,), (X,))
    ag.vjp(f, W)[1](1.0)
    assert W.grad is None


# --------------------------------------------------------------------------------------------- stop_gradient


@pytest.mark.parametrize("way", WAYS, ids=lambda w: w.__name__)
def test_stop_gradient_in_both_modes(way):
    assert number(way(lambda x: x * ag.stop_gradient(x))(3.0)) == 3
    assert number(way(lambda x: x + ag.stop_gradient(np.exp(x)))(3.0)) == 1
    assert number(reverse(way(lambda x: x * ag.stop_gradient(x) * x))(3.0)) == 6
    assert number(forward(way(lambda x: x * ag.stop_gradient(x) * x))(3.0)) == 6


def test_stop_gradient_of_trees_and_of_arrays():
    tree = ag.stop_gradient({"a": X, "b": (parameter(), None)})
    assert tree["a"] is X
    assert not tree["b"][0].requires_grad
    assert tree["b"][1] is None


# ------------------------------------------------------------------------------------------------ checkpoint


def block(x):
    return np.tanh(x * 2) * np.exp(-x)


def test_checkpoint_gives_the_same_numbers():
    plain, again = ag.value_and_grad(lambda x: np.sum(block(x)))(X), None
    again = ag.value_and_grad(lambda x: np.sum(ag.checkpoint(block)(x)))(X)
    assert close(plain[0], again[0])
    assert close(plain[1], again[1])
    assert close(ag.checkpoint(block)(X), block(X))
    assert type(ag.checkpoint(block)(X)) is np.ndarray
    assert ag.checkpoint(block).__name__ == "block"
    for way in WAYS:
        assert abs(number(way(ag.checkpoint(block))(0.7)) - ag.grad(block)(0.7)) < 1e-14


@pytest.mark.parametrize(("outer", "inner"), PAIRS, ids=NAMES)
def test_checkpoint_to_second_order(outer, inner):
    expected = ag.grad(ag.grad(block))(0.7)
    assert abs(number(outer(inner(ag.checkpoint(block)))(0.7)) - expected) < 1e-13
    nested = ag.checkpoint(lambda x: ag.checkpoint(block)(x))
    assert abs(number(outer(inner(nested))(0.7)) - expected) < 1e-13


def test_checkpoint_keeps_what_goes_in_and_forgets_the_rest():
    W = ag.tensor(np.ones(1000), requires_grad=True)
    y = ag.checkpoint(lambda x: np.sum(np.exp(np.sin(np.tanh(x)))))(W)
    nodes, stack = set(), [y._node]
    while stack:
        n = stack.pop()
        if n is not None and n not in nodes:
            nodes.add(n)
            stack.extend(n.parents)
    arrays = [a for n in nodes for a in (*n.xs, n.y) if isinstance(a, np.ndarray) and a.size == 1000]
    assert {id(a) for a in arrays} == {id(W.data)}
    y.backward()
    expected = ag.grad(lambda x: np.sum(np.exp(np.sin(np.tanh(x)))))(np.ones(1000))
    assert close(W.grad.data, expected)


def test_checkpoint_with_captured_parameters():
    for shape in ((), (3,), (100,)):  # small values are kept anyway, large ones are not
        W, h = leaf(np.ones(shape)), leaf(np.full(shape, 2.0), "h")
        late = h * 3
        x = np.full(shape, 0.5)
        y = ag.checkpoint(lambda x: np.sum(np.sin(x * W) * late))(x)  # noqa: B023
        y.backward()
        gW, gh = W.grad.data, h.grad.data
        W.zero_grad()
        h.zero_grad()
        np.sum(np.sin(x * W) * late).backward()
        assert close(gW, W.grad.data)
        assert close(gh, h.grad.data)


def test_checkpoint_to_second_order_by_a_captured_parameter():
    W = leaf(2.0)
    y = ag.checkpoint(lambda x: x * W**3)(ag.tensor(5.0))
    (g,) = ag.autograd.grad(y, W, create_graph=True)
    (h,) = ag.autograd.grad(g, W)
    assert (y.item(), g.item(), h.item()) == (40, 60, 60)


def test_checkpoint_with_several_results_and_other_arguments():
    @ag.checkpoint
    def g(x, index, names, *, scale=1.0):
        return {"picked": scale * x[index], "all": (np.sin(x), names, None)}, 3

    W = parameter()
    (out, three) = g(W, ag.tensor([0, 2]), ["a"], scale=2.0)
    assert three == 3
    assert out["all"][1:] == (["a"], None)
    out["picked"].sum().backward()
    assert W.grad.tolist() == [2, 0, 2]
    out["all"][0].sum().backward()
    assert close(W.grad.data, np.cos(W.data) + np.array([2, 0, 2]))
    (out["all"][0].sum() + out["picked"].sum()).backward()
    assert close(W.grad.data, 2 * (np.cos(W.data) + np.array([2, 0, 2])))


def test_checkpoint_of_complex_numbers():
    g = lambda z: np.sum(np.abs(np.exp(z * (1 + 1j))) ** 2)  # noqa: E731
    assert close(ag.grad(ag.checkpoint(g))(Z), ag.grad(g)(Z))
    inner = ag.checkpoint(lambda z: np.exp(z * (1 + 1j)))
    assert close(ag.grad(lambda z: np.sum(np.abs(inner(z)) ** 2))(Z), ag.grad(g)(Z))
    assert close(ag.jacobian(inner, mode="forward")(Z), ag.jacobian(lambda z: np.exp(z * (1 + 1j)))(Z))
    assert close(ag.grad(lambda x: np.sum(np.abs(inner(x)) ** 2))(X), ag.grad(g)(X))


def test_checkpoint_where_nothing_is_wanted():
    c = ag.tensor(X)
    y = ag.checkpoint(block)(c)
    assert type(y) is ag.Tensor
    assert not y.requires_grad
    with ag.no_grad():
        assert not ag.checkpoint(block)(parameter()).requires_grad
    calls = []
    ag.checkpoint(lambda x: calls.append(1) or x)(c)
    assert calls == [1]


def test_checkpoint_runs_again_once():
    calls = []
    W, V = parameter(), parameter(name="V")
    y = ag.checkpoint(lambda w, v: calls.append(1) or (w * v, w + v))(W, V)
    assert len(calls) == 1
    (y[0] * y[1]).sum().backward()
    assert len(calls) == 2
    assert close(W.grad.data, 3 * W.data**2)
