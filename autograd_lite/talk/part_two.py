"""The talk's second half: a net is a list of layers, so it can have any depth.

Each section is a function of the seed that prints its slide. The layers are `nn.FullyConnected` and
`nn.NeuralNetwork`, the talk's own framework; neither defines a backward pass.
"""

from collections.abc import Iterator

import numpy as np

import autograd_lite as ag
from autograd_lite import nn, optim, training
from autograd_lite.data import Split, digits, mnist, truth_table
from autograd_lite.optim import lr_scheduler
from autograd_lite.talk import by_hand, slide
from autograd_lite.talk.training import AGREEMENT, accuracy, difference, table_weights

EPOCHS = 10
FIRST_RATE, LAST_RATE = 1.0, 0.1


def layers_like_by_hand(seed: int) -> None:
    """Two layers and a loss are the first half's net, with the same gradients."""
    slide.heading("A net is a list of layers")
    slide.say(
        """A deeper net repeats two steps, a product with weights and an activation function, and its backward pass
        repeats them in reverse. The repeated part is a layer. It passes values forward and gradients backward. A
        layer here defines only its forward pass; the graph does the backward pass."""
    )
    net = layered_net(4, 1, bias=False)
    print("    " + repr(net).replace("\n", "\n    ") + "\n")
    X, Y = truth_table()
    V, W = table_weights(seed)
    net.load_state_dict({"layers.0.W": V, "layers.1.W": W})
    hand = by_hand.quantities(X[:1], Y[:1], V, W)
    loss = net.loss(net(X[:1]), Y[:1])
    net.backpropagate(loss)
    slopes = [p.grad.numpy() for p in net.parameters() if p.grad is not None]
    largest = difference("by hand and by layers", *zip(slopes, (hand["dLdV"], hand["dLdW"]), strict=True))
    slide.say(
        f"""With the first half's V and W as the weights of its two layers, the first example gives the same dLdV and
        dLdW as by hand: largest difference {largest:.1e} (above {AGREEMENT:.0e} this section raises an error)."""
    )


def layered_net(*neurons: int, bias: bool = True) -> nn.NeuralNetwork:
    """A net of fully connected sigmoid layers of these sizes, with the talk's loss."""
    return nn.NeuralNetwork([nn.FullyConnected(n, ag.sigmoid, bias=bias) for n in neurons])


def digits_by_layers(seed: int) -> None:
    """The digits, one at a time, with a net of 50 hidden sigmoid units, and a deeper one."""
    slide.heading("The digits with a net made of layers")
    data = digits()
    slide.say(
        f"""50 hidden units and 10 outputs, all sigmoid; half the squared error; one digit at a time, in a new order
        in each of {EPOCHS} epochs. Three things differ from the talk: each layer has biases, its initial weights
        have a standard deviation of one over the root of its number of inputs, and the learning rate decreases from
        {FIRST_RATE} to {LAST_RATE}. The talk has no learning rate, which means 1."""
    )
    train_layers(seed, data, 50, 10)
    slide.say("A deeper net has one more layer in the list:")
    train_layers(seed, data, 50, 30, 10)


def train_layers(seed: int, data: Split, *neurons: int) -> float:
    """Train a layered net and print a row for each epoch; returns the accuracy on the test set."""
    Y_test = np.eye(10)[data.y_test]
    print(f"    layers of {', '.join(map(str, neurons))} neurons\n")
    row = slide.table(-7, -8, -8, -15)
    row("epoch", "rate", "loss", "test accuracy")
    right = 0.0
    for epoch, rate, loss, net in epochs_by_layers(seed, data, *neurons):
        right = accuracy(net.forwardpass(data.X_test).numpy(), Y_test)
        row(epoch, f"{rate:.1f}", f"{loss:.4f}", f"{right:.3f}")
    print(f"\nAccuracy on the test digits: {100 * right:.1f} percent\n")
    return right


def epochs_by_layers(
    seed: int, data: Split, *neurons: int, rates: tuple[float, float] = (FIRST_RATE, LAST_RATE)
) -> Iterator[tuple[int, float, float, nn.NeuralNetwork]]:
    """Train a layered net example by example; yields the epoch, rate, mean loss and net after each epoch."""
    rng = ag.manual_seed(seed).numpy
    net = layered_net(*neurons)
    Y = np.eye(10)[data.y_train]
    for epoch, rate in enumerate(np.linspace(*rates, EPOCHS), 1):
        losses = [net.learn(data.X_train[i : i + 1], Y[i : i + 1], float(rate)) for i in rng.permutation(len(Y))]
        yield epoch, float(rate), sum(losses) / len(losses), net


