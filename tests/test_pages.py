"""The examples in README.md and docs/ are right: each page is run from top to bottom as one session.

Every block marked `python` must be a session with prompts and results (`>>> 1 + 1`, then `2`), so that no example is
left untested; `...` stands for any text. Blocks in other languages are not run.
"""

from __future__ import annotations

import doctest
import pkgutil
import re
import runpy
from pathlib import Path

import pytest

from autograd_lite.drawing import available

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted(ROOT.glob("docs/*.md")), *sorted(ROOT.glob("docs/design/*.md"))]
MADE = {"docs/_build"}  # by a command on the page
LESSONS = [path.stem for path in (ROOT / "examples" / "lessons").glob("*.py")]
GENERATED = {  # when the documentation is built
    "ops.md", "gallery.md", "lessons.md", "notebooks.md", "reference.md", "extra/pages/net.svg",
    *(f"lessons/{name}.md" for name in (*LESSONS, "resnet")),
}  # fmt: skip


def code(page: str) -> str:
    """The `python` blocks of a page, everything else blanked, so that line numbers stay those of the page."""
    lines, inside = [], False
    for number, line in enumerate(page.splitlines(), 1):
        fence = re.match(r" *(```|~~~)(.*)", line)
        if fence:
            opens = not inside and fence[2].strip().startswith("python")
            inside = opens
            lines.append("")
        else:
            if inside and not lines[-1]:
                assert not line or line.startswith(">>> "), f"line {number}: start with a prompt: {line}"
            lines.append(line if inside else "")
    return "\n".join(lines) + "\n"


def test_the_reader_of_pages_reads() -> None:
    assert code("a\n```python\n>>> 1\n1\n```\nb\n```sh\n>>> 2\n```\n").split() == [">>>", "1", "1"]
    with pytest.raises(AssertionError, match="line 2: start with a prompt"):
        code("```python\nx = 1\n```\n")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
@pytest.mark.usefixtures("op")  # the rows that a page declares are for this page only
def test_page(page: Path) -> None:
    text = code(page.read_text(encoding="utf-8"))
    examples = doctest.DocTestParser().get_doctest(text, {}, page.name, str(page), 0)
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE, verbose=False)
    report: list[str] = []
    failed, _ = runner.run(examples, out=report.append)
    assert not failed, "".join(report)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_page_names_files_that_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    named = re.findall(r"\b(?:autograd_lite|benchmarks|docs|examples|tests|tools)/[\w/.-]*\w", text)
    missing = [name for name in named if not (ROOT / name).exists() and name not in MADE]
    assert not missing, f"not in the project: {missing}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_page_names_modules_that_exist(page: Path) -> None:
    for name in re.findall(r"\bautograd_lite(?:\.\w+)+", page.read_text(encoding="utf-8")):
        pkgutil.resolve_name(name)  # raises if there is no such module or attribute


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_pages_that_exist(page: Path) -> None:
    linked = re.findall(r"\]\(([\w/.-]+)(?:#[\w-]*)?\)", page.read_text(encoding="utf-8"))
    missing = [name for name in linked if not (page.parent / name).exists() and name not in GENERATED]
    assert not missing, f"links to nothing: {missing}"


@pytest.mark.skipif(not available(), reason="no renderer on this machine")
def test_the_lines_on_the_home_write_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(ROOT / "docs" / "five_lines.py"))
    page = (tmp_path / "net.html").read_text(encoding="utf-8")
    assert "Change the numbers" in page
    assert "http://" not in page.replace("http://www.w3.org", "")  # nothing from a network
    assert "https://" not in page
