"""A worksheet as a file, and the marks of a folder of answers.

In a page or a notebook, students are told at once what is right, and what a mistake looks like. Both hold the values of
everything on the sheet for each choice of its numbers, so that the answers can be found in them: grades come from
`check`.
"""

from __future__ import annotations

import ast
import base64
import csv
import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..base import escape
from ..derive.mathml import Reader as Mathematics
from ..derive.mathml import html_of
from ..derive.writing import shape_text, text_name
from .answers import FUNCTIONS
from .grading import Marks, Question

if TYPE_CHECKING:
    from .worksheet import Worksheet

LINE = r"\underline{\hspace{8em}}"  # a blank
KINDS = {"b": bool, "i": int, "f": float}
NOTE = (
    "Write formulas or numbers between the quotes, and run both cells. The answers can be found in this file: grades "
    "come from your teacher's `check`."
)
LARGE = 10_000  # entries of the largest array in a file
LONG = 1_000_000  # bytes of the largest file with answers


def data(sheet: Worksheet) -> dict[str, Any]:
    """What marking needs, as JSON has it."""
    reader = sheet.readers[0]
    questions = [(q.word, q.symbol, [_arrays(slips) for slips in q.slips]) for q in sheet.questions]
    return {
        "questions": [dict(zip(("word", "symbol", "slips"), q, strict=True)) for q in questions],
        "spaces": [_arrays(space) for space in sheet.spaces],
        "words": sheet.board.words,
        "copied": sheet.board.copied,
        "functions": [*FUNCTIONS, *(w for w, x in reader.names.items() if callable(x))],
        "usual": reader.usual,
    }


def _arrays(values: Mapping[str, Any]) -> dict[str, Any]:
    return {w: _array(np.asarray(x)) for w, x in values.items() if not callable(x)}


def _array(x: Any) -> dict[str, Any] | None:
    names = {"inf": "Infinity", "-inf": "-Infinity", "nan": "NaN"}
    if x.size > LARGE or x.dtype.kind not in "biuf":
        return None
    kind = "i" if x.dtype.kind == "u" else x.dtype.kind
    entries = [v if np.isfinite(v) else names[repr(v)] for v in x.ravel().tolist()]
    return {"shape": x.shape, "data": entries, "kind": kind}


def opened(content: Mapping[str, Any]) -> tuple[Any, ...]:
    """The parts of a sheet from what was saved of it."""
    spaces = [{w: _opened(x) for w, x in space.items() if x} for space in content["spaces"]]
    for space in spaces:
        space.update((w, _missing(w)) for w in content["functions"] if w not in FUNCTIONS)
    questions = [
        Question(
            q["word"], "", "", spaces[0][q["word"]], q["symbol"],
            [{says: _opened(x) for says, x in slips.items() if x} for slips in q["slips"]],
        ) for q in content["questions"]
    ]  # fmt: skip
    return questions, "", "", "", spaces, content["words"]


def _opened(x: Mapping[str, Any]) -> Any:
    return np.array([float(v) for v in x["data"]]).reshape(x["shape"]).astype(KINDS[x["kind"]])


def _missing(word: str) -> Callable[..., Any]:
    def call(*operands: Any) -> Any:
        raise ValueError(f"{word} is not marked here")

    return call


def html(sheet: Worksheet, title: str) -> str:
    """The page: one file, which needs no network."""
    page, style, marking, script = (
        files(__package__).joinpath(name).read_text(encoding="utf-8")
        for name in ("sheet.html", "sheet.css", "marking.js", "sheet.js")
    )
    script = f"{marking}\n{script}"
    before, _, below = sheet.markdown().partition("**Fill in**")
    rows = below.partition("{aligned}\n")[2].partition("\n\\end")[0].split(" \\\\\n") if below else []
    contents = {
        "TITLE": escape.xml(title),
        "STYLE": style,
        "STATEMENT": html_of(before) if rows else f"<pre>{'<br>'.join(map(escape.xml, str(sheet).splitlines()))}</pre>",
        "QUESTIONS": "".join(_rows(sheet, rows)),
        "DATA": escape.script(data(sheet)),
        "SCRIPT": script,
        "CHECKSUM": f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'",
    }
    return re.sub(r"@([A-Z]+)@", lambda m: contents[m[1]], page)


