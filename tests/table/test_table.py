"""Generated from the table, for every row: values as NumPy's, derivatives as finite differences', and invariants.

What is measured by differences is :func:`autograd_lite.testing.rows.check_row`'s: first and second order, forward
mode against differences and against reverse mode, layouts in memory, ties and kinks. Beside it are compared here
values and dtypes, each pair of shapes that broadcast, and numbers that Hypothesis draws at the edges. The domains
have a file of their own, `test_domains.py`.
"""

import itertools

import numpy as np
import pytest
from allowances import ALLOWANCES, listed
from hypothesis import HealthCheck, Phase, assume, given, settings, strategies as st
from thorough import EVERY_CASE, some

import autograd_lite as ag
from autograd_lite.base.tree import leaves, rebuild
from autograd_lite.table import ROWS, Joint
from autograd_lite.testing import rows
from autograd_lite.testing.case import cotangent_like
from autograd_lite.testing.leaves import as_array, is_differentiable
from autograd_lite.testing.rows import all_rows, check_row, domains, elementwise_point, of_dtype, points
from autograd_lite.testing.strategies import SPECIAL, broadcastable

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")  # kinks and edges are what is looked at

TABLE = sorted((row for row in all_rows() if row.builtin), key=lambda row: row.name)
DIFFERENTIABLE = [row for row in TABLE if row.kind != "constant"]
ELEMENTWISE = [row for row in DIFFERENTIABLE if row.kind == "elementwise"]
OTHERS = [row for row in DIFFERENTIABLE if row.kind != "elementwise"]
DTYPES = (np.float64, np.float32, np.complex128, np.float16, np.complex64)

NUMPY = {}  # the functions that a row is the derivative of, by its name
for function, row in ROWS.items():
    if function not in NUMPY.setdefault(row.name, []):
        NUMPY[row.name].append(function)


def for_each(among):
    return pytest.mark.parametrize("row", among, ids=lambda row: row.name)


def drawn(fraction, test, row):
    """Fewer examples than in Hypothesis' profile, because there are many rows; the same in every run."""
    most = settings.default.max_examples if EVERY_CASE[0] else settings.default.max_examples // 4
    shrink = () if listed(test, row) else (Phase.shrink,)
    return settings(
        max_examples=max(1, int(most * fraction)), deadline=None, database=None, derandomize=most <= 100,
        phases=(Phase.generate, *shrink), suppress_health_check=list(HealthCheck),
    )  # fmt: skip


# ------------------------------------------------------------------------------------------------ what is compared


def frozen(tree):
    """Read-only copies of all arrays in a tree."""

    def copy(v):
        if not isinstance(v, np.ndarray):
            return v
        v = v.copy(order="K")
        v.flags.writeable = False
        return v

    return rebuild(tree, [copy(v) for v in leaves(tree)])


def is_variable(v):
    return isinstance(v, np.ndarray) and is_differentiable(v)


def on_tensors(f, args, keywords):
    """The result, as a list of its arrays, and the tensors to differentiate with respect to."""

    def tensor(v):
        return ag.tensor(v, requires_grad=True) if is_variable(v) else v

    tensors = [rebuild(a, [tensor(v) for v in leaves(a)]) for a in args]
    with np.errstate(all="ignore"):
        y = f(*tensors, **keywords)
    return leaves(y), [v for v in leaves(tensors) if isinstance(v, ag.Tensor)]


def gradient(ys, xs, gs):
    """The gradient of <g, y> by each x as arrays, nothing's as zeros."""
    pairs = [(y, g) for y, g in zip(ys, gs, strict=True) if isinstance(y, ag.Tensor) and y.requires_grad]
    if not pairs or not xs:
        return [np.zeros(x.shape, x.dtype) for x in xs]
    with np.errstate(all="ignore"):
        found = ag.autograd.grad([y for y, _ in pairs], xs, [g for _, g in pairs], allow_unused=True)
    return [np.zeros(x.shape, x.dtype) if d is None else d.numpy() for x, d in zip(xs, found, strict=True)]


def close(got, expected, eps, dtype=None):
    """Equal but for rounding by `eps`; positions may be whole numbers of any size."""
    got, expected = as_array(got), as_array(expected)
    assert got.shape == expected.shape
    if expected.dtype.kind not in "fc":
        assert got.dtype.kind == expected.dtype.kind
        assert np.array_equal(got, expected)
        return
    assert got.dtype == (dtype or expected.dtype)
    with np.errstate(over="ignore"):
        expected = expected.astype(got.dtype)  # what is too large for half precision is infinite
    rounding = 64 * max(eps, float(np.finfo(got.dtype).eps))
    size = np.abs(expected).max(initial=0.0, where=np.isfinite(expected))
    np.testing.assert_allclose(got, expected, rtol=rounding, atol=rounding * float(size), equal_nan=True)


