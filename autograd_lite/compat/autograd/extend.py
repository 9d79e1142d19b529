"""Primitives and their rules, as in ``autograd.extend``."""

from ._refused import refuse
from .core import (
    VSpace as VSpace,
)
from .core import (
    def_linear as def_linear,
)
from .core import (
    defjvp as defjvp,
)
from .core import (
    defjvp_argnum as defjvp_argnum,
)
from .core import (
    defjvp_argnums as defjvp_argnums,
)
from .core import (
    defvjp as defvjp,
)
from .core import (
    defvjp_argnum as defvjp_argnum,
)
from .core import (
    defvjp_argnums as defvjp_argnums,
)
from .core import (
    notrace_primitive as notrace_primitive,
)
from .core import (
    primitive as primitive,
)
from .core import (
    register_notrace as register_notrace,
)
from .core import (
    vspace as vspace,
)
from .tracer import Box as Box

__getattr__ = refuse(__name__, "JVPNode", "VJPNode", "SparseObject")
