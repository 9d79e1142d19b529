"""The backward pass as NumPy source: a flat function that a person could have written, without this library.

The landmarks of a :class:`~autograd_lite.derive.chain_rule.Chain` become its lines: forward one for each, in order,
then backward one for each factor (``dPdC = P * (1 - P)``) and for each gradient as soon as it is complete. What is used
once is nested where it is used. Each line is run on the example and compared with the engine.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Collection, Mapping, Sequence, Set
from functools import cached_property
from itertools import chain as chain_of
from typing import Any, Literal, overload

import numpy as np

from ..base.escape import RESERVED, identifier
from ..base.snapshots import untouched
from ..base.tree import leaves, matched, rebuild
from ..engine.operands import raw
from ..program import Program, Var
from ..program.capture import run
from ..program.program import traced_program
from ..program.slopes import gradients
from ..tensor import Tensor
from .chain_rule import Chain
from .chosen_sizes import ChosenSizes
from .collect import leaves as length
from .formula import name as symbol
from .formula_ops import applied, largest
from .helpers import literal
from .notation import too_many
from .other_arguments import OtherCall, call_with_other_array, call_with_others, other_calls
from .source_c import CSource, c_source
from .source_lines import ONLY_FOR, LineWriter, names_in
from .unpacking import unpacking, written_out
from .writing import write

LIMIT = 5_000  # operations
FEW = 8  # arguments that are changed one by one
LONG = 24  # names and numbers in a test of a branch
WRITTEN = 400  # entries of an array that is written out as the default of an argument


class Source(str):
    """Source text that is also the function it defines: print it, save it, or call it.

    Attributes
    ----------
    name : str
        Of the function.
    arguments : tuple of str
        The names of its arguments, those of the original function.
    leaves : tuple of str
        The names of the arrays and numbers in them: of a dict or a list, those that the text takes out of it.
    results : tuple of str
        The names of its results.
    constants : dict
        Default values of arguments: copies of the arrays that the function made, or used from outside. Up to 400
        entries are written out, so that the text runs with the function's own arguments.
    cotangent : str or None
        The argument that takes the cotangent of the result, where that has more than one entry.
    rate : str or None
        The argument that takes the rate of the update step, where there is one.
    shapes : dict
        The shapes of the leaves; a call with other shapes raises ValueError.
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
    leaves: tuple[str, ...]
    results: tuple[str, ...]
    constants: dict[str, Any]
    cotangent: str | None
    rate: str | None
    shapes: dict[str, tuple[int, ...]]
    structure: tuple[Any, ...]

    __repr__ = str.__str__

    def __call__(self, /, *args: Any, **params: Any) -> Any:
        given, values = self._values(args)
        for word, x in {**values, **params}.items():
            if word in self.shapes and np.shape(raw(x)) != self.shapes[word]:
                raise ValueError(
                    f"{self.name}: expected {word} of shape {self.shapes[word]}, got {np.shape(raw(x))}: the source "
                    "is for the shapes of its example; make it again with another example"
                )
        return self.space[self.name](*given, **{**self._defaults(given), **params})

    def _values(self, args: Sequence[Any]) -> tuple[Sequence[Any], dict[str, Any]]:
        """The arguments as the text takes them, which may be given leaf by leaf, and the values by their names."""
        n = len(self.structure)
        if any(x is None or isinstance(x, (dict, list, tuple)) for x in args[:n]):
            values = matched(self.structure[: len(args)], tuple(args[:n]), f"{self.name}: args")
        else:
            values = list(args[: len(self.leaves)])
            if len(values) == len(self.leaves):
                args, n = [*rebuild(self.structure, values), *args[len(values) :]], len(self.structure)
        return args, dict(zip((*self.leaves, *self.arguments[n:]), (*values, *args[n:]), strict=False))

    def _defaults(self, args: Sequence[Any]) -> dict[str, Any]:
        """The constants that do not have a value among these, the first arguments."""
        return {word: x for word, x in self.constants.items() if word not in self.arguments[: len(args)]}

    @cached_property
    def space(self) -> dict[str, Any]:
        """The namespace of the source: the function and its helpers."""
        space: dict[str, Any] = {}
        exec(compile(self, f"<{self.name}>", "exec"), space)
        return space

    def variables(self, *args: Any) -> dict[str, Any]:
        """The values of all its variables when it is called with `args`, without the update step."""
        given = [x for word, x in zip(self.arguments, self._values(args)[0], strict=False) if word != self.rate]
        params = self._defaults(given) | ({} if self.rate is None else {self.rate: 0.0})
        f = self.space[self.name]
        with untouched(f, params.values()):
            return {w: x for w, x in run(f, given, params)[1] if not isinstance(x, (dict, list, tuple))}

    def __getstate__(self) -> dict[str, Any]:
        return {word: x for word, x in self.__dict__.items() if word != "space"}

    def _repr_markdown_(self) -> str:
        return f"```python\n{self}\n```"


