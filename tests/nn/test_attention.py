"""Attention and the transformer's layer against their formulas; masks of all kinds; gradients; what is refused."""

import math

import numpy as np
import pytest
from nn_checks import check_layer, draw, shaken, value
from thorough import mostly_thorough

import autograd_lite as ag
import autograd_lite.nn.functional as F
from autograd_lite import nn
from autograd_lite.testing import assert_gradients

B, T, S, E, HEADS = 2, 4, 3, 6, 2
MASK = np.array([[True, False, True], [True, True, True], [False, False, False], [False, True, False]])


def attend(q, k, v, mask=None, scale=None):
    """Target by target, source by source."""
    scale = 1 / math.sqrt(q.shape[-1]) if scale is None else scale
    y = np.zeros((*q.shape[:-1], v.shape[-1]))
    for at in np.ndindex(q.shape[:-1]):
        weights = [math.exp(scale * q[at] @ k[(*at[:-1], s)]) for s in range(k.shape[-2])]
        if mask is not None:
            weights = [w * m for w, m in zip(weights, mask[at[-1]], strict=True)]
        if sum(weights):
            y[at] = sum(w * v[(*at[:-1], s)] for s, w in enumerate(weights)) / sum(weights)
    return y


def test_scaled_dot_product_attention():
    q, k, v = draw((B, HEADS, T, E), (B, HEADS, S, E), (B, HEADS, S, 5))
    attention = F.scaled_dot_product_attention
    np.testing.assert_allclose(value(attention(q, k, v)), attend(q, k, v), atol=1e-13)
    np.testing.assert_allclose(value(attention(q, k, v, scale=0.3)), attend(q, k, v, scale=0.3), atol=1e-13)
    np.testing.assert_allclose(value(attention(q[0, 0], k[0, 0], v[0, 0])), attend(q, k, v)[0, 0], atol=1e-13)
    np.testing.assert_allclose(value(attention(q, k, v, is_causal=True)), attend(q, k, v, np.tri(T, S)), atol=1e-13)
    want = attend(q, k, v, MASK)  # row 2 may look at nothing: zeros
    np.testing.assert_allclose(value(attention(q, k, v, MASK)), want, atol=1e-13)
    np.testing.assert_allclose(value(attention(q, k, v, np.where(MASK, 0, -np.inf))), want, atol=1e-13)
    added = draw((T, S), seed=3)
    got = attention(q, k, v, added)
    np.testing.assert_allclose(value(got), attend(q, k, v, np.exp(added)), atol=1e-13)
    single = attention(*(x.astype(np.float32) for x in (q, k, v)), MASK)
    assert single.dtype == np.float32


@pytest.mark.parametrize("options", [{}, {"is_causal": True}, {"attn_mask": MASK}, {"scale": 0.3}], ids=str)
def test_attention_gradients(options):
    q, k, v = draw((2, T, 3), (2, S, 3), (2, S, 2))
    assert_gradients(lambda q, k, v: F.scaled_dot_product_attention(q, k, v, **options), q, k, v, broadcast=False)


def test_no_nan_comes_out_of_a_row_that_may_look_at_nothing():
    q, k, v = (ag.tensor(x, requires_grad=True) for x in draw((T, E), (S, E), (S, E)))
    F.scaled_dot_product_attention(q, k, v, MASK).sum().backward()
    for x in (q, k, v):
        assert np.all(np.isfinite(x.grad.numpy()))
    np.testing.assert_array_equal(q.grad.numpy()[2], 0)


def test_attention_drops_weights():
    q, k, v = draw((T, E), (S, E), (S, E))
    _ = ag.manual_seed(0)
    dropped = value(F.scaled_dot_product_attention(q, k, v, dropout_p=0.5))
    assert not np.allclose(dropped, attend(q, k, v))


# -------------------------------------------------------------------------------------------- several heads


