"""Each option of a row is read: another value changes the output that `OPTIONS` names.

And nothing outside `table` and `rules` decides by the name of a row, so no option is overruled elsewhere.
"""

from __future__ import annotations

import ast
import importlib.util
from collections import Counter
from pathlib import Path
from unittest import mock

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.compiling import compiled
from autograd_lite.compiling.c.steps import kind_of
from autograd_lite.derive import source
from autograd_lite.derive.binding import read
from autograd_lite.derive.formula import Expr, name, number
from autograd_lite.derive.javascript import Writer
from autograd_lite.derive.simplify import make
from autograd_lite.derive.writing import ASCII, LATEX, TEXT, write
from autograd_lite.table import NONZERO, OPTIONS, POSITIVE, TABLE, Domain, Textbook
from autograd_lite.testing import check_gradients
from autograd_lite.testing.rows import kink_points, points, variant

PACKAGE = Path(ag.__file__).parent
A, B = name("A", (2, 2)), name("B", (2, 2))
X = np.array([[0.5, 0.25], [1.5, 1.25]])
LARGE = np.ones((8, 16))


def printed(style, *args, **params):
    return lambda row: write(Expr(row.name, args, None, params, (2, 2), row), style)


def scripted(*args, **params):
    """A call in JavaScript."""
    writer = Writer(words={"A": "v.A", "B": "v.B"}, values={"A": X, "B": X})
    return lambda row: writer.array(Expr(row.name, args, None, params, (2, 2), row))


def derived(x):
    """The derivation of a call."""
    def of(row):
        w = ag.tensor(x, requires_grad=True, name="w")
        y = row(w)
        return str(np.sum(y).explain(w, {"y": y}))

    return of


def by_hand(row):
    """The derivation of a sigmoid that is written with other rows."""
    w = ag.tensor(X, requires_grad=True, name="w")
    with mock.patch.dict(TABLE, {row.name: row}):
        return str(np.sum((1 / (1 + np.exp(-w))) ** 2).explain(w))


def simplified(*args, **params):
    return lambda row: write(make(row, args, params, (2, 2)), ASCII)


def emitted(*args, **params):
    """The source of a call and its gradients."""
    return lambda row: str(source(lambda *xs: np.sum(row(*xs, **params)), *args))


def drawn_at(row):
    with np.errstate(all="ignore"):
        return repr(list(points(row, np.random.default_rng(0)))) + repr(list(kink_points(row)))


def remedied(row):
    """What to write where the gradient of a row is infinite at 0."""
    x = ag.tensor([0.0], requires_grad=True, name="x")
    return ag.why(np.sum(row(x)), x).remedy


def parts(row):
    """The derivation of two results of a row."""
    a, b = row(ag.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True, name="x"))
    return str(np.sum(a * b).explain())


def gradient(row):
    return repr(ag.grad(lambda x: np.sum(row(x)))(X))


def compiled_source(*args, **params):
    """The NumPy source of a compiled call."""
    return lambda row: compiled(ag.trace(lambda *xs: np.sum(row(*xs, **params), axis=0) * 2.0)(*args)).source


def compiled_windows(row):
    return compiled(ag.trace(lambda x: np.sum(row(x, kernel=(2,)), axis=0))(np.ones((8, 4, 16)))).source


def compiled_stack(row):
    return compiled(ag.trace(lambda x: np.sum(row([np.exp(x), x], axis=0), axis=0))(LARGE)).source


def exported(row):
    """The operators of a model in ONNX."""
    single = X.astype(np.float32)  # in which ONNX Runtime has every operator
    return repr([node.op_type for node in ag.export.onnx(lambda x: row(x), single).graph.node])


def page_cell(row):
    """The domain as the table of derivatives in the documentation has it."""
    spec = importlib.util.spec_from_file_location("ops_table", PACKAGE.parent / "docs" / "ops_table.py")
    page = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(page)
    return page.domain(row)


