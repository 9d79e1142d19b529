"""Batches: every row once, in an order that a seed decides; splits that do not overlap."""

from collections import namedtuple

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.data import DataLoader, Dataset, Subset, TensorDataset, moons, random_split, spiral

X, y = np.arange(20.0).reshape(10, 2), np.arange(10)


def rows(loader):
    return [int(i) for _, labels in loader for i in labels]


def test_batches_in_order_keep_rows_together():
    batches = list(DataLoader((X, y), batch_size=4))
    assert [len(b) for _, b in batches] == [4, 4, 2]
    np.testing.assert_array_equal(np.concatenate([a for a, _ in batches]), X)
    assert rows(DataLoader((X, y), batch_size=4)) == list(range(10))


def test_shuffling_has_every_row_once_and_another_order_each_time():
    loader = DataLoader((X, y), batch_size=3, shuffle=True, generator=0)
    first, second = rows(loader), rows(loader)
    assert sorted(first) == sorted(second) == list(range(10))
    assert first != second
    again = DataLoader((X, y), batch_size=3, shuffle=True, generator=0)
    assert [rows(again), rows(again)] == [first, second]
    for a, labels in loader:
        np.testing.assert_array_equal(a[:, 0], labels * 2)


def test_without_a_generator_the_librarys_own_shuffles():
    loader = DataLoader((X, y), shuffle=True)
    ag.manual_seed(7)
    first = rows(loader)
    other = rows(loader)
    ag.manual_seed(7)
    assert rows(loader) == first != other


@pytest.mark.parametrize(
    "make",
    [lambda: np.random.default_rng(3), lambda: 3, lambda: np.int64(3), lambda: np.uint8(3), lambda: np.array(3)[()]],
    ids=["generator", "seed", "int64", "uint8", "scalar"],
)
def test_a_generator_or_its_seed_are_the_same(make):
    def orders(g):
        loader = DataLoader((X, y), shuffle=True, generator=g)
        return [rows(loader) for _ in range(3)]

    assert orders(make()) == orders(np.random.default_rng(3))
    first, second, third = orders(make())
    assert first != second != third != first


@pytest.mark.parametrize("generator", [1.5, "seed", np.array([1, 2]), np.random.RandomState(0)])
def test_what_is_no_generator(generator):
    with pytest.raises(TypeError, match=r"generator=.*: give an ag\.Generator, a numpy\.random\.Generator or a seed"):
        DataLoader((X, y), generator=generator)


@pytest.mark.parametrize("wrap", [lambda data: data, TensorDataset, lambda data: (data, data)])
@pytest.mark.parametrize(
    ("indices", "numbers"),
    [
        ([0, 5], [0, 5]),
        ([], []),
        (np.array([True] + [False] * 8 + [True]), [0, 9]),
        ([False] * 10, []),
        (ag.tensor(np.arange(10.0)) > 7, [8, 9]),
        (range(3), [0, 1, 2]),
        (np.array([-1, 2], np.int8), [9, 2]),
        (np.array([7, 7], np.uint64), [7, 7]),
    ],
)
def test_a_part_by_numbers_or_a_mask(wrap, indices, numbers):
    part = Subset(wrap(np.arange(10.0)), indices)
    assert len(part) == len(numbers)
    assert [float(np.ravel(part[k])[0]) for k in range(len(part))] == [k % 10 for k in numbers]
    loader = DataLoader(part, batch_size=3)
    assert [float(x) for batch in loader for x in np.ravel(batch[0] if isinstance(batch, tuple) else batch)] == numbers


@pytest.mark.parametrize(
    "indices",
    [[True], np.ones((10, 1), bool), np.ones(11, bool), [0.0, 1.0], [0.5], 3, [[0, 1], [2, 3]], ["0"], [None]],
)
def test_what_is_no_part(indices):
    with pytest.raises(ValueError, match=r"Subset: expected a list of row numbers or a mask of shape \(10,\), got "):
        Subset((X, y), indices)


