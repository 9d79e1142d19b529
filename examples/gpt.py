"""A small GPT that reads the same text as characters_rnn.py, and writes with a cache of keys and values.

    python examples/gpt.py

It runs on PyTorch too, with the three imports changed. With the cache a new letter costs the work of one position, and
without it the work of all. Both write the same text.
"""

import os
import time
from pathlib import Path

# Thousands of small products: on a busy machine, threads that wait for each other would take ten times as long.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import autograd_lite as torch
from autograd_lite import nn
from autograd_lite.nn import functional as F

TEXT = Path(__file__).with_name("text.txt").read_text(encoding="utf-8")
LETTERS = sorted(set(TEXT))
BLOCK, BATCH, STEPS = 48, 16, 250


class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x, cache=None):
        _, length, width = x.size()
        q, k, v = (
            z.view(-1, length, self.heads, width // self.heads).swapaxes(1, 2) for z in self.qkv(x).chunk(3, dim=-1)
        )
        if cache is not None:
            if cache:
                k, v = torch.cat((cache["k"], k), dim=2), torch.cat((cache["v"], v), dim=2)
            cache["k"], cache["v"] = k, v
        y = F.scaled_dot_product_attention(q, k, v, is_causal=length > 1)  # a single letter attends to all before it
        return self.out(y.swapaxes(1, 2).reshape(-1, length, width))


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = Attention(width, heads)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x, cache=None):
        x = x + self.attention(self.norm1(x), cache)
        return x + self.mlp(self.norm2(x))


class GPT(nn.Module):
    def __init__(self, letters, width=48, heads=4, layers=2):
        super().__init__()
        self.letters, self.places = nn.Embedding(letters, width), nn.Embedding(BLOCK, width)
        self.blocks = nn.ModuleList([Block(width, heads) for _ in range(layers)])
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, letters, bias=False)

    def forward(self, codes, caches=None):
        """Scores for the letter after each of `codes` (batch, length), which follow those in the caches."""
        start = caches[0]["k"].size(2) if caches and caches[0] else 0
        x = self.letters(codes) + self.places(torch.arange(start, start + codes.shape[1]))
        for k, block in enumerate(self.blocks):
            x = block(x, None if caches is None else caches[k])
        return self.head(self.norm(x))


@torch.no_grad()
def write(net, codes, count, cached):
    """`count` more letters, and the scores they were drawn from. A full block continues from its last half."""
    torch.manual_seed(1)
    caches, context, scores = None, codes, []
    for _ in range(count):
        if context.size(1) > BLOCK:
            caches, context = None, context[:, -BLOCK // 2 :]
        new = context[:, -1:] if caches else context
        caches = (caches or [{} for _ in net.blocks]) if cached else None
        scores.append(net(new, caches)[:, -1])
        code = torch.multinomial(F.softmax(2.0 * scores[-1], dim=-1), num_samples=1)
        context, codes = torch.cat((context, code), dim=1), torch.cat((codes, code), dim=1)
    return "".join(LETTERS[c] for c in codes[0].tolist()), torch.cat(scores)


def main():
    torch.manual_seed(0)
    torch.set_default_dtype(torch.float32)
    data = torch.tensor([LETTERS.index(c) for c in TEXT])
    net = GPT(len(LETTERS))
    print(f"{sum(p.numel() for p in net.parameters())} parameters")
    optimizer = torch.optim.AdamW(net.parameters(), betas=(0.9, 0.95))
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=1e-2, total_steps=STEPS)
    for step in range(1, STEPS + 1):
        starts = torch.randint(len(data) - BLOCK, (BATCH,))
        x, y = (torch.stack([data[i + k : i + k + BLOCK] for i in starts]) for k in (0, 1))
        loss = F.cross_entropy(net(x).view(-1, len(LETTERS)), y.view(-1))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        scheduler.step()
        if step % 50 == 0:
            print(f"step {step:4}  loss {loss.item():.3f}  per letter")
    net.eval().double()  # so that rounding does not change a letter
    start, runs = torch.tensor([[LETTERS.index(c) for c in "the "]]), []
    for cached in (True, False):
        begin = time.perf_counter()
        runs.append((*write(net, start, 300, cached), time.perf_counter() - begin))
    (text, scores, seconds), (other, others, longer) = runs
    print(f"\n{text}\n\nwith the cache {seconds:.2f} s, without {longer:.2f} s")
    if text != other or not torch.allclose(scores, others):
        raise SystemExit("the cache changes what is written")
    if loss.item() > 0.6:
        raise SystemExit("little was learned")


if __name__ == "__main__":
    main()
