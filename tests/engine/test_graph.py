"""The graph: traversal without recursion, in linear time, without cycles; and what happens to it afterwards."""

from __future__ import annotations

import gc
import itertools
import os
import subprocess
import sys
import textwrap
import weakref
from collections import Counter
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
from tensors import parameter
from thorough import mostly_thorough

import autograd_lite as ag
from autograd_lite.engine.backward import pull_back
from autograd_lite.engine.node import NEEDS, Node, ancestors, between
from autograd_lite.table import TABLE

# ------------------------------------------------------------------------------------------------- the order


def test_the_order_of_making_is_topological():
    W = parameter()
    a = W * 2
    b = a + W
    c = np.exp(a) * b
    order = ancestors([c._node])
    place = {n: k for k, n in enumerate(order)}
    assert order[0] is c._node
    assert order[-1] is W._node
    for n in order:
        for p in n.parents:
            if p is not None:
                assert place[p] > place[n]
    assert len(order) == len(set(order)) == 5


def test_between_is_what_lies_on_some_way():
    V, W = parameter(name="V"), parameter()
    a, b = V * 2, W * 3
    c = a + b
    nodes = between([c._node], [a._node])
    assert set(nodes) == {c._node, a._node}
    assert W._node not in between([c._node], [V._node])


def test_a_traversal_passes_each_edge_once():
    """Sixty repeats of x = x + x have 2**60 paths and 120 edges."""
    W = parameter(())
    x = W
    for _ in range(60):
        x = x + x
    watch = Mock()
    found = pull_back({x._node: np.ones(())}, watch=watch)
    assert watch.pulled.call_count == 120
    assert found[W._node] == 2.0**60
    x.backward()
    assert W.grad.item() == 2.0**60
    assert ag.jvp(lambda v: repeat(v, 60), (1.0,), (1.0,))[1] == 2.0**60
    assert ag.grad(ag.grad(lambda v: repeat(v * v, 60)))(1.0) == 2.0**61


def repeat(x, times):
    for _ in range(times):
        x = x + x
    return x


def test_work_is_linear():
    """In calls, of Python's functions and of C's."""

    def calls(length):
        W = parameter(())
        x = W
        for _ in range(length):
            x = x * 1.0001
        before, seen = sys.getprofile(), itertools.count()
        sys.setprofile(lambda *event: next(seen))
        try:
            x.backward()
        finally:
            sys.setprofile(before)
        return next(seen)

    assert calls(8_000) < 4.1 * calls(2_000)


def test_a_chain_of_100_000_operations():
    x = W = parameter(())
    for _ in range(100_000):
        x = x + 1e-6
    x.backward()
    assert W.grad.item() == 1
    first = weakref.ref(W._node)
    del W, x  # nor does its end recurse
    assert first() is None
    _y, t = ag.jvp(lambda v: chain(v, 20_000), (1.0,), (2.0,))
    assert t == 2.0
    assert ag.grad(ag.grad(lambda v: chain(v * v, 5_000)))(3.0) == 2.0


def chain(x, length):
    for _ in range(length):
        x = x + 1.0
    return x


@pytest.mark.parametrize("length", mostly_thorough([100_000, 1_000_000]))
def test_a_long_chain_in_a_small_stack(length):
    """In an interpreter of its own, because a crash would take the tests along."""
    program = textwrap.dedent(f"""
        import threading
        import autograd_lite as ag
        def run():
            W = ag.tensor(1.0, requires_grad=True)
            x = W
            for _ in range({length}):
                x = x + 1e-9
            x.backward()
            print(W.grad.item())
            del x
            print("gone")
        threading.stack_size(2 * 1024 * 1024)  # a quarter of the usual one
        t = threading.Thread(target=run)
        t.start()
        t.join()
        """)
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
        check=False,
    )
    assert done.stdout.split() == ["1.0", "gone"], done.stderr


# -------------------------------------------------------------------------------------- nothing is left over


