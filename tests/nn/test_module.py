"""Modules: registration, walks, states, modes, hooks, dtypes, summaries; containers; lazy sizes."""

import copy
import pickle

import numpy as np
import pytest
from nn_checks import draw, value

import autograd_lite as ag
from autograd_lite import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(3, 4)
        self.norm = nn.BatchNorm1d(4)
        self.out = nn.Linear(4, 1, bias=False)
        self.register_buffer("step", ag.tensor(0), persistent=False)
        self.depth = 2

    def forward(self, x):
        return self.out(ag.sigmoid(self.norm(self.hidden(x))))


def test_attributes_register_themselves():
    net = Net()
    names = ["hidden.weight", "hidden.bias", "norm.weight", "norm.bias", "out.weight"]
    assert [name for name, _ in net.named_parameters()] == names
    assert len(list(net.parameters())) == 5
    assert [name for name, _ in net.named_children()] == ["hidden", "norm", "out"]
    assert [name for name, _ in net.named_modules()] == ["", "hidden", "norm", "out"]
    assert [name for name, _ in net.named_buffers()] == [
        "step", "norm.running_mean", "norm.running_var", "norm.num_batches_tracked",
    ]
    assert net.depth == 2
    assert net.get_submodule("hidden") is net.hidden
    assert net.get_submodule("") is net
    assert net.get_parameter("hidden.weight") is net.hidden.weight
    assert net.get_buffer("norm.running_mean") is net.norm.running_mean
    for get in (net.get_parameter, net.get_buffer, net.get_submodule):
        for name in ("hidden.step", "depth", "hidden.weight.data", "nothing.weight"):
            with pytest.raises(AttributeError, match=rf"Net has no \w+ '{name}'; named_\w+\(\) lists the names"):
                get(name)
    net.alias = net.hidden  # two names of one module
    assert net.get_parameter("alias.weight") is net.hidden.weight
    del net.alias
    del net.out
    assert [name for name, _ in net.named_children()] == ["hidden", "norm"]
    with pytest.raises(AttributeError, match="Net has no attribute 'out'"):
        _ = net.out


def test_a_parameter_shared_by_two_layers_is_one():
    net = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    net[1].weight = net[0].weight
    assert len(list(net.parameters())) == 3
    assert list(net.state_dict()) == ["0.weight", "0.bias", "1.weight", "1.bias"]  # a tied weight keeps its place
    net = nn.Module()
    net.decoder, net.embedding = nn.Linear(3, 5), nn.Embedding(5, 3)
    net.decoder.weight = net.embedding.weight
    assert [name for name, _ in net.named_parameters()] == ["decoder.weight", "decoder.bias"]
    assert list(net.state_dict()) == ["decoder.weight", "decoder.bias", "embedding.weight"]


def test_a_parameter_made_of_others_is_a_leaf_of_its_own():
    weight = nn.Parameter(np.arange(6.0).reshape(3, 2))
    first = nn.Parameter(weight[:2])
    np.testing.assert_array_equal(first.numpy(), [[0, 1], [2, 3]])
    (first * first).sum().backward()
    np.testing.assert_array_equal(first.grad.numpy(), [[0, 2], [4, 6]])
    assert weight.grad is None
    first.data += 1
    np.testing.assert_array_equal(weight.numpy(), np.arange(6.0).reshape(3, 2))


def test_a_part_under_two_names_is_one_child():
    net = nn.Module()
    net.a, net.b = [nn.Linear(2, 2)] * 2
    assert [name for name, _ in net.named_children()] == ["a"]
    assert list(net.state_dict()) == ["a.weight", "a.bias", "b.weight", "b.bias"]


def test_a_name_is_registered_once():
    net = nn.Module()
    net.a = nn.Linear(2, 2)
    for register, what in (
        (net.register_buffer, ag.tensor(1.0)),
        (net.register_parameter, nn.Parameter(1.0)),
        (net.register_parameter, None),
    ):
        with pytest.raises(KeyError, match=r"Module\.register_.*'a' is an attribute already"):
            register("a", what)
    net.register_buffer("b", ag.tensor(1.0), persistent=False)
    net.b = nn.Parameter([1.0])
    assert list(net.state_dict()) == ["b", "a.weight", "a.bias"]  # a parameter is part of the state


def test_super_init_comes_first():
    class Wrong(nn.Module):
        def __init__(self):
            self.layer = nn.Linear(1, 1)

    with pytest.raises(AttributeError, match=r"call super\(\).__init__\(\)"):
        Wrong()
    with pytest.raises(NotImplementedError, match=r"Module has no forward\(\)"):
        nn.Module()(1)


