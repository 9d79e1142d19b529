"""Leaves: requires_grad, .grad, and writes."""

from __future__ import annotations

import operator
import warnings

import numpy as np
import pytest
from tensors import parameter, same

import autograd_lite as ag

# --------------------------------------------------------------------------------------------- requires_grad


def test_requires_grad_can_be_switched():
    W = ag.tensor([1.0, 2.0], name="W")
    before = W * 2
    assert W.requires_grad_() is W
    assert W.name == "W"
    assert not before.requires_grad
    (W * W).sum().backward()
    W.requires_grad = False
    assert not (W * 2).requires_grad
    assert W.name == "W"
    assert same(W.grad, np.array([2.0, 4.0]))
    W.requires_grad = True
    assert (W * 2).requires_grad
    assert (W * 2).requires_grad_() is not None
    with pytest.raises(RuntimeError, match=r"only an input .*detach\(\)"):
        (W * 2).requires_grad_(False)


def test_a_tensor_frozen_after_use_gets_no_gradient_and_the_others_theirs():
    V, W = parameter(name="V"), parameter()
    loss = (V * W).sum()
    W.requires_grad_(False)
    loss.backward()
    assert W.grad is None
    assert same(V.grad, np.array([1.0, 2.0, 3.0]))


def test_freezing_and_thawing_ten_thousand_times_keeps_nothing():
    W = parameter()
    for _ in range(3):
        loss = (W.requires_grad_(False) * parameter(name="V")).sum()
        W.requires_grad_()
    node = W._node
    for _ in range(100):
        loss = (W.requires_grad_(False) * parameter(name="V")).sum()
        W.requires_grad_()
    assert loss.item() == 14
    assert node.storage is W._node.storage
    assert not any(isinstance(getattr(W._node, field), type(node)) for field in type(node).__slots__[1:])


# ----------------------------------------------------------------------------------- gradients that are kept


def test_grad_owns_a_writable_array_of_the_leafs_shape_and_dtype():
    for dtype in (np.float16, np.float32, np.float64, np.complex64):
        W = parameter((2, 3), dtype=dtype)
        (W * 2).sum().backward(None if W.dtype.kind == "f" else np.ones((), dtype))
        grad = W.grad
        assert type(grad) is ag.Tensor
        assert (grad.shape, grad.dtype) == (W.shape, W.dtype)
        assert grad.data.flags.owndata
        assert grad.data.flags.writeable
        assert not grad.requires_grad


SHARED = {
    "sum of two": lambda A, B: A + B,
    "with its transpose": lambda A, B: A + B.T,
    "views": lambda A, B: A.reshape(4) + B.T.reshape(4),
    "difference": lambda A, B: A - B,
    "stacked": lambda A, B: np.stack([A, B]),
    "concatenated": lambda A, B: np.concatenate([A, B]),
    "broadcast": lambda A, B: A[None] + B,
    "selected": lambda A, B: np.where([[True, False]], A, B),
    "copies": lambda A, B: A.copy() + B.copy(),
}


@pytest.mark.parametrize("f", SHARED.values(), ids=SHARED)
@pytest.mark.parametrize("scalar", [True, False], ids=["summed", "from a gradient"])
@pytest.mark.parametrize("create_graph", [False, True], ids=["plain", "create_graph"])
def test_gradients_share_memory_with_nothing(f, scalar, create_graph):
    A, B = parameter((2, 2), name="A"), parameter((2, 2), name="B")
    y = f(A, B)
    g = np.ones(y.shape)
    if scalar:
        y.sum().backward(create_graph=create_graph)
    else:
        y.backward(g, create_graph=create_graph)
    kept = [A.data, B.data, A.grad.data, B.grad.data, g]
    for i, a in enumerate(kept):
        for b in kept[:i]:
            assert not np.shares_memory(a, b)
    for grad in (A.grad, B.grad):
        if not grad.requires_grad:
            assert grad.data.flags.writeable
            assert grad.data.flags.owndata
    assert g.sum() == y.size


def test_a_leaf_that_is_its_own_root():
    W = parameter()
    g = np.array([1.0, 2.0, 3.0])
    W.backward(g)
    assert same(W.grad, g)
    assert not np.shares_memory(W.grad.data, g)
    W.backward(ag.tensor(g))
    assert same(W.grad, 2 * g)
    x = parameter(())
    x.backward()
    x.backward()
    assert x.grad.item() == 2


def test_gradients_accumulate_until_they_are_cleared():
    W = parameter()
    (W * 2).sum().backward()
    first = W.grad
    (W * 3).sum().backward()
    assert same(W.grad, np.full(3, 5.0))
    assert W.grad is first  # in place, as in torch
    W.zero_grad()
    assert W.grad is None
    (W + W).sum().backward()
    assert same(W.grad, np.full(3, 2.0))
    W.grad = None
    assert W.grad is None


def test_grad_can_be_set_and_is_then_its_own():
    W, V = parameter(), parameter(name="V")
    array = np.ones(3)
    W.grad = array
    V.grad = W.grad
    W.sum().backward()
    assert array.tolist() == [1, 1, 1]
    assert V.grad.tolist() == [1, 1, 1]
    assert W.grad.tolist() == [2, 2, 2]
    with pytest.raises(ValueError, match=r"W\.grad.*\(2,\).*\(3,\)"):
        W.grad = np.ones(2)
    with pytest.raises(TypeError, match=r"W\.grad.*float32.*float64"):
        W.grad = np.ones(3, np.float32)


