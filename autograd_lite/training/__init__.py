"""The training loop: `fit`, callbacks, the history of a run, and metrics."""

from ..base.listing import public_names as _public_names
from .callbacks import BestCheckpoint as BestCheckpoint
from .callbacks import Callback as Callback
from .callbacks import ClipGradients as ClipGradients
from .callbacks import EarlyStopping as EarlyStopping
from .callbacks import Log as Log
from .callbacks import Schedule as Schedule
from .evaluation import evaluate as evaluate
from .evaluation import predict as predict
from .fit import fit as fit
from .history import History as History
from .metrics import accuracy as accuracy
from .metrics import binary_accuracy as binary_accuracy
from .metrics import confusion_matrix as confusion_matrix
from .metrics import mae as mae
from .metrics import mse as mse
from .metrics import r2_score as r2_score
from .metrics import top_k_accuracy as top_k_accuracy
from .run import Run as Run

__dir__ = _public_names(__name__)
