"""Functions that emitted source has to define: those that NumPy does not have, with all that they call.

A function is the textbook definition in its row (``source=`` or ``definition=``) if there is one, otherwise the row's
own function as it is written, with the names that it uses followed to numbers, modules and further functions.
"""

from __future__ import annotations

import ast
import builtins
import dis
import inspect
import sys
import textwrap
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import lru_cache
from itertools import islice
from typing import Any

import numpy as np

from ..base import literals
from ..base.escape import identifier
from ..table import ROWS, TABLE, Primitive
from .binding import read
from .symbolic_rule import RuleCall


def numpy_name(fn: Any) -> str | None:
    """``np.exp`` for NumPy's own exp, in whatever module of NumPy it is."""
    word = getattr(fn, "__name__", "")
    for path in ("", "linalg.", "fft."):
        owner: Any = np
        for part in filter(None, path.split(".")):
            owner = getattr(owner, part)
        if getattr(owner, word, None) is fn and fn is not None:
            return f"np.{path}{word}"
    return None


def literal(value: Any) -> str:
    """A parameter or constant as Python source."""
    return literals.literal(value, _other_literal)


def _other_literal(value: Any) -> str:
    if isinstance(value, np.ndarray) and not value.size and value.ndim > 1:
        return f"np.zeros({value.shape!r}, {literal(value.dtype)})"
    if isinstance(value, np.ndarray):
        inferred = value.dtype in (np.dtype(float), np.dtype(bool), np.dtype(int), np.dtype(complex)) and value.size
        dtype = "" if inferred else f", dtype={literal(value.dtype)}"
        return f"np.array({value.tolist()!r}{dtype})".replace("nan", "np.nan").replace("inf", "np.inf")
    if isinstance(value, np.dtype):
        return repr(value.str)
    if isinstance(value, type) and issubclass(value, np.generic):
        return literal(np.dtype(value))
    if isinstance(value, type) and value.__module__ == "builtins":
        return {"NoneType": "type(None)", "ellipsis": "type(...)"}.get(value.__name__, value.__name__)
    if isinstance(value, np.generic):
        number = value.item()
        return repr(number) if isinstance(number, np.generic) else literal(number)
    if isinstance(value, list):
        return f"[{', '.join(map(literal, value))}]"
    if isinstance(value, tuple):  # a subclass
        return literal(tuple(value))
    if isinstance(value, dict):
        return "{" + ", ".join(f"{literal(k)}: {literal(v)}" for k, v in value.items()) + "}"
    if isinstance(value, (set, frozenset)):
        return f"{{{', '.join(sorted(map(literal, value)))}}}"
    if isinstance(value, float) and not np.isfinite(value):
        return {"inf": "np.inf", "-inf": "-np.inf"}.get(repr(value), "np.nan")
    if isinstance(value, (int, float, complex, str)):
        return repr(value)
    if callable(value) and (word := numpy_name(value)):
        return word
    raise ValueError(f"source: a parameter of type {type(value).__name__} cannot be written as Python source")


