"""Arrays that begin at a cache line."""

import copy
import pickle

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite import nn
from autograd_lite.base.memory import LINE, aligned, is_whole


def test_a_large_parameter_begins_at_a_cache_line_and_is_its_own():
    x = np.cos(np.arange(4096.0)).reshape(64, 64)
    for t in (nn.Linear(64, 64).weight, nn.Parameter(x), ag.tensor(x, requires_grad=True)):
        assert t.data.ctypes.data % LINE == 0
        assert is_whole(t.data)
        assert not is_whole(t.data[1:])
        assert t.data[1:].base is t.data
        assert t.data.flags.writeable
    assert ag.tensor(x).data.base is None
    assert not np.may_share_memory(t.data, x)
    for other in (t.data, copy.deepcopy(t.data), pickle.loads(pickle.dumps(t.data))):
        np.testing.assert_array_equal(other, x)


@pytest.mark.parametrize("x", [np.ones((64, 64)).T[::2], np.arange(4096), np.ones(4096, ">f8"), np.ones(3)])
def test_other_arrays_are_copied_as_by_numpy(x):
    t = ag.tensor(x, requires_grad=x.dtype.kind == "f")
    np.testing.assert_array_equal(t.data, x)
    assert t.data.dtype == x.dtype.newbyteorder("=")
    assert t.data.base is None


def test_arrays_without_entries():
    assert aligned((0, 3), np.float32).shape == (0, 3)
