"""Colours. No kind of box and no state differs in colour alone, and the palettes suit colour-blind readers.

The light and dark themes take their hues from Okabe and Ito's palette; the print theme has greys only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Theme:
    """Colours by what they mean, as ``#rrggbb``.

    >>> from autograd_lite.drawing import THEMES
    >>> sorted(THEMES)
    ['dark', 'light', 'print']
    >>> THEMES["light"].background
    '#ffffff'
    """

    background: str
    ink: str
    dim: str  # shapes and notes
    value: str
    faint: str  # not yet known
    accent: str  # highlighted
    partial: str  # derivatives
    gradient: str
    added: str
    removed: str
    positive: str
    negative: str
    cluster: str
    fills: Mapping[str, str]  # by kind


THEMES: dict[str, Theme] = {
    "light": Theme(
        background="#ffffff",
        ink="#1a1a1a",
        dim="#555555",
        value="#1a1a1a",
        faint="#d0d0d0",
        accent="#c04a00",
        partial="#0067a5",
        gradient="#9c3f00",
        added="#0072b2",
        removed="#8c2d04",
        positive="#0072b2",
        negative="#d55e00",
        cluster="#8a8a8a",
        fills={
            "parameter": "#fff1c9",
            "input": "#e1f1fb",
            "constant": "#f4f4f4",
            "result": "#ffffff",
            "loss": "#ffe3d3",
            "layer": "#e3f4ec",
            "summary": "#eeeeee",
        },
    ),
    "dark": Theme(
        background="#16181d",
        ink="#ececec",
        dim="#b4b8be",
        value="#ececec",
        faint="#474c55",
        accent="#f0a030",
        partial="#7cc4f2",
        gradient="#f2b48a",
        added="#56b4e9",
        removed="#e0673a",
        positive="#56b4e9",
        negative="#f08a3c",
        cluster="#8b929e",
        fills={
            "parameter": "#4a3e12",
            "input": "#15384d",
            "constant": "#2a2d33",
            "result": "#1f2229",
            "loss": "#55270f",
            "layer": "#173b2f",
            "summary": "#33363d",
        },
    ),
    "print": Theme(
        background="#ffffff",
        ink="#000000",
        dim="#333333",
        value="#000000",
        faint="#cccccc",
        accent="#000000",
        partial="#000000",
        gradient="#000000",
        added="#000000",
        removed="#000000",
        positive="#000000",
        negative="#777777",
        cluster="#555555",
        fills={
            "parameter": "#ffffff",
            "input": "#ffffff",
            "constant": "#ffffff",
            "result": "#ffffff",
            "loss": "#ffffff",
            "layer": "#f2f2f2",
            "summary": "#e4e4e4",
        },
    ),
}


def theme(name: str | Theme) -> Theme:
    """A theme, or the theme with this name."""
    if isinstance(name, Theme):
        return name
    if name not in THEMES:
        raise ValueError(f"draw: expected theme to be one of {', '.join(THEMES)}, got {name!r}")
    return THEMES[name]


def blend(a: str, b: str, share: float) -> str:
    """A mix of two colours: `share` of `b`, the rest of `a`.

    >>> blend("#000000", "#ffffff", 0.5)
    '#808080'
    """
    parts = [(int(a[k : k + 2], 16), int(b[k : k + 2], 16)) for k in (1, 3, 5)]
    return "#" + "".join(f"{int(x + (y - x) * share + 0.5):02x}" for x, y in parts)
