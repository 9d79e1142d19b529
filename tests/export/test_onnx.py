"""Programs in ONNX: what onnxruntime computes is what the library computes, for any batch size."""

from __future__ import annotations

import importlib.util
import inspect
import warnings
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite import nn
from autograd_lite.base.tree import leaves, rebuild
from autograd_lite.export.to_onnx import IN_SINGLE, OPSET
from autograd_lite.table import TABLE
from autograd_lite.testing.leaves import as_array, is_differentiable
from autograd_lite.testing.rows import points

onnx = pytest.importorskip("onnx", reason="the extra onnx is not installed")
runtime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
runtime.set_default_logger_severity(4)
rng = np.random.default_rng(0)


def random(*shape):
    return rng.normal(size=shape).astype(np.float32)


@pytest.fixture(autouse=True)
def single_precision():
    ag.set_default_dtype(np.float32)
    yield
    ag.set_default_dtype(np.float64)


def run(model, *arrays):
    session = runtime.InferenceSession(model.SerializeToString())
    names = [given.name for given in session.get_inputs()]
    return session.run(None, dict(zip(names, arrays, strict=True)))


def agree(f, model, *arrays, rtol=2e-5, atol=2e-6):
    expected = [np.asarray(t.detach().numpy()) for t in leaves(f(*map(ag.as_tensor, arrays)))]
    for got, want in zip(run(model, *arrays), expected, strict=True):
        assert (got.shape, got.dtype) == (want.shape, want.dtype)
        np.testing.assert_allclose(got, want, rtol=rtol, atol=atol)


