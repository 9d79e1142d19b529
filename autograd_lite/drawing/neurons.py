"""The net as circles and lines: a column of neurons for each layer, a line for each weight.

The layers are found in the graph: each product with a matrix of parameters, the bias, and the elementwise function.
Positions are computed here, so pictures of the same net have the same layout.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..base import escape
from ..derive.writing import symbol
from ..engine.backward import pull_back
from ..engine.node import ANY, Node, ancestors
from ..engine.replay import replay
from ..program.naming import assigned, short_names
from . import formatting
from .dot import FONT, SMALL, Style
from .scene import Item, Line, Scene
from .subject import Subject

ACROSS, DOWN, WIDE = 190, 70, 6.0  # points: between columns, between neurons, the widest line
SUBSCRIPT = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


@dataclass(frozen=True)
class Column:
    """A layer: its name, the formula above it, and a value for each neuron."""

    name: str
    formula: str
    values: Any
    kind: str = "result"

    def shown(self, most: int) -> list[int | None]:
        """Which neurons are drawn; None stands for those that are not."""
        count = len(self.values)
        return [*range(count)] if count <= most else [*range(most - 2), None, count - 1]


@dataclass(frozen=True)
class Net:
    """Columns, and for each two adjacent ones the matrix that the lines show."""

    columns: tuple[Column, ...]
    weights: tuple[Any, ...]
    matrix_names: tuple[str, ...]
    loss: tuple[str, Any] | None
    most: int
    scale: float
    example: int
    count: int

    def scene(self) -> Scene:
        """The net as a scene: a box for each neuron, a line for each weight."""
        items, lines = [], []
        for c, column in enumerate(self.columns):
            for k in column.shown(self.most):
                if k is not None:
                    value = np.asarray(column.values[k])
                    items.append(Item(f"c{c}n{k}", column.kind, label(column, k), value=value, shape=()))
        for c, i, j, w in self.lines():
            tail, head = f"c{c}n{i}", f"c{c + 1}n{j}"
            note = f"{self.matrix_names[c]}[{i + 1},{j + 1}] = {formatting.number(w)}"
            lines.append(Line(f"{tail}_{head}", tail, head, value=np.asarray(w), note=note))
        if self.loss is not None:
            items.append(Item("loss", "loss", self.loss[0], value=self.loss[1], shape=()))
        return Scene(tuple(items), tuple(lines), loss="loss" if self.loss else items[-1].key)

    def lines(self) -> Iterator[tuple[int, int, int, float]]:
        """Each drawn line: its column, the neurons at its ends, and its value."""
        for c, matrix in enumerate(self.weights):
            for i in self.columns[c].shown(self.most):
                for j in self.columns[c + 1].shown(self.most):
                    if i is not None and j is not None:
                        yield c, i, j, float(matrix[i, j])


def label(column: Column, k: int) -> str:
    """``b₂``: the layer's letter in lower case, with the neuron's number."""
    word = column.name.lower() if len(column.name) == 1 else column.name
    return f"{word}{str(k + 1).translate(SUBSCRIPT)}"


def neurons(
    subject: Subject, lines: str = "weights", example: int = 0, most: int = 8, scale: float | None = None
) -> Net:
    """Find the layers of a result.

    Parameters
    ----------
    subject : Subject
    lines : {"weights", "gradients"}
        What the colour and width of the lines show: ``w``, or ``dL/dw``.
    example : int
        The row of the batch whose values are shown.
    most : int
        The largest number of neurons of a layer that are drawn.
    scale : float, optional
        The value of the widest line; by default the largest one. Pass the same to pictures that will be compared.

    Raises
    ------
    ValueError
        If there is no product with a matrix of parameters.
    """
    if lines not in ("weights", "gradients"):
        raise ValueError(f'neurons: expected lines="weights" or "gradients", got {lines!r}')
    if most < 3:
        raise ValueError(f"neurons: expected most >= 3, got {most}")
    found = _Finder(subject)
    products = found.products()
    if not products:
        raise ValueError("neurons: no layer was found: nothing is the product of an array with a matrix of parameters")
    letters = short_names([*subject.names, *subject.claimed.values()])
    columns, weights, matrix_names = [found.column_of(products[0][1], "input", example)], [], []
    for n, _, w in products:
        columns.append(found.column(n, example, next(letters)))
        weights.append(found.weight(n, w, lines))
        word = found.word(found.leaf(n.parents[w], n.xs[w]), "w")
        matrix_names.append(word if lines == "weights" else f"∂{found.word(subject.roots[0], 'L')}/∂{word}")
    for c, matrix in enumerate(weights):
        if matrix.shape != (len(columns[c].values), len(columns[c + 1].values)):
            raise ValueError(
                f"neurons: expected a chain of layers, got {matrix_names[c]} of shape {matrix.shape} between layers of "
                f"{len(columns[c].values)} and {len(columns[c + 1].values)} neurons"
            )
    loss = None
    if subject.is_loss and subject.roots[0].shape in ((), (1,), (1, 1)):
        loss = (found.word(subject.roots[0], "L"), found.values[subject.roots[0]])
    largest = max(float(np.abs(m).max(initial=0.0)) for m in weights)
    count = found.count(products[0][1])
    return Net(tuple(columns), tuple(weights), tuple(matrix_names), loss, most, scale or largest or 1.0, example, count)


class _Finder:
    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self.nodes = ancestors(subject.roots, ANY)[::-1]
        self.values = replay(self.nodes)
        self.users: dict[Node, list[Node]] = {}
        for n in self.nodes:
            for p in n.parents:
                if p is not None:
                    self.users.setdefault(p, []).append(n)
        self.stored = {} if subject.claimed else dict(assigned(self.nodes))
        self.names = {
            t._node: w
            for w, t in subject.names.items()
            if getattr(t, "_node", None) is not None and not w.startswith("_")
        }

    def word(self, n: Any, otherwise: str) -> str:
        """The name of a node, or of an array."""
        if isinstance(n, Node):
            return n.name or self.subject.claimed.get(n) or self.names.get(n) or self.stored.get(n) or otherwise
        return next((w for w, a in self.subject.names.items() if a is n), otherwise)

    def leaf(self, n: Node | None, x: Any) -> Any:
        """A factor behind its transposes: an input, or an array that is not a tensor."""
        turns = ("transpose", "matrix transpose", "swap of axes")
        while n is not None and n.row is not None and n.row.algebra in turns:
            x, n = n.xs[0], n.parents[0]
        return n if n is not None else x

    def products(self) -> list[tuple[Node, tuple[Node | None, Any], int]]:
        """Each product with a matrix of parameters: its node, its other factor, and the position of the matrix."""
        found: list[tuple[Node, tuple[Node | None, Any], int]] = []
        for n in self.nodes:
            if n.row is None or n.row.algebra not in ("matrix product", "dot product", "affine map"):
                continue
            leaves = [self.leaf(p, x) for p, x in zip(n.parents, n.xs, strict=True)]
            if _is_parameter(leaves[1], 2) and len(n.shape) in (1, 2):
                found.append((n, (n.parents[0], n.xs[0]), 1))
        return found

    def activation(self, n: Node) -> Node:
        """The last of the elementwise steps after a product: a bias, then functions of one argument."""
        while True:
            users = self.users.get(n, [])
            after = users[0] if len(users) == 1 else None
            if after is None or after.row is None or after.shape != n.shape:
                return n
            if after.row.kind not in ("elementwise", "general"):
                return n
            others = [self.leaf(p, x) for p, x in zip(after.parents, after.xs, strict=True) if p is not n]
            bias = after.row.algebra == "sum" and all(map(_is_parameter, others))
            if others and not bias:
                return n
            n = after

    def column(self, n: Node, example: int, letter: str) -> Column:
        """The layer of a product; it is called `letter` if it has no name of its own."""
        last = self.activation(n)
        pre, post = self.word(n, ""), self.word(last, "")
        function = symbol(last.row) if last.row is not None and last is not n else ""
        formula = f"{post} = {function}({pre})" if pre and post and function and pre != post else function or post
        if formula and not post and not pre:
            formula = f"{letter} = {formula}(…)"
        return Column(post or pre or letter, formula, self.row(self.values[last], example))

    def column_of(self, factor: tuple[Node | None, Any], kind: str, example: int) -> Column:
        n, x = factor
        word = self.word(n if n is not None else x, "x")
        value = self.values.get(n, n.y) if n is not None else x
        return Column(word, word, self.row(value, example), kind)

    def row(self, value: Any, example: int) -> Any:
        value = np.asarray(value)
        if value.ndim == 2 and not -len(value) <= example < len(value):
            raise ValueError(f"neurons: expected example < {len(value)}, the size of the batch, got {example}")
        return np.array(value[example] if value.ndim == 2 else value)  # a copy: parameters are updated in place

    def count(self, factor: tuple[Node | None, Any]) -> int:
        n, x = factor
        shape = n.shape if n is not None else np.shape(x)
        return shape[0] if len(shape) == 2 else 1

    def weight(self, n: Node, k: int, lines: str) -> Any:
        p = n.parents[k]
        assert p is not None
        lying = n.row is not None and n.row.algebra == "affine map"  # its matrix has a row for each result
        if lines == "weights":
            matrix = np.asarray(self.values.get(p, p.y))
        else:
            root = self.subject.roots[0]
            pulled = pull_back({root: np.ones(root.shape, root.dtype)}, [p])
            matrix = np.asarray(pulled[p]) if p in pulled else np.zeros(p.shape)
        return np.array(matrix.T if lying else matrix)


# ------------------------------------------------------------------------------------------------------- DOT


def dot(net: Net, style: Style, caption_width: int = 0) -> str:
    """DOT text with fixed positions."""
    import graphviz  # as in the module dot

    theme = style.theme
    font = {"fontname": FONT, "fontsize": str(SMALL), "fontcolor": theme.ink}
    graph = graphviz.Digraph(
        graph_attr={"bgcolor": theme.background, "outputorder": "edgesfirst", "pad": "0.2", "splines": "line"},
        node_attr={
            **font, "color": theme.ink, "shape": "circle", "fixedsize": "true", "width": "0.8", "style": "filled",
        },
        edge_attr={"dir": "none"},
    )  # fmt: skip
    tallest = max(len(c.shown(net.most)) for c in net.columns)
    top = (tallest - 1) * DOWN / 2
    for c, column in enumerate(net.columns):
        _column(graph, c, column, net.most, style)
        _text(graph, f"head{c}", column.formula, f"{c * ACROSS},{top + 56:g}!", theme.ink, 13)
    for c, i, j, w in net.lines():
        graph.edge(f"c{c}n{i}", f"c{c + 1}n{j}", id=f"ec{c}n{i}_c{c + 1}n{j}", **_look(w, net.scale, style))
    if net.loss is not None:
        name, value = net.loss
        number = formatting.array(value)[0] if style.values else ""
        _circle(graph, "loss", name, number, f"{len(net.columns) * ACROSS},0!", theme.fills["loss"], "loss")
        for k in net.columns[-1].shown(net.most):
            if k is not None:
                graph.edge(f"c{len(net.columns) - 1}n{k}", "loss", color=theme.cluster, penwidth="1")
    if style.title or caption_width:
        _title(graph, style, caption_width, top)
    if style.legend:
        _legend(graph, net, style, top)
    return str(graph.source)


def _column(graph: Any, c: int, column: Column, most: int, style: Style) -> None:
    theme, shown = style.theme, column.shown(most)
    for at, k in enumerate(shown):
        place = f"{c * ACROSS},{((len(shown) - 1) / 2 - at) * DOWN:g}!"
        if k is None:
            rest = f"… {len(column.values) - most + 1} more"
            _text(graph, f"c{c}rest", rest, place, theme.ink, SMALL, 90, theme.background)
        else:
            number = formatting.number(column.values[k]) if style.values else ""
            _circle(graph, f"c{c}n{k}", label(column, k), number, place, theme.fills[column.kind], column.kind)


def _title(graph: Any, style: Style, caption_width: int, top: float) -> None:
    size = max(caption_width, 9 * len(style.title), 40)
    text = f'<FONT COLOR="{style.theme.ink}" POINT-SIZE="15">{escape.dot(style.title) or " "}</FONT>'
    cell = f'<TR><TD ALIGN="LEFT" FIXEDSIZE="TRUE" WIDTH="{size}" HEIGHT="24">{text}</TD></TR>'
    table = f'<<TABLE BORDER="0" CELLBORDER="0" CELLPADDING="0">{cell}</TABLE>>'
    place, width = f"{size / 2 - 30:g},{top + 96:g}!", f"{size / 72 + 0.2:.3f}"
    graph.node("title", table, pos=place, shape="plaintext", style="", width=width, height="0.4")


def _legend(graph: Any, net: Net, style: Style, top: float) -> None:
    what = "the weight" if "∂" not in net.matrix_names[0] else "the gradient of the weight"
    lines = [f"Lines: {', '.join(net.matrix_names)}. Width: size of {what}; solid positive, dashed negative."]
    if net.count > 1 and style.values:
        loss = f"; {net.loss[0]}: all {net.count} examples" if net.loss is not None else ""
        lines.append(f"Circles: example {net.example % net.count + 1} of {net.count}{loss}.")
    text = "".join(f'{escape.dot(line)}<BR ALIGN="LEFT"/>' for line in lines)
    wide = 5.6 * max(map(len, lines))
    graph.node(
        "legend", f'<<FONT COLOR="{style.theme.ink}" POINT-SIZE="{SMALL}">{text}</FONT>>', shape="plaintext", style="",
        pos=f"{wide / 2 - DOWN / 2:g},{-top - DOWN:g}!", width=f"{wide / 72:.3f}", height="0.6",
    )  # fmt: skip


def _circle(graph: Any, key: str, name: str, number: str, place: str, fill: str, kind: str) -> None:
    text = f"<B>{escape.dot(formatting.clipped(name, 8))}</B>"
    text += f'<BR/><FONT POINT-SIZE="{SMALL}">{escape.dot(number)}</FONT>' if number else ""
    more = {"loss": {"shape": "doublecircle"}, "input": {"style": "filled,dashed"}}.get(kind, {})
    graph.node(key, f"<{text}>", pos=place, id=key, fillcolor=fill, tooltip=" ", **more)


def _text(
    graph: Any, key: str, text: str, place: str, colour: str, size: int, wide: float = 150, fill: str = ""
) -> None:
    label = f'<<FONT COLOR="{colour}" POINT-SIZE="{size}">{escape.dot(text) or " "}</FONT>>'
    behind = {"style": "filled", "fillcolor": fill} if fill else {"style": ""}  # lines end behind it
    graph.node(key, label, pos=place, shape="plaintext", **behind, width=f"{wide / 72:.3f}", height="0.3")


def _look(w: float, scale: float, style: Style) -> dict[str, str]:
    share = min(1.0, abs(w) / scale) if np.isfinite(w) else 1.0
    colour = style.theme.positive if w >= 0 else style.theme.negative
    width, dashes = f"{0.3 + (WIDE - 0.3) * share:.3f}", "solid" if w >= 0 else "dashed"
    return {"color": colour, "penwidth": width, "style": dashes, "tooltip": " "}


def _is_parameter(x: Any, ndim: int | None = None) -> bool:
    return isinstance(x, Node) and x.row is None and x.requires_grad and ndim in (None, len(x.shape))
