"""A sparsity pattern as a picture, with the colours of its columns or rows."""

from __future__ import annotations

from colorsys import hls_to_rgb
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..base import escape

SIDE = 360  # pixels of the longer side
MOST = 180  # cells along a side; of a larger matrix a cell is a block, in the colour of its first entry
STRIP = 10  # pixels of the strip with the colours


class Picture:
    """The picture of a pattern; a notebook shows it.

    >>> import numpy as np
    >>> from autograd_lite.sparse import Colouring
    >>> picture = Colouring(np.eye(3)).draw()
    >>> picture.svg.startswith("<svg"), picture
    (True, <Picture of 3 × 3: 3 entries, 1 colour by columns>)
    """

    def __init__(
        self, shape: tuple[int, int], entries: NDArray[np.intp], colours: NDArray[np.intp], by: int, caption: str
    ) -> None:
        self.caption = caption
        block = max(1, -(-max(shape) // MOST))
        side = SIDE / max(*shape, 1) * block
        height, width = (side * -(-n // block) + (STRIP + 4) * (axis != by) for axis, n in enumerate(shape))
        edge = STRIP + 4 if by else 0, 0 if by else STRIP + 4  # where the matrix begins
        count = int(colours.max(initial=0)) + 1
        rgb = [hls_to_rgb(k / count, 0.44 if k % 2 else 0.56, 0.65) for k in range(count)]
        hues = ["#" + "".join(f"{round(255 * x):02x}" for x in color) for color in rgb]
        gap = 0.08 * side if block == 1 and side > 4 else 0

        def box(y: float, x: float, h: float, w: float, fill: str) -> str:
            return f'<rect x="{x:.5g}" y="{y:.5g}" width="{w:.4g}" height="{h:.4g}" fill="{fill}"/>'

        cells, first = np.unique(entries // block, axis=0, return_index=True)
        of_cell = colours[entries[first, by]] if len(entries) else first
        parts = [box(*edge, height - edge[0], width - edge[1], '#fff" stroke="#999')]
        for k, c in enumerate(colours[::block]):
            parts.append(box(0, k * side, STRIP, side, hues[c]) if by else box(k * side, 0, side, STRIP, hues[c]))
        for (i, j), c in zip(cells.tolist(), of_cell, strict=True):
            y, x = edge[0] + i * side + gap / 2, edge[1] + j * side + gap / 2
            parts.append(box(y, x, side - gap, side - gap, hues[c]))
        wide, high = max(width, 7 * len(caption)) + 2, height + 24
        size = f'width="{wide:.0f}" height="{high:.0f}" viewBox="-1 -1 {wide:.5g} {high:.5g}"'
        title = escape.xml(caption)
        style = 'font-family="sans-serif" font-size="11" fill="#555"'
        looks = f'role="img" aria-label="{title}" style="background: #fff"'
        head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} {looks}>'
        self.svg = "\n".join([head, *parts, f'<text y="{height + 16:.5g}" {style}>{title}</text>', "</svg>"])

    def save(self, path: str | Path) -> Path:
        """Write an SVG file."""
        path = Path(path)
        if path.suffix != ".svg":
            raise ValueError(f"Picture: save() expected a path that ends in .svg, got {path.name}")
        path.write_text(self.svg, encoding="utf-8")
        return path

    def _repr_svg_(self) -> str:
        return self.svg

    def __repr__(self) -> str:
        return f"<Picture of {self.caption}>"
