"""Raise KeyboardInterrupt at every bytecode instruction of a block, and check that nothing is left half-changed.

    python tools/interrupts.py                    # every case; minutes
    python tools/interrupts.py no_grad save       # these cases
    python tools/interrupts.py --most 200         # at most 200 instructions of each, evenly spaced

Each case runs once for each instruction that it executes, in our code and in the Python code of NumPy and the standard
library, and is interrupted at that instruction. The state is checked twice: while the exception, with its traceback and
all frames, is alive (as at an interactive prompt), and after it has been deleted.
"""

from __future__ import annotations

import argparse
import atexit
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

import autograd_lite as ag
from autograd_lite import nn, optim, training
from autograd_lite.base.snapshots import _SNAPSHOT
from autograd_lite.engine.context import CONTEXT

#: What to run, and a function that names the state that is wrong afterwards ("" if none is).
Prepared = tuple[Callable[[], Any], Callable[[], str]]
CASES: dict[str, Callable[[], Prepared]] = {}


def case(prepare: Callable[[], Prepared]) -> Callable[[], Prepared]:
    CASES[prepare.__name__.rstrip("_")] = prepare
    return prepare


def nothing() -> str:
    return ""


def in_block(manager: Callable[[], Any]) -> Prepared:
    x = ag.tensor([1.0, 2.0], requires_grad=True)

    def run() -> None:
        with manager():
            (x * 2).sum()

    return run, nothing


@case
def no_grad() -> Prepared:
    return in_block(ag.no_grad)


@case
def enable_grad() -> Prepared:
    return in_block(ag.enable_grad)


@case
def detect_anomaly() -> Prepared:
    return in_block(ag.detect_anomaly)


def f(x: Any) -> Any:
    return (np.sin(x) * x).sum()


@case
def composite() -> Prepared:
    x = ag.tensor([1.0, 2.0], requires_grad=True)
    return lambda: np.mean(x), nothing


@case
def hessian() -> Prepared:
    x = np.array([1.0, 2.0])
    return lambda: ag.hessian(f)(x), nothing


@case
def trace() -> Prepared:
    return lambda: ag.trace(f)(np.array([1.0, 2.0])), nothing


@case
def trace_module() -> Prepared:
    ag.manual_seed(0)
    model = nn.Sequential(nn.BatchNorm1d(2), nn.Dropout(0.5))

    def state() -> list[Any]:
        return [*model.state_dict().values(), str(ag.get_rng_state())]

    before = state()
    return lambda: ag.trace(model)(X), lambda: "" if same(state(), before) else "buffers or random numbers"


def net() -> nn.Sequential:
    ag.manual_seed(0)
    return nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Dropout(0.5), nn.Linear(3, 1))


X, Y = np.array([[0.0, 1.0], [1.0, 0.0]]), np.array([[1.0], [0.0]])


@case
def evaluate() -> Prepared:
    model = net()
    model[1].eval()
    before = [m.training for m in model.modules()]
    return (
        lambda: training.evaluate(model, (X, Y), nn.MSELoss(), batch_size=1),
        lambda: "" if [m.training for m in model.modules()] == before else "training",
    )


def values(model: nn.Module, optimizer: Any) -> list[Any]:
    """All numbers of a model and its optimizer."""
    state = optimizer.state_dict()
    groups = [v for group in state["param_groups"] for v in group.values()]
    held = [x for s in state["state"].values() for x in s.values()]
    history = [x for of in state.get("history", {}).values() for x in of or ()]  # of LBFGS
    return [*model.state_dict().values(), *held, *groups, *history]


def same(a: list[Any], b: list[Any]) -> bool:
    return len(a) == len(b) and all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))


def trained(steps: int, make: Callable[[Any], Any] = optim.Adam) -> tuple[nn.Module, Any]:
    model = net()
    optimizer = make(model.parameters())
    for k in range(steps + 1):
        optimizer.zero_grad()
        ((model.eval()(X) - Y) ** 2).sum().backward()
        if k < steps:
            optimizer.step()
    return model, optimizer


