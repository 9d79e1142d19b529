"""The talk's first half: a task that no plane can do, a net that can, and the same net reading digits.

Each section is a function of the seed that prints its slide. What a slide claims is computed as it is
printed; where a claim could fail, the section stops with an error rather than print a wrong slide.
"""

import ast
import inspect
import itertools
import textwrap
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

import autograd_lite as ag
from autograd_lite.data import Split, digits, truth_table
from autograd_lite.talk import by_engine, by_hand, slide
from autograd_lite.talk.training import accuracy, epochs, half_squared_error, normal_weights, scaled_weights

Floats = NDArray[np.float64]
Start = Callable[[np.random.Generator, int, int, int], tuple[Floats, Floats]]

AGREEMENT = 1e-12  # how closely the engine must meet the derivation by hand
TABLE_NET = 3, 4, 1
DIGITS_NET = 64, 50, 10
STARTS = 5  # seeds from which the two starts are compared


def why_a_net(seed: int) -> None:
    """A truth table to learn, and the proof that logistic regression cannot."""
    slide.heading("A task for a neural net")
    X, Y = truth_table()
    widths = (-4, -4, -4, -6)
    slide.row("X1", "X2", "X3", "y", widths=widths)
    for bits in np.hstack([X, Y]).astype(int):
        slide.row(*bits, widths=widths)
    print()
    a, b, c, d = (point(x) for x in no_plane(X, Y))
    slide.say(
        """Logistic regression says 1 where s(x) = b + w1 x1 + w2 x2 + w3 x3 is positive, and 0 elsewhere.
        No choice of b, w1, w2 and w3 makes it right on this table, for two of its ones and two of its
        zeros have the same sum:"""
    )
    print(f"    {a} + {b}  =  {c} + {d}")
    print(f"    {'y = 1':^9}   {'y = 1':^9}     {'y = 0':^9}   {'y = 0':^9}".rstrip() + "\n")
    slide.say("s is linear but for its constant, which either side has twice. So, whatever b and w are,")
    print(f"    s{a} + s{b} = s{c} + s{d}\n")
    slide.say(
        """To be right, both terms on the left must be positive, hence their sum; neither term on the right
        may be, hence not their sum. But the two sums are one number. Better features are needed than the
        table has, and a net's hidden layer learns them."""
    )


