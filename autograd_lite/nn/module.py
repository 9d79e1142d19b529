"""A layer defines its forward pass; the graph does the rest.

A :class:`Module` is a function with parameters. Setting an attribute registers it: a :class:`Parameter` is trained, a
module becomes a part. Names, arguments and defaults are PyTorch's, so that a state dict moves between the two.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple, Self

import numpy as np

from ..base.snapshots import about_to_run
from ..engine.context import called_in_group, tracing
from ..engine.hooks import Handle
from ..engine.versions import CONFIGURED
from ..tensor import Tensor
from ..tensor.torch_names import dtype_in
from .backward_hooks import watched
from .summary import Summary, summary

__all__ = ["Module", "Parameter"]

_REGISTRIES = "_parameters", "_buffers", "_modules"
_HOOKS = "_hooks", "_pre_hooks", "_backward_hooks", "_backward_pre_hooks"


class Parameter(Tensor):
    """A tensor that is trained: it requires gradients, and registers itself when set as an attribute of a module.

    Made from a tensor, even one that was computed from parameters, it is a new leaf with a copy of the values.

    Examples
    --------
    >>> Parameter([1.0, 2.0])
    tensor([1., 2.], requires_grad=True)
    """

    __slots__ = ()

    def __init__(self, data: Any, requires_grad: bool = True, name: str | None = None) -> None:
        super().__init__(data.detach() if isinstance(data, Tensor) else data, None, requires_grad, name)


class IncompatibleKeys(NamedTuple):
    """The result of :meth:`Module.load_state_dict`: names missing from the state, and names that the module lacks."""

    missing_keys: list[str]
    unexpected_keys: list[str]

    def __repr__(self) -> str:
        if not any(self):
            return "<All keys matched successfully>"
        return f"IncompatibleKeys(missing_keys={self.missing_keys}, unexpected_keys={self.unexpected_keys})"


class Module:
    """Base of all layers and nets: set parameters and parts as attributes in ``__init__``, and define ``forward``.

    Examples
    --------
    >>> import autograd_lite as ag
    >>> from autograd_lite import nn
    >>> class Net(nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.hidden = nn.Linear(3, 4)
    ...         self.out = nn.Linear(4, 1)
    ...     def forward(self, x):
    ...         return self.out(ag.sigmoid(self.hidden(x)))
    >>> net = Net()
    >>> net
    Net(
      (hidden): Linear(in_features=3, out_features=4, bias=True)
      (out): Linear(in_features=4, out_features=1, bias=True)
    )
    >>> sum(p.size for p in net.parameters())
    21
    """

    training: bool
    _parameters: dict[str, Parameter | None]
    _buffers: dict[str, Tensor | None]
    _modules: dict[str, Module | None]

    def __init__(self) -> None:
        self.__dict__.update({name: {} for name in (*_REGISTRIES, *_HOOKS)}, training=True, _passing=set())

    # ------------------------------------------------------------------------------------------- attributes

    def __setattr__(self, name: str, value: Any) -> None:
        fields = self.__dict__
        CONFIGURED[0] += 1
        if name == "training" and (outside := tracing()) is not None:
            outside.modes[self] = value
        if "_parameters" not in fields:
            raise AttributeError(f"{type(self).__name__}: call super().__init__() before setting self.{name}")
        if isinstance(value, Parameter | Module):
            kind = "_parameters" if isinstance(value, Parameter) else "_modules"
            for other in _REGISTRIES:
                if other != kind:  # a replacement of the same kind keeps its place in the order
                    fields[other].pop(name, None)
            fields.pop(name, None)
            fields["_passing"].discard(name)
            fields[kind][name] = value
            if isinstance(value, Parameter) and value.name is None:
                value.name = name
            return
        held = self._registry(name)
        if held is None:
            object.__setattr__(self, name, value)
        elif value is None or (held == "_buffers" and isinstance(value, Tensor)):
            fields[held][name] = value
        else:
            raise TypeError(
                f"{type(self).__name__}.{name} is one of its {held[1:]}; a {type(value).__name__} cannot replace it: "
                "del it first"
            )

    def __getattr__(self, name: str) -> Any:
        for kind in _REGISTRIES:
            if name in self.__dict__.get(kind, ()):
                return self.__dict__[kind][name]
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")

    def __delattr__(self, name: str) -> None:
        CONFIGURED[0] += 1
        kind = self._registry(name)
        if kind is None:
            object.__delattr__(self, name)
        else:
            del self.__dict__[kind][name]
            self._passing.discard(name)

    def _registry(self, name: str) -> str | None:
        """Which of the registries holds this name."""
        return next((kind for kind in _REGISTRIES if name in self.__dict__[kind]), None)

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self._parameters, *self._buffers, *self._modules]

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Set a parameter by name; None reserves the name for a parameter that this layer does not have."""
        self._taken("parameter", name)
        if param is None:
            self._parameters[name] = None
        else:
            setattr(self, name, param)

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """A tensor that belongs to the state but is not trained, such as a running mean.

        With ``persistent=False``, :meth:`state_dict` omits it.
        """
        self._taken("buffer", name)
        self._buffers[name] = tensor if tensor is None or isinstance(tensor, Tensor) else Tensor(tensor)
        (self._passing.discard if persistent else self._passing.add)(name)

    def register_module(self, name: str, module: Module | None) -> None:
        """Set a child by name; None reserves the name."""
        if not isinstance(module, Module | None):
            got = f"a {type(module).__name__}"
            if isinstance(module, type):
                got = f"the class {module.__name__}; write {module.__name__}()"
            raise TypeError(f"{type(self).__name__}: expected a module as {name!r}, got {got}")
        self._taken("module", name)
        self._modules[name] = module

    add_module = register_module

    def _taken(self, kind: str, name: str) -> None:
        """Raise KeyError if another attribute has the name."""
        CONFIGURED[0] += 1
        if name not in self.__dict__[f"_{kind}s"] and hasattr(self, name):
            raise KeyError(f"{type(self).__name__}.register_{kind}: {name!r} is an attribute already; del it first")

    # ------------------------------------------------------------------------------------------------ calls

    def forward(self, *args: Any, **params: Any) -> Any:
        """Compute the output; each subclass defines this."""
        raise NotImplementedError(f"{type(self).__name__} has no forward(); write def forward(self, x)")  # abstract

    def __call__(self, *args: Any, **params: Any) -> Any:
        return called_in_group(self._call, args, params, type(self).__name__, self)

    def _call(self, *args: Any, **params: Any) -> Any:
        about_to_run(self)
        if (outside := tracing()) is not None:
            outside.runs(self)
        for before in tuple(self._pre_hooks.values()):
            changed = before(self, args)
            if changed is not None:
                args = changed if isinstance(changed, tuple) else (changed,)

        def run(args: tuple[Any, ...]) -> Any:
            y = self.forward(*args, **params)
            for after in tuple(self._hooks.values()):
                changed = after(self, args, y)
                y = y if changed is None else changed
            return y

        return watched(self, run, args) if self._backward_hooks or self._backward_pre_hooks else run(args)

    def register_forward_hook(self, hook: Callable[[Module, Any, Any], Any]) -> Handle:
        """Call ``hook(module, args, output)`` after each forward; what it returns replaces the output."""
        return _registered(self._hooks, hook)

    def register_forward_pre_hook(self, hook: Callable[[Module, Any], Any]) -> Handle:
        """Call ``hook(module, args)`` before each forward; what it returns replaces the arguments."""
        return _registered(self._pre_hooks, hook)

    def register_full_backward_hook(self, hook: Callable[[Module, Any, Any], Any]) -> Handle:
        """Call ``hook(module, grad_input, grad_output)`` with the gradients of the positional arguments and the output.

        Both are tuples, with None where there is no gradient. A tuple that the hook returns replaces `grad_input`.

        Examples
        --------
        >>> import autograd_lite as ag
        >>> from autograd_lite import nn
        >>> layer = nn.ReLU()
        >>> handle = layer.register_full_backward_hook(lambda m, grad_input, grad_output: (2 * grad_input[0],))
        >>> x = ag.tensor([-1.0, 1.0], requires_grad=True)
        >>> layer(x).sum().backward()
        >>> x.grad
        tensor([0., 2.])
        """
        return _registered(self._backward_hooks, hook)

    def register_full_backward_pre_hook(self, hook: Callable[[Module, Any], Any]) -> Handle:
        """Call ``hook(module, grad_output)`` before the backward pass of the module.

        What the hook returns replaces `grad_output`.
        """
        return _registered(self._backward_pre_hooks, hook)

    # -------------------------------------------------------------------------------------------- traversal

    def children(self) -> Iterator[Module]:
        """The parts directly in this module."""
        return (m for _, m in self.named_children())

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """The parts directly in this module, each once, with their names."""
        return _each_once(self._modules.items())

    def modules(self) -> Iterator[Module]:
        """This module and all in it, each once."""
        return (m for _, m in self.named_modules())

    def named_modules(self, prefix: str = "") -> Iterator[tuple[str, Module]]:
        """This module and all in it, each once, with their dotted names."""
        return _each_once(self._places(prefix, set()))

    def _places(self, prefix: str = "", seen: set[int] | None = None) -> Iterator[tuple[str, Module]]:
        """This module and all in it, in each of their places, with their dotted names.

        With `seen`, the parts of a module are listed for its first place only.
        """
        yield prefix, self
        if seen is not None:
            if id(self) in seen:
                return
            seen.add(id(self))
        for name, m in list(self._modules.items()):
            if m is not None:
                yield from m._places(f"{prefix}.{name}" if prefix else name, seen)

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """The parameters, each once."""
        return (p for _, p in self.named_parameters(recurse=recurse))

    def named_parameters(self, prefix: str = "", recurse: bool = True) -> Iterator[tuple[str, Parameter]]:
        """The parameters, each once, with their dotted names."""
        return self._named("_parameters", prefix, recurse)

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """The buffers, each once."""
        return (b for _, b in self.named_buffers(recurse=recurse))

    def named_buffers(self, prefix: str = "", recurse: bool = True) -> Iterator[tuple[str, Tensor]]:
        """The buffers, each once, with their dotted names."""
        return self._named("_buffers", prefix, recurse)

    def _named(self, kind: str, prefix: str, recurse: bool) -> Iterator[tuple[str, Any]]:
        places = self.named_modules(prefix) if recurse else [(prefix, self)]
        return _each_once(
            (f"{where}.{name}" if where else name, t) for where, m in places for name, t in m.__dict__[kind].items()
        )

    def apply(self, fn: Callable[[Module], Any]) -> Self:
        """Call `fn` on every module, each after its parts; returns self.

        As in PyTorch, `fn` is called twice on a part of two modules.
        """
        for m in self.children():
            m.apply(fn)
        fn(self)
        return self

    def get_submodule(self, target: str) -> Module:
        """The module with a dotted name; AttributeError if there is none. The name of the module itself is empty."""
        return self._get("module", target) if target else self

    def get_parameter(self, target: str) -> Parameter:
        """The parameter with a dotted name; AttributeError if there is none."""
        return self._get("parameter", target)

    def get_buffer(self, target: str) -> Tensor:
        """The buffer with a dotted name; AttributeError if there is none."""
        return self._get("buffer", target)

    def _get(self, kind: str, target: str) -> Any:
        *path, name = target.split(".")
        m: Module | None = self
        for part in path:
            m = m._modules.get(part) if m is not None else None
        value = None if m is None else m.__dict__[f"_{kind}s"].get(name)
        if value is None:
            raise AttributeError(f"{type(self).__name__} has no {kind} {target!r}; named_{kind}s() lists the names")
        return value

    # ------------------------------------------------------------------------------------------------ state

    def train(self, mode: bool = True) -> Self:
        """Set this module and all in it to training (or evaluation) mode; returns self."""
        for m in self.modules():
            m.training = mode
        return self

    def eval(self) -> Self:
        """``train(False)``."""
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Freeze or unfreeze every parameter; returns self."""
        for p in self.parameters():
            p.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Set the gradient of every parameter to None."""
        for p in self.parameters():
            p.zero_grad()

    def to(self, *args: Any, dtype: Any = None, device: Any = None) -> Self:
        """Convert every floating parameter and buffer to another dtype, in place; returns self.

        The only device is the CPU.
        """
        dtype = dtype_in(f"{type(self).__name__}.to", args, dtype, device)
        for t in (*self.parameters(), *self.buffers()) if dtype is not None else ():
            if t.dtype.kind in "fc" and t.dtype != dtype:
                t.data, t.grad = t.data.astype(dtype), None
        return self

    def float(self) -> Self:
        """``to(float32)``."""
        return self.to(np.float32)

    def double(self) -> Self:
        """``to(float64)``."""
        return self.to(np.float64)

    def half(self) -> Self:
        """``to(float16)``."""
        return self.to(np.float16)

    def cpu(self) -> Self:
        """Returns self."""
        return self

    def state_dict(self) -> OrderedDict[str, np.ndarray[Any, Any]]:
        """Copies of all parameters and persistent buffers, as arrays, by their dotted names."""
        return OrderedDict((name, t.data.copy()) for name, t in self._state())

    def _state(self) -> Iterator[tuple[str, Tensor]]:
        """The parameters and persistent buffers, with all of their dotted names: a shared module has several."""
        for where, m in self._places():
            for name, t in [*m._parameters.items(), *m._buffers.items()]:
                if t is not None and name not in m._passing:
                    yield f"{where}.{name}" if where else name, t

    def _sized_by(self, state: Mapping[str, Any], prefix: str) -> None:
        """Take sizes that are still unknown from a state, in which this module's names begin with `prefix`."""

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True) -> IncompatibleKeys:
        """Copy a state into this module; nothing changes if anything does not fit.

        After an interrupt, all parameters and buffers are as before, or all are as in `state_dict`; but a lazy layer
        keeps the size that it has taken from `state_dict`.

        Parameters
        ----------
        state_dict : mapping of str to array_like
            As :meth:`state_dict` returns it; PyTorch's tensors are accepted.
        strict : bool
            Whether missing or unknown names raise an error.

        Returns
        -------
        missing_keys, unexpected_keys : list of str
            As a named tuple.

        Raises
        ------
        ValueError
            If a name is missing or unknown, or a shape differs; the message lists all of them.
        """
        if not isinstance(state_dict, Mapping):
            raise ValueError(f"load_state_dict: expected a dict of arrays, got a {type(state_dict).__name__}")
        state = dict(self._state())
        missing = [name for name in state if name not in state_dict]
        unexpected = [name for name in state_dict if name not in state]
        arrays = {name: _array(state_dict[name]) for name in state if name in state_dict}
        wrong = [text for name, a in arrays.items() if (text := _misfit(name, state[name], a))]
        if strict:
            wrong += [f"{name} is missing" for name in missing]
            wrong += [f"{name} is unknown" for name in unexpected]
        if wrong:
            raise ValueError(f"load_state_dict into {type(self).__name__}: " + "; ".join(wrong))
        for where, m in self._places():
            m._sized_by(arrays, f"{where}." if where else "")
        for name, array in arrays.items():
            state[name].data = array.astype(state[name].dtype, copy=True)
        return IncompatibleKeys(missing, unexpected)

    # ------------------------------------------------------------------------------------------- appearance

    def summary(self, *inputs: Any) -> Summary:
        """A table of the parts, with the shapes of their weights, and of their outputs for example `inputs`.

        Examples
        --------
        >>> import numpy as np
        >>> from autograd_lite import nn
        >>> net = nn.Sequential(nn.Linear(64, 50), nn.Sigmoid(), nn.Linear(50, 10))
        >>> net.summary(np.zeros((1, 64)))
        part            kind        output   parameters
        0               Linear      (1, 50)       3,250  weight (50, 64), bias (50,)
        1               Sigmoid     (1, 50)           0
        2               Linear      (1, 10)         510  weight (10, 50), bias (10,)
                        Sequential  (1, 10)       3,760  learned: 3,760
        """
        return summary(self, *inputs)

    def extra_repr(self) -> str:
        """The text between the parentheses of the repr; each subclass defines it."""
        return ""

    def _unusual(self, **usual: Any) -> str:
        """For `extra_repr`: the attributes whose values are not the usual ones."""
        names = [name for name, value in usual.items() if getattr(self, name) != value]
        return "".join(f", {name}={getattr(self, name)}" for name in names)

    def __repr__(self) -> str:
        children = [f"({name}): {m!r}".replace("\n", "\n  ") for name, m in self._modules.items()]
        extra = self.extra_repr()
        if not children:
            return f"{type(self).__name__}({extra})"
        return "\n".join([f"{type(self).__name__}({extra}", *(f"  {part}" for part in children), ")"])


