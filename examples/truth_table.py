"""The talk's truth table, learned by a net of two layers in an explicit training loop.

    python examples/truth_table.py

Three bits go in, one comes out: the first if the third is 0, else the second. No plane separates the cases.
"""

import numpy as np

import autograd_lite as ag
from autograd_lite import data, nn, optim


def main():
    ag.manual_seed(0)
    X, Y = data.truth_table()
    net = nn.Sequential(nn.Linear(3, 4), nn.Sigmoid(), nn.Linear(4, 1), nn.Sigmoid())
    loss_function = nn.HalfSquaredError()  # summed over the eight examples
    optimizer = optim.SGD(net.parameters(), lr=1.0, momentum=0.9)
    print(net, "\n")

    print("epoch    loss")
    for epoch in range(501):
        loss = loss_function(net(X), Y)
        if epoch % 50 == 0:
            print(f"{epoch:5}  {loss.item():6.4f}")
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    P = net(X).numpy()
    print("\nx1 x2 x3  actual  predicted")
    for x, y, p in zip(X.astype(int), Y[:, 0], P[:, 0], strict=True):
        print(f" {x[0]}  {x[1]}  {x[2]}   {y:4.1f}     {p:6.2f}")
    accuracy = np.mean((P > 0.5) == (Y > 0.5))
    print(f"\naccuracy {accuracy}")
    if accuracy < 1:
        raise SystemExit("the table was not learned")


if __name__ == "__main__":
    main()
