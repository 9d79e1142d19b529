"""The arguments of a compiled function: what its program depends on, and the leaves that are its inputs."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from inspect import Parameter, signature
from typing import Any

import numpy as np

from ..engine.node import NEEDS, Function, Values
from ..engine.value import Value
from ..program.places import exact

NUMBERS = (int, float, complex)


class Arguments:
    """The arguments of one call.

    Attributes
    ----------
    key : hashable
        Two calls with the same key can share a program: structure, shapes, dtypes, static values.
    leaves : list
        Every leaf, in the order of :func:`autograd_lite.base.tree.leaves`.
    static : list of None or (declared, key)
        For those that are part of the program, whether they are declared static, and their key: everything but arrays,
        Tensors and numbers, and the arguments that are declared static.
    live : int
        The bits of the nodes of all Tensors.
    """

    def __init__(self, args: Values, params: Mapping[str, Any], is_static: Callable[[Any], bool], what: str) -> None:
        self.what = what
        self.leaves: list[Any] = []
        self.static: list[tuple[bool, Hashable] | None] = []
        self.live = 0
        named = (*enumerate(args), *params.items())
        self.key = tuple([(name, self._key(x, is_static(name))) for name, x in named])

    def _key(self, x: Any, fixed: bool) -> Hashable:
        if x is None:
            return None
        if isinstance(x, dict):
            return (dict, *((exact(name, _itself), self._key(part, fixed)) for name, part in x.items()))
        if isinstance(x, (list, tuple)):
            return (type(x), *(self._key(part, fixed) for part in x))
        self.leaves.append(x)
        if fixed or not _is_input(x):
            if isinstance(x, (np.ndarray, Value)):
                raise TypeError(f"{self.what}: an array cannot be a static argument; its values are not part of a key")
            key = static_key(x, fixed)
            self.static.append((fixed, key))
            return key
        self.static.append(None)
        if isinstance(x, NUMBERS) and not isinstance(x, np.generic):
            return type(x).__name__
        array = x._data if isinstance(x, Value) else x
        if isinstance(x, Value) and x._node is not None:
            self.live |= x._node.live
        grad = isinstance(x, Value) and x._node is not None and x._node.live & NEEDS
        return (type(x), array.shape, array.dtype, grad)


def static_key(x: object, declared: bool) -> Hashable:
    """What a program depends on of a static value: numbers and strings, and objects that are declared static and
    hashable, are compared by value, others by identity.
    """
    return exact(x, _itself if declared else id)


def _itself(x: object) -> Hashable:
    return x if isinstance(x, Hashable) else id(x)


def _is_input(x: object) -> bool:
    if isinstance(x, (Value, np.ndarray, np.generic)):
        return x.dtype.kind in "biufc"
    return type(x) in NUMBERS


def static_test(f: Function, names: str | Sequence[str]) -> Callable[[Any], bool]:
    """Whether an argument is static, by its position or its name.

    Raises
    ------
    ValueError
        If `f` has no parameter of such a name.
    """
    names = (names,) if isinstance(names, str) else tuple(names)
    try:
        parameters: Mapping[str, Parameter] = signature(f).parameters
    except (TypeError, ValueError):
        parameters = {}
    missing = [name for name in names if name not in parameters]
    if missing and not any(p.kind is Parameter.VAR_KEYWORD for p in parameters.values()):
        what = getattr(f, "__name__", "the function")
        raise ValueError(f"jit: {what} has no parameter {missing[0]!r}; expected names among {', '.join(parameters)}")
    chosen = {*names, *(k for k, name in enumerate(parameters) if name in names)}
    return chosen.__contains__
