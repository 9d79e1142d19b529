"""Arguments that are dicts, lists and tuples in emitted source: lines that take them apart, gradients in their form."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ..base.tree import leaves
from ..program import Var

WIDTH = 88


def unpacking(where: str, tree: Any, words: Mapping[Var, str]) -> list[str]:
    """The lines that assign the parts of `tree` that are in `words`: ``(W1, b1), (W2, b2) = layers``.

    Parameters
    ----------
    where : str
        The source text of the tree.
    """
    if isinstance(tree, Var):
        return [f"{words[tree]} = {where}"] if tree in words else []
    if tree is None:
        return []
    whole = _pattern(tree, words)[1:-1] if len(tree) > 1 else ""
    if whole and whole.count("_,") + whole.endswith("_") <= len(tree) and len(f"{whole} = {where}") <= WIDTH:
        return [f"{whole} = {where}"]
    is_dict = isinstance(tree, dict)
    parts = [(f"{where}[{_key(k) if is_dict else k}]", x) for k, x in (tree.items() if is_dict else enumerate(tree))]
    here = [(words[x], at) for at, x in parts if isinstance(x, Var) and x in words]
    together = f"{', '.join(word for word, _ in here)} = {', '.join(at for _, at in here)}"
    if not here or len(together) > WIDTH:
        return [line for at, x in parts for line in unpacking(at, x, words)]
    return [together, *(line for at, x in parts if not isinstance(x, Var) for line in unpacking(at, x, words))]


def _pattern(tree: Any, words: Mapping[Var, str]) -> str:
    """The left side of an assignment that takes a tree of lists and tuples apart; "" if one is a dict."""
    if tree is None or isinstance(tree, Var):
        return "_" if tree is None else words.get(tree, "_")
    if isinstance(tree, dict) or not any(v in words for v in leaves(tree)):
        return "" if isinstance(tree, dict) else "_"
    parts = [_pattern(x, words) for x in tree]
    return f"({', '.join(parts)}{',' * (len(parts) == 1)})" if all(parts) else ""


def written_out(tree: Any, words: Mapping[Var, str]) -> str:
    """The source text of a tree of variables: ``{"W": dLdW, "b": dLdb}``."""
    if tree is None or isinstance(tree, Var):
        return words[tree] if tree is not None else "None"
    if isinstance(tree, dict):
        return f"{{{', '.join(f'{_key(k)}: {written_out(x, words)}' for k, x in tree.items())}}}"
    parts = ", ".join(written_out(x, words) for x in tree)
    return f"[{parts}]" if isinstance(tree, list) else f"({parts}{',' * (len(tree) == 1)})"


def _key(key: Any) -> str:
    """The key of a dict, without spaces, at which long lines are broken."""
    return json.dumps(key).replace(" ", "\\x20") if isinstance(key, str) else repr(key).replace(" ", "")
