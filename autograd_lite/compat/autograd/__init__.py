"""HIPS autograd's names on this engine: ``import autograd_lite.compat.autograd.numpy as np``.

Most of HIPS's modules are lists of names that are in other files here, so they are made from a table.
"""

from collections import ChainMap as _ChainMap

from . import core, differential_operators as _operators, misc, numpy, test_util
from ._modules import submodule as _submodule
from .builtins import dict as dict, isinstance as isinstance, list as list, tuple as tuple, type as type
from .core import primitive as primitive
from .differential_operators import *  # noqa: F403 - its list of names

_FOUND = _ChainMap(*map(vars, (core, _operators, misc, test_util, numpy)))
_MODULES = {
    "extend": """
        Box JVPNode SparseObject VJPNode VSpace def_linear defjvp defjvp_argnum defjvp_argnums defvjp defvjp_argnum
        defvjp_argnums notrace_primitive primitive register_notrace vspace""",
    "tracer": """
        Box Node TraceStack find_top_boxed_args getval isbox new_box notrace_primitive primitive register_notrace trace
        trace_stack""",
    "misc.flatten": "flatten flatten_func",
    "misc.fixed_points": "fixed_point",
    "misc.optimizers": "adam rmsprop sgd unflatten_optimizer",
    "misc.tracers": "ConstGraphNode FullGraphNode const_graph const_graph_unary full_graph",
    "numpy.numpy_boxes": "ArrayBox",
    "numpy.numpy_vjps": "unbroadcast unbroadcast_f",
    "util": "func quick_grad_check subval subvals",
    "wrap_util": "get_name unary_to_nary wraps",
}
for _name, _names in _MODULES.items():
    _submodule(_name, **{name: _FOUND[name] for name in _names.split()})
