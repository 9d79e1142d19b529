"""How the time of derivations, pictures and programs grows with the graph: `python -m benchmarks.growth`.

Each line is one task with one kind of graph, at sizes that double; where growth is linear, the time doubles as well.
The tests count calls instead, which do not depend on the machine (`tests/derive/test_growth.py`,
`tests/compiling/test_growth.py`).
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import autograd_lite as ag
from autograd_lite import nn
from autograd_lite.derive import explain, partials, source
from autograd_lite.teach import worksheet


def many(n: int) -> Any:
    """A sum over many inputs."""
    loss: Any = 0.0
    for k in range(n):
        w = ag.tensor(0.1 + 0.001 * k, requires_grad=True, name=f"w{k}")
        loss = loss + w * w
    return loss


def stacked(n: int) -> Any:
    """One step that takes many inputs."""
    ws = [ag.tensor(np.full(2, 0.1 + 0.001 * k), requires_grad=True, name=f"w{k}") for k in range(n)]
    return np.sum(np.stack(ws) ** 2)


def recurrent(n: int) -> Any:
    """One weight that is used many times."""
    rng = np.random.default_rng(0)
    W = ag.tensor(0.5 * np.eye(2), requires_grad=True, name="W")
    h: Any = np.ones((1, 2))
    for _ in range(n):
        h = np.tanh(h @ W + 0.1 * rng.normal(size=(1, 2)))
    return np.sum(h)


def constants(n: int) -> Any:
    """Many arrays that are not Tensors, and each of several numbers: one of equal numbers is written as a number."""
    w: Any = ag.tensor(np.full(8, 0.1), requires_grad=True, name="w")
    loss: Any = 0.0
    for k in range(n):
        loss = loss + np.sum(np.tanh(w * np.linspace(0, 0.1 * k, 8)))
    return loss


def long(n: int, h: Any = None) -> Any:
    """Many steps one after another, each with a name."""
    h = _start() if h is None else h
    for k in range(n):
        h = np.tanh(h * 1.01)
        h.name = f"h{k}"
    return np.sum(h)


def _start() -> Any:
    return ag.tensor(np.full(3, 0.1), requires_grad=True, name="w")


def layers(n: int) -> Any:
    """A module of many layers."""
    return nn.Sequential(*(part for _ in range(n) for part in (nn.Linear(2, 2), nn.Tanh())))


class Weights(nn.Module):
    """A module with many parameters and no layers."""

    def __init__(self, n: int) -> None:
        super().__init__()
        for k in range(n):
            setattr(self, f"p{k}", nn.Parameter(np.ones(2)))

    def forward(self, x: Any) -> Any:
        for p in self.parameters():
            x = x + p
        return x


def of_arguments(*ws: Any) -> Any:
    loss: Any = 0.0
    for w in ws:
        loss = loss + np.sum(np.tanh(w))
    return loss


def repeated(n: int) -> Callable[[Any], Any]:
    def f(w: Any) -> Any:
        for _ in range(n):
            w = np.tanh(w * 1.01)
        return np.sum(w)

    return f


X = np.ones((1, 2))
GRAPHS = (many, stacked, recurrent, constants, long)
OF_A_LOSS: dict[str, Callable[[Any], Any]] = {
    "backward": lambda loss: loss.backward(),
    "explain": lambda loss: str(explain(loss)),
    "latex": lambda loss: explain(loss).latex(),
    "draw": lambda loss: loss.draw(direction="LR").source,
    "operations": lambda loss: loss.draw(view="operations", direction="LR").source,
    "frames": lambda loss: ag.frames(loss, direction="LR").captions,
}
CASES: dict[str, Callable[[int], Any]] = {
    **{
        f"{what} {make.__name__}": lambda n, do=do, make=make: do(make(n))
        for what, do in OF_A_LOSS.items()
        for make in GRAPHS
    },
    "partials long": lambda n: str(partials(long(n, w := _start()), w)),
    "worksheet many": lambda n: _marked(worksheet(many(n))),
    "explain layers": lambda n: str(explain(np.sum(layers(n)(ag.tensor(X, requires_grad=True, name="x"))))),
    "draw layers": lambda n: ag.draw(layers(n), X, direction="LR").source,
    "draw many, all of it": lambda n: many(n).draw(limit=10**6, direction="LR").source,
    "draw long, all of it": lambda n: long(n).draw(limit=10**6, direction="LR").source,
    "draw layers, all of it": lambda n: ag.draw(
        layers(n), X, by="module", limit=10**6, roll=False, direction="LR"
    ).source,
    "draw layers by module": lambda n: ag.draw(layers(n), X, by="module", direction="LR").source,
    "draw weights": lambda n: ag.draw(Weights(n), X[0], direction="LR").source,
    "trace layers": lambda n: str(ag.trace(layers(n))(X)),
    "trace arguments": lambda n: str(ag.trace(of_arguments)(*[np.full(3, 0.1)] * n)),
    "trace long": lambda n: str(ag.trace(repeated(n))(np.full(3, 0.1))),
    "source arguments": lambda n: source(of_arguments, *[np.full(3, 0.1)] * n),
    "source long": lambda n: source(repeated(n), np.full(3, 0.1)),
    "summary layers": lambda n: repr(layers(n).summary(X)),
}


def _marked(sheet: Any) -> Any:
    return sheet.check({q.word: q.value for q in sheet.questions})


def calls(do: Callable[[Any], Any], x: Any) -> int:
    """The number of calls of functions in ``do(x)``, in Python and in C."""
    made = 0

    def count(frame: Any, event: str, arg: Any) -> None:
        nonlocal made
        made += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        do(x)
    finally:
        sys.setprofile(before)
    return made


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.growth", description=__doc__)
    parser.add_argument("--only", action="append", choices=CASES, metavar="NAME", help="only this line (may repeat)")
    parser.add_argument("--sizes", type=int, nargs="+", default=[60, 120, 240, 480], help="of the graphs")
    given = parser.parse_args(argv)
    print(f"{'seconds at size':<24}", *(f"{n:>9}" for n in given.sizes))
    for name in given.only or CASES:
        times = []
        CASES[name](2)  # imports and caches what the first use does
        for n in given.sizes:
            start = time.perf_counter()
            CASES[name](n)
            times.append(time.perf_counter() - start)
        print(f"{name:<24}", *(f"{t:9.3f}" for t in times), flush=True)


if __name__ == "__main__":
    main()
