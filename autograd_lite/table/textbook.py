"""How a textbook writes a step and its derivatives, where that is not the rule that the engine runs.

A `Textbook` is an option of a row (``row.attach(textbook=...)``), or of a function of `nn.functional`
(``@step(textbook=...)``), whose whole call is then one step of a derivation. Its formulas are Python expressions, so
one text is the plain text, the LaTeX, and what the tests evaluate and compare with the engine::

    softmax.attach(textbook=Textbook(
        "softmax(x)",
        x="y * (g - sum(g * y, axis))",
        jacobian="y[i] * (delta[i, j] - y[j])",
    ))

They are interpreted by :mod:`autograd_lite.derive.textbook_parser`, never executed. They may use

- the arguments: ``x``, ``x1``, ``x2``, … of a row, the names of its parameters for a function; keyword parameters
  (``axis``, ``eps``); ``y``, the result; ``g``, the gradient with respect to it, which is written ``dL/dP`` if the
  result is called ``P``;
- names defined in `where`, such as ``xhat``, and ``n``, the number of entries of the first argument's first axis;
- numbers, ``+ - * / ** @``, ``.T``, comparisons (written ``1[z > 0]``), and the rows of the table, by name. A sum or a
  mean along an axis keeps it: ``sum(g * y, axis)`` is written Σⱼ gⱼ yⱼ and broadcasts;
- notations that are not rows, such as ``onehot(t, k)``: see `notation`.

Where the form depends on the call, the option is a function of the operands (what is computed is a variable with a
shape) and the keyword parameters, and where there are several results, a tuple with a form for each.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np


class Notation(NamedTuple):
    """A function that textbooks have a symbol for, but NumPy has no name.

    Attributes
    ----------
    text, tex : str
        Templates, as those of a row: ``"{x1} ⋆ {x2}"``.
    fn : callable or None
        Its value; None where a formula with it cannot be evaluated.
    mirror : str
        The row that does the same from the other end of the axis.
    rows : bool
        Whether `fn` can be recorded: it is written with functions that have rows.
    entrywise : bool
        Whether it is an operation on the entries of arrays that broadcast.
    """

    name: str
    text: str
    tex: str
    fn: Callable[..., Any] | None
    mirror: str = ""
    rows: bool = False
    entrywise: bool = False


NOTATIONS: dict[str, Notation] = {}  # by name


def notation(
    name: str, text: str, tex: str, fn: Callable[..., Any] | None = None, mirror: str = "", rows: bool = False,
    entrywise: bool = False,
) -> Notation:
    """Define a notation, for the formulas of `Textbook`.

    >>> norm = notation("norm_example", "|{0}|", "|{0}|")
    """
    NOTATIONS[name] = entry = Notation(name, text, tex, fn, mirror, rows, entrywise)
    return entry


def _onehot(labels: Any, classes: int, axis: int = -1) -> Any:
    """A row for each label, with a one at its index."""
    rows = np.equal(np.expand_dims(labels, -1), np.arange(classes)).astype(float)
    return np.moveaxis(rows, -1, axis)


notation("onehot", "onehot({x1})", r"\operatorname{{onehot}}({x1})", _onehot, rows=True)


Forms: TypeAlias = "str | tuple[str, ...]"  # one formula, or several of which one is chosen


class Textbook:
    """The form of a step and of its derivatives in a textbook; see the top of this file.

    Parameters
    ----------
    forward : str, optional
        What the step computes, where that is not a call of the row; of several forms the first that is a number.
    where : mapping of str to str, optional
        What additional names stand for, each in terms of those before it: ``{"mu": "mean(x, 0)"}``.
    jacobian : str, optional
        The derivative of entry i with respect to entry j of the first argument, for one vector, where that has a known
        form.
    closed : sequence of str
        Forms that the gradient of a whole function may have with respect to the first argument, in terms of its value
        alone, with ``z`` for ``solve(x, b)``, where b stands in equations ``solve(y, b)``; one that does not have the
        gradient's value is not written.
    note, kink : str
        What is said beside a line with it: always, and where an argument is at one of the row's `kinks`.
    **gradients : str or tuple of str
        For each argument the gradient with respect to it. One that is ``g * something`` is written as the factor. Of
        several the first is written that has the value of the rule: those after it are for ties.

    Examples
    --------
    >>> relu = Textbook("relu(x)", x="g * (x > 0)")
    """

    opened = False

    def __init__(
        self, forward: Forms = "", *, where: Mapping[str, str] | None = None, jacobian: str | None = None,
        closed: Sequence[str] = (), note: str = "", kink: str = "", **gradients: Forms,
    ) -> None:
        self.forward = forward
        self.where = dict(where or {})
        self.jacobian = jacobian
        self.closed, self.note, self.kink = closed, note, kink
        self.gradients = gradients

    def __repr__(self) -> str:
        return f"<Textbook {self.forward}>"


class Opened(Textbook):
    """A formula through which a derivation goes as if the user had written it; the call is no step."""

    opened = True


#: A textbook, or a function that makes it from the arguments of the call, by the names of its parameters. A node stands
#: for each Tensor; None means that the call is not a known step.
Stated: TypeAlias = "Textbook | Callable[..., Textbook | None]"
