"""The lines of a function that computes a result and its gradients: one for each step, each factor, each gradient.

Each line is run when it is written, on the example, and compared with the engine. What is used twice in a formula, or
would make it too long, gets a line of its own before it, and is not computed again in later lines. What is returned
gets memory of its own.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Sequence
from operator import itemgetter
from typing import Any

import numpy as np

from ..base.escape import identifier, plain
from ..base.tree import leaves
from ..program import Equation, Var
from ..program.assignments import names
from ..program.naming import label, operand
from ..program.slopes import gradients
from ..table import Primitive
from .binding import ATOM
from .chain_rule import Chain
from .chosen_sizes import ChosenSizes
from .factors import total
from .formula import Expr, name, number, parts_of, replaced, unsimplified, walk
from .helpers import literal
from .numpy_code import CodeWriter, Rounding, close
from .simplify import fitted, stripped
from .writing import shape_text, write

Line = tuple[str, str]  # the code and the comment

ONLY_FOR = "this source is for"  # in the message of an error that it raises
WIDTH = 88  # of a line of source, without its comment
_ARITHMETIC = ("sum", "difference", "product", "negation", "quotient", "transpose", "reshape", "identity")


class LineWriter(CodeWriter):
    """Collects the lines of one function, and the helpers that they call."""

    def __init__(self, chain: Chain, sizes: ChosenSizes, called: str, wanted: Sequence[Var]) -> None:
        super().__init__()
        self.chain, self.sizes, self.called, self.wanted = chain, sizes, called, wanted
        inputs = {chain.names.get(n) for n in chain.program.inputs}
        #: The identifiers of the arguments that are dicts, lists or tuples, if no part of one has the name.
        self.trees = {
            w: self.fresh(identifier(w)) for w, tree in chain.program.arguments.items()
            if not isinstance(tree, Var) and w not in inputs
        }  # fmt: skip
        self.inputs = [self.node(n) for n in chain.program.inputs]
        for v in sizes.positions:
            self.identifiers[sizes.word(v)] = f"len({self.ident(chain.word(v))})"
        self._near: list[Var] = []  # whose sizes a line is about
        for word, value in chain.environment().items():
            self.values[self.ident(word)] = value
        for eq in chain.program.equations:
            for k, x in enumerate(eq.operands):
                e = operand(eq, k) if not isinstance(x, Var) and np.shape(x) == () else None
                if isinstance(e, ast.Call | ast.BinOp | ast.Attribute) and {*names(e)} == {"np"}:
                    written = ast.unparse(e)
                    self.numbers[np.asarray(x).item()] = f"({written})" if isinstance(e, ast.BinOp) else written
        self.result = self.node(chain.root)  # the identifier of the value that is returned
        self.cotangent: str | None = None
        self.assigned: set[str] = set()
        self.memory: dict[str, frozenset[str]] = {}  # whose memory a computed value may lie in
        self._returned: set[str] = set()  # those in whose memory something lies that is returned
        self._rounding: dict[str, Rounding] = {}  # of the identifiers
        self._partials: dict[tuple[Var, Var], str] = {}
        self._hoisted: dict[str, Expr] = {}  # the name of each part that has a line of its own, by its key

    # ----------------------------------------------------------------------------------------------------- names

    def node(self, n: Var) -> str:
        return self.ident(self.chain.names[n])

    def _argument(self, value: Any, wish: str) -> str:
        """The name of an array that the source has as an argument: that of an equal one of the user's."""
        same = (w for w, x in self.chain.constants.values.items() if isinstance(x, np.ndarray) and _is_same(x, value))
        word = next(same, None)
        return super()._argument(value, wish) if word is None else self.ident(word)

    def gradient(self, n: Var) -> str:
        """``dLdW``."""
        return self.partial(self.chain.root, n)

    def partial(self, n: Var, m: Var) -> str:
        """``dPdC``; ``dloss_dW1`` where the names are longer."""
        if (n, m) not in self._partials:
            of, wrt = self.node(n), self.node(m)
            short = len(of) == 1 and len(wrt) <= 2
            self._partials[n, m] = self.new(f"d{of}d{wrt}" if short else f"d{of}_d{wrt}")
        return self._partials[n, m]

    def outside(self, body: Sequence[str]) -> list[str]:
        """The names in these lines that are neither assigned nor inputs."""
        used = names_in("\n".join(body)) | ({self.cotangent} if self.cotangent else set())
        return sorted(used & self.values.keys() - self.assigned - set(self.inputs))

    # ------------------------------------------------------------------------------------------------------ lines

    def forward(self) -> list[str]:
        chain, root = self.chain, self.chain.root
        lines = []
        for n in chain.landmarks:
            if chain.is_input(n) or self.node(n) in self.assigned:
                continue
            eq = chain.defined[n]
            place = label(chain.group_path(n))
            if eq.row.outputs:
                lines += [self._several(eq, place or eq.row.name), *self._only_for_size(eq)]
                continue
            definition = chain.definition(n)
            origin = place or _origin([part.row for part in walk(definition) if part.row is not None])
            comment = f"{origin}, {shape_text(n.shape)}".removeprefix(", ")
            lines += self.line(self.node(n), definition, comment, n, chain.values[n], returned=n is root)
        if not chain.is_single(root):  # an argument, or one of several results
            word = self.result
            if root not in chain.defined:
                self.result = self.fresh("L")
            if self.memory.get(word, {word}) <= self.assigned:
                self._returned |= self.memory[word]
            else:
                lines += self.line(self.result, name(chain.names[root], root.shape), "", root, returned=True)
        return _aligned(lines)

    def _several(self, eq: Equation, origin: str) -> Line:
        """The line for an equation with several results."""
        chain = self.chain
        args = [chain.expression(x) if isinstance(x, Var) else chain.constant(x) for x in eq.operands]
        for k, shape in enumerate(eq.shapes):
            if np.shape(self.value(args[k])) != shape:  # ``0 + b`` where zeros of that shape are not written
                args[k] = unsimplified("broadcast_to", args[k : k + 1], shape, shape=shape)
        for x in eq.params.values():  # an inner program raises here, before its row is written
            self._parameter(x)
        e = Expr(eq.row.name, tuple(args), None, eq.params, (), eq.row)
        results = [self.ident(chain.word(v)) for v in eq.outputs]
        code = write(e, self)
        memory = self._shared(e, code)
        for word, v in zip(results, eq.outputs, strict=True):
            self._assign(word, chain.values[v], e, memory)
        target = f"({results[0]},)" if len(results) == 1 else ", ".join(results)
        return f"{target} = {code}", ", ".join([origin, *(shape_text(v.shape) for v in eq.outputs)])

    def _only_for_size(self, eq: Equation) -> list[Line]:
        """The lines that raise if values choose another number of entries, where this is a number in others."""
        v = eq.outputs[0]
        if not self.sizes.is_fixed or v not in self.sizes.positions:
            return []
        word, n = self.identifiers[self.sizes.word(v)], v.shape[0]
        error = f"{self.called}: {ONLY_FOR} masks that choose as many entries as in its example, {word} = {n}"
        return [(f"if {word} != {n}:", ""), (f"    raise ValueError({error!r})", "")]

    def backward(self) -> list[str]:
        chain = self.chain
        reach = chain.reaching(self.wanted)
        terms: dict[Var, list[Expr]] = {chain.root: [self._seed()]}  # of the gradient of each landmark
        waiting = Counter(m for n in chain.landmarks if n in reach for m in chain.inputs_of(n))
        lines = []
        for n in reversed(chain.landmarks):
            if n not in terms or chain.is_input(n):
                continue
            inputs = [m for m in chain.inputs_of(n) if m in reach]
            inputs.sort(key=lambda m: m in chain.defined or m not in self.wanted)
            above, before = self._above(n, inputs, terms.pop(n))
            lines += before
            for m in inputs:
                term, before = self._term(n, m, above)
                lines += before
                terms.setdefault(m, []).append(term)
                waiting[m] -= 1
                if not waiting[m] and m in self.wanted and chain.is_input(m):
                    lines += self._result(m, terms[m])
        for n in self.wanted:
            if n is chain.root:
                del self._partials[n, n]  # a copy of the cotangent
                lines += self._result(n, terms[n])
            elif n not in terms and chain.is_input(n):
                word = self.gradient(n)
                self.assigned.add(word)
                self.values[word] = np.zeros(n.shape, n.dtype)
                lines.append((f"{word} = np.zeros_like({self.node(n)})", "not used"))
        return _aligned(lines)

    def _seed(self) -> Expr:
        """The gradient of the result: one, or an argument with an example of it."""
        root = self.chain.root
        if int(np.prod(root.shape)) == 1:
            return number(1.0)
        self.cotangent = self._partials[root, root] = self.new(self.chain.cotangent)
        example = np.cos(np.arange(1, np.prod(root.shape) + 1))
        self.values[self.cotangent] = example.reshape(root.shape).astype(root.dtype)
        return name(self.cotangent, root.shape)

    def check(self) -> None:
        """Compare the gradients that the lines returned on the example with the engine's."""
        root = self.chain.root
        g = self.values[self.cotangent] if self.cotangent else np.ones(root.shape, root.dtype)
        expected = gradients(self.chain.program, self.wanted, g, self.chain.graph)
        # The engine rounds each cotangent to the dtype of its value. A line that merges several steps rounds once.
        working = Rounding(max(float(np.finfo(n.dtype).eps) for n in self.chain.nodes if n.dtype.kind in "fc"))
        for n in self.wanted:
            word = self.gradient(n)
            rounding = self._rounding.get(word, working).joined(working)
            if np.all(np.isfinite(expected[n])) and not close(self.values[word], expected[n], rounding):
                raise ArithmeticError(f"source: {word} comes out as {self.values[word]}, the engine's is {expected[n]}")

    def _above(self, n: Var, inputs: Sequence[Var], terms: Sequence[Expr]) -> tuple[Expr, list[Line]]:
        """The cotangent of `n`, under a name of its own if it is needed more than once."""
        above = total(terms[:2])
        is_wanted = n in self.wanted
        if above.role in ("name", "number") and not (is_wanted and n in self.chain.defined):
            return above, []
        heavy = len(inputs) > 1 or len(terms) > 1 or any(self.chain.factor(n, m).is_map for m in inputs)
        if is_wanted or heavy or len(write(above, self)) > 50:
            return name(self.gradient(n), n.shape), self._result(n, terms)
        return above, []

    def _result(self, n: Var, terms: Sequence[Expr]) -> list[Line]:
        """The line of a gradient; a sum that is too long for one line is continued in the next."""
        word, comment = self.gradient(n), shape_text(n.shape)
        lines = []
        waiting = terms[0]
        for term in terms[1:]:
            longer = total([waiting, term])
            if len(write(waiting, self)) > 12 and len(write(longer, self)) > WIDTH:
                lines += self.line(word, waiting, comment, n)
                longer = total([name(word, n.shape), term])
            waiting = longer
        return lines + self.line(word, waiting, comment, n, returned=n in self.wanted)

    def _term(self, n: Var, m: Var, above: Expr) -> tuple[Expr, list[Line]]:
        """The term of the gradient of `m` that comes from `n`, and a line for the partial where it has one."""
        chain = self.chain
        factor = chain.factor(n, m)
        lines = []
        formula = factor.formula
        if factor.is_map:
            g = fitted(above, n.shape)
            formula = replaced(formula, lambda e: g if e.names == {chain.cotangent} and not e.args else None)
        else:
            both_named = all(chain.is_input(v) or v in chain.program.named for v in (n, m))
            bare = formula.of if formula.role == "negation" else formula
            if both_named and not bare.is_number and bare.role != "name":  # a line of its own, as on a board
                if above.is_number and above.value == 1 and factor.is_simple:
                    formula = fitted(formula, m.shape)
                word = self.partial(n, m)
                lines = self.line(word, formula, f"{_origin(factor.rules)}, {shape_text(formula.shape)}")
                formula = name(word, formula.shape)
            if not factor.is_elementwise:
                above = fitted(above, n.shape)
        return factor.below(above, formula, n.shape, m.shape), lines

    # --------------------------------------------------------------------------------------------------- one line

    def line(
        self, word: str, e: Expr, comment: str, n: Var | None = None, expected: Any = None, returned: bool = False
    ) -> list[Line]:
        """``word = e``, after lines for what is used twice in it or would make it too long; run and compared.

        Parameters
        ----------
        n : Var, optional
            It has the shape and the dtype of this.
        expected : optional
            The value that it should have.
        returned : bool
            Whether its memory must be that of no argument, and of nothing else that is returned.
        """
        e, lines = self._shortened(replaced(e if n is None else fitted(e, n.shape), self._as_code))
        if not self.sizes.is_fixed:
            inside = (v for v in self.chain.nodes if self.chain.names.get(v) in e.names)
            self._near = [*([] if n is None else [n]), *inside]
        code = write(e, self)
        value = self._run(code)
        if n is not None and np.asarray(value).dtype != n.dtype:
            code = self._cast(e, code, np.asarray(value).dtype, n.dtype)
            value = self._run(code)
        memory = self._shared(e, code)
        if returned and (memory - self.assigned or memory & self._returned):
            code, memory = f"np.copy({code})" if e.shape else f"+{code}", frozenset()
            value = self._run(code)
        if expected is not None and any("generator" in part.params for part in walk(e)):
            value = expected  # any draw will do, but what follows is compared
        self._assign(word, value, e, memory)
        if returned:
            self._returned |= self.memory[word]
        if expected is not None and not close(value, expected, self._rounding[word]):
            raise ArithmeticError(f"source: {word} = {code} gives {value}, the function itself {expected}")
        return [*lines, (f"{word} = {code}", comment)] if code != word else lines  # of a partial that is the gradient

    def shape(self, shape: tuple[int, ...]) -> str:
        """A shape as Python source, with the lengths in it that values decide."""
        sizes = self.sizes.shape(shape, self._near)
        if not any(sizes):
            return super().shape(shape)
        words = [str(k) if size is None else write(size, self) for k, size in zip(shape, sizes, strict=True)]
        return words[0] if len(words) == 1 else f"({', '.join(words)})"

    def _as_code(self, e: Expr) -> Expr | None:
        """``-1 * mask`` for ``-mask * x``: NumPy has no sign for truth values; and the outer product of a column and a
        line.
        """
        sides = [s for k, a in enumerate(e.args[:2]) if len(a.shape) == 2 and (s := stripped(a, 1 - k)) is not None]
        if e.role == "product" and len(sides) == len(e.args) == 2:
            return unsimplified("outer", sides, e.shape)
        if e.role != "negation":
            return None
        first = e.of
        while first.role in ("product", "quotient"):
            first = first.of
        is_mask = first.role == "name" and np.asarray(self.values.get(self.ident(first.value))).dtype == bool
        return unsimplified("multiply", (number(-1), e.of), e.shape) if is_mask else None

    def _cast(self, e: Expr, code: str, dtype: np.dtype[Any], new: np.dtype[Any]) -> str:
        """The code of `e` with another dtype."""
        if e.is_number:
            return f"np.asarray({code}, {literal(new)})"
        code = write(e, self, ATOM)
        if dtype.kind == "c" and new.kind != "c":
            code, dtype = f"{code}.real", np.empty(0, dtype).real.dtype
        return code if dtype == new else f"{code}.astype({literal(new)})"

    def _shared(self, e: Expr, code: str) -> frozenset[str]:
        """The identifiers in whose memory the value of a line may lie, with arguments in the two usual layouts."""
        used = names_in(code) & self.values.keys()
        arrays = [word for word in used if not isinstance(self.values[word], np.random.Generator)]
        while e.row is not None and (e.row.view or e.role == "gather"):  # x[i] at a single position is a view
            e = e.of
        shared = set()
        if e.row is not None and not e.row.builtin:  # a user's function may decide by the numbers
            shared.update(arrays)
        for order in ("C", "F") if e.row is None else ():
            copies: dict[str, Any] = {word: np.array(self.values[word], order=order) for word in arrays}
            results = leaves(self._run(code, {**self.values, **copies}))
            shared |= {word for word, x in copies.items() if any(np.may_share_memory(x, y) for y in results)}
        return frozenset().union(*(self.memory.get(word, {word}) for word in shared))

    def _assign(self, word: str, value: Any, e: Expr, memory: frozenset[str]) -> None:
        """Note that `word` has this value, which `e` computes and which may lie in the memory of these identifiers."""
        operands = map(self.ident, e.names)
        roundings = (self._rounding.get(w) or Rounding.of(self.values[w]) for w in operands)
        self._rounding[word] = Rounding.of(value).joined(*roundings)
        self.values[word] = value
        self.memory[word] = memory or frozenset((word,))
        self.assigned.add(word)

    def _run(self, code: str, values: dict[str, Any] | None = None) -> Any:
        with np.errstate(all="ignore"):
            return eval(code, self.helpers.run(), self.values if values is None else values)

    def _shortened(self, e: Expr) -> tuple[Expr, list[Line]]:
        """A formula with names for some of its parts, and the lines of these."""
        lines = []
        while (part := self._to_hoist(e)) is not None:
            if part.key not in self._hoisted:
                word = self.new(next(self.chain.fresh))
                lines += self.line(word, part, shape_text(part.shape))
                self._hoisted[part.key] = name(word, np.shape(self.values[word]))
            e = replaced(e, lambda inner: self._hoisted.get(inner.key))
        return e, lines

    def _to_hoist(self, e: Expr) -> Expr | None:
        """A part that should have a line of its own: it is used twice, or the line with it is too long."""
        inside = [(part, uses) for part, uses in parts_of(e) if part is not e]
        candidates = [(part, uses) for part, uses in inside if not part.is_atom and part.role != "array"]
        repeated = next((part for part, uses in candidates if uses > 1 and len(write(part, self)) > 7), None)
        if repeated is not None or len(write(e, self)) <= WIDTH:
            return repeated
        lengths = [(len(write(part, self)), part) for part, _ in candidates]
        return max((pair for pair in lengths if 12 < pair[0] <= WIDTH), key=itemgetter(0), default=(0, None))[1]


def _is_same(x: Any, y: Any) -> bool:
    return isinstance(y, np.ndarray) and x.dtype == y.dtype and np.array_equal(x, y)


def names_in(code: str) -> set[str]:
    """The names in lines of code."""
    return {part.id for part in ast.walk(ast.parse(code)) if isinstance(part, ast.Name)}


def _origin(rows: Sequence[Primitive]) -> str:
    """What a step is called in a comment: its functions, without the arithmetic between them."""
    functions = dict.fromkeys(row.name for row in rows if row.algebra not in _ARITHMETIC)
    return " ".join(functions) or next((row.name for row in rows), "")


def _aligned(lines: Sequence[Line]) -> list[str]:
    """Comments in one column, unless a line is too long for it."""
    column = max((len(code) for code, _ in lines if len(code) <= 52), default=0)
    return [f"{code:<{column}}  # {plain(comment)}" if comment else code for code, comment in lines]
