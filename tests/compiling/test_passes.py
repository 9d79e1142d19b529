"""Each pass alone, on programs written out here; and what a compiled program promises as a whole."""

from __future__ import annotations

import re
import sys
import threading
import traceback
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from thorough import EVERY_CASE

import autograd_lite as ag
import autograd_lite.nn.functional as F
from autograd_lite.compiling import compiled
from autograd_lite.compiling.block import Block
from autograd_lite.compiling.buffers import Buffer, placed
from autograd_lite.compiling.passes.algebra import simplified
from autograd_lite.compiling.passes.batching import batched
from autograd_lite.compiling.passes.casts import narrowed
from autograd_lite.compiling.passes.common import without_repetition
from autograd_lite.compiling.passes.constants import folded
from autograd_lite.compiling.passes.dead_code import without_dead_code
from autograd_lite.compiling.passes.lowering import lowered
from autograd_lite.compiling.passes.memory import planned
from autograd_lite.compiling.passes.scalars import all_floats
from autograd_lite.compiling.passes.scaling import scaled
from autograd_lite.compiling.passes.tiling import tiled
from autograd_lite.compiling.passes.updates import sunk
from autograd_lite.testing.fuzz import check_compiled, run

x = np.linspace(-1.0, 1.0, 200).reshape(10, 20)
y = np.linspace(0.5, 2.0, 200).reshape(10, 20)


def block(f: Any, *args: Any, **options: Any) -> Block:
    return Block.from_program(ag.trace(f)(*args), {}, **options)


def rows(b: Block) -> list[str]:
    return [eq.row.name for eq in b.equations]


# ------------------------------------------------------------------------------------------------------- the passes


def test_dead_code():
    def f(x):
        return (x * 2, np.sin(x))[0]

    b = block(f, x)
    b = replace(b, equations=[*b.equations, *block(lambda x: np.cos(x), x).equations])
    assert rows(without_dead_code(b)) == ["multiply"]


def test_common_subexpressions():
    b = block(lambda x: np.exp(x) * np.sin(x) + np.exp(x) * np.sin(x), x)
    assert rows(b) == ["exp", "sin", "multiply", "exp", "sin", "multiply", "add"]
    assert rows(without_repetition(b)) == ["exp", "sin", "multiply", "add"]


def test_two_random_numbers_are_not_one():
    b = block(lambda x: ag.rand_like(x) - ag.rand_like(x), x)
    assert len(without_repetition(b).equations) == 3


def test_constants_are_computed_once():
    b = block(lambda x: np.exp(x) * x, x)
    first, *others = b.equations
    b = folded(replace(b, equations=[replace(first, operands=(np.ones((10, 20)),)), *others]))
    assert rows(b) == ["multiply"]
    np.testing.assert_array_equal(b.equations[0].operands[0], np.full((10, 20), np.e))


@pytest.mark.parametrize(
    ("f", "expected"),
    [
        (lambda x: x * np.ones((10, 20)), []),
        (lambda x: np.negative(np.negative(x)), ["negative"]),
        (lambda x: ag.set_at(x, Ellipsis, np.exp(x)), ["exp"]),
        (lambda x: x + -np.sin(x), ["sin", "negative", "subtract"]),
        (lambda x: x / 3.0, ["divide"]),
        (lambda x: x * -1.0, ["negative"]),
        (lambda x: np.reshape(np.reshape(x, (20, 10)), 200), ["reshape", "reshape"]),
        (lambda x: x + 0.0, ["add"]),  # -0.0 + 0.0 is 0.0
        (lambda x: np.broadcast_to(x[0], (10, 20)) * x, ["getitem", "broadcast_to", "multiply"]),
    ],
)
@pytest.mark.filterwarnings("ignore:overflow")
def test_algebra(f, expected):
    b = simplified(block(f, x))
    assert rows(b) == expected
    special = x.copy()
    special[0, :4] = 0.0, -0.0, np.inf, np.nan
    with np.errstate(all="ignore"):
        want = f(special)
        (got,) = compiled(ag.trace(f)(x))(special)
    np.testing.assert_array_equal(got, want)
    np.testing.assert_array_equal(np.signbit(got) | np.isnan(got), np.signbit(want) | np.isnan(want))


