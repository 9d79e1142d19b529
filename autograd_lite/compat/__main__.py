"""Run an unmodified program that imports HIPS autograd: ``python -m autograd_lite.compat script.py``.

``python -m autograd_lite.compat -m pytest tests`` runs a module. ``--replace`` before it uses this library also where
HIPS autograd is installed.
"""

import runpy
import sys
from pathlib import Path

from . import install


def main() -> None:
    arguments = sys.argv[1:]
    replace = arguments[:1] == ["--replace"]
    arguments = arguments[replace:]
    module = arguments[:1] == ["-m"]
    arguments = arguments[module:]
    if not arguments:
        raise SystemExit(__doc__)
    try:
        install("autograd", replace=replace)
    except ImportError as error:
        raise SystemExit(f"{error}; here: python -m autograd_lite.compat --replace …") from None
    sys.argv = arguments
    if module:
        sys.path.insert(0, "")
        runpy.run_module(arguments[0], run_name="__main__", alter_sys=True)
    else:
        sys.path.insert(0, str(Path(arguments[0]).resolve().parent))
        runpy.run_path(arguments[0], run_name="__main__")


if __name__ == "__main__":
    main()
