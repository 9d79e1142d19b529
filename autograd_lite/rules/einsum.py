"""Einstein's summation: every product of arrays in one notation.

The derivative is again an einsum. With ``y = einsum("ij,jk->ik", x1, x2)`` the cotangent of `x1` is
``einsum("ik,jk->ij", g, x2)``: the result and the factor change places. There are two special cases: an index that
occurs twice in one factor (a diagonal, for which a Kronecker delta is one more factor), and an index that occurs in
this factor only (it was summed over, so the cotangent is the same all along it).

Before a call is recorded its notation is made canonical: an explicit output, one letter for each axis, no ellipsis, no
list of integers.
"""

from functools import lru_cache
from math import prod

import numpy as np

from ..table import at, bilinear
from ._arrays import operand, refuse_out

LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
LARGE = 4096  # from this product of all index sizes on, matrix products are worth their overhead of a few microseconds


@lru_cache(maxsize=512)
def explicit(subscripts: str, ndims: tuple[int, ...]) -> str:
    """`subscripts` with an output and a letter for each axis. Invalid ones are returned unchanged, for NumPy to raise.

    Examples
    --------
    >>> explicit("ij,jk", (2, 2))
    'ij,jk->ik'
    >>> explicit("...i->...", (3,))
    'abi->ab'
    """
    inputs, arrow, output = subscripts.replace(" ", "").partition("->")
    terms = inputs.split(",")
    if len(terms) != len(ndims):
        return subscripts
    spare = [c for c in LETTERS if c not in inputs]
    extra = [
        ndim - len(term.replace("...", "")) if "..." in term else 0
        for term, ndim in zip(terms, ndims, strict=True)
    ]
    most = max(extra, default=0)
    if min(extra, default=0) < 0 or most > len(spare) or (arrow and most and "..." not in output):
        return subscripts
    dots = "".join(spare[:most])
    terms = [term.replace("...", dots[most - n :]) for term, n in zip(terms, extra, strict=True)]
    if not arrow:
        once = [c for c in sorted(set(inputs)) if c.isalpha() and inputs.count(c) == 1]
        output = "..." + "".join(once)
    return ",".join(terms) + "->" + output.replace("...", dots)


