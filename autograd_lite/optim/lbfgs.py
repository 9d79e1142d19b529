"""L-BFGS: quasi-Newton steps from the last few gradients, for smooth losses on all the data at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from .optimizer import Optimizer, real_view


class LBFGS(Optimizer):
    """Limited-memory BFGS (Nocedal & Wright, algorithm 7.4), as PyTorch has it; it needs a closure.

    Parameters
    ----------
    params : iterable of Tensor
        One group, all of one dtype.
    lr : float
        The length of a step, as a share of the full quasi-Newton step.
    max_iter, max_eval : int
        Most steps, and most calls of the closure (by default a quarter more), in each ``step``.
    tolerance_grad, tolerance_change : float
        It stops where no entry of the gradient is larger than the first, or no entry of a step, or the change
        of the loss, is larger than the second.
    history_size : int
        How many of the last steps it remembers.
    line_search_fn : {None, "strong_wolfe"}
        With "strong_wolfe" each step is as long as a line search says (SciPy's, from the extra ``scipy``).

    Examples
    --------
    >>> import autograd_lite as ag
    >>> w = ag.tensor([3.0, -2.0], requires_grad=True)
    >>> opt = LBFGS([w])
    >>> def closure():
    ...     opt.zero_grad()
    ...     loss = ((w - 1.0) ** 2).sum()
    ...     loss.backward()
    ...     return loss
    >>> loss = opt.step(closure)
    >>> bool(abs(w - 1.0).max() < 1e-6)
    True
    """

    def __init__(
        self, params: Iterable[Any], lr: float = 1.0, max_iter: int = 20, max_eval: int | None = None,
        tolerance_grad: float = 1e-7, tolerance_change: float = 1e-9, history_size: int = 100,
        line_search_fn: str | None = None,
    ) -> None:  # fmt: skip
        if line_search_fn not in (None, "strong_wolfe"):
            raise ValueError(f"LBFGS: line_search_fn={line_search_fn!r} is neither None nor 'strong_wolfe'")
        options = {
            "lr": lr, "max_iter": max_iter, "max_eval": max_eval or max_iter * 5 // 4,
            "tolerance_grad": tolerance_grad, "tolerance_change": tolerance_change,
            "history_size": history_size, "line_search_fn": line_search_fn,
        }  # fmt: skip
        super().__init__(params, options)
        if len(self.param_groups) != 1:
            raise ValueError("LBFGS: one group of parameters only; it looks at all of them together")
        self._params = self.param_groups[0]["params"]
        self._history: dict[str, Any] = {"steps": [], "changes": [], "last": None}

    def _flat(self, gradients: bool = False) -> Any:
        parts = [p.data if not gradients else _gradient(p) for p in self._params]
        return np.concatenate([real_view(part).ravel() for part in parts])

    def _put(self, flat: Any) -> None:
        at = 0
        for p in self._params:
            value = real_view(p.data)
            value[...] = flat[at : at + value.size].reshape(value.shape)
            p._written()
            at += value.size

    def _direction(self, g: Any) -> Any:
        """Two loops over the history: the inverse Hessian's estimate times the gradient."""
        steps, changes = self._history["steps"], self._history["changes"]
        q, weights = -g, []
        for s, y in zip(reversed(steps), reversed(changes), strict=True):
            a = (s @ q) / (y @ s)
            q = q - a * y
            weights.append(a)
        if steps:
            q = q * ((changes[-1] @ steps[-1]) / (changes[-1] @ changes[-1]))
        for (s, y), a in zip(zip(steps, changes, strict=True), reversed(weights), strict=True):
            q = q + s * (a - (y @ q) / (y @ s))
        return q

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Take up to `max_iter` steps.

        `closure` clears the gradients, computes the loss, calls backward and returns the loss. Returned is
        the loss before the first step.
        """
        if closure is None:
            raise TypeError("LBFGS.step needs a closure that computes the loss and its gradients anew")
        group, history = self.param_groups[0], self._history
        first = loss = closure()
        g = self._flat(gradients=True)
        evaluations = 1
        for _ in range(group["max_iter"]):
            if np.abs(g).max(initial=0.0) <= group["tolerance_grad"] or evaluations >= group["max_eval"]:
                break
            if history["last"] is not None:
                s, y = history["last"][0], g - history["last"][1]
                if y @ s > 1e-10:
                    history["steps"].append(s)
                    history["changes"].append(y)
                    old = slice(0, -group["history_size"])
                    del history["steps"][old], history["changes"][old]
            d = self._direction(g)
            slope = float(g @ d)
            if slope > -group["tolerance_change"]:
                break
            start = history["last"] is None  # nothing is known of the curvature yet
            t = (min(1.0, 1.0 / float(np.abs(g).sum())) if start else 1.0) * group["lr"]
            x, before = self._flat(), float(_value(loss))
            if group["line_search_fn"]:
                t, used = self._searched(closure, x, d, g, before)
                evaluations += used
            self._put(x + t * d)
            history["last"] = (t * d, g)
            loss = closure()
            evaluations += 1
            g = self._flat(gradients=True)
            moved, gained = float(np.abs(t * d).max()), abs(float(_value(loss)) - before)
            if moved <= group["tolerance_change"] or gained < group["tolerance_change"]:
                break
        return first

    def _searched(
        self, closure: Callable[[], Any], x: Any, d: Any, g: Any, value: float
    ) -> tuple[float, int]:
        try:
            from scipy.optimize import line_search  # for this option alone
        except ImportError:
            raise ImportError("LBFGS(line_search_fn='strong_wolfe') needs SciPy: pip install scipy") from None

        seen: dict[bytes, tuple[float, Any]] = {}

        def at(point: Any) -> tuple[float, Any]:
            key = point.tobytes()
            if key not in seen:
                self._put(point)
                loss = closure()
                seen[key] = (float(_value(loss)), self._flat(gradients=True))
            return seen[key]

        t = line_search(lambda p: at(p)[0], lambda p: at(p)[1], x, d, g, value, maxiter=25)[0]
        if t is None:  # none meets both conditions, as at the limit of the dtype: one that gains
            t = next((t for t in (1.0, 0.1, 1e-2, 1e-3, 1e-4) if at(x + t * d)[0] < value), 0.0)
        return float(t), len(seen)

    def state_dict(self) -> dict[str, Any]:
        """With the steps and changes that it remembers."""
        history = {k: list(v) if isinstance(v, (list, tuple)) else v for k, v in self._history.items()}
        return {**super().state_dict(), "history": history}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """With the steps and changes that it remembers; nothing is changed if they do not fit."""
        given = state_dict.get("history")
        if not isinstance(given, Mapping) or set(given) != set(self._history):
            raise ValueError("LBFGS.load_state_dict: not the state of an LBFGS, which has a history")
        shape = self._flat().shape
        for array in (*given["steps"], *given["changes"], *(given["last"] or ())):
            if np.shape(array) != shape:
                what = f"a step of shape {np.shape(array)} for {shape} parameters"
                raise ValueError(f"LBFGS.load_state_dict: {what}")
        super().load_state_dict(state_dict)
        self._history = {k: list(v) if isinstance(v, (list, tuple)) else v for k, v in given.items()}


def _gradient(p: Any) -> Any:
    return np.zeros_like(p.data) if p.grad is None else p.grad.data


def _value(loss: Any) -> Any:
    """The number in a loss, be it a Tensor, an array or a number."""
    return loss.data if hasattr(loss, "requires_grad") else loss
