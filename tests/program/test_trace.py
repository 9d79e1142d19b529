"""The program of a function: its names, its groups, its contents, and that it runs on other numbers."""

from __future__ import annotations

import cProfile
import subprocess
import sys
import threading
from copy import copy

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite import nn
from autograd_lite.base.tree import leaves
from autograd_lite.program import trace
from autograd_lite.program.program import LIMIT, traced_program
from autograd_lite.rules.random import dropout_mask


def names(program):
    return [v.name for eq in program for v in eq.outputs]


def rows(program):
    return [eq.row.name for eq in program]


def net(x, V, W):
    A = x @ V
    B = ag.sigmoid(A)
    C = B @ W
    return ag.sigmoid(C)


def arrays(seed, *shapes):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=shape) for shape in shapes]


def test_a_program_prints_its_equations_with_the_functions_own_names():
    program = trace(net)(*arrays(0, (1, 3), (3, 4), (4, 1)))
    assert str(program) == (
        "net(x: float64[1,3], V: float64[3,4], W: float64[4,1]):\n"
        "    A : float64[1,4] = matmul(x, V)\n"
        "    B : float64[1,4] = sigmoid(A)\n"
        "    C : float64[1,1] = matmul(B, W)\n"
        "    a : float64[1,1] = sigmoid(C)\n"
        "    return a"
    )


def test_it_runs_again_on_other_inputs():
    shapes = (1, 3), (3, 4), (4, 1)
    program = trace(net)(*arrays(0, *shapes))
    other = arrays(1, *shapes)
    np.testing.assert_array_equal(program(*other), net(*map(ag.tensor, other)).numpy())


def test_trees_go_in_and_come_out():
    def f(params, x):
        h = x * params["w"] + params["b"][0]
        return {"h": h, "both": (h, x)}

    program = trace(f)({"w": 2.0, "b": [np.ones(3)]}, np.zeros(3))
    assert [v.name for v in program.inputs] == ["w", "b1", "x"]
    y = program({"w": 3.0, "b": [np.zeros(3)]}, np.ones(3))
    np.testing.assert_array_equal(y["h"], [3, 3, 3])
    np.testing.assert_array_equal(y["both"][1], [1, 1, 1])


def test_all_values_of_one_variable_are_numbered_in_order():
    def f(x):
        for _ in range(3):
            x = np.tanh(x)
        return x

    assert names(trace(f)(1.0)) == ["x1", "x2", "x3"]


def test_names_of_tensors_and_a_mapping_come_where_the_function_has_none():
    W = ag.tensor([1.0, 2.0], requires_grad=True, name="W")

    def f(x):
        y = x * W
        y.name = "not asked"
        return [np.exp(y), np.sum(x + 1)]

    program = trace(f)(np.ones(2))
    assert [v.name for v in program.captured] == ["W"]
    assert names(program)[0] == "y"

    def g(x):
        (x * 2).name = "double"
        return (x * 3) * (x * 2)

    assert names(trace(g)(np.ones(2))) == ["a", "b", "c"]  # the one that got the name is not in the program


def test_names_given_by_a_mapping():
    kept = {}

    def f(x):
        kept["inner"] = x + 1
        return np.exp(kept["inner"])

    assert names(trace(f, names=kept)(1.0)) == ["inner", "a"]


def test_captured_parameters_are_read_anew_at_each_run():
    w = ag.tensor(2.0, requires_grad=True, name="w")
    program = trace(lambda x: x * w)(1.0)
    assert program(5.0) == 10
    w.data = np.array(3.0)
    assert program(5.0) == 15


def test_composite_calls_are_blocks_that_fold():
    def f(x):
        s = ag.special.softsign(x)
        return np.sum(s)

    program = trace(f)(np.ones(3))
    assert rows(program) == ["absolute", "add", "divide", "sum"]
    assert program.equations[0].group.name == "softsign"
    assert program.equations[3].group is None
    assert "    # softsign\n        a : float64[3] = absolute(x)" in str(program)
    assert "    s : float64[3] = softsign(x)  # 3 equations\n" in program.text(depth=0)


