"""The same net with its forward pass alone: the engine does the rest.

Every name means what it means in `by_hand`, but no derivative is written down here. Gradients of the loss
come from pulling it back to V and W; the partials of single steps come from pulling back through that
step alone, and where the talk keeps a short form, from the step's whole Jacobian, which is then checked
to be what the short form says.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

import autograd_lite as ag

Floats = NDArray[np.float64]


def forward(x: Any, y: Any, V: ag.Tensor, W: ag.Tensor) -> tuple[ag.Tensor, ...]:
    """The five steps A, B, C, P and L of one example.

    `x` and `y` are arrays; Any, as NumPy's own types do not know that an array times a Tensor is a Tensor.
    """
    A = x @ V
    B = ag.sigmoid(A)
    C = B @ W
    P = ag.sigmoid(C)
    L = 0.5 * (y - P) ** 2
    return A, B, C, P, L


def quantities(x: Floats, y: Floats, V: ag.Tensor, W: ag.Tensor) -> dict[str, Floats]:
    """Everything that `by_hand.quantities` returns, from the engine, for a net with one output."""
    A, B, C, P, L = forward(x, y, V, W)
    (dLdP,) = pull_back(L, P)
    (dPdC,) = pull_back(P, C)
    dCdW, dCdB = pull_back(C, W, B)
    dLdW, dLdV = pull_back(L, W, V)
    dBdA = diagonal(ag.jacobian(ag.sigmoid)(A.numpy()))
    dAdV = repeated_column(ag.jacobian(lambda V: x @ V)(V.numpy()))
    return {
        "A": A.numpy(), "B": B.numpy(), "C": C.numpy(), "P": P.numpy(), "L": L.numpy(),
        "dLdP": dLdP, "dPdC": dPdC, "dCdW": dCdW, "dLdW": dLdW,
        "dCdB": dCdB, "dBdA": dBdA, "dAdV": dAdV, "dLdV": dLdV,
    }


def pull_back(y: ag.Tensor, *xs: ag.Tensor) -> list[Floats]:
    """The gradients of a single number by each of `xs`, with every `.grad` left alone."""
    return [g.numpy() for g in ag.autograd.grad(y, xs) if g is not None]


def diagonal(jacobian: Floats) -> Floats:
    """An elementwise step's Jacobian in short form, (1, n, 1, n) to (1, n).

    Raises
    ------
    ValueError
        If something lies off the diagonal, and would be lost.
    """
    square = jacobian[0, :, 0, :]
    if np.any(square != np.diag(np.diag(square))):
        raise ValueError("this step is not elementwise: its Jacobian has entries off the diagonal")
    return np.diag(square)[np.newaxis]


def repeated_column(jacobian: Floats) -> Floats:
    """A matrix product's Jacobian in its right factor, in short form: (1, n, m, n) to (m, 1).

    Raises
    ------
    ValueError
        If more than the short form says is there: output j must depend on column j of the factor alone, and
        every output in the same way.
    """
    column = jacobian[0, 0, :, 0]
    if np.any(jacobian[0] != np.eye(jacobian.shape[1])[:, np.newaxis, :] * column[:, np.newaxis]):
        raise ValueError("this step is not a product: its Jacobian does not repeat one column")
    return column[:, np.newaxis]


def update(V: ag.Tensor, W: ag.Tensor, x: Floats, y: Floats) -> None:
    """One step of learning, in place, at a learning rate of 1; the loss is summed over the outputs."""
    *_, L = forward(x, y, V, W)
    L.backward(np.ones(L.shape))
    with ag.no_grad():
        V -= V.grad
        W -= W.grad
    V.zero_grad()
    W.zero_grad()


def predict(X: Floats, V: ag.Tensor, W: ag.Tensor) -> Floats:
    """The net's output for each row of X, with nothing recorded."""
    with ag.no_grad():
        P: ag.Tensor = ag.sigmoid(ag.sigmoid(X @ V) @ W)
    return P.numpy()
