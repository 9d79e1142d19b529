"""The base of all optimisers: parameter groups, per-parameter state, saving and loading of both.

An optimiser is a formula on arrays, :meth:`Optimizer.rule`, in plain NumPy. A step runs it in place (`fused_step`); a
compiled function (``ag.jit``) traces it. A step reads ``.grad``, writes into the parameters' own arrays and increments
their versions: a backward pass through what was recorded before the step is an error.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextvars import Context
from copy import copy
from functools import partial
from numbers import Real
from sys import getrefcount
from types import SimpleNamespace
from typing import Any, Self

import numpy as np

from ..base.snapshots import SNAPSHOT, about_to_step, about_to_write
from ..engine.context import enable_grad, no_grad, tracing
from ..table import TABLE
from ..tensor import Tensor
from .fused_step import Bound, Call, FusedStep

Array = np.ndarray[Any, Any]
Numbers = tuple[dict[str, float], dict[str, float], dict[str, Array]]


class Optimizer:
    """Base of the optimisers.

    Parameters
    ----------
    params : iterable of Tensor, of ``(name, Tensor)``, or of dicts
        A dict is a group: ``{"params": [...], "lr": 0.1}``, with options of its own.
    defaults : dict
        The options of a group that does not set them itself.
    **how
        PyTorch's ``foreach``, ``fused`` and ``capturable``, which do not change the result, are ignored.

    Raises
    ------
    TypeError
        If there is another keyword.
    ValueError
        If there is nothing to optimise, a parameter is given twice, or an option is out of its range.

    Examples
    --------
    >>> import numpy as np, autograd_lite as ag
    >>> class Sign(ag.optim.Optimizer):
    ...     def __init__(self, params, lr=0.1):
    ...         super().__init__(params, {"lr": lr})
    ...     def numbers(self, group, state):
    ...         return {"lr": float(group["lr"])}, {}
    ...     def rule(self, p, g, state, n, group):  # what is subtracted from p, and the new state
    ...         return n.lr * np.sign(g), {}
    >>> w = ag.tensor([1.0, -20.0], requires_grad=True)
    >>> opt = Sign([w])
    >>> (w**2).sum().backward()
    >>> opt.step(); w
    tensor([  0.9, -19.9], requires_grad=True)
    """

    #: Options that may not be negative.
    _nonnegative: tuple[str, ...] = (
        "lr", "weight_decay", "eps", "momentum", "rho", "alpha", "lr_decay", "momentum_decay"
    )

    __slots__ = ("__dict__", "__weakref__", "_group_steps")

    _group_steps: dict[Any, _GroupStep]  # by the place of a group, and by its place and terms

    def __new__(cls, *args: Any, **options: Any) -> Self:
        self = super().__new__(cls)
        self._group_steps = {}
        return self

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__  # a copy makes its own steps

    def __init__(self, params: Iterable[Any], defaults: Mapping[str, Any], **how: Any) -> None:
        unknown = [name for name in how if name not in ("foreach", "fused", "capturable")]
        if unknown:
            expected = f"expected {', '.join(defaults)}"
            raise TypeError(f"{type(self).__name__}: unexpected keyword {', '.join(unknown)}; {expected}")
        if callable(getattr(params, "parameters", None)):
            who = type(self).__name__
            raise TypeError(f"{who}: expected the parameters of a module, got the module; write model.parameters()")
        self.defaults = dict(defaults)
        self.param_groups: list[dict[str, Any]] = []
        self.state: dict[Tensor, dict[str, Any]] = {}
        entries: list[Any] = [params] if isinstance(params, (Tensor, dict)) else list(params)
        if not entries:
            raise ValueError(f"{type(self).__name__}: no parameters to optimise")
        for group in entries if isinstance(entries[0], dict) else [{"params": entries}]:
            self.add_param_group(group)

    def add_param_group(self, group: Mapping[str, Any]) -> None:
        """Add parameters with their own options; those not named have their defaults."""
        who = type(self).__name__
        if not isinstance(group, Mapping) or "params" not in group:
            got = f"the keys {', '.join(map(repr, group))}" if isinstance(group, Mapping) else type(group).__name__
            raise ValueError(f'{who}: expected a group as a dict with "params", got {got}; write {{"params": [...]}}')
        entries = group["params"]
        entries = [entries] if isinstance(entries, Tensor) else entries
        params = [p[1] if isinstance(p, tuple) else p for p in entries]
        present = {p for g in self.param_groups for p in g["params"]}
        for p in params:
            if not isinstance(p, Tensor):
                raise TypeError(f"{who}: expected tensors as parameters, got a {type(p).__name__}")
            if not p.is_leaf:
                what = p.name or "a tensor"
                raise ValueError(f"{who}: {what} is a recorded result; only inputs can be optimised")
            if p in present:
                raise ValueError(f"{who}: {p.name or 'a parameter'} is given twice")
            present.add(p)
        unknown = set(group) - set(self.defaults) - {"params", "initial_lr"}
        if unknown:
            names = ", ".join(sorted(map(str, unknown)))
            raise ValueError(f"{who}: unknown option {names}; expected {', '.join(self.defaults)}")
        options = {**self.defaults, **group, "params": params}
        self._check_options(options, who)
        self.param_groups.append(options)

    def _check_options(self, options: Mapping[str, Any], who: str) -> None:
        for key in ("initial_lr", *self.defaults):
            if key not in options:
                continue
            value, default = options[key], self.defaults.get(key)
            if key in (*self._nonnegative, "initial_lr"):
                if not _is_number(value) or not 0 <= value < math.inf:
                    raise ValueError(f"{who}: expected a finite number that is not negative, got {key}={value!r}")
            elif key == "betas":
                if not isinstance(value, (tuple, list)) or len(value) != len(self.defaults["betas"]):
                    raise ValueError(f"{who}: expected betas as {len(self.defaults['betas'])} numbers, got {value!r}")
                for k, beta in enumerate(value):
                    if not _is_number(beta) or not 0 <= beta < 1:
                        raise ValueError(f"{who}: betas[{k}]={beta!r} must lie in [0, 1)")
            elif _is_number(default) and not (_is_number(value) and math.isfinite(value)):
                raise ValueError(f"{who}: expected a finite number, got {key}={value!r}")
            elif default is None and not (value is None or isinstance(value, str)):
                raise ValueError(f"{who}: expected a string or None, got {key}={value!r}")

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradient of every parameter."""
        unwatched = SNAPSHOT.get() is None and tracing() is None
        for group in self.param_groups:
            for p in group["params"]:
                if unwatched:
                    p._grad = None
                else:
                    p.zero_grad()

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update every parameter that has a gradient.

        Everything is checked before the first array changes, so an error leaves parameters and state as they were. A
        step that Ctrl-C hits in the middle may have updated some of the parameters.

        Parameters
        ----------
        closure : callable, optional
            Clears the gradients, computes the loss and its gradients, and returns the loss, before the step.

        Returns
        -------
        The closure's loss, or None.
        """
        loss = called(closure) if closure is not None else None
        if (outside := tracing()) is not None:
            self._trace_step(outside)
            return loss
        snapshot = SNAPSHOT.get()
        if snapshot is not None:
            about_to_step(self)
        calls: list[Call] = []
        stepped: list[Tensor] = []
        for place, group in enumerate(self.param_groups):
            _group_step(self, place, group).prepare(self, calls, stepped)
        if snapshot is not None:
            for p in stepped:
                about_to_write(p)
        for p in stepped:
            p._written()
        _SILENT.copy().run(_run, calls)
        return loss

    def _counters(self, group: Mapping[str, Any]) -> list[str]:
        """The numbers in the state of a parameter: the names of the counters that :meth:`numbers` returns."""
        initial, who = self.initial(group), f"{type(self).__name__}.numbers"
        pair = self.numbers(group, dict(initial))
        if not isinstance(pair, tuple) or len(pair) != 2 or not all(isinstance(part, Mapping) for part in pair):
            expected = "the numbers of the step, and the counters after it, as two dicts"
            raise TypeError(f"{who}: expected {expected}, got {pair!r:.80}; write return {{...}}, {{}}")
        for name in pair[1]:
            if name not in initial:
                raise ValueError(f"{who} returns the counter {name!r}, which initial() lacks; return its start there")
        return list(pair[1])

    def _state_of(self, p: Any, value: Array, group: Mapping[str, Any], counters: Sequence[str]) -> dict[str, Any]:
        """A copy of the state of a parameter, whose array is `value`, with what was missing in it."""
        state = dict(self.state.get(p, ()))
        for name, start in self.initial(group).items():
            if name not in state:
                state[name] = start if name in counters else np.full_like(value, start)
        return state

    def _ruled(
        self, p: Any, g: Any, state: Mapping[str, Any], n: Any, group: Mapping[str, Any], counters: Sequence[str]
    ) -> tuple[Any, dict[str, Any]]:
        """Call :meth:`rule`, and check the result."""
        pair, who = self.rule(p, -g if group.get("maximize") else g, state, n, group), type(self).__name__
        if not isinstance(pair, tuple) or len(pair) != 2 or not isinstance(pair[1], Mapping):
            expected = "what to subtract, and the new state as a dict"
            raise TypeError(f"{who}.rule: expected {expected}, got a {type(pair).__name__}; write return step, {{}}")
        for name in self.initial(group):
            if name not in counters and name not in pair[1]:
                wrong = f"{name!r} of initial() is in neither result: return an array in rule(), a number in numbers()"
                raise ValueError(f"{who}: {wrong}")
        return pair

    def prepared(self, p: Any, group: Mapping[str, Any]) -> dict[str, Any]:
        """The state of a parameter, for a traced step: there is one after it."""
        self.state[p] = self._state_of(p, real_view(p._data), group, self._counters(group))
        return {name: x for name, x in self.state[p].items() if not name.startswith("_")}

    def _trace_step(self, outside: Any) -> None:
        """The step as part of a traced function: the same rule, on Tensors."""
        with no_grad():
            steps = [
                (p, group, *outside.stepped(self, p, group))
                for group in self.param_groups for p in group["params"] if p.grad is not None
            ]  # fmt: skip
            for p, group, state, numbers in steps:
                value, g = real_parts(p.detach()), real_parts(p.grad.detach())
                step, new = self._ruled(value, g, state, numbers, group, self._counters(group))
                if not new.keys() <= state.keys():
                    outside.is_another_program()
                for name, array in new.items():
                    outside.write(state[name], array)
                outside.write(p, p.detach() - complex_from(step, p))

    # -------------------------------------------------------------------------------- what each optimiser defines

    def rule(
        self, p: Any, g: Any, state: Mapping[str, Any], n: Any, group: Mapping[str, Any]
    ) -> tuple[Any, dict[str, Any]]:
        """The formula, entry by entry: what to subtract from `p`, and the arrays of the state after the step.

        Plain NumPy without assignment to entries, because it runs on both arrays and Tensors.

        Parameters
        ----------
        p, g : arrays
            A parameter and its gradient, real.
        state : mapping of str to array
            As :meth:`initial` returns it, or this method did in the step before.
        n : namespace
            The numbers of this step, from :meth:`numbers`.
        group : mapping
            The options, which decide the terms of the formula; their numbers are in `n`.
        """
        raise NotImplementedError(f"{type(self).__name__} has no rule()")  # abstract

    def initial(self, group: Mapping[str, Any]) -> dict[str, float]:
        """The state of a parameter before its first step: the number that fills each array, and each counter."""
        return {}

    def numbers(
        self, group: Mapping[str, Any], state: Mapping[str, Any]
    ) -> tuple[dict[str, float], dict[str, float]]:
        """The numbers that :meth:`rule` uses in one step, and the counters after it, such as that of the steps.

        A counter is a number in the state of a parameter: its name stands here and in :meth:`initial`, and `state` has
        its value before the step. By default there is none.
        """
        return {name: float(group[name]) for name in ("lr", "weight_decay") if name in group}, {}

    # ------------------------------------------------------------------------------------------------- state

    def state_dict(self) -> dict[str, Any]:
        """The state and the options as arrays and numbers, for ``ag.save``; parameters are numbered in order."""
        number = {p: k for k, p in enumerate(p for g in self.param_groups for p in g["params"])}
        return {
            "state": {
                number[p]: {k: copy(v) for k, v in state.items() if not k.startswith("_")}
                for p, state in self.state.items()
            },
            "param_groups": [{**g, "params": [number[p] for p in g["params"]]} for g in self.param_groups],
        }

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned; nothing changes if it does not fit.

        Raises
        ------
        ValueError
            If sizes or options of the groups differ, an option is out of its range, or the shape of a part of the state
            is not that of its parameter.
        """
        groups, state = self._checked(state_dict, f"{type(self).__name__}.load_state_dict")
        for group, options in zip(self.param_groups, groups, strict=True):
            group.update(options)
        self.state = state

    def _checked(self, state_dict: Mapping[str, Any], who: str) -> tuple[list[dict[str, Any]], dict[Any, Any]]:
        """The options of each group and the states by parameter, after checking them."""
        if not isinstance(state_dict, Mapping) or not {"state", "param_groups"} <= set(state_dict):
            raise ValueError(f"{who}: expected an optimiser's state, with 'state' and 'param_groups'")
        groups, states = state_dict["param_groups"], state_dict["state"]
        if not isinstance(groups, (list, tuple)) or not all(
            isinstance(g, Mapping) and isinstance(g.get("params"), (list, tuple)) for g in groups
        ):
            raise ValueError(f"{who}: expected 'param_groups' as a list of dicts with 'params', got {groups!r:.80}")
        sizes, expected = ([len(g["params"]) for g in of] for of in (groups, self.param_groups))
        if sizes != expected:
            raise ValueError(f"{who}: expected groups of {expected} parameters, got {sizes}")
        options: list[dict[str, Any]] = []
        counters: list[Any] = []  # for each parameter, those of its group, and the names of its state
        for mine, theirs in zip(self.param_groups, groups, strict=True):
            # Older states, also PyTorch's, have no "decoupled_weight_decay".
            missing = [k for k in self.defaults if k not in theirs and k != "decoupled_weight_decay"]
            if missing:
                raise ValueError(f"{who}: got another optimiser's state, without {', '.join(missing)}")
            self._check_options(theirs, who)
            updates = {k: v for k, v in theirs.items() if k in mine or k == "initial_lr"}
            updates |= {k: tuple(v) for k, v in updates.items() if isinstance(mine[k], tuple)}
            options.append(updates | {"params": mine["params"]})
            group = {**mine, **updates}
            counters += [(self._counters(group), self.initial(group))] * len(mine["params"])
        return options, self._restored(states, counters, who)

    def _restored(self, states: Any, counters: Sequence[Any], who: str) -> dict[Any, dict[str, Any]]:
        """The states by parameter of a state by number, after checking it."""
        params = [p for g in self.param_groups for p in g["params"]]
        if not isinstance(states, Mapping):
            raise ValueError(f"{who}: expected 'state' as a dict by parameter number, got {type(states).__name__}")
        state: dict[Any, dict[str, Any]] = {}
        for k, s in states.items():
            if str(k) not in map(str, range(len(params))):
                raise ValueError(f"{who}: got the state of parameter {k}, but there are {len(params)} parameters")
            if not isinstance(s, Mapping):
                raise ValueError(f"{who}: expected the state of parameter {k} as a dict, got {s!r:.80}")
            p = params[int(k)]
            names, initial = counters[int(k)]
            state[p] = {}
            for key, v in s.items():
                # PyTorch counts steps where a formula does not need them.
                start = initial.get(key, 0) if key in names or key == "step" and key not in initial else None
                state[p][key] = _fitting(key, v, p, start, f"{who}: {key} of parameter {k}")
        return state

    def __repr__(self) -> str:
        groups = (
            ", ".join(f"{k}={v}" for k, v in g.items() if k != "params") + f" ({len(g['params'])} parameters)"
            for g in self.param_groups
        )
        return f"{type(self).__name__}({'; '.join(groups)})"


