"""A scene as DOT text: the shapes, lines and colours. It needs the `graphviz` package, but no program.

Labels are tables in the HTML-like language with one row for each line of text, so that each line has its own size and
colour. A frame is the same text with other colours: what is not yet known has the colour of its background, so one
layout serves all frames.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..base import escape
from . import formatting
from .scene import KINDS, Item, Line, Scene
from .themes import Theme, blend

FONT = "Helvetica"
SMALL, LARGE, TITLE = 12, 13, 15  # points; no text of a picture is smaller
HEAT = (6, 12)  # rows and columns of a heat map at most
AGAIN = "_row"  # in the key of a name that is repeated in another row
NARROW = 2  # columns of matrices that stand side by side
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
    direction: str = ""  # chosen when it is laid out
    values: bool = True
    gradients: bool = True
    partials: bool = True
    legend: bool = True
    title: str = ""
    rows: Mapping[str, int] = field(default_factory=dict)  # of the boxes of a wrapped picture
    heat: bool = True  # maps of the arrays that are too large to be written out


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

    caption: str
    now: Container[str]
    known: Container[str]
    values: Container[str]
    gradients: Container[str]
    partials: Container[str]


class _Everything:
    def __contains__(self, key: object) -> bool:
        return True


_ALL = _Everything()
_WHOLE = State("", (), _ALL, _ALL, _ALL, _ALL)  # of a picture that is no frame


@dataclass(frozen=True)
class LabelRow:
    """One line of a label; its `role` determines its colour, and in which frames it is shown.

    Attributes
    ----------
    matrix : list of list of str
        Set to the right of the text, in brackets.
    heat : ndarray, optional
        A heat map in place of the text.
    """

    text: str
    role: str
    size: int = SMALL
    bold: bool = False
    matrix: Sequence[Sequence[str]] = ()
    heat: Any = None


def dot(scene: Scene, style: Style, state: State | None = None, caption_width: int = 0) -> str:
    """DOT text of a scene, or of one frame of it; `caption_width` is the width of the captions' cell, in points."""
    import graphviz  # a picture's DOT text is made on request only

    theme = style.theme
    text = {"fontname": FONT, "fontsize": str(SMALL)}
    graph = graphviz.Digraph(
        graph_attr={
            "rankdir": style.direction or "LR", "bgcolor": theme.background, **text, "fontcolor": theme.ink,
            "pad": "0.1", "nodesep": "0.22", "ranksep": "0.28", "labelloc": "b", "labeljust": "l", "ordering": "in",
        },
        node_attr={**text, "fontcolor": theme.ink, "color": theme.ink, "margin": "0.12,0.06"},
        edge_attr={**text, "color": theme.ink, "arrowsize": "0.7"},
    )  # fmt: skip
    title = style.title if state is None else state.caption
    state = state or _WHOLE
    above = headline(title, caption_width, theme) if title or caption_width else ""
    words = above + foot(scene, style)
    if words:
        at = "t" if above else "b"
        graph.attr(label=f'<<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0">{words}</TABLE>>', labelloc=at)
    _boxes(graph, scene, style, state)
    tails = _tails(scene, style)
    for key, tail in sorted({(tails[line.key], line.tail) for line in scene.lines}):
        if key != tail:
            look = box(scene.item(tail), scene, style, state, repeated=True)
            graph.node(key, **look | {"id": key, "shape": "ellipse", "margin": "0.02,0"})
    for line in scene.lines:
        add_line(graph, line, tails[line.key], scene, style, state)
    _stack(graph, scene, style)
    return str(graph.source)


def _tails(scene: Scene, style: Style) -> dict[str, str]:
    """Where each line starts: at its box or, in a wrapped picture, at a copy of the name of a box in another row.

    There a line without a label that passes other boxes starts at a copy too: a skip connection, or a further use of
    something that no gradient passes to.
    """
    rows = style.rows
    first: dict[str, str] = {}  # user of a box
    before: dict[str, set[str]] = {}  # a box: what it is computed from
    for line in scene.lines:
        before.setdefault(line.head, set()).update({line.tail}, before.get(line.tail, ()))
    tails = {}
    for line in scene.lines:
        tail, head, row = line.tail, line.head, rows.get(line.head)
        user = first.setdefault(tail, head)
        passes = user != head and not line.symbol and (not line.combine or user in before[head])
        if rows.get(tail) != row:
            tails[line.key] = f"{tail}{AGAIN}{row}"
        else:
            tails[line.key] = f"{tail}{AGAIN}{head}" if rows and passes else tail
    return tails


