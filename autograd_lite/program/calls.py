"""A call recorded as a program with everything that it reads and writes outside, to be compiled."""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from itertools import count
from typing import Any

import numpy as np

from ..base.escape import plain
from ..base.generator import numpy_generator
from ..base.memory import Memory, is_whole, overlapping, owner
from ..base.snapshots import Snapshot, untouched
from ..base.tree import leaves, rebuild, tree_map
from ..engine.backward import pull_back
from ..engine.context import changed
from ..engine.engine_rows import lift
from ..engine.node import TRACED, Function, Node, Params, Values, ancestors
from ..engine.operands import raw
from ..engine.replay import value_of
from ..engine.value import Value
from .capture import names_of, run
from .closures import Closure
from .equation import Operand, Var
from .graph import equations_of
from .naming import short_names
from .numbers import Arithmetic, Number, Prelude
from .outside import Outside, Source, Step
from .places import entries_of
from .program import Program
from .unseen import Unseen, refuse

STEPS = 100  # of a loop that run while it is recorded


@dataclass(frozen=True, eq=False)
class Backward:
    """The backward pass of a call.

    Attributes
    ----------
    program : Program
        Of the cotangents, then of what it needs from the forward pass.
    results : list of int
        The leaves of the result that it begins at.
    needs : list of (Var or position)
        Where the rest of its inputs are: an input of the call, or an output of its program.
    inputs : list of Var
        The inputs whose cotangents are its outputs.
    """

    program: Program
    results: list[int]
    needs: list[Any]
    inputs: list[Var]


@dataclass(frozen=True, eq=False)
class Call:
    """A call as a program.

    Attributes
    ----------
    program : Program
        Its outputs are the leaves of the result, then the new gradients.
    sources : dict of Var to Source
        Where each input of the program and each captured value is read.
    tensors : list of bool
        For each leaf of the result, whether it is returned as a Tensor.
    objects : dict of int to object
        The leaves of the result that are not arrays, which are the same at every call.
    backward : Backward or None
        If results depend on Tensors that require a gradient, and no backward pass was part of the call.
    gradients : list of (Tensor, position among the outputs or None)
        The Tensors whose ``.grad`` is another one after the call.
    asked : dict of Tensor to bool
        The Tensors whose ``.grad`` is used, and whether there was one.
    steps : list of Step
    writes : bool
        Whether Tensors from outside are written to.
    modules : dict
        The modules that ran.
    modes : dict of module to bool
        The modules that the call has set to training or evaluation mode.
    variables : list of (container or cell, key, value)
        What was used from outside and is not an input: numbers, functions, objects.
    stores : list of (number, keys, length)
        The dicts and lists among the arguments, counted from 0, of which the function sets entries, and how many a list
        had. If there are any, the result of the program is ``(result, [entries of each])``.
    """

    program: Program
    sources: Mapping[Var, Source]
    tensors: list[bool]
    objects: Mapping[int, Any]
    backward: Backward | None
    gradients: list[tuple[Any, int | None]]
    asked: dict[Any, bool]
    steps: list[Step]
    writes: bool
    modules: dict[Any, None]
    modes: dict[Any, bool]
    variables: list[tuple[Any, Any, Any]]
    stores: list[tuple[int, list[Any], int | None]]

    def check_memory(self, leaves: Sequence[Any]) -> None:
        """Raise if an array that is written to shares memory with another one; `leaves` are those of the arguments."""
        captured, sources = self.program.captured, self.sources.items()
        arrays: dict[Var, Any] = {v: captured[v] for v, s in sources if s.kind in ("tensor", "place", "state")}
        arrays |= {v: np.asarray(raw(leaves[s.key])) for v, s in sources if s.kind == "argument"}
        written = [v for v in arrays if v in self.program.updates]
        others = [v for v in arrays if v not in self.program.updates]
        if (pair := overlapping(map(arrays.__getitem__, written), map(arrays.__getitem__, others))) is not None:
            one, other = ((*written, *others)[k].name for k in pair)
            raise RuntimeError(
                f"{self.program.name} writes to {one}, which shares memory with {other}: inside jit the write would "
                f"not be seen through {other}. Copy one of them before"
            )

    @cached_property
    def contiguous(self) -> frozenset[Var]:
        """The inputs whose arrays are contiguous and no views, at each call: parameters, state and gradients."""
        updates = self.program.updates
        values = self.program.captured  # arrays
        return frozenset(
            v for v, s in self.sources.items()
            if (v in updates and s.kind in ("tensor", "state") and is_whole(values[v]))
            or (v not in updates and s.kind == "grad")
        )  # fmt: skip

    @property
    def stateful(self) -> bool:
        """Whether a call changes anything outside."""
        return bool(self.program.updates or self.gradients or self.modes)


