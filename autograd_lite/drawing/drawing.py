"""A drawing: DOT text, which needs no renderer, and from it SVG, PNG, PDF, LaTeX, or a page to step through."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, reduce
from pathlib import Path
from typing import Any

from ..base import escape
from ..derive.chain_rule import Chain
from ..derive.javascript import NoForm
from ..engine.node import Function, GraphView
from ..program.naming import groups
from . import formatting, svg as svg_text
from .collapse import limited, rolled
from .diff import compared
from .dot import State, Style, dot
from .fit import fitted
from .from_chain import chain_of, derived
from .from_graph import structure
from .groups import is_module
from .live import live as computing
from .loops import folded, loops
from .neurons import Net, dot as neuron_dot, neurons
from .page import VARIABLES, page
from .render import NoRenderer, pdf, png, render
from .scene import Item, Scene
from .steps import Step, steps, targets
from .subject import Subject, has_one_entry, subject_of
from .themes import Theme, theme
from .tikz import tikz

VIEWS = ("landmarks", "operations", "neurons")
DPI = 150
DEEP = 40  # steps; of a deeper net the layers are drawn
LISTED = 24  # boxes in the text that stands for a picture


@dataclass(frozen=True, eq=False)
class Drawing(GraphView):
    """A picture of a graph with its values at the time of drawing. Notebooks show it.

    Attributes
    ----------
    source : str
        DOT text; the same bytes for the same graph in every run.
    scene : Scene
        The boxes and lines as data.

    Examples
    --------
    >>> import autograd_lite as ag
    >>> x = ag.tensor(2.0, requires_grad=True, name="x")
    >>> picture = ag.draw(ag.sin(x))
    >>> [line.symbol for line in picture.scene.lines]
    ['dL/dx']
    >>> picture.source.splitlines()[0]
    'digraph {'
    """

    instead = "keep the picture: .save('net.svg'), or .source for the DOT text"

    scene: Scene
    style: Style
    chain: Chain | None = None
    net: Net | None = None
    state: State | None = None  # of a frame: what is known
    caption_width: int = 0  # of the longest caption of the frames, in points
    whole: Scene | None = None  # with every step of a loop

    @property
    def unrolled(self) -> Drawing:
        """The picture with every step of a loop, as it is in frames and on the page."""
        return replace(self, scene=self.whole, whole=None) if self.whole is not None else self

    @cached_property
    def source(self) -> str:
        if self.net is not None:
            return neuron_dot(self.net, self.style, self.caption_width)
        return dot(self.scene, self.fitted, self.state, self.caption_width)

    @cached_property
    def fitted(self) -> Style:
        """The style with its direction: the user's, or else that in which the picture is largest on a slide."""
        if self.style.direction or self.net is not None:
            return self.style
        best = fitted(self.scene, replace(self.style, legend=False, title=""))
        return replace(self.style, direction=best.direction, rows=best.rows)

    @property
    def layout(self) -> str:
        """How positions are found: by Graphviz (``dot``), or ``fixed`` in the source."""
        return "fixed" if self.net is not None else "dot"

    def svg(self) -> str:
        """The picture as SVG text.

        Raises
        ------
        NoRenderer
            If nothing on this machine can render; the message says what to install.
        """
        return svg_text.tidy(render(self.source, "svg", self.layout).decode(), self.scene)

    def png(self, dpi: int = DPI) -> bytes:
        """The picture as PNG bytes, made from the SVG by CairoSVG where that is installed."""
        try:
            return png(self.svg(), dpi)
        except ImportError:
            return render(self.source, "png", self.layout, dpi)

    def pdf(self) -> bytes:
        """The picture as PDF bytes, made from the SVG by CairoSVG."""
        return pdf([self.svg()])

    def html(self, *, live: bool = False, examples: Any = None, rate: float = 0.1) -> str:
        """An HTML page in one file, to step through, with the derivation beside the picture.

        Parameters
        ----------
        live : bool
            Let the reader change the numbers; everything that depends on them updates. If something cannot be computed
            in a page, the page says what, and its numbers are fixed.
        examples : tuple or mapping of arrays, optional
            For each input, in the order of computation or by name, one row or batch after another, to train on.
        rate : float
            The initial rate of a gradient step.

        Raises
        ------
        ValueError
            If the examples do not fit the inputs.
        """
        chain, picture = self.chain, self.unrolled
        if chain is None or not has_one_entry(chain.root):
            return picture.page([], live, examples, rate)
        shown = steps(picture.scene, chain, targets(picture.scene, chain, None), True)
        return picture.page(shown, live, examples, rate)

    def page(self, shown: Sequence[Step], live: bool = False, examples: Any = None, rate: float = 0.1) -> str:
        """The page with other steps than those of :meth:`html`."""
        scene, program = self.scene, None
        if examples is not None and not live:
            raise TypeError("draw: examples= need a page that computes: write live=True as well")
        if live:
            shown = [s.general or s for s in shown]
            try:
                program = computing(scene, self.chain, shown, examples, rate)
                notes = program.notes
            except NoForm as reason:
                notes = (f"The numbers on this page are fixed: {reason}.",)
            scene = replace(scene, notes=(*scene.notes, *notes))
        drawn = replace(self, scene=replace(program.roomy if program else scene, notes=()), state=None, caption_width=0)
        style = replace(drawn.fitted, legend=False, title="", theme=VARIABLES, heat=program is None)
        return page(scene, self.style.title, replace(drawn, style=style).svg(), shown, program)

    def tex(self) -> str:
        """A LaTeX document with the picture in TikZ, its formulas set as mathematics."""
        if self.net is not None:
            raise ValueError("draw: a neuron diagram is saved as .svg, .png, .pdf or .dot, not as .tex")
        picture = self.unrolled
        return tikz(picture.scene, picture.style, picture.source)

    def save(self, path: str | Path, **options: Any) -> Path:
        """Write the picture in the format of the suffix: ``.svg .png .pdf .dot .html .tex``.

        Parameters
        ----------
        path : str or Path
            The file; its suffix is the format.
        **options
            For ``.html``: ``live=True`` and others, see :meth:`html`.

        Returns
        -------
        Path
        """
        makers: svg_text.Makers = {
            ".svg": self.svg, ".png": self.png, ".pdf": self.pdf, ".dot": lambda: self.source, ".html": self.html,
            ".tex": self.tex,
        }  # fmt: skip
        return svg_text.saved("draw", path, makers, options)

    def diff(self, other: Drawing) -> Drawing:
        """Compare with another drawing: ``+`` is only in `other`, ``−`` only in this one, ``≠`` differs."""
        return Drawing(compared(self.scene, other.scene), self.style)

    def marked(self, head: str, tail: str = "", note: str = "") -> Drawing:
        """The same picture with the box called `head` in red, and the line from that called `tail`, with a note."""
        keys, scene = self.scene.keys_named(), self.scene
        ends = keys.get(tail), keys.get(head)
        items = tuple(replace(i, change="wrong") if i.key == ends[1] else i for i in scene.items)
        lines = tuple(replace(x, change="wrong", note=note) if (x.tail, x.head) == ends else x for x in scene.lines)
        return replace(self, scene=replace(scene, items=items, lines=lines))

    def with_theme(self, name: str | Theme) -> Drawing:
        """The same picture in other colours."""
        return replace(self, style=replace(self.style, theme=theme(name)))

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        try:
            return {"image/svg+xml": svg_text.fluid(self.svg()), "text/plain": repr(self)}
        except NoRenderer as error:
            return {"text/plain": f"{self!r}\n{error}"}

    def __repr__(self) -> str:
        """The boxes as text, each with the partial derivatives on its lines."""
        items, lines = self.scene.items, self.scene.lines
        head = f"Drawing of {_count(len(items), 'box')} and {_count(len(lines), 'line')}; .save('net.svg') writes it"
        rest = ["  ..."] * (len(items) > LISTED)
        return "\n".join([head, *map(self._listed, items[:LISTED]), *rest])

    def _listed(self, item: Item) -> str:
        name = " = ".join(filter(None, [item.head, item.source()]))
        factors = [
            f"{x.written} = {x.source()}"
            for x in self.scene.lines
            if x.head == item.key and x.symbol and self.style.partials
        ]
        return f"  {escape.plain(name):<32}  {formatting.shape(item.shape):<8} {', '.join(factors)}".rstrip()


