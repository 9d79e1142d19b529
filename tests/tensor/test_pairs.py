"""Names that NumPy and PyTorch both have, with another result: NumPy's holds, and what only PyTorch's means raises."""

from __future__ import annotations

import copy
import pickle
import re

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.table import TABLE

X = np.array([[3.0, 1.0, 7.0, 2.0], [4.0, 6.0, 5.0, 0.0]])
PAIRED = sorted(name for name, row in TABLE.items() if row.pair)

#: By name: calls as a program for PyTorch writes them.
CALLS = {
    f"{name}({rest})": (name, args)
    for name in PAIRED
    for rest, args in (("", ()), ("0", (0,)), ("1", (1,)), ("-1", (-1,)))
    if len(args) + 1 >= TABLE[name].pair
}


def first_and_second(y):
    a, b = y
    return a, b


def nested(y):
    (a, b), c = y, 0
    return a, b, c


def rest(y):
    a, *b = y
    return a, b


USES = {
    "[0]": lambda y: y[0], "[1]": lambda y: y[1], "[-1]": lambda y: y[-1], "[-2]": lambda y: y[-2],
    "unpacking": first_and_second, "nested": nested,
}
NOT_A_PAIR = {
    "slice": lambda y: y[:1], "index array": lambda y: y[[0]], "tuple": lambda y: y[(0,)], "None": lambda y: y[None],
    "mask": lambda y: y[y > 1], "sum": lambda y: y.sum(), "for": lambda y: [2 * v for v in y], "list": list,
    "arithmetic": lambda y: (y + 1)[0], "length": len, "rest": rest, "matmul": lambda y: y.T @ y,
    "number": lambda y: y.ravel()[0].item(), "copy": lambda y: y.copy()[1],
}


def methods(name):
    return [getattr(ag, name), *([getattr(ag.Tensor, name)] if hasattr(ag.Tensor, name) else [])]


def plain(y):
    return [plain(v) for v in y] if isinstance(y, (list, tuple)) else y.tolist() if hasattr(y, "tolist") else y


def test_they_are_those_of_pytorch():
    assert PAIRED == ["max", "median", "min", "nanmedian", "sort"]


@pytest.mark.parametrize("requires_grad", [True, False])
@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("call", CALLS)
def test_a_result_that_is_used_as_a_pair_raises(call, use, requires_grad):
    name, args = CALLS[call]
    x = ag.tensor(X, requires_grad=requires_grad)
    for f in methods(name):
        y = f(x, *args)
        with pytest.raises(TypeError, match=rf"of {name}\(x.*PyTorch's returns.*write .*axis=.* by name"):
            USES[use](y)


@pytest.mark.parametrize("call", CALLS)
def test_everything_else_is_numpys(call):
    name, args = CALLS[call]
    x, axis = ag.tensor(X, requires_grad=True), args[0] if args else -1
    want = getattr(np, name)(X, axis)
    for f in methods(name):
        y = f(x, *args)
        assert isinstance(y, ag.Tensor)
        for use in NOT_A_PAIR.values():
            assert plain(use(y)) == plain(use(want))
        assert repr(y) == repr(f(x, axis=axis))
        y.sum().backward()
        assert x.grad.data.sum() == y.size
        x.grad = None
        for use in USES.values():  # an entry of the values
            for named in (f(x, axis=axis), getattr(np, name)(x, *args), getattr(np, name)(x, axis=axis)):
                if use not in (first_and_second, nested) or len(want) == 2:
                    assert plain(use(named)) == plain(use(want))
    constant = getattr(ag, name)(x.detach(), *args)
    for other in (copy.copy(constant), copy.deepcopy(constant), pickle.loads(pickle.dumps(constant))):
        assert type(other) is ag.Tensor
        assert other[0].tolist() == want[0].tolist()
    assert plain(getattr(ag, name)(X, *args)[0]) == plain(want[0])  # of an array it is NumPy's


