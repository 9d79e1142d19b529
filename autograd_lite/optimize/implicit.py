"""The derivative of a solution, by the implicit function theorem.

Where ``F(z, theta) = 0`` defines ``z`` as a function of ``theta``, ``dz/dtheta = -(dF/dz)^-1 dF/dtheta``. The solver
has no part in this: only its result is recorded, as one row, whose rule solves one linear system. The rule is written
with differentiable operations of the result and the operands, so it has derivatives of any order, in both modes.

Source: S. G. Krantz and H. R. Parks, "The implicit function theorem" (2002); M. Blondel et al., "Efficient and modular
implicit differentiation" (2022).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, wraps
from typing import Any, NamedTuple

import numpy as np

from ..base.tree import leaves, tree_map
from ..engine.context import apart, changed, is_grad_enabled, is_traced, runs_again
from ..engine.operands import raw
from ..engine.record import apply
from ..engine.value import live_of
from ..engine.versions import next_order
from ..rules._arrays import operand
from ..sparse import SparseDerivative
from ..table import Primitive, Textbook
from ..table.textbook import notation
from ..tensor import Tensor
from ..transforms.jacobian import jacobian
from ..transforms.linearize import Linearized, cotangents, is_input, stand_ins
from ..transforms.opaque import check_captured, opaque

Function = Callable[..., Any]
LARGE = 200  # unknowns from which on the pattern of a derivative is looked at


class Problem(NamedTuple):
    """A problem to solve; `tree` holds all that the solution depends on: ``args``, data."""

    name: str
    solve: Function  #: (start, tree) -> SciPy's result, the solution, and why it has not converged; all are arrays
    values: Function  #: (x, tree) -> all that the user's functions return at a point
    system: Function  #: (x, tree) -> the unknowns, a real vector that begins with x, and the function F(z, tree)
    mode: str = "auto"  #: in which the derivative of F is computed
    solution: str = "root of F"  #: how a derivation calls the solution, and what is zero there
    equation: str = "F"


# ------------------------------------------------------------------------------------ what SciPy takes and returns


def as_args(args: Any) -> tuple[Any, ...]:
    return args if isinstance(args, tuple) else (args,)


def first(f: Function) -> Function:
    """The first result of `f`, which returns derivatives as well."""
    return lambda *args: f(*args)[0]


def vector(f: Function) -> Function:
    """`f`, which may return a list, a number or an array of any shape, as a function that returns a vector."""
    return wraps(f)(lambda *args, **params: np.ravel(operand(f(*args, **params))))


def quiet() -> changed:
    """Nothing of the calls in this block is recorded, in a graph or in a traced program."""
    return apart(recording=False)


def plain(f: Function, transform: Function | None = None) -> Function:
    """`f`, or a derivative of it, as SciPy needs it: it returns arrays, also where it uses Tensors."""

    @wraps(f)
    def array(*args: Any, **params: Any) -> Any:
        return operand(f(*args, **params))

    of = transform(array) if transform else array

    @wraps(f)
    def call(*args: Any, **params: Any) -> Any:
        with quiet():
            return tree_map(raw, of(*args, **params))

    return call


def jacobian_of(f: Function) -> Function:
    """The exact Jacobian for SciPy, which may pass the integers that the solver starts from."""
    exact = plain(vector(f), jacobian)
    return wraps(f)(lambda x, *args, **params: exact(np.asarray(x, np.result_type(x, float)), *args, **params))


def if_it_pays(sparse: SparseDerivative, x: Any, *args: Any, **params: Any) -> Function | None:
    """A sparse derivative for SciPy, if there are many unknowns and the pattern is found and needs few passes."""
    if np.size(x) < LARGE:
        return None
    try:
        with quiet():
            colouring = sparse.colouring(np.asarray(x, float), *args, **params)
    except (RuntimeError, TypeError, ValueError):  # a branch on values, a tree
        return None
    return plain(sparse) if 10 * colouring.count < np.size(x) else None


def constant(what: str, tree: Any) -> Any:
    """An option, without Tensors. Raises if it depends on something that requires gradients."""
    for x in leaves(tree):
        if isinstance(x, Tensor) and (is_traced(x) or live_of(x)):
            raise TypeError(
                f"{what} has no derivative here, and {x._who} requires gradients or is traced: pass x.detach(); what "
                "the solution depends on belongs in args="
            )
    return tree_map(raw, tree) if isinstance(tree, (list, tuple, Tensor)) else tree


class TracedResult(dict[str, Any]):
    """The result of a traced call. SciPy runs whenever the program does, so other fields have no value yet."""

    def __getattr__(self, name: str) -> Any:
        if name in self:
            return self[name]
        raise AttributeError(f"in a traced program (jit, vmap) the result has {', '.join(self)}, but no {name!r}")


# ------------------------------------------------------------------------------------------------ one solution


def solved(problem: Problem, start: Any, tree: Any, point: Callable[[], Any]) -> tuple[Any, Any]:
    """SciPy's result, and the solution: a Tensor if something that it depends on requires gradients.

    `start` is where the solver starts, and `point` returns one where the user's functions can be called.
    """
    everything = (start, tree)
    operands = [x for x in leaves(everything) if isinstance(x, Tensor)]
    traced = any(map(is_traced, operands))
    arrays = tree_map(raw, everything)
    if traced or runs_again():
        check_captured(problem.name, lambda: problem.values(raw(point()), arrays[1]))
    if traced:

        def again(*xs: Any) -> Any:
            values = iter(xs)
            start, tree = tree_map(lambda x: next(values) if isinstance(x, Tensor) else x, everything)
            return solved(problem, start, tree, point)[1]

        return TracedResult(), opaque(problem.name).apply(again, *operands)
    with quiet():
        result, x, failure = problem.solve(*arrays)
    if not is_grad_enabled() or not x.size:
        return result, x
    call = Solved(problem, start, tree, x, failure)
    if call.is_constant:
        return result, x
    y = apply(_row(problem.name), [*filter(is_input, leaves(tree)), *stand_ins(call.captured)], {"solved": call})
    y.name = "x"
    return result, y


class Solved:
    """One solution, which can be differentiated.

    Attributes
    ----------
    captured : list of Node
        The variables outside of the arguments on which the user's functions depend.
    last : tuple
        Of one backward pass the cotangent, the result, a copy of the cotangent's values, and the cotangents of the
        operands that have not been asked for yet.
    """

    def __init__(self, problem: Problem, start: Any, tree: Any, x: Any, failure: str) -> None:
        self.problem, self.start, self.x, self.failure = problem, start, x, failure
        self.tree = tree
        self.first: Any = x
        self.last: tuple[Any, Any, Any, dict[int, Any]] | None = None
        inputs = list(filter(is_input, leaves(tree)))
        with apart():
            run = Linearized(lambda *xs: problem.values(x, self.at(xs)), inputs, tuple(range(len(inputs))), {})
        self.captured, self.constants = run.outside()
        self.is_constant = not self.captured and not any(map(live_of, inputs))
        if not self.is_constant:  # the caller may overwrite arrays before the backward pass
            self.tree = tree_map(lambda a: np.array(a) if isinstance(a, np.ndarray) else a, tree)
        self.order = next_order()

    def __repr__(self) -> str:
        return self.problem.name

    def at(self, xs: Sequence[Any]) -> Any:
        """The tree with other values of the operands."""
        values = iter(xs)
        return tree_map(lambda x: next(values) if is_input(x) else raw(x), self.tree)

    def operands(self, xs: Sequence[Any]) -> list[Any]:
        """The operands without those that are captured."""
        return list(xs[: len(xs) - len(self.captured)])

    def values(self, xs: Sequence[Any]) -> Any:
        if self.first is not None:
            first, self.first = self.first, None
            return first
        if self.captured:
            raise RuntimeError(f"{self}: it cannot be solved again for another value of what its function captures")
        with quiet():
            _, x, self.failure = self.problem.solve(tree_map(raw, self.start), self.at(xs))
        return x

    def rule(self, g: Any, y: Any, xs: Sequence[Any], i: int) -> Any:
        """The cotangent of operand `i`; one backward pass serves all of them, which are asked for in turn."""
        last = self.last
        if last is None or last[0] is not g or last[1] is not y or i not in last[3] or (last[2] != raw(g)).any():
            last = self.last = g, y, np.array(raw(g)), dict(enumerate(self.pull(g, y, xs)))
        return last[3].pop(i)

    def pull(self, g: Any, y: Any, xs: Sequence[Any]) -> list[Any]:
        """The solution ``w`` of ``(dF/dz)^T w = -g``, pulled back through F to the operands."""
        if self.failure:
            raise RuntimeError(
                f"{self}: there is no derivative of the solution, because the solver has not converged: {self.failure}"
            )
        for x in self.constants:
            if x.storage.version < self.order:
                raise RuntimeError(
                    f"backward through {self}: {x.label} has changed since it was used. Call backward() before you "
                    "update it"
                )
        operands = self.operands(xs)
        recorded = any(isinstance(x, Tensor) for x in (g, y, *operands))
        with changed(recording=recorded):
            z, f = self.problem.system(y, self.at(operands))
            slopes = jacobian(lambda z: f(z, self.at(operands)), 0, self.problem.mode)(z)
            g = flat(g)
            with quiet():
                _check(str(self), lambda z: raw(f(z, self.at([raw(x) for x in operands]))), raw(z), raw(slopes), len(g))
            g = np.concatenate([g, np.zeros(len(z) - len(g))]) if len(g) < len(z) else g
            w = np.linalg.solve(slopes.T, -g)
            run = Linearized(lambda z, *xs: f(z, self.at(xs)), [z, *operands], tuple(range(1 + len(operands))), {})
        return cotangents({run.y._node: w}, [*run.nodes, *self.captured], recorded)[1:]

    def slopes(self, y: Any, xs: Sequence[Any], i: int) -> Any:
        """``dF/dtheta`` for operand `i`, or ``dF/dz`` for -1; for derivations."""
        arrays = [raw(x) for x in self.operands(xs)]
        with quiet():
            z, f = self.problem.system(raw(y), self.at(arrays))
            return raw(jacobian(lambda z, *xs: f(z, self.at(xs)), i + 1)(z, *arrays))


def flat(x: Any) -> Any:
    """A vector of real numbers; of complex numbers first the real parts, then the imaginary parts."""
    x = np.ravel(x)
    return np.concatenate([np.real(x), np.imag(x)]) if x.dtype.kind == "c" else x


def _is_bent(f: Function, z: Any, at: Any, slopes: Any, step: Any) -> bool:
    """True if a step in one of two directions changes `f` in another way than its derivative says."""
    rounding = 10 * np.finfo(slopes.dtype).eps * np.abs(z)
    allowed = np.abs(slopes) @ (0.1 * np.abs(step) + rounding)
    return any((np.abs(f(z + s) - at - slopes @ s) > allowed).any() for s in (step, -step))


def _check(name: str, f: Function, z: Any, slopes: Any, n: int) -> None:
    """Raise unless the matrix is regular, and is the derivative of `f` in the neighbourhood of the solution."""
    if slopes.shape != (len(z), len(z)):
        raise ValueError(f"{name}: {slopes.shape[0]} equations do not determine {len(z)} unknowns")
    if not np.isfinite(slopes).all():
        raise ValueError(f"{name}: dF/dx is not finite at the solution x={z[:n]}, so there is no derivative")
    eps = np.finfo(slopes.dtype).eps
    wide = np.max(np.abs(z[:n]), initial=0) or 1.0
    # of the unknowns, one of which may be zero but for rounding; of a multiplier, one that fits its column
    units = np.where(np.abs(z) < 1e3 * eps * wide, wide, np.abs(z))
    units[n:] = 1 / np.maximum(np.linalg.norm(slopes[:, n:], axis=0), eps)
    rows = np.linalg.norm(slopes * units, axis=1, keepdims=True)
    if not rows.all() or not np.linalg.cond(slopes * units / rows, 1) < 1 / eps:
        raise np.linalg.LinAlgError(
            f"{name}: the matrix of the implicit function theorem, dF/dx, is singular at the solution: nearby points "
            "solve the problem too, or active constraints depend on each other, so the solution has no derivative. Add "
            "an equation, a constraint or a regularizing term that singles one out"
        )
    with np.errstate(all="ignore"):
        at, step = f(z), units * np.cos(np.arange(1.0, len(z) + 1))
        step[n:] = 0
        # a short step may be lost in the noise of f, a long one in its curvature; at a kink both are bent
        bent = all(_is_bent(f, z, at, slopes, scale * step) for scale in (np.sqrt(eps), eps ** (1 / 3)))
        newton = np.linalg.solve(slopes, at)
        units[:n] = np.maximum(units[:n], np.sqrt(eps) * wide)  # of a smaller unknown the step may be rounding
        far = np.linalg.norm(newton / units) > eps ** (1 / 3)
        next_one = np.linalg.solve(slopes, f(z - newton)) if far else newton
    if bent or far and np.linalg.norm(next_one / units) > 0.2 * np.linalg.norm(newton / units):
        raise RuntimeError(
            f"{name}: there is no derivative at the solution x={z[:n]}: it is at a kink of the function, or a multiple "
            "root where dF/dx is nearly singular, or the solver is too far from it (then tighten tol=)"
        )


# ------------------------------------------------------------------------------------------------ the row


def _textbook(*xs: Any, solved: Solved) -> Textbook:
    """``-(dF/dx)^-1 dF/dtheta``, with the value of the matrix beside it, where no constraint is active."""
    operands = list(filter(is_input, leaves(solved.tree)))
    names, (_, *_, what, equation) = [f"x{k + 1}" for k in range(len(xs))], solved.problem
    values, shown = ", ".join((*names, "solved")), ", ".join(f"{{{name}}}" for name in names)
    called = f"{what.replace(' ', '_')}_{len(xs)}"
    tex = r"\operatorname{{{{{}}}}}({})".format(what.replace(" ", r"\ "), rf"\cdot, {shown}")
    notation(called, f"{what}(·, {shown})", tex, lambda *values: np.asarray(values[-1]).item().x)
    matrix = solved.slopes(solved.x, [*operands, *solved.captured], -1)
    if len(matrix) > solved.x.size:
        return Textbook(f"{called}({values})")
    slope, symbol = equation.replace("∇", "grad_"), equation.replace("∇", r"\nabla ")
    for k in range(len(operands) + 1):
        below = f"{{x{k + 1}}}"
        notation(
            f"d{slope}_{k}", f"∂{equation}/∂{below}", rf"\frac{{{{\partial {symbol}}}}}{{{{\partial {below}}}}}",
            lambda y, *xs, k=k: np.asarray(xs[-1]).item().slopes(y, xs[:-1], k - 1).reshape(
                np.shape(y) + np.shape((y, *xs)[k])
            ),
        )
    form = "g @ (-inv(d{0}_0(y, {1})) @ d{0}_{2}(y, {1}))"
    if not solved.x.ndim:
        form = "-g * d{0}_{2}(y, {1}) / d{0}_0(y, {1})"
    vectors = (k for k, x in enumerate(operands) if x.ndim < 2)
    note = f"∂{equation}/∂x = {matrix.round(4).tolist() if solved.x.ndim else f'{matrix[0, 0]:.4g}'}"
    gradients = {names[k]: form.format(slope, values, k + 1) for k in vectors}
    return Textbook(f"{called}({values})", where=None, note=note if matrix.size <= 9 else "", **gradients)


@cache
def _row(name: str) -> Primitive:
    return Primitive(
        "general", lambda *xs, solved: solved.values(xs),
        (lambda g, y, xs, i, solved: solved.rule(g, y, xs, i),), name=name,
        bind=lambda *xs, solved: (xs, {"solved": solved}), variadic=True, textbook=_textbook,
        holomorphic=False,  # the inner pass conjugates
    )
