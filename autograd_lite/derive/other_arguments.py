"""Calls a function at other arguments of the same shapes, where what a recording took for granted shows."""

from __future__ import annotations

import warnings
from collections.abc import Container, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from itertools import islice
from typing import Any

import numpy as np

from ..base.snapshots import untouched
from ..base.tree import leaves, rebuild
from ..engine.operands import raw
from ..program import Program, Var
from ..program.program import traced_program
from ..tensor import Tensor

ENTRIES = 4  # of an argument that become others, one at a time


@dataclass(frozen=True)
class OtherCall:
    """A call of the function of a program in which one argument has other numbers.

    Attributes
    ----------
    changed : Var or str
        The input of the program that is this argument, or the name of an array from outside.
    args : sequence
        All arguments.
    program : Program
        What is recorded with them.
    """

    changed: Var | str
    args: Sequence[Any]
    program: Program


def other_calls(program: Program, inputs: Container[Var], most: int = ENTRIES + 2) -> Iterator[OtherCall]:
    """Yield calls with other numbers for each of these inputs in turn, where the function has a finite result; `most`
    for each input.
    """
    is_random = any(eq.is_random for eq in program.equations)
    for k, v in enumerate(program.inputs if program.call is not None and not is_random else ()):
        yield from islice(_calls_with_another(program, k), most if v in inputs else 0)


def call_with_others(program: Program) -> OtherCall | None:
    """A call in which all arguments have other numbers; None where there is none."""
    if program.call is None:
        return None
    args = program.call[1]
    values = [_like(x, next(_changed(np.asarray(raw(x))), raw(x))) for x in leaves(args)]
    return _call(program, "", rebuild(args, values))


@contextmanager
def call_with_other_array(program: Program, word: str) -> Iterator[OtherCall | None]:
    """A block in which the array of this name, which the function uses from outside, has other numbers, and a call
    there; None where there is none.
    """
    x = program.constants.get(word)
    if program.call is None or type(x) is not np.ndarray or not x.flags.writeable:
        yield None
        return
    before = x.copy()

    def call(new: Any) -> OtherCall | None:
        x[...] = new
        return _call(program, word, program.call[1]) if program.call else None

    try:
        yield next((other for new in _changed(before) if (other := call(new)) is not None), None)
    finally:
        x[...] = before


def _calls_with_another(program: Program, k: int) -> Iterator[OtherCall]:
    """Yield calls with other numbers for input `k`."""
    assert program.call is not None
    args = program.call[1]
    values = leaves(args)
    for x in _changed(np.asarray(raw(values[k]))):
        other = _call(program, program.inputs[k], rebuild(args, [*values[:k], _like(values[k], x), *values[k + 1 :]]))
        if other is not None:
            yield other


def _call(program: Program, changed: Var | str, args: Sequence[Any]) -> OtherCall | None:
    """A call of the function with these arguments; None where it has no value."""
    assert program.call is not None
    f, _, names = program.call
    try:
        with untouched(f, args), redirect_stdout(StringIO()), warnings.catch_warnings(action="ignore"):
            other = traced_program(f, args, names, whole=True)
    except Exception:  # it has no value there
        return None
    has_value = all(isinstance(y, Var) and np.isfinite(other.values[y]).all() for y in other.outputs)
    return OtherCall(changed, args, other) if has_value else None


def _like(value: Any, x: Any) -> Any:
    """An array as an argument like another one: a Tensor for a Tensor."""
    return Tensor(x, requires_grad=value.requires_grad) if isinstance(value, Tensor) else x


def _changed(x: Any) -> Iterator[Any]:
    """Yield arrays like `x`: with one entry that becomes another of them, or of another size."""
    flat = x.ravel()
    for k in range(min(flat.size, ENTRIES)):
        other = ~flat[k : k + 1] if x.dtype == bool else flat[flat != flat[k]][:1]
        if other.size:
            new = flat.copy()
            new[k] = other[0]
            yield new.reshape(x.shape)
    if x.dtype.kind in "fc":
        yield (0.875 * x + 0.0625).astype(x.dtype)
        yield -x
