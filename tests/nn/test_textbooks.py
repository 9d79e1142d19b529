"""What textbooks say of a layer or loss is what the engine computes, and it can be printed."""

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.derive.formula import name, number
from autograd_lite.derive.textbook_parser import Written, formula
from autograd_lite.derive.writing import tex, text
from autograd_lite.engine.node import Node
from autograd_lite.nn import functional as F

rng = np.random.default_rng(0)


def normal(*shape):
    return rng.normal(size=shape)


LABELS, SHARES = np.array([2, 0, 1, 2]), np.array([[0.2, 0.5, 0.3], [1, 0, 0], [0, 0.5, 0.5], [0.1, 0.1, 0.8]])
MASK = np.array([[True, False, True], [True, True, True]])
CASES = {
    "labels": (F.cross_entropy, [normal(4, 3), LABELS], {}),
    "labels, summed": (F.cross_entropy, [normal(4, 3), LABELS], {"reduction": "sum"}),
    "one label": (F.cross_entropy, [normal(3), np.array(2)], {}),
    "labels of pixels": (F.cross_entropy, [normal(2, 3, 2, 2), rng.integers(0, 3, (2, 2, 2))], {}),
    "smoothed labels": (F.cross_entropy, [normal(4, 3), LABELS], {"label_smoothing": 0.1}),
    "probabilities": (F.cross_entropy, [normal(4, 3), SHARES], {}),
    "weights": (F.cross_entropy, [normal(4, 3), 2 * SHARES], {}),
    "log-probabilities": (F.nll_loss, [normal(4, 3), LABELS], {}),
    "logits": (F.binary_cross_entropy_with_logits, [normal(4), rng.uniform(size=4)], {}),
    "errors": (F.mse_loss, [normal(4, 3), normal(4, 3)], {}),
    "chances": (F.binary_cross_entropy, [rng.uniform(0.1, 0.9, 4), rng.uniform(size=4)], {"reduction": "sum"}),
    "batch norm": (F.batch_norm, [normal(4, 3), None, None, normal(3), normal(3)], {"training": True}),
    "batch norm of images": (F.batch_norm, [normal(4, 3, 2, 2), None, None, normal(3), normal(3)], {"training": True}),
    "batch norm alone": (F.batch_norm, [normal(4, 3), None, None], {"training": True}),
    "batch norm, evaluated": (F.batch_norm, [normal(2, 3, 4), normal(3), normal(3) ** 2, normal(3), normal(3)], {}),
    "batch norm alone, evaluated": (F.batch_norm, [normal(2, 3), normal(3), normal(3) ** 2], {}),
    "layer norm": (F.layer_norm, [normal(2, 4, 3), 3, normal(3), normal(3)], {}),
    "layer norm of a sample": (F.layer_norm, [normal(4, 3), (4, 3), normal(4, 3), normal(4, 3)], {}),
    "layer norm alone": (F.layer_norm, [normal(4, 3), 3], {}),
    "rms norm": (F.rms_norm, [normal(4, 3), 3, normal(3)], {"eps": 0.1}),
    "rms norm alone": (F.rms_norm, [normal(4, 3), 3], {}),
    "group norm": (F.group_norm, [normal(2, 4, 3), 2, normal(4), normal(4)], {}),
    "instance norm": (F.instance_norm, [normal(2, 4, 3)], {}),
    "attention": (F.scaled_dot_product_attention, [normal(2, 3), normal(3, 3), normal(3, 2)], {}),
    "attention of heads": (
        F.scaled_dot_product_attention, [normal(2, 2, 2, 3), normal(2, 2, 3, 3), normal(2, 2, 3, 4)], {"scale": 2.0},
    ),
    "causal attention": (F.scaled_dot_product_attention, [normal(3, 3) for _ in range(3)], {"is_causal": True}),
    "masked attention": (
        F.scaled_dot_product_attention, [normal(2, 3), normal(3, 3), normal(3, 2), MASK], {},
    ),
    "biased attention": (F.scaled_dot_product_attention, [normal(2, 3), normal(3, 3), normal(3, 2), normal(2, 3)], {}),
    "embedding": (F.embedding, [np.array([1, 0, 1]), normal(4, 2)], {}),
    "embedding of sentences": (F.embedding, [np.array([[1, 0, 1], [3, 3, 2]]), normal(4, 2)], {}),
    "conv1d": (F.conv1d, [normal(2, 3, 7), normal(4, 3, 2), normal(4)], {"stride": 2, "padding": 1}),
    "conv2d": (F.conv2d, [normal(2, 2, 5, 6), normal(3, 2, 2, 3)], {"dilation": 2, "padding": "same"}),
    "conv2d of one": (F.conv2d, [normal(2, 5, 5), normal(3, 2, 2, 2), normal(3)], {}),
    "conv2d in groups": (F.conv2d, [normal(2, 4, 4, 4), normal(2, 2, 3, 3), normal(2)], {"groups": 2}),
    "conv3d": (F.conv3d, [normal(1, 1, 3, 3, 3), normal(1, 1, 2, 2, 2), normal(1)], {}),
    "max_pool1d": (F.max_pool1d, [normal(2, 2, 7), 3], {"stride": 2}),
    "max_pool2d": (F.max_pool2d, [normal(1, 2, 4, 4), 2], {}),
    "avg_pool1d": (F.avg_pool1d, [normal(2, 2, 6), 3], {}),
    "avg_pool2d": (F.avg_pool2d, [normal(1, 2, 4, 6), (2, 3)], {}),
    "adaptive_avg_pool2d": (F.adaptive_avg_pool2d, [normal(1, 2, 5, 5), (2, None)], {}),
}  # fmt: skip


