"""Inner loops over the entries of arrays, as operations on the arrays.

With ``for k in range(K): p = p + w[k] * np.exp(-(x - mu[k]) ** 2)`` inside a loop over the x, each product is recorded
alone. A book has ``p = Σ (w ⊙ exp(-(x - μ)²))`` for each x. A loop is rewritten if it runs several times, inside
another or in a function that is called often, and if its rounds do the same to the entries, rows, windows or numbers of
their turn, also through a function that they call, and only add up across rounds; any other loop stays as it is.
"""

from __future__ import annotations

import ast
import inspect
import re
from collections import Counter
from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate, groupby
from types import CodeType
from typing import Any, TypeAlias

import numpy as np

from ..program import Equation, Program, Var
from ..program.assignments import innermost, is_of_pairs, listed_in, looped, part_taken, unequal
from ..program.naming import expression, is_inner, operand, outside, place, round_of, stem, taken_by, turn_of
from ..rules.indexing import Slot
from ..table import TABLE
from .formula import Labels, index_parts

#: What a variable of the user's code is, by its name and the code.
Given: TypeAlias = "Callable[[str, Any], Any]"


def without_inner_loops(
    program: Program, names: dict[Var, str], kept: Container[Var], given: Given | None
) -> tuple[Program, set[Any]]:
    """The program with inner loops as operations on arrays, which have the names of the values of each round; and the
    places of these operations in the user's code.

    Values that are `kept`, and results, are not replaced; `given` is what variables are. Nothing is replaced where a
    value would then be infinite or NaN, such as 1 / ‖x[i] - x[j]‖ at the j = i that the loop leaves out.
    """
    before = dict(names)
    for is_apart in (True, False):
        new, places, is_it = _without_loops(program, names, kept, given, is_apart)
        if places and is_it and _agree(program, new):
            _close_gaps(names, before)
            return new, places
        names.clear()
        names |= before
    return program, set()


def _without_loops(
    program: Program, names: dict[Var, str], kept: Container[Var], given: Given | None, is_apart: bool
) -> tuple[Program, set[Any], bool]:
    """:func:`without_inner_loops`, perhaps with what is under an ``if`` in them apart; and whether nothing of that is
    left in the program.
    """
    places, turns, apart = set[Any](), dict[Var, Any](), set[Var]()
    if is_apart:
        program, apart = _with_branches_apart(program, names, turns)
        if not apart:
            return program, places, False
    while (found := _without_one_level(program, names, kept, turns, given)) is not None:  # comprehensions in others
        program, here = found
        places |= here
    return program, places, apart.isdisjoint(program.defined)


def _agree(a: Program, b: Program) -> bool:
    """Whether two programs have the same results, and the second one finite values where the first one has."""
    known = {*b.inputs, *b.captured}
    for eq in b.equations:
        if not known.issuperset(eq.reads):
            return False
        known.update(eq.outputs)
    first, second = a.values, b.values
    pairs = [(first[v], second[w]) for v, w in zip(a.results, b.results, strict=True)]
    are_same = all(np.allclose(x, y, rtol=1e-6, atol=1e-9, equal_nan=True) for x, y in pairs)
    return are_same and (_are_finite(second) or not _are_finite(first))


def _are_finite(values: Mapping[Var, Any]) -> bool:
    return all(np.isfinite(x).all() for x in values.values() if np.asarray(x).dtype.kind in "fc")


def _close_gaps(names: dict[Var, str], before: Mapping[Var, str]) -> None:
    """Number the values of the outer loop again, s1, s2, s4, s7 as s1 to s4, where the rounds of an inner loop had the
    numbers between.
    """
    numbered = r"(.*[^\W\d])([1-9]\d*)"
    families: dict[str, dict[int, Var]] = {}
    for v, word in names.items():
        if m := re.fullmatch(numbered, word):
            families.setdefault(m[1], {})[int(m[2])] = v
    was = Counter(m[1] for word in before.values() if (m := re.fullmatch(numbered, word)))
    fewer = [word for word, of in families.items() if len(of) < was[word]]  # the sums of an inner loop
    for word, of in families.items():
        numbers = sorted(of)
        is_apart = len(of) == was[word] and numbers[0] == 1 and numbers[-1] > len(numbers)
        if fewer and is_apart and numbers[-1] <= max(was[other] for other in fewer):
            names |= {of[k]: f"{word}{n}" for n, k in enumerate(numbers, 1)}


def _without_one_level(
    program: Program, names: dict[Var, str], kept: Container[Var], turns: dict[Var, Any], given: Given | None
) -> tuple[Program, set[Any]] | None:
    """:func:`without_inner_loops`, without what that makes an inner loop; None where there is nothing to do. The loops
    of values that are no longer in their own are added to `turns`.
    """
    instances = Counter[Any]()
    instead: dict[Var, Any] = {}
    picked = set[Var]()
    new: dict[int, list[Equation]] = {}
    loops = list(_loops(program, names, kept, turns, given))
    runs = Counter(key for key, _ in _runs(program, turns))
    found = Counter(key for key, _ in loops)
    for key, whole in loops:
        if found[key] < runs[key] and not whole.takes_labels:  # for t in range(times[i]), where one time is 1
            continue
        instances[key] += 1
        turns |= {eq.y: outside(key) for eq in whole.equations}
        new |= {id(eq): [] for eq in whole.run} | {id(whole.run[-1]): whole.equations} | whole.summed
        instead |= whole.stacks
        picked |= whole.picked
        whole.name(names, instances[key])
    if not new:
        return None
    program = replace(program, equations=[eq for old in program.equations for eq in new.get(id(old), [old])])
    program = program.mapped(lambda eq, _: {v: instead[v] for v in eq.outputs if v in instead} or None)
    return program, {place(eq) for eqs in new.values() for eq in eqs if picked.isdisjoint(eq.outputs)}


