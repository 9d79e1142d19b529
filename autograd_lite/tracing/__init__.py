"""Functions as programs: a function runs once, and its operations are recorded as a list of equations."""

from ..base.listing import public_names as _public_names
from .capture import trace as trace
from .program import Equation as Equation
from .program import Program as Program
from .program import Var as Var

__dir__ = _public_names(__name__)