def _stack(graph: Any, scene: Scene, style: Style) -> None:
    """Put what begins in each row in order: the first computed boxes follow points that stand in a column."""
    rows = style.rows
    computed = {line.head for line in scene.lines}
    later = {x.head for x in scene.lines if x.tail in computed and rows.get(x.tail) == rows.get(x.head)}
    keys = [i.key for i in scene.items if i.key in rows.keys() & computed - later]
    first = sorted(keys, key=lambda key: rows[key])
    with graph.subgraph(name="rows", graph_attr={"rank": "same"}) as column:
        for k in range(len(first)):
            column.node(f"row{k}", style="invis", shape="point", width="0", height="0", label="")
            if k:
                column.edge(f"row{k - 1}", f"row{k}", style="invis")
    for k, key in enumerate(first):
        graph.edge(f"row{k}", key, style="invis")
        if k:
            graph.edge(first[k - 1], key, style="invis", constraint="false")


def _boxes(graph: Any, scene: Scene, style: Style, state: State) -> None:
    """The boxes, row by row, each in its cluster."""
    tree: dict[str, Any] = {}
    label = {}
    begun: dict[str, str] = {}  # where a cluster that is cut begins
    rows = style.rows
    for item in sorted(scene.items, key=lambda i: rows.get(i.key, 0)):
        at = tree
        outer = ""
        for cluster, text in item.clusters:
            key = f"{cluster}{AGAIN}{rows[item.key]}" if rows else cluster
            is_first = begun.setdefault(cluster, key) == key
            label[key] = text.removeprefix(f"{outer}.") if is_first else f"{text.partition(':')[0]} (continued)"
            outer = text.partition(":")[0]
            at = at.setdefault(key, {})
        at.setdefault("", []).append(item)

    def fill(into: Any, inside: Mapping[str, Any]) -> None:
        for key, below in inside.items():
            if not key:
                for item in below:
                    into.node(item.key, **box(item, scene, style, state))
                continue
            with into.subgraph(name=f"cluster_{key}") as cluster:
                cluster.attr(
                    label=f'<<FONT COLOR="{style.theme.cluster}">{escape.dot(label[key])}</FONT>>',
                    color=style.theme.cluster, style="rounded", penwidth="0.8", fontsize=str(SMALL), labeljust="l",
                    labelloc="t",
                )  # fmt: skip
                fill(cluster, below)

    fill(graph, tree)


def headline(title: str, width: int, theme: Theme, height: int = 30) -> str:
    """A row with the title, in points; without a `width` it is as large as the text."""
    size = f'FIXEDSIZE="TRUE" WIDTH="{width}" HEIGHT="{height}"' if width else ""
    text = font(escape.dot(title), TITLE, theme.ink)
    return f'<TR><TD ALIGN="LEFT" {size}>{text}</TD></TR>'


