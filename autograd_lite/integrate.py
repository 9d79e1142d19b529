"""scipy.integrate, with derivatives: ordinary differential equations.

The solution is computed by explicit Runge-Kutta steps, and the derivative is that of the computed solution: each step
is differentiated. An adjoint equation, solved backwards from the end, would need no memory for the steps. But if
solutions approach each other, it is unstable and gives wrong gradients.

Source: J. R. Dormand and P. J. Prince, "A family of embedded Runge-Kutta formulae" (1980); E. Hairer, S. P. Nørsett and
G. Wanner, "Solving ordinary differential equations I" (1993), section II.4, for the size of the steps.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .base.listing import public_names as _public_names
from .base.tree import leaves, rebuild
from .engine.context import is_traced
from .engine.operands import raw
from .rules._arrays import floating, operand
from .tensor import Tensor
from .transforms.opaque import check_captured, opaque

#: For each stage the weights of the slopes before it. Those of the last stage are the step itself.
_STAGES = (
    (1 / 5,),
    (3 / 40, 9 / 40),
    (44 / 45, -56 / 15, 32 / 9),
    (19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729),
    (9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656),
    (35 / 384, 0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84),
)
#: The difference to a step of order 4, which estimates the error.
_ERROR = (71 / 57600, 0, -71 / 16695, 71 / 1920, -17253 / 339200, 22 / 525, -1 / 40)


def odeint(
    func: Callable[..., Any], y0: Any, t: Any, args: Any = (), *, rtol: float = 1.49012e-8, atol: float = 1.49012e-8,
    tfirst: bool = False, mxstep: int = 10_000,
) -> Any:
    """The solution of ``dy/dt = func(y, t, *args)`` that starts at ``y(t[0]) = y0``; SciPy's name and parameters.

    It has derivatives with respect to `y0`, `t`, `args`, and Tensors that `func` captures. In a traced function
    (`ag.jit`, `ag.vmap`) it is one operation, and `func` must get traced values that it depends on through `args`.

    Parameters
    ----------
    func : callable
        Returns dy/dt, in the shape of `y0`. With ``tfirst=True`` it is called as ``func(t, y, *args)``.
    y0 : array_like, shape (n,)
        Any other shape is accepted; a number counts as a vector of one entry.
    t : array_like, shape (m,)
        The times of the results, in increasing or decreasing order; the first is that of `y0`.
    args : tuple
        Numbers, arrays or Tensors, or trees of them.
    rtol, atol : float
        The error of a step is at most ``atol + rtol * abs(y)``, in the root mean square.
    tfirst : bool
        Whether `func` takes the time as its first argument.
    mxstep : int
        The largest number of steps between two times. Stiff equations need more, and a RuntimeError says so.

    Returns
    -------
    array or Tensor, shape (m, n)

    Examples
    --------
    >>> import autograd_lite as ag
    >>> decay = lambda rate: odeint(lambda y, t, rate: -rate * y, 1.0, [0.0, 2.0], (rate,))[-1, 0]
    >>> float(decay(0.5)), float(ag.grad(decay)(0.5))  # exp(-2 rate) and -2 exp(-2 rate)
    (0.367879, -0.735759)
    """
    y0, t = np.atleast_1d(floating(y0)), operand(t)
    signs = np.sign(np.diff(raw(t)))
    if t.ndim != 1 or not t.size or not abs(signs.sum()) == signs.size:
        raise ValueError(f"odeint: expected increasing or decreasing times as a vector, got t={raw(t)}")
    args = args if isinstance(args, tuple) else (args,)

    def slope_with(values: Any) -> Callable[[Any, Any], Any]:
        others = rebuild(args, list(values))

        def slope(y: Any, t: Any) -> Any:
            y = y.copy() if isinstance(y, np.ndarray) else y  # as in SciPy, func may write into it
            dy = operand(func(t, y, *others) if tfirst else func(y, t, *others))
            if dy.shape != y0.shape:
                name = getattr(func, "__name__", "func")
                raise ValueError(f"odeint: expected a slope of shape {y0.shape} from {name}, got {dy.shape}")
            return np.copy(dy) if getattr(dy, "_node", None) is None else dy  # or into the array that it returned last

        return slope

    def solution(y: Any, t: Any, *values: Any) -> Any:
        return _solution(slope_with(values), y, t, rtol, atol, mxstep)

    operands = [y0, t, *leaves(args)]
    start = slope_with(operands[2:])(y0, t[0])
    if not any(isinstance(x, Tensor) and is_traced(x) for x in (*operands, start)):
        return solution(*operands)
    arrays = [np.asarray(raw(x)) for x in operands]
    check_captured("odeint", lambda: slope_with(arrays[2:])(arrays[0], arrays[1][0]))
    return opaque("odeint").apply(solution, *operands)


def _solution(slope: Callable[[Any, Any], Any], y: Any, t: Any, rtol: float, atol: float, mxstep: int) -> Any:
    """The solution of arrays or Tensors. How long a step is depends on values alone, and is not differentiated."""
    dtype, y = y.dtype, y.astype(np.result_type(y.dtype, float))  # the tolerance is below the precision of float32

    def size(change: Any, *ys: Any) -> float:
        """A change in units of the tolerance."""
        scale = atol + rtol * np.max(np.abs(list(map(raw, ys))), axis=0)
        return float(np.sqrt(np.mean(np.abs(raw(change) / scale) ** 2))) if y.size else 0.0

    states, k = [y], slope(y, t[0])
    h = 0.01 * size(y, y) / (size(k, y) or 1.0) or 1e-6
    for i in range(len(t) - 1):
        start, span = t[i], t[i + 1] - t[i]
        length, done = abs(float(raw(span))), 0.0  # the part of the interval that is integrated
        for _ in range(mxstep):
            part = min(h / length, 1.0)
            part = 1 - done if done + part > 1 - 1e-9 else part
            new, slopes = _step(slope, y, start + done * span, part * span, k)
            error = size(part * span * _weighted(_ERROR, slopes), y, new)
            wanted = part * length * min(5.0, max(0.1, 0.9 * max(error, 1e-10) ** -0.2))
            if not error <= 1:
                h = wanted if error < np.inf else 0.1 * part * length
                continue
            done, y, k, h = done + part, new, slopes[-1], max(wanted, h) if done + part >= 1 else wanted
            if done >= 1:
                break
        else:
            raise RuntimeError(
                f"odeint: {mxstep} steps did not reach t={raw(t[i + 1])} from t={raw(t[i])}: the equation is "
                "stiff, or its solution is infinite; raise mxstep, or shorten the interval"
            )
        states.append(y)
    return np.stack(states).astype(dtype)


def _step(slope: Callable[[Any, Any], Any], y: Any, t: Any, h: Any, k: Any) -> tuple[Any, list[Any]]:
    """The solution at ``t + h``, and the slopes of the stages, of which `k` is the first."""
    slopes, new = [k], y
    for weights in _STAGES:
        new = y + h * _weighted(weights, slopes)
        slopes.append(slope(new, t + h * math.fsum(weights)))
    return new, slopes


def _weighted(weights: Sequence[float], slopes: Sequence[Any]) -> Any:
    return sum(w * k for w, k in zip(weights, slopes, strict=True) if w)


__dir__ = _public_names(__name__)
