"""The page in a real browser: steps, pointer and keyboard, no errors, and no way to inject a script."""

import re
import sys
from pathlib import Path

import chromium
import numpy as np
import pytest
from thorough import mostly_thorough

import autograd_lite as ag
from autograd_lite import nn
from autograd_lite.drawing import Drawing, draw, frames
from tests.drawing.test_drawing import HOSTILE, can_render, net

sys.path.insert(0, str(Path(__file__).parents[2] / "examples"))

import lessons  # of the examples

MEASURE = Path(__file__).with_name("measure.js").read_text(encoding="utf-8")
browser_is_here = pytest.mark.skipif(chromium.found() is None, reason="no Chromium on this machine")


@pytest.fixture(scope="module")
def browser():
    opened = chromium.Browser(chromium.found())
    yield opened
    opened.close()


@pytest.fixture
def page(browser, tmp_path):
    """Open a drawing's page, and check at the end that the browser reported nothing."""

    def show(picture):
        browser.console.clear()
        browser.open(picture.save(tmp_path / "page.html").as_uri())
        assert browser.run("document.documentElement.dataset.ready") == "yes"
        return browser

    yield show
    browser.run("1")  # pending messages have arrived
    assert browser.console == []


def text(browser, key):
    return browser.run(f"document.getElementById({key!r}).textContent")


def middle(browser, selector):
    return browser.run(
        f"(() => {{ const r = document.querySelector({selector!r}).getBoundingClientRect();"
        " return [r.x + r.width / 2, r.y + r.height / 2]; })()"
    )


VALUE, GRADIENT = '[fill="var(--value)"]', '[fill="var(--gradient)"]'
RIGHT, LEFT, HOME, END, TAB = 39, 37, 36, 35, 9


# --------------------------------------------------------------------------------------------------- in a browser


@can_render
@browser_is_here
def test_arrow_keys_buttons_and_slider_step(page):
    L, names = net()
    shown = frames(L, wrt=[names["W"], names["V"]], names=names, forward=True)
    b = page(shown)
    seen = [text(b, "caption")]
    for _ in range(len(shown) + 2):
        b.press("ArrowRight", RIGHT)
        seen.append(text(b, "caption"))
    assert seen[: len(shown)] == list(shown.captions)
    assert set(seen[len(shown) :]) == {shown.captions[-1]}  # stays at the end
    b.press("ArrowLeft", LEFT)
    assert text(b, "caption") == shown.captions[-2]
    b.press("Home", HOME)
    assert text(b, "caption") == shown.captions[0]
    b.run("document.getElementById('next').click()")
    assert text(b, "caption") == shown.captions[1]
    b.run("{ const s = document.getElementById('slider'); s.value = 7; s.dispatchEvent(new Event('input')); }")
    assert text(b, "caption") == shown.captions[7]
    assert text(b, "count") == f"8 of {len(shown)}"
    b.press("End", END)
    assert b.run("document.querySelectorAll('#steps li.now').length") == 1
    assert b.run("document.querySelectorAll('#steps li.later').length") == 0


@can_render
@browser_is_here
def test_a_step_marks_hides_and_shows(page):
    L, names = net()
    picture = draw(L, names=names)
    b = page(picture)
    W, P = (picture.scene.keys_named()[k] for k in "WP")
    line = next(x.key for x in picture.scene.lines if x.symbol == "dP/dC")

    def classes(key):
        return set(b.run(f"document.getElementById({key!r}).getAttribute('class')").split())

    def visible(key, role):
        return b.run(f"getComputedStyle(document.querySelector('#{key} text{role}')).visibility") == "visible"

    assert {"pale", "no-value"} <= classes(P)
    assert not visible(P, VALUE)
    assert not visible(f"e{line}", "")
    b.press("End", END)
    assert visible(P, VALUE)
    assert visible(W, GRADIENT)
    assert visible(f"e{line}", "")
    captions = [text(b, "caption")]
    while not captions[-1].startswith("∂P/∂C"):
        b.press("ArrowLeft", LEFT)
        captions.append(text(b, "caption"))
    assert "now" in classes(f"e{line}")
    assert not visible(W, GRADIENT)


