"""no_grad and enable_grad: as context managers and decorators, nested, entered again, and left in every way."""

from __future__ import annotations

import asyncio
import threading
from contextlib import ExitStack

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.engine.context import CONTEXT


@pytest.fixture(autouse=True)
def ordinary():
    yield
    assert CONTEXT.get() is None, "a test left the thread in another mode"


def recorded():
    W = ag.tensor([1.0], requires_grad=True)
    assert (W * 2).requires_grad is ag.is_grad_enabled()
    return ag.is_grad_enabled()


def test_as_context_managers():
    assert recorded()
    with ag.no_grad():
        assert not recorded()
        with ag.enable_grad():
            assert recorded()
            with ag.no_grad():
                assert not recorded()
            assert recorded()
        assert not recorded()
    assert recorded()


def test_the_same_one_entered_inside_itself():
    off = ag.no_grad()
    with off:
        with off:
            with ag.enable_grad():
                assert recorded()
                with off:
                    assert not recorded()
                assert recorded()
            assert not recorded()
        assert not recorded()
    assert recorded()
    with off:
        assert not recorded()
    assert recorded()


def test_entered_by_hand():
    off = ag.no_grad()
    off.__enter__()
    assert not recorded()
    with off:
        assert not recorded()
    assert not recorded()
    off.__exit__(None, None, None)
    assert recorded()
    with ExitStack() as stack:
        stack.enter_context(off)
        stack.enter_context(ag.enable_grad())
        assert recorded()
        stack.enter_context(off)
        assert not recorded()
    assert recorded()


def test_a_generator_closed_in_another_thread_leaves_the_mode_there():
    def steps():
        with ag.no_grad():
            yield

    g = steps()
    worker = threading.Thread(target=next, args=[g])
    worker.start()
    worker.join()
    with ag.no_grad():
        with pytest.raises(ValueError, match="different Context"):
            g.close()
        assert not recorded()
    assert recorded()


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_left_by_an_error(error):
    def fail():
        with ag.no_grad():
            raise error

    with pytest.raises(error):
        fail()
    assert recorded()


def test_left_by_return_break_and_continue():
    def leave():
        for _ in range(2):
            with ag.no_grad():
                continue
        while True:
            with ag.no_grad():
                break
        with ag.no_grad():
            return ag.is_grad_enabled()

    assert leave() is False
    assert recorded()


def test_as_decorators():
    @ag.no_grad()
    def off(depth):
        """What it says."""
        assert not recorded()
        return (off(depth - 1) or on()) if depth else "done"

    @ag.enable_grad()
    def on():
        assert recorded()
        return "on"

    assert off(3) == "done"
    assert off.__name__ == "off"
    assert off.__doc__ == "What it says."
    assert recorded()


def test_a_method_is_decorated():
    class Model:
        @ag.no_grad()
        def step(self, x, *, scale):
            assert not recorded()
            return x * scale

    assert Model().step(2, scale=3) == 6


def test_a_generator_runs_in_its_mode_and_its_user_in_his_own():
    log = []

    @ag.no_grad()
    def steps(n):
        try:
            for k in range(n):
                assert not recorded()
                try:
                    log.append((yield k))
                except KeyError:
                    log.append("key")
        finally:
            assert not recorded()
            log.append("closed")
        return "end"

    for k in steps(2):
        assert recorded()
        log.append(k)
    assert log == [0, None, 1, None, "closed"]
    log.clear()
    g = steps(3)
    assert next(g) == 0
    assert g.send("sent") == 1
    assert g.throw(KeyError) == 2
    assert recorded()
    g.close()
    assert log == ["sent", "key", "closed"]

    def outer():
        return (yield from steps(1))

    it = outer()
    next(it)
    with pytest.raises(StopIteration) as stop:
        next(it)
    assert stop.value.value == "end"
    g = steps(1)
    next(g)
    with pytest.raises(ZeroDivisionError):
        g.throw(ZeroDivisionError)


def test_a_coroutine_runs_in_its_mode():
    @ag.no_grad()
    async def off():
        await asyncio.sleep(0)
        return recorded()

    async def both():
        first = asyncio.create_task(off())
        await asyncio.sleep(0)
        assert recorded()
        return await first, recorded()

    assert asyncio.run(both()) == (False, True)


def test_an_asynchronous_generator_is_refused():
    with pytest.raises(TypeError, match=r"no_grad cannot decorate an asynchronous generator.*with"):

        @ag.no_grad()
        async def stream():
            yield 1


def test_decorating_without_parentheses_is_an_error_at_once():
    with pytest.raises(TypeError, match=r"no_grad\(\) takes no arguments"):
        ag.no_grad(lambda x: x)


def test_what_no_grad_means():
    W = ag.tensor([1.0, 2.0], requires_grad=True)
    with ag.no_grad():
        y = W * 2
        assert not y.requires_grad
        assert y.is_leaf
        fresh = ag.tensor([1.0], requires_grad=True)  # asked for, so given
    assert fresh.requires_grad
    (fresh * y.sum()).backward()
    assert fresh.grad.tolist() == [6]
    loss = (W * W).sum()
    with ag.no_grad():
        loss.backward()  # what was recorded before can be differentiated
    assert W.grad.tolist() == [2, 4]


def test_results_under_no_grad_are_the_users_own():
    W = ag.tensor([1.0, 2.0], requires_grad=True)
    with ag.no_grad():
        y = np.exp(W)
        y += 1
        y[0] = 0
    assert y.data.flags.writeable
    y *= 2  # and afterwards too: it requires no gradient
