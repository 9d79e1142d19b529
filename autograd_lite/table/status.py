"""Functions that have no row: answered from the arrays alone, or rejected by name with a reason and a remedy.

Every NumPy function that can be called on a Tensor has exactly one status, and a test compares this module with the
installed NumPy. The status is a row of the table (of some kind), a *plain answer* (a shape, a text, a yes or no:
nothing that could have a derivative), *not for tensors* (it writes in place, makes arrays, works on text), or *not
yet*, with the reason.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from ..base.tree import tree_map
from .migration_hints import OF_SCIPY
from .row import ROWS, TABLE


def _named(names: str) -> frozenset[str]:
    return frozenset("np." + name for name in names.split())


#: A plain answer from shapes and dtypes alone, also in a trace.
OF_SHAPE = _named(
    """shape ndim size result_type can_cast common_type min_scalar_type iscomplexobj isrealobj einsum_path
    may_share_memory shares_memory diag_indices_from tril_indices_from triu_indices_from"""
)
#: A plain answer from values: a yes or no, a text, a file. No trace can follow these.
OF_VALUES = _named(
    "allclose array_equal array_equiv array2string array_repr array_str save savetxt savez savez_compressed"
)

#: Functions that make no sense for a Tensor, by what to do instead.
NOT_FOR_TENSORS: dict[str, frozenset[str]] = {
    "it writes into an array: a changed copy is x = ag.set_at(x, index, value)": _named(
        "copyto fill_diagonal place put put_along_axis putmask"
    ),
    "omit like=, and make the array a tensor: ag.tensor(np.ones(3))": _named(
        """arange array asanyarray asarray ascontiguousarray asfortranarray empty eye frombuffer fromfile
        fromfunction fromiter fromstring full genfromtxt identity loadtxt ones require tri zeros"""
    ),
    "it is internal to NumPy: call the public function": frozenset({"clip", "_ones_like"}),
    "NumPy 2.4 has removed it: call np.isin": _named("in1d"),
    "it works on dates, and a tensor holds numbers": _named(
        "busday_count busday_offset datetime_as_string is_busday"
    ),
}
#: The same for whole modules.
NOT_FOR_TENSORS_MODULES = {
    "numpy.char": "it works on text, and a tensor holds numbers",
    "numpy.strings": "it works on text, and a tensor holds numbers",
    "numpy.lib.recfunctions": "it works on records: use one tensor for each field",
}

#: What could be differentiated and is not, with the reason.
NOT_YET: dict[str, str] = {
    "np.histogram2d": "only the one-dimensional np.histogram has rows; np.bincount(index, weights) may do",
    "np.histogramdd": "only the one-dimensional np.histogram has rows; np.bincount(index, weights) may do",
    "np.polynomial.polynomial.polyval2d": "no function of numpy.polynomial has a row; np.polyval has one",
    "np.polynomial.polynomial.polygrid2d": "no function of numpy.polynomial has a row; np.polyval has one",
    "np.polynomial.polynomial.polyvalnd": "no function of numpy.polynomial has a row; np.polyval has one",
}


def public_name(function: Any) -> str:
    """How a user writes it: ``np.linalg.norm``, ``scipy.special.erf``."""
    name = getattr(function, "__name__", None) or repr(function)
    module = getattr(function, "__module__", None)
    if module is None:  # a ufunc has no __module__
        modules = (
            m
            for m in ("numpy", "numpy.strings", "scipy.special")
            if getattr(sys.modules.get(m), name, None) is function
        )
        module = next(modules, "")
    module = module.replace("numpy.lib.scimath", "np.emath").replace("numpy", "np", 1)
    return f"{module}.{name}".removeprefix(".")


def status(function: Any) -> str | None:
    """The status of a NumPy function: the kind of its row, or 'plain', or why it has none; None if unknown.

    Examples
    --------
    >>> [status(f) for f in (np.exp, np.trapezoid, np.floor, np.shape, np.putmask)]
    ['elementwise', 'composite', 'constant', 'plain', 'not for tensors']
    """
    if function in ROWS:
        return ROWS[function].kind
    name = public_name(function)
    if name in OF_SHAPE or name in OF_VALUES:
        return "plain"
    if _not_for_tensors(function, name):
        return "not for tensors"
    return "not yet" if name in NOT_YET else None


def _not_for_tensors(function: Any, name: str) -> str | None:
    """Advice, if `function` is not one to be called on tensors."""
    for remedy, names in NOT_FOR_TENSORS.items():
        if name in names:
            return remedy
    module = getattr(function, "__module__", None)
    if isinstance(function, np.ufunc) and not function.types:  # no loop over numbers
        module = "numpy.strings"
    return NOT_FOR_TENSORS_MODULES.get(str(module))


def refusal(function: Any) -> Exception:
    """The error for a function that tensors cannot be passed to: its name, the reason, the remedy."""
    name = public_name(function)
    remedy = _not_for_tensors(function, name)
    if remedy is not None:
        return TypeError(f"{name} is not for tensors: {remedy}")
    away = f"Where no gradient is wanted through it, call it on the array, {function.__name__}(x.data)"
    if name in NOT_YET:
        return NotImplementedError(f"{name} of a tensor is not differentiable yet: {NOT_YET[name]}. {away}")
    return TypeError(
        f"{name} of a tensor: it has no row in the table of derivatives: so its gradient would be lost. "
        f"{away}; or write it with functions that have a row, or add a row (ag.table.define)"
    )


def instead_of(name: str) -> str:
    """The expression to write instead of ``np.r_``, or of one of SciPy's functions, which take no tensors."""
    module, _, function = name.removeprefix("scipy.").partition(".")
    if name.startswith("np."):
        return f"Use ag.{function}"
    if f"{module}.{function}" in TABLE:
        return f"Use ag.{module}.{function}"
    if function in TABLE:
        return f"Use ag.{'special.' if module == 'special' else ''}{function}"
    return OF_SCIPY.get(module, "Write it with NumPy's functions, or give it a derivative with ag.table.define")


def plain_answer(function: Any) -> Callable[..., Any]:
    """`function` on the arrays inside its arguments, if it has a plain answer; otherwise raise its `refusal`."""
    name = public_name(function)
    if name in OF_SHAPE:
        return lambda *args, **params: function(*_arrays(args, None), **_arrays(params, None))
    if name in OF_VALUES:
        return lambda *args, **params: function(*_arrays(args, name), **_arrays(params, name))
    raise refusal(function)


def _arrays(values: Any, reads: str | None) -> Any:
    """`values` with every Tensor replaced by its array; `reads` names a function that looks at values."""

    def array(x: Any) -> Any:
        if not hasattr(type(x), "__autograd_apply__"):
            return x
        if reads is not None:
            x._untraced(f"{reads}()")
        return x.__autograd_array__

    return tree_map(array, values)
