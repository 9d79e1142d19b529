"""The page: one offline HTML file to step through a graph, with the derivation beside it.

Text from the user's program, such as a name, is escaped in the markup and reaches the script as data. The page's
content security policy allows its own script, by checksum, and nothing else.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from importlib.resources import files
from itertools import zip_longest
from typing import Any

import numpy as np

from ..base import escape
from ..derive.layout import Line as Written, broken
from ..derive.mathml import MATHML, STYLE
from ..engine.node import Params
from . import formatting
from .dot import AGAIN
from .live import Live
from .scene import KINDS, Item, Line, Scene
from .steps import Step, in_tex, texts
from .themes import THEMES, Theme, colours_of, from_colours


def page(scene: Scene, title: str, svg: str, steps: Sequence[Step], live: Live | None = None) -> str:
    """The page of a scene.

    Parameters
    ----------
    scene : Scene
    title : str
    svg : str
        The picture in the colours :data:`VARIABLES`, without legend, title and notes, which the page writes itself.
    steps : sequence of Step
        What the reader steps through; may be empty.
    live : Live, optional
        What the page needs to compute.
    """
    last = scene.item(scene.loss)
    how = f"How {last.written} is computed{', and its derivative' if steps else ''}"
    title = title or ("A net, layer by layer" if last.kind == "layer" else how)
    here = files(__package__)
    names = ("page.html", "page.css", "page.js")
    html, css, script = (here.joinpath(name).read_text(encoding="utf-8") for name in names)
    contents = {
        "POLICY": _POLICY.format(" ".join(_checksum(s) for s in (script, *([live.script] if live else [])))),
        "TITLE": escape.xml(title),
        "STYLE": STYLE + re.sub(r"@(\w+)@", lambda m: _variables(THEMES[m[1]]), css) + (live.style if live else ""),
        "SVG": _picture(svg),
        "LEGEND": _legend(scene, AGAIN in svg),
        "STEPS": "".join(f'<li tabindex="0">{formula}</li>' for formula in in_tex(steps, _formula)),
        "LAST": str(max(0, len(steps) - 1)),
        "HIDDEN": "" if steps else " hidden",
        "NOTES": "".join(f"<p>{escape.xml(n)}</p>" for n in scene.notes),
        "DATA": escape.script(
            {
                "items": [_item(i, scene) for i in scene.items],
                "lines": [_line(x, scene) for x in scene.lines],
                "steps": [_step(s) for s in steps],
            }
        ),
        "SCRIPT": script,
        "LIVE": live.panel if live else "",
        "PROGRAM": _PROGRAM.format(live.data, live.script) if live else "",
    }
    return re.sub(r"@([A-Z]+)@", lambda m: contents[m[1]], html)


def _checksum(script: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"


def _item(i: Item, scene: Scene) -> Params:
    source = i.source(400)
    return {
        "key": i.key,
        "kind": f"{i.kind}: {KINDS[i.kind]}",
        "name": i.written,
        "title": escape.plain(f"{i.head} = {source}" if source else i.written),
        "shape": " ".join(filter(None, [formatting.shape(i.shape) or "scalar", i.dtype])),
        "value": _entries(i.value),
        "gradient": _entries(i.gradient),
        "origin": i.origin,
        "note": i.note,
    }


def _line(x: Line, scene: Scene) -> Params:
    how = {
        "left": "a matrix, from the left",
        "right": "a matrix, from the right",
        "map": "the gradient itself, from that of the result",
        "elementwise": "elementwise",
        "": "no gradient passes",
    }
    return {
        "key": x.key,
        "tail": x.tail,
        "head": x.head,
        "symbol": x.written,
        "title": escape.plain(f"{scene.item(x.tail).written} → {scene.item(x.head).written}"),
        "formula": x.source(400),
        "value": _entries(x.value),
        "how": how.get(x.combine, "") if x.symbol or not x.combine else "",
        "isGradient": x.combine == "map",
        "shape": formatting.shape(x.shape),
        "note": "; ".join(filter(None, [x.note, x.convention])),
    }


def _step(s: Step) -> Params:
    sets = ("now", "known", "values", "gradients", "partials")
    return {"caption": s.caption} | {name: sorted(getattr(s.state, name)) for name in sets}


def _entries(value: Any) -> str | list[list[str]]:
    """An array for the details panel: all entries, row by row, unless it is large."""
    if value is None:
        return ""
    value = np.asarray(value)
    if not 0 < value.size <= formatting.MANY or value.ndim > 2 or value.dtype.kind not in "biufc":
        return " ".join(formatting.array(value))
    if value.size == 1:
        return formatting.number(value, 6)
    return [[formatting.number(x, 4) for x in row] for row in np.atleast_2d(value).tolist()]


def _formula(s: Step) -> str:
    """A step's formula, with an element of its own for what follows each ``=``, and for each term of a long sum, so
    that lines can break there.
    """
    first, *others = s.sides(MATHML)
    terms = broken(s.line, MATHML, TERMS) if isinstance(s.line, Written) else []
    parts = [[first], *([f"{MATHML.plain('=')}{side}"] for side in others)]
    for part, several in zip(parts[1:], terms, strict=False):
        part[:] = [f"{MATHML.plain('=')}{several[0]}", *(f"<mrow></mrow>{term}" for term in several[1:])]
    said = [formatting.spoken(side).replace(" = ", " equals ") for side in texts(s.line, 400)]
    labels = (f' aria-label="{"equals " * (k > 0)}{escape.xml(text)}"' for k, text in enumerate(said))
    written = "".join(
        f'<math display="block"{label if not k or not label else HIDDEN}>{piece}</math>'
        for part, label in zip_longest(parts, labels, fillvalue="") for k, piece in enumerate(part)
    )  # fmt: skip
    return written + f"<small>{escape.xml(s.remark)}</small>" * bool(s.remark)


TERMS = 30  # characters of a sum that stands in one piece
HIDDEN = ' aria-hidden="true"'  # a further term, which the label of the first has

# ----------------------------------------------------------------------------------------------- the picture

_COLOURS = {name: f"#0a0b{k:02x}" for k, name in enumerate(colours_of(THEMES["light"]), 16)}
#: Each colour stands for a variable of the style sheet, so one picture is both light and dark.
VARIABLES = from_colours(_COLOURS)


def _picture(svg: str) -> str:
    """The SVG of a picture drawn with :data:`VARIABLES`."""
    names = {colour: name for name, colour in _COLOURS.items()}
    return re.sub(r'"(#0a0b[0-9a-f]{2})"', lambda m: f'"var(--{names[m[1]]})"', svg)


def _variables(theme: Theme) -> str:
    return " ".join(f"--{name}: {colour};" for name, colour in colours_of(theme).items())


def _legend(scene: Scene, is_cut: bool) -> str:
    kinds = {i.kind: KINDS[i.kind] for i in scene.items} | ({"again": "a box shown elsewhere"} if is_cut else {})
    return "".join(
        f'<span class="{kind}" title="{escape.xml(kinds[kind])}">{kind}</span>'
        for kind in (*KINDS, "again")
        if kind in kinds
    )


_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src {}; img-src data:; base-uri 'none'; "
    "form-action 'none'"
)
_PROGRAM = '<script type="application/json" id="live-data">{}</script>\n<script>{}</script>\n'
