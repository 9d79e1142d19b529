"""From a rule to the function that the backward pass calls: ``pull(g, y, xs, n) -> cotangent of one argument``.

As :mod:`dataclasses` does, this writes the function as source, so that a rule costs one call. The source is what a
debugger and a traceback show:

>>> from autograd_lite.table import TABLE
>>> print(TABLE["sigmoid"].pull_source(0))
def pull(g, y, xs, n):
    return rule(g, y)
<BLANKLINE>
>>> print(TABLE["tanh"].pull_source(0))
def pull(g, y, xs, n):
    return g * rule(y)
<BLANKLINE>
"""

from __future__ import annotations

import linecache
from collections.abc import Sequence
from typing import Any

import numpy as np

from .signature import Slot, call


def source(rule: Any, slots: Sequence[Slot], i: int, partial: bool) -> str:
    """The function as text; `partial`: the rule returns the partial derivative, not the cotangent."""
    if not callable(rule):  # a partial derivative that is a number
        value = {1: "g", -1: "-g"}.get(rule, "g * rule")
    else:
        value = f"g * {call(slots, i)}" if partial else call(slots, i)
    return f"def pull(g, y, xs, n):\n    return {value}\n"


def compiled(text: str, rule: Any, where: str) -> Any:
    """The function that `text` defines; `where` is what a traceback calls its file."""
    filename = f"<autograd_lite: {where}>"
    linecache.cache[filename] = (len(text), None, text.splitlines(keepends=True), filename)
    namespace = {"rule": rule}
    exec(compile(text, filename, "exec"), namespace)  # the two lines of `source`
    return namespace["pull"]


def conjugated(pull: Any) -> Any:
    """The pull of a holomorphic row with complex results: ``conj(pull(conj(g)))``, as PyTorch's convention has it."""
    return pull and (lambda g, y, xs, n: conjugate(pull(conjugate(g), y, xs, n)))


def conjugate(d: Any) -> Any:
    """The conjugate of a cotangent, or of each in a tuple of them."""
    if isinstance(d, tuple):
        return type(d)(None if part is None else np.conj(part) for part in d)
    return np.conj(d)


def read_only(pull: Any) -> Any:
    """The pull of a user's rule, which gets a read-only cotangent: the array may be shared."""

    def locked(g: Any) -> Any:
        if isinstance(g, tuple):
            return type(g)(map(locked, g))
        if type(g) is np.ndarray:
            g = g.view()
            g.setflags(write=False)
        return g

    return lambda g, y, xs, n: pull(locked(g), y, xs, n)


def guarded(pull: Any, settle: Any) -> Any:
    """A zero cotangent contributes zero even where the partial is infinite: ``where(x > 0, log(x), 0)`` at 0.

    ``settle(d, g)`` does it in a recorded step, for the values that it is run with.
    """

    def safe(g: Any, y: Any, xs: Any, n: Any) -> Any:
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            d = pull(g, y, xs, n)
            raw = d if type(d) is np.ndarray else getattr(d, "__autograd_array__", d)
            # nan if an entry is. `vdot` is the cheapest such pass, but with more entries it starts the threads of the
            # BLAS, which on a busy machine takes a thousand times as long.
            total = np.vdot(raw, raw) if raw.size <= 10_000 else np.add.reduce(raw, axis=None)
            if getattr(d, "__autograd_replayed__", False):  # the next values may be others
                return settle(d, g)
        if total == total:
            return d
        return np.where(np.isnan(raw) & (getattr(g, "__autograd_array__", g) == 0), 0.0 * raw.real.dtype.type(0), d)

    return safe
