"""A net that removes noise from digits: it sees noisy ones, and learns to output clean ones.

    python examples/denoiser.py

Input, output and the original are printed as characters, and drawn to out/denoiser.png with matplotlib.
"""

from pathlib import Path

import numpy as np

import autograd_lite as ag
from autograd_lite import data, nn, optim, training

OUT = Path(__file__).parents[1] / "out"
SHADES = " .:-=+*#%@"


class Denoiser(nn.Module):
    """Down to 24 numbers and up again; in training mode it adds noise to its own input."""

    def __init__(self, noise=0.4):
        super().__init__()
        self.noise = noise
        self.encoder = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 24))
        self.decoder = nn.Sequential(nn.ReLU(), nn.Linear(24, 128), nn.ReLU(), nn.Linear(128, 64), nn.Sigmoid())

    def forward(self, x):
        return self.decoder(self.encoder(self.spoiled(x) if self.training else x))

    def spoiled(self, x):
        return np.clip(x + self.noise * ag.randn(*x.shape, dtype=np.float32).numpy(), 0, 1)


def rows(*images):
    """8 x 8 images side by side, as lines of characters."""
    for lines in zip(*(image.reshape(8, 8) for image in images), strict=True):
        yield "   ".join("".join(2 * SHADES[min(int(10 * v), 9)] for v in line) for line in lines)


def draw(noisy, clean, truth):
    try:
        import matplotlib.pyplot as plt
    except ImportError:
        print("no picture: matplotlib is not installed")
        return
    figure, axes = plt.subplots(3, len(truth), figsize=(len(truth), 3.3), layout="constrained")
    for line, images, title in zip(axes, (noisy, clean, truth), ("noisy", "cleaned", "truth"), strict=True):
        line[0].set_title(title, loc="left", fontsize=9)
        for ax, image in zip(line, images, strict=True):
            ax.imshow(image.reshape(8, 8), cmap="gray_r", vmin=0, vmax=1)
            ax.axis("off")
    OUT.mkdir(exist_ok=True)
    figure.savefig(OUT / "denoiser.png")
    print(f"picture: {OUT.name}/denoiser.png")


def main():
    ag.manual_seed(0)
    ag.set_default_dtype(np.float32)
    digits = data.digits()
    X_train, X_test = (X.astype(np.float32) for X in (digits.X_train, digits.X_test))
    net = Denoiser()
    optimizer = optim.Adam(net.parameters(), lr=2e-3)
    history = training.fit(net, X_train, nn.MSELoss(), optimizer, epochs=60, batch_size=32)
    print(history.table(every=15), "\n")

    noisy = net.spoiled(X_test)
    clean = training.predict(net, noisy)
    for k in (0, 100, 200):
        print(*rows(noisy[k], clean[k], X_test[k]), "", sep="\n")
    before, after = training.mse(noisy, X_test), training.mse(clean, X_test)
    print(f"mean squared error: noisy {before:.4f}, cleaned {after:.4f}")
    draw(noisy[:8], clean[:8], X_test[:8])
    if after > 0.5 * before:
        raise SystemExit("not even half of the noise was taken off")


if __name__ == "__main__":
    main()
