"""The program behind a function: run it once on examples, and keep every operation that depends on an input.

The recording is the ordinary graph; only more of it is kept: also what needs no gradient (a comparison, an index), and
the steps of a backward pass or a transform inside the function. What comes out is a straight list of equations that can
be printed, run on other inputs of the same shapes, and turned into source or mathematics.
"""

from __future__ import annotations

import dis
import inspect
import sys
import weakref
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, wraps
from itertools import count, pairwise, takewhile
from string import ascii_lowercase
from types import ModuleType
from typing import Any

import numpy as np

from ..base.escape import plain
from ..base.interrupts import at_exit
from ..base.snapshots import untouched
from ..base.tree import leaves, matched, rebuild, tree_map
from ..engine.context import changed, no_grad
from ..engine.node import NEEDS, TRACED, GraphView, Node, ancestors
from ..engine.operands import raw
from ..engine.record import record as record_call
from ..engine.replay import value_of
from ..engine.value import wrap
from ..engine.versions import next_order
from ..table import Primitive
from ..tensor import Tensor
from ..transforms.linearize import is_live

LIMIT = 20_000  # equations; beyond it nobody reads, and printing only seems to hang


@dataclass(frozen=True, eq=False)
class Var:
    """A value in a program: its name, shape and dtype."""

    name: str
    shape: tuple[int, ...]
    dtype: Any

    def __str__(self) -> str:
        return self.name

    @property
    def kind(self) -> str:
        """``float64[3,4]``."""
        return _kind(self.shape, self.dtype)


@dataclass(frozen=True, eq=False)
class Equation:
    """``outputs = row(operands, **params)``; an operand is a :class:`Var` or a constant."""

    outputs: tuple[Var, ...]
    row: Primitive
    operands: tuple[Any, ...]
    params: dict[str, Any]
    node: Node = field(repr=False)

    @property
    def group(self) -> Any:
        """The composite call or module that it belongs to, innermost; None at the top."""
        return self.node.group

    def __str__(self) -> str:
        names = ", ".join(v.name for v in self.outputs)
        kinds = ", ".join(v.kind for v in self.outputs)
        arguments = [_written(x) for x in self.operands]
        arguments += [f"{k}={_written(v)}" for k, v in self.params.items()]
        return f"{names} : {kinds} = {self.row.name}({', '.join(arguments)})"


