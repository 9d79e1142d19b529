"""How long an edit takes on a page that computes, in a headless Chromium: `python -m benchmarks.live_page`.

An edit changes one number of the talk's net. Everything on the page is then computed and written again: values,
gradients, partial derivatives, the derivation. The time includes the browser's layout, which is forced after each edit.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from pathlib import Path

import numpy as np

import autograd_lite as ag
from autograd_lite.drawing import draw

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "helpers"))
import chromium

TARGET = 16.0  # milliseconds: one frame of the screen
EDITS = 200
TIMED = f"""(() => {{
  const {{ leaves, change }} = window.page.live;
  return Array.from({{ length: {EDITS} }}, (_, k) => {{
    const leaf = leaves[k % leaves.length], start = performance.now();
    change(leaf, k % leaf.now.data.length, Math.sin(k));
    document.body.getBoundingClientRect();
    return performance.now() - start;
  }});
}})()"""


def talk() -> ag.drawing.Drawing:
    """The picture of the talk's net."""
    rng = np.random.default_rng(0)
    x, y = np.array([[1.0, 0.0, 0.0]]), np.array([[1.0]])
    V, W = (ag.tensor(rng.normal(size=s), requires_grad=True, name=n) for n, s in (("V", (3, 4)), ("W", (4, 1))))
    A = x @ V
    B = ag.sigmoid(A)
    C = B @ W
    P = ag.sigmoid(C)
    return draw(0.5 * (y - P) ** 2, names=locals())


def main() -> None:
    """Print the times."""
    command = chromium.found()
    if command is None:
        raise SystemExit("live_page: no Chromium on this machine")
    browser = chromium.Browser(command)
    try:
        with tempfile.TemporaryDirectory() as folder:
            path = talk().save(Path(folder) / "page.html", live=True)
            size = path.stat().st_size
            browser.open(path.as_uri())
            times = sorted(browser.run(TIMED))
    finally:
        browser.close()
    middle, slow = statistics.median(times), times[int(0.95 * len(times))]
    print(f"the talk's net: {middle:.1f} ms an edit, 95 % below {slow:.1f} ms (target {TARGET:.0f} ms)")
    print(f"the page has {size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
