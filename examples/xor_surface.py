"""XOR, and the output of a net between the four points: a picture of its decision surface.

    python examples/xor_surface.py

It is printed as characters, and drawn to out/xor_surface.png if matplotlib is installed.
"""

from pathlib import Path

import numpy as np

import autograd_lite as ag
from autograd_lite import data, nn, optim, training

OUT = Path(__file__).parents[1] / "out"
SHADES = " .:-=+*#%@"


def learned():
    ag.manual_seed(1)
    X, Y = data.xor()
    net = nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 1), nn.Sigmoid())
    optimizer = optim.Adam(net.parameters(), lr=0.1)
    history = training.fit(net, (X, Y), nn.BCELoss(), optimizer, epochs=200, batch_size=4)
    print(history.table(every=40), "\n")
    return net


def surface(net, n):
    """The net's outputs on a grid from -0.5 to 1.5, the top row first."""
    side = np.linspace(-0.5, 1.5, n)
    x1, x2 = np.meshgrid(side, side[::-1])
    return training.predict(net, np.stack([x1.ravel(), x2.ravel()], axis=1)).reshape(n, n)


def draw(net):
    try:
        import matplotlib.pyplot as plt
    except ImportError:
        print("no picture: matplotlib is not installed")
        return
    figure, ax = plt.subplots(figsize=(4.5, 4), layout="constrained")
    image = ax.imshow(surface(net, 200), extent=(-0.5, 1.5, -0.5, 1.5), vmin=0, vmax=1, cmap="RdBu")
    X, Y = data.xor()
    ax.scatter(*X.T, c=Y[:, 0], vmin=0, vmax=1, cmap="RdBu", edgecolors="black", s=90)
    figure.colorbar(image, label="the net's output")
    ax.set(xlabel="x1", ylabel="x2", title="XOR")
    OUT.mkdir(exist_ok=True)
    figure.savefig(OUT / "xor_surface.png")
    print(f"picture: {OUT.name}/xor_surface.png")


def main():
    net = learned()
    for line in surface(net, 21):
        print("   ", "".join(2 * SHADES[min(int(10 * p), 9)] for p in line))
    print()
    X, Y = data.xor()
    answers = training.predict(net, X)
    for x, p in zip(X, answers[:, 0], strict=True):
        print(f"{x} -> {p:.3f}")
    draw(net)
    if not np.array_equal(answers > 0.5, Y > 0.5):
        raise SystemExit("XOR was not learned")


if __name__ == "__main__":
    main()