def _count(number: int, what: str) -> str:
    return f"{number} {what}{('' if number == 1 else 'es' if what.endswith('x') else 's')}"


def draw(
    what: Any,
    *args: Any,
    names: Mapping[str, Any] | None = None,
    view: str = "landmarks",
    by: str | None = None,
    depth: int | None = None,
    loss: Function | None = None,
    forward_only: bool = False,
    values: bool = True,
    gradients: bool = True,
    partials: bool = True,
    direction: str | None = None,
    theme: str | Theme = "light",
    legend: bool = True,
    title: str = "",
    limit: int = 120,
    roll: bool = True,
    **options: Any,
) -> Drawing:
    """Draw a recorded computation.

    Parameters
    ----------
    what : Tensor, callable, Module or Program
        A computed result; a function or module, to be run once on `args`; or a traced program.
    *args
        Example arguments of a function or module.
    names : mapping, optional
        Names for values that have none, such as ``locals()``.
    view : {"landmarks", "operations", "neurons"}
        The steps of a derivation; or every operation; or circles and lines.
    by : {"module"}, optional
        Fold each layer into a box. This is the default for a net of more than 40 steps.
    depth : int, optional
        Fold the modules at this depth, counted from the outermost (0). Layers are never opened.
    loss : callable, optional
        For a module: a function of its result.
    forward_only : bool
        Omit gradients and partials.
    values, gradients, partials : bool
        Which numbers to show.
    direction : {"LR", "TB"}, optional
        Left to right or top to bottom. By default whichever is largest on a slide; a long picture is cut into rows.
    theme : {"light", "dark", "print"} or Theme
        The colours.
    legend : bool
        Whether to explain the kinds of boxes below the picture.
    title : str
        A line above the picture.
    limit : int
        The largest number of computed boxes; one box in the middle stands for the others.
    roll : bool
        Draw repeated parts once: of equal blocks in sequence the first, a cell that is called repeatedly, and the steps
        of a loop. The page, frames and LaTeX have every step of a loop.
    **options
        For ``view="neurons"``: see :func:`~autograd_lite.drawing.neurons.neurons`.

    Returns
    -------
    Drawing

    Raises
    ------
    ValueError
        If nothing was recorded, or an option is none of the above.

    Examples
    --------
    >>> import autograd_lite as ag
    >>> w = ag.tensor(2.0, requires_grad=True, name="w")
    >>> p = ag.sigmoid(3.0 * w)
    >>> picture = ag.draw((1.0 - p) ** 2, names={"p": p})
    >>> [line.symbol for line in picture.scene.lines]
    ['dp/dw', 'dL/dp']
    """
    _check(view, by, direction, limit)
    subject = subject_of(what, args, names, loss)
    gradients, partials = gradients and not forward_only, partials and not forward_only
    style = Style(_theme(theme), direction or "", values, gradients, partials, legend, title)
    if view == "neurons":
        net = neurons(subject, **options)
        return Drawing(net.scene(), style, None, net)
    if options:
        raise TypeError(f"draw: unknown option {', '.join(options)}")
    fold, note, chain = by is not None or depth is not None, "", None
    if not fold and len(subject.program.outputs) == 1:
        chain, note = _chain(subject, view == "operations")
    elif not fold and style.partials:
        note = "Several results: no partials are shown."
    if not fold and roll and view == "landmarks" and (count := _depth(subject, chain)):
        fold, note = True, f"Layers are folded, since there are {count:,} steps; roll=False draws each."
    if chain is not None and not fold:
        found = loops(chain) if roll and view == "landmarks" else []
        most = max(limit, len(chain.landmarks) * len(found))
        whole = derived(subject, chain, most, style.gradients, style.partials)
        scene = reduce(folded, found, whole)
        shown = limited(scene, limit) if found else scene
        return Drawing(shown, style, chain, whole=None if scene is whole else whole)
    rolls = fold and roll
    scene = structure(subject, fold, depth, rolls, [note] if note else [], None if rolls else limit)
    return Drawing(limited(rolled(scene) if rolls else scene, limit), style)


