"""The backward pass as NumPy source: a flat function that a person could have written, and that needs nothing of ours.

The landmarks of a :class:`~autograd_lite.derive.chain.Chain` become its lines: forward one for each, in order, then
backward one for each factor (``dPdC = P * (1 - P)``) and for each gradient that is used more than once. What is used
once is nested where it is used.
"""

from __future__ import annotations

import ast
import builtins
import dis
import inspect
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from ..graph import NEEDS, Node
from ..mode import changed
from ..primitive import TABLE, Primitive
from ..tensor import Tensor, _raw, _tensor
from ..trace import _argument_names, _named_nodes, _run
from ..tree import leaves, rebuild
from .chain import Chain, evaluate
from .expression import ATOM, POWER, TEXT, Expr, Hand, index_text, make, name, number, product, shown_params, write

WIDTH = 100  # of a line of source


class Source(str):
    """Source text that is also the function it defines: print it, save it, or call it.

    Attributes
    ----------
    name : str
        Of the function.
    arguments, results : tuple of str
        What it takes and what it returns, by name.
    """

    name: str
    arguments: tuple[str, ...]
    results: tuple[str, ...]
    _function: Any

    def __call__(self, *args: Any, **params: Any) -> Any:
        if not hasattr(self, "_function"):
            space: dict[str, Any] = {}
            exec(compile(self, f"<{self.name}>", "exec"), space)  # noqa: S102 - what it defines is its purpose
            self._function = space[self.name]
        return self._function(*args, **params)

    def _repr_markdown_(self) -> str:
        return f"```python\n{self}\n```"


def source(
    f: Callable[..., Any],
    *args: Any,
    wrt: Sequence[str] | None = None,
    names: Mapping[str, Any] | None = None,
    update: str | None = None,
    name: str | None = None,
) -> Source:
    """The forward and backward pass of `f` as one flat NumPy function.

    Parameters
    ----------
    f : callable
        Of arrays; returns one array, usually a loss.
    *args
        Examples: they fix the shapes. The source works for any other numbers.
    wrt : sequence of str, optional
        The arguments to differentiate by; by default all floating ones.
    names : mapping, optional
        More names for values, such as ``locals()``.
    update : str, optional
        Add a step ``W -= lr * dLdW`` for each, with this name for the rate, which becomes an argument.
    name : str, optional
        What to call the function; by default what `f` is called.

    Returns
    -------
    Source
        Returns the value and then the gradients. If the result has more than one entry, the function takes the cotangent
        as a last argument.

    Examples
    --------
    >>> import numpy as np, autograd_lite as ag
    >>> def loss(w, x, y):
    ...     p = ag.sigmoid(x @ w)
    ...     return 0.5 * np.sum((y - p) ** 2)
    >>> print(source(loss, np.zeros((3, 1)), np.ones((2, 3)), np.ones((2, 1)), wrt=["w"]))  # doctest: +SKIP
    """
    what = name or getattr(f, "__name__", "f")
    given = leaves(args)
    nodes = [_input(x) for x in given]
    wrapped = rebuild(args, (_tensor(n.y, n) for n in nodes))
    with changed(recording=True, group=None):
        result, variables = _run(f, wrapped, {})
    if not isinstance(result, Tensor):
        raise TypeError(f"source: {what} must return one array, not {type(result).__name__}")
    claimed: dict[str, Any] = {}
    for word, value in [*_argument_names(f, wrapped), *(names or {}).items(), *variables]:
        for node, full in _named_nodes(word, value):
            if node is not None and full not in claimed and all(node is not (t._node if isinstance(t, Tensor) else None) for t in claimed.values()):
                claimed[full] = _tensor(node.y if node.y is not None else 0.0, node)
        if isinstance(value, np.ndarray):
            claimed.setdefault(word, value)
    chain = Chain(result, claimed)
    order = [chain.names[n] for n in nodes if n in chain.names]
    wanted = [n for n in nodes if n in chain.names and n.live & NEEDS and (wrt is None or chain.names[n] in wrt)]
    if wrt is not None and (missing := [w for w in wrt if w not in {chain.names[n] for n in wanted}]):
        raise ValueError(f"source: {what} has no floating argument {', '.join(missing)}; it has {', '.join(order)}")
    return emit(chain, wanted, what, order, update)


def _input(x: Any) -> Node:
    data = np.asarray(_raw(x))
    return Node(None, (), (), data, data.shape, data.dtype, NEEDS if data.dtype.kind in "fc" else 0)


def emit(chain: Chain, wanted: Sequence[Node], what: str, order: Sequence[str] = (), update: str | None = None) -> Source:
    """The source of a chain: forward, backward, return."""
    writer = _Writer(chain, wanted)
    body = [*writer.forward(), *writer.backward()]
    arguments = [w for w in order if w in writer.used or w in {chain.names[n] for n in wanted}]
    arguments += sorted(w for w in writer.used if w not in arguments and w not in writer.assigned)
    results = [chain.names[chain.root], *(writer.gradient(n) for n in wanted)]
    if update:
        body += ["", "# update", *(f"{chain.names[n]} -= {update} * {writer.gradient(n)}" for n in wanted)]
        arguments.append(update)
    lines = ["import numpy as np", "", *writer.helpers(), "", f"def {what}({', '.join(arguments)}):"]
    lines += [f"    {line}" if line else "" for line in body]
    lines.append(f"    return {', '.join(results)}")
    made = Source("\n".join(lines) + "\n")
    made.name, made.arguments, made.results = what, tuple(arguments), tuple(results)
    return made


