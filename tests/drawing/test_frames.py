"""Frames of the chain rule and of training: the steps, the common layout, and the formats in which they are saved."""

import re
import sys
import xml.etree.ElementTree as ET
from collections import Counter
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from thorough import mostly_thorough

import autograd_lite as ag
from autograd_lite import nn
from autograd_lite.derive.writing import TEXT
from autograd_lite.drawing import NoRenderer, draw, film, formatting, frames
from autograd_lite.drawing.slides import sheet
from tests.drawing.test_drawing import can_render, has_cairo, net

sys.path.insert(0, str(Path(__file__).parents[2] / "examples"))

import lessons  # of the examples

Image = pytest.importorskip("PIL.Image", reason="install autograd_lite[render]")


def story(**options):
    L, names = net()
    return frames(L, wrt=[names["W"], names["V"]], names=names, **options)


def places(svg):
    """The position of everything except the heads of arrows, which are larger on a highlighted line."""
    kept = []
    root = ET.fromstring(svg)
    heads = {e for g in root.iter() if g.get("class") == "edge" for e in g if e.tag.endswith("polygon")}
    for e in root.iter():
        if e in heads:
            continue
        if e.tag.endswith("text"):
            kept.append((e.get("x"), e.get("y"), e.text))
        elif e.tag.rpartition("}")[2] in ("path", "polygon", "polyline", "ellipse"):
            kept.append((e.get("d"), e.get("points"), e.get("cx"), e.get("cy")))
    return kept


# ------------------------------------------------------------------------------------------------- the steps


def test_the_talks_steps_in_the_talks_order():
    symbols = [caption.partition(" = ")[0] for caption in story().captions]
    assert symbols == ["∂L/∂P", "∂P/∂C", "∂C/∂W", "∂L/∂W", "∂C/∂B", "∂B/∂A", "∂A/∂V", "∂L/∂V"]


def test_captions_have_formula_and_number():
    captions = story().captions
    assert captions[0] == "∂L/∂P = −(y − P) = -0.927"
    assert captions[1] == "∂P/∂C = P (1 − P) = 0.0678"
    assert captions[2] == "∂C/∂W = Bᵀ"
    assert captions[3] == "∂L/∂W = ∂C/∂W (∂L/∂P · ∂P/∂C)"
    assert captions[7] == "∂L/∂V = ∂A/∂V (((∂L/∂P · ∂P/∂C) ∂C/∂B) ⊙ ∂B/∂A)"


# A page can change the entries of a given matrix: its lines are those of a K that need not be symmetric.
TURNED = {
    "∂L/∂K = ½ K⁻¹ − K⁻¹ ∂L/∂α αᵀ = ½ (K⁻¹ − α αᵀ)":
        "∂L/∂K = ½ K⁻ᵀ − K⁻ᵀ ∂L/∂α αᵀ = ½ (K⁻ᵀ − K⁻ᵀ y αᵀ)",
}  # fmt: skip


@pytest.mark.parametrize("make", mostly_thorough(lessons.LESSONS, 10), ids=lambda make: make.__name__)
def test_the_steps_are_the_lines_of_the_derivation(make):
    lesson = make()
    shown = frames(lesson.result, wrt=lesson.wrt, names=lesson.names)
    derivation = lesson.explain()
    products = {t.symbol for t in derivation.totals if derivation.order.written_out(t.node) is not None}
    lines = [line for line in derivation.sections[-1].lines if line.symbol]  # a picture has the factors of a product
    written = [line.written(TEXT)[: 2 if line.symbol in products else None] for line in lines]
    assert len(shown.captions) >= len({symbol for symbol, *_ in written})
    captions = iter(shown.captions)
    for line in written:
        sides = [formatting.mathematics(side, 72) for side in line]
        if len(sides) > 1:  # sums may have another order: a picture has a box for each partial sum of a loop
            line = " = ".join(sides)
            line = TURNED.get(line, line)
            assert any(c.startswith(line) or _terms(c) >= _terms(line) for c in captions), sides


def _terms(line):
    return Counter(re.split(r" [=+−] ", line))


