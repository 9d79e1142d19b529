"""Both versions of each workload compute the same numbers. Times are not tested."""

import dataclasses
import json

import numpy as np
import pytest
from thorough import EVERY_CASE, mostly_thorough

from benchmarks import cross_entropy, imports, memory, per_operation, small, sparse
from benchmarks.__main__ import main
from benchmarks.timing import ratio, rounds_of
from benchmarks.workload import HAND, OURS, Prepared
from benchmarks.workloads import WORKLOADS, lenet, transformer

EACH = pytest.mark.parametrize("workload", WORKLOADS, ids=lambda workload: workload.name)
ALL = pytest.mark.parametrize("workload", [*WORKLOADS, *small.WORKLOADS], ids=lambda workload: workload.name)


@ALL
def test_both_versions_give_the_same_numbers(workload):
    assert workload.compare(workload.ours, OURS, small=True) <= workload.tolerance


@EACH
def test_the_hand_written_version_updates_its_parameters(workload):
    """Guards against a comparison of two versions that both do nothing."""
    prepared = workload.prepare(workload.hand, HAND, small=True)
    prepared.step()
    for name, before in prepared.start.items():
        assert not np.array_equal(before, prepared.arguments[name]), name
    prepared.reset()
    for name, before in prepared.start.items():
        np.testing.assert_array_equal(before, prepared.arguments[name])


def test_a_wrong_version_is_caught():
    def wrong(x, y, V, W):
        loss = talk.hand(x, y, V, W)
        W *= 1 + 1e-9
        return loss

    talk = WORKLOADS[0]
    with pytest.raises(AssertionError, match="talk: ours differs"):
        talk.compare(wrong, dataclasses.replace(HAND, name="ours"), small=True)


def test_the_ratio_is_a_median_within_rounds():
    assert ratio([2.0, 40.0, 6.0], [1.0, 20.0, 2.0]) == 2.0


def test_rounds_time_each_version_equally_often():
    def nothing(x):
        return x

    versions = {name: Prepared(nothing, HAND, {"x": np.ones(1)}, ()) for name in ("hand", "ours")}
    times = rounds_of(versions, seconds=0, block=1e-5)
    assert [len(of) for of in times.values()] == [5, 5]
    assert min(min(of) for of in times.values()) > 0


@pytest.mark.thorough
def test_peak_memory_is_within_its_target():
    """Unlike a time, it is the same on every run, so it can be tested."""
    lines = memory.measure(small=True)
    assert [line["name"] for line in lines] == ["memory-1", "memory-3"]
    for line in lines:
        assert line["hand"] >= memory.LINKS * 3 * 10_000 * 8
        assert line["ratio"] <= memory.TARGET, line


@pytest.mark.thorough
@pytest.mark.parametrize("workload", [lenet, transformer], ids=["lenet", "transformer"])
def test_a_compiled_step_takes_no_more_memory_than_the_one_by_hand(workload):
    found = memory.of_workload(workload.WORKLOAD, small=True)
    assert 0 < found["jit"] <= found["hand"]


def test_both_chains_of_the_memory_benchmark_agree():
    x, t = np.linspace(0.5, 1.5, 50), OURS.parameter(np.linspace(0.5, 1.5, 50), "x")
    np.testing.assert_allclose(memory.ours(t, 3).data, memory.hand(x, 3), rtol=1e-12)
    np.testing.assert_allclose(t.data, x, rtol=1e-12)


@pytest.mark.thorough
def test_import_time_is_measured():
    line = imports.measure(pairs=1)
    assert line["hand"] > 0
    assert line["ours"] > 0


def test_a_quick_run_prints_a_line_for_each_workload(capsys):
    names = [workload.name for workload in WORKLOADS]
    chosen = [] if EVERY_CASE[0] else [f"--only={name}" for name in names[:3]]
    assert main(["--quick", "--json", *chosen]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["name"] for line in lines] == names[: len(chosen) or None]
    assert main(["--quick", "--only", "talk"]) == 0
    assert "numbers agree" in capsys.readouterr().out


@pytest.mark.parametrize("name", mostly_thorough(per_operation.OPERATIONS, 2))
def test_each_operation_is_recorded_and_differentiated(name):
    times = per_operation.costs(per_operation.OPERATIONS[name], repeats=1)
    assert len(times) == len(per_operation.COLUMNS)
    assert min(times) >= 0


@pytest.mark.parametrize("scale", cross_entropy.SCALES)
def test_the_cross_entropies_are_precise(scale):
    for case in ("softmax, labels", "logistic"):
        loss, _, exact = cross_entropy.CASES[case]
        z, y = cross_entropy.data(case, 64, 16, scale, np.float32)
        of_loss, of_gradient = cross_entropy.errors(loss, exact, z, y)
        assert of_loss < 20
        assert of_gradient < 200  # an exponential of -100 has an error of 100 roundings


def test_sparse_problems_are_solved(capsys):
    """The Hessian is compared with the dense one before it is timed."""
    sparse.main(["--quick"])
    lines = capsys.readouterr().out.splitlines()
    assert [line.count("first call") for line in lines].count(1) == 6
    assert "bundle adjustment, 200 observations: <Colouring of 400 × 225: 4800 entries, 12 colours by columns>" in lines
