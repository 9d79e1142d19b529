"""The page: one offline HTML file to step through a graph, with the derivation beside it.

Text from the user's program, such as a name, is escaped in the markup and reaches the script as data. The page's
content security policy allows its own script, by checksum, and nothing else.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from importlib.resources import files
from typing import Any

import numpy as np

from ..base import escape
from . import formatting
from .dot import Style, label_rows, partial_rows
from .mathml import mathml
from .scene import KINDS, Item, Line, Scene
from .steps import Step

MANY = 48  # entries of the largest array that is shown in full on hovering


def page(scene: Scene, style: Style, svg: str, steps: Sequence[Step], edge_class: str = "edge") -> str:
    """The page of a scene.

    Parameters
    ----------
    scene : Scene
    style : Style
    svg : str
        The picture without legend, title and notes, which the page writes itself.
    steps : sequence of Step
        What the reader steps through; may be empty.
    edge_class : str
        The class of the lines in the picture.
    """
    title = style.title or f"How {scene.item(scene.loss).name} is computed, and its derivative"
    here = files(__package__)
    names = ("page.html", "page.css", "page.js")
    html, css, script = (here.joinpath(name).read_text(encoding="utf-8") for name in names)
    checksum = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    parts = {
        "POLICY": _POLICY.format(checksum),
        "TITLE": escape.xml(title),
        "STYLE": css,
        "SVG": _picture(scene, style, svg, edge_class),
        "LEGEND": _legend(scene),
        "STEPS": "".join(f"<li>{mathml(s.tex)}</li>" for s in steps),
        "LAST": str(max(0, len(steps) - 1)),
        "HIDDEN": "" if steps else " hidden",
        "NOTES": "".join(f"<p>{escape.xml(n)}</p>" for n in scene.notes),
        "DATA": _json(
            {
                "items": [_item(i, scene) for i in scene.items],
                "lines": [_line(x, scene) for x in scene.lines],
                "steps": [_step(s) for s in steps],
            }
        ),
        "SCRIPT": script,
    }
    return re.sub(r"@([A-Z]+)@", lambda m: parts[m[1]], html)


def _json(data: Any) -> str:
    """Data for a script element: nothing in it can end the element."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return re.sub("[<>&\u2028\u2029]", lambda m: f"\\u{ord(m[0]):04x}", text)


def _item(i: Item, scene: Scene) -> dict[str, str]:
    source = formatting.formula(i.formula, 400) or i.operation
    return {
        "key": i.key,
        "kind": f"{i.kind}: {KINDS[i.kind]}",
        "name": escape.plain(i.name),
        "title": escape.plain(f"{i.name} = {source}" if source else i.name),
        "shape": " ".join(filter(None, [formatting.shape(i.shape) or "scalar", i.dtype])),
        "value": _entries(i.value),
        "gradient": _entries(i.gradient),
        "origin": i.origin,
        "note": i.note,
    }


def _line(x: Line, scene: Scene) -> dict[str, str]:
    how = {
        "left": "a matrix, from the left",
        "right": "a matrix, from the right",
        "map": "a map of the gradient g",
        "elementwise": "elementwise",
        "": "no gradient passes",
    }
    return {
        "key": x.key,
        "tail": x.tail,
        "head": x.head,
        "symbol": formatting.partial(x.symbol) if x.symbol else "",
        "title": escape.plain(f"{scene.item(x.tail).name} → {scene.item(x.head).name}"),
        "formula": formatting.formula(x.formula, 400),
        "value": _entries(x.value),
        "how": how[x.combine] if x.combine in how and (x.symbol or not x.combine) else "",
        "shape": formatting.shape(x.shape),
        "note": x.note,
    }


def _step(s: Step) -> dict[str, Any]:
    sets = ("now", "known", "values", "gradients", "partials")
    return {"caption": s.caption} | {name: sorted(getattr(s.state, name)) for name in sets}


def _entries(value: Any) -> str:
    """An array for the details panel: all entries unless it is large."""
    if value is None:
        return ""
    value = np.asarray(value)
    if value.size > MANY or value.ndim > 2 or value.dtype.kind not in "biufc" or value.size == 0:
        return " ".join(formatting.array(value))
    if value.size == 1:
        return formatting.number(value.item(), 6)
    cells = [[formatting.number(x, 4) for x in row] for row in np.atleast_2d(value).tolist()]
    wide = max(len(c) for row in cells for c in row)
    return "\n".join("  ".join(c.rjust(wide) for c in row) for row in cells)


# ----------------------------------------------------------------------------------------------- the picture


def _picture(scene: Scene, style: Style, svg: str, edge_class: str) -> str:
    """The SVG with a class for each part, so that the page's style sheet chooses the colours."""
    fitted = r'\1 preserveAspectRatio="xMidYMid meet"'
    text = re.sub(r'^(<svg [^>]*?) width="[^"]*" height="[^"]*"', fitted, svg, flags=re.S)
    text = text.replace('role="img"', 'role="group"', 1)
    for item in scene.items:
        roles = [r.role for r in label_rows(item, scene, style) if r.heat is None]
        text = _classed(text, item.key, f"node {item.kind}", ["shape-row" if r == "shape" else r for r in roles])
    for line in scene.lines:
        text = _classed(text, f"e{line.key}", edge_class, [r.role for r in partial_rows(line, style)])
    return text


def _classed(text: str, key: str, kind: str, roles: Iterable[str]) -> str:
    """The SVG with the class `kind` on the group `key`, and the `roles` as classes of its lines of text."""
    start = text.find(f'<g id="{key}" class="')
    if start < 0:
        return text
    end = text.index("</g>", start)
    part = re.sub(r'class="[^"]*"', f'class="{kind}"', text[start:end], count=1)
    rest = iter(roles)
    part = re.sub(r"<text ", lambda m: f'<text class="{next(rest, "")}" ', part)
    # A heat map's cells have no outline; everything else that is drawn is the box.
    outline = r'<(path|polygon|ellipse|polyline) (?=[^>]*fill="none")(?![^>]*stroke="none")'
    part = re.sub(outline, r'<\1 class="shape" ', part)
    part = re.sub(r'<(path|polygon|ellipse) (?!class)(?![^>]*stroke="none")', r'<\1 class="shape filled" ', part)
    if kind.startswith("edge"):
        part = part.replace('class="shape filled" ', "").replace('class="shape" ', "")
    return text[:start] + part + text[end:]


def _legend(scene: Scene) -> str:
    present = {i.kind for i in scene.items}
    return "".join(
        f'<span class="{kind}" title="{escape.xml(meaning)}">{kind}</span>'
        for kind, meaning in KINDS.items()
        if kind in present
    )


_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{}'; img-src data:; base-uri 'none'; "
    "form-action 'none'"
)