def _each_once(pairs: Iterable[tuple[str, Any]]) -> Iterator[tuple[str, Any]]:
    """Names and objects: each object with its first name, and None omitted."""
    seen = set()
    for name, x in pairs:
        if x is not None and id(x) not in seen:
            seen.add(id(x))
            yield name, x


def _registered(hooks: dict[object, Any], hook: Any) -> Handle:
    key = object()
    hooks[key] = hook
    CONFIGURED[0] += 1

    def remove() -> None:
        hooks.pop(key, None)
        CONFIGURED[0] += 1

    return Handle(remove)


def _misfit(name: str, t: Tensor, array: Any) -> str:
    """Why an array cannot be the value of a Tensor; empty if it can."""
    if array.dtype.kind not in "biufc":
        return f"{name} holds {array.dtype}"
    if array.shape != t.shape and not hasattr(t, "lazy"):
        return f"expected {name} of shape {t.shape}, got {array.shape}"
    if array.dtype.kind == "c" and t.dtype.kind != "c":
        return f"expected {name} as {t.dtype}, got {array.dtype}"
    with np.errstate(invalid="ignore"):
        if t.dtype.kind in "biu" and not np.array_equal(array.astype(t.dtype), array):
            return f"expected {name} as {t.dtype}, got {array.dtype} with values that it cannot hold"
    return ""


def _array(value: Any) -> Any:
    """An array, also that of a Tensor of ours or of PyTorch."""
    return np.asarray(value.detach().numpy() if hasattr(value, "detach") else value)
