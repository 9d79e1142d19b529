"""Freed memory is kept for the next step, instead of being given back to the system and fetched again.

The C library hands a large freed array back at once, and each page of the next array of that size is then a fault: on
the talk's digits net that costs more than all its arithmetic. It stops doing so for sizes that it has once seen
freed, so one block is taken here and freed, untouched: no memory is used, and afterwards up to 64 MB of freed arrays stay
at hand. Elsewhere than in glibc this does nothing. (``docs/design/memory.md`` has the figures.)
"""

import numpy as np

LARGEST = 31 * 2**20  # bytes; glibc learns from blocks below 32 MB only


def keep_freed() -> None:
    """Take a block and free it."""
    np.empty(LARGEST, np.uint8)


keep_freed()
