"""Linear layers, embeddings and changes of shape: formulas, beginnings, gradients, and what is refused."""

import math
from functools import partial
from itertools import pairwise

import numpy as np
import pytest
from nn_checks import check_layer, draw, shaken, value

import autograd_lite as ag
import autograd_lite.nn.functional as F
from autograd_lite import nn
from autograd_lite.testing import assert_gradients


@pytest.mark.parametrize("shape", [(3,), (4, 3), (2, 4, 3), (0, 3)])
@pytest.mark.parametrize("bias", [True, False])
def test_linear(shape, bias):
    layer = shaken(nn.Linear(3, 2, bias))
    x = draw(shape)
    want = np.einsum("...i,oi->...o", x, layer.weight.data) + (layer.bias.data if bias else 0)
    np.testing.assert_allclose(value(layer(x)), want, atol=1e-14)
    np.testing.assert_allclose(value(layer(ag.tensor(x))), want, atol=1e-14)
    if x.size:
        np.testing.assert_allclose(value(layer(x.tolist())), want, atol=1e-14)
        check_layer(layer, x)


def test_linear_is_two_steps_at_most():
    """One node: the matrix product with its bias."""
    y = nn.Linear(3, 2)(np.ones((4, 3)))
    assert y._node.row.name == "linear"
    assert [p.name for p in y._node.parents[1:]] == ["weight", "bias"]


def test_linear_begins_evenly_between_one_over_the_root():
    layer = nn.Linear(400, 300)
    bound = 1 / math.sqrt(400)
    for p in layer.parameters():
        assert np.abs(p.data).max() <= bound
    assert np.abs(layer.weight.data).max() > 0.999 * bound
    assert layer.weight.data.std() == pytest.approx(bound / math.sqrt(3), rel=0.01)
    assert nn.Linear(0, 2).weight.shape == (2, 0)


def test_the_input_takes_the_dtype_of_the_weights_where_it_has_none():
    layer = nn.Linear(2, 2, dtype=np.float32)
    assert layer([[1.0, 2.0]]).dtype == np.float32
    assert layer(np.array([[1, 2]])).dtype == np.float32
    assert layer(np.array([[True, False]])).dtype == np.float32
    assert layer(ag.tensor([[1, 2]])).dtype == np.float32
    assert layer(np.array([[1.0, 2.0]])).dtype == np.float64  # an array's dtype counts, as in NumPy


def test_a_list_of_tensors_is_an_input():
    w = ag.tensor([1.0, 2.0], requires_grad=True)
    nn.Linear(2, 1)([w, w]).sum().backward()
    assert w.grad.shape == (2,)


def test_one_output_without_an_axis():
    x, w = draw((4, 3), (3,))
    np.testing.assert_allclose(value(F.linear(x, w, 0.5)), x @ w + 0.5)


@pytest.mark.parametrize("bias", [True, False])
def test_bilinear(bias):
    layer = shaken(nn.Bilinear(3, 2, 4, bias))
    x1, x2 = draw((2, 5, 3), (2, 5, 2))
    want = np.einsum("...i,oij,...j->...o", x1, layer.weight.data, x2) + (layer.bias.data if bias else 0)
    np.testing.assert_allclose(value(layer(x1, x2)), want, atol=1e-13)
    check_layer(layer, x1[0], x2[0])
    assert repr(layer) == f"Bilinear(in1_features=3, in2_features=2, out_features=4, bias={bias})"


def test_embedding():
    layer = nn.Embedding(5, 3)
    k = np.array([[0, 4, 4], [1, 0, 2]])
    np.testing.assert_array_equal(value(layer(k)), layer.weight.data[k])
    layer(k).sum().backward()
    np.testing.assert_array_equal(layer.weight.grad.numpy(), np.array([[2], [1], [1], [0], [2]]) * np.ones(3))
    check_layer(layer, k)
    assert layer(k.tolist()).shape == (2, 3, 3)


