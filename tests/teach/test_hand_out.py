"""Worksheets as pages and notebooks, and the marks of a folder. The page's verdicts are those of `check`."""

from __future__ import annotations

import csv
import json
import random
import re
import shutil
import subprocess
import sys
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from loops import (
    backwards,
    by_lists_of_neighbours,
    by_rank,
    excitation,
    offsets,
    predicted,
    scalar_layers,
    two_views,
    without_own,
)
from thorough import EVERY_CASE

import autograd_lite as ag
from autograd_lite.base.tree import leaves
from autograd_lite.derive.writing import LATEX, TEXT
from autograd_lite.nn import functional as F
from autograd_lite.special import erf, gammaln
from autograd_lite.teach import hand_out, worksheet
from autograd_lite.teach.grading import CIRCULAR, ELSEWHERE

sys.path.insert(0, str(Path(__file__).parents[2] / "examples"))

import lessons  # of the examples

TEACH = Path(hand_out.__file__).parent
NODE = shutil.which("node")


def talk_net():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 3)), np.array([[1.0], [0.0]])
    V, W = (ag.tensor(rng.normal(size=s), requires_grad=True, name=w) for s, w in (((3, 4), "V"), ((4, 1), "W")))
    B = ag.sigmoid(x @ V)
    P = ag.sigmoid(B @ W)
    return worksheet(0.5 * np.sum((y - P) ** 2), wrt=[W, V], names={"x": x, "y": y, "B": B, "P": P})


def softmax():
    rng = np.random.default_rng(1)
    X, t = rng.normal(size=(4, 2)), np.array([0, 2, 1, 1])
    W, b = (ag.tensor(rng.normal(size=s), requires_grad=True, name=w) for s, w in (((2, 3), "W"), ((3,), "b")))
    S = X @ W + b
    return worksheet(F.cross_entropy(S, t), wrt=[W, b], names={"X": X, "t": t, "S": S}, depth=1)


def gaussian():
    x, mu, gamma = np.array([0.5, 1.0, -2.0]), *(ag.tensor(v, requires_grad=True) for v in (0.3, 1.5))
    z = (x - mu) / gamma
    L = np.mean(np.maximum(0, 1 - z)) + np.log(gamma) + np.sum(z**2) / 2
    return worksheet(L, wrt=[mu, gamma], names={"x": x, "mu": mu, "gamma": gamma, "z": z})


def hinge():
    w, x, y = ag.tensor([0.4, -0.1], requires_grad=True), np.eye(5)[:, :2] + 0.3, np.array([1, 1, -1, -1, 1])
    slack = np.maximum(0, 1 - y * (x @ w))
    return worksheet(0.5 * w @ w + 2 * slack.mean(), wrt=w, names={"w": w, "x": x, "y": y, "slack": slack})


def entries():
    x, seen = np.linspace(-1, 1, 6).reshape(2, 3), np.array([[True, False, True], [False, True, True]])
    W = ag.tensor(np.linspace(0.2, 1, 9).reshape(3, 3), requires_grad=True, name="W")
    Z = x @ W
    e = Z[seen] - 1
    return worksheet(np.sum(e**2) + np.sum(W**3), names={"x": x, "seen": seen, "Z": Z, "e": e})


def recurrent():
    x, labels = np.linspace(-1, 1, 8).reshape(4, 2), np.array([0, 1])
    U, W, V = (ag.tensor(np.cos(np.arange(n * 2.0).reshape(n, 2) + n), requires_grad=True) for n in (2, 2, 4))
    h, K = np.zeros(2), (V.T @ V) + np.eye(2)
    for k in range(4):
        h = np.tanh(W @ h + U @ x[k])
    L = 0.5 * h @ np.linalg.solve(K, h) - np.mean(K[np.arange(2), labels])
    return worksheet(L, wrt=[U, W, V], names={"x": x, "U": U, "W": W, "V": V, "K": K, "labels": labels})


def answers(sheet, count):
    """Answers of all kinds: right, right in other forms, usual slips, nonsense, numbers."""
    rng = random.Random(0)
    names = [w for w in sheet.spaces[0] if w.isidentifier() and not callable(sheet.spaces[0][w])]
    boards = {code: shown for shown, code in sheet.board.words.items()}
    forms = (
        "{a}", "{b}", "-({a})", "2 ({a})", "({a}) / 3", "({a}).T", "({a}) {n}", "{n}", "{n} {m}", "{n} @ {m}ᵀ", "Σ {a}",
        "½ ({a}) + ½ {a}", "({a})[0]", "({a}) ⊙ 1[{n} > -100]", "({a}", "({a}) + q", "foo({a})", "√(({a})²)", "|{a}|",
        "({a}) / ‖{a}‖", "e^({a})", "log(exp({a}))", "{a} - {n}", "", "0", "[1, 2]", "where({a} > 0, {a}, 0)", "{a} )",
        "max(0, {a})", "mean({a})", "{a} and 1", "hello world", "= {a}", "__import__('os')", "np.sum({a}, axis=0)",
        "sum({a}, axis=-1, keepdims=True)", "Σⱼ ({a})", "softmaxⱼ({a})", "tanh({a})", "sigmoid", "({a})⁻¹", "1/({a})",
        "{v}", "[{v}]", "-{v}", "({a})(1 - {a})", "{n}²", "~({a} > 0)", "{a}; {n}", "({a}) ⊗ {n}", "'{a}'",
        "({a}) ones(5)", "full(5, {a})", "{b} - 0 ({b})", "Σₜ {n}₋₁", "Σₜ hₜ₋₁ᵀ {a}", "hₜ₋₁ {m}", "({a} + ({a})ᵀ) / 2",
        "onehot(labels)", "δᵢⱼ {n}", "2π {a}", "{n} {m}ᵀ", "Σₜ hₜ; t = 2 … 3", "1[not {n} > 0]", "h_t @ h_{{t-1}}",
    )  # fmt: skip
    cases = []
    for k in range(count):
        q = rng.choice(sheet.questions)
        n, m = rng.sample(names, 2)
        value = np.array2string(np.asarray(q.value, float), separator=", ", precision=4).replace("\n", "")
        board = boards.get(q.answer, q.answer)
        cases.append((q.word, forms[k % len(forms)].format(a=q.answer, b=board, n=n, m=m, v=value)))
    return cases


def marked_by_the_page(sheet, cases, tmp_path):
    script = (TEACH / "marking.js").read_text(encoding="utf-8")
    script += f"\nconst mark = marking({sheet.data()});\nconst cases = {json.dumps(cases)};\n"
    (tmp_path / "run.js").write_text(script + "console.log(JSON.stringify(cases.map(([w, t]) => mark(w, t))));")
    done = subprocess.run([NODE, tmp_path / "run.js"], capture_output=True, text=True, encoding="utf-8", check=True)
    return json.loads(done.stdout)


@pytest.mark.skipif(NODE is None, reason="node is not installed, which runs the page's marking")
@pytest.mark.parametrize("make", [talk_net, softmax, gaussian, hinge, recurrent], ids=lambda make: make.__name__)
def test_the_page_gives_the_verdicts_of_check(make, tmp_path):
    """Word for word. What the page cannot read it does not mark, and that is only what `check` cannot read either."""
    sheet = make()
    assert len(sheet.spaces) in (3, 4, 5, 6)  # with labels or conditions more
    cases = answers(sheet, 510 if EVERY_CASE[0] else 130)
    unmarked = 0
    for (word, text), page in zip(cases, marked_by_the_page(sheet, cases, tmp_path), strict=True):
        (mark,) = [mark for mark in sheet.check({word: text}) if mark.word == word]
        if "unmarked" in page:
            unmarked += page["says"] != mark.says
            assert not page["right"]
            pattern = "not marked here: (.*this page cannot compute .*|this page cannot read it)"
            is_of_page = re.fullmatch(pattern, page["says"])
            assert is_of_page or page["says"] == mark.says
            assert not mark.right, (word, text, mark.says)
            assert mark.says.startswith("not marked here: "), (word, text, mark.says)
        else:
            assert (page["right"], page["says"]) == (mark.right, mark.says), (word, text)
    assert unmarked < 0.22 * len(cases)


@pytest.mark.skipif(NODE is None, reason="node is not installed, which runs the page's marking")
def test_the_page_marks_the_places_of_entries(tmp_path):
    sheet = entries()
    forms = ("dL/de at [seen]", "2 e at [seen]", "e at [seen]", "2 e at [0]")
    cases = [("dLdZ", text) for text in (*(f"{form}, 0 elsewhere" for form in forms), "e + 1", "2 (Z - 1) ⊙ seen")]
    cases += [("dLdW", f"x.T @ dL/dZ + 3 W² + {n} np.sum(W[seen[0]])") for n in (0, 1)]  # a mask of rows
    marks = [mark for word, text in cases for mark in sheet.check({word: text}) if mark.word == word]
    assert [mark.right for mark in marks] == [True, True, False, False, False, True, True, False]
    pages = marked_by_the_page(sheet, cases, tmp_path)
    assert [(page["right"], page["says"]) for page in pages] == [(mark.right, mark.says) for mark in marks]


@pytest.mark.skipif(NODE is None, reason="node is not installed, which runs the page's marking")
def test_functions_may_be_called_by_their_names_in_linalg(tmp_path):
    Z = np.array([[1.0, 2.0], [0.5, -1.0], [2.0, 0.3]])
    sheet = ag.trace(lambda Z: np.sum(np.tanh(np.linalg.norm(Z, axis=1))), Z).worksheet()
    norms = ("norm", "np.linalg.norm", "linalg.norm", "numpy.linalg.norm", "np.norm")
    cases = [("dLdZ", f"(1 - np.tanh({norm}(Z, axis=1))**2)[:, None] * Z / {norm}(Z, axis=1, keepdims=True)")
             for norm in norms]  # fmt: skip
    cases += [("dLdZ", "Z / np.linalg.norm(Z)"), ("dLdZ", "Z @ np.linalg.inv(Z.T @ Z)")]
    marks = [mark for word, text in cases for mark in sheet.check({word: text}) if mark.word == word]
    assert [mark.right for mark in marks] == [True] * len(norms) + [False] * 2
    assert "np.linalg.norms is not a function on this sheet" in sheet.check({"dLdZ": "np.linalg.norms(Z)"})[-1].says
    pages = marked_by_the_page(sheet, cases, tmp_path)
    assert [(page["right"], page["says"]) for page in pages] == [(mark.right, mark.says) for mark in marks]


@pytest.mark.skipif(NODE is None, reason="node is not installed, which runs the page's marking")
def test_where_n_is_2_a_missing_2_is_said_to_be_2(tmp_path):
    def loss(w, x):
        p = w * x
        return np.mean(p**2 + w**2)

    sheet = ag.trace(loss, np.array([0.5, -1.0]), np.array([1.0, 3.0])).worksheet(wrt=["w"])
    [page] = marked_by_the_page(sheet, [("dLdw", "w / n + x ⊙ dL/dp")], tmp_path)
    assert page["says"] == "the term w / n has to be multiplied by 2"
    assert sheet.check({"dLdw": "w / n + x ⊙ dL/dp"})[-1].says == page["says"]


def spring():
    def energy(x, k, rest):
        d = x[1:] - x[:-1]
        length = np.sqrt(np.sum(d**2, axis=1))
        return 0.5 * np.sum(k * (length - rest) ** 2) + 9.81 * np.sum(x[:, 1])

    x = np.array([[0.0, 0.0], [1.1, 0.2], [1.9, 0.9], [3.2, 1.0]])
    return ag.trace(energy, x, np.array([10.0, 20, 15]), np.array([1.0, 1, 1.2])).worksheet(wrt=["x"])


def emission():
    def likelihood(B, start, A):
        a = start * B[:, 0]
        for o in (2, 1):
            a = (a @ A) * B[:, o]
        return -np.log(np.sum(a))

    B = np.array([[0.5, 0.3, 0.2], [0.1, 0.4, 0.5]])
    return ag.trace(likelihood, B, np.array([0.6, 0.4]), np.array([[0.7, 0.3], [0.4, 0.6]])).worksheet(wrt=["B"])


def path():
    def control(q, goal):
        angles = np.cumsum(q)
        ends = np.stack([np.sum(np.cos(angles)), np.sum(np.sin(angles))])
        return np.sum((ends - goal) ** 2)

    return ag.trace(control, np.array([0.3, 0.5, -0.2]), np.array([1.2, 1.4])).worksheet(wrt=["q"])


RIGHT = {
    spring: {
        "dLdx": [
            "dL/dxᵢⱼ = dL/ddᵢ₋₁ⱼ - dL/ddᵢⱼ + 9.81 1[j = 1]", "dL/dxₖₗ = 1[l = 1] 9.81 + dL/ddₖ₋₁ₗ - dL/ddₖₗ",
            "pad(dLdd, ((1, 0), (0, 0))) - pad(dLdd, ((0, 1), (0, 0))) + 9.81 array([0, 1])",
        ],
        "dLdlength": ["k (length - rest)", "kᵢ (lengthᵢ - restᵢ)", "k (‖dᵢ‖ - rest)"],
    },
    emission: {
        "dLdB": [
            "1[j = 0] dL/da0ₖ startₖ + 1[j = 1] (dL/da2 ⊙ (a1 @ A))ₖ + 1[j = 2] dL/da1ₖ (Aᵀ @ a0)ₖ",
            "dL/dBᵢⱼ = 1[j = 0] dL/da0ᵢ startᵢ + 1[j = 1] dL/da2ᵢ Σₖ a1ₖ Aₖᵢ + 1[j = 2] dL/da1ᵢ Σₖ a0ₖ Aₖᵢ",
        ],
    },
    path: {
        "dLdq": ["Σᵢ 1[i ≥ k] dL/danglesᵢ", "Σᵢ≥ₖ dL/danglesᵢ", "cumsum(dLdangles[::-1])[::-1]",
                 "flip(cumsum(flip(dLdangles)))"],
    },
}  # fmt: skip


@pytest.mark.skipif(NODE is None, reason="node is not installed, which runs the page's marking")
@pytest.mark.parametrize("make", RIGHT, ids=lambda make: make.__name__)
def test_indices_are_those_of_the_derivation_or_of_the_left_side(make, tmp_path):
    sheet = make()
    cases = [(word, text) for word, texts in RIGHT[make].items() for text in texts]
    cases += [(q.word, q.answer) for q in sheet.questions]
    for word, text in cases:
        (mark,) = [mark for mark in sheet.check({word: text}) if mark.word == word]
        assert mark.right, (text, mark.says)
    assert all(page["right"] for page in marked_by_the_page(sheet, cases, tmp_path))
    opened = type(sheet).opened(sheet.data())
    assert not opened.check({q.word: q.answer for q in sheet.questions}).wrong
    assert not sheet.check({**{q.word: q.answer for q in sheet.questions}, cases[0][0]: f"-({cases[0][1]})"})


@pytest.mark.skipif(NODE is None, reason="node is not installed, which runs the page's marking")
def test_the_page_runs_nothing_that_is_typed(tmp_path):
    sheet = talk_net()
    hostile = ["process.exit(3)", "P; process.exit(3)", "constructor.constructor('return 1')()", "__proto__",
               "toString", "P.constructor", "hasOwnProperty(P)", "</script>", "P" * 3000, "(" * 1500, "-" * 1900 + "P",
               "P[9]", "P[0.5]", "valueOf", "sum", "eye(10**9)", "9**9**9", "arange(10**9)", "P\x00", "𝑥"]  # fmt: skip
    cases = [("dLdW", text) for text in hostile]
    for mark in marked_by_the_page(sheet, cases, tmp_path):
        assert not mark["right"]


def test_the_page_needs_no_network_and_is_labelled(tmp_path):
    sheet = talk_net()
    sheet.save(tmp_path / "homework.html", title="Lecture 5 <b>")
    page = (tmp_path / "homework.html").read_text(encoding="utf-8")
    assert "<title>Lecture 5 &lt;b&gt;</title>" in page
    assert not re.search(r"https?://", page)
    assert "answers can be found in this file" in page
    assert "innerHTML" not in page
    assert not re.search(r"\beval\(|\bFunction\(", page)
    for q in sheet.questions:
        assert f'<label for="{q.word}">' in page
        assert f'<input id="{q.word}" aria-label="' in page
    data = json.loads(re.search(r'id="data">(.*?)</script>', page)[1])
    assert len(data["spaces"]) == 3
    assert "<h2>The steps</h2>" in page
    assert [len(step[1]) for *_, steps in data["questions"] for step in steps] == [3] * len(sheet.questions)
    assert data["spaces"][0]["V"] != data["spaces"][1]["V"] != data["spaces"][2]["V"]
    assert data["spaces"][0]["y"] == data["spaces"][1]["y"]  # labels stay


def test_a_name_cannot_end_the_page(tmp_path):
    x = ag.tensor(2.0, requires_grad=True, name="</script><script>alert(1)//")
    worksheet(x**2, wrt=x).save(tmp_path / "page.html")
    assert "<script>alert" not in (tmp_path / "page.html").read_text(encoding="utf-8")


