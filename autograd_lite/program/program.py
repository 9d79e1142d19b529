"""A program: what a function computed, as a flat list of equations over rows of the table.

It can be printed, run on other inputs of the same shapes, and turned into source or mathematics.
"""

from __future__ import annotations

import ast
from bisect import bisect
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import wraps
from itertools import pairwise, takewhile
from typing import Any, Self

import numpy as np

from ..base.escape import plain
from ..base.tree import leaves, matched, rebuild, tree_map
from ..engine.backward import pull_back
from ..engine.context import Group, changed
from ..engine.engine_rows import lift
from ..engine.errors import values_freed_error, written_error
from ..engine.node import ANY, TRACED, Function, GraphView, Node, Params, Values, ancestors
from ..engine.operands import raw
from ..engine.replay import value_of
from ..engine.unbroadcast import ones
from ..engine.value import live_of, wrap
from ..engine.versions import OURS, Storage, next_order
from ..tensor import Tensor
from ..tensor.show import public
from .assignments import assigned
from .capture import capture, names_of
from .equation import COMPARED, Equation, Operand, Origin, Var, computed, key_of, kind, looked_up, recorded, shown
from .graph import equations_of, graph_of, leaf, variable_or_value
from .naming import (
    Names,
    argument_names,
    groups,
    label,
    line,
    operand,
    position,
    scopes,
    short_names,
    stem,
)

LIMIT = 20_000  # equations; more are not printed

#: What a rule returns for an equation: None keeps it; a value stands for its result from then on; equations replace it,
#: and the last of them has its outputs; a dict has a value for each of several results.
Replacement = Any