def test_modules_are_blocks_and_their_parameters_have_distinct_names():
    model = nn.Sequential(nn.Linear(3, 2), nn.Tanh(), nn.Linear(2, 1))
    program = trace(lambda x: model(x))(np.ones((4, 3)))
    assert [v.name for v in program.captured] == ["weight_0", "bias_0", "weight_2", "bias_2"]
    assert "# Sequential.2 (Linear)" in str(program)
    assert "Sequential(x, weight_0, bias_0, weight_2, bias_2)" in program.text(0)
    assert program.text(1).count("Linear(") == 2
    other = arrays(3, (4, 3))[0]
    np.testing.assert_allclose(program(other).numpy(), model(other).numpy())


def test_a_row_with_several_results_is_one_equation():
    def f(x):
        q, r = np.linalg.qr(x)
        return q @ r

    program = trace(f)(arrays(0, (3, 2))[0])
    assert rows(program) == ["linalg.qr", "matmul"]
    assert [v.name for v in program.equations[0].outputs] == ["q", "r"]
    other = arrays(1, (3, 2))[0]
    np.testing.assert_allclose(program(other), other)


def test_what_needs_no_gradient_is_in_the_program_too():
    def f(x):
        return np.where(x > 0, x, -x), np.argmax(x), x[np.argsort(x)]

    program = trace(f)(np.array([1.0, -2.0, 3.0]))
    flipped, top, ordered = program(np.array([-1.0, 5.0, -3.0]))
    np.testing.assert_array_equal(flipped, [1, 5, 3])
    assert top == 1
    np.testing.assert_array_equal(ordered, [-3, -1, 5])


def test_the_backward_pass_inside_is_recorded():
    def step(w, x):
        loss = np.sum((x @ w) ** 2)
        loss.backward()
        return loss, w - 0.1 * w.grad

    shapes = (3,), (2, 3)
    program = trace(step)(*arrays(0, *shapes))
    w, x = arrays(1, *shapes)
    loss, new = program(w, x)
    np.testing.assert_allclose(loss, np.sum((x @ w) ** 2))
    np.testing.assert_allclose(new, w - 0.2 * x.T @ (x @ w))


@pytest.mark.parametrize("transform", [ag.grad, lambda f: ag.grad(lambda x: np.sum(ag.grad(f)(x) ** 2))])
def test_transforms_inside_are_recorded(transform):
    f = transform(lambda x: np.sum(np.tanh(x) * x))
    x, other = arrays(0, (3,), (3,))
    program = trace(f)(x)
    np.testing.assert_allclose(program(other), f(other), rtol=1e-12)


def test_a_choice_by_value_is_refused_where_a_trace_is_compiled():
    def f(x):
        return x if x.sum() > 0 else -x

    with pytest.raises(
        RuntimeError, match=r"bool\(\) of a value that depends on the traced inputs.*np\.where"
    ):
        traced_program(f, [np.ones(3)])


def test_a_choice_by_shape_is_made_once():
    def f(x):
        return np.sum(x) if len(x) > 2 else np.prod(x)

    assert rows(trace(f)(np.ones(3))) == ["sum"]
    assert rows(trace(f)(np.ones(2))) == ["prod"]


def test_other_shapes_are_refused_by_name():
    program = trace(lambda x, w: x * w)(np.ones(3), 1.0)
    with pytest.raises(
        ValueError, match=r"x was traced as float64\[3\], but got float64\[4\]: trace it again"
    ):
        program(np.ones(4), 1.0)
    with pytest.raises(TypeError, match="expected 2 arguments, got 1"):
        program(np.ones(3))


def test_an_argument_that_is_no_array_is_refused():
    with pytest.raises(TypeError, match="expected arrays and numbers as arguments, got object"):
        trace(lambda x, how: x)(1.0, object())


def test_the_librarys_random_draws_are_equations_and_drawn_afresh():
    rng = np.random.default_rng(0)
    program = trace(lambda x: x * dropout_mask(x, 0.5, generator=rng))(np.ones(50))
    assert rows(program) == ["dropout_mask", "multiply"]
    a, b = program(np.ones(50)), program(np.ones(50))
    assert set(np.unique(a)) == {0.0, 2.0}
    assert not np.array_equal(a, b)


