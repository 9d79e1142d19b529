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
from dataclasses import replace
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any, Self

import numpy as np

from ..base import escape
from ..derive.mathml import Reader as Mathematics, html_of
from ..derive.writing import TEXT, shape_text
from ..table.textbook import NOTATIONS
from . import grading, notation
from .answers import FEWER, FUNCTIONS, PRODUCTS, READINGS, Reader, digamma
from .grading import Marks, Question
from .notation import Board, Unread
from .spellings import POWERS, SIGNS

LINE = r"\underline{\hspace{8em}}"  # a blank
BESIDE = 36  # characters of the longest remark beside a blank; a longer one is below it
KINDS = {"b": bool, "i": int, "u": int, "f": float}
NOTE = (
    "Write formulas or numbers between the quotes, and run both cells. The answers can be found in this file: grades "
    "come from your teacher's `check`."
)
LARGE = 10_000  # entries of the largest array in a file
LONG = 1_000_000  # bytes of the largest file with answers


class HandOut:
    """The files of a worksheet."""

    questions: Sequence[Question]
    spaces: Sequence[Mapping[str, Any]]
    readers: Sequence[Reader]
    board: Board
    constants: Sequence[tuple[float, str]]
    shown: Mapping[str, str]
    kept: Sequence[str]
    alone: Sequence[str]
    own: Sequence[tuple[str, str, str]]

    def check(self, answers: Mapping[str, Any] | Callable[..., Any] | str) -> Marks:
        raise NotImplementedError

    def markdown(self) -> str:
        raise NotImplementedError

    def check_folder(self, folder: str | Path, table: str | Path | None = None) -> dict[str, Marks | str]:
        """Mark every file of a folder, and write a table.

        Parameters
        ----------
        folder : path
            Of text (as for `check`), JSON (as the page saves it) and notebooks. Nothing in them is executed. Tables and
            hidden files are skipped.
        table : path, optional
            Of the CSV file: a row for each file, with the number of right answers and what is said of each.

        Returns
        -------
        dict of str to Marks
            By the name of the file; of one that cannot be read, a string that says why.

        Examples
        --------
        >>> import tempfile, autograd_lite as ag
        >>> x = ag.tensor(2.0, requires_grad=True, name="x")
        >>> sheet = ag.worksheet(x**2, wrt=x)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = Path(folder, "ada.txt").write_text("dL/dx = 2x")
        ...     _ = Path(folder, "ben.txt").write_text("dL/dx = x + 2")
        ...     _ = sheet.check_folder(folder, f"{folder}/marks.csv")
        ...     print(Path(folder, "marks.csv").read_text())
        file,right,of,dLdx,remark
        ada.txt,1,1,right,
        ben.txt,0,1,"it is right for the numbers given, but not for others",
        """
        results: dict[str, Marks | str] = {}
        for file in sorted(Path(folder).iterdir()):
            if file.is_file() and file.suffix != ".csv" and not file.name.startswith("."):
                try:
                    results[file.name] = self.check(_answers_in(file))
                except Exception as error:  # whatever is wrong with a file, the others are still marked
                    results[file.name] = f"cannot be read: {error}"
        if table is not None:
            words = [q.word for q in self.questions]
            rows: list[list[Any]] = [["file", "right", "of", *words, "remark"]]
            for name, marks in results.items():
                says = [""] * len(words) if isinstance(marks, str) else [mark.says or "right" for mark in marks]
                right = 0 if isinstance(marks, str) else sum(mark.right for mark in marks)
                rows.append([name, right, len(words), *says, marks if isinstance(marks, str) else ""])
            with open(table, "w", newline="", encoding="utf-8") as f:
                csv.writer(f).writerows(map(_cell, row) for row in rows)
        return results

    def save(self, path: str | Path, title: str = "Worksheet") -> Path:
        """Write the sheet to a file.

        Parameters
        ----------
        path : path
            ``.html``: a page that needs no network, in which students fill in the blanks and are told at once what is
            right, with the verdicts of `check`. ``.ipynb``: a notebook with the check as a cell. ``.md`` and ``.txt``:
            to print. In a page and a notebook the answers can be found, so grades come from `check`.
        title : str
            Of the page.

        Returns
        -------
        Path

        Examples
        --------
        >>> import tempfile, autograd_lite as ag
        >>> x = ag.tensor(2.0, requires_grad=True, name="x")
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     page = ag.worksheet(x**2, wrt=x).save(f"{folder}/homework.html", title="The chain rule")
        ...     "<title>The chain rule</title>" in page.read_text(encoding="utf-8")
        True
        """
        path = Path(path)
        page = partial(self._html, title)
        contents: dict[str, Callable[[], str]]
        contents = {".html": page, ".ipynb": self._notebook, ".md": self.markdown, ".txt": self.__str__}
        if path.suffix not in contents:
            raise ValueError(f"worksheet: expected a file name that ends in {', '.join(contents)}, got {path.name!r}")
        path.write_text(contents[path.suffix](), encoding="utf-8")
        return path

    def data(self) -> str:
        """What marking needs, as JSON; see :meth:`opened`."""
        reader = self.readers[0]
        return escape.script({
            "questions": [(q.word, q.symbol, list(map(_saved, q.steps or [q]))) for q in self.questions],
            "spaces": list(map(_arrays, self.spaces)),
            "words": self.board.words,
            "copied": self.board.copied,
            "whole": self.board.whole,
            "letter": self.board.letter,
            "signs": SIGNS,
            "spellings": [[_in_script(pattern), _by(by), name] for pattern, by, name in self.board.spellings],
            "own": self.own,
            "full": dict(self.board.full),
            "powers": POWERS,
            "limits": {"products": PRODUCTS, "readings": READINGS, "fewer": FEWER},
            "constants": self.constants,
            "patterns": {w.strip("_"): _in_script(getattr(notation, w)) for w in notation.PATTERNS.split()},
            "tables": notation.TABLES | {"OTHERS": notation.OTHERS},
            "remarks": {w: getattr(grading, w) for w in grading.REMARKS.split()},
            "kept": self.kept,
            "alone": self.alone,
            "shown": self.shown,
            "maps": {w: m for w, x in reader.names.items() if callable(x) and (m := _linear(x))},
            "functions": [*FUNCTIONS, *(w for w, x in reader.names.items() if callable(x))],
            "usual": reader.usual,
            "notations": {
                w: [x.args[0].head, [{"array": _array(o)} if isinstance(o, np.ndarray) else o for o in x.args[1]]]
                for w, x in reader.names.items() if isinstance(x, partial) and x.args[0].head in NOTATIONS
            },
        })  # fmt: skip

    @classmethod
    def opened(cls, text: str) -> Self:
        """A sheet from its data, which can only be checked. The last cell of a saved notebook calls this.

        >>> import autograd_lite as ag
        >>> x = ag.tensor(2.0, requires_grad=True, name="x")
        >>> sheet = ag.worksheet(x**2, wrt=x)
        >>> type(sheet).opened(sheet.data()).check({"dL/dx": "2x"})
        dLdx       right
        1 of 1 right
        """
        content = json.loads(text)
        spaces = [{w: _opened(x) for w, x in space.items() if x} for space in content["spaces"]]
        for space in spaces:
            others = [w for w in content["functions"] if w not in FUNCTIONS]
            space |= {w: digamma if w == "ψ" else partial(_missing, w) for w in others}
            space |= {w: partial(_noted, *noted) for w, noted in content["notations"].items()}
            space |= {w: partial(_mapped, *m) for w, m in content["maps"].items()}
        questions = []
        for name, symbol, steps in content["questions"]:
            several = [
                Question(
                    word, "", "", spaces[0][word], symbol, [{w: _opened(x) for w, x in at.items()} for at in slips],
                    shape=shape and tuple(shape), letters=letters, is_symmetric=is_symmetric, over=numbers,
                    labels=labels, is_of_columns=is_of_columns, diagonal=diagonal, is_of_line=len(steps) > 1,
                    uses=uses,
                ) for word, slips, shape, letters, is_symmetric, numbers, labels, is_of_columns, diagonal, uses in steps
            ]  # fmt: skip
            questions.append(replace(several[0], word=name, steps=several if several[1:] else ()))
        words = "words whole letter constants shown kept own full alone"
        how = {word: content[word] for word in words.split()}
        return cls(questions, "", "", "", spaces, **how)  # type: ignore[call-arg]  # of a subclass

    def _html(self, title: str) -> str:
        """The page: one file, which needs no network."""
        page, style, marking, script = (
            files(__package__).joinpath(name).read_text(encoding="utf-8")
            for name in ("sheet.html", "sheet.css", "marking.js", "sheet.js")
        )
        script = f"{marking}\n{script}"
        before, _, below = self.markdown().partition("**Fill in**")
        lines = below.partition("{aligned}\n")[2].partition("\n\\end")[0]
        rows = re.split(r" \\\\\n(?!&)", lines) if below else []
        source = "<br>".join(map(escape.xml, str(self).splitlines()))
        contents = {
            "TITLE": escape.xml(title),
            "STYLE": style,
            "STATEMENT": re.sub(r"(?<=<)(/?)h4>", r"\1h2>", html_of(before)) if rows else f"<pre>{source}</pre>",
            "QUESTIONS": "".join(self._rows(rows)),
            "DATA": self.data(),
            "SCRIPT": script,
            "CHECKSUM": f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'",
        }
        return re.sub(r"@([A-Z]+)@", lambda m: contents[m[1]], page)

    def _rows(self, rows: Sequence[str]) -> Iterator[str]:
        """The lines of the derivation, with a field in the place of each blank; of a source the blanks alone."""
        left = list(self.questions)
        for row in rows or [rf"\text{{{escape.tex(q.symbol or q.word)}}} &= {LINE}" for q in left]:
            first, *more = row.split(" \\\\\n")
            symbol, _, sides = first.partition(" &= ")
            formula, *remarks = map(str.strip, sides.split("&&"))
            shapes = r"^&\s*(\\quad )?|&&(?! \\text\{since).*?(?=&&|$)|&&"
            below = [_math(re.sub(shapes, "", part)) for part in more]
            said = [_math(remark) for remark in remarks[-1:] if "since" in remark]
            if formula != LINE:
                said, shown = [f"<small>{remark}</small>" for remark in said], [_math(f"{symbol} = {formula}"), *below]
                yield f"<li>{' '.join(['<br>'.join(shown), *said])}</li>\n"
                continue
            q, reasons = left.pop(0), "<br>".join([*said, *below])
            kind = "long" if below or len(re.sub("<[^>]*>", "", reasons)) > BESIDE else "short"
            sizes, word = {np.shape(at.value) for at in q.steps or [q]}, escape.xml(q.word)
            shape = "" if len(sizes) > 1 else shape_text(sizes.pop(), "×") if any(sizes) else "number"
            yield (
                f'<li class="question"><label for="{word}">{_math(symbol + " =")}</label>'
                f'<input id="{word}" aria-label="{escape.xml(TEXT.name(q.symbol or q.word))}, {shape}" '
                f'aria-describedby="{word}-says" autocomplete="off" autocapitalize="off" spellcheck="false">'
                f'<span class="shape">{shape}</span><small class="{kind}">{reasons}</small>'
                f'<output id="{word}-says" for="{word}"></output></li>\n'
            )

    def _notebook(self) -> str:
        """A notebook: the sheet, a cell for the answers, and one that checks them."""
        blanks = ", ".join(f'\n    "{q.symbol or q.word}": ""' for q in self.questions)
        code: dict[str, Any] = {"cell_type": "code", "execution_count": None, "outputs": []}
        text = {"cell_type": "markdown"}
        check = f"from autograd_lite.teach import Worksheet\n\nWorksheet.opened({self.data()!r}).check(answers)"
        cells = [(text, f"{self.markdown()}\n{NOTE}"), (code, f"answers = {{{blanks},\n}}"), (code, check)]
        content = {
            "nbformat": 4, "nbformat_minor": 5, "metadata": {"language_info": {"name": "python"}},
            "cells": [
                {**kind, "id": f"cell-{k}", "metadata": {}, "source": source} for k, (kind, source) in enumerate(cells)
            ],
        }  # fmt: skip
        return json.dumps(content, indent=1)


