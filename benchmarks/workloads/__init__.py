"""The workloads, in the order of the table: each module has its data, and `hand` and `ours` side by side."""

from benchmarks.workload import Workload
from benchmarks.workloads import adam, chain, digits, elementwise, hvp, layers, lenet, micrograd, rnn, talk, transformer

MODULES = (talk, digits, layers, lenet, transformer, elementwise, rnn, hvp, micrograd, chain, adam)
WORKLOADS: tuple[Workload, ...] = tuple(module.WORKLOAD for module in MODULES)