def test_fast_allows_multiplication_by_an_inverse():
    assert rows(simplified(block(lambda x: x / 3.0, x, fast=True))) == ["multiply"]


def test_single_precision_stays_single():
    def f(x, g):
        return (g * np.where(x == 0, 0.5, x > 0)).astype(np.float32)

    x32, g32 = x.astype(np.float32), y.astype(np.float32)
    b = without_dead_code(narrowed(block(f, x32, g32)))
    assert {str(v.dtype) for eq in b.equations for v in eq.outputs} == {"bool", "float32"}
    (got,) = compiled(ag.trace(f)(x32, g32))(x32, g32)
    assert got.tobytes() == f(x32, g32).tobytes()


def test_what_single_precision_does_not_have_stays_double():
    b = block(lambda x: (x * np.where(x > 0, 0.1, 1.0)).astype(np.float32), x.astype(np.float32))
    assert rows(narrowed(b)) == rows(b)


def test_lowering_writes_a_row_out():
    b = lowered(block(lambda x: ag.softmax(x, axis=1), x))
    assert rows(b) == ["max", "subtract", "exp", "sum", "divide"]


def test_views_that_are_made_late_are_not_used_early():
    """Of the inputs of the products, and of what is added to them."""

    def steps(x, W, b):
        h = np.zeros((2, 3))
        for t in range(5):
            h = np.tanh(x[t] @ W + h @ W + b[3:])
        return h

    def parts(x, W, b):
        return sum(np.sum(np.exp(part @ W) * k) for k, part in enumerate(x.reshape(5, 2, 3)))

    W, b = np.full((3, 3), 0.1), np.linspace(0, 1, 6)
    for f, x in ((steps, np.linspace(0, 1, 30).reshape(5, 2, 3)), (parts, np.linspace(0, 1, 30).reshape(10, 3))):
        slope = ag.grad(lambda x, W, b, f=f: np.sum(f(x, W, b)), (0, 1))
        np.testing.assert_allclose(ag.jit(f)(x, W, b), f(x, W, b), rtol=1e-13)
        for g, expected in zip(ag.jit(slope)(x, W, b), slope(x, W, b), strict=True):
            np.testing.assert_allclose(g, expected, rtol=1e-12)


def test_numbers_that_are_printed_alike_are_not_the_same():
    numbers = [np.array(0.123456789 + 1e-10 * t) for t in range(10)]

    def f(x, W):
        return np.stack([(x[t] @ W) * number for t, number in enumerate(numbers)]).sum(axis=0)

    args = np.cos(np.arange(60.0)).reshape(10, 2, 3), np.eye(3)
    np.testing.assert_allclose(compiled(ag.trace(f)(*args), small=False)(*args)[0], f(*args), rtol=1e-14)


def test_a_sum_of_products_is_one_product():
    def f(x, g):
        return sum(np.exp(x[t]).T @ np.sin(g[t]) for t in range(1, 6)) + sum(np.sin(g[t]).sum(0) for t in range(1, 6))

    args = np.ones((6, 2, 3)), np.ones((6, 2, 3))
    b = without_dead_code(batched(without_repetition(lowered(block(f, *args)))))
    assert rows(b).count("dot") == 1
    assert rows(b).count("stack") == 2
    source = compiled(ag.trace(f)(*args), small=False).source
    assert "np.stack" not in source  # each is computed in its place


def test_a_number_is_multiplied_into_the_smaller_factor():
    def f(x, g, rate):
        return 0.5 * (x.T @ g), rate * (x.T @ g)

    args = np.ones((2, 40)), np.ones((2, 30)), np.float64(0.1)
    b = without_dead_code(scaled(lowered(block(f, *args))))
    assert [eq.outputs[0].shape for eq in b.equations if eq.row.name == "multiply"] == [(2, 30), (2, 30)]


