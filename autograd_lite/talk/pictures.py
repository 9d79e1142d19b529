"""The talk's pictures, drawn from the graph of its first example: files for slides, and an interactive page.

The contents of the pictures come from the graph and the derivation of its gradients.
"""

from pathlib import Path

import numpy as np

from autograd_lite.data import truth_table
from autograd_lite.drawing import Drawing, Frames, available, draw, film, frames
from autograd_lite.drawing.render import REMEDY
from autograd_lite.talk import by_engine, slide
from autograd_lite.talk.training import epochs, table_weights

FOLDER = Path("talk")
SNAPSHOTS = (0, 50, 100, 200, 300, 400, 500)  # the epochs whose nets are drawn


def write_pictures(seed: int, folder: Path = FOLDER) -> None:
    """The net, its graph, and each step of the chain rule, as files and as a page (--out)."""
    slide.heading("Where are we? The pictures")
    picture, story, diagram = one_example(seed)
    folder.mkdir(parents=True, exist_ok=True)
    picture.save(folder / "graph.dot")
    if not available():
        dot = folder / "graph.dot"
        slide.say(f"The graph was written as DOT text, {dot}, without a picture: {REMEDY}.")
        return
    made = [
        (both(diagram, folder / "neurons"), "the net as circles and lines, with the weights"),
        (both(picture, folder / "graph"), "its computation, with a partial derivative on each line"),
        (slides(story, folder / "steps"), f"{len(story)} steps, forward and back: slides, all on one, animated"),
        (slides(training(seed), folder / "training"), "the weights during training on the truth table, likewise"),
        (page(story, folder / "talk.html"), "a page: step with the arrow keys, change the numbers, train"),
    ]
    row = slide.table(max(len(files) for files, _ in made), 1)
    for files, what in made:
        row(files, what)
    print()
    slide.say(
        f"""The steps derive dL/dW and dL/dV from the recorded graph, partial by partial, with the numbers of
        the first example (seed {seed}). Open {folder / "talk.html"} in a browser; it needs no network."""
    )


def one_example(seed: int) -> tuple[Drawing, Frames, Drawing]:
    """The graph of the talk's first example, the steps of its derivation, and its neurons."""
    names = by_engine.first_example(seed)
    L, wrt = names["L"], [names["W"], names["V"]]
    return draw(L, names=names), frames(L, wrt=wrt, names=names, forward=True), draw(L, names=names, view="neurons")


def training(seed: int) -> Frames:
    """The neurons after some of the epochs on the truth table, with the same scale of the lines."""
    X, Y = truth_table()
    V, W = by_engine.tensors(*table_weights(seed))
    learning = epochs(by_engine.update, V, W, X, Y, max(SNAPSHOTS))
    taken = [(epoch, V.numpy().copy(), W.numpy().copy()) for epoch in learning if epoch in SNAPSHOTS]
    largest = max(float(np.abs(w).max()) for _, *weights in taken for w in weights)
    drawings, captions = [], []
    for epoch, *weights in taken:
        A, B, C, P, losses = by_engine.forward(X, Y, *by_engine.tensors(*weights))
        L = losses.mean()
        names = {"x": X, "A": A, "B": B, "C": C, "P": P, "L": L}
        drawings.append(draw(L, names=names, view="neurons", scale=largest))
        captions.append(f"after {epoch} epochs: mean loss {L.item():.4f}")
    return film(drawings, captions)


def page(story: Frames, path: Path) -> str:
    """Write the page that computes, which trains on the truth table as the talk does; returns its name."""
    return str(story.save(path, live=True, examples=truth_table(), rate=1.0))


def both(picture: Drawing | Frames, path: Path) -> str:
    """Write a picture as SVG and PNG; returns the names of the files."""
    picture.save(path.with_suffix(".svg"))
    picture.save(path.with_suffix(".png"))
    return f"{path}.svg, .png"


def slides(story: Frames, folder: Path) -> str:
    """Write a folder of slides, all of them on one slide, and an animation; returns their names."""
    story.save(folder)
    return f"{folder}/, {both(story, folder)}"