@pytest.mark.parametrize("call", CALLS)
def test_in_a_function_transform_they_are_numpys_and_jaxs(call):
    name, args = CALLS[call]

    def f(x):
        y = getattr(ag, name)(x, *args)
        return np.sum(y[0] * y[1]) + np.sum(y[1])

    def g(x):
        y = getattr(np, name)(x, *args)
        return np.sum(y[0] * y[1]) + np.sum(y[1])

    assert ag.grad(f)(X).tolist() == ag.grad(g)(X).tolist()
    assert ag.vmap(f)(X[None]).tolist() == ag.vmap(g)(X[None]).tolist() == [g(X)]


def test_compiled_they_are_as_they_are_eagerly():
    with pytest.raises(TypeError, match="PyTorch's returns positions"):
        ag.jit(lambda x: ag.max(x, 1)[1])(X)
    with pytest.raises(TypeError, match="PyTorch's returns positions"):
        ag.jit(lambda x: x.max(1)[1])(ag.tensor(X))


def test_a_maximum_of_all_entries_is_a_number_in_both():
    x = ag.tensor(X[None])
    assert x.max().item() == 7
    assert ag.min(x).item() == 0
    assert type(ag.max(x)) is type(ag.median(x)) is ag.Tensor


FIELDS = ["values", "indices", "kthvalue", "mode", "msort", "aminmax", "median"]


@pytest.mark.parametrize("name", FIELDS)
def test_names_of_pytorchs_are_answered(name):
    with pytest.raises(AttributeError, match=rf"'{name}': .*(argmax|np\.|x\.)"):
        getattr(ag.tensor(X), name)


#: Calls that mean something in PyTorch alone: in NumPy a bool is no axis, dtype, kind or array to write to.
KEEPDIM = ("sum", "mean", "prod", "max", "min", "argmax", "argmin", "all", "any")
ONLY_PYTORCHS = {
    **{f"x.{name}(1, True)": rf"^{name}\(.*keepdims=True by name" for name in KEEPDIM},
    **{f"x.{name}({flag})": rf"^{name}\(.*unbiased=" for name in ("std", "var") for flag in (True, False)},
    "x.std(1, True)": "by name",
    "x.logsumexp(1, True)": "keepdims=True by name",
    "ag.median(x, 1, True)": "keepdims=True by name",
    "ag.sort(x, 1, True)": r"np\.flip",
    "x.sort(1, True)": r"np\.flip",
    "ag.argsort(x, 1, True)": "kind",
    "ag.max(x, x)": r"np\.maximum",
    "x.min(x)": r"np\.minimum",
    "x.transpose(0, 1)": r"swapaxes\(0, 1\)",
    "x.transpose(-2, -1)": r"swapaxes\(0, 1\)",
    "ag.transpose(x, 0, 1)": r"swapaxes\(0, 1\)",
    "x[None].transpose(1, 2)": "swapaxes",
    "ag.trace(x)": r"np\.trace",
}


@pytest.mark.parametrize("call", ONLY_PYTORCHS)
def test_calls_that_only_pytorch_has_raise(call):
    with pytest.raises((TypeError, ValueError), match=ONLY_PYTORCHS[call]):
        eval(call, {"ag": ag, "x": ag.tensor(X)})


def test_calls_that_mean_the_same_are_taken():
    x = ag.tensor(X, requires_grad=True)
    np.testing.assert_array_equal(x.std(dim=0, correction=1).detach(), X.std(0, ddof=1))
    np.testing.assert_array_equal(x.var(dim=1, correction=0, keepdim=True).detach(), X.var(1, keepdims=True))
    np.testing.assert_array_equal(x.std(unbiased=True).detach(), X.std(ddof=1))
    for y in (x.transpose(1, 0), x.swapaxes(0, 1), x.permute(1, 0), x.transpose(), x.transpose((1, 0))):
        np.testing.assert_array_equal(y.detach(), X.T)
    for y in (x.permute(0, 1), x.permute((0, 1)), x.transpose((0, 1)), np.transpose(x, (0, 1))):
        np.testing.assert_array_equal(y.detach(), X)
    with pytest.raises(TypeError, match=re.escape("std(dim=)")):
        x.std(dim=0)
