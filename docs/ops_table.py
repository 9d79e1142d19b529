"""Prints the table of derivatives as a page of the documentation: `python docs/ops_table.py`.

Nothing is written here that the table does not say itself: a derivative is the source text of its rule.
"""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

import autograd_lite  # noqa: F401  fills the table
from autograd_lite.primitive import REAL, TABLE, Primitive
from autograd_lite.rules import status

KINDS = {
    "elementwise": "The result depends entry by entry on the arguments; the rule is the partial $∂y/∂x$.",
    "linear": """Linear in the differentiable arguments taken together. The rule is the transpose: from the
cotangent `g` of the result to that of the argument. Forward mode is the function itself.""",
    "bilinear": "Linear in each argument, the others held. The rules are the transposes.",
    "general": "Neither; the rule takes the cotangent `g` of the result to that of the argument.",
    "composite": "Written with other rows, so no rule is needed. In pictures it is one step, which opens.",
    "constant": "The derivative is zero wherever there is one. Known, not forgotten.",
}

OPENING = """\
# The table of derivatives

Printed from the table itself (`docs/ops_table.py`) when the documentation is built. In a rule, `y` is the
result, `x` (or `x1`, `x2`, …) are the arguments and `g` is the cotangent of the result; keyword parameters go
by NumPy's names. The engine undoes broadcasting, conjugates and casts."""


@cache
def lambdas(file: str) -> tuple[str, list[ast.Lambda]]:
    with open(file, encoding="utf-8") as lines:
        text = lines.read()
    return text, [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Lambda)]


def source(rule: Any) -> str:
    """A rule as it stands in the table: a number, the name of a function, or the body of a lambda."""
    if not callable(rule):
        return "0" if rule is None else f"{rule:g}"
    if getattr(rule, "__name__", "<lambda>") != "<lambda>":
        return str(rule.__name__).lstrip("_")
    text, found = lambdas(inspect.getsourcefile(rule) or "")
    # Several lambdas may begin on one line: the smallest body that holds all that was compiled is the one.
    compiled = [(line, column) for line, _, column, _ in rule.__code__.co_positions() if line and column]
    bodies = [
        ast.get_source_segment(text, body) or ""
        for body in (node.body for node in found)
        if (body.lineno, body.col_offset) <= min(compiled)
        and max(compiled) <= (body.end_lineno or 0, body.end_col_offset or 0)
    ]
    return " ".join(min(bodies, key=len).split())


def rules(row: Primitive) -> str:
    if row.variadic:
        return f"`{source(row.rules[0])}` for each"
    return "; ".join(f"`{source(rule)}`" for rule in row.rules)


def domain(row: Primitive) -> str:
    if not isinstance(row.domain, tuple):
        return "" if row.domain is REAL else f"${row.domain.tex}$"
    each = [re.sub(r"\bx\b", f"x_{k}", d.tex) for k, d in enumerate(row.domain, 1) if d is not REAL]
    return ", ".join(f"${tex}$" for tex in each)


def remarks(row: Primitive) -> str:
    found = [] if row.order is None else [f"to order {row.order} only"]
    return "; ".join(found if row.holomorphic else [*found, "not holomorphic"])


def name(row: Primitive) -> str:
    other = row.np_name not in (None, row.name, f"np.{row.name}")
    return f"`{row.name}` (`{row.np_name}`)" if other else f"`{row.name}`"


def section(kind: str, rows: list[Primitive]) -> Iterator[str]:
    yield f"\n## {kind.capitalize()} ({len(rows)})\n\n{KINDS[kind]}\n"
    if kind in ("composite", "constant"):
        yield ", ".join(map(name, rows))
        return
    yield "| function | rule for each argument | domain | remarks |\n| --- | --- | --- | --- |"
    for row in rows:
        cells = (name(row), rules(row), domain(row), remarks(row))
        yield "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |"


def without_rows() -> Iterator[str]:
    yield """
## Without a row

Every other function of NumPy has a status as well. A *plain answer* (a shape, a text, a yes or no) comes from
the arrays alone; the rest is refused by name, with the reason.
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
    lines = [f"{OPENING} {len(rows)} rows."]
    for kind in KINDS:
        if chosen := [row for row in rows if row.kind == kind]:
            lines += section(kind, chosen)
    lines += without_rows()
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(page(), end="")
