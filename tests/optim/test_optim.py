"""Each optimiser against its formula in plain NumPy, in every mode it has; options, groups, state, memory."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from thorough import mostly_thorough

import autograd_lite as ag
from autograd_lite import nn, optim
from autograd_lite.optim import fused_step

rng = np.random.default_rng(0)
START = rng.standard_normal((3, 2))
GRADIENTS = rng.standard_normal((6, 3, 2))


# -- the formulas: one parameter, its gradients one after the other ----------------------------------------


def sgd(p, gs, lr=1e-3, momentum=0.0, dampening=0.0, weight_decay=0.0, nesterov=False):
    v = None
    for g in gs:
        g = g + weight_decay * p
        if momentum:
            v = g if v is None else momentum * v + (1 - dampening) * g
            g = g + momentum * v if nesterov else v
        p = p - lr * g
    return p


def after_decay(p, g, lr, weight_decay, decoupled):
    return (p * (1 - lr * weight_decay), g) if decoupled else (p, g + weight_decay * p)


def adam(
    p, gs, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0, amsgrad=False, decoupled_weight_decay=False
):
    b1, b2 = betas
    m = v = most = np.zeros_like(p)
    for t, g in enumerate(gs, 1):
        p, g = after_decay(p, g, lr, weight_decay, decoupled_weight_decay)
        m = b1 * m + (1 - b1) * g
        v = b2 * v + (1 - b2) * g * g
        most = np.maximum(most, v)
        p = p - lr * (m / (1 - b1**t)) / (np.sqrt((most if amsgrad else v) / (1 - b2**t)) + eps)
    return p


def adamw(p, gs, weight_decay=1e-2, **options):
    return adam(p, gs, weight_decay=weight_decay, decoupled_weight_decay=True, **options)


def nadam(
    p, gs, lr=2e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0, momentum_decay=4e-3, decoupled_weight_decay=False
):
    b1, b2 = betas
    m = v = np.zeros_like(p)
    mu = [b1 * (1 - 0.5 * 0.96 ** (t * momentum_decay)) for t in range(1, len(gs) + 2)]
    for t, g in enumerate(gs, 1):
        p, g = after_decay(p, g, lr, weight_decay, decoupled_weight_decay)
        m = b1 * m + (1 - b1) * g
        v = b2 * v + (1 - b2) * g * g
        look = mu[t] * m / (1 - np.prod(mu[: t + 1])) + (1 - mu[t - 1]) * g / (1 - np.prod(mu[:t]))
        p = p - lr * look / (np.sqrt(v / (1 - b2**t)) + eps)
    return p


def radam(p, gs, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0, decoupled_weight_decay=False):
    b1, b2 = betas
    m = v = np.zeros_like(p)
    limit = 2 / (1 - b2) - 1
    for t, g in enumerate(gs, 1):
        p, g = after_decay(p, g, lr, weight_decay, decoupled_weight_decay)
        m = b1 * m + (1 - b1) * g
        v = b2 * v + (1 - b2) * g * g
        step = m / (1 - b1**t)
        rho = limit - 2 * t * b2**t / (1 - b2**t)
        if rho > 5:
            r = np.sqrt((rho - 4) * (rho - 2) * limit / ((limit - 4) * (limit - 2) * rho))
            step = step * r * np.sqrt(1 - b2**t) / (np.sqrt(v) + eps)
        p = p - lr * step
    return p


def adamax(p, gs, lr=2e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0):
    b1, b2 = betas
    m = u = np.zeros_like(p)
    for t, g in enumerate(gs, 1):
        g = g + weight_decay * p
        m = b1 * m + (1 - b1) * g
        u = np.maximum(b2 * u, abs(g) + eps)
        p = p - lr / (1 - b1**t) * m / u
    return p


def asgd(p, gs, lr=1e-2, lambd=1e-4, alpha=0.75, t0=1e6, weight_decay=0.0):
    eta = lr
    for t, g in enumerate(gs, 1):
        g = g + weight_decay * p
        p = p * (1 - lambd * eta) - eta * g
        eta = lr / (1 + lambd * lr * t) ** alpha
    return p


def rprop(p, gs, lr=1e-2, etas=(0.5, 1.2), step_sizes=(1e-6, 50.0)):
    before, d = np.zeros_like(p), np.full_like(p, lr)
    for g in gs:
        d = np.clip(d * np.choose(np.sign(g * before).astype(int) + 1, [etas[0], 1.0, etas[1]]), *step_sizes)
        before = g * (g * before >= 0)
        p = p - d * np.sign(before)
    return p


def rmsprop(p, gs, lr=1e-2, alpha=0.99, eps=1e-8, weight_decay=0.0, momentum=0.0, centered=False):
    square = mean = v = np.zeros_like(p)
    for g in gs:
        g = g + weight_decay * p
        square = alpha * square + (1 - alpha) * g * g
        mean = alpha * mean + (1 - alpha) * g
        step = g / (np.sqrt(square - mean**2 if centered else square) + eps)
        v = momentum * v + step
        p = p - lr * v
    return p


def adagrad(p, gs, lr=1e-2, lr_decay=0.0, weight_decay=0.0, initial_accumulator_value=0.0, eps=1e-10):
    total = np.full_like(p, initial_accumulator_value)
    for t, g in enumerate(gs):
        g = g + weight_decay * p
        total = total + g * g
        p = p - lr / (1 + t * lr_decay) * g / (np.sqrt(total) + eps)
    return p


def adadelta(p, gs, lr=1.0, rho=0.9, eps=1e-6, weight_decay=0.0):
    square = steps = np.zeros_like(p)
    for g in gs:
        g = g + weight_decay * p
        square = rho * square + (1 - rho) * g * g
        step = np.sqrt(steps + eps) / np.sqrt(square + eps) * g
        steps = rho * steps + (1 - rho) * step * step
        p = p - lr * step
    return p


CASES = [
    (optim.SGD, sgd, {"lr": 0.1}),
    (optim.SGD, sgd, {"lr": 0.1, "momentum": 0.9}),
    (optim.SGD, sgd, {"lr": 0.1, "momentum": 0.9, "dampening": 0.4}),
    (optim.SGD, sgd, {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.2}),
    (optim.Adam, adam, {}),
    (optim.Adam, adam, {"lr": 0.1, "betas": (0.7, 0.8), "eps": 1e-3, "weight_decay": 0.1}),
    (optim.Adam, adam, {"lr": 0.1, "amsgrad": True, "betas": (0.5, 0.6)}),
    (optim.AdamW, adamw, {"lr": 0.1}),
    (optim.AdamW, adamw, {"lr": 0.1, "weight_decay": 0.3, "amsgrad": True}),
    (optim.NAdam, nadam, {}),
    (optim.NAdam, nadam, {"lr": 0.1, "weight_decay": 0.1, "momentum_decay": 0.3}),
    (optim.NAdam, nadam, {"lr": 0.1, "weight_decay": 0.1, "decoupled_weight_decay": True}),
    (optim.RAdam, radam, {}),  # 5 steps of one formula, and one of the other
    (optim.RAdam, radam, {"lr": 0.1, "betas": (0.7, 0.8), "eps": 1e-3, "weight_decay": 0.1}),
    (optim.RAdam, radam, {"lr": 0.1, "betas": (0.7, 0.9), "weight_decay": 0.1, "decoupled_weight_decay": True}),
    (optim.Adamax, adamax, {}),
    (optim.Adamax, adamax, {"lr": 0.1, "betas": (0.7, 0.8), "eps": 1e-3, "weight_decay": 0.1}),
    (optim.ASGD, asgd, {}),
    (optim.ASGD, asgd, {"lr": 0.1, "lambd": 0.3, "alpha": 0.5, "weight_decay": 0.1, "t0": 2}),
    (optim.Rprop, rprop, {}),
    (optim.Rprop, rprop, {"lr": 0.1, "etas": (0.4, 1.5), "step_sizes": (0.05, 0.12)}),
    (optim.RMSprop, rmsprop, {}),
    (optim.RMSprop, rmsprop, {"lr": 0.1, "alpha": 0.6, "centered": True, "weight_decay": 0.1}),
    (optim.RMSprop, rmsprop, {"momentum": 0.9, "eps": 0.1}),
    (optim.Adagrad, adagrad, {}),
    (optim.Adagrad, adagrad, {"lr": 0.1, "lr_decay": 0.5, "weight_decay": 0.1}),
    (optim.Adagrad, adagrad, {"initial_accumulator_value": 2.0, "eps": 0.1}),
    (optim.Adadelta, adadelta, {}),
    (optim.Adadelta, adadelta, {"lr": 0.5, "rho": 0.6, "eps": 0.01, "weight_decay": 0.1}),
]
LAST = list({cls: k for k, (cls, _, _) in enumerate(CASES)}.values())  # of each optimiser


def each(order, keep):
    cases = mostly_thorough([CASES[k] for k in order], keep)
    ids = [f"{CASES[k][0].__name__}-{k}" for k in order]
    return pytest.mark.parametrize(("cls", "formula", "options"), cases, ids=ids)


EACH = each(range(len(CASES)), len(CASES))
ONE_OF_EACH = each([*LAST, *(k for k in range(len(CASES)) if k not in LAST)], len(LAST))
KINDS = list(dict.fromkeys(cls for cls, _, _ in CASES))


def steps(cls, options, start=START, gradients=GRADIENTS):
    p = ag.tensor(start, requires_grad=True)
    opt = cls([p], **options)
    for g in gradients:
        p.grad = g
        opt.step()
    return p


@EACH
def test_the_formula(cls, formula, options):
    p = steps(cls, options)
    want = formula(START, GRADIENTS, **options)
    np.testing.assert_allclose(p.data, want, rtol=1e-12, atol=1e-14)
    assert np.abs(want - START).max() > 1e-3


@ONE_OF_EACH
def test_maximize_is_the_gradient_with_its_sign_turned(cls, formula, options):
    p = steps(cls, {**options, "maximize": True})
    np.testing.assert_allclose(p.data, formula(START, -GRADIENTS, **options), rtol=1e-12, atol=1e-14)


@ONE_OF_EACH
def test_a_single_number_is_learned_like_an_array(cls, formula, options):
    """0-d arrays turn into NumPy scalars at every chance, which nothing can be written into."""
    for maximize in (False, True):
        p = steps(cls, {**options, "maximize": maximize}, np.float64(0.3), GRADIENTS[:, 0, 0])
        gs = -GRADIENTS[:, 0, 0] if maximize else GRADIENTS[:, 0, 0]
        np.testing.assert_allclose(p.data, formula(np.float64(0.3), gs, **options), rtol=1e-12)
        assert p.shape == ()


@ONE_OF_EACH
def test_float32_stays_float32(cls, formula, options):
    p = steps(cls, options, START.astype(np.float32), GRADIENTS.astype(np.float32))
    assert p.dtype == np.float32
    np.testing.assert_allclose(p.data, formula(START, GRADIENTS, **options), rtol=1e-4, atol=1e-5)


@ONE_OF_EACH
def test_a_complex_number_is_two_real_ones(cls, formula, options):
    z = steps(cls, options, START[:, 0] + 1j * START[:, 1], GRADIENTS[:, :, 0] + 1j * GRADIENTS[:, :, 1])
    want = formula(START, GRADIENTS, **options)
    np.testing.assert_allclose(np.stack([z.data.real, z.data.imag], 1), want, rtol=1e-12, atol=1e-14)


@ONE_OF_EACH
def test_a_transposed_array_is_updated_in_place(cls, formula, options):
    held = np.asfortranarray(START)
    p = ag.tensor(np.zeros((3, 2)), requires_grad=True)
    p.data = held
    opt = cls([p], **options)
    for g in GRADIENTS:
        p.grad = g
        opt.step()
    assert p.data is held
    np.testing.assert_allclose(held, formula(START, GRADIENTS, **options), rtol=1e-12, atol=1e-14)


@ONE_OF_EACH
@pytest.mark.parametrize("order", ["C", "F"])
def test_a_large_array_is_updated_piece_by_piece(cls, formula, options, order, monkeypatch):
    monkeypatch.setattr(fused_step, "TILE", 32)  # 4 of 6 entries
    p = ag.tensor(0.0, requires_grad=True)
    p.data = np.array(START, order=order)
    opt = cls([p], **options)
    for g in GRADIENTS:
        p.grad = g
        opt.step()
    np.testing.assert_allclose(p.data, formula(START, GRADIENTS, **options), rtol=1e-12, atol=1e-14)


@ONE_OF_EACH
def test_the_rule_in_place_gives_the_same_numbers_as_the_rule(cls, formula, options, monkeypatch):
    written = steps(cls, options)
    monkeypatch.setattr(fused_step, "_in_place", lambda *_: False)
    np.testing.assert_array_equal(written.data, steps(cls, options).data)


@ONE_OF_EACH
def test_new_arrays_for_a_parameter_its_state_and_other_options_between_steps(cls, formula, options):
    p = ag.tensor(START, requires_grad=True)
    opt = cls([p], **{**options, "lr": 123.0})
    opt.param_groups[0]["lr"] = lr = options.get("lr", 0.1)
    for k, g in enumerate(GRADIENTS):
        if k % 2:
            p.data = p.data.copy()
        if k == 4:
            opt.load_state_dict(opt.state_dict())
        p.grad = g
        opt.step()
    np.testing.assert_allclose(p.data, formula(START, GRADIENTS, **{**options, "lr": lr}), rtol=1e-12, atol=1e-14)


def test_parameters_that_have_made_different_numbers_of_steps():
    ps = [ag.tensor(START, requires_grad=True) for _ in range(2)]
    opt = optim.Adam(ps, lr=0.1)
    for k, g in enumerate(GRADIENTS):
        ps[0].grad, ps[1].grad = g, g if k % 2 else None
        opt.step()
    np.testing.assert_allclose(ps[0].data, adam(START, GRADIENTS, lr=0.1), rtol=1e-12)
    np.testing.assert_allclose(ps[1].data, adam(START, GRADIENTS[1::2], lr=0.1), rtol=1e-12)


@pytest.mark.parametrize("cls", [optim.SGD, optim.Adam])
def test_the_learning_rate_may_change_between_steps(cls):
    p, q = (ag.tensor(START, requires_grad=True) for _ in range(2))
    opt = cls([{"params": [p]}, {"params": [q]}], lr=0.0)
    for group, lr in [(0, 0.1), (1, 0.2), (0, 0.0)]:
        opt.param_groups[group]["lr"] = lr
        before = p.data.copy(), q.data.copy()
        p.grad = q.grad = GRADIENTS[0]
        opt.step()
        lrs = [g["lr"] for g in opt.param_groups]
        for x, old, lr in zip((p, q), before, lrs, strict=True):
            want = lr * (GRADIENTS[0] if cls is optim.SGD else np.sign(GRADIENTS[0]))
            np.testing.assert_allclose(old - x.data, want, rtol=1e-5, atol=1e-12)


class Clipped(optim.Optimizer):
    """A rule of the user's: a step whose entries are at most 1, and its last two values as state."""

    def __init__(self, params, lr=0.1, where=False):
        super().__init__(params, {"lr": lr, "weight_decay": 0.0, "where": where})

    def initial(self, group):
        return {"most": 0.0, "last": 0.0, "before": 0.0}

    def numbers(self, group, state):
        return {"lr": group["lr"], "low": -1.0, "high": 1.0}, {}

    def rule(self, p, g, state, n, group):
        most = np.maximum(state["most"], abs(g))
        step = np.minimum(n.high, np.maximum(n.low, g))
        if group["where"]:
            step = np.where(g > 1, 1, np.where(g < -1, -1, g))
        return n.lr * step, {"most": most, "last": p, "before": state["last"]}