def test_a_sheet_of_a_source_has_a_page(tmp_path):
    source = ag.source(lambda x, y: np.sum(x**2 * y), np.ones(2), np.ones(2))
    sheet = worksheet(source, np.array([1.0, 2.0]), np.array([3.0, -1.0]))
    sheet.save(tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "def f(x, y):" in page
    assert page.count('<li class="question">') == len(sheet.questions)


def test_a_notebook_has_the_check_as_a_cell(tmp_path):
    sheet = softmax()
    sheet.save(tmp_path / "homework.ipynb")
    cells = json.loads((tmp_path / "homework.ipynb").read_text(encoding="utf-8"))["cells"]
    assert [cell["cell_type"] for cell in cells] == ["markdown", "code", "code"]
    assert "answers can be found in this file" in cells[0]["source"]
    space = {}
    for cell in cells[1:]:
        *before, last = cell["source"].strip().splitlines() if "opened" in cell["source"] else [cell["source"], "0"]
        exec("\n".join(before), space)
        result = eval(last, space)
    assert not result
    assert [mark.says for mark in result] == ["not answered"] * len(sheet.questions)
    space["answers"] = {q.symbol: q.answer for q in sheet.questions}
    assert eval(last, space)
    space["answers"] = {q.symbol: f"-({q.answer})" for q in sheet.questions}
    assert {mark.says for mark in eval(last, space)} == {"the sign is wrong"}


def test_other_files_and_names(tmp_path):
    sheet = talk_net()
    sheet.save(tmp_path / "sheet.md")
    sheet.save(str(tmp_path / "sheet.txt"))
    assert (tmp_path / "sheet.txt").read_text(encoding="utf-8") == str(sheet)
    assert (tmp_path / "sheet.md").read_text(encoding="utf-8") == sheet.markdown()
    with pytest.raises(ValueError, match=r"a file name that ends in \.html, \.ipynb, \.md, \.txt, got 'a\.pdf'"):
        sheet.save("a.pdf")


def test_a_folder_is_marked_into_a_table(tmp_path):
    x = ag.tensor(2.0, requires_grad=True, name="x")
    sheet = worksheet(x**2, wrt=x)
    folder = tmp_path / "submissions"
    folder.mkdir()
    notebook = {"cells": [{"cell_type": "code", "source": ["answers = {\n", '    "dL/dx": "2x",\n', "}"]}]}
    hostile = {"cells": [{"cell_type": "code", "source": "answers = __import__('os').abort()"}]}
    files = {
        "ada.txt": "dL/dx = 2x", "ben.json": json.dumps({"dLdx": "x + 2"}), "cy.ipynb": json.dumps(notebook),
        "dan.py": "def f(x):\n    dLdx = -2 * x\n", "eve.ipynb": json.dumps(hostile), "fay.json": "[", "=gus.txt": "",
        "ida.txt": str(sheet).replace("______________", "=cmd()"), "jo.bin": b"\xff\xfe\x00".decode("latin-1"),
    }  # fmt: skip
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    results = sheet.check_folder(folder, tmp_path / "marks.csv")
    assert results.keys() == files.keys()
    assert results["ada.txt"]
    assert results["cy.ipynb"]
    with open(tmp_path / "marks.csv", encoding="utf-8", newline="") as f:
        rows = {row["file"]: row for row in csv.DictReader(f)}
    assert [rows[name]["right"] for name in ("ada.txt", "ben.json", "cy.ipynb", "dan.py")] == ["1", "0", "1", "0"]
    assert rows["ben.json"]["dLdx"] == "it is right for the numbers given, but not for others"
    assert rows["dan.py"]["dLdx"] == "the sign is wrong"
    assert rows["eve.ipynb"]["remark"].startswith("cannot be read: ")
    assert rows["fay.json"]["remark"].startswith("cannot be read: ")
    assert "'=gus.txt" in rows  # no formula of a spreadsheet
    assert sheet.check_folder(str(folder), str(folder / "marks.csv")).keys() == files.keys()
    assert sheet.check_folder(str(folder)).keys() == files.keys()


def rows():
    """A sum of rows, an outer product of rows, a mask of comparisons, distances, and a term that is 0."""
    def loss(x, W, beta, time, y):
        eta = x @ beta
        at_risk = time[None, :] >= time[:, None]
        risk = at_risk @ np.exp(eta)
        D = np.sum((x[:, None, :] - y[None, :, :]) ** 2, axis=-1)
        Z = np.tanh(x @ W)
        return np.sum(np.log(risk) - eta) + np.sum(np.exp(-D)) + np.sum(Z**2)

    x = np.array([[0.3, 1.2], [1.1, -0.5], [-0.3, 0.4]])
    W, y = np.array([[0.5, -0.2, 0.3], [0.1, 0.7, -0.4]]), np.array([[0.1, 0.2], [0.5, -0.3]])
    args = x, W, np.array([0.5, -0.3]), np.array([2.0, 1.0, 3.0]), y
    return ag.trace(loss, *args).worksheet(wrt=["x", "W", "beta"])


READINGS = {
    "dLdbeta": {
        "Σᵢ dL/dηᵢ xᵢ": "", "Σ_i dL/deta_i x_i": "", "xᵀ dL/dη": "", "Σₖ dL/dηₖ xₖ": "", "dL/dη·x": "",
        "x dL/dη": "x has to be transposed", "-Σᵢ dL/dηᵢ xᵢ": "the sign is wrong",
    },
    "dLdW": {
        "Σᵢ xᵢ (dL/dcᵢ)ᵀ": "", "Σᵢ outer(xᵢ, dL/dcᵢ)": "", "Σₖ xₖᵢ dL/dcₖⱼ": "", "(dL/dcᵀ x)ᵀ": "",
        "dL/dcᵀ x": "it is transposed",
    },
    "dLdx": {
        "dL/dxᵢ = W dL/dcᵢ + β dL/dηᵢ + Σⱼ dL/dbᵢⱼ": "", "dL/dc Wᵀ + dL/dη βᵀ + Σⱼ dL/dbᵢⱼₖ": "",
        "dL/dxᵢ = W dL/dcᵢ + β dL/dηᵢ - 2 Σⱼ (xᵢ - yⱼ) exp(-‖xᵢ - yⱼ‖²)": "",
        "dL/dxᵢ = W dL/dcᵢ + β dL/dηᵢ - Σⱼ dL/dbᵢⱼ": "the sign of the term db/dx is wrong",
    },
    "dLdc": {"dL/dZ (1 - Z²)": "", "dL/dZᵢ (1 - Zᵢ²)": "", "dL/dZ (1 + Z²)": "the sign before Z² is wrong"},
}  # fmt: skip


@pytest.mark.skipif(NODE is None, reason="node is not installed, which runs the page's marking")
def test_rows_are_read_and_causes_are_found(tmp_path):
    sheet = rows()
    assert {*READINGS} <= {q.word for q in sheet.questions}
    cases = [(word, text) for word, texts in READINGS.items() for text in texts]
    for (word, text), page in zip(cases, marked_by_the_page(sheet, cases, tmp_path), strict=True):
        (mark,) = [mark for mark in sheet.check({word: text}) if mark.word == word]
        assert mark.says == READINGS[word][text] == page["says"], text


def smoothed():
    u, lam = ag.tensor([0.3, -0.5, 0.8, 0.1, -0.2], requires_grad=True), 0.4
    a, z = u[1:] - u[:-1], 2 * np.tanh(u) - u**2
    s = ag.sigmoid(z)
    r = ag.relu(s - 0.1)
    L = lam * np.abs(a).sum() + np.sum(r**3)
    return worksheet(L, wrt=u, names={"u": u, "lam": lam, "a": a, "z": z, "s": s, "r": r}, blanks=12)


TYPED = {
    "dLda": {"λ|a|/a": "", "λ |a| / a": "", "a|λ|/|a|": "", "λ |a|": "it has to be divided by a"},
    "dLds": {"dL/dr ReLU'(s - 0.1)": "", "dL/dr ⊙ relu′(s - 0.1)": ""},
    "dLdz": {"dL/ds σ'(z)": "", "dL/dsᵢ sigmoid’(z_i)": "", "-dL/ds σ'(z)": "the sign is wrong"},
    "dLdu": {
        "dL/da_{i-1} - dL/da_i + dL/dz_i (2 tanh'(u_i) - 2 u_i)": "",
        "(dL/da)_{i−1} - (dL/da)_i + 2 (dL/dz)_i (tanh'(u)_i - u_i)": "",
        "dL/da_{i-1} + dL/da_i + dL/dz_i (2 tanh'(u_i) - 2 u_i)": "the sign before dL/da_i is wrong",
    },
}  # fmt: skip


def shrunk():
    w, X = ag.tensor([0.3, -0.2], requires_grad=True, name="w"), np.array([[1.0, 0.5], [0.2, -1.0]])
    alpha = 0.1
    g = X @ w
    u = -alpha * g
    L = np.sum(u**2)
    return worksheet(L, wrt=w, names={"w": w, "X": X, "alpha": alpha, "g": g, "u": u, "L": L})


@pytest.mark.skipif(NODE is None, reason="node is not installed, which runs the page's marking")
def test_a_multiple_of_the_unit_matrix_is_a_partial(tmp_path):
    texts = {"-α": "", "-α I": "", "-alpha*np.eye(2)": "", "-α δᵢⱼ": "", "α I": "the sign is wrong",
             "-α np.ones((2, 2))": "expected shape 2, got 2x2"}  # fmt: skip
    sheet = shrunk()
    for text, page in zip(texts, marked_by_the_page(sheet, [("dudg", text) for text in texts], tmp_path), strict=True):
        (mark,) = [mark for mark in sheet.check({"dudg": text}) if mark.word == "dudg"]
        assert mark.says == texts[text] == page["says"], text


@pytest.mark.skipif(NODE is None, reason="node is not installed, which runs the page's marking")
def test_primes_bars_and_moved_indices_are_read(tmp_path):
    sheet = smoothed()
    cases = [(word, text) for word, texts in TYPED.items() for text in texts]
    for (word, text), page in zip(cases, marked_by_the_page(sheet, cases, tmp_path), strict=True):
        (mark,) = [mark for mark in sheet.check({word: text}) if mark.word == word]
        assert mark.says == TYPED[word][text] == page["says"], text
    (mark,) = [mark for mark in sheet.check({"dL/dz": "σ' dL/ds"}) if mark.word == "dLdz"]
    assert mark.says == "not marked here: \"σ' dL/ds\": a ' can only be read behind a function, as in σ'(z)"


def unit_rows(T, I, W):
    U = T / np.linalg.norm(T, axis=1, keepdims=True)
    logits = U @ U.T / 2 + I
    rows = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    f = U @ W
    return -np.mean(rows[np.arange(3), np.arange(3)]) + 0.5 * np.sum(f**2) + 0.5 * np.sum(W**2)


def sampled(U, V, noise):
    neg = np.einsum("bd,bkd->bk", U, V[noise])
    return np.log(1 + np.exp(neg)).sum() + 0.001 * np.sum(V**2)


def filtered(a, q, obs):
    P, total = 1.0, 0.0
    for y in obs:
        S = a * P + q
        P = S / (S + 0.5)
        total = total + np.log(S) + y**2 / S
    return total


def slacks(w, b, points, labels):
    slack = 0.0
    norm = 0.5 * np.sum(w**2)
    for x, y in zip(points, labels):  # noqa: B905 - as on a board
        margin = y * (w @ x + b)
        slack = slack + np.maximum(0, 1 - margin)
    return norm + slack


def returns_to_go(w, obs, tags):
    J = np.sum((w - np.eye(2)[tags[0]]) ** 2)
    for t, y in enumerate(tags):
        x_t = obs[t]
        G = sum(0.9**k for k in range(3 - t))
        mu = w @ x_t
        J = J + G * (y - mu) ** 2
    return J


def attracted(r, m):
    U = 0.0
    for i in range(3):
        for j in range(i):
            d = np.linalg.norm(r[i] - r[j])
            U = U - m[i] * m[j] / d
    return U


def lagged(a, y):
    e = y[2:] - a * y[:-2]
    return np.sum(e**2)


def reprojected(focal, yaw, points, pixels):
    err = 0.0
    for k in range(len(points)):
        x = np.cos(yaw) * points[k, 0] + np.sin(yaw) * points[k, 2]
        z = np.cos(yaw) * points[k, 2] - np.sin(yaw) * points[k, 0]
        u = focal * x / z
        err = err + (u - pixels[k, 0]) ** 2
    return err / len(points)


def next_words(E, U, w, nxt):
    p = np.exp(E[w] @ U) / np.sum(np.exp(E[w] @ U), axis=1, keepdims=True)
    total = 0.0
    for t in range(len(nxt)):
        c = p[t, nxt[t]]
        total = total - np.log(c)
    return total / len(nxt)


def sweeps(b, A, omega):
    diag = np.diag(A)
    u = np.zeros_like(b)
    for _ in range(3):
        r = b - A @ u
        u = u + omega * r / diag
    return 0.5 * u @ u


def optics(gap, height, power):
    ray = np.array([height, 0.0])
    for k in range(2):
        space = np.eye(2) + gap[k] * np.array([[0.0, 1.0], [0.0, 0.0]])
        lens = np.eye(2) - power[k] * np.array([[0.0, 0.0], [1.0, 0.0]])
        ray = lens @ (space @ ray)
    return np.sum(ray**2)


def chi_squared(pred, resp, sd, rho):
    rho_bar = rho**2
    chi2 = np.sum(((pred - resp) / sd) ** 2)
    return 0.5 * chi2 + chi2 * rho_bar + rho_bar**3


def panel(alpha, eta, house, price, q):
    e = q - (alpha[house] + eta * np.log(price))
    return np.sum(e**2)


def smoother(lam, D, y):
    H = np.linalg.inv(np.eye(4) + lam * D.T @ D)
    return np.sum((y - H @ y) ** 2) + np.trace(H)


def slits(g, a, theta, seen):
    gamma = g * np.sin(theta)
    value = a * np.cos(gamma) ** 2
    return np.sum((value - seen) ** 2)


def perceptron(w, b, X, t):
    a = X @ w + b
    wrong = t * a <= 0
    return -np.sum(np.where(wrong, t * a, 0.0))


def one_example(z, label):
    p = np.exp(z) / np.sum(np.exp(z))
    return -np.log(p[label])


def stress(Y, i, j, far):
    diff = Y[:, None, :] - Y[None, :, :]
    sq = np.sum(diff**2, axis=2)
    d = np.sqrt(sq[i, j])
    return np.sum((d - far) ** 2)


def soft(v, theta):
    return np.sign(v) * np.maximum(np.abs(v) - theta, 0)


def unrolled(step, theta, A, y):
    x = np.zeros(4)
    for _ in range(3):
        r = y - A @ x
        x = soft(x + step * A.T @ r, theta)
    return np.sum((x - 0.3) ** 2)


def corrected(W, X, T, y):
    a = X @ W
    P = np.exp(a) / np.sum(np.exp(a), axis=1, keepdims=True)
    Q = P @ T
    return -np.mean(np.log(Q[np.arange(len(y)), y]))


def probit(w, X, y):
    z = X @ w
    p = ag.special.ndtr(z)
    return -np.sum(y * np.log(p) + (1 - y) * np.log(1 - p))


def absorbed(Z, cost):
    P = np.exp(Z) / np.sum(np.exp(Z), axis=1, keepdims=True)
    Q = P[:, :3]
    return np.sum(np.linalg.solve(np.eye(3) - Q, cost))


def barrier(x, A, b, c, mu):
    slack = b - A @ x
    return c @ x - mu * (np.sum(np.log(slack)) + np.sum(np.log(x)))


def adversarial(v, real, fake):
    h = np.maximum(np.cos(np.arange(12.0)).reshape(4, 3) + real, 0)
    m = h @ v
    return -np.mean(np.log(ag.sigmoid(m))) + np.sum(fake * m**2)


def written_to(K, A, M0):
    M = M0
    for t in range(len(K)):
        w = ag.softmax(M @ K[t])
        M = M * (1 - w[:, None]) + np.outer(w, A[t])
    return np.sum(M**2)


def ranked(good, bad):
    return np.sum(np.maximum(0, 1 - good + bad)) + 0.01 * np.sum(good**2)


def routed(W, T):
    r = np.zeros(2)
    length = np.sqrt(np.sum(W**2, axis=1)) + r
    return np.sum(T * np.maximum(0, 0.9 - length) ** 2 + 0.5 * (1 - T) * np.maximum(0, length - 0.1) ** 2)


def projected(t, Z, angles):
    cloud, total = Z + t, 0.0
    for angle in angles:
        u = np.array([np.cos(angle), np.sin(angle)])
        total = total + np.sum(np.tanh(cloud @ u))
    return total


def regulated(K, A, B, x0):
    x, J = x0, 0.0
    for _ in range(3):
        u = -K @ x
        J = J + x @ x + u @ u
        x = A @ x + B @ u
    return J


def bratu(u, lam, n):
    r = lam * np.exp(u)
    return np.sum(r**2) / n


def tempered(w, X, y, tau):
    r = (X @ w - y) / tau
    return np.mean(np.log(1 + r**2))


def three_way(A, B, C, T):
    R = np.einsum("il,jl,kl->ijk", A, B, C) - T
    return 0.5 * np.sum(R**2)


def variances(b, r):
    h, loss = 1.0, 0.0
    for k in range(3):
        h = 0.1 + b * h
        loss = loss + np.log(h) + r[k] / h
    return loss


def closest(m, x, labels):
    return np.sum((x - m[labels]) ** 2)


def infected(beta, t, seen):
    dt, I, loss = 1.0, 0.1, 0.0
    for n in range(4):
        new = beta * I * (1 - I) * t[n]
        I = I + dt * new
        loss = loss + (I - seen[n]) ** 2
    return loss


def pooled(k, b, sig):
    h_in = np.stack([np.sum(k * sig[i : i + 3]) + b for i in range(3)])
    return np.sum(np.maximum(h_in, 0) ** 2)


def standardised(x, gamma, W):
    mean = x.mean(axis=0)
    norm = (x - mean) / np.sqrt(((x - mean) ** 2).mean(axis=0) + 1e-5)
    z = gamma @ W
    return np.sum((gamma * norm) ** 3) + z @ z


def margin_of(E, triples, margin):
    total = 0.0
    for a, p, n in triples:
        dp = np.sum((E[a] - E[p]) ** 2)
        total = total + np.maximum(0, margin + dp - np.sum((E[a] - E[n]) ** 2))
    return total / len(triples)


def hanging(X, k, m):
    d = X[1:] - X[:-1]
    length = np.linalg.norm(d, axis=1)
    return k * np.sum(np.where(length < 0.7, length, length**2)) + 9.81 * m * np.sum(X[:, 1])


def cosine_of(u, v):
    b = u * v
    return np.sum(b**3) / np.sum(u)


def filtered_by(taps, signal, wanted):
    out = np.zeros(3)
    for k in range(3):
        out = out + taps[k] * signal[2 - k : 5 - k]
    e = out - wanted
    return 0.5 * np.sum(e**2)


def ratio(w, C):
    return (w @ C @ w) / (w @ w)


def skip_gram(W, C):
    L = 0
    for c, o in [(0, 2), (1, 0), (2, 3)]:
        v = W[c]
        L = L - np.log(1 / (1 + np.exp(-(C[o] @ v))))
    return L


def bandit(H, q):
    pi = np.exp(2 * H) / np.exp(2 * H).sum()
    return -(pi @ q) + 0.1 * (pi * np.log(pi)).sum()


def scaled(U, V, sigma):
    Un = U / np.linalg.norm(U, axis=1, keepdims=True)
    z = sigma * (Un @ V)
    return np.sum(z**3)


def board_order(U, h, r_t):
    a = U @ (r_t * h)
    return np.sum(a**3)


def cosine_to(u, v):
    return 1 - (u @ v) / (np.linalg.norm(u) * np.linalg.norm(v))


def pairs_of(Z, P):
    Q = np.exp(Z) / np.sum(np.exp(Z))
    return np.sum(P * np.log(P / Q))


def charges(k, dist, q, i, j):
    return np.sum(q[i] * q[j] * np.log(k) - dist**k * np.log(dist))


def gated(W, xs):
    h = np.zeros(2)
    for x in xs:
        h = np.tanh(W @ np.concatenate([x, h]))
    return np.sum(h**2)


def bond(level, slope, market):
    price = 0.0
    for year in range(1, 4):
        y = level + slope * year
        discount = 1 / (1 + y) ** year
        price = price + 5.0 * discount
    return (price - market) ** 2


def heat(u, k):
    for _ in range(2):
        inside = u[1:-1] + k * (u[2:] - 2 * u[1:-1] + u[:-2])
        u = np.concatenate([u[:1], inside, u[-1:]])
    return np.sum(u**2)


def classes(W, b, X, y):
    z = X @ W + b
    P = np.exp(z) / np.sum(np.exp(z), axis=1, keepdims=True)
    h = np.maximum(z, 0)
    return -np.mean(np.log(P[np.arange(3), y])) + np.sum(h**2)


def letters(W, V, targets):
    """A recurrent net whose states are columns, with one label at each step."""
    h, loss = np.zeros((2, 1)), 0.0
    for target in targets:
        h = np.tanh(W @ h + 0.3)
        y = V @ h
        p = np.exp(y) / np.sum(np.exp(y))
        loss = loss - np.log(p[target, 0])
    return loss


def forecasts(phi, log_var):
    eps, nll, sales = 0.2, 0.0, np.cos(np.arange(5.0))
    for t in range(1, 5):
        eps = sales[t] - phi * sales[t - 1] - 0.3 * eps
        nll = nll + 0.5 * (log_var + eps**2 / np.exp(log_var))
    return nll


def spending(rate, income):
    assets, L = 0.5, 0.0
    for age in range(3):
        spent = (1 - rate[age]) * income[age] + 0.1 * assets
        assets = 1.05 * assets + income[age] - spent
        L = L + 0.9**age * np.log(spent)
    return L + np.log(assets)


def heads(q, k, v):
    weights = np.tanh(q @ k.transpose(0, 2, 1))
    joined = (weights @ v).transpose(1, 0, 2).reshape(3, 4)
    return np.sum(joined**2)


def medians(points, centres):
    dist = np.linalg.norm(points[:, None] - centres, axis=2)
    return np.mean(np.min(dist, axis=1))


def epidemic(beta, data):
    S, I, loss = 0.9, 0.1, 0.0
    for t in range(3):
        new = beta * S * I
        S = S - new
        I = I + 0.7 * new
        loss = loss + (I - data[t]) ** 2
    return loss


def levels(steps, target):
    level = np.cumsum(steps)
    return np.sum((level - target) ** 2)


def rated(U, V, delta, mask):
    err = mask * (U @ V.T - delta)
    return np.sum(err**2) / np.sum(mask)


def tagged(emit, trans, tags):
    alpha, score = emit[0], emit[0, tags[0]]
    for t in range(1, 4):
        alpha = np.log(np.sum(np.exp(alpha[:, None] + trans), axis=0)) + emit[t]
        score = score + trans[tags[t - 1], tags[t]] + emit[t, tags[t]]
    return np.log(np.sum(np.exp(alpha))) - score


def censored(b):
    a = 2 * b
    return -np.sum(np.log(0.5 * (1 + erf(a / np.sqrt(2)))))


def paired(H, a, b):
    S = (H @ a)[:, None] + (H @ b)[None, :]
    logp = S - np.log(np.sum(np.exp(S), axis=1, keepdims=True))
    return -np.mean(logp[:, 0])


def ranged(pos, sats, ell):
    pred = np.sqrt(np.sum((sats - pos) ** 2, axis=1)) / np.sqrt(3)
    K = np.exp(-((pred[:, None] - pred) ** 2) / ell)
    return np.sum(K @ K)


def delayed(b, signal, c):
    x1 = x2 = y1 = 0.0
    total = 0.0
    for n in range(len(signal)):
        y = b * signal[n] + c * x2 - 0.1 * y1
        x2, x1, y1 = x1, signal[n], y
        total = total + y**2
    return total


def turned(r, F, n):
    moment = np.cross(r, F)
    return n @ moment


def pushed(x, i, j):
    d = x[i] - x[j]
    r2 = np.sum(d**2, axis=1)
    return np.sum(gammaln(r2))


def passed(W, A, X, mask):
    H = np.maximum(A @ X @ W, 0)
    e = (A @ H) * mask[:, None]
    return np.sum(e**2)


def joined(E, F4, w, t, om):
    x = np.concatenate([E[w], F4], axis=1)
    h = 0.0
    for s in range(1, 3):
        c = s * om * t
        h = h + np.sin(c)
    return np.sum(h) + np.sum(np.arctan2(x, 2))


def labelled(Z, y, v, w, x):
    mixed = 0.0
    for k in range(3):
        f = np.exp(-((x - k) ** 2))
        mixed = mixed + w[k] * f
    P = np.exp(Z) / np.sum(np.exp(Z), axis=1, keepdims=True)
    return np.sum(np.log(mixed)) + np.prod(np.cos(v)) - np.mean(np.log(P[np.arange(3), y]))


def chained(S, states):
    logA = S - np.log(np.sum(np.exp(S), axis=1, keepdims=True))
    return -np.sum(logA[states[:-1], states[1:]])


def ended(u):
    return u[0] + u[-1] + np.sum(u[1:-1] ** 2) - np.sum(np.sqrt(u[:-1]))


def adapted(X, A, B):
    delta = B @ A
    H = X @ delta.T
    return np.sum(H**3)


def distilled(X, W, Z, labels, T, alpha):
    S = X @ W
    q = np.exp(Z / T) / np.sum(np.exp(Z / T), axis=1, keepdims=True)
    logp = S / T - np.log(np.sum(np.exp(S / T), axis=1, keepdims=True))
    soft = -(T**2) * np.mean(np.sum(q * logp, axis=1))
    logprob = S - np.log(np.sum(np.exp(S), axis=1, keepdims=True))
    hard = -np.mean(logprob[np.arange(len(labels)), labels])
    return alpha * soft + (1 - alpha) * hard


def graded(S, labels, alpha):
    score = np.tanh(S)
    return -(1 - alpha) * np.mean(score[np.arange(len(labels)), labels])


def neighbours(Y, P):
    diff = Y[:, None, :] - Y[None, :, :]
    d2 = np.sum(diff**2, axis=-1)
    num = 1 / (1 + d2)
    Q, KL = num / np.sum(num), 0.0
    for i in range(3):
        for j in range(3):
            if i != j:
                KL = KL + P[i, j] * np.log(P[i, j] / Q[i, j])
    return KL


def noised(W, xt, t):
    a = xt @ W + t[:, None]
    return np.sum(a**3)


def answered(a, R, seen):
    p = 1 / (1 + np.exp(-a))
    cell = R * np.log(p) + (1 - R) * np.log(1 - p)
    return -np.sum(np.where(seen, cell, 0.0))


def spread_out(mu, A, X, t_neg):
    Sigma = A @ A.T
    D = X - mu
    M = np.linalg.solve(Sigma, D.T)
    c = A[t_neg]
    return 0.5 * np.sum(D.T * M) + np.sum(c**3)


def prototypes(H, ys, Hq):
    C = np.stack([H[ys == 0].mean(axis=0), H[ys == 1].mean(axis=0)])
    d = np.sum((Hq[:, None, :] - C[None, :, :]) ** 2, axis=2)
    return np.sum(np.tanh(d))


def rates(r, pi0, y0, kappa):
    pi, y, total = pi0, y0, 0.0
    for t in range(3):
        y = 0.8 * y - 0.6 * (r[t] - pi)
        pi = pi + kappa * y
        total = total + 0.9**t * pi**2
    return 0.5 * total


def pade(a, b, x):
    num = np.stack([x**0, x, x**2], axis=1) @ a
    den = 1 + np.stack([x, x**2], axis=1) @ b
    return np.mean((num / den - np.exp(x)) ** 2)


def forwards(f, cash, price):
    d = [1 / (1 + f[0])]
    for t in range(1, 4):
        d.append(d[t - 1] / (1 + f[t]))
    d = np.stack(d)
    model = cash @ d
    return np.sum((model - price) ** 2) + np.sum((f[1:] - f[:-1]) ** 2)


def wakes(a, w, theta_rest):
    deficit = w @ a
    v = 8.0 * (1 - deficit)
    return np.sum(a * v**3) + np.sum((a - theta_rest) ** 2)


def counted_answers(prior, A, counts):
    logp = prior - np.log(np.sum(np.exp(prior)))
    logA = A - np.log(np.sum(np.exp(A), axis=1, keepdims=True))
    return -np.sum(counts * logA) - np.sum(logp**3)


def seasons(base, season, store, month, demand):
    stock = base[store] * np.exp(season[month])
    return np.mean(np.maximum(demand - stock, 0) ** 2)


def innovations(phi, psi, x):
    T = len(x)
    e = [0.0]
    for t in range(1, T):
        e.append(x[t] - phi * x[t - 1] - psi * e[t - 1])
    return np.sum(np.stack(e[1:]) ** 2) * (T - 1)


def holt(a, b, sales):
    level, trend, sse = sales[0], sales[1] - sales[0], 0.0
    for t in range(1, 5):
        forecast = level + trend
        sse = sse + (sales[t] - forecast) ** 2
        new_level = a * sales[t] + (1 - a) * forecast
        trend = b * (new_level - level) + (1 - b) * trend
        level = new_level
    return sse


def sites(K, q, p):
    L = 0.0
    for s in range(2):
        b = 1 + K[s] * p
        L = L + np.sum(q[s] * np.log(b))
    return L


MATRIX = np.cos(np.arange(24.0))
SEEN = np.array([[1.0, 0, 1], [0, 1, 1], [1, 0, 0], [1, 1, 1]])
NAMES = "it is right for the numbers given, but not for others: write the names in place of the numbers"
def windowed(x, w):
    L = 0
    for t in range(5):
        L = L + np.tanh(x[t : t + 3] @ w) ** 2
    return L


def prefixes(p, y):
    L = 0
    for t in range(1, 6):
        m = np.mean(p[:t])
        L = L + (m - y[t]) ** 2
    return L


def causal(K, V, q):
    L = 0.0
    for t in range(4):
        s = np.exp(K[: t + 1] @ q[t])
        w = s / np.sum(s)
        o = w @ V[: t + 1]
        L = L + np.sum(o**2)
    return L


def hawkes(mu, b, times):
    logs = 0.0
    for i in range(1, len(times)):
        ex = sum(np.exp(-b * (times[i] - times[j])) for j in range(i))
        logs = logs + np.log(mu + ex)
    return logs


def partial_likelihood(eta):
    L = 0.0
    for i in range(len(eta)):
        risk = sum(np.exp(eta[j]) for j in range(i, len(eta)))
        L = L - (eta[i] - np.log(risk))
    return L


def by_lists(U, V):
    loss = 0.0
    for i in range(4):
        sims = [U[i] @ V[j] for j in range(4)]
        loss = loss - np.log(np.exp(sims[i]) / sum(np.exp(s) for s in sims))
    return loss


def near_by(r, W):
    loss = 0.0
    for near in ([0, 1, 2], [1, 0, 3], [2, 0], [3, 1, 2, 0]):
        a = r[near] @ W[near]
        loss = loss + np.sum(np.tanh(a))
    return loss


def gaussian(W, Sigma):
    risk = np.sqrt(W @ Sigma @ W)
    return np.log(risk)


WRT = {
    hawkes: ["mu", "b"], by_rank: ["s"], backwards: ["v"], predicted: ["C"], gaussian: ["W"],
    two_views: ["A", "B"], excitation: ["beta"], offsets: ["bu"], by_lists_of_neighbours: ["W"],
    scalar_layers: ["w", "b"],
    adversarial: ["v"], written_to: ["K", "A"], routed: ["W"], projected: ["t"], regulated: ["K"], bratu: ["u"],
    barrier: ["x"], optics: ["gap", "power"], chi_squared: ["pred", "rho"], reprojected: ["focal", "yaw"],
    next_words: ["E", "U"], sweeps: ["b", "omega"], panel: ["alpha", "eta"], smoother: ["lam"], slits: ["g", "a"],
    corrected: ["W"], probit: ["w"], absorbed: ["Z"],
    perceptron: ["w", "b"], one_example: ["z"], stress: ["Y"], unrolled: ["step", "theta"],
    slacks: ["w", "b"], tempered: ["w"], returns_to_go: ["w"], attracted: ["r"], lagged: ["a"], infected: ["beta"],
    forwards: ["f"], wakes: ["a"], counted_answers: ["prior", "A"], seasons: ["base", "season"],
    innovations: ["phi", "psi"], sites: ["K", "q"], holt: ["a", "b"], prototypes: ["H"],
    rates: ["r"], pade: ["a", "b"], delayed: ["b", "c"], distilled: ["W"], neighbours: ["Y"],
    windowed: ["w"], prefixes: ["p"], causal: ["K", "V"],
}  # fmt: skip


def attended(F, W, q):
    keys = np.einsum("bpc,cd->bpd", F, W)
    a = np.einsum("bpd,bd->bp", keys, q) ** 2
    return np.sum(np.einsum("bp,bpd->bd", a, keys) ** 2)


def embedded(W, X1):
    return sum(np.sum(np.tanh(X1[i] @ W) ** 2) for i in range(4))


def partition(E, T):
    alpha = E[0]
    for t in range(1, 4):
        alpha = E[t] + ag.special.logsumexp(alpha[:, None] + T, axis=0)
    return ag.special.logsumexp(alpha)


def scores(U, v):
    e = np.tanh(U @ v)
    return 0.5 * np.sum(e**2)


def centred(x, W):
    def center(x):
        mean = x.mean(axis=1, keepdims=True)
        return x - mean

    return np.sum(center(center(x) @ W) ** 3)


def looked_up(E, w, tokens):
    x = E[tokens[:-1]]
    return np.sum((x @ w) ** 2)


def autoregressive(c, y):
    L = 0.0
    for k in range(1, 4):
        e = y[k] - c - 0.5 * y[k - 1]
        L = L + e**2
    return L


def logistic_loss(w, X, y):
    p = ag.sigmoid(X @ w)
    return -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))