@dataclass(frozen=True, eq=False)
class Program(GraphView):
    """What a function did, in order. Shapes and Python branches are frozen as they were for the example.

    Call it with other arguments of the same structure, shapes and dtypes, and it runs again. Like any function it takes
    arrays to arrays, and records what is done to a Tensor.
    """

    instead = "pickle the function and trace it again, or keep str(program) or ag.source(f, x)"

    name: str
    inputs: tuple[Var, ...]
    equations: tuple[Equation, ...]
    outputs: tuple[Any, ...]  # a Var each, or a constant
    captured: Mapping[Var, Tensor] = field(repr=False)  # from around the function, such as parameters; as they are now
    structure: Any = field(repr=False)  # the arguments, with the inputs as leaves
    result: Any = field(repr=False)  # the tree of the outputs

    def __call__(self, *args: Any) -> Any:
        given = self._given(args)
        values: dict[Var, Any] = dict(zip(self.inputs, given, strict=True))
        values.update(self.captured)
        for eq in self.equations:
            xs = [values[x] if isinstance(x, Var) else x for x in eq.operands]
            if eq.node.live & NEEDS:
                y: Any = record_call(eq.row, xs, eq.params)
            else:  # computed without a gradient: under no_grad(), or of whole numbers
                with no_grad():
                    y = record_call(eq.row, xs, eq.params)
            for var, part in zip(eq.outputs, y if eq.row.outputs else (y,), strict=True):
                values[var] = part  # noqa: PERF403 - the plain loop reads as the program does
        found = [values[x] if isinstance(x, Var) else x for x in self.outputs]
        if not any(isinstance(x, Tensor) for x in given):  # arrays in, arrays out, but for what needs a gradient
            found = [x._data[()] if isinstance(x, Tensor) and not is_live(x) else x for x in found]
        return rebuild(self.result, found)

    def _given(self, args: Sequence[Any]) -> list[Any]:
        """The leaves of the arguments in the order of the inputs, each checked against the one it was traced with."""
        if len(args) != len(self.structure):
            raise TypeError(f"{self.name}: expected {len(self.structure)} arguments, got {len(args)}")
        try:
            given = matched(self.structure, args, "args")
        except ValueError as error:
            raise ValueError(f"{self.name}: {error}: trace it again for another structure") from None
        for k, (var, x) in enumerate(zip(self.inputs, given, strict=True)):
            value = raw(x)
            weak = type(value) in (bool, int, float, complex) and np.result_type(var.dtype, value) == var.dtype
            value = np.asarray(value, var.dtype if weak else None)
            if value.shape != var.shape or value.dtype != var.dtype:
                got = _kind(value.shape, value.dtype) if value.dtype.kind in "biufc" else type(x).__name__
                raise ValueError(
                    f"{self.name}: {var.name} was traced as {var.kind}, but got {got}: trace it again for other shapes "
                    "and dtypes"
                )
            given[k] = x if isinstance(x, Tensor) else value
        return given

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
            How many levels of those to open; a folded one is a single line.
        """
        head = f"{self.name}({', '.join(f'{v.name}: {v.kind}' for v in self.inputs)}):"
        if len(self) > LIMIT:
            counted = Counter(eq.row.name for eq in self.equations).most_common(8)
            body = [
                f"    {len(self)} equations, too many to print: {', '.join(f'{n} {row}' for row, n in counted)}"
            ]
        else:
            body = self._body(depth)
        if self.captured:
            body.insert(0, f"    # with {', '.join(f'{v.name}: {v.kind}' for v in self.captured)}")
        return "\n".join([head, *body, f"    return {', '.join(_written(x) for x in self.outputs)}"])

    def _body(self, depth: int | None) -> list[str]:
        lines: list[str] = []
        open_now: list[Any] = []
        for inner, run in self._folded(depth):
            path = inner[: len(inner) - isinstance(run, list)]
            shared = sum(
                1 for _ in takewhile(lambda pair: pair[0] is pair[1], zip(open_now, path, strict=False))
            )
            lines += ["    " * (k + 1) + f"# {label(path[: k + 1])}" for k in range(shared, len(path))]
            open_now = path
            indent = "    " * (len(path) + 1)
            lines.append(indent + (str(run) if isinstance(run, Equation) else self._call(inner[-1], run)))
        return lines

    def _folded(self, depth: int | None) -> Iterator[tuple[list[Any], Any]]:
        """Equations, or lists of those that a folded group holds, with the groups around them."""
        waiting: list[Equation] = []
        inside: list[Any] = []
        for eq in self.equations:
            path = groups(eq.node)
            cut = path if depth is None or len(path) <= depth else path[: depth + 1]
            if waiting and (cut is path or cut[-1] is not inside[-1]):
                yield inside, waiting
                waiting = []
            if cut is path:
                yield path, eq
            else:
                waiting, inside = [*waiting, eq], cut
        if waiting:
            yield inside, waiting

    def _call(self, group: Any, equations: Sequence[Equation]) -> str:
        """A folded group as one equation."""
        made = {v: None for eq in equations for v in eq.outputs}
        used = dict.fromkeys(
            x for eq in equations for x in eq.operands if isinstance(x, Var) and x not in made
        )
        here = set(map(id, equations))
        later = {x for eq in self.equations if id(eq) not in here for x in eq.operands if isinstance(x, Var)}
        out = [v for v in made if v in later or v in self.outputs]
        kinds = ", ".join(v.kind for v in out)
        call = f"{group.name}({', '.join(map(str, used))})"
        return f"{', '.join(map(str, out))} : {kinds} = {call}  # {len(equations)} equations"


def _kind(shape: Sequence[int], dtype: Any) -> str:
    return f"{dtype}[{','.join(map(str, shape))}]"


def groups(node: Node) -> list[Any]:
    """The composite calls and modules during which a node was recorded, outermost first."""
    path = []
    group = node.group
    while group is not None:
        path.append(group)
        group = group.outer
    return path[::-1]


def label(path: Sequence[Any]) -> str:
    """How a place inside modules is told: ``Net.hidden.0 (Linear)``; composite calls are the last words of it."""
    words = _words(path)
    last = plain(path[-1].name) if path else ""
    return ".".join(words) + (f" ({last})" if words and words[-1] != last else "")


def _words(path: Sequence[Any]) -> list[str]:
    words: list[str] = []
    outer = None
    for group in path:
        module = getattr(group, "module", None)
        own = None
        if module is not None and outer is not None:
            own = place_in(outer, module)
        words.append(plain(own or group.name))
        outer = module
    return words


def place_in(outer: Any, module: Any) -> str:
    """The path to a module inside another one, ``layers.0``; empty if it is not there."""
    known = _PLACES.setdefault(outer, {})
    word = known.get(id(module))
    if word is None or not _is_at(outer, word, module):  # it was built, or changed, since
        known.clear()
        for path, part in outer.named_modules():
            if path:
                known.setdefault(id(part), path)
        word = known.get(id(module), "")
    return word


_PLACES: weakref.WeakKeyDictionary[Any, dict[int, str]] = weakref.WeakKeyDictionary()


def _is_at(outer: Any, path: str, module: Any) -> bool:
    for word in path.split("."):
        outer = outer._modules.get(word) if outer is not None else None
    return outer is module


def qualified(nodes: Iterable[Node]) -> dict[Node, str]:
    """Names for parameters of modules that are called alike: ``weight_0`` and ``weight_2``, not ``weight`` twice."""
    users: dict[Node, Node] = {}
    for n in nodes:
        for p in n.parents:
            if p is not None and p.row is None and p.name is not None:
                users.setdefault(p, n)
    often = Counter(p.name for p in users)
    found: dict[Node, str] = {}
    for p, n in users.items():
        if often[p.name] == 1:
            continue
        path = [group for group in groups(n) if getattr(group, "module", None) is not None]
        words = ".".join(_words(path)[1:]).replace(".", "_") or (path[0].name if path else "")
        if words:
            found[p] = f"{p.name}_{words}"
    return found


def trace(f: Callable[..., Any], names: Mapping[str, Any] | None = None) -> Callable[..., Program]:
    """A function that runs `f` on example arguments and returns its :class:`Program`.

    Parameters
    ----------
    f : callable
        Of arrays or nested dicts, lists and tuples of them. A choice that depends on their values is refused; one that
        depends on shapes or on anything else is made once. Numbers drawn from a NumPy generator inside `f` become
        constants: a trace cannot see them.
    names : mapping of str to Tensor, optional
        Names for values; otherwise the arguments' and local variables' own, and short ones for what has none.

    Examples
    --------
    >>> import numpy as np, autograd_lite as ag
    >>> def loss(w, x):
    ...     e = np.exp(x * w)
    ...     return np.sum(e)
    >>> print(trace(loss)(np.ones(3), np.ones(3)))
    loss(w: float64[3], x: float64[3]):
        a : float64[3] = multiply(x, w)
        e : float64[3] = exp(a)
        b : float64[] = sum(e, axis=None, keepdims=False)
        return b
    """

    @wraps(f)
    def traced(*args: Any, **params: Any) -> Program:
        made = record(f, args, params, names)
        return _program(made, args)

    return traced


@dataclass(frozen=True, eq=False)
class Recording:
    """A function run once on examples, its inputs, its result, and what its values are called."""

    name: str
    inputs: tuple[Node, ...]  # in the order of the arguments' leaves
    result: Any
    names: Mapping[Node, str]  # each value at most once, no name twice
    arrays: Mapping[str, Any]  # arrays among the variables: constants of the program


def record(
    f: Callable[..., Any],
    args: Sequence[Any],
    params: Mapping[str, Any] | None = None,
    names: Mapping[str, Any] | None = None,
) -> Recording:
    """Run `f` with everything that depends on `args` written down.

    Names come from the arguments, then the local variables of `f`, then ``Tensor.name``, then `names`.
    """
    given = leaves(args)
    nodes = [_input(x) for x in given]
    tensors = [wrap(n.y, n) for n in nodes]
    for n, t in zip(nodes, tensors, strict=True):
        n.keeper = weakref.ref(t)  # so that backward() inside `f` leaves a gradient at it
    wrapped = rebuild(args, tensors)
    with untouched(f, args), changed(recording=True, group=None):
        result, variables = run(f, wrapped, params or {})
    outside = [*variables, *_captured(f), *(names or {}).items()]
    nodes_made = ancestors(_nodes_of(result), TRACED | NEEDS)[::-1]
    told = qualified(nodes_made)
    own = [
        *((told.get(n, n.name), n) for n in nodes_made if n.name),
        *((word, n) for n, word in assigned(nodes_made)),
    ]
    wish: dict[Node, str] = {}
    for word, value in [*_argument_names(f, wrapped), *variables, *own, *outside]:
        for node, full in [(value, word)] if isinstance(value, Node) else _named_nodes(word, value):
            if node is not None:
                wish.setdefault(node, full)
    found: dict[Node, str] = {}
    words = Names()
    for node in sorted(
        wish, key=lambda n: (n not in nodes, -n.order)
    ):  # of one variable's values the oldest first
        found[node] = words.take(plain(wish[node]) or "x")
    arrays: dict[str, Any] = {}
    for word, value in outside:
        if isinstance(value, np.ndarray) and word not in found.values():
            arrays.setdefault(word, value)
    return Recording(plain(getattr(f, "__name__", "f")), tuple(nodes), result, found, arrays)


def assigned(nodes: Iterable[Node]) -> list[tuple[Node, str]]:
    """The variables that results were assigned to, ``h = np.tanh(a)``: by the next instruction of the user's code."""
    found: dict[tuple[Any, ...], tuple[Node, str]] = {}
    for n in nodes:
        if n.code is None or n.parts is not None:
            continue
        word = _stores(n.code).get(n.at)
        if word is not None and not word.startswith("_"):
            outermost = next(iter(groups(n)), None)
            found[n.code, n.at, outermost if outermost is not None else n] = (
                n,
                word,
            )  # of a composite call its last step
    return list(found.values())


