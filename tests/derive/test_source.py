"""Source of nets: it agrees with the engine on other values, and reads as if a person had written it."""

from __future__ import annotations

import keyword
import re

import numpy as np
import pytest
from programs import PROGRAMS
from thorough import mostly_thorough

import autograd_lite as ag
from autograd_lite import nn
from autograd_lite.derive import source
from autograd_lite.rules.random import dropout_mask
from autograd_lite.table import TABLE
from autograd_lite.talk import by_hand, derived
from autograd_lite.testing.rows import points

# -------------------------------------------------------------------------------------------------------- the nets


def talk(x, y, V, W):
    A = x @ V
    B = ag.sigmoid(A)
    C = B @ W
    P = ag.sigmoid(C)
    L = 0.5 * np.sum((y - P) ** 2)
    return L  # noqa: RET504 - the source is called after it


def classifier(X, labels, W1, b1, W2, b2):
    H = ag.special.relu(X @ W1 + b1)
    Z = H @ W2 + b2
    logp = ag.special.log_softmax(Z, axis=-1)
    loss = -np.mean(logp[np.arange(len(X)), labels])
    return loss  # noqa: RET504 - the source is called after it


def recurrent(x, h, W, U, b):
    for t in range(3):
        h = np.tanh(x[t] @ W + h @ U + b)
    loss = np.sum(h**2)
    return loss  # noqa: RET504 - the source is called after it


def attention(Q, K, V):
    S = Q @ K.T / np.sqrt(K.shape[1])
    A = ag.special.softmax(S, axis=-1)
    O = A @ V
    return np.sum(O**2)


def normalised(x, gamma, beta):
    mean = np.mean(x, axis=1, keepdims=True)
    var = np.var(x, axis=1, keepdims=True)
    z = (x - mean) / np.sqrt(var + 1e-5)
    return np.sum(np.cos(gamma * z + beta))


def convolved(x, k):
    y = np.convolve(x, k, "valid")
    return np.sum(np.maximum(y, 0) ** 3)


def logistic(w, b, X, y):
    return np.mean(np.logaddexp(0, -y * (X @ w + b)))


def pendulum(theta, omega, g):
    for _ in range(5):
        omega = omega - 0.1 * g * np.sin(theta)
        theta = theta + 0.1 * omega
    return theta**2 + omega**2


def least_squares(A, b):
    x = np.linalg.solve(A.T @ A + np.eye(A.shape[1]), A.T @ b)
    return np.sum((A @ x - b) ** 2)


def gaussian(x, mu, chol):
    z = np.linalg.inv(chol) @ (x - mu)
    return 0.5 * z @ z + np.log(np.abs(np.linalg.det(chol)))


def normal(*shapes):
    return lambda rng: tuple(rng.normal(size=s) for s in shapes)


NETS = {
    talk: (normal((5, 3), (5, 1), (3, 4), (4, 1)), ["V", "W"]),
    classifier: (
        lambda rng: (rng.normal(size=(6, 3)), rng.integers(0, 4, 6), *normal((3, 5), 5, (5, 4), 4)(rng)),
        ["W1", "b1", "W2", "b2"],
    ),
    recurrent: (normal((3, 2, 4), (2, 5), (4, 5), (5, 5), 5), ["W", "U", "b"]),
    attention: (normal((3, 4), (5, 4), (5, 2)), None),
    normalised: (normal((3, 4), 4, 4), None),
    convolved: (normal(8, 3), None),
    logistic: (
        lambda rng: (*normal(3, ())(rng), rng.normal(size=(5, 3)), np.sign(rng.normal(size=5))),
        ["w", "b"],
    ),
    pendulum: (normal((), (), ()), ["theta", "omega"]),
    least_squares: (normal((4, 3), 4), None),
    gaussian: (normal(3, 3, (3, 3)), None),
}


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("f", NETS, ids=lambda f: f.__name__)
def test_on_other_values_it_agrees_with_the_engine(f, dtype):
    inputs, wrt = NETS[f]

    def made_of(seed):
        return [
            x.astype(dtype) if x.dtype.kind == "f" else x
            for x in map(np.asarray, inputs(np.random.default_rng(seed)))
        ]

    source_ = source(f, *made_of(0), wrt=wrt)
    fresh = made_of(1)
    names = list(source_.arguments)
    places = tuple(range(len(fresh))) if wrt is None else tuple(names.index(w) for w in wrt)
    value, gradients = ag.value_and_grad(f, places)(*fresh)
    got, *mine = source_(*fresh)
    tolerance = 1e-9 if dtype == np.float64 else 2e-4
    np.testing.assert_allclose(got, value, rtol=tolerance)
    for a, b in zip(mine, gradients, strict=True):
        assert np.asarray(a).dtype == dtype
        assert np.shape(a) == np.shape(b)
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)
    assert "autograd_lite" not in source_
    assert max(map(len, source_.splitlines())) <= 112


