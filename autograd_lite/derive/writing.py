"""Formulas written down in three hands: plain text for a terminal or a picture, LaTeX for a board, NumPy for a program.

Names, signs and brackets come from one table of operators for each hand and from the rows' own ``tex``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..base import escape
from .expression import Expr

# How tightly each form binds; an operand that binds less tightly than its place needs brackets.
TEST, BIT, SUM, PRODUCT, SIGN, POWER, ATOM = range(1, 8)
Sub = Callable[[Expr, int], str]
TIMES = r" \times "


@dataclass(frozen=True)
class Hand:
    """A way of writing: how a name, a number, a product, a call look."""

    name: Callable[[str], str]
    number: Callable[[Any], str]
    array: Callable[[Any], str]
    infix: Mapping[
        str, tuple[str, int, int, int]
    ]  # template, own tightness, that of the left place, of the right
    brackets: Callable[[str], str]
    between: Callable[[Expr, Expr, str], str]  # two factors of a product, and how the second begins
    call: Callable[[Expr, Sub], str]
    tightness: Callable[[Expr], int] = lambda e: ATOM  # of a call


def write(e: Expr, hand: Hand, tightness: int = 0) -> str:
    """`e` in `hand`, in brackets where its place binds more tightly than it does."""
    word, own = _word(e, hand)
    return word if own >= tightness else hand.brackets(word)


def _word(e: Expr, hand: Hand) -> tuple[str, int]:
    if e.head == "name":
        return hand.name(e.value), ATOM
    if e.head == "number":
        word = hand.number(e.value)
        return word, SIGN if word.startswith("-") else PRODUCT if " / " in word else ATOM
    if e.head == "array":
        return hand.array(e.value), ATOM
    if e.head == "product":
        words = [
            write(f, hand, ATOM if _of(f) == "matmul" else PRODUCT + (k > 0)) for k, f in enumerate(e.args)
        ]
        out = words[0]
        for k in range(1, len(words)):
            out += hand.between(e.args[k - 1], e.args[k], words[k]) + words[k]
        return out, PRODUCT
    if e.head in hand.infix and (e.head != "transpose" or e.params.get("axes") is None):
        if hand is LATEX and e.head == "divide" and e.args[0].is_number and (k := _one_over(e.args[0].value)):
            return rf"\frac{{1}}{{{_side_by_side(str(k), write(e.args[1], hand, PRODUCT))}}}", ATOM
        template, own, *places = hand.infix[e.head]
        if e.head == "negative" and _of(e) in _PRODUCTS:
            own = PRODUCT  # -a * b is a product to whatever stands beside it
        words = []
        for k, a in enumerate(e.args):
            kinds = {e.head, _of(a)}  # both products in one line need brackets
            mixed = own == PRODUCT and "matmul" in kinds and len(kinds) == 2 and kinds <= set(_PRODUCTS)
            words.append(write(a, hand, ATOM if mixed else places[min(k, 1)]))
        return template.format(*words), own
    return hand.call(e, lambda a, t: write(a, hand, t)), hand.tightness(e)


_PRODUCTS = ("matmul", "product", "divide")


def _of(e: Expr) -> str:
    """The head of a formula, behind its sign."""
    return _of(e.args[0]) if e.head == "negative" else e.head


# ---------------------------------------------------------------------------------------------------- parts of calls


_REDUCTIONS = {"sum", "mean", "prod", "max", "min", "any", "all", "var", "std", "logsumexp", "count_nonzero"}


def shown_params(e: Expr) -> dict[str, Any]:
    """The parameters that a person would write: not those that say what happens anyway."""
    out = {}
    for k, v in e.params.items():
        if (
            v is None
            or v is False
            or k == "order"
            and v in ("C", "K")
            or k in ("starts", "unique_indices", "optimize", "copy")
        ):
            continue
        if k == "axis" and isinstance(v, tuple):
            ndim = max((len(a.shape) for a in e.args), default=0)
            if len(v) == ndim and e.head in _REDUCTIONS:
                continue
            v = v[0] if len(v) == 1 else v
        out[k] = v
    return out


def index_text(index: Any) -> str:
    """An index as it is written between the brackets."""
    if isinstance(index, tuple):
        return (
            ", ".join(map(index_text, index))
            + ("," if len(index) == 1 and isinstance(index[0], tuple) else "")
            or "()"
        )
    if isinstance(index, slice):
        parts = ["" if p is None else str(p) for p in (index.start, index.stop, index.step)]
        return ":".join(parts[:2] if index.step is None else parts)
    if index is Ellipsis:
        return "..."
    if isinstance(index, np.ndarray) and index.dtype.kind in "iub":
        return repr(index.tolist()) if index.size <= 16 else f"[{index.size} places]"
    return repr(index)


def inserted(e: Expr) -> str:
    """The index that a reshape by one new axis amounts to, ``:, None``; or nothing."""
    old, new = e.args[0].shape, e.shape
    if len(new) == len(old) + 1:
        for k in range(len(new)):
            if new[k] == 1 and new[:k] + new[k + 1 :] == old and len(old) > 0:
                return ", ".join(":" if j < k else "None" for j in range(k + 1))
    return ""


def plain_number(value: Any) -> str:
    """In full: for a program."""
    if isinstance(value, (bool, complex)):
        return str(value)
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, float) and not np.isfinite(value):
        return {"inf": "np.inf", "-inf": "-np.inf"}.get(repr(value), "np.nan")
    return _fraction(value) or repr(value)


def _fraction(value: Any) -> str:
    """One third as ``1 / 3``: what took a division to make is written as one."""
    if isinstance(value, float) and 0 < abs(value) < 1 and len(repr(value)) > 8:
        for top in (1, 2):
            k = round(top / abs(value))
            if k < 10**7 and top / k == abs(value):
                return f"{'-' if value < 0 else ''}{top} / {k}"
    return ""


def short_number(value: Any) -> str:
    """To six digits: for a reader."""
    if (
        not isinstance(value, float)
        or float(f"{value:.6g}") == value
        or not np.isfinite(value)
        or _fraction(value)
    ):
        return plain_number(value).removeprefix("np.")
    return f"{value:.6g}"


def array_text(value: Any) -> str:
    if value.size > 16:
        return f"const({shape_text(value.shape)})"
    return np.array2string(value, separator=", ", threshold=20, precision=4).replace("\n", "")


# --------------------------------------------------------------------------------------------------------- plain text


def _text_call(e: Expr, sub: Sub) -> str:
    if e.head == "sigmoid":
        return f"σ({sub(e.args[0], 0)})"
    if e.head in ("getitem", "reshape"):
        return places(e, sub)
    if e.head == "scatter":
        return f"zeros({shape_text(e.shape)}) with {sub(e.args[0], 0)} added at [{index_text(e.params['index'])}]"
    arguments = [sub(a, 0) for a in e.args]
    arguments += [f"{k}={v!r}" for k, v in shown_params(e).items()]
    return f"{e.head}({', '.join(arguments)})"


def places(e: Expr, sub: Sub) -> str:
    """Indexing and reshaping, which stand behind what they are done to."""
    x = sub(e.args[0], ATOM)
    if e.head == "getitem":
        return f"{x}[{index_text(e.params['index'])}]"
    if inserted(e):
        return f"{x}[{inserted(e)}]"
    order = f", order={e.params['order']!r}" if e.params.get("order", "C") != "C" else ""
    sizes = ", ".join(map(str, e.params["shape"])) or "()"
    return f"{x}.reshape({sizes}{order})"


_COMPARE = {
    "greater": ">",
    "less": "<",
    "greater_equal": ">=",
    "less_equal": "<=",
    "equal": "==",
    "not_equal": "!=",
}
INFIX: dict[str, tuple[str, int, int, int]] = {
    "add": ("{0} + {1}", SUM, SUM, SUM),
    "subtract": ("{0} - {1}", SUM, SUM, PRODUCT),
    "divide": ("{0} / {1}", PRODUCT, PRODUCT, SIGN),
    "matmul": ("{0} @ {1}", PRODUCT, PRODUCT, SIGN),
    "negative": ("-{0}", SIGN, PRODUCT, PRODUCT),
    "power": ("{0} ** {1}", POWER, ATOM, SIGN),
    "bitwise_and": ("{0} & {1}", BIT, BIT, SUM),
    "bitwise_or": ("{0} | {1}", BIT, SUM, SUM),
    "invert": ("~{0}", SIGN, PRODUCT, PRODUCT),
    **{row: (f"{{0}} {sign} {{1}}", TEST, BIT, BIT) for row, sign in _COMPARE.items()},
}
TEXT = Hand(
    name=escape.plain,
    number=short_number,
    array=array_text,
    infix={
        **INFIX,
        "transpose": ("{0}ᵀ", POWER, ATOM, ATOM),
        "matrix_transpose": ("{0}ᵀ", POWER, ATOM, ATOM),
        "square": ("{0}²", POWER, ATOM, ATOM),
        "absolute": ("|{0}|", ATOM, 0, 0),
        "sqrt": ("√({0})", ATOM, 0, 0),
    },
    brackets=lambda word: f"({word})",
    between=lambda a, b, begins: " * ",
    call=_text_call,
)


def _ascii_call(e: Expr, sub: Sub) -> str:
    return f"sigmoid({sub(e.args[0], 0)})" if e.head == "sigmoid" else _text_call(e, sub)


ASCII = replace(
    TEXT,
    infix={
        **INFIX,
        "transpose": ("{0}.T", ATOM, ATOM, ATOM),
        "matrix_transpose": ("{0}.mT", ATOM, ATOM, ATOM),
        "square": ("{0} ** 2", POWER, ATOM, ATOM),
    },
    call=_ascii_call,
)

# --------------------------------------------------------------------------------------------------------------- LaTeX

_GREEK = {
    "alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "kappa", "lambda", "mu", "nu", "xi", "pi",
    "rho", "sigma", "tau", "phi", "chi", "psi", "omega",
}  # fmt: skip


def tex_name(word: str) -> str:
    r"""A variable in LaTeX: ``W1`` as :math:`W_{1}`, ``theta`` as :math:`\theta`, ``loss`` upright; what LaTeX could
    take for anything else as text.

    >>> tex_name("W1"), tex_name("theta"), tex_name("loss"), tex_name("w_out"), tex_name(r"\input{x}")
    ('W_{1}', '\\theta', '\\mathrm{loss}', 'w_{\\mathrm{out}}', '\\text{\\textbackslash{}input\\{x\\}}')
    """
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.]*", word):
        return rf"\text{{{escape.tex(word)}}}"
    stem, _, index = word.partition("_")
    if not stem or "." in word:
        return rf"\mathrm{{{_escaped(word)}}}"
    if not index and (m := re.fullmatch(r"([A-Za-z]+?)(\d+)", word)):
        stem, index = m[1], m[2]
    head = f"\\{stem}" if stem in _GREEK else stem if len(stem) == 1 else rf"\mathrm{{{_escaped(stem)}}}"
    if not index:
        return head
    return f"{head}_{{{index if index.isdigit() or len(index) == 1 else rf'{chr(92)}mathrm{{{_escaped(index)}}}'}}}"


def _escaped(word: str) -> str:
    return re.sub(r"([#$%&_{}])", r"\\\1", word.replace("\\", r"\textbackslash "))


_CONSTANTS = {
    math.pi: r"\pi",
    math.log(2): r"(\ln 2)",
    math.log(10): r"(\ln 10)",
    math.sqrt(2 * math.pi): r"\sqrt{2\pi}",
    180 / math.pi: r"\tfrac{180}{\pi}",
    math.pi / 180: r"\tfrac{\pi}{180}",
}


def _tex_number(value: Any) -> str:
    word = short_number(value)
    if value == 0.5 or value == 0.25:
        return rf"\tfrac{{1}}{{{int(1 / value)}}}"
    if isinstance(value, float) and (known := _CONSTANTS.get(abs(value))):
        return ("-" if value < 0 else "") + known
    if m := re.fullmatch(r"(-?)(\d+) / (\d+)", word):
        return rf"{m[1]}\tfrac{{{m[2]}}}{{{m[3]}}}"
    if m := re.fullmatch(r"(-?[\d.]+)e([+-])0*(\d+)", word):
        return rf"{m[1]} \times 10^{{{m[2].strip('+')}{m[3]}}}"
    return word.replace("inf", r"\infty")


def _tex_brackets(word: str) -> str:
    tall = r"\frac" in word or "matrix" in word
    return rf"\left({word}\right)" if tall else f"({word})"


def _tex_between(a: Expr, b: Expr, begins: str) -> str:
    """Numbers and brackets are put side by side; two arrays need the sign, since they could be matrices."""
    if np.prod(a.shape) > 1 and np.prod(b.shape) > 1:
        return r" \odot "
    return "" if begins.startswith(("(", r"\left(")) else r"\,"


def _one_over(value: Any) -> int:
    """2 for one half, 3 for a third; 0 where the number is nothing of the kind."""
    k = round(1 / value) if isinstance(value, float) and 0 < value < 1 else 0
    return k if k and 1 / k == value else 0


def _side_by_side(a: str, b: str) -> str:
    return a + ("" if b.startswith(("(", r"\left(")) else r"\,") + b


def _tex_tightness(e: Expr) -> int:
    """How tightly what a row's own ``tex`` gives holds together."""
    template = e.row.tex if e.row is not None else None
    if template is None or e.head in ("getitem", "reshape", "scatter") or e.head in _REDUCTIONS and shown_params(e):
        return ATOM
    if re.search(r"\{x\d*\}$", template):
        return SIGN  # it is open at its end: ln x
    return POWER if "^" in template and not template.startswith("\\") else ATOM