@dataclass(frozen=True, eq=False)
class Program(GraphView):
    """What a function computed, in order. Shapes and Python branches are those of the example.

    It can be called with other arguments of the same structure, shapes and dtypes. Like any function it returns arrays
    for arrays, and records operations on Tensors.

    Attributes
    ----------
    name : str
        The function's.
    inputs : sequence of Var
        One for each array among the arguments.
    equations : sequence of Equation
        The operations, in an order in which they can be run.
    outputs : sequence
        The results: a Var each, or a constant.
    captured : mapping of Var to Tensor
        What comes from outside.
    updates : mapping of Var
        What inputs and captured values become, if the function changes them, as a training step does.
    structure, result : trees
        The arguments, and the results, with the places of inputs and outputs.
    examples : mapping of Var to array
        Values that were recorded.
    constants : mapping of str
        The user's arrays and numbers, by name.

    Examples
    --------
    >>> import autograd_lite as ag
    >>> program = ag.trace(lambda x: ag.sin(x) + 1)(2.0)
    >>> print(program)
    <lambda>(x: float64[]):
        a : float64[] = sin(x)
        b : float64[] = add(a, 1)
        return b
    >>> round(float(program(0.0)), 4)
    1.0
    """

    instead = "pickle the function and trace it again, or keep str(program) or ag.source(f, x)"

    name: str
    inputs: Sequence[Var]
    equations: Sequence[Equation]
    outputs: Sequence[Any]  # a Var each, or a constant
    captured: Mapping[Var, Tensor] = field(default_factory=dict)  # from outside, with their current values
    structure: Any = ()  # the arguments, with the inputs as leaves
    result: Any = ()  # the tree of the outputs
    updates: Mapping[Var, Any] = field(default_factory=dict)  # what inputs and captured values become
    prelude: Any = None  # from Python numbers among the inputs to some captured values
    examples: Mapping[Var, Any] = field(default_factory=dict)  # values that were recorded, inputs included
    constants: Mapping[str, Any] = field(default_factory=dict)  # the user's arrays and numbers, by name
    outside: frozenset[str] = frozenset()  # constants that a traced function did not make
    tensors: frozenset[str] = frozenset()  # the user's variables for Tensors and modules
    named: frozenset[Var] = frozenset()  # by the user; other names are letters
    fixed: Mapping[Var, Any] = field(default_factory=dict)  # values that cannot be others, as "l2"
    hooked: str = ""  # a value with a hook, which the equations do not have
    freed: str = ""  # a value whose arrays are gone, so that none can be computed again
    call: tuple[Function, Values, Any] | None = None  # f, args, names
    #: What plain Python has decided by, as a program of the same inputs; its results are `fixed`.
    choices: Program | None = None
    #: The memory of each input, with the time of its last use, and how an error calls it.
    _uses: Mapping[Var, tuple[Storage, int, str]] = field(default_factory=dict)

    @classmethod
    def trace(cls, f: Function, *args: Any, names: Mapping[str, Any] | None = None, **params: Any) -> Program:
        """The program of `f`, run once on example arguments; see :func:`trace`."""
        return traced_program(f, args, names, params)

    @classmethod
    def of(cls, result: object, names: Mapping[str, Any] | None = None) -> Program:
        """The program that a recorded graph stands for: what computed `result` from the Tensors that it captured.

        Parameters
        ----------
        result : Tensor or a tree of them
            What was computed.
        names : mapping of str to Tensor, optional
            Names for values, such as ``locals()``. Others are named after the variables that they were assigned to.

        Examples
        --------
        >>> import numpy as np, autograd_lite as ag
        >>> w = ag.tensor([1.0, 2.0], requires_grad=True, name="w")
        >>> loss = np.sum(np.exp(w))
        >>> print(Program.of(loss))
        graph():
            # with w: float64[2]
            a : float64[2] = exp(w)
            loss : float64[] = sum(a, axis=None, keepdims=False)
            return loss
        """
        return program_of(result, names)[0]

    @property
    def results(self) -> Iterator[Var]:
        """The variables that must be computed: outputs and new values."""
        return (x for x in (*self.outputs, *self.updates.values()) if isinstance(x, Var))

    @property
    def defined(self) -> dict[Var, Equation]:
        """The equation that computes each value."""
        return {v: eq for eq in self.equations for v in eq.outputs}

    @property
    def variables(self) -> Iterator[Var]:
        """The inputs and captured values, and then every result in order."""
        yield from (*self.inputs, *self.captured)
        for eq in self.equations:
            yield from eq.outputs

    @property
    def graded(self) -> set[Var]:
        """The values for which a derivative may be asked: floating-point ones that were recorded for it."""
        taken = set(self.deciding("fc"))
        graded = {v for v in self.inputs if v.dtype.kind in "fc" and v not in taken}
        graded |= {v for v, t in self.captured.items() if t.requires_grad}
        computed = (v for eq in self.equations if eq.origin.requires_grad for v in eq.outputs)
        return graded | {v for v in computed if v.dtype.kind in "fc"}

    def deciding(self, kinds: Container[str] = frozenset("biufc")) -> list[Var]:
        """The inputs by whose values plain Python has decided something; with `kinds`, which took such values."""
        found = []
        if self.choices is not None:
            ends = {v for v in self.choices.fixed if v.dtype.kind in kinds}
            found = [v for v in self.inputs if not ends.isdisjoint(self.choices.depending([v]))]
        return found

    @property
    def users(self) -> defaultdict[Var, list[Equation]]:
        """The equations that read each value, once for each operand."""
        users = defaultdict(list)
        for eq in self.equations:
            for x in eq.reads:
                users[x].append(eq)
        return users

    def mapped(self, rule: Callable[[Equation, dict[Var, Equation]], Replacement]) -> Self:
        """The program with each equation replaced by what `rule(equation, defined)` returns for it.

        `defined` has the equation of each variable so far.
        """
        instead: dict[Var, Any] = {}
        defined: dict[Var, Equation] = {}
        equations: list[Equation] = []

        def current(x: Operand) -> Any:
            return instead.get(x, x) if isinstance(x, Var) else x

        for eq in self.equations:
            if instead and not instead.keys().isdisjoint(eq.reads):
                eq = replace(eq, operands=tuple(map(current, eq.operands)))
            replacement = rule(eq, defined)
            if isinstance(replacement, dict):
                instead.update(replacement)
            elif replacement is not None and not isinstance(replacement, list):
                instead[eq.y] = current(replacement)
            else:
                for e in (eq,) if replacement is None else replacement:
                    equations.append(e)
                    for v in e.outputs:
                        defined[v] = e
        updates = {v: current(x) for v, x in self.updates.items()}
        return replace(self, equations=equations, outputs=list(map(current, self.outputs)), updates=updates)

    def depending(self, wrt: Iterable[Var]) -> set[Var]:
        """`wrt`, and every value that depends on one of them."""
        depending = set(wrt)
        for eq in self.equations:
            if not depending.isdisjoint(eq.reads):
                depending.update(eq.outputs)
        return depending

    def substituted(self, values: Mapping[Var, Any]) -> Self:
        """The program with constants in the place of some captured values."""
        equations = [eq if values.keys().isdisjoint(eq.reads) else eq.substituted(values) for eq in self.equations]
        captured = {v: t for v, t in self.captured.items() if v not in values}
        return replace(self, equations=equations, captured=captured)

    def without_repetition(
        self, group: Callable[[Equation], Any], compared: int = COMPARED
    ) -> tuple[Self, dict[Var, Var]]:
        """The program with each value computed once, and what stands for those that are not computed any more.

        Parameters
        ----------
        group : callable
            Equations are one only if ``group(equation)`` is the same; None keeps an equation as it is.
        compared : int
            Constant operands of at most so many entries are compared by value, larger ones by identity.
        """
        computed: dict[Any, Equation] = {}
        instead = {}
        def rule(eq: Equation, defined: dict[Var, Equation]) -> Any:
            together = group(eq)
            if together is None:
                return None
            most = COMPARED if eq.algebra == "concatenation" else compared  # seq[t] of [seq[t], h] is another view
            operands: Any = tuple([x if isinstance(x, Var) else key_of(x, most) for x in eq.operands])
            if eq.algebra in ("sum", "product") and eq.row.kind == "elementwise":  # r + y is y + r
                operands = frozenset(operands)
            word = eq.row, together, operands, key_of(eq.params) if eq.params else ()
            first = computed.setdefault(word, eq)
            if first is eq:
                return None
            same = dict(zip(eq.outputs, first.outputs, strict=True))
            instead.update(same)
            return same

        return self.mapped(rule), instead

    @property
    def overwritten(self) -> list[Var]:
        """The captured values that have been written to since they were used."""
        return [v for v, (storage, order, _) in self._uses.items() if storage.version < order]

    @property
    def values(self) -> dict[Var, Any]:
        """The value of every variable as it was recorded; one that was not kept is computed again.

        Raises
        ------
        RuntimeError
            If an input has been written to since; the message names it.
        """
        for v in self.overwritten:
            storage, _, who = self._uses[v]
            raise written_error(who, storage)
        if self.freed:
            raise values_freed_error(self.freed)
        with np.errstate(all="ignore"):  # the first run has warned
            return self.run({v: t._data for v, t in self.captured.items()} | dict(self.examples))

    def __call__(self, *args: Any) -> Any:
        values = self._given(args)
        env = self.run({**dict(zip(self.inputs, values, strict=True)), **self.captured}, recorded)
        for eq in self.equations:
            if eq.is_sized_by_values and any(np.shape(env[v]) != v.shape for v in eq.outputs):
                raise ValueError(
                    f"{self.name}: {eq.row.name} has a result of shape {np.shape(env[eq.y])}, and had {eq.y.shape} "
                    "when it was traced, because its size depends on values: trace it again"
                )
        outputs = looked_up(env, self.outputs)
        if not any(isinstance(x, Tensor) for x in values):  # arrays in, arrays out, unless a gradient is required
            outputs = [x._data[()] if isinstance(x, Tensor) and not live_of(x) else x for x in outputs]
        return rebuild(self.result, outputs)

    def run(
        self, values: Mapping[Var, Any], call: Callable[[Equation, list[Any]], Any] = computed
    ) -> dict[Var, Any]:
        """The value of every variable, from those of the inputs and captured values.

        Parameters
        ----------
        values : mapping of Var to value
            What is in it is not computed again.
        call : callable, optional
            ``call(equation, operands)`` returns the result of an equation, or the tuple of its results. By default the
            function of its row is called, on arrays.

        Examples
        --------
        >>> import numpy as np, autograd_lite as ag
        >>> program = ag.trace(lambda x: 2 * np.exp(x))(0.0)
        >>> [x] = program.inputs
        >>> {v.name: float(y) for v, y in program.run({x: 0.0}).items()}
        {'x': 0.0, 'a': 1.0, 'b': 2.0}
        >>> flops = 0
        >>> def count(equation, operands):
        ...     global flops
        ...     flops += equation.outputs[0].size
        >>> _ = program.run({x: 0.0}, count)
        >>> flops
        2
        """
        env = dict(values)
        if self.prelude is not None:
            numbers = self.prelude(*(raw(env[v]).item() for v in self.prelude.arguments))
            if numbers is None:
                raise ValueError(f"{self.name}: a number has another type than when it was traced: trace it again")
            env.update(zip(self.prelude.results, numbers, strict=True))
        for eq in self.equations:
            if all(v in env for v in eq.outputs):
                continue
            y = call(eq, looked_up(env, eq.operands))
            for var, part in zip(eq.outputs, y if eq.row.outputs else (y,), strict=True):
                env[var] = part  # noqa: PERF403 - the plain loop reads as the program does
        return env

    def confirm(self, values: Mapping[Var, Any]) -> None:
        """Raise if values that are `fixed` are others."""
        values = self.run({v: raw(x) for v, x in values.items()})
        for v, x in self.fixed.items():
            if not np.array_equal(values[v], x):
                where = next((f" in {eq.origin.line}" for eq in self.equations if v in eq.outputs), "")
                why = f"branches on its arguments, and was traced with others{where}"
                raise ValueError(f"{self.name} {why}: trace it again")

    def refuse_hooks(self, what: str) -> None:
        """Raise if a recorded value has a hook, which the equations do not have."""
        if self.hooked:
            raise RuntimeError(f"{what} of {self.name}: {self.hooked} has a hook, which a program cannot have")

    def backward(self, wrt: Sequence[Var] | None = None) -> Program:
        """The program that also computes the gradients of its result, step by step.

        Parameters
        ----------
        wrt : sequence of Var, optional
            Inputs or captured values; by default all that may be differentiated.

        Returns
        -------
        Program
            Of the same inputs, and of the cotangent ``g`` if the result has more than one entry. Its outputs are the
            result and the gradients. Each equation of the backward pass has the line of the operation that it belongs
            to.

        Raises
        ------
        ValueError
            If there are several results, or the result does not depend on `wrt`.
        RuntimeError
            If a recorded value has a hook, which the equations do not have.

        Examples
        --------
        >>> import numpy as np, autograd_lite as ag
        >>> print(ag.trace(lambda x: np.sum(np.sin(x)))(np.ones(3)).backward())
        <lambda>(x: float64[3]):
            a : float64[3] = sin(x)
            b : float64[] = sum(a, axis=None, keepdims=False)
            c : float64[3] = cos(x)
            d : float64[3] = multiply([1.0, 1.0, 1.0], c)
            return b, d
        """
        self.refuse_hooks("backward")
        [result, *others] = self.outputs
        values = graph_of(self)
        if others or not isinstance(result, Var) or not values[result].requires_grad:
            raise ValueError(f"backward of {self.name}: expected one result that depends on a floating-point input")
        wrt = [v for v in (*self.inputs, *self.captured) if values[v].requires_grad] if wrt is None else list(wrt)
        root, inputs = values[result]._node, list(self.inputs)
        variables = {t._node: v for v, t in values.items()}
        g = wrap(ones(root.shape, root.dtype), None)
        if root.shape != ():
            g = wrap(g._data, leaf(g._data))
            inputs.append(Var(Names(v.name for v in values).take("g"), root.shape, root.dtype))
            variables[g._node] = inputs[-1]
        steps = _Steps()
        with changed(recording=False):
            cotangents = pull_back({root: g}, [values[v]._node for v in wrt], lift, watch=steps)
        gradients = [_gradient(v, cotangents.get(values[v]._node)) for v in wrt]
        nodes = ancestors([n for n in gradients if isinstance(n, Node)], TRACED)[::-1]
        fresh = short_names([v.name for v in (*values, *inputs)])
        origins = self._origins(values)
        equations = equations_of(nodes, variables, {}, fresh, lambda n: origins[steps.of(n)])
        outputs = (result, *(variables[n] if isinstance(n, Node) else n for n in gradients))
        examples = {**{v: t._data for v, t in values.items()}, **({inputs[-1]: g._data} if root.shape else {})}
        structure = (*self.structure, *inputs[len(self.inputs) :])
        return replace(
            self, inputs=tuple(inputs), equations=(*self.equations, *equations), outputs=outputs, structure=structure,
            result=tuple(0 for _ in outputs), examples=examples,
        )

    def _origins(self, values: Mapping[Var, Tensor]) -> dict[Node | None, Origin]:
        """The origin of the equation that each node of a graph of this program belongs to."""
        origins: dict[Node | None, Origin] = {}
        for eq in self.equations:
            for n in (node for v in eq.outputs if (node := values[v]._node) is not None):
                origins.update(dict.fromkeys((n, *n.parents) if eq.row.outputs else (n,), eq.origin))
        return origins

    # ------------------------------------------------------------------------------------------- the chain rule

    @property
    def _called(self) -> tuple[Values, Params]:
        """The function with its example arguments, and the user's names: what was traced, or the program itself."""
        if self.call is None:
            return (self, *rebuild(self.structure, [self.fixed.get(v, self.examples[v]) for v in self.inputs])), {}
        f, args, names = self.call
        return (f, *args), {"names": names}

    @property
    def arguments(self) -> Params:
        """The arguments of the traced function by their names: a variable each, or a tree of them."""
        words = argument_names(self._called[0][0], self._called[0][1:])
        return {word: tree for (word, _), tree in zip(words, self.structure, strict=False)}

    def arguments_with(self, chosen: Collection[Var]) -> Params:
        """The arguments in which a variable is among those `chosen`, with None in the place of others."""
        found = {word: tree for word, tree in self.arguments.items() if not set(leaves(tree)).isdisjoint(chosen)}
        return {word: tree_map(lambda v: v if v in chosen else None, tree) for word, tree in found.items()}

    @property
    def learned(self) -> list[Var]:
        """The inputs whose examples are Tensors that require a gradient; all floating ones if there are none."""
        graded = self.graded
        pairs = zip(self.inputs, leaves(self._called[0][1:]), strict=True)
        found = [v for v, x in pairs if isinstance(x, Tensor) and x.requires_grad]
        unused = {*self.deciding()} - self.users.keys()
        every = [v for v in (*self.inputs, *self.captured) if v in graded and v not in unused]
        return [*found, *self.captured] if found else every

    def explain(self, wrt: Any = None, *, depth: int | None = None, roll: bool = True) -> Any:
        """The derivation of its gradients: :func:`autograd_lite.explain`, with `wrt` by name.

        By default those are the gradients with respect to the arguments that were Tensors with ``requires_grad=True``,
        or to all floating ones.
        """
        return public("explain")(self, wrt, depth=depth, roll=roll)

    def draw(self, **options: Any) -> Any:
        """The function drawn, so that everything in it is recorded: :func:`autograd_lite.draw`."""
        args, names = self._called
        return public("draw")(*args, **names, **options)

    def source(self, **options: Any) -> Any:
        """Its forward and backward pass as NumPy source: :func:`autograd_lite.source`."""
        args, names = self._called
        return public("source")(*args, **names, **options)

    def worksheet(self, **options: Any) -> Any:
        """The derivation with blanks: ``autograd_lite.teach.worksheet``."""
        return public("worksheet")(self, **options)

    def _given(self, args: Sequence[Any]) -> list[Any]:
        """The leaves of the arguments in the order of the inputs, each checked against the traced one."""
        if len(args) != len(self.structure):
            raise TypeError(f"{self.name}: expected {len(self.structure)} arguments, got {len(args)}")
        try:
            values = matched(self.structure, args, "args")
        except ValueError as error:
            raise ValueError(f"{self.name}: {error}: trace it again for another structure") from None
        for k, (var, x) in enumerate(zip(self.inputs, values, strict=True)):
            value = raw(x)
            if var in self.fixed:
                if not np.array_equal(value, self.fixed[var]):
                    raise ValueError(f"{self.name}: {var.name} was {self.fixed[var]!r}, got {x!r}: trace it again")
                value = self.examples[var]
            weak = type(value) in (bool, int, float, complex) and np.result_type(var.dtype, value) == var.dtype
            value = np.asarray(value, var.dtype if weak else None)
            if value.shape != var.shape or value.dtype != var.dtype:
                got = kind(value.shape, value.dtype) if value.dtype.kind in "biufc" else type(x).__name__
                raise ValueError(
                    f"{self.name}: {var.name} was traced as {var.kind}, but got {got}: trace it again for other shapes "
                    "and dtypes"
                )
            values[k] = x if isinstance(x, Tensor) else value
        if self.choices is not None:
            self.choices.confirm({**dict(zip(self.inputs, map(raw, values), strict=True)), **self.captured})
        return values

    def __len__(self) -> int:
        return len(self.equations)

    def __iter__(self) -> Iterator[Equation]:
        return iter(self.equations)

    def __str__(self) -> str:
        return self.text()

    __repr__ = __str__

    def text(self, depth: int | None = None) -> str:
        """The program written out, a line for each equation; composite calls and modules are indented blocks.

        Parameters
        ----------
        depth : int, optional
            How many levels of blocks to open; a deeper block is a single line.
        """
        head = f"{self.name}({', '.join(f'{v.name}: {v.kind}' for v in self.inputs)}):"
        if len(self) > LIMIT:
            counted = Counter(eq.row.name for eq in self.equations).most_common(8)
            body = [f"    {len(self)} equations, too many to print: {', '.join(f'{n} {row}' for row, n in counted)}"]
        else:
            body = self._body(depth)
        if self.captured:
            body.insert(0, f"    # with {', '.join(f'{v.name}: {v.kind}' for v in self.captured)}")
        body += [f"    {v} <- {shown(x)}" for v, x in self.updates.items()]
        return "\n".join([head, *body, f"    return {', '.join(shown(x) for x in self.outputs)}"])

    def _body(self, depth: int | None) -> list[str]:
        lines: list[str] = []
        open_now: list[Any] = []
        users = self.users
        constants = {id(x): word for word, x in self.constants.items() if isinstance(x, np.ndarray)}
        for inner, run in self._folded(depth):
            path = inner[: len(inner) - isinstance(run, list)]
            shared = sum(1 for _ in takewhile(lambda pair: pair[0] is pair[1], zip(open_now, path, strict=False)))
            lines += ["    " * (k + 1) + f"# {label(path[: k + 1])}" for k in range(shared, len(path))]
            open_now = path
            indent = "    " * (len(path) + 1)
            is_one = isinstance(run, Equation)
            lines.append(indent + (run.text(constants) if is_one else self._call(inner[-1], run, users)))
        return lines

    def _folded(self, depth: int | None) -> Iterator[tuple[list[Any], Any]]:
        """Equations, or the list of a folded group's equations, with the groups around them."""
        waiting: list[Equation] = []
        inside: list[Any] = []
        for eq in self.equations:
            path = groups(eq, steps=True)
            cut = path if depth is None or len(path) <= depth else path[: depth + 1]
            if waiting and (cut is path or cut[-1] is not inside[-1]):
                yield inside, waiting
                waiting = []
            if cut is path:
                yield path, eq
            else:
                waiting.append(eq)
                inside = cut
        if waiting:
            yield inside, waiting

    def _call(self, group: Group, equations: Sequence[Equation], users: Mapping[Var, Sequence[Equation]]) -> str:
        """A folded group as one equation."""
        inner = {v: None for eq in equations for v in eq.outputs}
        used = dict.fromkeys(x for eq in equations for x in eq.reads if x not in inner)
        here, outputs = set(map(id, equations)), {x for x in self.outputs if isinstance(x, Var)}
        out = [v for v in inner if v in outputs or any(id(user) not in here for user in users[v])]
        kinds = ", ".join(v.kind for v in out)
        call = f"{group.name}({', '.join(map(str, used))})"
        return f"{', '.join(map(str, out))} : {kinds} = {call}  # {len(equations)} equations"


