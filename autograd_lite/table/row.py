"""A primitive is one row of the table: a NumPy function together with its derivative.

The grammar of a row::

    exp      = elementwise(np.exp, lambda y: y, tex=r"e^{{{x}}}")
    multiply = elementwise(np.multiply, lambda x2: x2, lambda x1: x1)
    log      = elementwise(np.log, lambda x: 1 / x, domain=POSITIVE)
    matmul   = bilinear(np.matmul, lambda g, x2: ..., lambda g, x1: ...)
    sum      = linear(np.sum, lambda g, axis, keepdims, x_shape: ..., bind=reduction)

- *elementwise*: one partial derivative for each argument, ``dy/dx``, as a number or as a function of what it needs.
- *linear*, *bilinear*: for each argument the transpose, from the cotangent ``g`` of the result to that of the argument.
- *general*: the same, for a function that is neither; such a rule is also called a vjp.
- *constant*: the derivative is zero.
- *composite*: written with other rows; needs no rule.

The parameter names of a rule say what it needs (``g``, ``y``, ``x1``, ``x2_shape``, a keyword of the function: see
:mod:`autograd_lite.table.signature`), and only that is kept until the backward pass.

Rules are plain NumPy. They run on arrays, and on Tensors when a derivative of a derivative is wanted; so a rule never
writes into an array and never chooses a dtype. Undoing a broadcast, taking the real part and casting back to the
argument's dtype is done by the engine, once, in :mod:`autograd_lite.engine.unbroadcast`.

Everything else that is known about a function is an option of its row (`OPTIONS`). An option that needs what is
defined further below is attached there::

    getitem.attach(batch=_getitem)
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from itertools import count
from typing import Any, Protocol, TypeAlias, TypeVar, overload

import numpy as np

from ..base.tree import too_deep
from .batching import ALIGNED, Rule
from .describe import docstring
from .domain import REAL
from .examples import listed
from .pull import compiled, conjugated, guarded, read_only, source
from .remedy import Remedy
from .scalar import Scalar, number, parse
from .signature import Slot, kept, parameters, read
from .surrogate import standing_in
from .torch_keywords import numpys_keywords

TABLE: dict[str, Primitive] = {}  # every row, by its public name
ROWS: dict[Any, Primitive] = {}  # the same, by the NumPy function that it differentiates

#: Optional attributes of a row, with their readers.
OPTIONS = {
    "domain": "where the derivative holds: a Domain for all arguments, a tuple of them, or a Joint (tests, table)",
    "kinks": "points without a derivative, or a function of the arguments that finds them (tests)",
    "tex": "LaTeX, with {x} or {x1}, {x2}, ... and the keyword parameters in their places (derivations, pictures)",
    "infix": "the same with Python's operators and methods: '{x1} + {x2}', '{x}.T' (text, source)",
    "text": "the same as plain text, where that is not `infix`: '{x}²' (text)",
    "call": "a call in NumPy, where that is neither `infix` nor `np.name(x)`: 'np.maximum({x}, 0)' (source)",
    "definition": "the same written with other rows, where `fn` is longer: a function of arrays, or True if `fn` is "
    "one (compiling, source, a page that computes)",
    "source": "the textbook definition, where that is less precise: an expression in x (or x1, x2), or a function "
    "(source, a page that computes)",
    "scalar": "a formula for one entry, where `infix` is none: '1 / (1 + exp(-x))', in the syntax of "
    "autograd_lite.table.scalar (compiling, a page that computes)",
    "fold": "how a reduction over `axis` combines two entries, and where it starts: ('max(x1, x2)', -inf) (compiling)",
    "textbook": "a Textbook: the step and its gradients in textbook notation, where the rules are not it; a function "
    "of the operands and parameters that returns one, or a tuple with one for each result (derivations)",
    "algebra": "what it is for the simplifier: 'sum', 'negation', 'transpose', 'identity', ... (formulas, pictures)",
    "idiom": "what it ends in where people write it by hand, as `algebra` of that row: ('quotient',) (derivations)",
    "js": "JavaScript on arrays, where no other option says it: a template, 'sum({x}, {axis}, {keepdims})', or a "
    "function written with other rows (a page that computes)",
    "bind": "from a call as the user writes it to (arguments, keyword parameters) in canonical form (recording)",
    "pull": "for each argument None, or a faster function with the same result as the rule (backward pass)",
    "jvp": "a forward rule, where the one that follows from the kind was measured to be worse (forward mode)",
    "batch": "how it runs on a batch of examples, where that does not follow from its kind (vmap)",
    "subscripts": "einsum's notation for a sum of products, or for which axes it mixes: a function of the operands' "
    "numbers of axes and the keywords (sparsity)",
    "pattern": "which entries of the result depend on which of argument i, where no other option says it: a function "
    "of i and the keywords that returns a matrix (sparsity)",
    "variadic": "the row takes any number of arrays, and one rule serves them all",
    "outputs": "the row returns a tuple of arrays",
    "part": "result k of several as an index into the argument: a function of k and the parameters (derivations)",
    "order": "1 if the rule itself cannot be differentiated",
    "remedies": "what to write where the gradient is infinite, nan or zero: a Remedy each (`why`)",
    "surrogate": "the function whose derivative the rules are, where that is not `fn`: `lambda x: x` (gradient checks)",
    "holomorphic": "False if the partial derivative is not that of a complex function",
    "examples": "arguments to test at: '2x3 axis=0; 2x3 [3]' (autograd_lite.table.examples), or functions rng -> "
    "(args, keywords), written at((2, 3), axis=0)",
    "unused": "the same call without results that nothing uses: a function (needed, **keywords) of truth values that "
    "returns other keywords, and which of the results there still are (compiling)",
    "view": "the result may share memory with the first argument (compiling)",
    "emit": "the call in NumPy: a template, or a function (xs, y, **keywords) that returns one (compiling)",
    "out": "the same, for a call that writes its result into {out} (compiling)",
    "joins": "whether the result is the arguments one after another: a function of the keywords (compiling)",
    "innermost": "the axis of the result that is best innermost in memory (compiling)",
    "onnx": "an operator of ONNX with the same operands, a function (b, *operands, **keywords) that adds several, or "
    "True for those of `definition`",
    "unlike_torch": "what to write, where PyTorch's function of this name has another result (calls with dim=)",
    "pair": "of how many positional arguments on PyTorch's function of this name returns positions too (users' calls)",
    "transparent": "a step of the engine that passes a value on: an input of a transform, one of several results",
}


# The types of options; None where a row has none.
Text: TypeAlias = str | None
Function: TypeAlias = Callable[..., Any] | None
Template: TypeAlias = str | Function

R_co = TypeVar("R_co", covariant=True)


class Dispatches(Protocol[R_co]):
    """All that the table and its rules know of a Tensor; they never import that class."""

    @property
    def __autograd_apply__(self) -> Callable[..., R_co]:
        """The function that a row passes its call to: ``(row, args, params)``."""

    @property
    def __autograd_array__(self) -> Any:
        """The array inside, for a rule that has to look at values."""

    @property
    def __autograd_recorded__(self) -> bool:
        """True if calls with it are recorded, in a graph or in a traced program."""

    @property
    def __autograd_replayed__(self) -> bool:
        """True if what is computed from it will be computed again, from other values."""


class _Doc:
    """The docstring of a row. It is made on access, because NumPy composes a ufunc's each time."""

    def __get__(self, row: Primitive | None, cls: type) -> str | None:
        return _ROW if row is None else docstring(row, ROWS)


