"""Colours for the columns or rows of a sparse matrix: those of one colour are computed together, as one sum.

Columns of a Jacobian may have one colour if no row has an entry in two of them. The columns of a Hessian need less,
because each of its entries stands at two places: *star colouring* asks only that an entry is alone in one of the two
sums. Both are greedy: column after column gets the first colour that is free.

Sources: A. Curtis, M. Powell and J. Reid, "On the estimation of sparse Jacobian matrices" (1974); A. Gebremedhin,
F. Manne and A. Pothen, "What color is your Jacobian? Graph coloring for computing derivatives" (2005);
A. Gebremedhin, A. Tarafdar, F. Manne and A. Pothen, "New acyclic and star coloring algorithms with application to
computing Hessians" (2007).
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, issparse

from .picture import Picture

Indices: TypeAlias = NDArray[np.intp]


class Colouring:
    """A sparsity pattern, and which of its columns or rows are computed together.

    Parameters
    ----------
    pattern : sparse or dense matrix
        The entries that may differ from zero: those that are stored, or those of a dense array that are not zero.
    by : {"columns", "rows", "symmetric"}, optional
        Columns are computed by forward mode, rows by reverse mode; a symmetric matrix is a Hessian. By default columns
        or rows, whichever need fewer colours.

    Attributes
    ----------
    pattern : scipy.sparse.csr_array of bool
    by : str
    colours : array of int
        From 0, of each column, or each row.
    count : int
        The number of colours: how many directions the derivative is computed in.

    Raises
    ------
    ValueError
        If `pattern` is not a matrix, or `by` is not one of these, or a symmetric pattern is not symmetric.

    Examples
    --------
    >>> import numpy as np, autograd_lite as ag
    >>> Colouring(np.tri(6, k=1) - np.tri(6, k=-2))
    <Colouring of 6 × 6: 16 entries, 3 colours by columns>
    >>> arrow = np.eye(6)
    >>> arrow[0] = arrow[:, 0] = 1
    >>> Colouring(arrow).count, Colouring(arrow, "symmetric").count
    (6, 2)
    """

    def __init__(self, pattern: Any, by: str | None = None) -> None:
        self.pattern = p = canonical(pattern)
        if by not in (None, "columns", "rows", "symmetric"):
            raise ValueError(f"Colouring: expected by='columns', 'rows' or 'symmetric', got {by!r}")
        if by == "symmetric":
            t = p.T.tocsr()
            if not (np.array_equal(p.indptr, t.indptr) and np.array_equal(p.indices, t.indices)):
                raise ValueError(f"Colouring: a pattern of shape {p.shape} is not symmetric; pass P + P.T")
            self.colours = _star(p)
        elif by is not None:
            self.colours = _distance2(p if by == "columns" else p.T.tocsr())
        else:
            by, self.colours = _fewer(p)
        self.by = by
        self.count = int(self.colours.max(initial=-1)) + 1
        self.rows = _row_numbers(p)
        #: Where each entry is read from the sums, flattened, and which sums have an entry at all.
        self.places, self.explained = self._places()

    def _places(self) -> tuple[Indices, Indices]:
        (m, n), columns, rows = self.pattern.shape, self.pattern.indices, self.rows
        places = self.colours[rows] * n + columns if self.by == "rows" else self.colours[columns] * m + rows
        if self.by != "symmetric":
            return places, places
        sums, which, often = np.unique(places, return_inverse=True, return_counts=True)
        alone = often[which] == 1  # else the mirrored entry is
        return np.where(alone, places, self.colours[rows] * n + columns), sums

    def entries(self, sums: Any) -> Any:
        """The entries of the matrix, in the order of the pattern, from the sums for each colour."""
        return sums.ravel()[self.places]

    def missing(self, sums: Any) -> bool:
        """True if a sum is not zero where the pattern has no entry to explain it."""
        return bool(np.count_nonzero(sums) > np.count_nonzero(sums.ravel()[self.explained]))

    def draw(self) -> Picture:
        """The pattern as a picture: each entry in the colour of its column, or row."""
        entries = np.stack([self.rows, self.pattern.indices], axis=1)
        return Picture(self.pattern.shape, entries, self.colours, int(self.by != "rows"), self._text())

    def _text(self) -> str:
        (m, n), many = self.pattern.shape, "s" * (self.count != 1)
        how = "" if self.by == "symmetric" else f" by {self.by}"
        return f"{m} × {n}: {self.pattern.nnz} entries, {self.count} colour{many}{how}"

    def __repr__(self) -> str:
        return f"<Colouring of {self._text()}>"


def canonical(pattern: Any) -> csr_array:
    """The places of a matrix in order, each once; stored zeros of a sparse one are kept."""
    p = pattern if issparse(pattern) else np.asarray(pattern)
    if p.ndim != 2:
        raise ValueError(f"expected a pattern with two axes, got shape {p.shape}")
    p = csr_array(p, copy=True)
    p.data = np.ones(len(p.data), bool)
    p.sum_duplicates()  # and sorts
    return csr_array((np.ones(len(p.indices), bool), p.indices, p.indptr), shape=p.shape)


def _row_numbers(p: csr_array) -> Indices:
    """The row of each entry, in the order of the pattern."""
    return np.repeat(np.arange(p.shape[0]), np.diff(p.indptr))


def _longest(p: csr_array) -> int:
    """The number of entries in the row that has most."""
    return int(np.diff(p.indptr).max(initial=0))


def _fewer(p: csr_array) -> tuple[str, Indices]:
    """Columns or rows, whichever needs fewer colours; no fewer than the longest row, or column, has entries."""
    sides = {"columns": p, "rows": p.T.tocsr()}
    least = {by: _longest(side) for by, side in sides.items()}
    first, second = sorted(sides, key=least.__getitem__)
    colours = _distance2(sides[first])
    if colours.max(initial=-1) >= least[second]:
        others = _distance2(sides[second])
        if others.max(initial=-1) < colours.max(initial=-1):
            return second, others
    return first, colours


def _distance2(p: csr_array) -> Indices:
    """A colour for each column, such that no row has two entries of one colour."""
    n = p.shape[1]
    most = _longest(p)
    if 2 * most > n:
        return np.arange(n)
    if most and (cyclic := _cyclic(p, most)) is not None:
        return cyclic
    turned = p.tocsc()
    ends, places = turned.indptr.tolist(), turned.indices.tolist()
    used = [0] * p.shape[0]  # the colours in each row, as bits
    colours = [0] * n
    for j in range(n):
        rows = places[ends[j] : ends[j + 1]]
        taken = 0
        for i in rows:
            taken |= used[i]
        free = ~taken & (taken + 1)
        for i in rows:
            used[i] |= free
        colours[j] = free.bit_length() - 1
    return np.array(colours, np.intp)


def _cyclic(p: csr_array, count: int) -> Indices | None:
    """The colours 0, 1, ..., count - 1 again and again, if they fit: those of a band."""
    colours = np.arange(p.shape[1]) % count
    places = _row_numbers(p) * count + colours[p.indices]
    return colours if np.bincount(places).max(initial=0) <= 1 else None


def _star(p: csr_array) -> Indices:
    """A colour for each column of a symmetric pattern: neighbours differ, and no path of four entries has two colours.

    Entries between two colours then form stars. What a column must not be follows from its neighbours: their colours;
    where two of these are one, the colours around them; where one is the tip of a star, the colour of its centre.
    """
    n = p.shape[0]
    most = _longest(p)
    if 0 < most <= 3 and (cyclic := _cyclic(p, most)) is not None:
        return cyclic
    if 2 * p.nnz > n * n:
        return np.arange(n)
    ends, places = p.indptr.tolist(), p.indices.tolist()
    colours = [-1] * n
    around = [0] * n  # the colours of the neighbours, as bits
    tip_of = [0] * n  # the colours of the centres of stars that it is a tip of
    first: dict[tuple[int, int], int] = {}  # the first neighbour of a column in a colour
    for v in np.argsort(-np.diff(p.indptr), kind="stable").tolist():
        coloured = [w for w in places[ends[v] : ends[v + 1]] if colours[w] >= 0]
        once = twice = taken = 0
        for w in coloured:
            bit = 1 << colours[w]
            twice |= once & bit
            once |= bit
            taken |= bit | tip_of[w]
        for w in coloured:
            if twice >> colours[w] & 1:
                taken |= around[w]
        free = ~taken & (taken + 1)
        colours[v] = c = free.bit_length() - 1
        around[v] = once
        for w in coloured:
            d = colours[w]
            first.setdefault((v, d), w)
            if twice >> d & 1:
                tip_of[w] |= free  # v is the centre
            elif around[w] & free:  # w is
                tip_of[v] |= 1 << d
                tip_of[first[w, c]] |= 1 << d
            around[w] |= free
            first.setdefault((w, c), v)
    return np.array(colours, np.intp)