def traced_program(
    f: Function, args: Sequence[Any], names: Mapping[str, Any] | None = None,
    params: Mapping[str, Any] | None = None, *, whole: bool = False, public: bool = False,
) -> Program:
    """:meth:`Program.trace`; if `whole`, with the equations of values from outside that were recorded before.

    In a `public` one, words, truth values and counts among the arguments are fixed.
    """
    traced = capture(f, args, params, names, fixing=whole or public)
    results = leaves(traced.result)
    start = traced.inputs[0].order if traced.inputs else next_order()  # older nodes come from outside the function
    ends = _ends(results)
    fresh = short_names((*traced.names.values(), *traced.arrays))
    given = {n: Var(traced.names.get(n) or next(fresh), n.shape, n.dtype) for n in traced.inputs}
    inputs = tuple(given.values())
    inside, captured, equations = _part(ends, variables := dict(given), traced.names, fresh, start, whole)
    call = (traced.f, tuple(args), names) if (whole or public) and not params else None
    program = Program(
        traced.name, inputs, tuple(equations), tuple(variable_or_value(variables, t) for t in results), captured,
        rebuild(args, inputs), tree_map(lambda t: 0, traced.result),
        examples={variables[n]: n.y for n in traced.inputs} | _drawn(inside, variables),
        constants=traced.arrays, outside=traced.outside, named=_named(variables, traced.names),
        fixed=dict(zip(map(variables.__getitem__, traced.fixed), traced.fixed.values(), strict=True)),
        hooked=next((n.label for n in inside if n.hooks), ""), call=call,
    )
    if traced.choices:
        _, captured, equations = _part([*traced.choices], tests := dict(given), traced.names, fresh, start, whole)
        fixed = {tests[n]: x for n, x in traced.choices.items()}
        program = replace(program, choices=Program(
            traced.name, inputs, tuple(equations), (*fixed,), captured, program.structure, (*fixed,), fixed=fixed,
            examples={given[n]: n.y for n in traced.inputs},
        ))  # fmt: skip
    return _named_as_used(program) if whole or public else program


