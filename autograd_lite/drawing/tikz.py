"""The picture in TikZ: positions from Graphviz, formulas from the derivation, set by LaTeX itself."""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np

from ..base import escape
from ..derive.writing import matrix
from . import formatting
from .dot import Style
from .render import render
from .scene import Item, Line, Scene

SMALL = 4  # entries of the largest partial or gradient in a label
_LOOKS = {
    "parameter": "very thick",
    "input": "dashed",
    "constant": "dotted",
    "result": "rounded corners",
    "loss": "double, rounded corners",
    "layer": "fill=black!5",
    "summary": "fill=black!10",
}
_HEAD = r"""\documentclass[tikz,border=6pt]{standalone}
\usepackage{amsmath}
\usepackage[T1]{fontenc}
\begin{document}
\begin{tikzpicture}[x=1pt, y=1pt, >=latex, every node/.style={font=\small},
  item/.style={draw, align=center, inner sep=3pt, fill=white},
  partial/.style={align=center, font=\scriptsize}]
"""


def tikz(scene: Scene, style: Style, source: str) -> str:
    """A standalone LaTeX document; `source` is the DOT text of the scene."""
    layout = json.loads(render(source, "json0"))
    lines = {f"e{x.key}": x for x in scene.lines}
    place = {o["id"]: o for o in layout.get("objects", ()) if "pos" in o and "id" in o}
    found = [_line(lines[e["id"]], e, style.partials) for e in layout.get("edges", ())]
    for item in scene.items:
        at = place[item.key]
        size = ", ".join(f"minimum {side}={72 * float(at[side]):.1f}pt" for side in ("width", "height"))
        found.append(
            rf"\node[item, {_LOOKS[item.kind]}, {size}] at ({at['pos']}) "
            f"{{{_label(item, scene, style)}}};"
        )
    return _HEAD + "\n".join(found) + "\n\\end{tikzpicture}\n\\end{document}\n"


def _label(item: Item, scene: Scene, style: Style) -> str:
    formula = f" = {formatting.tex(item.formula)}" if item.formula is not None else ""
    head = f"${formatting.tex_name(item.name)}{formula}$"
    if item.kind in ("layer", "summary"):
        head = rf"\textbf{{{escape.tex(item.name)}}}"
    parts = [head]
    if item.operation:
        parts.append(escape.tex(item.operation))
    if item.shape:
        sizes = r" \times ".join(map(str, item.shape))
        parts.append(rf"\scriptsize ${sizes}$")
    if style.values and item.value is not None and np.size(item.value) <= 3 * SMALL and np.ndim(item.value) <= 2:
        parts.append(rf"\scriptsize $\displaystyle {matrix(item.value)}$")
    if style.gradients and item.gradient is not None and np.size(item.gradient) <= SMALL and item.key != scene.loss:
        d = formatting.partial_tex(f"d{scene.item(scene.loss).name}/d{item.name}")
        parts.append(rf"\scriptsize ${d} = {matrix(item.gradient)}$")
    return r" \\ ".join(parts)


def _line(line: Line, e: dict[str, Any], partials: bool) -> str:
    points = [tuple(map(float, p.split(","))) for p in re.sub(r"[es],", "", e["pos"]).split()]
    end = points[0] if e["pos"].startswith("e,") else points[-1]
    curve = points[1:] if e["pos"].startswith("e,") else points
    drawn = f"({curve[0][0]:g},{curve[0][1]:g})"
    for k in range(1, len(curve) - 2, 3):
        (a, b), (c, d), (x, y) = curve[k : k + 3]
        drawn += f" .. controls ({a:g},{b:g}) and ({c:g},{d:g}) .. ({x:g},{y:g})"
    text = rf"\draw[->{'' if line.combine else ', dashed, gray'}] {drawn} -- ({end[0]:g},{end[1]:g});"
    if partials and line.symbol and "lp" in e:
        label = f"${formatting.partial_tex(line.symbol)} = {line.tex}$"
        is_number = line.formula is None or line.formula.is_number
        if line.value is not None and np.size(line.value) <= SMALL and not is_number:
            label += rf" \\ $= {matrix(line.value)}$"
        x, y = e["lp"].split(",")
        text += f"\n\\node[partial] at ({x},{y}) {{{label}}};"
    return text
