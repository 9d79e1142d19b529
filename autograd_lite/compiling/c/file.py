"""A C file with the regions of a program, and what is in its place where errors are asked for."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterable, Mapping
from contextvars import Context
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy._core import umath

from ...engine.node import Function
from ...program import Var
from . import call
from .compiler import LONG, Compiler, built
from .kernel import Kernel, Reductions, Writer, c_name, prelude
from .products import KINDS, library


class Region(NamedTuple):
    """A function of C, and its names in the source in Python: of itself, and of the one that copies its arguments."""

    name: str
    words: tuple[str, str]
    arguments: list[Var]
    written: list[bool]
    lines: list[str]
    kernel: Kernel


class File:
    """The regions of a program, and their text."""

    def __init__(self) -> None:
        self.regions: list[Region] = []
        self.kernels: list[call.Kernel] = []  # once they are compiled
        self.reductions = Reductions()
        self.functions: dict[str, str] = {}  # that regions share, by their text

    def add(
        self, kernel: Kernel, wish: str, arguments: Iterable[Var], places: Mapping[Var, int], scratch: int,
        fresh: Callable[[str], str],
    ) -> tuple[str, str]:
        """Add a region; its two names in Python."""
        name = f"{c_name(wish)}_{len(self.regions) + 1}"
        arguments = list(arguments)
        changed = {*kernel.outputs, *kernel.into.values()}
        lines = Writer(kernel, name, arguments, places, scratch, self.reductions, self.functions).lines()
        words = fresh(f"{name}_in_c"), fresh(f"{name}_of_copies")
        self.regions.append(Region(name, words, arguments, [v in changed for v in arguments], lines, kernel))
        return words

    def text(self, vectors: Iterable[str] = ()) -> str:
        """The whole file."""
        bodies = [line for region in self.regions for line in region.lines]
        folds = [line for _, line in self.reductions.lines.values()]
        functions = {name for region in self.regions for name in region.kernel.functions}
        return "\n".join([*prelude([*folds, *bodies], functions, vectors), *folds, "", *bodies])

    def compile(self, text: str, using: Compiler) -> dict[str, Function]:
        """The functions that the source in Python calls, by their names in it."""
        single = sum(len(g.steps) for r in self.regions for g in r.kernel.groups if not g.space)
        libraries = ("-lmvec",) * bool(using.vectors) + ("-pthread",) * ("pthread" in text)
        products = [f for f in KINDS if f" matmul{f}(" in text]
        path = built(text, using, libraries, quick=single > LONG)
        for f, setter in zip(products, call.addresses(path, [f"use_matmul{f}" for f in products]), strict=True):
            ctypes.CFUNCTYPE(None, ctypes.c_void_p)(setter)(_products(using)[f])
        space: dict[str, Function] = {}
        for r, address in zip(self.regions, call.addresses(path, [r.name for r in self.regions]), strict=True):
            kernel = call.Kernel(address, r.arguments, r.written, r.kernel.work)
            function = call.region(kernel, using)
            space[r.words[0]], space[r.words[1]] = function, call.checked(function, r.arguments, r.written)
            self.kernels.append(kernel)
        return space


@cache
def _products(using: Compiler) -> dict[str, int]:
    """The addresses of ``matmul`` and ``matmulf``."""
    names = [f"matmul{f}" for f in KINDS]
    return dict(zip(KINDS, call.addresses(built(library(), using, ()), names), strict=True))


#: The settings of errors; private, so there may be another variable one day.
SETTINGS = getattr(umath, "_extobj_contextvar", None)
_settings: Callable[[], Any] = SETTINGS.get if SETTINGS is not None else object
USUAL = Context().run(_settings)


def asks_for_errors() -> bool:
    """True if ``np.errstate`` asks for errors, calls or lines, which C does not make."""
    return _settings() is not USUAL and not {"ignore", "warn"}.issuperset(np.geterr().values())