@lru_cache(maxsize=256)
def _stores(code: Any) -> dict[int, str]:
    """The instructions that are followed by an assignment to a variable, and to which."""
    found = {}
    for a, b in pairwise(dis.get_instructions(code)):
        word = next(iter(b.argval), None) if isinstance(b.argval, tuple) else b.argval  # Python 3.13 fuses two
        if b.opname.startswith(_STORES) and isinstance(word, str):
            # A call of a Python function is left at the end of its instruction, any other operation at its beginning.
            found.update(dict.fromkeys(range(a.offset, b.offset, 2), word))
    return found


_STORES = ("STORE_FAST", "STORE_NAME", "STORE_GLOBAL", "STORE_DEREF")


def _nodes_of(result: Any) -> list[Node]:
    return [t._node for t in leaves(result) if isinstance(t, Tensor) and t._node is not None and t._node.live]


class Names(set[str]):
    """The names that are taken. A variable may stand for several values in turn: they become x, x1, x2, …"""

    def __init__(self, taken: Iterable[str] = ()) -> None:
        super().__init__(taken)
        self._next: dict[str, int] = {}

    def take(self, wish: str) -> str:
        """`wish`, or the first of wish1, wish2, … that is free; taken from now on."""
        word, k = wish, self._next.get(wish, 1)
        while word in self:
            word, k = f"{wish}{k}", k + 1
        self._next[wish] = k
        self.add(word)
        return word


