"""`ag.why`: the first cause of a gradient that is nan, infinite, zero or None.

Twenty cases and more are reports from the trackers of other libraries, each with its number. Where this library has a
finite gradient, the test says so.
"""

from __future__ import annotations

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite import nn
from autograd_lite.nn import functional as F
from autograd_lite.table import TABLE


@pytest.fixture(autouse=True)
def quiet():
    with np.errstate(all="ignore"):
        yield


def leaf(x, name=None):
    return ag.tensor(x, requires_grad=True, name=name)


def said(reason) -> str:
    """The text without the last line, ``recorded at``."""
    text, line = str(reason).rsplit("\n", 1)
    assert line == f"recorded at {reason.where}"
    assert __file__ in line
    return text


# ------------------------------------------------------------------------------------------ what it says, literally


def test_the_square_root_at_zero():
    x = ag.tensor([1.0, 0.0, 4.0], requires_grad=True)
    r = np.sqrt(x)
    L = np.sum(r)
    reason = ag.why(L, x)
    assert said(reason) == (
        "the gradient of 'x' (3,) is inf at [1]: on the way back in sqrt(x (3,)), x[1] = 0, dL/dx = dL/dr / (2 r).\n"
        "  Write np.where(x > 0, np.sqrt(x), 0) or np.sqrt(x + eps)"
    )
    assert (reason.kind, reason.cause, reason.variable) == ("inf", "backward", "x")
    assert (reason.step, reason.indices, reason.others) == ("sqrt(x (3,))", [(1,)], 0)
    np.testing.assert_array_equal(reason.values["r"], [1, 0, 2])
    for repaired in (np.where(x > 0, np.sqrt(x), 0), np.sqrt(x + 1e-9)):
        assert np.isfinite(ag.autograd.grad(np.sum(repaired), x)[0].numpy()).all()


def test_zero_times_infinity_on_the_way_back():
    x = ag.tensor([0.0, 0.0], requires_grad=True)
    L = np.sqrt(np.sum(x**2))
    assert said(ag.why(L, x)) == (
        "the gradient of 'x' (2,) is nan at 2 of 2: began in sqrt(a ()), a = 0, dL/da = inf; then square(x (2,)): "
        "2 x dL/da = 0 · ∞.\n  Write np.linalg.norm(x), whose gradient at 0 is 0"
    )
    np.testing.assert_array_equal(ag.grad(np.linalg.norm)(np.zeros(2)), [0, 0])


def test_forward():
    p = ag.tensor([0.0, 1.0], requires_grad=True)
    L = np.sum(p * np.log(p))
    assert said(ag.why(L, p)) == (
        "'L' is nan: began forward in log(p (2,)), p[0] = 0, log = -inf; then multiply: 0 · -∞. Write ag.xlogy(p, p)"
    )
    assert np.isfinite(ag.grad(lambda p: np.sum(ag.xlogy(p, p)))(np.array([0.0, 1.0]))).all()


def test_a_saturated_sigmoid():
    z = ag.tensor([40.0, 1.0], requires_grad=True)
    s = ag.sigmoid(z)
    L = np.sum((s - 0.5) ** 2)
    assert said(ag.why(L, z)) == (
        "the gradient of 'z' (2,) is 0 at [0]: sigmoid(z (2,)), z[0] = 40, s = 1 to rounding, s (1 - s) = 0.\n"
        "  For a cross-entropy write F.binary_cross_entropy_with_logits(z, y)"
    )
    slope = ag.grad(lambda z: F.binary_cross_entropy_with_logits(z, np.zeros(2)))(np.array([40.0, 1.0]))
    assert (slope != 0).all()


def test_a_dead_relu():
    x = np.array([[-1.0, -2.0]])
    W = ag.tensor([[1.0], [1.0]], requires_grad=True)
    L = np.sum(np.maximum(x @ W, 0))
    assert said(ag.why(L, W)) == (
        "the gradient of 'W' (2, 1) is 0 everywhere: maximum(a (1, 1), 0), a < 0 at 1 of 1, 1[a > 0] = 0: "
        "these units are off for all the data."
    )


