"""The entry of a row in the API reference: its derivative, what differs from NumPy's function, and an example.

Everything is read from the row, or is the result of running it.
"""

from __future__ import annotations

import inspect
import io
import re
from collections.abc import Iterator
from contextlib import redirect_stdout, suppress
from typing import Any

import numpy as np

import autograd_lite as ag
from autograd_lite.table import ROWS, Primitive, describe
from autograd_lite.table.status import public_name
from autograd_lite.testing.numeric import CannotCheck
from autograd_lite.testing.rows import Point, elementwise_point, points

MOST = 36  # entries of the arrays in an example
PRECISION = 4


def link(function: Any) -> str:
    """A function of NumPy or SciPy, linked to its documentation."""
    name = public_name(function).replace("np.", "numpy.", 1)
    site = "docs.scipy.org/doc/scipy/reference" if name.startswith("scipy") else "numpy.org/doc/stable/reference"
    return f"`{name} <https://{site}/generated/{name}.html>`__"


def summary(doc: str) -> str:
    """The first paragraph of a docstring of NumPy, which may begin with the signature."""
    paragraphs = (" ".join(p.split()) for p in doc.split("\n\n"))
    return next((p for p in paragraphs if not re.match(r"\w+\(.*\)$", p)), "")


def theirs(row: Primitive) -> Any:
    """The function of NumPy or SciPy that a row differentiates, or None."""
    return describe.numpys(row, ROWS)


def own_doc(row: Primitive) -> str | None:
    """The docstring of a row that is written here, not NumPy's or SciPy's."""
    return str(vars(row)["__doc__"]) if "__doc__" in vars(row) else describe.own_doc(row)


# ---------------------------------------------------------------------------------------------------- signature


def signature(row: Primitive) -> inspect.Signature:
    """How a row is called."""
    if row.bind is None and isinstance(row.fn, np.ufunc):
        one = row.fn.nin == 1
        names = ["x"] if one else [f"x{k + 1}" for k in range(row.fn.nin)]
        P = inspect.Parameter
        made = [P(n, P.POSITIONAL_ONLY) for n in names]
        return inspect.Signature([*made, P("dtype", P.KEYWORD_ONLY, default=None)])
    given = inspect.signature(row.bind or row.fn)
    return given.replace(parameters=[p for p in given.parameters.values() if p.name not in ("out", "unsupported")])


# ------------------------------------------------------------------------------------------------- what differs


def differences(row: Primitive) -> Iterator[str]:
    """Sentences on the derivative of a row that do not hold for all rows."""
    yield from describe.differences(row, theirs(row))
    yield from at_kinks(row)
    if row.kind == "elementwise" and row.holomorphic and real_only(row):
        yield "For real numbers only."


def real_only(row: Primitive) -> bool:
    with np.errstate(all="ignore"):
        try:
            row.on_arrays(*(np.array([0.5 + 0.25j]) for _ in row.rules))
        except (TypeError, ValueError):
            return True
    return False


def at_kinks(row: Primitive) -> Iterator[str]:
    """What the gradient is where the function has no derivative, found by running the row there."""
    if row.kind != "elementwise" or not row.rules:
        return
    if not callable(row.kinks):
        found = [(f"x = {kink:g}", (float(kink),) * len(row.rules)) for kink in row.kinks]
    elif len(row.rules) == 2 and not row.examples:
        some = 1.25
        candidates = (
            ("x_1 = x_2", (some, some)), ("x_1 = 0", (0.0, some)), ("x_2 = 0", (some, 0.0)),
            ("x_1 = x_2 = 0", (0.0, 0.0)),
        )
        with np.errstate(all="ignore"):
            found = [(words, xs) for words, xs in candidates if np.all(row.kinks(*map(np.array, xs)))]
        if found and found[0][0] == "x_1 = x_2":
            found = found[:1]
    else:
        return
    for words, xs in found:
        with np.errstate(all="ignore"), suppress(TypeError, ValueError):
            gradients = ag.vjp(row, *map(np.array, xs))[1](np.ones(()))
            values = [f"{float(g):g}" for g in gradients if g is not None]
            what = "gradient is" if len(values) == 1 else "gradients are"
            yield f"At :math:`{words}` there is no derivative; the {what} {' and '.join(values)}."


# ------------------------------------------------------------------------------------------------------ example


