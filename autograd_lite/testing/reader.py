"""A program in the words of an error: what its gradient is, at which step that begins, and with which values."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ..base.cached_method import cached_method
from ..derive.chain_rule import Chain
from ..derive.factors import Edge as Rule
from ..derive.formula import Expr, name, number, walk
from ..derive.formula_ops import evaluate, substitute
from ..derive.simplify import product
from ..derive.symbolic_rule import G, X, Y
from ..derive.writing import TEXT, text_name, write
from ..drawing import Drawing, draw
from ..engine.entries import called, fact, folded, places, value_text
from ..engine.node import GraphView
from ..program import Equation, Program, Var
from ..program.graph import graph_of
from ..program.naming import called as calls, expression, operand, place, short_names
from ..tensor import Tensor
from .causes import BackwardPass, Edge, Mask, beginning, flat, nonfinite, zero
from .remedies import remedy

SHORT = 24  # characters; a longer remedy has a line of its own
MANY = 150  # operations; of more a picture shows the landmarks
LONG = 60  # a longer line of a derivation is not shown, nor a longer operand written out
PASSING = ("name", "number", "reshape", "broadcast", "index")  # in a rule that only lays out the gradient from above


@dataclass(frozen=True, eq=False)
class Why(GraphView):
    """What :func:`why` has found: print it, or draw it.

    Attributes
    ----------
    kind : {"nan", "inf", "zero", "none", "fine"}
        What the gradient is, at least at some entries; or the result.
    cause : str
        How it begins: ``"forward"``, ``"backward"``, ``"saturated"``, ``"flat"``, ``"stationary"``, ``"factor"``,
        ``"unused"``, ``"cancels"``, ``"constant"``, ``"detached"``, ``"given"``; or "".
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

    Examples
    --------
    >>> import autograd_lite as ag
    >>> z = ag.tensor([40.0, 1.0], requires_grad=True, name="z")
    >>> reason = ag.why(np.sum(ag.sigmoid(z)), z)
    >>> reason.kind, reason.cause, reason.step, reason.indices
    ('zero', 'saturated', 'sigmoid(z (2,))', [(0,)])
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

    @np.errstate(all="ignore")
    def draw(self, **options: Any) -> Drawing:
        """The picture of the program, with the step in red; the options are those of :func:`autograd_lite.draw`.

        Raises
        ------
        ValueError
            If nothing was recorded.
        """
        if self.program is None or not self.program.equations:
            raise ValueError(f"draw: nothing was recorded: {self.text}")
        view = "operations" if len(self.program.equations) < MANY else "landmarks"
        picture = draw(self.program, **{"view": view, **options})
        shown, users, (head, tail) = picture.scene.keys_named(), self.program.users, self.ends
        while head and head.name not in shown and users[head]:  # inside a call that is one box
            head = users[head][0].y
        word = head.name if head else next(iter(self.values), "")
        picture = picture.marked(word, tail.name if tail else "")
        notes = *picture.scene.notes, self.text.partition(": ")[2] or self.text
        return replace(picture, scene=replace(picture.scene, notes=notes))