def record_call(
    f: Function, args: Values, params: Params, static: Sequence[Any], recording: bool
) -> Call:
    """Run `f` once, and record it.

    Parameters
    ----------
    args, params : tuple, dict
        Trees; `static` is None for each leaf that is an input, and the others are passed as they are.
    recording : bool
        Whether gradients are recorded at the call.
    """
    originals = leaves((args, params))

    def once(outside: Outside) -> _Run:
        with np.errstate(all="ignore"), untouched(f, (args, params), copies=False) as changes:
            recorded = _run(f, originals, args, params, static, recording, outside)
            _check_draws(changes, recorded)
            return recorded

    outside = Outside(STEPS)
    try:
        recorded = once(outside)
    except Exception:
        if not vars(outside).get("shortened"):
            raise
        recorded = once(Outside())  # it may depend on a value that all steps of a loop have made
    del outside
    # What only the trace has held is gone now.
    return recorded.finished(any(isinstance(x, Value) for x in originals))


def _check_draws(changes: Snapshot, run: _Run) -> None:
    """Raise if numbers were drawn that a program cannot draw again."""
    recorded = {id(numpy_generator(n.params["generator"])) for n in run.draws}
    if any(id(generator) not in recorded for generator in changes.drawn_from()):
        raise RuntimeError(
            f"{run.program.name} draws from a generator of NumPy or Python: inside jit the numbers would be drawn "
            "once, and be the same in every call. Write ag.rand_like(x), ag.randn_like(x) or F.dropout(x), or draw "
            "outside and pass them in"
        )


def _run(
    f: Function, originals: list[Any], args: Values, params: Params,
    static: Sequence[Any], recording: bool, outside: Outside,
) -> _Run:
    closure = Closure(outside)
    first: dict[int, int] = {}  # of an array that is passed twice: a write to one is a write to the other
    inputs: list[Any] = []
    for k, (x, s) in enumerate(zip(originals, static, strict=True)):
        j = first.setdefault(id(x), k) if isinstance(x, (np.ndarray, Value)) else k
        inputs.append(x if s else inputs[j] if j != k else outside.argument(x, k))
    nodes = [x._node for x, s in zip(inputs, static, strict=True) if not s]
    fixed = [k for k, s in enumerate(static) if s]
    with closure.undo:
        f, *stand_ins = closure.reach([(f, "f"), *((originals[k], "an argument") for k in fixed)])
        for k, x in zip(fixed, stand_ins, strict=True):
            inputs[k] = x
        wrapped, keywords = rebuild((args, params), inputs)
        pairs = _containers((*args, *params.values()), (*wrapped, *keywords.values()))
        containers = [(old, new, new.copy()) for old, new in pairs]
        with changed(recording=recording, group=None, outside=outside):
            result, variables = run(f, wrapped, keywords)
            starts, pulled = _pulled_back(leaves(result), outside) if recording else ([], {})
        for x in leaves(result):
            if type(x) is Unseen:
                refuse(x)
        variables = [(word, x) for word, x in variables if type(x) is not Unseen]
        closure.check_leaks()
        closure.check()
        outside.check_views()
        outside.check_toggles()
    stores = _stores(containers, inputs)
    if stores:
        result = result, [values for *_, values in stores]
    recorded = _Run(f, wrapped, nodes, result, [*variables, *keywords.items()], outside, starts, pulled)
    closure.note_arrays(recorded.sources.values())
    recorded.call |= {"stores": [store[:3] for store in stores], "variables": list(closure.variables.values())}
    vars(outside).clear()  # which is part of a cycle
    return recorded


