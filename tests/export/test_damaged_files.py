"""A run resumes from a damaged checkpoint or raises; `tools/damaged_files.py` damages every byte."""

from __future__ import annotations

import pytest

import autograd_lite as ag

pytest.importorskip("resource", reason="signals and limits as POSIX has them")
pytest.importorskip("safetensors", reason="comes with the extra `io`")

from tools.damaged_files import SUFFIXES, Run, attacked, flipped, full_disk, killed, truncated


@pytest.fixture(scope="module", params=SUFFIXES)
def checkpoint(request, tmp_path_factory):
    path = tmp_path_factory.mktemp("damaged") / f"run{request.param}"
    Run(0).fit(checkpoint=path)
    return path


@pytest.mark.filterwarnings("ignore::UserWarning")  # zipfile's about damaged entries
@pytest.mark.parametrize("damage", [truncated, flipped])
def test_a_damaged_checkpoint_changes_nothing(checkpoint, damage):
    content = checkpoint.read_bytes()
    found = attacked(checkpoint, damage(content), len(content), most=60)
    assert found.total() == 60
    assert found["raised"] > 30
    assert found["changed"] == found["crashes"] == 0
    if damage is truncated or checkpoint.suffix == ".npz":  # safetensors has no checksum
        assert found["altered"] == 0


def test_a_process_that_is_killed_while_saving_leaves_a_whole_file(checkpoint):
    assert killed(checkpoint.with_stem("killed"), times=2) == {"intact": 2}


def test_a_full_disk_leaves_the_old_file(checkpoint):
    assert full_disk(checkpoint.with_stem("full"), most=20) == {"raised": 20}


def test_the_tool_sees_what_is_half_changed(checkpoint, monkeypatch):
    """A run that assigns before it has checked everything is found out."""
    fit = Run.fit

    def careless(self, **options):
        if "resume" in options:
            ag.manual_seed(99)
        fit(self, **options)

    monkeypatch.setattr(Run, "fit", careless)
    content = checkpoint.read_bytes()
    assert attacked(checkpoint, truncated(content), len(content), most=3)["changed"] == 3
