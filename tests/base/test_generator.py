"""Random numbers: seeds, states, generators of the user's; PyTorch's functions that make tensors."""

import json

import numpy as np
import pytest

import autograd_lite as ag


def test_a_seed_begins_the_stream_anew():
    _ = ag.manual_seed(7)
    first = [ag.randn(3).data, ag.rand(2).data, ag.randint(0, 9, (4,)).data, ag.randperm(5).data]
    assert ag.manual_seed(7) is ag.default_generator
    again = [ag.randn(3).data, ag.rand(2).data, ag.randint(0, 9, (4,)).data, ag.randperm(5).data]
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a, b)
    assert ag.initial_seed() == 7
    _ = ag.manual_seed(-1)
    assert ag.randn(1).shape == (1,)


def test_a_state_can_be_kept_in_json_and_gone_back_to():
    ag.randn(3)
    state = json.loads(json.dumps(ag.get_rng_state()))
    a = ag.randn(3).data
    ag.set_rng_state(state)
    np.testing.assert_array_equal(ag.randn(3).data, a)


def test_generators_are_independent():
    g = ag.Generator().manual_seed(0)
    a = ag.randn(3, generator=g).data
    ag.randn(100)
    b = ag.randn(3, generator=g).data
    _ = g.manual_seed(0)
    np.testing.assert_array_equal(ag.randn(6, generator=g).data, np.concatenate([a, b]))
    np.testing.assert_array_equal(
        ag.rand(3, generator=np.random.default_rng(1)).data, np.random.default_rng(1).random(3)
    )
    with pytest.raises(TypeError, match="generator="):
        ag.randn(3, generator="seed")
    with pytest.raises(ValueError, match="cuda"):
        ag.Generator("cuda")
    assert g.seed() == g.initial_seed()


def test_distributions():
    _ = ag.manual_seed(0)
    n = 20_000
    assert ag.randn(n).data.std() == pytest.approx(1, abs=0.02)
    x = ag.normal(3.0, 0.5, (n,)).data
    assert (x.mean(), x.std()) == (pytest.approx(3, abs=0.02), pytest.approx(0.5, abs=0.02))
    assert ag.normal(np.zeros(4), 1.0).shape == (4,)
    assert ag.bernoulli(np.full(n, 0.3)).data.mean() == pytest.approx(0.3, abs=0.02)
    assert set(ag.randint(2, 5, (n,)).tolist()) == {2, 3, 4}
    assert sorted(ag.randperm(9).tolist()) == list(range(9))
    like = ag.rand_like(ag.tensor(np.ones(n, np.float32)))
    assert like.dtype == np.float32
    assert like.data.mean() == pytest.approx(0.5, abs=0.02)
    assert ag.randn_like(ag.tensor([1, 2])).dtype == np.float64


def test_multinomial():
    _ = ag.manual_seed(0)
    weights = np.array([1.0, 0.0, 3.0])
    k = ag.multinomial(weights, 20_000, replacement=True).data
    np.testing.assert_allclose(np.bincount(k, minlength=3) / len(k), [0.25, 0, 0.75], atol=0.02)
    first = [ag.multinomial(weights, 2).tolist() for _ in range(400)]
    assert {tuple(k) for k in first} == {(0, 2), (2, 0)}
    assert sum(k == [2, 0] for k in first) / 400 == pytest.approx(0.75, abs=0.08)
    assert ag.multinomial(np.ones((3, 4)), 2).shape == (3, 2)
    for wrong in (
        lambda: ag.multinomial(weights, 3),
        lambda: ag.multinomial([-1.0, 2.0], 1),
        lambda: ag.multinomial([0.0], 1),
    ):
        with pytest.raises(ValueError, match="multinomial"):
            wrong()


def test_random_numbers_like_an_input_are_drawn_anew_by_a_program():
    program = ag.trace(lambda x: x + ag.randn_like(x))(np.zeros(5))
    assert not np.array_equal(program(np.zeros(5)), program(np.zeros(5)))
    assert ag.grad(lambda x: (x * ag.rand_like(x)).sum())(np.zeros(3)).shape == (3,)


# ------------------------------------------------------------------------------------------------ new tensors


def test_new_tensors():
    for got, want in [
        (ag.zeros(2, 3), np.zeros((2, 3))),
        (ag.zeros((2, 3)), np.zeros((2, 3))),
        (ag.ones(2, dtype=ag.float32), np.ones(2, np.float32)),
        (ag.full((2,), 7), np.array([7, 7])),
        (ag.full((2,), 7.0), np.array([7.0, 7.0])),
        (ag.eye(2, 3), np.eye(2, 3)),
        (ag.arange(3), np.arange(3)),
        (ag.arange(1, 2, 0.5), np.array([1, 1.5])),
        (ag.empty(0, 3), np.zeros((0, 3))),
    ]:
        assert isinstance(got, ag.Tensor)
        assert got.dtype == want.dtype
        np.testing.assert_array_equal(got.data, want)
    assert ag.zeros(()).shape == ()
    assert ag.ones(2, requires_grad=True).requires_grad
    assert ag.is_tensor(ag.ones(1))
    assert not ag.is_tensor(np.ones(1))


def test_from_arrays():
    a = np.arange(3.0)
    t = ag.from_numpy(a)
    a[0] = 5
    assert t.tolist() == [5, 1, 2]
    assert ag.as_tensor(t) is t
    assert ag.as_tensor([1, 2], dtype=ag.float64).dtype == np.float64
    with pytest.raises(TypeError, match="from_numpy takes an array"):
        ag.from_numpy([1.0])


def test_default_dtype_is_floating():
    with pytest.raises(TypeError, match="float"):
        ag.set_default_dtype(np.int64)
