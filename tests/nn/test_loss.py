"""Losses against their formulas in plain NumPy, in every reduction; gradients to second order; what is refused."""

import math

import numpy as np
import pytest
from nn_checks import value
from thorough import mostly_thorough

import autograd_lite as ag
import autograd_lite.nn.functional as F
from autograd_lite import nn
from autograd_lite.table import TABLE
from autograd_lite.testing import assert_gradients

rng = np.random.default_rng(0)
N, C = 4, 5
X, Y, Z = (rng.normal(size=(N, C)) * 1.5 for _ in range(3))
P, Q = rng.uniform(0.1, 0.9, size=(2, N, C))
SIGN = np.where(rng.normal(size=(N, C)) > 0, 1.0, -1.0)
W = rng.uniform(0.5, 2, size=C)
K = np.array([0, 2, 1, 4])


def logp(x, axis=1):
    return x - np.log(np.exp(x).sum(axis=axis, keepdims=True))


def huber(d, delta):
    return np.where(np.abs(d) < delta, d * d / 2, delta * (np.abs(d) - delta / 2))


def hinge(x):
    return np.maximum(x, 0)


def distance(a, b):
    return np.sqrt(np.sum((a - b + 1e-6) ** 2, axis=-1))


def cosine(a, b):
    return np.sum(a * b, -1) / np.sqrt(np.sum(a * a, -1) * np.sum(b * b, -1))


