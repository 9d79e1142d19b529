"""The bug finder names the first wrong operation; the checks of rows, the mutants and the fuzzer work."""

import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from thorough import EVERY_CASE, mostly_thorough

import autograd_lite as ag
from autograd_lite.table import TABLE
from autograd_lite.testing import CannotCheck, GradientError
from autograd_lite.testing.bugs import find_gradient_bug, gradient_bugs
from autograd_lite.testing.fuzz import Expression, Ref, RowCall, candidates, check, run
from autograd_lite.testing.rows import check_row, points, variant

ROOT = Path(__file__).parents[2]
rng = np.random.default_rng(0)


def net(activation, W, V, x):
    h = x @ W
    h.name = "h"
    a = activation(h)
    a.name = "a"
    return np.sum((a @ V) ** 2)


@pytest.fixture
def parameters():
    W = ag.tensor(rng.standard_normal((3, 4)), requires_grad=True, name="W")
    V = ag.tensor(rng.standard_normal((4, 1)), requires_grad=True, name="V")
    return W, V, ag.tensor(rng.standard_normal((2, 3)), name="x")


def test_a_right_graph_has_no_bug(parameters):
    assert find_gradient_bug(net(np.tanh, *parameters)) is None


def test_the_wrong_operation_is_named_with_its_line(op, parameters):
    @op(lambda g, x: g * np.where(x > 0, 1 - np.tanh(x) ** 2, 1))
    def my_tanh(x):
        return np.tanh(x)

    bug = find_gradient_bug(net(my_tanh, *parameters))
    assert (bug.op, bug.argument, bug.result) == ("my_tanh", "h", "a")
    assert bug.line == "a = activation(h)"
    assert Path(bug.where.rpartition(":")[0]).name == "test_bugs.py"
    assert "exactly where this argument is negative" in str(bug)
    assert bug.parent is not None
    assert bug.parent.name == "h"


def test_all_wrong_operations_in_the_order_of_the_program(op):
    @op(lambda g, x: -g)
    def first(x):
        return x * 1.0

    @op(lambda g, x: 2 * g, name="second")
    def second(x):
        return x * 1.0

    bugs = list(gradient_bugs(lambda x: np.sum(second(first(x))), np.ones(3)))
    assert [bug.op for bug in bugs] == ["first", "second"]
    bug = find_gradient_bug(lambda x: np.sum(second(first(x))), np.ones(3))
    assert bug.finding.cause == "the sign is wrong"


def test_a_hook_is_found_although_every_edge_is_right():
    x = ag.tensor(np.ones(3), requires_grad=True, name="x")
    y = np.tanh(x)
    y.register_hook(lambda g: 2 * g)
    bug = find_gradient_bug(np.sum(y))
    assert bug.op == "the whole graph"
    assert "a hook" in bug.finding.cause


def test_a_rule_that_is_missing_is_found(op):
    @op(lambda g, x1, x2: g * x2, None)
    def half_product(x1, x2):
        return x1 * x2

    assert find_gradient_bug(lambda x, y: np.sum(half_product(x, y)), np.ones(3), np.ones(3)).argument == "y"


def test_an_edge_that_has_no_derivative_for_a_random_cotangent_is_skipped(op):
    """Complex eigenvectors have one only in a result that does not depend on their phases."""

    @op(lambda g, x: g * x, name="square_for_a_test")
    def square(x):
        return x * x

    def weighted(square):
        return lambda a: np.sum(square(np.abs(np.linalg.eigh(a)[1])) * np.arange(9.0).reshape(3, 3))

    a = np.array([[1, 1j, 0], [-1j, 3, 1], [0, 1, 6]])
    with pytest.raises(np.linalg.LinAlgError, match="phase"):
        ag.vjp(lambda a: np.linalg.eigh(a)[1], a)[1](np.ones((3, 3)) + 1j)
    assert find_gradient_bug(weighted(np.square), a) is None
    bug = find_gradient_bug(weighted(square), a)
    assert (bug.op, bug.finding.cause) == ("square_for_a_test", "the right one is 2 times as large: 2 is missing")


