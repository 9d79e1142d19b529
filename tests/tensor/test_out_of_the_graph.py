"""Every way in which a number leaves the graph, in every transform: the derivative is right, or an error says why."""

from __future__ import annotations

import array
import copy
import math
import pickle
import statistics
import struct
import sys

import numpy as np
import pytest
from thorough import crossed

import autograd_lite as ag


@pytest.fixture(autouse=True)
def _no_trace_function():
    """As in an ordinary run: a tool that measures coverage may have set one."""
    before = sys.gettrace()
    sys.settrace(None)
    yield
    assert sys.gettrace() is None
    sys.settrace(before)


def filled(write):
    """What `write` puts into an array of zeros, as a number."""

    def number(x):
        z = np.zeros(2)
        write(z, x)
        return z[0]

    return number


def set_at(z, x):
    z[0] = x


def add_at(z, x):
    z[0] += x


def add_one_at(z, x):
    z[0] += x.reshape(1)


def set_two(z, x):
    z[0], z[1] = x, x


def set_in_a_row(z, x):
    z.reshape(1, 2)[0, 0] = x


def set_slice(z, x):
    z[:] = x


def set_flat(z, x):
    z.flat[0] = x


#: By name: from a tensor with one entry to the number that it holds, outside the graph.
WAYS = {
    "item": lambda x: x.item(),
    "item of a matrix": lambda x: x.reshape(1, 1).item(0, 0),
    "numpy": lambda x: x.numpy(),
    "tolist": lambda x: x.tolist(),
    "float": float,
    "complex": lambda x: complex(x).real,
    "map": lambda x: next(map(float, [x])),
    "key": lambda x: max((x, x), key=float),
    "asarray": np.asarray,
    "array": np.array,
    "array of a list": lambda x: np.array([x, x])[0],
    "float64": np.float64,
    "float32": lambda x: np.float32(x),
    "full": lambda x: np.full(2, x)[0],
    "fromiter": lambda x: np.fromiter([x], float)[0],
    "vectorize": lambda x: np.vectorize(lambda v: v)(x),
    "tensor": ag.tensor,
    "Tensor": lambda x: ag.Tensor([x]),
    "FloatTensor": lambda x: ag.DoubleTensor([x]),
    "as_tensor of a list": lambda x: ag.as_tensor([x]).sum(),
    "from_dlpack": np.from_dlpack,
    "pickle": lambda x: pickle.loads(pickle.dumps(x)),
    "math.exp": math.exp,
    "math.sqrt": lambda x: math.sqrt(x),
    "math.floor": math.floor,
    "math.fsum": lambda x: math.fsum([x]),
    "math.hypot": lambda x: math.hypot(x, 1.0),
    "mean": lambda x: statistics.fmean([x]),
    "struct": lambda x: struct.unpack("d", struct.pack("d", x))[0],
    "array.array": lambda x: array.array("d", [x])[0],
    "percent": lambda x: float("%.17g" % x),  # noqa: UP031  its own conversion
    "normal": lambda x: np.random.default_rng(0).normal(x, 0.0),
    "z[0] = x": filled(set_at),
    "z[0] += x": filled(add_at),
    "z[0] += x of one entry": filled(add_one_at),
    "z[0], z[1] = x, x": filled(set_two),
    "z[0, 0] = x": filled(set_in_a_row),
    "z[:] = x": filled(set_slice),
    "z.flat[0] = x": filled(set_flat),
    "z.__setitem__": filled(lambda z, x: z.__setitem__(0, x)),
    "z.fill": filled(lambda z, x: z.fill(x)),
    "z.put": filled(lambda z, x: z.put(0, x)),
    "np.put": filled(lambda z, x: np.put(z, 0, x)),
    "np.copyto": filled(lambda z, x: np.copyto(z, x)),
    "np.add.at": filled(lambda z, x: np.add.at(z, 0, x)),
    "np.add with out": filled(lambda z, x: np.add(x, 0, out=z)),
}

one = np.array([3.0])

