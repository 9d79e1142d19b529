"""Training on several processes: each computes the gradients of its part of a batch, and these are averaged.

The processes are the ranks of an MPI communicator (mpi4py's, or anything with its methods). Before every exchange of
data the ranks exchange flags, and a rank that has failed takes part in this. So an error anywhere ends all ranks, and
none waits for another forever. Without a communicator nothing is exchanged.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

import numpy as np

from ..base.generator import default_generator
from ..data import DataLoader
from ..nn import Module
from ..tensor import Tensor
from .evaluation import Scores, as_loader
from .metrics import array_of
from .run import Passes


class Ranks:
    """The ranks of a communicator, as `fit` uses them.

    Attributes
    ----------
    rank, size : int
    pressed : bool
        Whether Ctrl-C was pressed on this rank.
    """

    def __init__(self, communicator: Any = None) -> None:
        self.communicator = communicator
        self.rank: int = 0 if communicator is None else communicator.Get_rank()
        self.size: int = 1 if communicator is None else communicator.Get_size()
        self.pressed = self._ended = self._any_pressed = False

    # ---------------------------------------------------------------------------------------------- the exchange

    def agree(self, stop: bool = False, error: BaseException | None = None) -> bool:
        """Exchange the flags: an error, Ctrl-C, a run that shall stop. Returns whether any rank shall stop.

        Raises
        ------
        SystemExit
            If another rank has failed: that one shows the error, and this one exits silently.
        """
        if self.size == 1:
            return stop
        flags = self.communicator.allgather((error is not None, self.pressed, stop))
        failed, pressed, stops = zip(*flags, strict=True)
        if any(failed):
            self._ended = True
            if failed.index(True) != self.rank:
                raise SystemExit(1)
        self._any_pressed = any(pressed)
        return any(stops)

    @property
    def interrupted(self) -> bool:
        """True if Ctrl-C ends the run: on all ranks at once, after it was pressed on any."""
        return self.pressed if self.size == 1 else self._any_pressed

    def fail(self, error: BaseException) -> None:
        """Take part in the exchange that the other ranks are waiting for, and end them."""
        if not self._ended:
            self.agree(error=error)

    def from_first(self, make: Callable[[], Any]) -> Any:
        """Call `make` on rank 0 only, and return its result on all ranks."""
        value = make() if self.rank == 0 else None
        if self.size == 1:
            return value
        self.agree()
        return self.communicator.bcast(value)

    # ---------------------------------------------------------------------------------------------- a training run

    def loader(self, data: Any, batch_size: int, shuffle: bool, generator: Any) -> DataLoader:
        """A loader of this rank's part of the data; all ranks use the same order, which is that of one process."""
        if self.size == 1:
            return as_loader(data, batch_size, shuffle, generator)
        shard = (self.rank, self.size)
        if isinstance(data, DataLoader):
            if data.shard != shard:
                where = f"on rank {self.rank} of {self.size}"
                raise ValueError(f"fit: {where} a loader needs shard={shard}, got {data.shard}")
            return data
        loader = as_loader(data, batch_size, shuffle, default_generator if generator is None else generator, shard)
        if generator is None:
            loader.generator = None  # the default one, which `epoch` makes equal on all ranks
        return loader

    def start(self, model: Module, what: Mapping[str, Any]) -> None:
        """Give all ranks the weights of rank 0. `what` must be the same everywhere: the number of batches, …

        Raises
        ------
        ValueError
            If it is not.
        """
        if self.size == 1:
            return
        self.agree()
        mine = {**what, "weights": [(name, np.shape(array_of(t))) for name, t in model.state_dict().items()]}
        for rank, theirs in enumerate(self.communicator.allgather(mine)):
            for name, value in theirs.items():
                if value != mine[name]:
                    raise ValueError(
                        f"fit: rank {rank} has {value} {name}, and rank {self.rank} {mine[name]}; these must be "
                        "equal. DataLoader(..., shard=(rank, size)) gives each rank its part of every batch"
                    )
        model.load_state_dict(self.communicator.bcast(model.state_dict()))
        if self.rank == 0 and any(name.endswith("running_mean") for name, _ in model.named_buffers()):
            warnings.warn(
                "fit: BatchNorm takes the mean and variance of a batch over each rank's own rows; its "
                "running statistics are averaged over the ranks after each epoch",
                stacklevel=4,
            )

    def epoch(self, loader: DataLoader) -> Iterator[Any]:
        """The batches of an epoch, whose order all ranks draw from the stream of random numbers of rank 0.

        Then each rank has its own stream, for dropout for instance, which restarts in each epoch from the state of rank
        0's.
        """
        if self.size == 1:
            return iter(loader)
        bits = default_generator.numpy.bit_generator
        bits.state = self.from_first(lambda: bits.state)
        batches = iter(loader)
        if self.rank:
            bits.state = bits.jumped(self.rank).state  # type: ignore[attr-defined]  # every generator of ours has it
        return batches

    def averaged(self, passes: Passes, parameters: Sequence[Any], scores: Scores) -> Passes:
        """The two passes on this rank's part of the batch; the loss and the gradients become those of
        the whole batch, a mean or a sum as in `scores`.
        """
        if self.size == 1:
            return passes

        def on_all(inputs: Any, target: Any) -> Any:
            pred, loss, weight = None, 0.0, 0.0
            if len(target):
                pred, loss = passes(inputs, target)
                weight = scores.weight_of(pred, target)
            if not weight:
                for p in parameters:
                    p.grad = None
            self.agree()
            return pred, self._combine(parameters, weight, array_of(loss).item() if weight else 0.0, scores.is_sum)

        return on_all

    def _combine(self, parameters: Sequence[Any], weight: float, loss: float, is_sum: bool) -> Tensor:
        """Replace the gradients by their weighted mean or sum over the ranks, in one exchange, and return the loss."""
        parts = [
            np.zeros(p.size, p.dtype) if p.grad is None else weight * array_of(p.grad).ravel() for p in parameters
        ]
        flags = [p.grad is not None for p in parameters]
        buffer = np.concatenate([*parts, flags, [weight, weight * loss]], dtype=np.result_type(np.float32, *parts))
        total = np.empty_like(buffer)
        self.communicator.Allreduce(buffer, total)
        *sums, counts, ends = np.split(total, np.cumsum([*map(len, parts), len(flags)]))
        divisor = 1.0 if is_sum else ends[0]
        for p, part, has in zip(parameters, sums, counts, strict=True):
            p.grad = Tensor((part / divisor).reshape(p.shape).astype(p.dtype)) if has else None
        return Tensor(ends[1] / divisor)

    def end_epoch(self, model: Module, scores: Scores) -> Scores:
        """The scores of all ranks; the running statistics of the model are averaged."""
        if self.size == 1:
            return scores
        self.agree()
        arrays = [array_of(buffer) for _, buffer in model.named_buffers()]
        statistics = [array for array in arrays if array.dtype.kind == "f"]
        mine = scores.total, scores.weight, scores.rows, scores.pairs, [array.copy() for array in statistics]
        totals, weights, rows, pairs, of_ranks = zip(*self.communicator.allgather(mine), strict=True)
        for array, *of_each in zip(statistics, *of_ranks, strict=True):
            array[...] = sum(of_each) / self.size
        scores.total = totals[0] if scores.is_sum else sum(totals)  # of a sum each rank has the whole
        scores.weight, scores.rows, scores.pairs = sum(weights), sum(rows), list(chain(*pairs))
        return scores
