"""The result of a check: which argument and entry is wrong, by how much, the likely cause, and how to reproduce it."""

from __future__ import annotations

import inspect
import linecache
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..base.literals import literal
from ..base.tree import leaves, paths
from .leaves import Array, Function, Shape, as_array, is_array
from .numeric import Leaf, show

PRINTED = 6  # lines of entries shown
PRINTED_NUMBERS = 400  # the most numbers in the code that reproduces a failure


class GradientError(AssertionError):
    """A derivative is wrong. The message says where and by how much; `report` has the same as data.

    >>> import numpy as np
    >>> from autograd_lite.testing import GradientError, assert_vjp
    >>> try:
    ...     assert_vjp(np.sin, lambda g, x: -g * np.cos(x), np.array([0.5]))
    ... except GradientError as error:
    ...     print(error.report.findings[0].cause)
    the sign is wrong
    """

    def __init__(self, message: str, report: Report | None = None) -> None:
        super().__init__(message)
        self.report = report


class KinkWarning(UserWarning):
    """The function has no derivative at the point, so only the slopes of the two sides could be compared.

    >>> import warnings
    >>> import numpy as np
    >>> from autograd_lite.testing import assert_gradients
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     report = assert_gradients(np.abs, np.array([0.0]))
    >>> caught[0].category.__name__
    'KinkWarning'
    """


@dataclass
class Entry:
    """One number of a derivative, as given and as measured."""

    index: Shape
    analytic: complex
    numeric: complex
    error: float
    part: str = ""
    output: Shape | None = None  # the output's entry, in forward mode

    @property
    def ratio(self) -> float:
        with np.errstate(all="ignore"):
            return float(np.real(np.divide(self.analytic, self.numeric)))


@dataclass
class Finding:
    """An error in the derivative with respect to one argument.

    Attributes
    ----------
    what : str
        The derivative in words: "the gradient", "the tangent", "the second derivative".
    argument : str
        The path to the array: ``x2`` or ``params['W']``.
    entries : list of Entry
        The wrong entries, the worst first.
    wrong, examined : int
        How many entries are wrong, of how many compared.
    cause : str
        The likely cause, or "".
    """

    what: str
    argument: str
    shape: Shape
    dtype: Any
    entries: list[Entry] = field(default_factory=list)
    wrong: int = 0
    examined: int = 0
    cause: str = ""
    sentence: str = ""  # printed instead of the table of entries, for a wrong shape, dtype or behaviour

    @property
    def index(self) -> Shape:
        return self.entries[0].index if self.entries else ()

    def __str__(self) -> str:
        head = f"{self.what} with respect to {self.argument} (shape {self.shape}, {self.dtype})"
        if self.sentence:
            lines = [f"{head} {self.sentence}" if self.argument else f"{self.what} {self.sentence}"]
        else:
            some = "its only entry" if self.examined == 1 else f"{self.wrong} of the {self.examined} entries looked at"
            lines = [f"{head} is wrong in {some}:", *self._table()]
        if self.cause:
            lines.append(f"  likely cause: {self.cause}")
        return "\n".join(lines)

    def _table(self) -> list[str]:
        name = self.argument if len(self.argument) <= 24 else "at "
        rows = [("", "given", "measured", "given / measured")]
        for e in self.entries[:PRINTED]:
            where = f"{name}{show(e.index)}{e.part}" + (f" -> y{show(e.output)}" if e.output is not None else "")
            rows.append((where, _number(e.analytic), f"{_number(e.numeric)} ± {e.error:.0e}", f"{e.ratio:.6g}"))
        widths = [max(len(row[k]) for row in rows) for k in range(4)]
        lines = [
            "    " + "  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in rows
        ]
        if self.wrong > PRINTED:
            lines.append(f"    ... and {self.wrong - PRINTED} more")
        return lines


def _number(value: complex) -> str:
    value = complex(value)
    return f"{value.real:.9g}" if value.imag == 0 else f"{value.real:.9g}{value.imag:+.9g}j"


