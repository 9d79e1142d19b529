"""Programs as a learner writes them, as text: each can be run as a script and as a function of its numbers.

`params` are learned, `data` is given, and `body` computes ``L`` from them.
"""

from __future__ import annotations

import linecache
import re
from typing import Any, NamedTuple

import numpy as np

IMPORTS = """import numpy as np
from numpy import inf, nan
import autograd_lite as ag
from autograd_lite.nn import functional as F
"""


class Learner(NamedTuple):
    params: dict[str, Any]
    data: dict[str, Any]
    body: str

    @property
    def numbers(self) -> dict[str, Any]:
        return {**self.params, **self.data}

    def script(self, edits: Any = ()) -> dict[str, Any]:
        """The variables of the script, with other numbers for some of them."""
        numbers, body = {**self.numbers, **dict(edits)}, self.body
        made = {k: f"ag.tensor({_literal(np.asarray(numbers[k]))}, requires_grad=True)" for k in self.params}
        made |= {k: _literal(numbers[k]) for k in self.data}
        lines = [f"{k} = {x}" for k, x in made.items()]
        return _run("\n".join([*lines, _edited(body, {k: x for k, x in numbers.items() if k not in self.numbers})]))

    def function(self, edits: Any = ()) -> Any:
        """The function of all numbers."""
        body = _edited(self.body, {k: x for k, x in dict(edits).items() if k not in self.numbers})
        lines = [f"    {line}" for line in body.strip().splitlines()]
        return _run("\n".join([f"def f({', '.join(self.numbers)}):", *lines, "    return L"]))["f"]


def _literal(x: Any) -> str:
    if not isinstance(x, np.ndarray):
        return repr(x)
    return f"np.array({x.tolist()!r}, dtype={x.dtype.name!r})"


def _edited(body: str, values: dict[str, Any]) -> str:
    """The program with further values for variables that it assigns."""
    for word, x in values.items():
        *_, last = re.finditer(rf"^ *{word} = .*$", body, re.MULTILINE)
        body = f"{body[: last.end()]}\n{word} = {_literal(x)}{body[last.end() :]}"
    return body


def _run(text: str) -> dict[str, Any]:
    """The variables of a program whose source can be read, as in a notebook."""
    text = f"{IMPORTS}{text}"
    file = f"<program {len(linecache.cache)}>"
    linecache.cache[file] = len(text), None, text.splitlines(keepends=True), file
    space: dict[str, Any] = {}
    exec(compile(text, file, "exec"), space)
    return space


def numbers(seed: int, *shape: int) -> Any:
    return np.random.default_rng(seed).normal(size=shape).round(1)


