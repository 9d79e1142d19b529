"""A function and its gradient as a C file: it compiles on its own, and computes what the engine computes."""

import ctypes
import shutil
import subprocess

import numpy as np
import pytest

import autograd_lite as ag

RNG = np.random.default_rng(4)


def compiled(code, path):
    """The functions of a C file, compiled with all warnings as errors."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        pytest.skip("no C compiler: install cc, gcc or clang")
    (path / "made.c").write_text(code, encoding="utf-8")
    flags = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", "-O1", "-shared", "-fPIC"]
    subprocess.run([compiler, *flags, str(path / "made.c"), "-o", str(path / "made.so"), "-lm"], check=True)
    return ctypes.CDLL(str(path / "made.so"))


def call(function, inputs, results):
    results = [np.full(np.shape(x), np.nan, np.asarray(x).dtype) for x in results]
    arrays = [np.ascontiguousarray(x) for x in (*inputs, *results)]
    function(*(ctypes.c_void_p(x.ctypes.data) for x in arrays))
    return arrays[len(inputs) :]


def mlp(W, V, x, y):
    hidden = np.tanh(x @ W)
    p = ag.sigmoid(hidden @ V)
    return np.mean((p - y) ** 2)


def attention(q, k, v):
    s = q @ k.T / 2
    w = np.exp(s - np.max(s, 1, keepdims=True))
    return np.sum((w / np.sum(w, 1, keepdims=True) @ v) ** 2)


CASES = {
    "mlp": (mlp, [(3, 4), (4, 1), (6, 3), (6, 1)]),
    "attention": (attention, [(5, 3), (5, 3), (5, 2)]),
    "rosenbrock": (lambda x: np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2), [(9,)]),
    "large": (lambda A, x: np.sum(np.log1p(np.abs(A @ x)) * np.arange(600.0)), [(600, 50), (50,)]),
    "pieces": (lambda x: np.sum(np.concatenate([x.T, np.sin(x.T)], 1).reshape(-1) ** 3), [(3, 4)]),
    "constant": (lambda x: np.sum(x * np.array([1.0, -2.0, np.inf])), [(3,)]),
}


@pytest.mark.parametrize("name", CASES)
def test_it_computes_what_the_engine_computes(name, tmp_path):
    f, shapes = CASES[name]
    arrays = [RNG.normal(size=shape) for shape in shapes]
    code = ag.source(f, *arrays, name=name, lang="c")
    library = compiled(code, tmp_path)
    other = [RNG.normal(size=shape) for shape in shapes]
    everything = tuple(range(len(shapes)))
    value, gradients = ag.value_and_grad(f, everything)(*other)
    got = call(library[f"{name}_gradient"], other, [value, *gradients])
    for a, b in zip(got, [value, *gradients], strict=True):
        scale = max(1, np.max(np.abs(b), initial=0, where=np.isfinite(b)))
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-13 * scale)
    np.testing.assert_allclose(call(library[name], other, [value])[0], value, rtol=1e-12)


def test_a_result_with_several_entries_takes_its_cotangent(tmp_path):
    x, g = RNG.normal(size=(2, 3)).astype(np.float32), RNG.normal(size=(2, 3)).astype(np.float32)
    code = ag.source(lambda x: np.exp(x) * x, x, name="f", lang="c")
    assert (code.name, code.arguments) == ("f", ("x", "g"))
    assert "const float *x" in code
    y, pull = ag.vjp(lambda x: np.exp(x) * x, x)
    got = call(compiled(code, tmp_path).f_gradient, [x, g], [y, x])
    np.testing.assert_allclose(got[0], y, rtol=1e-6)
    np.testing.assert_allclose(got[1], pull(g)[0], rtol=1e-5)


def test_names_are_escaped(tmp_path):
    def f(double, NAN):
        τ = np.exp(double) * NAN  # */ ??/ \\
        return np.sum(τ)

    code = ag.source(f, np.ones(2), np.ones(2), name="int", lang="c")
    value = call(compiled(code, tmp_path)[code.name], [np.ones(2), np.ones(2)], [0.0])
    np.testing.assert_allclose(value, f(np.ones(2), np.ones(2)))


def test_what_has_no_form_is_named():
    with pytest.raises(ValueError, match=r"sort of float64\[3\] has no form in C"):
        ag.source(lambda x: np.sum(np.sort(x) ** 2), np.ones(3), lang="c")
    with pytest.raises(ValueError, match="lang='numpy' or 'c'"):
        ag.source(np.sum, np.ones(3), lang="fortran")
    with pytest.raises(ValueError, match="without an update step"):
        ag.source(np.sum, np.ones(3), lang="c", update="lr")