# --------------------------------------------------------------------------------------------------------- the talk


def test_the_talks_learn_is_about_twenty_lines_and_the_derivation_by_hand():
    made = derived.learn_source()
    body = [
        line
        for line in made.split("def learn")[1].splitlines()[1:]
        if line.strip() and line.strip()[0] != "#"
    ]
    assert len(body) <= 20
    rng = np.random.default_rng(3)
    x, y, V, W = (rng.normal(size=s) for s in ((1, 3), (1, 1), (3, 4), (4, 1)))
    hand = by_hand.quantities(x, y, V, W)
    variables = made.variables(x, y, V.copy(), W.copy(), 0.5)
    for word, value in hand.items():
        np.testing.assert_allclose(variables[word], value, rtol=1e-12, err_msg=word)
    V1, W1 = V.copy(), W.copy()
    L, dLdW, dLdV = made(x, y, V1, W1, 0.5)
    np.testing.assert_allclose(V1, V - 0.5 * dLdV)
    np.testing.assert_allclose(W1, W - 0.5 * dLdW)
    np.testing.assert_allclose(L, hand["L"])


def test_it_reads_as_the_talk_does():
    made = derived.learn_source()
    backward = made.split("# backward")[1].split("# update")[0]
    words = [line.split("=")[0].strip() for line in backward.splitlines() if "=" in line]
    assert words == ["dLdP", "dPdC", "dLdC", "dCdW", "dLdW", "dCdB", "dBdA", "dAdV", "dLdV"]
    for line in (
        "dLdP = -(y - P)",
        "dPdC = P * (1 - P)",
        "dCdW = B.T",
        "dLdV = dAdV @ ((dLdC @ dCdB) * dBdA)",
        "W -= lr * dLdW",
    ):
        assert f"    {line}" in made
    assert made.arguments == ("x", "y", "V", "W", "lr")
    assert made.results == ("L", "dLdW", "dLdV")


@pytest.mark.parametrize("f", NETS, ids=lambda f: f.__name__)
def test_no_noise(f):
    inputs, wrt = NETS[f]
    made = source(f, *inputs(np.random.default_rng(0)), wrt=wrt)
    for noise in (
        r"\* 1 ",
        r"(?<![\w.])[01] \* ",
        r" \+ 0(?![.\d])",
        r"\.T\.T",
        "broadcast_to",
        "isnan",
        "isinf",
        "--",
    ):
        assert not re.search(noise, made), made
    assert made.count("def ") <= 4


def test_every_loop_turn_has_its_own_name():
    made = source(recurrent, *NETS[recurrent][0](np.random.default_rng(0)), wrt=["W", "U", "b"])
    assert "h1 = np.tanh(" in made
    assert "h3 = np.tanh(" in made
    assert "dloss_db = np.sum(" in made


def test_a_sum_too_long_for_a_line_goes_on_in_the_next():
    inputs = [np.asarray(x) for x in normal((40, 2, 4), (2, 5), (4, 5), (5, 5), 5)(np.random.default_rng(0))]

    def long(x, h, W, U, b):
        for t in range(40):
            h = np.tanh(x[t] @ W + h @ U + b)
        return np.sum(h**2)

    made = source(long, *inputs, wrt=["W", "U", "b"])
    assert max(map(len, made.splitlines())) <= 112
    assert "    dLdW = dLdW + " in made
    for a, b in zip(made(*inputs)[1:], ag.grad(long, (2, 3, 4))(*inputs), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)


# ------------------------------------------------------------------------------------------------- what it can take


def test_a_result_of_several_entries_takes_its_cotangent():
    def f(x, w):
        return np.tanh(x @ w)

    rng = np.random.default_rng(0)
    x, w, g = rng.normal(size=(2, 3)), rng.normal(size=(3, 4)), rng.normal(size=(2, 4))
    made = source(f, x, w)
    assert made.cotangent == "g"
    assert made.arguments == ("x", "w", "g")
    y, dx, dw = made(x, w, g)
    value, pull = ag.vjp(f, x, w)
    for a, b in zip((y, dx, dw), (value, *pull(g)), strict=True):
        np.testing.assert_allclose(a, b)


def test_parameters_from_around_the_function_come_with_it():
    net = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))
    target = np.random.default_rng(0).normal(size=(5, 2))

    def loss(x):
        return np.mean((net(x) - target) ** 2)

    x = np.random.default_rng(1).normal(size=(5, 3))
    made = source(loss, x)
    assert set(made.constants) == {"target", "weight_0", "bias_0", "weight_2", "bias_2"}
    assert "a = x @ weight_0.T + bias_0" in made
    assert "# Sequential.0 (Linear), 5x4" in made
    L = loss(x)
    L.backward()
    got, *gradients = made(x)
    np.testing.assert_allclose(got, L.numpy())
    for a, p in zip(gradients, net.parameters(), strict=True):
        np.testing.assert_allclose(a, p.grad.numpy(), rtol=1e-10)
    other = {w: np.zeros_like(v) for w, v in made.constants.items()}
    assert made(x, **other)[0] == 0