def _part(
    ends: Sequence[Node], variables: dict[Node, Var], names: Mapping[Node, str], fresh: Iterator[str], start: int,
    whole: bool,
) -> tuple[dict[Node, None], dict[Var, Tensor], list[Equation]]:
    """What computes some values: its nodes, what it captures and its equations; `variables` gets its values."""
    inside = _inside(ends, start) if not whole else {n: None for n in ancestors(ends, ANY)[::-1] if n.row is not None}
    captured: dict[Var, Tensor] = {}
    for p in _parents(inside, ends):
        if p in variables:
            continue
        if p.live and (whole or p.order > start) or p.row is None and p in names:
            variables[p] = Var(names.get(p) or next(fresh), p.shape, p.dtype)
            captured[variables[p]] = _tensor_of(p)
    return inside, captured, equations_of(inside, variables, names, fresh)


def _ends(results: Iterable[Any]) -> list[Node]:
    """The nodes of those results that have one."""
    return [t._node for t in results if isinstance(t, Tensor) and t._node is not None]


def _parents(inside: Mapping[Node, Any], ends: Iterable[Node]) -> list[Node]:
    """What the nodes `inside` a program, and its results, come from outside."""
    parents = dict.fromkeys(p for nodes in (*(n.parents for n in inside), ends) for p in nodes if p is not None)
    return [p for p in parents if p not in inside]


