"""Plain text that is readable from the back of the room: headings, aligned blocks, small pictures.

Everything fits into `WIDTH` columns, needs no colours, and is flushed line by line, so that a long
computation shows how far it is.
"""

import textwrap
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

WIDTH = 100
INK = " .:-=+*#%@"  # from paper to ink, for pictures made of characters


def heading(title: str) -> None:
    """A line to open a section with."""
    print(f"\n{title}\n{'=' * len(title)}\n", flush=True)


def say(text: str) -> None:
    """A paragraph, filled to the slide's width; how the text is broken in the source does not matter."""
    print(textwrap.fill(" ".join(text.split()), WIDTH) + "\n", flush=True)


def row(*cells: object, widths: Sequence[int]) -> None:
    """One line of a table; a negative width sets its cell to the right, as numbers want it."""
    parts = [f"{cell!s:>{-w}}" if w < 0 else f"{cell!s:<{w}}" for cell, w in zip(cells, widths, strict=True)]
    print("  ".join(parts).rstrip(), flush=True)


def matrix(a: NDArray[np.float64], digits: int = 3) -> list[str]:
    """A matrix as its lines, all entries equally wide.

    >>> matrix(np.array([[0.5], [-1.0]]))
    ['[ 0.500]', '[-1.000]']
    """
    a = np.round(a, digits) + 0.0  # adding 0.0 takes the sign from -0.0
    text = [[f"{value:.{digits}f}" for value in line] for line in a]
    width = max(len(entry) for line in text for entry in line)
    width = max(width, digits + 3)  # room for a sign, so that columns line up from one matrix to the next
    return ["[" + " ".join(entry.rjust(width) for entry in line) + "]" for line in text]


def picture(image: NDArray[np.float64]) -> list[str]:
    """A grey image, 0 for paper and 1 for ink, as its lines; two characters make a pixel about square."""
    return ["".join(INK[int(value * (len(INK) - 1))] * 2 for value in line) for line in image]


def side_by_side(blocks: Sequence[Sequence[str]], gap: int = 4) -> None:
    """Print blocks of lines beside each other; short ones are filled up with empty lines."""
    widths = [max(map(len, block)) for block in blocks]
    for i in range(max(map(len, blocks))):
        lines = (block[i] if i < len(block) else "" for block in blocks)
        padded = [f"{line:<{width}}" for line, width in zip(lines, widths, strict=True)]
        print((" " * gap).join(padded).rstrip(), flush=True)
