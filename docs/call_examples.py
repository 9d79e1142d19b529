"""An example for a function or class whose docstring has none: a call with arguments chosen by their names.

Layers, losses, initialisers and optimisers all have PyTorch's parameter names, so one sample for each name serves them
all: the first combination of samples that can be called is shown, with its result.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from itertools import islice, product
from typing import Any

import numpy as np
from row_entries import example as row_example, run

import autograd_lite as ag
from autograd_lite import nn, optim
from autograd_lite.table import Primitive

_SIGNED = "ag.tensor([[0.5, -1.0, 2.0], [1.5, 0.25, -0.5]])"
_UNIT = "ag.tensor([[0.5, 0.25, 0.75], [0.125, 0.5, 0.375]])"
_LINES, _IMAGES, _VOLUMES = ("ag.arange(16.0).reshape(1, 4, 4)", "ag.arange(32.0).reshape(1, 2, 4, 4)",
                             "ag.arange(128.0).reshape(1, 2, 4, 4, 4)")  # fmt: skip
_SEQUENCES = "ag.tensor([[[0.5, -1.0, 2.0, 0.0]], [[1.5, 0.25, -0.5, 1.0]]])"
#: Samples by the name of a parameter, as source; for the others an argument is not passed, or the example is not made.
SAMPLES = {
    "input": (_SIGNED, "ag.tensor([0.5, -1.0])", _SEQUENCES, _IMAGES, _LINES, _VOLUMES),
    "target": (
        "np.array([2, 0])", "np.array([[1.0, 0.0, 1.0], [0.0, 1.0, 0.0]])", "np.array([[1, 0, -1], [2, -1, 0]])",
    ),
    "input1": (_SIGNED,), "input2": (_UNIT,), "x1": (_SIGNED,), "x2": (_UNIT,), "tensor1": (_SIGNED,),
    "anchor": (_SIGNED,), "positive": (_UNIT,), "negative": ("ag.tensor([[0.0, 1.0, 0.0], [1.0, 0.0, 1.0]])",),
    "var": ("np.array([[1.0], [2.0]])",), "weight": ("ag.tensor([0.25])", "ag.ones(2, 3, 3)"),
    "running_mean": ("np.zeros(3)",), "running_var": ("np.ones(3)",), "src": (_SEQUENCES,), "tgt": (_SEQUENCES,),
    "memory": (_SEQUENCES,), "query": (_SEQUENCES,), "key": (_SEQUENCES,), "value": (_SEQUENCES, "0.0"),
    "tensor": ("ag.zeros(2, 3)", "ag.zeros(2, 2, 3)"), "tensors": ("[ag.ones(2), ag.ones(2, 2)]",),
    "params": ("[w]",), "optimizer": ("opt",),
    # sizes and numbers
    "in_features": ("3",), "in1_features": ("3",), "in2_features": ("3",), "out_features": ("2",),
    "num_features": ("3", "2"), "num_groups": ("1",), "num_channels": ("3",), "in_channels": ("2",),
    "out_channels": ("3",), "kernel_size": ("2",), "output_size": ("2", "(4, 4)"), "normalized_shape": ("3",),
    "input_size": ("3",), "hidden_size": ("2",), "d_model": ("4",), "nhead": ("2",), "num_layers": ("2",),
    "embed_dim": ("4",), "num_heads": ("2",), "num_embeddings": ("5",), "embedding_dim": ("2",), "threshold": ("0.5",),
    "dim": ("1",), "unflattened_size": ("(1, 3)",), "size": ("2", "1"), "axis": ("0",), "ndim": ("2",),
    "shape": ("(2, 3)",), "y": ("np.ones(2)",), "padding": ("1",), "upscale_factor": ("1",),
    "downscale_factor": ("2",), "scale_factor": ("2",), "groups": ("2",),
    "encoder_layer": ("nn.TransformerEncoderLayer(4, 2, 8)",),
    "decoder_layer": ("nn.TransformerDecoderLayer(4, 2, 8)",),
    "val": ("0.5",), "sparsity": ("0.5",), "nonlinearity": ("'relu'",), "clip_value": ("0.5",),
    # schedules
    "lr_lambda": ("lambda t: 0.9**t",), "milestones": ("[1, 3]",), "gamma": ("0.5",), "T_max": ("4",), "T_0": ("2",),
    "max_lr": ("1.0",), "base_lr": ("0.1",), "step_size": ("2",), "total_steps": ("4",),
}  # fmt: skip
_SIGNS = ("np.array([[1.0, -1.0, 1.0], [-1.0, 1.0, -1.0]])", "np.array([1.0, -1.0])")
MOST = 8  # lines of a result that is shown; of a larger one, its shape


def example(value: Any, name: str) -> str | None:
    """A call of `value`, which is public as `name`, with its result; None if its arguments are not known by name."""
    rows = [row for row in vars(value).values() if isinstance(row, Primitive)] if inspect.isclass(value) else []
    if rows:  # a distribution: one of its functions
        return row_example(rows[0], f"{name.replace('autograd_lite', 'ag', 1)}.{rows[0].name.rpartition('.')[2]}")
    short = name.removeprefix("autograd_lite.")
    if not short.startswith(("nn.", "optim.", "testing.strategies.")):
        return None
    makes = _maker(value, name)
    for lines in islice(makes(value, short), 400) if makes else ():
        try:
            with np.errstate(all="ignore"):
                return _settled(lines)
        except Exception:  # not these arguments: the next ones
            continue
    return None


def _maker(value: Any, name: str) -> Any:
    """The function that writes the example; None for a class of another kind."""
    kind = value if inspect.isclass(value) else object
    if ".strategies." in name:
        return _strategy
    if issubclass(kind, optim.Optimizer):
        return _optimiser
    if ".lr_scheduler." in name:
        return _schedule
    return _layer if issubclass(kind, nn.Module) else None if kind is value else _call


def _settled(lines: list[str]) -> str:
    """The example with its result; only the shape, if that is random or large."""
    ag.manual_seed(0)
    text = run(lines)
    large = len(text.splitlines()) > len("\n".join(lines).splitlines()) + MOST
    if not lines[-1].endswith("show()") and (large or text != run(lines)):
        first = "[0]" if "\n(tensor" in text else ""  # of several results
        text = run([*lines[:-1], f"{lines[-1]}{first}.shape"])
    if re.search(r"\bnan\b|\binf\b| at 0x", text):
        raise ValueError("no example")
    return text


def _required(value: Any) -> list[str]:
    """The parameters that must be given; for a softmax also the axis."""
    given = inspect.signature(value).parameters.values()
    fixed = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return [
        p.name for p in given
        if p.kind in fixed and p.name != "self" and (p.default is p.empty or p.name == "dim" and p.default is None)
    ]  # fmt: skip


def _samples(names: list[str], value: Any = None) -> Iterator[tuple[str, ...]]:
    """Every combination of samples. The digit in a name, as of ``Conv2d``, is the number of axes beside two others."""
    known = SAMPLES
    if "target" in names:
        signs = "-1" in (inspect.getdoc(value) or "") or "input1" in names
        known = SAMPLES | {"input": (_UNIT, _SIGNED), "target": (_SIGNS if signs else ()) + SAMPLES["target"]}
    elif digit := re.search("[123]d$", getattr(value, "__name__", "")):
        first = {"1d": (_LINES,), "2d": (_IMAGES,), "3d": (_VOLUMES,)}[digit[0]]
        known = SAMPLES | {"input": first + SAMPLES["input"]}
    return product(*(known.get(name, ()) for name in names))


def _array(text: str) -> bool:
    return text.startswith(("ag.tensor", "ag.arange", "np.array"))


def _lines(names: list[str], values: tuple[str, ...]) -> tuple[list[str], str]:
    """Arrays get a line each; the arguments of the call."""
    lines = [f">>> {name} = {text}" for name, text in zip(names, values, strict=True) if _array(text)]
    return lines, ", ".join(name if _array(text) else text for name, text in zip(names, values, strict=True))


def _call(value: Any, short: str) -> Iterator[list[str]]:
    names = _required(value)
    for values in _samples(names, value):
        lines, words = _lines(names, values)
        yield [*lines, f">>> {short}({words})"]


def _layer(value: Any, short: str) -> Iterator[list[str]]:
    options, names = _required(value), _required(value.forward)
    names = [name for name in names if name != "self"]
    for values in _samples(names, value):
        lines, words = _lines(names, values)
        for chosen in _samples(options):
            yield [*lines, f">>> layer = {short}({', '.join(chosen)})", f">>> layer({words})"]


def _optimiser(value: Any, short: str) -> Iterator[list[str]]:
    yield [
        '>>> w = ag.tensor([1.0, -2.0], requires_grad=True)', f">>> opt = {short}([w], lr=0.1)",
        ">>> (w**2).sum().backward()", ">>> opt.step()", ">>> w",
    ]  # fmt: skip


def _schedule(value: Any, short: str) -> Iterator[list[str]]:
    start = [">>> w = ag.tensor([1.0], requires_grad=True)", ">>> opt = optim.SGD([w], lr=0.8)"]
    lines = ("for epoch in range(4):", "    print(opt.param_groups[0]['lr'])", "    opt.step()", "    schedule.step()")
    steps = [f">>> {lines[0]}\n" + "\n".join(f"... {line}" for line in lines[1:])]
    names = _required(value)
    for values in _samples(names):
        yield [*start, f">>> schedule = {short}({', '.join(values)})", *steps]


def _strategy(value: Any, short: str) -> Iterator[list[str]]:
    """A few values that Hypothesis draws."""
    for values in _samples(_required(value)):
        call = f"strategies.{short.rpartition('.')[2]}({', '.join(values)})"
        options = "max_examples=2, database=None, deadline=None"
        show = f"@seed(0)\n@settings({options})\n@given({call})\ndef show(value):\n    print(value)"
        yield [
            ">>> from hypothesis import given, seed, settings", ">>> from autograd_lite.testing import strategies",
            ">>> " + show.replace("\n", "\n... "), ">>> show()",
        ]  # fmt: skip