# Each: the loss for a reduction, the inputs that it is differentiated by, the targets, the formula entry by entry.
ENTRYWISE = {
    "half squared": (nn.HalfSquaredError, {}, (X,), (Y,), (X - Y) ** 2 / 2),
    "mse": (nn.MSELoss, {}, (X,), (Y,), (X - Y) ** 2),
    "l1": (nn.L1Loss, {}, (X,), (Y,), np.abs(X - Y)),
    "smooth l1": (nn.SmoothL1Loss, {"beta": 0.7}, (X,), (Y,), huber(X - Y, 0.7) / 0.7),
    "smooth l1 without a bend": (nn.SmoothL1Loss, {"beta": 0.0}, (X,), (Y,), np.abs(X - Y)),
    "huber": (nn.HuberLoss, {"delta": 0.7}, (X,), (Y,), huber(X - Y, 0.7)),
    "bce": (nn.BCELoss, {}, (P,), (Q,), -(Q * np.log(P) + (1 - Q) * np.log(1 - P))),
    "bce weighted": (nn.BCELoss, {"weight": W}, (P,), (Q,), -W * (Q * np.log(P) + (1 - Q) * np.log(1 - P))),
    "bce of logits": (nn.BCEWithLogitsLoss, {}, (X,), (Q,), np.log(1 + np.exp(X)) - Q * X),
    "bce of logits, positives weighted": (
        nn.BCEWithLogitsLoss,
        {"weight": W, "pos_weight": 3 * W},
        (X,),
        (Q,),
        W * (3 * W * Q * np.log(1 + np.exp(-X)) + (1 - Q) * np.log(1 + np.exp(X))),
    ),
    "kl": (nn.KLDivLoss, {}, (np.log(P),), (Q,), Q * (np.log(Q) - np.log(P))),
    "kl of logarithms": (
        nn.KLDivLoss,
        {"log_target": True},
        (np.log(P),),
        (np.log(Q),),
        Q * (np.log(Q) - np.log(P)),
    ),
    "poisson": (nn.PoissonNLLLoss, {}, (X,), (9 * Q,), np.exp(X) - 9 * Q * X),
    "poisson, rates, whole": (
        nn.PoissonNLLLoss,
        {"log_input": False, "full": True},
        (P,),
        (5 * Q,),
        P
        - 5 * Q * np.log(P + 1e-8)
        + np.where(5 * Q > 1, 5 * Q * np.log(5 * Q) - 5 * Q + np.log(2 * math.pi * 5 * Q) / 2, 0),
    ),
    "gaussian": (nn.GaussianNLLLoss, {}, (X, Y, P), (), (np.log(P) + (X - Y) ** 2 / P) / 2),
    "gaussian, whole": (
        nn.GaussianNLLLoss,
        {"full": True},
        (X, Y, P[:, :1]),
        (),
        (np.log(P[:, :1]) + (X - Y) ** 2 / P[:, :1] + np.log(2 * math.pi)) / 2,
    ),
    "ranking": (nn.MarginRankingLoss, {"margin": 0.3}, (X, Y), (SIGN,), hinge(0.3 - SIGN * (X - Y))),
    "hinge embedding": (
        nn.HingeEmbeddingLoss,
        {"margin": 1.2},
        (X,),
        (SIGN,),
        np.where(SIGN > 0, X, hinge(1.2 - X)),
    ),
    "soft margin": (nn.SoftMarginLoss, {}, (X,), (SIGN,), np.log(1 + np.exp(-SIGN * X))),
    "multilabel soft margin": (
        nn.MultiLabelSoftMarginLoss,
        {"weight": W},
        (X,),
        (Q,),
        np.mean(W * (np.log(1 + np.exp(X)) - Q * X), 1),
    ),
    "cosine embedding": (
        nn.CosineEmbeddingLoss,
        {"margin": 0.1},
        (X, Y),
        (SIGN[:, 0],),
        np.where(SIGN[:, 0] > 0, 1 - cosine(X, Y), hinge(cosine(X, Y) - 0.1)),
    ),
    "triplet": (
        nn.TripletMarginLoss,
        {"margin": 2.0},
        (X, Y, Z),
        (),
        hinge(distance(X, Y) - distance(X, Z) + 2),
    ),
    "triplet, swapped": (
        nn.TripletMarginLoss,
        {"swap": True},
        (X, Y, Z),
        (),
        hinge(distance(X, Y) - np.minimum(distance(X, Z), distance(Y, Z)) + 1),
    ),
    "triplet of one's own": (
        nn.TripletMarginWithDistanceLoss,
        {"distance_function": lambda a, b: ((a - b) ** 2).sum(axis=-1)},
        (X, Y, Z),
        (),
        hinge(np.sum((X - Y) ** 2, -1) - np.sum((X - Z) ** 2, -1) + 1),
    ),
    "multi margin": (
        nn.MultiMarginLoss,
        {"margin": 0.8, "p": 2, "weight": W},
        (X,),
        (K,),
        np.array(
            [
                sum(hinge(0.8 - x[k] + x[i]) ** 2 for i in range(C) if i != k) * W[k] / C
                for x, k in zip(X, K, strict=True)
            ]
        ),
    ),
    "multilabel margin": (
        nn.MultiLabelMarginLoss,
        {},
        (X[:2],),
        (np.array([[3, 0, -1, 1, 1], [1, -1, 2, 2, 2]]),),
        np.array(
            [
                sum(hinge(1 - X[0, j] + X[0, i]) for j in (3, 0) for i in (1, 2, 4)) / C,
                sum(hinge(1 - X[1, 1] + X[1, i]) for i in (0, 2, 3, 4)) / C,
            ]
        ),
    ),
}
REDUCTIONS = {"none": lambda each: each, "sum": np.sum, "mean": np.mean}


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("name", ENTRYWISE)
def test_formula(name, reduction):
    make, options, inputs, targets, each = ENTRYWISE[name]
    loss = make(reduction=reduction, **options)
    np.testing.assert_allclose(value(loss(*inputs, *targets)), REDUCTIONS[reduction](each), rtol=1e-9, atol=1e-12)
    lists = [np.asarray(t).tolist() for t in targets]
    np.testing.assert_array_equal(value(loss(*inputs, *lists)), value(loss(*inputs, *targets)))
    single = loss(*(x.astype(np.float32) for x in inputs), *targets)
    assert single.dtype == np.float32
    single = loss(*(x.astype(np.float32) for x in inputs), *lists)
    assert single.dtype == np.float32


@pytest.mark.parametrize("name", ENTRYWISE)
def test_gradients(name):
    make, options, inputs, targets, _ = ENTRYWISE[name]
    assert_gradients(lambda *xs: make(**options)(*xs, *targets), *inputs, broadcast=False)


def test_the_defaults():
    assert value(F.half_squared_error(X, Y)) == pytest.approx(np.sum((X - Y) ** 2) / 2)
    assert value(nn.HalfSquaredError()(X, Y)) == value(F.half_squared_error(X, Y))
    x = ag.tensor(X, requires_grad=True)
    F.half_squared_error(x, Y).backward()
    np.testing.assert_array_equal(x.grad.numpy(), X - Y)
    assert value(F.mse_loss(X, Y)) == pytest.approx(np.mean((X - Y) ** 2))
    assert value(nn.KLDivLoss("batchmean")(np.log(P), Q)) == pytest.approx(np.sum(Q * np.log(Q / P)) / N)


# -------------------------------------------------------------------------------------------------- classes