def multihead(layer, q, k, v, mask=None):
    """Head by head, from the layer's weights; arrays with the batch first."""
    w = np.split(layer.in_proj_weight.data, 3) if layer.in_proj_weight is not None else [
        layer.q_proj_weight.data, layer.k_proj_weight.data, layer.v_proj_weight.data
    ]
    b = np.split(layer.in_proj_bias.data, 3) if layer.in_proj_bias is not None else [0] * 3
    q, k, v = (x @ wi.T + bi for x, wi, bi in zip((q, k, v), w, b, strict=True))
    more = [] if layer.bias_k is None else [(layer.bias_k.data, layer.bias_v.data)]
    for one_k, one_v in [*more, *[(np.zeros((1, 1, E)),) * 2] * layer.add_zero_attn]:  # one more source for everyone
        k, v = (np.concatenate([x, np.repeat(y, len(x), 0)], 1) for x, y in ((k, one_k), (v, one_v)))
        mask = mask if mask is None else np.concatenate([mask, np.ones((len(mask), 1))], 1)
    d = layer.embed_dim // layer.num_heads
    parts = [slice(h * d, (h + 1) * d) for h in range(layer.num_heads)]
    y = np.concatenate([attend(q[..., p], k[..., p], v[..., p], mask) for p in parts], axis=-1)
    return y @ layer.out_proj.weight.data.T + (0 if layer.out_proj.bias is None else layer.out_proj.bias.data)


@pytest.mark.parametrize("options", mostly_thorough([{}, {"kdim": 3, "vdim": 5}, {"bias": False}], 2), ids=str)
def test_several_heads(options):
    layer = shaken(nn.MultiheadAttention(E, HEADS, batch_first=True, **options))
    q, k, v = draw((B, T, E), (B, S, options.get("kdim", E)), (B, S, options.get("vdim", E)))
    y, weights = layer(q, k, v)
    want = multihead(layer, q, k, v)
    np.testing.assert_allclose(value(y), want, atol=1e-12)
    np.testing.assert_allclose(value(weights).sum(-1), 1)
    assert weights.shape == (B, T, S)
    assert layer(q, k, v, average_attn_weights=False)[1].shape == (B, HEADS, T, S)
    assert layer(q, k, v, need_weights=False)[1] is None
    single, _ = layer(q[0], k[0], v[0])
    np.testing.assert_allclose(value(single), want[0], atol=1e-12)
    other = nn.MultiheadAttention(E, HEADS, **options)
    other.load_state_dict(layer.state_dict())
    y, _ = other(*(x.transpose(1, 0, 2) for x in (q, k, v)))
    np.testing.assert_allclose(value(y).transpose(1, 0, 2), want, atol=1e-12)
    other = {"kdim": 1, "vdim": 3} if "kdim" in options else options
    small = nn.MultiheadAttention(2, 2, batch_first=True, **other)
    sizes = (2, small.kdim, small.vdim)
    check_layer(small, *draw(*[(1, 2, n) for n in sizes]), kinks="note")  # the keys' bias cancels: rounding is left


@pytest.mark.parametrize("names", mostly_thorough(["add_bias_kv add_zero_attn", "add_bias_kv", "add_zero_attn"]))
def test_more_sources(names):
    options = dict.fromkeys(names.split(), True)
    layer = shaken(nn.MultiheadAttention(E, HEADS, batch_first=True, **options))
    q, k, v = draw((B, T, E), (B, S, E), (B, S, E))
    count = S + len(options)
    for masks, mask in (({}, None), ({"attn_mask": ~MASK}, MASK), ({"is_causal": True}, np.tri(T, S))):
        y, weights = layer(q, k, v, **masks)
        np.testing.assert_allclose(value(y), multihead(layer, q, k, v, mask), atol=1e-12)
        assert weights.shape == (B, T, count)
    y, _ = layer(q, k, v, attn_mask=np.where(MASK, 0, -np.inf), key_padding_mask=np.zeros((B, S), bool))
    np.testing.assert_allclose(value(y), multihead(layer, q, k, v, MASK), atol=1e-12)
    small = nn.MultiheadAttention(2, 1, batch_first=True, **options)
    check_layer(small, *draw((1, 1, 2), (1, 2, 2), (1, 2, 2)), order=1, kinks="note")


def test_attention_to_itself_is_one_product():
    layer, x = shaken(nn.MultiheadAttention(E, HEADS, batch_first=True)), draw((B, T, E))
    t = ag.tensor(x)
    y, _ = layer(t, t, t)
    np.testing.assert_allclose(value(y), multihead(layer, x, x, x), atol=1e-12)
    np.testing.assert_allclose(value(layer(t, ag.tensor(x), t)[0]), value(y), atol=1e-12)


