"""Past defects of the engine that silently gave a wrong gradient: each pinned by the shortest program."""

from __future__ import annotations

import numpy as np
import pytest
from tensors import leaf

import autograd_lite as ag
from autograd_lite.table import TABLE, define


def test_a_hook_that_writes_is_seen_by_the_rest_of_the_same_backward_pass():
    W, x = leaf([2.0, 3.0], name="W"), leaf([1.0, 1.0])
    h = W * x
    y = h * h

    def update(g):
        with ag.no_grad():
            W[...] = 100.0

    y.register_hook(update)
    with pytest.raises(RuntimeError, match=r"'W'.* has changed since multiply used it"):
        y.sum().backward()


def test_a_captured_tensor_made_from_another_counts_once_through_a_checkpoint():
    def gradients(wrap):
        W = leaf([1.0, 2.0])
        s = W.sum()
        wrap(lambda x: np.sin(x * W * s))(np.array([3.0, 4.0])).sum().backward()
        return W.grad.data

    assert np.allclose(gradients(ag.checkpoint), gradients(lambda f: f), rtol=1e-14)


def test_a_hook_on_a_captured_tensor_is_called_once_through_a_checkpoint():
    W, calls = leaf(2.0), []
    h = W * 1.0
    h.register_hook(lambda g: calls.append(g.item()) or g * 10)
    W.register_hook(lambda g: calls.append(g.item()) or g * 10)
    (ag.checkpoint(lambda x: x * W)(ag.tensor(3.0)) + ag.checkpoint(lambda x: x * h)(ag.tensor(5.0))).backward()
    assert calls == [5.0, 53.0]
    assert W.grad.item() == 530.0


@pytest.mark.parametrize("into", [np.zeros(2), ag.tensor([1.0, 2.0]), leaf([1.0, 2.0])])
def test_a_positional_out_is_refused(into):
    before = np.array(ag.tensor(into.detach() if isinstance(into, ag.Tensor) else into))
    x = leaf([1.0, 2.0])
    for call in (lambda: ag.exp(x, into), lambda: ag.add(x, x, into)):
        with pytest.raises(TypeError, match="would be written into"):
            call()
    assert np.array_equal(into.data if isinstance(into, ag.Tensor) else into, before)


# ------------------------------------------------------------------------------------------- freezing and hooks


def test_a_leaf_frozen_for_a_while_gets_the_gradient_of_what_was_recorded_before():
    W = leaf([1.0, 2.0])
    y = W * 2
    W.requires_grad_(False)
    assert not (W * 2).requires_grad
    W.requires_grad_(True)
    (y * W).sum().backward()
    assert W.grad.tolist() == [4.0, 8.0]


def test_a_hook_comes_off_a_leaf_that_was_frozen_meanwhile():
    W = leaf([1.0, 2.0])
    before = (W * 3).sum()
    handle = W.register_hook(lambda g: g * 10)
    W.requires_grad_(False)
    W.requires_grad_(True)
    (W * 2).sum().backward()
    assert W.grad.tolist() == [20.0, 20.0]
    W.zero_grad()
    handle.remove()
    ((W * 2).sum() + before).backward()
    assert W.grad.tolist() == [5.0, 5.0]


# ------------------------------------------------------------------------------------------- a user's own row


@pytest.fixture
def row():
    """`define` for the time of a test."""
    made = []

    def add(*rules, **options):
        def of(fn):
            made.append(define(*rules, name=f"review_{len(made)}", **options)(fn))
            return made[-1]

        return of

    yield add
    for r in made:
        del TABLE[r.name]


def test_a_row_that_returns_its_second_argument(row):
    second = row(lambda g: 0 * g, lambda g: g)(lambda x1, x2: x2)
    W = leaf([1.0, 2.0])
    y = second(ag.tensor(1.0), W)
    loss = (y * y).sum()
    with ag.no_grad():
        W += 1
    with pytest.raises(RuntimeError, match="has changed since"):
        loss.backward()
    array = np.ones(2)
    assert not second(leaf(1.0), array).data.flags.writeable
    array[0] = 5  # the user's own is never locked


