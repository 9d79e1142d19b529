"""Schedules of one optimiser, beside each other and in lists, in pairs: against PyTorch's rules, which stand here.

A schedule of the first kind multiplies the current rate in each step (`after`); one of the second kind replaces it.
At a milestone a SequentialLR starts its next schedule from the rate at the start, and at the beginning it restores that
rate. `tools/optimisers_against_torch.py` compares the same pairs with PyTorch itself.
"""

from __future__ import annotations

from itertools import product
from math import cos, pi

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.optim import SGD, lr_scheduler as S

BASE, STEPS = 0.5, 16


class Multiplying:
    """The rule of a schedule: the rate at epoch `t` after the rate `lr`, and the rate at its start."""

    def __init__(self, after, start=lambda lr: lr):
        self.after, self.start, self.t = after, start, 0

    def begin(self, lr):
        self.t = 0
        return self.start(lr)

    def restart(self, lr):
        return self.begin(BASE)

    def step(self, lr):
        self.t += 1
        return self.after(lr, self.t)


class Multiplicative(Multiplying):
    def restart(self, lr):
        self.t = 0
        return self.after(lr, 0)


class Replacing(Multiplying):
    def __init__(self, rate):
        super().__init__(lambda lr, t: rate(t), lambda lr: rate(0))


class Chained:
    def __init__(self, *rules):
        self.rules = rules

    def begin(self, lr):
        for rule in self.rules:
            lr = rule.begin(lr)
        return lr

    def restart(self, lr):
        lr = self.rules[0].restart(lr)
        for rule in self.rules[1:]:
            lr = rule.begin(lr)
        return lr

    def step(self, lr):
        for rule in self.rules:
            lr = rule.step(lr)
        return lr


class Sequential:
    def __init__(self, first, second, milestone):
        self.rules, self.milestone = (first, second), milestone

    def begin(self, lr):
        self.t = 0
        return self.rules[0].begin(lr)

    def restart(self, lr):
        self.t = 0
        return self.rules[0].restart(lr)

    def step(self, lr):
        self.t += 1
        if self.t == self.milestone:
            return self.rules[1].restart(lr)
        return self.rules[self.t > self.milestone].step(lr)


def warm_restarts(t):
    since, period = (t, 3) if t < 3 else (t - 3, 6) if t < 9 else (t - 9, 12)
    return 0.02 + (BASE - 0.02) * (1 + cos(pi * since / period)) / 2


def cycle(t):
    t %= 5
    return BASE + 0.3 * (t / 2 if t <= 2 else (5 - t) / 3)


def polynomial(lr, t):
    return lr * ((1 - t / 12) / (1 - (t - 1) / 12)) ** 1.5 if t <= 12 else lr


def cosine(lr, t, low=0.01):
    if (t - 1 - 5) % 10 == 0:
        return lr + (BASE - low) * (1 - cos(pi / 5)) / 2
    return (1 + cos(pi * t / 5)) / (1 + cos(pi * (t - 1) / 5)) * (lr - low) + low


# By name: our schedule, and the rule.
KINDS = {
    "lambda": (lambda o: S.LambdaLR(o, lambda t: 1 / (1 + t)), lambda: Replacing(lambda t: BASE / (1 + t))),
    "warm": (lambda o: S.CosineAnnealingWarmRestarts(o, 3, 2, 0.02), lambda: Replacing(warm_restarts)),
    "cyclic": (lambda o: S.CyclicLR(o, BASE, BASE + 0.3, 2, 3, cycle_momentum=False), lambda: Replacing(cycle)),
    "multiplicative": (
        lambda o: S.MultiplicativeLR(o, lambda t: 1 - 0.5 / (t + 1)),
        lambda: Multiplicative(lambda lr, t: lr * (1 - 0.5 / (t + 1))),
    ),
    "step": (lambda o: S.StepLR(o, 3, 0.5), lambda: Multiplying(lambda lr, t: lr * (0.5 if t % 3 == 0 else 1))),
    "multistep": (
        lambda o: S.MultiStepLR(o, [2, 7, 7], 0.5), lambda: Multiplying(lambda lr, t: lr * {2: 0.5, 7: 0.25}.get(t, 1))
    ),
    "exponential": (lambda o: S.ExponentialLR(o, 0.9), lambda: Multiplying(lambda lr, t: lr * 0.9)),
    "constant": (
        lambda o: S.ConstantLR(o, 0.2, 6),
        lambda: Multiplying(lambda lr, t: lr / 0.2 if t == 6 else lr, lambda lr: 0.2 * lr),
    ),
    "linear": (
        lambda o: S.LinearLR(o, 0.2, 0.7, 8),
        lambda: Multiplying(
            lambda lr, t: lr * (0.2 * 8 + 0.5 * t) / (0.2 * 8 + 0.5 * (t - 1)) if t <= 8 else lr, lambda lr: 0.2 * lr
        ),
    ),
    "polynomial": (lambda o: S.PolynomialLR(o, 12, 1.5), lambda: Multiplying(polynomial)),
    "cosine": (lambda o: S.CosineAnnealingLR(o, 5, 0.01), lambda: Multiplying(cosine)),
}  # fmt: skip


def chained(*members):
    def make(o):
        return S.ChainedScheduler([make(o) for make, _ in members])

    return make, lambda: Chained(*(rule() for _, rule in members))


