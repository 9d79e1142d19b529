"""A scene as DOT text: the shapes, lines and colours. It needs the `graphviz` package, but no program.

Labels are tables in the HTML-like language with one row for each line of text, so that each line has its own size and
colour. A frame is the same text with other colours: what is not yet known has the colour of its background, so one
layout serves all frames.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..base import escape
from . import formatting
from .scene import KINDS, Item, Line, Scene
from .themes import Theme, blend

FONT = "Helvetica"
SMALL, LARGE = 12, 13  # points; no text of a picture is smaller
HEAT = (6, 12)  # rows and columns of a heat map at most
FEW = 40  # boxes; a larger picture has no heat maps, each of which is 72 cells to lay out
SHAPES: dict[str, dict[str, str]] = {  # distinct without colour
    "parameter": {"shape": "box", "style": "filled", "penwidth": "2.4"},
    "input": {"shape": "box", "style": "filled,dashed", "penwidth": "1.2"},
    "constant": {"shape": "box", "style": "filled,dotted", "penwidth": "1.2"},
    "result": {"shape": "box", "style": "filled,rounded", "penwidth": "1"},
    "loss": {"shape": "box", "style": "filled,rounded", "penwidth": "1.4", "peripheries": "2"},
    "layer": {"shape": "box3d", "style": "filled", "penwidth": "1"},
    "summary": {"shape": "folder", "style": "filled", "penwidth": "1"},
}
_BORDERS = {
    "parameter": 'BORDER="3"',
    "input": 'BORDER="1" STYLE="dashed"',
    "constant": 'BORDER="1" STYLE="dotted"',
    "result": 'BORDER="1" STYLE="rounded"',
    "loss": 'BORDER="1" STYLE="rounded"',
    "layer": 'BORDER="1"',
    "summary": 'BORDER="1"',
}
MARKS = {"added": "+ ", "removed": "− ", "changed": "≠ "}


@dataclass(frozen=True)
class Style:
    """What is shown, and in which colours and direction."""

    theme: Theme
    direction: str = "LR"
    values: bool = True
    gradients: bool = True
    partials: bool = True
    legend: bool = True
    title: str = ""


@dataclass(frozen=True)
class State:
    """What one frame shows, as keys of boxes and lines; those in no set are pale.

    Attributes
    ----------
    now : set
        Highlighted.
    known : set
        Highlighted in an earlier frame.
    values, gradients, partials : set
        Whose numbers are shown.
    """

    caption: str = ""
    now: frozenset[str] = frozenset()
    known: frozenset[str] = frozenset()
    values: frozenset[str] = frozenset()
    gradients: frozenset[str] = frozenset()
    partials: frozenset[str] = frozenset()


@dataclass(frozen=True)
class LabelRow:
    """One line of a label; its `role` determines its colour, and in which frames it is shown."""

    text: str
    role: str
    size: int = 10
    bold: bool = False
    heat: Any = field(default=None)


def dot(scene: Scene, style: Style, state: State | None = None, caption_width: int = 0) -> str:
    """DOT text of a scene, or of one frame of it; `caption_width` is the width of the captions' cell, in points."""
    import graphviz  # a picture's DOT text is made on request only

    theme = style.theme
    font = {"fontname": FONT, "fontsize": "11", "fontcolor": theme.ink}
    graph = graphviz.Digraph(
        graph_attr={
            "rankdir": style.direction, "bgcolor": theme.background, **font, "pad": "0.2", "nodesep": "0.3",
            "ranksep": "0.55", "labelloc": "b", "labeljust": "l", "ordering": "in",
        },
        node_attr={**font, "color": theme.ink, "margin": "0.12,0.06"},
        edge_attr={"fontname": FONT, "fontsize": "10", "color": theme.ink, "arrowsize": "0.7"},
    )  # fmt: skip
    below = foot(scene, style)
    if below:
        graph.attr(label=below)
    title = state.caption if state is not None else style.title
    inside = graph
    if title or caption_width:
        inside = graphviz.Digraph("cluster_all")
        inside.attr(label=_headline(title, caption_width, theme), peripheries="0", labelloc="t", labeljust="l")
    _boxes(inside, scene, style, state)
    for line in scene.lines:
        add_line(inside, line, style, state)
    if inside is not graph:
        graph.subgraph(inside)
    return str(graph.source)


