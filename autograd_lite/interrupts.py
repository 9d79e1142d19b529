"""``with at_exit(f, x):`` calls ``f(x)`` when the block ends, and no interrupt can prevent the call.

Ctrl-C raises KeyboardInterrupt between any two bytecode instructions. ``try: ... finally:`` leaves two gaps, one
between the change and the ``try``, one inside the ``finally``; so do ``__enter__`` and ``__exit__`` written in Python.
Here the call is made by the destructor of an object that only the evaluation stack of the block's frame holds. The
interpreter pops that stack however the block ends, even when a traceback keeps the frame alive, and a destructor that
is a C function runs no bytecode that could be interrupted.
"""

from collections import deque
from functools import partial
from itertools import starmap
from operator import call
from typing import TYPE_CHECKING, Any

#: Consume an iterator in one C call: ``exhaust(map(f, xs))`` with a C function `f` is not interrupted half-way.
exhaust = deque[Any](maxlen=0).extend


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
