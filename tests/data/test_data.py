"""The data sets of the package: their contents, and that a caller cannot change them for the next."""

import hashlib
from importlib.resources import files

import numpy as np
import pytest

from autograd_lite.data import digits, truth_table, xor

# The talk's table, row by row: x1, x2, x3 and y.
TALK = [
    (1, 0, 0, 1),
    (0, 1, 0, 0),
    (1, 1, 0, 1),
    (0, 0, 0, 0),
    (1, 0, 1, 0),
    (0, 0, 1, 0),
    (1, 1, 1, 1),
    (0, 1, 1, 1),
]


def test_truth_table_is_the_talks():
    X, y = truth_table()
    assert (X.shape, y.shape) == ((8, 3), (8, 1))
    assert X.dtype == y.dtype == np.float64
    assert np.hstack([X, y]).tolist() == [list(row) for row in TALK]


def test_xor_has_each_pair_of_bits_once():
    X, y = xor()
    assert (X.shape, y.shape) == ((4, 2), (4, 1))
    assert {tuple(row) for row in X} == {(0, 0), (0, 1), (1, 0), (1, 1)}
    assert y[:, 0].tolist() == (X.sum(axis=1) == 1).tolist()


def stored():
    with files("autograd_lite.data").joinpath("digits.npz").open("rb") as file, np.load(file) as archive:
        return archive["images"], archive["labels"]


def test_the_stored_digits_are_the_ones_that_were_stored():
    images, labels = stored()
    assert images.dtype == labels.dtype == np.uint8
    assert images.shape == (1797, 64)
    assert images.max() == 16
    assert (
        hashlib.sha256(images.tobytes() + labels.tobytes()).hexdigest()
        == "87ff0c9e40dc7e2c0e34e7257799c2e3f3aec1a016363bb11cad869ec428a826"
    )


def test_the_stored_digits_are_scikit_learns():
    datasets = pytest.importorskip("sklearn.datasets", reason="compares with scikit-learn, where installed")
    source = datasets.load_digits()
    images, labels = stored()
    assert np.array_equal(images, source.data)
    assert np.array_equal(labels, source.target)


def test_the_digits_file_is_small_and_carries_its_notice():
    folder = files("autograd_lite.data")
    assert len(folder.joinpath("digits.npz").read_bytes()) < 50_000
    notice = folder.joinpath("digits-notice.txt").read_text(encoding="utf-8")
    for words in ("CC BY 4.0", "E. Alpaydin and C. Kaynak", "BSD 3-Clause", "The scikit-learn developers"):
        assert words in notice


def test_every_fifth_image_of_each_digit_is_held_back():
    images, labels = stored()
    split = digits()
    for digit in range(10):
        of_digit = images[labels == digit] / 16
        in_test = np.arange(len(of_digit)) % 5 == 4
        assert np.array_equal(split.X_test[split.y_test == digit], of_digit[in_test])
        assert np.array_equal(split.X_train[split.y_train == digit], of_digit[~in_test])


def test_digits_are_scaled_and_typed():
    split = digits()
    assert [a.shape for a in split] == [(1442, 64), (355, 64), (1442,), (355,)]
    assert [a.dtype for a in split] == [np.float64, np.float64, np.int64, np.int64]
    for X in (split.X_train, split.X_test):
        assert (X.min(), X.max()) == (0.0, 1.0)
    assert np.bincount(split.y_test).min() >= 34


@pytest.mark.parametrize("load", [truth_table, xor, digits])
def test_each_call_gives_fresh_arrays(load):
    first = load()
    before = [a.copy() for a in first]
    for a in first:
        a += 1
    for again, a in zip(load(), before, strict=True):
        assert np.array_equal(again, a)
