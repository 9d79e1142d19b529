"""The talk's first half: data that no plane separates, a net that does, and the same net on digits.

Each section is a function of the seed that prints its slide. The claims of a slide are computed when it is printed; if
one fails, the section raises an error instead of printing a wrong slide.
"""

import ast
import inspect
import itertools
import textwrap
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from autograd_lite.data import Split, digits, truth_table
from autograd_lite.talk import by_engine, by_hand, slide
from autograd_lite.talk.by_engine import tensors
from autograd_lite.talk.training import (
    AGREEMENT,
    Floats,
    accuracy,
    difference,
    epochs,
    half_squared_error,
    normal_weights,
    scaled_weights,
    table_weights,
)

Start = Callable[[np.random.Generator, int, int, int], tuple[Floats, Floats]]

DIGITS_NET = 64, 50, 10
STARTS = 5  # the number of seeds for comparing the two kinds of initial weights


def why_a_net(seed: int) -> None:
    """A truth table, and the proof that logistic regression cannot learn it."""
    slide.heading("A task for a neural net")
    X, Y = truth_table()
    row = slide.table(-4, -4, -4, -6)
    row("X1", "X2", "X3", "y")
    for bits in np.hstack([X, Y]).astype(int):
        row(*bits)
    print()
    a, b, c, d = (point(x) for x in no_plane(X, Y))
    slide.say(
        """Logistic regression predicts 1 where s(x) = b + w1 x1 + w2 x2 + w3 x3 is positive, and 0 elsewhere.
        No b, w1, w2 and w3 make it right on this table, because two of its ones and two of its zeros have the same
        sum:"""
    )
    print(f"    {a} + {b}  =  {c} + {d}")
    print(f"    {'y = 1':^9}   {'y = 1':^9}     {'y = 0':^9}   {'y = 0':^9}".rstrip() + "\n")
    slide.say("s is linear plus a constant, which occurs twice on either side. So for any b and w")
    print(f"    s{a} + s{b} = s{c} + s{d}\n")
    slide.say(
        """If the predictions are right, both terms on the left are positive, and so is their sum; neither term on
        the right is positive, nor is their sum. But the two sums are equal. The data needs better features, and a
        net's hidden layer learns them."""
    )


