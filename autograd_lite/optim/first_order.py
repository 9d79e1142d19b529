"""Optimisers that look at the gradient alone. Names, arguments, defaults and formulas are PyTorch's."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from .optimizer import Array, Optimizer, buffer, decayed


class SGD(Optimizer):
    """Gradient descent: ``p -= lr * g``; with momentum, dampening, Nesterov's look-ahead and weight decay.

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
        self, params: Iterable[Any], lr: float = 1e-3, momentum: float = 0.0, dampening: float = 0.0, weight_decay: float = 0.0,
        nesterov: bool = False, *, maximize: bool = False,
    ) -> None:  # fmt: skip
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("SGD: nesterov=True needs a momentum and no dampening")
        super().__init__(
            params,
            {"lr": lr, "momentum": momentum, "dampening": dampening, "weight_decay": weight_decay, "nesterov": nesterov, "maximize": maximize},
        )

    def update(self, p: Array, g: Array, state: dict[str, Any], group: dict[str, Any]) -> None:
        g = decayed(p, g, state, group["weight_decay"])
        momentum = group["momentum"]
        if momentum:
            velocity = state.get("momentum_buffer")
            if velocity is None:
                state["momentum_buffer"] = velocity = g.copy()
            else:
                velocity *= momentum
                velocity += g if not group["dampening"] else (1 - group["dampening"]) * g
            g = g + momentum * velocity if group["nesterov"] else velocity
        p -= np.multiply(g, group["lr"], out=buffer(state, "_step", p))


class Adam(Optimizer):
    """Kingma & Ba 2015: steps of a size that running means of the gradient and of its square decide."""

    #: AdamW decays the parameter itself, Adam the gradient.
    decoupled = False

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8,
        weight_decay: float = 0.0, amsgrad: bool = False, *, maximize: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(
            params, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "amsgrad": amsgrad, "maximize": maximize}
        )

    def update(self, p: Array, g: Array, state: dict[str, Any], group: dict[str, Any]) -> None:
        lr, (beta1, beta2) = group["lr"], group["betas"]
        if self.decoupled:
            p *= 1 - lr * group["weight_decay"]
        else:
            g = decayed(p, g, state, group["weight_decay"])
        mean, square, scratch = buffer(state, "exp_avg", p), buffer(state, "exp_avg_sq", p), buffer(state, "_scratch", p)
        t = state["step"] = state.get("step", 0) + 1
        mean *= beta1
        mean += np.multiply(g, 1 - beta1, out=scratch)
        square *= beta2
        np.multiply(g, g, out=scratch)
        scratch *= 1 - beta2
        square += scratch
        if group["amsgrad"]:
            square = np.maximum(buffer(state, "max_exp_avg_sq", p), square, out=state["max_exp_avg_sq"])
        np.sqrt(square, out=scratch)
        scratch *= 1 / math.sqrt(1 - beta2**t)
        scratch += group["eps"]
        np.divide(mean, scratch, out=scratch)
        scratch *= lr / (1 - beta1**t)
        p -= scratch


class AdamW(Adam):
    """Loshchilov & Hutter 2019: Adam with the weight decay taken off the parameter, not put into the gradient."""

    decoupled = True

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8,
        weight_decay: float = 1e-2, amsgrad: bool = False, *, maximize: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(params, lr, betas, eps, weight_decay, amsgrad, maximize=maximize)


