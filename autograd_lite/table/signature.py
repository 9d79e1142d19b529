"""The parameters of a rule say what it needs. This is the one place that reads them.

====================  ===============================================================
``g``                 the cotangent of the result (a tuple where there are several results)
``y``                 the result (likewise)
``x``, ``x1, x2, …``  the array arguments (``x`` is ``x1``)
``xs``                all of them, for a row that takes a list of arrays
``i``                 which of them the rule is for
``x_shape``, …        their shapes (also ``x1_shape``, ``x2_shape``, ``xs_shape``, ``y_shape``): no array is kept
``x_dtype``           the dtype of the first: likewise
``params``            all keyword parameters, as a dict
anything else         a keyword parameter of the function, by NumPy's name, in canonical form
====================  ===============================================================

Examples
--------
>>> read(lambda g, x2, axis: ..., "example", 2, {"axis": True})
(Slot('g', -1, 'g'), Slot('x', 1, 'x2'), Slot('param', -1, 'axis'))
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from types import FunctionType
from typing import Any

Y = 1  # the bit for "a rule needs the result"; argument k has the bit 2 << k
ALL = ~Y  # every argument
_ARGUMENT = re.compile(r"x(\d*)(_shape)?$")
_BY_NAME = {name: name for name in ("g", "y", "y_shape", "x_dtype", "xs_shape", "params")}


class Slot:
    """One parameter of a rule: what goes there.

    Attributes
    ----------
    kind : str
        ``g y x xs i x_shape y_shape xs_shape x_dtype params param``.
    k : int
        Which argument, for the kinds ``x`` and ``x_shape``; otherwise -1.
    name : str
        The parameter as it is written.
    """

    __slots__ = ("k", "kind", "name")

    def __init__(self, kind: str, k: int, name: str) -> None:
        self.kind, self.k, self.name = kind, k, name

    def __repr__(self) -> str:
        return f"Slot({self.kind!r}, {self.k}, {self.name!r})"


def parameters(fn: Callable[..., Any]) -> dict[str, bool]:
    """The names of a function's parameters, and whether each has a default: `inspect.signature`, ten times faster."""
    if not isinstance(fn, FunctionType) or hasattr(fn, "__signature__") or hasattr(fn, "__wrapped__"):
        return {p.name: p.default is not p.empty for p in inspect.signature(fn).parameters.values()}
    code = fn.__code__
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    optional = {*names[code.co_argcount - len(fn.__defaults__ or ()) : code.co_argcount], *(fn.__kwdefaults__ or ())}
    return {name: name in optional for name in names}


def read(
    rule: Any, row: str, count: int, params: Mapping[str, Any], variadic: bool = False, bound: bool = True, i: int = 0
) -> tuple[Slot, ...]:
    """The values that a rule asks for, in the order of its parameters.

    Parameters
    ----------
    rule : callable or anything
        A partial derivative that is a number asks for nothing.
    row : str
        The name of its row, for the error message.
    count : int
        How many arguments the row has.
    params : mapping
        The keyword parameters of the row, by name.
    variadic : bool
        Whether the row takes any number of arrays.
    bound : bool
        Whether the row has a `bind`. Without one it has no keyword parameters, and a parameter with a default, as in
        ``lambda g, k=k: ...``, keeps its default.
    i : int
        The argument that the rule is for.

    Raises
    ------
    TypeError
        If it asks for something that does not exist.
    """
    slots = []
    for name, optional in (parameters(rule) if callable(rule) else {}).items():
        match = _ARGUMENT.match(name)
        k = int(match[1] or 1) - 1 if match else -1
        if name in _BY_NAME:
            slots.append(Slot(_BY_NAME[name], -1, name))
        elif variadic and name in ("xs", "i"):
            slots.append(Slot(name, -1, name))
        elif match and 0 <= k < count:
            slots.append(Slot("x_shape" if match[2] else "x", k, name))
        elif optional and not bound:
            continue
        elif name in params or optional:
            slots.append(Slot("param", -1, name))
        else:
            allowed = ["g", "y", *(f"x{j + 1}" for j in range(count)), *sorted(params)]
            raise TypeError(
                f"{row}: the rule for argument {i + 1} asks for {name!r}; it may ask for {', '.join(allowed)}, "
                "and the shapes of these (x1_shape, y_shape)"
            )
    return tuple(slots)


def is_slot(name: str) -> bool:
    """True if a parameter of this name stands for the cotangent, the result, an argument or a shape."""
    return name in _BY_NAME or bool(_ARGUMENT.match(name))


def kept(slots: Sequence[Slot]) -> int:
    """The bits of the arrays that have to be kept for the backward pass."""
    bits = 0
    for slot in slots:
        if slot.kind in ("y", "xs", "x"):
            bits |= Y if slot.kind == "y" else ALL if slot.kind == "xs" else 2 << slot.k
    return bits


#: By kind of slot, the argument in the call of a rule, given ``g, y, xs`` and the node ``n``.
_WRITTEN = {
    "g": "g", "y": "y", "xs": "xs", "y_shape": "n.shape", "xs_shape": "n.shapes", "x_dtype": "n.dtypes[0]",
    "x": "xs[{k}]", "x_shape": "n.shape_of({k})", "params": "n.params", "param": "n.params[{name!r}]", "i": "{i}",
}


def call(slots: Sequence[Slot], i: int) -> str:
    """The call of a rule, as it is written into the function that the backward pass runs.

    Examples
    --------
    >>> call(read(lambda g, x2, axis: ..., "example", 2, {"axis": True}), 0)
    "rule(g, xs[1], n.params['axis'])"
    """
    return f"rule({', '.join(_WRITTEN[s.kind].format(k=s.k, name=s.name, i=i) for s in slots)})"
