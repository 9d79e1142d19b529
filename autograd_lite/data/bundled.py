"""Small data sets in the package, available offline.

A function returns new arrays at each call, so an in-place change affects no other caller. Inputs are float64 with one
example in a row. The two truth tables have targets 0.0 and 1.0 in a column; `digits` is divided into a training and a
test set, a `Split`.
"""

from importlib.resources import files
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Split(NamedTuple):
    """A training and a test set, in the order of scikit-learn's `train_test_split`.

    The fields are `X_train` and `X_test`, one example in a row, and `y_train` and `y_test`, one whole number for each.

    >>> from autograd_lite.data import digits
    >>> split = digits()
    >>> split.X_train.shape, split.y_test.shape
    ((1442, 64), (355,))
    """

    X_train: Floats
    X_test: Floats
    y_train: NDArray[np.int64]
    y_test: NDArray[np.int64]


def truth_table() -> tuple[Floats, Floats]:
    """The talk's eight examples: all values of three bits, and one bit to predict.

    The target is x1 if x3 is 0, and x2 if x3 is 1. No plane separates the ones from the zeros.

    Returns
    -------
    X : array of shape (8, 3)
    y : array of shape (8, 1)

    Examples
    --------
    >>> X, y = truth_table()
    >>> X[0], y[0]
    (array([1., 0., 0.]), array([1.]))
    >>> bool(np.all(y[:, 0] == np.where(X[:, 2] == 0, X[:, 0], X[:, 1])))
    True
    """
    return _table("100 1", "010 0", "110 1", "000 0", "101 0", "001 0", "111 1", "011 1")


def xor() -> tuple[Floats, Floats]:
    """The exclusive or of two bits, the smallest data set that no straight line separates.

    Returns
    -------
    X : array of shape (4, 2)
    y : array of shape (4, 1)

    Examples
    --------
    >>> X, y = xor()
    >>> bool(np.all(y[:, 0] == (X[:, 0] != X[:, 1])))
    True
    """
    return _table("00 0", "01 1", "10 1", "11 0")


def digits() -> Split:
    """The 1,797 handwritten digits of 8 x 8 pixels from scikit-learn, with a fixed split.

    Inputs are the 64 pixels of an image, row by row, from 0.0 (paper) to 1.0 (ink); labels are the digits 0 to 9.

    The test set is every fifth image of each digit, in the file's order: 355 images; the other 1,442 are for training.
    The split needs no random generator. The same thirteen people wrote both parts, so the accuracy is that for known
    handwriting; with the end of the file as the test set, which other people wrote, the same net scores several points
    less. Origin and licence: `digits-notice.txt` beside the file.

    Returns
    -------
    Split
        `X_train` (1442, 64), `X_test` (355, 64), `y_train` (1442,), `y_test` (355,).

    Examples
    --------
    >>> split = digits()
    >>> split.X_train.shape, split.X_test.shape
    ((1442, 64), (355, 64))
    >>> print(split.X_train[0, :8] * 16)
    [ 0.  0.  5. 13.  9.  1.  0.  0.]
    """
    with files(__package__).joinpath("digits.npz").open("rb") as file, np.load(file) as archive:
        X, y = archive["images"] / 16.0, archive["labels"].astype(np.int64)
    held_back = np.zeros(len(y), dtype=bool)
    for digit in range(10):
        held_back[np.flatnonzero(y == digit)[4::5]] = True
    return split(X, y, held_back)


def split(X: Floats, y: NDArray[np.int64], held_back: NDArray[np.bool]) -> Split:
    """The rows that are held back are the test set."""
    return Split(X[~held_back], X[held_back], y[~held_back], y[held_back])


def _table(*rows: str) -> tuple[Floats, Floats]:
    """Rows such as "010 0", inputs and target, as two arrays."""
    inputs, answers = zip(*(row.split() for row in rows), strict=True)
    X, y = (np.array([list(bits) for bits in column], dtype=float) for column in (inputs, answers))
    return X, y
