"""`ag.vmap`: what its arguments mean, how it combines with other transforms and modules, and what its errors say."""

from __future__ import annotations

import re
import warnings
from functools import partial

import numpy as np
import pytest
from nn_checks import flat, value

import autograd_lite as ag
from autograd_lite import nn
from autograd_lite.transforms import batch as batch_module

RNG = np.random.default_rng(0)
X = RNG.normal(size=(4, 3))
W = RNG.normal(size=(3, 2))


def close(a, b):
    return np.shape(a) == np.shape(b) and np.allclose(a, b, rtol=1e-12, atol=1e-12)


def stacked(f, *batches):
    return np.stack([f(*xs) for xs in zip(*batches, strict=True)])


# ---------------------------------------------------------------------------------------------- what is mapped


def test_axes_of_arguments_and_results():
    add = lambda x, y: x + 2 * y  # noqa: E731
    assert close(ag.vmap(add)(X, X), 3 * X)
    assert close(ag.vmap(add, (0, None))(X, X[0]), X + 2 * X[0])
    assert close(ag.vmap(add, (-1, 0))(X.T, X), 3 * X)
    assert close(ag.vmap(add, (1, 1), out_axes=1)(X, X), 3 * X)
    assert close(ag.vmap(add, [None, 0], -1)(X[0], X), (X[0] + 2 * X).T)
    assert close(ag.vmap(np.sum, in_axes=1)(X), X.sum(0))


def test_trees_of_arguments_and_results():
    def f(p, s):
        return p["w"] * s[0] + p["b"], {"b": p["b"], "sum": [np.sum(p["w"])]}

    p, s = {"w": X, "b": 2.0}, (np.arange(4.0), None)
    y, rest = ag.vmap(f, ({"w": 0, "b": None}, (0, None)), (0, {"b": None, "sum": 0}))(p, s)
    assert close(y, X * s[0][:, None] + 2)
    assert rest["b"] == 2.0
    assert close(rest["sum"][0], X.sum(1))


def test_keywords_are_mapped_over_their_first_axis():
    assert close(ag.vmap(lambda x, y: x * y)(X, y=np.arange(4.0)), X * np.arange(4.0)[:, None])
    with pytest.raises(ValueError, match=re.escape("deep of shape () has no axis 0 to map")):
        ag.vmap(lambda x, deep: x)(X, deep=True)
    assert close(ag.vmap(partial(lambda x, deep: x * deep, deep=True))(X), X)


def test_an_argument_that_is_not_mapped_is_passed_as_it_is():
    def f(x, k, way):
        return x ** k if way == "power" and k > 1 else x

    assert close(ag.vmap(f, (0, None, None))(X, 2, "power"), X**2)


def test_results_that_are_the_same_for_all():
    f = lambda x, y: (x.sum(), y.sum())  # noqa: E731
    one, same = ag.vmap(f, (0, None), (0, None))(X, W)
    assert one.shape == (4,)
    assert close(same, W.sum())
    assert close(ag.vmap(f, (0, None))(X, W)[1], np.full(4, W.sum()))
    assert ag.vmap(lambda: 3.0, axis_size=2)().tolist() == [3, 3]


def test_one_inside_another():
    outer = ag.vmap(ag.vmap(lambda a, b: a * b, (None, 0)), (0, None))
    assert close(outer(X[0], X[1]), np.outer(X[0], X[1]))
    gram = ag.vmap(lambda x: ag.vmap(lambda y: np.exp(-np.sum((x - y) ** 2)))(X))(X)
    assert close(gram, np.exp(-np.sum((X[:, None] - X) ** 2, -1)))


def test_no_examples():
    assert ag.vmap(lambda x: np.linalg.norm(x) * W)(X[:0]).shape == (0, 3, 2)


