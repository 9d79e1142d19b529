"""Nets and all optimisers, compiled and eager side by side: losses, weights, gradients, random numbers."""

from __future__ import annotations

import numpy as np
import pytest
from thorough import mostly_thorough

import autograd_lite as ag
import autograd_lite.nn.functional as F
from autograd_lite import nn, optim

STEPS = 50
rng = np.random.default_rng(0)
VECTORS, CLASSES, NUMBERS = rng.normal(size=(6, 4)), rng.integers(0, 3, 6), rng.normal(size=(6, 3))
IMAGES, SEQUENCES = rng.normal(size=(3, 1, 6, 6)), rng.normal(size=(3, 5, 4))
WORDS = rng.integers(0, 7, (3, 5))


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.norm, self.last = nn.Linear(4, 4), nn.LayerNorm(4), nn.Linear(4, 3)
        self.scale = nn.Parameter(np.ones(4))
        self.shift = np.full(4, 0.1)  # an array that is an attribute

    def forward(self, x):
        return self.last(self.norm(x + self.scale * F.silu(self.first(x))) + self.shift)


class Recurrent(nn.Module):
    def __init__(self, kind):
        super().__init__()
        self.cells, self.last = kind(4, 5, batch_first=True), nn.Linear(5, 3)

    def forward(self, x):
        return self.last(self.cells(x)[0][:, -1])


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.words, self.attend = nn.Embedding(7, 4), nn.MultiheadAttention(4, 2, batch_first=True)
        self.norm, self.drop, self.last = nn.LayerNorm(4), nn.Dropout(0.2), nn.Linear(4, 3)

    def forward(self, words):
        x = self.words(words)
        x = x + self.drop(self.attend(x, x, x, need_weights=False)[0])
        return self.last(self.norm(x).mean(axis=1))


class Bag(nn.Module):
    def __init__(self):
        super().__init__()
        self.words, self.last = nn.EmbeddingBag(7, 4, padding_idx=1), nn.Linear(4, 3)

    def forward(self, words):
        return self.last(self.words(words))


class Translator(nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.last = nn.Transformer(4, 2, 1, 1, 8, batch_first=True), nn.Linear(4, 3)

    def forward(self, x):
        return self.last(self.body(x, x[:, ::-1]).mean(axis=1))


class Resized(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.norm = nn.Conv2d(1, 8, 3), nn.InstanceNorm2d(2, affine=True)
        self.fold, self.last = nn.Fold((4, 8), 2, stride=2), nn.Linear(8, 3)

    def forward(self, x):
        x = self.fold(F.interpolate(self.first(x), scale_factor=(0.5, 1), mode="bilinear").reshape(3, 8, 8))
        return self.last(F.interpolate(F.relu(self.norm(x)), size=(2, 2)).reshape(3, 8))


def convolutional():
    return nn.Sequential(
        nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Dropout(0.3),
        nn.Linear(12, 3),
    )


NETS = {
    "linear": (lambda: nn.Linear(4, 3), VECTORS, CLASSES, F.cross_entropy),
    "talk": (lambda: nn.Sequential(nn.Linear(4, 4, False), nn.Sigmoid(), nn.Linear(4, 3, False), nn.Sigmoid()),
             VECTORS, NUMBERS, F.mse_loss),
    "deep": (lambda: nn.Sequential(nn.Linear(4, 6), nn.GELU(), nn.Linear(6, 6), nn.ELU(), nn.Linear(6, 3)),
             VECTORS, NUMBERS, F.smooth_l1_loss),
    "normalised": (lambda: nn.Sequential(nn.Linear(4, 6, bias=False), nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, 3)),
                   VECTORS, CLASSES, F.cross_entropy),
    "dropout": (lambda: nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Dropout(0.5), nn.Linear(6, 3)),
                VECTORS, CLASSES, F.cross_entropy),
    "convolutional": (convolutional, IMAGES, CLASSES[:3], F.cross_entropy),
    "residual": (Residual, VECTORS, CLASSES, F.cross_entropy),
    "RNN": (lambda: Recurrent(nn.RNN), SEQUENCES, CLASSES[:3], F.cross_entropy),
    "GRU": (lambda: Recurrent(nn.GRU), SEQUENCES, NUMBERS[:3], F.mse_loss),
    "attention": (Attention, WORDS, CLASSES[:3], F.cross_entropy),
    "LSTM": (lambda: Recurrent(lambda *sizes, **options: nn.LSTM(4, 6, proj_size=5, **options)),
             SEQUENCES, CLASSES[:3], F.cross_entropy),
    "bag": (Bag, WORDS, CLASSES[:3], F.cross_entropy),
    "transformer": (Translator, SEQUENCES, CLASSES[:3], F.cross_entropy),
    "resized": (Resized, IMAGES, CLASSES[:3], F.cross_entropy),
    "ignored": (lambda: nn.Linear(4, 3), VECTORS, CLASSES, lambda p, y: F.cross_entropy(p, y, ignore_index=1)),
    "one-hot": (lambda: nn.Linear(4, 3), VECTORS, CLASSES,
                lambda p, y: F.binary_cross_entropy_with_logits(p, F.one_hot(y, 3).astype(float))),
}  # fmt: skip


