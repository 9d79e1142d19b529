"""Moves updates to the end: the new values of inputs, and operations that only they need.

Everything that can raise has run by then, so an error leaves all inputs as they were. And as nothing else reads the
inputs, each is overwritten as soon as its old value is no longer needed, and a step of an optimiser needs no copy of
its state.
"""

from __future__ import annotations

from dataclasses import replace

from ...program import Equation, Var
from ..block import Block
from .scalars import ARRAY
from .tiling import TILES


def can_be_last(eq: Equation, block: Block) -> bool:
    """Whether it cannot raise and can write into an array: a ufunc, entries of an array, or a loop of ufuncs."""
    if eq.row is ARRAY:
        return True
    if eq.row is TILES:
        return bool(eq.params["late"])
    return eq.row.is_ufunc and not (eq.row.outputs or eq.params or eq.y in block.floats)


def sunk(block: Block) -> Block:
    """`block` with these equations at its end, and their number."""
    users, defined = block.users, block.defined
    outputs, owners = block.returned, block.owners
    exposed = set(block.inputs) - block.contiguous  # they may share memory with an input that is overwritten before
    late = set()
    for x in block.updates.values():  # the new values, and what is made of them
        waiting = [defined[x]] if isinstance(x, Var) and x in defined else []
        cone = set()
        while waiting:
            eq = waiting.pop()
            if not can_be_last(eq, block) or outputs.intersection(eq.outputs):
                break
            if id(eq) not in cone:
                cone.add(id(eq))
                waiting += (u for v in eq.outputs for u in users[v])
        else:
            late |= cone
    for eq in reversed(block.equations):  # what is computed for these only
        using = [u for v in eq.outputs for u in users[v]]
        only = using and all(id(u) in late for u in using) and not outputs.intersection(eq.outputs)
        shared = {v for x in eq.reads if x.shape for v in owners[x]}
        if only and eq.row is not ARRAY and can_be_last(eq, block) and shared.isdisjoint(exposed):
            late.add(id(eq))
    last = [eq for eq in block.equations if id(eq) in late]
    early = [eq for eq in block.equations if id(eq) not in late]
    return replace(block, equations=early + last, late=len(last))