def test_numpys_own_functions():
    A = RNG.normal(size=(4, 3, 3)) + 3 * np.eye(3)
    assert close(ag.vmap(np.linalg.solve)(A, X), np.linalg.solve(A, X[..., None])[..., 0])
    grid, values = np.arange(3.0), np.array([0.0, 10.0, 30.0])
    assert close(ag.vmap(np.interp, (0, None, None))(X, grid, values), np.interp(X, grid, values))
    assert close(ag.vmap(np.interp, (None, None, 0))(0.5, grid, X), (X[:, 0] + X[:, 1]) / 2)
    in_order = np.sort(X)
    assert close(ag.vmap(np.searchsorted, (0, None))(in_order, 0.1), [np.searchsorted(x, 0.1) for x in in_order])
    assert close(ag.vmap(np.digitize, (None, 0))(0.1, in_order), [np.digitize(0.1, x) for x in in_order])
    turns = np.arange(4) * 5 - 7
    for axis in (None, 1):
        rolled = [np.roll(a, k, axis) for a, k in zip(A, turns, strict=True)]
        assert close(ag.vmap(partial(np.roll, axis=axis))(A, turns), rolled)


# --------------------------------------------------------------------------------- arrays, Tensors, what is outside


def test_arrays_in_arrays_out_and_nothing_is_shared():
    y = ag.vmap(lambda x: x)(X)
    assert type(y) is np.ndarray
    y[...] = 0
    assert X.any()
    assert type(ag.vmap(ag.grad(lambda x: np.sum(np.sin(x) * W[:, 0])))(X)) is np.ndarray
    t = ag.vmap(lambda x: x * 2)(ag.tensor(X))
    assert type(t) is ag.Tensor
    assert not t.requires_grad


def test_captured_parameters_get_their_gradients():
    w = ag.tensor(W, requires_grad=True)
    y = ag.vmap(lambda x: np.tanh(x @ w))(X)
    y.sum().backward()
    assert close(w.grad.data, ag.grad(lambda w: np.sum(np.tanh(X @ w)))(W))
    with ag.no_grad():
        assert not isinstance(ag.vmap(lambda x: x @ w)(X), ag.Tensor)


def test_no_grad_and_stop_gradient_inside():
    def f(x):
        with ag.no_grad():
            scale = np.sum(x)
        return scale * x * ag.stop_gradient(x)

    assert close(ag.grad(lambda x: np.sum(ag.vmap(f)(x)))(X), X.sum(1, keepdims=True) * X)


# ------------------------------------------------------------------------------------------------- compositions


def g(x):
    return np.sum(np.sin(x) ** 2 / (1 + x**2)) + np.prod(x)


def test_derivatives_of_and_inside_a_batch():
    total = lambda f: lambda X: np.sum(ag.vmap(f)(X))  # noqa: E731
    assert close(ag.grad(total(g))(X), stacked(ag.grad(g), X))
    assert close(ag.vmap(ag.grad(g))(X), stacked(ag.grad(g), X))
    assert close(ag.vmap(ag.hessian(g))(X), stacked(ag.hessian(g), X))
    assert close(ag.vmap(ag.hvp(g))(X, X), stacked(ag.hvp(g), X, X))
    along = lambda x: ag.jvp(g, (x,), (np.ones(3),))[1]  # noqa: E731
    assert close(ag.vmap(along)(X), stacked(along, X))
    assert close(ag.jacfwd(ag.vmap(g))(X), ag.jacrev(ag.vmap(g))(X))
    assert close(ag.hessian(total(g))(X)[1, :, 1], ag.hessian(g)(X[1]))
    assert close(ag.vmap(lambda x: ag.vjp(g, x)[1](2.0)[0])(X), 2 * stacked(ag.grad(g), X))
    assert close(ag.vmap(ag.checkpoint(g))(X), stacked(g, X))


def test_a_hessian_of_losses_that_are_batches():
    loss = lambda w: np.mean(ag.vmap(lambda x: np.tanh(x @ w) ** 2)(X))  # noqa: E731
    by_hand = lambda w: np.mean(np.tanh(X @ w) ** 2)  # noqa: E731
    assert close(ag.hessian(loss)(W[:, 0]), ag.hessian(by_hand)(W[:, 0]))


def test_in_a_trace():
    program = ag.trace(ag.vmap(ag.grad(g)))(X)
    assert close(program(2 * X), ag.vmap(ag.grad(g))(2 * X))
    inner = ag.trace(lambda x, w: np.tanh(x @ w))(X[0], W)
    assert close(ag.vmap(inner, (0, None))(X, W), np.tanh(X @ W))


