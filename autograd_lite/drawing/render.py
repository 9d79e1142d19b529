"""Render DOT text with what is installed: Graphviz's own ``dot``, the ``graphviz-pure`` wheel, or pygraphviz.

Each is tried on a small graph first: a ``dot`` without its plugins is on the path, but draws nothing.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterable
from functools import lru_cache
from io import BytesIO
from typing import Any

REMEDY = (
    "install a renderer (pip install graphviz-pure) or Graphviz itself (graphviz.org/download); "
    "the DOT text is in .source"
)
_PLAIN = str.maketrans("⊙⋆∗∘ᵢⱼₖₗₘₙₚᵣₛ⌊⌋∈", "·**·ijklmnprs[]:")  # signs that the renderer's fonts lack
#: Signs of mathematics, accents and the powers beside them: what fonts such as Helvetica lack.
_RARE = r"(?:\w[\u0300-\u036f]+|[^\0-\u017f\u0391-\u03c9−–…∂√∞≤≥≠→][¹²³]*)+"
_WIDE = "½¼¾πωΦΔ→…"  # wider, by a space, than ``graphviz-pure`` takes them for, which counts their bytes
_NARROW = "∂−√≤≥≠‖⁻ᵀᵢⱼₖₗₘₙₚᵣₛₜ₋₀₁₂₃₄₅₆₇₈₉"  # narrower than it takes them for
_PROBE = "digraph { a -> b }"


class NoRenderer(RuntimeError):
    """Nothing on this machine can render the picture; its DOT text is in ``.source``.

    >>> import autograd_lite as ag
    >>> from autograd_lite.drawing import NoRenderer
    >>> picture = ag.draw(ag.sin(ag.tensor(2.0, requires_grad=True)))
    >>> try:
    ...     text = picture.svg()
    ... except NoRenderer:
    ...     text = picture.source
    """


def render(source: str, form: str, layout: str = "dot", dpi: int = 96) -> bytes:
    """Render DOT text as ``svg`` or ``png``; or lay it out, as ``json0``.

    Raises
    ------
    NoRenderer
        If nothing on this machine can render.
    """
    if form == "png":  # drawn by the renderer, whose fonts may lack them
        source = source.translate(_PLAIN)
    complaints = []
    for command in commands():
        image, complaint = _run(command, source, form, layout, dpi)
        if image:
            return image
        complaints.append(complaint)
    image = _by_pygraphviz(source, form, layout)
    if image:
        return image
    if complaints:
        raise NoRenderer(f"draw: the picture could not be drawn: {complaints[0]}")
    raise NoRenderer(f"draw: no renderer was found: {REMEDY}")


def png(svg: str, dpi: int) -> bytes:
    """A PNG of a picture; ImportError without CairoSVG."""
    image: bytes = _cairo("svg2png")(bytestring=_with_signs(svg), dpi=dpi)
    return image


def pdf(svgs: Iterable[str]) -> bytes:
    """A PDF with a page for each picture, given as SVG text.

    Raises
    ------
    NoRenderer
        If CairoSVG, pypdf or the library cairo is missing.
    """
    try:
        to_pdf = _cairo("svg2pdf")
        from pypdf import PdfWriter  # only here
    except ImportError as error:
        raise NoRenderer(f"draw: a PDF needs CairoSVG and pypdf: pip install cairosvg pypdf ({error})") from None
    pages = PdfWriter()
    for text in svgs:
        pages.append(BytesIO(to_pdf(bytestring=_with_signs(text))))
    file = BytesIO()
    pages.write(file)
    return file.getvalue()


def _with_signs(svg: str) -> bytes:
    """The SVG with a font that has the signs of mathematics and x̂, since cairo does not look for one itself."""
    font = r'<tspan font-family="DejaVu Sans">\g<0></tspan>'
    return re.sub(r"(?<=>)[^<>]+(?=</text>)", lambda m: re.sub(_RARE, font, m[0]), svg).encode()


def _cairo(name: str) -> Any:
    """A function of CairoSVG; ImportError if that, or the library cairo, is not installed."""
    try:
        import cairosvg
    except OSError as error:  # the library
        raise ImportError(str(error)) from None
    return getattr(cairosvg, name)


def available() -> bool:
    """Whether a picture can be rendered on this machine.

    >>> from autograd_lite.drawing import available
    >>> suffix = ".svg" if available() else ".dot"
    """
    return bool(commands()) or _pygraphviz() is not None


def commands() -> list[str]:
    """The commands on this machine that can render, best first."""
    return [command for command in _candidates() if _works(command)]


def _candidates() -> list[str]:
    beside = [os.path.dirname(sys.executable), sysconfig.get_path("scripts")]
    commands = [
        shutil.which("dot"),
        shutil.which("graphviz-pure"),
        *(shutil.which("graphviz-pure", path=p) for p in beside),
    ]
    return list(dict.fromkeys(c for c in commands if c))


@lru_cache(maxsize=16)
def _works(command: str) -> bool:
    image, _ = _run(command, _PROBE, "svg", "dot", 96)
    return b"<svg" in image


def _run(command: str, source: str, form: str, layout: str, dpi: int) -> tuple[bytes, str]:
    """The picture, or no bytes and the reason."""
    is_pure = "graphviz-pure" in os.path.basename(command)
    if is_pure:
        source = re.sub(r"[^<>]+(?=</(?:B|FONT)>)", lambda m: m[0] + "\u00a0" * sum(map(m[0].count, _WIDE)), source)
    how = ("-Kneato", "-n2") if layout == "fixed" else ("-Kdot",)
    more = (f"-Gdpi={dpi}",) if form == "png" else ()
    try:
        done = subprocess.run(
            [command, *how, *more, f"-T{form}"], input=source.encode(), capture_output=True, timeout=300
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return b"", str(error)
    if done.returncode or not done.stdout:
        lines = done.stderr.decode(errors="replace").strip().splitlines()
        errors = [line for line in lines if line.startswith("Error")]
        return b"", (errors or lines[-1:] or [f"exit status {done.returncode}"])[0]
    if is_pure and form == "svg":
        svg = re.sub(r"(?:&#160;|\u00a0)+(?=</text>)", "", done.stdout.decode())
        # Titles, which are larger, stand at the left.
        texts = r'(?<= x=")([-0-9.]+)("[^>]*font-size="(1[0-4][.0-9]*)"[^>]*>)([^<]*)'
        return re.sub(texts, _centred, svg).encode(), ""
    return done.stdout, ""


def _centred(m: re.Match[str]) -> str:
    """A text that stands too far to the left, as it is narrower than `graphviz-pure` takes it for."""
    return f"{float(m[1]) + 0.18 * float(m[3]) * sum(map(m[4].count, _NARROW)):.2f}{m[2]}{m[4]}"


def _pygraphviz() -> object | None:
    try:
        import pygraphviz  # optional
    except ImportError:
        return None
    return pygraphviz


def _by_pygraphviz(source: str, form: str, layout: str) -> bytes:
    module = _pygraphviz()
    if module is None:
        return b""
    try:
        how = {"prog": "neato", "args": "-n2"} if layout == "fixed" else {"prog": "dot"}
        drawn: bytes = module.AGraph(string=source).draw(format=form, **how)  # type: ignore[attr-defined]  # no types
    except (OSError, ValueError):  # it runs Graphviz's programs itself
        return b""
    return drawn
