"""A recurrent net that reads a small text letter by letter, and then continues it.

    python examples/characters_rnn.py

It learns to predict the next letter from pieces of the text, examples/text.txt. What it writes at the end is sampled
from its own probabilities, one letter after the other.
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
LENGTH, BATCH, STEPS = 40, 24, 350


class Writer(nn.Module):
    def __init__(self, letters, hidden=96):
        super().__init__()
        self.table = nn.Embedding(letters, 24)
        self.memory = nn.GRU(24, hidden, batch_first=True)
        self.out = nn.Linear(hidden, letters)

    def forward(self, codes, state=None):
        """Scores for the letter after each of `codes` (batch, length), and the final state."""
        hidden, state = self.memory(self.table(codes), state)
        return self.out(hidden), state


def write(net, start, length):
    net.eval()
    codes = [LETTERS.index(letter) for letter in start]
    with ag.no_grad():
        scores, state = net(np.array([codes]))
        for _ in range(length):
            p = nn.functional.softmax(2.0 * scores[0, -1], dim=-1)  # a temperature of 1/2
            codes.append(int(ag.multinomial(p, 1)[0].item()))
            scores, state = net(np.array([codes[-1:]]), state)
    return "".join(LETTERS[code] for code in codes)


def main():
    ag.manual_seed(0)
    ag.set_default_dtype(np.float32)
    net, cross_entropy = Writer(len(LETTERS)), nn.CrossEntropyLoss()
    optimizer = optim.AdamW(net.parameters(), lr=6e-3)
    schedule = optim.lr_scheduler.CosineAnnealingLR(optimizer, STEPS)
    print(f"{len(TEXT)} letters, {len(LETTERS)} different; a uniform guess has a loss of {np.log(len(LETTERS)):.2f}")
    average = np.log(len(LETTERS))
    for step in range(1, STEPS + 1):
        starts = ag.randint(0, len(CODES) - LENGTH, (BATCH, 1)).numpy()
        pieces = CODES[starts + np.arange(LENGTH + 1)]
        scores, _ = net(pieces[:, :-1])
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