_ROW = """One row of the table, called as the NumPy function: Tensors in, a Tensor out; arrays in, an array out.

>>> import autograd_lite as ag
>>> ag.exp, ag.exp.kind, ag.exp.domain
(<elementwise exp>, 'elementwise', Domain(-inf, inf))
"""


class Primitive:
    __doc__ = _Doc()
    builtin = True  # False for a user's row, whose rules are checked more strictly

    # The options that a row does not have: see `OPTIONS`.
    domain: Any = REAL
    kinks: Any = ()
    tex: Text = None
    infix: Text = None
    text: Text = None
    call: Text = None
    definition: bool | Function = False
    source: Template = None
    scalar: Text = None
    fold: tuple[str, float] | None = None
    textbook: Any = None
    algebra: Text = None
    idiom: Sequence[str] = ()
    js: Template = None
    bind: Function = None
    pull: Sequence[Any] | None = ()
    jvp: Function = None
    batch: Rule | None = None
    subscripts: Function = None
    pattern: Function = None
    variadic: bool = False
    outputs: bool = False
    part: Function = None
    order: int | None = None
    remedies: Sequence[Remedy] = ()
    surrogate: Function = None
    holomorphic: bool = True
    examples: Sequence[Any] = ()
    unused: Function = None
    view: bool = False
    emit: Template = None
    out: Template = None
    joins: Function = None
    innermost: int | None = None
    onnx: Template | bool = None
    unlike_torch: str = ""
    pair: int = 0
    transparent: bool = False
    origin: tuple[str, str] | None = None  # the module and qualified name of a function that `define` made a row

    def __init__(
        self,
        kind: str,
        fn: Callable[..., Any],
        rules: Sequence[Any],
        *,
        name: str | None = None,
        np_name: str | None = None,
        **options: Any,
    ) -> None:
        self.kind = kind
        self.fn = fn
        self.name = name or fn.__name__
        self.np_name = np_name or (f"np.{fn.__name__}" if isinstance(fn, np.ufunc) else None)
        self.rules = tuple(rules)
        if self.entrywise:
            self.batch = ALIGNED
        for option, value in options.items():
            self._set(option, value)
        if self.surrogate is not None:
            self.fn = standing_in(fn, self.surrogate)
        #: Whether a call is just `fn` on the arguments and returns one new array: the operators' fast lane takes these.
        self.direct = self.bind is None and kind != "composite" and not (self.variadic or self.outputs or self.view)
        self.__name__ = self.__qualname__ = self.name
        domains = self.domain if isinstance(self.domain, tuple) else (self.domain,)
        self.restricted = any(d is not REAL for d in domains)
        #: For each argument the bits of the values that its rule needs; None where there is no derivative. The rules
        #: are read now, so that a mistake raises where the row is declared.
        self.keeps: Any = self._for_each(self._kept)
        # The same for one and two operands, where time matters.
        known = (None,) if isinstance(self.keeps, _AsMany) else self.keeps
        a, b = (*known, None, None)[:2]
        #: Whether the result, the first and the second operand are kept, by whether the first needs a derivative (0 or
        #: 1) and whether the second does.
        self.kept_of_two = [
            [(bits & 1 != 0, bits & 2 != 0, bits & 4 != 0) for bits in (first, first | (b or 0))]
            for first in (0, a or 0)
        ]
        #: Where an operand has no derivative: the bits of `Node.live` that pass from each to the result.
        self.passing = [1 if kept is None else ~0 for kept in (a, b)] if None in known else None
        if self.scalar is not None:
            self.formula({})  # likewise

    # ------------------------------------------------------------------------------------------------ its rules

    def _kept(self, i: int) -> int | None:
        rule = self.fast_rule(i)
        return None if rule is None else kept(self.slots(i, rule))

    def rule(self, i: int) -> Any:
        """The rule for argument `i`; a variadic row has one for all of them, a constant one none."""
        if self.kind == "constant":
            return None
        return self.rules[0] if self.variadic else self.rules[i]

    def fast_rule(self, i: int) -> Any:
        """The function that the backward pass runs for argument `i`: its ``pull=``, or else its rule."""
        return (self.pull[i] if self.pull and i < len(self.pull) else None) or self.rule(i)

    def slots(self, i: int, rule: Any) -> tuple[Slot, ...]:
        """The values that `rule`, one for argument `i`, asks for."""
        params = parameters(self.bind) if self.bind else {}
        return read(rule, self.name, len(self.rules), params, self.variadic, self.bind is not None, i)

    @cached_property
    def pulls(self) -> Any:
        """For each argument ``pull(g, y, xs, n) -> cotangent``, or None. Compiled when first used."""
        return self._for_each(self._pull)

    @cached_property
    def unguarded(self) -> Any:
        """The pulls in which a zero cotangent times an infinite partial is nan."""
        return self._for_each(lambda i: self._pull(i, guard=False))

    @cached_property
    def complex_pulls(self) -> Any:
        """The pulls for a complex result."""
        return self._for_each(lambda i: conjugated(self.pulls[i])) if self.holomorphic else self.pulls

    def symbolic_pull(self, i: int) -> Any:
        """The pull that the rule defines, without the faster ``pull=``: formulas are made from it."""
        return self._pull(i, symbolic=self.holomorphic)

    def pull_source(self, i: int, symbolic: bool = False) -> str:
        """The source of the pull for argument `i`; `symbolic`: of the one without the faster ``pull=``."""
        rule = self.rule(i) if symbolic else self.fast_rule(i)
        return source(rule, self.slots(i, rule), i, self.kind == "elementwise" and rule is self.rule(i))

    def _pull(self, i: int, symbolic: bool = False, guard: bool = True) -> Any:
        rule = self.rule(i) if symbolic else self.fast_rule(i)
        if rule is None:
            return None
        pull = compiled(self.pull_source(i, symbolic), rule, f"{self.name}, argument {i + 1}{', symbolic' * symbolic}")
        if self.restricted and guard:
            pull = guarded(pull, lambda d, g: TABLE["settled"](d, g))
        return pull if self.builtin else read_only(pull)

    def _for_each(self, make: Callable[[int], Any]) -> Any:
        if self.variadic or self.kind == "constant":
            return _AsMany(make)
        return tuple(make(i) for i in range(len(self.rules)))

    # ---------------------------------------------------------------------------------------------- its one entry

    @property
    def is_ufunc(self) -> bool:
        """Whether it is a function of NumPy that broadcasts, and takes ``out=``."""
        return isinstance(self.fn, np.ufunc)

    @property
    def entrywise(self) -> bool:
        """Whether each entry of the result depends on the same entry of the arguments."""
        is_broadcast = isinstance(self.fn, np.ufunc) and self.fn.signature is None
        return self.kind == "elementwise" or self.kind == "constant" and is_broadcast

    @cached_property
    def _formula(self) -> Scalar | None:
        if self.scalar is not None:
            e = parse(self.scalar)
            names = {f"x{k + 1}" for k in range(len(self.rules) or getattr(self.fn, "nin", 1))} | self.keywords
            if unknown := {*e.names} - names:
                got, expected = (", ".join(sorted(part)) for part in (unknown, names))
                raise ValueError(f"{self.name}: scalar={self.scalar!r} has {got}; expected {expected}")
            return e
        if self.infix is None or not self.entrywise:
            return None
        with suppress(ValueError):  # it has more than numbers: '{x}.T'
            return parse(self.infix.translate({123: None, 125: None}))
        return None

    def formula(self, params: Mapping[str, Any]) -> Scalar | None:
        """How one entry is computed in a call with these parameters, from ``x1``, ``x2``, ...; None if not stated."""
        e = self._formula
        if e is None or not params:
            return e
        numbers = all(isinstance(v, (bool, int, float)) for v in params.values())
        return e.at({k: number(v) for k, v in params.items()}) if numbers and params.keys() <= {*e.names} else None

    def at_kink(self, *xs: Any, within: float = 0.0) -> Any:
        """Where the arguments are at a kink, or at most this far from one that is a number."""
        if callable(self.kinks):
            return np.asarray(self.kinks(*xs))
        return np.asarray(sum(np.abs(x - kink) <= within for x in xs for kink in self.kinks) > 0)

    @cached_property
    def defaults(self) -> dict[str, Any]:
        """The keyword parameters that a call may omit, with their values."""
        known = inspect.signature(self.bind).parameters.values() if self.bind else ()
        return {p.name: p.default for p in known if p.default is not p.empty}

    # ------------------------------------------------------------------------------------------------ its calls

    @cached_property
    def keywords(self) -> frozenset[str]:
        """The names of the parameters that a call may have; none for a ufunc, which has no axis."""
        return frozenset() if self.is_ufunc else frozenset(parameters(self.bind or self.fn))

    @overload
    def __call__(self, x: Dispatches[R_co], /, *args: Any, **params: Any) -> R_co: ...
    @overload
    def __call__(self, x1: Any, x2: Dispatches[R_co], /, *args: Any, **params: Any) -> R_co: ...
    @overload
    def __call__(self, x: Sequence[Dispatches[R_co]], /, *args: Any, **params: Any) -> R_co: ...
    @overload
    def __call__(self, *args: Any, **params: Any) -> Any: ...
    def __call__(self, *args: Any, **params: Any) -> Any:
        try:
            interpret = args[0].__autograd_apply__  # the usual case
        except (AttributeError, IndexError):
            interpret = _interpreter(args) or (_interpreter(params.values()) if params else None)
        if interpret is not None:
            return interpret(self, args, params)
        return self.on_arrays(*args, **numpys_keywords(self, params) if params else params)

    def on_arrays(self, *args: Any, **params: Any) -> Any:
        """The function itself."""
        if self.bind is None:
            return self.fn(*args, **params)
        bound = self.bind(*args, **params)
        if type(bound) is not tuple:  # for a rare keyword: the result, composed of other rows
            return bound
        args, params = bound
        return self.fn(*args, **params)

    # ------------------------------------------------------------------------------------------------ its options

    def attach(self, **options: Any) -> Primitive:
        """Set further options, of `OPTIONS`.

        Raises
        ------
        TypeError
            If there is no such option, or the row has it already.
        """
        for option, value in options.items():
            if getattr(self, option, None):
                raise TypeError(f"{self.name} has {option}={getattr(self, option)!r} already; set it once")
            self._set(option, value)
        if "scalar" in options:
            self.formula({})  # so that a mistake raises where the row is declared
        return self

    def _set(self, option: str, value: Any) -> None:
        if option not in OPTIONS:
            raise TypeError(f"{self.name}: there is no option {option!r}; the options are {', '.join(OPTIONS)}")
        setattr(self, option, listed(value) if option == "examples" else value)
        if option == "pair" and value:  # so that calls of other rows need not ask for it
            self.__class__ = Paired

    def __repr__(self) -> str:
        return f"<{self.kind} {self.name}>"

    def __reduce__(self) -> Any:
        return _row_called, (self.name,)


