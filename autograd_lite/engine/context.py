"""The state of the current thread: whether it records, inside which composite call it is, and the anomaly detector.

It is one context variable, so every thread and every asynchronous task has its own. In the ordinary state it is None,
so an operation pays for one lookup only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from functools import wraps
from inspect import isasyncgenfunction, iscoroutinefunction, isgeneratorfunction, signature
from typing import Any

import numpy as np

from ..base.generator import numpy_generator as generator_of
from ..table import Stated, Textbook
from .node import TRACED, Function, Params, Values
from .position import users_line
from .value import Value, live_of


class Context:
    """An immutable thread state; None stands for the default. A block sets another one.

    Attributes
    ----------
    recording : bool
        Whether calls are recorded for derivatives; traced ones are recorded in any case.
    group : Group or None
        The innermost composite call or module.
    watcher : optional
        Anomaly detection, which sees every node.
    level : int
        How many transforms are running, one inside the other.
    values : dict, optional
        While a function is recorded to be run again: from every node that was used to its value.
    outside : optional
        While a function is traced to be compiled: what it reads and writes from outside
        (:class:`autograd_lite.program.outside.Outside`).
    joins : bool
        While `ag.trace` runs a function: NumPy's functions take lists of Tensors, ``np.array([x, y])``.
    choices : list, optional
        While it runs a function that uses values in plain Python: these Tensors.
    """

    __slots__ = ("choices", "group", "joins", "level", "outside", "recording", "values", "watcher")

    def __init__(
        self, recording: bool = True, group: Any = None, watcher: Any = None, level: int = 0, values: Any = None,
        outside: Any = None, joins: bool = False, choices: list[Value] | None = None,
    ) -> None:
        self.recording, self.group, self.watcher, self.level = recording, group, watcher, level
        self.values, self.outside, self.joins, self.choices = values, outside, joins, choices

    def replace(self, **changes: Any) -> Context:
        """This state with other values of some fields."""
        return Context(**{name: getattr(self, name) for name in self.__slots__} | changes)

    @property
    def replayed(self) -> bool:
        """True if what is recorded will be computed again, from other values."""
        return self.values is not None or self.outside is not None

    def enter(self, node: Any, xs: Any, y: Any) -> None:
        """Note where a node was recorded, and what it was computed from; show it to the watcher."""
        node.group = self.group
        if self.values is not None:
            self.values.update(zip(node.parents, xs, strict=True))
        if "generator" in node.params:  # random numbers cannot be computed again
            node.y = y
            if self.values is not None:
                self.values[node] = y
        if self.watcher is not None:
            self.watcher(node, y)
        if self.outside is not None:
            self.outside.recorded(node)


CONTEXT: ContextVar[Context | None] = ContextVar("autograd_lite", default=None)
ORDINARY = Context()


def runs_again() -> bool:
    """True if what is recorded now will be computed again, from other values."""
    return (CONTEXT.get() or ORDINARY).replayed


_BARE = {on: Context(on) for on in (False, True)}


class _Block:
    """A block, or a decorator, in which some fields of this thread's context are changed. It may be entered again."""

    _changes: Mapping[str, Any]
    _entered: Any = None  # (token, what was entered before)

    def __enter__(self) -> None:
        self._entered = CONTEXT.set((CONTEXT.get() or ORDINARY).replace(**self._changes)), self._entered

    def __exit__(self, *exc: object) -> None:
        token, self._entered = self._entered
        CONTEXT.reset(token)

    def __call__(self, f: Function) -> Function:
        """Decorate `f`: its calls run in this block, and so does a generator or coroutine whenever it is resumed."""
        block = type(self)  # each call, in its thread, enters a block of its own
        if isasyncgenfunction(f):
            raise TypeError(f"{block.__name__} cannot decorate an asynchronous generator; use `with`")
        if iscoroutinefunction(f):
            return wraps(f)(_coroutine(block, f))
        return wraps(f)(_generator(block, f) if isgeneratorfunction(f) else _function(block, f))


