"""`python -m autograd_lite` as run at a terminal."""

import re
import socket
import subprocess
import sys

import pytest

from autograd_lite.__main__ import SECTIONS, main
from autograd_lite.talk import slide

FIRST_HALF = ["why", "example", "table"]


def printed(capsys, *arguments):
    assert main(arguments) == 0
    return capsys.readouterr().out


def table(out, heading):
    """The rows below a table's heading as lists of numbers."""
    below = out[re.search(heading, out).end() :].lstrip("\n")
    return [[float(cell) for cell in line.split()] for line in below.split("\n\n")[0].splitlines()]


@pytest.fixture
def no_network(monkeypatch):
    def connect(*_args, **_kwargs):
        raise AssertionError("the talk must work offline")

    monkeypatch.setattr(socket.socket, "connect", connect)  # not the class: ssl may be imported here


@pytest.mark.thorough  # the README's other command runs it too
@pytest.mark.usefixtures("no_network")
def test_the_whole_talk(capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)  # where the pictures go
    out = printed(capsys)

    assert "(1, 0, 0) + (0, 1, 1)  =  (0, 1, 0) + (1, 0, 1)" in out
    assert "s(1, 0, 0) + s(0, 1, 1) = s(0, 1, 0) + s(1, 0, 1)" in out

    largest = float(re.search(r"Largest difference: (\S+) ", out)[1])
    assert largest <= 1e-12

    losses = table(out, r"epoch +loss\n")
    assert [epoch for epoch, _ in losses] == list(range(0, 501, 50))
    assert losses[0][1] > 0.1
    assert losses[-1][1] < 0.01

    predictions = table(out, r"actual +predicted\n")
    assert len(predictions) == 8
    assert all(round(predicted) == actual for *_, actual, predicted in predictions)
    assert "Accuracy: 1.0\n" in out

    epochs = table(out, r"test accuracy\n")
    assert [epoch for epoch, *_ in epochs] == list(range(11))
    assert epochs[0][2] < 0.3
    assert epochs[-1][2] > 0.95
    assert epochs[-1][1] < epochs[1][1] < epochs[0][1]

    percent = [float(right) for right in re.findall(r"Accuracy on the test digits: ([\d.]+) percent", out)]
    assert len(percent) >= 4  # the first half's net, one made of layers, a deeper one, a modern one
    assert min(percent) > 95

    assert "Where are we? The pictures" in out
    assert {path.name for path in tmp_path.iterdir()} == {"talk"}
    assert (tmp_path / "talk" / "graph.dot").exists()

    assert max(map(len, out.splitlines())) <= slide.WIDTH
    assert out.isascii()  # any console can show it


@pytest.mark.parametrize("seed", ["1", "59"])
def test_other_seeds_learn_the_table_too(capsys, seed):
    out = printed(capsys, "--only", "example", "table", "--seed", seed)
    assert f"(seed {seed})" in out.replace("\n", " ")
    assert "Accuracy: 1.0\n" in out


def test_a_seed_decides_every_number(capsys):
    first, again, other = (printed(capsys, "--only", *FIRST_HALF, "--seed", seed) for seed in "556")
    assert first == again
    assert first != other


def test_sections_are_printed_alone_or_left_out_and_in_order(capsys):
    why, example = printed(capsys, "--only", "why"), printed(capsys, "--only", "example")
    assert printed(capsys, "--only", "example", "why") == why + example
    assert printed(capsys, "--skip", *(SECTIONS.keys() - {"why", "example"})) == why + example


def test_help_lists_every_section(capsys):
    with pytest.raises(SystemExit) as exit:
        main(["--help"])
    assert exit.value.code == 0
    out = capsys.readouterr().out
    for name in SECTIONS:
        assert re.search(rf"^  {name} +\S.*\.$", out, flags=re.MULTILINE)
    assert "--seed N" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--seed", "-1"], "'-1' is not a whole number of 0 or more"),
        (["--seed", "one"], "'one' is not a whole number of 0 or more"),
        (["--only", "nothing"], "invalid choice: 'nothing'"),
    ],
)
def test_a_wrong_argument_gets_one_clear_line(capsys, arguments, message):
    with pytest.raises(SystemExit) as exit:
        main(arguments)
    assert exit.value.code == 2
    assert message in capsys.readouterr().err


def test_the_reader_may_close_the_pipe_early():
    command = [sys.executable, "-m", "autograd_lite", "--only", "why", "example", "table"]
    talk = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert talk.stdout.readline() == "\n"
    talk.stdout.close()
    with talk.stderr as errors:
        assert errors.read() == ""
    assert talk.wait() == 1


def test_it_runs_as_a_module():
    command = [sys.executable, "-m", "autograd_lite", "--only", "why", "--seed", "3"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert "A task for a neural net" in done.stdout
