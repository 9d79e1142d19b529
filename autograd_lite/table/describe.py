"""The docstring of a row: NumPy's, and what differs from it, read from the row.

The API reference says the same, with the derivative as a formula.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from .domain import REAL
from .signature import parameters


def numpys(row: Any, rows: Mapping[Any, Any]) -> Any:
    """The function of NumPy, or else of SciPy, that `row` differentiates; None if the function is the library's own."""

    def elsewhere(function: Any) -> bool:
        module = getattr(function, "__module__", None)  # a ufunc has none
        return not (str(module).startswith("numpy") or getattr(np, function.__name__, None) is function)

    return min((function for function, other in rows.items() if other is row), key=elsewhere, default=None)


def own_doc(row: Any) -> str | None:
    """The docstring of a row's function, if it is written here."""
    doc, module = row.fn.__doc__, getattr(row.fn, "__module__", None)
    ufunc = getattr(row.fn, "__self__", row.fn)  # of np.add.reduce, np.add
    ours = not str(module).startswith(("numpy", "scipy")) and not isinstance(ufunc, np.ufunc)
    return inspect.cleandoc(doc) if doc and ours else None


def docstring(row: Any, rows: Mapping[Any, Any]) -> str | None:
    """The docstring of `row`: its own or NumPy's, and what differs from NumPy's function."""
    function = numpys(row, rows)
    formula = definition(row)
    doc = own_doc(row) or inspect.getdoc(function) or formula and f":math:`{formula}`"
    notes = "\n".join(f"- {line}" for line in differences(row, function))
    if not doc or not notes:
        return doc or None
    return f"{doc}\n\nIn autograd_lite\n----------------\n{notes}\n"


def definition(row: Any) -> str:
    """``y = …`` in LaTeX, for an elementwise row that says how it is written; otherwise empty."""
    if row.kind != "elementwise" or not row.tex:
        return ""
    one = len(row.rules) == 1
    names = {"x": "x"} if one else {f"x{k}": f"x_{k}" for k in range(1, len(row.rules) + 1)}
    options = {name: name.replace("_", r"\_") for name in parameters(row.bind)} if row.bind else {}
    return f"y = {row.tex.format(**options | names)}"


def differences(row: Any, function: Any) -> Iterator[str]:
    """Sentences on `row` and its derivative that do not hold for all rows."""
    if without := missing(row, function):
        yield f"Without NumPy's {', '.join(f'``{name}``' for name in without)}."
    if where := domain(row):
        yield f"The derivative holds where {', '.join(f':math:`{tex}`' for tex in where)}."
    if row.kind == "constant":
        yield "The derivative is zero wherever it exists, so the result does not require gradients."
    if row.outputs:
        yield "Returns several results as a tuple; each can be differentiated."
    if not row.holomorphic:
        gradient = r":math:`∂L/∂a + i\,∂L/∂b` for :math:`x = a + ib`"
        yield f"Not holomorphic: for complex arguments the gradient is PyTorch's, {gradient}."
    if row.order is not None:
        yield f"Differentiable to order {row.order} only."
    if row.surrogate is not None:
        yield "The gradient is, on purpose, that of another function, the surrogate."
    if row.unlike_torch:
        yield f"{row.unlike_torch}."  # a sentence on PyTorch's function of this name
    if row.batch is None and row.kind not in ("composite", "constant"):
        yield "In a batch (``ag.vmap``) it is called once for each example."


def domain(row: Any) -> list[str]:
    """Where the derivative holds, in LaTeX."""
    if not isinstance(row.domain, tuple):
        return [] if row.domain is REAL else [row.domain.tex]
    return [re.sub(r"\bx\b", f"x_{k}", d.tex) for k, d in enumerate(row.domain, 1) if d is not REAL]


def missing(row: Any, function: Any) -> list[str]:
    """The parameters of NumPy's function that the row does not have; those of a ufunc are the same for all."""
    if function is None or isinstance(function, np.ufunc):
        return []
    try:
        theirs = inspect.signature(function).parameters.values()
        params = inspect.signature(row.bind or row.fn).parameters.values()
    except ValueError:  # before NumPy 2.4 functions in C have none
        return []
    ours = parameters(row.bind or row.fn)
    if any(p.kind is p.VAR_KEYWORD for p in params):
        return []
    named = (p.name for p in theirs if p.kind in (p.KEYWORD_ONLY, p.POSITIONAL_OR_KEYWORD) and p.default is not p.empty)
    return [name for name in named if name not in ours and name not in ("out", "like")]
