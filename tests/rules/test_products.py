"""Products of any rank: as NumPy forms them, with derivatives, and with errors that name the shapes."""

import numpy as np
import pytest
from agreement import agrees
from thorough import mostly_thorough

import autograd_lite as ag

rng = np.random.default_rng(0)


def N(*shape):
    return rng.normal(size=shape)


def C(*shape):
    return N(*shape) + 1j * N(*shape)


def operand(shape, complex_):
    return C(*shape) if complex_ else N(*shape)


MATMUL = [
    ((2, 3), (3, 4)),
    ((3,), (3,)),
    ((3,), (3, 2)),
    ((2, 3), (3,)),
    ((3,), (2, 3, 4)),
    ((2, 2, 3), (3,)),
    ((4, 2, 3), (3, 2)),
    ((2, 3), (4, 3, 2)),
    ((2, 1, 2, 3), (3, 3, 2)),
    ((1, 1), (1, 1)),
    ((2, 2, 1, 3), (2, 3, 1)),
]


@pytest.mark.parametrize("complex_", [False, True])
@pytest.mark.parametrize("shapes", MATMUL, ids=str)
def test_matmul(shapes, complex_):
    agrees(lambda a, b: a @ b, *(operand(s, complex_) for s in shapes), order=2)


@pytest.mark.parametrize(
    "shapes", [((0, 3), (3, 2)), ((2, 0), (0, 3)), ((0, 2, 3), (3, 2)), ((4, 2, 0), (0, 3)), ((0,), (0, 2))]
)
def test_matmul_of_nothing_has_gradients_of_its_shapes(shapes):
    a, b = (ag.tensor(np.ones(s), requires_grad=True) for s in shapes)
    y = a @ b
    assert y.shape == np.matmul(np.ones(shapes[0]), np.ones(shapes[1])).shape
    y.sum().backward()
    np.testing.assert_array_equal(a.grad.data, np.zeros(shapes[0]))
    np.testing.assert_array_equal(b.grad.data, np.zeros(shapes[1]))


def test_a_stack_by_one_matrix_is_summed_in_the_product():
    """The gradient of the shared matrix is that of the loop over the stack, in any layout of memory."""
    x, w, g = N(3, 5, 4).transpose(1, 0, 2), N(4, 2), N(5, 3, 2)
    dx, dw = ag.vjp(np.matmul, x, w)[1](g)
    np.testing.assert_allclose(dw, sum(a.T @ b for a, b in zip(x, g, strict=True)), rtol=1e-13)
    np.testing.assert_allclose(dx, g @ w.T, rtol=1e-13)


DOT = [
    ((2, 3), (3, 4)),
    ((3,), (3,)),
    ((2, 3), (3,)),
    ((3,), (3, 2)),
    ((), (2, 3)),
    ((2,), ()),
    ((), ()),
    ((2, 2, 3), (4, 3, 2)),
    ((3,), (2, 3, 2)),
    ((2, 2, 3), (3,)),
]


@pytest.mark.parametrize("complex_", [False, True])
@pytest.mark.parametrize("shapes", DOT, ids=str)
def test_dot(shapes, complex_):
    agrees(np.dot, *(operand(s, complex_) for s in shapes))