def _in_script(pattern: str) -> str:
    """A pattern as JavaScript has it."""
    pattern = re.sub(r"\[\^\\W([^\]]*)\]", lambda m: (f"(?![{m[1]}])" if m[1] else "") + r"[\w]", pattern)  # [^\W\d]
    pattern = re.sub(r"(\[\^?(?:\\.|[^\]\\])*\])|\\w", lambda m: m[1] or r"[\w]", pattern)
    return pattern.replace(r"\w", r"\p{L}\p{N}_").replace(r"\d", r"\p{Nd}")


def _by(replacement: str) -> str:
    return re.sub(r"\\(?:g<)?(\d)>?", r"$\1", replacement).replace("\\\\", "\\")


def _saved(q: Question) -> tuple[Any, ...]:
    """What marking needs of a question."""
    return (q.word, list(map(_arrays, q.slips)), q.shape, q.letters, q.is_symmetric, [*q.numbers], [*q.labels],
            q.is_of_columns, q.diagonal, [*q.uses])


def _arrays(values: Mapping[str, Any]) -> dict[str, Any]:
    return {w: _array(np.asarray(x)) for w, x in values.items() if not callable(x)}


def _array(x: Any) -> list[Any] | None:
    """The kind, shape and entries of an array; None for one that is too large for a file, or has no numbers."""
    entries = x.ravel().tolist()
    is_saved = x.size <= LARGE and x.dtype.kind in KINDS
    return [x.dtype.kind, x.shape, [v if np.isfinite(v) else str(v) for v in entries]] if is_saved else None


