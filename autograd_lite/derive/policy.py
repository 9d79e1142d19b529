"""The gradient of a policy's loss with respect to its logits, with the entropies of the policy in it.

A loss such as ``-mean(A ⊙ log(π[i, aᵢ])) - β mean(H)``, with the entropies H of π = softmax(z), has the gradient
``(A (π - Y) + β π (log(π) + H)) / n`` with respect to z (Williams and Peng, Connection Science 3, 1991).
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, product as pairs_of
from typing import Any

import numpy as np

from ..program import Var
from .chain_rule import Chain
from .formula import Expr, Labels, index_parts, name, number, walk
from .formula_ops import evaluate
from .simplify import product, simplified

LEAST = 1e-20  # the square of a length that is more than a rounding error

Array = np.ndarray[Any, Any]
Form = tuple[Expr, frozenset[Var], dict[str, Expr]]  # a formula, whose gradients are in it, and what names in it mean


@dataclass(frozen=True, eq=False)
class Weight:
    """Numbers, one for each sample, by which ``π - Y`` is multiplied: the product of some names, over a size, with a
    sign; `of` is the landmark whose gradient is one of them.
    """

    names: Sequence[str]
    value: Array
    over: int = 1
    sign: int = 1
    of: Var | None = None


class Logits:
    """Values `z`, a row for each sample, whose softmax is `policy`, with `logs` its logarithm."""

    def __init__(self, chain: Chain, z: Var) -> None:
        self.chain, self.z = chain, z
        self.definitions = {n: chain.definition(n) for n in chain.landmarks if n in chain.defined}
        self._defined = {e.key: name(chain.names[n], n.shape) for n, e in self.definitions.items()}
        x = name(chain.names[z], z.shape)
        logs, policy = self._step("log_softmax", x, axis=(1,)), self._step("softmax", x, axis=(1,))
        self.policy = self._step("exp", logs) if policy.role != "name" and logs.role == "name" else policy
        self.logs = logs if logs.role == "name" else self._step("log", self.policy)

    @classmethod
    def of(cls, chain: Chain, z: Var) -> Logits | None:
        """The logits `z`, if they are some: a softmax is taken of each row."""
        if z.ndim != 2 or not chain.shorter.points:
            return None
        x = name(chain.names[z], z.shape).key
        steps = (chain.definition(n) for n in chain.landmarks if n in chain.defined and n.shape == z.shape)
        of_rows = (e for e in steps if e.role in ("softmax", "log of a softmax") and e.params["axis"] in ((1,), (-1,)))
        return cls(chain, z) if any(e.of.key == x for e in of_rows) else None

    def _step(self, row: str, of: Expr, **params: Any) -> Expr:
        """A function of each row as the name that it has in the steps, or as a formula."""
        e = simplified(row, (of,), self.z.shape, **params)
        return self._defined.get(e.key, e)

    @property
    def _parts(self) -> list[Expr]:
        """The parts of the definitions, those of the result first."""
        c = self.chain
        first = walk(self.definitions[c.root]) if c.root in self.definitions else []
        return [*first, *(part for e in self.definitions.values() for part in walk(e))]

    def _labels(self) -> list[Labels]:
        """The labels y at which ``π[i, yᵢ]`` is read, the first that there are."""
        indices = (index_parts(part.params["index"]) for part in self._parts if part.role == "index")
        pairs = (i for i in indices if len(i) == 2 and all(isinstance(x, Labels) for x in i) and not i[0].word)
        rows, columns = self.z.shape
        return [y for _, y in pairs if y.shape == (rows,) and np.max(y) < columns][:1]

    def _weights(self, env: Mapping[str, Any], between: Collection[Var], has_labels: bool) -> Iterator[Weight]:
        """Yield what may be before ``π - Y``: a name, a product of two, or the gradient of a step, also with a name."""
        c, rows = self.chain, self.z.shape[:1]
        names = {w: x for w, x in env.items() if np.shape(x) == rows and np.asarray(x).dtype.kind == "f"}
        ones = np.full(rows, float(has_labels))
        single = [Weight((), ones), *(Weight((w,), x) for w, x in names.items())]
        for of in (*single, *(Weight((v, w), names[v] * names[w]) for v, w in combinations(names, 2))):
            yield from (Weight(of.names, of.value, k) for k in (1, *rows))
        for n in (n for n in c.landmarks if n in between):  # in their order
            if n.shape == rows and n not in c.unnamed:
                g = c.shorter.points[0].gradients[n]
                yield from (Weight((c.gradient_symbol(n), *of.names), g * of.value, 1, -1, n) for of in single)

    @np.errstate(all="ignore")  # infinite data beside 0
    def gradient(self, between: Collection[Var], is_alone: bool) -> Form | None:
        """The gradient as it is at the recorded point, which is to be compared at others; None for other losses.

        Parameters
        ----------
        between : collection of Var
            The landmarks between the logits and the result.
        is_alone : bool
            Whether it has no other form, so that one without entropies is of use.
        """
        c, env = self.chain, self.chain.environment()
        p, g = evaluate(self.policy, env), c.shorter.points[0].gradients[self.z]
        logs = np.log(p, where=p > 0, out=np.zeros_like(p))  # of a mask
        entropies = -np.sum(p * logs, axis=1)
        bends = p * (logs + entropies[:, None])
        if np.vdot(bends, bends) < LEAST:  # of a uniform policy, whose entropies are the largest
            return None
        labels = self._labels()
        scalars = [part for part in self._parts if part.is_number or part.role == "name" and not part.shape]
        for y, w in pairs_of((*labels, *[None][len(labels) :]), self._weights(env, between, bool(labels))):
            ones = np.eye(self.z.shape[1])[y] if y is not None else np.zeros(self.z.shape)
            rest = g - w.sign * w.value[:, None] / w.over * (p - ones)
            beta = np.vdot(bends, rest) / np.vdot(bends, bends)
            is_needed = abs(beta) > 1e-9 or is_alone and w.of is not None and y is not None
            if not is_needed or not np.allclose(rest, beta * bends, 1e-7, 1e-12):
                continue
            of_entropies = [
                (simplified("multiply", (number(math.copysign(1, beta)), e), ()), k)
                for k in (w.over, 1, len(p)) for e in scalars
                if abs(beta) > 1e-9 and math.isclose(evaluate(e, env), k * abs(beta), rel_tol=1e-9)
            ]  # fmt: skip
            if of_entropies or abs(beta) <= 1e-9:
                return self._written(y, ones, w, of_entropies[0] if of_entropies else None, entropies)
        return None

    def _written(
        self, y: Labels | None, ones: Array, w: Weight, of_entropies: tuple[Expr, int] | None, entropies: Array
    ) -> Form:
        """``w (π - Y) + β π (log(π) + H)``, with the two numbers that β is a quotient of; or only the first term."""
        c, shape, column, terms, labels = self.chain, self.z.shape, (len(ones), 1), list[Expr](), dict[str, Expr]()
        size = c.size_name(len(ones))
        if y is not None:
            by = (simplified("reshape", (name(v, shape[:1]),), column, shape=column, order="C") for v in w.names)
            Y = c.shorter.labelled(ones, y.word)
            terms.append(product((*by, simplified("subtract", (self.policy, Y)[:: w.sign], shape)), shape))
        if of_entropies is not None:
            beta, below = of_entropies
            word = next((v for v, x in c.environment().items() if _is_equal(x, entropies)), "")
            if not word:
                word = c.introduced_name("H", entropies)
                each = product((self.policy, self.logs), shape)
                each = simplified("sum", (each,), shape[:1], axis=(1,), keepdims=False)
                labels[word] = simplified("negative", (each,), shape[:1])
            H = simplified("reshape", (name(word, shape[:1]),), column, shape=column, order="C")
            e = product((beta, self.policy, simplified("add", (self.logs, H), shape)), shape)
            terms.append(simplified("divide", (e, size), shape) if below > w.over else e)
        whole = simplified("add", terms, shape) if terms[1:] else terms[0]
        whole = simplified("divide", (whole, size), shape) if w.over > 1 else whole
        labels |= {v: e for v, e in c.shorter.labels.items() if v in whole.names}
        start = {*({w.of} if w.of is not None else ()), *({c.root} if of_entropies is not None or w.of is None else ())}
        return whole, frozenset(start), labels


def _is_equal(x: Any, y: Array) -> bool:
    return np.shape(x) == y.shape and np.asarray(x).dtype.kind == "f" and np.allclose(x, y, 1e-9, 0)
