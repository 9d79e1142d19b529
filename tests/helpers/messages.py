"""For tests of error messages."""

import sys
from typing import Any


def says(error: Any, *words: str) -> None:
    """The message of a caught exception contains these words, and is a sentence or two."""
    text = str(error.value)
    missing = [word for word in words if word not in text]
    assert not missing, f"{text!r} does not contain {missing}"
    assert "\n" not in text, f"{text!r} has several lines"


def points_here(error: Any) -> None:
    """A note of a caught exception names a line of the file that calls this function."""
    file = sys._getframe(1).f_code.co_filename
    notes = getattr(error.value, "__notes__", [])
    assert any(f"{file}:" in note for note in notes), notes
