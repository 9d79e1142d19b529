"""The backward pass as NumPy source: a flat function that a person could have written, and that needs nothing of ours.

The landmarks of a :class:`~autograd_lite.derive.chain.Chain` become its lines: forward one for each, in order, then
backward one for each factor (``dPdC = P * (1 - P)``) and for each gradient, as soon as all of it is there. What is used
once is nested where it is used. Each line is run as it is written, on the example, and compared with the engine.
"""

from __future__ import annotations

import inspect
import keyword
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ..generator import numpy_generator
from ..graph import NEEDS, TRACED, Node, ancestors
from ..primitive import TABLE
from ..tensor import Tensor
from ..trace import Recording, label, record
from ..tree import leaves
from .chain import Chain, summed
from .expression import Expr, evaluate, make, name, number, parts_of, product, walk
from .helpers import Helpers, literal
from .partial import RuleCall, joined
from .replay import gradient
from .writing import ATOM, INFIX, POWER, SIGN, Hand, index_text, places, plain_number, shape_text, shown_params, write

WIDTH = 88  # of a line of source, without its comment
LIMIT = 5_000  # operations
SMALL = 16  # entries of an array that is written out; a larger one becomes an argument


class Source(str):
    """Source text that is also the function it defines: print it, save it, or call it.

    Attributes
    ----------
    name : str
        Of the function.
    arguments, results : tuple of str
        What it takes and what it returns, by name.
    constants : dict
        The arguments that need not be given: arrays that the function found around it, as they were.
    cotangent : str or None
        The argument that takes the cotangent of the result, where that has more than one entry.
    """

    name: str
    arguments: tuple[str, ...]
    results: tuple[str, ...]
    constants: dict[str, Any]
    cotangent: str | None
    _function: Any

    def __call__(self, *args: Any, **params: Any) -> Any:
        if not hasattr(self, "_function"):
            space: dict[str, Any] = {}
            exec(compile(self, f"<{self.name}>", "exec"), space)  # noqa: S102 - what it defines is its purpose
            self._function = space[self.name]
        given = leaves(args)
        rest = {k: v for k, v in self.constants.items() if k not in self.arguments[: len(given)]}
        return self._function(*given, **{**rest, **params})

    def _repr_markdown_(self) -> str:
        return f"```python\n{self}\n```"


def source(
    f: Callable[..., Any],
    *args: Any,
    wrt: Sequence[str] | str | None = None,
    names: Mapping[str, Any] | None = None,
    update: str | None = None,
    name: str | None = None,
) -> Source:
    """The forward and backward pass of `f` as one flat NumPy function.

    Parameters
    ----------
    f : callable
        Of arrays, or trees of them, which the source takes leaf by leaf; returns one array, usually a loss.
    *args
        Examples: they fix the shapes. The source works for any other numbers.
    wrt : sequence of str, optional
        What to differentiate by: arguments, or tensors that `f` uses from outside. By default those that require a
        gradient, if there are any, and otherwise all floating arguments.
    names : mapping, optional
        More names for values, such as ``locals()``.
    update : str, optional
        Add a step ``W -= lr * dLdW`` for each, with this name for the rate, which becomes an argument.
    name : str, optional
        What to call the function; by default what `f` is called.

    Returns
    -------
    Source
        Returns the value and then the gradients. If the result has more than one entry, the function takes its cotangent
        as an argument.

    Raises
    ------
    ValueError
        If `wrt` names what is not there, or if it would be thousands of lines.
    RuntimeError
        If `f` chooses by a value that depends on its arguments.

    Examples
    --------
    >>> import numpy as np, autograd_lite as ag
    >>> def loss(w, x, y):
    ...     p = ag.sigmoid(x @ w)
    ...     L = 0.5 * np.sum((y - p) ** 2)
    ...     return L
    >>> made = source(loss, np.zeros((3, 1)), np.ones((2, 3)), np.ones((2, 1)), wrt="w")
    >>> print(made)
    """
    made = record(f, args, None, names)
    what = name or (made.name if made.name.isidentifier() else "f")
    if isinstance(made.result, (dict, list, tuple)):
        raise TypeError(f"source: {what} must return one array, not a {type(made.result).__name__}")
    if not isinstance(made.result, Tensor) or made.result._node is None or not made.result._node.live:
        raise ValueError(f"source: the result of {what} depends on none of its arguments")
    wanted = _wanted(made, what, args, wrt)
    chain = Chain(made.result, made.arrays, made.names, limit=LIMIT, wrt=wanted)
    return emit(chain, wanted, what, made.inputs, update)


