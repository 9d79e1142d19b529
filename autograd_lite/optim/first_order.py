"""Optimisers that use only the gradient. Names, arguments, defaults and formulas are PyTorch's.

In the formulas p is a parameter, g its gradient, and t the number of the step, from 1. Running values start at 0. With
``weight_decay`` g is the gradient plus ``weight_decay * p``; with ``maximize`` it is the negative gradient.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from .optimizer import Floats, Numbers, Optimizer, Options, Rule, options_of

FloatPair = tuple[float, float]


class _WithDecay(Optimizer):
    """The optimisers with weight decay, which is added to the gradient or, if decoupled, to the step."""

    def rule(self, p: Any, g: Any, state: Options, n: Any, group: Options) -> Rule:
        decoupled = group.get("decoupled_weight_decay")
        if group["weight_decay"] and not decoupled:
            g = n.weight_decay * p + g
        step, new = self._formula(g, state, n, group)
        return (step + n.decay * p if group["weight_decay"] and decoupled else step), new

    def _formula(self, g: Any, state: Options, n: Any, group: Options) -> Rule:
        """The rule without weight decay."""
        raise NotImplementedError


class _WithMean(_WithDecay):
    """The optimisers with running means in which what is new has the weight of 1 minus an option."""

    _old: str

    def numbers(self, group: Options, state: Options) -> Numbers:
        numbers, counters = super().numbers(group, state)
        return {**numbers, "new": 1 - numbers[self._old]}, counters


class _WithMoments(_WithDecay):
    """The optimisers with Adam's running means of g and of its square, and a count of the steps."""

    _betas = 2

    def initial(self, group: Options) -> Floats:
        return {"exp_avg": 0.0, "exp_avg_sq": 0.0, "step": 0}

    def numbers(self, group: Options, state: Options) -> Numbers:
        numbers, _ = super().numbers(group, state)
        numbers["beta1"], numbers["beta2"] = beta1, beta2 = group["betas"]
        numbers["new1"], numbers["new2"] = 1 - beta1, 1 - beta2
        numbers["decay"] = numbers["lr"] * numbers["weight_decay"]
        return numbers, {"step": state["step"] + 1}

    def _moments(self, g: Any, state: Options, n: Any) -> tuple[Any, Any]:
        """The two means after this step."""
        return n.beta1 * state["exp_avg"] + n.new1 * g, n.beta2 * state["exp_avg_sq"] + n.new2 * (g * g)


class SGD(_WithMean):
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

    _old = "dampening"

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-3, momentum: float = 0.0, dampening: float = 0.0,
        weight_decay: float = 0.0, nesterov: bool = False, *, maximize: bool = False, **how: Any,
    ) -> None:
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("SGD: nesterov=True needs a positive momentum and dampening=0")
        super().__init__(params, options_of(locals()), **how)

    def initial(self, group: Options) -> Floats:
        # With dampening the first step has another formula.
        return {"momentum_buffer": 0.0} if group["momentum"] and not group["dampening"] else {}

    def _formula(self, g: Any, state: Options, n: Any, group: Options) -> Rule:
        if not group["momentum"]:
            return n.lr * g, {}
        if "momentum_buffer" not in state:
            v = +g
        else:
            v = n.momentum * state["momentum_buffer"] + (n.new * g if group["dampening"] else g)
        return n.lr * (n.momentum * v + g if group["nesterov"] else v), {"momentum_buffer": v}