def _opened(x: Sequence[Any]) -> Any:
    kind, shape, entries = x
    return np.array(entries, float).reshape(shape).astype(KINDS[kind])


def _linear(fn: Any) -> tuple[Any, ...] | None:
    """A function of the sheet, if it is a linear one of one array: the shapes, and its entries that are not 0."""
    e = fn.args[0] if isinstance(fn, partial) and len(fn.args) == 2 else None
    if e is None or len(e.args) - len(fn.args[1]) != 1 or not 0 < np.prod(e.args[0].shape) * np.prod(e.shape) <= LARGE:
        return None
    shape, size = e.args[0].shape, int(np.prod(e.args[0].shape))
    x = np.cos(np.arange(1.0, size + 1))
    try:
        with np.errstate(all="ignore"):  # log det of a unit
            rows = np.array([np.ravel(fn(unit.reshape(shape))) for unit in np.eye(size)])
            is_linear = np.allclose(np.ravel(fn(x.reshape(shape))), x @ rows)
    except (TypeError, ValueError):
        return None
    entries = [(int(i), int(j), rows[i, j]) for i, j in np.argwhere(rows)]
    return (shape, np.shape(fn(x.reshape(shape))), entries) if is_linear and np.isfinite(rows).all() else None


def _mapped(shape: Sequence[int], to: Sequence[int], entries: Sequence[tuple[int, int, float]], x: Any) -> Any:
    if np.shape(x) != tuple(shape):
        raise Unread(f"expected shape {shape_text(shape)}, got {shape_text(np.shape(x))}")
    y = np.zeros(int(np.prod(to)))
    for i, j, v in entries:
        y[j] += v * np.ravel(x)[i]
    return y.reshape(to)


