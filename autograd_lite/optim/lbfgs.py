"""L-BFGS: quasi-Newton steps from the last few gradients, for smooth losses on all the data at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import copy
from typing import Any

import numpy as np

from ..base.snapshots import about_to_step, about_to_write
from ..engine.operands import raw
from .line_search import Point, strong_wolfe
from .optimizer import Array, Closure, Optimizer, Options, State, called, options_of, real_view


class LBFGS(Optimizer):
    """Limited-memory BFGS (Nocedal & Wright, algorithm 7.4), as in PyTorch; it needs a closure::

        p = p - t H g

    H estimates the inverse Hessian. It starts as a multiple of the identity, and each remembered step s, over which
    the gradient changed by y, updates it::

        H = (I - s yᵀ / yᵀs) H (I - y sᵀ / yᵀs) + s sᵀ / yᵀs

    Parameters
    ----------
    params : iterable of Tensor
        One group, of one dtype.
    lr : float
        The length t of a step.
    max_iter, max_eval : int
        The most steps, and the most calls of the closure (by default a quarter more), in each ``step``.
    tolerance_grad, tolerance_change : float
        Stop when no entry of the gradient exceeds the first, or when neither an entry of a step nor the change of the
        loss exceeds the second.
    history_size : int
        The number of steps to remember.
    line_search_fn : {None, "strong_wolfe"}
        With "strong_wolfe" a line search finds the length of each step, starting from `lr`.

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
    ) -> None:
        if line_search_fn not in (None, "strong_wolfe"):
            raise ValueError(f"LBFGS: expected line_search_fn as None or 'strong_wolfe', got {line_search_fn!r}")
        max_eval = max_eval or max_iter * 5 // 4
        super().__init__(params, options_of(locals()))
        if len(self.param_groups) != 1:
            raise ValueError(f"LBFGS: expected one group of parameters, got {len(self.param_groups)}")
        self._params = self.param_groups[0]["params"]
        self._history: State = {"steps": [], "changes": [], "last": None}

    def _flat(self, arrays: Iterable[Array]) -> Array:
        return np.concatenate([real_view(part).ravel() for part in arrays])

    def _values(self) -> Array:
        return self._flat(p.data for p in self._params)

    def _put(self, flat: Array) -> None:
        """Write the values of all parameters."""
        at = 0
        for p in self._params:
            about_to_write(p)
            value = real_view(p.data)
            value[...] = flat[at : at + value.size].reshape(value.shape)
            p._written()
            at += value.size

    def step(self, closure: Closure | None = None) -> Any:
        """Take up to `max_iter` steps.

        `closure` clears the gradients, computes the loss, calls backward and returns the loss. This method returns the
        loss before the first step. After an error or an interrupt, parameters and history are as before the call.
        """
        if closure is None:
            raise TypeError("LBFGS.step: expected a closure that computes the loss and its gradients")
        about_to_step(self)
        history = {k: copy(v) for k, v in self._history.items()}
        before = self._values()
        try:
            first = self._steps(closure, history)
        except BaseException:
            if not np.array_equal(self._values(), before):
                self._put(before)
            raise
        self._history = history
        return first

    def _steps(self, closure: Closure, history: State) -> Any:
        """In PyTorch's order, so that the closure is called at the same points."""
        group = self.param_groups[0]
        tolerance, most = group["tolerance_change"], group["max_eval"]
        first, loss, g = self._evaluated(closure)
        evaluations = 1
        for k in range(1, group["max_iter"] + 1):
            if np.abs(g).max(initial=0.0) <= group["tolerance_grad"]:
                break
            start = history["last"] is None  # the curvature is still unknown
            if not start:
                _remember(history, history["last"][0], g - history["last"][1], group["history_size"])
            d = _direction(g, history)
            t = (min(1.0, 1.0 / float(np.abs(g).sum())) if start else 1.0) * group["lr"]
            slope, before, x, before_g = float(g @ d), loss, self._values(), g
            history["last"] = (t * d, g)
            if slope > -tolerance:
                break
            if group["line_search_fn"]:

                def at(t: float, x: Array = x, d: Array = d) -> Point:
                    self._put(x + t * d)
                    _, loss, g = self._evaluated(closure)
                    return Point(t, loss, g, float(g @ d))

                point, used = strong_wolfe(
                    at, Point(0.0, loss, g, slope), t, most - evaluations,
                    tolerance / float(np.abs(d).max()),
                )
                t, loss, g = point.t, point.f, point.g
                self._put(x + t * d)
                evaluations += used
            else:
                self._put(x + t * d)
                if k < group["max_iter"]:  # nothing uses it after the last step
                    _, loss, g = self._evaluated(closure)
                    evaluations += 1
            history["last"] = (t * d, before_g)
            if evaluations >= most or np.abs(t * d).max() <= tolerance or abs(loss - before) < tolerance:
                break
        return first

    def _evaluated(self, closure: Closure) -> tuple[Any, float, Array]:
        """The closure's result, the loss as a number, and the gradient."""
        loss = called(closure)
        gradients = (np.zeros_like(p.data) if p.grad is None else p.grad.data for p in self._params)
        return loss, float(raw(loss)), self._flat(gradients)

    def state_dict(self) -> State:
        """The state and the options, with the remembered steps and changes of the gradient."""
        about_to_step(self)
        return {**super().state_dict(), "history": {k: copy(v) for k, v in self._history.items()}}

    def load_state_dict(self, state_dict: Options) -> None:
        history = self._checked_history(state_dict, "LBFGS.load_state_dict")
        super().load_state_dict(state_dict)
        self._history = history

    load_state_dict.__doc__ = Optimizer.load_state_dict.__doc__

    def _checked_history(self, state_dict: Options, who: str) -> State:
        history = state_dict.get("history") if isinstance(state_dict, Mapping) else None
        if not isinstance(history, Mapping) or set(history) != set(self._history):
            raise ValueError(f"{who}: expected the state of an LBFGS, with its history")
        steps, changes, last = history["steps"], history["changes"], history["last"] or ()
        are_lists = all(isinstance(of, (list, tuple)) for of in (steps, changes, last))
        if not are_lists or len(steps) != len(changes) or len(last) not in (0, 2):
            expected = "expected 'steps' and 'changes' as lists of one length, and 'last' as a step and a gradient"
            raise ValueError(f"{who}: {expected}, got {history!r:.80}")
        flat = self._values()
        for array in (*steps, *changes, *last):
            if np.shape(array) != flat.shape or np.asarray(array).dtype.kind != "f":
                got = f"shape {np.shape(array)} and dtype {np.asarray(array).dtype}"
                raise ValueError(f"{who}: expected steps of {flat.size} floating-point numbers, got {got}")
        s, y, pair = ([np.array(x, flat.dtype) for x in arrays] for arrays in (steps, changes, last))
        return {"steps": s, "changes": y, "last": tuple(pair) or None}


def _remember(history: State, s: Any, y: Any, size: int) -> None:
    """Add a step and the change of the gradient over it, unless the curvature along it is not positive."""
    if y @ s > 1e-10:
        history["steps"].append(s)
        history["changes"].append(y)
        del history["steps"][:-size], history["changes"][:-size]


def _direction(g: Any, history: State) -> Any:
    """Two loops over the history: the estimate of the inverse Hessian times the negative gradient."""
    steps, changes = history["steps"], history["changes"]
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