def test_embedding_does_not_learn_its_padding():
    layer = nn.Embedding(5, 3, padding_idx=-1)
    assert layer.padding_idx == 4
    np.testing.assert_array_equal(layer.weight.data[4], 0)
    layer.weight.data[4] = 7
    y = layer([4, 1])
    np.testing.assert_array_equal(value(y)[0], 7)
    y.sum().backward()
    np.testing.assert_array_equal(layer.weight.grad.numpy()[[1, 4]], [[1] * 3, [0] * 3])


def test_embedding_scales_long_vectors_and_frequent_gradients():
    layer = nn.Embedding(4, 3, max_norm=0.5, norm_type=1.0)
    before = value(layer.weight).copy()
    y = value(layer([2, 0]))
    size = np.abs(before).sum(1, keepdims=True)
    np.testing.assert_allclose(y, (before * 0.5 / size)[[2, 0]], rtol=1e-6)
    np.testing.assert_array_equal(value(layer.weight)[[1, 3]], before[[1, 3]])
    layer = nn.Embedding(4, 3, scale_grad_by_freq=True)
    (layer([2, 0, 2]) * [[2.0], [4.0], [8.0]]).sum().backward()
    np.testing.assert_array_equal(layer.weight.grad.numpy()[:, 0], [4, 0, 5, 0])


@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
@pytest.mark.parametrize("padding", [None, 4, -2])
def test_bags(mode, padding):
    layer = shaken(nn.EmbeddingBag(6, 3, mode=mode, padding_idx=padding))
    index, ends = np.array([1, 2, 4, 5, 4, 4, 2, 0]), [0, 3, 3, 4, 6, 8]
    want = np.zeros((5, 3))
    for bag, (start, end) in enumerate(pairwise(ends)):
        kept = [k for k in index[start:end] if padding is None or k != padding % 6]
        if kept:
            want[bag] = getattr(np, mode)(value(layer.weight)[kept], axis=0)
    np.testing.assert_allclose(value(layer(index, ends[:-1])), want, atol=1e-14)
    np.testing.assert_allclose(value(layer(index[:6].reshape(3, 2)[:2])), value(layer(index[:4], [0, 2])), atol=1e-14)
    last = nn.EmbeddingBag(6, 3, mode=mode, padding_idx=padding, include_last_offset=True)
    last.load_state_dict(layer.state_dict())
    np.testing.assert_allclose(value(last(index, ends)), want, atol=1e-14)
    layer.scale_grad_by_freq = True
    if mode == "sum" and padding is None:
        layer(index, ends[:-1]).sum().backward()
        np.testing.assert_array_equal(layer.weight.grad.numpy()[:, 0], [1, 1, 1, 0, 1, 1])
    small = nn.EmbeddingBag(6, 1, mode=mode, padding_idx=padding)
    check_layer(small, index, np.array(ends[:-1]), order=1)
    check_layer(small, index.reshape(4, 2), order=1)


def test_weights_in_bags():
    weight, factors = draw((5, 2), (2, 3))
    index = np.array([[0, 4, 4], [1, 0, 2]])
    want = (weight[index] * factors[..., None]).sum(1)
    bag = partial(F.embedding_bag, mode="sum")
    np.testing.assert_allclose(value(bag(index, weight, per_sample_weights=factors)), want, atol=1e-14)
    got = bag(index.ravel(), weight, [0, 3], per_sample_weights=factors.ravel())
    np.testing.assert_allclose(value(got), want, atol=1e-14)
    assert_gradients(lambda w, f: bag(index, w, per_sample_weights=f), weight, factors, broadcast=False)


def test_embedding_from_vectors():
    vectors = draw((4, 2))
    layer = nn.Embedding.from_pretrained(vectors)
    assert not layer.weight.requires_grad
    np.testing.assert_array_equal(value(layer([3])), vectors[[3]])


