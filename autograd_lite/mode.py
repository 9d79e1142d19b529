"""What the current thread is doing: recording or not, inside which composite call, with which watchers.

One context variable, so that every thread and every asynchronous task has its own; None is the ordinary state, and all
that an operation pays for is one look.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ContextDecorator, contextmanager
from contextvars import ContextVar, Token
from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True)
class Mode:
    """The state of a thread that is not in the ordinary one."""

    recording: bool = True
    group: Any = None  # the innermost composite call or module
    watcher: Any = None  # anomaly detection: told of every node
    tracer: Any = None  # the trace being written


MODE: ContextVar[Mode | None] = ContextVar("autograd_lite", default=None)
ORDINARY = Mode()
_BARE = {on: Mode(on) for on in (False, True)}


@contextmanager
def changed(**changes: Any) -> Iterator[Mode]:
    """The current mode with some fields changed."""
    mode = replace(MODE.get() or ORDINARY, **changes)
    token = MODE.set(mode)
    try:
        yield mode
    finally:
        MODE.reset(token)


class _Recording(ContextDecorator):
    """A context manager and decorator that switches recording on or off; may be entered again inside itself."""

    on: bool
    _token: Token[Mode | None]
    _outer: list[Token[Mode | None]] | None = None  # entered again inside itself: rare

    def __enter__(self) -> None:
        mode = MODE.get()
        token = MODE.set(_BARE[self.on] if mode is None else replace(mode, recording=self.on))
        if hasattr(self, "_token"):
            self._outer = [*(self._outer or ()), self._token]
        self._token = token

    def __exit__(self, *exc: object) -> None:
        MODE.reset(self._token)
        if self._outer:
            self._token = self._outer.pop()
        else:
            del self._token

    def _recreate_cm(self) -> _Recording:  # each call of a decorated function, in whatever thread, has its own
        return type(self)()


class no_grad(_Recording):
    """Within it nothing is recorded and parameters may be written to.

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
