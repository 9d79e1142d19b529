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
from enum import Enum
from fractions import Fraction

import numpy as np
import pytest
from thorough import some

import autograd_lite as ag
from autograd_lite import nn, optim
from autograd_lite.base.tree import leaves

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


def by_globals(value):
    globals()["GLOBAL"] = value
    return (lambda: globals()["GLOBAL"]), lambda new: globals().__setitem__("GLOBAL", new)


def in_an_enum(value):
    options = Enum("Options", {"A": {"k": value}})
    return (lambda: options.A.value["k"]), lambda new: options.A.value.__setitem__("k", new)


def factory_replaced(value):
    table = collections.defaultdict(lambda: value)
    return (lambda: table.default_factory()), lambda new: setattr(table, "default_factory", lambda: new)


def call_added(value):
    base = type("Base", (), {"__call__": lambda self: value})
    owner = type("Settings", (base,), {})()
    return (lambda: owner()), lambda new: setattr(type(owner), "__call__", lambda self: new)


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
    "descriptor": attribute(with_k(Descriptor)), "__getattr__": attribute(with_k(Getattr)),
    "dataclass": attribute(Data),
    "namespace": attribute(lambda v: types.SimpleNamespace(k=v)), "nn.Module": attribute(with_k(Net)),
    "frozen": lambda v: (lambda o: ((lambda: o.k), lambda new: object.__setattr__(o, "k", new)))(Frozen(v)),
    **{f.__name__: f for f in (
        local, global_variable, in_tuple, in_named_tuple, default, keyword_only, keyword_of_partial,
        argument_of_partial,
        attribute_of_function, attribute_of_module, function_of_module, class_attribute, class_attribute_of_object,
        of_a_base, overridden, overridden_in_the_class, absent, absent_in_the_class, absent_key, any_name, by_globals,
        in_an_enum, factory_replaced, call_added,
        method_of_object, method_replaced, base_class_of_library, chain, proxy, cached, referred,
        replaced_dict, other_class, nested, in_a_module_of_nn, by_iteration,
    )},
}  # fmt: skip

USES = {
    "product": lambda x, k: x * k,
    "alone": lambda x, k: x * np.sin(k) * np.exp(np.atleast_1d(k))[0],
    "number": lambda x, k: x * float(np.max(k)) * np.copysign(1.0, k),
    "branch": lambda x, k: x * 2.0 if np.max(k) > 1.0 else x - 1.0,
}

VALUES = {
    "number": (0.0, -0.0, 2.0, True), "array": (np.array(0.0), np.array(-0.0), np.array([2, 3, 4])),
    "Tensor": (ag.tensor(X), ag.tensor(X + 1)),
}


def same(x, y):
    x, y = (z.numpy() if isinstance(z, ag.Tensor) else np.asarray(z) for z in (x, y))
    np.testing.assert_array_equal(x, y, strict=True)
    np.testing.assert_array_equal(np.signbit(x), np.signbit(y))


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("holder", HOLDERS)
def test_every_holder(holder, use):
    for kind, values in some(VALUES.items(), 2):
        if kind == "Tensor" and use != "product":
            continue
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


# ------------------------------------------------------------------------------------------- what cannot be watched


def opened(tmp_path):
    path = tmp_path / "log"
    path.write_text("2.0\n")
    return path.open()


LINES = array.array("d", [2.0])
VARIABLE = contextvars.ContextVar("scale", default=2.0)


