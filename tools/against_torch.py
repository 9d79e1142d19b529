"""Compare each function of `nn.functional` with PyTorch's: values, dtypes, gradients, at random points and at kinks.

PyTorch must be installed::

    python tools/against_torch.py [part of a name]

It prints each difference that is not one of `CHOSEN`, and the counts at the end. A case is the name of a function and
its arguments; float arrays require gradients. If both raise, they agree; if only one does, that is a difference.
``tools/programs_against_torch.py`` compares the rows of the table, in random programs.
"""

from __future__ import annotations

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
    r"only ours raises.*(the shapes differ|must be equal)": "targets are not broadcast",
    r"only ours raises.*takes no value and no negative numbers": "only zeros may be padded by negative numbers",
    r"only ours raises.*linear: bias of shape \(1,\)": "one bias for all outputs is more likely a mistake",
    r"^(linear|normalize|pad|gaussian_nll_loss|multilabel_soft_margin_loss|(group|instance)_norm)\(.*\n"
    r".*only PyTorch raises": "more is accepted than by PyTorch",
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
            yield f"max_pool{n}d", (x,), {**more, "dilation": 2}
            for include in (True, False):
                yield f"avg_pool{n}d", (x,), {**more, "count_include_pad": include}
                yield f"avg_pool{n}d", (x[0],), {**more, "count_include_pad": include}
            if n > 1:
                yield f"avg_pool{n}d", (x,), {**more, "divisor_override": 3}
        for out in (1, 2, 3, 4, 7, 12):
            yield f"adaptive_avg_pool{n}d", (x, out), {}
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
        yield "pad", (normal(2, 3, 5), (-1, 2)), {"mode": mode}
        yield "pad", (normal(2, 3, 5), (7, 0)), {"mode": mode}
        yield "pad", (normal(5), (1, 1)), {"mode": mode}
    yield "pad", (normal(2, 3), (1, 1)), {"value": 2.5}


def others() -> Iterator[Case]:
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
        for name in ("dropout", "dropout1d", "dropout2d"):
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
        if "float" in str(y.dtype) and y.requires_grad:
            weights = np.random.default_rng(1).normal(size=tuple(y.shape))
            (y * tensor(weights, False).to(y.dtype)).sum().backward()
    except Exception as e:  # exceptions are compared as well
        return e
    arrays = [y, *buffers, *(t.grad if t.grad is not None else t.detach() * 0 for t in leaves)]
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


def main(part: str = "") -> None:
    seen: dict[str, int] = {}
    differ, chosen = 0, dict.fromkeys(CHOSEN.values(), 0)
    for cases in (activations, distances, losses, classes, norms, windows, others):
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


if __name__ == "__main__":
    main(*sys.argv[1:])
