"""A function of Tensors or arrays, computed in other ways: near a point, without recording, and backwards."""

from __future__ import annotations

from typing import Any

from ..base.tree import tree_map
from ..engine.context import no_grad
from ..engine.operands import raw
from ..table.surrogate import NearPoint
from ..tensor import tensor
from ..transforms.grad import vjp
from .case import stacked
from .compare import Case
from .leaves import Function, Map, Tree, as_array, is_differentiable
from .numeric import Flat


def near_point(f: Function) -> Function:
    """`f` near one point, that of the first call: rows in it that have a surrogate gradient change like that."""
    near = NearPoint()

    def at(*args: Any) -> Tree:
        with near:
            return f(*args)

    return at


def of_arrays(f: Function, flat: Flat) -> Function:
    """`f` as a function of the differentiable arrays among its arguments; the others are constants."""
    return lambda *arrays: f(*flat.filled(arrays))


def on_arrays(f: Function) -> Function:
    """`f` computed on Tensors without recording; its result is arrays."""

    def value(*args: Any) -> Tree:
        with no_grad():
            y = f(*tree_map(lambda v: tensor(v) if is_differentiable(v) else v, args))
            return tree_map(lambda v: as_array(raw(v)), y)

    return value


def gradient_at(case: Case, f: Function, g: Tree) -> Map:
    """The gradient of <g, f> at a point, both as vectors; f takes the differentiable arrays."""
    return lambda x: stacked(case, vjp(f, *case.flat.arrays(x))[1](g))
