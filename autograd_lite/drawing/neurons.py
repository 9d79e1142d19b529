"""The net as circles and lines: a column of neurons for each layer, a line for each weight.

The layers are found in the graph: each product with a matrix of parameters, the bias, and the elementwise function.
Positions are computed here, so pictures of the same net have the same layout.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..base import escape
from ..derive.writing import symbol
from ..program import Var
from ..program.equation import Equation
from ..program.naming import short_names
from ..program.slopes import gradients
from . import formatting
from .dot import FONT, LARGE, SMALL, Style, font, headline
from .scene import Item, Line, Scene
from .subject import Subject, has_one_entry
from .themes import Theme

ACROSS, DOWN, WIDE = 190, 70, 6.0  # points: between columns, between neurons, the widest line
SUBSCRIPT = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


@dataclass(frozen=True)
class Column:
    """A layer: its name, the formula above it, and a value for each neuron, of which `most` are drawn."""

    name: str
    formula: str
    values: Any
    most: int
    kind: str = "result"

    @property
    def shown(self) -> list[int | None]:
        """Which neurons are drawn; None stands for those that are not."""
        count = len(self.values)
        return [*range(count)] if count <= self.most else [*range(self.most - 2), None, count - 1]

    @property
    def drawn(self) -> list[int]:
        return [k for k in self.shown if k is not None]


@dataclass(frozen=True)
class Net:
    """Columns, and for each two adjacent ones the matrix that the lines show, with the value of the widest line."""

    columns: tuple[Column, ...]
    weights: tuple[Any, ...]
    matrix_names: tuple[str, ...]
    loss: tuple[str, Any] | None
    scale: float
    note: str  # which example of a batch the circles show

    def scene(self) -> Scene:
        """The net as a scene: a box for each neuron, a line for each weight."""
        items = [
            Item(f"c{c}n{k}", column.kind, label(column, k), value=np.asarray(column.values[k]), shape=())
            for c, column in enumerate(self.columns)
            for k in column.drawn
        ]
        lines = []
        for c, i, j, w in self.lines():
            tail, head = f"c{c}n{i}", f"c{c + 1}n{j}"
            note = f"{self.matrix_names[c]}[{i + 1},{j + 1}] = {formatting.number(w)}"
            lines.append(Line(f"{tail}_{head}", tail, head, value=np.asarray(w), note=note))
        if self.loss is not None:
            items.append(Item("loss", "loss", self.loss[0], value=self.loss[1], shape=()))
        return Scene(tuple(items), tuple(lines), loss=items[-1].key)

    def lines(self) -> Iterator[tuple[int, int, int, float]]:
        """Each drawn line: its column, the neurons at its ends, and its value."""
        for c, matrix in enumerate(self.weights):
            for i in self.columns[c].drawn:
                for j in self.columns[c + 1].drawn:
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
    net = _Finder(subject, example, most)
    products = [eq for eq in net.program.equations if net.is_product(eq)]
    if not products:
        raise ValueError("neurons: no layer was found: nothing is the product of an array with a matrix of parameters")
    root, first = net.program.outputs[0], products[0].x
    result, batch = net.name(root, "L"), np.shape(net.value(first))
    letters = short_names([*net.program.constants, *(v.name for v in net.program.named)])
    columns = [net.input(first), *map(net.layer, products, letters)]
    matrix_names = [net.name(net.factor(eq, 1), "w") for eq in products]
    shown = net.values
    if lines == "gradients":
        shown = gradients(net.program, dict.fromkeys(eq.operands[1] for eq in products))
        matrix_names = [f"∂{result}/∂{word}" for word in matrix_names]
    weights = [np.array(shown[eq.operands[1]]) for eq in products]
    # The matrix of an affine map has a row for each result.
    weights = [w.T if eq.algebra == "affine map" else w for eq, w in zip(products, weights, strict=True)]
    for matrix, name, left, right in zip(weights, matrix_names, columns, columns[1:], strict=False):
        if matrix.shape != (len(left.values), len(right.values)):
            raise ValueError(
                f"neurons: expected a chain of layers, got {name} of shape {matrix.shape} between layers of "
                f"{len(left.values)} and {len(right.values)} neurons"
            )
    loss = (result, net.values[root]) if subject.is_loss and has_one_entry(root) else None
    note = ""
    if len(batch) == 2 and batch[0] > 1:
        note = f"Circles: example {example % batch[0] + 1} of {batch[0]}"
        note += f"; {result}: all {batch[0]} examples." if loss else "."
    scale = scale or max(float(np.abs(m).max(initial=0.0)) for m in weights) or 1.0
    return Net(tuple(columns), tuple(weights), tuple(matrix_names), loss, scale, note)


class _Finder:
    """The layers of a result, with the values of one example."""

    def __init__(self, subject: Subject, example: int, most: int) -> None:
        self.subject, self.example, self.most = subject, example, most
        self.program = replace(subject.program, outputs=(subject.root,))
        self.values, self.defined, self.users = self.program.values, self.program.defined, self.program.users

    def name(self, x: Any, otherwise: str = "") -> str:
        """The user's name of a variable or an array."""
        if isinstance(x, Var):
            return x.name if x in self.program.named else otherwise
        return next((word for word, array in self.program.constants.items() if array is x), otherwise)

    def value(self, x: Any) -> Any:
        return np.asarray(self.values[x] if isinstance(x, Var) else x)

    def factor(self, eq: Equation, k: int) -> Any:
        """What operand `k` of an equation is behind its transposes."""
        x = eq.operands[k]
        maker = self.defined.get(x) if isinstance(x, Var) else None
        return self.factor(maker, 0) if maker is not None and maker.algebra in _TURNS else x

    def is_parameter(self, x: Any) -> bool:
        return isinstance(x, Var) and x in self.program.captured and self.program.captured[x].requires_grad

    def is_product(self, eq: Equation) -> bool:
        """Whether an equation is a product with a matrix of parameters."""
        if eq.algebra not in _PRODUCTS or eq.y.ndim not in (1, 2):
            return False
        matrix = self.factor(eq, 1)
        return self.is_parameter(matrix) and matrix.ndim == 2

    def activation(self, eq: Equation) -> Equation:
        """The last of the elementwise steps after a product: a bias, then functions of one argument."""
        while len(eq.outputs) == 1 and len(users := self.users[eq.y]) == 1:
            (before,), after = eq.outputs, users[0]
            if after.y.shape != before.shape or after.row.kind not in ("elementwise", "general"):
                break
            others = [self.factor(after, k) for k, x in enumerate(after.operands) if x is not before]
            if others and not (after.algebra == "sum" and all(map(self.is_parameter, others))):
                break
            eq = after
        return eq

    def layer(self, eq: Equation, letter: str) -> Column:
        """The layer of a product; it is called `letter` if it has no name of its own."""
        last = self.activation(eq)
        pre, post = self.name(eq.y), self.name(last.y)
        function = symbol(last.row) if last is not eq else ""
        formula = f"{post} = {function}({pre})" if pre and post and function and pre != post else function or post
        if formula and not post and not pre:
            formula = f"{letter} = {formula}(…)"
        return Column(post or pre or letter, formula, self.row(last.y), self.most)

    def input(self, x: Any) -> Column:
        word = self.name(x, "x")
        return Column(word, word, self.row(x), self.most, "input")

    def row(self, x: Any) -> Any:
        """The values of one example."""
        value = self.value(x)
        if value.ndim < 2:
            return value.copy()  # parameters are updated in place
        if not -len(value) <= self.example < len(value):
            raise ValueError(f"neurons: expected example < {len(value)}, the size of the batch, got {self.example}")
        return value[self.example].copy()


