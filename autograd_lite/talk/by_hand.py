"""The talk's net with one hidden layer, differentiated by hand.

The engine is compared with this module, so it imports only NumPy. A row of features `x` gives a prediction `P`, and
with the target `y` a loss:

    A = x V     B = σ(A)     C = B W     P = σ(C)     L = ½ (y - P)²

Each step is a function of the previous one, so by the chain rule the two gradients are products of local partial
derivatives, one for each step:

    ∂L/∂W = ∂L/∂P ∂P/∂C ∂C/∂W     and     ∂L/∂V = ∂L/∂P ∂P/∂C ∂C/∂B ∂B/∂A ∂A/∂V

Some partials have a short form. B is an elementwise function of A, so ∂B/∂A is a diagonal matrix, and `dBdA` is its
diagonal. Each column of A depends on one column of V, always in the same way, so ∂A/∂V repeats one column, and `dAdV`
is that column, to be multiplied from the left. The same holds for `dCdW`.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def sigmoid(x: Floats) -> Floats:
    """1 / (1 + exp(-x)), computed with an exponent that is never positive and so cannot overflow.

    >>> sigmoid(np.array([-1000.0, 0.0, 1000.0]))
    array([0. , 0.5, 1. ])
    """
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1.0, e) / (1.0 + e)


def quantities(x: Floats, y: Floats, V: Floats, W: Floats) -> dict[str, Floats]:
    """Every named quantity of the talk for one example: the forward pass, then the derivation.

    Parameters
    ----------
    x, y : arrays of shape (1, inputs) and (1, outputs)
        The example and its target.
    V, W : arrays of shape (inputs, hidden) and (hidden, outputs)
        The weights of the hidden and of the output layer.

    Returns
    -------
    dict
        `A B C P L`, then `dLdP dPdC dCdW dLdW dCdB dBdA dAdV dLdV`. `dLdW` has the shape of W, `dLdV` that of V.

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
    """One training step, in place: subtract from each weight its gradient (a learning rate of 1).

    Both gradients are computed before either weight changes.
    """
    at = quantities(x, y, V, W)
    V -= at["dLdV"]
    W -= at["dLdW"]


def predict(X: Floats, V: Floats, W: Floats) -> Floats:
    """The net's output for each row of X."""
    return sigmoid(sigmoid(X @ V) @ W)
