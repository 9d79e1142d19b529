"""scipy.integrate: ordinary differential equations, with derivatives.

The solution is computed by explicit Runge-Kutta steps, and the derivative is that of the computed solution: each step
is differentiated. An adjoint equation, solved backwards from the end, would need no memory for the steps. But where
solutions approach each other it is unstable, and returns wrong gradients.

Source: J. R. Dormand and P. J. Prince, "A family of embedded Runge-Kutta formulae" (1980); E. Hairer, S. P. Nørsett and
G. Wanner, "Solving ordinary differential equations I" (1993), section II.4, for the size of the steps.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from .base.tree import leaves, rebuild
from .engine.context import changed, is_traced, no_grad
from .engine.operands import raw
from .rules._arrays import operand
from .tensor import Tensor
from .transforms.function import Function
from .transforms.grad import vjp

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
    tfirst: bool = False, mxstep: int = 100_000,
) -> Any:
    """The solution of ``dy/dt = func(y, t, *args)`` that starts at ``y(t[0]) = y0``; SciPy's name and parameters.

    It has derivatives with respect to `y0`, `t`, `args`, and Tensors that `func` captures. In a traced function
    (`ag.jit`, `ag.vmap`) it is one step of the program, and `func` has to get what it depends on through `args`.

    Parameters
    ----------
    func : callable
        Returns the slope, in the shape of `y0`.
    y0 : array_like, shape (n,)
        Or any other shape; a number counts as a vector of one entry.
    t : array_like, shape (m,)
        The times of the results, in increasing or decreasing order; the first is that of `y0`.
    args : tuple
        Numbers, arrays or Tensors, to pass to `func`.
    rtol, atol : float
        The error of a step is at most ``atol + rtol * abs(y)``, in the root mean square.
    tfirst : bool
        Call ``func(t, y, *args)`` instead.
    mxstep : int
        The largest number of steps between two times.

    Returns
    -------
    array or Tensor, shape (m, n)

    Raises
    ------
    RuntimeError
        If more than `mxstep` steps are needed: the method is not for stiff equations.

    Examples
    --------
    >>> import autograd_lite as ag
    >>> decay = lambda rate: odeint(lambda y, t, rate: -rate * y, 1.0, [0.0, 2.0], (rate,))[-1, 0]
    >>> float(decay(0.5)), float(ag.grad(decay)(0.5))  # exp(-2 rate) and -2 exp(-2 rate)
    (0.367879, -0.735759)
    """
    y0, t = np.atleast_1d(operand(y0)), operand(t)
    signs = np.sign(np.diff(raw(t)))
    if t.ndim != 1 or not t.size or not np.all(signs == signs[:1]) or not np.all(signs):
        raise ValueError(f"odeint: expected increasing or decreasing times as a vector, got t={raw(t)}")
    y0 = y0 if y0.dtype.kind in "fc" else y0.astype(float)
    args = args if isinstance(args, tuple) else (args,)
    equation = _Equation(func, tfirst, y0, args, (rtol, atol, mxstep))
    operands = [y0, t, *leaves(args)]
    start = equation.slope(operands)(y0, t[0])
    if not any(isinstance(x, Tensor) and is_traced(x) for x in (*operands, start)):
        return equation.solution(*operands)
    arrays = [np.asarray(raw(x)) for x in operands]
    if isinstance(equation.slope(arrays)(arrays[0], arrays[1][0]), Tensor):
        raise RuntimeError(
            "odeint: func uses a tensor in a traced program that is not among its arguments: pass it in args="
        )
    return _Solved.apply(equation.solution, *operands)


class _Equation:
    """The differential equation and how to solve it. Its operands are ``y0, t`` and the leaves of ``args``."""

    def __init__(self, func: Any, tfirst: bool, y0: Any, args: Any, options: tuple[float, float, int]) -> None:
        self.func, self.tfirst, self.args, self.options = func, tfirst, args, options
        self.shape, self.dtype = y0.shape, y0.dtype
        self.inner = np.result_type(y0.dtype, float)  # the tolerance is below the precision of float32

    def __repr__(self) -> str:
        return getattr(self.func, "__name__", "func")

    def slope(self, operands: Sequence[Any]) -> Callable[[Any, Any], Any]:
        args = rebuild(self.args, list(operands[2:]))

        def slope(y: Any, t: Any) -> Any:
            dy = operand(self.func(t, y, *args) if self.tfirst else self.func(y, t, *args))
            if dy.shape != self.shape:
                raise ValueError(f"odeint: expected a slope of shape {self.shape} from {self!r}, got {dy.shape}")
            return dy

        return slope

    def solved(self, operands: Sequence[Any]) -> tuple[Any, list[list[tuple[float, float]]]]:
        """The solution of arrays; and for each interval its steps: where each begins, and its length, as fractions."""
        rtol, atol, mxstep = self.options
        slope, y, times = self.slope(operands), operands[0].astype(self.inner), operands[1]

        def size(dy: Any, *ys: Any) -> float:
            """How large a change is, in units of the tolerance."""
            scale = atol + rtol * np.max(np.abs(ys), axis=0)
            return float(np.sqrt(np.mean(np.abs(dy / scale) ** 2))) if y.size else 0.0

        k = raw(slope(y, times[0]))
        h = 0.01 * size(y, y) / (size(k, y) or 1.0) or 1e-6
        found, steps = [y], list[list[tuple[float, float]]]()
        for a, b in pairwise(times):
            steps.append(taken := [])
            at, span = 0.0, b - a
            for _ in range(mxstep):
                w = min(h / abs(span), 1 - at)
                w = 1 - at if 1 - at - w < 1e-9 else w
                new, slopes = _step(lambda y, t: raw(slope(y, t)), y, a + at * span, w * span, k)
                error = size(w * span * _weighted(_ERROR, slopes), y, new)
                wanted = abs(w * span) * min(5.0, 0.9 * error**-0.2 if error else 5.0) if error == error else 0.1 * h
                if error <= 1:
                    taken.append((at, w))
                    at, y, k, h = at + w, new, slopes[-1], max(wanted, h) if at + w >= 1 else wanted
                    if at >= 1:
                        break
                else:
                    h = max(wanted, 0.1 * abs(w * span))
            else:
                raise RuntimeError(
                    f"odeint: {mxstep} steps did not reach t={b} from t={a}: the equation is stiff, for which this "
                    "method is not made, or its solution is infinite"
                )
            found.append(y)
        return np.stack(found).astype(self.dtype), steps

    def solution(self, *operands: Any) -> Any:
        with no_grad():
            y, steps = self.solved(list(map(raw, operands)))
        live = isinstance(self.slope(operands)(operands[0], operands[1][0]), Tensor)
        return self.along(steps, operands) if live else y

    def along(self, steps: Any, operands: Sequence[Any]) -> Any:
        """The solution by the given steps, recorded."""
        slope, y, t = self.slope(operands), operands[0].astype(self.inner), operands[1]
        found, k = [y], slope(y, t[0])
        for i, taken in enumerate(steps):
            a, span = t[i], t[i + 1] - t[i]
            for at, w in taken:
                y, slopes = _step(slope, y, a + at * span, w * span, k)
                k = slopes[-1]
            found.append(y)
        return np.stack(found).astype(self.dtype)


def _step(slope: Callable[[Any, Any], Any], y: Any, t: Any, h: Any, k: Any) -> tuple[Any, list[Any]]:
    """The solution at ``t + h``, and the slopes of the stages, of which `k` is the first."""
    slopes, new = [k], y
    for weights in _STAGES:
        new = y + h * _weighted(weights, slopes)
        slopes.append(slope(new, t + h * math.fsum(weights)))
    return new, slopes


def _weighted(weights: Sequence[float], slopes: Sequence[Any]) -> Any:
    return sum(w * k for w, k in zip(weights, slopes, strict=True) if w)


class _Solved(Function):
    """A function as one step of a traced program, in which it does not run on the traced values but on arrays.

    Its backward pass is such a step too, so a program takes steps of its own whenever it runs.
    """

    @staticmethod
    def forward(ctx: Any, f: Callable[..., Any], *xs: Any) -> Any:
        ctx.f, ctx.xs = f, xs
        ctx.save_for_backward(*(x for x in xs if isinstance(x, Tensor)))
        with changed(recording=True, group=None, watcher=None, values=None, outside=None):
            y = f(*map(raw, xs))
        return tuple(map(Tensor, y)) if isinstance(y, tuple) else Tensor(y)

    @staticmethod
    def backward(ctx: Any, *gs: Any) -> Any:
        f, n, saved = ctx.f, len(ctx.xs), iter(ctx.saved_tensors)
        xs = [next(saved) if isinstance(x, Tensor) else x for x in ctx.xs]

        def pulled(*xs: Any) -> Any:
            return vjp(f, *xs[:n])[1](xs[n] if len(gs) == 1 else xs[n:])

        gs = tuple(g if g._node is not None else raw(g) for g in gs)  # a constant is an array
        return None, *_Solved.apply(pulled, *xs, *gs)


_Solved.__name__ = "odeint"  # in programs, pictures and messages