def train(build, x, y, loss_of, jit, optimizer=lambda p: optim.Adam(p, lr=0.01), steps=STEPS, between=None):
    """Losses, weights, gradients, the state of the optimiser and of the random numbers after some steps."""
    ag.manual_seed(0)
    net = build()
    opt = optimizer(net.parameters())

    def step(x, y):
        opt.zero_grad()
        loss = loss_of(net(x), y)
        loss.backward()
        opt.step()
        return loss

    run = ag.jit(step) if jit else step
    losses = []
    for k in range(steps):
        losses.append(run(x, y).item())
        if between is not None:
            between(net, opt, k)
    if jit:
        info = run.cache_info()
        assert info.hits + info.misses >= steps - 1
    gradients = [p.grad.numpy() for p in net.parameters()]
    return losses, [*net.state_dict().values()], gradients, opt.state_dict(), ag.get_rng_state()


def agree(a, b, rtol=1e-9, atol=1e-11):
    for mine, theirs in zip(a[:3], b[:3], strict=True):
        for x, y in zip(mine, theirs, strict=True):
            np.testing.assert_allclose(x, y, rtol=rtol, atol=atol)
    states, others = a[3]["state"], b[3]["state"]
    assert states.keys() == others.keys()
    for k, state in states.items():
        assert state.keys() == others[k].keys()
        for name, x in state.items():
            np.testing.assert_allclose(x, others[k][name], rtol=rtol, atol=atol)
    assert a[4] == b[4]


@pytest.mark.parametrize("name", mostly_thorough(NETS, 5))
def test_fifty_steps_are_those_of_eager_code(name):
    build, x, y, loss_of = NETS[name]
    # An Adam step divides by the gradient's size; where the gradient is rounding noise only, so is the step.
    agree(train(build, x, y, loss_of, True), train(build, x, y, loss_of, False), rtol=1e-6, atol=1e-8)


OPTIMISERS = {
    "SGD": lambda p: optim.SGD(p, lr=0.05, weight_decay=0.1),
    "momentum": lambda p: optim.SGD(p, lr=0.05, momentum=0.9),
    "nesterov": lambda p: optim.SGD(p, lr=0.05, momentum=0.9, nesterov=True),
    "dampening": lambda p: optim.SGD(p, lr=0.05, momentum=0.9, dampening=0.5),
    "maximize": lambda p: optim.SGD(p, lr=0.01, maximize=True),
    "Adam": lambda p: optim.Adam(p, weight_decay=0.1),
    "amsgrad": lambda p: optim.Adam(p, amsgrad=True),
    "AdamW": optim.AdamW,
    "NAdam": lambda p: optim.NAdam(p, weight_decay=0.1, decoupled_weight_decay=True),
    "RAdam": lambda p: optim.RAdam(p, weight_decay=0.1),
    "Adamax": optim.Adamax,
    "ASGD": lambda p: optim.ASGD(p, t0=4),
    "Rprop": lambda p: optim.Rprop(p, lr=1e-3),
    "RMSprop": lambda p: optim.RMSprop(p, centered=True, momentum=0.5),
    "Adagrad": lambda p: optim.Adagrad(p, lr_decay=0.1),
    "Adadelta": optim.Adadelta,
    "groups": lambda p: optim.AdamW([{"params": q, "lr": 0.01 * (k + 1)} for k, q in enumerate(p)]),
}  # fmt: skip