def _containers(old: object, new: object) -> Iterator[tuple[Any, Any]]:
    """The dicts and lists of a tree, each with the one at its place in another tree."""
    if isinstance(old, (dict, list, tuple)):
        if not isinstance(old, tuple):
            yield old, new
        for pair in zip(*(entries_of(t).values() for t in (old, new)), strict=True):
            yield from _containers(*pair)


def _stores(containers: Sequence[tuple[Any, Any, Any]], inputs: Sequence[Any]) -> list[Any]:
    """For each container among the arguments of which the function has set entries: its number, their keys, the length
    of a list, and the values.
    """
    stores = []
    moved = {*map(id, inputs), *(id(new) for _, new, _ in containers)}
    for k, (old, new, before) in enumerate(containers):
        entries, first = entries_of(new), entries_of(before)
        keys = [key for key, x in entries.items() if key not in first or x is not first[key]]
        again = keys and sum(1 for x, _, _ in containers if x is old) > 1
        if again or list(entries)[: len(first)] != list(first) or any(
            id(x) in moved for key in keys for x in (entries[key], *leaves(entries[key]))
        ):  # fmt: skip
            raise RuntimeError(
                f"the function removes or moves entries of a {type(old).__name__} that is an argument: inside jit it "
                "may only set or append new values. Build a new one, and return it"
            )
        if keys:
            count = None if isinstance(old, dict) else len(before)
            stores.append((k, keys, count, [entries[key] for key in keys]))
    return stores


def _pulled_back(results: list[Any], outside: Outside) -> Any:
    """The backward pass from the results, if they depend on Tensors from outside that require a gradient and the call
    made none itself: the leaves that it begins at, and the cotangents of inputs.
    """
    starts = [k for k, t in enumerate(results) if isinstance(t, Value) and t.requires_grad]
    needs = [n for n in outside.found if n.requires_grad]
    if not starts or not needs or outside.graded or any(outside.tensors[n]._node is not n for n in needs):
        return [], {}
    roots: dict[Node, Any] = {}
    for k in starts:
        node = results[k]._node
        g = outside.cotangent(node, k)
        roots[node] = roots[node] + g if node in roots else g
    with changed(recording=False):
        return starts, pull_back(roots, needs, lift)


class _Ends:
    """Where a run ends: for each result, written input and gradient its node, or an array that depends on no input."""

    def __init__(self, results: Sequence[Any], outside: Outside, pulled: Mapping[Node, Any]) -> None:
        self.results = [_node_or_array(t) if isinstance(t, (Value, np.ndarray)) else np.zeros(()) for t in results]
        self.written: dict[Node, Any] = {n: t._node for n, t in outside.tensors.items() if t._node is not n}
        self.gradients: list[tuple[Any, Any]] = []  # Tensors whose gradient is another one, and that
        for t, anew in outside.graded.items():
            after = None if t._grad is None else _node_or_array(t._grad)
            first = None if anew or after is None else outside.node_of_grad(t)
            if first is None:
                self.gradients.append((t, after))
            else:  # it was added to
                self.written[first] = after
        self.slopes = [(f"{t.name or 'p'}_grad", g) for t, g in self.gradients if isinstance(g, Node)]
        self.pulled = {n: _node_or_array(g) for n, g in pulled.items()}
        gradients = [g for _, g in self.gradients]
        ends = (*self.results, *self.written.values(), *gradients, *outside.draws, *self.pulled.values())
        self.nodes = ancestors([n for n in ends if isinstance(n, Node)], TRACED)[::-1]