class changed(_Block):
    """The current context with some fields changed, while the block runs."""

    def __init__(self, **changes: Any) -> None:
        self._changes = changes


def apart(**changes: Any) -> changed:
    """A block of which composite calls, anomaly detection and functions that are being recorded outside see nothing."""
    return changed(group=None, watcher=None, values=None, outside=None, **changes)


class _Recording(_Block):
    """Switches recording on or off."""

    on: bool

    def __enter__(self) -> None:
        now = CONTEXT.get()
        new = _BARE[self.on] if now is None else now.replace(recording=self.on)
        self._entered = CONTEXT.set(new), self._entered


def _function(block: type[_Block], f: Function) -> Function:
    def inside(*args: Any, **params: Any) -> Any:
        with block():
            return f(*args, **params)

    return inside


def _coroutine(block: type[_Block], f: Function) -> Function:
    async def inside(*args: Any, **params: Any) -> Any:
        with block():
            return await f(*args, **params)

    return inside


def _generator(block: type[_Block], f: Function) -> Function:
    def inside(*args: Any, **params: Any) -> Any:
        steps = f(*args, **params)
        step, value = steps.send, None
        while True:
            try:
                with block():
                    item = step(value)
            except StopIteration as stop:
                return stop.value
            try:
                step, value = steps.send, (yield item)  # meanwhile the consumer is in its own context
            except BaseException as error:
                step, value = steps.throw, error

    return inside


class no_grad(_Recording):
    """A block in which nothing is recorded and parameters may be written to; also a decorator.

    Examples
    --------
    >>> import autograd_lite as ag
    >>> W = ag.tensor([1.0, 2.0], requires_grad=True)
    >>> with ag.no_grad():
    ...     W -= 0.5
    >>> W
    tensor([0.5, 1.5], requires_grad=True)
    """

    on = False


class enable_grad(_Recording):
    """Undoes an enclosing :class:`no_grad`.

    >>> import autograd_lite as ag
    >>> x = ag.tensor(2.0, requires_grad=True)
    >>> with ag.no_grad(), ag.enable_grad():
    ...     y = x * x
    >>> y.requires_grad
    True
    """

    on = True


inference_mode = no_grad  # PyTorch's name for a block in which nothing will ever be recorded


class set_grad_enabled:
    """Switch recording on or off, from this call on; used in a ``with``, for the block only.

    Examples
    --------
    >>> import autograd_lite as ag
    >>> with set_grad_enabled(False):
    ...     is_grad_enabled()
    False
    """

    def __init__(self, mode: bool) -> None:
        self._before = now = CONTEXT.get()
        if now is None or now in _BARE.values():
            CONTEXT.set(None if mode else _BARE[False])
        else:
            CONTEXT.set(now.replace(recording=bool(mode)))

    def __enter__(self) -> None: ...

    def __exit__(self, *exc: object) -> None:
        CONTEXT.set(self._before)


def is_grad_enabled() -> bool:
    """True if this thread records operations on tensors that require gradients.

    >>> import autograd_lite as ag
    >>> ag.is_grad_enabled()
    True
    >>> with ag.no_grad():
    ...     print(ag.is_grad_enabled())
    False
    """
    return (CONTEXT.get() or ORDINARY).recording


def tracing() -> Any:
    """The `Context.outside` of this thread, or None."""
    return (CONTEXT.get() or ORDINARY).outside


def is_traced(t: Value) -> bool:
    """True if `t` is part of a program that is being traced; in one that is to be compiled, every Tensor is."""
    if (outside := tracing()) is not None:
        outside.enter(t)
    return live_of(t) & TRACED != 0


