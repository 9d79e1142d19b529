"""Each thing that could silently go wrong gives one clear error: the operation, the shapes, the variable's name, the
user's line where it is known, and the remedy."""

from __future__ import annotations

import copy
import math
import warnings

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.primitive import TABLE, define


def parameter(shape=(3,), name="W", dtype=float):
    return ag.tensor(np.arange(1, 1 + int(np.prod(shape))).reshape(shape), dtype, requires_grad=True, name=name)


def says(error, *words):
    text = str(error.value)
    missing = [word for word in words if word not in text]
    assert not missing, f"{text!r} does not say {missing}"
    assert text.count("\n") == 0, "one sentence or two, not a page"


def points_here(error):
    """A note tells the user's line, in this file."""
    notes = getattr(error.value, "__notes__", [])
    assert any(f"{__file__}:" in note for note in notes), notes


# ----------------------------------------------------------------------------------------------------------- backward


def test_backward_from_a_non_scalar():
    y = parameter() * 2
    with pytest.raises(RuntimeError) as error:
        y.backward()
    says(error, "backward", "multiply", "(3,)", ".sum()", "gradient=")
    points_here(error)


def test_backward_from_a_named_result_says_its_name():
    y = parameter() * 2
    y.name = "Y"
    with pytest.raises(RuntimeError) as error:
        y.backward()
    says(error, "'Y'", "(3,)")


def test_backward_from_what_requires_no_gradient():
    for make in (
        lambda: ag.tensor([1.0, 2.0]),
        lambda: ag.tensor([1.0]) * 2,
        lambda: ag.tensor(parameter().data) ** 2,
        lambda: (parameter() * 2).detach(),
        lambda: np.floor(parameter()).sum(),
    ):
        with pytest.raises(RuntimeError) as error:
            make().backward()
        says(error, "backward", "requires no gradient", "requires_grad=True", "no_grad()")
    c = ag.tensor(1.0, name="c")
    with pytest.raises(RuntimeError, match="backward from c"):
        c.backward()
    W = parameter()
    with ag.no_grad():
        loss = (W * W).sum()
    with pytest.raises(RuntimeError, match=r"no_grad\(\)"):
        loss.backward()


def test_backward_from_a_complex_scalar():
    z = ag.tensor(1 + 2j, requires_grad=True)
    with pytest.raises(RuntimeError) as error:
        (z * z).backward()
    says(error, "backward", "multiply", "real", "np.abs", "gradient=")
    (z * z).backward(1.0)  # with a gradient it is meant
    assert z.grad.item() == np.conj(2 * (1 + 2j))


@pytest.mark.parametrize("gradient", [np.ones(2), np.ones((3, 1)), 1.0, np.ones((1, 3))])
def test_a_gradient_of_the_wrong_shape(gradient):
    W = parameter()
    with pytest.raises(ValueError, match="gradient=") as error:
        (W * 2).backward(gradient)
    says(error, "multiply", str(np.shape(gradient)), "(3,)")
    assert W.grad is None


def test_a_gradient_of_the_wrong_dtype():
    W = parameter()
    with pytest.raises(TypeError, match="gradient=") as error:
        (W * 2).backward(np.ones(3, complex))
    says(error, "multiply", "complex128", "float64")
    (W * 2).backward(np.ones(3, int))  # whole numbers are numbers
    (W * 2).backward(np.ones(3, np.float32))
    assert W.grad.tolist() == [4, 4, 4]


def test_a_second_backward_after_freeing():
    W = parameter()
    h = np.exp(W)
    loss, other = (h * h).sum(), (h * W).sum()
    loss.backward(retain_graph=False)
    before = W.grad.tolist()
    for again in (loss, other):
        with pytest.raises(RuntimeError) as error:
            again.backward()
        says(error, "backward", "freed", "retain_graph=False", "Leave retain_graph out")
        points_here(error)
    assert W.grad.tolist() == before  # and nothing half done
    with pytest.raises(RuntimeError, match="freed"):
        ag.autograd.grad(loss, W)


