"""Formulas: what a rule computes, as a tree that can be simplified and written down.

A rule is run once on Tensors under a trace; the little graph that this leaves is the formula. It is written in three
hands: plain text for a terminal or a picture, LaTeX for a board, NumPy for a program. Names, signs and brackets come
from one table of operators and from the rows' own ``tex``; nothing is written twice.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..graph import Node
from ..primitive import TABLE, Primitive

# How tightly each form binds; an operand that binds less tightly than its place needs brackets.
SUM, PRODUCT, SIGN, POWER, ATOM = range(1, 6)


@dataclass(frozen=True, eq=False)
class Expr:
    """A formula: a name, a number, an array constant, or a row applied to formulas."""

    head: str  # "name", "number", "array", or the name of a row
    args: tuple[Expr, ...] = ()
    value: Any = None  # the name, the number, the array
    params: Mapping[str, Any] = field(default_factory=dict)
    shape: tuple[int, ...] = ()
    row: Primitive | None = None

    @property
    def is_number(self) -> bool:
        return self.head == "number"

    def key(self) -> Any:
        """Equal for formulas that are written the same."""
        return (self.head, str(self.value), tuple(a.key() for a in self.args), str(sorted(self.params.items(), key=str)))

    def __str__(self) -> str:
        return text(self)


def name(word: str, shape: tuple[int, ...] = ()) -> Expr:
    return Expr("name", value=word, shape=shape)


def number(value: Any) -> Expr:
    return Expr("number", value=value)


def constant(value: Any) -> Expr:
    """An operand that is no Tensor: a number, also where it stands in an array of which all entries are one number."""
    array = np.asarray(value)
    if array.ndim == 0 and array.dtype.kind in "biufc":
        return number(array.item())
    return Expr("array", value=array, shape=array.shape)


# -------------------------------------------------------------------------------------------------- simplification


def make(row: Primitive, args: Sequence[Expr], params: Mapping[str, Any], shape: tuple[int, ...]) -> Expr:
    """`row` applied to formulas, without what a person would not write: ones, zeros, double signs, double transposes."""
    simple = _SIMPLER.get(row.name)
    found = simple(row, tuple(args), params, shape) if simple is not None else None
    return found if found is not None else Expr(row.name, tuple(args), None, dict(params), shape, row)


def product(factors: Iterable[Expr], shape: tuple[int, ...] = ()) -> Expr:
    """The elementwise product, its numbers gathered in front and its sign in front of that."""
    coefficient: Any = 1
    rest: list[Expr] = []
    stack = list(factors)[::-1]
    while stack:
        f = stack.pop()
        if f.is_number:
            coefficient = coefficient * f.value
        elif f.head == "product":
            stack += f.args[::-1]
        elif f.head == "negative":
            coefficient = -coefficient
            stack.append(f.args[0])
        elif f.head == "array" and f.value.size and f.value.size == np.count_nonzero(f.value == 1):
            continue
        else:
            rest.append(f)
    if coefficient == 0:
        return number(0)
    if not rest:
        return number(coefficient)
    sign = not isinstance(coefficient, complex) and coefficient < 0
    size = -coefficient if sign else coefficient
    parts = rest if size == 1 else [number(size), *rest]
    body = parts[0] if len(parts) == 1 else Expr("product", tuple(parts), shape=shape or rest[0].shape)
    return Expr("negative", (body,), shape=body.shape, row=TABLE["negative"]) if sign else body


def _multiply(row: Primitive, args: Any, params: Any, shape: Any) -> Expr:
    return product(args, shape)


def _negative(row: Primitive, args: Any, params: Any, shape: Any) -> Expr:
    return product((number(-1), *args), shape)


def _add(row: Primitive, args: Any, params: Any, shape: Any) -> Expr | None:
    a, b = args
    if a.is_number and b.is_number:
        return number(a.value + b.value)
    if _zero(a):
        return b  # type: ignore[no-any-return]  # an Expr
    if _zero(b):
        return a  # type: ignore[no-any-return]  # an Expr
    if b.head == "negative":
        return make(TABLE["subtract"], (a, b.args[0]), {}, shape)
    if a.key() == b.key():
        return product((number(2), a), shape)
    return None


def _subtract(row: Primitive, args: Any, params: Any, shape: Any) -> Expr | None:
    a, b = args
    if a.is_number and b.is_number:
        return number(a.value - b.value)
    if _zero(b):
        return a  # type: ignore[no-any-return]  # an Expr
    if _zero(a):
        return product((number(-1), b), shape)
    if b.head == "negative":
        return make(TABLE["add"], (a, b.args[0]), {}, shape)
    return None


def _divide(row: Primitive, args: Any, params: Any, shape: Any) -> Expr | None:
    a, b = args
    if b.is_number and b.value == 1 or _zero(a):
        return a  # type: ignore[no-any-return]  # an Expr
    if a.is_number and b.is_number:
        return number(a.value / b.value)
    if a.head == "negative":
        return product((number(-1), make(row, (a.args[0], b), {}, shape)), shape)
    return None


def _power(row: Primitive, args: Any, params: Any, shape: Any) -> Expr | None:
    base, exponent = args
    if exponent.is_number and exponent.value == 1:
        return base  # type: ignore[no-any-return]  # an Expr
    if exponent.is_number and exponent.value == 2:
        return make(TABLE["square"], (base,), {}, shape)
    return None


def _transpose(row: Primitive, args: Any, params: Any, shape: Any) -> Expr | None:
    (x,) = args
    if len(x.shape) < 2 and row.name == "transpose" or x.is_number:
        return x  # type: ignore[no-any-return]  # an Expr
    if x.head in ("transpose", "matrix_transpose") and len(x.shape) == 2:
        return x.args[0]  # type: ignore[no-any-return]  # an Expr
    return None


def _swapaxes(row: Primitive, args: Any, params: Any, shape: Any) -> Expr | None:
    axes = sorted(k % max(len(args[0].shape), 1) for k in (params.get("axis1", 0), params.get("axis2", 0)))
    ndim = len(args[0].shape)
    if axes == [ndim - 2, ndim - 1]:
        return make(TABLE["matrix_transpose" if ndim > 2 else "transpose"], args, {}, shape)
    return None


def _dot(row: Primitive, args: Any, params: Any, shape: Any) -> Expr | None:
    a, b = args
    if len(a.shape) == 2 == len(b.shape):
        return Expr("matmul", args, None, {}, shape, TABLE["matmul"])
    return None


def _same(row: Primitive, args: Any, params: Any, shape: Any) -> Expr | None:
    """A row that here changes nothing that a person would write."""
    return args[0] if args[0].shape == shape or args[0].is_number else None


def _zero(e: Expr) -> bool:
    return e.is_number and not e.value or e.head == "array" and e.value.size > 0 and not e.value.any()


def _where(row: Primitive, args: Any, params: Any, shape: Any) -> Expr | None:
    """A guard that never strikes is not written: ``where(False, 1, x)``."""
    mask, a, b = args
    if mask.head in ("number", "array"):
        kept = np.asarray(mask.value)
        return b if not kept.any() else a if kept.all() else None  # type: ignore[no-any-return]  # an Expr
    return None


_SIMPLER: dict[str, Callable[..., Expr | None]] = {
    "multiply": _multiply, "negative": _negative, "add": _add, "subtract": _subtract, "divide": _divide, "power": _power,
    "transpose": _transpose, "matrix_transpose": _transpose, "swapaxes": _swapaxes, "dot": _dot, "where": _where,
    "positive": _same, "astype": _same, "copy": _same, "reshape": _same, "broadcast_to": _same, "conjugate": _same,
    "real": _same, "stop_gradient": _same, "input": _same,
}  # fmt: skip


def of_graph(node: Node, known: Mapping[Node, Expr]) -> Expr:
    """The formula that a node stands for, down to the nodes that are `known`."""
    done: dict[Node, Expr] = dict(known)
    stack = [node]
    while stack:  # a formula may be long: no recursion
        n = stack[-1]
        if n in done:
            stack.pop()
            continue
        if n.row is None:
            done[n] = constant(n.y)
            continue
        waiting = [p for p in n.parents if p is not None and p not in done]
        if waiting:
            stack += waiting
            continue
        args = [constant(x) if p is None else done[p] for p, x in zip(n.parents, n.xs, strict=True)]
        done[n] = make(n.row, args, n.params, n.shape)
        stack.pop()
    return done[node]


# ------------------------------------------------------------------------------------------------------ three hands


@dataclass(frozen=True)
class Hand:
    """A way of writing: how a name, a number, a product, a call look."""

    name: Callable[[str], str]
    number: Callable[[Any], str]
    infix: Mapping[str, tuple[str, int, int, int]]  # template, own tightness, that of the left place, of the right
    brackets: tuple[str, str]
    product: str
    call: Callable[[Expr, Callable[[Expr, int], str]], str]


def write(e: Expr, hand: Hand, tightness: int = 0) -> str:
    """`e` in `hand`, in brackets where its place binds more tightly than it does."""
    if e.head == "name":
        return hand.name(e.value)
    if e.head == "number":
        word, own = hand.number(e.value), SIGN if _is_negative(e.value) else ATOM
    elif e.head == "array":
        word, own = _array(e.value), ATOM
    elif e.head == "product":
        words = [write(f, hand, PRODUCT + (k > 0)) for k, f in enumerate(e.args)]
        word, own = _joined(words, e.args, hand), PRODUCT
    elif e.head in hand.infix:
        template, own, left, right = hand.infix[e.head]
        places = (left, right)
        word = template.format(*(write(a, hand, places[min(k, 1)]) for k, a in enumerate(e.args)))
    else:
        word, own = hand.call(e, lambda a, t: write(a, hand, t)), ATOM
    return word if own >= tightness else hand.brackets[0] + word + hand.brackets[1]


def _joined(words: Sequence[str], factors: Sequence[Expr], hand: Hand) -> str:
    out = words[0]
    for k in range(1, len(words)):
        between = hand.product
        if hand is LATEX:  # numbers and brackets are simply put side by side; two arrays need the sign
            plain = factors[k - 1].is_number or factors[k].head == "subtract" or factors[k].head == "add"
            between = r"\," if plain and not words[k].startswith(r"\left(") else "" if plain else r" \odot "
        out += between + words[k]
    return out


def _is_negative(value: Any) -> bool:
    return not isinstance(value, (complex, bool)) and value < 0


def _plain_number(value: Any) -> str:
    if isinstance(value, bool) or isinstance(value, complex):
        return str(value)
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return repr(value)


def _array(value: Any) -> str:
    return np.array2string(value, separator=", ", threshold=20, precision=4).replace("\n", "")


_GREEK = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ε", "eta": "η", "theta": "θ", "lambda": "λ",
    "mu": "μ", "sigma": "σ", "tau": "τ", "phi": "φ", "omega": "ω",
}  # fmt: skip


def tex_name(word: str) -> str:
    r"""A variable in LaTeX: ``W1`` as :math:`W_{1}`, ``theta`` as :math:`\theta`, ``loss`` upright.

    >>> tex_name("W1"), tex_name("theta"), tex_name("loss"), tex_name("w_out")
    ('W_{1}', '\\theta', '\\mathrm{loss}', 'w_{\\mathrm{out}}')
    """
    if word.startswith(("\\", "{")):
        return word
    stem, _, index = word.partition("_")
    if not index and (m := re.fullmatch(r"([A-Za-z]+?)(\d+)", word)):
        stem, index = m[1], m[2]
    head = f"\\{stem}" if stem in _GREEK else stem if len(stem) == 1 else rf"\mathrm{{{_escaped(stem)}}}"
    if not index:
        return head
    return f"{head}_{{{index if index.isdigit() or len(index) == 1 else rf'{chr(92)}mathrm{{{_escaped(index)}}}'}}}"


def _escaped(word: str) -> str:
    return re.sub(r"([#$%&_{}])", r"\\\1", word.replace("\\", r"\textbackslash "))


def _tex_number(value: Any) -> str:
    halves = {0.5: r"\tfrac{1}{2}", 0.25: r"\tfrac{1}{4}", 1 / 3: r"\tfrac{1}{3}"}
    return halves.get(value) or _plain_number(value).replace("inf", r"\infty") if not isinstance(value, complex) else str(value)


def _text_call(e: Expr, sub: Callable[[Expr, int], str]) -> str:
    if e.head == "sigmoid":
        return f"σ({sub(e.args[0], 0)})"
    if e.head == "getitem":
        return f"{sub(e.args[0], ATOM)}[{index_text(e.params.get('index'))}]"
    arguments = [sub(a, 0) for a in e.args]
    arguments += [f"{k}={v!r}" for k, v in shown_params(e).items()]
    return f"{e.head}({', '.join(arguments)})"


def shown_params(e: Expr) -> dict[str, Any]:
    """The parameters that a person would write: not those that say what happens anyway."""
    out = {}
    for k, v in e.params.items():
        if v is None or v is False or k == "order" and v == "C":
            continue
        if k == "axis" and isinstance(v, tuple):
            ndim = max((len(a.shape) for a in e.args), default=0)
            if len(v) == ndim:
                continue
            v = v[0] if len(v) == 1 else v
        out[k] = v
    return out


def index_text(index: Any) -> str:
    """An index as it is written between the brackets."""
    if isinstance(index, tuple):
        return ", ".join(map(index_text, index)) + ("," if len(index) == 1 and isinstance(index[0], tuple) else "")
    if isinstance(index, slice):
        parts = ["" if p is None else str(p) for p in (index.start, index.stop, index.step)]
        return ":".join(parts[:2] if index.step is None else parts)
    if index is Ellipsis:
        return "..."
    return repr(index.tolist()) if isinstance(index, np.ndarray) else repr(index)


def _tex_call(e: Expr, sub: Callable[[Expr, int], str]) -> str:
    template = e.row.tex if e.row is not None else None
    if template is None:
        return rf"\operatorname{{{_escaped(e.head)}}}\left({', '.join(sub(a, 0) for a in e.args)}\right)"
    places = {}
    for k, a in enumerate(e.args):
        for key in ({"x", "x1"} if k == 0 else {f"x{k + 1}"}):
            enclosed = re.search(rf"[({{,|] ?\{{{key}\}}[ }}),|]|\\lvert \{{{key}\}}", template.replace("{{", "{").replace("}}", "}"))
            places[key] = sub(a, 0 if enclosed else ATOM)
    shown = {k: index_text(v) if k == "index" else v for k, v in e.params.items()}
    try:
        return template.format(**{**shown, **places})
    except (KeyError, IndexError):  # a template that names what this call does not have
        return rf"\operatorname{{{_escaped(e.head)}}}\left({', '.join(places.values())}\right)"


_COMPARE = {"greater": ">", "less": "<", "greater_equal": ">=", "less_equal": "<=", "equal": "==", "not_equal": "!="}
_INFIX: dict[str, tuple[str, int, int, int]] = {
    "add": ("{0} + {1}", SUM, SUM, SUM),
    "subtract": ("{0} - {1}", SUM, SUM, PRODUCT),
    "divide": ("{0} / {1}", PRODUCT, PRODUCT, SIGN),
    "matmul": ("{0} @ {1}", PRODUCT, PRODUCT, SIGN),
    "negative": ("-{0}", SIGN, PRODUCT, PRODUCT),
    "power": ("{0} ** {1}", POWER, ATOM, SIGN),
    "square": ("{0} ** 2", POWER, ATOM, ATOM),
    **{row: (f"({{0}} {sign} {{1}})", ATOM, SUM, SUM) for row, sign in _COMPARE.items()},
}
TEXT = Hand(
    name=lambda word: word,
    number=_plain_number,
    infix={
        **_INFIX,
        "transpose": ("{0}ᵀ", POWER, ATOM, ATOM),
        "matrix_transpose": ("{0}ᵀ", POWER, ATOM, ATOM),
        "square": ("{0}²", POWER, ATOM, ATOM),
        "exp": ("exp({0})", ATOM, 0, 0),
    },
    brackets=("(", ")"),
    product=" * ",
    call=_text_call,
)
LATEX = Hand(
    name=tex_name,
    number=_tex_number,
    infix={
        "add": ("{0} + {1}", SUM, SUM, SUM),
        "subtract": ("{0} - {1}", SUM, SUM, PRODUCT),
        "divide": (r"\frac{{{0}}}{{{1}}}", ATOM, 0, 0),
        "matmul": (r"{0}\,{1}", PRODUCT, PRODUCT, SIGN),
        "negative": ("-{0}", SIGN, PRODUCT, PRODUCT),
        "power": ("{0}^{{{1}}}", POWER, ATOM, 0),
        "square": ("{0}^2", POWER, ATOM, ATOM),
        "transpose": (r"{0}^\top", POWER, ATOM, ATOM),
        "matrix_transpose": (r"{0}^\top", POWER, ATOM, ATOM),
        **{
            row: (f"[{{0}} {sign} {{1}}]", ATOM, SUM, SUM)
            for row, sign in {
                **_COMPARE, "greater_equal": r"\geq", "less_equal": r"\leq", "equal": "=", "not_equal": r"\neq"
            }.items()
        },
    },  # fmt: skip
    brackets=("(", ")"),
    product=r" \odot ",
    call=_tex_call,
)


def text(e: Expr) -> str:
    """As plain text: ``(y - P)²``, ``Bᵀ``, ``σ(C)``."""
    return write(e, TEXT)


def tex(e: Expr) -> str:
    """In LaTeX."""
    return write(e, LATEX)