def sequential(first, second, milestone=4):
    def make(o):
        return S.SequentialLR(o, [first[0](o), second[0](o)], [milestone])

    return make, lambda: Sequential(first[1](), second[1](), milestone)


STEP, LINEAR = KINDS["step"], KINDS["linear"]
ARRANGEMENTS = {
    "beside": lambda a, b: [a, b],
    "chained": lambda a, b: [chained(a, b)],
    "sequential": lambda a, b: [sequential(a, b)],
    "sequential beside": lambda a, b: [sequential(a, b), STEP],
    "chain of a sequence": lambda a, b: [chained(sequential(a, LINEAR), b)],
    "chain that ends with a sequence": lambda a, b: [chained(a, sequential(b, LINEAR))],
    "sequence of a chain": lambda a, b: [sequential(chained(a, b), LINEAR)],
    "sequence that ends with a chain": lambda a, b: [sequential(LINEAR, chained(a, b))],
    "sequence of a sequence": lambda a, b: [sequential(sequential(a, b, 2), LINEAR, 7)],
    "sequence that ends with a sequence": lambda a, b: [sequential(LINEAR, sequential(a, b, 3))],
    "chain of a chain": lambda a, b: [chained(STEP, chained(a, b))],
}  # fmt: skip


def optimizer():
    return SGD([ag.tensor(1.0, requires_grad=True)], lr=BASE)


def rates(o, schedules, n):
    lrs = []
    for _ in range(n):
        lrs.append(o.param_groups[0]["lr"])
        for s in schedules:
            s.step()
    return lrs


def expected(members):
    """The rates by the rules. A sequence begins with the rate at the start, whatever was made before it."""
    rules = [rule() for _, rule in members]
    lr, lrs = BASE, []
    for rule in rules:
        lr = begun(rule, lr)
    for _ in range(STEPS):
        lrs.append(lr)
        for rule in rules:
            lr = rule.step(lr)
    return lrs


def begun(rule, lr):
    if isinstance(rule, Chained):
        for part in rule.rules:
            lr = begun(part, lr)
        return lr
    return rule.begin(BASE if isinstance(rule, Sequential) else lr)


@pytest.mark.parametrize("arrangement", ARRANGEMENTS)
def test_two_schedules_of_one_optimiser(arrangement):
    for (a, first), (b, second) in product(KINDS.items(), repeat=2):
        members = ARRANGEMENTS[arrangement](first, second)
        o = optimizer()
        schedules = [make(o) for make, _ in members]
        whole = rates(o, schedules, STEPS)
        np.testing.assert_allclose(whole, expected(members), rtol=1e-9, atol=1e-12, err_msg=f"{a}, {b}")
        for at in (3, 9):  # before and after the milestones
            o = optimizer()
            schedules = [make(o) for make, _ in members]
            rates(o, schedules, at)
            states, options = [s.state_dict() for s in schedules], o.state_dict()
            o = optimizer()
            schedules = [make(o) for make, _ in members]
            for s, state in zip(schedules, states, strict=True):
                s.load_state_dict(state)
            o.load_state_dict(options)
            assert rates(o, schedules, STEPS - at) == whole[at:], (a, b)


def test_a_cycle_decides_the_rate_at_the_start():
    """As in PyTorch: also for the schedules that are made after it, and where a sequence begins."""
    for cycle, start in (
        (lambda o: S.OneCycleLR(o, 1.0, 20, cycle_momentum=False), 1 / 25),
        (lambda o: S.CyclicLR(o, 0.1, 0.3, 5, cycle_momentum=False), 0.1),
    ):
        o = optimizer()
        sequence = S.SequentialLR(o, [cycle(o), S.ExponentialLR(o, 0.5)], [2])
        np.testing.assert_allclose(rates(o, [sequence], 4)[2:], [start, start / 2])
    o = optimizer()
    sequence = S.SequentialLR(o, [S.ExponentialLR(o, 0.5), S.OneCycleLR(o, 1.0, 20, cycle_momentum=False)], [2])
    np.testing.assert_allclose(rates(o, [sequence], 3), [1 / 25, 1 / 50, 1 / 25])


def test_only_the_current_schedule_of_a_sequence_restores_its_momentum():
    def make():
        o = SGD([ag.tensor(1.0, requires_grad=True)], lr=BASE, momentum=0.5)
        return o, S.SequentialLR(o, [S.OneCycleLR(o, 1.0, 9), S.CyclicLR(o, 0.1, 0.3, 5)], [6])

    o, schedule = make()
    rates(o, [schedule], 4)
    momentum = o.param_groups[0]["momentum"]
    other, again = make()
    again.load_state_dict(schedule.state_dict())
    assert other.param_groups[0]["momentum"] == momentum
    with pytest.raises(ValueError, match="OneCycleLR: step 12 of a cycle"):
        again.load_state_dict({**schedule.state_dict(), "schedulers": [
            {**schedule.schedulers[0].state_dict(), "last_epoch": 12}, schedule.schedulers[1].state_dict()
        ]})  # fmt: skip
    assert other.param_groups[0]["momentum"] == momentum


@pytest.mark.parametrize("make", [lambda o, s: S.SequentialLR(o, s, [3]), lambda o, s: S.ChainedScheduler(s)])
def test_a_plateau_is_no_part_of_a_list(make):
    o = optimizer()
    with pytest.raises(ValueError, match="that need no number, got a ReduceLROnPlateau; step it alone"):
        make(o, [S.StepLR(o, 3), S.ReduceLROnPlateau(o)])