@pytest.mark.parametrize("of", [
    lambda: ag.jit(ag.vmap(g)), lambda: ag.vmap(ag.jit(g)), lambda: ag.jit(ag.vmap(ag.grad(g))),
    lambda: ag.vmap(ag.grad(ag.jit(g))), lambda: ag.vmap(ag.jit(ag.grad(g))), lambda: ag.jit(ag.vmap(ag.hessian(g))),
    lambda: ag.jit(ag.vmap(ag.jacrev(np.sin))), lambda: ag.vmap(ag.jit(ag.hessian(g))),
])  # fmt: skip
def test_compiled(of):
    compiled, plain = of(), of()
    compiled(X)  # the second call runs the program of the first
    assert close(compiled(2 * X), np.stack([one[0] for one in (plain(2 * x[None]) for x in X)]))


def test_a_compiled_batch_reads_parameters_and_draws_anew():
    model = nn.Linear(3, 2)
    f = ag.jit(ag.vmap(model))
    f(X)
    with ag.no_grad():
        model.weight -= 0.5
    assert close(f(X).detach().numpy(), model(X).detach().numpy())
    draw = ag.jit(ag.vmap(lambda x: nn.functional.dropout(x, 0.5, training=True), randomness="different"))
    assert not np.array_equal(draw(np.ones((9, 9))), draw(np.ones((9, 9))))


def test_a_program_inside_another_freezes_nothing():
    """What the outer trace computes is read by the inner one: also integers, and what needs no gradient."""

    def outer(x, k):
        y, m = np.cumsum(x), k + 1
        with ag.no_grad():
            z = x * 2
        inner = lambda v: np.sum(v * y * z) + m  # noqa: E731
        program = ag.trace(inner)(np.arange(100.0))
        return program(x), ag.vmap(inner)(np.ones((2, 100))), ag.jacobian(inner)(x)

    program = ag.trace(outer)(np.arange(100.0), np.array(3))
    x = RNG.normal(size=100)
    for got, want in zip(program(x, np.array(7)), outer(x, np.array(7)), strict=True):
        assert close(got, want)


def test_a_zero_cotangent_stays_zero_at_every_example():
    f = lambda x: np.where(x > 0, np.log(x) + np.sqrt(x) + 1 / x, 0.0)  # noqa: E731
    with np.errstate(all="ignore"):
        assert close(ag.vmap(ag.grad(f))(np.array([1.0, 0.0])), [0.5, 0.0])
    singular = np.stack([np.eye(2), np.ones((2, 2))])
    assert close(ag.vmap(ag.grad(np.linalg.det))(singular), stacked(ag.grad(np.linalg.det), singular))


def test_custom_rows():
    cube = ag.table.define(lambda g, x: g * 3 * x**2, name="cube_of_vmap", kind="general")(lambda x: x**3)
    double = ag.table.define(2.0, name="double_of_vmap", kind="elementwise")(lambda x: 2 * x)
    try:
        batch_module._LOOPED.clear()
        with pytest.warns(UserWarning, match=r"cube_of_vmap has no rule for batches, so it is called 4 times") as found:
            assert close(ag.vmap(lambda x: double(cube(x)))(X), 2 * X**3)
        assert found[0].filename == __file__
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # once is enough
            ag.vmap(cube)(X)
        assert close(ag.vmap(ag.grad(lambda x: np.sum(double(cube(x)))))(X), 6 * X**2)  # the cube is not needed
        cube.attach(batch=lambda b: b(*b.xs))
        assert close(ag.vmap(cube)(X), X**3)
    finally:
        del ag.table.TABLE["cube_of_vmap"], ag.table.TABLE["double_of_vmap"]


# --------------------------------------------------------------------------------------------------- modules

