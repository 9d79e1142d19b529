"""Names as they stand on a board: none for partial sums and rows of data, and no number where there is one value."""

from __future__ import annotations

import ast
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Container, Iterable, Mapping, Sequence, Set
from dataclasses import replace
from functools import lru_cache
from typing import Any

from ..program import Equation, Program, Var
from ..program.assignments import assigned, counts_up, is_unpacked, spelled_out
from ..program.naming import Names, expression, is_in_loop, is_turn, line, loop_of, operand, place, stem
from ..table import TABLE, Primitive, Textbook
from ..table.textbook import NOTATIONS
from .formula import Expr, walk
from .row_formulas import derivatives
from .writing import TEXT

TERMS = 48  # of a sum that is written with all of them


def running_sums(program: Program, names: Mapping[Var, str]) -> set[Var]:
    """The values that only the next sum of the same variable uses: ``L = L + (q - obs[t])**2`` in a loop; and after it,
    in ``L = L / n``.

    Not those of a state, ``x, v = x + dt * v, v - dt * k * x``, of which only the last round needs no more.
    """
    sums, users, defined = dict[Var, list[Var]](), program.users, program.defined
    stems = {v: stem(word) for v, word in names.items()}
    for eq in (eq for eq in program.equations if eq.algebra in ("sum", "difference")):
        x, y = eq.x, eq.y
        if not isinstance(x, Var) or x not in defined or x in program.outputs or len(users[x]) > 1:
            continue
        if x.shape == y.shape and (x not in names or y not in names or stems[x] == stems[y]):
            sums[y] = [*sums.pop(x, ()), x]
    running = set[Var]()
    for y, xs in sums.items():
        last = next((v for v in (y, *xs[::-1]) if v in names), y)  # up to which it is one sum
        values = [v for v in names if v in defined and v is not last and stems[v] == stems.get(last)]
        if any(len(users[v]) > 1 for v in values):
            continue
        before = xs if last is y else xs[: xs.index(last)]
        chain = [x for x in before if x not in names or stems[x] == stems.get(last)]
        running |= {*chain} if len(chain) < TERMS and not set(names).isdisjoint(chain) else set()
    return running | _divided_totals(program, stems)


def _divided_totals(program: Program, stems: Mapping[Var, str]) -> set[Var]:
    """The numbers that a constant multiplies or divides for the same variable: L of ``L = L / n``."""
    scaled = (eq for eq in program.equations if eq.algebra in ("product", "quotient") and not is_in_loop(eq))
    defined, users = program.defined, program.users
    return {
        x for eq in scaled for x in eq.reads[:1]
        if len(eq.reads) == 1 == len(users[x]) and x in defined and not x.shape and x in stems
        and stems[x] == stems.get(eq.y)
    }  # fmt: skip


def rows_of_data(program: Program, active: Container[Var], names: Mapping[Var, str]) -> set[Var]:
    """The rows of given data in a loop, which are written as such, ``ys[t]``; `active` values are not given. So is what
    a variable is before a loop that assigns others to it, ``y1 = y[1]``.
    """
    rows = [eq for eq in program.equations if type(eq.params.get("index")) is int]
    turns, others = Counter(map(place, rows)), {place(eq) for eq in rows if eq.x in active}
    # Of zip(a, H) the rows of H, but not a and b of ``a, b = u``.
    kind = {eq.y: (place(eq), eq.x, stem(names.get(eq.y, ""))) for eq in rows}
    often = Counter(kind[eq.y] for eq in rows if eq.x not in active)
    again = {eq.y: eq.code for eq in rows if eq.y in names and eq.code}
    starts = {v for v, code in again.items() if len(assigned(code, names[v]) or ()) > 1}
    rows = [eq for eq in rows if turns[place(eq)] > 1 or eq.y in starts]
    learned = {place(eq) for eq in rows if eq.x in active and eq.y.shape}
    data = {
        eq.y for eq in rows if place(eq) not in others or often[kind[eq.y]] > 1
        or not eq.y.shape and (_is_at_counter(eq) or is_turn(eq) and place(eq) not in learned)
    }  # fmt: skip
    defined = program.defined
    computed = {f"{stem(word)}0" for v, word in names.items() if v in defined and v not in data}
    return {v for v in data if names.get(v) not in computed}  # of a state x0, x1, …


