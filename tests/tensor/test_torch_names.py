"""PyTorch's names for functions that have another name in NumPy: on tensors they do what NumPy's do."""

import operator

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.table import ROWS
from autograd_lite.testing import assert_gradients

X = np.random.default_rng(0).normal(size=(2, 3, 4))
T = ag.tensor(X, requires_grad=True)
MASK = X > 0.5

METHODS = {
    "view": (lambda t: t.view(6, 4), X.reshape(6, 4)),
    "view of a tuple": (lambda t: t.view((4, -1)), X.reshape(4, 6)),
    "view_as": (lambda t: t.view_as(np.zeros((6, 4))), X.reshape(6, 4)),
    "permute": (lambda t: t.permute(2, 0, 1), X.transpose(2, 0, 1)),
    "unsqueeze": (lambda t: t.unsqueeze(1), X[:, None]),
    "expand": (lambda t: t[:1].expand(5, -1, 4), np.broadcast_to(X[:1], (5, 3, 4))),
    "expand with an axis before": (lambda t: t.expand(2, -1, -1, -1), np.stack([X, X])),
    "expand_as": (lambda t: t[0].expand_as(X), np.broadcast_to(X[0], X.shape)),
    "t": (lambda t: t[0].t(), X[0].T),
    "masked_fill": (lambda t: t.masked_fill(MASK, -1.5), np.where(MASK, -1.5, X)),
    "clamp": (lambda t: t.clamp(-0.5, 0.5), np.clip(X, -0.5, 0.5)),
    "clamp one end": (lambda t: t.clamp(min=0.1), np.maximum(X, 0.1)),
    "pow": (lambda t: t.pow(3), X**3),
    "matmul": (lambda t: t.matmul(X[0].T), X @ X[0].T),
    "mm": (lambda t: t[0].mm(X[0].T), X[0] @ X[0].T),
    "bmm": (lambda t: t.bmm(X.mT), X @ X.mT),
    "log_softmax": (lambda t: t.log_softmax(-1), X - np.log(np.exp(X).sum(-1, keepdims=True))),
    "contiguous": (lambda t: t.contiguous(), X),
    "cpu": (lambda t: t.cpu(), X),
    "to": (lambda t: t.to("cpu").to(T), X),
    "topk": (lambda t: t.topk(2, dim=1).values, -np.sort(-X, axis=1)[:, :2]),
    "flatten": (lambda t: t.flatten(), X.ravel()),
    "flatten from": (lambda t: t.flatten(1), X.reshape(2, 12)),
    "flatten to": (lambda t: t.flatten(end_dim=1), X.reshape(6, 4)),
    "flatten as NumPy's": (lambda t: t.flatten("F"), X.flatten("F")),
    "add": (lambda t: t.add(X, alpha=2), X + 2 * X),
    "sub": (lambda t: t.sub(1, alpha=3), X - 3),
    "mul": (lambda t: t.mul(X), X * X),
    "div": (lambda t: t.div(2), X / 2),
    "square": (lambda t: t.square(), X**2),
    "clamp_min": (lambda t: t.clamp_min(0.1), np.maximum(X, 0.1)),
    "clamp_max": (lambda t: t.clamp_max(0.1), np.minimum(X, 0.1)),
    "tril": (lambda t: t.tril(), np.tril(X)),
    "triu": (lambda t: t.triu(1), np.triu(X, 1)),
    "outer": (lambda t: t[0, 0].outer(X[0, 1]), np.outer(X[0, 0], X[0, 1])),
    "flip": (lambda t: t.flip(0, 2), X[::-1, :, ::-1]),
    "flip of a list": (lambda t: t.flip([1]), X[:, ::-1]),
    "index_select": (lambda t: t.index_select(1, np.array([2, 0, 2])), X[:, [2, 0, 2]]),
    "gather": (lambda t: t.gather(2, np.array([[[3, 0], [1, 1]]])), np.array([[X[0, 0, [3, 0]], X[0, 1, [1, 1]]]])),
    "scatter": (
        lambda t: t[0].scatter(0, np.array([[2, 0, 1]]), 5.0), np.where(np.eye(3, 4)[[1, 2, 0]] > 0, 5.0, X[0]),
    ),
    "scatter_add": (
        lambda t: t[0].scatter_add(1, np.array([[1, 1]]), X[1]),
        X[0] + np.pad([[0, X[1, 0, :2].sum()]], ((0, 2), (0, 2))),
    ),
    "chunk": (lambda t: t.chunk(3, dim=2)[1], X[:, :, 2:4]),
    "split": (lambda t: t.split(2, dim=1)[1], X[:, 2:]),
    "split into sizes": (lambda t: t.split([1, 3], dim=2)[1], X[:, :, 1:]),
    "unbind": (lambda t: t.unbind(1)[2], X[:, 2]),
    "repeat_interleave": (lambda t: t.repeat_interleave(2, dim=1), np.repeat(X, 2, 1)),
    "repeat_interleave of all": (lambda t: t.repeat_interleave(2), np.repeat(X, 2)),
    "mv": (lambda t: t[0].mv(X[1, 2]), X[0] @ X[1, 2]),
    "det": (lambda t: t[:, :2, :2].det(), np.linalg.det(X[:, :2, :2])),
    "norm": (lambda t: t.norm(), np.sqrt((X**2).sum())),
    "norm along": (lambda t: t.norm(1, dim=2, keepdim=True), np.abs(X).sum(2, keepdims=True)),
}