@pytest.mark.parametrize("where", [False, True])  # np.where cannot write in place
def test_a_rule_of_the_users(where):
    p = ag.tensor(START, requires_grad=True)
    opt = Clipped([p], where=where)
    values = [np.zeros_like(START), START]
    for g in GRADIENTS:
        p.grad = g
        opt.step()
        values.append(values[-1] - 0.1 * np.clip(g, -1, 1))
    state = opt.state_dict()["state"][0]
    np.testing.assert_allclose(p.data, values[-1], rtol=1e-12)
    np.testing.assert_allclose(state["last"], values[-2], rtol=1e-12)
    np.testing.assert_allclose(state["before"], values[-3], rtol=1e-12)
    np.testing.assert_array_equal(state["most"], np.abs(GRADIENTS).max(0))


class Custom(optim.Optimizer):
    """p -= lr / (1 + calls) m with m = (m + g) / 2; the names of its counter and of its mean are the test's."""

    def __init__(self, params, lr=0.1, counter="calls", mean="m"):
        self.counter, self.mean = counter, mean
        super().__init__(params, {"lr": lr})

    def initial(self, group):
        return {self.counter: 0, self.mean: 0.0}

    def numbers(self, group, state):
        return {"rate": group["lr"] / (1 + state[self.counter])}, {self.counter: state[self.counter] + 1}

    def rule(self, p, g, state, n, group):
        m = (state[self.mean] + g) / 2
        return n.rate * m, {self.mean: m}