# ------------------------------------------------------------------------------------------------ what a tensor holds


@pytest.mark.parametrize("data", [[1, 2], [True], np.arange(3, dtype=np.uint8)])
def test_whole_numbers_cannot_require_gradients(data):
    for ask in (
        lambda: ag.tensor(data, requires_grad=True),
        lambda: ag.tensor(data).requires_grad_(),
        lambda: setattr(ag.tensor(data), "requires_grad", True),
    ):
        with pytest.raises(TypeError) as error:
            ask()
        says(error, str(np.asarray(data).dtype), "dtype=float", ".astype(float)")
    assert ag.tensor(data, dtype=float, requires_grad=True).requires_grad  # the remedy
    assert ag.tensor(data).astype(float).requires_grad_().requires_grad


@pytest.mark.parametrize(
    "data", ["text", ["a", "b"], [None], {"a": 1}, {1, 2}, [object()], np.array([1, 2], object),
             np.array(["2020-01-01"], "M8[D]"), b"bytes", (k for k in range(3)), 10**30]
)  # fmt: skip
def test_what_is_no_number_is_refused(data):
    with pytest.raises(TypeError) as error:
        ag.tensor(data)
    says(error, "tensor", "dtype", "numbers and booleans only")


def test_ragged_lists():
    with pytest.raises(ValueError, match="rectangular"):
        ag.tensor([[1, 2], [3]])


def test_no_gradient_passes_through_objects():
    W = parameter()
    loss = (W * np.array([1, 2, 3], object)).sum()
    with pytest.raises(TypeError) as error:
        loss.backward()
    says(error, "object", "astype(float)")
    points_here(error)
    with pytest.raises((TypeError, RuntimeError), match="drop the graph"):
        W * np.array([W, W, W], object)
    with pytest.raises(TypeError, match=r"exp"):
        np.exp(ag.tensor([1.0]) * np.array([1], object))


# ------------------------------------------------------------------------------------------------------ shapes, operands


def test_shapes_that_do_not_broadcast():
    A, B = parameter((2, 3), "A"), parameter((4,), "B")
    for name, call in (("add", lambda: A + B), ("multiply", lambda: np.multiply(A, B)), ("arctan2", lambda: np.arctan2(A, B))):
        with pytest.raises(ValueError) as error:
            call()
        says(error, name, "A (2, 3)", "B (4,)", "do not broadcast")
    with pytest.raises(ValueError) as error:
        (A * 2) + np.ones(4)
    says(error, "add", "(2, 3)", "array (4,)")
    points_here(error)


def test_matrices_that_do_not_fit():
    A, B = parameter((2, 3), "A"), parameter((2, 3), "B")
    for call in (lambda: A @ B, lambda: A @ np.ones((2, 2)), lambda: np.matmul(A, B)):
        with pytest.raises(ValueError) as error:
            call()
        says(error, "matmul", "A (2, 3)", "the last size of the first must equal the last but one of the second")


def test_other_calls_name_the_operation_and_the_operand():
    A = parameter((2, 3), "A")
    for kind, name, call in (
        (ValueError, "reshape", lambda: A.reshape(4)),
        ((ValueError, IndexError), "sum", lambda: A.sum(axis=2)),
        (IndexError, "getitem", lambda: A[5]),
        (IndexError, "getitem", lambda: A[0, 0, 0]),
        (IndexError, "getitem", lambda: A[1.5]),
        (IndexError, "getitem", lambda: A["a"]),
        (ValueError, "concatenate", lambda: np.concatenate([A, np.ones((3, 2))])),
        (ValueError, "stack", lambda: np.stack([A, np.ones((3, 2))])),
        (TypeError, "sum", lambda: A.sum(axis="x")),
        (TypeError, "sum", lambda: A.sum(dim=0)),
    ):
        with pytest.raises(kind) as error:
            call()
        says(error, name)
        assert "(2, 3)" in str(error.value) or "A" in str(error.value)


