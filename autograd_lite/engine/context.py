"""What the current thread is doing: recording or not, inside which composite call, with which watchers.

One context variable, so that every thread and asynchronous task has its own; None is the ordinary state, and
all that an operation pays for is one look.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from functools import wraps
from inspect import isasyncgenfunction, iscoroutinefunction, isgeneratorfunction
from typing import Any

from ..base.interrupts import Block, changed_to


class Mode:
    """The state of a thread that is not in the ordinary one; nobody writes to it.

    Attributes
    ----------
    recording : bool
    group : the innermost composite call or module
    watcher : anomaly detection, which is told of every node
    """

    __slots__ = ("group", "recording", "watcher")

    def __init__(self, recording: bool = True, group: Any = None, watcher: Any = None) -> None:
        self.recording, self.group, self.watcher = recording, group, watcher


MODE: ContextVar[Mode | None] = ContextVar("autograd_lite", default=None)
ORDINARY = Mode()
_BARE = {on: Mode(on) for on in (False, True)}


class _Block(Block):
    """A context manager, and a decorator, that changes the mode of this thread."""

    def _mode(self, now: Mode) -> Mode:
        raise NotImplementedError  # abstract

    def _enter(self, undo: list[tuple[Any, ...]]) -> None:
        changed_to(MODE, self._mode(MODE.get() or ORDINARY), undo)

    def __call__(self, f: Callable[..., Any]) -> Callable[..., Any]:
        """Decorate `f`: what it does, be it a generator or a coroutine and later, is done in this mode."""
        mode = type(self)  # each call, in whatever thread, enters one of its own
        if isasyncgenfunction(f):
            raise TypeError(f"{mode.__name__} cannot decorate an asynchronous generator; use `with`")
        if iscoroutinefunction(f):
            return wraps(f)(_coroutine(mode, f))
        return wraps(f)(_generator(mode, f) if isgeneratorfunction(f) else _function(mode, f))


class changed(_Block):
    """The current mode with some fields changed, while the block runs."""

    def __init__(self, **changes: Any) -> None:
        self._changes = changes

    def _mode(self, now: Mode) -> Mode:
        new = self._changes.get
        return Mode(new("recording", now.recording), new("group", now.group), new("watcher", now.watcher))


class _Recording(_Block):
    """Switches recording on or off."""

    on: bool

    def _mode(self, now: Mode) -> Mode:
        return _BARE[self.on] if now is ORDINARY else Mode(self.on, now.group, now.watcher)


def _function(mode: type[_Block], f: Callable[..., Any]) -> Callable[..., Any]:
    def in_mode(*args: Any, **params: Any) -> Any:
        with mode():
            return f(*args, **params)

    return in_mode


def _coroutine(mode: type[_Block], f: Callable[..., Any]) -> Callable[..., Any]:
    async def in_mode(*args: Any, **params: Any) -> Any:
        with mode():
            return await f(*args, **params)

    return in_mode


def _generator(mode: type[_Block], f: Callable[..., Any]) -> Callable[..., Any]:
    def in_mode(*args: Any, **params: Any) -> Any:
        steps = f(*args, **params)
        step, value = steps.send, None
        while True:
            try:
                with mode():
                    made = step(value)
            except StopIteration as stop:
                return stop.value
            try:
                step, value = steps.send, (yield made)  # whoever asked is in a mode of his own meanwhile
            except BaseException as error:
                step, value = steps.throw, error

    return in_mode


class no_grad(_Recording):
    """Within it nothing is recorded and parameters may be written to; also a decorator.

    Examples
    --------
    >>> import autograd_lite as ag
    >>> W = ag.tensor([1.0, 2.0], requires_grad=True)
    >>> with no_grad():
    ...     W -= 0.5
    >>> W
    tensor([0.5, 1.5], requires_grad=True)
    """

    on = False


class enable_grad(_Recording):
    """Undoes an enclosing :class:`no_grad`."""

    on = True


def is_grad_enabled() -> bool:
    """Whether operations on tensors that require gradients are being recorded in this thread."""
    mode = MODE.get()
    return mode is None or mode.recording
