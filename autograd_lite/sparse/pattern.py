"""The pattern of a program's Jacobian: which entries of its results depend on which entries of an input.

Every value of the program gets a matrix of truth values, with a row for each of its entries and a column for each entry
of the input. A step turns those of its operands into that of its result:

- A *linear* row is run on positions: what it reads, or adds up, is known from that.
- Of any other row the axes of the operands and of the result have letters, as in einsum: what it sums over, or mixes,
  is one group. Products have ``subscripts=``; elsewhere the letters follow from the rule for batches, so that an
  elementwise row mixes nothing, and one without such a rule everything.
- Zeros of constants count: of a factor in a product, and where a partial derivative follows from constants alone.
- A row that is written with other rows (``definition=``) is looked at through these.

Only shapes and constants are used, never a value that depends on the input. So no entry is missed, wherever the
function is evaluated.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from math import prod
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, eye_array, kron, vstack

from ..compiling.block import traced
from ..engine.node import Shape
from ..engine.record import record
from ..program import Equation, Program, Var
from ..rules.einsum import LETTERS, explicit
from ..table.batching import ALIGNED, along, axes, merged, stacked
from ..transforms.linearize import Linearized
from .colouring import canonical

Indices: TypeAlias = NDArray[np.intp]
FEW = 64  # entries of an operand that are looked at one by one
PHASE = np.exp(0.7j)  # of complex numbers, so that neither the real nor the imaginary part is lost


def dependence(program: Program, start: Mapping[Var, csr_array]) -> list[csr_array | None]:
    """The pattern of each result, from those of inputs; None for a result that depends on none of them."""
    pattern_of = dict(start)
    last: dict[Var, Equation | None] = {x: eq for eq in program.equations for x in eq.reads}
    last |= dict.fromkeys(x for x in program.outputs if isinstance(x, Var))
    for eq in program.equations:
        moving = [k for k, x in enumerate(eq.operands) if isinstance(x, Var) and x in pattern_of and _has_slope(eq, k)]
        if moving:
            patterns = zip(eq.outputs, _step(eq, pattern_of, moving), strict=True)
            pattern_of.update((v, p) for v, p in patterns if p is not None and p.nnz)
        for x in eq.operands:
            if isinstance(x, Var) and last.get(x) is eq:  # it is not used again
                pattern_of.pop(x, None)
    return [pattern_of.get(y) if isinstance(y, Var) else None for y in program.outputs]


def _has_slope(eq: Equation, k: int) -> bool:
    return eq.row.kind != "constant" and eq.row.rule(k) is not None


def _step(eq: Equation, pattern_of: Mapping[Var, csr_array], moving: Sequence[int]) -> Sequence[csr_array | None]:
    """The patterns of the results of one equation."""
    row, patterns = eq.row, [pattern_of[eq.operands[k]] for k in moving]
    if row.pattern is not None:
        return [_union([_stated(eq, k) @ p for k, p in zip(moving, patterns, strict=True)])]
    fixed = all(_has_slope(eq, k) for k, x in enumerate(eq.operands) if isinstance(x, Var))  # indices among them
    if row.kind == "linear" and row.batch is not ALIGNED and fixed:
        joint = _linear(_Map(eq, moving), vstack(patterns, "csr") if patterns[1:] else patterns[0])
        if joint is not None:
            pieces = np.split(np.arange(joint.shape[0]), np.cumsum([v.size for v in eq.outputs])[:-1])
            return [rows(joint, part) for part in pieces] if row.outputs else [joint]
    if row.kind == "general" and row.definition and all(v.size for v in eq.outputs):
        program = traced(partial(row.fn if row.definition is True else row.definition, **eq.params), eq.operands)
        inputs = dict(zip(program.inputs, eq.reads, strict=True))
        if all(inner.row is not row for inner in program.equations):
            return dependence(program, {v: pattern_of[x] for v, x in inputs.items() if x in pattern_of})
    pairs = list(zip(moving, patterns, strict=True))
    return [_union([_through(eq, k, p, v.shape) for k, p in pairs]) for v in eq.outputs]


def _stated(eq: Equation, k: int) -> csr_array:
    """The pattern of a step that its row states, for one example of a stack if the row works over stacks."""
    stated = eq.row.pattern
    assert stated is not None
    of_one = canonical(stated(k, **eq.params))
    count = eq.operands[k].size // max(of_one.shape[1], 1) if isinstance(eq.row.batch, stacked) else 1
    whole = of_one if count == 1 else csr_array(kron(eye_array(count, dtype=bool), of_one))
    expected = eq.y.size, eq.operands[k].size
    if whole.shape != expected:
        raise ValueError(f"{eq.row.name}: pattern= has shape {of_one.shape} for argument {k + 1}; expected {expected}")
    return whole


def _through(eq: Equation, k: int, pattern: csr_array, shape: Shape) -> csr_array:
    """The pattern of a result of this shape, from that of operand `k`."""
    slope = _constant_slope(eq, k)
    if slope is None and eq.operands[k].shape == shape and eq.row.batch is ALIGNED:
        return pattern  # the usual case
    terms, out = _letters(eq, shape)
    if eq.row.kind == "bilinear":
        diagonal = len({*terms[k]}) < len(terms[k])
        by_running = diagonal or eq.row.subscripts is None
        product = _one_by_one(eq, k, pattern) if by_running else _product(eq, k, pattern, terms, out)
        if product is not None:
            return product
    size = _sizes(eq, terms)
    if not set(out) <= set(size):  # it has axes that no operand has
        size |= dict(zip(out, shape, strict=True))
    of_x = dict(zip(terms[k], eq.operands[k].shape, strict=True))
    kept = [c for c in out if of_x.get(c, 1) != 1]
    of_y = _positions(kept, out, size)
    if kept != [c for c in of_x if of_x[c] != 1]:  # what is summed over is one group
        members = _positions(kept, terms[k], of_x)
        pattern = matrix(members, np.arange(len(members)), (prod(size[c] for c in kept), len(members))) @ pattern
    return rows(pattern, of_y if slope is None else np.where(np.broadcast_to(slope, shape).ravel(), of_y, -1))


# ------------------------------------------------------------------------------------------------ rows of patterns


def rows(pattern: csr_array, at: Indices) -> csr_array:
    """The rows `at` of a pattern, in a new one; an empty row for -1."""
    counts = np.append(np.diff(pattern.indptr), 0)[at]  # 0 for -1
    ends = np.concatenate([[0], np.cumsum(counts)])
    places = np.repeat(pattern.indptr[at] - ends[:-1], counts) + np.arange(ends[-1])
    return csr_array((np.ones(len(places), bool), pattern.indices[places], ends), shape=(len(at), pattern.shape[1]))


def matrix(to: Indices, origin: Indices, shape: tuple[int, int]) -> csr_array:
    """The pattern with the entries ``(to[k], origin[k])``."""
    return csr_array((np.ones(len(to), bool), (to, origin)), shape=shape)


def _union(patterns: Sequence[csr_array]) -> csr_array:
    total, *others = {id(p): p for p in patterns}.values()
    for other in others:
        total = total + other
    return total


def _constant_slope(eq: Equation, k: int) -> NDArray[np.bool_] | None:
    """The entries where the partial derivative for operand `k` is not zero, if that follows from constants."""
    row = eq.row
    if row.kind != "elementwise" or not row.holomorphic and any(d.kind == "c" for d in eq.dtypes):
        return None
    if not callable(row.rule(k)):
        return None if row.rule(k) else np.zeros((), bool)
    needed = row.keeps[k]
    if needed & 1 or any(needed & 2 << j and isinstance(x, Var) for j, x in enumerate(eq.operands)):
        return None
    xs = [None if isinstance(x, Var) else x for x in eq.operands]
    with np.errstate(all="ignore"):
        slope = row.pulls[k](np.ones(eq.y.shape), None, xs, eq) != 0
    return None if np.all(slope) else slope


# --------------------------------------------------------------------------------------------------------- letters


def _letters(eq: Equation, shape: Shape) -> tuple[list[str], str]:
    """A letter for each axis of the operands, and of a result of this shape; one in both is not mixed."""
    rule, shapes = eq.row.batch, eq.shapes
    ndims = tuple(map(len, shapes))
    if (subscripts := eq.row.subscripts) is not None:
        inputs, _, out = explicit(subscripts(*ndims, **eq.params), ndims).partition("->")
        return inputs.split(","), out
    if (isinstance(rule, axes) and rule.names == ("axis",) or rule is along) and eq.params.get("axis", -1) is not None:
        axis, n = eq.params.get("axis", -1), ndims[0]
        mixed = {i % n for i in (axis if isinstance(axis, tuple) else (axis,))}
        before, new = LETTERS[:n], LETTERS[n:]
        whole = [new[i] if i in mixed else before[i] for i in range(n)]
        kept = whole if len(shape) == n else [c for c in whole if c in before]
        sizes = dict(zip(before, shapes[0], strict=True))
        if len(kept) == len(shape) and all(sizes.get(c, m) == m for c, m in zip(kept, shape, strict=True)):
            return [before], "".join(kept)
    cores = list(ndims)
    if isinstance(rule, stacked):
        cores = [*rule.cores, *[0] * (len(ndims) - len(rule.cores))]
    elif rule is merged:
        cores = [max(n - 1, 0) for n in ndims]
    stacks = [s[: len(s) - core] for s, core in zip(shapes, cores, strict=True)]
    stack = np.broadcast_shapes(*stacks)
    if shape[: len(stack)] != stack:
        cores, stacks, stack = list(ndims), [()] * len(ndims), ()
    first, spare = LETTERS[: len(stack)], iter(LETTERS[len(stack) :])
    terms = [
        first[len(first) - len(s) :] + "".join(next(spare) for _ in range(core))
        for s, core in zip(stacks, cores, strict=True)
    ]
    return terms, first + "".join(next(spare) for _ in shape[len(stack) :])


def _sizes(eq: Equation, terms: Sequence[str]) -> dict[str, int]:
    pairs = [(c, n) for term, s in zip(terms, eq.shapes, strict=True) for c, n in zip(term, s, strict=True)]
    return dict(pairs) | {c: n for c, n in pairs if n != 1}


def _positions(wanted: Sequence[str], letters: str, size: Mapping[str, int]) -> Indices:
    """For each place of an array with these axes, in C order, its position along the `wanted` ones among them."""
    flat = np.zeros((), np.intp)
    for c in wanted:
        flat = flat * size[c] + np.arange(size[c]).reshape([-1 if d == c else 1 for d in letters])
    return np.broadcast_to(flat, [size[c] for c in letters]).ravel()


def _product(eq: Equation, k: int, pattern: csr_array, terms: Sequence[str], out: str) -> csr_array | None:
    """A sum of products with a constant factor: its entries that are not zero, times all axes that it lacks."""
    constants = [j for j, x in enumerate(eq.operands) if j != k and not isinstance(x, Var)]
    if not constants:
        return None
    j = max(constants, key=lambda j: np.size(eq.operands[j]))
    x, size = np.asarray(eq.operands[j]), _sizes(eq, terms)
    wide = {c: n for c, n in zip(terms[j], x.shape, strict=True) if n == size[c]}  # others are broadcast
    if np.all(x) or len(wide) < x.ndim:
        return None
    free = "".join(c for c in size if c not in wide)
    places, count = np.nonzero(x), prod(size[c] for c in free)
    at = {c: np.repeat(place, count) for c, place in zip(terms[j], places, strict=True)}
    at |= {c: np.tile(_positions(c, free, size), len(places[0])) for c in free}

    def place(letters: str, shape: Shape) -> Indices:
        flat = np.zeros(count * len(places[0]), np.intp)
        for c, n in zip(letters, shape, strict=True):
            flat = flat * n + at[c] * (n > 1)
        return flat

    to = place(out, tuple(size[c] for c in out))
    return matrix(to, place(terms[k], eq.operands[k].shape), (eq.y.size, pattern.shape[0])) @ pattern


# ------------------------------------------------------------------------------------------------------ linear maps


class _Map:
    """A step as a linear function of some operands, one after another as one vector, and its transpose.

    The other operands are `fixed`; those that are linear as well are zero.
    """

    def __init__(self, eq: Equation, moving: Sequence[int], fixed: Mapping[int, Any] | None = None) -> None:
        self.eq, self.moving = eq, moving
        self.ins, self.outs = [eq.operands[k] for k in moving], eq.outputs
        self.size, self.count = (sum(v.size for v in vs) for vs in (self.ins, self.outs))
        zeros = [np.zeros(s, np.result_type(d, float)) for s, d in zip(eq.shapes, eq.dtypes, strict=True)]
        self.xs = [zeros[k] if eq.row.rule(k) is not None else x for k, x in enumerate(eq.operands)]
        for k, x in (fixed or {}).items():
            self.xs[k] = x

    @property
    def only_moves(self) -> bool:
        """True if each result is an entry of the one operand, or zero."""
        eq, algebra = self.eq, self.eq.algebra
        moves = algebra == "index" or algebra == "placement" and bool(eq.params.get("unique_indices"))
        return moves and len(eq.operands) == 1 and eq.dtypes[0] == np.float64 and self.size < 2**52

    def __call__(self, flat: Any) -> Any:
        xs = list(self.xs)
        for k, x in zip(self.moving, _pieces(flat, self.ins), strict=True):
            xs[k] = x
        y = self.eq.row.fn(*xs, **self.eq.params)
        return np.concatenate([np.ravel(part) for part in (y if self.eq.row.outputs else (y,))])

    def transpose(self, flat: Any) -> Any:
        run = Linearized(lambda *xs: record(self.eq.row, xs, self.eq.params), self.xs, tuple(self.moving), {})
        return np.concatenate([np.ravel(d) for d in run.pull_from(dict(enumerate(_pieces(flat, self.outs))))])


def _pieces(flat: Any, variables: Sequence[Var]) -> list[Any]:
    """A vector as arrays of the shapes of variables."""
    pieces = np.split(flat, np.cumsum([v.size for v in variables])[:-1]) if variables[1:] else [flat]
    return [p.reshape(v.shape) * (PHASE if v.dtype.kind == "c" else 1) for p, v in zip(pieces, variables, strict=True)]


def _linear(f: _Map, pattern: csr_array) -> csr_array | None:
    """The pattern of a linear function of what has `pattern`; None if running it does not say.

    It does where each result is a multiple of one entry, or each entry is added to one result, or there are few.
    """
    at = f(np.arange(1.0, f.size + 1)).astype(np.intp) - 1 if f.only_moves else _reads(f, f.size)
    if at is not None:
        return rows(pattern, at)
    at = _reads(f.transpose, f.count)
    if at is not None:
        return matrix(at[at >= 0], np.flatnonzero(at >= 0), (f.count, f.size)) @ pattern
    if f.size > FEW:
        return None
    return csr_array(np.stack([f(unit) != 0 for unit in np.eye(f.size)], 1)) @ pattern


def _reads(f: Callable[[Any], Any], size: int) -> Indices | None:
    """The entry that each result of a linear function is a multiple of, -1 if it is zero; None if one is a sum.

    The first two runs give the factor and the position, and two others confirm them: a sum that equals a multiple of
    one entry in all of these is as likely as a random match of 20 digits.
    """
    positions = np.arange(float(size))
    factor = f(np.ones(size))
    with np.errstate(all="ignore"):
        nearest = np.rint(np.real(f(1 + positions / max(size, 1)) / factor - 1) * size)
    at = np.where(factor != 0, nearest, -1)
    if not np.all((at >= -1) & (at < size)):  # false for nan
        return None
    at = at.astype(np.intp)
    for other in (np.cos(positions**2), np.sin(3 * positions**2 + 1)):
        if not np.all(np.abs(f(other) - factor * np.append(other, 0)[at]) <= 1e-10 * np.abs(factor)):
            return None
    return at


def _one_by_one(eq: Equation, k: int, pattern: csr_array) -> csr_array | None:
    """A product without subscripts, as a linear function of operand `k`; None if running it does not say.

    Constants keep their zeros. What is not zero gets other values, so that nothing cancels.
    """
    fixed = {}
    for j, x in enumerate(eq.operands):
        if j != k:
            some = 1.25 + np.cos(np.arange(1.0, prod(eq.shapes[j]) + 1)).reshape(eq.shapes[j])
            fixed[j] = some if isinstance(x, Var) else some * (x != 0)
    whole = _linear(_Map(eq, [k], fixed), pattern)
    if whole is not None or len(fixed) != 1 or np.size(*fixed.values()) > FEW:
        return whole
    [(j, x)] = fixed.items()
    units = [unit.reshape(x.shape) for unit, some in zip(np.eye(x.size), x.flat, strict=True) if some]
    terms = [_linear(_Map(eq, [k], {j: unit}), pattern) for unit in units]  # a short kernel, entry by entry
    return None if None in terms else _union(terms)
