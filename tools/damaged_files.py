"""Damage checkpoints in every way, and check that resuming from one either raises or works, and never does half of it.

    python tools/damaged_files.py                      # everything; minutes
    python tools/damaged_files.py --most 200           # at most 200 damaged files of each kind, evenly spaced
    python tools/damaged_files.py --most 5 --kills 3   # a quick run

A checkpoint of a small run is truncated at every byte, and one bit of every byte is flipped; a run then resumes from
each file. Processes are killed at random moments while they save, and saving fails after every number of bytes, as on
a full disk (by a limit on the size of a file). The columns:

    raised      one clear error that names the file, and nothing has changed
    intact      everything is as in the undamaged file: the damage did no harm
    altered     loaded with another value: a safetensors file has no checksum, so a changed number is still a number
    changed     raised, but the model, optimizer, callbacks or random numbers had changed: must be 0
    crashes     anything else, such as another exception: must be 0
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

import autograd_lite as ag
from autograd_lite import data, nn, optim, training

SUFFIXES = (".npz", ".safetensors")
COLUMNS = ("raised", "intact", "altered", "changed", "crashes")
X, Y = np.linspace(-1, 1, 8).reshape(4, 2), np.array([[0.0], [1.0], [1.0], [0.0]])


class Run:
    """A small run with everything that a checkpoint stores."""

    def __init__(self, seed: int) -> None:
        ag.manual_seed(seed)
        self.model = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2), nn.Linear(2, 1))
        self.optimizer = optim.Adam(self.model.parameters(), lr=0.05)
        schedule = training.Schedule(optim.lr_scheduler.StepLR(self.optimizer, 3))
        self.callbacks = [schedule, training.EarlyStopping("loss", restore_best=False)]
        self.loader = data.DataLoader((X, Y), 2, shuffle=True, generator=seed)

    def fit(self, **options: Any) -> None:
        training.fit(
            self.model, self.loader, nn.MSELoss(), self.optimizer, epochs=1, callbacks=self.callbacks, **options
        )

    def everything(self) -> list[Any]:
        parts = [part.state_dict() for part in (self.model, self.optimizer, *self.callbacks)]
        return [*parts, self.loader.generator.bit_generator.state, ag.get_rng_state()]


def same(a: list[Any], b: list[Any]) -> bool:
    try:
        np.testing.assert_equal(a, b)
    except AssertionError:
        return False
    return True


def truncated(content: bytes) -> Iterator[bytes]:
    return (content[:n] for n in range(len(content)))


def flipped(content: bytes) -> Iterator[bytes]:
    rng = random.Random(0)
    return (content[:n] + bytes([content[n] ^ 1 << rng.randrange(8)]) + content[n + 1 :] for n in range(len(content)))


def attacked(path: Path, damaged: Iterator[bytes], total: int, most: int | None) -> Counter[str]:
    """The outcomes of resuming a run from each of the damaged files."""
    good = Run(1)
    good.fit(resume=path)
    intact, bad, found = good.everything(), path.with_name(f"bad{path.suffix}"), Counter[str]()
    chosen = set(range(total) if most is None else np.linspace(0, total - 1, min(most, total)).astype(int).tolist())
    run = Run(2)
    before = run.everything()
    for n, content in enumerate(damaged):
        if n not in chosen:
            continue
        bad.write_bytes(content)
        try:
            run.fit(resume=bad)
        except ValueError as error:
            clear = str(bad) in str(error)
            outcome = "crashes" if not clear else "raised" if same(run.everything(), before) else "changed"
        except Exception:
            outcome = "crashes"
        else:
            outcome = "intact" if same(run.everything(), intact) else "altered"
        found[outcome] += 1
        if outcome != "raised":
            run = Run(2)
            before = run.everything()
    bad.unlink(missing_ok=True)
    return found


SAVE = """
import sys, numpy as np, autograd_lite as ag
states = [{"w": np.full(200_000, k), "k": k} for k in range(2)]
print(flush=True)
while True:
    for state in states:
        ag.save(state, sys.argv[1])
"""


def killed(path: Path, times: int) -> Counter[str]:
    """The outcomes of killing a process that saves. The next save must remove what it left."""
    found, rng = Counter[str](), random.Random(0)
    ag.save({"w": np.full(200_000, 0), "k": 0}, path)
    for _ in range(times):
        process = subprocess.Popen([sys.executable, "-c", SAVE, path], stdout=subprocess.PIPE)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(rng.uniform(0, 0.05))
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        state = ag.load(path)
        whole = np.array_equal(state["w"], np.full(200_000, state["k"]))
        ag.save(state, path)
        left = [entry for entry in os.listdir(path.parent) if entry.startswith(f".{path.name}.")]
        found["intact" if whole and not left else "changed"] += 1
    return found


def full_disk(path: Path, most: int | None) -> Counter[str]:
    """The outcomes of saving to a disk that is full after some number of bytes."""
    state, other = {"w": np.zeros(40), "k": 0}, {"w": np.ones(40), "k": 1}
    ag.save(state, path)
    before, (soft, hard) = path.read_bytes(), resource.getrlimit(resource.RLIMIT_FSIZE)
    limits = np.linspace(0, len(before) - 1, min(most or len(before), len(before))).astype(int).tolist()
    found = Counter[str]()
    for limit in limits:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
        try:
            ag.save(other, path)
            outcome = "altered"
        except OSError as error:
            outcome = "raised" if str(path) in str(error) else "crashes"
        except Exception:
            outcome = "crashes"
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        alone = not any(entry.startswith(f".{path.name}.") for entry in os.listdir(path.parent))
        found[outcome if path.read_bytes() == before and alone else "changed"] += 1
    return found


def rows(folder: Path, most: int | None, kills: int) -> Iterator[tuple[str, Counter[str]]]:
    """The lines of the table: what was done, and how often it had which outcome."""
    for suffix in SUFFIXES:
        path = folder / f"run{suffix}"
        Run(0).fit(checkpoint=path)
        content = path.read_bytes()
        yield f"{suffix} truncated", attacked(path, truncated(content), len(content), most)
        yield f"{suffix} bit flipped", attacked(path, flipped(content), len(content), most)
        yield f"{suffix} killed while saving", killed(folder / f"killed{suffix}", kills)
        yield f"{suffix} disk full", full_disk(folder / f"full{suffix}", most)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--most", type=int, help="at most this many damaged files of each kind")
    parser.add_argument("--kills", type=int, default=100, help="how many processes to kill (default: 100)")
    options = parser.parse_args()
    warnings.simplefilter("ignore")  # from zipfile, about damaged entries
    print(f"{'':<32}{'attacks':>9}" + "".join(f"{column:>9}" for column in COLUMNS))
    with tempfile.TemporaryDirectory() as folder:
        for name, found in rows(Path(folder), options.most, options.kills):
            print(f"{name:<32}{found.total():>9,}" + "".join(f"{found[c]:>9,}" for c in COLUMNS), flush=True)


if __name__ == "__main__":
    main()