def modern_recipe(seed: int) -> None:
    """A modern recipe: ReLU, cross-entropy, AdamW, batches, one `fit`."""
    slide.heading("The same digits with a modern recipe")
    slide.say(
        """ReLU is not flat above 0; cross-entropy has a large slope where the net is confident and wrong, where the
        squared error of a sigmoid has almost none; AdamW adapts the step of each weight; and batches use the hardware
        well. The numbers are those of the training epoch, and with val_ those of the test digits."""
    )
    data = digits()
    modern(seed, data, hidden=128, epochs=12, batch_size=32)


def modern(seed: int, data: Split, hidden: int, epochs: int, batch_size: int) -> float:
    """Train a ReLU net with AdamW and one cycle of learning rates; prints the table, returns the accuracy."""
    ag.manual_seed(seed)
    inputs = data.X_train.shape[1]
    net = nn.Sequential(
        nn.Linear(inputs, hidden, dtype=np.float32), nn.ReLU(), nn.Dropout(0.2), nn.Linear(hidden, 10, dtype=np.float32)
    )
    optimizer = optim.AdamW(net.parameters())
    steps = epochs * -(-len(data.X_train) // batch_size)
    cycle = lr_scheduler.OneCycleLR(optimizer, max_lr=1e-2, total_steps=steps)
    history = training.fit(
        net, (data.X_train.astype(np.float32), data.y_train), nn.CrossEntropyLoss(), optimizer,
        epochs=epochs, batch_size=batch_size, validation=(data.X_test.astype(np.float32), data.y_test),
        metrics=[training.accuracy], callbacks=[training.Schedule(cycle, every="batch"), training.Log()],
    )
    right = history["val_accuracy"][-1]
    print(f"\nAccuracy on the test digits: {100 * right:.1f} percent\n")
    return right


def on_mnist(seed: int) -> None:
    """MNIST, if it is on this machine: why the talk's last run shows 71 percent, and a modern net."""
    slide.heading("MNIST")
    data = find_mnist()
    if data is None:
        return
    print(f"{len(data.X_train):,} digits for training, {len(data.X_test):,} for testing.\n")
    slide.say(
        """The talk ends with 71 percent, after one pass over 5,000 digits; its first half has 95 with the same net
        after ten passes over 63,000. There are two reasons: the single short pass, and initial weights of size 1,
        with which most outputs are where the sigmoid is flat. One pass over 4,000 digits:"""
    )
    row = slide.table(44, -15)
    row("initial weights", "test accuracy")
    for title, scale in (("standard normal, no biases (the talk's)", 1.0), ("divided by the root of the inputs", None)):
        row(title, f"{one_pass(seed, data, scale):.3f}")
    print()
    modern(seed, data, hidden=256, epochs=12 if len(data.X_train) < 10_000 else 4, batch_size=128)


def one_pass(seed: int, data: Split, scale: float | None, count: int = 4000) -> float:
    """Train on `count` digits, one at a time, with a rate of 1; returns the accuracy on at most 2,000 test digits."""
    rng = ag.manual_seed(seed).numpy
    net = nn.NeuralNetwork([nn.FullyConnected(n, ag.sigmoid, bias=False, scale=scale) for n in (50, 10)])
    for i in rng.permutation(len(data.y_train))[:count]:
        net.learn(data.X_train[i : i + 1], np.eye(10)[data.y_train[i : i + 1]])
    return accuracy(net.forwardpass(data.X_test[:2000]).numpy(), np.eye(10)[data.y_test[:2000]])


def mnist_as_the_talk(seed: int) -> None:
    """The talk's own setting on MNIST: 50 hidden units, ten epochs, one digit at a time (minutes on the full set)."""
    slide.heading("MNIST in the talk's own setting")
    data = find_mnist()
    if data is not None:
        train_layers(seed, data, 50, 10)


def find_mnist() -> Split | None:
    """MNIST; or None, after printing how to get it."""
    try:
        return mnist()
    except FileNotFoundError as error:
        slide.say("The talk uses MNIST's digits of 28 x 28 pixels. They were not found; any of these provides them:")
        print("\n".join(str(error).splitlines()[1:]) + "\n")
        return None
