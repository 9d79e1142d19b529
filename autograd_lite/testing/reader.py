"""A program in the words of an error: what its gradient is, at which step that begins, and with which values."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ..derive.cached_method import cached_method
from ..derive.chain_rule import Chain
from ..derive.factors import Edge as Rule
from ..derive.formula import Expr, name, number, walk
from ..derive.formula_ops import evaluate, substitute
from ..derive.simplify import product
from ..derive.symbolic_rule import G, X, Y
from ..derive.writing import TEXT, text_name, write
from ..drawing import Drawing, draw
from ..engine.entries import called, fact, folded, places, value_text
from ..engine.node import GraphView, Node
from ..program import Equation, Program, Var
from ..program.graph import graph_of
from ..program.naming import expression, operand, short_names
from ..table import Primitive
from ..tensor import Tensor
from .causes import BackwardPass, Cause, Edge, Mask, Test, beginning, flat, nonfinite, zero
from .remedies import Use, remedy

SHORT = 24  # characters; a longer remedy has a line of its own
PASSING = ("name", "number", "reshape", "broadcast", "index")  # in a rule that only lays out the gradient from above


@dataclass(frozen=True, eq=False, repr=False)
class Why(GraphView):
    """What :func:`why` has found: print it, or draw it.

    Attributes
    ----------
    kind : {"nan", "inf", "zero", "none", "fine"}
        What the gradient is, at least at some entries; or the result.
    cause : str
        How it begins: ``"forward"``, ``"backward"``, ``"saturated"``, ``"flat"``, ``"stationary"``, ``"factor"``, ``"unused"``,
        ``"cancels"``, ``"underflow"``, ``"constant"``, ``"detached"``, ``"given"``; or "".
    variable : str
        Whose gradient it is.
    step : str
        The call at which it begins: ``sqrt(x (3,))``.
    indices : list of tuple
        The entries at which it begins: of the argument of that call, or, for ``"forward"``, of its result.
    values : dict
        The operands and the result of that call, by name.
    remedy : str
        What to write, where something was found that repairs it; or "".
    where : str
        ``file:line`` of the call.
    others : int
        The number of other causes.
    """

    instead = "keep its text: str(it)"

    text: str
    kind: str = "none"
    cause: str = ""
    variable: str = ""
    step: str = ""
    indices: list[tuple[int, ...]] = field(default_factory=list)
    values: dict[str, Any] = field(default_factory=dict)
    remedy: str = ""
    where: str = ""
    others: int = 0
    program: Program | None = None
    ends: tuple[Var | None, Var | None] = (None, None)  # the result of the step, and its argument

    def __str__(self) -> str:
        more = f" There {'is 1 other cause' if self.others == 1 else f'are {self.others} other causes'}."
        remedy = self.remedy and ("\n  " if len(self.remedy) > SHORT else " ") + self.remedy
        where = self.where and f"\nrecorded at {self.where}"
        return f"{self.text}{more * bool(self.others)}{remedy}{where}"

    __repr__ = __str__

    def draw(self, **options: Any) -> Drawing:
        """The picture of the program, with the step in red; the options are those of :func:`autograd_lite.draw`.

        Raises
        ------
        ValueError
            If nothing was recorded.
        """
        if self.program is None:
            raise ValueError(f"draw: nothing was recorded: {self.text}")
        head, tail = (v and v.name for v in self.ends)
        picture = draw(self.program, **{"view": "operations", **options})
        return picture.marked(head or "", tail or "", self.text.partition(": ")[2])


class Reader:
    """The values and the backward pass of a program, and what is wrong with a gradient."""

    def __init__(self, program: Program) -> None:
        program.refuse_hooks("why")
        self.program, self.defined = program, program.defined
        self.root: Any = program.outputs[0]
        self.named = {*program.named}
        taken = {*program.constants, *(x.name for x in self.named)}
        if isinstance(self.root, Var) and self.root not in self.named:
            self.root.name = next(w for w in ("L", "loss", "result", "output") if w not in taken)
            self.named.add(self.root)
            taken.add(self.root.name)
        self._fresh = short_names([*taken, "d", "l", "g", "np"])
        self._constants = {id(x): word for word, x in program.constants.items() if isinstance(x, np.ndarray)}
        self.values = {x: np.asarray(y) for x, y in program.values.items()}

    # ------------------------------------------------------------------------------------------------------- words

    def word(self, x: Any) -> str:
        """The name of a value; one without gets the next letter. "" for a constant that has none."""
        if not isinstance(x, Var):
            return text_name(self._constants.get(id(x), ""))
        if x not in self.named:
            if x in self.program.captured and not self.program.captured[x].requires_grad:
                return ""
            x.name = next(self._fresh)
            self.named.add(x)
        return text_name(x.name)

    def value(self, x: Any) -> Any:
        return self.values[x] if isinstance(x, Var) else np.asarray(x)

    def call(self, eq: Equation) -> str:
        """``log(p (2,))``."""
        return called(eq.row.name, ((self.word(x), x) for x in eq.operands))

    def result(self, eq: Equation, v: Var | None = None) -> str:
        """The name of a result, by default of the first, or else that of the function."""
        v = v or eq.outputs[0]
        return self.word(v) if v in self.named else eq.row.name

    def symbol(self, x: Any) -> str:
        """``dL/dx``."""
        return f"d{self.root}/d{self.word(x)}"

    def written(self, use: Use) -> str:
        """An operand as the user wrote it, if that is short."""
        x, source = use.value, None
        if not isinstance(x, Var) or x not in self.program.named:
            source = operand(use.equation, use.k)
            if source is None and isinstance(x, Var) and x in self.defined:
                source = expression(self.defined[x])
        text = "" if source is None else ast.unparse(source)
        return text if 0 < len(text) <= SHORT else self.word(x) or repr(x)

    def facts(self, uses: Sequence[tuple[Any, Mask]]) -> list[str]:
        """What some operands are at some entries; numbers in the code are in the call already."""
        return list(dict.fromkeys(
            fact(self.word(x) or "a constant", self.value(x), mask)
            for x, mask in uses if mask.any() and (isinstance(x, Var) or np.ndim(x))
        ))  # fmt: skip

    # -------------------------------------------------------------------------------------------------- the formulas

    def step(self, edge: Edge) -> tuple[Equation, Any]:
        """The equation of an edge, and the operand that its term is for."""
        eq = self.defined[self.vars[edge.head]]
        return eq, eq.operands[edge.k]

    def rule(self, edge: Edge) -> Rule | None:
        """The rule of an edge in symbols, as its textbook states it; None for a call with several results."""
        eq, _ = self.step(edge)
        return None if eq.row.outputs else self.chain(eq).edge(eq.outputs[0], edge.k)

    @cached_method
    def chain(self, eq: Equation) -> Chain:
        """The derivation of one equation alone."""
        used = {x: Tensor(self.values[x], requires_grad=x.dtype.kind in "fc") for x in eq.operands if isinstance(x, Var)}
        alone = replace(eq, origin=eq.origin._replace(group=None))
        program = Program("step", (), (alone,), eq.outputs, used, constants=self.program.constants)
        names = {x: f"operand{k}" for k, x in enumerate(used)} | {eq.outputs[0]: "result"}
        return Chain(program, names=names)

    def symbols(self, eq: Equation) -> dict[str, Any]:
        """What the symbols of a rule stand for, but ``G``."""
        return {f"{X}{k}": x for k, x in enumerate(eq.operands) if isinstance(x, Var)} | {Y: eq.outputs[0]}

    def stated(self, edge: Edge, rule: Rule) -> Expr:
        """The formula of a rule, with names; entry by entry where it can be."""
        used = {s: x for s, x in self.symbols(self.step(edge)[0]).items() if s in rule.formula.names}
        return substitute(
            rule.formula, {s: name(self.word(x), () if edge.is_entrywise else x.shape) for s, x in used.items()}
        )

    def line(self, edge: Edge) -> str:
        """The right side of the derivation's line for an edge: ``dL/dr / (2 r)``; "" where there is none."""
        rule = self.rule(edge)
        if rule is None:
            return ""
        formula, v = self.stated(edge, rule), self.above(edge.head)
        g = number(1) if v is self.root else name(self.symbol(v), () if edge.is_entrywise else v.shape)
        whole = product((formula, g), ()) if edge.is_entrywise else rule.joined(g, substitute(formula, {G: g}))
        return write(whole, TEXT).replace(" · ", " ")

    def above(self, n: Node) -> Var:
        """The value whose gradient is that of a node: where an unnamed one is only summed, the sum."""
        v = self.vars[n]
        while v not in self.named and len(edges := self.passed.into(n)) == 1:
            rule = self.rule(edges[0])
            if rule is None or any(part.value not in (None, 1, G) or part.role not in PASSING for part in walk(rule.formula)):
                break
            n = edges[0].head
            v = self.vars[n]
        return v

    def evaluated(self, eq: Equation, e: Expr) -> Any:
        """The value of a formula in the symbols of a rule."""
        env = self.chain(eq).environment() | {s: self.values[x] for s, x in self.symbols(eq).items()}
        return np.broadcast_to(evaluate(e, env), eq.shape)

    def factors(self, edge: Edge, test: Test = nonfinite) -> str:
        """A term that becomes bad, and its factors at the first such entry: ``2 x dL/da = 0 · ∞``."""
        rule = self.rule(edge)
        if rule is None or not edge.is_entrywise:
            return f"{self.line(edge)} = nan".removeprefix(" = ")
        with np.errstate(all="ignore"):
            partial = 1 * self.evaluated(self.step(edge)[0], rule.formula)
            at = np.argwhere(test(partial * edge.g))
        factors = [_symbol(x[tuple(at[0])]) for x in (partial, edge.g)] if len(at) else ["nan"]
        return f"{self.line(edge)} = {' · '.join(factors)}"

    # ---------------------------------------------------------------------------------------------------- the answer

    def why(self, v: Var) -> Why:
        """The first cause of what is wrong with the gradient of `v`."""
        about: dict[str, Any] = {"variable": v.name, "program": self.program}
        the = f"the gradient of {v.name!r}"
        if v.dtype.kind not in "fc":
            return no_derivative(v.name, v)
        y = self.value(self.root)
        if nonfinite(y).any():
            found = self.forward(self.root, nonfinite(y))
            what = f"{self.word(self.root)!r} is {'nan' if np.isnan(y).any() else 'inf'}"
            return replace(found, text=f"{what}: {found.text}.", **about)
        graph = graph_of(self.program)
        self.vars: dict[Node, Var] = {t._node: x for x, t in graph.items() if isinstance(t, Tensor)}
        for x in self.defined:  # a call with several results is a node of its own
            if self.defined[x].row.outputs and isinstance(graph[x], Tensor):
                self.vars |= dict.fromkeys(graph[x]._node.parents, x)
        root, target = (getattr(graph.get(x), "_node", None) for x in (self.root, v))
        self.passed = BackwardPass(root, target) if root is not None and root.requires_grad else None
        if self.passed is None or target not in self.passed.cotangents:
            return replace(self.cut(v), **about)
        g = self.passed.cotangents[target]
        if (bad := nonfinite(g)).any():
            kinds = (("nan", np.isnan(g)), ("inf", g == np.inf), ("-inf", g == -np.inf))
            what = ", ".join(f"{word}{places(mask)}" for word, mask in kinds if mask.any())
            found = replace(self.backward(*self.passed.causes(nonfinite)), kind=what.lstrip("-")[:3])
        elif (bad := zero(g)).any():
            what = "0" + (" everywhere" if bad.all() and bad.ndim else places(bad))
            found = self.flat(self.passed.causes(zero)[0], v)
        else:
            return Why(f"{the} is finite and not zero", "fine", **about)
        return replace(found, text=f"{the} {v.shape} is {what}: {found.text}.", **about)

    def found(self, eq: Equation, text: str, cause: str, entries: Mask, x: Any = None, kind: str = "nan") -> Why:
        """What is known of a step at which something begins, at entries of its operand `x`, or else of its result."""
        values = {self.word(y) or f"operand {k + 1}": self.value(y) for k, y in enumerate(eq.operands) if np.ndim(y)
                  or isinstance(y, Var)} | {self.result(eq): self.value(eq.outputs[0])}  # fmt: skip
        what = remedy(self.program, self.values, eq, kind == "zero", self.written)
        ends = eq.outputs[0], x if isinstance(x, Var) else None
        indices = [*map(tuple, np.argwhere(entries).tolist())]
        return Why(text, kind, cause, "", self.call(eq), indices, values, what, eq.origin.line, ends=ends)

    def forward(self, v: Var, entries: Mask) -> Why:
        """Where values begin to be nan or infinite."""
        begun = beginning(self.program, self.values, v, entries)
        kind = "nan" if np.isnan(self.values[v][entries]).any() else "inf"
        eq, entries = begun.at, begun.entries
        if not isinstance(eq, Equation):
            [text] = self.facts([(eq, entries)]) or ["a constant is not finite"]
            ends = eq if isinstance(eq, Var) else None, None
            return Why(f"{text} was given", kind, "given", others=begun.others, ends=ends)
        result = next(v for v in eq.outputs if nonfinite(self.values[v]).any())
        y = self.values[result]
        if entries.shape != y.shape:  # of several results
            entries = nonfinite(y)
        uses = []
        for x in eq.operands:
            here = nonfinite(self.value(x))
            fits = here.shape == y.shape and (here & entries).any()
            uses.append((x, folded(entries, here.shape) if eq.row.kind == "elementwise" else here & entries if fits else here))
        size = f"{self.result(eq, result)} = {value_text(y[entries][0])}"
        text = ", ".join([f"began forward in {self.call(eq)}", *self.facts(uses), size])
        if begun.then is not None:
            text += f"; then {begun.then.row.name}: {self.numbers(begun.then)}"
        return replace(self.found(eq, text, "forward", entries, kind=kind), others=begun.others)

    def numbers(self, eq: Equation) -> str:
        """What an equation computes at the first entry that is nan: ``0 · -∞``."""
        if eq.row.kind != "elementwise" or not eq.row.infix:
            return "nan"
        y = self.values[eq.outputs[0]]
        at = np.argwhere(np.isnan(y))[0]
        args = [np.broadcast_to(self.value(x), y.shape)[tuple(at)] for x in eq.operands]
        words = {f"x{k + 1}": _symbol(x) for k, x in enumerate(args)}
        return eq.row.infix.format(x=words["x1"], **words).replace("*", "·")

    def backward(self, causes: Sequence[Cause], path: Sequence[Edge]) -> Why:
        """Where a gradient begins to be nan or infinite."""
        edge, entries, others = causes[0].edge, causes[0].entries, len(causes) - 1
        (eq, x), rule = self.step(edge), self.rule(edge)
        above = edge.above(entries) if edge.is_entrywise else np.ones(eq.shape, bool)
        uses = [(y, folded(above, np.shape(y))) for y in eq.operands] if edge.is_entrywise else []
        for y, mask in [(eq.outputs[0], above), *uses]:
            if uses and isinstance(y, Var) and (bad := nonfinite(self.values[y]) & mask).any():
                self.call(eq)  # so that its operands have the first letters
                last = self.factors(edge)
                begun = self.forward(y, bad)
                text = f"{begun.text}; then on the way back in {eq.row.name}: {last}"
                where = begun.where or eq.origin.line
                return replace(begun, text=text, others=others, step=begun.step or self.call(eq), where=where)
        later = (e for e in path if e is not edge and e.tail.parts is None and nonfinite(flat(e.g)).any())
        turn = next((e for e in later if np.isnan(flat(e.d)).any() and not np.isnan(flat(e.g)).any()), None)
        size = value_text(edge.d[entries][0])
        stated = rule is not None and [u for k, u in enumerate(uses) if f"{X}{k}" in rule.formula.names]
        facts = self.facts(stated or [(x, entries)])
        if turn is None:
            begins, last = "on the way back in", self.line(edge) or size
        else:
            begins, last = "began in", size
        text = ", ".join([f"{begins} {self.call(eq)}", *facts, f"{self.symbol(x)} = {last}"])
        if turn is not None:
            text += f"; then {self.call(self.step(turn)[0])}: {self.factors(turn)}"
        return replace(self.found(eq, text, "backward", entries, x), others=others)

    def flat(self, causes: Sequence[Cause], v: Var) -> Why:
        """Where the gradient of `v` begins to be zero."""
        cause, edge, entries = causes[-1], causes[-1].edge, causes[-1].entries
        (eq, x), rule = self.step(edge), self.rule(edge)
        call = self.call(eq)
        if not cause.alone and edge.is_entrywise and edge.tail.shape == edge.head.shape and len(self.passed.into(edge.tail)) == 1:
            kind, parts = "underflow", [call, f"{self.symbol(x)} = {self.factors(edge, zero)} = 0 to rounding"]
        elif not cause.alone:
            kind, parts = "cancels", [f"the terms of {self.symbol(x)} cancel in {call}"]
        elif rule is None or not edge.is_entrywise:
            others = [y for k, y in enumerate(eq.operands) if k != edge.k and zero(self.value(y)).any()]
            if rule is not None and others:
                zeros = (fact(self.word(y) or "the other factor", self.value(y), zero(self.value(y))) for y in others)
                kind, parts = "factor", [call, f"{self.symbol(x)} = {self.line(edge)}", *zeros]
            elif eq.row.kind == "linear":
                kind, parts = "unused", [f"{call} does not depend on these entries"]
            else:
                kind, parts = "flat", [f"the derivative of {call} is 0 there"]
        else:
            kind, parts = self.slope(edge, rule, np.broadcast_to(edge.above(entries), eq.shape), entries)
            parts = [call, *parts]
        text = ", ".join(parts)
        if parts[1:] and kind == "flat" and v is not x and (entries == entries.any(axis=0)).all():
            text += ": these units are off for all the data"
        return replace(self.found(eq, text, kind, entries, x, "zero"), others=len(causes) - 1)

    def slope(self, edge: Edge, rule: Rule, above: Mask, entries: Mask) -> tuple[str, list[str]]:
        """Why a partial derivative is zero at entries of the result and of the argument, and how that is written."""
        eq, x = self.step(edge)
        e, y = rule.formula, eq.outputs[0]
        uses = [(p, folded(above, np.shape(p))) for k, p in enumerate(eq.operands) if f"{X}{k}" in e.names]
        for p, mask in uses:
            if p.dtype.kind == "b":  # a condition
                return "factor", [f"{self.written(Use(eq, eq.operands.index(p)))} is {self.values[p][mask][0]}{places(mask)}"]
        last = f"{write(self.stated(edge, rule), TEXT)} = 0"
        if tests := [t for part in walk(e) if (t := self.comparison(eq, part, above))]:
            return "flat", [*tests, last]
        if e.role in ("name", "array", "number") and e.value != Y:
            others = [(p, folded(above, np.shape(p))) for k, p in enumerate(eq.operands) if k != edge.k]
            return "factor", self.facts(others) or [f"{self.symbol(x)} = {self.line(edge)}"]
        facts = self.facts(uses or [(x, entries)])
        if not self.is_rounded(edge, entries):
            return "stationary", [*facts, last]
        if Y not in e.names:
            return "saturated", [*facts, f"{last} to rounding"]
        facts.append(f"{self.word(y)} = {value_text(self.values[y][above][0])} to rounding")
        return "saturated", facts if e.role == "name" else [*facts, last]

    def comparison(self, eq: Equation, e: Expr, above: Mask) -> str:
        """A comparison of a rule that is false at these entries of the result, as what is true: ``a < 0 at 1 of 1``."""
        if not isinstance(e.row, Primitive) or not (e.row.text or "").startswith("1["):
            return ""
        a, b, is_true = (self.evaluated(eq, part) for part in (*e.args, e))
        relations = {"<": np.less, "=": np.equal, ">": np.greater, "≤": np.less_equal, "≥": np.greater_equal}
        relation = next((sign for sign, holds in relations.items() if holds(a[above], b[above]).all()), "")
        if is_true[above].any() or not relation:
            return ""
        named = {s: name(self.word(x)) for s, x in self.symbols(eq).items() if s in e.names}
        left, right = (write(substitute(part, named), TEXT) for part in e.args)
        if e.args[0].is_number:
            left, right, relation = right, left, relation.translate({60: 62, 62: 60, 8804: 8805, 8805: 8804})
        return f"{left} {relation} {right}{places(above)}"

    def is_rounded(self, edge: Edge, entries: Mask) -> bool:
        """Whether a partial derivative is zero beside these entries, too."""
        eq, _ = self.step(edge)
        zeros = []
        for factor in (0.99, 1.01):
            xs = [self.value(x) for x in eq.operands]
            xs[edge.k] = xs[edge.k] * factor
            with np.errstate(all="ignore"):
                y = eq.row.fn(*xs, **eq.params)
                slope = eq.row.pulls[edge.k](np.ones_like(y), y, xs, edge.head)
            zeros.append((folded(np.broadcast_to(slope, y.shape) == 0, entries.shape) & (xs[edge.k] != 0))[entries].all())
        return any(zeros)

    def cut(self, v: Var) -> Why:
        """The first step after which nothing of `v` has a derivative."""
        live, needed = {v}, {self.root}
        for eq in reversed(self.program.equations):
            if not needed.isdisjoint(eq.outputs):
                needed.update(x for x in eq.operands if isinstance(x, Var))
        head = f"the gradient of {v.name!r} {v.shape} is 0{' everywhere' * bool(v.shape)}"
        for eq in self.program.equations:
            y = eq.outputs[0]
            places = [k for k, x in enumerate(eq.operands) if isinstance(x, Var) and x in live]
            if not places or y not in needed:
                continue
            if y.dtype.kind not in "fc":
                text = "returns truth values: there is no derivative" if y.dtype.kind == "b" else (
                    f"returns {y.dtype}, which has no derivative"
                )
            elif eq.row.kind == "constant" and eq.row.algebra == "identity":
                text = "is a constant for derivatives (detach() or stop_gradient)"
            elif eq.row.kind == "constant" or all(eq.row.pulls[k] is None for k in places):
                text = "is piecewise constant, so its derivative is 0"
            elif not eq.origin.requires_grad:
                text = "was computed under no_grad()"
            else:
                live.update(eq.outputs)
                continue
            found = self.found(eq, f"{head}: {self.call(eq)} {text}.", "constant", np.zeros(0), eq.operands[places[0]], "zero")
            return found if found.remedy or "detach" not in text else replace(found, remedy=f"Use {self.word(found.ends[1])} itself")
        return Why(f"{head}: the result does not depend on {v.name!r}.", "zero", "unused", ends=(None, v))


def no_derivative(word: str, x: Any) -> Why:
    """The answer for integers."""
    text = f"the gradient of {word!r} {x.shape} is None: it has dtype {x.dtype}, and only real or complex numbers have a derivative."
    return Why(text, "none", "constant", word, remedy=f"Write {word}.astype(float)")


def _symbol(x: Any) -> str:
    """``∞`` for an infinite number."""
    return value_text(x).replace("inf", "∞")