def no_plane(X: Floats, Y: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Two examples of class 1 and two of class 0 with the same sum, which prove that no plane divides them.

    A plane that divides the classes is a linear score that is positive on class 1 alone. It would have to
    be positive when summed over the first pair and not when summed over the second, and both sums are the
    same number.

    Raises
    ------
    ValueError
        If there are no such four. The classes may still be inseparable then; this proof does not say.
    """
    ones, zeros = X[Y[:, 0] == 1], X[Y[:, 0] == 0]
    for a, b in itertools.combinations(ones, 2):
        for c, d in itertools.combinations(zeros, 2):
            if np.array_equal(a + b, c + d):
                return a, b, c, d
    raise ValueError("no two examples of class 1 have the sum of two examples of class 0")


def point(x: Floats) -> str:
    """An example of the truth table as mathematics writes it.

    >>> point(np.array([1.0, 0.0, 0.0]))
    '(1, 0, 0)'
    """
    return f"({', '.join(str(int(bit)) for bit in x)})"


def first_example(seed: int) -> None:
    """Every quantity that the talk names, for its first example: by hand and by the engine."""
    slide.heading("One example through the net, and back")
    X, Y = truth_table()
    x, y = X[:1], Y[:1]
    V, W = normal_weights(np.random.default_rng(seed), *TABLE_NET)
    slide.say(
        f"""The first example is x = {point(x[0])}, y = {int(y[0, 0])}. V and W are drawn from the
        standard normal distribution (seed {seed}); V has a row for each feature and a column for each
        hidden unit."""
    )
    slide.side_by_side([["V ="], slide.matrix(V), ["W ="], slide.matrix(W)])
    print()
    slide.say(
        """On the left each quantity as derived by hand, in NumPy alone; on the right the engine's, which
        is given the five steps A, B, C, P, L and derives the rest. @ is the matrix product, * goes
        element by element."""
    )
    hand = by_hand.quantities(x, y, V, W)
    engine = by_engine.quantities(x, y, *tensors(V, W))
    largest = compare(hand, engine)
    print()
    slide.say(
        f"""Largest difference: {largest:.1e} (an error above {AGREEMENT:.0e}). dLdW and dLdV have the shapes
        of W and V, as an update needs them: W -= dLdW, V -= dLdV."""
    )


def compare(hand: dict[str, Floats], engine: dict[str, Floats]) -> float:
    """Print each quantity by hand beside the engine's, and return the largest difference.

    Raises
    ------
    ArithmeticError
        At the first that differs by more than `AGREEMENT`, or in its shape.
    """
    widths = (4, 20, 29, 29, -7)
    formula = formulas()
    largest = 0.0
    slide.row("", "", "by hand", "by the engine", "differ", widths=widths)
    for name, array in hand.items():
        if engine[name].shape != array.shape:
            raise ArithmeticError(f"{name}: {array.shape} by hand, {engine[name].shape} by the engine")
        difference = float(np.max(np.abs(array - engine[name])))
        if not difference <= AGREEMENT:  # written so that nan fails too
            raise ArithmeticError(f"{name}: by hand and by the engine differ by {difference:.1e}")
        largest = max(largest, difference)
        columns = (
            [name],
            textwrap.wrap(f"= {formula[name]}", widths[1], subsequent_indent="  "),
            slide.matrix(array),
            slide.matrix(engine[name]),
            [f"{difference:.1e}"],
        )
        for cells in itertools.zip_longest(*columns, fillvalue=""):
            slide.row(*cells, widths=widths)
    return largest


def formulas() -> dict[str, str]:
    """The right-hand sides in `by_hand.quantities`: the slide shows the code that ran.

    >>> formulas()["dPdC"]
    'P * (1 - P)'
    """
    source = inspect.getsource(by_hand.quantities)
    steps = [step for step in ast.walk(ast.parse(source)) if isinstance(step, ast.Assign)]
    return {ast.unparse(step.targets[0]): ast.get_source_segment(source, step.value) or "" for step in steps}


def tensors(V: Floats, W: Floats) -> tuple[ag.Tensor, ag.Tensor]:
    """The weights as the engine's leaves, which are copies: the arrays stay as they are."""
    return ag.tensor(V, requires_grad=True, name="V"), ag.tensor(W, requires_grad=True, name="W")


def learn_truth_table(seed: int) -> None:
    """500 epochs on the truth table: the losses, the predictions, and the same by hand."""
    slide.heading("500 epochs on the truth table")
    slide.say(
        """An epoch goes through the eight examples in order and updates V and W after each. The loss is
        the mean over the eight."""
    )
    X, Y = truth_table()
    start = normal_weights(np.random.default_rng(seed), *TABLE_NET)
    V, W = tensors(*start)
    slide.row("epoch", "loss", widths=(-7, -8))
    for epoch in epochs(by_engine.update, V, W, X, Y, 500):
        if epoch % 50 == 0:
            loss = half_squared_error(by_engine.predict(X, V, W), Y)
            slide.row(epoch, f"{loss:.4f}", widths=(-7, -8))
    print()

    P = by_engine.predict(X, V, W)
    widths = (-4, -4, -4, -8, -11)
    slide.row("X1", "X2", "X3", "actual", "predicted", widths=widths)
    for x, y, p in zip(X.astype(int), Y[:, 0], P[:, 0], strict=True):
        slide.row(*x, f"{y:.1f}", f"{p:.2f}", widths=widths)
    print(f"\nAccuracy: {accuracy(P, Y)}\n")

    V_hand, W_hand = start
    for _ in epochs(by_hand.update, V_hand, W_hand, X, Y, 500):
        pass
    difference = max(np.max(np.abs(V.numpy() - V_hand)), np.max(np.abs(W.numpy() - W_hand)))
    slide.say(
        f"""The updates derived by hand lead from the same start to the same weights: after 4,000 of them
        the largest difference is {difference:.1e}."""
    )


def learn_digits(seed: int) -> None:
    """The same net with 50 hidden units and 10 outputs reads handwritten digits."""
    slide.heading("The same net on handwritten digits")
    data = digits()
    slide.say(
        f"""64 pixels, 50 hidden units, 10 outputs. {len(data.X_train):,} digits to learn from, in a new
        order in each epoch, and {len(data.X_test)} others as a test. The code is the same, but the
        weights start smaller."""
    )
    rng = np.random.default_rng(seed)
    V, W = tensors(*scaled_weights(rng, *DIGITS_NET))
    Y_train, Y_test = one_hot(data.y_train), one_hot(data.y_test)
    widths = (-7, -8, -15)
    slide.row("epoch", "loss", "test accuracy", widths=widths)
    for epoch in epochs(by_engine.update, V, W, data.X_train, Y_train, 10, rng):
        loss = half_squared_error(by_engine.predict(data.X_train, V, W), Y_train)
        right = accuracy(by_engine.predict(data.X_test, V, W), Y_test)
        slide.row(epoch, f"{loss:.4f}", f"{right:.3f}", widths=widths)
    print(f"\nAccuracy on the test digits: {100 * right:.1f} percent (the talk, on MNIST: 95.0)\n")

    read = by_engine.predict(data.X_test, V, W).argmax(axis=1)
    shown = [*np.flatnonzero(read == data.y_test)[:2], *np.flatnonzero(read != data.y_test)[:2]]
    captions = [f"a {data.y_test[i]}, read as {read[i]}" for i in shown]
    pictures = [slide.picture(data.X_test[i].reshape(8, 8)) for i in shown]
    slide.side_by_side([[caption, *lines] for caption, lines in zip(captions, pictures, strict=True)])
    print()


def compare_starts(seed: int) -> None:
    """Why the weights start smaller there: the talk's own start can leave an output stuck."""
    slide.heading("Why the weights start smaller")
    slide.say(
        f"""The talk draws each weight from the standard normal distribution. On the digits that is large:
        an output sums 50 hidden units, and where such a sum is far from 0 the sigmoid is flat. Here the
        digits are learned from {STARTS} seeds with either start, by the updates derived by hand."""
    )
    data = digits()
    seeds = range(seed, seed + STARTS)
    widths = (36, *[-7] * STARTS)
    slide.row("seed", *seeds, widths=widths)
    starts: dict[str, Start] = {"standard normal": normal_weights, "divided by the root of the inputs": scaled_weights}
    for title, start in starts.items():
        slide.row(title, widths=widths[:1])
        runs = [learn_by_hand(np.random.default_rng(s), start, data) for s in seeds]
        before, after = zip(*runs, strict=True)
        right = [np.mean(P.argmax(axis=1) == data.y_test) for P in after]
        missed = [mostly_missed(P, data.y_test) for P in after]
        slide.row("  first outputs on the flat", *(f"{flat(P):.0%}" for P in before), widths=widths)
        slide.row("  test accuracy after 10 epochs", *(f"{share:.3f}" for share in right), widths=widths)
        slide.row("  digits mostly missed", *(" ".join(map(str, d)) or "-" for d in missed), widths=widths)
    print()
    slide.say(
        """On the flat means that the slope P (1 - P) is below a fifth of its largest value. It is a factor of
        every gradient: an output that early updates have driven to 0 for all images hardly moves any more,
        and its digit is missed."""
    )


def mostly_missed(P: Floats, labels: NDArray[np.int64]) -> list[int]:
    """The digits of which the outputs P read fewer than half correctly."""
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
    """The share of outputs at which the sigmoid has less than a fifth of its largest slope, 1/4."""
    return float(np.mean(P * (1 - P) < 0.05))