def all_or_nothing(model: nn.Module, optimizer: Any, run: Callable[[], Any], after: list[Any]) -> Prepared:
    before = values(model, optimizer)

    def wrong() -> str:
        now = values(model, optimizer)
        return "" if same(now, before) or same(now, after) else "torn"

    return run, wrong


def _step(make: Callable[[Any], Any], steps: int) -> Prepared:
    model, optimizer = trained(steps, make)
    done = trained(steps, make)
    done[1].step()
    return all_or_nothing(model, optimizer, optimizer.step, values(*done))


@case
def first_step() -> Prepared:
    return _step(optim.Adam, 0)


@case
def optimizer_step() -> Prepared:
    return _step(optim.Adam, 1)


@case
def momentum_step() -> Prepared:
    return _step(lambda params: optim.SGD(params, 0.1, momentum=0.9), 1)


@cache
def _compiled() -> tuple[Any, ...]:
    """A model, an optimizer, their compiled step, the states before a call, and all numbers after it."""
    ag.manual_seed(0)
    model = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Linear(3, 1))
    optimizer = optim.Adam(model.parameters())

    @ag.jit
    def step() -> None:
        optimizer.zero_grad()
        ((model(X) - Y) ** 2).sum().backward()
        optimizer.step()

    step()
    before = model.state_dict(), optimizer.state_dict()
    step()
    return model, optimizer, step, before, values(model, optimizer)


@case
def compiled_step() -> Prepared:
    model, optimizer, step, before, after = _compiled()
    model.load_state_dict(before[0])
    optimizer.load_state_dict(before[1])
    return all_or_nothing(model, optimizer, step, after)


@cache
def _shared() -> tuple[Any, ...]:
    """A parameter, a step whose loops two threads share, and the values before a call and after it."""
    w, x = ag.tensor(np.linspace(-1, 1, 140_000), requires_grad=True), np.cos(np.arange(140_000.0))

    @ag.jit(threads=2)
    def step() -> Any:
        loss = (np.tanh(w * x) ** 2 - x).sum()
        loss.backward()
        with ag.no_grad():
            w.__isub__(w.grad * 0.1)
        w.zero_grad()
        return loss

    step()
    before = w.data.copy()
    step()
    return w, step, before, w.data.copy()


@case
def threads() -> Prepared:
    w, step, before, after = _shared()
    w.data[...] = before

    def wrong() -> str:
        return "" if np.array_equal(w.data, before) or np.array_equal(w.data, after) else "torn"

    return step, wrong


@case
def lbfgs_step() -> Prepared:
    def loss(model: nn.Module, optimizer: Any) -> Any:
        optimizer.zero_grad()
        loss = ((model(X) - Y) ** 2).sum()
        loss.backward()
        return loss

    def make(params: Any) -> Any:
        return optim.LBFGS(params, max_iter=2, line_search_fn="strong_wolfe")

    def start() -> tuple[nn.Module, Any]:
        model = net().eval()
        optimizer = make(model.parameters())
        optimizer.step(lambda: loss(model, optimizer))
        return model, optimizer

    model, optimizer = start()
    done = start()
    done[1].step(lambda: loss(*done))
    return all_or_nothing(model, optimizer, lambda: optimizer.step(lambda: loss(model, optimizer)), values(*done))


@case
def load_state_dict() -> Prepared:
    model, optimizer = trained(1)
    other = trained(2)[0]
    state = other.state_dict()
    return all_or_nothing(model, optimizer, lambda: model.load_state_dict(state), values(other, optimizer))


@case
def optimizer_load_state_dict() -> Prepared:
    model, optimizer = trained(1)
    other = trained(3)[1]
    state = other.state_dict()
    return all_or_nothing(model, optimizer, lambda: optimizer.load_state_dict(state), values(model, other))


@cache
def folder() -> Path:
    """An empty folder, removed at exit."""
    path = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, path)
    return path