def test_trees_of_arguments_may_be_given_leaf_by_leaf():
    def f(params, x):
        return np.sum((params["w"] * x + params["b"]) ** 2)

    args = {"w": np.ones(3), "b": np.zeros(3)}, np.arange(3.0)
    made = source(f, *args, wrt=["w", "b"])
    assert (made.arguments, made.leaves) == (("params", "x"), ("w", "b", "x"))
    for call in (made(*args), made(np.ones(3), np.zeros(3), np.arange(3.0))):
        np.testing.assert_allclose(call[1], 2 * np.arange(3.0) ** 2)


def league(strength, games):
    return sum(r * np.log(1 + np.exp(strength[a] - strength[b])) for a, b, r in games)


def deep(params, layers, x, y=None, kind="tanh"):
    for W, b in layers:
        x = np.tanh(W @ x + b) if kind == "tanh" else x
    return np.sum((params["V"] @ x) ** 2) + params["reg"]["lam"] * np.sum(params["V"] ** 2)


@pytest.mark.parametrize(
    ("f", "args", "line"),
    [
        (league, (np.ones(3), [(0, 1, 1.0), (1, 2, 0.5)]), "(a1, b1, r1), (a2, b2, r2) = games"),
        (deep, ({"V": np.ones((1, 2)), "reg": {"lam": 0.1}}, [(np.eye(2), np.ones(2))] * 2, np.ones(2), None, "tanh"),
         "(W1, b1), (W2, b2) = layers"),
        (lambda pair, opt: pair[0] * opt["step size"], ([2.0], {"step size": 3.0}), "pair = pair[0]"),
        (lambda pair, opt: pair[0] * pair[1] * opt[0], ((2.0, 1.0, 5.0), (3.0,)), "pair1, pair2, pair3 = pair"),
    ],
)  # fmt: skip
def test_the_text_is_called_with_the_functions_own_arguments(f, args, line):
    made = source(f, *args)
    assert f"    {line}\n" in made
    space: dict = {}
    exec(made, space)
    value, *gradients = space[made.name](*args)
    assert np.isclose(value, np.sum(f(*args)))
    places = [k for k, x in enumerate(args) if x is not None and not isinstance(x, str) and f is not league or k == 0]
    for mine, own in zip(gradients, ag.grad(f, places)(*args), strict=False):
        np.testing.assert_equal(mine, own)  # trees of the same form
    if f is league:
        assert [game[:2] for game in gradients[1]] == [(None, None)] * 2


def test_numbers_are_short():
    made = source(lambda z: np.sum(np.where(z > 0, z, 0.1 * z) + 0.1 * z**3), np.array([1.0, -2.0]))
    assert "0.3 * z ** 2" in made
    assert "float64" not in made


def test_a_gradient_inside_is_differentiated_again():
    def penalty(w, x):
        slope = ag.grad(lambda w: np.sum(np.tanh(x @ w)))(w)
        return np.sum(slope**2)

    rng = np.random.default_rng(0)
    w, x = rng.normal(size=3), rng.normal(size=(4, 3))
    made = source(penalty, w, x, wrt="w")
    np.testing.assert_allclose(made(w + 0.5, x)[1], ag.grad(penalty)(w + 0.5, x), rtol=1e-9)


def test_dropout_draws_anew_and_keeps_its_mask_for_the_way_back():
    def f(x, w):
        mask = dropout_mask(x, 0.5)
        return np.sum(x * mask * w)

    x, w = np.ones(200), np.arange(1.0, 201)
    made = source(f, x, w, wrt="x")
    (_, a), (_, b) = made(x, w), made(x, w)
    assert set(np.unique(a / w)) == {0.0, 2.0}
    assert not np.array_equal(a, b)
    rng = np.random.default_rng(0)
    mask = np.random.default_rng(0).random(200) >= 0.5
    np.testing.assert_allclose(made(x, w, rng=rng)[1], 2 * mask * w)


def test_what_is_not_used_gets_zeros():
    made = source(lambda a, b: np.sum(a**2), np.ones(2), np.ones(3))
    assert made.arguments == ("a", "b")
    np.testing.assert_array_equal(made(np.ones(2), np.ones(3))[2], np.zeros(3))


def test_large_constants_become_arguments_with_their_values():
    table = np.random.default_rng(0).normal(size=(500,))

    def f(x):
        return np.sum(x * (table + 1.0))

    made = source(f, np.ones(500))
    assert len(made) < 700
    np.testing.assert_allclose(made(np.ones(500))[1], table + 1)


