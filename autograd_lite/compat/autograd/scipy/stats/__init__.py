"""``scipy.stats``: the distributions that have rows, each also as a module (``import ….stats.norm as norm``)."""

import sys
from importlib.machinery import ModuleSpec

import scipy.stats as _stats

from ..... import stats as _own
from ..._namespace import submodule as _submodule

for _name in ("beta", "chi2", "dirichlet", "gamma", "multivariate_normal", "norm", "poisson", "t"):
    globals()[_name] = sys.modules[f"{__name__}.{_name}"] = _submodule(
        f"{__name__}.{_name}", getattr(_stats, _name), getattr(_own, _name)
    )
    globals()[_name].__spec__ = ModuleSpec(f"{__name__}.{_name}", None)
