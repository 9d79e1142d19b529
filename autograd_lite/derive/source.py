"""The backward pass as NumPy source: a flat function that a person could have written, without this library.

The landmarks of a :class:`~autograd_lite.derive.chain_rule.Chain` become its lines: forward one for each, in order,
then backward one for each factor (``dPdC = P * (1 - P)``) and for each gradient as soon as it is complete. What is used
once is nested where it is used. Each line is run on the example and compared with the engine.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ..base.escape import RESERVED, identifier
from ..base.snapshots import untouched
from ..base.tree import leaves, matched, rebuild
from ..engine.operands import raw
from ..program import Program, Var
from ..program.capture import run
from ..tensor import Tensor
from .chain_rule import Chain
from .notation import too_many
from .source_lines import LineWriter

LIMIT = 5_000  # operations


class Source(str):
    """Source text that is also the function it defines: print it, save it, or call it.

    Attributes
    ----------
    name : str
        Of the function.
    arguments, results : tuple of str
        The names of its arguments and results.
    constants : dict
        Default values of arguments: copies of the arrays that the function used from outside.
    cotangent : str or None
        The argument that takes the cotangent of the result, where that has more than one entry.
    rate : str or None
        The argument that takes the rate of the update step, where there is one.
    shapes : dict
        The shapes of the arguments; a call with other shapes raises ValueError.
    structure : tuple
        The arguments of the original function, with names in place of arrays.

    Examples
    --------
    >>> import autograd_lite as ag
    >>> code = source(lambda x: x**2, 3.0)
    >>> print(code)
    import numpy as np
    <BLANKLINE>
    <BLANKLINE>
    def f(x):
        # forward
        L = x ** 2  # square, 1
    <BLANKLINE>
        # backward
        dLdx = 2 * x  # 1
        return L, dLdx
    >>> code(3.0)
    (9.0, 6.0)
    """

    name: str
    arguments: tuple[str, ...]
    results: tuple[str, ...]
    constants: dict[str, Any]
    cotangent: str | None
    rate: str | None
    shapes: dict[str, tuple[int, ...]]
    structure: tuple[Any, ...]

    __repr__ = str.__str__

    def __call__(self, /, *args: Any, **params: Any) -> Any:
        given = self._given(args)
        for word, x in {**dict(zip(self.arguments, given, strict=False)), **params}.items():
            if word in self.shapes and np.shape(raw(x)) != self.shapes[word]:
                raise ValueError(
                    f"{self.name}: expected {word} of shape {self.shapes[word]}, got {np.shape(raw(x))}: the source "
                    "is for the shapes of its example; make it again with another example"
                )
        rest = {k: v for k, v in self.constants.items() if k not in self.arguments[: len(given)]}
        return self.space[self.name](*given, **{**rest, **params})

    def _given(self, args: Sequence[Any]) -> list[Any]:
        """The arguments leaf by leaf; trees are matched by their keys."""
        n = len(self.structure)
        if any(x is None or isinstance(x, (dict, list, tuple)) for x in args[:n]):
            return [*matched(self.structure, args[:n], f"{self.name}: args"), *leaves(args[n:])]
        return leaves(args)

    @property
    def space(self) -> dict[str, Any]:
        """The namespace of the source: the function and its helpers."""
        if not hasattr(self, "_space"):
            self._space: dict[str, Any] = {}
            exec(compile(self, f"<{self.name}>", "exec"), self._space)
        return self._space

    def variables(self, *args: Any) -> dict[str, Any]:
        """The values of all its variables when it is called with `args`, without the update step."""
        given = [0.0 if w == self.rate else x for w, x in zip(self.arguments, self._given(args), strict=False)]
        rest = {k: v for k, v in self.constants.items() if k not in self.arguments[: len(given)]}
        if self.rate is not None and len(given) < len(self.arguments):
            rest[self.rate] = 0.0
        with untouched(self.space[self.name], rest.values()):
            _, found = run(self.space[self.name], given, rest)
        return dict(found)

    def __reduce_ex__(self, protocol: Any) -> Any:
        return _remade, (str(self), {k: v for k, v in self.__dict__.items() if k != "_space"})  # remade on use

    def _repr_markdown_(self) -> str:
        return f"```python\n{self}\n```"


def _remade(text: str, fields: dict[str, Any]) -> Source:
    made = Source(text)
    made.__dict__.update(fields)
    return made


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
        A function of arrays, or trees of them, which the source takes leaf by leaf; returns one array, usually a loss.
    *args
        Example arguments: they fix the shapes. The source is for any values of these shapes.
    wrt : sequence of str, optional
        What to differentiate with respect to: arguments, or tensors that `f` uses from outside. By default those that
        require a gradient, if there are any, and otherwise all floating arguments.
    names : mapping, optional
        More names for values, such as ``locals()``.
    update : str, optional
        The name of the learning rate; adds a step ``W -= lr * dLdW`` for each gradient, and the rate as an argument.
    name : str, optional
        The name of the function; by default that of `f`.

    Returns
    -------
    Source
        A function that returns the value and then the gradients, each in memory of its own. If the value has more than
        one entry, the function takes its cotangent as an argument.

    Raises
    ------
    ValueError
        If `wrt` contains an unknown name, or the source would have thousands of lines.
    RuntimeError
        If `f` branches on a value that depends on its arguments.

    Examples
    --------
    >>> import numpy as np, autograd_lite as ag
    >>> def loss(w, x, y):
    ...     p = ag.sigmoid(x @ w)
    ...     L = 0.5 * np.sum((y - p) ** 2)
    ...     return L
    >>> made = source(loss, np.zeros((3, 1)), np.ones((2, 3)), np.ones((2, 1)), wrt="w")
    >>> print(made)
    import numpy as np
    <BLANKLINE>
    <BLANKLINE>
    def sigmoid(x):
        return 1 / (1 + np.exp(-x))
    <BLANKLINE>
    <BLANKLINE>
    def loss(w, x, y):
        # forward
        a = x @ w                       # matmul, 2x1
        p = sigmoid(a)                  # sigmoid, 2x1
        L = 0.5 * np.sum((y - p) ** 2)  # square sum, 1
    <BLANKLINE>
        # backward
        dLdp = -(y - p)                    # sum square, 2x1
        dLdw = x.T @ (dLdp * p * (1 - p))  # 3x1
        return L, dLdw
    <BLANKLINE>
    """
    if not callable(f):
        raise TypeError(f"source: expected a function, got {type(f).__name__}; write source(f, x) with an example x")
    with untouched(f, args):
        return _source(f, args, wrt, names, update, name)


