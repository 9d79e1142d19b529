"""Schedules against their formulas, in closed form or step by step, with groups, states and momentum."""

from __future__ import annotations

import math

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.optim import SGD, Adagrad, Adam, lr_scheduler as S


def optimizer(lr=0.5, **options):
    return SGD([ag.tensor(1.0, requires_grad=True)], lr=lr, **options)


W = ag.tensor(1.0, requires_grad=True)


def rates(schedule, n):
    found = []
    for _ in range(n):
        found += schedule.get_last_lr()
        schedule.step()
    return found


def cosine(start, end, share):
    return end + (start - end) * (1 + math.cos(math.pi * share)) / 2


@pytest.mark.parametrize(
    ("make", "want"),
    [
        (lambda o: S.StepLR(o, 2, gamma=0.5), [1, 1, 0.5, 0.5, 0.25, 0.25, 0.125]),
        (lambda o: S.MultiStepLR(o, [4, 1, 4], gamma=0.5), [1, 0.5, 0.5, 0.5, 0.125, 0.125, 0.125]),
        (lambda o: S.ExponentialLR(o, 0.5), [1, 0.5, 0.25, 0.125, 0.0625, 0.03125, 0.015625]),
        (lambda o: S.LambdaLR(o, lambda t: 1 / (1 + t)), [1, 1 / 2, 1 / 3, 1 / 4, 1 / 5, 1 / 6, 1 / 7]),
        (lambda o: S.MultiplicativeLR(o, lambda t: 1 / t), [1, 1, 1 / 2, 1 / 6, 1 / 24, 1 / 120, 1 / 720]),
        (lambda o: S.PolynomialLR(o, 4, 2.0), [1, 9 / 16, 4 / 16, 1 / 16, 0, 0, 0]),
        (lambda o: S.CyclicLR(o, 0.5, 2.5, 2, 4, cycle_momentum=False), [1, 3, 5, 4, 3, 2, 1]),
        (lambda o: S.CyclicLR(o, 0.5, 2.5, 1, mode="triangular2"), [1, 5, 1, 3, 1, 2, 1]),
        (lambda o: S.CyclicLR(o, 0.5, 2.5, 1, mode="exp_range", gamma=0.5), [1, 3, 1, 1.5, 1, 1.125, 1]),
        (lambda o: S.CyclicLR(o, 0.5, 2.5, 1, scale_fn=lambda n: 1 / n**2), [1, 5, 1, 2, 1, 1 + 4 / 9, 1]),
        (
            lambda o: S.CyclicLR(o, 0.5, 2.5, 1, scale_fn=lambda t: 1 / (t + 1), scale_mode="iterations"),
            [1, 3, 1, 2, 1, 1 + 4 / 6, 1],
        ),
        (lambda o: S.LinearLR(o, 0.2, total_iters=4), [0.2, 0.4, 0.6, 0.8, 1, 1, 1]),
        (lambda o: S.LinearLR(o, 1.0, 0.0, total_iters=2), [1, 0.5, 0, 0, 0, 0, 0]),
        (lambda o: S.ConstantLR(o, 0.3, total_iters=2), [0.3, 0.3, 1, 1, 1, 1, 1]),
        (lambda o: S.CosineAnnealingLR(o, 4), [cosine(1, 0, t / 4) for t in range(7)]),
        (lambda o: S.CosineAnnealingWarmRestarts(o, 2), [1, 0.5, 1, 0.5, 1, 0.5, 1]),
        (
            lambda o: S.CosineAnnealingWarmRestarts(o, 1, T_mult=2),
            [1, *(cosine(1, 0, t / 2) for t in range(2)), *(cosine(1, 0, t / 4) for t in range(4))],
        ),
        (
            lambda o: S.SequentialLR(
                o, [S.LinearLR(o, 0.5, 1.0, 2), S.ExponentialLR(o, 0.5), S.ConstantLR(o, 0.1, 9)], [2, 4]
            ),
            [0.5, 0.75, 1, 0.5, 0.1, 0.1, 0.1],
        ),
        (
            lambda o: S.ChainedScheduler([S.ConstantLR(o, 0.1, 2), S.ExponentialLR(o, 0.5), S.PolynomialLR(o, 6)]),
            [0.1, 0.1 * 5 / 12, 1 / 6, 1 / 16, 1 / 48, 1 / 192, 0],
        ),
    ],
    ids=lambda value: "" if isinstance(value, list) else None,
)
def test_the_rates(make, want):
    np.testing.assert_allclose(rates(make(optimizer(0.5)), 7), 0.5 * np.array(want), atol=1e-12)