@pytest.mark.parametrize("other", ["a", None, object(), {"a": 1}, b"a"])
def test_operands_that_are_no_numbers(other):
    W = parameter()
    for call in (lambda: W + other, lambda: other * W, lambda: W @ other):
        with pytest.raises(TypeError):
            call()
    with pytest.raises(TypeError), ag.no_grad():
        W += other
    assert (W == other) is False


def test_text_arrays_are_refused_by_the_operation():
    with pytest.raises(TypeError) as error:
        parameter() + np.array(["a", "b", "c"])
    says(error, "add", "W (3,)")


@pytest.mark.parametrize("left", [True, False])
def test_masked_arrays_and_matrices_are_refused(left):
    W, masked = parameter(), np.ma.array([1.0, 2.0, 3.0], mask=[0, 1, 0])
    for op in (np.multiply, lambda a, b: a * b, lambda a, b: a + b):
        with pytest.raises(TypeError, match=r"masked.*\.filled"):
            op(masked, W) if left else op(W, masked)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PendingDeprecationWarning)  # NumPy's, about the class itself
        X, matrix = parameter((2, 2)), np.asmatrix(np.eye(2))
    with pytest.raises(TypeError, match=r"matrix.*np\.asarray.*@"):
        matrix * X if left else X * matrix


def test_masked_arrays_are_not_taken_as_data_either():
    masked = np.ma.array([1.0, 2.0, 3.0], mask=[0, 1, 0])
    for call in (lambda: ag.tensor(masked), lambda: ag.grad(np.sum)(masked), lambda: ag.vjp(np.sin, masked)):
        with pytest.raises(TypeError, match=r"masked.*\.filled"):
            call()
    with pytest.raises(TypeError, match="masked"):
        x = ag.tensor(np.ones(3))
        x += masked


# -------------------------------------------------------------------------------------------- writes while recording


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
    with pytest.raises(RuntimeError, match="-="):
        W[0] -= 1
    assert W.tolist() == [1, 2, 3]
    c += 1  # a constant is an ordinary array
    with pytest.raises(RuntimeError, match=r"\+="):
        c += W


def test_writes_into_recorded_results():
    W = parameter()
    y = W * 2
    for mode in (ag.no_grad, ag.enable_grad):
        with mode():
            for write in (lambda: y.__iadd__(1), lambda: y.__setitem__(0, 1), lambda: np.add(y, 1, out=y)):
                with pytest.raises(RuntimeError) as error:
                    write()
                assert "multiply" in str(error.value) or "drop the graph" in str(error.value)
    assert y.tolist() == [2, 4, 6]
    with pytest.raises(ValueError, match="read-only"):
        y.data[0] = 1
    with pytest.raises(ValueError, match="read-only"):
        y.detach().__iadd__(1)
    with pytest.raises(ValueError, match="read-only"), ag.no_grad():
        y[:2].__iadd__(1)
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
    with pytest.raises(ValueError) as error:  # NumPy's own, of a single entry; ours is its cause
        a[0] = W[0]
    cause = error.value.__cause__
    assert isinstance(cause, RuntimeError)
    assert "array[i] = tensor" in str(cause)
    assert "ag.set_at" in str(cause)
    with pytest.raises(TypeError, match=r"add\.at.*ag\.add_at"):
        np.add.at(a, [0], W[:1])
    for write in (lambda: np.copyto(a, W), *(lambda f=f: f(a, [1, 0, 1], W) for f in (np.put, np.place, np.putmask))):
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


# ----------------------------------------------------------------------------------- a parameter updated before backward

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
    if update is UPDATES[".data ="] and W._node.version < loss._node.order:  # a view of the old array still sees it
        try:
            loss.backward()
        except RuntimeError as error:
            assert "'W'" in str(error)
        else:
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
    """A result whose array was reshaped inside a row looks into nobody's memory."""
    W = parameter()
    for use in (
        lambda: (W * 2).reshape(3, 1).T ** 2,
        lambda: W.sum(keepdims=True) ** 2,
        lambda: W.copy() ** 2,
        lambda: np.cumsum(W)[::-1] ** 2,
    ):
        loss = use().sum()
        with ag.no_grad():
            W -= 0.5
        loss.backward()
        W.zero_grad()


