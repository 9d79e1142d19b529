"""`why`: why is this gradient zero, infinite, nan or None? The first cause, in the terms of the user's program."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..base.listing import public_names as _public_names
from ..base.tree import leaves, tree_map
from ..engine.errors import no_grad_kept
from ..engine.position import users_frame
from ..program.naming import argument_names, assigned
from ..program.program import program_of, traced_program
from ..tensor import Tensor
from .leaves import Function, Params, is_differentiable
from .reader import Reader, Why as Why, no_derivative

__dir__ = _public_names(__name__, "Why")


@np.errstate(all="ignore")
def why(what: Tensor | Function, *args: Any, names: Mapping[str, Any] | None = None) -> Why:
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
        Names for values, such as ``locals()``. By default what has none has that of the caller's variable.

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
        return _of_tensor(what, args[0], _names(what, users_frame(1)[0].f_locals) if names is None else names)
    if not callable(what) or not args:
        raise TypeError(
            "why: expected a result and a tensor, ag.why(L, w), or a function and its arguments, ag.why(f, x), got "
            f"{type(what).__name__}"
        )
    try:
        program = traced_program(what, args, names, whole=True)
    except RuntimeError as error:  # it branches on values: it is run on tensors
        live = tree_map(lambda x: Tensor(x, requires_grad=True) if is_differentiable(x) else x, args)
        result, names = what(*live), dict(argument_names(what, live))
        found = [_of_tensor(result, x, names, str(error)) for x in leaves(live) if isinstance(x, Tensor)]
        return min(found, key=_later)
    _require_one(program.outputs)
    inputs = [v for v in program.inputs if v.dtype.kind in "fc"] or program.inputs
    found = [Reader(program).why(v) for v in inputs]
    wrong = [w for w in found if w.kind != "fine"]
    if len(found) > 1 and not wrong:
        words = ", ".join(repr(v.name) for v in inputs)
        return replace(found[0], text=f"the gradients of {words} are finite and not zero", variable=words)
    order = [None, *program.variables]
    return min(wrong or found, key=lambda w: (_later(w), order.index(w.ends[0])))


def _later(w: Why) -> int:
    """Of several gradients, one that is not finite comes before one that is zero."""
    return ("nan", "inf", "none", "zero", "fine").index(w.kind)


def _names(result: Tensor, variables: Mapping[str, Any]) -> Params:
    """The caller's variables for arrays, and for Tensors that have no name from where they were made."""
    program, known = program_of(result)
    nameless = {n for n, v in known.items() if v not in program.named}
    return {
        word: x for word, x in variables.items()
        if word.isidentifier() and (isinstance(x, np.ndarray) or isinstance(x, Tensor) and x._node in nameless)
    }  # fmt: skip


def _require_one(outputs: Sequence[Any]) -> None:
    if len(outputs) != 1 or np.prod(np.shape(outputs[0])) != 1:
        got = f"shape {np.shape(outputs[0])}" if len(outputs) == 1 else f"{len(outputs)} results"
        raise ValueError(f"why: expected a result with one entry, got {got}: take .sum() or .mean() first")


def _of_tensor(result: Tensor, w: Tensor, names: Mapping[str, Any] | None, error: str = "") -> Why:
    """Why the gradient of a recorded result with respect to `w` is what it is; `error`: why it was not traced."""
    _require_one([result])
    word = w.name or next((word for _, word in assigned([w._node] if w._node else [])), "")
    program, variables = program_of(result, names)
    if w.requires_grad and w._node in variables:
        v = variables[w._node]
        for u in program.variables:  # of w and w1, what is called w now
            if word and u.name == word:
                u.name, v.name = v.name, word
        found = Reader(program).why(v)
        kept = w.is_leaf or w._grad is not None or found.kind != "fine"
        return found if kept else replace(found, text=f"{found.text}; {no_grad_kept(w._node)}")
    word = word or next((key for key, x in {**users_frame(1)[0].f_locals, **(names or {})}.items() if x is w), "w")
    if w.dtype.kind not in "fc":
        return no_derivative(word, w)
    found = Why(f"the gradient of {word!r} {w.shape} is None: ", "none", "detached", word, program=program)
    if not w.requires_grad:
        text = f"{found.text}{word!r} does not require one."
        return replace(found, text=text, cause="given", remedy="Make it with requires_grad=True")
    reader = Reader(program)
    for eq in program.equations:
        if any(np.shares_memory(reader.value(x), w._data) for x in eq.operands):
            call, how = reader.call(eq), "(detach(), .data or .numpy())"
            text = f"{found.text}{call} uses a constant that shares the memory of {word!r} {how}."
            at, what = eq.origin.line, f"Use {word} itself"
            return replace(found, text=text, step=call, remedy=what, where=at, ends=(eq.y, None))
    text = "no recorded step leads from it to the result; detach(), float(), no_grad() and argmax are not recorded."
    if any(v.name == word for v in program.named.intersection(program.captured)):
        text = f"the result was computed from another tensor called {word!r}."
    if " of a value that depends" in error:
        call, at = error.partition(" of a value")[0], error.partition(", at ")[2].partition(": ")[0]
        return replace(found, text=f"{found.text}{call} gives a number without a derivative.", where=at)
    return replace(found, text=found.text + text, remedy=f"For a function f, ag.why(f, {word}) names the step")