@dataclass
class Report:
    """The result of a check: true when nothing is wrong.

    Attributes
    ----------
    function : str
        The name of what was checked.
    findings : list of Finding
        What is wrong.
    notes : list of str
        What could not be judged (a kink, a point where differences do not converge), and other remarks.
    looked_at : Counter
        How many numbers each check compared.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_lite.testing import check_vjp
    >>> report = check_vjp(np.sin, lambda g, x: -g * np.cos(x), np.array([0.5]))
    >>> bool(report), report.findings[0].cause
    (False, 'the sign is wrong')
    """

    function: str
    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    looked_at: Counter[str] = field(default_factory=Counter)
    reproduce: str = ""
    subject: tuple[Function, Sequence[Any]] | None = None  # the function and the point, to be drawn

    @property
    def ok(self) -> bool:
        return not self.findings

    def __bool__(self) -> bool:
        return self.ok

    def __str__(self) -> str:
        looked = ", ".join(f"{count} {what}" for what, count in self.looked_at.items())
        verdict = f": every derivative agrees ({looked})" if self.ok else " has a wrong derivative"
        lines = [self.function + verdict, *map(str, self.findings), *(f"  note: {note}" for note in self.notes)]
        if self.reproduce and not self.ok:
            lines += ["to see it again:", *("    " + line for line in self.reproduce.splitlines())]
        return "\n".join(lines)

    def add(
        self, what: str, sentence: str = "", cause: str = "", leaf: Leaf | None = None, entries: Sequence[Entry] = (),
        wrong: int = 0, examined: int = 0,
    ) -> None:
        """Add a finding: a sentence, or a table of entries."""
        path, shape, dtype = (leaf.path, leaf.shape, leaf.dtype) if leaf is not None else ("", (), "")
        self.findings.append(Finding(what, path, shape, dtype, list(entries), wrong, examined, cause, sentence))

    def throw(self) -> Report:
        """Return the report, or raise :class:`GradientError` if something is wrong."""
        if not self.ok:
            raise GradientError(str(self), self)
        return self


def named_like(g: Function, f: Function, names: Sequence[str] = ()) -> Function:
    """`g` with the name and the signature of `f`, so that messages name what the user wrote."""

    def named(*args: Any) -> Any:
        return g(*args)

    named.__name__, named.__module__ = name_of(f), ""
    if names:
        named.__names__ = list(names)  # type: ignore[attr-defined]  # read by reports
    else:
        named.__wrapped__ = f  # type: ignore[attr-defined]  # as inspect reads it
    return named


def name_of(f: Function) -> str:
    """The name of a function in messages; for a lambda, its text."""
    name = getattr(f, "__name__", None) or type(f).__name__
    if name == "<lambda>":
        return _lambda_text(f)
    module = "numpy" if isinstance(f, np.ufunc) else str(getattr(f, "__module__", ""))
    if module.startswith("numpy"):
        return f"{module.replace('numpy', 'np', 1)}.{name}"
    return str(name)


def _lambda_text(f: Function) -> str:
    """The text of a lambda, from the positions that the compiler keeps for its instructions."""
    code = inspect.unwrap(f).__code__
    spots = [p for p in code.co_positions() if None not in p and p[2] != p[3]]
    if not spots:
        return "the lambda"
    line = linecache.getline(code.co_filename, spots[-1][0])
    body = line.encode()[min(p[2] for p in spots) : max(p[3] for p in spots)].decode(errors="replace").strip()
    same = all(p[0] == spots[-1][0] for p in spots)
    return f"lambda {', '.join(inspect.signature(f).parameters)}: {body}" if body and same else "the lambda"


def names_of(f: Function, count: int) -> list[str]:
    """The names of a function's first `count` parameters, or "argument 0", … where it has no signature."""
    f = inspect.unwrap(f)
    if hasattr(f, "__names__"):  # see `named_like`
        return list(f.__names__)[:count]
    try:
        parameters = list(inspect.signature(getattr(f, "fn", f)).parameters.values())  # fn: a row's own function
    except (TypeError, ValueError):
        parameters = []
        if isinstance(f, np.ufunc):  # before NumPy 2.4 it has no signature
            return ["x"] if f.nin == 1 else [f"x{i + 1}" for i in range(count)]
    names = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return [names[i] if i < len(names) else f"argument {i}" for i in range(count)]


def as_source(value: Any) -> str:
    """A value as Python source: small arrays in full, large ones by their shape."""
    named = zip(paths(value), leaves(value), strict=True)
    arrays = [(path, as_array(leaf)) for path, leaf in named if is_array(leaf)]
    if sum(array.size for _, array in arrays) > PRINTED_NUMBERS:
        shapes = ", ".join(f"{path or 'array'} of shape {array.shape}" for path, array in arrays)
        return f"...  # {shapes}: too large to print"
    return literal(value, _other_source)


def _other_source(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k!r}: {as_source(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return f"[{', '.join(map(as_source, value))}]"
    if is_array(value):
        return _array_source(as_array(value))
    return name_of(value) if callable(value) else repr(value)


def _array_source(a: Array) -> str:
    text = repr(a.tolist()).replace("inf", "np.inf").replace("nan", "np.nan")
    dtype = "" if a.dtype in (np.float64, np.complex128, np.bool_, np.int64) and a.size else f", dtype=np.{a.dtype}"
    shape = f".reshape({a.shape})" if 0 in a.shape else ""
    return f"np.array({text}{dtype}){shape}"


def recipe(call: str, names: Sequence[str], inputs: Sequence[Any]) -> str:
    """Source that repeats a check on the same numbers."""
    names = [n if n.isidentifier() else f"x{i + 1}" for i, n in enumerate(names)]
    lines = [f"{n} = {as_source(v)}" for n, v in zip(names, inputs, strict=True)]
    return "\n".join(["import numpy as np", *lines, call.replace("{inputs}", ", ".join(names))])