LAYERS = [
    (nn.Linear(3, 2), (3,)), (nn.Linear(3, 2, bias=False), (5, 3)), (nn.Bilinear(3, 2, 4), (3,), (2,)),
    (nn.Conv1d(2, 4, 3, padding=1), (2, 6)), (nn.Conv2d(2, 4, 3, stride=2, groups=2), (1, 2, 7, 6)),
    (nn.Conv3d(1, 2, 2), (1, 1, 3, 3, 3)), (nn.ConvTranspose1d(2, 3, 2), (1, 2, 4)),
    (nn.ConvTranspose2d(2, 3, 3, stride=2), (1, 2, 4, 4)), (nn.ConvTranspose3d(1, 2, 2), (1, 1, 3, 3, 3)),
    (nn.MaxPool1d(2), (1, 2, 6)), (nn.MaxPool2d(2), (1, 2, 6, 6)), (nn.MaxPool3d(2), (1, 1, 4, 4, 4)),
    (nn.AvgPool2d(2), (1, 2, 6, 6)), (nn.AdaptiveAvgPool2d(2), (1, 2, 5, 6)), (nn.LayerNorm(3), (2, 3)),
    (nn.RMSNorm(3), (2, 3)), (nn.GroupNorm(2, 4), (1, 4, 3)), (nn.BatchNorm1d(3).eval(), (2, 3)),
    (nn.BatchNorm2d(2, track_running_stats=False), (3, 2, 4, 4)), (nn.RNN(3, 4), (5, 1, 3)), (nn.LSTM(3, 4), (5, 1, 3)),
    (nn.GRU(3, 4), (5, 1, 3)), (nn.LSTMCell(3, 4), (1, 3)), (nn.MultiheadAttention(4, 2), *[(5, 1, 4)] * 3),
    (nn.TransformerEncoderLayer(4, 2, 8, dropout=0.0), (5, 1, 4)), (nn.Softmax(dim=-1), (2, 3)), (nn.GELU(), (3,)),
    (nn.PReLU(), (2, 3)), (nn.Flatten(0), (2, 3)), (nn.Unflatten(0, (2, 3)), (6, 2)), (nn.Softplus(), (3,)),
    (nn.MSELoss(), (3,), (3,)), (nn.HuberLoss(), (3,), (3,)), (nn.CosineEmbeddingLoss(), (2, 3), (2, 3), (2,)),
]  # fmt: skip


@pytest.mark.parametrize("case", LAYERS, ids=lambda case: type(case[0]).__name__)
def test_layers(case):
    """Values, and gradients with respect to inputs and parameters for each example; nothing is looped over."""
    module, *shapes = case
    batches = [RNG.normal(size=(3, *shape)) for shape in shapes]
    parameters = list(module.parameters())
    batch_module._LOOPED.clear()

    def all_of(*xs):
        found = flat(module(*xs))
        total = sum(np.sum(np.sin(y)) for y in found)
        return [*found, *ag.autograd.grad(total, [*parameters, xs[0]], create_graph=True)]

    got = ag.vmap(all_of)(*batches)
    each = [all_of(*(ag.tensor(x, requires_grad=True) for x in xs)) for xs in zip(*batches, strict=True)]
    for part, *parts in zip(got, *each, strict=True):
        np.testing.assert_allclose(value(part), [value(p) for p in parts], rtol=1e-9, atol=1e-12)
    assert not batch_module._LOOPED


def test_inside_a_module():
    class Mixture(nn.Module):
        def __init__(self):
            super().__init__()
            self.experts = nn.Parameter(RNG.normal(size=(5, 3, 2)))

        def forward(self, x):
            return ag.vmap(lambda w: np.tanh(x @ w))(self.experts).mean(0)

    mixture = Mixture()
    y = mixture(ag.tensor(X))
    assert close(y.detach().numpy(), np.tanh(X @ mixture.experts.data).mean(0))
    y.sum().backward()
    by_hand = ag.grad(lambda w: np.sum(np.mean(np.tanh(X @ w), 0)))(mixture.experts.data)
    assert close(mixture.experts.grad.data, by_hand)


def test_modules_keep_their_names_in_a_trace():
    model = nn.Sequential(nn.Linear(3, 2), nn.Tanh())
    text = str(ag.trace(ag.vmap(model))(X))
    assert text.startswith("Sequential(")
    assert "# Sequential.0 (Linear)" in text


def test_labels_and_embeddings():
    z, labels = RNG.normal(size=(4, 5, 3)), RNG.integers(0, 3, (4, 5))
    loss = nn.CrossEntropyLoss()
    assert close(ag.vmap(loss)(z, labels), [loss(a, b).item() for a, b in zip(z, labels, strict=True)])
    table = nn.Embedding(3, 2)
    assert close(ag.vmap(table)(labels).detach().numpy(), table.weight.data[labels])


def test_an_ensemble():
    """The parameters of several nets are mapped, and their input is not."""
    nets = {"W": RNG.normal(size=(5, 3, 4)), "V": RNG.normal(size=(5, 4))}

    def net(p, x):
        return np.tanh(x @ p["W"]) @ p["V"]

    y = ag.vmap(net, (0, None))(nets, X)
    assert close(y, np.stack([net({"W": w, "V": v}, X) for w, v in zip(*nets.values(), strict=True)]))