def _depth(subject: Subject, chain: Chain | None) -> int:
    """The number of steps, if there are many of them and layers to fold them into, and else 0."""
    if chain is None:
        paths = [groups(eq) for eq in subject.program.equations]
    else:
        paths = [chain.group_path(n) for n in chain.landmarks]
    return len(paths) if len(paths) > DEEP and any(is_module(g) for path in paths for g in path) else 0


_theme = theme


def _chain(subject: Subject, every: bool) -> tuple[Chain | None, str]:
    """The chain, or why there is none; the picture then shows the structure, with the reason as a note."""
    try:
        return chain_of(subject, every), ""
    except RuntimeError as error:  # overwritten or freed
        reason = str(error).partition(":")[0].replace(", so the numbers of this graph are gone", "")
        return None, f"No partials: {reason}."
    except ValueError as error:
        if "too many" not in str(error):
            raise
        return None, "Too many operations for formulas: the structure alone is shown."


def _check(view: str, by: str | None, direction: str | None, limit: int) -> None:
    if view not in VIEWS:
        raise ValueError(f"draw: expected view to be one of {', '.join(VIEWS)}, got {view!r}")
    if by not in (None, "module"):
        raise ValueError(f'draw: expected by="module" or None, got {by!r}')
    if direction not in ("LR", "TB", None):
        raise ValueError(f'draw: expected direction="LR", "TB" or None, got {direction!r}')
    if limit < 1:
        raise ValueError(f"draw: expected limit >= 1, got {limit}")
