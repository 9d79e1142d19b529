"""PyTorch's names for functions that have another name in NumPy: on tensors they do what NumPy's do."""

import numpy as np
import pytest

import autograd_lite as ag
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
}


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
    ],
)
def test_functions(f, want):
    np.testing.assert_array_equal(f(T).detach().numpy(), want)
    assert_gradients(f, X)


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
    assert (T.dim(), T.numel()) == (3, 24)


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