_PRODUCTS = ("matrix product", "dot product", "affine map")
_TURNS = ("transpose", "matrix transpose", "swap of axes")


# ------------------------------------------------------------------------------------------------------- DOT


def dot(net: Net, style: Style, caption_width: int = 0) -> str:
    """DOT text with fixed positions."""
    import graphviz  # as in the module dot

    theme = style.theme
    graph = graphviz.Digraph(
        graph_attr={"bgcolor": theme.background, "outputorder": "edgesfirst", "pad": "0.2", "splines": "line"},
        node_attr={
            "fontname": FONT, "fontsize": str(SMALL), "fontcolor": theme.ink, "color": theme.ink, "shape": "circle",
            "fixedsize": "true", "width": "0.8", "style": "filled",
        },
        edge_attr={"dir": "none"},
    )  # fmt: skip
    top = (max(len(column.shown) for column in net.columns) - 1) * DOWN / 2
    for c, column in enumerate(net.columns):
        for at, k in enumerate(column.shown):
            y = ((len(column.shown) - 1) / 2 - at) * DOWN
            if k is None:  # lines end behind it
                rest = font(f"… {len(column.values) - column.most + 1} more", SMALL, theme.ink)
                _text(graph, f"c{c}rest", rest, c * ACROSS, y, 90, style="filled", fillcolor=theme.background)
            else:
                number = formatting.number(column.values[k]) if style.values else ""
                _circle(graph, f"c{c}n{k}", label(column, k), number, c * ACROSS, y, style, column.kind)
        _text(graph, f"head{c}", font(escape.dot(column.formula), LARGE, theme.ink), c * ACROSS, top + 56, 150)
    for c, i, j, w in net.lines():
        graph.edge(f"c{c}n{i}", f"c{c + 1}n{j}", id=f"ec{c}n{i}_c{c + 1}n{j}", **_look(w, net.scale, theme))
    if net.loss is not None:
        name, value = net.loss
        number = formatting.array(value)[0] if style.values else ""
        _circle(graph, "loss", name, number, len(net.columns) * ACROSS, 0, style, "loss")
        for k in net.columns[-1].drawn:
            graph.edge(f"c{len(net.columns) - 1}n{k}", "loss", color=theme.cluster, penwidth="1")
    if style.title or caption_width:
        wide = max(caption_width, 9 * len(style.title), 40)
        title = headline(style.title, wide, theme, 24)
        table = f'<TABLE BORDER="0" CELLBORDER="0" CELLPADDING="0">{title}</TABLE>'
        _text(graph, "title", table, wide / 2 - 30, top + 96, wide + 14.4, height="0.4")
    if style.legend:
        what = "the weight" if "∂" not in net.matrix_names[0] else "the gradient of the weight"
        lines = [f"Lines: {', '.join(net.matrix_names)}. Width: size of {what}; solid positive, dashed negative."]
        if net.note and style.values:
            lines.append(net.note)
        text = "".join(f'{escape.dot(line)}<BR ALIGN="LEFT"/>' for line in lines)
        long = 5.6 * max(map(len, lines))
        _text(graph, "legend", font(text, SMALL, theme.ink), (long - DOWN) / 2, -top - DOWN, long, height="0.6")
    return str(graph.source)


