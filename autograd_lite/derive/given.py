"""Constants of a recording: given data, or perhaps computed from numbers that can change.

A recording has only the values of its constants: nothing in it shows that ``mask = w > 0`` depends on the parameter,
and ``mu = X.mean(axis=0)`` on the data. So the variables in the user's source are followed to where they are assigned.
What uses a parameter, or cannot be followed, is not given. Data that something else uses may not change.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Sequence
from types import CodeType
from typing import Any

import numpy as np

from ..program import Equation, Var
from ..program.assignments import added, before, bound, decisions, is_around, kept, looped, passed, sources
from ..program.naming import expression, groups, line, operand, span, stem, tests_around
from .chain_rule import Chain
from .formula import Expr, name

#: They read a Tensor's numbers, after which nothing is recorded.
_READS = ("numpy", "data", "detach", "item", "tolist", "grad")

#: Their results depend on the shape of an array only.
_SHAPES = ("shape", "size", "ndim", "len", "zeros_like", "ones_like")

UNKNOWN, DERIVED, GIVEN = range(3)  # perhaps from a parameter; from arrays of the graph; from neither


class Given:
    """The constants of `chain` that are given data.

    Attributes
    ----------
    fixed : set of str
        The arrays from which other constants were computed, and the constants for which no line shows how.
    """

    def __init__(self, chain: Chain) -> None:
        self.chain = chain
        equations, graded = chain.recorded.equations, chain.recorded.graded
        self.inputs = {word for v, word in chain.names.items() if chain.is_input(v)}
        named = chain.program.named  # other names are letters
        self.computed = {word for v, word in chain.names.items() if v in named} | chain.program.tensors
        for eq in equations:  # the variables of parameters, which may have other names
            for k, x in enumerate(eq.operands):
                e = operand(eq, k)
                if isinstance(x, Var) and x in graded and isinstance(e, ast.Name):
                    self.computed.add(e.id)
                    self.inputs |= {e.id} if x not in chain.recorded.defined else set()
        self.arrays = {word for _, word in chain.arrays}
        self.fixed: set[str] = set()
        self.derived: dict[str, set[str]] = {}  # arrays, with those that they were computed from
        self.recorded = {span(e) for eq in equations if (e := line(eq)) is not None}
        self._words: dict[tuple[CodeType | None, str], int] = {}
        self._arguments: dict[tuple[CodeType, str], int] = {}

    def operand(self, eq: Equation, k: int, x: Any) -> bool:
        """True if operand `k`, whose value is `x`, is given."""
        v, code = eq.operands[k], eq.code
        is_value, chain = isinstance(v, Var), self.chain
        whole = name(chain.names[v], v.shape) if is_value else chain.constants.sliced(chain.operand(eq, k))
        names = whole.names
        if not is_value and not names.isdisjoint(self.chain.named):  # in terms of values of the program
            is_mask = np.asarray(x).dtype == bool  # anything else has perhaps lost its derivative
            return is_mask and all(self.word(word, code) for word in names - self.chain.named.keys())
        if any(chain.constants.is_first(w) and (np.ndim(x) or chain.constants.is_carried(w)) for w in names):
            return self._first(whole, code)
        written = chain.constants.source(eq, k)
        aliases = self._aliases(written.id, code) if isinstance(written, ast.Name) else set[str]()
        starts = names & self.chain.constants.starts - aliases  # which no variable has
        self.fixed |= starts
        written = written.value if names == starts and isinstance(written, ast.Subscript) else written  # pos[0]
        is_formula = bool(names) if isinstance(written, ast.BinOp) else names != starts  # 0.1 * assets0
        if is_formula and not self._kept(written, code) and names.isdisjoint(self.chain.numbered):
            word = written.id if whole.role == "name" and isinstance(written, ast.Name) else ""
            if {word} in (names, {stem(w) for w in names}) and not names <= aliases:  # x0 of x = x0
                self.fixed |= names - {word}  # S2, of the list from which a loop takes S
                return self._local(word, code) > UNKNOWN
            variables = {stem(w) if w in starts or self._is_of_round(w, code) else w for w in names}
            return all(self.word(word, code) for word in variables - self.chain.constants.sizes.keys())
        if written is None:
            return np.size(x) < 2 or bool(np.all(x == np.ravel(x)[0]))
        origin = self._origin(written, code)
        self.fixed |= names if origin == DERIVED else set()
        if not names:  # its numbers only, such as those of x in ``for x in xs``
            self._fix(_names(written)[0], code)
        return origin > UNKNOWN

    @staticmethod
    def _is_of_round(word: str, code: CodeType | None) -> bool:
        """Whether a name is that of a variable in one round, i2 of ``for i, j in pairs``."""
        is_it = code is not None and stem(word) != word and sources(code, word) is None
        return is_it and code is not None and sources(code, stem(word)) is not None

    def _first(self, e: Expr, code: CodeType | None) -> bool:
        """True if what the first step of a loop has computed from constants alone, Q1 = R + γ P @ V0, is given."""
        names = self.chain.constants.opened(e).names
        starts = names & {*self.chain.constants.changing.values(), *self.chain.constants.starts}
        self.fixed |= starts
        return all(self.word(word, code) for word in names - starts)

    def positions(self, eq: Equation, places: Sequence[Any]) -> bool:
        """True if the positions that an operation has taken are given; named arrays that are positions are fixed."""
        numbers = [part.tolist() for part in places]
        self.fixed |= {w for x, w in self.chain.arrays if x.dtype.kind in "biu" and x.tolist() in numbers}
        written = expression(eq)
        of = written.slice if isinstance(written, ast.Subscript) else None
        if isinstance(written, ast.Call) and eq.algebra == "assignment" and len(written.args) > 1:
            of = written.args[1]  # set_at(x, (i, y), 0)
        if of is not None:
            index = of.elts if isinstance(of, ast.Tuple) else [of]
            return all(self._origin(e, eq.code) > UNKNOWN for e in index)
        data = [x.ravel().tolist() for x, word in self.chain.arrays if self.word(word)]
        return not groups(eq) and all(part.ravel().tolist() in data for part in places)

    def position(self, eq: Equation) -> bool:
        """True if single positions that an operation has taken are given; the arrays whose entries they are, white of
        ``rating[white[g]]``, are fixed. False for ``w[k]`` with k = int(np.argmax(w.numpy())).
        """
        match expression(eq), eq.code:
            case ast.Subscript(slice=at), CodeType() as code:
                self._fix({w for w in _names(at)[0] if looped(code, ast.Name(w)) != ""}, code)
                return not self._reads_numbers(at, code, set())
        return True

    def _reads_numbers(self, e: ast.AST, code: CodeType, seen: set[str]) -> bool:
        """Whether an expression, or what a variable in it is assigned, has the numbers of a value of the program."""
        names = _names(e)[0]
        if any(getattr(p, "attr", "") in _READS for p in _values(e)) or names & (self.computed - self.arrays):
            return True
        new = names - seen
        seen |= new
        return any(self._reads_numbers(of, code, seen) for word in new for of in bound(code, word) or ())

    def branches(self) -> list[str]:
        """The tests that decided which steps were recorded, of those that use numbers which may change."""
        numbers = self.arrays | self.computed
        tests = tests_around(self.chain.recorded.equations, decisions)
        return list(dict.fromkeys(ast.unparse(test) for test in tests if not _names(test)[0].isdisjoint(numbers)))

    def argument(self, eq: Equation, x: Any) -> bool:
        """True if an array argument of a call in which `eq` was recorded is given: by its name, or as a buffer."""
        e = self.chain.constants.known(x)
        if e is not None and e.names.isdisjoint(self.chain.numbered):
            return all(map(self.word, e.names))
        modules = [group.module for group in groups(eq) if getattr(group, "module", None) is not None]
        return x.size < 2 or any(np.may_share_memory(x, b.numpy()) for m in modules for b in m.buffers())

    def word(self, word: str, code: CodeType | None = None) -> bool:
        """True if the value of a variable is given."""
        variable = next((w for w, latin in self.chain.latin.items() if latin == word), word)  # sigma beside σ(x)
        return self._of_word(variable, code or self.chain.code) > UNKNOWN

    def _of_word(self, word: str, code: CodeType | None) -> int:
        word = next((own for own, shown in self.chain.latin.items() if shown == word), word)  # sigma beside a σ(x)
        if (code, word) not in self._words:
            self._words[code, word] = GIVEN  # so that ``x = x[:4]`` ends
            values = None if code is None else sources(code, word)
            origin = UNKNOWN
            if code is not None and values is not None:
                constant = [e for e in (*values, *added(code, word)) if not self._is_computed(e, code)]
                # ``q = q + dt * v`` is recorded in the rounds of a loop in which q or v is computed, but not before.
                early = {n for e in constant if span(e) in self.recorded for n in _names(e)[0]}
                origins = [self._origin(e, code) for e in constant if span(e) not in self.recorded]
                origin = min(origins + [self._of_word(n, code) for n in early] + [DERIVED] * bool(early), default=GIVEN)
                if early:
                    self._fix(early, code)
            if origin == DERIVED and word in self.arrays:
                self.derived[word] = self.arrays & self._behind({word}, code) - {word}
            self._words[code, word] = origin
        return self._words[code, word]

    def _local(self, word: str, code: CodeType | None) -> int:
        """The origin of a variable; of an argument that of the values with which the function is called."""
        sites = [] if code is None else passed(code, word)
        if code is None or not sites:
            return self._of_word(word, code)
        if (code, word) not in self._arguments:
            self._arguments[code, word] = GIVEN  # so that a function that calls itself ends
            callers = self._callers(code, sites)
            origins = [self._origin(e, of) for e, of in callers if not self._is_computed(e, of)]
            self._arguments[code, word] = origin = min(origins, default=GIVEN)
            if origin == DERIVED and word in self.arrays:
                sources = (self._behind(_names(e)[0], of) for e, of in callers)
                self.derived[word] = self.arrays & set[str]().union(*sources) - {word}
        return self._arguments[code, word]

    def _callers(self, code: CodeType, sites: Sequence[ast.expr]) -> list[tuple[ast.expr, CodeType | None]]:
        """What is passed to a function as an argument, each with the code in which it is called."""
        codes = {c for eq in self.chain.recorded.equations if (c := eq.code) is not None}
        files = [c for c in codes if c.co_filename == code.co_filename]
        return [(e, next((c for c in files if is_around(c, e)), self.chain.code)) for e in sites]

    def _aliases(self, word: str, code: CodeType | None) -> set[str]:
        """The variables that are assigned to a variable, or passed as an argument: x0 of ``x = x0``."""
        found, stack = set[tuple[str, CodeType]](), [(word, code)]
        while stack:
            of, here = stack.pop()
            if here is not None and (of, here) not in found:
                found.add((of, here))
                pairs = [*((e, here) for e in sources(here, of) or ()), *self._callers(here, passed(here, of))]
                stack += [(e.id, around) for e, around in pairs if isinstance(e, ast.Name)]
        return {of for of, _ in found} - {word}

    def _is_computed(
        self, e: ast.expr | ast.FunctionDef, code: CodeType | None, within: frozenset[str] = frozenset(),
        tensors: frozenset[str] = frozenset(),
    ) -> bool:
        """True if an expression was recorded wherever it was evaluated: something in it is always a Tensor, or it calls
        a function that returns nothing else. The arguments `tensors` are Tensors in this call.
        """

        def always(word: str) -> bool:
            values = None if code is None or word in within else bound(code, word)
            known = within | {word}, tensors | {word}
            return bool(values) and all(self._is_computed(e, code, *known) for e in values or ())

        def is_tensor(word: str) -> bool:
            if word in tensors or word not in within and word in self.inputs or always(word):
                return True
            value = None if code is None else before(code, e, word)
            return value is not None and self._is_computed(value, code, within, tensors)

        match e:
            case ast.Name(id=word):
                return is_tensor(word)
            case ast.Call(func=ast.Name(id=word)) if (inner := self._called(word, code)) is not None:
                of, f = inner
                pairs = zip(f.args.args, e.args, strict=False)
                taken = frozenset(a.arg for a, x in pairs if self._is_computed(x, code, within, tensors))
                arguments = within | {a.arg for a in ast.walk(f) if isinstance(a, ast.arg)} | {word}
                return all(self._is_computed(p, of, arguments, taken) for p in _returned(f))
            case ast.Dict(values=parts) | ast.List(elts=parts) | ast.Tuple(elts=parts) if parts:  # {"slow": lam[0]}
                return all(self._is_computed(p, code, within, tensors) for p in parts)
            case ast.ListComp(elt=part) | ast.DictComp(value=part):
                return self._is_computed(part, code, within, tensors)
            case ast.Subscript(value=ast.Name(id=word)) if span(e) not in self.recorded:  # d[k] of a list of Tensors
                return always(word)
        if span(e) not in self.recorded:
            return False
        calls = (part for part in _values(e) if part is not e and isinstance(part, ast.Call))
        return any(map(is_tensor, _names(e)[0])) or any(self._is_computed(p, code, within, tensors) for p in calls)

    def _called(self, word: str, code: CodeType | None) -> tuple[CodeType, ast.FunctionDef] | None:
        """The user's function of this name, if it is the only one and something was recorded in it."""
        match code and bound(code, word):
            case [ast.FunctionDef(decorator_list=[]) as f] if code is not None:
                is_it = (code.co_filename, f.name, f.lineno)
                codes = (c for eq in self.chain.recorded.equations if (c := eq.code) is not None)
                of = next((c for c in codes if (c.co_filename, c.co_name, c.co_firstlineno) == is_it), None)
                return None if of is None else (of, f)
        return None

    def settled(self, used: Collection[str]) -> None:
        """Fix what was computed from arrays that are `used` too, and nothing that is not."""
        self.fixed |= {word for word, sources in self.derived.items() if not sources.isdisjoint(used)}
        self.fixed &= {*used}

    def _fix(self, names: set[str], code: CodeType | None) -> None:
        """Arrays that stay as they are, since something else was computed from them; so do those they are views of."""
        self.fixed |= self.arrays & self._behind(names, code)

    def _behind(self, names: set[str], code: CodeType | None) -> set[str]:
        """These variables and those that they were computed from."""
        stack, seen = list(names), set[str]()
        while stack:
            word = stack.pop()
            if word not in seen and code is not None:
                seen.add(word)
                stack += [n for e in sources(code, word) or () if span(e) not in self.recorded for n in _names(e)[0]]
        return seen

    @staticmethod
    def _kept(e: ast.AST | None, code: CodeType | None) -> list[ast.expr]:
        """What was assigned to an attribute: ``self.lam``."""
        return kept(code, e.attr) if isinstance(e, ast.Attribute) and code is not None else []

    def _origin(self, e: ast.AST, code: CodeType | None) -> int:
        """The source of the value of an expression; arrays of the graph that it uses are fixed from now on."""
        if isinstance(e, ast.Name):  # the same under another name
            return self._local(e.id, code)
        if values := self._kept(e, code):
            return min(self._origin(x, self.chain.code) for x in values)
        names, own = _names(e)
        names -= (arguments := {word for word in names if code is not None and passed(code, word)})
        if any(getattr(p, "attr", "") in _READS or getattr(p, "arg", "") == "requires_grad" for p in _values(e)):
            return UNKNOWN
        if (names | (set() if isinstance(e, ast.FunctionDef) else own)) & (self.computed - self.arrays):
            return UNKNOWN
        self._fix(names, code)
        origins = [self._local(word, code) for word in names | arguments]
        return min(origins + [DERIVED] * (not names.isdisjoint(self.arrays)), default=GIVEN)


def _returned(f: ast.FunctionDef) -> list[ast.expr]:
    """What a function returns; of a tuple its parts."""
    values = [at.value or ast.Constant(None) for at in ast.walk(f) if isinstance(at, ast.Return)]
    parts = [p for v in values for p in (v.elts if isinstance(v, ast.Tuple) else [v])]
    return parts or [ast.Constant(None)]


def _values(e: ast.AST) -> Iterator[ast.AST]:
    """The parts of an expression on whose values it depends: not ``x`` in ``len(x)`` and ``x.shape``."""
    match e:
        case ast.Attribute(attr=word) | ast.Call(func=ast.Attribute(attr=word) | ast.Name(id=word)) if word in _SHAPES:
            return
    yield e
    for part in ast.iter_child_nodes(e):
        yield from _values(part)


def _names(e: ast.AST) -> tuple[set[str], set[str]]:
    """The names on whose values an expression or a function depends, and those that it binds itself."""
    parts = list(_values(e))
    own = {part.arg for part in parts if isinstance(part, ast.arg)}
    names = [part for part in parts if isinstance(part, ast.Name)]
    own |= {part.id for part in names if isinstance(part.ctx, ast.Store)}
    return {part.id for part in names} - own, own
