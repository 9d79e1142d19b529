"""The chain rule on a program: landmarks, and the factors between them.

A person who derives a gradient does not stop at every operation. The landmarks are the values that have a name, the
inputs, what is used more than once, and every matrix product or other step that is not elementwise; simple arithmetic
between two landmarks belongs to the formula of the later one. Between a landmark and one that its formula uses lies a
*factor* ``dP/dC``: a formula, a value, and how it combines with the cotangent: elementwise, as a matrix from the left
or from the right, or, where it is none of these, as a map.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property, partial
from itertools import count, pairwise
from typing import Any, TypeAlias

import numpy as np

from ..base.cached_method import RESULTS, cached_method
from ..base.escape import plain
from ..program import Program, Var
from ..program.graph import graph_of
from ..program.naming import stem
from ..program.slopes import gradients
from ..tensor import Tensor
from .factors import Combine, Edge, Factor, FoldedCall, Pull, beside, laid_out, mirrored, scalars_apart, total
from .formula import Expr, Function, factors_of, name, named, number, replaced, terms_of, unsimplified, walk
from .formula_ops import evaluate, substitute
from .matrices import gathered as gathered_products
from .shorter import POINTS, Shorter
from .simplify import again, fitted, full, product, simplified, tidied, times, transposed, with_cases
from .steps import PRODUCTS, Steps
from .symbolic_rule import G, parted

Rules: TypeAlias = tuple[tuple[int, Var], ...]  # the values whose rules they are, numbered in order


class Chain(Steps):
    """A program read as a chain of landmarks, from the inputs to its one result.

    Parameters
    ----------
    program : Program
        What is derived.
    wrt : iterable of Var, optional
        What will be differentiated with respect to; only steps on the way to it become landmarks.
    depth : int, optional
        How many levels of modules and composite calls to expand; a deeper call is one step.
    **options
        ``board=False``: known steps are not written as their textbooks have them, nor constants by their names, as for
        a program that will be run.

    Examples
    --------
    >>> import autograd_lite as ag
    >>> x = ag.tensor(2.0, requires_grad=True, name="x")
    >>> y = ag.sin(x)
    >>> chain = Chain(Program.of(ag.exp(y), {"y": y}))
    >>> [chain.names[v] for v in chain.landmarks]
    ['x', 'y', 'L']
    """

    @cached_property
    def shorter(self) -> Shorter:
        """Shorter forms of formulas."""
        return Shorter(self)

    # ---------------------------------------------------------------------------------------------------------- factors

    @cached_method
    def factor(self, n: Var, m: Var) -> Factor:
        """The partial derivative of landmark `n` with respect to landmark `m`, which its formula uses."""
        if n in self.folds:
            return self._folded_factor(n, m)
        paths = self._inner_paths(n)[m]
        numbered = dict(rule for _, rules in paths for rule in rules)
        steps = [numbered[k] for k in sorted(numbered)]
        rows = dict.fromkeys(self.defined[at].row for at in steps)
        said, always = (
            dict.fromkeys(remark for at in steps for remark in of(at)) for of in (self.remarks, self.conventions)
        )
        factor = self._factor(n, m, self._total(n, m, [e for e, _ in paths]), tuple(rows))
        # max(0, x)² has a slope at 0
        smooth = {s.book.kink for at in steps if (s := self.known(at)) and self._tests(at)} - {""}
        smooth = set() if _has_test(factor.formula) else smooth
        return replace(factor, remarks=tuple(w for w in said if w not in smooth), conventions=tuple(always))

    def _tests(self, n: Var) -> bool:
        """Whether the derivative of one operation has an indicator in it."""
        return n not in self.folds and any(_has_test(self.edge(n, i).formula) for i, _ in self.active_arguments(n))

    @cached_method
    def _inner_paths(self, n: Var) -> dict[Var, list[tuple[Edge, Rules]]]:
        """The paths inside the step `n`, by the landmarks where they end: each as one edge, and the rows on it."""
        paths: dict[Var, list[tuple[Edge, Rules]]] = {}
        stack: list[tuple[Var, Expr, Rules, bool]] = [(n, number(1), (), False)]
        steps = count()
        while stack:
            at, before, rules, is_whole = stack.pop()  # `before` is a factor, or the whole cotangent
            active = self.active_arguments(at)
            meanings = self._meanings(at, n) if active else {}
            for i, p in active:
                e = self.edge(at, i)
                here = (*rules, (next(steps), at))
                direct = before.is_number and before.value == 1
                stated = direct and self.known(at) is not None  # as it was stated, not simplified
                if stated:
                    formula = replaced(named(e.formula, meanings), tidied)
                else:
                    formula = substitute(e.formula, meanings)
                if is_whole:
                    above = name(self.upstream(n), at.shape)
                    formula = substitute(e.below(above, formula, at.shape, p.shape), {above.value: before})
                    e = Edge(Combine.MAP, formula, ())
                elif e.is_simple:
                    is_product = self.defined[at].algebra == "product"  # of a b c: a c, not c a
                    is_product &= all(f.role in ("name", "number") for f in factors_of(before))
                    is_product &= not self._is_behind([v for _, v in here])
                    pair = (formula, before) if is_product else (before, formula)
                    formula = self._passed(at, before, times(*pair))
                elif not (e.is_elementwise or n.shape) and at.shape == before.shape and self._is_inside_form(at, p):
                    numbers_beside, core = scalars_apart(before)
                    whole = substitute(formula, {G: core, self.upstream(n): core})
                    formula = numbers_beside(e.below(core, whole, at.shape, p.shape))
                    e = Edge(Combine.ELEMENTWISE, formula, ())
                elif e.is_map and (not direct or at.shape != n.shape):
                    g = name(self.upstream(n), at.shape if self._is_laid_out(n, at) else n.shape)
                    formula = substitute(formula, {g.value: full(product((g, before), at.shape), at.shape)})
                elif not direct:
                    shape = np.broadcast_shapes(before.shape, formula.shape) if e.is_elementwise else formula.shape
                    formula = full(product((before, formula), shape), shape)
                inner = replace(e, formula=formula)
                while self.is_turn(p):  # Q @ Kᵀ is one step
                    p, inner = self._through_turn(n, p, inner)
                if p in self.landmark_set:
                    paths.setdefault(p, []).append((inner, here))
                elif is_whole or inner.is_simple:
                    stack.append((p, inner.formula, here, is_whole))
                else:
                    whole = inner.below(name(self.upstream(n), n.shape), inner.formula, n.shape, p.shape)
                    stack.append((p, whole, here, True))
        return paths

    def _is_inside_form(self, at: Var, p: Var) -> bool:
        """Return whether one of two values is an inner product of a form: x @ Q of x @ Q @ y, Wᵀ C W of its trace."""
        is_form = self.defined[at].algebra in ("matrix product", "trace", "inverse", "diagonal matrix")
        return is_form and not (at in self.landmark_set and p in self.landmark_set)

    def _is_laid_out(self, n: Var, at: Var) -> bool:
        """Return True if a value has other axes than the step `n`, which is no sum over some of them."""
        eq = self.defined[n]
        axis = eq.params.get("axis") if eq.algebra == "total" and eq.x is at else None
        if axis == 0 and not eq.params.get("keepdims"):
            return False
        repeated = zip(n.shape, at.shape, strict=False)
        return bool(n.shape) and (len(n.shape) != len(at.shape) or any(a not in (1, b) for a, b in repeated))

    def _is_behind(self, path: Sequence[Var]) -> bool:
        """Whether the last value of a path is in the right factor of the product before it: b c of a (b c)."""
        pairs = [(n, m) for n, m in pairwise(path) if self.defined[n].algebra == "product"]
        return bool(pairs) and self.defined[pairs[-1][0]].operands[-1] is pairs[-1][1]

    def _passed(self, at: Var, before: Expr, product: Expr) -> Expr:
        """The product of a partial with those before it, which the rule of `at` passes on."""
        return product

    def _through_turn(self, n: Var, p: Var, e: Edge) -> tuple[Var, Edge]:
        """The edge from step `n` to what `p`, a transpose in it, is made of."""
        above = name(G, n.shape)
        formula = named(e.formula, {self.upstream(n): above})
        beside, turned = (lambda whole: whole, formula) if e.is_map else scalars_apart(formula)
        (q,) = self.arguments(p)
        if p.size == q.size and p.shape != q.shape[::-1]:  # x[:, None] in it
            return q, parted(fitted(beside(e.below(above, turned, n.shape, p.shape)), q.shape), n.shape, q.shape)
        whole = e.joined(above, turned)
        if whole.role == "matrix product":
            whole = simplified("matmul", [transposed(a) for a in whole.args[::-1]], q.shape)
        else:
            whole = transposed(whole)
        return q, parted(beside(whole), n.shape, q.shape)

    def _folded_factor(self, n: Var, m: Var) -> Factor:
        """The textbook's formula for a folded call, or else the symbol of its derivative."""
        fold = self.folds[n]
        arguments = [word for word, x in fold.inputs.items() if isinstance(x, Var) and self.canonical(x) is m]
        pull = partial(self._pull_inside, n, m)
        e = self.stated(n, arguments, m.shape, pull)
        if e is None and n is self.root:
            e = Edge(Combine.MAP, name(f"d{plain(fold.name)}/d{self.names[m]}", m.shape), ())
        elif e is None:
            dot = Function("applied", text="{x1} · {x2}", tex=r"{x1} \, {x2}")
            operands = name(G, n.shape), name(self.symbol(n, m), m.shape)
            e = Edge(Combine.MAP, unsimplified(dot, operands, m.shape), ())
        return self._factor(n, m, e, (FoldedCall(fold.name),), pull)

    def _factor(self, n: Var, m: Var, e: Edge, rules: tuple[Any, ...], pull: Pull | None = None) -> Factor:
        """An edge as a factor: with names for its symbols, and its value."""
        upstream = self.upstream(n)
        formula = named(e.formula, {G: name(upstream, n.shape)})
        if stem(self.names[n]) not in self.looped and self._is_in_parts(m):
            formula = beside(formula, columns=True) or formula
        formula, symmetric = self._as_read(n, formula)
        env = self.environment()
        value = None if e.is_map else np.asarray(evaluate(formula, env))
        if value is not None and not np.isfinite(value).all():
            formula = with_cases(formula)
            value = self._settled(n, m, np.asarray(evaluate(formula, env)))
        factor = Factor(
            e.combine, formula, e.axes, n, m, self.symbol(n, m), value, rules, upstream, env, pull, symmetric=symmetric
        )
        return self._without_upstream(factor) if n is self.root and self.board else factor

    @cached_method
    def _is_in_parts(self, m: Var) -> bool:
        """Whether only slices and entries of a value are used, so that its gradient has parts: ``[dL/da, dL/db]``."""
        return not (self.board and any(self.names[m] in self._whole(k) for k in self._users[m]))

    @cached_method
    def _whole(self, n: Var) -> set[str]:
        """The names that the formula of a landmark has not only under an index."""
        parts = walk(self.definition(n))
        return {a.value for part in parts if part.role != "index" for a in part.args if a.role == "name"}

    def _settled(self, n: Var, m: Var, value: Any) -> Any:
        """The value of a factor that is not finite, as the rules have it: a cotangent of zero contributes zero."""
        exact = Exact(self).factor(n, m).value
        return value if np.shape(exact) != value.shape else np.where(np.isfinite(value), value, exact)

    def _as_read(self, n: Var, e: Expr) -> tuple[Expr, tuple[str, ...]]:
        """The formula of a factor of `n` as a textbook has it, and the names of the matrices that are symmetric."""
        if not self.board:
            return e, ()
        e, symmetric = self._without_transposes(self.with_sums(e))
        if any(map(_is_nested, walk(e))):
            found = dict.fromkeys(symmetric)
            is_symmetric = partial(self.is_of_symmetric, found)

            def gathered_in(part: Expr) -> Expr | None:
                is_form = part.role == "matrix product" and not part.shape  # w @ S @ w stays
                return part if is_form else gathered_products(part, is_symmetric) if _is_nested(part) else None

            e = replaced(gathered_products(e, is_symmetric), gathered_in)  # also in diag(…)
            symmetric = tuple(found)
        e = replaced(e, lambda part: again(part, part.args) if part.role == "power" else self._computed.get(part.key))
        if n not in self.folds and (self.known(n) is None or self.defined[n].row.kind == "elementwise"):
            e = self.shorter.formula(e, {self.upstream(n): n.shape}, self.names[n])
        return e, symmetric

    @cached_property
    def _computed(self) -> dict[str, Expr]:
        """The names of inverses and of means of all entries, by these: Kinv instead of K⁻¹, mean of mean(x)."""
        forms = {self.names[n]: self.definition(n) for n in self.landmarks if n in self.defined}
        kept = {w: replace(e, params={**e.params, "keepdims": True}, shape=(1,) * len(e.of.shape))
                for w, e in forms.items() if e.role == "reduction" and not e.shape}  # fmt: skip
        inverses = {w: e for w, e in forms.items() if e.role == "inverse"}
        return {e.key: name(w, forms[w].shape) for w, e in (inverses | kept).items()}

    def _without_transposes(self, e: Expr) -> tuple[Expr, tuple[str, ...]]:
        """A formula without the transposes of symmetric matrices and of their inverses, and the names of these."""
        found: dict[str, None] = {}

        def turned(part: Expr) -> Expr | None:
            if not part.is_turned:
                return None
            [inner] = part.args
            word = (inner.of if inner.role == "inverse" else inner).value
            if not isinstance(word, str) or not self.is_symmetric(word):
                return None
            found[word] = None
            return inner

        return replaced(e, turned), tuple(found)

    def is_symmetric(self, word: str) -> bool:
        """Return whether a matrix, or each of those in the rounds of a loop, is symmetric here and at points nearby."""
        return all(map(self._is_symmetric, self._of_all_rounds(word)))

    def _of_all_rounds(self, word: str) -> list[str]:
        """The names of the values that a matrix has in the rounds of a loop, R0, R1 and R2; else its name alone."""
        of = stem(word)
        same = [w for w in (*self.constants.values, *self.named) if w != of and stem(w) == of]
        return same if word in same else [word]

    @cached_method
    def _is_symmetric(self, word: str) -> bool:
        if word in self.constants.values and np.ndim(x := self.constants.values[word]) == 2:  # P0 = I
            following = f"{stem(word)}1" if stem(word) in self.looped and word == f"{stem(word)}0" else ""
            is_state = following not in self.named or self._is_symmetric(following)
            return is_state and np.array_equal(x, np.eye(len(x)))
        computed = {
            w: n for n in self.landmarks
            if (w := self.names[n]) and (self.is_single(n) or n not in self.active or stem(w) in self.looped)
        }  # fmt: skip
        shape = np.shape(self.values[computed[word]]) if word in computed else ()
        if len(shape) != 2 or len({*shape}) > 1 or not np.allclose(x := self.environment()[word], x.T):
            return False
        if self.is_picture and any(map(self._can_be_turned, self._behind(word))):
            return False
        if (n := computed[word]) not in self.active:
            return n in self.defined or self._is_of_form(n)
        points = self.shorter.points
        if not np.any(x - np.diag(np.diag(x))):  # max(a, 0) may be diagonal by chance, also near it
            return False
        return len(points) > POINTS and all(np.allclose(x := p.values[computed[word]], x.T) for p in points)

    def is_of_symmetric(self, found: dict[str, None], part: Expr) -> bool:
        """Return whether a matrix, or what it is the inverse of, is symmetric; `found` then has its name."""
        if part.head == "identity":
            return True
        word = str((part.of if part.role == "inverse" else part).value)
        is_fixed = word not in self.introduced and not self.is_picture  # a page may change it
        given = [np.asarray(self.constants.values.get(w, 0) if is_fixed else 0) for w in self._of_all_rounds(word)]
        is_it = all(x.ndim == 2 and np.array_equal(x, x.T) for x in given)
        is_looped = stem(word.rpartition("/d")[2]) in self.looped
        is_it |= self.is_symmetric(word) or not is_looped and self.shorter.is_symmetric(word)
        found.update({word: None} if is_it else {})
        return is_it

    def _is_of_form(self, n: Var) -> bool:
        """Whether a given matrix is that of a quadratic form or of equations, and no table that is symmetric by chance:
        ``w @ S @ w``, ``A @ P @ A.T``, ``solve(K, y)``.
        """
        users = self.program.users.get(n, ())
        products = [eq for eq in users if eq.algebra in PRODUCTS and eq.operands[-1] is n]
        ends = [k.algebra for eq in products for k in self.program.users.get(eq.y, ())]
        is_solved = any(eq.row.kind == "general" or eq.algebra in ("solution", "inverse") for eq in users)
        return is_solved or not {*ends}.isdisjoint((*PRODUCTS, "diagonal", "trace"))

    def _behind(self, word: str) -> set[str]:
        """A name and those of what it is computed from."""
        found, stack, values = set[str](), [word], {self.names[n]: n for n in self.landmarks if n in self.defined}
        while stack:
            if (word := stack.pop()) not in found:
                found.add(word)
                stack += self.definition(values[word]).names if word in values else ()
        return found

    def _can_be_turned(self, word: str) -> bool:
        """Whether a name is that of a symmetric matrix that was given: on a page its entries can be changed."""
        x = np.asarray(self.constants.values.get(word, 0))
        return x.ndim == 2 and np.array_equal(x, x.T) and not self.is_made(word)

    def _without_upstream(self, f: Factor) -> Factor:
        """A factor of the result, whose own gradient is one: a map is then the gradient itself."""
        if not f.is_map or f.pull is not None:
            return f
        formula = substitute(f.formula, {f.cotangent: number(1)})
        value = f.apply(np.ones(f.of.shape))
        try:
            stated = laid_out(evaluate(formula, f._env), value.shape)
        except (TypeError, ValueError):  # it needs an array
            return f
        is_it = np.array_equal(stated, value)
        return replace(f, formula=formula, combine=Combine.ELEMENTWISE, value=value) if is_it else f

    def _pull_inside(self, n: Var, m: Var, g: Any) -> Any:
        """The cotangent of `m` from that of `n`, a folded call that uses it, in numbers."""
        program, graph = self._folded_program(n)
        return gradients(program, [m], g, graph)[m]

    @cached_method
    def _folded_program(self, n: Var) -> tuple[Program, dict[Var, Any]]:
        """The program of the folded call `n`, with its graph; the values that it uses are captured."""
        inside = set(self.folded_steps(n))
        equations = [eq for eq in self.program.equations if not inside.isdisjoint(eq.outputs)]
        used = dict.fromkeys(x for eq in equations for x in eq.operands if isinstance(x, Var) and x not in inside)
        captured = {x: Tensor(self.values[x], requires_grad=x in self.graded) for x in used}
        program = Program("call", (), equations, (n,), captured)
        return program, graph_of(program)

    def symbol(self, n: Var, m: Var) -> str:
        """``dP/dC``; ``∂L/∂x`` for the direct partial of L, where x also acts on L through other landmarks."""
        d = "∂" if n is self.root and len(self._users[m]) > 1 else "d"
        return f"{d}{self.names[n]}/{d}{self.names[m]}"

    @cached_property
    def _users(self) -> defaultdict[Var, list[Var]]:
        """The landmarks that use each."""
        users = defaultdict[Var, list[Var]](list)
        for n in self.landmarks:
            for m in self.inputs_of(n):
                users[m].append(n)
        return users

    def _total(self, n: Var, m: Var, edges: Sequence[Edge]) -> Edge:
        """One edge for all paths inside a step from `n` to `m`."""
        if len(edges) == 1:
            return edges[0]
        if all(e.is_simple for e in edges):
            return Edge(Combine.ELEMENTWISE, total([e.formula for e in edges]), ())
        g = name(self.upstream(n), n.shape)
        terms = [named(e.below(g, e.formula, n.shape, m.shape), {G: g}) for e in edges]
        return Edge(Combine.MAP, _gathered(total(mirrored(terms)), g) if self.board else total(terms), ())

    def inputs_of(self, n: Var) -> list[Var]:
        """The landmarks that the formula of `n` is differentiated with respect to, in the order of the formula."""
        inputs: dict[Var, None] = {}
        stack = [p for _, p in self.active_arguments(n)][::-1]
        while stack:
            p = stack.pop()
            if p in self.landmark_set:
                inputs[p] = None
            else:
                stack += [q for _, q in self.active_arguments(p)][::-1]
        return list(inputs)

    def reaching(self, wanted: Iterable[Var]) -> set[Var]:
        """The landmarks on a path from the result to one of `wanted`."""
        reach = set(wanted)
        for n in self.landmarks:
            if not reach.isdisjoint(self.inputs_of(n)):
                reach.add(n)
        below = {self.root}
        for n in reversed(self.landmarks):
            if n in below:
                below.update(self.inputs_of(n))
        return reach & below

    def paths(self, wrt: Var, limit: int = 100) -> Iterator[list[Var]]:
        """Every path through the landmarks from the result to `wrt`."""
        reach = self.reaching([wrt])
        stack = [[self.root]] if self.root in reach else []
        yielded = 0
        while stack:
            path = stack.pop()
            if path[-1] is wrt:
                yield path
                yielded += 1
                if yielded > limit:
                    raise ValueError(
                        f"explain: more than {limit} paths lead from {self.names[self.root]} to {self.names[wrt]}: "
                        "explain a part of the graph, or take the backward pass from source()"
                    )
                continue
            stack += [[*path, p] for p in self.inputs_of(path[-1])[::-1] if p in reach]


