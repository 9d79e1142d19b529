"""The examples are listed in the README, say how to run them, and write only into the folder that git ignores.

`.ci/run` runs each of them as a user would.
"""

import ast
import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "examples"
EXAMPLES = sorted(path.name for path in FOLDER.glob("*.py"))


def test_the_readme_lists_each_example_once():
    listed = re.findall(r"^\| \[(\w+\.py)\]\((\w+\.py)\) \|", (FOLDER / "README.md").read_text(encoding="utf-8"), re.M)
    assert all(name == target for name, target in listed)
    assert sorted(name for name, _ in listed) == EXAMPLES
    assert len(EXAMPLES) >= 11


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_says_how_to_run_it_and_can_fail(name):
    text = (FOLDER / name).read_text(encoding="utf-8")
    assert f"python examples/{name}" in (ast.get_docstring(ast.parse(text)) or "")
    assert "raise SystemExit(" in text
    longer = {"sweep.py": 135, "book_layers.py": 190}  # two libraries; eight layers
    assert len(text.splitlines()) <= longer.get(name, 120)


def test_git_ignores_what_they_write():
    ignored = (FOLDER.parent / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert "/out/" in ignored
    for name in EXAMPLES:
        text = (FOLDER / name).read_text(encoding="utf-8")
        if "savefig" in text or "BestCheckpoint" in text:
            assert 'OUT = Path(__file__).parents[1] / "out"' in text