def _wanted(made: Recording, what: str, args: Any, wrt: Sequence[str] | str | None) -> list[Node]:
    inside = ancestors([made.result._node], NEEDS | TRACED)[::-1]
    outside = [n for n in inside if n.row is None and n not in made.inputs and n.live & NEEDS]
    floating = [n for n in made.inputs if n.live & NEEDS] + outside
    if wrt is None:
        asked = [isinstance(x, Tensor) and x.requires_grad for x in leaves(args)]
        chosen = [n for n, yes in zip(made.inputs, asked, strict=True) if yes] + outside
        return chosen or floating
    words = [wrt] if isinstance(wrt, str) else list(wrt)
    known = {made.names.get(n): n for n in floating}
    missing = [w for w in words if w not in known]
    if missing:
        raise ValueError(f"source: {what} has no floating argument {', '.join(missing)}; it has {', '.join(filter(None, known))}")
    return [known[w] for w in words]


def emit(chain: Chain, wanted: Sequence[Node], what: str, inputs: Sequence[Node] = (), update: str | None = None) -> Source:
    """The source of a chain: forward, backward, return."""
    writer = _Writer(chain, wanted, inputs)
    body = ["# forward", *writer.forward()]
    if wanted:
        body += ["", "# backward", *writer.backward()]
    outside = [w for w in writer.used if w not in writer.assigned and w not in writer.inputs]
    arguments = [*writer.inputs, *outside]
    results = [writer.ident(chain.names[chain.root]), *(writer.gradient(n) for n in wanted)]
    if update:
        update = writer.fresh(update)
        body += ["", "# update", *(f"{writer.node(n)} -= {update} * {writer.gradient(n)}" for n in wanted)]
        arguments.append(update)
    lines = ["import numpy as np", *writer.helpers.lines(), "", "", f"def {what}({', '.join(arguments)}):"]
    lines += [f"    {line}" if line else "" for line in body]
    lines.append(f"    return {', '.join(results)}")
    made = Source("\n".join(lines) + "\n")
    made.name, made.arguments, made.results = what, tuple(arguments), tuple(results)
    made.cotangent = writer.cotangent or None
    made.constants = {w: writer.values[w] for w in outside if w != writer.cotangent}
    return made


