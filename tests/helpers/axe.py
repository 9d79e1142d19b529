"""axe-core in Chromium: what it finds wrong on a page. `npm install --no-save axe-core` puts it where it is found."""

from __future__ import annotations

import os
from pathlib import Path

import chromium

PLACE = Path("node_modules/axe-core/axe.min.js")
REASON = "no Chromium, or no axe-core: npm install --no-save axe-core"
RUN = """axe.run(document, {resultTypes: ["violations"]}).then((r) => r.violations.flatMap((v) =>
  v.nodes.map((n) => `${v.id}: ${n.html.slice(0, 120)} ${n.failureSummary}`)))"""


def found() -> Path | None:
    """The script of axe-core: named by the variable AXE_CORE, or in a folder of packages here or above."""
    here = Path(__file__).resolve()
    places = [Path(os.environ.get("AXE_CORE", "")), *(folder / PLACE for folder in here.parents)]
    return next((p for p in places if p.is_file()), None)


def is_here() -> bool:
    return found() is not None and chromium.found() is not None


def violations(browser: chromium.Browser) -> list[str]:
    """What axe-core finds on the page that the browser shows."""
    script = found()
    assert script is not None
    browser.ask("Page.setBypassCSP", enabled=True)
    browser.run(script.read_text(encoding="utf-8") + ";1")
    found_here: list[str] = browser.run(RUN)
    return found_here
