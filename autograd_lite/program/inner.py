"""Inner programs: the body of a loop, or a branch, traced once.

Everything that it reads from outside becomes an operand, so an inner program is a function of its inputs alone. Its
derivatives, and the same for a batch, are inner programs again.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from ..base.cached_method import cached_method
from ..base.escape import plain
from ..base.generator import numpy_generator
from ..base.snapshots import SNAPSHOT, about_to_call, untouched, watched
from ..base.tree import leaves, rebuild
from ..engine.backward import pull_back
from ..engine.context import CONTEXT, ORDINARY, changed, tracing
from ..engine.engine_rows import INSIDE, lift
from ..engine.forward import push_forward
from ..engine.node import ANY, TRACED, TRANSFORM, Function, Node, Params, Shape, Values, ancestors, between
from ..engine.operands import raw
from ..engine.value import Value, wrap
from ..transforms.vmap import vmap
from .capture import names_of, run
from .equation import Equation, Origin, Var, computed, looked_up, recorded
from .graph import equations_of, leaf, part_of, variable_or_value
from .naming import short_names
from .program import Program, traced_program


def dtype_of(x: Any) -> np.dtype[Any]:
    """The dtype of an array, a number, a Tensor or a variable."""
    value = raw(x)
    return value.dtype if hasattr(value, "dtype") else np.asarray(value).dtype


def zeros_of(x: Any) -> Any:
    """Zeros like an array, a number, a Tensor or a variable."""
    return np.zeros(np.shape(raw(x)), dtype_of(x))


class Inner(NamedTuple):
    """A function traced as an inner program.

    Attributes
    ----------
    program : Program
        Of the leaves of the arguments, and then of what it reads from outside.
    captured : list of Tensor
        What it reads from outside.
    result : tree
        What the function returned.
    drawn : dict
        ``{"generator": ...}`` if it draws random numbers.
    """

    program: Program
    captured: list[Any]
    result: Any
    drawn: Params


def traced(
    what: str, f: Function, *args: Any, then: Callable[[Any], Any] = lambda result: result
) -> Inner:
    """Trace `f`, and `then` on its result, on examples, trees of arrays; `what` is the function that an error names.

    Raises
    ------
    RuntimeError
        If `f` writes to a Tensor, or registers a hook.
    TypeError
        If it returns something that is not a number or an array.
    """
    context = CONTEXT.get() or ORDINARY
    live, values = (TRANSFORM << context.level + 1) - 1, dict[Any, Any]()  # of every transform that is running
    unknown = Node(None, (), (), None, (), np.dtype(float), live)
    start = unknown.order
    examples = [np.asarray(raw(x)) for x in leaves(args)]
    inputs = [Node(INSIDE, (unknown,), (None,), None, x.shape, x.dtype, live) for x in examples]
    tensors = [wrap(x, n) for x, n in zip(examples, inputs, strict=True)]
    wrapped = rebuild(args, tensors)
    with _guarded(what), watched() as changes, changed(values=values, level=context.level + 1, group=None):
        about_to_call(changes, f)
        result, variables = run(f, wrapped, {})
        result = then(result)
    results = leaves(result)
    if wrong := [x for x in results if np.asarray(raw(x)).dtype.kind not in "biufc"]:
        raise TypeError(f"{what}: expected numbers and arrays as results, got {type(wrong[0]).__name__}")
    draws = _draws(what, values, start, changes)
    roots = [t._node for t in results if isinstance(t, Value) and t._node is not None]
    nodes, outside = _recorded_in(what, inputs, roots, draws)
    returned = {t._node: t for t in results if isinstance(t, Value)}
    captured = [wrap(values[p] if p in values else returned[p]._data, p) for p in outside]
    if context.values is not None:  # what does not depend on the arguments has been computed outside
        inside = {*inputs, *nodes}
        context.values.update((p, x) for p, x in values.items() if p not in inside)
    names = names_of(f, wrapped, inputs, nodes, variables, (), roots)
    fresh = short_names((*names.values(), *(p.name for p in outside if p.name)))
    words = {p: names.get(p) or p.name or next(fresh) for p in (*inputs, *outside)}
    variables_of = {p: Var(words[p], p.shape, p.dtype) for p in (*inputs, *outside)}
    values_of = dict(zip(variables_of.values(), (*examples, *(t._data for t in captured)), strict=True))
    equations = equations_of(nodes, variables_of, names, fresh)
    outputs = [variable_or_value(variables_of, t) for t in results]
    program = assembled(plain(getattr(f, "__name__", "f")), [*values_of], equations, outputs, values_of)
    return Inner(program, captured, result, _generator(what, draws))


def _draws(what: str, values: Iterable[Any], start: int, changes: Any) -> list[Node]:
    """The draws of a body; raises if NumPy's generators were used otherwise, since a trace cannot repeat that."""
    draws = [n for n in values if n is not None and "generator" in n.params and n.order < start]
    generators = {id(numpy_generator(n.params["generator"])) for n in draws}
    if changes.draws and not draws or any(id(generator) not in generators for generator in changes.drawn_from()):
        raise RuntimeError(f"{what}: draws random numbers that a trace cannot repeat: write ag.rand_like of a carry")
    return draws


