"""Interrupts anywhere in a block leave no state half-changed; `tools/interrupts.py` tries every instruction."""

from __future__ import annotations

import signal
import sys

import pytest

from autograd_lite.base.interrupts import at_exit, rolled_back
from tools.interrupts import CASES, attack


@pytest.fixture(autouse=True)
def untraced():
    """Coverage and debuggers trace too; they get their function back. Under `nohup` Ctrl-C is ignored at first."""
    before, handler = sys.gettrace(), signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    sys.settrace(before)
    signal.signal(signal.SIGINT, handler)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # interrupts in weakref callbacks
def test_no_state_is_left_half_changed(name):
    total, interrupts, wrong = attack(CASES[name], most=60)
    assert interrupts == min(total, 60) > 10
    assert wrong == {}


def test_the_tool_sees_a_gap():
    """The attack finds what ``try: ... finally:`` leaves open."""
    log = []

    def careless():
        log.append("on")
        try:
            len(log)
        finally:
            log.append("off")

    def prepare():
        log.clear()
        return careless, lambda: "open" if log and log[-1] != "off" else ""

    assert attack(prepare)[2].get("open", 0) > 0

    def careful():
        with at_exit(log.append, "off"):
            log.append("on")
            len(log)

    def prepare_careful():
        log.clear()
        return careful, lambda: "open" if log and log[-1] != "off" else ""

    assert attack(prepare_careful)[2] == {}


def test_rolled_back_unless_cleared():
    values, undo = {"a": 1}, []
    with pytest.raises(ZeroDivisionError), rolled_back(undo):
        undo.append((values.update, {"a": 1}))
        values["a"] = 2
        1 / 0
    assert values == {"a": 1}
    undo.clear()
    with rolled_back(undo):
        undo.append((values.update, {"a": 1}))
        values["a"] = 2
        undo.clear()
    assert values == {"a": 2}
