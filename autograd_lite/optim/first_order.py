"""Optimisers that use only the gradient. Names, arguments, defaults and formulas are PyTorch's.

In the formulas p is a parameter, g its gradient, and t the number of the step, from 1. Running values start at 0. With
``weight_decay`` g is the gradient plus ``weight_decay * p``; with ``maximize`` it is the negative gradient.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from .optimizer import Optimizer, decayed

Numbers = tuple[dict[str, float], dict[str, float]]  # of a step, and in the state after it
Rule = tuple[Any, dict[str, Any]]  # what to subtract, and the new arrays of the state


class SGD(Optimizer):
    """Gradient descent, with momentum if wanted::

        p = p - lr g

        v = momentum v + (1 - dampening) g      (v = g in the first step)
        p = p - lr v
        p = p - lr (g + momentum v)             with nesterov=True

    Examples
    --------
    >>> import autograd_lite as ag
    >>> w = ag.tensor([1.0, 2.0], requires_grad=True)
    >>> opt = SGD([w], lr=0.5)
    >>> (w * w).sum().backward()
    >>> opt.step(); w
    tensor([0., 0.], requires_grad=True)
    """

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-3, momentum: float = 0.0, dampening: float = 0.0,
        weight_decay: float = 0.0, nesterov: bool = False, *, maximize: bool = False,
    ) -> None:
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("SGD: nesterov=True needs a positive momentum and dampening=0")
        options = {
            "lr": lr, "momentum": momentum, "dampening": dampening, "weight_decay": weight_decay,
            "nesterov": nesterov, "maximize": maximize,
        }
        super().__init__(params, options)

    def initial(self, group: Mapping[str, Any]) -> dict[str, float]:
        # With dampening the first step has another formula.
        return {"momentum_buffer": 0.0} if group["momentum"] and not group["dampening"] else {}

    def numbers(self, group: Mapping[str, Any], state: Mapping[str, Any]) -> Numbers:
        numbers, counters = super().numbers(group, state)
        momentum = float(group["momentum"])
        return {**numbers, "momentum": momentum, "new": 1 - float(group["dampening"])}, counters

    def rule(self, p: Any, g: Any, state: Mapping[str, Any], n: Any, group: Mapping[str, Any]) -> Rule:
        g = decayed(p, g, n, group)
        if not group["momentum"]:
            return n.lr * g, {}
        if "momentum_buffer" not in state:
            v = +g
        else:
            v = n.momentum * state["momentum_buffer"] + (n.new * g if group["dampening"] else g)
        return n.lr * (n.momentum * v + g if group["nesterov"] else v), {"momentum_buffer": v}


class Adam(Optimizer):
    """Kingma & Ba 2015: the running mean of the gradient over the root of that of its square::

        m = β1 m + (1 - β1) g
        v = β2 v + (1 - β2) g²
        p = p - lr m̂ / (√v̂ + eps)      with m̂ = m / (1 - β1ᵗ), v̂ = v / (1 - β2ᵗ)

    (β1, β2) is `betas`. With ``amsgrad=True`` the largest v so far takes the place of v in v̂.

    Examples
    --------
    >>> import autograd_lite as ag
    >>> w = ag.tensor([1.0, -20.0], requires_grad=True)
    >>> opt = Adam([w], lr=0.1)
    >>> (w**2).sum().backward()
    >>> opt.step(); w  # the first step has length `lr` for any gradient
    tensor([  0.9, -19.9], requires_grad=True)
    """

    #: Whether weight decay is subtracted from the parameter (AdamW), or added to the gradient (Adam).
    decoupled = False

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8,
        weight_decay: float = 0.0, amsgrad: bool = False, *, maximize: bool = False,
    ) -> None:
        options = {
            "lr": lr, "betas": tuple(betas), "eps": eps, "weight_decay": weight_decay, "amsgrad": amsgrad,
            "maximize": maximize,
        }
        super().__init__(params, options)

    def initial(self, group: Mapping[str, Any]) -> dict[str, float]:
        names = ("exp_avg", "exp_avg_sq", *["max_exp_avg_sq"] * bool(group["amsgrad"]))
        return {**dict.fromkeys(names, 0.0), "step": 0}

    def numbers(self, group: Mapping[str, Any], state: Mapping[str, Any]) -> Numbers:
        lr, (beta1, beta2), t = float(group["lr"]), group["betas"], state["step"] + 1
        # lr * (m / (1 - beta1**t)) / (sqrt(v / (1 - beta2**t)) + eps), numerator and denominator times
        # sqrt(1 - beta2**t): that saves a pass over the arrays that would only multiply by a number.
        root = math.sqrt(1 - beta2**t)
        weight_decay = float(group["weight_decay"])
        return {
            "weight_decay": weight_decay, "decay": lr * weight_decay, "rate": lr * root / (1 - beta1**t),
            "eps": group["eps"] * root, "beta1": beta1, "new1": 1 - beta1, "beta2": beta2, "new2": 1 - beta2,
        }, {"step": t}  # fmt: skip

    def rule(self, p: Any, g: Any, state: Mapping[str, Any], n: Any, group: Mapping[str, Any]) -> Rule:
        if not self.decoupled:
            g = decayed(p, g, n, group)
        m, v = moments(g, state, n)
        new = {"exp_avg": m, "exp_avg_sq": v}
        if group["amsgrad"]:
            new["max_exp_avg_sq"] = v = np.maximum(state["max_exp_avg_sq"], v)
        step = n.rate * (m / (np.sqrt(v) + n.eps))
        return step + n.decay * p if self.decoupled and group["weight_decay"] else step, new


class AdamW(Adam):
    """Loshchilov & Hutter 2019: Adam, with the weight decay subtracted from the parameter and not added to g::

        p = p - lr (m̂ / (√v̂ + eps) + weight_decay p)
    """

    decoupled = True

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8,
        weight_decay: float = 1e-2, amsgrad: bool = False, *, maximize: bool = False,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay, amsgrad, maximize=maximize)


class NAdam(Optimizer):
    """Dozat 2016: Adam with Nesterov momentum::

        μₜ = β1 (1 - ½ 0.96^(t momentum_decay))
        p = p - lr (g (1 - μₜ) / (1 - μ₁…μₜ) + m μₜ₊₁ / (1 - μ₁…μₜ₊₁)) / (√v̂ + eps)

    with m and v̂ of :class:`Adam`.
    """

    def __init__(
        self, params: Iterable[Any], lr: float = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8,
        weight_decay: float = 0.0, momentum_decay: float = 4e-3, *, maximize: bool = False,
    ) -> None:
        options = {
            "lr": lr, "betas": tuple(betas), "eps": eps, "weight_decay": weight_decay,
            "momentum_decay": momentum_decay, "maximize": maximize,
        }
        super().__init__(params, options)

    def initial(self, group: Mapping[str, Any]) -> dict[str, float]:
        return {"exp_avg": 0.0, "exp_avg_sq": 0.0, "step": 0, "mu_product": 1.0}

    def numbers(self, group: Mapping[str, Any], state: Mapping[str, Any]) -> Numbers:
        lr, (beta1, beta2), decay, t = float(group["lr"]), group["betas"], group["momentum_decay"], state["step"] + 1
        now = beta1 * (1 - 0.5 * 0.96 ** (t * decay))
        after = beta1 * (1 - 0.5 * 0.96 ** ((t + 1) * decay))
        product = state["mu_product"] * now
        return {
            "weight_decay": float(group["weight_decay"]), "rate": lr * (1 - now) / (1 - product),
            "ahead": lr * after / (1 - product * after), "correction": 1 - beta2**t, "eps": float(group["eps"]),
            "beta1": beta1, "new1": 1 - beta1, "beta2": beta2, "new2": 1 - beta2,
        }, {"step": t, "mu_product": product}  # fmt: skip

    def rule(self, p: Any, g: Any, state: Mapping[str, Any], n: Any, group: Mapping[str, Any]) -> Rule:
        g = decayed(p, g, n, group)
        m, v = moments(g, state, n)
        step = (n.rate * g + n.ahead * m) / (np.sqrt(v / n.correction) + n.eps)
        return step, {"exp_avg": m, "exp_avg_sq": v}


class RMSprop(Optimizer):
    """Tieleman & Hinton 2012: the gradient over its running root mean square::

        v = alpha v + (1 - alpha) g²
        p = p - lr g / (√v + eps)

    With ``centered=True``, v minus the square of the running mean of g takes the place of v under the root. With
    momentum, ``b = momentum b + g / (√v + eps)`` and ``p = p - lr b``.
    """

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-2, alpha: float = 0.99, eps: float = 1e-8,
        weight_decay: float = 0.0, momentum: float = 0.0, centered: bool = False, *, maximize: bool = False,
    ) -> None:
        options = {
            "lr": lr, "momentum": momentum, "alpha": alpha, "eps": eps, "centered": centered,
            "weight_decay": weight_decay, "maximize": maximize,
        }
        super().__init__(params, options)

    def initial(self, group: Mapping[str, Any]) -> dict[str, float]:
        used = {"square_avg": True, "grad_avg": group["centered"], "momentum_buffer": group["momentum"]}
        return {name: 0.0 for name, on in used.items() if on}

    def numbers(self, group: Mapping[str, Any], state: Mapping[str, Any]) -> Numbers:
        numbers, counters = super().numbers(group, state)
        numbers |= {name: float(group[name]) for name in ("alpha", "eps", "momentum")}
        return numbers | {"new": 1 - numbers["alpha"]}, counters

    def rule(self, p: Any, g: Any, state: Mapping[str, Any], n: Any, group: Mapping[str, Any]) -> Rule:
        g = decayed(p, g, n, group)
        v = n.alpha * state["square_avg"] + n.new * (g * g)
        new = {"square_avg": v}
        if group["centered"]:
            new["grad_avg"] = mean = n.alpha * state["grad_avg"] + n.new * g
            v = v - mean * mean
        step = g / (np.sqrt(v) + n.eps)
        if group["momentum"]:
            new["momentum_buffer"] = step = n.momentum * state["momentum_buffer"] + step
        return n.lr * step, new


class Adagrad(Optimizer):
    """Duchi, Hazan & Singer 2011: the gradient over the root of the sum of its squares so far::

        s = s + g²                              (s starts at initial_accumulator_value)
        p = p - lr / (1 + (t - 1) lr_decay) g / (√s + eps)
    """

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-2, lr_decay: float = 0.0, weight_decay: float = 0.0,
        initial_accumulator_value: float = 0.0, eps: float = 1e-10, *, maximize: bool = False,
    ) -> None:
        options = {
            "lr": lr, "lr_decay": lr_decay, "eps": eps, "weight_decay": weight_decay,
            "initial_accumulator_value": initial_accumulator_value, "maximize": maximize,
        }
        super().__init__(params, options)

    def initial(self, group: Mapping[str, Any]) -> dict[str, float]:
        return {"sum": group["initial_accumulator_value"], "step": 0}

    def numbers(self, group: Mapping[str, Any], state: Mapping[str, Any]) -> Numbers:
        numbers, _ = super().numbers(group, state)
        t = state["step"] + 1
        numbers |= {"rate": numbers["lr"] / (1 + (t - 1) * group["lr_decay"]), "eps": float(group["eps"])}
        return numbers, {"step": t}

    def rule(self, p: Any, g: Any, state: Mapping[str, Any], n: Any, group: Mapping[str, Any]) -> Rule:
        g = decayed(p, g, n, group)
        total = state["sum"] + g * g
        return n.rate * (g / (np.sqrt(total) + n.eps)), {"sum": total}


class Adadelta(Optimizer):
    """Zeiler 2012: the gradient times the ratio of the root mean squares of past steps and past gradients::

        v = rho v + (1 - rho) g²
        d = √(u + eps) / √(v + eps) g
        u = rho u + (1 - rho) d²
        p = p - lr d
    """

    def __init__(
        self, params: Iterable[Any], lr: float = 1.0, rho: float = 0.9, eps: float = 1e-6,
        weight_decay: float = 0.0, *, maximize: bool = False,
    ) -> None:
        options = {"lr": lr, "rho": rho, "eps": eps, "weight_decay": weight_decay, "maximize": maximize}
        super().__init__(params, options)

    def initial(self, group: Mapping[str, Any]) -> dict[str, float]:
        return {"square_avg": 0.0, "acc_delta": 0.0}

    def numbers(self, group: Mapping[str, Any], state: Mapping[str, Any]) -> Numbers:
        numbers, counters = super().numbers(group, state)
        rho = float(group["rho"])
        return numbers | {"rho": rho, "new": 1 - rho, "eps": float(group["eps"])}, counters

    def rule(self, p: Any, g: Any, state: Mapping[str, Any], n: Any, group: Mapping[str, Any]) -> Rule:
        g = decayed(p, g, n, group)
        v = n.rho * state["square_avg"] + n.new * (g * g)
        step = np.sqrt((state["acc_delta"] + n.eps) / (v + n.eps)) * g
        return n.lr * step, {"square_avg": v, "acc_delta": n.rho * state["acc_delta"] + n.new * (step * step)}


def moments(g: Any, state: Mapping[str, Any], n: Any) -> tuple[Any, Any]:
    """Adam's running means of `g` and of its square after this step."""
    return n.beta1 * state["exp_avg"] + n.new1 * g, n.beta2 * state["exp_avg_sq"] + n.new2 * (g * g)