#: For each option: a row, another value, and the output that has to change.
MUTATIONS = [
    ("domain", "exp", NONZERO, drawn_at),
    ("domain", "sqrt", Domain(low=2.0), drawn_at),
    ("domain", "exp", POSITIVE, page_cell),
    ("kinks", "absolute", (0.5,), drawn_at),
    ("tex", "add", r"{x1} \oplus {x2}", printed(LATEX, A, B)),
    ("tex", "subtract", r"{x1} \ominus {x2}", printed(LATEX, A, B)),
    ("tex", "divide", r"{x1} / {x2}", printed(LATEX, A, B)),
    ("tex", "negative", r"\ominus {x}", printed(LATEX, A)),
    ("tex", "matmul", r"{x1} \cdot {x2}", printed(LATEX, A, B)),
    ("tex", "outer", r"{x1} \otimes {x2}", printed(LATEX, A, B)),
    ("tex", "power", r"\operatorname{{pow}}({x1}, {x2})", printed(LATEX, A, B)),
    ("tex", "square", r"{x} \cdot {x}", printed(LATEX, A)),
    ("tex", "transpose", r"{x}'", printed(LATEX, A, axes=None)),
    ("tex", "matrix_transpose", r"{x}'", printed(LATEX, A)),
    ("tex", "getitem", r"{x}({index})", printed(LATEX, A, index=0)),
    ("tex", "greater", r"{x1} \succ {x2}", printed(LATEX, A, B)),
    ("infix", "add", "{x1} ++ {x2}", printed(TEXT, A, B)),
    ("infix", "add", "{x1} - -{x2}", emitted(X, X)),
    ("infix", "bitwise_and", "{x1} && {x2}", printed(ASCII, A, B)),
    ("infix", "transpose", "{x}.transpose()", emitted(X)),
    ("infix", "getitem", "{x}[({index})]", emitted(X, index=0)),
    ("text", "square", "{x}^2", printed(TEXT, A)),
    ("text", "sigmoid", "s({x})", printed(TEXT, A)),
    ("call", "relu", "np.fmax({x}, 0)", emitted(X)),
    ("call", "astype", "np.astype({x}, {dtype})", emitted(X, dtype=np.float32)),
    ("definition", "softmax", lambda x, axis: np.exp(x) / np.sum(np.exp(x), axis, keepdims=True), emitted(X)),
    ("definition", "sigmoid", False, compiled_source(LARGE)),
    ("source", "sigmoid", "1 / (np.exp(-x) + 1)", emitted(X)),
    ("idiom", "sigmoid", ("logarithm",), by_hand),
    ("textbook", "relu", Textbook("relu(x)", x="g * (x >= 0)"), derived(X)),
    ("part", "unstack", lambda k, axis: k + 1, parts),
    ("scalar", "exp", "exp2(x)", scripted(A)),
    ("scalar", "exp", "exp2(x)", compiled_source(X)),
    ("infix", "multiply", "{x2} * {x1}", compiled_source(X, 2.0)),
    ("js", "matmul", "product({x1}, {x2})", scripted(A, B)),
    ("js", "var", lambda x, axis, ddof, keepdims: np.sum(x), scripted(A, axis=None, ddof=0, keepdims=False)),
    ("algebra", "add", None, simplified(A, number(0))),
    ("algebra", "subtract", None, simplified(A, number(0))),
    ("algebra", "multiply", None, simplified(A, number(1))),
    ("algebra", "divide", None, simplified(A, number(1))),
    ("algebra", "negative", None, simplified(make(TABLE["negative"], (A,), {}, (2, 2)))),
    ("algebra", "power", None, simplified(A, number(1))),
    ("algebra", "positive", None, simplified(A)),
    ("algebra", "copy", None, simplified(A)),
    ("algebra", "logical_and", "or", simplified(A, number(True))),
    ("algebra", "transpose", None, simplified(number(2), axes=None)),
    ("algebra", "reshape", None, simplified(A, shape=(2, 2))),
    ("algebra", "broadcast_to", None, simplified(A, shape=(2, 2))),
    ("algebra", "where", None, simplified(number(True), A, B)),
    ("algebra", "linear", None, simplified(A, B, name("c", (2,)))),
    ("algebra", "sum", None, printed(LATEX, A, axis=0)),
    ("bind", "expand_dims", lambda a, axis: ((a,), {"axis": 0}), lambda row: repr(row(X, 1))),
    ("pull", "square", (lambda g, x: 0 * g,), gradient),
    ("jvp", "sin", lambda ts, y, xs, n: 0 * ts[0], lambda row: repr(ag.jvp(row, (X,), (X,))[1])),
    ("batch", "sum", lambda b: b(*b.xs, axis=0), lambda row: repr(ag.vmap(row)(X))),
    ("holomorphic", "exp", False, lambda row: repr(ag.vjp(row, X + 1j)[1](X + 1j))),
    ("remedies", "sqrt", (), remedied),
    ("surrogate", "exp", np.sin, lambda row: repr(check_gradients(row, X).ok)),
    ("order", "exp", 1, lambda row: repr(ag.grad(ag.grad(row))(0.5))),
    ("examples", "sum", (lambda rng: ((np.ones(1),), {}),), drawn_at),
    ("subscripts", "matmul", lambda n1, n2: "ij,jk->kj", lambda row: repr(ag.sparsity(row)(X, X).toarray())),
    ("pattern", "exp", lambda i: np.ones((4, 4)), lambda row: repr(ag.sparsity(row)(X).toarray())),
    ("variadic", "concatenate", False, lambda row: repr(ag.grad(lambda x: np.sum(row([x, x])))(X))),
    ("outputs", "modf", False, lambda row: type(row(ag.tensor(X, requires_grad=True))).__name__),
    ("unused", "modf", lambda needed: ({}, [0]), lambda row: compiled(ag.trace(lambda x: row(x)[0])(LARGE)).source),
    ("view", "reshape", False, compiled_source(LARGE, shape=(128,))),
    ("emit", "reshape", "{x}.reshape(-1)", compiled_source(LARGE, shape=(128,))),
    ("out", "dot", "np.dot({x1}, {x2}, {out})", compiled_source(LARGE, LARGE.T)),
    ("innermost", "unfold", None, compiled_windows),
    ("joins", "stack", None, compiled_stack),
    ("fold", "sum", None, lambda row: kind_of(ag.trace(row)(X).equations[0])),
    ("onnx", "tanh", "Sinh", lambda row: exported(row)),
    ("unlike_torch", "sum", "write axis=", lambda row: repr(row(X, dim=0))),
    ("pair", "sum", 2, lambda row: repr(type(row(ag.tensor(np.eye(2)), 1)))),
    ("transparent", "exp", True, lambda row: row(ag.tensor(X, requires_grad=True))._node.label),
]


