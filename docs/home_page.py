"""Makes the picture and the page of the documentation's home: `python docs/home_page.py`.

The page is the one that `docs/five_lines.py`, which the home shows, writes.
"""

from __future__ import annotations

import runpy
from contextlib import chdir
from pathlib import Path

from autograd_lite.drawing import available

HERE = Path(__file__).parent
#: What is written here is copied to the root of the HTML: pages that others embed, and files to download.
FOLDER = HERE / "extra" / "pages"


def make() -> None:
    """Run the five lines, and draw their picture from top to bottom, which fits a narrow screen."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    if not available():  # the page omits it, but Sphinx looks for it all the same
        (FOLDER / "net.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg"/>', encoding="utf-8")
        return
    with chdir(FOLDER):
        names = runpy.run_path(str(HERE / "five_lines.py"))
        names["L"].draw(names=names, direction="TB", legend=False).save("net.svg")


if __name__ == "__main__":
    make()