def test_rows_that_are_dicts_or_named_tuples():
    Row = namedtuple("Row", "x more")
    dataset = [Row(np.array([k, -k]), {"label": k, "pair": (float(k), ag.tensor([2.0 * k]))}) for k in range(3)]
    batch, last = DataLoader(dataset, batch_size=2)
    assert type(batch) is Row
    assert list(batch.more) == ["label", "pair"]
    np.testing.assert_array_equal(batch.x, [[0, 0], [1, -1]])
    np.testing.assert_array_equal(batch.more["label"], [0, 1])
    assert [type(part) for part in batch.more["pair"]] == [ag.Tensor, ag.Tensor]
    assert batch.more["pair"][1].tolist() == [[0.0], [2.0]]
    assert last.more["label"].tolist() == [2]
    (mixed,) = DataLoader([{"x": ag.tensor([1.0]), "y": 2}], batch_size=1)
    assert (type(mixed["x"]), type(mixed["y"])) == (ag.Tensor, ag.Tensor)


@pytest.mark.parametrize(
    ("dataset", "message"),
    [
        ([{"x": 1}, {"y": 1}], r"expected rows with the keys \['x'\], got one with \['y'\]"),
        ([np.zeros(3), np.zeros(4)], r"rows of shapes \(3,\), \(4,\) cannot be stacked; pass collate_fn="),
        ([None, None], "rows of the type NoneType cannot be stacked; pass collate_fn="),
        ([{"x": object()}], "rows of the type object cannot be stacked"),
    ],
)
def test_rows_that_cannot_be_stacked(dataset, message):
    with pytest.raises(ValueError, match=f"DataLoader: {message}"):
        next(iter(DataLoader(dataset, batch_size=2)))
    assert next(iter(DataLoader(dataset, batch_size=2, collate_fn=list))) == dataset[:2]


def test_where_a_field_is_a_tensor_all_fields_are():
    class Pictures(ag.utils.data.Dataset):
        def __len__(self):
            return 4

        def __getitem__(self, i):
            return ag.full((2, 2), float(i)), i

    (x, y), _ = DataLoader(Pictures(), batch_size=2, num_workers=2)
    assert (type(x), type(y)) == (ag.Tensor, ag.Tensor)
    assert (x.shape, y.tolist()) == ((2, 2, 2), [0, 1])


def test_drop_last_and_len():
    for n, drop, count in ((3, False, 4), (3, True, 3), (10, True, 1), (11, True, 0), (11, False, 1)):
        loader = DataLoader((X, y), batch_size=n, drop_last=drop)
        assert len(loader) == len(list(loader)) == count


def test_arrays_tensors_and_data_sets_are_taken():
    assert [a.tolist() for (a,) in DataLoader(np.arange(3), batch_size=2)] == [[0, 1], [2]]
    ((a, b),) = DataLoader((ag.tensor(X), y), batch_size=10, num_workers=0, pin_memory=True)
    assert (type(a), type(b)) == (ag.Tensor, np.ndarray)  # as they were given
    np.testing.assert_array_equal(a.data, X)
    (a,) = DataLoader(ag.tensor(X, requires_grad=True), batch_size=3).dataset[2]
    assert type(a) is ag.Tensor
    assert not a.requires_grad
    (rows_as_tensors,) = DataLoader([ag.tensor([1.0]), ag.tensor([2.0])], batch_size=2)
    assert type(rows_as_tensors) is ag.Tensor
    assert rows_as_tensors.tolist() == [[1.0], [2.0]]


class Squares(Dataset):
    def __len__(self):
        return 4

    def __getitem__(self, i):
        assert isinstance(i, int)
        return np.array([i, i * i]), i % 2


def test_a_data_set_of_ones_own_is_asked_for_single_rows_which_are_stacked():
    (a, b), (c, d) = DataLoader(Squares(), batch_size=3)
    assert a.tolist() == [[0, 0], [1, 1], [2, 4]]
    assert b.tolist() == [0, 1, 0]
    assert (c.tolist(), d.tolist()) == ([[3, 9]], [1])
    assert list(DataLoader(Squares(), batch_size=4, collate_fn=len)) == [4]
    assert [r.tolist() for r in DataLoader([1.0, 2.0, 3.0], batch_size=2)] == [[1, 2], [3]]
    half, _ = random_split(Squares(), [2, 2], generator=0)
    assert len(next(iter(DataLoader(half, batch_size=2)))[1]) == 2


