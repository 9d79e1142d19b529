"""Threads and asynchronous tasks: independent graphs work, and each has a context of its own."""

from __future__ import annotations

import asyncio
import contextvars
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import autograd_lite as ag

EIGHT = 8


@pytest.fixture(autouse=True)
def often():
    """Let the interpreter change threads a thousand times as often as usual."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(5e-6)
    yield
    sys.setswitchinterval(before)


def in_threads(work, count=EIGHT):
    """Run ``work(k)`` in `count` threads that start together; their results, and any error, come back."""
    barrier = threading.Barrier(count)

    def start(k):
        barrier.wait()
        return work(k)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(start, range(count)))


def train(seed, steps=30):
    rng = np.random.default_rng(seed)
    V = ag.tensor(rng.normal(size=(3, 4)), requires_grad=True, name="V")
    W = ag.tensor(rng.normal(size=(4, 1)), requires_grad=True, name="W")
    x, y = rng.normal(size=(5, 3)), rng.normal(size=(5, 1))
    for _ in range(steps):
        loss = ((ag.sigmoid(x @ V) @ W - y) ** 2).mean()
        loss.backward()
        with ag.no_grad():
            V -= 0.1 * V.grad
            W -= 0.1 * W.grad
        V.zero_grad()
        W.zero_grad()
    return V.data.copy(), W.data.copy()


def test_eight_threads_with_their_own_graphs():
    alone = [train(k) for k in range(EIGHT)]
    for found, expected in zip(in_threads(train), alone, strict=True):
        np.testing.assert_array_equal(found[0], expected[0])
        np.testing.assert_array_equal(found[1], expected[1])


def test_eight_threads_with_transforms():
    def work(k):
        x = np.linspace(0.1, 1, 5) + k
        f = lambda x: np.sum(np.sin(x) * np.exp(-x))  # noqa: E731
        return [(ag.grad(f)(x), ag.hessian(f)(x), ag.jvp(ag.checkpoint(f), (x,), (x,))[1]) for _ in range(5)]

    alone = [work(k) for k in range(EIGHT)]
    for found, expected in zip(in_threads(work), alone, strict=True):
        for a, b in zip(found, expected, strict=True):
            for one, other in zip(a, b, strict=True):
                np.testing.assert_array_equal(one, other)


def test_shared_parameters_may_be_read_by_all():
    """Each thread has its own graph on the same weights and takes gradients without touching `.grad`."""
    W = ag.tensor(np.arange(4.0), requires_grad=True)

    def work(k):
        return [ag.autograd.grad((W**2 * k).sum(), W)[0].tolist() for _ in range(20)]

    for k, found in enumerate(in_threads(work)):
        assert found == [[0.0, 2.0 * k, 4.0 * k, 6.0 * k]] * 20
    assert W.grad is None


def test_no_grad_in_one_is_not_seen_in_another():
    inside, checked = threading.Event(), threading.Event()

    def off():
        with ag.no_grad():
            inside.set()
            assert checked.wait(10)
            assert not ag.is_grad_enabled()
        return ag.is_grad_enabled()

    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(off)
        assert inside.wait(10)
        assert ag.is_grad_enabled()
        W = ag.tensor(1.0, requires_grad=True)
        assert (W * 2).requires_grad
        with pytest.raises(RuntimeError, match="recorded"):
            W -= 1
        checked.set()
        assert other.result() is True


def test_a_thread_starts_in_the_ordinary_mode():
    with ag.no_grad():
        assert in_threads(lambda k: ag.is_grad_enabled(), 2) == [True, True]
        context = contextvars.copy_context()
        with ThreadPoolExecutor(1) as pool:  # unless it is given a context
            assert pool.submit(context.run, ag.is_grad_enabled).result() is False


def bad_logarithm():
    with np.errstate(all="ignore"):
        return np.log(ag.tensor(-1.0, requires_grad=True)).item()


def test_anomaly_detection_in_one_is_not_seen_in_another():
    with ag.detect_anomaly():
        with ThreadPoolExecutor(1) as pool:
            assert np.isnan(pool.submit(bad_logarithm).result())
        with pytest.raises(RuntimeError, match="nan"):
            bad_logarithm()


def test_one_decorated_function_in_many_threads():
    @ag.no_grad()
    def off(k):
        for _ in range(200):
            assert not ag.is_grad_enabled()
        return k

    def work(k):
        for _ in range(20):
            assert off(k) == k
            assert ag.is_grad_enabled()
        return k

    assert in_threads(work) == list(range(EIGHT))


def test_a_stale_value_is_seen_while_others_write():
    """The clock of writes is common: a late writer must not set it back."""
    stop = threading.Event()

    def write(k):
        mine = ag.tensor([1.0], requires_grad=True)
        loss = mine * 1
        while not stop.is_set():
            with ag.no_grad():
                mine += 1
            loss = mine * 1
        return loss.item()

    def check(k):
        for _ in range(300):
            W = ag.tensor([1.0, 2.0], requires_grad=True, name="W")
            loss = (W * W).sum()
            with ag.no_grad():
                W += 1
            with pytest.raises(RuntimeError, match=r"'W'.*has changed since"):
                loss.backward()
        return True

    with ThreadPoolExecutor(4) as pool:
        writers = [pool.submit(write, k) for k in range(2)]
        checkers = [pool.submit(check, k) for k in range(2)]
        try:
            assert all(c.result() for c in checkers)
        finally:
            stop.set()
        assert all(w.result() > 0 for w in writers)


def test_asynchronous_tasks_have_their_own_mode():
    async def off(log):
        with ag.no_grad():
            for _ in range(3):
                log.append(ag.is_grad_enabled())
                await asyncio.sleep(0)

    async def on(log):
        for _ in range(3):
            log.append(ag.is_grad_enabled())
            await asyncio.sleep(0)
        W = ag.tensor(3.0, requires_grad=True)
        loss = W * W
        await asyncio.sleep(0)
        loss.backward()
        return W.grad.item()

    async def main():
        first, second = [], []
        _, gradient = await asyncio.gather(off(first), on(second))
        return first, second, gradient, ag.is_grad_enabled()

    assert asyncio.run(main()) == ([False] * 3, [True] * 3, 6.0, True)


def test_a_graph_may_be_made_in_one_thread_and_differentiated_in_another():
    W = ag.tensor([1.0, 2.0], requires_grad=True)
    with ThreadPoolExecutor(1) as pool:
        loss = pool.submit(lambda: (W * W).sum()).result()
        pool.submit(loss.backward).result()
    assert W.grad.tolist() == [2, 4]
