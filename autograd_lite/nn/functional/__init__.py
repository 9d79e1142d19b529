"""The computations of layers as functions, with PyTorch's names, arguments and defaults."""

# ruff: noqa: I001 - set as a list of names, not one to a line
from ...base.listing import public_names as _public_names
from .activation import (
    celu as celu, elu as elu, gelu as gelu, glu as glu, hardshrink as hardshrink, hardsigmoid as hardsigmoid,
    hardswish as hardswish, hardtanh as hardtanh, leaky_relu as leaky_relu, log_softmax as log_softmax,
    logsigmoid as logsigmoid, mish as mish, prelu as prelu, relu as relu, relu6 as relu6, rrelu as rrelu,
    selu as selu, sigmoid as sigmoid, silu as silu, softmax as softmax, softmin as softmin,
    softplus as softplus, softshrink as softshrink, softsign as softsign, tanh as tanh,
    tanhshrink as tanhshrink, threshold as threshold,
)
from .attention import (
    dropout as dropout, dropout1d as dropout1d, dropout2d as dropout2d, dropout3d as dropout3d,
    scaled_dot_product_attention as scaled_dot_product_attention,
)
from .classification import (
    cross_entropy as cross_entropy, multi_margin_loss as multi_margin_loss,
    multilabel_margin_loss as multilabel_margin_loss, nll_loss as nll_loss,
)
from .convolution import (
    conv1d as conv1d, conv2d as conv2d, conv3d as conv3d, conv_transpose1d as conv_transpose1d,
    conv_transpose2d as conv_transpose2d, conv_transpose3d as conv_transpose3d, fold as fold, pad as pad,
    unfold as unfold,
)
from .distance import (
    cosine_embedding_loss as cosine_embedding_loss, cosine_similarity as cosine_similarity,
    normalize as normalize, pairwise_distance as pairwise_distance,
    triplet_margin_loss as triplet_margin_loss,
    triplet_margin_with_distance_loss as triplet_margin_with_distance_loss,
)
from .linear import (
    bilinear as bilinear, embedding as embedding, embedding_bag as embedding_bag, linear as linear,
    one_hot as one_hot,
)
from .loss import (
    binary_cross_entropy as binary_cross_entropy,
    binary_cross_entropy_with_logits as binary_cross_entropy_with_logits,
    gaussian_nll_loss as gaussian_nll_loss,
    half_squared_error as half_squared_error, hinge_embedding_loss as hinge_embedding_loss,
    huber_loss as huber_loss, kl_div as kl_div, l1_loss as l1_loss,
    margin_ranking_loss as margin_ranking_loss,
    mse_loss as mse_loss, multilabel_soft_margin_loss as multilabel_soft_margin_loss,
    poisson_nll_loss as poisson_nll_loss, smooth_l1_loss as smooth_l1_loss,
    soft_margin_loss as soft_margin_loss,
)
from .normalization import (
    batch_norm as batch_norm, group_norm as group_norm, instance_norm as instance_norm,
    layer_norm as layer_norm, local_response_norm as local_response_norm, rms_norm as rms_norm,
)
from .pooling import (
    adaptive_avg_pool1d as adaptive_avg_pool1d, adaptive_avg_pool2d as adaptive_avg_pool2d,
    adaptive_avg_pool3d as adaptive_avg_pool3d, adaptive_max_pool1d as adaptive_max_pool1d,
    adaptive_max_pool2d as adaptive_max_pool2d, adaptive_max_pool3d as adaptive_max_pool3d,
    avg_pool1d as avg_pool1d, avg_pool2d as avg_pool2d, avg_pool3d as avg_pool3d, max_pool1d as max_pool1d,
    max_pool2d as max_pool2d, max_pool3d as max_pool3d,
)
from .resampling import (
    interpolate as interpolate, pixel_shuffle as pixel_shuffle, pixel_unshuffle as pixel_unshuffle,
)

__dir__ = _public_names(__name__)
