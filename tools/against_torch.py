"""Compare each function of `nn.functional` and the layers of `nn` with PyTorch's.

Functions: values, dtypes, gradients, at random points and at kinks. Layers: a state dict in and out, its keys, values
in training and in evaluation, gradients of inputs and parameters, and buffers afterwards. Of both, the names and
defaults of arguments, where PyTorch's can be inspected.

PyTorch must be installed::

    python tools/against_torch.py [part of a name]

It prints each difference that is not one of `CHOSEN`, and the counts at the end. A case is the name of a function and
its arguments; float arrays require gradients. If both raise, they agree; if only one does, that is a difference.
``tools/programs_against_torch.py`` compares the rows of the table, in random programs.
"""

from __future__ import annotations

import inspect
import re
import sys
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
import torch.nn.functional as torch_functional

import autograd_lite as ag
from autograd_lite.nn import functional as our_functional

Case = tuple[str, tuple[Any, ...], dict[str, Any]]

rng = np.random.default_rng(0)
KINKS = np.array([-1e4, -101, -21, -20, -6, -3, -2.5, -1, -0.5, -0.0, 0.0, 0.5, 1, 2.5, 3, 6, 20, 21, 101, 1e4])
SPECIAL = np.array([-np.inf, np.inf, np.nan])
#: Where PyTorch differentiates with respect to the first argument alone.
ONE_GRADIENT = {
    "nll_loss", "cross_entropy", "multi_margin_loss", "multilabel_soft_margin_loss", "soft_margin_loss",
    "binary_cross_entropy_with_logits", "binary_cross_entropy",
}  # fmt: skip
#: Intended differences: a pattern for the call and the difference, and the reason.
CHOSEN = {
    r"^\w+\(\[-inf +inf +nan\]": "at nan the slope is 0 or nan, and at infinity it may be nan",
    r"^celu\(.*alpha=-0.7": "PyTorch rounds 1 / alpha to single precision",
    r"^layer_norm\(.*\(2,\).*float32": "rounding, where a pair is nearly equal; ours is nearer to the double result",
    r"^cosine_similarity\(.*eps=10": "the derivative of the bounded length; PyTorch's ignores the bound",
    r"^(kl_div|poisson_nll_loss).*\n.*PyTorch \[?nan": "a target of 0 has a finite gradient",
    r"^soft_margin_loss.*\n.*PyTorch \[.*inf": "the loss does not overflow",
    r"^(nll_loss|cross_entropy)\(.*, 1, .*ignore_index=1.*\n.*nan": "a single sample that is ignored: 0 / 0",
    r"^(group|instance)_norm\(\[\].*PyTorch \[nan": "parameters get no gradient from an empty batch",
    r"only ours raises.*expected (equal shapes|input and target of one shape)": "targets are not broadcast",
    r"^(nll_loss|cross_entropy|cosine_embedding_loss)\(.*only PyTorch raises RuntimeError: (size mismatch|1D target)":
        "a target of one number for a single sample: PyTorch's losses disagree",
    r"only ours raises.*linear: expected bias of shape": "one bias for all outputs is more likely a mistake",
    r"^(linear|normalize|pad|gaussian_nll_loss|multilabel_soft_margin_loss|(group|instance)_norm|adaptive_\w+)\(.*\n"
    r".*only PyTorch raises": "more is accepted than by PyTorch",
    r"^pad\(.*, \(-4, 2\), mode='circular'\).*\n.*array 1": "PyTorch's gradient is not that of its value",
    r"^interpolate\(.*scale_factor=.*1.1.*(nearest'|bicubic|antialias)":
        "where a size stays, PyTorch's values and gradients disagree",
}


def normal(*shape: int) -> Any:
    return rng.normal(size=shape)


def activations() -> Iterator[Case]:
    names = """
        relu relu6 sigmoid tanh silu mish gelu elu selu celu leaky_relu softplus logsigmoid softsign hardtanh
        hardsigmoid hardswish hardshrink softshrink tanhshrink rrelu
    """
    options: dict[str, list[dict[str, Any]]] = {
        "gelu": [{"approximate": "tanh"}],
        "elu": [{"alpha": 0.3}, {"alpha": -0.7}],
        "celu": [{"alpha": 0.3}, {"alpha": -0.7}],
        "leaky_relu": [{"negative_slope": 0.2}, {"negative_slope": -0.2}],
        "softplus": [{"beta": 2.0}, {"threshold": 1.0}, {"beta": 0.5, "threshold": 3}, {"threshold": -1.0}],
        "hardtanh": [{"min_val": -0.5, "max_val": 2.5}],
        "hardshrink": [{"lambd": 1.0}, {"lambd": 0.0}],
        "softshrink": [{"lambd": 1.0}, {"lambd": 0.0}],
        "rrelu": [{"lower": 0.1, "upper": 0.5}],
    }
    for name in names.split():
        for params in [{}, *options.get(name, [])]:
            for x in (normal(3, 4), KINKS, SPECIAL, np.array(0.5), np.zeros((0, 3))):
                yield name, (x,), params
    for x in (normal(3, 4), KINKS, SPECIAL, np.array(0.5)):
        yield "threshold", (x, 0.5, 2.0), {}
    yield "prelu", (KINKS, np.array(0.2)), {}
    yield "prelu", (np.array(-0.5), np.array([0.2])), {}
    yield "prelu", (KINKS, np.array([0.2])), {}
    yield "prelu", (normal(2, 3, 4), normal(3)), {}
    yield "prelu", (normal(3), normal(3)), {}
    yield "prelu", (normal(2, 3), normal(3)), {}
    for shape, dim in (((2, 4), -1), ((4, 3), 0), ((2, 0), 1), ((2, 3), 0), ((3,), 0)):
        yield "glu", (normal(*shape),), {"dim": dim}
    for name in ("softmax", "log_softmax", "softmin"):
        for x, dim in (
            (normal(3, 4), 0), (normal(3, 4), -1), (normal(2, 3, 4), 1), (normal(), 0), (normal(), -1),
            (normal(0, 3), 0), (normal(0, 3), 1), (KINKS, 0), (SPECIAL, 0), (normal(3), 1),
            (np.full((2, 3), -np.inf), 1),
        ):  # fmt: skip
            yield name, (x,), {"dim": dim}
        yield name, (normal(2, 3),), {"dim": 0, "dtype": "float64"}
        yield name, (normal(2, 3),), {"dim": 0, "dtype": "float32"}


