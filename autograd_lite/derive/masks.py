"""Masks that the user computed from values of the program, as steps: of ``z * (z > 0)`` only their value is recorded.

The variables of a function that has returned are gone. They are known from the operands of what it recorded.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from typing import Any

import numpy as np

from ..engine.engine_rows import STOP_GRADIENT
from ..engine.operands import raw
from ..program import Equation, Program, Var
from ..program.assignments import assigned, names
from ..program.graph import recorded_equations
from ..program.naming import at_place, is_in_loop, operand, reads, scopes_around
from .constants import evaluated, is_number
from .formula import walk
from .formula_ops import evaluate, recorded

STEPS = "comparison", "sign", "rounding"  # what has whole numbers, and no slope


def with_masks(program: Program, names: dict[Var, str]) -> Program:
    """The program with equations for masks that the user's lines compute from values of the program, and for what they
    detach, ``adv = (G - v).detach()``, which keeps its name.
    """
    masks = _Masks(program)
    has_masks = any(isinstance(x, np.ndarray) and x.ndim for eq in program.equations for x in eq.operands)
    program = program.mapped(masks.rule) if has_masks or masks.apart else program
    used = {x for eq in program.equations for x in eq.reads}
    gone = {v for v in masks.apart if v not in used}
    for v in gone:
        names.pop(v, None)
    for (word, _), v in masks.detached.items():
        names |= {v: word} if word not in names.values() else {}
    return replace(program, captured={v: t for v, t in program.captured.items() if v not in gone})


def _is_mask(x: Any) -> bool:
    is_it = isinstance(x, np.ndarray) and x.ndim > 0
    return is_it and (x.dtype == bool or x.dtype.kind in "if" and np.array_equal(x, np.rint(x)))  # of x.astype(float)


class _Attached(ast.NodeTransformer):
    """Expressions in which nothing is detached: ``G - v`` for ``G - v.detach()``, or ``ag.stop_gradient(G - v)``."""

    def __init__(self) -> None:
        self.is_other = False

    def visit(self, e: ast.AST) -> ast.AST:
        match e:
            case ast.Call(ast.Attribute(of, "detach" | "numpy"), []) | ast.Attribute(of, "data"):
                self.is_other, e = True, of
            case ast.Call(ast.Attribute(attr="stop_gradient") | ast.Name("stop_gradient"), [of]):
                self.is_other, e = True, of
        return self.generic_visit(e)


def _attached(e: ast.expr) -> ast.expr | None:
    """An expression in which something is detached without that; None for any other."""
    attached = _Attached()
    new: Any = attached.visit(deepcopy(e))
    return new if attached.is_other else None


def _may_use_mask(e: ast.expr) -> bool:
    """True for ``mask * cycles`` and ``np.where(mask, a, b)``."""
    if isinstance(e, ast.Call):
        return getattr(e.func, "attr", getattr(e.func, "id", "")) == "where"
    return isinstance(e, ast.BinOp)


def _key(eq: Equation) -> Any:
    """What two equations share that compute the same, but for arrays of constants."""
    return eq.row, *(x if isinstance(x, Var) or is_number(x) else id(x) for x in eq.operands), repr(eq.params)


class _Masks:
    def __init__(self, program: Program) -> None:
        self.values, self.defined, self.scopes = program.values, program.defined, scopes_around(program)
        self.apart = program.captured.keys() - program.graded  # Tensors without a gradient, perhaps detached
        self.detached: dict[tuple[str, int], Var] = {}  # what has been detached, by its variable and its identity
        self.named = {v.name: v for v in program.variables if v in program.named}
        self.operands: dict[str, Any] = {}  # those that are variables, in one run of one function
        self.known: dict[Any, Var] = {}  # what has been computed so far, by its operation and its operands
        self.place: tuple[Any, int] = (None, 0)  # its code, and how far it is

    def rule(self, eq: Equation, _: Mapping[Var, Equation]) -> list[Equation]:
        code, at = eq.code, eq.origin.at
        if code is not self.place[0] or at < self.place[1]:  # another function, call or round of a loop
            self.operands = {}
        self.place = code, at
        written = [operand(eq, k) for k in range(len(eq.operands))]
        here = {e.id: x for e, x in zip(written, eq.operands, strict=True) if isinstance(e, ast.Name)}
        self.operands |= here
        before, operands = list[Equation](), list[Any]()
        for e, x in zip(written, eq.operands, strict=True):
            of = self.values[x] if isinstance(x, Var) and x in self.apart else x
            is_array = isinstance(of, np.ndarray) and of.ndim > 0
            is_tried = e is not None and is_array and (of is x and _is_mask(x) or self._is_made(eq, e))
            equations, new = self._computed(eq, e, of, here) if is_tried else ([], x)
            before += equations
            if equations and isinstance(e, ast.Name) and equations[-1].row is STOP_GRADIENT:
                new = self.detached.setdefault((e.id, id(of)), new)
            operands.append(x if new is of else new)
        new = replace(eq, operands=tuple(operands))
        self.known.setdefault(_key(new), new.y)
        return [*before, new]

    def _without_known(self, equations: Sequence[Equation], result: Var) -> tuple[list[Equation], Var]:
        """The equations of a mask without what the program has computed before, with numbers that are variables."""
        same, new = dict[Var, Var](), list[Equation]()
        for eq in equations:
            eq = eq.substituted(same)
            if len(eq.outputs) == 1 and (known := self.known.get(_key(eq))) is not None:
                same[eq.y] = known
            else:
                new.append(eq)
        return new, same.get(result, result)

    def _is_made(self, eq: Equation, e: ast.expr) -> bool:
        """Return whether an expression, or what a variable is assigned, may have a mask in it."""
        sources = assigned(eq.code, e.id) if isinstance(e, ast.Name) else [e]
        return any(_may_use_mask(of) or _attached(of) is not None for of in sources or ())

    def _computed(self, eq: Equation, e: Any, mask: Any, here: Mapping[str, Any]) -> tuple[list[Equation], Any]:
        """The equations of a mask, and its variable, if `e` computes it from values of the program; else the mask.
        Operands are those of the line, `here`, where it stands in the same.
        """
        code = eq.code
        sources = assigned(code, e.id) if isinstance(e, ast.Name) else [e]
        if not sources or len(sources) > 1:
            return [], mask
        known, detached = {} if isinstance(e, ast.Name) else here, _attached(sources[0])
        written = sources[0] if detached is None else detached
        used = {w: known[w] if w in known else self._value(w, eq) for w in dict.fromkeys(names(written))}
        before, masks = self._masks_in(eq, written, used) if _may_use_mask(written) else ([], {})
        all_values = {**self.values, **masks}
        values = {w: all_values[x] if isinstance(x, Var) else x for w, x in used.items()}
        arrays = {w: np.asarray(x) for w, x in values.items() if isinstance(x, np.ndarray) or is_number(x)}
        stated = evaluated(written, arrays)
        variables = {x: all_values[x] for x in used.values() if isinstance(x, Var)}
        if not variables or stated is None or not np.array_equal(stated.value, mask):
            return [], mask
        is_test = len(before) > 0 or mask.dtype == bool or any(part.role in STEPS for part in walk(stated.formula))
        is_step = is_test or detached is not None
        if not is_step or not stated.formula.names <= used.keys():  # np.zeros(len(u)), 1 - I of np.eye(len(u))
            return [], mask

        def run(tensors: Mapping[Var, Any]) -> Any:
            env = {w: tensors[x] if isinstance(x, Var) else x for w, x in used.items()}
            value = evaluate(stated.formula, env, call=recorded)
            return STOP_GRADIENT(value) if detached is not None else value

        equations, result = recorded_equations(run, variables, origin=eq.origin._replace(at=at_place(code, sources[0])))
        if not isinstance(result, Var):  # which depends on a shape
            return [], mask
        equations, result = self._without_known(equations, result)
        return [*before, *equations], result

    def _masks_in(
        self, eq: Equation, e: ast.expr, used: dict[str, Any]
    ) -> tuple[list[Equation], dict[Var, Any]]:
        """The equations of the masks that an expression uses, ``mask * cycles``, and their values; `used`, the
        variables in it, has these then.
        """
        before, masks = list[Equation](), dict[Var, Any]()
        for w, x in [(w, raw(x)) for w, x in used.items()]:
            equations, v = self._computed(eq, ast.copy_location(ast.Name(w), e), x, {}) if _is_mask(x) else ([], x)
            before += equations
            masks |= {v: x} if v is not x else {}
            used[w] = v
        return before, masks

    def _value(self, word: str, eq: Equation) -> Any:
        """What a variable is that has one value only: an operand, a value of the program, or what it is where the
        user's code runs; None if it may have had another where the mask was computed.
        """
        code = eq.code
        is_argument = word in code.co_varnames[: code.co_argcount]
        if len(assigned(code, word) or ()) + is_argument > 1:
            return None
        v = self.named.get(word)
        is_own = v is not None and not is_in_loop(eq) and (v not in self.defined or self.defined[v].code is code)
        around = (scope for owner, scope in self.scopes if reads(code, word, owner))
        where = self.operands, self.named if is_own else {}, *around
        return next((s[word] for s in where if word in s), None)
