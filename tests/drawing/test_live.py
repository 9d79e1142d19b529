"""The page that computes, in a real browser: after edits and steps its numbers are those of the library."""

import html
import json
import re
import sys
from dataclasses import replace
from pathlib import Path

import chromium
import numpy as np
import pytest
from thorough import mostly_thorough

import autograd_lite as ag
from autograd_lite import nn
from autograd_lite.data import truth_table
from autograd_lite.derive.chain_rule import Exact
from autograd_lite.derive.formula_ops import evaluate
from autograd_lite.drawing import draw, frames, page as page_module
from autograd_lite.drawing.dot import label_rows, partial_rows
from autograd_lite.drawing.steps import steps, targets
from autograd_lite.drawing.svg import item_label, line_label
from autograd_lite.engine.record import record
from autograd_lite.nn import functional as F
from autograd_lite.program import Var
from autograd_lite.program.naming import groups
from autograd_lite.table import define
from tests.drawing.test_drawing import HOSTILE, can_render

sys.path.insert(0, str(Path(__file__).parents[2] / "examples"))

import lessons  # of the examples

MEASURE = Path(__file__).with_name("measure.js").read_text(encoding="utf-8")
pytestmark = [pytest.mark.skipif(chromium.found() is None, reason="no Chromium on this machine"), can_render]


@pytest.fixture(scope="module")
def browser():
    opened = chromium.Browser(chromium.found())
    opened.ask("Emulation.setDeviceMetricsOverride", width=1280, height=720, deviceScaleFactor=1, mobile=False)
    yield opened
    opened.close()


@pytest.fixture
def page(browser, tmp_path):
    """Open a live page, and check at the end that the browser reported nothing."""

    def show(picture, **options):
        browser.console.clear()
        browser.open(picture.save(tmp_path / "page.html", live=True, **options).as_uri())
        assert browser.run("document.documentElement.dataset.ready") == "yes"
        return browser

    yield show
    browser.run("1")  # pending messages have arrived
    assert browser.console == []


TYPE = """(edits) => edits.forEach(([label, x]) => {
  const input = [...document.querySelectorAll("#arrays input")].find((i) => i.ariaLabel === label);
  input.value = x;
  input.dispatchEvent(new Event("change"));
})"""


def type_in(b, edits):
    b.run(f"({TYPE})({json.dumps(edits)})")


def click(b, key, times=1):
    b.run(f"Array.from({{length: {times}}}, () => document.getElementById({key!r}).click())")


def set_field(b, key, value):
    b.run(
        f"{{ const f = document.getElementById({key!r}); f.value = {value!r}; f.dispatchEvent(new Event('change')); }}"
    )


def test_small_numbers_are_shown_but_rounding_errors_are_0(page):
    w = ag.tensor([2e-20, 0.1], requires_grad=True, name="w")
    a = w * 3.0
    r = w[1] * 3.0 - 0.3
    b = page((np.sum(a) * r + np.prod(a)).draw(names=locals()))
    type_in(b, [("w[0]", 1e-20), ("w[1]", 0.1)])
    items = {i["name"]: i["value"] for i in b.run(f"({NUMBERS})()")["items"]}
    assert (items["a"], items["r"]) == ([["3e-20", "0.3"]], "0")
    type_in(b, [("w[1]", 0)])
    assert {i["name"]: i["value"] for i in b.run(f"({NUMBERS})()")["items"]}["a"] == [["3e-20", "0"]]


NUMBERS = """() => {
  const plain = (o) => Object.fromEntries(Object.entries(o).map(([k, x]) => [k, [x.shape, [...x.data].map(String)]]));
  const { leaves, v, d, p } = window.page.live;
  const groups = window.page.groups.filter(([, g]) => !g.id.includes("_row"));
  return {
    v: plain(v), d: plain(d), p: plain(p), leaves: Object.fromEntries(leaves.map((l) => [l.name, [...l.now.data]])),
    items: window.page.data.items, lines: window.page.data.lines,
    captions: window.page.data.steps.map((s) => s.caption),
    formulas: [...document.querySelectorAll("#steps li")].map((li) => li.textContent),
    texts: Object.fromEntries(groups.map(([k, g]) =>
      [k, [...g.querySelectorAll("text")].map((t) => t.textContent.replaceAll("\\u00a0", " ").trim())])),
    labels: Object.fromEntries(groups.map(([k, g]) => [k, g.getAttribute("aria-label")])),
  };
}"""