CLASSES = [
    {},
    {"weight": W},
    {"ignore_index": 1},
    {"weight": W, "ignore_index": 2},
    {"label_smoothing": 0.2},
    {"label_smoothing": 0.2, "weight": W, "ignore_index": 1},
]


def by_hand(x, k, weight=None, ignore_index=-100, label_smoothing=0.0):
    """The loss of each sample, and how much it counts, one sample after the other."""
    weight = np.ones(x.shape[1]) if weight is None else weight
    losses, counts = [], []
    for i in np.ndindex(k.shape):
        row = logp(x[(i[0], slice(None), *i[1:])], 0)
        counts.append(0.0 if k[i] == ignore_index else weight[k[i]])
        wrong = label_smoothing / len(row) * np.sum(weight * row)
        losses.append(0.0 if k[i] == ignore_index else -(1 - label_smoothing) * weight[k[i]] * row[k[i]] - wrong)
    return np.array(losses).reshape(k.shape), np.array(counts)


@pytest.mark.parametrize("shape", [(), (3,), (2, 3)])
@pytest.mark.parametrize("options", CLASSES, ids=lambda options: " ".join(options))
def test_cross_entropy(options, shape):
    draws = np.random.default_rng(1)
    x, k = draws.normal(size=(N, C, *shape)), draws.integers(0, C, size=(N, *shape))
    k.flat[:3] = (1, 2, 0)
    losses, counts = by_hand(x, k, **options)
    for reduction, want in {
        "none": losses,
        "sum": losses.sum(),
        "mean": losses.sum() / counts.sum(),
    }.items():
        got = nn.CrossEntropyLoss(reduction=reduction, **options)(x, k)
        np.testing.assert_allclose(value(got), want, rtol=1e-12)
        if not options.get("label_smoothing"):
            got = nn.NLLLoss(reduction=reduction, **options)(logp(x), k)
            np.testing.assert_allclose(value(got), want, rtol=1e-12)
    assert_gradients(lambda x: F.cross_entropy(x, k, **options), x)
    assert_gradients(lambda x: F.nll_loss(x, k, options.get("weight")), x)


def test_cross_entropy_of_a_single_sample():
    assert value(F.cross_entropy(X[0], 3)) == pytest.approx(-logp(X[0], 0)[3])
    assert value(F.nll_loss(X[0], 3)) == -X[0, 3]


def test_cross_entropy_of_probabilities():
    target = Q / Q.sum(axis=1, keepdims=True)
    want = -np.mean(np.sum(W * (0.9 * target + 0.1 / C) * logp(X), axis=1))
    assert value(F.cross_entropy(X, target, W, label_smoothing=0.1)) == pytest.approx(want)
    assert_gradients(lambda x, y: F.cross_entropy(x, y), X, target)
    hard = np.eye(C)[K]
    assert value(F.cross_entropy(X, hard)) == pytest.approx(value(F.cross_entropy(X, K)))


def test_the_gradient_of_cross_entropy_is_probability_less_target():
    x = ag.tensor(X, requires_grad=True)
    F.cross_entropy(x, K).backward()
    np.testing.assert_allclose(x.grad.numpy(), (np.exp(logp(X)) - np.eye(C)[K]) / N, atol=1e-15)


def test_huge_logits_do_no_harm():
    x = ag.tensor([[1e4, -1e4]], requires_grad=True)
    L = F.cross_entropy(x, [1])
    L.backward()
    assert L.item() == 2e4
    np.testing.assert_array_equal(x.grad.numpy(), [[1, -1]])
    y = ag.tensor([1e4, -1e4], requires_grad=True)
    L = F.binary_cross_entropy_with_logits(y, [0.0, 1.0])
    L.backward()
    assert L.item() == 1e4
    np.testing.assert_array_equal(y.grad.numpy(), [0.5, -0.5])


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_a_small_cross_entropy_keeps_its_digits(dtype):
    """A probability of 1 - 1e-8 rounds to 1; the loss is 1e-8, not 0, and so is the slope."""
    gap = 9.0 if dtype is np.float16 else 18.0
    tiny, limits = np.exp(-gap), np.finfo(dtype)
    within = {"rel": 4 * float(limits.eps), "abs": float(limits.smallest_subnormal)}
    z = ag.tensor(np.array([[-gap, 0.0]], dtype), requires_grad=True)
    L = F.cross_entropy(z, [1])
    L.backward()
    assert L.dtype == z.grad.dtype == dtype
    assert L.item() == pytest.approx(np.log1p(tiny), **within)
    np.testing.assert_allclose(
        z.grad.numpy(), [[tiny / (1 + tiny), -tiny / (1 + tiny)]], rtol=within["rel"], atol=within["abs"]
    )
    L = F.binary_cross_entropy_with_logits(np.array([gap], dtype), [1.0])
    assert L.item() == pytest.approx(np.log1p(tiny), **within)