class Adam(_WithMoments):
    """Kingma & Ba 2015: the running mean of the gradient over the root of that of its square::

        m = β1 m + (1 - β1) g
        v = β2 v + (1 - β2) g²
        p = p - lr m̂ / (√v̂ + eps)      with m̂ = m / (1 - β1ᵗ), v̂ = v / (1 - β2ᵗ)

    (β1, β2) is `betas`. With ``amsgrad=True`` the largest v so far replaces v in v̂. With
    ``decoupled_weight_decay=True`` the weight decay is that of :class:`AdamW`.

    Examples
    --------
    >>> import autograd_lite as ag
    >>> w = ag.tensor([1.0, -20.0], requires_grad=True)
    >>> opt = Adam([w], lr=0.1)
    >>> (w**2).sum().backward()
    >>> opt.step(); w  # the first step has length `lr` for any gradient
    tensor([  0.9, -19.9], requires_grad=True)
    """

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-3,
        betas: FloatPair = (0.9, 0.999), eps: float = 1e-8,
        weight_decay: float = 0.0, amsgrad: bool = False, *, maximize: bool = False,
        decoupled_weight_decay: bool = False, **how: Any,
    ) -> None:
        super().__init__(params, options_of(locals()), **how)

    def initial(self, group: Options) -> Floats:
        return {**super().initial(group), **({"max_exp_avg_sq": 0.0} if group["amsgrad"] else {})}

    def numbers(self, group: Options, state: Options) -> Numbers:
        numbers, counters = super().numbers(group, state)
        (beta1, beta2), t = group["betas"], counters["step"]
        # lr * (m / (1 - beta1**t)) / (sqrt(v / (1 - beta2**t)) + eps), numerator and denominator times
        # sqrt(1 - beta2**t): that saves a pass over the arrays that would only multiply by a number.
        root = math.sqrt(1 - beta2**t)
        numbers["rate"] = numbers["lr"] * root / (1 - beta1**t)
        numbers["eps"] *= root
        return numbers, counters

    def _formula(self, g: Any, state: Options, n: Any, group: Options) -> Rule:
        m, v = self._moments(g, state, n)
        new = {"exp_avg": m, "exp_avg_sq": v}
        if group["amsgrad"]:
            new["max_exp_avg_sq"] = v = np.maximum(state["max_exp_avg_sq"], v)
        return n.rate * (m / (np.sqrt(v) + n.eps)), new


class AdamW(Adam):
    """Loshchilov & Hutter 2019: Adam, with the weight decay subtracted from the parameter and not added to g::

        p = p - lr (m̂ / (√v̂ + eps) + weight_decay p)

    >>> import autograd_lite as ag
    >>> w = ag.tensor([1.0, -20.0], requires_grad=True)
    >>> opt = ag.optim.AdamW([w], lr=0.1)
    >>> (w**2).sum().backward()
    >>> opt.step(); w
    tensor([  0.899, -19.88 ], requires_grad=True)
    """

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-3,
        betas: FloatPair = (0.9, 0.999), eps: float = 1e-8,
        weight_decay: float = 1e-2, amsgrad: bool = False, *, maximize: bool = False, **how: Any,
    ) -> None:
        super().__init__(params, **options_of(locals()), decoupled_weight_decay=True, **how)


class NAdam(_WithMoments):
    """Dozat 2016: Adam with Nesterov momentum::

        μₜ = β1 (1 - ½ 0.96^(t momentum_decay))
        p = p - lr (g (1 - μₜ) / (1 - μ₁…μₜ) + m μₜ₊₁ / (1 - μ₁…μₜ₊₁)) / (√v̂ + eps)

    with m and v̂ of :class:`Adam`.
    """

    def __init__(
        self, params: Iterable[Any], lr: float = 2e-3,
        betas: FloatPair = (0.9, 0.999), eps: float = 1e-8,
        weight_decay: float = 0.0, momentum_decay: float = 4e-3, decoupled_weight_decay: bool = False, *,
        maximize: bool = False, **how: Any,
    ) -> None:
        super().__init__(params, options_of(locals()), **how)

    def initial(self, group: Options) -> Floats:
        return {**super().initial(group), "mu_product": 1.0}

    def numbers(self, group: Options, state: Options) -> Numbers:
        numbers, counters = super().numbers(group, state)
        (beta1, beta2), t = group["betas"], counters["step"]
        lr, decay = numbers["lr"], numbers["momentum_decay"]
        now, after = beta1 * (1 - 0.5 * 0.96 ** (t * decay)), beta1 * (1 - 0.5 * 0.96 ** ((t + 1) * decay))
        product = state["mu_product"] * now
        numbers |= {
            "rate": lr * (1 - now) / (1 - product), "ahead": lr * after / (1 - product * after),
            "correction": 1 - beta2**t,
        }  # fmt: skip
        return numbers, {"step": t, "mu_product": product}

    def _formula(self, g: Any, state: Options, n: Any, group: Options) -> Rule:
        m, v = self._moments(g, state, n)
        step = (n.rate * g + n.ahead * m) / (np.sqrt(v / n.correction) + n.eps)
        return step, {"exp_avg": m, "exp_avg_sq": v}