IMAGES, SEQUENCES, VECTORS, VOLUMES = random(2, 4, 9, 9), random(2, 4, 9), random(2, 8), random(2, 4, 5, 5, 5)
STEPS, SIGNALS = random(2, 3, 8), {1: SEQUENCES, 2: IMAGES, 3: VOLUMES}
LAYERS = {
    "Linear": (lambda: nn.Linear(8, 3), VECTORS),
    "Linear of steps": (lambda: nn.Linear(8, 3), STEPS),
    "Bilinear": (lambda: nn.Bilinear(8, 8, 3), VECTORS, VECTORS),
    "Conv1d": (lambda: nn.Conv1d(4, 6, 3), SEQUENCES),
    "Conv2d": (lambda: nn.Conv2d(4, 6, 3, padding=1, stride=2), IMAGES),
    "Conv2d, dilated": (lambda: nn.Conv2d(4, 6, 3, dilation=2), IMAGES),
    "Conv2d, groups": (lambda: nn.Conv2d(4, 6, 3, groups=2), IMAGES),
    "Conv3d": (lambda: nn.Conv3d(4, 2, 2), VOLUMES),
    "ConvTranspose1d": (lambda: nn.ConvTranspose1d(4, 3, 3), SEQUENCES),
    "ConvTranspose2d": (lambda: nn.ConvTranspose2d(4, 3, 3, stride=2, padding=1, output_padding=1), IMAGES),
    "ConvTranspose3d": (lambda: nn.ConvTranspose3d(4, 3, 2, stride=2), VOLUMES),
    "MaxPool1d": (lambda: nn.MaxPool1d(2), SEQUENCES),
    "MaxPool2d": (lambda: nn.MaxPool2d(3, 2, 1), IMAGES),
    "MaxPool3d": (lambda: nn.MaxPool3d(2), VOLUMES),
    "AvgPool1d": (lambda: nn.AvgPool1d(2), SEQUENCES),
    "AvgPool2d": (lambda: nn.AvgPool2d(3, 2, 1), IMAGES),
    "AvgPool3d": (lambda: nn.AvgPool3d(2), VOLUMES),
    "AdaptiveAvgPool1d": (lambda: nn.AdaptiveAvgPool1d(4), SEQUENCES),
    "AdaptiveAvgPool2d": (lambda: nn.AdaptiveAvgPool2d(4), IMAGES),
    "AdaptiveAvgPool3d": (lambda: nn.AdaptiveAvgPool3d(1), VOLUMES),
    **{f"{kind}{n}d": (lambda kind=kind, n=n: getattr(nn, f"{kind}{n}d")(4), x)
       for n, x in SIGNALS.items() for kind in ("InstanceNorm", "AdaptiveMaxPool")},
    **{f"{kind}Pad{n}d": (lambda kind=kind, n=n: getattr(nn, f"{kind}Pad{n}d")(1, *[0.5] * (kind == "Constant")), x)
       for n, x in SIGNALS.items() for kind in ("Constant", "Zero", "Reflection", "Replication", "Circular")},
    **{f"Upsample, {mode}": (lambda mode=mode: nn.Upsample(scale_factor=1.5, mode=mode), SIGNALS[n])
       for n, modes in ((1, "nearest-exact linear"), (2, "area bilinear bicubic"), (3, "nearest trilinear"))
       for mode in modes.split()},
    "UpsamplingNearest2d": (lambda: nn.UpsamplingNearest2d(scale_factor=2), IMAGES),
    "UpsamplingBilinear2d": (lambda: nn.UpsamplingBilinear2d(scale_factor=2), IMAGES),
    "InstanceNorm2d, tracked": (lambda: nn.InstanceNorm2d(4, affine=True, track_running_stats=True), IMAGES),
    "BatchNorm1d": (lambda: nn.BatchNorm1d(8), VECTORS),
    "BatchNorm2d": (lambda: nn.BatchNorm2d(4), IMAGES),
    "BatchNorm3d": (lambda: nn.BatchNorm3d(4), VOLUMES),
    "LocalResponseNorm": (lambda: nn.LocalResponseNorm(3), IMAGES),
    "CosineSimilarity": (nn.CosineSimilarity, STEPS, STEPS[::-1]),
    "PairwiseDistance": (nn.PairwiseDistance, STEPS, STEPS[::-1]),
    "PairwiseDistance, 3": (lambda: nn.PairwiseDistance(3.0), STEPS, STEPS[::-1]),
    "Unfold": (lambda: nn.Unfold(2), IMAGES),
    "Fold": (lambda: nn.Fold((3, 4), 2), random(2, 8, 6)),
    "PixelShuffle": (lambda: nn.PixelShuffle(2), IMAGES),
    "PixelUnshuffle": (lambda: nn.PixelUnshuffle(3), IMAGES),
    "LayerNorm": (lambda: nn.LayerNorm(8), STEPS),
    "RMSNorm": (lambda: nn.RMSNorm(8), VECTORS),
    "GroupNorm": (lambda: nn.GroupNorm(2, 4), IMAGES),
    "RNN": (lambda: nn.RNN(8, 5, batch_first=True), STEPS),
    "LSTM": (lambda: nn.LSTM(8, 5, batch_first=True, num_layers=2, bidirectional=True), STEPS),
    "LSTM, projected": (lambda: nn.LSTM(8, 5, batch_first=True, proj_size=3), STEPS),
    "GRU": (lambda: nn.GRU(8, 5, batch_first=True), STEPS),
    "RNNCell": (lambda: nn.RNNCell(8, 5), VECTORS),
    "LSTMCell": (lambda: nn.LSTMCell(8, 5), VECTORS),
    "GRUCell": (lambda: nn.GRUCell(8, 5), VECTORS),
    "Embedding": (lambda: nn.Embedding(7, 4), np.array([[1, 2], [3, 4]])),
    "EmbeddingBag": (lambda: nn.EmbeddingBag(7, 4), np.array([[1, 2], [3, 4]])),
    "EmbeddingBag, max": (lambda: nn.EmbeddingBag(7, 4, mode="max", padding_idx=2), np.array([[1, 2], [3, 4]])),
    "MultiheadAttention": (lambda: nn.MultiheadAttention(8, 2, batch_first=True), STEPS, STEPS, STEPS),
    "MultiheadAttention, more": (
        lambda: nn.MultiheadAttention(8, 2, batch_first=True, add_bias_kv=True, add_zero_attn=True), STEPS, STEPS, STEPS
    ),
    "TransformerDecoderLayer": (lambda: nn.TransformerDecoderLayer(8, 2, 16, batch_first=True), STEPS, STEPS),
    "TransformerDecoder": (
        lambda: nn.TransformerDecoder(nn.TransformerDecoderLayer(8, 2, 16, batch_first=True), 2), STEPS, STEPS
    ),
    "Transformer": (lambda: nn.Transformer(8, 2, 1, 1, 16, batch_first=True), STEPS, STEPS),
    "TransformerEncoderLayer": (lambda: nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), STEPS),
    "TransformerEncoder": (
        lambda: nn.TransformerEncoder(
            nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, norm_first=True, activation="gelu"), 2
        ),
        STEPS,
    ),
    "Flatten": (lambda: nn.Flatten(), IMAGES),
    "Threshold": (lambda: nn.Threshold(0.1, 2.0), VECTORS),
    "Dropout1d": (lambda: nn.Dropout1d(), SEQUENCES),
    "Dropout2d": (lambda: nn.Dropout2d(), IMAGES),
    "Dropout3d": (lambda: nn.Dropout3d(), VOLUMES),
    "Unflatten": (lambda: nn.Unflatten(1, (2, 2)), SEQUENCES),
    "Softmax": (lambda: nn.Softmax(dim=1), VECTORS),
    "LogSoftmax": (lambda: nn.LogSoftmax(dim=-1), VECTORS),
    "Softmin": (lambda: nn.Softmin(dim=1), VECTORS),
    "Softmax2d": (lambda: nn.Softmax2d(), IMAGES),
}
#: Losses, containers and layers that take their sizes from the first input have no model of their own.
WITHOUT = {"Module", "Sequential", "ModuleDict", "ModuleList", "ParameterList", "FullyConnected", "NeuralNetwork"}


