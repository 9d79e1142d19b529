"""Results that are pairs in PyTorch: ``x.max(1)``, ``x.sort()``, ``ag.median(x, 0)``.

Here they are the values alone, as in NumPy. A program from PyTorch goes on with ``torch.max(x, 1)[1]`` or ``values,
positions = torch.max(x, 1)``, which on the values alone are other numbers. So such a result raises an error where it is
used as a pair, unless the call names the axis, which only a program for NumPy does. See
``docs/design/names-of-two-libraries.md``.
"""

from __future__ import annotations

import dis
import sys
from collections.abc import Iterator
from functools import cache
from typing import Any, ClassVar

from ..engine.context import CONTEXT
from ..engine.position import INTERNAL
from ..table import Primitive
from .tensor import Tensor

_UNPACK = dis.opmap["UNPACK_SEQUENCE"]


class InPlaceOfAPair(Tensor):
    """The values alone. Anything but an index of a pair, or unpacking, is as for every Tensor."""

    __slots__ = ()
    _row: ClassVar[Primitive]

    def __getitem__(self, index: Any) -> Tensor:
        if type(index) is int and -2 <= index <= 1 and not INTERNAL[sys._getframe(1).f_code.co_filename]:
            raise self._not_a_pair(f"[{index}]")
        return super().__getitem__(index)

    def __iter__(self) -> Iterator[Tensor]:
        frame = sys._getframe(1)
        if frame.f_code.co_code[frame.f_lasti] == _UNPACK and not INTERNAL[frame.f_code.co_filename]:
            raise self._not_a_pair("a, b = ...")
        return super().__iter__()

    def _not_a_pair(self, use: str) -> TypeError:
        row = self._row
        return TypeError(
            f"{use} of {row.name}(x{', axis' * (row.pair > 1)}), which returns the values alone, as in NumPy. "
            f"{row.unlike_torch}; to take entries of the values, pass axis= by name"
        )

    def __reduce_ex__(self, protocol: Any) -> Any:
        restore, (_, *fields), state = super().__reduce_ex__(protocol)
        return restore, (Tensor, *fields), state


@cache
def _marked(row: Primitive) -> type[InPlaceOfAPair]:
    return type("Tensor", (InPlaceOfAPair,), {"__slots__": (), "_row": row})


def paired(y: Tensor, row: Primitive) -> Tensor:
    """Mark a result of `row`, if user code has called it outside of a transform, where JAX's meaning holds: NumPy's."""
    context = CONTEXT.get()
    transformed = context is not None and (context.level > 0 or context.values is not None)
    if not transformed and not INTERNAL[sys._getframe(2).f_code.co_filename]:
        y.__class__ = _marked(row)
    return y


Tensor.__autograd_paired__ = staticmethod(paired)