PROGRAMS = {
    "leaky": Learner(
        {"w": numbers(1, 3, 3)}, {"x": numbers(2, 4, 3), "slope": 0.1},
        """
z = x @ w
a = np.where(z > 0, z, slope * z)
L = np.sum(a**2)
"""),
    "attention": Learner(
        {"Wq": numbers(1, 3, 2), "Wk": numbers(2, 3, 2)}, {"X": numbers(4, 4, 3)},
        """
mask = np.where(np.tril(np.ones((4, 4))) > 0, 0, -np.inf)
S = (X @ Wq) @ (X @ Wk).T / np.sqrt(2) + mask
P = ag.softmax(S, axis=1)
L = np.mean((P @ X) ** 2)
"""),
    "ppo": Learner(
        {"theta": numbers(1, 3)},
        {"a": np.array([0, 2, 1, 2]), "adv": np.array([1.0, -0.5, 0.3, 2.0]), "old": numbers(2, 4), "eps": 0.2},
        """
logp = theta - ag.special.logsumexp(theta)
ratio = np.exp(logp[a] - old)
L = -np.mean(np.minimum(ratio * adv, np.clip(ratio, 1 - eps, 1 + eps) * adv))
"""),
    "huber": Learner(
        {"w": numbers(1, 2), "b": np.array(0.1)}, {"X": numbers(2, 5, 2), "y": numbers(3, 5)},
        """
res = y - (X @ w + b)
small = np.abs(res) <= 1.0
L = np.sum(np.where(small, 0.5 * res**2, np.abs(res) - 0.5))
"""),
    "process": Learner(
        {"l": np.array(1.1), "sigma": np.array(0.4)}, {"x": np.array([0.0, 0.5, 1.0]), "y": np.array([0.1, 0.6, 0.8])},
        """
D = (x[:, None] - x[None, :]) ** 2
K = np.exp(-D / (2 * l**2)) + sigma**2 * np.eye(3)
C = np.linalg.cholesky(K)
u = np.linalg.solve(C, y)
L = 0.5 * np.sum(u**2) + np.sum(np.log(np.diag(C)))
"""),
    "ode": Learner(
        {"k": np.array(1.5)}, {"q0": np.array(1.0), "v0": np.array(0.1), "obs": numbers(1, 3)},
        """
q, v = q0, v0
L = 0.0
for i in range(3):
    a = -k * q
    q = q + 0.1 * v
    v = v + 0.1 * a
    L = L + (q - obs[i]) ** 2
"""),
    "baseline": Learner(
        {"theta": numbers(1, 3)}, {"actions": np.array([0, 2, 1, 2]), "R": np.array([1.0, 0, 2, 1])},
        """
b = np.mean(R)
logpi = ag.special.log_softmax(theta)
L = -np.mean((R - b) * logpi[actions])
"""),
    "graph": Learner(
        {"W1": numbers(1, 3, 4), "W2": numbers(2, 4, 2)},
        {"A": np.array([[0.0, 1, 1], [1, 0, 1], [1, 1, 0]]), "X": numbers(3, 3, 3), "nodes": np.array([0, 2]),
         "y": np.array([0, 1])},
        """
Ah = A + np.eye(3)
d = Ah.sum(axis=1)
N = Ah / np.sqrt(d[:, None] * d[None, :])
H = np.maximum(0, N @ X @ W1)
P = ag.softmax(N @ H @ W2, axis=1)
L = -np.mean(np.log(P[nodes, y]))
"""),
    "margins": Learner(
        {"W": numbers(1, 3, 4)}, {"X": numbers(2, 5, 3), "y": np.array([0, 3, 1, 2, 0]), "delta": 1.0},
        """
S = X @ W
correct = S[np.arange(5), y]
M = np.maximum(0, S - correct[:, None] + delta)
L = (np.sum(M) - 5 * delta) / 5
"""),
    "springs": Learner(
        {"P": numbers(1, 3, 2)}, {"edges": np.array([[0, 1], [1, 2], [2, 0]]), "rest": np.ones(3)},
        """
d = P[edges[:, 0]] - P[edges[:, 1]]
L = np.sum((np.linalg.norm(d, axis=1) - rest) ** 2)
"""),
    "gelu": Learner(
        {"W": numbers(1, 3, 3), "g": np.ones(3)}, {"x": numbers(2, 2, 3)},
        """
u = g * (x - np.mean(x, axis=1, keepdims=True)) / np.std(x, axis=1, keepdims=True)
L = np.sum(F.gelu(u @ W) ** 2)
"""),
    "order": Learner(
        {"s": numbers(1, 5)}, {"w": np.array([5.0, 4, 3, 2, 1])},
        """
o = np.sort(s)
L = np.sum(o * w) + np.max(s) ** 2 + np.log(np.prod(s**2))
"""),
    "logs": Learner(
        {"x": np.array([0.5, 0.0, 2.0, -1.0, 3.0])}, {"w": numbers(1, 5)},
        """
y = np.where(x > 0, np.log(np.where(x > 0, x, 1)), 0)
L = np.sum(w * y) + np.sum(np.where(x > 0, x * np.sqrt(np.abs(x)), 0))
"""),
    "gaussian": Learner(
        {"S": np.array([[2.0, 0.3], [0.3, 1.0]]), "mu": numbers(1, 2)}, {"X": numbers(2, 4, 2)},
        """
D = X - mu
L = 0.5 * np.sum((D @ np.linalg.inv(S)) * D) + 2 * np.log(np.linalg.det(S)) + np.linalg.slogdet(S)[1]
"""),
    "frame": Learner(
        {"W": numbers(1, 3, 2)}, {"X": numbers(2, 5, 3)},
        """
Q, R = np.linalg.qr(W)
L = np.linalg.norm(X - X @ Q @ Q.T) ** 2 + np.cumprod(R[0])[1]
"""),
    "poisson": Learner(
        {"w": numbers(1, 2)}, {"X": numbers(2, 3, 2), "y": np.array([0.0, 2, 1])},
        """
mu = np.exp(X @ w)
L = -np.sum(ag.stats.poisson.logpmf(y, mu)) + np.sum(np.einsum("i,i,i->i", w, w, w))
"""),
    "truss": Learner(
        {"EA": np.array([2.0, 1.5, 1.0])},
        {"B": np.array([[1.0, 0], [0, 1.0], [0.7, 0.7]]), "h": np.array([1, 1, 1.4]), "f": np.array([0.3, -1])},
        """
K = B.T @ np.diag(EA / h) @ B
L = f @ np.linalg.solve(K, f * np.ones_like(f))
"""),
    "counts": Learner(
        {"w": np.array([0.3, -0.2])}, {"X": np.array([[3.0, 1, 2], [4, 7, 5]])},
        """
pairs = [(i, j) for i in range(2) for j in range(3)]
L = sum([(w[i] - np.log(X[i, j])) ** 2 for i, j in pairs])
"""),
}  # fmt: skip
