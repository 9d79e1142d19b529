"""Learning rates as functions of time, with PyTorch's names and arguments.

Each schedule is a closed formula for the rate at epoch t, from 0, and ``base``, the rate of the group at the start.
``scheduler.step()`` advances t by one and writes the new rate into the optimiser's groups. If something else, such as
another schedule, has changed a rate since, the new rate is the current one times the ratio of this schedule's rates at
t and t - 1; so schedules of one optimiser multiply, as in PyTorch.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

from ..base.listing import public_names as _public_names
from .optimizer import Optimizer, State
from .schedule import LRScheduler as LRScheduler, Scheduler, Several, for_each_group

_FloatOrList = float | Sequence[float]  # one for all groups, or one for each


class _OfFunctions(LRScheduler):
    """The schedules of a function of the epoch."""

    def __init__(self, optimizer: Optimizer, lr_lambda: Any, last_epoch: int = -1) -> None:
        self._lambdas: list[Callable[[int], float]] = for_each_group(self, "lr_lambda", lr_lambda, optimizer)
        super().__init__(optimizer, last_epoch)


class LambdaLR(_OfFunctions):
    """``base * lr_lambda(t)``, with one function, or one for each group."""

    multiplies = False

    def rate(self, base: float, t: int, group: int) -> float:
        return base * self._lambdas[group](t)


class MultiplicativeLR(_OfFunctions):
    """``base * lr_lambda(1) * ... * lr_lambda(t)``, with one function, or one for each group.

    As in PyTorch, a later schedule of a :class:`SequentialLR` begins with the current rate times ``lr_lambda(0)``.
    """

    def rate(self, base: float, t: int, group: int) -> float:
        return math.prod(map(self._lambdas[group], range(1, t + 1)), start=base)

    def _after(self, lr: float, base: float, t: int, group: int) -> float:
        return lr * self._lambdas[group](t) if t else lr

    def _restart(self, alone: bool) -> None:
        super()._restart(alone=False)
        if alone:
            for k, group in enumerate(self.optimizer.param_groups[: len(self._lambdas)]):
                group["lr"] = group["lr"] * self._lambdas[k](0)  # not in place: it may be the array of initial_lr
            self.last_lr = [float(lr) for lr in self.get_last_lr()]


@dataclass(eq=False)
class StepLR(LRScheduler):
    """``base * gamma ** (t // step_size)``: times `gamma` every `step_size` epochs.

    Examples
    --------
    >>> import autograd_lite as ag
    >>> opt = ag.optim.SGD([ag.tensor(1.0, requires_grad=True)], lr=1.0)
    >>> schedule = StepLR(opt, step_size=2, gamma=0.5)
    >>> rates = []
    >>> for epoch in range(5):
    ...     rates += schedule.get_last_lr()
    ...     schedule.step()
    >>> rates
    [1.0, 1.0, 0.5, 0.5, 0.25]
    """

    optimizer: Optimizer
    step_size: int
    gamma: float = 0.1
    last_epoch: int = -1

    _at_least_1 = ("step_size",)

    def rate(self, base: float, t: int, group: int) -> float:
        return float(base * self.gamma ** (t // self.step_size))


@dataclass(eq=False)
class MultiStepLR(LRScheduler):
    """``base * gamma ** k`` after k of the `milestones`: times `gamma` at each of them."""

    optimizer: Optimizer
    milestones: Sequence[int]
    gamma: float = 0.1
    last_epoch: int = -1

    def __post_init__(self) -> None:
        self.milestones = sorted(self.milestones)
        super().__post_init__()

    def rate(self, base: float, t: int, group: int) -> float:
        return float(base * self.gamma ** bisect_right(self.milestones, t))


@dataclass(eq=False)
class ExponentialLR(LRScheduler):
    """``base * gamma ** t``: times `gamma` every epoch."""

    optimizer: Optimizer
    gamma: float
    last_epoch: int = -1

    def rate(self, base: float, t: int, group: int) -> float:
        return float(base * self.gamma**t)


@dataclass(eq=False)
class LinearLR(LRScheduler):
    """From ``start_factor * base`` linearly to ``end_factor * base`` in `total_iters` epochs: a warm-up."""

    optimizer: Optimizer
    start_factor: float = 1 / 3
    end_factor: float = 1.0
    total_iters: int = 5
    last_epoch: int = -1

    _at_least_1 = ("total_iters",)

    def _check(self) -> None:
        super()._check()
        if not 0 < self.start_factor <= 1 or not 0 <= self.end_factor <= 1:
            raise ValueError("LinearLR: the factors must lie in (0, 1] and [0, 1]")

    def rate(self, base: float, t: int, group: int) -> float:
        share = min(t, self.total_iters) / self.total_iters
        return base * (self.start_factor + (self.end_factor - self.start_factor) * share)


@dataclass(eq=False)
class ConstantLR(LRScheduler):
    """``factor * base`` for the first `total_iters` epochs, then ``base``."""

    optimizer: Optimizer
    factor: float = 1 / 3
    total_iters: int = 5
    last_epoch: int = -1

    def rate(self, base: float, t: int, group: int) -> float:
        return base * self.factor if t < self.total_iters else base


@dataclass(eq=False)
class PolynomialLR(LRScheduler):
    """``base * (1 - t / total_iters) ** power`` for the first `total_iters` epochs, then 0."""

    optimizer: Optimizer
    total_iters: int = 5
    power: float = 1.0
    last_epoch: int = -1

    _at_least_1 = ("total_iters",)

    def rate(self, base: float, t: int, group: int) -> float:
        return float(base * (1 - min(t, self.total_iters) / self.total_iters) ** self.power)


def _cosine(start: float, end: float, share: float) -> float:
    """Half a period of a cosine, from `start` to `end`."""
    return end + (start - end) * (1 + math.cos(math.pi * share)) / 2


@dataclass(eq=False)
class CosineAnnealingLR(LRScheduler):
    """``eta_min + (base - eta_min) * (1 + cos(π t / T_max)) / 2`` (Loshchilov & Hutter 2017)."""

    optimizer: Optimizer
    T_max: int
    eta_min: float = 0.0
    last_epoch: int = -1

    _at_least_1 = ("T_max",)

    def rate(self, base: float, t: int, group: int) -> float:
        return _cosine(base, self.eta_min, t / self.T_max)

    def following(self, lr: float, base: float, t: int, group: int) -> float:
        if t == 0:
            return lr
        now, before = (self.rate(base, k, group) - self.eta_min for k in (t, t - 1))
        if (t - 1) % (2 * self.T_max) == self.T_max:  # after the lowest point
            return lr + now
        return self.eta_min + (lr - self.eta_min) * now / before


@dataclass(eq=False)
class CosineAnnealingWarmRestarts(LRScheduler):
    """:class:`CosineAnnealingLR` over `T_0` epochs, then restarted over `T_mult` times as many, and so on."""

    multiplies = False

    optimizer: Optimizer
    T_0: int
    T_mult: int = 1
    eta_min: float = 0.0
    last_epoch: int = -1

    _at_least_1 = ("T_0", "T_mult")

    def rate(self, base: float, t: int, group: int) -> float:
        period, since = self.T_0, t
        if self.T_mult == 1:
            since %= period
        while since >= period:
            since -= period
            period *= self.T_mult
        return _cosine(base, self.eta_min, since / period)


class _WithMomentum(LRScheduler):
    """The schedules that also set the momentum (Adam's first beta), unless ``cycle_momentum=False``."""

    multiplies = False
    cycle_momentum: bool
    base_momentum: _FloatOrList
    max_momentum: _FloatOrList

    def _momentum(self, least: float, most: float) -> float:
        """The momentum of a group at `last_epoch`; each schedule implements it."""
        raise NotImplementedError

    def _check(self) -> None:
        super()._check()
        options = self.optimizer.defaults
        if self.cycle_momentum and "betas" not in options and "momentum" not in options:
            who, of = type(self).__name__, type(self.optimizer).__name__
            raise ValueError(f"{who}: {of} has neither momentum nor betas; write cycle_momentum=False")

    def _options(self, alone: bool = True) -> list[State]:
        options = super()._options(alone)
        if self.cycle_momentum:
            names = "base_momentum", "max_momentum"
            ends = [for_each_group(self, name, getattr(self, name), self.optimizer) for name in names]
            for group, chosen, *pair in zip(self.optimizer.param_groups, options, *ends, strict=False):
                momentum = self._momentum(*pair)
                chosen |= {"betas": (momentum, *group["betas"][1:])} if "betas" in group else {"momentum": momentum}
        return options


class OneCycleLR(_WithMomentum):
    """Up to `max_lr` and down to far below the start (Smith & Topin 2019); step it after every batch.

    Parameters
    ----------
    optimizer : Optimizer
        Its rates are set.
    max_lr : float or list of float
        The highest rate, one for all groups or one for each.
    total_steps : int, optional
        The total number of batches; or pass `epochs` and `steps_per_epoch`.
    epochs, steps_per_epoch : int, optional
        Their product is the total number of batches.
    pct_start : float
        The fraction of the steps with an increasing rate.
    anneal_strategy : {"cos", "linear"}
        The shape of the curve between its corners.
    cycle_momentum : bool
        Whether the momentum (Adam's first beta) goes from `max_momentum` down to `base_momentum` and back.
    base_momentum, max_momentum : float or list of float
        The lowest and the highest momentum.
    div_factor, final_div_factor : float
        The rate starts at ``max_lr / div_factor`` and ends at ``max_lr / div_factor / final_div_factor``.
    three_phase : bool
        Whether the rate returns to its start as slowly as it rose, and falls to the end in a third phase.
    last_epoch : int
        The number of the last batch of a run that is continued.

    Examples
    --------
    >>> import autograd_lite as ag
    >>> from autograd_lite.optim import SGD, lr_scheduler
    >>> opt = SGD([ag.tensor([1.0], requires_grad=True)], lr=0.1)
    >>> schedule = lr_scheduler.OneCycleLR(opt, max_lr=1.0, total_steps=4)
    >>> for step in range(4):
    ...     print(round(opt.param_groups[0]["lr"], 4))
    ...     opt.step()
    ...     schedule.step()
    0.04
    0.8117
    0.2831
    0.0
    """

    _at_least_1 = ("total_steps",)

    def __init__(
        self, optimizer: Optimizer, max_lr: _FloatOrList, total_steps: int | None = None,
        epochs: int | None = None, steps_per_epoch: int | None = None, pct_start: float = 0.3,
        anneal_strategy: str = "cos", cycle_momentum: bool = True, base_momentum: _FloatOrList = 0.85,
        max_momentum: _FloatOrList = 0.95, div_factor: float = 25.0, final_div_factor: float = 1e4,
        three_phase: bool = False, last_epoch: int = -1,
    ) -> None:
        if total_steps is None:
            if epochs is None or steps_per_epoch is None:
                raise ValueError("OneCycleLR: expected total_steps, or epochs and steps_per_epoch")
            total_steps = epochs * steps_per_epoch
        self.max_lrs: list[float] = for_each_group(self, "max_lr", max_lr, optimizer)
        self.total_steps, self.anneal_strategy = total_steps, anneal_strategy
        self.cycle_momentum = cycle_momentum
        self.base_momentum, self.max_momentum = base_momentum, max_momentum
        self.div_factor, self.final_div_factor = div_factor, final_div_factor
        top, end = pct_start * total_steps - 1, total_steps - 1
        #: The corners of the curve: the step, and the index of its value among (start, top, end).
        self.corners = [(0.0, 0), (top, 1), *([(2 * top, 0)] if three_phase else []), (end, 2)]
        for group, highest in zip(optimizer.param_groups if last_epoch == -1 else (), self.max_lrs, strict=False):
            group["initial_lr"] = highest / div_factor  # as in PyTorch, the start of other schedules as well
        super().__init__(optimizer, last_epoch)

    def _check(self) -> None:
        if self.anneal_strategy not in ("cos", "linear"):
            raise ValueError(f"OneCycleLR: expected anneal_strategy 'cos' or 'linear', got {self.anneal_strategy!r}")
        super()._check()

    def rate(self, base: float, t: int, group: int) -> float:
        highest = self.max_lrs[group]
        start = highest / self.div_factor
        return self._between(t, (start, highest, start / self.final_div_factor))

    def _between(self, t: int, at: tuple[float, float, float]) -> float:
        if t > self.total_steps:  # t == total_steps is allowed: a loop calls step() after its last batch too
            raise ValueError(f"OneCycleLR: step {t} of a cycle of {self.total_steps}")
        k = min(bisect_left([step for step, _ in self.corners[1:]], t), len(self.corners) - 2)
        (t0, from_), (t1, to) = self.corners[k], self.corners[k + 1]
        share = (t - t0) / (t1 - t0) if t1 > t0 else 1.0
        if self.anneal_strategy == "linear":
            return at[from_] + (at[to] - at[from_]) * share
        return _cosine(at[from_], at[to], share)

    def _momentum(self, least: float, most: float) -> float:
        return self._between(self.last_epoch, (most, least, most))


class CyclicLR(_WithMomentum):
    """Cycles linearly between `base_lr` and `max_lr` (Smith 2017); step it after every batch.

    Parameters
    ----------
    optimizer : Optimizer
        Its rates are set.
    base_lr, max_lr : float or list of float
        The lowest and the highest rate: one number for all groups, or one for each.
    step_size_up, step_size_down : int
        The number of batches on the way up and on the way down; the second is by default the first.
    mode : {"triangular", "triangular2", "exp_range"}
        Whether the amplitude is constant, halves in each cycle, or is multiplied by `gamma` in each batch.
    gamma : float
        The factor of ``mode="exp_range"``.
    scale_fn : callable, optional
        Replaces `mode`: the amplitude as a function of the number of the cycle, from 1.
    scale_mode : {"cycle", "iterations"}
        Whether `scale_fn` is called with the number of the cycle, or with that of the batch, from 0.
    cycle_momentum : bool
        Whether the momentum (Adam's first beta) goes from `max_momentum` down to `base_momentum` and back.
    base_momentum, max_momentum : float or list of float
        The lowest and the highest momentum.
    last_epoch : int
        The number of the last batch of a run that is continued.
    """

    _at_least_1 = ("step_size_up", "step_size_down")

    def __init__(
        self, optimizer: Optimizer, base_lr: _FloatOrList, max_lr: _FloatOrList,
        step_size_up: int = 2000, step_size_down: int | None = None, mode: str = "triangular", gamma: float = 1.0,
        scale_fn: Callable[[float], float] | None = None, scale_mode: str = "cycle", cycle_momentum: bool = True,
        base_momentum: _FloatOrList = 0.8, max_momentum: _FloatOrList = 0.9,
        last_epoch: int = -1,
    ) -> None:
        self.low: list[float] = for_each_group(self, "base_lr", base_lr, optimizer)
        self.high: list[float] = for_each_group(self, "max_lr", max_lr, optimizer)
        self.step_size_up, self.step_size_down = step_size_up, step_size_down or step_size_up
        self.mode, self.gamma, self._scale_fn, self.scale_mode = mode, gamma, scale_fn, scale_mode
        self.cycle_momentum = cycle_momentum
        self.base_momentum = for_each_group(self, "base_momentum", base_momentum, optimizer)
        self.max_momentum = for_each_group(self, "max_momentum", max_momentum, optimizer)
        for group, low in zip(optimizer.param_groups if last_epoch == -1 else (), self.low, strict=False):
            group["lr"] = low
        super().__init__(optimizer, last_epoch)

    def _check(self) -> None:
        modes = "triangular", "triangular2", "exp_range"
        if self._scale_fn is None and self.mode not in modes or self.scale_mode not in ("cycle", "iterations"):
            expected = "mode 'triangular', 'triangular2' or 'exp_range', and scale_mode 'cycle' or 'iterations'"
            raise ValueError(f"CyclicLR: expected {expected}, got {self.mode!r} and {self.scale_mode!r}")
        super()._check()

    def rate(self, base: float, t: int, group: int) -> float:
        return self.low[group] + (self.high[group] - self.low[group]) * self._height(t)

    def _height(self, t: int) -> float:
        """The position in the cycle at batch `t`, before scaling: 0 at `base_lr`, 1 at `max_lr`."""
        total = self.step_size_up + self.step_size_down
        cycle = math.floor(1 + t / total)
        share, top = 1 + t / total - cycle, self.step_size_up / total
        height = share / top if share <= top else (share - 1) / (top - 1)
        if self._scale_fn is not None:
            return height * self._scale_fn(cycle if self.scale_mode == "cycle" else t)
        return height * {"triangular": 1.0, "triangular2": 2.0 ** (1 - cycle), "exp_range": self.gamma**t}[self.mode]

    def _momentum(self, least: float, most: float) -> float:
        return most - (most - least) * self._height(self.last_epoch)


class SequentialLR(Several):
    """One schedule after the other, changing at the `milestones`.

    As in PyTorch, each starts from the rate at the start: what another schedule of the optimiser had multiplied the
    rate with before the milestone is lost there.

    >>> import autograd_lite as ag
    >>> from autograd_lite.optim import SGD, lr_scheduler
    >>> opt = SGD([ag.tensor([1.0], requires_grad=True)], lr=1.0)
    >>> parts = [lr_scheduler.ConstantLR(opt, 0.5, 2), lr_scheduler.ExponentialLR(opt, 0.5)]
    >>> schedule = lr_scheduler.SequentialLR(opt, parts, milestones=[2])
    >>> for epoch in range(4):
    ...     print(opt.param_groups[0]["lr"])
    ...     opt.step()
    ...     schedule.step()
    0.5
    0.5
    1.0
    0.5
    """

    def __init__(
        self, optimizer: Optimizer, schedulers: Sequence[LRScheduler], milestones: Sequence[int], last_epoch: int = -1
    ) -> None:
        n = len(schedulers)
        if len(milestones) != n - 1:
            raise ValueError(f"SequentialLR: expected {n - 1} milestones for {n} schedules, got {len(milestones)}")
        super().__init__(schedulers, optimizer)
        self.milestones = list(milestones)
        for group in optimizer.param_groups:
            group["lr"] = group["initial_lr"]
        self._restart(alone=False)
        for _ in range(last_epoch + 1):
            self.step()

    def _active(self) -> list[LRScheduler]:
        return [self.schedulers[bisect_right(self.milestones, self.last_epoch)]]

    def step(self) -> None:
        """Advance to the next epoch."""
        if self.last_epoch + 1 not in self.milestones:
            super().step()
            return
        self.last_epoch += 1
        for schedule in self._active():
            schedule._restart(alone=True)


class ChainedScheduler(Several):
    """Schedules that step together, one after the other; their factors multiply.

    Examples
    --------
    >>> import autograd_lite as ag
    >>> opt = ag.optim.SGD([ag.tensor(1.0, requires_grad=True)], lr=1.0)
    >>> schedule = ChainedScheduler([ConstantLR(opt, factor=0.5, total_iters=2), StepLR(opt, 1, gamma=0.5)])
    >>> rates = []
    >>> for epoch in range(4):
    ...     rates += schedule.get_last_lr()
    ...     schedule.step()
    >>> rates
    [0.5, 0.25, 0.25, 0.125]
    """

    def _active(self) -> list[LRScheduler]:
        return self.schedulers


@dataclass(eq=False)
class ReduceLROnPlateau(Scheduler):
    """Times `factor` whenever a monitored number has not improved for more than `patience` epochs.

    No rate falls below `min_lr`, one number for all groups or one for each.

    >>> import autograd_lite as ag
    >>> from autograd_lite.optim import SGD, lr_scheduler
    >>> opt = SGD([ag.tensor([1.0], requires_grad=True)], lr=1.0)
    >>> schedule = lr_scheduler.ReduceLROnPlateau(opt, patience=1)
    >>> for loss in (1.0, 0.5, 0.5, 0.5):
    ...     schedule.step(loss)
    >>> opt.param_groups[0]["lr"]
    0.1
    """

    optimizer: Optimizer
    mode: str = "min"
    factor: float = 0.1
    patience: int = 10
    threshold: float = 1e-4
    threshold_mode: str = "rel"
    cooldown: int = 0
    min_lr: _FloatOrList = 0.0
    eps: float = 1e-8

    def __post_init__(self) -> None:
        self.best = math.inf if self.mode == "min" else -math.inf
        self.bad_epochs = self.waiting = 0
        self._check()

    def _check(self) -> None:
        if self.mode not in ("min", "max") or self.threshold_mode not in ("rel", "abs") or not 0 < self.factor < 1:
            expected = "mode 'min' or 'max', threshold_mode 'rel' or 'abs', and 0 < factor < 1"
            got = f"{self.mode!r}, {self.threshold_mode!r} and {self.factor}"
            raise ValueError(f"ReduceLROnPlateau: expected {expected}, got {got}")
        least = for_each_group(self, "min_lr", self.min_lr, self.optimizer)
        options = [(name, getattr(self, name)) for name in ("patience", "threshold", "cooldown", "eps")]
        for name, value in [*options, *(("min_lr", value) for value in least)]:
            if not isinstance(value, Real) or math.isnan(value):
                raise ValueError(f"ReduceLROnPlateau: expected {name} as a number, got {value!r}")

    def _better(self, value: float) -> bool:
        relative = self.threshold_mode == "rel" and math.isfinite(self.best)
        margin = self.threshold * (abs(self.best) if relative else 1.0)
        return value < self.best - margin if self.mode == "min" else value > self.best + margin

    def step(self, metrics: Any) -> None:
        """Take the value of the monitored number at the end of an epoch, and reduce the rates if it is time."""
        value = float(metrics.item() if hasattr(metrics, "item") else metrics)
        if self._better(value):
            self.best, self.bad_epochs = value, 0
        else:
            self.bad_epochs += 1
        if self.waiting:
            self.waiting, self.bad_epochs = self.waiting - 1, 0
        if self.bad_epochs > self.patience:
            least = for_each_group(self, "min_lr", self.min_lr, self.optimizer)
            for group, bound in zip(self.optimizer.param_groups, least, strict=True):
                lower = max(group["lr"] * self.factor, bound)
                if group["lr"] - lower > self.eps:
                    group["lr"] = lower
            self.waiting, self.bad_epochs = self.cooldown, 0

__dir__ = _public_names(__name__, "LRScheduler")