class Paired(Primitive):  # a row with the option `pair`: using a result, which Tensors mark, as a pair raises
    __doc__ = _Doc()

    def __call__(self, *args: Any, **params: Any) -> Any:
        y = super().__call__(*args, **params)
        if len(args) < self.pair or "axis" in params:
            return y
        mark = getattr(type(y), "__autograd_paired__", None)
        return y if mark is None else mark(y, self)


def _row_called(name: str) -> Primitive:
    """The row of this name, for pickle."""
    return TABLE[name]


class _AsMany(dict[int, Any]):
    """A value for each argument of a variadic row, however many there are; made on first access."""

    def __init__(self, make: Callable[[int], Any]) -> None:
        self.make = make

    def __missing__(self, i: int) -> Any:
        self[i] = value = self.make(i)
        return value

    def __iter__(self) -> Any:
        return map(self.__getitem__, count())


def _interpreter(args: Iterable[Any]) -> Any:
    """The `__autograd_apply__` of the first argument that has one, one list deep: rows dispatch as NumPy does."""
    for a in args:
        interpreter = getattr(type(a), "__autograd_apply__", None)
        if interpreter is None and type(a) in (list, tuple):
            try:
                interpreter = _interpreter(a)
            except RecursionError:
                raise too_deep(a) from None
        if interpreter is not None:
            return interpreter
    return None