def _boxes(graph: Any, scene: Scene, style: Style, state: State | None) -> None:
    """The boxes, each in its cluster."""
    import graphviz  # as in `dot`

    tree: dict[str, Any] = {}
    label: dict[str, str] = {}
    for item in scene.items:
        at = tree
        for key, text in item.clusters:
            label[key] = text
            at = at.setdefault(key, {})
        at.setdefault("", []).append(item)
    stack = [(graph, tree, iter(list(tree.items())))]
    while stack:
        into, _, rest = stack[-1]
        found = next(rest, None)
        if found is None:
            stack.pop()
            if stack:
                stack[-1][0].subgraph(into)
            continue
        key, below = found
        if key == "":
            for item in below:
                into.node(item.key, **box(item, scene, style, state))
        else:
            cluster = graphviz.Digraph(f"cluster_{key}")
            cluster.attr(
                label=f'<<FONT COLOR="{style.theme.cluster}">{escape.dot(label[key])}</FONT>>',
                color=style.theme.cluster,
                style="rounded",
                penwidth="0.8",
                fontsize="10",
                labeljust="l",
                labelloc="t",
            )
            stack.append((cluster, below, iter(list(below.items()))))


def _headline(title: str, caption_width: int, theme: Theme) -> str:
    size = f'FIXEDSIZE="TRUE" WIDTH="{caption_width}" HEIGHT="30"' if caption_width else ""
    text = escape.dot(title) or " "
    return (
        f'<<TABLE BORDER="0" CELLBORDER="0" CELLPADDING="2"><TR><TD ALIGN="LEFT" {size}>'
        f'<FONT POINT-SIZE="15" COLOR="{theme.ink}">{text}</FONT></TD></TR></TABLE>>'
    )


def width_for(captions: Iterable[str]) -> int:
    """The width of the longest caption, in points."""
    return 24 + max((9 * len(c) for c in captions), default=0)


# ---------------------------------------------------------------------------------------------------- boxes


def label_rows(item: Item, scene: Scene, style: Style) -> Iterator[LabelRow]:
    """The lines of a box's label, in order."""
    head = formatting.clipped(escape.plain(item.name), 44)
    source = formatting.formula(item.formula) or item.operation
    mark = MARKS.get(item.change, "")
    if item.kind in ("layer", "summary"):
        yield LabelRow(mark + head, "name", 12, True)
        if source:
            yield LabelRow(source, "shape", 10)
    else:
        yield LabelRow(mark + " = ".join(filter(None, [head, source])), "name", 12, True)
    if item.note:
        yield LabelRow(item.note, "shape", 9)
    sizes = formatting.shape(item.shape)
    maps = len(scene.items) <= FEW
    if item.kind != "summary":
        yield LabelRow("  ".join(filter(None, [sizes, item.dtype])) or "scalar", "shape", 9)
    if style.values and item.value is not None:
        yield from _numbers(item.value, "value", maps)
    if style.gradients and item.gradient is not None and item.key != scene.loss:
        lead = f"∂{scene.item(scene.loss).name}/∂{item.name}"
        yield from _numbers(item.gradient, "gradient", maps, formatting.clipped(escape.plain(lead), 24))


def _numbers(value: Any, role: str, maps: bool, lead: str = "") -> Iterator[LabelRow]:
    lines = formatting.array(value)
    if lead:
        if len(lines) == 1:
            lines = [f"{lead} = {lines[0]}"]
        else:
            lines = [f"{lead} =", *lines]
    for line in lines:
        yield LabelRow(line, role, 10)
    heat = pooled(value) if maps else None
    if heat is not None:
        yield LabelRow("", role, 10, heat=heat)


