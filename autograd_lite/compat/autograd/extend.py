"""Primitives and their rules, as in ``autograd.extend``."""

from ._refused import refuse
from .core import (
    VSpace as VSpace, def_linear as def_linear, defjvp as defjvp, defjvp_argnum as defjvp_argnum,
    defjvp_argnums as defjvp_argnums, defvjp as defvjp, defvjp_argnum as defvjp_argnum,
    defvjp_argnums as defvjp_argnums, notrace_primitive as notrace_primitive, primitive as primitive,
    register_notrace as register_notrace, vspace as vspace,
)
from .tracer import Box as Box

__getattr__ = refuse(__name__, "JVPNode", "VJPNode", "SparseObject")
