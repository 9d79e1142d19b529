"""The tests of HIPS autograd and of projects that depend on it, with HIPS autograd and with `autograd_lite.compat`.

    pip install autograd lifelines pymanopt ceviche autograd-gamma
    pip install pytest flaky psutil dill scikit-learn sklearn-pandas statsmodels matplotlib
    python tools/hips_dependents.py FOLDER            # the table of docs/coming-from.md
    python tools/hips_dependents.py FOLDER pymanopt   # one of them

The source archives, which have the tests, are downloaded into FOLDER. pymanopt's tests for other frameworks are left
out. ceviche and autograd-gamma have no tests in their archives, so gradients of their models are compared with finite
differences.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

GAMMA = '''
import autograd.numpy as np
import autograd_gamma as gamma
import pytest
from autograd import elementwise_grad, hessian

a, x = np.array([0.5, 1.5, 3.0]), np.array([0.3, 0.6, 0.8])

def difference(f, args, k, h=1e-6):
    high, low = ([v + s * h if i == k else v for i, v in enumerate(args)] for s in (1, -1))
    return (f(*high) - f(*low)) / (2 * h)

@pytest.mark.parametrize("k", [0, 1])
@pytest.mark.parametrize("name", ["gammainc", "gammaincc", "gammaincln", "gammainccln", "gammaincinv", "gammainccinv"])
def test_gamma(name, k):
    f = getattr(gamma, name)
    if name.endswith("inv") and k == 0:
        pytest.skip("no rule")
    assert np.allclose(elementwise_grad(f, k)(a, x), difference(f, (a, x), k), 1e-4)

@pytest.mark.parametrize("k", [0, 1, 2])
@pytest.mark.parametrize("name", ["betainc", "betaincln"])
def test_beta(name, k):
    f = getattr(gamma, name)
    args = np.array([0.5, 1.5]), np.array([1.2, 0.7]), np.array([0.3, 0.6])
    assert np.allclose(elementwise_grad(f, k)(*args), difference(f, args, k), 1e-4)
'''

CEVICHE = '''
import autograd.numpy as npa
import numpy as np
import pytest
from ceviche import fdfd_ez, fdfd_hz, jacobian

omega, dl, n = 2 * np.pi * 200e12, 1e-7, 30
eps = 1 + np.random.default_rng(0).random(n * n)
source = np.zeros((n, n))
source[15, 15] = 1

def ez(eps):
    Hx, Hy, Ez = fdfd_ez(omega, dl, eps.reshape(n, n), [5, 5]).solve(source)
    return npa.sum(npa.abs(Ez[20:25, 10:20]) ** 2) + npa.sum(npa.abs(Hx) ** 2)

def hz(eps):
    Ex, Ey, Hz = fdfd_hz(omega, dl, eps.reshape(n, n), [5, 5]).solve(source)
    return npa.sum(npa.abs(Hz[20:25, 10:20]) ** 2) + npa.sum(npa.abs(Ex) ** 2)

@pytest.mark.parametrize("f", [ez, hz])
def test_reverse(f):
    gradient = jacobian(f, mode="reverse")(eps).ravel()
    for k in (100, 455, 700):
        step = 1e-5 * np.eye(n * n)[k]
        assert np.isclose(gradient[k], (f(eps + step) - f(eps - step)) / 2e-5, 1e-4)

@pytest.mark.parametrize("f", [ez, hz])
def test_forward(f):
    of_two = lambda p: f(eps * p[0] + p[1])
    p = np.array([1.0, 0.1])
    assert np.allclose(jacobian(of_two, mode="forward")(p), jacobian(of_two, mode="reverse")(p))
'''


def archive(name: str, folder: Path) -> Path:
    """The unpacked source archive of a project."""
    pattern = f"{name}-[0-9]*"
    kept = [p for p in folder.glob(pattern) if p.is_dir()]
    if not kept:
        download = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", name]
        subprocess.run([*download, "-d", str(folder), name], check=True)
        with tarfile.open(next(folder.glob(f"{pattern}.tar.gz"))) as files:
            files.extractall(folder, filter="data")
        kept = [p for p in folder.glob(pattern) if p.is_dir()]
    return kept[0]


def hips(folder: Path) -> list[str]:
    tests = archive("autograd", folder) / "tests"
    return [str(tests), "--ignore", str(tests / "profiling.py")]


def pymanopt(folder: Path) -> list[str]:
    tests = archive("pymanopt", folder) / "tests"
    conftest = tests / "conftest.py"
    lines = conftest.read_text().splitlines(keepends=True)
    conftest.write_text("".join(line for line in lines if not re.search(r"tensorflow|torch|tf\.", line)))
    others = [f"backends/test_{name}.py" for name in ("jax", "pytorch", "tensorflow")]
    others += ["test_examples.py", "test_problem.py"]  # which import all of these
    return [str(tests), *(word for name in others for word in ("--ignore", str(tests / name)))]


def lifelines(folder: Path) -> list[str]:
    return [str(archive("lifelines", folder) / "lifelines" / "tests")]


def written(name: str, text: str) -> Callable[[Path], list[str]]:
    def tests(folder: Path) -> list[str]:
        path = folder / f"test_{name}.py"
        path.write_text(text)
        return [str(path)]

    return tests


PROJECTS = {
    "HIPS autograd": hips, "lifelines": lifelines, "pymanopt": pymanopt,
    "autograd-gamma": written("autograd_gamma", GAMMA), "ceviche": written("ceviche", CEVICHE),
}  # fmt: skip


def run(arguments: list[str], ours: bool) -> tuple[int, int, float]:
    """The numbers of tests that passed and that ran, and the seconds."""
    command = [sys.executable, *(["-m", "autograd_lite.compat", "--replace"] if ours else []), "-m", "pytest", "-q"]
    command += ["-c", os.devnull, "-p", "no:cacheprovider", "-p", "no:warnings", *arguments]
    start = time.perf_counter()
    environment = os.environ | {"PYTHONPATH": str(ROOT), "MPLBACKEND": "Agg"}
    tests = Path(arguments[0])
    folder = tests if tests.is_dir() else tests.parent
    result = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, cwd=folder)
    counts = {word: int(n) for n, word in re.findall(r"(\d+) (passed|failed|errors?)", result.stdout[-500:])}
    if not counts:
        raise SystemExit(result.stdout[-3000:] + result.stderr[-3000:])
    passed = counts.pop("passed", 0)
    return passed, passed + sum(counts.values()), time.perf_counter() - start


def main() -> None:
    if len(sys.argv) < 2:
        raise SystemExit(__doc__)
    folder = Path(sys.argv[1]).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    print("| project | tests | pass with HIPS autograd | pass here | seconds with HIPS | seconds here |")
    print("|---|---|---|---|---|---|")
    for name in sys.argv[2:] or PROJECTS:
        arguments = PROJECTS[name](folder)
        (passed, total, seconds), (ours, _, ours_seconds) = run(arguments, False), run(arguments, True)
        print(f"| {name} | {total} | {passed} | {ours} | {seconds:.0f} | {ours_seconds:.0f} |", flush=True)


if __name__ == "__main__":
    main()