def _recorded_in(
    what: str, inputs: Sequence[Node], roots: Sequence[Node], draws: Sequence[Node]
) -> tuple[list[Node], list[Node]]:
    """The nodes of a body, oldest first, and those from outside that it reads or returns."""
    ends = {*inputs, *draws}
    nodes = [n for n in (between([*roots, *draws], ends, ANY) if ends else [])[::-1] if n.row is not INSIDE]
    if hooked := [n.label for n in nodes if n.hooks is not None]:
        raise RuntimeError(f"{what}: {hooked[0]} has a hook, which the body of a traced loop cannot have")
    outside = dict.fromkeys(p for p in (*(p for n in nodes for p in n.parents), *roots) if p is not None)
    for n in (*inputs, *nodes):
        outside.pop(n, None)
    return nodes, list(outside)


def assembled(
    name: str, inputs: Sequence[Var], equations: Sequence[Equation], outputs: Sequence[Any], examples: Mapping[Var, Any]
) -> Program:
    """The program of a function of arrays that returns a tuple of them."""
    inputs, outputs = tuple(inputs), tuple(outputs)
    return Program(
        name, inputs, equations, outputs, structure=inputs, result=tuple(0 for _ in outputs),
        examples={v: examples[v] for v in inputs},
    )  # fmt: skip


@contextmanager
def _guarded(what: str) -> Iterator[None]:
    """A block in which nothing outside may be written to, and whose draws belong to an inner program."""
    outside = tracing()
    if outside is None:
        yield
        return
    before, count = outside.inside, len(outside.draws)
    outside.inside = what
    try:
        yield
    finally:
        outside.inside = before
        del outside.draws[count:]


@contextmanager
def drawing(most: int) -> Iterator[None]:
    """A block that counts as so many draws at most: a loop is one operation that draws."""
    before, snapshot = [], SNAPSHOT.get()
    while snapshot is not None:
        before.append((snapshot, snapshot.draws))
        snapshot = snapshot.outer
    yield
    for snapshot, draws in before:
        snapshot.draws = min(snapshot.draws, draws + most)


def _generator(what: str, draws: Sequence[Node]) -> Params:
    generators = {id(n.params["generator"]): n.params["generator"] for n in draws}
    if len(generators) > 1:
        raise RuntimeError(f"{what}: draws from several generators; use one in the body of a traced loop")
    return {"generator": next(iter(generators.values()))} if draws else {}


@contextmanager
def _apart() -> Iterator[None]:
    """A block in which programs are recorded on their own, whatever is traced or differentiated outside."""
    with drawing(0), untouched(), np.errstate(all="ignore"), changed(
        recording=True, group=None, watcher=None, level=0, values={}, outside=None
    ):  # fmt: skip
        yield


def retraced(f: Function, examples: Sequence[Any]) -> Program:
    """The program of `f`, recorded on its own."""
    with _apart(), changed(values=None):
        return traced_program(f, examples)


class Derived(NamedTuple):
    """What a rule makes of a program: equations on its values and on new inputs."""

    equations: list[Equation]
    outputs: list[Any]
    new: list[Var]
    examples: dict[Var, Any]  # of the values of the program, and of the new inputs

    def needed(self) -> list[Var]:
        """The values of the program that the equations and outputs use."""
        inside = {v for eq in self.equations for v in eq.outputs} | {*self.new}
        used = (*(x for eq in self.equations for x in eq.operands), *self.outputs)
        return list(dict.fromkeys(x for x in used if isinstance(x, Var) and x not in inside))