OF_ONE_TENSOR = """
    neg=negative asin=arcsin acos=arccos atan=arctan sign floor ceil trunc tan sinh cosh log1p expm1 log2 log10
    reciprocal isnan isinf isfinite count_nonzero nan_to_num
"""


@pytest.mark.parametrize("name", OF_ONE_TENSOR.split())
def test_methods_that_are_functions_of_numpy(name):
    method, _, function = name.partition("=")
    values = np.array([0.3, 0.9, 0.5])
    got, want = getattr(ag.tensor(values), method)(), getattr(np, function or name)(values)
    np.testing.assert_array_equal(got.numpy() if isinstance(got, ag.Tensor) else got, want)


@pytest.mark.parametrize(
    ("got", "want"),
    [
        (lambda t: t.fmod(0.3), np.fmod(X, 0.3)),
        (lambda t: t.remainder(0.3), np.remainder(X, 0.3)),
        (lambda t: t.maximum(-X), np.maximum(X, -X)),
        (lambda t: t.minimum(-X), np.minimum(X, -X)),
        (lambda t: t[0].kron(X[1]), np.kron(X[0], X[1])),
        (lambda t: t[0].diag(1), np.diag(X[0], 1)),
        (lambda t: t.quantile(0.3, dim=1), np.quantile(X, 0.3, axis=1)),
        (lambda t: t.roll(1, dims=2), np.roll(X, 1, 2)),
        (lambda t: t.movedim(0, 2), np.moveaxis(X, 0, 2)),
        (lambda t: ag.movedim(ag.neg(t), 0, 2), np.moveaxis(-X, 0, 2)),
        (lambda t: ag.triu(t, diagonal=1), np.triu(X, 1)),
        (lambda t: t.tril(diagonal=-1), np.tril(X, -1)),
    ],
)
def test_methods_with_arguments(got, want):
    np.testing.assert_allclose(got(T).detach().numpy(), want, rtol=1e-14)


@pytest.mark.parametrize("name", METHODS)
def test_methods(name):
    f, want = METHODS[name]
    np.testing.assert_allclose(f(T).detach().numpy(), want, rtol=1e-14)
    assert f(T).dtype == np.float64
    assert_gradients(f, X)


@pytest.mark.parametrize(
    ("f", "want"),
    [
        (lambda t: ag.cat([t, t[:1]], dim=0), np.concatenate([X, X[:1]])),
        (lambda t: ag.unsqueeze(t, -1), X[..., None]),
        (lambda t: ag.permute(t, (1, 0, 2)), X.transpose(1, 0, 2)),
        (lambda t: ag.clamp(t, max=0.0), np.minimum(X, 0)),
        (lambda t: ag.masked_fill(t, MASK, 2.0), np.where(MASK, 2, X)),
        (lambda t: ag.bmm(t, X.mT), X @ X.mT),
        (lambda t: ag.mv(t[0], X[1, 2]), X[0] @ X[1, 2]),
        (lambda t: ag.det(t[0, :2, :2]), np.linalg.det(X[0, :2, :2])),
        (lambda t: ag.repeat_interleave(t, np.array([2, 0]), dim=0), X[[0, 0]]),
    ],
)
def test_functions(f, want):
    np.testing.assert_array_equal(f(T).detach().numpy(), want)
    assert_gradients(f, X)


@pytest.mark.parametrize("name", ["eq", "ne", "gt", "ge", "lt", "le"])
def test_comparisons(name):
    want = getattr(operator, name)(X, X[0]).tolist()
    assert getattr(T, name)(X[0]).tolist() == getattr(ag, name)(T, X[0]).tolist() == want


