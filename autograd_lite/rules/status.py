"""What has no row: refused by name, with a reason and a remedy; never silently wrong."""

from __future__ import annotations

from typing import Any

from ..primitive import Primitive


def refusal(function: Any) -> Exception:
    name = getattr(function, "__name__", str(function))
    return TypeError(f"np.{name} has no derivative in the table")


def ufunc_method(ufunc: Any, method: str) -> Any:
    raise refusal(ufunc)


def ufunc_parameters(row: Primitive, args: Any, params: dict[str, Any]) -> Any:
    return args, params
