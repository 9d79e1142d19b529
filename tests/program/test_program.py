"""Programs of recorded graphs: their values, their backward pass as equations, and what makes them invalid."""

from __future__ import annotations

import numpy as np
import pytest
from thorough import EVERY_CASE

import autograd_lite as ag
from autograd_lite.base.tree import leaves
from autograd_lite.program import Program, Var
from autograd_lite.program.graph import ending, recorded_equations
from autograd_lite.program.libraries import is_librarys
from autograd_lite.testing.rows import all_rows, points

ROWS = sorted((row for row in all_rows() if row.builtin and row.kind != "constant"), key=lambda row: row.name)


def scalar(row, args, keywords):
    """A scalar that depends on all that a row returns, and the Tensors that it was computed from."""
    xs = [ag.tensor(x, requires_grad=np.asarray(x).dtype.kind == "f") if np.ndim(x) else x for x in args]
    y = row(*xs, **keywords)
    terms = [np.sum(np.sin(part)) for part in leaves(y) if isinstance(part, ag.Tensor) and part.requires_grad]
    terms = [t for t in terms if t.dtype.kind == "f"]
    return sum(terms) if terms else None, [x for x in xs if isinstance(x, ag.Tensor) and x.requires_grad]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_recorded_graph_is_a_program_with_its_values_and_its_backward_pass(row):
    tried = 0
    for args, keywords in points(row, np.random.default_rng(0)):
        if any(isinstance(a, (list, tuple)) or np.asarray(a).dtype.kind in "cO" for a in args):
            continue
        with np.errstate(all="ignore"):
            L, xs = scalar(row, args, keywords)
        if L is None or not xs or row.order == 1:
            continue
        program = Program.of(L)
        np.testing.assert_array_equal(program.values[program.outputs[0]], L._data)
        with np.errstate(all="ignore"):
            both = program.backward()
            values = both.run({v: t._data for v, t in both.captured.items()} | dict(program.examples))
            want = ag.autograd.grad(L, xs, allow_unused=True)
        got = {id(both.captured[v]): values.get(g, g) if not isinstance(g, np.ndarray) else g
               for v, g in zip(differentiated(both), both.outputs[1:], strict=True)}  # fmt: skip
        for x, g in zip(xs, want, strict=True):
            g = np.zeros(x.shape) if g is None else g._data
            np.testing.assert_allclose(got.get(id(x), np.zeros(x.shape)), g, rtol=1e-10, atol=1e-12)
        assert all(eq.origin.code is not None for eq in both.equations)
        tried += 1
        if not EVERY_CASE[0]:
            break
    if row.name in ("exp", "matmul", "sum", "linalg.svd", "where", "getitem"):
        assert tried


def differentiated(program):
    return [v for v, t in program.captured.items() if t.requires_grad]


def test_a_value_that_was_not_kept_is_computed_again_and_a_draw_is_not():
    x = ag.tensor(np.linspace(-1, 1, 200), requires_grad=True, name="x")
    noise = ag.randn_like(x)
    h = x + noise
    y = np.sum(h * 3)
    program = Program.of(y, {"h": h})
    values = {v.name: value for v, value in program.values.items()}
    np.testing.assert_array_equal(values["h"], h._data)
    assert values[program.outputs[0].name] == y._data


def test_a_program_has_the_names_lines_and_groups_of_its_graph():
    x = ag.tensor([[1.0, 2.0]], requires_grad=True, name="x")
    P = ag.softmax(x)
    loss = -np.sum(np.log(P))
    program = Program.of(loss, {"P": P})
    assert [v.name for v in program.captured] == ["x"]
    assert "P" in [eq.outputs[0].name for eq in program.equations]
    assert all(eq.origin.code.co_filename == __file__ for eq in program.equations)
    net = ag.nn.Sequential(ag.nn.Linear(2, 3), ag.nn.Tanh())
    groups = [eq.group.name for eq in Program.of(net(x)).equations]
    assert any("Linear" in name or "linear" in name for name in groups)


def test_no_graph_node_is_reachable_from_an_equation():
    x = ag.tensor([[1.0, 2.0]], requires_grad=True, name="x")
    targets = np.array([[0.0, 1.0]])
    loss = ag.nn.functional.cross_entropy(x * 2, targets)
    program = Program.of(loss)
    groups = [group for eq in program.equations for group in outward(eq.group)]
    assert groups
    held = [value for group in groups for value in group.inputs.values()]
    held += [x for eq in program.equations for x in (*eq.operands, *eq.params.values())]
    assert not any(type(value).__name__ in ("Node", "Tensor") for value in held)


def outward(group):
    while group is not None:
        yield group
        group = group.outer


def test_a_written_input_is_an_error_that_names_it():
    W = ag.tensor(np.ones(100), requires_grad=True, name="W")
    loss = np.sum(np.exp(W) * 2)
    program = Program.of(loss)
    with ag.no_grad():
        W -= 1.0
    with pytest.raises(RuntimeError, match=r"'W'.* has changed since it was used"):
        _ = program.values


