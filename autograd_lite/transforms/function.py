"""PyTorch's ``autograd.Function``: an operation with a backward pass of its own, as a class.

A thin layer over the table: a class is one row, whose function is ``forward`` and whose rule is ``backward``.
:func:`autograd_lite.table.define` does the same for a function on arrays, in one line.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np

from ..engine.context import changed, is_traced, tracing
from ..engine.node import TRACED, Node, Shape, Values, ancestors
from ..engine.record import record
from ..engine.value import as_tensor, wrap
from ..engine.versions import next_order
from ..table import Primitive
from ..tensor import Tensor

_OWN = frozenset({"needs_input_grad", "_saved", "_without", "_materialize"})  # of a context


class FunctionCtx:
    """Values that ``forward`` leaves for ``backward``.

    Attributes
    ----------
    needs_input_grad : tuple of bool
        For each argument of ``apply``.
    """

    def __init__(self, needs_input_grad: Sequence[bool]) -> None:
        self.needs_input_grad = tuple(needs_input_grad)
        self._saved: Values = ()
        self._without: Values = ()
        self._materialize = True

    def save_for_backward(self, *tensors: Any) -> None:
        """Keep tensors; arguments and results among them take part in a second derivative."""
        self._saved = tensors

    @property
    def saved_tensors(self) -> Values:
        return self._saved

    def mark_non_differentiable(self, *results: Any) -> None:
        """These results have no derivative."""
        self._without = results

    def set_materialize_grads(self, value: bool) -> None:
        """True if ``backward`` gets zeros, and not None, for a result that was not used."""
        self._materialize = bool(value)


class _FunctionCall:
    """One call of ``apply``: its arguments that are not differentiated, and what the last ``forward`` left."""

    def __init__(self, cls: type[Function], args: Sequence[Any]) -> None:
        self.cls, self.args = cls, args
        self.operands = [k for k, a in enumerate(args) if isinstance(a, Tensor)]
        self.single = False
        self.last: tuple[Any, Any] | None = None

    def __repr__(self) -> str:
        return self.cls.__name__

    @property
    def instead(self) -> str:
        """What a source says, which cannot contain the call."""
        return f"{self} has none: call it outside, and pass the result in"

    def forward(self, xs: Sequence[Any]) -> Values:
        args = list(self.args)
        for k, x in zip(self.operands, xs, strict=True):
            args[k] = x.item() if is_number(self.args[k]) else wrap(x, None)
        self.given = [args[k] for k in self.operands]
        needs = [isinstance(a, Tensor) and a.requires_grad for a in self.args]
        self.ctx = ctx = FunctionCtx(needs)
        start = next_order()
        with changed(recording=False, outside=None, values=None):  # it runs again whenever the row does
            if self.cls.setup_context is Function.setup_context:
                results = self.cls.forward(ctx, *args)
            else:
                results = self.cls.forward(*args)
                self.cls.setup_context(ctx, tuple(args), results)
        self.single = not isinstance(results, tuple)
        self.results = (results,) if self.single else results
        for y in self.results:
            if not isinstance(y, Tensor):
                raise TypeError(f"{self}.forward: expected a Tensor or a tuple of them, got {type(y).__name__}")
        if any(is_computed(n, start) for n in ancestors((y._node for y in self.results if y._node), TRACED)):
            raise RuntimeError(
                f"{self}.forward uses a value that depends on the traced inputs and is not among its arguments, so it "
                "would be the same in every call: pass it to apply()"
            )
        return tuple(y._data for y in self.results)

    @property
    def is_followed(self) -> bool:
        """True if `backward` computes from arguments and results only, so that it can be recorded as it is."""
        arrays = [x for x in (*self.given, *self.results) if isinstance(x, Tensor)]
        if not all(x is None or any(x is y for y in arrays) for x in self.ctx._saved):
            return False
        fixed = [a for k, a in enumerate(self.args) if k not in self.operands]
        shapes = [x.shape for x in arrays]
        return all(_is_constant(x, fixed, shapes) for name, x in vars(self.ctx).items() if name not in _OWN)

    def surrogate(self, xs: Sequence[Any]) -> Values:
        """The results of the class's `surrogate`, as arrays."""
        args = list(self.args)
        for k, x in zip(self.operands, xs, strict=True):
            args[k] = x
        results = self.cls.surrogate(*args)  # type: ignore[misc]  # only called if the class has one
        return tuple(np.asarray(y) for y in (results if isinstance(results, tuple) else (results,)))

    def rule(self, g: Any, y: Any, xs: Any, i: int) -> Any:
        """The cotangent of operand `i`; one call of ``backward`` serves all of them, which are asked for in turn."""
        if self.last is None or not all(map(_same, self.last[0], g)):
            self.last = (g, self.backward(g, y, xs))
        d = self.last[1][self.operands[i]]
        if d is None:
            return np.zeros(xs[i].shape, xs[i].dtype)
        return d if _recorded(g, xs) else d._data

    def again(self, xs: Sequence[Any], given: Sequence[bool]) -> Values:
        """The cotangents of the operands from arrays: those of the results that are `given`, then the operands."""
        count = sum(given)
        g, call = iter(xs[:count]), _FunctionCall(self.cls, self.args)
        ys = call.forward(xs[count:])
        gradients = call.backward([next(g) if has else None for has in given], ys, xs[count:])
        return tuple(
            np.zeros_like(x) if gradients[k] is None else gradients[k]._data
            for k, x in zip(self.operands, xs[count:], strict=True)
        )

    def backward(self, g: Any, ys: Any, xs: Any) -> Values:
        if not self.is_followed and any(isinstance(x, Tensor) and is_traced(x) for x in (*g, *xs)):
            present = tuple(part is not None for part in g)
            operands = [*(part for part in g if part is not None), *xs]
            cotangents = record(_BACKWARD, operands, {"call": self, "given": present})
            of_operand = dict(zip(self.operands, cotangents, strict=True))
            return tuple(of_operand.get(k) for k in range(len(self.args)))
        ctx = self.ctx
        now = {id(old): new for old, new in zip((*self.given, *self.results), (*xs, *ys), strict=True)}
        saved = ctx._saved
        try:
            ctx._saved = tuple(t if t is None else as_tensor(now.get(id(t), t)) for t in saved)
            zeros = [np.zeros(y.shape, y.dtype) if ctx._materialize else None for y in self.results]
            parts = [zero if part is None else part for part, zero in zip(g, zeros, strict=True)]
            gs = [part if part is None else as_tensor(part) for part in parts]
            with changed(recording=_recorded(g, xs)):
                gradients = self.cls.backward(ctx, *gs)
        finally:
            ctx._saved = saved
        gradients = gradients if isinstance(gradients, tuple) else (gradients,)
        if len(gradients) != len(self.args):
            raise TypeError(
                f"{self}.backward: expected a gradient for each of {len(self.args)} arguments (None where there is "
                f"none), got {len(gradients)}"
            )
        return tuple(None if d is None else as_tensor(d) for d in gradients)


