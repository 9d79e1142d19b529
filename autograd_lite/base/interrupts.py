"""``with at_exit(f, x):`` calls ``f(x)`` when the block ends, and no interrupt can prevent the call.

Ctrl-C raises KeyboardInterrupt between any two bytecode instructions. ``try: ... finally:`` leaves two gaps, one
between the change and the ``try``, one inside the ``finally``; so do ``__enter__`` and ``__exit__`` written in Python.
Here the call is made by the destructor of an object that only the evaluation stack of the block's frame holds. The
interpreter pops that stack however the block ends, even when a traceback keeps the frame alive, and a destructor that
is a C function runs no bytecode that could be interrupted.
"""

from collections import deque
from collections.abc import Iterable
from contextvars import ContextVar
from functools import partial
from itertools import starmap
from operator import call
from typing import TYPE_CHECKING, Any
from weakref import ref

#: Consume an iterator in one C call: ``exhaust(map(f, xs))`` with a C function `f` is not interrupted half-way.
exhaust = deque[Any](maxlen=0).extend


def at_once(calls: Iterable[tuple[Any, ...]]) -> None:
    """Make calls of C functions, ``(f, *args)`` each: an interrupt falls before all of them or after."""
    exhaust(starmap(call, calls))


class at_exit(partial[Any]):
    """The context manager. Write it only in the ``with`` statement: a variable would keep it alive.

    The function must be written in C, and a call before anything has been changed must do no harm.

    Examples
    --------
    >>> mode = ["train"]
    >>> with at_exit(mode.append, "train"):
    ...     mode.append("eval")
    >>> mode
    ['train', 'eval', 'train']
    """

    __slots__ = ()
    if TYPE_CHECKING:

        def __enter__(self) -> None: ...
        def __exit__(self, *exc: object) -> None: ...

    else:
        # C functions that do nothing and are bound to the object. `object.__init__` ignores its arguments where a class
        # defines only `__new__`, as `partial` does.
        __enter__ = __exit__ = object.__init__
        __del__ = partial.__call__


def rolled_back(undo: list[tuple[Any, ...]]) -> at_exit:
    """Make the calls in `undo`, ``(f, *args)`` each, when the block ends; ``undo.clear()`` in it keeps the changes.

    Examples
    --------
    >>> values, undo = {"lr": 0.1}, []
    >>> with rolled_back(undo):
    ...     undo.append((values.update, {"lr": 0.1}))
    ...     values["lr"] = -5.0
    >>> values
    {'lr': 0.1}
    """
    return at_exit(exhaust, starmap(call, undo))


#: The block that a ``with`` statement of this thread is about to enter: manager, guard, and what the guard will call.
_ENTERING: ContextVar[tuple[Any, Any, list[Any]] | None] = ContextVar("autograd_lite entering", default=None)


class _Exit:
    """The ``__exit__`` of a block. ``with`` looks it up before it calls ``__enter__``, so the lookup makes the guard.

    The guard is an `at_exit`, held by the ``with`` statement alone; until ``__enter__`` it has nothing to call.
    """

    def __get__(self, block: Any, cls: Any) -> Any:
        if block is None:  # contextlib.ExitStack looks at the class
            return _leave
        if block._by_hand:
            return partial(_leave, block)
        undo: list[Any] = []
        guard = rolled_back(undo)
        _ENTERING.set((block, ref(guard), undo))
        return guard.__exit__


class Block:
    """A context manager that undoes its changes, wherever an interrupt falls. It may be entered inside itself.

    If ``__enter__`` and ``__exit__`` are called by hand, only the second call undoes the changes.
    """

    _by_hand: tuple[Any, ...] = ()

    def _enter(self, undo: list[tuple[Any, ...]]) -> Any:
        """Enter. Before each change, append to `undo` the call, ``(f, *args)``, that undoes it."""
        raise NotImplementedError  # abstract

    def __enter__(self) -> Any:
        entering = _ENTERING.get()
        if entering is not None and entering[0] is self and entering[1]() is not None:
            _ENTERING.set(None)
            return self._enter(entering[2])
        undo: list[Any] = []
        self._by_hand = (*self._by_hand, undo)
        return self._enter(undo)

    __exit__ = _Exit()


def _leave(block: Block, *exc: object) -> None:
    undo, block._by_hand = block._by_hand[-1], block._by_hand[:-1]
    exhaust(starmap(call, undo))


def changed_to(variable: ContextVar[Any], value: Any, undo: list[tuple[Any, ...]]) -> None:
    """Set a context variable in a block, and append the call that resets it to `undo`."""
    undo.append((variable.set, variable.get()))
    # The token is better: it raises in another thread or task, where a generator may be closed.
    undo[-1] = (variable.reset, variable.set(value))