def test_a_class_that_cannot_occur():
    """A logit of -inf, for a class that is not the target's."""
    z = ag.tensor([[0.0, -np.inf, 1.0]], requires_grad=True)
    probability = np.array([[1, 0, np.e]]) / (1 + np.e)
    for target in ([0], [[1.0, 0.0, 0.0]]):
        z.grad = None
        L = F.cross_entropy(z, target)
        L.backward()
        assert L.item() == pytest.approx(-np.log(probability[0, 0]))
        np.testing.assert_allclose(z.grad.numpy(), probability - [[1, 0, 0]], atol=1e-15)
    assert F.cross_entropy(z, [1]).item() == np.inf


def test_second_derivatives_of_cross_entropy():
    p = np.exp(logp(X[0], 0))
    want = np.diag(p) - np.outer(p, p)
    for target in (3, np.eye(C)[3]):
        np.testing.assert_allclose(ag.hessian(lambda z, y=target: F.cross_entropy(z, y))(X[0]), want, atol=1e-15)
        forward = ag.jvp(ag.grad(lambda z, y=target: F.cross_entropy(z, y)), (X[0],), (Y[0],))[1]
        np.testing.assert_allclose(forward, want @ Y[0], atol=1e-15)
    p, one = np.exp(logp(X[:, :1] * [[0, 1]])), np.zeros((N, 1))
    second = ag.hessian(lambda x: F.binary_cross_entropy_with_logits(x, one, reduction="sum"))(X[:, :1])
    np.testing.assert_allclose(second.reshape(N, N), np.diag(p[:, 0] * p[:, 1]), atol=1e-15)


def test_a_batch_of_none_and_one_class():
    x = ag.tensor(np.zeros((0, 3)), requires_grad=True)
    L = F.cross_entropy(x, np.zeros(0, int), reduction="sum")
    L.backward()
    assert L.item() == 0
    assert x.grad.shape == (0, 3)
    x = ag.tensor(np.ones((4, 1)), requires_grad=True)
    for target in (np.zeros(4, int), np.ones((4, 1))):
        L = F.cross_entropy(x, target)
        L.backward()
        assert L.item() == 0
        np.testing.assert_array_equal(x.grad.numpy(), np.zeros((4, 1)))


def test_probabilities_of_0_and_1_are_cut_off():
    p = ag.tensor([0.0, 1.0, 1.0], requires_grad=True)
    L = F.binary_cross_entropy(p, [1.0, 0.0, 1.0])
    assert L.item() == pytest.approx(200 / 3)
    L.backward()
    assert np.all(np.isfinite(p.grad.numpy()))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_slope_at_probabilities_of_0_and_1_is_pytorchs(dtype):
    p = ag.tensor(np.array([0, 1, 0, 1], dtype), requires_grad=True)
    F.binary_cross_entropy(p, [0.0, 1.0, 1.0, 0.0], reduction="sum").backward()
    np.testing.assert_allclose(p.grad.numpy(), [0, 0, -1e12, 1e12], rtol=1e-6)


def test_a_margin_that_is_just_kept_has_the_slope_of_one_that_is_not():
    """PyTorch has ``clamp_min`` there, not ``relu``."""
    one = {"requires_grad": True}
    x = ag.tensor([1.0, 2.0], **one)
    F.margin_ranking_loss(x, [0.5, 1.5], [1.0, 1.0], margin=0.5, reduction="sum").backward()
    np.testing.assert_array_equal(x.grad.numpy(), [-1, -1])
    x = ag.tensor([1.0, 2.0], **one)
    F.hinge_embedding_loss(x, [-1.0, -1.0], reduction="sum").backward()
    np.testing.assert_array_equal(x.grad.numpy(), [-1, 0])
    x = ag.tensor([[1.0, 0.0]], **one)
    F.cosine_embedding_loss(x, [[0.0, 1.0]], [-1.0]).backward()
    np.testing.assert_allclose(x.grad.numpy(), [[0, 1]])
    x = ag.tensor([0.0], **one)
    F.triplet_margin_loss(x, [1.0], [2.0], margin=1.0, eps=0.0).backward()
    np.testing.assert_array_equal(x.grad.numpy(), [0])  # both distances grow by the same