def layers():
    """Every layer: those of the list, and those that need no arguments."""
    named = {name.split(",")[0].split(" ")[0] for name in LAYERS}
    for name, cls in vars(nn).items():
        if not inspect.isclass(cls) or not issubclass(cls, nn.Module) or name in named | WITHOUT:
            continue
        if name.endswith(("Loss", "Error")) or name.startswith("Lazy"):
            continue
        yield pytest.param(cls, (VECTORS,), id=name)
    for name, (make, *arrays) in LAYERS.items():
        yield pytest.param(make, arrays, id=name)


@pytest.mark.parametrize(("make", "arrays"), list(layers()))
def test_layers(make, arrays):
    layer = make()
    layer(*map(ag.as_tensor, arrays))  # so that the statistics of a batch are not those at the start
    layer.eval()
    model = ag.export.onnx(layer, *arrays)
    for n in (1, 2, 5):
        agree(layer, model, *(np.concatenate([x] * 3)[:n] for x in arrays))
    names = {i.name for i in model.graph.initializer}
    assert names >= {name for name, _ in layer.named_parameters()}


def CONSTANT(row):
    """Arguments for a row whose derivative is zero."""
    if isinstance(row.fn, np.ufunc):
        logical = row.name.startswith(("logical", "bitwise", "invert"))
        arrays = [random(2, 3) > 0 if logical else random(2, 3).round(1) for _ in range(row.fn.nin)]
        yield arrays, {}
    else:
        yield (random(2, 3),), {"axis": 1}


ROWS = [row for row in TABLE.values() if row.onnx is not None]


def calls(row, seed, count):
    """Up to `count` calls of a row at its examples: a function of its arrays, and these arrays."""
    constant = row.kind == "constant"
    for args, params in CONSTANT(row) if constant else islice(points(row, np.random.default_rng(seed)), count):
        flat = leaves(args)
        places = [k for k, v in enumerate(flat) if is_differentiable(v) or constant and np.ndim(v)]

        def f(*xs, args=args, flat=flat, places=places, params=params):
            given = dict(zip(places, xs, strict=True))
            return row(*rebuild(args, [given.get(k, v) for k, v in enumerate(flat)]), **params)

        yield f, [as_array(flat[k]) for k in places]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
