"""Interpolation pixel by pixel, from its definition; channels exchanged for pixels; what is refused."""

import math

import numpy as np
import pytest
from nn_checks import check_layer, draw, value

import autograd_lite.nn.functional as F
from autograd_lite import nn

KIND = {"linear": "linear", "bilinear": "linear", "trilinear": "linear", "bicubic": "cubic"}


def keys(d, a=-0.75):
    """R. Keys' kernel."""
    d = abs(d)
    if d <= 1:
        return (a + 2) * d**3 - (a + 3) * d**2 + 1
    return a * d**3 - 5 * a * d**2 + 8 * a * d - 4 * a if d < 2 else 0.0


def along(x, m, ratio, mode, align):
    """A vector at `m` places, one after the other."""
    y, n = np.zeros(m), len(x)
    for i in range(m):
        at = i * ratio if align else (i + 0.5) * ratio - 0.5
        if mode == "nearest":
            y[i] = x[min(int(i * ratio), n - 1)]
        elif mode == "nearest-exact":
            y[i] = x[min(int((i + 0.5) * ratio), n - 1)]
        elif mode == "area":
            y[i] = x[i * n // m : -(-(i + 1) * n // m)].mean()
        elif KIND[mode] == "linear":
            y[i] = np.interp(at, np.arange(n), x)
        else:
            y[i] = sum(x[min(max(j, 0), n - 1)] * keys(at - j) for j in range(math.floor(at) - 1, math.floor(at) + 3))
    return y


def resized(x, sizes, ratios, mode, align=False):
    for axis, (m, ratio) in enumerate(zip(sizes, ratios, strict=True), 2):
        x = np.apply_along_axis(along, axis, x, m, ratio, mode, align)
    return x


@pytest.mark.parametrize(
    ("mode", "shape"),
    [
        (mode, shape)
        for shape, modes in (
            ((1, 2, 5), "nearest nearest-exact area linear"), ((1, 1, 3, 2, 4), "nearest area trilinear"),
            ((1, 2, 4, 5), "nearest nearest-exact area bilinear bicubic"),
        )
        for mode in modes.split()
    ],
)  # fmt: skip
def test_interpolation(mode, shape):
    x, old = draw(shape), shape[2:]
    for new in ((7, 3, 2)[: len(old)], tuple(2 * n for n in old)):
        want = resized(x, new, [n / m for n, m in zip(old, new, strict=True)], mode)
        np.testing.assert_allclose(value(F.interpolate(x, new, mode=mode)), want, atol=1e-13)
        if mode in KIND:
            want = resized(x, new, [(n - 1) / max(m - 1, 1) for n, m in zip(old, new, strict=True)], mode, True)
            np.testing.assert_allclose(value(F.interpolate(x, new, None, mode, True)), want, atol=1e-13)
    for factor in (2, 1.75, 0.75):
        new = [math.floor(n * factor) for n in old]
        want = resized(x, new, [1 / factor] * len(old), mode)
        got = value(F.interpolate(x, scale_factor=factor, mode=mode))
        kept = KIND.get(mode) == "linear" and any(map(int.__eq__, old, new))  # such an axis stays as it is
        if mode != "area" and not kept:
            np.testing.assert_allclose(got, want, atol=1e-13)
        want = value(F.interpolate(x, new, mode=mode))
        again = F.interpolate(x, scale_factor=factor, mode=mode, recompute_scale_factor=True)
        np.testing.assert_allclose(value(again), want, atol=1e-13)
    check_layer(nn.Upsample(3, mode=mode), x[..., :3] if len(shape) > 3 else x, order=1)


def test_antialiasing_averages_over_what_a_pixel_covers():
    """Numbers from PyTorch 2.13; Pillow's filters."""
    x = (np.arange(8.0) ** 2 % 7).reshape(1, 1, 1, 8)
    for mode, want in (("bilinear", [1.5, 2.61904762, 1.5]), ("bicubic", [1.4323325, 2.77848441, 1.4323325])):
        got = value(F.interpolate(x, (1, 3), mode=mode, antialias=True))
        np.testing.assert_allclose(got[0, 0, 0], want, atol=1e-8)


def test_upsampling_layers():
    x = draw((1, 2, 3, 4))
    np.testing.assert_array_equal(value(nn.UpsamplingNearest2d(scale_factor=2)(x)), x.repeat(2, 2).repeat(2, 3))
    want = F.interpolate(x, (5, 6), mode="bilinear", align_corners=True)
    np.testing.assert_array_equal(value(nn.UpsamplingBilinear2d((5, 6))(x)), value(want))
    assert repr(nn.Upsample(scale_factor=2)) == "Upsample(scale_factor=2, mode='nearest')"


@pytest.mark.parametrize("lead", [(), (2,), (2, 3)], ids=str)
def test_pixel_shuffle(lead):
    r, c, h, w = 2, 3, 2, 4
    x = draw((*lead, c * r * r, h, w))
    y = value(nn.PixelShuffle(r)(x))
    assert y.shape == (*lead, c, h * r, w * r)
    for at in np.ndindex(c, h * r, w * r):
        k, i, j = at
        np.testing.assert_array_equal(y[(..., *at)], x[..., k * r * r + i % r * r + j % r, i // r, j // r])
    np.testing.assert_array_equal(value(nn.PixelUnshuffle(r)(y)), x)
    check_layer(nn.PixelShuffle(r), x[..., :4, :1, :2])
    check_layer(nn.PixelUnshuffle(r), y[..., :1, :2, :2])


X = np.ones((1, 2, 3, 4))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: F.interpolate(X), "either size or scale_factor, got size=None and scale_factor=None"),
        (lambda: F.interpolate(X, 3, 2.0), "got size=3 and scale_factor=2.0"),
        (lambda: F.interpolate(X, 3, mode="linear"), r"\(n, channels, length\), got mode 'linear' .* \(1, 2, 3, 4\)"),
        (lambda: F.interpolate(X, 3, mode="cubic"), "expected nearest, .*, bicubic, got mode 'cubic'"),
        (lambda: F.interpolate(X, 3, align_corners=True), "'nearest' has no align_corners"),
        (lambda: F.interpolate(X, 3, antialias=True), "'nearest' has no antialias"),
        (lambda: F.interpolate(X, (3, 4, 5)), "size: expected one whole number"),
        (lambda: F.interpolate(X, scale_factor=(1, 2, 3)), r"for each of 2 axes, got \(1, 2, 3\)"),
        (lambda: F.interpolate(X, scale_factor=0.1), r"cannot change sizes \(3, 4\) to \(0, 0\)"),
        (lambda: F.pixel_shuffle(X, 2), r"pixel_shuffle: .*divisible by 4; got \(1, 2, 3, 4\)"),
        (lambda: F.pixel_shuffle(X, 0), "pixel_shuffle: expected a factor of 1 or more, got 0"),
        (lambda: F.pixel_unshuffle(X, 2), r"pixel_unshuffle: .*divisible by 2; got \(1, 2, 3, 4\)"),
    ],
)
def test_what_does_not_fit(call, message):
    with pytest.raises(ValueError, match=message):
        call()
