"""``ag.autograd``: gradients with respect to leaves and results, with every ``.grad`` unchanged."""

from __future__ import annotations

import numpy as np
import pytest
from tensors import leaf, parameter

import autograd_lite as ag


def test_gradients_by_leaves_and_by_results():
    W, V = parameter(), leaf((4.0, 5.0, 6.0), "V")
    h = W * V
    loss = (h * h).sum()
    gW, gV, gh = ag.autograd.grad(loss, [W, V, h])
    assert gh.tolist() == [8, 20, 36]
    assert gW.tolist() == [32, 100, 216]
    assert gV.tolist() == [8, 40, 108]
    assert W.grad is None
    assert V.grad is None
    assert all(not g.requires_grad for g in (gW, gV, gh))
    assert (gW.dtype, gW.shape) == (W.dtype, W.shape)
    W.grad = np.ones(3)
    ag.autograd.grad(loss, W)
    assert W.grad.tolist() == [1, 1, 1]


def test_one_tensor_or_a_sequence_always_a_tuple():
    W = parameter()
    for inputs in (W, [W], (W,)):
        for outputs in ((W * 2).sum(), [(W * 2).sum()], ((W * 2).sum(),)):
            found = ag.autograd.grad(outputs, inputs)
            assert type(found) is tuple
            assert found[0].tolist() == [2, 2, 2]


def test_several_outputs_are_added():
    W = parameter()
    a, b = (W * 2).sum(), (W * W).sum()
    assert ag.autograd.grad([a, b], W)[0].tolist() == [4, 6, 8]
    assert ag.autograd.grad([a, a], W)[0].tolist() == [4, 4, 4]
    assert ag.autograd.grad([W * 2, W * 3], W, [np.ones(3), [0.0, 1.0, 2.0]])[0].tolist() == [2, 5, 8]
    assert ag.autograd.grad([a, W * 3], W, [None, np.ones(3)])[0].tolist() == [5, 5, 5]
    x, y, _ = np.split(W, 3)
    assert ag.autograd.grad([x * 2, y * 3], W)[0].tolist() == [2, 3, 0]


def test_the_output_is_an_input():
    W = parameter()
    y = W * 2
    assert ag.autograd.grad(y, y, np.ones(3))[0].tolist() == [1, 1, 1]
    assert ag.autograd.grad(y, [W, W, y], np.ones(3))[0].tolist() == [2, 2, 2]


def test_results_share_memory_with_nothing():
    W, V, g = parameter(), parameter(name="V"), np.ones(3)
    for create_graph in (False, True):
        found = ag.autograd.grad(W + V, [W, V, W], g, create_graph)
        arrays = [g, W.data, V.data, *(f.data for f in found)]
        for i, a in enumerate(arrays):
            assert not any(np.shares_memory(a, b) for b in arrays[:i])
            assert a.flags.writeable


def test_create_graph():
    W = parameter()
    (g,) = ag.autograd.grad((W**3).sum(), W, create_graph=True)
    assert g.requires_grad
    assert g.tolist() == [3, 12, 27]
    (h,) = ag.autograd.grad(g.sum(), W, create_graph=True)
    assert h.tolist() == [6, 12, 18]
    (h.sum() * 2).backward()
    assert W.grad.tolist() == [12, 12, 12]


def test_create_graph_under_no_grad_is_asked_for_and_given():
    W = parameter()
    loss = (W**3).sum()
    with ag.no_grad():
        (g,) = ag.autograd.grad(loss, W, create_graph=True)
        loss.backward(create_graph=True)
    assert g.requires_grad
    assert W.grad.requires_grad
    assert not ag.autograd.grad(loss, W)[0].requires_grad