def calls(row: Primitive) -> Iterator[Point]:
    """Calls to show a row with: an elementwise one at two numbers, otherwise its examples."""
    rng = np.random.default_rng(0)
    if row.kind == "elementwise" and not row.examples:
        with suppress(CannotCheck):
            yield elementwise_point(row, (2,), rng), {}
    elif row.kind == "constant" and not row.examples:
        count = row.fn.nin if isinstance(row.fn, np.ufunc) else 1
        yield tuple(np.array([1.5, -0.5]) for _ in range(count)), {}
        yield tuple(np.array([6, 3]) for _ in range(count)), {}
    else:
        yield from points(row, rng)


def example(row: Primitive, name: str) -> str | None:
    """An interactive example that calls the row under this name and takes a gradient; None if no call can be typed."""
    for args, keywords in calls(row):
        lines = _typed(row, name, args, keywords)
        if lines is not None:
            with suppress(Exception):  # rounded numbers may be outside its domain
                text = run(lines)
                return text if text == run(lines) else run([">>> y.shape" if s == ">>> y" else s for s in lines])
    return None


def _typed(row: Primitive, name: str, args: Any, keywords: dict[str, Any]) -> list[str] | None:
    """The lines of an example, without results."""
    arrays: list[str] = []
    live: list[str] = []
    total = sum(isinstance(a, np.ndarray) for a in ag.base.tree.leaves((args, list(keywords.values()))))

    def spelled(a: Any) -> str:
        if type(a) in (list, tuple):
            inner = [spelled(part) for part in a]
            return f"[{', '.join(inner)}]" if type(a) is list else f"({', '.join(inner)}{',' * (len(inner) == 1)})"
        if isinstance(a, np.ndarray):
            if not a.size:
                raise ValueError("an empty array shows nothing")
            letter = "x" if total == 1 else f"x{len(arrays) + 1}"
            differentiable = a.dtype.kind in "fc" and row.kind != "constant"
            live.extend([letter] * differentiable)
            values = repr((np.round(a, 2) if a.dtype.kind in "fc" else a).tolist())
            dtype = "" if a.dtype.kind in "fcbi" else f", dtype=np.{a.dtype}"
            arrays.append(
                f">>> {letter} = ag.tensor({values}, requires_grad=True)" if differentiable
                else f">>> {letter} = np.array({values}{dtype})"
            )
            return letter
        if callable(a) and getattr(np, getattr(a, "__name__", ""), None) is a:
            return f"np.{a.__name__}"
        if isinstance(a, Primitive):
            return f"ag.{a.name}"
        text = repr(round(a, 2) if isinstance(a, float) else a)
        eval(text, {"nan": np.nan, "inf": np.inf, "Ellipsis": Ellipsis})  # the arguments of a row of our own
        return text

    if sum(a.size for a in ag.base.tree.leaves((args, list(keywords.values()))) if isinstance(a, np.ndarray)) > MOST:
        return None
    try:
        words = [*(spelled(a) for a in args), *(f"{k}={spelled(v)}" for k, v in keywords.items())]
    except (SyntaxError, NameError, ValueError, TypeError):
        return None
    return [*arrays, f">>> y = {name}({', '.join(words)})", ">>> y", *_gradient(live)]


def _gradient(live: list[str]) -> list[str]:
    return [f"gradient {', '.join(live)}"] if live else []


def run(lines: list[str]) -> str:
    """These lines with prompts, and what they print."""
    names: dict[str, Any] = {"ag": ag, "np": np, "nn": ag.nn, "optim": ag.optim}
    shown: list[str] = []
    with np.errstate(all="ignore"), np.printoptions(precision=PRECISION, suppress=True):
        for line in lines:
            if line.startswith("gradient "):
                y = names["y"]
                if not isinstance(y, ag.Tensor) or not y.requires_grad or y.dtype.kind == "c":
                    continue
                more = [">>> y.backward()" if y.ndim == 0 else ">>> y.sum().backward()"]
                words = line.split(" ", 1)[1]
                more.append(f">>> {', '.join(f'{w}.grad' for w in words.split(', '))}")
            else:
                more = [line]
            for one in more:
                out = io.StringIO()
                with redirect_stdout(out):
                    code = "".join(line[4:] + "\n" for line in one.splitlines())
                    exec(compile(code, "<example>", "single"), names)
                shown += [*one.splitlines(), *out.getvalue().rstrip().splitlines()]
    return "\n".join(line or "<BLANKLINE>" for line in shown)