def recursive(a, b, y):
    s, L = 0.3, 0.0
    for t in range(3):
        s = a * s + b
        L = L + (y[t] - s) ** 2
    return L


def mixed(N, gam):
    G = 0.0
    for m in range(3):
        p = np.log(N[m])
        G = G + gam[m] * p**2
    return G


def shares(w, mu):
    total = np.sum(w)
    return np.sum(mu * np.log(w / total)) + 3 * (total - 1) ** 2


def chain(S, trans, tags):
    score = np.sum(S[np.arange(len(tags)), tags]) + np.sum(trans[tags[:-1], tags[1:]])
    return np.sum(np.exp(S)) + np.sum(trans**2) - score


def steered(x, A, Q):
    cost = 0.0
    for _ in range(3):
        cost = cost + x @ Q @ x
        x = A @ x
    return cost + x @ Q @ x


def logits(w, X, rho):
    logit = X @ w
    return np.sum((logit * (1 - logit)) ** 2) / rho


def spent(c, a0, rho):
    a, U = a0, 0.0
    for t in range(3):
        U = U + rho**t * np.log(c[t])
        a = 1.1 * (a - c[t])
    return -(U + np.log(a))


def harmonics(om, a, t, k):
    phase = om * np.outer(t, k)
    f = np.cos(phase)
    model = np.einsum("tk,k->t", f, a)
    return np.sum(model**3)


def in_rows(Theta, X):
    A = X @ Theta
    return np.sum(np.tanh(A) ** 3) + 0.5 * np.sum(Theta**2)


def masked(W, s, x, seen, c):
    y = W @ x
    z = np.where(seen, y, 0.0)
    u = s * z / c
    return np.sum(u**3)


def bar(k, f, F):
    K = np.diag(k) - np.diag(f, 1) - np.diag(f, -1)
    u = np.linalg.solve(K, F)
    return F @ u


def row_and_column(W, V, x):
    h = np.tanh(W @ x)
    z = h @ V
    return np.sum(z**2)


def alleles(theta):
    e = np.exp(theta)
    s = 1 + e[0] + e[1]
    p = e[0] / s
    return np.log(s) - 3 * np.log(p)


def squeezed(maps, A, at, b, h):
    s = np.einsum("dhw,d->hw", maps, b)
    return np.sum(s**2) + np.trace(A @ A) * np.sum(b[at] ** 3 * h) + np.log(np.sum(np.exp(b)))


def written_rows(V, c):
    L = 0.0
    for t in range(1, 4):
        a = V[t - 1] - c
        L = L + np.sum(a**3)
    return L


def advantages(V, rewards, gamma, lam):
    adv = loss = 0.0
    for t in reversed(range(3)):
        delta = rewards[t] + gamma * V[t + 1] - V[t]
        adv = delta + gamma * lam * adv
        loss = loss + adv**2
    return loss


def most_violating(S, D, y):
    return np.sum(np.max(S + D, axis=1) - S[np.arange(2), y])


def thresholded(x):
    return np.sum(np.maximum(0, 1 - x))


def similarities(H):
    S = H @ H.T
    E = (1 - np.eye(3)) * np.exp(S)
    return np.sum(np.log(np.sum(E, axis=1)))


def policy(S, a, adv, beta):
    pi = ag.softmax(S, axis=1)
    logpi = np.log(pi)
    H = -np.sum(pi * logpi, axis=1)
    return -np.mean(adv * logpi[np.arange(5), a]) - beta * np.mean(H)


def negatives(v, u, un):
    pos = np.sum(v * u, axis=1)
    neg = np.einsum("bd,bkd->bk", v, un)
    return -np.sum(np.log(ag.sigmoid(pos))) - np.sum(np.log(ag.sigmoid(-neg)))


def springs(x, i, j, k, m):
    d = x[j] - x[i]
    l = np.linalg.norm(d, axis=1)  # i … m are names, and indices n, p, r
    return 0.5 * np.sum(k * (l - 1.1) ** 2) + np.sum(9.8 * m * x[:, 1])


def huberised(w, X):
    r = X @ w
    return np.sum(np.where(np.abs(r) <= 1, 0.5 * r**2, np.abs(r) - 0.5))


def shape_of_gamma(r, y):
    return np.sum(gammaln(y + r)) - 3 * gammaln(r)


def leapfrog(th, h):
    om, L = 0.0, 0.0
    for _ in range(3):
        om = om - h * np.sin(th)
        th = th + h * om
        om = om - h * np.sin(th)
        L += th**2
    return L


def rows_of_length_one(Z):
    U = Z / np.linalg.norm(Z, axis=1, keepdims=True)
    return np.sum(np.tanh(U @ U.T))


def location(b, y):
    return 0.5 * np.sum((y - b) ** 2)


def pairwise(q):
    d = q[:, None, :] - q[None, :, :]
    return np.sum(d**2) / 2


def each_pair(q):
    E = 0.0
    for i in range(3):
        for j in range(i):
            E = E + np.sum((q[i] - q[j]) ** 2)
    return E


def forward(A, B, pi, obs):
    alpha = pi * B[:, obs[0]]
    for o in obs[1:]:
        alpha = (alpha @ A) * B[:, o]
    return -np.log(alpha.sum())


def hung_net(P, i, j, k, m):
    length = np.linalg.norm(P[j] - P[i], axis=1)
    return np.sum(k * length) + m * np.sum(P[:, 1])


def predators(c, h):
    u, v, L = 1.0, 0.5, 0.0
    for _ in range(3):
        dv = c * u * v
        u, v = u + h * (u - dv), v + h * dv
        L = L + (u - 1.5) ** 2 + (v - 0.6) ** 2
    return L


def in_cells(D, x):
    e = D[:, :, None] * x
    return np.sum(e**2)


def assigned_to(C, X, z):
    R = X - C[z]
    return 0.5 * np.sum(R**2)


