"""odeint: solutions and derivatives against those in closed form."""

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.testing import assert_gradients

odeint = ag.integrate.odeint
T = np.array([0.0, 0.5, 2.0])
Y0 = np.array([1.0, 0.2])


def pendulum(y, t, a, b):
    return [y[1], -a * np.sin(y[0]) - b * y[1] * t]


def total(a):
    return odeint(pendulum, Y0, [0.0, 0.3], (a, 0.3), rtol=1e-5, atol=1e-5).sum()


def test_solutions():
    I = pytest.importorskip("scipy.integrate")
    expected = I.odeint(pendulum, Y0, T, (2.0, 0.3), rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(odeint(pendulum, Y0, T, (2.0, 0.3)), expected, atol=1e-7)
    np.testing.assert_allclose(odeint(lambda t, y: [t], 0.5, T, tfirst=True), 0.5 + T[:, None] ** 2 / 2)


def test_shapes_and_dtypes():
    def growth(y, t):
        return y

    np.testing.assert_allclose(odeint(growth, np.ones((2, 2)), [1.0, 0.0])[-1], np.full((2, 2), 1 / np.e), rtol=1e-6)
    assert odeint(growth, np.float32(1), T).dtype == np.float32
    np.testing.assert_allclose(odeint(lambda y, t: 1j * y, 1 + 0j, [0, np.pi])[-1], [-1], atol=1e-6)
    assert odeint(growth, 1, [0.5]).tolist() == [[1.0]]


def test_derivatives():
    def end(a, y0):  # (y0 + 1) exp(2 a) - 1
        return odeint(lambda y, t, a: a * (y + 1), y0, [0.0, 2.0], (a,), rtol=1e-10, atol=1e-10)[-1, 0]

    assert_gradients(lambda y0, t, a, b: odeint(pendulum, y0, t, (a, b)), Y0, T[:2], 2.0, 0.3, order=1, rtol=1e-5)
    np.testing.assert_allclose(ag.grad(end)(0.5, 1.0), 4 * np.e, rtol=1e-7)
    np.testing.assert_allclose(ag.grad(ag.grad(end))(0.5, 1.0), 8 * np.e, rtol=1e-6)
    np.testing.assert_allclose(ag.jvp(end, (0.5, 1.0), (0.0, 1.0))[1], np.e, rtol=1e-7)


def test_a_gradient_is_right_where_the_way_back_is_unstable():
    """y' = -r y (1 + y²) forgets its start; solved backwards from the end, it grows without bound."""
    def end(r):
        return odeint(lambda y, t, r: -r * y * (1 + y * y), 1.0, [0.0, 1.0], (r,), atol=1e-14)[-1, 0]

    def exact(r):
        return 1 / np.sqrt(2 * np.exp(2 * r) - 1)

    np.testing.assert_allclose(end(20.0), exact(20.0), rtol=1e-4)
    np.testing.assert_allclose(ag.grad(end)(20.0), ag.grad(exact)(20.0), rtol=1e-4)


def test_what_func_captures_gets_its_gradient():
    a = ag.tensor(2.0, requires_grad=True)
    odeint(lambda y, t: pendulum(y, t, a, 0.3), Y0, T).sum().backward()
    expected = ag.grad(lambda a: odeint(pendulum, Y0, T, (a, 0.3)).sum())(2.0)
    np.testing.assert_allclose(a.grad.numpy(), expected, rtol=1e-12)


@pytest.mark.parametrize("order", [0, 1, 2])
def test_in_a_compiled_function_steps_are_chosen_at_each_call(order):
    f = total
    for _ in range(order):
        f = ag.grad(f)
    compiled = ag.jit(f)
    for a in (2.0, 30.0):
        assert type(compiled(a)) is type(f(a))
        np.testing.assert_allclose(compiled(a), f(a), rtol=1e-9)


@pytest.mark.filterwarnings("ignore:vmap. odeint has no rule for batches")
def test_in_a_batch():
    a = np.array([2.0, 3.0])
    for f in (total, ag.grad(total)):
        np.testing.assert_allclose(ag.vmap(f)(a), [f(2.0), f(3.0)], rtol=1e-12)


@pytest.mark.parametrize("transform", [ag.jit, lambda f: lambda a: ag.vmap(f)(np.full(2, a))])
def test_a_captured_value_in_a_trace_is_named(transform):
    f = transform(lambda a: odeint(lambda y, t: pendulum(y, t, a, 0.3), Y0, T))
    with pytest.raises(RuntimeError, match=r"odeint: in a traced program the function uses a tensor .* pass it in"):
        f(2.0)


def test_errors():
    def slopes(y, t):
        return np.ones(3)

    with pytest.raises(ValueError, match=r"expected increasing or decreasing times as a vector, got t=\[0\. 0\. 1\.\]"):
        odeint(lambda y, t: y, 1.0, [0, 0.0, 1])
    with pytest.raises(ValueError, match=r"expected a slope of shape \(2,\) from slopes, got \(3,\)"):
        odeint(slopes, Y0, T)
    with pytest.raises(RuntimeError, match=r"50 steps did not reach t=2\.0 from t=0\.0: the equation is stiff"):
        odeint(lambda y, t: y**2, 1.0, [0, 2.0], mxstep=50)


def buffers():
    """Functions that fill one buffer and return it, or a view of it, or the solution itself."""
    array, pair, tensor, rows = np.zeros(2), [np.zeros(2), np.zeros(2)], ag.zeros(2), np.zeros((3, 2))

    def fill(buffer):
        def f(y, t):
            buffer[0], buffer[1] = y[1], -y[0]
            return buffer

        return f

    def tensors(y, t):
        with ag.no_grad():
            tensor[:] = [y[1], -y[0]]
        return tensor

    def in_place(y, t):
        y[:] = y[::-1] * [1, -1]
        return y

    def in_turn(y, t):
        pair.reverse()
        return fill(pair[0])(y, t)

    return [fill(array), fill(rows[1]), fill(rows[:, 1][::-2]), fill([0, 0]), tensors, in_place, in_turn]


@pytest.mark.parametrize("k", range(7))
@pytest.mark.parametrize("backwards", [1, -1])
def test_a_function_may_fill_and_return_one_buffer(k, backwards):
    y0, t = np.array([1.0, 0.0]), backwards * np.array([0.0, 0.5, 2.0])
    np.testing.assert_allclose(odeint(buffers()[k], y0, t)[:, 0], np.cos(t), atol=1e-6)
    np.testing.assert_array_equal(y0, [1.0, 0.0])