def test_an_array_made_inside_is_written_out():
    def f(x, y):
        mask = np.where(np.tril(np.ones((3, 3))) > 0, 0, -np.inf)
        P = ag.softmax(x + mask, axis=1)
        return np.sum((P @ y) ** 2 + 0.1 * np.eye(3) @ y)

    made = source(f, np.ones((3, 3)), np.arange(3.0), update="lr")
    space: dict = {}
    exec(str(made), space)
    x, y = np.arange(9.0).reshape(3, 3), np.ones(3)
    expected = ag.value_and_grad(f, (0, 1))(x, y)
    L, *gradients = space["f"](x.copy(), y.copy(), 0.0)  # with no argument but those of f, and the rate
    np.testing.assert_allclose(L, expected[0])
    for g, other in zip(gradients, expected[1], strict=True):
        np.testing.assert_allclose(g, other, atol=1e-12)


def test_names_that_mean_something_else_are_changed():
    def f(np_, sigmoid):
        lambda_ = ag.sigmoid(np_ * sigmoid)
        return np.sum(lambda_)

    a = ag.tensor(np.ones(2), name="lambda")
    made = source(f, np.full(2, 0.5), np.ones(2))
    assert not set(made.arguments) & set(keyword.kwlist)
    np.testing.assert_allclose(made(np.full(2, 0.5), np.ones(2))[0], 2 / (1 + np.exp(-0.5)))
    assert a.name == "lambda"


def test_complex_numbers():
    def f(z, w):
        return np.sum(np.abs(z * w + np.exp(z)) ** 2)

    rng = np.random.default_rng(0)
    z, w = (rng.normal(size=3) + 1j * rng.normal(size=3) for _ in range(2))
    got = source(f, z, w)(z + 1, w - 0.5j)
    for a, b in zip(got[1:], ag.grad(f, (0, 1))(z + 1, w - 0.5j), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9)


def test_a_row_of_the_users_own_comes_with_its_text():
    made = source(lambda x: np.sum(_cube(x)), np.ones(3))
    np.testing.assert_allclose(made(np.full(3, 2.0))[1], np.full(3, 12.0))
    assert "autograd_lite" not in made


_cube = ag.table.define(lambda g, x: g * 3 * x**2, name="cube_of_the_source_test")(lambda x: x * x * x)


# ----------------------------------------------------------------------------------------------------------- errors


def test_a_mask_with_a_minus_sign_runs():
    def ranknet(score, relevance):
        gap = score[:, None] - score[None, :]
        better = relevance[:, None] > relevance[None, :]
        return np.sum(better * np.log(1 + np.exp(-gap))) / better.sum()

    score, relevance = np.array([0.5, -0.2, 0.3]), np.array([2.0, 0.0, 1.0])
    code = source(ranknet, score, relevance, wrt="score")
    loss, gradient = code(score, relevance)
    np.testing.assert_allclose(loss, ranknet(score, relevance), rtol=1e-14)
    np.testing.assert_allclose(gradient, ag.grad(ranknet)(score, relevance), rtol=1e-13)


def test_refusals_name_the_remedy():
    with pytest.raises(ValueError, match=r"expected wrt to name floating arguments of f, which are x; got q"):
        source(lambda x: np.sum(x), np.ones(2), wrt="q", name="f")
    with pytest.raises(TypeError, match=r"expected .* to return one array, got a tuple"):
        source(lambda x: (x, x), np.ones(2))
    with pytest.raises(ValueError, match="depends on none of its arguments"):
        source(lambda x: np.ones(2), np.ones(2))
    with pytest.raises(RuntimeError, match=r"float\(\) of a value that depends on the traced inputs"):
        source(lambda x: x * float(x.sum()), np.ones(2))

    def long(x):
        for _ in range(6000):
            x = x * 1.0
        return x

    with pytest.raises(ValueError, match=r"6000 operations are too many|6001 operations are too many"):
        source(long, 1.0)


# ------------------------------------------------------------------------------------------------------- short forms

DEFINITIONS = {
    name: row.definition if row.source is None and callable(row.definition) else row.source
    for name, row in TABLE.items() if row.kind != "constant"
}  # fmt: skip
SHORT = [name for name, definition in DEFINITIONS.items() if definition is not None]


def test_there_are_short_forms():
    assert {"softmax", "sigmoid", "into_zeros", "logsumexp"} <= set(SHORT)


def textbook(row):
    """The textbook definition of a row as a function."""
    if callable(DEFINITIONS[row.name]):
        return DEFINITIONS[row.name]
    xs = "x" if len(row.rules) == 1 else ", ".join(f"x{k + 1}" for k in range(len(row.rules)))
    return eval(f"lambda {xs}: {row.source}", {"np": np})