def _missing(word: str, *operands: Any) -> Any:
    raise Unread(f"{word} is not known on this page")


def _noted(head: str, options: Sequence[Any], *operands: Any) -> Any:
    fn = NOTATIONS[head].fn
    assert fn is not None
    return fn(*operands, *(_opened(o["array"]) if isinstance(o, dict) else o for o in options))


def _math(tex: str) -> str:
    return f'<math displaystyle="true">{Mathematics(tex).all()}</math>'


def _answers_in(path: Path) -> Mapping[str, Any] | str:
    """The answers in a file: JSON as the page saves them, a notebook, or text. Nothing in it is executed."""
    if path.stat().st_size > LONG:
        raise ValueError(f"it has more than {LONG:,} bytes")
    text = path.read_text(encoding="utf-8-sig")
    if path.suffix == ".ipynb":
        cells = ["".join(c["source"]) for c in json.loads(text)["cells"] if c["cell_type"] == "code"]
        answers = next((c for c in cells if c.lstrip().startswith("answers =")), None)
        return "\n".join(cells) if answers is None else _strings(ast.literal_eval(answers.partition("=")[2].strip()))
    return _strings(json.loads(text)) if path.suffix == ".json" else text


def _strings(answers: Mapping[Any, Any]) -> dict[str, str]:
    return {str(w): str(x) for w, x in answers.items()}


def _cell(x: Any) -> Any:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{x}" if isinstance(x, str) and x.startswith(("=", "+", "-", "@", "\t", "\r")) else x
