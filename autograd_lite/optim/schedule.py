"""What the schedules share: the base class, lists of schedules, and how a state is checked.

A step writes into all groups, and a state is assigned as a whole: an interrupt falls before or after.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from copy import copy
from itertools import starmap
from numbers import Real
from operator import call
from typing import Any

from ..base.interrupts import exhaust
from ..engine.context import tracing
from ..engine.position import users_line
from .optimizer import Optimizer


class LRScheduler:
    """Base of the schedules: a subclass implements `rate`.

    Attributes
    ----------
    base_lrs : list of float
        The rates of the groups at the start.
    last_epoch : int
        The epoch t of the current rates.
    last_lr : list of float
        The rates after the last step of this schedule.

    Examples
    --------
    >>> import autograd_lite as ag
    >>> from autograd_lite.optim import SGD, lr_scheduler
    >>> class Linear(lr_scheduler.LRScheduler):
    ...     def rate(self, base, t, group):
    ...         return base / (1 + t)
    >>> opt = SGD([ag.tensor([1.0], requires_grad=True)], lr=0.6)
    >>> schedule = Linear(opt)
    >>> opt.step(); schedule.step()
    >>> opt.param_groups[0]["lr"]
    0.3
    """

    #: Whether a rate that was changed since the last step is multiplied, and not replaced.
    multiplies = True

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        self.optimizer = optimizer
        self._check()
        for group in optimizer.param_groups:
            group.setdefault("initial_lr", group["lr"])
        self.base_lrs = [group["initial_lr"] for group in optimizer.param_groups]
        self.last_epoch = last_epoch + 1
        self._write()

    def rate(self, base: float, t: int, group: int) -> float:
        """The rate of a group at epoch `t`; each schedule implements it."""
        raise NotImplementedError(f"{type(self).__name__} has no rate()")  # abstract

    def before(self, base: float, t: int, group: int) -> float:
        """The rate of a group before epoch `t`."""
        return self.rate(base, t - 1, group) if t else base

    def following(self, lr: float, base: float, t: int, group: int) -> float:
        """The rate of a group at epoch `t` after the rate `lr`, which is not that of this schedule alone."""
        before, now = self.before(base, t, group), self.rate(base, t, group)
        return lr * now / before if before else lr + now

    def step(self) -> None:
        """Advance to the next epoch."""
        self.last_epoch += 1
        self._write()

    def _check(self) -> None:
        """Raise ValueError if an option is out of its range."""

    def _options(self) -> list[dict[str, Any]]:
        """What the schedule sets in each group at `last_epoch`."""
        return [{"lr": self.rate(base, self.last_epoch, k)} for k, base in enumerate(self.base_lrs)]

    def _write(self) -> None:
        if tracing() is not None:
            raise RuntimeError(
                f"{type(self).__name__}.step at {users_line()}: inside jit a schedule would advance only while the "
                "function is traced. Call it outside, after the jitted function; the learning rate is read at each call"
            )
        t, bases = self.last_epoch, self.base_lrs if self.multiplies else []
        before = [self.before(base, t, k) for k, base in enumerate(bases)]
        for k, (group, options) in enumerate(zip(self.optimizer.param_groups, self._options(), strict=False)):
            if self.multiplies and group["lr"] != before[k]:
                options["lr"] = self.following(group["lr"], bases[k], t, k)
            group.update(options)
        self.last_lr = [float(lr) for lr in self.get_last_lr()]

    def get_last_lr(self) -> list[float]:
        """The current rates."""
        return [group["lr"] for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """The options and the epoch, as numbers."""
        return numbers_of(self)

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Continue from a state, and set its rates; nothing changes if it does not fit."""
        trial = trial_with(self, state_dict)
        exhaust(starmap(call, [*_changes(self, trial), (vars(self).update, vars(trial))]))