def test_numpys_own_draws_become_constants():
    rng = np.random.default_rng(0)
    program = trace(lambda x: x * rng.normal())(1.0)
    assert program(1.0) == program(1.0)


def test_results_that_depend_on_nothing_are_constants():
    program = trace(lambda x: (np.ones(2), x))(1.0)
    ones, x = program(7.0)
    np.testing.assert_array_equal(ones, [1, 1])
    assert x == 7


def test_a_huge_program_is_summed_up():
    def f(x):
        for _ in range(LIMIT + 1):
            x = x * 1.0
        return x

    program = trace(f)(1.0)
    assert len(program) == LIMIT + 1
    assert len(str(program)) < 400
    assert f"{LIMIT + 1} equations, too many to print: {LIMIT + 1} multiply" in str(program)
    assert program(3.0) == 3


def test_functions_without_a_signature_and_starred_ones():
    assert [v.name for v in trace(lambda *xs: xs[0] + xs[1])(1.0, 2.0).inputs] == ["xs1", "xs2"]
    assert str(trace(np.exp)(1.0)).startswith("exp(x: float64[])")


def test_a_profiler_that_is_running_goes_on():
    profile = cProfile.Profile()
    profile.enable()
    try:
        assert names(trace(net)(*arrays(0, (1, 3), (3, 4), (4, 1))))[:3] == ["A", "B", "C"]
        sum([1, 2])
    finally:
        profile.disable()
    assert any("sum" in str(entry.code) for entry in profile.getstats())


SCRIPT = """
import numpy as np, autograd_lite as ag
from autograd_lite.program import trace
def f(a, b, c):
    u, s, vt = np.linalg.svd(a @ b)
    loss = np.sum(s * c) + np.sum(ag.softmax(a))
    loss.backward()
    return a.grad, b.grad, {"c": c.grad, "s": s}
rng = np.random.default_rng(0)
print(trace(f)(rng.normal(size=(2, 3)), rng.normal(size=(3, 2)), np.ones(2)))
"""


def test_two_runs_print_the_same_bytes():
    outputs = set()
    for seed in ("0", "1"):
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT],
            capture_output=True,
            text=True,
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": "."},
            check=True,
        )
        outputs.add(done.stdout)
    assert len(outputs) == 1
    assert "svd(" in outputs.pop()


def test_inputs_are_called_after_the_variables_they_were_assigned_to():
    x = ag.tensor([[1.0, 2.0]])
    V = ag.tensor(np.ones((2, 3)), requires_grad=True)
    A = x @ V
    loss = A.sum()
    assert str(loss.explain()).splitlines()[0] == "Given  x (1x2), V (2x3)"


# ------------------------------------------------------------------------------------------- a program is a function


def wave(x):
    return np.sin(x) * x


@pytest.mark.parametrize(
    "way",
    [
        lambda f: ag.grad(f)(0.7),
        lambda f: ag.value_and_grad(f)(0.7),
        lambda f: ag.vjp(f, 0.7)[1](2.0),
        lambda f: ag.jvp(f, (0.7,), (2.0,)),
        lambda f: ag.jacobian(f)(np.array([0.7, 1.0])),
        lambda f: ag.jacfwd(f)(np.array([0.7, 1.0])),
        lambda f: ag.hessian(f)(0.7),
        lambda f: ag.grad(ag.grad(ag.grad(f)))(0.7),
        lambda f: ag.jvp(ag.grad(f), (0.7,), (1.0,)),
        lambda f: ag.hvp(f)(0.7, 3.0),
        lambda f: ag.grad(lambda x: f(x) * f(f(x)))(0.7),
        lambda f: ag.grad(ag.checkpoint(f))(0.7),
        lambda f: trace(f)(0.7)(0.3),
        lambda f: ag.grad(trace(f)(0.1))(0.7),
        lambda f: trace(ag.grad(f))(0.1)(0.7),
    ],
)
def test_a_program_differentiates_as_its_function_does(way):
    program = trace(wave)(np.ones(2) if "array" in way.__code__.co_names else 1.0)
    found, expected = way(program), way(wave)
    assert type(found) is type(expected)
    np.testing.assert_array_equal(found, expected)
    assert np.any(found)


