"""Colourings: valid for any pattern, as few as the theory says for known ones, and drawn."""

from xml.etree import ElementTree

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings, strategies as st

from autograd_lite.sparse import Colouring

PATTERNS = st.builds(
    lambda m, n, share, seed: np.random.default_rng(seed).random((m, n)) < share,
    st.integers(0, 14), st.integers(0, 14), st.floats(0, 1), st.integers(0, 10**6),
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(PATTERNS, st.sampled_from([None, "columns", "rows"]))
def test_entries_are_recovered(pattern, by):
    A = np.where(pattern, np.random.default_rng(1).normal(size=pattern.shape), 0.0)
    c = Colouring(pattern, by)
    B = A if c.by == "columns" else A.T
    sums = np.zeros((c.count, B.shape[0]))
    np.add.at(sums, c.colours, B.T)
    np.testing.assert_array_equal(c.entries(sums), A[pattern])
    assert not c.missing(sums)


@settings(max_examples=150, deadline=None)
@given(PATTERNS, st.booleans())
def test_symmetric_entries_are_recovered(pattern, with_diagonal):
    n = min(pattern.shape)
    pattern = pattern[:n, :n] | pattern[:n, :n].T | with_diagonal & np.eye(n, dtype=bool)
    A = np.random.default_rng(1).normal(size=(n, n))
    A = np.where(pattern, A + A.T, 0.0)
    c = Colouring(pattern, "symmetric")
    sums = np.zeros((c.count, n))
    np.add.at(sums, c.colours, A)
    data = c.entries(sums)
    np.testing.assert_array_equal(data, A[pattern])
    assert not c.missing(sums)


def grid(n):
    line = sp.diags_array([1.0] * 3, offsets=[-1, 0, 1], shape=(n, n))
    one = sp.eye_array(n)
    return sp.csr_array(sp.kron(line, one) + sp.kron(one, line))


def test_known_numbers_of_colours():
    band = sp.diags_array([1.0] * 5, offsets=[-2, -1, 0, 1, 2], shape=(50, 50))
    assert Colouring(band).count == 5  # the entries of a row
    assert Colouring(sp.eye_array(9)).count == Colouring(sp.eye_array(9), "symmetric").count == 1
    tall = np.zeros((30, 4))
    tall[:, 0] = 1
    assert (Colouring(tall).by, Colouring(tall).count) == ("columns", 1)
    assert (Colouring(tall.T).by, Colouring(tall.T).count) == ("rows", 1)
    assert Colouring(grid(12)).count <= 8
    assert Colouring(grid(12), "symmetric").count <= 6
    assert Colouring(np.ones((7, 7)), "symmetric").count == 7
    assert Colouring(np.zeros((3, 0))).count == 0


def test_stored_zeros_belong_to_a_pattern():
    stored = sp.csr_array((np.zeros(2), ([1, 0], [0, 1])), shape=(2, 2))
    assert Colouring(stored).pattern.nnz == 2
    assert stored.nnz == 2
    with pytest.raises(ValueError, match=r"two axes"):
        Colouring(np.ones(3))
    with pytest.raises(ValueError, match=r"by='columns', 'rows' or 'symmetric'"):
        Colouring(np.eye(2), "both")


@pytest.mark.parametrize("pattern", [np.eye(5), np.ones((2, 6)), grid(30), np.zeros((0, 3)), np.zeros((3, 3))])
def test_the_picture(pattern, tmp_path):
    for by in ("columns", "rows"):
        c = Colouring(pattern, by)
        picture = c.draw()
        boxes = ElementTree.fromstring(picture.svg).findall("{*}rect")
        m, n = c.pattern.shape
        if max(m, n) <= 180:
            assert len(boxes) == 1 + c.pattern.nnz + (n if by == "columns" else m)
        assert len({box.get("fill") for box in boxes[1:]}) == min(c.count, len(boxes) - 1) or not c.count
        assert picture.save(tmp_path / "p.svg").read_text() == picture.svg
        assert picture._repr_svg_() == picture.svg
    with pytest.raises(ValueError, match=r"ends in .svg"):
        picture.save("p.png")
