"""The derivation by hand, compared with finite differences and with the talk's slides."""

import ast
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from autograd_lite.talk import by_hand

NAMES = ["A", "B", "C", "P", "L", "dLdP", "dPdC", "dCdW", "dLdW", "dCdB", "dBdA", "dAdV", "dLdV"]


def example(seed, inputs=3, hidden=4, outputs=1):
    rng = np.random.default_rng(seed)
    draw = rng.standard_normal
    return draw((1, inputs)), draw((1, outputs)), draw((inputs, hidden)), draw((hidden, outputs))


def differences(f, x, h=1e-6):
    """The Jacobian of f at x by central differences, of shape f(x).shape + x.shape."""
    columns = []
    for index in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[index] = h
        columns.append((f(x + step) - f(x - step)) / (2 * h))
    return np.stack(columns, axis=-1).reshape(*columns[0].shape, *x.shape)


def test_it_imports_numpy_and_nothing_else():
    tree = ast.parse(Path(by_hand.__file__).read_text(encoding="utf-8"))
    modules = [name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names]
    modules += [node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    assert modules == ["numpy", "numpy.typing"]


def test_it_runs_where_nothing_of_ours_is_loaded():
    script = (
        "import runpy, sys\n"
        f"names = runpy.run_path({str(by_hand.__file__)!r})\n"
        "import numpy as np\n"
        "V, W = np.ones((3, 4)), np.ones((4, 1))\n"
        "names['update'](V, W, np.ones((1, 3)), np.ones((1, 1)))\n"
        "assert V[0, 0] != 1\n"
        "print([name for name in sys.modules if 'autograd' in name])\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_it_names_what_the_talk_names():
    at = by_hand.quantities(*example(0))
    assert list(at) == NAMES
    shapes = {"A": (1, 4), "B": (1, 4), "C": (1, 1), "P": (1, 1), "L": (1, 1), "dLdP": (1, 1), "dPdC": (1, 1)}
    shapes |= {"dCdW": (4, 1), "dLdW": (4, 1), "dCdB": (1, 4), "dBdA": (1, 4), "dAdV": (3, 1), "dLdV": (3, 4)}
    assert {name: array.shape for name, array in at.items()} == shapes


@pytest.mark.parametrize("seed", range(5))
def test_each_partial_is_its_steps_own(seed):
    x, y, V, W = example(seed)
    at = by_hand.quantities(x, y, V, W)

    def close(partial, jacobian):
        np.testing.assert_allclose(partial, jacobian, rtol=1e-7, atol=1e-9)

    close(at["dLdP"], differences(lambda P: 0.5 * (y - P) ** 2, at["P"])[0, 0])
    close(at["dPdC"], differences(by_hand.sigmoid, at["C"])[0, 0])
    close(at["dCdW"], differences(lambda W: at["B"] @ W, W)[0, 0])
    close(at["dCdB"], differences(lambda B: B @ W, at["B"])[0, 0])
    # The short forms: a diagonal, and one column for each unit.
    close(np.diagflat(at["dBdA"]), differences(by_hand.sigmoid, at["A"])[0, :, 0, :])
    whole = differences(lambda V: x @ V, V)[0]
    close(np.einsum("i,jk->jik", at["dAdV"][:, 0], np.eye(4)), whole)


@pytest.mark.parametrize(("hidden", "outputs"), [(4, 1), (5, 3)])
def test_the_gradients_are_the_losss(hidden, outputs):
    x, y, V, W = example(7, hidden=hidden, outputs=outputs)
    at = by_hand.quantities(x, y, V, W)

    def loss(V, W):
        return by_hand.quantities(x, y, V, W)["L"].sum()

    np.testing.assert_allclose(at["dLdV"], differences(lambda V: loss(V, W), V), rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(at["dLdW"], differences(lambda W: loss(V, W), W), rtol=1e-6, atol=1e-9)


def test_it_meets_the_talks_slides():
    """The talk prints two decimals of everything, weights too, so its numbers agree to about that."""
    V = np.array([[0.36, 0.3, -0.63, -0.34], [-1.03, 1.26, 0.41, 1.2], [-1.07, -0.68, 0.08, 1.04]])
    W = np.array([[-0.47], [0.94], [0.56], [-1.2]])
    at = by_hand.quantities(np.array([[1.0, 0.0, 0.0]]), np.array([[1.0]]), V, W)
    slides = {
        "A": [0.36, 0.3, -0.63, -0.34],
        "B": [0.59, 0.58, 0.35, 0.42],
        "C": [-0.04],
        "P": [0.49],
        "L": [0.13],
        "dLdP": [-0.51],
        "dPdC": [0.25],
        "dCdW": [0.59, 0.58, 0.35, 0.42],
        "dLdW": [-0.075, -0.073, -0.044, -0.053],
        "dCdB": [-0.47, 0.94, 0.56, -1.2],
        "dBdA": [0.24, 0.24, 0.23, 0.24],
        "dAdV": [1, 0, 0],
        "dLdV": [0.01, -0.03, -0.02, 0.04, 0, 0, 0, 0, 0, 0, 0, 0],
    }
    assert list(slides) == NAMES
    for name, numbers in slides.items():
        tolerance = 0.0011 if name == "dLdW" else 0.011
        np.testing.assert_allclose(at[name].ravel(), numbers, rtol=0, atol=tolerance, err_msg=name)


def test_sigmoid_neither_overflows_nor_loses_small_values():
    x = np.array([-1e4, -700.0, -50.0, 0.0, 50.0, 700.0, 1e4])
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        y = by_hand.sigmoid(x)
    assert y[0] == 0
    assert y[3] == 0.5
    assert y[-1] == 1
    np.testing.assert_allclose(y[1:3], np.exp(x[1:3]), rtol=1e-15)


def test_update_takes_both_gradients_before_it_moves_either_weight():
    x, y, V, W = example(3)
    at = by_hand.quantities(x, y, V, W)
    V_new, W_new = V.copy(), W.copy()
    by_hand.update(V_new, W_new, x, y)
    assert np.array_equal(V_new, V - at["dLdV"])
    assert np.array_equal(W_new, W - at["dLdW"])


def test_predict_is_the_forward_pass_of_every_row():
    _, y, V, W = example(4)
    X = np.random.default_rng(4).standard_normal((6, 3))
    rows = [by_hand.quantities(x[np.newaxis], y, V, W)["P"][0] for x in X]
    np.testing.assert_allclose(by_hand.predict(X, V, W), rows, rtol=1e-14)