def test_forward_steps_come_first_when_asked_for():
    captions = story(forward=True).captions
    assert [c.partition(" = ")[0] for c in captions[1:6]] == ["A", "B", "C", "P", "L"]
    assert captions[0].startswith("Given: ")
    assert captions[6:] == story().captions


def test_each_step_marks_one_line_and_only_learns():
    shown = story()
    keys = {(line.tail, line.head): line for line in shown[0].scene.lines}
    name = {i.key: i.name for i in shown[0].scene.items}
    marked = []
    for k, step in enumerate(shown.steps):
        lines = [line for ends, line in keys.items() if line.key in step.state.now]
        marked.append([f"{name[line.head]}{name[line.tail]}" for line in lines])
        if k:
            before = shown.steps[k - 1].state
            assert before.partials <= step.state.partials
            assert before.gradients <= step.state.gradients
            assert before.now <= step.state.known
    assert marked == [["LP"], ["PC"], ["CW"], ["CW"], ["CB"], ["BA"], ["AV"], ["AV"]]


def test_a_gradient_is_shown_when_all_paths_to_it_are_known():
    a = ag.tensor(2.0, requires_grad=True, name="a")
    h = np.exp(a)
    b, c = h * 2.0, np.sin(h)
    shown = frames(b * c, wrt=a, names={"h": h, "b": b, "c": c})
    key = shown[0].scene.keys_named()["h"]
    symbols = [c.partition(" = ")[0] for c in shown.captions]
    known = [symbol for symbol, s in zip(symbols, shown.steps, strict=True) if key in s.state.gradients]
    before = symbols[: -len(known)]
    assert {"∂b/∂h", "∂c/∂h"} <= {*before}
    assert known[0] == "∂L/∂h"  # which is written, since the paths meet there


def test_wrt_is_every_parameter_by_default():
    L, names = net()
    assert [c.partition(" = ")[0] for c in frames(L, names=names).captions] == [
        c.partition(" = ")[0] for c in story().captions
    ]


def test_a_function_has_frames_too():
    shown = frames(lambda w: np.sum(np.sin(w) * w), np.ones(3))
    assert shown.captions == ("∂L/∂w = sin(w) + w ⊙ cos(w) = [1.4  1.4  1.4]",)


def test_several_paths_are_summed_and_so_are_repeated_arguments():
    a = ag.tensor(2.0, requires_grad=True, name="a")
    b, c = a * 3.0, np.sin(a)
    assert frames(b * c, names={"b": b, "c": c}).captions[-1].startswith("∂L/∂a = ∂L/∂c · ∂c/∂a + ∂L/∂b · ∂b/∂a = ")
    d = ag.tensor([1.0, 2.0], requires_grad=True, name="d")
    e = np.ones((3, 2)) + d
    assert frames(np.sum(e * e), names={"e": e}).captions[-1] == "∂L/∂d = Σᵢ ∂L/∂eᵢ = [12  18]"


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda L, names: frames(L, wrt=ag.tensor(1.0, requires_grad=True, name="other")), "'other' is not in this"),
        (lambda L, names: frames(names["B"], names=names), r"one entry, got shape \(1, 4\)"),
        (lambda L, names: frames(L, by="module"), "need formulas"),
    ],
)
def test_a_wrong_call_gets_one_clear_error(call, words):
    with pytest.raises(ValueError, match=words):
        call(*net())


# ------------------------------------------------------------------------------------------------- one layout


@can_render
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_frame_is_laid_out_alike(theme):
    shown = story(forward=True, theme=theme)
    svgs = shown.svgs()
    laid = [places(svg) for svg in svgs]
    for caption, found in zip(shown.captions, laid, strict=True):
        (caption_at,) = [p for p in found if len(p) == 3 and p[2].replace("\xa0", " ") == caption]
        found[found.index(caption_at)] = caption_at[:2]
    for other in laid[1:]:
        assert other == laid[0]
    assert len(set(svgs)) == len(svgs)
    sizes = {re.search(r'viewBox="([^"]*)"', svg)[1] for svg in svgs}
    assert len(sizes) == 1