class _GroupStep:
    """The steps of the parameters of a group, as long as the terms of its rule are the same.

    Attributes
    ----------
    options : dict or None
        The group in the last step; None if an option may change without being replaced, as an array may.
    params : list of Tensor
        The parameters of the group in the last step.
    """

    def __init__(self, optimizer: Optimizer, group: Mapping[str, Any]) -> None:
        self.group: Mapping[str, Any] = group
        self.counters = optimizer._counters(group)
        self.rules: dict[Any, FusedStep] = {}
        self.bound: dict[Tensor, Bound] = {}
        self.numbers: dict[Any, Numbers] = {}  # of this step, by the counters before it
        self.last: dict[Any, Numbers] = {}  # of the step before, by the counters after it
        self.next: dict[Any, Numbers] = {}  # of this step, likewise
        self.options: dict[str, Any] | None = None
        self.params = group["params"]

    def prepare(self, optimizer: Optimizer, calls: list[Call], stepped: list[Tensor]) -> None:
        """Append the calls that update the parameters and their state, and the parameters. Nothing is written to."""
        states, bounds, counters = optimizer.state, self.bound, self.counters
        for p in self.group["params"]:
            if p._grad is None:
                continue
            data, g = p._data, p._grad._data
            if not data.flags.writeable:
                who = f"{type(optimizer).__name__}.step: {p.name or 'a parameter'} of shape {p.shape}"
                raise ValueError(f"{who} has a read-only array; write p.data = p.data.copy()")
            if g.base is not None or getrefcount(g) > _SOLE:
                g = g.copy()  # it may share memory with a parameter, and all gradients are read as they were before
            stepped.append(p)
            bound, state = bounds.get(p), states.get(p)
            if (
                bound is None or state is None or bound.data is not data or len(state) != bound.entries
                or g.shape != bound.shape or g.dtype != bound.dtype or bound.arrays and not bound.holds(state)
            ):  # fmt: skip
                calls += self._first_calls(optimizer, p, g)
                continue
            # Without counters the numbers are the same for all parameters.
            numbers = None if counters else self.numbers.get(bound.real)
            _, after, arrays = numbers or self._numbers(optimizer, bound.real, state)
            if bound.numbers is not arrays:
                calls += self._first_calls(optimizer, p, g)
            elif bound.whole is None:
                calls += bound.calls(real_view(g))
            else:
                calls.append((bound.whole, g))
            if after:
                calls.append((state.update, after))

    def _first_calls(self, optimizer: Optimizer, p: Tensor, g: Array) -> list[Call]:
        """The calls for a parameter whose arrays are others than in the step before."""
        value, g = real_view(p._data), real_view(g)
        state = optimizer._state_of(p, value, self.group, self.counters)
        numbers, after, arrays = self._numbers(optimizer, value.dtype, state)
        kept = {name: x for name, x in state.items() if isinstance(x, np.ndarray) and not name.startswith("_")}
        rule = self._rule(optimizer, value.dtype, kept, numbers)
        state |= after
        fits = all(_alike(x, value) and x.flags.writeable for x in kept.values())
        if rule.run is not None and fits and _alike(g, value):
            state |= {name: np.empty_like(value) for name in rule.new}
            bound = Bound(rule, p._data, value, state, arrays)
            if not rule.new:  # the next step has the same rule
                self.bound[p] = bound
            calls = bound.calls(g)
        else:
            step, new = self._formula(optimizer, value, g, kept, numbers)
            state |= {name: np.array(x) for name, x in new.items()}  # copies, because a rule may return what it got
            calls = [(partial(np.subtract, value, out=value), np.asarray(step))]
        return [*calls, (optimizer.state.update, {p: state})]

    def _numbers(self, optimizer: Optimizer, dtype: Any, state: Mapping[str, Any]) -> Numbers:
        """The numbers of the step, the counters after it, and the numbers as arrays, which are kept."""
        counters = self.counters
        key = (dtype, *[state[name] for name in counters]) if counters else dtype
        entry = self.numbers.get(key)
        if entry is None:
            numbers, after = optimizer.numbers(self.group, state)
            before, _, arrays = self.last.get(key, ({}, {}, {}))
            if before.keys() != numbers.keys():
                arrays = {name: np.array(x, dtype) for name, x in numbers.items()}
            else:
                for name, x in numbers.items():
                    if x != before[name]:
                        arrays[name][...] = x
            entry = self.numbers[key] = numbers, after, arrays
            self.next[(dtype, *[after[name] for name in counters]) if counters else dtype] = entry
        return entry

    def _formula(
        self, optimizer: Optimizer, p: Any, g: Any, state: Any, numbers: Mapping[str, Any]
    ) -> tuple[Any, dict[str, Any]]:
        return optimizer._ruled(p, g, state, SimpleNamespace(**numbers), self.group, self.counters)

    def _rule(
        self, optimizer: Optimizer, dtype: Any, state: Mapping[str, Array], numbers: Mapping[str, float]
    ) -> FusedStep:
        def updated(p: Any, g: Any, state: Any, numbers: Any) -> dict[str, Any]:
            step, new = self._formula(optimizer, p, g, state, numbers)
            return {"_p": p - step, **new}

        key = dtype, *state, None, *sorted(numbers)
        if key not in self.rules:
            self.rules[key] = FusedStep(updated, dtype, list(state), list(numbers))
        return self.rules[key]


