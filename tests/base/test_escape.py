"""Names may contain any characters: hostile ones in every output."""

from __future__ import annotations

import ast
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from thorough import mostly_thorough

import autograd_lite as ag
from autograd_lite import nn
from autograd_lite.base import escape
from autograd_lite.derive import explain, partials, source
from autograd_lite.derive.mathml import MATHML
from autograd_lite.teach import worksheet
from tests.drawing.test_drawing import can_render

HOSTILE = [
    r"\input{/etc/passwd}",
    r"\write18{touch hacked}",
    r"}\end{document}\immediate\write18{x}%",
    "$$ \\def\\a{b} $$",
    "a % b",
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "]]> --> </script>",
    "[x](javascript:alert(1)) `**b**`",
    "a\nimport os",
    "a\r\n# b\\",
    "\N{RIGHT-TO-LEFT OVERRIDE}abc",
    "\x00\x1b[31m",
    "\ud800",
    "a\udfffb",
    "lambda",
    "np",
    "def",
    "None",
    "len",
    "slice",
    "self",
    "é",
    "名前",
    "",
    " ",
    "a b",
    "2x",
    "__import__",
    "'quoted'",
    '"""',
    "{0}%s{x}",
    "\\N\\G",
    "x" * 300,
]
COMMANDS = {"input", "write", "immediate", "openout", "def", "csname", "catcode", "include"}


def loss_of(name: str):
    """A loss whose input and step are called so."""
    w = ag.tensor([[0.5], [-1.0]], requires_grad=True, name=name)
    p = ag.sigmoid(np.array([[1.0, 2.0]]) @ w)
    p.name = f"{name}'"
    return w, 0.5 * np.sum((1.0 - p) ** 2)


def check_tex(text: str) -> None:
    body = "".join(line for line in text.split("\n") if not line.startswith("% "))  # without comments
    assert not COMMANDS & set(re.findall(r"\\([A-Za-z]+)", body))
    assert not re.search(r"(?<!\\)%", body)
    bare = re.sub(r"\\[{}\\]", "", body)
    assert bare.count("{") == bare.count("}")
    depth = 0
    for c in bare:
        depth += (c == "{") - (c == "}")
        assert depth >= 0
    kinds = re.findall(r"\\(begin|end)\{", bare)
    assert kinds.count("begin") == kinds.count("end")


def check_markdown(text: str) -> None:
    assert not re.search(r"(?<!\\)<(script|img)", text)
    outside = re.sub(r"\$\$.*?\$\$", "", text, flags=re.S)  # of formulas
    assert not re.search(r"(?<!\\)\]\(javascript", outside)
    assert "`" not in outside.replace("\\`", "")
    text.encode()


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_in_a_derivation(name):
    w, L = loss_of(name)
    derivation = explain(L, w)
    for text in (str(derivation), derivation.text(ascii=True)):
        text.encode()
        assert not set(text) & set("\x00\x1b\r\N{RIGHT-TO-LEFT OVERRIDE}")
        assert "\nimport os" not in text
    check_tex(derivation.latex())
    check_markdown(derivation.markdown())
    check_markdown(partials(L, w)._repr_markdown_())
    sheet = worksheet(L, wrt=w)
    check_markdown(sheet.markdown())
    for shown in (derivation, partials(L, w), sheet):
        ET.fromstring(f"<div>{shown._repr_html_()}</div>")
    assert sheet.check({q.word: q.value for q in sheet.questions})


@pytest.mark.parametrize("name", mostly_thorough(HOSTILE, 8))
def test_a_hostile_name_in_a_picture(name, tmp_path):
    w, L = loss_of(name)
    for given in ({}, {"names": {name: w}}, {"view": "operations"}, {"title": name}, {"by": "module"}):
        path = L.draw(**given).save(tmp_path / "a.dot")
        assert path.stat().st_size
    film = ag.frames(L, wrt=w)
    check_markdown(film.markdown())
    for step in film.steps:
        check_tex(step.tex)
        for side in step.sides(MATHML):
            ET.fromstring(f"<math>{side}</math>")


@can_render
@pytest.mark.parametrize("name", mostly_thorough(HOSTILE, 8))
def test_a_hostile_name_in_a_file(name, tmp_path):
    w, L = loss_of(name)
    picture = L.draw()
    ET.fromstring(picture.save(tmp_path / "a.svg").read_text(encoding="utf-8"))
    check_tex(picture.save(tmp_path / "a.tex").read_text(encoding="utf-8"))
    page = picture.save(tmp_path / "a.html").read_text(encoding="utf-8")
    assert page.lower().count("<script") == page.lower().count("</script") == 2
    assert "<img" not in page
    film = ag.frames(L, wrt=w)
    for ending in ("md", "html", "svg"):
        film.save(tmp_path / f"film.{ending}")


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_in_source(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    w, _ = loss_of(name)

    def f(x):
        return np.sum(np.tanh(x @ w))

    f.__name__ = name
    x = np.array([[1.0, 2.0]])
    for how in ({}, {"name": name or None}, {"update": name or None}, {"names": {name: x}}):
        made = source(f, x, **how)
        assert all(word.isidentifier() for word in (made.name, *made.arguments, *made.results))
        imports = [node for node in ast.walk(ast.parse(made)) if isinstance(node, (ast.Import, ast.ImportFrom))]
        assert [ast.unparse(node) for node in imports] == ["import numpy as np"]
        rest = {made.rate: 0.0} if made.rate else {}
        assert made(x, **rest)[0] == pytest.approx(f(x).item())
    str(ag.trace(f)(x)).encode()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", mostly_thorough(HOSTILE, 8))
def test_a_hostile_name_of_a_module(name):
    is_allowed = not set(name) & set("\x00\ud800\udfff")  # for the name of a class
    kind = type(name if is_allowed else "Kind", (nn.Linear,), {})
    net = nn.Sequential(kind(2, 2), nn.Linear(2, 2))
    net._modules[name] = nn.Linear(2, 2)
    for given in ({}, {"by": "module"}, {"depth": 1}):
        ag.draw(net, np.ones((1, 2)), **given).source.encode()
    L = np.sum(net(ag.tensor(np.ones((1, 2)), requires_grad=True, name="x")))
    check_tex(explain(L).latex())
    check_markdown(explain(L).markdown())
    made = source(lambda x: np.sum(net(x)), np.ones((1, 2)))
    assert "\nimport os" not in made
    made(np.ones((1, 2)))
    str(ag.trace(net)(np.ones((1, 2)))).encode()


def test_a_function_called_as_its_helper():
    def sigmoid(x):
        return np.sum(ag.sigmoid(x))

    made = source(sigmoid, np.ones(3))
    assert made.name == "sigmoid_"
    assert made(np.ones(3))[0] == pytest.approx(float(np.sum(ag.sigmoid(np.ones(3)))))


@pytest.mark.parametrize("name", HOSTILE)
def test_an_identifier_is_one(name):
    assert escape.identifier(name).isidentifier()
    assert escape.plain(name).isprintable()
    escape.plain(name).encode()


@pytest.mark.parametrize("ending", ["npz", "safetensors"])
def test_weights_whose_name_no_file_can_hold(ending, tmp_path):
    for state in ({"a\ud800": np.ones(2)}, {"a": 1, "b\udfff": [np.ones(2)]}):
        with pytest.raises(ValueError, match=r"save: the name .* has a lone surrogate, which a file cannot hold"):
            ag.save(state, tmp_path / f"state.{ending}")
    assert not list(tmp_path.iterdir())