def _tex_call(e: Expr, sub: Sub) -> str:
    if e.head in ("getitem", "reshape") and (e.head == "getitem" or inserted(e)):
        index = inserted(e) if e.head == "reshape" else index_text(e.params["index"])
        x = sub(e.args[0], ATOM)
        return rf"{f'{{{x}}}' if '_' in x else x}_{{[{_escaped(index.replace('None', '*'))}]}}"
    if e.head == "scatter":
        index = _escaped(index_text(e.params["index"]))
        return rf"0_{{{shape_text(e.shape, TIMES)}}} + {sub(e.args[0], ATOM)} \text{{ at }} [{index}]"
    template = e.row.tex if e.row is not None else None
    shown = {k: v for k, v in shown_params(e).items() if k in ("axis", "shape")}
    if template is None or shown and e.head in _REDUCTIONS:
        below = ",".join(
            str(v).strip("(,)").replace(", ", r" \times " if k == "shape" else ",") for k, v in shown.items()
        )
        operator = _operator(e.head.removeprefix("linalg.")) + (f"_{{{below}}}" if below else "")
        return rf"{operator}\left({', '.join(sub(a, 0) for a in e.args)}\right)"
    return _filled(template, e, sub)


def _filled(template: str, e: Expr, sub: Sub) -> str:
    """The row's own ``tex`` with the arguments in their places, in brackets where the place is an open one."""
    bare = template.replace("{{", "{").replace("}}", "}")
    placed = {}
    for k, a in enumerate(e.args):
        for key in {"x", "x1"} if k == 0 else {f"x{k + 1}"}:
            enclosed = re.search(
                rf"[({{,|] ?\{{{key}\}} ?[}}),|]|\\lvert \{{{key}\}}|\\sum \{{{key}\}}", bare
            )
            placed[key] = sub(a, 0 if enclosed else ATOM)
    try:
        params = {k: escape.tex(v) if isinstance(v, str) else v for k, v in e.params.items()}
        return template.format(**{**params, **placed})
    except (KeyError, IndexError):  # a template that names what this call does not have
        return rf"{_operator(e.head)}\left({', '.join(placed.values())}\right)"


