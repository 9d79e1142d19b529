"""A small diffusion model of the digits: it learns to remove noise from images, and so draws new ones from noise.

    python examples/diffusion.py

It runs on PyTorch too, with the imports changed. In training, an image becomes √a image + √(1 - a) noise at a random
time, and the net estimates the image. A digit is drawn from noise in 50 steps: each estimates the image, and adds the
amount of noise that belongs to the previous time. The digits are printed.
"""

import math
import os

# Small products: on a busy machine, threads that wait for each other would take ten times as long.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import autograd_lite as torch
from autograd_lite import data, nn
from autograd_lite.nn import functional as F

TIMES, BATCH, STEPS = 50, 24, 350
SHADES = " .:-=+*#%@"


class Block(nn.Module):
    def __init__(self, channels, features):
        super().__init__()
        self.norm1, self.norm2 = nn.GroupNorm(4, channels), nn.GroupNorm(4, channels)
        self.conv1, self.conv2 = (nn.Conv2d(channels, channels, 3, padding=1) for _ in range(2))
        self.shift = nn.Linear(features, channels)

    def forward(self, x, features):
        h = self.conv1(F.silu(self.norm1(x))) + self.shift(features)[:, :, None, None]
        return x + self.conv2(F.silu(self.norm2(h)))


class Denoiser(nn.Module):
    """The images in x (batch, 1, 8, 8), estimated for digits y at times t; most work is at half the resolution."""

    def __init__(self, channels=32, features=64, blocks=2):
        super().__init__()
        self.time, self.digit = nn.Embedding(TIMES, features), nn.Embedding(10, features)
        self.mix = nn.Sequential(nn.Linear(features, features), nn.SiLU())
        self.down = nn.Conv2d(1, channels, 4, stride=2, padding=1)
        self.blocks = nn.ModuleList([Block(channels, features) for _ in range(blocks)])
        self.up = nn.ConvTranspose2d(channels, 7, 2, stride=2)
        self.last = nn.Conv2d(8, 1, 3, padding=1)

    def forward(self, x, t, y):
        features = self.mix(self.time(t) + self.digit(y))
        h = self.down(x)
        for block in self.blocks:
            h = block(h, features)
        return self.last(torch.cat((x, self.up(h)), dim=1))


def kept():
    """a at each time: the share of the image, from nearly 1 to nearly 0 (Nichol & Dhariwal 2021)."""
    return torch.cos((torch.arange(TIMES) + 0.5) / TIMES * math.pi / 2) ** 2


@torch.no_grad()
def draw(net, y):
    """New images of digits y (Song, Meng & Ermon 2021)."""
    a, x = kept(), torch.randn(len(y), 1, 8, 8)
    for k in reversed(range(TIMES)):
        image = net(x, torch.full((len(y),), k), y).clamp(-1, 1)
        noise = (x - a[k].sqrt() * image) / (1 - a[k]).sqrt()
        x = a[k - 1].sqrt() * image + (1 - a[k - 1]).sqrt() * noise if k else image
    return x


def main():
    torch.manual_seed(0)
    torch.set_default_dtype(torch.float32)
    digits = data.digits()
    images = 2 * torch.tensor(digits.X_train, dtype=torch.float32).view(-1, 1, 8, 8) - 1
    labels = torch.tensor(digits.y_train)
    share = kept()
    net = Denoiser()
    print(f"{sum(p.numel() for p in net.parameters())} parameters")
    optimizer = torch.optim.AdamW(net.parameters(), lr=6e-3)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=STEPS, eta_min=1e-4)
    average = (images**2).mean().item()  # the loss of a net that always returns 0
    print(f"step    0  loss {average:.3f}")
    for step in range(1, STEPS + 1):
        chosen, t = torch.randint(len(images), (BATCH,)), torch.randint(TIMES, (BATCH,))
        a, image = share[t].view(-1, 1, 1, 1), images[chosen]
        x = a.sqrt() * image + (1 - a).sqrt() * torch.randn_like(image)
        loss = F.mse_loss(net(x, t, labels[chosen]), image)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()
        average = 0.95 * average + 0.05 * loss.item()
        if step % 50 == 0:
            print(f"step {step:4}  loss {average:.3f}")
    y = torch.arange(100) // 10
    made = draw(net.eval(), y)
    for line in torch.cat([made[:50:10, 0], made[50::10, 0]], dim=1).swapaxes(0, 1).tolist():
        print("  ".join("".join(2 * SHADES[min(int(5 * v + 5), 9)] for v in row) for row in line))
    distance = ((made.view(-1, 1, 64) - images.view(1, -1, 64)) ** 2).sum(dim=2)
    right = (labels[distance.argmin(dim=1)] == y).float().mean().item()
    print(f"{right:.0%} of {len(y)} drawn digits are nearest to a training image of the same digit")
    if average > 0.15 or right < 0.8:
        raise SystemExit("expected a loss below 0.15, and 80 % of the digits")


if __name__ == "__main__":
    main()