def living():
    """How many objects of ours and of NumPy's there are."""
    kinds = Counter(type(o).__name__ for o in gc.get_objects())
    return sum(
        kinds[k] for k in ("Node", "Tensor", "Storage", "Primitive", "Group", "Linearized", "_Again", "Context")
    )


def plain(W):
    loss = ((W @ W - 1) ** 2).mean() + np.exp(W).sum()
    loss.backward()


def with_hooks(W):
    h = np.tanh(W)
    h.register_hook(lambda g: g * 1.0)
    handle = W.register_hook(lambda g: g * 1.0)
    (h * h).sum().backward()
    handle.remove()


def with_retain_grad(W):
    h = np.tanh(W)
    h.retain_grad()
    (h * h).sum().backward()
    assert h.grad is not None


def with_create_graph(W):
    (W**3).sum().backward(create_graph=True)
    (W.grad**2).sum().backward()
    W.grad = W.grad.detach()


def with_autograd_grad(W):
    (g,) = ag.autograd.grad((W**3).sum(), W, create_graph=True)
    (h,) = ag.autograd.grad((g * g).sum(), W)
    W.grad = h


def with_transforms(W):
    W.grad = ag.grad(lambda w: np.sum(np.sin(w) * ag.grad(lambda v: np.sum(v * W))(w)))(W.data)
    ag.jvp(ag.grad(lambda w: np.sum(w**3)), (W.data,), (W.data,))
    ag.hessian(lambda w: np.sum(w**3))(np.ones(2))


def with_checkpoint(W):
    ag.checkpoint(lambda w: np.tanh(w) * W)(W).sum().backward()


def with_several_results(W):
    a, b = np.split(W, 2)
    (a * b).sum().backward()


def with_views(W):
    v = W.detach()[0]
    (W.T * v).sum().backward()


def with_freezing(W):
    W.requires_grad_(False)
    (W * parameter(W.shape)).sum().backward()
    W.requires_grad_()
    W.grad = np.ones(W.shape)


def with_errors(W):
    loss = (W * W).sum()
    with ag.no_grad():
        W -= 0.0
    with pytest.raises(RuntimeError):
        loss.backward()
    W.grad = np.ones(W.shape)


def with_freed_graph(W):
    (np.exp(W) ** 2).sum().backward(retain_graph=False)


STEPS = [v for k, v in list(globals().items()) if k == "plain" or k.startswith("with_")]


@pytest.mark.parametrize("step", mostly_thorough(STEPS, 4), ids=lambda f: f.__name__)
def test_training_keeps_nothing_without_the_cycle_collector(step):
    W = parameter((2, 2), dtype=float)
    W.data *= 0.1

    def steps(count):
        for _ in range(count):
            step(W)
            with ag.no_grad():
                W.__isub__(1e-6 * W.grad)
            W.zero_grad()

    steps(20)
    gc.collect()
    gc.disable()
    try:
        before = living()
        steps(200)
        after = living()
    finally:
        gc.enable()
    assert after <= before + 2


def test_ten_thousand_steps_do_not_grow():
    """Counted by the interpreter itself: every object that it could collect."""
    W = parameter((2, 2))
    W.data *= 0.1

    def step():
        loss = ((np.tanh(W @ W) - 1) ** 2).sum()
        loss.backward()
        with ag.no_grad():
            W.__isub__(1e-3 * W.grad)
        W.zero_grad()

    for _ in range(100):
        step()
    gc.collect()
    gc.disable()
    try:
        before = len(gc.get_objects())
        for _ in range(10_000):
            step()
        after = len(gc.get_objects())
    finally:
        gc.enable()
    assert after - before < 20


def test_a_graph_lives_as_long_as_its_end():
    W = parameter()
    h = W * 2
    y = (h * h).sum()
    node = weakref.ref(h._node)
    value = weakref.ref(h)
    del h
    assert value() is None  # nodes do not hold tensors
    assert node() is not None
    y.backward()
    kept = y.detach()
    del y
    assert node() is None
    assert kept.item() == 56  # what is kept of a loss keeps no graph