@pytest.mark.filterwarnings("ignore")
def test_rows(row):
    checked = 0
    for f, operands in calls(row, seed=0, count=4):
        arrays = [a.astype(np.float32) if a.dtype.kind == "f" else a for a in operands]
        if any(a.dtype.kind == "c" for a in arrays) or not arrays:
            continue
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            try:
                model = ag.export.onnx(f, *arrays, batch_axis=None)
            except NotImplementedError:  # of some parameters only; or the rows of a rare keyword
                continue
            agree(f, model, *arrays, rtol=1e-4, atol=1e-5)
        checked += 1
    assert checked


def exported(f, arrays, inputs, batch_axis):
    """Whether there is a model, which then agrees with NumPy on `inputs`; an error must be ours."""
    try:
        expected = [np.asarray(ag.as_tensor(t).numpy()) for t in leaves([f(*arrays), f(*inputs)][1])]
    except (TypeError, ValueError, IndexError):
        return False  # not a call that NumPy accepts
    try:
        model = ag.export.onnx(f, *arrays, batch_axis=batch_axis)
    except (NotImplementedError, ValueError) as error:
        assert str(error).startswith("export.onnx: ")  # noqa: PT017 - either of two outcomes is right
        return False
    try:
        results = run(model, *inputs)
    except runtime.capi.onnxruntime_pybind11_state.NotImplemented:  # of this runtime, in double precision
        assert any(x.dtype != np.float32 for x in arrays)
        return True
    for got, want in zip(results, expected, strict=True):
        assert (got.shape, got.dtype) == (want.shape, want.dtype)
        np.testing.assert_allclose(got, want, rtol=1e-3, atol=1e-4)
    return True


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
@pytest.mark.filterwarnings("ignore")
def test_rows_of_several_dtypes_and_an_open_batch(row):
    """What NumPy converts, the model converts; what has no form is an error of ours, not one from inside onnx."""
    checked = 0
    for f, operands in calls(row, seed=1, count=2):
        for dtypes in ("fd", "if"):
            arrays = [a.astype(dtypes[k % 2]) if a.dtype.kind == "f" else a for k, a in enumerate(operands)]
            if not arrays or any(a.dtype.kind == "c" for a in arrays):
                continue
            longer = [np.concatenate([a, a[:1], a[:1], a[:1]]) if a.ndim else a for a in arrays]
            with_batch = all(a.ndim for a in arrays) and exported(f, arrays, longer, 0)
            checked += with_batch or exported(f, arrays, arrays, None)
    assert checked


