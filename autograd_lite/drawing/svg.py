"""The renderer's SVG made fit to be read: what each box says as its title, roles for a screen reader, no
traces of who drew it.
"""

from __future__ import annotations

import re

from ..base import escape
from . import words
from .scene import Item, Line, Scene


def tidy(text: str, scene: Scene, label: str = "") -> str:
    """SVG text without comments and doctype, with titles that say what a box or a line is."""
    text = re.sub(r"<\?xml[^>]*>\s*|<!DOCTYPE[^>]*>\s*|<!--.*?-->\s*", "", text, flags=re.S)
    said = {i.key: told(i, scene) for i in scene.items} | {
        f"e{line.key}": told_line(line, scene) for line in scene.lines
    }

    def titled(m: re.Match[str]) -> str:
        key = m[2]
        return f"{m[1]}<title>{escape.xml(said[key])}</title>" if key in said else m[0]

    text = re.sub(r'(<g id="([^"]+)" class="(?:node|edge)">\s*)<title>.*?</title>', titled, text, flags=re.S)
    text = re.sub(r'<g id="a_[^"]*"><a [^>]*>(.*?)</a>\s*</g>', r"\1", text, flags=re.S)  # made for tooltips
    # Two other titles are Graphviz's names of graph and clusters.
    text = re.sub(
        r'(<g id="[^"]+" class="(?:graph|cluster)"[^>]*>\s*)<title>.*?</title>\s*', r"\1", text, flags=re.S
    )
    label = escape.xml(
        label or f"computation graph of {scene.item(scene.loss).name}" if scene.loss else label
    )
    return text.replace("<svg ", f'<svg role="img" aria-label="{label}" ', 1).strip() + "\n"


def told(item: Item, scene: Scene) -> str:
    """What a box is, in one sentence."""
    parts = [f"{item.kind} {item.name}"]
    said = words.formula(item.formula, 200) or item.operation
    if said:
        parts.append(f"= {said}")
    parts.append(words.shape(item.shape) if item.shape else "")
    if item.value is not None:
        parts.append("value " + " ".join(words.array(item.value)))
    if item.gradient is not None:
        parts.append("gradient " + " ".join(words.array(item.gradient)))
    if item.origin:
        parts.append(f"({item.origin})")
    return "  ".join(p for p in parts if p)


def told_line(line: Line, scene: Scene) -> str:
    """What a line carries, in one sentence."""
    said = f"{scene.item(line.tail).name} → {scene.item(line.head).name}"
    if line.symbol:
        said += f"  {words.partial(line.symbol)} = {words.formula(line.formula, 200)}"
        if line.value is not None:
            said += " = " + " ".join(words.array(line.value))
    elif line.shape is not None:
        said += f"  {words.shape(line.shape)}"
    return said
