"""Weights and training states in files: ``.npz``, which NumPy reads, or ``.safetensors``. Never pickle.

A file contains arrays and, if the state is not a flat dict of arrays, its structure as JSON. So reading a file executes
nothing in it, and a damaged file, or one in another format, raises a `ValueError` that names it. A new file replaces
the old one only when it is complete, so after a crash either the old or the new file is there.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import tokenize
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from ..tensor.torch_names import check_device

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]  # not a module

Array = np.ndarray[Any, Any]
Arrays = dict[str, Array]
Content = tuple[Arrays, str | None]  # with the structure, if there is one
PathLike = str | os.PathLike[str]

#: The name of the structure of a state, among the arrays of an ``.npz`` or in the metadata of a safetensors file.
_STRUCTURE = "__structure__"
_ARRAY, _TEXT = "array", "text"  # in the structure, "array:x" is the array x, and "text:x" the string "x"
_KINDS = "biufc"
#: More bytes than this, compressed by more than a factor of 100, are not weights but a zip bomb.
_EXPANDED = 1 << 30


def save(obj: Any, path: PathLike) -> None:
    """Write a state to a file; read it again with :func:`load`.

    Parameters
    ----------
    obj : object with ``state_dict()``, or a state itself
        A module, an optimiser, a schedule; or nested dicts, lists and tuples of these and of arrays, Tensors, numbers,
        strings, booleans and None. Keys are strings or whole numbers.
    path : path
        Ends in ``.npz``, or in ``.safetensors`` (with the extra ``io``).

    Raises
    ------
    TypeError
        If something in it is none of these; the message names its place and its type.
    ValueError
        If the path has another suffix.
    OSError
        If the file cannot be written, as on a full disk; an old file is unchanged.

    Notes
    -----
    The state is written to a hidden file in the same folder, which then replaces `path`. If the process is killed
    before that, the hidden file remains, and the next call for the same path removes it.

    Examples
    --------
    >>> import autograd_lite as ag, tempfile, os
    >>> path = os.path.join(tempfile.mkdtemp(), "state.npz")
    >>> ag.save({"epoch": 3, "weights": [np.ones(2)]}, path)
    >>> ag.load(path)
    {'epoch': 3, 'weights': [array([1., 1.])]}
    """
    path = Path(path)
    write = {".npz": _write_npz, ".safetensors": _write_safetensors}.get(path.suffix)
    if write is None:
        raise ValueError(f"save: expected a path that ends in .npz or .safetensors, got {path}")
    state = obj.state_dict() if hasattr(obj, "state_dict") else obj
    arrays: Arrays = {}
    structure: str | None = json.dumps(_taken_apart(state, "", arrays))
    if isinstance(state, Mapping) and [*state] == [*arrays]:
        structure = None  # a dict of arrays by name, like a module's
    if wrong := [name for name in arrays if any("\ud800" <= c <= "\udfff" for c in name)]:
        raise ValueError(f"save: the name {wrong[0]!r} has a lone surrogate, which a file cannot hold; rename it")
    try:
        with replacing(path) as file:
            write(file, arrays, structure)
    except OSError as error:
        what = f"save: cannot write {path} (an old file is unchanged): {error.strerror or error}"
        raise OSError(*(() if error.errno is None else (error.errno,)), what) from None


def load(path: PathLike, map_location: Any = None) -> Any:
    """Read what :func:`save` wrote; or any ``.npz`` or ``.safetensors`` file, as a dict of arrays.

    Nothing in the file is executed. PyTorch's own files are pickles, which would have to be; in PyTorch, save with
    ``safetensors.torch.save_file(net.state_dict(), path)`` instead. `map_location` may be ``"cpu"``, as there.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is damaged, truncated or in another format; the message names the file.

    Examples
    --------
    >>> import autograd_lite as ag
    >>> ag.load(__file__)
    Traceback (most recent call last):
    ...
    ValueError: load: ...saving.py is neither an .npz nor a .safetensors file
    """
    path = Path(path)
    check_device("load: map_location", map_location)
    with path.open("rb") as file:
        start = file.read(16)
    if start[:4] == b"PK\3\4" or start[:4] == b"PK\5\6":
        arrays, structure = _read_npz(path)
    elif len(start) > 8 and start[8:9] == b"{":
        arrays, structure = _read_safetensors(path)
    elif path.suffix in (".npz", ".safetensors"):
        raise ValueError(f"load: {path} is damaged: it does not begin like a {path.suffix} file")
    else:
        raise ValueError(f"load: {path} is neither an .npz nor a .safetensors file")
    if structure is None:
        return arrays
    try:
        return _put_together(json.loads(structure), arrays)
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise ValueError(f"load: {path} is damaged: its structure cannot be read ({error!r})") from None


def unwrapped(value: Any) -> Any:
    """The array of a Tensor, ours or PyTorch's; anything else as it is."""
    return value.detach().numpy() if hasattr(value, "detach") else value