def test_one_hot():
    np.testing.assert_array_equal(value(F.one_hot([[0, 2]])), [[[1, 0, 0], [0, 0, 1]]])
    assert F.one_hot([0], 4).shape == (1, 4)
    assert F.one_hot([0]).dtype == np.int64
    with pytest.raises(ValueError, match="expected classes from 0 to 2, got 3"):
        F.one_hot([3], 3)


def test_shapes():
    x = draw((2, 3, 4))
    np.testing.assert_array_equal(value(nn.Flatten()(x)), x.reshape(2, 12))
    np.testing.assert_array_equal(value(nn.Flatten(0, 1)(x)), x.reshape(6, 4))
    np.testing.assert_array_equal(value(nn.Unflatten(-1, (2, 2))(x)), x.reshape(2, 3, 2, 2))
    np.testing.assert_array_equal(value(nn.Identity(1, two=2)(x)), x)
    for layer in (nn.Flatten(), nn.Unflatten(1, (3, 1)), nn.Identity()):
        check_layer(layer, x)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: nn.Linear(3, 2)(np.ones((4, 5))), r"Linear\(in_features=3.*\(\.\.\., 3\), got \(4, 5\)"),
        (lambda: nn.Linear(3, 2)(1.0), r"Linear.*shape \(\.\.\., 3\), got \(\)"),
        (lambda: nn.Sequential(nn.Linear(3, 2), nn.Linear(3, 2))(np.ones((4, 3))), r"Linear.*\(4, 2\)"),
        (lambda: F.linear(np.ones((4, 5)), np.ones((2, 3))), r"linear: .*\(4, 5\).*\(2, 3\)"),
        (lambda: F.linear(np.ones((4, 3)), np.ones((2, 3)), np.ones(3)), r"linear: expected bias .*\(2,\), got \(3,\)"),
        (lambda: nn.Bilinear(3, 2, 4)(np.ones((4, 3)), np.ones((4, 3))), r"Bilinear.*\(4, 3\) and \(4, 3\)"),
        (lambda: F.bilinear(np.ones((4, 3)), np.ones((5, 2)), np.ones((1, 3, 2))), r"bilinear: .*\(5, 2\)"),
        (lambda: nn.Embedding(3, 2, padding_idx=3), "expected padding_idx below 3, got 3"),
        (lambda: nn.Embedding.from_pretrained([1.0]), r"Embedding.*\(1,\)"),
        (lambda: nn.EmbeddingBag(5, 2)([1, 2]), r"embedding_bag: .* with offsets, got \(2,\)"),
        (lambda: nn.EmbeddingBag(5, 2)([1, 2], [1]), r"embedding_bag: .* rise from 0 to at most 2, got \[1\]"),
        (lambda: nn.EmbeddingBag(5, 2)([1, 2], [0, 3]), r"embedding_bag: .* rise from 0 to at most 2, got \[0 3\]"),
        (lambda: nn.EmbeddingBag(5, 2)([1, 2], [0], [1.0, 2.0]), "per_sample_weights with 'sum' only, got mode='mean'"),
        (lambda: nn.EmbeddingBag(5, 2, mode="sum")([[1, 2]], None, [1.0]), r"weights of shape \(1, 2\), got \(1,\)"),
        (lambda: nn.Flatten(2)(np.ones((2, 3))), r"Flatten.*\(2, 3\)"),
        (lambda: nn.Unflatten(1, (2, 2))(np.ones((2, 3))), r"Unflatten.*\(2, 3\)"),
    ],
)
def test_what_does_not_fit(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_positions_that_do_not_exist():
    with pytest.raises(IndexError, match=r"embedding: expected indices from 0 to 4, got 5"):
        nn.Embedding(5, 3)([0, 5])
    with pytest.raises(TypeError, match="embedding: indices must be whole numbers, got dtype float64"):
        nn.Embedding(5, 3)([0.5])