class _Writer:
    """Collects the lines of one function, and the helpers that they call."""

    def __init__(self, chain: Chain, wanted: Sequence[Node], inputs: Sequence[Node]) -> None:
        self.chain = chain
        self.wanted = list(wanted)
        self.words: dict[str, str] = {}  # what a name of the chain is as an identifier
        self.taken = {"np", *keyword.kwlist}
        self.helpers = Helpers(())
        self.helpers.taken = self.taken
        self.inputs = [self.ident(chain.names[n]) if n in chain.names else self.fresh("unused") for n in inputs]
        self.given = {n for n in chain.names if n.name or n not in chain.marks or n.row is None} | set(chain.claimed)
        self.used: dict[str, None] = {}
        self.assigned: set[str] = set()
        self.values: dict[str, Any] = {}
        for word, value in chain.environment().items():
            self.values[self.ident(word)] = value
        self.hand = Hand(self.ident, plain_number, self._array, _CODE, lambda w: f"({w})", lambda a, b, w: " * ", self._call)
        self.cotangent = ""
        self._hoisted: dict[str, str] = {}
        self._words: dict[tuple[Node | None, Node], str] = {}

    # ----------------------------------------------------------------------------------------------------- names

    def ident(self, word: str) -> str:
        """A name of the chain as an identifier that means nothing else."""
        if word not in self.words:
            self.words[word] = self.fresh(re.sub(r"\W", "_", word, flags=re.ASCII).lstrip("0123456789") or "x")
        return self.words[word]

    def fresh(self, wish: str) -> str:
        word = next(w for k in range(10**6) if (w := wish if not k else f"{wish}_{k}") not in self.taken)
        self.taken.add(word)
        return word

    def node(self, n: Node) -> str:
        return self.ident(self.chain.names[n])

    def gradient(self, n: Node) -> str:
        """``dLdW``."""
        if n not in self.chain.names:
            self.chain.names[n] = "unused"
        return self.partial(self.chain.root, n)

    def partial(self, n: Node, m: Node) -> str:
        """``dPdC``; ``dloss_dW1`` where the names are longer."""
        if (n, m) not in self._words:
            of, wrt = self.node(n), self.node(m)
            short = len(of) == 1 and len(wrt) <= 2
            self._words[n, m] = self.fresh(f"d{of}d{wrt}" if short else f"d{of}_d{wrt}")
        return self._words[n, m]

    # ------------------------------------------------------------------------------------------------------ lines

    def forward(self) -> list[str]:
        chain = self.chain
        out: list[tuple[str, str]] = []
        seen: set[Node] = set()
        for n in chain.landmarks:
            call = chain.call(n)
            if n.row is None or call in seen:
                continue
            definition = chain.definition(n) if call is n else None
            rows = [part.row.name for part in walk(definition) if part.row is not None] if definition else [_row_name(call)]
            origin = label(chain.group_path(n)) or _origin(rows)
            if definition is not None:
                comment = f"{origin}, {shape_text(n.shape)}"
                out += self.line(self.node(n), definition, n.shape, n.dtype, comment, chain.values[n])
            else:
                seen.add(call)
                out += self._several(call, origin)
        return _aligned(out)

    def _several(self, call: Node, origin: str) -> list[tuple[str, str]]:
        """One line for a call with several results."""
        chain = self.chain
        assert call.row is not None
        args = [chain.constant(x) if p is None else chain.expression(p) for p, x in zip(chain.parents(call), call.xs, strict=True)]
        words = [self.ident(chain.part(call, k)) for k in range(len(call.parts))]
        self.values.update(zip(words, chain.values[call], strict=True))
        e = Expr(call.row.name, tuple(args), None, dict(call.params), (), call.row)
        self._use(e)
        code = write(e, self.hand)
        self.assigned |= set(words)
        shapes = ", ".join(shape_text(shape) for shape, _ in call.parts)
        return [(f"{', '.join(words)} = {code}", f"{origin}, {shapes}")]

    def backward(self) -> list[str]:
        chain = self.chain
        reach = chain.reaching(self.wanted)
        arriving: dict[Node, list[Expr]] = {}
        root = chain.root
        if int(np.prod(root.shape)) == 1:
            arriving[root] = [number(1.0)]
        else:
            self.cotangent = self.fresh(chain.cotangent)
            self.words[self.cotangent] = self.cotangent
            self.values[self.cotangent] = np.cos(np.arange(1, np.prod(root.shape) + 1)).reshape(root.shape).astype(root.dtype)
            self._words[root, root] = self.cotangent
            self.used[self.cotangent] = None
            arriving[root] = [name(self.cotangent, root.shape)]
        waiting: dict[Node, int] = {}
        for n in chain.landmarks:
            for m in chain.inputs_of(n) if n in reach and n.live & NEEDS else ():
                waiting[m] = waiting.get(m, 0) + 1
        out: list[tuple[str, str]] = []
        for n in reversed(chain.landmarks):
            if n not in arriving or n.row is None:
                continue
            inputs = [m for m in chain.inputs_of(n) if m in reach]
            inputs.sort(key=lambda m: m.row is not None or m not in self.wanted)
            above, lines = self._above(n, inputs, arriving.pop(n))
            out += lines
            for m in inputs:
                out += self._factor(n, m, above, arriving)
                waiting[m] -= 1
                if not waiting[m] and m in self.wanted and m.row is None:
                    out += self._result(m, arriving[m])
        for n in self.wanted:
            if n is root and self.cotangent:
                continue  # the function returns this argument itself
            if n not in arriving and n.row is None and n is not root:
                zeros = f"np.zeros_like({self.node(n)})"
                self.assigned.add(self.gradient(n))
                out.append((f"{self.gradient(n)} = {zeros}", "not used"))
            elif n is root:
                out += self._result(n, arriving[n])
        return _aligned(out)

    def _above(self, n: Node, inputs: Sequence[Node], arrived: list[Expr]) -> tuple[Expr, list[tuple[str, str]]]:
        """What has arrived at `n`: under a name of its own if it will be needed more than once."""
        above = self._sum(arrived, n.shape)
        factors = [self.chain.factor(n, m) for m in inputs]
        heavy = len(inputs) > 1 or any(f.combine == "map" for f in factors) or len(arrived) > 1
        if above.head in ("name", "number") and not (n in self.wanted and n.row is not None):
            return above, []
        if n in self.wanted or heavy or len(write(above, self.hand)) > 50:
            return name(self.gradient(n), n.shape), self._result(n, [above])
        return above, []

    def _result(self, n: Node, arrived: list[Expr]) -> list[tuple[str, str]]:
        word = self.gradient(n)
        self.words[word] = word
        return self.line(word, self._sum(arrived, n.shape), n.shape, n.dtype, shape_text(n.shape), None)

    def _factor(self, n: Node, m: Node, above: Expr, arriving: dict[Node, list[Expr]]) -> list[tuple[str, str]]:
        factor = self.chain.factor(n, m)
        lines: list[tuple[str, str]] = []
        formula = factor.formula
        if factor.combine == "map":
            down = self._put(formula, self._full(above, n.shape))
        else:
            whole = above.is_number and above.value == 1 and factor.combine == "elementwise"
            if self._is_told(n, m) and not formula.is_number and formula.head != "name":
                word = self.partial(n, m)
                self.words[word] = word
                if whole and not factor.axes:
                    formula = self._full(formula, m.shape)
                shape = np.shape(self._value(formula))
                lines = self.line(word, formula, shape, None, f"{_origin(factor.rules)}, {shape_text(shape)}", None)
                formula = name(word, shape)
            if factor.combine != "elementwise":
                above = self._full(above, n.shape)
            down = joined(factor.combine, formula, above, self._joined_shape(factor, formula, m))
        if factor.axes:
            if factor.combine == "elementwise":
                full = np.broadcast_shapes(np.shape(self._value(down)), n.shape)
                down = self._full(down, full)
            down = summed(down, factor.axes, m.shape)
        arriving.setdefault(m, []).append(down)
        return lines

    def _joined_shape(self, factor: Any, formula: Expr, m: Node) -> tuple[int, ...]:
        if not factor.axes or factor.combine == "elementwise":
            return m.shape
        g = np.empty(factor.shapes[0])
        value = np.empty(formula.shape)
        return np.shape(value @ g if factor.combine == "left" else g @ value)

    def _is_told(self, n: Node, m: Node) -> bool:
        """Whether a partial gets a line of its own: between two things that have names, as on a board."""
        return n in self.given and m in self.given

    def _put(self, e: Expr, g: Expr) -> Expr:
        """A map with the cotangent in its place."""
        done: dict[str, Expr] = {}
        for part in walk(e):
            args = tuple(done[a.key] for a in part.args)
            new = Expr(part.head, args, part.value, part.params, part.shape, part.row) if args else part
            done[part.key] = g if part.head == "name" and part.value == self.chain.cotangent else new
        return done[e.key]

    def _sum(self, terms: list[Expr], shape: tuple[int, ...]) -> Expr:
        total = terms[0]
        for term in terms[1:]:
            total = make(TABLE["add"], (total, term), {}, shape)
        return total

    def _full(self, e: Expr, shape: tuple[int, ...]) -> Expr:
        """`e`, laid out to the shape that it stands for if it is smaller."""
        value = self._value(e)
        if np.shape(value) == shape:
            return e
        if np.size(value) == int(np.prod(shape)) and np.ndim(value) > 0:
            return Expr("reshape", (e,), None, {"shape": shape}, shape, TABLE["reshape"])
        return Expr("broadcast_to", (e,), None, {"shape": shape}, shape, TABLE["broadcast_to"])

    def _value(self, e: Expr) -> Any:
        return evaluate(e, {w: self.values[self.words.get(w, w)] for w in e.names})

    # --------------------------------------------------------------------------------------------------- one line

    def line(
        self, word: str, e: Expr, shape: tuple[int, ...], dtype: Any, comment: str, expected: Any
    ) -> list[tuple[str, str]]:
        """``word = e``, after lines for what is used twice in it or would make it too long; run, and looked at."""
        e, lines = self._shortened(self._full(e, shape))
        self._use(e)
        code = write(e, self.hand)
        value = self._run(code)
        if dtype is not None and np.asarray(value).dtype != dtype:
            if e.is_number:
                code = f"np.asarray({code}, {literal(dtype)})"
            else:
                part = ".real" if np.iscomplexobj(value) and dtype.kind != "c" else ""
                part += f".astype({literal(dtype)})" if np.asarray(value).real.dtype != dtype else ""
                code = write(e, self.hand, ATOM) + part
            value = self._run(code)
        if expected is not None and _is_random(e):
            value = expected  # one draw is as good as the other, but what follows is compared
        elif expected is not None and not _close(value, expected):
            raise ArithmeticError(f"source: {word} = {code} gives {value}, the function itself {expected}")
        self.assigned.add(word)
        self.values[word] = value
        return [*lines, (f"{word} = {code}", comment)]

    def _run(self, code: str) -> Any:
        space = {**self.helpers.run(), **self.values}
        with np.errstate(all="ignore"):
            return eval(code, space)  # noqa: S307 - our own line

    def _use(self, e: Expr) -> None:
        for w in e.names:
            self.used[self.words.get(w, w)] = None
        self.used = dict(sorted(self.used.items()))

    def _shortened(self, e: Expr) -> tuple[Expr, list[tuple[str, str]]]:
        lines: list[tuple[str, str]] = []
        while True:
            part = self._to_hoist(e)
            if part is None:
                return e, lines
            word = self._hoisted.get(part.key, "")
            if not word:
                word = self.fresh(next(self.chain._fresh))
                self.words[word] = word
                inner, before = self._shortened(part)
                self._use(inner)
                code = write(inner, self.hand)
                self.values[word] = self._run(code)
                self.assigned.add(word)
                lines += [*before, (f"{word} = {code}", shape_text(part.shape))]
                self._hoisted[part.key] = word
            e = _swapped(e, part.key, name(word, np.shape(self.values[word])))

    def _to_hoist(self, e: Expr) -> Expr | None:
        """A part that should have a line of its own: it is used twice, or what it stands in is too long."""
        found = [(part, uses) for part, uses in parts_of(e) if not part.is_atom and part is not e and part.head != "array"]
        for part, uses in found:
            if uses > 1 and len(write(part, self.hand)) > 7:
                return part
        if len(write(e, self.hand)) <= WIDTH:
            return None
        lengths = [(len(write(part, self.hand)), part) for part, _ in found]
        fitting = [pair for pair in lengths if 12 < pair[0] <= WIDTH]
        return max(fitting, key=lambda pair: pair[0])[1] if fitting else None

    # --------------------------------------------------------------------------------------------------- calls

    def _array(self, value: Any) -> str:
        if value.size <= SMALL:
            return literal(value)
        word = self.words.get(key := f"const {id(value)}") or self.fresh("const")
        self.words[key] = word
        self.values[word] = value
        self.used[word] = None
        return word

    def _call(self, e: Expr, sub: Callable[[Expr, int], str]) -> str:
        row: Any = e.row
        if e.head in ("getitem", "reshape"):
            strong = lambda a, t: self._strong(a, sub(a, t))  # noqa: E731 - a number has no methods
            return self._getitem(e, strong) if e.head == "getitem" else places(e, strong)
        if e.head == "gather":
            return f"{sub(e.args[0], ATOM)}[{self._index(e.params['index'], sub(e.args[1], ATOM))}]"
        if e.head == "scatter_at":
            index = self._index(e.params["index"], sub(e.args[1], ATOM))
            return f"{self.helpers.of_row(TABLE['scatter'])}({self._strong(e.args[0], sub(e.args[0], 0))}, np.s_[{index}], {literal(e.params['shape'])})"
        if e.head == "broadcast_to" and e.args[0].is_number:
            shape, value = literal(e.shape[0] if len(e.shape) == 1 else e.shape), e.args[0].value
            return f"np.{'ones' if value else 'zeros'}({shape})" if value in (0, 1) else f"np.full({shape}, {plain_number(value)})"
        if e.head == "astype":
            return f"{sub(e.args[0], ATOM)}.astype({literal(e.params['dtype'])})"
        if e.head == "real":
            return f"{sub(e.args[0], ATOM)}.real"
        if e.head == "relu":
            return f"np.maximum({sub(e.args[0], 0)}, 0)"
        if e.head == "einsum":
            return f"np.einsum({', '.join([literal(e.params['subscripts']), *(sub(a, 0) for a in e.args)])})"
        if isinstance(row, RuleCall):
            return self._rule(e, row, sub)
        known = self._numpy(e)
        if known is not None:
            word, as_list, params = known
            arguments = [sub(a, 0) for a in e.args]
            arguments = [f"({', '.join(arguments)}{',' if len(arguments) == 1 else ''})"] if as_list else arguments
        else:
            word, arguments = self._helper(e), [self._strong(a, sub(a, 0)) for a in e.args]
            params = _accepted(self.helpers.run().get(word), dict(e.params))
            if self.helpers.is_textbook(row) and isinstance(params.get("axis"), tuple) and len(params["axis"]) == 1:
                (params["axis"],) = params["axis"]
            if e.head == "scatter":
                arguments += [f"np.s_[{self._index(params.pop('index')) or '()'}]", literal(params.pop("shape"))]
                params.pop("unique_indices", None)
        if "generator" in e.params:
            params["generator"] = numpy_generator(e.params["generator"])
        return f"{word}({', '.join([*arguments, *(f'{k}={self._parameter(v)}' for k, v in params.items())])})"

    def _helper(self, e: Expr) -> str:
        """A helper for the row of `e`: the textbook form if it does the same here, otherwise the table's own."""
        row: Any = e.row
        word = self.helpers.of_row(row)
        if "generator" in e.params or getattr(row, "source", None) is None and not self.helpers.is_textbook(row):
            return word
        args = [np.asarray(self._value(a)) for a in e.args]
        fn = self.helpers.run()[word]
        try:
            with np.errstate(all="ignore"):
                if _same(fn(*args, **_accepted(fn, dict(e.params))), row.fn(*args, **e.params)):
                    return word
        except (TypeError, ValueError, IndexError):
            pass
        return self.helpers.of_row(row, short=False)

    @staticmethod
    def _strong(e: Expr, word: str) -> str:
        """A number as something with a dtype, for a function that may ask for it."""
        return f"np.float64({word})" if e.is_number and isinstance(e.value, (int, float)) else word

    def _getitem(self, e: Expr, sub: Callable[[Expr, int], str]) -> str:
        return f"{sub(e.args[0], ATOM)}[{self._index(e.params['index']) or '()'}]"

    def _index(self, index: Any, k: str = "") -> str:
        """An index as it stands in brackets, with the word `k` where an array argument goes (``rules.indexing.Slot``)."""
        words = []
        for part in index if isinstance(index, tuple) else (index,):
            if isinstance(part, np.ndarray):
                words.append(_counted(part) or (repr(part.tolist()) if 0 < part.size <= SMALL else self._array(part)))
            elif hasattr(part, "j"):
                words.append(k if part.j is None else f"{k}[{part.j}]")
            else:
                words.append(index_text(part))
        return ", ".join(words)

    def _parameter(self, value: Any) -> str:
        if isinstance(value, np.random.Generator):
            word = self.words.setdefault(f"generator {id(value)}", "")
            if not word:
                word = self.words[f"generator {id(value)}"] = self.fresh("rng")
            self.values[word] = value
            self.used[word] = None
            return word
        if isinstance(value, np.ndarray) and value.size > SMALL:
            return self._array(value)
        if isinstance(value, tuple) and any(isinstance(v, np.ndarray) for v in value):
            return f"({', '.join(map(self._parameter, value))}{',' if len(value) == 1 else ''})"
        return literal(value)

    def _rule(self, e: Expr, row: RuleCall, sub: Callable[[Expr, int], str]) -> str:
        """A call of the table's own rule, in the order of its parameters."""
        words = []
        after = False
        for word, at in row.layout.items():
            if at is None:
                after = True
                words.append(f"{word}={self._parameter(e.params[word])}")
            else:
                one = lambda k: "None" if k is None else self._strong(e.args[k], sub(e.args[k], 0))  # noqa: E731 - of this loop
                text = f"({''.join(one(k) + ', ' for k in at)})" if isinstance(at, tuple) else one(at)
                words.append(f"{word}={text}" if after else text)
        return f"{self.helpers.of_row(row)}({', '.join(words)})"

    def _numpy(self, e: Expr) -> tuple[str, bool, dict[str, Any]] | None:
        """How NumPy itself is called for this: its name, whether it takes a list, the parameters; tried out."""
        row = e.row
        assert row is not None
        path = row.np_name or ""
        if not path.startswith("np.") or isinstance(row.fn, np.ufunc) and not _in_numpy(path, row.fn):
            return None
        fn: Any = np
        for part in path.split(".")[1:]:
            fn = getattr(fn, part, None)
        if fn is None:
            return None
        if isinstance(row.fn, np.ufunc):
            return path, False, {}
        args = [np.asarray(self._value(a)) if not a.is_number else a.value for a in e.args]
        accepted = inspect.signature(row.bind).parameters if row.bind is not None else {}
        least = {k: v for k, v in shown_params(e).items() if k in accepted and not _is_default(v, accepted[k].default)}
        full = {k: v for k, v in e.params.items() if k in accepted}
        with np.errstate(all="ignore"):
            expected = row.fn(*map(np.asarray, args), **e.params)
            for params in (least, full):
                for as_list in (False, True):
                    try:
                        y = fn(args, **params) if as_list else fn(*args, **params)
                    except (TypeError, ValueError, IndexError, np.linalg.LinAlgError):
                        continue
                    if _same(y, expected):
                        return path, as_list, params
        return None


