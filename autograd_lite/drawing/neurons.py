"""The net as circles and lines: a column of neurons for each layer, a line for each weight.

The layers are found in the graph itself: each product of a matrix with a parameter, what is added to it,
and the function that is applied entry by entry. Places are computed here, so pictures of one net can be
laid over one another.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..base import escape
from ..engine.backward import pull_back
from ..engine.node import ANY, Node, ancestors
from ..engine.replay import replay
from ..tracing.naming import assigned, short_names
from . import formatting
from .dot import FONT, Style
from .scene import Item, Line, Scene
from .subject import Subject

ACROSS, DOWN, WIDE = 190, 66, 6.0  # points between columns and neurons, and of the widest line
SUBSCRIPT = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


@dataclass(frozen=True)
class Column:
    """A layer: what it is called, the formula above it, and a value for each neuron."""

    name: str
    formula: str
    values: Any
    kind: str = "result"

    def shown(self, most: int) -> list[int | None]:
        """Which neurons are drawn; None stands for those that are left out."""
        count = len(self.values)
        return [*range(count)] if count <= most else [*range(most - 2), None, count - 1]


@dataclass(frozen=True)
class Net:
    """Columns, and between each two a matrix of what the lines show."""

    columns: tuple[Column, ...]
    weights: tuple[Any, ...]
    said: tuple[str, ...]  # what each matrix is called
    loss: tuple[str, Any] | None
    most: int
    scale: float
    example: int
    count: int

    def scene(self) -> Scene:
        """The same as data: a box for each neuron, a line for each weight."""
        items, lines = [], []
        for c, column in enumerate(self.columns):
            for k in column.shown(self.most):
                if k is not None:
                    value = np.asarray(column.values[k])
                    items.append(Item(f"c{c}n{k}", column.kind, label(column, k), value=value, shape=()))
        for c, i, j, w in self.lines():
            tail, head = f"c{c}n{i}", f"c{c + 1}n{j}"
            at = f"[{i + 1},{j + 1}]"
            lines.append(
                Line(
                    f"{tail}_{head}",
                    tail,
                    head,
                    symbol="",
                    value=np.asarray(w),
                    shape=None,
                    note=f"{self.said[c]}{at} = {formatting.number(w)}",
                )
            )
        if self.loss is not None:
            items.append(Item("loss", "loss", self.loss[0], value=self.loss[1], shape=()))
        return Scene(tuple(items), tuple(lines), loss="loss" if self.loss else items[-1].key)

    def lines(self) -> Iterator[tuple[int, int, int, float]]:
        """Each drawn line: its column, from which neuron to which, and its number."""
        for c, matrix in enumerate(self.weights):
            for i in self.columns[c].shown(self.most):
                for j in self.columns[c + 1].shown(self.most):
                    if i is not None and j is not None:
                        yield c, i, j, float(matrix[i, j])


def label(column: Column, k: int) -> str:
    """``b₂``: the layer's letter, small, with the neuron's number."""
    word = column.name.lower() if len(column.name) == 1 else column.name
    return f"{word}{str(k + 1).translate(SUBSCRIPT)}"


def neurons(
    subject: Subject,
    lines: str = "weights",
    example: int = 0,
    most: int = 8,
    scale: float | None = None,
) -> Net:
    """Find the layers under a result.

    Parameters
    ----------
    subject : Subject
    lines : {"weights", "gradients"}
        What colour and width of the lines show: ``w``, or ``dL/dw``.
    example : int
        Which row of a batch the values are those of.
    most : int
        Neurons of a layer that are drawn.
    scale : float, optional
        The number that the widest line stands for; by default the largest drawn. Give the same to pictures
        that are to be compared.

    Raises
    ------
    ValueError
        If there is no product with a parameter.
    """
    if lines not in ("weights", "gradients"):
        raise ValueError(f'neurons: lines is "weights" or "gradients", not {lines!r}')
    if most < 3:
        raise ValueError("neurons: most must be 3 or more")
    found = _Finder(subject)
    products = found.products()
    if not products:
        raise ValueError(
            "neurons: no layer was found: nothing here is the product of an array with a matrix of parameters"
        )
    letters = short_names([*subject.names, *subject.claimed.values()])
    columns, weights, said = [found.column_of(products[0][1], "input", example)], [], []
    for n, _, w in products:
        columns.append(found.column(n, example, next(letters)))
        weights.append(found.weight(n, w, lines))
        word = found.word(found.leaf(n.parents[w], n.xs[w]), "w")
        said.append(word if lines == "weights" else f"∂{found.word(subject.roots[0], 'L')}/∂{word}")
    for c, matrix in enumerate(weights):
        if matrix.shape != (len(columns[c].values), len(columns[c + 1].values)):
            raise ValueError(
                f"neurons: {said[c]} of shape {matrix.shape} does not lie between layers of "
                f"{len(columns[c].values)} and {len(columns[c + 1].values)} neurons: only a chain of layers "
                "can be drawn"
            )
    loss = None
    if subject.is_loss and subject.roots[0].shape in ((), (1,), (1, 1)):
        loss = (found.word(subject.roots[0], "L"), found.values[subject.roots[0]])
    largest = max(float(np.abs(m).max(initial=0.0)) for m in weights)
    count = found.count(products[0][1])
    return Net(
        tuple(columns), tuple(weights), tuple(said), loss, most, scale or largest or 1.0, example, count
    )


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
        """What a factor is, seen through transposes: an input, or an array that is no tensor."""
        turns = ("transpose", "matrix_transpose", "swapaxes")
        while n is not None and n.row is not None and n.row.name in turns:
            x, n = n.xs[0], n.parents[0]
        return n if n is not None else x

    def products(self) -> list[tuple[Node, tuple[Node | None, Any], int]]:
        """Each product with a matrix of parameters: its node, its other factor, and which factor the matrix
        is.
        """
        found: list[tuple[Node, tuple[Node | None, Any], int]] = []
        for n in self.nodes:
            if n.row is None or n.row.name not in ("matmul", "dot", "linear") or len(n.parents) < 2:
                continue
            leaves = [self.leaf(p, x) for p, x in zip(n.parents, n.xs, strict=True)]
            matrices = [
                k
                for k, f in enumerate(leaves)
                if isinstance(f, Node) and f.row is None and f.requires_grad and len(f.shape) == 2
            ]
            if 1 in matrices and len(n.shape) in (1, 2):
                found.append((n, (n.parents[0], n.xs[0]), 1))
        return found

    def activation(self, n: Node) -> Node:
        """The last of the steps on a product that go entry by entry: a bias, then functions of one
        argument.
        """
        while True:
            users = self.users.get(n, [])
            after = users[0] if len(users) == 1 else None
            if (
                after is None
                or after.row is None
                or after.row.kind not in ("elementwise", "general")
                or after.shape != n.shape
            ):
                return n
            others = [self.leaf(p, x) for p, x in zip(after.parents, after.xs, strict=True) if p is not n]
            bias = after.row.name == "add" and all(
                isinstance(f, Node) and f.row is None and f.requires_grad for f in others
            )
            if others and not bias:
                return n
            n = after

    def column(self, n: Node, example: int, letter: str) -> Column:
        """What a product became; it goes by `letter` if nothing on the way has a name."""
        last = self.activation(n)
        pre, post = self.word(n, ""), self.word(last, "")
        said = last.row.name if last.row is not None and last is not n else ""
        said = {"sigmoid": "σ"}.get(said, said)
        formula = f"{post} = {said}({pre})" if pre and post and said and pre != post else said or post
        return Column(
            post or pre or letter,
            formula if post or pre or not formula else f"{letter} = {formula}(…)",
            self.row(self.values[last], example),
        )

    def column_of(self, factor: tuple[Node | None, Any], kind: str, example: int) -> Column:
        n, x = factor
        word = self.word(n if n is not None else x, "x")
        value = self.values.get(n, n.y) if n is not None else x
        return Column(word, word, self.row(value, example), kind)

    def row(self, value: Any, example: int) -> Any:
        value = np.asarray(value)
        if value.ndim == 2 and not -len(value) <= example < len(value):
            raise ValueError(f"neurons: there is no example {example} in a batch of {len(value)}")
        return np.array(value[example] if value.ndim == 2 else value)  # a copy: parameters change in place

    def count(self, factor: tuple[Node | None, Any]) -> int:
        n, x = factor
        shape = n.shape if n is not None else np.shape(x)
        return shape[0] if len(shape) == 2 else 1

    def weight(self, n: Node, k: int, lines: str) -> Any:
        p = n.parents[k]
        assert p is not None
        lying = n.row is not None and n.row.name == "linear"  # which keeps a line of weights for each result
        if lines == "weights":
            matrix = np.asarray(self.values.get(p, p.y))
        else:
            root = self.subject.roots[0]
            pulled = pull_back({root: np.ones(root.shape, root.dtype)}, [p])
            matrix = np.asarray(pulled[p]) if p in pulled else np.zeros(p.shape)
        return np.array(matrix.T if lying else matrix)


# ------------------------------------------------------------------------------------------------------- DOT


def dot(net: Net | None, style: Style, caption_width: int = 0) -> str:
    """DOT text with every place fixed."""
    import graphviz

    assert net is not None
    theme = style.theme
    graph = graphviz.Digraph(
        graph_attr={
            "bgcolor": theme.background,
            "outputorder": "edgesfirst",
            "pad": "0.2",
            "splines": "line",
        },
        node_attr={
            "fontname": FONT,
            "fontsize": "11",
            "fontcolor": theme.ink,
            "color": theme.ink,
            "shape": "circle",
            "fixedsize": "true",
            "width": "0.68",
            "style": "filled",
        },
        edge_attr={"dir": "none"},
    )
    tallest = max(len(c.shown(net.most)) for c in net.columns)
    top = (tallest - 1) * DOWN / 2
    for c, column in enumerate(net.columns):
        shown = column.shown(net.most)
        for at, k in enumerate(shown):
            place = f"{c * ACROSS},{((len(shown) - 1) / 2 - at) * DOWN:g}!"
            if k is None:
                _words(
                    graph,
                    f"c{c}rest",
                    f"… {len(column.values) - net.most + 1} more",
                    place,
                    theme.ink,
                    11,
                    84,
                    theme.background,
                )
            else:
                number = formatting.number(column.values[k]) if style.values else ""
                _circle(
                    graph, f"c{c}n{k}", label(column, k), number, place, theme.fills[column.kind], column.kind
                )
        _words(graph, f"head{c}", column.formula, f"{c * ACROSS},{top + 56:g}!", theme.ink, 13)
    for c, i, j, w in net.lines():
        graph.edge(f"c{c}n{i}", f"c{c + 1}n{j}", id=f"ec{c}n{i}_c{c + 1}n{j}", **_look(w, net.scale, style))
    if net.loss is not None:
        at = len(net.columns)
        _circle(
            graph,
            "loss",
            net.loss[0],
            formatting.array(net.loss[1])[0] if style.values else "",
            f"{at * ACROSS},0!",
            theme.fills["loss"],
            "loss",
        )
        for k in net.columns[-1].shown(net.most):
            if k is not None:
                graph.edge(f"c{at - 1}n{k}", "loss", color=theme.cluster, penwidth="1")
    wide = len(net.columns) * ACROSS
    if style.title or caption_width:
        size = max(caption_width, 9 * len(style.title), 40)
        said = f'<FONT COLOR="{theme.ink}" POINT-SIZE="15">{escape.dot(style.title) or " "}</FONT>'
        cell = f'<TR><TD ALIGN="LEFT" FIXEDSIZE="TRUE" WIDTH="{size}" HEIGHT="24">{said}</TD></TR>'
        text = f'<<TABLE BORDER="0" CELLBORDER="0" CELLPADDING="0">{cell}</TABLE>>'
        place, width = f"{size / 2 - 30:g},{top + 96:g}!", f"{size / 72 + 0.2:.3f}"
        graph.node("title", text, pos=place, shape="plaintext", style="", width=width, height="0.4")
    if style.legend:
        what = "the weight" if "∂" not in net.said[0] else "the gradient of the weight"
        of = f" Example {net.example % net.count + 1} of {net.count}." if net.count > 1 else ""
        said = f"Lines: {', '.join(net.said)}. Width: size of {what}; solid positive, dashed negative.{of}"
        _words(
            graph,
            "legend",
            said,
            f"{wide / 2 - ACROSS / 2 + 20:g},{-top - 62:g}!",
            theme.ink,
            10,
            6 * len(said),
        )
    return str(graph.source)


def _circle(graph: Any, key: str, name: str, number: str, place: str, fill: str, kind: str) -> None:
    text = f"<B>{escape.dot(formatting.clipped(name, 8))}</B>" + (
        f'<BR/><FONT POINT-SIZE="10">{escape.dot(number)}</FONT>' if number else ""
    )
    more: Mapping[str, str] = (
        {"shape": "doublecircle"} if kind == "loss" else {"style": "filled,dashed"} if kind == "input" else {}
    )
    graph.node(key, f"<{text}>", pos=place, id=key, fillcolor=fill, tooltip=" ", **more)


def _words(
    graph: Any, key: str, said: str, place: str, colour: str, size: int, wide: int = 150, fill: str = ""
) -> None:
    text = f'<<FONT COLOR="{colour}" POINT-SIZE="{size}">{escape.dot(said) or " "}</FONT>>'
    behind = {"style": "filled", "fillcolor": fill} if fill else {"style": ""}  # lines end behind it
    graph.node(key, text, pos=place, shape="plaintext", **behind, width=f"{wide / 72:.3f}", height="0.3")


def _look(w: float, scale: float, style: Style) -> dict[str, str]:
    share = min(1.0, abs(w) / scale) if np.isfinite(w) else 1.0
    colour = style.theme.positive if w >= 0 else style.theme.negative
    return {
        "color": colour,
        "penwidth": f"{0.3 + (WIDE - 0.3) * share:.3f}",
        "style": "solid" if w >= 0 else "dashed",
        "tooltip": " ",
    }
