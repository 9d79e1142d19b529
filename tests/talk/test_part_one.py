"""The talk's first half: the engine compared with the derivation by hand, what nets learn, the proof."""

import itertools

import numpy as np
import pytest
from thorough import mostly_thorough

import autograd_lite as ag
from autograd_lite.data import digits, truth_table, xor
from autograd_lite.talk import by_engine, by_hand, part_one, slide
from autograd_lite.talk.training import accuracy, epochs, half_squared_error, normal_weights, scaled_weights

linprog = pytest.importorskip("scipy.optimize", reason="install autograd_lite[scipy]").linprog

SEEDS = range(60)


def start(seed, weights=normal_weights, net=(3, 4, 1)):
    return weights(np.random.default_rng(seed), *net)


# -- by hand and by the engine -----------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(4))
def test_every_quantity_of_every_example_is_the_same_by_hand_and_by_the_engine(seed):
    V, W = start(seed)
    for x, y in zip(*(a[:, np.newaxis] for a in truth_table()), strict=True):
        hand = by_hand.quantities(x, y, V, W)
        engine = by_engine.quantities(x, y, *part_one.tensors(V, W))
        assert engine.keys() == hand.keys()
        for name, array in hand.items():
            assert engine[name].shape == array.shape
            np.testing.assert_allclose(engine[name], array, rtol=0, atol=1e-12, err_msg=name)


def test_the_comparison_fails_on_a_wrong_number_a_nan_and_a_wrong_shape(capsys):
    x, y = (a[:1] for a in truth_table())
    hand = by_hand.quantities(x, y, *start(0))
    assert part_one.compare(hand, hand) == 0.0
    for wrong in (hand["dBdA"] + 1e-11, hand["dBdA"] * np.nan):
        with pytest.raises(ArithmeticError, match="dBdA: by hand and by the engine differ by"):
            part_one.compare(hand, hand | {"dBdA": wrong})
    with pytest.raises(ArithmeticError, match=r"dBdA: \(1, 4\) by hand, \(4, 1\) by the engine"):
        part_one.compare(hand, hand | {"dBdA": hand["dBdA"].T})


def test_every_quantity_has_its_formula_from_the_code():
    formula = part_one.formulas()
    x, y = (a[:1] for a in truth_table())
    V, W = start(1)
    at = by_hand.quantities(x, y, V, W)
    assert list(formula) == list(at)
    known = {"x": x, "y": y, "V": V, "W": W, "sigmoid": by_hand.sigmoid} | at
    for name, text in formula.items():
        assert np.array_equal(eval(text, known), at[name])


def test_short_forms_refuse_a_jacobian_that_they_would_cut():
    A = np.random.default_rng(0).standard_normal((1, 4))
    with pytest.raises(ValueError, match="not elementwise"):
        by_engine.diagonal(ag.jacobian(lambda A: A @ np.ones((4, 4)))(A))
    V = np.random.default_rng(0).standard_normal((3, 4))
    with pytest.raises(ValueError, match="does not repeat one column"):
        by_engine.repeated_column(ag.jacobian(lambda V: (np.ones((1, 3)) @ V) ** 2)(V))


# -- the truth table ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [0, 17])
def test_a_whole_training_run_is_the_same_by_hand_and_by_the_engine(seed):
    X, Y = truth_table()
    V_hand, W_hand = start(seed)
    V, W = part_one.tensors(V_hand, W_hand)
    by_hand_run = epochs(by_hand.update, V_hand, W_hand, X, Y, 500)
    by_engine_run = epochs(by_engine.update, V, W, X, Y, 500)
    for _ in zip(by_hand_run, by_engine_run, strict=True):
        np.testing.assert_allclose(V.numpy(), V_hand, rtol=0, atol=1e-11)
        np.testing.assert_allclose(W.numpy(), W_hand, rtol=0, atol=1e-11)


def test_every_seed_learns_the_truth_table():
    """Sixty nets at once: V is a stack of sixty matrices, which matmul accepts."""
    X, Y = truth_table()
    V_start, W_start = (np.stack(weights) for weights in zip(*map(start, SEEDS), strict=True))
    V, W = part_one.tensors(V_start, W_start)
    for _ in epochs(by_engine.update, V, W, X, Y, 500):
        pass
    P = by_engine.predict(X, V, W)
    assert P.shape == (60, 8, 1)
    assert [accuracy(p, Y) for p in P] == [1.0] * 60

    for seed in (0, 41):  # a net learns in the stack what it learns alone
        V, W = start(seed)
        for _ in epochs(by_hand.update, V, W, X, Y, 500):
            pass
        np.testing.assert_allclose(P[seed], by_hand.predict(X, V, W), rtol=0, atol=1e-10)


def test_epochs_go_through_the_rows_in_order_or_in_the_generators():
    X = Y = np.arange(5.0)[:, np.newaxis]
    seen = []
    numbers = list(epochs(lambda V, W, x, y: seen.append((V, W, x.item(), y.item())), "V", "W", X, Y, 2))
    assert numbers == [0, 1, 2]
    assert seen == [("V", "W", i, i) for i in [0, 1, 2, 3, 4] * 2]

    seen.clear()
    list(epochs(lambda V, W, x, y: seen.append(x.item()), "V", "W", X, Y, 2, np.random.default_rng(0)))
    assert sorted(seen[:5]) == sorted(seen[5:]) == [0, 1, 2, 3, 4]
    assert seen[:5] != seen[5:]


