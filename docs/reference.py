"""Makes the API reference: `python docs/reference.py`.

Every public name (`docs/public_names.py`) has one entry, on the page of its module; the functions of the table have a
page for each module of `autograd_lite.rules`. A function's entry is its docstring. That of a row is made from the row
(`docs/row_entries.py`).
"""

from __future__ import annotations

import builtins
import importlib
import inspect
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import call_examples
import numpy as np
import ops_table
import public_names
import row_entries
from public_names import Public
from sphinx.ext.napoleon import Config, NumpyDocstring
from sphinx.util import logging

import autograd_lite as ag
from autograd_lite.table import Primitive, describe
from autograd_lite.tensor.operators import Method

HERE = Path(__file__).parent
FOLDER = HERE / "reference"
NAPOLEON = Config(napoleon_google_docstring=False, napoleon_use_rtype=False)

#: The pages of top-level names that come from these packages; of other packages, the page has the package's name.
PAGE_OF = {
    "tensor": "tensor", "base": "tensor", "numpy": "tensor", "engine": "transforms", "transforms": "transforms",
    "compiling": "transforms", "program": "transforms", "": "tensor",
}  # fmt: skip
#: Their titles and introductions.
TITLES = {
    "tensor": (
        "Tensors: making them, their methods, dtypes, random numbers",
        "A Tensor holds a NumPy array and records the operations on it. NumPy's functions take Tensors like arrays.",
    ),
    "transforms": (
        "Transforms: gradients, batches, compiled and traced functions",
        "Transforms take and return functions, and nest in any order: see :doc:`/transforms` and :doc:`/jit`.",
    ),
}
GROUPS = {
    "Tensors and transforms": ("tensor", "transforms", "autograd"),
    "Functions, under NumPy's names": None,  # the pages of rules
    "NumPy's namespaces, and SciPy": ("linalg", "fft", "emath", "stats", "integrate", "optimize", "sparse"),
    "Nets": ("nn", "nn.functional", "nn.init", "nn.utils", "optim", "optim.lr_scheduler", "data", "training"),
    "Derivations and pictures": ("derive", "teach", "drawing"),
    "Programs, files, tests, the table": (),  # everything else
}


@dataclass
class Page:
    name: str
    title: str
    intro: str = ""
    rules: bool = False  # of a module of `autograd_lite.rules`
    module: str = ""  # the public module that it is about, if it is about one
    entries: list[Public] = field(default_factory=list)


def short(name: str) -> str:
    return name.removeprefix("autograd_lite").removeprefix(".")


def pages() -> dict[str, Page]:
    """Every page with its entries."""
    found: dict[str, Page] = {}
    for entry in public_names.everything():
        module = short(entry.module)
        origin = short(entry.origin) if entry.origin.startswith("autograd_lite") else "numpy"
        rules = not module and origin.startswith("rules.")
        package = origin.split(".")[0]
        name = origin.split(".")[1] if rules else module or PAGE_OF.get(package, package)
        if name not in found:
            found[name] = _page(name, rules)
        found[name].entries.append(entry)
    for page in found.values():  # the entries of the package that the page is named after come first
        page.entries.sort(key=lambda entry: page.name in TITLES and short(entry.origin).split(".")[0] != page.name)
    return found


def _page(name: str, rules: bool) -> Page:
    if name in TITLES:
        return Page(name, *TITLES[name])
    module = importlib.import_module(f"autograd_lite.rules.{name}" if rules else f"autograd_lite.{name}")
    doc = inspect.cleandoc(module.__doc__ or "")
    first = re.split(r"[:;.]\s|\.$", doc, maxsplit=1)[0]
    title = first.replace("`", "").replace("\n", " ")
    intro = doc
    if len(title) < 70:  # the introduction does not repeat it
        rest = doc.removeprefix(first)[1:].lstrip()
        intro = rest[:1].upper() + rest[1:]
    else:
        title = title.split(", ")[0]
    return Page(name, title if rules else f"{name}: {title}", intro, rules, "" if rules else f"autograd_lite.{name}")


# ------------------------------------------------------------------------------------------------------ entries


def entry(one: Public) -> str:
    """One entry, as reStructuredText."""
    value = one.value
    if isinstance(value, Primitive):
        return directive("function", one, shown(row_entries.signature(value)), row(value, one.name))
    if not callable(value) or not str(getattr(value, "__module__", "")).startswith("autograd_lite"):
        return data(one, of_numpy(value) if callable(value) else constant(one))
    doc = value.__doc__ or ""
    made = "" if ">>>" in doc else call_examples.example(value, one.name) or ""
    if inspect.isclass(value):
        listed = [] if value is ag.Tensor else members(value)
        named = f"   :members: {', '.join(listed)}\n" if listed else ""
        return f".. autoclass:: {one.name}\n{named}\n{indented(made)}\n"
    return directive("function", one, shown(inspect.signature(value)), f"{text(doc)}\n\n{made}")