@pytest.mark.parametrize("constant", [lambda w: w.detach(), lambda w: w.data, lambda w: w.numpy()])
def test_a_constant_in_the_memory_of_the_variable(constant):
    w = ag.tensor([1.0, 2.0], requires_grad=True)
    v = ag.tensor([3.0, 4.0], requires_grad=True)
    L = np.sum(constant(w) * v)
    assert said(ag.why(L, w)) == (
        "the gradient of 'w' (2,) is None: multiply((2,), v (2,)) uses a constant that shares the memory of 'w' "
        "(detach(), .data or .numpy()). Use w itself"
    )
    assert str(ag.why(L, v)) == "the gradient of 'v' is finite and not zero"


# ------------------------------------------------------------------------- reports from the trackers of other libraries


def of(f, x, *words, kind, cause=None, remedy=None):
    """Compare what is said of ``f(x)``; `remedy` is part of what to write."""
    reason = ag.why(f, x)
    text = str(reason)
    for word in words:
        assert word in text, text
    assert reason.kind == kind, text
    assert cause is None or reason.cause == cause, (reason.cause, text)
    assert (remedy or "") in reason.remedy, text
    assert (remedy is None) == (reason.remedy == ""), text
    return reason


ZEROS, ONES = np.zeros(2), np.ones(2)


def test_the_root_of_a_square():  # pytorch/pytorch 6394
    of(
        lambda x: np.sum(np.sqrt((x - 1) ** 2)), ONES, "sqrt(a (2,)), a = 0 at 2 of 2", "0 · ∞", kind="nan",
        cause="backward", remedy="Write np.abs(x - 1)",
    )  # fmt: skip


def test_the_norm_of_zero():  # pytorch/pytorch 2421, HIPS/autograd 151 and 268, jax-ml/jax 21723
    assert ag.why(lambda x: np.linalg.norm(x), ZEROS).kind == "zero"  # here a convention
    of(lambda x: np.sqrt(x @ x), ZEROS, "sqrt(a ())", kind="nan", remedy="Write np.linalg.norm(x)")
    rows = np.array([[3.0, 4.0], [0.0, 0.0]])
    reason = of(
        lambda x: np.sum(np.sqrt(np.sum(x * x, axis=1))), rows, "is nan at [1, 0], [1, 1]", "a[1] = 0", kind="nan",
        remedy="Write np.linalg.norm(x, axis=1)",
    )  # fmt: skip
    assert reason.indices == [(1,)]


def test_a_branch_that_is_not_taken():  # jax-ml/jax 347, pytorch/pytorch 18287 and 156212, HIPS/autograd 802
    fine = ag.why(lambda x: np.sum(np.where(x >= 0, x, np.sqrt(-x))), np.array([1.0, 2.0]))
    assert fine.kind == "fine"  # no gradient passes to a branch that is not taken
    of(
        lambda x: np.sum(np.where(x <= 10, np.exp(x), 1.0)), np.array([1.0, 1e10]), "is nan at [1]",
        "exp(x (2,)), x[1] = 1e+10", "= ∞ · 0", kind="nan", cause="forward", remedy="np.exp(np.minimum(x, 80))",
    )  # fmt: skip


def test_the_standard_deviation_of_a_constant():  # pytorch/pytorch 4320, jax-ml/jax 11716, keras-team/keras 2960
    assert ag.why(lambda x: np.std(x), ONES).kind == "zero"
    of(lambda x: np.sqrt(np.var(x)), ONES, "sqrt(a ()), a = 0", kind="nan", remedy="Write np.std(x)")
    of(lambda x: np.sqrt(np.mean((x - np.mean(x)) ** 2)), ONES, "0 · ∞", kind="nan", remedy="Write np.std(x)")


def test_a_power_at_zero():  # tensorflow/tensorflow 2295, stan-dev/math 3031
    of(
        lambda y: np.sum(y ** (1 / 2.4)), np.array([0.0, 0.5]), "is inf at [0]", "power(y (2,), 0.416667), y[0] = 0",
        kind="inf", remedy="Write (y + eps) ** (1 / 2.4)",
    )  # fmt: skip
    assert ag.why(lambda b: np.sum(np.array([0.0, 2.0]) ** b), ONES).kind == "zero"  # pytorch/pytorch 27134: not nan


