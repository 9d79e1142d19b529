"""The tables of docs/coming-from.md are right: the code on the left fails or differs, and that on the right runs.

If the third column begins with the name of an exception, the left code raises it. Otherwise both run, and their results
differ in type, shape or value.
"""

from __future__ import annotations

import ast
import builtins
import doctest
import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag

PAGE = (Path(__file__).parents[1] / "docs" / "coming-from.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| `([^`]+)` \| `([^`]+)` \| (.+) \|$", PAGE, re.M)
SETUP = doctest.DocTestParser().get_examples(PAGE.partition("```python\n")[2].partition("```")[0])


def result(code: str) -> Any:
    """What the last statement evaluates to, or assigns to its first name, after the setup of the page."""
    scope: dict[str, Any] = {}
    for example in SETUP:
        exec(example.source, scope)
    *before, last = ast.parse(code).body
    exec(compile(ast.Module(before, []), code, "exec"), scope)
    if isinstance(last, ast.Expr):
        return eval(compile(ast.Expression(last.value), code, "eval"), scope)
    exec(compile(ast.Module([last], []), code, "exec"), scope)
    target = last.targets[0] if isinstance(last, ast.Assign) else None
    return scope[target.id] if isinstance(target, ast.Name) else None


def differ(a: Any, b: Any) -> bool:
    if isinstance(a, (tuple, list)) or isinstance(b, (tuple, list)):
        pairs = isinstance(a, (tuple, list)) and isinstance(b, (tuple, list)) and len(a) == len(b)
        return not pairs or any(map(differ, a, b))
    arrays = [x.numpy() if isinstance(x, ag.Tensor) else np.asarray(x) for x in (a, b)]
    return arrays[0].shape != arrays[1].shape or not np.array_equal(*arrays)


def test_every_row_of_the_page_is_read():
    lines = [line for line in PAGE.splitlines() if re.match(r"\| `", line)]
    assert len(ROWS) == len(lines) >= 50


@pytest.mark.parametrize(("left", "right", "otherwise"), ROWS, ids=[f"{left}" for left, _, _ in ROWS])
def test_a_row(left, right, otherwise, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    error = getattr(builtins, (re.match(r"`(\w+)`", otherwise) or ["", ""])[1], None)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        good = result(right)
    if isinstance(error, type):
        with pytest.raises(error) as caught:
            result(left)
        if re.match("autograd|a Tensor", str(caught.value)) and error is AttributeError:
            assert "': " in str(caught.value)  # it says what to write
    else:
        assert differ(result(left), good)
