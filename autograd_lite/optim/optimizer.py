"""What all optimisers share: parameter groups, per-parameter state, saving and loading of both.

A step reads ``.grad`` and writes into the parameters' own arrays; what it needs in between lies in buffers
that are made once. So a step makes no garbage, and every parameter's version moves, as it must: a pull-back
through what was recorded before the step is refused, not wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from copy import copy
from typing import Any

import numpy as np

from ..mode import enable_grad
from ..tensor import Tensor

Array = np.ndarray[Any, Any]


class Optimizer:
    """Base of the optimisers.

    Parameters
    ----------
    params : iterable of Tensor, of (name, Tensor), or of dicts
        A dict is a group: ``{"params": [...], "lr": 0.1}``, with options of its own.
    defaults : dict
        The options of every group that does not say otherwise.

    Raises
    ------
    ValueError
        If there is nothing to optimise, a parameter is given twice, or an option is out of its range.
    """

    #: Options that may not be negative.
    _nonnegative = ("lr", "weight_decay", "eps", "momentum", "rho", "alpha", "lr_decay", "momentum_decay")

    def __init__(self, params: Iterable[Any], defaults: Mapping[str, Any]) -> None:
        if callable(getattr(params, "parameters", None)):
            who = type(self).__name__
            raise TypeError(f"{who}: takes the parameters of a module, not the module itself: model.parameters()")
        self.defaults = dict(defaults)
        self.param_groups: list[dict[str, Any]] = []
        self.state: dict[Tensor, dict[str, Any]] = {}
        given: list[Any] = [params] if isinstance(params, (Tensor, dict)) else list(params)
        if not given:
            raise ValueError(f"{type(self).__name__}: no parameters to optimise")
        for group in given if isinstance(given[0], dict) else [{"params": given}]:
            self.add_param_group(group)

    def add_param_group(self, group: Mapping[str, Any]) -> None:
        """Add parameters with options of their own; those not named are the defaults."""
        who = type(self).__name__
        given = group["params"]
        given = [given] if isinstance(given, Tensor) else given
        params = [p[1] if isinstance(p, tuple) else p for p in given]
        known = {p for g in self.param_groups for p in g["params"]}
        for p in params:
            if not isinstance(p, Tensor):
                raise TypeError(f"{who}: cannot optimise a {type(p).__name__}; parameters are tensors")
            if not p.is_leaf:
                what = p.name or "a tensor"
                raise ValueError(f"{who}: {what} is a recorded result; only inputs can be optimised")
            if p in known:
                raise ValueError(f"{who}: {p.name or 'a parameter'} is given twice")
            known.add(p)
        unknown = set(group) - set(self.defaults) - {"params", "initial_lr"}
        if unknown:
            names = ", ".join(sorted(map(str, unknown)))
            raise ValueError(f"{who}: no such option as {names}; it has {', '.join(self.defaults)}")
        options = {**self.defaults, **group, "params": params}
        for key in self._nonnegative:
            if key in options and not options[key] >= 0:
                raise ValueError(f"{who}: {key}={options[key]} must not be negative")
        for k, beta in enumerate(options.get("betas", ())):
            if not 0 <= beta < 1:
                raise ValueError(f"{who}: betas[{k}]={beta} must lie in [0, 1)")
        self.param_groups.append(options)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradient of every parameter."""
        for group in self.param_groups:
            for p in group["params"]:
                p.zero_grad()

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update every parameter that has a gradient.

        Parameters
        ----------
        closure : callable, optional
            Clears the gradients, computes the loss and its gradients, and returns the loss, before the step.

        Returns
        -------
        The closure's loss, or None.
        """
        loss = _called(closure) if closure is not None else None
        for group in self.param_groups:
            sign = group.get("maximize")
            for p in group["params"]:
                if p.grad is not None:
                    state = self.state.setdefault(p, {})
                    value, g = real_view(p.data), real_view(p.grad.data)
                    if sign:
                        g = np.negative(g, out=buffer(state, "_negative", value))
                    self.update(value, g, state, group)
                    p._written()
        return loss

    def update(self, p: Array, g: Array, state: dict[str, Any], group: dict[str, Any]) -> None:
        """Change the array `p` in place, given its gradient; written by each kind of optimiser."""
        raise NotImplementedError(f"{type(self).__name__} has no update()")  # abstract

    # ------------------------------------------------------------------------------------------------- state

    def state_dict(self) -> dict[str, Any]:
        """The state and the options, parameters by number: arrays and numbers, which ``ag.save`` takes."""
        number = {p: k for k, p in enumerate(p for g in self.param_groups for p in g["params"])}
        return {
            "state": {
                number[p]: {k: copy(v) for k, v in state.items() if not k.startswith("_")}
                for p, state in self.state.items()
            },
            "param_groups": [{**g, "params": [number[p] for p in g["params"]]} for g in self.param_groups],
        }

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over what :meth:`state_dict` returned; nothing is changed if it does not fit.

        Raises
        ------
        ValueError
            If the groups have other sizes or options, or a part of the state another shape than its
            parameter.
        """
        who = f"{type(self).__name__}.load_state_dict"
        if not isinstance(state_dict, Mapping) or not {"state", "param_groups"} <= set(state_dict):
            raise ValueError(f"{who}: not an optimiser's state, which has 'state' and 'param_groups'")
        groups = state_dict["param_groups"]
        sizes, own = ([len(g["params"]) for g in of] for of in (groups, self.param_groups))
        if sizes != own:
            raise ValueError(f"{who}: groups of {sizes} parameters there and of {own} here")
        for theirs in groups:
            missing = [k for k in self.defaults if k not in theirs]
            if missing:
                raise ValueError(f"{who}: another kind of optimiser's state: it has no {', '.join(missing)}")
            for k, v in self.defaults.items():
                if isinstance(v, (int, float)) and not isinstance(theirs[k], (int, float)):
                    raise ValueError(f"{who}: {k} is a number, not {theirs[k]!r}")
        params = [p for g in self.param_groups for p in g["params"]]
        state = {}
        for k, s in state_dict["state"].items():
            if not 0 <= int(k) < len(params):
                raise ValueError(f"{who}: state of parameter {k}, but there are {len(params)}")
            p = params[int(k)]
            state[p] = {key: _fitting(key, v, p, f"{who}: {key} of parameter {k}") for key, v in s.items()}
        for mine, theirs in zip(self.param_groups, groups, strict=True):
            known = {k: v for k, v in theirs.items() if k in mine or k == "initial_lr"}
            mine.update({**known, "params": mine["params"]})
            if "betas" in mine:
                mine["betas"] = tuple(mine["betas"])
        self.state = state

    def __repr__(self) -> str:
        groups = (
            ", ".join(f"{k}={v}" for k, v in g.items() if k != "params") + f" ({len(g['params'])} parameters)"
            for g in self.param_groups
        )
        return f"{type(self).__name__}({'; '.join(groups)})"


