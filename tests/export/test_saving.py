"""States in files: what is saved comes back, a crash leaves the old file, and a bad file is one clear error."""

from __future__ import annotations

import errno
import io
import json
import os
import pickle
import struct
import subprocess
import sys
import zipfile
from collections import OrderedDict

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite import nn, optim
from autograd_lite.export import saving
from autograd_lite.export.saving import replacing

safetensors = pytest.importorskip("safetensors.numpy", reason="comes with the extra `io`")

rng = np.random.default_rng(0)
SUFFIXES = pytest.mark.parametrize("suffix", [".npz", ".safetensors"])


class Net(nn.Module):
    def __init__(self, hidden=4):
        super().__init__()
        self.weight = nn.Parameter(rng.standard_normal((hidden, 3)))
        self.bias = nn.Parameter(rng.standard_normal(hidden))
        self.inner = nn.Sequential(Half())
        self.register_buffer("count", ag.tensor(np.array(7)))


class Half(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(np.float32([0.5]))


def same(a, b):
    """Equal, and of the same types all the way down."""
    assert type(a) is type(b), (a, b)
    if isinstance(a, dict):
        assert list(a) == list(b)
        for key in a:
            same(a[key], b[key])
    elif isinstance(a, (list, tuple)):
        assert len(a) == len(b)
        for x, y in zip(a, b, strict=True):
            same(x, y)
    elif isinstance(a, np.ndarray):
        assert (a.dtype, a.shape) == (b.dtype, b.shape)
        np.testing.assert_array_equal(a, b)
    else:
        assert a == b or (a != a and b != b)


# -- there and back ------------------------------------------------------------------------------------------


@SUFFIXES
def test_a_module_comes_back(tmp_path, suffix):
    net, path = Net(), tmp_path / f"net{suffix}"
    ag.save(net, path)
    state = ag.load(path)
    assert set(state) == {"weight", "bias", "count", "inner.0.scale"}
    other = Net()
    assert other.load_state_dict(state) == ([], [])
    for name, value in net.state_dict().items():
        same(other.state_dict()[name], value)
    assert other.inner[0].scale.dtype == np.float32


@SUFFIXES
@pytest.mark.parametrize(
    "array",
    [
        np.zeros((0, 3)), np.array(2.5), rng.standard_normal((2, 3, 4)), np.arange(5, dtype=np.int32),
        np.array([True, False]), np.float16([1, np.inf, np.nan]), rng.standard_normal((3, 4)).T,
        np.asfortranarray(rng.standard_normal((3, 4))), rng.standard_normal(9)[::2], np.uint8([[255]]),
    ],
    ids=str,
)
def test_every_kind_of_array_comes_back(tmp_path, suffix, array):
    path = tmp_path / f"x{suffix}"
    ag.save({"x": array, "y": array}, path)
    got = ag.load(path)
    assert set(got) == {"x", "y"}
    same(got["x"], array.copy())
    got["x"][...] = 0  # is the reader's own
    same(ag.load(path)["x"], array.copy())


def test_complex_numbers_in_npz_and_a_word_where_they_do_not_fit(tmp_path):
    z = rng.standard_normal(3) + 1j
    ag.save({"z": z}, tmp_path / "z.npz")
    same(ag.load(tmp_path / "z.npz")["z"], z)
    with pytest.raises(TypeError, match=r"safetensors cannot hold .*\.npz can"):
        ag.save({"z": z}, tmp_path / "z.safetensors")
    assert os.listdir(tmp_path) == ["z.npz"]


NESTED = {
    "epoch": 3, "loss": 0.1 + 0.2, "nan": float("nan"), "inf": -float("inf"), "none": None, "yes": True,
    "big": 2**127 + 1, "text": "array:weights", "empty": {}, "nothing": [], "": np.ones(1), "file": np.arange(2),
    "state": {0: {"exp_avg": np.ones((2, 2)), "step": 5}, 1: {}}, "tuple": (1, (2.0, [np.zeros(3), "a"])),
    "a/b": np.ones(2), "a": {"b": np.zeros(2)}, "ünïcode": np.ones(1), "__structure__": np.ones(4), "z\0": np.ones(5),
}


@SUFFIXES
@pytest.mark.parametrize("state", [NESTED, [1, np.ones(2)], (), "text", 3.0, None, np.ones(3)], ids=type)
def test_any_tree_comes_back_with_its_types(tmp_path, suffix, state):
    path = tmp_path / f"state{suffix}"
    ag.save(state, path)
    same(ag.load(path), state)


@SUFFIXES
def test_an_optimisers_and_a_schedules_state_comes_back_exactly(tmp_path, suffix):
    net = Net()
    opt = optim.AdamW(net.parameters(), lr=0.1)
    schedule = optim.lr_scheduler.OneCycleLR(opt, 1.0, total_steps=10)
    for p in net.parameters():
        p.grad = np.ones(p.shape, p.dtype)
    opt.step()
    schedule.step()
    path = tmp_path / f"run{suffix}"
    ag.save({"net": net, "optimizer": opt, "schedule": schedule}, path)
    run = ag.load(path)
    same(run["optimizer"], opt.state_dict())
    same(run["schedule"], schedule.state_dict())
    same(run["net"], dict(net.state_dict()))


@SUFFIXES
def test_tensors_scalars_and_ordered_dicts_are_taken(tmp_path, suffix):
    path = tmp_path / f"x{suffix}"
    ag.save(OrderedDict(w=ag.tensor([1.0], requires_grad=True), deep=[ag.tensor(2.0), np.float64(3.0)]), path)
    same(ag.load(path), {"w": np.array([1.0]), "deep": [np.array(2.0), 3.0]})


def test_numpy_reads_a_flat_state_and_we_read_numpys(tmp_path):
    net = Net()
    ag.save(net, tmp_path / "net.npz")
    with np.load(tmp_path / "net.npz", allow_pickle=False) as held:
        assert set(held.files) == set(net.state_dict())
        np.testing.assert_array_equal(held["weight"], net.weight.data)
    np.savez_compressed(tmp_path / "other.npz", **net.state_dict())
    same(ag.load(tmp_path / "other.npz"), dict(net.state_dict()))


def test_safetensors_own_library_reads_ours_and_we_read_its(tmp_path):
    """Torch-named weights arrive this way: `safetensors.torch.save_file(net.state_dict(), path)`."""
    net = Net()
    ag.save(net, tmp_path / "net.safetensors")
    read = safetensors.load_file(tmp_path / "net.safetensors")
    same(dict(sorted(read.items())), dict(sorted(net.state_dict().items())))
    safetensors.save_file(dict(net.state_dict()), tmp_path / "other.safetensors", metadata={"format": "pt"})
    assert Net().load_state_dict(ag.load(tmp_path / "other.safetensors")) == ([], [])


@SUFFIXES
def test_two_runs_write_the_same_bytes(tmp_path, suffix):
    a, b = tmp_path / f"a{suffix}", tmp_path / f"b{suffix}"
    ag.save(NESTED, a)
    ag.save(NESTED, b)
    assert a.read_bytes() == b.read_bytes()


# -- writing ------------------------------------------------------------------------------------------------


class Unpicklable:
    pass


@SUFFIXES
@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({"a": {"b": [Unpicklable()]}}, "a Unpicklable at 'a/b/0'"),
        ({"a": np.array([None])}, "expected numbers in a, got object"),
        ({"a": 1, "b": np.array(["x"])}, "expected numbers in b, got <U1"),
        ({(1, 2): 3}, r"a key at the top level, got \(1, 2\)"),
        ({"a": {None: 3}}, "a key at 'a', got None"),
    ],
)
def test_what_cannot_be_saved_is_named_and_the_old_file_stays(tmp_path, suffix, state, message):
    path = tmp_path / f"x{suffix}"
    ag.save({"a": np.ones(1)}, path)
    before = path.read_bytes()
    with pytest.raises(TypeError, match=message):
        ag.save(state, path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == [path.name]


@SUFFIXES
def test_a_crash_while_writing_leaves_the_old_file_and_nothing_else(tmp_path, suffix, monkeypatch):
    path = tmp_path / f"x{suffix}"
    ag.save({"a": np.ones(1)}, path)
    before = path.read_bytes()

    def full(*args, **kwargs):
        raise OSError("no space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="no space left"):
        ag.save({"a": np.zeros(1000)}, path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == [path.name]


@pytest.mark.parametrize("limit", [0, 100, 20_000])
@SUFFIXES
def test_a_full_disk_is_an_oserror_that_leaves_the_old_file(tmp_path, suffix, limit):
    resource = pytest.importorskip("resource")
    path = tmp_path / f"x{suffix}"
    ag.save({"a": np.ones(1)}, path)
    before, (soft, hard) = path.read_bytes(), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        with pytest.raises(OSError, match=r"save: cannot write .*an old file is unchanged\): File too large") as full:
            ag.save({"a": np.ones(10_000)}, path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert full.value.errno == errno.EFBIG
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == [path.name]


KILLED = """
import os, signal, sys
import numpy as np
import autograd_lite as ag
os.fsync = lambda number: os.kill(os.getpid(), signal.SIGKILL)
ag.save({"a": np.ones(5)}, sys.argv[1])
"""


@pytest.mark.skipif(os.name == "nt", reason="signals and locks as POSIX has them")
@SUFFIXES
def test_what_a_killed_process_left_is_removed_by_the_next_save(tmp_path, suffix):
    path, other = tmp_path / f"x{suffix}", tmp_path / f"other{suffix}"
    ag.save({"a": np.ones(1)}, path)
    for target in (path, other):
        assert subprocess.run([sys.executable, "-c", KILLED, target]).returncode == -9
    (tmp_path / f".{path.name}.backup").touch()  # not one of ours
    assert len(os.listdir(tmp_path)) == 4
    with replacing(path):  # a process that is alive and writes to the same path
        ag.save({"a": np.ones(2)}, path)
        assert len(os.listdir(tmp_path)) == 4
    assert sorted(os.listdir(tmp_path))[1:] == sorted([f".{path.name}.backup", path.name])


def test_an_unknown_suffix_and_a_missing_folder_or_file(tmp_path):
    with pytest.raises(ValueError, match=r"ends in \.npz or \.safetensors"):
        ag.save({}, tmp_path / "x.pt")
    with pytest.raises(FileNotFoundError):
        ag.save({}, tmp_path / "no" / "x.npz")
    with pytest.raises(FileNotFoundError):
        ag.load(tmp_path / "x.npz")


@pytest.mark.skipif(os.name == "nt", reason="links and modes as POSIX has them")
def test_a_link_stays_a_link_and_a_file_keeps_its_mode(tmp_path):
    real, link = tmp_path / "real.npz", tmp_path / "link.npz"
    ag.save({"a": np.ones(1)}, real)
    real.chmod(0o640)
    link.symlink_to(real)
    ag.save({"a": np.ones(2)}, link)
    assert link.is_symlink()
    assert ag.load(real)["a"].shape == (2,)
    assert real.stat().st_mode & 0o777 == 0o640


# -- bad files ---------------------------------------------------------------------------------------------


def npz(**entries):
    """A zip with these bytes in it, as `.npy` entries."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(f"{name}.npy", content)
    return out.getvalue()


def npy(array, allow_pickle=False):
    out = io.BytesIO()
    np.save(out, array, allow_pickle=allow_pickle)
    return out.getvalue()


def head(text):
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode()


def tensors(header, content=b""):
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + content


class Evil:
    def __reduce__(self):
        return os.abort, ()


GOOD = npy(np.arange(3.0))
STRUCTURES = [
    b"", b"{", b"\xff\xfe", b'"array:missing"', b'"loose"', b'{"tuple": 3}', b'{"set": []}', b'{"dict": [[1]]}',
    b'{"dict": [[[1], 2]]}', b'{"dict": [], "tuple": []}', b"{}", b"[" * 100_000, b"nope",
]

HOSTILE = {
    "empty": b"",
    "text": b"hello, I am not a state",
    "a pickle": pickle.dumps({"weight": 1}),
    "torch's zip": npz(**{"archive/data.pkl": b"x"}).replace(b".npy", b".pkk"),
    "an object array": npz(a=npy(np.array([Evil()], object), allow_pickle=True)),
    "a structured array": npz(a=npy(np.zeros(2, [("x", float)]))),
    "text in an array": npz(a=npy(np.array(["x"]))),
    "a head that is code": npz(a=head("__import__('os').abort()\n")),
    "a head that ends early": npz(a=head("{'descr': '<f8', 'fortran_order': False, 'shape': (3,")),
    "a huge shape": npz(a=head("{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000000,), }\n")),
    "a negative shape": npz(a=head("{'descr': '<f8', 'fortran_order': False, 'shape': (-1, -3), }\n") + b"\0" * 24),
    "too few bytes": npz(a=GOOD[:-8]),
    "too many bytes": npz(a=GOOD + b"\0"),
    "another version": npz(a=GOOD[:6] + b"\x09\x00" + GOOD[8:]),
    "no magic": npz(a=b"nothing"),
    "a header beyond the end": struct.pack("<Q", 10**15) + b"{}" + b"\0" * 20,
    "a header that is no JSON": struct.pack("<Q", 3) + b"{no",
    "offsets beyond the end": tensors({"a": {"dtype": "F64", "shape": [3], "data_offsets": [0, 24]}}, b"\0" * 8),
    "offsets that overlap": tensors(
        {k: {"dtype": "F64", "shape": [1], "data_offsets": [0, 8]} for k in "ab"}, b"\0" * 8
    ),
    "an unknown dtype": tensors({"a": {"dtype": "F99", "shape": [1], "data_offsets": [0, 8]}}, b"\0" * 8),
    "a shape that does not fit": tensors({"a": {"dtype": "F64", "shape": [2], "data_offsets": [0, 8]}}, b"\0" * 8),
    **{f"structure {s[:20]!r}": npz(a=GOOD, __structure__=npy(np.frombuffer(s, np.uint8))) for s in STRUCTURES},
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_one_clear_error(tmp_path, name):
    for suffix in (".npz", ".safetensors"):
        path = tmp_path / f"bad{suffix}"
        path.write_bytes(HOSTILE[name])
        with pytest.raises(ValueError, match=r"^load: .*bad\.") as caught:
            ag.load(path)
        assert len(str(caught.value)) < 500


@SUFFIXES
def test_a_file_cut_off_anywhere_is_refused(tmp_path, suffix):
    path = tmp_path / f"x{suffix}"
    ag.save({"a": rng.standard_normal(20), "n": 1}, path)
    whole = path.read_bytes()
    for n in range(0, len(whole), 7):
        path.write_bytes(whole[:n])
        with pytest.raises(ValueError, match=r"^load: "):
            ag.load(path)


def test_a_flipped_bit_in_an_npz_is_noticed(tmp_path):
    """Its checksums see it; a safetensors file has none."""
    path = tmp_path / "x.npz"
    state = {"a": rng.standard_normal(50)}
    ag.save(state, path)
    whole = path.read_bytes()
    for at in range(140, 500, 13):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        with pytest.raises(ValueError, match=r"^load: "):
            ag.load(path)


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path, monkeypatch):
    path = tmp_path / "bomb.npz"
    path.write_bytes(npz(a=npy(np.zeros(10**6, np.uint8))))
    assert path.stat().st_size < 10**4
    assert ag.load(path)["a"].size == 10**6  # a megabyte of zeros may well be weights
    monkeypatch.setattr(saving, "_EXPANDED", 10**6)
    with pytest.raises(ValueError, match=r"bytes would expand to 1000128"):
        ag.load(path)


def test_pytorchs_own_file_gets_the_remedy(tmp_path):
    path = tmp_path / "net.pt"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("net/data.pkl", pickle.dumps(Evil()))
    with pytest.raises(ValueError, match=r"a pickle of PyTorch's: save it in PyTorch with safetensors"):
        ag.load(path)


def test_an_entry_that_is_there_twice_is_refused(tmp_path):
    path = tmp_path / "x.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.npy", GOOD)
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("a.npy", GOOD)
    with pytest.raises(ValueError, match="duplicate"):
        ag.load(path)


@SUFFIXES
def test_a_state_that_does_not_fit_lists_all_and_changes_nothing(tmp_path, suffix):
    small, net = Net(hidden=2), Net()
    small.extra = nn.Parameter(np.ones(1))
    path = tmp_path / f"small{suffix}"
    ag.save(small, path)
    before = net.state_dict()
    with pytest.raises(ValueError, match=r"expected weight of shape \(4, 3\), got \(2, 3\).*extra") as caught:
        net.load_state_dict(ag.load(path))
    assert "bias" in str(caught.value)
    for name, value in before.items():
        same(net.state_dict()[name], value)


def test_complex_weights_do_not_lose_their_imaginary_part_in_silence():
    net = Net()
    with pytest.raises(ValueError, match="got a list"):
        net.load_state_dict([1])
    with pytest.raises(ValueError, match="bias"):
        net.load_state_dict({**net.state_dict(), "bias": np.ones(4) * 1j})


def test_map_location(tmp_path):
    ag.save({"w": np.ones(2)}, tmp_path / "net.npz")
    assert ag.load(tmp_path / "net.npz", map_location="cpu")["w"].tolist() == [1, 1]
    with pytest.raises(ValueError, match=r"map_location 'cuda': .*no device but 'cpu'"):
        ag.load(tmp_path / "net.npz", map_location="cuda")