def program_of(
    result: object, names: Mapping[str, Any] | None = None, first: Mapping[Node, str] | None = None
) -> tuple[Program, dict[Node, Var]]:
    """:meth:`Program.of`, and the variable of each node; the names in `first` come before all others."""
    results, names = leaves(result), names or {}
    ends = _ends(results)
    nodes = ancestors(ends, ANY)[::-1]
    shown = {"Out"} if isinstance(names.get("Out"), dict) else ()  # the results of an IPython session, in its locals()
    public = [(word, x) for word, x in names.items() if not word.startswith("_") and word not in shown]
    claimed = [(word, n) for n, word in (first or {}).items()]
    inputs = {p for n in nodes for p in (*n.parents, n) if p is not None and p.row is None}
    chosen = names_of(None, (), (), nodes, claimed, [*public, *_own_names(inputs)], ends)
    fresh = short_names((*chosen.values(), *(word for word, x in public if not isinstance(x, Tensor))))
    variables = {
        n: Var(chosen.get(n) or next(fresh), n.shape, n.dtype) for n in sorted(inputs, key=lambda n: -n.order)
    }
    captured = {v: _tensor_of(n) for n, v in variables.items()}
    equations = equations_of(nodes, variables, chosen, fresh)
    taken = set(chosen.values())
    constants = {plain(word): raw(x) for word, x in public if _is_constant(x, variables) and plain(word) not in taken}
    program = Program(
        "graph", (), tuple(equations), tuple(variable_or_value(variables, t) for t in results), captured,
        (), tree_map(lambda t: 0, result), examples=_kept(nodes, variables), constants=constants,
        tensors=frozenset(plain(w) for w, x in names.items() if isinstance(x, Tensor) or hasattr(x, "parameters")),
        named=_named(variables, chosen),
        hooked=next((n.label for n in nodes if n.hooks), ""), freed=next((n.label for n in nodes if n.xs is None), ""),
        _uses=_uses(nodes, variables),
    )
    return _named_as_used(program), variables