# ------------------------------------------------------------------------------------------------ random numbers


def test_randomness():
    f = lambda x: nn.functional.dropout(x, 0.5, training=True)  # noqa: E731
    ones = np.ones((50, 8))
    with pytest.raises(RuntimeError, match=r"draws random numbers. Write randomness='different'"):
        ag.vmap(f)(ones)
    different = ag.vmap(f, randomness="different")(ones)
    assert {*np.unique(different)} == {0.0, 2.0}
    assert len(np.unique(different, axis=0)) > 10
    same = ag.vmap(f, randomness="same")(ones)
    assert len(np.unique(same, axis=0)) == 1
    ag.manual_seed(0)
    again = ag.vmap(f, randomness="different")(ones)
    ag.manual_seed(0)
    assert close(ag.vmap(f, randomness="different")(ones), again)
    by_channel = ag.vmap(nn.Dropout2d(0.5), randomness="different")(np.ones((6, 2, 3, 4, 4)))
    assert np.ptp(by_channel, axis=(-1, -2)).max() == 0


def test_the_gradient_uses_the_numbers_of_the_forward_pass():
    f = lambda x: np.sum(nn.functional.dropout(x, 0.5, training=True) * x)  # noqa: E731
    value, slope = ag.vmap(ag.value_and_grad(f), randomness="different")(np.ones((20, 4)))
    assert close(slope.sum(1), 2 * value)


def test_random_numbers_in_nested_batches():
    f = lambda x: nn.functional.dropout(x, 0.5, training=True)  # noqa: E731
    y = ag.vmap(ag.vmap(f, randomness="same"), randomness="different")(np.ones((9, 5, 8)))
    assert (y == y[:, :1]).all()
    assert len(np.unique(y[:, 0], axis=0)) > 4


def test_random_numbers_that_no_example_shapes():
    f = lambda x: x + ag.rand(3)  # noqa: E731
    assert len(np.unique(ag.vmap(f, randomness="same")(np.zeros((5, 3))), axis=0)) == 1
    with pytest.raises(RuntimeError, match="draw a batch outside"):
        ag.vmap(f, randomness="different")(X)


# ------------------------------------------------------------------------------------------------------ errors


@pytest.mark.parametrize(("call", "error", "message"), [
    (lambda: ag.vmap(lambda x, y: x + y)(X, X[:3]), ValueError,
     "the mapped axes have different sizes: x has 4 (axis 0 of shape (4, 3)), y has 3 (axis 0 of shape (3, 3))"),
    (lambda: ag.vmap(lambda x, y: x + y, (0, 2))(X, X), ValueError, "y of shape (4, 3) has no axis 2 to map"),
    (lambda: ag.vmap(lambda p: p["w"])({"w": 2.0}), ValueError, "p['w'] of shape () has no axis 0 to map"),
    (lambda: ag.vmap(lambda x, y: x, (0,))(X, X), ValueError, "in_axes=(0,) has 1 entries for 2 positional arguments"),
    (lambda: ag.vmap(lambda x: x, ({"a": 0},))({"b": X}), ValueError, "in_axes={'a': 0} does not fit {'b'"),
    (lambda: ag.vmap(lambda x: x, None)(X), ValueError, "no argument is mapped: give axis_size"),
    (lambda: ag.vmap(lambda x: x, axis_size=3)(X), ValueError, "x has 4 (axis 0 of shape (4, 3)); axis_size=3"),
    (lambda: ag.vmap(lambda x: (1, x), out_axes=None)(X), ValueError, "result 2 of shape (3,) differs between"),
    (lambda: ag.vmap(lambda x: x, out_axes=2)(X), ValueError, "the result has 2 axes with that of the examples"),
    (lambda: ag.vmap(lambda x: "x")(X), TypeError, "returned 'x' (str): expected numbers, arrays or Tensors"),
    (lambda: ag.vmap(X), TypeError, "vmap takes a function and returns another"),
    (lambda: ag.vmap(np.sum)(["a", "b"]), TypeError, "expected arrays to map, got str"),
    (lambda: ag.vmap(np.sum, randomness="some")(X), ValueError, "expected randomness 'error', 'different' or 'same'"),
    (lambda: ag.vmap(lambda x: x if x[0] > 0 else -x)(X), RuntimeError, "cannot branch on it. Use np.where"),
    (lambda: ag.vmap(lambda x: x[x > 0])(X), ValueError, "all examples of a batch need one shape. Use a mask"),
    (lambda: ag.vmap(nn.BatchNorm2d(3))(np.ones((2, 4, 3, 2, 2))), RuntimeError, "the function writes to tensor (3,)"),
])  # fmt: skip
def test_errors(call, error, message):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "vmap: nonzero has no rule")
        with pytest.raises(error, match=re.escape(message)):
            call()