def distances() -> Iterator[Case]:
    for p in (0.5, 1, 2, 3, float("inf"), 0):
        for shape, dim in (((3, 4), 1), ((3, 4), 0), ((2, 3, 4), -1), ((4,), 0), ((), 0), ((0, 3), 1), ((3, 0), 1)):
            yield "normalize", (normal(*shape),), {"p": p, "dim": dim}
        yield "normalize", (np.zeros((2, 3)),), {"p": p}
        yield "normalize", (np.array([[0.0, 1.0], [1.0, 1.0]]),), {"p": p}
        yield "normalize", (normal(2, 3, 4),), {"p": p, "dim": (1, 2)}
        yield "normalize", (normal(2, 3),), {"p": p, "eps": 10.0}
        for shapes in (((3, 4), (3, 4)), ((3, 4), (4,)), ((4,), (4,)), ((3, 1, 4), (2, 4)), ((3, 4), (3, 1))):
            for keepdim in (False, True):
                yield "pairwise_distance", tuple(normal(*s) for s in shapes), {"p": p, "keepdim": keepdim}
        x = normal(2, 3)
        yield "pairwise_distance", (x, x.copy()), {"p": p}
        yield "pairwise_distance", (x, x.copy()), {"p": p, "eps": 0.0}
        for swap in (False, True):
            yield "triplet_margin_loss", (normal(5, 4), normal(5, 4), normal(5, 4)), {"p": p, "swap": swap}
    for shapes, dim in (
        (((3, 4), (3, 4)), 1), (((3, 4), (1, 4)), 1), (((3, 1), (3, 4)), 1), (((3, 4), (4,)), 1),
        (((2, 3, 1), (2, 1, 4)), 1), (((2, 3, 1), (2, 1, 4)), 2), (((3, 4), (3, 4)), 0), (((), ()), 0),
        (((4,), (4,)), 0), (((0, 3), (0, 3)), 1), (((3, 0), (3, 0)), 1), (((), (4,)), 0), (((4,), ()), 0),
    ):  # fmt: skip
        yield "cosine_similarity", tuple(normal(*s) for s in shapes), {"dim": dim}
    yield "cosine_similarity", (np.zeros((2, 3)), normal(2, 3)), {}
    yield "cosine_similarity", (np.zeros((2, 3)), np.zeros((2, 3))), {}
    yield "cosine_similarity", (normal(2, 3), normal(2, 3)), {"eps": 10.0}
    sign = np.array([1, -1, 1])
    for margin in (0.0, 0.3, -0.5):
        for r in ("mean", "sum", "none"):
            yield "cosine_embedding_loss", (normal(3, 4), normal(3, 4), sign), {"margin": margin, "reduction": r}
    yield "cosine_embedding_loss", (normal(4), normal(4), np.array(1)), {}
    yield "cosine_embedding_loss", (np.zeros((3, 4)), normal(3, 4), sign), {}
    yield "cosine_embedding_loss", (np.eye(3), np.eye(3)[::-1].copy(), sign), {}
    yield "triplet_margin_with_distance_loss", (normal(5, 4), normal(5, 4), normal(5, 4)), {"margin": 0.5}
    yield "triplet_margin_loss", (normal(4), normal(4), normal(4)), {}
    yield "triplet_margin_loss", (normal(3, 4), normal(1, 4), normal(3, 4)), {}


def losses() -> Iterator[Case]:
    for r in ("mean", "sum", "none"):
        for shape in ((3, 4), (), (0,), (5,)):
            x, y = normal(*shape), normal(*shape)
            p, q = rng.uniform(0.1, 0.9, size=shape), rng.uniform(0.1, 0.9, size=shape)
            s = np.where(normal(*shape) > 0, 1.0, -1.0)
            for name in ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss"):
                yield name, (x, y), {"reduction": r}
                yield name, (x, x.copy()), {"reduction": r}
                yield name, (x, x + 1.0), {"reduction": r}
            yield "smooth_l1_loss", (x, x + 0.25), {"reduction": r, "beta": 0.25}
            yield "smooth_l1_loss", (x, y), {"reduction": r, "beta": 0.0}
            yield "huber_loss", (x, x + 0.25), {"reduction": r, "delta": 0.25}
            yield "binary_cross_entropy", (p, q), {"reduction": r}
            yield "binary_cross_entropy", (np.round(p), np.round(q)), {"reduction": r}
            yield "binary_cross_entropy", (p, q, p + 1), {"reduction": r}
            yield "binary_cross_entropy_with_logits", (x, q), {"reduction": r}
            yield "binary_cross_entropy_with_logits", (x, q), {"reduction": r, "pos_weight": np.array(2.5)}
            yield "binary_cross_entropy_with_logits", (x, q, p + 1), {"reduction": r, "pos_weight": p + 1}
            yield "binary_cross_entropy_with_logits", (x * 1000, q), {"reduction": r}
            for log_target in (False, True):
                yield "kl_div", (np.log(p), np.log(q) if log_target else q), {"reduction": r, "log_target": log_target}
            yield "kl_div", (np.log(p), np.round(q)), {"reduction": r}
            for log_input in (True, False):
                for full in (False, True):
                    more = {"log_input": log_input, "full": full, "reduction": r}
                    yield "poisson_nll_loss", (x if log_input else p, np.round(4 * q)), more
            yield "margin_ranking_loss", (x, y, s), {"reduction": r, "margin": 0.2}
            yield "margin_ranking_loss", (x, x.copy(), s), {"reduction": r}
            yield "hinge_embedding_loss", (x, s), {"reduction": r}
            yield "hinge_embedding_loss", (np.ones(shape), s), {"reduction": r, "margin": 1.0}
            yield "hinge_embedding_loss", (x, x.copy()), {"reduction": r}
            yield "soft_margin_loss", (x, s), {"reduction": r}
            yield "soft_margin_loss", (x * 1000, s), {"reduction": r}
            yield "multilabel_soft_margin_loss", (x, np.round(q)), {"reduction": r}
        for full in (False, True):
            v = rng.uniform(0.5, 2, size=(3, 4))
            for var in (v, v[:, :1], v[:, 0], np.array(0.7), np.zeros((3, 4)), v[:1]):
                yield "gaussian_nll_loss", (normal(3, 4), normal(3, 4), var), {"reduction": r, "full": full}
        p = rng.uniform(size=(3, 4))
        yield "multilabel_soft_margin_loss", (normal(3, 4), np.round(p), normal(4)), {"reduction": r}
        yield "binary_cross_entropy_with_logits", (normal(3, 4), p), {"reduction": r, "pos_weight": rng.uniform(size=4)}
        yield "binary_cross_entropy", (p, p, rng.uniform(size=4)), {"reduction": r}
        for name, shapes in (("mse_loss", ((3, 1), (3,))), ("kl_div", ((3, 4), (4,)))):
            yield name, tuple(np.abs(normal(*s)) for s in shapes), {"reduction": r}
    yield "kl_div", (np.log(p), p), {"reduction": "batchmean"}
    yield "kl_div", (normal(), np.array(0.5)), {"reduction": "batchmean"}