def arrays_of(y):
    return [as_array(v) for v in leaves(y)]


def without_integers(gs):
    return [g if g.dtype.kind in "fc" else np.zeros(g.shape) for g in gs]


# ------------------------------------------------------------------------------------------------------- every row


def test_every_row_has_points():
    rng = np.random.default_rng(0)
    without = [row.name for row in OTHERS if not any(True for _ in points(row, rng))]
    assert without == [], "these rows need examples="


def test_every_allowance_is_for_a_row():
    names = {row.name for row in TABLE}
    listed = [name for a in ALLOWANCES for name in a.rows.split()]
    assert set(listed) <= names
    for test in {a.test for a in ALLOWANCES}:
        rows = [name for a in ALLOWANCES if a.test == test for name in a.rows.split()]
        assert len(rows) == len(set(rows)), test


@for_each(DIFFERENTIABLE)
def test_derivatives(row, allowed, monkeypatch):
    """By default not in float32 too, whose gradients the next test compares with those of float64."""

    def other(row, args, keywords, dtype, rng):
        return None if dtype is np.float32 else of_dtype(row, args, keywords, dtype, rng)

    if not EVERY_CASE[0]:
        monkeypatch.setattr(rows, "of_dtype", other)
    with allowed("derivatives", row):
        report = check_row(row, most=None if EVERY_CASE[0] else 1).throw()
        assert report.looked_at["adjoint identities"] > 0


@for_each(DIFFERENTIABLE)
def test_values_and_dtypes(row, allowed):
    """As NumPy's, in each precision; a gradient has its argument's dtype; nothing given is written into."""
    at = list(points(row, np.random.default_rng(1)))
    for dtype in some(DTYPES, 3):
        with allowed(f"values, {np.dtype(dtype)}", row) as times:
            for args, keywords in some(at) if dtype is np.float64 else some(at[:3]):
                if dtype is not np.float64:
                    args = of_dtype(row, args, keywords, dtype, np.random.default_rng(2))
                if args is not None:  # else NumPy has no loop for it
                    one_value(row, args, keywords, times)


def one_value(row, args, keywords, times):
    args, before = frozen(args), frozen(args)
    eps = times * max((float(np.finfo(v.dtype).eps) for v in leaves(args) if is_variable(v)), default=0.0)
    own = arrays_of(row.on_arrays(*args, **keywords))
    for function in (row, *NUMPY.get(row.name, ())):
        try:
            with np.errstate(all="ignore"):
                expected = own if function is row else arrays_of(function(*args, **keywords))
        except TypeError:
            continue  # SciPy has no loop for it
        ours = row if function.__class__.__name__ == "function" and "scipy" in function.__module__ else function
        try:
            ys, xs = on_tensors(ours, args, keywords)
        except TypeError as error:
            if "complex" not in str(error):
                raise
            return  # it raises
        for y, e, o in zip(ys, expected, own, strict=True):
            close(y.detach() if isinstance(y, ag.Tensor) else y, e, eps, dtype=o.dtype)
    gs = without_integers(frozen([as_array(g) for g in cotangent_like(own, np.random.default_rng(0))]))
    try:
        found = gradient(ys, xs, gs)
    except (TypeError, np.linalg.LinAlgError) as error:
        if "complex" not in str(error) and "it has no derivative" not in str(error):
            raise
        return  # it raises
    exact = gradient(*on_tensors(row, in_double(args), keywords), gs)
    for d, e, x in zip(found, exact, xs, strict=True):
        close(d, e, eps, dtype=x.dtype)
    for a, b in zip(leaves(args), leaves(before), strict=True):
        assert not isinstance(a, np.ndarray) or np.array_equal(a, b, equal_nan=True)


def in_double(args):
    def double(v):
        return v.astype(np.result_type(v, np.float64)) if is_variable(v) else v

    return [rebuild(a, [double(v) for v in leaves(a)]) for a in args]


# --------------------------------------------------------------------------------------------- derivative zero: known

X, V, K = np.array([[0.5, -1.5, 2.5], [3.0, 0.0, -2.0]]), np.array([0.25, 1.75, 3.0]), np.array([[1, 2, 3], [5, 0, 7]])
CALLS = {  # what to call the constant functions with that take something else than X, or X and V
    "argpartition": (X, 1), "digitize": (X, V), "isclose": (X, V), "isin": (X, V), "searchsorted": (V, X),
    "packbits": (K > 1,), "unpackbits": (K.astype(np.uint8),),
    "ravel_multi_index": ((K[0], K[0]), (4, 4)), "unravel_index": (K, (4, 4)), "isnat": (np.array(["NaT"], "M8[s]"),),
}  # fmt: skip


