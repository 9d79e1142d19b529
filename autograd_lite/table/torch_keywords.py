"""PyTorch's keyword parameters where NumPy has another name for the same: ``x.sum(dim=0, keepdim=True)``.

Every call of a row passes through `numpys_keywords`, so they work on functions and methods alike.
"""

from __future__ import annotations

from typing import Any

_NUMPYS = {"dim": "axis", "dims": "axis", "keepdim": "keepdims", "unbiased": "ddof", "diagonal": "k"}


def numpys_keywords(row: Any, params: dict[str, Any]) -> dict[str, Any]:
    """`params` under NumPy's names.

    Raises
    ------
    TypeError
        If PyTorch's function returns something else than NumPy's, or both names are given.
    """
    if _NUMPYS.keys().isdisjoint(params):
        return params
    keywords = row.keywords
    renamed = {k: _NUMPYS[k] for k in params if k in _NUMPYS and k not in keywords and _NUMPYS[k] in keywords}
    if not renamed:
        return params
    if row.unlike_torch and params.keys().isdisjoint(("unbiased", "correction")):
        raise TypeError(f"{row.name}({', '.join(f'{k}=' for k in renamed)}): {row.unlike_torch}")
    for theirs, ours in renamed.items():
        if ours in params:
            raise TypeError(f"{row.name}: {theirs}= and {ours}= are the same; pass one of them")
    return {renamed.get(k, k): int(v) if k == "unbiased" else v for k, v in params.items()}
