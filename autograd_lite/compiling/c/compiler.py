"""The C compiler of this machine, and shared objects that it made, in the user's cache folder.

No shell is started. An object is written whole or not at all, and loaded only if it and its folder belong to the user
and nobody else can write to them. What only a compilation needs of Python's library is imported then: this module is
loaded with `jit`, whatever the backend.
"""

from __future__ import annotations

import ctypes
import os
import platform
import stat
import sys
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from ...table.scalar import FUNCTIONS

if TYPE_CHECKING:
    from pathlib import Path

_LONG = ("-mprefer-vector-width=512",) if platform.machine() in ("x86_64", "AMD64") else ()  # if it has such vectors
FLAGS = (
    "-std=gnu11", "-O2", "-march=native", "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=off",
    "-fno-strict-aliasing", "-fwrapv", "-fopenmp-simd", "-fno-builtin-sin", "-fno-builtin-cos", "-fno-builtin-sinf",
    "-fno-builtin-cosf", "-shared", "-fPIC", "-w", *_LONG,
)  # fmt: skip
LONG = 1000  # single numbers: for such a file -O2 takes minutes


class NoCompiler(RuntimeError):
    """There is no C compiler, or it failed; the message says what is missing."""


class Compiler(NamedTuple):
    """A compiler: how it is called, what it says about itself, and the functions that have versions for vectors."""

    command: tuple[str, ...]
    version: str
    vectors: frozenset[str]


@cache
def _find(named: str | None) -> Compiler:
    import importlib.util
    import shlex
    import shutil
    from subprocess import SubprocessError

    tried = []
    commands: list[tuple[str, ...]] = [tuple(shlex.split(named))] if named else [("cc",), ("gcc",), ("clang",)]
    if not named and importlib.util.find_spec("ziglang") is not None:
        commands.append((sys.executable, "-m", "ziglang", "cc"))
    for command in commands:
        if command and shutil.which(command[0]):
            try:
                version = _output([*command, "--version"])
                return Compiler(command, version, _vectors(command, version))
            except (OSError, SubprocessError, NoCompiler) as error:
                tried.append(f"{command[0]} does not work ({str(error).splitlines()[0]})")
    missing = "; ".join(tried) or f"{named or 'cc, gcc or clang'} is not on the path"
    raise NoCompiler(f"{missing}: install a C compiler (or `pip install ziglang`), or set CC")


def compiler() -> Compiler:
    """The compiler of ``$CC``, or cc, gcc, clang, or that of the package ziglang.

    Raises
    ------
    NoCompiler
        If there is none that works.
    """
    if os.name != "posix" or platform.python_implementation() != "CPython" or sys.maxsize < 2**32:
        raise NoCompiler("the C backend needs CPython for 64 bits on Linux or macOS")
    return _find(os.environ.get("CC"))


def _output(command: Sequence[str]) -> str:
    import subprocess

    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode:
        raise NoCompiler(f"{command[0]} failed: {done.stderr.strip()[:2000] or done.returncode}")
    return done.stdout


def _vectors(command: tuple[str, ...], version: str) -> frozenset[str]:
    """The functions of which libmvec has versions for vectors, which gcc calls if they are declared so.

    They are looked for in a library that is linked with it, by the names of their versions for 128 bits.
    """
    if platform.machine() not in ("x86_64", "AMD64") or "Free Software Foundation" not in version:
        return frozenset()
    probe = Compiler(command, version, frozenset())
    try:
        path = built("int nothing;\n", probe, ("-Wl,--no-as-needed", "-lmvec"))
        library = ctypes.CDLL(str(path))
    except (NoCompiler, OSError):
        return frozenset()

    def has(name: str, count: int, lanes: int) -> bool:
        return hasattr(library, f"_ZGVbN{lanes}{'v' * count}_{name}")

    doubles = {name for name, count in FUNCTIONS.items() if has(name, count, 2)}
    return frozenset(doubles | {f"{name}f" for name, count in FUNCTIONS.items() if has(f"{name}f", count, 4)})


# ------------------------------------------------------------------------------------------------------- the cache


def folder() -> Path:
    """The folder of the shared objects."""
    from pathlib import Path

    if sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "autograd_lite"


def is_ours(path: Path, kind: int = stat.S_IFREG) -> bool:
    """True if a file or folder, not a link to one, belongs to the user, and nobody else can write to it."""
    try:
        status = os.lstat(path)
    except OSError:
        return False
    return stat.S_IFMT(status.st_mode) == kind and status.st_uid == os.getuid() and not status.st_mode & 0o022


@cache
def _temporary() -> Path:
    from pathlib import Path
    from tempfile import TemporaryDirectory

    new_folder = TemporaryDirectory(prefix="autograd_lite-", ignore_cleanup_errors=True)
    _KEPT.append(new_folder)  # until the process ends
    return Path(new_folder.name)


_KEPT: list[object] = []


def _usable_folder() -> Path:
    """The cache folder, or one for this process only where that cannot be made or is not the user's."""
    path = folder()
    with suppress(OSError, RuntimeError):
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if is_ours(path, stat.S_IFDIR) and os.access(path, os.W_OK):
            return path
    return _temporary()


@cache
def _processor() -> str:
    """The model and abilities of the processor, on which ``-march=native`` depends."""
    with suppress(OSError), open("/proc/cpuinfo", encoding="utf-8") as file:
        wanted = ("model name", "flags", "Features", "CPU part")
        return "".join(dict.fromkeys(line for line in file if line.startswith(wanted)))
    return f"{platform.machine()} {platform.processor()} {platform.version()}"


def built(source: str, using: Compiler, libraries: Sequence[str], quick: bool = False) -> Path:
    """The shared object of a C file: from the cache, or compiled.

    Raises
    ------
    NoCompiler
        If the compiler fails.
    """
    import hashlib
    from pathlib import Path
    from subprocess import SubprocessError
    from tempfile import TemporaryDirectory

    flags = [("-O1" if flag == "-O2" and quick else flag) for flag in FLAGS]
    inputs = (source, *using.command, using.version, *flags, *libraries, _processor())
    key = hashlib.sha256("\0".join(inputs).encode()).hexdigest()[:32]
    path = _usable_folder() / f"{key}.so"
    if is_ours(path):
        return path
    with TemporaryDirectory(prefix="new-", dir=path.parent) as new:
        text, shared_object = Path(new, "program.c"), Path(new, "program.so")
        text.write_text(source, encoding="utf-8")
        try:
            _output([*using.command, *flags, str(text), "-o", str(shared_object), *libraries, "-lm"])
        except (OSError, SubprocessError) as error:
            raise NoCompiler(f"{using.command[0]} failed: {error}") from error
        os.chmod(shared_object, 0o700)
        if path.is_dir():
            raise NoCompiler(f"{path} is a folder; remove it")
        os.replace(shared_object, path)
    return path


def clear_cache() -> None:
    """Remove the shared objects of the C backend from the user's cache folder.

    Those that are loaded stay usable until the process ends.

    Examples
    --------
    >>> from autograd_lite.compiling import clear_cache
    >>> clear_cache()
    """
    path = folder()
    if is_ours(path, stat.S_IFDIR):
        for file in path.glob("*.so"):
            with suppress(OSError):
                file.unlink()