def indented(text: str) -> str:
    return "\n".join(f"   {line}".rstrip() for line in text.splitlines())


def data(one: Public, content: str) -> str:
    """The entry of a value. `int` in a docstring is Python's, so `ag.int` is not a target of links."""
    python = [name for name in one.names if hasattr(builtins, name.rpartition(".")[2])]
    rest = [name for name in one.names if name not in python]
    heads = [f".. py:data:: {name}\n   :no-index:\n" for name in python]
    if rest:
        heads.append(f".. py:data:: {f'{chr(10)}             '.join(rest)}\n")
    return "\n".join(f"{head}\n{indented(content)}\n" for head in heads)


def directive(kind: str, one: Public, signature: str, content: str) -> str:
    names = [one.name, *(name for name in one.names if name != one.name)]
    head = f"\n{' ' * len(f'.. py:{kind}:: ')}".join(name + signature for name in names)
    return f".. py:{kind}:: {head}\n\n{indented(content)}\n"


def shown(signature: inspect.Signature) -> str:
    """A signature without annotations: the docstring has the types, with shapes."""
    bare = [
        p.replace(annotation=p.empty, default=None if p.default is np._NoValue else p.default)
        for p in signature.parameters.values()
    ]
    return re.sub(r"<(class|function|built-in function) '?([\w.]+).*?>", r"\2", str(inspect.Signature(bare)))


def text(doc: str) -> str:
    """A docstring in NumPy's style as reStructuredText."""
    return str(NumpyDocstring(inspect.cleandoc(doc), NAPOLEON))


def row(value: Primitive, name: str) -> str:
    """What a row does, what differs from NumPy's function, and an example."""
    function, own = row_entries.theirs(value), row_entries.own_doc(value)
    words, _, rest = (own or "").partition("\n\n")
    parts = [words if own else row_entries.summary(getattr(function, "__doc__", None) or "")]
    if function is not None:
        parts.append(f"As {row_entries.link(function)}.")
    if own and rest:
        parts.append(text(rest))
    formulas = ops_table.formulas(value, ops_table.example(value)) if value.rules else []
    parts += [f".. math:: {formula}" for formula in (describe.definition(value), *formulas) if formula]
    if differences := list(row_entries.differences(value)):
        parts.append("\n".join(f"- {line}" for line in differences))
    if ">>>" not in (own or "") and (found := row_entries.example(value, name.replace("autograd_lite", "ag", 1))):
        parts.append(found)
    return "\n\n".join(filter(None, parts))


def of_numpy(value: Any) -> str:
    return f"NumPy's own, {row_entries.link(value)}."


def constant(one: Public) -> str:
    """A value that has no docstring of its own."""
    doc = inspect.getdoc(one.value) if inspect.getdoc(one.value) != inspect.getdoc(type(one.value)) else ""
    written = re.sub(r" at 0x\w+", "", repr(one.value))
    return doc or (f"``{written}``" if len(written) < 80 else f"A {type(one.value).__name__}.")


def members(cls: type) -> list[str]:
    """The public methods and properties of a class that its public bases do not have."""
    bases = [base for base in cls.__mro__[1:] if base.__module__.startswith("autograd_lite")]
    inherited = {name for base in bases for name in vars(base)} | {"function"}  # what an activation calls
    return [
        name
        for name, value in vars(cls).items()
        if not name.startswith("_") and name not in inherited and inspect.getdoc(value)
        and (inspect.isroutine(value) or isinstance(value, (property, classmethod, staticmethod)))
    ]  # fmt: skip


# ---------------------------------------------------------------------------------------------- the Tensor's own


def tensor_members() -> Iterator[tuple[str, Any]]:
    for name in dir(ag.Tensor):
        if not name.startswith("_"):
            yield name, inspect.getattr_static(ag.Tensor, name)


def tensor_entries() -> str:
    """Attributes and methods of a Tensor, each from its docstring; those that are a row name the row."""
    parts = ["", underlined("Attributes", "-")]
    every = list(tensor_members())
    parts += [member("property", name, "", doc(value)) for name, value in every if isinstance(value, property)]
    parts.append(underlined("Methods", "-"))
    for name, value in every:
        if inspect.isfunction(value):
            parts.append(member("method", name, without_self(value), text(doc(value))))
    parts.append(underlined("Functions as methods", "-"))
    parts.append("``x.exp()`` is ``ag.exp(x)``, with the same parameters.\n")
    for name, value in every:
        if isinstance(value, Method):
            called = f"autograd_lite.{value.row}"
            parts.append(member("method", name, without_self(ag.table.TABLE[value.row], 1), f"As :py:func:`{called}`."))
    return "\n".join(parts)


