"""The thing to draw: a result, a function to be run, a module, or a traced program; each becomes nodes with names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..base.tree import leaves
from ..engine.node import Node
from ..engine.value import wrap
from ..program import Program, Var
from ..program.capture import capture
from ..program.graph import graph_of
from ..tensor import Tensor


@dataclass(frozen=True)
class Subject:
    """The results to draw, oldest last.

    Attributes
    ----------
    roots : tuple of Node
    names : mapping
        The user's names of tensors and arrays.
    claimed : mapping of Node to str
        Names from a trace or a module.
    places : mapping
        For a module: each of its submodules with its path.
    is_loss : bool
        Whether the result is a loss.
    """

    roots: tuple[Node, ...]
    names: Mapping[str, Any]
    claimed: Mapping[Node, str] = field(default_factory=dict)
    places: Mapping[Any, str] = field(default_factory=dict)
    is_loss: bool = True

    @property
    def root(self) -> Tensor:
        return wrap(self.roots[0].y, self.roots[0])


def has_one_entry(n: Node | Var) -> bool:
    """Whether a result is one number, whose gradients are taken."""
    return n.shape in ((), (1,), (1, 1))


def subject_of(
    what: Any, args: tuple[Any, ...], names: Mapping[str, Any] | None, loss: Callable[..., Any] | None
) -> Subject:
    """The subject from the arguments of `draw`.

    Raises
    ------
    TypeError
        If it cannot be drawn, or arguments are missing.
    ValueError
        If nothing was recorded.
    """
    names = dict(names or {})
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
        return Subject((what._node,), names)
    if isinstance(what, Program):
        return _of_program(what, names)
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
    what: Callable[..., Any], args: tuple[Any, ...], names: dict[str, Any], loss: Callable[..., Any] | None
) -> Subject:
    is_module = hasattr(what, "named_parameters") and hasattr(what, "named_modules")
    f = _named(what, loss, len(args)) if is_module else what
    made = capture(f, args, None, names)
    claimed = dict(made.names)
    places: dict[Any, str] = {}
    if is_module:
        places = {m: path for path, m in what.named_modules()}  # type: ignore[attr-defined]  # is_module
        for path, p in what.named_parameters():  # type: ignore[attr-defined]  # is_module
            claimed[p._node] = path
    found = [t._node for t in leaves(made.result) if isinstance(t, Tensor)]
    roots = tuple(dict.fromkeys(n for n in found if n is not None and n.row is not None and n.live))
    if not roots:
        raise ValueError(f"draw: {getattr(f, '__name__', 'the function')} computes nothing from its arguments")
    known = {**made.arrays, **names}
    return Subject(roots, known, claimed, places, is_loss=not is_module or loss is not None)


def _named(module: Callable[..., Any], loss: Callable[..., Any] | None, count: int) -> Callable[..., Any]:
    """A module and the loss of its result as one function of arguments called x and y."""
    if loss is not None:
        apply = loss
        return (lambda x: apply(module(x))) if count == 1 else (lambda x, y, *more: apply(module(x), y, *more))
    return (lambda x: module(x)) if count == 1 else (lambda *x: module(*x))


def _of_program(program: Program, names: Mapping[str, Any]) -> Subject:
    values = graph_of(program)
    outputs = dict.fromkeys(values[x]._node for x in program.outputs if isinstance(x, Var))
    roots = tuple(n for n in outputs if n is not None and n.row is not None)
    if not roots:
        raise ValueError(f"draw: {program.name} does not compute anything from its arguments")
    return Subject(roots, names, {t._node: v.name for v, t in values.items() if t._node is not None})
