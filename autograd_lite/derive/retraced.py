"""A program in which what was computed from the named arrays follows them.

An ordinary recording begins where something requires a gradient. Of ``1 - t`` it has only the value, and of a
convolution the windows that were extracted from the image. Here ``1 - t`` is computed from `t`, as the user's line has
it, and a known step, such as `conv2d`, is called again on its arguments.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import combinations
from typing import Any

import numpy as np

from ..base.escape import plain
from ..base.snapshots import untouched
from ..engine.context import Group
from ..engine.node import TRACED
from ..engine.value import live_of
from ..program import Equation, Program, Var
from ..program.graph import ending, recorded_equations
from ..program.naming import groups, operand
from ..tensor import Tensor
from .chain_rule import Chain
from .formula import Expr
from .formula_ops import evaluate, recorded
from .given import Given
from .javascript import NoForm
from .notation import Notation


def retraced(chain: Chain, kinds: str = "biuf", kept: Iterable[Var] = ()) -> tuple[Notation, set[str]]:
    """The program of `chain` with its names, and every named array of these kinds as an input; and the names of what
    stays as it is in a traced function, such as the arguments `kept`.

    An array from which another constant was computed stays a constant, as does one that was computed from another array
    of the program; so do two that share memory.

    Raises
    ------
    NoForm
        If it uses an array that may have been computed from a parameter. A trace has recorded how.
    """
    data = Given(chain)
    still = {*kept, *held(chain.recorded)}
    again = _Again(chain, kinds, data, still)
    steps = again.steps()
    operands = {x for eq in steps.program.equations for x in eq.operands if isinstance(x, Var)}
    used = [(word, x) for x, word in chain.arrays for v in operands if steps.names.get(v) == word]
    data.settled({word for word, _ in used})
    for (word, x), (other, y) in combinations(used, 2):
        data.fixed |= {word, other} if np.shares_memory(x, y) else set()
    again = _Again(chain, kinds, data, still) if data.fixed else again
    steps = again.steps() if data.fixed else steps
    return steps, {chain.names[v] for v in again.still if v in chain.names}


def held(program: Program) -> set[Var]:
    """The arguments of a traced function that stay as they are: those of which it used the numbers themselves, in a
    branch for instance, and those on which a mask depends that chooses entries, and hence the shape of a result.
    """
    places = {v for eq in program.equations if eq.algebra == "positions" for v in eq.outputs}
    chosen = {v for v in program.inputs if v in program.fixed or not program.depending([v]).isdisjoint(places)}
    return chosen.union(program.deciding())


class _Again:
    def __init__(self, chain: Chain, kinds: str, data: Given, still: set[Var]) -> None:
        self.chain, self.data = chain, data
        self.is_traced = bool(chain.program.inputs) or any(live_of(t) & TRACED for t in chain.program.captured.values())
        fixed = [chain.constants.values[word] for word in data.fixed]
        #: The arrays that become inputs, by name.
        self.arrays = {
            word: Var(word, x.shape, x.dtype)
            for x, word in chain.arrays
            if x.dtype.kind in kinds and not any(np.may_share_memory(x, a) for a in fixed)
            if word not in chain.numbered and not chain.is_made(word)
            if not chain.constants.is_first(word)
        }
        self.members: dict[Group, list[Equation]] = {}
        for eq in chain.recorded.equations:
            for group in groups(eq):
                self.members.setdefault(group, []).append(eq)
        self.inputs = {*chain.recorded.inputs, *chain.recorded.captured}
        self.still = {*still}  # and the numbers without a gradient that are computed from nothing else
        self.values = chain.recorded.values if self.still else {}
        self.users = chain.recorded.users
        self.folded: set[int] = set()  # the identities of these numbers
        self.drawn: dict[Var, Any] = {}
        self.firsts: dict[str, Var] = {}  # what the first step of a loop has computed from the arrays, by name
        self.named = chain.named
        self.called: dict[Group, list[Equation] | None] = {}  # of each call that was tried, its new equations

    def steps(self) -> Notation:
        program = self.chain.recorded.mapped(self._rule)
        constants = self.chain.constants.values
        captured = {v: Tensor(constants[word]) for word, v in self.arrays.items()}
        captured |= {v: Tensor(x) for v, x in self.drawn.items()} | dict(program.captured)
        names = {v: word for word, v in (self.arrays | self.firsts).items()} | self.chain.names
        return Notation(replace(program, captured=captured, constants={}), board=False, names=names)

    def _rule(self, eq: Equation, defined: Mapping[Var, Equation]) -> list[Equation] | dict[Var, Any]:
        if eq.is_random:
            self.drawn |= {v: self.chain.values[v] for v in eq.outputs if v in self.chain.values}  # as drawn
            return []
        if self._is_still(eq):
            self.still |= {*eq.outputs}
            self.folded |= {id(self.values[v]) for v in eq.outputs}
            return {v: self.values[v] for v in eq.outputs}
        for group in groups(eq):
            new = self._again(group)
            if new is not None:
                return [] if {*new[-1].outputs}.isdisjoint(eq.outputs) else new
        self._check_positions(eq)
        before = []
        operands = []
        for k, x in enumerate(eq.operands):
            if id(x) in self.folded:
                operands.append(x)
                continue
            if not self._given(eq, k) and not self._draws(eq.group):
                self._refuse(eq, "a value", operand(eq, k))
            if not isinstance(x, Var):
                equations, x = self._constant(eq, k)
                before += equations
            operands.append(x)
        return [*before, replace(eq, operands=tuple(operands))]

    def _constant(self, eq: Equation, k: int) -> tuple[list[Equation], Any]:
        """Constant operand `k` with its equations from the named arrays; what the first step of a loop has computed
        from these, Q1, has its name.
        """
        whole = self.chain.operand(eq, k)
        e = self.chain.constants.opened(whole)
        word = whole.value if whole.role == "name" and self.chain.constants.is_first(whole.value) else ""
        if word in self.firsts or not e.names:
            return [], self.firsts.get(word, eq.operands[k])
        used = [v for w, v in self.named.items() if w in e.names]
        equations, x = self._equations(partial(self._value, e), used)
        if word and isinstance(x, Var):
            self.firsts[word] = x
        return equations, x

    def _is_still(self, eq: Equation) -> bool:
        users = (of for v in eq.outputs for e in self.users.get(v, ()) for of in e.outputs)
        is_test = eq.algebra == "index" and all(v.dtype.kind in "biu" for v in users)  # times[i] of a mask
        if not self.still or not is_test and any(v.dtype.kind not in "biu" for v in eq.outputs):
            return False
        constants = (self.chain.operand(eq, k) for k, x in enumerate(eq.operands) if not isinstance(x, Var))
        variables = {x for x in eq.operands if isinstance(x, Var)}
        return variables <= self.still and all(self.arrays.keys().isdisjoint(e.names) for e in constants)

    def _equations(
        self, run: Callable[[Mapping[Var, Any]], Any], variables: Iterable[Var] = ()
    ) -> tuple[list[Equation], Any]:
        """The equations that ``run(tensors)`` records, from the named arrays and from `variables`, and its result."""
        inputs = {v: self.chain.constants.values[word] for word, v in self.arrays.items()}
        inputs |= {v: self.chain.values[v] for v in variables}
        return recorded_equations(run, inputs, self.chain.graded)

    def _value(self, e: Expr, tensors: Mapping[Var, Any]) -> Any:
        """A constant, computed from the named arrays; of a mask also from values of the program."""
        env = self.chain.constants.values | {word: tensors[v] for word, v in self.arrays.items()}
        env |= {self.chain.names[v]: t for v, t in tensors.items() if v in self.chain.names}
        return evaluate(e, env, call=recorded)

    def _given(self, eq: Equation, k: int) -> bool:
        """Whether an operand is a result, or was not computed from the numbers."""
        x = eq.operands[k]
        is_constant = not isinstance(x, Var) or x in self.inputs and x not in self.chain.graded
        return not is_constant or self.data.operand(eq, k, self.chain.values[x] if isinstance(x, Var) else x)

    def _check_positions(self, eq: Equation) -> None:
        """Raise if positions may have been computed from the numbers, as in a sort."""
        params = [part for value in eq.params.values() for part in (value if isinstance(value, tuple) else (value,))]
        places = [part for part in params if isinstance(part, np.ndarray) and part.dtype.kind in "biu"]
        is_single = not places and not self.is_traced and any(isinstance(part, int | np.integer) for part in params)
        if is_single and not self.data.position(eq):
            self._refuse(eq, "a position")
        if places and not self.data.positions(eq, places):
            self._refuse(eq, "positions")

    def _refuse(self, eq: Equation, what: str, e: ast.expr | None = None) -> None:
        """Raise for a constant that may have been computed from the numbers. A trace has recorded what was."""
        if not self.is_traced:
            raise _may_follow(eq, what, e)
        self.data.fixed |= self.data.arrays  # perhaps from an array that is no argument

    # ------------------------------------------------------------------------------------------------- calls again

    def _again(self, group: Group) -> list[Equation] | None:
        """The equations of a known step that is called again, since one of its arguments is a named array."""
        if group not in self.called:
            self.called[group] = self._called(group)
        return self.called[group]

    def _called(self, group: Group) -> list[Equation] | None:
        inside = self.members[group]
        outputs = [v for eq in inside for v in eq.outputs]
        outside = (eq for eq in self.chain.recorded.equations if eq.y not in outputs)
        used = {self.chain.root, *(x for eq in outside for x in eq.operands if isinstance(x, Var))}
        ends = [v for v in outputs if v in used]
        inputs = map(self.chain.current, group.inputs.values())
        uses_arrays = any(self.chain.constants.known(x) is not None for x in inputs)
        is_needed = uses_arrays or not self.is_traced and not all(
            self._given(eq, k) for eq in inside for k in range(len(eq.operands))
        )
        if group._call is None or not is_needed or len(ends) != 1 or any(eq.is_random for eq in inside):
            return None
        _, f, args, params = group._call
        args = tuple(self._formula(inside[-1], x) for x in args)
        params = {word: self._formula(inside[-1], x) for word, x in params.items()}
        try:
            equations, result, draws = self._run(f, args, params)
        except Exception:  # such as a decision by the numbers: its steps are recorded again instead
            return None
        if draws or not isinstance(result, Var) or result.shape != ends[0].shape:
            return None
        replacement = ending(equations, result, ends[0])
        return _as_before(replacement, inside) if isinstance(replacement, list) else None

    def _run(
        self, f: Callable[..., Any], args: Sequence[Any], params: Mapping[str, Any]
    ) -> tuple[list[Equation], Any, bool]:
        """The equations of a call, its result, and whether it draws random numbers."""
        draws = False

        def run(tensors: Mapping[Var, Any]) -> Any:
            nonlocal draws
            xs = [self._argument(x, tensors) for x in args]
            with untouched(f, xs) as snapshot:
                y = f(*xs, **{word: self._argument(x, tensors) for word, x in params.items()})
            draws = bool(snapshot.draws)
            return y

        variables = [x for x in map(self.chain.current, (*args, *params.values())) if isinstance(x, Var)]
        return *self._equations(run, variables), draws

    def _draws(self, group: Group | None) -> bool:
        """True if a call draws random numbers and uses no other constants: these stay as drawn."""
        if group is None or group._call is None:
            return False
        try:
            equations, _, _ = self._run(*group._call[1:])
        except Exception:  # such as a decision by the numbers
            return False
        constant = [eq for eq in equations if eq.row.kind == "constant"]
        return bool(constant) and all(eq.is_random for eq in constant)

    def _formula(self, eq: Equation, x: Any) -> Any:
        """An argument of a call: an array as a formula of the named ones, anything else as it is."""
        x = self.chain.current(x)
        if not isinstance(x, np.ndarray):
            return x
        if not self.data.argument(eq, x):
            self._refuse(eq, "an array")
        return self.chain.constants.known(x) or x

    def _argument(self, x: Any, tensors: Mapping[Var, Any]) -> Any:
        """An argument for a run. Arrays are copied: batch norm writes into some."""
        x = self.chain.current(x)
        if isinstance(x, Var):
            return tensors[x]
        if isinstance(x, Expr):
            return self._value(x, tensors)
        return Tensor(x.copy()) if isinstance(x, np.ndarray) else x  # an array, or a Tensor without a graph


def _as_before(equations: Sequence[Equation], inside: Sequence[Equation]) -> list[Equation]:
    """The equations of a call that was repeated, whose results are the variables of the call before if it has the same
    operations behind those of its arguments.
    """
    again = equations[len(equations) - len(inside) :]
    if [(eq.row, eq.shape) for eq in again] != [(eq.row, eq.shape) for eq in inside]:
        return [*equations]
    pairs = zip(again, inside, strict=True)
    same = {new: old for eq, before in pairs for new, old in zip(eq.outputs, before.outputs, strict=True)}
    return [replace(eq.substituted(same), outputs=tuple(same.get(v, v) for v in eq.outputs)) for eq in equations]


def _may_follow(eq: Equation, what: str, e: ast.expr | None) -> NoForm:
    """The error for a constant, written in the user's line as `e`."""
    word, line = (eq.group or eq.row).name, eq.origin.line.replace("\\", "/").rpartition("/")[2]
    at = (f", {plain(ast.unparse(e))}" if e is not None else "") + f" in {line}" * bool(line) + "," * (e is not None)
    return NoForm(
        f"{plain(word)} uses {what}{at} that may have been computed from the numbers; draw the function "
        "itself, as in ag.trace(f, x).draw(), which records that too"
    )
