"""A small transformer that reads the same text as characters_rnn.py, all letters of a piece at once.

    python examples/characters_transformer.py

Each letter attends to those before it and to none after it: that is the mask. Two layers, four heads.
"""

import os
from pathlib import Path

# Thousands of small products: on a busy machine, threads that wait for each other would take ten times as long.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

import autograd_lite as ag
from autograd_lite import nn, optim

TEXT = Path(__file__).with_name("text.txt").read_text(encoding="utf-8")
LETTERS = sorted(set(TEXT))
CODES = np.array([LETTERS.index(letter) for letter in TEXT])
LENGTH, BATCH, STEPS = 48, 16, 300


class Writer(nn.Module):
    def __init__(self, letters, features=48, heads=4, layers=2):
        super().__init__()
        self.letters = nn.Embedding(letters, features)
        self.places = nn.Embedding(LENGTH, features)
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(
                features, heads, 4 * features, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
            )
            for _ in range(layers)
        )
        self.norm = nn.LayerNorm(features)
        self.out = nn.Linear(features, letters)

    def forward(self, codes):
        """Scores for the letter after each of `codes` (batch, length)."""
        n = codes.shape[1]
        later = np.triu(np.ones((n, n), bool), 1)  # True where attention is not allowed
        x = self.letters(codes) + self.places(np.arange(n))
        for layer in self.layers:
            x = layer(x, src_mask=later)
        return self.out(self.norm(x))


def write(net, start, length):
    net.eval()
    codes = [LETTERS.index(letter) for letter in start]
    with ag.no_grad():
        for _ in range(length):
            scores = net(np.array([codes[-LENGTH:]]))[0, -1]
            codes.append(int(ag.multinomial(nn.functional.softmax(2.0 * scores, dim=-1), 1)[0].item()))
    return "".join(LETTERS[code] for code in codes)


def main():
    ag.manual_seed(0)
    ag.set_default_dtype(np.float32)
    net, cross_entropy = Writer(len(LETTERS)), nn.CrossEntropyLoss()
    print(f"{sum(p.size for p in net.parameters())} parameters")
    optimizer = optim.AdamW(net.parameters())
    schedule = optim.lr_scheduler.OneCycleLR(optimizer, max_lr=1e-2, total_steps=STEPS)
    average = np.log(len(LETTERS))
    for step in range(1, STEPS + 1):
        starts = ag.randint(0, len(CODES) - LENGTH, (BATCH, 1)).numpy()
        pieces = CODES[starts + np.arange(LENGTH + 1)]
        scores = net(pieces[:, :-1])
        loss = cross_entropy(scores.reshape(-1, len(LETTERS)), pieces[:, 1:].reshape(-1))
        optimizer.zero_grad()
        loss.backward(retain_graph=False)
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        average = 0.9 * average + 0.1 * loss.item()
        if step % 50 == 0:
            print(f"step {step:4}  loss {average:.3f}  per letter")
    print("\n" + write(net, "the ", 300))
    if average > 0.6:
        raise SystemExit("little was learned")


if __name__ == "__main__":
    main()