def _circle(graph: Any, key: str, name: str, number: str, x: float, y: float, style: Style, kind: str) -> None:
    text = f"<B>{escape.dot(formatting.clipped(name, 8))}</B>"
    text += f'<BR/><FONT POINT-SIZE="{SMALL}">{escape.dot(number)}</FONT>' if number else ""
    looks = {"loss": {"shape": "doublecircle"}, "input": {"style": "filled,dashed"}}.get(kind, {})
    fill = style.theme.fills[kind]
    graph.node(key, f"<{text}>", pos=f"{x},{y:g}!", id=key, fillcolor=fill, tooltip=" ", **looks)


def _text(graph: Any, key: str, text: str, x: float, y: float, wide: float, **looks: str) -> None:
    """Add text; `wide` is in points."""
    looks = {"style": "", "height": "0.3", "shape": "plaintext", **looks}
    graph.node(key, f"<{text}>", pos=f"{x:g},{y:g}!", width=f"{wide / 72:.3f}", **looks)


def _look(w: float, scale: float, theme: Theme) -> dict[str, str]:
    share = min(1.0, abs(w) / scale) if np.isfinite(w) else 1.0
    colour, dashes = (theme.positive, "solid") if w >= 0 else (theme.negative, "dashed")
    return {"color": colour, "penwidth": f"{0.3 + (WIDE - 0.3) * share:.3f}", "style": dashes, "tooltip": " "}
