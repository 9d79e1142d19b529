"""Writes: in which memory an array lies, and when that was last written to.

A write to a parameter after the forward pass would make the backward pass use a wrong value. So memory that the user
may write to has a version, on the clock by which nodes are numbered, and the backward pass compares the two. See
``docs/design/writes.md``.
"""

from __future__ import annotations

from itertools import count

next_order = count(0, -1).__next__  # later is smaller, so that a heap gives the latest node first
EARLIEST = 1  # before the first node
#: The order of the last write to any input: a graph made after it needs no check. (Not an attribute of a class: to set
#: one empties the interpreter's caches for the class, at 3 µs a step.)
LATEST_WRITE = [EARLIEST]
#: How many times an attribute of a module, a hook, or the default dtype was set: a compiled function need not look at
#: them if none was.
CONFIGURED = [0]


class Storage:
    """A piece of memory that the user may write to, shared by the input that owns it and all views of that.

    Attributes
    ----------
    version : int
        When it was last written to, on the scale of `Node.order` (falling); 1 if never.
    shaped : int
        When its input was last given an array of another shape or dtype.
    name : str or None
        That of the input.
    """

    __slots__ = ("name", "shaped", "version")

    def __init__(self, name: str | None = None) -> None:
        self.version = self.shaped = EARLIEST
        self.name = name

    def written(self) -> int:
        """Note a write to its array: graphs recorded earlier are now stale. Returns the version."""
        self.version = version = next_order()
        if version < LATEST_WRITE[0]:  # not at once: another thread may have written since
            LATEST_WRITE[0] = version
        return version


OURS = Storage()  # of every array that the engine allocated: these are never written to