def test_splits_do_not_overlap_and_cover_all():
    for lengths in ([7, 3], [0.7, 0.3], [0.55, 0.25, 0.2]):
        parts = random_split((X, y), lengths, generator=1)
        assert sum(map(len, parts)) == 10
        assert sorted(int(i) for part in parts for i in part.indices) == list(range(10))
        for part in parts:
            a, labels = part[np.arange(len(part))]
            np.testing.assert_array_equal(a[:, 0], labels * 2)
    assert [len(p) for p in random_split(np.arange(100), [0.29, 0.71], generator=0)] == [29, 71]
    first, again, other = (random_split((X, y), [5, 5], generator=s)[0].indices.tolist() for s in (0, 0, 1))
    assert first == again != other


def test_a_part_is_shuffled_and_batched_like_the_whole():
    part, _ = random_split((X, y), [6, 4], generator=0)
    loader = DataLoader(part, batch_size=4, shuffle=True, generator=0)
    assert sorted(rows(loader)) == sorted(part.indices.tolist())


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: TensorDataset(), "expected at least one array"),
        (lambda: TensorDataset(np.zeros(3), np.zeros(4)), r"\(3,\), \(4,\)"),
        (lambda: TensorDataset(np.zeros(())), "the same number of rows"),
        (lambda: DataLoader(X, batch_size=0), "expected batch_size as a whole number from 1 on, got 0"),
        (lambda: DataLoader(X, batch_size=2.0), "expected batch_size as a whole number from 1 on, got 2.0"),
        (lambda: random_split(X, [5, 4]), "lengths that sum to 10"),
        (lambda: random_split(X, [11, -1]), "lengths that sum to 10"),
        (lambda: random_split(X, [0.5, 0.4]), "sum to 1"),
    ],
)
def test_what_makes_no_sense_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_what_is_no_data_set_is_refused():
    with pytest.raises(TypeError, match=r"expected a data set, .* got int"):
        DataLoader(3)


# -- points in the plane -----------------------------------------------------------------------------------


def test_moons_are_scikit_learns_circles():
    X, y = moons(101, noise=0.0)
    assert (X.shape, y.shape, np.bincount(y).tolist()) == ((101, 2), (101,), [50, 51])
    np.testing.assert_allclose(np.hypot(*X[y == 0].T), 1)
    np.testing.assert_allclose(np.hypot(*(X[y == 1] - [1, 0.5]).T), 1)
    assert X[y == 0][:, 1].min() >= -1e-12
    assert X[y == 1][:, 1].max() <= 0.5 + 1e-12


def test_moons_against_scikit_learn():
    datasets = pytest.importorskip("sklearn.datasets", reason="compares with scikit-learn, where installed")
    for n in (4, 101):
        for got, want in zip(moons(n, noise=0.0), datasets.make_moons(n, shuffle=False), strict=True):
            np.testing.assert_allclose(got, want, atol=1e-15)


@pytest.mark.parametrize("make", [moons, spiral])
def test_a_seed_decides_the_noise(make):
    first, again, other = (make(generator=s)[0] for s in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    ag.manual_seed(1)
    a = make(generator=None)[0]
    ag.manual_seed(1)
    np.testing.assert_array_equal(a, make(generator=None)[0])


def test_the_arms_of_a_spiral_start_at_the_middle_and_reach_radius_one():
    X, y = spiral(50, classes=4, noise=0.0)
    assert np.bincount(y).tolist() == [50] * 4
    r = np.hypot(*X.T).reshape(4, 50)
    np.testing.assert_allclose(r, np.tile(np.linspace(0, 1, 50), (4, 1)), atol=1e-12)
