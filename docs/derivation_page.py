"""Print the page `derivation.md`: `python docs/derivation_page.py > docs/derivation.md`.

Its contents are computed here, from the five steps of the talk's net; a test compares them with the page.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

import autograd_lite as ag
from autograd_lite.talk import derived
from autograd_lite.teach import worksheet

sys.path.insert(0, str(Path(__file__).parents[1] / "examples"))

from lessons import LESSONS

PAGE = """\
# The derivation, and `learn`

The talk derives by hand how its loss changes with each weight of a small net, and then writes the function `learn`. The
library prints this page from the five steps of that net (`docs/derivation_page.py`);
`python -m autograd_lite --only derivation learn` prints the same in a terminal.

```python
>>> import numpy as np
>>> import autograd_lite as ag
>>> rng = np.random.default_rng(0)
>>> x, y = np.array([[1.0, 0.0, 0.0]]), np.array([[1.0]])
>>> V = ag.tensor(rng.normal(size=(3, 4)), requires_grad=True, name="V")
>>> W = ag.tensor(rng.normal(size=(4, 1)), requires_grad=True, name="W")
>>> A = x @ V
>>> B = ag.sigmoid(A)
>>> C = B @ W
>>> P = ag.sigmoid(C)
>>> L = 0.5 * (y - P) ** 2
```

## On the board

`ag.explain(L, [W, V], names={{"x": x, "y": y}})` in a notebook, or its `.markdown()` or `.latex()`:

{mathematics}
Each gradient follows the last of its factors. A factor that is a matrix is on the side from which it multiplies;
$\\odot$ is the elementwise product.

## In a terminal

`print(ag.explain(L, [W, V], names={{"x": x, "y": y}}))` prints

```text
{text}```

It includes a check: the finite difference of the loss along one direction beside the slope from the formula. At a kink
it says that a finite difference tells nothing; where the two disagree, or numbers are infinite, it begins with `not
confirmed` and says why.

## Factors, gradients and known steps

A step that multiplies the gradient by a *factor*, entry by entry or by a matrix from the left or the right, has a line
for that factor. If some step does not, or there are more than eight factors, each line is instead the *gradient* with
respect to one quantity, and refers to the upstream gradient by name. Here is a softmax with its cross-entropy:

```python
>>> S = ag.tensor(rng.normal(size=(2, 3)), requires_grad=True, name="S")
>>> Y, n = np.array([[1.0, 0, 0], [0, 0, 1.0]]), 2
>>> Q = ag.softmax(S, axis=1)
>>> loss = -np.sum(Y * np.log(Q)) / n
>>> print(loss.explain(S, {{"Y": Y, "n": n}}))
{softmax}
```

The closed form is added where it is short. Constants keep the names and the form that they have in your code
($n$, $\\lambda$, $1 - t$, $x_0$); what is computed twice is written once.

Functions of `nn.functional` such as `cross_entropy`, `conv2d`, `batch_norm` or `scaled_dot_product_attention` are
*known steps*: the derivation uses the textbook form. `depth=1` expands those that you call yourself, and derives their
gradients from their definitions; with `depth=0` each module that you call is one step.
[Known steps](design/known-steps.md) says where their formulas are, and how to add some for a function of your own.

## The lessons

Each of the lessons (`examples/lessons/`) follows a textbook; a test compares the derivation with its lines, and
the numbers with the engine's (`tests/derive/test_lessons.py`):

{lessons}

## The partials as objects

```python
>>> found = ag.partials(L, V, names={{"x": x, "y": y}})
>>> print(found)
{paths}
>>> found["dC/dB"].combine, found["dC/dB"].value.shape
('right', (1, 4))
>>> found["dB/dA"].jacobian().shape
(1, 4, 1, 4)
>>> L.backward()
>>> bool(np.abs(found.value - V.grad.numpy()).max() < 1e-12)
True
```

## As a program

`ag.source` writes the same as a function that needs only NumPy:

```python
>>> def learn(x, y, V, W):
...     A = x @ V
...     B = ag.sigmoid(A)
...     C = B @ W
...     P = ag.sigmoid(C)
...     L = 0.5 * (y - P) ** 2
...     return L
>>> made = ag.source(learn, x, y, V.data, W.data, wrt=["W", "V"], update="lr")
```

and `print(made)` prints