@pytest.mark.parametrize("name", SHORT)
def test_a_short_form_agrees_with_the_table(name):
    row = TABLE[name]
    for args, keywords in points(row, np.random.default_rng(0)):
        bound = (args, keywords) if row.bind is None else row.bind(*args, **keywords)
        if type(bound) is not tuple:  # a rare keyword: composed of other rows
            continue
        xs, params = bound
        if any(np.size(x) == 0 for x in xs):
            continue
        short = textbook(row)
        words = short.__code__.co_varnames[: short.__code__.co_argcount + short.__code__.co_kwonlyargcount]
        with np.errstate(all="ignore"):
            expected = row.fn(*map(np.asarray, xs), **params)
            if not all(np.all(np.isfinite(e)) for e in (expected if row.outputs else (expected,))):
                continue
            got = short(*map(np.asarray, xs), **{k: v for k, v in params.items() if k in words})
        if got is NotImplemented:
            continue
        for a, b in zip(got, expected, strict=True) if row.outputs else ((got, expected),):
            np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-14)


def test_a_sign_does_not_hide_that_a_product_stands_to_the_right_of_a_matrix():
    """Logistic regression with a squared error: ``X.T @ -(y - p) * p`` would be ``(X.T @ -(y - p)) * p``."""
    rng = np.random.default_rng(0)
    w, X, y = rng.normal(size=(4, 1)), rng.normal(size=(6, 4)), rng.normal(size=(6, 1))

    def loss(w, X, y):
        return np.sum(0.5 * (y - ag.sigmoid(X @ w)) ** 2)

    made = source(loss, w, X, y, wrt="w")
    space: dict[str, object] = {}
    exec(made, space)
    np.testing.assert_allclose(space["loss"](w, X, y)[1], ag.grad(loss)(w, X, y), rtol=1e-12)


def test_other_shapes_and_keys_are_checked():
    made = source(lambda x, y: np.sum((x - y) ** 2), np.ones(3), np.ones(3))
    with pytest.raises(ValueError, match=r"expected y of shape \(3,\), got \(3, 1\): .* make it again"):
        made(np.ones(3), np.ones((3, 1)))
    with pytest.raises(ValueError, match=r"expected x of shape \(3,\), got \(\)"):
        made(x=1.0, y=np.ones(3))
    made = source(lambda d: d["a"] - 2 * d["b"], {"a": 1.0, "b": 2.0})
    assert made({"b": 2.0, "a": 1.0})[0] == made(1.0, 2.0)[0] == -3.0
    assert made.variables({"b": 2.0, "a": 1.0})["a"] == 1.0
    with pytest.raises(ValueError, match=r"args\[0\] should be a dict with the keys \['a', 'b'\], not list of 2"):
        made([1.0, 2.0])


def test_a_check_knows_how_inexact_the_numbers_are():
    w = np.linspace(-1, 1, 50).astype(np.float32)
    made = source(lambda w: np.sum(np.tanh(w)) * np.float64(1.5), w)
    np.testing.assert_allclose(made(w)[1], ag.grad(lambda w: np.sum(np.tanh(w)) * np.float64(1.5))(w), rtol=1e-6)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("seed", range(4))
def test_a_gradient_that_is_zero_but_for_rounding_is_no_contradiction(seed, dtype):
    ag.manual_seed(seed)
    net = nn.Sequential(nn.Linear(4, 5), nn.BatchNorm1d(5), nn.Dropout(0.5)).to(dtype)  # the bias has no effect
    x = np.random.default_rng(seed).normal(size=(6, 4)).astype(dtype)
    made = source(lambda x: (net(x) ** 2).sum(), x)
    assert "dL_dbias_0" in made.results


@pytest.mark.parametrize("draw", [ag.rand_like, ag.randn_like, lambda x: ag.rand_like(x) > 0.5])
def test_large_random_numbers_are_kept_for_the_check(draw):
    x = np.ones(500)  # more entries than a node keeps
    made = source(lambda x: np.sum(x + 3 * draw(x)), x)
    np.testing.assert_array_equal(made(x)[1], np.ones(500))
    assert made(x)[0] != made(x)[0]


def test_an_excursion_to_single_precision_is_no_contradiction():
    x = np.array([1.0, 2.0])
    made = source(lambda x: x.astype(np.float32) * x, x)
    np.testing.assert_allclose(made(x, x)[1], 2 * x * x, rtol=1e-6)


def test_a_number_beside_whole_numbers_is_not_a_float16():
    x = np.array(1.61)
    made = source(lambda x: np.frexp(x * 0.05)[0], x)
    assert made(x)[1] == ag.grad(lambda x: np.frexp(x * 0.05)[0])(x)


def test_a_wrong_line_is_found_however_small():
    from autograd_lite.derive.numpy_code import Rounding, close

    assert not close(np.array([1e-9]), np.array([1.1e-9]))
    assert close(np.array([1e-15]), np.array([2e-15]), Rounding(0.0, 1.0))
    assert not close(np.array([1e-9]), np.array([2e-9]), Rounding(0.0, 1.0))
    assert not close(1.96, 1.63, Rounding(float(np.finfo(np.float32).eps), 10.0))