Q = np.array([[0.1, 0.2], [1.3, -0.1], [0.6, 1.2]])
NO_PSI = (
    "not marked here: 'Xᵀ ψ(r)': ψ is not a function on this sheet; its functions are exp, log, sqrt, tanh, sigmoid, "
    "softmax, sum, mean, outer and others of NumPy"
)
AS_ON_A_BOARD = {
    pairwise: ((Q,), {
        "dLdq": dict.fromkeys((
            "dL/dqᵢ = 2 Σⱼ (qᵢ - qⱼ)", "dL/dqᵢ = 6 qᵢ - 2 Σⱼ qⱼ", "dL/dqᵢ = Σⱼ≠ᵢ -2 (qⱼ - qᵢ)",
            "dL/dqᵢ = Σ_{k≠i} -2 (q_k - q_i)"), "")
            | {"dL/dqᵢ = Σⱼ≠ᵢ -2 (qᵢ - qⱼ)": "the sign is wrong"},
    }),
    hung_net: ((Q, np.array([0, 1]), np.array([1, 2]), np.array([2.0, 1.5]), 0.4), {
        "dLdP": dict.fromkeys((
            "Σₗ 1[jₗ = p] dL/daₗₙ - Σₗ 1[iₗ = p] dL/daₗₙ + 1[n = 1] m",
            "Σₗ (1[jₗ = p] - 1[iₗ = p]) dL/daₗₙ + m 1[n = 1]",
            "dL/dP_{pn} = Σ_l 1[j_l = p] dL/da_{ln} - Σ_l 1[i_l = p] dL/da_{ln} + 1[n = 1] m"), "")
            | {"Σₗ (1[jₗ = p] + 1[iₗ = p]) dL/daₗₙ + m 1[n = 1]": "the sign before 1[iₗ = p] is wrong"},
    }),
    predators: ((0.7, 0.2), {
        "dLdc": {"Σₜ dL/ddvₜ uₜ₋₁ vₜ₋₁": "", "Σₜ dL/ddvₜ uₜ vₜ": "uₜ and vₜ are of another step than they should be"},
    }),
    in_cells: ((Q, np.cos(np.arange(18.0)).reshape(3, 2, 3)), {
        "dLdD": dict.fromkeys((
            "2 * np.sum(D[..., np.newaxis] * x**2, axis=2)", "2 * np.sum(D[..., None] * x**2, axis=2)"), ""),
    }),
    assigned_to: ((Q[:2], Q + 0.5, np.array([0, 1, 0])), {
        "dLdC": {"dL/dCₖ = -Σᵢ 1[zᵢ = k] Rᵢ": "", "dL/dCₖ = -R": "expected shape 2x2, got 3x2"},
    }),
    each_pair: ((Q,), {
        "dEdq": dict.fromkeys(("dE/dqₖ = Σⱼ -2 (qⱼ - qₖ)", "dE/dqₖ = Σⱼ≠ₖ -2 (qⱼ - qₖ)"), ""),
    }),
    forward: ((np.array([[0.8, 0.2], [0.3, 0.7]]), np.array([[0.2, 0.5, 0.3], [0.6, 0.1, 0.3]]), np.array([0.6, 0.4]),
               np.array([1, 0, 2])), {
        "dLdA": dict.fromkeys((
            "dL/dAᵢⱼ = Σₜ αₜ₋₁,ᵢ Bⱼ,obs[t] dL/dαₜⱼ", "dL/dAᵢⱼ = Σₜ αₜ₋₁,ᵢ B_{j,obs[t]} dL/dαₜⱼ"), ""),
    }),
    huberised: ((np.array([0.4, -0.3]), np.array([[0.5, 1.2], [-0.3, 0.8]])), {
        "dLdw": {"Xᵀ ψ(r)": NO_PSI, "Xᵀ @ dL/dr": ""},
    }),
    shape_of_gamma: ((np.array(1.7), np.array([2.0, 0.0, 3.0])), {
        "dLdr": dict.fromkeys(("Σ ψ(y + r) - 3 ψ(r)", "Σ (ψ(y + r) - ψ(r))"), "")
        | {"Σ psi(y + r) - psi(r)": "it is off by 0.4171"},
    }),
    leapfrog: ((np.array(0.6), 0.1), {
        "dLdth_t": {
            "2 thₜ + dL/dthₜ₊₁ - (dL/daₜ₊₁ + dL/domₜ) h cos(thₜ)": "",
            "dL/dthₜ₊₁ - (dL/daₜ₊₁ + dL/domₜ) h cos(thₜ)": "the term 2 thₜ is missing from the sum",
            "2 thₜ + dL/dthₜ₊₁": "at step t = 2, it is off by 0.01842",
            "2 thₜ + dL/dthₜ₊₁ - dL/daₜ₊₁ h cos(thₜ)": "the term dL/daₜ₊₁ h cos(thₜ) has to be multiplied by 2",
        },
    }),
    rows_of_length_one: ((np.array([[0.5, -0.6], [1.0, 0.2]]),), {
        "dLdZ": dict.fromkeys(("(dL/dU - U Σⱼ dL/dUⱼ Uⱼ) / ‖Z‖ⱼ", "(dL/dU - U Σⱼ dL/dUⱼ Uⱼ) / ‖Z‖"), "")
        | {"(dL/dU + U Σⱼ dL/dUⱼ Uⱼ) / ‖Z‖": "the sign before U Σⱼ dL/dUⱼ Uⱼ is wrong"},
    }),
    location: ((np.array(0.0), np.array([0.6472, 0.5])), {
        "dLdb": {"-1": "it is 0.871688 times the right one", "Σ (b - y) / 2": "it is 1/2 times the right one"},
    }),
    springs: ((np.array([[0.1, 0.3], [1.4, 0.2], [2.2, -0.5]]), np.array([0, 1]), np.array([1, 2]), 2.5,
               np.array([0.5, 0.8, 0.6])), {
        "dLdd": dict.fromkeys(("dL/dlₙ dₙₚ / lₙ", "dL/dl_n d_{ns} / l_n", "dL/dlᵣ dᵣₛ / lᵣ"), "")
        | {"-dL/dlₙ dₙₚ / lₙ": "the sign is wrong"},
        "dLdx": dict.fromkeys((
            "9.8 1[p = 1] mₙ + Σᵣ 1[jᵣ = n] dL/ddᵣₚ - Σᵣ 1[iᵣ = n] dL/ddᵣₚ",
            "9.8 1[s = 1] mₙ + Σᵣ 1[jᵣ = n] dL/ddᵣₛ - Σᵣ 1[iᵣ = n] dL/ddᵣₛ",
            "dL/dxₙₚ = Σᵣ (1[jᵣ = n] - 1[iᵣ = n]) dL/ddᵣₚ + 9.8 mₙ 1[p = 1]",
            "dL/dx_{ab} = 9.8 1[b = 1] m_a + Σ_c 1[j_c = a] dL/dd_{cb} - Σ_c 1[i_c = a] dL/dd_{cb}"), "")
        | {"9.8 1[p = 0] mₙ + Σᵣ 1[jᵣ = n] dL/ddᵣₚ - Σᵣ 1[iᵣ = n] dL/ddᵣₚ": "6 of 6 entries are off, by up to 7.84"},
    }),
    policy: ((MATRIX[:15].reshape(5, 3), np.array([0, 2, 1, 1, 0]), MATRIX[15:20], 0.1), {
        "dLdS": {
            "(adv ⊙ (π - Y) + β π ⊙ (logpi + H))/n": "", "(adv (π - Y) + β π (logpi + H)) / n": "",
            "-(adv ⊙ (π - Y) + β π ⊙ (logpi + H))/n": "the sign is wrong",
            "(adv * (pi - Y) + beta * pi * (logpi + H[:, np.newaxis])) / np.sum(Y, axis=(0, 1))":
                "'(adv * (pi - Y) + beta * pi * (logpi + H[:, np.newaxis]…' does not work: shapes 5 and 5x3 do not "
                "fit; write A @ B for a product of matrices",
        },
    }),
    negatives: ((MATRIX[:6].reshape(3, 2), MATRIX[6:12].reshape(3, 2), MATRIX[12:].reshape(3, 2, 2)), {
        "dLdv": {"(σ(pos) - 1) u + Σⱼ σ(neg) un": "", "(σ(pos) - 1) u + Σⱼ σ(negᵢⱼ) unᵢⱼₖ": "",
                 "(1 - σ(pos)) u + Σⱼ σ(neg) un": "the sign of the term dpos/dv is wrong"},
    }),
    similarities: ((np.array([[0.3, -1.2], [0.8, 0.5], [0.4, 0.7]]),), {
        "dLdS": dict.fromkeys(("E / Σⱼ Eⱼ", "E / Σⱼ E", "Eᵢⱼ / Σₖ Eᵢₖ", "E / np.sum(E, axis=1, keepdims=True)"), "")
        | dict.fromkeys(("E / Σᵢ Eᵢ", "E / Σᵢ Eᵢⱼ", "Eᵢⱼ / Σₖ Eₖⱼ"), "it is transposed"),
    }),
    most_violating: ((np.array([[4.2, -1.2, 0.8], [1.1, -0.7, -0.5]]), np.array([[0.0, 1, 1], [1, 1, 0]]),
                      np.array([0, 2])), {
        "dLdS": dict.fromkeys((
            "1[aᵢⱼ = maxₖ aᵢₖ] - Yᵢⱼ", "np.eye(3)[np.argmax(a, axis=1)] - Y", "np.eye(3)[np.argmax(S + D, 1)] - Y",
            "[[0, 0, 0], [1, 0, -1]]"), "")
        | dict.fromkeys((
            "1[Sᵢⱼ = maxₖ Sᵢₖ] - Yᵢⱼ", "np.eye(3)[np.argmax(S, axis=1)] - Y", "np.eye(3)[[0, 0]] - Y"), ELSEWHERE),
    }),
    thresholded: ((np.array([0.5, 2.0, -3.0]),), {
        "dLdx": {"-1[x < 1]": "", "-(x < 1)": "", "-1[x < 0.9]": NAMES, "-1[x < 1.1]": NAMES},
    }),
    forwards: ((np.array([0.02, 0.025, 0.03, 0.028]), MATRIX[:12].reshape(3, 4), MATRIX[12:15]), {
        "dLdd_t": dict.fromkeys((
            "(dL/dd)ₜ + dL/ddₜ₊₁ / aₜ₊₁", "(∂L/∂d)ₜ + ∂L/∂dₜ₊₁ / aₜ₊₁", "(dL/dd)_t + dL/dd_{t+1} / a_{t+1}",
            r"\left(\frac{\partial L}{\partial d}\right)_{t} + \frac{\partial L}{\partial d_{t+1}} / a_{t+1}"), "")
        | {"(dL/dd)_{t+1} + dL/ddₜ₊₁ / aₜ₊₁": "at step t = 2, it is off by 2.651"},
        "dLda_t": dict.fromkeys(("-dL/ddₜ dₜ / aₜ", "-dL/dd_t d_{t-1} / a_t^2"), ""),
        "dLdd": dict.fromkeys(('np.einsum("bt,b->t", cash, dLdmodel)', "einsum('bi,b->i', cash, dLdmodel)"), ""),
    }),
    wakes: ((np.array([0.3, 0.28, 0.33]), np.tril(MATRIX[:9].reshape(3, 3) ** 2, -1), MATRIX[3:6]), {
        "dLda": dict.fromkeys((
            "2 (aᵢ - θ_restᵢ) + vᵢ³ + Σⱼ ddeficit/daᵢⱼ dL/dvⱼ dv/ddeficitⱼ",
            "2 (a - θ_{rest}) + v³ + ddeficit/da (dL/dv ⊙ dv/ddeficit)",
            "2 (a - θ_rest) + v³ + dv/ddeficit[0] ddeficit/da @ dL/dv"), ""),
        "dLdv": {"np.take(3 a v², [0, 1, 2])": "", "np.c_[3 a v², a][:, 0]": "", "np.tile(3 a v², 2)[:3]": ""},
    }),
    counted_answers: ((MATRIX[:3], MATRIX[3:9].reshape(2, 3), MATRIX[9:15].reshape(2, 3) ** 2), {
        "dLdprior": dict.fromkeys((
            "dL/dlogp - exp(log_softmax(prior)) Σᵢ dL/dlogpᵢ", "dL/dlogp - exp(logp) sum(dL/dlogp)"), "")
        | {"dL/dlogp + exp(log_softmax(prior)) Σᵢ dL/dlogpᵢ": "the sign before exp(log_softmax(prior)) Σᵢ d… is wrong"},
        "dLdA": {"dL/dlogA - exp(log_softmax(A)) ⊙ Σⱼ dL/dlogAᵢⱼ": ""},
    }),
    seasons: ((np.array([10.0, 11, 13]), np.array([0.1, -0.2]), np.array([0, 1, 1, 2, 0]), np.array([0, 0, 1, 1, 1]),
               np.array([12.0, 15, 11, 14, 13])), {
        "dLdseason": {
            "np.array([np.sum(dLdstock[month == k] * stock[month == k]) for k in range(2)])": "",
            "[sum(dLdstock[month == k] * stock[month == k]) for k in range(len(season))]": "",
            "sum(onehot(month)[i] * dLdstock[i] * stock[i] for i in range(5))": "",
            "[sum(dLdstock[month == k]) for k in range(2)]": "2 of 2 entries are off, by up to 33.17",
        },
    }),
    innovations: ((0.6, -0.3, MATRIX[:6]), {
        "dLdphi": {"-Σ_{t=1}^{T-1} dL/deₜ xₜ₋₁": "",
                   "-Σ_{t=2}^{T-1} dL/de_t x_{t-1}": "the term de1/dφ is missing from the sum"},
        "dLde_t": {
            "(dL/da)_{t-1} - ψ dL/deₜ₊₁": "",
            "(dL/da)_{t-1} - ψ dL/deₜ": "dL/deₜ is of another step than it should be",
        },
    }),
    holt: ((0.6, 0.3, np.array([10.0, 12, 13, 15.5, 16])), {
        "dssedtrend_t": {
            "dsse/dtrendₜ₊₁ (1 - b) + dsse/dforecastₜ₊₁": "",
            "dsse/dtrendₜ (1 - b) + dsse/dforecastₜ": "the gradients are of another step than they should be",
            "dsse/dtrend_t (1 - b) + dsse/dforecast_t": "the gradients are of another step than they should be",
        },
    }),
    sites: ((MATRIX[:2] ** 2, MATRIX[2:4], MATRIX[4:7] ** 2), {
        "dLdK": {"Σᵢ dL/db_si p_i": "", "Σᵢ dL/db_{si} pᵢ": "",
                 "dL/db_si p_i": "the sum over i is missing in dL/db_si p_i"},
    }),
    prototypes: ((MATRIX[:12].reshape(4, 3), np.array([0, 0, 1, 1]), MATRIX[12:21].reshape(3, 3)), {
        "dLdH": dict.fromkeys((
            "dLdC[ys]/n", "(dL/dC)[ys] / 2", "½ dL/dC_ys", "½ dL/dC_{ys}", "onehot(ys) @ dL/dC / n",
            "½ onehot(ys) dL/dC"), "")
        | {"dL/dC[ys]": "it is 2 times the right one", "onehot(ys) dL/dC": "it is 2 times the right one"},
    }),
    rates: ((np.array([3.0, 2.5, 2.0]), 2.0, 1.0, 0.3), {
        "dLdpi3": {
            "0.81π3": "", "0.9^2 π3": "", "0.9²π₃": "", "0.9**2 π_3": "", "0.81 π₂": "it is off by 0.01602",
            "0.81 π": "not marked here: '0.81 π': π has a value at each step: write π0 … π3",
            "2π": "not marked here: '2π': π has a value at each step: write π0 … π3",
        },
    }),
    pade: ((np.array([1.0, 0.4, 0.1]), np.array([-0.5, 0.1]), np.array([-1.0, -0.5, 0.25, 0.5, 1.0])), {
        "dnumda": {"[1, x, x²]ᵀ": "", "[1, x, x²]": "", "[x², x, 1]": "the right numbers in the wrong places"},
        "ddendb": {"[x, x²]ᵀ": "", "[x, x²]": ""},
    }),
    squeezed: ((MATRIX[:12].reshape(3, 2, 2), MATRIX[12:16].reshape(2, 2), np.array([2, 0]), MATRIX[1:4], MATRIX[:2]), {
        "dLdmaps": {"b_d dL/ds_{hw}": "", "-b_d dL/ds_{hw}": "the sign is wrong"},  # h is a value, too
        "dLdb": {
            "np.einsum('dhw,hw->d', maps, dL/ds) + np.bincount(at, 3 Tr(A A) b[at]² h) + softmax(b)": "",
            "Σ_{hw} maps_{dhw} dL/ds_{hw} + bincount(at, weights=3 Tr(A A) b[at]² h) + softmax(b)_d": "",
            "Σ exp(b)": "expected shape 3, got 1", "1/Σ b": "expected shape 3, got 1",
        },
    }),
    alleles: ((np.array([0.3, -0.5]),), {
        "dLds": {"1/s - dL/dp e[0] / s²": "", "1/s + dL/dp e[0] / s²": "it is -1/2 times the right one",
                 "dL/dp e[0] / s²": "it is -3/4 times the right one"},  # e is no number here
    }),
    bar: ((np.array([9.6, 8.0, 6.4]), np.array([1.2, 2.5]), np.array([0.5, 0.2, 1.0])), {
        "dLdK": dict.fromkeys(("-u @ uᵀ", "-u uᵀ", "-outer(u, u)", "-u ⊗ u"), "")  # where u is a column
        | dict.fromkeys(("-uᵀ u", "-uᵀ @ u", "-u.T @ u"), "expected shape 3x3, got 1"),
        "dLdf": dict.fromkeys((
            "-np.diag(dL/dK, k=-1) - diag(dL/dK, 1)", "-np.diagonal(dL/dK, 1) - diagonal(dL/dK, offset=-1)",
            "-2 dL/dK.diagonal(-1)"), "")
        | {"2 diag(dL/dK, -1)": "the sign is wrong", "-diag(dL/dK)": "expected shape 2, got 3"},
    }),
    row_and_column: ((MATRIX[:4].reshape(2, 2), MATRIX[4:8].reshape(2, 2), MATRIX[:2]), {
        "dLdV": {"hᵀ dL/dz": "", "h dL/dzᵀ": ""},  # h is a row here
        "dLdW": {"dL/da xᵀ": "", "xᵀ dL/da": "expected shape 2x2, got 1"},
    }),
    masked: ((MATRIX[:9].reshape(3, 3), 0.7, MATRIX[3:6], np.array([True, False, True]), MATRIX[:3] + 2), {
        "dLdy": {
            "dL/dz if seen else 0": "", "0 if not seen else dL/dz": "", "dL/dzᵢ if seenᵢ, 0 otherwise": "",
            "0 if seen else dL/dz": "2 of 3 entries are off, those at the ends, by up to 0.5708",
            "dL/dzᵀ seen": "it is summed over all axes: expected shape 3",
        },
        "dLds": {"dL/du · z / c": "", "(dL/du · z) / c": "a sum is missing"},
        "dLdW": {"dL/dy xᵀ": "", "dL/dyᵀ x": "expected shape 3x3, got 1"},
    }),
    spent: ((np.array([0.8, 0.9, 1.1]), 6.0, 0.9), {
        "dLdc": {
            "dL/dcₖ = -ρᵏ / cₖ - 1.1 dL/daₖ₊₁": "", "dL/dcₖ = -ρᵏ⁻¹ / cₖ - 1.1 dL/daₖ": "",  # counted from 1
            "dL/dcₖ = -ρᵏ / cₖ - 1.1 dL/daₖ": "3 of 3 entries are off, by up to 0.0288",
            "dL/dcₜ = -ρᵗ / cₜ - 1.1 dL/daₜ₊₁": "",
            "dL/dcₜ = -ρᵗ / cₜ₊₁ - 1.1 dL/daₜ₊₁": "cₜ₊₁ is of another step than it should be",
            "dL/dcⱼ = -ρᵏ / cₖ - 1.1 dL/daₖ₊₁":
                "not marked here: 'dL/dcⱼ = -ρᵏ / cₖ - 1.1 dL/daₖ₊₁': the index k does not stand on the left side",
        },
        "dLda_t": {
            "1.1^{3-t} dL/da3": "", "1.1 dL/da_t+1": "", "-1.1 dL/da_t+1": "the sign is wrong",
            "1.1 Σ dL/daₜ₊₁":
                "not marked here: '1.1 Σ dL/daₜ₊₁': "
                "a sum of one number cannot be read: write over what it is, as in Σₜ or Σᵢ",
        },
    }),
    harmonics: ((0.7, MATRIX[:3], MATRIX[3:7], np.array([1, 2, 3])), {
        "dLda": {
            **dict.fromkeys(("dL/daₖ = Σₜ dL/dmodelₜ fₜₖ", "Σ_t dL/dmodel_t f_{tk}", "Σₜ dL/dmodelₜ fₜⱼ"), ""),
            "np.einsum('t,tk->k', dL_dmodel, f)": "", "np.tensordot(dL_dmodel, f, axes=1)": "",
            "np.tensordot(f, dL_dmodel, axes=([0], [0]))": "", "-Σₜ dL/dmodelₜ fₜₖ": "the sign is wrong",
        },
        "dLdom": {"-Σₜₖ dL/dfₜₖ sin(phaseₜₖ) tₜ kₖ": ""},
    }),
    in_rows: ((MATRIX[:9].reshape(3, 3), MATRIX[6:18].reshape(4, 3)), {
        "dLdTheta": {
            "Σᵢ Xᵢᵀ dL/dAᵢ + Θ": "", "Σᵢ Xᵢᵀ @ dL/dAᵢ + Θ": "", "\\sum_i X_i^T dL/dA_i + \\Theta": "",
            "\\frac{3}{\\sqrt 9} X^\\top \\frac{\\partial L}{\\partial A} + \\Theta": "",
            "Σᵢ Xᵢ dL/dAᵢᵀ + Θ": "", "Σᵢ dL/dAᵢᵀ Xᵢ + Θ": "6 of 9 entries are off, those at the ends, by up to 0.04995",
            "Σᵢ dL/dAᵢ Xᵢᵀ + Θ": "6 of 9 entries are off, those at the ends, by up to 0.04995",
        },
    }),
    adapted: ((MATRIX[:12].reshape(4, 3), MATRIX[12:15].reshape(1, 3), MATRIX[15:17].reshape(2, 1)), {
        "dLdB": dict.fromkeys(("dL/dδ @ A", "np.dot(dL/dδ, A)"), "A has to be transposed")
        | dict.fromkeys(("dL/dδ Aᵀ", "np.dot(dL/dδ, A.T)", "Σⱼ dL/dδᵢⱼ A₀ⱼ", r"\sum_k dL/d\delta_{ik} A_{0k}"), ""),
    }),
    distilled: ((MATRIX[:8].reshape(4, 2), MATRIX[8:14].reshape(2, 3), MATRIX[:12].reshape(4, 3),
                 np.array([0, 1, 2, 0]), 2.0, 0.7), {
        "dLdS": dict.fromkeys((
            "α T (softmaxⱼ(S / T) - q)/n + (1 - α)(softmaxⱼ(S) - onehot(labels))/n",
            "1.4 (softmax(S / T) - q)/n + 0.3 (softmax(S) - onehot(labels))/n",
            "0.7*2*(softmax(S / T) - q)/4 + 0.3*(softmax(S) - np.eye(3)[labels])/4"), "")
        | {"1.4 (softmax(S / T) - q)/n + 0.4 (softmax(S) - onehot(labels))/n":
           "12 of 12 entries are off, by up to 0.01802"},
    }),
    graded: ((MATRIX[:12].reshape(4, 3), np.array([0, 1, 2, 0]), 0.7), {
        "dLdscore": dict.fromkeys(("-(1 - α)/n 1[labels = j]", "-(1 - α) 1[j = labels] / n"), "")
        | {"(1 - α) 1[labels = j] / n": "the sign is wrong"},
    }),
    neighbours: ((MATRIX[:6].reshape(3, 2), np.array([[0.1, 0.2, 0.1], [0.2, 0.1, 0.2], [0.1, 0.2, 0.1]])), {
        "dKLdY": {"Σⱼ dKL/ddiffᵢⱼₖ": "it is 1/2 times the right one",
                  "Σⱼ (dKL/ddiffⱼᵢₖ - dKL/ddiffᵢⱼₖ)": "the sign is wrong"},
        "dKLddiff": {"2 diff * np.expand_dims(dKL/dd2, 2)": ""},
        "dKLdb_t": dict.fromkeys((r"-\frac{P_{i_{t}, j_{t}}}{b_{t}}", "-P_{i_t j_t}/b_t", "-P_{iₜjₜ}/bₜ"), ""),
        "dKLdnum": dict.fromkeys(("1/Σ num (dKL/dQ - Σ dKL/dQ ⊙ Q)", "1/Σ num · (dKL/dQ - Σ dKL/dQ ⊙ Q)"), ""),
    }),
    noised: ((MATRIX[:4].reshape(2, 2), MATRIX[4:10].reshape(3, 2), np.array([0, 2, 1])), {
        "dLdW": dict.fromkeys((
            r"x_{t}^\top\,\frac{\partial L}{\partial a}", "x_{t}^T dL/da", "xₜᵀ @ dL/da"), "")
        | {"xₜᵀ ω": "not marked here: 'xₜᵀ ω': ω is not a name on this sheet; its names are W, xt, t, a, L"},
    }),
    answered: ((MATRIX[:4].reshape(2, 2), np.eye(2), np.array([[True, False], [True, True]])), {
        "dLdcell": dict.fromkeys(("-1 if seen else 0", "-1 if seenᵢⱼ, 0 otherwise", "-1 if seen = 1 else 0"), "")
        | {"-1 if (seen) else": "not marked here: '-1 if (seen) else': invalid syntax; write * between factors: 2 * x"},
        "dcelldp": {"R ⊘ p - (1 - R) ⊘ (1 - p)": "", "R @ 1/p": "not marked here: 'R @ 1/p': a product of matrices "
                    "with a number"},
    }),
    spread_out: ((MATRIX[:2], MATRIX[2:6].reshape(2, 2), MATRIX[6:14].reshape(4, 2), np.array([1, 0, 1])), {
        "dLdmu": dict.fromkeys(("-Σⱼ M[:, j]", "-Σᵢ M[:, i]"), ""),
        "dLdD": {"D Σ⁻¹": "", "Σ⁻¹ D": "not marked here: 'Σ⁻¹ D': shapes 2x2 and 4x2 do not fit; write A @ B for a "
                 "product of matrices"},
    }),
    delayed: ((0.5, np.array([0.1, 0.5, -0.3, 0.8, 0.2]), 0.2), {
        "dtotaldc": {
            "Σₜ dtotal/dyₜ signal[t-3]": "", "dtotal/dy3 signal[0] + dtotal/dy4 signal[1] + dtotal/dy5 signal[2]": "",
            "Σₜ dtotal/dyₜ signal[t-2]": "dtotal/dyₜ is of another step than it should be",
        },
    }),
    turned: ((np.array([1.0, 0.2, -0.5]), np.array([0.3, 2.0, 1.0]), np.array([0.0, 0.5, 1.0])), {
        "dLdr": {"F × n": "", "-n × F": "", "np.cross(F, n)": "", "½ (F × (n + n))": "", "n × F": "the sign is wrong"},
    }),
    pushed: ((MATRIX[:12].reshape(4, 3), np.array([0, 0, 1]), np.array([1, 2, 3])), {
        "dLdx": {"onehot(i)ᵀ dL/dd - onehot(j)ᵀ dL/dd": "", "(onehot(i) - onehot(j))ᵀ dL/dd": ""},
        "dLdr2": {"ψ(r2)": "", "Γ'(r2)/Γ(r2)": "", "log Γ(r2)": "3 of 3 entries are off, by up to 10.91"},
    }),
    passed: ((MATRIX[:6].reshape(3, 2), np.eye(4) + 0.5, MATRIX[6:18].reshape(4, 3), np.array([1.0, 0, 1, 1])), {
        "dLdW": {
            "(A X)ᵀ [dL/dH ⊙ 1[H > 0]]": "", "Xᵀ Aᵀ (dL/dH 1[H > 0])": "",
            "(A X)ᵀ dL/dH": "6 of 6 entries are off, by up to 5.497",
            "(A X)ᵀ (Aᵀ diag(2 mask) e ⊙ 1[H > 0])": "",
        },
    }),
    joined: ((MATRIX[:6].reshape(3, 2), MATRIX[6:10].reshape(4, 1), np.array([0, 2, 2, 1]), MATRIX[10:14], 0.7), {
        "dLdE": {"Σᵢ 1[wᵢ = k] dL/dx[i, :2]": "", "Σᵢ 1[wᵢ = k] dL/dxᵢ[:2]": ""},
        "dLdom": {"Σₛ s tᵀ dL/dcₛ": ""},
        "dLdx": {"2 / (x² + 4)": ""},
    }),
    labelled: ((MATRIX[:9].reshape(3, 3), np.array([0, 2, 1]), MATRIX[9:12], np.array([0.2, 0.5, 0.3]), MATRIX[:2]), {
        "dLdZ": {"(P - e_y)/n": "", "(Pᵢ - e_{yᵢ})/3": "", "(e_y - P)/n": "the sign is wrong"},
        "dLdw": {"Σᵢ dL/dmixedᵢ fₖᵢ": "", "n/3 [Σ dL/dmixed f0, Σ dL/dmixed f1, Σ dL/dmixed f2]": ""},
        "dLdv": {"-Πᵢ cos(vᵢ) tan(v)": "", "-tan(v) \\prod_i cos(v_i)": ""},
    }),
    chained: ((MATRIX[:9].reshape(3, 3), np.array([0, 1, 1, 0, 1, 2])), {
        "dLdS": {
            "Σₖ 1[statesₖ = i] (softmax(S)ᵢⱼ - 1[statesₖ₊₁ = j])": "",
            "Σₜ δ_{i,states_t} (softmax(S)ᵢⱼ - δ_{j,states_{t+1}})": "",
            "Σₖ 1[states[k] = i] (1[states[k+1] = j] - softmax(S)ᵢⱼ)": "the sign is wrong",
        },
    }),
    ended: ((np.array([0.3, 0.5, 0.2, 0.7]),), {
        "dLdu": {"[1, 2 u[1:-1], 1] - 1[i < 3] / (2 √uᵢ)": "",
                 "1[i = 0] + 1[i = 3] + 2 u_i 1[1 ≤ i ≤ 2] - 1[i ≤ 2] / (2 √u_i)": ""},
    }),
    unit_rows: ((MATRIX[:6].reshape(3, 2), np.eye(3), MATRIX[6:12].reshape(2, 3)), {
        "dLdT": {"(I - Uᵢ Uᵢᵀ) dL/dUᵢ / ‖Tᵢ‖": "", "1/‖Tᵢ‖ (I - Uᵢ Uᵢᵀ) dL/dUᵢ": ""},
        "dLdW": {
            "Σᵢ dL/dfᵢⱼ Uᵢₖ + Wₖⱼ": "", "Σₜ Uₜ (dL/dfₜ)ᵀ + W": "", "Σₜ Uₜ dL/dfₜᵀ + W": "",
            "Uᵀ (dL/df)ᵀ + W": "(dL/df)ᵀ is transposed, and should not be",
        },
    }),
    sampled: ((MATRIX[:6].reshape(2, 3), MATRIX[12:].reshape(4, 3), np.array([[2, 3], [0, 2]])), {
        "dLdU": {"Σⱼ dL/dnegᵢⱼ V[noiseᵢⱼ]": "", "-Σⱼ dL/dnegᵢⱼ V[noiseᵢⱼ]": "the sign is wrong"},
    }),
    filtered: ((0.9, 0.3, np.array([0.6, 1.1, -0.4])), {
        "dtotalda": {"P0 dtotal/dS1 + Σₜ dtotal/dSₜ₊₁ Pₜ": "", "Σₜ dtotal/dSₜ₊₁ Pₜ": "", "Σₜ Pₜ₋₁ dtotal/dSₜ": ""},
    }),
    infected: ((0.5, np.array([0.5, 1.0, 1.5, 2.0]), np.array([0.2, 0.3, 0.4, 0.5])), {
        "dlossdI4": {"2 (I[4] - seen_{3})": "", "2 (I₄ - seen₃)": "", "2 (I4 - 0.5)": "", "2 I4 - 1.0": "",
                     "2 I4 - 1.1": "it is off by 0.1"},
        "dlossdnew_s": {"dloss/dIₛ": "the factor dt is missing", "(I_s > 0).astype(float) dt dloss/dI[s]": ""},
        "dlossdI_s": {"2 (I_s - seen_{s-1}) + dloss/dI_{s+1} + beta t[s] (1 - 2 I_s) dloss/dnew_{s+1}": ""},
        "dlossdbeta": {
            "Σ dloss/dnewₛ tₛ₋₁ Iₛ₋₁ (1 - Iₛ₋₁)": "", "sum_s dloss/dnew_s t[s-1] I_{s-1} (1 - I_{s-1})": "",
            "dloss/dnewₛ": "'dloss/dnewₛ' does not work: the sum over the steps is missing: write Σₛ",
        },
    }),
    gated: ((MATRIX[:8].reshape(2, 4), MATRIX[8:14].reshape(3, 2)), {
        "dLdW": {"Σₜ dL/dbₜᵢ aₜⱼ": "", "Σₜ dL/dbₜ [xs[t-1], hₜ₋₁]ᵀ": "", "Σₜ dL/db_t @ [xs_{t-1}, h_{t-1}]^T": "",
                 "Σₜ dL/dbₜ [x_t, h_{t-1}]ᵀ": "", "dL/db1 [x1, h0]ᵀ + dL/db2 [x2, h1]ᵀ + dL/db3 [x3, h2]ᵀ": "",
                 "Σ_{s=1}^{3} dL/db_s [xs[s-1], h_{s-1}]^T": ""},
    }),
    bond: ((0.02, 0.004, 14.0), {
        "dLdslope": dict.fromkeys((
            "Σₜ t dL/dyₜ", "Σₖ k dL/dyₖ", "Σ_s s dL / dy_s", "sum(t dL/dy(t))", "Σ_{k=1}^3 dL/dy[k] k",
            r"\sum_{t=1}^{T} t\,\frac{\partial L}{\partial y_t}", "grad_y1 + 2 dL_dy2 + 3 y3.grad;",
        ), ""),
        "dLdy_t": dict.fromkeys((
            "-t dL/ddiscountₜ (1 + yₜ)⁻ᵗ⁻¹", r"-t \frac{dL}{ddiscount_t} \frac{1}{(1+y_t)^{t+1}}",
            "-t ddiscount_t / (1 + y(t))**(t + 1)", "-t dL / ddiscount_t ÷ (1 + y^(t))^{t+1}",
        ), ""),
    }),
    heat: ((MATRIX[:6], 0.2), {
        "dLdk": dict.fromkeys((
            "Σ_{t,i} dL/dinside_{t,i} (u_{t-1,i+2} - 2 u_{t-1,i+1} + u_{t-1,i})",
            "Σₜ Σᵢ dL/dinsideₜ[i] (uₜ₋₁[i] - 2 uₜ₋₁ᵢ₊₁ + uₜ₋₁ᵢ₊₂)",
            "Σₜ Σᵢ dL/dinside[t, i] (uₜ₋₁,ᵢ - 2 uₜ₋₁,ᵢ₊₁ + uₜ₋₁,ᵢ₊₂)",
        ), ""),
    }),
    classes: ((MATRIX[:6].reshape(2, 3), MATRIX[6:9], MATRIX[9:15].reshape(3, 2), np.array([0, 2, 1])), {
        "dLdb": dict.fromkeys((
            "np.einsum('ij->j', dL/dz)", r"\sum_{i=1}^n \frac{\partial L}{\partial z_{ij}}",
            "Σ_b dz_b", "sum_i dL_dz[i]",
            "dz.sum(axis=0)", "Σᵢ (dL/dz)_i",
        ), ""),
        "dLdW": dict.fromkeys((
            r"X^\top \frac{dL}{dz}", "X^{T} dL/dz", "np.einsum('ij,ik->jk', X, dz)", "X.t() @ dz", "Xᵀ (grad_z)",
            "torch.matmul(X.T, z.grad)", "X' dL/dz", r"X^\top \nabla_z L", "Xᵀ ∇z", "Σ Xᵢ dL/dzᵢᵀ",
            "Xᵀ @ np.vstack([dz[0], dz[1:]])", "Σᵢ Xᵢ ⊗ dL/dzᵢ", "Σᵢ xᵢ dL/dzᵢᵀ",
        ), ""),
        "dLdX": {
            "(2 relu(z) + (P - onehot(y)) / n) @ Wᵀ": "",
            "dz @ W.T.": "", r"$\frac{\partial L}{\partial z} \mathbf{W}^\top$": "", "dL / dz np.transpose(W)": "",
            "Σ_c dz_{ic} W_{jc}": "", "Σₖ dz[i, k] W[j, k]": "",
        },
        "dLdz": {"2 (z if z > 0 else 0) + (P - Y) / n": "", "(P - Y) / n if z < 0, 2 z + (P - Y) / n otherwise": "",
                 "2 z_{ij} I(z_ij > 0) + (P_{i,j} - δ_{y_i,j})÷n": ""},
    }),
    letters: ((MATRIX[:4].reshape(2, 2), MATRIX[4:10].reshape(3, 2), np.array([1, 2, 0])), {
        "dlossda_t": {"diag(1 - hₜ²) dloss/dhₜ": "", "(I - diag(hₜ²)) dloss/dhₜ": ""},
        "dlossdy_t": {
            "pₜ - onehot(targets[t-1])": "", "softmax(yₜ) - Yₜ": "", "-onehot(targets[t-1]) + pₜ": "",
            "onehot(targets[t-1]) - pₜ": "the sign is wrong",
        },
        "dlossdV": {"Σₜ (pₜ - onehot(targets[t-1])) hₜᵀ": ""},
        "dlossdh3": {"Vᵀ (p3 - onehot(targets[2]))": ""},
        "dlossdW": {
            "Σ_{t=1}^{T-1} dloss/daₜ₊₁ hₜᵀ": "",
            "Σ_{t=1}^{2} dloss/daₜ hₜᵀ": "dloss/daₜ is of another step than it should be",
        },
    }),
    heads: ((MATRIX[:12].reshape(2, 3, 2), MATRIX[5:17].reshape(2, 3, 2), MATRIX[12:].reshape(2, 3, 2)), {
        "dLdv": {"weights.transpose(0, 2, 1) @ dL/db": "", "weightsᵀ dL/db": "",
                 "np.swapaxes(weights, 1, 2) @ dL/db": ""},
        "dLdb": {"dL/djoined.reshape(3, 2, 2).transpose(1, 0, 2)": "", "dL/djoinedⱼ₍ᵢₗ₎": "",
                 "dL/djoined_{j(il)}": "", "dL/djoined[j, 2i + l]": ""},
        "dLdweights": {"dL/db vᵀ": ""},
    }),
    medians: ((MATRIX[:8].reshape(4, 2), MATRIX[8:14].reshape(3, 2)), {
        "dLddist": dict.fromkeys((
            "1[distᵢⱼ = minₖ distᵢₖ] / n", "1[j = argminₖ distᵢₖ] / n", r"1[j = \argmin_k dist_{ik}] / len(points)",
            "1[dist = dist.min(axis=1)[:, None]] / points.shape[0]",
        ), ""),
    }),
    epidemic: ((1.2, MATRIX[:3]), {
        "dlossdbeta": dict.fromkeys((
            "Σₜ Sₜ₋₁ Iₜ₋₁ (0.7 dloss/dIₜ - dloss/dSₜ)", "Σₜ Sₜ Iₜ dloss/dnewₜ₊₁", "Σₜ newₜ dloss/dnewₜ / β",
        ), ""),
    }),
    levels: ((MATRIX[:4], MATRIX[4:8]), {
        "dLdsteps": dict.fromkeys((
            "Σ_{k=i}^{n} dL/dlevel_k", r"dL/dstepsᵢ = \sum_{k=i}^{3} \frac{\partial L}{\partial level_k}",
            "Σ_{i=k+1}^n dL/dlevel_i + dL/dlevel_k", "Σ dL/dlevel - Σ_{k=0}^{i-1} dL/dlevel_k",
        ), ""),
    }),
    rated: ((MATRIX[:8].reshape(4, 2), MATRIX[8:14].reshape(3, 2), MATRIX[:12].reshape(4, 3), SEEN), {
        "dLderr": {"2 errᵢⱼ / Σ mask": "", "2 maskᵢⱼ (Uᵢ·Vⱼ - δᵢⱼ)/Σₖₗ maskₖₗ": "",
                   "2 (mask ⊙ U Vᵀ - mask ⊙ δ) / Σ mask": ""},
        "dLdV": {"2/Σ mask (mask ⊙ err)ᵀ U": "", "-2/Σ mask (mask ⊙ err)ᵀ U": "the sign is wrong"},
    }),
    tagged: ((MATRIX[:12].reshape(4, 3), MATRIX[12:21].reshape(3, 3), np.array([0, 2, 1, 1])), {
        "dLdemit": {
            "dL/dαₜⱼ - 1[tags[t] = j]": "", "dL/demitₜⱼ = dL/dαₜⱼ - 1[tags[t] = j]": "",
            "dL/demit_{t,j} = dL/dalpha_{t,j} - 1[tagsₜ = j]": "",
            **dict.fromkeys(("dL/dα_{t,j} - 1[tags_t = j]", "dL/dα[t, j] - 1[tags[t] = j]"), ""),
            "dL/dα_t - onehot(tags)_t": "",
            "dL/dα[t, j] + 1[tags[t] = j]": "the sign of the term dscore/demit is wrong",
        },
        "dLdtrans": dict.fromkeys((
            "Σₜ dL/daₜᵢⱼ - Σ_{t=1}^3 1[tags[t-1] = i] 1[tags[t] = j]",
            "dL/dtransᵢⱼ = Σₜ (dL/daₜᵢⱼ - 1[tagsₜ₋₁ = i] 1[tagsₜ = j])",
            "Σₜ dL/daₜᵢⱼ - Σₜ 1[tagsₜ₋₁ = i, tagsₜ = j]", "Σₜ (dL/daₜᵢⱼ - 1[tagsₜ₋₁ = i and tagsₜ = j])",
        ), ""),
    }),
    censored: ((MATRIX[:3],), {
        "dLda": {"-phi(a) / Phi(a)": "", "-norm.pdf(a) / normal_cdf(a)": "", "phi(a) / Phi(a)": "the sign is wrong"},
    }),
    spending: ((np.array([0.2, 0.4, -0.1]), np.array([1.0, 1.2, 1.5])), {
        "dlossdrate": {
            "dloss/drateₜ = -incomeₜ dloss/dspentₜ₊₁": "", "dloss/drate[t-1] = -income[t-1] dloss/dspentₜ": "",
            "dloss/drate_{t-1} = income[t-1] dloss/dspent[t]": "the sign is wrong",
            "dloss/drate[t] = -income[t-1] dloss/dspentₜ": "dloss/drate[t] is of another step than it should be",
        },
        "dlossdassets_t": {"dloss/dassets[t-1] = 0.1 dloss/dspentₜ + 1.05 dloss/dassetsₜ": ""},
    }),
    forecasts: ((0.6, -1.0), {
        "dnlldlog_var": {
            "½ Σₜ (1 - εₜ² / exp(log_var))": "", "Σₜ (½ - εₜ² / (2 exp(log_var)))": "",
            "2 - ½ Σₜ εₜ² / e^log_var": "",
            "½ Σ_{t=1}^{4} (1 - ε_t² / exp(log_var))": "", "2 - ½ (ε₁² + ε₂² + ε₃² + ε₄²) / exp(log_var)": "",
        },
        "dnlldeps4": {
            r"\frac{\varepsilon_4}{\exp(\mathrm{log\_var})}": "", "∂nll/∂ε₄ = ε₄ / exp(log_var)": "",
        },
    }),
    paired: ((MATRIX[:6].reshape(3, 2), MATRIX[6:8], MATRIX[8:10]), {
        "dLdS": {"(softmax(S) - 1[j = 0]) / n": "",
                 "(softmax(S)ᵢⱼ - 1[i = 0]) / n": "4 of 9 entries are off, those at the ends, by up to 0.3333"},
        "dLdb": {"Hᵀ Σᵢ dL/dSᵢ": "", "H.T [dL/dS[:, 0].sum(), dL/dS[:, 1].sum(); dL/dS[:, 2].sum()]": ""},
        "dLdH": dict.fromkeys((
            "(Σⱼ dL/dSⱼ) aᵀ + (Σᵢ dL/dSᵢ) bᵀ", "outer(Σⱼ dL/dSⱼ, a) + outer(Σᵢ dL/dSᵢ, b)",
            "dL/dS 1 aᵀ + (1ᵀ dL/dS)ᵀ bᵀ",
        ), ""),
    }),
    ranged: ((MATRIX[:2], MATRIX[2:8].reshape(3, 2), 0.7), {
        "dLda": {"1/√3 (dL/dpredᵢ) aᵢ / ‖satsᵢ - pos‖": "", "dL/dpred[i] a_i / (√3 |a_i|)": ""},
        "dLdpos": {"Σᵢ dL/dpredᵢ (pos - satsᵢ) / ‖satsᵢ - pos‖ / √3": ""},
        "dLdell": {
            "Σ (dL/dK ⊙ ∂K/∂ell)": "not marked here: 'Σ (dL/dK ⊙ ∂K/∂ell)': dK/dell is no gradient on this sheet",
        },
    }),
    pooled: ((MATRIX[:3], 0.2, MATRIX[3:8]), {
        "dLdk": dict.fromkeys((
            "Σᵢ dL/dh_inᵢ sig[i:i+3]", "dL/dk_i = dh_in @ sig[i:i+3]", "dL/dkᵢ = Σₖ dL/dh_inₖ sig[i+k]",
            r"dL/dkᵢ = \sum_j \frac{\partial L}{\partial \mathrm{h\_in}_{j}}\,\mathrm{sig}_{i+j}",
        ), ""),
        "dLdh_in": {r"\begin{cases} 2 \mathrm{h\_in} & \text{if } h_in > 0 \\ 0 & \text{otherwise} \end{cases}": "",
                    "⅔ relu(h_in)":
                        "it is 1/3 times the right one, and 3 is its number of entries: perhaps a mean for a sum"},
    }),
    standardised: ((MATRIX[:8].reshape(4, 2), np.array([1.1, 0.8]), MATRIX[2:8].reshape(2, 3)), {
        "dLdx": dict.fromkeys((
            "(dL/dnorm - meanᵢ(dL/dnorm) - norm meanᵢ(dL/dnorm ⊙ norm)) / √(meanᵢ((x - mean)²) + 1e-5)",
            "(dnorm - mean(dnorm, axis=0) - norm * (dnorm * norm).mean(0)) / √(((x - mean)**2).mean(0) + 1e-5)",
        ), ""),
        "dLdW": {"γᵀ dL/dz": "", r"\gamma \otimes \frac{\partial L}{\partial z}": ""},
    }),
    margin_of: ((MATRIX[:8].reshape(4, 2), [(0, 1, 2), (1, 0, 3), (2, 3, 0)], 2.5), {
        "dLddp_t": {"1[margin + dpₜ > Σ cₜ²] / len(triples)": "",
                    "dL/ddpₜ = 1/m if margin + dpₜ > Σ cₜ² else 0": ""},
    }),
    hanging: ((MATRIX[:8].reshape(4, 2), 20.0, 0.1), {
        "dLdX": dict.fromkeys((
            r"dL/dX_{ij} = dd_{i-1,j} - dd_{ij} + 9.81 m \delta_{j1}", "dL/dXᵢⱼ = dL/ddᵢ₋₁ⱼ - dL/ddᵢⱼ + 9.81 m δⱼ₁",
            "-np.diff(dd, axis=0, prepend=0, append=0) + [0, 9.81 m]",
        ), ""),
        "dLdd": {"dL/ddᵢⱼ = dL/dlengthᵢ": "6 of 6 entries are off, by up to 144.6"},
    }),
    cosine_of: ((MATRIX[:3], MATRIX[3:6]), {"dLdb": {"3 b²/Σu": "", "3 b²/(Σuᵢ)": ""}}),
    filtered_by: ((MATRIX[:3], MATRIX[3:9], MATRIX[9:12]), {
        "dLdtaps": {"dL/dtaps_k = Σ_i e_i signal_{i+2-k}": "", "dL/dtapsₖ = Σᵢ eᵢ signalᵢ₊₂₋ₖ": ""},
    }),
    ratio: ((MATRIX[:3], MATRIX[3:12].reshape(3, 3)), {
        "dLdw": dict.fromkeys(("C w / wᵀw + Cᵀ w / wᵀw - 2 (wᵀ C w) w / (wᵀw)²",
                               "(C w + Cᵀ w) / wᵀ w - 2 (w·C w) w / (w·w)²"), ""),
    }),
    skip_gram: ((MATRIX[:6].reshape(3, 2), MATRIX[6:14].reshape(4, 2)), {
        "dLdv_t": dict.fromkeys(("(σ(C[oₜ] @ vₜ) - 1) C[oₜ]", "-(1 - σ(C[o_t]·v_t)) C[o_t]"), ""),
    }),
    bandit: ((MATRIX[:3], MATRIX[3:6]), {
        "dLdH": dict.fromkeys(("2 π (dL/dπ - πᵀ dL/dπ)", "2π ⊙ (dL/dπ - Σ π dL/dπ)", "2 π (dL/dπ - π·dL/dπ)"), ""),
    }),
    scaled: ((MATRIX[:6].reshape(3, 2), MATRIX[6:8], np.array(0.7)), {
        "dLdz": {"3 (σ (Un @ V))²": "", r"3 (\sigma (U_{n} V))^2": ""},
        "dLdV": {r"\sigma U_{n}^\top \frac{\partial L}{\partial z}": ""},
    }),
    board_order: ((MATRIX[:4].reshape(2, 2), MATRIX[4:6], MATRIX[6:8]), {
        "dLdh": dict.fromkeys(("r_t ⊙ Uᵀ dL/da", "r_t Uᵀ dL/da", "r_t * (U.T @ da)", "r_{t} * U^T da"), "")
        | {"Uᵀ (r_t ⊙ dL/da)": "2 of 2 entries are off, by up to 0.08767"},
        "dLdr_t": {"h Uᵀ dL/da": "", "dL/dr_t = h ⊙ Uᵀ dL/da": ""},
    }),
    cosine_to: ((MATRIX[:3], MATRIX[3:6]), {
        "dLdu": dict.fromkeys(("-v/‖u‖‖v‖ + (uᵀv) u/‖u‖³‖v‖", "-1/‖u‖‖v‖ (I - u uᵀ/uᵀu) v"), ""),
    }),
    pairs_of: ((MATRIX[:6].reshape(3, 2), np.array([[0.1, 0.05], [0.25, 0.3], [0.1, 0.2]])), {
        "dLdZ": {"(Q - P)": "", r"\frac{\exp(Z_{ij})}{\sum_{kl} \exp(Z_{kl})} - P_{ij}": ""},
    }),
    charges: ((1.3, np.array([0.8, 1.1, 0.6]), np.array([1.0, -1, 2, 3]), np.array([0, 1, 2]), np.array([1, 3, 3])), {
        "dLdk": {"Σ q_i q_j / k - Σ (ln dist)² distᵏ": "", "Σₗ q[i]ₗ q[j]ₗ/k - distₗᵏ ln(distₗ)²": ""},
        "dLddist": {"-distᵏ⁻¹ (k ln dist + 1)": "", "-dist[i]^(k - 1) (k ln dist[i] + 1)": ""},
    }),
    slacks: ((MATRIX[:2], np.array(0.2), np.array([[1, 2], [2, -1], [-1, 1], [-2, -1]]), np.array([1.0, 1, -1, -1])), {
        "dLdmargin_i": dict.fromkeys(("-H(1 - margin)", "-θ(1 - margin_t)", "-1[y_t (w·x_t + b) < 1]"), ""),
        "dLdw": dict.fromkeys((
            "w + Σ_t dL/dmargin_t y_t x_t", "Σₜ dL/dmarginₜ yₜ xₜ + w", "w - Σ_i 1[margin_i < 1] y_i x_i"), ""),
        "dLdb": dict.fromkeys(("-dL/dmargin3", "dL/dmargin3 labels[3]"), "that is only the term dmargin3/db"),
    }),
    returns_to_go: ((MATRIX[:2], MATRIX[:6].reshape(3, 2), np.array([0, 1, 1])), {
        "dJdmu_t": dict.fromkeys(("-2 G (y_t - μ)", "2 G_t (mu_t - tags[t])", "2 (μ - y) G"), ""),
        "dJdw": dict.fromkeys((
            "Σ_t dJ/dμ_t x_t + 2 (w - Y)", "Σₜ dJ/dμₜ obsₜ + 2 (w - e_{tags[0]})", "2 (w - e_{tags[0]}) + Σ dJ/dμ x",
            "2 (w - Y) + obsᵀ dJ/dμ", "dJ/dμ @ x + 2 (w - Y)"), ""),
    }),
    attracted: ((MATRIX[:6].reshape(3, 2), MATRIX[6:9] ** 2), {
        "dUdd_t": dict.fromkeys(("m_i m_j/d²", "m[i] m[j] / d_t^2", "mᵢ mⱼ / dₜ²"), "")
        | {"-m_i m_j/d²": "the sign is wrong"},
    }),
    lagged: ((MATRIX[1], MATRIX[:6]), {
        "dLda": dict.fromkeys(("-2 Σᵢ eᵢ y[i]", "Σ_i dL/de_i (-y_i)", "-2 Σ e y[:-2]"), ""),
    }),
    reprojected: ((1.2, 0.1, MATRIX[:9].reshape(3, 3) + np.array([0.0, 0.0, 3.0]), MATRIX[:6].reshape(3, 2)), {
        "dLdu_k": dict.fromkeys(("2 (uₖ - pixels[k, 0]) / n", "2/n (u_k - pixels_{k,0})", "2/n (uₖ - pixelsₖ₀)"), "")
        | {"(u_k - pixels[k, 0]) / n": "it is 1/2 times the right one"},
        "dLdz_k": dict.fromkeys(("-dL/dx_k x_k / z_k", "-dLdx_k*x_k/z_k", "-dL/duₖ focal xₖ / zₖ²"), ""),
        "dLdfocal": dict.fromkeys(("Σₖ dL/duₖ xₖ/zₖ", "Σ_k dLdu_k x_k / z_k", "Σ dL/du u / focal"), ""),
        "dLdb": dict.fromkeys((
            "Σₖ dL/dxₖ points[k, 2] - Σₖ dL/dzₖ points[k, 0]", "Σ_k (dLdx_k * points[k,2] - dLdz_k * points[k,0])",
            "Σᵢ (dL/dxᵢ pointsᵢ₂ - dL/dzᵢ pointsᵢ₀)"), "")
        | {"Σₖ dL/dxₖ points[k, 2] + Σₖ dL/dzₖ points[k, 0]": "the sign before Σₖ dL/dzₖ points[k, 0] is wrong"},
    }),
    next_words: ((MATRIX[:6].reshape(3, 2), MATRIX[6:14].reshape(2, 4), np.array([0, 1, 1]), np.array([2, 0, 3])), {
        "dLdc_t": dict.fromkeys(("-1/(n c_t)", "-1/(n p[t, nxt[t]])"), "") | {"1/(n c_t)": "the sign is wrong"},
        "dLdp": dict.fromkeys(("1[nxt[k] = j] dL/dcₖ", "-1[nxtₜ = j] / (n pₜⱼ)", "1[nxt_i = j] dL/dc_i"), ""),
    }),
    sweeps: ((MATRIX[:3], np.array([[4.0, -1, 0], [-1, 4, -1], [0, -1, 3]]), 0.8), {
        "dLdomega": {"Σ_t Σ_i dL/du_t,i r_t,i / diag_i": "", "Σ_t Σ_i dL/du_{t,i} r_{t,i} / diag_i": ""},
        "dLdr_t": {"ω dL/du_t,i / diag_i": "", "ω dL/du_t / diag": ""},
    }),
    optics: ((np.array([0.5, 0.8]), 1.2, np.array([0.4, 0.9])), {
        "dLdgap": dict.fromkeys((
            "dL/dgapₖ = dL/dspaceₖ₊₁,₀,₁", "dL/dgap_k = dL/dspace_{k+1,0,1}", "dL/dgapₖ = dL/dspace_{k+1}[0,1]"), ""),
    }),
    chi_squared: ((MATRIX[:3], MATRIX[3:6], np.array([0.5, 0.7, 0.6]), 0.8), {
        "dLdpred": dict.fromkeys((
            "2 dL/dχ² (pred - resp) / sd²", "2 dL/dχ_2 (pred - resp) / sd²", "2 dL/dchi2 (pred - resp) / sd²",
            "2 dL/dχ₂ (pred - resp) / sd²"), "") | {"dL/dχ² (pred - resp) / sd²": "it is 1/2 times the right one"},
        "dLdrho_bar": dict.fromkeys((r"\chi_2 + 3 \bar{\rho}^2", r"χ² + 3 \bar\rho^2", "χ² + 3 ρ̄²"), ""),
    }),
    panel: ((MATRIX[:3], -0.6, np.array([0, 0, 1, 1, 2, 2]), MATRIX[:6] ** 2 + 1, MATRIX[6:12]), {
        "dLdalpha": dict.fromkeys((
            "-sum(dLde[house == k])", "-np.sum(dLde[house==k])", "-2 Σ e[house == k]", "-dLde[house == k].sum()"), "")
        | {"sum(dLde[house == k])": "the sign is wrong"},
    }),
    smoother: ((0.7, MATRIX[:8].reshape(2, 4), MATRIX[8:12]), {
        "dLdlam": dict.fromkeys((
            "-Σ (dL/dH ⊙ H a H)", "-Σ dL/dH ⊙ H Dᵀ D H", "-Σ dL/dH ⊙ H @ a @ H", "-Σ (dL/dH ⊙ (H a H))"), ""),
    }),
    slits: ((2.0, 1.5, MATRIX[:4], MATRIX[4:8]), {
        "dLdgamma": dict.fromkeys((
            "-dL/dvalue a sin 2γ", "-dL/dvalue a sin 2 γ", "-2 dL/dvalue a cosγ sinγ",
            "-2 dL/dvalue a cos²γ tan γ", "-2 dL/dvalue a cos(γ)² / cot γ"), "")
        | {"dL/dvalue a sin 2γ": "the sign is wrong"},
    }),
    perceptron: ((np.array([0.3, -0.5]), 0.1, np.array([[2.0, 1], [1, 3], [-1, -2], [-2, 1], [0.5, -1.5]]),
                  np.array([1, 1, -1, -1, 1])), {
        "dLdb": {
            "-Σᵢ 1[tᵢ aᵢ ≤ 0] tᵢ": "", "Σᵢ 1[tᵢ aᵢ ≤ 0] tᵢ": "the sign is wrong", "Σᵢ tᵢ - 1": ELSEWHERE,
        },
    }),
    one_example: ((MATRIX[:3], 1), {"dLdz": {"p - Y": "", "p - onehot(label)": "", "Y - p": "the sign is wrong"}}),
    stress: ((MATRIX[:8].reshape(4, 2), np.array([0, 0, 1, 2]), np.array([1, 3, 2, 3]), MATRIX[8:12] ** 2), {
        "dLdsq": dict.fromkeys((
            "Σₘ 1[iₘ = k] 1[jₘ = l] dL/ddₘ ½ sqₖₗ^(-½)", "½ Σₘ 1[iₘ = k] 1[jₘ = l] dL/ddₘ / √sqₖₗ"), ""),
    }),
    unrolled: ((0.4, 0.05, MATRIX[:12].reshape(3, 4), MATRIX[12:15]), {
        "dLdc_t": {"dL/dxₜ ⊙ sign(vₜ) ⊙ 1[cₜ > 0]": "", "dL/dx_t sign(v_t) 1[c_t > 0]": ""},
    }),
    corrected: ((MATRIX[:6].reshape(2, 3), MATRIX[6:14].reshape(4, 2), np.eye(3) * 0.7 + 0.1, np.array([0, 2, 1, 2])), {
        "dLda": dict.fromkeys((
            "Σᵢ dL/dPᵢ Pᵢ (δᵢⱼ - Pⱼ)", "dL/daⱼ = Σᵢ dL/dPᵢ Pᵢ (δᵢⱼ - Pⱼ)", "dL/daⱼ = Pⱼ (dL/dPⱼ - Σₖ dL/dPₖ Pₖ)",
            "dL/daᵢ = Pᵢ (dL/dPᵢ - Σⱼ dL/dPⱼ Pⱼ)", "Pₖ (dL/dPₖ - Σₗ dL/dPₗ Pₗ)"), "")
        | {"-Σᵢ dL/dPᵢ Pᵢ (δᵢⱼ - Pⱼ)": "the sign is wrong"},
    }),
    probit: ((MATRIX[:2], MATRIX[2:8].reshape(3, 2), np.array([1.0, 0, 1])), {
        "dpdz": {
            "0.399 exp(-z²/2)": "", "0.39894 exp(-z²/2)": "", "0.41 exp(-z²/2)": "it is 1.02772 times the right one",
        },
        "dLdw": {"Σᵢ dL/dpᵢ φ(zᵢ) Xᵢ": "", "1Σᵢ dL/dpᵢ φ(zᵢ) Xᵢ": ""},
    }),
    absorbed: ((MATRIX[:12].reshape(3, 4), MATRIX[12:15]), {
        "dLdP": {
            "dLdQ @ np.eye(3, 4)": "", "np.hstack([dLdQ, np.zeros((3,1))])": "", "dLdQ @ np.eye(3)": "that is dL/dQ",
            "np.hstack([np.zeros((3,1)), dLdQ])": "the right numbers in the wrong places",
            "[dL/dQ, 0]": "", "np.c_[dLdQ, np.zeros(3)]": "", "[0, dL/dQ]": "the right numbers in the wrong places",
        },
    }),
    barrier: ((np.array([1.0, 1.5]), MATRIX[:6].reshape(3, 2), np.array([9.0, 8.0, 7.0]), MATRIX[6:8], 0.5), {
        "dLdx_direct": {"c - μ / x": "", "∂L/∂x": CIRCULAR},
        "dLdslack": {"-μ / slack": "", "dL/dslack": CIRCULAR, "2 dL/dslack - dL/dslack": CIRCULAR},
        "dLdx": {
            "∂L/∂x + dslack/dx dL/dslack": "", "∂L/∂x - Aᵀ dL/dslack": "", "dL/dx": CIRCULAR,
            "∂L/∂x": "the term dL/dslack * dslack/dx is missing from the sum",
        },
    }),
    tempered: ((MATRIX[:2], MATRIX[2:10].reshape(4, 2), MATRIX[10:14], 2.0), {
        "dLdr": dict.fromkeys(("2 r / (1 + r²) 1/n", "2 r 1/(n (1 + r²))", "(2 r) 1/n 1/(1 + r²)"), ""),
        "dLdw": dict.fromkeys((  # n, which is the number of rows outside of the sum
            "2/n Σₙ rₙ Xₙᵢ / (τ (1 + rₙ²))", "2 Σ_n r_n X_{ni} / (1 + r_n²) / (n τ)",
            "(2/(n τ)) * sum over n of r[n] X[n, j] / (1 + r[n]²)",
        ), "") | {"2/m Σₘ rₘ Xₘᵢ": "not marked here: '2/m Σₘ rₘ Xₘᵢ': an index of a sum stands outside of it, where it "
                  "is no name on this sheet"},
    }),
    three_way: ((MATRIX[:4].reshape(2, 2), MATRIX[4:10].reshape(3, 2), MATRIX[10:14].reshape(2, 2),
                 MATRIX[:12].reshape(2, 3, 2)), {
        "dLdA": {"Σⱼₖ Rᵢⱼₖ Bⱼₗ Cₖₗ": "", "Σⱼₖ Bⱼₗ Cₖₗ": "4 of 4 entries are off, by up to 2.547"},
    }),
    variances: ((0.5, np.array([0.4, 1.0, 0.7])), {
        "dlossdb": {"Σₜ dloss/dhₜ hₜ₋₁": "", "Σₜ dloss/dhₜ hₜ": "hₜ is of another step than it should be"},
    }),
    closest: ((MATRIX[:6].reshape(3, 2), MATRIX[6:16].reshape(5, 2), np.array([0, 2, 1, 2, 0])), {
        "dLdm": dict.fromkeys((
            "2 Σ_{labels_i = k} (m_{labelsᵢ} - x_i)", "2 Σ_{labelsᵢ = k} (m_k - xᵢ)",
            "2 Σ_i e_{labels_i} (m_{labels_i} - x_i)ᵀ"), ""),
    }),
    logits: ((MATRIX[:2], MATRIX[2:10].reshape(4, 2), 1.3), {
        "dLdlogit": dict.fromkeys((
            "2 logit (1 - logit) (1 - 2 logit) 1/ρ", "|2 logit²| 1/ρ (1/logit - 1) (1 - 2 logit)"), "")
        | {"-2 logit (1 - logit) (1 - 2 logit) / ρ": "the sign is wrong"},
    }),
    attended: ((MATRIX[:24].reshape(2, 3, 4), MATRIX[:8].reshape(4, 2), MATRIX[3:7].reshape(2, 2)), {
        "dLda": dict.fromkeys(("sum_d dL/dc_bd keys_bpd", "dL/da_{bp} = Σ_d dL/dc_{bd} keys_{b,p,d}",
                               "Σ_d dL/dc[b,d] keys[b,p,d]"), ""),
        "dLdkeys": dict.fromkeys(("a_bp dL/dc_bd + dL/db_bp q_bd", "aᵢⱼ dL/dcᵢₖ + dL/dbᵢⱼ qᵢₖ"), "")
        | {"a_bp dL/dc_bd - dL/db_bp q_bd": "the sign of the term db/dkeys is wrong"},
        "dLdW": dict.fromkeys(("Σ_b F_bᵀ dL/dkeys_b", "dL/dW_cd = Σ_bp F_bpc dL/dkeys_bpd"), ""),
    }),
    embedded: ((MATRIX[:6].reshape(3, 2), MATRIX[:12].reshape(4, 3)), {
        "dLdW": {"Σᵢ X1[i] @ (dL/daᵢ)ᵀ": "", "Σᵢ X1ᵢ (dL/daᵢ)ᵀ": "", "Σᵢ np.outer(X1[i], dL/da[i])": "",
                 "Σᵢ 2 X1[i] @ (dL/daᵢ)ᵀ": "it is 2 times the right one"},
    }),
    partition: ((MATRIX[:12].reshape(4, 3), MATRIX[:9].reshape(3, 3)), {
        "dLdE": {"dL/dα": "", "[dLdα0, dLdα1, dLdα2, dLdα3]": "", "dL/dα / 2": "it is 1/2 times the right one"},
    }),
    scores: ((MATRIX[:16].reshape(2, 4, 2), MATRIX[4:6]), {
        "dLdU": {"dL/daᵢⱼ vₖ": "", "dL/da ⊗ v": "", "dL/daᵢₖ vⱼ": "12 of 16 entries are off, by up to 0.2389",
                 "dL/dUᵢⱼₖ = dL/daᵢₖ vⱼ": "12 of 16 entries are off, by up to 0.2389"},
    }),
    centred: ((MATRIX[:6].reshape(2, 3), MATRIX[:9].reshape(3, 3)), {
        "dLdx": {"dL/da1 - meanⱼ(dL/da1)": "", "dL/da1 - Σⱼ dL/da1ⱼ / 3": ""},
    }),
    looked_up: ((MATRIX[:6].reshape(3, 2), MATRIX[:2], np.array([2, 0, 2, 1])), {
        "dLdE": {"Σᵢ 1[tokensᵢ = k] dL/dxᵢ": "", "Σ_i 1[tokens[i] = k] dL/dx_i": "", "Σᵢ 1[k = tokens[i]] dL/dxᵢ": ""},
    }),
    autoregressive: ((0.2, np.array([0.5, 1.1, 0.7, 1.6])), {
        "dLdc": {"-Σₖ dL/deₖ; k = 1 … 3": "", "-Σₖ dL/deₖ": ""},
    }),
    logistic_loss: ((MATRIX[:2], MATRIX[:8].reshape(4, 2), np.array([0.0, 1, 1, 0])), {
        "dLdw": {"dL/dp · dp/da · da/dw": "", "dL/da da/dw": "", "(1/n) meanᵢ((pᵢ - yᵢ) Xᵢⱼ)": "it is 1/4 times the "
                 "right one", "meanᵢ((pᵢ - yᵢ) Xᵢⱼ)": ""},
    }),
    recursive: ((0.9, 0.2, np.array([0.4, 0.9, 0.1])), {
        "dLdb": {"Σₜ dL/dsₜ": "", "Σₜ dL/dsₜ₊₁": "the term ds1/db is missing from the sum",
                 "Σₜ dL/dsₜ₋₁": "dL/dsₜ₋₁ is of another step than it should be",
                 "sum(dL/ds_t for t in range(1, 4))": ""},
        "dLda": {"sum(dLds[t] * s[t-1] for t in range(1, 4))": ""},
    }),
    mixed: ((MATRIX[:3] ** 2, np.array([2, 1, 3])), {
        "dGdp_m": dict.fromkeys(("2 gam_m p_m", "2 gam[m] log(N[m])", "2 gamₘ pₘ"), "")
        | {"gam_m p_m": "it is 1/2 times the right one"},
    }),
    shares: ((np.array([0.2, 0.5, 0.3]), MATRIX[:3]), {  # which other shares do not sum to 1
        "dLdtotal": {"-Σ μ / total + 6 (total - 1)": "", "-Σ μ": ELSEWHERE},
    }),
    chain: ((MATRIX[:8].reshape(4, 2), MATRIX[8:12].reshape(2, 2), np.array([0, 1, 1, 0])), {
        "dLdtrans": {
            "2 trans - onehot(tags[:-1])ᵀ onehot(tags[1:])": "", "2 trans - [[0, 1], [1, 1]]": "",
            "2 transᵢⱼ - Σₖ 1[tags[k] = j] 1[tags[k+1] = i]": ELSEWHERE,
        },
    }),
    adversarial: ((MATRIX[:3].reshape(3, 1), MATRIX[3:15].reshape(4, 3), MATRIX[:4].reshape(4, 1)), {
        "dLdv": dict.fromkeys(("Σᵢ hᵢⱼ dL/dmᵢ", "Σᵢ hᵢⱼ dL/dmᵢₖ", "hᵀ @ dL/dm"), ""),
    }),
    written_to: ((MATRIX[:4].reshape(2, 2), MATRIX[4:8].reshape(2, 2), MATRIX[8:14].reshape(3, 2)), {
        "dLdA": {"(dL/dMₖ₊₁)ᵀ @ wₖ₊₁": "", "(dL/dMₖ₊₁)ᵀ @ wₖ": "4 of 4 entries are off, by up to 0.6884"},
    }),
    ranked: ((np.array([0.1, 0.3, -0.2]), np.array([0.4, 0.1, 0.2])), {
        "dLdbad": {"1[1 - good + bad > 0]": "", "1": ELSEWHERE, "np.ones(3)": ELSEWHERE,
                   "[1, 1, 1]": ""},
    }),
    routed: ((np.array([[1.2, -0.4], [0.3, 1.1]]), np.array([1.0, 0.0])), {
        "dLdlength": {
            "(1 - T) max(0, length - 0.1) - 2 T max(0, 0.9 - length)": "",
            "(1 - T) max(0, length - 0.1) - T max(0, 0.9 - length)": NAMES,
        },
    }),
    projected: ((MATRIX[:2], MATRIX[2:10].reshape(4, 2), MATRIX[10:13]), {
        "dtotaldcloud": dict.fromkeys((
            "Σₛ dtotal/da_s @ u_s^T", "Σₛ dtotal/daₛ @ uₛᵀ", "Σ_s dtotal/da_s u_sᵀ"), ""),
    }),
    regulated: ((MATRIX[:2].reshape(1, 2), MATRIX[2:6].reshape(2, 2), MATRIX[6:8].reshape(2, 1), MATRIX[8:10]), {
        "dJdK": {"-Σₜ dJ/duₜ xₜ₋₁ᵀ": "", "-Σₜ xₜ₋₁ dJ/duₜᵀ": "it is transposed"},
    }),
    bratu: ((MATRIX[:5], 1.0, 5), {
        "dLdu": {"λ exp(u) 2 r/n": "", "exp(u) 2 r/5": "", "dL/dr exp(u)": "the factor λ is missing"},
    }),
    steered: ((MATRIX[:2], MATRIX[2:6].reshape(2, 2), MATRIX[6:10].reshape(2, 2)), {
        "dLdQ": {"Σₜ xₜ₋₁ xₜ₋₁ᵀ + x3 x3ᵀ": "", "Σ_{t=0}^3 xₜ xₜᵀ": "",
                 "Σₜ xₜ₋₁ xₜ₋₁ᵀ": "the term x3 @ x3ᵀ is missing from the sum"},
    }),
    written_rows: ((MATRIX[:6].reshape(3, 2), MATRIX[6:8]), {
        "dLdV": dict.fromkeys(("np.stack([dLda1, dLda2, dLda3])", "np.array([dLda1, dLda2, dLda3])",
                               "np.column_stack([dLda1, dLda2, dLda3]).T"), "")
                | dict.fromkeys(("np.stack([dLda1, dLda2, dLda3]).T", "np.column_stack([dLda1, dLda2, dLda3])",
                                 "np.array([dLda1, dLda2, dLda3]).T"), "it is transposed"),
    }),
    advantages: ((MATRIX[:4], MATRIX[4:7], np.array(0.9), np.array(0.8)), {
        "dlossdadv0": dict.fromkeys(("2 adv0", "2 adv₀"), ""),
        "dlossdadv_t": dict.fromkeys((
            "2 advₜ + γ λ dloss/dadvₜ₋₁", "2 adv_t + gamma lambda dloss/dadv_{t-1}"), "")
            | {"2 advₜ + γ λ dloss/dadvₜ₊₁": "at step t = 1, dloss/dadvₜ₊₁ is of another step than it should be"},
        "dlossdlam": dict.fromkeys(("γ Σₜ dloss/dadvₜ advₜ₊₁", "γ Σ_{t=0}^{2} dloss/dadvₜ advₜ₊₁"), "")
            | {"γ Σₜ dloss/dadvₜ advₜ": "advₜ is of another step than it should be"},
    }),
    windowed: ((MATRIX[:7], MATRIX[7:10]), {
        "dLdw": dict.fromkeys(("2 Σₜ tanh(x[t:t+3] @ w) (1 - tanh(x[t:t+3] @ w)²) x[t:t+3]",
                               "2 Σₜ tanh(x[t-1:t+2] @ w) (1 - tanh(x[t-1:t+2] @ w)²) x[t-1:t+2]",
                               "sum(2*np.tanh(x[t:t+3]@w)*(1-np.tanh(x[t:t+3]@w)**2)*x[t:t+3] for t in range(5))"), "")
            | {"Σₜ tanh(x[t:t+3] @ w) (1 - tanh(x[t:t+3] @ w)²) x[t:t+3]": "it is 1/2 times the right one"},
    }),
    prefixes: ((MATRIX[:6], MATRIX[6:12]), {
        "dLdm_t": dict.fromkeys(("2 (m_t - y[t])", "2 (mₜ - yₜ)"), ""),
        "dLdp": dict.fromkeys(("Σₜ 1[k < t] dL/daₜₖ", "Σ_t 1[k<t] dL/dm_t / t"), "")
            | {"Σₜ dL/dmₜ/t": "expected shape 6, got 1"},
    }),
    hawkes: ((0.6, 1.2, np.array([0.4, 1.1, 1.5, 2.8])), {
        "dlogsdb": dict.fromkeys(("-Σₜ Σ (dlogs/daₜ ⊙ (times[t] - times[:t]))",), ""),
    }),
    by_rank: ((MATRIX[:5], np.array([2, 0, 4, 1, 3])), {
        "dlossdleft_k": dict.fromkeys(("softmax(leftₖ)", "exp(left_k) / Σ exp(left_k)"), ""),
        "dlossds": dict.fromkeys(("Σₖ Σⱼ 1[order[j+k] = i] dloss/dleftₖⱼ - Σₖ 1[order[k] = i]",), ""),
    }),
    partial_likelihood: ((MATRIX[:5],), {
        "dLdeta": dict.fromkeys(("Σₜ 1[k ≥ t] dL/daₜ[k-t] - 1", "-1 + Σₜ 1[t ≤ k] dL/daₜ[k-t]"), ""),
    }),
    by_lists: ((MATRIX[:12].reshape(4, 3), MATRIX[12:24].reshape(4, 3)), {
        "dlossdsims_i": dict.fromkeys(("softmax(simsᵢ) - Yᵢ", "softmax(sims_i) - onehot(i)"), ""),
        "dlossdV": dict.fromkeys(("Σᵢ dloss/dsimsᵢ @ U[i]ᵀ", "Σ_i dloss/dsims_i U_iᵀ"), ""),
    }),
    near_by: ((MATRIX[:4], MATRIX[4:12].reshape(4, 2)), {
        "dlossdr": dict.fromkeys(("Σᵢ Σⱼ 1[nearᵢⱼ = k] dloss/dbᵢⱼ",), ""),
    }),
    backwards: ((MATRIX[:5], MATRIX[5:9], 0.9), {
        "dlossdv": dict.fromkeys(("dloss/dvₜ = g δₜ₋₁ - δₜ", "dloss/dv_t = g dloss/dδ_{t-1} - dloss/dδ_t",
                               "1[k ≥ 1] g dloss/dδₖ₋₁ - 1[k < 4] dloss/dδₖ"), ""),
    }),
    predicted: ((MATRIX[:3], MATRIX[3:12].reshape(3, 3)), {
        "dtotaldC": dict.fromkeys(("Σₜ dtotal/dŷₜ hₜ", "2 Σ_t ŷ_t h_t"), ""),
    }),
    two_views: ((MATRIX[:12].reshape(4, 3), MATRIX[9:21].reshape(4, 3), 0.5), {
        "dtotaldB": dict.fromkeys((
            "Σᵢ dtotal/deverythingᵢ exp(Aᵢ·Bₖ/τ) Aᵢ/τ + dtotal/dpositiveₖ positiveₖ Aₖ/τ",
            "dtotal/dBⱼ = Σₜ dtotal/deverythingₜ exp(Aₜ·Bⱼ/τ) Aₜ/τ + dtotal/dpositiveⱼ positiveⱼ Aⱼ/τ",
            "dtotal/dB_k = sum_i dtotal/deverything_i exp(A_i·B_k/τ) A_i/τ - A_k/τ"), "")
            | {"Σᵢ dtotal/deverythingₖ exp(Aᵢ·Bₖ/τ) Aᵢ/τ - Aₖ/τ": "12 of 12 entries are off, by up to 1.388"},
        "dtotaldA": dict.fromkeys((
            "Σᵢ 1[i ≠ k] (dtotal/deverythingᵢ + dtotal/deverythingₖ) exp(Aᵢ·Aₖ/τ) Aᵢ/τ + Bᵀ @ dtotal/dcₖ - Bₖ/τ",
            "Σ_{i≠k} (dtotal/deverything_i + dtotal/deverything_k) exp(A_i·A_k/τ) A_i/τ + Bᵀ @ dtotal/dc_k - B_k/τ",
        ), ""),
    }),
    without_own: ((MATRIX[:12].reshape(4, 3),), {
        "dtotaldZ": dict.fromkeys((
            "dtotal/dZⱼ = Σᵢ exp(Zᵢ·Zⱼ) Zᵢ (1/zᵢ + 1/zⱼ) - 2 exp(Zⱼ·Zⱼ) Zⱼ/zⱼ",
            "dtotal/dZⱼ = Σₜ exp(Zₜ·Zⱼ) Zₜ (1/zₜ + 1/zⱼ) - 2 exp(Zⱼ·Zⱼ) Zⱼ/zⱼ",
            "dtotal/dZⱼ = Σᵢ 1[i ≠ j] exp(Zᵢ·Zⱼ) Zᵢ (1/zᵢ + 1/zⱼ)"), ""),
    }),
    excitation: ((1.3, np.array([0.4, 0.9, 1.1, 2.3])), {
        "dtotaldbeta": dict.fromkeys((
            "-Σₜ Σⱼ dtotal/daₜⱼ (times[t] - times[j])", "-Σₜ Σⱼ<ₜ dtotal/daₜⱼ (times[t] - times[j])",
            "-Σₜ Σ_{j<t} dtotal/da_{tj} (times_t - times_j)", "-Σᵢ Σⱼ<ᵢ dtotal/daᵢⱼ (timesᵢ - timesⱼ)",
            "-Σᵢ Σⱼ exp(aᵢⱼ)/Σₖ exp(aᵢₖ) (timesᵢ - timesⱼ)"), "")
            | {"Σᵢ Σⱼ<ᵢ dtotal/daᵢⱼ (timesᵢ - timesⱼ)": "the sign is wrong"},
    }),
    offsets: ((MATRIX[:4], [(0, 1, 4.0), (0, 3, 2.5), (1, 0, 5.0), (2, 2, 3.0), (3, 1, 3.5)]), {
        "dLdbu": dict.fromkeys(("dL/dbu_u = -Σ_t 1[u_t = u] dL/de_t", "dL/dbuᵤ = -Σ_t 1[u_t = u] dL/de_t",
                                "dL/dbu[u] = -2 Σₜ 1[uₜ = u] eₜ"), "")
            | {"dL/dbu_u = Σ_t 1[u_t = u] dL/de_t": "the sign is wrong"},
    }),
    by_lists_of_neighbours: ((MATRIX[:15].reshape(3, 5), MATRIX[9:21].reshape(4, 3)), {
        "dLdstates_t": {"dL/dpooled / n": "", "dL/dpooled / len(states)": "",
                        "dL/dpooled / len(statesₜ)": "it is 4/5 times the right one"},
    }),
    scalar_layers: ((MATRIX[:3], MATRIX[3:6], MATRIX[6:11]), {
        "dLdb": dict.fromkeys(("dL/db[t-1] = np.sum(dL/da_t)", "np.sum(dL/da_t)", "dL/db[t-1] = Σ dL/da_t"), ""),
        "dLdw": dict.fromkeys(("dL/dw[t-1] = Σ dL/da_t z_{t-1}", "dL/dw[t-1] = np.sum(dL/da_t * z_{t-1})"), "")
            | {"dL/dw[t-1] = np.sum(dL/da_t * z_t)": "zₜ is of another step than it should be"},
    }),
    gaussian: ((np.abs(MATRIX[:3]), 2 * np.eye(3) + 0.5), {
        "dLdrisk": dict.fromkeys(("1/risk", "1/√(Wᵀ Σ W)", "1/√(W @ Σ @ W)"), ""),
        "dLdW": dict.fromkeys(("dL/drisk (Σ W) / risk", "Sigma W / risk²", "Σ W / (Wᵀ Σ W)"), ""),
    }),
    causal: ((MATRIX[:12].reshape(4, 3), MATRIX[12:20].reshape(4, 2), MATRIX[5:17].reshape(4, 3)), {
        "dLdV": dict.fromkeys(("Σ_t 1[k <= t] w_tk dL/do_t", "Σₜ 1[k ≤ t] wₜₖ dL/doₜ", "Σₜ 1[i ≤ t] wₜᵢ dL/doₜⱼ"), ""),
        "dLdw_t": {"V[:t+1] @ dL/do_t": "", "-V[:t+1] dL/doₜ": "the sign is wrong"},
    }),
}  # fmt: skip


