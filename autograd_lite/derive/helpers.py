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
from collections.abc import Callable, Collection, Mapping
from functools import lru_cache
from types import CodeType
from typing import Any

import numpy as np

from ..base import literals
from ..base.code import with_inner
from ..base.escape import identifier
from ..table import ROWS, Primitive
from .binding import read
from .symbolic_rule import RuleCall


def numpy_name(fn: object) -> str | None:
    """``np.exp`` for NumPy's own exp, in whatever module of NumPy it is."""
    word = getattr(fn, "__name__", None)
    owners = {"np": np, "np.linalg": np.linalg, "np.fft": np.fft}
    paths = (path for path, owner in owners.items() if word is not None and getattr(owner, word, None) is fn)
    return next((f"{path}.{word}" for path in paths), None)


def literal(value: Any) -> str:
    """A parameter or constant as Python source."""
    return literals.literal(value, _other_literal)


def _other_literal(value: Any) -> str:
    if isinstance(value, np.ndarray) and not value.size and value.ndim > 1:
        return f"np.zeros({value.shape!r}, {literal(value.dtype)})"
    if isinstance(value, np.ndarray):
        inferred = value.size and value.dtype in (float, bool, int, complex)
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
        return f"{{{', '.join(f'{literal(k)}: {literal(v)}' for k, v in value.items())}}}"
    if isinstance(value, (set, frozenset)):
        return f"{{{', '.join(sorted(map(literal, value)))}}}"
    if isinstance(value, float) and not np.isfinite(value):
        return f"{'-' if value < 0 else ''}np.{abs(value)}"
    if isinstance(value, (int, float, complex, str)):
        return repr(value)
    if (word := numpy_name(value)) is not None:
        return word
    instead = f"; {value.instead}" if hasattr(value, "instead") else ""
    raise ValueError(f"source: a parameter of type {type(value).__name__} cannot be written as Python source{instead}")


class Helpers:
    """The functions that a source needs, each defined once, before those that call it."""

    def __init__(self, fresh: Callable[[str], str]) -> None:
        self.fresh = fresh  # of the caller, who makes names too
        self.texts: dict[str, str] = {}  # in the order of writing
        self.imports: dict[str, str] = {}
        self._defined: dict[int, tuple[str, object]] = {}  # by id: the name of a thing, and the thing, to keep it alive
        self._space: dict[str, Any] = {"np": np}
        self._run: set[str] = set()  # the texts that have been run

    def of_row(self, row: Any, short: bool = True) -> str:
        """The name under which the function of a row on arrays may be called; `short`: by its textbook definition."""
        word = identifier(row.name)
        if isinstance(row, RuleCall):
            return self._function(row.rule, word)
        textbook = definition(row) if short else None
        if callable(textbook):
            return self._function(textbook, word)
        if textbook is not None:
            xs = ", ".join(operand_names(len(row.rules)))
            return self._define(row, word, lambda word: f"def {word}({xs}):\n    return {textbook}")
        fn = getattr(row.fn, "_without_surrogate", row.fn)
        return self.of_value(fn, word) if short else self._function(fn, word)

    def lines(self, used: set[str]) -> list[str]:
        """The lines that define the names `used`, and what these need."""
        out: list[str] = []
        for word, text in reversed(self.texts.items()):
            if word in used:
                used = used | {part.id for part in ast.walk(ast.parse(text)) if isinstance(part, ast.Name)}
                out = [*([""] * (1 + text.startswith(("def ", "class ")))), *text.splitlines(), *out]
        return [*(line for module, line in self.imports.items() if module.partition(".")[0] in used), *out]

    def run(self) -> dict[str, Any]:
        """Everything defined so far."""
        for text in (*self.imports.values(), *self.texts.values()):
            if text not in self._run:
                exec(text, self._space)
                self._run.add(text)
        return self._space

    # ------------------------------------------------------------------------------------------------ one by one

    def of_value(self, value: Any, wish: str) -> str:
        """An expression for something that a function uses from outside."""
        if inspect.ismodule(value):
            return "np" if value is np else self._imported(value.__name__)
        if isinstance(value, Primitive):
            return self._called_row(value)
        if (word := numpy_name(value)) is not None:
            return word
        module = str(getattr(value, "__module__", "")).strip("_")
        if isinstance(value, np.ufunc) or module.startswith("scipy"):
            return f"{self._imported('scipy.special')}.{value.__name__}"
        if inspect.isfunction(value) and value.__name__ in _SCIPYS:
            return self._imported(_SCIPYS[value.__name__])
        if (inspect.isclass(value) or inspect.isroutine(value)) and module.split(".")[0] in _IMPORTABLE:
            return f"{self._imported(module)}.{value.__name__}"
        if inspect.isclass(value):
            return self._define(value, value.__name__, lambda word: _text(_tree(value)))
        value = inspect.unwrap(value) if hasattr(value, "cache_info") else value  # the same function without its cache
        if inspect.isfunction(value):
            return self._function(value, wish)
        if isinstance(value, (int, float, str, bool, type(None), type(Ellipsis))):
            return literal(value)
        return self._define(value, wish, lambda word: f"{word} = {literal(value)}")

    def _define(self, thing: object, wish: str, text: Callable[[str], str]) -> str:
        """The name of a thing, which ``text(name)`` defines where it is needed first."""
        if id(thing) not in self._defined:
            word = self.fresh(wish)
            self._defined[id(thing)] = word, thing
            self.texts[word] = text(word)
        return self._defined[id(thing)][0]

    def _function(self, fn: Callable[..., Any], wish: str) -> str:
        return self._define(fn, wish, lambda word: self._function_text(fn, word))

    def _function_text(self, fn: Callable[..., Any], word: str) -> str:
        tree = _Plain().visit(function_tree(fn))
        tree.name, tree.decorator_list = word, []
        if ast.get_docstring(tree, clean=False) is not None and len(tree.body) > 1:
            del tree.body[0]
        values = _outside(fn, tree)
        new = {name: self.of_value(value, name) for name, value in values.items()}
        rows = {name for name, value in values.items() if isinstance(value, Primitive)}
        return _text(_Renamed({name: word for name, word in new.items() if name != word}, rows).visit(tree))

    def _imported(self, module: str) -> str:
        self.imports[module] = f"import {module}"
        return module

    def _called_row(self, row: Primitive) -> str:
        """A row that a rule calls, by NumPy's signature."""
        fn = next((f for f, r in ROWS.items() if r is row), None)
        if (word := numpy_name(fn)) is not None:
            return word
        bind = row.bind
        if bind is None or definition(row) is not None:
            return self.of_row(row)

        def text(word: str) -> str:
            function, arguments = self.of_value(row.fn, f"{word}_of"), self.of_value(bind, f"{word}_arguments")
            return (
                f"def {word}(*args, **params):\n    args, params = {arguments}(*args, **params)\n"
                f"    return {function}(*args, **params)"
            )

        return self._define(row, identifier(row.name), text)