@pytest.mark.parametrize(
    ("value", "use"),
    [
        (iter([2.0, 3.0]), next), (itertools.count(2), next), ((k for k in (2.0, 3.0)), next), (zip([1.0]), next),
        (bytearray(b"2"), float), (array.array("d", [2.0]), lambda a: a[0]), (VARIABLE, lambda v: v.get()),
        (np.array([2.0, None]), lambda a: a[0]), (np.array(["2.0"]), lambda a: float(a[0])),
        (np.ma.masked_array([2.0], [True]), lambda a: a[0]),
        (np.zeros(2, [("a", float)]), lambda a: a["a"]), ([1.0] * 1001, lambda a: a[3]),
        (np.ones(3).sum, lambda s: s()),
        (dict.fromkeys(range(1001), 1.0), lambda a: a[3]), (np.nditer(np.ones(3)), lambda a: next(a)),
    ],
    ids=lambda x: type(x).__name__,
)  # fmt: skip
def test_what_cannot_be_watched_is_refused_by_name(value, use):
    settings = types.SimpleNamespace(scale=value)
    for f in (lambda x: x * use(value), lambda x: x * use(settings.scale)):
        with pytest.raises(RuntimeError, match=r"the function uses '(value|scale)' from outside, a .* as an argument"):
            ag.jit(f)(X)


def test_what_the_code_does_not_name_is_not_refused(tmp_path):
    owner = Plain()
    owner.scale, owner.file, owner.rows, owner.names = 2.0, opened(tmp_path), [1.0] * 2000, np.array(["a"])
    compiled = ag.jit(lambda x: x * owner.scale)
    same(compiled(X), X * 2.0)
    owner.rows.append(2.0)
    owner.other = 1.0
    compiled(X)
    assert compiled.cache_info().misses == 1
    owner.file.close()


def test_what_is_not_used_is_not_refused(tmp_path):
    """The code names `data`, but that of a Tensor."""
    owner, w = Plain(), ag.tensor(X, requires_grad=True)
    owner.data, owner.w, owner.grad = [1.0] * 2000, w, opened(tmp_path)
    rows, file = owner.data, owner.grad

    def f(x):
        assert isinstance(owner.data, list)
        assert owner.grad is not None
        return owner.w.data * x

    compiled = ag.jit(f)
    same(compiled(X), X * X)
    assert owner.data is rows
    assert owner.grad is file
    w.data = X + 1
    same(compiled(X), (X + 1) * X)
    for g in (lambda x: (x, owner.data), lambda x: setattr(owner, "other", owner.data)):
        with pytest.raises(RuntimeError, match="the function uses 'data' from outside, a list of 2000 entries"):
            ag.jit(g)(X)
    assert not hasattr(owner, "other")
    file.close()


def test_objects_without_state_may_be_used():
    for value in (Fraction(1, 2), np.float32(0.5), len, np.random.default_rng(), functools.lru_cache(lambda: 0.5), ...):
        compiled = ag.jit(lambda x: x * (value is not None))  # noqa: B023 - it is called in this round
        same(compiled(X), X)


def test_plain_subclasses_of_arrays(tmp_path):
    class Sub(np.ndarray):
        unit = "m"

    for k in (X.copy().view(Sub), np.memmap(tmp_path / "x", float, "w+", shape=3)):
        compiled = ag.jit(lambda x: x * np.cos(k))  # noqa: B023 - it is called in this round
        compiled(X)
        k[...] = 2.0
        np.testing.assert_array_equal(compiled(X), X * np.cos(2.0))
        assert compiled.cache_info().misses == 1


@pytest.mark.parametrize("container", [set, collections.Counter, frozenset])
def test_membership(container):
    members = container("ab")
    compiled = ag.jit(lambda x: x * (2.0 if "a" in members else 5.0))
    same(compiled(X), X * 2.0)
    members = container("b")
    same(compiled(X), X * 5.0)
    if hasattr(members, "update"):
        members.update("a")
        same(compiled(X), X * 2.0)


def test_a_builtin_may_be_shadowed():
    module = types.ModuleType("helpers")
    exec("def read(x): return x * abs(-2.0)", vars(module))
    compiled = ag.jit(module.read)
    same(compiled(X), X * 2.0)
    module.abs = lambda x: 7.0
    same(compiled(X), X * 7.0)