class RAdam(_WithMoments):
    """Liu et al. 2020: Adam with a rectified adaptive rate, and without one in the first steps::

        ρ∞ = 2 / (1 - β2) - 1
        ρ = ρ∞ - 2 t β2ᵗ / (1 - β2ᵗ)
        r = √((ρ - 4) (ρ - 2) ρ∞ / ((ρ∞ - 4) (ρ∞ - 2) ρ))
        p = p - lr m̂ r √(1 - β2ᵗ) / (√v + eps)      where ρ > 5
        p = p - lr m̂                                otherwise

    with m̂ and v of :class:`Adam`.
    """

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-3,
        betas: FloatPair = (0.9, 0.999), eps: float = 1e-8,
        weight_decay: float = 0.0, decoupled_weight_decay: bool = False, *, maximize: bool = False, **how: Any,
    ) -> None:
        super().__init__(params, options_of(locals()), **how)

    def numbers(self, group: Options, state: Options) -> Numbers:
        numbers, counters = super().numbers(group, state)
        (beta1, beta2), t = group["betas"], counters["step"]
        rate, limit = numbers["lr"] / (1 - beta1**t), 2 / (1 - beta2) - 1
        length = limit - 2 * t * beta2**t / (1 - beta2**t)
        # One rule for both formulas: the rate of the other is 0, and its denominator is not.
        numbers |= {"plain": rate, "rate": 0.0, "eps": 1.0}
        if length > 5:
            r2 = (length - 4) * (length - 2) * limit / ((limit - 4) * (limit - 2) * length)
            numbers |= {"plain": 0.0, "rate": rate * math.sqrt(r2 * (1 - beta2**t)), "eps": float(group["eps"])}
        return numbers, counters

    def _formula(self, g: Any, state: Options, n: Any, group: Options) -> Rule:
        m, v = self._moments(g, state, n)
        return m * (n.rate / (np.sqrt(v) + n.eps) + n.plain), {"exp_avg": m, "exp_avg_sq": v}


class Adamax(_WithMoments):
    """Kingma & Ba 2015: Adam with the largest recent gradient instead of the root mean square::

        u = max(β2 u, |g| + eps)
        p = p - lr m̂ / u

    with m̂ of :class:`Adam`.
    """

    def __init__(
        self, params: Iterable[Any], lr: float = 2e-3,
        betas: FloatPair = (0.9, 0.999), eps: float = 1e-8,
        weight_decay: float = 0.0, *, maximize: bool = False, **how: Any,
    ) -> None:
        super().__init__(params, options_of(locals()), **how)

    def initial(self, group: Options) -> Floats:
        return {"exp_avg": 0.0, "exp_inf": 0.0, "step": 0}

    def numbers(self, group: Options, state: Options) -> Numbers:
        numbers, counters = super().numbers(group, state)
        return {**numbers, "rate": numbers["lr"] / (1 - group["betas"][0] ** counters["step"])}, counters

    def _formula(self, g: Any, state: Options, n: Any, group: Options) -> Rule:
        m = n.beta1 * state["exp_avg"] + n.new1 * g
        u = np.maximum(n.beta2 * state["exp_inf"], np.absolute(g) + n.eps)
        return n.rate * (m / u), {"exp_avg": m, "exp_inf": u}