def _derived(
    program: Program, active: Container[Var], more: Sequence[Any],
    rule: Callable[[list[Any], list[Any], list[Any]], list[Any]],
) -> Derived:  # fmt: skip
    """What ``rule(inputs, outputs, new)`` records on Tensors; those inputs that are `active` require a gradient."""
    with _apart():
        start = {v: wrap(x, leaf(x, v in active)) for v, x in ((v, program.examples[v]) for v in program.inputs)}
        values = program.run(start, recorded)
        new = [wrap(x, leaf(x)) for x in more]
        outputs = looked_up(values, program.outputs)
        results = rule([start[v] for v in program.inputs], outputs, new)
    variables = {t._node: v for v, t in values.items() if isinstance(t, Value) and t._node is not None}
    parts = {}
    for n, v in list(variables.items()):
        if (part := part_of(n)) is not None:
            parts[part] = variables[part[0]] = v
    fresh = short_names([v.name for v in values])
    extra = [Var(next(fresh), t.shape, t.dtype) for t in new]
    variables.update(zip((t._node for t in new), extra, strict=True))
    ends = [t._node for t in results if isinstance(t, Value) and t._node is not None]
    nodes = ancestors([n for n in ends if n.live & TRACED], TRACED)[::-1]
    for n in nodes:  # results of calls that a rule has looked up
        if n not in variables and (part := part_of(n)) is not None and part in parts:
            variables[n] = parts[part]
    equations = equations_of(nodes, variables, {}, fresh, lambda n: Origin(n.code, n.at, None, n.requires_grad))
    examples = {v: np.asarray(raw(t)) for v, t in values.items()}
    return Derived(
        equations, [variable_or_value(variables, t) for t in results], extra,
        examples | {v: t._data for v, t in zip(extra, new, strict=True)},
    )  # fmt: skip


def program_of(like: Program, name: str, inputs: Sequence[Var], derived: Derived, whole: bool = False) -> Program:
    """The program of what a rule made; if `whole`, it computes the values of the first program itself."""
    equations = [*like.equations, *derived.equations] if whole else derived.equations
    return assembled(f"{like.name}_{name}", inputs, equations, derived.outputs, derived.examples)


def pulled_back(
    program: Program, active: Container[Var], wrt: Sequence[int], at: Sequence[int], sums: Sequence[int] = ()
) -> Derived:
    """The cotangents of the inputs `wrt`, from those of the outputs `at`, which are the new inputs.

    Those of the inputs `sums` are added to a value each, which are the last of the new inputs.
    """

    def rule(xs: list[Any], ys: list[Any], new: list[Any]) -> list[Any]:
        roots: dict[Node, Any] = {}
        for k, g in zip(at, new, strict=False):
            if isinstance(ys[k], Value) and ys[k].requires_grad:
                n = ys[k]._node
                roots[n] = roots[n] + g if n in roots else g
        ends = [xs[k]._node for k in (*wrt, *sums)]
        cotangents = pull_back(roots, ends, lift)
        each = [cotangents.get(n, zeros_of(n)) for n in ends]
        return each[: len(wrt)] + [s + d for s, d in zip(new[len(at) :], each[len(wrt) :], strict=True)]

    outputs = [program.outputs[k] for k in at]
    more = [np.ones(np.shape(x), dtype_of(x)) for x in outputs] + [zeros_of(program.inputs[k]) for k in sums]
    return _derived(program, active, more, rule)


def pushed_forward(program: Program, moving: Sequence[int]) -> tuple[Derived, list[int]]:
    """The tangents of the outputs that have one, from those of the inputs `moving`; and which outputs these are."""
    some: list[int] = []

    def rule(xs: list[Any], ys: list[Any], new: list[Any]) -> list[Any]:
        nodes: list[Any] = [y._node for y in ys if isinstance(y, Value) and y.requires_grad]
        start = {xs[k]._node: t for k, t in zip(moving, new, strict=True)}
        tangents = push_forward(ancestors(nodes)[::-1], start, lift, record=True)
        floats = ((k, y) for k, y in enumerate(ys) if isinstance(y, Value) and y.dtype.kind in "fc")
        some.extend(k for k, y in floats if y._node in tangents)
        return [tangents[ys[k]._node] for k in some]

    inputs = [program.inputs[k] for k in moving]
    return _derived(program, set(inputs), [np.ones(v.shape, v.dtype) for v in inputs], rule), some