def test_a_program_of_trees_with_several_results_differentiates():
    c = np.array([2.0, 3.0])

    def f(d, x):
        q, r = np.linalg.qr(d["A"])
        return {"both": (q @ x, np.sum(r)), "x": x * c, "n": np.argmax(x)}

    A = np.array([[2.0, 1.0], [0.5, 3.0]])
    program = trace(f)({"A": np.eye(2) + 1, "b": 1.0}, np.ones(2))
    given = {"b": 7.0, "A": A}, np.array([0.3, 0.4])
    g = {"both": (np.array([1.0, 2.0]), 3.0), "x": np.array([5.0, 7.0]), "n": 0}
    y, pull = ag.vjp(program, *given)
    expected_y, expected_pull = ag.vjp(f, *given)
    for (found, expected) in ((y, expected_y), (pull(g), expected_pull(g))):
        for a, b in zip(leaves(found), leaves(expected), strict=True):
            np.testing.assert_array_equal(a, b)


def test_a_program_inside_a_module_trains_the_parameters_it_captured():
    W = ag.tensor(np.linspace(-1, 1, 12).reshape(3, 4), requires_grad=True, name="W")
    hidden = {"unnamed": ag.tensor(np.linspace(0, 1, 4), requires_grad=True)}
    h = np.outer(np.arange(1.0, 31), W[0]).T * 1.5  # a result, too large to be kept for a picture

    class Net(nn.Module):
        def __init__(self, f):
            super().__init__()
            self.out, self.f = nn.Linear(4, 2), f

        def forward(self, x):
            return self.out(self.f(x))

    def f(x):
        return np.tanh(x @ W + hidden["unnamed"]) + np.sum(h * h, axis=1)

    x = np.arange(6.0).reshape(2, 3)
    program = trace(f)(np.ones((2, 3)))
    found = []
    for inner in (f, program):
        ag.manual_seed(0)
        net = Net(inner)
        for p in (W, hidden["unnamed"]):
            p.zero_grad()
        np.sum(net(x) ** 2).backward()
        found.append([p.grad.numpy() for p in (*net.parameters(), W, hidden["unnamed"])])
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-13)
    assert isinstance(program(x), ag.Tensor), "it captured what needs a gradient"
    with ag.no_grad():
        assert type(program(x)) is np.ndarray
    W.requires_grad_(False)
    W.data = W.data + 1
    np.testing.assert_allclose(program(x).numpy(), f(ag.tensor(x)).numpy(), rtol=1e-13)


def test_tensors_in_tensors_out():
    program = trace(wave)(1.0)
    y = program(ag.tensor(2.0))
    assert isinstance(y, ag.Tensor)
    assert not y.requires_grad
    x = ag.tensor(2.0, requires_grad=True)
    program(x).backward()
    assert x.grad.item() == ag.grad(wave)(2.0)


def test_keys_structure_and_dtypes_are_compared():
    program = trace(lambda d: d["a"] - 2 * d["b"])({"a": 1.0, "b": 2.0})
    assert program({"b": 2.0, "a": 1.0}) == -3.0
    assert program({"b": 2, "a": True}) == -3.0, "a Python number takes the dtype"
    for wrong, why in (
        ([1.0, 2.0], r"args\[0\] should be a dict with the keys \['a', 'b'\], not list of 2"),
        ({"a": 1.0}, r"not one with the keys \['a'\]"),
        ({"a": 1.0, "c": 1.0}, r"not one with the keys"),
        ({"a": 1.0, "b": {"c": 1.0}}, r"b was traced as float64\[\], but got dict"),
        ({"a": 1.0, "b": [1.0, 2.0]}, r"b was traced as float64\[\], but got float64\[2\]"),
        ({"a": np.float32(1), "b": 1.0}, r"a was traced as float64\[\], but got float32\[\]: trace it again"),
        ({"a": 1j, "b": 1.0}, r"a was traced as float64\[\], but got complex128\[\]: trace it again"),
        ({"a": ag.tensor(1), "b": 1.0}, r"a was traced as float64\[\], but got int64\[\]: trace it again"),
    ):
        with pytest.raises(ValueError, match=why):
            program(wrong)


