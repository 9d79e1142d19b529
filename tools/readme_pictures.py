"""The pictures of the README: the talk's net, and the chain rule on it step by step, as an animated SVG.

    python tools/readme_pictures.py          # write them to docs/_static
    python tools/readme_pictures.py --check  # fail if they are not those of the README's first example

They are drawn from the README's first example, so they need Graphviz, like every picture. Coordinates, and the cut into
rows, depend on the renderer; the check therefore compares what was drawn, whose digest stands at the end of each file.
"""

from __future__ import annotations

import doctest
import hashlib
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import autograd_lite as ag

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "docs" / "_static"


def example() -> dict[str, Any]:
    """The variables of the README's first example."""
    text = (ROOT / "README.md").read_text(encoding="utf-8").partition("```python\n")[2].partition("```")[0]
    scope: dict[str, Any] = {}
    for part in doctest.DocTestParser().get_examples(text):
        exec(part.source, scope)
    return scope


def pictures() -> dict[str, tuple[Any, str]]:
    """For each file, what is drawn, and the digest of it."""
    scope = example()
    names = {name: scope[name] for name in ("X", "Y", "V", "W")}
    net = scope["L"].draw(names=names)
    steps = ag.frames(scope["L"], wrt=scope["W"], names=names)
    sources = {"talk.svg": [_in_one_row(net)], "talk-steps.svg": [*map(_in_one_row, steps), *steps.captions]}
    drawn = {"talk.svg": net, "talk-steps.svg": steps}
    return {name: (drawn[name], hashlib.sha256("\n".join(text).encode()).hexdigest()) for name, text in sources.items()}


def _in_one_row(picture: Any) -> str:
    return replace(picture, style=replace(picture.style, direction="LR", rows={})).source


def stale() -> list[str]:
    """The files that are missing or show something else."""
    wrong = []
    for name, (_, digest) in pictures().items():
        path = FOLDER / name
        if not path.is_file() or digest not in path.read_text(encoding="utf-8"):
            wrong.append(name)
    return wrong


def main() -> None:
    if "--check" in sys.argv:
        if wrong := stale():
            raise SystemExit(f"{', '.join(wrong)} in {FOLDER.relative_to(ROOT)}: run python tools/readme_pictures.py")
        return
    for name, (drawn, digest) in pictures().items():
        path = FOLDER / name
        path.write_text(f"{drawn.svg().rstrip()}\n<!-- drawn from {digest} -->\n", encoding="utf-8")
        print(path.relative_to(ROOT), f"{path.stat().st_size / 1024:.0f} KB")


if __name__ == "__main__":
    main()
