"""Every layer of `nn` in a batch: the results are those of the examples, and nothing is looped over."""

from __future__ import annotations

import numpy as np
import pytest
from nn_checks import flat, value

import autograd_lite as ag
from autograd_lite import nn
from autograd_lite.transforms import batch as batch_module

X, STEPS, IMAGES = (
    np.random.default_rng(0).uniform(0.1, 0.9, (3, *shape)) for shape in ((2, 4), (5, 2, 4), (2, 4, 6, 6))
)
BY_SUFFIX = {"1d": IMAGES[..., 0], "2d": IMAGES, "3d": np.stack([IMAGES[..., :4]] * 3, -1)}
LABELS, SIGNS = np.array([[0, 3], [1, 1], [2, 0]]), np.sign(X - 0.5)
CONTAINERS = {"Module", "ModuleDict", "ModuleList", "ParameterList", "Sequential"}

#: What a layer is made with, where that is not nothing; and its inputs, where these are not one array.
OPTIONS = {
    "AvgPool": (2,), "MaxPool": (2,), "AdaptiveAvgPool": (2,), "AdaptiveMaxPool": (2,), "BatchNorm": (4,),
    "InstanceNorm": (4,), "Conv": (4, 3, 2), "ConvTranspose": (4, 3, 2), "CircularPad": (1,), "ReflectionPad": (1,),
    "ReplicationPad": (1,), "ZeroPad": (1,), "ConstantPad": (1, 0.5), "Threshold": (0.4, 2.0), "Linear": (4, 3),
    "Bilinear": (4, 4, 3), "Embedding": (5, 3), "EmbeddingBag": (5, 3), "RNN": (4, 3), "LSTM": (4, 3), "GRU": (4, 3),
    "RNNCell": (4, 3), "LSTMCell": (4, 3), "GRUCell": (4, 3), "MultiheadAttention": (4, 2), "LayerNorm": (4,),
    "TransformerEncoderLayer": (4, 2, 8), "TransformerDecoderLayer": (4, 2, 8), "Transformer": (4, 2, 1, 1, 8),
    "RMSNorm": (4,), "GroupNorm": (2, 4), "LocalResponseNorm": (2,), "Fold": ((3, 3), 2), "Unfold": (2,),
    "PixelShuffle": (2,), "PixelUnshuffle": (2,), "Upsample": (None, 2), "UpsamplingBilinear2d": (None, 2),
    "UpsamplingNearest2d": (None, 2), "Flatten": (0,), "Unflatten": (1, (2, 2)),
    "Softmax": (-1,), "Softmax2d": (), "LogSoftmax": (-1,), "Softmin": (-1,),
}  # fmt: skip
INPUTS = {
    **dict.fromkeys(("RNN", "LSTM", "GRU", "TransformerEncoderLayer"), (STEPS,)),
    **dict.fromkeys(("TransformerDecoderLayer", "Transformer"), (STEPS, STEPS)),
    **dict.fromkeys(("Embedding", "EmbeddingBag"), (LABELS.reshape(3, 1, 2),)),
    **dict.fromkeys(("NLLLoss", "CrossEntropyLoss", "MultiMarginLoss"), (X, LABELS)),
    **dict.fromkeys(("TripletMarginLoss", "TripletMarginWithDistanceLoss", "GaussianNLLLoss"), (X, X, X)),
    **dict.fromkeys(("Bilinear", "CosineSimilarity", "PairwiseDistance"), (X, X)),
    **dict.fromkeys(("GroupNorm", "LocalResponseNorm", "Unfold", "PixelShuffle", "PixelUnshuffle"), (IMAGES,)),
    **dict.fromkeys(("Upsample", "Softmax2d"), (IMAGES,)),
    "MultiheadAttention": (STEPS, STEPS, STEPS), "Fold": (IMAGES.reshape(3, 4, 8, 9)[:, :1, :, :4],),
    "MultiLabelMarginLoss": (X, np.tile(np.array([0, 2, -1, 1]), (3, 2, 1))), "HingeEmbeddingLoss": (X, SIGNS),
    "MarginRankingLoss": (X, X, SIGNS), "CosineEmbeddingLoss": (X, X, SIGNS[..., 0]), "SoftMarginLoss": (X, SIGNS),
}  # fmt: skip
#: Classes that are made of others: of layers that are given, or that are made at the first call.
MADE_OF_OTHERS = {"FullyConnected", "TransformerEncoder", "TransformerDecoder", "NeuralNetwork"}
LAYERS = [
    name for name, layer in vars(nn).items()
    if isinstance(layer, type) and issubclass(layer, nn.Module) and not name.startswith("Lazy")
    and name not in CONTAINERS | MADE_OF_OTHERS
]  # fmt: skip


@pytest.mark.parametrize("name", LAYERS)
def test_layers(name):
    stem = name[:-2] if name[-2:] in BY_SUFFIX else name
    layer = getattr(nn, name)(*OPTIONS.get(name, OPTIONS.get(stem, ()))).eval()
    batch_module._LOOPED.clear()
    xs = INPUTS.get(name) or ((X, X[::-1]) if name.endswith(("Loss", "Error")) else (BY_SUFFIX.get(name[-2:], X),))
    got = flat(ag.vmap(lambda *xs: layer(*xs))(*xs))
    each = [flat(layer(*x)) for x in zip(*xs, strict=True)]
    for part, *parts in zip(got, *each, strict=True):
        np.testing.assert_allclose(value(part), [value(p) for p in parts], rtol=1e-9, atol=1e-12)
    assert not batch_module._LOOPED