# ------------------------------------------------------------------------------------------- memory of its own

SHARING = {
    "a product": (lambda a, b: (a * b).sum(), (3,), (3,)),
    "an inner product": (lambda a, b: a @ b, (3,), (3,)),
    "numbers": (lambda a, b: a * b, (), ()),
    "a number and an array": (lambda a, b: np.sum(a * b), (), (2, 3)),
    "a transpose": (lambda a, b: np.sum(a.T * b), (3, 2), (2, 3)),
    "a shape": (lambda a, b: np.sum(a.reshape(-1) * b), (3, 2), (6,)),
    "a part": (lambda a, b: np.sum(a[1] * b), (3, 2), (2,)),
    "a repetition": (lambda a, b: np.sum(np.broadcast_to(a, (4, 3)) * b), (3,), (4, 3)),
    "a flat transpose": (lambda a, b: np.sum(a.T.ravel() * b), (3, 2), (6,)),
    "a sum": (lambda a, b: np.sum(a + b), (2,), (2,)),
    "the argument": (lambda a, b: a, (2,), (2,)),
    "a view of the argument": (lambda a, b: a.T, (3, 2), (2,)),
    "a part of several": (lambda a, b: np.split(a, 2)[1] * 1.0 + 0.0 * b, (4,), (2,)),
    "one of several": (lambda a, b: np.split(a, 2)[0], (4,), (2,)),
    "equal gradients": (lambda a, b: np.sum(np.tanh(a + b)), (2,), (2,)),
}


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("name", SHARING)
def test_what_a_source_returns_has_memory_of_its_own(name, order):
    """Also where the examples have another layout than the arguments."""
    f, *shapes = SHARING[name]
    rng = np.random.default_rng(0)
    examples = [np.array(rng.normal(size=shape), order="F" if order == "C" else "C") for shape in shapes]
    wrt = ["a", "b"]
    made = source(f, *examples, wrt=wrt, update="rate")
    weights = [np.array(rng.normal(size=shape), order=order) for shape in shapes]
    start = [x.copy() for x in weights]
    g = rng.normal(size=np.shape(f(*start)))
    cotangent = {made.cotangent: g} if made.cotangent else {}
    for _ in range(2):
        now = [x.copy() for x in weights]
        y, pull = ag.vjp(f, *now)
        gradients = pull(g if cotangent else np.ones(np.shape(y)))
        found = made(*weights, **cotangent, rate=0.1)
        for mine, expected in zip(found, [y, *gradients], strict=True):
            np.testing.assert_allclose(mine, expected, err_msg=made)
        for x, old, d in zip(weights, now, gradients, strict=True):
            np.testing.assert_allclose(x, old - 0.1 * d, err_msg=made)
        arrays = [*weights, *cotangent.values()]
        for mine in found:
            assert not any(np.shares_memory(mine, x) for x in arrays), made
            assert np.ndim(mine) == 0 or mine.flags.writeable
            arrays.append(mine)


def test_numbers_stay_numbers():
    made = source(lambda a, b: a * b, 3.0, 4.0)
    assert made(3.0, 4.0) == (12.0, 4.0, 3.0)
    assert [type(x) for x in made(3.0, 4.0)] == [float] * 3


def test_a_source_copies_the_arrays_from_outside():
    c, W = np.arange(20.0), ag.tensor(np.ones(20), requires_grad=True)

    def f(x):
        return np.sum(x * c * W)

    made = source(f, np.ones(20), update="rate")
    made(np.ones(20), rate=0.1)
    np.testing.assert_array_equal(W.numpy(), np.ones(20))
    c[:] = 0.0
    np.testing.assert_array_equal(made.constants["c"], np.arange(20.0))


def test_an_array_from_outside_is_an_argument_only_where_all_that_is_computed_from_it_is_in_the_source():
    J, lines = np.arange(6.0), np.linspace(4, 23, 6)

    def program(B, D):
        def term(J):
            return B * J * (J + 1) - D * (J * (J + 1)) ** 2

        return np.sum((lines - term(J + 1) + term(J)) ** 2)

    made = source(program, 1.9, 0.001)
    assert set(made.constants) == {"lines"}
    assert "    J = np.array([0.0, 1.0, 2.0, 3.0, 4.0, 5.0])\n" in made
    np.testing.assert_array_equal(J, np.arange(6.0))
    before = lines.copy()
    lines += 1
    np.testing.assert_allclose(made(1.7, 0.002, lines=lines)[0], program(1.7, 0.002))
    np.testing.assert_array_equal(made.constants["lines"], before)
    large = np.linspace(0, 1, 900)
    made = source(lambda B: (lambda J: np.sum(np.sin(B * J)))(large + 1), 0.5)
    [(word, x)] = made.constants.items()
    assert made(0.5)[0] == np.sum(np.sin(0.5 * (large + 1)))
    with pytest.raises(ValueError, match=f"this source is for the {word} of its example"):
        made(0.5, **{word: x + 1})


