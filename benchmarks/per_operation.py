"""The cost of one operation on a small array, which explains the ratios of the smallest nets.

    python -m benchmarks.per_operation

A chain of one operation is computed by NumPy, on Tensors without recording, on Tensors with recording, and in a
backward pass. The arrays are 4x4, so almost all of the time is the cost of the call. A figure is the CPU time divided
by the length of the chain, the smallest of many repeats.
"""

import gc
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import autograd_lite as ag
from benchmarks.__main__ import machine

LENGTH, REPEATS = 200, 60
OTHER = np.full((4, 4), 0.25)
OPERATIONS: dict[str, Callable[[Any], Any]] = {
    "negative": lambda x: -x,
    "exp": lambda x: np.exp(x),
    "ag.exp": lambda x: ag.exp(x),
    "tanh": lambda x: np.tanh(x),
    "x + array": lambda x: x + OTHER,
    "x * array": lambda x: x * OTHER,
    "x * 0.5": lambda x: x * 0.5,
    "x @ array": lambda x: x @ OTHER,
    "reshape": lambda x: x.reshape(4, 4),
    "x[::-1]": lambda x: x[::-1],
}
COLUMNS = ("NumPy", "not recorded", "recorded", "backward")


def chain(operation: Callable[[Any], Any], x: Any) -> Any:
    for _ in range(LENGTH):
        x = operation(x)
    return x


def once(f: Callable[[], Any]) -> tuple[float, Any]:
    """CPU seconds for one operation of the chain that `f` computes, and what it returns."""
    start = time.process_time()
    y = f()
    return (time.process_time() - start) / LENGTH, y


def costs(operation: Callable[[Any], Any], repeats: int = REPEATS) -> tuple[float, ...]:
    """Seconds for one operation, one figure for each column of the table."""
    x = np.full((4, 4), -0.1)
    leaf = ag.tensor(x, requires_grad=True)
    gradient = np.ones((4, 4))
    best = [float("inf")] * len(COLUMNS)
    with np.errstate(all="ignore"):
        for _ in range(repeats):
            gc.collect()
            times = [once(lambda: chain(operation, x))[0]]
            with ag.no_grad():
                times.append(once(lambda: chain(operation, leaf))[0])
            recorded, y = once(lambda: chain(operation, leaf))
            leaf.zero_grad()
            times += [recorded, once(lambda y=y: y.backward(gradient))[0]]
            best = list(map(min, best, times))
    return tuple(best)


def main() -> None:
    print(machine())
    print(f"{'µs for one operation':<22}" + "".join(f"{column:>14}" for column in COLUMNS))
    for name, operation in OPERATIONS.items():
        print(f"{name:<22}" + "".join(f"{1e6 * cost:>14.2f}" for cost in costs(operation)), flush=True)


if __name__ == "__main__":
    main()
