"""Call every name that PyTorch and this library both have, by position, and print the silent differences.

PyTorch must be installed::

    python tools/names_of_torch.py [part of a name]

A difference is silent if neither raises and the results have other shapes or values. Where PyTorch returns a pair,
ours is unpacked, which has to raise. Names in `KNOWN` are not called: docs/coming-from.md has them in its table of
differences.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch

import autograd_lite as ag

rng = np.random.default_rng(0)
M, S, C = (rng.uniform(0.1, 0.9, shape) for shape in ((2, 3), (3, 3), (2, 3, 4)))
V, I = rng.uniform(0.1, 0.9, 4), np.array([1, 0, 2])
FIRST: tuple[Any, ...] = (M, S, V, C, [M, M], [V, V])
REST: tuple[tuple[Any, ...], ...] = (
    (), (0,), (1,), (-1,), (2,), (0, 1), (1, 0), (2, 1), (0, True), (1, True), (True,), (False,), (True, True),
    (0, False), (0, True, True), (1, 2), (2, 2), (0.5,), (0.5, 1), ((0, 1),), ([0, 1],), ((1, 0),), ((2, 1),), (M,),
    (S,), (V,), (I,), (0, I), (M > 0.5,), (2, 0, 1), (1, 1), (3,),
)  # fmt: skip
#: In the table of docs/coming-from.md, or with a reason.
KNOWN = {
    "std", "var", "median", "nanmedian", "repeat", "split", "unique", "equal", "nonzero", "histogram", "meshgrid",
    "gradient", "kl_div",
    "atleast_1d", "atleast_2d", "atleast_3d",  # a list is an array, and not several
    "empty_like",  # not filled
    "result_type",  # a dtype of NumPy's
}  # fmt: skip
#: Not functions of tensors, or at random.
SKIPPED = {
    "rand", "randn", "randperm", "randint", "normal", "empty", "bernoulli", "multinomial", "rand_like", "randn_like",
    "save", "load", "from_dlpack", "uniform_", "normal_", "register_hook", "backward", "retain_grad", "numpy", "item",
    "requires_grad_", "detach_", "tolist", "size", "type", "copy_", "fill_", "zero_", "data_ptr",
}  # fmt: skip


def given(a: Any, make: Callable[[Any], Any]) -> Any:
    if isinstance(a, np.ndarray):
        return make(a)
    return [given(v, make) for v in a] if isinstance(a, list) and isinstance(a[0], np.ndarray) else a


def plain(y: Any) -> Any:
    """A result as arrays, in lists."""
    if isinstance(y, (list, tuple)):
        return [plain(part) for part in y]
    y = y.resolve_conj() if isinstance(y, torch.Tensor) else y
    return np.asarray(y.detach() if hasattr(y, "detach") else y)


def same(a: Any, b: Any) -> bool:
    if isinstance(a, list) or isinstance(b, list):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    if a.shape != b.shape or "O" in (a.dtype.kind, b.dtype.kind):
        return False
    return bool(np.allclose(a, b, equal_nan=True))


def as_a_pair(y: Any, want: Any) -> Any:
    """What a program for PyTorch takes from a result: both of a pair."""
    if type(want).__module__ != "torch.return_types":
        return y
    a, b = y
    return [a, b]


def differences(theirs: Callable[..., Any], ours: Callable[..., Any]) -> Iterator[str]:
    """The arguments for which two functions differ silently."""
    for first in FIRST:
        for rest in REST:
            args = (first, *rest)
            try:
                want = theirs(*[given(a, torch.tensor) for a in args])
            except Exception:  # PyTorch has no such call
                continue
            try:
                got = as_a_pair(ours(*[given(a, ag.tensor) for a in args]), want)
            except Exception:  # not silent
                continue
            if not same(plain(want), plain(got)):
                yield ", ".join(f"array{v.shape}" if isinstance(v, np.ndarray) else repr(v) for v in args)


def main(part: str = "") -> None:
    warnings.simplefilter("ignore")
    calls = total = 0
    for what, theirs, ours in (
        ("torch", torch, ag), ("x", torch.Tensor, ag.Tensor), ("torch.linalg", torch.linalg, ag.linalg),
        ("torch.fft", torch.fft, ag.fft), ("torch.special", torch.special, ag.special),
    ):
        for name in dir(theirs):
            function = getattr(theirs, name)
            if name[0] == "_" or part not in name or name in KNOWN | SKIPPED or not hasattr(ours, name):
                continue
            if callable(function) and not isinstance(function, type):
                calls += 1
                for args in differences(function, getattr(ours, name)):
                    print(f"{what}.{name}({args})")
                    total += 1
    print(f"{calls} names, {total} silent differences")


if __name__ == "__main__":
    main(*sys.argv[1:])