def test_clipping():  # tensorflow/tensorflow 44333, HazyResearch/HypHC 7
    at = np.array([-2.0, 0.5])
    of(lambda x: np.sum(np.clip(x, -1, 1)), at, "x[0] = -2, 1[-1 ≤ x ≤ 1] = 0", kind="zero", cause="flat")
    assert ag.why(lambda x: np.clip(x, 0, 1), 0.0).kind == "fine"  # pytorch/pytorch 7002: the ends belong to it


def test_argmax():  # pytorch/pytorch 1339, tensorflow/tensorflow 2177 and 15278, keras-team/keras 11157
    of(
        lambda x: np.argmax(x) * 1.0, np.array([1.0, 2.0]), "is 0 everywhere: argmax(x (2,)) returns int64",
        kind="zero", cause="constant", remedy="ag.softmax(x)",
    )  # fmt: skip


def test_a_row_that_is_masked_out():  # pytorch/pytorch 41508, allenai/allennlp 890
    mask = np.array([[0.0, 0.0], [-np.inf, -np.inf]])
    reason = of(
        lambda S: np.sum(ag.softmax(S + mask, axis=1)[:, 0]), np.ones((2, 2)), "'L' is nan",
        "softmax(a (2, 2)), a = -inf at [1, 0], [1, 1]", kind="nan", cause="forward",
        remedy="ag.softmax(np.maximum(S + mask, -1e+30), axis=1)",
    )  # fmt: skip
    assert reason.indices == [(1, 0), (1, 1)]


def test_a_mask_that_multiplies():  # tensorflow/tensorflow 11756
    mask = np.array([4.0, -np.inf, 4.0])
    of(lambda a: ag.softmax(a * mask)[2], np.ones(3), "mask[1] = -inf was given", "= -∞ · 0", kind="nan", cause="given")


def test_the_arc_cosine_at_one():  # jax-ml/jax 15798 and 23649, pytorch/pytorch 8069
    of(
        lambda x: np.sum(np.arccos(np.clip(x, -1, 1))), np.array([10.0, 0.2]), "arccos(a (2,)), a[0] = 1",
        "dL/da = -inf", kind="nan", remedy="-1 + eps, 1 - eps))",
    )  # fmt: skip
    p = np.array([0.5, 0.5])
    of(lambda q: np.arccos(np.sqrt(p) @ np.sqrt(q)), p, "a = 1.0000000000000002", kind="nan", remedy="np.clip")


def test_logsumexp_of_minus_infinity():  # jax-ml/jax 6811, pytorch/pytorch 31829
    of(lambda x: ag.special.logsumexp(x), np.full(2, -np.inf), "x = -inf at 2 of 2 was given", kind="inf")
    both = ag.why(lambda x: ag.special.logsumexp(np.stack([np.array(-np.inf), x])), 1.0)
    assert both.kind == "fine"


def test_equal_eigenvalues():  # jax-ml/jax 2311 and 8732, XanaduAI/GradDFT 35
    with pytest.raises(np.linalg.LinAlgError, match="two eigenvalues are equal"):
        ag.why(lambda K: np.linalg.eigh(K)[1][0, 0], np.eye(2))


def test_detached_input():  # speechbrain/speechbrain 1396
    of(
        lambda w: np.sum(w.detach() * w.detach()), ONES, "stop_gradient(w (2,)) is a constant for derivatives",
        kind="zero", cause="constant", remedy="Use w itself",
    )  # fmt: skip


def test_integers():  # tensorflow/tensorflow 20524 and 27378, keras-team/keras 20058
    of(lambda x: np.sum(x**2), np.arange(3), "it has dtype int64", kind="none", remedy="x.astype(float)")
    of(lambda x: np.sum(x.astype(int) * 2.0), ONES, "astype(x (2,)) returns int64", kind="zero", cause="constant")


def test_dead_units():  # keras-team/keras 7057, chelsea0x3b/dfdx 486
    rng = np.random.default_rng(0)
    X, b = rng.normal(size=(4, 3)), np.array([0, 0, -9.0])
    reason = ag.why(lambda W: np.sum(ag.relu(X @ W + b)), rng.normal(size=(3, 3)))
    assert "is 0 at [0, 2], [1, 2], [2, 2]: relu(a (4, 3)), a < 0 at 4 of 12" in str(reason)
    assert "these units are off for all the data" in str(reason)


