"""The picture in TikZ: positions from Graphviz, formulas from the derivation, set by LaTeX itself."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from ..base import escape
from ..derive.formula import Expr
from ..derive.writing import matrix, tex, tex_name
from . import formatting
from .dot import AGAIN, Style, label_rows
from .render import render
from .scene import Item, Line, Scene

ROW, DIGITS = 4, 2  # the most entries on a line, and their digits
LONG = 28  # characters of a formula on a line; a longer one is small
_LOOKS = {
    "parameter": "very thick",
    "input": "dashed",
    "constant": "dotted",
    "result": "rounded corners",
    "loss": "double, rounded corners",
    "layer": "",
    "summary": "",
}
_HEAD = r"""\documentclass[12pt]{article}
\usepackage{amsmath, tikz, geometry}
@COLOURS@
\newsavebox{\thegraph}
\setlength{\fboxsep}{6pt}
\setlength{\arraycolsep}{3pt}
\sbox{\thegraph}{\fcolorbox{background}{background}{\begin{tikzpicture}[
  x=1pt, y=1pt, >=latex, every node/.style={text=ink, align=center}, draw=ink,
  item/.style={draw, fill=#1, inner sep=4pt}, partial/.style={text=partial, font=\small}]
"""
_FOOT = r"""\end{tikzpicture}}}
\geometry{paperwidth=\wd\thegraph, paperheight=\dimexpr\ht\thegraph+\dp\thegraph, margin=0pt, nohead, nofoot}
\begin{document}
\hoffset=-1in
\voffset=-1in
\shipout\box\thegraph
\end{document}
"""


def tikz(scene: Scene, style: Style, source: str) -> str:
    """A LaTeX document whose page has the size of the picture; `source` is the DOT text of the scene."""
    layout = json.loads(render(source, "json0"))
    lines = {f"e{x.key}": x for x in scene.lines}
    place = {o["id"]: o for o in layout.get("objects", ()) if "pos" in o and "id" in o}
    elements = [_line(lines[e["id"]], e, style.partials) for e in layout.get("edges", ()) if "id" in e]
    for key, at in place.items():
        item = scene.item(key.partition(AGAIN)[0])
        size = ", ".join(f"minimum {side}={72 * float(at[side]):.1f}pt" for side in ("width", "height"))
        look, label = _LOOKS[item.kind], _label(item, scene, style)
        if key != item.key:  # the name, repeated in another row
            look, label = f"{look}, rounded corners=9pt", _head(item)
        elements.append(rf"\node[item={item.kind}, {look}, {size}] at ({at['pos']}) {{{label}}};")
    return _HEAD.replace("@COLOURS@", _colours(style)) + "\n".join(elements) + "\n" + _FOOT


def _colours(style: Style) -> str:
    theme = style.theme
    named = {word: getattr(theme, word) for word in ("background", "ink", "partial", "gradient")} | {**theme.fills}
    return "\n".join(rf"\definecolor{{{word}}}{{HTML}}{{{colour[1:].upper()}}}" for word, colour in named.items())


def _head(item: Item, formula: Expr | None = None) -> str:
    if item.kind in ("layer", "summary"):
        return rf"\textbf{{{escape.tex(item.name)}}}"
    return f"${tex_name(item.name)}{'' if formula is None else ' = ' + tex(formula)}$"


def _label(item: Item, scene: Scene, style: Style) -> str:
    parts = [_head(item, item.formula)]
    if item.operation:
        parts.append(escape.tex(item.operation))
    if item.shape:
        sizes = r" \times ".join(map(str, item.shape))
        parts.append(rf"\small ${sizes}$")
    numbers = []
    if style.values and item.value is not None:
        numbers.append(rf"\small ${_numbers(item.value)}$")
    if style.gradients and item.gradient is not None and item.key != scene.loss:
        d = tex_name(f"d{scene.item(scene.loss).name}/d{item.name}")
        numbers.append(rf"\small\color{{gradient}} ${d} = {_numbers(item.gradient)}$")
    are_beside = len(label_rows(item, scene, style)[-1]) > 1
    return r" \\ ".join([*parts, r"\quad".join(numbers)] if are_beside else [*parts, *numbers])


def _numbers(value: Any) -> str:
    """The entries if the picture shows them, else the same summary."""
    lines = formatting.array(value)
    return matrix(value, DIGITS) if np.size(value) == 1 or lines[0][:1] == "[" else rf"\text{{{escape.tex(lines[0])}}}"


def _line(line: Line, e: dict[str, Any], partials: bool) -> str:
    points = [f"({float(x):g},{float(y):g})" for x, y in (p.split(",")[-2:] for p in e["pos"].split())]
    end, *curve = points if e["pos"].startswith("e,") else points[-1:] + points
    drawn = curve[0]
    for k in range(1, len(curve) - 2, 3):
        drawn += " .. controls {} and {} .. {}".format(*curve[k : k + 3])
    text = rf"\draw[->{'' if line.combine else ', dashed, gray'}] {drawn} -- {end};"
    if partials and line.symbol and "lp" in e:
        size = r"\scriptsize " if formatting.formula(line.formula, LONG)[-1:] == "…" else ""
        formula = "" if line.formula is None else tex(line.formula)
        label = rf"${tex_name(line.symbol)}$ \\ {size}$= {formula}$"
        is_number = line.formula is None or line.formula.is_number
        lines = [] if line.value is None or is_number else formatting.array(line.value)
        if len(lines) == 1 and np.size(line.value) <= ROW:
            label += rf" \\ $= {matrix(line.value, DIGITS)}$"
        text += f"\n\\node[partial] at ({e['lp']}) {{{label}}};"
    return text
