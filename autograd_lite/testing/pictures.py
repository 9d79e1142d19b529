"""A wrong edge of a graph, drawn red; and with ``--grad-pictures=DIR``, for every gradient test that fails.

This is a second pytest plugin, which the first one loads when that option is given: only pictures need the rest of the
library.
"""

from __future__ import annotations

import re
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from ..drawing import draw
from ..tensor import Tensor
from .bugs import GradientBug, gradient_bugs, recorded
from .report import Report


def draw_bug(bug: GradientBug, loss: Tensor | None = None, **options: Any) -> Any:
    """The graph of a bug with its wrong edge in red, as a :class:`~autograd_lite.drawing.Drawing`.

    Parameters
    ----------
    bug : GradientBug
        What :func:`~autograd_lite.testing.find_gradient_bug` found.
    loss : Tensor, optional
        The result to draw; the one in which the bug was found by default.
    **options
        As for :func:`autograd_lite.draw`.
    """
    for node, name in ((bug.node, "wrong"), (bug.parent, "argument")):
        if node is not None and node.name is None:
            node.name = name  # to find it in the picture
    picture = draw(loss if loss is not None else bug.loss, **{"view": "operations", **options})
    head, tail = (node.name or "" if node is not None else "" for node in (bug.node, bug.parent))
    return picture.marked(head, tail, str(bug.finding).splitlines()[-1].strip())


def draw_failure(report: Report, path: Path) -> Path | None:
    """Draw the graph of a report's function at the point where it failed, and save it."""
    if report.subject is None:
        return None
    f, inputs = report.subject
    loss = recorded(f, inputs)
    bug = next(gradient_bugs(loss), None)
    picture = draw_bug(bug, loss) if bug is not None else draw(loss, view="operations")
    saved: Path = picture.save(path)
    return saved


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
    """Add a section to a failed test's report that says where the picture of its graph was saved."""
    outcome = yield
    report = getattr(call.excinfo.value, "report", None) if call.excinfo else None
    if call.when == "call" and isinstance(report, Report):
        name = re.sub(r"\W+", "-", item.nodeid).strip("-")
        path = Path(item.config.getoption("--grad-pictures")) / f"{name}.svg"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            saved = draw_failure(report, path)
            outcome.sections.append(("gradient", f"the graph is drawn in {saved}" if saved else "no graph to draw"))
        except Exception as error:  # an error in the picture must not hide the failure
            outcome.sections.append(("gradient", f"no picture: {error}"))
    return outcome
