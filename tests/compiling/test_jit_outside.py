"""What a compiled function reads from outside: every kind of holder, used in every way, changed in every way.

A change is seen at the next call, or the first call raises an error that says what to write.
"""

import array
import collections
import contextvars
import functools
import itertools
import types
import weakref
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite import nn, optim

X = np.array([1.0, 2.0, 3.0])
GLOBAL = None
FLAG = 1.0


def entry(container, key="k", wrap=lambda x: x):
    """A holder whose value is an entry of a container."""
    def make(value):
        holder = container(value)
        return (lambda: wrap(holder)[key]), lambda new: wrap(holder).__setitem__(key, new)

    return make


def attribute(make_owner):
    """A holder whose value is an attribute of an object."""
    def make(value):
        owner = make_owner(value)
        return (lambda: owner.k), lambda new: setattr(owner, "k", new)

    return make


def with_k(cls):
    def make_owner(value):
        owner = cls()
        owner.k = value
        return owner

    return make_owner


class Plain:
    pass


class Slots:
    __slots__ = ("k",)


class Method:
    def value(self):
        return self.k


class Property:
    @property
    def k(self):
        return self._k

    @k.setter
    def k(self, value):
        self._k = value


class Descriptor:
    class Field:
        def __set_name__(self, owner, name):
            self.name = "_" + name

        def __get__(self, owner, cls):
            return getattr(owner, self.name)

        def __set__(self, owner, value):
            setattr(owner, self.name, value)

    k = Field()


class Getattr:
    def __init__(self):
        self.__dict__["table"] = {}

    def __getattr__(self, name):
        return self.table[name]

    def __setattr__(self, name, value):
        self.table[name] = value


class Dict(dict):
    pass


class OfLibrary(collections.UserDict):
    def value(self):
        return self["k"]


@dataclass
class Data:
    k: object = None


@dataclass(frozen=True)
class Frozen:
    k: object = None


class Net(nn.Module):
    def forward(self, x):
        return x * self.k


Pair = collections.namedtuple("Pair", "k other")


def local(value):
    def replace(new):
        nonlocal value
        value = new

    return (lambda: value), replace


def global_variable(value):
    globals()["GLOBAL"] = value
    return (lambda: GLOBAL), lambda new: globals().__setitem__("GLOBAL", new)


def in_tuple(value):
    box = {"pair": (value, 1.0)}
    return (lambda: box["pair"][0]), lambda new: box.update(pair=(new, 1.0))


def in_named_tuple(value):
    pair = Pair(value, {})

    def replace(new):
        nonlocal pair
        pair = pair._replace(k=new)

    return (lambda: pair.k), replace


def default(value):
    def read(k=value):
        return k

    return read, lambda new: setattr(read, "__defaults__", (new,))


def keyword_only(value):
    def read(*, k=value):
        return k

    return read, lambda new: read.__kwdefaults__.update(k=new)


def keyword_of_partial(value):
    read = functools.partial(lambda k: k, k=value)
    return read, lambda new: read.keywords.update(k=new)


def argument_of_partial(value):
    read = functools.partial(lambda k: k, value)

    def replace(new):
        nonlocal read
        read = functools.partial(lambda k: k, new)

    return (lambda: read()), replace


def attribute_of_function(value):
    def read():
        return read.k

    read.k = value
    return read, lambda new: setattr(read, "k", new)


def attribute_of_module(value):
    module = types.ModuleType("settings")
    module.k = value
    return (lambda: module.k), lambda new: setattr(module, "k", new)


def function_of_module(value):
    """Its globals are the module's."""
    module = types.ModuleType("helpers")
    module.k = value
    exec("def read(): return k", vars(module))
    return (lambda: module.read()), lambda new: setattr(module, "k", new)


def class_attribute(value):
    cls = type("Settings", (), {"k": value})
    return (lambda: cls.k), lambda new: setattr(cls, "k", new)


def class_attribute_of_object(value):
    owner = type("Settings", (), {"k": value})()
    return (lambda: owner.k), lambda new: setattr(type(owner), "k", new)


def of_a_base(value):
    base = type("Base", (), {"k": value})
    owner = type("Settings", (base,), {})()
    return (lambda: owner.k), lambda new: setattr(base, "k", new)


def overridden(value):
    owner = type("Settings", (), {"k": value})()
    return (lambda: owner.k), lambda new: setattr(owner, "k", new)


def overridden_in_the_class(value):
    base = type("Base", (), {"k": value})
    owner = type("Settings", (base,), {})()
    return (lambda: owner.k), lambda new: setattr(type(owner), "k", new)


def absent(value):
    owner = Plain()
    return (lambda: getattr(owner, "k", value)), lambda new: setattr(owner, "k", new)


def absent_in_the_class(value):
    owner = type("Settings", (), {})()
    return (lambda: getattr(owner, "k", value)), lambda new: setattr(type(owner), "k", new)


def absent_key(value):
    table = {}
    return (lambda: table.get("k", value)), lambda new: table.__setitem__("k", new)


def any_name(value):
    owner, name = Plain(), "".join("k")
    owner.k = value
    return (lambda: getattr(owner, name)), lambda new: setattr(owner, "k", new)


def method_of_object(value):
    owner = with_k(Method)(value)
    return owner.value, lambda new: setattr(owner, "k", new)


