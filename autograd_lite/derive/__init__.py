"""The chain rule, written out: factors of a gradient, its derivation in words and LaTeX, its source."""

from ..base.listing import public_names as _public_names
from .explain import Derivation as Derivation
from .explain import explain as explain
from .factors import Factor as Factor
from .landmarks import Chain as Chain
from .paths import Partials as Partials
from .paths import partials as partials
from .source import Source as Source
from .source import source as source
from .worksheet import Worksheet as Worksheet
from .worksheet import worksheet as worksheet

__dir__ = _public_names(__name__)
