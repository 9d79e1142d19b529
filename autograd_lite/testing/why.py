"""`why`: why is this gradient zero, infinite, nan or None? The first cause, in the terms of the user's program."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..engine.errors import no_grad_kept
from ..engine.position import users_frame
from ..program import Var
from ..program.program import program_of, traced_program
from ..tensor import Tensor
from .reader import Reader, Why, no_derivative


def why(what: Tensor | Callable[..., Any], *args: Any, names: Mapping[str, Any] | None = None) -> Why:
    """Why a gradient is zero, infinite, nan or None: the first cause, and what to write.

    Parameters
    ----------
    what : Tensor or callable
        A recorded result of one entry, and then the tensor whose gradient is asked for; or a function, and then its
        arguments. Only the second form sees a step that is constant, such as ``np.argmax``: it is not recorded
        otherwise.
    *args
        The tensor, or the arguments: arrays, numbers, trees of them.
    names : mapping, optional
        Names for values, such as ``locals()``. By default arrays have those of the caller's variables.

    Returns
    -------
    Why
        Its text has the step, the entries and the values there, and the line of the user's code. Of a function with
        several arguments, it is about the one at which something begins first.

    Raises
    ------
    TypeError
        If the arguments are none of these.
    ValueError
        If the result has more than one entry.
    RuntimeError
        If an array of the graph has been written to, or freed, or there is a hook.

    Examples
    --------
    >>> import numpy as np, autograd_lite as ag
    >>> x = ag.tensor([1.0, 0.0, 4.0], requires_grad=True, name="x")
    >>> r = np.sqrt(x)
    >>> print(ag.why(r.sum(), x))
    the gradient of 'x' (3,) is inf at [1]: on the way back in sqrt(x (3,)), x[1] = 0, dL/dx = dL/dr / (2 r).
      Write np.where(x > 0, np.sqrt(x), 0) or np.sqrt(x + eps)
    recorded at ...
    """
    if isinstance(what, Tensor):
        if len(args) != 1 or not isinstance(args[0], Tensor):
            got = ", ".join(type(a).__name__ for a in args) or "nothing"
            raise TypeError(f"why: expected one tensor after the result, ag.why(L, w), got {got}")
        if names is None:  # Tensors have the names of the variables that they were assigned to
            names = {word: x for word, x in users_frame(1)[0].f_locals.items() if isinstance(x, np.ndarray)}
        return _of_tensor(what, args[0], names)
    if not callable(what) or not args:
        raise TypeError(
            "why: expected a result and a tensor, ag.why(L, w), or a function and its arguments, ag.why(f, x), got "
            f"{type(what).__name__}"
        )
    program = traced_program(what, args, names, whole=True)
    _require_one(program.outputs)
    found = [Reader(program).why(v) for v in program.inputs]
    wrong = [w for w in found if w.kind != "fine"]
    if len(found) > 1 and not wrong:
        words = ", ".join(repr(v.name) for v in program.inputs)
        return replace(found[0], text=f"the gradients of {words} are finite and not zero", variable=words)
    order = {v: k for k, v in enumerate(program.variables)}
    return min(wrong or found, key=lambda w: order.get(w.ends[0], len(order)))  # type: ignore[arg-type]  # None has no place


def _require_one(outputs: Sequence[Any]) -> None:
    if len(outputs) != 1 or np.prod(np.shape(outputs[0])) != 1:
        got = f"shape {np.shape(outputs[0])}" if len(outputs) == 1 else f"{len(outputs)} results"
        raise ValueError(f"why: expected a result with one entry, got {got}: take .sum() or .mean() first")


def _of_tensor(result: Tensor, w: Tensor, names: Mapping[str, Any] | None) -> Why:
    """Why the gradient of a recorded result with respect to `w` is what it is."""
    _require_one([result])
    program, variables = program_of(result, names)
    v = variables.get(w._node) if w._node is not None else None
    if v is not None and w.requires_grad:
        found = Reader(program).why(v)
        kept = w.is_leaf or w._grad is not None or found.kind != "fine"
        return found if kept else replace(found, text=f"{found.text}; {no_grad_kept(w._node)}")
    alone = program_of(w, names)[0]
    word = next((v.name for v in alone.outputs if isinstance(v, Var) and v in alone.named), w.name or "w")
    if w.dtype.kind not in "fc":
        return no_derivative(word, w)
    found = Why(f"the gradient of {word!r} {w.shape} is None: ", "none", "detached", word, program=program)
    if not w.requires_grad:
        text, what = f"{word!r} does not require a gradient.", f"Make it with ag.tensor(..., requires_grad=True)"
        return replace(found, text=found.text + text, cause="given", remedy=what)
    reader = Reader(program)
    for eq in program.equations:
        for x in eq.operands:
            if np.shares_memory(reader.value(x), w._data):
                text = f"{reader.call(eq)} uses a constant that shares the memory of {word!r} (detach(), .data or .numpy())."
                return replace(found, text=found.text + text, step=reader.call(eq), remedy=f"Use {word} itself", where=eq.origin.line, ends=(eq.outputs[0], x if isinstance(x, Var) else None))
    if any(u.name == word for u in program.named.intersection(program.captured)):
        text = f"the result was computed from another tensor called {word!r}."
    else:
        text = f"the result was not computed from {word!r}, or only where nothing is recorded: through detach(), under no_grad(), or by a function that is constant but for jumps."
    return replace(found, text=found.text + text, remedy=f"Of a function f, ag.why(f, {word}) names the step", program=program if program.equations else None)