def _formulas(
    arithmetic: Arithmetic, numbers: Mapping[str, Node], scalars: Mapping[Node, Any], names: Mapping[Node, str]
) -> dict[Node, str]:
    """The formulas of the results of Python's arithmetic, as their names."""
    formulas = arithmetic.shown({word: names.get(n, "") for word, n in numbers.items()})
    return {n: f"{dtype}({formulas[word]})" for n, (word, dtype) in scalars.items() if formulas[word]}


def _prelude(
    arithmetic: Arithmetic, numbers: Mapping[str, Node], scalars: Mapping[Node, Any], var: Mapping[Node, Var]
) -> Prelude | None:
    """Python's arithmetic, from the numbers among the inputs to the scalars of the program."""
    if not scalars and not arithmetic.lines:
        return None
    words = {word: var[n] for word, n in numbers.items()}
    return Prelude(arithmetic, words, {var[n]: key for n, key in scalars.items()})


def _settled(var: Mapping[Node, Var], x: object) -> Any:
    """The variable of a node, or its value if it has none."""
    return x if not isinstance(x, Node) else var[x] if x in var else value_of(x)


class _Run:
    """What a run has made, as long as it is not known which Tensors came from outside: those that outlive it.

    Attributes
    ----------
    program : Program
        Its captured values are all that could be from outside.
    sources, gradients, asked
        As in a `Call`, with weak references to Tensors; the gradients have their values.
    call : dict
        The other attributes of the `Call`.
    """

    def __init__(
        self, f: Function, args: Values, inputs: list[Node], result: Any,
        variables: list[tuple[str, Any]], outside: Outside, starts: list[int], pulled: Mapping[Node, Any],
    ) -> None:  # fmt: skip
        results = leaves(result)
        ends = _Ends(results, outside, pulled)
        used = {*ends.nodes, *ends.written}
        sources = {n: s for n, s in outside.found.items() if s.kind in ("argument", "cotangent") or n in used}
        scalars = {n: s.key for n, s in sources.items() if s.kind == "scalar"}
        numbers = {t.word: n for n, t in outside.tensors.items() if type(t) is Number and n in inputs}
        names = names_of(f, args, inputs, ends.nodes, variables, ends.slopes)
        names |= _formulas(outside.arithmetic, numbers, scalars, names)
        fresh = short_names(names.values())
        var = {n: Var(names.get(n) or next(fresh), n.shape, n.dtype) for n in sources}
        operations = [n for n in ends.nodes if n not in sources]
        equations = equations_of(operations, var, names, fresh)
        for n in operations:
            n.xs = n.y = None  # its values, which are those of this call only

        settled = partial(_settled, var)
        arguments = {id(outside.tensors[n]): var[n] for n in inputs}
        self.program = Program(
            plain(getattr(f, "__name__", "f")), tuple(var[n] for n in inputs), tuple(equations),
            tuple(map(settled, ends.results)), {var[n]: n.y for n in sources},
            rebuild(args, [arguments.get(id(x), x) for x in leaves(args)]), tree_map(lambda t: 0, result),
            {var[n]: settled(x) for n, x in ends.written.items()},
            _prelude(outside.arithmetic, numbers, scalars, var),
        )  # fmt: skip
        self.sources = {
            var[n]: replace(s, owner=weakref.ref(s.owner)) if s.kind == "tensor" else s for n, s in sources.items()
        }
        self.gradients = [(weakref.ref(t), settled(g)) for t, g in ends.gradients]
        self.asked = {weakref.ref(t): had for t, had in outside.asked.items()}
        self.call: Params = {
            "objects": {k: x for k, x in enumerate(results) if not isinstance(x, (Value, np.ndarray))},
            "steps": outside.steps, "modules": outside.modules, "modes": outside.modes,
        }  # fmt: skip
        self.tensors = [isinstance(t, Value) for t in results]
        self.starts = starts  # the leaves of the result that the backward pass begins at
        self.pulled = {var[n]: settled(g) for n, g in ends.pulled.items()}
        self.draws = outside.draws
        self.parameters = {var[n] for n in sources if n.requires_grad}
        self.roots = {id(owner(t._data)) for t in outside.tensors.values() if t._node.name or t.requires_grad}

    def finished(self, given: bool) -> Call:
        """The call; the values of Tensors that the function itself created are constants.

        `given` is whether Tensors were passed.
        """
        sources, constants = self._living()

        def settled(x: Operand) -> Any:
            return constants.get(x, x) if isinstance(x, Var) else x

        program = self.program.substituted(constants) if constants else self.program
        living = [(t, g) for r, g in self.gradients if (t := r()) is not None]
        after = [g for _, g in living if g is not None]
        places = count(len(program.outputs))
        program = replace(
            program, outputs=tuple(map(settled, (*program.outputs, *after))),
            updates={v: settled(x) for v, x in program.updates.items() if v not in constants},
        )  # fmt: skip
        # All results are Tensors if Tensors were passed; or else those that depend on the Tensors from outside and
        # those that the function has made.
        seen = {v for v, s in self.sources.items() if s.kind == "tensor" and (v in sources or v in self.parameters)}
        seen = self.program.depending(seen)
        tensors = [
            t and (given or not isinstance(x, Var) or x in seen)
            for t, x in zip(self.tensors, self.program.outputs, strict=False)
        ]
        cotangents = [v for v, s in sources.items() if s.kind == "cotangent"]
        for v in cotangents:
            del sources[v]
        program, backward = self._split(program, cotangents, list(map(settled, self.pulled.values())))
        captured = {v: self.program.captured[v] for v in sources if v not in program.inputs}
        return Call(
            replace(program, captured=captured), sources, tensors, backward=backward,
            gradients=[(t, None if g is None else next(places)) for t, g in living],
            asked={t: had for r, had in self.asked.items() if (t := r()) is not None},
            writes=any(sources[v].kind == "tensor" for v in program.updates), **self.call,
        )  # fmt: skip

    def _living(self) -> tuple[dict[Var, Source], dict[Var, np.ndarray]]:
        """The inputs with their owners, and the values of those whose owner is gone."""
        sources, constants = {}, {}
        for v, source in self.sources.items():
            if source.kind == "tensor":
                source = replace(source, owner=source.owner())
            if source.owner is not None or source.kind != "tensor":
                sources[v] = source
                continue
            value: Any = self.program.captured[v]
            if value.base is not None and type(value.base) is not Memory and id(owner(value)) in self.roots:
                raise RuntimeError(
                    f"{self.program.name} uses a view of an array from outside in a way that the trace does not "
                    "follow; use the array or Tensor itself"
                )
            constants[v] = value.copy()
        return sources, constants

    def _split(self, program: Program, cotangents: list[Var], pulled: Sequence[Any]) -> tuple[Program, Backward | None]:
        """The program without its backward pass, whose results are `pulled`, and that."""
        if not cotangents:
            return program, None
        after = program.depending(cotangents)
        late = [eq for eq in program.equations if not after.isdisjoint(eq.outputs)]
        used = [*(x for eq in late for x in eq.operands), *pulled]
        needed = list(dict.fromkeys(x for x in used if isinstance(x, Var) and x not in after))
        more = tuple(v for v in needed if v not in self.sources or v in program.updates)
        places = {v: len(program.outputs) + k for k, v in enumerate(more)}
        inputs, result = (*cotangents, *needed), tuple(0 for _ in pulled)
        backward = Program(f"{program.name}_backward", inputs, late, tuple(pulled), structure=inputs, result=result)
        early = tuple(eq for eq in program.equations if after.isdisjoint(eq.outputs))
        needs = [places.get(v, v) for v in needed]
        program = replace(program, equations=early, outputs=(*program.outputs, *more))
        return program, Backward(backward, self.starts, needs, list(self.pulled))


def _node_or_array(t: object) -> Any:
    if not isinstance(t, Value):
        return np.asarray(t)
    return t._node if t._node is not None and t._node.live & TRACED else t._data

