"""``autograd.Function``: PyTorch's class for an operation with its own backward pass."""

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.testing import GradientError, assert_gradients


class Power(ag.autograd.Function):
    @staticmethod
    def forward(ctx, x, n):
        ctx.save_for_backward(x)
        ctx.n = n
        return x**n

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g * ctx.n * x ** (ctx.n - 1), None


class ProductAndSum(ag.autograd.Function):
    """Two results that have derivatives and one that has none, with a context that is set up apart."""

    @staticmethod
    def forward(x, w):
        return x * w, x + w, x > 0

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs)
        ctx.mark_non_differentiable(output[2])

    @staticmethod
    def backward(ctx, g1, g2, g3):
        x, w = ctx.saved_tensors
        return g1 * w + g2, g1 * x + g2


def test_to_any_order_and_in_every_mode():
    assert_gradients(lambda x: Power.apply(ag.as_tensor(x), 3), np.array([1.5, 2.0]))
    for k in range(2):
        assert_gradients(
            lambda x, w, k=k: ProductAndSum.apply(ag.as_tensor(x), ag.as_tensor(w))[k], np.ones(2), np.array([2.0, 3.0])
        )
    x, v = np.array([1.0, 2.0]), np.array([1.0, -1.0])
    assert ag.hessian(lambda x: Power.apply(x, 3).sum())(x).tolist() == [[6, 0], [0, 12]]
    assert ag.jvp(lambda x: Power.apply(x, 3), (x,), (v,))[1].tolist() == [3, -12]


def test_gradients_arrive_at_leaves():
    x = ag.tensor([2.0, 3.0], requires_grad=True)
    w = ag.tensor([5.0, 7.0], requires_grad=True)
    product, total, positive = ProductAndSum.apply(x, w)
    assert positive.tolist() == [True, True]
    assert not positive.requires_grad
    (product * 2 + total).sum().backward()
    assert (x.grad.tolist(), w.grad.tolist()) == ([11, 15], [5, 7])
    x.grad = w.grad = None
    ProductAndSum.apply(x, w)[1].sum().backward()  # the other result was not used
    assert (x.grad.tolist(), w.grad.tolist()) == ([1, 1], [1, 1])


def test_what_the_context_knows():
    seen = {}

    class Probe(ag.autograd.Function):
        @staticmethod
        def forward(ctx, x, w):
            seen["needs"], seen["recorded"] = ctx.needs_input_grad, (x * 2).requires_grad
            ctx.set_materialize_grads(False)
            return x * 1, w * 1

        @staticmethod
        def backward(ctx, g1, g2):
            seen["cotangents"] = g1, g2
            return g1, g2

    x = ag.tensor(1.0, requires_grad=True)
    first, _ = Probe.apply(x, ag.tensor(2.0))
    first.backward()
    assert seen["needs"] == (True, False)
    assert seen["recorded"] is False
    assert seen["cotangents"][1] is None
    assert x.grad.item() == 1


def test_one_call_of_backward_serves_all_operands():
    calls = []

    class Swap(ag.autograd.Function):
        @staticmethod
        def forward(ctx, x, y):
            return y, x

        @staticmethod
        def backward(ctx, g, h):
            calls.append((g.item(), h.item()))
            return h, g

    x, y = (ag.tensor(v, requires_grad=True) for v in (2.0, 3.0))
    a, b = Swap.apply(x, y)
    z = a * 10 + b
    for _ in range(2):
        z.backward()
    assert calls == [(10, 1)] * 2
    assert (x.grad.item(), y.grad.item()) == (2, 20)


def test_mistakes():
    class Few(Power):
        @staticmethod
        def backward(ctx, g):
            return g

    class NoTensor(Power):
        @staticmethod
        def forward(ctx, x, n):
            return x.numpy()

    class Wrong(Power):
        @staticmethod
        def backward(ctx, g):
            return g * 2, None

    x = ag.tensor(2.0, requires_grad=True)
    with pytest.raises(TypeError, match=r"Few.backward: expected a gradient for each of 2 arguments .*got 1"):
        Few.apply(x, 3).backward()
    with pytest.raises(TypeError, match=r"NoTensor.forward: expected a Tensor or a tuple of them, got ndarray"):
        NoTensor.apply(x, 3)
    with pytest.raises(GradientError):
        assert_gradients(lambda x: Wrong.apply(ag.as_tensor(x), 3), np.array([1.5]))


