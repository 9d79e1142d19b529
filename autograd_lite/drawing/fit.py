"""Fit a picture to a slide: from left to right, in rows, or from top to bottom, whichever shows it largest.

Graphviz does the layout. Rows are cut between the columns of the layout from left to right; the few most
promising cuts are laid out and measured. Of these the largest is taken in which lines run over the fewest texts.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from html import unescape
from itertools import zip_longest

from .dot import Style, dot
from .render import NoRenderer, render
from .scene import Scene

SLIDE = (810.0, 540.0)  # points; at this size the smallest text is legible
WIDEST = 1150.0  # points; a wider picture is used only if there is no other
CUT = 0.96  # the penalty for each row break
TRIED = 3  # ways to cut it that are good enough
MOST = 300  # boxes that are laid out at most while ways to cut it are tried
GAP = 40.0  # between rows, in points
POINTS = 21  # of each piece of a curve that are looked at
LETTER = 0.56  # the width of a letter, in sizes of its font
NAME = 50.0  # the width of a name that is repeated in another row, in points


def fitted(scene: Scene, style: Style) -> Style:
    """The style with the direction, and the row of each box, for which the picture is largest on a slide."""
    whole = replace(style, direction="LR")
    try:
        ways = [style for _, style in sorted(_scored(scene, whole), key=lambda pair: -pair[0])]
        fewest, best = math.inf, ways[0]
        for style in ways if len(ways) > 1 else ():
            if fewest and (count := texts_below_lines(dot(scene, style))) < fewest:
                fewest, best = count, style
        return best
    except NoRenderer:
        return whole


def _scored(scene: Scene, whole: Style) -> Iterator[tuple[float, Style]]:
    """Ways to lay a picture out, and how good they are: in one piece, in rows, and from top to bottom."""
    size = layout(dot(scene, whole))
    yield size.scale, whole
    if size.scale == 1:
        return
    good, most = 0, max(2, MOST // len(scene.items))
    for _, rows in sorted(_cuts(scene, size.boxes), key=lambda cut: -cut[0])[:most]:
        style = replace(whole, rows=rows)
        size = layout(dot(scene, style))
        if size.in_order(rows):
            yield size.scale * CUT ** max(rows.values()), style
            good += size.wide <= WIDEST
        if good == TRIED:
            break
    down = replace(whole, direction="TB")
    yield layout(dot(scene, down)).scale * CUT, down


@dataclass(frozen=True)
class Box:
    """Its edges in points from the lower left corner of the picture."""

    left: float
    right: float
    top: float
    bottom: float


@dataclass(frozen=True)
class Layout:
    """The size of a picture in points, and its boxes."""

    wide: float
    high: float
    boxes: Mapping[str, Box]

    @property
    def scale(self) -> float:
        """How large it is shown on a slide; less for a picture that does not fit, or is too wide elsewhere."""
        scale = min(SLIDE[0] / self.wide, SLIDE[1] / self.high)
        return 1.0 if scale >= 1 else 0.95 * scale if self.wide <= WIDEST else 0.6 * scale

    def in_order(self, rows: Mapping[str, int]) -> bool:
        """True if each row begins below the one before; Graphviz may do otherwise."""
        first: dict[int, Box] = {}
        for key, row in rows.items():
            first[row] = min(first.get(row, self.boxes[key]), self.boxes[key], key=lambda box: box.left)
        tops = [first[row].top for row in sorted(first)]
        return tops == sorted(tops, reverse=True)


@lru_cache(maxsize=64)
def layout(source: str) -> Layout:
    """Lay out DOT text."""
    lines = [line.split() for line in render(source, "plain").decode().splitlines()]
    wide, high = (72 * float(x) for x in lines[0][2:4])
    boxes = {}
    for key, *numbers in (line[1:6] for line in lines if line[0] == "node"):
        x, y, w, h = (72 * float(n) for n in numbers)
        boxes[key] = Box(x - w / 2, x + w / 2, y + h / 2, y - h / 2)
    return Layout(wide, high, boxes)


@lru_cache(maxsize=64)
def texts_below_lines(source: str) -> int:
    """The number of texts over which lines between boxes run, when DOT text is laid out."""
    svg = render(source, "svg").decode()
    texts = [_text_box(dict(re.findall(r'([\w-]+)="([^"]*)"', m[1])), unescape(m[2]).strip())
             for m in re.finditer(r"<text ([^>]*)>([^<]*)", svg)]  # fmt: skip
    edges = re.findall(r'<g id="[^"]*" class="edge".*?</g>', svg, re.DOTALL)
    curves = (d for edge in edges for d in re.findall(r'<path[^>]* d="([^"]*)"', edge))
    at = [point for d in curves for point in _points(d)]
    return sum(any(b.left < x < b.right and b.top < y < b.bottom for x, y in at) for b in texts)


def _text_box(attributes: Mapping[str, str], text: str) -> Box:
    """About where the letters of a text are; below is larger here."""
    x, y, size = (float(attributes.get(k, 14)) for k in ("x", "y", "font-size"))
    wide = LETTER * size * len(text)
    left = x - wide / 2 * (attributes.get("text-anchor") == "middle")
    return Box(left, left + wide, y - 0.8 * size, y)


def _points(path: str) -> Iterator[tuple[float, float]]:
    """Points of a curve that is made of cubic ones."""
    numbers = [float(x) for x in re.findall(r"-?[\d.]+(?:e-?\d+)?", path)]
    ends = [*zip(numbers[::2], numbers[1::2], strict=False)]
    for k in range(0, len(ends) - 3, 3):
        for t in (j / (POINTS - 1) for j in range(POINTS)):
            weights = (1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3
            x, y = (sum(w * p[axis] for w, p in zip(weights, ends[k : k + 4], strict=True)) for axis in (0, 1))
            yield x, y


def _cuts(scene: Scene, boxes: Mapping[str, Box]) -> Iterator[tuple[float, dict[str, int]]]:
    """Ways to cut a picture into rows: about how good it is then, and the row of each box."""
    columns = _columns(scene, boxes)
    spans = [[boxes[k] for k in column] for column in columns]
    lefts = [min(b.left for b in span) for span in spans]
    rights = [max(b.right for b in span) for span in spans]
    starts = [lefts[0], *(min(a, b - NAME) for a, b in zip(lefts[1:], rights, strict=False))]
    steps = [b - a for a, b in zip([starts[0], *rights], rights, strict=False)]  # from column to column
    seen = []
    for most in sorted({b - a for a in starts for b in rights if b > a}):
        rows = _rows(starts, rights, most)
        if rows in seen or not rows[-1]:
            continue
        seen.append(rows)
        scale = _size(rows, spans, steps).scale
        yield scale * CUT ** rows[-1], {key: r for r, column in zip(rows, columns, strict=True) for key in column}


def _columns(scene: Scene, boxes: Mapping[str, Box]) -> list[list[str]]:
    """The boxes column by column; an input stands beside its first user."""
    computed = {line.head for line in scene.lines}
    beside: dict[str, str] = {}
    for line in scene.lines:
        if line.tail not in computed:
            beside.setdefault(line.tail, line.head)
    columns: dict[float, list[str]] = {}
    in_order = [i.key for i in scene.items if i.key in computed]
    for key in sorted(in_order, key=lambda k: boxes[k].left + boxes[k].right):
        inputs = [tail for tail, head in beside.items() if head == key]
        columns.setdefault(round(boxes[key].left + boxes[key].right), []).extend([key, *inputs])
    return list(columns.values())


def _rows(starts: Sequence[float], rights: Sequence[float], most: float) -> list[int]:
    """The row of each column, if no row is wider than `most`."""
    rows, first = [0], starts[0]
    for start, right in zip(starts[1:], rights[1:], strict=True):
        is_new = right - first > most
        first = start if is_new else first
        rows.append(rows[-1] + is_new)
    return rows


def _size(rows: Sequence[int], spans: Sequence[Sequence[Box]], steps: Sequence[float]) -> Layout:
    """About how large a picture is that is cut into these rows; the columns of all rows are aligned."""
    boxes: dict[int, list[Box]] = {}
    widths: dict[int, list[float]] = {}
    for row, span, step in zip(rows, spans, steps, strict=True):
        boxes.setdefault(row, []).extend(span)
        widths.setdefault(row, []).append(step)
    wide = sum(map(max, zip_longest(*widths.values(), fillvalue=0.0))) + GAP
    high = sum(max(b.top for b in row) - min(b.bottom for b in row) + GAP for row in boxes.values())
    return Layout(wide, high, {})
