"""The chain rule, written out: the factors of a gradient, the derivation in words and LaTeX, the backward pass as source."""

from .chain import Chain as Chain
from .chain import Factor as Factor
from .explain import Derivation as Derivation
from .explain import explain as explain
from .partials import Partials as Partials
from .partials import partials as partials
from .source import Source as Source
from .source import source as source
