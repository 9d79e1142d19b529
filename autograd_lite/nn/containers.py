"""Modules made of modules."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import count
from typing import Any, ClassVar, Self, overload

from .module import Module, Parameter

__all__ = ["ModuleDict", "ModuleList", "ParameterList", "Sequential"]


class _InOrder(Module):
    """Modules in order, with the methods of a list. A module may be in several places, as in PyTorch."""

    #: From names and modules to a container, as `__getitem__` returns it for a slice; each kind has its own.
    _part: ClassVar[Callable[..., Any]]

    def append(self, module: Module) -> Self:
        """Add a module at the end; returns self."""
        free = (str(k) for k in count(len(self)))  # a slice keeps its names, "3" and "4" for example
        self.register_module(next(name for name in free if name not in self._modules), module)
        return self

    def extend(self, modules: Iterable[Module]) -> Self:
        """Add modules at the end; returns self."""
        for m in list(modules):  # it may be this one
            self.append(m)
        return self

    def insert(self, index: int, module: Module) -> Self:
        """Add a module before the one at `index`, and number all anew; returns self."""
        modules = list(self)
        modules.insert(index, module)
        return self._renumber(modules)

    def pop(self, index: int = -1) -> Module:
        """Remove a module, and number the others anew; returns it."""
        module = self[index]
        del self[index]
        return module

    def _renumber(self, modules: Iterable[Module]) -> Self:
        for name in list(self._modules):
            delattr(self, name)
        for k, m in enumerate(modules):
            self.register_module(str(k), m)
        return self

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._modules.values())

    @overload
    def __getitem__(self, index: int) -> Module: ...
    @overload
    def __getitem__(self, index: slice) -> Self: ...
    def __getitem__(self, index: int | slice) -> Any:
        return self._part(list(self._modules.items())[index]) if isinstance(index, slice) else list(self)[index]

    def __setitem__(self, index: int, module: Module) -> None:
        self.register_module(list(self._modules)[index], module)

    def __delitem__(self, index: int | slice) -> None:
        modules = list(self)
        del modules[index]
        self._renumber(modules)

    def __add__(self, other: Iterable[Module]) -> Any:
        return self._part([(str(k), m) for k, m in enumerate([*self, *other])])

    __iadd__ = extend


class Sequential(_InOrder):
    """One module after the other.

    Examples
    --------
    >>> from autograd_lite import nn
    >>> activation = nn.Sigmoid()
    >>> net = nn.Sequential(nn.Linear(64, 50), activation, nn.Linear(50, 10), activation)
    >>> net[0]
    Linear(in_features=64, out_features=50, bias=True)
    >>> net[1] is net[3]
    True
    """

    def __init__(self, *modules: Module | Mapping[str, Module]) -> None:
        super().__init__()
        only = modules[0] if len(modules) == 1 else None
        named: Any = only if isinstance(only, Mapping) else dict(enumerate(modules))
        for name, m in named.items():
            self.register_module(str(name), m)

    def forward(self, x: Any) -> Any:
        for m in self:
            x = m(x)
        return x

    def _part(self, modules: list[tuple[str, Any]]) -> Sequential:
        return Sequential(dict(modules))  # with the names that they have, as in PyTorch


class ModuleList(_InOrder):
    """A list of modules, which are registered as parts.

    >>> from autograd_lite import nn
    >>> layers = nn.ModuleList([nn.Linear(3, 4), nn.Linear(4, 1)])
    >>> len(layers), [name for name, _ in layers.named_parameters()]
    (2, ['0.weight', '0.bias', '1.weight', '1.bias'])
    """

    def __init__(self, modules: Iterable[Module] = ()) -> None:
        super().__init__()
        self.extend(modules)

    def _part(self, modules: list[tuple[str, Any]]) -> ModuleList:
        return ModuleList(m for _, m in modules)


class ModuleDict(Module):
    """A dict of modules, which are registered as parts.

    >>> from autograd_lite import nn
    >>> layers = nn.ModuleDict({"hidden": nn.Linear(3, 4), "out": nn.Linear(4, 1)})
    >>> [name for name, _ in layers.named_parameters()]
    ['hidden.weight', 'hidden.bias', 'out.weight', 'out.bias']
    """

    def __init__(self, modules: Mapping[str, Module] | None = None) -> None:
        super().__init__()
        self.update(modules or {})

    def update(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]]) -> None:
        """Add modules, in place of those with the same names."""
        for name, m in dict(modules).items():
            self[name] = m

    def pop(self, name: str) -> Module:
        """Remove a module; returns it."""
        module = self[name]
        del self[name]
        return module

    def clear(self) -> None:
        """Remove all modules."""
        for name in list(self):
            del self[name]

    def __delitem__(self, name: str) -> None:
        self[name]  # KeyError if there is none
        delattr(self, name)

    def __setitem__(self, name: str, module: Module) -> None:
        self.register_module(name, module)

    def __getitem__(self, name: str) -> Module:
        return self._modules[name]  # type: ignore[return-value]  # None only if registered so by hand

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)

    def __contains__(self, name: str) -> bool:
        return name in self._modules

    def keys(self) -> Iterable[str]:
        """The names."""
        return self._modules.keys()

    def values(self) -> Iterable[Any]:
        """The modules."""
        return self._modules.values()

    def items(self) -> Iterable[tuple[str, Any]]:
        """The names and the modules."""
        return self._modules.items()


class ParameterList(Module):
    """A list of parameters, which are registered.

    >>> import autograd_lite as ag
    >>> from autograd_lite import nn
    >>> weights = nn.ParameterList([ag.zeros(2), ag.ones(3)])
    >>> [name for name, _ in weights.named_parameters()]
    ['0', '1']
    """

    def __init__(self, values: Iterable[Any] | None = None) -> None:
        super().__init__()
        for p in values or ():
            self.append(p)

    def append(self, parameter: Any) -> Self:
        """Add a parameter at the end; returns self."""
        p = parameter if isinstance(parameter, Parameter) else Parameter(parameter)
        self.register_parameter(str(len(self)), p)
        return self

    def __len__(self) -> int:
        return len(self._parameters)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._parameters.values())

    def __getitem__(self, index: int) -> Any:
        return list(self._parameters.values())[index]