def _named_as_used(program: Program) -> Program:
    """The program with parameters of a list or an object named as the line that uses them: W1, W2 in
    ``for W, b in params``.
    """
    codes = {eq.code for eq in program.equations} - {None}
    variables = {word for code in codes for word in (*code.co_varnames, *code.co_names)}
    inputs = {*program.inputs, *(v for v, t in program.captured.items() if t.requires_grad and not t.name)}
    called = {v: v.name if v in program.named else "" for v in program.variables if v in inputs}
    waiting = {v for v, w in called.items() if w not in variables and (not w or stem(w) in variables)}
    uses = _words_in_lines(program.equations if waiting else (), waiting)
    taken, often, counted = {v.name for v in program.named}, Counter(uses.values()), Counter[str]()
    new = dict[Var, str]()
    for v in (v for v in called if v in uses):
        counted[uses[v]] += 1
        word = f"{uses[v]}{'_' * uses[v][-1:].isdigit()}{counted[uses[v]]}" if often[uses[v]] > 1 else uses[v]
        new |= {} if word in taken else {v: word}
        taken.add(word)
    firsts = [(v, f"{stem(new[u])}0") for v, u in pairwise(called) if v not in uses and new.get(u, "").endswith("1")]
    for v, word in firsts:  # o0 of obs, of which o1, o2, … are the rows of a loop over obs[1:]
        if called[v] == f"{stem(called[v])}1" and word not in taken:
            rest = [u for u in called if stem(called[u]) == stem(called[v]) and u is not v]
            new |= {v: word} if [new.get(u) for u in rest] == [f"{word[:-1]}{k + 1}" for k in range(len(rest))] else {}
    fresh = short_names([*taken, *(v.name for v in program.variables), *program.constants]) if new else iter(())
    letters = [v for v in program.variables if v not in program.named and v not in new and v.name in taken]
    for v, word in [*new.items(), *zip(letters, fresh, strict=False)]:
        v.name = word
    return replace(program, named=program.named.union(new))


