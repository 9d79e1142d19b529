"""A program that the tests of several processes start under mpiexec: ``python on_ranks.py "CASE ..." [FILE]``."""

import functools
import os
import signal
import sys
import warnings

import numpy as np
from mpi4py import MPI

import autograd_lite as ag
from autograd_lite import data, nn, optim, training
from autograd_lite.nn import functional as F

WORLD = MPI.COMM_WORLD
RANK, SIZE = WORLD.Get_rank(), WORLD.Get_size()
rng = np.random.default_rng(0)
X = rng.normal(size=(35, 5))
Y = (X.sum(axis=1) > 0).astype(int)


def net(*more):
    ag.manual_seed(0)
    return nn.Sequential(nn.Linear(5, 8), nn.Tanh(), *more, nn.Linear(8, 2))


def trained(model, make=optim.Adam, communicator=WORLD, epochs=2, **options):
    history = training.fit(
        model, options.pop("data", (X, Y)), options.pop("loss", nn.CrossEntropyLoss()),
        make(model.parameters(), lr=0.05), epochs=epochs, batch_size=options.pop("batch_size", 8),
        generator=options.pop("generator", 0), communicator=communicator, **options,
    )
    return history.rows, [p.data.copy() for p in model.parameters()]


def same(found, expected):
    """The losses and weights of a run on all ranks, and those of one process; the last batch has only three rows."""
    for a, b in zip(found[0], expected[0], strict=True):
        assert a.keys() == b.keys()
        assert all(abs(a[k] - b[k]) < 1e-12 for k in a), (a, b)
    for p, q in zip(found[1], expected[1], strict=True):
        np.testing.assert_allclose(p, q, rtol=0, atol=1e-12)


def equal():
    scored = {"metrics": [training.accuracy], "validation": (X, Y)}
    same(trained(net(), **scored), trained(net(), communicator=None, **scored))
    few = functools.partial(optim.LBFGS, max_iter=4)
    same(trained(net(), few, batch_size=35), trained(net(), few, batch_size=35, communicator=None))
    same(trained(net(), jit=True), trained(net(), communicator=None))
    loader = data.DataLoader((X, Y), 8, shuffle=True, generator=0, shard=(RANK, SIZE))
    same(trained(net(), data=loader), trained(net(), communicator=None))
    same(trained(net(), generator=None), trained(net(), generator=None, communicator=None))  # also in its order
    other = net()
    if RANK:  # only the weights of rank 0 count
        for p in other.parameters():
            p.data = p.data + 1
    same(trained(other), trained(net(), communicator=None))


def weighted():
    """What a batch counts is not its number of rows; where all rows of one rank are ignored, it counts nothing."""
    few = np.where(np.arange(35) % 3, -100, Y)
    for loss in (nn.CrossEntropyLoss(weight=[1.0, 5.0]), F.cross_entropy, nn.CrossEntropyLoss(reduction="sum")):
        for y in (Y, few):
            options = {"loss": loss, "data": (X, y), "validation": (X, y), "shuffle": False}
            same(trained(net(), **options), trained(net(), communicator=None, **options))


def random():
    """Dropout: the same numbers in two runs, different ones on each rank; resuming is exact."""
    first, second = (trained(net(nn.Dropout()), epochs=3) for _ in range(2))
    same(first, second)
    path = sys.argv[2]
    trained(net(nn.Dropout()), epochs=2, checkpoint=path)
    WORLD.Barrier()
    same(trained(net(nn.Dropout()), epochs=3, resume=path), first)
    first = trained(net(nn.Dropout()), epochs=2, generator=None)
    trained(net(nn.Dropout()), epochs=1, generator=None, checkpoint=path)
    WORLD.Barrier()
    same(trained(net(nn.Dropout()), epochs=2, generator=None, resume=path), first)
    drawn = WORLD.allgather(ag.rand(1).item())
    assert len(set(drawn)) == SIZE


def norm():
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        model = net(nn.BatchNorm1d(8))
        _, weights = trained(model, data=(X[:32], Y[:32]))
    assert ("BatchNorm" in str([w.message for w in seen])) == (RANK == 0)
    for theirs in WORLD.allgather([*weights, model[2].running_mean.numpy()]):
        for a, b in zip(theirs, [*weights, model[2].running_mean.numpy()], strict=True):
            np.testing.assert_array_equal(a, b)


class Ends(training.Callback):
    """Ends a run on the last rank only, in one event of an epoch: by `run.stop`, or by Ctrl-C."""

    def __init__(self, event, epoch, action):
        self.epoch, self.action = epoch, action
        setattr(self, event, self.act)

    def act(self, run):
        if RANK == SIZE - 1 and run.epoch == self.epoch:
            self.epoch = None  # once
            self.action(run)


def stop(run):
    run.stop = "enough"


def ends():
    for event, epoch, rows in (("on_begin", 0, 0), ("on_gradients", 2, 3), ("on_batch", 2, 3), ("on_epoch", 2, 2)):
        history, weights = trained(net(), epochs=6, callbacks=[Ends(event, epoch, stop)])
        assert WORLD.allgather(len(history)) == [rows] * SIZE, event
        agreed(weights)
    for event in ("on_gradients", "on_batch", "on_epoch"):  # before the ranks have exchanged flags, and after
        press = Ends(event, 1, lambda run: signal.raise_signal(signal.SIGINT))
        history, weights = trained(net(), epochs=6, callbacks=[press])
        assert WORLD.allgather(len(history)) == [1] * SIZE, event
        agreed(weights)


def agreed(weights):
    for theirs in WORLD.allgather(weights):
        for mine, p in zip(weights, theirs, strict=True):
            np.testing.assert_array_equal(mine, p)


class Fails(training.Callback):
    def __init__(self, act):
        self.act = act

    def on_batch(self, run):
        if run.steps == 2 and RANK == 1:
            self.act()


def fail(error):
    raise error


def raises():
    trained(net(), callbacks=[Fails(lambda: fail(ValueError("this rank fails")))])


def killed():
    trained(net(), callbacks=[Fails(lambda: os.kill(os.getpid(), 9))])


def batches():
    mine = slice(None, 35 - 10 * RANK)
    trained(net(), data=data.DataLoader((X[mine], Y[mine]), 8, shard=(RANK, SIZE)))


def mistakes():
    """Each ends all ranks; one has the error."""
    ag.manual_seed(RANK)
    loader = data.DataLoader((X, Y), 8, shuffle=True, shard=(RANK, SIZE))
    for options, message in (
        ({"callbacks": [Fails(lambda: fail(KeyboardInterrupt("this rank leaves")))]}, "this rank leaves"),
        ({"callbacks": [Fails] if RANK else []}, "expected callbacks derived from training.Callback"),
        ({"validation": (X, Y) if RANK else None}, "rank 1 has some validation data, and rank 0 no"),
        ({"data": loader}, "as the next number of its loader's generator, and rank 0"),
    ):
        try:
            trained(net(), **options)
            outcome = "nothing"
        except BaseException as error:
            outcome = "ended" if isinstance(error, SystemExit) else str(error)
        outcomes = sorted(WORLD.allgather(outcome), key=len)
        assert outcomes[:-1] == ["ended"] * (SIZE - 1), outcomes
        assert message in outcomes[-1], outcomes


if __name__ == "__main__":
    cases = (equal, weighted, random, norm, ends, raises, killed, batches, mistakes)
    for name in sys.argv[1].split():
        {f.__name__: f for f in cases}[name]()
    print("all is well")