@for_each([row for row in TABLE if row.kind == "constant" and row.name in NUMPY])  # the others are parts of rows
def test_constants(row):
    """As NumPy's, off the record, and forward mode finds no slope."""
    function, args = NUMPY[row.name][0], CALLS.get(row.name)
    if args is None:
        whole = row.name.startswith(("bitwise", "left", "right", "gcd", "lcm", "invert"))
        args = (K if whole else X, K[0] if whole else V)[: getattr(function, "nin", 1)]
    for on in (row, function):
        ys, _ = on_tensors(on, args, {})
        for y, e in zip(ys, arrays_of(function(*args)), strict=True):
            assert not getattr(y, "requires_grad", False)
            assert as_array(y).shape == e.shape
            assert row.name == "empty_like" or np.array_equal(as_array(y), e)
    if is_variable(args[0]):
        first = (lambda x: row(x)[0]) if row.outputs else (lambda x: row(x, *args[1:]))
        assert not np.any(ag.jvp(first, (args[0],), (args[0],))[1])


# ---------------------------------------------------------------------------------------------------- broadcasting

SHAPES = ((), (1,), (3,), (2, 1), (2, 3), (1, 3), (0,))
PAIRS = [((), (2, 3)), ((2, 1), (1, 3)), ((2, 3), (3,)), ((1, 3), (2, 1)), ((3,), (0,)), ((1,), (0,))]  # by default
PAIRS += [pair for pair in itertools.product(SHAPES, repeat=2) if pair not in PAIRS]
SEVERAL = [row for row in ELEMENTWISE if len(row.rules) > 1]


def cut(x, shape):
    """The beginning of a (2, 3) array, in another shape."""
    index = (0,) * (2 - len(shape)) + tuple(slice(n) for n in shape)
    return np.ascontiguousarray(x[index]).reshape(shape)


def matrices(row):
    """A (2, 3) array for each argument of an elementwise row, anything beside anything else in its domain."""
    rng = np.random.default_rng(3)
    if not row.examples:
        return elementwise_point(row, (2, 3), rng), {}
    args, keywords = row.examples[0](rng)
    args, keywords = row.bind(*args, **keywords) if row.bind else (args, keywords)
    return tuple(np.resize(x, (2, 3)) for x in args), keywords


@for_each(SEVERAL)
def test_every_broadcast_of_two_shapes(row):
    """Its gradient is that of the arguments repeated beforehand, summed; its tangent theirs."""
    full, keywords = matrices(row)
    called = row if not keywords else lambda *xs: row(*xs, **keywords)
    for pair in some(PAIRS, 6):
        args = [cut(x, pair[k % 2]) for k, x in enumerate(full)]
        try:
            shape = np.broadcast_shapes(*pair)
        except ValueError:
            with pytest.raises(ValueError, match=r"broadcast"):
                row(*map(ag.tensor, args), **keywords)
            continue
        one_broadcast(called, args, shape, [k for k in variables(row) if args[k].dtype.kind == "f"])


def variables(row):
    """The arguments that have a derivative: the order of a Bessel function has none, and raises."""
    return [k for k, rule in enumerate(row.rules) if rule is not None and getattr(rule, "__name__", "") != "refuse"]


def one_broadcast(f, args, shape, places):
    def of_places(*xs):
        filled = list(args)
        for k, x in zip(places, xs, strict=True):
            filled[k] = x
        return f(*filled)

    xs = [args[k] for k in places]
    repeated = [np.broadcast_to(x, shape).copy() for x in xs]
    y, pull = ag.vjp(of_places, *xs)
    z, pull_repeated = ag.vjp(of_places, *repeated)
    assert y.shape == z.shape == shape
    assert np.array_equal(y, z)
    g = cotangent_like(y, np.random.default_rng(0))
    vs = [np.asarray(np.cos(x + k)) for k, x in enumerate(xs)]
    for d, d_repeated, x, v in zip(pull(g), pull_repeated(g), xs, vs, strict=True):
        assert d.shape == x.shape
        assert d.dtype == x.dtype
        np.testing.assert_allclose(np.sum(d * v), np.sum(d_repeated * v), rtol=1e-10, atol=1e-10)
    tangent, tangent_repeated = (
        ag.jvp(of_places, primals, [np.broadcast_to(v, p.shape).copy() for v, p in zip(vs, primals, strict=True)])[1]
        for primals in (xs, repeated)
    )
    assert tangent.shape == shape
    np.testing.assert_allclose(tangent, tangent_repeated, rtol=1e-12, atol=1e-12)


# ---------------------------------------------------------------------------------------- numbers as Hypothesis likes

SPECIALS = (*SPECIAL, 1.0, -1.0, 0.5)


