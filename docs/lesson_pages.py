"""Makes the pages of the lessons, each with its derivation, pictures and worksheet: `python docs/lesson_pages.py`.

Everything on a page is written by the library, from the program in `examples/lessons/` that the page shows.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import resnet_page

import autograd_lite as ag
from autograd_lite.drawing import available
from autograd_lite.teach import worksheet

HERE = Path(__file__).parent
FOLDER = HERE / "lessons"
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

## The derivation

{derivation}
{check}
{pictures}## The worksheet

`worksheet(L, wrt=[{wrt}], names=names)` prints

```text
{sheet}```

and `.check(answers)` marks the answers, as formulas or arrays.
"""

PICTURES = """\
## The picture

![{title}: the graph with a partial derivative on each line]({name}.svg)

{{download}}`The page to step through <{name}.html>` is one file that needs no network; its numbers can be changed, and
everything that depends on them updates.

## Step by step

![{title}: the chain rule, animated]({name}-steps.svg)

"""


def page(make: Callable[[], Lesson], lesson: Lesson) -> str:
    """The page of a lesson in Markdown."""
    name, derivation = make.__name__, lesson.explain()
    sheet = worksheet(lesson.result, wrt=lesson.wrt, names=lesson.names)
    words = {id(value): word for word, value in reversed(lesson.names.items())}
    return PAGE.format(
        title=lesson.title, textbook=lesson.textbook, derivation=derivation.markdown(),
        code=lesson.code, sheet=f"{sheet}\n",
        pictures=PICTURES.format(title=lesson.title, name=name) if available() else "",
        wrt=", ".join(words.get(id(w), w.name or "w") for w in lesson.wrt),
        check=f"{resnet_page.checked(derivation)}\n",
    )  # fmt: skip


def pictures(make: Callable[[], Lesson], lesson: Lesson) -> None:
    """The picture of a lesson, its animation, and the page to step through."""
    path = FOLDER / make.__name__
    lesson.result.draw(names=lesson.names).save(path.with_suffix(".svg"))
    ag.frames(lesson.result, wrt=lesson.wrt, names=lesson.names).save(f"{path}-steps.svg")
    lesson.result.draw(names=lesson.names).save(path.with_suffix(".html"), live=True)


def make() -> None:
    """Write all pages; the pictures need a renderer."""
    FOLDER.mkdir(exist_ok=True)
    for function in LESSONS:
        lesson = function()
        (FOLDER / f"{function.__name__}.md").write_text(page(function, lesson), encoding="utf-8")
        if available():
            pictures(function, lesson)
    resnet_page.make()
    names = "\n".join([*(f"lessons/{function.__name__}" for function in LESSONS), "lessons/resnet"])
    (HERE / "lessons.md").write_text(INDEX.format(pages=names, count=len(LESSONS)), encoding="utf-8")


if __name__ == "__main__":
    make()
