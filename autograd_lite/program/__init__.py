"""Programs: what a function or a recorded graph computes, as a flat list of equations over rows of the table."""

from ..base.listing import public_names as _public_names
from .equation import Equation as Equation, Operand as Operand, Var as Var
from .jet import Taylor as Taylor, jet as jet, taylor as taylor
from .program import Program as Program, trace as trace

__dir__ = _public_names(__name__)