def _with_branches_apart(
    program: Program, names: dict[Var, str], turns: dict[Var, Any]
) -> tuple[Program, set[Var]]:
    """The program with what an inner loop does ``if j != i`` behind what it does in every round, as a loop of its own,
    which is added to `turns`; and the values of its later rounds, but for sums.
    """
    users, order, apart = program.users, list[Equation](), set[Var]()
    keys = [turn_of(eq) for eq in program.equations]
    for key, pairs in groupby(zip(keys, program.equations, strict=True), lambda pair: pair[0]):
        run = [eq for _, eq in pairs]
        often = Counter(map(place, run)) if key is not None and is_inner(key) else Counter[Any]()
        most = max(often.values(), default=0)
        rest = [eq for eq in run if often[place(eq)] == most - 1 > 1 and _is_in_branch(eq)]
        every = [eq for eq in run if often[place(eq)] == most]
        lengths = [_period([(place(eq), eq.row) for eq in part]) for part in (every, rest)]
        if not rest or not all(lengths) or len(rest) + len(every) < len(run):
            order += run
            continue
        chains = list(_chains(run, users))
        first, last = ({eq.y for eq in part} for part in (every, rest))
        added = {eq.y for chain in chains for eq in chain}
        if any(last - added & {*eq.reads} for eq in every if eq.y not in added):
            order += run
            continue
        new = {y: eq for chain in chains for y, eq in _in_turn(chain, first)}
        for chain in chains:
            of = [word for eq in chain if (word := names.pop(eq.y, ""))]
            names |= {chain[-1].y: of[-1]} if of else {}
        both = [new.get(eq.y, eq) for part in (every, rest) for eq in part]
        turns |= {eq.y: (key[0], (*key[1], "if")) for eq in both[len(every) :]}
        apart |= {eq.y for eq in both[len(every) + lengths[1] :]} - {chain[-1].y for chain in chains}
        order += both
    return replace(program, equations=order), apart


def _chains(run: Sequence[Equation], users: Mapping[Var, list[Equation]]) -> Iterator[list[Equation]]:
    """What the rounds of a loop add up, of which nothing else reads a part: z of ``z = z + a[j]``."""
    added = {eq.x: eq for eq in run if eq.algebra in ("sum", "difference") and isinstance(eq.x, Var)}
    found = set[Var]()
    for eq in run:
        chain = [eq] if eq.algebra in ("sum", "difference") and eq.y not in found else []
        while chain and [*map(id, users.get(last := chain[-1].y, ()))] == [id(added.get(last))]:
            chain.append(added[last])
        found |= {of.y for of in chain}
        if chain[1:]:
            yield chain


def _in_turn(chain: Sequence[Equation], first: Container[Var]) -> Iterator[tuple[Var, Equation]]:
    """For each value of a sum its equation in a sum that begins with the terms of those that are `first`."""
    ordered = sorted(chain, key=lambda eq: eq.y not in first)
    x = chain[0].x
    for eq in ordered:
        y = chain[-1].y if eq is ordered[-1] else Var("", eq.y.shape, eq.y.dtype)
        yield eq.y, replace(eq, outputs=(y,), operands=(x, *eq.operands[1:]))
        x = y


def _is_in_branch(eq: Equation) -> bool:
    """Whether an operation is in a branch of the innermost loop around it, ``if j != i``."""
    return unequal(eq.code, expression(eq)) is not None


def _runs(program: Program, turns: Mapping[Var, Any]) -> list[tuple[Any, list[Equation]]]:
    """The equations of each loop, each time that it runs; with those of functions that its rounds call, if the rounds
    are only then alike.
    """
    keys = [turns[eq.y] if eq.y in turns else turn_of(eq) for eq in program.equations]
    taken = [taken_by(eq) or key for eq, key in zip(program.equations, keys, strict=True)]
    plain, filled = (_grouped(program, of) for of in (keys, _filled(taken)))
    lengths: dict[Any, list[list[int]]] = {}
    for k, runs in enumerate((plain, filled)):
        for key, run in runs:
            lengths.setdefault(key, [[], []])[k].append(_period([(place(eq), eq.row) for eq in run]))
    helped = {key for key, (own, more) in lengths.items() if not any(own) and all(more) and len(more) < len(own)}
    return [pair for pair in filled if pair[0] in helped] + [pair for pair in plain if pair[0] not in helped]


def _grouped(program: Program, keys: Sequence[Any]) -> list[tuple[Any, list[Equation]]]:
    """The equations with one key that follow each other."""
    pairs = groupby(zip(keys, program.equations, strict=True), lambda pair: pair[0])
    return [(key, [eq for _, eq in run]) for key, run in pairs if key is not None]


def _filled(keys: Sequence[Any]) -> list[Any]:
    """The loops of equations, also of those of no loop between two of one loop."""
    before, after = [*_last(keys)], [*_last(keys[::-1])][::-1]
    return [a if a == b else None for a, b in zip(before, after, strict=True)]


def _last(keys: Iterable[Any]) -> Iterator[Any]:
    """For each of some loops, or None, the last one so far."""
    return accumulate(keys, lambda last, key: last if key is None else key)