#: By name: a transform of a function of an array of one entry. Each gives the derivative as its last result.
TRANSFORMS = {
    "grad": lambda f: ag.grad(f)(one),
    "value_and_grad": lambda f: ag.value_and_grad(f)(one)[1],
    "vjp": lambda f: ag.vjp(f, one)[1](1.0)[0],
    "jvp": lambda f: ag.jvp(f, (one,), (np.ones(1),))[1],
    "jacfwd": lambda f: ag.jacfwd(f)(one),
    "of the outer variable": lambda f: ag.grad(lambda x: ag.grad(lambda v: f(x) * v)(1.0))(one),
    "the second time": lambda f: ag.grad(lambda x: ag.grad(f)(x)[0] * x[0])(one),
    "of a tensor": lambda f: ag.grad(f)(ag.tensor(one, requires_grad=True)),
    "vmap": lambda f: ag.vmap(ag.grad(f))(one[None]),
    "jit": lambda f: ag.jit(ag.grad(f))(one),
}


REMEDIES = (
    "detach()", "np.stack", "np.where", "set_at", "add_at", "outside the traced function", "ag.tensor", "x = x + y",
    "asarray",
)  # fmt: skip


@pytest.mark.parametrize("transform", TRANSFORMS)
@pytest.mark.parametrize("copied", [copy.copy, lambda x: copy.deepcopy({"w": [x, x]})["w"][1]])
def test_copies_are_recorded(transform, copied):
    def f(of):
        return ag.as_tensor(TRANSFORMS[transform](lambda x: of((x * 2).sum()) * x.sum())).tolist()

    assert f(copied) == f(lambda x: x)


@pytest.mark.parametrize(("transform", "name"), crossed([*TRANSFORMS, "grad of a view"], WAYS))
@pytest.mark.filterwarnings("ignore")  # of NumPy's, on some of the ways
def test_a_number_that_leaves_raises(transform, name):
    view = transform == "grad of a view"
    with pytest.raises((RuntimeError, TypeError, BufferError)) as error:
        TRANSFORMS["grad" if view else transform](lambda x: WAYS[name](x[0] if view else (x * 2).sum()) * x.sum())
    assert any(remedy in str(error.value) for remedy in REMEDIES), str(error.value)


@pytest.mark.parametrize("name", ["z[0] = x", "z[0] += x", "z.fill", "fromiter"])
def test_the_last_line_is_ours(name):
    """NumPy replaces what `__float__` raises by "setting an array element with a sequence"."""
    W = ag.tensor([1.0, 2.0], requires_grad=True)
    if name.startswith("z["):
        with pytest.raises(RuntimeError, match=r"^array\[i\] = tensor .*np\.stack.*list.*ag\.set_at"):
            WAYS[name](W[0])
    with pytest.raises(RuntimeError, match=r"detach\(\)") as error:
        ag.grad(lambda x: WAYS[name](x[0]))(one)
    assert error.value.__cause__ is None
    caught = 0
    for _ in range(2):
        try:
            WAYS["z[0] = x"](W[0])
        except RuntimeError:
            caught += 1
    assert caught == 2


def test_under_a_debugger_it_is_the_cause():
    events = []

    def trace(frame, event, arg):
        events.append(event)
        return trace

    W = ag.tensor(1.0, requires_grad=True)
    sys.settrace(trace)
    try:
        with pytest.raises(ValueError, match="setting an array element") as error:
            WAYS["z[0] = x"](W)
        assert sys.gettrace() is trace
    finally:
        sys.settrace(None)
    assert "ag.set_at" in str(error.value.__cause__)
    assert "exception" in events


STAYS = {
    "bool": lambda x: x.sum() if x.sum() > 1 else 0.0,
    "truth": lambda x: x.sum() if x[0] else 0.0,
    "in": lambda x: x.sum() if 3.0 in x else 0.0,
    "int": lambda x: x.sum() * (int(x[0]) - 2),
    "index": lambda x: x[x.argmax()] * [0, 1][(x[0] > 1).astype(int)],
    "print": lambda x: (print(x, x[0], x.sum()), x.sum())[1],
    "format": lambda x: (f"{x[0]:.3f} {x} {x.sum():8.2e}", x.sum())[1],
    "text": lambda x: (repr(x), str(x.sum()), np.array2string(x), x.sum())[-1],
    "detach": lambda x: x.sum() * x.detach().item() / float(x[0].detach()),
    "data": lambda x: x.sum() * x.data[0] / 3,
    "stop_gradient": lambda x: x.sum() * ag.stop_gradient(x).item() / 3,
    "iteration": lambda x: sum(list(x)) + 0 * sum(v for v in x.flat),
    "length": lambda x: x.sum() * len(x) * x.size / x.ndim,
    "max": lambda x: max(x[0], 0.0),
    "copy": lambda x: x.copy().sum(),
    "stack": lambda x: np.stack([x[0], x[0]]).mean(),
    "set_at": lambda x: ag.set_at(np.zeros(2), 0, x[0]).sum(),
    "round": lambda x: x.sum() + round(x[0]),
    "a list": lambda x: sum([x[0] * 0.5, x[0] * 0.5]),
}


