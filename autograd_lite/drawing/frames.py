"""The chain rule frame by frame: one picture for each step, all with the same layout."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, overload

from ..base import escape
from ..engine.node import GraphView
from ..tensor import Tensor
from . import formatting
from .dot import width_for
from .drawing import Drawing, draw
from .render import NoRenderer, pdf
from .slides import WIDE, Picture, sheet, slide
from .steps import Step, in_tex, steps, targets
from .subject import has_one_entry
from .svg import Makers, fluid, saved

SECONDS = 2.5  # for each frame of an animated SVG


@dataclass(frozen=True, eq=False)
class Frames(GraphView, Sequence[Picture]):
    """A sequence of pictures, which can be saved as a film or as slides.

    Attributes
    ----------
    drawings : tuple of Drawing
        Or of another picture with ``svg()`` and ``png()``, such as a surface.
    captions : tuple of str
    steps : tuple of Step
        The steps of the derivation; empty for a film made of drawings.

    Examples
    --------
    >>> import autograd_lite as ag
    >>> x = ag.tensor(2.0, requires_grad=True, name="x")
    >>> film = frames(ag.sin(x) ** 2, wrt=x)
    >>> film.captions[-1]
    '∂L/∂x = 2 sin(x) cos(x) = -0.757'
    """

    instead = "keep the film: .save('film.svg')"

    drawings: tuple[Picture, ...]
    captions: tuple[str, ...]
    steps: tuple[Step, ...] = ()

    def __len__(self) -> int:
        return len(self.drawings)

    @overload
    def __getitem__(self, k: int) -> Picture: ...
    @overload
    def __getitem__(self, k: slice) -> Frames: ...
    def __getitem__(self, k: int | slice) -> Picture | Frames:
        if isinstance(k, slice):
            return Frames(self.drawings[k], self.captions[k], self.steps[k])
        return self.drawings[k]

    def __repr__(self) -> str:
        head = f"Frames: {len(self)} picture{'' if len(self) == 1 else 's'}; .save('steps.svg') writes an animation"
        return "\n".join([head, *(f"{k:4}. {escape.plain(caption)}" for k, caption in enumerate(self.captions, 1))])

    def svgs(self) -> list[str]:
        """Each frame as SVG text."""
        return [d.svg() for d in self.drawings]

    def slides(self) -> list[str]:
        """Each frame as SVG text on a canvas of 16:9."""
        return [slide(text, d.style.theme.background) for text, d in zip(self.svgs(), self.drawings, strict=True)]

    def pdf(self) -> bytes:
        """The slides as the pages of a PDF."""
        return pdf(self.slides())

    def svg(self, seconds: float = SECONDS) -> str:
        """One animated SVG; it stops while a pointer or the focus is on it, and is static where motion is reduced."""
        svgs = self.svgs()
        inside = [_inner(text) for text in svgs]
        head = re.match(r"<svg [^>]*>", svgs[0])
        assert head is not None
        total, share = seconds * len(svgs), 100 / len(svgs)
        rules = (
            f".frame {{ visibility: hidden; animation: show {total:g}s step-end infinite; }} "
            f"@keyframes show {{ 0% {{ visibility: visible; }} {share:.4f}% {{ visibility: hidden; }} }} "
            "@media (prefers-reduced-motion: reduce) "
            "{ .frame { animation: none; } .frame:last-of-type { visibility: visible; } } "
            "svg:is(:hover, :focus-within) .frame { animation-play-state: paused; }"
        )
        frames = []
        for k, (text, caption) in enumerate(zip(inside, self.captions, strict=True)):
            # With negative delays no frame waits for its first turn. Ids are made unique in the file.
            text = re.sub(r'( id="|href="#|url\(#)', rf"\1f{k}_", text)
            label = f'role="group" aria-label="{escape.xml(formatting.spoken(caption))}"'
            frames.append(f'<g class="frame" {label} style="animation-delay: {k * seconds - total:g}s">{text}</g>')
        return f"{head[0]}\n<style>{rules}</style>\n" + "\n".join(frames) + "\n</svg>\n"

    def markdown(self, folder: str = "") -> str:
        """Markdown with the caption and formula of each step, and links to the pictures that `save` writes."""
        lines, formulas = [], in_tex(self.steps)
        for k, caption in enumerate(self.captions):
            lines.append(f"**{k + 1}.** {escape.markdown(caption)}\n")
            if self.steps:
                lines.append(f"$$\n{formulas[k]}\n$$\n")
            lines.append(f"![{escape.markdown(caption)}]({folder}{_file(k)})\n")
        return "\n".join(lines)

    def html(self, **options: Any) -> str:
        """The page, to step through; the options are those of :meth:`Drawing.html`."""
        picture = self.drawings[0]
        if not self.steps or not isinstance(picture, Drawing):
            raise ValueError(
                "frames: expected the frames of a derivation for a page, got a list of pictures; save a film as .svg"
            )
        return picture.page(self.steps, **options)

    def save(self, path: str | Path, **options: Any) -> Path:
        """Write the frames in the format of the suffix; for ``.html`` with the options of :meth:`Drawing.html`.

        ``.svg`` is animated, ``.png`` has all frames on one slide, ``.pdf`` one on each page, ``.html`` is the page to
        step through, ``.md`` a text with a folder of pictures. A path without a suffix is a folder with a slide (16:9)
        for each frame, as SVG and PNG.

        Raises
        ------
        NoRenderer
            If nothing on this machine can draw, or a package is missing.
        """
        path = Path(path)

        def slides() -> None:
            _write(path, self.slides())
            for k, d in enumerate(self.drawings):
                (path / _file(k, ".png")).write_bytes(sheet([d]))

        def markdown() -> str:
            _write(path.parent / path.stem, self.svgs())
            return self.markdown(f"{path.stem}/")

        makers: Makers = {
            ".svg": self.svg, ".png": lambda: sheet(self.drawings, 2 * WIDE), ".pdf": self.pdf, ".html": self.html,
            ".md": markdown, "": slides,
        }  # fmt: skip
        return saved("frames", path, makers, options)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        try:
            return {"image/svg+xml": fluid(self.svg()), "text/plain": repr(self)}
        except NoRenderer as error:
            return {"text/plain": f"{self!r}\n{error}"}


def frames(
    loss: Any,
    *args: Any,
    wrt: Tensor | Sequence[Tensor] | None = None,
    names: Mapping[str, Any] | None = None,
    forward: bool = False,
    **options: Any,
) -> Frames:
    """Draw each step of the chain rule, from `loss` back to each of `wrt`.

    Parameters
    ----------
    loss : Tensor, or a function with its arguments
        What is differentiated: a scalar.
    *args
        The arguments of the function.
    wrt : Tensor or sequence of Tensor, optional
        By default every parameter.
    names : mapping, optional
        Such as ``locals()``.
    forward : bool
        Start with the steps from the inputs to the loss.
    **options
        As for :func:`draw`.

    Examples
    --------
    >>> import autograd_lite as ag
    >>> w = ag.tensor(2.0, requires_grad=True, name="w")
    >>> p = ag.sigmoid(3.0 * w)
    >>> for caption in frames((1.0 - p) ** 2, names={"p": p}).captions:
    ...     print(caption)
    ∂L/∂p = 2 (p − 1) = -0.00495
    ∂p/∂w = 3 p (1 − p) = 0.0074
    ∂L/∂w = ∂L/∂p · ∂p/∂w = -3.66e-05
    """
    picture = draw(loss, *args, names=names, **options).unrolled
    chain = picture.chain
    if chain is None or picture.net is not None:
        raise ValueError(
            "frames: the steps need formulas. "
            + (" ".join(picture.scene.notes) or "Omit by=, depth= and view=")
        )
    if not has_one_entry(chain.root):
        raise ValueError(
            f"frames: expected a result with one entry, got shape {chain.root.shape}: take .sum() or .mean() first"
        )
    sequence = steps(picture.scene, chain, targets(picture.scene, chain, wrt), forward)
    caption_width = width_for(s.caption for s in sequence)
    laid_out = replace(picture, style=picture.fitted)  # once for all
    drawings = tuple(replace(laid_out, state=s.state, caption_width=caption_width) for s in sequence)
    return Frames(drawings, tuple(s.caption for s in sequence), tuple(sequence))


def film(drawings: Sequence[Drawing], captions: Sequence[str] = ()) -> Frames:
    """Drawings, such as neuron diagrams during training, as the frames of a film.

    They should have the same layout; that of a neuron diagram depends on its layers only.

    >>> import autograd_lite as ag
    >>> from autograd_lite.drawing import film
    >>> x = ag.tensor(2.0, requires_grad=True, name="x")
    >>> pictures = [ag.draw(ag.sin(x)), ag.draw(ag.cos(x))]
    >>> len(film(pictures, ["before", "after"]).drawings)
    2
    """
    captions = captions or [d.style.title for d in drawings]
    caption_width = width_for(captions)
    titled = tuple(
        replace(d, style=replace(d.style, title=c), caption_width=caption_width)
        for d, c in zip(drawings, captions, strict=True)
    )
    return Frames(titled, tuple(captions))


def _inner(text: str) -> str:
    return text[text.index(">") + 1 : text.rindex("</svg>")].strip()


def _file(k: int, suffix: str = ".svg") -> str:
    return f"step{k + 1:02d}{suffix}"


def _write(folder: Path, svgs: Sequence[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for k, text in enumerate(svgs):
        (folder / _file(k)).write_text(text, encoding="utf-8")
