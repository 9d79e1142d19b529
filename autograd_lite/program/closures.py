"""What a function can read from outside: Tensors stand for its arrays while it is traced, all else is noted.

NumPy does not say when an array is used, and Python does not say when a number is. So everything that the code of the
function can reach is looked at before it runs: its closure, its globals, the attributes that the code names, and what
is in these. An array is replaced by a Tensor in the place where it stands, until the trace ends. Of any other value the
place is noted, to be compared at each call. In the place of what can be neither an input nor compared stands an object
that raises when it is used.
"""

from __future__ import annotations

import builtins
import dis
import gc
import sys
import weakref
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from operator import attrgetter
from types import (
    BuiltinMethodType,
    CodeType,
    FunctionType,
    MappingProxyType,
    MemberDescriptorType,
    MethodType,
    ModuleType,
)
from typing import Any

import numpy as np

from ..base.code import with_inner
from ..base.tree import leaves
from ..engine.node import TRACED, Params
from ..engine.position import INTERNAL
from ..engine.value import Value
from ..table import Primitive
from .libraries import PACKAGE, home_of, is_c, is_librarys, is_opaque, kind_of
from .outside import SMALL, Outside, Source
from .places import (
    CONTENT,
    KEYS,
    LENGTH,
    MISSING,
    PLAIN,
    Attribute,
    Named,
    ShapeOf,
    assign,
    entries_of,
    plain_array,
    read,
    same,
)
from .unseen import Unseen, refuse

_CONTAINERS = dict, list, deque, set, frozenset
#: What holds others in places where nothing can stand for them, and what these are.
_HELD: dict[type, Callable[[Any], Iterable[Any]]] = {
    MethodType: lambda f: (f.__self__, f.__func__),
    BuiltinMethodType: lambda f: (f.__self__,),
    MappingProxyType: lambda names: gc.get_referents(names)[:1],
    weakref.ref: lambda reference: (reference(),),
    Primitive: lambda row: (),
}
LONG = 1_000  # entries of a container; a longer one is data
MOST = 10_000  # values outside
#: Code with one of these names may read any attribute.
_ANY_ATTRIBUTE = frozenset({"getattr", "vars", "__dict__", "dir", "asdict", "astuple", "fields"})
#: The names of the user's methods that the library calls, and their attributes.
_CALLED = {"forward", "backward", "setup_context", "jvp", "rule", "numbers", "initial"}
_GLOBAL = {"LOAD_GLOBAL", "STORE_GLOBAL", "DELETE_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS", "IMPORT_NAME"}
_PARTS = "__func__", "fget", "func", "__wrapped__"  # where descriptors and wrappers hold a function
_TABLES = "_parameters", "_buffers", "_modules", "_hooks", "_pre_hooks", "_backward_hooks", "_backward_pre_hooks"
_HOLDERS = (f"{PACKAGE}.data", f"{PACKAGE}.optim")  # of the library's other objects
_WHEN_MADE = {"__init__", "__new__", "__post_init__", "__init_subclass__"}
#: Bases that read no attribute of an object of the user's class which its code does not name.
_INERT = {"builtins", "typing", "abc", "enum", "types", PACKAGE}
#: Whose objects are compared by identity: they have no state that a result depends on, or one that is looked at
#: elsewhere (`base.snapshots` sees whether a generator was drawn from).
_STATELESS = {"logging", "threading", "_thread", "random", "_random", "datetime", "decimal", "re", "pathlib"}


@dataclass(eq=False)
class _Space:
    """A namespace, of which the entries count that the code names.

    Attributes
    ----------
    names : dict or mapping proxy
    owner : object that it belongs to
    every : bool
        Whether all entries count, because code that is not looked at reads them too.
    noted : bool
        Whether entries are noted.
    extended : bool
        Whether another name in it matters.
    called : what the user calls the owner, if that is an object of another library, which takes no Tensors
    """

    names: Any
    owner: Any
    every: bool = False
    noted: bool = True
    extended: bool = True
    called: Any = None
    done: set[str] = field(default_factory=set)