def test_a_state_goes_out_and_comes_back():
    net, other = Net(), Net()
    net(draw((5, 3)))
    state = net.state_dict()
    assert "step" not in state
    found = other.load_state_dict(state)
    assert (found.missing_keys, found.unexpected_keys) == ([], [])
    for name, array in other.state_dict().items():
        np.testing.assert_array_equal(array, state[name])
    before = state["hidden.weight"].copy()
    net.hidden.weight.data += 1
    np.testing.assert_array_equal(state["hidden.weight"], before)  # a state is a copy


def test_a_state_that_does_not_fit_changes_nothing():
    net = Net()
    state = net.state_dict()
    state["hidden.weight"] = np.ones((9, 9))
    state["hidden.bias"] = state["hidden.bias"] + 1
    del state["out.weight"]
    state["more"] = np.ones(1)
    before = net.state_dict()
    message = r"(?s)expected hidden.weight of shape \(4, 3\), got \(9, 9\).*out.weight is missing.*more is unknown"
    with pytest.raises(ValueError, match=message):
        net.load_state_dict(state)
    for name, array in net.state_dict().items():
        np.testing.assert_array_equal(array, before[name])


@pytest.mark.parametrize(
    ("dtype", "value", "fits"),
    [
        (np.int64, 2.0, True), (np.int64, 2.7, False), (np.int64, np.nan, False), (np.int64, 1e300, False),
        (np.int8, 127, True), (np.int8, 128, False), (np.uint8, -1, False), (np.int64, np.uint64(2**63), False),
        (np.int64, True, True), (bool, 1, True), (bool, 2, False), (bool, 0.5, False), (np.float32, 0.1, True),
    ],
)  # fmt: skip
def test_a_state_of_whole_numbers(dtype, value, fits):
    net = nn.Module()
    net.register_buffer("count", ag.tensor(np.array([1], dtype)))
    net.weight = nn.Parameter([1.0])
    state = {"count": np.array([value]), "weight": [5.0]}
    if fits:
        net.load_state_dict(state)
        assert (net.count.dtype, net.count.item(), net.weight.item()) == (dtype, dtype(value), 5.0)
        return
    with pytest.raises(ValueError, match=f"expected count as {np.dtype(dtype)}, got .* with values that it"):
        net.load_state_dict(state)
    assert (net.count.item(), net.weight.item()) == (1, 1.0)


def test_training_and_evaluation():
    net = nn.Sequential(nn.Dropout(), nn.Sequential(nn.BatchNorm1d(2)))
    assert net.eval() is net
    assert not any(m.training for m in net.modules())
    assert all(m.training for m in net.train().modules())


def test_gradients_are_cleared_and_parameters_frozen():
    net = Net()
    net(draw((5, 3))).sum().backward()
    assert net.hidden.weight.grad is not None
    net.zero_grad()
    assert all(p.grad is None for p in net.parameters())
    net.requires_grad_(False)
    assert not net(draw((5, 3))).requires_grad


def test_hooks():
    net, seen = nn.Linear(2, 2), []
    first = net.register_forward_pre_hook(lambda m, args: (args[0] + 1,))
    second = net.register_forward_hook(lambda m, args, y: seen.append((m is net, args[0].tolist())) or y * 0)
    np.testing.assert_array_equal(value(net(ag.tensor([1.0, 2.0]))), 0)
    assert seen == [(True, [2.0, 3.0])]
    first.remove()
    second.remove()
    assert np.any(value(net([1.0, 2.0])) != 0)


class Product(nn.Module):
    def forward(self, a, b, n):
        return a * b, n * a


def test_a_backward_hook_gets_the_gradients_of_this_call_only():
    net, seen = Product(), []
    a, b = (ag.tensor(v, requires_grad=True) for v in (2.0, 5.0))
    net.register_full_backward_pre_hook(lambda m, grad_output: (grad_output[0] * 2, grad_output[1]))
    net.register_full_backward_hook(lambda m, grad_input, grad_output: seen.append((grad_input, grad_output)))
    y, z = net(a, b, 3)
    (y + 10 * z + a).backward()  # `a` is used by others too
    (((at_a, at_b, at_n), (at_y, at_z)),) = seen
    assert (at_a.item(), at_b.item(), at_n, at_y.item(), at_z.item()) == (2 * 5 + 30, 2 * 2, None, 2, 10)
    assert (a.grad.item(), b.grad.item()) == (41, 4)


def test_a_backward_hook_replaces_gradients():
    net = nn.Linear(2, 1, bias=False)
    first = net.register_full_backward_hook(lambda m, grad_input, grad_output: (grad_input[0] * 0 + 7,))
    second = net.register_full_backward_hook(lambda m, grad_input, grad_output: grad_input[0] + 1)
    x = ag.tensor([[1.0, 2.0]], requires_grad=True)
    net(x).sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), [[8, 8]])
    np.testing.assert_array_equal(net.weight.grad.numpy(), x.numpy())
    first.remove()
    second.remove()
    x.zero_grad()
    (net(x) ** 2).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), 2 * net(x).numpy() * net.weight.numpy())


