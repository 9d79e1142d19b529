"""SciPy's namespaces; recorded values go to the rows of the table."""

from . import integrate as integrate
from . import linalg as linalg
from . import signal as signal
from . import special as special
from . import stats as stats