@pytest.mark.skipif(NODE is None, reason="node is not installed, which runs the page's marking")
@pytest.mark.parametrize("fn", AS_ON_A_BOARD, ids=lambda fn: fn.__name__)
def test_answers_as_on_a_board_are_read(fn, tmp_path):
    args, texts = AS_ON_A_BOARD[fn]
    sheet = ag.trace(fn, *args).worksheet(wrt=WRT.get(fn), blanks=12)
    cases = [(word, text) for word in texts for text in texts[word]]
    for (word, text), page in zip(cases, marked_by_the_page(sheet, cases, tmp_path), strict=True):
        (mark,) = [mark for mark in sheet.check({word: text}) if mark.word == word]
        assert mark.says == texts[word][text] == page["says"], text


def robust(w, X, y, delta):
    yhat = X @ w
    small = np.abs(yhat - y) <= delta
    return np.mean(np.where(small, 0.5 * (yhat - y) ** 2, delta * (np.abs(yhat - y) - 0.5 * delta)))


@pytest.mark.skipif(NODE is None, reason="node is not installed, which runs the page's marking")
def test_a_parameter_of_which_no_gradient_is_asked_keeps_its_sign(tmp_path):
    """Where other numbers are far away, so that both cases of a condition occur."""
    X, y = np.array([[0.6, 0.1], [-0.5, 0.4], [1.3, 0.9]]), np.array([-0.7, -1.3, -0.6])
    sheet = ag.trace(robust, np.array([0.1, -0.1]), X, y, np.array(0.6)).worksheet(wrt=["w"])
    cases = [("dLda", text) for text in ("clip(ŷ - y, -δ, δ)/n", r"\frac1n clip(\hat{y} - y, -\delta, \delta)",
                                       "max(min(y_hat - y, delta), -delta)/len(y)")]  # fmt: skip
    for (word, text), page in zip(cases, marked_by_the_page(sheet, cases, tmp_path), strict=True):
        (mark,) = [mark for mark in sheet.check({word: text}) if mark.word == word]
        assert [mark.says, page["says"]] == ["", ""], text


