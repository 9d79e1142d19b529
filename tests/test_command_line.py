"""``python -m autograd_lite show | explain | check``."""

import re

import pytest

from autograd_lite.__main__ import main

NET = """
import numpy as np
import autograd_lite as ag

x = np.array([[1.0, 2.0]])
W = ag.tensor([[0.5], [-0.25]], requires_grad=True)
P = ag.sigmoid(x @ W)
L = 0.5 * np.sum((1 - P) ** 2)
last = L * 2

def right(W, x, power=2.0):
    return np.sum((x @ W) ** power)

@ag.table.define(lambda x: 3 * x, kind="elementwise")
def wrong_square(x):
    return x * x

def wrong(x):
    return np.sum(wrong_square(x))

def unknown(q):
    return q
"""


@pytest.fixture
def script(tmp_path, monkeypatch, op):  # which removes the row that the script adds
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.py").write_text(NET)
    return "net.py"


def test_explain_prints_the_derivation_of_the_loss(script, capsys):
    assert main(["explain", script]) == 0
    text = capsys.readouterr().out
    assert "P = σ(" in text
    assert "dL/dW" in text
    assert main(["explain", script, "last", "--format", "latex"]) == 0
    assert r"\mathrm{last}" in (latex := capsys.readouterr().out) or "last" in latex
    assert main(["explain", script, "P"]) == 0


def test_show_writes_the_page_and_opens_it(script, capsys, tmp_path, monkeypatch):
    opened = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    assert main(["show", script]) == 0
    assert capsys.readouterr().out == "net.html\n"
    assert opened == [(tmp_path / "net.html").as_uri()]
    assert "<svg" in (tmp_path / "net.html").read_text()
    assert main(["show", script, "L", "--out", "net.svg"]) == 0
    assert len(opened) == 1
    assert (tmp_path / "net.svg").read_text().startswith("<?xml") or "<svg" in (tmp_path / "net.svg").read_text()


def test_check_tests_the_gradients_of_a_function(script, capsys):
    assert main(["check", f"{script}:right"]) == 0
    assert "every derivative up to order 2 is right" in capsys.readouterr().out
    with pytest.raises(SystemExit) as stop:
        main(["check", f"{script}:wrong", "--order", "1"])
    assert stop.value.code == 1
    assert "wrong has a wrong derivative" in capsys.readouterr().out


@pytest.mark.parametrize(("arguments", "message"), [
    (["explain", "no.py"], "there is no file no.py"),
    (["explain", "net.py", "nope"], r"has no variable 'nope'; it has P, L, last"),
    (["explain", "net.py", "x"], r"x in net.py is not the recorded result"),
    (["check", "net.py"], r"expected SCRIPT:FUNCTION, got 'net.py'"),
    (["check", "net.py:nope"], r"net.py has no function 'nope'"),
    (["check", "net.py:unknown"], r"define q there, or give it a default"),
    (["explain", "empty.py"], r"empty.py has no loss: nothing in it was recorded"),
    (["explain", "fails.py"], r'File "fails.py", line 2, in f\n.*\n.*ZeroDivisionError'),
    (["explain", "ends.py"], r"ended itself before its variables could be read \(exit status 3\)"),
    (["show", "net.py", "--out", "net.xyz"], r"expected .svg, .png, .pdf, .dot, .html or .tex, got '.xyz'"),
])  # fmt: skip
def test_errors_are_one_message_without_a_traceback_of_the_library(script, tmp_path, capsys, arguments, message):
    (tmp_path / "empty.py").write_text("x = 1\n")
    (tmp_path / "fails.py").write_text("def f():\n    return 1 / 0\nf()\n")
    (tmp_path / "ends.py").write_text("raise SystemExit(3)\n")
    assert main(arguments) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert re.search(message, error, re.DOTALL)
    assert "autograd_lite/" not in error
