"""Distances and angles between vectors as layers."""

from __future__ import annotations

from typing import Any

from . import functional as F
from .stateless import Stateless

__all__ = ["CosineSimilarity", "PairwiseDistance"]


class _Between(Stateless):
    def forward(self, x1: Any, x2: Any) -> Any:  # type: ignore[override]  # two inputs
        return self._on(x1, x2)


class CosineSimilarity(_Between, function=F.cosine_similarity):
    """The cosine of the angle between vectors along `dim`."""


class PairwiseDistance(_Between, function=F.pairwise_distance):
    """The `p`-norm of ``x1 - x2 + eps`` along the last axis."""
