"""Surfaces: the grid, the path and its gradients are the function's and the engine's; the pictures show them."""

import re
import xml.etree.ElementTree as ET
from io import BytesIO

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite import optim
from autograd_lite.drawing import surface
from autograd_lite.nn import functional as F

Image = pytest.importorskip("PIL.Image", reason="install autograd_lite[render]")

pytest.importorskip("matplotlib", reason="comes with the extra `examples`")


def bowl(x, y):
    return x**2 + 4 * y**2


def net():
    X, Y = np.array([[1.0, 0.0], [0.0, 2.0], [1.0, 1.0]]), np.array([[1.0], [0.0], [1.0]])
    V = ag.tensor([[0.3, -0.2], [0.1, 0.4]], requires_grad=True, name="V")
    w = ag.tensor([[0.5], [-0.4]], requires_grad=True)
    return V, w, lambda: np.mean((ag.sigmoid(np.tanh(X @ V) @ w) - Y) ** 2)


def test_the_grid_and_gradient_descent():
    found = surface(bowl, 3.0, 1.0, lr=0.2, steps=3)
    assert ag.draw.surface is surface
    np.testing.assert_array_equal(found.z, bowl(found.x[None, :], found.y[:, None]))
    (run,) = found.runs
    for p, after, value, gradient in zip(run.points, run.points[1:], run.values, run.gradients, strict=False):
        assert value == bowl(*p)
        np.testing.assert_allclose(gradient, [2 * p[0], 8 * p[1]])
        np.testing.assert_allclose(after, p - 0.2 * gradient)
    low, high = run.points.min(axis=0), run.points.max(axis=0)
    assert (found.x[0], found.y[0]) < tuple(low)
    assert (found.x[-1], found.y[-1]) > tuple(high)
    assert found.caption == "step 3: x = 0.648, y = -0.216, f = 0.607, ∇f = (1.3, -1.73)"


def test_an_array_of_two_numbers_is_the_same():
    one = surface(lambda p: bowl(p[0], p[1]), np.array([3.0, 1.0]), steps=2)
    np.testing.assert_array_equal(one.runs[0].points, surface(bowl, 3.0, 1.0, steps=2).runs[0].points)
    assert one.names == ("p[0]", "p[1]", "f")


def test_two_weights_of_a_loss():
    V, w, loss = net()
    before = V.numpy().copy()
    L = loss()
    found = surface(L, wrt=[(V, (0, 1)), (w, (1, 0))], names=locals(), optimizer=lambda p: optim.Adam(p, 0.1), steps=3)
    assert found.names == ("V[0, 1]", "w[1, 0]", "L")
    np.testing.assert_array_equal(V.numpy(), before)
    run = found.runs[0]
    L.backward()  # the recorded graph is as it was
    np.testing.assert_allclose(run.gradients[0], [V.grad.numpy()[0, 1], w.grad.numpy()[1, 0]], rtol=1e-12)
    for i, j in ((0, 5), (30, 12)):
        with ag.no_grad():
            V[0, 1], w[1, 0] = found.x[i], found.y[j]
        assert found.z[j, i] == pytest.approx(loss().item(), rel=1e-12)
    optimizer = optim.Adam([p := ag.tensor(run.points[0], requires_grad=True)], 0.1)
    for k in range(3):
        p.grad = ag.tensor(run.gradients[k])
        optimizer.step()
        np.testing.assert_allclose(run.points[k + 1], p.numpy(), rtol=1e-12)


def test_frames_are_steps_of_the_path(tmp_path):
    found = surface(bowl, 3.0, 1.0, steps=20)
    shown = found.frames(4)
    assert [c.partition(":")[0] for c in shown.captions] == ["step 0", "step 7", "step 13", "step 20"]
    for k, picture in zip((0, 7, 13, 20), shown, strict=True):
        plane, curve = picture.figure().axes
        np.testing.assert_array_equal(plane.lines[0].get_xydata(), found.runs[0].points[: k + 1])
        np.testing.assert_array_equal(curve.lines[0].get_ydata(), found.runs[0].values[: k + 1])
        arrow = np.subtract(plane.texts[-1].xy, found.runs[0].points[k])
        down = -found.runs[0].gradients[k]
        np.testing.assert_allclose(arrow / np.linalg.norm(arrow), down / np.linalg.norm(down))
    root = ET.fromstring(shown[::3].save(tmp_path / "film.svg").read_text(encoding="utf-8"))
    ids = [e.get("id") for e in root.iter() if e.get("id")]
    assert len(ids) == len(set(ids))
    text = ET.tostring(root, encoding="unicode")
    assert set(re.findall(r"url\(#([^)]*)\)", text)) <= set(ids)