def _source(f: Any, args: Any, wrt: Any, names: Any, update: str | None, name: str | None) -> Source:
    program = Program.trace(f, *args, names=names)
    what = name or (program.name if program.name.isidentifier() else "f")
    what = identifier(what) + "_" * (identifier(what) in RESERVED)
    if isinstance(program.result, (dict, list, tuple)):
        raise TypeError(f"source: expected {what} to return one array, got a {type(program.result).__name__}")
    if not isinstance(program.outputs[0], Var):
        raise ValueError(f"source: the result of {what} depends on none of its arguments")
    if len(program) > LIMIT:
        raise ValueError(too_many((eq.row.name for eq in program.equations), len(program.inputs), LIMIT))
    wanted = _wanted(program, what, args, wrt)
    emitted = emit(Chain(program, wanted, board=False), wanted, what, program.inputs, update)
    emitted.structure = rebuild(args, emitted.arguments)
    return emitted


def _wanted(program: Program, what: str, args: Any, wrt: Sequence[str] | str | None) -> list[Var]:
    graded = program.graded
    outside = [v for v in program.captured if v in graded]
    floating = [*(v for v in program.inputs if v in graded), *outside]
    if wrt is None:
        asked = [isinstance(x, Tensor) and x.requires_grad for x in leaves(args)]
        chosen = [v for v, yes in zip(program.inputs, asked, strict=True) if yes] + outside
        return chosen or floating
    words = [wrt] if isinstance(wrt, str) else list(wrt)
    by_name = {v.name: v for v in floating}
    missing = [w for w in words if w not in by_name]
    if missing:
        raise ValueError(
            f"source: expected wrt to name floating arguments of {what}, which are {', '.join(by_name)}; "
            f"got {', '.join(missing)}"
        )
    return [by_name[w] for w in words]


def emit(
    chain: Chain, wanted: Sequence[Var], what: str, inputs: Sequence[Var] = (), update: str | None = None
) -> Source:
    """The source of a chain: forward, backward, return."""
    writer = LineWriter(chain, wanted, inputs)
    body = ["# forward", *writer.forward()]
    if wanted:
        body += ["", "# backward", *writer.backward()]
        writer.check()
    outside = [w for w in sorted(writer.used) if w not in writer.assigned and w not in writer.inputs]
    arguments = [*writer.inputs, *outside]
    results = [writer.result, *(writer.gradient(n) for n in wanted)]
    if update:
        update = writer.fresh(identifier(update))
        body += ["", "# update", *(f"{writer.node(n)} -= {update} * {writer.gradient(n)}" for n in wanted)]
        arguments.append(update)
    while what in writer.helpers.texts:  # a helper has this name
        what += "_"
    head = wrapped(f"def {what}(", arguments, "):", 4)
    lines = ["import numpy as np", *writer.helpers.lines(), "", "", *head]
    lines += [f"    {line}" if line else "" for line in body]
    lines += [f"    {line}" for line in wrapped("return (", results, ")", 4, bare="return ")]
    made = Source("\n".join(lines) + "\n")
    made.name, made.arguments, made.results = what, tuple(arguments), tuple(results)
    made.rate = update
    made.structure = ()
    shapes = {word: n.shape for word, n in zip(writer.inputs, inputs, strict=True)}
    made.shapes = shapes | {word: np.shape(writer.values[word]) for word in outside if word in writer.values}
    made.cotangent = writer.cotangent or None
    values = {w: writer.values[w] for w in outside if w != writer.cotangent}
    made.constants = {w: x.copy() if isinstance(x, np.ndarray) else x for w, x in values.items()}
    return made


def wrapped(before: str, words: Sequence[str], after: str, indent: int, bare: str | None = None) -> list[str]:
    """A list in brackets, on as many lines as it needs; if it fits on one line, without brackets after `bare`."""
    line = f"{before if bare is None else bare}{', '.join(words)}{after if bare is None else ''}"
    if len(line) <= 100:
        return [line]
    inside = textwrap.wrap(", ".join(words) + ",", 96 - indent, break_long_words=False)
    return [before, *(" " * indent + part for part in inside), after]
