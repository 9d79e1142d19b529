"""Digits on several processes, and the trained net run by ONNX Runtime.

    python examples/digits_parallel.py
    mpiexec -n 4 python examples/digits_parallel.py

With any number of processes the losses are the same to rounding. The first process then writes the net as ONNX and lets
ONNX Runtime classify the test digits.
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # the processes share the cores

from pathlib import Path

import numpy as np

import autograd_lite as ag
from autograd_lite import data, nn, optim, training

OUT = Path(__file__).parents[1] / "out"


def world():
    """The processes that mpiexec has started, or None."""
    try:
        from mpi4py import MPI
    except ImportError:
        print("mpi4py is not installed: one process")
        return None
    return MPI.COMM_WORLD


def serve(net, X):
    """The predictions of ONNX Runtime for the net."""
    try:
        import onnx  # noqa: F401
        import onnxruntime
    except ImportError as error:
        print(f"not exported: {error.name} is not installed")
        return None
    OUT.mkdir(exist_ok=True)
    path = OUT / "digits.onnx"
    ag.export.onnx(net, X[:1], path=path)
    print(f"{OUT.name}/{path.name}: {path.stat().st_size / 1000:.0f} kB")
    session = onnxruntime.InferenceSession(path)
    (scores,) = session.run(None, {session.get_inputs()[0].name: X})
    return scores


def main():
    ag.set_default_dtype(np.float32)
    ag.manual_seed(0)
    digits = data.digits()
    X_train, X_test = (X.astype(np.float32) for X in (digits.X_train, digits.X_test))
    net = nn.Sequential(nn.Linear(64, 100), nn.ReLU(), nn.Linear(100, 50), nn.ReLU(), nn.Linear(50, 10))
    processes = world()
    history = training.fit(
        net, (X_train, digits.y_train), nn.CrossEntropyLoss(), optim.AdamW(net.parameters(), lr=5e-3),
        epochs=20, batch_size=64, generator=0, callbacks=[training.Log(every=5)], communicator=processes,
    )
    if processes is not None and processes.Get_rank():
        return
    print(f"loss {history.rows[-1]['loss']:.6f} on {1 if processes is None else processes.Get_size()} process(es)")
    ours = training.predict(net, X_test)
    accuracy = training.accuracy(ours, digits.y_test)
    print(f"test accuracy {accuracy:.3f}")
    theirs = serve(net, X_test)
    if theirs is not None:
        print(f"largest difference from ONNX Runtime: {np.abs(ours - theirs).max():.1e}")
        if not np.allclose(ours, theirs, rtol=1e-4, atol=1e-4):
            raise SystemExit("ONNX Runtime computes something else")
    if accuracy < 0.95:
        raise SystemExit("less than 0.95")


if __name__ == "__main__":
    main()