def width_for(captions: Iterable[str]) -> int:
    """The width of the longest caption, in points."""
    return 24 + max((TITLE * len(c) // 2 for c in captions), default=0)


# ---------------------------------------------------------------------------------------------------- boxes


def label_rows(item: Item, scene: Scene, style: Style) -> list[list[LabelRow]]:
    """The lines of a box's label, in order; those in one list stand side by side."""
    source = item.source()
    head = MARKS.get(item.change, "") + (item.head if source and item.formula else _head(item))
    is_folded = item.kind in ("layer", "summary")
    title = " = ".join(filter(None, [head, "" if is_folded else source]))
    value = item.value if style.values else None
    sizes = formatting.shape(item.shape) or ("scalar" if item.shape == () and value is None else "")
    dtype = item.dtype if item.dtype != scene.usual and item.dtype[:1] in ("f", "c") else ""
    kind = "  ".join(filter(None, [sizes, dtype])) if item.kind != "summary" else ""
    others = filter(None, [source if is_folded else "", item.note, kind])
    rows = [[LabelRow(title, "name", LARGE, True)], *([LabelRow(text, "dim")] for text in others)]
    maps = style.heat and len(scene.items) <= FEW
    numbers = [] if value is None else _numbers(value, "value", maps)
    if style.gradients and item.gradient is not None and item.key != scene.loss:
        lead = formatting.clipped(f"∂{scene.item(scene.loss).written}/∂{item.written}", 24)
        slope = _numbers(item.gradient, "gradient", maps, f"{lead} =")
        if numbers and all(len(r.matrix) > 1 and len(r.matrix[0]) <= NARROW for r in (*numbers, *slope)):
            return [*rows, [*numbers, *slope]]
        numbers = [*numbers, *slope]
    return [*rows, *([r] for r in numbers)]


def _head(item: Item) -> str:
    """The name of a box, and of a layer in a cluster the rest of its place: ``conv: Conv2d`` in ``block: Block``."""
    outer = item.clusters[-1][1].partition(":")[0] if item.clusters and item.kind == "layer" else ""
    return formatting.clipped(item.written.removeprefix(f"{outer}."), 44)


def _numbers(value: Any, role: str, maps: bool, lead: str = "") -> list[LabelRow]:
    entries = formatting.matrix(value)
    if entries:
        return [LabelRow(lead, role, matrix=entries)]
    rows = [LabelRow(f"{lead} {formatting.array(value)[0]}".strip(), role)]
    heat = pooled(np.asarray(value)) if maps else None
    return rows if heat is None else [*rows, LabelRow("", role, heat=heat)]


def pooled(value: Any) -> Any:
    """A large matrix as a small one of block means, for a heat map; None for any other array."""
    if value.ndim != 2 or min(value.shape) < 2 or value.size < 12 or value.dtype.kind not in "fiu":
        return None
    for axis, most in enumerate(HEAT):
        blocks = np.array_split(np.arange(value.shape[axis]), min(most, value.shape[axis]))
        value = np.stack([np.take(value, b, axis=axis).mean(axis=axis) for b in blocks], axis=axis)
    return value if np.isfinite(value).all() and value.min() < value.max() else None


def box(item: Item, scene: Scene, style: Style, state: State, repeated: bool = False) -> dict[str, str]:
    """The attributes of a box, or of its repeated name."""
    theme = style.theme
    seen = item.key in state.now or item.key in state.known
    fill = theme.fills[item.kind] if seen else theme.background
    changes = {"added": theme.added, "removed": theme.removed, "changed": theme.accent, "wrong": theme.removed}
    border = changes.get(item.change, theme.ink) if seen else theme.faint
    if item.key in state.now:  # by colour only: a wider pen would move the lines
        border, fill = theme.accent, blend(fill, theme.accent, 0.22)
    colour = {
        "name": theme.ink if seen else blend(theme.faint, theme.ink, 0.3),
        "dim": theme.dim if seen else fill,
        "value": theme.value if item.key in state.values else fill,
        "gradient": theme.gradient if item.key in state.gradients else fill,
    }
    rows = [[LabelRow(_head(item), "name", LARGE, True)]] if repeated else label_rows(item, scene, style)
    cells = "".join(_row(r, colour, theme, fill) for r in rows)
    label = f'<<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="1">{cells}</TABLE>>'
    return {**SHAPES[item.kind], "id": item.key, "label": label, "fillcolor": fill, "color": border, "tooltip": " "}


def _row(rows: Sequence[LabelRow], colours: Mapping[str, str], theme: Theme, fill: str) -> str:
    """A row of the label's table."""
    if rows[0].matrix:
        return f"<TR><TD>{_matrices(rows, colours)}</TD></TR>"
    (r,) = rows
    colour = colours[r.role]
    if r.heat is not None:
        return f"<TR><TD>{_heat(r.heat, theme, fill if colour == fill else None)}</TD></TR>"
    text = f"<B>{escape.dot(r.text) or ' '}</B>" if r.bold else escape.dot(r.text)
    return f"<TR><TD>{font(text, r.size, colour)}</TD></TR>"


def font(text: str, size: int, colour: str) -> str:
    """Escaped text in a size, in points, and a colour."""
    return f'<FONT POINT-SIZE="{size}" COLOR="{colour}">{text or " "}</FONT>'  # an empty element is an error


def _matrices(rows: Sequence[LabelRow], colours: Mapping[str, str]) -> str:
    """Matrices of equal shape side by side: numbers in aligned columns, and brackets, which are cells with three sides.

    The table has a fixed size, since Graphviz would stretch it to the width of the box.
    """
    count = len(rows[0].matrix)
    lines = [""] * count
    wide = 0.0
    for r in rows:
        colour = colours[r.role]
        bracket = f'<TD ROWSPAN="{count}" BORDER="1" COLOR="{colour}" WIDTH="4" SIDES="%s"></TD>'
        if r is not rows[0]:
            lines[0] += f'<TD ROWSPAN="{count}" WIDTH="10"></TD>'
        if r.text:
            lines[0] += f'<TD ROWSPAN="{count}">{font(escape.dot(r.text), r.size, colour)}</TD>'
        lines[0] += bracket % "LTB"
        for k, entries in enumerate(r.matrix):
            lines[k] += "".join(f'<TD ALIGN="RIGHT">{font(f" {x}", r.size, colour)}</TD>' for x in entries)
        lines[0] += f'<TD ROWSPAN="{count}" WIDTH="3"></TD>' + bracket % "RTB"
        wide += 18 + 10 * (r is not rows[0]) + _width(r.text, r.size)
        wide += sum(max(_width(f" {x}", r.size) for x in c) + 2 for c in zip(*r.matrix, strict=True))
    sizes = f'FIXEDSIZE="TRUE" WIDTH="{wide:.0f}" HEIGHT="{(1.2 * rows[0].size + 2.5) * count:.0f}"'
    cells = "".join(f"<TR>{line}</TR>" for line in lines)
    return f'<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="1" {sizes}>{cells}</TABLE>'


def _width(text: str, size: int) -> float:
    """An upper bound of the width of text, in points."""
    return size * sum({".": 0.28, " ": 0.28, "-": 0.34}.get(c, 0.6) for c in text)


def _heat(value: Any, theme: Theme, hidden: str | None) -> str:
    most = float(np.abs(value).max()) or 1.0
    lines = []
    for line in value.tolist():
        cells = []
        for x in line:
            sign = theme.positive if x >= 0 else theme.negative
            colour = hidden or f"{sign}{int(255 * min(1.0, abs(x) / most)):02x}"
            cells.append(f'<TD BGCOLOR="{colour}" FIXEDSIZE="TRUE" WIDTH="7" HEIGHT="7"></TD>')
        lines.append(f"<TR>{''.join(cells)}</TR>")
    sizes = f'FIXEDSIZE="TRUE" WIDTH="{7 * value.shape[1]}" HEIGHT="{7 * value.shape[0]}"'
    return f'<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="0" {sizes}>{"".join(lines)}</TABLE>'


# ---------------------------------------------------------------------------------------------------- lines


def partial_rows(line: Line, scene: Scene, style: Style) -> list[LabelRow]:
    """The label of a line: the symbol, the formula, and the value if it is small, otherwise its shape."""
    if not style.partials or not line.symbol:
        is_new = line.shape and not line.symbol and line.shape != scene.item(line.tail).shape
        return [LabelRow(formatting.shape(line.shape), "dim")] if is_new else []
    is_value = line.formula is not None and line.formula.row is None and line.formula.role != "name"
    is_value &= line.value is not None
    source = "" if is_value else line.source()
    value = ""
    if line.value is not None:
        entries = formatting.array(line.value)
        is_short = len(entries) == 1 and np.size(line.value) <= formatting.COLUMNS
        value = f"= {entries[0]}" if is_short else formatting.shape(np.shape(line.value))
    symbol = LabelRow(formatting.clipped(line.written, 28), "symbol", SMALL, True)
    texts = (f"= {source}" if source else "", value, line.note)
    return [symbol, *(LabelRow(text, "formula") for text in texts if text)]


#: The label of a line without one, which keeps it clear of the others' labels.
_SPACE = '<<TABLE BORDER="0"><TR><TD WIDTH="40" HEIGHT="4"></TD></TR></TABLE>>'


def add_line(graph: Any, line: Line, tail: str, scene: Scene, style: Style, state: State) -> None:
    """Add a line from `tail` to the DOT graph."""
    theme = style.theme
    is_now, is_shown = line.key in state.now, line.key in state.partials
    colour = {"added": theme.added, "": theme.ink if line.combine else theme.cluster}.get(line.change, theme.removed)
    if is_now or line.key not in state.known:
        colour = theme.accent if is_now else theme.faint
    roles = {"symbol": theme.partial, "formula": theme.partial, "dim": theme.cluster}
    if is_now or not is_shown:
        roles = dict.fromkeys(roles, theme.accent if is_shown else theme.background)
    # Unlike a wider pen, bold does not change the layout.
    looks = ["dashed"] * (not line.combine) + ["bold"] * (is_now or bool(line.change))
    attributes = {"id": f"e{line.key}", "color": colour, "tooltip": " "}
    if looks:
        attributes["style"] = ",".join(looks)
    rows = partial_rows(line, scene, style)
    if not rows and style.partials and scene.has_partials:
        attributes["label"] = _SPACE
    if rows:
        cells = "".join(_row([r], roles, theme, theme.background) for r in rows)
        cells += '<TR><TD HEIGHT="5"></TD></TR>'  # keeps the line clear of the last row
        label = f'<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="1">{cells}</TABLE>'
        if style.direction == "TB":  # the label stands beside the line
            label = f'<TABLE BORDER="0" CELLBORDER="0"><TR><TD WIDTH="4"></TD><TD>{label}</TD></TR></TABLE>'
        attributes["label"] = f"<{label}>"
    graph.edge(tail, line.head, **attributes)


# ----------------------------------------------------------------------------------------------------- foot


def foot(scene: Scene, style: Style) -> str:
    """The legend and the notes, below the picture or its title."""
    theme = style.theme
    cells = ""
    if style.legend:
        present = {item.kind for item in scene.items}
        cells += "".join(_sample(kind, theme) for kind in KINDS if kind in present)
        if scene.has_partials and style.partials:
            cells += f"<TD>{font('∂y/∂x on a line: its partial derivative', SMALL, theme.partial)}</TD>"
        if style.rows:
            cells += f"<TD>{font('oval: a box shown elsewhere', SMALL, theme.dim)}</TD>"
    lines = [f"<TR>{cells}</TR>"] if cells else []
    lines += [
        f'<TR><TD ALIGN="LEFT" COLSPAN="16"><FONT POINT-SIZE="{SMALL}">{escape.dot(n)}</FONT></TD></TR>'
        for n in scene.notes
    ]
    if not lines:
        return ""
    table = f'<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="6">{"".join(lines)}</TABLE>'
    return f'<TR><TD ALIGN="LEFT">{table}</TD></TR>'


def _sample(kind: str, theme: Theme) -> str:
    cell = f'<TD BGCOLOR="{theme.fills[kind]}"><FONT POINT-SIZE="{SMALL}"> {kind} </FONT></TD>'
    sample = f'<TABLE {_BORDERS[kind]} CELLBORDER="0" CELLPADDING="2" COLOR="{theme.ink}"><TR>{cell}</TR></TABLE>'
    if kind == "loss":
        looks = 'BORDER="1" CELLBORDER="0" CELLPADDING="1" CELLSPACING="0" STYLE="rounded"'
        outer = f'{looks} COLOR="{theme.ink}"'
        sample = f"<TABLE {outer}><TR><TD>{sample}</TD></TR></TABLE>"
    return f"<TD>{sample}</TD>"
