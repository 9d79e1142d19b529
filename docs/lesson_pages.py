"""Makes the pages of the lessons, each with its derivation, pictures and worksheet: `python docs/lesson_pages.py`.

Everything on a page is written by the library, from the program in `examples/lessons/` that the page shows.
"""

from __future__ import annotations

import sys
from pathlib import Path

import resnet_page

import autograd_lite as ag
from autograd_lite.drawing import available
from autograd_lite.teach import worksheet

HERE = Path(__file__).parent
FOLDER = HERE / "lessons"
PAGES = HERE / "extra" / "pages"  # which are copied as they are
sys.path.insert(0, str(HERE.parent / "examples"))

from lessons import LESSONS, Lesson  # noqa: E402  found only after the line above

INDEX = """\
# {count} lessons

The derivations of a course, each from a few lines of NumPy: the derivation as in a textbook, with the numbers and a
check, its picture, the chain rule step by step, and a worksheet that the library marks. Each lesson is a program in
`examples/lessons/` that runs as it stands, and `docs/lesson_pages.py` makes its page. The last page derives a net that
is too large for a board, block by block.

```{{toctree}}
:maxdepth: 1

{pages}
```
"""

PAGE = """\
# {title}

As in {textbook}.

```python
{code}```

{shown}## The derivation

`print(L.explain([{wrt}], names=locals()))` prints it as text, and a notebook shows it like this:

{derivation}
{check}
## The worksheet

`sheet = ag.worksheet(L, [{wrt}], names=locals())` leaves lines of it blank, and `sheet.check(answers)` marks the
answers, as formulas or arrays.

```{{raw}} html
<p>To hand out: a <a href="../pages/{name}-worksheet.html">page that marks answers as they are typed</a>, or a
<a href="../pages/{name}-worksheet.ipynb" download>notebook</a>, from <code>sheet.save("{name}.html")</code> and
<code>sheet.save("{name}.ipynb")</code>.</p>
```

```text
{sheet}```
"""

SHOWN = """\
## The page

```{{raw}} html
<iframe class="live" src="../pages/{name}.html" title="{title}: a page to step through" loading="lazy"></iframe>
<p>The numbers can be changed. <code>L.draw(names=locals()).save("{name}.html", live=True)</code> writes this page, one
file that needs no network. <a href="../pages/{name}.html">Open it alone</a>.</p>
```

## The chain rule, step by step

![{title}: the chain rule, animated]({name}-steps.svg)

"""


def variables(lesson: Lesson) -> str:
    """The parameters, as a program calls them: `w`, or `layer.weight`."""
    words: dict[int, str] = {}
    for word, value in lesson.names.items():
        inside = value.named_parameters() if hasattr(value, "named_parameters") else ()
        for name, tensor in [(word, value), *((f"{word}.{name}", tensor) for name, tensor in inside)]:
            words.setdefault(id(tensor), name)
    return ", ".join(words[id(w)] for w in lesson.wrt)


def page(name: str, lesson: Lesson) -> str:
    """The page of a lesson in Markdown. Its worksheet is written too, and its pictures if there is a renderer."""
    derivation = lesson.explain()
    sheet = worksheet(lesson.result, wrt=lesson.wrt, names=lesson.names)
    for suffix in (".html", ".ipynb"):
        sheet.save(PAGES / f"{name}-worksheet{suffix}", title=lesson.title)
    shown = ""
    if available():
        ag.frames(lesson.result, wrt=lesson.wrt, names=lesson.names).save(FOLDER / f"{name}-steps.svg")
        lesson.result.draw(names=lesson.names).save(PAGES / f"{name}.html", live=True)
        shown = SHOWN.format(title=lesson.title, name=name)
    return PAGE.format(
        title=lesson.title, textbook=lesson.textbook, code=lesson.code, shown=shown, wrt=variables(lesson), name=name,
        derivation=derivation.markdown(), check=resnet_page.checked(derivation), sheet=f"{sheet}\n",
    )  # fmt: skip


def make() -> None:
    """Write all pages; the pictures need a renderer."""
    FOLDER.mkdir(exist_ok=True)
    PAGES.mkdir(parents=True, exist_ok=True)
    names = [function.__name__ for function in LESSONS]
    for name, function in zip(names, LESSONS, strict=True):
        (FOLDER / f"{name}.md").write_text(page(name, function()), encoding="utf-8")
    resnet_page.make()
    listed = "\n".join(f"lessons/{name}" for name in [*names, "resnet"])
    (HERE / "lessons.md").write_text(INDEX.format(pages=listed, count=len(names)), encoding="utf-8")


if __name__ == "__main__":
    make()