def test_zero_initialisation():  # lucidrains/deep-cross-attention 2
    X = np.ones((2, 2))
    of(lambda W: np.sum(ag.relu(X @ W)), np.zeros((2, 2)), "relu(a (2, 2)), a = 0 at 4 of 4", kind="zero", cause="flat")


def test_softplus_by_hand():  # tracel-ai/burn 5373, rushter/MLAlgorithms 30
    of(
        lambda x: np.sum(np.log(1 + np.exp(x))), np.array([1.0, 1000.0]), "'L' is inf", "x[1] = 1000, exp = inf",
        kind="inf", remedy="Write ag.softplus(x)",
    )  # fmt: skip


def test_single_precision():  # tracel-ai/burn 5373: beyond 88
    of(lambda x: np.sum(np.exp(x)), np.array([100.0, 1.0], np.float32), "x[0] = 100", kind="inf", remedy="np.minimum")


def test_the_entropy():  # tensorflow/probability 241, huggingface/trl 7221
    of(lambda p: -np.sum(p * np.log(p)), np.array([0.0, 0.5]), "0 · -∞", kind="nan", remedy="ag.xlogy(p, p)")


def test_the_logarithm_of_softmax():  # clab/dynet 1412, FluxML/NNlib.jl 68
    of(
        lambda z: -np.log(ag.softmax(z, axis=1))[0, 0], np.array([[1.0, 2000.0]]), "log(a (1, 2)), a[0, 0] = 0",
        kind="inf", remedy="Write ag.log_softmax(z, axis=1)",
    )  # fmt: skip


def test_the_probability_of_a_label():  # an entry of the softmax, which may have been written by hand
    z, y = leaf([[1000.0, -5.0]], "z"), np.array([1])
    e = np.exp(z - np.max(z, axis=1, keepdims=True))
    P = e / np.sum(e, axis=1, keepdims=True)
    assert ag.why(-np.log(P[np.arange(1), y])[0], z).remedy == "Write ag.log_softmax(z, axis=1)[np.arange(1), y]"


def test_softmax_by_hand():  # Theano/Theano 3162
    of(
        lambda z: np.sum((np.exp(z) / np.sum(np.exp(z), axis=1, keepdims=True))[:, 0]), np.array([[1000.0, 0.0]]),
        "exp(z (1, 2)), z[0, 0] = 1000", "then divide: ∞ / ∞", kind="nan", remedy="Write ag.softmax(z, axis=1)",
    )  # fmt: skip


def test_sigmoid_by_hand():
    of(
        lambda z: np.sum(1 / (1 + np.exp(-z))), np.array([0.0, -1000.0]), "is nan at [1]", "= ∞ · 0", kind="nan",
        remedy="Write ag.sigmoid(z)",
    )  # fmt: skip


def test_rounding():  # tensorflow/tensorflow 5888, HIPS/autograd 566, keras-team/keras 5521
    of(
        lambda x: np.sum(np.floor(x) * 2), np.array([1.2, 2.5]), "floor(x (2,)) is piecewise constant", kind="zero",
        remedy="Write x + ag.stop_gradient(np.floor(x) - x), whose slope is 1",
    )  # fmt: skip
    of(lambda x: np.sum(np.round(x**2, 12)), ONES, "round(a (2,))", kind="zero")  # 12 decimals


def test_rows_of_an_embedding_that_are_not_used():  # ibalazevic/TuckER 17
    reason = of(
        lambda E: np.sum(E[np.array([0, 2, 2])] ** 2), np.ones((4, 2)), "is 0 at 4 of 8, the first [1, 0]",
        "getitem(E (4, 2)) does not depend on these entries", kind="zero", cause="unused",
    )  # fmt: skip
    assert reason.indices == [(1, 0), (1, 1), (3, 0), (3, 1)]