@pytest.mark.parametrize("name", STAYS)
@pytest.mark.filterwarnings("ignore:int")
def test_what_has_no_derivative_or_is_meant_as_a_constant_stays_as_it_is(name, capsys):
    f = STAYS[name]
    assert float(ag.grad(f)(one)[0]) == 1.0
    assert float(ag.jvp(f, (one,), (np.ones(1),))[1]) == 1.0
    assert f(ag.tensor(one, requires_grad=True)).requires_grad


def test_no_grad_says_that_a_constant_is_meant():
    log = []

    def f(x):
        with ag.no_grad():
            log.append((x.sum().item(), float(x[0]), x.tolist(), x.numpy().sum()))
        return (x * x).sum()

    assert ag.grad(f)(one).tolist() == [6]
    assert log == [(3, 3, [3], 3)]


@pytest.mark.parametrize("name", ["float", "item", "math.sqrt", "z[0] = x"])
def test_a_backward_pass_inside_the_function_changes_nothing(name):
    def f(x):
        y = (x * x).sum()
        y.backward()
        return WAYS[name](y) * x.sum()

    with pytest.raises(RuntimeError, match=r"detach\(\)"):
        ag.grad(f)(one)


def test_outside_of_its_transform_a_value_is_a_number():
    kept = []

    def f(x):
        kept.append(x.sum() * 2)
        return (x * x).sum()

    ag.grad(f)(one)
    assert kept[0].item() == 6
    y, gradient = ag.value_and_grad(f, has_aux=False)(one)
    assert (float(y), gradient.tolist()) == (9, [6])
    _, pull = ag.vjp(f, one)
    assert (kept[-1].item(), pull(1.0)[0].tolist()) == (6, [6])


def test_what_does_not_depend_on_the_inputs_is_a_number():
    W = ag.tensor([2.0], requires_grad=True)

    def f(x):
        log.append((W.item(), W.tolist(), (W * 2).numpy()[0], float(ag.tensor(1.0))))
        return (x * W).sum()

    log = []
    assert ag.grad(f)(one).tolist() == [2]
    assert log == [(2, [2], 4, 1)]
    x = ag.tensor(one)
    inner = ag.grad(lambda v: v * x.item())  # a constant of the outer function
    assert ag.grad(lambda w: (w * inner(1.0)).sum())(one).tolist() == [3]


def test_ordinary_training_takes_numbers_as_in_pytorch():
    W = ag.tensor([1.0, 2.0], requires_grad=True)
    loss = (W * W).sum()
    assert (loss.item(), W.numpy() is W.data, W.tolist(), loss.numpy()[()]) == (5, True, [1, 2], 5)
    loss.backward()
    assert (float(loss), f"{loss:.1f}", math.sqrt(W.grad[1])) == (5, "5.0", 2)


@pytest.mark.parametrize("traced", [ag.jit, ag.vmap, lambda f: ag.trace(f)])
def test_in_a_trace_the_remedy_is_that_of_an_assignment(traced):
    with pytest.raises(RuntimeError, match=r"^array\[i\] = \.\.\. of a value that depends on the traced.*ag\.set_at"):
        traced(lambda x: x * filled(set_at)(x.sum()))(np.ones((2, 2)))


def with_a_row(x):
    table = np.zeros((2, 2))
    table[0, :] = x
    return np.sum(table)


def with_a_slice(x):
    table = np.zeros(3)
    table[1:] = x
    return np.sum(table)


@pytest.mark.parametrize("f", [with_a_row, with_a_slice])
def test_the_remedy_of_an_assignment_is_that_of_rows_and_slices_too(f):
    with pytest.raises(RuntimeError, match=r"^array\[i\] = \.\.\. of a value that depends on the traced.*ag\.set_at"):
        ag.trace(f, np.ones(2))
