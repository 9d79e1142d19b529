"""Handwritten digits with two layers of ReLU: fit, early stopping, the best weights, curves, mistakes.

    python examples/digits_mlp.py

The 8 x 8 digits come with the package. A tenth of the training digits is used for validation, and the test digits are
used once, at the end.
"""

from pathlib import Path

import numpy as np

import autograd_lite as ag
from autograd_lite import data, nn, optim, training
from autograd_lite.optim import lr_scheduler

OUT = Path(__file__).parents[1] / "out"


def main():
    ag.manual_seed(0)
    ag.set_default_dtype(np.float32)
    OUT.mkdir(exist_ok=True)
    digits = data.digits()
    X_train, X_test = (X.astype(np.float32) for X in (digits.X_train, digits.X_test))
    watched, learned_from = data.random_split((X_train, digits.y_train), [0.1, 0.9])

    net = nn.Sequential(
        nn.Linear(64, 100), nn.ReLU(), nn.Dropout(0.2), nn.Linear(100, 50), nn.ReLU(), nn.Linear(50, 10)
    )
    optimizer = optim.AdamW(net.parameters(), lr=5e-3)
    history = training.fit(
        net, learned_from, nn.CrossEntropyLoss(label_smoothing=0.05), optimizer,
        epochs=40, batch_size=32, validation=watched, metrics=[training.accuracy],
        callbacks=[
            training.Log(every=5),
            training.Schedule(lr_scheduler.CosineAnnealingLR(optimizer, 40)),
            training.EarlyStopping("val_loss", patience=8),
            training.BestCheckpoint(OUT / "digits_mlp.npz"),
        ],
    )
    best = history.best("val_loss")
    print(f"\nbest epoch {best['epoch']:.0f}; its weights are in {OUT.name}/digits_mlp.npz")
    net.load_state_dict(ag.load(OUT / "digits_mlp.npz"))

    P = training.predict(net, X_test)
    print("\nrows: the digit; columns: the prediction")
    print(training.confusion_matrix(P, digits.y_test))
    accuracy = training.accuracy(P, digits.y_test)
    print(f"\ntest accuracy {accuracy:.3f}, in the top two {training.top_k_accuracy(P, digits.y_test, k=2):.3f}")
    try:
        history.plot().savefig(OUT / "digits_mlp.png")
        print(f"curves: {OUT.name}/digits_mlp.png")
    except ImportError as error:
        print(error)
    if accuracy < 0.96:
        raise SystemExit("less than 0.96")


if __name__ == "__main__":
    main()