def test_a_view_that_is_stacked_is_copied():
    def f(a, b):
        return np.sum(np.stack([np.exp(a).reshape(20, 10), a.reshape(20, 10), (a * 2).T, np.sin(b)]), axis=1)

    args = x, np.ascontiguousarray(y.T)
    np.testing.assert_allclose(compiled(ag.trace(f)(*args), small=False)(*args)[0], f(*args), rtol=1e-13)


def test_buffers_are_used_again_and_in_place():
    memory = planned(block(lambda x: np.exp(np.sin(np.cos(x * 2) + x)).sum(0) * 2, x))
    big = [v for v in memory.place if v.shape == (10, 20)]
    assert len(big) == 5
    assert len({memory.place[v] for v in big}) == 1
    assert memory.in_place == 4


def test_large_arrays_are_computed_in_pieces():
    big = np.linspace(0.1, 1.0, 512 * 512).reshape(512, 512)

    def f(x, k):
        a = np.exp(np.sin(x) * k)
        return np.sum(a * x), a, (a + 1).T @ x[:, 0], np.sum(np.sqrt(x) - x / k)

    b = tiled(without_repetition(block(f, big, 0.5)))
    assert rows(b)[0] == "tiles"
    made = compiled(ag.trace(f)(big, 0.5))
    for k in (0.5, 0.25):
        for got, want in zip(made(big, np.array(k)), f(big, k), strict=True):
            np.testing.assert_allclose(got, want, rtol=1e-12)
    assert "for x_1, a_1" in made.source
    assert [len(eq.outputs) for eq in tiled(block(lambda x: np.exp(x) + np.sum(x), big)).equations] == [1, 1, 1]


def test_the_sum_over_all_axes_of_a_large_array_is_that_of_its_pieces():
    big = np.cos(np.arange(400 * 400.0)).reshape(400, 400)

    def f(x):
        return np.sum(np.exp(x) * np.sin(x), axis=(0, 1)), np.sum(np.tanh(x))

    for threads in (1, 2):
        made = compiled(ag.trace(f)(big), threads=threads)
        np.testing.assert_allclose(made(big), f(big), rtol=1e-12)
        assert made.source.count("parts") > 2


def conv_net(x, K, b, W):
    h = F.max_pool2d(F.relu(F.conv2d(x, K, b, padding=1)), 2)
    h = F.max_pool2d(F.relu(F.conv2d(h, K[:, :1].repeat(3, axis=1) * 0.5, b, stride=2, padding=1)), 2, stride=1)
    return np.sum((h.reshape(len(h), -1) @ W) ** 2)


def test_a_convolution_has_the_number_of_the_example_innermost():
    rng = np.random.default_rng(0)
    args = [rng.normal(size=shape) for shape in ((8, 2, 8, 8), (3, 2, 3, 3), (3,), (3, 5))]
    f = ag.value_and_grad(conv_net, (0, 1, 2, 3))
    made = compiled(ag.trace(f)(*args))
    other = [x + 0.01 for x in args]
    for xs in (args, other):
        want, gradients = f(*xs)
        for got, expected in zip(made(*xs), [want, *gradients], strict=True):
            np.testing.assert_allclose(got, expected, rtol=1e-11, atol=1e-11)
    assert ".transpose((2, 0, 1))" in made.source
    assert len(set(re.findall(r"\w+ = overlapping\(", made.source))) == 2  # of images, of a cotangent


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("padding", [0, (2, 1), 3])
@pytest.mark.parametrize(("conv", "shape"), [(F.conv2d, (16, 2, 5, 6)), (F.conv3d, (16, 2, 4, 4, 3))])
def test_a_convolution_in_strips(conv, shape, padding, stride):
    rng, dims = np.random.default_rng(0), len(shape) - 2
    args = rng.normal(size=shape), rng.normal(size=(3, 2, *(3, 2, 2)[:dims])), rng.normal(size=3)
    padding = padding if isinstance(padding, int) else (*padding, 0)[:dims]
    f = ag.value_and_grad(lambda x, w, b: np.sum(np.tanh(conv(np.sin(x), w, b, stride, padding))), (0, 1, 2))
    made = ag.jit(f)
    for xs in (args, [x + 0.1 for x in args]):
        want, gradients = f(*xs)
        got, found = made(*xs)
        for a, b in zip((got, *found), (want, *gradients), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-11)
    assert "strips(" in made.source