def test_scores():
    Y = np.array([[1.0], [0.0], [1.0], [0.0]])
    assert accuracy(np.array([[0.9], [0.4], [0.2], [0.1]]), Y) == 0.75
    assert accuracy(np.array([[0.1, 0.3], [0.9, 0.8]]), np.eye(2)) == 0.0
    assert half_squared_error(np.array([[0.0, 1.0], [0.0, 1.0]]), np.eye(2)) == 0.5


# -- the proof ---------------------------------------------------------------------------------------------


def separable(X, Y):
    """Whether a plane separates the classes: a score of at least 1 on class 1, and at most -1 on class 0."""
    sign = 1 - 2 * Y
    scores = np.hstack([X, np.ones_like(Y)])
    free = (None, None)
    return linprog(np.zeros(scores.shape[1]), sign * scores, -np.ones(len(Y)), bounds=free).status == 0


@pytest.mark.parametrize("table", [truth_table, xor])
def test_no_plane_is_a_proof(table):
    X, Y = table()
    a, b, c, d = part_one.no_plane(X, Y)
    of = {tuple(x): y.item() for x, y in zip(X, Y, strict=True)}
    assert [of[tuple(x)] for x in (a, b, c, d)] == [1, 1, 0, 0]
    assert np.array_equal(a + b, c + d)
    assert not separable(X, Y)


def test_no_plane_never_proves_what_is_false():
    """Every truth table of three bits: a proof if no plane separates it, an error if one does."""
    X, _ = truth_table()
    proved = refused = 0
    for answers in itertools.product([0.0, 1.0], repeat=8):
        Y = np.array(answers)[:, np.newaxis]
        if separable(X, Y):
            refused += 1
            with pytest.raises(ValueError, match="no two examples"):
                part_one.no_plane(X, Y)
        else:
            proved += 1
            part_one.no_plane(X, Y)
    assert (proved, refused) == (256 - 104, 104)  # 104 of the 256 are threshold functions


# -- the digits --------------------------------------------------------------------------------------------


def test_the_digits_net_is_the_same_by_hand_and_by_the_engine():
    data = digits()
    X, Y = data.X_train[:300], part_one.one_hot(data.y_train[:300])
    V_hand, W_hand = start(5, scaled_weights, part_one.DIGITS_NET)
    V, W = part_one.tensors(V_hand, W_hand)
    list(epochs(by_hand.update, V_hand, W_hand, X, Y, 1))
    list(epochs(by_engine.update, V, W, X, Y, 1))
    np.testing.assert_allclose(V.numpy(), V_hand, rtol=0, atol=1e-12)
    np.testing.assert_allclose(W.numpy(), W_hand, rtol=0, atol=1e-12)


@pytest.mark.parametrize("seed", mostly_thorough(range(10, 14)))
def test_the_digits_are_learned_from_the_scaled_start(seed):
    data = digits()
    before, after = part_one.learn_by_hand(np.random.default_rng(seed), scaled_weights, data)
    Y = part_one.one_hot(data.y_test)
    assert accuracy(before, Y) < 0.3
    assert accuracy(after, Y) > 0.95
    assert part_one.flat(before) < 0.01


def test_the_normal_start_puts_outputs_on_the_flat():
    X = digits().X_test
    starts = [start(seed, net=part_one.DIGITS_NET) for seed in range(5)]
    assert min(part_one.flat(by_hand.predict(X, V, W)) for V, W in starts) > 0.2


def test_the_normal_start_can_leave_an_output_stuck():
    """Seed 3: the output for 0 ends near 0 for every image, so no 0 is classified correctly."""
    data = digits()
    _, after = part_one.learn_by_hand(np.random.default_rng(3), normal_weights, data)
    assert part_one.mostly_missed(after, data.y_test) == [0]
    assert after[:, 0].max() < 0.05
    assert after[:, 1:].max(axis=0).min() > 0.9


def test_mostly_missed_counts_per_digit():
    labels = np.arange(10).repeat(4)
    P = part_one.one_hot(labels)
    P[np.flatnonzero(labels == 7)[:3]] = part_one.one_hot(np.array([1, 2, 3]))  # 1 of 4 right
    P[np.flatnonzero(labels == 8)[:2]] = part_one.one_hot(np.array([1, 2]))  # 2 of 4 right
    assert part_one.mostly_missed(P, labels) == [7]


# -- slides ------------------------------------------------------------------------------------------------


def test_matrices_line_up_and_have_no_negative_zero():
    lines = slide.matrix(np.array([[-1e-9, 1.0], [-0.25, 12.5]]), digits=2)
    assert lines == ["[ 0.00  1.00]", "[-0.25 12.50]"]


def test_pictures_go_from_paper_to_ink():
    assert slide.picture(np.array([[0.0, 0.5, 1.0]])) == ["  ==@@"]


def test_blocks_stand_side_by_side(capsys):
    slide.side_by_side([["a", "bb"], ["c"], ["d", "e", "f"]], gap=1)
    assert capsys.readouterr().out == "a  c d\nbb   e\n     f\n"