def _rows(sheet: Worksheet, rows: Sequence[str]) -> Iterator[str]:
    """The lines of the derivation, with a field in the place of each blank; of a source the blanks alone."""
    left = list(sheet.questions)
    for row in rows or [rf"\text{{{escape.tex(q.symbol or q.word)}}} &= {LINE}" for q in left]:
        symbol, _, sides = row.partition(" &= ")
        formula, *remarks = map(str.strip, sides.split("&&"))
        remark = f"<small>{_math(remarks[-1])}</small>" if remarks and "since" in remarks[-1] else ""
        if formula != LINE:
            yield f"<li>{_math(f'{symbol} = {formula}')} {remark}</li>\n"
            continue
        q = left.pop(0)
        word, shape = escape.xml(q.word), shape_text(np.shape(q.value), "×")
        yield (
            f'<li class="question"><label for="{word}">{_math(symbol + " =")}</label>'
            f'<input id="{word}" aria-label="{escape.xml(text_name(q.symbol or q.word))}, {shape}" '
            f'aria-describedby="{word}-says" autocomplete="off" autocapitalize="off" spellcheck="false">'
            f'<span class="shape">{shape}</span>{remark}<output id="{word}-says" for="{word}"></output></li>\n'
        )


def _math(tex: str) -> str:
    return f'<math displaystyle="true">{Mathematics(tex).all()}</math>'


def notebook(sheet: Worksheet) -> str:
    """A notebook: the sheet, a cell for the answers, and one that checks them."""
    blanks = ", ".join(f'\n    "{q.symbol or q.word}": ""' for q in sheet.questions)
    cells = [
        ("markdown", sheet.markdown()),
        ("markdown", NOTE),
        ("code", f"answers = {{{blanks},\n}}"),
        ("code", f"from autograd_lite.teach import opened\n\nopened({json.dumps(data(sheet))!r}).check(answers)"),
    ]
    code: dict[str, Any] = {"execution_count": None, "outputs": []}
    content = {
        "nbformat": 4, "nbformat_minor": 5, "metadata": {"language_info": {"name": "python"}},
        "cells": [
            {"cell_type": kind, "id": f"cell-{k}", "metadata": {}, "source": text, **(code if kind == "code" else {})}
            for k, (kind, text) in enumerate(cells)
        ],
    }  # fmt: skip
    return json.dumps(content, indent=1)


def answers_in(path: Path) -> Mapping[str, Any] | str:
    """The answers in a file: JSON as the page saves them, a notebook, or text. Nothing in it is executed."""
    if path.stat().st_size > LONG:
        raise ValueError(f"it has more than {LONG:,} bytes")
    text = path.read_text(encoding="utf-8-sig")
    if path.suffix not in (".json", ".ipynb"):
        return text
    content = json.loads(text)
    if path.suffix == ".json":
        return {str(w): str(x) for w, x in content.items()}
    cells = ["".join(c["source"]) for c in content["cells"] if c["cell_type"] == "code"]
    for cell in cells:
        if cell.lstrip().startswith("answers ="):
            return {str(w): str(x) for w, x in ast.literal_eval(cell.partition("=")[2].strip()).items()}
    return "\n".join(cells)


def folder(sheet: Worksheet, path: Path, table: Path | None) -> dict[str, Marks | str]:
    """The marks of each file in a folder, or why there are none; see `Worksheet.check_folder`."""
    results: dict[str, Marks | str] = {}
    for file in sorted(path.iterdir()):
        if file.is_file() and file != table and not file.name.startswith("."):
            try:
                results[file.name] = sheet.check(answers_in(file))
            except Exception as error:  # whatever is wrong with a file, the others are still marked
                results[file.name] = f"cannot be read: {error}"
    if table is not None:
        words = [q.word for q in sheet.questions]
        with table.open("w", newline="", encoding="utf-8") as f:
            out = csv.writer(f)
            out.writerow(["file", "right", "of", *words, "remark"])
            for name, marks in results.items():
                if isinstance(marks, str):
                    out.writerow(map(_cell, [name, 0, len(words), *[""] * len(words), marks]))
                else:
                    says = [mark.says or "right" for mark in marks]
                    out.writerow(map(_cell, [name, len(marks) - len(marks.wrong), len(words), *says, ""]))
    return results


def _cell(x: Any) -> Any:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{x}" if isinstance(x, str) and x.startswith(("=", "+", "-", "@", "\t", "\r")) else x
