"""Layers, losses and nets: PyTorch's names, arguments and defaults on the engine."""

# ruff: noqa: I001 - set as a list of names, not one to a line
from . import functional as functional, init as init
from .activation import (
    CELU as CELU, ELU as ELU, GELU as GELU, GLU as GLU, SELU as SELU, Hardshrink as Hardshrink,
    Hardsigmoid as Hardsigmoid, Hardswish as Hardswish, Hardtanh as Hardtanh, LeakyReLU as LeakyReLU,
    LogSigmoid as LogSigmoid, LogSoftmax as LogSoftmax, Mish as Mish, PReLU as PReLU, ReLU as ReLU,
    ReLU6 as ReLU6, RReLU as RReLU, Sigmoid as Sigmoid, SiLU as SiLU, Softmax as Softmax,
    Softmax2d as Softmax2d, Softmin as Softmin, Softplus as Softplus, Softshrink as Softshrink,
    Softsign as Softsign, Tanh as Tanh, Tanhshrink as Tanhshrink, Threshold as Threshold,
)
from .containers import (
    ModuleDict as ModuleDict, ModuleList as ModuleList, ParameterList as ParameterList,
    Sequential as Sequential,
)
from .linear import Bilinear as Bilinear, Embedding as Embedding, Linear as Linear
from .loss import (
    BCELoss as BCELoss, BCEWithLogitsLoss as BCEWithLogitsLoss, CosineEmbeddingLoss as CosineEmbeddingLoss,
    CrossEntropyLoss as CrossEntropyLoss, GaussianNLLLoss as GaussianNLLLoss,
    HalfSquaredError as HalfSquaredError, HingeEmbeddingLoss as HingeEmbeddingLoss, HuberLoss as HuberLoss,
    KLDivLoss as KLDivLoss, L1Loss as L1Loss, MarginRankingLoss as MarginRankingLoss, MSELoss as MSELoss,
    MultiLabelMarginLoss as MultiLabelMarginLoss, MultiLabelSoftMarginLoss as MultiLabelSoftMarginLoss,
    MultiMarginLoss as MultiMarginLoss, NLLLoss as NLLLoss, PoissonNLLLoss as PoissonNLLLoss,
    SmoothL1Loss as SmoothL1Loss, SoftMarginLoss as SoftMarginLoss, TripletMarginLoss as TripletMarginLoss,
    TripletMarginWithDistanceLoss as TripletMarginWithDistanceLoss,
)
from .module import Module as Module, Parameter as Parameter
from .shape import Flatten as Flatten, Identity as Identity, Unflatten as Unflatten
