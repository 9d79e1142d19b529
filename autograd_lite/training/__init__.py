"""Learning: the loop, what it tells on the way, and how good the result is."""

from .metrics import accuracy as accuracy
from .metrics import binary_accuracy as binary_accuracy
from .metrics import confusion_matrix as confusion_matrix
from .metrics import mae as mae
from .metrics import mse as mse
from .metrics import r2_score as r2_score
from .metrics import top_k_accuracy as top_k_accuracy
