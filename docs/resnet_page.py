"""Makes the page on which a ResNet is derived block by block: `python docs/resnet_page.py`."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import numpy as np

import autograd_lite as ag
from autograd_lite import nn
from autograd_lite.drawing import available
from autograd_lite.nn import functional as F

FOLDER = Path(__file__).parent / "lessons"
BLOCKS, CHANNELS = 8, 4

PAGE = """\
# A ResNet, block by block

A net with 8 residual blocks has hundreds of operations, and nobody would read a derivation of them all. But its blocks
are alike, so the net is derived with each block as one step, and then one block by itself.

```python
{block}```

## The net

```python
{net}```
{picture}
With `depth=0` each module is a step, and the gradient passes from block to block. Here is the gradient with respect to
the weights of the first and the last layer, `explain(L, [K0, W], names, depth=0)`. The parameters of block $k$ are the
kernels $K_k$ and $M_k$ of its convolutions, and $\\gamma_k, \\beta_k$ and $\\delta_k, \\eta_k$ of its batch norms.

{outer}
{outer_check}

## A block

Let $G$ be the gradient of the loss with respect to the result of a block, which arrives from the blocks above. Then
$L = \\sum G \\odot y$ has the same gradients as the loss with respect to everything in the block:

{inner}
{inner_check}

The gradient with respect to $x$ has two terms: one passes back through the convolutions, and the other is
$\\partial L / \\partial s$ itself, which the shortcut passes on unchanged. That is why a gradient reaches the first
block even if the convolutions in between make it small.
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


def net(K0, W, blocks, x, t):
    h = F.conv2d(x, K0, padding=1)
    for block in blocks:
        h = block(h)
    p = h.mean(axis=(2, 3))
    return F.cross_entropy(p @ W, t)


def named(block: Block, suffix: object = "") -> Block:
    """The block, with short names for its parameters."""
    for parameter, word in zip(block.parameters(), ("K", "gamma", "beta", "M", "delta", "eta"), strict=True):
        parameter.name = f"{word}{suffix}"
    return block


def whole() -> Any:
    """The derivation of the net, with the names h0, h1, … for what the blocks compute."""
    ag.manual_seed(0)
    rng = np.random.default_rng(0)
    x, t = rng.normal(size=(2, 1, 6, 6)), np.array([0, 2])
    K0 = ag.tensor(rng.normal(size=(CHANNELS, 1, 3, 3)), requires_grad=True)
    W = ag.tensor(rng.normal(size=(CHANNELS, 3)), requires_grad=True)
    names: dict[str, Any] = {"x": x, "t": t, "K0": K0, "W": W}

    def watched(block, k):
        def call(h):
            names.setdefault("h0", h)
            made = names[f"h{k}"] = block(h)
            return made

        return call

    blocks = [watched(named(Block(CHANNELS), k), k) for k in range(1, BLOCKS + 1)]
    L = names["L"] = net(K0, W, blocks, x, t)
    return L.explain([K0, W], names, depth=0)


def inside() -> Any:
    """The derivation of one block."""
    ag.manual_seed(1)
    rng, block = np.random.default_rng(1), named(Block(CHANNELS))
    x = ag.tensor(rng.normal(size=(2, CHANNELS, 3, 3)), requires_grad=True)
    G = rng.normal(size=x.shape)
    u = block.bn1(block.conv1(x))
    a = F.relu(u)
    v = block.bn2(block.conv2(a))
    s = x + v
    y = F.relu(s)
    L = np.sum(G * y)
    return L.explain([x, block.conv1.weight, block.conv2.weight], locals())


def checked(derivation: Any) -> str:
    """A sentence that compares the gradients with those of the engine."""
    error = derivation.check()
    how = f"differ from the engine's by at most {error:.0e}, relative to their size" if error else "are the engine's"
    return f"The gradients {how}."


def make() -> None:
    """Write the page, and the picture of the net."""
    FOLDER.mkdir(exist_ok=True)
    picture = ""
    if available():
        blocks = nn.Sequential(*(Block(CHANNELS) for _ in range(BLOCKS)))
        ag.draw(blocks, np.ones((2, CHANNELS, 6, 6)), by="module").save(FOLDER / "resnet.svg")
        picture = "\n![The blocks: one of them is open](resnet.svg)\n"
    outer, inner = whole(), inside()
    page = PAGE.format(
        block=inspect.getsource(Block), net=inspect.getsource(net), picture=picture,
        outer=outer.markdown(), outer_check=checked(outer),
        inner=inner.markdown(), inner_check=checked(inner),
    )  # fmt: skip
    (FOLDER / "resnet.md").write_text(page, encoding="utf-8")


if __name__ == "__main__":
    make()
