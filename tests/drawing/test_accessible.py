"""Readers who do not see a picture, or have no pointer: titles, labels and the order of the keyboard; axe-core."""

import re
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import axe
import chromium
import numpy as np
import pytest
from thorough import mostly_thorough

import autograd_lite as ag
from autograd_lite import nn
from autograd_lite.drawing import draw, frames
from autograd_lite.drawing.svg import item_label
from tests.drawing.test_drawing import SVG, can_render, net

sys.path.insert(0, str(Path(__file__).parents[2] / "examples"))

import lessons  # of the examples

axe_is_here = pytest.mark.skipif(not axe.is_here(), reason=axe.REASON)
KEYS = {"ArrowRight": 39, "End": 35, "Tab": 9, "Enter": 13}


@pytest.fixture(scope="module")
def browser():
    opened = chromium.Browser(chromium.found())
    opened.ask("Emulation.setDeviceMetricsOverride", width=1280, height=720, deviceScaleFactor=1, mobile=False)
    yield opened
    opened.close()


def picture_of(lesson):
    made = lesson()
    return draw(made.result, names=made.names, title=made.title)


# ------------------------------------------------------------------------------------------------ without a browser


@can_render
@pytest.mark.parametrize("direction", ["LR", "TB", None])
def test_the_keyboard_reaches_boxes_and_lines_in_the_order_of_the_computation(direction):
    L, names = net()
    picture = draw(L, names=names, direction=direction)
    stops = [g.get("id") for g in ET.fromstring(picture.svg()).iter(f"{SVG}g") if g.get("tabindex") == "0"]
    scene = picture.scene
    assert sorted(stops) == sorted([i.key for i in scene.items] + [f"e{x.key}" for x in scene.lines])
    place = {key: k for k, key in enumerate(stops)}
    for x in scene.lines:
        assert place[x.tail] < place[f"e{x.key}"] < place[x.head]
    boxes = [key for key in stops if key in {i.key for i in scene.items}]
    assert boxes == [i.key for i in scene.items]


@can_render
def test_every_stop_has_a_role_a_title_and_a_label():
    L, names = net()
    m = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))
    layers, circles = (draw(m, np.ones((2, 3)), **how) for how in ({"by": "module"}, {"view": "neurons"}))
    for picture in (draw(L, names=names), layers, circles):
        root = ET.fromstring(picture.svg())
        assert root.get("role") == "group"
        assert root.get("aria-label").startswith("computation graph of")
        for g in root.iter(f"{SVG}g"):
            if g.get("tabindex") is not None:
                assert g.get("role") == "img"
                assert g.get("aria-label")
                assert g.findtext(f"{SVG}title")


@can_render
def test_a_name_that_is_repeated_in_another_row_is_read_once():
    y = x = ag.tensor(0.5, requires_grad=True, name="x")
    names = {}
    for k in range(12):
        names[f"h{k}"] = y = np.tanh(y * x)
    groups = list(ET.fromstring(draw(y, names=names).svg()).iter(f"{SVG}g"))
    again = [g for g in groups if "_row" in g.get("id") and g.get("class") == "node"]
    assert again
    assert all(g.get("aria-hidden") == "true" and g.get("tabindex") is None for g in again)


def test_the_chain_rule_is_read_as_text():
    L, names = net()
    scene = draw(L, names=names).scene
    labels = {i.name: item_label(i, scene) for i in scene.items}
    outer, inner = "the derivative of L with respect to C", "the derivative of C with respect to W"
    assert f"chain rule: the derivative of L with respect to W = {inner} times {outer}" in labels["W"]
    assert "chain rule" not in labels["x"] + labels["L"]
    w = ag.tensor(2.0, requires_grad=True, name="w")
    a, b = np.sin(w), np.exp(w)
    scene = draw(a * b, names={"a": a, "b": b}).scene
    (w_label,) = (item_label(i, scene) for i in scene.items if i.name == "w")
    assert " + " in w_label.partition("chain rule")[2]  # one term for each path


