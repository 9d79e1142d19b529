"""The chain rule, written out: factors of a gradient, its derivation in words and LaTeX, its source."""

from .chain import Chain as Chain
from .explain import Derivation as Derivation
from .explain import explain as explain
from .factor import Factor as Factor
from .partials import Partials as Partials
from .partials import partials as partials
from .source import Source as Source
from .source import source as source
from .worksheet import Worksheet as Worksheet
from .worksheet import worksheet as worksheet