class RMSprop(_WithMean):
    """Tieleman & Hinton 2012: the gradient over its running root mean square::

        v = alpha v + (1 - alpha) g²
        p = p - lr g / (√v + eps)

    With ``centered=True``, v minus the square of the running mean of g takes the place of v under the root. With
    momentum, ``b = momentum b + g / (√v + eps)`` and ``p = p - lr b``.
    """

    _old = "alpha"

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-2, alpha: float = 0.99, eps: float = 1e-8,
        weight_decay: float = 0.0, momentum: float = 0.0, centered: bool = False, *, maximize: bool = False, **how: Any,
    ) -> None:
        super().__init__(params, options_of(locals()), **how)

    def initial(self, group: Options) -> Floats:
        used = {"square_avg": True, "grad_avg": group["centered"], "momentum_buffer": group["momentum"]}
        return {name: 0.0 for name, on in used.items() if on}

    def _formula(self, g: Any, state: Options, n: Any, group: Options) -> Rule:
        v = n.alpha * state["square_avg"] + n.new * (g * g)
        new = {"square_avg": v}
        if group["centered"]:
            new["grad_avg"] = mean = n.alpha * state["grad_avg"] + n.new * g
            v = v - mean * mean
        step = g / (np.sqrt(v) + n.eps)
        if group["momentum"]:
            new["momentum_buffer"] = step = n.momentum * state["momentum_buffer"] + step
        return n.lr * step, new


class Adagrad(_WithDecay):
    """Duchi, Hazan & Singer 2011: the gradient over the root of the sum of its squares so far::

        s = s + g²                              (s starts at initial_accumulator_value)
        p = p - lr / (1 + (t - 1) lr_decay) g / (√s + eps)

    >>> import autograd_lite as ag
    >>> w = ag.tensor([1.0, -20.0], requires_grad=True)
    >>> opt = ag.optim.Adagrad([w], lr=0.1)
    >>> (w**2).sum().backward()
    >>> opt.step(); w
    tensor([  0.9, -19.9], requires_grad=True)
    """

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-2, lr_decay: float = 0.0, weight_decay: float = 0.0,
        initial_accumulator_value: float = 0.0, eps: float = 1e-10, *, maximize: bool = False, **how: Any,
    ) -> None:
        super().__init__(params, options_of(locals()), **how)

    def initial(self, group: Options) -> Floats:
        return {"sum": group["initial_accumulator_value"], "step": 0}

    def numbers(self, group: Options, state: Options) -> Numbers:
        numbers, _ = super().numbers(group, state)
        before = state["step"]
        return {**numbers, "rate": numbers["lr"] / (1 + before * numbers["lr_decay"])}, {"step": before + 1}

    def _formula(self, g: Any, state: Options, n: Any, group: Options) -> Rule:
        total = state["sum"] + g * g
        return n.rate * (g / (np.sqrt(total) + n.eps)), {"sum": total}


class Adadelta(_WithMean):
    """Zeiler 2012: the gradient times the ratio of the root mean squares of past steps and past gradients::

        v = rho v + (1 - rho) g²
        d = √(u + eps) / √(v + eps) g
        u = rho u + (1 - rho) d²
        p = p - lr d

    >>> import autograd_lite as ag
    >>> w = ag.tensor([1.0, -20.0], requires_grad=True)
    >>> opt = ag.optim.Adadelta([w], lr=0.1)
    >>> (w**2).sum().backward()
    >>> opt.step(); w
    tensor([  0.99968377, -19.99968377], requires_grad=True)
    """

    _old = "rho"

    def __init__(
        self, params: Iterable[Any], lr: float = 1.0, rho: float = 0.9, eps: float = 1e-6,
        weight_decay: float = 0.0, *, maximize: bool = False, **how: Any,
    ) -> None:
        super().__init__(params, options_of(locals()), **how)

    def initial(self, group: Options) -> Floats:
        return {"square_avg": 0.0, "acc_delta": 0.0}

    def _formula(self, g: Any, state: Options, n: Any, group: Options) -> Rule:
        v = n.rho * state["square_avg"] + n.new * (g * g)
        step = np.sqrt((state["acc_delta"] + n.eps) / (v + n.eps)) * g
        return n.lr * step, {"square_avg": v, "acc_delta": n.rho * state["acc_delta"] + n.new * (step * step)}