def test_eta_min_is_the_bottom():
    o = optimizer(1.0)
    got = rates(S.CosineAnnealingLR(o, 10, eta_min=0.2), 11)
    np.testing.assert_allclose(got, [cosine(1, 0.2, t / 10) for t in range(11)])
    got = rates(S.CosineAnnealingWarmRestarts(optimizer(1.0), 3, eta_min=0.2), 4)
    np.testing.assert_allclose(got, [cosine(1, 0.2, t / 3) for t in range(3)] + [1.0])


def test_each_group_has_its_own_rate():
    a, b = (ag.tensor(1.0, requires_grad=True) for _ in range(2))
    o = SGD([{"params": [a]}, {"params": [b], "lr": 0.2}], lr=1.0)
    schedule = S.LambdaLR(o, [lambda t: 0.5**t, lambda t: 1.0])
    schedule.step()
    assert schedule.get_last_lr() == [0.5, 0.2]
    assert [g["lr"] for g in o.param_groups] == [0.5, 0.2]


def test_schedules_multiply_what_others_have_changed():
    """As in PyTorch: two schedules multiply without a ChainedScheduler, and a rate that the user sets stays."""
    o = optimizer(1.0)
    halved, waved = S.StepLR(o, 1, 0.5), S.CosineAnnealingLR(o, 2, eta_min=0.1)
    found = []
    for _ in range(6):
        halved.step()
        waved.step()
        found += waved.get_last_lr()
    np.testing.assert_allclose(found, [0.3, 0.1, 0.5, 0.4, 0.15, 0.1])  # the numbers of PyTorch 2.13
    o = optimizer(1.0)
    schedule = S.ExponentialLR(o, 0.5)
    o.param_groups[0]["lr"] = 3.0
    assert rates(schedule, 3) == [3.0, 1.5, 0.75]


# -- one cycle -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("curve", ["cos", "linear"])
def test_one_cycle_goes_up_and_down_and_momentum_the_other_way(curve):
    o = optimizer(1.0, momentum=0.9)
    schedule = S.OneCycleLR(o, 2.0, total_steps=21, pct_start=0.5, anneal_strategy=curve, div_factor=10)
    lrs, momenta = [], []
    for t in range(21):
        lrs.append(o.param_groups[0]["lr"])
        momenta.append(o.param_groups[0]["momentum"])
        if t < 20:
            schedule.step()

    def between(start, end, share):
        return cosine(start, end, share) if curve == "cos" else start + (end - start) * share

    top = 0.5 * 21 - 1
    for t, (lr, momentum) in enumerate(zip(lrs, momenta, strict=True)):
        if t <= top:
            want = between(0.2, 2.0, t / top), between(0.95, 0.85, t / top)
        else:
            share = (t - top) / (20 - top)
            want = between(2.0, 0.2 / 1e4, share), between(0.85, 0.95, share)
        assert (lr, momentum) == pytest.approx(want)
    assert lrs[0] == pytest.approx(0.2)
    assert lrs[-1] == pytest.approx(2e-5)


def test_one_cycle_that_begins_at_the_top():
    assert rates(S.OneCycleLR(optimizer(0.3), 1.0, total_steps=10, pct_start=0.1), 3)[0] == 1.0


