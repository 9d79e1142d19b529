"""How formulas are printed: brackets where they are needed, in every combination."""

from __future__ import annotations

import numpy as np
import pytest
from thorough import mostly_thorough

from autograd_lite.derive.formula import Expr, name, number
from autograd_lite.derive.formula_ops import evaluate
from autograd_lite.derive.mathml import MATHML
from autograd_lite.derive.numpy_code import CodeWriter
from autograd_lite.derive.simplify import make, product
from autograd_lite.derive.writing import ASCII, LATEX, TEXT, tex_name, write
from autograd_lite.table import TABLE

RNG = np.random.default_rng(0)
ENV = {word: RNG.normal(size=(3, 3)) for word in "ABCD"}  # matrices, whose products do not commute


def grown(rng, depth):
    """A random formula over the names above, put together with or without simplification."""
    if depth == 0 or rng.random() < 0.15:
        return (
            name(rng.choice(list(ENV)), (3, 3))
            if rng.random() < 0.8
            else number(float(rng.integers(-3, 4)) or 0.5)
        )
    kind = rng.choice(
        [
            "add",
            "subtract",
            "divide",
            "matmul",
            "product",
            "negative",
            "square",
            "transpose",
            "exp",
            "greater",
        ]
    )
    args = [grown(rng, depth - 1) for _ in range(2)]
    matrices = [a if a.shape else name("A", (3, 3)) for a in args]
    if kind == "product":
        return product(args, (3, 3))
    if kind == "greater":
        return make(
            TABLE["multiply"], (make(TABLE["greater"], matrices, {}, (3, 3)), matrices[0]), {}, (3, 3)
        )
    if kind in ("negative", "square", "transpose", "exp"):
        params = {"axes": None} if kind == "transpose" else {}
        return make(TABLE[kind], matrices[:1], params, (3, 3))
    if kind == "matmul":
        return make(TABLE[kind], matrices, {}, (3, 3))
    if rng.random() < 0.5:
        return make(TABLE[kind], (args[0], matrices[1]), {}, (3, 3))
    return Expr(kind, (args[0], matrices[1]), None, {}, (3, 3), TABLE[kind])


@pytest.mark.parametrize("seed", mostly_thorough(range(400), 100))
def test_what_is_written_is_what_is_meant(seed):
    e = grown(np.random.default_rng(seed), 4)
    writer = CodeWriter()
    with np.errstate(all="ignore"):
        expected = evaluate(e, ENV)
        for printer in (writer, ASCII):
            code = write(e, printer)
            if printer is ASCII:
                code = code.replace("exp(", "np.exp(")
            got = eval(code, {"np": np, **ENV})
            if np.all(np.isfinite(expected)):
                np.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-12, err_msg=code)


@pytest.mark.parametrize(
    ("e", "code"),
    [
        (lambda A, B, C: A @ (-(B * C)), "A @ (-B * C)"),
        (lambda A, B, C: (A @ B) * C, "(A @ B) * C"),
        (lambda A, B, C: A @ B @ C, "A @ B @ C"),
        (lambda A, B, C: A @ (B @ C), "A @ (B @ C)"),
        (lambda A, B, C: A / (B * C), "A / (B * C)"),
        (lambda A, B, C: A - (B - C), "A - (B - C)"),
        (lambda A, B, C: (A @ B) / C, "(A @ B) / C"),
    ],
)
def test_brackets(e, code):
    class Term:
        def __init__(self, e):
            self.e = e

        def __mul__(self, other):
            return Term(product((self.e, other.e), (3, 3)))

        def __neg__(self):
            return Term(make(TABLE["negative"], (self.e,), {}, (3, 3)))

    for op, row in {"matmul": "matmul", "truediv": "divide", "sub": "subtract"}.items():
        setattr(Term, f"__{op}__", lambda a, b, row=row: Term(make(TABLE[row], (a.e, b.e), {}, (3, 3))))
    assert write(e(*(Term(name(word, (3, 3))) for word in "ABC")).e, ASCII) == code


def test_names_in_tex():
    assert tex_name("W1") == "W_{1}"
    assert tex_name("theta") == r"\theta"
    assert tex_name("layers.0.weight") == r"\mathrm{layers.0.weight}"
    assert tex_name("x_0") == "x_{0}"
    assert [*map(tex_name, ("cum_hazard", "log_p"))] == [r"\mathrm{cum\_hazard}", r"\mathrm{log\_p}"]
    assert [*map(tex_name, ("W_self", "loss_1"))] == [r"W_{\mathrm{self}}", r"\mathrm{loss}_{1}"]
    assert [*map(tex_name, ("Xv", "yv", "lr", "dt"))] == ["X_{v}", "y_{v}", r"\mathrm{lr}", r"\mathrm{dt}"]
    assert [write(number(x), LATEX) for x in (1e-7, -1e9)] == ["10^{-7}", "-10^{9}"]
    assert [write(number(3e15), p) for p in (LATEX, TEXT)] == [r"3 \times 10^{15}", "3e+15"]
    assert write(number(1e-310), TEXT) == "1e-310"
    assert write(number(1 / 3), LATEX) == r"\tfrac{1}{3}"
    assert write(number(1 / 3), TEXT) == "1 / 3"


@pytest.mark.parametrize(
    ("word", "index", "text", "tex"),
    [
        ("u@t-1", slice(1, -1), "uₜ₋₁[1:-1]", "u_{t-1}[1:-1]"),
        ("dL/du@t", slice(4, 5), "dL/duₜ[4:5]", r"\frac{\partial L}{\partial u_{t}}[4:5]"),
        ("u0", 0, "u0[0]", "u_{0,0}"),
        ("u", 0, "u[0]", "u_{0}"),
        ("theta", slice(None, 3), "θ[:3]", r"\theta[:3]"),
    ],
)
def test_a_name_with_a_number_and_an_index_has_one_subscript(word, index, text, tex):
    e = make(TABLE["getitem"], (name(word, (5,)),), {"index": index}, ())
    assert (write(e, TEXT), write(e, LATEX)) == (text, tex)


def test_brackets_of_a_call_grow_with_a_fraction():
    trace = make(TABLE["trace"], (name("dL/dA", (2, 2)),), {}, ())
    assert write(trace, LATEX) == r"\operatorname{tr}\left(\frac{\partial L}{\partial A}\right)"
    assert 'stretchy="true">(' in write(trace, MATHML)
    assert write(make(TABLE["trace"], (name("A", (2, 2)),), {}, ()), LATEX) == r"\operatorname{tr}(A)"


def test_indices_of_which_one_is_a_sum_are_apart():
    assert [TEXT.name("u@t", "i+2"), LATEX.name("u@t", "i+2")] == ["uₜ,ᵢ₊₂", "u_{t,i+2}"]
    assert [TEXT.name("u", "ij-1"), LATEX.name("u@t", "ij")] == ["uᵢ,ⱼ₋₁", "u_{tij}"]