def test_a_backward_hook_is_differentiated_and_compiled():
    net = nn.Tanh()
    net.register_full_backward_hook(lambda m, grad_input, grad_output: (3 * grad_input[0],))
    np.testing.assert_allclose(ag.grad(ag.grad(lambda x: net(x)))(0.5), 9 * ag.grad(ag.grad(np.tanh))(0.5))
    step = ag.jit(ag.grad(lambda x: net(x).sum()))
    x = np.array([0.1, 0.2])
    np.testing.assert_allclose(step(x), 3 / np.cosh(x) ** 2)
    handle = net.register_full_backward_hook(lambda m, grad_input, grad_output: (2 * grad_input[0],))
    np.testing.assert_allclose(step(x), 6 / np.cosh(x) ** 2)
    handle.remove()
    np.testing.assert_allclose(step(x), 3 / np.cosh(x) ** 2)
    net.register_forward_hook(lambda m, args, y: -y)
    np.testing.assert_allclose(step(x), -3 / np.cosh(x) ** 2)


def test_backward_hooks_where_no_input_needs_a_gradient():
    net, seen = nn.Linear(2, 1), []
    handle = net.register_full_backward_hook(lambda m, grad_input, grad_output: seen.append((grad_input, grad_output)))
    net(np.ones((1, 2))).sum().backward()
    ((grad_input, (grad_output,)),) = seen
    assert (grad_input, grad_output.tolist()) == ((None,), [[1]])
    assert net.weight.grad.tolist() == [[1, 1]]
    with ag.no_grad():
        net(np.ones((1, 2)))
    handle.remove()
    net.register_full_backward_hook(lambda m, grad_input, grad_output: grad_output)
    with pytest.raises(RuntimeError, match="backward hook of Linear: no input requires a gradient; return None"):
        net(np.ones((1, 2))).sum().backward()
    net = nn.Tanh()
    net.register_full_backward_hook(lambda m, grad_input, grad_output: (1, 2))
    with pytest.raises(RuntimeError, match="backward hook of Tanh: expected 1 gradients, got 2"):
        net(ag.tensor(1.0, requires_grad=True)).backward()


def test_apply_meets_parts_before_wholes():
    met = []
    Net().apply(lambda m: met.append(type(m).__name__))
    assert met[-1] == "Net"
    assert len(met) == 4
    net, names = nn.Sequential(nn.Sequential(nn.ReLU(), nn.Tanh()), nn.Linear(1, 1)), []
    net.apply(lambda m: names.append(type(m).__name__))
    assert names == ["ReLU", "Tanh", "Sequential", "Linear", "Sequential"]


def test_another_dtype():
    net = Net().float()
    assert {p.dtype for p in net.parameters()} == {np.dtype(np.float32)}
    assert net.norm.num_batches_tracked.dtype == np.int64
    assert net(draw((5, 3)).astype(np.float32)).dtype == np.float32
    assert net.to("cpu").to(np.float64).hidden.weight.dtype == np.float64
    assert net.to(ag.tensor(1.0, dtype=np.float16)).hidden.weight.dtype == np.float16
    with pytest.raises(ValueError, match="no device but 'cpu'"):
        net.to("cuda")


def test_default_dtype():
    ag.set_default_dtype(np.float32)
    try:
        assert {p.dtype for p in Net().parameters()} == {np.dtype(np.float32)}
        assert ag.zeros(2).dtype == np.float32
    finally:
        ag.set_default_dtype(np.float64)
    assert nn.Linear(1, 1).weight.dtype == ag.get_default_dtype() == np.float64


def test_copies_and_pickles():
    net = Net().eval()
    x = draw((5, 3))
    for other in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        np.testing.assert_array_equal(value(other(x)), value(net(x)))
        assert other.hidden.weight is not net.hidden.weight
        assert type(other.hidden.weight) is nn.Parameter


def test_what_was_recorded_belongs_to_its_module():
    net = Net()
    y = net(draw((5, 3)))
    group = y._node.group
    while group.module is not net.out:
        group = group.outer
    assert group.outer.module is net


# -------------------------------------------------------------------------------------------------- containers


def test_sequential():
    net = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))
    assert len(net) == 3
    assert isinstance(net[1], nn.Tanh)
    assert len(net[:2]) == 2
    assert list(net) == [net[0], net[1], net[2]]
    named = nn.Sequential({"first": nn.Linear(3, 4), "second": nn.ReLU()})
    assert [name for name, _ in named.named_children()] == ["first", "second"]
    assert net.append(nn.ReLU())[-1](np.ones(1)).shape == (1,)
    with pytest.raises(TypeError, match="Sequential: expected a module as '1', got a builtin_function_or_method"):
        nn.Sequential(nn.ReLU(), abs)


