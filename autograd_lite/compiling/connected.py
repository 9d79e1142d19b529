"""A compiled call in a graph: one node, whose rule runs the compiled backward pass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ..engine.node import Values
from ..engine.record import apply
from ..program.calls import Backward
from ..table import Primitive
from .compile import Compiled, compiled


@dataclass(eq=False)
class Link:
    """The backward pass of a program, compiled when it is first needed."""

    backward: Backward
    backend: str

    @cached_property
    def run(self) -> Compiled:
        return compiled(self.backward.program, backend=self.backend)

    def __call__(self, inputs: Sequence[Any], results: Sequence[Any], needs: Sequence[Any]) -> Values:
        """The results of a call as Tensors, connected to the `inputs`; the backward pass needs the arrays `needs`."""
        return tuple(apply(_COMPILED, inputs, {"run": _Held(self, results, needs)}))


@dataclass(eq=False)
class _Held:
    """What one call keeps for its backward pass."""

    link: Link
    results: Sequence[Any]
    needs: Sequence[Any]
    last: tuple[Any, list[Any]] | None = None

    def __repr__(self) -> str:
        return self.link.backward.program.name

    def rule(self, g: Sequence[np.ndarray | None], i: int) -> Any:
        """The cotangent of input `i`; one run serves all inputs, which are asked for in turn."""
        if self.last is None or self.last[0] is not g:
            cotangents = [np.zeros_like(y) if d is None else d for d, y in zip(g, self.results, strict=True)]
            self.last = (g, self.link.run(*cotangents, *self.needs))
        d, self.last[1][i] = self.last[1][i], None
        return d


_COMPILED = Primitive(
    "general", lambda *xs, run: tuple(run.results), (lambda g, xs, i, run: run.rule(g, i),),
    name="compiled", bind=lambda *xs, run: (xs, {"run": run}), variadic=True, outputs=True, order=1,
    holomorphic=False,  # the program of the backward pass conjugates
)