@pytest.mark.parametrize("name", OPTIMISERS)
def test_every_optimiser(name):
    build, x, y, loss_of = NETS["deep"]
    agree(*(train(build, x, y, loss_of, jit, OPTIMISERS[name], 12) for jit in (True, False)))


class Scale(nn.Module):
    def __init__(self):
        super().__init__()
        self.factor = nn.Parameter(np.linspace(-1.0, 1.0, 24).reshape(6, 4))

    def forward(self, x):
        return self.factor * x


@pytest.mark.parametrize("name", OPTIMISERS)
def test_weights_are_the_same_to_the_bit_where_nothing_is_reassociated(name):
    def loss_of(p, y):
        return ((p - y) * (p - y)).sum()  # the loss itself is a sum, whose order may differ

    target = rng.normal(size=(6, 4))
    mine, theirs = (train(Scale, VECTORS, target, loss_of, jit, OPTIMISERS[name], 20) for jit in (True, False))
    agree(([], *mine[1:]), ([], *theirs[1:]), rtol=0, atol=0)


def test_a_schedule_and_other_changes_of_options_between_steps():
    build, x, y, loss_of = NETS["deep"]

    def between(net, opt, k):
        if k == 0:
            opt.schedule = optim.lr_scheduler.StepLR(opt, 2, 0.5)
        opt.schedule.step()
        if k == 3:
            opt.param_groups[0]["betas"] = (0.5, 0.6)
        if k == 5:
            opt.param_groups[0]["weight_decay"] = 0.1  # which is another program

    agree(*(train(build, x, y, loss_of, jit, steps=10, between=between) for jit in (True, False)))


@pytest.mark.parametrize("times", [1, 2])
def test_a_square_that_is_part_of_the_loss_twice(times):
    def losses(compiled):
        ps = [ag.tensor(np.cos(np.arange(12.0) + k), requires_grad=True) for k in range(4)]
        optimizer = optim.SGD(ps, lr=0.1, momentum=0.9)

        def step():
            optimizer.zero_grad()
            loss = sum(np.sum(p * p) for p in [*ps, *ps[:1] * (times - 1)])
            loss.backward()
            optimizer.step()
            return loss

        step = ag.jit(step) if compiled else step
        return [step().item() for _ in range(4)]

    np.testing.assert_allclose(losses(True), losses(False), rtol=1e-12)


def test_freezing_evaluation_and_new_weights_between_steps():
    build, x, y, loss_of = NETS["normalised"]

    def between(net, opt, k):
        if k == 2:
            net.eval()
            net(x)
            net.train()
        if k == 4:
            net.eval()
        if k == 6:
            net.train()
            net[0].requires_grad_(False)
        if k == 8:
            net[0].requires_grad_(True)
            net[0].weight.data = net[0].weight.data * 0.5
            net[3].bias.data[...] = 1.0

    agree(*(train(build, x, y, loss_of, jit, steps=12, between=between) for jit in (True, False)), rtol=1e-6, atol=1e-8)


def test_steps_by_hand_and_compiled_steps_mix():
    build, x, y, loss_of = NETS["dropout"]

    def between(net, opt, k):
        if k % 2:
            opt.zero_grad()
            loss_of(net(x), y).backward()
            opt.step()

    agree(*(train(build, x, y, loss_of, jit, steps=8, between=between) for jit in (True, False)))


def test_float32_stays_float32():
    build, x, y, loss_of = NETS["normalised"]
    results = [train(lambda: build().float(), x.astype(np.float32), y, loss_of, jit, steps=10) for jit in (True, False)]
    assert {w.dtype for w in results[0][1]} == {np.dtype(np.float32), np.dtype(np.int64)}
    agree(*results, rtol=1e-2, atol=1e-3)


def test_state_can_be_saved_and_loaded_between_steps():
    build, x, y, loss_of = NETS["deep"]

    def between(net, opt, k):
        if k == 3:
            between.saved = net.state_dict(), opt.state_dict()
        if k == 6:
            net.load_state_dict(between.saved[0])
            opt.load_state_dict(between.saved[1])

    agree(*(train(build, x, y, loss_of, jit, steps=10, between=between) for jit in (True, False)))
