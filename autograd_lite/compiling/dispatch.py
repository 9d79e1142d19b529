"""The call of a compiled program: a Python function, generated for it, that checks and reads what the program needs.

It is generated because it runs at every call: on a small net the checks would take longer than the arithmetic. It
returns MISS if anything differs from the recording; then `Jitted` looks for another program.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import count
from types import CellType
from typing import Any

import numpy as np

from ..base.escape import RESERVED
from ..base.memory import is_whole
from ..engine.context import CONTEXT
from ..engine.value import Value, wrap
from ..engine.versions import CONFIGURED, LATEST_WRITE, next_order
from ..program import Var
from ..program.calls import Backward, Call
from ..program.closures import LENGTH, read, same
from ..program.naming import Names
from ..program.outside import Source, Step
from ..tensor import Tensor
from .connected import Link

MISS = object()
INDENT = "    "


class Dispatch:
    """A recorded call, compiled.

    Attributes
    ----------
    call : callable
        ``call(args, params)`` is the result, or MISS.
    source : str
        Of that function.
    """

    def __init__(
        self, recorded: Call, run: Any, args: Any, params: Any, static: Sequence[bool], recording: bool, lock: Any
    ) -> None:
        self.recorded, self.run, self.recording = recorded, run, recording
        self.space: dict[str, Any] = {
            "MISS": MISS, "Tensor": Tensor, "ndarray": np.ndarray, "context": CONTEXT.get, "configured": CONFIGURED,
            "wrap": wrap, "run": run.exclusive() if recorded.stateful else run, "latest": LATEST_WRITE,
            "next_order": next_order, "lock": lock, "same": _same_value, "owned": self._owned,
        }
        used = {*RESERVED, *self.space, "args", "params", "now", "seen", "version", "linked", "call"}
        self._fresh = Names(used, between="_").take
        self._words: dict[Any, str] = {}
        self._written: set[int] = set()  # the ids of the arrays that are written to
        self._modules = [(m, _state_of(m)) for m in recorded.modules if m not in recorded.modes]
        self._needs = {v: _needs(s.owner) for v, s in recorded.sources.items() if s.kind == "tensor"}
        self._shapes = {id(step): _structure(step) for step in recorded.steps}
        self.refresh()
        self.source = _Writer(self, args, params, static).text()
        exec(compile(self.source, f"<autograd_lite: call of {recorded.program.name}>", "exec"), self.space)
        self.call: Any = self.space["call"]

    def bound(self, value: Any, wish: str, key: Any = None) -> str:
        """The name of a value in the generated function; with a key it can be bound to another value later."""
        word = self.word(wish, (wish, id(value)) if key is None else key)
        self.space[word] = value
        return word

    def word(self, wish: str, key: Any) -> str:
        """The name for a key."""
        if key not in self._words:
            self._words[key] = self._fresh(wish)
        return self._words[key]

    # ----------------------------------------------------------------------------------------- what may change

    def refresh(self) -> bool:
        """Look again at what is compared by identity; False if the program no longer fits."""
        recorded = self.recorded
        self._written.clear()
        fits = all(self._fits(v, source) for v, source in recorded.sources.items())
        fits = fits and all(_same(_state_of(m), state) for m, state in self._modules)
        fits = fits and all((t._grad is not None) is had for t, had in recorded.asked.items())
        fits = fits and all(self._fits_variable(*variable) for variable in recorded.variables)
        fits = fits and all(map(self._fits_step, recorded.steps))
        self.space["seen"] = CONFIGURED[0]
        return fits

    def _fits(self, v: Var, source: Source) -> bool:
        array: Any = None
        if source.kind == "tensor":
            array = source.owner._data
            if _needs(source.owner) != self._needs[v]:
                return False
            if v in self.recorded.program.updates:
                self.bound(source.owner._storage(), "storage", ("storage", v))
            self.bound(source.owner._node, "node", ("node", v))
        elif source.kind == "place":
            array = read(source.owner, source.key)
        elif source.kind == "state":  # there may be none after load_state_dict
            p, name = source.key
            array = source.owner.state.get(p, {}).get(name)
        else:
            return True
        if type(array) is not np.ndarray or array.shape != v.shape or array.dtype != v.dtype:
            return False
        if v in self.recorded.contiguous:
            if not is_whole(array):
                return False
            self._written.add(id(array))
        self.bound(array, "array", ("array", v))
        return True

    def _owned(self, g: Any) -> Any:
        """A gradient whose array is contiguous and shares memory with no parameter."""
        return g if is_whole(g) and id(g) not in self._written else np.array(g, order="C")

    def _fits_variable(self, container: Any, key: Any, value: Any) -> bool:
        found = read(container, key)
        self.bound(found, "value", ("value", id(container), key))
        return same(found, value)

    def _fits_step(self, step: Step) -> bool:
        if _structure(step) != self._shapes[id(step)]:
            return False
        self.bound(dict(step.group), "options", ("options", id(step)))
        if not step.counters:
            numbers, _ = step.optimizer.numbers(step.group, {})
            for name in numbers:
                self.bound(np.array(numbers[name], step.dtype), name, ("number", id(step), name))
        return True


def _needs(t: Any) -> bool:
    return t._node is not None and t._node.requires_grad


def _structure(step: Step) -> Any:
    """What a rule may ask of the options: whether they are set."""
    options = tuple((k, bool(v)) for k, v in step.group.items() if k not in ("params", "lr", "initial_lr"))
    return options, tuple(map(id, step.group["params"])), len(step.optimizer.param_groups)


def _state_of(module: Any) -> dict[str, Any]:
    """The attributes of a module, and the members of its dicts."""
    fields = dict(module.__dict__)
    hooks = ("_hooks", "_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    for kind in ("_parameters", "_buffers", "_modules", *hooks):
        fields[kind] = tuple(fields[kind].items())
    return fields


def _same(a: dict[str, Any], b: dict[str, Any]) -> bool:
    """Whether the attributes are the same objects, or equal numbers."""
    return a.keys() == b.keys() and all(x is b[k] or _equal(x, b[k]) for k, x in a.items())


def _equal(x: Any, y: Any) -> bool:
    if type(x) is not type(y):
        return False
    if isinstance(x, tuple):
        return len(x) == len(y) and all(p is q or _equal(p, q) for p, q in zip(x, y, strict=True))
    return isinstance(x, (bool, int, float, str)) and x == y


class _Feed:
    """The numbers of a step of an optimiser, from the counters in its state.

    A call returns the counters after the step, or None if the parameters have not made as many steps. The numbers are
    in `arrays`, in the order of `step.used`.
    """

    def __init__(self, step: Step) -> None:
        self.step = step
        self.arrays = [np.empty((), step.dtype) for _ in step.used]

    def __call__(self, before: Any = None) -> Any:
        step = self.step
        states = step.optimizer.state
        first = before if before is not None else states[step.parameters[0]]
        if before is None:
            for name in step.counters:
                value = first[name]
                for p in step.parameters:
                    if states[p][name] != value:
                        return None
        numbers, after = step.optimizer.numbers(step.group, first)
        for array, name in zip(self.arrays, step.used, strict=True):
            array[...] = numbers[name]
        return after


class _Writer:
    """Writes the function `call` of a `Dispatch`."""

    def __init__(self, dispatch: Dispatch, args: Any, params: Any, static: Sequence[bool]) -> None:
        self.dispatch, self.recorded, self.bound = dispatch, dispatch.recorded, dispatch.bound
        self.word = dispatch.word
        self.args, self.params, self.static = args, params, static
        self.checks: list[str] = []
        self.leaves: list[str] = []  # the expression of each leaf of the arguments
        self.states: dict[Any, str] = {}  # the name of the state of a parameter
        self.counters: dict[Any, str] = {}  # the name of its counters after the call
        self.feeds: dict[int, _Feed] = {}
        self.tensors: dict[int, str] = {}  # the expressions of the leaves that are Tensors

    def text(self) -> str:
        recorded = self.recorded
        self._arguments()
        self._surroundings()
        lines = self._steps()
        inputs = [self._read(v, source) for v, source in recorded.sources.items()]
        after = self._after()
        if recorded.writes:  # before the write: an interrupt in between makes an old graph raise, not use new values
            storages = [
                self.word("storage", ("storage", v)) + ".version"
                for v in recorded.program.updates if recorded.sources[v].kind == "tensor"
            ]  # fmt: skip
            lines += [f"{' = '.join(storages)} = version = next_order()", "if version < latest[0]: latest[0] = version"]
        more = f", after=({' '.join(f'{x},' for x in after)})" if after else ""
        names = [f"y{k}" for k in range(len(recorded.program.outputs))]
        inputs_of = dict(zip(recorded.sources, inputs, strict=True))
        lines.append(f"{' '.join(f'{y},' for y in names)}{' = ' * bool(names)}run({', '.join(inputs)}{more})")
        for t, k in recorded.gradients:
            if k is not None:
                lines.append(f"{self.bound(t, 'tensor')}._grad = wrap({names[k]}, None)")
            elif recorded.asked.get(t, True):  # it may not be None already
                lines.append(f"{self.bound(t, 'tensor')}._grad = None")
        lines += [f"{self.bound(m, 'module')}.training = {mode!r}" for m, mode in recorded.modes.items()]
        if recorded.stateful:
            lines = ["with lock:", *(INDENT + line for line in lines)]
        results = [f"wrap({y}, None)" if tensor else y if x.shape else f"{y}[()]"
                   for y, tensor, x in zip(names, recorded.tensors, recorded.program.outputs, strict=False)]
        for k, x in recorded.objects.items():
            results[k] = self.bound(x, "result")
        for k, leaf in recorded.in_place.items():
            results[k] = self.leaves[leaf]
        if recorded.backward is not None:
            lines.append(self._linked(recorded.backward, names, inputs_of))
            for k, start in enumerate(recorded.backward.results):
                results[start] = f"linked[{k}]"
        lines.append(f"return {self._tree(recorded.program.result, iter(results))}")
        checks = ["try:", *(INDENT + line for line in self.checks), "except (LookupError, ValueError):"]
        body = [*checks, INDENT + "return MISS", *lines]
        return "\n".join(["def call(args, params):", *(INDENT + line for line in body), ""])

    def check(self, condition: str) -> None:
        """Return MISS if a condition holds."""
        self.checks.append(f"if {condition}: return MISS")

    # ------------------------------------------------------------------------------------------ the arguments

    def _arguments(self) -> None:
        keywords = f"len(params) != {len(self.params)}" if self.params else "params"
        self.check(f"len(args) != {len(self.args)} or {keywords}")
        self._names = (f"x{k}" for k in count())
        for k, arg in enumerate(self.args):
            self._argument(arg, f"args[{k}]")
        for name, arg in self.params.items():
            self._argument(arg, f"params[{name!r}]")

    def _argument(self, x: Any, where: str) -> None:
        if x is None:
            self.check(f"{where} is not None")
            return
        name = next(self._names)
        self.checks.append(f"{name} = {where}")
        if isinstance(x, (dict, list, tuple)):
            self.check(f"{name}.__class__ is not {self.bound(type(x), 'kind')} or len({name}) != {len(x)}")
            parts: Any = x.items() if isinstance(x, dict) else enumerate(x)
            for key, part in parts:
                self._argument(part, f"{name}[{self._key(key)}]")
        elif self.static[len(self.leaves)]:
            self.check(f"{name} is not {self.bound(x, 'static')} and not same({name}, {self.bound(x, 'static')})")
            self.leaves.append(name)
        else:
            self._leaf(x, name)

    def _key(self, key: Any) -> str:
        return repr(key) if type(key) in (str, int) else self.bound(key, "key")

    def _leaf(self, x: Any, name: str) -> None:
        self.check(f"{name}.__class__ is not {self.bound(type(x), 'kind')}")
        if not isinstance(x, (Value, np.ndarray)):  # a number
            of = self.bound(np.result_type(x).type, "as")
            self.leaves.append(name if isinstance(x, np.generic) else f"{of}({name})")
            return
        if isinstance(x, Value):
            live = 0 if x._node is None else x._node.live
            self.check(f"(0 if {name}._node is None else {name}._node.live) != {live}")
            self.checks.append(f"{name}_data = {name}._data")
            self.tensors[len(self.leaves)] = name
            name = f"{name}_data"
        dtype = self.bound(x.dtype, "dtype")
        self.check(f"{name}.shape != {x.shape} or {name}.dtype is not {dtype} and {name}.dtype != {dtype}")
        self.leaves.append(name)

    # ---------------------------------------------------------------------------------------- what is around

    def _surroundings(self) -> None:
        self.checks.append("now = context()")
        special = "now.level or now.watcher is not None or now.values is not None or now.outside is not None"
        if self.dispatch.recording:
            self.check(f"now is not None and (not now.recording or {special})")
        else:
            self.check(f"now is None or now.recording or {special}")
        if self.recorded.modules:
            self.check("configured[0] != seen")
        for container, key, _ in self.recorded.variables:
            word = self.word("value", ("value", id(container), key))
            self.check(f"{self._place(container, key)} {'!=' if key is LENGTH else 'is not'} {word}")
        for t, had in self.recorded.asked.items():
            self.check(f"{self.bound(t, 'tensor')}._grad is {'' if had else 'not '}None")
        for step in self.recorded.steps:
            options = self.word("options", ("options", id(step)))
            self.check(f"{self.bound(step.group, 'group')} != {options}")

    def _place(self, container: Any, key: Any) -> str:
        where = self.bound(container, "place")
        if key is LENGTH:
            return f"len({where})"
        return f"{where}.cell_contents" if isinstance(container, CellType) else f"{where}[{self._key(key)}]"

    def _read(self, v: Var, source: Source) -> str:
        """The expression for an input, after the checks that it needs."""
        if source.kind == "argument":
            return self.leaves[source.key]
        if source.kind in ("tensor", "place"):
            array = self.word("array", ("array", v))
            if source.kind == "tensor":
                t, node = self.bound(source.owner, "tensor"), self.word("node", ("node", v))
                self.check(f"{t}._data is not {array} or {t}._node is not {node}")
            else:
                self.check(f"{self._place(source.owner, source.key)} is not {array}")
            return array
        if source.kind == "grad":
            grad = f"{self.bound(source.owner, 'tensor')}._grad._data"
            return f"owned({grad})" if v in self.recorded.contiguous else grad
        if source.kind == "number":
            step = source.owner
            if step.counters:
                return self.bound(self.feeds[id(step)].arrays[step.used.index(source.key)], source.key)
            return self.word(source.key, ("number", id(step), source.key))
        p, name = source.key
        array = self.word("array", ("array", v))
        self.check(f"{self._state(source.owner, p)}[{name!r}] is not {array}")
        return array

    def _state(self, optimizer: Any, p: Any) -> str:
        """The name of the state of a parameter."""
        if p not in self.states:
            self.states[p] = f"state{len(self.states)}"
            owner = self.bound(optimizer, "optimizer")
            self.checks.append(f"{self.states[p]} = {owner}.state[{self.bound(p, 'tensor')}]")
        return self.states[p]

    # ------------------------------------------------------------------------------------------ what is written

    def _steps(self) -> list[str]:
        """The numbers of the optimisers' steps that depend on how many there have been."""
        lines = []
        for step in self.recorded.steps:
            if step.counters:
                k = len(self.feeds)
                before = self.counters.get(step.parameters[0], "")
                feed = self.feeds[id(step)] = _Feed(step)
                lines.append(f"counters{k} = {self.bound(feed, 'feed')}({before})")
                lines.append(f"if counters{k} is None: return MISS")
                self.counters.update(dict.fromkeys(step.parameters, f"counters{k}"))
        return lines

    def _after(self) -> list[str]:
        """The calls that are made at once with the updates."""
        owners = {p: step.optimizer for step in self.recorded.steps for p in step.parameters}
        return [f"({self._state(owners[p], p)}.update, {word})" for p, word in self.counters.items()]

    # --------------------------------------------------------------------------------------------- the result

    def _linked(self, backward: Backward, names: Sequence[str], inputs: Mapping[Var, str]) -> str:
        sources = [self.recorded.sources[v] for v in backward.inputs]
        tensors = [self.tensors[s.key] if s.kind == "argument" else self.bound(s.owner, "tensor") for s in sources]
        results = [names[k] for k in backward.results]
        needs = [names[x] if isinstance(x, int) else inputs[x] for x in backward.needs]
        link = self.bound(Link(backward), "link")
        return f"linked = {link}([{', '.join(tensors)}], [{', '.join(results)}], [{', '.join(needs)}])"

    def _tree(self, tree: Any, made: Any) -> str:
        if tree is None:
            return "None"
        if isinstance(tree, dict):
            return f"{{{', '.join(f'{self._key(k)}: {self._tree(part, made)}' for k, part in tree.items())}}}"
        if isinstance(tree, (list, tuple)):
            parts = ", ".join(self._tree(part, made) for part in tree)
            if hasattr(tree, "_fields"):
                return f"{self.bound(type(tree), 'kind')}({parts})"
            return f"[{parts}]" if isinstance(tree, list) else f"({parts}{',' * (len(tree) == 1)})"
        return str(next(made))


def _same_value(x: Any, y: Any) -> bool:
    """Whether two static values are the same."""
    return type(x) is type(y) and isinstance(x, (str, int, float, bytes, complex, tuple)) and bool(x == y)
