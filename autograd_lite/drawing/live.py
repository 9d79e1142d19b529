"""The page that computes: its numbers can be changed, and everything that depends on them updates.

The page has the program of the picture's chain as JavaScript (:mod:`~autograd_lite.derive.javascript`), the arrays that
it starts from, and for each number that is shown where it comes from. The script (``live.js``) does the rest.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Collection, Container, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from typing import Any

import numpy as np

from ..base import escape
from ..base.tree import leaves
from ..derive.chain_rule import Chain
from ..derive.given import Given
from ..derive.javascript import NoForm
from ..derive.layout import Line as Written
from ..derive.live_program import Program, program
from ..derive.notation import Notation
from ..derive.shorter import DIGITS, POINTS, ROUNDING, STEADY
from ..engine.node import Params
from ..program.assignments import names as names_in, sources
from ..program.naming import stem
from . import formatting
from .scene import Item, Line, Scene
from .steps import FIXED, Step
from .subject import has_one_entry
from .svg import item_label, line_label

WIDE = -0.012, -0.013  # as wide as most numbers that may replace them, so the picture has space for these
EDITED = 1_000  # entries of the largest array that can be edited
TYPED = 9  # characters of the longest number that a cell shows with all its digits before it is edited
LABELS = 1_000  # the largest label that is tried


@dataclass(frozen=True)
class Live:
    """Everything that the page of a picture needs to compute.

    Attributes
    ----------
    data : str
        JSON for the script: arrays, where they are shown, examples.
    script : str
        The program, the functions that it calls, and the controls.
    style : str
        A style sheet.
    panel : str
        The controls in HTML; the script adds the arrays.
    roomy : Scene
        The scene with wide numbers, from which the layout is made; the script writes the numbers themselves.
    """

    data: str
    script: str
    style: str
    panel: str
    roomy: Scene
    notes: tuple[str, ...]  # for the reader


def live(scene: Scene, chain: Chain | None, steps: Sequence[Step], examples: Any, rate: float) -> Live:
    """The parts of the page of a picture that computes.

    Raises
    ------
    NoForm
        If it cannot be written in JavaScript; the message says why.
    ValueError
        If the examples do not fit the inputs.
    """
    if chain is None:
        raise NoForm("the picture has no derivation")
    if not has_one_entry(chain.root):
        raise NoForm(f"the result has the shape {chain.root.shape}; a gradient is that of one number")
    nodes = {i.key: n for i in scene.items for n in chain.landmarks if chain.names[n] == i.name}
    partials = [x for x in scene.lines if x.value is not None]
    emitted = program(chain, [(x.key, nodes[x.head], nodes[x.tail]) for x in partials])
    still = _still(scene, chain, emitted)
    made = _made(emitted)
    inputs = [i for i in scene.items if i.kind in _INPUTS and i.name not in {*still, *made}]
    known = nodes.keys() | {i.key for i in scene.items if i in inputs or i.name in made}
    computed = {i.key for i in scene.items if i.key in known and i.name not in still}
    there = emitted.computed | emitted.inputs.keys()
    for i in (i for i in scene.items if i.key in computed and i.name not in there):
        raise NoForm(f"{i.written} is not computed in the page, which has other steps")
    graded = {emitted.steps.names.get(v) for v in emitted.steps.nodes if v in emitted.steps.graded}
    absent = {("value", i.key) for i in scene.items if i.key not in computed}
    absent |= {("gradient", i.key) for i in scene.items if i.name not in graded}
    trained = _trained(inputs, chain, examples)
    turns = batches(examples, [i for i in inputs if i not in trained])
    data = {
        "loss": scene.item(scene.loss).name,
        "written": scene.item(scene.loss).written,
        "rate": rate,
        "maps": emitted.maps,
        "leaves": [_leaf(i, emitted.steps, i in trained, i.name in dict(*turns[:1])) for i in inputs],
        "rest": {word: _array(x) for word, x in emitted.inputs.items() if word not in {i.name for i in inputs}},
        "items": [_item(i, scene, absent) for i in scene.items],
        "lines": [_line(x, scene) for x in partials],
        "steps": [_step(s, scene, absent) for s in steps],
        "batches": turns,
        "limits": {
            "lines": formatting.LINES, "columns": formatting.COLUMNS, "many": formatting.MANY, "edited": EDITED,
            "typed": TYPED, "rounding": ROUNDING, "digits": DIGITS, "steady": STEADY, "tried": POINTS,
        },
    }
    arrays, controls, style, panel = (
        files(__package__).joinpath(name).read_text(encoding="utf-8")
        for name in ("arrays.js", "live.js", "live.css", "live.html")
    )
    script = f'"use strict";\n(() => {{\n{arrays}\n{emitted.text}\n{controls}}})();\n'
    return Live(escape.script(data), script, style, panel, _roomy(scene, computed), _notes(chain, still, steps))


def _trained(inputs: Sequence[Item], chain: Chain, examples: Any) -> list[Item]:
    """What a step changes at first: the parameters; of a function without any the first argument that has a gradient,
    as in :func:`~autograd_lite.grad`.
    """
    given = examples if isinstance(examples, Mapping) else ()
    graded = [i for i in inputs if i.gradient is not None and i.name not in given]
    arguments = [{chain.names.get(v) for v in leaves(x)} for x in chain.program.structure]
    groups = [[i for i in graded if i.kind == "parameter"], *([i for i in graded if i.name in a] for a in arguments)]
    return next(filter(None, groups), graded)


def _still(scene: Scene, chain: Chain, emitted: Program) -> dict[str, str]:
    """The names of what stays as it is, each with the reason that the page gives, or ""."""
    arguments = {chain.names[v] for v in chain.program.inputs if v in chain.names}
    still = {word: (why or _NUMBERS) if word in arguments else "" for word, why in emitted.still.items()}
    still |= dict.fromkeys((chain.names[v] for v in chain.program.deciding() if v in chain.names), _BRANCHES)
    remedy = "Make it an argument." if arguments else "On a page of the function, ag.trace(f, x).draw(), it can be."
    for i in scene.items:
        if i.kind in _INPUTS and i.name not in emitted.leaves | _made(emitted):
            is_data = i.kind == "input" and not chain.is_anonymous(i.name)
            why = _START if i.name in chain.constants.starts else _OUTSIDE
            is_of_steps = i.name in {f"{stem(word)}ₜ" for word in arguments}  # of a list
            still.setdefault(i.name, f"{why} {remedy}" if is_data and not is_of_steps else "")
        elif i.kind == "input" and (labels := _labels_of(chain, i.name)):
            still.setdefault(i.name, f"it was computed from {labels}, which is fixed. {remedy}")
    return still


def _labels_of(chain: Chain, word: str) -> str:
    """The labels from which an array of the script was computed, y of ``Y = np.eye(2)[y]``, where the program uses
    these, too: both would have to change.
    """
    constants = chain.constants
    made = (e for code, _ in constants.scopes if code is not None for e in sources(code, word) or ())
    used = (w for e in made for w in names_in(e) if w != word and w in constants.values)
    return next((w for w in used if np.ndim(x := constants.values[w]) and np.asarray(x).dtype.kind in "iu"), "")


def _made(emitted: Program) -> set[str]:
    """The names of what the page computes."""
    return {word for n, word in emitted.steps.names.items() if not emitted.steps.is_input(n)}


def _notes(chain: Chain, still: Mapping[str, str], steps: Sequence[Step]) -> tuple[str, ...]:
    """For the reader: what is less exact, or cannot be changed."""
    notes = []
    if coarse := sorted({str(n.dtype) for n in chain.nodes if n.dtype.kind == "f" and n.dtype.itemsize < 8}):
        notes.append(f"The page computes in double precision; the numbers were {', '.join(coarse)}.")
    code, structure = chain.code, chain.program.structure
    arguments = code.co_varnames[: code.co_argcount] if code is not None else ()
    pairs = zip(arguments, structure, strict=False) if len(arguments) == len(structure) else ()
    listed = {chain.names[v]: [word] for word, x in pairs for v in leaves(x)}  # targets1 as targets
    for why in dict.fromkeys(filter(None, still.values())):
        several = (word for word in still if still[word] == why)
        words = (w for word in several for w in listed.get(word) or chain.constants.quoted.get(word) or [word])
        notes.append(f"{', '.join(dict.fromkeys(map(escape.plain, words)))} cannot be changed here: {why}")
    fixed = ", ".join(s.remark.removeprefix(FIXED) for s in steps if s.remark.startswith(FIXED)).split(", ")
    if any(" = " in number and number.partition(" = ")[0] not in chain.constants.sizes for number in fixed):
        notes.append(f"{_FIXED} {_ARGUMENT if chain.program.inputs else _DRAWN}")
    if tests := Given(chain).branches():
        notes.append(f"The page keeps the branches that were taken, whatever the numbers: {', '.join(tests)}.")
    return tuple(notes)


_INPUTS = "parameter", "input"
_NUMBERS = (
    "the function chooses entries, positions or sizes by these numbers, and was recorded with them. Draw it again with "
    "others."
)
_BRANCHES = "the program branches on these numbers, and was recorded with them. Draw it again with others."
_FIXED = "What is fixed stands in the program, or chooses entries there."
_ARGUMENT = "As another argument of the function it can be changed."
_DRAWN = "As an argument of a function it can be changed: ag.trace(f, x).draw()."
_START = "a loop begins with it, and its variable has another value afterwards."
_OUTSIDE = (
    "something that the recording does not show was computed from these numbers, chosen by them, or shares their "
    "memory."
)


def _roomy(scene: Scene, computed: Collection[str]) -> Scene:
    def wide(x: Any, kinds: str = "f") -> Any:
        return np.resize(WIDE, np.shape(x)) if x is not None and np.asarray(x).dtype.kind in kinds else x

    items = tuple(
        replace(i, value=wide(i.value) if i.key in computed else i.value, gradient=wide(i.gradient))
        for i in scene.items
    )
    return replace(scene, items=items, lines=tuple(replace(x, value=wide(x.value, "biuf")) for x in scene.lines))


# ------------------------------------------------------------------------------------------------ what is shown


def _array(x: Any) -> Params:
    x = np.asarray(x)
    finite = (v if np.isfinite(v) else repr(v) for v in x.ravel().tolist())
    return {"shape": x.shape, "data": list(finite), "kind": x.dtype.kind}


def _leaf(i: Item, computed: Notation, trained: bool, is_example: bool) -> Params:
    low, high = _range(i, computed)
    told = {"key": i.key, "name": i.name, "written": i.written, "trained": trained, "low": low, "high": high}
    return told | {"graded": i.gradient is not None and not is_example} | _array(i.value)


def _item(i: Item, scene: Scene, absent: Container[tuple[str, str]]) -> Params:
    shown = {role: getattr(i, role) is not None and (role, i.key) not in absent for role in ("value", "gradient")}
    label = item_label(replace(i, value=i.value if ("value", i.key) in absent else None, gradient=None), scene)
    kind = np.asarray(i.value).dtype.kind if i.value is not None else "f"
    return {"key": i.key, "name": i.name, "label": label, "kind": kind} | shown


def _line(x: Line, scene: Scene) -> Params:
    wide = np.resize(WIDE, np.shape(x.value))
    return {"key": x.key, "label": line_label(replace(x, value=None), scene), "text": f"= {formatting.array(wide)[0]}"}


def _step(s: Step, scene: Scene, absent: Container[tuple[str, str]]) -> Params:
    """The number that ends a step, and the caption without it."""
    role, key = s.number or ("", "")
    if not role or (role, key) in absent:
        return {}
    shown: list[Item | Line] = [*scene.items, *scene.lines]
    value = getattr(next(x for x in shown if x.key == key), role)
    if value is None:
        return {}
    ending = f" = {formatting.array(value)[0]}"
    return {
        "of": [role, key],
        "caption": s.caption.removesuffix(ending) if s.caption.endswith(ending) else None,
        "formula": isinstance(s.line, Written) and s.line.has_value,
    }


def _range(i: Item, computed: Notation) -> tuple[float | None, float | None]:
    """The least and the largest number that may stand in an input: labels are tried out where they are used."""
    value = np.asarray(i.value)
    if value.dtype.kind == "b":
        return 0, 1
    if value.dtype.kind not in "iu" or not value.size:
        return None, None
    named = [n for n, word in computed.names.items() if word == i.name]
    program = computed.program
    still = set(computed.nodes) - program.depending(named)

    def allowed(label: int) -> bool:
        try:
            with np.errstate(all="ignore"):
                other = {n: np.full_like(value, label) for n in named}
                program.run({n: computed.values[n] for n in still} | other)
        except IndexError:
            return False
        return True

    if named and not allowed(LABELS):
        return 0, bisect(range(LABELS), False, key=lambda label: not allowed(label)) - 1
    return None, None


# ------------------------------------------------------------------------------------------------ examples


def batches(examples: Any, inputs: Sequence[Item]) -> list[Params]:
    """The examples as what each input is in turn; one of them may be one row of the arrays, or a batch of rows.

    Raises
    ------
    ValueError
        If there is not one array for each input, or their shapes do not fit.
    """
    if examples is None:
        return []
    names = [i.name for i in inputs]
    listed = ", ".join(map(escape.plain, names))
    arrays = dict(examples) if isinstance(examples, Mapping) else dict(zip(names, examples, strict=False))
    fewest = 1 if isinstance(examples, Mapping) else len(names)
    if len(arrays) != len(examples) or not arrays.keys() <= set(names) or len(arrays) < fewest:
        raise ValueError(f"draw: expected examples of the inputs {listed}, in this order, got {len(examples)} of them")
    rows = {i.name: _parts(np.asarray(arrays[i.name]), i) for i in inputs if i.name in arrays}
    counts = {len(p) for p in rows.values()}
    if len(counts) != 1:
        raise ValueError(f"draw: expected as many examples of each of {listed}, got {', '.join(map(str, counts))}")
    return [{name: p[k].ravel().tolist() for name, p in rows.items()} for k in range(counts.pop())]


def _parts(x: Any, i: Item) -> Any:
    shape = i.shape or ()
    if x.shape[1:] == shape and x.ndim:
        return x
    if shape and x.shape[1:] == shape[1:] and x.ndim == len(shape) and len(x) % shape[0] == 0:
        return x.reshape(-1, *shape)
    raise ValueError(
        f"draw: expected examples of {escape.plain(i.name)} with the shape ({', '.join(map(str, ('n', *shape)))}), got "
        f"{x.shape}"
    )