def _same(a: Any, b: Any) -> bool:
    """True if two cotangents are one; an array is passed to each call of a rule as another read-only view."""
    if type(a) is not np.ndarray or type(b) is not np.ndarray:
        return a is b
    return a.__array_interface__ == b.__array_interface__  # the address, the shape, the strides and the dtype


def _recorded(g: Sequence[Any], xs: Sequence[Any]) -> bool:
    """True if the backward pass is itself recorded: the engine then passes Tensors."""
    return any(isinstance(x, Tensor) for x in (*g, *xs))


def is_number(x: Any) -> bool:
    """True if a Tensor stands for a Python number of a traced function."""
    return getattr(type(x), "is_number", False)


def _is_constant(x: Any, fixed: Sequence[Any], shapes: Sequence[Shape]) -> bool:
    """True if a value does not depend on operands: one of `fixed`, a shape, a string, None, or a tuple of these."""
    if type(x) is tuple and not (x and all(type(part) is int for part in x)):
        return all(_is_constant(part, fixed, shapes) for part in x)
    return isinstance(x, (str, type(None))) or any(x is y for y in fixed) or type(x) is tuple and x in shapes


def is_computed(n: Node, start: int) -> bool:
    """True if a program computes the value of a node from before `start` at every call, or gets it as an argument."""
    source = outside.found.get(n) if (outside := tracing()) is not None else None
    return n.order > start and (n.row is not None or source is None or source.kind in ("argument", "scalar"))


