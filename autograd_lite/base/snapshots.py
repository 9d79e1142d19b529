"""Running a function only to inspect it, and leaving everything as it was.

`draw`, `trace`, `source` and `summary` run a user's function once, and a checkpoint runs it a second time. Such a run
may draw random numbers, write to tensors, and update the buffers of a module. Code that is about to do so calls
`about_to_draw` or `about_to_write` first, and :func:`untouched` undoes it. Outside such a run these calls read one
context variable.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from copy import deepcopy
from importlib import import_module
from operator import setitem
from pickle import dumps
from types import CellType, FunctionType, MethodType
from typing import Any

from .code import with_inner

LONG = 1_000  # entries

Undo = list[tuple[Any, ...]]  # calls, (f, *args) each


class Snapshot:
    """The changes of a run, and how to restore them. Enclosing runs note them too.

    Attributes
    ----------
    copies : bool
        Whether the arrays of Tensors are copied; False if the run writes into none of them.
    noted : dict
        By id: the object (a reference, which keeps it alive), the function that reads its state, and the calls that
        restore it.
    undo : list
        The calls that restore everything, the latest first.
    draws : int
        How often numbers were drawn from the library's generators.
    """

    def __init__(self, outer: Snapshot | None, copies: bool) -> None:
        self.outer, self.copies = outer, copies
        self.noted: dict[int, tuple[Any, Callable[[Any], Undo], Undo]] = {}
        self.undo: Undo = []
        self.draws = 0

    def restore(self) -> None:
        """Undo everything that was noted."""
        for f, *args in self.undo:
            f(*args)

    def drew(self) -> None:
        self.draws += 1
        if self.outer is not None:
            self.outer.drew()

    def note(self, thing: Any, state: Callable[[Any], Undo]) -> None:
        if id(thing) not in self.noted:
            undo = (_tensor_references if state is _tensor_state and not self.copies else state)(thing)
            self.undo[:0] = undo
            self.noted[id(thing)] = thing, state, undo
        if self.outer is not None:
            self.outer.note(thing, state)

    def drawn_from(self) -> list[Any]:
        """The generators of NumPy and Python whose state has changed."""
        states = [state for _, _, state in _GENERATORS]
        noted = [(thing, state(thing), undo) for thing, state, undo in self.noted.values() if state in states]
        return [thing for thing, now, undo in noted if dumps(now[0][1:]) != dumps(undo[0][1:])]

    def forget_generators(self) -> None:
        """Stop restoring the generators: they keep their present state."""
        for key in [key for key, (_, state, _) in self.noted.items() if state is _generator_state]:
            _, _, undo = self.noted.pop(key)
            self.undo[:] = [call for call in self.undo if not any(call is of for of in undo)]
        if self.outer is not None:
            self.outer.forget_generators()


#: The innermost run that is watched; None, the usual case, means that the functions below have nothing to do.
SNAPSHOT: ContextVar[Snapshot | None] = ContextVar("autograd_lite_snapshot", default=None)


@contextmanager
def watched(copies: bool = True) -> Iterator[Snapshot]:
    """A block in which every change is noted, and none undone."""
    snapshot = Snapshot(SNAPSHOT.get(), copies)
    token = SNAPSHOT.set(snapshot)
    try:
        yield snapshot
    finally:
        SNAPSHOT.reset(token)


@contextmanager
def untouched(
    f: Any = None, args: Iterable[Any] = (), again: Snapshot | None = None, copies: bool = True,
) -> Iterator[Snapshot]:
    """A block after which every generator, tensor, gradient and buffer is as it was before.

    Parameters
    ----------
    f : callable, optional
        The function that will run. The NumPy generators that it can reach are searched for, because NumPy does not
        announce when it draws.
    again : Snapshot, optional
        What an earlier run of the same function changed. This run starts from the same state.
    copies : bool
        False for a run that writes into no array of a Tensor.
    """
    with watched(copies) as snapshot:
        try:
            if f is not None:
                for module in filter(_is_module, about_to_call(snapshot, f, args)):
                    about_to_run(module)
            for thing, state, before in [] if again is None else again.noted.values():
                snapshot.note(thing, state)
                for restore, *values in before:
                    restore(*values)
            yield snapshot
        finally:
            snapshot.restore()


def about_to_call(snapshot: Snapshot, f: Any, args: Iterable[Any] = ()) -> list[Any]:
    """Note the generators of NumPy and Python that a function can reach. Returns everything that it can."""
    reached = list(_reachable(f, args))
    _note_generators(snapshot, [*map(sys.modules.get, ("numpy.random", "random")), *reached])
    return reached


@contextmanager
def for_good() -> Iterator[None]:
    """A block inside an :func:`untouched` run for what is made only once and stays, as the weights of a lazy layer.

    The generators are not restored either, so the same numbers are not drawn a second time.
    """
    snapshot = SNAPSHOT.get()
    if snapshot is not None:
        snapshot.forget_generators()
    token = SNAPSHOT.set(None)
    try:
        yield
    finally:
        SNAPSHOT.reset(token)


def about_to_draw(generator: Any) -> None:
    """Note the state of a NumPy generator before numbers are drawn from it."""
    snapshot = SNAPSHOT.get()
    if snapshot is not None:
        snapshot.note(generator, _generator_state)
        snapshot.drew()


def about_to_run(module: Any) -> None:
    """Note a module before it runs: it may write to its buffers, and draw from generators that it holds."""
    snapshot = SNAPSHOT.get()
    if snapshot is not None:
        for buffer in module._buffers.values():
            if buffer is not None and not getattr(buffer, "lazy", False):
                snapshot.note(buffer, _tensor_state)
        _note_generators(snapshot, module.__dict__.values())


# ------------------------------------------------------------------------------------------------- what has a state


def _is_module(value: Any) -> bool:
    return hasattr(type(value), "named_buffers")


def _note_generators(snapshot: Snapshot, values: Iterable[Any]) -> None:
    """Note the generators of NumPy and of Python among `values`; a module that is not imported has none."""
    # A module that another thread is importing now is waited for.
    kinds = [(import_module(name), cls, state) for name, cls, state in _GENERATORS if name in sys.modules]
    for value in values:
        for module, cls, state in kinds:
            if isinstance(value, getattr(module, cls)) or value is module and state is not _generator_state:
                snapshot.note(value, state)


def _generator_state(generator: Any) -> Undo:
    bits = generator.bit_generator
    return [(setattr, bits, "state", bits.state)]


def _numpy_state(generator: Any) -> Undo:
    return [(generator.set_state, generator.get_state(legacy=False))]


def _python_state(generator: Any) -> Undo:
    return [(generator.setstate, generator.getstate())]


#: Where numbers are drawn from without an announcement: the module, whose functions may draw too, and a class in it.
_GENERATORS = (
    ("numpy.random", "Generator", _generator_state), ("numpy.random", "RandomState", _numpy_state),
    ("random", "Random", _python_state),
)  # fmt: skip


def _stream(generator: Any) -> Undo:
    return [(generator.__dict__.update, dict(generator.__dict__))]


def _tensor_state(t: Any) -> Undo:
    data, grad, node = t._data, t._grad, t._node
    undo: Undo = [(setattr, t, "_data", data), (setattr, t, "_grad", grad)]
    arrays = [data] if grad is None else [data, grad._data]
    undo += [(setitem, x, ..., x.copy()) for x in arrays if x.flags.writeable]
    if node is not None and node.row is None:
        fields = {"y": data, "shape": data.shape, "dtype": data.dtype, "graded": node.graded, "storage": node.storage}
        undo += [(setattr, node, key, value) for key, value in fields.items()]
        if node.storage is not None:
            undo += [(setattr, node.storage, key, getattr(node.storage, key)) for key in ("version", "shaped")]
    return undo


def _tensor_references(t: Any) -> Undo:
    return [(setattr, t, name, getattr(t, name)) for name in ("_data", "_grad", "_node")]


def _optimizer_state(optimizer: Any) -> Undo:
    state = {p: deepcopy(of) for p, of in optimizer.state.items()}
    fields = vars(optimizer)
    return [(fields.update, dict(fields)), (optimizer.state.clear,), (optimizer.state.update, state)]


def _noting(state: Callable[[Any], Undo]) -> Callable[[Any], None]:
    """A function to call before a change: it notes the state of its argument, as `state` reads it, in a watched run."""

    def note(thing: Any) -> None:
        snapshot = SNAPSHOT.get()
        if snapshot is not None:
            snapshot.note(thing, state)

    return note


about_to_seed = _noting(_stream)  # one of our generators
about_to_write = _noting(_tensor_state)  # a Tensor, to its array or its gradient
about_to_step = _noting(_optimizer_state)


def _reachable(f: Any, args: Iterable[Any]) -> Iterator[Any]:
    """The objects that a function can reach: its arguments, its variables, those of functions in the same module."""
    stack, seen, home = [f, *args], set[int](), getattr(f, "__module__", None)
    while stack:
        value = stack.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, (dict, list, tuple)):  # a long one is data
            stack += [] if len(value) > LONG else value.values() if isinstance(value, dict) else value
        elif isinstance(value, FunctionType):
            if value.__module__ == home:
                around = [value.__globals__.get(word) for part in with_inner(value.__code__) for word in part.co_names]
                stack += [*around, *(value.__defaults__ or ()), *(value.__kwdefaults__ or {}).values()]
            stack += [cell.cell_contents for cell in value.__closure__ or () if cell != _EMPTY]
            stack.append(getattr(value, "__wrapped__", None))
        elif isinstance(value, MethodType):
            stack += [value.__self__, value.__func__]
        else:
            yield value
            if _is_module(value) or type(value).__module__ == home:  # a module, or an object of the user's
                stack += getattr(value, "__dict__", {}).values()


_EMPTY = CellType()
