"""Prints the table of derivatives as a page of the documentation: `python docs/ops_table.py`.

Everything comes from the table: a derivative is the result of its rule on symbols, at an example of the row; where that
is not a formula (the rule branches on its numbers, or the formula is too long), it is the source text of the rule.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

import autograd_lite  # noqa: F401  fills the table
from autograd_lite.derive.helpers import find_lambda
from autograd_lite.derive.row_formulas import RowDerivative, derivatives
from autograd_lite.table import TABLE, Primitive, describe, status
from autograd_lite.table.batching import ALIGNED
from autograd_lite.testing.numeric import CannotCheck
from autograd_lite.testing.rows import elementwise_point, points

KINDS = {
    "elementwise": "The result depends entry by entry on the arguments; the rule is the partial $∂y/∂x$.",
    "linear": """Linear in the differentiable arguments taken together. The rule is the transpose: from the
cotangent $g$ of the result to that of the argument, $\\bar x$. Forward mode is the function itself.""",
    "bilinear": "Linear in each argument, the others held. The rules are the transposes.",
    "general": "Neither; the rule takes the cotangent `g` of the result to that of the argument.",
    "composite": "Written with other rows, so no rule is needed. In pictures it is one step, which opens.",
    "constant": "The derivative is zero wherever there is one. Known, not forgotten.",
}

OPENING = """\
# The table of derivatives

Printed from the table itself (`docs/ops_table.py`) when the documentation is built: each rule is run on symbols, at
the example below its name (a row of one number $x$ needs none). $y$ is the result, $x$ (or $x_1$, $x_2$, …) are the
arguments and $g$ is the cotangent of the result; $\\odot$ goes entry by entry. A rule that is not a formula is shown as
it stands in the table, with NumPy's parameter names. The engine undoes broadcasting, conjugates and casts.