def test_masks_say_where_not_to_look():
    """The opposite of scaled_dot_product_attention, as in PyTorch."""
    layer = shaken(nn.MultiheadAttention(E, HEADS, batch_first=True))
    q, k = draw((B, T, E), (B, S, E))
    want = multihead(layer, q, k, k, MASK)
    np.testing.assert_allclose(value(layer(q, k, k, attn_mask=~MASK)[0]), want, atol=1e-12)
    infinite = np.where(MASK, 0, -np.inf)
    np.testing.assert_allclose(value(layer(q, k, k, attn_mask=infinite)[0]), want, atol=1e-12)
    each = np.broadcast_to(~MASK, (B * HEADS, T, S))
    np.testing.assert_allclose(value(layer(q, k, k, attn_mask=each)[0]), want, atol=1e-12)
    padding = np.array([[False, False, True]] * B)
    want = multihead(layer, q, k, k, MASK & ~padding[0])
    for mask in (~MASK, infinite):
        got, _ = layer(q, k, k, attn_mask=mask, key_padding_mask=padding)
        np.testing.assert_allclose(value(got), want, atol=1e-12)
    causal = layer(q, k, k, is_causal=True)[0]
    np.testing.assert_allclose(value(causal), multihead(layer, q, k, k, np.tri(T, S)), atol=1e-12)
    both = layer(q, k, k, is_causal=True, key_padding_mask=padding)[0]
    np.testing.assert_allclose(value(both), multihead(layer, q, k, k, np.tri(T, S) * ~padding[0]), atol=1e-12)


def test_heads_begin_as_in_pytorch():
    layer = nn.MultiheadAttention(40, 4)
    bound = math.sqrt(6 / (40 + 120))
    assert 0.98 * bound < np.abs(layer.in_proj_weight.data).max() <= bound
    np.testing.assert_array_equal(layer.in_proj_bias.data, 0)
    np.testing.assert_array_equal(layer.out_proj.bias.data, 0)
    assert list(layer.state_dict()) == ["in_proj_weight", "in_proj_bias", "out_proj.weight", "out_proj.bias"]


# ---------------------------------------------------------------------------------------------- transformer


def norm(layer, x):
    z = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5)
    return z * layer.weight.data + layer.bias.data


def feed(layer, x):
    h = np.maximum(x @ layer.linear1.weight.data.T + layer.linear1.bias.data, 0)
    return h @ layer.linear2.weight.data.T + layer.linear2.bias.data


@pytest.mark.parametrize("first", [True, False])
def test_encoder_layer(first):
    layer = shaken(nn.TransformerEncoderLayer(E, HEADS, 8, dropout=0.0, batch_first=True, norm_first=first))
    x = draw((B, T, E))
    mask = np.tri(T)
    if first:
        n = norm(layer.norm1, x)
        want = x + multihead(layer.self_attn, n, n, n, mask)
        want = want + feed(layer, norm(layer.norm2, want))
    else:
        want = norm(layer.norm1, x + multihead(layer.self_attn, x, x, x, mask))
        want = norm(layer.norm2, want + feed(layer, want))
    np.testing.assert_allclose(value(layer(x, is_causal=True)), want, atol=1e-12)
    np.testing.assert_allclose(value(layer(x, src_mask=mask == 0)), want, atol=1e-12)
    small = nn.TransformerEncoderLayer(2, 1, 2, dropout=0.0, batch_first=True, norm_first=first)
    check_layer(small, draw((1, 2, 2)), order=1, kinks="note")


@pytest.mark.parametrize("first", [True, False])
def test_decoder_layer(first):
    layer = shaken(nn.TransformerDecoderLayer(E, HEADS, 8, dropout=0.0, batch_first=True, norm_first=first))
    x, memory = draw((B, T, E), (B, S, E))
    blocks = [
        lambda x: multihead(layer.self_attn, x, x, x, np.tri(T)),
        lambda x: multihead(layer.multihead_attn, x, memory, memory, MASK),
        lambda x: feed(layer, x),
    ]
    want = x
    for block, n in zip(blocks, (layer.norm1, layer.norm2, layer.norm3), strict=True):
        want = want + block(norm(n, want)) if first else norm(n, want + block(want))
    got = layer(x, memory, memory_mask=~MASK, tgt_is_causal=True)
    np.testing.assert_allclose(value(got), want, atol=1e-12)
    np.testing.assert_allclose(value(layer(x, memory, np.tri(T) == 0, ~MASK)), want, atol=1e-12)
    if first:
        small = nn.TransformerDecoderLayer(2, 1, 1, dropout=0.0, batch_first=True, norm_first=True)
        check_layer(small, *draw((1, 2, 2), (1, 1, 2)), order=1, kinks="note")


