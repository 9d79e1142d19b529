"""``python -m autograd_lite show | explain | check``: a script's loss as a page or a derivation; a gradient, tested."""

from __future__ import annotations

import argparse
import inspect
import runpy
import sys
import traceback
import webbrowser
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import autograd_lite as ag

USUAL = ("loss", "L", "cost", "error")  # names of a loss


class Failed(Exception):
    """What ends a command with one line, and no traceback."""


def run(script: Path) -> dict[str, Any]:
    """The variables of a script that has been run. An error in it is shown with the script's own lines."""
    if not script.is_file():
        raise Failed(f"there is no file {script}")
    sys.path.insert(0, str(script.parent.resolve()))
    try:
        return runpy.run_path(str(script), run_name="__main__")
    except SystemExit as stop:
        raise Failed(f"{script} ended itself before its variables could be read (exit status {stop.code})") from None
    except Exception as error:
        frames = [f for f in traceback.extract_tb(error.__traceback__) if Path(f.filename) == script]
        lines = "".join(traceback.format_list(frames) + traceback.format_exception_only(error))
        raise Failed(f"{script} failed:\n{lines.rstrip()}") from None
    finally:
        sys.path.pop(0)


def loss_of(variables: dict[str, Any], name: str | None, script: Path) -> Any:
    """The Tensor to look at: the one called `name`, or the loss."""
    recorded = {n: x for n, x in variables.items() if isinstance(x, ag.Tensor) and x.requires_grad and not x.is_leaf}
    if name is not None and name in variables and name not in recorded:
        raise Failed(f"{name} in {script} is not the recorded result of a computation with requires_grad=True")
    scalars = [n for n, x in recorded.items() if x.size == 1]
    chosen = name or next((n for n in USUAL if n in scalars), scalars[-1] if scalars else None)
    if chosen is None or chosen not in recorded:
        there = f"; it has {', '.join(recorded)}" if recorded else ": nothing in it was recorded"
        raise Failed(f"{script} has no {f'variable {name!r}' if name else 'loss'}{there}")
    return recorded[chosen]


def show(options: argparse.Namespace) -> None:
    """Write the page of a loss, and open it in a browser."""
    variables = run(options.script)
    page = ag.draw(loss_of(variables, options.name, options.script), names=_named(variables))
    path = Path(options.out or options.script.with_suffix(".html").name)
    page.save(path, **({"live": True} if path.suffix == ".html" else {}))
    print(path)
    if options.out is None:
        webbrowser.open(path.resolve().as_uri())


def explain(options: argparse.Namespace) -> None:
    """Print the derivation of a loss."""
    variables = run(options.script)
    derivation = ag.explain(loss_of(variables, options.name, options.script), None, _named(variables))
    print(derivation if options.format == "text" else getattr(derivation, options.format)())


def check(options: argparse.Namespace) -> None:
    """Test the gradients of a function of a script, at the script's variables with the names of its parameters."""
    file, _, name = options.function.rpartition(":")
    if not file:
        raise Failed(f"expected SCRIPT:FUNCTION, got {options.function!r}")
    variables = run(Path(file))
    f = variables.get(name)
    if not callable(f):
        raise Failed(f"{file} has no function {name!r}")
    arguments = []
    for parameter in inspect.signature(f).parameters.values():
        value = variables.get(parameter.name, parameter.default)
        if value is parameter.empty:
            raise Failed(
                f"{name} is tested at the variables of {file} with the names of its parameters: define {parameter.name}"
                " there, or give it a default"
            )
        arguments.append(value.numpy() if isinstance(value, ag.Tensor) else value)
    report = ag.testing.check_gradients(f, *arguments, order=options.order)
    print(report if not report else f"{name}: every derivative up to order {options.order} is right")
    if not report:
        raise SystemExit(1)


def _named(variables: dict[str, Any]) -> dict[str, Any]:
    return {name: x for name, x in variables.items() if not name.startswith("_")}


COMMANDS: dict[str, Callable[[argparse.Namespace], None]] = {"show": show, "explain": explain, "check": check}


def main(arguments: Sequence[str]) -> int:
    """Run one of `COMMANDS`; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m autograd_lite")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, command in COMMANDS.items():
        sub = commands.add_parser(name, description=command.__doc__, help=command.__doc__)
        if name == "check":
            sub.add_argument("function", metavar="SCRIPT:FUNCTION")
            sub.add_argument("--order", type=int, default=2, help="the highest order of derivative (default: 2)")
            continue
        sub.add_argument("script", type=Path, help="a Python file, which is run")
        sub.add_argument("name", nargs="?", help="a variable of it (default: its loss)")
        if name == "show":
            sub.add_argument("--out", metavar="FILE", help="write this .html, .svg, .png or .pdf, and open nothing")
        else:
            sub.add_argument("--format", choices=("text", "latex", "markdown"), default="text")
    options = parser.parse_args(arguments)
    try:
        COMMANDS[options.command](options)
    except (Failed, ImportError, ValueError, TypeError, RuntimeError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0