def buffer(state: dict[str, Any], name: str, like: Array) -> Array:
    """The array `name` in `state`, made of zeros the first time; a leading underscore: not saved."""
    found: Array | None = state.get(name)
    if found is None:
        state[name] = found = np.zeros_like(like)
    return found


def decayed(p: Array, g: Array, state: dict[str, Any], rate: float) -> Array:
    """The gradient with weight decay added: that of ``rate / 2 * sum(p ** 2)``."""
    if not rate:
        return g
    scratch = buffer(state, "_decayed", p)
    np.multiply(p, rate, out=scratch)
    return np.add(scratch, g, out=scratch)


def real_view(x: Array) -> Array:
    """A complex array as twice as many real numbers: optimisers treat both parts alike, as PyTorch's do."""
    if x.dtype.kind != "c":
        return x
    return x.reshape(*x.shape, 1).view(x.real.dtype)


def _called(closure: Callable[[], Any]) -> Any:
    with enable_grad():
        return closure()


def _fitting(key: str, value: Any, p: Tensor, what: str) -> Any:
    """A part of a state as its optimiser keeps it: an array of the parameter's shape, or a number."""
    value = value.detach().numpy() if hasattr(value, "detach") else value
    if key in ("step", "mu_product"):
        return value.item() if isinstance(value, np.ndarray) else value
    if not isinstance(value, np.ndarray):
        return value
    shape = real_view(p.data).shape
    if value.shape != shape:
        raise ValueError(f"{what} has shape {value.shape} there, the parameter {shape} here")
    return value.astype(real_view(p.data).dtype)