#: Functions that import a module when they are called: in the source the module stands in the place of the call.
_SCIPYS = {"scipy_module": "scipy.special", "scipy_linalg": "scipy.linalg"}

#: The packages whose functions and classes are imported, not copied.
_IMPORTABLE = {"numpy", *sys.stdlib_module_names} - {"builtins"}


def operand_names(count: int) -> list[str]:
    """The names of the arguments in a formula of a row: x, or x1, x2, …"""
    return ["x"] if count == 1 else [f"x{k + 1}" for k in range(count)]


def definition(row: Primitive) -> Any:
    """The textbook definition: an expression, a function, or None; a call of NumPy is one."""
    if row.source is not None:
        return row.source
    if row.call is not None and read(row.call).fields == {"x"}:
        return row.call.format(x="x")
    return row.definition if callable(row.definition) else None


def accepted(fn: Callable[..., Any] | None, params: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters that a function takes, less the defaults: a textbook definition omits some."""
    signature = inspect.signature(fn).parameters if inspect.isfunction(fn) else {}
    if not signature or any(p.kind is p.VAR_KEYWORD for p in signature.values()):
        return dict(params)
    return {k: v for k, v in params.items() if k in signature and not is_default(v, signature[k].default)}


def is_default(value: object, default: object) -> bool:
    return type(value) is type(default) and repr(value) == repr(default)


class _Renamed(ast.NodeTransformer):
    """Replaces names from outside by their names in the source."""

    def __init__(self, new: Mapping[str, str], rows: Collection[str]) -> None:
        self.new = new
        self.rows = rows

    def visit_Name(self, node: ast.Name) -> ast.AST:
        word = self.new.get(node.id)
        return node if word is None or not isinstance(node.ctx, ast.Load) else ast.parse(word, mode="eval").body

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        """``sigmoid.fn(x)``, the row's function on arrays, is ``sigmoid(x)`` here."""
        if node.attr == "fn" and isinstance(node.value, ast.Name) and node.value.id in self.rows:
            return self.visit_Name(node.value)
        return self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        return node.func if ast.unparse(node.func) in _SCIPYS.values() else node


class _Plain(ast.NodeTransformer):
    """Removes annotations."""

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST | None:
        return None if node.value is None else ast.copy_location(ast.Assign([node.target], node.value), node)

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.annotation = None
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.returns = None
        return self.generic_visit(node)


def _text(tree: ast.AST) -> str:
    return ast.unparse(ast.fix_missing_locations(tree))


def _outside(fn: Any, tree: ast.FunctionDef) -> dict[str, Any]:
    """The names that a function uses and does not define, with their values."""
    cells = dict(zip(fn.__code__.co_freevars, (c.cell_contents for c in fn.__closure__ or ()), strict=True))
    values = {**vars(builtins), **fn.__globals__, **cells}
    used = list(cells) + _global_names(compile(ast.Module([ast.fix_missing_locations(tree)], []), "<helper>", "exec"))
    for word in used:
        if word not in values:
            raise ValueError(f"source: {fn.__name__} uses {word!r}, which is not defined")
    return {word: values[word] for word in used if word in cells or word in fn.__globals__}


def _global_names(code: CodeType) -> list[str]:
    instructions = (i for part in with_inner(code) for i in dis.get_instructions(part))
    return [i.argval for i in instructions if i.opname in ("LOAD_GLOBAL", "LOAD_NAME")]


def _tree(thing: Any) -> ast.stmt:
    """A function or a class as it is written in its file."""
    return ast.parse(textwrap.dedent(inspect.getsource(thing))).body[0]


def function_tree(fn: Any) -> ast.FunctionDef:
    """The definition of a function, of a lambda as if it had been a ``def``."""
    try:
        if fn.__name__ == "<lambda>":
            expression, _ = find_lambda(fn)
            text = f"def f({ast.unparse(expression.args)}):\n    return {ast.unparse(expression.body)}"
            tree = ast.parse(text).body[0]
        else:
            tree = _tree(fn)
    except (OSError, TypeError, AttributeError, SyntaxError) as error:
        word = getattr(fn, "__name__", fn)
        raise ValueError(f"source: the text of {word!r} is not available; define it in a file") from error
    assert isinstance(tree, ast.FunctionDef)
    return tree


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
