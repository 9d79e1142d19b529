"""A program in symbols: a name for every value, each constant as the user wrote it, and the rule of each equation.

Two values that are computed in the same way are one: ``x - mu`` in a variance and in a quotient.
"""

from __future__ import annotations

import ast
import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property, partial, reduce
from itertools import count
from operator import getitem
from types import CodeType
from typing import Any

import numpy as np

from ..base.cached_method import cached_method
from ..engine.value import live_of
from ..program import Equation, Program, Var
from ..program.assignments import (
    assigned,
    bound,
    counted,
    counter,
    counts_up,
    innermost,
    is_of_pairs,
    is_passed_once,
    is_repeated,
    looped,
    names,
)
from ..program.graph import graph_of
from ..program.naming import (
    Names,
    called,
    expression,
    groups,
    is_in_loop,
    line,
    loop_of,
    operand,
    parameter,
    place,
    scopes_around,
    short_names,
    stem,
    turn_of,
)
from ..rules.indexing import Slot
from ..table import TABLE
from .axes import Axes
from .board_names import (
    count_back,
    count_from_start,
    leave_unnamed,
    letters_of,
    name_joined,
    name_unpacked,
    number_result,
    number_starts,
    rounds_of,
    rows_of_data,
    running_sums,
    with_starts,
    without_gaps,
    without_numbers,
)
from .chosen_sizes import ChosenSizes, lengths_in
from .constants import SIZES, Constants, counts, is_size
from .entries import is_new
from .entries_of_lists import with_arrays_of_lists
from .factors import WRITTEN_OUT, Edge
from .first_rounds import with_first_rounds
from .formula import Expr, Labels, constant, differ_in_ones, fold, index_parts, is_masked, name, named, number, walk
from .formula_ops import applied
from .idioms import recognised, with_turned
from .inner_loops import without_inner_loops
from .masks import with_masks
from .signs import with_factors_in_front
from .simplify import again, full, simplified
from .symbolic_rule import CallResult, edge
from .writing import ASCII, text_name, write

COMPARED = 64  # entries of constants that are one if they are equal, such as np.eye(4) in each round of a loop
LIMIT = 2_000  # operations; nobody reads a longer derivation
INDICES = "deijklmnot"  # letters that a value which has no name of its own does not get
FEW = 4  # entries of a constant array that is written out in a formula; a larger one is called c1, c2, …


