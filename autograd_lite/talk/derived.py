"""The talk's derivation and its function `learn`, both written by the library from the five steps of the net.

The forward pass is `by_engine.forward`, and everything printed comes from its graph.
"""

import textwrap
from typing import Any

import numpy as np

import autograd_lite as ag
from autograd_lite.data import truth_table
from autograd_lite.talk import by_engine, by_hand, slide
from autograd_lite.talk.training import AGREEMENT, TABLE_NET, difference, table_weights


def write_derivation(seed: int) -> None:
    """The derivation of dLdW and dLdV, step by step, as the library writes it."""
    slide.heading("The derivation, written by the library")
    slide.say(
        """From the graph of the five steps and the table of derivatives: each step, the chain rule, each factor with
        its step, the numbers, and for each gradient a check, which compares the slope of the loss along one
        direction with a difference quotient."""
    )
    print(textwrap.indent(derivation(seed).text(ascii=True), "    "))


def derivation(seed: int) -> Any:
    """The derivation for the talk's first example; the documentation uses it too."""
    names = by_engine.first_example(seed)
    return ag.explain(names["L"], [names["W"], names["V"]], names=names)


def write_learn(seed: int) -> None:
    """The function learn, forward and backward, as the library writes it in plain NumPy."""
    slide.heading("The function learn, written by the library")
    source = learn_source()
    slide.say(
        """The same graph as source code: a function that needs only NumPy. Like the talk's own it updates V and W in
        place, with a learning rate lr, which is 1 in the talk."""
    )
    print(textwrap.indent(str(source), "    "))
    X, Y = truth_table()
    V, W = table_weights(seed)
    V_hand, W_hand = V.copy(), W.copy()
    for x, y in zip(X[:, np.newaxis], Y[:, np.newaxis], strict=True):
        source(x, y, V, W, 1.0)
        by_hand.update(V_hand, W_hand, x, y)
    largest = difference("learn, as written, and the updates by hand", (V, V_hand), (W, W_hand))
    slide.say(
        f"""After one pass over the truth table with this function and one with the updates derived by hand, the
        weights differ by at most {largest:.1e} (above {AGREEMENT:.0e} this section raises an error)."""
    )


def learn_source() -> Any:
    """`learn` for the talk's net, with the update."""

    def learn(x: Any, y: Any, V: Any, W: Any) -> Any:
        A, B, C, P, L = by_engine.forward(x, y, V, W)  # noqa: RUF059 - the lines are called after these
        return L

    inputs, hidden, outputs = TABLE_NET
    example = [np.zeros(shape) for shape in ((1, inputs), (1, outputs), (inputs, hidden), (hidden, outputs))]
    return ag.source(learn, *example, wrt=["W", "V"], update="lr")
