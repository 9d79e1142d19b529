"""The Python numbers among the arguments of a function that is compiled.

They differ from call to call. Arithmetic between Python numbers is Python's: integers of any size, errors such as that
of a division by zero. So it is not part of the program: it is kept as lines of Python, which run at every call. A
number beside an array is an input of the program, in the dtype that NumPy gives it there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..engine.context import tracing
from ..engine.node import Function, Params
from ..tensor import Tensor

NUMBERS = frozenset({bool, int, float, complex})
LONGEST = 24  # characters of an expression that is shown

_OPERATORS = {
    "add": "+", "sub": "-", "mul": "*", "truediv": "/", "floordiv": "//", "mod": "%", "pow": "**", "and": "&",
    "or": "|", "xor": "^", "lshift": "<<", "rshift": ">>",
}  # fmt: skip
_METHODS = {
    "lt": "{} < {}", "le": "{} <= {}", "gt": "{} > {}", "ge": "{} >= {}", "eq": "{} == {}", "ne": "{} != {}",
    "neg": "-{}", "pos": "+{}", "invert": "~{}", "abs": "abs({})",
}  # fmt: skip


class Number(Tensor):
    """A Python number of a function that is traced; `word` is what the lines of Python call it.

    An operation with other Python numbers is Python's. In any other it is an array without axes.
    """

    is_number = True
    value: Any
    word: str

    __hash__ = Tensor.__hash__

    def __round__(self, ndigits: int | None = None) -> Any:
        return _computed("round({})", self) if ndigits is None else _computed("round({}, {})", self, ndigits)

    @property
    def real(self) -> Any:
        return _computed("{}.real", self)

    @property
    def imag(self) -> Any:
        return _computed("{}.imag", self)

    def conjugate(self) -> Any:
        return _computed("{}.conjugate()", self)


def _computed(template: str, *operands: Any) -> Any:
    """An operation with Python numbers only; for any other NotImplemented."""
    outside = tracing()
    if outside is None or not all(type(x) in NUMBERS or type(x) is Number for x in operands):
        return NotImplemented
    return outside.computed(template, operands)


def _operation(template: str, of_tensors: Function) -> Function:
    def operation(*operands: Any) -> Any:
        y = _computed(template, *operands)
        return of_tensors(*operands) if y is NotImplemented else y

    return operation


for _name, _sign in _OPERATORS.items():
    _plain, _reflected = (getattr(Tensor, f"__{r}{_name}__") for r in ("", "r"))
    setattr(Number, f"__{_name}__", _operation(f"{{}} {_sign} {{}}", _plain))
    setattr(Number, f"__i{_name}__", _operation(f"{{}} {_sign} {{}}", _plain))  # a number is never written to
    setattr(Number, f"__r{_name}__", _operation(f"{{1}} {_sign} {{0}}", _reflected))
for _name, _template in _METHODS.items():
    setattr(Number, f"__{_name}__", _operation(_template, getattr(Tensor, f"__{_name}__")))


class Arithmetic:
    """The arithmetic of Python numbers in a function that is traced.

    Attributes
    ----------
    lines : list of (word, template, words)
        In the order in which the function has computed them.
    values : dict of str to number
        What each word stands for in this call.
    """

    def __init__(self) -> None:
        self.lines: list[tuple[str, str, list[str]]] = []
        self.values: Params = {}

    def word(self, x: object) -> str:
        """What a number is called; a constant gets a new word."""
        if type(x) is Number:
            return x.word
        word = f"c{len(self.values)}"
        self.values[word] = x
        return word

    def computed(self, template: str, operands: Sequence[Any]) -> str:
        """The word for the result of an operation."""
        terms = list(map(self.word, operands))
        value = eval(template.format(*terms), {}, self.values)  # a template of this file and words of this class
        word = f"e{len(self.values)}"
        self.values[word] = value
        self.lines.append((word, template, terms))
        return word

    def shown(self, names: Mapping[str, str]) -> dict[str, str]:
        """For each word the expression that it stands for, or '' if that is long; `names` are those of arguments."""
        formulas = dict(names)
        for word, x in self.values.items():
            if word[0] == "c":
                formulas[word] = repr(x) if type(x) is not int or x.bit_length() < 64 else ""
        for word, template, of in self.lines:
            operands = [formulas[w] and (f"({formulas[w]})" if " " in formulas[w] else formulas[w]) for w in of]
            text = template.format(*operands) if all(operands) else ""
            formulas[word] = text if len(text) <= LONGEST else ""
        return formulas


class Prelude:
    """What Python computes before a program runs: from numbers among its inputs to others of its inputs.

    Attributes
    ----------
    arguments, results : tuple of Var
    """

    def __init__(self, arithmetic: Arithmetic, arguments: Mapping[str, Any], results: Mapping[Any, Any]) -> None:
        self.arguments, self.results = tuple(arguments.values()), tuple(results)
        values = arithmetic.values
        lines = [f"{word} = {template.format(*of)}" for word, template, of in arithmetic.lines]
        space = {w: x for w, x in values.items() if w[0] == "c"}
        numbers = []
        for k, (word, dtype) in enumerate(results.values()):
            space[f"kind{k}"], space[f"dtype{k}"] = type(values[word]), dtype.type
            lines.append(f"if {word}.__class__ is not kind{k}: return None")
            numbers.append(f"dtype{k}({word})")
        head = f"def prelude({', '.join(arguments)}):"
        source = "\n    ".join([head, *lines, f"return [{', '.join(numbers)}]"])
        exec(compile(source, "<autograd_lite: arithmetic of Python numbers>", "exec"), space)
        self._run: Any = space["prelude"]

    def __call__(self, *numbers: Any) -> Any:
        """The results; None if one has another type than in the recording, as that of ``n ** k`` depends on k."""
        return self._run(*numbers)
