"""Micrograd's demo on arrays: two moons, a net of 2-16-16-1 with ReLU, the margin loss, a hundred steps.

    python examples/two_moons.py

The points, net, loss, penalty and learning rates are the same. If micrograd is installed, one step is compared: the
loss and the 337 gradients agree to rounding, and the times of both are printed.
"""

import time

import numpy as np

import autograd_lite as ag
from autograd_lite import data, nn, optim

PENALTY = 1e-4
STEPS = 100


def loss_and_accuracy(net, X, y):
    """The mean of max(0, 1 - y score), with a penalty on large weights; y is -1 or 1."""
    scores = net(X)[:, 0]
    loss = np.mean(np.maximum(1 - y * scores, 0)) + PENALTY * sum(np.sum(p * p) for p in net.parameters())
    return loss, np.mean((scores.numpy() > 0) == (y > 0))


def net_of_micrograds_shape():
    return nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 1))


def learn(X, y):
    ag.manual_seed(1337)
    net = net_of_micrograds_shape()
    optimizer = optim.SGD(net.parameters(), lr=1.0)
    for k in range(STEPS):
        optimizer.param_groups[0]["lr"] = 1.0 - 0.9 * k / STEPS
        loss, accuracy = loss_and_accuracy(net, X, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if k % 10 == 0 or k == STEPS - 1:
            print(f"step {k:3}  loss {loss.item():.5f}  accuracy {100 * accuracy:.0f} %")
    return loss_and_accuracy(net, X, y)[1], net


def compare_with_micrograd(X, y):
    try:
        from micrograd.engine import Value
        from micrograd.nn import MLP
    except ImportError:
        print("\nmicrograd is not installed: no comparison")
        return
    theirs, ours = MLP(2, [16, 16, 1]), net_of_micrograds_shape()
    for layer, mine in zip(theirs.layers, [ours[0], ours[2], ours[4]], strict=True):
        mine.weight.data = [[w.data for w in neuron.w] for neuron in layer.neurons]
        mine.bias.data = [float(neuron.b.data) for neuron in layer.neurons]

    started = time.perf_counter()
    losses = [(1 - float(t) * theirs([Value(v) for v in x])).relu() for x, t in zip(X, y, strict=True)]
    their_loss = sum(losses) * (1.0 / len(losses)) + PENALTY * sum(p * p for p in theirs.parameters())
    their_loss.backward()
    theirs_took, started = time.perf_counter() - started, time.perf_counter()
    our_loss, _ = loss_and_accuracy(ours, X, y)
    our_loss.backward()
    ours_took = time.perf_counter() - started

    apart = abs(their_loss.data - our_loss.item())
    for layer, mine in zip(theirs.layers, [ours[0], ours[2], ours[4]], strict=True):
        weights = np.array([[w.grad for w in neuron.w] for neuron in layer.neurons])
        biases = np.array([neuron.b.grad for neuron in layer.neurons])
        apart = max(
            apart, np.abs(weights - mine.weight.grad.numpy()).max(), np.abs(biases - mine.bias.grad.numpy()).max()
        )
    print(f"\none step: micrograd {theirs_took * 1e3:.0f} ms, here {ours_took * 1e3:.2f} ms")
    print(f"loss and gradients differ by {apart:.0e} at most")
    if apart > 1e-12:
        raise SystemExit("the gradients are not micrograd's")


def main():
    X, labels = data.moons(100, noise=0.1)
    y = 2.0 * labels - 1
    started = time.perf_counter()
    accuracy, net = learn(X, y)
    print(f"{time.perf_counter() - started:.2f} s\n")
    side1, side2 = np.meshgrid(np.linspace(-1.5, 2.5, 50), np.linspace(1.5, -1.0, 20))
    scores = net(np.stack([side1.ravel(), side2.ravel()], axis=1)).numpy().reshape(side1.shape)
    picture = np.where(scores > 0, "+", ".")
    for x, label in zip(X, labels, strict=True):
        picture[int((1.5 - x[1]) / 2.5 * 19.99), int((x[0] + 1.5) / 4 * 49.99)] = "o#"[label]
    print("\n".join("    " + "".join(line) for line in picture))
    compare_with_micrograd(X, y)
    if accuracy < 1:
        raise SystemExit("micrograd's demo reaches 100 %")


if __name__ == "__main__":
    main()