@dataclass(frozen=True, eq=False)
class Body:
    """An inner program as a parameter of a row.

    Attributes
    ----------
    program : Program
        Of `carries` values, the entries of `slices` arrays, and constants.
    carries, slices : int
    wanted : frozenset of int
        The inputs for whose cotangents its outputs suffice: see `keeping`.
    """

    instead = "emit that of the function itself, or of the loop with unroll=True"

    program: Program
    carries: int = 0
    slices: int = 0
    wanted: frozenset[int] = frozenset()

    def __repr__(self) -> str:
        return f"<{self.program.name}: {len(self.program)} operations>"

    @cached_property
    def step(self) -> Callable[..., Values]:
        """The program as a function of arrays."""
        return straight(self.program)

    def split(self, xs: Sequence[Any]) -> tuple[Sequence[Any], Sequence[Any], Sequence[Any]]:
        """Carries, slices and constants."""
        a, b = self.carries, self.carries + self.slices
        return xs[:a], xs[a:b], xs[b:]

    def reached(self, on: Container[int], draws: bool = False) -> tuple[set[int], set[int]]:
        """The inputs that depend on those in `on` after some steps (and, with `draws`, on what is drawn), and the
        outputs.
        """
        inputs, outputs = self.program.inputs, self.program.outputs
        active = {v for k, v in enumerate(inputs) if k in on}
        drawn = {v for eq in self.program.equations if draws and eq.is_random for v in eq.outputs}
        while True:
            seen = self.program.depending(active | drawn)
            pairs = zip(inputs, outputs[: self.carries], strict=False)  # of each carry, and what it becomes
            more = {v for v, x in pairs if isinstance(x, Var) and x in seen}
            if more <= active:
                break
            active |= more
        return (
            {k for k, v in enumerate(inputs) if v in active},
            {k for k, x in enumerate(outputs) if isinstance(x, Var) and x in seen},
        )

    def only(self, which: Shape) -> Body:
        """The same with some of its outputs."""
        p = self.program
        outputs = [p.outputs[k] for k in which]
        return Body(assembled(p.name, p.inputs, p.equations, outputs, p.examples), self.carries, self.slices)

    # ------------------------------------------------------------------------------------------------ reverse mode

    @cached_method
    def keeping(self, wanted: frozenset[int]) -> Body:
        """The same, with what the cotangents of the inputs `wanted` need as further outputs."""
        if wanted <= self.wanted:
            return self
        program, wanted = self.program, wanted | self.wanted
        floats = [k for k, x in enumerate(program.outputs) if isinstance(x, Var) and x.dtype.kind in "fc"]
        *_, derived = self._pulled_back(wanted, floats)
        have = {x for x in (*program.inputs[self.carries :], *program.outputs[self.carries :]) if isinstance(x, Var)}
        more = [v for v in derived.needed() if v not in have]
        outputs = [*program.outputs, *more]
        program = assembled(program.name, program.inputs, program.equations, outputs, derived.examples)
        return Body(program, self.carries, self.slices, wanted)

    def _pulled_back(
        self, wanted: frozenset[int], at: Sequence[int]
    ) -> tuple[list[int], list[int], list[int], Derived]:
        """The carries that have a cotangent, the slices and constants that are `wanted`, and the backward step."""
        inputs, start = self.program.inputs, self.carries + self.slices
        active = {k for k in self.reached(wanted)[0] if inputs[k].dtype.kind in "fc"}
        carried = sorted(k for k in active if k < self.carries)
        sliced = sorted(k for k in wanted if self.carries <= k < start)
        sums = sorted(k for k in wanted if k >= start)
        at = carried + [k for k in at if k >= self.carries]
        return carried, sliced, sums, pulled_back(
            self.program, {inputs[k] for k in active}, carried + sliced, at, sums
        )  # fmt: skip

    @cached_method
    def pulled(self, at: Shape) -> Pulled:
        """The backward step, from the cotangents of the next carry and of the results `at`."""
        program = self.program
        carried, sliced, sums, derived = self._pulled_back(self.wanted, at)
        needed = derived.needed()
        places = {v: (False, k) for k, v in enumerate(program.outputs) if isinstance(v, Var) and k >= self.carries}
        places |= {v: (True, k) for k, v in enumerate(program.inputs) if k >= self.carries}
        start = self.carries + self.slices
        constants = [v for v in needed if places[v][0] and places[v][1] >= start]
        stacked = [v for v in needed if v not in constants]
        n, m = len(carried), len(carried) + len(at)
        carries = [*derived.new[:n], *derived.new[m:]]  # cotangents of carries, and sums
        outputs = derived.outputs
        derived = derived._replace(outputs=[*outputs[:n], *outputs[n + len(sliced) :], *outputs[n : n + len(sliced)]])
        inputs = [*carries, *derived.new[n:m], *stacked, *constants]
        body = Body(program_of(program, "backward", inputs, derived), len(carries), len(at) + len(stacked))
        return Pulled(body, carried, sums, sliced, [places[v] for v in stacked], [places[v][1] for v in constants])

    # ------------------------------------------------------------------------------------ forward mode, and batches

    @cached_method
    def pushed(self, moving: frozenset[int]) -> tuple[Body, list[int], list[int]]:
        """The step with tangents: those inputs that have one come after the others of their kind, and so the outputs.
        Also which inputs and which outputs have one.
        """
        inputs, outputs = self.program.inputs, self.program.outputs
        on = sorted(k for k in self.reached(moving)[0] if inputs[k].dtype.kind in "fc")
        derived, some = pushed_forward(self.program, on)
        tangents = dict(zip(on, derived.new, strict=True))
        groups = self.split(range(len(inputs)))
        order = [v for ks in groups for v in (*(inputs[k] for k in ks), *(tangents[k] for k in ks if k in tangents))]
        of = dict(zip(some, derived.outputs, strict=True))
        after = [of.get(k, zeros_of(inputs[k])) for k in on if k < self.carries]
        results = [k for k in some if k >= self.carries]
        derived = derived._replace(outputs=[*outputs[: self.carries], *after, *(of[k] for k in results)])
        carries, slices = (len(ks) + sum(k in tangents for k in ks) for ks in groups[:2])
        return Body(program_of(self.program, "jvp", order, derived, whole=True), carries, slices), on, results

    @cached_method
    def batched(self, on: frozenset[int], size: int) -> tuple[Body, set[int], set[int]]:
        """The step for a batch of examples, with those inputs and outputs that have the batch axis; `on` do."""
        ins, outs = self.reached(on, draws=True)
        outs |= {k for k in ins if k < self.carries}
        program = mapped(self.program, ins, outs, size)
        return Body(program, self.carries, self.slices), ins, outs


