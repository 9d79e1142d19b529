"""How fast the library is, as multiples of hand-written NumPy.

One thread is part of the method, and BLAS reads these variables once, when NumPy is first imported; that is
why they are set here, before any module of this package can import it.
"""

import os

for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"):
    os.environ.setdefault(variable, "1")