def test_a_list_of_detached_losses_keeps_no_graph():
    W = parameter()
    losses, nodes = [], []
    for _ in range(5):
        loss = (W[:2] * W[1:]).sum()
        nodes.append(weakref.ref(loss._node))
        losses += [loss.detach(), ag.stop_gradient(loss), (W * 2).detach()[:1]]
        del loss
    assert all(node() is None for node in nodes)


# -------------------------------------------------------------------------------------------- more than once


def test_backward_twice_accumulates():
    W = parameter()
    loss = (W**2).sum()
    loss.backward()
    loss.backward()
    assert W.grad.tolist() == [4, 8, 12]


def test_backward_through_a_shared_part():
    W = parameter()
    h = np.exp(W)
    a, b = (h * 2).sum(), (h * h).sum()
    a.backward()
    b.backward()
    e = np.exp([1.0, 2.0, 3.0])
    np.testing.assert_allclose(W.grad.data, 2 * e + 2 * e * e)
    W.zero_grad()
    (a + b).backward()
    np.testing.assert_allclose(W.grad.data, 2 * e + 2 * e * e)


def test_backward_from_several_entries():
    W = parameter()
    y = W**2
    for gradient in ([1.0, 0.0, 2.0], np.array([1.0, 0.0, 2.0]), ag.tensor([1.0, 0.0, 2.0]), (1, 0, 2)):
        W.zero_grad()
        y.backward(gradient)
        assert W.grad.tolist() == [2, 0, 12]


def test_results_of_size_one_are_scalars():
    W = parameter((1, 1))
    (W * 3).backward()
    assert W.grad.tolist() == [[3]]


def test_after_backward_the_graph_is_still_there():
    W = parameter()
    loss = (np.exp(W) * W).sum()
    loss.backward()
    rows = [n.row.name for n in ancestors([loss._node]) if n.row is not None]
    assert rows == ["sum", "multiply", "exp"]
    assert all(n.y is not None for n in ancestors([loss._node]))  # small: kept for pictures


def test_a_freed_graph_still_has_its_structure():
    W = parameter((100,))
    h = np.exp(W)
    loss = (h * h).sum()
    big = weakref.ref(h.data)
    del h
    loss.backward(retain_graph=False)
    assert big() is None
    rows = [(n.row.name, n.shape) for n in ancestors([loss._node]) if n.row is not None]
    assert rows == [("sum", ()), ("multiply", (100,)), ("exp", (100,))]
    assert W.data.shape == (100,)
    assert W._node.y is W.data


def test_create_graph_and_retain_graph_false():
    """The gradient's own graph needs what the first one holds, so nothing is freed."""
    W = parameter()
    loss = (W**3).sum()
    loss.backward(retain_graph=False, create_graph=True)
    W.grad.sum().backward()


def test_what_is_kept():
    W, V = parameter((100,)), parameter((100,), "V")
    added, multiplied, exponential = W + V, W * V, np.exp(W)
    assert added._node.xs == (None, None)
    assert added._node.y is None
    assert multiplied._node.xs[0] is W.data
    assert multiplied._node.xs[1] is V.data
    assert exponential._node.xs == (None,)
    assert exponential._node.y is exponential._data
    c = ag.tensor(np.ones(100))
    assert (W * c)._node.xs[0] is None  # the gradient of c is not wanted
    array = np.ones(100)
    mixed = array * W
    assert mixed._node.parents[0] is None
    assert mixed._node.xs[0] is array  # what is mixed in is not copied
    number = W * 2.5
    assert type(number._node.xs[1]) is float  # and a Python number stays one


