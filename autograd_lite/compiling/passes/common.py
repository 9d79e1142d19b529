"""Common subexpressions: two equations that compute the same from the same are one."""

from ..block import Block


def without_repetition(block: Block) -> Block:
    """`block` with each value computed once."""
    return block.without_repetition(lambda eq: None if eq.is_random else 0)[0]