@pytest.mark.parametrize("mode", ["floor", "trunc"])
def test_division_that_rounds(mode):
    x = ag.tensor([7.0, -7.0])
    assert x.div(2, rounding_mode=mode).tolist() == getattr(np, mode)(x.data / 2).tolist()
    with pytest.raises(ValueError, match="rounding_mode"):
        x.div(2, rounding_mode="up")


def test_chunks_and_splits_are_pytorchs():
    x = ag.tensor(np.arange(7.0))
    assert [len(part) for part in x.chunk(3)] == [3, 3, 1]
    assert [len(part) for part in x.chunk(5)] == [2, 2, 2, 1]  # fewer than asked for
    assert [len(part) for part in x.split(3)] == [3, 3, 1]
    assert [len(part) for part in ag.chunk(ag.zeros(0), 3)] == [0]
    for call, words in (
        (lambda: x.split([3, 3]), r"\[3, 3\] do not add up to 7"),
        (lambda: x.split(0), "at least 1"),
        (lambda: x.chunk(0), "at least one"),
        (lambda: T.gather(1, np.zeros((3, 1, 1), int)), r"\(3, 1, 1\) does not fit into the shape \(2, 3, 4\)"),
        (lambda: T.flatten(2, 1), "comes after"),
    ):
        with pytest.raises(ValueError, match=words):
            call()
    with pytest.raises(TypeError, match="whole numbers"):
        T.gather(1, np.zeros((1, 1, 1)))


def test_new_tensors_like_this_one():
    x = ag.zeros(2, dtype=np.float32)
    for made, value in ((x.new_zeros(2, 3), 0), (x.new_ones((2, 3)), 1), (x.new_full((2, 3), 5), 5)):
        assert (made.shape, made.dtype) == ((2, 3), np.float32)
        assert np.all(made.data == value)
    assert x.new_ones(1, dtype=np.int64, device="cpu").dtype == np.int64
    assert x.new_zeros(1, requires_grad=True).requires_grad
    assert x.new_zeros(size=(2, 3)).shape == x.new_ones(size=[2, 3]).shape == (2, 3)
    with pytest.raises(TypeError, match=r"one shape, got \(2, 3\), 4"):
        ag.zeros((2, 3), 4)


IN_PLACE = {
    "zero_": (lambda t: t.zero_(), np.zeros(3)),
    "fill_": (lambda t: t.fill_(2), np.full(3, 2)),
    "copy_": (lambda t: t.copy_([1, 2, 3]), np.array([1, 2, 3])),
    "add_": (lambda t: t.add_(ag.ones(3), alpha=2), np.array([3.0, 0.0, 7.0])),
    "sub_": (lambda t: t.sub_(1), np.array([0.0, -3.0, 4.0])),
    "mul_": (lambda t: t.mul_(2), np.array([2.0, -4.0, 10.0])),
    "div_": (lambda t: t.div_(2), np.array([0.5, -1.0, 2.5])),
    "clamp_": (lambda t: t.clamp_(-1, 2), np.array([1.0, -1.0, 2.0])),
    "clamp_ one end": (lambda t: t.clamp_(min=0), np.array([1.0, 0.0, 5.0])),
}


@pytest.mark.parametrize("name", IN_PLACE)
def test_methods_that_write(name):
    write, want = IN_PLACE[name]
    for dtype in (np.float64, np.float32):
        t = ag.tensor([1.0, -2.0, 5.0], dtype=dtype)
        array = t.data
        assert write(t) is t
        assert t.data is array
        assert (array.dtype, array.tolist()) == (dtype, want.tolist())
    W = ag.tensor([1.0, -2.0, 5.0], requires_grad=True, name="W")
    with pytest.raises(RuntimeError, match=r"_\(\) on 'W' while gradients are being recorded"):
        write(W)
    with pytest.raises(RuntimeError, match="would change what the graph has recorded"):
        write(W * 2)
    loss = (W * W).sum()
    with ag.no_grad():
        write(W)
    assert W.tolist() == want.tolist()
    with pytest.raises(RuntimeError, match="has changed since"):
        loss.backward()


def test_random_writes_draw_from_the_default_generator():
    t = ag.zeros(1000)
    ag.manual_seed(1)
    first = t.uniform_(2, 3).tolist()
    assert min(first) >= 2
    assert max(first) < 3
    ag.manual_seed(1)
    assert t.uniform_(2, 3).tolist() == first
    assert abs(t.normal_(5, 0.1).mean().item() - 5) < 0.02


