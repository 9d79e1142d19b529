"""The vector space of a value: what the checks of derivatives and the operators need to know about it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ...base.tree import leaves, paths, rebuild, tree_map
from ...engine.operands import raw
from ...tensor import Tensor

Function = Callable[..., Any]


class VSpace:
    """The vector space of a value, which is an array, or a dict, list or tuple of them.

    `size` is the number of real dimensions, 2 for each complex entry; `shape` is a tuple, or a tree of VSpace.
    """

    def __init__(self, value: Any) -> None:
        self._zeros = tree_map(lambda x: np.zeros(np.shape(raw(x)), np.result_type(raw(x))), value)
        arrays = leaves(self._zeros)
        self.iscomplex = any(map(np.iscomplexobj, arrays))
        self.size = sum(x.size * (1 + np.iscomplexobj(x)) for x in arrays)
        if isinstance(self._zeros, np.ndarray):
            self.shape, self.dtype, self.ndim = self._zeros.shape, self._zeros.dtype, self._zeros.ndim
        else:
            self.shape = tree_map(VSpace, self._zeros)

    def _map(self, f: Function, *trees: Any) -> Any:
        return tree_map(f, self._zeros, *trees)

    def zeros(self) -> Any:
        return self._map(np.zeros_like)

    def ones(self) -> Any:
        return self._map(lambda z: np.full_like(z, 1 + 1j if np.iscomplexobj(z) else 1))

    def randn(self) -> Any:
        normal = np.random.standard_normal  # which np.random.seed determines, as in HIPS
        return self._map(lambda z: np.asarray(
            normal(z.shape) + 1j * normal(z.shape) if np.iscomplexobj(z) else normal(z.shape), z.dtype
        ))

    def standard_basis(self) -> Iterator[Any]:
        """The unit vectors, and for complex entries also those times 1j."""
        zeros = leaves(self._zeros)
        for k, z in enumerate(zeros):
            for index in np.ndindex(*z.shape):
                for unit in (1, 1j) if np.iscomplexobj(z) else (1,):
                    x = np.zeros_like(z)
                    x[index] = unit
                    yield rebuild(self._zeros, [*zeros[:k], x, *zeros[k + 1 :]])

    def add(self, x: Any, y: Any) -> Any:
        return self._map(lambda z, a, b: a + b, x, y)

    def mut_add(self, x: Any, y: Any) -> Any:
        """`add`; None stands for zeros."""
        return y if x is None else self.add(x, y)

    def scalar_mul(self, x: Any, a: Any) -> Any:
        return self._map(lambda z, part: part * a, x)

    def inner_prod(self, x: Any, y: Any) -> Any:
        """The real inner product."""
        return sum(leaves(self._map(lambda z, a, b: np.sum(np.real(np.conj(a) * b)), x, y)))

    def covector(self, x: Any) -> Any:
        """The complex conjugate."""
        return self._map(lambda z, part: np.conj(part), x)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, VSpace) and repr(self) == repr(other)

    def __repr__(self) -> str:
        zeros = zip(paths(self._zeros), leaves(self._zeros), strict=True)
        return f"VSpace({', '.join(f'{path} {z.dtype}{list(z.shape)}'.strip() for path, z in zeros)})"

    @classmethod
    def register(cls, value_type: type, vspace_maker: Function | None = None) -> None:
        raise TypeError(
            f"VSpace.register({value_type.__name__}): values are arrays, and dicts, lists and tuples of them; other "
            "types have no vector space here"
        )


def vspace(value: Any) -> VSpace:
    """The :class:`VSpace` of a value."""
    for x in leaves(value):
        if not isinstance(x, (np.ndarray, Tensor, int, float, complex, np.number)) or isinstance(x, bool):
            raise TypeError(f"vspace: a value of type {type(x).__name__} has no vector space")
    return VSpace(value)