def test_a_hook_inside_is_an_error_where_it_would_be_lost():
    w = ag.tensor(np.ones(3), requires_grad=True)

    def f(x):
        h = x * w
        h.register_hook(lambda g: 100 * g)
        return np.sum(h)

    with pytest.raises(RuntimeError, match=r"the result of multiply of shape \(3,\) has a hook"):
        ag.vmap(f)(X)
    assert close(ag.vmap(lambda x: ag.autograd.grad(f(x), w, create_graph=True)[0].detach())(X).data, 100 * X)


def test_backward_inside_is_an_error_and_leaves_no_gradient():
    w = ag.tensor(np.ones(3), requires_grad=True, name="w")

    def f(x):
        np.sum(w * x).backward()
        return x

    with pytest.raises(RuntimeError, match=re.escape("the function writes to w.grad, which all examples share")):
        ag.vmap(f)(X)
    assert w.grad is None


@pytest.mark.parametrize(("shape", "index", "of_value"), [
    ((5,), lambda k: k, (3,)), ((4, 5), lambda k: (slice(None), k), (4, 3)), ((4, 5), lambda k: (k, 1), ()),
    ((4, 5), lambda k: (k, k), (1, 1, 3)), ((3, 4, 5), lambda k: (k, slice(None), k), (3, 4)),
])  # fmt: skip
@pytest.mark.parametrize("assign", [
    ag.set_at, ag.add_at, ag.subtract_at, ag.multiply_at, ag.divide_at, ag.power_at, ag.maximum_at, ag.minimum_at,
])  # fmt: skip
def test_each_example_writes_at_positions_of_its_own(assign, shape, index, of_value):
    """Positions occur twice: of several values for one entry the last one stays, and it alone has a gradient."""
    if assign in (ag.maximum_at, ag.minimum_at):
        of_value = (3,) if of_value == (1, 1, 3) else of_value  # NumPy's allow no additional axes here
    x, v, k = RNG.uniform(1, 3, (3, *shape)), RNG.uniform(1, 2, (3, *of_value)), RNG.integers(0, 3, (3, 3))

    def f(x, v, k):
        y = assign(x, index(k), v)
        return y, *ag.grad(lambda x, v: np.sum(np.sin(assign(x, index(k), v)) ** 2), (0, 1))(x, v)

    for got, *want in zip(ag.vmap(f)(x, v, k), *(f(*one) for one in zip(x, v, k, strict=True)), strict=True):
        assert close(got, np.stack(want))
    same_array = ag.vmap(lambda k: assign(x[0], index(k), v[0]))(k)
    assert close(same_array, np.stack([assign(x[0], index(one), v[0]) for one in k]))


def test_compiled_writes_at_positions_of_its_own():
    f = ag.vmap(lambda x, v, k: ag.maximum_at(ag.multiply_at(x, (k, 1), v), k, 1.5))
    x, v, k = RNG.uniform(1, 3, (3, 4, 5)), RNG.uniform(1, 2, (3, 2)), np.array([[0, 1], [1, 1], [3, 0]])
    compiled = ag.jit(f)
    compiled(x[::-1], v[::-1], k[::-1])
    want = [ag.maximum_at(ag.multiply_at(x, (k, 1), v), k, 1.5) for x, v, k in zip(x, v, k, strict=True)]
    assert close(compiled(x, v, k), np.stack(want))


def test_a_compiled_hessian_reads_no_memory_before_it_is_written():
    """A row that is a view of its argument only where no number is nan was once computed with the buffers."""
    want = ag.vmap(ag.hessian(g))(2 * X)
    for _ in range(10):
        compiled = ag.jit(ag.vmap(ag.hessian(g)))
        compiled(X)
        [np.full(50, np.nan) for _ in range(50)]  # so that memory that is not written holds nan
        assert close(compiled(2 * X), want)
