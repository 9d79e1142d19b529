"""A function as a program: it is run once, and what it computes is written as a list of equations."""

from .capture import trace as trace
from .program import Equation as Equation
from .program import Program as Program
from .program import Var as Var