CASES = {
    "dot, method": (lambda a, b: a.dot(b), N(2, 3), N(3)),
    "outer": (np.outer, N(2), N(3)),
    "outer flattens": (np.outer, N(2, 2), N(3, 1)),
    "outer, complex": (np.outer, C(2), C(3)),
    "outer of a number": (np.outer, N(), N(3)),
    "vdot": (np.vdot, N(3), N(3)),
    "vdot conjugates the first": (np.vdot, C(2, 2), C(2, 2)),
    "vdot, one complex": (np.vdot, C(3), N(3)),
    "vecdot": (np.vecdot, N(2, 3), N(4, 1, 3)),
    "vecdot conjugates the first": (np.vecdot, C(2, 3), C(2, 3)),
    "vecdot, axis": (lambda a, b: np.vecdot(a, b, axis=0), C(3, 2), N(3, 2)),
    "inner": (np.inner, N(2, 3), N(4, 3)),
    "inner of vectors": (np.inner, C(3), C(3)),
    "inner by a number": (np.inner, N(), N(2)),
    "tensordot": (np.tensordot, N(2, 3, 4), N(3, 4, 2)),
    "tensordot, complex": (np.tensordot, C(2, 3, 2), C(3, 2)),
    "tensordot, unordered": (lambda a, b: np.tensordot(a, b, ([2, 0], [0, 1])), N(2, 3, 4), N(4, 2, 2)),
    "tensordot, to the right": (lambda a, b: np.tensordot(a, b, ([0, 2], [3, 0])), N(2, 3, 2), N(2, 1, 2, 2)),
    "tensordot, one axis": (lambda a, b: np.tensordot(a, b, (0, -1)), N(3, 2), N(4, 3)),
    "tensordot, none": (lambda a, b: np.tensordot(a, b, 0), N(2), N(2)),
    "kron": (np.kron, N(2, 3), N(3, 2)),
    "kron of unequal ranks": (np.kron, N(2), N(2, 2, 3)),
    "kron, complex": (np.kron, C(2, 1, 2), C(3)),
    "kron by a number": (np.kron, N(), N(2)),
    "cross": (np.cross, N(3), N(3)),
    "cross, broadcast": (np.cross, N(2, 1, 3), N(4, 3)),
    "cross, complex": (np.cross, C(3), C(2, 3)),
    "cross, axis": (lambda a, b: np.cross(a, b, axis=0), N(3, 2), N(3, 2)),
    "cross, axes": (lambda a, b: np.cross(a, b, axisa=0, axisb=1, axisc=0), N(3, 4), N(4, 3)),
    "trace": (np.trace, N(3, 3)),
    "trace, method": (lambda a: a.trace(1), N(3, 4)),
    "trace, axes": (lambda a: np.trace(a, -1, 2, 0), C(2, 3, 4)),
    "multi_dot of two": (lambda a, b: np.linalg.multi_dot([a, b]), N(2, 3), N(3, 2)),
    "multi_dot": (lambda a, b, c: np.linalg.multi_dot([a, b, c]), N(2, 3), N(3, 4), N(4, 2)),
    "multi_dot, complex": (lambda a, b, c: np.linalg.multi_dot([a, b, c]), C(2, 3), C(3, 1), N(1, 2)),
    "multi_dot, vectors at the ends": (lambda a, b, c: np.linalg.multi_dot([a, b, c]), N(3), N(3, 4), N(4)),
    "multi_dot, a vector in front": (lambda a, b: np.linalg.multi_dot((a, b)), N(3), N(3, 4)),
    "matvec": (np.matvec, N(4, 2, 3), N(3)),
    "matvec, complex": (np.matvec, C(2, 3), C(5, 1, 3)),
    "vecmat": (np.vecmat, N(3), N(4, 3, 2)),
    "vecmat conjugates the vector": (np.vecmat, C(5, 1, 3), C(3, 2)),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_agrees_with_numpy(case):
    f, *arrays = CASES[case]
    agrees(f, *arrays)


@pytest.mark.parametrize("sizes", [(2, 2), (2, 3), (3, 4)])
def test_vectors_of_three_entries_only(sizes):
    with pytest.raises(ValueError, match=f"cross: expected vectors of 3 entries, got {sizes[0]} and {sizes[1]}"):
        ag.cross(ag.tensor(N(4, sizes[0])), N(4, sizes[1]))


def test_float32_stays():
    a, b = N(2, 3).astype("f4"), N(3, 2).astype("f4")
    for f in (
        np.matmul,
        np.dot,
        lambda a, b: np.einsum("ij,jk", a, b),
        lambda a, b: np.kron(a, b),
        lambda a, b: np.tensordot(a, b, 1),
    ):
        y, pull = ag.vjp(f, a, b)
        assert y.dtype == np.float32
        assert [d.dtype for d in pull(np.ones_like(y))] == [np.float32] * 2


def test_the_second_derivative_of_a_product_is_the_other_pair():
    """d2/(da db) of a.b is the identity, and nothing is quadratic in one factor."""
    h = ag.jacobian(ag.grad(np.dot, argnums=0), argnums=1)(N(3), N(3))
    np.testing.assert_array_equal(h, np.eye(3))
    assert not ag.hessian(lambda a: np.dot(a, np.arange(3.0)))(N(3)).any()


@pytest.mark.parametrize(
    ("f", "shapes", "message"),
    [
        (
            np.matmul,
            [(2, 3), (2, 3)],
            r"matmul\(tensor \(2, 3\), tensor \(2, 3\)\): the last size of the first must equal",
        ),
        (np.matmul, [(2, 2, 3), (2, 3)], "matmul.*the last size of the first must equal"),
        (np.dot, [(2, 3), (2, 3)], r"dot\(tensor \(2, 3\), tensor \(2, 3\)\)"),
        (np.inner, [(2, 3), (2, 2)], "inner: the last sizes"),
        (np.tensordot, [(2, 3), (3, 2)], r"tensordot.*have sizes \[2, 3\], .*have \[3, 2\]"),
        (np.cross, [(4,), (4,)], "cross: expected vectors of 3 entries, got 4 and 4"),
        (lambda a, b: np.linalg.multi_dot([a, b, b]), [(2, 2), (3, 2)], "the last size of the first"),
    ],
)
def test_shapes_that_do_not_fit_are_named(f, shapes, message):
    with pytest.raises(ValueError, match=message):
        f(*(ag.tensor(np.ones(s), requires_grad=True) for s in shapes))


@pytest.mark.parametrize("product", [np.dot, np.inner, np.outer, np.kron, lambda a, b: np.tensordot(a, b, 0)])
@pytest.mark.parametrize("number", mostly_thorough([2.0, 3, True, np.float64(1.5), np.array(2.0)]))
def test_products_with_a_number(product, number):
    for shape in ((3,), (2, 3), (), (0,), (2, 0)):
        agrees(lambda x: product(x, number), N(*shape))
        agrees(lambda x: product(number, x), N(*shape))


@pytest.mark.parametrize(
    "shapes",
    [
        ((2, 0), (0, 3), (3, 2)), ((0, 3), (3, 3), (3, 2)), ((0,), (0, 3), (3, 2)), ((3,), (3, 0), (0, 3)),
        ((2, 0), (0, 3)), ((0,), (0,)), ((3,), (2, 3, 3)), ((2, 3), (2, 3, 2)), ((), (3,)),
    ],
)  # fmt: skip
def test_multi_dot_of_empty_arrays_and_of_two_of_any_rank(shapes):
    agrees(lambda *xs: np.linalg.multi_dot(xs), *(N(*shape) for shape in shapes))


def test_matmul_by_a_number_is_refused():
    with pytest.raises(ValueError, match="matmul"):
        ag.tensor(np.ones((2, 2))) @ 2.0


@pytest.mark.parametrize("f", [np.dot, np.outer])
def test_out_is_refused(f):
    x = ag.tensor(np.ones(2), requires_grad=True)
    with pytest.raises(TypeError, match="out= writes into an array"):
        f(x, x, out=np.ones(2))
