"""Functions as programs: a function runs once, and its operations are recorded as a list of equations."""

from .capture import trace as trace
from .program import Equation as Equation
from .program import Program as Program
from .program import Var as Var