def test_code_may_be_replaced():
    """As when a notebook reloads a module."""
    def read(x):
        return x * 2.0

    compiled = ag.jit(lambda x: read(x))
    same(compiled(X), X * 2.0)
    read.__code__ = (lambda x: x * 5.0).__code__
    same(compiled(X), X * 5.0)


def test_the_order_of_entries():
    weights = {"a": 1.0, "b": 2.0}
    f = lambda x: sum((x + k) * w for k, w in enumerate(weights.values()))  # noqa: E731
    compiled = ag.jit(f)
    same(compiled(X), f(X))
    weights["a"] = weights.pop("a")
    same(compiled(X), f(X))


def test_an_array_in_two_places():
    p, q = {"w": X.copy()}, {}
    q["w"] = p["w"]
    f = lambda x: x * p["w"] + np.sin(q["w"])  # noqa: E731
    compiled = ag.jit(f)
    same(compiled(X), f(X))
    q["w"] = X + 1
    same(compiled(X), f(X))
    p["w"] = X + 2
    same(compiled(X), f(X))
    p["w"] = q["w"]
    same(compiled(X), f(X))


def test_the_default_dtype():
    f = lambda x: x + ag.ones(3)  # noqa: E731
    compiled = ag.jit(f)
    x = X.astype(np.float32)
    try:
        for dtype in (np.float64, np.float32, np.float64):
            ag.set_default_dtype(dtype)
            assert compiled(x).dtype == dtype
        assert compiled.cache_info().misses == 2
    finally:
        ag.set_default_dtype(np.float64)


@pytest.mark.parametrize(
    "change",
    [
        lambda a, b, o: a.register_hook(lambda g: g * 3), lambda a, b, o: o.param_groups[0]["params"].pop(0),
        lambda a, b, o: o.param_groups[0]["params"].reverse(), lambda a, b, o: o.param_groups[0].update(lr=0.5),
        lambda a, b, o: o.param_groups.clear(), lambda a, b, o: o.add_param_group({"params": [b], "lr": 0.3}),
        lambda a, b, o: a.requires_grad_(False), lambda a, b, o: o.param_groups[0].update(momentum=0.9),
        lambda a, b, o: b.register_hook(lambda g: None).remove(),
    ],
    ids=["hook", "removed", "order", "rate", "no groups", "group", "frozen", "momentum", "hook removed"],
)  # fmt: skip
def test_parameters_and_optimisers(change):
    results = []
    for jit in (False, True):
        a, b = (ag.tensor(np.ones(3), requires_grad=True) for _ in "ab")
        o = optim.SGD([a] if "add_param_group" in change.__code__.co_names else [a, b], lr=0.1)

        def step(x):
            o.zero_grad()  # noqa: B023 - it is called in this round
            loss = ((a + b) ** 2 * x).sum()  # noqa: B023
            loss.backward()
            o.step()  # noqa: B023
            return loss

        run = ag.jit(step) if jit else step
        for k in range(6):
            if k == 2:
                change(a, b, o)
            run(X)
        results.append(np.concatenate([a.numpy(), b.numpy()]))
    np.testing.assert_allclose(*results, rtol=1e-13)


def test_a_hook_reads_what_is_outside():
    w, scale = ag.tensor(X, requires_grad=True), {"k": 2.0}
    w.register_hook(lambda g: g * scale["k"])
    gradient = ag.jit(lambda x: ag.autograd.grad((w * x).sum(), [w])[0])
    same(gradient(X), X * 2.0)
    scale["k"] = 5.0
    same(gradient(X), X * 5.0)


# --------------------------------------------------------------------------------------- what the function changes


SETTINGS = types.SimpleNamespace(n=1, w=np.ones(3), none=None, table={"n": 1, "w": X.copy()}, rows=[1.0, 2.0], calls=[])


def counts(x):
    SETTINGS.n += 1
    return x * SETTINGS.n


def replaces_an_entry(x):
    SETTINGS.table["n"] += 1
    return x


def replaces_an_array(x):
    SETTINGS.table["w"] = 2.0
    return x