def _is_at_counter(eq: Equation) -> bool:
    """Whether an equation reads an entry at the variable of a loop that counts, ``s[k]``."""
    match expression(eq):
        case ast.Subscript(slice=ast.Name() as at):
            return counts_up(eq.code, at)
    return False


def without_gaps(names: Mapping[Var, str], left_out: Container[Var]) -> dict[Var, str]:
    """The names of values without those that are `left_out`, of a sum in a loop in a loop: G1, G2, not G3, G6."""
    shown = {v: word for v, word in names.items() if v not in left_out}
    for word in {stem(word) for v, word in names.items() if v in left_out}:
        family = [v for v in shown if stem(shown[v]) == word != shown[v]]
        numbers = [int(re.sub(r".*\D", "", shown[v])) for v in family]
        if len(family) > 1 and numbers != [*range(numbers[0], numbers[0] + len(family))]:
            shown |= {v: re.sub(r"\d+$", str(k + 1), shown[v]) for k, v in enumerate(family)}
    return shown


def leave_unnamed(program: Program, names: dict[Var, str], wrt: Iterable[Var]) -> None:
    """Take the names from values of which each round of a loop has several: p1, p2, … of an inner loop that is written
    out, and S of ``S, I = y`` in a function that each calls several times, where one call is named.
    """
    inner, unpacked = defaultdict[Any, list[Var]](list), defaultdict[Any, list[Var]](list)
    for eq in program.equations:
        if names.get(eq.y, "")[-1:].isdigit() and rounds_of(eq) > 1:
            inner[place(eq)].append(eq.y)
    one = [values for values in inner.values() if len({stem(names[v]) for v in values}) == 1]  # not i, f = [… for …]
    several = [v for values in one for v in values]
    for eq in program.equations:
        if eq.algebra == "index" and type(at := eq.params["index"]) is int and eq.code is not None:
            unpacked[place(eq), at].append(eq.y)
    several += [v for values in unpacked.values() if not names.keys() >= {*values} for v in values]
    for v in {*several} - {*wrt}:
        names.pop(v, None)


def rounds_of(eq: Equation) -> int:
    """The rounds of the innermost loop around an equation, if its line lists them for those of an outer one, or 1."""
    e = expression(eq) if eq.code is not None else None
    return 1 if e is None or eq.code is None else spelled_out(eq.code, e)


def name_unpacked(program: Program, names: dict[Var, str], taken: Names) -> None:
    """Name what is computed for the next step of a loop as that reads it: S1, S2, … for S in ``S, I = state``."""
    turns, defined = _turns(program), program.defined
    read: dict[str, list[list[Var]]] = {}
    for eq in program.equations:
        for k, v in enumerate(eq.operands):
            e, by = operand(eq, k), defined.get(v) if isinstance(v, Var) else None
            if by is not None and isinstance(e, ast.Name) and is_unpacked(eq.code, e.id):
                values = [turn.y for turn in turns[place(by), by.row]]
                read.setdefault(e.id, []).extend([values] if values not in read.get(e.id, ()) else [])
    for word, [values, *others] in read.items():
        new = [f"{word}{k + 1}" for k in range(len(values))]
        if len(values) > 1 and not others and program.named.isdisjoint(values[:-1]) and taken.isdisjoint(new):
            names |= dict(zip(values, new, strict=True))
            taken.update(new)


