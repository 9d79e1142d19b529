"""The call of a compiled program: a Python function, generated for it, that checks and reads what the program needs.

It is generated because it runs at every call: on a small net the checks would take longer than the arithmetic. It
returns MISS if anything differs from the recording; then `Jitted` looks for another program.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import count
from operator import is_
from threading import RLock
from typing import Any

import numpy as np

from ..base.memory import is_whole, overlapping, owner
from ..engine.context import CONTEXT
from ..engine.node import Params, Values
from ..engine.value import Value, wrap
from ..engine.versions import CONFIGURED, LATEST_WRITE, next_order
from ..program import Var
from ..program.calls import Backward, Call
from ..program.naming import Names
from ..program.outside import Source, Step
from ..program.places import MISSING, Attribute, Key, Named, ShapeOf, plain_array, read, same
from ..tensor import Tensor
from ..tensor.creation import get_default_dtype
from .arguments import static_key
from .c.guards import Guards, NoTranslation
from .compile import Compiled
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
        self, recorded: Call, run: Compiled, args: Values, params: Params,
        static: Sequence[tuple[bool, Any] | None], recording: bool, lock: RLock, backend: str = "numpy",
    ) -> None:
        self.recorded, self.run = recorded, run
        self._touched: set[int] = set()  # the ids of the arrays from outside that are written to, and of their owners
        self._contiguous: set[int] = set()  # the ids of those that are contiguous
        self.space: Params = {
            "MISS": MISS, "Tensor": Tensor, "ndarray": np.ndarray, "context": CONTEXT.get, "configured": CONFIGURED,
            "wrap": wrap, "run": run.exclusive() if recorded.stateful else run, "latest": LATEST_WRITE,
            "next_order": next_order, "lock": lock, "same": same, "owned": self._owned, "is_": is_,
            "static_key": static_key, "touched": self._touched, "overlapping": overlapping,
        }
        self._in_c: Guards | None = None
        self._modules = [(m, _state_of(m)) for m in recorded.modules if m not in recorded.modes]
        self._dtype = get_default_dtype()
        writer = _Writer(recorded, self.space, args, params, static, recording, backend)
        self.source, self._looks, self._arrays = writer.text(), writer.looks, writer.outer
        if not self.refresh():
            raise RuntimeError(f"jit: {recorded.program.name} changes what its own program depends on")
        exec(compile(self.source, f"<autograd_lite: call of {recorded.program.name}>", "exec"), self.space)
        self.call: Any = self.space["call"]
        if run.direct is not None:
            with suppress(NoTranslation):
                self._in_c = Guards(self.source, self.space, args, params, run.direct)
                self.call = self._in_c.call
                run.plan.append("call: its checks and results are C too")

    def refresh(self) -> bool:
        """Look again at what is compared by identity; False if the program no longer fits."""
        recorded, space = self.recorded, self.space
        if self._in_c is not None:
            self._in_c.forget()
        for word, look in self._looks:
            space[word] = look()
            if space[word] is MISS:
                return False
        arrays = {v: space[word] for v, word in self._arrays.items()}
        updated = [array for v, array in arrays.items() if v in recorded.program.updates]
        others = [array for v, array in arrays.items() if v not in recorded.program.updates]
        self._contiguous.clear()
        self._contiguous.update(id(array) for v, array in arrays.items() if v in recorded.contiguous)
        self._touched.clear()
        self._touched.update(id(x) for array in updated for x in (array, array.base, owner(array)) if x is not None)
        space["updated"], space["seen"] = updated, CONFIGURED[0]
        fits = (
            get_default_dtype() == self._dtype and all(_same(_state_of(m), state) for m, state in self._modules)
            and all((t._grad is not None) is had for t, had in recorded.asked.items())
            and overlapping(updated, others) is None
        )  # fmt: skip
        if fits and self._in_c is not None:
            self._in_c.look()
        return fits

    def _owned(self, g: np.ndarray) -> Any:
        """A gradient whose array is contiguous and shares memory with no parameter."""
        return g if is_whole(g) and id(g) not in self._contiguous else np.array(g, order="C")


def _needs(t: Value) -> Values:
    """Whether a gradient is required of a Tensor, and its hooks."""
    return () if t._node is None else (t._node.requires_grad, *(t._node.hooks or ()))


def _structure(step: Step) -> Any:
    """What a rule may ask of the options: whether they are set; and the parameters and groups that there are."""
    options = tuple((k, bool(v)) for k, v in step.group.items() if k not in ("params", "lr", "initial_lr"))
    return options, tuple(map(id, step.group["params"])), tuple(map(id, step.optimizer.param_groups))


def _state_of(module: object) -> Params:
    """The attributes of a module, and the members of its dicts."""
    fields = dict(module.__dict__)
    hooks = ("_hooks", "_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    for kind in ("_parameters", "_buffers", "_modules", *hooks):
        fields[kind] = tuple(fields[kind].items())
    return fields


def _same(a: Params, b: Params) -> bool:
    """True if the attributes are the same objects, or equal numbers."""
    return a.keys() == b.keys() and all(same(x, b[k]) for k, x in a.items())


class _Feed:
    """The numbers of a step of an optimiser, from the counters in its state.

    A call returns the counters after the step, or None if the parameters have not made as many steps. The numbers are
    in `arrays`, in the order of `step.used`.
    """

    def __init__(self, step: Step) -> None:
        self.step = step
        self.arrays = [np.empty((), step.dtype) for _ in step.used]

    def __call__(self, before: Mapping[str, Any] | None = None) -> Any:
        step, states = self.step, self.step.optimizer.state
        first = before if before is not None else states[step.parameters[0]]
        if before is None and any(states[p][name] != first[name] for name in step.counters for p in step.parameters):
            return None
        numbers, after = step.optimizer.numbers(step.group, first)
        for array, name in zip(self.arrays, step.used, strict=True):
            array[...] = numbers[name]
        return after


class _Writer:
    """Writes the function `call` of a `Dispatch`.

    Attributes
    ----------
    looks : list of (name, function)
        What the function compares by identity: each name has the value that its function returns. MISS if the program
        does not fit it.
    outer : dict of Var to str
        The names of the arrays from outside.
    """

    def __init__(
        self, recorded: Call, space: Params, args: Values, params: Params,
        static: Sequence[tuple[bool, Any] | None], recording: bool, backend: str,
    ) -> None:
        self.recorded, self.space, self.recording, self.backend = recorded, space, recording, backend
        self.args, self.params, self.static = args, params, static
        self.fresh = Names(space).take
        self.looks: list[tuple[str, Callable[[], Any]]] = []
        self.outer: dict[Var, str] = {}
        self.words: dict[tuple[str, int], str] = {}
        self.checks: list[str] = []
        self.leaves: list[str] = []  # the expression of each leaf of the arguments
        self.states: dict[Any, str] = {}  # the name of the state of a parameter
        self.storages: list[str] = []  # the names of those of Tensors that are written to
        self.counters: dict[Any, str] = {}  # the name of the counters of a parameter after the call
        self.feeds: dict[int, _Feed] = {}
        self.tensors: dict[int, str] = {}  # the expressions of the leaves that are Tensors
        self.numbers: dict[int, str] = {}  # the names of the leaves that are numbers
        program, backward = recorded.program, recorded.backward
        used = [x for eq in program.equations for x in eq.operands]
        used += [*program.outputs, *program.updates, *program.updates.values(), *(backward.needs if backward else ())]
        self.used = {x for x in used if isinstance(x, Var)}
        self.first: dict[int, str] = {}  # the name of each array and Tensor
        self.containers: list[str] = []  # the name of each dict and list
        self.arrays: set[int] = set()  # which of the leaves are arrays

    def bound(self, value: object, wish: str) -> str:
        """The name of a value in the generated function."""
        if (wish, id(value)) not in self.words:
            word = self.words[wish, id(value)] = self.fresh(f"{wish}_")  # no local variable of the function ends so
            self.space[word] = value
        return self.words[wish, id(value)]

    def look(self, wish: str, look: Callable[[], Any]) -> str:
        """The name of a value that is looked up by a function, again at each `refresh`."""
        self.looks.append((self.fresh(f"{wish}_"), look))
        return self.looks[-1][0]

    def text(self) -> str:
        recorded = self.recorded
        self._arguments()
        self._surroundings()
        lines = self._steps()
        inputs = [self._read(v, source) for v, source in recorded.sources.items()]
        self._memory()
        self._prelude()  # last, as it may raise
        if recorded.writes:  # before the write: an interrupt in between makes an old graph raise, not use new values
            versions = "".join(f"{storage}.version = " for storage in self.storages)
            lines += [f"{versions}version = next_order()", "if version < latest[0]: latest[0] = version"]
        names = [f"y{k}" for k in range(len(recorded.program.outputs))]
        inputs_of = dict(zip(recorded.sources, inputs, strict=True))
        lines.append(f"{' '.join(f'{y},' for y in names)}{' = ' * bool(names)}run({', '.join(inputs)})")
        lines += self._counted()
        for t, k in recorded.gradients:
            if k is not None:
                lines.append(f"{self.bound(t, 'tensor')}._grad = wrap({names[k]}, None)")
            elif recorded.asked.get(t, True):  # it may not be None already
                lines.append(f"{self.bound(t, 'tensor')}._grad = None")
        lines += [f"{self.bound(m, 'module')}.training = {mode!r}" for m, mode in recorded.modes.items()]
        if recorded.stateful:
            lines = ["with lock:", *(INDENT + line for line in lines)]
        if recorded.backward is not None:
            lines.append(self._linked(recorded.backward, names, inputs_of))
        result = self._tree(recorded.program.result, iter(self._results(names)))
        if recorded.stores:
            lines.append(f"result, stores = {result}")
            lines += [line for k, store in enumerate(recorded.stores) for line in self._store(f"stores[{k}]", *store)]
            result = "result"
        lines.append(f"return {result}")
        checks = ["try:", *(INDENT + line for line in self.checks), "except (AttributeError, LookupError, ValueError):"]
        body = [*checks, INDENT + "return MISS", *lines]
        return "\n".join(["def call(args, params):", *(INDENT + line for line in body), ""])

    def check(self, condition: str) -> None:
        """Return MISS if a condition holds."""
        self.checks.append(f"if {condition}: return MISS")

    # ------------------------------------------------------------------------------------------ the arguments

    def _arguments(self) -> None:
        keywords = f"[*params] != {list(self.params)!r}" if self.params else "params"
        self.check(f"len(args) != {len(self.args)} or {keywords}")
        self._names = (f"x{k}" for k in count())
        for k, arg in enumerate(self.args):
            self._argument(arg, f"args[{k}]")
        for name, arg in self.params.items():
            self._argument(arg, f"params[{name!r}]")

    def _argument(self, x: object, where: str) -> None:
        if x is None:
            self.check(f"{where} is not None")
            return
        name = next(self._names)
        self.checks.append(f"{name} = {where}")
        if isinstance(x, (dict, list, tuple)):
            if not isinstance(x, tuple):
                self.containers.append(name)
            self.check(f"{name}.__class__ is not {self.bound(type(x), 'kind')} or len({name}) != {len(x)}")
            if isinstance(x, dict):
                keys = self.bound([*x], "keys")
                plain = all(type(key) is str for key in x)
                self.check(f"[*{name}] != {keys}" if plain else f"not same((*{name},), (*{keys},))")
            entries: Any = x.items() if isinstance(x, dict) else enumerate(x)
            for key, part in entries:
                self._argument(part, f"{name}[{self._key(key)}]")
        elif (static := self.static[len(self.leaves)]) is not None:
            declared, key = static
            equal = f"static_key({name}, {declared}) == {self.bound(key, 'key')}"
            self.check(f"{name} is not {self.bound(x, 'static')} and not {equal}")
            self.leaves.append(name)
        else:
            self._leaf(x, name)

    def _prelude(self) -> None:
        """The arithmetic of Python numbers."""
        prelude = self.recorded.program.prelude
        if prelude is not None:
            numbers = (self.numbers[self.recorded.sources[v].key] for v in prelude.arguments)
            self.checks.append(f"scalars = {self.bound(prelude, 'prelude')}({', '.join(numbers)})")
            self.check("scalars is None")

    def _key(self, key: object) -> str:
        return repr(key) if type(key) in (str, int) else self.bound(key, "key")

    def _leaf(self, x: Any, name: str) -> None:
        self.check(f"{name}.__class__ is not {self.bound(type(x), 'kind')}")
        if isinstance(x, (Value, np.ndarray)):
            if id(x) in self.first:
                self.check(f"{name} is not {self.first[id(x)]}")
            self.first.setdefault(id(x), name)
        else:  # a number
            self.numbers[len(self.leaves)] = name
            of = self.bound(np.result_type(type(x)).type, "as")
            self.leaves.append(name if isinstance(x, np.generic) else f"{of}({name})")
            return
        if isinstance(x, Value):
            live = 0 if x._node is None else x._node.live
            self.check(f"(0 if {name}._node is None else {name}._node.live) != {live}")
            self.checks.append(f"{name}_data = {name}._data")
            self.tensors[len(self.leaves)] = name
            name = f"{name}_data"
        self.arrays.add(len(self.leaves))
        dtype = self.bound(x.dtype, "dtype")
        self.check(f"{name}.shape != {x.shape} or {name}.dtype is not {dtype} and {name}.dtype != {dtype}")
        self.leaves.append(name)

    # ---------------------------------------------------------------------------------------- what is around

    def _surroundings(self) -> None:
        self.checks.append("now = context()")
        special = "now.level or now.watcher is not None or now.values is not None or now.outside is not None"
        if self.recording:
            self.check(f"now is not None and (not now.recording or {special})")
        else:
            self.check(f"now is None or now.recording or {special}")
        self.check("configured[0] != seen")
        for container, key, value in self.recorded.variables:
            self._compare(container, key, value)
        for t, had in self.recorded.asked.items():
            self.check(f"{self.bound(t, 'tensor')}._grad is {'' if had else 'not '}None")
        for step in self.recorded.steps:
            self._options(step, _structure(step))

    def _options(self, step: Step, structure: object) -> None:
        """Check the options of an optimiser, its parameters, and its groups."""
        options = self.look("options", lambda: dict(step.group) if _structure(step) == structure else MISS)
        group = self.bound(step.group, "group")
        self.check(f"{group} != {options}")
        groups = f"{self.bound(step.optimizer, 'optimizer')}.param_groups", step.optimizer.param_groups
        for where, items in ((f"{group}['params']", step.group["params"]), groups):
            kept = self.bound(tuple(items), "items")
            self.check(f"len({where}) != {len(items)} or not all(map(is_, {where}, {kept}))")

    def _memory(self) -> None:
        """Check that no array that is written to shares memory with another one."""
        sources, updates = self.recorded.sources, self.recorded.program.updates
        arguments = {v: self.leaves[s.key] for v, s in sources.items() if s.kind == "argument" and s.key in self.arrays}
        written = [x for v, x in arguments.items() if v in updates]
        others = [x for v, x in arguments.items() if v not in updates]
        if written:
            outside = [word for v, word in self.outer.items() if sources[v].kind != "state"]
            self.check(f"overlapping(({', '.join(written)},), ({''.join(f'{x}, ' for x in (*others, *outside))}))")
        if any(s.kind != "argument" and v in updates for v, s in sources.items()):
            for x in others:
                self.check(f"(id({x}) in touched or id({x}.base) in touched) and overlapping(updated, ({x},))")

    def _compare(self, container: object, key: object, value: object) -> None:
        """Check that what stands at a place is what it was."""

        def look() -> Any:
            current = read(container, key)
            if not same(current, value):
                return MISS
            return tuple(container) if isinstance(key, Named) else current  # type: ignore[arg-type]  # of names

        word = self.look("value", look)
        if value is MISSING:
            where = self.bound(container, "place")
            self.check(f"hasattr({where}, {key.name!r})" if isinstance(key, Attribute) else f"{key!r} in {where}")
        else:
            differs = key.differs if isinstance(key, Key) else Key.differs
            self.check(differs.format(self._place(container, key), word))

    def _place(self, container: object, key: object) -> str:
        if isinstance(key, ShapeOf):
            return self._place(container, key.key)
        where = self.bound(container, "place")
        if isinstance(key, Attribute):
            return f"{where}.{key.name}"
        return where if isinstance(key, Key) else f"{where}[{self._key(key)}]"

    def _read(self, v: Var, source: Source) -> str:
        """The expression for an input, after the checks that it needs."""
        owner, key = source.owner, source.key
        if source.kind == "argument":
            return self.leaves[key] if v in self.used else "None"
        if source.kind == "scalar":
            return f"scalars[{self.recorded.program.prelude.results.index(v)}]"
        if source.kind == "tensor":
            return self._tensor(v, owner, _needs(owner))
        if source.kind == "place":
            places = [(owner, key), *source.also]

            def entry() -> Any:
                first, *others = (read(*place) for place in places)
                return first if all(x is first for x in others) else MISS

            word = self.look("entry", entry)
            self.check(" or ".join(f"{self._place(*place)} is not {word}" for place in places))
            return self._array(v, lambda: plain_array(entry()))
        if source.kind == "grad":
            grad = f"{self.bound(owner, 'tensor')}._grad._data"
            return f"owned({grad})" if v in self.recorded.contiguous else grad
        if source.kind == "number":
            if owner.counters:
                return self.bound(self.feeds[id(owner)].arrays[owner.used.index(key)], key)
            return self.look(key, lambda: np.array(owner.optimizer.numbers(owner.group, {})[0][key], owner.dtype))
        p, name = key
        array = self._array(v, lambda: owner.state.get(p, {}).get(name))  # none after load_state_dict
        self.check(f"{self._state(owner, p)}[{name!r}] is not {array}")
        return array

    def _tensor(self, v: Var, t: Value, needs: object) -> str:
        array = self._array(v, lambda: t._data)
        node = self.look("node", lambda: t._node if same(_needs(t), needs) else MISS)
        if v in self.recorded.program.updates:
            self.storages.append(self.look("storage", t._storage))
        word = self.bound(t, "tensor")
        self.check(f"{word}._data is not {array} or {word}._node is not {node}")
        return array

    def _array(self, v: Var, now: Callable[[], Any]) -> str:
        """The name of an array from outside, if it fits the input `v`."""
        contiguous = v in self.recorded.contiguous

        def look() -> Any:
            array = now()
            fits = type(array) is np.ndarray and array.shape == v.shape and array.dtype == v.dtype
            return array if fits and (is_whole(array) or not contiguous) else MISS

        self.outer[v] = self.look("array", look)
        return self.outer[v]

    def _state(self, optimizer: object, p: Value) -> str:
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

    def _counted(self) -> list[str]:
        """The lines that store the counters of optimisers."""
        owners = {p: step.optimizer for step in self.recorded.steps for p in step.parameters}
        return [f"{self._state(owners[p], p)}.update({word})" for p, word in self.counters.items()]

    # --------------------------------------------------------------------------------------------- the result

    def _results(self, names: Sequence[str]) -> list[str]:
        """The expressions of the leaves of the result; `names` are those of the outputs."""
        recorded = self.recorded
        results = [
            f"wrap({y}, None)" if tensor else y if x.shape else f"{y}[()]"
            for y, tensor, x in zip(names, recorded.tensors, recorded.program.outputs, strict=False)
        ]
        for k, x in recorded.objects.items():
            results[k] = self.bound(x, "result")
        for k, start in enumerate(recorded.backward.results if recorded.backward is not None else ()):
            results[start] = f"linked[{k}]"
        return results

    def _linked(self, backward: Backward, names: Sequence[str], inputs: Mapping[Var, str]) -> str:
        sources = [self.recorded.sources[v] for v in backward.inputs]
        tensors = [self.tensors[s.key] if s.kind == "argument" else self.bound(s.owner, "tensor") for s in sources]
        results = [names[k] for k in backward.results]
        needs = [names[x] if isinstance(x, int) else inputs[x] for x in backward.needs]
        link = self.bound(Link(backward, self.backend), "link")
        return f"linked = {link}([{', '.join(tensors)}], [{', '.join(results)}], [{', '.join(needs)}])"

    def _store(self, values: str, number: int, keys: list[Any], length: int | None) -> list[str]:
        """The lines that set entries of a dict or list among the arguments."""
        name = self.containers[number]
        if length is None:
            return [f"{name}.update(zip({self.bound(keys, 'keys')}, {values}))"]
        count = sum(1 for key in keys if key < length)
        lines = [f"{name}[{key}] = {values}[{k}]" for k, key in enumerate(keys[:count])]
        return [*lines, f"{name}.extend({values}[{count}:])"]

    def _tree(self, tree: object, results: Iterator[str]) -> str:
        if tree is None:
            return "None"
        if isinstance(tree, dict):
            return f"{{{', '.join(f'{self._key(k)}: {self._tree(part, results)}' for k, part in tree.items())}}}"
        if isinstance(tree, (list, tuple)):
            entries = ", ".join(self._tree(part, results) for part in tree)
            if hasattr(tree, "_fields"):
                return f"{self.bound(type(tree), 'kind')}({entries})"
            return f"[{entries}]" if isinstance(tree, list) else f"({entries}{',' * (len(tree) == 1)})"
        return str(next(results))