def _group_step(optimizer: Optimizer, place: int, group: dict[str, Any]) -> _GroupStep:
    """The next step of a group."""
    step = optimizer._group_steps.get(place)
    changed = step is None or step.params is not group["params"] or step.options != group
    if step is None or changed:
        options = {name: value for name, value in group.items() if name != "params"}
        key = place, *[x if type(x) is str else bool(x) for x in options.values()]  # a rule asks which terms there are
        step = optimizer._group_steps.get(key) or _GroupStep(optimizer, group)
        optimizer._group_steps[place] = optimizer._group_steps[key] = step
        step.params, step.options = group["params"], dict(group) if all(map(_is_fixed, options.values())) else None
    step.group = group
    if changed or step.counters:  # otherwise the numbers are the same
        step.numbers, step.last, step.next = {}, step.next, {}
    return step


def _is_fixed(option: Any) -> bool:
    """True if an option is immutable."""
    return type(option) in (float, int, bool, str, type(None)) or type(option) is tuple and all(map(_is_fixed, option))


def _sole() -> int:
    """The number that `sys.getrefcount` returns for a local variable whose array only one attribute refers to."""
    holder = SimpleNamespace(g=np.empty(0))
    g = holder.g
    return getrefcount(g)


_SOLE = _sole()

#: A context in which arithmetic ignores errors: one would leave a half-made step. Cheaper to enter than `np.errstate`.
_SILENT = Context()
_SILENT.run(np.seterr, all="ignore")


