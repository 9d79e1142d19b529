"""A call recorded as a program with everything that it reads and writes outside, to be compiled."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..base.escape import plain
from ..base.snapshots import unwritten
from ..base.tree import leaves, rebuild, tree_map
from ..engine.context import changed
from ..engine.node import TRACED, Node, ancestors
from ..engine.replay import value_of
from ..engine.value import Value, is_traced
from .capture import equations_of, names_of, run
from .closures import Closure
from .naming import short_names
from .outside import Outside, Source, Step
from .program import Program, Var


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
    connected : bool
        Whether the results depend on Tensors that require a gradient, and no backward pass was part of the call.
    gradients : list of (Tensor, position among the outputs or None)
        The Tensors whose ``.grad`` is another one after the call.
    asked : dict of Tensor to bool
        The Tensors whose ``.grad`` is used, and whether there was one.
    steps : list of Step
    modules : dict
        The modules that ran.
    modes : dict of module to bool
        The modules that the call has set to training or evaluation mode.
    numbers : list of (container or cell, key, value)
        Python numbers from outside that are part of the program.
    """

    program: Program
    sources: Mapping[Var, Source]
    tensors: list[bool]
    connected: bool
    gradients: list[tuple[Any, int | None]]
    asked: dict[Any, bool]
    steps: list[Step]
    modules: dict[Any, None]
    modes: dict[Any, bool]
    numbers: list[tuple[Any, Any, Any]]


def record_call(f: Callable[..., Any], args: Any, params: Any, static: Sequence[bool], recording: bool) -> Call:
    """Run `f` once, and record it.

    Parameters
    ----------
    args, params : tuple, dict
        Trees; `static` says for each leaf whether it is passed as it is.
    recording : bool
        Whether gradients are recorded at the call.
    """
    with np.errstate(all="ignore"), unwritten(f, (args, params)):
        made, numbers = _run(f, leaves((args, params)), args, params, static, recording)
    # What only the trace has held is gone now.
    return made.recording(numbers)


def _run(f: Any, given: list[Any], args: Any, params: Any, static: Sequence[bool], recording: bool) -> Any:
    outside = Outside()
    closure = Closure(outside)
    inputs = [x if s else outside.argument(x, k) for k, (x, s) in enumerate(zip(given, static, strict=True))]
    wrapped, keywords = rebuild((args, params), inputs)
    with changed(recording=recording, group=None, outside=outside):
        result, variables = run(closure.of(f), wrapped, keywords)
    closure.check()
    outside.check_views()
    nodes = [x._node for x, s in zip(inputs, static, strict=True) if not s]
    made = _Made(f, wrapped, nodes, result, [*variables, *keywords.items()], outside)
    numbers = closure.numbers
    vars(outside).clear()  # which is part of a cycle
    return made, numbers


class _Made:
    """What a run has made, as long as it is not known which Tensors came from outside: those that outlive it."""

    def __init__(self, f: Any, args: Any, inputs: list[Node], result: Any, variables: Any, outside: Outside) -> None:
        self.outside: dict[str, Any] = {
            "asked": outside.asked, "steps": outside.steps, "modules": outside.modules, "modes": outside.modes
        }
        outputs = [_node_or_array(t) for t in leaves(result)]
        written: dict[Node, Any] = {n: t._node for n, t in outside.tensors.items() if t._node is not n}
        gradients: list[tuple[Any, Any]] = []
        for t, anew in outside.graded.items():
            first = None if anew else outside.node_of_grad(t)
            if first is not None and t._grad is not None:  # it was added to
                written[first] = _node_or_array(t._grad)
            else:
                gradients.append((t, None if t._grad is None else _node_or_array(t._grad)))
        after = [g for _, g in gradients if g is not None]
        roots = [n for n in (*outputs, *written.values(), *after, *outside.draws) if isinstance(n, Node)]
        nodes = ancestors(roots, TRACED)[::-1]
        used = {*nodes, *written}
        sources = {n: s for n, s in outside.found.items() if s.kind == "argument" or n in used}
        names = names_of(f, args, inputs, nodes, variables, [])
        fresh = short_names(names.values())
        var = {n: Var(names.get(n) or next(fresh), n.shape, n.dtype) for n in sources}
        self.inputs = [var[n] for n in inputs]
        self.equations = equations_of([n for n in nodes if n not in sources], var, names, fresh)
        self.outputs = [_var_or_array(x, var) for x in (*outputs, *after)]
        self.updates = {var[n]: _var_or_array(x, var) for n, x in written.items()}
        self.gradients = [(t, None) for t, g in gradients if g is None]
        self.gradients += [(t, len(outputs) + k) for k, t in enumerate(t for t, g in gradients if g is not None)]
        self.tensors = _as_tensors(result, outputs, nodes, sources, any(isinstance(x, Value) for x in inputs))
        self.connected = (
            any(isinstance(n, Node) and n.requires_grad for n in outputs)
            and not outside.graded and not any(n.requires_grad for n in written)
        )
        self.structure, self.result, self.name = args, tree_map(lambda t: 0, result), plain(getattr(f, "__name__", "f"))
        self.structure = rebuild(args, [var.get(_node_or_array(x), x) for x in leaves(args)])
        self.values = {var[n]: n.y for n in sources}
        self.sources: dict[Var, Any] = {
            var[n]: replace(s, owner=weakref.ref(s.owner)) if s.kind == "tensor" else s for n, s in sources.items()
        }

    def recording(self, numbers: Any) -> Call:
        """The end: the values of Tensors that the function has made itself are constants."""
        sources, constants = {}, {}
        for v, source in self.sources.items():
            owner = source.owner() if source.kind == "tensor" else source.owner
            if source.kind == "tensor" and owner is None:
                constants[v] = self.values[v].copy()
            else:
                sources[v] = replace(source, owner=owner)
        equations = self.equations
        if constants:
            equations = [
                replace(eq, operands=tuple(constants.get(x, x) if isinstance(x, Var) else x for x in eq.operands))
                for eq in equations
            ]
        outputs = tuple(constants.get(x, x) if isinstance(x, Var) else x for x in self.outputs)
        updates = {
            v: constants.get(x, x) if isinstance(x, Var) else x for v, x in self.updates.items() if v not in constants
        }
        captured = {v: self.values[v] for v in sources if v not in self.inputs}
        program = Program(
            self.name, tuple(self.inputs), tuple(equations), outputs, captured, self.structure, self.result, updates
        )
        made = self.tensors, self.connected, self.gradients
        return Call(program, sources, *made, numbers=numbers, **self.outside)


def _node_or_array(t: Any) -> Any:
    return np.asarray(t) if not isinstance(t, Value) else t._node if is_traced(t) else t._data


def _var_or_array(x: Any, var: Mapping[Node, Var]) -> Any:
    return x if not isinstance(x, Node) else var[x] if x in var else value_of(x)


def _as_tensors(result: Any, outputs: Any, nodes: Any, sources: Any, given: bool) -> list[bool]:
    """Which leaves of the result are Tensors outside of a trace too: all if Tensors were passed; or else those that
    depend on a Tensor from outside, or are one.
    """
    seen = {n for n, s in sources.items() if s.kind == "tensor"}
    for n in nodes:
        if not seen.isdisjoint(n.parents):
            seen.add(n)
    return [
        isinstance(t, Value) and (given or not isinstance(n, Node) or n in seen)
        for t, n in zip(leaves(result), outputs, strict=True)
    ]
