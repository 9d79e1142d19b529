"""Writes: an error if they would change a recorded value, and noticed by the backward pass however they are made."""

from __future__ import annotations

import copy
import operator
from contextlib import suppress

import numpy as np
import pytest
from messages import points_here, says
from tensors import leaf, parameter

import autograd_lite as ag

# ------------------------------------------------------------------------------------ writes while recording


def test_augmented_assignment_to_a_leaf_while_recording():
    for op in ("+=", "-=", "*=", "/=", "**="):
        W = parameter()
        with pytest.raises(RuntimeError) as error:
            exec(f"W {op} 2", {"W": W})
        says(error, op, "'W'", "no_grad()", "x = x + ...")
    unnamed = ag.tensor([1.0], requires_grad=True)
    with pytest.raises(RuntimeError, match=r"\+= on a tensor of shape \(1,\)"):
        unnamed += 1


def test_assignment_to_entries_while_recording():
    W, c = parameter(), ag.tensor(np.ones(3))
    with pytest.raises(RuntimeError) as error:
        W[0] = 1
    says(error, "x[i] = ...", "'W'", "no_grad()", "ag.set_at")
    with pytest.raises(RuntimeError) as error:
        c[0] = W[0]
    says(error, "x[i] = ...", "ag.set_at")
    with pytest.raises(RuntimeError, match=r"ag\.set_at"):
        W[0] -= 1
    assert W.tolist() == [1, 2, 3]


AUGMENTED = {
    "+=": operator.iadd, "-=": operator.isub, "*=": operator.imul, "/=": operator.itruediv, "@=": operator.imatmul,
    "**=": operator.ipow, "//=": operator.ifloordiv, "%=": operator.imod,
}  # fmt: skip
PLAIN = {
    "+=": operator.add, "-=": operator.sub, "*=": operator.mul, "/=": operator.truediv, "@=": operator.matmul,
    "**=": operator.pow, "//=": operator.floordiv, "%=": operator.mod,
}  # fmt: skip


@pytest.mark.parametrize("symbol", AUGMENTED)
def test_augmented_assignment_to_a_recorded_result_rebinds(symbol):
    W, other = leaf([[1.5, 2.0], [3.0, 4.0]]), np.array([[2.0, 1.0], [0.5, 3.0]])
    y = old = W * 2
    y = AUGMENTED[symbol](y, other)
    assert y is not old
    assert old.tolist() == [[3, 4], [6, 8]]
    expected = PLAIN[symbol](old, other)
    assert y.tolist() == expected.tolist()
    (y.sum() + old.sum()).backward()
    found, W.grad = W.grad, None
    (expected.sum() + old.sum()).backward()
    assert found.tolist() == W.grad.tolist()


def test_augmented_assignment_inside_a_transform_and_a_trace():
    def f(x):
        x *= x
        return np.sum(x)

    x = np.array([1.0, 2.0])
    assert ag.grad(f)(x).tolist() == [2, 4]
    assert ag.trace(f)(x)(np.array([3.0, 4.0])) == 25
    assert x.tolist() == [1, 2]
    with ag.no_grad():
        y = parameter() * 2
    y += 1  # nothing was recorded: an ordinary array
    assert y.tolist() == [3, 5, 7]


def test_sums_that_begin_with_a_constant():
    W = parameter()
    for total in (0, 0.0, ag.tensor(0.0), ag.zeros(3)):
        before = total
        for k in range(3):
            total += (W * k).sum()
        total.sum().backward()
        assert np.all(np.equal(before, 0))
    assert W.grad.tolist() == [3 * (1 + 1 + 1 + 3)] * 3
    c = d = ag.tensor(np.ones(3))
    c += 1  # a constant is an ordinary array
    with ag.no_grad():
        c += W
    assert c is d
    assert c.tolist() == [3, 4, 5]


def test_writes_into_recorded_results():
    W = parameter()
    y = W * 2
    for mode in (ag.no_grad, ag.enable_grad):
        with mode():
            for write in (lambda: y.__setitem__(0, 1), lambda: np.add(y, 1, out=y)):
                with pytest.raises(RuntimeError) as error:
                    write()
                assert "multiply" in str(error.value) or "drop the graph" in str(error.value)
    assert y.tolist() == [2, 4, 6]
    with pytest.raises(ValueError, match="read-only"):
        y.data[0] = 1
    with pytest.raises(ValueError, match="read-only"):
        y.detach().__iadd__(1)
    with ag.no_grad():
        part = y[:2]
        with pytest.raises(ValueError, match="read-only"):
            part += 1
    y.sum().backward()
    assert W.grad.tolist() == [2, 2, 2]


