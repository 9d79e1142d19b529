"""Every row that can be written in JavaScript computes there what it computes here, forward and backward."""

import json
from importlib.resources import files
from itertools import islice

import chromium
import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.base import escape
from autograd_lite.base.tree import leaves, tree_map
from autograd_lite.derive.chain_rule import Chain
from autograd_lite.derive.formula import Expr, name
from autograd_lite.derive.javascript import NoForm, Writer
from autograd_lite.derive.live_program import program
from autograd_lite.program import Program
from autograd_lite.table import TABLE
from autograd_lite.testing.numeric import CannotCheck
from autograd_lite.testing.rows import points

ARRAYS = files("autograd_lite.drawing").joinpath("arrays.js").read_text()


def floats(args):
    """The floating arrays among the arguments."""
    return [x for x in leaves(args) if isinstance(x, np.ndarray) and x.dtype.kind == "f"]


def result(row, args, params, numbers):
    """One number computed by `row`, and `numbers` as Tensors in the places of its floating arguments."""
    tensors = [ag.tensor(x, requires_grad=True, name=f"x{k}") for k, x in enumerate(numbers)]
    rest = iter(tensors)
    args = tree_map(lambda x: next(rest) if isinstance(x, np.ndarray) and x.dtype.kind == "f" else x, args)
    with np.errstate(all="ignore"):
        parts = [p for p in leaves(row(*args, **params)) if isinstance(p, ag.Tensor) and p.requires_grad]
        weighed = [np.sum(p * np.cos(np.arange(1, p.size + 1)).reshape(p.shape)) for p in parts]
    return sum(weighed), tensors


def cases():
    """For each row a program made at one point, and the result and gradients at another."""
    for row in list(TABLE.values()):
        try:
            found = [list(islice(points(row, np.random.default_rng(seed)), 1)) for seed in (0, 1)]
        except CannotCheck:
            continue
        if not found[0]:
            continue
        (((args, params),), ((others, _),)) = found
        y, _ = result(row, args, params, floats(args))
        if not isinstance(y, ag.Tensor) or any(x.dtype.kind == "c" for x in map(np.asarray, leaves(args))):
            continue
        try:
            made = program(Chain(Program.of(y)), [])
        except NoForm:
            continue
        z, xs = result(row, args, params, floats(others))
        z.backward()
        now = made.inputs | {x.name: x.numpy() for x in xs}
        given = {word: {"shape": np.shape(x), "data": np.ravel(x).tolist()} for word, x in now.items()}
        graded = [x for x in xs if x.grad is not None]
        script = (
            f"() => {{ const M = {made.maps}; {made.text} const v = {{}}, d = {{}};"
            f"for (const [w, x] of Object.entries({escape.script(given)})) v[w] = constant(x); forward(v);"
            f"backward(v, d); return [v.L, ...{json.dumps([x.name for x in graded])}.map((w) => d[w])]"
            ".map((x) => [...x.data].map(String)); }"
        )
        yield row, script, [z.numpy(), *(x.grad.numpy() for x in graded)]


def test_what_a_formula_needs_several_times_is_computed_once():
    e = name("z", (3,))
    for _ in range(12):
        e = Expr("sigmoid", (e,), None, {}, (3,), TABLE["sigmoid"])
    text = Writer(words={"z": "v.z"}, values={"z": np.ones(3)}).array(e)
    assert text.count("v.z") == 1
    assert text.count("map(") == 12


@pytest.mark.skipif(chromium.found() is None, reason="no Chromium on this machine")
def test_each_row_computes_in_javascript_what_it_computes_here():
    written = list(cases())
    browser = chromium.Browser(chromium.found())
    try:
        found = browser.run(f"(() => {{ {ARRAYS}; return [{','.join(s for _, s, _ in written)}].map((f) => f()); }})()")
    finally:
        browser.close()
    for (row, _, expected), arrays in zip(written, found, strict=True):
        for x, y in zip(arrays, expected, strict=True):
            np.testing.assert_allclose(np.array(x, float), y.ravel(), rtol=1e-9, atol=1e-9, err_msg=row.name)
    kinds = {row.kind for row, *_ in written}
    assert {"elementwise", "linear", "bilinear", "general", "composite"} <= kinds
    assert len(written) > len(TABLE) / 3