NAMES = [("calls", "m"), ("step", "m"), ("t", "step"), ("k", "mu"), ("eta", "mu_product"), ("momentum_buffer", "k")]


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize(("counter", "mean"), NAMES)
@pytest.mark.parametrize("start", [START, np.array(2.0)])
def test_a_counter_may_have_any_name(counter, mean, start, compiled):
    first, second = (ag.tensor(start, requires_grad=True) for _ in range(2))
    opt = Custom([first], counter=counter, mean=mean)
    value, m = start, 0.0
    for k in range(6):
        if k == 3:  # a new optimiser goes on
            second.data = first.data.copy()
            state, opt = opt.state_dict(), Custom([second], lr=9.0, counter=counter, mean=mean)
            opt.load_state_dict(state)
        p = first if k < 3 else second
        if k in (0, 3):
            step = ag.jit(lambda opt=opt: opt.step()) if compiled else opt.step
        p.grad = g = np.asarray(GRADIENTS[k]).sum() if start.ndim == 0 else GRADIENTS[k]
        step()
        m = (m + g) / 2
        value = value - 0.1 / (1 + k) * m
        np.testing.assert_allclose(p.data, value, rtol=1e-12)
        state = opt.state_dict()["state"][0]
        assert state[counter] == k + 1
        assert type(state[counter]) is int
        np.testing.assert_allclose(state[mean], m, rtol=1e-12)


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize(
    ("method", "result", "error", "message"),
    [
        ("numbers", lambda n: n, TypeError, r"Custom\.numbers: expected the numbers of the step, and .* got \{'rate'"),
        ("numbers", lambda n: [n, {"calls": 1}], TypeError, r"two dicts, got \[.* write return \{\.\.\.\}, \{\}"),
        ("numbers", lambda n: None, TypeError, "two dicts, got None"),
        ("numbers", lambda n: (n, {}), ValueError, r"Custom: 'calls' of initial\(\) is in neither result"),
        ("numbers", lambda n: (n, {"calls": 1, "k": 1}), ValueError, r"the counter 'k', which initial\(\) lacks"),
        ("rule", lambda step: step, TypeError, r"Custom\.rule: expected what to subtract, and the new state .* write"),
        ("rule", lambda step: None, TypeError, r"Custom\.rule: .* got a NoneType; write return step, \{\}"),
        ("rule", lambda step: (step, step), TypeError, r"Custom\.rule: .* got a tuple"),
        ("rule", lambda step: (step, {}), ValueError, r"Custom: 'm' of initial\(\) is in neither result"),
    ],
)
def test_a_custom_optimiser_that_leaves_something_out(method, result, error, message, compiled):
    class Wrong(Custom):
        def numbers(self, group, state):
            numbers, counters = super().numbers(group, {"calls": 0, **state})
            return result(numbers) if method == "numbers" else (numbers, counters)

        def rule(self, p, g, state, n, group):
            step, new = super().rule(p, g, state, n, group)
            return result(step) if method == "rule" else (step, new)

    Wrong.__name__ = "Custom"
    p = ag.tensor(START, requires_grad=True)
    p.grad = GRADIENTS[0]
    opt = Wrong([p])
    with pytest.raises(error, match=message):
        (ag.jit(lambda: opt.step()) if compiled else opt.step)()
    np.testing.assert_array_equal(p.data, START)
    assert np.all(opt.state_dict()["state"].get(0, {}).get("calls", 0) == 0)  # it has made no step


