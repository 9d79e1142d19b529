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
    """SVG text without comments and doctype, with titles that describe the boxes and lines."""
    text = re.sub(r"<\?xml[^>]*>\s*|<!DOCTYPE[^>]*>\s*|<!--.*?-->\s*", "", text, flags=re.S)
    titles = {i.key: item_title(i) for i in scene.items}
    titles |= {f"e{line.key}": line_title(line, scene) for line in scene.lines}

    def titled(m: re.Match[str]) -> str:
        key = m[2].partition(AGAIN)[0]
        return f"{m[1]}<title>{escape.xml(titles[key])}</title>" if key in titles else m[0]

    text = re.sub(r'(<g id="([^"]+)" class="(?:node|edge)">\s*)<title>.*?</title>', titled, text, flags=re.S)
    text = re.sub(r'<g id="a_[^"]*"><a [^>]*>(.*?)</a>\s*</g>', r"\1", text, flags=re.S)  # for tooltips
    # The titles of graph and clusters are Graphviz's own names.
    text = re.sub(r'(<g id="[^"]+" class="(?:graph|cluster)"[^>]*>\s*)<title>.*?</title>\s*', r"\1", text, flags=re.S)
    label = escape.xml(f"computation graph of {scene.item(scene.loss).name}" if scene.loss else "")
    return text.replace("<svg ", f'<svg role="img" aria-label="{label}" ', 1).strip() + "\n"


def fluid(text: str) -> str:
    """SVG that is never wider than the cell of a notebook."""
    return text.replace("<svg ", '<svg style="max-width: 100%; height: auto" ', 1)


def item_title(item: Item) -> str:
    """A box in one line of text."""
    source = item.source(200)
    parts = [f"{item.kind} {item.written}", f"= {source}" if source else "", formatting.shape(item.shape)]
    for role, value in (("value", item.value), ("gradient", item.gradient)):
        if value is not None:
            parts.append(f"{role} {' '.join(formatting.array(value))}")
    return "  ".join(filter(None, [*parts, f"({item.origin})" if item.origin else ""]))


def line_title(line: Line, scene: Scene) -> str:
    """A line in one line of text."""
    title = f"{scene.item(line.tail).written} → {scene.item(line.head).written}"
    if line.symbol:
        title += f"  {formatting.partial(line.symbol)} = {formatting.formula(line.formula, 200)}"
        if line.value is not None:
            title += " = " + " ".join(formatting.array(line.value))
    elif line.shape is not None:
        title += f"  {formatting.shape(line.shape)}"
    return title
