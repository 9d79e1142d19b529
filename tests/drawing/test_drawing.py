"""Drawings: scenes and their DOT text, rendering, saving, and hostile names."""

import ast
import copy
import os
import pickle
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
from thorough import mostly_thorough

import autograd_lite as ag
from autograd_lite import nn
from autograd_lite.drawing import NoRenderer, draw, render, render as rendering
from autograd_lite.drawing.dot import AGAIN, SHAPES
from autograd_lite.drawing.formatting import summary
from autograd_lite.drawing.scene import KINDS
from autograd_lite.drawing.themes import THEMES

can_render = pytest.mark.skipif(not rendering.available(), reason="no program that draws graphs on this machine")
SVG = "{http://www.w3.org/2000/svg}"


def _has_cairo():
    try:
        return bool(rendering._cairo("svg2pdf"))
    except ImportError:
        return False


has_cairo = pytest.mark.skipif(not _has_cairo(), reason="CairoSVG or its library cairo is missing")


def net():
    """The talk's net and its names."""
    rng = np.random.default_rng(0)
    x, y = np.array([[1.0, 0.0, 0.0]]), np.array([[1.0]])
    V = ag.tensor(rng.normal(size=(3, 4)), requires_grad=True, name="V")
    W = ag.tensor(rng.normal(size=(4, 1)), requires_grad=True, name="W")
    A = x @ V
    B = ag.sigmoid(A)
    C = B @ W
    P = ag.sigmoid(C)
    L = 0.5 * (y - P) ** 2
    return L, {"x": x, "y": y, "V": V, "W": W, "A": A, "B": B, "C": C, "P": P, "L": L}


def lines_of(picture):
    return {line.symbol: line for line in picture.scene.lines if line.symbol}


# -------------------------------------------------------------------------------------------- what is shown


def test_the_talks_net_has_its_names_kinds_and_partials():
    L, names = net()
    picture = draw(L, names=names)
    kinds = {i.name: i.kind for i in picture.scene.items}
    assert kinds == {
        "V": "parameter", "W": "parameter", "x": "input", "y": "input",
        "A": "result", "B": "result", "C": "result", "P": "result", "L": "loss",
    }  # fmt: skip
    found = lines_of(picture)
    assert list(found) == ["dA/dV", "dB/dA", "dC/dB", "dC/dW", "dP/dC", "dL/dP"]
    B, C, P = (names[k].detach().numpy() for k in "BCP")
    s = 1 / (1 + np.exp(-C))
    np.testing.assert_allclose(found["dP/dC"].value, s * (1 - s))
    np.testing.assert_allclose(found["dL/dP"].value, -(names["y"] - P))
    np.testing.assert_array_equal(found["dC/dW"].value, B.T)
    assert found["dC/dW"].combine == "left"
    assert found["dC/dB"].combine == "right"


def test_numbers_in_the_picture_are_the_graphs():
    L, names = net()
    L.backward()
    picture = draw(L, names=names)
    by_name = {i.name: i for i in picture.scene.items}
    np.testing.assert_array_equal(by_name["A"].value, names["A"].detach().numpy())
    np.testing.assert_allclose(by_name["W"].gradient, names["W"].grad.numpy())
    np.testing.assert_allclose(by_name["V"].gradient, names["V"].grad.numpy())


def test_a_picture_is_a_snapshot():
    L, names = net()
    pictures = [draw(L, names=names, view=view) for view in ("landmarks", "operations", "neurons")]
    before = [draw(L, names=names, view=view).source for view in ("landmarks", "operations", "neurons")]
    with ag.no_grad():
        names["W"] -= 1.0
        names["x"] += 1.0
    assert [picture.source for picture in pictures] == before


def test_every_operation_is_drawn_on_request():
    L, names = net()
    few, all_of_them = draw(L, names=names), draw(L, names=names, view="operations")
    rows = [i.row for i in all_of_them.scene.items if i.row]
    assert rows == ["matmul", "sigmoid", "matmul", "sigmoid", "subtract", "square", "multiply"]
    assert len(few.scene.items) < len(all_of_them.scene.items)


def test_a_diamond_has_both_paths():
    a = ag.tensor(2.0, requires_grad=True, name="a")
    b, c = a * a, np.sin(a)
    found = lines_of(draw(b * c, names={"b": b, "c": c}))
    assert set(found) == {"db/da", "dc/da", "dL/db", "dL/dc"}
    assert found["dc/da"].value == pytest.approx(np.cos(2.0))


