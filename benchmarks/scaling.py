"""Data-parallel training: measured on the processes of mpiexec, and modelled for more.

    mpiexec -n 2 python -m benchmarks.scaling

Strong scaling: the same batch on more ranks; weak scaling: the same number of rows for each rank. The time is the
median over all steps. The model for many ranks is that of a ring: each rank sends 2 (p - 1) / p times the gradients,
in 2 (p - 1) messages; the time of the passes is the measured one.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import time
from typing import Any

import numpy as np

import autograd_lite as ag
from autograd_lite import nn, optim, training

BATCH, STEPS = 256, 30
BANDWIDTH, LATENCY = 10e9 / 8, 20e-6  # bytes and seconds: of 10 Gbit Ethernet


class Steps(training.Callback):
    """The time of each step."""

    def __init__(self) -> None:
        self.times: list[float] = []
        self.last = time.perf_counter()

    def on_batch(self, run: training.Run) -> None:
        now = time.perf_counter()
        self.times.append(now - self.last)
        self.last = now


def step_time(communicator: Any, rows: int) -> tuple[float, int]:
    """The median time of a step on batches of that many rows, and the number of parameters."""
    ag.manual_seed(0)
    net = nn.Sequential(nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 128), nn.ReLU(), nn.Linear(128, 10))
    for p in net.parameters():
        p.data = p.data.astype(np.float32)
    rng = np.random.default_rng(0)
    X, y = rng.random((rows * STEPS, 784), np.float32), rng.integers(0, 10, rows * STEPS)
    steps = Steps()
    training.fit(
        net, (X, y), nn.CrossEntropyLoss(), optim.SGD(net.parameters(), lr=0.01), epochs=1, batch_size=rows,
        generator=0, communicator=communicator, callbacks=[steps], progress=False,
    )
    return float(np.median(steps.times[3:])), sum(p.size for p in net.parameters())


def main() -> None:
    from mpi4py import MPI

    world = MPI.COMM_WORLD
    rank, size = world.Get_rank(), world.Get_size()
    alone = world.bcast(step_time(None, BATCH)[0] if rank == 0 else None)
    strong, count = step_time(world, BATCH)
    weak, _ = step_time(world, BATCH * size)
    if rank:
        return
    mb = count * 4 / 1e6
    print(f"784-256-128-10, float32: {count} parameters, {mb:.2f} MB of gradients a step; batches of {BATCH} rows")
    print(f"one process              {1e3 * alone:8.2f} ms a step")
    print(f"{size} ranks, strong scaling {1e3 * strong:8.2f} ms    {alone / strong:.2f} times as fast")
    print(f"{size} ranks, weak scaling   {1e3 * weak:8.2f} ms    {size * alone / weak:.2f} times the rows a second")
    print(f"\nmodel, weak scaling at {BANDWIDTH * 8 / 1e9:.0f} Gbit/s and {LATENCY * 1e6:.0f} us a message:")
    print("ranks   MB sent a step and rank   ms of exchange   efficiency   DDP's MB")
    for p in (2, 4, 8, 16, 32, 64, 128, 256, 512, 1024):
        sent = 2 * (p - 1) / p * (count + 8) * 4
        exchange = sent / BANDWIDTH + 2 * (p - 1) * LATENCY
        ddp = 2 * (p - 1) / p * count * 4
        efficiency = alone / (alone + exchange)
        print(f"{p:5d}   {sent / 1e6:23.2f}   {1e3 * exchange:14.2f}   {efficiency:10.2f}   {ddp / 1e6:8.2f}")


if __name__ == "__main__":
    main()
