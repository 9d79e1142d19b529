"""The other forms of a row: what is attached to it for vmap, emitted source, compiled code, pages and ONNX.

Each form that a row has is computed at the row's points, and compared with the row itself.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Any

import numpy as np

from .. import export
from ..base.tree import leaves, rebuild
from ..compiling import compiled
from ..derive import source
from ..program import trace
from ..table import Primitive
from ..table.batching import ALIGNED
from ..table.scalar import Scalar, function
from ..table.signature import parameters
from ..transforms.vmap import vmap
from .leaves import Array, Function, Params, Values, as_array, is_differentiable
from .report import Report

RTOL = {"onnx": 1e-6}  # some of its operators compute in float32


def check_forms(total: Report, row: Primitive, args: Values, keywords: Params) -> None:
    """Compare each form of `row` at a point with the row itself, and report those that differ."""
    flat = leaves(args)
    places = [k for k, v in enumerate(flat) if is_differentiable(v)]
    arrays = [as_array(flat[k]) for k in places]
    if not arrays or any(a.dtype != np.float64 or not a.size for a in arrays):
        return

    def f(*xs: Any) -> Any:
        filled = dict(zip(places, xs, strict=True))
        return row(*rebuild(args, [filled.get(k, v) for k, v in enumerate(flat)]), **keywords)

    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for option, form in _forms(row, f, args, keywords):
            total.looked_at[f"form {option}"] += 1
            expected = [as_array(v) for v in leaves(row.on_arrays(*args, **keywords))]
            try:
                results = [as_array(v) for v in leaves(form(arrays))]
            except Exception as error:
                if _cannot(error):
                    total.notes.append(f"the form {option}= could not be checked: {error}")
                else:
                    total.add(f"the form {option}=", f"raises {type(error).__name__}: {error}")
                continue
            for a, b in zip(results, expected, strict=False):
                difference = _difference(a, b, RTOL.get(option, 1e-9))
                if difference:
                    total.add(f"the form {option}=", difference)


def _difference(a: Array, b: Array, rtol: float) -> str:
    if a.shape != b.shape:
        return f"has shape {a.shape}; the row has {b.shape}"
    scale = np.abs(b).max(initial=0.0, where=np.isfinite(b)) if b.dtype.kind in "fc" else 0.0
    close = np.isclose(a, b, rtol=rtol, atol=rtol * float(scale), equal_nan=True)
    k = int(np.argmin(close)) if close.size else 0
    return "" if close.all() else f"gives {a.flat[k]:.8g} where the row gives {b.flat[k]:.8g}"


def _cannot(error: Exception) -> bool:
    """True if the error says that there is no such form of this call, rather than that the form is wrong."""
    reasons = "on the traced inputs", "none of its arg"
    return isinstance(error, NotImplementedError) or any(reason in str(error) for reason in reasons)


def _forms(
    row: Primitive, f: Function, args: Values, keywords: Params
) -> Iterator[tuple[str, Callable[[list[Array]], Any]]]:
    """The options of a row that hold a form, and a function of the arrays that computes it."""
    bound = (args, keywords) if row.bind is None else row.bind(*args, **keywords)
    if type(bound) is not tuple:
        return  # a rare keyword, composed of other rows
    xs, params = bound

    def twice(*xs: Any) -> list[Any]:
        return [np.multiply(v, 2.0) for v in leaves(f(*xs))]

    if row.batch is not None and row.batch is not ALIGNED:
        yield "batch", lambda xs: [v[1] for v in leaves(vmap(f)(*(np.stack([0.5 * x, x]) for x in xs)))]
    if (row.call or row.infix) and not row.outputs:
        yield "call" if row.call else "infix", lambda xs: _emitted(f, xs)
    for option in ("source", "definition"):
        form = getattr(row, option)
        if isinstance(form, str):
            yield option, lambda xs, form=form: _defined(form, xs)  # type: ignore[misc]  # its default
        elif callable(form):
            yield option, lambda _, form=form: _called(form, xs, params)  # type: ignore[misc]  # the same
    for option in ("emit", "out"):
        if getattr(row, option):  # a step in between, so that its result goes to a buffer
            yield option, lambda xs: [v / 2 for v in compiled(trace(twice)(*xs), small=False)(*xs)]
    if row.definition is True:
        yield "definition", lambda xs: compiled(trace(f)(*xs))(*xs)
    formula = row.formula(params) if row.entrywise else None
    if formula is not None:
        yield "scalar" if row.scalar else "infix", lambda _: _by_entry(formula, xs)
    if row.onnx is not None and find_spec("onnx") is not None:
        yield "onnx", lambda xs: _run_onnx(f, xs)


def _called(form: Function, xs: Any, params: Params) -> Any:
    """A form that is written with other rows, which may not need all parameters, or not be for such arguments."""
    taken = parameters(form)
    y = form(*xs, **{name: value for name, value in params.items() if name in taken})
    if y is NotImplemented:
        raise NotImplementedError("it is not for these arguments")
    return y


def _defined(text: str, xs: list[Array]) -> Any:
    """A textbook definition in x, or x1, x2, …, on arrays."""
    return eval(text, {"np": np, "x": xs[0]} | {f"x{k + 1}": x for k, x in enumerate(xs)})


def _emitted(f: Function, xs: list[Array]) -> Any:
    """The result of emitted source, which asks for a cotangent if it has several entries."""
    code = source(lambda *xs: np.multiply(f(*xs), 1.0), *xs)
    return code(*xs, **{code.cotangent: np.ones(np.shape(f(*xs)))} if code.cotangent else {})[0]


def _by_entry(e: Scalar, xs: Any) -> Any:
    """A formula on single numbers, as Python computes it, for each entry."""
    entry = function(e, [f"x{k + 1}" for k in range(len(xs))])
    entries = np.broadcast_arrays(*xs)
    values = [entry(*numbers) for numbers in zip(*(x.ravel().tolist() for x in entries), strict=True)]
    return np.reshape(values, entries[0].shape)


def _run_onnx(f: Function, xs: list[Array]) -> Any:
    from onnx.reference import ReferenceEvaluator

    model = export.onnx(f, *xs, batch_axis=None)
    names = [i.name for i in model.graph.input]
    try:
        return tuple(ReferenceEvaluator(model).run(None, dict(zip(names, xs, strict=True))))
    except Exception as error:  # it does not have all that a valid model may have
        raise NotImplementedError(f"onnx's reference evaluator: {type(error).__name__}: {error}") from None