def test_origins_are_the_users_lines():
    W = ag.tensor([1.0, 2.0, 3.0], requires_grad=True)
    y = W * 2
    z = np.exp(W)
    s = W.sum()
    m = W.mean()
    here = sys._getframe().f_lineno
    assert [t._node.origin for t in (y, z, s, m)] == [f"{__file__}:{here - k}" for k in (4, 3, 2, 1)]
    assert W._node.origin.startswith(f"{__file__}:")  # where ag.tensor was called


def test_a_folder_that_only_begins_like_ours_is_the_users():
    path = str(Path(ag.__file__).parent) + "_too/talks/mine.py"
    space = {"W": parameter()}
    exec(compile("y = W * 2", path, "exec"), space)
    assert space["y"]._node.origin == f"{path}:1"


# ----------------------------------------------------------------------------------------------------- hooks


def test_hooks_run_in_order_and_may_replace():
    W, seen = parameter(), []
    W.register_hook(lambda g: seen.append(("first", g.tolist())))
    W.register_hook(lambda g: g * 2)
    last = W.register_hook(lambda g: seen.append(("last", g.tolist())))
    (W * 1.0).sum().backward()
    assert seen == [("first", [1, 1, 1]), ("last", [2, 2, 2])]
    assert W.grad.tolist() == [2, 2, 2]
    last.remove()
    last.remove()
    seen.clear()
    W.zero_grad()
    (W * 3).sum().backward()
    assert seen == [("first", [3, 3, 3])]
    assert W.grad.tolist() == [6, 6, 6]


def test_a_hook_sees_the_whole_gradient_once():
    W, seen = parameter(()), []
    h = W * 2
    h.register_hook(lambda g: seen.append(g.item()))
    (h * 3 + h * 4).backward()
    assert seen == [7]
    W.register_hook(lambda g: seen.append(g.item()))
    (W * 3 + W * 4).backward()
    assert seen == [7, 7]


def test_a_hook_on_a_result_changes_what_flows_on():
    W = parameter()
    h = W * 2
    h.retain_grad()
    h.register_hook(lambda g: g * 10)
    (h * 3).sum().backward()
    assert h.grad.tolist() == [30, 30, 30]
    assert W.grad.tolist() == [60, 60, 60]


def test_a_hook_that_takes_itself_off_hides_no_other():
    W, seen = parameter(), []
    handle = W.register_hook(lambda g: (seen.append("once"), handle.remove())[1])
    W.register_hook(lambda g: seen.append("always"))
    for _ in range(2):
        (W * 1.0).sum().backward()
    assert seen == ["once", "always", "always"]


def test_hooks_with_create_graph_are_differentiated():
    W = parameter(())
    W.register_hook(lambda g: g * g)
    (W**2).backward(create_graph=True)  # 2 W, squared: 4 W**2
    assert W.grad.item() == 4
    assert ag.autograd.grad(W.grad, W)[0].item() == 64  # 8 W = 8, squared by the same hook


def test_a_hook_that_fails_leaves_all_as_it_was():
    W, V = parameter(), parameter(name="V")
    W.grad = np.ones(3)
    loss = (W * V).sum()
    handle = W.register_hook(interrupt)
    with pytest.raises(KeyboardInterrupt):
        loss.backward()
    assert V.grad is None
    assert W.grad.tolist() == [1, 1, 1]
    assert ag.is_grad_enabled()
    handle.remove()
    loss.backward()
    assert W.grad.tolist() == [2, 3, 4]
    assert V.grad.tolist() == [1, 2, 3]


def interrupt(g):
    raise KeyboardInterrupt