def test_a_row_with_results_that_returns_its_argument_among_them(row):
    both = row(lambda g, x: g[0] + 0 * x, outputs=True)(lambda x: (x, x * 2))
    W = leaf([1.0, 2.0])
    y, _ = both(W)
    loss = (y * y).sum()
    with ag.no_grad():
        W += 1
    with pytest.raises(RuntimeError, match="has changed since"):
        loss.backward()


def test_a_rule_cannot_write_into_the_cotangent(row):
    def rule(g):
        g *= 2
        return g

    double = row(rule)(lambda x: 2 * x)
    h = leaf(np.ones(100)) * 1
    with pytest.raises(ValueError, match="read-only"):
        ((double(h) + h) * np.ones(100)).sum().backward()


def test_a_rule_may_be_made_in_a_loop(row):
    rows = [row(lambda g, k=k: g * k)(lambda x, k=k: x * k) for k in (2.0, 3.0)]
    assert [float(ag.grad(f)(1.0)) for f in rows] == [2.0, 3.0]


def test_what_a_checkpoint_hands_through_is_out_of_reach_of_later_writes():
    W, V, c = leaf([1.0, 2.0]), leaf([1.0, 1.0]), ag.tensor([5.0, 6.0])
    y, _ = ag.checkpoint(lambda x: (c, x * 1))(W)
    loss = (y * V).sum()
    c += 1
    loss.backward()
    assert y.tolist() == V.grad.tolist() == [5.0, 6.0]


# ------------------------------------------------------------------------------------------- forward mode, recorded


@pytest.mark.parametrize("name", [name for name, row in TABLE.items() if row.kind in ("linear", "bilinear")])
def test_reverse_over_forward_is_forward_over_reverse(name):
    f, checked = TABLE[name], 0
    rng = np.random.default_rng(0)

    def results(args, params):
        y = f(*args, **params)
        return y if isinstance(y, (tuple, list)) else (y,)

    for example in f.examples:
        args, params = example(rng)
        places = [k for k, a in enumerate(args) if isinstance(a, np.ndarray) and a.dtype == float]

        def loss(*xs, args=args, params=params, places=places):
            given = list(args)
            for k, x in zip(places, xs, strict=True):
                given[k] = x * x
            return sum(np.sum(np.real(y) ** 3 + np.imag(y) ** 2) for y in results(given, params))

        xs = tuple(args[k] for k in places)
        if not xs or any(y.dtype.kind not in "fc" for y in results(args, params)):
            continue
        which, vs = tuple(range(len(xs))), tuple(np.cos(x) for x in xs)
        above = ag.grad(lambda *xs, loss=loss, vs=vs: ag.jvp(loss, xs, vs)[1], which)(*xs)
        below = ag.jvp(lambda *xs, loss=loss, which=which: ag.grad(loss, which)(*xs), xs, vs)[1]
        for a, b in zip(above, below, strict=True):
            assert np.allclose(a, b, rtol=1e-9, atol=1e-9)
        checked += 1
    assert checked or not any(isinstance(a, np.ndarray) and a.dtype == float for e in f.examples for a in e(rng)[0])


def test_checkpoint_sees_a_write_to_a_constant_it_captured():
    x = ag.tensor([1.0, 2.0], requires_grad=True)
    c = ag.tensor([2.0, 3.0], name="c")
    y = ag.checkpoint(lambda x: np.sin(x * c))(x)
    c += 1
    with pytest.raises(RuntimeError, match=r"'c', an input .* has changed since"):
        y.sum().backward()
    y = ag.checkpoint(lambda x: np.sin(x * c))(x)
    y.sum().backward()
    np.testing.assert_allclose(x.grad.data, np.cos(x.data * c.data) * c.data)