class Reader:
    """The values and the backward pass of a program, and what is wrong with a gradient."""

    def __init__(self, program: Program) -> None:
        program.refuse_hooks("why")
        self.program, self.defined, self.values = program, program.defined, program.values
        self.named = set(program.named)
        [root] = program.outputs
        self.root, taken = root, {*program.constants, *(x.name for x in self.named)}
        if isinstance(root, Var) and root not in self.named:
            root.name = next(w for w in ("L", "loss", "result", "output") if w not in taken)
            self.named.add(root)
        self._fresh = short_names([*taken, str(root), "d", "l", "g", "np"])
        self._constants = {id(x): word for word, x in program.constants.items() if isinstance(x, np.ndarray)}

    # ------------------------------------------------------------------------------------------------------- words

    def word(self, x: Any) -> str:
        """The name of a value; one without gets the next letter. "" for a constant that has none."""
        if not isinstance(x, Var):
            return self._constants.get(id(x), "")
        if x not in self.named:
            if x in self.program.captured and not self.program.captured[x].requires_grad:
                return ""
            x.name = next(self._fresh)
            self.named.add(x)
        return x.name

    def value(self, x: Any) -> Any:
        return np.asarray(self.values[x] if isinstance(x, Var) else x)

    def call(self, eq: Equation) -> str:
        """``log(p (2,))``; of a step inside a call ``linalg.norm(x (3,))``, or ``sqrt(a ()) in distance(x (3,))``."""
        numbers = (x if isinstance(x, Var) or np.ndim(x) else float(x) for x in eq.operands)
        alone = called(eq.row.name, zip(map(self.word, eq.operands), numbers, strict=True))
        if not (around := [g for g in calls(eq) if not getattr(g, "module", None)]):
            return alone
        inside = [e for e in self.program.equations if around[0] in calls(e)]
        args = dict.fromkeys(x for e in inside for x in e.reads if self.defined.get(x) not in inside)
        whole = called(around[0].name, ((self.word(x), x) for x in args if self.word(x)))
        return f"{alone} in {whole}" if len(inside) > 1 else whole

    def result(self, v: Var) -> str:
        """The name of a result, or else of the function."""
        return self.word(v) if v in self.named else self.defined[v].row.name

    def symbol(self, x: Any) -> str:
        """``dL/dx``."""
        return text_name(f"d{self.root}/d{self.word(x)}")

    def written(self, x: Any, eq: Equation) -> str:
        """An operand of an equation as the user wrote it, if that is short."""
        source = operand(eq, next(k for k, y in enumerate(eq.operands) if y is x))
        if isinstance(x, Var) and x in self.program.named:  # y3 of a loop as y
            return source.id if isinstance(source, ast.Name) else self.word(x)
        if source is None and isinstance(x, Var) and x in self.defined:
            source = expression(self.defined[x])
        text = ast.unparse(source) if source is not None else ""
        return text if 0 < len(text) <= LONG else self.word(x) or repr(x)

    def noun(self, x: Any, eq: Equation) -> str:
        """An operand by its name, or as it is written: ``((1 - mask) * -np.inf)``."""
        text = self.word(x) or self.written(x, eq)
        return text if text.isidentifier() else "a constant" if text == repr(x) else f"({text})"

    def facts(self, eq: Equation, places: Sequence[int], entries: Any) -> list[str]:
        """What the operands in these places are, at entries of the result; numbers in the code are in the call."""
        found = []
        for k in places:
            x, value = eq.operands[k], self.value(eq.operands[k])
            mask = nonfinite(value)
            if eq.row.kind == "elementwise":
                mask = folded(np.broadcast_to(entries, eq.shape), value.shape)
            elif mask.shape == np.shape(entries):
                mask = mask & entries
            if mask.any() and (value.ndim or isinstance(x, Var)):
                found.append(fact(self.noun(x, eq), value, mask))
            if value.ndim and not value.size:
                found.append(f"{self.noun(x, eq)} has no entries")
        return list(dict.fromkeys(found))

    # -------------------------------------------------------------------------------------------------- the formulas

    @cached_method
    def chain(self, eq: Equation) -> Chain:
        """The derivation of one equation alone."""
        used = {x: Tensor(self.values[x], requires_grad=x.dtype.kind in "fc") for x in eq.reads}
        alone = replace(eq, origin=eq.origin._replace(group=None))
        program = Program("step", (), (alone,), eq.outputs, used, constants=self.program.constants)
        return Chain(program, names={x: f"operand{k}" for k, x in enumerate(used)} | {eq.y: "result"})

    def rule(self, edge: Edge) -> Rule | None:
        """The rule of an edge in symbols, as its textbook states it; None where it has none, as of several results."""
        with suppress(ArithmeticError, NotImplementedError, RuntimeError, TypeError, ValueError):
            return None if edge.eq.row.outputs else self.chain(edge.eq).edge(edge.eq.y, edge.k)
        return None

    def symbols(self, eq: Equation) -> dict[str, Var]:
        """What the symbols of a rule stand for, but the gradient from above."""
        return {f"{X}{k}": x for k, x in enumerate(eq.operands) if isinstance(x, Var)} | {Y: eq.y}

    def stated(self, edge: Edge, e: Expr) -> Expr:
        """A part of a rule with names."""
        used = ((s, x) for s, x in self.symbols(edge.eq).items() if s in e.names)
        return substitute(e, {s: name(self.word(x), x.shape) for s, x in used})

    def line(self, edge: Edge) -> str:
        """The right side of the derivation's line for an edge: ``dL/dr / (2 r)``; "" where there is none."""
        rule = self.rule(edge)
        if rule is None:
            return ""
        formula, n = self.stated(edge, rule.formula), edge.head
        while self.vars[n] not in self.named and len(edges := self.passed.into(n)) == 1:  # a value that is only summed
            above = self.rule(edges[0])
            if above is None or any(e.role not in PASSING or e.value not in (None, 1, G) for e in walk(above.formula)):
                break
            n = edges[0].head
        v = self.vars[n]
        g = number(1) if v is self.root else name(self.symbol(v), v.shape)
        if edge.is_entrywise:
            return _of_one_entry(product((formula, g), edge.head.shape))
        return write(rule.joined(g, substitute(formula, {G: g})), TEXT)

    def evaluated(self, eq: Equation, e: Expr) -> Any:
        """The value of a part of a rule."""
        env = self.chain(eq).environment() | {s: self.values[x] for s, x in self.symbols(eq).items()}
        return np.broadcast_to(evaluate(e, env), eq.shape)

    def factors(self, edge: Edge) -> str:
        """A term that becomes nan, and its factors at the first such entry: ``2 x dL/da = 0 · ∞``."""
        rule = self.rule(edge)
        if rule is None or not edge.is_entrywise:
            line = self.line(edge)
            return f"{line} = nan".removeprefix(" = ") if len(line) <= LONG else f"{self.symbol(edge.x)} = nan"
        pair = np.broadcast_arrays(1 * self.evaluated(edge.eq, rule.formula), edge.g)
        at = tuple(np.argwhere(nonfinite(pair[0] * pair[1]))[0])
        return f"{self.line(edge)} = {' · '.join(_symbol(x[at]) for x in pair)}"

    # ---------------------------------------------------------------------------------------------------- the answer

    def why(self, v: Var) -> Why:
        """The first cause of what is wrong with the gradient of `v`."""
        if v.dtype.kind not in "fc":
            return no_derivative(v.name, v)
        self.word(v)  # it has the first letter
        y, the = self.value(self.root), f"the gradient of {v.name!r} {v.shape} is"
        if nonfinite(y).any():
            found = self.forward(self.root, nonfinite(y))
            the, what = f"{self.word(self.root)!r} is", "nan" if np.isnan(y).any() else "inf"
        elif (passed := self.backward_pass(v)) is None:
            what, found = "0" + " everywhere" * bool(v.shape), self.cut(v)
        else:
            g = passed.cotangents[passed.wrt]
            kinds = {"nan": np.isnan(g), "inf": g == np.inf, "-inf": g == -np.inf, "0": zero(g)}
            bad = [word for word, mask in kinds.items() if mask.any()]
            if not bad:
                text = f"the gradient of {v.name!r} is finite and not zero"
                return Why(text, "fine", variable=v.name, program=self.program)
            if bad[0] == "0":
                what = "0 everywhere" if kinds["0"].all() and v.shape else f"0{places(kinds['0'])}"
                found = self.flat(passed.causes(zero)[0], v)
            else:
                what = ", ".join(f"{word}{places(kinds[word])}" for word in bad if word != "0")
                found = self.backward(*passed.causes(nonfinite))
        kind = "zero" if what[0] == "0" else what.lstrip("-")[:3]
        for x in self.program.variables:  # so that no two have one name in a picture
            self.word(x)
        return replace(found, text=f"{the} {what}: {found.text}.", kind=kind, variable=v.name, program=self.program)

    def backward_pass(self, v: Var) -> BackwardPass | None:
        """The backward pass to `v`; None if no gradient arrives there."""
        graph = graph_of(self.program)
        self.vars: dict[Any, Var] = {t._node: x for x, t in graph.items() if isinstance(t, Tensor)}
        for x, eq in self.defined.items():  # a call with several results is a node of its own
            if eq.row.outputs and isinstance(graph[x], Tensor):
                self.vars |= dict.fromkeys(graph[x]._node.parents, x)
        root, target = (getattr(graph.get(x), "_node", None) for x in (self.root, v))
        if root is None or target is None or not root.requires_grad:
            return None
        self.passed = BackwardPass(root, target)
        for e in self.passed.edges:
            e.eq = self.defined[self.vars[e.head]]
        return self.passed if target in self.passed.cotangents else None

    def found(self, eq: Equation, parts: Sequence[str], cause: str, entries: Any, others: int, x: Any = None) -> Why:
        """What is known of a step at which something begins, at entries of its operand `x`, or else of its result."""
        y = eq.y
        values = {self.word(p): self.value(p) for p in eq.operands} | {self.result(y): self.value(y)}
        is_zero = cause not in ("forward", "backward")
        what = cause not in ("cancels", "factor", "unused", "stationary") and remedy(
            self.program, self.values, eq, is_zero, self.written
        )
        values.pop("", None)
        return Why(
            ", ".join(parts), cause=cause, step=self.call(eq), values=values, remedy=what or "", where=eq.origin.line,
            indices=[*map(tuple, np.argwhere(entries).tolist())], others=others,
            ends=(y, x if isinstance(x, Var) else None),
        )  # fmt: skip

    def forward(self, v: Var, entries: Mask) -> Why:
        """Where values begin to be nan or infinite."""
        eq, entries, then, others = beginning(self.program, self.values, v, entries)
        if not isinstance(eq, Equation):
            user = next((e for e in self.program.equations if any(x is eq for x in e.operands)), None)
            word, ends = self.noun(eq, user) if user else self.word(eq), (eq if isinstance(eq, Var) else None, None)
            text, at = fact(word, value := self.value(eq), entries), [*map(tuple, np.argwhere(entries).tolist())]
            text += " were given" if " more" in text else " was given"
            return Why(text, "", "given", indices=at, values={word: value}, others=others, ends=ends)
        y = next(y for y in eq.outputs if nonfinite(self.values[y]).any())
        if np.shape(entries) != y.shape:  # of several results
            entries = nonfinite(self.values[y])
        facts = self.facts(eq, range(len(eq.operands)), entries)
        size = value_text(self.values[y][entries][0])
        parts = [f"began forward in {self.call(eq)}", *facts, f"{self.result(y)} = {size}"]
        if then is not None:
            parts[-1] += f"; then {then.row.name}: {self.numbers(then)}"
        return self.found(eq, parts, "forward", entries, others)

    def numbers(self, eq: Equation) -> str:
        """What an equation computes at the first entry that is nan: ``0 · -∞``."""
        if eq.row.kind != "elementwise" or not eq.row.infix:
            return "nan"
        y, *xs = np.broadcast_arrays(self.values[eq.y], *map(self.value, eq.operands))
        words = [_symbol(x[tuple(np.argwhere(np.isnan(y))[0])]) for x in xs]
        return eq.row.infix.format(x=words[0], x1=words[0], x2=words[-1]).replace("*", "·")

    def backward(self, causes: Sequence[Edge], path: Sequence[Edge]) -> Why:
        """Where a gradient begins to be nan or infinite."""
        edge, others = causes[0], _others(causes)
        eq, x, rule, above = edge.eq, edge.x, self.rule(edge), edge.above(edge.entries)
        call, entrywise = self.call(eq), eq.row.kind == "elementwise"
        for y in (*eq.outputs, *eq.operands) if entrywise else ():  # a value that is not finite is why
            if isinstance(y, Var) and (bad := nonfinite(self.values[y]) & folded(above, y.shape)).any():
                last = f"; then on the way back in {eq.row.name}: {self.factors(edge)}"
                begun = self.forward(y, bad)
                where, step = begun.where or eq.origin.line, begun.step or call
                return replace(begun, text=begun.text + last, where=where, step=step, others=others)
        used = [k for k in range(len(eq.operands)) if rule is not None and f"{X}{k}" in rule.formula.names]
        facts = self.facts(eq, used or [edge.k], above) or [fact(self.word(x), self.value(x), edge.entries)]
        later = (e for e in path if e is not edge and e.tail.parts is None and not np.isnan(flat(e.g)).any())
        turn = next((e for e in later if np.isnan(flat(e.d)).any() and nonfinite(flat(e.g)).any()), None)
        size = value_text(flat(edge.d)[edge.entries][0])
        begins, last = ("began in", size) if turn else ("on the way back in", self.line(edge) or size)
        parts = [f"{begins} {call}", *facts, f"{self.symbol(x)} = {last}"]
        if turn is not None:
            parts[-1] += f"; then {self.call(turn.eq)}: {self.factors(turn)}"
        return self.found(eq, parts, "backward", edge.entries, others, x)

    def flat(self, causes: Sequence[Edge], v: Var) -> Why:
        """Where the gradient of `v` begins to be zero."""
        edge, entries = causes[-1], causes[-1].entries
        eq, x, rule, call = edge.eq, edge.x, self.rule(edge), self.call(edge.eq)
        line = f"{self.symbol(x)} = {self.line(edge)}"
        if flat(edge.pulled(zero))[entries].any():
            is_small = edge.is_entrywise and edge.head.shape == edge.tail.shape and not flat(edge.d)[entries].any()
            what = "0 to rounding" if is_small else "whose terms cancel or are too small"
            kind, parts = "cancels", [call, f"{line}, {what}"]
        elif rule is not None and edge.is_entrywise:
            kind, parts = self.slope(edge, rule, np.broadcast_to(edge.above(entries), eq.shape))
            parts = [call, *parts]
            if kind == "flat" and v is not x and entries.ndim > 1 and (entries == entries.any(axis=0)).all():
                parts[-1] += ": these units are off for all the data"
        elif eq.row.kind == "linear":
            kind, parts = "unused", [f"{call} does not depend on these entries"]
        elif zeros := [y for y in eq.operands if y is not x and rule is not None and zero(self.value(y)).any()]:
            facts = (fact(self.word(y) or "the other", self.value(y), zero(self.value(y))) for y in zeros)
            kind, parts = "factor", [call, line, *facts]
        else:
            kind, parts, value = "stationary", [f"the derivative of {call} is 0 there"], self.value(x)
            if np.shape(entries) == value.shape and not value[entries].any():
                parts.insert(0, fact(self.word(x), value, entries))
        return self.found(eq, parts, kind, entries, _others(causes), x)

    def slope(self, edge: Edge, rule: Rule, above: Mask) -> tuple[str, list[str]]:
        """Why a partial derivative is zero at entries of the result, and how that is written."""
        eq, x, e = edge.eq, edge.x, rule.formula
        y = eq.y
        used = [k for k in range(len(eq.operands)) if f"{X}{k}" in e.names]
        facts, last = self.facts(eq, used or [edge.k], above), f"{_of_one_entry(self.stated(edge, e))} = 0"
        for p in eq.operands:
            if (truth := self.value(p)).dtype == bool:  # a condition
                truth = np.broadcast_to(truth, eq.shape)
                return "factor", [f"{self.written(p, eq)} is {truth[above][0]}{places(above)}"]
        indicators = (part for part in walk(e) if part.row is not None and (part.row.text or "").startswith("1["))
        if tests := [part for part in indicators if not self.evaluated(eq, part)[above].any()]:
            stated = [t for part in tests if len(part.args) == 2 and (t := self.comparison(edge, part, above))]
            return "flat", [*dict.fromkeys(stated or facts), last]
        if e.role in ("name", "array", "number") and e.value != Y:
            others = [k for k in range(len(eq.operands)) if k != edge.k]
            return "factor", self.facts(eq, others, above) or [last] * (not e.is_number)
        if not folded(above, np.shape(x))[self.value(x) != 0].any():
            return "stationary", [*facts, last]
        if Y not in e.names:
            return "saturated", [*facts, f"{last} to rounding"]
        rounded = f"{self.word(y)} = {value_text(self.values[y][above][0])} to rounding"
        return "saturated", [*facts, rounded, *[last] * (e.role != "name")]

    def comparison(self, edge: Edge, e: Expr, above: Mask) -> str:
        """What holds in the place of a comparison at these entries of the result: ``a < 0 at 1 of 1``."""
        a, b = (self.evaluated(edge.eq, part)[above] for part in e.args)
        signs = {"<": np.less, ">": np.greater, "=": np.equal, "≤": np.less_equal, "≥": np.greater_equal}
        left, right = (_of_one_entry(self.stated(edge, part)) for part in e.args)
        return next((f"{left} {sign} {right}{places(above)}" for sign, holds in signs.items() if holds(a, b).all()), "")

    def cut(self, v: Var) -> Why:
        """The first step after which nothing of `v` has a derivative."""
        live, needed = {v}, {self.root}
        for eq in reversed(self.program.equations):
            if not needed.isdisjoint(eq.outputs):
                needed.update(eq.reads)
        for eq in self.program.equations:
            y, used = eq.y, [k for k, x in enumerate(eq.operands) if isinstance(x, Var) and x in live]
            if not used or y not in needed:
                continue
            text, what = "", ""
            if y.dtype.kind not in "fc":
                text = f"returns {'truth values' if y.dtype.kind == 'b' else y.dtype}: there is no derivative"
            elif eq.row.kind == "constant" and eq.algebra == "identity":
                text = "is a constant for derivatives (detach() or stop_gradient)"
                what = f"Use {self.written(eq.x, eq)} itself"
            elif eq.row.kind == "constant" or all(eq.row.pulls[k] is None for k in used):
                text = "is piecewise constant, so its derivative is 0"
            elif not eq.origin.requires_grad:
                text = "was computed under no_grad()"
            if text:
                found = self.found(eq, [f"{self.call(eq)} {text}"], "constant", np.zeros(0), 0, eq.operands[used[0]])
                return replace(found, remedy=found.remedy or what)
            live.update(eq.outputs)
        word, choices = v.name, self.program.choices
        if choices is not None and not choices.depending([v]).isdisjoint(choices.outputs):
            text = f"{word!r} is used in plain Python only: float(), item(), numpy() and if have no derivative"
            return Why(text, cause="detached", remedy=f"Use {word} itself", ends=(None, v))
        return Why(f"the result does not depend on {word!r}", cause="unused", ends=(None, v))


def _others(causes: Sequence[Edge]) -> int:
    """How many more there are; one in each round of a loop counts once."""
    return len({place(e.eq) for e in causes}) - 1


def no_derivative(word: str, x: Any) -> Why:
    """The answer for integers."""
    text = f"the gradient of {word!r} {x.shape} is None: it has dtype {x.dtype}, and integers have no derivative."
    remedy = f"Write {word}.astype(float)" if x.shape else f"Write float({word})"
    return Why(text, "none", "constant", word, remedy=remedy)


def _of_one_entry(e: Expr) -> str:
    """A formula that holds entry by entry."""
    return write(e, TEXT).replace(" ⊙ ", " ").replace(" · ", " ")


def _symbol(x: Any) -> str:
    """``∞`` for an infinite number."""
    return value_text(x).replace("inf", "∞")
