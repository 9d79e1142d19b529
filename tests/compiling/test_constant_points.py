"""A transform inside a recorded function, at a point that does not depend on the function's arguments.

What the transform computes may depend on them all the same. So it is recorded, and computed again at every call: each
function here is recorded at one argument, called with another one, and compared with eager code.
"""

from __future__ import annotations

import numpy as np
import pytest
from thorough import mostly_thorough

import autograd_lite as ag
from autograd_lite.base.tree import leaves

ARRAY, TENSOR = np.array([2.0, 1.5]), ag.tensor([2.0, 1.5])
PARAMETER = ag.tensor([2.0, 1.5], requires_grad=True)
POINTS = {
    "a number": lambda w: 2.0, "an array": lambda w: ARRAY, "a Tensor": lambda w: TENSOR,
    "a parameter": lambda w: PARAMETER, "the argument": lambda w: w * 1.0,
}  # fmt: skip


def total(w):
    return lambda x: np.sum(x * x * x * w)


def entries(w):
    return lambda x: x * x * np.sin(w * x)


def ones(x):
    return np.ones(np.shape(x))


def leaf(x):
    values = x.detach() if isinstance(x, ag.Tensor) else x
    return ag.tensor(values, dtype=float, requires_grad=True)


def by_backward(x, w):
    v = leaf(x)
    (v * v * np.mean(w)).sum().backward()
    return v.grad


def by_backward_from_the_argument(x, w):
    v = leaf(x)
    (v * v).backward(gradient=np.zeros(v.shape) + np.mean(w))
    return v.grad


def by_autograd_grad(x, w):
    v = leaf(x)
    return ag.autograd.grad(v * v, v, np.zeros(v.shape) + np.mean(w))[0]


def by_hook(x, w):
    v = leaf(x)
    y = v * v
    y.register_hook(lambda g: g * np.mean(w))
    y.sum().backward()
    return v.grad


def newton(x, w):
    x = x * 1.0 + 3
    for _ in range(3):
        value, slope = ag.value_and_grad(lambda x: np.sum(x * x - w * w))(x)
        x = x - value / (np.sum(slope) + 5)
    return x


TRANSFORMS = {
    "grad": lambda x, w: ag.grad(total(w))(x),
    "grad of grad": lambda x, w: ag.grad(lambda x: np.sum(ag.grad(total(w))(x)))(x),
    "value_and_grad": lambda x, w: ag.value_and_grad(total(w))(x),
    "value_and_grad, value only": lambda x, w: ag.value_and_grad(lambda x: np.sum(w * w))(x),
    "grad, has_aux": lambda x, w: ag.grad(lambda x: (np.sum(x * x), x * w), has_aux=True)(x),
    "grad, stop_gradient": lambda x, w: ag.grad(lambda x: np.sum(x * ag.stop_gradient(x * w)))(x),
    "vjp": lambda x, w: ag.vjp(total(w), x)[1](1.0),
    "vjp from the argument": lambda x, w: ag.vjp(lambda x: x * x, x)[1](ones(x) * np.sum(w)),
    "jvp": lambda x, w: ag.jvp(entries(w), (x,), (ones(x),)),
    "jvp along the argument": lambda x, w: ag.jvp(lambda x: x * x, (x,), (ones(x) * np.sum(w),)),
    "jacrev": lambda x, w: ag.jacrev(entries(w))(x),
    "jacfwd": lambda x, w: ag.jacfwd(entries(w))(x),
    "hessian": lambda x, w: ag.hessian(total(w))(x),
    "hvp": lambda x, w: ag.hvp(total(w))(x, ones(x)),
    "checkpoint": lambda x, w: ag.checkpoint(entries(w))(x),
    "grad of checkpoint": lambda x, w: ag.grad(lambda x: np.sum(ag.checkpoint(entries(w))(x)))(x),
    "jit": lambda x, w: ag.jit(entries(w))(x),
    "grad of jit": lambda x, w: ag.grad(ag.jit(total(w)))(x),
    "vmap": lambda x, w: ag.vmap(entries(w))(np.stack([x, x])),
    "vmap of grad": lambda x, w: ag.vmap(ag.grad(total(w)))(np.stack([x, x])),
    "vmap of checkpoint": lambda x, w: ag.vmap(ag.checkpoint(entries(w)))(np.stack([x, x])),
    "vmap of jacfwd": lambda x, w: ag.vmap(ag.jacfwd(entries(w)))(np.stack([x, x])),
    "backward": by_backward, "backward from the argument": by_backward_from_the_argument,
    "autograd.grad": by_autograd_grad, "a hook": by_hook, "Newton's iteration": newton,
}  # fmt: skip