def removes(x):
    SETTINGS.rows.pop()
    return x


def removes_a_key(x):
    del SETTINGS.table["n"]
    return x


def keeps_in_an_entry(x):
    SETTINGS.table["w"] = SETTINGS.table["w"] * x
    return x


def keeps_in_a_class(x):
    Plain.latest = x * 2
    return x


@pytest.mark.parametrize(
    "f", [counts, replaces_an_entry, replaces_an_array, removes, removes_a_key, keeps_in_an_entry, keeps_in_a_class],
    ids=lambda f: f.__name__,
)  # fmt: skip
def test_what_it_reads_may_not_change(f):
    before = (SETTINGS.n, *SETTINGS.table.items(), *SETTINGS.rows)
    with pytest.raises(RuntimeError, match=r"assigns to .* outside of it|is kept outside of the function"):
        ag.jit(f)(X)
    for new, old in zip((SETTINGS.n, *SETTINGS.table.items(), *SETTINGS.rows), before, strict=True):
        assert new is old or new[1] is old[1]
    assert not hasattr(Plain, "latest")
    compiled = ag.jit(f, fallback=True)
    with pytest.warns(UserWarning, match="runs without compiling"):
        compiled(X)
    SETTINGS.__dict__.update(n=1, table={"n": 1, "w": X.copy()}, rows=[1.0, 2.0])
    if hasattr(Plain, "latest"):
        del Plain.latest


def test_what_it_adds_and_what_was_none_is_no_reason_to_record_again():
    def f(x):
        SETTINGS.calls.append(1)
        if SETTINGS.none is None:
            SETTINGS.none = 5.0
        return x * SETTINGS.none

    compiled = ag.jit(f)
    for x in (X, X[:2], X, X[:2]):
        same(compiled(x), x * 5.0)
    assert compiled.cache_info().misses == len(SETTINGS.calls) == 2
    SETTINGS.none = 7.0
    same(compiled(X), X * 7.0)


def entry_of_dict():
    p = {"w": X.copy(), "n": np.array(0)}

    def f(x):
        p["w"] -= 0.1 * x
        p["n"] += 1
        return p["w"] * p["n"]

    return f, p.values()


def attribute_of_object():
    o = types.SimpleNamespace(w=X.copy(), t=np.array(0.0))

    def f(x):
        o.t += 1
        o.w[1:] += x[1:] * o.t
        return o.w.sum()

    return f, (o.w, o.t)


def method_of_a_module():
    net = Net()
    net.k, net.options = np.zeros(3), {"m": X.copy()}

    def f(x):
        net.k += x
        net.options["m"] *= 2
        return net(x) * net.options["m"]

    return f, (net.k, net.options["m"])


def list_of_arrays():
    weights = [X.copy() for _ in range(3)]

    def f(x):
        for w in weights:
            w *= x
        return np.add(weights[0], weights[1], out=weights[2]) + 1

    return f, weights


def enclosing_variable():
    w = X.copy()

    def first(y):
        w[0] = y[0]
        return w * 2

    return (lambda x: first(x * 3) + first(x)), (w,)


def tuple_and_dict():
    w = X.copy()
    pair = w, {"w": w}

    def f(x):
        pair[0][...] += x
        return pair[1]["w"] * 2

    return f, (w,)


def keyed_by_parameters():
    parameters = [ag.tensor(X, requires_grad=True) for _ in "ab"]
    momentum = {p: np.zeros(3) for p in parameters}

    def f(x):
        a, b = parameters
        gradients = ag.autograd.grad(((a * b * x) ** 2).sum(), parameters)
        with ag.no_grad():
            for p, g in zip(parameters, gradients, strict=True):
                momentum[p] *= 0.9
                momentum[p] += g.detach()
                p -= 1e-4 * momentum[p]
        return a.detach() * 1

    return f, [*momentum.values(), *parameters]


