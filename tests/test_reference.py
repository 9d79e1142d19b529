"""Every public name has an entry in the API reference, with an example that runs; nothing else can be reached.

The examples in docstrings of functions and classes are run by ``--doctest-modules``. The entry of a row of the table is
made from the row (``docs/row_entries.py``), and its example is run here.
"""

from __future__ import annotations

import doctest
import importlib
import inspect
import re
import sys
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.table import Primitive

DOCS = Path(__file__).parents[1] / "docs"
sys.path.insert(0, str(DOCS))
pytest.importorskip("scipy")  # the special functions have an entry where it is installed

import call_examples  # noqa: E402  found in docs/ only after the line above
import ops_table  # noqa: E402
import public_names  # noqa: E402
import row_entries  # noqa: E402

EVERYTHING = public_names.everything()
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def initial(one: public_names.Public) -> str:
    return one.name.rpartition(".")[2][0].lower()


def test_the_names_are_those_that_are_published() -> None:
    names = {name for one in EVERYTHING for name in one.names}
    assert {f"autograd_lite.{name}" for name in ("exp", "concat", "Tensor", "grad", "jit", "nn.Linear")} <= names
    assert len(names) > 850
    assert not [name for name in names if name.rpartition(".")[2].startswith("_")]


@pytest.mark.parametrize("name", [*public_names.MODULES, *public_names.STANDARD])
def test_dir_lists_what_is_public(name: str) -> None:
    """Everything and nothing else: no module or helper that a module imports for its own use."""
    module = importlib.import_module(name)
    listed = {own for own in dir(module) if not own.startswith("_")}
    assert listed == set(public_names.published(module)), f"{name}: see autograd_lite/base/listing.py"
    assert {"__name__", "__doc__"} <= set(dir(module))


def test_every_public_module_is_in_the_reference() -> None:
    """The modules that are published as names of a public module, and so on."""
    for name in public_names.MODULES:
        module = importlib.import_module(name)
        for own in public_names.published(module):
            value = getattr(module, own)
            known = {*public_names.MODULES, *public_names.STANDARD}
            assert not inspect.ismodule(value) or value.__name__ in known, f"{name}.{own}"


@pytest.mark.parametrize("letter", LETTERS)
def test_every_public_name_has_a_docstring_and_an_example_that_runs(letter: str) -> None:
    without, report = [], []
    for one in (one for one in EVERYTHING if callable(one.value) and initial(one) == letter):
        text = described(one)
        if text is None:  # NumPy's own
            continue
        if not text.strip():
            without.append(f"{one.name}: a docstring")
        example, run = example_of(one, text)
        if example is None:
            without.append(f"{one.name}: an example")
        elif not run:
            report += failures(one, example)
    assert not report, "".join(report)
    assert not without, f"missing: {without}"


def described(one: public_names.Public) -> str | None:
    """The docstring of an entry; None for NumPy's own objects."""
    value = one.value
    if isinstance(value, Primitive):
        return value.__doc__ or ""
    if not str(getattr(value, "__module__", "")).startswith("autograd_lite"):
        return None
    inherited = inspect.isclass(value) and "__doc__" not in vars(value)
    return "" if inherited else value.__doc__ or ""


def example_of(one: public_names.Public, text: str) -> tuple[str | None, bool]:
    """The example of an entry, and whether ``--doctest-modules`` runs it already."""
    value = one.value
    if isinstance(value, Primitive):
        own = row_entries.own_doc(value) or ""
        return (own if ">>>" in own else row_entries.example(value, one.name.replace("autograd_lite", "ag", 1))), False
    if ">>>" not in text:
        return call_examples.example(value, one.name), False
    module = vars(sys.modules[value.__module__])
    return text, inspect.isclass(value) or getattr(value, "__globals__", None) is module


def failures(one: public_names.Public, text: str) -> list[str]:
    report: list[str] = []
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    names = {**vars(importlib.import_module(one.module)), "ag": ag, "np": np, "nn": ag.nn, "optim": ag.optim}
    session = doctest.DocTestParser().get_doctest(inspect.cleandoc(text) + "\n", names, one.name, None, 0)
    with np.errstate(all="ignore"), np.printoptions(precision=row_entries.PRECISION, suppress=True):
        doctest.DocTestRunner(optionflags=flags, verbose=False).run(session, out=report.append)
    return report


def test_every_method_of_a_tensor_has_a_docstring() -> None:
    public = {name: inspect.getattr_static(ag.Tensor, name) for name in dir(ag.Tensor) if not name.startswith("_")}
    without = [name for name, value in public.items() if not inspect.getdoc(value)]
    assert not without


PARAMETERS = re.compile(r"^Parameters\n-+\n(.*?)(?=^[A-Z]\w+\n-{3,}\n|\Z)", re.MULTILINE | re.DOTALL)


def incomplete(name: str, function: Callable[..., object]) -> Iterator[str]:
    """What is wrong with a docstring: its summary is one line, and the list of parameters, if there is one, is that of
    the signature, in which each has a description, a shape or its choices.
    """
    doc = inspect.getdoc(function) or ""
    if "\n" in doc.partition("\n\n")[0]:
        yield f"{name}: a summary of one line"
    section = PARAMETERS.search(doc)
    if section is None:
        return
    lines = [*section[1].splitlines(), ""]
    heads = [(line, after) for line, after in pairwise(lines) if line and line[0] != " "]
    listed = {word.strip(" *\\") for line, _ in heads for word in line.partition(" : ")[0].split(",")}
    own = {p.lstrip("_") for p in inspect.signature(function).parameters if p not in ("self", "cls") and p[0] != "_"}
    if own != listed:
        yield f"{name}: {sorted(own ^ listed)}"
    yield from (f"{name}: {line}" for line, after in heads if after[:1] != " " and not re.search(r"shape|\{", line))


def test_a_summary_is_one_line_and_every_listed_parameter_is_described() -> None:
    wrong: list[str] = []
    for one in EVERYTHING:
        value = one.value
        if described(one) is None or isinstance(value, Primitive) or not callable(value):
            continue
        if inspect.isclass(value):
            for name, f in vars(value).items():
                f = getattr(f, "__func__", f)  # of a class method
                if name[0] != "_" and inspect.isfunction(f):
                    wrong += incomplete(f"{one.name}.{name}", f)
        wrong += incomplete(one.name, value) if inspect.isclass(value) or inspect.isfunction(value) else ()
    assert not wrong, "\n".join(wrong)


def test_the_docstring_of_a_row_says_what_differs_from_numpys() -> None:
    def notes(row: Primitive) -> str:
        doc = row.__doc__
        assert doc
        return doc.partition("In autograd_lite\n")[2]

    assert (ag.sum.__doc__ or "").startswith("Sum of array elements over a given axis.")
    assert "The derivative holds where :math:`x > 0`." in notes(ag.log)
    assert "Not holomorphic" in notes(ag.absolute)
    assert "PyTorch's returns positions too" in notes(ag.sort)
    assert "The derivative is zero" in notes(ag.floor)
    assert not notes(ag.exp)


def test_an_entry_has_the_derivative_and_the_choice_at_a_kink() -> None:
    (formula,) = ops_table.formulas(ag.exp, ops_table.example(ag.exp))
    assert formula.startswith(r"\frac{\partial y}{\partial x} = ")
    assert "At :math:`x = 0` there is no derivative; the gradient is 0." in row_entries.differences(ag.relu)
    assert "At :math:`x_1 = x_2` there is no derivative; the gradients are 0.5 and 0.5." in row_entries.differences(
        ag.maximum
    )