def test_transformer_is_an_encoder_and_a_decoder():
    net = nn.Transformer(E, HEADS, 1, 2, 8, dropout=0.0, batch_first=True)
    src, tgt = draw((B, S, E), (B, T, E))
    memory = net.encoder.norm(net.encoder.layers[0](src))
    hidden = net.generate_square_subsequent_mask(T)
    x = ag.tensor(tgt)
    for layer in net.decoder.layers:
        x = layer(x, memory, tgt_mask=hidden)
    want = value(net.decoder.norm(x))
    np.testing.assert_allclose(value(net(src, tgt, tgt_mask=hidden)), want, atol=1e-13)
    np.testing.assert_allclose(value(net(src, tgt, tgt_is_causal=True)), want, atol=1e-13)
    assert "decoder.layers.1.multihead_attn.in_proj_weight" in net.state_dict()
    other = nn.Transformer(E, HEADS, custom_encoder=net.encoder, custom_decoder=net.decoder, batch_first=True)
    assert other.encoder is net.encoder
    assert other.decoder is net.decoder


@pytest.mark.thorough
def test_encoder_layer_second_order():
    check_layer(
        nn.TransformerEncoderLayer(2, 1, 1, dropout=0.0, batch_first=True, activation="gelu"),
        draw((1, 2, 2)),
        kinks="note",
    )


def test_encoder_is_copies_of_its_layer():
    layer = nn.TransformerEncoderLayer(E, HEADS, 8, batch_first=True)
    net = nn.TransformerEncoder(layer, 2, nn.LayerNorm(E)).eval()
    x = draw((B, T, E))
    np.testing.assert_allclose(value(net(x)), value(net.norm(net.layers[1](net.layers[0](x)))), atol=1e-13)
    assert net.layers[0].linear1.weight is not net.layers[1].linear1.weight
    assert "layers.1.self_attn.in_proj_weight" in net.state_dict()
    assert not np.array_equal(value(net.train()(x)), value(net(x)))  # dropout


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: nn.MultiheadAttention(6, 4), "6 features cannot be divided among 4 heads"),
        (
            lambda: nn.MultiheadAttention(6, 2)(*draw((T, B, 5), (S, B, 6), (S, B, 6))),
            r"MultiheadAttention.*\(4, 2, 5\)",
        ),
        (
            lambda: nn.MultiheadAttention(6, 2)(*[np.ones((T, B, 6))] * 3, attn_mask=MASK),
            r"expected attn_mask of shape \(4, 4\), got \(4, 3\)",
        ),
        (lambda: nn.Transformer(6, 2, 1, 1, 8)(*draw((T, B, 6), (S, B, 5))), r"MultiheadAttention.*\(3, 2, 5\)"),
        (lambda: nn.TransformerDecoderLayer(6, 2)(*draw((T, B, 6), (T, 1, 6))), r"equal batches.*\(4, 1, 6\)"),
        (lambda: nn.TransformerDecoderLayer(6, 2, activation="sine"), "TransformerDecoderLayer.*activation='sine'"),
        (lambda: F.scaled_dot_product_attention(*draw((T, 3), (S, 4), (S, 4))), r"\(4, 3\).*\(3, 4\)"),
        (lambda: F.scaled_dot_product_attention(*draw((T, 3), (S, 3), (S, 4)), MASK, is_causal=True), "got both"),
        (lambda: nn.TransformerEncoderLayer(6, 2, activation="sine"), "activation='sine'"),
    ],
)
def test_what_does_not_fit(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_vectors_of_length_0_are_all_alike():
    y = F.scaled_dot_product_attention(np.zeros((3, 0)), np.zeros((2, 0)), [[1.0], [3.0]])
    np.testing.assert_array_equal(y.numpy(), np.full((3, 1), 2.0))
