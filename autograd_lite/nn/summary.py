"""A module as a table: its parts, the shapes of their weights and results, and its number of parameters."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

from ..base.snapshots import untouched
from ..engine.context import no_grad


class Summary(list[tuple[str, ...]]):
    """The rows of a table, which prints as one."""

    def __repr__(self) -> str:
        part, kind, output, count, _ = (max(map(len, column)) for column in zip(*self, strict=True))
        line = f"{{:{max(part, 14)}}}  {{:{kind}}}  {{:{output}}}  {{:>{count}}}  {{}}"
        return "\n".join(line.format(*row).rstrip() for row in self)


def summary(module: Any, *inputs: Any) -> Summary:
    """See :meth:`Module.summary`. Parts of parts are indented; the whole module, an `nn.Module`, comes last.

    A part in several places has a row in each, and all shapes of its outputs; its weights are counted in the first.
    """
    shapes: dict[Any, dict[str, None]] = {}

    def note(m: Any, args: Any, y: Any) -> None:
        first = y[0] if isinstance(y, tuple) else y
        shapes.setdefault(m, {})[str(tuple(getattr(first, "shape", ())))] = None

    if inputs:
        key, modules = object(), list(module.modules())
        with ExitStack() as undo, untouched(module, inputs), no_grad():
            for m in modules:
                undo.callback(object.__setattr__, m, "training", m.training)
                undo.callback(m._hooks.pop, key, None)
                m._hooks[key] = note
            module.eval()(*inputs)
    rows = Summary([("part", "kind", "output", "parameters", "")])
    firsts: dict[Any, str] = {}
    whole, *parts = module._places("", set())
    for where, m in [*parts, whole]:
        output, kind, depth = ", ".join(shapes.get(m, ())), type(m).__name__, "  " * where.count(".")
        if firsts.setdefault(m, where) != where:
            rows.append((depth + where, kind, output, "0", f"the same as {firsts[m]}"))
            continue
        total = sum(p.size for p in m.parameters())
        if m is module:
            learned = sum(p.size for p in m.parameters() if p.requires_grad)
            weights = f"learned: {learned:,}"
        else:
            named = m.named_parameters(recurse=False)
            weights = ", ".join(f"{n} {'?' if hasattr(p, 'lazy') else p.shape}" for n, p in named)
        count = f"{total:,}" + (" + ?" if any(hasattr(p, "lazy") for p in m.parameters()) else "")
        rows.append((depth + where, kind, output, count, weights))
    return rows