@can_render
def test_what_is_not_known_has_the_colour_of_its_background():
    shown = story()
    first, last = ET.fromstring(shown[0].svg()), ET.fromstring(shown[-1].svg())

    def colours(root, key):
        group = next(g for g in root.iter() if g.get("id") == key)
        return {e.text: e.get("fill") for e in group if e.tag.endswith("text")}

    W = shown[0].scene.keys_named()["W"]
    line = next(x.key for x in shown[0].scene.lines if x.symbol == "dC/dW")
    fill = shown[0].style.theme.fills["parameter"]
    assert colours(first, W)["∂L/∂W ="] == fill
    assert colours(last, W)["∂L/∂W ="] == shown[0].style.theme.gradient
    assert set(colours(first, f"e{line}").values()) == {shown[0].style.theme.background}
    assert set(colours(last, f"e{line}").values()) == {shown[0].style.theme.partial}


# ---------------------------------------------------------------------------------------------------- formats


@can_render
def test_a_film_is_a_list_and_is_saved_in_every_format(tmp_path):
    shown = story()
    assert len(shown) == len(list(shown)) == 8
    assert len(shown[2:4]) == 2
    root = ET.fromstring(shown.svg())
    groups = [g for g in root if g.get("class") == "frame"]
    assert len(groups) == 8
    ids = [e.get("id") for e in root.iter() if e.get("id")]
    assert len(ids) == len(set(ids))
    delays = [float(re.search(r"delay: (-?[\d.]+)s", g.get("style"))[1]) for g in groups]
    assert delays == [pytest.approx(2.5 * k - 20) for k in range(8)]
    assert shown.save(tmp_path / "film.svg").read_text(encoding="utf-8") == shown.svg()
    assert shown.save(tmp_path / "film.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    shown.save(tmp_path / "film.md")
    text = (tmp_path / "film.md").read_text(encoding="utf-8")
    for name in re.findall(r"\((film/step\d+\.svg)\)", text):
        ET.fromstring((tmp_path / name).read_text(encoding="utf-8"))
    assert text.count("$$") == 16
    with pytest.raises(ValueError, match=r"\.svg, \.png"):
        shown.save(tmp_path / "film.gif")


def size(data):
    return Image.open(BytesIO(data)).size


@can_render
def test_a_folder_of_slides(tmp_path):
    shown = story()[:2]
    shown.save(tmp_path / "steps")
    assert sorted(p.name for p in (tmp_path / "steps").iterdir()) == [
        "step01.png", "step01.svg", "step02.png", "step02.svg"
    ]  # fmt: skip
    picture = Image.open(tmp_path / "steps" / "step01.png")
    assert picture.size == (1920, 1080)
    assert min(picture.getpixel((0, 0))) == min(picture.getpixel((1919, 1079))) == 255
    inside = Image.eval(picture.convert("L"), lambda p: 255 - p).getbbox()
    assert inside[2] - inside[0] > 1700 or inside[3] - inside[1] > 950  # as large as it fits
    for text, tight in zip(shown.slides(), shown.svgs(), strict=True):
        root, before = ET.fromstring(text), ET.fromstring(tight)
        x, y, wide, high = map(float, root.get("viewBox").split())
        assert wide / high == pytest.approx(16 / 9, abs=1e-3)
        left, top, across, down = map(float, before.get("viewBox").split())
        assert (x, y) <= (left, top)
        assert x + wide >= left + across - 0.01
        assert y + high >= top + down - 0.01


@can_render
def test_all_frames_on_one_slide_at_the_largest_size():
    pictures = [draw(ag.sigmoid, x, title=f"at {x:g}", legend=False) for x in (1.0, 2.0, 3.0)]
    assert size(sheet(pictures, 640)) == (640, 360)
    made = Image.open(BytesIO(sheet(pictures, 640))).convert("L")
    rows = [255 - made.crop((0, top, 640, top + 120)).getextrema()[0] for top in (0, 120, 240)]
    assert min(rows) > 100  # three wide pictures stand below one another


def test_slides_without_pillow_say_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(NoRenderer, match="pip install pillow"):
        sheet(story().drawings)


@can_render
@has_cairo
def test_a_pdf_has_a_page_for_each_frame(tmp_path):
    from pypdf import PdfReader

    shown = story()[2:4]
    pages = PdfReader(shown.save(tmp_path / "steps.pdf")).pages
    assert [shown.captions[k] in page.extract_text() for k, page in enumerate(pages)] == [True, True]
    assert {float(page.mediabox.width) / float(page.mediabox.height) for page in pages} == {16 / 9}


def test_a_direct_partial_is_not_the_whole_gradient():
    a = ag.tensor(2.0, requires_grad=True, name="a")
    b = np.sin(a)
    b.name = "b"
    shown = frames(a * b)
    assert shown.captions[0].startswith("∂L/∂a|direct = b")
    assert shown.captions[-1].startswith("∂L/∂a = ∂L/∂a|direct + ∂L/∂b · ∂b/∂a")
    assert r"\right|_{\text{direct}} = b" in shown.steps[0].tex


# ---------------------------------------------------------------------------------------------------- neurons


def test_the_talks_neurons():
    L, names = net()
    found = draw(L, names=names, view="neurons").net
    assert [c.name for c in found.columns] == ["x", "B", "P"]
    assert [len(c.values) for c in found.columns] == [3, 4, 1]
    assert found.columns[1].formula == "B = σ(A)"
    np.testing.assert_array_equal(found.weights[0], names["V"].detach().numpy())
    np.testing.assert_array_equal(found.columns[2].values, names["P"].detach().numpy()[0])
    assert found.loss[0] == "L"
    drawn = draw(L, names=names, view="neurons")
    assert [i.name for i in drawn.scene.items] == ["x₁", "x₂", "x₃", "b₁", "b₂", "b₃", "b₄", "p₁", "L"]


def test_lines_have_sign_and_size():
    L, names = net()
    source = draw(L, names=names, view="neurons", scale=3.0).source
    V = names["V"].detach().numpy()
    for i, j in ((0, 0), (2, 1)):
        line = re.search(rf"c0n{i} -> c1n{j} \[(.*)\]", source)[1]
        assert ("style=dashed" in line) == (V[i, j] < 0)
        width = float(re.search(r"penwidth=([\d.]+)", line)[1])
        assert width == pytest.approx(0.3 + 5.7 * abs(V[i, j]) / 3.0, abs=1e-3)


def test_lines_can_show_gradients():
    L, names = net()
    L.backward()
    found = draw(L, names=names, view="neurons", lines="gradients").net
    np.testing.assert_allclose(found.weights[0], names["V"].grad.numpy())
    assert found.matrix_names == ("∂L/∂V", "∂L/∂W")


def test_a_module_and_a_batch():
    m = nn.Sequential(nn.Linear(20, 12), nn.Tanh(), nn.Linear(12, 3))
    x = np.random.default_rng(1).normal(size=(5, 20))
    found = draw(m, x, view="neurons", example=3, most=6).net
    np.testing.assert_array_equal(found.columns[0].values, x[3])
    np.testing.assert_array_equal(found.weights[0], m[0].weight.detach().numpy().T)
    np.testing.assert_allclose(found.columns[2].values, m(x).detach().numpy()[3])
    source = draw(m, x, view="neurons", most=6).source
    assert "… 15 more" in source
    assert "… 7 more" in source
    with pytest.raises(ValueError, match="expected example < 5, the size of the batch, got 9"):
        draw(m, x, view="neurons", example=9)


@can_render
def test_before_and_after_lie_on_one_another():
    pictures = []
    for size in (1.0, 2.0):
        names = net()[1]
        with ag.no_grad():
            names["W"] *= size
        x, y, V, W = (names[k] for k in "xyVW")
        L = 0.5 * (y - ag.sigmoid(ag.sigmoid(x @ V) @ W)) ** 2
        pictures.append(draw(L, names=names, view="neurons", scale=5.0))
    shown = film(pictures, ["before", "after"])
    before, after = ([p for p in places(svg) if len(p) == 4] for svg in shown.svgs())
    assert before == after
    assert ">after<" in shown[1].svg()


def test_without_partials_on_the_lines_the_steps_are_the_same():
    w = ag.tensor(2.0, requires_grad=True, name="w")
    p = ag.sigmoid(3.0 * w)
    L = (1.0 - p) ** 2
    with_partials, without = (frames(L, names={"p": p}, partials=on) for on in (True, False))
    assert without.captions == with_partials.captions
