"""Pictures for slides: on a 16:9 canvas, one or several on each, as SVG and PNG."""

from __future__ import annotations

import re
from collections.abc import Sequence
from io import BytesIO
from typing import Protocol

from .dot import Style
from .render import NoRenderer

WIDE, HIGH = 1920, 1080  # pixels of a slide


class Picture(Protocol):
    """What can be a frame."""

    @property
    def style(self) -> Style: ...
    def svg(self) -> str: ...
    def png(self, dpi: int = ...) -> bytes: ...


def slide(svg: str, background: str) -> str:
    """The picture in the middle of a slide, as SVG text."""
    x, y, wide, high = _view(svg)
    across, down = max(wide, high * WIDE / HIGH), max(high, wide * HIGH / WIDE)
    left, top = x - (across - wide) / 2, y - (down - high) / 2
    size = f'width="{WIDE}" height="{HIGH}" viewBox="{left:.2f} {top:.2f} {across:.2f} {down:.2f}"'
    text = re.sub(r'width="[^"]*" height="[^"]*"\s+viewBox="[^"]*"', size, svg, count=1)
    area = f'<rect x="{left:.2f}" y="{top:.2f}" width="{across:.2f}" height="{down:.2f}" fill="{background}"/>'
    return text.replace(">", f">\n{area}", 1)


def sheet(drawings: Sequence[Picture], pixels: int = WIDE) -> bytes:
    """The pictures on one slide, as large as they fit, as PNG bytes.

    Raises
    ------
    NoRenderer
        If nothing on this machine can draw, or Pillow is not installed.
    """
    try:
        from PIL import Image  # only here
    except ImportError:
        raise NoRenderer("frames: PNGs for slides need Pillow: pip install pillow, or save .svg") from None
    down = pixels * HIGH // WIDE
    views = [_view(d.svg()) for d in drawings]
    wide, high = max(v[2] for v in views), max(v[3] for v in views)
    count = len(drawings)
    columns = max(range(1, count + 1), key=lambda c: min(pixels / (c * wide), down / (-(-count // c) * high)))
    across, along = pixels // columns, down // -(-count // columns)  # of a cell
    dpi = int(72 * min(across / wide, along / high))
    canvas = Image.new("RGB", (pixels, down), drawings[0].style.theme.background)
    for k, d in enumerate(drawings):
        picture = Image.open(BytesIO(d.png(dpi))).convert("RGB")
        left, top = k % columns * across, k // columns * along
        canvas.paste(picture, (left + (across - picture.width) // 2, top + (along - picture.height) // 2))
    file = BytesIO()
    canvas.save(file, "PNG")
    return file.getvalue()


def _view(svg: str) -> list[float]:
    """The view box of a picture: left, top, width and height."""
    box = re.search(r'viewBox="([^"]*)"', svg)
    assert box is not None
    return [float(x) for x in box[1].split()]