def test_the_cotangent_may_itself_be_differentiated():
    """Forward mode from two backward passes: the derivative with respect to the initial cotangent."""
    W = parameter()
    v = ag.tensor(np.zeros(3), requires_grad=True)
    (g,) = ag.autograd.grad(np.sin(W), W, v, create_graph=True)
    (t,) = ag.autograd.grad(g, v, np.array([1.0, 10.0, 100.0]))
    np.testing.assert_allclose(t.data, np.cos(W.data) * [1, 10, 100])
    (same,) = ag.autograd.grad(W, W, v, create_graph=True)
    assert same is not v
    assert ag.autograd.grad(same.sum(), v)[0].tolist() == [1, 1, 1]


def test_unused_inputs():
    W, V = parameter(), parameter(name="V")
    loss = (W * 2).sum()
    with pytest.raises(RuntimeError, match=r"do not depend on 'V'.*\(3,\).*allow_unused=True"):
        ag.autograd.grad(loss, [W, V])
    found = ag.autograd.grad(loss, [W, V], allow_unused=True)
    assert found[0].tolist() == [2, 2, 2]
    assert found[1] is None
    late = W * 3
    assert ag.autograd.grad(loss, late, allow_unused=True) == (None,)


def test_what_requires_no_gradient():
    W, c = parameter(), ag.tensor(1.0, name="c")
    with pytest.raises(
        RuntimeError, match=r"autograd\.grad: the input c does not require gradients.*requires_grad=True"
    ):
        ag.autograd.grad(W.sum(), [W, c])
    with pytest.raises(RuntimeError, match="input ndarray does not require"):
        ag.autograd.grad(W.sum(), W.data)
    with pytest.raises(RuntimeError, match="backward from c, which requires no gradient"):
        ag.autograd.grad(c, W)
    with pytest.raises(TypeError, match=r"autograd\.grad: an output is float64, not a Tensor"):
        ag.autograd.grad(np.float64(1.0), W)


def test_grad_outputs_are_checked():
    W = parameter()
    with pytest.raises(RuntimeError, match="needs a scalar"):
        ag.autograd.grad(W * 2, W)
    with pytest.raises(ValueError, match=r"gradient= has shape \(2,\), but \(3,\)"):
        ag.autograd.grad(W * 2, W, np.ones(2))
    with pytest.raises(TypeError, match="complex128"):
        ag.autograd.grad(W * 2, W, np.ones(3) * 1j)
    for given in ([np.ones(3)], [np.ones(3)] * 3):
        with pytest.raises(
            ValueError, match=rf"autograd\.grad: expected a gradient for each of 2 outputs, got {len(given)}"
        ):
            ag.autograd.grad([W * 2, W * 3], W, given)
    with pytest.raises(ValueError, match=r"autograd\.backward: expected a gradient for each of 2 outputs, got 1"):
        ag.autograd.backward([W.sum(), W.sum()], [1.0])


def test_backward_of_several():
    W = parameter()
    loss = (W * W).sum()
    ag.autograd.backward([loss, loss])
    assert W.grad.tolist() == [4, 8, 12]
    W.zero_grad()
    ag.autograd.backward([W * 2, loss], [np.ones(3), None])
    assert W.grad.tolist() == [4, 6, 8]
    W.zero_grad()
    ag.autograd.backward(loss, create_graph=True)
    assert W.grad.requires_grad
    W.zero_grad()
    ag.autograd.backward([loss], retain_graph=False)
    with pytest.raises(RuntimeError, match="freed"):
        loss.backward()


def test_hooks_run_and_grad_stays_as_it_was():
    W, seen = parameter(), []
    h = W * 2
    h.retain_grad()
    h.register_hook(lambda g: seen.append(g.tolist()))
    W.register_hook(lambda g: g * 10)
    assert ag.autograd.grad((h * 3).sum(), W)[0].tolist() == [60, 60, 60]
    assert seen == [[3, 3, 3]]
    assert h.grad is None


def test_a_value_overwritten_meanwhile():
    W = parameter()
    loss = (W * W).sum()
    with ag.no_grad():
        W -= 1
    with pytest.raises(RuntimeError, match=r"'W'.*has changed since"):
        ag.autograd.grad(loss, W)
    assert ag.autograd.grad((W * 2).sum() + loss.detach(), W)[0].tolist() == [2, 2, 2]
