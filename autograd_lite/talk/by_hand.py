"""The talk's net with one hidden layer, differentiated by hand.

This is what the engine is held against, so it imports NumPy and nothing of ours. A row of features `x`
becomes a prediction `P`, which the right answer `y` turns into a loss:

    A = x V     B = σ(A)     C = B W     P = σ(C)     L = ½ (y - P)²

Each step is a function of the one before, so the chain rule gives the two gradients that learning needs
as products of local partial derivatives, one for each step:

    ∂L/∂W = ∂L/∂P ∂P/∂C ∂C/∂W     and     ∂L/∂V = ∂L/∂P ∂P/∂C ∂C/∂B ∂B/∂A ∂A/∂V

Some partials are kept in short form. B comes from A element by element, so ∂B/∂A is a diagonal matrix,
and `dBdA` is its diagonal. Each column of A uses its own column of V, and in the same way, so ∂A/∂V holds
one column again and again, and `dAdV` is that column: a product with it on the left does the rest. The
same goes for `dCdW`.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def sigmoid(x: Floats) -> Floats:
    """The S-shaped 1 / (1 + exp(-x)), with an exponent that is never positive and so cannot overflow.

    >>> sigmoid(np.array([-1000.0, 0.0, 1000.0]))
    array([0. , 0.5, 1. ])
    """
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1.0, e) / (1.0 + e)


def quantities(x: Floats, y: Floats, V: Floats, W: Floats) -> dict[str, Floats]:
    """Everything that the talk gives a name, for one example: the forward pass, then the derivation.

    Parameters
    ----------
    x, y : arrays of shape (1, inputs) and (1, outputs)
        The example and its right answer.
    V, W : arrays of shape (inputs, hidden) and (hidden, outputs)
        The weights of the hidden and of the output layer.

    Returns
    -------
    dict
        `A B C P L`, then `dLdP dPdC dCdW dLdW dCdB dBdA dAdV dLdV`. `dLdW` has W's shape and `dLdV` has
        V's.

    Examples
    --------
    >>> at = quantities(np.ones((1, 3)), np.ones((1, 1)), np.zeros((3, 4)), np.zeros((4, 1)))
    >>> at["P"], at["L"], at["dLdW"].ravel()
    (array([[0.5]]), array([[0.125]]), array([-0.0625, -0.0625, -0.0625, -0.0625]))
    """
    A = x @ V
    B = sigmoid(A)
    C = B @ W
    P = sigmoid(C)
    L = 0.5 * (y - P) ** 2

    dLdP = -(y - P)
    dPdC = P * (1 - P)
    dCdW = B.T
    dLdW = dCdW @ (dLdP * dPdC)

    dCdB = W.T
    dBdA = B * (1 - B)
    dAdV = x.T
    dLdV = dAdV @ ((dLdP * dPdC) @ dCdB * dBdA)

    return {
        "A": A, "B": B, "C": C, "P": P, "L": L,
        "dLdP": dLdP, "dPdC": dPdC, "dCdW": dCdW, "dLdW": dLdW,
        "dCdB": dCdB, "dBdA": dBdA, "dAdV": dAdV, "dLdV": dLdV,
    }


def update(V: Floats, W: Floats, x: Floats, y: Floats) -> None:
    """One step of learning, in place: each weight moves against its gradient, at a learning rate of 1.

    Both gradients are taken at the old weights, before either moves.
    """
    at = quantities(x, y, V, W)
    V -= at["dLdV"]
    W -= at["dLdW"]


def predict(X: Floats, V: Floats, W: Floats) -> Floats:
    """The net's output for each row of X."""
    return sigmoid(sigmoid(X @ V) @ W)
