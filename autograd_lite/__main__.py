"""The talk as a program: `python -m autograd_lite` prints its slides and computes every number on them.

`show`, `explain` and `check` after it are the commands of :mod:`autograd_lite.command_line`.

It needs no network, and writes files only into the folder of its pictures. The same seed gives the same slides and the
same pictures.
"""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from autograd_lite import command_line
from autograd_lite.talk import derived, part_one, part_two, pictures

SECTIONS: dict[str, Callable[[int], None]] = {
    "why": part_one.why_a_net,
    "example": part_one.first_example,
    "derivation": derived.write_derivation,
    "learn": derived.write_learn,
    "table": part_one.learn_truth_table,
    "digits": part_one.learn_digits,
    "starts": part_one.compare_starts,
    "pictures": pictures.write_pictures,
    "layers": part_two.layers_like_by_hand,
    "deep": part_two.digits_by_layers,
    "modern": part_two.modern_recipe,
    "mnist": part_two.on_mnist,
}
# Run only with --only.
LONG: dict[str, Callable[[int], None]] = {"mnist-talk": part_two.mnist_as_the_talk}


def parser() -> argparse.ArgumentParser:
    """The command line; its help lists the sections with their docstrings."""
    sections = SECTIONS | LONG
    about = [f"  {name:<11}{(section.__doc__ or '').splitlines()[0]}" for name, section in sections.items()]
    commands = [f"  {name:<11}{command.__doc__}" for name, command in command_line.COMMANDS.items()]
    p = argparse.ArgumentParser(
        prog="python -m autograd_lite",
        description="A talk on neural nets from scratch, as a program: the gradients of a small net,\n"
        "derived by hand and by the engine, and training with them. It takes a few seconds, offline.",
        epilog="sections, in this order:\n" + "\n".join(about) + "\nThe last one runs only with --only.\n\n"
        "Other commands, each with --help:\n" + "\n".join(commands),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    p.add_argument("--seed", type=seed, default=0, metavar="N", help="seed of all random numbers (default: 0)")
    where = f"folder of the pictures (default: {pictures.FOLDER})"
    p.add_argument("--out", type=Path, default=pictures.FOLDER, metavar="FOLDER", help=where)
    p.add_argument("--only", nargs="+", choices=sections, metavar="SECTION", help="print only these sections")
    p.add_argument("--skip", nargs="+", choices=SECTIONS, metavar="SECTION", help="omit these sections")
    return p


def seed(text: str) -> int:
    """A whole number that NumPy takes as a seed."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of 0 or more")
    return int(text)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the talk or its selected sections, or run a command; returns the exit status."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments and arguments[0] in command_line.COMMANDS:
        return command_line.main(arguments)
    options = parser().parse_args(arguments)
    sections = SECTIONS | LONG | {"pictures": partial(pictures.write_pictures, folder=options.out)}
    try:
        for name, section in sections.items():
            if name in (options.only or SECTIONS) and name not in (options.skip or ()):
                section(options.seed)
    except BrokenPipeError:  # the reader stopped: `| head`, or a pager that was closed
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # so that the flush at exit does not fail again
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