def test_constants_are_watched_too():
    W, c = parameter(), ag.tensor([1.0, 2.0, 3.0], name="c")
    loss = (W * c).sum()
    c += 1
    with pytest.raises(RuntimeError, match="'c'.*has changed since"):
        loss.backward()
    loss = (W * c).sum()
    c.requires_grad_()
    with ag.no_grad():
        c -= 1
    with pytest.raises(RuntimeError, match="'c'.*has changed since"):
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
    with pytest.raises(RuntimeError, match="'W'.*has changed since"):
        loss.backward()


def test_a_leaf_that_was_given_another_shape():
    W = ag.tensor(1.0, requires_grad=True, name="W")
    loss = W + 1
    W.data = np.ones(3)
    with pytest.raises(RuntimeError, match="'W'.*another shape or dtype"):
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


# ----------------------------------------------------------------------------------------- what would drop the graph


@pytest.mark.parametrize("number", [float, int, complex, math.exp, math.floor])
def test_numbers_that_would_drop_the_graph(number):
    W = parameter(())
    with pytest.raises(RuntimeError) as error:
        number(W)
    says(error, "W", "drop the graph", "np.exp", ".item()")
    with pytest.raises(RuntimeError):
        number(W * 2)
    assert number(ag.tensor(1.0)) == number(1.0)


def test_arrays_that_would_drop_the_graph():
    W = parameter()
    for call in (
        lambda: np.array(W),
        lambda: np.asarray(W),
        lambda: np.array([W, W]),
        lambda: np.array([W[0], W[1]]),
        lambda: np.sum([W[0], W[1]]),
        lambda: ag.tensor(W),
        lambda: ag.tensor(W * 2),
        lambda: ag.tensor([W[0], W[1]]),
        lambda: np.float64(W[0]),
    ):
        with pytest.raises((RuntimeError, ValueError, TypeError)) as error:
            call()
        assert "drop the graph" in str(error.value) or "drop the graph" in str(error.value.__cause__)
    assert np.array([ag.tensor(1.0), ag.tensor(2.0)]).tolist() == [1, 2]
    assert ag.tensor(W.detach()).tolist() == [1, 2, 3]


def test_truth_of_many_entries():
    for x in (parameter(), ag.tensor([True, False]), ag.tensor([])):
        with pytest.raises(ValueError) as error:
            bool(x)
        says(error, str(x.shape), "ambiguous", ".any()", ".all()")
        with pytest.raises(ValueError, match="ambiguous"):
            x and 1


def test_not_one_number():
    x = ag.tensor([1.0, 2.0])
    for number in (float, int, complex):
        with pytest.raises(TypeError, match=r"\(2,\).*single entry"):
            number(x)
    with pytest.raises(TypeError, match="whole number"):
        [1, 2][ag.tensor(1.0)]
    with pytest.raises(TypeError, match="unsized|0-d"):
        len(ag.tensor(1.0))
    with pytest.raises(TypeError, match="0-d"):
        iter(ag.tensor(1.0))


# ------------------------------------------------------------------------------------------------ a user's own rules


@pytest.fixture
def row():
    """`define` a row for this test alone."""
    before = dict(TABLE)

    def declare(*rules, fn=lambda x: x * 1.0, **options):
        return define(*rules, name=f"mine_{len(TABLE)}", **options)(fn)

    yield declare
    for name in TABLE.keys() - before.keys():
        del TABLE[name]


@pytest.mark.parametrize("shape", [(2,), (3, 1), (4, 3, 2), (2, 3)])
@pytest.mark.parametrize("kind", ["general", "linear"])
def test_a_rule_that_returns_the_wrong_shape(row, shape, kind):
    mine = row(lambda g: np.ones(shape), kind=kind)
    with pytest.raises(ValueError) as error:
        mine(parameter()).sum().backward()
    says(error, mine.name, "argument 1", str(shape), "(3,)")
    points_here(error)