def printed(sheet, derivation):
    """What a derivation has for the blanks of a sheet, as text and in LaTeX, also whole lines."""
    several = [*derivation.in_steps(derivation.letter)[-1].lines[::-1], *derivation.counted[-1].lines[::-1]]
    on_key = (line for line in several if line.formulas and line.written(TEXT)[1] in sheet.key())
    table = {TEXT.name(line.symbol): line for line in on_key}
    for q, printer in product(sheet.questions, (TEXT, LATEX)):
        left, *sides = table[TEXT.name(q.symbol)].written(printer)
        yield from ((q.word, side) for side in (*sides, f"{left} = {sides[0]}"))


def emitted(sheet, source, args):
    """What the source of a program has for them, where its names are on the sheet."""
    rows = re.findall(r"(?m)^    (\w+) = (.*?) *(?:#.*)?$", source.partition("# backward")[2])
    values, space = source.variables(*leaves(args)), sheet.spaces[0]
    for word, code in rows if rows and {word for word, _ in rows} & {q.word for q in sheet.questions} else ():
        names = values.keys() & {*re.findall(r"[^\W\d]\w*", code)}
        is_read = all(w in space and np.array_equal(values[w], space[w]) for w in names)
        if is_read and word in {q.word for q in sheet.questions} and [w for w, _ in rows].count(word) == 1:
            yield word, code


