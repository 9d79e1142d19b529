"""Control flow in ONNX: `If`, `Loop` and `Scan`, whose bodies are graphs that see the values around them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..program.inner import Body
from ..program.loop_rows import COND, SCAN, WHILE

#: An inner program for three batch sizes.
Bodies = Sequence[Body]


def _list(names: Any) -> list[str]:
    return [names] if isinstance(names, str) else names


def _cond(b: Any, pred: Any, *operands: Any, branches: Sequence[Bodies]) -> list[str]:
    graphs = {
        f"{name}_branch": b.graph(name, (), lambda b, bodies=bodies: b.results(bodies, operands))
        for name, bodies in zip(("then", "else"), branches, strict=True)
    }
    return _list(b("If", pred, count=len(branches[0][0].program.outputs), **graphs))


def _while(b: Any, *operands: Any, test: Bodies, body: Bodies) -> list[str]:
    start, constants = operands[: body[0].carries], operands[body[0].carries :]

    def goes_on(b: Any, values: Sequence[Any]) -> Any:
        [going] = b.results(test, [*values, *constants])
        return b.cast(going, np.dtype(bool))

    def step(b: Any) -> list[Any]:
        after = b.results(body, [*inputs[2:], *constants])
        return [goes_on(b, after), *after]

    going = goes_on(b, start)
    number = replace(going, name="i", dtype=np.dtype(np.int64))
    inputs = list(map(b.new, (number, going, *start)))
    return _list(b("Loop", "", going, *start, count=len(start), body=b.graph("body", inputs, step)))


def _scan(b: Any, *operands: Any, body: Bodies, length: int, reverse: bool) -> list[str]:
    start, slices, constants = body[0].split(operands)
    if not slices:
        raise ValueError("a scan without xs")
    inputs = list(map(b.new, (*start, *(replace(x, shape=x.shape[1:]) for x in slices))))
    count = len(body[0].program.outputs)
    directions = {"scan_input_directions": [int(reverse)] * len(slices)}
    if count > len(start):  # ONNX has no empty list
        directions["scan_output_directions"] = [int(reverse)] * (count - len(start))
    return _list(b(
        "Scan", *start, *slices, count=count, num_scan_inputs=len(slices), **directions,
        body=b.graph("body", inputs, lambda b: b.results(body, [*inputs, *constants])),
    ))  # fmt: skip


COND.attach(onnx=_cond)
WHILE.attach(onnx=_while)
SCAN.attach(onnx=_scan)