def test_an_elementwise_rule_of_the_wrong_shape(row):
    mine = row(lambda x: np.ones((2, 3)), kind="elementwise")
    with pytest.raises(ValueError) as error:
        mine(parameter()).sum().backward()
    says(error, mine.name, "argument 1", "(2, 3)", "(3,)")
    too_few = row(lambda g: g.sum(), kind="general")
    with pytest.raises(ValueError) as error:
        too_few(parameter()).sum().backward()
    says(error, too_few.name, "()", "(3,)")


@pytest.mark.parametrize("wrong", [None, 1.0, [1.0, 2.0, 3.0], (1.0, 2.0, 3.0), "text"])
def test_a_rule_that_returns_no_array(row, wrong):
    mine = row(lambda g: wrong)
    with pytest.raises(TypeError) as error:
        mine(parameter()).sum().backward()
    says(error, mine.name, "argument 1", type(wrong).__name__, "(3,)")
    points_here(error)


def test_a_rule_that_fails_says_where_it_was_used(row):
    mine = row(lambda g, x: g @ np.ones((7, 7)))
    with pytest.raises(ValueError) as error:
        mine(parameter()).sum().backward()
    points_here(error)


def test_a_rule_that_asks_for_what_there_is_not(row):
    with pytest.raises(TypeError) as error:
        row(lambda g, z: g)
    says(error, "mine", "'z'", "g", "y", "x1")


def test_first_order_rules_refuse_a_second(row):
    mine = row(lambda g, x: 2 * g * x, fn=lambda x: x * x, order=1)
    W = parameter()
    mine(W).sum().backward()
    assert W.grad.tolist() == [2, 4, 6]
    with pytest.raises(NotImplementedError) as error:
        mine(W).sum().backward(create_graph=True)
    says(error, mine.name, "first derivative only", "order=1")
    points_here(error)


def test_a_row_that_returns_its_argument_is_watched(row):
    same = row(lambda g: g, fn=lambda x: x)
    W = parameter()
    loss = (same(W) ** 2).sum()
    assert W.data.flags.writeable
    with ag.no_grad():
        W -= 1
    with pytest.raises(RuntimeError, match="'W'.*has changed|has changed.*'W'"):
        loss.backward()


# ------------------------------------------------------------------------------------------------------------- hooks


def test_hooks_are_checked():
    W = parameter()
    with pytest.raises(RuntimeError, match=r"register_hook.*c.*no gradient"):
        ag.tensor(1.0, name="c").register_hook(print)
    with pytest.raises(RuntimeError, match=r"retain_grad.*c.*no gradient"):
        ag.tensor(1.0, name="c").retain_grad()
    W.register_hook(lambda g: np.ones((2, 3)))
    with pytest.raises(ValueError) as error:
        (W * 2).sum().backward()
    says(error, "hook", "'W'", "(2, 3)", "(3,)")
    V = parameter(name="V")
    V.register_hook(lambda g: g * 1j)
    with pytest.raises(TypeError, match=r"hook.*'V'.*complex128.*float64"):
        (V * 2).sum().backward()
    U = parameter(name="U")
    U.register_hook(lambda g: g.__iadd__(1))
    with pytest.raises(ValueError, match="read-only"):
        (U * 2).sum().backward()


# ------------------------------------------------------------------------------------------------------ what is refused


def test_unknown_functions_are_refused_by_name():
    with pytest.raises((TypeError, NotImplementedError), match="putmask"):
        np.putmask(parameter(), [True], 1)
    with pytest.raises((TypeError, NotImplementedError), match=r"cuda.*GPU"):
        raise_attribute(lambda: parameter().cuda())


def raise_attribute(f):
    """An AttributeError as a TypeError, so that one test reads the texts of both."""
    try:
        f()
    except AttributeError as error:
        raise TypeError(str(error)) from error