def again(chain, now):
    """The library's result from other numbers for some names, everything by its name, and the Tensor of each value."""
    env = chain.environment()
    given = {w: np.asarray(now[w]).astype(np.asarray(x).dtype).reshape(np.shape(x)) if w in now else x
             for w, x in env.items()}  # fmt: skip
    program, called = chain.program, {}

    def argument(x):
        known = chain.constants.known(x)
        return made[chain.canonical(x)] if isinstance(x, Var) else x if known is None else evaluate(known, given)

    made = {v: ag.tensor(given.get(chain.names.get(v), t.numpy()), requires_grad=t.requires_grad)
            for v, t in program.captured.items()}  # fmt: skip
    words = {n: word for word, n in chain.named.items()}
    for eq in program.equations:
        steps_of_eq = [g for g in groups(eq) if any(isinstance(x, np.ndarray) for x in g.inputs.values())]
        if steps_of_eq:  # F.conv2d(image, K, b)
            group = steps_of_eq[0]
            if group not in called:
                _, f, args, params = group._call
                called[group] = f(*map(argument, args), **{word: argument(x) for word, x in params.items()})
            made[eq.outputs[0]] = called[group]
            continue
        xs = [made[x] if isinstance(x, Var) else evaluate(chain.operand(eq, k), given)
              for k, x in enumerate(eq.operands)]  # fmt: skip
        y = record(eq.row, xs, eq.params)
        made.update(zip(eq.outputs, y if eq.row.outputs else (y,), strict=True))
        given |= {words[v]: made[v].numpy() for v in eq.outputs if v in words}  # a mask may be computed from it
    named = {word: made[n] for n, word in chain.names.items() if n in made}
    return named[chain.names[chain.root]], given | named, made


def expected_scene(picture, now):
    """The scene of a picture with the library's values, gradients and partials from other numbers."""
    chain, scene = picture.chain, picture.scene
    L, env, made = again(chain, now)
    env = {word: x.numpy() if isinstance(x, ag.Tensor) else x for word, x in env.items()}
    nodes = {i.key: n for i in scene.items for n in chain.landmarks if chain.names[n] == i.name}
    slopes = {}
    for n in chain.landmarks:
        if n in chain.graded:
            (g,) = ag.autograd.grad(L, [made[n]], ag.tensor(np.ones(L.shape)), allow_unused=True)
            slopes[chain.names[n]] = 0 if g is None else g.numpy()

    exact = Exact(chain)  # edits may break a symmetry that a textbook's line relies on

    def partial(line):
        of = nodes[line.head]
        formula = exact.expanded(of, exact.factor(of, nodes[line.tail]).formula)
        return np.broadcast_to(evaluate(formula, env), np.shape(line.value)).astype(line.value.dtype)

    items = tuple(
        replace(
            i,
            value=None if i.value is None else np.asarray(env.get(i.name, i.value)),
            gradient=None if i.gradient is None else slopes[i.name],
        )
        for i in scene.items
    )
    lines = tuple(x if x.value is None else replace(x, value=partial(x)) for x in scene.lines)
    return replace(scene, items=items, lines=lines)


def close(pair, expected, what):
    shape, data = pair
    expected = np.asarray(expected)
    assert tuple(shape) == expected.shape, what
    scale = max(1.0, float(np.abs(expected).max(initial=0, where=np.isfinite(expected))))
    np.testing.assert_allclose(np.array(data, float), expected.ravel(), rtol=1e-9, atol=1e-9 * scale, err_msg=what)


NUMBER = re.compile(r"[-−]?\d+(?:\.\d+)?(?:e[-−]?\d+)?")


def alike(shown, expected):
    """True for texts that are the same but for the rounding of their numbers, which are compared in full elsewhere."""
    shown, expected = (
        sorted((NUMBER.sub("#", text), [float(x.replace("−", "-")) for x in NUMBER.findall(text)]) for text in texts)
        for texts in (shown, expected)
    )
    return len(shown) == len(expected) and all(
        a == b and np.allclose(x, y, rtol=0.1, atol=1e-12) for (a, x), (b, y) in zip(shown, expected, strict=True)
    )