def _gathered(e: Expr, g: Expr) -> Expr:
    """A sum of entries of `g` times numbers with one term for each number: ``(g[1, 0] - g[0, 1]) cos(θ) - …``; of
    products of matrices with `g`, ``(A - B)ᵀ @ g``.
    """
    if all(term.role == "matrix product" and g.key in {a.key for a in term.args} for _, term in terms_of(e)):
        return gathered_products(e, lambda _: False)
    groups: dict[str, tuple[int, Expr, list[Expr]]] = {}
    for sign, term in terms_of(e) if not e.shape else ():
        entries = [f for f in factors_of(term) if f.role == "index" and f.of.key == g.key]
        rest = product([f for f in factors_of(term) if f not in entries], ())
        if len(entries) != 1 or g.value in rest.names:
            return e
        first, _, above = groups.setdefault(rest.key, (sign, rest, []))
        above.append(product((number(sign * first), *entries), ()))
    return total([product((number(first), total(above), rest), ()) for first, rest, above in groups.values()] or [e])


def _is_nested(e: Expr) -> bool:
    """Whether products of matrices stand in each other, ``Aᵀ @ (g @ Cᵀ)``, a vector before a matrix, or numbers inside:
    ``Aᵀ @ (2 g / n)``.
    """
    if e.is_turned:
        return e.of.role == "matrix product"
    within = e.args if e.role in PRODUCTS[:2] else ()
    cores = [scalars_apart(a)[1] for a in within]
    is_row = [len(a.shape) for a in within] == [1, 2] and e.role == "matrix product"
    is_scaled = any(core.key != a.key for core, a in zip(cores, within, strict=True))
    return is_row or is_scaled or any(core.role in PRODUCTS[:2] for core in cores[1:])


def _has_test(e: Expr) -> bool:
    """Whether a formula has an indicator or a sign in it."""
    return any(part.role in ("comparison", "selection", "sign") for part in walk(e))


class Exact(Chain):
    """A chain whose partials are those of the rules everywhere: a textbook's line need not hold at a kink, nor one that
    is shorter at the recorded numbers at others.
    """

    FORMS = Chain.FORMS[::-1]

    def __init__(self, chain: Chain) -> None:
        kept = (word for word in vars(chain) if not word.startswith(RESULTS) or word == f"{RESULTS}known")
        vars(self).update({word: vars(chain)[word] for word in kept})
        self.defined, self.tied = self.program.defined, set()

    def known(self, n: Var) -> Any:
        return super().known(n) if n in self.folds else None

    def _as_read(self, n: Var, e: Expr) -> tuple[Expr, tuple[str, ...]]:
        return e, ()

    def _passed(self, at: Var, before: Expr, product: Expr) -> Expr:
        is_masked = any(part.role == "selection" for part in walk(before))
        is_guarded = is_masked or self.defined[at].row.restricted and not before.is_number
        return unsimplified("settled", (product, before), product.shape) if is_guarded else product

    def _settled(self, n: Var, m: Var, value: Any) -> Any:
        return value
