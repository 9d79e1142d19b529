"""Containers against Python's lists: a module may be in several places, and each of them counts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, strategies as st

import autograd_lite as ag
from autograd_lite import nn

X = np.array([[0.5, -1.0], [2.0, 0.25]])


def pool():
    """Some modules, one of which has parts; `activation` is in two of them."""
    activation = nn.Tanh()
    block = nn.Sequential(nn.Linear(2, 2), activation)
    return [nn.Linear(2, 2), activation, block, nn.Sequential(block, block)]


def weights(modules, prefix=""):
    """The names of a state: those of every place."""
    names = []
    for k, m in enumerate(modules):
        parts = [f"{prefix}{k}.weight", f"{prefix}{k}.bias"] if isinstance(m, nn.Linear) else []
        names += parts or weights(m if isinstance(m, nn.Sequential) else (), f"{prefix}{k}.")
    return names


def applied(modules, x):
    for m in modules:
        x = applied(m, x) if isinstance(m, nn.Sequential) else m(x)
    return x


def linears(modules):
    """The linear layers, each once, in the order in which they are first met."""
    nested = [[m] if isinstance(m, nn.Linear) else linears(m) if isinstance(m, nn.Sequential) else [] for m in modules]
    return list(dict.fromkeys(layer for layers in nested for layer in layers))


WHERE = st.integers(-5, 5)
CHANGES = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.integers(0, 3)),
        st.tuples(st.just("extend"), st.lists(st.integers(0, 3), max_size=3)),
        st.tuples(st.just("insert"), WHERE, st.integers(0, 3)),
        st.tuples(st.just("set"), WHERE, st.integers(0, 3)),
        st.tuples(st.just("pop"), WHERE),
        st.tuples(st.just("del"), st.slices(5)),
        st.tuples(st.just("add"), st.lists(st.integers(0, 3), max_size=3)),
        st.tuples(st.just("iadd")),
    ),
    max_size=6,
)


def changed(modules, some, change, wrap):
    """A list or a container after a change; IndexError as a list has it."""
    kind, *args = change
    if kind in ("append", "extend"):
        getattr(modules, kind)(some[args[0]] if kind == "append" else [some[k] for k in args[0]])
    elif kind == "insert":
        modules.insert(args[0], some[args[1]])
    elif kind == "set":
        modules[args[0]] = some[args[1]]
    elif kind == "pop":
        modules.pop(args[0])
    elif kind == "del":
        del modules[args[0]]
    elif kind == "add":
        modules = modules + wrap([some[k] for k in args[0]])
    elif len(modules) < 20:
        modules += modules
    return modules


@given(st.sampled_from([nn.Sequential, nn.ModuleList]), st.lists(st.integers(0, 3), max_size=4), CHANGES, st.slices(6))
def test_a_container_is_a_list(cls, start, changes, piece):
    some = pool()

    def wrap(modules):
        return nn.Sequential(*modules) if cls is nn.Sequential else nn.ModuleList(modules)

    expected = [some[k] for k in start]
    container = wrap(expected)
    for change in changes:
        error = None
        try:
            expected = changed(expected, some, change, list)
        except IndexError as e:
            error = e
        if error is None:
            container = changed(container, some, change, wrap)
        else:
            with pytest.raises(IndexError):
                changed(container, some, change, wrap)
        assert list(container) == expected
    assert type(container) is cls
    assert len(container) == len(expected)
    assert [container[k] for k in range(-len(expected), len(expected))] == expected * 2
    assert list(container[piece]) == expected[piece]
    assert list(container.state_dict()) == weights(expected)
    assert list(container.children()) == list(dict.fromkeys(expected))
    assert [id(p) for p in container.parameters()] == [id(p) for m in linears(expected) for p in m.parameters()]
    assert repr(container).count("\n  (") == len(expected)
    other = wrap([nn.Sequential(*m) if isinstance(m, nn.Sequential) else m for m in expected])
    other.load_state_dict(container.state_dict())
    if cls is nn.Sequential:
        with ag.no_grad():
            np.testing.assert_array_equal(container(X), applied(expected, X))
            np.testing.assert_array_equal(container[piece](X), applied(expected[piece], X))


@pytest.mark.parametrize("compiled", [False, True])
def test_gradients_of_a_layer_in_several_places_add_up(compiled):
    layer = nn.Linear(2, 2)
    net = nn.Sequential(layer, nn.Tanh(), layer, nn.Sequential(layer, layer))

    def by_hand(w):
        x = X
        for k in range(4):
            x = x @ w.T + layer.bias.data
            x = np.tanh(x) if k == 0 else x
        return x.sum()

    value, expected = ag.value_and_grad(by_hand)(layer.weight.data)

    def step(x):
        net.zero_grad()
        y = net(x).sum()
        y.backward()
        return y

    step = ag.jit(step) if compiled else step
    for _ in range(2):
        np.testing.assert_allclose(step(X).item(), value, rtol=1e-12)
        np.testing.assert_allclose(layer.weight.grad.data, expected, rtol=1e-12)


def test_a_compiled_net_sees_a_change_of_its_parts():
    net = nn.Sequential(nn.Linear(2, 2), nn.Tanh())
    step = ag.jit(lambda x: net(x))
    for change in (
        lambda: net.append(net[0]), lambda: net.insert(0, net[1]), lambda: net.pop(), lambda: net.__delitem__(0),
        lambda: net.__setitem__(1, nn.ReLU()), lambda: net.__iadd__(net),
    ):  # fmt: skip
        step(X)
        change()
        with ag.no_grad():
            np.testing.assert_allclose(step(X), net(X))


def test_names_as_in_pytorch():
    """A slice of a Sequential keeps its names; after a removal, the modules are numbered anew."""
    layer = nn.Linear(2, 2)
    net = nn.Sequential(layer, nn.ReLU(), layer)
    assert list(net[1:].state_dict()) == ["2.weight", "2.bias"]
    assert list(net[1:].append(nn.ReLU())._modules) == ["1", "2", "3"]  # PyTorch would replace "2"
    assert list(nn.ModuleList(net)[1:].state_dict()) == ["1.weight", "1.bias"]
    named = nn.Sequential({"first": layer, "again": layer})
    assert list(named[1:].state_dict()) == ["again.weight", "again.bias"]
    assert [name for name, _ in named.named_parameters()] == ["first.weight", "first.bias"]
    del net[0]
    assert list(net.state_dict()) == ["1.weight", "1.bias"]


def test_a_dict_of_modules():
    layer = nn.Linear(2, 2)
    layers = nn.ModuleDict([("a", layer), ("b", nn.ReLU()), ("c", layer)])
    assert list(layers.values()) == [layer, layers["b"], layer]
    assert list(layers.state_dict()) == ["a.weight", "a.bias", "c.weight", "c.bias"]
    assert len(list(layers.parameters())) == 2
    layers.update({"b": layer, "d": nn.ReLU()})
    assert layers.pop("b") is layer
    assert list(layers) == ["a", "c", "d"]
    for missing in ("b", "training", "forward"):
        with pytest.raises(KeyError):
            del layers[missing]
    layers.clear()
    assert len(layers) == 0


@pytest.mark.parametrize(
    "register",
    [
        lambda m: nn.Sequential(nn.ReLU(), m), lambda m: nn.ModuleList([m]), lambda m: nn.ModuleDict({"a": m}),
        lambda m: nn.ModuleList().append(m), lambda m: nn.Sequential(nn.ReLU()).insert(0, m),
        lambda m: nn.Sequential(nn.ReLU()).__setitem__(0, m), lambda m: nn.Module().register_module("a", m),
    ],
)  # fmt: skip
def test_what_is_no_module(register):
    with pytest.raises(TypeError, match=r"expected a module as '.', got a int"):
        register(3)
    with pytest.raises(TypeError, match=r"got the class ReLU; write ReLU\(\)"):
        register(nn.ReLU)


def test_a_summary_has_a_row_for_every_place():
    activation = nn.Tanh()
    block = nn.Sequential(nn.Linear(3, 3), activation)
    rows = nn.Sequential(nn.Linear(2, 3), activation, block, block, nn.Linear(3, 1), activation).summary(X)
    assert [row[0] for row in rows[1:]] == ["0", "1", "2", "  2.0", "  2.1", "3", "4", "5", ""]
    assert rows[2][2:] == ("(2, 3), (2, 1)", "0", "")
    assert rows[6] == ("3", "Sequential", "(2, 3)", "0", "the same as 2")
    assert rows[8][2:] == ("(2, 3), (2, 1)", "0", "the same as 1")
    assert rows[9][3:] == ("25", "learned: 25")
