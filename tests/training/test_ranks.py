"""Training on several processes: the numbers of one process, and no rank that waits forever."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from autograd_lite import data

pytest.importorskip("mpi4py", reason="the extra mpi is not installed")
MPIEXEC = Path(sys.executable).parent / "mpiexec"
PROGRAM = Path(__file__).parents[1] / "helpers" / "on_ranks.py"
with_mpi = pytest.mark.skipif(not MPIEXEC.exists(), reason="there is no mpiexec beside Python: it comes with mpich")


def run(ranks, *args):
    """The exit status and the output of the program on so many ranks; it may take a minute at most."""
    root = str(Path(__file__).parents[2])
    env = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": root}
    command = [str(MPIEXEC), "-n", str(ranks), sys.executable, str(PROGRAM), *map(str, args)]
    done = subprocess.run(command, capture_output=True, text=True, env=env, timeout=60, check=False)
    return done.returncode, done.stdout + done.stderr


@with_mpi
@pytest.mark.parametrize(
    ("case", "ranks"),
    [
        ("equal", 2), ("weighted", 3), ("random norm ends mistakes", 2),
        *(pytest.param("equal", ranks, marks=pytest.mark.thorough) for ranks in (1, 4)),
    ],
)
def test_on_ranks(case, ranks, tmp_path):
    status, output = run(ranks, case, tmp_path / "run.npz")
    assert status == 0, output
    assert output.count("all is well") == ranks


@with_mpi
@pytest.mark.parametrize(("case", "message"), [("raises", "this rank fails"), ("batches", "rank 1 has 4 batches, and")])
def test_a_mistake_ends_all_ranks_with_one_message(case, message):
    status, output = run(2, case)
    assert status != 0
    assert output.count("Traceback") == 1, output
    assert output.count(message) >= 1
    assert "all is well" not in output


@with_mpi
def test_a_rank_that_dies_ends_all():
    status, output = run(2, "killed")
    assert status != 0
    assert "all is well" not in output


def test_shards_are_the_batches_of_one_process():
    X = np.arange(11)
    whole = list(data.DataLoader(X, 4, shuffle=True, generator=0))
    parts = [list(data.DataLoader(X, 4, shuffle=True, generator=0, shard=(k, 3))) for k in range(3)]
    for batch, *own in zip(whole, *parts, strict=True):
        assert sorted(np.concatenate([rows[0] for rows in own])) == sorted(batch[0])
    for shard in ((3, 3), (-1, 2)):
        with pytest.raises(ValueError, match=r"shard as \(rank, size\)"):
            data.DataLoader(X, shard=shard)