def test_hinge_embedding_of_other_targets_counts_both_ways():
    assert F.hinge_embedding_loss([0.25], [0.5]).item() == 0.25 + 0.75


def test_a_variance_for_each_column():
    v = np.array([[0.5, 1.0, 1.5, 2.0, 2.5]])
    y = F.gaussian_nll_loss(X, Y, v)
    assert y.item() == pytest.approx(np.mean(0.5 * (np.log(v) + (X - Y) ** 2 / v)))


SHAPES = [(), (1,), (3,), (0,), (2, 1), (2, 3), (0, 3), (1, 3), (4, 2, 3)]


@pytest.mark.parametrize("x", SHAPES)
@pytest.mark.parametrize("y", SHAPES)
def test_normal_densities_broadcast_one_way(x, y):
    """Input and target broadcast if the result has the shape of one of them; the variance to that of the input."""
    try:
        fit = np.broadcast_shapes(x, y) in (x, y)
    except ValueError:
        fit = False
    input, target = rng.normal(size=x), rng.normal(size=y)
    for shape in {(), x, x[:-1], *((*x[:k], 1, *x[k + 1 :]) for k in range(len(x)))}:
        var = rng.uniform(0.5, 2, shape)
        if not fit:
            with pytest.raises(ValueError, match="expected input and target of one shape, or one that broadcasts"):
                F.gaussian_nll_loss(input, target, var)
            continue
        t = ag.tensor(input, requires_grad=True)
        loss = F.gaussian_nll_loss(t, target, var, reduction="none")
        v = var[..., None] if x and shape == x[:-1] else var
        np.testing.assert_allclose(loss.numpy(), 0.5 * (np.log(v) + (input - target) ** 2 / v))
        loss.sum().backward()
        slope = np.broadcast_to((input - target) / v, loss.shape)
        added = tuple(range(slope.ndim - len(x)))
        kept = tuple(k for k, n in enumerate(x) if n == 1 and slope.shape[k + len(added)] != 1)
        np.testing.assert_allclose(t.grad.numpy(), slope.sum(added).sum(kept, keepdims=True), atol=1e-12)


@pytest.mark.parametrize("var", [(3,), (3, 1), (2, 2), (2, 3, 1), (1, 2, 3)])
def test_a_variance_that_does_not_fit(var):
    with pytest.raises(ValueError, match=r"expected var as a number, of the input's shape \(2, 3\)"):
        F.gaussian_nll_loss(np.zeros((2, 3)), np.zeros((2, 3)), np.ones(var))


def ranking(x, y):
    return F.margin_ranking_loss(x, x * x, y)


def directions(x, y):
    return F.cosine_embedding_loss(np.stack([x, x, x]), np.diag(x), y)


@pytest.mark.parametrize(
    "loss", [F.mse_loss, F.l1_loss, F.soft_margin_loss, F.hinge_embedding_loss, ranking, directions]
)
def test_a_target_of_one_number_is_that_of_each_entry(loss):
    x = np.array([0.5, -1.0, 2.0])
    for y in (1.0, -1.0):
        assert loss(x, [y]).item() == loss(x, np.full(3, y)).item()


def test_a_target_of_one_number_for_a_single_sample():
    x = ag.tensor([0.5, -1.0, 2.0], requires_grad=True)
    for loss in (F.nll_loss, F.cross_entropy, F.multi_margin_loss):
        for reduction in ("mean", "sum", "none"):
            assert loss(x, [1], reduction=reduction).item() == loss(x, 1, reduction=reduction).item()
    with pytest.raises(ValueError, match=r"expected class numbers of shape \(\) .* got shape \(2,\)"):
        F.cross_entropy(x, [1, 0])


def test_an_empty_batch_of_probabilities():
    x = ag.tensor(np.zeros((0, 3)), requires_grad=True)
    y = F.cross_entropy(x, np.zeros((0, 3)), reduction="sum")
    y.backward()
    assert y.item() == 0
    assert x.grad.shape == (0, 3)


# ------------------------------------------------------------------------------------- distances and angles