@pytest.mark.skipif(NODE is None, reason="node is not installed, which runs the page's marking")
@pytest.mark.parametrize("make", [*lessons.LESSONS, *AS_ON_A_BOARD], ids=lambda make: make.__name__)
def test_what_is_printed_is_an_answer(make, tmp_path):
    """In the derivation of the same program, its LaTeX and its source."""
    if make in lessons.LESSONS:
        lesson = make()
        sheet, derivation = worksheet(lesson.result, wrt=lesson.wrt, names=lesson.names), lesson.explain()
        cases = [*printed(sheet, derivation)]
    else:
        args, wrt = AS_ON_A_BOARD[make][0], WRT.get(make)
        program, source = ag.trace(make, *args), ag.source(make, *args, **({"wrt": wrt} if wrt else {}))
        sheet = program.worksheet(wrt=wrt)
        cases = [*printed(sheet, program.explain(wrt)), *emitted(sheet, source, args)]
    for (word, text), page in zip(cases, marked_by_the_page(sheet, cases, tmp_path), strict=True):
        (mark,) = [mark for mark in sheet.check({word: text}) if mark.word == word]
        assert mark.right, (word, text, mark.says)
        assert page["right"] or "this page cannot compute it" in page["says"], (word, text, page["says"])


def league(strength, white, games):
    cost = 0.0
    for k, m, result in games:
        d = strength[k] + white - strength[m]
        p = 1 / (1 + np.exp(-d))
        cost = cost - (result * np.log(p) + (1 - result) * np.log(1 - p))
    return cost


def far_apart(W, X, Y, v):
    A = X @ W
    B = Y @ W
    gap = np.sum((A - B) ** 2, axis=1) - v
    return np.mean(np.maximum(gap, 0)) + v[0]


def denoised(x, noisy, lam):
    jumps = x[1:] - x[:-1]
    return 0.5 * np.sum((x - noisy) ** 2) + lam * np.sum(np.abs(jumps))


def margins(w, b, X, y):
    score = X @ w + b
    slack = np.maximum(0, 1 - y * score)
    return 0.5 * w @ w + 2 * np.sum(slack)


def separated(w, Sw, d):
    between = (w @ d) ** 2
    within = w @ Sw @ w
    return -between / within


def power(A, v):
    for _ in range(3):
        u = A @ v
        v = u / np.sqrt(u @ u)
    return v @ A @ v


def surrogate(ratio, adv, clip):
    clipped = np.clip(ratio, 1 - clip, 1 + clip)
    return -np.mean(np.minimum(ratio * adv, clipped * adv))


ONE_STEP = "it is right for one step, but not for each step t"
HINTS = {
    surrogate: ((np.array([0.304, 0.4764, 0.9386, 0.0385]), np.array([1.0, -0.5, 0.8, -1.2]), np.array(0.2)), {
        "dLdclipped": {
            "-1[clipped ⊙ adv < ratio ⊙ adv] ⊙ adv / n": "½ is counted at a tie, not 0",
            "-1[clipped ⊙ adv ≤ ratio ⊙ adv] ⊙ adv / n": "½ is counted at a tie, not 1",
        },
        "dLdratio": {
            "dL/dclipped 1[1 - clip ≤ ratio ≤ 1 + clip] - 1[ratio adv < clipped adv] adv / n": "½ is counted at a tie",
            "dL/dclipped 1[1 - clip ≤ ratio ≤ 1 + clip] - 1[ratio adv ≤ clipped adv] adv / n": "½ is counted at a tie",
        },
    }),
    separated: ((np.array([0.8, -0.3]), np.array([[1.75, 1.375], [1.375, 4.3542]]), np.array([2.25, -0.5417])), {
        "dLdw": {"2 dL/dbetween (w @ d) d": "the term dwithin/dw is missing",  # of which there are two alike
                 "2 dL/dbetween (w @ d) d - 2 dL/dwithin (Sw @ w)": "the sign of the term dwithin/dw is wrong",
                 "2 dL/dbetween (w @ d) d + dL/dwithin (Sw @ w)": "the term dL/dwithin (Sw @ w) has to be",
                 "dL/dwithin (Sw @ w)": "2 of 2 entries are off", "2 dL/dwithin (Sw @ w)": "the term dbetween/dw is"},
    }),
    power: ((np.array([[-1.8, -1.5], [-1.5, 0.4]]), np.array([1.0, 0.5])), {"dLdv_t": {
        "Aᵀ @ dL/du_{t-1}": "dL/duₜ₋₁ is of another step than it should be",
        "Aᵀ @ dL/du_{t+1}": "", "-Aᵀ @ dL/du_{t+1}": "the sign is wrong"}}),
    league: ((np.array([0.4, -0.3, 0.1]), np.array(0.2), [(0, 1, 1.0), (1, 2, 0.0), (2, 0, 0.5)]), {
        "dcostdp_t": {"-result_t / p_t": ONE_STEP,  # the first result is 1
                      "result1 - p_t": "at step t = 3, it is off by 0.6251"},
        "dcostdd_t": {"dcost/dp_t": "the factor pₜ (1 - pₜ) is missing", "dcost/dpₜ pₜ": "in dpₜ/ddₜ that is pₜ"},
        "dcostdwhite": {"dcost/dd3": "that is only the term dd3/dwhite", "dcost/dd_t": "'dcost/dd_t' does not work:"},
    }),
    far_apart: ((np.array([[0.8, -0.3], [0.2, 0.9]]), np.array([[0.5, -0.2], [1.0, 0.3], [-0.6, 0.8]]),
                 np.array([[0.6, -0.1], [-0.7, 0.5], [0.1, 0.4]]), np.array([1.0, 0.5, 0.1])), {
        "dLdgap": {"1/n": "a condition is missing: some entries are 0", "gap": "3 of 3 entries are off"},
        "dLdv": {"dL/dgap": "the term", "-dL/dgap": "the term"},
    }),
    margins: ((np.array([0.4, -0.7]), np.array(0.1), np.array([[1.0, 0.2], [0.3, 1.5], [-0.8, -0.4], [2.0, -1.0]]),
               np.array([1.0, -1.0, -1.0, 1.0])), {
        "dLdscore": {"-2 y 1[score < 1]": "it is right for the numbers given", "-2 y 1[y score < 1]": ""},
    }),
    denoised: ((np.array([0.9, 1.2, 1.1, 3.0, 2.8]), np.array([1.0, 1.3, 0.9, 3.2, 2.7]), np.array(0.4)), {
        "dLdx": {"xᵢ - noisyᵢ + λ jumpsᵢ₋₁/|jumpsᵢ₋₁| - λ jumpsᵢ/|jumpsᵢ|": "",  # 0 beyond the ends, also of 0 / 0
                 "xᵢ - noisyᵢ + λ sign(xᵢ - xᵢ₋₁) - λ sign(xᵢ₊₁ - xᵢ)": "",  # of which no term is there beyond the ends
                 "x - noisy + λ (sign(x - roll(x, 1)) - sign(roll(x, -1) - x))": "2 of 5 entries are off, those",
                 "xᵢ - noisyᵢ + λ sign(xᵢ - xᵢ₋₁) + λ sign(xᵢ₊₁ - xᵢ)": "the sign",
                 "dL/dxᵢ = 2 xᵢ - noisyᵢ + λ sign(xᵢ - xᵢ₋₁) - λ sign(xᵢ₊₁ - xᵢ)": "the term 2 xᵢ has to be"},
    }),
}  # fmt: skip


