"""What to write in the place of a step, as the option ``remedies=`` of its row has it, if that repairs the gradient.

A remedy is for the call of its row, or for an expression around it, which is looked for in the program. Its code is then
run on the values at hand: an infinite gradient has to become finite, and a zero one other than zero.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from contextlib import suppress
from itertools import groupby
from types import SimpleNamespace
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from .. import special
from ..nn import functional
from ..program import Equation, Program, Var
from ..program.naming import OPERATORS
from ..table import TABLE, Remedy
from ..tensor import Tensor
from ..transforms.grad import stop_gradient
from .causes import nonfinite
from .leaves import Array

_NAMES = {
    "np": np, "F": functional, "ag": SimpleNamespace(**TABLE, special=special, stop_gradient=stop_gradient),
    "eps": 1e-6, "y": 0.5,
}  # fmt: skip


class Use(NamedTuple):
    """Operand `k` of an equation."""

    equation: Equation
    k: int

    @property
    def value(self) -> Any:
        return self.equation.operands[self.k]


Bound: TypeAlias = dict[str, Any]  # a Use for each operand, and values of keywords


def remedy(
    program: Program, values: Mapping[Var, Array], eq: Equation, is_zero: bool, written: Callable[[Use], str]
) -> str:
    """What to write where the gradient is wrong at `eq`: one sentence without its full stop, or ''."""
    for pattern, remedies in groupby(eq.row.remedies, lambda r: r.of):
        bound = _found(pattern, program, eq)
        if bound is None:
            continue
        uses = {word: x for word, x in bound.items() if isinstance(x, Use)}
        keywords = {word: _keyword(word, x) for word, x in bound.items() if word not in uses}
        operands = {w: values[u.value] if isinstance(u.value, Var) else u.value for w, u in uses.items()}
        same = {w: w for w in uses}
        whole = values[bound["whole"].outputs[0]] if pattern else None
        if fitting := [r for r in remedies if _fits(r.code.format(**same, **keywords), operands, whole, is_zero)]:
            words = {word: f"({written(use)})" for word, use in uses.items()}
            codes = [_tidy(r.code.format(**words, **keywords)) for r in fitting]
            text = f"{fitting[0].before}{' or '.join(codes)}{fitting[0].after}"
            return text[0].upper() + text[1:]
    return ""


def _keyword(word: str, value: Any) -> str:
    """A keyword of the call that is replaced, as it is written in another call."""
    value = value[0] if isinstance(value, tuple) and len(value) == 1 else value
    return "" if value is None or value is False else f", {word}={value!r}"


def _tidy(code: str) -> str:
    """`code` without brackets around single names."""
    with suppress(SyntaxError):
        return ast.unparse(ast.parse(code, mode="eval"))
    return code


@np.errstate(all="ignore")
def _fits(code: str, operands: Mapping[str, Any], whole: Any, is_zero: bool) -> bool:
    """Whether the gradient of `code` is right at these operands, and its value is `whole`, where that is finite."""
    live = {w: Tensor(x, requires_grad=True) if np.asarray(x).dtype.kind == "f" else x for w, x in operands.items()}
    try:
        y = eval(compile(code, "<remedy>", "eval"), {**_NAMES, **live})  # the text of a row's option
        np.sum(y * (1.5 + np.cos(np.arange(y.size))).reshape(y.shape)).backward()
    except (TypeError, ValueError, RuntimeError, NotImplementedError, ImportError):
        return False
    same = True if whole is None or nonfinite(whole).all() else y.shape == whole.shape and np.allclose(
        y.numpy()[~nonfinite(whole)], whole[~nonfinite(whole)], 1e-5, 1e-5
    )
    grads = [x.grad.numpy() for x in live.values() if isinstance(x, Tensor) and x.grad is not None]
    if is_zero:
        return same and bool(grads) and all((g != 0).any() and np.isfinite(g).all() for g in grads)
    return same and not any(nonfinite(x).any() for x in (y.numpy(), *grads))


# ------------------------------------------------------------------------------------------ expressions in a program


def _found(pattern: str, program: Program, eq: Equation) -> Bound | None:
    """The operands of an expression that `eq` is a part of, and the equation that is all of it, called `whole`."""
    if not pattern:
        names = ["x"] if len(eq.operands) == 1 else [f"x{k + 1}" for k in range(len(eq.operands))]
        return {word: Use(eq, k) for k, word in enumerate(names)} | eq.params
    e, users, defined = ast.parse(pattern, mode="eval").body, program.users, program.defined
    tops = [eq]
    while tops:
        for top in tops:
            found = _matched_call(e, top, defined, {"": set()})
            if found is not None and eq in found.pop(""):
                return found | {"whole": top}
        tops = [user for top in tops for v in top.outputs for user in users[v]][: len(program)]
    return None


def _matched(e: ast.expr, use: Use, defined: Mapping[Var, Equation], bound: Bound) -> Bound | None:
    """`bound` with what the names in an expression stand for, if it is what is used; or None."""
    x = use.value
    match e:
        case ast.Name(word):
            return {**bound, word: use} if word not in bound or bound[word].value is x else None
        case ast.Constant() | ast.UnaryOp(operand=ast.Constant()):
            value = ast.literal_eval(e)
            return bound if not isinstance(x, Var) and not np.ndim(x) and x == value else None
    eq = defined.get(x) if isinstance(x, Var) else None
    return None if eq is None else _matched_call(e, eq, defined, bound)


def _matched_call(e: ast.expr, eq: Equation, defined: Mapping[Var, Equation], bound: Bound) -> Bound | None:
    parts: list[ast.expr]
    match e:
        case ast.Call(ast.Attribute(attr=word), parts):
            pass
        case ast.UnaryOp(ast.USub(), part):
            word, parts = "negative", [part]
        case ast.BinOp(part, ast.Pow(), ast.Constant(2)) if eq.row is not TABLE["multiply"]:
            word, parts = "square", [part]
        case ast.BinOp(left, op, right):
            word = "multiply" if isinstance(op, ast.Pow) else OPERATORS[type(op)]
            parts = [left, left if isinstance(op, ast.Pow) else right]
    if eq.row is not TABLE.get(word):
        return None
    count = len(eq.operands)
    keywords = {part.id: eq.params.get(part.id) for part in parts[count:] if isinstance(part, ast.Name)}
    if any(value for word, value in eq.params.items() if word not in keywords):
        return None
    for order in (parts[:count], parts[count - 1 :: -1]) if eq.row.algebra in ("sum", "product") else (parts[:count],):
        now: Bound | None = bound | keywords | {"": bound[""] | {eq}}
        for k, part in enumerate(order):
            now = now and _matched(part, Use(eq, k), defined, now)
        if now:
            return now
    return None
