"""Weights and training states in files; programs for other runtimes."""

from .to_onnx import onnx as onnx
