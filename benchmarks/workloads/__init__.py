"""The workloads, in the order of the table. Each file is one: its data, `hand` and `ours` side by side."""

from benchmarks.workload import Workload
from benchmarks.workloads import adam, chain, digits, elementwise, hvp, layers, lenet, micrograd, rnn, talk, transformer

WORKLOADS: tuple[Workload, ...] = tuple(
    room.WORKLOAD for room in (talk, digits, layers, lenet, transformer, elementwise, rnn, hvp, micrograd, chain, adam)
)
