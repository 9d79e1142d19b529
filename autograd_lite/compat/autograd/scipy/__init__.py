"""SciPy's namespaces; recorded values go to the rows of the table."""

from . import integrate as integrate, linalg as linalg, signal as signal, special as special, stats as stats