class _Writer:
    """Collects the lines of one function, and the helpers that they call."""

    def __init__(self, chain: Chain, wanted: Sequence[Node]) -> None:
        self.chain = chain
        self.wanted = list(wanted)
        self.values = chain.environment()
        self.used: set[str] = set()
        self.assigned: set[str] = set()
        self.rows: dict[str, Primitive] = {}
        self.hand = Hand(str, TEXT.number, _CODE, ("(", ")"), " * ", self._call)
        self.loss = chain.names[chain.root]

    # ------------------------------------------------------------------------------------------------------ lines

    def forward(self) -> list[str]:
        lines = ["# forward"]
        for n in self.chain.landmarks:
            if n.row is not None:
                comment = f"{n.row.name}, {_shape(n.shape)}"
                lines.append(self.line(self.chain.names[n], self.chain.definition(n), self.chain.values[n], comment))
        return lines

    def backward(self) -> list[str]:
        chain, lines = self.chain, ["", "# backward"]
        reach = self._reaching()
        arriving: dict[Node, list[Expr]] = {}
        root = chain.root
        if root.shape == () or int(np.prod(root.shape)) == 1:
            arriving[root] = [number(1)]
        else:
            self.values[self.gradient(root)] = np.ones(root.shape)
            arriving[root] = [name(self.gradient(root), root.shape)]
        for n in reversed(chain.landmarks):
            if n not in arriving:
                continue
            above = self._sum(arriving[n], n.shape)
            inputs = [m for m in chain.inputs_of(n) if m in reach]
            maps = any(chain.factor(n, m).combine == "map" for m in inputs)
            if n in self.wanted or above.head not in ("name", "number") and (len(inputs) > 1 or maps or len(arriving[n]) > 1):
                above = self._full(above, n.shape)
                word = self.gradient(n)
                if not (above.head == "name" and above.value == word):
                    lines.append(self.line(word, above, None, f"{_shape(n.shape)}"))
                above = name(word, n.shape)
            for m in inputs:
                lines += self._factor(n, m, above, arriving)
        for n in self.wanted:
            if n not in arriving:
                lines.append(self.line(self.gradient(n), make(TABLE["zeros_like"], (name(chain.names[n], n.shape),), {}, n.shape) if "zeros_like" in TABLE else name(f"np.zeros_like({chain.names[n]})"), np.zeros(n.shape), "not used"))
        return lines

    def _reaching(self) -> set[Node]:
        """The landmarks that lead to a wanted one."""
        reach = set(self.wanted)
        for n in self.chain.landmarks:
            if any(m in reach for m in self.chain.inputs_of(n)):
                reach.add(n)
        return reach

    def _factor(self, n: Node, m: Node, above: Expr, arriving: dict[Node, list[Expr]]) -> list[str]:
        factor = self.chain.factor(n, m)
        lines = []
        formula = factor.formula
        if factor.combine == "map":
            down = _put(formula, above)
        else:
            if not formula.is_number and not (formula.head == "name"):
                word = self.word(n, m)
                one = above.is_number and above.value == 1 and factor.combine == "elementwise"
                if one and not factor.axes:
                    formula = self._full(formula, m.shape)
                lines.append(self.line(word, formula, None, _shape(factor.value.shape)))
                formula = name(word, np.shape(factor.value))
            matmul = TABLE["matmul"]
            if factor.combine == "elementwise":
                down = product((above, formula), np.broadcast_shapes(above.shape, formula.shape))
            elif factor.combine == "left":
                down = make(matmul, (formula, self._full(above, n.shape)), {}, m.shape)
            else:
                down = make(matmul, (self._full(above, n.shape), formula), {}, m.shape)
        if factor.axes:
            shape = np.shape(self._value(down))
            if shape != n.shape and factor.combine == "elementwise":
                down = self._full(down, n.shape)
            kept = len(n.shape) == len(m.shape)
            down = Expr("sum", (down,), None, {"axis": factor.axes, "keepdims": kept}, m.shape, TABLE["sum"])
        arriving.setdefault(m, []).append(down)
        return lines

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
        return evaluate(e, self.values)

    def line(self, word: str, e: Expr, value: Any, comment: str) -> str:
        code = write(e, self.hand)
        self.used |= _names(e)
        self.assigned.add(word)
        self.values[word] = self._value(e) if value is None else value
        text = f"{word} = {code}"
        return f"{text:<44}  # {comment}" if len(text) + len(comment) < WIDTH else text

    # ----------------------------------------------------------------------------------------------------- names

    def gradient(self, n: Node) -> str:
        return _d(self.loss, self.chain.names[n])

    def word(self, n: Node, m: Node) -> str:
        return _d(self.chain.names[n], self.chain.names[m])

    # --------------------------------------------------------------------------------------------------- calls

    def _call(self, e: Expr, sub: Callable[[Expr, int], str]) -> str:
        row = e.row
        assert row is not None
        if e.head == "getitem":
            return f"{sub(e.args[0], ATOM)}[{index_text(e.params['index'])}]"
        arguments = [sub(a, 0) for a in e.args]
        shown = e.params if row.np_name is None or not row.np_name.startswith("np.") else shown_params(e)
        arguments += [f"{k}={_literal(v)}" for k, v in shown.items()]
        if row.np_name is not None and row.np_name.startswith("np.") and not (row.variadic and row.name != "einsum"):
            return f"{row.np_name}({', '.join(arguments)})"
        self.rows[row.name] = row
        return f"{row.name}({', '.join(arguments)})"

    def helpers(self) -> list[str]:
        """The functions that have no NumPy name, written out once above."""
        found: dict[str, str] = {}
        for row in self.rows.values():
            if row.source is not None:
                found[row.name] = f"def {row.name}(x):\n    return {row.source}"
            else:
                _collect(row.name, row.fn, found)
        return [line for text in found.values() for line in ["", *text.splitlines(), ""]]