def test_a_hook_is_refused_by_name():
    x = ag.tensor([1.0, 2.0], requires_grad=True, name="x")
    h = x * x
    h.register_hook(lambda g: 2 * g)
    program = Program.of(np.sum(h), {"h": h})
    with pytest.raises(RuntimeError, match=r"result of multiply.* has a hook"):
        program.backward()


def test_the_cotangent_of_an_array_is_an_input_and_several_results_raise():
    program = ag.trace(lambda x: np.sin(x) * 2)(np.ones(3)).backward()
    assert [v.name for v in program.inputs] == ["x", "g"]
    y, d = program(np.zeros(3), np.array([1.0, 2.0, 3.0]))
    np.testing.assert_array_equal(d, [2.0, 4.0, 6.0])
    np.testing.assert_array_equal(y, np.zeros(3))
    with pytest.raises(ValueError, match=r"expected one result"):
        ag.trace(lambda x: (x, x * 2))(1.0).backward()
    with pytest.raises(ValueError, match=r"expected one result"):
        ag.trace(lambda x: np.argmax(x))(np.ones(3)).backward()


def test_a_name_of_the_user_s_is_kept_and_a_loop_is_numbered():
    y = ag.tensor([1.0, 2.0], requires_grad=True, name="y")
    z = y * 2
    z = z * y
    z.name = "z"
    assert str(ag.partials(np.sum(z**2), y)) == "dL/dy = dL/dz · dz/dz1 · dz1/dy + dL/dz · dz/dy"
    x = y
    for _ in range(3):
        x = np.sin(x)
    assert str(ag.partials(np.sum(x), y)) == "dL/dy = dL/dx3 · dx3/dx2 · dx2/dx1 · dx1/dx0 · dx0/dy"


def test_a_variable_that_a_transform_was_assigned_to_names_its_last_step():
    w = ag.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True, name="w")
    h = ag.vmap(lambda r: np.sum(r**2) * r)(w)
    assert str(ag.partials(np.sum(np.sin(h)), w)).startswith("dL/dw = dL/dh · dh/d")


def test_no_letter_is_the_name_of_a_constant():
    c = np.array([3.0, 4.0])
    text = str(ag.trace(lambda x: np.sum(np.exp(np.sin(x)) * c))(c))
    assert "d : float64[2] = multiply(b, c)" in text


def test_values_are_those_that_were_recorded_though_a_constant_was_written_to():
    x, X = ag.tensor([1.0, 2.0], requires_grad=True, name="x"), np.array([3.0, 4.0])
    h = x * X
    L = np.sum(h**2)
    X[0] = 100.0
    gradients = {i.name: i.gradient for i in L.draw().scene.items}
    L.backward()
    np.testing.assert_array_equal(gradients["h"], [6.0, 16.0])
    np.testing.assert_array_equal(gradients["x"], x.grad.numpy())


def test_a_replacement_may_be_no_equation_at_all():
    program = ag.trace(lambda x: np.sin(x) + np.cos(x) * 0)(1.0)
    kept = program.mapped(lambda eq, defined: [] if eq.row.name == "cos" else None)
    assert [eq.row.name for eq in kept.equations] == ["sin", "multiply", "add"]
    assert not any(isinstance(x, list) for eq in kept.equations for x in eq.operands)


def test_what_replaces_a_value_may_be_any_result_of_its_last_equation():
    a, b = Var("a", (2, 2), np.dtype(float)), Var("b", (2,), np.dtype(float))
    equations, result = recorded_equations(lambda tensors: np.linalg.eigh(tensors[a])[0], {a: np.eye(2)})
    (eigh,) = ending(equations, result, b)
    assert eigh.outputs[0] is b
    equations, result = recorded_equations(lambda tensors: np.linalg.eigh(tensors[a])[1], {a: np.eye(2)})
    (eigh,) = ending(equations, result, a)
    assert eigh.outputs[1] is a
    assert ending([], 3.0, b) == 3.0


def test_the_results_of_a_notebook_name_nothing():
    """In IPython's locals() the dict Out has the results that were shown, and comes before the user's variables."""
    x = ag.tensor([1.0, 2.0], requires_grad=True, name="x")
    y = np.exp(x)
    loss = np.sum(y)
    program = Program.of(loss, {"_": y, "Out": {2: y}, "_2": y, "y": y, "loss": loss})
    assert [v.name for v in program.variables] == ["x", "y", "loss"]


def test_libraries_are_where_packages_are_installed():
    assert is_librarys(np.__file__)
    assert is_librarys("/home/ada/.local/lib/python3.12/site-packages/numpy/__init__.py")
    assert is_librarys("/usr/lib/python3/dist-packages/numpy/__init__.py")
    assert not is_librarys("/home/ada/course/model.py")
    assert not is_librarys(None)