def test_a_gradient_of_its_own_is_not_copied():
    text = source(lambda a, b: np.sum(np.tanh(a) @ b), np.ones((2, 3)), np.ones((3, 2)))
    assert "copy" not in text


def test_a_recorded_value_from_outside_is_derived_from_its_inputs():
    w = ag.tensor([1.0, 2.0], requires_grad=True, name="w")
    h = np.exp(w)
    code = source(lambda x: np.sum(h * x), np.ones(2), update="lr")
    assert "h = np.exp(w)" in code
    assert "w -= lr * dLdw" in code


@pytest.mark.usefixtures("op")
def test_a_rule_that_is_not_differentiable_itself_and_a_hook():
    @ag.table.define(lambda g, x: g * np.cos(x), order=1)
    def my_sin(x):
        return np.sin(x)

    assert np.allclose(source(lambda x: np.sum(my_sin(x) ** 2), np.ones(2))(np.ones(2))[1], np.sin(2 * np.ones(2)))

    def hooked(x):
        h = np.exp(x)
        h.register_hook(lambda g: 2 * g)
        return np.sum(h)

    with pytest.raises(RuntimeError, match="has a hook"):
        source(hooked, np.ones(2))


@pytest.mark.parametrize("word", mostly_thorough(PROGRAMS, 3))
def test_a_traced_function_is_explained_drawn_emitted_and_set_as_homework(word):
    program = PROGRAMS[word]
    f = program.function()
    learned = {k: ag.tensor(x, requires_grad=True) for k, x in program.params.items()}
    arguments = [learned.get(k, x) for k, x in program.numbers.items()]
    traced = ag.trace(f, *arguments)
    derivation = traced.explain()
    assert {t.symbol for t in derivation.totals} >= {f"dL/d{k}" for k in learned}
    first = next(iter(learned))
    assert traced.explain(first).totals[-1].symbol == f"dL/d{first}"
    assert "______" in str(traced.worksheet())
    assert traced.draw().chain is not None
    if word != "logs":  # 0 · ∞ where an entry is not selected
        assert derivation.check() < 1e-9
        made = traced.source()
        space: dict = {}
        exec(str(made), space)
        L, *gradients = space[made.name](*program.numbers.values())  # with the arguments of the function alone
        value = f(*arguments)
        value.backward()
        np.testing.assert_allclose(L, value.item(), rtol=1e-9)
        for g, t in zip(gradients, learned.values(), strict=True):
            np.testing.assert_allclose(g, t.grad.numpy(), rtol=1e-7, atol=1e-9)
    with pytest.raises(ValueError, match="wrt to be names among"):
        traced.explain("nothing")


def test_a_number_is_the_gradient_of_an_entry():
    x = np.array([0.3, 0.7])
    _, dx = source(lambda x: np.sum(x[0] * 2), x)(x)
    np.testing.assert_array_equal(dx, [2, 0])


def test_an_array_of_traced_numbers_is_what_a_function_gets():
    _, dx = source(lambda x: np.linalg.det(np.array([[x[0], 1.0], [2.0, x[1]]])), x := np.array([0.3, 0.7]))(x)
    np.testing.assert_allclose(dx, [0.7, 0.3])


def test_positions_of_what_is_not_0_and_numbers_as_the_user_wrote_them():
    def f(U, V, R):
        rows, cols = np.nonzero(R)
        error = R[rows, cols] - np.sum(U[rows] * V[cols], axis=1)
        return np.sum(error**2) / (2 * np.pi) - np.sum(U) * np.sqrt(2)

    args = np.array([[0.5, 0.1], [-0.2, 0.3]]), np.array([[0.1, 0.7], [0.6, -0.3]]), np.array([[3.0, 0.0], [2.0, 5.0]])
    made = ag.source(f, *args, wrt="U")
    assert "R[rows, cols]" in made
    assert "np.sqrt(2)" in made
    assert "(2 * np.pi)" in made
    np.testing.assert_allclose(made(*args)[1], ag.grad(f)(*args), rtol=1e-12)
    program = ag.trace(f, *args)
    text = " ".join(str(program.explain(["U", "V"])).split())
    assert "rows = nonzero(R)[0]" in text
    assert "dL/dUₖ = -Σᵢ 1[rowsᵢ = k] dL/derrorᵢ" in text
    assert "dL/dUₖ = ___" in str(program.worksheet(wrt=["U", "V"]))


def test_known_arrays_and_outer_products_are_written_as_such():
    def f(K, y, noise):
        mask = np.tril(np.ones((3, 3)))
        return y @ np.linalg.solve(K + noise * np.eye(3), y) + np.sum(np.where(mask == 1, K, -1e9))

    args = np.diag([1.0, 2.0, 3.0]), np.array([0.5, 1.0, 2.0]), 0.1
    made = ag.source(f, *args)
    for text in ("noise * np.eye(3)", "np.where(np.tri(3, dtype=bool), K, -1e9)", "np.outer("):
        assert text in made
    np.testing.assert_allclose(made(*args)[1], ag.grad(f)(*args), rtol=1e-12)


