"""Pictures of deep nets: layers are folded, of equal blocks the first is open, and the picture stays legible."""

import itertools
import re

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite import nn
from autograd_lite.drawing import draw, fit
from autograd_lite.drawing.dot import AGAIN
from autograd_lite.nn import functional as F
from tests.drawing.test_drawing import can_render


class Block(nn.Module):
    def __init__(self, inside, out, stride=1):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(inside, out, 3, stride, 1, bias=False), nn.BatchNorm2d(out)
        self.conv2, self.bn2 = nn.Conv2d(out, out, 3, 1, 1, bias=False), nn.BatchNorm2d(out)
        skip = nn.Sequential(nn.Conv2d(inside, out, 1, stride, bias=False), nn.BatchNorm2d(out))
        self.shortcut = skip if inside != out else nn.Identity()

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(y + self.shortcut(x))


class ResNet8(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.bn = nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16)
        self.layer1, self.layer2, self.layer3 = Block(16, 16), Block(16, 32, 2), Block(32, 64, 2)
        self.fc = nn.Linear(64, 10)

    def forward(self, x):
        x = F.relu(self.bn(self.conv(x)))
        return self.fc(np.mean(self.layer3(self.layer2(self.layer1(x))), axis=(2, 3)))


def encoder(count=12):
    return nn.TransformerEncoder(nn.TransformerEncoderLayer(16, 2, 32, batch_first=True), count)


X, IMAGES = np.random.default_rng(0).normal(size=(2, 5, 16)), np.random.default_rng(0).normal(size=(2, 3, 8, 8))
BLOCK = ["self_attn: MultiheadAttention", "dropout1: Dropout", "norm1: LayerNorm", "linear1: Linear",
         "dropout: Dropout", "linear2: Linear", "dropout2: Dropout", "norm2: LayerNorm"]  # fmt: skip


def layers(picture):
    return [i.name for i in picture.scene.items if i.kind == "layer"]


@can_render
@pytest.mark.parametrize(("net", "x"), [(encoder, X), (ResNet8, IMAGES)])
def test_a_deep_net_is_legible_by_default(net, x):
    picture = draw(net(), x)
    assert "Layers are folded" in picture.scene.notes[0]
    width = int.from_bytes(picture.png()[16:20], "big")
    assert width <= 2500
    sizes = {float(s) for s in re.findall(r'font-size="([0-9.]+)"', picture.svg())}
    assert min(sizes) >= 12  # at 150 dpi these are 25 pixels


def test_of_equal_blocks_one_is_open():
    picture = draw(encoder(), X)
    assert layers(picture) == [f"layers.0.{name}" for name in BLOCK]
    clusters = {c for i in picture.scene.items for c in i.clusters}
    assert [label for _, label in clusters] == ["layers.0: TransformerEncoderLayer × 12"]
    assert [i.name for i in picture.scene.items if i.kind == "result"] == ["+", "relu", "+"]
    every = layers(draw(encoder(4), X, by="module", roll=False))
    assert every == [f"layers.{k}.{name}" for k in range(4) for name in BLOCK]
    assert layers(draw(encoder(2), X, by="module")) == [f"layers.{k}.{name}" for k in range(2) for name in BLOCK]


def test_a_deep_net_with_several_results_is_folded_too():
    net = encoder(8)
    picture = draw(lambda x: (net(x), net(x) * 2.0), X)
    assert "Layers are folded" in picture.scene.notes[0]
    assert len(picture.scene.items) < 40


def test_folded_blocks_are_counted():
    picture = draw(encoder(), X, depth=1)
    (block,) = (i for i in picture.scene.items if i.kind == "layer")
    assert (block.name, block.note) == ("layers.0: TransformerEncoderLayer", "× 12")
    assert block.value is None  # of the last block, not of this one
    assert picture.scene.loss == block.key


def test_blocks_inside_blocks():
    stage = [nn.Sequential(*(nn.Sequential(nn.Linear(4, 4), nn.Tanh()) for _ in range(3))) for _ in range(4)]
    picture = draw(nn.Sequential(*stage), np.ones((2, 4)), by="module")
    assert layers(picture) == ["0.0.0: Linear", "0.0.1: Tanh"]
    assert [label for _, label in picture.scene.items[-1].clusters] == ["0: Sequential × 4", "0.0: Sequential × 3"]


def test_only_blocks_in_sequence_are_one():
    class Branches(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b, self.c = (nn.Linear(4, 4) for _ in range(3))

        def forward(self, x):
            return self.a(x) + self.b(x) + self.c(x)

    assert layers(draw(Branches(), np.ones((2, 4)), by="module")) == ["a: Linear", "b: Linear", "c: Linear"]
    alike = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 5), nn.Linear(5, 5))
    assert layers(draw(alike, np.ones((2, 4)), by="module")) == ["0: Linear", "3: Linear", "4: Linear"]


@pytest.mark.parametrize("depth", [0, 1, 2, 3, 9])
def test_depth_counts_modules_and_never_opens_a_layer(depth):
    found = layers(draw(ResNet8(), IMAGES, depth=depth))
    expected = {
        0: ["ResNet8"],
        1: ["conv: Conv2d", "bn: BatchNorm2d", "layer1: Block", "layer2: Block", "layer3: Block", "fc: Linear"],
    }
    assert found == expected.get(depth, found)
    opened = {"conv2d", "batch_norm", "linear"}
    assert not opened & {name.rpartition(": ")[2] for name in found}
    if depth >= 3:
        assert "layer2.shortcut.0: Conv2d" in found


@can_render
@pytest.mark.parametrize("ending", ["svg", "html", "dot"])
@pytest.mark.parametrize("options", [{"depth": 2}, {"depth": 3}, {"view": "operations"}])
def test_an_attention_layer_in_every_depth(tmp_path, options, ending):
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    path = draw(layer, np.ones((2, 3, 8)), **options).save(tmp_path / f"net.{ending}")
    assert path.stat().st_size > 1000


@can_render
def test_rows_stand_below_one_another():
    y = x = ag.tensor(0.5, requires_grad=True, name="x")
    names = {}
    for k in range(12):
        names[f"h{k}"] = y = np.tanh(y * x)
    picture = draw(y, names=names)
    assert max(picture.fitted.rows.values()) > 0
    place = {}
    for key, text in re.findall(r'<g id="(\w+)" class="node"[^>]*>.*?<text[^>]* y="([-0-9.]+)"', picture.svg(), re.S):
        place[key] = float(text)
    rows = picture.fitted.rows
    tops = [[y for key, y in place.items() if AGAIN not in key and rows[key] == r] for r in sorted(set(rows.values()))]
    assert all(max(a) < min(b) for a, b in itertools.pairwise(tops))
    repeated = [key for key in place if AGAIN in key]
    assert {key.partition(AGAIN)[0] for key in repeated} <= set(rows)


@pytest.mark.parametrize(("y", "count"), [(0, 1), (-20, 0), (20, 0)])
def test_texts_over_which_a_line_runs_are_counted(monkeypatch, y, count):
    svg = (
        '<g id="a" class="node"><text text-anchor="middle" x="100" y="4" font-size="12.00">= 0.5</text></g>'
        '<text x="300" y="4" font-size="12.00">beside it</text>'
        f'<g id="e" class="edge"><path fill="none" d="M0,{y}C50,{y} 80,{y} 100,{y} 120,{y} 150,{y} 200,{y}"/></g>'
    )
    monkeypatch.setattr(fit, "render", lambda source, form: svg.encode())
    assert fit.texts_below_lines(f"digraph {{ y{y} }}") == count
