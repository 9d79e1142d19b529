"""How fast the library is, as multiples of hand-written NumPy.

Everything is timed on one thread. BLAS reads these variables once, when NumPy is first imported, so they are set here,
before any module of this package imports it.
"""

import os

for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"):
    os.environ.setdefault(variable, "1")