def test_options_leave_things_out():
    L, names = net()
    everything = draw(L, names=names).source
    assert "∂L/∂W" in everything
    assert "∂P/∂C" in everything
    assert "-2.54" in everything
    forward = draw(L, names=names, forward_only=True).source
    assert "∂" not in forward
    assert "-2.54" in forward
    assert "-2.54" not in draw(L, names=names, values=False).source
    assert "∂L/∂W" not in draw(L, names=names, gradients=False).source
    assert "∂P/∂C" not in draw(L, names=names, partials=False).source
    assert "rankdir=TB" in draw(L, names=names, direction="TB").source
    assert "parameter" not in draw(L, names=names, legend=False).source


def test_large_arrays_are_summed_up_with_a_heat_map():
    W = ag.tensor(np.arange(600.0).reshape(20, 30), requires_grad=True, name="W")
    source = draw(np.mean(W * W)).source
    assert "0 … 599, mean 300" in source
    assert source.count("BGCOLOR") > 2 * 6 * 12
    for _ in range(45):
        W = W * 0.5
    assert draw(np.mean(W), view="operations").source.count("BGCOLOR") < 10  # many boxes have none


def test_kinds_differ_without_colour():
    assert set(SHAPES) == set(KINDS)
    looks = [tuple(v for k, v in sorted(look.items()) if k != "fillcolor") for look in SHAPES.values()]
    assert len(set(looks)) == len(looks)
    for theme in THEMES.values():
        assert set(theme.fills) == set(KINDS)


# How colours look to readers without one kind of cone (Machado, Oliveira and Fernandes 2009, table 1, severity 1).
CONES = {
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}


def rgb(colour):
    c = np.array([int(colour[k : k + 2], 16) for k in (1, 3, 5)]) / 255
    return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)


def luminance(colour):
    return rgb(colour) @ [0.2126, 0.7152, 0.0722]


def contrast(a, b):
    light, dark = sorted((luminance(a), luminance(b)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("cones", CONES)
@pytest.mark.parametrize("name", ["light", "dark"])
def test_colours_with_different_meanings_differ_for_every_reader(name, cones):
    t = THEMES[name]
    for a, b in ((t.positive, t.negative), (t.partial, t.gradient), (t.added, t.removed), (t.accent, t.partial)):
        seen = [np.clip(np.array(CONES[cones]) @ rgb(c), 0, 1) ** (1 / 2.2) for c in (a, b)]
        assert np.linalg.norm(seen[0] - seen[1]) > 0.15


@pytest.mark.parametrize("name", THEMES)
def test_text_can_be_read_on_every_box(name):
    t = THEMES[name]
    for fill in (*t.fills.values(), t.background):
        assert contrast(t.ink, fill) > 7
        assert contrast(t.gradient, fill) > 4.5
    assert contrast(t.partial, t.background) > 4.5


# ------------------------------------------------------------------------------------------ what can be drawn


def test_a_function_that_has_not_run():
    def f(x, w):
        h = np.tanh(x @ w)
        return np.mean(h * h)

    picture = draw(f, np.ones((5, 3)), np.ones((3, 2)))
    assert [i.name for i in picture.scene.items] == ["x", "w", "a", "h", "L"]
    assert {i.kind for i in picture.scene.items[:2]} == {"input"}
    assert set(lines_of(picture)) == {"da/dx", "da/dw", "dh/da", "dL/dh"}


def test_a_gradient_is_a_graph_too():
    picture = draw(ag.grad(lambda x: np.sin(x) * x), 1.0, view="operations")
    rows = [i.row for i in picture.scene.items]
    assert "cos" in rows
    x = ag.tensor(1.0, requires_grad=True, name="x")
    np.sin(x).backward(create_graph=True)
    found = lines_of(draw(x.grad))
    assert [f"{line.value:.4f}" for line in found.values()] == [f"{-np.sin(1.0):.4f}"]


def test_a_traced_program_keeps_its_names():
    program = ag.trace(lambda x, w: np.sum(np.exp(x * w)))(np.ones(3), np.ones(3))
    names = [i.name for i in draw(program).scene.items]
    assert sorted(names) == sorted([v.name for v in program.inputs] + [eq.outputs[0].name for eq in program])


def test_a_module_by_layers():
    m = nn.Sequential(nn.Linear(3, 4), nn.Sigmoid(), nn.Linear(4, 1))
    picture = draw(m, np.ones((2, 3)), by="module")
    assert [i.name for i in picture.scene.items if i.kind == "layer"] == ["0: Linear", "1: Sigmoid", "2: Linear"]
    assert "weight 4×3  bias 4" in picture.source
    inner = draw(nn.Sequential(m, nn.Tanh()), np.ones((2, 3)), by="module")
    assert "cluster_" in inner.source
    loss = draw(m, np.ones((2, 3)), np.ones((2, 1)), loss=lambda p, y: np.mean((p - y) ** 2), by="module")
    assert loss.scene.item(loss.scene.loss).kind == "loss"
    assert "y" in loss.scene.keys_named()
    opened = draw(m, np.ones((2, 3)))
    assert "0.weight" in opened.scene.keys_named()


def test_a_loss_of_a_module_knows_its_layers_and_their_parameters_by_place():
    m = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1))
    loss = np.mean(m(np.ones((2, 3))) ** 2)
    layers = [i.name for i in loss.draw(by="module").scene.items if i.kind == "layer"]
    assert layers == ["0: Linear", "1: ReLU", "2: Linear"]
    for view in ("landmarks", "operations"):
        parameters = [i.name for i in loss.draw(view=view).scene.items if i.kind == "parameter"]
        assert parameters == ["weight_0", "bias_0", "weight_2", "bias_2"]


