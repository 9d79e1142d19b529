"""Pictures as files, and SVG without comments, with roles for screen readers and the text of each box as its title."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ..base import escape
from . import formatting
from .dot import AGAIN
from .scene import Item, Line, Scene

#: What a file contains, by its suffix; a maker that returns None has written it.
Makers = Mapping[str, Callable[..., str | bytes | None]]

CELL = 675  # points; a cell of a notebook is hardly narrower on a small screen


def saved(who: str, path: str | Path, makers: Makers, options: Mapping[str, Any]) -> Path:
    """Write what the maker of the path's suffix returns, if anything; only that of ``.html`` has options."""
    path = Path(path)
    if options and path.suffix != ".html":
        names = ", ".join(f"{k}=" for k in options)
        raise TypeError(f"{who}: save() expected {names} with .html, got {path.suffix or 'a folder'}")
    if path.suffix not in makers:
        *others, last = (suffix or "a folder" for suffix in makers)
        raise ValueError(f"{who}: save() expected {', '.join(others)} or {last}, got {path.suffix or 'none'!r}")
    if (contents := makers[path.suffix](**options)) is not None:
        path.write_bytes(contents if isinstance(contents, bytes) else contents.encode())
    return path


def tidy(text: str, scene: Scene) -> str:
    """SVG text without comments and doctype; the keyboard reaches boxes and lines in the order of the computation.

    Each has a title, which a pointer shows, and a label to be read aloud.
    """
    text = re.sub(r"<\?xml[^>]*>\s*|<!DOCTYPE[^>]*>\s*|<!--.*?-->\s*", "", text, flags=re.S)
    text = re.sub(r'<g id="a_[^"]*"><a [^>]*>(.*?)</a>\s*</g>', r"\1", text, flags=re.S)  # for tooltips
    # The titles of graph and clusters are Graphviz's own names.
    text = re.sub(r'(<g id="[^"]+" class="(?:graph|cluster)"[^>]*>\s*)<title>.*?</title>\s*', r"\1", text, flags=re.S)
    place = {i.key: (k, 1, 0) for k, i in enumerate(scene.items)}
    place |= {f"e{x.key}": (place[x.head][0], 0, place[x.tail][0]) for x in scene.lines}
    titles = {i.key: (item_title(i), item_label(i, scene)) for i in scene.items}
    titles |= {f"e{x.key}": (line_title(x, scene), line_label(x, scene)) for x in scene.lines}
    pieces = {}

    def taken(m: re.Match[str]) -> str:
        """Nothing, having kept the group of a box or line."""
        key = m[1].partition(AGAIN)[0]
        if key not in titles:  # a caption
            return f'<g id="{m[1]}">{m[3]}'
        title, label = map(escape.xml, titles[key])
        looks = f'tabindex="0" role="img" aria-label="{label}"' if key == m[1] else 'aria-hidden="true"'
        pieces[m[1]] = f'<g id="{m[1]}" class="{m[2]}" {looks}>\n<title>{title}</title>{m[3]}'
        return ""

    text = re.sub(r'<g id="([^"]+)" class="(node|edge)">\s*<title>.*?</title>(.*?</g>\s*)', taken, text, flags=re.S)
    ordered = "".join(pieces[key] for key in sorted(pieces, key=lambda key: place[key.partition(AGAIN)[0]]))
    text = re.sub(r"(?=</g>\s*</svg>)", lambda _: ordered, text)
    label = escape.xml(f"computation graph of {scene.item(scene.loss).name}" if scene.loss else "computation graph")
    return text.replace("<svg ", f'<svg role="group" aria-label="{label}" ', 1).strip() + "\n"


def fluid(text: str) -> str:
    """SVG that is never wider than the cell of a notebook.

    A page made by nbconvert has it as an image, which has the width of its attribute, whatever its style says.
    """
    size = re.search(r'width="([0-9.]+)pt" height="[^"]*"', text)
    assert size is not None
    if float(size[1]) > CELL:
        return text.replace(size[0], f'width="100%" style="max-width: {size[1]}pt; height: auto"', 1)
    return text.replace("<svg ", '<svg style="max-width: 100%; height: auto" ', 1)


def item_title(item: Item) -> str:
    """A box in one line of text."""
    source = item.source(200)
    parts = [f"{item.kind} {item.head}", f"= {source}" if source else "", formatting.shape(item.shape), item.note]
    for role, value in (("value", item.value), ("gradient", item.gradient)):
        if value is not None:
            parts.append(f"{role} {' '.join(formatting.array(value))}")
    return "  ".join(filter(None, [*parts, f"({item.origin})" if item.origin else ""]))


def line_title(line: Line, scene: Scene) -> str:
    """A line in one line of text."""
    title = f"{scene.item(line.tail).written} → {scene.item(line.head).written}"
    if line.symbol:
        title += f"  {line.written} = {line.source(200)}"
        if line.value is not None:
            title += " = " + " ".join(formatting.array(line.value))
        title += f", {line.share}" * bool(line.share)
    elif line.shape is not None:
        title += f"  {formatting.shape(line.shape)}"
    return title


def item_label(item: Item, scene: Scene) -> str:
    """A box as it is read aloud, with the chain rule for its gradient."""
    rule = chain_rule(item, scene)
    return formatting.spoken(f"{item_title(item)}  chain rule: {rule}" if rule else item_title(item))


def line_label(line: Line, scene: Scene) -> str:
    """A line as it is read aloud."""
    return formatting.spoken(line_title(line, scene))


def chain_rule(item: Item, scene: Scene) -> str:
    """The gradient of a box by those of the boxes that use it; "" if it is not in the picture."""
    loss, terms = scene.item(scene.loss), []
    for line in scene.lines:
        if line.tail != item.key or not line.combine:
            continue
        if not line.symbol:
            return ""
        factors = [line.source(200) if line.combine == "map" else line.written]
        if line.combine != "map" and line.head != loss.key:
            factors.insert(line.combine == "left", f"∂{loss.written}/∂{scene.item(line.head).written}")
        terms.append(" · ".join(factors))
    gradient = f"∂{loss.written}/∂{item.written}"
    return f"{gradient} = {' + '.join(terms)}" if terms and terms != [gradient] else ""