class Pulled(NamedTuple):
    """The backward step of a loop.

    Attributes
    ----------
    body : Body
        Its carries are the cotangents of those of the loop and the sums for its constants; it takes the cotangents of
        results and the values in `stacked`, and returns the cotangents of slices.
    carried, sums, sliced : list of int
        The inputs of the loop that these belong to.
    stacked : list of (bool, int)
        Operands (True) or results of the loop.
    constants : list of int
        Operands of the loop.
    """

    body: Body
    carried: list[int]
    sums: list[int]
    sliced: list[int]
    stacked: list[tuple[bool, int]]
    constants: list[int]


def as_function(program: Program) -> Callable[..., Values]:
    """The program as a function of arrays, or of Tensors, on which it is recorded."""

    def function(*xs: Any) -> Values:
        call = recorded if any(isinstance(x, Value) for x in xs) else computed
        values = program.run(dict(zip(program.inputs, xs, strict=True)), call)
        return tuple(looked_up(values, program.outputs))

    function.__name__ = program.name
    return function


def mapped(program: Program, on: Container[int], out: Container[int], size: int) -> Program:
    """The program of a batch; `on` and `out` are the inputs and outputs with a batch axis."""
    axes = tuple(0 if k in on else None for k in range(len(program.inputs)))
    out_axes = tuple(0 if k in out else None for k in range(len(program.outputs)))
    examples = [program.examples[v] for v in program.inputs]
    examples = [np.broadcast_to(x, (size, *x.shape)) if k in on else x for k, x in enumerate(examples)]
    f = vmap(as_function(program), axes, out_axes, size, randomness="different")
    return retraced(f, examples)


def straight(program: Program) -> Callable[..., Values]:
    """The program as one Python function of arrays, without any other bookkeeping."""
    words = {v: f"v{k}" for k, v in enumerate(program.variables)}
    space: Params = {}

    def word(x: Any) -> str:
        if isinstance(x, Var):
            return words[x]
        space[f"c{len(space)}"] = x
        return f"c{len(space) - 1}"

    lines = [f"def step({', '.join(words[v] for v in program.inputs)}):"]
    for k, eq in enumerate(program.equations):
        space[f"f{k}"] = eq.row.fn
        if eq.params:
            space[f"p{k}"] = eq.params
        call = f"f{k}({', '.join(map(word, eq.operands))}{f', **p{k}' if eq.params else ''})"
        lines.append(f"    {', '.join(words[v] for v in eq.outputs)}{',' * eq.row.outputs} = {call}")
    lines.append(f"    return ({''.join(f'{word(x)}, ' for x in program.outputs)})")
    exec("\n".join(lines), space)  # calls of rows only
    step: Callable[..., Values] = space["step"]
    return step
