"""Makes the page on which a ResNet is derived block by block: `python docs/resnet_page.py`."""

from __future__ import annotations

import inspect
from pathlib import Path

import numpy as np

import autograd_lite as ag
from autograd_lite import nn
from autograd_lite.drawing import available
from autograd_lite.nn import functional as F

FOLDER = Path(__file__).parent / "lessons"
CHANNELS, BLOCKS = 4, 8

PAGE = """\
# A ResNet, block by block

A net with 8 residual blocks has some hundred operations, and a derivation of them all is nothing to read. But its
blocks are alike: the net is derived with each block as one step, and then one block by itself.

```python
{block}
{net}```

## The net

With `depth=0` each block is a step, and the gradient goes from block to block. Here it is derived with respect to the
weights of the first layer and of the last, `explain(L, [K0, W], names, depth=0)`, for two images of 6×6 pixels. The
parameters of block $k$ are its kernels $K_k$ and $M_k$, and those of its batch norms, $\\gamma_k, \\beta_k$ and
$\\delta_k, \\eta_k$:

{outer}
{outer_check}

## A block

Let $G$ be the gradient of the loss with respect to the result of a block, as the net above hands it down. Then the loss
$\\sum G \\odot y$ has the same gradients with respect to everything in the block:

{inner}
{inner_check}

The gradient with respect to $x$ has two terms: the one through the convolutions, and that of $s$ itself, which arrives
unchanged over the shortcut. So a gradient can reach the first block even if all convolutions in between have small
weights.
"""


class Block(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)

    def forward(self, x):
        a = F.relu(self.bn1(self.conv1(x)))
        s = x + self.bn2(self.conv2(a))
        return F.relu(s)


class ResNet(nn.Module):
    def __init__(self, channels, blocks):
        super().__init__()
        self.stem = nn.Conv2d(1, channels, 3, padding=1)
        self.blocks = nn.Sequential(*(Block(channels) for _ in range(blocks)))
        self.head = nn.Linear(channels, 3)

    def forward(self, x):
        h = self.blocks(self.stem(x))
        return self.head(h.mean(axis=(2, 3)))


def named(module: nn.Module, words: str, suffix: object = "") -> None:
    """Give the parameters of a module short names."""
    for parameter, word in zip(module.parameters(), words.split(), strict=True):
        parameter.name = f"{word}{suffix}"


def net() -> tuple[ag.Tensor, list[ag.Tensor], dict[str, object]]:
    """The net's loss for two images, what it is derived with respect to, and the names."""
    ag.manual_seed(0)
    model = ResNet(CHANNELS, BLOCKS)
    named(model.stem, "K0 b0")
    named(model.head, "W b")
    for k, one in enumerate(model.blocks, 1):
        named(one, "K gamma beta M delta eta", k)
    images, t = np.random.default_rng(0).normal(size=(2, 1, 6, 6)), np.array([0, 2])
    names: dict[str, object] = {"x": images, "t": t, "h0": model.stem(images)}
    for k, one in enumerate(model.blocks):
        names[f"h{k + 1}"] = one(names[f"h{k}"])
    z = names["z"] = model.head(names[f"h{BLOCKS}"].mean(axis=(2, 3)))
    L = names["L"] = F.cross_entropy(z, t)
    return L, [model.stem.weight, model.head.weight], names


def block() -> tuple[ag.Tensor, list[ag.Tensor], dict[str, object]]:
    """The loss of one block, what it is derived with respect to, and the names."""
    ag.manual_seed(1)
    rng, one = np.random.default_rng(1), Block(CHANNELS)
    named(one, "K gamma beta M delta eta")
    x = ag.tensor(rng.normal(size=(2, CHANNELS, 3, 3)), requires_grad=True)
    G = rng.normal(size=x.shape)
    u = one.bn1(one.conv1(x))
    a = F.relu(u)
    v = one.bn2(one.conv2(a))
    s = x + v
    y = F.relu(s)
    L = np.sum(G * y)
    return L, [x, one.conv1.weight, one.conv2.weight], locals()


def make() -> None:
    """Write the page, and the picture of the net."""
    FOLDER.mkdir(exist_ok=True)
    loss, wrt, names = net()
    outer = loss.explain(wrt, names, depth=0)
    loss, wrt, inside = block()
    inner = loss.explain(wrt, inside)
    check = "The gradients differ from the engine's by at most {:.0e}, relative to their size."
    page = PAGE.format(
        block=inspect.getsource(Block), net=inspect.getsource(ResNet), outer=outer.markdown(), inner=inner.markdown(),
        outer_check=check.format(outer.check()), inner_check=check.format(inner.check()),
    )  # fmt: skip
    if available():
        ag.draw(ResNet(CHANNELS, BLOCKS), names["x"], by="module").save(FOLDER / "resnet.svg")
        page = page.replace("## A block\n", "![The net, its blocks folded](resnet.svg)\n\n## A block\n")
    (FOLDER / "resnet.md").write_text(page, encoding="utf-8")


if __name__ == "__main__":
    make()