class ASGD(Optimizer):
    """Polyak & Juditsky 1992: gradient descent with a decaying rate, and the mean of the parameter after step t0 + 1::

        p = p - η (g + lambd p)
        a = a + μ (p - a)                   the state "ax"
        η = lr / (1 + lambd lr t) ^ alpha   in the next step; lr in the first
        μ = 1 / max(1, t - t0)              likewise; 1 in the first
    """

    _nonnegative = (*Optimizer._nonnegative, "lambd", "t0")

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-2, lambd: float = 1e-4, alpha: float = 0.75, t0: float = 1e6,
        weight_decay: float = 0.0, *, maximize: bool = False, **how: Any,
    ) -> None:
        super().__init__(params, options_of(locals()), **how)

    def initial(self, group: Options) -> Floats:
        return {"ax": 0.0, "step": 0, "eta": float(group["lr"]), "mu": 1.0}

    def numbers(self, group: Options, state: Options) -> Numbers:
        numbers, _ = super().numbers(group, state)
        lr, lambd, eta, mu, t = numbers["lr"], numbers["lambd"], state["eta"], state["mu"], state["step"] + 1
        after = {"step": t, "eta": lr / (1 + lambd * lr * t) ** group["alpha"], "mu": 1 / max(1.0, t - group["t0"])}
        return {**numbers, "eta": eta, "mu": mu, "old": 1 - mu}, after

    def rule(self, p: Any, g: Any, state: Options, n: Any, group: Options) -> Rule:
        g = n.weight_decay * p + g if group["weight_decay"] else g
        step = n.eta * (g + n.lambd * p)
        return step, {"ax": n.old * state["ax"] + n.mu * (p - step)}


class Rprop(Optimizer):
    """Riedmiller & Braun 1993: only the sign of the gradient matters; for training on all data in one batch::

        d = η⁺ d, at most step_sizes[1]     where g has the sign of the step before
        d = η⁻ d, at least step_sizes[0]    where it has the other sign; g is then 0
        p = p - d sign(g)

    d starts at lr, and (η⁻, η⁺) is `etas`.
    """

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-2, etas: FloatPair = (0.5, 1.2),
        step_sizes: FloatPair = (1e-6, 50.0), *, maximize: bool = False, **how: Any,
    ) -> None:
        if not 0 < etas[0] < 1 < etas[1]:
            raise ValueError(f"Rprop: expected etas with 0 < etas[0] < 1 < etas[1], got {etas}")
        super().__init__(params, options_of(locals()), **how)

    def initial(self, group: Options) -> Floats:
        return {"prev": 0.0, "step_size": float(group["lr"]), "step": 0}

    def numbers(self, group: Options, state: Options) -> Numbers:
        (minus, plus), (least, most) = group["etas"], group["step_sizes"]
        return {"minus": minus, "plus": plus, "least": least, "most": most}, {"step": state["step"] + 1}

    def rule(self, p: Any, g: Any, state: Options, n: Any, group: Options) -> Rule:
        same, d = g * state["prev"], state["step_size"]
        d = np.where(same > 0, n.plus * d, np.where(same < 0, n.minus * d, d))
        d = np.minimum(np.maximum(d, n.least), n.most)
        g = np.where(same < 0, np.zeros_like(g), g)
        return d * np.sign(g), {"prev": g, "step_size": d}
