"""The thing to draw: a result, a function to be run, a module, or a traced program; each becomes a program."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..base.tree import leaves
from ..engine.node import TRACED, Function, Values
from ..engine.value import live_of
from ..program import Equation, Program, Var
from ..program.naming import short_names
from ..program.program import program_of, traced_program
from ..tensor import Tensor


@dataclass(frozen=True)
class Subject:
    """The program to draw.

    Attributes
    ----------
    program : Program
        Its outputs are the results to draw, variables only.
    variables : mapping of Node to Var
        Of the recorded values, if it was made from them.
    places : mapping
        For a module: each of its submodules with its path.
    is_loss : bool
        Whether the result is a loss.
    learned : set of Var
        The arguments that were Tensors with ``requires_grad=True``.
    """

    program: Program
    variables: Mapping[Any, Var] = field(default_factory=dict)
    places: Mapping[Any, str] = field(default_factory=dict)
    is_loss: bool = True
    learned: frozenset[Var] = frozenset()

    @property
    def root(self) -> Var:
        """The first result."""
        root: Var = self.program.outputs[0]
        return root

    def names(self, every: bool = False) -> dict[Var, str]:
        """The user's names and that of the result; with `every` the other values get letters."""
        program = self.program
        names = {v: v.name for v in program.variables if v in program.named}
        taken = {*names.values(), *program.constants}
        if self.root not in names:  # as in the notation of the chain rule
            words = ("L", "loss") if self.is_loss else ("y", "output")
            names[self.root] = next((w for w in words if w not in taken), "result")
        if every:
            fresh = short_names([*taken, *names.values(), "g", "d", "l", "np"])
            defined = program.defined
            others = sorted(program.variables, key=lambda v: v not in defined)  # first what is computed
            names |= {v: next(fresh) for v in others if v not in names}
        return names

    def is_parameter(self, v: Var) -> bool:
        """Whether a value is an input that is trained."""
        t = self.program.captured.get(v)
        return v in self.learned or t is not None and t.requires_grad and not live_of(t) & TRACED

    def kind(self, v: Var) -> str:
        """What the box of a value is."""
        if v in self.program.outputs:
            return "loss" if self.is_loss and v is self.root and has_one_entry(v) else "result"
        if self.is_parameter(v):
            return "parameter"
        if v not in self.program.captured:
            return "input" if v in self.program.inputs else "result"
        t = self.program.captured[v]
        return "input" if v in self.program.named or live_of(t) else "constant"


def has_one_entry(v: Var) -> bool:
    """Whether a result is one number, whose gradients are taken."""
    return v.shape in ((), (1,), (1, 1))


def origin_of(eq: Equation | None, given: Tensor | None) -> str:
    """The user's file, without its folder, and the line where a value was computed or given; "" if it is not known."""
    line = eq.origin.line if eq is not None else "" if given is None or given._node is None else given._node.origin
    return line.replace("\\", "/").rpartition("/")[2]


def subject_of(
    what: Any, args: Values, names: Mapping[str, Any] | None, loss: Function | None
) -> Subject:
    """The subject from the arguments of `draw`.

    Raises
    ------
    TypeError
        If it cannot be drawn, or arguments are missing.
    ValueError
        If nothing was recorded.
    """
    if isinstance(names, (str, Path)) or args and isinstance(args[0], (str, Path)):
        path = str(names if isinstance(names, (str, Path)) else args[0])
        raise TypeError(f"draw: {path!r} is not a mapping of names. To write a file: .draw().save({path!r})")
    if isinstance(what, Tensor):
        if args:
            raise TypeError(
                "draw: expected a tensor without further arguments; to run a function, pass the function itself"
            )
        if what._node is None or what._node.row is None or not what._node.live:
            raise ValueError(
                f"draw: nothing was recorded for {'this tensor' if what.name is None else repr(what.name)}: "
                "make its inputs with requires_grad=True, or pass the function and its arguments, draw(f, x)"
            )
        return Subject(*program_of(what, names))
    if isinstance(what, Program):
        printed = replace(what, named=frozenset(what.variables))  # with the names that it is printed with
        return Subject(_with_results(printed, what.name, names))
    if not callable(what):
        raise TypeError(
            "draw: expected a Tensor, a function with its arguments, a module or a traced program, got "
            f"{type(what).__name__}"
        )
    if not args:
        shown = getattr(what, "__name__", type(what).__name__)
        raise TypeError(f"draw: {shown} has to run once to be drawn: pass example arguments, draw({shown}, x)")
    return _of_call(what, args, names, loss)


def _of_call(
    what: Function, args: Values, names: Mapping[str, Any] | None, loss: Function | None
) -> Subject:
    is_module = hasattr(what, "named_parameters") and hasattr(what, "named_modules")
    f = _named(what, loss, len(args)) if is_module else what
    program = _with_results(traced_program(f, args, names, whole=True), getattr(f, "__name__", "the function"), names)
    pairs = zip(program.inputs, leaves(args), strict=True)
    learned = frozenset(v for v, x in pairs if isinstance(x, Tensor) and x.requires_grad)
    if not is_module:
        return Subject(program, learned=learned)
    places = {m: path for path, m in what.named_modules()}  # type: ignore[attr-defined]  # is_module
    paths = {id(p): path for path, p in what.named_parameters()}  # type: ignore[attr-defined]  # is_module
    trained = {v: path for v, t in program.captured.items() if (path := paths.get(id(t))) is not None}
    for v, path in trained.items():
        v.name = path
    program = replace(program, named=program.named.union(trained))
    return Subject(program, places=places, is_loss=loss is not None, learned=learned)


def _with_results(program: Program, word: str, names: Mapping[str, Any] | None) -> Program:
    """The program with each computed result once, and the names of the constants."""
    defined = program.defined
    outputs = tuple(dict.fromkeys(x for x in program.outputs if isinstance(x, Var) and x in defined))
    if not outputs:
        raise ValueError(f"draw: {word} computes nothing from its arguments")
    arrays = {w: x for w, x in (names or {}).items() if not isinstance(x, Tensor)}
    return replace(program, outputs=outputs, constants={**program.constants, **arrays})


def _named(module: Function, loss: Function | None, count: int) -> Function:
    """A module and the loss of its result as one function of arguments called x and y."""
    if loss is not None:
        apply = loss
        return (lambda x: apply(module(x))) if count == 1 else (lambda x, y, *more: apply(module(x), y, *more))
    return (lambda x: module(x)) if count == 1 else (lambda *x: module(*x))