def test_a_factor_that_is_a_name_has_no_line():
    made = ag.source(lambda x, y, dt: np.sum((x - dt * np.sin(y)) ** 2), np.ones(2), np.ones(2), 0.5, wrt="y")
    assert "= -dt" not in made


def test_the_source_of_a_constant_function():
    for f in (np.floor, lambda x: np.divmod(x, 2.0)[0]):
        made = ag.source(f, np.array([1.3, -0.5]))
        assert "def " in made


def test_what_no_line_uses_is_not_defined_and_numbers_are_in_their_lowest_terms():
    def f(theta, T):
        amp, rate, off = theta
        return amp * np.exp(-rate / (0.008314 * T)) + off

    made = ag.source(f, np.array([1e7, 40.0, 0.5]), 300.0)
    assert "into_zeros" not in made
    assert "# ," not in ag.source(lambda c: sum(c) ** 2, np.ones(2))
    made = ag.source(lambda T: 3 * np.exp(-40 / (0.008314 * T)), 300.0)
    assert "120 * np.exp(-40 / (0.008314 * T)) / (0.008314 * T ** 2)" in made


def test_a_multiple_of_an_array_follows_the_argument_that_it_is():
    y = np.array([1.0, 0.5, -1.0])

    def loss(w):
        return 0.5 * y @ np.tanh(w) - y @ w

    made, w, other = ag.source(loss, np.ones(3)), np.ones(3), np.array([2.0, 1.0, 3.0])
    value, gradient = made(w, y=other)
    np.testing.assert_allclose(value, 0.5 * other @ np.tanh(w) - other @ w)
    np.testing.assert_allclose(gradient, 0.5 * other * (1 - np.tanh(w) ** 2) - other)


MASKS = {
    "a mean": lambda w, m: np.mean(w[m > 0] ** 2) + np.mean(w[m <= 0]),
    "rows": lambda w, m: np.sum(np.mean(np.outer(w, w)[m > 0], axis=0) ** 2),
    "entries of a matrix": lambda w, m: np.mean(np.outer(w, m)[np.outer(m, m) > 0] ** 2),
    "a sum": lambda w, m: np.sum(np.log(w)[m > 0]),
    "positions": lambda w, m: np.sum(w[np.nonzero(m > 0)[0] - 1] ** 2),
}  # fmt: skip


@pytest.mark.parametrize("f", MASKS.values(), ids=MASKS.keys())
def test_the_source_of_a_mask_is_for_any_number_of_entries(f):
    w, m = np.array([0.3, 0.5, 0.7, 0.1, 0.4]), np.array([1.0, -1.0, 1.0, -1.0, -1.0])
    made = ag.source(f, w, m, wrt="w")
    for other in (m, -m, np.array([-1.0, 1.0, 1.0, 1.0, 1.0])):
        value, gradient = ag.value_and_grad(f)(w, other)
        np.testing.assert_allclose(made(w, other)[0], value)
        np.testing.assert_allclose(made(w, other)[1], gradient)


def test_source_raises_where_a_number_in_it_is_that_of_its_example():
    w, m, other = np.array([0.3, 0.5, 0.7]), np.array([1.0, 0.0, 1.0]), np.array([1.0, 1.0, 1.0])
    for f in (
        lambda w, m: np.sum(w[m > 0] ** 2) / len(w[m > 0]),
        lambda w, m: np.var(w[m > 0]),
        lambda w, m: sum(w[k] ** 2 for k in np.nonzero(m)[0]),
    ):
        made = ag.source(f, w, m)
        np.testing.assert_allclose(made(w, m)[1], ag.grad(f)(w, m))
        with pytest.raises(ValueError, match="for masks that choose as many entries as in its example"):
            made(w, other)
    for f in (lambda w, m: np.mean(w[np.flatnonzero(m)] ** 2), lambda w, m: np.mean(w[np.argwhere(m)[:, 0]] ** 2)):
        with pytest.raises(ValueError, match="this source is for m = "):
            ag.source(f, w, m)(w, other)


def test_rows_of_an_identity_matrix_are_taken_at_negative_labels_and_at_none_outside():
    def chosen(W, y):
        return np.sum(np.eye(3)[y] * W)

    W = np.arange(6.0).reshape(2, 3)
    for made in (ag.source(chosen, W, np.array([0, -1])), ag.source(chosen, W, np.array([0, 2]))):
        for y in (np.array([0, -1]), np.array([-3, 1])):
            assert made(W, y)[0] == chosen(W, y)
        with pytest.raises(IndexError):
            made(W, np.array([0, 3]))
