"""Tracing, drawing and explaining a function change nothing: no buffer, no generator, no gradient."""

from __future__ import annotations

import random

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite import nn
from autograd_lite.base.snapshots import Snapshot, untouched, watched
from autograd_lite.nn import functional as F

X = np.random.default_rng(0).normal(size=(6, 4))


class Restless(nn.Module):
    """Changes whatever a module can change when it is called."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(4, 5), nn.BatchNorm1d(5), nn.Dropout(0.5), nn.Linear(5, 1))
        self.register_buffer("calls", ag.tensor(np.array(0)))
        self.register_buffer("last", ag.tensor(np.zeros(4)))
        self.own, self.numpys = ag.Generator().manual_seed(3), np.random.default_rng(4)

    def forward(self, x):
        self.calls.data[...] += 1  # NumPy does not say that it writes
        with ag.no_grad():
            self.last *= 0.5
            self.last += 1.0
        noise = self.own.numpy.normal() + self.numpys.normal() + np.random.normal() + random.random()
        return self.body(x + 0.01 * ag.rand_like(x)) + noise + ag.randn(1)


def state(net):
    """Everything that could have changed."""
    return {
        **net.state_dict(),
        **{f"gradient of {name}": p.grad.numpy().copy() for name, p in net.named_parameters()},
        **{f"version of {name}": t._leaf().version for name, t in (*net.named_parameters(), *net.named_buffers())},
        "training": net.training, "default": ag.get_rng_state(), "own": net.own.get_state(),
        "numpys": net.numpys.bit_generator.state, "global": np.random.get_state(), "python": random.getstate(),
    }  # fmt: skip


def loss(net):
    return lambda x: np.sum(net(x) ** 2)


LOOKS = {
    "trace": lambda net: ag.trace(loss(net))(X),
    "trace of the module": lambda net: ag.trace(net)(X),
    "trace of a bound method": lambda net: ag.trace(net.forward)(X),
    "source": lambda net: ag.source(loss(net), X),
    "draw": lambda net: ag.draw(loss(net), X).source,
    "draw of the module": lambda net: ag.draw(net, X).source,
    "draw with a loss": lambda net: ag.draw(net, X, loss=lambda y: np.sum(y**2)).source,
    "draw by module": lambda net: ag.draw(net, X, by="module").source,
    "frames": lambda net: ag.frames(loss(net), X).captions,
    "summary": lambda net: repr(net.summary(X)),
    "an error": lambda net: failing(net),
    "backward inside": lambda net: ag.trace(lambda x: loss(net)(x).backward())(X),
    "a seed inside": lambda net: ag.trace(lambda x: (ag.manual_seed(5), net(x))[1])(X),
    "a step inside": lambda net: ag.trace(lambda x: stepped(net, x))(X),
}


def failing(net):
    with pytest.raises(ZeroDivisionError):
        ag.trace(lambda x: net(x) / (1 // 0))(X)


def stepped(net, x):
    optimizer = ag.optim.SGD(net.parameters(), lr=0.1)
    optimizer.zero_grad()
    y = loss(net)(x)
    y.backward()
    optimizer.step()
    return y


@pytest.mark.parametrize("look", LOOKS)
def test_looking_leaves_no_mark(look):
    ag.manual_seed(1)
    net = Restless()
    loss(net)(X).backward()
    before = state(net)
    LOOKS[look](net)
    after = state(net)
    for name, value in before.items():
        np.testing.assert_equal(after[name], value, err_msg=name)


def test_explain_draws_nothing_and_checks_the_numbers_that_were_drawn():
    ag.manual_seed(0)
    w = ag.tensor(np.linspace(-1, 1, 100), requires_grad=True, name="w")
    L = np.sum(F.dropout(w * w, 0.5) ** 2)
    before = ag.get_rng_state()
    text = str(L.explain(w, names={"L": L}))
    assert ag.get_rng_state() == before
    slopes = text.rpartition("slope along one direction ")[2].partition(", by a finite difference ")
    assert float(slopes[0]) == pytest.approx(float(slopes[2].split()[0]), rel=1e-4)


def test_the_variables_of_a_source_are_looked_at():
    ag.manual_seed(0)
    made = ag.source(lambda x: np.sum(F.dropout(x, 0.5)), X)
    before = ag.get_rng_state()
    made.variables(X)
    assert ag.get_rng_state() == before
    made(X)
    assert ag.get_rng_state() != before


def test_what_is_drawn_after_a_look_is_what_would_have_been_drawn_without():
    def numbers(look):
        ag.manual_seed(7)
        net = Restless()
        look(net)
        return net(X).numpy()

    random.seed(0), np.random.seed(0)
    expected = numbers(lambda net: None)
    random.seed(0), np.random.seed(0)
    np.testing.assert_array_equal(numbers(LOOKS["source"]), expected)


def test_a_checkpoint_counts_a_batch_once_and_draws_once():
    def gradients(around):
        ag.manual_seed(2)
        random.seed(0), np.random.seed(0)
        net = nn.Sequential(nn.Linear(4, 5), nn.BatchNorm1d(5, momentum=None), nn.Dropout(0.5), nn.Linear(5, 1))
        own = ag.Generator().manual_seed(1)
        block = around(lambda x: net(x * ag.rand_like(x, generator=own)))
        for _ in range(3):
            np.sum(block(ag.tensor(X)) ** 2).backward()
        state = {**net.state_dict(), "default": ag.get_rng_state(), "own": own.get_state()}
        return state | {name: p.grad.numpy() for name, p in net.named_parameters(prefix="gradient of")}

    once, twice = gradients(lambda f: f), gradients(ag.checkpoint)
    assert twice["1.num_batches_tracked"] == 3
    for name, value in once.items():
        if name in ("default", "own"):
            assert value == twice[name]
        else:
            np.testing.assert_allclose(twice[name], value, rtol=1e-12, atol=1e-13, err_msg=name)


def test_a_checkpoint_computes_again_with_the_buffers_of_its_first_run():
    class Moving(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("scale", ag.tensor(2.0))

        def forward(self, x):
            self.scale.data[...] *= 3
            return np.sin(x * float(self.scale)) + x * x * self.scale

    x, f = ag.tensor(0.1, requires_grad=True), Moving()
    y = ag.checkpoint(lambda x: f(x))(x)
    f(x)  # moves on before the way back
    y.backward()
    assert x.grad.item() == pytest.approx(6 * np.cos(0.6) + 2 * 0.1 * 6)
    assert f.scale.item() == 18


def test_lazy_layers_become_what_they_will_be_and_draw_for_good():
    ag.manual_seed(0)
    first, second = nn.LazyLinear(3), nn.LazyLinear(3)
    first.summary(X)
    second.summary(X)
    assert first.weight.shape == (3, 4)
    assert not np.array_equal(first.weight.data, second.weight.data)


def test_runs_inside_one_another_undo_each_its_own():
    b = ag.tensor(np.zeros(2))
    with untouched():
        with ag.no_grad():
            b += 1.0
        with untouched(), ag.no_grad():
            b += 1.0
        assert b.data[0] == 1
        with watched() as snapshot, ag.no_grad():
            b += 1.0
        assert b.data[0] == 2
        assert isinstance(snapshot, Snapshot)
        assert len(snapshot.noted) == 1
    assert b.data[0] == 0