def test_a_batch_of_one():  # pytorch/pytorch 1381 and 4534
    def loss(gamma):
        x = np.array([[1.0, 2.0]])
        xhat = (x - np.mean(x, axis=0)) / np.sqrt(np.var(x, axis=0) + 1e-5)
        return np.sum((gamma * xhat - 1) ** 2)

    of(loss, ONES, "multiply(gamma (2,), xhat (1, 2)), xhat = 0 at 2 of 2", kind="zero", cause="factor")
    of(lambda x: np.sum(np.var(x, axis=0)), np.array([[1.0, 2.0]]), "the derivative of var(x (1, 2)) is 0", kind="zero")


def test_the_angle_at_the_origin():  # pytorch/pytorch 98276, jax-ml/jax 1052, tensorflow/tensorflow 6095
    of(lambda x: np.arctan2(x[0], x[1]), ZEROS, "arctan2(a (), b ()), a = 0, b = 0", kind="zero")  # a convention


def test_a_normalised_zero_vector():  # tensorflow/tensorflow 56796, pytorch/pytorch 184575
    of(
        lambda x: np.sum(x / np.linalg.norm(x)), ZEROS, "divide(x (2,), a ()), x = 0 at 2 of 2, a = 0, divide = nan",
        kind="nan", remedy="x / (np.linalg.norm(x) + eps)",
    )  # fmt: skip


def test_what_is_not_a_leaf():  # pytorch/pytorch 10065
    w = ag.tensor([1.0, 2.0], requires_grad=True)
    np.sum(w**2).backward()
    w = w - 0.1 * w.grad
    L = np.sum(w**2)
    assert w.grad is None  # nothing has passed through it yet
    L.backward()
    with pytest.warns(UserWarning, match=r"subtract of shape \(2,\) is None.*in place.*retain_grad\(\)"):
        assert w.grad is None
    assert "'w' is finite and not zero; the .grad of the result of subtract" in str(ag.why(L, w))
    w = ag.tensor([1.0, 2.0], requires_grad=True) * 2
    w.retain_grad()
    np.sum(w**2).backward()
    assert w.grad is not None


# ----------------------------------------------------------------------------------------------------- other programs


def test_loops_name_the_step():
    z = x = ag.tensor(1.0, requires_grad=True)
    for _ in range(6):
        z = ag.sigmoid(z * 100)
    assert "z1 = 1 to rounding, z1 (1 - z1) = 0" in str(ag.why(z, x))
    y = x
    for _ in range(200):
        y = np.exp(y)
    reason = ag.why(y, x)
    assert reason.remedy == "Write np.exp(np.minimum(y, 80))"  # not y3
    assert reason.draw().svg().startswith("<svg")  # of the landmarks


def test_functions_that_branch_on_a_value():
    def f(x, y):
        return np.sqrt(x) + y if x < 1 else x * y

    assert "the gradient of 'x' () is inf: on the way back in sqrt(x ()), x = 0" in str(ag.why(f, 0.0, 2.0))
    assert ag.why(f, 2.0, 2.0).kind == "fine"


def test_batched_functions():
    def f(w):
        return np.sum(ag.vmap(lambda row: np.sqrt(np.sum(row**2)))(w))

    of(f, np.array([[1.0, 2.0], [0.0, 0.0]]), "nan at [1, 0], [1, 1]", kind="nan", remedy="np.linalg.norm(w, axis=1)")


def test_a_value_that_is_used_twice():
    of(lambda x: np.sum(x - x), ONES, "subtract(x (2,), x (2,))", "cancel", kind="zero", cause="cancels")
    of(lambda x: np.sum(np.sqrt(x) + x**2), np.array([0.0, 1.0]), "inf at [0]", kind="inf", remedy="np.where")


def test_several_causes_are_counted():
    def f(x):
        return np.sqrt(x[0]) + np.log(x[1]) * 0 + np.sqrt(x[2] * 0)

    reason = ag.why(f, np.array([0.0, 1.0, 2.0]))
    assert reason.others == 1
    assert "There is 1 other cause." in str(reason)


def test_of_several_arguments_the_first_that_is_wrong():
    def f(w, b, x):
        return np.sum(np.sqrt(w * x + b))

    assert ag.why(lambda x, labels: x[labels] * 2, ONES, np.array(1)).variable == "x"  # integers have no gradient
    assert ag.why(f, ONES, ONES, ONES).text == "the gradients of 'w', 'b', 'x' are finite and not zero"
    assert "the gradient of 'w' (2,) is nan at [0]" in str(ag.why(f, ONES, ZEROS, np.array([0.0, 1.0])))