def test_a_live_tensor_is_not_written_into_a_constant():
    W = ag.tensor([1.0, 2.0], requires_grad=True)
    with pytest.raises(RuntimeError, match=r"add_\(\)"):
        ag.zeros(2).add_(W)
    x = ag.tensor(np.ones(2, np.int64))
    with pytest.raises(TypeError, match=r"add_\(tensor \(2,\), 0\.5, 1\): .*int64"):
        x.add_(0.5)
    with pytest.raises(ValueError, match=r"copy_\(tensor \(2,\), array \(3,\)\): "):
        x.copy_(np.ones(3, np.int64))


def test_devices():
    cpu = ag.device("cpu")
    for made in (ag.zeros(2, device="cpu"), ag.tensor(1.0, device=cpu), ag.randn(2, device=cpu).to("cpu")):
        assert made.device == "cpu"
    for call in (
        lambda: ag.zeros(2, device="cuda"), lambda: ag.device("cuda:0"), lambda: ag.tensor(1.0, device="mps"),
        lambda: ag.randperm(3, device="cuda"),
    ):
        with pytest.raises(ValueError, match=r"(cuda|mps).*no device but 'cpu'"):
            call()
    assert not ag.cuda.is_available()


def test_recording_switched_off():
    W = ag.tensor(1.0, requires_grad=True)
    with ag.inference_mode():
        assert not (W * 2).requires_grad
    with ag.set_grad_enabled(False):
        assert not (W * 2).requires_grad
        with ag.set_grad_enabled(True):
            assert (W * 2).requires_grad
        assert not (W * 2).requires_grad
    assert (W * 2).requires_grad
    ag.set_grad_enabled(False)  # from here on
    try:
        assert not (W * 2).requires_grad
    finally:
        ag.set_grad_enabled(True)
    assert (W * 2).requires_grad


def test_topk():
    x = np.array([[3.0, 1.0, 3.0, 2.0]])
    values, indices = ag.topk(ag.tensor(x), 3)
    assert (values.tolist(), indices.tolist()) == ([[3, 3, 2]], [[0, 2, 3]])  # of equal ones the first
    assert ag.topk(x, 1, largest=False).indices.tolist() == [[1]]
    with pytest.raises(ValueError, match="topk: expected k from 0 to 4"):
        ag.topk(x, 5)


def test_dtypes():
    assert T.float().dtype == ag.float32 == ag.float == np.float32
    assert T.half().dtype == ag.float16
    assert T.float().double().dtype == ag.double
    assert T.long().dtype == ag.long == np.int64
    assert T.int().dtype == np.int32
    assert T.bool().dtype == ag.bool
    assert T.to(np.float32).dtype == T.to("float32").dtype == T.to(dtype=ag.float32).dtype == np.float32
    assert T.type_as(T.float()).dtype == np.float32
    assert T.to(np.float64) is T


def test_counts():
    assert (T.dim(), T.numel(), T.nelement()) == (3, 24, 24)


def functions_over_axes():
    """The functions with an axis for which NumPy takes a tuple."""
    for f, row in ROWS.items():
        if getattr(np, row.name, None) is f and "axis" in row.keywords:
            try:
                f(X, axis=(0, 1))
            except Exception:  # not of one array, or of one axis
                continue
            yield row.name


AXES = sorted(functions_over_axes())


@pytest.mark.parametrize("name", AXES)
def test_a_list_of_axes_is_a_tuple_of_them(name):
    f, want = getattr(ag, name), getattr(np, name)(X, axis=(0, 1))
    for got in [f(T, axis=[0, 1]), *([] if f.unlike_torch else [f(T, dim=[0, 1])])]:
        got = ag.stack(got) if isinstance(got, (list, tuple)) else got
        np.testing.assert_allclose(got.detach(), want, rtol=1e-14)


def test_the_functions_of_axes_are_many():
    assert {"sum", "mean", "any", "count_nonzero", "flip", "std", "max", "expand_dims", "median"} <= set(AXES)


def test_what_is_refused():
    with pytest.raises(ValueError, match="no device but 'cpu'"):
        T.to("cuda:0")
    with pytest.raises(TypeError, match="masked_fill: expected a boolean mask, got int64"):
        ag.masked_fill(T, MASK.astype(int), 0.0)
    with pytest.raises(ValueError, match=r"masked_fill: a mask of shape \(5,\)"):
        ag.masked_fill(T, np.ones(5, bool), 0.0)
    with pytest.raises(ValueError, match=r"t\(\) of a tensor of shape \(2, 3, 4\)"):
        T.t()
    with pytest.raises(ValueError, match="clamp"):
        T.clamp()