def test_pictures_have_the_captions_numbers(tmp_path):
    found = surface(bowl, 3.0, 1.0, steps=20)
    svg = found.save(tmp_path / "a.svg").read_text(encoding="utf-8")
    words = [e.text for e in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]
    assert {found.caption, "x", "y", "f", "step", "gradient descent, lr = 0.1"} <= set(words)
    wide, high = Image.open(BytesIO(found.png(100))).size
    assert wide / high == 16 / 9
    assert found.save(tmp_path / "a.pdf").read_bytes().startswith(b"%PDF")


def test_optimisers_are_compared():
    makers = {"SGD": lambda p: optim.SGD(p, lr=0.1), "Adam": lambda p: optim.Adam(p, lr=0.1)}
    found = surface(bowl, 3.0, 1.0, optimizer=makers, steps=2)
    np.testing.assert_allclose(found.runs[0].points, surface(bowl, 3.0, 1.0, steps=2).runs[0].points)
    assert found.caption == "step 2: f = 3.69 (SGD), 10.4 (Adam)"


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda V, w, L: surface(bowl, 1.0), "a function of two numbers and a start.*got 1 numbers"),
        (lambda V, w, L: surface(L, wrt=[V, w]), "a loss and two of its weights"),
        (lambda V, w, L: surface(L, wrt=[(V, (0, 0)), ag.tensor(1.0, name="other")]), "'other' is not in the graph"),
        (lambda V, w, L: surface(lambda x, y: np.exp(x**4 + y), 2.0, 1.0, lr=9.0), "the path is not finite"),
        (lambda V, w, L: surface(bowl, 1.0, 1.0).save("a.gif"), r"expected \.svg, \.png, \.pdf or a folder"),
    ],
)
def test_a_wrong_call_gets_one_clear_error(call, words):
    V, w, loss = net()
    with np.errstate(all="ignore"), pytest.raises(ValueError, match=words):
        call(V, w, loss())


def test_a_flat_function_and_one_that_is_not_finite_everywhere():
    assert surface(lambda x, y: 0 * x + 0 * y + 1.0, 1.0, 1.0, steps=1).png(20)
    assert surface(lambda x, y: np.log(x) ** 2 + y**2, 2.0, 0.5, steps=3, span=((-1, 3), (-1, 1))).png(20)


@pytest.mark.parametrize("which", ["computed", "elsewhere"])
def test_what_the_loss_is_not_a_function_of_is_an_error(which):
    """A computed value would be computed again at each point: the surface would be flat."""
    w = ag.tensor([1.0, 2.0], requires_grad=True, name="w")
    h = w * 2.0
    h.name = "h"
    other = {"computed": h, "elsewhere": ag.tensor([1.0, 2.0], requires_grad=True, name="h")}[which]
    with pytest.raises(ValueError, match="'h' is not in the graph of this loss, or is computed in it"):
        surface(np.sum(h**2), wrt=[(w, 0), (other, 1)])


def test_what_was_drawn_stays_as_it_was_drawn():
    w = ag.tensor([1.0, 2.0], requires_grad=True, name="w")
    loss = np.mean((F.dropout(np.ones((50, 2)) * w, 0.5) - 1) ** 2)
    run = surface(loss, wrt=[(w, 0), (w, 1)], steps=2).runs[0]
    assert run.values[0] == pytest.approx(loss.item(), rel=1e-12)
    loss.backward()
    np.testing.assert_allclose(run.gradients[0], w.grad.numpy(), rtol=1e-12)
