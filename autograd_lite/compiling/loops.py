"""A loop over pieces as lines of source, for one thread or several."""

from __future__ import annotations

from typing import Any

from ..program import Equation, Var
from .passes.memory import writes
from .text import shared


class Loop:
    """Writes an equation of :data:`.passes.tiling.TILES`."""

    def __init__(self, writer: Any, eq: Equation) -> None:
        self.writer, self.word, self.params = writer, writer.word, eq.params
        self.inner = writer.memory.loops[eq.y]
        self.rows: dict[Var, Var] = dict(eq.params["rows"])  # what the loop runs over, and the piece of each
        self.target: dict[Var, Var] = {}  # for the piece of a result: where it belongs
        self.once: list[str] = []  # lines before the function
        self.buffers: list[str] = []  # of pieces: before the function, or in each thread
        self.before: list[str] = []
        self.body: list[str] = []
        self.copies: list[str] = []  # at the end of the body: results that cannot be computed in their places
        self.after: list[str] = []
        self.sums: list[str] = []  # lists of the sums of pieces

    def lines(self) -> tuple[list[str], list[str]]:
        """Lines that run once, and lines of the function."""
        for v, p in self.params["made"].items():
            self._result(v, p)
        for step in self.inner.equations:
            self._step(step)
        if self.params["threads"] > 1:
            return self._in_threads()
        return self.once + self.buffers, [*self.before, *self._loop(self._pieces()), *self.after]

    def _result(self, v: Var, p: Var) -> None:
        """Where a result goes."""
        into = self.writer.memory.into.get(v)
        if into is not None:
            self.writer.inline[v] = self.word(into)
        elif v in self.writer.memory.place:
            self.once.append(f"{self.word(v)} = {self.writer.buffer(v)}")
        elif v.shape:
            self.before.append(f"{self.word(v)} = np.empty({v.shape}, np.{v.dtype.name})")
        if v.shape:
            self.target[p] = self.rows.setdefault(v if into is None else into, Var(v.name, p.shape, p.dtype))

    def _step(self, step: Equation) -> None:
        """An operation on pieces, or the sum of a piece."""
        p, target = step.y, self.target
        at = self.inner.into.get(p)  # what it overwrites
        direct = p in target and (at is not None or target[p] not in self.params["rows"].values())
        if p in self.inner.place:
            self.buffers.append(f"{self.word(p)} = {self.writer.buffer(p, self.inner)}")
        word = self.word(target[p] if direct else at if at is not None else p)
        if direct or at is not None:
            self.writer.inline[p] = word
        if p in target and not direct:  # the old value is still needed
            self.copies.append(f"{self.word(target[p])}[...] = {word}")
        if p.shape and (p in self.inner.place or direct or at is not None) and writes(step.row):
            self.body += self.writer.call(step, word).split("; ")
        elif p.shape:
            call = self.writer.call(step)
            self.body.append(f"np.copyto({word}, {call})" if direct else f"{word} = {call}")
        else:
            self.sums.append(self.writer.fresh("parts"))
            self.body.append(f"{self.sums[-1]}.append({self.writer.call(step)})")
            v = next(v for v, piece in self.params["made"].items() if piece is p)
            self.after.append(f"{self.word(v)} = np.add.reduce({self.sums[-1]})")

    def _pieces(self) -> str:
        pieces = ", ".join(f"{self.word(x)}.reshape({self.params['count']}, -1)" for x in self.rows)
        return f"zip({pieces})" if len(self.rows) > 1 else pieces

    def _loop(self, pieces: str) -> list[str]:
        head = f"for {', '.join(map(self.word, self.rows.values()))} in {pieces}:"
        body = self.body + self.copies
        return [*(f"{sums} = []" for sums in self.sums), head, *(f"    {line}" for line in body)]

    def _in_threads(self) -> tuple[list[str], list[str]]:
        pieces, work, threads = self._pieces(), self.writer.fresh("work"), self.params["threads"]
        results = "".join(f"{sums}, " for sums in self.sums)
        lines = [f"def {work}(memory, pieces):"]
        lines += [f"    {line}" for line in (*shared(self.buffers), *self._loop("pieces"))]
        lines.append(f"    return {results or '()'}".rstrip())
        call = f"in_threads({work}, memory, {self.inner.size}, {threads}, {pieces})"
        return self.once, [*self.before, *lines, f"{results}{'= ' * bool(self.sums)}{call}", *self.after]
