"""Layers, losses and nets: PyTorch's names, arguments and defaults on the engine."""

from .containers import ModuleDict as ModuleDict
from .containers import ModuleList as ModuleList
from .containers import ParameterList as ParameterList
from .containers import Sequential as Sequential
from .module import Module as Module
from .module import Parameter as Parameter