@pytest.mark.parametrize("options", [{}, {"view": "operations"}, {"depth": 0}])
def test_two_of_one_name_are_distinguished(options):
    a, b = (ag.tensor(x, requires_grad=True, name="w") for x in (1.0, 2.0))
    assert [i.name for i in (a * b).draw(**options).scene.items] == ["w", "w1", "L"]


@pytest.mark.parametrize("options", [{}, {"view": "operations"}, {"depth": 0}])
def test_of_two_variables_for_one_tensor_the_first_counts(options):
    W = ag.tensor([1.0, 2.0], requires_grad=True)
    picture = np.sum(W * 2.0).draw(names={"W": W, "V": W}, **options)
    assert picture.scene.items[0].name == "W"


class Cell(nn.Module):
    def __init__(self):
        super().__init__()
        self.inside, self.before = nn.Linear(3, 4), nn.Linear(4, 4)

    def forward(self, x, h):
        return np.tanh(self.inside(x) + self.before(h))


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.cell, self.out = Cell(), nn.Linear(4, 1)

    def forward(self, x):
        h = np.zeros((x.shape[0], 4))
        for t in range(x.shape[1]):
            h = self.cell(x[:, t], h)
        return self.out(h)


def test_a_repeated_cell_is_drawn_once_with_a_note():
    x = np.ones((2, 9, 3))
    rolled = draw(Recurrent(), x, by="module", depth=1)
    cells = [i for i in rolled.scene.items if i.name == "cell: Cell"]
    assert [i.note for i in cells] == ["× 9, each fed by the previous one"]
    loops = [line for line in rolled.scene.lines if line.tail == line.head]
    assert [line.tail for line in loops] == [cells[0].key]
    unrolled = draw(Recurrent(), x, by="module", depth=1, roll=False)
    assert sum(i.name == "cell: Cell" for i in unrolled.scene.items) == 9


def test_a_large_graph_is_cut_in_the_middle():
    y = x = ag.tensor(1.0, requires_grad=True, name="x")
    for _ in range(3000):
        y = np.sin(y)
    picture = draw(y, limit=20)
    rest = [i for i in picture.scene.items if i.kind == "summary"]
    assert len(picture.scene.items) == 22
    assert [i.name for i in rest] == ["2,980 steps in the middle"]
    assert rest[0].operation == "not drawn (limit=20)"
    assert x.name in picture.scene.keys_named()
    assert [(x.tail, x.head) for x in picture.scene.lines if "rest" in x.key] == [("n10", "rest"), ("rest", "n2991")]
    assert "structure alone" in picture.scene.notes[0]