def test_a_checkpoint_is_traced_step_by_step():
    w = ag.tensor(3.0, requires_grad=True, name="w")
    program = trace(ag.checkpoint(lambda x: np.sin(x * w) * x))(1.0)
    assert rows(program) == ["multiply", "sin", "multiply"]
    w.data = np.array(2.0)
    assert ag.grad(program)(0.5).item() == ag.grad(lambda x: np.sin(x * w) * x)(0.5).item()


def off_the_record(x):
    with ag.no_grad():
        s = np.sin(x)
    return s * x


def by_backward(x):
    np.sum(x**3).backward()
    return x.grad * x


@pytest.mark.parametrize(
    "f",
    [
        off_the_record,
        by_backward,
        lambda x: x.detach() * x,
        lambda x: x.detach().copy() * x,
        lambda x: ag.stop_gradient(x) * x,
        lambda x: ag.grad(lambda z: np.sum(z**3 * x))(x) * x,
        lambda x: ag.set_at(x, 0, x.detach()[1]),
        lambda x: x[np.argmax(x)] * x,
    ],
)
def test_what_is_held_constant_is_computed_anew_and_stays_constant(f):
    program, x, g = trace(f)(np.array([1.0, 2.0])), np.array([0.3, 0.7]), np.array([2.0, 3.0])
    (y, pull), (expected, expected_pull) = ag.vjp(program, x), ag.vjp(f, x)
    np.testing.assert_array_equal(y, expected)
    np.testing.assert_allclose(pull(g), expected_pull(g), rtol=1e-14)
    np.testing.assert_allclose(ag.jvp(program, (x,), (g,))[1], ag.jvp(f, (x,), (g,))[1], rtol=1e-14)
    made = ag.source(f, np.array([1.0, 2.0]))
    np.testing.assert_allclose(made(x, g)[1], expected_pull(g)[0], rtol=1e-14)


@pytest.mark.parametrize(
    "f", [lambda x: x.data * x, lambda x: x.detach().numpy() * x, lambda x: x.__array__() * x, lambda x: copy(x) * x]
)
def test_an_array_taken_out_of_a_trace_is_refused(f):
    with pytest.raises(RuntimeError, match="depends on the traced inputs"):
        trace(f)(np.array([1.0, 2.0]))


def test_attention_by_a_traced_mask_is_a_program_of_the_mask():
    q = np.random.default_rng(0).normal(size=(1, 3, 4))
    layer = nn.MultiheadAttention(4, 2, batch_first=True)
    hidden = np.array([[False, True, False]])
    program = trace(lambda x, hidden: layer(x, x, x, key_padding_mask=hidden)[0])(q, np.zeros((1, 3), bool))
    expected = layer(q, q, q, key_padding_mask=hidden)[0]
    np.testing.assert_allclose(program(q, hidden).numpy(), expected.numpy(), rtol=1e-12)


def joined_values(w, x):
    u = np.concatenate([np.zeros(1), np.array([x[0] * 2, x[1]])])
    v = np.array([[x[0], 1.0], [2, x[1]]])
    return np.sum(u[1:] * (v @ w)) + np.sum(np.exp(np.array([x[1]]))) * np.asarray(w[0])


def test_arrays_made_of_traced_numbers():
    w, x = np.array([1.0, 2.0]), np.array([0.3, 0.4])
    program = ag.trace(joined_values, w, x)
    assert np.isclose(program(w, x), joined_values(w, x))
    assert np.isclose(program(2 * w, x - 1), joined_values(2 * w, x - 1))
    source = ag.source(joined_values, w, x, wrt="w")
    value, slope = source(w, x)
    h = 1e-6 * np.eye(2)
    expected = [(joined_values(w + d, x) - joined_values(w - d, x)) / 2e-6 for d in h]
    assert np.allclose(slope, expected)
    assert np.isclose(value, joined_values(w, x))
    result = ag.trace(lambda x: np.array([x[0], x[1] ** 2]))(x)
    assert np.allclose(result(x + 1), [1.3, 1.96])


