"""Functions of all parameters of a module: clip their gradients, flatten them into one vector."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from ..base.listing import public_names as _public_names
from ..engine.context import no_grad
from ..table import TABLE as _TABLE
from ..tensor import Tensor, tensor
from ..tensor.creation import as_tensor
from .functional.inputs import values


def _listed(parameters: Tensor | Iterable[Tensor]) -> list[Tensor]:
    return [parameters] if isinstance(parameters, Tensor) else list(parameters)


def get_total_norm(tensors: Iterable[Tensor], norm_type: float = 2.0) -> Tensor:
    """The norm of all entries of all tensors."""
    arrays = [values(t).ravel() for t in tensors if t.size]
    if not arrays:
        return tensor(0.0)
    return as_tensor(np.linalg.norm(np.stack([np.linalg.norm(a, norm_type) for a in arrays]), norm_type))


def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor], max_norm: float, norm_type: float = 2.0, error_if_nonfinite: bool = False
) -> Tensor:
    """Scale all gradients so that their total norm is at most `max_norm`; returns the norm before.

    Parameters
    ----------
    parameters : Tensor or iterable of Tensor
        Those without a gradient are skipped.
    max_norm : float
        The largest norm that stays as it is.
    norm_type : float
        2, or any p; ``math.inf`` for the largest entry.
    error_if_nonfinite : bool
        Whether a norm that is nan or infinite raises an error.

    Examples
    --------
    >>> import autograd_lite as ag
    >>> w = ag.tensor([3.0, 4.0], requires_grad=True)
    >>> (w * w).sum().backward()
    >>> clip_grad_norm_(w, 1.0)
    tensor(10.)
    >>> print(w.grad.numpy().round(6))
    [0.6 0.8]
    """
    gradients = [p.grad for p in _listed(parameters) if p.grad is not None]
    total = get_total_norm(gradients, norm_type)
    if error_if_nonfinite and not np.isfinite(total.item()):
        raise RuntimeError(f"clip_grad_norm_: expected a finite norm of the gradients, got {total.item()}")
    scale = np.minimum(max_norm / (total + 1e-6), 1)
    with no_grad():
        for g in gradients:
            g *= scale
    return total


def clip_grad_value_(parameters: Tensor | Iterable[Tensor], clip_value: float) -> None:
    """Clip every entry of every gradient to ±`clip_value`.

    >>> import autograd_lite as ag
    >>> from autograd_lite import nn
    >>> w = ag.tensor([1.0, -3.0], requires_grad=True)
    >>> (w**2).sum().backward()
    >>> nn.utils.clip_grad_value_(w, 2.5)
    >>> w.grad
    tensor([ 2. , -2.5])
    """
    with no_grad():
        for p in _listed(parameters):
            if p.grad is not None:
                p.grad[...] = np.clip(values(p.grad), -clip_value, clip_value)


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """All parameters, flattened and concatenated; differentiable.

    Examples
    --------
    >>> from autograd_lite import nn
    >>> parameters_to_vector(nn.Linear(3, 2).parameters()).shape
    (8,)
    """
    return _TABLE["concatenate"]([p.reshape(-1) for p in parameters])


def vector_to_parameters(vec: Any, parameters: Iterable[Tensor]) -> None:
    """The inverse of `parameters_to_vector`: write a vector into the parameters.

    >>> import autograd_lite as ag
    >>> from autograd_lite import nn
    >>> w, b = ag.zeros(2, requires_grad=True), ag.zeros(1, requires_grad=True)
    >>> nn.utils.vector_to_parameters(ag.tensor([1.0, 2.0, 3.0]), [w, b])
    >>> w.tolist(), b.tolist()
    ([1.0, 2.0], [3.0])
    """
    values = np.asarray(vec.detach() if isinstance(vec, Tensor) else vec)
    targets = list(parameters)
    ends = np.cumsum([p.size for p in targets])
    count = sum(p.size for p in targets)
    if values.shape != (count,):
        raise ValueError(f"vector_to_parameters: expected a vector of {count} numbers, got shape {values.shape}")
    with no_grad():
        for p, part in zip(targets, np.split(values, ends[:-1]), strict=True):
            p[...] = part.reshape(p.shape)

__dir__ = _public_names(__name__)
