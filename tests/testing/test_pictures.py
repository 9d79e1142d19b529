"""The wrong edge is red, and a failed test saves a picture."""

import numpy as np
import pytest
from plugins import pytest_run

from autograd_lite.testing import find_gradient_bug

pytest.importorskip("autograd_lite.drawing")
from autograd_lite.testing.pictures import draw_bug

SOURCE = """
import numpy as np
from autograd_lite.table import define

@define(lambda g, x: -g, name="wrong_sign")
def wrong_sign(x):
    return x * 1.0

def test_it(assert_gradients):
    assert_gradients(lambda x: np.sum(wrong_sign(np.sin(x))), np.ones(3), order=1)
"""


def test_exactly_the_wrong_edge_is_marked(op):
    @op(lambda g, x: 2 * g, name="doubled_for_a_picture")
    def doubled(x):
        return x * 1.0

    bug = find_gradient_bug(lambda x: np.sum(doubled(np.tanh(x)) * x), np.ones(3))
    picture = draw_bug(bug)
    (red,) = [line for line in picture.scene.lines if line.change]
    names = {item.key: item for item in picture.scene.items}
    assert names[red.head].row == "doubled_for_a_picture"
    assert names[red.tail].row == "tanh"
    assert "2 times" in red.note
    plain = draw_bug(bug).source
    assert plain == picture.source


def test_a_failed_test_saves_a_picture(tmp_path):
    (tmp_path / "test_it.py").write_text(SOURCE)
    out = pytest_run(f"--grad-pictures={tmp_path}/pictures", str(tmp_path))
    assert "1 failed" in out, out
    assert "the graph is drawn in" in out or "no picture" in out
    saved = list((tmp_path / "pictures").glob("*"))
    assert saved, out
    assert "<svg" in saved[0].read_text()