def test_out_would_drop_the_graph():
    W, out = parameter(), np.zeros(3)
    for call in (
        lambda: np.add(W, 1, out=out),
        lambda: np.exp(W, out=out),
        lambda: np.add(np.ones(3), np.ones(3), out=W),
        lambda: np.multiply.accumulate(W, out=out),
        lambda: out.__iadd__(W),
    ):
        with pytest.raises(RuntimeError) as error:
            call()
        says(error, "np.", "out=", "drop the graph", "W", "x = x + y")
    with pytest.raises(TypeError, match="out="):
        np.sum(W, out=np.zeros(()))
    assert out.tolist() == [0, 0, 0]


def test_out_where_nothing_is_lost():
    c, out = ag.tensor([1.0, 2.0, 3.0]), np.zeros(3)
    assert np.add(c, 1, out=out) is out
    out += c
    assert out.tolist() == [3, 5, 7]
    t = ag.tensor(np.zeros(3))
    assert np.add(c, 1, out=t) is t
    assert t.tolist() == [2, 3, 4]
    W = parameter()
    loss = (W * W).sum()
    with ag.no_grad():
        np.subtract(W, 1, out=W)
        out += W
    assert W.tolist() == [0, 1, 2]
    assert out.tolist() == [3, 6, 9]
    with pytest.raises(RuntimeError, match="has changed since"):
        loss.backward()


def test_writes_into_arrays():
    W, a = parameter(), np.zeros(3)
    for write in (lambda: a.__setitem__(slice(None), W), lambda: a.__setitem__([0, 1], W[:2])):
        with pytest.raises(RuntimeError) as error:
            write()
        says(error, "array[i] =", "drop the graph", "np.stack", "ag.set_at", ".detach()")
    with pytest.raises(TypeError, match=r"add\.at.*ag\.add_at"):
        np.add.at(a, [0], W[:1])
    for write in (
        lambda: np.copyto(a, W),
        *(lambda f=f: f(a, [1, 0, 1], W) for f in (np.put, np.place, np.putmask)),
    ):
        with pytest.raises(TypeError, match=r"ag\.set_at"):
            write()
    assert a.tolist() == [0, 0, 0]


def test_wrong_shapes_and_dtypes_in_place():
    x = ag.tensor([1.0, 2.0])
    with pytest.raises(ValueError) as error:
        x += np.ones((3, 2))
    says(error, "+=", "(2,)", "(3, 2)", "another shape")
    k = ag.tensor([1, 2])
    with pytest.raises(TypeError) as error:
        k += 0.5
    says(error, "+=", "int64")
    with pytest.raises(ValueError, match="read-only"):
        frozen = ag.tensor(np.ones(2)) * 1
        frozen.data.setflags(write=False)
        frozen += 1


# ----------------------------------------------------------------------- a parameter updated before backward

UPDATES = {
    "-=": lambda W: W.__isub__(1),
    "x[i] =": lambda W: W.__setitem__(0, 9.0),
    "x[i] -=": lambda W: exec("W[0] -= 1", {"W": W}),
    ".data -=": lambda W: exec("W.data -= 1", {"W": W}),
    ".data =": lambda W: setattr(W, "data", np.zeros(3)),
    "through detach()": lambda W: W.detach().__isub__(1),
    "through a view": lambda W: W[1:].__isub__(1),
    "through a view of a view": lambda W: W[::-1][:2].__isub__(1),
    "through reshape": lambda W: W.reshape(3, 1).__isub__(1),
    "through copy.copy": lambda W: copy.copy(W).__isub__(1),
    "through real": lambda W: W.real.__isub__(1),
    "through split": lambda W: np.split(W, 3)[0].__isub__(1),
    "out=": lambda W: np.add(W, 1, out=W),
}
USES = {
    "square": lambda W, V: W * W,
    "a view": lambda W, V: W[:] * W[:],
    "transposed": lambda W, V: W.T**2,
    "detached": lambda W, V: W.detach() * V,
    "constant part": lambda W, V: ag.stop_gradient(W) * V,
    "split": lambda W, V: np.concatenate([a * a for a in np.split(W, 3)]),
    "real": lambda W, V: np.real(W) ** 2,
    "reshaped": lambda W, V: W.reshape(3, 1) * V,
    "broadcast": lambda W, V: np.broadcast_to(W, (2, 3)) * V,
    "under no_grad": lambda W, V: ag.no_grad()(lambda: W[::1])() * V,
    "checkpoint": lambda W, V: ag.checkpoint(lambda W: W * W)(W),
    "captured by checkpoint": lambda W, V: ag.checkpoint(lambda V: W * V)(V),
}