def pooled(value: Any) -> Any:
    """A large matrix as a small one of block means, for a heat map; None where the label shows its numbers."""
    value = np.asarray(value)
    if value.ndim != 2 or min(value.shape) < 2 or value.size < 12 or value.dtype.kind not in "fiu":
        return None
    if len(formatting.array(value)) > 1:
        return None
    for axis in (0, 1):
        blocks = np.array_split(np.arange(value.shape[axis]), min(HEAT[axis], value.shape[axis]))
        value = np.stack([np.take(value, b, axis=axis).mean(axis=axis) for b in blocks], axis=axis)
    return value if np.isfinite(value).all() else None


def box(item: Item, scene: Scene, style: Style, state: State | None) -> dict[str, str]:
    """The attributes of a box."""
    theme = style.theme
    look = SHAPES[item.kind]
    fill = theme.fills[item.kind]
    changes = {"added": theme.added, "removed": theme.removed, "changed": theme.accent}
    border = changes.get(item.change, theme.ink)
    shape = blend(theme.ink, fill, 0.25)
    colour = {"name": theme.ink, "shape": shape, "value": theme.ink, "gradient": theme.gradient}
    if state is not None:
        seen = item.key in state.now or item.key in state.known
        fill = fill if seen else theme.background
        border = border if seen else theme.faint
        if item.key in state.now:  # by colour only: a wider pen would move the lines
            border, fill = theme.accent, blend(fill, theme.accent, 0.22)
        colour = {
            "name": theme.ink if seen else blend(theme.faint, theme.ink, 0.3),
            "shape": colour["shape"] if seen else fill,
            "value": theme.ink if item.key in state.values else fill,
            "gradient": theme.gradient if item.key in state.gradients else fill,
        }
    cells = "".join(_row(r, colour[r.role], theme, fill) for r in label_rows(item, scene, style))
    label = f'<<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="1">{cells}</TABLE>>'
    return {**look, "id": item.key, "label": label, "fillcolor": fill, "color": border, "tooltip": " "}


def _row(r: LabelRow, colour: str, theme: Theme, fill: str) -> str:
    if r.heat is not None:
        hidden = colour == fill
        return f"<TR><TD>{_heat(r.heat, theme, fill if hidden else None)}</TD></TR>"
    text = escape.dot(r.text) or " "  # an empty element is an error
    text = f"<B>{text}</B>" if r.bold else text
    return f'<TR><TD><FONT POINT-SIZE="{r.size}" COLOR="{colour}">{text}</FONT></TD></TR>'


def _heat(value: Any, theme: Theme, hidden: str | None) -> str:
    most = float(np.abs(value).max()) or 1.0
    lines = []
    for line in value.tolist():
        cells = []
        for x in line:
            sign = theme.positive if x >= 0 else theme.negative
            colour = hidden or blend(theme.background, sign, min(1.0, abs(x) / most))
            cells.append(f'<TD BGCOLOR="{colour}" FIXEDSIZE="TRUE" WIDTH="7" HEIGHT="7"></TD>')
        lines.append(f"<TR>{''.join(cells)}</TR>")
    sizes = f'FIXEDSIZE="TRUE" WIDTH="{7 * value.shape[1]}" HEIGHT="{7 * value.shape[0]}"'
    return f'<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="0" {sizes}>{"".join(lines)}</TABLE>'


# ---------------------------------------------------------------------------------------------------- lines


