"""Layers without parameters: each calls a function of `functional`, with options that are set at construction."""

from __future__ import annotations

import inspect
from typing import Any, ClassVar

from ..engine.node import Function
from .module import Module


class Stateless(Module):
    """Calls `function` with its inputs and its options, which are attributes and shown in the repr.

    A subclass names the function, ``class ReLU(Stateless, function=F.relu)``. Its options are the parameters of the
    function after the inputs, with their defaults; or only those that it lists in ``options=``, in that order.
    """

    function: ClassVar[Function]
    __signature__: ClassVar[inspect.Signature]
    _options: ClassVar[inspect.Signature]
    _trains: ClassVar[bool]

    def __init_subclass__(
        cls, function: Function | None = None, options: str | None = None, **params: Any
    ) -> None:
        super().__init_subclass__(**params)
        if function is not None:
            signature, inputs = (inspect.signature(f).parameters for f in (function, cls.forward))
            names = list(signature)[len(inputs) - 1 :] if options is None else options.split()
            cls.function = staticmethod(function)
            cls.__signature__ = cls._options = inspect.Signature([signature[n] for n in names if n != "training"])
            cls._trains = "training" in signature
        if "__init__" in vars(cls):
            parameters = inspect.signature(cls.__init__).parameters
            cls.__signature__ = inspect.Signature(list(parameters.values())[1:])

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__()
        try:
            bound = self._options.bind(*args, **options)
        except TypeError as error:
            names = ", ".join(self._options.parameters) or "none"
            raise TypeError(f"{type(self).__name__}: {error}; its options are: {names}") from None
        bound.apply_defaults()
        for name, value in bound.arguments.items():
            self._keep(name, value)

    def _keep(self, name: str, value: Any) -> None:
        setattr(self, name, value)

    def forward(self, input: Any) -> Any:
        return self._on(input)

    def _on(self, *inputs: Any) -> Any:
        options = {name: getattr(self, name) for name in self._options.parameters}
        if self._trains:
            options["training"] = self.training
        return self.function(*inputs, **options)

    def _shown(self) -> list[str]:
        """The options that the repr shows."""
        return [name for name in self._options.parameters if name != "inplace" and getattr(self, name) is not None]

    def extra_repr(self) -> str:
        return ", ".join(f"{name}={getattr(self, name)!r}" for name in self._shown())