class Helpers:
    """The functions that a source needs, each defined once, before those that call it."""

    def __init__(self, fresh: Callable[[str], str]) -> None:
        self.fresh = fresh  # of the caller, who makes names too
        self.texts: dict[str, str] = {}  # in the order of writing
        self.imports: dict[str, str] = {}
        self._words: dict[int, str] = {}
        self._alive: list[Any] = []  # so that no id is used twice
        self.space: dict[str, Any] = {"np": np}
        self._imported = self._defined = 0  # how many of each have been run

    def of_row(self, row: Any, short: bool = True) -> str:
        """The name under which the function of a row on arrays may be called; `short`: by its textbook definition."""
        word = identifier(row.name)
        if isinstance(row, RuleCall):
            return self._function(row.rule, word)
        textbook = definition(row) if short else None
        if callable(textbook):
            return self._function(textbook, word)
        if textbook is not None:
            xs = "x" if len(row.rules) == 1 else ", ".join(f"x{k + 1}" for k in range(len(row.rules)))
            return self._text(row, word, f"def {word}({xs}):\n    return {textbook}")
        fn = getattr(row.fn, "_without_surrogate", row.fn)
        return self.of_value(fn, word) if short else self._function(fn, word)

    def lines(self) -> list[str]:
        out = list(self.imports.values())
        for text in self.texts.values():
            gap = ["", ""] if text.startswith(("def ", "class ", "@")) else [""]
            out += [*gap, *text.splitlines()]
        return out

    def run(self) -> dict[str, Any]:
        """Everything defined so far."""
        for text in islice(self.imports.values(), self._imported, None):
            exec(text, self.space)
        for text in islice(self.texts.values(), self._defined, None):
            exec(text, self.space)
        self._imported, self._defined = len(self.imports), len(self.texts)
        return self.space

    # ------------------------------------------------------------------------------------------------ one by one

    def _word(self, thing: Any, wish: str) -> tuple[str, bool]:
        """The name for a thing, and whether it is new."""
        if id(thing) in self._words:
            return self._words[id(thing)], False
        word = self._words[id(thing)] = self.fresh(wish)
        self._alive.append(thing)
        return word, True

    def _text(self, thing: Any, wish: str, text: str) -> str:
        word, new = self._word(thing, wish)
        if new:
            self.texts[word] = text.replace(f"def {wish}(", f"def {word}(", 1)
        return word

    def _function(self, fn: Any, wish: str) -> str:
        word, new = self._word(fn, wish)
        if not new:
            return word
        tree = function_tree(fn)
        tree.name, tree.decorator_list, tree.returns = word, [], None
        if ast.get_docstring(tree, clean=False) is not None and len(tree.body) > 1:
            del tree.body[0]
        for a in ast.walk(tree):
            if isinstance(a, ast.arg):
                a.annotation = None
        outside = dict(_outside(fn, tree))
        replaced = {used: self.of_value(value, used) for used, value in outside.items()}
        rows = {used for used, value in outside.items() if isinstance(value, Primitive)}
        new_tree = _Renamed({k: v for k, v in replaced.items() if k != v}, rows).visit(_Plain().visit(tree))
        self.texts[word] = ast.unparse(ast.fix_missing_locations(new_tree))
        return word

    def of_value(self, value: Any, wish: str) -> str:
        """An expression for something that a function uses from outside."""
        if inspect.ismodule(value):
            if value is np:
                return "np"
            self.imports[value.__name__] = f"import {value.__name__}"
            return value.__name__
        if isinstance(value, Primitive):
            return self._called_row(value)
        if (word := numpy_name(value)) is not None:
            return word
        if isinstance(value, np.ufunc) or str(getattr(value, "__module__", "")).startswith("scipy"):
            module = "scipy.special"
            self.imports[module] = f"import {module}"
            return f"{module}.{value.__name__}"
        if (mark := f"{getattr(value, '__name__', '')}_") in _SCIPYS:
            module = _SCIPYS[mark]
            self.imports[module] = f"import {module}"
            return mark
        if inspect.isclass(value) and value.__module__.split(".")[0] in sys.stdlib_module_names:
            self.imports[value.__module__] = f"import {value.__module__}"
            return f"{value.__module__}.{value.__name__}"
        if inspect.isclass(value):
            word, new = self._word(value, value.__name__)
            if new:
                tree = ast.parse(textwrap.dedent(inspect.getsource(value)))
                self.texts[word] = ast.unparse(_Plain().visit(tree))
                if self.texts[word].startswith("@dataclass"):
                    self.imports["dataclass"] = "from dataclasses import dataclass"
            return word
        if hasattr(value, "cache_info"):  # the same function without its cache
            value = value.__wrapped__
        if inspect.isfunction(value) and (row := _with_source(value)) is not None:
            return self.of_row(row)
        if inspect.isfunction(value):
            module = str(value.__module__)
            if module.split(".")[0] in ("numpy", "math", "operator", "functools", "itertools"):
                self.imports[module] = f"import {module}"
                return f"{module}.{value.__name__}"
            return self._function(value, wish)
        if inspect.isbuiltin(value) and getattr(value, "__module__", None) not in (None, "builtins"):
            module = str(value.__module__).strip("_")
            self.imports[module] = f"import {module}"
            return f"{module}.{value.__name__}"
        if isinstance(value, (int, float, str, bool, type(None), type(Ellipsis))):
            return literal(value)
        word, new = self._word(value, wish)
        if new:
            self.texts[word] = f"{word} = {literal(value)}"
        return word

    def _called_row(self, row: Primitive) -> str:
        """A row that a rule calls, by NumPy's signature."""
        fn = next((f for f, r in ROWS.items() if r is row), None)
        if fn is not None and (word := numpy_name(fn)) is not None:
            return word
        if definition(row) is not None or row.bind is None and row.kind != "composite":
            return self.of_row(row)
        if row.kind == "composite":
            return self.of_value(row.fn, identifier(row.name))
        word, new = self._word(row, identifier(row.name))
        if new:
            fn_word = self.of_value(row.fn, f"{word}_of")
            bind = self.of_value(row.bind, f"{word}_arguments")
            self.texts[word] = (
                f"def {word}(*args, **params):\n    args, params = {bind}(*args, **params)\n"
                f"    return {fn_word}(*args, **params)"
            )
        return word


#: Marks where the functions `scipy_module` and `scipy_linalg` are called: the call is replaced by the module.
_SCIPYS = {"scipy_module_": "scipy.special", "scipy_linalg_": "scipy.linalg"}