@pytest.mark.parametrize("rate", [lambda n, group: group["lr"], lambda n, group: float(n.lr)])
def test_a_rule_may_compute_with_an_option(rate):
    class Plain(optim.SGD):
        def rule(self, p, g, state, n, group):
            return rate(n, group) * g, {}

    p = ag.tensor(START, requires_grad=True)
    opt = Plain([p], lr=0.5)
    for lr in (0.5, 0.25):
        opt.param_groups[0]["lr"] = lr
        p.grad = GRADIENTS[0]
        opt.step()
    np.testing.assert_allclose(p.data, START - 0.75 * GRADIENTS[0], rtol=1e-12)


def test_a_gradient_may_be_the_array_of_another_parameter():
    p, q = ag.tensor(START, requires_grad=True), ag.tensor(START + 1, requires_grad=True)
    opt = optim.SGD([p, q], lr=0.5)
    p.grad, q.grad = q, p
    opt.step()
    np.testing.assert_allclose(p.data, START - 0.5 * (START + 1))
    np.testing.assert_allclose(q.data, START + 1 - 0.5 * START)


@pytest.mark.parametrize("cls", KINDS)
def test_a_step_under_no_grad(cls):
    p, q = (ag.tensor(START, requires_grad=True) for _ in range(2))
    p.grad = q.grad = GRADIENTS[0]
    with ag.no_grad():
        cls([p], lr=0.1).step()
    cls([q], lr=0.1).step()
    np.testing.assert_array_equal(p.data, q.data)
    assert np.any(p.data != START)