@pytest.mark.parametrize(
    "make",
    [
        entry_of_dict, attribute_of_object, method_of_a_module, list_of_arrays, enclosing_variable, tuple_and_dict,
        keyed_by_parameters,
    ],
    ids=lambda f: f.__name__,
)  # fmt: skip
def test_arrays_outside_may_be_written_to(make):
    (f, want), (g, got) = make(), make()
    compiled = ag.jit(g)
    for k in range(3):
        x, y = f(X + k), compiled(X + k)
        for a, b in zip((x, *want), (y, *got), strict=True):
            np.testing.assert_allclose(*(z.numpy() if isinstance(z, ag.Tensor) else z for z in (a, b)), rtol=1e-13)
    assert compiled.cache_info().misses == 1


@pytest.mark.parametrize("given", [np.ones, ag.ones], ids=["array", "Tensor"])
def test_only_the_shape_is_used(given):
    table = {"w": given(3)}
    compiled = ag.jit(lambda x: x / len(table["w"]))
    same(compiled(X), X / 3)
    table["w"] = given(4)
    same(compiled(X), X / 4)
    if isinstance(table["w"], ag.Tensor):
        table["w"].data = np.ones(5)
        same(compiled(X), X / 5)
    misses = compiled.cache_info().misses
    table["w"][...] = 7.0
    compiled(X)
    assert compiled.cache_info().misses == misses


def test_a_global_with_the_name_of_an_attribute():
    owner = with_k(Plain)(2.0)
    module = types.ModuleType("script")
    vars(module).update(owner=owner, k=0)
    exec("def f(x): return x * owner.k", vars(module))
    compiled = ag.jit(module.f)
    for module.k in range(3):
        same(compiled(X), X * 2.0)
    assert compiled.cache_info().misses == 1


def test_what_it_has_added_is_compared():
    table = collections.defaultdict(lambda: 2.0)
    compiled = ag.jit(lambda x: x * table["k"])
    same(compiled(X), X * 2.0)
    table["k"] = 5.0
    same(compiled(X), X * 5.0)
    del table["k"]
    same(compiled(X), X * 2.0)
    assert dict(table) == {"k": 2.0}


def test_arrays_are_in_their_places_after_an_error():
    table, array = {"w": X.copy()}, X.copy()
    owner = with_k(Plain)(array)
    pair, before = [(array, 1.0)], table["w"]

    def f(x, k=array):
        assert isinstance(table["w"], ag.Tensor)
        raise ZeroDivisionError(owner.k, pair[0][0], k)

    with pytest.raises(ZeroDivisionError):
        ag.jit(f)(X)
    assert table["w"] is before
    assert owner.k is pair[0][0] is array is f.__defaults__[0]


# ------------------------------------------------------------------------------------------------------ arguments


def sets_and_adds(p):
    p["a"] = p["a"] * 2
    p["new"] = {"b": p["a"] + 1, "n": 3}
    p["rows"].append(p["a"] - 1)
    p["rows"][0] = p["a"] + p["rows"][0]
    return p["a"]


@pytest.mark.parametrize("given", [np.array, ag.tensor], ids=["arrays", "Tensors"])
def test_entries_of_arguments_are_set_at_every_call(given):
    def make(k):
        return {"a": given(X + k), "rows": [given(X * k)]}

    compiled = ag.jit(sets_and_adds)
    for k in range(3):
        want, got = make(k), make(k)
        same(compiled(got), sets_and_adds(want))
        assert list(got) == list(want)
        for x, y in zip(leaves(got), leaves(want), strict=True):
            assert type(x) is type(y)
            same(x, y)
    assert compiled.cache_info().misses == 1