def number_result(program: Program, names: dict[Var, str], taken: Names) -> None:
    """Call a result w3 that the last round of a loop computes in the place of w1 and w2; a sum of terms stays L."""
    [root] = program.outputs
    word = names.get(root, "")
    others = {v: int(w[len(word) :]) for v, w in names.items() if w != word == stem(w) and w[len(word) :].isdigit()}
    defined = program.defined
    before = [v for v in others if {root, v} <= defined.keys() and place(defined[v]) == place(defined[root])]
    last = max(others.values(), default=0)
    rows = {eq.algebra for eq in program.users[before[-1]]} if before else set()
    is_sum = len(rows) == 1 and {*rows, defined[root].algebra} <= {"sum", "difference"}
    if before and not is_sum and others[before[-1]] == last and (new := f"{word}{last + 1}") not in taken:
        names[root] = new
        taken.add(new)


def name_joined(program: Program, names: dict[Var, str], taken: Names) -> None:
    """Call an array ys that ``ys = np.array(ys)`` makes of ys0, ys1, ys2, not ys3; or ``np.array(ys)``, which has no
    name. If its parts are products without a name, which are computed at one place and used for nothing else, they are
    ys1, ys2, ys3.
    """
    users, defined = program.users, program.defined
    for eq in (eq for eq in program.equations if eq.algebra == "stack"):
        word, parts = names.get(eq.y, ""), [x for x in eq.operands if isinstance(x, Var)]
        words = {stem(names[x]) if x in names else "" for x in parts}
        alone = all(x in defined and len(users[x]) == 1 for x in parts) and len(parts) == len(eq.operands) > 2
        if not word:
            word = _joined(eq) if any(u.row.kind != "linear" for u in users.get(eq.y, ())) else ""  # no mean of losses
            word = "" if word in words and not alone else word  # dL/dd[2] is not dL/dd2
        elif stem(word) in words:
            word = stem(word)
        if word != names.get(eq.y) and word and word not in taken:
            names[eq.y] = word
            taken.add(word)
        new = [f"{word}{k}" for k in range(1, len(parts) + 1)]
        is_new = bool(word) and words == {""} and eq.params["axis"] == 0 and taken.isdisjoint(new)
        is_new = is_new and word == stem(word) and alone and len({place(defined[x]) for x in parts}) == 1
        if is_new and defined[parts[0]].row.kind not in ("elementwise", "linear"):  # others are written in place
            names |= dict(zip(parts, new, strict=True))
            taken.update(new)


def _joined(eq: Equation) -> str:
    """The list of the user's that an array is made of, as its operand stands in the source; or nothing."""
    calls = [at for at in ast.walk(line(eq) or ast.Pass()) if isinstance(at, ast.Call)]
    lists = {at.args[0].id for at in calls if at.args and isinstance(at.args[0], ast.Name)
             and isinstance(at.func, ast.Attribute) and at.func.attr in ("array", "asarray", "stack")}  # fmt: skip
    return lists.pop() if len(lists) == 1 else ""


def count_from_start(program: Program, names: dict[Var, str], taken: Names) -> None:
    """Call a state c0 that is computed before a loop, and c1, c2, … what a helper computes for it in each round."""
    defined, codes = program.defined, {eq.code for eq in program.equations} - {None}
    variables = {word for code in codes for word in (*code.co_varnames, *code.co_names, *code.co_freevars)}
    families: dict[str, list[Var]] = {}
    for v in (v for v in defined if v in names):  # in order of computation
        families.setdefault(stem(names[v]), []).append(v)
    for word, values in families.items():
        old, new = ([f"{word}{k + first}" for k in range(len(values))] for first in (1, 0))
        places = [place(defined[v]) for v in values]
        is_apart = len(values) > 3 and len({*places[1:]}) == 1 and places[0] != places[1]
        if is_apart and [names[v] for v in values] == old and new[0] not in taken and variables.isdisjoint(old + new):
            names |= dict(zip(values, new, strict=True))
            taken.add(new[0])