def _lettered(operands):
    """``einsum(x1, [0, 1], x2, [1, 2], [0, 2])`` in letters, in the order of the numbers."""
    letters = sorted(LETTERS)

    def term(labels):
        return "".join("..." if k is Ellipsis else letters[k] for k in labels)

    arrays = list(operands[: len(operands) // 2 * 2 : 2])
    text = ",".join(term(labels) for labels in operands[1::2])
    return (f"{text}->{term(operands[-1])}" if len(operands) % 2 else text), arrays


def _bind(*operands, out=None, optimize=False, **unsupported):
    refuse_out(out)
    if unsupported:
        raise TypeError(f"{', '.join(unsupported)}= is not supported for tensors; use .astype() instead")
    if not operands:
        raise ValueError("einsum: expected subscripts and at least one array")
    if isinstance(operands[0], str):
        subscripts, arrays = operands[0], list(operands[1:])
    else:
        subscripts, arrays = _lettered(operands)
    xs = tuple(operand(x) for x in arrays)
    return xs, {"subscripts": explicit(subscripts, tuple(x.ndim for x in xs)), "optimize": optimize}


def _einsum(*xs, subscripts, optimize):
    optimize = optimize or _is_worth(subscripts, tuple(map(np.shape, xs)))
    if optimize is True and len(xs) == 2:
        return _as_matmul(*xs, subscripts=subscripts, optimize=True)
    return np.einsum(subscripts, *xs, optimize=optimize)


@lru_cache(maxsize=1024)
def _is_worth(subscripts, shapes):
    """True if products of matrices, in the order that NumPy finds, beat one loop over all indices: it is long."""
    inputs, _, output = subscripts.partition("->")
    sizes = dict(zip(inputs.replace(",", ""), (n for shape in shapes for n in shape), strict=False))
    arrays = [*shapes, [sizes.get(c, 1) for c in output]]
    return len(shapes) > 1 and prod(sizes.values()) > max(LARGE, sum(map(prod, arrays)))


def _rule(g, xs, i, xs_shape, subscripts=""):  # (NumPy has no such keyword)
    notation, deltas, summed, along, optimize = _plan(subscripts, i, g.shape, xs_shape)
    deltas = [np.eye(n, dtype=g.dtype) for n in deltas]
    d = np.einsum(notation, g, *xs[:i], *xs[i + 1 :], *deltas, optimize=optimize)
    if summed:
        d = d[summed]
    return d if d.shape == along else np.broadcast_to(d, along)


@lru_cache(maxsize=1024)
def _plan(subscripts, i, g_shape, shapes):
    """The einsum that gives the cotangent of argument `i`.

    Returns
    -------
    notation : str
        For the cotangent, the other arguments, and the deltas.
    deltas : list of int
        Sizes of the Kronecker deltas.
    summed : tuple
        The index that inserts the argument's axes that occur nowhere else; empty if there are none.
    along : tuple of int
        The shape of the result.
    optimize : bool
        Whether to use matrix products.
    """
    inputs, output = subscripts.split("->")
    terms = inputs.split(",")
    labels = [output, *terms[:i], *terms[i + 1 :]]
    sizes: dict[str, int] = {}
    for label, shape in zip(labels, (g_shape, *shapes[:i], *shapes[i + 1 :]), strict=True):
        sizes.update((c, n) for c, n in zip(label, shape, strict=True) if n != 1 or c not in sizes)
    spare = (c for c in LETTERS if c not in subscripts)
    wanted, deltas = "", []
    for c, n in zip(terms[i], shapes[i], strict=True):
        if c in wanted:  # a diagonal
            new = next(spare)
            labels.append(c + new)
            deltas.append(n)
            sizes[c] = sizes[new] = n
            c = new
        wanted += c
    summed = tuple(slice(None) if c in sizes else None for c in wanted) if set(wanted) - set(sizes) else ()
    along = tuple(sizes.get(c, 1) if n == 1 else n for c, n in zip(wanted, shapes[i], strict=True))
    notation = ",".join(labels) + "->" + "".join(c for c in wanted if c in sizes)
    return notation, deltas, summed, along, len(labels) > 1 and prod(sizes.values()) > LARGE


def _as_matmul(*xs, subscripts, optimize):
    """Two factors in one stack of matrix products, whose rows have the last index of the result that is not of both."""
    inputs, _, output = subscripts.partition("->")
    terms = inputs.split(",")
    sizes = [dict(zip(term, x.shape, strict=True)) for term, x in zip(terms, xs, strict=True)]
    if not _is_matmul(terms, output, sizes):
        return np.einsum(subscripts, *xs, optimize=optimize)
    shared = {c for c in sizes[0] if c in sizes[1]}
    last = next((c for c in reversed(output) if c not in shared), "")
    if last in sizes[0]:  # the columns
        xs, terms, sizes = xs[::-1], terms[::-1], sizes[::-1]
    stack = [c for c in output if c in shared]
    summed = [c for c in terms[0] if c in shared and c not in output]
    rows, columns = ([c for c in output if c in own and c not in shared] for own in sizes)
    size = sizes[0] | sizes[1]
    a = _grouped(xs[0], terms[0], size, stack, rows, summed)
    b = _grouped(xs[1], terms[1], size, stack, summed, columns)
    y = a @ b if summed else a * b
    letters = [*stack, *rows, *columns]
    shape = tuple(size[c] for c in letters)
    return _in_order(y if y.shape == shape else y.reshape(shape), letters, output)


def _is_matmul(terms, output, sizes):
    """True for two factors, without diagonals and broadcasting, and a result that has no index of its own."""
    if len(terms) != 2 or any(len(set(term)) < len(term) for term in (*terms, output)):
        return False
    a, b = sizes
    return set(output) <= {*a, *b} and all(a[c] == b[c] for c in a.keys() & b.keys())


def _grouped(x, term, size, stack, *groups):
    """`x` with the axes of the stack and one axis for each group of indices; what is in none is summed over."""
    used = [*stack, *(c for group in groups for c in group)]
    if alone := tuple(k for k, c in enumerate(term) if c not in used):
        x = np.sum(x, axis=alone)
        term = [c for c in term if c in used]
    x = _in_order(x, term, used)
    shape = *(size[c] for c in stack), *(prod(size[c] for c in group) for group in groups)
    return x if x.shape == shape else x.reshape(shape)


def _in_order(x, letters, wanted):
    """`x`, whose axes have these letters, with its axes in the order of the wanted ones."""
    order = [letters.index(c) for c in wanted]
    return x if order == sorted(order) else np.transpose(x, order)


def _batched(b):
    """The batch axis is one more letter."""
    inputs, output = b.params["subscripts"].split("->")
    new = next(c for c in LETTERS if c not in inputs)
    terms = [new * on + term for term, on in zip(inputs.split(","), b.on, strict=True)]
    return b(*b.xs, subscripts=f"{','.join(terms)}->{new}{output}")


einsum = bilinear(
    # in each factor, however many there are
    _einsum, _rule, of=np.einsum, bind=_bind, variadic=True,
    examples=[
        (
            "ij,jk->ik 2x3 3x4; ij,jk 2x3 3x4; ij->ji 2x3; ij-> 2x3; ii->i 3x3; ii 3x3; iij->j 2x2x3; iii->i 2x2x2; "
            "ii,ij->j 2x2 2x3; i,j->ij [2] [3]; ij,k->i 2x3 [2]; bij,bjk->bik 2x3x2 2x2x3; "
            "...ij,...jk->...ik 2x2x3 3x2; ...i,i...->... 2x3 3x2; ij,jk,kl->il 2x3 3x2 2x3 optimize=True; "
            "i,i->i [1] [3]; 2x3 [0,1] 3x2 [1,2] [2,0]"
        ), at((2, 3, 3), [..., 0, 0]),
    ],
    call="np.einsum({subscripts}, {xs})", algebra="contraction", js="einsum({subscripts}, {xs})",
    definition=_as_matmul, batch=_batched, view=True, subscripts=lambda *ndims, subscripts, optimize: subscripts,
)