@pytest.mark.parametrize(
    ("f", "make"),
    [
        (lambda p: p.pop("a"), lambda: {"a": X, "b": X}), (lambda p: p.update(b=p["a"]), lambda: {"a": X}),
        (lambda p: p.insert(0, p[0] * 2), lambda: [X]), (lambda p: p.reverse(), lambda: [X, X + 1]),
        (lambda p: p.clear(), lambda: {"a": X}), (lambda p: p.update(c=p["b"]), lambda: {"b": [X]}),
    ],
    ids=["pop", "moved", "insert", "reverse", "clear", "container"],
)  # fmt: skip
def test_removing_and_moving_entries_of_arguments_raises(f, make):
    with pytest.raises(RuntimeError, match=r"removes or moves entries of a (dict|list) that is an argument"):
        ag.jit(lambda p: (f(p), 1)[1])(make())


@pytest.mark.parametrize("keys", ["ab", (0.0, 1), (1, True)], ids=str)
def test_the_order_of_keys(keys):
    f = lambda p: sum((k + 1) * v for k, v in enumerate(p.values()))  # noqa: E731
    compiled = ag.jit(f)
    for p in ({keys[0]: X, keys[1]: X + 1}, {keys[1]: X, keys[0]: X + 1}) * 2:
        same(compiled(p), f(p))
    assert compiled.cache_info().misses <= 2


def test_keys_are_told_apart():
    f = ag.jit(lambda p: sum(np.copysign(k, 1.0) * v + isinstance(k, bool) for k, v in p.items()))
    g = f.f
    for key in (1, True, 0.0, -0.0, 1, True):
        same(f({key: X}), g({key: X}))
    assert f.cache_info().misses == 4


def test_keywords_in_another_order():
    f = lambda **p: sum((k + 1) * v for k, v in enumerate(p.values()))  # noqa: E731
    compiled = ag.jit(f)
    for _ in range(2):
        same(compiled(a=X, b=X + 1), f(a=X, b=X + 1))
        same(compiled(b=X + 1, a=X), f(b=X + 1, a=X))
    assert compiled.cache_info().misses == 2


@pytest.mark.parametrize(
    "value", [float("nan"), -0.0, complex(0, -0.0), (1.0, float("nan")), np.float32("nan"), Frozen(2.0)], ids=repr
)
def test_static_values_are_recorded_once(value):
    f = ag.jit(lambda x, n: x * 2, static_argnames="n")
    for _ in range(3):
        f(X, Frozen(2.0) if isinstance(value, Frozen) else value if isinstance(value, tuple) else type(value)(value))
    assert f.cache_info().misses == 1


def test_static_values_are_told_apart():
    f = ag.jit(lambda x, n: x * np.copysign(1.0, n) + isinstance(n, bool), static_argnames="n")
    for n in (0.0, -0.0, 0, False, 0.0, -0.0):
        same(f(X, n), f.f(X, n))
    assert f.cache_info().misses == 4


def write(x, y):
    x += 1
    return y * 2


@pytest.mark.parametrize("given", [np.array, ag.tensor], ids=["arrays", "Tensors"])
def test_one_array_as_two_arguments(given):
    compiled = ag.jit(write)
    for x, y in ((given(X), given(X)), (a := given(X), a), (given(X), given(X)), (b := given(X), b)):
        x2, y2 = given(np.array(x)), given(np.array(y))
        want = write(x2, x2 if x is y else y2)
        same(compiled(x, y), want)
        same(x, x2)


def test_writes_to_memory_that_is_shared():
    x, w = np.arange(6.0), np.ones(3)
    compiled = ag.jit(write)
    same(compiled(x[:3].copy(), x[3:]), x[3:] * 2)
    before = x.copy()
    same(compiled(x[:3], x[3:]), before[3:] * 2)  # views of one array that do not overlap
    with pytest.raises(RuntimeError, match=r"write writes to .*, which shares memory with y"):
        compiled(x[1:4], x[:3])
    outside = ag.jit(lambda x: write(x, w))
    same(outside(X.copy()), w * 2)
    with pytest.raises(RuntimeError, match="shares memory with w"):
        outside(w)


