"""The pytest plugin: a fixture, a marker, two options, and a picture of the graph that failed.

    def test_softplus(assert_gradients):
        assert_gradients(softplus, arrays())

    @pytest.mark.gradient(order=3, examples=200)
    def test_more_of_it(assert_gradients): ...

`assert_gradients` is :func:`autograd_lite.testing.assert_gradients` with defaults from the command line
(``--grad-order``, ``--grad-examples``) and from the marker, which takes precedence. ``-m gradient`` selects the tests
that use it. The Hypothesis profiles ``gradient`` (the default number of examples, no deadline), ``gradient-ci`` (the
same numbers in every run) and ``gradient-thorough`` (1,000 examples) are chosen with Hypothesis' option
``--hypothesis-profile``.

With ``--grad-pictures=DIR`` the graph of a function that failed is drawn into that folder, with its wrong edge in red.

pytest imports this module at every start, in every project of the environment. So it is outside the package, which
imports NumPy, and it imports the package only when a test uses it. (Hypothesis' plugin does the same.)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

FIXTURE = "assert_gradients"


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("gradient", "tests of gradients (autograd_lite)")
    group.addoption(
        "--grad-order",
        type=int,
        default=None,
        metavar="N",
        help="the highest order of derivative that assert_gradients checks (default: 2)",
    )
    group.addoption(
        "--grad-examples",
        type=int,
        default=None,
        metavar="N",
        help="how many examples assert_gradients draws (default: 50, or the Hypothesis profile's)",
    )
    group.addoption(
        "--grad-pictures",
        default=None,
        metavar="DIR",
        help="draw the graph of every function whose gradient is wrong into this folder",
    )


@pytest.hookimpl(tryfirst=True)  # Hypothesis' own plugin loads the profile after this
def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "gradient(order=2, examples=50, ...): defaults of assert_gradients in this test, and its selection"
    )
    if config.getoption("--grad-pictures"):
        config.pluginmanager.import_plugin("autograd_lite.testing.pictures")
    if str(config.getoption("--hypothesis-profile", None)).startswith("gradient"):
        _register_profiles()


def _register_profiles() -> None:
    from hypothesis import settings

    settings.register_profile("gradient", deadline=None, max_examples=50)
    settings.register_profile("gradient-ci", deadline=None, max_examples=50, derandomize=True, database=None)
    settings.register_profile("gradient-thorough", deadline=None, max_examples=1000)


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark a test that uses the fixture as a gradient test."""
    if FIXTURE in getattr(item, "fixturenames", ()) and item.get_closest_marker("gradient") is None:
        item.add_marker("gradient")


@pytest.fixture
def assert_gradients(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """`autograd_lite.testing.assert_gradients` with the defaults of the command line and of the marker."""
    from autograd_lite.testing import assert_gradients as check  # only when a test uses it

    defaults = {
        "order": request.config.getoption("--grad-order"),
        "examples": request.config.getoption("--grad-examples"),
    }
    marker = request.node.get_closest_marker("gradient")
    chosen = {name: value for name, value in defaults.items() if value is not None} | (marker.kwargs if marker else {})

    def with_defaults(f: Callable[..., Any], *inputs: Any, **options: Any) -> Any:
        return check(f, *inputs, **(chosen | options))

    return with_defaults