_CODE = {
    **INFIX,
    "power": ("{0} ** {1}", POWER, ATOM, SIGN),
    "square": ("{0} ** 2", POWER, ATOM, ATOM),
    "transpose": ("{0}.T", ATOM, ATOM, ATOM),
    "matrix_transpose": ("{0}.mT", ATOM, ATOM, ATOM),
}


_PLAIN = ("add", "subtract", "multiply", "negative", "divide", "transpose", "reshape", "input")


def _row_name(n: Node) -> str:
    return n.row.name if n.row is not None else "input"


def _origin(rows: Sequence[str]) -> str:
    """What a step is called in a comment: its functions, without the arithmetic between them."""
    return " ".join(dict.fromkeys(r for r in rows if r not in _PLAIN)) or next(iter(rows), "")


def _is_default(value: Any, default: Any) -> bool:
    return type(value) is type(default) and repr(value) == repr(default)


def _in_numpy(path: str, fn: Any) -> bool:
    return getattr(np, path.removeprefix("np."), None) is fn


def _accepted(fn: Any, params: dict[str, Any]) -> dict[str, Any]:
    """The parameters that a helper takes: a textbook form leaves some out."""
    if fn is None:
        return params
    known = inspect.signature(fn).parameters
    open_ended = any(p.kind is p.VAR_KEYWORD for p in known.values())
    return {k: v for k, v in params.items() if open_ended or k in known and not (known[k].default is not known[k].empty and v == known[k].default)}