def test_one_cycle_in_three_phases_and_for_adam():
    o = Adam([ag.tensor(1.0, requires_grad=True)])
    schedule = S.OneCycleLR(o, 1.0, epochs=5, steps_per_epoch=4, pct_start=0.25, three_phase=True)
    lrs, betas = [], []
    for t in range(20):
        lrs += schedule.get_last_lr()
        betas.append(o.param_groups[0]["betas"])
        if t < 19:
            schedule.step()
    assert (lrs[0], lrs[8]) == pytest.approx((1 / 25, 1 / 25))
    assert (lrs[4], lrs[19]) == pytest.approx((1.0, 1 / 25e4))
    assert betas[0] == pytest.approx((0.95, 0.999))
    assert betas[8] == pytest.approx((0.95, 0.999))
    assert betas[4] == pytest.approx((0.85, 0.999))
    schedule.step()  # after the last batch, as loops do
    with pytest.raises(ValueError, match="step 21 of a cycle of 20"):
        schedule.step()


def test_one_cycle_moves_the_momentum_of_each_group():
    o = SGD([{"params": [ag.tensor(1.0, requires_grad=True)]} for _ in range(2)], momentum=0.9)
    schedule = S.OneCycleLR(o, 1.0, 11, pct_start=0.5, base_momentum=[0.5, 0.6], max_momentum=[0.8, 0.9])
    momenta = []
    for _ in range(10):
        momenta.append([g["momentum"] for g in o.param_groups])
        schedule.step()
    assert momenta[0] == pytest.approx([0.8, 0.9])
    assert np.diff(momenta, axis=1) == pytest.approx(np.full((10, 1), 0.1))
    assert min(momenta)[0] < 0.52


def test_one_cycle_can_leave_the_momentum_alone_and_take_a_rate_for_each_group():
    a, b = (ag.tensor(1.0, requires_grad=True) for _ in range(2))
    o = SGD([{"params": [a]}, {"params": [b]}], lr=0.1, momentum=0.3)
    schedule = S.OneCycleLR(o, [1.0, 2.0], total_steps=10, cycle_momentum=False)
    assert schedule.get_last_lr() == pytest.approx([1 / 25, 2 / 25])
    assert [g["momentum"] for g in o.param_groups] == [0.3, 0.3]


def test_a_product_is_not_computed_again_in_each_step():
    asked = []
    rates(S.MultiplicativeLR(optimizer(), lambda t: asked.append(t) or 0.99), 50)
    assert asked == list(range(1, 51))


def test_a_cycle_moves_the_momentum_of_each_group():
    a, b = (ag.tensor(1.0, requires_grad=True) for _ in range(2))
    o = Adam([{"params": [a]}, {"params": [b]}])
    S.CyclicLR(o, 0.1, [0.2, 0.3], 1, base_momentum=[0.5, 0.6], max_momentum=0.9).step()
    assert [(g["lr"], g["betas"][0]) for g in o.param_groups] == [(0.2, 0.5), (0.3, pytest.approx(0.6))]


# -- plateau -------------------------------------------------------------------------------------------------


def test_plateau_waits_lowers_cools_and_stops_at_the_bottom():
    o = optimizer(1.0)
    schedule = S.ReduceLROnPlateau(o, factor=0.5, patience=1, cooldown=1, min_lr=0.2)
    seen = []
    for value in [5.0, 4.0, 4.0, 4.0, 4.0, 4.0, 4.0, 4.0, 4.0, 4.0, 4.0, 4.0]:
        schedule.step(value)
        seen += schedule.get_last_lr()
    #          better   1st bad, 2nd: lowered, cooling, then again two bad ones
    assert seen == [1.0, 1.0, 1.0, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.2, 0.2, 0.2]


def test_plateau_with_a_bound_for_each_group():
    o = SGD([{"params": [ag.tensor(1.0, requires_grad=True)], "lr": lr} for lr in (0.1, 0.03)])
    schedule = S.ReduceLROnPlateau(o, patience=0, min_lr=[0.05, 0.02])
    schedule.load_state_dict(schedule.state_dict())
    for _ in range(4):
        schedule.step(1.0)
    assert schedule.get_last_lr() == [0.05, 0.02]