@pytest.mark.parametrize("stride", [1, 2])
def test_the_largest_of_equal_entries_is_the_one_of_eager_code(stride):
    def f(x, b):
        return np.sum(F.max_pool2d(F.relu(x + b), 2, stride) ** 3)

    rng = np.random.default_rng(0)
    args = rng.integers(-2, 3, size=(5, 3, 6, 6)) * 1.0, np.array([-1.0, 0.0, 1.0]).reshape(3, 1, 1)
    g = ag.value_and_grad(f, (0, 1))
    made = compiled(ag.trace(g)(*args))
    (want, gradients), (got, *found) = g(*args), made(*args)
    for a, b in zip((got, *found), (want, *gradients), strict=True):  # many entries of a window are equal
        np.testing.assert_array_equal(a, b)


def test_what_is_stacked_and_transposed_and_reshaped():
    def f(a, b):
        heads = np.stack([np.exp(a), a @ b.mT, (b @ b.mT).mT])  # (3, heads, positions, size)
        return np.cos(heads.transpose(1, 2, 0, 3).reshape(15, -1)), np.cos((b @ a).transpose(1, 0, 2).reshape(5, -1))

    a, b = np.cos(np.arange(75.0)).reshape(3, 5, 5), np.sin(np.arange(75.0)).reshape(3, 5, 5)
    made = compiled(ag.trace(f)(a, b))
    for got, want in zip(made(a, b), f(a, b), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-12)


def test_a_part_of_two_stacks_of_which_one_is_transposed():
    def f(a):
        b, c = np.exp(a), np.sin(a)
        one, other = np.stack([b, c, a]), np.stack([c, np.ones((2, 3)), b])
        return np.cos(one).sum(axis=0), np.cos(other.transpose(1, 0, 2).reshape(2, 9))

    a = np.arange(6.0).reshape(2, 3)
    for got, want in zip(compiled(ag.trace(f)(a), small=False)(a), f(a), strict=True):
        np.testing.assert_array_equal(got, want)


def test_an_operation_works_in_place_through_a_view():
    def f(x, b):
        return np.cos(np.sum(np.maximum((x + b).reshape(20, 10), 0), axis=0)) @ x

    memory = planned(block(f, x, np.ones(20)))
    assert memory.in_place == 2
    np.testing.assert_allclose(compiled(ag.trace(f)(x, x[0]))(x, x[0])[0], f(x, x[0]), rtol=1e-12)