def test_named_in_programs_and_traced():
    program = ag.trace(lambda x: Power.apply(x * 1, 2))(3.0)
    assert "Power(" in str(program)
    assert program(5.0) == 25
    assert ag.trace(ag.grad(lambda x: Power.apply(x, 2)))(3.0)(5.0) == 10


# ------------------------------------------------------------------------------------- in traced functions


def keeping(how):
    """The exponential plus one, which keeps its exponential in one way or another."""

    class Kept(ag.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            e = np.exp(x)
            ctx.shape = x.shape
            if how == "argument":
                ctx.save_for_backward(x)
            elif how == "another Tensor":
                ctx.save_for_backward(e)
            else:
                ctx.e = {"attribute": e, "array": e.numpy().copy(), "number": float(e.sum() / e.size)}[how]
            return e + 1

        @staticmethod
        def backward(ctx, g):
            if how == "argument":
                return (g * np.exp(ctx.saved_tensors[0])).reshape(ctx.shape)
            return g * (ctx.saved_tensors[0] if how == "another Tensor" else ctx.e)

    return lambda x: Kept.apply(x).sum()


@pytest.mark.parametrize("how", ["argument", "another Tensor", "attribute", "array", "number"])
@pytest.mark.filterwarnings("ignore:vmap")
def test_what_forward_keeps_is_computed_at_every_call(how):
    f = ag.grad(keeping(how))
    x, y = np.array([0.1, 0.2]), np.array([1.0, 2.0])
    compiled = ag.jit(f)
    compiled(x)
    for g in (compiled, ag.trace(f)(x), lambda y: ag.vmap(f)(np.stack([x, y]))[1]):
        np.testing.assert_allclose(g(y), f(y), rtol=1e-14)
    if how == "argument":
        np.testing.assert_allclose(ag.jit(ag.hessian(keeping(how)))(y), np.diag(np.exp(y)))
    else:
        with pytest.raises(RuntimeError, match="second"):
            ag.jit(ag.hessian(keeping(how)))(y)


@pytest.mark.parametrize("kind", [int, ag.tensor])
def test_an_argument_without_a_derivative_is_read_at_every_call(kind):
    def f(x, k):
        return Power.apply(x, k).sum()

    x = ag.tensor([1.0, 2.0, 3.0])
    both = ag.jit(f), ag.jit(ag.grad(f))
    for k in (2, 3):
        assert both[0](x, kind(k)) == f(x, kind(k))
        np.testing.assert_array_equal(both[1](x, kind(k)).numpy(), ag.grad(f)(x, kind(k)).numpy())


def test_forward_may_use_a_parameter_but_no_other_traced_value():
    W = ag.tensor([2.0, 3.0], requires_grad=True)

    class Scaled(ag.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * W

        @staticmethod
        def backward(ctx, g):
            return g * W

    f = ag.jit(lambda x: Scaled.apply(x) + W.detach())
    x = ag.tensor([1.0, 2.0])
    f(x)
    W.data = np.array([5.0, 5.0])
    np.testing.assert_array_equal(f(x).numpy(), [10.0, 15.0])

    def hidden(x, w):
        class Hidden(Scaled):
            @staticmethod
            def forward(ctx, x):
                return x * w

        return Hidden.apply(x)

    for run in (ag.jit(hidden), ag.jit(lambda x, w: hidden(x, w * 2)), ag.jit(lambda x, w: hidden(x, W * 2))):
        with pytest.raises(RuntimeError, match=r"pass it to apply\(\)"):
            run(x, ag.tensor(2.0))
    with pytest.raises(RuntimeError, match=r"pass it to apply\(\)"):
        ag.vmap(hidden, in_axes=(None, 0))(x, np.ones(3))


def test_a_complex_backward_pass_conjugates_itself_as_in_pytorch():
    class Square(ag.autograd.Function):
        @staticmethod
        def forward(ctx, z):
            ctx.save_for_backward(z)
            return z**2

        @staticmethod
        def backward(ctx, g):
            (z,) = ctx.saved_tensors
            return g * 2 * np.conj(z)

    def loss(square):
        return lambda z: np.sum(np.abs(square(z) - 3) ** 2)

    z = np.array([1 + 2j, -0.5j])
    expected = ag.grad(loss(lambda z: z**2))(z)
    np.testing.assert_allclose(ag.grad(loss(Square.apply))(z), expected)
    assert_gradients(loss(Square.apply), z)