def test_landmarks_are_cut_in_the_middle_too():
    y = x = ag.tensor(1.0, requires_grad=True, name="x")
    names = {}
    for k in range(40):
        names[f"y{k}"] = y = np.sin(y) + x
    picture = draw(y, names=names, limit=10, roll=False)
    assert [i.name for i in picture.scene.items if i.kind in ("result", "loss")] == [
        *(f"y{k}" for k in (0, 1, 2, 3, 4, 35, 36, 37, 38, 39))
    ]
    assert [i.name for i in picture.scene.items if i.kind == "summary"] == ["30 steps in the middle"]
    key = picture.scene.keys_named()
    ends = {(line.tail, line.head) for line in picture.scene.lines}
    assert {(key["y4"], "rest"), ("rest", key["y35"]), (key["x"], key["y39"])} <= ends


def test_changed_or_freed_values_are_noted():
    W = ag.tensor([1.0, 2.0], requires_grad=True, name="W")
    L = np.sum(np.sin(W) * W)
    with ag.no_grad():
        W -= 1.0
    picture = draw(L)
    assert "'W'" in picture.scene.notes[0]
    assert "has changed since" in picture.scene.notes[0]
    item = picture.scene.item(picture.scene.keys_named()["W"])
    assert item.note == "has changed since"
    assert item.value is None
    W = ag.tensor(np.ones(1000), requires_grad=True, name="W")
    L = np.sum(np.sin(W) * W)
    L.backward(retain_graph=False)
    picture = draw(L)
    assert "freed" in picture.scene.notes[0]
    assert [i.row for i in picture.scene.items if i.row] == ["sin", "multiply", "sum"]


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: draw(ag.tensor(1.0)), ValueError, "nothing was recorded"),
        (lambda: draw(np.sin), TypeError, r"draw\(sin, x\)"),
        (lambda: draw(3), TypeError, "got int"),
        (lambda: draw(np.sin, 1.0, view="circles"), ValueError, "expected view to be one of"),
        (lambda: draw(np.sin, 1.0, theme="pink"), ValueError, "light, dark, print"),
        (lambda: draw(np.sin, 1.0, by="layer"), ValueError, 'expected by="module"'),
        (lambda: draw(np.sin, 1.0, direction="up"), ValueError, "direction"),
        (lambda: draw(np.sin, 1.0, colour="red"), TypeError, "colour"),
        (lambda: draw(np.sin, 1.0, view="neurons"), ValueError, "no layer"),
        (lambda: draw(np.sin, 1.0).save("picture.bmp"), ValueError, ".svg, .png"),
    ],
)
def test_a_wrong_call_gets_one_clear_error(call, error, words):
    with pytest.raises(error, match=words):
        call()


# ---------------------------------------------------------------------------------------------- comparing


def test_two_drawings_compared():
    def f(x, w):
        return np.sum(np.tanh(x * w))

    def g(x, w):
        return np.sum(np.sin(x * w))

    x, w = np.ones(2), np.array([1.0, 2.0])
    same = draw(f, x, w).diff(draw(f, x, w))
    assert all(not i.change for i in same.scene.items)
    assert "no difference" in same.scene.notes[0]
    moved = draw(f, x, w).diff(draw(f, x, w + 1))
    changed = {i.name: i.note for i in moved.scene.items if i.change == "changed"}
    assert changed["w"] == "value was [1  2]"
    other = draw(f, x, w, view="operations").diff(draw(g, x, w, view="operations"))
    assert [(i.row, i.change) for i in other.scene.items if i.change in ("added", "removed")] == [
        ("tanh", "removed"), ("sin", "added"),
    ]  # fmt: skip
    assert "+ " in other.source
    assert "− " in other.source


# ------------------------------------------------------------------------------------------- hostile names

HOSTILE = '"><script>alert(1)</script>\n\\N \\G & <b> ]]> --> {x}'


@can_render
def test_a_name_cannot_break_the_picture():
    W = ag.tensor([[1.0, 2.0]], requires_grad=True, name=HOSTILE)
    picture = draw(np.sum(np.sin(W) * W))
    root = ET.fromstring(picture.svg())  # is well-formed
    tags = {e.tag.removeprefix(SVG) for e in root.iter()}
    assert tags <= {"svg", "g", "title", "text", "path", "polygon", "polyline", "ellipse"}
    texts = [e.text for e in root.iter(f"{SVG}text")]
    shown = HOSTILE.replace("\n", " ")
    assert shown[:43] + "…" in texts or shown in texts
    assert picture.png().startswith(b"\x89PNG")
    assert "\\input" not in draw(np.sin(ag.tensor(1.0, requires_grad=True, name="\\input{x}"))).tex()
    assert r"\theta" in draw(np.sin(ag.tensor(1.0, requires_grad=True, name="theta"))).tex()