def definition(row: Primitive) -> Any:
    """The textbook definition: an expression, a function, or None; a call of NumPy is one."""
    if row.source is not None:
        return row.source
    if row.call is not None and read(row.call).fields == {"x"}:
        return row.call.format(x="x")
    return row.definition if callable(row.definition) else None


def _with_source(fn: Any) -> Primitive | None:
    """The row of a function that has a textbook definition."""
    return next((row for row in TABLE.values() if row.fn is fn and definition(row) is not None), None)


class _Renamed(ast.NodeTransformer):
    """Replaces names from outside by their names in the source."""

    def __init__(self, words: Mapping[str, str], rows: Collection[str]) -> None:
        self.words = words
        self.rows = rows

    def visit_Name(self, node: ast.Name) -> Any:
        word = self.words.get(node.id)
        if word is None or word in _SCIPYS or not isinstance(node.ctx, ast.Load):
            return node
        return ast.parse(word, mode="eval").body

    def visit_Attribute(self, node: ast.Attribute) -> Any:
        """``sigmoid.fn(x)``, the row's function on arrays, is ``sigmoid(x)`` here."""
        if node.attr == "fn" and isinstance(node.value, ast.Name) and node.value.id in self.rows:
            return self.visit(node.value)
        return self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> Any:
        if isinstance(node.func, ast.Name) and (word := self.words.get(node.func.id)) in _SCIPYS:
            return ast.parse(_SCIPYS[str(word)], mode="eval").body
        return self.generic_visit(node)


class _Plain(ast.NodeTransformer):
    """Removes the annotations of variables."""

    def visit_AnnAssign(self, node: ast.AnnAssign) -> Any:
        if node.value is None:
            return None
        return ast.copy_location(ast.Assign([node.target], node.value), node)


def _outside(fn: Any, tree: ast.FunctionDef) -> Iterator[tuple[str, Any]]:
    """The names that a function uses and does not define, with their values."""
    cells = dict(zip(fn.__code__.co_freevars, (c.cell_contents for c in fn.__closure__ or ()), strict=True))
    used = dict.fromkeys(_global_names(fn.__code__))
    for default in [*tree.args.defaults, *filter(None, tree.args.kw_defaults)]:
        used.update(dict.fromkeys(a.id for a in ast.walk(default) if isinstance(a, ast.Name)))
    for word in [*cells, *used]:
        if word in cells:
            yield word, cells[word]
        elif word in fn.__globals__:
            yield word, fn.__globals__[word]
        elif not hasattr(builtins, word):
            raise ValueError(f"source: {fn.__name__} uses {word!r}, which is not defined")


def _global_names(code: Any) -> list[str]:
    inner = [c for c in code.co_consts if inspect.iscode(c)]
    names = [i.argval for i in dis.get_instructions(code) if i.opname in ("LOAD_GLOBAL", "LOAD_NAME")]
    return [*names, *(n for c in inner for n in _global_names(c))]


def function_tree(fn: Any) -> ast.FunctionDef:
    """The definition of a function, of a lambda as if it had been a ``def``."""
    try:
        if fn.__name__ != "<lambda>":
            defined = ast.parse(textwrap.dedent(inspect.getsource(fn))).body[0]
            assert isinstance(defined, ast.FunctionDef)
            return defined
        tree, _ = find_lambda(fn)
    except (OSError, TypeError, AttributeError, SyntaxError) as error:
        word = getattr(fn, "__name__", fn)
        raise ValueError(f"source: the text of {word!r} is not available; define it in a file") from error
    text = f"def f({ast.unparse(tree.args)}):\n    return {ast.unparse(tree.body)}"
    defined = ast.parse(text).body[0]
    assert isinstance(defined, ast.FunctionDef)
    return defined


def find_lambda(fn: Any) -> tuple[ast.Lambda, str]:
    """A lambda as it is written in its file, and the text of its body.

    Several lambdas may begin on one line: of the bodies that contain all of the compiled code it is the shortest.

    Raises
    ------
    OSError
        If there is none.
    """
    places = [(line, column) for line, _, column, _ in fn.__code__.co_positions() if line and column]
    text, lambdas = _lambdas(inspect.getsourcefile(fn) or "")
    bodies = [
        (node, ast.get_source_segment(text, node.body) or "")
        for node in lambdas
        if (node.body.lineno, node.body.col_offset) <= min(places)
        and max(places) <= (node.body.end_lineno or 0, node.body.end_col_offset or 0)
    ]
    if not bodies:
        raise OSError("no such lambda")
    return min(bodies, key=lambda pair: len(pair[1]))


@lru_cache(maxsize=64)
def _lambdas(file: str) -> tuple[str, list[ast.Lambda]]:
    with open(file, encoding="utf-8") as lines:
        text = lines.read()
    return text, [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Lambda)]
