"""Einstein's summation: every product of arrays in one notation.

The notation closes on itself. With ``y = einsum("ij,jk->ik", x1, x2)`` the cotangent of `x1` is
``einsum("ik,jk->ij", g, x2)``: the result and the factor change places. What is left to say is what to do
with an index that occurs twice in one factor (a diagonal: the Kronecker delta is one more factor) and with
one that occurs in this factor alone (it was summed over: the cotangent is the same all along it).

Before a call is recorded its notation is made canonical: an explicit output, one letter for each axis, no
ellipsis, no list of integers.
"""

from __future__ import annotations

from functools import lru_cache
from math import prod
from string import ascii_letters
from typing import Any

import numpy as np

from ..primitive import bilinear
from .products import no_out

LARGE = 4096  # products of indices from which on a detour over matrix products is worth its few microseconds


@lru_cache(maxsize=512)
def explicit(subscripts: str, ndims: tuple[int, ...]) -> str:
    """`subscripts` with an output and a letter for each axis; as it is, where NumPy will refuse it.

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
    spare = [c for c in ascii_letters if c not in inputs]
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


def _lettered(operands: tuple[Any, ...]) -> tuple[str, list[Any]]:
    """``einsum(x1, [0, 1], x2, [1, 2], [0, 2])`` in letters, in the order of the numbers."""
    letters = sorted(ascii_letters)

    def term(labels: Any) -> str:
        return "".join("..." if k is Ellipsis else letters[k] for k in labels)

    arrays = list(operands[: len(operands) // 2 * 2 : 2])
    text = ",".join(term(labels) for labels in operands[1::2])
    return (f"{text}->{term(operands[-1])}" if len(operands) % 2 else text), arrays


def _bind(*operands: Any, out: Any = None, optimize: Any = False, **unsupported: Any) -> Any:
    no_out(out)
    if unsupported:
        raise TypeError(
            f"einsum: {', '.join(unsupported)}= is not supported for tensors; use .astype() on the result"
        )
    if not operands:
        raise ValueError("einsum: must be given the subscripts and at least one array")
    if isinstance(operands[0], str):
        subscripts, arrays = operands[0], list(operands[1:])
    else:
        subscripts, arrays = _lettered(operands)
    return tuple(arrays), {
        "subscripts": explicit(subscripts, tuple(map(np.ndim, arrays))),
        "optimize": optimize,
    }


def _einsum(*xs: Any, subscripts: str, optimize: Any) -> Any:
    return np.einsum(subscripts, *xs, optimize=optimize)


def _rule(
    g: Any, xs: Any, i: int, subscripts: str = ""
) -> Any:  # a default, for NumPy has no keyword of this name
    inputs, output = subscripts.split("->")
    terms = inputs.split(",")
    mine, shape = terms[i], xs[i].shape
    factors = [g, *xs[:i], *xs[i + 1 :]]
    labels = [output, *terms[:i], *terms[i + 1 :]]
    spare = (c for c in ascii_letters if c not in subscripts)
    result = ""
    for c, n in zip(mine, shape, strict=True):
        if c in result:  # a diagonal
            new = next(spare)
            factors.append(np.eye(n, dtype=g.dtype))
            labels.append(c + new)
            c = new
        result += c
    known = set("".join(labels))
    notation = ",".join(labels) + "->" + "".join(c for c in result if c in known)
    d = np.einsum(notation, *factors, optimize=_is_large(labels, factors))
    if len(known.intersection(result)) < len(result):
        d = np.expand_dims(d, tuple(k for k, c in enumerate(result) if c not in known))
    along = tuple(m if n == 1 else n for m, n in zip(d.shape, shape, strict=True))  # the same all along a sum
    return d if d.shape == along else np.broadcast_to(d, along)


def _is_large(labels: list[str], factors: list[Any]) -> bool:
    """Whether to go by way of matrix products."""
    if len(factors) < 2:
        return False
    sizes: dict[str, int] = {}
    for label, x in zip(labels, factors, strict=True):
        sizes.update(zip(label, x.shape, strict=True))
    return prod(sizes.values()) > LARGE


def _call(subscripts: str, *shapes: tuple[int, ...], **params: Any) -> Any:
    """An example."""
    return lambda rng: ((subscripts, *(rng.normal(size=shape) for shape in shapes)), params)


einsum = bilinear(  # in each of its factors, however many there are
    _einsum,
    _rule,
    of=np.einsum,
    name="einsum",
    np_name="np.einsum",
    bind=_bind,
    variadic=True,
    examples=[
        _call("ij,jk->ik", (2, 3), (3, 4)),
        _call("ij,jk", (2, 3), (3, 4)),
        _call("ij->ji", (2, 3)),
        _call("ij->", (2, 3)),
        _call("ii->i", (3, 3)),
        _call("ii", (3, 3)),
        _call("iij->j", (2, 2, 3)),
        _call("iii->i", (2, 2, 2)),
        _call("ii,ij->j", (2, 2), (2, 3)),
        _call("i,j->ij", (2,), (3,)),
        _call("ij,k->i", (2, 3), (2,)),
        _call("bij,bjk->bik", (2, 3, 2), (2, 2, 3)),
        _call("...ij,...jk->...ik", (2, 2, 3), (3, 2)),
        _call("...i,i...->...", (2, 3), (3, 2)),
        _call("ij,jk,kl->il", (2, 3), (3, 2), (2, 3), optimize=True),
        _call("i,i->i", (1,), (3,)),
        lambda rng: ((rng.normal(size=(2, 3)), [0, 1], rng.normal(size=(3, 2)), [1, 2], [2, 0]), {}),
        lambda rng: ((rng.normal(size=(2, 3, 3)), [..., 0, 0]), {}),
    ],
)