@can_render
@pytest.mark.parametrize(
    "name", ["<", ">", "a b", "", "\\", "\\N", "é σ ₁", "x" * 500, "<<TABLE>>", "\x00\x07", "🙂", "%s{}"]
)
def test_any_name_can_be_drawn(name):
    W = ag.tensor([1.0, 2.0], requires_grad=True, name=name)
    for view in ("landmarks", "operations"):
        ET.fromstring(draw(np.sum(W * W), view=view).svg())


# ------------------------------------------------------------------------------------------------ rendering


@can_render
@pytest.mark.parametrize("theme", mostly_thorough(THEMES))
def test_svg_and_png_in_every_theme(theme):
    L, names = net()
    picture = draw(L, names=names, theme=theme)
    root = ET.fromstring(picture.svg())
    groups = [g.get("id") for g in root.iter(f"{SVG}g") if g.get("class") == "node"]
    assert sorted(k for k in groups if AGAIN not in k) == sorted(i.key for i in picture.scene.items)
    assert picture.png()[:8] == b"\x89PNG\r\n\x1a\n"
    assert THEMES[theme].background in picture.svg()
    assert draw(L, names=names).with_theme(theme).source == picture.source


@can_render
def test_titles_describe_the_boxes():
    L, names = net()
    titles = [e.text for e in ET.fromstring(draw(L, names=names).svg()).iter(f"{SVG}title")]
    assert any(t.startswith("result C  = B W  1×1  value -2.54") for t in titles)
    assert any(t.startswith("C → P  ∂P/∂C = P (1 − P) = 0.0678") for t in titles)


@can_render
def test_save_by_the_ending(tmp_path):
    L, names = net()
    picture = draw(L, names=names)
    beginnings = {"svg": b"<svg", "png": b"\x89PNG", "dot": b"digraph", "html": b"<!DOCTYPE", "tex": b"\\documentclass"}
    for ending, beginning in beginnings.items():
        path = picture.save(tmp_path / f"net.{ending}")
        assert path.read_bytes().startswith(beginning)


@can_render
def test_tikz_has_every_box_and_balanced_braces():
    L, names = net()
    text = draw(L, names=names).tex()
    assert text.count("\\node[item") == 9 + text.count(", rounded corners=9pt")  # names repeated in another row
    assert text.count("\\draw") == 8
    assert "standalone" not in text  # which a small TeX Live lacks
    colours = set(re.findall(r"definecolor{(\w+)}", text))
    assert set(re.findall(r"item=(\w+)", text)) | {"ink", "partial", "gradient", "background"} <= colours
    assert r"\frac{\partial P}{\partial C}" in text
    depth = 0
    for c in text.replace("\\{", "").replace("\\}", ""):
        depth += (c == "{") - (c == "}")
        assert depth >= 0
    assert depth == 0


@can_render
@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no LaTeX on this machine")
@pytest.mark.parametrize("theme", list(THEMES))
def test_latex_sets_the_picture_on_one_page_of_its_size(tmp_path, theme):
    L, names = net()
    draw(L, names={**names, "w_#1 <b>": names["W"]}, theme=theme).save(tmp_path / "net.tex")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "net.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:]
    assert "(1 page," in done.stdout
    assert "Overfull" not in done.stdout


@can_render
def test_tikz_keeps_the_transpose_of_a_module_s_weight():
    text = draw(nn.Sequential(nn.Linear(3, 4)), np.ones((2, 3))).tex()
    assert r"y = x\,\text{0.weight}^\top + \text{0.bias}" in text


@can_render
def test_notebooks_just_show_it():
    L, names = net()
    bundle = draw(L, names=names)._repr_mimebundle_()
    assert bundle["image/svg+xml"].startswith("<svg")


@can_render
def test_a_picture_in_a_notebook_is_never_wider_than_its_cell():
    L, names = net()
    natural = float(ET.fromstring(draw(L, names=names).svg()).get("width").removesuffix("pt"))
    wide = ET.fromstring(draw(L, names=names)._repr_mimebundle_()["image/svg+xml"])
    assert (wide.get("width"), wide.get("height")) == ("100%", None)  # what an <img> of nbconvert needs
    assert wide.get("style") == f"max-width: {natural:.0f}pt; height: auto"
    x = ag.tensor(2.0, requires_grad=True, name="x")
    small = ET.fromstring(draw(np.sin(x))._repr_mimebundle_()["image/svg+xml"])
    assert small.get("width").endswith("pt")  # it is not enlarged
    assert small.get("style") == "max-width: 100%; height: auto"


