"""Each thing that could silently go wrong gives one clear error: the operation, the shapes, the variable's
name, the user's line where it is known, and the remedy."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from messages import points_here, says
from tensors import parameter

import autograd_lite as ag
from autograd_lite.table import TABLE, define

# -------------------------------------------------------------------------------------------------- backward


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


# --------------------------------------------------------------------------------------- what a tensor holds


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


# ------------------------------------------------------------------------------------------ shapes, operands


def test_shapes_that_do_not_broadcast():
    A, B = parameter((2, 3), "A"), parameter((4,), "B")
    for name, call in (
        ("add", lambda: A + B),
        ("multiply", lambda: np.multiply(A, B)),
        ("arctan2", lambda: np.arctan2(A, B)),
    ):
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
        says(
            error,
            "matmul",
            "A (2, 3)",
            "the last size of the first must equal the last but one of the second",
        )


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
        (TypeError, "sum", lambda: A.sum(axes=0)),
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
    assert (other == W) is False


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


# --------------------------------------------------------------------------------- what would drop the graph


@pytest.mark.parametrize("function", [math.exp, math.floor])
def test_a_function_of_python_numbers_would_drop_the_graph(function):
    W = parameter(())
    for x in (W, W * 2):
        with pytest.raises(RuntimeError) as error:
            function(x)
        says(error, "drop the graph", "np.exp", ".item()")
    with pytest.raises(RuntimeError, match=r"np\.exp"):
        math.exp(x)
    assert function(ag.tensor(1.0)) == function(1.0)


NUMBERS = {
    "float": lambda x: float(x),
    "int": lambda x: int(x),
    "complex": lambda x: complex(x),
    "format": lambda x: "%.1f" % x,  # noqa: UP031
    "map": lambda x: list(map(float, [x])),
    "key": lambda x: max([x, x], key=float),
}


@pytest.mark.parametrize("name", NUMBERS)
def test_a_number_without_its_graph_warns_once_per_place(name):
    number, W = NUMBERS[name], parameter(())
    loss = W * 2
    with pytest.warns(UserWarning, match=r"\.item\(\)") as seen:
        number(loss)
    assert {w.filename for w in seen} == {__file__}
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("default")
        for _ in range(3):
            number(loss)
    assert len(seen) == 1
    with ag.no_grad():
        number(loss)
    (loss * 2).backward()
    number(loss)  # a backward pass has been through it


def test_the_values_of_numbers_without_a_graph():
    loss = parameter(()) * 2.5
    loss.backward()
    assert (float(loss), int(loss), complex(loss), f"{loss:.2f}", round(loss.item(), 1)) == (2.5, 2, 2.5, "2.50", 2.5)
    with pytest.raises(TypeError, match=r"float\(\) of a tensor of shape \(3,\)"):
        float(ag.tensor(np.ones(3)))


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
    with pytest.raises(TypeError, match="expected an integer"):
        [1, 2][ag.tensor(1.0)]
    with pytest.raises(TypeError, match=r"unsized|0-d"):
        len(ag.tensor(1.0))
    with pytest.raises(TypeError, match="0-d"):
        iter(ag.tensor(1.0))


# ---------------------------------------------------------------------------------------- a user's own rules


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
    with pytest.raises(RuntimeError, match=r"'W'.*has changed|has changed.*'W'"):
        loss.backward()


# ----------------------------------------------------------------------------------------------------- hooks


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


# ------------------------------------------------------------------------------------------- what is refused


def test_unknown_functions_are_refused_by_name():
    with pytest.raises((TypeError, NotImplementedError), match="putmask"):
        np.putmask(parameter(), [True], 1)


@pytest.mark.parametrize("transform", [ag.grad, ag.value_and_grad, ag.jacobian, ag.hessian])
def test_a_transform_called_as_pytorch_calls_it(transform):
    with pytest.raises(TypeError, match=r"takes a function and returns another: write .*\(f, argnums=0\)\(x\)"):
        transform(np.sum, np.ones(2))
    with pytest.raises(TypeError, match=r"takes a function"):
        transform(ag.tensor(1.0))


def test_jvp_of_bare_numbers_says_what_it_takes():
    with pytest.raises(TypeError, match=r"tuples .* jvp\(f, \(x,\), \(t,\)\)"):
        ag.jvp(np.sin, 1.0, 1.0)


def test_explain_of_a_function_says_what_it_takes():
    with pytest.raises(TypeError, match="expected a computed Tensor"):
        ag.explain(np.sum)


def test_source_of_a_result_says_what_it_takes():
    with pytest.raises(TypeError, match=r"source\(f, x\)"):
        ag.source(ag.tensor(1.0, requires_grad=True) * 2)


def test_an_own_op_without_a_rule_is_refused_when_it_is_declared():
    with pytest.raises(TypeError, match="a rule for each argument is missing"):
        define()
