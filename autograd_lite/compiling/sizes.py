"""Sizes that values decide, such as the number of entries of ``x[mask]``: a program is for those of its recording."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ..program import Equation, Program, Var
from ..table import Primitive


class OtherSize(RuntimeError):
    """Raised where a size that values decide is another than in the recording."""


def _of_size(x: Any, shape: tuple[int, ...], row: str) -> Any:
    if x.shape != shape:
        raise OtherSize(
            f"jit: {row} has a result of shape {x.shape}, and had {shape} when this was recorded: its size depends on "
            "values. In the body of a loop write np.where(mask, x, 0), whose shape does not"
        )
    return x


OF_SIZE = Primitive("constant", _of_size, (), name="of_size", bind=lambda x, **params: ((x,), params))


def with_sizes(program: Program) -> Program:
    """Return `program` with equations that raise `OtherSize` where a size that values decide is another one."""
    if not any(eq.is_sized_by_values for eq in program.equations):
        return program

    def compared(eq: Equation, defined: Mapping[Var, Equation]) -> list[Equation] | None:
        if not eq.is_sized_by_values:
            return None
        new = [Var(v.name, v.shape, v.dtype) for v in eq.outputs]
        pairs = zip(eq.outputs, new, strict=True)
        each = (replace(eq, row=OF_SIZE, operands=(x,), params={"shape": v.shape, "row": eq.row.name}, outputs=(v,))
                for v, x in pairs)  # fmt: skip
        return [replace(eq, outputs=tuple(new)), *each]

    return program.mapped(compared)