@can_render
@browser_is_here
def test_pointing_tells_value_gradient_partial_and_the_way_to_the_loss(page):
    L, names = net()
    picture = draw(L, names=names)
    b = page(picture)
    keys = picture.scene.keys_named()
    b.point(*middle(b, f"#{keys['V']}"))
    details = text(b, "details")
    assert "V → A → B → C → P → L" in details
    assert "∂L/∂P · ∂P/∂C · ∂C/∂B · ∂B/∂A · ∂A/∂V" in details
    assert "0.1257" in details  # of the value
    assert "0.03639" in details  # of the gradient
    on_path = b.run("[...document.querySelectorAll('#picture .node.path[tabindex]')].map((g) => g.id)")
    assert set(on_path) == {keys[k] for k in "VABCPL"}
    line = next(x.key for x in picture.scene.lines if x.symbol == "dP/dC")
    b.run(f"document.getElementById('e{line}').dispatchEvent(new PointerEvent('pointerenter'))")
    assert "P (1 − P)" in text(b, "details")
    assert "0.0678" in text(b, "details")
    b.point(3, 3)
    b.run(f"document.getElementById('e{line}').dispatchEvent(new PointerEvent('pointerleave'))")
    assert b.run("document.querySelectorAll('#picture .path').length") == 0


@can_render
@browser_is_here
def test_a_keyboard_is_enough_and_a_screen_reader_is_informed(page):
    L, names = net()
    b = page(draw(L, names=names))
    boxes = b.run("document.querySelectorAll('#picture [tabindex=\"0\"][role=img][aria-label]').length")
    assert boxes == 9 + 8
    for _ in range(40):
        b.press("Tab", TAB)
        if b.run("document.activeElement.closest('#picture g') !== null"):
            break
    label = b.run("document.activeElement.getAttribute('aria-label')")
    assert label
    assert b.run("document.querySelectorAll('#picture .path').length") > 0
    assert b.run("document.getElementById('caption').getAttribute('aria-live')") == "polite"
    assert b.run("[...document.querySelectorAll('button')].every((x) => x.textContent.trim() || x.ariaLabel)") is True
    tree = b.ask("Accessibility.getFullAXTree")["nodes"]
    named = [n["name"]["value"] for n in tree if n.get("role", {}).get("value") in ("image", "img", "slider")]
    assert any("result C" in word for word in named)
    assert "step" in named
    assert b.run("document.documentElement.lang") == "en"


@can_render
@browser_is_here
def test_zoom_scroll_and_back(page):
    L, names = net()
    b = page(draw(L, names=names))

    def view():
        return b.run(
            "(() => { const f = document.getElementById('picture'), s = f.querySelector('svg');"
            " return [s.clientWidth / f.clientWidth, s.clientHeight / f.clientHeight, f.scrollLeft]; })()"
        )

    b.press("0", 48)
    whole = view()
    assert max(whole) <= 1
    b.press("+", 187)
    assert view()[0] > whole[0]
    x, y = middle(b, "#picture")
    for _ in range(6):
        near = view()
        b.ask("Input.dispatchMouseEvent", type="mouseWheel", x=x, y=y, deltaX=0, deltaY=-120, modifiers=2)
        assert view()[0] > near[0]
    near = view()
    b.ask("Input.dispatchMouseEvent", type="mousePressed", x=x, y=y, button="left", buttons=1, clickCount=1)
    b.ask("Input.dispatchMouseEvent", type="mouseMoved", x=x + 50, y=y, button="left", buttons=1)
    b.ask("Input.dispatchMouseEvent", type="mouseReleased", x=x + 50, y=y, button="left", clickCount=1)
    assert view()[2] == pytest.approx(near[2] - 50, abs=1)
    b.press("0", 48)
    assert view() == pytest.approx(whole, abs=0.01)


@can_render
@browser_is_here
def test_light_dark_and_paper(page):
    L, names = net()
    b = page(draw(L, names=names))

    def background():
        return b.run("getComputedStyle(document.body).backgroundColor")

    try:
        for scheme, colour in (("dark", "rgb(22, 24, 29)"), ("light", "rgb(255, 255, 255)")):
            b.ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
            b.run("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
            assert background() == colour
        b.run("document.getElementById('shade').click()")
        assert background() == "rgb(22, 24, 29)"
        b.ask("Emulation.setEmulatedMedia", media="print", features=[])
        assert background() == "rgb(255, 255, 255)"
        assert b.run("getComputedStyle(document.querySelector('nav')).display") == "none"
        assert b.run("getComputedStyle(document.querySelector('#steps li.later')).opacity") == "1"
        assert len(b.ask("Page.printToPDF")["data"]) > 10_000
    finally:
        b.ask("Emulation.setEmulatedMedia", media="", features=[])


@can_render
@browser_is_here
def test_a_name_cannot_become_markup_or_script(page):
    W = ag.tensor([[1.0, 2.0]], requires_grad=True, name=HOSTILE + "<img src=x onerror=alert(1)>")
    b = page(draw(np.sum(np.sin(W) * W), title=HOSTILE))
    b.press("End", END)
    for key in b.run("[...document.querySelectorAll('#picture g.node')].map((g) => g.id)"):
        b.run(f"document.getElementById({key!r}).dispatchEvent(new PointerEvent('pointerenter'))")
    assert b.run("document.scripts.length") == 2
    assert b.run("document.querySelectorAll('img, b, iframe, [onerror]').length") == 0
    assert "<script>alert(1)</script>" in text(b, "details")


@can_render
@browser_is_here
def test_pages_without_steps(page):
    m = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))
    for picture in (draw(m, np.ones((2, 3)), by="module"), draw(m, np.ones((2, 3)), view="neurons")):
        b = page(picture)
        assert b.run("getComputedStyle(document.getElementById('slider')).display") == "none"
        b.run("document.querySelector('#picture g.node').dispatchEvent(new PointerEvent('pointerenter'))")
        assert b.run("document.querySelectorAll('#picture .path').length") > 1