def method_replaced(value):
    owner = with_k(Method)(value)
    return (lambda: owner.value()), lambda new: setattr(owner, "value", lambda: new)


def base_class_of_library(value):
    owner = OfLibrary(k=value)
    return owner.value, lambda new: owner.__setitem__("k", new)


def chain(value):
    first = {}
    table = collections.ChainMap(first, {"k": value})
    return (lambda: table["k"]), lambda new: first.__setitem__("k", new)


def proxy(value):
    table = {"k": value}
    view = types.MappingProxyType(table)
    return (lambda: view["k"]), lambda new: table.__setitem__("k", new)


def cached(value):
    box = {"k": value}

    def read():
        return box["k"]

    return functools.wraps(read)(lambda: read()), lambda new: box.__setitem__("k", new)


def referred(value):
    owner = with_k(Plain)(value)
    ref = weakref.ref(owner)
    return (lambda: ref().k), lambda new: setattr(owner, "k", new)


def replaced_dict(value):
    owner = with_k(Plain)(value)
    return (lambda: owner.k), lambda new: setattr(owner, "__dict__", {"k": new})


def other_class(value):
    first, cls = (type("Settings", (), {"k": value}) for _ in "ab")
    owner = first()

    def replace(new):
        cls.k = new
        owner.__class__ = cls

    return (lambda: owner.k), replace


def nested(value):
    tree = {"layers": [{"k": value}]}
    return (lambda: tree["layers"][0]["k"]), lambda new: tree["layers"][0].__setitem__("k", new)


def in_a_module_of_nn(value):
    net = Net()
    net.options = {"k": value}
    return (lambda: net.options["k"]), lambda new: net.options.__setitem__("k", new)


def by_iteration(value):
    table = {"a": value}
    return (lambda: list(table.values())[-1]), lambda new: table.__setitem__("b", new)


HOLDERS = {
    "dict": entry(lambda v: {"k": v}), "list": entry(lambda v: [v, 1.0], 0),
    "deque": entry(lambda v: collections.deque([v]), 0), "OrderedDict": entry(lambda v: collections.OrderedDict(k=v)),
    "defaultdict": entry(lambda v: collections.defaultdict(float, k=v)), "subclass of dict": entry(lambda v: Dict(k=v)),
    "UserDict": entry(lambda v: collections.UserDict(k=v)), "UserList": entry(lambda v: collections.UserList([v]), 0),
    "object": attribute(with_k(Plain)), "slots": attribute(with_k(Slots)), "property": attribute(with_k(Property)),
    "descriptor": attribute(with_k(Descriptor)), "__getattr__": attribute(with_k(Getattr)), "dataclass": attribute(Data),
    "namespace": attribute(lambda v: types.SimpleNamespace(k=v)), "nn.Module": attribute(with_k(Net)),
    "frozen": lambda v: (lambda o: ((lambda: o.k), lambda new: object.__setattr__(o, "k", new)))(Frozen(v)),
    **{f.__name__: f for f in (
        local, global_variable, in_tuple, in_named_tuple, default, keyword_only, keyword_of_partial, argument_of_partial,
        attribute_of_function, attribute_of_module, function_of_module, class_attribute, class_attribute_of_object,
        of_a_base, overridden, overridden_in_the_class, absent, absent_in_the_class, absent_key, any_name,
        method_of_object, method_replaced, base_class_of_library, chain, proxy, cached, referred,
        replaced_dict, other_class, nested, in_a_module_of_nn, by_iteration,
    )},
}  # fmt: skip

USES = {
    "product": lambda x, k: x * k,
    "alone": lambda x, k: x * np.sin(k),
    "entry": lambda x, k: x * np.exp(k)[..., 0] if np.ndim(k) else x * np.exp(k),
    "float": lambda x, k: x * float(np.max(k)),
    "branch": lambda x, k: x * 2.0 if np.max(k) > 1.0 else x - 1.0,
    "sign": lambda x, k: x * np.copysign(1.0, k),
}

VALUES = {
    "number": (0.0, -0.0, 2.0, True), "array": (np.array(0.0), np.array(-0.0), np.array(2.0), np.array([2, 3, 4])),
    "Tensor": (ag.tensor(X), ag.tensor(X + 1)),
}


def same(x, y):
    x, y = (z.numpy() if isinstance(z, ag.Tensor) else np.asarray(z) for z in (x, y))
    np.testing.assert_array_equal(x, y, strict=True)
    np.testing.assert_array_equal(np.signbit(x), np.signbit(y))


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("holder", HOLDERS)
def test_every_holder(holder, use):
    for kind, values in VALUES.items():
        if kind == "Tensor" and use in ("float", "branch"):
            continue  # a branch on a Tensor raises
        read, replace = HOLDERS[holder](values[0])
        f = lambda x: USES[use](x, read())  # noqa: B023, E731 - it is called in this round
        compiled = ag.jit(f)
        same(compiled(X), f(X))
        for value in values[1:]:
            replace(value)
            same(compiled(X), f(X))
        if kind == "array":
            value = read()
            before, value[...] = value.copy(), 5
            same(compiled(X), f(X))
            value[...] = before
            same(compiled(X), f(X))
        misses = compiled.cache_info().misses
        compiled(X)
        assert compiled.cache_info().misses == misses