def test_without_a_renderer_the_error_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setattr(rendering, "_candidates", list)
    monkeypatch.setattr(rendering, "_pygraphviz", lambda: None)
    L, names = net()
    picture = draw(L, names=names)
    with pytest.raises(NoRenderer, match=r"pip install graphviz-pure.*\.source") as caught:
        picture.svg()
    assert "\n" not in str(caught.value)
    assert picture.source.startswith("digraph")
    assert picture.save(tmp_path / "net.dot").read_text(encoding="utf-8") == picture.source
    assert picture._repr_mimebundle_() == {"text/plain": f"{picture!r}\n{caught.value}"}


def test_a_dot_that_does_not_work_is_passed_over(monkeypatch, tmp_path):
    broken = tmp_path / "dot"
    broken.write_text("#!/bin/sh\necho 'Format: \"svg\" not recognized' >&2\nexit 1\n")
    broken.chmod(0o755)
    rest = [c for c in rendering._candidates() if Path(c).name != "dot"]
    monkeypatch.setattr(rendering, "_candidates", lambda: [str(broken), *rest])
    assert str(broken) not in rendering.commands()
    if rest:
        assert rendering.render("digraph { a -> b }", "svg").find(b"<svg") >= 0


@can_render
@has_cairo
def test_a_pdf_has_the_pictures_text(tmp_path):
    from pypdf import PdfReader

    L, names = net()
    pages = PdfReader(draw(L, names=names).save(tmp_path / "net.pdf")).pages
    assert len(pages) == 1
    words = pages[0].extract_text()
    assert all(word in words for word in ("∂C/∂B", "Wᵀ", "B ⊙ (1 − B)"))


def test_signs_that_fonts_lack_have_their_own_font_and_names_cannot_add_one():
    text = '<svg aria-label="⊙"><title>⊙</title><text x="1">a ⊙ &lt;b</text></svg>'
    font = '<tspan font-family="DejaVu Sans">⊙</tspan>'
    made = rendering._with_signs(text).decode()
    assert made == f'<svg aria-label="⊙"><title>⊙</title><text x="1">a {font} &lt;b</text></svg>'


@can_render
def test_a_pdf_without_cairosvg_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "cairosvg", None)
    with pytest.raises(NoRenderer, match="pip install cairosvg pypdf"):
        draw(net()[0]).pdf()


@can_render
def test_a_mistake_in_dot_text_is_reported():
    with pytest.raises(NoRenderer, match=r"could not be drawn: .*syntax"):
        render.render("digraph { a -> }", "svg")


# ----------------------------------------------------------------------------------------------- same bytes

SCRIPT = """
import numpy as np, autograd_lite as ag
from autograd_lite.drawing import draw, frames
W = ag.tensor(np.arange(6.0).reshape(3, 2) / 7, requires_grad=True, name="W")
h = np.tanh(np.ones((2, 3)) @ W)
L = np.mean(ag.softmax(h, axis=-1) ** 2) + np.sum(W)
for view in ("landmarks", "operations"):
    print(draw(L, names={"h": h, "L": L}, view=view).source)
print(draw(L, names={"h": h, "L": L}, by="module").source)
for f in frames(L, wrt=[W], names={"h": h, "L": L}, forward=True):
    print(f.source)
"""


def test_two_runs_and_two_hash_seeds_give_the_same_bytes():
    root = Path(__file__).parents[2]
    outputs = []
    for seed in ("0", "12345"):
        env = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(root), "PYTHONIOENCODING": "utf-8"}
        done = subprocess.run([sys.executable, "-c", SCRIPT], env=env, capture_output=True, check=True)
        outputs.append(done.stdout)
    assert outputs[0] == outputs[1]
    assert b"0x" not in outputs[0]
    assert str(root).encode() not in outputs[0]


@can_render
def test_drawing_twice_is_the_same_svg():
    first, second = (draw(L, names=names).svg() for L, names in (net(), net()))
    assert first == second


# ------------------------------------------------------------------------------------------------- invariants