@pytest.mark.parametrize("f", [
    lambda x: x * len(x),
    lambda x: x.sum(0) / (2 * len(x) - 1),
    lambda x: (len(x) - 1) ** 1.0 * x,
    lambda x: x / len(x) ** 2,
    lambda x: x / (len(x) * (len(x) - 1)),
    lambda x: x.reshape(len(x) * 3, 2),
    lambda x: np.ones((len(x), len(x)), np.float32) @ x,
    lambda x: np.repeat(x, 2, 0),
    lambda x: np.repeat(x, [1, 2] + [1] * (len(x) - 2), 0),
    lambda x: np.concatenate([x, np.ones((x.shape[0], 2))], 1),
    lambda x: np.where(x > 0, x, np.float64(2.0) * x),
    lambda x: x * np.float64(2.0),
    lambda x: x > len(x),
    lambda x: np.logical_and(x, x > 1),
    lambda x: np.stack([x, np.zeros(x.shape)]),
    lambda x: x[:-1] + x[1:],
    lambda x: x[len(x) // 2],
    lambda x: x.astype(np.float16),
    lambda x: x.astype(np.longdouble),
    lambda x: x.astype(np.complex64) * 1j,
    lambda x: x + np.arange(len(x))[:, None],
    lambda x: np.unstack(x),
    lambda x: len(x),
    lambda x: [x] * len(x),
], ids=inspect.getsource)  # fmt: skip
def test_functions_of_the_batch_size_agree_or_have_one_error(f):
    exported(f, [random(2, 6)], [random(7, 6)], 0)
    exported(f, [random(4, 6)], [random(4, 6)], None)


def test_a_number_that_grows_evenly_with_the_batch_is_computed():
    for f in (lambda x: x * len(x), lambda x: x.sum(0) / (2 * len(x) - 1), lambda x: np.repeat(x, 2, 0)):
        assert exported(f, [random(2, 3)], [random(7, 3)], 0)
    with pytest.raises(ValueError, match="which is 9 and 16 for a batch that is larger by one and by two"):
        ag.export.onnx(lambda x: x * len(x) ** 2, random(2, 3))


def test_a_path_among_the_examples(tmp_path):
    for path in ("net.onnx", tmp_path / "net.onnx"):
        with pytest.raises(TypeError, match=r"expected arrays as examples, got .*net\.onnx.*; write path="):
            ag.export.onnx(np.exp, random(2, 2), path)


def test_names_and_the_batch():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.hidden = nn.Linear(3, 4)
            self.out = nn.Linear(4, 2)

        def forward(self, pixels):
            features = self.hidden(pixels).tanh()
            scores = self.out(features)
            return scores  # noqa: RET504 - the name is what is tested

    model = ag.export.onnx(Net(), random(1, 3))
    assert [i.name for i in model.graph.input] == ["pixels"]
    assert [o.name for o in model.graph.output] == ["scores"]
    assert {i.name for i in model.graph.initializer} == {"hidden.weight", "hidden.bias", "out.weight", "out.bias"}
    assert [d.dim_param or d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim] == ["batch", 3]
    assert "features" in {name for node in model.graph.node for name in node.output}
    assert model.opset_import[0].version == 20
    fixed = ag.export.onnx(Net(), random(5, 3), batch_axis=None)
    assert [d.dim_value for d in fixed.graph.input[0].type.tensor_type.shape.dim] == [5, 3]


def test_functions_with_several_results_and_shapes():
    def f(x, steps):
        n = x.shape[0]
        doubled = np.concatenate([x, x], axis=0).reshape(2 * n, -1)
        return doubled, steps.transpose(1, 0, 2)[::-1, :, None], x, np.ones((n, 2), np.float32) + x[:, :1]

    x, steps = random(3, 4), random(2, 3, 5)
    model = ag.export.onnx(f, x, steps, batch_axis=(0, 1))
    for n in (1, 4):
        given = random(n, 4), random(2, n, 5)
        for got, want in zip(run(model, *given), f(*given), strict=True):
            np.testing.assert_array_equal(got, want)
    assert model.graph.output[0].type.tensor_type.shape.dim[0].dim_param == "2 * batch"


def test_a_file(tmp_path):
    net, path = nn.Linear(3, 2), tmp_path / "net.onnx"
    ag.export.onnx(net, random(1, 3), path=path)
    x = random(4, 3)
    (got,) = runtime.InferenceSession(path).run(None, {"input": x})
    np.testing.assert_allclose(got, net(x).numpy(), rtol=1e-5)


def test_training_mode_is_restored():
    net = nn.Sequential(nn.Linear(3, 2), nn.Dropout())
    model = ag.export.onnx(net, random(1, 3))
    assert net.training
    assert net[1].training
    assert [node.op_type for node in model.graph.node] == ["Gemm"]


def test_what_has_no_form():
    words = r"rows without a form in ONNX: linalg\.det, linalg\.inv\. .*row\.attach\(onnx="
    with pytest.raises(NotImplementedError, match=words):
        ag.export.onnx(lambda x: np.linalg.inv(np.linalg.inv(x)) + np.linalg.det(x), random(2, 2), batch_axis=None)
    with pytest.raises(ValueError, match=r"only shapes, .* may depend on the batch size; .*batch_axis=None"):
        ag.export.onnx(lambda x: x * np.arange(len(x), dtype=np.float32)[:, None], random(2, 2))
    with pytest.raises(ValueError, match="computes something different for another batch size"):
        ag.export.onnx(lambda x: sum(row.sum() for row in x), random(2, 2))
    with pytest.raises(ValueError, match=r"batch_axis=2: an example has the shape \(2, 2\)"):
        ag.export.onnx(np.exp, random(2, 2), batch_axis=2)
    with pytest.raises(ValueError, match="2 entries for 1 arrays"):
        ag.export.onnx(np.exp, random(2, 2), batch_axis=(0, 0))


def module_of(example):
    """An example as a module."""
    path = Path(__file__).parents[2] / "examples" / f"{example}.py"
    spec = importlib.util.spec_from_file_location(f"example_{example}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def conv_net():
    return nn.Sequential(
        nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(72, 10)
    )


class OneDigit(nn.Module):
    """The denoiser with a fixed time and digit."""

    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, x):
        return self.net(x, np.array([7]), np.array([3]))


CODES = rng.integers(0, 20, (2, 12))
NETS = {
    "transformer": (lambda: module_of("gpt").GPT(20), CODES),
    "rnn": (lambda: module_of("characters_rnn").Writer(20), CODES),
    "denoiser": (lambda: OneDigit(module_of("diffusion").Denoiser(8, 8, 1)), random(2, 1, 8, 8)),
    "conv net": (conv_net, random(2, 1, 8, 8)),
    "talk": (lambda: nn.Sequential(nn.Linear(3, 4), nn.Sigmoid(), nn.Linear(4, 1), nn.Sigmoid()), random(2, 3)),
}


@pytest.mark.parametrize("name", NETS)
def test_nets(name):
    make, x = NETS[name]
    net = make().eval()
    model = ag.export.onnx(net, x)
    for n in (1, 3):
        agree(net, model, np.concatenate([x, x])[:n])
    assert {i.name for i in model.graph.initializer} >= {name for name, _ in net.named_parameters()}


def test_double_precision_that_the_runtime_lacks_is_a_warning():
    for operator in IN_SINGLE:
        shapes = [(1, 1, 6, 6), *[(1, 1, 3, 3)] * operator.startswith("Conv")]
        names = [f"x{k}" for k in range(len(shapes))]
        node = onnx.helper.make_node(operator, names, ["y"])
        double = onnx.TensorProto.DOUBLE
        inputs = [onnx.helper.make_tensor_value_info(n, double, s) for n, s in zip(names, shapes, strict=True)]
        graph = onnx.helper.make_graph([node], "g", inputs, [onnx.helper.make_tensor_value_info("y", double, None)])
        model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", OPSET)], ir_version=9)
        with pytest.raises(runtime.capi.onnxruntime_pybind11_state.NotImplemented):
            runtime.InferenceSession(model.SerializeToString())
    x = IMAGES.astype(np.float64)
    with pytest.warns(UserWarning, match=r"ONNX Runtime has no Conv, Tan in double precision; .* net\.float\(\)"):
        ag.export.onnx(lambda x: np.tan(nn.functional.conv2d(x, x[:, :, :2, :2])), x, batch_axis=None)
    ag.export.onnx(lambda x: np.tan(nn.functional.conv2d(x, x[:, :, :2, :2])), IMAGES, batch_axis=None)


WEIGHT = ag.tensor(np.arange(3, dtype=np.float32), requires_grad=True)
LOOPS = {
    "If": lambda x: ag.cond(x.sum() > 0, lambda x: np.sin(x) * WEIGHT, lambda x: (x + x.shape[0]) * np.float32(2), x),
    "Loop": lambda x: ag.while_loop(lambda s: (s[0] ** 2).sum() < 99, lambda s: (s[0] * 2 + WEIGHT, s[1]), (x, 0))[0],
    "Scan": lambda x: ag.vmap(lambda r: ag.scan(lambda c, y: (np.tanh(c + y), c * y), r[0], r, reverse=True))(x),
    "Scan without results": lambda x: ag.vmap(lambda r: ag.scan(lambda c, y: (np.tanh(c + y), None), r[0], r)[0])(x),
    "Where": lambda x: ag.vmap(lambda r: ag.cond(r.sum() > 0, np.sin, np.cos, r))(x),
}


@pytest.mark.parametrize("operator", LOOPS)
def test_control_flow(operator):
    """The choice is made in the graph, for any batch size."""
    f, x = LOOPS[operator], random(4, 3)
    model = ag.export.onnx(f, x)
    assert operator.split()[0] in [node.op_type for node in model.graph.node]
    for array in (x, -x, x[:1], 100 * x, np.concatenate([x, x])):
        agree(f, model, array)
