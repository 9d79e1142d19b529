"""To which library a module, a class or an object belongs, and whether its state can be looked at."""

from __future__ import annotations

import sys
import sysconfig
from array import array
from contextvars import ContextVar
from os.path import join
from types import BuiltinMethodType, ModuleType

import numpy as np

PACKAGE = __name__.partition(".")[0]
_EXAMPLES = (f"{PACKAGE}.talk", f"{PACKAGE}.__main__")  # which use the library as user code does
_LIBRARIES = ("<frozen ", *(join(sysconfig.get_path(kind), "") for kind in ("stdlib", "platlib", "purelib")))
#: Whose classes in C hold nothing that can change, or what is looked at here; an iterator excepted.
_LOOKED_INTO = sys.stdlib_module_names | {"numpy"}


def home_of(module: str | None) -> str:
    """The library that a module belongs to; "user" for the user's own."""
    top = str(module).partition(".")[0]
    if top == PACKAGE:
        return "user" if str(module).startswith(_EXAMPLES) else top
    if top in sys.stdlib_module_names:
        return top
    return top if is_librarys(getattr(sys.modules.get(str(module)), "__file__", None)) else "user"


def is_librarys(file: str | None) -> bool:
    """Whether a file belongs to an installed library: the user's folder of packages and the system's count as well."""
    return file is not None and (file.startswith(_LIBRARIES) or "site-packages" in file or "dist-packages" in file)


def is_c(cls: type) -> bool:
    """Whether a class is written in C: its objects may have a state that cannot be looked at."""
    return not cls.__flags__ & 1 << 9 or bool(cls.__flags__ & 1 << 8)  # Py_TPFLAGS_HEAPTYPE, Py_TPFLAGS_IMMUTABLETYPE


def is_opaque(value: object) -> bool:
    """Whether an object has a state that can be neither looked at nor compared: an iterator, a buffer, a data frame."""
    if isinstance(value, BuiltinMethodType) and not isinstance(value.__self__, (ModuleType, type)):  # x.sum
        return isinstance(value.__self__, np.ndarray) or is_opaque(value.__self__)
    if isinstance(value, (bytearray, memoryview, array, ContextVar)):
        return True
    kinds = [kind for kind in type(value).__mro__ if is_c(kind)]
    return any(hasattr(kind, "__next__") or home_of(kind.__module__) not in _LOOKED_INTO for kind in kinds)


def kind_of(value: object) -> str:
    cls = type(value)
    return cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"
