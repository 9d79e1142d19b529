"""Compare the signatures in the array namespace with those of the array API standard.

The standard's are read from its reference implementation, ``pip install array-api-strict``::

    python tools/array_api_signatures.py

A function agrees if its positional parameters have the standard's kinds, those that may be passed by name also the
standard's names, and each keyword parameter of the standard exists. It prints each that does not, and the counts.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from operator import attrgetter
from typing import Any

import array_api_strict

import autograd_lite as ag

BY_NAME = {inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD}


def functions() -> Iterator[tuple[str, Any]]:
    """The standard's functions by name, those of the extensions with their prefix."""
    for prefix in ("", "linalg.", "fft."):
        module = attrgetter(prefix[:-1])(array_api_strict) if prefix else array_api_strict
        for name in getattr(module, "__all__", dir(module)):
            value = getattr(module, name)
            if inspect.isfunction(value) and not name.startswith("_") and "strict" not in name:
                yield prefix + name, value


def difference(standard: inspect.Signature, ours: Any) -> str:
    """What is different, or nothing."""
    theirs = list(standard.parameters.values())
    fixed = [p for p in theirs if p.kind is not inspect.Parameter.KEYWORD_ONLY]
    for p, q in zip(fixed, [*ours.values(), *[None] * len(fixed)], strict=False):
        if q is None or q.kind is not p.kind or p.kind in BY_NAME and q.name != p.name:
            return f"{p.name} is a {p.kind.description} parameter"
    for p in theirs[len(fixed) :]:
        if p.name not in ours or ours[p.name].kind not in BY_NAME:
            return f"{p.name} is a keyword parameter"
    return ""


def main() -> None:
    xp, agree, total = ag.tensor(1.0).__array_namespace__(), 0, 0
    for name, f in functions():
        signature, total = inspect.signature(attrgetter(name)(xp)), total + 1
        text = difference(inspect.signature(f), signature.parameters)
        if text:
            print(f"{name}{signature}: in the standard {text}")
        agree += not text
    print(f"{agree} of {total} signatures agree with version {array_api_strict.__array_api_version__} of the standard")


if __name__ == "__main__":
    main()
