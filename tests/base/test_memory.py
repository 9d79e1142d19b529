"""The allocator is changed at the first backward pass, unless an environment variable turns that off."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from thorough import mostly_thorough

CODE = """
import numpy as np
import autograd_lite as ag
from autograd_lite import nn, optim
from autograd_lite.base import memory
x = ag.tensor([1.0, 2.0], requires_grad=True)
y = (x * x).sum()
assert memory.PIN is None
{first}
pin = memory.PIN
(x * x).sum().backward()
assert memory.PIN is pin
print(type(pin).__name__)
"""


FIRST = ["y.backward()", "ag.grad(lambda x: (x * x).sum())(np.ones(2))", "ag.autograd.grad(y, x)"]


@pytest.mark.parametrize(
    ("first", "value", "kept"),
    mostly_thorough(
        [
            *((first, None, "ndarray") for first in FIRST), (FIRST[0], "1", "ndarray"), (FIRST[0], "0", "str"),
            *((first, value, kept) for first in FIRST[1:] for value, kept in (("1", "ndarray"), ("0", "str"))),
        ],
        5,
    ),
)
def test_freed_memory_is_kept_from_the_first_backward_pass_on(first, value, kept):
    environment = {k: v for k, v in os.environ.items() if k != "AUTOGRAD_LITE_KEEP_MEMORY"}
    if value is not None:
        environment["AUTOGRAD_LITE_KEEP_MEMORY"] = value
    run = subprocess.run(
        [sys.executable, "-c", CODE.format(first=first)], capture_output=True, text=True, env=environment, check=True
    )
    assert run.stdout.strip() == kept
