"""A region of a block as functions in C: its steps in groups, each a loop; where values are; the text.

A function takes its arrays as one array of pointers, ``at``. The first is the memory of the block, in which the values
that no other function needs have their places.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from math import prod
from typing import Any

import numpy as np

from ...base.escape import identifier, plain
from ...engine.node import Shape
from ...program import Equation, Var
from ...program.naming import Names
from ...table.scalar import FUNCTIONS, variable
from ..buffers import Buffer, placed
from ..text import users_line
from .blocks import LEAST, Group, Unit, steps_of, units
from .loops import COMPUTED, INDENT, LANGUAGES, LETTERS, PIECE, Loops, indented, linear
from .products import KINDS, Stack, declared, matmul
from .steps import PLUS, TYPES, Place, Step, Steps, functions_of, is_tiled

MOST = 100  # steps in a group
ARRAYS = 16  # in a group that a step joins although it has none of them
INLINE = 24  # groups in one function; others have a function each, which equal ones share
SHARED = 2**18  # operations of what several threads share
ENTRIES = 2**12  # of a loop that a thread takes at once
BLOCKS = "  // blocks of rows"
LOCAL = 2**12  # bytes of an array on the stack
STACK = 2**16  # bytes of all of these
TILE = {"": 16, "f": 32}  # columns of a tile of a product, which has four rows; by the suffix of the dtype

#: What a variable must not be called: C's keywords, the names in this file, and those in <math.h>.
KEYWORDS = {
    *re.findall(r"\w+", """
    auto break case char const continue default do double else enum extern float for goto if inline int long register
    restrict return short signed sizeof static struct switch typedef union unsigned void volatile while asm typeof bool
    true false nullptr constexpr thread_local alignas alignof static_assert main at linux unix
    maximum minimum maximumf minimumf add addf total totalf sum sumf memset memcpy fabs fabsf
    matmul matmulf use_matmul use_matmulf
    FUSED turned turnedf in_threads share run_share first last
    I NAN INFINITY NULL EOF HUGE_VAL HUGE_VALF HUGE_VALL MATH_ERRNO MATH_ERREXCEPT math_errhandling FP_NAN FP_INFINITE
    FP_ZERO FP_SUBNORMAL FP_NORMAL FP_FAST_FMA FP_FAST_FMAF FP_ILOGB0 FP_ILOGBNAN double_t float_t size_t ptrdiff_t
    wchar_t y0 y1 yn j0 j1 jn gamma lgamma tgamma signgam div abs
    """),
    *(name + suffix for name in FUNCTIONS for suffix in ("", "f", "l")),
    *(f"tile{m}x{n}{f}" for f, wide in TILE.items() for m in range(1, 5) for n in range(1, wide + 1)),
}  # fmt: skip


def c_name(text: str) -> str:
    """A name in C that resembles `text`; it may still be one of `KEYWORDS`.

    >>> c_name("fc1.weight"), c_name("__FILE__"), c_name("β")
    ('fc1_weight', 'FILE__', 'x')
    """
    return identifier(re.sub(r"\W", " ", identifier(text), flags=re.ASCII).lstrip("_"))


def comment(text: str) -> str:
    """A comment on one line, which nothing in it can end or continue."""
    return "// " + re.sub(r"\\|\?\?", " ", plain(text)).strip()


class Kernel:
    """The steps of a region in groups, in an order in which each value is computed before it is used.

    Parameters
    ----------
    eq : Equation
        The region.
    layouts : mapping of Var to tuple of int
        The strides of the arrays that it reads, and of results whose order in memory is given.
    into : mapping of Var to Var
        Results that may be computed in the memory of an input.
    alone : bool
        Whether its function is one for any compiler, which calls no other and whose arrays are its own.
    threads : int
        How many threads share long loops.

    Attributes
    ----------
    layouts : dict of Var to tuple of int
        The strides of all arrays.
    scratch : int
        The bytes of memory that it needs for values of its own.
    into : dict of Var to Var
        New values that are computed in the memory of an input.
    """

    def __init__(
        self, eq: Equation, layouts: Mapping[Var, Shape], into: Mapping[Var, Var], alone: bool = False,
        threads: int = 1,
    ) -> None:
        outputs = self.outputs = eq.outputs
        self.threads = threads
        steps = Steps(eq.params["equations"], eq.params["arrays"], layouts, eq.params["kinds"], outputs)
        self.layouts = steps.layouts
        self.groups: list[Group] = []
        self._by_space: dict[Any, list[int]] = {}
        self._writers: dict[Var, list[tuple[int, Step]]] = {}
        self._reaches: dict[Var, list[tuple[int, int]]] = {}  # of what they write
        self._exact: dict[Any, tuple[int, Step]] = {}
        self._filled: set[Var] = set()  # arrays in which parts are written over zeros
        self.stored: set[Var] = set()
        self.last: dict[Var, int] = {}
        for step in sorted(steps.steps, key=lambda step: bool(step.xs)):  # zeros first, so that parts can join others
            self._place(step)
        self.into = {x: u for x, u in into.items() if self._can_overwrite(x, u)}
        outside = {*layouts, *outputs}
        self.stored |= {s.target.root for s in steps_of(self.groups) if not s.is_entry}
        self.stored |= {v for v in outputs if v in self._writers}
        self.own_roots = {v for v in self._writers if v not in outside}
        self.own = [v for v in self._writers if v in self.stored and v not in outside]
        self.units = units(self.groups, self.stored, self.into, outside)
        self.inline = alone or len(self.units) <= INLINE
        self._positions(self.last, alone)

    # ------------------------------------------------------------------------------------------------- the groups

    def _place(self, step: Step) -> None:
        if step.product is None:
            self._adapt(step)
        reach, *reaches = step.reaches
        sources = [self._writers_of(p, r) for p, r in zip(step.places, reaches, strict=True)]
        least = 0
        for place, writers in zip(step.places, sources, strict=True):
            for k, writer in writers:
                least = max(least, k if len(writers) == 1 and _is_same_turn(place, step, writer) else k + 1)
        root = step.target.root
        if step.eq.algebra in ("placement", "strips added up"):  # after the zeros around a part, and other parts
            least = max([least, *(k + 1 for k, _ in self._writers.get(root, ()))])
            self._filled.add(root)
        space = (step.space, step.product, id(step)) if step.product else step.space
        same = self._by_space.setdefault(space, [])
        arrays = {p.root for p in (step.target, *step.places) if p.root.size > 1}
        for k in same[bisect_left(same, least) :]:
            group = self.groups[k]
            if len(group.steps) < MOST and (len(group.arrays) < ARRAYS or not arrays.isdisjoint(group.arrays)):
                break
        else:
            k = len(self.groups)
            self.groups.append(Group(space))
            same.append(k)
        self.groups[k].steps.append(step)
        self.groups[k].arrays |= arrays
        self._writers.setdefault(root, []).append((k, step))
        self._reaches.setdefault(root, []).append(reach)
        self._exact[step.target, reach] = k, step
        self._is_stored(step, k, sources)

    def _adapt(self, step: Step) -> None:
        """Give a step the space of one that computes its operand, if that has the same entries in the same order."""
        writers = [w for p in step.places for w in self._writers.get(p.root, ())[-1:] if w[1].is_entry]
        for _, writer in sorted(writers, key=lambda w: -w[0]):
            if writer.space == step.space:
                return
            if prod(writer.space) == prod(step.space):
                try:
                    xs = [x.reshaped(step.space, writer.space) if isinstance(x, Place) else x for x in step.xs]
                    target = step.target.reshaped(step.space, writer.space)
                except ValueError:
                    continue
                step.xs, step.target, step.space = xs, target, writer.space
                return

    def _is_stored(self, step: Step, k: int, sources: list[list[tuple[int, Step]]]) -> None:
        for p, writers in zip(step.places, sources, strict=True):
            self.last[p.root] = max(k, self.last.get(p.root, 0))
            local = len(writers) == 1 and writers[0][0] == k and _is_same_turn(p, step, writers[0][1])
            if not local:
                self.stored.add(p.root)

    def _writers_of(self, place: Place, reach: tuple[int, int]) -> list[tuple[int, Step]]:
        """The steps that write to a place, with their groups."""
        root = place.root
        writers = self._writers.get(root, [])
        if len(writers) < 2:
            return writers
        if root not in self._filled and (place, reach) in self._exact:  # parts do not overlap
            return [self._exact[place, reach]]
        return [
            writer for writer, (low, high) in zip(writers, self._reaches[root], strict=True)
            if low <= reach[1] and reach[0] <= high
        ]  # fmt: skip

    def _can_overwrite(self, x: Var, u: Var) -> bool:
        """True if the new value `x` can be stored in the memory of `u`, since all reads of `u` come before."""
        writers = self._writers.get(x, ())
        if len(writers) != 1:
            return bool(writers) and not any(p.root is u for step in steps_of(self.groups) for p in step.places)
        at, writer = writers[0]
        for k, group in enumerate(self.groups):
            for p in (p for step in group.steps for p in step.places if p.root is u):
                same = k == at and writer.is_entry and p._replace(root=x) == writer.target
                if k >= at and not same:
                    return False
        return True

    def _positions(self, last: Mapping[Var, int], alone: bool) -> None:
        """Place the values of its own: single numbers in one array each kind, others in memory or on the stack."""
        self.singles: dict[Var, tuple[str, int]] = {}
        counts: dict[str, int] = {}
        arrays = []
        for v in self.own:
            if prod(v.shape) != 1 or self.inline:
                arrays.append(v)
            else:
                kind = v.dtype.char
                self.singles[v] = kind, counts.get(kind, 0)
                counts[kind] = counts.get(kind, 0) + 1
        self.counts = counts
        self.on_stack = set(arrays) if alone else set()
        left = STACK if self.inline else 0
        for v in arrays:
            size = prod(v.shape) * v.dtype.itemsize
            if size <= min(LOCAL, left):
                self.on_stack.add(v)
                left -= size
        buffers: dict[Any, Buffer] = {
            kind: Buffer(n * np.dtype(kind).itemsize, 0, len(self.groups)) for kind, n in counts.items()
        }
        at = [k for k, unit in enumerate(self.units) for _ in unit.groups]  # the unit of each group
        for v in arrays:
            if v not in self.on_stack:
                used = [k for k, _ in self._writers[v]]
                buffers[v] = Buffer(v.size * v.dtype.itemsize, at[min(used)], at[max(last.get(v, 0), *used)])
        self.scratch = placed([*buffers.values()])
        self.offset = {key: buffer.start for key, buffer in buffers.items()}

    @property
    def work(self) -> int:
        """About how many operations a call takes."""
        return sum(unit.work for unit in self.units)

    @property
    def functions(self) -> set[str]:
        """The functions of the mathematical library in it, with an f for single precision."""
        return {name + s.suffix for s in steps_of(self.groups) for name in functions_of(s.e)}


def _is_same_turn(place: Place, step: Step, writer: Step) -> bool:
    """True if a step reads what another one computes in the same turn of a loop."""
    simple = writer.is_entry and step.product is None
    return simple and writer.space == step.space and writer.target == place


class Writer:
    """Writes the functions of a kernel; its arrays are arguments, on the stack, or in the memory ``at[0]``.

    Parameters
    ----------
    kernel : Kernel
    name : str
        That of the last function.
    arguments : sequence of Var
        The arrays after the memory in ``at``.
    places : dict of Var to int
        The offsets of other arrays in the memory.
    scratch : int
        The offset of the kernel's own values.
    reduction : Reductions
    functions : dict of str to str
        The names of the functions in the file that are loops, by their text.
    """

    def __init__(
        self, kernel: Kernel, name: str, arguments: Sequence[Var], places: Mapping[Var, int], scratch: int,
        reduction: Callable[[Step], str], functions: dict[str, str],
    ) -> None:
        self.kernel, self.name = kernel, name
        self.arguments, self.places, self.scratch = list(arguments), places, scratch
        self.reduction, self.functions = reduction, functions
        self.names = Names({*KEYWORDS, *LETTERS, name, *functions.values()}, between="_")
        self.words: dict[Any, str] = {}  # of arrays, and of those of single numbers by their kind
        self.before: list[str] = []
        self.written = {self._array(s.target.root) for s in steps_of(kernel.groups)}

    def _array(self, v: Var) -> Var:
        return self.kernel.into.get(v, v)

    def fresh(self, wish: str) -> str:
        return self.names.take(c_name(wish))

    def base(self, place: Place) -> tuple[str, int]:
        """The name of an array, and where in it a place begins."""
        v = self._array(place.root)
        if v in self.kernel.singles:
            kind, at = self.kernel.singles[v]
            return self._name(kind, "numbers"), at + place.offset
        return self._name(v, v.name), place.offset

    def _name(self, key: Any, wish: str) -> str:
        if key not in self.words:
            self.words[key] = self.fresh(wish)
        return self.words[key]

    def lines(self) -> list[str]:
        """The lines of all functions."""
        body = self.body()
        head = [f"void {self.name}(void *const *at)", "{"]
        return [*self.before, *head, *indented([*self._declarations(), "", *body]), "}", ""]

    def body(self) -> list[str]:
        """The lines of the function; `before` has those of the functions that it calls."""
        kernel = self.kernel
        for step in steps_of(kernel.groups):
            for place in (*step.places, step.target):
                if place.root in kernel.stored or place.root not in kernel.own_roots:
                    self.base(place)
        lines = []
        before_that = ""
        for unit in kernel.units:
            where = users_line(unit.steps[0].eq)
            if where != before_that and kernel.inline:
                lines.append(comment(where))
                before_that = where
            if self.kernel.threads > 1 and unit.work >= SHARED and (shares := self._in_threads(unit)):
                lines += shares
            elif kernel.inline:
                names = Names(self.names, between="_")
                lines += self._unit(unit, self.base, lambda wish, names=names: names.take(c_name(wish)))
            else:
                lines.append(self._shared(unit))
        return lines

    def _in_threads(self, unit: Unit) -> list[str]:
        """The call of a function that several threads run, each for a part of the rows; none if parts are not apart.

        A part begins at a multiple of what a loop takes at once, so no result depends on the number of threads.
        """
        names = Names({*KEYWORDS, *LETTERS}, between="_")
        arrays: dict[str, tuple[str, str]] = {}  # by what is passed: the name in the function, and its declaration

        def base(place: Place) -> tuple[str, int]:
            name, start = self.base(place)
            if name not in arrays:
                word = names.take("a")
                arrays[name] = word, f"{TYPES[place.root.dtype.char]} *{word} = at[{len(arrays)}];"
            return arrays[name][0], start

        sums = []
        step = unit.steps[0]
        if step.product:
            rows, block = next(((n, 1) for n in step.space if n > 1), (step.product[0], 8))
            lines = matmul(step, base, names.take, parts=True) if is_tiled(*step.product) else []
        elif unit.rows:
            rows, block = unit.rows, unit.block
            lines = self._unit(unit, base, names.take, ("first", "last"))
            lines = lines if lines[0].endswith(BLOCKS) else []  # no sums over all rows
        else:
            loops = self._loops(unit.groups[0], base, names.take)
            rows, block, loops.bounds = loops.axes[0][0], LEAST if len(loops.axes) > 1 else ENTRIES, ("first", "last")
            lines, sums = self._group(loops), loops.sums
            summed = sum(bool(s.fold) and not s.target.strides[loops.axes[0][1]] for s in unit.steps)
            lines = [] if loops.before or summed > len(sums) else lines
        if not lines or rows < 2 * block:
            return []
        name = self.fresh(f"{self.name}_part")
        self.before.append(comment(users_line(step.eq)))
        self.before += [f"static void {name}(void *const *at, long first, long last)", "{"]
        self.before += indented([declaration for _, declaration in arrays.values()])
        passed = [f"(void *){array}" for array in arrays]
        before, after = [], []
        for s, word in sums:
            pieces, count, kind = self.fresh("parts"), -(-rows // PIECE), COMPUTED[s.kind]
            self.before += indented([f"{kind} *{word} = at[{len(passed)}];"])
            passed.append(pieces)
            before.append(f"{kind} {pieces}[{count}];")
            whole, (array, start) = self.fresh("whole"), self.base(s.target)
            after += [f"struct sum{s.suffix} {whole} = {{0, 0}};", f"for (long k = 0; k < {count}; k++)"]
            after.append(f"{INDENT}add{s.suffix}(&{whole}, {pieces}[k]);")
            after.append(f"{array}[{start}] = total{s.suffix}(&{whole});")
        self.before += [*indented(lines), "}", ""]
        call = f"in_threads({name}, (void *[]){{{', '.join(passed)}}}, {rows}, {block}, {self.kernel.threads});"
        return ["{", *indented([*before, call, *after]), "}"] if sums else [call]

    def _unit(self, unit: Unit, base: Any, fresh: Any, part: tuple[str, str] = ("0", "")) -> list[str]:
        """The lines of groups block by block, or of one group; `part`: of these rows."""
        if not unit.rows:
            (group,) = unit.groups
            step = group.steps[0]
            if step.product:
                has_rows = step.product[1] == 1 or step.target.strides[-1] == 1  # that are contiguous
                return (_product if has_rows and not is_tiled(*step.product) else matmul)(step, base, fresh)
            return self._group(self._loops(group, base, fresh))
        first, last = fresh("row"), fresh("end")
        start, stop = part[0], part[1] or str(unit.rows)
        before = []
        body = [f"const long {last} = {first} + {unit.block} < {stop} ? {first} + {unit.block} : {stop};"]
        for group in unit.groups:
            loops = self._loops(group, base, fresh)
            turns = loops.axes[0][0] // unit.rows
            loops.bounds = (first, last) if turns == 1 else (f"{turns} * {first}", f"{turns} * {last}")
            body += self._group(loops)
            before += loops.before
        head = f"for (long {first} = {start}; {first} < {stop}; {first} += {unit.block}) {{{BLOCKS}"
        return [*before, head, *indented(body), "}"]

    def _loops(self, group: Group, base: Any, fresh: Any) -> Loops:
        overwrites = any(s.target.root in self.kernel.into for s in group.steps)
        return Loops(group.steps, self.kernel.stored, base, fresh, self.reduction, overwrites)

    def _group(self, loops: Loops) -> list[str]:
        lines = loops.lines()
        plain = len(lines) == 1 or lines[0].startswith(("for", "#")) and not loops.declares
        return lines if plain else ["{", *indented(lines), "}"]

    def _shared(self, unit: Unit) -> str:
        """A call of a function of a unit; those with the same text have the same function."""
        shared = self.functions
        names = Names({*KEYWORDS, *LETTERS}, between="_")
        arrays = {}  # by array: its name in the function, the type, what is passed
        written = {self._array(s.target.root) for s in unit.steps}
        space = unit.groups[0].space

        def base(place: Place) -> tuple[str, int]:
            v = self._array(place.root)
            name, start = self.base(place)
            key = name if not space else (name, start)
            if key not in arrays:
                const = "" if v in written or v in self.kernel.singles else "const "
                passed = name if not space or not start else f"{name} + {start}"
                arrays[key] = names.take("a"), f"{const}{TYPES[v.dtype.char]} *", passed
            return arrays[key][0], start if not space else 0

        lines = self._unit(unit, base, lambda wish: names.take("t"))
        head = ", ".join(f"{kind}{name}" for name, kind, _ in arrays.values())
        text = "\n".join(indented(lines))
        key = f"{head}\n{text}"
        if key not in shared:
            shared[key] = self.fresh(f"{self.name}_loop")
            self.before.append(comment(users_line(unit.steps[0].eq)))
            self.before += [f"static __attribute__((noinline)) void {shared[key]}({head})", "{", text, "}", ""]
        return f"{shared[key]}({', '.join(passed for _, _, passed in arrays.values())});"

    def _declarations(self) -> list[str]:
        """The arrays: arguments, places in the memory, and those on the stack."""
        kernel, lines = self.kernel, []
        in_memory = "(void *)((char *)at[0] + {})"
        for key, word in self.words.items():
            if isinstance(key, str):
                memory = in_memory.format(kernel.offset[key] + self.scratch)
                lines.append(f"{TYPES[key]} *{word} = {memory};  // {kernel.counts[key]} numbers")
                continue
            kind, shape = TYPES[key.dtype.char], sizes(key)
            const = "" if key in self.written else "const "
            if key in kernel.on_stack:
                lines.append(f"{kind} {word}[{prod(key.shape)}];  // {shape}")
            elif key in self.arguments:
                lines.append(f"{const}{kind} *{word} = at[{self.arguments.index(key) + 1}];  // {shape}")
            else:
                start = kernel.offset[key] + self.scratch if key in kernel.offset else self.places[key]
                lines.append(f"{const}{kind} *{word} = {in_memory.format(start)};  // {shape}")
        return lines


def _product(step: Step, base: Callable[[Place], tuple[str, int]], fresh: Callable[[str], str]) -> list[str]:
    """A product of matrices with contiguous rows, or of stacks of them, as calls for its tiles."""
    assert step.product is not None
    (m, n, k), (a, b), y, wide = step.product, step.places, step.target, TILE[step.suffix]
    stack = Stack(step, base, fresh)
    (ai, aj), (bi, bj), yi = a.strides[-2:], b.strides[-2:], y.strides[-2]
    lines, copied = [], fresh("rows") if bj != 1 else ""
    if copied:  # with contiguous rows
        lines += [f"{COMPUTED[step.kind]} {copied}[{k * n}];", f"for (long j = 0; j < {n}; j++)"]
        lines.append(f"{INDENT}for (long l = 0; l < {k}; l++)")
        entry = stack.at(b, 0, [(bi, "l"), (bj, "j")], "{}[{}]")
        lines.append(f"{INDENT * 2}{copied}[{linear([(n, 'l'), (1, 'j')], 0)}] = {entry};")
    for i, height, rows in (0, 4, m - m % 4), (m - m % 4, m % 4, m):
        for j, width, columns in (0, wide, n - n % wide), (n - n % wide, n % wide, n):
            if i == rows or j == columns:
                continue
            down = [(1, "i")] if rows - i > height else []
            along = [(1, "j")] if columns - j > width else []
            right = f"{copied} + {linear(along, j)}" if copied else stack.at(b, j, along)
            lines += [f"for (long i = 0; i < {rows}; i += {height})"] * len(down)
            lines += [f"{INDENT * len(down)}for (long j = 0; j < {columns}; j += {width})"] * len(along)
            lines.append(
                f"{INDENT * len(down + along)}tile{height}x{width}{step.suffix}("
                f"{k}, {stack.at(a, i * ai, [(ai, 'i')] * len(down))}, {ai}, {aj}, {right.removesuffix(' + 0')}, "
                f"{n if copied else bi}, {stack.at(y, i * yi + j, [(yi, 'i')] * len(down) + along)}, {yi});"
            )
    lines[-1] += f"  // {m}x{k} by {k}x{n}"
    return stack.loops(["{", *indented(lines), "}"] if copied else lines)


# ------------------------------------------------------------------------------------------------------ the file

_MAXIMUM = """static inline {type} maximum{f}({type} a, {type} b)
{{
    const {type} larger = a >= b ? a : b;
    return a != a ? a : larger;
}}
static inline {type} minimum{f}({type} a, {type} b)
{{
    const {type} smaller = a <= b ? a : b;
    return a != a ? a : smaller;
}}
"""
_SUM = """// a sum, and what was lost in rounding it
struct sum{f} {{ {type} high, low; }};
static inline void add{f}(struct sum{f} *s, {type} x)
{{
    const {type} high = s->high + x;
    s->low += fabs{f}(s->high) >= fabs{f}(x) ? (s->high - high) + x : (x - high) + s->high;
    s->high = high;
}}
static inline {type} total{f}(const struct sum{f} *s)
{{
    return s->low - s->low == 0 ? s->high + s->low : s->high;  // not of an infinite sum
}}
"""
_TILE = """// y (m x n) = a (m x k) times b (k x n); ai and aj are the strides of a along its axes
static __attribute__((noinline, optimize("peel-loops", "fp-contract=off"))) void tile{m}x{n}{f}(
    long k, const {type} *a, long ai, long aj, const {type} *b, long bi, {type} *y, long yi)
{{
    {type} t[{m}][{n}];
    for (int i = 0; i < {m}; i++)
        for (int j = 0; j < {n}; j++)
            t[i][j] = 0;
    for (long l = 0; l < k; l++)
        for (int i = 0; i < {m}; i++) {{
            const {type} x = a[ai * i + aj * l];
            #pragma omp simd
            for (int j = 0; j < {n}; j++)
                t[i][j] += x * b[bi * l + j];
        }}
    for (int i = 0; i < {m}; i++)
        for (int j = 0; j < {n}; j++)
            y[yi * i + j] = t[i][j];
}}
"""


_THREADS = """struct share { void (*run)(void *const *, long, long); void *const *at; long first, last; };
static void *run_share(void *x)
{
    const struct share *share = x;
    share->run(share->at, share->first, share->last);
    return NULL;
}
// run(at, first, last) for parts of the rows at the same time; each begins at a multiple of `step`
static void in_threads(void (*run)(void *const *, long, long), void *const *at, long rows, long step, int count)
{
    struct share shares[count];
    pthread_t threads[count];
    int started[count];
    const long steps = (rows + step - 1) / step;
    for (int k = 0; k < count; k++) {
        const long last = steps * (k + 1) / count * step;
        shares[k] = (struct share){run, at, steps * k / count * step, last < rows ? last : rows};
        started[k] = k && !pthread_create(&threads[k], NULL, run_share, &shares[k]);
    }
    for (int k = 0; k < count; k++)
        if (!started[k])
            run_share(&shares[k]);
    for (int k = 0; k < count; k++)
        if (started[k])
            pthread_join(threads[k], NULL);
}"""


def prelude(texts: Iterable[str], functions: Iterable[str], vectors: Iterable[str]) -> list[str]:
    """The beginning of a file: what the functions in `texts` use. `vectors` have versions for vectors."""
    body = "\n".join(texts)
    lines = ["#include <math.h>", "#include <stddef.h>"]
    for name in sorted(set(functions)):
        if name in vectors:
            kind = "float" if name.endswith("f") and name not in FUNCTIONS else "double"
            count = FUNCTIONS[name if name in FUNCTIONS else name.removesuffix("f")]
            lines.append(f'__attribute__((const, simd("notinbranch"))) {kind} {name}({", ".join([kind] * count)});')
    for f, fields in KINDS.items():
        if re.search(rf"\b(maximum|minimum){f}\b", body):
            lines += ["", _MAXIMUM.format(**fields).rstrip()]
        if re.search(rf"\bstruct sum{f}\b", body):
            lines += ["", _SUM.format(**fields).rstrip()]
        for m, n in sorted({*re.findall(rf"\btile(\d)x(\d+){f}\(", body)}):
            lines += ["", _TILE.format(m=m, n=n, **fields).rstrip()]
        if re.search(rf"\bmatmul{f}\(", body):
            lines.append(declared(f).rstrip())
    if "in_threads(" in body:
        lines[1:1] = ["#include <pthread.h>"]
        lines += ["", _THREADS]
    return [*lines, ""]


def sizes(v: Var) -> str:
    """The shape of a value in a comment: ``3x4``."""
    return "x".join(map(str, v.shape)) or "a number"


class Reductions:
    """The names of folds for ``#pragma omp simd reduction``, and their declarations."""

    def __init__(self) -> None:
        self.lines: dict[tuple[Any, str], tuple[str, str]] = {}

    def __call__(self, step: Step) -> str:
        assert step.fold is not None
        e, start = step.fold
        if e == PLUS:
            return "+"
        key = step.fold, step.kind
        if key not in self.lines:
            name, language, kind = f"fold{len(self.lines) + 1}", LANGUAGES[step.kind], COMPUTED[step.kind]
            text = language.write(e.at({"x1": variable("omp_out"), "x2": variable("omp_in")}))
            zero = language.number(start)
            self.lines[key] = name, (
                f"#pragma omp declare reduction({name}: {kind}: omp_out = {text}) initializer(omp_priv = {zero})"
            )
        return self.lines[key][0]
