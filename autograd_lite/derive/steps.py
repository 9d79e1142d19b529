"""The steps of a program, and what each computes: one operation, arithmetic with several, a folded call, a known step.

A person who derives a gradient does not stop at every operation. The *landmarks* are the values that have a name, the
inputs, what is used more than once, and every matrix product or other step that is not elementwise; simple arithmetic
between two landmarks belongs to the formula of the later one.
"""

from __future__ import annotations

import ast
import math
import re
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Sequence, Set
from dataclasses import replace
from functools import cached_property, partial
from typing import Any

import numpy as np

from ..base.cached_method import cached_method
from ..program import Equation, Program, Var
from ..program.naming import expression, is_in_loop, parameter as parameter_of, place, stem
from ..table import TABLE, Textbook
from . import formula
from .common_factors import number_before
from .constants import counts
from .factors import Combine, Edge, FoldedCall, Pull
from .formula import Expr, Labels, Shape, index_parts, name, named, number, replaced, terms_of, unsimplified, walk
from .formula_ops import applied, evaluate, largest
from .notation import Notation
from .simplify import again, full, is_zero, product, simplified
from .symbolic_rule import G, X, Y, cotangent_of, parted
from .textbook_parser import TextbookStep, Written, parameter
from .writing import LETTERS, subscript, text_name

CHEAP = (
    "index", "gather", "reshape", "transpose", "matrix transpose", "swap of axes", "move of axes", "cast", "identity",
)  # fmt: skip
PRODUCTS = ("matrix product", "outer product", "dot product", "contraction", "solution")  # each is a step
ARITHMETIC = ("sum", "difference", "product", "quotient")
SPREADING = (*ARITHMETIC, "power")
TURNS = ("transpose", "matrix transpose", "swap of axes")
FEW = 3  # operations in an operand that is written in a formula
TABLES = "reduction", "softmax", "log of a softmax"  # what is written of a value with a name
SHORT = 3  # operations in the argument of a function that is no step of its own
SUMS = "sum", "difference", "stack"
DEEP = 8  # operations in one formula; a longer one gets a landmark inside it