def _operator(word: str) -> str:
    """The name of a row, which an author chose."""
    is_plain = re.fullmatch(r"[A-Za-z0-9_.]+", word)
    return rf"\operatorname{{{_escaped(word) if is_plain else rf'{chr(92)}text{{{escape.tex(word)}}}'}}}"


LATEX = Hand(
    name=tex_name,
    number=_tex_number,
    array=lambda value: (
        matrix(value) if value.size <= 16 else rf"\mathrm{{const}}_{{{shape_text(value.shape, TIMES)}}}"
    ),
    infix={
        "add": ("{0} + {1}", SUM, SUM, SUM),
        "subtract": ("{0} - {1}", SUM, SUM, PRODUCT),
        "divide": (r"\frac{{{0}}}{{{1}}}", ATOM, 0, 0),
        "matmul": (r"{0}\,{1}", PRODUCT, PRODUCT, SIGN),
        "outer": (r"{0}\,{1}^\top", PRODUCT, PRODUCT, ATOM),
        "negative": ("-{0}", SIGN, PRODUCT, PRODUCT),
        "power": ("{0}^{{{1}}}", POWER, ATOM, 0),
        "square": ("{0}^2", POWER, ATOM, ATOM),
        "transpose": (r"{0}^\top", POWER, ATOM, ATOM),
        "matrix_transpose": (r"{0}^\top", POWER, ATOM, ATOM),
        "bitwise_and": (r"{0} \wedge {1}", BIT, SUM, SUM),
        "bitwise_or": (r"{0} \vee {1}", BIT, SUM, SUM),
        "floor_divide": (r"\lfloor {0} / {1} \rfloor", ATOM, PRODUCT, ATOM),
        **{
            row: (f"[{{0}} {sign} {{1}}]", ATOM, SUM, SUM)
            for row, sign in {
                **_COMPARE,
                "greater_equal": r"\geq",
                "less_equal": r"\leq",
                "equal": "=",
                "not_equal": r"\neq",
            }.items()
        },
    },
    brackets=_tex_brackets,
    between=_tex_between,
    call=_tex_call,
    tightness=_tex_tightness,
)


def shape_text(shape: Sequence[int], times: str = "x") -> str:
    """``3x4``; a single number is ``1``."""
    return times.join(map(str, shape)) if shape else "1"


def matrix(value: Any) -> str:
    """A small array in LaTeX; a single number as such."""
    if np.size(value) == 1:
        return _digits(np.asarray(value).item())
    if np.size(value) == 0:
        return r"[\,]"
    rows = np.atleast_2d(value)
    body = r" \\ ".join(" & ".join(map(_digits, row)) for row in rows.reshape(-1, rows.shape[-1]).tolist())
    return rf"\begin{{bmatrix}} {body} \end{{bmatrix}}"


def _digits(x: Any) -> str:
    if isinstance(x, complex):
        return f"{x:.4g}".replace("j", r"\,i")
    return _tex_number(float(f"{x:.4g}")) if x not in (0.5, 0.25) else str(x)


def partial_tex(of: str, wrt: str) -> str:
    return rf"\frac{{\partial {of}}}{{\partial {wrt}}}"


def text(e: Expr) -> str:
    """As plain text: ``(y - P)²``, ``Bᵀ``, ``σ(C)``."""
    return write(e, TEXT)


def tex(e: Expr) -> str:
    """In LaTeX."""
    return write(e, LATEX)
