"""Recorded arrays: HIPS's ``ArrayBox`` is a Tensor here."""

from ....tensor import Tensor as ArrayBox

__all__ = ["ArrayBox"]