def test_plateau_can_watch_what_should_grow_and_takes_tensors():
    o = optimizer(1.0)
    schedule = S.ReduceLROnPlateau(o, mode="max", patience=0, threshold=0.1, threshold_mode="abs")
    for value, lr in ((0.5, 1.0), (0.7, 1.0), (0.75, 0.1), (0.9, 0.1), (0.1, 0.01)):
        schedule.step(ag.tensor(value))
        assert schedule.get_last_lr() == pytest.approx([lr])


# -- states --------------------------------------------------------------------------------------------------

MAKERS = {
    "step": lambda o: S.StepLR(o, 2),
    "multistep": lambda o: S.MultiStepLR(o, [2, 5]),
    "cosine": lambda o: S.CosineAnnealingLR(o, 8),
    "restarts": lambda o: S.CosineAnnealingWarmRestarts(o, 3, 2),
    "lambda": lambda o: S.LambdaLR(o, lambda t: 0.9**t),
    "onecycle": lambda o: S.OneCycleLR(o, 1.0, total_steps=12),
    "multiplicative": lambda o: S.MultiplicativeLR(o, lambda t: 1 - 0.5 / t),
    "cyclic": lambda o: S.CyclicLR(o, 0.1, 0.3, 3),
    "chained": lambda o: S.ChainedScheduler([S.LinearLR(o), S.ExponentialLR(o, 0.8), S.StepLR(o, 3)]),
    "sequential": lambda o: S.SequentialLR(o, [S.LinearLR(o), S.ExponentialLR(o, 0.8)], [4]),
}


@pytest.mark.parametrize("name", MAKERS)
def test_going_on_from_a_state_gives_the_same_rates(name):
    whole = rates(MAKERS[name](optimizer(0.3)), 11)
    first = MAKERS[name](optimizer(0.3))
    part = rates(first, 5)
    second = MAKERS[name](optimizer(0.3))
    second.load_state_dict(first.state_dict())
    assert part + rates(second, 6) == whole


def test_plateau_goes_on_from_its_state():
    values = [3.0, 2.0, 2.0, 2.0, 2.0, 1.0, 1.0, 1.0]

    def make():
        return S.ReduceLROnPlateau(optimizer(1.0), patience=1, factor=0.5)

    def run(schedule, values):
        seen = []
        for value in values:
            schedule.step(value)
            seen += schedule.get_last_lr()
        return seen

    whole = run(make(), values)
    first = make()
    part = run(first, values[:3])
    second = make()
    second.load_state_dict(first.state_dict())
    second.optimizer.load_state_dict(first.optimizer.state_dict())
    assert part + run(second, values[3:]) == whole