@can_render
def test_the_page_has_one_heading_labels_and_a_way_past_the_picture():
    L, names = net()
    for html in (draw(L, names=names).html(), draw(L, names=names).html(live=True)):
        assert html.count("<h1>") == 1
        assert '<html lang="en">' in html
        assert '<a class="skip" href="#derivation">' in html
        assert 'id="derivation" tabindex="0" role="region" aria-label=' in html
        for button in re.findall(r"<button[^>]*>(?:<span aria-hidden=\"true\">.*?</span>)?.*?</button>", html):
            assert "aria-label" in button or re.sub("<[^>]*>", "", button)
        assert 'aria-label="equals x transposed' in html  # a formula as it is read aloud


@can_render
def test_frames_are_labelled_with_their_captions():
    L, names = net()
    shown = frames(L, wrt=names["W"], names=names)
    assert 'aria-label="the derivative of L with respect to P = minus (y minus P)' in shown.svg()
    assert "![∂L/∂P = −(y − P)" in shown.markdown()


# ---------------------------------------------------------------------------------------------------- in a browser


@can_render
@axe_is_here
@pytest.mark.parametrize("lesson", mostly_thorough(lessons.LESSONS, 2), ids=lambda make: make.__name__)
@pytest.mark.parametrize("live", [False, True], ids=["still", "live"])
def test_axe_finds_nothing_on_a_lesson(browser, tmp_path, lesson, live):
    picture = picture_of(lesson)
    browser.open(picture.save(tmp_path / "page.html", live=live).as_uri())
    assert axe.violations(browser) == []
    browser.press("End", KEYS["End"])
    browser.run("document.querySelector('#picture g.node:last-of-type').focus()")
    assert axe.violations(browser) == []
    browser.run("document.getElementById('shade').click()")
    assert axe.violations(browser) == []
    browser.open(picture.save(tmp_path / "picture.svg").as_uri())
    assert axe.violations(browser) == []


@can_render
@axe_is_here
def test_axe_finds_nothing_in_frames_and_nets(browser, tmp_path):
    L, names = net()
    m = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))
    shown = frames(L, wrt=names["W"], names=names, forward=True)
    nets = [draw(m, np.ones((2, 3)), by="module"), draw(m, np.ones((2, 3)), view="neurons"), draw(L, theme="dark")]
    for thing in (shown, *nets):
        for suffix in ("svg", "html"):
            browser.open(thing.save(tmp_path / f"picture.{suffix}").as_uri())
            assert axe.violations(browser) == []


@axe_is_here
def test_axe_finds_nothing_on_a_worksheet(browser, tmp_path):
    """Its reasons are wider than a narrow window, so that they are scrolled, by the keyboard too."""

    def likelihood(K, y):
        triangle = np.linalg.cholesky(K)
        fit = 0.5 * np.sum(np.linalg.solve(triangle, y) ** 2)
        complexity = np.sum(np.log(np.diag(triangle)))
        return fit + complexity + 0.5 * len(y) * np.log(2 * np.pi)

    sheet = ag.trace(likelihood, np.eye(3) + 0.2, np.array([0.3, 0.8, -0.2])).worksheet()
    browser.ask("Emulation.setDeviceMetricsOverride", width=400, height=720, deviceScaleFactor=1, mobile=False)
    browser.open(sheet.save(tmp_path / "sheet.html").as_uri())
    assert browser.run("document.querySelectorAll('small[tabindex]').length")
    assert axe.violations(browser) == []
    browser.ask("Emulation.setDeviceMetricsOverride", width=1280, height=720, deviceScaleFactor=1, mobile=False)


@can_render
@axe_is_here
def test_axe_finds_what_is_wrong(browser, tmp_path):
    L, names = net()
    browser.open(draw(L, names=names).save(tmp_path / "page.html").as_uri())
    browser.run("document.getElementById('slider').removeAttribute('aria-label')")
    browser.run("document.getElementById('count').style.color = '#eee'")
    assert {v.partition(":")[0] for v in axe.violations(browser)} == {"label", "color-contrast"}


@can_render
@pytest.mark.skipif(chromium.found() is None, reason="no Chromium on this machine")
def test_the_derivation_is_stepped_through_with_tab_and_enter(browser, tmp_path):
    L, names = net()
    shown = frames(L, wrt=names["W"], names=names)
    browser.open(shown.save(tmp_path / "page.html").as_uri())
    browser.run("document.getElementById('derivation').focus()")
    for k in range(3):
        browser.press("Tab", KEYS["Tab"])
        browser.press("Enter", KEYS["Enter"])
        assert browser.run("document.getElementById('caption').textContent") == shown.captions[k]
