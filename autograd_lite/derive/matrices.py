"""Sums of products of matrices, gathered: ``A @ x + Aᵀ @ x`` is ``(A + Aᵀ) @ x``, and 2 A @ x where A is symmetric."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from typing import TypeAlias

import numpy as np

from .factors import total
from .formula import Expr, factors_of, number, terms_of, unsimplified, walk
from .simplify import is_negative, matrix_times, product, simplified, transposed

Term: TypeAlias = tuple[Expr, tuple[Expr, ...]]  # a coefficient, and the matrices that it stands before
PRODUCTS = ("matrix product", "outer product")


def gathered(e: Expr, is_symmetric: Callable[[Expr], bool]) -> Expr:
    """A sum of products of matrices, those with the same last factors, or the same first one, as one product."""
    signed = [(x.shape == e.shape, product((number(sign), x), x.shape)) for sign, x in terms_of(e)]
    arrays, others = ([x for is_it, x in signed if is_it is whole] for whole in (True, False))
    if arrays and others:  # 1 - Q @ x
        whole = gathered(total(arrays), is_symmetric)
        return total([whole, *others] if signed[0][0] else [*others, whole])
    chains = _chains(e, False, is_symmetric)
    groups: dict[tuple[str, ...], list[Term]] = {}
    for c, matrices in chains:
        alone = "" if len(matrices) > 1 else matrices[0].key  # x beside A @ x
        groups.setdefault((alone, *(m.key for m in matrices[1:])), []).append((c, matrices))
    heads: dict[str, list[list[Term]]] = {}
    for tail, group in sorted(groups.items(), key=lambda item: item[0][0] != ""):  # Q @ x + c
        c, (first, *rest) = group[0]
        size = product((number(-1), c), ()) if c.role == "negation" or is_negative(c) else c
        alike = f"{first.key} {size.key}" if len(group) == 1 and rest else str(tail)
        heads.setdefault(alike, []).append(group)
    return total([e for alike in heads.values() for e in _behind(alike)])


def with_diagonal(e: Expr) -> Expr | None:
    """A product of matrices, one of which has its rows or columns times the entries of a vector: ``Xᵀ @ diag(g) @ X``.
    """
    several = [_scaled(a) for a in e.args] if e.role == "matrix product" else []
    factors = [x for k, (of, a) in enumerate(zip(several, e.args, strict=False)) for x in of or [a]]
    return reduce(matrix_times, factors) if any(several) else None


def without_halves(e: Expr, is_symmetric: Callable[[str], bool]) -> Expr | None:
    """``(G + Gᵀ) @ X`` as ``2 G @ X`` where the matrix G of this name is symmetric."""
    for k, a in enumerate(e.args if e.role == "matrix product" else ()):
        one, two = a.args if a.role == "sum" else (a, a)
        if one.role == "name" and two.is_turned and two.of.key == one.key and is_symmetric(one.value):
            whole = matrix_times(*(one if j == k else b for j, b in enumerate(e.args)))
            return product((number(2), whole), e.shape)
    return None


def _scaled(e: Expr) -> list[Expr]:
    """The matrices that an einsum of a vector and a matrix is the product of; none for another formula."""
    terms, _, result = e.params["subscripts"].partition("->") if e.role == "contraction" else ("", "", "")
    for k, of in enumerate(terms.split(",") if len(e.args) == 2 == len(result) else ()):
        if len(of) == 1 and of in result and terms.split(",")[1 - k] == result:
            at, n = np.arange(*e.args[k].shape), e.args[k].shape * 2
            placed = unsimplified("into_zeros", (e.args[k],), n, index=(..., at, at), shape=n, unique_indices=True)
            return [placed, e.args[1 - k]] if result[0] == of else [e.args[1 - k], placed]
    return []


def _behind(groups: Sequence[Sequence[Term]]) -> list[Expr]:
    """Terms that have their first matrix and, but for its sign, their number in common: ``Aᵀ @ (A @ x - b)``."""
    (c, (first, *_)), *_ = terms = groups[0] if len(groups) == 1 else [term for [term] in groups]
    if len(groups) == 1 or len({len(matrices) for _, matrices in terms}) < len(terms):
        return list(map(_product, groups))
    rest = [(number(1 if d.key == c.key else -1), reduce(matrix_times, matrices[1:])) for d, matrices in terms]
    whole = matrix_times(first, total([product(pair, pair[1].shape) for pair in rest]))
    return [product((c, whole), whole.shape)]


def _product(group: Sequence[Term]) -> Expr:
    """Terms that have all but their first matrix in common, as one product where they have one coefficient."""
    sums: dict[str, tuple[Expr, Expr]] = {}
    for c, (first, *_) in group:
        so_far = sums[first.key][0] if first.key in sums else None
        sums[first.key] = c if so_far is None else total([so_far, c]), first
    by_coefficient: dict[str, tuple[Expr, list[Expr]]] = {}
    for c, first in sums.values():
        is_less = c.role == "negation" or is_negative(c)
        size = product((number(-1), c), ()) if is_less else c
        same = by_coefficient.setdefault(size.key, (size, []))[1]
        same.append(product((number(-1), first), first.shape) if is_less else first)
    terms = []
    for c, firsts in by_coefficient.values():
        firsts.sort(key=lambda e: any(part.is_turned for part in walk(e)))  # Q + Qᵀ
        sign = -1 if all(e.role == "negation" for e in firsts) else 1
        c, whole = product((number(sign), c), ()), _sum([e.of if sign < 0 else e for e in firsts])
        for m in group[0][1][1:]:
            whole = matrix_times(whole, m)
        terms.append(product((c, whole), whole.shape))
    return total(terms)


def _sum(matrices: Sequence[Expr]) -> Expr:
    """Their sum; of ``Aᵀ`` and ``-Bᵀ`` it is ``(A - B)ᵀ``."""
    signed = [(-1, e.of) if e.role == "negation" else (1, e) for e in matrices]
    if len(signed) < 2 or not all(e.is_turned for _, e in signed):
        return total(matrices)
    return transposed(total([product((number(sign), e.of), e.of.shape) for sign, e in signed]))


def _chains(e: Expr, is_turned: bool, is_symmetric: Callable[[Expr], bool]) -> list[Term]:
    """The terms of a sum of products of matrices, or of its transpose; a vector stands last."""
    out, terms = [], terms_of(e)
    for sign, term in terms if all(term.shape == e.shape for _, term in terms) else [(1, e)]:  # not 1 - σ(U @ v)
        c, inner = _apart(term)
        c = product((number(sign), c), ())
        out += [(product((c, d), ()), matrices) for d, matrices in _chain(inner, is_turned, is_symmetric)]
    return out


def _apart(e: Expr) -> tuple[Expr, Expr]:
    """The numbers that an array is multiplied with and divided by, and the array."""
    if e.role == "negation":
        c, array = _apart(e.of)
        return product((number(-1), c), ()), array
    above, *below = e.args if e.role == "quotient" and not e.args[1].shape else (e,)
    scalars, arrays = ([f for f in factors_of(above) if bool(f.shape) == has_axes] for has_axes in (False, True))
    c = product(scalars, ()) if scalars else number(1)
    return simplified("divide", (c, *below), ()) if below else c, product(arrays, above.shape) if scalars else above


def _chain(e: Expr, is_turned: bool, is_symmetric: Callable[[Expr], bool]) -> list[Term]:
    if e.is_turned and len(e.shape) == 2:
        return _chains(e.of, not is_turned, is_symmetric)
    is_sum = e.role in ("sum", "difference", "negation") and all(x.shape == e.shape for _, x in terms_of(e))
    if is_sum and any(part.role == "matrix product" for part in walk(e)):
        return _chains(e, is_turned, is_symmetric)
    if e.role == "outer product":
        (c, x), (d, y) = map(_apart, e.args)
        x, y = (y, x) if is_turned else (x, y)
        return [(product((c, d), ()), (unsimplified(e.row, (x, y), (*x.shape, *y.shape)),))]
    a, b = e.args if e.role == "matrix product" else (e, e)
    if e.role == "matrix product" and len(e.shape) <= 2 and (len(a.shape), len(b.shape)) != (1, 1):
        turned = is_turned or len(a.shape) == 1  # x @ A is Aᵀ @ x
        left, right = (_chains(x, turned and len(x.shape) == 2, is_symmetric) for x in ((b, a) if turned else (a, b)))
        return [(product((c, d), ()), (*m, *k)) for c, m in left for d, k in right]
    return [(number(1), (transposed(e) if is_turned and not is_symmetric(e) else e,))]