def classes() -> Iterator[Case]:
    k = np.array([0, 2, 1, 2])
    for r in ("mean", "sum", "none"):
        for x, target in (
            (normal(4, 3), k), (normal(3), np.array(1)), (normal(2, 3, 4), rng.integers(3, size=(2, 4))),
            (normal(2, 3, 2, 2), rng.integers(3, size=(2, 2, 2))), (normal(0, 3), np.zeros(0, int)),
        ):  # fmt: skip
            for weight in (None, rng.uniform(size=3)):
                for ignored in (-100, 2, 1):
                    more = {"weight": weight, "ignore_index": ignored, "reduction": r}
                    yield "nll_loss", (x, target), more
                    for smoothing in (0.0, 0.2, 1.0):
                        yield "cross_entropy", (x, target), {**more, "label_smoothing": smoothing}
            q = np.exp(x) / np.exp(x).sum(1 if x.ndim > 1 else 0, keepdims=True)
            for weight in (None, rng.uniform(size=3)):
                for smoothing in (0.0, 0.2):
                    yield "cross_entropy", (x, q), {"weight": weight, "reduction": r, "label_smoothing": smoothing}
        yield "cross_entropy", (normal(4, 3), np.full(4, -100)), {"reduction": r}
        yield "nll_loss", (normal(4, 3), np.full(4, -100)), {"reduction": r}
        for p in (1, 2):
            for margin in (1.0, 0.3):
                for weight in (None, rng.uniform(size=3)):
                    more = {"p": p, "margin": margin, "weight": weight, "reduction": r}
                    yield "multi_margin_loss", (normal(4, 3), k), more
                    yield "multi_margin_loss", (normal(3), np.array(1)), more
                    yield "multi_margin_loss", (np.ones((4, 3)) * [0.0, 0.5, 1.0], k), more
        labels = np.array([[2, 0, -1, 1], [1, -1, 0, 0], [-1, 0, 0, 0], [0, 1, 2, 3]])
        yield "multilabel_margin_loss", (normal(4, 4), labels), {"reduction": r}
        yield "multilabel_margin_loss", (normal(4), labels[0]), {"reduction": r}
        yield "multilabel_margin_loss", (np.ones((4, 4)) * [0, 1, 2, 3], labels), {"reduction": r}


def norms() -> Iterator[Case]:
    for shape in ((4, 6), (4, 6, 5), (2, 6, 3, 2), (0, 6, 3), (2, 6, 0), (1, 6), (1, 6, 1)):
        x, c = normal(*shape), shape[1]
        for affine in (False, True):
            for eps in (1e-5, 0.1):
                w, b = (normal(c), normal(c)) if affine else (None, None)
                more = {"weight": w, "bias": b, "eps": eps}
                for groups in (1, 2, 6, 4):
                    yield "group_norm", (x, groups), more
                yield "instance_norm", (x,), more
                for use in (True, False):
                    stats = Constant(normal(c)), Constant(rng.uniform(1, 2, size=c))
                    yield "instance_norm", (x, *stats), {**more, "use_input_stats": use, "momentum": 0.3}
                yield "batch_norm", (x, None, None), {**more, "training": True}
                running = rng.uniform(1, 2, size=(2, c))
                yield "batch_norm", (x, Constant(running[0]), Constant(running[1])), {**more, "training": False}
                yield "batch_norm", (x, Constant(running[0]), Constant(running[1])), {**more, "training": True}
                for last in (shape[1:], shape[-1:]):
                    w, b = (normal(*last), normal(*last)) if affine else (None, None)
                    yield "layer_norm", (x, last), {"weight": w, "bias": b, "eps": eps}
                    yield "rms_norm", (x, last), {"weight": w, "eps": eps}
                    yield "rms_norm", (x, last), {"weight": w}
    yield "instance_norm", (normal(6, 5),), {}
    yield "layer_norm", (np.ones((2, 3)), (3,)), {}
    yield "group_norm", (np.ones((2, 4)), 2), {}
    yield "rms_norm", (np.zeros((2, 3)), (3,)), {}
    yield "layer_norm", (normal(), ()), {}


