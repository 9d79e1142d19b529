"""docs/adding-a-function.md, followed literally: its edits on a copy of the package, then its sessions there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "adding-a-function.md"
RUN = """
import doctest, sys
text = open(sys.argv[1], encoding="utf-8").read()
test = doctest.DocTestParser().get_doctest(text, {}, "page", sys.argv[1], 0)
runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
import autograd_lite
print(autograd_lite.__file__, len(test.examples))
sys.exit(runner.run(test).failed)
"""


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def apply(block: str, root: Path) -> None:
    """Insert a block into the file that its first line names, at the end or beside the line that it quotes."""
    first, _, text = block.partition("\n")
    place = re.fullmatch(r"# (\S+), (?:at the end|(below|above): (.*))", first)
    assert place is not None, first
    file = root / place[1]
    old = file.read_text(encoding="utf-8")
    if place[2] is None:
        new = old + text
    else:
        line = f"{place[3]}\n"
        assert f"\n{old}".count(f"\n{line}") == 1, f"{place[1]} has no such line: {line}"
        new = old.replace(line, line + text if place[2] == "below" else text + line)
    file.write_text(new, encoding="utf-8")


def test_the_page_adds_a_function(tmp_path):
    shutil.copytree(ROOT / "autograd_lite", tmp_path / "autograd_lite", ignore=shutil.ignore_patterns("__pycache__"))
    edits = blocks("py")
    assert len(edits) == 6
    for edit in edits:
        apply(edit, tmp_path)
    page = tmp_path / "page.txt"
    page.write_text("\n".join(blocks("pycon")), encoding="utf-8")
    env = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", RUN, str(page)], env=env, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith(str(tmp_path))