def count_back(program: Program, names: dict[Var, str]) -> None:
    """Call what the rounds of a loop compute G3, G2, G1, if they read r3, r2, r1 of a list that is reversed."""
    turns, inputs = _turns(program), {*program.inputs}
    loops = {
        loop_of(eqs[0]): len(eqs) for eqs in turns.values()
        for read in zip(*([x for x in eq.operands if isinstance(x, Var)] for eq in eqs), strict=False)
        if len(eqs) > 1 and {*read} <= inputs and _counts([names.get(v, "") for v in read]) == -1
    }  # fmt: skip
    for eqs in turns.values():
        words = [names.get(eq.y, "") for eq in eqs if not eq.row.outputs]
        if loop_of(eqs[0]) is not None and loops.get(loop_of(eqs[0])) == len(words) == len(eqs) and _counts(words) == 1:
            names |= {eq.y: word for eq, word in zip(eqs, words[::-1], strict=True)}


def _turns(program: Program) -> dict[Any, list[Equation]]:
    """The equations of one row at one place, by both."""
    turns: dict[Any, list[Equation]] = {}
    for eq in program.equations:
        turns.setdefault((place(eq), eq.row), []).append(eq)
    return turns


def _counts(words: Sequence[str]) -> int:
    """1 for names like z1, z2, z3, -1 for z3, z2, z1, or else 0."""
    up = [f"{stem(words[0])}{k + 1}" for k in range(len(words))]
    return 1 if [*words] == up else -1 if [*words] == up[::-1] else 0


def number_starts(program: Program, names: dict[Var, str], taken: Names) -> None:
    """Call a value var1, not var0, that the first round of a loop uses as it is: the second round computes var2."""
    defined = program.defined
    values = {word: v for v, word in names.items() if v in defined}
    for start in [word for word in values if word.endswith("0") and f"{word[:-1]}2" in values]:
        if (word := f"{start[:-1]}1") not in taken:
            names[values[start]] = word
            taken.add(word)


def start_of(words: Sequence[str], begin: int = 1) -> str:
    """The name of a variable before a loop, h0, of which an operand is h1, h2, … in the later rounds, or h4 before h3,
    h2 of a loop that is back to front; or nothing. With `begin` 2 it is h1 before h2, h3.
    """
    m = re.fullmatch(r"(.*\D)([1-9]\d*)", words[0]) if words else None
    first = int(m[2]) if m else 0
    by = -1 if m and words[1:2] == [f"{m[1]}{first - 1}"] else 1
    is_run = first == begin or by < 0
    return f"{m[1]}{first - by}" if m and is_run and [*words] == [
        f"{m[1]}{first + by * k}" for k in range(len(words))
    ] else ""  # fmt: skip


def with_starts(program: Program, names: dict[Var, str]) -> Program:
    """The program with a step ``h0 = x`` where a loop that computes h1, h2 begins with ``h = x``; h0 is named."""
    places: dict[Any, list[Equation]] = {}
    for eq in program.equations:
        places.setdefault(place(eq), []).append(eq)

    def called(x: Any) -> str:
        return names.get(x, "") if isinstance(x, Var) else ""

    wishes = {
        (eq.y, k): (x, start)
        for eq, *others in places.values() for k, x in enumerate(eq.operands) if isinstance(x, Var)
        if (start := start_of([called(other.operands[k]) for other in others if len(other.operands) > k]))
    }  # fmt: skip
    _name_aliases(program, {(y, x): word for (y, _), (x, word) in wishes.items()}, names)
    words = {word: v for v, word in names.items() if v not in program.outputs}
    starts: dict[tuple[Var, str], Var] = {}

    def rule(eq: Equation, defined: Mapping[Var, Equation]) -> list[Equation]:
        operands, new = list(eq.operands), list[Equation]()
        if eq.algebra == "stack" and len(operands) > 1 and isinstance(operands[0], Var):  # of xs = [x0]
            operands[0] = starts.get((operands[0], f"{stem(called(operands[1]))}0"), operands[0])
        for k in range(len(operands)):
            x, word = wishes.get((eq.y, k), (eq.y, ""))
            first = words.get(f"{word[:-1]}1", x)
            e = operand(eq, k)
            is_plain = bool(word) and {word, stem(word)}.isdisjoint(words) and first not in defined
            is_plain &= not isinstance(e, ast.Name) or e.id != names.get(x)  # u1, of which u2 is the next
            if is_plain and stem(names.get(x, "")) not in ("", stem(word)) and x.ndim == first.ndim:
                start = starts.get((x, word)) or Var(word, x.shape, x.dtype)
                if (x, word) not in starts:
                    new.append(replace(eq, outputs=(start,), row=TABLE["positive"], operands=(x,), params={}))
                starts[x, word] = operands[k] = start
        return [*new, replace(eq, operands=tuple(operands))] if operands != list(eq.operands) else [eq]

    program = program.mapped(rule)
    names |= {v: v.name for v in starts.values()}
    return program