def compare(b, picture):
    """Every number on the page with the library's, and every text with what the library writes."""
    found = b.run(f"({NUMBERS})()")
    with np.errstate(all="ignore"):
        scene = expected_scene(picture, found["leaves"])
    for item, entry in zip(scene.items, found["items"], strict=True):
        if item.value is not None and item.name in found["v"]:
            close(found["v"][item.name], item.value, item.name)
        if item.gradient is not None:
            close(found["d"][item.name], item.gradient, f"gradient of {item.name}")
        expected = page_module._item(item, scene)
        assert alike(*([str(of["value"]), str(of["gradient"])] for of in (entry, expected)))
        cells = [r for row in label_rows(item, scene, picture.style) for r in row if r.heat is None]
        words = [w for r in cells for w in (r.text, *(x for line in r.matrix for x in line)) if w]
        assert alike(found["texts"][item.key], words)
        labels = (set(re.split("  +", text)) for text in (found["labels"][item.key], item_label(item, scene)))
        assert alike(*labels)
    for line, entry in zip(scene.lines, found["lines"], strict=True):
        if line.value is not None:
            close(found["p"][line.key], line.value, line.symbol)
        assert alike([str(entry["value"])], [str(page_module._line(line, scene)["value"])])
        assert alike(found["texts"][line.key], [r.text for r in partial_rows(line, scene, picture.style)])
        assert alike([found["labels"][line.key]], [line_label(line, scene)])
    told = [s.general or s for s in steps(scene, picture.chain, targets(scene, picture.chain, None), True)]
    assert alike(found["captions"], [s.caption for s in told])
    assert alike(found["formulas"], [html.unescape(re.sub("<[^>]*>", "", page_module._formula(s))) for s in told])
    return found


def random_edits(picture, rng, offered, count=20):
    """Numbers for random entries of the inputs and parameters that are `offered`, as a reader would type them."""
    leaves = [i for i in picture.scene.items if i.name in offered]
    for _ in range(count):
        leaf = leaves[rng.integers(len(leaves))]
        value = np.asarray(leaf.value)
        at = tuple(int(rng.integers(n)) for n in value.shape)
        whole = value.dtype.kind in "iu"
        number = int(rng.integers(value.max() + 1)) if whole else round(rng.normal(), 4) or 0.5
        yield f"{leaf.written}[{', '.join(map(str, at))}]" if at else leaf.written, str(number)


@pytest.mark.parametrize("lesson", mostly_thorough(lessons.LESSONS, 4), ids=lambda make: make.__name__)
def test_after_edits_and_steps_the_numbers_are_the_library_s(lesson, page):
    made = lesson()
    picture = draw(made.result, names=made.names, roll=False)
    b = page(picture)
    found = compare(b, picture)
    shown = (i for i in picture.scene.items if i.kind in ("parameter", "input"))
    inputs = {i.written: i.name for i in shown if not picture.chain.is_anonymous(i.name)}
    notes = b.run("[...document.querySelectorAll('p')].map((p) => p.textContent)")
    fixed = ", ".join(note.split(" cannot be changed here")[0] for note in notes if "cannot be changed here" in note)
    assert set(inputs) == {w for w, name in inputs.items() if name in found["leaves"] or name in fixed.split(", ")}
    rng = np.random.default_rng(7)
    type_in(b, list(random_edits(picture, rng, found["leaves"])))
    edited = compare(b, picture)
    # Graphviz may lead a line through a label; the page without wider numbers is measured in test_page.py.
    assert [words for words in b.run(MEASURE) if not words.startswith("line over text")] == []
    set_field(b, "rate", "0.01")
    now = dict(edited["leaves"])
    for _ in range(5):
        L, names, _ = again(picture.chain, now)
        trained = {i.name for i in picture.scene.items if i.kind == "parameter"}
        L.backward()
        for word in trained:
            now[word] = (names[word].numpy() - 0.01 * names[word].grad.numpy()).ravel().tolist()
    click(b, "descend", 5)
    stepped = compare(b, picture)
    for word, x in now.items():
        np.testing.assert_allclose(stepped["leaves"][word], x, rtol=1e-9, atol=1e-9)


def talk():
    lesson = lessons.lesson("talk_net")
    return draw(lesson.result, names=lesson.names, direction="LR"), lesson


def line(w, x, b, y):
    return np.sum((x @ w + b - y) ** 2)