@pytest.mark.parametrize(
    ("shapes", "dim"),
    mostly_thorough(
        [
            (((3, 1), (3, 4)), 1), (((3, 4), (4,)), 1), (((4,), ()), 0), (((2, 3, 1), (2, 1, 4)), 2),
            (((2, 3, 1), (2, 1, 4)), -2), (((3, 4), (1, 4)), 1),
        ],
        4,
    ),
)
def test_cosine_similarity_broadcasts_first(shapes, dim):
    a, b = (rng.normal(size=shape) for shape in shapes)
    wide = np.broadcast_arrays(a, b)
    u, v = (w / np.sqrt(np.sum(w * w, dim, keepdims=True)) for w in wide)
    y = F.cosine_similarity(a, b, dim=dim)
    np.testing.assert_allclose(value(y), np.sum(u * v, dim), rtol=1e-12)
    assert np.all(np.abs(value(y)) <= 1 + 1e-15)
    assert_gradients(lambda a, b: F.cosine_similarity(a, b, dim=dim), a, b)


@pytest.mark.parametrize("p", [0, 0.5, 1, 2, 3, math.inf])
def test_normalize_along_two_axes_is_along_one_of_both(p):
    x = rng.normal(size=(2, 3, 4))
    flat = F.normalize(x.reshape(2, 12), p=p)
    np.testing.assert_allclose(value(F.normalize(x, p=p, dim=(1, 2))).reshape(2, 12), value(flat), rtol=1e-12)


# ------------------------------------------------------------------------------------------ what is refused


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        (lambda: F.mse_loss(np.ones((3, 1)), np.ones(3)), r"mse_loss: .*\(3, 1\).*\(3,\)"),
        (lambda: nn.L1Loss()(np.ones(3), np.ones(4)), r"l1_loss: .*\(3,\).*\(4,\)"),
        (lambda: nn.MSELoss("average"), "MSELoss: expected reduction .* got 'average'"),
        (lambda: F.mse_loss(X, Y, "average"), "mse_loss: expected reduction .* got 'average'"),
        (lambda: F.cross_entropy(X, [0, 1]), r"cross_entropy: .*\(4, 5\).*\(2,\)"),
        (lambda: F.cross_entropy(X, Q[:, :2]), r"cross_entropy: .*\(4, 2\)"),
        (lambda: F.cross_entropy(X, K, W[:2]), r"cross_entropy: expected weight of shape \(5,\), .* got \(2,\)"),
        (lambda: F.cross_entropy(X, K, label_smoothing=2.0), "expected label_smoothing between 0 and 1, got 2"),
        (lambda: F.binary_cross_entropy(X, Q), "binary_cross_entropy: .*with_logits"),
        (lambda: F.gaussian_nll_loss(X, Y, -P), "var has negative"),
        (lambda: F.huber_loss(X, Y, delta=0), "huber_loss: delta=0"),
        (lambda: F.triplet_margin_loss(X, Y, Z[:2]), r"triplet_margin_loss: .*\(2, 5\)"),
    ],
)
def test_what_does_not_fit(loss, message):
    with pytest.raises(ValueError, match=message):
        loss()


def test_classes_that_do_not_exist():
    with pytest.raises(IndexError, match=r"cross_entropy: expected classes from 0 to 4, got 5"):
        F.cross_entropy(X, [0, 1, 5, 2])
    with pytest.raises(IndexError, match="nll_loss: expected classes from 0 to 4, got -1"):
        F.nll_loss(X, [0, 1, -1, 2])
    with pytest.raises(TypeError, match="float64"):
        F.nll_loss(X, [0.5, 1.0, 1.0, 2.0])


def test_a_number_may_be_the_target():
    assert value(F.mse_loss(X, 0.0)) == pytest.approx(np.mean(X**2))


def test_labels_may_depend_on_a_trace():
    def loss(x, k):
        return F.cross_entropy(x, k)

    program = ag.trace(loss)(X, K)
    other = np.array([4, 4, 0, 1])
    np.testing.assert_allclose(program(Y, other), value(F.cross_entropy(Y, other)))


def test_weights_go_with_the_module():
    loss = nn.CrossEntropyLoss(weight=W)
    np.testing.assert_array_equal(loss.state_dict()["weight"], W)
    assert list(loss.parameters()) == []
    assert repr(nn.HuberLoss("sum", 0.5)) == "HuberLoss(reduction='sum', delta=0.5)"


@pytest.mark.parametrize("k", [0, 1])
@pytest.mark.parametrize("target", [np.array([2, 0]), np.array([[0.5, 0.25, 0.25], [0.0, 1.0, 0.0]])])
def test_each_result_of_cross_entropy_alone(k, target):
    """Loss or probabilities; the second derivative runs the rule, the first its faster form."""
    z = np.array([[0.5, -1.0, 2.0], [1.5, 0.0, -0.5]])
    assert_gradients(lambda z: TABLE["softmax_cross_entropy"](z, target)[k], z)
