"""The chain rule, written out: factors of a gradient, its derivation in words and LaTeX, its source."""

from importlib import import_module as _import_module

from ..base.listing import public_names as _public_names
from .chain_rule import Chain as Chain
from .explain import Derivation as Derivation, explain as explain
from .factors import Factor as Factor
from .paths import Partials as Partials, partials as partials
from .source import Source as Source, source as source

__dir__ = _public_names(__name__)


def __getattr__(name: str) -> object:
    """`worksheet` is in `autograd_lite.teach`; its former name here still works."""
    if name in ("Worksheet", "worksheet"):
        return getattr(_import_module("autograd_lite.teach"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