def test_gradients_of_matrices_of_a_loop_share_one_stack():
    def f(x, U, V):
        h = np.zeros((2, 3))
        for t in range(6):
            h = np.tanh(x[t] @ U + h @ V)
        return np.sum(h * h)

    args = np.cos(np.arange(24.0)).reshape(6, 2, 2), np.ones((2, 3)) / 4, np.eye(3) / 2
    made = compiled(ag.trace(ag.grad(f, (1, 2)))(*args), small=False)
    assert made.source.count("] = ") == 0  # each value is computed in its place
    for got, want in zip(made(*args), ag.grad(f, (1, 2))(*args), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_buffers_that_live_at_the_same_time_are_apart(seed):
    rng = np.random.default_rng(seed)
    starts, lengths, sizes = (rng.integers(1, n, size=60).tolist() for n in (40, 20, 5000))
    buffers = [Buffer(size, i, i + n) for i, n, size in zip(starts, lengths, sizes, strict=True)]
    total = placed(buffers)
    alive = [[b for b in buffers if b.first <= i <= b.last] for i in range(60)]
    for together in alive:
        ends = sorted((b.start, b.start + b.size) for b in together)
        assert all(a <= b for (_, a), (b, _) in pairwise(ends))
    most = max(sum(b.size for b in together) for together in alive)
    assert most <= total <= 1.5 * most
    assert all(b.start % 64 == 0 for b in buffers)


def test_a_value_that_is_read_later_is_not_overwritten():
    (a, b) = compiled(ag.trace(lambda x: (np.exp(x).T @ np.sin(np.exp(x)), np.exp(x) + 1))(x))(x)
    np.testing.assert_allclose(a, np.exp(x).T @ np.sin(np.exp(x)))
    np.testing.assert_array_equal(b, np.exp(x) + 1)


def test_small_programs_become_floats():
    b = all_floats(block(lambda a, w: np.sum((a @ w - 1.0) ** 2), np.ones((1, 2)), np.ones((2, 2))))
    assert rows(b)[-1] == "array of"
    assert all(v in b.floats for eq in b.equations[:-1] for v in eq.outputs)


@pytest.mark.parametrize("value", [0.0, -0.0, np.inf, -np.inf, np.nan, 1e308, -800.0, 800.0, -3.0])
def test_floats_have_numpys_special_values(value):
    def f(a):
        tests = [a > 0, np.maximum(a, 0.5), np.minimum(a, 0.5), np.where(a > 0, a, -a)]
        return [*tests, 1 / a, a / a, np.exp(a), np.log(a), np.sqrt(a), np.sin(a), np.tanh(a), ag.sigmoid(a), abs(a)]

    with np.errstate(all="ignore"):
        got = compiled(ag.trace(f)(np.array(0.25)))(np.array(value))
        for one, want in zip(got, f(np.array(value)), strict=True):
            np.testing.assert_allclose(one, want, rtol=1e-15)
            assert np.signbit(one) == np.signbit(want) or np.isnan(want)


# ---------------------------------------------------------------------------------------------- a compiled program


def step(x, W, v):
    h = np.tanh(x @ W)
    return np.sum(h), W - 0.5 * (x.T @ h), 0.9 * v + np.sum(h, axis=0)


def stepping(small: bool = True) -> Any:
    program = ag.trace(step)(x, np.ones((20, 5)), np.ones(5))
    return compiled(program, dict(zip(program.inputs[1:], program.outputs[1:], strict=True)), small=small)


def test_inputs_are_updated_in_place():
    made = stepping()
    W, v = np.ones((20, 5)), np.ones(5)
    W1, v1 = W.copy(), v.copy()
    for _ in range(3):
        loss = made(x, W, v)[0]
        want, W1, v1 = step(x, W1, v1)
        np.testing.assert_allclose(loss, want, rtol=1e-13, atol=1e-13)
        np.testing.assert_allclose(W, W1, rtol=1e-13)
        np.testing.assert_allclose(v, v1, rtol=1e-13)


def test_two_inputs_swapped():
    program = ag.trace(lambda a, b: (a, b))(x, y)
    made = compiled(program, {program.inputs[0]: program.inputs[1], program.inputs[1]: program.inputs[0]})
    a, b = x.copy(), y.copy()
    old = made(a, b)
    for got, want in zip([a, b, *old], [y, x, x, y], strict=True):
        np.testing.assert_array_equal(got, want)


def test_a_new_value_that_a_later_new_value_reads():
    def adam(m, p, g):
        m = 0.9 * m + 0.1 * g
        return m, p - m / (np.sqrt(m * m) + 1e-8)

    program = ag.trace(adam)(x, y, x)
    made = compiled(program, dict(zip(program.inputs, program.outputs, strict=False)))
    m, p = x.copy(), y.copy()
    want = adam(m, p, x)
    got = made(m, p, x)
    for a, b in zip([m, p, *got], [*want, *want], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-13)


def test_an_extreme_along_the_last_axis_is_found_by_its_position():
    def f(a):
        return np.max(a, axis=1).sum(), a - np.min(a, axis=-1, keepdims=True)

    made = compiled(ag.trace(f)(x))
    assert "argmax" in made.source
    assert "argmin" in made.source
    special = np.where(x > 0.9, np.nan, np.where(x < -0.9, -np.inf, x))
    for values in (x, special):
        with np.errstate(all="ignore"):
            for got, want in zip(made(values), f(values), strict=True):
                np.testing.assert_allclose(got, want, rtol=1e-13)


def test_the_key_of_an_update_is_an_input():
    program = ag.trace(lambda a: a * 2)(x)
    with pytest.raises(ValueError, match="expected inputs as the keys of updates, got "):
        compiled(program, {program.outputs[0]: program.outputs[0]})


def test_results_are_not_overwritten_by_the_next_call():
    made = compiled(ag.trace(lambda x: (np.exp(x), np.exp(x).T, x, np.sum(x, axis=0)))(x))
    first = made(x)
    kept = [a.copy() for a in first]
    made(y)
    for a, b in zip(first, kept, strict=True):
        np.testing.assert_array_equal(a, b)


def test_two_threads():
    f = np.exp
    made = compiled(ag.trace(lambda x: np.sum(f(np.sin(x) + x).T @ np.cos(x), axis=0))(x))
    inputs = [x + k for k in range(4)]
    wanted = [made(a)[0] for a in inputs]
    wrong = []

    def work(k: int) -> None:
        wrong.extend(1 for _ in range(200) if not np.array_equal(made(inputs[k])[0], wanted[k]))

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
    finally:
        sys.setswitchinterval(before)
    assert not wrong


def test_two_runs_emit_the_same_text_and_a_traceback_shows_it():
    assert stepping().source == stepping().source
    assert "# h = np.tanh(x @ W)" in stepping().source
    made = compiled(ag.trace(lambda a, b: np.sum(a @ b, axis=0))(np.ones((8, 9)), np.ones((9, 10))))
    with pytest.raises(ValueError) as caught:
        made(np.ones((8, 9)), np.ones((8, 10)))
    assert "a.dot(b, out=" in "".join(traceback.format_exception(caught.value))


@pytest.mark.filterwarnings("ignore")
def test_random_programs():
    """5,000 of them: ``python -m autograd_lite.testing.fuzz --compiled --seconds 400``."""
    assert run(0, order=0, batch=100 if EVERY_CASE[0] else 30, check=check_compiled) >= 15


def test_the_plan_says_what_each_pass_did():
    plan = "\n".join(stepping().plan)
    assert plan.startswith("the program: ")
    assert "memory: " in plan


def updating(f, *inputs):
    """A program of two inputs, and what they become."""
    program = ag.trace(f)(*inputs)
    return program, dict(zip(program.inputs, program.outputs, strict=False))


def test_what_only_new_values_need_runs_last_and_in_their_place():
    def f(p, m, g):
        m1 = 0.9 * m + g * g
        return p - 0.1 * m1, m1, np.sum(np.cos(g))

    program, updates = updating(f, x, x, x)
    del updates[program.inputs[2]]
    program = replace(program, outputs=(program.outputs[2],))
    b = Block.from_program(program, updates, contiguous=frozenset(program.inputs))
    late = sunk(b)
    assert rows(late)[-late.late :] == ["multiply", "multiply", "add", "multiply", "subtract"]
    assert rows(late)[: -late.late] == ["cos", "sum"]
    assert planned(b).size == x.nbytes  # of cos(g), and then of g * g and 0.1 * m1
    assert sunk(replace(b, contiguous=frozenset())).late == 3  # g could be a view of p, and is read before


def test_a_new_value_does_not_overwrite_what_another_needs():
    def f(p, q):
        return p - np.sin(q) * 2, q - np.sin(p) * 2

    program, updates = updating(f, x, x)
    run = compiled(replace(program, outputs=()), updates, contiguous=frozenset(program.inputs))
    p, q = np.cos(x), np.sin(x)
    want = f(p, q)
    run(p, q)
    for a, b in zip((p, q), want, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_product_with_a_number():
    """NumPy's numbers have no method `dot`."""
    def f(x, w):
        return np.dot(np.dot(x, x) * 2, w)

    a, w = np.arange(3.0), np.ones((3, 2))
    for small in (False, True):
        np.testing.assert_array_equal(compiled(ag.trace(f)(a, w), small=small)(a, w)[0], f(a, w))