@ONE_OF_EACH
def test_going_on_from_a_saved_state_gives_the_same_numbers(cls, formula, options):
    whole = steps(cls, options)
    first = ag.tensor(START, requires_grad=True)
    opt = cls([first], **options)
    for g in GRADIENTS[:3]:
        first.grad = g
        opt.step()
    second = ag.tensor(first.data, requires_grad=True)
    resumed = cls([second], lr=123.0)
    resumed.load_state_dict(opt.state_dict())
    for g in GRADIENTS[3:]:
        second.grad = g
        resumed.step()
    np.testing.assert_array_equal(second.data, whole.data)


@pytest.mark.parametrize("cls", [cls for cls in KINDS if cls is not optim.Rprop])  # np.where cannot write in place
def test_a_step_makes_no_garbage(cls):
    p = ag.tensor(np.ones(300_000), requires_grad=True)
    opt = cls([p], lr=0.1)
    p.grad = np.ones(300_000)
    opt.step()
    opt.step()  # which makes the arrays for the next state
    tracemalloc.start()
    opt.step()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 800_000  # the temporaries of a tile; an array has 2,400,000 bytes


@pytest.mark.parametrize("cls", KINDS)
def test_a_step_that_fails_changes_nothing(cls):
    good, bad = ag.tensor([1.0, 2.0], requires_grad=True), ag.tensor([3.0], requires_grad=True)
    opt = cls([good, bad], lr=0.1)
    for _ in range(2):
        before, state = [good.data.copy(), bad.data.copy()], opt.state_dict()
        good.grad, bad.grad = np.ones(2), np.ones(1)
        bad.data.setflags(write=False)
        with pytest.raises(ValueError, match=rf"{cls.__name__}\.step: a parameter of shape \(1,\) has a read-only"):
            opt.step()
        bad.data.setflags(write=True)
        np.testing.assert_equal([good.data, bad.data], before)
        np.testing.assert_equal(opt.state_dict(), state)
        opt.step()
        assert good.data[0] < before[0][0]


@pytest.mark.parametrize("cls", KINDS)
def test_every_optimiser_goes_downhill(cls):
    w = ag.tensor([1.5, -1.5], requires_grad=True)
    opt = cls([w], lr={"Adadelta": 10.0, "Adagrad": 0.5}.get(cls.__name__, 0.05))
    losses = []
    for _ in range(300):
        opt.zero_grad()
        loss = ((w - [1.0, 2.0]) ** 2 * [1.0, 3.0]).sum()
        loss.backward()
        opt.step()
        losses.append(loss.item())
    assert losses[-1] < 0.05 * losses[0]


def test_asgd_averages_what_comes_after_the_step_after_t0():
    p = ag.tensor(START, requires_grad=True)
    opt = optim.ASGD([p], lr=0.1, t0=2)
    values = []
    for g in GRADIENTS:
        p.grad = g
        opt.step()
        values.append(p.data.copy())
    np.testing.assert_allclose(opt.state_dict()["state"][0]["ax"], np.mean(values[3:], axis=0), rtol=1e-12)


def test_radam_without_eps_leaves_a_weight_without_gradients():
    np.testing.assert_array_equal(steps(optim.RAdam, {"eps": 0.0}, START, 0 * GRADIENTS[:5]).data, START)