def _captured(f: Callable[..., Any]) -> list[tuple[str, Any]]:
    """The arrays and tensors that `f` takes from around it, by their names there."""
    try:
        around = inspect.getclosurevars(inspect.unwrap(f))
    except (TypeError, ValueError):
        return []
    return [*around.nonlocals.items(), *around.globals.items()]


def _input(x: Any) -> Node:
    data = np.asarray(raw(x))
    if data.dtype.kind not in "biufc":
        raise TypeError(
            f"trace: cannot follow an argument of type {type(x).__name__}: pass arrays and numbers, bind the rest"
        )
    live = TRACED | (NEEDS if data.dtype.kind in "fc" else 0)
    node = Node(None, (), (), data, data.shape, data.dtype, live)
    if isinstance(x, Tensor):
        node.name = x.name
    return node


def run(f: Callable[..., Any], args: Sequence[Any], params: Any) -> tuple[Any, list[tuple[str, Any]]]:
    """The result of `f`, and its local variables as they were when it returned (those that begin with _ left out)."""
    code = getattr(inspect.unwrap(f), "__code__", None)
    found: list[tuple[str, Any]] = []
    before = sys.getprofile()

    def watch(frame: Any, event: str, arg: Any) -> None:
        if event == "return" and frame.f_code is code:
            found[:] = frame.f_locals.items()  # of the outermost call, which returns last

    # cProfile may be read back but not set
    with at_exit(sys.setprofile, before) if before is None or callable(before) else at_exit(before.enable):
        sys.setprofile(watch)
        result = f(*args, **params)
    return result, [(word, value) for word, value in found if not word.startswith("_")]


def _argument_names(f: Callable[..., Any], args: Sequence[Any]) -> list[tuple[str, Any]]:
    try:
        bound = inspect.signature(f).bind(*args)
    except (TypeError, ValueError):  # a builtin, a ufunc: it has no signature to ask
        return [(f"x{k + 1}" if len(args) > 1 else "x", arg) for k, arg in enumerate(args)]
    named: list[tuple[str, Any]] = []
    for name, value in bound.arguments.items():
        starred = bound.signature.parameters[name].kind is inspect.Parameter.VAR_POSITIONAL
        named += [(f"{name}{k + 1}", part) for k, part in enumerate(value)] if starred else [(name, value)]
    return named


