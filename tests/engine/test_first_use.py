"""Whatever is used first, and from how many threads: nothing deadlocks."""

from __future__ import annotations

import subprocess
import sys

from thorough import EVERY_CASE, some

PROGRAM = """
import threading
import numpy as np
import autograd_lite as ag

x = ag.tensor(np.linspace(1.0, 2.0, 8), requires_grad=True)
uses = [
    lambda: np.quantile(x, 0.5), lambda: ag.fft.fft(x), lambda: np.polyval(x, 2.0), lambda: np.pad(x, 1),
    lambda: ag.linalg.norm(x), lambda: ag.special.erf, lambda: ag.nn.Linear(8, 2)(x), lambda: ag.trace(np.sin)(1.0),
    lambda: ag.source(lambda v: np.sum(v**2), np.ones(2)), lambda: (x * x).sum().explain(),
    lambda: (x * x).sum().draw(),
    lambda: np.einsum("i,i", x, x), lambda: ag.optim.SGD([x], lr=0.1), lambda: ag.data.truth_table(), lambda: ag.save,
    lambda: ag.grad(np.sin)(1.0),
]
start, failed = threading.Barrier(16), []

def run(use):
    start.wait()
    try:
        use()
    except Exception as error:
        failed.append(repr(error))

threads = [threading.Thread(target=run, args=(use,)) for use in uses]
for t in threads: t.start()
for t in threads: t.join()
print(len(threads), failed)
"""


def test_sixteen_threads_use_what_was_never_used_before():
    """In many processes: 12 of 12 hung when the table was filled on demand."""
    for _ in some(range(4)):
        running = [
            subprocess.Popen([sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            for _ in range(5 if EVERY_CASE[0] else 2)
        ]
        for process in running:
            out, err = process.communicate(timeout=300)
            assert out == "16 []\n", out + err
