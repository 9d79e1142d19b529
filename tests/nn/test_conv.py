"""Convolutions and pooling against loops over the windows; gradients to second order; errors; signatures."""

import inspect
import math
import pickle
from itertools import product

import numpy as np
import pytest
from nn_checks import check_layer, draw, shaken, value
from thorough import mostly_thorough

import autograd_lite as ag
import autograd_lite.nn.functional as F
from autograd_lite import nn
from autograd_lite.testing import assert_gradients


def tuple_of(v, n):
    return (v,) * n if isinstance(v, int) else tuple(v)


def pad(x, sides, value=0.0, **mode):
    widths = [(0, 0), (0, 0), *sides]
    return np.pad(x, widths, constant_values=value) if not mode else np.pad(x, widths, **mode)


def convolve(x, w, b, stride=1, padding=0, dilation=1, groups=1):
    """The definition, one number after the other."""
    n = x.ndim - 2
    s, p, d = (tuple_of(v, n) for v in (stride, padding, dilation))
    x = pad(x, [(q, q) for q in p])
    kernel = w.shape[2:]
    out = [(x.shape[2 + i] - d[i] * (kernel[i] - 1) - 1) // s[i] + 1 for i in range(n)]
    y = np.zeros((x.shape[0], w.shape[0], *out))
    per = w.shape[0] // groups
    for m, o in product(range(x.shape[0]), range(w.shape[0])):
        for at in np.ndindex(*out):
            total = 0.0 if b is None else b[o]
            for c in range(w.shape[1]):
                for k in np.ndindex(*kernel):
                    place = tuple(a * si + ki * di for a, si, ki, di in zip(at, s, k, d, strict=True))
                    total += w[(o, c, *k)] * x[(m, o // per * w.shape[1] + c, *place)]
            y[(m, o, *at)] = total
    return y


CONVOLUTIONS = [
    (nn.Conv1d, (2, 3, 7), (3, 4, 3), {}),
    (nn.Conv1d, (2, 4, 8), (4, 6, 3), {"stride": 2, "padding": 1, "dilation": 2, "groups": 2}),
    (nn.Conv2d, (2, 2, 5, 6), (2, 3, 3), {}),
    (nn.Conv2d, (1, 2, 5, 6), (2, 4, (2, 3)), {"stride": (2, 1), "padding": (1, 0), "groups": 2, "bias": False}),
    (nn.Conv2d, (1, 1, 6, 5), (1, 2, 2), {"dilation": (2, 3), "padding": 2}),
    (nn.Conv2d, (2, 3, 2, 3), (3, 2, 1), {}),
    (nn.Conv3d, (1, 2, 3, 4, 3), (2, 3, (2, 3, 2)), {"stride": (1, 2, 1), "padding": (0, 1, 1)}),
]


@pytest.mark.parametrize(("kind", "shape", "sizes", "options"), CONVOLUTIONS)
def test_convolution(kind, shape, sizes, options):
    layer = shaken(kind(*sizes, **options))
    x = draw(shape)
    b = None if layer.bias is None else layer.bias.data
    hand = {k: v for k, v in options.items() if k != "bias"}
    want = convolve(x, layer.weight.data, b, **hand)
    np.testing.assert_allclose(value(layer(x)), want, atol=1e-12)
    np.testing.assert_allclose(value(layer(x[0])), want[0], atol=1e-12)
    check_layer(layer, x)


@pytest.mark.parametrize("kernel", [3, (2, 4)])
def test_padding_same(kernel):
    layer = nn.Conv2d(1, 2, kernel, padding="same")
    x = draw((2, 1, 5, 6))
    assert layer(x).shape == (2, 2, 5, 6)
    k = tuple_of(kernel, 2)
    sides = [((m - 1) // 2, m - 1 - (m - 1) // 2) for m in k]
    want = convolve(pad(x, sides), layer.weight.data, layer.bias.data)
    np.testing.assert_allclose(value(layer(x)), want, atol=1e-12)
    assert nn.Conv2d(1, 2, kernel, padding="valid")(x).shape == (2, 2, 6 - k[0], 7 - k[1])


@pytest.mark.parametrize(("mode", "name"), [("reflect", "reflect"), ("replicate", "edge"), ("circular", "wrap")])
def test_padding_modes(mode, name):
    layer = nn.Conv2d(1, 1, 2, padding=(1, 2), padding_mode=mode)
    x = draw((1, 1, 4, 5))
    want = convolve(pad(x, [(1, 1), (2, 2)], mode=name), layer.weight.data, layer.bias.data)
    np.testing.assert_allclose(value(layer(x)), want, atol=1e-12)
    check_layer(layer, x)


TRANSPOSED = [
    (nn.ConvTranspose1d, nn.Conv1d, (2, 3, 4), (3, 2, 3), {}),
    (nn.ConvTranspose1d, nn.Conv1d, (1, 2, 3), (2, 4, 2), {"stride": 2, "padding": 1, "groups": 2}),
    (nn.ConvTranspose2d, nn.Conv2d, (1, 2, 3, 4), (2, 3, 2), {"stride": 2}),
    (
        nn.ConvTranspose2d,
        nn.Conv2d,
        (1, 2, 3, 2),
        (2, 4, 3),
        {"stride": 2, "padding": 1, "groups": 2, "dilation": 2},
    ),
    (nn.ConvTranspose3d, nn.Conv3d, (1, 2, 2, 2, 3), (2, 3, 2), {"stride": (1, 2, 1)}),
]


@pytest.mark.parametrize(("kind", "forward", "shape", "sizes", "options"), TRANSPOSED)
def test_transposed_convolution_is_the_transpose(kind, forward, shape, sizes, options):
    """<y, conv(x)> = <transposed(y), x> for all x: what a transpose is."""
    layer = kind(*sizes, **options, bias=False)
    y = draw(shape)
    up = value(layer(y))
    down = forward(sizes[1], sizes[0], *sizes[2:], **options, bias=False)
    down.weight.data[...] = layer.weight.data
    x = draw(up.shape, seed=5)
    assert np.vdot(y, value(down(x))) == pytest.approx(np.vdot(up, x))
    np.testing.assert_allclose(value(layer(y[0])), up[0], atol=1e-13)
    layer = shaken(kind(*sizes, **options))
    np.testing.assert_allclose(
        value(layer(y) - layer.bias.reshape(-1, *[1] * (y.ndim - 2))),
        value(getattr(F, f"conv_transpose{y.ndim - 2}d")(y, layer.weight, None, **options)),
        atol=1e-13,
    )
    check_layer(layer, y)


def test_output_padding_adds_rows_at_the_end():
    y = draw((1, 1, 3, 3))
    plain, more = nn.ConvTranspose2d(1, 1, 2, stride=2), nn.ConvTranspose2d(1, 1, 2, stride=2, output_padding=1)
    more.load_state_dict(plain.state_dict())
    assert more(y).shape == (1, 1, 7, 7)
    np.testing.assert_allclose(value(more(y))[..., :6, :6], value(plain(y)))
    np.testing.assert_allclose(value(more(y))[..., 6, :], plain.bias.data[0])


@pytest.mark.parametrize(
    ("stride", "padding", "extra", "dilation"),
    mostly_thorough(
        [
            (1, 2, 1, 2), (2, 1, 2, 3), (3, 1, 2, 1), (1, 0, 1, 2), (2, 0, 2, 3), (1, 1, 3, 4), (1, 3, 2, 3),
            (2, 2, 3, 4),
        ],
        3,
    ),
)
def test_output_padding_takes_back_what_padding_cuts_off(stride, padding, extra, dilation):
    """Also where it is a whole stride or more, which PyTorch allows below the dilation."""
    x, w, b = draw((2, 3, 4)), draw((3, 2, 3)), draw(2)
    whole = value(F.conv_transpose1d(x, w, None, stride, dilation=dilation))
    wanted = np.pad(whole, [(0, 0), (0, 0), (0, extra)])[..., padding : whole.shape[-1] - padding + extra]
    y = F.conv_transpose1d(x, w, b, stride, padding, extra, dilation=dilation)
    np.testing.assert_allclose(value(y), wanted + b[:, None], atol=1e-13)
    assert_gradients(lambda x, w: F.conv_transpose1d(x, w, None, stride, padding, extra, 1, dilation), x, w)


def test_convolutions_begin_as_in_pytorch():
    layer = nn.Conv2d(8, 50, 5)
    bound = 1 / math.sqrt(8 * 25)
    for p in layer.parameters():
        assert 0.85 * bound < np.abs(p.data).max() <= bound
    assert layer.weight.shape == (50, 8, 5, 5)
    assert nn.ConvTranspose2d(8, 50, 5).weight.shape == (8, 50, 5, 5)


def test_unfold_and_fold_undo_each_other_where_windows_do_not_overlap():
    x = draw((2, 3, 4, 6))
    columns = F.unfold(x, 2, stride=2)
    assert columns.shape == (2, 12, 6)
    np.testing.assert_array_equal(value(columns)[0, :, 1], x[0, :, :2, 2:4].ravel())
    np.testing.assert_array_equal(value(F.fold(columns, (4, 6), 2, stride=2)), x)


# ------------------------------------------------------------------------------------------------------- pooling


def pool(x, of, kernel, stride=None, padding=0, dilation=1, fill=0.0):
    n = x.ndim - 2
    k = tuple_of(kernel, n)
    s = k if stride is None else tuple_of(stride, n)
    p, d = tuple_of(padding, n), tuple_of(dilation, n)
    x = pad(x, [(q, q) for q in p], fill)
    out = [(x.shape[2 + i] - d[i] * (k[i] - 1) - 1) // s[i] + 1 for i in range(n)]
    y = np.zeros((*x.shape[:2], *out))
    for at in np.ndindex(*out):
        window = tuple(slice(a * si, a * si + di * (ki - 1) + 1, di) for a, si, ki, di in zip(at, s, k, d, strict=True))
        y[(..., *at)] = of(x[(..., *window)], axis=tuple(range(2, 2 + n)))
    return y


@pytest.mark.parametrize(
    ("kind", "shape", "options"),
    [
        (nn.MaxPool1d, (2, 3, 9), {"kernel_size": 3}),
        (nn.MaxPool1d, (2, 3, 9), {"kernel_size": 3, "stride": 2, "padding": 1, "dilation": 2}),
        (nn.MaxPool2d, (2, 3, 5, 6), {"kernel_size": 2}),
        (nn.MaxPool2d, (2, 3, 5, 6), {"kernel_size": (3, 2), "stride": (2, 1), "padding": (1, 0)}),
        (nn.MaxPool3d, (1, 2, 3, 4, 4), {"kernel_size": 2, "stride": (1, 2, 2), "padding": (1, 0, 0)}),
        (nn.AvgPool1d, (2, 3, 9), {"kernel_size": 3, "stride": 2, "padding": 1}),
        (nn.AvgPool2d, (2, 3, 5, 6), {"kernel_size": 2}),
        (nn.AvgPool2d, (2, 3, 5, 6), {"kernel_size": (3, 2), "stride": 1, "padding": (1, 0)}),
        (nn.AvgPool3d, (1, 2, 3, 4, 4), {"kernel_size": 2, "stride": (1, 2, 2), "padding": (1, 0, 0)}),
    ],
)
def test_pooling(kind, shape, options):
    layer, x = kind(**options), draw(shape)
    largest = "Max" in kind.__name__
    want = pool(
        x,
        np.max if largest else np.mean,
        options["kernel_size"],
        fill=-np.inf if largest else 0.0,
        **{k: v for k, v in options.items() if k != "kernel_size"},
    )
    np.testing.assert_allclose(value(layer(x)), want, atol=1e-14)
    np.testing.assert_allclose(value(layer(x[0])), want[0], atol=1e-14)
    check_layer(layer, x)


def test_the_gradient_of_a_maximum_goes_to_the_first_of_equals():
    x = ag.tensor(np.zeros((1, 1, 4)), requires_grad=True)
    F.max_pool1d(x, 2).sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), [[[1, 0, 1, 0]]])


def test_indices_of_the_maxima():
    x = draw((2, 3, 5, 6))
    y, k = F.max_pool2d(x, 3, stride=2, padding=1, return_indices=True)
    flat = x.reshape(2, 3, -1)
    pooled = [(y, k), *(F.adaptive_max_pool2d(x, size, return_indices=True) for size in (2, 4, (5, 1)))]
    for y, k in pooled:
        got = np.take_along_axis(flat, value(k).reshape(2, 3, -1), 2).reshape(y.shape)
        np.testing.assert_array_equal(got, value(y))


@pytest.mark.parametrize("pool", [F.max_pool1d, F.avg_pool1d, F.max_pool2d, F.avg_pool2d])
def test_an_empty_stride_is_the_kernel_size(pool):
    x = draw((1, 2, 6, 6)) if "2d" in pool.__name__ else draw((1, 2, 6))
    for stride in ((), []):
        np.testing.assert_array_equal(value(pool(x, 2, stride)), value(pool(x, 2)))


def test_ceil_mode_has_a_window_that_sticks_out():
    x = np.arange(5.0).reshape(1, 1, 5)
    np.testing.assert_array_equal(value(F.max_pool1d(x, 2, ceil_mode=True)), [[[1, 3, 4]]])
    np.testing.assert_array_equal(value(F.avg_pool1d(x, 2, ceil_mode=True)), [[[0.5, 2.5, 4]]])
    assert F.max_pool1d(x, 2, stride=4, ceil_mode=True).shape == (1, 1, 2)
    # one that would begin in the padding behind is left out, as in PyTorch
    assert F.max_pool1d(x[..., :4], 2, stride=3, padding=1, ceil_mode=True).shape == (1, 1, 2)


def test_padding_zeros_count_in_the_mean_by_default():
    x = np.ones((1, 1, 4))
    np.testing.assert_array_equal(value(F.avg_pool1d(x, 2, padding=1)), [[[0.5, 1, 0.5]]])
    np.testing.assert_array_equal(value(F.avg_pool1d(x, 2, padding=1, count_include_pad=False)), [[[1, 1, 1]]])
    np.testing.assert_array_equal(value(F.avg_pool2d(x[None], (1, 2), divisor_override=4)), [[[[0.5, 0.5]]]])


@pytest.mark.parametrize(
    ("shape", "size"),
    mostly_thorough(
        [((2, 2, 5), 3), ((1, 1, 4, 2, 6), (2, 1, 3))]
        + [((2, 3, 4, 5), size) for size in (3, (3, None), (6, 7), 1, 2, 4, (None, 5))]
        + [((1, 2, 3, 4, 5), 2)],
        5,
    ),
)
@pytest.mark.parametrize("kind", ["Avg", "Max"])
def test_adaptive_pooling(kind, shape, size):
    x, n = draw(shape), len(shape) - 2
    out = [m if w is None else w for w, m in zip(tuple_of(size, n), shape[2:], strict=True)]
    want = np.zeros((*shape[:2], *out))
    for at in np.ndindex(*out):
        spans = (slice(k * m // w, -(-(k + 1) * m // w)) for k, m, w in zip(at, shape[2:], out, strict=True))
        of = np.mean if kind == "Avg" else np.max
        want[(..., *at)] = of(x[(..., *spans)], axis=tuple(range(2, n + 2)))
    layer = getattr(nn, f"Adaptive{kind}Pool{n}d")(size)
    np.testing.assert_allclose(value(layer(x)), want, atol=1e-13)
    np.testing.assert_allclose(value(layer(x[0])), want[0], atol=1e-13)
    check_layer(layer, x)


# ---------------------------------------------------------------------------------------------------- what else


def test_pad():
    x = draw((2, 3, 4))
    np.testing.assert_array_equal(value(F.pad(x, (1, 2))), np.pad(x, [(0, 0), (0, 0), (1, 2)]))
    np.testing.assert_array_equal(
        value(F.pad(x, (0, 1, 2, 0), value=5.0)), np.pad(x, [(0, 0), (2, 0), (0, 1)], constant_values=5)
    )
    np.testing.assert_array_equal(value(F.pad(x, (-1, 1))), np.pad(x[..., 1:], [(0, 0), (0, 0), (0, 1)]))
    np.testing.assert_array_equal(value(F.pad(x, (1, 1), "circular")), np.pad(x, [(0, 0), (0, 0), (1, 1)], mode="wrap"))
    np.testing.assert_array_equal(value(F.pad(x, (-3, 2), "reflect")), x[..., [3, 2, 1]])
    np.testing.assert_array_equal(value(F.pad(x, (-1, 2), "circular")), x[..., [1, 2, 3, 1, 2]])


PADS = {
    "Constant": {"constant_values": 1.5}, "Zero": {}, "Reflection": {"mode": "reflect"},
    "Replication": {"mode": "edge"}, "Circular": {"mode": "wrap"},
}  # fmt: skip


@pytest.mark.parametrize("kind", PADS)
@pytest.mark.parametrize("n", [1, 2, 3])
def test_padding_layers(kind, n):
    x, cls = draw((1, 2, 3, 2, 2)[: n + 2]), getattr(nn, f"{kind}Pad{n}d")
    more = [1.5] * (kind == "Constant")
    for padding, sides in ((1, [(1, 1)] * n), ((0, 1, 1, 1, 2, 0)[: 2 * n], [(2, 0), (1, 1), (0, 1)][3 - n :])):
        np.testing.assert_array_equal(value(cls(padding, *more)(x)), np.pad(x, [(0, 0), (0, 0), *sides], **PADS[kind]))
    check_layer(cls(1, *more), x[:, :1])
    with pytest.raises(ValueError, match=rf"{kind}Pad{n}d: padding: expected one whole number, or {2 * n} of them"):
        cls((1,) * 5, *more)


def test_single_precision_columns():
    y = nn.Conv2d(1, 2, 3, dtype=np.float32)(np.ones((1, 1, 5, 5), np.float32))
    assert y.dtype == np.float32


def test_repr():
    assert repr(nn.Conv2d(2, 4, 3, padding=1, groups=2, bias=False)) == (
        "Conv2d(2, 4, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1), groups=2, bias=False)"
    )
    assert repr(nn.MaxPool2d(2)) == "MaxPool2d(kernel_size=2, stride=2, padding=0, dilation=1, ceil_mode=False)"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: nn.Conv2d(3, 4, 3)(np.ones((2, 1, 8, 8))),
            r"Conv2d\(3, 4.*\(n, 3, height, width\), got \(2, 1, 8, 8\)",
        ),
        (lambda: nn.Conv1d(3, 4, 3)(np.ones((2, 3, 8, 8))), r"Conv1d.*\(2, 3, 8, 8\)"),
        (lambda: nn.Conv2d(1, 1, 5)(np.ones((1, 1, 4, 4))), r"conv2d: windows of \(5, 5\)"),
        (lambda: nn.Conv2d(3, 4, 3, groups=2), "Conv2d: 3 to 4 channels"),
        (lambda: nn.Conv2d(1, 1, 3, stride=2, padding="same")(np.ones((1, 1, 4, 4))), "same"),
        (lambda: nn.Conv2d(1, 1, (3, 3, 3)), "kernel_size"),
        (lambda: nn.Conv2d(1, 1, 3, padding_mode="mirror"), "padding_mode='mirror'"),
        (lambda: nn.ConvTranspose2d(1, 1, 3, output_padding=1)(np.ones((1, 1, 4, 4))), "output_padding"),
        (lambda: F.conv2d(np.ones((1, 2, 4, 4)), np.ones((1, 3, 2, 2))), r"conv2d: .*\(1, 3, 2, 2\) .*\(1, 2, 4, 4\)"),
        (lambda: nn.MaxPool2d(2)(np.ones((4, 4))), r"max_pool2d: .*\(4, 4\)"),
        (lambda: nn.MaxPool2d(2, padding=2)(np.ones((1, 4, 4))), "at most half"),
        (lambda: F.pad(np.ones(3), (1, 2, 3)), r"pad: expected two numbers for each .* got 3 .*\(3,\)"),
        (lambda: F.pad(np.ones(3), (1, 2), "mirror"), "mirror"),
        (lambda: F.pad(np.ones(3), (0, -4)), r"pad: \(0, -4\) removes more .* \(3,\)"),
        (lambda: F.pad(np.ones(3), (1, 2), "reflect", 0.0), "'reflect' has no value"),
        (lambda: nn.Conv2d(1, 1, 2.5), "kernel_size: expected one whole number, or 2 of them, got 2.5"),
        (lambda: nn.Unfold(5)(np.ones((1, 1, 4, 4))), r"unfold: windows of \(5, 5\) .* \(1, 1, 4, 4\)"),
        (lambda: nn.Fold((4, 4), 2)(np.ones((1, 8, 5))), r"\(n, channels \* 4, 9\), got \(1, 8, 5\)"),
        (lambda: nn.AdaptiveMaxPool2d(0)(np.ones((1, 4, 4))), "adaptive_max_pool2d: expected output_size .* got 0"),
    ],
)
def test_what_does_not_fit(call, message):
    with pytest.raises(ValueError, match=message):
        call()


# ------------------------------------------------------------------------------------------------------- signatures

CONV = "input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1"
CONV_TRANSPOSE = "input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1"
MAX_POOL = "input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False"
AVG_POOL = "input, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True"
SIGNATURES = {
    F.conv1d: CONV, F.conv2d: CONV, F.conv3d: CONV,
    F.conv_transpose1d: CONV_TRANSPOSE, F.conv_transpose2d: CONV_TRANSPOSE, F.conv_transpose3d: CONV_TRANSPOSE,
    F.max_pool1d: MAX_POOL, F.max_pool2d: MAX_POOL, F.max_pool3d: MAX_POOL,
    F.avg_pool1d: AVG_POOL,
    F.avg_pool2d: f"{AVG_POOL}, divisor_override=None", F.avg_pool3d: f"{AVG_POOL}, divisor_override=None",
    F.adaptive_avg_pool1d: "input, output_size", F.adaptive_avg_pool2d: "input, output_size",
    F.adaptive_avg_pool3d: "input, output_size",
}


@pytest.mark.parametrize("function", SIGNATURES, ids=lambda f: f.__name__)
def test_a_function_made_for_its_dimensions_has_the_signature_and_docs_of_pytorch_s(function):
    bare = [p.replace(annotation=inspect.Parameter.empty) for p in inspect.signature(function).parameters.values()]
    assert str(inspect.Signature(bare)) == f"({SIGNATURES[function]})"
    assert getattr(F, function.__name__) is function is pickle.loads(pickle.dumps(function))
    signal = {"1": "sequences", "2": "images", "3": "volumes"}[function.__name__[-2]]
    assert signal in function.__doc__
    assert "{" not in function.__doc__


@pytest.mark.parametrize("name", ["Conv1d", "Conv2d", "Conv3d", "ConvTranspose1d", "ConvTranspose3d"])
def test_a_convolution_documents_its_arguments(name):
    layer = getattr(nn, name)
    parameters = {"in_channels", "out_channels", "kernel_size", "stride", "padding", "dilation", "groups", "bias"}
    assert parameters <= set(inspect.signature(layer).parameters)
    assert all(word in layer.__doc__ for word in parameters)
    assert f"nn.{name}(" in layer.__doc__
    assert "{" not in layer.__doc__.replace("{'zeros', 'reflect', 'replicate', 'circular'}", "")


def test_what_a_convolution_records_is_one_step_of_its_name():
    program = ag.trace(lambda x: F.conv2d(x, np.ones((1, 1, 2, 2))))(np.ones((1, 1, 4, 4)))
    assert "= conv2d(x)" in program.text(depth=0)


def test_a_lazy_convolution_has_the_signature_of_the_layer_without_the_input_size():
    parameters = list(inspect.signature(nn.Conv2d).parameters.values())[1:]
    assert list(inspect.signature(nn.LazyConv2d).parameters.values()) == parameters
    with pytest.raises(TypeError, match="strides"):
        nn.LazyConv2d(4, 3, strides=2)


@pytest.mark.parametrize("lazy", [lambda: nn.LazyConv2d(6, 3, 1, 0, 1, 2), lambda: nn.LazyConv2d(6, 3, groups=2)])
def test_a_lazy_convolution_takes_its_groups_by_position_or_name(lazy):
    layer, x = lazy(), draw((2, 4, 5, 5))
    assert layer(x).shape == (2, 6, 3, 3)
    again = lazy()
    again.load_state_dict(layer.state_dict())
    assert again.in_channels == 4
    np.testing.assert_array_equal(value(again(x)), value(layer(x)))


@pytest.mark.parametrize("dims", [1, 2, 3])
@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("name", ["conv", "conv_transpose"])
def test_a_batch_of_nothing(dims, groups, name):
    x = ag.tensor(np.zeros((0, 4, *[3] * dims)), requires_grad=True)
    w = ag.tensor(np.ones((4, 4 // groups, *[2] * dims)), requires_grad=True)
    y = getattr(F, f"{name}{dims}d")(x, w, groups=groups)
    assert y.shape == (0, 4, *[2 if name == "conv" else 4] * dims)
    y.sum().backward()
    assert x.grad.shape == x.shape
    np.testing.assert_array_equal(w.grad.numpy(), np.zeros(w.shape))