LINE = [np.array([0.5, -1.0]), np.array([[1.0, 2.0], [0.5, -1.0]]), np.array(0.25), np.array([1.0, 0.0])]


def changed_by_a_step(b):
    before = state(b)
    click(b, "descend")
    return {word for word, x in state(b).items() if x != before[word]}


def test_the_reader_chooses_what_a_step_changes(page):
    b = page(draw(line, *LINE, direction="LR"))
    ticks = "[...document.querySelectorAll('#arrays [type=checkbox]')]"
    assert b.run(f"{ticks}.filter((t) => t.checked).map((t) => t.ariaLabel)") == ["train w"]
    assert sorted(b.run(f"{ticks}.map((t) => t.ariaLabel)")) == ["train b", "train w", "train x", "train y"]
    assert changed_by_a_step(b) == {"w"}
    b.run(f"{ticks}.forEach((t) => {{ if (['train w', 'train b'].includes(t.ariaLabel)) t.click(); }})")
    assert changed_by_a_step(b) == {"b"}
    kinds = "Object.fromEntries(window.page.data.items.map((i) => [i.name, i.kind]))"
    assert b.run(kinds)["b"] == "input: given; a step changes it"
    assert b.run(kinds)["w"] == b.run(kinds)["x"] == "input: given; no step changes it"
    click(b, "restore")
    assert changed_by_a_step(b) == {"w"}


def test_of_a_function_the_arguments_that_require_a_gradient_are_trained(page):
    w, x, b, y = LINE
    picture = draw(line, w, x, ag.tensor(b, requires_grad=True), y)
    assert {i.name: i.kind for i in picture.scene.items if i.kind == "parameter"} == {"b": "parameter"}
    assert changed_by_a_step(page(picture)) == {"b"}
    params = {"W": w, "b": b}
    assert changed_by_a_step(page(draw(lambda p, x: np.sum((x @ p["W"] + p["b"]) ** 2), params, x))) == {"W", "b"}


def test_examples_of_some_inputs(page):
    b = page(draw(line, *LINE), examples={"x": np.arange(8.0).reshape(4, 2), "y": np.arange(4.0)})
    assert b.run("window.page.live.leaves.filter((l) => l.graded).map((l) => l.name)") == ["w", "b"]
    set_field(b, "example", "2")
    assert state(b)["x"] == [4, 5, 6, 7]
    assert changed_by_a_step(b) == {"w"}


def state(b):
    return b.run("Object.fromEntries(window.page.live.leaves.map((l) => [l.name, [...l.now.data]]))")


def text(b, key):
    return b.run(f"document.getElementById({key!r}).textContent")


def test_epochs_over_examples_and_everything_back(page):
    picture, _ = talk()
    X, Y = truth_table()
    b = page(picture, examples=(X, Y), rate=0.5)
    start = state(b)
    given = b.run(f"({NUMBERS})()")
    now, losses = dict(start), []

    def mean():
        return np.mean([again(picture.chain, now | {"x": x, "y": y})[0].item() for x, y in zip(X, Y, strict=True)])

    losses.append(mean())
    for _ in range(3):
        for x, y in zip(X, Y, strict=True):
            L, names, _ = again(picture.chain, now | {"x": x, "y": y})
            L.backward()
            now |= {w: (names[w].numpy() - 0.5 * names[w].grad.numpy()).ravel().tolist() for w in "VW"}
        losses.append(mean())
    set_field(b, "epochs", "3")
    click(b, "train")
    b.run("new Promise((done) => { const wait = () => (page.live.busy() ? setTimeout(wait) : done()); wait(); })")
    found = state(b)
    for word, x in now.items():
        np.testing.assert_allclose(found[word], x, rtol=1e-9, err_msg=word)
    np.testing.assert_allclose(b.run("window.page.live.losses()"), losses, rtol=1e-9)
    compare(b, picture)
    assert b.run("document.getElementById('curve').getAttribute('aria-label')").startswith("mean loss of the examples")
    assert b.run("document.querySelector('#curve polyline').points.length") == 4
    set_field(b, "example", "5")
    assert state(b)["x"] == X[4].tolist()
    click(b, "restore")
    assert state(b) == start
    assert b.run(f"({NUMBERS})()") == given
    assert b.run("document.getElementById('curve').hasAttribute('hidden')")


