"""The training loop: `fit`, callbacks, the history of a run, and metrics."""
# ruff: noqa: I001 - set as a list of names, not one to a line

from ..base.listing import public_names as _public_names
from .callbacks import (
    BestCheckpoint as BestCheckpoint, Callback as Callback, ClipGradients as ClipGradients,
    EarlyStopping as EarlyStopping, Log as Log, Schedule as Schedule,
)
from .evaluation import evaluate as evaluate, predict as predict
from .fit import fit as fit
from .history import History as History
from .metrics import (
    accuracy as accuracy, binary_accuracy as binary_accuracy, confusion_matrix as confusion_matrix,
    mae as mae, mse as mse, r2_score as r2_score, top_k_accuracy as top_k_accuracy,
)
from .run import Run as Run

__dir__ = _public_names(__name__)