def _words_in_lines(equations: Iterable[Equation], waiting: Container[Var]) -> dict[Var, str]:
    """What variables are called in the first line that uses them."""
    uses: dict[Var, str] = {}
    for eq in equations:
        for k, v in enumerate(eq.operands):
            if isinstance(v, Var) and v in waiting and v not in uses:
                e = (operand(eq, k) or _receiver(eq, k)) if eq.algebra != "gather" else position(eq, k)
                e = e.value if isinstance(e, ast.Subscript) else e  # self.W[-1]
                wish = e.attr if isinstance(e, ast.Attribute) else e.id if isinstance(e, ast.Name) else ""
                uses |= {v: wish} if wish else {}
    return uses


def _receiver(eq: Equation, k: int) -> ast.expr | None:
    """Operand `k` of a method, or of ``W.T``, if it is a variable that the code assigns."""
    match line(eq):
        case ast.Attribute(ast.Name(word) as of) | ast.Call(ast.Attribute(ast.Name(word) as of)) if k == 0:
            return of if assigned(eq.code, word) else None
    return None


def _own_names(inputs: Iterable[Node]) -> list[tuple[str, Tensor]]:
    """The inputs without a ``.name``, by the variables of the running code that they were assigned to."""
    unnamed = {n for n in inputs if not n.name and n.requires_grad}
    around = [(code, own) for code, own in (scopes() if unnamed else ()) if code is not None]
    return [
        (word, x) for code, own in around for word, x in own.items()
        if isinstance(x, Tensor) and x._node in unnamed
        and (assigned(code, word) or word in code.co_varnames[: code.co_argcount])
    ]  # fmt: skip


def _is_constant(x: object, variables: Mapping[Node, Var]) -> bool:
    """True for an array or a number that a program may have as a constant."""
    if isinstance(x, Tensor):
        return x._node not in variables
    return isinstance(x, (np.ndarray, int, float, np.integer, np.floating)) and not isinstance(x, bool)


def _named(variables: Mapping[Node, Var], names: Mapping[Node, str]) -> frozenset[Var]:
    return frozenset(v for n, v in variables.items() if names.get(n) == v.name)