def test_a_keyboard_is_enough_and_a_screen_reader_is_informed(page):
    picture, _ = talk()
    b = page(picture)
    b.run("[...document.querySelectorAll('#arrays input')].find((i) => i.ariaLabel === 'W[1, 0]').focus()")
    assert b.run("document.activeElement.value") == "0.2"
    caption = text(b, "caption")
    b.press("ArrowUp", 38)
    assert state(b)["W"][1] == 0.3
    assert b.run("document.activeElement.getAttribute('aria-valuenow')") == "0.3"
    b.press("PageDown", 34)
    assert state(b)["W"][1] == -0.7
    b.press("ArrowLeft", 37)  # moves in the number, not to another step
    assert text(b, "caption") == caption
    b.run("document.activeElement.select()")
    b.ask("Input.insertText", text="2.5e-1")
    b.press("Enter", 13)
    b.run("document.activeElement.blur()")
    assert state(b)["W"][1] == 0.25
    compare(b, picture)
    type_in(b, [["W[1, 0]", "one half"], ["W[1, 0]", ""]])
    assert state(b)["W"][1] == 0.25  # what is no number changes nothing
    tree = b.ask("Accessibility.getFullAXTree")["nodes"]
    named = {(n["role"]["value"], n["name"]["value"]) for n in tree if "name" in n and "role" in n}
    wanted = [("spinbutton", "V[2, 3]"), ("button", "step"), ("button", "train"), ("spinbutton", "rate")]
    assert named >= {*wanted, ("group", "Gradient descent"), ("button", "reset")}


CELLS = """[...document.querySelectorAll("#arrays td input")]"""


def test_a_cell_shows_the_number_that_was_typed(page):
    r = ag.tensor([1512.3, -1480.75, 0.1, 1e5], requires_grad=True, name="r")
    w = ag.tensor([0.12573022109339, 1 / 3, -12.345678901, np.inf], name="w")
    b = page(np.sum(np.tanh(r / 40) + np.tanh(w)).draw(names=locals()))
    clipped = f"{CELLS}.filter((i) => i.scrollWidth > i.clientWidth).length"

    def shown(word):
        return b.run(f"{CELLS}.filter((i) => i.ariaLabel.startsWith({word!r})).map((i) => i.value)")

    assert shown("r") == ["1512.3", "-1480.75", "0.1", "100000"]
    assert shown("w") == ["0.126", "0.333", "-12.3", "inf"]
    assert b.run(clipped) == 0
    b.run(f"{CELLS}.find((i) => i.ariaLabel === 'w[0]').dispatchEvent(new Event('focus'))")
    assert shown("w")[0] == "0.12573022109339"
    type_in(b, [["w[0]", "-2222.375"]])
    b.run(f"{CELLS}.find((i) => i.ariaLabel === 'w[0]').dispatchEvent(new Event('blur'))")
    assert (shown("w")[0], b.run(clipped)) == ("-2222.375", 0)


def test_numbers_are_dragged_in_the_picture_and_in_the_table(page):
    picture, _ = talk()
    b = page(picture)
    click(b, "fit")

    def drag(selector, by):
        x, y = b.run(
            f"(() => {{ const r = document.querySelector({selector!r}).getBoundingClientRect();"
            " return [r.x + r.width / 2, r.y + r.height / 2]; })()"
        )
        b.point(x, y)
        for kind, dx in (("mousePressed", 0), ("mouseMoved", by / 2), ("mouseMoved", by), ("mouseReleased", by)):
            b.ask("Input.dispatchMouseEvent", type=kind, x=x + dx, y=y, button="left", buttons=1, clickCount=1)

    key = picture.scene.keys_named()["y"]
    drag(f"#{key} text.number", 40)
    assert state(b)["y"] == [1.2]
    drag("#arrays input", -60)
    assert state(b)["x"] == [0.7, 0, 1]
    compare(b, picture)


def test_a_name_cannot_become_markup_or_script(page):
    W = ag.tensor([[1.0, 2.0]], requires_grad=True, name=HOSTILE + "<img src=x onerror=alert(1)>")
    picture = draw(np.sum(np.sin(W) * W), title=HOSTILE)
    b = page(picture)
    assert b.run("document.scripts.length") == 4
    assert b.run("document.querySelectorAll('img, b, iframe, [onerror]').length") == 0
    assert "<script>alert(1)</script>" in text(b, "arrays")
    compare(b, picture)
    written = picture.html(live=True)
    assert "unsafe" not in written.partition("script-src")[2].partition(";")[0]
    assert not re.findall(r"url\(|@import|fetch\(|XMLHttpRequest", written)
    assert picture.html(live=True) == written


