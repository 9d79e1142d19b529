"""Formulas as text: plain text for a terminal or a picture, LaTeX for a board, NumPy for a program.

How a function is written stands in its row: ``infix``, ``text``, ``tex``, ``call``. Brackets are set where an operand
binds less tightly than its place (:mod:`~autograd_lite.derive.binding`).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..base import escape
from ..table import TABLE, Primitive
from .binding import ATOM, PRODUCT, SIGN, read
from .expression import Expr, multiplied, number

Sub = Callable[[Expr, int], str]
TIMES = r" \times "


@dataclass(frozen=True)
class Printer:
    """How a name, a number, a product and a call are written."""

    name: Callable[[str], str]
    number: Callable[[Any], str]
    array: Callable[[Any], str]
    brackets: Callable[[str], str]
    between: Callable[[Expr, Expr, str], str]  # two factors of a product, and how the second begins
    template: Callable[[Expr], str | None]  # of the row, with places for operands and parameters
    param: Callable[[str, Expr, Sub], str]  # a parameter in such a place
    call: Callable[[Expr, Sub], str]  # without a template
    operand: Callable[[Expr, str, str, str], str] = lambda e, word, before, after: word  # in its place
    indexed: Callable[[str, str], str] | None = None  # a name with an index; without it, a sum along an axis is a call
    over: Callable[[str, str], str] = lambda word, letters: word  # Σ, or the name of a reduction, with an index below


def write(e: Expr, printer: Printer, tightness: int = 0) -> str:
    """`e` as text, in brackets if it binds less tightly than `tightness`."""
    word, own = _word(e, printer)
    return word if own >= tightness else printer.brackets(word)


def _word(e: Expr, printer: Printer) -> tuple[str, int]:
    if e.role == "name":
        return printer.name(e.value), ATOM
    if e.role == "number":
        word = printer.number(e.value)
        return word, SIGN if word.startswith("-") else PRODUCT if " / " in word else ATOM
    if e.role == "array":
        return printer.array(e.value), ATOM
    if e.role == "product" and printer.indexed is not None:
        e = _over_a_whole_number(e, printer)
    if e.role == "reshape" and printer.indexed is not None and (letters := _kept_axes(e)):
        return printer.indexed(e.args[0].value, letters), ATOM
    if e.role == "product":
        places = (ATOM if _of(f) == "matrix product" else PRODUCT + (k > 0) for k, f in enumerate(e.args))
        words = [write(f, printer, place) for f, place in zip(e.args, places, strict=True)]
        out = words[0]
        for k in range(1, len(words)):
            out += printer.between(e.args[k - 1], e.args[k], words[k]) + words[k]
        return out, PRODUCT
    along = e.role in _REDUCTIONS and e.params.get("axis") is not None
    if printer.indexed is not None and along and ("axis" in shown_params(e) or e.params.get("keepdims")):
        return _along(e, printer)
    if printer.indexed is not None:
        e = _over_one_line(e)
    template = printer.template(e)
    return _filled(template, e, printer) if template else (printer.call(e, lambda a, t: write(a, printer, t)), ATOM)


LETTERS = "ijklmn"  # the indices of axes


def _over_a_whole_number(e: Expr, printer: Printer) -> Expr:
    """``1 / 36 x`` as ``x / 36``."""
    size, *rest = e.args
    if not size.is_number or not (m := re.fullmatch(r"(\d+) / (\d+)", printer.number(size.value))):
        return e
    above = [*([number(int(m[1]))] if m[1] != "1" else []), *rest]
    top = above[0] if len(above) == 1 else replace(e, args=tuple(above))
    return Expr("divide", (top, number(int(m[2]))), None, {}, e.shape, TABLE["divide"])


def _kept_axes(e: Expr) -> str:
    """The indices of a name that gets axes of length one in three or more dimensions: ``dL/dcᵢⱼ``."""
    kept = [k for k, size in enumerate(e.shape) if size != 1]
    is_it = e.args[0].role == "name" and tuple(e.shape[k] for k in kept) == e.args[0].shape and len(e.shape) > 2
    return "".join(LETTERS[k] for k in kept if k < len(LETTERS)) if is_it and len(kept) < len(e.shape) else ""


def _along(e: Expr, printer: Printer) -> tuple[str, int]:
    """A reduction along some axes, with indices: ``Σⱼ dL/dPⱼ Pⱼ``."""
    body, axis = e.args[0], e.params["axis"]
    axes = [k % len(body.shape) for k in (axis if isinstance(axis, tuple) else (axis,))]
    letters = "".join(LETTERS[k] if k < len(LETTERS) else "…" for k in axes)
    shown = letters if len(body.shape) <= 2 else LETTERS[: len(body.shape)]
    if e.role != "total":
        return f"{printer.over(e.head, letters)}({write(body, printer)})", ATOM
    assert printer.indexed is not None
    factors = body.args if body.role == "product" else (body,)
    if all(f.role in ("name", "number") for f in factors):
        words = [
            printer.indexed(f.value, shown) if f.role == "name" and len(f.shape) == len(body.shape)
            else write(f, printer, PRODUCT) for f in factors
        ]  # fmt: skip
        separator = r"\," if printer is LATEX else " "
        return f"{printer.over('sum', letters)} {separator.join(words)}", SIGN
    inside = printer.brackets(write(body, printer))
    return f"{printer.over('sum', letters)} {inside}{printer.indexed('', shown)}", SIGN


_PRODUCTS = ("matrix product", "product", "quotient")


def _of(e: Expr) -> str:
    """The role of a formula, behind its sign."""
    return _of(e.args[0]) if e.role == "negation" else e.role


def _filled(template: str, e: Expr, printer: Printer) -> tuple[str, int]:
    """The template with its operands and parameters, and how tightly that binds."""
    bound = read(template)
    if template in ("{x}", "{x1}"):  # the operand itself
        return _word(e.args[0], printer)
    # -a * b binds as a product
    own = PRODUCT if e.role == "negation" and bound.own == SIGN and _of(e) in _PRODUCTS else bound.own
    after = [*(text for text, _ in bound.pieces[1:]), bound.rest]
    out = ""
    for (before, field), place, behind in zip(bound.pieces, bound.places, after, strict=True):
        k = _argument(field, e)
        if k is None:
            out += before + printer.param(field, e, lambda a, t: write(a, printer, t))
            continue
        a = e.args[k]
        kinds = {e.role, _of(a)}  # both products in one line need brackets
        mixed = own == PRODUCT and "matrix product" in kinds and len(kinds) == 2 and kinds <= set(_PRODUCTS)
        out += before + printer.operand(a, write(a, printer, ATOM if mixed else place), before, behind)
    return out + bound.rest, own


def _argument(field: str, e: Expr) -> int | None:
    """Which argument a place is for; None for that of a parameter."""
    match = re.fullmatch(r"x(\d*)", field)
    k = int(match[1] or 1) - 1 if match else -1
    return k if 0 <= k < len(e.args) else None


def fitting(template: str | None, e: Expr, params: bool = True) -> str | None:
    """`template` if it has a place for each parameter of the call that is written (`params`), and nothing else."""
    if template is None:
        return None
    fields = read(template).fields
    known = all(_argument(f, e) is not None or f in e.params or f == "xs" for f in fields)
    return template if known and (not params or fields >= shown_params(e).keys()) else None


def times(option: str) -> str:
    """The sign between two factors, from the row of products."""
    return read(getattr(TABLE["multiply"], option)).pieces[1][0]


def symbol(row: Primitive) -> str:
    """The name in text of a function of one argument: ``σ`` for the sigmoid, otherwise its own name."""
    match = re.fullmatch(r"(\w+)\(\{x\}\)", row.text or "")
    return match[1] if match else row.name


# ---------------------------------------------------------------------------------------------------- parts of calls


_REDUCTIONS = ("total", "reduction")
_TEXT_CONSTANTS = {math.pi: "π", math.sqrt(2 * math.pi): "√(2π)", math.log(2): "ln(2)", math.log(10): "ln(10)"}
_HIDDEN = ("starts", "unique_indices", "optimize", "copy")


def shown_params(e: Expr) -> dict[str, Any]:
    """The parameters that a person would write: not those that are the default."""
    out = {}
    for k, v in e.params.items():
        if v is None or v is False or k in _HIDDEN or k == "order" and v in ("C", "K"):
            continue
        if k == "axis" and isinstance(v, tuple):
            ndim = max((len(a.shape) for a in e.args), default=0)
            if len(v) == ndim and e.role in _REDUCTIONS:
                continue
            v = v[0] if len(v) == 1 else v
        out[k] = v
    return out


def _stated(e: Expr) -> Expr:
    """`e` without the parameters that textbooks omit: the last axis, ``softmax(S)``, and that axes are kept."""
    last = len(e.shape) - 1
    omitted = {"keepdims", *(k for k, v in e.params.items() if isinstance(v, str) and v == "none")}
    if e.role not in _REDUCTIONS and e.shape and e.params.get("axis") in (last, (last,)):
        omitted.add("axis")
    return replace(e, params={k: v for k, v in e.params.items() if k not in omitted})


def index_text(index: Any) -> str:
    """An index as it is written between the brackets."""
    if isinstance(index, tuple):
        comma = "," if len(index) == 1 and isinstance(index[0], tuple) else ""
        return ", ".join(map(index_text, index)) + comma or "()"
    if isinstance(index, slice):
        parts = ["" if p is None else str(p) for p in (index.start, index.stop, index.step)]
        return ":".join(parts[:2] if index.step is None else parts)
    if index is Ellipsis:
        return "..."
    if isinstance(index, np.ndarray) and index.dtype.kind in "iub":
        return repr(index.tolist()) if index.size <= 16 else f"[{index.size} places]"
    return repr(index)


def inserted(e: Expr) -> str:
    """The index that is the same as a reshape by one new axis, ``:, None``; or nothing."""
    old, new = e.args[0].shape, e.shape
    if len(new) == len(old) + 1:
        for k in range(len(new)):
            if new[k] == 1 and new[:k] + new[k + 1 :] == old and len(old) > 0:
                return ", ".join(":" if j < k else "None" for j in range(k + 1))
    return ""


def plain_number(value: Any) -> str:
    """In full, for a program."""
    if isinstance(value, (bool, complex)):
        return str(value)
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, float) and not np.isfinite(value):
        return {"inf": "np.inf", "-inf": "-np.inf"}.get(repr(value), "np.nan")
    return _fraction(value) or repr(value)


def _fraction(value: Any) -> str:
    """One third as ``1 / 3``: a number that is one or two over a whole number is written so."""
    if isinstance(value, float) and 0 < abs(value) < 1 and len(repr(value)) > 8:
        for top in (1, 2):
            k = round(top / abs(value))
            if k < 10**7 and top / k == abs(value):
                return f"{'-' if value < 0 else ''}{top} / {k}"
    return ""


def short_number(value: Any) -> str:
    """To six digits, for a reader."""
    if isinstance(value, float) and np.isfinite(value) and float(f"{value:.6g}") != value and not _fraction(value):
        return f"{value:.6g}"
    return plain_number(value).replace("np.", "")


def array_text(value: Any) -> str:
    if value.size > 16:
        return f"const({shape_text(value.shape)})"
    return np.array2string(value, separator=", ", threshold=20, precision=4).replace("\n", "")


# --------------------------------------------------------------------------------------------------------- plain text


def _text_call(e: Expr, sub: Sub) -> str:
    arguments = [sub(a, 0) for a in e.args]
    params = shown_params(_stated(e)).items()
    arguments += [f"{k}={v.tolist() if isinstance(v, np.ndarray) else v!r}" for k, v in params]
    return f"{e.head}({', '.join(arguments)})"


def _text_param(key: str, e: Expr, sub: Sub) -> str:
    value = e.params[key]
    return index_text(value) if key == "index" else shape_text(value) if key == "shape" else str(value)


def reshaped(e: Expr) -> str:
    """The template of a reshape: an index with a new axis where it amounts to that."""
    if inserted(e):
        return f"{{x}}[{inserted(e)}]"
    order = f", order={e.params['order']!r}" if e.params.get("order", "C") != "C" else ""
    sizes = ", ".join(map(str, e.params["shape"])) or "()"
    return f"{{x}}.reshape({sizes}{order})"


def _text_template(e: Expr) -> str | None:
    assert e.row is not None
    if e.role == "reshape" or _is_inserted(e):
        return f"{{x}} as {_layout(e)}" if e.args[0].shape else "{x}"
    if e.row.text is not None and (found := fitting(e.row.text, e, params=False)) is not None:
        return found
    return fitting(e.row.infix, _stated(e))


def _is_inserted(e: Expr) -> bool:
    """Whether an index only adds axes."""
    index = e.params.get("index") if e.role == "index" else None
    if not isinstance(index, tuple) or all(k is not None for k in index):
        return False
    return all(k is None or k is Ellipsis or isinstance(k, slice) and k == slice(None) for k in index)


def _layout(e: Expr) -> str:
    """What a reshape, or an index with new axes, makes of its operand, in words."""
    if len(e.args[0].shape) == 1 and len(e.shape) == 2 and 1 in e.shape:
        return "a column" if e.shape[1] == 1 else "a row"
    return shape_text(e.shape, "×")


def _ascii_template(e: Expr) -> str | None:
    assert e.row is not None
    return reshaped(e) if e.role == "reshape" else fitting(e.row.infix, e)


GREEK = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ε", "zeta": "ζ", "eta": "η", "theta": "θ",
    "kappa": "κ", "lambda": "λ", "mu": "μ", "nu": "ν", "xi": "ξ", "pi": "π", "rho": "ρ", "sigma": "σ", "tau": "τ",
    "phi": "φ", "chi": "χ", "psi": "ψ", "omega": "ω",
}  # fmt: skip
_SHORT = {"lam": "lambda", "lambda_": "lambda", "eps": "epsilon"}  # as they are called in programs
_MARKS = {"hat": ("\u0302", r"\hat"), "bar": ("\u0304", r"\bar"), "tilde": ("\u0303", r"\tilde")}
_MARKED = re.compile(rf"([A-Za-z])_?({'|'.join(_MARKS)})(_?\d*)")
_GRADIENT = re.compile(r"[d∂](.+)/[d∂](.+)")


def text_name(word: str) -> str:
    """A variable in plain text: ``gamma1`` as ``γ1``, ``xhat`` as ``x̂``, also within the name of a derivative.

    >>> text_name("lam"), text_name("dL/dgamma"), text_name("W1")
    ('λ', 'dL/dγ', 'W1')
    """
    if m := _GRADIENT.fullmatch(word):
        return f"{word[0]}{text_name(m[1])}/{word[0]}{text_name(m[2])}"
    if m := _MARKED.fullmatch(word):
        return f"{m[1]}{_MARKS[m[2]][0]}{m[3]}"
    m = re.fullmatch(r"([A-Za-z]+_?)(_?\d*)", word)
    stem = _SHORT.get(m[1], m[1]) if m else ""
    return f"{GREEK[stem]}{m[2]}" if m and stem in GREEK else escape.plain(word)


def _text_number(value: Any) -> str:
    if isinstance(value, float) and abs(value) in (0.5, 0.25):
        return f"{'-' if value < 0 else ''}{'½' if abs(value) == 0.5 else '¼'}"
    if isinstance(value, float) and abs(value) in _TEXT_CONSTANTS:
        return ("-" if value < 0 else "") + _TEXT_CONSTANTS[abs(value)]
    k, below = root_of(value)
    if k:
        return f"{'-' if value < 0 else ''}{'1 / ' if below else ''}√{k}"
    return short_number(value)


def root_of(value: Any) -> tuple[int, bool]:
    """2 for √2, and 2 with True for 1/√2; 0 for any other number.

    >>> root_of(math.sqrt(2)), root_of(1 / math.sqrt(8)), root_of(1.5)
    ((2, False), (8, True), (0, False))
    """
    if not isinstance(value, float) or not 1e-3 < abs(value) < 1e3 or value.is_integer():
        return 0, False
    k, below = round(value * value), round(1 / (value * value))
    if k > 1 and math.sqrt(k) == abs(value):
        return k, False
    is_inverse = below > 1 and not math.sqrt(below).is_integer() and 1 / math.sqrt(below) == abs(value)
    return (below, True) if is_inverse else (0, False)


def _text_between(a: Expr, b: Expr, begins: str) -> str:
    """``⊙`` between arrays; numbers and brackets need no sign."""
    if math.prod(a.shape) > 1 and math.prod(b.shape) > 1:
        return " ⊙ "
    return " · " if not a.is_number and any(_GRADIENT.fullmatch(str(e.value)) for e in (a, b)) else " "


_BELOW = str.maketrans("ijklmn0123456789", "ᵢⱼₖₗₘₙ₀₁₂₃₄₅₆₇₈₉")


def _text_operand(e: Expr, word: str, before: str, behind: str) -> str:
    """The transpose of a gradient needs brackets."""
    is_gradient = e.role == "name" and _GRADIENT.fullmatch(e.value)
    return f"({word})" if is_gradient and behind.startswith("ᵀ") else word


def subscript(letters: str) -> str:
    """Letters or digits as a subscript in plain text."""
    return letters.translate(_BELOW)


TEXT = Printer(
    name=text_name,
    number=_text_number,
    array=array_text,
    brackets=lambda word: f"({word})",
    between=_text_between,
    template=_text_template,
    param=_text_param,
    call=_text_call,
    operand=_text_operand,
    indexed=lambda word, letters: text_name(word) + subscript(letters),
    over=lambda word, letters: f"{'Σ' if word == 'sum' else word}{subscript(letters)}",
)
ASCII = replace(
    TEXT, name=escape.plain, number=short_number, between=lambda a, b, begins: times("infix"),
    template=_ascii_template, indexed=None,
)  # fmt: skip

# --------------------------------------------------------------------------------------------------------------- LaTeX

def tex_name(word: str, letters: str = "") -> str:
    r"""A variable in LaTeX: ``W1`` as :math:`W_{1}`, ``theta`` as :math:`\theta`, ``loss`` upright; a name that
    LaTeX could misread as text. `letters` is a further index.

    >>> tex_name("W1"), tex_name("Wq"), tex_name("theta"), tex_name("loss"), tex_name("w_out"), tex_name(r"\input{x}")
    ('W_{1}', 'W_{q}', '\\theta', '\\mathrm{loss}', 'w_{\\mathrm{out}}', '\\text{\\textbackslash{}input\\{x\\}}')
    >>> tex_name("xhat"), tex_name("dL/dW1", "j")
    ('\\hat{x}', '\\frac{\\partial L}{\\partial W_{1,j}}')
    """
    if m := _GRADIENT.fullmatch(word):
        found = partial_tex(tex_name(m[1]), tex_name(m[2], letters))
        return rf"\left.{found}\right|_{{\text{{direct}}}}" if word.startswith("∂") else found
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.]*", word):
        return rf"\text{{{escape.tex(word)}}}" if word else f"_{{{letters}}}"
    word = _SHORT.get(word, word)
    stem, _, index = word.partition("_")
    if m := _MARKED.fullmatch(word):
        head, index = f"{_MARKS[m[2]][1]}{{{m[1]}}}", m[3].strip("_")
    elif not stem or "." in word:
        head, index = rf"\mathrm{{{_escaped(word)}}}", ""
    else:
        if not index and (m := re.fullmatch(r"([A-Za-z]+?)(\d+)|([A-Z])([a-z])", word)):
            stem, index = m[1] or m[3], m[2] or m[4]
        head = f"\\{stem}" if stem in GREEK else stem if len(stem) == 1 else rf"\mathrm{{{_escaped(stem)}}}"
    if index and not index.isdigit() and len(index) > 1:
        index = rf"\mathrm{{{_escaped(index)}}}"
    below = ",".join(filter(None, (index, letters)))
    return f"{head}_{{{below}}}" if below else head


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
    if (root := root_of(value))[0]:
        found = rf"\sqrt{{{root[0]}}}"
        return ("-" if value < 0 else "") + (rf"\tfrac{{1}}{{{found}}}" if root[1] else found)
    if m := re.fullmatch(r"(-?)(\d+) / (\d+)", word):
        return rf"{m[1]}\tfrac{{{m[2]}}}{{{m[3]}}}"
    if m := re.fullmatch(r"(-?[\d.]+)e([+-])0*(\d+)", word):
        return rf"{m[1]} \times 10^{{{m[2].strip('+')}{m[3]}}}"
    return word.replace("inf", r"\infty")


def _tex_brackets(word: str) -> str:
    tall = r"\frac" in word or "matrix" in word
    return rf"\left({word}\right)" if tall else f"({word})"


def _tex_between(a: Expr, b: Expr, begins: str) -> str:
    """Numbers and brackets need no sign between them; two arrays do, since they could be matrices."""
    if np.prod(a.shape) > 1 and np.prod(b.shape) > 1:
        return times("tex")
    return "" if begins.startswith(("(", r"\left(")) else r"\,"


def _one_over(value: Any) -> int:
    """2 for one half, 3 for a third; 0 for any other number."""
    k = round(1 / value) if isinstance(value, float) and 0 < value < 1 else 0
    return k if k and 1 / k == value else 0


def _over_one_line(e: Expr) -> Expr:
    """``0.5 / x`` as one over ``2 x``, and ``0.5 a / x`` as ``a / (2 x)``."""
    if e.role != "quotient":
        return e
    size, *rest = e.args[0].args if e.args[0].role == "product" else e.args[:1]
    if not size.is_number or not (k := _one_over(size.value)):
        return e
    top = number(1) if not rest else rest[0] if len(rest) == 1 else replace(e.args[0], args=tuple(rest))
    below = e.args[1].args if e.args[1].role == "product" else e.args[1:]
    product = multiplied((number(k), *below), e.args[1].shape)
    return replace(e, args=(top, product))


def _tex_template(e: Expr) -> str | None:
    assert e.row is not None
    if e.role == "reshape" or _is_inserted(e):
        return "{x}" if not e.args[0].shape else rf"{{x}} \text{{{{ as {_layout(e)}}}}}"
    if e.role == "matrix product" and len(e.args[0].shape) == 1:
        return r"{x1}^\top\,{x2}"
    if e.role == "quotient" and any(_GRADIENT.fullmatch(word) for word in e.args[0].names):
        return r"\frac{{1}}{{{x2}}} {x1}"  # a fraction within a fraction would be small
    shown = shown_params(e).keys() & {"axis", "shape"}
    return None if shown and e.role in _REDUCTIONS else fitting(e.row.tex, e, params=False)


def _tex_param(key: str, e: Expr, sub: Sub) -> str:
    value = e.params[key]
    if key == "index":
        return _escaped(index_text(value).replace("None", "*"))
    return shape_text(value, TIMES) if key == "shape" else escape.tex(value) if isinstance(value, str) else str(value)


def _tex_operand(e: Expr, word: str, before: str, behind: str) -> str:
    """LaTeX accepts one subscript; two signs in a row need brackets, and so does a power of a fraction."""
    if behind.startswith("^") and word.startswith(r"\frac"):
        return _tex_brackets(word)
    if word.startswith("-") and before.endswith(("+ ", "- ")):
        return _tex_brackets(word)
    return f"{{{word}}}" if behind.startswith("_") and "_" in word else word


def _tex_call(e: Expr, sub: Sub) -> str:
    shown = {k: v for k, v in shown_params(_stated(e)).items() if k in ("axis", "shape")}
    below = ",".join(str(v).strip("(,)").replace(", ", TIMES if k == "shape" else ",") for k, v in shown.items())
    operator = operator_name(e.head.removeprefix("linalg.")) + (f"_{{{below}}}" if below else "")
    return rf"{operator}\left({', '.join(sub(a, 0) for a in e.args)}\right)"


def operator_name(word: str) -> str:
    """The name of a row, which may contain any character."""
    is_plain = re.fullmatch(r"[A-Za-z0-9_.]+", word)
    return rf"\operatorname{{{_escaped(word) if is_plain else rf'{chr(92)}text{{{escape.tex(word)}}}'}}}"


LATEX = Printer(
    name=tex_name,
    number=_tex_number,
    array=lambda v: matrix(v) if v.size <= 16 else rf"\mathrm{{const}}_{{{shape_text(v.shape, TIMES)}}}",
    brackets=_tex_brackets,
    between=_tex_between,
    template=_tex_template,
    param=_tex_param,
    call=_tex_call,
    operand=_tex_operand,
    indexed=tex_name,
    over=lambda word, letters: rf"\sum_{{{letters}}}" if word == "sum" else f"{operator_name(word)}_{{{letters}}}",
)


def shape_text(shape: Sequence[int], times: str = "x") -> str:
    """``3x4``; a single number is ``1``."""
    return times.join(map(str, shape)) if shape else "1"


def matrix(value: Any, digits: int = 4) -> str:
    """A small array in LaTeX; a single number as such."""
    if np.size(value) == 1:
        return _digits(np.asarray(value).item(), digits)
    if np.size(value) == 0:
        return r"[\,]"
    rows = np.atleast_2d(value)
    entries = rows.reshape(-1, rows.shape[-1]).tolist()
    body = r" \\ ".join(" & ".join(_digits(x, digits) for x in row) for row in entries)
    return rf"\begin{{bmatrix}} {body} \end{{bmatrix}}"


def _digits(x: Any, digits: int = 4) -> str:
    if isinstance(x, complex):
        return f"{x:.{digits}g}".replace("j", r"\,i")
    rounded = float(f"{x:.{digits}g}")
    return _tex_number(rounded) if rounded not in (0.5, 0.25) else str(rounded)


def partial_tex(of: str, wrt: str) -> str:
    return rf"\frac{{\partial {of}}}{{\partial {wrt}}}"


def text(e: Expr) -> str:
    """As plain text: ``(y - P)²``, ``Bᵀ``, ``σ(C)``."""
    return write(e, TEXT)


def tex(e: Expr) -> str:
    """In LaTeX."""
    return write(e, LATEX)