# ------------------------------------------------------------------------------ structure and arrays


def _taken_apart(state: Any, where: str, arrays: Arrays) -> Any:
    """The structure of `state` for JSON. Arrays are added to `arrays`, named by their place, and replaced by a marker.

    A list remains a list, a tuple becomes ``{"tuple": [...]}`` and a dict ``{"dict": [[key, value], ...]}``, because
    keys may be whole numbers, as in an optimiser's state.
    """
    value = unwrapped(state.state_dict() if hasattr(state, "state_dict") else state)
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, np.ndarray):
        if value.dtype.kind not in _KINDS:
            raise TypeError(f"save: expected numbers in {where or 'the state'}, got {value.dtype}; nothing was written")
        name = where or "state"
        while name in arrays or name == _STRUCTURE or "\0" in name:  # {"a/b": ..., "a": {"b": ...}}
            name = name.replace("\0", "") + "'"
        arrays[name] = value
        return f"{_ARRAY}:{name}"
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, str):
        return f"{_TEXT}:{value}"
    inside = f"{where}/" if where else ""
    if isinstance(value, Mapping):
        for key in value:
            if type(key) not in (str, int):
                raise TypeError(f"save: expected a string or a whole number as a key {_at(where)}, got {key!r}")
        return {"dict": [[key, _taken_apart(v, f"{inside}{key}", arrays)] for key, v in value.items()]}
    if isinstance(value, (list, tuple)):
        entries = [_taken_apart(v, f"{inside}{k}", arrays) for k, v in enumerate(value)]
        return entries if isinstance(value, list) else {"tuple": entries}
    raise TypeError(f"save: a {type(value).__name__} {_at(where)} cannot be saved")


def _at(where: str) -> str:
    return f"at {where!r}" if where else "at the top level"


def _put_together(stored: Any, arrays: Arrays) -> Any:
    if isinstance(stored, str):
        kind, _, rest = stored.partition(":")
        if kind not in (_ARRAY, _TEXT):
            raise ValueError(f"{stored[:40]!r} is not a marker")
        return arrays[rest] if kind == _ARRAY else rest
    if isinstance(stored, list):
        return [_put_together(v, arrays) for v in stored]
    if isinstance(stored, dict):
        ((kind, inside),) = stored.items()
        if kind == "tuple":
            return tuple(_put_together(v, arrays) for v in inside)
        if kind == "dict":
            return {key: _put_together(v, arrays) for key, v in inside}
        raise ValueError(f"expected a tuple or a dict, got {kind!r}")
    return stored


# ----------------------------------------------------------------------------------------- writing


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """An open file in the same folder that replaces `path` at the end of the block; after an error it is removed."""
    path = path.resolve()  # a symbolic link remains one
    _remove_abandoned(path)
    beside, file = _opened_beside(path)
    try:
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
            if path.exists():
                beside.chmod(path.stat().st_mode & 0o777)
            if fcntl is not None:
                os.replace(beside, path)  # while the lock is held
        if fcntl is None:  # Windows cannot rename an open file
            os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


def _opened_beside(path: Path) -> tuple[Path, BinaryIO]:
    """A new file, locked as long as this process is alive; on Windows an open file is protected without a lock."""
    while True:
        beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        file = beside.open("x+b")
        if fcntl is not None:
            with suppress(OSError):  # a file system without locks
                fcntl.flock(file, fcntl.LOCK_EX)
            if not os.fstat(file.fileno()).st_nlink:  # another process removed it as abandoned before it was locked
                file.close()
                continue
        return beside, file


