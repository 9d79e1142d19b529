"""Slides as plain text: headings, paragraphs, tables, matrices, small pictures.

Everything fits into `WIDTH` columns, needs no colours, and is flushed line by line, to show the progress of a long
computation.
"""

import textwrap
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

WIDTH = 100
INK = " .:-=+*#%@"  # from paper to ink, for pictures made of characters


def heading(title: str) -> None:
    """Print the heading of a section."""
    print(f"\n{title}\n{'=' * len(title)}\n", flush=True)


def say(text: str) -> None:
    """Print a paragraph, wrapped to the slide's width; line breaks in `text` are ignored."""
    print(textwrap.fill(" ".join(text.split()), WIDTH) + "\n", flush=True)


def table(*widths: int) -> Callable[..., None]:
    """A function that prints a row of a table, cell by cell; a negative width aligns its cells to the right.

    >>> row = table(4, -6)
    >>> row("x", 0.5)
    x        0.5
    """

    def row(*cells: object) -> None:
        parts = [f"{cell!s:>{-w}}" if w < 0 else f"{cell!s:<{w}}" for cell, w in zip(cells, widths, strict=False)]
        print("  ".join(parts).rstrip(), flush=True)

    return row


def matrix(a: NDArray[np.float64], digits: int = 3) -> list[str]:
    """The lines of a matrix, with all entries of one width.

    >>> matrix(np.array([[0.5], [-1.0]]))
    ['[ 0.500]', '[-1.000]']
    """
    a = np.round(a, digits) + 0.0  # adding 0.0 turns -0.0 into 0.0
    text = [[f"{value:.{digits}f}" for value in line] for line in a]
    width = max(len(entry) for line in text for entry in line)
    width = max(width, digits + 3)  # space for a sign, so that the columns of several matrices are aligned
    return ["[" + " ".join(entry.rjust(width) for entry in line) + "]" for line in text]


def picture(image: NDArray[np.float64]) -> list[str]:
    """The lines of a grey image, 0 for paper and 1 for ink; a pixel is two characters, which is about a square."""
    return ["".join(INK[int(value * (len(INK) - 1))] * 2 for value in line) for line in image]


def side_by_side(blocks: Sequence[Sequence[str]], gap: int = 4) -> None:
    """Print blocks of lines beside each other; shorter ones are padded with empty lines."""
    widths = [max(map(len, block)) for block in blocks]
    for i in range(max(map(len, blocks))):
        lines = (block[i] if i < len(block) else "" for block in blocks)
        padded = [f"{line:<{width}}" for line, width in zip(lines, widths, strict=True)]
        print((" " * gap).join(padded).rstrip(), flush=True)
