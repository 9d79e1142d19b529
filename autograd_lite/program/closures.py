"""The variables that a function uses from outside: Tensors stand for its arrays while it is traced.

NumPy does not say when an array is used. So the traced function is a copy of the user's, with the same code, in whose
closure and globals each array is replaced by a Tensor. Arrays in containers and in attributes of objects are recognised
when they meet a Tensor. Python numbers cannot be seen at all; their values are noted.
"""

from __future__ import annotations

import sys
import sysconfig
from collections.abc import Iterator
from functools import partial
from os.path import dirname
from types import CellType, CodeType, FunctionType, MethodType, ModuleType, SimpleNamespace
from typing import Any

import numpy as np

from ..base.tree import leaves
from ..engine.node import TRACED
from ..engine.position import INTERNAL
from ..engine.value import Value
from .outside import Outside

LONG = 1_000  # entries of a container; a longer one is data
PLAIN = (int, float, complex, str, bool, type(None), np.generic)
MISSING = object()
LENGTH = object()  # a key: how many entries a container has
_EMPTY = CellType()
_LIBRARIES = (dirname(dirname(__file__)), *map(sysconfig.get_path, ("stdlib", "platlib", "purelib")))


class Closure:
    """Copies of functions for one trace.

    Attributes
    ----------
    variables : dict
        What the functions use from outside, arrays excepted: ``(container or cell, key, value)`` by container and key.
    """

    def __init__(self, outside: Outside) -> None:
        self.outside = outside
        self.variables: dict[Any, tuple[Any, Any, Any]] = {}
        self._functions: dict[int, Any] = {}
        self._cells: dict[int, tuple[CellType, CellType, Any]] = {}
        self._globals: dict[int, tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = {}
        self._seen: dict[int, tuple[Any, Any]] = {}  # a container, and a copy of it
        self._classes: dict[type, None] = {}  # of objects and modules
        self._words = {"forward", "__call__"}  # the names in the code that runs, among them the methods that it calls

    def of(self, value: Any, container: Any = None, key: Any = None) -> Any:
        """What stands for the value of a variable."""
        self._note(value, container, key)
        if isinstance(value, FunctionType):
            return self._function(value)
        if isinstance(value, MethodType):
            self.look_into(value.__self__)
            function = self._function(value.__func__) if isinstance(value.__func__, FunctionType) else value.__func__
            return MethodType(function, value.__self__)
        if type(value) is partial:
            return partial(self.of(value.func), *value.args, **value.keywords)
        if type(value) is np.ndarray and value.dtype.kind in "biufc" and container is not None:
            self.outside.known(value, container, key)
            name = key if isinstance(key, str) else None
            return self.outside.stand_in(value, name)
        self.look_into(value, container, key)
        return value

    def _note(self, value: Any, container: Any, key: Any) -> None:
        if container is not None and not isinstance(value, (np.ndarray, ModuleType)):
            self.variables[id(container), key] = container, key, value

    def _function(self, f: FunctionType) -> Any:
        inside = INTERNAL[f.__code__.co_filename]
        if inside and not f.__closure__:
            return f
        if id(f) not in self._functions:
            cells = tuple(map(self._cell, f.__closure__ or ()))
            space = f.__globals__ if inside else self._space(f.__globals__)
            copy = FunctionType(f.__code__, space, f.__name__, f.__defaults__, cells)
            copy.__kwdefaults__, copy.__qualname__, copy.__module__ = f.__kwdefaults__, f.__qualname__, f.__module__
            copy.__dict__.update(f.__dict__)
            self._functions[id(f)] = copy
            for name, cell in zip(f.__code__.co_freevars, f.__closure__ or (), strict=True):
                self._fill(cell, name)
            for defaults in (f.__defaults__, f.__kwdefaults__):
                if defaults:
                    self.look_into(defaults)
            if not inside:
                self._use(f.__globals__, f.__code__)
        return self._functions[id(f)]

    def _cell(self, cell: CellType) -> CellType:
        if id(cell) not in self._cells:
            self._cells[id(cell)] = cell, CellType(), None
        return self._cells[id(cell)][1]

    def _fill(self, cell: CellType, name: str) -> None:
        _, new, put = self._cells[id(cell)]
        if new == _EMPTY and cell != _EMPTY:
            new.cell_contents = put = self.of(cell.cell_contents, cell, name)
            self._cells[id(cell)] = cell, new, put

    def _space(self, space: dict[str, Any]) -> dict[str, Any]:
        if id(space) not in self._globals:
            self._globals[id(space)] = space, dict(space), {}
        return self._globals[id(space)][1]

    def _use(self, space: dict[str, Any], code: CodeType) -> None:
        """Replace the globals that some code uses, with the code of the functions defined in it."""
        _, new, put = self._globals[id(space)]
        self._words.update(_names(code))
        for word in _names(code):
            if word in space and word not in put:
                put[word] = None
                new[word] = put[word] = self.of(space[word], space, word)

    def look_into(
        self, value: Any, container: Any = None, key: Any = None, note: bool = True, sized: bool = True
    ) -> None:
        """Find the arrays and Tensors in a container, a module, or an object or class of the user's.

        `sized`: whether another entry makes another program. It does not in the attributes of objects, where a list may
        be a history that grows at each call.
        """
        if id(value) in self._seen:
            return
        if isinstance(value, Value):
            if not getattr(value, "lazy", False):
                self.outside.enter(value)
                self.look_into(getattr(value, "__dict__", {}), sized=False)  # the user's attributes
        elif type(value) is np.ndarray:
            if container is not None:
                self.outside.known(value, container, key)
        elif isinstance(value, (dict, list, tuple)):
            self._seen[id(value)] = value, value if isinstance(value, tuple) else value.copy()
            parts: Any = value.items() if isinstance(value, dict) else enumerate(value)
            noted = note and not isinstance(value, tuple)  # which cannot change
            if noted and sized:
                self._note(len(value), value, LENGTH)
            for k, part in list(parts) if len(value) <= LONG else ():
                if noted:
                    self._note(part, value, k)
                self.look_into(part, value, k, note, sized)
        elif isinstance(value, type):
            self._class(value)
        elif _has_arrays(value):
            self._seen[id(value)] = (), ()
            self._classes[type(value)] = None
            module = hasattr(value, "named_buffers")
            self.look_into(value.__dict__, note=not module, sized=False)  # of a module all is compared
            if not module:
                self._class(type(value))
            for name in ("forward", "__call__"):
                method = getattr(type(value), name, None)
                if isinstance(method, FunctionType):
                    self._watch(method)

    def _class(self, cls: type) -> None:
        """Note the attributes of a class of the user's that are data."""
        if id(cls) in self._seen or not _is_users(cls):
            return
        self._seen[id(cls)] = (), ()
        space = vars(cls)
        for name, part in space.items():
            if not name.startswith("__") and isinstance(part, (*PLAIN, np.ndarray, Value, dict, list, tuple)):
                self._note(part, space, name)
                self.look_into(part, space, name, sized=False)
        for base in cls.__bases__:
            self._class(base)

    def _watch(self, f: FunctionType) -> None:
        """Note what a method of a class uses from outside; it is not copied, because others call it."""
        if id(f) in self._seen or INTERNAL[f.__code__.co_filename]:
            return
        self._seen[id(f)] = (), ()
        self._words.update(_names(f.__code__))
        cells = zip(f.__code__.co_freevars, f.__closure__ or (), strict=True)
        used: list[tuple[Any, Any, Any]] = [(cell, word, cell.cell_contents) for word, cell in cells if cell != _EMPTY]
        space = f.__globals__
        used += [(space, word, space[word]) for word in _names(f.__code__) if word in space]
        for container, key, value in used:
            self._note(value, container, key)
            if isinstance(value, FunctionType):
                self._watch(value)
            else:
                self.look_into(value, container, key)

    def note_methods(self) -> None:
        """Note the methods that the code may call: those of its objects whose names are in it."""
        spaces = [vars(cls) for cls in dict.fromkeys(c for kind in self._classes for c in kind.__mro__ if _is_users(c))]
        done: set[str] = set()
        while words := self._words - done:
            done |= words
            for space in spaces:
                for word in sorted(words & space.keys()):
                    method = space[word]
                    f = getattr(method, "__func__", None) or getattr(method, "fget", None) or method
                    if isinstance(f, FunctionType):
                        self._note(method, space, word)
                        self._words.update(_names(f.__code__))

    def check_leaks(self) -> None:
        """Raise if the function has kept a traced value outside; the container is as before."""
        outside = self.outside
        own = {id(t) for node, t in outside.tensors.items() if outside.found[node].kind == "tensor"}  # not made in it
        for container, before in self._seen.values():
            entries = list(container.items() if isinstance(container, dict) else enumerate(container))
            for key, x in entries:
                old = before.get(key) if isinstance(before, dict) else before[key] if key < len(before) else None
                parts = () if x is old else leaves([x, *vars(x).values()] if hasattr(x, "__dict__") else x)
                nodes = (t._node for t in parts if isinstance(t, Value) and id(t) not in own)
                node = next((n for n in nodes if n is not None and n.live & TRACED), None)
                if node is not None:
                    if isinstance(container, dict):
                        container.clear()
                        container.update(before)
                    elif isinstance(container, list):
                        container[:] = before
                    raise RuntimeError(
                        f"the result of {node.row.name if node.row is not None else 'a step'} at {node.origin} is kept "
                        f"outside of the function, in a {type(container).__name__} at {key!r}: inside jit it has no "
                        "value yet. Return it, and keep it outside"
                    )

    def check(self) -> None:
        """Raise if the function has assigned to a variable from outside."""
        changed = [name for _, new, put in self._globals.values() for name in put if new.get(name) is not put[name]]
        changed += [
            "a variable of an enclosing function" for _, new, put in self._cells.values()
            if new != _EMPTY and put is not None and new.cell_contents is not put
        ]  # fmt: skip
        if changed:
            raise RuntimeError(
                f"the function assigns to {changed[0]} outside of it: inside jit this would happen only while it is "
                "traced. Return the value instead"
            )


def read(container: Any, key: Any) -> Any:
    """The value in a cell or at a key; MISSING if there is none."""
    try:
        if key is LENGTH:
            return len(container)
        return container.cell_contents if isinstance(container, CellType) else container[key]
    except (LookupError, ValueError):
        return MISSING


def same(x: Any, y: Any) -> bool:
    """Whether they are one object, or equal numbers or strings."""
    return x is y or type(x) is type(y) and isinstance(x, PLAIN) and bool(x == y)


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


def _has_arrays(value: Any) -> bool:
    """Whether it is a module, or one of the user's objects."""
    if isinstance(value, (type, FunctionType, MethodType)) or not hasattr(value, "__dict__"):
        return False
    return hasattr(type(value), "named_buffers") or _is_users(type(value)) or isinstance(value, SimpleNamespace)


def _is_users(cls: type) -> bool:
    """Whether a class is not a library's."""
    home = getattr(sys.modules.get(cls.__module__), "__file__", None)  # none in a notebook
    return home is None and cls.__module__ != "builtins" or home is not None and not home.startswith(_LIBRARIES)
