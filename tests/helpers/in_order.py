"""Lines that a text has to have, one after another."""

from __future__ import annotations

from collections.abc import Iterable


def assert_in_order(lines: Iterable[str], text: str) -> None:
    """Raise AssertionError for the first of the lines that is not in the text from the place of the one before on."""
    at = 0
    for line in lines:
        found = text.find(line, at)
        assert found >= 0, f"{line!r} is not in, or not in this order in\n{text}"
        at = found
