"""The table of derivatives: what a row is, the kinds of rows, and where their derivatives hold.

The rows themselves are in :mod:`autograd_lite.rules`.
"""

from ..base.listing import public_names as _public_names
from .domain import NONZERO as NONZERO
from .domain import POSITIVE as POSITIVE
from .domain import REAL as REAL
from .domain import WHOLE as WHOLE
from .domain import Domain as Domain
from .domain import Joint as Joint
from .domain import interval as interval
from .examples import Drawn as Drawn
from .examples import around as around
from .examples import at as at
from .examples import boolean as boolean
from .examples import complex_normal as complex_normal
from .examples import just as just
from .examples import uniform as uniform
from .kinds import bilinear as bilinear
from .kinds import composite as composite
from .kinds import constant as constant
from .kinds import define as define
from .kinds import elementwise as elementwise
from .kinds import general as general
from .kinds import linear as linear
from .row import OPTIONS as OPTIONS
from .row import ROWS as ROWS
from .row import TABLE as TABLE
from .row import Primitive as Primitive
from .textbook import Stated as Stated
from .textbook import Textbook as Textbook
from .textbook import notation as notation

__dir__ = _public_names(__name__)