def _same(y: Any, expected: Any) -> bool:
    if isinstance(expected, (tuple, list)):
        return isinstance(y, (tuple, list)) and len(y) == len(expected) and all(map(_same, y, expected))
    y, expected = np.asarray(y), np.asarray(expected)
    return y.shape == expected.shape and y.dtype == expected.dtype and _close(y, expected)


def _close(y: Any, expected: Any) -> bool:
    y, expected = np.asarray(y), np.asarray(expected)
    if y.dtype.kind not in "fc":
        return bool(np.array_equal(y, expected))
    tolerance = 1e3 * float(np.finfo(y.dtype).eps)
    scale = float(np.max(np.abs(expected), initial=0.0, where=np.isfinite(expected)))
    return bool(np.allclose(y, expected, rtol=tolerance, atol=tolerance * max(scale, 1e-300), equal_nan=True))


def _counted(index: Any) -> str:
    """``np.arange(6)`` for the array that it makes."""
    n = index.size
    return f"np.arange({n})" if n > 2 and index.dtype.kind in "iu" and np.array_equal(index, np.arange(n)) else ""


def _is_random(e: Expr) -> bool:
    return any("generator" in part.params for part in walk(e))


def _swapped(e: Expr, key: str, by: Expr) -> Expr:
    done: dict[str, Expr] = {}
    for part in walk(e):
        args = tuple(done[a.key] for a in part.args)
        new = Expr(part.head, args, part.value, part.params, part.shape, part.row) if args else part
        done[part.key] = by if part.key == key else new
    return done[e.key]


def _aligned(lines: Sequence[tuple[str, str]]) -> list[str]:
    """Comments in one column, as far as that is not too far out."""
    column = max((len(code) for code, _ in lines if len(code) <= 52), default=0)
    return [f"{code:<{column}}  # {comment}" if comment else code for code, comment in lines]