def test_a_state_that_does_not_fit_changes_nothing():
    schedule = MAKERS["step"](optimizer(0.3))
    before = schedule.state_dict()
    other = MAKERS["cosine"](optimizer()).state_dict()
    values = [("last_epoch", -1), ("last_epoch", np.inf), ("last_epoch", "1"), ("base_lrs", [-5.0])]
    values += [("last_lr", [-1.0]), ("last_lr", [np.inf]), ("last_lr", [])]
    values += [("base_lrs", [np.nan]), ("base_lrs", [0.1, 0.1]), ("base_lrs", 0.1)]
    values += [("gamma", "0.1"), ("step_size", 0), ("gamma", -1e300)]
    given = ({}, {**before, "optimizer": None}, {**before, "rate": 1}, other, 3)
    for wrong in (*given, *({**before, "last_epoch": 3, key: value} for key, value in values)):
        with pytest.raises(ValueError, match=r"StepLR"):
            schedule.load_state_dict(wrong)
        assert schedule.state_dict() == before
        assert schedule.optimizer.param_groups[0]["lr"] == 0.3
    several = MAKERS["sequential"](optimizer(0.3))
    before = several.state_dict()
    given = ({}, {"last_epoch": 1, "schedulers": [{}, {}]}, {"last_epoch": 1, "schedulers": []}, [])
    for wrong in (*given, *({**before, "last_epoch": epoch} for epoch in (-1, np.inf, "2"))):
        with pytest.raises(ValueError, match="load_state_dict"):
            several.load_state_dict(wrong)
    assert several.state_dict() == before


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda o: S.LinearLR(o, start_factor=0.0), "LinearLR: the factors"),
        (lambda o: S.LambdaLR(o, [abs, abs]), "LambdaLR: expected lr_lambda as a list of 1, .* got 2"),
        (lambda o: S.CosineAnnealingWarmRestarts(o, 0), "from 1 on"),
        (lambda o: S.StepLR(o, step_size=0), "StepLR: expected step_size as a number from 1 on, got 0"),
        (lambda o: S.CosineAnnealingLR(o, T_max=0), "expected T_max as a number from 1 on, got 0"),
        (lambda o: S.LinearLR(o, total_iters=0), "expected total_iters as a number from 1 on, got 0"),
        (lambda o: S.OneCycleLR(o, 0.1, total_steps=0), "expected total_steps as a number from 1 on, got 0"),
        (lambda o: S.OneCycleLR(o, 0.1, epochs=0, steps_per_epoch=5), "expected total_steps"),
        (lambda o: S.OneCycleLR(o, 1.0), "expected total_steps, or epochs and steps_per_epoch"),
        (lambda o: S.OneCycleLR(o, 1.0, total_steps=9, anneal_strategy="exp"), "'exp'"),
        (lambda o: S.OneCycleLR(o, [1.0, 2.0], total_steps=9), "expected max_lr as a list of 1, .* got 2"),
        (lambda o: S.CyclicLR(o, 0.1, [0.2, 0.3]), "expected max_lr as a list of 1, .* got 2"),
        (lambda o: S.CyclicLR(o, 0.1, 0.2, 0), "expected step_size_up as a number from 1 on, got 0"),
        (lambda o: S.CyclicLR(o, 0.1, 0.2, mode="square"), "CyclicLR: expected mode 'triangular'.* got 'square'"),
        (lambda o: S.CyclicLR(o, 0.1, 0.2, scale_mode="batch"), "got 'triangular' and 'batch'"),
        (lambda o: S.CyclicLR(Adagrad([W]), 0.1, 0.2), "Adagrad has neither momentum nor betas"),
        (lambda o: S.OneCycleLR(Adagrad([W]), 0.1, 9), "Adagrad has neither .* write cycle_momentum=False"),
        (lambda o: S.PolynomialLR(o, 0), "expected total_iters as a number from 1 on, got 0"),
        (lambda o: S.ChainedScheduler([]), "ChainedScheduler: expected schedules of one optimiser, 0 given"),
        (lambda o: S.ChainedScheduler([S.StepLR(o, 1), S.StepLR(optimizer(), 1)]), "schedules of one optimiser"),
        (lambda o: S.SequentialLR(o, [S.LinearLR(o)], [3]), "expected 0 milestones for 1 schedules, got 1"),
        (lambda o: S.ReduceLROnPlateau(o, mode="best"), "mode 'min' or 'max'.* got 'best'"),
        (lambda o: S.ReduceLROnPlateau(o, factor=2.0), "factor < 1, got .* 2.0"),
        (lambda o: S.ReduceLROnPlateau(o, min_lr=[0.1, 0.2]), "expected min_lr as a list of 1, .* got 2"),
        (lambda o: S.ReduceLROnPlateau(o, min_lr=["0.1"]), "expected min_lr as a number, got '0.1'"),
        (lambda o: S.ReduceLROnPlateau(o, min_lr=np.array([0.1, 0.2])), "expected min_lr as a number"),
        (lambda o: S.ReduceLROnPlateau(o, patience=None), "expected patience as a number, got None"),
        (lambda o: S.OneCycleLR(o, 1.0, 9, base_momentum=[0.1, 0.2]), "expected base_momentum as a list of 1"),
    ],
)
def test_bad_arguments(make, message):
    with pytest.raises(ValueError, match=message):
        make(optimizer())
