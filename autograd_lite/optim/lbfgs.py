"""L-BFGS: a quasi-Newton step from the last few gradients, for smooth losses on all the data at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from .optimizer import Optimizer


class LBFGS(Optimizer):
    """Limited-memory BFGS (Nocedal & Wright, algorithm 7.4), as PyTorch has it; it needs a closure.

    Parameters
    ----------
    params : iterable of Tensor
    lr, max_iter, max_eval, tolerance_grad, tolerance_change, history_size
        PyTorch's.
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
            "lr": lr, "max_iter": max_iter, "max_eval": max_eval or max_iter * 5 // 4, "tolerance_grad": tolerance_grad,
            "tolerance_change": tolerance_change, "history_size": history_size, "line_search_fn": line_search_fn,
        }  # fmt: skip
        super().__init__(params, options)
        if len(self.param_groups) != 1:
            raise ValueError("LBFGS: one group of parameters only; it looks at all of them together")
        self._params = self.param_groups[0]["params"]
        self._history: dict[str, Any] = {"steps": [], "changes": [], "last": None}

    def _flat(self, gradients: bool = False) -> Any:
        parts = [(np.zeros(p.shape, p.dtype) if p.grad is None else p.grad.data) if gradients else p.data for p in self._params]
        return np.concatenate([part.ravel() for part in parts])

    def _put(self, flat: Any) -> None:
        at = 0
        for p in self._params:
            p.data[...] = flat[at : at + p.size].reshape(p.shape)
            p._written()
            at += p.size

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
        """Take up to `max_iter` steps; `closure` clears the gradients, computes the loss, calls backward, returns the loss."""
        if closure is None:
            raise TypeError("LBFGS.step needs a closure that computes the loss and its gradients again")
        group, history = self.param_groups[0], self._history
        first = loss = closure()
        g = self._flat(gradients=True)
        evaluations = 1
        for k in range(group["max_iter"]):
            if np.abs(g).max(initial=0.0) <= group["tolerance_grad"] or evaluations >= group["max_eval"]:
                break
            if history["last"] is not None:
                s, y = history["last"][0], g - history["last"][1]
                if y @ s > 1e-10:
                    history["steps"].append(s)
                    history["changes"].append(y)
                    del history["steps"][: -group["history_size"]], history["changes"][: -group["history_size"]]
            d = self._direction(g)
            slope = float(g @ d)
            if slope > -group["tolerance_change"]:
                break
            t = group["lr"] if history["steps"] or k else min(1.0, 1.0 / float(np.abs(g).sum())) * group["lr"]
            x, before = self._flat(), float(_value(loss))
            if group["line_search_fn"]:
                t, used = self._searched(closure, x, d, g, before)
                evaluations += used
            self._put(x + t * d)
            history["last"] = (t * d, g)
            loss = closure()
            evaluations += 1
            g = self._flat(gradients=True)
            if np.abs(t * d).max() <= group["tolerance_change"] or abs(float(_value(loss)) - before) < group["tolerance_change"]:
                break
        return first

    def _searched(self, closure: Callable[[], Any], x: Any, d: Any, g: Any, value: float) -> tuple[float, int]:
        from scipy.optimize import line_search  # the extra `scipy`, for this option alone

        seen: dict[bytes, tuple[float, Any]] = {}

        def at(point: Any) -> tuple[float, Any]:
            key = point.tobytes()
            if key not in seen:
                self._put(point)
                loss = closure()
                seen[key] = (float(_value(loss)), self._flat(gradients=True))
            return seen[key]

        t = line_search(lambda p: at(p)[0], lambda p: at(p)[1], x, d, g, value)[0]
        return (1e-3 if t is None else float(t)), len(seen)

    def state_dict(self) -> dict[str, Any]:
        """With the history."""
        return {**super().state_dict(), "history": {k: list(v) if isinstance(v, list) else v for k, v in self._history.items()}}

    def load_state_dict(self, state_dict: Any) -> None:
        """With the history."""
        super().load_state_dict(state_dict)
        self._history = {k: list(v) if isinstance(v, list) else v for k, v in state_dict["history"].items()}


def _value(loss: Any) -> Any:
    return loss.data if hasattr(loss, "data") and not isinstance(loss, (float, np.generic)) else loss
