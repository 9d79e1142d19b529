"""``x.size``: NumPy's number of entries, which may be called as PyTorch's method."""

from __future__ import annotations

from typing import Any, Self


class Size(int):
    """A number of entries that remembers the shape.

    Examples
    --------
    >>> import autograd_lite as ag
    >>> x = ag.zeros(2, 3)
    >>> x.size, x.size(), x.size(0), x.size(-1)
    (6, (2, 3), 2, 3)
    """

    shape: tuple[int, ...]

    def __new__(cls, size: int, shape: tuple[int, ...] = ()) -> Self:
        self = super().__new__(cls, size)
        self.shape = shape
        return self

    def __call__(self, dim: int | None = None) -> Any:
        """The shape, or the size of one axis.

        Raises
        ------
        IndexError
            If there is no such axis.
        """
        if dim is None:
            return self.shape
        try:
            return self.shape[dim]
        except IndexError:
            raise IndexError(f"size({dim}): there is no such axis in the shape {self.shape}") from None

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **params: Any) -> Any:
        """As a plain int, which takes the dtype of the array beside it: NumPy treats a subclass as int64."""
        return getattr(ufunc, method)(*(int(x) if isinstance(x, Size) else x for x in inputs), **params)

    def __reduce__(self) -> Any:
        return int, (int(self),)