def test_a_row_without_a_form_makes_the_page_a_still_one(page):
    w = ag.tensor([1.0, 2.0, 3.0], requires_grad=True, name="w")
    b = page(draw(np.sum(np.linalg.svd(np.diag(w))[0][0])))
    assert "are fixed: the vectors of linalg.svd have no form in JavaScript" in text(b, "derivation")
    assert b.run("document.getElementById('live') === null")
    z = ag.tensor([-1.0, 2.0], requires_grad=True, name="z")
    b = page(draw(np.sum(z * z[int(np.argmax(z.numpy()))])))  # the recording does not show that z decides
    assert "draw the function itself" in text(b, "derivation")
    for picture in (draw(nn.Linear(2, 1), np.ones((1, 2)), by="module"), draw(z * 2)):
        assert "are fixed: " in picture.html(live=True)


def test_a_traced_choice_follows(page):
    def leaky(z):
        return np.sum(np.where(z > 0, z, 0.1 * z) * np.max(z))

    b = page(draw(leaky, np.array([-1.0, 2.0, 0.5])))
    type_in(b, [["z[0]", "3"], ["z[1]", "-4"]])
    z = np.array([3.0, -4.0, 0.5])
    assert b.run("window.page.live.v.L.data[0]") == pytest.approx(leaky(z), rel=1e-12)
    assert b.run("[...window.page.live.d.z.data]") == pytest.approx(ag.grad(leaky)(z).tolist(), rel=1e-12)
    click(b, "descend")  # without parameters the arguments are what is trained
    assert state(b)["z"] == pytest.approx((z - 0.1 * ag.grad(leaky)(z)).tolist())


def test_random_masks_stay_as_drawn_and_a_user_s_row_computes(page):
    ag.manual_seed(3)

    @define(lambda g, x: g * 3 * x**2, name="live_cube")
    def cube(x):
        return x * x * x

    w = ag.tensor(np.linspace(0.5, 2.0, 6), requires_grad=True, name="w")
    h = F.dropout(w, 0.5)
    picture = draw(np.sum(cube(h)), names={"h": h})
    b = page(picture)
    kept = h.numpy() / w.numpy()
    assert 0 < np.count_nonzero(kept) < 6
    type_in(b, [[f"w[{k}]", "1.5"] for k in range(6)])
    assert b.run("window.page.live.v.L.data[0]") == pytest.approx(np.sum((1.5 * kept) ** 3))


def test_labels_stay_within_their_range(page):
    t, S = np.array([0, 2]), ag.tensor(np.eye(2, 3), requires_grad=True, name="S")
    L = F.cross_entropy(S, t)
    b = page(draw(L, names={"t": t, "L": L}))
    type_in(b, [["t[0]", "7"], ["t[1]", "1"]])
    assert state(b)["t"] == [2, 1]
    expected = F.cross_entropy(S, np.array([2, 1]))
    expected.backward()
    assert b.run("window.page.live.v.L.data[0]") == pytest.approx(expected.item(), rel=1e-12)
    assert b.run("[...window.page.live.d.S.data]") == pytest.approx(S.grad.numpy().ravel().tolist())


def test_to_make_a_page_changes_nothing():
    x, norm = np.array([[1.0, 2.0], [2.0, 0.0], [0.0, 1.0]]), nn.BatchNorm1d(2, dtype=np.float64)
    y = norm(x)
    before = [norm.running_mean.numpy().copy(), norm.running_var.numpy().copy(), norm.weight.numpy().copy()]
    picture = draw(np.sum(y**3), names={"x": x, "y": y})
    assert "are fixed: " not in picture.html(live=True)  # for which batch_norm was called again, on x
    for old, new in zip(before, (norm.running_mean, norm.running_var, norm.weight), strict=True):
        np.testing.assert_array_equal(new.numpy(), old)
    np.testing.assert_array_equal(x, [[1, 2], [2, 0], [0, 1]])