def test_a_state_without_an_option_that_is_new_fits():
    p = ag.tensor(START, requires_grad=True)
    state = optim.AdamW([p]).state_dict()
    del state["param_groups"][0]["decoupled_weight_decay"]
    opt = optim.AdamW([p], weight_decay=0.5)
    opt.load_state_dict(state)
    assert (opt.param_groups[0]["weight_decay"], opt.param_groups[0]["decoupled_weight_decay"]) == (1e-2, True)


# -- groups, gradients, closures -----------------------------------------------------------------------------


def test_groups_have_options_of_their_own():
    a, b, c = (ag.tensor([1.0], requires_grad=True) for _ in range(3))
    opt = optim.SGD([{"params": [a]}, {"params": b, "lr": 0.5}], lr=0.1)
    opt.add_param_group({"params": [c], "lr": 1.0, "weight_decay": 1.0})
    for p in (a, b, c):
        p.grad = [1.0]
    opt.step()
    assert [p.item() for p in (a, b, c)] == pytest.approx([0.9, 0.5, -1.0])


@pytest.mark.parametrize("cls", KINDS)
def test_how_pytorch_is_to_compute_is_ignored(cls):
    opt = cls([ag.tensor([1.0], requires_grad=True)], foreach=False, fused=True, capturable=False)
    assert set(opt.param_groups[0]) == {"params", *cls([ag.tensor([1.0], requires_grad=True)]).param_groups[0]}


def test_named_parameters_are_taken():
    a = ag.tensor([1.0], requires_grad=True)
    a.grad = [1.0]
    optim.SGD([("a", a)], lr=0.5).step()
    assert a.item() == 0.5


def test_what_has_no_gradient_stays():
    a, b = (ag.tensor([1.0], requires_grad=True) for _ in range(2))
    opt = optim.Adam([a, b], lr=0.1)
    a.grad = [1.0]
    opt.step()
    assert (a.item(), b.item()) == (pytest.approx(0.9), 1.0)
    opt.zero_grad()
    assert a.grad is None


def test_a_closure_is_called_and_its_loss_returned():
    w = ag.tensor([2.0], requires_grad=True)
    opt = optim.SGD([w], lr=0.25)

    def closure():
        opt.zero_grad()
        loss = (w * w).sum()
        loss.backward()
        return loss

    with ag.no_grad():  # a closure records, whatever is around the step
        assert opt.step(closure).item() == 4.0
    assert w.item() == 1.0


def test_a_graph_from_before_the_step_is_refused_not_wrong():
    w = ag.tensor([2.0], requires_grad=True)
    loss = (w * w).sum()
    loss.backward()
    optim.SGD([w], lr=0.25).step()
    with pytest.raises(RuntimeError):
        loss.backward()


def test_repr_says_the_options_and_how_many():
    opt = optim.SGD([ag.tensor([1.0], requires_grad=True)], lr=0.5)
    assert repr(opt).startswith("SGD(lr=0.5, momentum=0.0")
    assert "1 parameters" in repr(opt)


# -- errors ------------------------------------------------------------------------------------------------