def _loops(
    program: Program, names: Container[Var], kept: Container[Var], turns: Mapping[Var, Any], given: Given | None
) -> Iterator[tuple[Any, _Whole]]:
    """The loops that are operations on arrays, each time that they run, each with the loop that it is."""
    users = program.users
    runs = _runs(program, turns)
    often, begun, done = Counter(key for key, _ in runs), Counter[Any](), set[Var]()
    items = _items(program)
    growing = {key: _growing([run for other, run in runs if other == key]) for key in often if often[key] > 1}
    found, before = list[tuple[Any, _Whole]](), dict[tuple[Var, ...], _Whole]()
    for key, run in runs:
        is_listed = isinstance(key[0], str) and often[key] < 2  # a comprehension, whose values are perhaps an array
        begun[key] += often[key] > 1
        if (like := growing.get(key)) is not None:
            whole = _Whole(run, turn=begun[key], like=like, before=before, items=items)
            wholes = [whole] if whole.is_read() else []
        else:
            is_nested = is_inner(key) or is_listed
            is_repeated = often[key] > 1 or is_listed
            whole = _Whole(run, turn=begun[key], before=before, items=items, given=given)
            wholes = _wholes(run, is_repeated, is_nested, whole)
        for whole in wholes:
            if not is_listed or whole.is_of(program.constants.values()):
                found.append((key, whole))
                before |= {values: whole for values in whole.turns if whole.is_array(values)}
    for key, whole in _that_may_go(found, users, program, kept):
        if whole.stacks or whole.is_read_by_others or not (isinstance(key[0], str) and often[key] < 2):
            done |= {eq.y for eq in whole.run}
            yield key, whole
    done |= turns.keys()
    rounds = groupby(program.equations, lambda eq: None if eq.y in done else round_of(eq) or turn_of(eq))
    for key, run in ((key, [*run]) for key, run in rounds if key is not None):
        for whole in _picking(run, names):
            if all(whole.may_go(v, users, program, kept, ()) for v in whole.inside):
                yield key, whole


def _items(program: Program) -> dict[Var, int]:
    """The labels in the lists that were passed to a traced function, by their variables."""
    if program.call is None:
        return {}
    arguments = inspect.signature(program.call[0]).parameters
    inputs = (v for v in program.inputs if v.name not in arguments and not v.shape and v.dtype.kind in "iu")
    return {v: int(program.examples[v]) for v in inputs if v in program.examples}


def _that_may_go(
    found: Sequence[tuple[Any, _Whole]], users: Mapping[Var, list[Equation]], program: Program, kept: Container[Var]
) -> Sequence[tuple[Any, _Whole]]:
    """Return those of some loops whose values are used in them alone, or in others of these as the array of all
    rounds.
    """
    before = None
    while before != (before := len(found)):
        readers: dict[Var, list[_Whole]] = {}
        for _, whole in found:
            for v in whole.read:
                readers.setdefault(v, []).append(whole)
        left = {id(whole) for _, whole in found}
        found = [
            (key, whole) for key, whole in found
            if all(id(source) in left for source in whole.sources)
            and all(whole.may_go(v, users, program, kept, readers.get(v, ())) for v in whole.inside)
        ]  # fmt: skip
    return found


def _growing(runs: Sequence[Sequence[Equation]]) -> _Whole | None:
    """The longest of some runs of one loop as operations on arrays, if their lengths differ, as of ``range(i)``, and
    it is so; None for others.
    """
    longest = max(runs, key=len)
    patterns = [[(place(eq), eq.row) for eq in run] for run in (longest, *runs)]
    length = _period(patterns[0])
    e = expression(longest[0])
    is_it = length > 0 and len({*map(len, patterns)}) > 1 and e is not None and longest[0].code is not None
    is_it &= all(len(of) % max(length, 1) == 0 and of == patterns[0][: len(of)] for of in patterns)
    whole = _Whole(longest)
    whole.part = part_taken(longest[0].code, e) if is_it and e is not None and longest[0].code is not None else None
    return whole if whole.part is not None and whole.is_read() else None