def doc(value: Any) -> str:
    return inspect.getdoc(value) or ""


def without_self(value: Any, count: int = 1) -> str:
    given = row_entries.signature(value) if isinstance(value, Primitive) else inspect.signature(value)
    return shown(given.replace(parameters=list(given.parameters.values())[count:]))


def member(kind: str, name: str, signature: str, content: str) -> str:
    return f".. py:{kind}:: autograd_lite.Tensor.{name}{signature}\n\n{indented(content)}\n"


# -------------------------------------------------------------------------------------------------------- pages


def underlined(title: str, line: str) -> str:
    return f"{title}\n{line * len(title)}\n"


def written(page: Page) -> str:
    parts = [underlined(page.title, "="), text(page.intro), ""]
    if page.module:
        parts.append(f"Some examples omit the module's name, as after ``from {page.module} import *``.\n")
    if len(page.entries) > 6:
        named = ((one.name.removeprefix(f"{one.module}."), one.name) for one in page.entries)
        parts.append(", ".join(f":py:obj:`{word} <{name}>`" for word, name in named) + "\n")
    origins = {one.origin for one in page.entries}
    sections = len(origins) > 1 and len(page.entries) > 20
    last = None
    for one in page.entries:
        if sections and one.origin != last and (title := section(one.origin)):
            parts.append(underlined(title, "-"))
        last = one.origin
        parts.append(entry(one))
        if one.value is ag.Tensor:
            parts.append(tensor_entries())
    return "\n".join(parts) + "\n"


def section(origin: str) -> str:
    """The title of the entries that come from one module: the first words of its docstring."""
    if not origin.startswith("autograd_lite"):
        return "NumPy's own"
    first = (importlib.import_module(origin).__doc__ or "").partition("\n")[0]
    return re.split(r"[:;.,] |\.$", first)[0].replace("`", "")


INDEX = """\
# API reference

Every public name, with its signature, shapes, errors and an example. The pages are made from the docstrings and from
the table of derivatives. A name that is not listed here is internal and may change.

What holds for all functions of the table is not repeated in their entries:

- A function has NumPy's name, parameters and defaults, and takes Tensors, arrays and numbers. If a Tensor is among
  them, the result is a Tensor; otherwise it is NumPy's.
- float32 in, float32 out; likewise float64 and the complex dtypes. `dtype=` of a ufunc works. `out=` raises, because a
  graph cannot follow a write.
- `dim=` and `keepdim=` may be written for `axis=` and `keepdims=`.
- In a formula $y$ is the result, $x$ (or $x_1$, $x_2$, …) are the arguments, and $\\bar x$ is the gradient with respect
  to $x$, given that with respect to the result, $g$.

The examples need these lines:

```python
>>> import numpy as np
>>> import autograd_lite as ag
>>> from autograd_lite import nn, optim
>>> _ = np.set_printoptions(precision=4, suppress=True)
```

"""


def index(found: dict[str, Page]) -> str:
    rules = [name for name, page in found.items() if page.rules]
    named = [name for group in GROUPS.values() for name in group or ()]
    parts = [INDEX]
    for title, names in GROUPS.items():
        chosen = rules if names is None else list(names) or [n for n in found if n not in rules and n not in named]
        chosen = [name for name in chosen if name in found and (names is None or name not in rules)]
        listed = "\n".join(f"reference/{name}" for name in chosen)
        parts.append(f"## {title}\n\n```{{toctree}}\n:maxdepth: 1\n\n{listed}\n```\n\n")
    return "".join(parts)


def check(app: Any, env: Any) -> None:
    """Warn, which fails the build, if a public name has no entry."""
    entries = env.domains["py"].objects
    for one in public_names.everything():
        for name in one.names:
            if name not in entries and one.name not in entries and not hasattr(builtins, name.rpartition(".")[2]):
                logging.getLogger(__name__).warning("%s has no entry in the API reference", name)


def make() -> None:
    """Write all pages."""
    FOLDER.mkdir(exist_ok=True)
    found = pages()
    for name, page in found.items():
        (FOLDER / f"{name}.rst").write_text(written(page), encoding="utf-8")
    (HERE / "reference.md").write_text(index(found), encoding="utf-8")


if __name__ == "__main__":
    sys.path.insert(0, str(HERE))
    make()