@overload
def source(
    f: Callable[..., Any], *args: Any, wrt: Sequence[str] | str | None = ..., names: Mapping[str, Any] | None = ...,
    update: str | None = ..., name: str | None = ..., lang: Literal["numpy"] = ...,
) -> Source: ...
@overload
def source(
    f: Callable[..., Any], *args: Any, wrt: Sequence[str] | str | None = ..., names: Mapping[str, Any] | None = ...,
    update: str | None = ..., name: str | None = ..., lang: Literal["c"],
) -> CSource: ...
def source(
    f: Callable[..., Any],
    *args: Any,
    wrt: Sequence[str] | str | None = None,
    names: Mapping[str, Any] | None = None,
    update: str | None = None,
    name: str | None = None,
    lang: str = "numpy",
) -> Source | CSource:
    """The forward and backward pass of `f` as one flat NumPy function.

    Parameters
    ----------
    f : callable
        A function of arrays, or of dicts, lists and tuples of them; returns one array, usually a loss.
    *args
        Example arguments: they fix the shapes. The source is for any values of these shapes, but for those by which `f`
        decides what it does: it says of which it is.
    wrt : sequence of str, optional
        What to differentiate with respect to: arguments, arrays in them by the names that the text has for them, or
        tensors that `f` uses from outside. By default those that require a gradient, if there are any, and otherwise
        all floating arguments.
    names : mapping, optional
        More names for values, such as ``locals()``.
    update : str, optional
        The name of the learning rate; adds a step ``W -= lr * dLdW`` for each gradient, and the rate as an argument.
    name : str, optional
        The name of the function; by default that of `f`.
    lang : str
        "numpy", or "c" for a complete C file with two functions: ``name(inputs, result)``, and ``name_gradient(inputs,
        result, gradients)``. It needs only C99 and its mathematical library (``-lm``).

    Returns
    -------
    Source
        A function of the arguments of `f` that returns the value and then the gradients, each in memory of its own;
        that of a dict or a list has its form, with None where there is no gradient. An array from outside is an
        argument with a default where the text is right for other numbers in it; `f` is called with such, which are
        replaced for that time. If the value has more than one
        entry, the function takes its cotangent as an argument. With ``lang="c"`` it is text only, a `CSource`.

    Raises
    ------
    ValueError
        If `wrt` contains an unknown name, the source would have thousands of lines, or an operation has no form in C.
    RuntimeError
        If `f` takes a number out of a value that it computes from its arguments, ``float(loss)``.

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
    if lang not in ("numpy", "c") or lang == "c" and update:
        wish = f"update={update!r}" if lang == "c" else f"lang={lang!r}"
        raise ValueError(f"source: expected lang='numpy' or 'c', the latter without an update step, got {wish}")
    if not callable(f):
        raise TypeError(f"source: expected a function, got {type(f).__name__}; write source(f, x) with an example x")
    with untouched(f, args):
        program = traced_program(f, args, names, whole=True)
        name = name or (program.name if program.name.isidentifier() else "f")
        name = identifier(name) + "_" * (identifier(name) in RESERVED)
        _check(program, name)
        wanted = _wanted(program, name, args, wrt)
        if lang == "c":
            return c_source(program, leaves(wanted), name)
        sizes = ChosenSizes(program)
        made = _emit(program, wanted, name, update, sizes)
        if any(not _agrees(made, other, program, wanted) for other in sizes.others):
            sizes.is_fixed = True
            made = _emit(program, wanted, name, update, sizes)
        is_random = any(eq.is_random for eq in program.equations)  # no two calls can be compared
        whole = call_with_others(program) if len(program.inputs) > FEW and not is_random else None
        is_right = whole is not None and _agrees(made, whole, program, wanted)
        others = () if is_right else other_calls(program, program.inputs, most=1)
        decides = {other.changed for other in others if not _agrees(made, other, program, wanted)}
        tried = () if is_random else made.constants
        decides |= {word for word in tried if not _takes(made, word, program, wanted)}
        return _emit(program, wanted, name, update, sizes, decides) if decides else made


def _check(program: Program, name: str) -> None:
    """Raise unless the program is one that can be written."""
    if isinstance(program.result, (dict, list, tuple)):
        raise TypeError(f"source: expected {name} to return one array, got a {type(program.result).__name__}")
    if not isinstance(program.outputs[0], Var):
        raise ValueError(f"source: the result of {name} depends on none of its arguments")
    if len(program) > LIMIT:
        raise ValueError(too_many((eq.row.name for eq in program.equations), len(program.inputs), LIMIT))


def _wanted(program: Program, name: str, args: Sequence[Any], wrt: Sequence[str] | str | None) -> list[Any]:
    """What to differentiate with respect to: variables, and trees of them for arguments that are trees."""
    captured = [v for v in program.captured if v in program.graded]
    inputs = [v for v in program.inputs if v in program.graded]
    if wrt is None:
        pairs = zip(program.inputs, leaves(args), strict=True)
        learned = {v for v, x in pairs if isinstance(x, Tensor) and x.requires_grad}
        learned = learned if learned or captured else {*program.learned}
        return [*program.arguments_with(learned).values(), *captured]
    by_name = {**program.arguments_with(inputs), **{v.name: v for v in (*inputs, *captured)}}
    wrt = [wrt] if isinstance(wrt, str) else wrt
    missing = [word for word in wrt if word not in by_name]
    if missing:
        raise ValueError(
            f"source: expected wrt to name floating arguments of {name}, which are {', '.join(by_name)}; "
            f"got {', '.join(missing)}"
        )
    return [by_name[word] for word in wrt]


def _takes(made: Source, word: str, program: Program, trees: Sequence[Any]) -> bool:
    """Return True if source is right for another array of this name from outside, as far as can be seen; it is not if
    the function computes something else from the array that stands in the source as numbers.
    """
    if any(v.name == word for v in program.captured) or not isinstance(made.constants[word], np.ndarray):
        return True
    with call_with_other_array(program, word) as other:
        return other is not None and _agrees(made, other, program, trees, **{word: program.constants[word].copy()})


def _agrees(made: Source, other: OtherCall, program: Program, trees: Sequence[Any], **arrays: Any) -> bool:
    """Return True if source has the value and the gradients of its function at other arguments, or refuses these."""
    place = {v: k for k, v in enumerate(program.variables)}
    there, [y] = [*other.program.variables], other.program.outputs
    try:
        wanted = [there[place[v]] for v in leaves(trees)]
        g = np.ones(y.shape, y.dtype)
        expected = [other.program.values[y], *gradients(other.program, wanted, g).values()]
        args = rebuild(other.args, [np.array(raw(x)) for x in leaves(other.args)])
        options = {word: x for word, x in ((made.cotangent, g), (made.rate, 0.0)) if word} | arrays
        with np.errstate(all="ignore"):
            results = leaves(made(*args, **options))
    except Exception as e:
        return ONLY_FOR in str(e)
    eps = max((float(np.finfo(x.dtype).eps) for x in map(np.asarray, expected) if x.dtype.kind in "fc"), default=0)
    pairs = [(np.asarray(a), np.asarray(b)) for a, b in zip(results, expected, strict=True)]
    rounding = 100 * eps * max(map(largest, expected))  # where a gradient is 0 up to that
    return all(
        a.shape == b.shape and np.allclose(a, b, eps**0.5, eps**0.5 * largest(b) + rounding, True) for a, b in pairs
    )


def _emit(
    program: Program, trees: Sequence[Any], name: str, update: str | None, sizes: ChosenSizes,
    decides: Set[Var | str] = frozenset(),
) -> Source:
    """The source of a program: forward, backward, return; it is for the values of the inputs and arrays that decide."""
    wanted, parameters = leaves(trees), program.arguments
    chain = Chain(program, wanted, board=False, sizes=sizes)
    writer = LineWriter(chain, sizes, name, wanted)
    body = ["# forward", *writer.forward()]
    checks, tests = _checks(name, writer, wanted, decides)
    if wanted:
        body += ["", "# backward", *writer.backward()]
        writer.check()
    body[:0] = [*tests, ""] if tests else []
    outside = writer.outside(body)
    if update:
        update = writer.fresh(identifier(update))
        body += ["", "# update", *(f"{writer.node(v)} -= {update} * {writer.gradient(v)}" for v in wanted)]
    constants = {word: writer.values[word] for word in outside if word != writer.cotangent}
    changed = {writer.node(v) for v in wanted} if update else set()
    written = {w: literal(x) for w, x in constants.items() if _is_short(x) and w not in changed}
    outside.sort(key=lambda word: word in written)
    given = _parameters(writer, parameters, names_in("\n".join([*body, *checks])))
    fixed = {w: written.pop(w) for w in [*written] if w in decides}
    outside = [w for w in outside if w not in fixed]
    constants = {w: x for w, x in constants.items() if w not in fixed}
    checks += [line for w in outside if w in decides for line in _only_for_sum(name, w, constants[w])]
    checks += [line for w, x in fixed.items() for line in _broken(f"{w} = {x}")]
    if before := [*chain_of(*given.values()), *checks]:
        body[:0] = [*before, ""]
    arguments = [*given, *(w for w in outside if w not in written), *([update] if update else []), *written]
    while name in writer.helpers.texts:  # a helper has this name
        name += "_"
    head = [f"{w}={written[w]}" if w in written else w for w in arguments]
    helpers = writer.helpers.lines(names_in("\n".join(body)))
    lines = ["import numpy as np", *helpers, "", "", *_wrapped(f"def {name}(", head, "):")]
    lines += [f"    {line}" if line else "" for line in body]
    gradients = {v: writer.gradient(v) for v in wanted}
    returned = [writer.result, *(written_out(tree, gradients) for tree in trees)]
    lines += [f"    {line}" for line in _wrapped("return (", returned, ")", bare="return ")]
    source = Source("\n".join(lines) + "\n")
    vars(source).update(
        name=name,
        arguments=tuple(arguments),
        leaves=tuple(writer.inputs),
        results=(writer.result, *gradients.values()),
        constants={word: x.copy() if isinstance(x, np.ndarray) else x for word, x in constants.items()},
        cotangent=writer.cotangent,
        rate=update,
        shapes={word: np.shape(writer.values[word]) for word in (*writer.inputs, *outside)},
        structure=rebuild(tuple(parameters.values()), writer.inputs),
    )
    return source


def _checks(
    name: str, writer: LineWriter, wanted: Collection[Var], decides: Set[Var | str]
) -> tuple[list[str], list[str]]:
    """The lines that raise if an argument that decides something has another value; and of those with a gradient, which
    may have others, the lines that raise if these decide otherwise, or a comment.
    """
    chain, program = writer.chain, writer.chain.program
    inputs = [v for v in program.inputs if v in decides or v in program.deciding()]
    graded = {m for n in chain.landmarks for m in chain.inputs_of(n)}.intersection(wanted)
    fixed = {v: program.examples[v] for v in inputs if v not in graded}
    lines = [line for v, x in {**fixed, **program.fixed}.items() for line in _only_for(name, writer.node(v), x)]
    words = [writer.node(v) for v in inputs if v in graded]
    tests = _branch_tests(name, writer, program.choices) if words and program.choices is not None else None
    if words and tests is None:
        lines.append(f"# with the branches of the example, which depend on {', '.join(words)}")
    return lines, tests or []


def _branch_tests(name: str, writer: LineWriter, choices: Program) -> list[str] | None:
    """The lines that raise if plain Python would decide otherwise than in the example; None if these are long."""
    forms = {v: symbol(writer.chain.names[v], v.shape) for v in choices.inputs if v in writer.chain.names}
    lines = list[str]()
    for eq in choices.equations:
        args = [forms.get(x) if isinstance(x, Var) else writer.chain.constant(x, eq) for x in eq.operands]
        if eq.row.outputs or any(e is None for e in args):
            return None
        forms[eq.y] = e = applied(eq, [e for e in args if e is not None])
        if length(e) > LONG:
            return None
        if eq.y in choices.fixed:
            x = choices.fixed[eq.y]
            test = f"not np.array_equal({write(e, writer)}, {x.tolist()})"
            lines += [f"if {test}:", f"    raise ValueError({f'{name}: {ONLY_FOR} the branches of its example'!r})"]
    environment = writer.chain.environment().items()
    writer.values |= {writer.ident(word): x for word, x in environment if writer.ident(word) not in writer.values}
    return lines


def _only_for(name: str, word: str, x: Any) -> list[str]:
    """The lines that raise if an argument has another value."""
    x = x.item() if isinstance(x, np.ndarray) and not x.ndim else x
    value = literal(x)
    test = f"not np.array_equal({word}, {value})" if isinstance(x, np.ndarray) else f"{word} != {value}"
    return [f"if {test}:", f"    raise ValueError({f'{name}: {ONLY_FOR} {word} = {value}'!r})"]


def _only_for_sum(name: str, word: str, x: Any) -> list[str]:
    """The lines that raise if a long array has another sum of squares."""
    test = f"not np.isclose(np.sum(np.abs({word}) ** 2), {literal(np.sum(np.abs(x) ** 2).item())})"
    return [f"if {test}:", f"    raise ValueError({f'{name}: {ONLY_FOR} the {word} of its example'!r})"]


def _parameters(writer: LineWriter, parameters: Mapping[str, Any], used: Collection[str]) -> dict[str, list[str]]:
    """The names of the arguments, with the lines that take what is `used` out of a tree."""
    given: dict[str, list[str]] = {}
    for word, tree in parameters.items():
        if isinstance(tree, Var):
            given[writer.node(tree)] = []
            continue
        words = {v: w for v in leaves(tree) if (w := writer.node(v)) in used}
        called = writer.trees.get(word, identifier(word))
        lines = unpacking(called, tree, words)
        is_same = len(lines) == 1 and called in words.values()  # pair = pair[0]
        if word not in writer.trees and not is_same:
            called = writer.fresh(called)
            lines = unpacking(called, tree, words)
        given[called] = lines
    return given


def _is_short(x: Any) -> bool:
    """Whether a constant is written out; a generator is not."""
    return np.size(x) <= WRITTEN and np.asarray(x).dtype.kind in "biufc"


def _broken(line: str) -> list[str]:
    """A line with brackets, as several where it is long."""
    return textwrap.wrap(line, 96, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False)


def _wrapped(before: str, names: Sequence[str], after: str, bare: str | None = None) -> list[str]:
    """A list in brackets, on as many lines as it needs; if it fits on one line, without brackets after `bare`."""
    line = f"{before}{', '.join(names)}{after}" if bare is None else f"{bare}{', '.join(names)}"
    if len(line) <= 100:
        return [line]
    inside = textwrap.wrap(", ".join(names) + ",", 92, break_long_words=False)
    return [before, *(f"    {part}" for part in inside), after]
