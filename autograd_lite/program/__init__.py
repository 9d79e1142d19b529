"""Programs: what a function or a recorded graph computes, as a flat list of equations over rows of the table."""

from ..base.listing import public_names as _public_names
from .equation import Equation as Equation
from .equation import Operand as Operand
from .equation import Var as Var
from .jet import Taylor as Taylor
from .jet import jet as jet
from .jet import taylor as taylor
from .program import Program as Program
from .program import trace as trace

__dir__ = _public_names(__name__)