_CODE = {
    **{k: v for k, v in TEXT.infix.items() if k not in ("exp", "square", "transpose", "matrix_transpose")},
    "square": ("{0} ** 2", POWER, ATOM, ATOM),
    "transpose": ("{0}.T", ATOM, ATOM, ATOM),
    "matrix_transpose": ("{0}.mT", ATOM, ATOM, ATOM),
}


def _d(of: str, wrt: str) -> str:
    return f"d{of}d{wrt}" if len(of) == 1 == len(wrt) or len(of) == 1 and len(wrt) <= 2 else f"d{of}_d{wrt}"


def _shape(shape: Sequence[int]) -> str:
    return "x".join(map(str, shape)) if shape else "scalar"


def _put(e: Expr, g: Expr) -> Expr:
    if e.head == "name" and e.value == "g":
        return g
    return Expr(e.head, tuple(_put(a, g) for a in e.args), e.value, e.params, e.shape, e.row) if e.args else e


def _names(e: Expr) -> set[str]:
    return {e.value} if e.head == "name" else {w for a in e.args for w in _names(a)}


def _literal(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"np.array({value.tolist()!r})"
    return index_text(value) if isinstance(value, slice) else repr(value)


def _collect(word: str, fn: Any, found: dict[str, str]) -> None:
    """The source of a function of ours under the name `word`, after the helpers that it calls itself."""
    if word in found:
        return
    text = _definition(word, fn)
    code = inspect.unwrap(fn).__code__
    for used in _global_names(code):
        value = fn.__globals__.get(used, builtins.__dict__.get(used))
        if isinstance(value, Primitive):
            _collect(used, value.fn, found)
        elif inspect.isfunction(value):
            _collect(used, value, found)
        elif not inspect.ismodule(value) and not hasattr(builtins, used) and value is not None:
            found.setdefault(used, f"{used} = {value!r}")
        elif inspect.ismodule(value) and value is not np:
            found.setdefault(used, f"import {value.__name__}" + (f" as {used}" if value.__name__ != used else ""))
    found[word] = text


def _global_names(code: Any) -> list[str]:
    inner = [c for c in code.co_consts if inspect.iscode(c)]
    own = [i.argval for i in dis.get_instructions(code) if i.opname in ("LOAD_GLOBAL", "LOAD_NAME")]
    return [*own, *(n for c in inner for n in _global_names(c))]


def _definition(word: str, fn: Any) -> str:
    lines, start = inspect.getsourcelines(fn)
    if fn.__name__ != "<lambda>":
        text = textwrap.dedent("".join(lines))
        tree = ast.parse(text).body[0]
        assert isinstance(tree, ast.FunctionDef)
        tree.name, tree.decorator_list, tree.returns = word, [], None
        for a in [*tree.args.args, *tree.args.kwonlyargs, *filter(None, [tree.args.vararg, tree.args.kwarg])]:
            a.annotation = None
        return ast.unparse(tree)
    module = ast.parse(inspect.getsource(inspect.getmodule(fn)))  # type: ignore[arg-type]  # a lambda of ours has a module
    names = fn.__code__.co_varnames[: fn.__code__.co_argcount + fn.__code__.co_kwonlyargcount]
    for node in ast.walk(module):
        if isinstance(node, ast.Lambda) and node.lineno == fn.__code__.co_firstlineno:
            arguments = [a.arg for a in [*node.args.args, *node.args.kwonlyargs]]
            if tuple(arguments) == tuple(names):
                return f"def {word}({ast.unparse(node.args)}):\n    return {ast.unparse(node.body)}"
    raise ValueError(f"the source of {word} is not to be found")