def test_an_argument_that_shares_memory_with_a_parameter():
    w = ag.tensor(np.ones(3), requires_grad=True)

    def step(x):
        with ag.no_grad():
            w.__iadd__(1.0)
        return x * 2

    compiled = ag.jit(step)
    same(compiled(X), X * 2)
    with pytest.raises(RuntimeError, match="shares memory with x"):
        compiled(w.data[:2])


# ------------------------------------------------------------------------------------------ objects of other libraries


def test_objects_of_other_libraries():
    from scipy.interpolate import CubicSpline
    from scipy.sparse import random_array

    spline, poly = CubicSpline([0.0, 1.0, 2.0], [0.0, 1.0, 4.0]), np.poly1d([1.0, 2.0])
    compiled = ag.jit(lambda x: x * spline(1.5) + poly(x))
    same(compiled(X), compiled.f(X))
    spline.c[...] *= 2.0
    poly.coeffs[...] = 5.0
    same(compiled(X), compiled.f(X))
    compiled(X)
    assert compiled.cache_info().misses == 2
    matrix = random_array((200, 200), density=0.1)
    with pytest.raises(RuntimeError, match=r"uses 'matrix' from outside, a scipy.sparse"):
        ag.jit(lambda x: x * matrix.sum())(X)


def test_data_sets_and_schedules():
    rows = ag.data.TensorDataset(X.copy(), X + 1)
    optimizer = optim.SGD([ag.tensor(X, requires_grad=True)], lr=0.5)
    schedule = optim.lr_scheduler.StepLR(optimizer, 1)
    f = lambda x: x * rows[1][0] + optimizer.param_groups[0]["lr"] * schedule.get_last_lr()[0]  # noqa: E731
    compiled = ag.jit(f)
    same(compiled(X), f(X))
    rows.arrays[0][...] = 7.0
    same(compiled(X), f(X))
    optimizer.step()
    schedule.step()
    same(compiled(X), f(X))


def test_what_a_wrapper_wraps():
    scale = {"k": 2.0}

    @functools.lru_cache
    def cached(k):
        return k * scale["k"]

    inner = ag.jit(with_k(Net)(3.0))
    f = lambda x: inner(x) * cached(2)  # noqa: E731
    compiled = ag.jit(f)
    same(compiled(X), f(X))
    scale["k"] = 5.0
    cached.cache_clear()
    inner.f.k = 4.0
    same(compiled(X), f(X))


def test_more_than_can_be_compared():
    table = {j: dict.fromkeys(range(1000)) for j in range(11)}
    with pytest.raises(RuntimeError, match=r"can read more than 10000 values from outside, the last of them \d+ of a"):
        ag.jit(lambda x: x if table else -x)(X)


def test_no_number_is_printed_for_an_array_from_outside():
    k = np.array([1, 2])
    with pytest.raises(RuntimeError, match="printing of a value"):
        ag.jit(lambda x: x * float(f"{k[1]}"))(X)


def test_a_large_array_is_no_number():
    flags = np.ones(1001, bool)
    with pytest.raises(RuntimeError, match=r"bool\(\) of a value"):
        ag.jit(lambda x: x if flags.all() else -x)(X)


def test_a_slot_that_was_empty_is_empty_again_after_the_error():
    class Cache:
        __slots__ = ("scale",)

    cache = Cache()

    def f(x):
        if not hasattr(cache, "scale"):
            cache.scale = 2.0
        return x * cache.scale

    with pytest.raises(RuntimeError, match="assigns to scale"):
        ag.jit(f)(np.ones(2))
    assert not hasattr(cache, "scale")


def test_a_partial_of_a_method_of_an_array_may_be_there_but_not_be_called():
    total = functools.partial(np.ones(3).sum)
    np.testing.assert_array_equal(ag.jit(lambda x: x if total is None else x * 2)(np.ones(2)), [2, 2])
    with pytest.raises(RuntimeError, match="inside jit a change of it would not be seen"):
        ag.jit(lambda x: x * total())(np.ones(2))
    assert total() == 3