def test_no_module_imports_graphviz_before_something_is_drawn():
    files = [*Path(ag.__file__).parent.rglob("*.py")]
    assert len(files) > 100
    for path in files:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        top = [n for n in tree.body if isinstance(n, (ast.Import, ast.ImportFrom))]
        assert not any("graphviz" in ast.unparse(n) for n in top), path.name


def test_glyphs_that_the_wheels_fonts_lack_are_not_used():
    L, names = net()
    for picture in (draw(L, names=names), draw(L, names=names, view="neurons")):
        assert not re.search("[∇⊗⋮✓]", picture.source)


def test_the_public_name_is_the_function():
    L, names = net()
    assert ag.draw(L, names=names).source == draw(L, names=names).source


def test_views_of_a_graph_cannot_be_pickled_and_say_what_to_save():
    w = ag.tensor([1.0, 2.0], requires_grad=True, name="w")
    loss = np.sum(w**2)
    program = ag.trace(lambda x: x * w)(np.ones(2))
    for shown, remedy in (
        (program, r"a Program cannot be pickled.* keep str\(program\)"),
        (ag.draw(loss), r"a Drawing cannot be pickled.*\.save\("),
        (ag.frames(loss, wrt=w), r"a Frames cannot be pickled.*\.save\("),
        (loss.explain(w), r"a Derivation cannot be pickled.*\.markdown\(\)"),
        (loss.partials(w), r"a Partials cannot be pickled.* str\("),
    ):
        with pytest.raises(TypeError, match=remedy):
            pickle.dumps(shown)
        assert copy.copy(shown) is copy.deepcopy(shown) is shown
    source = ag.source(lambda w: np.sum(w**2), np.ones(2))
    source(np.ones(2))
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(source))(np.ones(2))[1], [2, 2])


def test_every_box_knows_the_line_where_it_was_made():
    W = ag.tensor(np.ones((2, 2)), requires_grad=True, name="W")
    L = np.sum(np.tanh(np.ones(2) @ W))
    for options in ({}, {"view": "operations"}, {"by": "module"}):
        origins = {i.name: i.origin for i in draw(L, names={"L": L}, **options).scene.items if i.name in "WL"}
        assert all(re.fullmatch(r"test_drawing\.py:\d+", line) for line in origins.values())
        assert int(origins["L"].rpartition(":")[2]) == int(origins["W"].rpartition(":")[2]) + 1


@pytest.mark.parametrize("call", [lambda t: t.draw("x.png"), lambda t: ag.draw(t, "x.png")])
def test_a_path_in_the_place_of_names_says_how_to_write_a_file(call):
    w = ag.tensor([1.0], requires_grad=True)
    with pytest.raises(TypeError, match=re.escape(".draw().save('x.png')")):
        call(np.sum(w * w))


def test_signs_that_fonts_lack_are_set_in_one_that_has_them():
    for sign in ("K⁻¹", "Bᵀ", "‖x‖", "⊙", "Σₜ", "xᵢ", "x̂", "hₜ₋₁"):
        made = rendering._with_signs(f"<text>α + ½ {sign} − 2²</text>").decode()
        rest = re.sub(r"<tspan.*?</tspan>", "", made)
        assert "α + ½" in rest  # Helvetica has these
        assert not re.search("[⁻ᵀ‖⊙ₜ₋ᵢ\u0302]", rest)


@can_render
def test_boxes_have_space_for_wide_signs():
    """``graphviz-pure`` counts bytes, so several ½ stood over the border."""

    def width(word):
        svg = rendering.render(f"digraph {{ a [shape=plain, label=<<FONT>{word}</FONT>>] }}", "svg").decode()
        assert f">{word}</text>" in svg  # without the space
        return float(re.search(r'width="([0-9]+)pt"', svg)[1])

    assert width("½" * 20) - width("o" * 20) > 0.2 * 20 * 14  # points


def test_products_of_vectors_have_a_transpose():
    def f(x, A):
        h = A @ x
        return (h @ h) / 2 - x @ A @ x

    assert [i.source() for i in draw(f, np.ones(2), np.eye(2)).scene.items][-1] == "(hᵀ h) / 2 − xᵀ A x"
    assert summary(np.array([0.1, 0.2, 0.3, -0.3, -0.2, -0.1, 0.1 + 0.2, -0.3])) == "-0.3 … 0.3, mean 0"