def test_lists_and_dicts_of_modules_and_parameters():
    layers = nn.ModuleList([nn.Linear(1, 2), nn.Linear(2, 3)])
    assert [name for name, _ in layers.named_parameters()] == ["0.weight", "0.bias", "1.weight", "1.bias"]
    named = nn.ModuleDict({"a": nn.ReLU()})
    named["b"] = nn.Linear(1, 1)
    assert list(named) == ["a", "b"]
    assert "b" in named
    weights = nn.ParameterList([np.ones(2), nn.Parameter(np.zeros(3))])
    assert [p.shape for p in weights.parameters()] == [(2,), (3,)]


# ------------------------------------------------------------------------------------------------------ summary


def test_summary():
    net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.Flatten(), nn.Sequential(nn.Linear(144, 3)), nn.Dropout())
    net[0].requires_grad_(False)
    rows = net.summary(np.ones((2, 1, 8, 8)))
    assert rows[1] == ("0", "Conv2d", "(2, 4, 6, 6)", "40", "weight (4, 1, 3, 3), bias (4,)")
    assert rows[4] == ("  2.0", "Linear", "(2, 3)", "435", "weight (3, 144), bias (3,)")
    assert rows[-1] == ("", "Sequential", "(2, 3)", "475", "learned: 435")
    assert net[3].training
    assert "435" in repr(rows)
    assert nn.Sequential(nn.LazyLinear(3)).summary()[1][3:] == ("0 + ?", "weight ?, bias ?")


# --------------------------------------------------------------------------------------------------- lazy sizes

LAZY = [
    (lambda: nn.LazyLinear(3), lambda: nn.Linear(4, 3), (5, 4)),
    (lambda: nn.LazyLinear(3, bias=False), lambda: nn.Linear(4, 3, bias=False), (4,)),
    (lambda: nn.LazyConv1d(4, 3, groups=2), lambda: nn.Conv1d(2, 4, 3, groups=2), (1, 2, 6)),
    (lambda: nn.LazyConv2d(4, 3, padding=1), lambda: nn.Conv2d(2, 4, 3, padding=1), (1, 2, 6, 6)),
    (lambda: nn.LazyConvTranspose1d(4, 3), lambda: nn.ConvTranspose1d(2, 4, 3), (1, 2, 6)),
    (lambda: nn.LazyConvTranspose2d(4, 3), lambda: nn.ConvTranspose2d(2, 4, 3), (2, 6, 6)),
    (lambda: nn.LazyBatchNorm1d(), lambda: nn.BatchNorm1d(3), (4, 3)),
    (lambda: nn.LazyBatchNorm2d(affine=False), lambda: nn.BatchNorm2d(3, affine=False), (4, 3, 2, 2)),
]


@pytest.mark.parametrize(("lazy", "ordinary", "shape"), LAZY, ids=lambda f: repr(f()) if callable(f) else None)
def test_a_lazy_layer_becomes_an_ordinary_one(lazy, ordinary, shape):
    x = draw(shape)
    layer, like = lazy(), ordinary()
    assert "Lazy" in repr(layer)
    parameters = list(layer.parameters())
    _ = ag.manual_seed(0)
    like = ordinary()
    _ = ag.manual_seed(0)
    y = layer(x)
    assert type(layer) is type(like)
    assert repr(layer) == repr(like)
    np.testing.assert_array_equal(value(y), value(like(x)))
    assert all(a is b for a, b in zip(layer.parameters(), parameters, strict=True))  # an optimiser may have them
    assert {type(p) for p in parameters} <= {nn.Parameter}
    other = lazy()
    other.load_state_dict(layer.state_dict())
    assert type(other) is type(like)
    np.testing.assert_array_equal(value(other.eval()(x)), value(layer.eval()(x)))


def test_a_lazy_layer_inside_a_net():
    net = nn.Sequential(nn.LazyLinear(4), nn.ReLU(), nn.LazyLinear(2))
    net.eval()
    net.register_forward_hook(lambda m, args, y: y)
    net(np.ones((1, 7)))
    assert not net[0].training
    assert net[0].weight.shape == (4, 7)
    again = nn.Sequential(nn.LazyLinear(4), nn.ReLU(), nn.LazyLinear(2))
    again.load_state_dict(net.state_dict())
    assert again[2].weight.shape == (2, 4)


def test_a_lazy_layer_refuses_by_its_name():
    with pytest.raises(ValueError, match=r"LazyConv2d\(4, 3\).*\(5,\)"):
        nn.LazyConv2d(4, 3)(np.ones(5))