@st.composite
def elementwise_arguments(draw, row):
    """Of shapes that broadcast, inside the domain, often at its edge; signed zeros, subnormal and large numbers."""
    if row.examples:
        args, keywords = draw(spiced(row))
        inside = tuple(row.bind(*args, **keywords)[0] if row.bind else args)
    else:
        at = [None if k in variables(row) else st.integers(1, 3) for k in range(len(row.rules))]
        joint = isinstance(row.domain, Joint)
        each = [None] * len(at) if joint else list(domains(row))
        args, keywords = draw(broadcastable(len(at), each, edge=True, max_dims=2)), {}
        args = inside = tuple(x if s is None else np.full(x.shape, draw(s)) for x, s in zip(args, at, strict=True))
    if isinstance(row.domain, Joint):
        assume(np.all(row.domain.contains(*inside)))
    else:
        assume(all(np.all(d.contains(x)) for d, x in zip(domains(row), inside, strict=True)))
    return args, keywords


@st.composite
def spiced(draw, row):
    """One of a row's examples, with a few of its numbers replaced by special ones."""
    examples = list(points(row, np.random.default_rng(draw(st.integers(0, 3)))))
    args, keywords = draw(st.sampled_from(examples))

    def changed(v):
        if not is_variable(v) or not v.size or v.dtype != np.float64:
            return v
        v = v.copy()
        for k, special in draw(st.lists(st.tuples(st.integers(0, v.size - 1), st.sampled_from(SPECIALS)), max_size=3)):
            v.flat[k] = special
        return v

    return [rebuild(a, [changed(v) for v in leaves(a)]) for a in args], keywords


def value_as_numpys(row, args, keywords):
    """The results, compared with NumPy's, and the tensors they were made of; None where NumPy raises an error."""
    try:
        own = arrays_of(row.on_arrays(*args, **keywords))
    except (ValueError, IndexError, ZeroDivisionError) as error:
        with pytest.raises((type(error), np.linalg.LinAlgError)):
            on_tensors(row, args, keywords)
        return None
    ys, xs = on_tensors(row, args, keywords)
    for y, o in zip(ys, own, strict=True):
        close(y.detach() if isinstance(y, ag.Tensor) else y, o, 1e-13, dtype=o.dtype)
    return ys, xs


@for_each(ELEMENTWISE)
def test_numbers_at_the_edge(row, allowed):
    """Where long doubles say that a partial derivative is finite, it is, and the same."""

    @drawn(0.15, "numbers at the edge", row)
    @given(elementwise_arguments(row))
    def check(point):
        args, keywords = point
        found = value_as_numpys(row, args, keywords)
        gs = [np.ones(y.shape, y.dtype) for y in found[0]]
        ds = gradient(*found, gs)
        assert [(d.shape, d.dtype) for d in ds] == [(x.shape, x.dtype) for x in found[1]]
        if not all(np.isfinite(as_array(y.detach())).all() for y in found[0]) or row.at_kink(*args).any():
            return
        longs = [x.astype(np.longdouble) if is_variable(x) and x.dtype.kind == "f" else x for x in args]
        try:
            ys, xs = on_tensors(row, longs, keywords)
            exact = gradient(ys, xs, [np.ones(y.shape, y.dtype) for y in ys])
        except TypeError:  # SciPy has no long doubles
            exact = ds
            assert not any(np.isnan(d).any() for d in ds)
        for d, e in zip(ds, exact, strict=True):
            e = e.astype(d.dtype)
            finite = np.isfinite(e)
            np.testing.assert_allclose(d[finite], e[finite], rtol=1e-6, atol=1e-9)

    with allowed("numbers at the edge", row):
        check()


@for_each(OTHERS)
def test_special_numbers(row, allowed):
    """Values are NumPy's, gradients of the right shape and dtype, and no nan or infinity comes of finite numbers."""

    @drawn(0.1, "special numbers", row)
    @given(spiced(row))
    def check(point):
        args, keywords = point
        found = value_as_numpys(row, args, keywords)
        if found is None:
            return
        own = arrays_of(rebuild(found[0], [y.detach() if isinstance(y, ag.Tensor) else y for y in found[0]]))
        gs = without_integers([as_array(cotangent_like(o, np.random.default_rng(0))) for o in own])
        try:
            ds = gradient(*found, gs)
        except np.linalg.LinAlgError as error:
            if "derivative" not in str(error) and "singular" not in str(error).lower():
                raise
            return  # it raises
        assert [(d.shape, d.dtype) for d in ds] == [(x.shape, x.dtype) for x in found[1]]
        if all(np.isfinite(o).all() for o in own):
            assert all(np.isfinite(d).all() for d in ds)

    with allowed("special numbers", row):
        check()