def is_compared(t: Value, is_test: bool = False) -> bool:
    """True if the value of a traced `t` may be used: what it depends on is compared at each call of the program.

    Of floating values that `ag.trace` records only the truth may be used, in a test, and those of arguments.
    """
    now = CONTEXT.get() or ORDINARY
    if now.choices is not None and (is_test or t.dtype.kind in "biu" or _is_entry(t._node)):
        test: Any = t != 0 if is_test and t.dtype != bool else t  # type: ignore[comparison-overlap]  # a Tensor
        now.choices.append(test)
        return True
    return now.outside is not None and bool(now.outside.compares(t))


def _is_entry(n: Any) -> bool:
    """Whether a value is an argument of a function, or entries of one."""
    while n.row is not None and n.row.algebra == "index":
        n = n.parents[0]
    return n.row is None


def numpy_generator(generator: Any) -> Any:
    """The NumPy generator; a compiled function would draw only once."""
    if tracing() is not None:
        raise RuntimeError(
            f"random numbers at {users_line()}: inside jit these would be drawn once, and be the same in every call. "
            "Write ag.rand_like(x), ag.randn_like(x) or F.dropout(x), or draw outside and pass them in"
        )
    return generator_of(generator)


def watcher() -> Any:
    """The watcher of anomaly detection, or None."""
    return (CONTEXT.get() or ORDINARY).watcher


class Group:
    """One call of a composite function or a module: the nodes recorded during it point here.

    Attributes
    ----------
    name : str
    outer : Group or None
    module : Module or None
    params : dict
        The keyword arguments that are no arrays.
    """

    __slots__ = ("_call", "module", "name", "outer", "params")

    def __init__(self, name: str, outer: Group | None, params: Params, module: Any = None) -> None:
        self.name = name
        self.outer = outer
        self.module = module
        self.params = {k: v for k, v in params.items() if not isinstance(v, (Value, np.ndarray))}
        self._call: tuple[Stated, Function, Values, Params] | None = None

    def is_known(self, textbook: Stated, f: Function, args: Any, params: Params) -> None:
        """Remember that there is a textbook of ``f(*args, **params)``; it is asked for when it is needed."""
        self._call = textbook, f, tuple(map(_node_or_value, args)), {k: _node_or_value(x) for k, x in params.items()}

    def moved(self, outer: Group | None, node: Callable[[Any], Any]) -> Group:
        """This call in another graph: `node` maps the node of each argument to that in the other graph."""
        other = type(self)(self.name, outer, self.params, self.module)
        if self._call is not None:
            textbook, f, args, params = self._call
            other._call = textbook, f, tuple(map(node, args)), {k: node(x) for k, x in params.items()}
        return other

    @property
    def inputs(self) -> Params:
        """Of a known step each argument, by its parameter's name: a node in the place of a Tensor that has one."""
        if self._call is None:
            return {}
        _, f, args, params = self._call
        bound = signature(f).bind(*args, **params)
        bound.apply_defaults()
        return bound.arguments

    @property
    def textbook(self) -> Textbook | None:
        """How a textbook writes the call, if it is a known step."""
        if self._call is None or isinstance(self._call[0], Textbook):
            return None if self._call is None else self._call[0]  # type: ignore[return-value]
        return self._call[0](**self.inputs)

    def __repr__(self) -> str:
        return f"<Group {self.name}>"


class Steps(Group):
    """A loop, or a step of one: what is recorded in it is the user's code, not that of a composite function."""

    __slots__ = ()


def _node_or_value(x: Any) -> Any:
    if not isinstance(x, Value):
        return x
    return x._data if x._node is None else x._node


def called_in_group(
    f: Function, args: Any, params: Params, name: str, module: Any = None,
    textbook: Stated | None = None,
) -> Any:
    """``f(*args, **params)``; what it records belongs to one group, which is shown as one step called `name`."""
    outer = CONTEXT.get()
    now = outer or ORDINARY
    group = Group(name, now.group, params, module)
    if textbook is not None:
        group.is_known(textbook, f, args, params)
    token = CONTEXT.set(Context(now.recording, group, now.watcher, now.level, now.values, now.outside))
    try:
        return f(*args, **params)
    finally:
        CONTEXT.reset(token)
