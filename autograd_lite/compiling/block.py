"""What passes work on: the equations of a program, with inputs, outputs and updates."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..tracing import Equation, Program, Var


@dataclass(eq=False)
class Block:
    """Equations in order. Passes replace the lists; a :class:`Var` is assigned once."""

    name: str
    inputs: list[Var]  # arguments, then captured values
    equations: list[Equation]
    outputs: list[Any]  # a Var each, or a constant
    updates: dict[Var, Any] = field(default_factory=dict)  # from an input to the value that it receives at the end

    @classmethod
    def of(cls, program: Program, updates: Mapping[Var, Any]) -> Block:
        inputs = [*program.inputs, *program.captured]
        unknown = [str(v) for v in updates if v not in inputs]
        if unknown:
            raise ValueError(f"{program.name}: expected inputs as the keys of updates, got {', '.join(unknown)}")
        for v, new in updates.items():
            if isinstance(new, Var) and (new.shape, new.dtype) != (v.shape, v.dtype):
                raise ValueError(f"{program.name}: {v.name} is {v.kind}, and its new value {new.kind}")
        return cls(program.name, inputs, list(program.equations), list(program.outputs), dict(updates))

    @property
    def results(self) -> Iterator[Var]:
        """The variables that must be computed: outputs and new values."""
        return (x for x in (*self.outputs, *self.updates.values()) if isinstance(x, Var))

    def __str__(self) -> str:
        lines = [f"{self.name}({', '.join(f'{v.name}: {v.kind}' for v in self.inputs)}):"]
        lines += [f"    {eq}" for eq in self.equations]
        lines += [f"    {v} <- {new}" for v, new in self.updates.items()]
        return "\n".join([*lines, f"    return {', '.join(map(str, self.outputs))}"])