def partial_rows(line: Line, style: Style) -> list[LabelRow]:
    """The label of a line: the symbol, the formula, and the value if it is small, else its shape."""
    if not style.partials or not line.symbol:
        return [LabelRow(formatting.shape(line.shape), "shape", 9)] if line.shape and not line.symbol else []
    found = [LabelRow(formatting.clipped(escape.plain(formatting.partial(line.symbol)), 28), "symbol", 11, True)]
    source = formatting.formula(line.formula, 28)
    numbers = formatting.array(line.value) if line.value is not None else []
    if source and not (line.formula is not None and line.formula.is_number):
        found.append(LabelRow(f"= {source}", "formula", 10))
    if len(numbers) == 1 and np.size(line.value) <= formatting.COLUMNS:
        found.append(LabelRow(f"= {numbers[0]}", "formula", 10))
    elif line.value is not None:
        found.append(LabelRow(formatting.shape(np.shape(line.value)), "formula", 9))
    if line.combine == "map":
        found.append(LabelRow("(maps the gradient g)", "formula", 9))
    if line.note:
        found.append(LabelRow(line.note, "formula", 9))
    return found


def add_line(graph: Any, line: Line, style: Style, state: State | None) -> None:
    """Add a line to the DOT graph."""
    theme = style.theme
    attributes = {"id": f"e{line.key}", "color": theme.ink, "tooltip": " "}
    looks = []
    if not line.combine:
        looks.append("dashed")
        attributes["color"] = theme.cluster
    colours = {"symbol": theme.partial, "formula": theme.partial, "shape": theme.cluster}
    if line.change:
        attributes["color"] = theme.added if line.change == "added" else theme.removed
        looks.append("bold")
    if state is not None:
        seen = line.key in state.known or line.key in state.now
        if line.key in state.now:
            attributes["color"] = theme.accent
            looks.append("bold")  # unlike a wider pen, this style does not change the layout
        elif not seen:
            attributes["color"] = theme.faint
        shown = line.key in state.partials
        colours = {role: c if shown else theme.background for role, c in colours.items()}
        if line.key in state.now and shown:
            colours = dict.fromkeys(colours, theme.accent)
    if looks:
        attributes["style"] = ",".join(looks)
    found = partial_rows(line, style)
    if found:
        cells = "".join(_row(r, colours[r.role], theme, theme.background) for r in found)
        cells += '<TR><TD HEIGHT="5"></TD></TR>'  # keeps the line clear of the last row
        attributes["label"] = f'<<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="1">{cells}</TABLE>>'
    graph.edge(line.tail, line.head, **attributes)


# ----------------------------------------------------------------------------------------------------- foot


def foot(scene: Scene, style: Style) -> str:
    """The legend and the notes, below the picture."""
    theme = style.theme
    cells = ""
    if style.legend:
        present = {item.kind for item in scene.items}
        cells += "".join(_sample(kind, theme) for kind in KINDS if kind in present)
        if any(line.symbol for line in scene.lines) and style.partials:
            text = "∂y/∂x on a line: its partial derivative"
            cells += f'<TD><FONT COLOR="{theme.partial}" POINT-SIZE="9">{text}</FONT></TD>'
    lines = [f"<TR>{cells}</TR>"] if cells else []
    lines += [
        f'<TR><TD ALIGN="LEFT" COLSPAN="16"><FONT POINT-SIZE="10">{escape.dot(n)}</FONT></TD></TR>'
        for n in scene.notes
    ]
    if not lines:
        return ""
    return f'<<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="6">{"".join(lines)}</TABLE>>'


def _sample(kind: str, theme: Theme) -> str:
    cell = f'<TD BGCOLOR="{theme.fills[kind]}"><FONT POINT-SIZE="9"> {kind} </FONT></TD>'
    sample = f'<TABLE {_BORDERS[kind]} CELLBORDER="0" CELLPADDING="2" COLOR="{theme.ink}"><TR>{cell}</TR></TABLE>'
    if kind == "loss":
        looks = 'BORDER="1" CELLBORDER="0" CELLPADDING="1" CELLSPACING="0" STYLE="rounded"'
        outer = f'{looks} COLOR="{theme.ink}"'
        sample = f"<TABLE {outer}><TR><TD>{sample}</TD></TR></TABLE>"
    return f"<TD>{sample}</TD>"
