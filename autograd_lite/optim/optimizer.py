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
from operator import itemgetter
from sys import getrefcount
from types import SimpleNamespace
from typing import Any

import numpy as np

from ..base.snapshots import SNAPSHOT, about_to_step, about_to_write
from ..engine.context import enable_grad, no_grad, tracing
from ..export.saving import unwrapped
from ..tensor import Tensor
from .fused_step import Bound, Call, FusedStep, fused

Array = np.ndarray[Any, Any]
Options = Mapping[str, Any]  # of a group; and the state of a parameter, by name
State = dict[str, Any]
Closure = Callable[[], Any]
Floats = dict[str, float]
Numbers = tuple[Floats, Floats]  # of a step, and in the state after it
Rule = tuple[Any, State]  # what to subtract, and the new arrays of the state


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

    #: The number of betas; 0 for that of the defaults.
    _betas = 0

    def __init__(self, params: Iterable[Any], defaults: Options, **how: Any) -> None:
        who, unknown = type(self).__name__, [name for name in how if name not in ("foreach", "fused", "capturable")]
        if unknown:
            raise TypeError(f"{who}: unexpected keyword {', '.join(unknown)}; expected {', '.join(defaults)}")
        if callable(getattr(params, "parameters", None)):
            raise TypeError(f"{who}: expected the parameters of a module, got the module; write model.parameters()")
        self.defaults = dict(defaults)
        self._numeric = [name for name, x in defaults.items() if type(x) is not bool and _is_number(x)]
        self.param_groups: list[State] = []
        self.state: dict[Tensor, State] = {}
        self._formulas: dict[Any, _Formula] = {}  # by the place of a group, and by its place and terms
        entries: list[Any] = [params] if isinstance(params, (Tensor, dict)) else list(params)
        if not entries:
            raise ValueError(f"{who}: no parameters to optimise")
        for group in entries if isinstance(entries[0], dict) else [{"params": entries}]:
            self.add_param_group(group)

    def add_param_group(self, group: Options) -> None:
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

    def _check_options(self, options: Options, who: str) -> None:
        for key, default in {"initial_lr": 0.0, **self.defaults}.items():
            if key not in options:
                continue
            value, fits, expected = options[key], True, "a finite number"
            if key in (*self._nonnegative, "initial_lr"):
                fits, expected = _is_finite(value) and value >= 0, "a finite number that is not negative"
            elif key == "betas":
                count = self._betas or len(default)
                fits, expected = isinstance(value, (tuple, list)) and len(value) == count, f"betas as {count} numbers"
            elif default is None:
                fits, expected = value is None or isinstance(value, str), "a string or None"
            elif _is_number(default):
                fits = _is_finite(value)
            if not fits:
                raise ValueError(f"{who}: expected {expected}, got {key}={value!r}")
            for k, beta in enumerate(value if key == "betas" else ()):
                if not _is_number(beta) or not 0 <= beta < 1:
                    raise ValueError(f"{who}: betas[{k}]={beta!r} must lie in [0, 1)")

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradient of every parameter."""
        unwatched = SNAPSHOT.get() is None and tracing() is None
        for group in self.param_groups:
            for p in group["params"]:
                if unwatched:
                    p._grad = None
                else:
                    p.zero_grad()

    def step(self, closure: Closure | None = None) -> Any:
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
            self._prepare(group, self._formula_of(place, group), calls, stepped)
        if snapshot is not None:
            for p in stepped:
                about_to_write(p)
        for p in stepped:
            p._written()
        _SILENT.copy().run(_run, calls)
        return loss

    def __getstate__(self) -> State:
        return vars(self) | {"_formulas": {}}  # a copy makes its own

    def _formula_of(self, place: int, group: Options) -> _Formula:
        """The formula of a group in this step."""
        formula = self._formulas.get(place)
        if formula is None or formula.params is not group["params"] or formula.options != group:
            options = {name: x for name, x in group.items() if name != "params"}
            key = place, *[x if type(x) is str else bool(x) for x in options.values()]  # a rule asks for these
            formula = self._formulas.get(key) or _Formula(self._counters(group))
            self._formulas[place] = self._formulas[key] = formula
            formula.params, formula.numbers = group["params"], {}
            formula.options = dict(group) if all(map(_is_fixed, options.values())) else None
            for before, _ in formula.arrays.values():
                before[:] = [math.nan] * len(before)  # an option may be an array that was written to
        elif formula.counters:  # otherwise the numbers are the same
            formula.numbers = {}
        return formula

    def _prepare(self, group: Options, formula: _Formula, calls: list[Call], stepped: list[Tensor]) -> None:
        """Append the calls that update the parameters of a group and their state, and the parameters."""
        states, bounds, counters = self.state, formula.bound, formula.counters
        real = None  # the dtype of the numbers
        for p in group["params"]:
            if p._grad is None:
                continue
            data, g = p._data, p._grad._data
            if not data.flags.writeable:
                who = f"{type(self).__name__}.step: {p.name or 'a parameter'} of shape {p.shape}"
                raise ValueError(f"{who} has a read-only array; write p.data = p.data.copy()")
            if g.base is not None or getrefcount(g) > _SOLE:
                g = g.copy()  # it may share memory with a parameter, and all gradients are read as they were before
            stepped.append(p)
            bound, state = bounds.get(p), states.get(p)
            if (
                bound is None or state is None or bound.data is not data or len(state) != bound.entries
                or g.shape != bound.shape or g.dtype != bound.dtype or bound.arrays and not bound.holds(state)
            ):  # fmt: skip
                calls += self._first_calls(p, g, group, formula)
                continue
            if counters or real is not bound.real:  # without counters the numbers are the same for all parameters
                real = bound.real
                numbers = None if counters else formula.numbers.get(real)
                _, after, arrays = numbers or formula.numbers_of(self, group, real, state)
            if bound.numbers is not arrays:
                calls += self._first_calls(p, g, group, formula)
                continue
            if bound.whole is not None:
                calls.append((bound.whole, g))
            else:
                calls += bound.calls(real_view(g))
            if after:
                calls.append((state.update, after))

    def _first_calls(self, p: Tensor, g: Array, group: Options, formula: _Formula) -> list[Call]:
        """The calls for a parameter whose arrays are others than in the step before."""

        def ruled(p: Any, g: Any, state: Any, numbers: Options) -> Rule:
            return self._ruled(p, g, state, SimpleNamespace(**numbers), group, formula.counters)

        def updated(p: Any, *args: Any) -> State:
            step, new = ruled(p, *args)
            return {"_p": p - step, **new}

        value, g = real_view(p._data), real_view(g)
        state = self._state_of(p, value, group, formula.counters)
        numbers, after, arrays = formula.numbers_of(self, group, value.dtype, state)
        kept = {name: x for name, x in state.items() if isinstance(x, np.ndarray)}
        state |= after
        key = value.dtype, *kept, None, *numbers
        if key not in formula.fused:
            formula.fused[key] = fused(updated, value.dtype, list(kept), list(numbers))
        rule, fits = formula.fused[key], all(_alike(x, value) and x.flags.writeable for x in kept.values())
        if rule is not None and fits and _alike(g, value):
            state |= {name: np.empty_like(value) for name in rule.new}
            bound = Bound(rule, p._data, value, state, arrays)
            if not rule.new:  # the next step has the same rule
                formula.bound[p] = bound
            calls = bound.calls(g)
        else:
            step, new = ruled(value, g, kept, numbers)
            calls = [(partial(np.subtract, value, out=value), np.asarray(step))]
            state |= {name: np.array(x) for name, x in new.items()}  # copies: a rule may return what it got
        return [*calls, (self.state.update, {p: state})]

    def _counters(self, group: Options) -> list[str]:
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

    def _state_of(self, p: Any, value: Array, group: Options, counters: Sequence[str]) -> State:
        """A copy of the state of a parameter, whose array is `value`, with what was missing in it."""
        state = dict(self.state.get(p, ()))
        for name, start in self.initial(group).items():
            if name not in state:
                state[name] = start if name in counters else np.full_like(value, start)
        return state

    def _ruled(self, p: Any, g: Any, state: Options, n: Any, group: Options, counters: Sequence[str]) -> Rule:
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

    def prepared(self, p: Any, group: Options) -> State:
        """The state of a parameter, for a traced step: there is one after it."""
        self.state[p] = self._state_of(p, real_view(p._data), group, self._counters(group))
        return self.state[p]

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

    def rule(self, p: Any, g: Any, state: Options, n: Any, group: Options) -> Rule:
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

    def initial(self, group: Options) -> Floats:
        """The state of a parameter before its first step: the number that fills each array, and each counter."""
        return {}

    def numbers(self, group: Options, state: Options) -> Numbers:
        """The numbers that :meth:`rule` uses in one step, and the counters after it, such as that of the steps.

        A counter is a number in the state of a parameter: its name stands here and in :meth:`initial`, and `state` has
        its value before the step. By default the numbers are the options that are numbers, and there is no counter.
        """
        numbers = {}
        for name in self._numeric:  # a comprehension would take longer
            numbers[name] = float(group[name])
        return numbers, {}

    # ------------------------------------------------------------------------------------------------- state

    def state_dict(self) -> State:
        """The state and the options as arrays and numbers, for ``ag.save``; parameters are numbered in order."""
        number = {p: k for k, p in enumerate(p for g in self.param_groups for p in g["params"])}
        return {
            "state": {number[p]: {k: copy(v) for k, v in state.items()} for p, state in self.state.items()},
            "param_groups": [{**g, "params": [number[p] for p in g["params"]]} for g in self.param_groups],
        }

    def load_state_dict(self, state_dict: Options) -> None:
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

    def _checked(self, state_dict: Options, who: str) -> tuple[list[State], dict[Tensor, State]]:
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
        if not isinstance(states, Mapping):
            raise ValueError(f"{who}: expected 'state' as a dict by parameter number, got {type(states).__name__}")
        options: list[State] = []
        params: list[tuple[Tensor, State]] = []  # with the starts of the counters in their states
        for mine, theirs in zip(self.param_groups, groups, strict=True):
            # Older states, also PyTorch's, have no "decoupled_weight_decay".
            missing = [k for k in self.defaults if k not in theirs and k != "decoupled_weight_decay"]
            if missing:
                raise ValueError(f"{who}: got another optimiser's state, without {', '.join(missing)}")
            self._check_options(theirs, who)
            updates = {k: v for k, v in theirs.items() if k in mine or k == "initial_lr"}
            updates |= {k: tuple(v) for k, v in updates.items() if isinstance(mine.get(k), tuple)}
            options.append(updates | {"params": mine["params"]})
            group = mine | updates
            initial, counters = self.initial(group), self._counters(group)
            starts = {name: initial[name] for name in counters}
            if "step" not in initial:
                starts["step"] = 0  # PyTorch counts steps where a formula does not need them
            params += [(p, starts) for p in mine["params"]]
        state: dict[Tensor, State] = {}
        for k, s in states.items():
            if str(k) not in map(str, range(len(params))):
                raise ValueError(f"{who}: got the state of parameter {k}, but there are {len(params)} parameters")
            if not isinstance(s, Mapping):
                raise ValueError(f"{who}: expected the state of parameter {k} as a dict, got {s!r:.80}")
            p, starts = params[int(k)]
            state[p] = {
                key: _fitting(key, v, p, starts.get(key), f"{who}: {key} of parameter {k}") for key, v in s.items()
            }
        return options, state

    def __repr__(self) -> str:
        groups = (
            ", ".join(f"{k}={v}" for k, v in g.items() if k != "params") + f" ({len(g['params'])} parameters)"
            for g in self.param_groups
        )
        return f"{type(self).__name__}({'; '.join(groups)})"


class _Formula:
    """The rule of a group with certain terms: what its steps keep.

    Attributes
    ----------
    counters : list of str
    counts_in : function or None
        From a state to its counters; None if there are none.
    fused : dict
        The rule as a function, by the names and the dtype of its arguments.
    bound : dict
        The same with the arrays of a parameter.
    params, options : list of Tensor, dict or None
        The parameters and the group in the last step; None if an option may change without being replaced, as an array.
    numbers : dict
        Those of this step, the counters after it, and the arrays; by the dtype and the counters before it.
    arrays : dict
        The numbers of a step and the same as arrays without axes, into which the next step writes.
    """

    def __init__(self, counters: list[str]) -> None:
        self.counters = counters
        self.counts_in = itemgetter(*counters) if counters else None
        self.fused: dict[Any, FusedStep | None] = {}
        self.bound: dict[Tensor, Bound] = {}
        self.params: Any = None
        self.options: State | None = None
        self.numbers: dict[Any, tuple[Floats, Floats, list[Array]]] = {}
        self.arrays: dict[Any, tuple[list[float], list[Array]]] = {}

    def numbers_of(
        self, optimizer: Optimizer, group: Options, dtype: Any, state: Options
    ) -> tuple[Floats, Floats, list[Array]]:
        """The entry of `numbers` for a parameter."""
        key = dtype if self.counts_in is None else (dtype, self.counts_in(state))
        entry = self.numbers.get(key)
        if entry is None:
            numbers, after = optimizer.numbers(group, state)
            values, place = list(numbers.values()), (dtype, len(self.numbers), *numbers)
            before, arrays = self.arrays.get(place, (None, []))
            if before is None:
                arrays = [np.array(x, dtype) for x in values]
                self.arrays[place] = values, arrays
            else:
                for k, x in enumerate(values):
                    if x != before[k]:
                        arrays[k][...] = before[k] = x
            entry = self.numbers[key] = numbers, after, arrays
        return entry


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


def options_of(arguments: Options) -> State:
    """The options among the arguments of an `__init__`, which are its ``locals()``."""
    others = "self", "params", "how", "__class__"
    return {name: tuple(x) if np.ndim(x) else x for name, x in arguments.items() if name not in others}


def real_view(x: Array) -> Array:
    """A complex array as twice as many real numbers: real and imaginary parts are optimised alike, as in PyTorch."""
    if x.dtype.kind != "c":
        return x
    return x.reshape(*x.shape, 1).view(x.real.dtype)


def real_parts(x: Tensor) -> Any:
    """`real_view` for a Tensor in a traced function."""
    return x if x.dtype.kind != "c" else np.stack([x.real, x.imag], -1)


def complex_from(pairs: Tensor, p: Tensor) -> Tensor:
    """The inverse of `real_parts`, for a value of the dtype of `p`."""
    return pairs if p.dtype.kind != "c" else (pairs[..., 0] + 1j * pairs[..., 1]).astype(p.dtype)


def called(closure: Closure) -> Any:
    """The closure's loss; it records even if the step is under `no_grad`."""
    with enable_grad():
        return closure()


def _is_number(value: Any) -> bool:
    return isinstance(value, (float, Real)) or (isinstance(value, (np.ndarray, Tensor)) and value.ndim == 0)


def _is_finite(value: Any) -> bool:
    return _is_number(value) and math.isfinite(value)


def _fitting(key: str, value: Any, p: Tensor, start: float | None, what: str) -> Any:
    """Check a part of a state, and convert it: an array of the parameter's shape, or a counter, which has a start."""
    value = unwrapped(value)
    if start is not None:
        value = value.item() if isinstance(value, np.ndarray) and value.size == 1 else value
        if not isinstance(value, (int, float)) or not math.isfinite(value) or key == "step" and value < 0:
            at_least = " that is not negative" if key == "step" else ""
            raise ValueError(f"{what}: expected a finite number{at_least}, got {value!r:.80}")
        if isinstance(start, int) and value != int(value):
            raise ValueError(f"{what}: expected a whole number, got {value!r}")
        return type(start)(value)
    shape = real_view(p.data).shape
    if not isinstance(value, np.ndarray) or value.shape != shape:
        got = getattr(value, "shape", value)
        raise ValueError(f"{what}: expected an array of the parameter's shape {shape}, got {got!r:.80}")
    return value.astype(real_view(p.data).dtype)
