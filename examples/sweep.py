"""Sixty-four runs on all cores, with joblib or dask: which width and which learning rate?

    python examples/sweep.py             # joblib
    python examples/sweep.py --dask      # dask.distributed
    python examples/sweep.py --kill      # kill a worker on the way; the sweep continues
    python examples/sweep.py --keep      # continue an earlier sweep

Each run writes a checkpoint after every epoch and its result at the end, so an interrupted sweep continues where it
stopped: a finished run is only read, and an unfinished one is resumed.
"""

import json
import os
import signal
import sys
import time
from itertools import product
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # of this process; joblib and dask set it for the workers

import numpy as np

import autograd_lite as ag
from autograd_lite import data, nn, optim, training

OUT = Path(__file__).parents[1] / "out" / "sweep"
EPOCHS = 15
GRID = [
    {"width": width, "lr": lr, "seed": seed}
    for width, lr, seed in product((2, 4, 8, 16), (0.001, 0.01, 0.1, 1.0), range(4))
]


def name_of(setting):
    return "-".join(f"{key}{value}" for key, value in setting.items())


class KilledOnce(training.Callback):
    """Kill this process in the middle of the run, the first time."""

    def __init__(self, marker):
        self.marker = marker

    def on_epoch(self, run):
        if run.epoch == 5 and not self.marker.exists():
            self.marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)


def run(setting, folder, kill=False):
    """Train with one setting, or resume its run; returns the setting with the accuracy on new points."""
    result, checkpoint = folder / f"{name_of(setting)}.json", folder / f"{name_of(setting)}.npz"
    if result.exists():
        return json.loads(result.read_text())
    ag.manual_seed(setting["seed"])
    X, y = data.moons(200, noise=0.1, generator=0)
    y = y[:, None].astype(float)
    net = nn.Sequential(nn.Linear(2, setting["width"]), nn.Tanh(), nn.Linear(setting["width"], 1))
    history = training.fit(
        net, (X[::2], y[::2]), nn.BCEWithLogitsLoss(), optim.SGD(net.parameters(), lr=setting["lr"], momentum=0.9),
        epochs=EPOCHS, batch_size=10, checkpoint=checkpoint, resume=checkpoint if checkpoint.exists() else None,
        callbacks=[KilledOnce(folder / "killed")] if kill else [],
    )
    with ag.no_grad():
        right = (net(X[1::2]).numpy() > 0) == y[1::2]
    done = {**setting, "accuracy": float(right.mean()), "loss": history.rows[-1]["loss"], "epochs": len(history.rows)}
    temporary = result.with_suffix(f".{os.getpid()}")
    temporary.write_text(json.dumps(done))
    temporary.replace(result)  # at once: a result that exists is complete
    return done


def with_joblib(folder, kill):
    from joblib import Parallel, delayed, parallel_config
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    while True:
        try:
            with parallel_config("loky", n_jobs=-1, inner_max_num_threads=1):
                return Parallel()(delayed(run)(s, folder, kill and k == 10) for k, s in enumerate(GRID))
        except TerminatedWorkerError:
            print("a worker was killed: going on with what is left")


def with_dask(folder, kill):
    from dask.distributed import Client, LocalCluster

    # A worker has its own process and one thread; the task of a killed worker is given to another.
    with LocalCluster(threads_per_worker=1, dashboard_address=None) as cluster, Client(cluster) as client:
        runs = [client.submit(run, s, folder, kill and k == 10, pure=False) for k, s in enumerate(GRID)]
        return client.gather(runs)


def table(results):
    """The mean accuracy for each width (down) and learning rate (across), printed and drawn."""
    widths, rates = (sorted({r[key] for r in results}) for key in ("width", "lr"))
    cells = [[[r["accuracy"] for r in results if (r["width"], r["lr"]) == (w, lr)] for lr in rates] for w in widths]
    mean = np.mean(cells, axis=2)
    print("width   " + "".join(f"lr={lr:<8g}" for lr in rates))
    for w, row in zip(widths, mean, strict=True):
        print(f"{w:5d}   " + "".join(f"{a:<11.3f}" for a in row))
    try:
        import matplotlib.pyplot as plt
    except ImportError:
        print("no picture: matplotlib is not installed")
        return mean.max()
    figure, ax = plt.subplots(figsize=(5, 3.5), layout="constrained")
    figure.colorbar(ax.imshow(mean, aspect="auto", origin="lower"), label="accuracy")
    ax.set(xlabel="learning rate", ylabel="width", xticks=range(len(rates)), yticks=range(len(widths)))
    ax.set(xticklabels=[f"{lr:g}" for lr in rates], yticklabels=widths)
    figure.savefig(OUT / "sweep.png", dpi=150)
    print(f"picture: {OUT.parent.name}/{OUT.name}/sweep.png")
    return mean.max()


def main():
    given = set(sys.argv[1:])
    OUT.mkdir(parents=True, exist_ok=True)
    for old in [] if "--keep" in given else OUT.iterdir():
        old.unlink()
    started = time.perf_counter()
    try:
        results = (with_dask if "--dask" in given else with_joblib)(OUT, "--kill" in given)
    except ImportError as error:
        print(f"the sweep needs {error.name}: pip install 'autograd_lite[examples]'")
        return
    print(f"{len(results)} runs, {time.perf_counter() - started:.0f} s")
    if table(results) < 0.95 or any(r["epochs"] != EPOCHS for r in results):
        raise SystemExit("a run is not complete, or none is good")


if __name__ == "__main__":
    main()