def summed(f):
    return lambda w: sum(np.sum(np.sin(y)) for y in leaves(f(w)))


def of_both(f):
    """As vmap of `f` on two arguments, by a loop."""
    return lambda w: list(map(np.stack, zip(*map(raw_leaves, (f(w), f(w + 1))), strict=True)))


def raw_leaves(tree):
    return [y.detach().numpy() if isinstance(y, ag.Tensor) else y for y in leaves(tree)]


#: From a function to a pair: something recorded at its first argument, and the same eagerly.
OUTER = {
    "jit": lambda f: (ag.jit(f), f),
    "trace": lambda f: (Traced(f), f),
    "vmap": lambda f: (lambda w: ag.vmap(f)(np.stack([w, w + 1])), of_both(f)),
    "vmap of jit": lambda f: (lambda w: ag.vmap(ag.jit(f))(np.stack([w, w + 1])), of_both(f)),
    "jit of vmap": lambda f: (ag.jit(lambda w: ag.vmap(f)(np.stack([w, w + 1]))), of_both(f)),
    "grad of jit": lambda f: (ag.grad(summed(ag.jit(f))), ag.grad(summed(f))),
    "jit of grad": lambda f: (ag.jit(ag.grad(summed(f))), ag.grad(summed(f))),
    "jit without grad": lambda f: (ag.no_grad()(ag.jit(f)), ag.no_grad()(f)),
}  # fmt: skip


class Traced:
    """The program of a function at the first argument that it is called with."""

    def __init__(self, f):
        self.f, self.program = f, None

    def __call__(self, w):
        self.program = self.program or ag.trace(self.f)(w)
        return self.program(w)


def check(name, outer, first, second, points):
    needs_gradients = TRANSFORMS[name] in (by_backward, by_backward_from_the_argument, by_autograd_grad, by_hook)
    if outer == "jit without grad" and needs_gradients:
        return
    for point in points:
        recorded, eager = OUTER[outer](lambda w, x=POINTS[point]: TRANSFORMS[name](x(w), w))
        recorded(first)
        results, expected = raw_leaves(recorded(second)), raw_leaves(eager(second))
        for y, e in zip(results, expected, strict=True):
            np.testing.assert_allclose(y, e, rtol=1e-10, atol=1e-12, err_msg=f"at {point}")
            assert np.shape(y) == np.shape(e), point
            assert np.asarray(y).dtype == np.asarray(e).dtype, point


@pytest.mark.parametrize("name", TRANSFORMS)
@pytest.mark.parametrize("outer", mostly_thorough(OUTER, 3))
@pytest.mark.filterwarnings("ignore:vmap")
def test_it_is_computed_at_every_call(name, outer):
    check(name, outer, np.array([0.5, 0.25]), np.array([-0.7, 0.9]), POINTS)


@pytest.mark.parametrize("name", TRANSFORMS)
@pytest.mark.parametrize("outer", ["jit", "trace", "vmap"])
@pytest.mark.filterwarnings("ignore:vmap")
def test_it_is_computed_at_every_call_for_integers(name, outer):
    """Nothing can be differentiated with respect to them, but they are recorded."""
    check(name, outer, np.array([1, 3]), np.array([2, -1]), ["a number", "an array"])


def test_an_auxiliary_result_stays_connected_where_the_result_is_not():
    w = ag.tensor(3.0, requires_grad=True)
    _, aux = ag.grad(lambda x: (x * x, x * w), has_aux=True)(2.0)
    assert aux.requires_grad
    aux.backward()
    assert float(w.grad) == 2.0
