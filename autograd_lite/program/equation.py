"""Equations over rows of the table: a variable, one operation, and where it comes from.

An operand is a :class:`Var`, or a constant: an array, or a Python number, which is weakly typed as in NumPy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import prod
from types import FunctionType
from typing import Any, NamedTuple

import numpy as np

from ..engine.context import no_grad
from ..engine.node import Params, Shape, Values, source_line
from ..engine.record import record
from ..table import Primitive

COMPARED = 64  # entries of constants that are compared by value

#: The rows whose results have sizes that values decide, as ``x[mask]`` has.
SIZED_BY_VALUES = frozenset(
    ("argwhere", "bincount", "common_positions", "flatnonzero", "nonzero", "unique_positions")
)


@dataclass(eq=False, slots=True)  # not frozen, which would take three times as long to make
class Var:
    """A value in a program.

    Attributes
    ----------
    name : str
    shape : tuple of int
    dtype : numpy.dtype

    Examples
    --------
    >>> import autograd_lite as ag
    >>> v = ag.trace(lambda x: ag.sin(x))(2.0).inputs[0]
    >>> v.name, v.shape, v.dtype
    ('x', (), dtype('float64'))
    """

    name: str
    shape: Shape
    dtype: Any

    def __str__(self) -> str:
        return self.name

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        return prod(self.shape)

    @property
    def kind(self) -> str:
        """``float64[3,4]``."""
        return kind(self.shape, self.dtype)


#: What an equation is applied to: a variable or a constant.
Operand = Var | np.ndarray | np.generic | bool | int | float | complex


class Origin(NamedTuple):
    """Where an equation comes from.

    Attributes
    ----------
    code, at
        The user's line: a code object, or None, and an instruction offset in it.
    group : Group or None
        The innermost composite call or module that it belongs to.
    requires_grad : bool
        Whether it was recorded for derivatives: not under no_grad(), nor on integers.
    scaled : tuple of (int, int)
        The operands that are a factor of what stands in the line, ``X`` of ``(s * X) @ W``, and which factor.
    """

    code: Any = None
    at: int = 0
    group: Any = None
    requires_grad: bool = True
    scaled: tuple[tuple[int, int], ...] = ()

    @property
    def line(self) -> str:
        """``file:line`` of the user's code, or ''."""
        return source_line(self.code, self.at)


@dataclass(eq=False, slots=True)  # not frozen, which would take three times as long to make
class Equation:
    """``outputs = row(*operands, **params)``.

    Attributes
    ----------
    outputs : tuple of Var
        One, unless the row has several results.
    row : Primitive
        The operation, a row of the table.
    operands : tuple
        A :class:`Var` each, or a constant.
    params : dict
        The keyword parameters, in canonical form.
    origin : Origin
        Where it comes from: ``origin.line`` is the line of the user's code.

    Examples
    --------
    >>> import autograd_lite as ag
    >>> equation = ag.trace(lambda x: ag.sin(x) + 1)(2.0).equations[0]
    >>> equation.row, [v.name for v in equation.operands]
    (<elementwise sin>, ['x'])
    """

    outputs: tuple[Var, ...]
    row: Primitive
    operands: Values
    params: Params
    origin: Origin = field(default=Origin(), repr=False)

    @property
    def group(self) -> Any:
        """The innermost composite call or module that it belongs to, or None."""
        return self.origin.group

    @property
    def code(self) -> Any:
        """The code of the user's line, or None."""
        return self.origin.code

    @property
    def algebra(self) -> str | None:
        """The option of this name of its row."""
        return self.row.algebra

    @property
    def y(self) -> Var:
        """Its result, or the first of several."""
        return self.outputs[0]

    @property
    def x(self) -> Any:
        """Its first operand."""
        return self.operands[0]

    @property
    def reads(self) -> list[Var]:
        """The variables among its operands."""
        return [x for x in self.operands if isinstance(x, Var)]

    @property
    def is_random(self) -> bool:
        """Whether it draws random numbers, which are never drawn again."""
        return "generator" in self.params

    @property
    def is_sized_by_values(self) -> bool:
        """True if values decide the shapes of its results."""
        return self.row.name in SIZED_BY_VALUES

    @property
    def shape(self) -> Shape:
        """The shape of its result; ``()`` if there are several."""
        return () if self.row.outputs else self.y.shape

    def shape_of(self, k: int) -> Shape:
        """The shape of operand `k`."""
        return np.shape(self.operands[k])

    @property
    def shapes(self) -> tuple[Shape, ...]:
        """The shapes of the operands."""
        return tuple(map(np.shape, self.operands))

    @property
    def dtypes(self) -> Values:
        """The dtypes of the operands."""
        return tuple(x.dtype if isinstance(x, Var) else np.result_type(x) for x in self.operands)

    def substituted(self, values: Mapping[Var, Any]) -> Equation:
        """The equation with others in the place of some of the variables that it reads."""
        operands = tuple(values.get(x, x) if isinstance(x, Var) else x for x in self.operands)
        return replace(self, operands=operands)

    def __str__(self) -> str:
        return self.text({})

    def text(self, constants: Mapping[int, str]) -> str:
        """The equation written out; `constants` has names of arrays by their id."""
        names = ", ".join(v.name for v in self.outputs)
        kinds = ", ".join(v.kind for v in self.outputs)
        arguments = [constants.get(id(x)) or shown(x) for x in self.operands]
        arguments += [f"{k}={shown(v)}" for k, v in self.params.items()]
        return f"{names} : {kinds} = {self.row.name}({', '.join(arguments)})"


def looked_up(values: Mapping[Any, Any], xs: Sequence[Any]) -> list[Any]:
    """The values of variables, and constants themselves."""
    return [values[x] if isinstance(x, Var) else x for x in xs]


def computed(eq: Equation, xs: Sequence[Any]) -> Any:
    """The result of an equation on arrays."""
    return eq.row.fn(*xs, **eq.params)


def recorded(eq: Equation, xs: Sequence[Any]) -> Any:
    """The result of an equation on Tensors, recorded as it was when it was traced."""
    if eq.origin.requires_grad:
        return record(eq.row, xs, eq.params)
    with no_grad():  # computed without a gradient: under no_grad(), or on integers
        return record(eq.row, xs, eq.params)


def kind(shape: Sequence[int], dtype: np.dtype[Any]) -> str:
    return f"{dtype}[{','.join(map(str, shape))}]"


def shown(x: object) -> str:
    if isinstance(x, Var):
        return x.name
    if isinstance(x, np.ndarray):
        return repr(x.tolist()) if x.size <= 6 else f"array{list(x.shape)}"
    return repr(x)


def key_of(x: object, compared: int = COMPARED) -> Any:
    """A key of an operand or of parameters: equal for equal ones, and for other objects and arrays of more than
    `compared` entries if they are the same one.
    """
    if isinstance(x, Var):
        return x
    if isinstance(x, (np.ndarray, np.generic)) and x.size <= compared:
        return type(x), x.shape, x.dtype, x.tobytes()
    if isinstance(x, (tuple, list)):
        return type(x), *(key_of(part, compared) for part in x)
    if isinstance(x, dict):
        return frozenset((k, key_of(part, compared)) for k, part in x.items())
    if isinstance(x, slice):
        return slice, x.start, x.stop, x.step
    if isinstance(x, (int, float, complex, str, bool, np.dtype, type(None))):
        return type(x), repr(x)
    return x if isinstance(type(x).__hash__, FunctionType) else id(x)  # a place in an index
