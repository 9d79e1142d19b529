"""The lessons, each as a learner writes it, with the names of its textbook: `python examples/lessons.py`.

Each file in `examples/lessons/` is a program that runs as it stands. It becomes a `Lesson`, whose `result` can be
explained, drawn, shown in frames or turned into a worksheet. Arguments choose some: `python examples/lessons.py gru`.
"""

from __future__ import annotations

import ast
import linecache
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import autograd_lite as ag

FOLDER = Path(__file__).parent / "lessons"
#: In the order of a course: regression, nets, layers, sequences, then models from the rest of machine learning.
NAMES = [
    "linear_regression", "logistic_regression", "softmax_regression", "softmax_labels", "tanh_net", "talk_net",
    "batch_norm", "batch_norm_layer", "conv_layer", "rnn", "attention", "layer_norm", "gru", "vae", "infonce",
    "triplet", "word2vec", "reinforce", "graph_convolution", "poisson", "huber", "svm", "margins",
    "matrix_factorisation", "bradley_terry", "cox", "kmeans", "gaussian_mixture", "pca", "gaussian_process",
    "total_variation", "spring",
]  # fmt: skip


@dataclass(frozen=True)
class Lesson:
    """A lesson that has been run: its program and what that computed."""

    title: str
    textbook: str
    code: str
    result: ag.Tensor
    wrt: tuple[ag.Tensor, ...]
    names: dict[str, Any]

    def explain(self, **options: Any) -> Any:
        return self.result.explain(self.wrt, self.names, **options)


def lesson(name: str) -> Lesson:
    """Run `examples/lessons/NAME.py`; its parameters are what it makes with ``requires_grad=True``, in that order."""
    path = FOLDER / f"{name}.py"
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    title, _, textbook = (ast.get_docstring(tree) or "").removesuffix(".").partition(". As in ")
    variables: dict[str, Any] = {"__name__": name}
    linecache.checkcache(str(path))
    exec(compile(text, str(path), "exec"), variables)
    public = {n: x for n, x in variables.items() if not n.startswith("_") and not isinstance(x, ModuleType)}
    leaves: dict[int, ag.Tensor] = {}
    for x in public.values():
        for t in x.parameters() if hasattr(x, "parameters") else [x]:
            if isinstance(t, ag.Tensor) and t.requires_grad and t.is_leaf:
                leaves.setdefault(id(t), t)
    names = {n: x for n, x in public.items() if not callable(x) or hasattr(x, "parameters")}
    code = text[text.index("import numpy") :]
    return Lesson(title, textbook, code, public["L"], tuple(leaves.values()), names)


def _maker(name: str) -> Callable[[], Lesson]:
    make: Any = partial(lesson, name)
    make.__name__ = name
    return make


LESSONS: tuple[Callable[[], Lesson], ...] = tuple(map(_maker, NAMES))

if __name__ == "__main__":
    for name in sys.argv[1:] or NAMES:
        shown = lesson(name)
        derivation = shown.explain()
        print(f"{shown.title} ({shown.textbook})\n\n{shown.code}\n{derivation}\n")
        if not derivation.check() < 1e-10:
            raise SystemExit(f"{shown.title}: the derivation is not the engine's gradient")