@case
def save() -> Prepared:
    path = folder() / "weights.npz"
    states = [{"w": np.zeros(3)}, {"w": np.ones(3)}]
    ag.save(states[0], path)
    assert len(list(path.parent.iterdir())) == 1, "a temporary file of an interrupted call stays"

    def wrong() -> str:
        found = ag.load(path)
        return "" if any(np.array_equal(found["w"], state["w"]) for state in states) else "torn"

    return lambda: ag.save(states[1], path), wrong


@case
def fit() -> Prepared:
    model = net()
    start = model.state_dict()
    batches: list[Any] = []

    class Note(training.Callback):
        def on_batch(self, run: Any) -> None:
            batches.append(run.model.state_dict())

    def run(callbacks: tuple[Any, ...] = ()) -> None:
        ag.manual_seed(1)
        optimizer = optim.SGD(model.parameters(), lr=0.1)
        training.fit(
            model, (X, Y), nn.MSELoss(), optimizer, epochs=1, batch_size=1, validation=(X, Y), callbacks=callbacks
        )

    run((Note(),))
    model.load_state_dict(start)
    possible = [list(state.values()) for state in (start, *batches)]

    def wrong() -> str:
        now = list(model.state_dict().values())
        if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
            return "the handler of Ctrl-C"
        if not all(m.training for m in model.modules()):
            return "training"
        return "" if any(same(now, state) for state in possible) else "torn"

    return run, wrong


# ------------------------------------------------------------------------------------------------------ interrupts


def interrupted(run: Callable[[], Any], at: int) -> tuple[int, BaseException | None]:
    """Run with an interrupt at instruction `at`: how many instructions were executed, and the exception."""
    count = 0

    def trace(frame: Any, event: str, arg: Any) -> Any:
        nonlocal count
        frame.f_trace_opcodes = True
        if event == "opcode":
            count += 1
            if count == at + 1:
                raise KeyboardInterrupt
        return trace

    error = None
    try:
        sys.settrace(trace)
        run()
        sys.settrace(None)
    except BaseException as e:
        error = e
    finally:
        sys.settrace(None)
    try:
        return count, error
    finally:
        del error  # which would keep this frame alive, and this frame the exception


def left_wrong() -> str:
    """The name of what is wrong with the state of this thread, or ""."""
    for variable, name in ((CONTEXT, "context"), (_SNAPSHOT, "snapshot")):
        if variable.get() is not None:
            return name
    return "profile function" if sys.getprofile() is not None else ""


def attack(prepare: Callable[[], Prepared], most: int | None = None) -> tuple[int, int, dict[str, int]]:
    """Interrupt a case at every instruction: the numbers of instructions, of interrupts, and of each wrong state."""
    run, wrong = prepare()
    run()  # imports and caches of the first use
    total = max(interrupted(prepare()[0], sys.maxsize)[0] for _ in range(2))
    places = range(total) if most is None or total <= most else np.linspace(0, total - 1, most).astype(int).tolist()
    found: dict[str, int] = {}
    for at in places:
        run, wrong = prepare()
        _, error = interrupted(run, at)
        what = left_wrong() or wrong()
        error = None  # noqa: F841 - deletes the traceback and its frames too
        what = what or left_wrong() or wrong()
        if what:
            found[what] = found.get(what, 0) + 1
            CONTEXT.set(None)
            _SNAPSHOT.set(None)
            sys.setprofile(None)
            signal.signal(signal.SIGINT, signal.default_int_handler)
    return total, len(places), found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", metavar="CASE", help=", ".join(CASES))
    parser.add_argument("--most", type=int, help="at most this many instructions of each case")
    options = parser.parse_args()
    sys.unraisablehook = lambda unraisable: None  # interrupts in the destructors of the standard library
    print(f"{'case':<28}{'instructions':>14}{'interrupts':>12}{'left wrong':>12}")
    for name in options.cases or CASES:
        total, count, found = attack(CASES[name], options.most)
        detail = "  " + ", ".join(f"{what}: {n}" for what, n in found.items()) if found else ""
        print(f"{name:<28}{total:>14,}{count:>12,}{sum(found.values()):>12,}{detail}", flush=True)


if __name__ == "__main__":
    main()