def test_entries_that_are_read_one_by_one():
    def stress(P, D):
        return sum((np.sqrt(np.sum((P[i] - P[j]) ** 2)) - D[i, j]) ** 2 for i in range(2) for j in range(2))

    P, D = np.array([[0.0, 0.0], [1.0, 0.0]]), np.ones((2, 2))
    reason = ag.why(stress, P, D)  # of P, which is nan; of D it is zero
    assert "began in sqrt(a ()), a = 0" in str(reason)
    assert reason.remedy.endswith("np.sqrt(np.sum((P[i] - P[j]) ** 2) + eps)")
    assert "square" in str(ag.why(lambda D: stress(P, D), D))  # each entry is used, by one D[i, j]


def test_numbers_read_in_plain_python():
    assert "'w' is used in plain Python only" in str(ag.why(lambda w, u: np.sum(u * float(w[0])), ONES, ONES))
    reason = ag.why(lambda w: np.sum(w) if w[0] > 0 and w[1] > 5 else (w[0] * 2).item() * 1.0, ONES)
    assert reason.kind in ("none", "zero")
    b = (lambda: ag.tensor([1.0], requires_grad=True))()
    assert str(ag.why(leaf([1.0]).sum(), b)).startswith("the gradient of 'b' (1,) is None")


def test_calls_have_the_name_that_was_written():
    text = str(ag.why(lambda x: np.linalg.norm(x - 1) * 2, ONES))
    assert "a = 0 at 2 of 2, the derivative of linalg.norm(a (2,)) is 0 there" in text
    assert "in median(x (3,))" in str(ag.why(lambda x: np.median(x), np.array([1.0, 5.0, 2.0])))


def test_a_division_by_zero_beside_an_infinity():
    u = np.array([-np.inf, 1.0])
    assert "divide(a (2,), 0), a[1] = 2" in str(ag.why(lambda x: np.sum(ag.softmax((x + u) / 0.0)), ONES))
    assert "a has no entries" in str(ag.why(lambda x: np.mean(x[x > 5]), ONES))
    at = ag.why(lambda S: np.sum(S + (1 - ONES) * -np.inf), ONES)
    assert "((1 - ONES) * -np.inf) = nan at 2 of 2 was given" in str(at)
    assert ag.why(lambda x: np.sum(x) / np.sum(ZEROS), ONES).remedy.endswith("np.sum(x) / (np.sum(ZEROS) + eps)")


def test_masks_and_conditions():
    x = ag.tensor([2.0, 0.0], requires_grad=True)
    assert "x > 1 is False at [1]" in str(ag.why(np.sum(np.where(x > 1, x, 0)), x))
    m = np.array([1.0, 0.0])
    assert "multiply(m (2,), x (2,)), m[1] = 0" in str(ag.why(np.sum(m * x), x))
    X = np.array([[1.0, 0.0], [2.0, 0.0]])
    W = ag.tensor([[1.0], [2.0]], requires_grad=True)
    assert "dL/dW = Xᵀ @ dL/da, X = 0 at [0, 1], [1, 1]" in str(ag.why(np.sum((X @ W) ** 2), W))


def test_numbers_that_are_too_small():
    of(lambda x: np.sum(np.exp(x)), np.array([-800.0]), "exp(x (1,)), x[0] = -800, a = 0 to rounding", kind="zero")
    of(lambda x: np.sum(np.square(x * 1e-200) * 1e-150), ONES, kind="zero")


def test_complex_numbers():
    of(
        lambda z: np.sum(np.sqrt(np.real(z * np.conj(z)))), np.array([1 + 1j, 0]), "is nan at [1]", kind="nan",
        remedy="Write np.abs(z)",
    )  # fmt: skip


def test_modules():
    net = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1))
    with ag.no_grad():
        net[0].bias[...] = -100.0
    reason = ag.why(np.mean(net(np.ones((2, 3))) ** 2), net[0].weight)
    assert "a < 0 at 8 of 8" in str(reason)


