"""The workloads, in the order of the table: each module has its data, and `hand` and `ours` side by side."""

# ruff: noqa: I001 - set as a list of names, not one to a line
from benchmarks.workload import Workload
from benchmarks.workloads import (
    adam, chain, digits, elementwise, hessian, hvp, jacobian, layers, lenet, micrograd, per_example, rnn, talk,
    transformer,
)

MODULES = (
    talk, digits, layers, lenet, transformer, elementwise, rnn, hvp, hessian, jacobian, per_example, micrograd, chain,
    adam,
)
WORKLOADS: tuple[Workload, ...] = tuple(module.WORKLOAD for module in MODULES)