def _run(calls: Iterable[Call]) -> None:
    for f, x in calls:
        f(x)


def _alike(x: Any, p: Any) -> bool:
    return bool(x.shape == p.shape and x.dtype == p.dtype)


def decayed(p: Any, g: Any, n: Any, group: Mapping[str, Any]) -> Any:
    """The gradient plus that of ``weight_decay / 2 * sum(p ** 2)``."""
    return n.weight_decay * p + g if group["weight_decay"] and not group.get("decoupled_weight_decay") else g


def real_view(x: Array) -> Array:
    """A complex array as twice as many real numbers: real and imaginary parts are optimised alike, as in PyTorch."""
    if x.dtype.kind != "c":
        return x
    return x.reshape(*x.shape, 1).view(x.real.dtype)


def real_parts(x: Tensor) -> Tensor:
    """`real_view` for a Tensor in a traced function."""
    return x if x.dtype.kind != "c" else TABLE["stack"]([x.real, x.imag], -1)


def complex_from(pairs: Tensor, p: Tensor) -> Tensor:
    """The inverse of `real_parts`, for a value of the dtype of `p`."""
    return pairs if p.dtype.kind != "c" else (pairs[..., 0] + 1j * pairs[..., 1]).astype(p.dtype)


def called(closure: Callable[[], Any]) -> Any:
    """The closure's loss; it records even if the step is under `no_grad`."""
    with enable_grad():
        return closure()


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) or (isinstance(value, (np.ndarray, Tensor)) and value.ndim == 0)


def _fitting(key: str, value: Any, p: Tensor, start: float | None, what: str) -> Any:
    """Check a part of a state, and convert it: an array of the parameter's shape, or a counter, which has a start."""
    value = value.detach().numpy() if hasattr(value, "detach") else value
    if start is not None:
        value = value.item() if isinstance(value, np.ndarray) and value.size == 1 else value
        if not isinstance(value, (int, float)) or not math.isfinite(value) or key == "step" and value < 0:
            at_least = " that is not negative" if key == "step" else ""
            raise ValueError(f"{what}: expected a finite number{at_least}, got {value!r:.80}")
        if isinstance(start, int) and value != int(value):
            raise ValueError(f"{what}: expected a whole number, got {value!r}")
        return type(start)(value)
    shape = real_view(p.data).shape
    if not isinstance(value, np.ndarray):
        raise ValueError(f"{what}: expected an array of shape {shape}, got {value!r:.80}")
    if value.shape != shape:
        raise ValueError(f"{what}: expected the parameter's shape {shape}, got {value.shape}")
    return value.astype(real_view(p.data).dtype)
