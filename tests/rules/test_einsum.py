"""einsum, in all its notations."""

import numpy as np
import pytest
from agreement import agrees

import autograd_lite as ag
from autograd_lite.rules.einsum import explicit

rng = np.random.default_rng(0)


def N(*shape):
    return rng.normal(size=shape)


def C(*shape):
    return N(*shape) + 1j * N(*shape)


CALLS = {
    "product": ("ij,jk->ik", N(2, 3), N(3, 4)),
    "implicit": ("kj,ji", N(2, 3), N(3, 4)),
    "spaces": ("i j , j k -> i k", N(2, 3), N(3, 2)),
    "transpose": ("ij->ji", N(2, 3)),
    "sum": ("ij->", N(2, 3)),
    "row sums": ("ij->i", N(2, 3)),
    "trace": ("ii", N(3, 3)),
    "diagonal": ("ii->i", N(3, 3)),
    "diagonal of three": ("iii->i", N(2, 2, 2)),
    "diagonal beside an index": ("iij->j", N(2, 2, 3)),
    "two diagonals": ("iijj->ij", N(2, 2, 3, 3)),
    "diagonal in a product": ("ii,ij->j", N(2, 2), N(2, 3)),
    "diagonal that is summed": ("ii,j->j", N(2, 2), N(3)),
    "outer": ("i,j->ij", N(2), N(3)),
    "dot": ("i,i", N(3), N(3)),
    "hadamard": ("ij,ij->ij", N(2, 3), N(2, 3)),
    "an index of one factor alone": ("ij,k->i", N(2, 3), N(2)),
    "batches": ("bij,bjk->bik", N(2, 3, 2), N(2, 2, 3)),
    "ellipsis": ("...ij,...jk->...ik", N(2, 2, 3), N(3, 2)),
    "ellipses of different lengths": ("...i,i...->...", N(4, 2, 3), N(3, 1)),
    "ellipsis, implicit": ("...i,i", N(2, 3), N(3)),
    "ellipsis summed over a diagonal": ("ii...->...", N(2, 2, 3)),
    "three factors": ("ij,jk,kl->il", N(2, 3), N(3, 2), N(2, 3)),
    "four factors": ("i,j,ij,k->k", N(2), N(3), N(2, 3), N(2)),
    "the same factor in two places": ("i,ij,j", N(3), N(3, 3), N(3)),
    "complex": ("ij,jk->ik", C(2, 3), C(3, 2)),
    "one complex": ("ij,jk->ik", C(2, 3), N(3, 2)),
    "complex trace": ("ii", C(3, 3)),
    "broadcast sizes": ("ij,ij->ij", N(2, 1), N(2, 3)),
    "a broadcast size that is summed": ("ij,jk->ik", N(2, 1), N(3, 2)),
    "capitals": ("Ab,bA", N(2, 3), N(3, 2)),
    "numbers": (",->", N(), N()),
    "a number as a factor": ("ij,->ij", N(2, 2), N()),
    "large enough for matrix products": ("ij,jk->ik", N(3, 60), N(60, 30)),
}


@pytest.mark.parametrize("call", CALLS)
def test_agrees_with_numpy(call):
    subscripts, *arrays = CALLS[call]
    agrees(lambda *xs: np.einsum(subscripts, *xs), *arrays, order=2 if np.size(arrays[0]) < 50 else 1)


SPELLINGS = {
    "integers": lambda a, b: np.einsum(a, [0, 1], b, [1, 2], [2, 0]),
    "integers, implicit, far apart": lambda a, b: np.einsum(a, [30, 1], b, [1, 2]),
    "integers with an ellipsis": lambda a, b: np.einsum(a, [..., 0], b, [0, ...], [...]),
    "optimize": lambda a, b: np.einsum("ij,jk", a, b, optimize=True),
    "a path": lambda a, b: np.einsum("ij,jk", a, b, optimize=["einsum_path", (0, 1)]),
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_spellings(spelling):
    agrees(SPELLINGS[spelling], N(2, 3), N(3, 2))


def test_a_factor_may_be_any_array_or_list():
    x = ag.tensor([1.0, 2.0], requires_grad=True)
    np.einsum("i,i", [3.0, 4.0], x).backward()
    np.testing.assert_array_equal(x.grad.data, [3.0, 4.0])


def test_by_way_of_matrix_products_the_gradient_is_the_same():
    a, b = N(20, 30), N(30, 10)
    g = N(20, 10)
    da, db = ag.vjp(lambda a, b: np.einsum("ij,jk->ik", a, b), a, b)[1](g)
    np.testing.assert_allclose(da, g @ b.T, rtol=1e-12)
    np.testing.assert_allclose(db, a.T @ g, rtol=1e-12)


def test_einsum_path_looks_at_shapes_alone():
    a = ag.tensor(np.ones((2, 3)), requires_grad=True)
    assert np.einsum_path("ij,kj->ik", a, a)[0] == ["einsum_path", (0, 1)]


@pytest.mark.parametrize(
    ("subscripts", "ndims", "full"),
    [
        ("ij,jk", (2, 2), "ij,jk->ik"),
        ("ba", (2,), "ba->ab"),
        ("...i->...", (3,), "abi->ab"),
        ("...i,...i", (3, 2), "abi,bi->ab"),
        ("ii", (2,), "ii->"),
        ("...", (0,), "->"),
        ("...i->i", (2,), "...i->i"),  # NumPy will refuse it, and say why
        ("ij", (1,), "ij->ij"),
        ("i,j", (1,), "i,j"),
    ],
)
def test_the_canonical_notation(subscripts, ndims, full):
    assert explicit(subscripts, ndims) == full


@pytest.mark.parametrize("subscripts", ["ij,jk", "ij->ik", "ij->ii", "..i", "i1", "i", "ijk"])
def test_a_wrong_notation_is_an_error_that_names_einsum(subscripts):
    with pytest.raises(ValueError, match=r"einsum\("):
        np.einsum(subscripts, ag.tensor(np.ones((2, 3)), requires_grad=True))


def test_keywords_that_would_be_lost_are_refused():
    x = ag.tensor(np.ones(2), requires_grad=True)
    with pytest.raises(TypeError, match="dtype= is not supported"):
        np.einsum("i", x, dtype="f4")
    with pytest.raises(TypeError, match="out= writes into an array"):
        np.einsum("i", x, out=np.ones(2))


@pytest.mark.parametrize(("notation", "shapes", "products"), [
    ("vb,bij->vij", [(40, 30), (30, 20, 20)], True), ("bij,bjk->bik", [(16, 24, 24)] * 2, True),
    ("ij,jk,kl->il", [(20, 20)] * 3, True), ("i,j->ij", [(80,), (80,)], False), ("bi,bi->b", [(500, 20)] * 2, False),
    ("ij,jk->ik", [(3, 3)] * 2, False),
])  # fmt: skip
def test_long_loops_are_products_of_matrices(monkeypatch, notation, shapes, products):
    xs, plain, how = [N(*shape) for shape in shapes], np.einsum, []
    monkeypatch.setattr(np, "einsum", lambda *a, optimize=False: how.append(optimize) or plain(*a, optimize=optimize))
    assert np.allclose(ag.einsum(notation, ag.tensor(xs[0]), *xs[1:]).numpy(), plain(notation, *xs), rtol=1e-12)
    assert (how != [False]) == products  # two factors are a product of matrices at once