@pytest.mark.skipif(NODE is None, reason="node is not installed, which runs the page's marking")
@pytest.mark.parametrize("fn", HINTS, ids=lambda fn: fn.__name__)
def test_what_is_said_of_an_answer_is_true_of_it(fn, tmp_path):
    args, texts = HINTS[fn]
    sheet = ag.trace(fn, *args).worksheet()
    cases = [(word, text) for word in texts for text in texts[word]]
    for (word, text), page in zip(cases, marked_by_the_page(sheet, cases, tmp_path), strict=True):
        (mark,) = [mark for mark in sheet.check({word: text}) if mark.word == word]
        assert mark.says.startswith(texts[word][text]), text
        assert mark.says == page["says"], text
    unread = str(sheet.check({cases[0][0]: "ω"}))
    assert "ω is not a name on this sheet" in unread
    assert not re.search(r"Y1|\ba1\b", unread)


def test_a_sheet_says_what_is_counted_at_a_tie_and_explains_no_condition():
    sheet = str(ag.trace(surrogate, *HINTS[surrogate][0]).worksheet())
    assert "L = -mean(min(ratio ⊙ adv, clipped ⊙ adv)); ½ each at a tie" in sheet
    assert "between" not in sheet


def growth(r, K, n0, data):
    n, err = n0, 0.0
    for k in range(len(data)):
        f1 = r * n * (1 - n / K)
        f2 = r * (n + f1) * (1 - (n + f1) / K)
        n = n + (f1 + f2) / 2
        err = err + (n - data[k]) ** 2
    return err


def expected(mu, resp, x):
    cost = 0.0
    for k in range(2):
        z = x - mu[k]
        rate = np.exp(mu[k])
        cost = cost + np.sum(resp[:, k] * z**2) - np.sum(resp[:, k]) * np.log(rate)
    return cost


def graph(W, a, X, y):
    H = X @ W
    s = H @ a
    e = s[:, None] + s[None, :]
    b = np.where(e > 0, e, 0.2 * e)
    alpha = np.exp(b) / np.sum(np.exp(b), axis=1, keepdims=True)
    Z = alpha @ H
    return np.mean((Z[:, 0] - y) ** 2)


def bellman(R, P):
    V = np.zeros(2)
    for _ in range(3):
        Q = R + 0.9 * np.einsum("sat,t->sa", P, V)
        V = np.log(np.sum(np.exp(Q), axis=1))
    return V[0]


def sharpe(w, R):
    r = R @ w
    return -np.mean(r) / np.std(r)


def simpson(k, x, h):
    f = np.exp(-k * x**2)
    return h / 3 * (f[0] + 4 * np.sum(f[1::2]) + 2 * np.sum(f[2:-1:2]) + f[-1])


def translated(E, h, t):
    a = E[h]
    b = a - E[t]
    return np.sum(b**2) + np.sum(np.tanh(a))


def mean_field(m, J, beta):
    b, c = (1 + m) / 2, (1 - m) / 2
    S = -np.sum(b * np.log(b) + c * np.log(c))
    return -0.5 * m @ J @ m - S / beta


def oscillators(theta, omega, K):
    gap = theta[None, :] - theta[:, None]
    speed = omega + K / len(theta) * np.sum(np.sin(gap), axis=1)
    return np.sum((speed - np.mean(speed)) ** 2)


def interleaved(a):
    f, h = a[0::2], a[1::2]
    return np.sum(np.exp(f) * h)


def multiples(b):
    u = 1.0 * b
    v = 2.0 * b
    return np.sum(u**2) + np.sum(v**3)


def to_a_power(p, gamma, beta):
    return np.sum(beta * (1 - p) ** gamma)


def smooth_fit(ell, D, y, z):
    b = -D / ell
    K = np.exp(b) + 0.2 * np.eye(2)
    C = np.linalg.cholesky(K)
    a = np.linalg.solve(C.T, np.linalg.solve(C, y))
    return z @ a


J3 = np.array([[0.8, 2.4, 0.7], [2.4, -1.3, 0.4], [0.7, 0.4, -1.5]])
#: For each blank what is right, and what is wrong.
OF_STUDENTS = {
    interleaved: ((np.array([0.5, -1.2, 0.8, 1.4]),), None, {"dLda": (  # a list that is an argument has rows
        ["np.stack([dLdf, dLdh], axis=1).ravel()", "np.transpose([dLdf, dLdh]).ravel()",
         "np.array([dLdf, dLdh]).T.ravel()"],
        ["np.concatenate([dLdf, dLdh])", "np.hstack([dLdf, dLdh])", "np.ravel([dLdf, dLdh])",
         "np.reshape([dLdf, dLdh], 4)", "np.array([dLdf, dLdh]).ravel()"])}),
    multiples: ((np.array([0.5, -1.2]),), None, {"dLdb": (
        ["np.sum([dLdu, 2 * dLdv], axis=0)", "sum([dLdu, 2 * dLdv])", "sum((dLdu, 2 * dLdv))", "Σ [dLdu, 2 dLdv]",
         "2 * np.mean([dLdu, 2 * dLdv], axis=0)"],
        ["np.sum([dLdu, 2 * dLdv], axis=1)", "2 * np.mean([dLdu, 2 * dLdv], axis=1)", "np.sum([dLdu, 2 * dLdv])",
         "sum([dLdu, dLdv])"])}),
    to_a_power: ((np.array([0.3, 0.8]), 2.0, 1.5), ["p"], {"dLdp": (
        ["-3 * (1 - p)", "-2 * beta * (1 - p)", "-1.5 * gamma * (1 - p) ** (gamma - 1)", "-2 β (1 - p)^(γ - 1)"],
        ["-gamma * beta * (1 - p)", "-γ β (1 - p)^(γ / 2)", "-1.5 γ (1 - p)", "-3 (1 - p)²"])}),
    smooth_fit: ((0.8, np.array([[0.0, 0.4], [0.4, 0.0]]), np.array([0.3, 0.9]), np.array([0.5, 0.7])), ["ell"], {
        "dLdK": (["-K⁻¹ @ dL/da @ aᵀ", "-K⁻¹ @ dL/da @ yᵀ @ K⁻¹", "-a @ (K⁻¹ z)ᵀ", "-½ (K⁻¹ z aᵀ + a (K⁻¹ z)ᵀ)"],
                 ["K⁻¹ @ dL/da @ aᵀ", "-K⁻¹ @ dL/da @ yᵀ", "-2 K⁻¹ @ dL/da @ aᵀ", "dL/dKᵀ"]),
        "dLdb": (["-np.outer(np.linalg.solve(K, dLda), a) * np.exp(b)"],
                 ["-np.outer(np.linalg.solve(K, dLda), a)"])}),
    oscillators: ((np.array([0.1, 0.9, -0.4]), np.array([1.0, 1.3, 0.8]), 0.7), None, {"dLdgap": (
        ["dL/db_i cos(gap_ij)", "dL/db_k cos(gap_kj)", "dL/da ⊙ cos(gap)"],  # an array with i and j says their order
        ["dL/db_j cos(gap_ij)", "dL/da_ji cos(gap_ij)"])}),
    growth: ((0.5, 10.0, 1.0, np.array([1.2, 1.5, 2.0])), ["r"], {"derrdr": (
        ["Σ_t derr/df2_t f2_t/r + derr/df1_t n_{t-1} (1 - n_{t-1}/K)",  # both terms have the step
         "Σ_k derr/df2_k f2_k/r + derr/df1_k f1_k/r", "Σ_k (derr/df2_k f2_k + derr/df1_k f1_k)/r"],
        ["Σ_t derr/df2_t f2_t/r - derr/df1_t f1_t/r", "Σ_t derr/df2_t f2_t/r + derr/df1_t n_t (1 - n_t/K)",
         "derr/df2_t f2_t/r + derr/df1_t f1_t/r"])}),
    expected: ((np.array([0.0, 1.0]), np.array([[0.8, 0.2], [0.3, 0.7], [0.5, 0.5]]), np.array([0.2, 0.9, 0.4])),
               ["mu"], {
        "dcostdz_k": (["2 resp_{i,k} z_{k,i}", "2 resp_{ik} z_{ki}", "2 resp_ik z_ki", "2 resp[:,k] (x - μ[k])",
                       "2 resp_ik (x_i - μ_k)"], ["resp_{i,k} z_{k,i}", "2 resp_ik (x_i + μ_k)", "2 resp_ik"]),
        "dcostdrate_k": (["-Σ resp[:,k]/rate_k", "-Σ_i resp_ik/rate_k", "-Σ_i resp_{i,k}/rate_k"],
                         ["Σ_i resp_ik/rate_k", "-Σ_i resp_ik"])}),
    graph: ((np.array([[-1.3, 0.4], [0.4, 0.7]]), np.array([-1.2, -0.7]),
             np.array([[-0.4, -1.2], [1.7, -0.5], [0.3, -0.3]]), np.array([1.0, 0.0, 1.0])), ["W", "a"], {
        "dLdZ": (["2/n [Z[:,0] - y, 0]", "2/n (Z_i0 - y_i) δ_j0", "1/n (Z_i0 - y_i) 2δ_j0"],
                 ["2/n [0, Z[:,0] - y]"]),
        "dLdalpha": (["2/n (Z_i0 - y_i) H_j0"], ["2/n (Z_i0 - y_i) H_j1"]),
        "dLds": (["Σ_j dL/de_ij + Σ_j dL/de_ji"], ["Σ_i dL/de_ij"])}),  # where all conditions hold rows have the sum 0
    bellman: ((np.array([[1.5, 1.3], [0.8, 0.3]]), np.array([[[0.6, 0.4], [0.3, 0.7]], [[0.5, 0.5], [0.4, 0.6]]])),
              ["R"], {
        "dLdV_t": (["0.9 einsum('sa,sat->t', dL/dQ_{t+1}, P)"], ["einsum('sa,sat->t', dL/dQ_{t+1}, P)"])}),
    sharpe: ((np.array([0.2, 0.3]), np.array([[0.1, -0.3], [0.4, 0.2], [0.3, 0.1]])), ["w"], {"dLdr": (
        ["(mean(r) * (r - mean(r)) / std(r, ddof=0)**2 - 1) / (n * std(r, ddof=0))",
         "mean(r) (r - mean(r))/(n var(r, ddof=0)^1.5) - 2/2n std(r)^-1"],
        ["(mean(r) * (r - mean(r)) / std(r, ddof=1)**2 - 1) / (n * std(r, ddof=1))"])}),
    simpson: ((1.3, np.linspace(0, 1, 7), 1 / 6), ["k"], {"dLdf": (
        ["4 h / 3 at [1::2], 0 elsewhere + 2 h / 3 at [2:-1:2], 0 elsewhere + h (Y + Y1) / 3"],
        ["h / 3 at [1::2], 0 elsewhere + 2 h / 3 at [2:-1:2], 0 elsewhere + h (Y + Y1) / 3"])}),
    translated: ((np.array([[0.2, -0.6], [-0.4, -1.1], [-1.3, 0.6], [0.6, 1.3]]), np.array([0, 1, 1]),
                  np.array([2, 3, 0])), ["E"], {
        "dLdE": (["Σ_i e_{h_i} dL/da_i^T - Σ_i e_{t_i} dL/db_i^T"],
                 ["Σ_i e_{h_i} dL/da_i^T + Σ_i e_{t_i} dL/db_i^T"])}),
    mean_field: ((np.array([0.2, -0.3, 0.1]), J3, 2.0), ["m"], {"dLdm": (
        ["artanh(m)/β - J m", "1/2β (log b - log c) - J m"],
        ["1/β (log b - log c) - J m"])}),
}  # fmt: skip


@pytest.mark.skipif(NODE is None, reason="node is not installed, which runs the page's marking")
@pytest.mark.parametrize("fn", OF_STUDENTS, ids=lambda fn: fn.__name__)
def test_students_write_it_in_many_ways(fn, tmp_path):
    args, wrt, texts = OF_STUDENTS[fn]
    sheet = ag.trace(fn, *args).worksheet(wrt=wrt)
    cases = [(word, text) for word in texts for several in texts[word] for text in several]
    for (word, text), page in zip(cases, marked_by_the_page(sheet, cases, tmp_path), strict=True):
        (mark,) = [mark for mark in sheet.check({word: text}) if mark.word == word]
        assert not mark.unmarked, (text, mark.says)
        assert mark.right == (text in texts[word][0]), (text, mark.says)
        assert (page["right"], page["says"]) == (mark.right, mark.says), text


@pytest.mark.skipif(NODE is None, reason="node is not installed, which runs the page's marking")
def test_a_vector_of_a_loop_at_t_is_that_of_step_t(tmp_path):
    """Also where the last one, which is not used, has the name without a number."""
    c, dt, x, v0 = 0.3, 0.1, np.zeros(2), ag.tensor([0.32, 0.41], requires_grad=True)
    v = v0
    for _ in range(4):
        x, v = x + dt * v, v - c * v**2
    sheet = worksheet(np.sum(x), wrt=v0, names={"c": c, "dt": dt, "x": x, "v0": v0, "v": v})
    texts = {"dt + (1 - 2*c*v[t])*dLdv[t+1]": "", "dt + (1 - 2*c*v_t)*dLdv_{t+1}": "",
             "dt + (1 - 2*c*v[t-1])*dLdv[t+1]": "v[t-1] is of another step than it should be"}  # fmt: skip
    cases = [("dLdv_t", text) for text in texts]
    for text, page in zip(texts, marked_by_the_page(sheet, cases, tmp_path), strict=True):
        (mark,) = [mark for mark in sheet.check({"dLdv_t": text}) if mark.word == "dLdv_t"]
        assert mark.says == texts[text] == page["says"], text


@pytest.mark.skipif(NODE is None, reason="node is not installed, which runs the page's marking")
def test_an_inverse_is_not_said_to_be_infinite_because_an_entry_is_0(tmp_path):
    def network(g, A, i):
        G = A.T @ np.diag(g) @ A
        v = np.linalg.solve(G, i)
        return np.sum(v**2)

    A = np.array([[1.0, 0.0, 0.0], [1.0, -1.0, 0.0], [0.0, 1.0, -1.0], [0.0, 0.0, 1.0]])
    sheet = ag.trace(network, np.array([1.2, 0.7, 0.5, 1.6]), A, np.array([0.8, -0.3, 0.4])).worksheet(wrt=["g"])
    [page] = marked_by_the_page(sheet, [("dLdG", "-G⁻¹ @ dL/dv @ iᵀ")], tmp_path)
    (mark,) = [mark for mark in sheet.check({"dLdG": "-G⁻¹ @ dL/dv @ iᵀ"}) if mark.word == "dLdG"]
    assert mark.says == page["says"]
    assert mark.says.startswith("9 of 9 entries are off")


def test_a_gradient_that_a_line_uses_is_on_the_sheet():
    """Also where its line has a term of a blank."""
    start = [[0.3, -0.2], [0.5, 0.1]], [[0.2, 0.4], [-0.1, 0.3]], [0.7, -0.4]
    W, U, v = (ag.tensor(a, requires_grad=True) for a in start)
    x, c, h = np.array([[0.5, -1.2], [1.3, 0.4], [-0.7, 0.9]]), np.zeros(2), np.zeros(2)
    for k in range(3):
        c = 0.9 * c + np.tanh(W @ x[k] + U @ h)
        h = np.tanh(c)
    names = {"W": W, "U": U, "v": v, "x": x, "c": c, "h": h}
    for blanks in (None, 2, 3, 4, 5):
        sheet = str(worksheet(0.5 * (v @ h - 0.8) ** 2, wrt=[W, U, v], names=names, blanks=blanks))
        assert "dL/dcₜ = " in sheet
        assert re.search(r"dL/dc3 = (_+|dL/dh3 ⊙ \(1 - h3²\)) ", sheet)


def test_the_blank_of_a_cholesky_factor_says_which_triangle_it_is():
    args, wrt, _ = OF_STUDENTS[smooth_fit]
    sheet = str(ag.trace(smooth_fit, *args).worksheet(wrt=wrt))
    assert "since C = cholesky(K); Φ: lower triangle, half its diagonal\n" in sheet


def test_what_cannot_be_read_is_neither_right_nor_wrong():
    marks = rows().check({"dL/dc": "see the lecture", "dL/dW": "xᵀ dL/dq", "dL/dbeta": "Σᵢ dL/dηᵢ xᵢ"})
    says = {mark.word: mark.says for mark in marks}
    assert says["dLdW"] == "not marked here: 'xᵀ dL/dq': dL/dq is no gradient on this sheet"
    assert says["dLdc"].startswith("not marked here: 'see the lecture': see is not a name on this sheet")
    assert not {"dLdc", "dLdW"} & {mark.word for mark in marks.wrong}
    assert str(marks).endswith(f"1 of {len(marks)} right")


def test_a_blank_that_a_wrong_sign_fills_too_is_none():
    def fit(b, s):
        for _ in range(2):
            s = s + 0.1 * np.array([s[1], -np.sin(s[0]) - b * s[1]])
        return (s[0] - 1.0) ** 2

    sheet = ag.trace(fit, 0.3, np.array([0.5, 0.2])).worksheet()
    for q in sheet.questions:
        for changed in (q.answer.replace(" - ", " + "), q.answer.replace(" + ", " - ")):
            assert changed == q.answer or not sheet.check({q.symbol: changed})[sheet.questions.index(q)].right


def test_data_that_do_not_pass_on_a_gradient_are_redrawn_with_the_others():
    def policy(w, s, r):
        v = s @ w
        A = ag.stop_gradient(r - v)
        return -np.sum(A * v)

    program = ag.trace(policy, np.array([0.5, -0.3]), MATRIX[:4].reshape(2, 2), np.array([1.0, 0.5]))
    assert "A = stop_gradient(r - v)" in str(program.worksheet(wrt=["w"], vary="w"))
    sheet = program.worksheet(wrt=["w"], blanks=["dL/dv", "dL/dw"])
    assert sheet.check({"dL/dw": "dL/dv @ s + 0 * w", "dL/dv": "-A"})


def test_arrays_as_numpy_prints_them_are_answers(tmp_path):
    x = ag.tensor([[0.5, -1.0], [2.0, 0.3]], requires_grad=True, name="x")
    sheet = worksheet(np.sum(x**2), wrt=x)
    cases = [("dLdx", "[[ 1.  -2. ]\n [ 4.   0.6]]"), ("dLdx", "[[1. 2.]\n [4. 0.6]]")]
    pages = marked_by_the_page(sheet, cases, tmp_path) if NODE else [None, None]
    for (word, text), right, page in zip(cases, (True, False), pages, strict=True):
        [mark] = sheet.check({word: text})
        assert mark.right == right
        assert page is None or page["right"] == right


def test_a_line_for_another_gradient_is_no_error():
    a = ag.tensor([0.5, -1.2], requires_grad=True, name="a")
    p = np.tanh(a)
    sheet = worksheet(np.sum((p - 1) ** 2), wrt=a, names={"p": p}, blanks=["dL/da"])
    assert not sheet.check("dL/dp = 2 (p - 1)")
    assert sheet.check("dL/dp = 2 (p - 1)\ndL/da = dL/dp (1 - p²)")


def test_a_blank_of_another_form_is_no_likewise():
    W, V, h = MATRIX[:4].reshape(2, 2), MATRIX[4:8].reshape(2, 2), np.zeros(2)
    x = MATRIX[8:14].reshape(3, 2)

    def gated(W, V):
        s = h
        for t in range(3):
            z = ag.sigmoid(V @ x[t])
            n = np.tanh(W @ (x[t] + s))
            s = z * s + (1 - z) * n
        return np.sum(s**2)

    sheet = str(ag.trace(gated, W, V).worksheet(blanks=4))
    assert "likewise" not in sheet
    assert "dL/dcₜ" in sheet or "dL/daₜ" in sheet
