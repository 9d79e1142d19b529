"""Pictures of the graph: the chain rule drawn, its steps as frames, the neurons, and a page to step through.

`draw` makes a :class:`Drawing` of anything recorded or callable, `frames` a film of its derivation. Only DOT
text is made without help; `render` finds a program on this machine that turns it into SVG and PNG. The room
is called as its main function is, and calling the room calls that: ``ag.draw(loss)``.
"""

import sys
from types import ModuleType
from typing import Any

from .drawing import Drawing as Drawing
from .drawing import draw as draw
from .frames import Frames as Frames
from .frames import film as film
from .frames import frames as frames
from .render import NoRenderer as NoRenderer
from .render import available as available
from .themes import THEMES as THEMES
from .themes import Theme as Theme


class _Room(ModuleType):
    def __call__(self, *args: Any, **options: Any) -> Drawing:
        return draw(*args, **options)


sys.modules[__name__].__class__ = _Room