def use_gradient(use):
    """What the gradient of the first that has one would have been without the update."""
    W, V = parameter(), parameter(name="V")
    use(W, V).sum().backward()
    return (W.grad if W.grad is not None else V.grad).data


@pytest.mark.parametrize("update", UPDATES.values(), ids=UPDATES)
@pytest.mark.parametrize("use", USES.values(), ids=USES)
def test_a_parameter_updated_between_forward_and_backward(use, update):
    W, V = parameter(), parameter(name="V")
    loss = use(W, V).sum()
    with ag.no_grad():
        update(W)
    if update is UPDATES[".data ="]:  # a view of the old array still sees that, and gives the old gradient
        with suppress(RuntimeError):
            loss.backward()
            assert np.allclose((W.grad if W.grad is not None else V.grad).data, use_gradient(use))
        return
    with pytest.raises(RuntimeError) as error:
        loss.backward()
    says(error, "backward through", "has changed since", "Call backward() before you update it")
    assert "'W'" in str(error.value)
    points_here(error)
    assert W.grad is None
    assert V.grad is None


@pytest.mark.parametrize("update", UPDATES.values(), ids=UPDATES)
def test_an_update_of_what_no_rule_needs_is_no_error(update):
    W, V = parameter(), parameter(name="V")
    loss = (W * 2 + V).sum() + (W - 1).sum() + W[1:].sum() + W.T.sum() + W.reshape(3, 1).sum()
    with ag.no_grad():
        update(W)
    loss.backward()
    assert W.grad.tolist() == [5, 6, 6]


def test_what_is_fresh_is_not_blamed_for_an_update():
    """A result whose array was reshaped inside a row shares no memory with an argument."""
    W = parameter()
    for use in (
        lambda W: (W * 2).reshape(3, 1).T ** 2,
        lambda W: W.sum(keepdims=True) ** 2,
        lambda W: W.copy() ** 2,
        lambda W: np.cumsum(W)[::-1] ** 2,
    ):
        loss = use(W).sum()
        with ag.no_grad():
            W -= 0.5
        loss.backward()
        W.zero_grad()


def test_constants_are_watched_too():
    W, c = parameter(), ag.tensor([1.0, 2.0, 3.0], name="c")
    loss = (W * c).sum()
    c += 1
    with pytest.raises(RuntimeError, match=r"'c'.*has changed since"):
        loss.backward()
    loss = (W * c).sum()
    c.requires_grad_()
    with ag.no_grad():
        c -= 1
    with pytest.raises(RuntimeError, match=r"'c'.*has changed since"):
        loss.backward()
    mask = ag.tensor([0, 1])
    loss = W[mask].sum()
    mask += 1
    loss.backward()  # an index is copied
    assert W.grad.tolist() == [1, 1, 0]


def test_a_leaf_frozen_and_then_updated():
    W, V = parameter(), parameter(name="V")
    loss = (W * V).sum()
    W.requires_grad_(False)
    W -= 1
    with pytest.raises(RuntimeError, match=r"'W'.*has changed since"):
        loss.backward()


def test_a_leaf_that_was_given_another_shape():
    W = ag.tensor(1.0, requires_grad=True, name="W")
    loss = W + 1
    W.data = np.ones(3)
    with pytest.raises(RuntimeError, match=r"'W'.*another shape or dtype"):
        loss.backward()
    W.grad = np.ones(3)
    W.data = np.ones(3, np.float32)
    (W * 2).sum().backward()
    assert W.shape == (3,)


def test_writes_after_backward_are_what_training_is():
    W = parameter()
    for _ in range(3):
        loss = (W * W).sum()
        loss.backward()
        with ag.no_grad():
            W -= 0.1 * W.grad
        W.zero_grad()
    assert np.allclose(W.data, np.array([1, 2, 3]) * 0.8**3)
    with pytest.raises(RuntimeError, match="has changed since"):
        loss.backward()


def test_a_write_elsewhere_before_the_backward_pass_of_a_row_with_an_argument_without_a_derivative():
    W, x, sign = parameter(), ag.tensor([1.0, 2.0], requires_grad=True), ag.tensor([-1.0, 1.0], requires_grad=True)
    loss = np.copysign(x, sign).sum()
    with ag.no_grad():
        W += 1
    loss.backward()
    assert x.grad.tolist() == [-1, 1]
    assert sign.grad is None
