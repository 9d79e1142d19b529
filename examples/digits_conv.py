"""Handwritten digits with a convolutional net: at least 98.5 percent of the test digits are recognised.

    python examples/digits_conv.py

In each epoch, each image is shifted at random by up to a pixel, so that the net learns strokes and not pixels.
"""

import numpy as np

import autograd_lite as ag
from autograd_lite import data, nn, optim, training
from autograd_lite.optim import lr_scheduler

EPOCHS = 20


class Shifted(data.Dataset):
    """The images, each shifted at random by up to a pixel whenever it is read."""

    def __init__(self, images, labels):
        self.images, self.labels = np.pad(images, ((0, 0), (0, 0), (1, 1), (1, 1))), labels

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        down, right = ag.randint(0, 3, (2,)).tolist()
        return self.images[i, :, down : down + 8, right : right + 8], self.labels[i]


def main():
    ag.manual_seed(0)
    ag.set_default_dtype(np.float32)
    digits = data.digits()
    X_train, X_test = (X.astype(np.float32).reshape(-1, 1, 8, 8) for X in (digits.X_train, digits.X_test))

    net = nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(),
        nn.Conv2d(16, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Dropout(0.3), nn.Linear(32 * 4 * 4, 10),
    )
    print(net, "\n")
    loader = data.DataLoader(Shifted(X_train, digits.y_train), batch_size=64, shuffle=True)
    optimizer = optim.AdamW(net.parameters(), weight_decay=0.01)
    cycle = lr_scheduler.OneCycleLR(optimizer, max_lr=1e-2, total_steps=EPOCHS * len(loader))
    training.fit(
        net, loader, nn.CrossEntropyLoss(), optimizer, epochs=EPOCHS, metrics=[training.accuracy],
        callbacks=[training.Schedule(cycle, every="batch"), training.Log(every=5)],
    )
    accuracy = training.evaluate(net, (X_test, digits.y_test), metrics=[training.accuracy])["accuracy"]
    print(f"\ntest accuracy {accuracy:.4f}")
    if accuracy < 0.985:
        raise SystemExit("less than 0.985")


if __name__ == "__main__":
    main()