#: The backward pass of a traced call that needs more from the forward pass than arguments and results.
_BACKWARD = Primitive(
    "general", lambda *xs, call, given: call.again(xs, given), (lambda g, i: g,), name="backward", order=1,
    bind=lambda *xs, call, given: (xs, {"call": call, "given": given}), variadic=True, outputs=True,
)
_BACKWARD.builtin = False


def _row(cls: type[Function]) -> Primitive:
    """The row of a class; it is not in the table."""
    if "_row" in vars(cls):
        return cls._row
    cls._row = row = Primitive(
        "general", lambda *xs, call: call.forward(xs), (lambda g, y, xs, i, call: call.rule(g, y, xs, i),),
        name=cls.__name__, bind=lambda *xs, call: (xs, {"call": call}), variadic=True, outputs=True,
        holomorphic=False,  # as in PyTorch, `backward` itself conjugates
        surrogate=None if cls.surrogate is None else lambda *xs, call: call.surrogate(xs),
    )
    row.builtin = False
    return row


class Function:
    """Base of an operation with its own backward pass, as in PyTorch.

    Override the static methods ``forward(ctx, *args)`` and ``backward(ctx, *gradients)``, and call ``apply``. Or write
    ``forward(*args)`` and ``setup_context(ctx, inputs, output)``.

    Where ``backward`` is, on purpose, not the derivative of ``forward``, a static method ``surrogate(*args)`` is the
    function whose derivative it is, on arrays: ``assert_gradients`` then checks that.

    A compiled function runs ``forward`` at every call. If ``ctx`` holds more than arguments and results, it runs
    ``backward`` too, after another ``forward``; then there is no second derivative there.

    Examples
    --------
    >>> import autograd_lite as ag
    >>> class Cube(ag.autograd.Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         ctx.save_for_backward(x)
    ...         return x**3
    ...     @staticmethod
    ...     def backward(ctx, g):
    ...         (x,) = ctx.saved_tensors
    ...         return g * 3 * x**2
    >>> x = ag.tensor(2.0, requires_grad=True)
    >>> Cube.apply(x).backward()
    >>> x.grad
    tensor(12.)
    """

    forward: ClassVar[Callable[..., Any]]
    backward: ClassVar[Callable[..., Any]]
    surrogate: ClassVar[Callable[..., Any] | None] = None
    _row: ClassVar[Primitive]

    @staticmethod
    def setup_context(ctx: FunctionCtx, inputs: Values, output: Any) -> None:
        """Fill the context, where ``forward`` does not take one."""

    @classmethod
    def apply(cls, *args: Any) -> Any:
        """Call the operation.

        Raises
        ------
        TypeError
            If ``forward`` returns no Tensor, or ``backward`` not one gradient for each argument.
        """
        call = _FunctionCall(cls, args)
        operands = [wrap(a._data, a._node) if is_number(a) else a for a in (args[k] for k in call.operands)]
        results = record(_row(cls), operands, {"call": call})
        without = {id(t) for t in call.ctx._without}
        results = tuple(y.detach() if id(t) in without else y for y, t in zip(results, call.results, strict=True))
        return results[0] if call.single else results