def _remove_abandoned(path: Path) -> None:
    """Remove the hidden files of `path` whose process was killed; a file that is being written is locked."""
    name = re.compile(re.escape(f".{path.name}.") + "[0-9a-f]{8}")
    for beside in [entry for entry in path.parent.iterdir() if name.fullmatch(entry.name)]:
        with suppress(OSError):
            if fcntl is None:
                beside.unlink()
                continue
            with beside.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                beside.unlink()


def _write_npz(file: BinaryIO, arrays: Arrays, structure: str | None) -> None:
    """NumPy's format, entry by entry: `np.savez` does not accept an array named "file", and stores the time."""
    if structure is not None:
        arrays = {**arrays, _STRUCTURE: np.frombuffer(structure.encode(), np.uint8)}
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
        for name, array in arrays.items():
            entry = zipfile.ZipInfo(f"{name}.npy", (1980, 1, 1, 0, 0, 0))
            with archive.open(entry, "w", force_zip64=True) as content:
                np.lib.format.write_array(content, array, allow_pickle=False)


def _write_safetensors(file: BinaryIO, arrays: Arrays, structure: str | None) -> None:
    content = {name: np.ascontiguousarray(array).reshape(array.shape) for name, array in arrays.items()}
    try:
        whole = _safetensors().numpy.save(content, None if structure is None else {_STRUCTURE: structure})
    except (KeyError, TypeError, _safetensors().SafetensorError) as error:
        raise TypeError(f"save: safetensors cannot hold this state ({error}); .npz can") from None
    file.write(whole)


# ----------------------------------------------------------------------------------------- reading

DAMAGED = (
    ValueError, TypeError, KeyError, EOFError, OSError, SyntaxError, NotImplementedError, RuntimeError,
    MemoryError, OverflowError, zlib.error, zipfile.BadZipFile, tokenize.TokenError,
)


def _read_npz(path: Path) -> Content:
    arrays: Arrays = {}
    try:
        with path.open("rb") as file, zipfile.ZipFile(file) as archive:
            entries = archive.infolist()
            size, held = sum(e.file_size for e in entries), path.stat().st_size
            if size > _EXPANDED and size > 100 * held:
                raise ValueError(f"its {held} bytes would expand to {size}")
            if any(entry.filename.endswith("/data.pkl") for entry in entries):
                raise ValueError("a pickle of PyTorch's: save it in PyTorch with safetensors.torch.save_file")
            for entry in entries:
                name = entry.filename.removesuffix(".npy")
                if name == entry.filename or name in arrays:
                    raise ValueError(f"the entry {entry.filename!r} is not an array, or is a duplicate")
                with archive.open(entry) as content:
                    arrays[name] = array = np.lib.format.read_array(content, allow_pickle=False)
                    if array.dtype.kind not in _KINDS or content.read(1):
                        got = f"{array.dtype} of shape {array.shape} in {entry.file_size} bytes"
                        raise ValueError(f"{entry.filename}: expected one array of numbers, got {got}")
    except DAMAGED as error:
        raise ValueError(f"load: {path} is damaged, or not an .npz of numbers ({_why(error)})") from None
    structure = arrays.pop(_STRUCTURE, None)
    return arrays, None if structure is None else structure.tobytes().decode(errors="replace")


def _read_safetensors(path: Path) -> Content:
    library = _safetensors()
    try:
        with library.safe_open(path, framework="np") as file:
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - it is not a dict
            structure = (file.metadata() or {}).get(_STRUCTURE)
    except (*DAMAGED, AttributeError, library.SafetensorError) as error:
        what = "is damaged, or has a type that NumPy does not have"
        raise ValueError(f"load: {path} {what} ({_why(error)})") from None
    return arrays, structure


def _why(error: BaseException) -> str:
    return re.sub(r"\s+", " ", str(error))[:200] or type(error).__name__


def _safetensors() -> Any:
    try:
        import safetensors.numpy  # the extra `io`
    except ImportError:
        raise ImportError("a .safetensors file needs safetensors; run pip install safetensors, or use .npz") from None
    return safetensors