The column *vmap* says how [`ag.vmap`](transforms.md) runs a row on a batch. *By kind*: its operands are aligned, and it
is called once for all examples, as any elementwise function. *Own rule*: it is called once, by a rule in its row, which
says where the axis of the batch goes. *By its rows*: as the rows that it is written with. *Looped*: it is called for
each example, because the shape of its result depends on values."""


def source(rule: Any) -> str:
    """A rule as it stands in the table: a number, the name of a function, or the body of a lambda."""
    if not callable(rule):
        return "0" if rule is None else f"{rule:g}"
    if getattr(rule, "__name__", "<lambda>") != "<lambda>":
        return str(rule.__name__).lstrip("_")
    _, body = find_lambda(rule)
    return " ".join(body.split())


def example(row: Primitive) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
    """The call at which the row is shown: numbers for an elementwise one, otherwise its first example."""
    rng = np.random.default_rng(0)
    try:
        if row.kind == "elementwise" and not row.examples:
            return elementwise_point(row, (), rng), {}
        return next(point for point in points(row, rng) if all(a.size for a in point[0] if isinstance(a, np.ndarray)))
    except (CannotCheck, StopIteration):
        return None


def called(row: Primitive, found: tuple[tuple[Any, ...], dict[str, Any]]) -> str:
    """An example as somebody would type it, with letters for the arrays and their shapes."""
    args, keywords = found
    letters: list[str] = []
    shapes: list[str] = []
    arrays = sum(1 for a in args if isinstance(a, np.ndarray))
    for a in args:
        if isinstance(a, np.ndarray):
            letters.append("x" if arrays == 1 else f"x{len(shapes) + 1}")
            shapes.append("·".join(map(str, a.shape)) or "1")
        elif isinstance(a, (tuple, list)) and any(isinstance(b, np.ndarray) for b in a):
            letters.append("[…]")
        else:
            letters.append(short(a))
    letters += [f"{k}={short(v)}" for k, v in keywords.items()]
    name = row.np_name if row.np_name and row.np_name.startswith("np.") else row.name
    sizes = f" ({', '.join(shapes)})" if shapes and row.kind != "elementwise" else ""
    return f"`{name}({', '.join(letters)})`{sizes}"


def short(value: Any) -> str:
    text = "array" if isinstance(value, np.ndarray) else repr(value).replace("slice(None, None, None)", ":")
    return text if len(text) < 24 else "…"


def formulas(row: Primitive, found: tuple[tuple[Any, ...], dict[str, Any]] | None) -> list[str]:
    """The derivative with respect to each argument in LaTeX; empty if one of them is not a short formula."""
    got: list[RowDerivative] = []
    if found is not None:
        with np.errstate(all="ignore"):
            got = derivatives(row, *found[0], **found[1])
    short = [d.latex() for d in got if d.is_formula and len(d.latex()) < 160]
    return short if len(short) == len(got) else []


def rules(row: Primitive, found: tuple[tuple[Any, ...], dict[str, Any]] | None) -> str:
    """The derivative with respect to each argument, as a formula if it has one."""
    if latex := formulas(row, found):
        return "<br>".join(f"${formula}$" for formula in latex)
    if row.variadic:
        return f"`{source(row.rules[0])}` for each"
    return "<br>".join(f"`{source(rule)}`" for rule in row.rules)


def domain(row: Primitive) -> str:
    return ", ".join(f"${part}$" for tex in describe.domain(row) for part in tex.split(", "))  # a line can end there


def remarks(row: Primitive) -> str:
    found = [] if row.order is None else [f"to order {row.order} only"]
    return "; ".join(found if row.holomorphic else [*found, "not holomorphic"])


def batched(row: Primitive) -> str:
    """How `ag.vmap` runs the row."""
    if row.kind == "composite":
        return "by its rows"
    if row.batch is None:
        return "looped"
    by_kind = row.batch is ALIGNED and (row.kind == "elementwise" or isinstance(row.fn, np.ufunc))
    return "by kind" if by_kind else "own rule"


def name(row: Primitive) -> str:
    other = row.np_name not in (None, row.name, f"np.{row.name}")
    return f"`{row.name}` (`{row.np_name}`)" if other else f"`{row.name}`"


def section(kind: str, rows: list[Primitive]) -> Iterator[str]:
    yield f"\n## {kind.capitalize()} ({len(rows)})\n\n{KINDS[kind]}\n"
    if kind in ("composite", "constant"):
        yield "| functions | vmap |\n| --- | --- |"
        for how in dict.fromkeys(map(batched, rows)):
            yield f"| {', '.join(name(row) for row in rows if batched(row) == how)} | {how} |"
        return
    yield ":::{container} derivatives\n| function | derivative | where | vmap |\n| --- | --- | --- | --- |"
    for row in rows:
        found = example(row)
        call = called(row, found) if found else ""
        plain = call in (f"`np.{row.name}(x)`", f"`{row.name}(x)`")
        cells = ([name(row), "" if plain else call], [rules(row, found)], [domain(row), remarks(row)], [batched(row)])
        yield "| " + " | ".join("<br>".join(filter(None, cell)).replace("|", r"\|") for cell in cells) + " |"
    yield ":::"


def without_rows() -> Iterator[str]:
    yield """
## Without a row

Every other function of NumPy has a status as well. A *plain answer* (a shape, a text, a yes or no) comes from
the arrays alone; the rest raises an error that names it, with the reason.
"""
    yield f"**Plain answers**: {listed(status.OF_SHAPE | status.OF_VALUES)}"
    for why, names in status.NOT_FOR_TENSORS.items():
        yield f"\n**Not for tensors** ({why}): {listed(names)}"
    for module, why in status.NOT_FOR_TENSORS_MODULES.items():
        yield f"\n**Not for tensors** ({why}): all of `{module}`"
    for name, why in sorted(status.NOT_YET.items()):
        yield f"\n**Not yet**: `{name}`, {why}"


def listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in sorted(names))


def page() -> str:
    rows = sorted(TABLE.values(), key=lambda row: row.name)
    lines = [f"{OPENING}\n\nThe table has {len(rows)} rows."]
    for kind in KINDS:
        if chosen := [row for row in rows if row.kind == kind]:
            lines += section(kind, chosen)
    lines += without_rows()
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(page(), end="")
