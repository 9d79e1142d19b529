"""What `import autograd_lite` costs on top of `import numpy`, as a share of NumPy's own time.

Each import runs in a fresh interpreter, alternating between the two, and times itself (CPU time), so starting Python is
not included. The modules are already compiled, as after an installation: the first pair compiles them into a temporary
folder and is discarded.
"""

import os
import statistics
import subprocess
import sys
import tempfile
from typing import Any

TARGET = 0.5  # an import fills the whole table (docs/design/packages.md)


def seconds(module: str, cache: str) -> float:
    """CPU seconds that `import module` takes in a fresh interpreter whose compiled files are in `cache`."""
    code = f"import time; start = time.process_time(); import {module}; print(time.process_time() - start)"
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": cache, "PYTHONDONTWRITEBYTECODE": ""}
    run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, env=environment)
    return float(run.stdout)


def measure(pairs: int = 15) -> dict[str, Any]:
    """One line of the table. The ratio is the additional time: 0.25 is a quarter of NumPy's own."""
    numpy, ours = [], []
    with tempfile.TemporaryDirectory() as cache:
        for _ in range(pairs + 1):
            numpy.append(seconds("numpy", cache))
            ours.append(seconds("autograd_lite", cache))
    return {
        "name": "import",
        "title": "import, on top of NumPy's own",
        "hand": statistics.median(numpy[1:]),
        "ours": statistics.median(ours[1:]),
        "ratio": statistics.median(b / a for a, b in zip(numpy[1:], ours[1:], strict=True)) - 1,
        "target": TARGET,
    }