def test_an_interrupt_anywhere_loses_nothing():
    """Raised in a rule, in the middle of each kind of backward pass: context, graph and gradients are as before."""
    W = parameter()
    armed = [False]

    def slope(x):
        if armed[0]:
            raise KeyboardInterrupt
        return np.cos(x)

    name = "mine_interrupted"
    try:
        mine = ag.table.define(slope_named := (lambda x: slope(x)), kind="elementwise", name=name)(
            lambda x: np.sin(x)
        )
        assert slope_named
        loss = mine(W).sum()
        for backward in (
            loss.backward,
            lambda: loss.backward(create_graph=True),
            lambda: ag.autograd.grad(loss, W),
            lambda: ag.grad(lambda x: mine(x).sum())(W.data),
            lambda: ag.jvp(mine, (W.data,), (W.data,)),
            lambda: ag.no_grad()(ag.grad(lambda x: mine(x).sum()))(W.data),
            lambda: ag.checkpoint(mine)(W).sum().backward(),
        ):
            armed[0] = True
            with pytest.raises(KeyboardInterrupt):
                backward()
            armed[0] = False
            assert ag.is_grad_enabled()
            assert W.grad is None
        loss.backward()
        np.testing.assert_allclose(W.grad.data, np.cos(W.data))
    finally:
        TABLE.pop(name, None)


def test_retain_grad():
    W = parameter()
    h = W * 2
    (h * 3).sum().backward()
    with pytest.warns(UserWarning, match=r"result of multiply of shape \(3,\) is None.*retain_grad\(\)"):
        assert h.grad is None
    h.retain_grad()
    (h * 3).sum().backward()
    (h * 3).sum().backward()
    assert h.grad.tolist() == [6, 6, 6]
    W.retain_grad()  # a leaf keeps its gradient anyway
    assert not np.shares_memory(h.grad.data, W.grad.data)


def test_inputs_that_are_also_passed_through():
    W = parameter()
    h = W * 2
    y = h + W
    a, b, c = ag.autograd.grad((y * y).sum(), [W, h, y])
    assert c.tolist() == [6, 12, 18]
    assert b.tolist() == [6, 12, 18]
    assert a.tolist() == [18, 36, 54]


def test_nodes_do_not_order_themselves():
    a, b = (
        Node(None, (), (), None, (), np.dtype(float), NEEDS),
        Node(None, (), (), None, (), np.dtype(float), NEEDS),
    )
    assert b.order < a.order  # later is smaller
    assert "input" in repr(a)
    assert hex(id(a))[2:] not in repr(a)


# ------------------------------------------------------------------------------------------------ two runs


PRINTS = """
import traceback, warnings
import numpy as np
import autograd_lite as ag
from autograd_lite.engine.node import ancestors

W = ag.tensor([1.0, 2.0, 3.0], requires_grad=True, name="W")
h = ag.checkpoint(lambda x: x * W)(np.exp(W)) + np.mean(W)
loss = (np.split(h, 3)[0] * ag.special.softmax(h)).sum()
print(W, h, loss)
for n in ancestors([loss._node]):
    print(n, n.label, n.origin, n.group, n.params)
print(ag.trace(lambda x: np.sum(np.exp(x) * W.data))(np.ones(3)))
print(ag.grad(lambda p: np.sum(p["b"] * p["a"]))({"b": np.ones(2), "a": np.ones(2)}))
loss.backward()
print(W.grad)
with ag.no_grad():
    W -= 1
def attempts():
    yield loss.backward
    yield lambda: W + np.ones(4)
    yield lambda: W.__iadd__(1)
    yield lambda: ag.vjp(lambda x: {"a": x, "b": x}, np.ones(2))[1]({"c": 1})
    yield lambda: np.putmask(W, [True], 1)
    yield lambda: float(W[0])
    yield lambda: W.nonsense
    yield lambda: ag.tensor({"a", "b", "c"})
for attempt in attempts():
    try:
        attempt()
    except Exception as error:
        print(*traceback.format_exception_only(error))
"""


def test_two_runs_print_the_same():
    """Nothing that is shown depends on an address, on hash order or on the clock."""

    def run(seed):
        return subprocess.run(
            [sys.executable, "-c", PRINTS],
            capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2],
            env={**os.environ, "PYTHONHASHSEED": seed},
        ).stdout  # fmt: skip

    first = run("0")
    assert first == run("1")
    assert len(first.splitlines()) > 30
    assert " at 0x" not in first
