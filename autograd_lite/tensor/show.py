"""Methods that delegate to higher packages: to write out and draw the chain rule, and others."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from ..engine.value import Value

_PUBLIC = __name__.partition(".")[0]


def public(name: str) -> Any:
    """A function of the public namespace; its package is imported on first use."""
    return getattr(sys.modules[_PUBLIC], name)


class Show(Value):
    """The base of Tensor with these methods."""

    __slots__ = ()

    def __array_namespace__(self, /, *, api_version: str | None = None) -> Any:
        """The functions of the array API standard for tensors, as a module.

        Raises
        ------
        ValueError
            If the version of the standard is not one of 2021.12 to 2024.12.
        """
        namespace = public("array_api")
        newest = namespace.__array_api_version__
        if api_version not in (None, "2021.12", "2022.12", "2023.12", newest):
            raise ValueError(f"expected an api_version from 2021.12 to {newest}, got {api_version!r}")
        return namespace

    def explain(
        self, wrt: Any = None, names: Mapping[str, Any] | None = None, *, depth: int | None = None, roll: bool = True
    ) -> Any:
        """The derivation of the gradient of this scalar, as on a board: a :class:`~autograd_lite.derive.Derivation`.

        Parameters
        ----------
        wrt : Tensor or sequence of Tensor, optional
            By default every input that requires a gradient.
        names : mapping, optional
            Names for values that have none, such as ``locals()``.
        depth : int, optional
            How many levels of modules and composite calls to open; deeper ones are one step each.
        roll : bool
            Whether the steps of a loop are written once, with t for their number.

        See Also
        --------
        autograd_lite.explain : the same as a function, with an example.
        """
        return public("explain")(self, wrt, names, depth=depth, roll=roll)

    def partials(self, wrt: Any, names: Mapping[str, Any] | None = None, *, depth: int | None = None) -> Any:
        """The factors of the chain rule from this scalar to `wrt`: a :class:`~autograd_lite.derive.Partials`.

        Parameters
        ----------
        wrt : Tensor
        names : mapping, optional
            Names for values that have none, such as ``locals()``.
        depth : int, optional
            How many levels of modules and composite calls to open.

        See Also
        --------
        autograd_lite.partials : the same as a function, with an example.
        """
        return public("partials")(self, wrt, names, depth=depth)

    def draw(self, names: Mapping[str, Any] | None = None, **options: Any) -> Any:
        """The graph of this result with its partial derivatives: a :class:`~autograd_lite.drawing.Drawing`.

        Parameters
        ----------
        names : mapping, optional
            Names for values that have none, such as ``locals()``.
        **options
            Those of :func:`autograd_lite.draw`: ``view by depth forward_only values direction theme limit``, …

        See Also
        --------
        autograd_lite.draw : the same as a function, with an example.
        """
        return public("draw")(self, names=names, **options)

    def frames(
        self, wrt: Any = None, names: Mapping[str, Any] | None = None, forward: bool = False, **options: Any
    ) -> Any:
        """One picture for each step of the chain rule: :class:`~autograd_lite.drawing.Frames`.

        Parameters
        ----------
        wrt : Tensor or sequence of Tensor, optional
            By default every parameter.
        names : mapping, optional
            Names for values that have none, such as ``locals()``.
        forward : bool
            Start with the steps from the inputs to the result.
        **options
            Those of :func:`autograd_lite.draw`.

        See Also
        --------
        autograd_lite.frames : the same as a function, with an example.
        """
        return public("frames")(self, wrt=wrt, names=names, forward=forward, **options)
