"""Makes the pictures of the gallery, and its page: `python docs/gallery.py`.

Each function below draws one picture. The page shows the function with its picture, so the code on the page is the code
that ran.
"""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable
from pathlib import Path

import numpy as np

import autograd_lite as ag
from autograd_lite import nn, optim
from autograd_lite.data import truth_table
from autograd_lite.drawing import Drawing, Frames, Surface, available, film
from autograd_lite.program import trace

HERE = Path(__file__).parent
FOLDER = HERE / "gallery"
Picture = Drawing | Frames | Surface

rng = np.random.default_rng(0)
x, y = np.array([[1.0, 0.0, 0.0]]), np.array([[1.0]])
V = ag.tensor(rng.normal(size=(3, 4)), requires_grad=True, name="V")
W = ag.tensor(rng.normal(size=(4, 1)), requires_grad=True, name="W")


def loss() -> ag.Tensor:
    A = x @ V
    B = ag.sigmoid(A)
    C = B @ W
    P = ag.sigmoid(C)
    return 0.5 * (y - P) ** 2


def talk() -> Drawing:
    """The talk's net: a name in each box, a partial derivative on each line."""
    return ag.draw(loss(), names={"x": x, "y": y})


def steps() -> Frames:
    """Its derivation, step by step. The picture plays by itself."""
    return ag.frames(loss(), wrt=[W, V], names={"x": x, "y": y})


def neurons() -> Drawing:
    """The same graph as circles and lines. Solid is positive, dashed negative, wide is large."""
    return ag.draw(loss(), names={"x": x, "y": y}, view="neurons")


def learning() -> Frames:
    """Before and after fifty steps of gradient descent, with one scale for both."""
    v, w = (ag.tensor(t.detach().numpy(), requires_grad=True, name=t.name) for t in (V, W))
    taken = []
    for step in range(51):
        L = 0.5 * (y - ag.sigmoid(ag.sigmoid(x @ v) @ w)) ** 2
        if step % 50 == 0:
            taken.append(ag.draw(L, names={"x": x}, view="neurons", scale=3.0))
        L.backward()
        with ag.no_grad():
            for t in (v, w):
                t -= t.grad
                t.zero_grad()
    return film(taken, ["before", "after 50 steps"])


def surface() -> Surface:
    """A function of two numbers, with the paths of three optimisers from the same start."""

    def f(x, y):
        return (x**2 + y - 11) ** 2 + (x + y**2 - 7) ** 2

    makers = {
        "gradient descent": lambda p: optim.SGD(p, lr=0.01),
        "momentum": lambda p: optim.SGD(p, lr=0.004, momentum=0.8),
        "Adam": lambda p: optim.Adam(p, lr=0.3),
    }
    return ag.draw.surface(f, -0.5, -1.0, optimizer=makers, span=((-5, 5), (-5, 5)))


def descent() -> Frames:
    """The loss of the talk's net in two of its weights, and gradient descent on it, step by step."""
    return ag.draw.surface(loss(), wrt=[(W, (0, 0)), (V, (0, 0))], lr=3.0, steps=30).frames(8)


def operations() -> Drawing:
    """Every operation of a scalar expression. What is used twice gets a gradient from each use."""
    a = ag.tensor(-4.0, requires_grad=True, name="a")
    b = ag.tensor(2.0, requires_grad=True, name="b")
    c = a + b
    d = a * b + b**3
    e = c - d
    f = e**2
    return ag.draw(f / 2.0 + 10.0 / f, view="operations")


def diamond() -> Drawing:
    """Two paths from a to L."""
    a = ag.tensor(2.0, requires_grad=True, name="a")
    b = a * a
    c = np.sin(a)
    return ag.draw(b * c, direction="TB")


def function() -> Drawing:
    """A function that has not run: draw runs it once. A large matrix is shown by its range and a heat map."""

    def f(X, W, b):
        H = ag.relu(X @ W + b)
        return np.mean(H**2)

    return ag.draw(f, rng.normal(size=(32, 20)), rng.normal(size=(20, 16)), np.zeros(16))


def second_order() -> Drawing:
    """The gradient's own graph."""
    return ag.draw(ag.grad(lambda x: np.sin(x) * x**2), 1.0)


def program() -> Drawing:
    """A traced program, with the names that it prints."""

    def softmax(z):
        e = np.exp(z - np.max(z))
        return e / np.sum(e)

    return ag.draw(trace(softmax)(np.array([1.0, 2.0, 3.0])), direction="TB")


def mlp() -> Drawing:
    """A module, layer by layer, from its input to a loss."""
    model = nn.Sequential(nn.Linear(64, 50), nn.ReLU(), nn.Linear(50, 10))
    images, labels = rng.normal(size=(16, 64)), rng.normal(size=(16, 10))
    return ag.draw(model, images, labels, loss=nn.MSELoss(), by="module")


