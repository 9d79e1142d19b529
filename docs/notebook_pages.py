"""Makes the list of the notebooks: `python docs/notebook_pages.py`.

The notebooks are in `docs/notebooks/`, without results; they are executed when the documentation is built, by MyST-NB.
Where that is not installed, the list has links to the files instead.
"""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path

HERE = Path(__file__).parent
NAMES = ("talk", "softmax", "gradients", "compiling")
EXECUTED = find_spec("myst_nb") is not None

PAGE = """\
# Notebooks

{count} notebooks to read and to change. Each runs in Jupyter, offline, in a few seconds; the pages here were executed
when the documentation was built.

{pages}
"""
TOCTREE = """\
```{{toctree}}
:maxdepth: 1

{pages}
```

To run them yourself, download {files}.
"""


def title(name: str) -> str:
    """The heading of a notebook."""
    cells = json.loads((HERE / "notebooks" / f"{name}.ipynb").read_text(encoding="utf-8"))["cells"]
    return str(cells[0]["source"][0]).strip("# \n")


def make() -> None:
    """Write the list."""
    files = [f"{{download}}`{title(name)} <notebooks/{name}.ipynb>`" for name in NAMES]
    pages = "\n".join(f"- {file}" for file in files)
    if EXECUTED:
        short = ", ".join(f"{{download}}`{name}.ipynb <notebooks/{name}.ipynb>`" for name in NAMES)
        pages = TOCTREE.format(pages="\n".join(f"notebooks/{name}" for name in NAMES), files=short)
    (HERE / "notebooks.md").write_text(PAGE.format(count=len(NAMES), pages=pages), encoding="utf-8")


if __name__ == "__main__":
    make()