def no_plane(X: Floats, Y: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Two examples of class 1 and two of class 0 with the same sum, which prove that no plane separates the classes.

    A plane that separates the classes is an affine score that is positive exactly on class 1. Its sum over the first
    pair would be positive, and over the second pair not, but the two sums are equal.

    Raises
    ------
    ValueError
        If there are no such four. The classes may still be inseparable; this proof does not decide.
    """
    ones, zeros = X[Y[:, 0] == 1], X[Y[:, 0] == 0]
    for a, b in itertools.combinations(ones, 2):
        for c, d in itertools.combinations(zeros, 2):
            if np.array_equal(a + b, c + d):
                return a, b, c, d
    raise ValueError("no two examples of class 1 have the sum of two examples of class 0")


def point(x: Floats) -> str:
    """An example of the truth table as a tuple.

    >>> point(np.array([1.0, 0.0, 0.0]))
    '(1, 0, 0)'
    """
    return f"({', '.join(str(int(bit)) for bit in x)})"


def first_example(seed: int) -> None:
    """Every named quantity of the talk for its first example: by hand and by the engine."""
    slide.heading("One example through the net, and back")
    X, Y = truth_table()
    x, y = X[:1], Y[:1]
    V, W = table_weights(seed)
    slide.say(
        f"""The first example is x = {point(x[0])}, y = {int(y[0, 0])}. V and W are drawn from the
        standard normal distribution (seed {seed}); V has a row for each feature and a column for each
        hidden unit."""
    )
    slide.side_by_side([["V ="], slide.matrix(V), ["W ="], slide.matrix(W)])
    print()
    slide.say(
        """On the left each quantity as derived by hand, in plain NumPy; on the right that of the engine, which
        has the five steps A, B, C, P, L and derives the rest. @ is the matrix product, * is elementwise."""
    )
    hand = by_hand.quantities(x, y, V, W)
    engine = by_engine.quantities(x, y, *tensors(V, W))
    largest = compare(hand, engine)
    print()
    slide.say(
        f"""Largest difference: {largest:.1e} (above {AGREEMENT:.0e} this section raises an error). dLdW and dLdV have
        the shapes of W and V, for the update: W -= dLdW, V -= dLdV."""
    )


def compare(hand: dict[str, Floats], engine: dict[str, Floats]) -> float:
    """Print each quantity by hand beside the engine's, and return the largest difference.

    Raises
    ------
    ArithmeticError
        If a quantity differs by more than `AGREEMENT`, or in its shape.
    """
    row = slide.table(4, 20, 29, 29, -7)
    formula = formulas()
    largest = 0.0
    row("", "", "by hand", "by the engine", "differ")
    for name, array in hand.items():
        if engine[name].shape != array.shape:
            raise ArithmeticError(f"{name}: {array.shape} by hand, {engine[name].shape} by the engine")
        distance = difference(f"{name}: by hand and by the engine", (array, engine[name]))
        largest = max(largest, distance)
        columns = (
            [name],
            textwrap.wrap(f"= {formula[name]}", 20, subsequent_indent="  "),
            slide.matrix(array),
            slide.matrix(engine[name]),
            [f"{distance:.1e}"],
        )
        for cells in itertools.zip_longest(*columns, fillvalue=""):
            row(*cells)
    return largest


def formulas() -> dict[str, str]:
    """The right-hand sides in `by_hand.quantities`, so that the slide shows the code that ran.

    >>> formulas()["dPdC"]
    'P * (1 - P)'
    """
    source = inspect.getsource(by_hand.quantities)
    steps = [step for step in ast.walk(ast.parse(source)) if isinstance(step, ast.Assign)]
    return {ast.unparse(step.targets[0]): ast.get_source_segment(source, step.value) or "" for step in steps}


def learn_truth_table(seed: int) -> None:
    """500 epochs on the truth table: losses, predictions, and the same by hand."""
    slide.heading("500 epochs on the truth table")
    slide.say(
        """An epoch takes the eight examples in order and updates V and W after each. The loss is the mean over
        the eight."""
    )
    X, Y = truth_table()
    start = table_weights(seed)
    V, W = tensors(*start)
    row = slide.table(-7, -8)
    row("epoch", "loss")
    for epoch in epochs(by_engine.update, V, W, X, Y, 500):
        if epoch % 50 == 0:
            loss = half_squared_error(by_engine.predict(X, V, W), Y)
            row(epoch, f"{loss:.4f}")
    print()

    P = by_engine.predict(X, V, W)
    row = slide.table(-4, -4, -4, -8, -11)
    row("X1", "X2", "X3", "actual", "predicted")
    for x, y, p in zip(X.astype(int), Y[:, 0], P[:, 0], strict=True):
        row(*x, f"{y:.1f}", f"{p:.2f}")
    print(f"\nAccuracy: {accuracy(P, Y)}\n")

    V_hand, W_hand = start
    for _ in epochs(by_hand.update, V_hand, W_hand, X, Y, 500):
        pass
    largest = max(np.max(np.abs(V.numpy() - V_hand)), np.max(np.abs(W.numpy() - W_hand)))
    slide.say(
        f"""The updates derived by hand lead from the same initial weights to the same result: after 4,000 of them
        the largest difference is {largest:.1e}."""
    )


def learn_digits(seed: int) -> None:
    """The same net with 50 hidden units and 10 outputs on handwritten digits."""
    slide.heading("The same net on handwritten digits")
    data = digits()
    slide.say(
        f"""64 pixels, 50 hidden units, 10 outputs. {len(data.X_train):,} digits for training, in a new order in each
        epoch, and {len(data.X_test)} for testing. The code is the same, but the initial weights are smaller."""
    )
    rng = np.random.default_rng(seed)
    V, W = tensors(*scaled_weights(rng, *DIGITS_NET))
    Y_train, Y_test = one_hot(data.y_train), one_hot(data.y_test)
    row = slide.table(-7, -8, -15)
    row("epoch", "loss", "test accuracy")
    for epoch in epochs(by_engine.update, V, W, data.X_train, Y_train, 10, rng):
        loss = half_squared_error(by_engine.predict(data.X_train, V, W), Y_train)
        right = accuracy(by_engine.predict(data.X_test, V, W), Y_test)
        row(epoch, f"{loss:.4f}", f"{right:.3f}")
    print(f"\nAccuracy on the test digits: {100 * right:.1f} percent (the talk, on MNIST: 95.0)\n")

    read = by_engine.predict(data.X_test, V, W).argmax(axis=1)
    shown = [*np.flatnonzero(read == data.y_test)[:2], *np.flatnonzero(read != data.y_test)[:2]]
    captions = [f"a {data.y_test[i]}, read as {read[i]}" for i in shown]
    pictures = [slide.picture(data.X_test[i].reshape(8, 8)) for i in shown]
    slide.side_by_side([[caption, *lines] for caption, lines in zip(captions, pictures, strict=True)])
    print()


def compare_starts(seed: int) -> None:
    """Why the initial weights are smaller there: with the talk's own, an output can get stuck."""
    slide.heading("Why the initial weights are smaller")
    slide.say(
        f"""The talk draws each weight from the standard normal distribution. For the digits that is too large: an
        output sums 50 hidden units, and where such a sum is far from 0 the sigmoid is flat. Here the net is trained
        from {STARTS} seeds with both kinds of initial weights, by the updates derived by hand."""
    )
    data = digits()
    seeds = range(seed, seed + STARTS)
    row = slide.table(36, *[-7] * STARTS)
    row("seed", *seeds)
    starts: dict[str, Start] = {"standard normal": normal_weights, "divided by the root of the inputs": scaled_weights}
    for title, start in starts.items():
        row(title)
        runs = [learn_by_hand(np.random.default_rng(s), start, data) for s in seeds]
        before, after = zip(*runs, strict=True)
        right = [np.mean(P.argmax(axis=1) == data.y_test) for P in after]
        missed = [mostly_missed(P, data.y_test) for P in after]
        row("  initial outputs that are flat", *(f"{flat(P):.0%}" for P in before))
        row("  test accuracy after 10 epochs", *(f"{share:.3f}" for share in right))
        row("  digits mostly missed", *(" ".join(map(str, d)) or "-" for d in missed))
    print()
    slide.say(
        """Flat means that the slope P (1 - P) is below a fifth of its maximum. The slope is a factor of every
        gradient: an output that early updates drive to 0 for all images hardly changes any more, and its digit is
        missed."""
    )


def mostly_missed(P: Floats, labels: NDArray[np.int64]) -> list[int]:
    """The digits of which fewer than half are classified correctly."""
    right = P.argmax(axis=1) == labels
    return [digit for digit in range(10) if np.mean(right[labels == digit]) < 0.5]


def learn_by_hand(rng: np.random.Generator, start: Start, data: Split) -> tuple[Floats, Floats]:
    """The outputs for the test digits before and after ten epochs of the updates derived by hand."""
    V, W = start(rng, *DIGITS_NET)
    before = by_hand.predict(data.X_test, V, W)
    for _ in epochs(by_hand.update, V, W, data.X_train, one_hot(data.y_train), 10, rng):
        pass
    return before, by_hand.predict(data.X_test, V, W)


def one_hot(labels: NDArray[np.int64]) -> Floats:
    """A row of ten targets for each digit: 1 in the digit's column, 0 elsewhere."""
    return np.eye(10)[labels]


def flat(P: Floats) -> float:
    """The fraction of outputs at which the slope of the sigmoid is less than a fifth of its maximum, 1/4."""
    return float(np.mean(P * (1 - P) < 0.05))