class Several(LRScheduler):
    """Base of the schedules that are made of others, for one optimiser."""

    multiplies = False

    def __init__(self, optimizer: Optimizer | None, schedulers: Sequence[LRScheduler], last_epoch: int = -1) -> None:
        who = type(self).__name__
        if not schedulers or any(s.optimizer is not (optimizer or schedulers[0].optimizer) for s in schedulers):
            raise ValueError(f"{who}: expected schedules of one optimiser, {len(schedulers)} given")
        self.optimizer, self.schedulers, self.last_epoch = schedulers[0].optimizer, list(schedulers), last_epoch + 1

    def state_dict(self) -> dict[str, Any]:
        """The epoch and the states of the schedules."""
        return {"last_epoch": self.last_epoch, "schedulers": [s.state_dict() for s in self.schedulers]}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Continue from a state; nothing changes if it does not fit."""
        given = state_dict.get("schedulers") if isinstance(state_dict, Mapping) else None
        if not isinstance(given, (list, tuple)) or len(given) != len(self.schedulers):
            who, count = type(self).__name__, len(self.schedulers)
            raise ValueError(f"{who}.load_state_dict: expected the states of {count} schedules")
        trial = copy(self)
        trial.schedulers = [trial_with(s, state) for s, state in zip(self.schedulers, given, strict=True)]
        trial.last_epoch = _epoch(self, state_dict.get("last_epoch"))
        pairs = [*zip(self.schedulers, trial.schedulers, strict=True), (self, trial)]
        changes = [change for own, other in pairs for change in _changes(own, other)]
        changes += [(vars(own).update, vars(other)) for own, other in pairs[:-1]]
        exhaust(starmap(call, [*changes, (vars(self).update, {"last_epoch": trial.last_epoch})]))


def numbers_of(schedule: Any) -> dict[str, Any]:
    """The fields of a schedule except its optimiser and its functions."""
    fields = vars(schedule).items()
    return {k: v for k, v in fields if k != "optimizer" and not callable(v) and not k.startswith("_")}


def for_each_group(schedule: Any, name: str, given: Any, optimizer: Optimizer) -> list[Any]:
    """A value for each group, from one for all or a list."""
    count = len(optimizer.param_groups)
    values = list(given) if isinstance(given, (list, tuple)) else [given] * count
    if len(values) != count:
        raise ValueError(
            f"{type(schedule).__name__}: expected {name} as a list of {count}, one for each group, got {len(values)}"
        )
    return values


def at_least_1(schedule: Any, *names: str) -> None:
    for name in names:
        value = getattr(schedule, name)
        if not isinstance(value, Real) or not 1 <= float(value) < math.inf:
            raise ValueError(f"{type(schedule).__name__}: expected {name} as a number from 1 on, got {value!r}")


def _epoch(schedule: Any, value: Any) -> int:
    if not isinstance(value, int) or value < 0:
        who = f"{type(schedule).__name__}.load_state_dict"
        raise ValueError(f"{who}: expected last_epoch as a whole number that is not negative, got {value!r:.80}")
    return value


def trial_with(schedule: Any, state: Mapping[str, Any]) -> Any:
    """A copy of a schedule with the fields of a state; ValueError if it is not the state of such a schedule."""
    own, who = numbers_of(schedule), f"{type(schedule).__name__}.load_state_dict"
    if not isinstance(state, Mapping) or set(state) != set(own):
        raise ValueError(f"{who}: expected a state with exactly {', '.join(sorted(own))}")
    for name, value in own.items():
        if not _alike(value, state[name]):
            raise ValueError(f"{who}: expected {name} like {value!r:.80}, got {state[name]!r:.80}")
    trial = copy(schedule)
    vars(trial).update(state)
    if "last_epoch" in own:
        _epoch(schedule, trial.last_epoch)
        for name in ("base_lrs", "last_lr"):
            count, got = len(getattr(schedule, name)), len(getattr(trial, name))
            if got != count:
                raise ValueError(f"{who}: expected {name} of {count} groups, got {got}")
    trial._check()
    return trial


def _alike(own: Any, other: Any) -> bool:
    """Whether a value of a state has the type of the schedule's own."""
    if isinstance(own, (list, tuple)):
        return isinstance(other, (list, tuple)) and all(_alike(own[0] if own else 0, x) for x in other)
    if isinstance(own, (bool, str)):
        return type(other) is type(own)
    return isinstance(other, Real) and not math.isnan(other)


def _changes(schedule: Any, trial: Any) -> list[tuple[Any, ...]]:
    """The calls that set the options of `trial` in each group, after checking them."""
    who, groups = f"{type(schedule).__name__}.load_state_dict", schedule.optimizer.param_groups
    try:
        options = trial._options()
    except ArithmeticError as error:
        raise ValueError(f"{who}: there is no rate at epoch {trial.last_epoch} ({error})") from None
    for k, chosen in enumerate(options):
        rates = chosen["lr"], trial.last_lr[k] if trial.multiplies else 0.0  # the last one may be that of several
        for rate in rates:
            if not 0 <= rate < math.inf:
                raise ValueError(f"{who}: expected a finite rate of 0 or more, got {rate} at epoch {trial.last_epoch}")
        if trial.multiplies:
            chosen["lr"] = rates[1]
    return [(group.update, chosen) for group, chosen in zip(groups, options, strict=False)]
