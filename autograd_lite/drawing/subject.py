"""What is to be drawn: a loss, a function not yet run, a module, a traced program. All end as nodes and
their names.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..base.tree import leaves
from ..engine.node import Node
from ..engine.value import wrap
from ..tensor import Tensor
from ..tracing.capture import capture
from ..tracing.program import Program, Var


@dataclass(frozen=True)
class Subject:
    """The results to draw, oldest last.

    Attributes
    ----------
    roots : tuple of Node
    names : mapping
        What the user has told: names of tensors and arrays.
    claimed : mapping of Node to str
        Names that a trace or a module knows.
    places : mapping
        Of a module: each of its parts and the path to it.
    is_loss : bool
        Whether the result is there to be differentiated.
    """

    roots: tuple[Node, ...]
    names: Mapping[str, Any]
    claimed: Mapping[Node, str] = field(default_factory=dict)
    places: Mapping[Any, str] = field(default_factory=dict)
    is_loss: bool = True

    @property
    def root(self) -> Tensor:
        return wrap(self.roots[0].y, self.roots[0])


def subject_of(
    what: Any, args: tuple[Any, ...], names: Mapping[str, Any] | None, loss: Callable[..., Any] | None
) -> Subject:
    """Read what the user gave to `draw`.

    Raises
    ------
    TypeError
        If it is nothing that can be drawn, or arguments are missing.
    ValueError
        If nothing was recorded.
    """
    names = dict(names or {})
    if isinstance(what, Tensor):
        if args:
            raise TypeError(
                "draw: a tensor is drawn as it was computed and takes no further arguments; give draw() "
                "the function to run it"
            )
        if what._node is None or what._node.row is None or not what._node.live:
            raise ValueError(
                f"draw: nothing was recorded for {'this tensor' if what.name is None else repr(what.name)}: "
                "make its inputs with requires_grad=True, or give draw() the function and its arguments, "
                "draw(f, x)"
            )
        return Subject((what._node,), names)
    if isinstance(what, Program):
        return _of_program(what, names)
    if not callable(what):
        raise TypeError(
            "draw: expected a Tensor, a function with its arguments, a module or a traced program, not "
            f"{type(what).__name__}"
        )
    if not args:
        shown = getattr(what, "__name__", type(what).__name__)
        raise TypeError(f"draw: to draw {shown} it has to run once: draw({shown}, x) with example arguments")
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
        places = {m: path for path, m in what.named_modules()}  # type: ignore[attr-defined]  # asked above
        for path, p in what.named_parameters():  # type: ignore[attr-defined]  # asked above
            claimed[p._node] = path
    found = [t._node for t in leaves(made.result) if isinstance(t, Tensor)]
    roots = tuple(dict.fromkeys(n for n in found if n is not None and n.row is not None and n.live))
    if not roots:
        raise ValueError(
            f"draw: {getattr(f, '__name__', 'the function')} computes nothing from its arguments to be drawn"
        )
    known = {**made.arrays, **names}
    return Subject(roots, known, claimed, places, is_loss=not is_module or loss is not None)


def _named(module: Callable[..., Any], loss: Callable[..., Any] | None, count: int) -> Callable[..., Any]:
    """A module, and what is applied to its result, as a function whose arguments are called as in books: x,
    and y.
    """
    if loss is not None:
        apply = loss
        return (
            (lambda x: apply(module(x))) if count == 1 else (lambda x, y, *more: apply(module(x), y, *more))
        )
    return (lambda x: module(x)) if count == 1 else (lambda *x: module(*x))


def _of_program(program: Program, names: Mapping[str, Any]) -> Subject:
    made: dict[str, Node] = {}
    for eq in program.equations:
        for x, p in zip(eq.operands, eq.node.parents, strict=True):
            if isinstance(x, Var) and p is not None:
                made.setdefault(x.name, p)
        if len(eq.outputs) == 1:
            made[eq.outputs[0].name] = eq.node
    found = dict.fromkeys(made[x.name] for x in program.outputs if isinstance(x, Var) and x.name in made)
    roots = tuple(n for n in found if n.row is not None)
    if not roots:
        raise ValueError(f"draw: {program.name} does not compute anything from its arguments")
    return Subject(roots, names, {node: word for word, node in made.items()})