W = ag.tensor([1.0], requires_grad=True)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: optim.SGD([]), ValueError, "no parameters"),
        (lambda: optim.SGD([W, W]), ValueError, "given twice"),
        (lambda: optim.SGD([{"params": [W]}, {"params": [W]}]), ValueError, "given twice"),
        (lambda: optim.SGD([W * 2]), ValueError, "only inputs"),
        (lambda: optim.SGD([np.ones(3)]), TypeError, "expected tensors as parameters, got a ndarray"),
        (lambda: optim.SGD(nn.Linear(2, 3)), TypeError, r"got the module; write model\.parameters\(\)"),
        (lambda: optim.SGD(nn.Sequential(nn.Linear(2, 3))), TypeError, r"model\.parameters\(\)"),
        (lambda: optim.SGD([W], lr=-1.0), ValueError, "lr=-1.0"),
        (lambda: optim.SGD([W], lr=float("nan")), ValueError, "lr=nan"),
        (lambda: optim.SGD([W], nesterov=True), ValueError, "nesterov"),
        (lambda: optim.Adam([W], betas=(0.9, 1.0)), ValueError, r"betas\[1\]"),
        (lambda: optim.Adam([W], betas=(0.9,)), ValueError, r"Adam: expected betas as 2 numbers, got betas=\(0\.9,\)"),
        (lambda: optim.Adam([W], betas=0.9), ValueError, "Adam: expected betas as 2 numbers, got betas=0.9"),
        (lambda: optim.Adam([W], eps=-1e-8), ValueError, "eps"),
        (lambda: optim.Adam([{"params": [W], "rate": 1}]), ValueError, "unknown option rate; expected lr"),
        (lambda: optim.LBFGS([{"params": [W]}, {"params": [ag.tensor(1.0)]}]), ValueError, "one group"),
        (lambda: optim.SGD([W], momentun=0.9), TypeError, "SGD: unexpected keyword momentun; expected lr, momentum"),
        (lambda: optim.Rprop([W], etas=(1.2, 0.5)), ValueError, "0 < etas"),
        (lambda: optim.ASGD([W], lambd=-1.0), ValueError, "lambd"),
        (lambda: optim.SGD([{"lr": 0.1}]), ValueError, r"expected a group as a dict with .params., got the keys 'lr'"),
        (lambda: optim.SGD([{"params": [W]}, ag.tensor(1.0)]), ValueError, "expected a group as a dict"),
        (lambda: optim.SGD([W], momentum="0.9"), ValueError, "got momentum='0.9'"),
        (lambda: optim.LBFGS([W], line_search_fn="golden"), ValueError, "golden"),
        (lambda: optim.LBFGS([W]).step(), TypeError, "expected a closure"),
    ],
)
def test_bad_arguments(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_a_state_with_the_rates_of_a_schedule_fits_an_optimiser_without_one():
    w, v = ag.tensor([1.0], requires_grad=True), ag.tensor([1.0], requires_grad=True)
    scheduled, other = optim.SGD([w], lr=0.5), optim.SGD([v], lr=0.1)
    optim.lr_scheduler.ExponentialLR(scheduled, 0.5).step()
    other.load_state_dict(scheduled.state_dict())
    assert other.param_groups[0]["lr"] == 0.25
    assert other.param_groups[0]["initial_lr"] == 0.5


def test_a_state_that_does_not_fit_changes_nothing():
    p = ag.tensor(START, requires_grad=True)
    opt = optim.Adam([p], lr=0.1)
    p.grad = GRADIENTS[0]
    opt.step()
    good = opt.state_dict()

    def changed(**parts):
        return {**good, **parts}

    group = good["param_groups"][0]
    state = good["state"][0]
    bad = [
        {},
        [1, 2],
        changed(param_groups=[]),
        changed(param_groups=[{**group, "params": [0, 1]}]),
        changed(param_groups=[{"params": [0], "lr": 0.1}]),
        changed(param_groups=[{**group, "lr": "fast"}]),
        changed(state={1: state}),
        changed(state={0: {**state, "exp_avg": np.zeros((2, 3))}}),
        optim.SGD([p]).state_dict(),
    ]
    for wrong in bad:
        with pytest.raises(ValueError, match=r"Adam\.load_state_dict"):
            opt.load_state_dict(wrong)
        np.testing.assert_equal(opt.state_dict(), good)


def test_a_state_is_a_copy():
    p = ag.tensor(START, requires_grad=True)
    opt = optim.Adam([p])
    p.grad = GRADIENTS[0]
    opt.step()
    state = opt.state_dict()
    before = state["state"][0]["exp_avg"].copy()
    opt.step()
    np.testing.assert_array_equal(state["state"][0]["exp_avg"], before)
    assert set(state["state"][0]) == {"exp_avg", "exp_avg_sq", "step"}  # no scratch arrays


# -- L-BFGS --------------------------------------------------------------------------------------------------


def rosenbrock(w):
    return 100 * (w[1] - w[0] ** 2) ** 2 + (1 - w[0]) ** 2


def minimise(opt, f, times):
    def closure():
        opt.zero_grad()
        loss = f()
        loss.backward()
        return loss

    return [opt.step(closure).item() for _ in range(times)]


@pytest.mark.parametrize("search", [None, "strong_wolfe"])
def test_lbfgs_on_a_quadratic_of_many_scales(search):
    A = np.diag([1.0, 10.0, 100.0])
    w = ag.tensor([1.0, 1.0, 1.0], requires_grad=True)
    minimise(optim.LBFGS([w], line_search_fn=search), lambda: w @ A @ w, 3)
    np.testing.assert_allclose(w.data, 0, atol=1e-4)


def test_lbfgs_with_a_line_search_finds_the_end_of_rosenbrocks_valley():
    w = ag.tensor([-1.2, 1.0], requires_grad=True)
    minimise(optim.LBFGS([w], line_search_fn="strong_wolfe"), lambda: rosenbrock(w), 5)
    np.testing.assert_allclose(w.data, [1, 1], atol=1e-4)


def test_lbfgs_takes_several_parameters_of_any_shape_and_complex_ones():
    a, b = ag.tensor(START, requires_grad=True), ag.tensor(2.0, requires_grad=True)
    z = ag.tensor([1.0 + 1j], requires_grad=True)
    minimise(optim.LBFGS([a, b]), lambda: ((a - 1) ** 2).sum() + 3 * (b + 1) ** 2, 2)
    minimise(optim.LBFGS([z]), lambda: (np.abs(z - (2 - 3j)) ** 2).sum(), 3)
    np.testing.assert_allclose(a.data, 1, atol=1e-5)
    assert b.item() == pytest.approx(-1, abs=1e-5)
    assert z.item() == pytest.approx(2 - 3j, abs=1e-5)


@pytest.mark.parametrize(
    ("options", "start", "calls"),
    [
        ({}, 0.0, 1),  # it is there: nothing to do
        ({"tolerance_change": 100.0}, 3.0, 1),  # no slope is worth a step
        ({"tolerance_change": 2.0}, 3.0, 2),  # the first step, of size 1 at most, is small enough to be the last
        ({"max_iter": 2, "max_eval": 9}, 3.0, 2),  # after the last step nobody needs to know
        ({"max_iter": 1}, 3.0, 1),
        ({"max_eval": 2, "max_iter": 9}, 3.0, 2),
    ],
)
def test_lbfgs_asks_no_more_often_than_it_must(options, start, calls):
    w = ag.tensor([start], requires_grad=True)
    asked = []
    opt = optim.LBFGS([w], lr=0.1, **options)
    minimise(opt, lambda: asked.append(1) or (w**2).sum(), 1)
    assert len(asked) == calls


@pytest.mark.parametrize(
    ("options", "calls", "loss"),
    [  # as PyTorch 2.13 does it
        ({"lr": 0.1, "max_iter": 5}, [5, 5, 5, 5], 4.265336005782761),
        ({"max_iter": 1}, [1, 1, 1, 1], 6.412442546983449),
        ({"lr": 0.5, "history_size": 2}, [20, 20, 20], None),
        ({"line_search_fn": "strong_wolfe"}, [25, 19], None),
        ({"line_search_fn": "strong_wolfe", "lr": 0.1}, [25, 26, 25], None),
        ({"line_search_fn": "strong_wolfe", "lr": 3.0, "max_iter": 7}, [8, 9, 8, 8], 0.6495405293992256),
        ({"line_search_fn": "strong_wolfe", "max_eval": 6}, [6, 6, 7, 7], 0.6529776962626517),
        ({"line_search_fn": "strong_wolfe", "max_eval": 1}, [2, 2, 2, 2], 24.2),
    ],
)
def test_lbfgs_computes_the_loss_as_often_as_pytorch(options, calls, loss):
    w = ag.tensor([-1.2, 1.0], requires_grad=True)
    asked = []
    opt = optim.LBFGS([w], **options)
    counts = []
    for _ in calls:
        minimise(opt, lambda: asked.append(1) or (1 - w[0]) ** 2 + 100 * (w[1] - w[0] ** 2) ** 2, 1)
        counts.append(len(asked) - sum(counts))
    assert counts == calls
    if loss is not None:
        assert rosenbrock(w).item() == pytest.approx(loss, rel=1e-6)


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_a_line_search_comes_back_from_where_the_loss_is_nan():
    w = ag.tensor([3.0], requires_grad=True)
    minimise(optim.LBFGS([w], lr=100.0, line_search_fn="strong_wolfe"), lambda: (w - np.log(w)).sum(), 3)
    assert w.item() == pytest.approx(1.0, abs=1e-4)


def test_lbfgs_that_fails_leaves_everything_as_it_was():
    w = ag.tensor([-1.2, 1.0], requires_grad=True)
    opt = optim.LBFGS([w], max_iter=3)
    minimise(opt, lambda: rosenbrock(w), 1)
    before, state = w.data.copy(), opt.state_dict()
    asked = []
    with pytest.raises(ZeroDivisionError):
        minimise(opt, lambda: rosenbrock(w) if asked.append(1) or len(asked) < 3 else 1 / 0, 1)
    np.testing.assert_array_equal(w.data, before)
    np.testing.assert_equal(opt.state_dict(), state)


def test_lbfgs_goes_on_exactly_from_its_state():
    def fresh(at):
        w = ag.tensor(at, requires_grad=True)
        return w, optim.LBFGS([w], lr=0.3, max_iter=2, history_size=3)

    w, opt = fresh([-1.2, 1.0])
    minimise(opt, lambda: rosenbrock(w), 4)
    u, other = fresh(w.data)
    other.load_state_dict(opt.state_dict())
    assert minimise(opt, lambda: rosenbrock(w), 4) == minimise(other, lambda: rosenbrock(u), 4)
    np.testing.assert_array_equal(w.data, u.data)

    v, third = fresh([0.0, 0.0])
    state = opt.state_dict()
    short = {**state["history"], "last": (np.zeros(1), np.zeros(1))}
    odd = [{**state["history"], key: value} for key, value in (("last", 3), ("steps", "x"), ("changes", []))]
    for wrong in ({**state, "history": h} for h in ({}, short, None, *odd)):
        with pytest.raises(ValueError, match=r"LBFGS\.load_state_dict"):
            third.load_state_dict(wrong)
    assert third._history["last"] is None
    assert v.data.tolist() == [0.0, 0.0]


def test_numbers_may_come_in_another_order_or_be_others_in_another_step():
    class Alternating(optim.Optimizer):
        def initial(self, group):
            return {"step": 0}

        def numbers(self, group, state):
            t = state["step"]
            numbers = {"shift": 1.0, "unused": 7.0, "rate": 0.5} if t % 3 else {"rate": 0.5, "shift": 1.0}
            return numbers, {"step": t + 1}

        def rule(self, p, g, state, n, group):
            return n.rate * g + n.shift, {}

    for copied in (True, False):  # with new arrays in each step, and with the same
        p = ag.tensor(START, requires_grad=True)
        opt = Alternating([p], {})
        expected = START.copy()
        for g in GRADIENTS:
            if copied:
                p.data = p.data.copy()
            p.grad = g
            opt.step()
            expected -= 0.5 * g + 1.0
            np.testing.assert_allclose(p.data, expected, rtol=1e-12)
