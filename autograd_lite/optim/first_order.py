"""Optimisers that use only the gradient. Names, arguments, defaults and formulas are PyTorch's.

In the formulas p is a parameter, g its gradient, and t the number of the step, from 1. Running values start at 0. With
``weight_decay`` g is the gradient plus ``weight_decay * p``; with ``maximize`` it is the negative gradient.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from .optimizer import Array, Optimizer, buffer, decayed, swapped


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

    def update(self, p: Array, g: Array, state: dict[str, Any], group: dict[str, Any]) -> Array:
        g = decayed(p, g, state, group["weight_decay"])
        momentum, scratch = group["momentum"], buffer(state, "_scratch", p)
        if momentum:
            first = "momentum_buffer" not in state
            old, velocity = swapped(state, "momentum_buffer", p)
            np.multiply(old, momentum, out=velocity)
            velocity += g if first else np.multiply(g, 1 - group["dampening"], out=scratch)
            if group["nesterov"]:
                np.multiply(velocity, momentum, out=scratch)
                g = np.add(scratch, g, out=scratch)
            else:
                g = velocity
        np.multiply(g, group["lr"], out=scratch)
        return scratch


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

    def update(self, p: Array, g: Array, state: dict[str, Any], group: dict[str, Any]) -> Array:
        lr, (beta1, beta2) = group["lr"], group["betas"]
        if not self.decoupled:
            g = decayed(p, g, state, group["weight_decay"])
        mean, square, scratch = moments(g, state, group["betas"], p)
        t = state["step"]
        if group["amsgrad"]:
            old, most = swapped(state, "max_exp_avg_sq", p)
            square = np.maximum(old, square, out=most)
        # lr * (mean / (1 - beta1**t)) / (sqrt(square / (1 - beta2**t)) + eps), numerator and denominator times
        # sqrt(1 - beta2**t): that saves a pass over the arrays that would only multiply by a number.
        root = math.sqrt(1 - beta2**t)
        np.sqrt(square, out=scratch)
        scratch += group["eps"] * root
        np.divide(mean, scratch, out=scratch)
        scratch *= lr * root / (1 - beta1**t)
        if self.decoupled and group["weight_decay"]:
            scratch += np.multiply(p, lr * group["weight_decay"], out=buffer(state, "_decayed", p))
        return scratch


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

    def update(self, p: Array, g: Array, state: dict[str, Any], group: dict[str, Any]) -> Array:
        g = decayed(p, g, state, group["weight_decay"])
        (beta1, beta2), decay, lr = group["betas"], group["momentum_decay"], group["lr"]
        mean, square, scratch = moments(g, state, group["betas"], p)
        t = state["step"]
        now = beta1 * (1 - 0.5 * 0.96 ** (t * decay))
        after = beta1 * (1 - 0.5 * 0.96 ** ((t + 1) * decay))
        product = state["mu_product"] = state.get("mu_product", 1.0) * now
        root = np.divide(square, 1 - beta2**t, out=buffer(state, "_root", p))
        np.sqrt(root, out=root)
        root += group["eps"]
        np.multiply(g, lr * (1 - now) / (1 - product), out=scratch)
        scratch += np.multiply(mean, lr * after / (1 - product * after), out=buffer(state, "_ahead", p))
        scratch /= root
        return scratch


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

    def update(self, p: Array, g: Array, state: dict[str, Any], group: dict[str, Any]) -> Array:
        g = decayed(p, g, state, group["weight_decay"])
        alpha = group["alpha"]
        (old, square), scratch = swapped(state, "square_avg", p), buffer(state, "_scratch", p)
        np.multiply(old, alpha, out=square)
        np.multiply(g, g, out=scratch)
        scratch *= 1 - alpha
        square += scratch
        if group["centered"]:
            old, mean = swapped(state, "grad_avg", p)
            np.multiply(old, alpha, out=mean)
            mean += np.multiply(g, 1 - alpha, out=scratch)
            np.multiply(mean, mean, out=scratch)
            np.subtract(square, scratch, out=scratch)
            np.sqrt(scratch, out=scratch)
        else:
            np.sqrt(square, out=scratch)
        scratch += group["eps"]
        np.divide(g, scratch, out=scratch)
        if group["momentum"]:
            old, velocity = swapped(state, "momentum_buffer", p)
            np.multiply(old, group["momentum"], out=velocity)
            velocity += scratch
            np.copyto(scratch, velocity)
        scratch *= group["lr"]
        return scratch


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

    def update(self, p: Array, g: Array, state: dict[str, Any], group: dict[str, Any]) -> Array:
        g = decayed(p, g, state, group["weight_decay"])
        if "sum" not in state:
            state["sum"] = np.full_like(p, group["initial_accumulator_value"])
        (old, total), scratch = swapped(state, "sum", p), buffer(state, "_scratch", p)
        t = state["step"] = state.get("step", 0) + 1
        np.add(old, np.multiply(g, g, out=scratch), out=total)
        np.sqrt(total, out=scratch)
        scratch += group["eps"]
        np.divide(g, scratch, out=scratch)
        scratch *= group["lr"] / (1 + (t - 1) * group["lr_decay"])
        return scratch


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

    def update(self, p: Array, g: Array, state: dict[str, Any], group: dict[str, Any]) -> Array:
        g = decayed(p, g, state, group["weight_decay"])
        rho, eps = group["rho"], group["eps"]
        (old_square, square), (old_steps, steps) = swapped(state, "square_avg", p), swapped(state, "acc_delta", p)
        step, scratch = buffer(state, "_step", p), buffer(state, "_scratch", p)
        np.multiply(old_square, rho, out=square)
        np.multiply(g, g, out=scratch)
        scratch *= 1 - rho
        square += scratch
        np.add(old_steps, eps, out=step)
        np.add(square, eps, out=scratch)
        step /= scratch
        np.sqrt(step, out=step)
        step *= g
        np.multiply(step, step, out=scratch)
        scratch *= 1 - rho
        np.multiply(old_steps, rho, out=steps)
        steps += scratch
        step *= group["lr"]
        return step


def moments(g: Array, state: dict[str, Any], betas: tuple[float, float], p: Array) -> tuple[Array, Array, Array]:
    """Adam's running means of `g` and of its square after this step, and a scratch array."""
    beta1, beta2 = betas
    (old_mean, mean), (old_square, square) = swapped(state, "exp_avg", p), swapped(state, "exp_avg_sq", p)
    scratch = buffer(state, "_scratch", p)
    state["step"] = state.get("step", 0) + 1
    np.multiply(old_mean, beta1, out=mean)
    mean += np.multiply(g, 1 - beta1, out=scratch)
    np.multiply(old_square, beta2, out=square)
    np.multiply(g, g, out=scratch)
    scratch *= 1 - beta2
    square += scratch
    return mean, square, scratch