def wide() -> Drawing:
    """Its neurons, with most of them omitted."""
    model = nn.Sequential(nn.Linear(64, 50), nn.Sigmoid(), nn.Linear(50, 10))
    return ag.draw(model, rng.normal(size=(16, 64)), view="neurons", most=7)


def conv() -> Drawing:
    """A convolutional net by module."""
    model = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(72, 10)
    )
    return ag.draw(model, rng.normal(size=(2, 1, 12, 12)), by="module")


class Cell(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inside, self.before = nn.Linear(3, 8), nn.Linear(8, 8)

    def forward(self, x, h):
        return np.tanh(self.inside(x) + self.before(h))


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.cell, self.out = Cell(), nn.Linear(8, 1)

    def forward(self, x):
        h = np.zeros((x.shape[0], 8))
        for t in range(x.shape[1]):
            h = self.cell(x[:, t], h)
        return self.out(h)


def recurrent() -> Drawing:
    """A recurrent net over twenty steps: its cell is drawn once."""
    return ag.draw(Recurrent(), rng.normal(size=(4, 20, 3)), by="module", depth=1)


def transformer() -> Drawing:
    """A transformer block by module."""
    block = nn.TransformerEncoderLayer(16, 2, dim_feedforward=32, dropout=0.0)
    return ag.draw(block, rng.normal(size=(5, 2, 16)), by="module", depth=1)


def deep() -> Drawing:
    """Six transformer blocks, one after another."""
    layer = nn.TransformerEncoderLayer(16, 2, dim_feedforward=32, dropout=0.0)
    return ag.draw(nn.TransformerEncoder(layer, 6), rng.normal(size=(5, 2, 16)), by="module", depth=1)


def compared() -> Drawing:
    """Two drawings compared: the first sigmoid became a tanh."""

    def net(f):
        A = x @ V
        B = f(A)
        C = B @ W
        P = ag.sigmoid(C)
        return 0.5 * (y - P) ** 2

    names = {"x": x, "y": y}
    before, after = (ag.draw(net(f), names=names) for f in (ag.sigmoid, np.tanh))
    return before.diff(after)


def long() -> Drawing:
    """A graph too large to draw says so."""
    t = ag.tensor(1.0, requires_grad=True, name="t")
    for _ in range(3000):
        t = np.sin(t)
    return ag.draw(t, limit=5)


def dark() -> Drawing:
    """The dark theme."""
    return ag.draw(loss(), names={"x": x, "y": y}, theme="dark")


def printed() -> Drawing:
    """For print: only greys, only the forward pass."""
    return ag.draw(loss(), names={"x": x, "y": y}, theme="print", forward_only=True)


PICTURES: tuple[Callable[[], Picture], ...] = (
    talk, steps, neurons, learning, surface, descent, operations, diamond, function, second_order, program, mlp, wide,
    conv, recurrent, transformer, deep, compared, long, dark, printed,
)  # fmt: skip


OPENING = """\
# Gallery

Each picture with the function that drew it. `docs/gallery.py` makes them when this documentation is built. Its first
lines make the talk's net:

"""
PLAYER = """
{download}`The page to step through it <gallery/talk.html>` is one file that needs no network. Its numbers can be
changed, and it trains on the truth table: see [A page that computes](live.md).
"""


def page(made: bool) -> str:
    """The gallery in Markdown; without a renderer, only the code."""
    parts = [OPENING, _fenced(_source(loss))]
    if made:
        parts.append(PLAYER)
    for f in PICTURES:
        words = inspect.getdoc(f) or ""
        parts.append(f"\n## {f.__name__.replace('_', ' ').capitalize()}\n\n{words}\n\n")
        if made:
            parts.append(f"![{words}](gallery/{f.__name__}.svg)\n\n")
        parts.append(_fenced(_source(f)))
    return "".join(parts)


def _fenced(code: str) -> str:
    return f"```{{code-block}} python\n{code}```\n"


def _source(f: Callable[..., object]) -> str:
    """The body of a function, without its docstring."""
    lines = textwrap.dedent(inspect.getsource(f)).splitlines(keepends=True)
    body = textwrap.dedent("".join(lines[1:]))
    return body.split('"""\n', 1)[-1].lstrip("\n") if body.startswith('"""') else body


def make() -> None:
    """Draw everything into `gallery/`, and write the page."""
    made = available()
    if made:
        FOLDER.mkdir(exist_ok=True)
        for f in PICTURES:
            f().save(FOLDER / f"{f.__name__}.svg")
        shown = ag.frames(loss(), wrt=[W, V], names={"x": x, "y": y}, forward=True)
        shown.save(FOLDER / "talk.html", live=True, examples=truth_table(), rate=1.0)
    (HERE / "gallery.md").write_text(page(made), encoding="utf-8")


if __name__ == "__main__":
    make()