def _name_aliases(program: Program, wishes: Mapping[tuple[Var, Var], str], names: dict[Var, str]) -> None:
    """Call the first value of a state a_next0 that each round computes as a_next, and then calls a."""
    defined = program.defined
    for (y, x), word in wishes.items():
        code = defined[y].code
        again = assigned(code, stem(names[x])) if code and x in names and x in defined else ()
        if any(isinstance(e, ast.Name) and f"{e.id}0" == word for e in again or ()) and word not in names.values():
            names[x] = word


def without_numbers(
    names: dict[Var, str], taken: Names, numbered: Container[str], free: Collection[str], own: Set[Var]
) -> None:
    """Give P its own name again, of which only the second value, P2, is a step, or that of the first call of a helper
    in a round, P1_2; `free` names may be used.
    """
    stems = Counter(map(_variable, taken))
    for v, word in names.items():
        plain = _variable(word)
        if v not in own and word in numbered and plain in free and plain not in taken and stems[plain] == 1:
            names[v] = plain
            taken.add(plain)


def _variable(word: str) -> str:
    """The variable of a value with a number, P of P2 and P1_2."""
    return re.sub(r"\d+_\d+$", "", word) if re.search(r"\D\d+_\d+$", word) else stem(word)


def letters_of(equations: Sequence[Equation], constants: Iterable[Expr], named: Container[Var]) -> str:
    """The letters that a derivation has for functions and numbers: those of rows and of their derivatives, and of
    `constants`, such as σ and π. The values in `named` are read as such.
    """
    out = "".join(TEXT.number(part.value) for e in constants for part in walk(e) if part.is_number)
    powers = {eq.y for eq in equations if eq.algebra == "exponential" and eq.y not in named}
    for eq in equations:
        is_sum = eq.algebra == "sum" and any(type(x) in (int, float) and x == 1 for x in eq.operands)
        is_sum |= "(1 + x)" in _letters(eq.row)  # log1p(exp(z))
        is_sigmoid = is_sum and any(isinstance(x, Var) and x in powers for x in eq.operands)  # 1 + exp(z)
        out += _letters(TABLE["sigmoid"] if is_sigmoid else eq.row)
    return out


@lru_cache
def _letters(row: Primitive) -> str:
    """What is written for a row and its derivatives."""
    book = row.textbook if isinstance(row.textbook, Textbook) else Textbook()
    slopes = derivatives(row, 0.5) if row.kind == "elementwise" and len(row.pulls) == 1 else []
    words = re.findall(r"\w+", f"{book.jacobian}{book.gradients}")
    told = "".join(NOTATIONS[w].text for w in words if w in NOTATIONS)
    return f"{row.text}{'δ' * ('delta' in words)}{told}{''.join(slope.text() for slope in slopes)}"