def _wholes(
    run: Sequence[Equation], is_repeated: bool, is_nested: bool, whole: _Whole
) -> list[_Whole]:
    """The rounds of a loop as operations on arrays; if nothing is between its turns, each turn."""
    if is_repeated and whole.is_read():
        return [whole]
    length = _period([(place(eq), eq.row) for eq in run]) if is_nested else 0
    for size in range(2 * length, len(run) // 2 + 1, length) if length else ():
        starts = range(0, len(run), size) if len(run) % size == 0 else range(0)
        parts = [_Whole(run[k : k + size], turn=1 + n) for n, k in enumerate(starts)]
        if parts and all(part.is_read() and (part.takes_entries or part.takes_labels) for part in parts):
            return parts
    return []


def _picking(run: Sequence[Equation], names: Container[Var]) -> list[_Whole]:
    """The rounds of a loop that only adds up numbers that it reads at labels, ``L = L - np.log(P[i, y[i]])``."""
    whole = _Whole(run)
    is_it = all(not eq.y.shape or eq.algebra == "index" for eq in run) and whole.is_read() and whole.takes_labels
    new = {v for eq in whole.equations for v in eq.outputs} - whole.totals
    is_it = is_it and not any(v in names and of in new for v, of in whole.inside.items())
    return [whole] if is_it and not any(map(_reads_equal, zip(*whole.rounds, strict=True))) else []


def _reads_equal(same: Sequence[Equation]) -> bool:
    """Return True if an entry of a constant, ``w[i]``, is the same number in all rounds."""
    entries = [k for k, x in enumerate(same[0].operands) if isinstance(operand(same[0], k), ast.Subscript)]
    return any(all(np.array_equal(eq.operands[k], same[0].operands[k]) for eq in same) for k in entries)


class _NoArrays(Exception):
    """The rounds of a loop are no operations on arrays."""


@dataclass
class _Whole:
    """The rounds of a loop, as operations on arrays that have them along their first axis.

    Attributes
    ----------
    inside : dict
        For each value of a round the array of those of all rounds, or the one value that all of them compute.
    totals : set of Var
        What the loop has added up, which is used after it.
    """

    run: Sequence[Equation]
    equations: list[Equation] = field(default_factory=list)
    inside: dict[Var, Any] = field(default_factory=dict)
    stacks: dict[Var, Any] = field(default_factory=dict)
    totals: set[Var] = field(default_factory=set)
    carried: set[Var] = field(default_factory=set)
    turns: set[tuple[Var, ...]] = field(default_factory=set)  # the values of one operation in all rounds
    turn: int = 0  # which time the loop runs, if it runs several times
    takes_entries: bool = False
    takes_labels: bool = False
    ends: dict[Var, Var] = field(default_factory=dict)  # for each sum of the first round what the next one begins with
    partial: dict[Any, Var] = field(default_factory=dict)  # for each of these the sum over all rounds
    left_out: tuple[int, Equation] | None = None  # the entry that no round takes, of ``if j != y[i]``, and what reads
    stacked: list[Any] = field(default_factory=list)  # constants that are arrays in each round
    part: ast.Slice | None = None  # the part of arrays that the rounds take, where that grows or shrinks
    like: _Whole | None = None  # the longest of the runs whose lengths differ
    axes: dict[Any, int] = field(default_factory=dict)  # the part of an index that is that of the round, by the place
    varied: set[Any] = field(default_factory=set)  # the operands that are constants of the round, by their places
    added: set[Any] = field(default_factory=set)  # the places of what is added up
    rounds: list[Sequence[Equation]] = field(default_factory=list)
    before: Mapping[tuple[Var, ...], _Whole] = field(default_factory=dict)  # earlier loops by values in their rounds
    sources: list[_Whole] = field(default_factory=list)  # the earlier loops whose arrays this one reads
    read: set[Var] = field(default_factory=set)  # the values of these
    items: Mapping[Var, int] = field(default_factory=dict)  # the labels in lists that are arguments
    given: Given | None = None
    is_read_by_others: bool = False
    picked: set[Var] = field(default_factory=set)  # values that a line of the outer loop reads, sims[i]
    summed: dict[int, list[Equation]] = field(default_factory=dict)  # the partial sums, of which nothing is left

    def is_read(self) -> bool:
        """Whether the rounds are operations on arrays, which are then found."""
        length = _period([(place(eq), eq.row) for eq in self.run])
        if self.like is not None:
            self.part, length = self.like.part, len(self.like.rounds[0])
        self._own = {id(eq) for eq in self.run}
        run = self.run
        if any(eq.group is not run[0].group for eq in run):  # of np.linalg.norm in each round
            run = [replace(eq, origin=eq.origin._replace(group=None)) for eq in run]
        if self.items:
            run = [self._with_label(eq) for eq in run]
        self.rounds = [run[k : k + length] for k in range(0, len(run), length)] if length else []
        try:
            for same in zip(*self.rounds, strict=True):
                self._read(same)
        except _NoArrays:
            return False
        return bool(self.rounds)

    def _with_label(self, eq: Equation) -> Equation:
        """A row that is read at an item of a list, which is an argument, as read at this label."""
        is_it = eq.algebra == "gather" and len(eq.operands) == 2 and eq.operands[1] in self.items
        if not is_it or [*map(type, index_parts(eq.params["index"]))] != [Slot]:
            return eq
        params = {"index": self.items[eq.operands[1]], "unique_indices": True}
        return replace(eq, row=TABLE["getitem"], operands=eq.operands[:1], params=params)

    def is_array(self, values: tuple[Var, ...]) -> bool:
        """Return True if the values of one operation in all rounds are the entries or rows of an array."""
        whole = self.inside.get(values[0])
        is_it = whole is not None and whole not in self.carried and whole.shape == (len(values), *values[0].shape)
        return is_it and len({*values}) == len(values)

    def may_go(
        self, v: Var, users: Mapping[Var, list[Equation]], program: Program, kept: Container[Var],
        others: Sequence[_Whole],
    ) -> bool:  # fmt: skip
        """Return True if a value of a round is used in the loop alone, or in an array of those of all rounds; also in
        `others` that read it, beside which a round may read one entry of it.
        """
        if v in self.totals:
            return True
        readers = [other for other in others if any(self is source for source in other.sources)]
        outside = [eq for eq in users.get(v, ()) if id(eq) not in self._own]
        outside = [eq for eq in outside if all(id(eq) not in other._own for other in readers)]
        self.is_read_by_others |= bool(readers)
        if readers and outside and v not in kept:
            values = next(turns for turns in self.turns if v in turns)
            at = {"index": _by_number(values.index(v)), "unique_indices": True}
            if all(eq.y is not v for eq in self.equations):
                read = replace(outside[0], outputs=(v,), row=TABLE["getitem"], operands=(self.inside[v],), params=at)
                self.equations.append(read)
                self.picked.add(v)
            outside = []
        if len(outside) == 1 and outside[0].algebra == "sum" and (end := self._total(v, users)) is not None:
            outside = []
            if end.y not in self.stacks:
                whole = self._with_zero(self.inside[v])
                self.stacks[end.y] = self._made(
                    replace(end, row=TABLE["sum"], params={}), [whole], end.y.shape,
                    axis=(0,) if end.y.shape else None, keepdims=False,
                )  # fmt: skip
        for eq in outside:
            is_stack = eq.algebra == "stack" and all(isinstance(x, Var) for x in eq.operands)
            is_stack = is_stack and tuple(eq.operands) in self.turns and self.left_out is None
            if not is_stack or v in self.carried or self.inside[v] in self.carried:
                return False
            if eq.y not in self.stacks:
                self.stacks[eq.y] = self._stack(eq, self.inside[v])
        return v not in kept and not any(v is x for x in program.results)

    def _total(self, v: Var, users: Mapping[Var, list[Equation]]) -> Equation | None:
        """The last of the sums that add up what the rounds have computed, ``sum(densities)``, and nothing else."""
        least = 1 if self.like is not None else 2
        values = next((turns for turns in self.turns if v in turns and len({*turns}) >= least), ())
        if not values or self.inside[v] in self.carried or values[0].shape != self.inside[v].shape[1:]:
            return None
        last: Any = None
        end: Equation | None = None
        parts = list[Equation]()
        for x in values:
            of = [eq for eq in users.get(x, ()) if id(eq) not in self._own]
            if len(of) == 1 and of[0].algebra == "sum" and of[0].operands[1] is x:
                is_next = of[0].x is last if last is not None else not isinstance(of[0].x, Var) and not np.any(of[0].x)
                if not is_next or end is not None and [*users.get(last, ())] != of:
                    return None
                parts += [] if end is None else [end]
                end, last = of[0], of[0].y
            elif last is None:  # a sum that does not begin with 0
                last = x
            else:
                return None
        self.summed |= {id(eq): [] for eq in parts}
        return end

    def _stack(self, eq: Equation, whole: Var) -> Var:
        """Return what the rounds have been stacked to, whose new axis need not be the first."""
        axes = [*range(1, whole.ndim)]
        axes.insert(eq.params["axis"] % whole.ndim, 0)
        if axes == sorted(axes):
            return whole
        return self._made(replace(eq, row=TABLE["transpose"], params={}), [whole], eq.y.shape, axes=tuple(axes))

    def is_of(self, arrays: Collection[Any]) -> bool:
        """Whether all constants of the rounds are rows of these arrays, and no windows of an image."""
        return all(any(np.array_equal(x, of) for of in arrays) for x in self.stacked)

    def name(self, names: dict[Var, str], turn: int) -> None:
        """Give the arrays the names of the values of the rounds, with the number of times that the loop has run."""
        for v, of in {**self.inside, **{v: v for v in self.totals}}.items():
            word = names.pop(v, "")
            if word and (of in self.totals or of.name == "") and (v is of or of not in names):
                listed = re.fullmatch(r"(.*[^\d_])\d+_\d+", word)  # an entry of a list of each round
                names[of] = f"{listed[1] if listed else stem(word)}{turn}"
        names |= {of: names.pop(v) for v, of in self.stacks.items() if v in names and of not in names}
        last, of = self.rounds[0][-1], self.inside.get(self.rounds[0][-1].y)
        e, code = expression(last), last.code
        word = listed_in(code, e) if turn and e is not None and code is not None else ""  # in a script
        if word and isinstance(of, Var) and of is not last.y and of not in names:
            names[of] = f"{word}{turn}"

    def _read(self, same: Sequence[Equation]) -> None:
        """One operation of all rounds."""
        first, values = same[0], tuple(eq.y for eq in same)
        if len(first.outputs) > 1 or first.is_random:
            raise _NoArrays
        self.turns.add(values)
        if first.algebra == "index" and first.reads and not {*first.reads} & self.inside.keys():
            whole = self._entries(same)
        elif first.algebra == "gather" and self._reads_rows(first):
            whole = self._rows_at(same)
        elif first.algebra in ("gather", "index") and (
            first.x in self.inside or len({repr(eq.params["index"]) for eq in same}) > 1
        ):
            whole = self._picked(same)
        elif first.algebra in ("sum", "difference") and self._is_added(same):
            self._add_up(same)
            return
        else:
            whole = self._operation(same)
        self.inside |= dict.fromkeys(values, whole)

    def _is_added(self, same: Sequence[Equation]) -> bool:
        """Return True if an operation adds to what the round before has, also with others between: L + a[i] - b[i]."""
        if same[0].y in self.ends:
            return True
        if self.like is not None and place(same[0]) not in self.like.added:
            return False
        places = {eq.y: k for k, eq in enumerate(self.rounds[0])}
        chain = [same[0].y]
        for eq in self.rounds[0][places[chain[0]] + 1 :]:
            chain += [eq.y] if eq.algebra in ("sum", "difference") and eq.x is chain[-1] else []
        pairs = [*zip(same[1:], self.rounds, strict=False)]
        ends = [k for k, y in enumerate(chain) if all(eq.x is rows[places[y]].y for eq, rows in pairs)]
        self.ends |= dict.fromkeys(chain[: ends[-1] + 1], chain[ends[-1]]) if ends else {}
        self.added |= {place(eq) for eq in self.rounds[0] if eq.y in self.ends}
        return bool(ends)

    def _made(self, eq: Equation, operands: Sequence[Any], shape: tuple[int, ...], **params: Any) -> Var:
        v = Var("", shape, eq.y.dtype)
        params = {**eq.params, **params}
        self.equations.append(replace(eq, outputs=(v,), operands=tuple(operands), params=params))
        return v

    def _entries(self, same: Sequence[Equation]) -> Var:
        """The array whose entries or rows the rounds take in turn, ``mu[k]`` of mu; or a row or column of it."""
        first, x = same[0], same[0].x
        indices = [index_parts(eq.params["index"]) for eq in same]
        if any(eq.x is not x for eq in same) or len({len(index) for index in indices}) > 1:
            raise _NoArrays
        if all(repr(index) == repr(indices[0]) for index in indices) and not self._is_of_turn(first):
            self.equations.append(first)
            return first.y
        turns = [k for k, parts in enumerate(zip(*indices, strict=True)) if len({*map(repr, parts)}) > 1]
        turns = [self.like.axes[place(first)]] if self.like is not None and self._is_of_turn(first) else turns
        if len(turns) == len(indices[0]) == 2 and x.ndim == 2:
            return self._picked(same)
        if (windows := self._windows(first, [index[0] for index in indices])) is not None:
            return windows
        if len(turns) > 1 or not all(type(part) is int for index in indices for part in index):
            raise _NoArrays
        [turn] = turns
        taken = [index[turn] for index in indices]
        if self.part is not None:
            return self._part(first, turn, taken)
        written = getattr(expression(first), "slice", None)
        is_part = isinstance(written, ast.BinOp) and x.ndim == 1  # x[i + j] of all j
        is_part |= isinstance(written, ast.Tuple) and x.ndim == len(indices[0]) == 2  # u[i, j + 1]
        is_part &= unequal(first.code, expression(first)) is None
        if is_part and len(taken) < x.shape[turn] and taken == [*range(taken[0], taken[0] + len(taken))]:
            part = slice(taken[0], taken[-1] + 1)
            self.takes_entries |= x.ndim > 1
            index: Any = tuple(part if k == turn else at for k, at in enumerate(indices[0])) if x.ndim > 1 else part
            return self._made(first, [x], (len(taken),), index=index, unique_indices=True)
        others = [k for k in range(x.shape[turn]) if k not in taken]
        at, code = getattr(expression(first), "slice", None), first.code
        is_of_list = isinstance(at, ast.Name) and code is not None and len(indices[0]) == 1
        around = innermost(code, at)[1] if is_of_list and code is not None and at is not None else None
        target = getattr(around, "target", None)
        is_of_list = isinstance(target, (ast.Name, ast.Tuple) if self.turn else ast.Name) and not self.takes_entries
        is_of_list = is_of_list and isinstance(at, ast.Name) and code is not None and bool(looped(code, at))
        if is_of_list and (others or taken != sorted(taken)):  # U[k] of k in negatives
            self.takes_labels = True
            labels = self._labels(first, taken)
            labels.word += str(self.turn or "")
            return self._made(first, [x], (len(taken), *first.shape), index=labels, unique_indices=False)
        self._leave_out(first, others)
        if sorted((*taken, *others)) != [*range(x.shape[turn])] or taken != sorted(taken):
            raise _NoArrays
        self.takes_entries = True
        if len(indices[0]) == 1:
            return x
        index = tuple(slice(None) if k == turn else part for k, part in enumerate(indices[0]))
        if turn > 0 and len(index) < x.ndim:
            raise _NoArrays
        index = index[0] if index[1:] == (slice(None),) else index  # S[i], of S[i, j]
        return self._made(first, [x], (self._count, *first.shape), index=index)

    def _is_item(self, eq: Equation, k: int) -> bool:
        """Return True if an operand is what the innermost loop takes from data side by side with labels, s of ``for
        node, s in zip(path, turns)``, where that may be one number in all rounds.
        """
        e, code = operand(eq, k), eq.code
        if not self.takes_labels or not isinstance(e, ast.Name) or code is None:
            return False
        target = getattr(innermost(code, e)[1], "target", None)
        return isinstance(target, ast.Tuple) and e.id in [getattr(of, "id", "") for of in target.elts]

    def _is_of_turn(self, eq: Equation) -> bool:
        """Return True if an operation, which is alike in these rounds, differs between those of a longer run."""
        return self.like is not None and place(eq) in self.like.axes

    def _part(self, first: Equation, turn: int, taken: Sequence[int]) -> Var:
        """The part of an array that the rounds take, x[:3] or x[2:], where it grows or shrinks."""
        self.axes[place(first)] = turn
        x, index = first.x, list[Any](index_parts(first.params["index"]))
        is_open = self.part is not None and self.part.upper is None
        n = x.shape[turn]
        if taken != [*range(taken[0], taken[0] + len(taken))] or taken[is_open and -1] != (n - 1 if is_open else 0):
            raise _NoArrays
        index[turn] = slice(taken[0], None) if is_open else slice(None, len(taken))
        self.takes_entries = True
        whole = index[0] if len(index) == 1 else tuple(index)
        return self._made(first, [x], (len(taken), *first.shape), index=whole, unique_indices=True)

    def _windows(self, first: Equation, parts: Sequence[Any]) -> Var | None:
        """All windows of a vector or of rows, x[i:i+3], which the rounds take in turn; None for other entries."""
        bounds = [(part.start or 0, part.stop) for part in parts if type(part) is slice and part.step is None]
        size, x = first.shape[0] if first.shape else 0, first.x
        if bounds != [(k, k + size) for k in range(len(parts))] or len(parts) != x.shape[0] - size + 1:
            return None
        self.takes_entries = True
        places = np.arange(len(parts))[:, None] + np.arange(size)
        return self._made(first, [x], (*places.shape, *x.shape[1:]), index=places, unique_indices=False)

    def _labels(self, first: Equation, labels: Sequence[Any]) -> Labels:
        """The labels in all rounds of ``y[i]`` in an index, or of a variable y in ``for x, y in zip(xs, ys)``."""
        match expression(first):
            case ast.Subscript(slice=ast.Tuple([_, e]) | e):
                word = looped(first.code, e) if first.code is not None else None
            case _:
                word = None
        if not word or not all(isinstance(part, int | np.integer) for part in labels):
            raise _NoArrays
        column = np.array(labels).view(Labels)
        column.word = word
        return column

    def _reads_rows(self, eq: Equation) -> bool:
        """Whether an equation reads one row of an array at a label that the rounds have read."""
        is_row = len(index_parts(eq.params["index"])) == 1 and len(eq.operands) == 2
        return is_row and eq.x not in self.inside and eq.operands[1] in self.inside

    def _rows_at(self, same: Sequence[Equation]) -> Var:
        """The rows at labels that are values, U[k] for each k."""
        first, xs = same[0], {eq.operands[0] for eq in same}
        of, is_varied = self._operand([eq.operands[1] for eq in same])
        if not is_varied:
            return self._operation(same)
        if len(xs) > 1:
            raise _NoArrays
        self.takes_labels = True
        return self._made(first, [first.x, of], (self._count, *first.shape))

    def _picked(self, same: Sequence[Equation]) -> Var:
        """Return what is read at labels, one in each row of a matrix: ``P[i, y[i]]``, or ``p[y]`` of its rows p."""
        first, indices = same[0], [index_parts(eq.params["index"]) for eq in same]
        x, is_row = self._operand([eq.operands[0] for eq in same])
        rows = [index[0] for index in indices if len(index) == 2 - is_row and (is_row or type(index[0]) is int)]
        is_whole = len(rows) == len(same) == x.shape[0] and (is_row or rows == [*range(len(rows))])
        if x.ndim != 2 or not is_whole or self.left_out is not None:
            raise _NoArrays
        last = [index[-1] for index in indices]
        operands, labels = [x], last[0]
        if first.algebra == "gather" and all(type(part) is Slot for part in last):
            of, is_varied = self._operand([eq.operands[1] for eq in same])
            if not is_varied or of.shape != x.shape[:1]:
                raise _NoArrays
            operands.append(of)
        else:
            labels = self._labels(first, last)
        self.takes_labels = True
        params = {} if operands[1:] else {"unique_indices": True}
        index = (np.arange(len(rows)).view(Labels), labels)
        return self._made(first, operands, (self._count,), index=index, **params)

    def _leave_out(self, read: Equation, others: Sequence[int]) -> None:
        """Note the entry that the rounds do not take: ``if j != y[i]``, or j != i, but for loops over pairs."""
        of = unequal(read.code, expression(read)) if len(others) == 1 else None
        is_known = of is not None and not (isinstance(of, ast.Name) and is_of_pairs(read.code, of))
        if others and not is_known or self.takes_entries and (self.left_out is None) != (not others):
            raise _NoArrays
        self.left_out = self.left_out or (others[0], read) if others else None
        if others and self.left_out and self.left_out[0] != others[0]:
            raise _NoArrays

    def _with_zero(self, of: Var) -> Var:
        """The values of all rounds with 0 at the entry that no round takes."""
        if self.left_out is None:
            return of
        k, by = self.left_out
        label = _by_number(k) if _counts(unequal(by.code, expression(by)), by.code) else k
        rest = Var("", of.shape, of.dtype)
        zero = replace(by, outputs=(rest,), row=TABLE["set_at"], operands=(of, 0), params={"index": label})
        self.equations.append(zero)
        return rest

    @property
    def _count(self) -> int:
        return len(self.rounds) + (self.left_out is not None)

    def _add_up(self, same: Sequence[Equation]) -> None:
        """What the rounds add to a value, as a sum over them."""
        first, last = same[0], same[-1].y
        values, is_end = {eq.y for eq in same}, self.ends[first.y] is first.y
        of, is_varied = self._operand([eq.operands[1] for eq in same])
        added = {eq.y for rows in self.rounds for eq, of_first in zip(rows, self.rounds[0], strict=True)
                 if self.ends.get(of_first.y) is self.ends[first.y]}  # fmt: skip
        read = {x for eq in self.run for x in (eq.reads[1:] if eq.y in added else eq.reads)}
        if not is_varied or of.shape[1:] != first.shape or values & read:
            raise _NoArrays
        of = self._with_zero(of)
        axis = None if not first.shape else (0,)
        x = self.partial.get(first.x, first.x) if isinstance(first.x, Var) else first.x
        new = last if is_end else Var("", first.shape, last.dtype)
        is_whole = not isinstance(x, Var) and not np.any(x)
        total = new if is_whole and first.algebra == "sum" else Var("", first.shape, last.dtype)
        params = {"axis": axis, "keepdims": False}
        self.equations.append(replace(first, outputs=(total,), row=TABLE["sum"], operands=(of,), params=params))
        if total is not new and is_whole:
            self.equations.append(replace(first, outputs=(new,), row=TABLE["negative"], operands=(total,)))
        elif total is not new:
            self.equations.append(replace(first, outputs=(new,), operands=(x, total)))
        self.partial[first.y] = new
        self.totals |= {last} if is_end else set()
        self.carried |= values
        self.inside |= dict.fromkeys(values - {new}, new)

    def _operation(self, same: Sequence[Equation]) -> Var:
        first = same[0]
        each = range(len(first.operands))
        read = [self._operand([eq.operands[k] for eq in same], (first, place(first), k)) for k in each]
        if any(repr(eq.params) != repr(first.params) for eq in same):
            raise _NoArrays
        if not any(is_varied for _, is_varied in read):
            self.equations.append(replace(first, operands=tuple(x for x, _ in read)))
            return first.y
        shape = (self._count, *first.shape)
        is_product = first.row in (TABLE["matmul"], TABLE["dot"])
        if is_product and [np.ndim(x) - is_varied for x, is_varied in read] == [1, 1]:
            (x, _), (y, is_last) = read  # u @ V[j] is an entry of V @ u
            if all(is_varied for _, is_varied in read):
                raise _NoArrays
            return self._made(replace(first, row=TABLE["matmul"]), [y, x] if is_last else [x, y], shape)
        if is_product and [(np.ndim(x), is_varied) for x, is_varied in read] == [(2, True), (2, False)]:
            return self._made(replace(first, row=TABLE["matmul"]), [x for x, _ in read], shape)  # x @ W of each row x
        if first.algebra == "total" and (whole := self._inner_product(first, read[0][0], shape)) is not None:
            return whole
        if first.algebra in ("total", "norm"):
            of, axis = read[0][0], first.params.get("axis")
            axes = range(np.ndim(of) - 1) if axis is None else np.atleast_1d(axis).tolist()
            axis = tuple(k % (np.ndim(of) - 1) + 1 for k in axes)
            return self._made(first, [of], shape, axis=axis) if axis else of
        if not first.row.entrywise:
            raise _NoArrays
        return self._made(first, [self._laid_out(x, is_varied, len(first.shape)) for x, is_varied in read], shape)

    def _inner_product(self, first: Equation, of: Var, shape: tuple[int, ...]) -> Var | None:
        """The sum of each window times one array, Σ (x[i:i+3] ⊙ k), as a product of matrices or an einsum; None for
        others.
        """
        by = self.equations[-1] if self.equations else first
        sizes = sorted(map(np.ndim, by.operands), reverse=True)
        is_it = by.outputs == (of,) and by.algebra == "product" and sizes in ([2, 1], [3, 2])
        if not is_it or first.params.get("axis") not in (None, (0,), (0, 1)) or first.shape:
            return None
        windows, kernel = sorted(by.operands, key=np.ndim, reverse=True)
        if sizes == [3, 2]:
            self.equations.pop()
            params = {"subscripts": "abc,bc->a", "optimize": False}
            einsum = replace(first, row=TABLE["einsum"], params={})
            return self._made(einsum, [windows, kernel], shape, **params)
        if by.operands[0] is not windows:
            return None
        self.equations.pop()
        return self._made(replace(first, row=TABLE["matmul"], params={}), by.operands, shape)

    def _laid_out(self, x: Any, is_varied: bool, ndim: int) -> Any:
        """An operand with the axis of the rounds before `ndim` others."""
        if not is_varied or np.ndim(x) == ndim + 1:
            return x
        if not isinstance(x, Var):
            raise _NoArrays
        index = (slice(None), *[None] * (ndim + 1 - x.ndim), *[slice(None)] * (x.ndim - 1))
        v = Var("", np.empty(x.shape)[index].shape, x.dtype)
        params = {"index": index, "unique_indices": True}
        self.equations.append(replace(self.run[0], outputs=(v,), row=TABLE["getitem"], operands=(x,), params=params))
        return v

    def _operand(self, xs: Sequence[Any], at: Any = None) -> tuple[Any, bool]:
        """An operand in all rounds, which has this place, and whether it is an array that has those of the rounds."""
        if all(isinstance(x, Var) for x in xs):
            earlier = self.before.get(tuple(xs))
            if earlier is not None and xs[0] not in self.inside:
                self.sources.append(earlier)
                self.read |= {*xs}
                return earlier.inside[xs[0]], True
            wholes = [self.inside.get(x, x) for x in xs]
            if any(w is not wholes[0] for w in wholes) or any(x in self.carried for x in xs):
                raise _NoArrays
            is_varied = xs[0] in self.inside and xs[0] is not wholes[0] and len({*xs}) == len(xs)
            return wholes[0], is_varied
        if any(isinstance(x, Var) for x in xs) or len({np.shape(x) for x in xs}) > 1:
            raise _NoArrays
        like = self.like.varied if self.like is not None else set()
        is_turn = at is not None and (at[1:] in like or self._is_item(at[0], at[2]))
        if all(np.array_equal(x, xs[0]) for x in xs) and not is_turn:
            return xs[0], False
        self.varied |= {at[1:]} if at is not None else set()
        whole = np.stack(xs) if self.left_out is None else self._with_left_out(xs, at)
        if np.ndim(xs[0]) and xs[1:] and np.may_share_memory(xs[0], xs[1]) and np.shares_memory(xs[0], xs[1]):
            raise _NoArrays  # windows of an image
        self.stacked += [whole] if np.ndim(xs[0]) else []
        return whole, True


    def _with_left_out(self, xs: Sequence[Any], at: Any) -> Any:
        """Constants of the rounds, c[j] or C[i, j], with the one of the round that is left out."""
        k, _ = self.left_out or (0, None)
        e, known = operand(at[0], at[2]) if at is not None else None, self.given or (lambda word, code: None)
        match e:
            case ast.Subscript(ast.Name(word)) if isinstance(array := known(word, at[0].code), np.ndarray):
                rows = [array] if array.ndim == np.ndim(xs[0]) + 1 else [*array] if array.ndim else []
                for row in rows:
                    if len(row) == self._count and np.array_equal(np.delete(row, k, 0), np.stack(xs)):
                        return row
        raise _NoArrays


def _by_number(k: int) -> Labels:
    """A position whose indicator is written, with its number as its name."""
    label = np.asarray(k).view(Labels)
    label.word = str(k)
    return label


def _counts(e: ast.expr | None, code: CodeType | None) -> bool:
    """Whether an expression is the variable of a loop that counts."""
    return isinstance(e, ast.Name) and code is not None and looped(code, e) == ""


def _period(keys: Sequence[Any]) -> int:
    """The length of the shortest part of which a sequence is a repetition, 0 if it is none."""
    n = len(keys)
    fits = (m for m in range(1, n // 2 + 1) if n % m == 0 and all(keys[k] == keys[k % m] for k in range(m, n)))
    return next(fits, 0)
