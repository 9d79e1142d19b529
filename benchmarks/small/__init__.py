"""Small programs of the kind that benchmarks of automatic differentiation have: each module has one, with its data."""

# ruff: noqa: I001 - set as a list of names, not one to a line
from benchmarks.workload import Workload
from benchmarks.small import determinant, hand, kmeans, least_squares, log_sum_exp, lstm, ode

MODULES = ode, lstm, hand, determinant, least_squares, kmeans, log_sum_exp
WORKLOADS: tuple[Workload, ...] = tuple(module.WORKLOAD for module in MODULES)