class NAdam(Optimizer):
    """Dozat 2016: Adam with Nesterov's look-ahead."""

    def __init__(
        self, params: Iterable[Any], lr: float = 2e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8,
        weight_decay: float = 0.0, momentum_decay: float = 4e-3, *, maximize: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(
            params,
            {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "momentum_decay": momentum_decay, "maximize": maximize},
        )

    def update(self, p: Array, g: Array, state: dict[str, Any], group: dict[str, Any]) -> None:
        g = decayed(p, g, state, group["weight_decay"])
        (beta1, beta2), decay = group["betas"], group["momentum_decay"]
        mean, square, scratch = buffer(state, "exp_avg", p), buffer(state, "exp_avg_sq", p), buffer(state, "_scratch", p)
        t = state["step"] = state.get("step", 0) + 1
        now = beta1 * (1 - 0.5 * 0.96 ** (t * decay))
        after = beta1 * (1 - 0.5 * 0.96 ** ((t + 1) * decay))
        product = state["mu_product"] = state.get("mu_product", 1.0) * now
        mean *= beta1
        mean += np.multiply(g, 1 - beta1, out=scratch)
        square *= beta2
        np.multiply(g, g, out=scratch)
        scratch *= 1 - beta2
        square += scratch
        root = np.sqrt(square / (1 - beta2**t)) + group["eps"]
        p -= np.divide(g * (group["lr"] * (1 - now) / (1 - product)), root, out=scratch)
        p -= np.divide(mean * (group["lr"] * after / (1 - product * after)), root, out=scratch)


class RMSprop(Optimizer):
    """Tieleman & Hinton 2012: the gradient over a running root mean square of it."""

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-2, alpha: float = 0.99, eps: float = 1e-8, weight_decay: float = 0.0,
        momentum: float = 0.0, centered: bool = False, *, maximize: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(
            params,
            {
                "lr": lr, "momentum": momentum, "alpha": alpha, "eps": eps, "centered": centered,
                "weight_decay": weight_decay, "maximize": maximize,
            },
        )  # fmt: skip

    def update(self, p: Array, g: Array, state: dict[str, Any], group: dict[str, Any]) -> None:
        g = decayed(p, g, state, group["weight_decay"])
        alpha = group["alpha"]
        square, scratch = buffer(state, "square_avg", p), buffer(state, "_scratch", p)
        square *= alpha
        np.multiply(g, g, out=scratch)
        scratch *= 1 - alpha
        square += scratch
        if group["centered"]:
            mean = buffer(state, "grad_avg", p)
            mean *= alpha
            mean += np.multiply(g, 1 - alpha, out=scratch)
            np.sqrt(square - mean * mean, out=scratch)
        else:
            np.sqrt(square, out=scratch)
        scratch += group["eps"]
        np.divide(g, scratch, out=scratch)
        if group["momentum"]:
            velocity = buffer(state, "momentum_buffer", p)
            velocity *= group["momentum"]
            velocity += scratch
            np.copyto(scratch, velocity)
        scratch *= group["lr"]
        p -= scratch


class Adagrad(Optimizer):
    """Duchi, Hazan & Singer 2011: the gradient over the root of the sum of all its squares so far."""

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-2, lr_decay: float = 0.0, weight_decay: float = 0.0,
        initial_accumulator_value: float = 0.0, eps: float = 1e-10, *, maximize: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(
            params,
            {
                "lr": lr, "lr_decay": lr_decay, "eps": eps, "weight_decay": weight_decay,
                "initial_accumulator_value": initial_accumulator_value, "maximize": maximize,
            },
        )  # fmt: skip

    def update(self, p: Array, g: Array, state: dict[str, Any], group: dict[str, Any]) -> None:
        g = decayed(p, g, state, group["weight_decay"])
        if "sum" not in state:
            state["sum"] = np.full_like(p, group["initial_accumulator_value"])
        total, scratch = state["sum"], buffer(state, "_scratch", p)
        t = state["step"] = state.get("step", 0) + 1
        total += np.multiply(g, g, out=scratch)
        np.sqrt(total, out=scratch)
        scratch += group["eps"]
        np.divide(g, scratch, out=scratch)
        scratch *= group["lr"] / (1 + (t - 1) * group["lr_decay"])
        p -= scratch


class Adadelta(Optimizer):
    """Zeiler 2012: the gradient times the ratio of the root mean squares of past steps and past gradients."""

    def __init__(
        self, params: Iterable[Any], lr: float = 1.0, rho: float = 0.9, eps: float = 1e-6, weight_decay: float = 0.0, *,
        maximize: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(params, {"lr": lr, "rho": rho, "eps": eps, "weight_decay": weight_decay, "maximize": maximize})

    def update(self, p: Array, g: Array, state: dict[str, Any], group: dict[str, Any]) -> None:
        g = decayed(p, g, state, group["weight_decay"])
        rho, eps = group["rho"], group["eps"]
        square, steps, scratch = buffer(state, "square_avg", p), buffer(state, "acc_delta", p), buffer(state, "_scratch", p)
        square *= rho
        np.multiply(g, g, out=scratch)
        scratch *= 1 - rho
        square += scratch
        step = np.sqrt((steps + eps) / (square + eps), out=scratch)
        step *= g
        steps *= rho
        steps += (1 - rho) * step * step
        step *= group["lr"]
        p -= step
