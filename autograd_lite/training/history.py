"""The history of a training run: a row of numbers for each epoch, as a table or a plot."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

SHOWN = 20  # rows of `repr`, about; `print` shows all


class History:
    """The numbers of each epoch, in order; ``history["loss"]`` is the list of one of them.

    Attributes
    ----------
    rows : list of dict
        One for each epoch: ``epoch``, ``loss``, the metrics, and the same with the prefix ``val_``.
    interrupted : bool
        Whether Ctrl-C ended the run.

    Examples
    --------
    >>> history = History([{"epoch": 1, "loss": 0.5}, {"epoch": 2, "loss": 0.25}])
    >>> print(history)
      epoch     loss
          1   0.5000
          2   0.2500
    >>> history["loss"], history.best("loss")["epoch"]
    ([0.5, 0.25], 2)
    """

    def __init__(self, rows: Iterable[Mapping[str, float]] = ()) -> None:
        self.rows: list[dict[str, float]] = [dict(row) for row in rows]
        self.interrupted = False

    @property
    def names(self) -> list[str]:
        """The columns, in order of appearance."""
        return list(dict.fromkeys(name for row in self.rows for name in row))

    def append(self, row: Mapping[str, float]) -> None:
        """Add the numbers of an epoch."""
        self.rows.append(dict(row))

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[dict[str, float]]:
        return iter(self.rows)

    def __getitem__(self, name: str) -> list[float]:
        if self.rows and name not in self.names:
            raise KeyError(f"{name!r}; expected {', '.join(self.names)}")
        return [row[name] for row in self.rows if name in row]

    def best(self, name: str, mode: str | None = None) -> dict[str, float]:
        """The row of the epoch with the best `name`: the smallest for losses and errors, otherwise the largest.

        An epoch in which it is NaN is never the best; a ValueError says that all are.
        """
        if name not in self.names:
            raise KeyError(f"{name!r}; expected {', '.join(self.names) or 'a history with epochs'}")
        rows = [row for row in self.rows if not math.isnan(row.get(name, math.nan))]
        if not rows:
            raise ValueError(f"History.best: {name!r} is nan in every epoch")
        return (min if smaller_is_better(name, mode) else max)(rows, key=lambda row: row[name])

    def table(self, every: int = 1) -> str:
        """The rows as text: the first, every `every`-th epoch, and the last."""
        ends = 0, len(self.rows) - 1
        shown = [row for k, row in enumerate(self.rows) if k in ends or row.get("epoch", k) % every == 0]
        return "\n".join([table_line(self.names), *(table_line(self.names, row) for row in shown)])

    def __str__(self) -> str:
        return self.table() if self.rows else "no epochs"

    def __repr__(self) -> str:
        return self.table(every=max(1, len(self) // SHOWN)) if self.rows else "no epochs"

    def plot(self, *names: str, ax: Any = None) -> Any:
        """Plot columns (by default all) against the epoch with matplotlib; returns the figure.

        Without `ax`, a new figure has the losses in one panel and everything else in another. A notebook shows it as
        the value of a cell.
        """
        try:
            import matplotlib
            from matplotlib import pyplot
        except ImportError:
            raise ImportError("History.plot needs matplotlib; run pip install matplotlib") from None
        chosen = list(names) or [name for name in self.names if name != "epoch"]
        if ax is None:
            kinds = [[n for n in chosen if "loss" in n], [n for n in chosen if "loss" not in n]]
            kinds = [kind for kind in kinds if kind]
            figure, axes = pyplot.subplots(
                1, len(kinds), figsize=(5 * len(kinds), 3.5), squeeze=False, layout="constrained"
            )
            for panel, kind in zip(axes[0], kinds, strict=True):
                self.plot(*kind, ax=panel)
            if "inline" in matplotlib.get_backend():
                pyplot.close(figure)  # or the notebook shows it twice: as a new figure and as the cell's value
            return figure
        for name in chosen:
            rows = [(row.get("epoch", k), row[name]) for k, row in enumerate(self.rows) if name in row]
            if not rows:
                raise KeyError(f"{name!r}; expected {', '.join(self.names)}")
            ax.plot(*zip(*rows, strict=True), label=name, marker="." if len(rows) < 30 else None)
        ax.set_xlabel("epoch")
        ax.legend()
        return ax.figure


def table_line(names: Iterable[str], row: Mapping[str, float] | None = None) -> str:
    """A line of the table: the names, or the numbers of a row below them."""
    cells = []
    for name in names:
        text = name if row is None else _number(row[name]) if name in row else ""
        cells.append(text.rjust(max(len(name), 5 if name == "epoch" else 7)))
    return "  " + "  ".join(cells)


def smaller_is_better(name: str, mode: str | None = None) -> bool:
    """True if smaller is better: by `mode` ("min" or "max"), or by default for losses and errors."""
    if mode not in (None, "min", "max"):
        raise ValueError(f"expected mode 'min' or 'max', got {mode!r}")
    if mode is not None:
        return mode == "min"
    return any(word in name for word in ("loss", "error", "mse", "mae"))


def _number(value: float) -> str:
    if isinstance(value, int):
        return str(value)
    return f"{value:.4f}" if value == 0 or 1e-3 <= abs(value) < 1e5 else f"{value:.1e}"
