"""What a traced function reads and writes outside of itself: parameters, buffers, gradients, the state of optimisers.

While a function is traced to be compiled, every Tensor from outside that it uses becomes an input of the program: it
gets a node of its own, and keeps its array. A write to it, in place or to ``.data``, changes no array: the Tensor gets
the node of its new value, and at the end of the run the program knows which input receives which value. Afterwards
every Tensor is as it was before.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..base.snapshots import about_to_write
from ..engine.context import changed
from ..engine.engine_rows import ASSIGNED, STOP_GRADIENT
from ..engine.node import NEEDS, NOTHING, TRACED, Node, Params, ancestors
from ..engine.operands import raw
from ..engine.position import users_line
from ..engine.record import record
from ..engine.value import Value, wrap
from ..engine.versions import OURS, Storage
from ..table import ROWS, TABLE, Primitive
from .numbers import NUMBERS, Arithmetic, Number
from .places import CONTENT, read

ndarray = np.ndarray
SMALL = 1_000  # entries of an array that can be compared at each call


@dataclass(frozen=True, eq=False)
class Source:
    """Where an input of the program is read at each call.

    Attributes
    ----------
    kind : {"argument", "tensor", "grad", "place", "state", "number", "scalar", "cotangent"}
    owner : the Tensor, or for a gradient its Tensor; the container or cell; the optimiser; the `Step`; the type of an
        argument that is a number
    key : the number of the argument; the key in a container; (parameter, name) in the state; the name of the number;
        (word, dtype) of a Python number
    also : other places, (container, key), where the same array is
    """

    kind: str
    owner: Any
    key: Any = None
    also: list[tuple[Any, Any]] = field(default_factory=list)


@dataclass(frozen=True, eq=False)
class Step:
    """A step of an optimiser, for the parameters of a group that have made as many steps before."""

    optimizer: Any
    group: Params
    parameters: list[Any]
    dtype: Any
    counters: tuple[str, ...]  # what in the state of a parameter is a number
    used: list[str]  # the numbers that the rule has used


class NotYet(Exception):
    """The first call is a different program from all later ones: it runs as it is."""


class Outside:
    """The state of a trace: what has been read from outside, and what was written.

    Attributes
    ----------
    found : dict of Node to Source
        The inputs that were found, in the order in which they were first used.
    tensors : dict of Node to Tensor
        The Tensor, from outside or standing for an array, of each of them.
    asked : dict of Tensor to bool
        The Tensors whose ``.grad`` was read before it was written, and whether there was one.
    graded : dict of Tensor to whether its ``.grad`` started afresh
        The Tensors whose ``.grad`` was written.
    steps : list of Step
    modules : dict
        The modules that ran.
    modes : dict of module to bool
        The modules that were set to training or evaluation mode.
    compared : dict of Node to their content
        The inputs whose values the function has used as Python numbers.
    most : int
        How many steps of a loop run; 0 for all. What depends on the others has no value then.
    """

    def __init__(self, most: int = 0) -> None:
        self.most = most
        self.shortened: set[Node] = set()  # the results of loops that ended before
        self.found: dict[Node, Source] = {}
        self.tensors: dict[Node, Any] = {}
        self.asked: dict[Any, bool] = {}
        self.graded: dict[Any, bool] = {}
        self.steps: list[Step] = []
        self.modules: dict[Any, None] = {}
        self.modes: dict[Any, bool] = {}
        self.arithmetic = Arithmetic()
        self.draws: list[Node] = []
        self.compared: dict[Node, Any] = {}
        self.inside = ""  # the loop whose body is being traced: nothing may be written there
        self._arrays: dict[int, tuple[Any, Source, Any]] = {}  # an array, its places, and what stands for it
        self._gradients: dict[int, tuple[Any, Any]] = {}
        self._views: dict[Node, str] = {}
        self._aliases: dict[Any, Any] = {}
        self._states: dict[Any, tuple[Any, Params]] = {}
        self._scalars: dict[tuple[str, Any], Any] = {}
        self._numbers: dict[Any, _Numbers] = {}
        self._toggled: dict[Node, bool] = {}

    # ------------------------------------------------------------------------------------------------- reading

    def seen(self, row: Primitive, operands: Sequence[Any], params: Mapping[str, Any] = NOTHING) -> list[Any]:
        """The operands of a call, with those from outside made inputs."""
        new, numbers = list(operands), False
        for k, x in enumerate(operands):
            if type(x) is Number:
                numbers = True
            elif isinstance(x, Value):
                node = x._node
                if node is None or not node.live & ~NEEDS:  # not an input of a transform inside
                    self.enter(x)
                elif _is_old_view(node):
                    raise RuntimeError(
                        f"{node.label} is a view of {node.storage.name or 'a tensor'!r}, which has been written to "
                        "since it was made: inside jit a view does not see the write. Make it again after the write, "
                        "or copy() it before"
                    )
            elif type(x) is ndarray:
                new[k] = self.known_as(x)
        return self._with_numbers(row, new, params) if numbers else new

    def enter(self, t: Any) -> None:
        """Make a Tensor from outside an input of the program."""
        old = t._node
        if old is not None and old.live & ~NEEDS:
            return
        if getattr(t, "lazy", False):  # it has no shape before the first call
            raise NotYet
        about_to_write(t)
        if id(t) in self._gradients:
            of = self._gradients[id(t)][1]
            self._enter(t, Source("grad", of), f"{of.name or 'p'}_grad")
        else:
            self._enter(t, self._arrays[id(t._data)][1] if id(t._data) in self._arrays else Source("tensor", t))
        if t._grad is not None:
            self._gradients[id(t._grad)] = t._grad, t

    def _enter(self, t: Any, source: Source, name: str | None = None, live: int = 0) -> Any:
        old = t._node
        if old is not None:
            live = NEEDS * old.requires_grad
        node = Node(None, (), (), t._data, t._data.shape, t._data.dtype, TRACED | live)
        node.keeper = weakref.ref(t)
        if old is not None:
            node.name, node.hooks, node.code, node.at = old.name, old.hooks, old.code, old.at
        node.name = name or node.name
        node.storage = Storage(node.name)
        t._node = node
        self.found[node] = source
        self.tensors[node] = t
        return t

    def _input(self, array: Any, source: Source, name: str | None = None, live: int = 0) -> Any:
        """A new Tensor that stands for an array."""
        return self._enter(wrap(array, None), source, name, live)

    def argument(self, x: object, k: int) -> Any:
        """The Tensor that stands for the leaf `k` of the arguments."""
        if isinstance(x, Value):
            return self._input(x._data, Source("argument", None, k), x.name, NEEDS * x.requires_grad)
        source = Source("argument", None if isinstance(x, ndarray) else type(x), k)
        return self._number(f"x{k}", x, source) if type(x) in NUMBERS else self._input(raw(x), source)

    def cotangent(self, node: Node, k: int) -> Any:
        """The Tensor that stands for the cotangent of the leaf `k` of the result."""
        return self._input(np.zeros(node.shape, node.dtype), Source("cotangent", None, k), "g")

    def data(self, t: Value) -> Any:
        """``t.data``: its value, without derivatives."""
        self.enter(t)
        with changed(recording=False):
            return record(STOP_GRADIENT, (t,))

    def stand_in(self, array: np.ndarray, container: object, key: object, name: str) -> Any:
        """The Tensor that stands for an array from outside, at one of its places."""
        if id(array) in self._arrays:
            self._arrays[id(array)][1].also.append((container, key))
        else:
            source = Source("place", container, key)
            self._arrays[id(array)] = array, source, self._input(array, source, name)
        return self.known_as(array)

    def compares(self, t: Any) -> bool:
        """Whether `t` depends on small arrays from outside alone; then they are part of the program."""
        nodes = ancestors([t._node], TRACED)
        inputs = [n for n in nodes if n.row is None]
        if not self.shortened.isdisjoint(nodes):
            return False
        if any(n.live & ~(NEEDS | TRACED) or n.row is ASSIGNED or "generator" in n.params for n in nodes):
            return False
        if any(n not in self.found or self.found[n].kind != "place" or n.y.size > SMALL for n in inputs):
            return False
        for n in inputs:
            self.compared.setdefault(n, read(n.y, CONTENT))
        return True

    def known_as(self, value: object) -> Any:
        """The Tensor that stands for an array from outside; any other value itself."""
        return self._arrays[id(value)][2] if isinstance(value, ndarray) and id(value) in self._arrays else value

    # ----------------------------------------------------------------------------------------- Python numbers

    def _number(self, word: str, value: object, source: Source | None = None) -> Number:
        """A Python number; as an array of its own it is an input of the program."""
        self.arithmetic.values[word] = value
        dtype = np.dtype(type(value))
        try:
            array = np.asarray(value, dtype)
        except OverflowError:  # so it is at every call that uses the array
            array = np.zeros((), dtype)
        t = Number.__new__(Number)
        t._node = t._grad = None
        t._data, t.value, t.word = array, value, word
        return self._enter(t, source or Source("scalar", None, (word, dtype)))

    def computed(self, template: str, operands: Sequence[Any]) -> Number:
        """The result of an operation of Python's on numbers."""
        word = self.arithmetic.computed(template, operands)
        return self._number(word, self.arithmetic.values[word])

    def scalar(self, x: Number, dtype: np.dtype[Any]) -> Any:
        """The Tensor that stands for a Python number in an operation with arrays."""
        if dtype == x.dtype:
            return wrap(x._data, x._node)
        key = x.word, dtype
        if key not in self._scalars:
            self._scalars[key] = self._input(np.asarray(x.value, dtype), Source("scalar", None, key))
        return self._scalars[key]

    def _with_numbers(self, row: Primitive, operands: list[Any], params: Mapping[str, Any]) -> list[Any]:
        """The operands, with Python numbers as arrays of the dtype that the row's function gives them.

        A ufunc gives a number the dtype that it has beside the others. Of any other function the results tell: it may
        make an array of the number first, or take it as a position.
        """
        numbers = [x if type(x) is Number else None for x in operands]
        values = [raw(x) if n is None else n.value for x, n in zip(operands, numbers, strict=True)]
        others = [x for x, n in zip(values, numbers, strict=True) if n is None]
        weak = not all(type(x) in NUMBERS for x in others)
        if weak and not row.is_ufunc:
            both = zip(values, numbers, strict=True)
            cast = (x if n is None else np.result_type(*others, x).type(x) for x, n in both)
            weak = (dtypes := _dtypes(row, cast, params)) is not None and dtypes == _dtypes(row, values, params)
        return [
            x if n is None else self.scalar(n, np.result_type(*others, n.value) if weak else n.dtype)
            for x, n in zip(operands, numbers, strict=True)
        ]

    def recorded(self, node: Node) -> None:
        """Called for each node: whether it draws."""
        if "generator" in node.params:
            self.draws.append(node)

    def runs(self, module: Any) -> None:
        """A module is about to run."""
        self.modules[module] = None
        for name, buffer in module._buffers.items():
            if buffer is not None and not getattr(buffer, "lazy", False):
                self.enter(buffer)
                if buffer._node.name is None:
                    buffer._node.name = buffer._node.storage.name = name

    # ------------------------------------------------------------------------------------------------- writing

    def refuse_in_loops(self, what: str) -> None:
        """Raise if the body of a loop is being traced, which is run any number of times."""
        if self.inside:
            raise RuntimeError(
                f"{what} in the body of {self.inside}, at {users_line()}: a traced loop only computes values. Return "
                "what is new as part of the carry, and write it after the loop"
            )

    def write(self, t: Any, value: object) -> None:
        """`t` has another value from now on."""
        self.refuse_in_loops(f"a write to {t._who}")
        self.enter(t)
        new = value if isinstance(value, Value) else wrap(np.asarray(value), None)
        with changed(recording=False):
            (new,) = self.seen(STOP_GRADIENT, (new,))
            if new.shape != t.shape:
                raise ValueError(
                    f"{t._who} of shape {t.shape} is given an array of shape {new.shape} at {users_line()}: inside jit "
                    "its shape cannot change"
                )
            if new.dtype != t.dtype:
                new = new.astype(t.dtype)
            if new._node.live > TRACED:
                new = record(STOP_GRADIENT, (new,))
        node = t._node
        if node.row is STOP_GRADIENT and node.storage is not OURS and node.parents[0].keeper is not None:
            self._aliases[t] = node.parents[0].keeper()
        for x in (t, self._aliases.get(t)):
            if x is not None:
                self._assign(x, new)

    def _assign(self, t: Any, new: Any) -> None:
        old, value = t._node, new._node
        about_to_write(t)
        if old.storage is not OURS:
            old.storage.written()
            if old.row is not None and old.row not in (ASSIGNED, STOP_GRADIENT):  # a view: x[i] += v stores it back
                self._views[value] = f"{old.storage.name or 'a tensor'!r} at {users_line()}"
        if old.row is not None and old.row is not ASSIGNED:
            t._data = new._data  # it was made in the function
        node = Node(ASSIGNED, (value,), (None,), t._data, t.shape, t.dtype, TRACED | old.live & NEEDS)
        node.keeper, node.name, node.storage = weakref.ref(t), old.name, old.storage
        t._node = node

    def in_place(self, t: Value, ufunc: np.ufunc, other: object) -> Any:
        """The result of ``t += other`` and the like: `t`."""
        self.enter(t)
        with changed(recording=False):
            new = ROWS[ufunc](t, other)
            if not np.can_cast(new.dtype, t.dtype, "same_kind"):
                raise TypeError(f"{t._who} of dtype {t.dtype} cannot hold the result of {ufunc.__name__}, {new.dtype}")
        self.write(t, new)
        return t

    def ufunc_out(self, ufunc: np.ufunc, method: str, inputs: Sequence[Any], params: Params) -> Any:
        """``np.add(a, b, out=t)``."""
        outs = params.pop("out")
        if len(outs) > 1 or not isinstance(outs[0], Value):
            raise TypeError(
                f"np.{ufunc.__name__}(..., out=...) at {users_line()}: inside jit an array cannot be written to; "
                "write x = x + y"
            )
        with changed(recording=False):
            self.write(outs[0], getattr(ufunc, method)(*inputs, **params))
        return outs[0]

    def set_at(self, t: Value, index: object, value: object) -> None:
        """``t[index] = value``."""
        self.enter(t)
        node = value._node if isinstance(value, Value) else None
        if node is not None and node.row is ASSIGNED:
            self._views.pop(node.parents[0], None)  # type: ignore[arg-type]  # it has one
        if index is Ellipsis and np.shape(raw(value)) == t.shape:
            self.write(t, value)
            return
        with changed(recording=False):
            new = TABLE["set_at"](t, index, value if isinstance(value, Value) else np.asarray(value, t.dtype))
        self.write(t, new)

    # ------------------------------------------------------------------------------------------------ gradients

    def asks_for_grad(self, t: Value) -> None:
        """The ``.grad`` of `t` is read."""
        if t not in self.graded and t not in self.asked and t.is_leaf:
            self.enter(t)
            self.asked[t] = t._grad is not None

    def node_of_grad(self, t: Value) -> Node | None:
        """The input that is the ``.grad`` of `t` before the call."""
        return next((n for n, s in self.found.items() if s.kind == "grad" and s.owner is t), None)

    def sets_grad(self, t: Value, anew: bool = True) -> None:
        """The ``.grad`` of `t` is written: to another one, or added to."""
        self.refuse_in_loops(f"a write to the .grad of {t._who}")
        self.enter(t)
        self.graded[t] = anew or self.graded.get(t, False)

    # ------------------------------------------------------------------------------------------------ optimisers

    def stepped(self, optimizer: Any, p: Value, group: Params) -> tuple[Params, Any]:
        """The state of a parameter, and the numbers of its next step, as Tensors."""
        self.refuse_in_loops(f"a step of {type(optimizer).__name__}")
        if p not in self._states:
            prepared = optimizer.prepared(p, group)
            arrays = {name: x for name, x in prepared.items() if type(x) is ndarray}
            state = {
                name: self._input(x, Source("state", optimizer, (p, name)), f"{name}_{p.name or 'p'}")
                for name, x in arrays.items()
            }
            self._states[p] = {name: x for name, x in prepared.items() if name not in arrays}, state
        counters, state = self._states[p]
        dtype = p.dtype.type(0).real.dtype
        key = optimizer, id(group), dtype, tuple(counters.items())
        numbers, after = optimizer.numbers(group, counters)
        if key not in self._numbers:
            step = Step(optimizer, group, [], dtype, tuple(counters), [])
            self._numbers[key] = _Numbers(self, step, numbers)
            self.steps.append(step)
        self._numbers[key].step.parameters.append(p)
        counters.update(after)
        return state, self._numbers[key]

    def is_another_program(self) -> None:
        """Raise NotYet: the first step is a different program from the next one."""
        raise NotYet

    # --------------------------------------------------------------------------------------------------- the end

    def toggles(self, node: Node) -> None:
        """An input is about to start or stop requiring gradients."""
        self._toggled.setdefault(node, node.requires_grad)

    def check_toggles(self) -> None:
        """Raise if an input requires gradients after the run and did not before, or the other way round."""
        for node, before in self._toggled.items():
            if node in self.found and node.requires_grad != before:
                what = repr(node.name) if node.name else f"an input of shape {node.shape}"
                raise RuntimeError(
                    f"requires_grad_({not before}) on {what}, which comes from outside: inside jit this would happen "
                    "only while the function is traced. Call it outside, or make a new tensor, x.detach(), and set its "
                    "requires_grad"
                )

    def check_views(self) -> None:
        """Raise if a view was written to: in a program that write would be lost."""
        for what in self._views.values():
            raise RuntimeError(
                f"{what} is written to through a view, which inside jit changes the view only: write x[i] += v, or "
                "x[i] = v, on the tensor itself"
            )


def _is_old_view(node: Node) -> bool:
    """Whether it is a view of a tensor that was written to after it was made."""
    written = node.storage is not OURS and node.storage.version < node.order
    return written and node.row not in (None, ASSIGNED)


def _dtypes(row: Primitive, xs: Iterable[Any], params: Mapping[str, Any]) -> list[Any] | None:
    """The dtypes of the results of a row on arrays and numbers; None if it does not take these operands."""
    try:
        y = row(*xs, **params)
    except Exception:
        return None
    return [np.asarray(part).dtype for part in (y if row.outputs else (y,))]


class _Numbers:
    """The numbers of a step; one that is used becomes an input."""

    def __init__(self, outside: Outside, step: Step, numbers: Mapping[str, float]) -> None:
        self.step, self._outside, self._all = step, outside, numbers

    def __getattr__(self, name: str) -> Any:
        array = np.asarray(self._all[name], self.step.dtype)
        self.step.used.append(name)
        t = self.__dict__[name] = self._outside._input(array, Source("number", self.step, name), name)
        return t