class Notation:
    """A program in symbols.

    Parameters
    ----------
    program : Program
        Of one result.
    wrt : iterable of Var, optional
        What will be differentiated with respect to, by default everything.
    board : bool
        Whether it will be read: constants have the names and the form of the user's source. What will be run is made
        without.
    names : mapping of Var to str, optional
        By default the user's.
    variables : mapping of Node to Var, optional
        The variables of the recorded values that the program was made from.
    sizes : ChosenSizes, optional
        The sizes that values decide, of what will be run with others.
    """

    def __init__(
        self, program: Program, wrt: Iterable[Var] | None = None, *, board: bool = True,
        names: Mapping[Var, str] | None = None, variables: Mapping[Any, Var] | None = None,
        sizes: ChosenSizes | None = None,
    ) -> None:
        self.sizes = sizes
        self.board, wrt = board, None if wrt is None else list(wrt)
        self.variables = variables or {}  # of the recorded values that the program was made from, by node
        called, self.is_picture = program.named if names is None else names, names is not None
        is_read = board and not self.is_picture
        #: What has no name and is not differentiated, with its value: a constant.
        self.replaced = _replaced(program, called, board)
        program = program.substituted(self.replaced) if self.replaced else program
        names = {v: v.name for v in program.variables if v in program.named} if names is None else dict(names)
        if is_read:
            leave_unnamed(program, names, wrt or ())
        program, self._provenance = with_first_rounds(program, names) if board else (program, None)
        self.recorded = program  # which a page runs: a textbook's softmax is finite where that of the user overflows
        self.merged: dict[Var, Var] = {}  # what computes the same as an earlier value, with that
        self._computed_at = dict[Any, Any]()  # where the first of them is computed, by the place of the others
        self.repeated = set[Var]()  # what is computed several times: written again, or the same in all rounds of a loop
        self._inner = set[Any]()  # the places of inner loops that are operations on arrays
        if board:
            program = self._textbook(program, names, wrt, not self.is_picture)
        again: dict[Var, str] = {}  # the names of what a helper computes a second time, left3 beside an equal left2
        for v, first in self.merged.items():
            if v in names and names.setdefault(first, word := names.pop(v)) != word:
                again |= {v: word} if stem(word) == stem(names[first]) else {}
        if is_read:
            count_back(program, names)
        self.program = program = with_starts(program, names) if is_read else program
        self.defined = program.defined
        [self.root] = program.outputs
        #: The values that only the next sum of the same variable uses; they have no name.
        self.running = running_sums(program, names) if is_read else set[Var]()
        self.running -= set(map(self.canonical, wrt or ()))
        used = {*program.users, self.root}
        #: The values, oldest first; of several results those that are used.
        self.nodes = [v for v in program.variables if v in used or v not in self.defined]
        self.place = {v: k for k, v in enumerate(self.nodes)}
        self.graded = program.graded
        self.values = {v: np.asarray(x) for v, x in program.values.items()}
        # Values between the result and `wrt`: derivatives are taken with respect to these only.
        self.active = set(self.nodes) if wrt is None else program.depending(map(self.canonical, wrt))
        masks = {v.name: x for v, x in self.replaced.items() if v in called}
        inside = self.running | (rows_of_data(program, self.active, names) if is_read else set())
        inside |= self._laid_out(names) if is_read else set()
        shown = {v: word for v, word in names.items() if v in self.place}
        self._name(without_gaps(shown | again, inside | again.keys()), masks, board)
        self.constants.values |= lengths_in(sizes)
        if board:
            self.program = self.program.mapped(self.constants.labelled)
            self._read_positions()

    # ----------------------------------------------------------------------------------------------------- the program

    def _textbook(self, program: Program, names: dict[Var, str], wrt: list[Var] | None, is_read: bool) -> Program:
        """The program as a textbook has it: what is computed twice is written once, and idioms are one step each.

        The values that were left out, and the program that a page runs, become attributes.
        """
        if is_read:
            rounds = self._provenance.entries if self._provenance is not None else {}
            program = with_arrays_of_lists(program, names, rounds, _turns)
            known = self._provenance.known if self._provenance is not None else None
            given = None if known is None else (lambda word, code: known(word, code).x)
            program, self._inner = without_inner_loops(program, names, {*(wrt or ())}, given)
        program = with_masks(program, names).mapped(_with_exponent)
        kept = {*names, *program.outputs}
        same: dict[Var, Var] = {}
        program = program.mapped(lambda eq, _: _without_ones(eq) if eq.outputs[0] in kept else None)
        parts = _growing(program, self._inner if is_read else ())
        kept |= parts
        program = program.mapped(lambda eq, defined: _stacked(eq, defined, kept) or _unchanged(eq, kept, same))
        live = program.graded if wrt is None else program.depending(wrt)
        steps = _slices_in_steps(program)
        key = partial(_repeatable, live, Counter(), {}, steps)
        whole = program.defined
        program, self.merged = program.without_repetition(key, compared=COMPARED)
        again = [(whole[v], whole[first]) for v, first in self.merged.items() if v in whole]
        self._computed_at = {place(eq): place(first) for eq, first in again}
        in_loops = [(eq, of) for eq, of in again if eq.code is of.code and is_in_loop(eq) and eq.algebra != "index"]
        firsts = {place(eq): first for eq, first in in_loops}
        program = program.mapped(lambda eq, _: _at_first(eq, firsts.get(place(eq))))
        self.repeated = {*self.merged.values()}
        self.merged |= {v: self.merged.get(x, x) for v, x in same.items()}
        before = with_factors_in_front(program, {*kept, *program.outputs})
        program = recognised(before, {*map(self.canonical, (*(wrt or ()), *parts))}, is_read)
        defined = program.defined
        new = defined.keys() - before.defined.keys()  # of softmax(x)[k] the softmax, which is a step
        is_step = any(defined[v].row.kind not in ("elementwise", "linear") for v in new)
        self.recorded = program if is_step else with_turned(before, program)
        return program

    @cached_property
    def graph(self) -> dict[Var, Any]:
        """The program recorded as a graph, from which the engine's gradients are taken: a Tensor for each variable."""
        return graph_of(self.program)

    def _read_positions(self) -> None:
        """Lookups at values of the program as such at labels, without what only computed the positions."""
        self.defined = self.program.mapped(self._looked_up).defined
        read = {self.root, *self.names}
        for v in reversed(self.nodes):
            read.update(self.arguments(v) if v in read else ())
        self.nodes = [v for v in self.nodes if v in read]

    def _looked_up(self, eq: Equation, defined: Mapping[Var, Equation]) -> list[Equation] | None:
        """A lookup at positions that are a value of the program as one at labels with its name, ``P[i, yᵢ]``; and
        zeros, or what is added, at them.
        """
        if eq.algebra not in ("gather", "scatter", "zeros at"):
            return None
        positions = eq.operands[1]
        is_stack = isinstance(positions, Var) and positions in defined and defined[positions].algebra == "stack"
        several = defined[positions].operands if is_stack else positions
        index: list[tuple[Any, Any]] = []
        for part in eq.params["index"]:
            v = part if not isinstance(part, Slot) else positions if part.j is None else several[part.j]
            by = defined.get(v) if isinstance(v, Var) else None
            is_masked = by is not None and by.algebra == "positions" and self.names.keys().isdisjoint(by.outputs)
            v = by.x if by is not None and is_masked and by.x.dtype == bool else v
            if not any(v is before for before, _ in index):
                index.append((v, self._labels(v) if isinstance(v, Var) else v))
        places = tuple(part for _, part in index)
        params = {"index": places if len(places) > 1 else places[0]}
        if eq.algebra != "zeros at":
            row = TABLE["getitem" if eq.algebra == "gather" else "into_zeros"]
            kept = {k: v for k, v in eq.params.items() if k == "shape"}
            eq = replace(eq, row=row, operands=eq.operands[:1], params=params | kept | {"unique_indices": False})
        else:
            eq = replace(eq, row=TABLE["set_at"], operands=(eq.x, 0), params=params)
        return self.constants.labelled(eq, defined) or [eq]

    def _labels(self, v: Var) -> Any:
        """The values of a variable, with its name, or as the part ``y[:, 2]`` of one that has a name."""
        x, indices, of = np.asarray(self.values[v]), list[Any](), v
        while of not in self.names and of in self.defined and self.defined[of].algebra == "index":
            indices, of = [self.defined[of].params["index"], *indices], self.defined[of].x
        word = self.names.get(of, "")
        if word and indices and of.ndim == 1 and not x.ndim:
            word = f"{word}[{reduce(getitem, indices, np.arange(of.size))}]"
            self.constants.quoted[word] = [self.names[of]]
        elif word and len(indices) == 1:
            eq = self.defined[v]
            self.constants.quoted[written := write(applied(eq, [name(word, eq.shape_of(0))]), ASCII)] = [word]
            word = written
        elif not word and (read := self._read_at(of)) and not x.ndim:
            word = read
        elif not word or indices:
            return x if x.ndim else x.item()
        labels = x.view(Labels)
        labels.word = word
        return labels

    def _read_at(self, v: Var) -> str:
        """The entry of labels at a label that a value is, ``y[i2]``; or nothing."""
        eq = self.program.defined.get(v)
        [of, at, *others] = eq.operands if eq is not None and eq.algebra == "gather" else [None, None, None]
        label = self._labels(at) if isinstance(at, Var) and not others else None
        word = self.names.get(of, "") if isinstance(of, Var) and of.ndim == 1 and isinstance(label, Labels) else ""
        if not word or not isinstance(label, Labels):
            return ""
        self.constants.quoted[f"{word}[{label.word}]"] = [word, label.word]
        return f"{word}[{label.word}]"

    def _laid_out(self, names: Container[Var]) -> set[Var]:
        """What has the entries of a value with a name or of an input, with other axes of length 1: that value again."""
        again = set[Var]()
        for v in self.nodes:
            of = next(iter(self.arguments(v)), v)
            if v is not self.root and self.adds_axes(v) and (of in again or of in names or self.is_input(of)):
                again.add(v)
        return again

    def adds_axes(self, v: Var) -> bool:
        """Whether a value has the entries of another, in their order, with other axes of length 1."""
        eq = self.defined.get(v)
        if eq is None or not (eq.algebra == "reshape" or eq.algebra == "index" and is_new(eq.params["index"])):
            return False
        return differ_in_ones(eq.shape_of(0), v.shape) and bool(eq.shape_of(0))

    def canonical(self, v: Var) -> Var:
        """The first of the values that are computed in the same way."""
        return self.merged.get(v, v)

    def current(self, x: Any) -> Any:
        """An argument of a call, a variable or anything else, as it is in the equations."""
        return self.replaced.get(x, self.canonical(x)) if isinstance(x, Var) else x

    def is_input(self, v: Var) -> bool:
        """Whether a value is not computed in the program."""
        return v not in self.defined

    def arguments(self, n: Var) -> list[Var]:
        """The variables that a value is computed from, once for each use."""
        return [x for x in self.defined[n].operands if isinstance(x, Var)] if n in self.defined else []

    def is_single(self, n: Var) -> bool:
        """Whether a value is the one result of an equation."""
        return n in self.defined and not self.defined[n].row.outputs

    def group_path(self, n: Var) -> list[Any]:
        """The modules and composite calls in which `n` was computed, outermost first."""
        return groups(self.defined[n]) if n in self.defined else []

    def active_arguments(self, n: Var) -> list[tuple[int, Var]]:
        """The arguments with respect to which `n` is differentiated, as (position, variable)."""
        eq = self.defined.get(n)
        if eq is None or eq.row.kind == "constant" or n not in self.graded:
            return []
        return [
            (i, p) for i, p in enumerate(eq.operands)
            if isinstance(p, Var) and p in self.active and p in self.graded and eq.row.pulls[i] is not None
        ]  # fmt: skip

    @cached_method
    def call(self, n: Var) -> CallResult:
        """A computed value with its arguments, in symbols."""
        eq = self.defined[n]
        return CallResult(eq, n, self.values, partial(self.operand, eq))

    @cached_method
    def rule(self, n: Var, i: int) -> Edge:
        """The rule for argument `i` of `n`, in symbols."""
        return self.sized(n, i, edge(self.call(n), i))

    def sized(self, n: Var, i: int, e: Edge) -> Edge:
        """The rule of a reduction with a name for the number of its entries."""
        eq = self.defined[n]
        count = math.prod(eq.shape_of(i)) // max(n.size, 1)
        chosen = self.sizes.count(n, i) if self.sizes else None
        if eq.algebra != "reduction" or count < 2 or not self.board and chosen is None:
            return e

        def over(part: Expr, args: tuple[Expr, ...]) -> Expr:
            """Of a mean, its weights 1 / n."""
            if not part.is_number:
                return again(part, args)
            k = next((k for k in (1, 2) if part.value == k / count != 1), None)
            size = chosen or self._size_of(n, i, count) if k or part.value == count > 2 else part
            return size if k is None else simplified("divide", (number(k), size), ())

        return replace(e, formula=fold(e.formula, over))

    def _size_of(self, n: Var, i: int, count: int) -> Expr:
        """The name of the number of entries that a reduction is over: that of the round, n2, where they differ."""
        turns = self.rounds.get(n, [n])
        counts = [math.prod(self.defined[v].shape_of(i)) // max(v.size, 1) for v in turns]
        if len({*counts}) == 1:
            return self.size_name(count, self.defined[n].shape_of(i))
        if self._are_of_steps([(v, i) for v in turns], counts):  # p[:t]
            return number(count)
        if turns[0] not in self._letters and {*self.constants.sizes.values()} >= {*counts}:  # len(H) of each round
            return self.size_name(count, self.defined[n].shape_of(i))
        if turns[0] not in self._letters:
            free = (letter for letter in SIZES if all(f"{letter}{k}" not in self._taken for k in ("", *range(9))))
            self._letters[turns[0]] = letter = next(free, "size_")
            sizes = {f"{letter}{self.turn(v)}": k for v, k in zip(turns, counts, strict=True)}
            self.constants.sizes |= sizes
            self.constants.use(sizes, sizes)
        return name(f"{self._letters[turns[0]]}{self.turn(n)}")

    def _are_of_steps(self, read: Sequence[tuple[Var, int]], counts: Sequence[int]) -> bool:
        """Whether sizes are those of slices that begin or end at the number of the step: t, or n - t."""
        slices = [self.defined.get(self.defined[v].operands[i]) for v, i in read]
        indices = [eq.params["index"] if eq is not None and eq.algebra == "index" else None for eq in slices]
        if not all(isinstance(part, slice) for index in indices for part in index_parts(index)):
            return False
        turns = [self.turn(v) for v, _ in read]
        return any(len({k + sign * t for t, k in zip(turns, counts, strict=True)}) == 1 for sign in (1, -1))

    @property
    def own(self) -> set[str]:
        """Names that are not the user's: of temporaries, and sizes."""
        return self._lettered | self.constants.sizes.keys()

    def size_name(self, count: int, shape: Sequence[int] = ()) -> Expr:
        """The name of a number of entries, all those of an array of this shape."""
        return name(self.constants.size(count, self.code, shape=shape))

    # ------------------------------------------------------------------------------------------------------ names

    def _name(self, names: dict[Var, str], masks: Mapping[str, Any], rename: bool) -> None:
        self.names = names
        self.introduced: set[str] = set()  # names that only a textbook has
        self._lettered: set[str] = set()  # letters, also with the number of a step
        #: The user's names of Greek letters that mean something else here, as they are written instead: σ of σ(x).
        self.latin: dict[str, str] = {}
        self._letters: dict[Var, str] = {}  # of sizes that differ in the rounds of a loop, by the first of their values
        self.numbered: set[str] = set()  # constants without a name: c1, c2, …, and quoted expressions
        self._environment: tuple[tuple[int, ...], dict[str, Any]] = ((), {})
        self._taken = taken = Names(names.values())
        self._numbers = count(1)
        codes = {eq.code for eq in self.program.equations} - {None}
        if rename:
            name_unpacked(self.program, names, taken)
            number_result(self.program, names, taken)
            name_joined(self.program, names, taken)
            count_from_start(self.program, names, taken)
        numbered = taken - {word for code in codes for word in (*code.co_varnames, *code.co_names, *code.co_cellvars)}
        variables = {word for code in codes for word in (*code.co_varnames, *code.co_names)}
        own = {v for v, t in self.program.captured.items() if t.name}
        changing = {
            word.rstrip("_"): f"{word}{k - 1}" for k in (2, 1) for word in sorted({w[:-1] for w in numbered})
            if {f"{word}{k}", f"{word}{k + 1}"} <= numbered
        }  # fmt: skip
        if rename:
            self._name_starts(names, changing)
            number_starts(self.program, names, taken)
            own |= {*self.program.inputs}  # one of a list, obs1
            without_numbers(names, taken, numbered, variables - {*self.program.constants, *masks}, own)
        self.code = next((eq.code for eq in self.program.equations[::-1] if eq.code is not None), None)
        computed = {word: self.values[v] for v, word in names.items()}
        around = scopes_around(self.program) if self.board else ()
        self.constants = Constants(taken, changing, around, computed)  # that are not Tensors
        self.constants.variables = {word: v for v, word in names.items()}
        self.constants.inputs = {word for v, word in names.items() if v not in self.defined}
        self.constants.axes = Axes(self.program.equations) if self.board else None
        self._add_constants({**self.program.constants, **masks})
        if self.root not in names:
            free = (w for w in ("L", "loss", "result") if w not in taken and not any(_is_number(c, w) for c in codes))
            names[self.root] = next(free, "output")
            taken.add(names[self.root])
        candidates = ("g", "dy", "cotangent", *(f"g{k}" for k in range(1, 99)))
        self.cotangent = next(w for w in candidates if w not in taken)
        self.constants.inner = self._inner
        self.constants.find_varying(self.program.equations, self.names, self._provenance)
        every = [(eq, k) for eq in self.program.equations for k, x in enumerate(eq.operands) if not isinstance(x, Var)]
        written = [self._operand(eq, k) for eq, k in every]  # large constants are numbered as they are used
        self._keep_letters_apart(names, written)

    def _name_starts(self, names: dict[Var, str], changing: Mapping[str, str]) -> None:
        """Call an input h0 that a variable h is before h1 and h2."""
        for v, word in names.items():
            start = changing.get(word, "")
            if v not in self.defined and start in (f"{word}0", f"{word}_0") and start not in self._taken:
                names[v] = start
                self._taken.add(start)

    def _keep_letters_apart(self, names: dict[Var, str], written: Sequence[Expr]) -> None:
        """Find the names of Greek letters that the derivation needs otherwise."""
        words, values = [*names.values(), *self.constants.values], self.constants.values
        greek = {word: text_name(word)[:1] for word in words if text_name(word)[:1] not in word} if self.board else {}
        letters = letters_of(self.program.equations, written, names) if greek else ""
        stems = {stem(word) for word in words}
        rows = {f"{word[:-1]}i" for word in stems if word.endswith("j")}  # xi beside xj, yi or X is no ξ
        rows |= {"xi"} if stems & {"x", "X", "xs"} else set()
        rows |= {"xi", "pi"} if any(len(word) == 2 and word[1] == "i" for word in stems - {"xi", "pi"}) else set()
        self.latin = {word: f"_{word}" for word, letter in greek.items() if letter in letters or stem(word) in rows}
        names |= {v: self.latin[word] for v, word in names.items() if word in self.latin}
        values |= {self.latin[word]: values[word] for word in values.keys() & self.latin.keys()}

    def _add_constants(self, constants: Mapping[str, Any]) -> None:
        """Add the named constants whose names no value has: the arrays, and where it will be read the numbers too."""
        for word, x in constants.items():
            is_turn = self.code is not None and bool(looped(self.code, ast.Name(word)))  # xs[2] after a loop
            if word not in self._taken and (isinstance(x, np.ndarray) or self.board) and not is_turn:
                self.constants.add(x, word)
                self.constants.find_indicator(word, x, self.code)

    def name_the_rest(self, nodes: Iterable[Var]) -> None:
        """Give those of `nodes` that have no name the next free letters."""
        codes = {eq.code for eq in self.program.equations if self.board} - {None}
        # A letter has one meaning on a board, where f_ is written as f.
        other = {word for code in codes for word in code.co_varnames}
        other |= {word.rstrip("_") for code in codes for word in (*code.co_varnames, *code.co_names) if word[-1] == "_"}
        words = [*self.names.values(), *self.constants.values, self.cotangent, "d", "l", "o", "r", "np", *other]
        words += [word.partition("_")[0] for word in words if "_" in word[1:]]  # no c beside c_in
        words += [word.lower() for word in words if len(word) == 1]  # no a beside A
        turns = self.rounds
        several = turns if any(map(self.is_looped, turns.values())) else {}
        self.looped = {stem(word) for v, word in self.names.items() if v in several}  # the variables of a loop
        states = {stem(word) for v, word in self.names.items() if v in several and stem(word) != word}
        words += [word.lower() for word in states if len(word) == 1]  # no c beside C1, C2
        self.fresh, letters = short_names([*words, "t"] if turns else words), dict[Var, str]()
        counted = {v for v in turns if v in several or sum(u not in self.names for u in turns[v]) > 1}
        nodes = [*nodes]
        if self.board and not self.is_picture:
            self._name_parameters([n for n in nodes if n not in self.names and n not in turns and n in self.defined])
        for n in nodes:
            if n not in self.names and (word := self._entry(n)):
                self.names[n] = word
                self._lettered.add(word)
            if n in counted and n not in self.names:
                letters.setdefault(turns[n][0], "") or letters.update({turns[n][0]: self._letter(n)})
                word = f"{letters[turns[n][0]]}{self.turn(n)}"
                self.names |= {} if word in self._taken or word in self._lettered else {n: word}
                self._lettered.add(word)
            word = self.word(n)
            self.looped |= {stem(word)} if n in several else set()

    def _name_parameters(self, nodes: Sequence[Var]) -> None:
        """Give values the names of the parameters for which they are passed, or of each its number: z1, z2."""
        words = {n: self._parameter(n) for n in nodes}
        often, numbers = Counter(words.values()), dict[str, int]()
        for n, word in words.items():
            if word:
                k = numbers[word] = numbers.get(word, 0) + 1
                self.names[n] = f"{word}{k}" if often[word] > 1 else word
                self._lettered.add(self.names[n])
                self._taken.add(self.names[n])

    def _parameter(self, n: Var) -> str:
        """The parameter for which a value is passed, if no other value is called so; or nothing."""
        word = parameter(self.defined[n]) if n in self.defined and self.board and not self.is_picture else ""
        code = self.defined[n].code if word else None
        is_callers = code is not None and (word in code.co_varnames or bound(code, word) is not None)
        if word in INDICES or is_callers:  # or there is none; σ(x) in a loop over x
            return ""
        taken = {stem(word) for word in (*self._taken, *self._lettered)}
        return "" if stem(word) in taken else word

    def _letter(self, n: Var) -> str:
        """The letter of a value in the rounds of a loop, or the parameter for which it is passed in each."""
        words = {parameter(self.defined[u]) for u in self.rounds[n] if u in self.defined and u not in self.names}
        return (self._parameter(n) if len(words) == 1 else "") or next(self.fresh)

    def turn(self, n: Var) -> int:
        """The number of the round that computes a value; in a loop that is back to front, that of what it leads to."""
        turns = self.rounds[n]
        each = ((names, stem(names.get(turns[0], ""))) for names in (self.names, self._led))
        numbered = [(v, len(turns) - k) for k, v in enumerate(turns)]
        is_back = any(all(names.get(v) == f"{word}{k}" for v, k in numbered) for names, word in each)
        return len(turns) - turns.index(n) if is_back else turns.index(n) + 1

    def _entry(self, v: Var) -> str:
        """A name for an entry of a small vector: w1 for ``w[0]``, or for the entry that the first round of a loop reads
        which goes through it back to front; or nothing.
        """
        of = _vector_of(eq) if (eq := self.defined.get(v)) is not None else None
        array = self.names.get(of, "") if of is not None else ""
        if eq is None or array[-1:].isdigit() or array in self._lettered | {""}:
            return ""
        turns = [u for u in self.rounds.get(v, ()) if _vector_of(self.defined[u]) is of]
        places = [self.defined[u].params["index"] for u in turns]
        is_back = len(turns) > 1 and places == [places[0] - k for k in range(len(places))]
        word = f"{array}{1 + (turns.index(v) if is_back else eq.params['index'])}"
        return "" if word in self._taken | self._lettered else word

    @cached_property
    def rounds(self) -> dict[Var, list[Var]]:
        """The values that were computed at one place in a loop, one in each step, by each of them."""
        places: dict[Any, list[Var]] = {}
        often, reached = Counter[Any](), Counter[Any]()  # in one call, such as of np.array for each row
        for eq in self.program.equations if self.board else ():
            within = eq.row.name, often[eq.group, eq.row.name]
            often[eq.group, eq.row.name] += bool(called(eq))
            several = rounds_of(eq)
            for k, v in enumerate(eq.outputs if eq.code is not None else ()):
                at = (place(eq), *(g.name for g in groups(eq)[-1:]), *within, k)
                places.setdefault((*at, reached[at] % several), []).append(v)
                reached[at] += 1
        for at, steps in [*places.items()]:  # the last round may need only the second of two equal inverses
            first = places.get((self._computed_at.get(at[0]), *at[1:]))
            if first is not None and self.place.get(first[-1], 0) < self.place.get(steps[0], -1):
                first += places.pop(at)
        apart = self._by_calls([part for steps in places.values() for part in self._apart(steps)])
        return {v: steps for steps in apart if len(steps) > 1 for v in steps}

    def _by_calls(self, every: Sequence[list[Var]]) -> list[list[Var]]:
        """The values in the rounds of a loop, with those of a function that each round calls several times by calls."""
        of = {id(steps): self.defined[steps[0]] for steps in every if steps[0] in self.defined}
        looped = [steps for steps in every if id(steps) in of and loop_of(of[id(steps)]) is not None]
        most = max(map(len, looped), default=0)
        ends = [[self.place.get(v, 0) for v in steps] for steps in looped if len(steps) == most > 1]
        apart = list[list[Var]]()
        for steps in every:
            calls, rest = divmod(len(steps), most) if ends else (1, 0)
            is_called = calls > 1 and not rest and id(steps) in of and loop_of(of[id(steps)]) is None
            rounds = ([bisect_left(at, self.place.get(v, 0)) for v in steps] for at in ends if is_called)
            is_of_calls = any(at == [at[0] + k // calls for k in range(len(steps))] for at in rounds)
            apart += [steps[k::calls] for k in range(calls)] if is_of_calls else [steps]
        return apart

    @cached_property
    def counter(self) -> tuple[str, range, set[int]] | None:
        """The variable that the first of the loops counts by one, up or down, a single letter; its first two numbers,
        which are those of all; and the numbers of rounds. No variable for loops over data, None for others.
        """
        found = dict[tuple[str, Sequence[int]], int]()  # with how often their rounds compute something
        for n in {of[0]: None for of in self.rounds.values() if self.is_looped(of) and of[0] in self.defined}:
            e, code, turns = line(self.defined[n]), self.defined[n].code, len(self.rounds[n])
            of = None
            if e is not None and code is not None:  # of an inner loop that is operations on arrays the outer one
                of = counter(code, e, innermost(code, e)[1] if place(self.defined[n]) in self._inner else None)
            if of is not None or e is not None and code is not None and is_repeated(code, e):
                key = (of[0], self.constants.steps(of[1], code, turns)) if of else ("", ())
                found[key] = max(turns, found.get(key, 0))
        word, steps = next(iter(found), ("", ()))
        if [*found] == [("", ())]:  # for x, y in zip(xs, ys)
            return "", range(2), {*found.values()}
        is_one = bool(word) and all(
            len(w) == 1 and w.isalpha() and len(of) == turns > 1 and [*of[:2]] == [*steps[:2]] and min(of) >= 0
            for (w, of), turns in found.items()
        )
        by = steps[1] - steps[0] if is_one else 0
        return (word, range(steps[0], steps[0] + 2 * by, by), {*found.values()}) if abs(by) == 1 else None

    def is_looped(self, values: Sequence[Var]) -> bool:
        """Whether values that were computed at one place are those of a loop."""
        return len(values) > 2 or all(v in self.defined and turn_of(self.defined[v]) is not None for v in values)

    @cached_property
    def _led(self) -> dict[Var, str]:
        """For each value what it is computed for: the first that has a name among those computed of it."""
        leads_to: dict[Var, str] = {}
        for eq in reversed(self.program.equations):
            words = [self.names.get(v) or leads_to.get(v, "") for v in eq.outputs]
            leads_to |= dict.fromkeys(eq.reads, next(filter(None, words), ""))
        return leads_to

    def _apart(self, steps: list[Var]) -> Iterable[list[Var]]:
        """The values of one place, apart for each variable that they lead to: of a function that is called twice; of
        one that is called for three variables, each alone.
        """
        families: dict[str, list[Var]] = {}
        for v in steps:
            families.setdefault(stem(self._led.get(v, "")), []).append(v)
        if len(steps) > 2 and not any(v in self.defined and is_in_loop(self.defined[v]) for v in steps):
            named = self.named
            leads = [self._led.get(v, "") for v in steps]
            further = [self._led.get(named[w], "") if w in named else "" for w in leads]
            ends = [[*map(stem, words)] for words in (leads, further if len(families) == 1 else [])]
            if any(len({*words}) == len(steps) and all(words) for words in ends):
                return [[v] for v in steps]
        are_several = min(map(len, families.values())) > 1
        return families.values() if "" not in families and are_several else [steps]

    def word(self, n: Var) -> str:
        """The name of a value; one that has none gets the next free letter."""
        if n not in self.names:
            self.names[n] = next(word for word in self.fresh if word not in self._lettered)
            self._lettered.add(self.names[n])
            self._taken.add(self.names[n])  # no number of entries is called so
        return self.names[n]

    def operand(self, eq: Equation, k: int) -> Expr:
        """Operand `k` of an equation, a constant: as the user wrote it, or as :meth:`constant` has it."""
        return self._unambiguous(self._operand(eq, k))

    def _unambiguous(self, e: Expr) -> Expr:
        """`e` with the names that the derivation has for those of the user."""
        shapes = {part.value: part.shape for part in walk(e) if part.role == "name" and part.value in self.latin}
        return named(e, {word: name(self.latin[word], shape) for word, shape in shapes.items()}) if shapes else e

    @cached_method
    def _operand(self, eq: Equation, k: int) -> Expr:
        x = eq.operands[k]
        if eq.y in self.running and not np.any(x):
            return full(number(0), np.shape(x))  # L = 0, to which terms are added
        is_joined = self.board and eq.algebra in ("stack", "concatenation") and np.size(x) > 1
        is_made = is_joined and not isinstance(operand(eq, k), ast.Name)
        if is_made and (np.all(np.equal(x, 1)) or not np.any(x)):
            return full(number(int(np.ravel(x)[0])), np.shape(x))  # [1, x], [0, x]
        if self.board and (written := self.constants.in_round(eq, k, x)) is not None:
            return written
        constants = self.constants
        following = eq.operands[1] if self.board and eq.algebra == "stack" and k == 0 < len(eq.operands) - 1 else None
        start = f"{stem(self.names.get(following, ''))}0" if isinstance(following, Var) else ""
        if start in constants.values and np.array_equal(constants.values[start], x):  # [h0, h1, h2]
            return name(start, np.shape(x))
        e = operand(eq, k) if self.board and eq.algebra in ("sum", "difference") else None
        if isinstance(e, ast.Subscript) and np.ndim(x) and not np.any(x) and x.base is None:
            return full(number(0), np.shape(x))  # what a list of arrays begins with, messages[j]
        written = self._in_line(eq, k, x) if self.board else constants.known(x) or constants.computed_in(eq, k, x)
        self.numbered |= self.constants.quoted.keys()
        if self.board and written is None and eq.algebra in ("sum", "difference") and not np.any(x):
            return full(number(0), np.shape(x))
        return written if written and not self._is_of_later(eq, written) else self._constant(x)

    def _in_line(self, eq: Equation, k: int, x: Any) -> Expr | None:
        """Operand `k` of an equation, a constant `x`, as the lines of the program have it; None where none does."""
        known = self.constants.begun(eq, k, x) or self.constants.known(x) or self.constants.before(eq, k, x)
        if known and not self.constants.is_of_round(eq, k, x, known):
            return known
        written = self.constants.written(eq, k, x)
        return self.constants.row(x) if written is None and eq.algebra == "concatenation" else written

    def _is_of_later(self, eq: Equation, e: Expr) -> bool:
        """Whether a formula has a value that is computed after an equation, and equals a constant only here: y2 of
        y2 = 0 before a loop.
        """
        live, at = e.names - self.constants.values.keys(), self.place.get(eq.y, np.inf)
        return bool(live) and any(w in live and self.place.get(v, -1) >= at for v, w in self.names.items())

    def constant(self, x: Any, eq: Equation | None = None) -> Expr:
        """A value that was not recorded, in the line of `eq`: its name, a number, or a small array."""
        return self._unambiguous(self._constant(x, eq))

    def _constant(self, x: Any, eq: Equation | None = None) -> Expr:
        formula = self.constants.known(x) or (eq and self.board and self.constants.in_line(eq, x)) or None
        if formula is not None or not self.board or np.size(x) <= FEW:
            return formula or constant(x)
        first = np.ravel(x)[0]
        if np.asarray(x).dtype.kind == "f" and np.all(x == first):  # np.ones(n)
            return full(number(first.item()), np.shape(x))
        if np.asarray(x).dtype == bool and (test := _test_of_places(x)):  # of ~np.eye(n, dtype=bool)
            places = {f"np.arange({len(x)}){at}": np.arange(len(x)).reshape(shape)
                      for at, shape in (("[:, None]", (-1, 1)), ("", -1))}  # fmt: skip
            for word, k in places.items():
                self.constants.add(k, word)
                self.constants.quoted[word] = ()
                self.numbered.add(word)
            sides = [name(word, k.shape) for word, k in places.items()]
            return simplified(test, sides, np.shape(x))
        letter = next((c for c in "ckqz" if c not in self._taken), "c")  # no c1 beside a c
        free = (word for k in self._numbers if (word := f"{letter}{k}") not in self._taken)
        word = f"np.arange({np.size(x)})" if counts(x) else next(free)
        self.constants.add(np.asarray(x), word)
        self.constants.quoted |= {word: ()} if counts(x) else {}
        self.numbered.add(word)
        return name(word, np.shape(x))

    @property
    def named(self) -> dict[str, Var]:
        """The values of the program by their names."""
        return {word: v for v, word in self.names.items()}

    def is_anonymous(self, word: str) -> bool:
        """Whether a name is that of a constant in which no array of the user's occurs: c1, or np.eye(3)."""
        return word in self.numbered and list(self.constants.quoted.get(word, ())) in ([], [word])

    def is_made(self, word: str) -> bool:
        """Whether a name is that of a constant which a traced function made itself, unlike its arguments."""
        program = self.program
        return bool(program.inputs) and word not in program.outside and word not in self.named

    @property
    def arrays(self) -> list[tuple[Any, str]]:
        """The named constants that are arrays, with their names."""
        values = self.constants.values.items()
        hidden = self.introduced | self.latin.keys()
        return [(x, word) for word, x in values if isinstance(x, np.ndarray) and word not in hidden]

    def environment(self) -> dict[str, Any]:
        """Every name with its value."""
        stamp = (len(self._taken), len(self.names))  # these only grow
        if self._environment[0] != stamp:
            values = {word: self.values[n] for n, word in self.names.items()}
            self._environment = stamp, {**self.constants.values, **values}
        return self._environment[1]


def _replaced(program: Program, named: Container[Var], board: bool) -> dict[Var, Any]:
    """The captured values that become constants: all without a gradient and a name; where it will be read, any mask."""
    return {
        v: t._data for v, t in program.captured.items()
        if not live_of(t) and (v not in named or board and v.dtype == bool)
    }  # fmt: skip


def _slices_in_steps(program: Program) -> set[Any]:
    """The slices, each as the array and the index, that are steps: they are factors of products of matrices, or are
    read by one function alone, ``exp(V[:, :2])`` above and below, or by one difference, ``x[1:] - x[:-1]``.
    """
    readers: dict[Any, list[Equation]] = {}
    slices: dict[Any, Any] = {}
    for eq in program.equations:
        if eq.algebra == "index" and isinstance(eq.x, Var):
            key = slices[eq.y] = (*eq.operands, repr(eq.params["index"]))
            readers.setdefault(key, []).extend(program.users.get(eq.y, ()))
    is_factor = {key: any(u.row.kind == "bilinear" for u in users) for key, users in readers.items()}
    return {
        key for key, users in readers.items() if is_factor[key] or _is_one_call(users) or _is_one_pair(users, slices)
    }


def _is_one_pair(users: Sequence[Equation], slices: Mapping[Any, Any]) -> bool:
    """Return True if several equations are one difference of two slices."""
    are_numbers = any(u.algebra != "difference" or not all(isinstance(x, Var) for x in u.operands) for u in users)
    pairs = {tuple(slices.get(x) for x in u.operands) for u in users} if not are_numbers else set()
    return len(pairs) == 1 < len(users) and None not in next(iter(pairs))


def _is_one_call(users: Sequence[Equation]) -> bool:
    """Return True if several equations are calls of one function of one array."""
    calls = {(u.row.name, u.row.kind, u.algebra, len(u.operands)) for u in users}
    (_, kind, algebra, arity), *others = calls or {("", "", "", 0)}
    is_call = kind == "elementwise" and arity == 1 and algebra not in ("negation", "square")
    return is_call and len(users) > 1 and not others


def _repeatable(
    live: Container[Var], rounds: Counter[Any], seen: dict[Any, Any], steps: Container[Any], eq: Equation
) -> Any:
    """A key that two equations share if they may be one; data that are read twice, and slices that are no `steps`, stay
    in formulas.

    Labels that are written otherwise, or that a loop has in another round, are different although they are equal; so is
    another value of a variable, a number that is a variable or a size in one of them (``2 * x``, ``d * x`` and
    ``x.shape[1] * x``), and what the end of a round computes, as the next one does.
    """
    is_read = eq.algebra in ("index", "gather") and isinstance(of := eq.x, Var) and of in live
    is_slice = is_read and all(part is None or isinstance(part, slice) for part in index_parts(eq.params["index"]))
    is_read &= not is_slice or (*eq.operands, repr(eq.params["index"])) in steps
    is_sum = eq.algebra == "total"  # of a helper that is called twice, but not one that is written twice
    is_function = eq.row.kind in ("elementwise", "bilinear") or eq.algebra in _ONCE or is_sum
    if not is_function and not is_read:
        return None
    e, at = expression(eq) if is_read else None, place(eq)
    rounds[at] += 1
    before = seen.setdefault((eq.row, *map(id, eq.operands)), (at, eq.operands))[0]
    is_next = before[0] is at[0] is not None and before[1] > at[1] and is_in_loop(eq)
    index = e.slice if isinstance(e, ast.Subscript) else None
    turns = _turns(eq.code, index)
    if _vector_of(eq) is not None and (e is None or all(looped(eq.code, part) is None for part in turns)):
        return 0, before[0] is not at[0]  # of a state: a helper has a name for it
    varies = bool(turns)
    given = [k for k, x in enumerate(eq.operands) if not isinstance(x, Var)]
    varies |= any(_changes(eq, k) for k in given)
    words = [_variable_in(operand(eq, k)) for k in given]
    written = ast.unparse(index) if index else ""
    return _step_of(eq.group), written, is_sum and at, *words, varies and rounds[at], is_next and rounds[at]


def _variable_in(e: ast.expr | None) -> str:
    """The name of the variable that an operand is, or the size as it is written; or nothing."""
    return ast.unparse(e) if isinstance(e, ast.Name) or e is not None and is_size(e) else ""


def _step_of(call: Any) -> Any:
    """The innermost call around an operation that is a step, as one of np.cross is not."""
    while call is not None and call.module is None and not call.inputs:
        call = call.outer
    return call


def _turns(code: Any, index: ast.expr | None) -> list[ast.Name]:
    """The variables in an index that another round of a loop may have with another value; W[k] is the same in all."""
    read = (part for part in ast.walk(index) if isinstance(part, ast.Name)) if index is not None else ()
    return [
        part for part in read
        if not is_passed_once(code, part) and (not counts_up(code, part) or is_of_pairs(code, part))
    ]  # fmt: skip


def _vector_of(eq: Equation) -> Var | None:
    """The small vector that an equation reads one entry of, by its place and not at a label."""
    x, k = eq.x, eq.params.get("index")
    if not isinstance(x, Var) or eq.algebra != "index" or x.ndim != 1 or x.size > WRITTEN_OUT:
        return None
    at, code = getattr(expression(eq), "slice", None), eq.code
    is_label = isinstance(at, ast.Subscript) or code is not None and isinstance(at, ast.Name) and bool(looped(code, at))
    return x if type(k) is int and k >= 0 and not is_label else None


def _changes(eq: Equation, k: int) -> bool:
    """Whether an operand is a variable that is assigned more than once, has an entry ``x[t]`` in it, or a variable of a
    loop over numbers.
    """
    e, code = operand(eq, k), eq.code
    parts = [*ast.walk(e)] if e is not None and code is not None else []
    indices = [part.slice for part in parts if isinstance(part, ast.Subscript)]
    if any(isinstance(part, ast.Name) for index in indices for part in ast.walk(index)):
        return True
    if any(counted(code, part) is not None for part in parts if isinstance(part, ast.Name)):
        return True
    return isinstance(e, ast.Name) and code is not None and len(assigned(code, e.id) or ()) > 1


def _with_exponent(eq: Equation, _: Any) -> list[Equation] | None:
    """The square or the root that ``x ** gamma`` is, as a power with this exponent."""
    power = _POWERS.get(eq.algebra or "")
    match expression(eq) if power else None:
        case ast.BinOp(_, ast.Pow(), exponent) if names(exponent) and (power != 1 or isinstance(exponent, ast.Name)):
            return [replace(eq, row=TABLE["power"], operands=(*eq.operands, power))]
    return None


def _is_number(code: CodeType, word: str) -> bool:
    """Return True if a variable of some code is a number that is written there: a length ``L = 2.0``."""
    return any(isinstance(e, ast.Constant) for e in assigned(code, word) or ())


def _test_of_places(x: Any) -> str:
    """The comparison of a row and a column that a matrix is, "not_equal" for i ≠ j; nothing for any other."""
    k = np.arange(len(x))
    tests = ("equal", "not_equal", "less", "less_equal", "greater", "greater_equal")
    return next((test for test in tests if np.array_equal(x, TABLE[test].fn(k[:, None], k))), "")


def _without_ones(eq: Equation) -> list[Equation] | None:
    """An operand that is multiplied by ``np.ones(n)``, repeated so often."""
    for k, x in enumerate(eq.operands if eq.algebra == "product" and len(eq.reads) == 1 else ()):
        is_one = not isinstance(x, Var) and np.ndim(x) > 0 and np.all(np.asarray(x) == 1)
        match operand(eq, k) if is_one else None:
            case ast.Call(func=ast.Attribute(attr="ones" | "full") | ast.Name(id="ones" | "full")):
                params = {"shape": eq.y.shape}
                return [replace(eq, row=TABLE["broadcast_to"], operands=tuple(eq.reads), params=params)]
    return None


_ONCE = ("inverse", "solution", "transpose", "concatenation", "rotation")  # which are one value if computed twice
_POWERS = {"identity": 1, "square": 2, "root": 0.5, "reciprocal": -1}


def _growing(program: Program, inner: Container[Any]) -> set[Var]:
    """The slices that the rounds of a loop read at one place, ``x[i:]``, of which one may be the whole array; also
    those that stand for `inner` loops.
    """
    slices = [eq for eq in program.equations if eq.algebra == "index" and eq.code is not None]
    slices = [eq for eq in slices if is_in_loop(eq) or place(eq) in inner]
    slices = [eq for eq in slices if any(isinstance(part, slice) for part in index_parts(eq.params["index"]))]
    parts = {place(eq) for eq in slices if eq.shape != eq.x.shape}
    return {eq.y for eq in slices if place(eq) in parts}


def _unchanged(eq: Equation, kept: Container[Var], same: dict[Var, Var]) -> dict[Var, Var] | None:
    """The result of an equation that only returns its operand, with that; `same` has them all."""
    if eq.row.kind != "linear" or len(eq.operands) > 1 or eq.y in kept:
        return None
    [x], v = eq.operands, eq.y
    is_other = (x.shape, x.dtype) != (v.shape, v.dtype) if isinstance(x, Var) else True
    if is_other or is_masked(eq.params.get("index")):
        return None
    if applied(eq, [name("x", x.shape)]).role != "name":
        return None
    same[v] = x
    return {v: x}


def _at_first(eq: Equation, first: Equation | None) -> list[Equation] | None:
    """An equation of a last round where `first` computes the same in the others, which is not used in that one."""
    return None if first is None else [replace(eq, origin=eq.origin._replace(at=first.origin.at))]


def _stacked(eq: Equation, defined: Mapping[Var, Equation], kept: Container[Var]) -> list[Equation] | None:
    """Vectors beside each other, for the transpose of vectors below each other, ``np.vstack([a, b]).T``."""
    of = defined.get(eq.x) if eq.algebra == "transpose" and isinstance(eq.x, Var) and eq.x not in kept else None
    if of is None or of.algebra != "stack" or of.y.ndim != 2 or of.params["axis"]:
        return None
    return [replace(of, outputs=eq.outputs, origin=eq.origin, params={**of.params, "axis": 1})]


def too_many(rows: Iterable[str], inputs: int, limit: int) -> str:
    """Why a program is not derived; `rows` has the name of the row of each equation."""
    counted = Counter(sorted(rows))
    most = ", ".join(f"{count} {row}" for row, count in counted.most_common(5))
    return (
        f"explain: {counted.total() + inputs} operations are too many to write out (the limit is {limit}): explain a "
        f"part, such as one step of the loop. In short: {most} on {inputs} inputs"
    )
