"""Pictures of the graph: the chain rule drawn, its steps as frames, the neurons, and a page to step through.

`draw` makes a :class:`Drawing` of anything recorded or callable, `frames` a sequence of pictures of its derivation. DOT
text needs nothing installed; `render` finds a program on this machine that turns it into SVG and PNG.
"""

from ..base.listing import public_names as _public_names
from .drawing import Drawing as Drawing, draw as draw
from .frames import Frames as Frames, film as film, frames as frames
from .render import NoRenderer as NoRenderer, available as available
from .surface import Surface as Surface, surface as surface
from .themes import THEMES as THEMES, Theme as Theme

draw.surface = surface  # type: ignore[attr-defined]  # so that `ag.draw.surface` is found beside `ag.draw`

__dir__ = _public_names(__name__)
