"""Every layer, compiled and in `vmap`, computes what it computes alone; how layers without parameters take options."""

import inspect

import numpy as np
import pytest
from nn_checks import draw, flat, value

import autograd_lite as ag
from autograd_lite import nn

S, I, V = draw((2, 4, 5), (2, 4, 3, 4), (2, 4, 2, 3, 3))
STEPS, OTHERS = draw((2, 3, 4), (2, 2, 4))
INDEX = np.array([[1, 2, 4], [4, 3, 2]])
SIGNALS = {1: S, 2: I, 3: V}
LAYERS = {
    **{f"{kind}{n}d": (lambda n=n, kind=kind: getattr(nn, f"{kind}{n}d")(4), x)
       for n, x in SIGNALS.items() for kind in ("InstanceNorm", "BatchNorm", "AdaptiveMaxPool")},
    **{f"{kind}Pad{n}d": (lambda n=n, kind=kind: getattr(nn, f"{kind}Pad{n}d")(1, *[0.5] * (kind == "Constant")), x)
       for n, x in SIGNALS.items() for kind in ("Constant", "Zero", "Reflection", "Replication", "Circular")},
    **{f"Upsample, {mode}": (lambda mode=mode: nn.Upsample(scale_factor=1.5, mode=mode), x)
       for x, modes in ((S, "nearest-exact linear"), (I, "area bilinear bicubic"), (V, "nearest trilinear"))
       for mode in modes.split()},
    "Upsample": (lambda: nn.Upsample(scale_factor=2), I),
    "InstanceNorm2d, tracked": (lambda: nn.InstanceNorm2d(4, affine=True, track_running_stats=True), I),
    "CosineSimilarity": (nn.CosineSimilarity, STEPS, STEPS[::-1]),
    "PairwiseDistance": (nn.PairwiseDistance, STEPS, STEPS[::-1]),
    "Unfold": (lambda: nn.Unfold(2), I),
    "Fold": (lambda: nn.Fold((3, 3), 2), I.reshape(2, 12, 4)),
    "PixelShuffle": (lambda: nn.PixelShuffle(2), I),
    "PixelUnshuffle": (lambda: nn.PixelUnshuffle(2), I.reshape(2, 3, 4, 4)),
    "LocalResponseNorm": (lambda: nn.LocalResponseNorm(3), I),
    "Dropout3d": (nn.Dropout3d, V),
    "EmbeddingBag": (lambda: nn.EmbeddingBag(5, 3), INDEX),
    "EmbeddingBag, max": (lambda: nn.EmbeddingBag(5, 3, mode="max", padding_idx=2), INDEX.ravel(), np.array([0, 3, 3])),
    "LSTM": (lambda: nn.LSTM(4, 3, proj_size=2, bidirectional=True), STEPS),
    "MultiheadAttention": (
        lambda: nn.MultiheadAttention(4, 2, batch_first=True, add_bias_kv=True, add_zero_attn=True),
        STEPS, OTHERS, OTHERS,
    ),
    "TransformerDecoderLayer": (lambda: nn.TransformerDecoderLayer(4, 2, 3, batch_first=True), STEPS, OTHERS),
    "Transformer": (lambda: nn.Transformer(4, 2, 1, 1, 3, batch_first=True), STEPS, OTHERS),
}  # fmt: skip
EACH = pytest.mark.parametrize("name", LAYERS)


def equal(a, b):
    for x, y in zip(flat(a), flat(b), strict=True):
        np.testing.assert_allclose(value(x), value(y), atol=1e-13)


@EACH
def test_a_compiled_layer(name):
    make, *inputs = LAYERS[name]
    layer = make().eval()
    equal(ag.jit(layer)(*inputs), layer(*inputs))


@EACH
def test_a_batch_of_inputs(name):
    make, *inputs = LAYERS[name]
    layer = make().eval()
    batches = [np.stack([x, x[::-1] if x.dtype.kind == "f" else x]) for x in inputs]
    apart = [flat(layer(*(batch[k] for batch in batches))) for k in range(2)]
    together = ag.vmap(lambda *xs: layer(*xs))(*batches)
    equal(together, [np.stack([value(a), value(b)]) for a, b in zip(*apart, strict=True)])


def test_options_are_those_of_the_function():
    assert list(inspect.signature(nn.LeakyReLU).parameters) == ["negative_slope", "inplace"]
    assert list(inspect.signature(nn.MaxPool2d).parameters)[-2:] == ["return_indices", "ceil_mode"]
    assert list(inspect.signature(nn.RReLU).parameters) == ["lower", "upper", "inplace"]
    assert list(inspect.signature(nn.PairwiseDistance).parameters) == ["p", "eps", "keepdim"]
    assert nn.PairwiseDistance(keepdim=True).keepdim is True
    with pytest.raises(TypeError, match=r"LeakyReLU: .*'slope'; its options are: negative_slope, inplace"):
        nn.LeakyReLU(slope=0.1)
    with pytest.raises(TypeError, match=r"AdaptiveMaxPool2d: missing .*'output_size'"):
        nn.AdaptiveMaxPool2d()

    class Steep(nn.LeakyReLU):
        def __init__(self, steepness):
            super().__init__(1 / steepness)

    assert list(inspect.signature(Steep).parameters) == ["steepness"]
    assert repr(Steep(4)) == "Steep(negative_slope=0.25)"


def test_a_subclass_is_made_as_its_base():
    made_with = {nn.BatchNorm2d: (4,), nn.ZeroPad2d: (1,), nn.Conv2d: (4, 2, 2), nn.ReLU: ()}
    for base, args in made_with.items():
        one, two = base(*args), type("Mine", (base,), {})(*args)
        two.load_state_dict(one.state_dict())
        equal(two(I), one(I))
    assert repr(type("Mine", (nn.LazyLinear,), {})(3)) == "Mine(3)"
