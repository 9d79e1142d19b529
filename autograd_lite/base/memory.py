"""Freed memory is kept for the next step, instead of being given back to the system and fetched again.

The C library hands a large freed array back at once, and each page of the next array of that size is then a fault: on
the talk's digits net that costs more than all its arithmetic. It stops doing so for sizes that it has once seen freed,
and it only ever gives back the top of its heap. So at the first backward pass one block is freed, which raises that
size, then a few more are laid out with a small one above them that stays, and they are freed: what lies below the pin
is never at the top. Nothing is touched, so no memory is used; afterwards up to 150 MB of freed arrays stay in the
process. Elsewhere than in glibc this does nothing. The environment variable AUTOGRAD_LITE_KEEP_MEMORY=0 turns it off.
(``docs/design/memory.md`` has the figures.)
"""

import os

import numpy as np

MEGABYTE = 2**20
BLOCK = 30 * MEGABYTE  # glibc learns from blocks below 32 MB only
BLOCKS = 5

#: What stays above the freed blocks; None before the first backward pass.
PIN: object = None


def keep_freed() -> None:
    """Lay out the blocks and free them, once for the process."""
    global PIN
    if os.environ.get("AUTOGRAD_LITE_KEEP_MEMORY") == "0":
        PIN = "turned off"
        return
    np.empty(BLOCK + MEGABYTE, np.uint8)
    blocks = [np.empty(BLOCK, np.uint8) for _ in range(BLOCKS)]
    PIN = np.empty(MEGABYTE, np.uint8)
    del blocks
