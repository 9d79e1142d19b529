"""What all optimisers share: parameter groups, per-parameter state, saving and loading of both.

A step reads ``.grad`` and writes into the parameters' own arrays with ``out=``; what it needs in between lies in buffers
that are made once. So a step makes no garbage, and every parameter's version moves, as it must.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

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
        If there is nothing to optimise, a parameter stands in two groups, or an option is out of its range.
    """

    #: Options that may not be negative.
    _nonnegative: tuple[str, ...] = ("lr", "weight_decay", "eps", "momentum", "alpha", "rho")

    def __init__(self, params: Iterable[Any], defaults: Mapping[str, Any]) -> None:
        self.defaults = dict(defaults)
        self.param_groups: list[dict[str, Any]] = []
        self.state: dict[Tensor, dict[str, Any]] = {}
        given = [params] if isinstance(params, Tensor) else list(params)
        if not given:
            raise ValueError(f"{type(self).__name__}: no parameters to optimise")
        for group in given if isinstance(given[0], dict) else [{"params": given}]:
            self.add_param_group(group)

    def add_param_group(self, group: Mapping[str, Any]) -> None:
        """Add parameters with options of their own."""
        given = group["params"]
        params = [given] if isinstance(given, Tensor) else [p[1] if isinstance(p, tuple) else p for p in given]
        known = {p for g in self.param_groups for p in g["params"]}
        for p in params:
            if not isinstance(p, Tensor):
                raise TypeError(f"{type(self).__name__}: cannot optimise a {type(p).__name__}; parameters are tensors")
            if not p.is_leaf:
                raise ValueError(f"{type(self).__name__}: only inputs can be optimised, not the recorded result of something")
            if p in known:
                raise ValueError(f"{type(self).__name__}: {p.name or 'a parameter'} is given twice")
            known.add(p)
        options = {**self.defaults, **group, "params": params}
        for key in self._nonnegative:
            if key in options and not options[key] >= 0:
                raise ValueError(f"{type(self).__name__}: {key}={options[key]} must not be negative")
        for k, beta in enumerate(options.get("betas", ())):
            if not 0 <= beta < 1:
                raise ValueError(f"{type(self).__name__}: betas[{k}]={beta} must lie in [0, 1)")
        self.param_groups.append(options)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradient of every parameter."""
        for group in self.param_groups:
            for p in group["params"]:
                p.zero_grad()

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update every parameter that has a gradient; `closure`, if given, computes the loss and its gradients first."""
        loss = closure() if closure is not None else None
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    state = self.state.setdefault(p, {})
                    g = p.grad.data
                    self.update(p.data, g if not group.get("maximize") else -g, state, group)
                    p._written()
        return loss

    def update(self, p: Array, g: Array, state: dict[str, Any], group: dict[str, Any]) -> None:
        """Change the array `p` in place, given its gradient; written by each kind of optimiser."""
        raise NotImplementedError(f"{type(self).__name__} has no update()")  # abstract

    def state_dict(self) -> dict[str, Any]:
        """The state and the options, parameters by number: plain arrays and numbers, to be saved."""
        number = {p: k for k, p in enumerate(p for g in self.param_groups for p in g["params"])}
        return {
            "state": {
                number[p]: {k: np.copy(v) if isinstance(v, np.ndarray) else v for k, v in s.items() if k[0] != "_"}
                for p, s in self.state.items()
            },
            "param_groups": [{**g, "params": [number[p] for p in g["params"]]} for g in self.param_groups],
        }

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over what :meth:`state_dict` returned; nothing is changed if it does not fit."""
        groups, state = state_dict["param_groups"], state_dict["state"]
        if [len(g["params"]) for g in groups] != [len(g["params"]) for g in self.param_groups]:
            raise ValueError(f"{type(self).__name__}.load_state_dict: other parameter groups than these")
        params = [p for g in self.param_groups for p in g["params"]]
        for k, s in state.items():
            for key, value in s.items():
                if isinstance(value, np.ndarray) and value.ndim and value.shape != params[int(k)].shape:
                    raise ValueError(
                        f"{type(self).__name__}.load_state_dict: {key} of parameter {k} has shape {value.shape}, "
                        f"the parameter {params[int(k)].shape}"
                    )
        for mine, theirs in zip(self.param_groups, groups, strict=True):
            mine.update({k: v for k, v in theirs.items() if k != "params"})
        self.state = {
            params[int(k)]: {key: np.copy(v) if isinstance(v, np.ndarray) else v for key, v in s.items()} for k, s in state.items()
        }

    def __repr__(self) -> str:
        lines = [
            ", ".join(f"{k}={v}" for k, v in g.items() if k != "params") + f" ({len(g['params'])} parameters)" for g in self.param_groups
        ]
        return f"{type(self).__name__}({'; '.join(lines)})"


def buffer(state: dict[str, Any], name: str, like: Array) -> Array:
    """The array `name` in `state`, made of zeros the first time; with a leading underscore it is scratch, not saved."""
    found = state.get(name)
    if found is None:
        state[name] = found = np.zeros_like(like)
    return found  # type: ignore[no-any-return]  # an array


def decayed(p: Array, g: Array, state: dict[str, Any], rate: float) -> Array:
    """The gradient with weight decay added: that of ``rate / 2 * sum(p ** 2)``."""
    if not rate:
        return g
    scratch = buffer(state, "_decayed", p)
    np.multiply(p, rate, out=scratch)
    return np.add(scratch, g, out=scratch)
