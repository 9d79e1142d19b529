"""Errors that name the operation, the value and the remedy, and point at the user's line."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np

from .node import Node, Shape
from .value import Value
from .versions import Storage

AnyError = TypeVar("AnyError", bound=Exception)

# ----------------------------------------------------------------------------------------------- the backward pass


def noted(error: AnyError, n: Node) -> AnyError:
    """`error` with the user's line, where it is known."""
    note = f"recorded at {n.origin}"
    if n.code is not None and note not in getattr(error, "__notes__", ()):
        error.add_note(note)
    return error


def freed_error(n: Node) -> RuntimeError:
    return noted(
        RuntimeError(
            f"backward through {n.label}: its arrays were freed by an earlier backward(retain_graph=False). "
            "Leave retain_graph out of the first backward() if you need a second one"
        ),
        n,
    )


def changed_error(n: Node, p: Node) -> RuntimeError:
    """The argument `p` of `n` has been overwritten, and a rule needs the old value."""
    owner = p.storage.name
    label = f"{p.label}, which is a view of {owner!r}," if owner and owner != p.name else p.label
    what = "was given an array of another shape or dtype" if p.storage.shaped < n.order else "has changed"
    return noted(
        RuntimeError(
            f"backward through {n.row.name}: {label} {what} since {n.row.name} used it, and the derivative needs "
            "the old value. Call backward() before you update it, or compute the loss again"
        ),
        n,
    )


def no_grad_kept(n: Node) -> str:
    """Why a recorded result has no ``.grad`` after backward()."""
    return (
        f"the .grad of {n.label.rstrip(',')} is None: backward() adds to the .grad of inputs only. Update a parameter "
        "in place, so that it stays one (with ag.no_grad(): w -= 0.1 * w.grad), or call retain_grad() before backward()"
    )


def order_error(n: Node) -> NotImplementedError:
    return noted(
        NotImplementedError(
            f"{n.row.name} has a first derivative only (its rule is declared order=1): a second derivative through it "
            "is not available"
        ),
        n,
    )


def rule_error(d: Any, n: Node, p: Node) -> TypeError:
    """A rule returned something else than an array."""
    return noted(
        TypeError(
            f"{n.row.name}: the rule for argument {n.parents.index(p) + 1} returned {type(d).__name__}, not an array; "
            f"it should return the cotangent of that argument, of shape {p.shape}"
        ),
        n,
    )


def shape_error(d: Any, shape: Shape, n: Node, p: Node) -> ValueError:
    """A rule returned an array of a shape that does not sum down to the argument's."""
    return noted(
        ValueError(
            f"{n.row.name}: the rule for argument {n.parents.index(p) + 1} returned shape {d.shape}, but the argument "
            f"has shape {shape} (the result {n.shape}); a rule returns the argument's shape, or a shape that sums down "
            "to it"
        ),
        n,
    )


def no_gradient_error(n: Node, dtype: Any) -> TypeError:
    return noted(
        TypeError(
            f"{n.row.name if n.row else 'input'}: no gradient can pass through data of dtype {dtype}; make the arrays "
            "numbers, .astype(float)"
        ),
        n,
    )


def point_at(error: Exception, n: Node, p: Node, g: Any, y: Any, xs: Any) -> None:
    """Add the user's line to what went wrong in a rule; raise a clearer error if it returned no array.

    A user's rule that fails on Tensors may need ``order=1``.
    """
    values = [*(g if isinstance(g, tuple) else [g]), *(y if isinstance(y, tuple) else [y]), *(xs or ())]
    if isinstance(error, AttributeError) and error.name == "shape" and not hasattr(error.obj, "dtype"):
        raise rule_error(error.obj, n, p) from None
    noted(error, n)
    if not n.row.builtin and any(hasattr(v, "__autograd_apply__") for v in values):
        error.add_note(
            f"the rule of {n.row.name} was called with tensors, for a derivative of the derivative: write it with "
            "NumPy's functions, or declare order=1 if it has a first derivative only"
        )


# ------------------------------------------------------------------------------------------------- the forward pass


#: The class in which an error of NumPy's is raised again: the first that fits.
_KINDS: tuple[type[Exception], ...] = (
    np.linalg.LinAlgError, np.exceptions.AxisError, TypeError, IndexError, ValueError,
)

def explained(error: Exception, name: str, args: Sequence[Any]) -> Exception:
    """An error of the kind of `error`, with the operation, the names and shapes of the operands, and the remedy."""
    what = ", ".join(_described(a) for a in args)
    text = str(error)
    if "non-broadcastable output" in text:
        text = "the result has another shape than the array that is written to"
    elif "broadcast" in text:
        text = "these shapes do not broadcast: aligned at the right, two sizes must be equal or one of them 1"
    elif unexpected := re.search(r"an unexpected keyword argument '(\w+)'", text):  # without our function's inner name
        text = unexpected[0]
    elif "not supported for the input types" in text:
        dtypes = ", ".join(str(getattr(a, "dtype", type(a).__name__)) for a in args)
        text = f"NumPy has none for {dtypes}: convert with .astype(...)"
    elif text.startswith("matmul: Input operand") or "not aligned" in text:
        text = "the last size of the first must equal the last but one of the second"
    again = next(kind for kind in _KINDS if isinstance(error, kind))(f"{name}({what}): {text}")
    for a in args:
        if isinstance(a, Value) and a._node is not None and a._node.row is not None and a._node.origin:
            again.add_note(f"{_described(a)} was made at {a._node.origin}")
    return again


def _described(a: Any) -> str:
    if isinstance(a, Value):
        return f"{a.name or 'tensor'} {a.shape}"
    if isinstance(a, np.ndarray):
        return f"array {a.shape}"
    return repr(a) if isinstance(a, (int, float)) else type(a).__name__


def dropped(what: str) -> RuntimeError:
    return RuntimeError(
        f"{what} would drop the graph of a tensor that requires gradients. Omit np.asarray; write a @ x for "
        "a.dot(x) of an array a; use np.stack to join tensors in a list, ag.set_at to fill an array; .detach() if only "
        "the values are needed"
    )


def masked_error() -> TypeError:
    return TypeError("a masked array beside a tensor: its mask would be lost. Use .filled(...) or np.where(mask, ...)")


def values_freed_error(who: str) -> RuntimeError:
    """The arrays of a step, described by `who`, were freed, where the values of the graph are wanted."""
    return RuntimeError(
        f"the arrays of {who} were freed by backward(retain_graph=False): compute the loss again to explain"
    )


def written_error(who: str, storage: Storage) -> RuntimeError:
    """An input, described by `who`, that was written to after it was used, where the values of the graph are wanted."""
    through = f" (it lies in {storage.name!r})" if storage.name and repr(storage.name) not in who else ""
    return RuntimeError(
        f"{who} has changed since it was used{through}, so the values of this graph are gone: explain before you "
        "update it, or compute the loss again"
    )
