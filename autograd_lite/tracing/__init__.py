"""The program behind a function: captured by running it once, and written down as equations."""

from .capture import trace as trace
from .program import Equation as Equation
from .program import Program as Program
from .program import Var as Var
