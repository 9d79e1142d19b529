"""For all tests: the same random numbers in any order, Ctrl-C, and a list of the allowances of the table's tests.

A run of the whole suite takes a few cases of each parametrised test. ``pytest -m ""`` takes all, and so does a run of a
file or a folder.
"""

import gc
from collections import defaultdict

import numpy as np
import pytest
from allowances import allowed as allowed, summary
from hypothesis import settings
from learner import press as press
from thorough import EVERY_CASE

import autograd_lite as ag
from autograd_lite.table import TABLE, define

settings.register_profile("tests", derandomize=True, database=None)
settings.load_profile("tests")

collect_ignore = ["helpers"]  # no tests, and one needs mpi4py
_states = {}

CASES = 5  # of a parametrised test in a run of the whole suite
WHOLE_SUITE = 10_000  # tests, at least


def pytest_configure(config):
    EVERY_CASE[0] = "not thorough" not in config.getoption("markexpr")


@pytest.hookimpl(tryfirst=True)  # before tests are deselected by their markers
def pytest_collection_modifyitems(items):
    if len(items) < WHOLE_SUITE:
        return
    tests = defaultdict(list)
    for item in items:
        if hasattr(item, "callspec") and not item.get_closest_marker("thorough"):
            tests[item.nodeid.partition("[")[0]].append(item)
    for cases in tests.values():
        default = set(np.linspace(0, len(cases) - 1, CASES).round().astype(int))
        for k, item in enumerate(cases):
            if k not in default:
                item.add_marker("thorough")


def pytest_collection_finish():
    """The collector skips what exists by now: twenty thousand tests are millions of objects, and many tests collect."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def same_numbers(request):
    """A test draws the same random numbers whichever ran before it: its module's generators start anew."""
    ag.manual_seed(0)
    module = request.module
    generators = [v for v in vars(module).values() if isinstance(v, np.random.Generator)]
    states = _states.setdefault(module.__name__, [g.bit_generator.state for g in generators])
    for generator, state in zip(generators, states, strict=True):
        generator.bit_generator.state = state
    with np.errstate():  # restored, since an interrupt inside np.errstate leaves it changed
        yield


@pytest.fixture
def op():
    """Declare rows for one test, ``op(rule, ...)(f)`` like `define`, and remove them afterwards."""
    before = set(TABLE)
    yield define
    for name in set(TABLE) - before:
        del TABLE[name]


def pytest_terminal_summary(terminalreporter):
    summary(terminalreporter)