def _named_nodes(name: str, value: Any) -> Iterator[tuple[Node | None, str]]:
    """The nodes in a named value; those inside a tree are called after their place in it."""
    if isinstance(value, Tensor):
        yield value._node, name
    elif isinstance(value, Mapping):
        for key, part in value.items():
            yield from _named_nodes(
                key if isinstance(key, str) and key.isidentifier() else f"{name}_{key}", part
            )
    elif isinstance(value, (list, tuple)):
        for k, part in enumerate(value):
            yield from _named_nodes(f"{name}{k + 1}", part)


def short_names(taken: Iterable[str]) -> Iterator[str]:
    """a, b, …, z, a1, b1, … without those already in use."""
    used = set(taken)
    for k in count():
        for letter in ascii_lowercase:
            name = f"{letter}{k or ''}"
            if name not in used:
                yield name


def _inside(roots: Iterable[Node], start: int) -> dict[Node, None]:
    """What a program computes, oldest first: all that depends on its inputs, or on Tensors from outside that need a
    gradient.
    """
    found: dict[Node, None] = {}
    for n in ancestors([n for n in roots if n.live and n.order <= start], TRACED | NEEDS, start)[::-1]:
        above = [p for p in n.parents if p is not None]
        if n.live & TRACED or any(p in found or p.live & NEEDS and p.order > start for p in above):
            found[n] = None
    return found


def _program(made: Recording, args: Any) -> Program:
    found = [t._node if isinstance(t, Tensor) else None for t in leaves(made.result)]
    start = made.inputs[0].order if made.inputs else next_order()  # what is older comes from around the function
    nodes = _inside([n for n in found if n is not None], start)
    fresh = short_names(made.names.values())
    variables = {n: Var(made.names.get(n) or next(fresh), n.shape, n.dtype) for n in made.inputs}
    results: dict[
        tuple[Node | None, int], list[Node]
    ] = {}  # of rows with several: the nodes that take one out
    for n in nodes:
        if n.parents and n.parents[0] is not None and n.parents[0].parts is not None:
            results.setdefault((n.parents[0], n.params["index"]), []).append(n)
    equations = []
    captured = {}
    for p in dict.fromkeys(p for p in (*(p for n in nodes for p in n.parents), *found) if p is not None):
        if p in nodes or p in variables:
            continue
        if p.live & NEEDS and p.order > start or p.row is None and p in made.names:
            variables[p] = Var(made.names.get(p) or next(fresh), p.shape, p.dtype)
            owner = p.keeper() if p.row is None and p.keeper is not None else None
            captured[variables[p]] = wrap(value_of(p), p) if owner is None else owner
    for n in nodes:
        if n.row is None or n in variables:
            continue
        if (
            n.row.name == "input" and n.parents[0] in variables
        ):  # where a transform inside begins: the value itself
            variables[n] = variables[n.parents[0]]
            continue
        made_here = []
        for k, (shape, dtype) in enumerate(n.parts or ((n.shape, n.dtype),)):
            places = results.get((n, k), []) if n.parts else [n]
            word = next((made.names[p] for p in places if p in made.names), None)
            made_here.append(Var(word or next(fresh), shape, dtype))
            variables.update(dict.fromkeys(places, made_here[-1]))
        operands = tuple(
            x if p is None else variables[p] if p in variables else value_of(p)
            for p, x in zip(n.parents, n.xs, strict=True)
        )
        equations.append(Equation(tuple(made_here), n.row, operands, n.params, n))
    outputs = tuple(
        variables[n] if n is not None and n in variables else raw(t)
        for n, t in zip(found, leaves(made.result), strict=True)
    )
    inputs = tuple(variables[n] for n in made.inputs)
    return Program(
        made.name,
        inputs,
        tuple(equations),
        outputs,
        captured,
        rebuild(args, inputs),
        tree_map(lambda t: 0, made.result),
    )


def _written(x: Any) -> str:
    if isinstance(x, Var):
        return x.name
    if isinstance(x, np.ndarray):
        return repr(x.tolist()) if x.size <= 6 else f"array{list(x.shape)}"
    return repr(x)


class _Callable(ModuleType):
    """This room and its main function have one name: ``ag.trace`` traces, whichever was imported first."""

    def __call__(self, f: Callable[..., Any], names: Mapping[str, Any] | None = None) -> Callable[..., Program]:
        return trace(f, names)


sys.modules[__name__].__class__ = _Callable
