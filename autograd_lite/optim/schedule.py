"""Shared by all schedules: the base class, lists of schedules, and how a state is checked."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from copy import copy
from numbers import Real
from typing import Any

from ..engine.context import tracing
from ..engine.position import users_line
from .optimizer import Optimizer, Options, State


class Scheduler:
    """What all schedules have: the state of one are its fields, except its optimiser and its functions."""

    optimizer: Optimizer

    #: Options that are numbers from 1 on.
    _at_least_1: tuple[str, ...] = ()

    def _check(self) -> None:
        """Raise ValueError if an option is out of its range."""
        for name in self._at_least_1:
            value = getattr(self, name)
            if not isinstance(value, Real) or not 1 <= float(value) < math.inf:
                raise ValueError(f"{type(self).__name__}: expected {name} as a number from 1 on, got {value!r}")

    def get_last_lr(self) -> list[float]:
        """The current rates."""
        return [group["lr"] for group in self.optimizer.param_groups]

    def state_dict(self) -> State:
        """The options and the counts, as numbers."""
        fields = vars(self).items()
        return {k: v for k, v in fields if k != "optimizer" and not callable(v) and not k.startswith("_")}

    def load_state_dict(self, state_dict: Options) -> None:
        """Continue from a state; nothing changes if it does not fit."""
        self._take(self._trial(state_dict))

    def _trial(self, state: Options) -> Any:
        """A copy with the fields of a state; ValueError if it is not the state of such a schedule."""
        current, who = Scheduler.state_dict(self), f"{type(self).__name__}.load_state_dict"
        if not isinstance(state, Mapping) or set(state) != set(current):
            raise ValueError(f"{who}: expected a state with exactly {', '.join(sorted(current))}")
        for name, value in current.items():
            if not _alike(value, state[name]):
                raise ValueError(f"{who}: expected {name} like {value!r:.80}, got {state[name]!r:.80}")
        for name in ("base_lrs", "last_lr"):
            if name in current and len(state[name]) != len(current[name]):
                raise ValueError(f"{who}: expected {name} of {len(current[name])} groups, got {len(state[name])}")
        trial = copy(self)
        vars(trial).update(state)
        if "last_epoch" in current:
            _check_epoch(self, state["last_epoch"])
        trial._check()
        return trial

    def _take(self, trial: Any) -> None:
        """Become equal to a copy."""
        vars(self).update(vars(trial))


class LRScheduler(Scheduler):
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
        self.optimizer, self.last_epoch = optimizer, last_epoch
        self.__post_init__()

    def __post_init__(self) -> None:
        """Write the first rates; the schedules that are dataclasses have set their options before."""
        self._check()
        for group in self.optimizer.param_groups:
            group.setdefault("initial_lr", group["lr"])
        self.base_lrs = [group["initial_lr"] for group in self.optimizer.param_groups]
        self.last_epoch += 1
        self._write()

    def rate(self, base: float, t: int, group: int) -> float:
        """The rate of a group at epoch `t`; each schedule implements it."""
        raise NotImplementedError(f"{type(self).__name__} has no rate()")  # abstract

    def before(self, base: float, t: int, group: int) -> float:
        """The rate of a group before epoch `t`."""
        return self.rate(base, t - 1, group) if t else base

    def following(self, lr: float, base: float, t: int, group: int) -> float:
        """The rate of a group at epoch `t`, given that another schedule changed the rate to `lr`."""
        before, now = self.before(base, t, group), self.rate(base, t, group)
        return lr * (now / before) if before else lr + now

    def step(self) -> None:
        """Advance to the next epoch."""
        self.last_epoch += 1
        self._write()

    def _restart(self, alone: bool) -> None:
        """Begin anew at epoch 0: `alone`, from the rates at the start, or after the current rates."""
        self.last_epoch = 0
        self._write(alone)

    def _after(self, lr: float, base: float, t: int, group: int) -> float:
        """The rate of a group at epoch `t` after the rate `lr`."""
        if not self.multiplies or lr == self.before(base, t, group):
            return self.rate(base, t, group)
        return self.following(lr, base, t, group)

    def _options(self, alone: bool = True) -> list[State]:
        """The values that the schedule sets in each group at `last_epoch`."""
        t = self.last_epoch
        return [
            {"lr": self.rate(base, t, k) if alone else self._after(group["lr"], base, t, k)}
            for k, (group, base) in enumerate(zip(self.optimizer.param_groups, self.base_lrs, strict=False))
        ]

    def _write(self, alone: bool = False) -> None:
        if tracing() is not None:
            raise RuntimeError(
                f"{type(self).__name__}.step at {users_line()}: inside jit a schedule would advance only while the "
                "function is traced. Call it outside, after the jitted function; the learning rate is read at each call"
            )
        for group, options in zip(self.optimizer.param_groups, self._options(alone), strict=False):
            group.update(options)
        self.last_lr = [float(lr) for lr in self.get_last_lr()]

    def load_state_dict(self, state_dict: Options) -> None:
        """Continue from a state, and set its rates; nothing changes if it does not fit."""
        trial = self._trial(state_dict)
        for options in trial._restored():
            for group, chosen in zip(self.optimizer.param_groups, options, strict=False):
                group.update(chosen)
        self._take(trial)

    def _restored(self) -> list[list[State]]:
        """The values that a copy with a state sets in each group, one list after the other, after checking it."""
        who, at = f"{type(self).__name__}.load_state_dict", f"at epoch {self.last_epoch}"
        try:
            options = self._options()
        except ArithmeticError as error:
            raise ValueError(f"{who}: there is no rate {at} ({error})") from None
        for k, chosen in enumerate(options):
            rates = chosen["lr"], self.last_lr[k] if self.multiplies else 0.0  # the last one may be that of several
            for rate in rates:
                if not 0 <= rate < math.inf:
                    raise ValueError(f"{who}: expected a finite rate of 0 or more, got {rate} {at}")
            if self.multiplies:
                chosen["lr"] = rates[1]
        return [options]


class Several(LRScheduler):
    """Base of the schedules that are made of others, for one optimiser."""

    def __init__(self, schedulers: Sequence[LRScheduler], optimizer: Optimizer | None = None) -> None:
        who = type(self).__name__
        for s in schedulers:
            if not isinstance(s, LRScheduler):
                kind = type(s).__name__
                raise ValueError(f"{who}: expected schedules that need no number, got a {kind}; step it alone")
        if not schedulers or any(s.optimizer is not (optimizer or schedulers[0].optimizer) for s in schedulers):
            raise ValueError(f"{who}: expected schedules of one optimiser, {len(schedulers)} given")
        self.optimizer, self.schedulers, self.last_epoch = schedulers[0].optimizer, list(schedulers), 0

    def _active(self) -> list[LRScheduler]:
        """The schedules that decide the rates of `last_epoch`; each kind implements it."""
        raise NotImplementedError(f"{type(self).__name__} has no _active()")  # abstract

    def step(self) -> None:
        """Advance to the next epoch."""
        self.last_epoch += 1
        for schedule in self._active():
            schedule.step()

    def _restart(self, alone: bool) -> None:
        self.last_epoch = 0
        for k, schedule in enumerate(self._active()):
            schedule._restart(alone and k == 0)

    def state_dict(self) -> State:
        """The epoch and the states of the schedules."""
        return {"last_epoch": self.last_epoch, "schedulers": [s.state_dict() for s in self.schedulers]}

    def _trial(self, state: Options) -> Any:
        states = state.get("schedulers") if isinstance(state, Mapping) else None
        if not isinstance(states, (list, tuple)) or len(states) != len(self.schedulers):
            who, count = type(self).__name__, len(self.schedulers)
            raise ValueError(f"{who}.load_state_dict: expected the states of {count} schedules")
        trial = copy(self)
        trial.schedulers = [s._trial(state) for s, state in zip(self.schedulers, states, strict=True)]
        _check_epoch(self, state.get("last_epoch"))
        trial.last_epoch = state["last_epoch"]
        return trial

    def _restored(self) -> list[list[State]]:
        for s in self.schedulers:
            s._restored()  # those that are not active are checked as well
        return [options for s in self._active() for options in s._restored()]

    def _take(self, trial: Any) -> None:
        for s, other in zip(self.schedulers, trial.schedulers, strict=True):
            s._take(other)
        self.last_epoch = trial.last_epoch


def for_each_group(schedule: Any, name: str, option: Any, optimizer: Optimizer) -> list[Any]:
    """A value for each group, from one for all or a list."""
    count = len(optimizer.param_groups)
    values = list(option) if isinstance(option, (list, tuple)) else [option] * count
    if len(values) != count:
        raise ValueError(
            f"{type(schedule).__name__}: expected {name} as a list of {count}, one for each group, got {len(values)}"
        )
    return values


def _check_epoch(schedule: Any, value: Any) -> None:
    if not isinstance(value, int) or value < 0:
        who = f"{type(schedule).__name__}.load_state_dict"
        raise ValueError(f"{who}: expected last_epoch as a whole number that is not negative, got {value!r:.80}")


def _alike(current: Any, other: Any) -> bool:
    """True if a value of a state has the type of the schedule's own."""
    if isinstance(current, (list, tuple)):
        return isinstance(other, (list, tuple)) and all(_alike(current[0] if current else 0, x) for x in other)
    if isinstance(current, (bool, str)):
        return type(other) is type(current)
    return isinstance(other, Real) and not math.isnan(other)