def trace(f: Function, *args: Any, names: Mapping[str, Any] | None = None) -> Any:
    """The :class:`Program` of `f`, run once on `args`; without them a function that takes them.

    Everything that is computed from the arguments is recorded, plain NumPy included: so the page of ``.draw()``
    computes it too.

    Parameters
    ----------
    f : callable
        Of arrays or nested dicts, lists and tuples of them. Of a branch that depends on their values, and only assigns
        variables, both sides are recorded; any other is decided once, and the program is for values that decide it so.
        Numbers drawn from a NumPy generator inside `f` become
        constants, because a trace cannot see them.
    *args
        Example arguments.
    names : mapping of str to Tensor, optional
        Names for values. Others are named after arguments and local variables, and the rest a, b, c, …

    Raises
    ------
    TypeError
        If `f` is not a function, as in PyTorch's ``trace(x)``, the sum of a diagonal.

    Examples
    --------
    >>> import numpy as np, autograd_lite as ag
    >>> def loss(w, x):
    ...     e = np.exp(x * w)
    ...     return np.sum(e)
    >>> print(ag.trace(loss, np.ones(3), np.ones(3)))
    loss(w: float64[3], x: float64[3]):
        a : float64[3] = multiply(x, w)
        e : float64[3] = exp(a)
        b : float64[] = sum(e, axis=None, keepdims=False)
        return b

    It has ``explain``, ``draw``, ``source`` and ``worksheet``:

    >>> [t.symbol for t in ag.trace(loss, np.ones(3), np.ones(3)).explain("w").totals]
    ['dL/dw']
    """

    if not callable(f):
        raise TypeError("trace takes a function: write trace(f)(x). The sum of a diagonal is np.trace(x)")

    @wraps(f)
    def traced(*args: Any, **params: Any) -> Program:
        return traced_program(f, args, names, params, public=True)

    return traced(*args) if args else traced


def _inside(roots: Iterable[Node], start: int) -> dict[Node, None]:
    """The nodes of a program, oldest first: those that depend on its inputs, or on Tensors from outside that require
    a gradient.
    """
    inside: dict[Node, None] = {}
    for n in ancestors([n for n in roots if n.live and n.order <= start], ANY, start)[::-1]:
        above = [p for p in n.parents if p is not None]
        if n.live & TRACED or any(p in inside or p.requires_grad and p.order > start for p in above):
            inside[n] = None
    return inside


def _gradient(v: Var, cotangent: Tensor | None) -> Node | np.ndarray:
    """The node or the array of a cotangent; zeros if nothing has arrived."""
    if cotangent is None:
        return np.zeros(v.shape, v.dtype)
    n = cotangent._node
    return n if n is not None and n.live & TRACED else cotangent._data


def _tensor_of(n: Node) -> Any:
    """The Tensor of a node from outside: the user's, if it still exists."""
    owner = n.keeper() if n.row is None and n.keeper is not None else None
    return wrap(value_of(n), n) if owner is None else owner


def _kept(nodes: Sequence[Node], variables: Mapping[Node, Var]) -> dict[Var, Any]:
    """The values that a graph has kept: small results, what a rule needs, and draws, which are never made again."""
    values = {}
    for n in nodes:
        if n.y is not None and n.parts is None and n in variables:
            values[variables[n]] = n.y
        for p, x in zip(n.parents, n.xs or (), strict=False):
            if p is not None and x is not None and p in variables:
                values.setdefault(variables[p], x)
    return values


def _drawn(nodes: Iterable[Node], variables: Mapping[Node, Var]) -> dict[Var, Any]:
    """The random numbers that were drawn; they are never drawn again."""
    return {variables[n]: n.y for n in nodes if "generator" in n.params and n.y is not None and n in variables}


def _uses(nodes: Sequence[Node], variables: Mapping[Node, Var]) -> dict[Var, tuple[Storage, int, str]]:
    """The memory of each input, with the time of its last use, and how an error calls it."""
    last = {p: n.order for n in nodes for p in n.parents if p is not None and p.row is None}
    for p in last:
        if p.storage is OURS:
            p.storage = Storage(p.name)  # of its own, so that a later write is seen
    return {variables[p]: (p.storage, order, p.label) for p, order in last.items()}


class _Steps:
    """A watcher of a backward pass: the operation that each of its steps belongs to."""

    def __init__(self) -> None:
        self._ends: list[int] = []  # when a step ended; rising, unlike `Node.order`
        self._nodes: list[Node] = []

    def check(self, node: Node) -> None: ...

    def pulled(self, node: Node, parent: Node, d: object) -> None:
        self._ends.append(-next_order())
        self._nodes.append(node)

    def of(self, n: Node) -> Node:
        return self._nodes[min(bisect(self._ends, -n.order), len(self._nodes) - 1)]  # the last sum comes after all