```py
{source}```

The source is also the function: `made(x, y, V, W, lr)`. Shapes are those of the example. A branch that only assigns
variables becomes a choice by `np.where`; of any other the source takes the side that the example took. An argument that
decides it may have no other value; one with a gradient may, and the source raises where it would decide otherwise, or
says in a comment on what it depends if that takes more than a line. A mask may choose other entries and another number
of them: sizes that values decide are lengths, `len(i)`. The source is compared with the function at other arguments;
where it would give another value, it raises for all but those of the example. The library's own random numbers
(dropout) are drawn again at each call; those of a NumPy generator inside the function become constants, since a trace
cannot see them.

## As a worksheet

```python
>>> from autograd_lite.teach import worksheet
>>> sheet = worksheet(L, wrt=[W, V], names={{"x": x, "y": y}})
```

and `print(sheet)` prints

```text
{sheet}```

which a student fills in and the library marks:

```python
>>> print(sheet.check({{
...     "dLdP": "y - P",
...     "dPdC": "P * (1 - P)",
...     "dCdW": "B",
...     "dLdW": "B.T @ (dLdP * dPdC)",
...     "dCdB": "W.T",
...     "dBdA": "sigmoid(B) * (1 - sigmoid(B))",
...     "dAdV": "2 * x.T",
...     "dLdV": "x.T @ (dLdP * dPdC @ dCdB)",
... }}))
{marks}
```

An answer may be an array, a formula as here, the text of assignments, or a function; `sheet.key()` has the answers.
A formula may also be typed as the board has it, with a product that is not written: `dL/dP = -(y - P)`, `P(1 - P)`,
`σ(A)(1 - σ(A))`, `Bᵀ @ (dL/dP · dP/dC)`. It is compared by value, so any equivalent form is right. Text is
interpreted, never executed: it may use the names of the sheet, numbers, operators, indexing and listed functions such
as `exp` and `np.sum`, and an answer that would take too much time or memory is marked wrong. So it is safe to mark
anyone's answers.
"""

ANSWERS = {
    "dLdP": "y - P",
    "dPdC": "P * (1 - P)",
    "dCdW": "B",
    "dLdW": "B.T @ (dLdP * dPdC)",
    "dCdB": "W.T",
    "dBdA": "sigmoid(B) * (1 - sigmoid(B))",
    "dAdV": "2 * x.T",
    "dLdV": "x.T @ (dLdP * dPdC @ dCdB)",
}


def softmax(rng: np.random.Generator) -> str:
    """A derivation with gradient lines, as a doctest expects it."""
    S = ag.tensor(rng.normal(size=(2, 3)), requires_grad=True, name="S")
    Y, n = np.array([[1.0, 0, 0], [0, 0, 1.0]]), 2
    Q = ag.softmax(S, axis=1)
    loss = -np.sum(Y * np.log(Q)) / n
    return str(loss.explain(S, {"Y": Y, "n": n})).replace("\n\n", "\n<BLANKLINE>\n") + "<BLANKLINE>"


def page() -> str:
    """The page."""
    derivation = derived.derivation(0)
    net = {derivation.chain.names[n] for n in derivation.chain.landmarks}
    rng = np.random.default_rng(0)
    x, y = np.array([[1.0, 0.0, 0.0]]), np.array([[1.0]])
    V = ag.tensor(rng.normal(size=(3, 4)), requires_grad=True, name="V")
    W = ag.tensor(rng.normal(size=(4, 1)), requires_grad=True, name="W")
    A = x @ V
    B = ag.sigmoid(A)
    C = B @ W
    P = ag.sigmoid(C)
    L = 0.5 * (y - P) ** 2
    names = {"x": x, "y": y}
    assert net == {"A", "B", "C", "P", "L", "V", "W"}
    sheet = worksheet(L, wrt=[W, V], names=names)
    return PAGE.format(
        mathematics=derivation.markdown(),
        text=ag.explain(L, [W, V], names=names),
        paths=ag.partials(L, V, names=names),
        source=derived.learn_source(),
        sheet=sheet,
        softmax=softmax(rng),
        lessons="\n".join(f"- {one.title}: {one.textbook}" for one in (make() for make in LESSONS)),
        marks=sheet.check(ANSWERS),
    )


if __name__ == "__main__":
    print(page(), end="")