class Closure:
    """What a function can reach, for one trace.

    Attributes
    ----------
    undo : ExitStack
        Puts back what Tensors stand for.
    variables : dict
        What is compared at each call: ``(container, key, value)`` by container and key (see :mod:`.places`).
    """

    def __init__(self, outside: Outside) -> None:
        self.outside = outside
        self.undo = ExitStack()
        self.variables: dict[Any, tuple[Any, Any, Any]] = {}
        self._swapped: dict[Any, tuple[Any, Any, Any]] = {}  # container, key, what stands there
        self._seen: dict[int, Any] = {}
        self._unseen: dict[int, Unseen] = {}  # what stands for values that cannot be compared
        self._queue: list[tuple[Any, Any]] = []  # values to look into, with their keys
        self._spaces: list[_Space] = []
        self._words = set(_CALLED)  # the names in the code that may run
        self._containers: list[Any] = []
        self._before: dict[int, tuple[Any, Any]] = {}  # the containers, and copies of them
        self._tensors: list[Value] = []
        self._classes: dict[type, bool] = {}  # whether the code may make objects of them
        self._absent: list[tuple[Params, str]] = []  # globals that do not exist

    def reach(self, values: Iterable[tuple[Any, Any]]) -> list[Any]:
        """Look into functions and other values, each with what it is called, and everything that they can reach.

        Returns what stands for each.
        """
        stand_ins = [self._stand_for(value, None, called) for value, called in values]
        size = None
        while self._queue or size != (size := (len(self._words), len(self._spaces), sum(self._classes.values()))):
            while self._queue:
                self._look(*self._queue.pop())
            for space in list(self._spaces):
                self._look_at_names(space)
        for space in self._spaces:
            if space.extended:
                long = isinstance(space.owner, (type, ModuleType, FunctionType))
                key = Named(self._words, space.every or self._any_attribute, long)
                self._note(key.read(space.names), space.names, key)
                self._containers.append(space.names)
        self._before = {id(x): (x, x.copy()) for x in self._containers}
        return stand_ins

    # ----------------------------------------------------------------------------------------------- one value

    def _visit(self, value: object, container: object, key: object, note: bool = True) -> None:
        """Note a value, and let Tensors stand for its arrays."""
        if (id(container), key) in self.variables or (id(container), key) in self._swapped:
            return  # a namespace may be reached in two ways
        if note and not isinstance(value, (np.ndarray, ModuleType)):
            self._note(value, container, key)
        new = self._stand_for(value, container, key)
        if new is not value:
            self._swap(container, key, value, new)

    def _swap(self, container: object, key: object, value: object, new: object) -> None:
        self.undo.callback(self._assign, container, key, value)
        self._assign(container, key, new)
        self._swapped[id(container), key] = container, key, new

    def _assign(self, container: Any, key: Any, value: object) -> None:
        if isinstance(container, MappingProxyType):
            type.__setattr__(self._owner(container), key, value)
        else:
            assign(container, key, value)

    def _owner(self, names: object) -> Any:
        """What a namespace belongs to."""
        return next(space.owner for space in self._spaces if space.names is names)

    def _note(self, value: object, container: object, key: object) -> None:
        self.variables[id(container), key] = container, key, value
        if len(self.variables) > MOST:
            raise RuntimeError(
                f"the function can read more than {MOST} values from outside, the last of them {label(key)!r} of a "
                f"{type(container).__name__}: inside jit each is compared at every call. Pass what it needs as "
                "arguments"
            )

    def _stand_for(self, value: object, container: object, key: object) -> Any:
        """What stands for a value while the function is traced; the value is looked into later."""
        if isinstance(value, PLAIN) or value is MISSING:
            return value
        if plain_array(value) is not None:
            return self.outside.stand_in(value, container, key, str(label(key)))  # type: ignore[arg-type]  # an array
        if isinstance(value, tuple):
            entries = [self._stand_for(part, value, k) for k, part in enumerate(value)]
            changed = any(new is not old for new, old in zip(entries, value, strict=True))
            return tuple.__new__(type(value), entries) if changed else value
        if id(value) not in self._seen:
            self._seen[id(value)] = value
            if isinstance(value, np.ndarray):
                self._refuse(value, key, f"{type(value).__name__} of dtype {value.dtype}", "a plain array of numbers")
            elif isinstance(value, _CONTAINERS) and len(value) > LONG:
                kind = f"{type(value).__name__} of {len(value)} entries"
                self._refuse(value, key, kind, "an array, a tuple, or an argument")
            elif is_opaque(value):
                self._refuse(value, key, kind_of(value), "numbers and arrays")
            else:
                self._queue.append((value, key))
        return self._unseen.get(id(value), value)

    def _refuse(self, value: object, key: object, kind: str, instead: str) -> None:
        """Let an object that raises stand for a value that can be neither replaced nor compared."""
        what = repr(label(key)) if isinstance(key, (str, Attribute)) else f"an entry {label(key)!r}"
        error = RuntimeError(
            f"the function uses {what} from outside, a {kind}: inside jit a change of it would not be seen. Pass what "
            f"the function needs of it as an argument, or make it {instead}"
        )
        self._unseen[id(value)] = Unseen(value, error)

    # ---------------------------------------------------------------------------------------- what is in a value

    def _look(self, value: object, key: object) -> None:
        for kind, parts in _HELD.items():
            if isinstance(value, kind):
                for part in parts(value):
                    self._stand_for(part, value, key)
                break
        else:
            self._look_at(value, key)

    def _look_at(self, value: object, key: object) -> None:
        if isinstance(value, Value):
            if not getattr(value, "lazy", False):
                self.outside.enter(value)
                self._tensors.append(value)
                if fields := getattr(value, "__dict__", None):  # the user's attributes
                    self._spaces.append(_Space(fields, value))
                for hook in () if value._node is None else value._node.hooks or ():
                    self._stand_for(hook, value, key)
        elif isinstance(value, FunctionType):
            self._function(value)
        elif isinstance(value, partial):
            for word in ("func", "args", "keywords"):
                self._visit(getattr(value, word), value, Attribute(word, word))
        elif isinstance(value, type):
            self._class(value, made=True)
            self._class(type(value))
        elif isinstance(value, ModuleType):
            if home_of(value.__name__) == "user":
                self._spaces.append(_Space(vars(value), value))
        elif isinstance(value, Enum):
            self._visit(value._value_, vars(value), "_value_")
            self._class(type(value))
        elif isinstance(value, attrgetter):
            self._words.update(word for path in value.__reduce__()[1] for word in path.split("."))
        else:
            if isinstance(value, _CONTAINERS):
                self._container(value, key)
            self._object(value, key)

    def _container(self, value: Any, key: object) -> None:
        if not isinstance(value, frozenset):
            self._note(tuple(value), value, KEYS)
        if isinstance(value, defaultdict):
            self._visit(value.default_factory, value, Attribute("default_factory", "default_factory"))
        if isinstance(value, dict):
            for k, part in list(value.items()):
                self._visit(part, value, k)
        elif isinstance(value, (set, frozenset)):
            for part in value:
                self._stand_for(part, value, key)
        else:
            old = list(value)
            new = [self._stand_for(part, value, k) for k, part in enumerate(old)]
            if any(x is not y for x, y in zip(new, old, strict=True)):  # another array is no reason to record again
                del self.variables[id(value), KEYS]
                self._note(len(old), value, LENGTH)
                for k, part in enumerate(old):
                    if new[k] is not part:
                        self._swap(value, k, part, new[k])
                    if not isinstance(part, np.ndarray):
                        self._note(part, value, k)
        if not isinstance(value, frozenset):
            self._containers.append(value)

    def _function(self, f: FunctionType) -> None:
        for word, cell in zip(f.__code__.co_freevars, f.__closure__ or (), strict=True):
            key = Attribute("cell_contents", word)
            if word != "__class__" and (value := read(cell, key)) is not MISSING:
                self._visit(value, cell, key)
        self._parts(f)
        if INTERNAL[f.__code__.co_filename] or is_librarys(f.__code__.co_filename):
            return
        for word in ("__code__", "__defaults__", "__kwdefaults__"):
            if (value := getattr(f, word)) is not None:
                self._visit(value, f, Attribute(word, word))
        self._spaces.append(_Space(f.__dict__, f))
        self._words.update(_attributes(f.__code__))
        space = f.__globals__
        names = dict.fromkeys(_globals(f.__code__))
        for word in (*names, *(_attributes(f.__code__) if "globals" in names else ())):
            if word in space:
                self._visit(space[word], space, word)
            else:
                self._absent.append((space, word))
                if word in vars(builtins):
                    self._note(MISSING, space, word)
                elif word in sys.modules:  # imported inside
                    self._stand_for(sys.modules[word], space, word)

    def _parts(self, value: object) -> None:
        """Look into the functions of a descriptor or a wrapper."""
        for name in _PARTS if home_of(type(value).__module__) != "user" else ():
            part = getattr(value, name, None)
            if name == "__wrapped__" or isinstance(part, (FunctionType, MethodType, BuiltinMethodType, partial)):
                self._stand_for(part, value, name)

    # --------------------------------------------------------------------------------------- objects and classes

    def _object(self, value: object, key: object) -> None:
        cls = type(value)
        self._parts(value)
        fields: Any = getattr(value, "__dict__", None)
        home = home_of(cls.__module__)
        if hasattr(cls, "named_buffers"):  # which attributes were set is compared elsewhere
            for kind in _TABLES:
                for part in fields[kind].values():
                    self._stand_for(part, value, kind)
            ours = home == PACKAGE
            done = {*_TABLES, "_passing"}
            self._spaces.append(_Space(fields, value, every=ours, noted=not ours, extended=False, done=done))
        elif isinstance(fields, dict) and "param_groups" in fields:
            self._spaces.append(_Space(fields, value, extended=False, done={"state"}))
        elif home not in _STATELESS and (home != PACKAGE or cls.__module__.startswith(_HOLDERS)):
            every = home == PACKAGE or any(home_of(kind.__module__) not in ("user", *_INERT) for kind in cls.__mro__)
            called = None if home in ("user", PACKAGE) or home in sys.stdlib_module_names else key
            if isinstance(fields, dict):
                self._note(cls, value, Attribute("__class__", "__class__"))
                self._note(fields, value, Attribute("__dict__", "__dict__"))
                self._spaces.append(_Space(fields, value, every, called=called))
            slots = {
                word: slot for kind in cls.__mro__ for word, slot in vars(kind).items()
                if isinstance(slot, MemberDescriptorType) and not is_c(kind)
            }  # fmt: skip
            if slots:
                self._spaces.append(_Space(slots, value, every, extended=False, called=called))
        self._class(cls)

    def _class(self, cls: type, made: bool = False) -> None:
        """Look into a class; `made`: whether the code may make objects of it."""
        for kind in cls.__mro__:
            if home_of(kind.__module__) == "user":
                if kind not in self._classes:
                    self._spaces.append(_Space(vars(kind), kind))
                self._classes[kind] = made or self._classes.get(kind, False)

    def _look_at_names(self, space: _Space) -> None:
        """Look at the entries of a namespace that the code names."""
        names, owner, is_class = space.names, space.owner, isinstance(space.owner, type)
        for word, value in list(names.items()):
            special = is_class and word.startswith("__")
            if special and word in _WHEN_MADE and not self._classes[owner]:
                continue
            if word in space.done or special and not isinstance(value, FunctionType):
                continue
            if not (special or space.every or self._any_attribute or word in self._words):
                continue
            space.done.add(word)
            place = names, word
            if isinstance(value, MemberDescriptorType) and not is_class:  # a slot
                place = owner, Attribute(word, word)
                value = read(*place)
            if space.called is None or not isinstance(value, np.ndarray):
                self._visit(value, *place, note=space.noted)
            elif plain_array(value) is not None and value.size <= SMALL:
                self._note(value, *place)
                self._note(read(value, CONTENT), value, CONTENT)
            else:
                self._refuse(value, space.called, kind_of(owner), "numbers and arrays")
                self._swap(*place, value, self._unseen[id(value)])

    @property
    def _any_attribute(self) -> bool:
        return not self._words.isdisjoint(_ANY_ATTRIBUTE)

    # --------------------------------------------------------------------------------------------- after the run

    def check(self) -> None:
        """Raise if the function has changed what it reads from outside; those places are as before then.

        What it adds to a container, and what it sets that was None, does not say whether the program fits.
        """
        changed = [(container, key) for container, key, x in self._swapped.values() if read(container, key) is not x]
        for place, (container, key, before) in list(self.variables.items()):
            now = read(container, key)
            if place in self._swapped or same(now, before):
                continue
            if isinstance(key, Named) or key is KEYS or key is LENGTH:
                del self.variables[place]
                if key is LENGTH and now < before or key is not LENGTH and not _ids(before) <= _ids(now):
                    changed.append((container, key))
                elif key is KEYS and isinstance(container, (list, deque)):
                    for k, x in enumerate(before):
                        self._note(x, container, k)
                elif isinstance(container, dict):
                    for k in set(now) - set(before):
                        self._note(container[k], container, k)
            elif before is None:
                self._note(now, container, key)
            else:
                changed.append((container, key))
                if key is not CONTENT:
                    self._assign(container, key, before)
        for space, word in self._absent:
            if word in space:
                changed.append((space, word))
                del space[word]
        if changed:
            for container, _ in changed:
                self._restore(container)
            container, key = changed[0]
            what = label(key) if isinstance(key, (str, Attribute)) else f"an entry of a {type(container).__name__}"
            raise RuntimeError(
                f"the function assigns to {what} outside of it: inside jit this would happen only while it is traced. "
                "Return the value instead"
            )

    def note_arrays(self, used: Iterable[Source]) -> None:
        """Note the values of arrays that the function has used as Python numbers, and the shapes of those that the
        program does not use: the function may have asked for them.
        """
        used = list(used)
        inputs = {id(s.owner() if s.kind == "tensor" else s) for s in used}
        places = [(s.owner, s.key) for s in self.outside.found.values() if s.kind == "place" and id(s) not in inputs]
        tensors = [(t, Attribute("_data", "data")) for t in self._tensors if id(t) not in inputs]
        for container, key in places + tensors:
            self._note(read(container, ShapeOf(key)), container, ShapeOf(key))
        for node, content in self.outside.compared.items():
            source = self.outside.found[node]
            self._note(content, node.y, CONTENT)
            for place in ((source.owner, source.key), *source.also):
                self._note(read(*place), *place)

    def check_leaks(self) -> None:
        """Raise if the function has kept a traced value outside; the container is as before."""
        outside = self.outside
        outer = {id(t) for node, t in outside.tensors.items() if outside.found[node].kind == "tensor"}  # not made in it
        for container, before in self._before.values():
            before = entries_of(before)
            for key, x in entries_of(container).items():
                old = before.get(key)
                if x is not old and type(x) is Unseen:
                    self._restore(container)
                    refuse(x)
                held = () if x is old else leaves([x, *vars(x).values()] if hasattr(x, "__dict__") else x)
                nodes = (t._node for t in held if isinstance(t, Value) and id(t) not in outer)
                node = next((n for n in nodes if n is not None and n.live & TRACED), None)
                if node is not None:
                    self._restore(container)
                    raise RuntimeError(
                        f"the result of {node.row.name if node.row is not None else 'a step'} at {node.origin} is kept "
                        f"outside of the function, in a {type(container).__name__} at {key!r}: inside jit it has no "
                        "value yet. Return it, and keep it outside"
                    )

    def _restore(self, container: Any) -> None:
        """Make a container, or the attributes of a class, what they were before the run."""
        if id(container) not in self._before:
            return
        before = self._before[id(container)][1]
        if isinstance(container, MappingProxyType):
            for word in container.keys() - before.keys():
                type.__delattr__(self._owner(container), word)
        else:
            container.clear()
            (container.update if isinstance(container, (dict, set)) else container.extend)(before)


def label(key: object) -> Any:
    """What the user calls a place."""
    return key.label if isinstance(key, Attribute) else key


def _ids(values: Iterable[object]) -> set[int]:
    return set(map(id, values))


def _attributes(code: CodeType) -> Iterator[str]:
    """The names of attributes in some code, also those that ``getattr(x, "name")`` uses."""
    for part in with_inner(code):
        yield from part.co_names
        yield from (x for x in part.co_consts if isinstance(x, str) and x.isidentifier())


def _globals(code: CodeType) -> Iterator[str]:
    """The names of globals in some code: an attribute of the same name is none."""
    for part in with_inner(code):
        yield from (step.argval for step in dis.get_instructions(part) if step.opname in _GLOBAL)