class Steps(Notation):
    """A program with its landmarks, and the formula of each in terms of others; parameters as for ``Chain``."""

    FORMS: Sequence[int] = (0, 1, 2)  # the order in which alternatives of a textbook are tried: later ones hold at ties

    def __init__(
        self, program: Program, wrt: Iterable[Var] | None = None, *, depth: int | None = None, **options: Any
    ) -> None:
        super().__init__(program, wrt, **options)
        # The values inside folded calls, each with its call; and the result of each folded call.
        self.regions = {n: fold for n in self.nodes if (fold := self._fold(self.group_path(n), depth)) is not None}
        if depth is not None and self.board:
            self._prefer_known()
        self.folds: dict[Var, Any] = {}  # the result of each folded call
        self.tied: set[Var] = set()  # whose textbook has another form where they are
        written = [n for n in self.nodes if n in self.defined and self.defined[n].algebra != "comparison"]
        self.uses = Counter(p for n in written for p in self.arguments(n))
        self.landmarks = self._landmarks()  # oldest first; inputs included
        self.landmark_set = set(self.landmarks)
        self.unnamed = self.landmark_set - self.names.keys() - self._rows_of_rounds  # they get letters
        self.name_the_rest(self.landmarks)

    # -------------------------------------------------------------------------------------------------------- landmarks

    def _landmarks(self) -> list[Var]:
        """The landmarks, oldest first: see the head of this file."""
        chosen = {
            n for n in self.nodes
            if n in self.names or not self.is_single(n) or self.defined[n].is_random
            or self.uses[n] > 1 and not self._is_light(n)
        }  # fmt: skip
        is_read = self.board and not self.is_picture
        chosen |= {
            n for n in self.nodes if is_read and n in self.active and n in self.defined
            and self.defined[n].algebra != "index"
            and (self.defined[n].algebra == "convolution" or parameter_of(self.defined[n], once=True))
        }  # fmt: skip
        chosen |= {n for n in self.active if is_read and self.is_table(n)}
        chosen.add(self.root)
        chosen |= {p for n in self.nodes for p in self.arguments(n) if self.board and self._is_inner(n, p, chosen)}
        chosen |= {p for n in self.nodes for p in self.arguments(n) if self.board and self._is_residual(n, p, chosen)}
        chosen |= self._rows_of_rounds
        if self.regions:
            chosen = self._folded(chosen)
        chosen |= self._where_chains_meet(chosen)
        chosen |= self._ends_of_loops(chosen)
        length: dict[Var, int] = {}
        for n in self.nodes:
            args = self.arguments(n)
            is_sum = n in self.defined and self.defined[n].algebra in SUMS
            here = [length[p] - (is_sum and p in self.defined and self.defined[p].algebra in SUMS[:2]) for p in args]
            length[n] = 1 + (max if is_sum else sum)([0, *here])
            if n in chosen or length[n] > DEEP and n not in self.regions and n not in self.running:
                chosen.add(n)
                length[n] = 0
        return [n for n in self.nodes if n in chosen]

    @cached_property
    def _rows_of_rounds(self) -> set[Var]:
        """What the rounds of a comprehension compute for the rows of an array, ``np.stack([f(x) for x in X])``, which
        have a line like those of a list with a name.
        """
        stacks = (n for n in self.nodes if n in self.defined and self.defined[n].algebra in ("stack", "concatenation"))
        several = [self.arguments(n) for n in stacks if self.board and not self.is_picture]
        several = [rows for rows in several if len(rows) >= FEW and rows == self.rounds.get(rows[0])]
        several = [rows for rows in several if not any(map(self._is_light, rows))]
        return {p for rows in several for p in rows if p.shape and p in self.active}

    def _ends_of_loops(self, chosen: set[Var]) -> set[Var]:
        """The first and the last round of a step of a loop: one may begin with a constant, the other may need less."""
        looped = [vs for vs in {id(vs): vs for vs in self.rounds.values()}.values() if self.is_looped(vs)]
        inner = [(vs, vs[1:-1] or {*vs} & chosen) for vs in looped]
        ends = {v for vs, middle in inner if middle and chosen.issuperset(middle) for v in vs}
        return ends - self.regions.keys() - self.running

    def _is_inner(self, n: Var, p: Var, chosen: Container[Var]) -> bool:
        """True if `p` is a long argument of a function, in which one value occurs twice: of tanh(c (y + a y³))."""
        if self.defined[n].row.kind != "elementwise" or len(self.defined[n].operands) > 1 or p in chosen:
            return False
        leaves, stack, length, are_factors = Counter[Var](), [p], 0, self.defined[n].row is TABLE["log"]
        while stack:
            q = stack.pop()
            of = self.defined[q].algebra if q in self.defined else None
            are_factors &= q in chosen or of not in ("sum", "difference") or q.size == 1 and self._is_plain(q)
            if q in chosen or q not in self.defined or self.defined[q].row.kind != "elementwise":
                leaves[q] += 1
            else:
                length += 1
                stack += self.arguments(q)
        is_called = self.defined[n].algebra not in ("negation", "square", "reciprocal")
        numbers = [q for q in leaves if q.size == 1 < p.size and q in self.active]
        if is_called and length > 1 and len(numbers) > 1:  # of σ(γ (x - c))
            return True
        is_long = length > SHORT and not are_factors  # of log(φ p (1 - p)) each factor has a term
        return is_called and is_long and max(leaves.values(), default=0) > 1

    def is_table(self, n: Var) -> bool:
        """True for the sum of a column and a matrix, ``alpha[:, None] + T``, whose softmax or the like is taken."""
        is_sum = n in self.defined and self.defined[n].algebra in ARITHMETIC
        are_read = all(self.defined[k].algebra in TABLES for k in self._consumers.get(n, ()))
        return is_sum and are_read and any(self.adds_axes(p) for _, p in self.active_arguments(n))

    def _is_residual(self, n: Var, p: Var, chosen: Container[Var]) -> bool:
        """True if the number `p`, which `n` squares, adds up sums of one array: (Σ c d + F d[-1] - price)²."""
        if self.defined[n].algebra != "square" or p.shape or p in chosen or p not in self.defined:
            return False
        terms, arrays, added = [p], Counter[Var](), set[Var]()
        while terms:
            q = terms.pop()
            if q not in chosen and q in self.defined and self.defined[q].algebra in SUMS[:2]:
                terms += self.arguments(q)
                continue
            stack, leaves, is_sum = [q], set[Var](), False
            while stack:
                x = stack.pop()
                eq = self.defined.get(x)
                is_sum |= eq is not None and x not in chosen and eq.row.kind != "elementwise" and eq.algebra != "index"
                is_end = x in chosen or x not in self.defined
                leaves |= {x} if is_end and x.shape and x in self.active else set()
                stack += [] if is_end else self.arguments(x)
            arrays.update(leaves)
            added |= leaves if is_sum else set()
        return any(arrays[x] > 1 for x in added)

    def _is_light(self, n: Var) -> bool:
        """True if a value is written again where it is used: ``-k``, ``2 x``, ``θ[0]``, of a number ``2 a²``, and in
        data ``h / 2`` and ``ys[t]``.
        """
        if n not in self.defined or not self.board:
            return False
        eq = self.defined[n]
        args = self.arguments(n)
        is_near = all(p in self.names or self.is_input(p) or not n.shape and self._is_light(p) for p in args)
        is_near |= self._is_entry(n) or eq.algebra == "negation" and not n.shape  # of sin(yaw), which has a letter
        is_entry = type(eq.params.get("index")) in (int, slice)  # y[1:], which a loop reads
        is_number = self._is_entry(n)
        is_call = eq.row.kind == "elementwise" and (not n.shape or len(eq.operands) == 1)  # log(y)
        is_datum = n not in self.active and (is_call or is_entry)
        is_scaled = eq.algebra == "product" and any(not isinstance(x, Var) and not np.ndim(x) for x in eq.operands)
        is_number |= self._is_row(n) or self._is_call_in_one(n)
        return is_near and (is_datum or is_number or is_scaled or self._is_plain(n) or self._is_stacked(n))

    def _is_call_in_one(self, n: Var) -> bool:
        """Return True if all that reads a call of a function of one value is one line: exp(s) / (exp(s) + exp(z))."""
        eq, ends = self.defined[n], set[Var]()
        if eq.row.kind != "elementwise" or len(eq.operands) > 1 or not eq.reads or n.shape != eq.x.shape:
            return False
        for k in self._consumers.get(n, ()):
            while k not in self.names and k.shape == n.shape and self.defined[k].row.kind == "elementwise":
                above = self._consumers.get(k, [])
                if len(above) != 1:
                    return False
                k = above[0]
            ends.add(k)
        return len(ends) == 1 and all(
            k in self.names and k.shape == n.shape and self.defined[k].row.kind == "elementwise" for k in ends
        )

    def _is_plain(self, n: Var) -> bool:
        """Whether a value is a negation, a square of a number, 1 - p, or what a loop computes of numbers each time."""
        eq, args = self.defined[n], {*self.arguments(n)}
        is_square = eq.algebra == "square" or eq.algebra == "product" and len(args) == 1 < len(eq.operands)
        is_same = eq.algebra in ("negation", *TURNS) or self.adds_axes(n) or not n.shape and is_square
        is_same |= not n.shape and n in self.repeated and eq.algebra in ARITHMETIC  # 1 - α, dt k, cos(a + b)
        return is_same or eq.algebra == "difference" and type(eq.x) in (int, float)

    def _is_stacked(self, n: Var) -> bool:
        """Whether a value without a name is only an entry or a row of an array that is written out: ``[cos(θ), 1]``."""
        users = self._consumers.get(n, [])
        is_part = not n.shape and self.defined[n].row.kind == "elementwise" or self.defined[n].algebra == "stack"
        return is_part and n not in self.names and bool(users) and all(
            self.defined[k].algebra == "stack"
            or self.defined[k].algebra == "negation" and self._is_stacked(k) for k in users
        )  # fmt: skip

    def _is_entry(self, n: Var) -> bool:
        """Whether a value without a name is an entry of an array, ``θ[0]``, read outside of loops, or for numbers in
        several places of a loop; or at a label, ``p[i]``.
        """
        eq = self.defined.get(n)
        is_it = eq is not None and eq.algebra == "index" and not n.shape and n not in self.names
        parts = index_parts(eq.params["index"]) if eq is not None and is_it else ()
        users = self._consumers.get(n, ())
        known = self.constants.provenance
        is_of_pairs = known is not None and bool(known.pairs)
        if eq is not None and is_it and [*map(type, parts)] == [Labels] and len(users) > 1 and not is_of_pairs:
            return all(not k.shape and self.defined[k].row.kind == "elementwise" for k in users)
        is_outside = is_it and not is_in_loop(self.defined[n]) and self.rounds.keys().isdisjoint((n, *users))
        beside = self._consumers.get(eq.x, ()) if eq is not None and is_it else ()
        is_near = any(self._is_read_twice(m) for m in (n, *beside) if m.shape == n.shape)
        is_near |= is_it and self._is_of_state(n, users)
        is_near |= n in self.rounds and self._is_read_once(n)
        return is_it and (is_outside or is_near) and all(type(part) is int for part in parts)

    def _is_read_once(self, n: Var) -> bool:
        """Whether a value is used for one number with a name, ``var = exp(logvar[k])``."""
        users = self._consumers.get(n, ())
        return len(users) == 1 and all(
            k in self.names and not k.shape and self.defined[k].row.kind == "elementwise" for k in users
        )

    def _is_read_twice(self, n: Var) -> bool:
        """Whether a value is used for numbers in several places of a loop: x[t + 1] of one step, x[t] of the next."""
        users = self._consumers.get(n, ())
        turns = ((k, self.rounds.get(k, ())) for k in users)
        places = {
            (place(self.defined[k]), self.arguments(k).index(n))
            for k, ks in turns if any(n not in self.arguments(m)[self.arguments(k).index(n) :][:1] for m in ks)
        }  # fmt: skip
        return len(places) > 1 and all(not k.shape and self.defined[k].row.kind == "elementwise" for k in users)

    def _is_of_state(self, n: Var, users: Iterable[Var]) -> bool:
        """Whether an entry is the same one of a vector in each round of a loop, ``s[0]`` of a state, for numbers."""
        eq, rows = self.defined[n], ((k, self.defined[k].row) for k in users)
        are_numbers = all(not k.shape and row.kind == "elementwise" or self._is_vector(k) for k, row in rows)
        written = expression(eq) if are_numbers and not self.is_input(eq.x) else None
        return isinstance(written, ast.Subscript) and isinstance(written.slice, ast.Constant)

    def _is_vector(self, n: Var) -> bool:
        return self.defined[n].algebra == "stack" and len(n.shape) == 1

    def _is_inside(self, n: Var) -> bool:
        """Whether `n` is no step although its user's derivative is a map: a number that a formula of arrays has once,
        ``ell ** 2``, or what gets a name when axes of length 1 are added.
        """
        [user, *others] = users = self._consumers.get(n, [n])
        is_light = self._is_light(n)
        if not self.board or others and not is_light or n in self.names or n not in self.defined:
            return False
        if self._is_stacked(n) or self.defined[n].algebra == "square" and self.defined[user].algebra == "total":
            return True
        if self.defined[user].algebra == "assignment" and self.defined[n].row.kind == "elementwise":  # if j != i
            return isinstance(self.defined[user].params["index"], Labels)
        if self._is_entry(n):
            return all(self.defined[k].row.kind == "elementwise" or self._is_vector(k) for k in users)
        if self._is_row(n) or self._is_in_product(n, user) or self._is_shifted_turn(n, user):
            return True
        if n.size == 1 < user.size or is_light and all(n.size <= k.size for k in users):
            return self.defined[n].row.kind == "elementwise" and all(
                self.defined[k].row.kind == "elementwise" for k in users
            )
        return user in self.names and self.adds_axes(user) and self.defined[n].algebra not in PRODUCTS

    def _is_shifted_turn(self, n: Var, user: Var) -> bool:
        """Whether a value is a number and a column, in a sum of arrays: μ + b[:, None] of one with c[None, :]."""
        if self.defined[n].algebra not in SUMS[:2] or self.defined[user].algebra not in SUMS[:2]:
            return False
        of, *others = sorted(self.defined[n].operands, key=lambda x: -len(getattr(x, "shape", ())))
        are_numbers = all(not getattr(x, "shape", ()) and (not isinstance(x, Var) or x in self.names) for x in others)
        return are_numbers and isinstance(of, Var) and self.is_turn(of)

    def _is_in_product(self, n: Var, user: Var) -> bool:
        """Whether a product of matrices without a name is read by another one alone, or by a trace: x @ Q of x @ Q @ y.
        """
        of, reader = self.defined[n].algebra, self.defined[user].algebra
        if reader == "trace":
            return of in ("matrix product", "solution")
        return reader == "matrix product" and of in ("matrix product", "inverse", "diagonal matrix")

    def _is_growing(self, n: Var) -> bool:
        """Return True if an array of a loop grows or shrinks with the rounds, as V[:t+1] does."""
        return any(m.shape != n.shape for m in self.rounds.get(n, ()))

    def _is_row(self, n: Var) -> bool:
        """Whether a value without a name is a row, a column or a slice of an array with one, ``W[t]`` of ``h @ W[t]``,
        or at a label; not of softmax(W[t]), whose derivative is one with respect to a vector.
        """
        eq, users = self.defined[n], self._consumers.get(n, ())
        is_part = eq.algebra == "index" and all(p not in self.defined or p in self.names for p in eq.reads)
        is_part &= bool(n.shape) or all(k.shape for k in users)  # or b[t] of X @ W[t] + b[t]
        if is_part and isinstance(mask := eq.params["index"], Labels) and mask.dtype == bool:  # of Σ θ[at_risk]
            is_readable = re.fullmatch(r"[^\W\d]\w*( [=!<>]=? \w+)?", mask.word)
            return bool(is_readable) and all(self.defined[k].row in (TABLE["sum"], TABLE["mean"]) for k in users)
        steady = [k for k in users if not self._is_growing(k)] if not self._is_growing(n) else []
        if not is_part or any(k.shape != n.shape and k.size == n.size for k in steady):
            return False  # E[0] * E[1:] of two
        parts, rows = index_parts(eq.params["index"]), [self.defined[k].row for k in users]
        others = [row.algebra for row in rows if row.kind != "elementwise" and row.algebra not in PRODUCTS]
        if not _are_slices(parts):
            return _are_places(parts) and not others
        is_alike = all(k.shape == n.shape or row.kind != "elementwise" for k, row in zip(users, rows, strict=True))
        return is_alike and {*others} <= {"total", "concatenation", "diagonal matrix"}

    @cached_property
    def _consumers(self) -> dict[Var, list[Var]]:
        consumers: dict[Var, list[Var]] = {}
        for n in self.nodes:
            for p in self.arguments(n):
                consumers.setdefault(p, []).append(n)
        return consumers

    def _where_chains_meet(self, chosen: set[Var]) -> set[Var]:
        """Further landmarks: the ends of each step whose derivative is not a factor entry by entry, and what the
        backward pass needs again.
        """
        further = set()
        consumer = {p: n for n in self.nodes for p in self.arguments(n)}
        pure = set()  # landmarks, and what reaches one by steps that only scale a derivative
        for n in reversed(self.nodes):
            is_end = n in chosen or n in further or self._is_inside(n)
            if is_end or consumer[n] in pure and self._is_scaling(consumer[n], n):
                pure.add(n)
            active = self.active_arguments(n) if n not in self.regions else []
            for p in (p for i, p in active if not self.edge(n, i).is_simple):
                if n not in pure and not self.is_turn(n) and not self._is_spread(n, p, chosen):
                    top = n  # x @ W + h @ U is one step
                    is_scaled = not n.shape
                    while consumer[top] not in self.regions and self._is_in_one(consumer[top], top):
                        pure.add(top)
                        top = consumer[top]
                        is_scaled &= self.defined[top].algebra == "product"
                    top = n if is_scaled else top  # an entry k[t] of ½ k[t] s²
                    further.add(top)
                    pure.add(top)
                if not self.is_turn(p) and not self._is_inside(p):
                    further.add(p)
                    further.update(self.arguments(p) if self._is_square(p) else ())
            beside = self._beside(n, pure) if active and n not in chosen else set()
            pure |= beside
            further |= beside | self._needed_again(n) if active else set()
        return further

    def _is_spread(self, n: Var, p: Var, chosen: Container[Var]) -> bool:
        """True if `n` only brings a number to an array in a short operand of a landmark: A x ** α in arithmetic."""
        is_number = p.size == 1 < n.size and (p in chosen or self._is_inside(p)) and self.board
        k = below = n
        while is_number and k not in chosen and self.defined[k].algebra in SPREADING and k not in self.regions:
            below, [k] = k, self._consumers[k]
        if not is_number or k is n or k not in chosen or self.defined[k].algebra not in SPREADING or k.shape != n.shape:
            return False
        steps, stack = 0, [below]
        while stack:
            args = self.active_arguments(stack.pop())
            steps, stack = steps + 1, [*stack, *(q for _, q in args if q not in chosen and q in self.defined)]
        return steps <= FEW

    def _beside(self, n: Var, pure: Container[Var]) -> set[Var]:
        """What only adds a row of an input to others, ``X[i] - X[j]``, and passes a derivative on to a function."""
        out = set[Var]()
        for k in self._consumers.get(n, ()) if self._is_row(n) else ():
            is_added, top = False, n
            while top is not k and k not in self.regions and self._is_scaling(k, top):
                is_added = k not in pure and (is_added or self.defined[k].algebra in ("sum", "difference"))
                [k, *_], top = self._consumers.get(k, [k]) if k not in pure else [k], k
            out |= {top} if is_added else set()
        return out

    def _is_square(self, n: Var) -> bool:
        """Whether a value is the square of a difference of two that are differentiated, which is a step."""
        is_square = self.board and n not in self.names and n in self.defined and self.defined[n].algebra == "square"
        [of, *_] = self.arguments(n) if is_square else [n]
        is_difference = is_square and of in self.defined and self.defined[of].algebra == "difference"
        return is_difference and len(self.active_arguments(of)) > 1

    def is_turn(self, n: Var) -> bool:
        """Whether a node is a transpose inside a step, which is not a step of its own."""
        eq = self.defined.get(n)
        if not self.board or eq is None or n in self.names or n in self.regions or n is self.root:
            return False
        is_inner = self.uses[n] == 1 or any(p in self.names or self.is_input(p) for p in self.arguments(n))
        if self.adds_axes(n):
            return is_inner
        if not is_inner or eq.algebra not in TURNS or len(n.shape) != 2:
            return False
        return np.shape(eq.row.fn(np.empty((2, 3)), **eq.params)) == (3, 2)  # its axes may be in the old order

    def _needed_again(self, n: Var) -> set[Var]:
        """Arguments that the backward pass through `n` uses and that are too expensive to compute twice."""
        symbols = frozenset().union(*(self.edge(n, i).formula.names for i, _ in self.active_arguments(n)))
        return {
            p for k, p in enumerate(self.defined[n].operands)
            if isinstance(p, Var) and f"{X}{k}" in symbols and p not in self.active and p in self.defined
            and (row := self.defined[p].row).kind not in ("elementwise", "constant") and row.algebra not in CHEAP
            and not (p.size == 1 and all(map(self.is_input, self.arguments(p))))  # Σ M of a given mask
            and not (self.board and p not in self.names and self._is_in_product(p, n))
        }  # fmt: skip

    def _is_in_one(self, n: Var, p: Var) -> bool:
        """Whether `n` and its argument `p` are one step: a sum, or the product u[:, None] * K * v."""
        is_product = self.defined[n].algebra == self.defined[p].algebra == "product" and n.shape == p.shape
        is_product &= all(np.ndim(x) > 1 or np.size(x) > 1 for k in (n, p) for x in self.defined[k].operands)
        return self._is_scaling(n, p) or self.board and is_product and self.uses[p] == 1 and p not in self.names

    def _is_scaling(self, n: Var, p: Var) -> bool:
        """Whether the derivative of `n` with respect to its argument `p` is a constant number."""
        edges = [self.edge(n, i) for i, q in self.active_arguments(n) if q is p]
        return n.shape == p.shape and bool(edges) and all(
            e.is_simple and e.formula.shape == () and not any(w.startswith((X, Y, G)) for w in e.formula.names)
            for e in edges
        )  # fmt: skip

    def _folded(self, chosen: set[Var]) -> set[Var]:
        """The landmarks where calls are folded: of each folded call its results, and what it uses."""
        if self.root in self.regions:
            self.folds[self.root] = self.regions[self.root]
        for n in self.nodes:
            for p in self.arguments(n):
                if self.regions.get(p) is not self.regions.get(n):
                    if p in self.regions:
                        self.folds[p] = self.regions[p]
                    if n in self.regions:
                        chosen.add(p)
        return {n for n in chosen if n not in self.regions} | set(self.folds)

    # ----------------------------------------------------------------------------------------------------- folded calls

    def _fold(self, path: Sequence[Any], depth: int | None) -> Any:
        """The call on `path` that is one step: the first at `depth` or that textbooks know."""
        folds = (group for k, group in enumerate(path) if k == depth or self.board and self._book(group) is not None)
        return next(folds, None)

    def _prefer_known(self) -> None:
        """A layer that does nothing but one known step, or one operation, is that."""
        steps: dict[Any, set[Any]] = {}  # of each folded call: known steps in it, and other values
        for n, fold in self.regions.items():
            path = self.group_path(n)
            step = next((g for g in path[path.index(fold) :] if self._book(g) is not None), n)
            steps.setdefault(fold, set()).add(step)
        instead = {fold: next(iter(inside)) for fold, inside in steps.items() if len(inside) == 1}
        self.regions = {n: step for n, fold in self.regions.items() if (step := instead.get(fold, fold)) is not n}

    @cached_method
    def _book(self, group: Any) -> Textbook | None:
        """The textbook of a call, unless it was opened; it is made once."""
        book: Textbook | None = group.textbook
        return None if book is None or book.opened else book

    def shell(self, n: Var) -> Any:
        """The outermost call that contains nothing but the folded call of `n`, such as a layer around its function."""
        call = self.folds.get(n)
        for group in self.group_path(n)[::-1]:
            if call is not None and len(self._contents.get(group, ())) == 1:
                call = group
        return call

    @cached_property
    def _contents(self) -> dict[Any, set[Any]]:
        """For each call the folded calls and the other nodes in it."""
        contents: dict[Any, set[Any]] = {}
        for n in self.nodes:
            for group in self.group_path(n):
                contents.setdefault(group, set()).add(self.regions.get(n, n))
        return contents

    # ------------------------------------------------------------------------------------------------------ definitions

    def expression(self, n: Var) -> Expr:
        """The name of `n`, or its formula if it is not a landmark."""
        word = self.names.get(n)
        if word is not None:
            return name(word, n.shape)
        return self.definition(n)

    @cached_method
    def definition(self, n: Var) -> Expr:
        """The formula of `n` in terms of other landmarks."""
        if n in self.folds:
            step = self.known(n)
            return step.forward if step and step.book.forward else self._folded_definition(n)
        formulas: dict[Var, Expr] = {}
        steps = self._steps_to(n, self.names)
        is_running = not self.running.isdisjoint(steps)  # ½ a of each round stays that
        for m in steps:
            eq = self.defined[m]
            args = [
                formulas.get(p) or self.expression(p) if isinstance(p, Var) else self.operand(eq, k)
                for k, p in enumerate(eq.operands)
            ]
            step = self.known(m)
            if step is not None and step.book.forward:
                formulas[m] = named(step.forward, {f"{X}{k}": a for k, a in enumerate(args)})
            else:
                formulas[m] = self._one_of_several(m, args) if eq.row.outputs else applied(eq, args)
                formulas[m] = number_before(formulas[m]) if self.board else formulas[m]
                is_sum = is_running and eq.algebra in ("sum", "difference")
                if is_sum and len(terms_of(formulas[m])) < sum(len(terms_of(a)) for a in args if not is_zero(a)):
                    formulas[m] = unsimplified(eq.row, args, eq.shape)
        e = replaced(formulas[n], _without_starts) if self.board else formulas[n]
        return e if self.names.get(n) == "mean" else self.with_sums(e)

    def with_sums(self, e: Expr) -> Expr:
        """A formula with a sum over n for each mean, if the program has a variable that is called mean and is none."""
        v = self.named.get("mean")
        if not self.board or "mean" not in self._taken or v in self.defined and self.defined[v].row is TABLE["mean"]:
            return e

        def step(part: Expr, args: tuple[Expr, ...]) -> Expr:
            if part.row is not TABLE["mean"]:
                return again(part, args)
            size = self.size_name(math.prod(args[0].shape) // max(math.prod(part.shape), 1), args[0].shape)
            return simplified("divide", (unsimplified("sum", args, part.shape, **part.params), size), part.shape)

        return formula.fold(e, step) if any(part.row is TABLE["mean"] for part in walk(e)) else e

    @cached_property
    def words(self) -> Set[str]:
        """The user's names in the formulas, which no index has; none if none of them could be one."""
        used = {w for n in self.landmarks if n in self.defined for w in self.definition(n).names}
        used -= {w for w in used & self.constants.values.keys() if counts(self.constants.values[w])}
        parts = (part for n in self.landmarks if n in self.defined for part in walk(self.definition(n)))
        labels = (i for part in parts if "index" in part.params for i in index_parts(part.params["index"]))
        used |= {i.word for i in labels if isinstance(i, Labels) and i.ndim and i.word in {*LETTERS}}  # of s[i]
        words = (self.named.keys() | used) - self.own
        is_entry = any(w.rstrip("0123456789") in words - {w} for w in words)  # x1 beside x
        words |= self.looped & {*LETTERS} & {stem(w) for w in words}  # k of kₜ
        return set() if words.isdisjoint({*LETTERS, "e"}) and not is_entry else words

    def _one_of_several(self, n: Var, args: list[Expr]) -> Expr:
        """One of several results of a call, as an index into what it is a part of, or into the call."""
        eq = self.defined[n]
        k = eq.outputs.index(n)
        if self.board and eq.row.part is not None:
            index = eq.row.part(k, **eq.params)
            return simplified("getitem", args[:1], n.shape, index=index, unique_indices=True)
        return unsimplified("getitem", (applied(eq, args),), n.shape, index=k)

    def _folded_definition(self, n: Var) -> Expr:
        """A folded call of its inputs: first what was computed or given, then the parameters."""
        parameters: dict[str, Expr] = {}
        others: dict[str, Expr] = {}
        for x in (x for m in self._steps_to(n, self.landmark_set) for x in self.defined[m].operands):
            if not isinstance(x, Var):
                e, kind = self.constant(x), others
            elif x in self.landmark_set:
                e, kind = self.expression(x), parameters if self.is_input(x) and x in self.active else others
            else:
                continue
            if e.role == "name":
                kind[e.value] = e
        return unsimplified(FoldedCall(self.folds[n].name), [*others.values(), *parameters.values()], n.shape)

    def folded_steps(self, n: Var) -> list[Var]:
        """The steps of the folded call that ends in `n`, latest first."""
        return self._steps_to(n, self.landmark_set)[::-1]

    def _steps_to(self, n: Var, outside: Container[Var]) -> list[Var]:
        """What is computed on the way from inputs and values in `outside` to `n`, which is the last."""
        steps, stack = {n}, [n]
        while stack:
            for p in self.arguments(stack.pop()):
                if p in self.defined and p not in outside and p not in steps:
                    steps.add(p)
                    stack.append(p)
        return sorted(steps, key=self.place.__getitem__)

    # ------------------------------------------------------------------------------------------------------ known steps

    @cached_method
    def known(self, n: Var) -> TextbookStep | None:
        """What the textbook of `n` says, if it is a known step; of a row in the symbols of an edge."""
        is_fold = n in self.folds
        if not self.board or not is_fold and (n in self.regions or n not in self.defined or n.dtype.kind == "c"):
            return None
        book = self._book(self.folds[n]) if is_fold else self._book_of(n)
        if book is None:
            return None
        if is_fold:
            meanings = {word: self._argument(n, x) for word, x in self.folds[n].inputs.items()}
            meanings["y"] = Written(self.expression(n), self.values[n])
        else:
            call = self.call(n)
            if any(np.asarray(x.value).dtype.kind == "c" for x in call.xs):
                return None
            meanings = {word: parameter(value) for word, value in self.defined[n].params.items()}
            meanings |= {f"x{k + 1}": x for k, x in enumerate(call.xs)}
            results = call.y if isinstance(call.y, tuple) else (call.y,)
            meanings |= {"x": call.xs[0], "y": results[0], **{f"y{k + 1}": y for k, y in enumerate(results)}}
        introduced = partial(self.introduced_name, eq=None if is_fold else self.defined[n])
        return TextbookStep(book, {**meanings, "g": cotangent_of(n)}, introduced)

    def _book_of(self, n: Var) -> Textbook | None:
        """The textbook of a result of a row."""
        eq = self.defined[n]
        book = eq.row.textbook(*eq.operands, **eq.params) if callable(eq.row.textbook) else eq.row.textbook
        return book[eq.outputs.index(n)] if isinstance(book, tuple) else book

    @cached_method
    def remarks(self, n: Var) -> list[str]:
        """What the textbook of `n` says beside its derivative: its note, and its convention at a kink."""
        step = self.known(n)
        if step is None:
            return []
        is_smooth = self._beside_clipped(n)[0] is not None
        is_at_kink = n in self.tied or n not in self.folds and not is_smooth and self.is_at_kink(n)
        kink = step.book.kink if is_at_kink else ""
        return [said for said in (step.book.note, kink, self._masked(n)) if said]

    def conventions(self, n: Var) -> list[str]:
        """What the textbook of `n` says beside its derivative whatever the numbers are: at a kink they may be later."""
        step = self.known(n)
        is_smooth = self._beside_clipped(n)[0] is not None and n not in self.tied
        return [said for said in (step.book.note, step.book.kink * (not is_smooth)) if said] if step else []

    def _masked(self, n: Var) -> str:
        """The entries of a softmax that are 0, because of a mask."""
        x = self.call(n).xs[0].value if n in self.defined and self.defined[n].algebra == "softmax" else np.zeros(1)
        if not np.isneginf(x).any():
            return ""
        [p], env = self.arguments(n), self.environment()
        letters, names = subscript(LETTERS[: x.ndim]), [self.word(p), *sorted(self.definition(p).names)]
        hidden = [(w, env[w] == (False if np.asarray(env[w]).dtype == bool else -np.inf)) for w in names]
        mask = [w for w, where in hidden if np.array_equal(where, np.isneginf(x))][-1]
        where = f"not {text_name(mask)}{letters}" if env[mask].dtype == bool else f"{text_name(mask)}{letters} = -∞"
        word = stem(self.names[n]) if self.is_looped(self.rounds.get(n, ())) else self.names[n]
        return f"{text_name(word)}{letters} = 0 where {where}"

    def is_at_kink(self, n: Var) -> bool:
        """Whether an argument of `n` is at a kink of its row."""
        return bool(np.any(self.defined[n].row.at_kink(*(x.value for x in self.call(n).xs))))

    def _argument(self, n: Var, x: Any) -> Written:
        """An argument of the folded call `n`: a variable, an array, or a keyword parameter."""
        x = self.current(x)
        if isinstance(x, Var):
            return Written(self.expression(x), self.values[x])
        return Written(self.constant(x, self.defined[n]), x) if isinstance(x, np.ndarray) else parameter(x)

    def introduced_name(self, word: str, value: Any, eq: Equation | None = None, is_one: bool = False) -> str:
        """The name of a quantity that a textbook introduces; from now on it is taken, but for the same one where a
        derivation has only one. A further result of the call `eq` that is a step has a name.
        """
        if is_one and word in self.introduced and np.array_equal(self.constants.values[word], value):
            return word
        if isinstance(value, int):
            return self.constants.size(value, self.code)
        results = eq.outputs if eq is not None and eq.row.outputs else ()
        for v in results:
            if v in self.names and np.array_equal(self.values[v], value):
                return self.names[v]
        of_user = word in {"I", "Y"} & {*self.constants.quoted, *self.constants.defined}
        if of_user and np.array_equal(value, self.constants.values[word]):
            return word
        word = self._taken.take(word)
        self.constants.values[word] = value
        self.introduced.add(word)
        return word

    def where(self, n: Var) -> list[tuple[str, Expr]]:
        """The quantities that the textbooks of the known steps in `n` introduce (numbers are given), and the other
        results of the same calls that their derivatives need.
        """
        inside = [] if n in self.folds or n not in self.defined else self._steps_to(n, self.names)
        return [*dict(pair for m in dict.fromkeys([*inside, n]) for pair in self._where(m)).items()]

    def _where(self, n: Var) -> Iterator[tuple[str, Expr]]:
        step, eq = self.known(n), self.defined.get(n)
        results = {self.names.get(v) for v in eq.outputs} if eq is not None else set()
        for word, e in step.where if step else ():
            if not e.is_number and word not in results:
                yield word, self._meant(n, e)
        if eq is None or not eq.row.outputs or n in self.regions:
            return
        used = frozenset().union(*(self.edge(n, i).formula.names for i, _ in self.active_arguments(n)))
        args = [self.expression(x) if isinstance(x, Var) else self.operand(eq, k) for k, x in enumerate(eq.operands)]
        for k, v in enumerate(eq.outputs):
            if v not in self.place and f"{Y}{k}" in used:
                yield self.word(v), self._one_of_several(v, args)

    def expanded(self, n: Var, e: Expr) -> Expr:
        """`e` with what its textbook introduces in terms of values, where that depends on any."""
        where, live = self.where(n), set(self.names.values())
        for word, stated in where:
            if not stated.names.isdisjoint(live):
                live.add(word)
        for word, stated in reversed(where):
            e = named(e, {word: stated}) if word in live else e
        return e

    def jacobian(self, n: Var) -> Expr | None:
        """The entries of the Jacobian of a known step along one axis, where they have a known form."""
        step, axis = self.known(n), self.defined[n].params.get("axis", -1) if n in self.defined else -1
        if n.ndim > 1 and (axis is None or np.size(axis) > 1):
            return None
        e = step.jacobian if step else None
        return e and self._meant(n, e)

    # ------------------------------------------------------------------------------------------------------ their rules

    @cached_method
    def edge(self, n: Var, i: int) -> Edge:
        """The derivative of `n` with respect to its argument `i`: as its textbook states it, or else its rule."""
        rule, shape = self.rule(n, i), self.defined[n].shape_of(i)
        if rule.is_simple and n.ndim > len(shape) and self._is_growing(n):  # a sum, as in the other rounds
            rule = replace(rule, axes=tuple(range(n.ndim - len(shape))))

        def pull(g: Any) -> Any:
            env = {**self.environment(), **self.call(n).values, G: g}
            return rule.pulled(g, evaluate(rule.formula, env), n.shape, shape)

        step = None if n in self.folds else self.known(n)
        if step is None:
            return rule
        argument = "x" if i == 0 and "x" in step.book.gradients else f"x{i + 1}"
        of, clipped = self._beside_clipped(n)
        is_step = not self.names.keys().isdisjoint(clipped)
        if of is not None and is_step and (tie := step.gradient([argument], None, 1)) is not None:
            self.tied.add(n)  # within the bounds both are equal, at other numbers too
            return parted(tie.formula, n.shape, shape)
        if of is not None:
            test = "less_equal" if self.defined[n].algebra == "smaller" else "greater_equal"
            wins = unsimplified(test, (name(f"{X}{of}", n.shape), name(f"{X}{1 - of}", n.shape)), n.shape)
            return Edge(Combine.ELEMENTWISE, wins if i == of else number(0), ())
        stated = self.stated(n, [argument], shape, pull)
        return self.sized(n, i, stated) if stated else rule

    def _beside_clipped(self, n: Var) -> tuple[int | None, Sequence[Var]]:
        """The operand that `r A` is of ``min(r A, clip(r, low, high) A)``, and the clip and its product with A: where
        the other is smaller it has no derivative with respect to r, and within the bounds, where both are equal, both
        halves are that of `r A`.
        """
        eq = self.defined[n]
        of = [self.defined[x] for x in eq.operands if isinstance(x, Var) and x in self.defined]
        if eq.algebra not in ("smaller", "larger") or [x.row for x in of] != 2 * [of[0].row if of else None]:
            return None, ()
        for k, (p, q) in enumerate((of, of[::-1])):
            pairs = [(a, b) for a, b in zip(p.operands, q.operands, strict=True) if a is not b]
            v = pairs[0][1] if len(pairs) == 1 else None
            clip = self.defined.get(v) if isinstance(v, Var) else None
            is_it = clip is not None and clip.algebra == "clipping" and clip.x is pairs[0][0]
            rest = [x for x in q.operands if isinstance(x, Var) and x is not v]
            if isinstance(v, Var) and is_it and self.active.isdisjoint(rest):
                return k, (v, q.y)
        return None, ()

    def stated(self, n: Var, arguments: Sequence[str], shape: Shape, pull: Pull) -> Edge | None:
        """What the textbook of `n` states as the derivative with respect to arguments, one value of this shape.

        None unless it gives the cotangent that `pull` gives: at a kink, or a tie, it may be another one.
        """
        step = self.known(n)
        g = np.cos(np.arange(1.0, np.prod(n.shape) + 1)).reshape(n.shape)
        if step is None:
            return None
        for form in self.FORMS:
            try:
                stated, value = step.gradient(arguments, None, form), step.gradient(arguments, g, form)
            except np.linalg.LinAlgError:  # there is no inverse
                return None
            if stated is None or value is None or stated.value is None:
                continue
            e = parted(stated.formula, n.shape, shape)
            with np.errstate(all="ignore"):
                expected = pull(g)
                cotangent = replace(e, combine=Combine.MAP).pulled(g, value.value, n.shape, shape)
                if np.allclose(cotangent, expected, rtol=1e-6, atol=1e-6 * largest(expected), equal_nan=True):
                    self.tied |= {n} if form else set()
                    return e
        return None

    def gradient_symbol(self, n: Var) -> str:
        """``dL/dn``."""
        return f"d{self.names[self.root]}/d{self.names[n]}"

    def upstream(self, n: Var) -> str:
        """The name of the gradient with respect to `n`, in the formula of a map."""
        return self.gradient_symbol(n) if self.board and n in self.names else self.cotangent

    def _meanings(self, n: Var, step: Var) -> dict[str, Expr]:
        """The formulas that the symbols of an edge of `n` stand for, inside of the landmark `step`."""
        eq = self.defined[n]
        meanings = {f"{X}{k}": self.expression(p) for k, p in enumerate(eq.operands) if isinstance(p, Var)}
        meanings[G] = name(self.upstream(step), n.shape)
        if self.is_single(n):
            return {**meanings, Y: self.expression(n)}
        return meanings | {f"{Y}{k}": name(self.word(v), v.shape) for k, v in enumerate(eq.outputs)}

    def _meant(self, n: Var, e: Expr) -> Expr:
        """`e` with names for the symbols of an edge of `n`; it is not simplified."""
        return named(e, self._meanings(n, n))


def _without_starts(e: Expr) -> Expr | None:
    """A product or a sum without the ones or zeros that it starts with, of ``np.ones_like(s) * x``, and of ``0 - x``.
    """
    if e.role == "difference" and e.of.is_number and not e.of.value and e.args[1].shape == e.shape:
        return product((number(-1), e.args[1]), e.shape)
    neutral = {"product": "ones_like", "sum": "zeros_like"}.get(e.role)
    rest = [x for x in e.args if x.head != neutral]
    if neutral is None or not 0 < len(rest) < len(e.args):
        return None
    others = [replaced(x, _without_starts) for x in rest]
    shape = np.broadcast_shapes(*(x.shape for x in others))
    return full(others[0] if len(others) == 1 else replace(e, args=tuple(others), shape=shape), e.shape)


def _are_places(parts: Sequence[Any]) -> bool:
    """Whether an index has a number or a label in it: ``W[t]``, ``B[:, y[0]]``."""
    are_places = [type(k) is int or isinstance(k, Labels) and bool(k.word) and not k.ndim for k in parts]
    return any(are_places) and (all(are_places) or int not in map(type, parts))


def _are_slices(parts: Sequence[Any]) -> bool:
    """Whether an index is of slices, perhaps with numbers: ``p[1:]``, ``P[:, 0]``."""
    are_plain = all(type(k) is int or type(k) is slice and k.step in (None, 1) for k in parts)
    return are_plain and slice in map(type, parts)
