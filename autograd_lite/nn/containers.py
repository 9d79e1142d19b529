"""Modules made of modules."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Self, overload

from .module import Module, Parameter


class Sequential(Module):
    """One module after the other.

    Examples
    --------
    >>> from autograd_lite import nn
    >>> net = nn.Sequential(nn.Linear(64, 50), nn.Sigmoid(), nn.Linear(50, 10))
    >>> net[0]
    Linear(in_features=64, out_features=50, bias=True)
    """

    def __init__(self, *modules: Module | Mapping[str, Module]) -> None:
        super().__init__()
        if len(modules) == 1 and isinstance(modules[0], Mapping):
            for name, m in modules[0].items():
                self.register_module(name, m)
        else:
            for k, part in enumerate(modules):
                if not isinstance(part, Module):
                    raise TypeError(f"Sequential: expected modules, got a {type(part).__name__} as argument {k + 1}")
                self.register_module(str(k), part)

    def forward(self, x: Any) -> Any:
        for m in self.children():
            x = m(x)
        return x

    def append(self, module: Module) -> Self:
        """Add a module at the end; returns self."""
        self.register_module(str(len(self)), module)
        return self

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[Module]:
        return self.children()

    @overload
    def __getitem__(self, index: int) -> Module: ...
    @overload
    def __getitem__(self, index: slice) -> Sequential: ...
    def __getitem__(self, index: int | slice) -> Any:
        return Sequential(*list(self)[index]) if isinstance(index, slice) else list(self)[index]


class ModuleList(Module):
    """A list of modules, which are registered as parts.

    >>> from autograd_lite import nn
    >>> layers = nn.ModuleList([nn.Linear(3, 4), nn.Linear(4, 1)])
    >>> len(layers), [name for name, _ in layers.named_parameters()]
    (2, ['0.weight', '0.bias', '1.weight', '1.bias'])
    """

    def __init__(self, modules: Iterable[Module] = ()) -> None:
        super().__init__()
        self.extend(modules)

    def append(self, module: Module) -> Self:
        """Add a module at the end; returns self."""
        self.register_module(str(len(self)), module)
        return self

    def extend(self, modules: Iterable[Module]) -> Self:
        """Add modules at the end; returns self."""
        for m in modules:
            self.append(m)
        return self

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[Module]:
        return self.children()

    def __getitem__(self, index: int) -> Module:
        return list(self)[index]


class ModuleDict(Module):
    """A dict of modules, which are registered as parts.

    >>> from autograd_lite import nn
    >>> layers = nn.ModuleDict({"hidden": nn.Linear(3, 4), "out": nn.Linear(4, 1)})
    >>> [name for name, _ in layers.named_parameters()]
    ['hidden.weight', 'hidden.bias', 'out.weight', 'out.bias']
    """

    def __init__(self, modules: Mapping[str, Module] | None = None) -> None:
        super().__init__()
        for name, m in (modules or {}).items():
            self[name] = m

    def __setitem__(self, name: str, module: Module) -> None:
        self.register_module(name, module)

    def __getitem__(self, name: str) -> Module:
        found = self._modules[name]
        assert found is not None
        return found

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
