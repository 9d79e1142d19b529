"""The same function at other arguments of the same shapes: what a recording took for granted shows there."""

from __future__ import annotations

import warnings
from collections.abc import Container, Iterator, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from io import StringIO
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
    changed : Var
        The input of the program that is this argument.
    args : sequence
        All arguments.
    program : Program
        What is recorded with them.
    """

    changed: Var
    args: Sequence[Any]
    program: Program


def other_calls(program: Program, inputs: Container[Var], most: int = ENTRIES + 2) -> Iterator[OtherCall]:
    """Calls with other numbers for each of these inputs in turn, where the function has a finite result; `most` for
    each input.
    """
    if program.call is None or any(eq.is_random for eq in program.equations):
        return
    f, args, names = program.call
    given = leaves(args)
    for k, v in enumerate(program.inputs):
        left = most
        for x in _changed(np.asarray(raw(given[k]))) if v in inputs else ():
            if not left:
                break
            is_tensor = isinstance(given[k], Tensor)
            new = Tensor(x, requires_grad=given[k].requires_grad) if is_tensor else x
            changed = rebuild(args, [*given[:k], new, *given[k + 1 :]])
            try:
                with untouched(f, changed), redirect_stdout(StringIO()), warnings.catch_warnings(action="ignore"):
                    other = traced_program(f, changed, names, whole=True)
            except Exception:  # it has no value there
                continue
            if all(isinstance(y, Var) and np.isfinite(other.values[y]).all() for y in other.outputs):
                left -= 1
                yield OtherCall(v, changed, other)


def _changed(x: Any) -> Iterator[Any]:
    """Arrays like `x`: with one entry that becomes another of them, or of another size."""
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