def test_what_does_not_require_a_gradient():
    c, x = ag.tensor([1.0, 2.0]), leaf([1.0, 2.0])
    assert "'c' (2,) is None: 'c' does not require one" in str(ag.why(np.sum(c * x), c))
    other = leaf([1.0], name="other")
    assert "no recorded step leads from it to the result" in str(ag.why(np.sum(x), other))
    x_now = leaf([1.0, 2.0], name="x")
    assert "another tensor called 'x'" in str(ag.why(np.sum(x * 1), x_now))
    assert "does not depend on 'y'" in str(ag.why(lambda x, y: np.sum(x), ONES, ONES))


def test_wrong_arguments():
    x = leaf([1.0, 2.0])
    with pytest.raises(TypeError, match=r"one tensor after the result, ag.why\(L, w\), got nothing"):
        ag.why(np.sum(x))
    with pytest.raises(TypeError, match="got ndarray"):
        ag.why(np.sum(x), np.ones(2))
    with pytest.raises(TypeError, match=r"ag.why\(f, x\), got int"):
        ag.why(3, x)
    with pytest.raises(ValueError, match=r"one entry, got shape \(2,\)"):
        ag.why(x * 2, x)
    with pytest.raises(ValueError, match="2 results"):
        ag.why(lambda x: (x, x), 1.0)


def test_arrays_that_have_been_overwritten():
    x = ag.tensor([1.0, 0.0], requires_grad=True)
    L = np.sum(np.sqrt(x))
    with ag.no_grad():
        x += 1
    with pytest.raises(RuntimeError, match="has changed since it was used"):
        ag.why(L, x)


def test_the_picture_has_the_step_in_red():
    x = ag.tensor([0.0, 0.0], requires_grad=True)
    reason = ag.why(np.sqrt(np.sum(x**2)), x)
    scene = reason.draw().scene
    (red,) = [line for line in scene.lines if line.change]
    (box,) = [item for item in scene.items if item.change]
    assert (scene.item(red.tail).name, box.name, red.head) == ("a", "L", box.key)
    assert "began in sqrt(a ())" in scene.notes[-1]
    assert len({item.name for item in scene.items}) == len(scene.items)
    assert reason.draw(view="landmarks").svg().startswith("<svg")
    assert ag.why(np.sum(x + 1), x).draw().svg().startswith("<svg")  # nothing is wrong
    with pytest.raises(ValueError, match="nothing was recorded"):
        ag.why(lambda x: np.sum(x), np.arange(3)).draw()


def test_every_remedy_is_proposed_somewhere():
    """The options of the rows that no test above, nor this one, has seen in an answer."""
    points = {
        "sqrt": (0.0, "np.sqrt"), "log": (0.0, "np.log"), "exp": (1000.0, "np.exp"), "arccos": (1.0, "np.clip"),
        "arcsin": (1.0, "np.clip"), "arctanh": (1.0, "np.clip"), "log2": (0.0, "np.log2"), "log10": (0.0, "np.log10"),
        "sigmoid": (50.0, "F."), "sign": (1.0, "np.tanh"),
    }  # fmt: skip
    points |= dict.fromkeys(("floor", "ceil", "rint", "trunc", "fix", "round"), (1.5, "stop_gradient"))
    points |= dict.fromkeys(("argmax", "argmin"), (1.5, "softmax"))
    for word, row in TABLE.items():
        if row.remedies and word not in ("divide", "power", "softmax", "log_softmax"):
            at, code = points[word]
            assert code in ag.why(lambda x, row=row: np.sum(row(x)) * 1.0, np.array([at, 0.5])).remedy, word


def test_a_result_that_was_not_recorded():
    w = ag.tensor([1.0, 2.0], requires_grad=True)
    L = np.sum(w.detach() ** 2)
    text = str(ag.why(L, w))
    assert text.startswith("the gradient of 'w' (2,) is None: no recorded step leads from it to the result"), text
    assert "ag.why(f, w) names the step" in text


@pytest.mark.parametrize("f", [lambda x: np.sum(np.polyder(x)), lambda x: np.sum(ag.stats.chi2.cdf(x, 2.0))])
def test_rules_that_have_no_simple_form(f):
    assert ag.why(f, np.array([0.5, 0.0, 2.0])).kind in ("fine", "zero")
