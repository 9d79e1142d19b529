"""Past defects of the engine that gave a wrong gradient without a word: each pinned by the shortest program."""

from __future__ import annotations

import numpy as np
import pytest

import autograd_lite as ag


def leaf(value, **options):
    return ag.tensor(value, requires_grad=True, **options)


def test_a_hook_that_writes_is_seen_by_the_rest_of_the_same_walk():
    W, x = leaf([2.0, 3.0], name="W"), leaf([1.0, 1.0])
    h = W * x
    y = h * h

    def update(g):
        with ag.no_grad():
            W[...] = 100.0

    y.register_hook(update)
    with pytest.raises(RuntimeError, match="'W'.* has changed since multiply used it"):
        y.sum().backward()


def test_a_captured_tensor_made_from_another_counts_once_through_a_checkpoint():
    def gradients(wrap):
        W = leaf([1.0, 2.0])
        s = W.sum()
        wrap(lambda x: np.sin(x * W * s))(np.array([3.0, 4.0])).sum().backward()
        return W.grad.data

    assert np.allclose(gradients(ag.checkpoint), gradients(lambda f: f), rtol=1e-14)


def test_a_hook_on_a_captured_tensor_is_called_once_through_a_checkpoint():
    W, calls = leaf(2.0), []
    h = W * 1.0
    h.register_hook(lambda g: calls.append(g.item()) or g * 10)
    W.register_hook(lambda g: calls.append(g.item()) or g * 10)
    (ag.checkpoint(lambda x: x * W)(ag.tensor(3.0)) + ag.checkpoint(lambda x: x * h)(ag.tensor(5.0))).backward()
    assert calls == [5.0, 53.0]
    assert W.grad.item() == 530.0


@pytest.mark.parametrize("into", [np.zeros(2), ag.tensor([1.0, 2.0]), leaf([1.0, 2.0])])
def test_a_positional_out_is_refused(into):
    before = np.array(ag.tensor(into.detach() if isinstance(into, ag.Tensor) else into))
    x = leaf([1.0, 2.0])
    for call in (lambda: ag.exp(x, into), lambda: ag.add(x, x, into)):
        with pytest.raises(TypeError, match="would be written into"):
            call()
    assert np.array_equal(into.data if isinstance(into, ag.Tensor) else into, before)