def test_a_result_without_a_graph_raises(parameters):
    with pytest.raises(CannotCheck, match="no graph"):
        find_gradient_bug(ag.tensor(1.0))
    with pytest.raises(TypeError, match="a Tensor or a function"):
        find_gradient_bug(3)
    loss = net(np.tanh, *parameters)
    with ag.no_grad():
        parameters[0].data[...] = 0
        W = parameters[0]
        W -= 1.0
    with pytest.raises(CannotCheck, match=r"'W'.* has changed since it was used"):
        find_gradient_bug(loss)
    freed = net(np.tanh, *parameters)
    freed.backward(retain_graph=False)
    with pytest.raises(CannotCheck, match="freed"):
        find_gradient_bug(freed)


# ------------------------------------------------------------------------------------------------------ rows, mutants


@pytest.mark.parametrize("name", mostly_thorough(["tanh", "sum", "multiply", "divide", "log", "matmul", "reshape"], 2))
def test_check_row(name):
    report = check_row(TABLE[name])
    assert report
    assert report.looked_at["adjoint identities"] > 2


def test_check_row_compares_pull_with_the_partial():
    row = TABLE["divide"]
    assert row.pull
    wrong = variant(row, pull=(lambda g, x2: g / (1.01 * x2),))
    assert not check_row(wrong, brief=True)
    wrong = variant(row, rules=(lambda x2: 1.01 / x2, row.rules[1]))
    assert not check_row(wrong, brief=True)


@pytest.mark.parametrize("name", mostly_thorough(["tanh", "sum", "maximum"]))  # .ci/run: of every row
def test_mutants_are_caught(name):
    tool = runpy.run_path(str(ROOT / "tools" / "mutants.py"))
    row = TABLE[name]
    assert check_row(row)
    mutants = [*tool["rule_mutants"](row), *tool["source_mutants"](row)]
    assert len(mutants) >= 4
    before = dict(row.__dict__)
    survivors = [str(m) for m in mutants if not tool["caught"](m) and not tool["reason"](m)]
    assert survivors == []
    assert row.__dict__ == before


@pytest.mark.thorough
def test_every_excuse_fits_a_mutant():
    tool = runpy.run_path(str(ROOT / "tools" / "mutants.py"))
    kinds = tool["rule_mutants"], tool["source_mutants"]
    found = {row.name: [m.what for mutants in kinds for m in mutants(row)] for row in tool["rows"]([])}
    found["*"] = [what for whats in found.values() for what in whats]
    assert [(row, part) for row, part, _ in tool["EQUIVALENT"] if not any(part in what for what in found[row])] == []


def test_points_are_inside_the_domain():
    for name in ("log", "arcsin", "divide", "power", "arccosh"):
        row = TABLE[name]
        for args, _ in points(row, np.random.default_rng(1)):
            with np.errstate(all="raise"):
                row.fn(*args)


# ---------------------------------------------------------------------------------------------------------- the fuzzer


def test_a_few_programs_agree():
    count = 20 if EVERY_CASE[0] else 4
    assert run(0.0, first=1, batch=count) >= count


@pytest.mark.thorough
def test_the_fuzzer_shrinks_to_the_wrong_row(op):
    @op(lambda g, x: 2.02 * g * x, name="my_square", examples=(lambda rng: ((rng.normal(size=1),), {}),))
    def my_square(x):
        return x * x

    with pytest.raises(GradientError) as caught:
        run(60.0, ["tanh", "multiply", "my_square"], order=1)
    program = caught.value.report.reproduce
    assert "my_square" in program
    assert "--seed" in caught.value.__notes__[-1]


def test_programs_are_printed_as_source():
    x = np.array([0.5, 2.0])
    steps = [RowCall(TABLE["tanh"], (Ref(0),), {}), RowCall(TABLE["sum"], (Ref(1),), {"axis": 0})]
    program = Expression([x], steps)
    assert str(program) == "v0 = np.array([0.5, 2.0])\nv1 = np.tanh(v0)\nv2 = np.sum(v1, axis=0)"
    space = {"np": np}
    exec(str(program), space)
    np.testing.assert_allclose(space["v2"], program(x))
    check(program)


def test_the_command_line():
    command = [sys.executable, "-m", "autograd_lite.testing.fuzz"]
    few = [*command, "--seconds", "0", "--rows", "add,tanh"]
    done = subprocess.run(few, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "programs of 2 rows" in done.stdout
    done = subprocess.run([*command, "--rows", "nosuch"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "no such row: nosuch" in done.stderr


def test_most_of_the_table_is_fuzzed():
    assert len(candidates()) > 200
