"""The pytest plugin, in a separate pytest process."""

import pytest
from plugins import OURS, pytest_run

SOURCE = """
import numpy as np
import pytest
from autograd_lite.testing import strategies

seen = []

def test_sine(assert_gradients):
    report = assert_gradients(np.sin, np.ones(2))
    assert "directions of the third derivative" not in report.looked_at

@pytest.mark.gradient(order=1)
def test_marker(assert_gradients):
    assert "adjoint identities" in assert_gradients(np.sin, np.ones(2)).looked_at
    assert "directions of the second derivative" not in assert_gradients(np.sin, np.ones(2)).looked_at

def test_draws(assert_gradients):
    def sin(x):
        seen.append(np.shape(x))
        return np.sin(x)
    assert_gradients(sin, strategies.arrays((2,)), broadcast=False)
    print("calls", len(seen))

def test_plain():
    pass

@pytest.mark.gradient(examples=0)
def test_none(assert_gradients):
    with pytest.raises(ValueError, match="examples: expected a positive whole number, got 0"):
        assert_gradients(np.sin, np.ones(2))
"""


@pytest.fixture
def run(tmp_path):
    """Run pytest on the source above with some options; the lines that it prints."""
    (tmp_path / "test_it.py").write_text(SOURCE)
    return lambda *options: pytest_run("-v", "-s", *options, str(tmp_path))


def calls(output):
    return int(output.split("calls ")[1].split()[0])


def test_fixture_marker_and_selection(run):
    """A marker asks for at least one example."""
    out = run("-m", "gradient")
    assert "4 passed, 1 deselected" in out
    assert "Unknown" not in out


def test_order_and_examples_from_the_command_line(run):
    few = run("--grad-examples=2", "-k", "draws")
    more = run("--grad-examples=20", "-k", "draws")
    assert "1 passed" in few
    assert calls(more) > 5 * calls(few)
    assert "examples: expected a positive whole number, got 0" in run("--grad-examples=0", "-k", "draws")
    out = run("--grad-order=3", "-k", "sine or marker")
    assert "1 failed, 1 passed" in out
    assert "test_sine FAILED" in out


@pytest.mark.thorough
def test_profiles(run):
    first, second = (run("--hypothesis-profile=gradient-ci", "-k", "draws") for _ in range(2))
    assert "1 passed" in first
    assert calls(first) == calls(second)


LISTING = """
def test_list():
    import sys
    print("modules", *sys.modules)
"""


def test_a_start_of_pytest_imports_only_the_plugin(tmp_path):
    """If no test uses it, neither NumPy nor the library is imported."""
    (tmp_path / "test_it.py").write_text(LISTING)

    def modules(*plugins):
        out = pytest_run("-s", str(tmp_path), plugins=plugins)
        return set(out.partition("modules ")[2].split("\n")[0].split())

    without = modules()
    assert "pytest" in without
    assert "numpy" not in without
    assert modules(OURS) - without == {OURS}
