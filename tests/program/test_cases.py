"""Branches on the values of a traced function: both sides are recorded, or the one that was taken is kept."""

import numpy as np
import pytest

import autograd_lite as ag


def cox(beta, Z, time, died):
    total = 0.0
    for i in range(len(time)):
        if died[i] == 0:
            continue
        at_risk = 0.0
        for j in range(len(time)):
            if time[j] >= time[i]:
                at_risk += np.exp(Z[j] @ beta)
        total += Z[i] @ beta - np.log(at_risk)
    return -total


def rho(r, delta):
    if abs(r) <= delta:
        return 0.5 * r * r
    return delta * (abs(r) - 0.5 * delta)


def huber(w, x, y, delta):
    loss = 0
    for i in range(len(y)):
        loss = loss + rho(y[i] - x[i] * w, delta)
    return loss


def pinball(q, y, tau):
    total = 0.0
    for value in y:
        r = value - q
        if r >= 0:
            total = total + tau * r
        else:
            total = total - (1 - tau) * r
    return total


def hinge(W, x, label):
    s, loss = W @ x, 0.0
    for j in range(len(s)):
        if j == label:
            continue
        margin = 1 - s[label] + s[j]
        if margin > 0:
            loss = loss + margin
    return loss


def ranking(s, relevance):
    pairs = [(i, j) for i in range(len(s)) for j in range(len(s)) if i != j]
    return sum(np.log(1 + np.exp(s[j] - s[i])) for i, j in pairs if relevance[i] > relevance[j] + 0.5)


def tree(leaf, x):
    total = 0.0
    for a in x:
        if a < -1:
            value = leaf[0]
        elif -1 <= a < 0.5 and not (a < 0.1 and a > -0.1):
            value = leaf[1]
        else:
            value = leaf[2] if a > 1 or a == 0 else max(0.1, leaf[3])
        total += value**2
    return total


def perceptron(w, X, y):
    for x, t in zip(X, y, strict=True):
        if t * (w @ x) <= 0:
            w = w + 0.5 * t * x
    return np.sum(w**2)


RNG = np.random.default_rng(0)
EXAMPLES = [
    (cox, (RNG.normal(size=2), RNG.normal(size=(4, 2)), RNG.normal(size=4), np.array([1, 1, 0, 1]))),
    (huber, (0.4, RNG.normal(size=4), 2 * RNG.normal(size=4), 0.7)),
    (pinball, (0.1, RNG.normal(size=5), 0.3)),
    (hinge, (RNG.normal(size=(3, 2)), RNG.normal(size=2), np.array(1))),
    (ranking, (RNG.normal(size=3), np.array([2.0, 0.0, 1.0]))),
    (tree, (RNG.normal(size=4), np.array([-2.0, -0.5, 0.0, 0.7, 2.0]))),
    (perceptron, (RNG.normal(size=2), RNG.normal(size=(3, 2)), np.array([1, -1, 1]))),
]


@pytest.mark.parametrize(("f", "args"), EXAMPLES, ids=lambda x: getattr(x, "__name__", ""))
def test_both_sides_are_recorded(f, args):
    program, source = ag.trace(f, *args), ag.source(f, *args)
    for seed in range(5):
        rng = np.random.default_rng(seed)
        near = [x + rng.normal(size=np.shape(x)) if np.asarray(x).dtype.kind == "f" else x for x in args]
        assert np.isclose(program(*near), f(*near), rtol=1e-12)
        assert np.isclose(source(*near)[0], f(*near), rtol=1e-12)


def until(w, x, tol):
    before = 10.0
    for _ in range(20):
        w = w - 0.2 * (w - x)
        loss = np.sum((w - x) ** 2)
        if before - loss < tol:
            break
        before = loss
    return loss


def test_what_no_choice_expresses_stays_as_it_was():
    args = np.array([1.0, -2.0]), np.array([0.5, 0.5]), 0.1
    program = ag.trace(until, *args)
    assert [v.name for v in program.deciding()] == ["w", "x", "tol"]
    assert [v.name for v in program.learned] == ["w", "x"]
    assert np.isclose(program(*args), until(*args))
    with pytest.raises(ValueError, match=r"until branches on its arguments, and was traced with others in .*: trace"):
        program(args[0], args[1], 1e-9)
    with pytest.raises(ValueError, match=r"this source is for tol = 0\.1"):
        ag.source(until, *args)(args[0], args[1], 1e-9)
    with pytest.raises(RuntimeError, match=r"bool\(\) of a value that depends on the traced inputs"):
        ag.jit(until)(*args)


def entropy(p, labels):
    counts = {}
    for k in labels:
        counts[k] = counts.get(k, 0) + 1
    return sum(c * np.log(c) * p[k] for k, c in counts.items())


def test_labels_in_a_dict_are_numbers():
    args = np.array([0.5, 0.25]), np.array([0, 1, 0])
    assert ag.trace(entropy, *args)(*args) == entropy(*args) == np.log(2)


class Loss:
    def __init__(self, limit):
        self.limit = limit

    def of(self, w, games):
        total = 0.0
        for a, b, result in games:
            p = 1 / (1 + np.exp(w[b] - w[a]))
            total -= np.log(p) if result == 1 else np.log(1 - p)
            best = w[0]
            if w[a] > best:
                best = w[a]
            total += best
        return total


def test_a_method_and_the_variables_of_a_row():
    w, games = np.array([0.5, -0.3, 0.7]), np.array([[0, 1, 1], [1, 2, 0]])
    program = ag.trace(Loss(0.5).of, w, games)
    assert not program.deciding()
    assert np.isclose(program(w[::-1], games[:, ::-1] // 1 % 3), Loss(0.5).of(w[::-1], games[:, ::-1] // 1 % 3))
    text = " ".join(str(program.explain("w")).split())
    assert "cₜ = w[aₜ]" in text
    assert "max(cₜ, " in text


def rated(w, x, rate, labels):
    kinds = set(labels)
    return sum(np.sum((w - x) ** 2) * float(rate) * k for k in kinds)


def test_numbers_of_a_list_are_those_of_the_argument():
    def chosen(P, label, words):
        return -sum(np.log(P[label, w]) for w in words.tolist())

    program = ag.trace(chosen, np.array([[0.2, 0.8], [0.6, 0.4]]), 1, np.array([0, 1, 0]))
    assert program(program.examples[program.inputs[0]], 1, np.array([1, 1, 1])) == -3 * np.log(0.4)


def test_a_sheet_says_which_branches_were_taken():
    sheet = ag.trace(until, np.array([1.0, -2.0]), np.array([0.5, 0.5]), 0.1).worksheet(wrt="w")
    assert "with the branches taken for these w0, x, tol" in str(sheet)


def test_a_value_that_is_taken_has_no_derivative():
    args = 2.0, 1.0, 0.5, np.array([1, 2, 1])
    program = ag.trace(rated, *args)
    assert [v.name for v in program.learned] == ["w", "x"]
    assert np.isclose(program(*args), rated(*args))
    with pytest.raises(ValueError, match="expected wrt to be names among w, x, got rate"):
        program.explain("rate")
