"""Names of HIPS autograd that would need its own engine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def refuse(module: str, *names: str) -> Callable[[str], Any]:
    """A module's ``__getattr__`` that raises for `names`, and says why."""
    module = module.removeprefix("autograd_lite.compat.")

    def missing(name: str) -> Any:
        if name in names:
            raise AttributeError(
                f"{module}.{name} belongs to the tracer of HIPS autograd, which this engine replaces. Write the rule "
                "with primitive and defvjp, and read a recorded graph with autograd_lite.trace"
            )
        raise AttributeError(f"module {module!r} has no attribute {name!r}")

    return missing