@can_render
@browser_is_here
def test_a_film_plays_by_itself(browser, tmp_path):
    L, names = net()
    film = frames(L, wrt=names["W"], names=names)
    browser.open(film.save(tmp_path / "film.svg").as_uri())
    shown = (
        "(t) => { document.getAnimations().forEach((a) => { a.pause(); a.currentTime = t; });"
        " return [...document.querySelectorAll('.frame')].map((g) => getComputedStyle(g).visibility === 'visible'); }"
    )
    assert browser.run("document.getAnimations().length") == len(film)
    for k in range(len(film)):
        seen = browser.run(f"({shown})({2500 * k + 100})")
        assert seen == [n == k for n in range(len(film))]


def transformer():
    layer = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)
    return draw(nn.TransformerEncoder(layer, 12), np.ones((2, 5, 16)))


@can_render
@browser_is_here
@pytest.mark.parametrize("lesson", mostly_thorough([transformer, *lessons.LESSONS], 4), ids=lambda make: make.__name__)
def test_every_lesson_fits_a_small_screen(browser, page, lesson):
    """The rendered page at 1280x720: no small text, nothing over anything else, nothing out of reach."""
    made = lesson()
    browser.ask("Emulation.setDeviceMetricsOverride", width=1280, height=720, deviceScaleFactor=1, mobile=False)
    try:
        b = page(made if isinstance(made, Drawing) else draw(made.result, names=made.names, title=made.title))
        b.run("document.getElementById('last').click()")
        b.run("document.querySelector('#picture g.node').dispatchEvent(new PointerEvent('pointerenter'))")
        assert b.run(MEASURE) == []
        assert b.run("document.getElementById('legend').textContent").strip()
    finally:
        browser.ask("Emulation.clearDeviceMetricsOverride")


@can_render
@browser_is_here
def test_the_measure_finds_what_is_wrong(page):
    L, names = net()
    b = page(draw(L, names=names))
    b.run("document.querySelector('#picture .node text').style.fontSize = '5px'")
    b.run(
        "(() => { const [a, b] = document.querySelectorAll('#picture .node'), [p, q] = [a.getBBox(), b.getBBox()];"
        " a.setAttribute('transform', `translate(${q.x - p.x} ${q.y - p.y})`); })()"
    )
    b.run("document.querySelector('header').style.height = '3px'")
    words = " ".join(b.run(MEASURE))
    for word in ("small: x", "box over box", "text over a box", "too high: HEADER"):
        assert word in words


# ------------------------------------------------------------------------------------------------ without a browser


@can_render
def test_the_page_is_one_file_without_network():
    L, names = net()
    html = draw(L, names=names).html()
    assert not re.findall(r'(?:src|href)="(?!data:|#)', html.replace("xlink:href", ""))
    assert not re.findall(r"url\(|@import|fetch\(|XMLHttpRequest", html)
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', html)[1]
    assert "default-src 'none'" in policy
    assert "unsafe-inline" not in policy.partition("script-src")[2].partition(";")[0]
    assert draw(L, names=names).html() == html


@can_render
def test_a_long_sum_can_break_at_each_of_its_terms():
    def decay(k, y0, h):
        y = y0
        for _ in range(2):
            k1 = -k * y
            k2 = -k * (y + h / 2 * k1)
            y = y + h / 6 * (k1 + 5 * k2)
        return y

    html = ag.trace(decay, np.array(0.7), np.array(2.0), np.array(0.5)).draw().html()
    terms = re.findall(r'<math display="block" aria-hidden="true"><mrow></mrow><mo[^>]*>[+−]</mo>', html)
    assert len(terms) > 5
