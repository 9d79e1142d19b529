"""Colours. No kind of box and no state differs in colour alone, and the palettes suit colour-blind readers.

The light and dark themes take their hues from Okabe and Ito's palette; the print theme has greys only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields


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


_COLOURS = """
            light    dark     print
background  #ffffff  #16181d  #ffffff
ink         #1a1a1a  #ececec  #000000
dim         #555555  #b4b8be  #333333
value       #1a1a1a  #ececec  #000000
faint       #d0d0d0  #474c55  #cccccc
accent      #c04a00  #f0a030  #000000
partial     #0067a5  #7cc4f2  #000000
gradient    #9c3f00  #f2b48a  #000000
added       #0072b2  #56b4e9  #000000
removed     #8c2d04  #e0673a  #000000
positive    #0072b2  #56b4e9  #000000
negative    #d55e00  #f08a3c  #777777
cluster     #8a8a8a  #8b929e  #555555
parameter   #fff1c9  #4a3e12  #ffffff
input       #e1f1fb  #15384d  #ffffff
constant    #f4f4f4  #2a2d33  #ffffff
result      #ffffff  #1f2229  #ffffff
loss        #ffe3d3  #55270f  #ffffff
layer       #e3f4ec  #173b2f  #f2f2f2
summary     #eeeeee  #33363d  #e4e4e4
"""


def from_colours(colours: Mapping[str, str]) -> Theme:
    """A theme from all of its colours, those of the kinds of boxes included."""
    names = {f.name for f in fields(Theme)} - {"fills"}
    fills = {kind: colour for kind, colour in colours.items() if kind not in names}
    return Theme(**{name: colours[name] for name in names}, fills=fills)


def colours_of(theme: Theme) -> dict[str, str]:
    """All colours of a theme by name, those of the kinds of boxes included."""
    colours = {**vars(theme), **theme.fills}
    del colours["fills"]
    return colours


_NAMES, *_ROWS = (line.split() for line in _COLOURS.strip().splitlines())
THEMES: dict[str, Theme] = {
    name: from_colours({row[0]: row[k] for row in _ROWS}) for k, name in enumerate(_NAMES, 1)
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