def test_lists_of_traced_values_are_arguments_of_numpys_functions():
    x = np.array([0.3, 0.4])
    for f in (
        lambda x: np.sum(np.array([x, x**2])), lambda x: np.array([x[0]], dtype=float), lambda x: np.asarray(x) * 2,
        lambda x: np.min(np.array([x[0], x[1]])), lambda x: np.max([x[0], x[1]]), lambda x: np.mean([x[0], 3.0]),
        lambda x: np.sum([x, x], axis=0), lambda x: np.sum(x * np.array([1, 2])) + np.array(2.0),
    ):  # fmt: skip
        assert np.allclose(ag.trace(f, x)(x), f(x))
    with pytest.raises(RuntimeError, match=r"np\.stack"):  # outside of a trace
        np.array([ag.tensor(1.0, requires_grad=True)])


def test_numpys_functions_are_as_they_were_after_a_trace():
    before = np.array, np.sum
    program = ag.trace(lambda x: ag.vmap(lambda y: np.sum([y, y]))(np.stack([x, x]))[0] + np.min([x, x]), 2.0)
    with pytest.raises(ValueError, match="no more"):
        ag.trace(stopping, 1.0)
    assert (np.array, np.sum) == before
    assert program(2.0) == 6


def stopping(x):
    raise ValueError("no more")


def powers(w, n, kind, mean):
    total = sum(w[k % 2] ** (k + 1) for k in range(n)) if kind == "power" else np.sum(np.abs(w))
    return total / n if mean else total


def test_words_truth_values_and_counts_are_fixed():
    w = np.array([0.5, 2.0])
    program = ag.trace(powers, w, 3, "power", True)
    assert np.isclose(program(w + 1, 3, "power", True), powers(w + 1, 3, "power", True))
    for other in ((w, 4, "power", True), (w, 3, "abs", True), (w, 3, "power", False)):
        with pytest.raises(ValueError, match="trace it again"):
            program(*other)
    source = ag.source(powers, w, 3, "power", True, wrt="w")
    value, slope = source(w, 3, "power", True)
    assert np.isclose(value, powers(w, 3, "power", True))
    assert np.allclose(slope, [(1 + 3 * 0.25) / 3, 4 / 3])
    space = {}
    exec(source, space)
    with pytest.raises(ValueError, match="for n = 3"):
        space["powers"](w, 4, "power", True)
    assert "/dw = " in str(program.explain("w"))
    assert "html" in program.draw().html(live=True)


def test_a_count_that_is_only_a_number_stays_an_input():
    program = ag.trace(lambda w, n: np.sum(w) / n, np.ones(3), 3)
    assert float(program(np.ones(3), 6)) == 0.5


def test_numpys_functions_are_put_back():
    before = {word: getattr(np, word) for word in ("array", "sum", "min")}

    def fails(x):
        inner = ag.trace(lambda z: np.array([z, 2 * z]))(x)
        assert np.array is not before["array"]
        raise KeyboardInterrupt(inner)

    with pytest.raises(KeyboardInterrupt):
        ag.trace(fails, 1.5)
    assert {word: getattr(np, word) for word in before} == before
    seen = []

    def elsewhere():
        seen.append(np.array([1, 2]).tolist())
        seen.append(np.array([np.float32(1.5)]).dtype)

    def waits(x):
        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()
        return np.sum(np.array([x, x**2]))

    assert ag.trace(waits, 2.0)(3.0) == 12
    assert seen[:2] == [[1, 2], np.float32]
    assert np.array is before["array"]


def test_functions_that_a_module_imports_from_numpy_join_lists():
    space = {}
    exec("from numpy import array, sum\ndef f(x):\n    return sum(array([x, 2 * x]))\n", space)
    assert ag.trace(space["f"], 1.5)(2.0) == 6.0
    assert space["array"] is np.array
    assert space["sum"] is np.sum


def test_a_size_that_values_decide_is_that_of_the_trace():
    x = np.array([0.3, 0.5, 0.7])
    program = ag.trace(lambda x, m: np.sum(x[m > 0]) / len(x[m > 0]))(x, np.array([1.0, 0.0, 1.0]))
    assert program(x, np.array([0.0, 1.0, 1.0])) == pytest.approx(0.6)
    with pytest.raises(ValueError, match=r"nonzero has a result of shape \(3,\), and had \(2,\) .* trace it again"):
        program(x, np.ones(3))