def words_of(group, y, g):
    """What the names in the formulas of a call stand for."""
    words = {"y": Written(name("y", y.shape), y), "g": Written(name("dL/dy", g.shape), g)}
    for word, x in group.inputs.items():
        x = x.y if isinstance(x, Node) else x
        if isinstance(x, np.ndarray):
            words[word] = Written(name(word, x.shape), x)
        else:
            words[word] = Written(number(x) if isinstance(x, float) else None, x)
    return words


@pytest.mark.parametrize("case", CASES)
def test_a_textbook_is_what_the_engine_computes(case):
    f, args, params = CASES[case]
    given = [ag.tensor(x, requires_grad=x.dtype.kind == "f") if isinstance(x, np.ndarray) else x for x in args]
    y = f(*given, **params)
    group = y._node.group
    while group.textbook is None:
        group = group.outer
    g = rng.normal(size=y.shape)
    y.backward(g)
    words = words_of(group, y.numpy(), g)
    for word, stated in group.textbook.where.items():
        found = formula(stated, words)
        words[word] = Written(name(word, np.shape(found.value)), found.value)
    forward = formula(group.textbook.forward, words)
    np.testing.assert_allclose(forward.value, y.numpy(), rtol=1e-10, atol=1e-12)
    wanted = {word for word, x in group.inputs.items() if isinstance(x, Node) and x.requires_grad}
    assert set(group.textbook.gradients) >= wanted - {"running_mean", "running_var", "attn_mask"}
    for word, stated in group.textbook.gradients.items():
        node = group.inputs[word]
        found = formula(stated, words)
        assert text(found.expr)
        assert tex(found.expr)
        if isinstance(node, Node) and node.requires_grad:
            right = node.keeper().grad.numpy()
            np.testing.assert_allclose(np.reshape(found.value, right.shape), right, rtol=1e-9, atol=1e-12)


def test_calls_that_textbooks_do_not_write():
    """The derivation goes into them."""
    x = ag.tensor(normal(4, 3), requires_grad=True)
    for y in (
        F.cross_entropy(x, LABELS, weight=[1.0, 2.0, 3.0]), F.cross_entropy(x, LABELS, reduction="none"),
        F.cross_entropy(x, LABELS, ignore_index=1), F.scaled_dot_product_attention(x, x, x, dropout_p=0.5),
        F.avg_pool1d(x, 2), F.embedding([0, 1], x, padding_idx=0),
    ):  # fmt: skip
        assert y._node.group.textbook is None