def test_a_forgotten_zero_grad_is_a_warning_that_names_the_leaf():
    W = parameter()
    for _ in range(2):
        (W * W).sum().backward()
        with ag.no_grad():
            W -= 0.1 * W.grad
    for _ in range(2):
        with pytest.warns(UserWarning, match=r"'W'.*last two updates.*forgotten zero_grad\(\)") as caught:
            (W * W).sum().backward()
        assert caught[0].filename == __file__
        with ag.no_grad():
            W -= 0.1 * W.grad


@pytest.mark.parametrize("n_critic", [1, 3])
def test_the_loop_of_a_gan_forgets_no_zero_grad(n_critic):
    """The order is that of PyTorch's DCGAN tutorial: the generator's loss adds to gradients of the discriminator."""
    real, noise = parameter(), ag.tensor([0.3, 0.1, -0.2])
    D, G = (ag.tensor(v, requires_grad=True, name=n) for v, n in (([0.5, 1.0, 0.2], "D"), ([1.0, 2.0, -1.0], "G")))
    of_D, of_G = ag.optim.SGD([D], lr=0.1), ag.optim.SGD([G], lr=0.1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(4):
            for _ in range(n_critic):
                of_D.zero_grad()
                (D * real.detach()).sum().sigmoid().log().backward()
                fake = G * noise
                (1 - (D * fake.detach()).sum().sigmoid()).log().backward()
                of_D.step()
            of_G.zero_grad()
            (D * fake).sum().sigmoid().log().backward()
            of_G.step()
    of_D.step()  # the gradients of D were not cleared since the generator's step
    with pytest.warns(UserWarning, match=r"'D'.*forgotten"):
        (D * real.detach()).sum().sigmoid().log().backward()


def test_what_is_no_forgotten_zero_grad():
    W = parameter()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for clear in (
            lambda W: W.zero_grad(),
            lambda W: setattr(W, "grad", None),
            lambda W: setattr(W, "grad", np.zeros(3)),
        ):
            (W * W).sum().backward()
            with ag.no_grad():
                W -= 0.1 * W.grad
            clear(W)
        (W * W).sum().backward()
        with ag.no_grad():
            W -= 0.1 * W.grad
            W.grad *= 0
        (W * W).sum().backward()
        (W * W).sum().backward()  # to accumulate over batches is no update in between
        for optimise in (lambda W, g: setattr(W, "data", W.data - g), lambda W, g: W.data.__isub__(g)):
            W.zero_grad()
            (W * W).sum().backward()
            optimise(W, 0.1 * W.grad.data)


# -------------------------------------------------------------------------------------------------- in place


@pytest.mark.parametrize(
    "op", [operator.iadd, operator.isub, operator.imul, operator.itruediv, operator.ipow, operator.imod,
           operator.ifloordiv], ids=lambda op: op.__name__,
)  # fmt: skip
@pytest.mark.parametrize(
    "other", [2, 0.5, np.array([1.0, 2.0, 3.0]), [1.0, 2.0, 3.0], ag.tensor([2.0])], ids=repr
)
def test_augmented_assignment_writes_in_place(op, other):
    array = np.array([1.0, 2.0, 3.0])
    x = ag.tensor(array)
    inside = x.data
    same_x = op(x, other)
    assert same_x is x
    assert x.data is inside
    assert same(x, op(array, np.asarray(other)))
    W = parameter()
    with ag.no_grad():
        kept = W
        W = op(W, other)
    assert W is kept
    assert W.requires_grad
    assert W.is_leaf


def test_matrix_product_in_place():
    x = ag.tensor(np.eye(2))
    x @= np.array([[1.0, 2.0], [3.0, 4.0]])
    assert same(x, np.array([[1.0, 2.0], [3.0, 4.0]]))


def test_assignment_to_entries():
    array = np.arange(6.0).reshape(2, 3)
    x = ag.tensor(array)
    x[0] = 5
    x[1, ag.tensor(2)] = ag.tensor(7.0)
    x[x == 5] = 8
    array[0] = 8
    array[1, 2] = 7
    assert same(x, array)
    x[0] -= 1
    array[0] -= 1
    assert same(x, array)
    W = parameter((2, 3))
    with ag.no_grad():
        W[0] -= 1
        W[1, 1:] = 0
    assert W.tolist() == [[0, 1, 2], [4, 0, 0]]
    assert W.is_leaf


def test_data_may_always_be_written():
    W = parameter()
    inside = W.data
    W.data -= 1
    assert W.data is inside
    W.data = np.array([5.0, 6.0])
    assert W.tolist() == [5, 6]
    V = ag.tensor([0.0, 0.0])
    W.data = V  # a tensor is copied: the two stay apart
    with ag.no_grad():
        W += 1
    assert V.tolist() == [0, 0]
    assert (W * 2).sum().item() == 4
    W.data = W * 10  # so is a recorded one, of which the numbers are meant
    assert W.tolist() == [10, 10]
    assert W.is_leaf
    with pytest.raises(TypeError, match="floating"):
        W.data = np.array([1, 2])
    with pytest.raises(RuntimeError, match="recorded"):
        (W * 2).data = np.ones(2)