def windows() -> Iterator[Case]:
    for n, size in ((1, (9,)), (2, (9, 7)), (3, (5, 4, 6))):
        x = normal(2, 4, *size)
        for kernel, stride, padding, ceil in (
            (2, None, 0, False), (3, 2, 1, False), (3, 2, 1, True), (2, 3, 1, True), (2, 1, 0, True),
            (3, (), 0, False), (10, None, 0, False), (3, 2, 2, False),
        ):  # fmt: skip
            more = {"kernel_size": kernel, "stride": stride, "padding": padding, "ceil_mode": ceil}
            for at in (x, x[0], np.round(x), np.zeros_like(x)):
                yield f"max_pool{n}d", (at,), more
                yield f"max_pool{n}d", (at,), {**more, "return_indices": True}
            yield f"max_pool{n}d", (x,), {**more, "dilation": 2}
            for include in (True, False):
                yield f"avg_pool{n}d", (x,), {**more, "count_include_pad": include}
                yield f"avg_pool{n}d", (x[0],), {**more, "count_include_pad": include}
            if n > 1:
                yield f"avg_pool{n}d", (x,), {**more, "divisor_override": 3}
        for out in (1, 2, 3, 4, 7, 12, (None, *range(2, n + 1))):
            yield f"adaptive_avg_pool{n}d", (x, out), {}
            for at in (x, x[0], np.round(x)):
                for indices in (False, True):
                    yield f"adaptive_max_pool{n}d", (at, out), {"return_indices": indices}
        w = normal(6, 4, *(3, 2, 2)[:n])
        for stride, padding, dilation in (
            (1, 0, 1), (2, 1, 1), (1, "same", 1), (1, "same", 2), (2, 2, 3), (1, "valid", 2),
        ):  # fmt: skip
            for bias in (None, normal(6)):
                yield f"conv{n}d", (x, w, bias), {"stride": stride, "padding": padding, "dilation": dilation}
                yield f"conv{n}d", (x[0], w, bias), {"stride": stride, "padding": padding, "dilation": dilation}
            yield f"conv{n}d", (x, w[:, :2], normal(6)), {"padding": padding, "dilation": dilation, "groups": 2}
        for stride, padding, extra, dilation, groups in (
            (1, 0, 0, 1, 1), (2, 1, 1, 1, 1), (3, 1, 2, 2, 2), (1, 0, 1, 2, 1), (2, 1, 2, 3, 1), (2, 0, 2, 2, 1),
            (1, 1, 2, 4, 2), (1, 3, 2, 3, 1),
        ):  # fmt: skip
            wt = normal(4, 6 // groups, *(3, 2, 2)[:n])
            more = {"stride": stride, "padding": padding, "output_padding": extra}
            more |= {"dilation": dilation, "groups": groups}
            for bias in (None, normal(6)):
                yield f"conv_transpose{n}d", (x, wt, bias), more
                yield f"conv_transpose{n}d", (x[0], wt, bias), more
        yield f"conv{n}d", (x[:0], w), {}
    x = normal(2, 4, 9, 7)
    for more in ({}, {"stride": 2, "padding": 1}, {"dilation": 2}, {"stride": 2, "dilation": 2, "padding": 1}):
        yield "unfold", (x, (3, 2)), more
        columns = torch_functional.unfold(torch.tensor(x), (3, 2), **more).numpy()
        yield "fold", (columns, (9, 7), (3, 2)), more
        yield "fold", (columns[0], (9, 7), (3, 2)), more
    for mode in ("constant", "reflect", "replicate", "circular"):
        yield "pad", (normal(2, 3, 5), (2, 1)), {"mode": mode}
        yield "pad", (normal(2, 3, 5, 4), (2, 1, 0, 3)), {"mode": mode}
        for widths in ((-1, 2), (2, -1), (-2, -1), (-4, 2), (1, -4), (5, 5), (-6, 0)):
            yield "pad", (normal(2, 3, 5), widths), {"mode": mode}
        yield "pad", (normal(2, 3, 4, 5, 6), (1, 2, 0, 1, 2, 1)), {"mode": mode}
        yield "pad", (normal(2, 3, 5), (7, 0)), {"mode": mode}
        yield "pad", (normal(5), (1, 1)), {"mode": mode}
    yield "pad", (normal(2, 3), (1, 1)), {"value": 2.5}


def resampling() -> Iterator[Case]:
    for n, size in ((1, (9,)), (2, (7, 9)), (3, (3, 4, 5))):
        x = normal(2, 3, *size)
        for how in (
            {"size": 5}, {"size": tuple(2 * m for m in size)}, {"size": 1}, {"size": size}, {"size": (3,) * (n + 1)},
            {"scale_factor": 2}, {"scale_factor": 1.7}, {"scale_factor": 1.1}, {"scale_factor": 0.4},
            {"scale_factor": (0.6, 2.3, 1.1)[:n]}, {"scale_factor": 1.7, "recompute_scale_factor": True},
            {"scale_factor": 1 / 3}, {}, {"scale_factor": 0.1},
            {"size": 3, "scale_factor": 2.0},
        ):  # fmt: skip
            for mode in ("nearest", "nearest-exact", "area", "linear", "bilinear", "trilinear", "bicubic"):
                for align in (None, False, True):
                    yield "interpolate", (x,), {**how, "mode": mode, "align_corners": align}
                    if align is None:
                        yield "interpolate", (x,), {**how, "mode": mode, "antialias": True}
    for shape, r in (((2, 12, 3, 4), 2), ((18, 2, 2), 3), ((2, 3, 8, 2, 3), 2), ((2, 3, 4, 4), 2), ((8, 3), 2)):
        yield "pixel_shuffle", (normal(*shape), r), {}
        yield "pixel_unshuffle", (normal(*shape[:-2], 6, 12), r), {}
        yield "pixel_unshuffle", (normal(*shape), 5), {}


def bags() -> Iterator[Case]:
    index, w = np.array([1, 2, 4, 5, 4, 3, 2, 9]), normal(10, 3)
    for mode in ("sum", "mean", "max"):
        for padding in (None, 2, -6):
            more = {"mode": mode, "padding_idx": padding}
            for at in (index.reshape(2, 4), index.reshape(8, 1), index.reshape(2, 4)[:0]):
                yield "embedding_bag", (at, w), more
            for offsets in ([0, 3, 3, 4], [0], [0, 7], [0, 8]):
                yield "embedding_bag", (index, w, np.array(offsets)), more
                yield "embedding_bag", (index, w, np.array([*offsets, 8])), {**more, "include_last_offset": True}
                yield "embedding_bag", (index, w, np.array(offsets)), {**more, "per_sample_weights": normal(8)}
            yield "embedding_bag", (index.reshape(2, 4), w), {**more, "per_sample_weights": normal(2, 4)}
    yield "embedding_bag", (index, w), {}
    yield "embedding_bag", (index.reshape(2, 4), w, np.array([0, 2])), {}
    yield "embedding_bag", (index, w, np.array([1, 2])), {}
    yield "embedding_bag", (index, w, np.array([0, 9])), {}
    yield "embedding_bag", (index + 1, w, np.array([0, 3])), {}


def shapes() -> Iterator[Case]:
    """Empty batches, single samples, targets of one number, and inputs and targets that broadcast."""
    for r in ("mean", "sum", "none"):
        for x in ((), (1,), (3,), (0,), (2, 1), (2, 3), (0, 3), (2, 3, 4)):
            for y in ((), (1,), (3,), (1, 3), (2, 1), (2, 3), (4,), (2, 1, 4), (0, 3)):
                v = rng.uniform(0.5, 2, size=x)
                for var in (v, v[..., :1] if x else v, v[..., 0] if x and x[-1] else v):
                    yield "gaussian_nll_loss", (normal(*x), normal(*y), var), {"reduction": r}
        for x in ((3,), (2, 3)):
            one = np.array([-1.0])
            for name in ("mse_loss", "l1_loss", "hinge_embedding_loss", "soft_margin_loss"):
                yield name, (normal(*x), one), {"reduction": r}
            yield "cosine_embedding_loss", (normal(*x), normal(*x), one), {"reduction": r}
        yield "margin_ranking_loss", (normal(3), normal(3), np.array([-1.0])), {"reduction": r}
        for name in ("nll_loss", "cross_entropy", "multi_margin_loss"):
            yield name, (normal(3), np.array([1])), {"reduction": r}
            yield name, (normal(3), np.array([1])), {"reduction": r, "weight": rng.uniform(size=3)}
    for k in (1, 2, 3):
        for groups in (1, 2):
            x, w = normal(0, 4, *[3] * k), normal(4, 4 // groups, *[2] * k)
            yield f"conv{k}d", (x, w), {"groups": groups}
            yield f"conv_transpose{k}d", (x, w), {"groups": groups}
    for lead in ((0, 3), (2, 3, 0), (3, 0)):
        yield "layer_norm", (normal(*lead), lead[1:]), {}
        yield "rms_norm", (normal(*lead), lead[1:]), {}
    for training in (True, False):
        yield "batch_norm", (normal(0), Constant(np.zeros(3)), Constant(np.ones(3))), {"training": training}
    yield "scaled_dot_product_attention", (normal(3, 0), normal(2, 0), normal(2, 4)), {}


def others() -> Iterator[Case]:
    for size in (1, 2, 3, 8):
        for shape in ((2, 6, 3), (2, 6, 3, 4), (1, 5, 2, 2, 2), (2, 6), (0, 6, 3)):
            yield "local_response_norm", (normal(*shape), size), {}
            yield "local_response_norm", (normal(*shape), size), {"alpha": 0.5, "beta": 0.3, "k": 2.0}
    for lead in ((), (2,), (2, 5)):
        yield "linear", (normal(*lead, 3), normal(4, 3), normal(4)), {}
        yield "linear", (normal(*lead, 3), normal(4, 3)), {}
        yield "linear", (normal(*lead, 3), normal(3)), {}
        yield "linear", (normal(*lead, 3), normal(3), normal()), {}
        yield "bilinear", (normal(*lead, 3), normal(*lead, 2), normal(4, 3, 2), normal(4)), {}
    yield "linear", (normal(0, 3), normal(4, 3), normal(4)), {}
    yield "linear", (normal(2, 3), normal(4, 3), normal(1)), {}
    yield "linear", (normal(2, 0), normal(4, 0), normal(4)), {}
    yield "embedding", (np.array([[0, 2], [1, 2]]), normal(4, 3)), {}
    yield "embedding", (np.array([[0, 2], [1, 2]]), normal(4, 3)), {"padding_idx": 2}
    yield "embedding", (np.array(1), normal(4, 3)), {"padding_idx": -2}
    yield "one_hot", (np.array([0, 2, 1]),), {}
    yield "one_hot", (np.array(2),), {"num_classes": 5}
    for lead in ((), (2,), (2, 3)):
        q, k, v = normal(*lead, 4, 5), normal(*lead, 6, 5), normal(*lead, 6, 2)
        yield "scaled_dot_product_attention", (q, k, v), {}
        yield "scaled_dot_product_attention", (q, k, v), {"scale": 0.3}
        yield "scaled_dot_product_attention", (q, k, v), {"is_causal": True}
        mask = rng.uniform(size=(4, 6)) > 0.4
        mask[1] = False
        yield "scaled_dot_product_attention", (q, k, v), {"attn_mask": mask}
        yield "scaled_dot_product_attention", (q, k, v), {"attn_mask": normal(4, 6)}
    for p in (0.0, 1.0):
        for name in ("dropout", "dropout1d", "dropout2d", "dropout3d"):
            yield name, (normal(2, 3, 4, 4)[..., 0] if name == "dropout1d" else normal(2, 3, 4, 4), p), {}
            yield name, (normal(2, 3, 4), p, False), {}


class Constant:
    """An array that requires no gradient, and may be written into."""

    def __init__(self, array: Any) -> None:
        self.array = array


def run(functional: Any, tensor: Any, case: Case) -> Any:
    """The result of a case and the gradients of its float arrays, or the error."""
    name, args, params = case
    leaves: list[Any] = []
    buffers: list[Any] = []

    def made(a: Any) -> Any:
        if isinstance(a, Constant):
            buffers.append(tensor(a.array, False))
            return buffers[-1]
        if isinstance(a, np.generic):
            a = np.asarray(a)
        if not isinstance(a, np.ndarray):
            return a
        wanted = a.dtype.kind == "f" and not (leaves and name in ONE_GRADIENT)
        t = tensor(a, wanted)
        if wanted:
            leaves.append(t)
        return t

    args, params = tuple(map(made, args)), {key: made(a) for key, a in params.items()}
    if "dtype" in params:
        params["dtype"] = getattr(torch if functional is torch_functional else np, params["dtype"])
    try:
        y = getattr(functional, name)(*args, **params)
        results = y if isinstance(y, tuple) else (y,)
        y = results[0]
        if "float" in str(y.dtype) and y.requires_grad:
            weights = np.random.default_rng(1).normal(size=tuple(y.shape))
            (y * tensor(weights, False).to(y.dtype)).sum().backward()
    except Exception as e:  # exceptions are compared as well
        return e
    arrays = [*results, *buffers, *(t.grad if t.grad is not None else t.detach() * 0 for t in leaves)]
    return [t.detach().numpy() for t in arrays]


def difference(case: Case, dtype: str) -> str:
    """The difference between our result and PyTorch's; empty if there is none."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        ours, theirs = (
            run(f, lambda a, g, t=t: t(a.astype(dtype) if a.dtype.kind == "f" else a, requires_grad=g), case)
            for f, t in ((our_functional, ag.tensor), (torch_functional, torch.tensor))
        )
    if isinstance(ours, Exception) or isinstance(theirs, Exception):
        if isinstance(ours, Exception) and isinstance(theirs, Exception):
            return ""
        raised, who = (ours, "ours") if isinstance(ours, Exception) else (theirs, "PyTorch")
        return f"only {who} raises {type(raised).__name__}: {str(raised)[:200]}"
    for k, (a, b) in enumerate(zip(ours, theirs, strict=True)):
        what = f"array {k}" if k else "value"
        if a.shape != b.shape or a.dtype != b.dtype:
            return f"{what}: {a.shape} {a.dtype}, PyTorch {b.shape} {b.dtype}"
        tolerance = 2e-4 if "float32" in (dtype, case[2].get("dtype")) else 1e-6
        bad = ~np.isclose(a, b, rtol=tolerance, atol=tolerance, equal_nan=True)
        if bad.any():
            return f"{what}: {a[bad][:8]}, PyTorch {b[bad][:8]}"
    return ""


def shown(a: Any) -> str:
    if isinstance(a, Constant):
        return shown(a.array)
    return (str(a.shape) if a.size > 3 else np.array2string(a)) if isinstance(a, np.ndarray) else repr(a)


# ------------------------------------------------------------------------------------------------------- layers


def layers() -> Iterator[tuple[str, tuple[Any, ...], dict[str, Any], tuple[Any, ...], dict[str, Any]]]:
    """The class, its arguments, and the arguments of a call."""
    signals = {n: normal(2, 4, *(9, 7, 6)[:n]) for n in (1, 2, 3)}
    for n, x in signals.items():
        for more in ({}, {"stride": 2, "padding": 1, "groups": 2}, {"padding": "same", "bias": False}):
            yield f"Conv{n}d", (4, 6, 3), more, (x,), {}
        for padding_mode in ("reflect", "replicate", "circular"):
            yield f"Conv{n}d", (4, 6, 3), {"padding": 2, "padding_mode": padding_mode}, (x,), {}
        yield f"ConvTranspose{n}d", (4, 6, 3), {"stride": 2, "output_padding": 1, "groups": 2}, (x,), {}
        for more in ({}, {"stride": 1, "padding": 1, "ceil_mode": True}, {"dilation": 2, "return_indices": True}):
            yield f"MaxPool{n}d", (2,), more, (x,), {}
        yield f"AvgPool{n}d", (3, 2, 1), {"count_include_pad": False}, (x,), {}
        for kind in ("Avg", "Max"):
            yield f"Adaptive{kind}Pool{n}d", (4,), {}, (x,), {}
        for at in (x, x[0]):
            for kind in ("Constant", "Zero", "Reflection", "Replication", "Circular"):
                for width in (2, (1, 2, 0, 1, 2, 1)[: 2 * n]):
                    yield f"{kind}Pad{n}d", (width, *[1.5] * (kind == "Constant")), {}, (at,), {}
            for more in ({}, {"affine": True}, {"affine": True, "track_running_stats": True, "momentum": 0.3}):
                yield f"InstanceNorm{n}d", (4,), more, (at,), {}
        for more in ({}, {"affine": False}, {"track_running_stats": False}, {"momentum": None, "eps": 0.01}):
            yield f"BatchNorm{n}d", (4,), more, (x,), {}
        yield f"BatchNorm{n}d", (4,), {"bias": False}, (x,), {}
        yield f"Dropout{n}d", (0.0,), {}, (x,), {}
        yield "GroupNorm", (2, 4), {}, (x,), {}
        yield "GroupNorm", (2, 4), {"bias": False}, (x,), {}
        yield "LocalResponseNorm", (3,), {"alpha": 0.5}, (x,), {}
        for mode in ("nearest", ("linear", "bilinear", "trilinear")[n - 1]):
            yield "Upsample", (), {"scale_factor": 2, "mode": mode}, (x,), {}
            yield "Upsample", (5,), {"mode": mode}, (x,), {}
    yield "Upsample", (), {"size": (5, 9), "mode": "bicubic", "align_corners": True}, (signals[2],), {}
    yield "UpsamplingNearest2d", (), {"scale_factor": 3}, (signals[2],), {}
    yield "UpsamplingBilinear2d", ((5, 9),), {}, (signals[2],), {}
    yield "PixelShuffle", (2,), {}, (signals[2],), {}
    yield "PixelUnshuffle", (3,), {}, (normal(2, 2, 9, 6),), {}
    yield "Unfold", ((3, 2),), {"stride": 2, "padding": 1}, (signals[2],), {}
    yield "Fold", ((9, 7), (3, 2)), {}, (normal(2, 24, 42),), {}
    yield "BatchNorm1d", (4,), {}, (normal(5, 4),), {}
    yield "LayerNorm", ((4, 9),), {}, (signals[1],), {}
    yield "RMSNorm", (9,), {}, (signals[1],), {}
    yield "Linear", (9, 3), {}, (signals[1],), {}
    yield "Bilinear", (9, 7, 3), {}, (signals[1], normal(2, 4, 7)), {}
    yield "CosineSimilarity", (), {"dim": 1}, (signals[1], normal(2, 4, 9)), {}
    yield "PairwiseDistance", (), {"p": 3.0, "keepdim": True}, (signals[1], normal(2, 4, 9)), {}
    index = np.array([1, 2, 4, 5, 4, 3, 2, 9])
    for more in ({}, {"padding_idx": 2}, {"max_norm": 0.7, "norm_type": 1.0}, {"scale_grad_by_freq": True}):
        yield "Embedding", (10, 3), more, (index,), {}
        if more.keys() <= {"max_norm", "norm_type"}:  # PyTorch divides by the frequencies of other rows
            yield "EmbeddingBag", (10, 3), more, (index.reshape(2, 4),), {}
    for mode in ("sum", "mean", "max"):
        yield "EmbeddingBag", (10, 3), {"mode": mode}, (index.reshape(2, 4),), {}
        yield "EmbeddingBag", (10, 3), {"mode": mode, "padding_idx": 2}, (index, np.array([0, 3, 3])), {}
    yield from sequences()
    yield from activations_and_losses()


def activations_and_losses() -> Iterator[tuple[str, tuple[Any, ...], dict[str, Any], tuple[Any, ...], dict[str, Any]]]:
    x, y, k = normal(3, 4), normal(3, 4), np.array([0, 3, 1])
    p, q, signs = 1 / (1 + np.exp(-x)), 1 / (1 + np.exp(-y)), np.sign(y)
    plain = """
        CELU ELU GELU GLU SELU ReLU ReLU6 LeakyReLU PReLU SiLU Mish Sigmoid Tanh Softplus Softsign Hardshrink
        Hardsigmoid Hardswish Hardtanh LogSigmoid Softshrink Tanhshrink Identity Flatten
    """
    for name in plain.split():
        yield name, (), {}, (x,), {}
    for name in ("Softmax", "LogSoftmax", "Softmin"):
        yield name, (1,), {}, (x,), {}
    yield "Softmax2d", (), {}, (normal(3, 2, 2),), {}
    yield "Threshold", (0.1, 2.0), {}, (x,), {}
    yield "Unflatten", (1, (2, 2)), {}, (x,), {}
    yield "PReLU", (4, 0.1), {}, (x,), {}
    classes, pair = np.abs(normal(4)), {"weight": np.abs(normal(4)), "pos_weight": np.abs(normal(4))}
    for name, inputs, more in (
        ("MSELoss", (x, y), {}), ("L1Loss", (x, y), {}), ("SmoothL1Loss", (x, y), {"beta": 0.3}),
        ("HuberLoss", (x, y), {"delta": 0.3}), ("BCELoss", (p, q), {"weight": classes}),
        ("BCEWithLogitsLoss", (x, q), pair), ("NLLLoss", (np.log(p), k), {"weight": classes, "ignore_index": 3}),
        ("CrossEntropyLoss", (x, k), {"weight": classes, "label_smoothing": 0.1}), ("KLDivLoss", (np.log(p), q), {}),
        ("PoissonNLLLoss", (x, p), {"full": True}), ("GaussianNLLLoss", (x, y, p), {"full": True}),
        ("MarginRankingLoss", (x, y, signs), {"margin": 0.3}), ("HingeEmbeddingLoss", (p, signs), {"margin": 0.3}),
        ("SoftMarginLoss", (x, signs), {}), ("MultiMarginLoss", (x, k), {"weight": classes, "p": 2}),
        ("MultiLabelMarginLoss", (x, np.array([[2, 0, -1, 1]] * 3)), {}),
        ("MultiLabelSoftMarginLoss", (x, np.round(q)), {"weight": classes}),
        ("CosineEmbeddingLoss", (x, y, signs[:, 0]), {"margin": 0.1}),
        ("TripletMarginLoss", (x, y, p), {"swap": True, "p": 3.0}), ("TripletMarginWithDistanceLoss", (x, y, p), {}),
    ):  # fmt: skip
        for reduction in ("mean", "sum", "none"):
            yield name, (), {**more, "reduction": reduction}, inputs, {}


def sequences() -> Iterator[tuple[str, tuple[Any, ...], dict[str, Any], tuple[Any, ...], dict[str, Any]]]:
    x, y = normal(5, 2, 6), normal(4, 2, 6)
    for kind in ("RNN", "GRU", "LSTM"):
        for more in ({}, {"num_layers": 2, "bidirectional": True}, {"bias": False, "batch_first": True}):
            yield kind, (6, 4), more, (x,), {}
        yield f"{kind}Cell", (6, 4), {}, (x[0],), {}
    for more in ({}, {"num_layers": 2, "bidirectional": True}, {"batch_first": True, "bias": False}):
        n, batch = (4, 2) if "num_layers" in more else (1, 5 if "batch_first" in more else 2)
        yield "LSTM", (6, 4), {**more, "proj_size": 3}, (x,), {}
        yield "LSTM", (6, 4), {**more, "proj_size": 3}, (x, (normal(n, batch, 3), normal(n, batch, 4))), {}
    yield "LSTM", (6, 4), {"proj_size": 3}, (x[:, 0],), {}
    hidden = {
        "none": {}, "bool": {"attn_mask": np.arange(5) > np.arange(4)[:, None] + 1},
        "number": {"attn_mask": normal(4, 5)}, "heads": {"attn_mask": normal(4, 4, 5)},
        "padding": {"key_padding_mask": np.arange(5) > np.array([[3], [2]])},
    }  # fmt: skip
    hidden["both"] = hidden["bool"] | hidden["padding"]
    for masks in hidden.values():
        for more in ({}, {"add_bias_kv": True}, {"add_zero_attn": True}, {"add_bias_kv": True, "add_zero_attn": True}):
            yield "MultiheadAttention", (6, 2), more, (y, x, x), masks
        yield "MultiheadAttention", (6, 2), {"kdim": 3, "vdim": 2}, (y, x[..., :3], x[..., 3:5]), masks
    yield "MultiheadAttention", (6, 2), {"add_bias_kv": True, "add_zero_attn": True}, (y[:, 0], x[:, 0], x[:, 0]), {}
    causal = np.triu(np.ones((5, 5), bool), 1)
    for first in (False, True):
        for bias in (True, False):
            more = {"dropout": 0.0, "norm_first": first, "bias": bias, "activation": "gelu" if bias else "relu"}
            for masks in ({}, {"src_mask": causal, "is_causal": True}, {"src_mask": normal(5, 5)}):
                yield "TransformerEncoderLayer", (6, 2, 7), more, (x,), masks
            yield "TransformerEncoderLayer", (6, 2, 7), {**more, "batch_first": True}, (x,), {}
            padding = {"src_key_padding_mask": hidden["padding"]["key_padding_mask"]}
            yield "TransformerEncoderLayer", (6, 2, 7), more, (x,), padding
            tgt = {"tgt_mask": causal[:4, :4], "tgt_is_causal": True, "memory_mask": hidden["bool"]["attn_mask"]}
            for masks in ({}, tgt, {"memory_key_padding_mask": hidden["padding"]["key_padding_mask"]}):
                yield "TransformerDecoderLayer", (6, 2, 7), more, (y, x), masks
            padding["tgt_mask"], padding["tgt_key_padding_mask"] = normal(4, 4), normal(2, 4)
            padding["src_mask"], padding["src_key_padding_mask"] = normal(5, 5), normal(2, 5)
            for masks in ({}, padding):
                yield "Transformer", (6, 2, 1, 2, 7), more, (x, y), masks
            yield "Transformer", (6, 2, 2, 1, 7), {**more, "batch_first": True}, (x[:2, :, :], y[:2, :, :]), {}


def run_layer(layer: Any, tensor: Any, inputs: tuple[Any, ...], masks: dict[str, Any]) -> list[Any]:
    """Values, in training and in evaluation, gradients of inputs and parameters, and buffers."""
    leaves: list[Any] = []

    def made(a: Any) -> Any:
        if isinstance(a, tuple):
            return tuple(map(made, a))
        target = bool(leaves) and type(layer).__name__.endswith("Loss")  # PyTorch may not differentiate it
        leaves.append(tensor(a, requires_grad=a.dtype.kind == "f" and not target))
        return leaves[-1]

    given, masks = [made(a) for a in inputs], {k: tensor(m) if np.ndim(m) else m for k, m in masks.items()}
    found: list[Any] = []
    for mode in (True, False):
        results = list(flat(layer.train(mode)(*given, **masks)))
        rng = np.random.default_rng(1)
        total = sum((y * tensor(rng.normal(size=tuple(y.shape)))).sum() for y in results if "float" in str(y.dtype))
        if total.requires_grad:
            total.backward()
        found += results
    found += [t.grad for t in (*leaves, *layer.parameters()) if t.requires_grad]
    return [None if t is None else t.detach().numpy() for t in (*found, *layer.buffers())]


def flat(y: Any) -> Iterator[Any]:
    """The tensors in a result."""
    if isinstance(y, (tuple, list)):
        for part in y:
            yield from flat(part)
    elif y is not None:
        yield y


def layer_difference(name: str, args: Any, params: Any, inputs: Any, masks: Any) -> str:
    """The difference between our layer and PyTorch's; empty if there is none."""
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        tensors = {k: torch.tensor(v) if isinstance(v, np.ndarray) else v for k, v in params.items()}
        theirs = getattr(torch.nn, name)(*args, **tensors).double()
        for k, p in enumerate(theirs.parameters()):
            p += torch.tensor(np.random.default_rng(k).normal(size=tuple(p.shape)) / 3)
    ours = getattr(ag.nn, name)(*args, **params)
    ours.load_state_dict(theirs.state_dict())
    theirs.load_state_dict({key: torch.from_numpy(a) for key, a in ours.state_dict().items()})
    if list(ours.state_dict()) != list(theirs.state_dict()):
        return f"keys {list(ours.state_dict())}, PyTorch {list(theirs.state_dict())}"
    if [n for n, _ in ours.named_parameters()] != [n for n, _ in theirs.named_parameters()]:
        return "other parameters, or in another order"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        both = run_layer(ours, ag.tensor, inputs, masks), run_layer(theirs, torch.tensor, inputs, masks)
    if len(both[0]) != len(both[1]):
        return f"{len(both[0])} arrays, PyTorch {len(both[1])}"
    for k, (a, b) in enumerate(zip(*both, strict=True)):
        if (a is None) != (b is None) or a is not None and (a.shape, a.dtype) != (b.shape, b.dtype):
            return f"array {k}: {a}, PyTorch {b}"
        if a is not None and not np.allclose(a, b, rtol=1e-7, atol=1e-10):
            return f"array {k}: {a.ravel()[:8]}, PyTorch {b.ravel()[:8]}"
    return ""


#: Arguments of PyTorch's that are deprecated, or without a meaning here.
OMITTED = {"self", "device", "dtype", "size_average", "reduce", "_weight", "_freeze", "_stacklevel"}


def signature_differences() -> Iterator[str]:
    """The functions and classes whose arguments have other names, defaults or another order than PyTorch's."""
    for ours, theirs in ((our_functional, torch_functional), (ag.nn, torch.nn)):
        for name in sorted(set(dir(ours)) & set(dir(theirs))):
            try:
                both = [inspect.signature(getattr(where, name)).parameters for where in (ours, theirs)]
            except (TypeError, ValueError):  # a module, or a function in C++
                continue
            if not {"args", "kwargs"} & set(both[1]):
                a, b = ({k: p.default for k, p in found.items() if k not in OMITTED} for found in both)
                if list(a.items()) != list(b.items()):
                    differ = [k for k in {**a, **b} if k not in a or k not in b or a[k] != b[k]]
                    yield f"{name}: {', '.join(differ) or 'another order'}"


def compare_layers(part: str) -> None:
    seen: dict[str, int] = {}
    differ = 0
    for name, args, params, inputs, masks in layers():
        if part in name:
            seen[name] = seen.get(name, 0) + 1
            if found := layer_difference(name, args, params, inputs, masks):
                differ += 1
                print(f"{name}{args} {params} {[np.shape(x) for x in inputs]} {list(masks)}\n    {found}")
    classes = [c for n, c in vars(ag.nn).items() if hasattr(torch.nn, n) and isinstance(c, type)]
    if not part:
        print("other arguments:", *signature_differences(), sep="\n    ")
        print("no case as a layer:", *sorted(c.__name__ for c in classes if c.__name__ not in seen))
    print(f"{sum(seen.values())} cases of {len(seen)} layers; {differ} differences")


def main(part: str = "") -> None:
    seen: dict[str, int] = {}
    differ, chosen = 0, dict.fromkeys(CHOSEN.values(), 0)
    for cases in (activations, distances, losses, classes, norms, windows, resampling, bags, shapes, others):
        for case in cases():
            name, args, params = case
            if part not in name:
                continue
            for dtype in ("float64", "float32"):
                found = difference(case, dtype)
                seen[name] = seen.get(name, 0) + 1
                if not found:
                    continue
                call = ", ".join([*map(shown, args), *(f"{k}={shown(v)}" for k, v in params.items())])
                text = f"{name}({call}) {dtype}\n    {found}"
                reason = next((why for pattern, why in CHOSEN.items() if re.search(pattern, text, re.DOTALL)), None)
                if reason is None:
                    differ += 1
                    print(text)
                else:
                    chosen[reason] += 1
    for reason, count in chosen.items():
        print(f"{count:5}  {reason}")
    missing = set(our_functional.__dict__) & set(dir(torch_functional)) - set(seen)
    if not part:
        print("not compared:", *sorted(n for n in missing if callable(getattr(our_functional, n))))
    cases, known = sum(seen.values()), sum(chosen.values())
    print(f"{cases} cases of {len(seen)} functions; {known} intended differences, {differ} others")
    compare_layers(part)


if __name__ == "__main__":
    main(*sys.argv[1:])