@pytest.mark.parametrize(
    ("option", "row", "value", "output"), MUTATIONS, ids=[f"{option}-{row}" for option, row, _, _ in MUTATIONS]
)
def test_another_value_changes_the_output(option, row, value, output):
    before = output(variant(TABLE[row]))
    try:
        after = output(variant(TABLE[row], **{option: value}))
    except (ArithmeticError, AttributeError, IndexError, RuntimeError, TypeError, ValueError) as error:
        after = error  # a changed row may well be wrong
    assert after != before


ELEMENTWISE = [row for row in TABLE.values() if row.kind == "elementwise" and row.tex and len(row.rules) <= 2]


@pytest.mark.parametrize("row", [row for row in ELEMENTWISE if row.algebra != "product"], ids=lambda row: row.name)
def test_each_tex_is_printed(row, monkeypatch):
    params = dict.fromkeys(read(row.tex).fields - {"x", "x1", "x2"}, 1)
    e = make(row, (A, B)[: len(row.rules)], params, (2, 2))
    monkeypatch.setattr(row, "tex", r"\operatorname{{other}}({x1})")
    assert write(e, LATEX) == r"\operatorname{other}(A)"


def test_the_sign_of_a_product_is_that_of_its_row(monkeypatch):
    e = make(TABLE["multiply"], (A, B), {}, (2, 2))
    monkeypatch.setattr(TABLE["multiply"], "tex", r"{x1} \star {x2}")
    monkeypatch.setattr(TABLE["multiply"], "infix", "{x1} *  {x2}")
    assert write(e, LATEX) == r"A \star B"
    assert write(e, ASCII) == "A *  B"
    assert "xs1 *  xs2" in source(lambda *xs: xs[0] * xs[1], X, X)


def test_every_option_has_a_mutation():
    assert {option for option, *_ in MUTATIONS} == set(OPTIONS)


def test_nothing_else_decides_by_the_name_of_a_row():
    found = []
    for file in sorted(PACKAGE.rglob("*.py")):
        if file.relative_to(PACKAGE).parts[0] in ("table", "rules"):
            continue
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Compare):
                sides = [node.left, *node.comparators]
                of_row = any(isinstance(s, ast.Attribute) and s.attr in ("name", "np_name", "head") for s in sides)
                words = {c.value for s in sides for c in ast.walk(s) if isinstance(c, ast.Constant)}
                if of_row and words & (TABLE.keys() | {"input", "result", "stop_gradient"}):
                    found.append(f"{file.relative_to(PACKAGE)}:{node.lineno}: {ast.unparse(node)}")
    assert not found, "\n".join(found)


def attached(node):
    """The rows, as they are written, to which a statement attaches options."""
    if isinstance(node, ast.For):
        rows = [e.elts[0] if isinstance(e, ast.Tuple) else e for e in getattr(node.iter, "elts", [])]
        inner = [ast.unparse(call.func.value) for call in ast.walk(node) if is_attach(call)]
        targets = node.target.elts if isinstance(node.target, ast.Tuple) else [node.target]
        return [ast.unparse(row) for row in rows for word in inner if word == ast.unparse(targets[0])]
    return [ast.unparse(call.func.value) for call in ast.walk(node) if is_attach(call)]


def is_attach(node):
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "attach"


def test_what_is_attached_to_a_row_stands_in_one_place():
    assert attached(ast.parse("for row in (a, b):\n    row.attach(x=1)").body[0]) == ["a", "b"]
    several = []
    for file in sorted((PACKAGE / "rules").glob("*.py")):
        rows = Counter(row for node in ast.parse(file.read_text(encoding="utf-8")).body for row in attached(node))
        several += [f"{file.name}: {row}" for row, count in rows.items() if count > 1]
    assert not several


@pytest.mark.parametrize("word", ["name", "number", "array", "product"])
def test_a_row_may_be_called_like_a_part_of_a_formula(word):
    row = variant(TABLE["tanh"], name=word, tex=None)
    e = make(row, (A,), {}, (2, 2))
    assert write(e, TEXT) == f"{word}(A)"
    assert write(e, LATEX) == rf"\operatorname{{{word}}}\left(A\right)"
    assert e.names == {"A"}
    assert not e.is_number