def test_a_named_mask_and_what_it_comes_from_stay_as_they_are(page):
    def nll(s, time):
        risk = time >= time[1]
        return np.log(np.sum(np.exp(s[risk])))

    s = ag.tensor([0.4, -0.6, 0.2], requires_grad=True)
    browser = page(ag.trace(nll, s, np.array([2.5, 1.3, 4.1])).draw())
    shown = browser.run("document.getElementById('loss').textContent")
    assert shown.endswith(f"{nll(s.numpy(), np.array([2.5, 1.3, 4.1])):.6g}")


def test_large_and_special_arrays_are_summarized_as_in_the_library(page):
    w = ag.tensor(np.full((5, 8), 2.0), requires_grad=True, name="w")
    picture = draw(np.sum(np.log(w)))
    b = page(picture)
    compare(b, picture)
    type_in(b, [["w[0, 0]", "0.125"], ["w[1, 1]", "1e5"], ["w[2, 2]", "0.00001"], ["w[3, 3]", "2.5e-7"]])
    compare(b, picture)
    type_in(b, [["w[0, 0]", "0"]])
    assert "-inf" in text(b, "loss")
    compare(b, picture)


def test_frames_save_the_same_page(page):
    picture, lesson = talk()
    b = page(frames(lesson.result, wrt=lesson.wrt, names=lesson.names, direction="LR"))
    type_in(b, [["W[0, 0]", "2"]])
    assert b.run("window.page.data.steps.length") == len(picture.scene.lines)  # without those from the inputs on
    assert b.run("window.page.live.v.W.data[0]") == 2


def test_single_precision_is_said(page):
    w = ag.tensor(np.ones(2, np.float32), requires_grad=True, name="w")
    assert "double precision" in text(page(draw(np.sum(w * w))), "derivation")


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"examples": ([[1.0]],)}, TypeError, "write live=True"),
        ({"live": True, "examples": (np.ones((4, 3)),)}, ValueError, "of the inputs x, y, in this order, got 1"),
        ({"live": True, "examples": (np.ones((4, 2)), np.ones((4, 1)))}, ValueError, r"\(n, 1, 3\), got \(4, 2\)"),
        ({"live": True, "examples": (np.ones((4, 3)), np.ones((3, 1)))}, ValueError, "as many examples of each of x"),
    ],
)
def test_errors(options, error, message):
    picture, _ = talk()
    with pytest.raises(error, match=message):
        picture.html(**options)
    with pytest.raises(TypeError, match=r"live= with \.html, got \.svg"):
        picture.save("net.svg", live=True)


def test_a_page_of_a_function_with_dropout_and_of_a_gradient():
    dropped = draw(lambda x: np.sum(F.dropout(x, 0.5) ** 2), np.ones(6)).html(live=True)
    assert "are fixed: " not in dropped
    slope = draw(ag.grad(lambda x: np.sum(np.sin(x) * x)), np.array([1.0, 2.0])).scene
    assert [i.name for i in slope.items] == ["x", "L"]


class Ridge:
    def __init__(self, w, lam=0.1):
        self.w, self.total = ag.tensor(w, requires_grad=True), 0.0
        self.lam = lam

    def loss(self, X):
        return np.sum((X @ self.w) ** 2) + self.lam * np.sum(self.w**2)

    def of_total(self, X):
        self.total = float(np.sum(self.w.numpy()))
        return np.sum((X @ self.w) ** 2) + self.total * np.sum(self.w**2)


def test_an_attribute_is_given_if_all_that_is_assigned_to_it_is():
    X = np.array([[1.0, 0.5], [0.2, -0.7]])
    L, of_total = Ridge([0.3, -0.2]).loss(X), Ridge([0.3, -0.2], 0.2).of_total(X)
    assert "are fixed: " not in L.draw(names={"X": X, "L": L}).html(live=True)
    assert "are fixed: " in of_total.draw(names={"X": X, "L": of_total}).html(live=True)


def test_a_constant_called_sigma_beside_a_sigmoid_is_given():
    x, m = np.array([0.3, 1.2, -0.4]), ag.tensor(0.2, requires_grad=True, name="m")
    sigma = 0.5
    L = np.sum((x - m) ** 2) / (2 * sigma**2) + ag.sigmoid(m)
    assert "are fixed: " not in L.draw(names={"x": x, "sigma": sigma, "L": L}).html(live=True)