def test_numpy_wins_where_both_have_the_name():
    assert T.size == 24
    assert T[0].max().shape == ()
    assert ag.tensor([1, 2]).repeat(2).tolist() == [1, 1, 2, 2]
    assert float(ag.tensor([1.0, 3.0]).std()) == 1


@pytest.mark.parametrize("name", ["zeros", "ones", "empty", "rand", "randn"])
def test_the_shape_as_a_keyword(name):
    make = getattr(ag, name)
    assert make(size=(2, 3)).shape == make(size=[2, 3]).shape == make(2, 3).shape == (2, 3)
    assert make(size=4).shape == make(size=(4,), requires_grad=True).shape == (4,)
    assert make(size=()).shape == make().shape == ()
    with pytest.raises(TypeError, match=r"shape \(2,\) and size=3; pass one"):
        make(2, size=3)


def test_normal_numbers_that_require_gradients():
    x = ag.normal(0.0, 1.0, (2, 3), requires_grad=True)
    assert (x.shape, x.requires_grad, x.is_leaf) == ((2, 3), True, True)


def test_detach_in_place():
    W = ag.tensor([1.0, 2.0], requires_grad=True, name="W")
    y = W * W
    z = (y * 3).sum()
    assert y.detach_() is y
    assert not y.requires_grad
    assert y.is_leaf
    z.backward()  # the graph is as it was
    assert W.grad.tolist() == [6, 12]
    with pytest.raises(ValueError, match="read-only"):
        y[0] = 5.0  # a rule needs it
    assert W.detach_() is W
    assert (W.requires_grad, W.name) == (False, "W")
    assert ag.grad(lambda x: (x * (x * x).detach_()).sum())(np.array([3.0])).tolist() == [9]
    assert ag.jit(lambda x: (x * x).detach_() * x)(np.array([3.0])).tolist() == [27]


IMPORTS = {
    "from autograd_lite.distributions import Normal": "ag.stats.norm",
    "import autograd_lite.func": "ag.vmap",
    "from autograd_lite import lax": "stop_gradient",
    "from autograd_lite import erf": "ag.special.erf",
}


@pytest.mark.parametrize("statement", IMPORTS)
def test_imports_are_answered_with_what_to_write(statement):
    with pytest.raises(ImportError, match=f"^autograd_lite has no .*{IMPORTS[statement]}"):
        exec(statement)
    with pytest.raises(ImportError, match="cannot import name 'nothing'"):
        exec("from autograd_lite import nothing")


def test_windows_and_parts():
    x = ag.tensor(np.arange(12.0).reshape(2, 6), requires_grad=True)
    assert x.narrow(1, 2, 3).tolist() == x.narrow(-1, -4, 3).tolist() == [[2, 3, 4], [8, 9, 10]]
    for wrong in ((1, 4, 3), (1, -7, 1), (0, 0, -1)):
        with pytest.raises(ValueError, match="narrow"):
            x.narrow(*wrong)
    windows = x.unfold(1, 2, 3)
    assert windows.tolist() == x.unfold(-1, 2, 3).tolist() == [[[0, 1], [3, 4]], [[6, 7], [9, 10]]]
    assert x.unfold(0, 2, 1).shape == (1, 6, 2)
    windows.sum().backward()
    assert x.grad.tolist() == [[1, 1, 0, 1, 1, 0]] * 2


def test_tensors_by_their_type():
    assert (ag.FloatTensor([1, 2]).dtype, ag.LongTensor([1.0]).dtype) == (np.float32, np.int64)
    assert (ag.IntTensor(2, 3).shape, ag.BoolTensor((True,)).dtype) == ((2, 3), np.bool_)
    x = ag.tensor([1.0], requires_grad=True)
    assert x.type(ag.FloatTensor).dtype == x.to(ag.float32).dtype == np.float32
    assert x.type(ag.DoubleTensor) is x


def test_evenly_spaced_points_are_a_tensor():
    x = ag.linspace(0, 1, steps=3, requires_grad=True)
    assert (type(x), x.dtype, x.tolist()) == (ag.Tensor, np.float64, [0, 0.5, 1])
    assert ag.linspace(0, 1, 3, dtype=ag.float32).dtype == np.float32
    end = ag.tensor(2.0, requires_grad=True)
    ag.linspace(0.0, end, 5).sum().backward()
    assert float(end.grad) == 2.5
    with pytest.raises(ValueError, match="no device but 'cpu'"):
        ag.linspace(0, 1, 3, device="cuda")


def test_variables_share_their_memory():
    t = ag.ones(2)
    x = ag.autograd.Variable(t, requires_grad=True)
    assert x.requires_grad
    assert not t.requires_grad
    assert np.shares_memory(x.data, t.data)
