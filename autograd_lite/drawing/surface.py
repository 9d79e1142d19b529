"""A function of two numbers, or a loss in two weights, as contours, with the gradient and the path of an optimiser."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from ..engine.node import Function, Values
from ..program import Program
from ..program.equation import recorded
from ..rules.indexing import set_at
from ..tensor import Tensor
from ..transforms.grad import value_and_grad
from . import formatting
from .dot import Style
from .frames import Frames
from .svg import Makers, saved
from .themes import Theme, theme

POINTS, LEVELS = 60, 14  # of the grid along each side; contours
SIZE = 9.6, 5.4  # inches: 16:9
Make = Callable[[list[Tensor]], Any]


@dataclass(frozen=True)
class Run:
    """The path of one optimiser: points, values and gradients, with the start first."""

    name: str
    points: Any
    values: Any
    gradients: Any


@dataclass(frozen=True, eq=False)
class Surface:
    """The result of :func:`surface`. Notebooks show it.

    Attributes
    ----------
    names : tuple of str
        Of the two numbers, and of the value.
    x, y, z : ndarray
        The grid, and the values on it: ``z[j, i]`` belongs to ``x[i], y[j]``.
    runs : tuple of Run
    step : int, optional
        The last step that is shown; by default all are.

    Examples
    --------
    >>> import autograd_lite as ag
    >>> surface = ag.draw.surface(lambda x, y: x**2 + y**2, 1.0, -1.0, lr=0.25, steps=3)
    >>> surface.names, surface.z.ndim, len(surface.runs)
    (('x', 'y', 'f'), 2, 1)
    """

    names: tuple[str, str, str]
    x: Any
    y: Any
    z: Any
    runs: tuple[Run, ...]
    style: Style
    step: int | None = None

    @property
    def steps(self) -> int:
        """The length of the paths."""
        return len(self.runs[0].values) - 1

    @property
    def _last(self) -> int:
        """The step that is shown."""
        return self.steps if self.step is None else self.step

    @property
    def caption(self) -> str:
        """The numbers of the step that is shown."""
        k, number = self._last, formatting.number
        u, v, f = self.names
        if len(self.runs) > 1:
            return f"step {k}: {f} = " + ", ".join(f"{number(r.values[k])} ({r.name})" for r in self.runs)
        (run,) = self.runs
        (a, b), (da, db) = run.points[k], run.gradients[k]
        caption = f"step {k}: {u} = {number(a)}, {v} = {number(b)}, {f} = {number(run.values[k])}"
        return f"{caption}, ∇{f} = ({number(da)}, {number(db)})"

    def frames(self, most: int = 12) -> Frames:
        """The path step by step; at most `most` pictures, the first and the last step among them."""
        shown = np.unique(np.linspace(0, self.steps, most).round().astype(int)).tolist()
        pictures = tuple(replace(self, step=k) for k in shown)
        return Frames(pictures, tuple(p.caption for p in pictures))

    def figure(self) -> Any:
        """The picture as a figure of matplotlib."""
        try:
            from matplotlib.colors import LinearSegmentedColormap
            from matplotlib.figure import Figure
        except ImportError:
            raise ImportError("draw.surface needs matplotlib; run pip install matplotlib") from None
        t = self.style.theme
        figure = Figure(SIZE, layout="constrained", facecolor=t.background)
        plane, curve = figure.subplots(1, 2, width_ratios=(3, 2))
        for ax in (plane, curve):
            ax.set_facecolor(t.background)
            ax.tick_params(colors=t.ink)
            ax.spines[:].set_color(t.ink)
        colours = LinearSegmentedColormap.from_list("low to high", [t.background, t.positive])
        levels = np.unique(np.quantile(self.z[np.isfinite(self.z)], np.linspace(0, 1, LEVELS)))
        if len(levels) < 4:  # nearly flat
            levels = np.linspace(levels[0] - 1, levels[-1] + 1, 4)
        ranks = colours(np.linspace(0, 0.85, len(levels) - 1))
        plane.contourf(self.x, self.y, self.z, levels, colors=ranks)
        lines = plane.contour(self.x, self.y, self.z, levels[1:-1], colors=t.ink, linewidths=0.5)
        plane.clabel(lines, lines.levels[1::3], fontsize=9, fmt="%.3g")
        self._paths(plane, curve)
        u, v, f = self.names
        words = {"color": t.ink, "fontsize": 13, "parse_math": False}
        plane.set_xlabel(u, **words)
        plane.set_ylabel(v, **words)
        plane.set(xlim=self.x[[0, -1]], ylim=self.y[[0, -1]])
        if np.isclose(np.ptp(self.x), np.ptp(self.y)):
            plane.set_aspect("equal")  # then the gradient is perpendicular to the contours
        curve.set_xlabel("step", **words)
        curve.set_ylabel(f, **words)
        figure.suptitle(self.style.title or self.caption, **words)
        return figure

    def _paths(self, plane: Any, curve: Any) -> None:
        """The runs up to the step shown, on the plane and as a curve of values, with the gradient there."""
        t, at = self.style.theme, self.step or 0  # a still has the gradient at the start
        reach = 0.16 * min(np.ptp(self.x), np.ptp(self.y))
        for run, shade, mark in zip(self.runs, [t.accent, t.ink, t.partial, t.gradient] * 9, "os^D" * 9, strict=False):
            looks = {"color": shade, "marker": mark, "markersize": 4.5, "linewidth": 1.6}
            plane.plot(*run.points[: self._last + 1].T, **looks)
            curve.plot(run.values[: self._last + 1], label=run.name, **looks)
            size = np.linalg.norm(run.gradients[at])
            if size > 0:
                tip = run.points[at] - reach / size * run.gradients[at]
                arrow = {"arrowstyle": "-|>", "color": shade, "linewidth": 2.4, "mutation_scale": 18}
                plane.annotate("", tip, run.points[at], arrowprops=arrow)
        every = np.concatenate([run.values for run in self.runs])
        if np.all(every > 0) and every.max() > 100 * every.min():
            curve.set_yscale("log")
        curve.plot([0, self.steps], [every.min(), every.max()], alpha=0)  # all frames have the same axes
        title = f"arrow: direction of −∇{self.names[2]} at step {at}"
        looks = {"labelcolor": t.ink, "facecolor": t.background, "edgecolor": t.faint, "fontsize": 11}
        figure = curve.get_figure()
        legend = figure.legend(**looks, title=title, title_fontsize=11, loc="outside lower center", ncols=4)
        legend.get_title().set_color(t.ink)

    def svg(self) -> str:
        """The picture as SVG text."""
        text = self._saved("svg").decode()
        text = re.sub(r"<metadata>.*?</metadata>\s*", "", text[text.index("<svg ") :], flags=re.S)
        short = lambda m: re.sub(r"(\.\d\d)\d+", r"\1", m[0])  # noqa: E731
        return re.sub(r' d="[^"]*"', short, text)

    def png(self, dpi: int = 150) -> bytes:
        """The picture as PNG bytes."""
        return self._saved("png", dpi)

    def pdf(self) -> bytes:
        """The picture as PDF bytes."""
        return self._saved("pdf")

    def _saved(self, form: str, dpi: int = 150) -> bytes:
        file, figure = BytesIO(), self.figure()
        from matplotlib import rc_context

        with rc_context({"svg.fonttype": "none", "svg.hashsalt": "surface"}):  # text as text; the same bytes each time
            figure.savefig(file, format=form, dpi=dpi)
        return file.getvalue()

    def save(self, path: str | Path) -> Path:
        """Write the picture in the format of the suffix, ``.svg .png .pdf``; without one, its frames into a folder."""

        def folder() -> None:
            self.frames().save(path)

        makers: Makers = {".svg": self.svg, ".png": self.png, ".pdf": self.pdf, "": folder}
        return saved("draw.surface", path, makers, {})

    def _repr_png_(self) -> bytes:
        return self.png(96)

    def __repr__(self) -> str:
        u, v, f = self.names
        return f"Surface of {f} over {u} and {v}; .save('surface.svg') writes it\n  {self.caption}"


def surface(
    what: Function | Tensor,
    *start: Any,
    wrt: Any = None,
    optimizer: Make | Mapping[str, Make] | None = None,
    lr: float = 0.1,
    steps: int = 30,
    span: Sequence[tuple[float, float]] | None = None,
    names: Mapping[str, Any] | None = None,
    theme: str | Theme = "light",
    title: str = "",
) -> Surface:
    """Draw the surface of a function of two numbers, or of a loss in two weights, with the path of an optimiser.

    Parameters
    ----------
    what : callable, or Tensor
        A function of two numbers, or of one array of two; or a loss that was computed from the weights in `wrt`.
    *start
        Where a path of a function starts, as its arguments. That of a loss starts at the weights' values.
    wrt : sequence, optional
        For a loss: two weights, each as a Tensor of one number or as ``(tensor, index)``; all others stay fixed.
    optimizer : callable, or mapping of str to callable, optional
        A function of a list of parameters, such as ``lambda p: optim.Adam(p, lr=0.1)``; several are compared by their
        names. By default gradient descent with the rate `lr`.
    steps : int
        How many steps a path has.
    lr : float
        The rate of gradient descent, if there is no `optimizer`.
    span : ((low, high), (low, high)), optional
        The range of the axes; by default a square around the paths.
    names : mapping, optional
        Names of the tensors, such as ``locals()``.
    theme, title
        As for :func:`draw`.

    Returns
    -------
    Surface
        With ``.save("surface.svg")`` (or ``.png .pdf``), ``.frames()`` for the path step by step, and ``.figure()`` for
        matplotlib, which draws it.

    Raises
    ------
    ValueError
        If these are not two numbers, or a path reaches values that are not finite.

    Examples
    --------
    >>> surface(lambda x, y: x**2 + 4 * y**2, 3.0, 1.0, steps=2)
    Surface of f over x and y; .save('surface.svg') writes it
      step 2: x = 1.92, y = 0.04, f = 3.69, ∇f = (3.84, 0.32)
    """
    if isinstance(what, Tensor):
        f, at, words = _of_loss(what, wrt, names or {})
    else:
        f, at, words = _of_function(what, start)
    makers = optimizer if isinstance(optimizer, Mapping) else {"": optimizer}
    runs = tuple(_run(f, at, make, lr, steps, name) for name, make in makers.items())
    points = np.concatenate([run.points for run in runs])
    if not np.isfinite(points).all():
        raise ValueError(f"draw.surface: the path is not finite after at most {steps} steps; write a smaller lr=")
    x, y = (np.linspace(low, high, POINTS) for low, high in (_square(points) if span is None else span))
    with np.errstate(all="ignore"):
        z = np.array([[float(np.asarray(f(u, v)).item()) for u in x] for v in y])
    if not np.isfinite(z).any():
        raise ValueError("draw.surface: no value on this span is finite; write another span=((low, high), (low, high))")
    return Surface(words, x, y, z, runs, Style(_theme(theme), title=title))


_theme = theme


def _square(points: Any) -> Any:
    """The sides of a square around the points."""
    low, high = points.min(axis=0), points.max(axis=0)
    middle, half = (low + high) / 2, max(0.65 * float((high - low).max()), 1e-3)
    return np.transpose([middle - half, middle + half])


def _run(f: Function, at: Any, make: Make | None, lr: float, steps: int, name: str) -> Run:
    both = value_and_grad(f, (0, 1))
    p = Tensor(at.copy(), requires_grad=True)
    optimizer = make([p]) if make is not None else None
    gradient = np.zeros(2)

    def closure() -> float:
        value, gradient[:] = both(*p.numpy().tolist())
        p.grad = Tensor(gradient)
        return float(np.asarray(value).item())

    history = []
    for k in range(steps + 1):
        if k and optimizer is not None:
            optimizer.step(closure)
        elif k:
            p.data = p.numpy() - lr * gradient
        history.append((closure(), p.numpy().copy(), gradient.copy()))
    values, points, gradients = map(np.array, zip(*history, strict=True))
    word = type(optimizer).__name__ if optimizer is not None else f"gradient descent, lr = {lr:g}"
    return Run(name or word, points, values, gradients)


def _of_function(f: Function, start: Values) -> tuple[Function, Any, tuple[str, str, str]]:
    """The function of two numbers, where the path starts, and the names."""
    at = np.array([x for s in start for x in np.ravel(np.asarray(s, dtype=float))])
    if len(at) != 2 or len(start) not in (1, 2):
        raise ValueError(
            f"draw.surface: expected a function of two numbers and a start, surface(f, 1.0, 2.0), got {len(at)} numbers"
        )
    words = list(inspect.signature(f).parameters)
    if len(start) == 2:
        return f, at, (words[0], words[1], "f")
    shape = np.shape(start[0])
    return (lambda a, b: f(np.reshape(np.stack([a, b]), shape))), at, (f"{words[0]}[0]", f"{words[0]}[1]", "f")


def _of_loss(
    loss: Tensor, wrt: Any, names: Mapping[str, Any]
) -> tuple[Function, Any, tuple[str, str, str]]:
    """The loss as a function of two weights, their values, and the names."""
    entries = [e if isinstance(e, tuple) else (e, (0,) * e.ndim if e.size == 1 else ()) for e in wrt or ()]
    if loss._node is None or loss.size != 1 or len(entries) != 2 or any(np.size(t.numpy()[i]) != 1 for t, i in entries):
        raise ValueError(
            "draw.surface: expected a loss and two of its weights, surface(L, wrt=[(W, (0, 0)), (W, (1, 0))])"
        )
    program = Program.of(loss)
    variables = {t._node: v for v, t in program.captured.items()}
    for t, _ in entries:
        if t._node not in variables:
            who = repr(t.name or "a weight")
            raise ValueError(f"draw.surface: {who} is not in the graph of this loss, or is computed in it")
    values = program.values  # raises if a value has been overwritten since
    drawn = [v for eq in program.equations if eq.is_random for v in eq.outputs]  # stays as it was drawn
    still = {v: np.array(values[v]) for v in (*program.captured, *drawn)}

    still |= {variables[t._node]: t.numpy().astype(float) for t, _ in entries}

    def f(*numbers: Any) -> Any:
        at = dict(still)
        for (t, index), x in zip(entries, numbers, strict=True):
            at[variables[t._node]] = set_at(at[variables[t._node]], index, x)
        return program.run(at, recorded)[program.outputs[0]].reshape(())

    start = np.array([t.numpy()[i] for t, i in entries], dtype=float).reshape(2)
    word = {id(t): w for w, t in reversed([*names.items()])}
    u, v = (f"{t.name or word.get(id(t), 'w')}{np.atleast_1d(i).tolist() if t.ndim else ''}" for t, i in entries)
    return f, start, (u, v, loss.name or word.get(id(loss), "L"))
