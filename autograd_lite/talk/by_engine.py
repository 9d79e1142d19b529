"""The same net with only its forward pass: the engine does the rest.

Names mean the same as in `by_hand`, but no derivative is written here. Gradients of the loss come from its backward
pass to V and W; the partials of a single step come from a backward pass through that step. Where the talk uses a short
form, they come from the step's whole Jacobian, after checking that it has that form.
"""

from typing import Any

import numpy as np

import autograd_lite as ag
from autograd_lite.data import truth_table
from autograd_lite.talk.training import Floats, table_weights


def forward(x: Any, y: Any, V: ag.Tensor, W: ag.Tensor) -> tuple[ag.Tensor, ...]:
    """The five steps A, B, C, P and L of one example.

    `x` and `y` are arrays, typed as Any because for NumPy's types an array times a Tensor is not a Tensor.
    """
    A = x @ V
    B = ag.sigmoid(A)
    C = B @ W
    P = ag.sigmoid(C)
    L = 0.5 * (y - P) ** 2
    return A, B, C, P, L


def tensors(V: Floats, W: Floats) -> tuple[ag.Tensor, ag.Tensor]:
    """The weights as leaves; they are copies, so the arrays do not change."""
    return ag.tensor(V, requires_grad=True, name="V"), ag.tensor(W, requires_grad=True, name="W")


def first_example(seed: int) -> dict[str, Any]:
    """The truth table's first example, random weights, and the five steps, by their names."""
    X, Y = truth_table()
    x, y = X[:1], Y[:1]
    V, W = tensors(*table_weights(seed))
    A, B, C, P, L = forward(x, y, V, W)
    return {"x": x, "y": y, "V": V, "W": W, "A": A, "B": B, "C": C, "P": P, "L": L}


def quantities(x: Floats, y: Floats, V: ag.Tensor, W: ag.Tensor) -> dict[str, Floats]:
    """Everything that `by_hand.quantities` returns, from the engine, for a net with one output."""
    A, B, C, P, L = forward(x, y, V, W)
    (dLdP,) = gradients(L, P)
    (dPdC,) = gradients(P, C)
    dCdW, dCdB = gradients(C, W, B)
    dLdW, dLdV = gradients(L, W, V)
    dBdA = diagonal(ag.jacobian(ag.sigmoid)(A.numpy()))
    dAdV = repeated_column(ag.jacobian(lambda V: x @ V)(V.numpy()))
    return {
        "A": A.numpy(), "B": B.numpy(), "C": C.numpy(), "P": P.numpy(), "L": L.numpy(),
        "dLdP": dLdP, "dPdC": dPdC, "dCdW": dCdW, "dLdW": dLdW,
        "dCdB": dCdB, "dBdA": dBdA, "dAdV": dAdV, "dLdV": dLdV,
    }


def gradients(y: ag.Tensor, *xs: ag.Tensor) -> list[Floats]:
    """The gradients of a single number with respect to each of `xs`, without changing any `.grad`."""
    return [g.numpy() for g in ag.autograd.grad(y, xs) if g is not None]


def diagonal(jacobian: Floats) -> Floats:
    """The short form of the Jacobian of an elementwise step, from (1, n, 1, n) to (1, n).

    Raises
    ------
    ValueError
        If an entry off the diagonal is not 0.
    """
    square = jacobian[0, :, 0, :]
    if np.any(square != np.diag(np.diag(square))):
        raise ValueError("this step is not elementwise: its Jacobian has entries off the diagonal")
    return np.diag(square)[np.newaxis]


def repeated_column(jacobian: Floats) -> Floats:
    """The short form of the Jacobian of a product with respect to its right factor, from (1, n, m, n) to (m, 1).

    Raises
    ------
    ValueError
        If the Jacobian has another form: output j must depend only on column j of the factor, and all outputs in the
        same way.
    """
    column = jacobian[0, 0, :, 0]
    if np.any(jacobian[0] != np.eye(jacobian.shape[1])[:, np.newaxis, :] * column[:, np.newaxis]):
        raise ValueError("this step is not a product: its Jacobian does not repeat one column")
    return column[:, np.newaxis]


def update(V: ag.Tensor, W: ag.Tensor, x: Floats, y: Floats) -> None:
    """One training step, in place, with a learning rate of 1; the loss is summed over the outputs."""
    *_, L = forward(x, y, V, W)
    L.backward(np.ones(L.shape))
    with ag.no_grad():
        V -= V.grad
        W -= W.grad
    V.zero_grad()
    W.zero_grad()


def predict(X: Floats, V: ag.Tensor, W: ag.Tensor) -> Floats:
    """The net's output for each row of X, without recording a graph."""
    with ag.no_grad():
        P: ag.Tensor = ag.sigmoid(ag.sigmoid(X @ V) @ W)
    return P.numpy()
