"""Weights and training states in files; programs for other runtimes."""

from ..base.listing import public_names as _public_names
from .to_onnx import onnx as onnx

__dir__ = _public_names(__name__)
